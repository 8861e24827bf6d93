//! The timeline of a project, holds, and "back up now".

use app::error::ApiError;
use app::projects::types::{Gap, Timeline, TimelineEvent};
use app::units::Moment;
use sqlx::PgConnection;
use time::{Duration, OffsetDateTime};

use super::{Place, listing, place, queries};
use crate::access::{Caller, Operation, Origin};
use crate::audit::{self, Actor, Event};
use crate::error::Error;
use crate::events::{self, Topic};
use crate::plans;
use crate::state::AppState;

/// Snapshots drawn in one window.
const DRAWN_MAX: i64 = 400;

fn span(zoom: Option<&str>) -> Duration {
    match zoom {
        Some("hour") => Duration::hours(1),
        Some("day") => Duration::days(1),
        Some("quarter") => Duration::days(92),
        Some("year") => Duration::days(366),
        _ => Duration::days(31),
    }
}

/// The timeline around a moment.
pub async fn timeline(
    state: &AppState,
    caller: &Caller,
    harbor: &str,
    project: &str,
    at: Option<Moment>,
    zoom: Option<&str>,
) -> Result<Timeline, Error> {
    let mut conn = state.pool.acquire().await?;
    let place = place(&mut conn, caller, Operation::ReadProject, harbor, project).await?;
    let row = listing::all(&mut conn, Some(harbor), None, Some(project))
        .await?
        .into_iter()
        .next()
        .map(|(_, p)| p)
        .ok_or_else(|| ApiError::not_found("project"))?;
    let next_run = next_run(&mut conn, &place).await?;
    let now: OffsetDateTime = sqlx::query_scalar("select now()").fetch_one(&mut *conn).await?;
    let (from, to) = window(at.map(|m| m.0), now, span(zoom));
    let Some(project_id) = place.project_id else {
        return Ok(Timeline {
            project: row,
            at: None,
            before: None,
            after: None,
            from: Moment(from),
            to: Moment(to),
            snapshots: Vec::new(),
            thinned: false,
            events: Vec::new(),
            gaps: Vec::new(),
            next_run,
        });
    };
    let snapshot = queries::snapshot_at(&mut conn, project_id, at.map(|m| m.0)).await?;
    let (before, after) = match &snapshot {
        Some(s) => queries::neighbours(&mut conn, project_id, s.moment.0).await?,
        None => queries::known(&mut conn, project_id).await.map(|(first, _)| (None, first))?,
    };
    let gaps = match &snapshot {
        Some(s) => read_gaps(&mut conn, s.id).await?,
        None => Vec::new(),
    };
    let thinned = queries::count_window(&mut conn, project_id, from, to).await? > DRAWN_MAX;
    Ok(Timeline {
        snapshots: queries::window(&mut conn, project_id, from, to, if thinned { DRAWN_MAX } else { i64::from(i32::MAX) }).await?,
        events: happened(&mut conn, &place, from, to).await?,
        project: row,
        at: snapshot,
        before: before.map(Moment),
        after: after.map(Moment),
        from: Moment(from),
        to: Moment(to),
        thinned,
        gaps,
        next_run,
    })
}

/// A window of the given width that ends now, or has the moment in its middle if that is further back.
fn window(at: Option<OffsetDateTime>, now: OffsetDateTime, width: Duration) -> (OffsetDateTime, OffsetDateTime) {
    let end = match at {
        Some(at) if now - at > width => now.min(at + width / 2),
        _ => now,
    };
    (end - width, end)
}

async fn read_gaps(conn: &mut PgConnection, snapshot_id: i64) -> Result<Vec<Gap>, Error> {
    let stored: Vec<vault::tree::Gap> =
        serde_json::from_value(queries::gaps(conn, snapshot_id).await?).map_err(|e| Error::defect(e.to_string()))?;
    Ok(stored.into_iter().map(|g| Gap { kind: g.kind.to_string(), subject: g.subject, cause: g.cause, remedy: g.remedy }).collect())
}

async fn happened(conn: &mut PgConnection, place: &Place, from: OffsetDateTime, to: OffsetDateTime) -> Result<Vec<TimelineEvent>, Error> {
    let mut events = Vec::new();
    for (at, id, state) in queries::restores(conn, place.harbor_id, &place.project, from, to).await? {
        let text = match state.as_str() {
            "done" => format!("#{id} restored"),
            "issues" => format!("#{id} restored with issues"),
            _ => format!("#{id} failed"),
        };
        events.push(TimelineEvent { at: Moment(at), kind: "restore".to_owned(), text, link: Some(format!("/restores/{id}")) });
    }
    for (at, job, plan) in queries::failed_runs(conn, place.harbor_id, &place.project, from, to).await? {
        events.push(TimelineEvent {
            at: Moment(at),
            kind: "run_failed".to_owned(),
            text: format!("{plan} failed"),
            link: Some(format!("/jobs/{job}")),
        });
    }
    events.sort_by_key(|e| e.at);
    Ok(events)
}

async fn next_run(conn: &mut PgConnection, place: &Place) -> Result<Option<Moment>, Error> {
    let mut next = None;
    for plan in plans::queries::of_harbor(conn, place.harbor_id).await? {
        if plan.paused_at.is_none() && plans::Scope::new(&plan.include, &plan.exclude)?.matches(&place.project) {
            next = [next, plan.next_at].into_iter().flatten().min();
        }
    }
    Ok(next.map(Moment))
}

/// Keeps a snapshot from retention.
pub async fn hold(state: &AppState, caller: &Caller, origin: &Origin, snapshot_id: i64, reason: &str) -> Result<(), Error> {
    let reason = reason.trim();
    if !(3..=500).contains(&reason.chars().count()) {
        return Err(ApiError::field("reason", "say why, in 3 to 500 characters").into());
    }
    let mut tx = state.pool.begin().await?;
    let found: Option<(i64, String, String, OffsetDateTime)> = sqlx::query_as(
        "select h.harbor_id, h.name, p.name, s.moment from snapshot s join project p using (project_id) join harbor h using (harbor_id) where s.snapshot_id = $1
            for share of s",
    )
    .bind(snapshot_id)
    .fetch_optional(&mut *tx)
    .await?;
    let (harbor_id, harbor, project, moment) = found.ok_or_else(|| ApiError::not_found("snapshot"))?;
    caller.require(Operation::Hold, Some((harbor_id, &project)))?;
    sqlx::query("insert into hold (snapshot_id, reason, made_by) values ($1, $2, $3)")
        .bind(snapshot_id)
        .bind(reason)
        .bind(&caller.login)
        .execute(&mut *tx)
        .await?;
    events::notify(&mut tx, Topic::Snapshots).await?;
    let sentence = format!("holds the snapshot of {harbor}/{project} at {}", Moment(moment).long());
    let event =
        Event::new("snapshot.hold.set", "snapshot", snapshot_id.to_string(), sentence).project(&harbor, &project).with("reason", reason);
    audit::record(&mut tx, &Actor::caller(caller, origin), event).await?;
    tx.commit().await?;
    Ok(())
}

/// Queues a backup of a project.
pub async fn back_up(state: &AppState, caller: &Caller, origin: &Origin, harbor: &str, project: &str) -> Result<i64, Error> {
    let place = {
        let mut conn = state.pool.acquire().await?;
        place(&mut conn, caller, Operation::BackUpProject, harbor, project).await?
    };
    plans::queue_project(state, caller, origin, (place.harbor_id, harbor), project).await
}
