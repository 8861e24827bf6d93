//! The timeline of a project, and "back up now".

use app::error::ApiError;
use app::projects::sentences::Happened;
use app::projects::types::{Limit, Timeline, TimelineEvent};
use app::sentence::Said;
use app::units::Moment;
use sqlx::PgConnection;
use time::{Duration, OffsetDateTime};

use super::{Place, gaps, listing, queries};
use crate::access::{Caller, Operation, Origin};
use crate::error::Error;
use crate::plans::{self, Scopes};
use crate::state::AppState;

/// A longer history is first shown by its last month.
const FITTED_MAX: Duration = Duration::days(31);
/// A shorter one is shown as if it were this long.
const FITTED_MIN: Duration = Duration::seconds(10);
/// Snapshots drawn in one window.
const DRAWN_MAX: i64 = 400;

/// Width of a window by its name; none = as wide as the history.
fn span(zoom: Option<&str>) -> Option<Duration> {
    match zoom {
        Some("hour") => Some(Duration::hours(1)),
        Some("day") => Some(Duration::days(1)),
        Some("month") => Some(Duration::days(31)),
        Some("quarter") => Some(Duration::days(92)),
        Some("year") => Some(Duration::days(366)),
        _ => None,
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
    let place = Place::find(&mut conn, caller, Operation::ReadProject, harbor, project).await?;
    let plans = plans::queries::of_harbor(&mut conn, place.harbor_id()).await?;
    let scopes = Scopes::of_rows(&plans)?;
    let row = listing::of(&mut conn, &scopes, &[(place.harbor_id(), project.to_owned())]).await?.into_iter().next();
    let (_, row) = row.ok_or_else(|| ApiError::not_found(app::refusals::Thing::Project))?;
    let next_run = next_run(&plans, &place)?;
    let may = place.may(caller);
    let Some(project_id) = place.project_id() else {
        let (from, to) = shown_window(zoom, at, None, OffsetDateTime::now_utc());
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
            may,
            holds: Vec::new(),
            left: Vec::new(),
            limits: Vec::new(),
            listed: None,
            next_run,
        });
    };
    let around = queries::around(&mut conn, project_id, at.map(|m| m.0)).await?;
    let (from, to) = shown_window(zoom, at, around.known.0.zip(around.known.1), around.now);
    let gaps = match &around.at {
        Some(snapshot) if snapshot.gaps > 0 => gaps::of_snapshot(&mut conn, snapshot.id).await?,
        _ => Vec::new(),
    };
    let (snapshots, whole) = queries::window(&mut conn, project_id, from, to, DRAWN_MAX).await?;
    // Before the first snapshot there is that one to go to.
    let after = if around.at.is_some() { around.after } else { around.known.0 };
    let limit = |l: vault::tree::Limit| {
        // Those of before are a sentence alone.
        let told = l.values.and_then(|values| serde_json::to_value(values).and_then(serde_json::from_value).ok());
        Limit { kind: l.kind, subject: l.subject, text: told.map_or(Said::Then(l.text), Said::Now) }
    };
    Ok(Timeline {
        snapshots,
        events: happened(&mut conn, &place, from, to).await?,
        project: row,
        at: around.at,
        before: around.before.map(Moment),
        after: after.map(Moment),
        from: Moment(from),
        to: Moment(to),
        thinned: !whole,
        gaps,
        may,
        holds: around.held,
        left: plans::left::of_project(&mut conn, project_id).await?,
        limits: around.limits.map(|limits| limits.0.into_iter().map(limit).collect()).unwrap_or_default(),
        listed: around.listed.map(Moment),
        next_run,
    })
}

/// From when to when: a width that was asked for, else the whole history where it is not too long.
fn shown_window(
    zoom: Option<&str>,
    at: Option<Moment>,
    known: Option<(OffsetDateTime, OffsetDateTime)>,
    now: OffsetDateTime,
) -> (OffsetDateTime, OffsetDateTime) {
    match (span(zoom), known) {
        (None, Some((first, last))) if zoom == Some("all") || now - first <= FITTED_MAX => fitted(first, last, now),
        (width, _) => window(at.map(|m| m.0), now, width.unwrap_or(FITTED_MAX)),
    }
}

/// The window that shows a whole history with some room at its sides. It goes on to now, unless that would press a short history
/// into a corner of it.
fn fitted(first: OffsetDateTime, last: OffsetDateTime, now: OffsetDateTime) -> (OffsetDateTime, OffsetDateTime) {
    let held = (last - first).max(FITTED_MIN);
    let end = if now - last <= held { now.max(last) } else { last };
    let room = (end - first).max(FITTED_MIN) / 20;
    (first - room, end + room)
}

/// A window of the given width that ends now, or has the moment in its middle if that is further back.
fn window(at: Option<OffsetDateTime>, now: OffsetDateTime, width: Duration) -> (OffsetDateTime, OffsetDateTime) {
    let end = match at {
        Some(at) if now - at > width => now.min(at + width / 2),
        _ => now,
    };
    (end - width, end)
}

async fn happened(conn: &mut PgConnection, place: &Place, from: OffsetDateTime, to: OffsetDateTime) -> Result<Vec<TimelineEvent>, Error> {
    let rows = queries::happened(conn, place.harbor_id(), place.project().as_str(), from, to).await?;
    let event = |(at, what, id, said): queries::Happened| {
        let (kind, text, link) = match (what.as_str(), said.as_str()) {
            ("run", plan) => ("run_failed", Happened::RunFailed { plan: plan.to_owned() }, format!("/jobs/{id}")),
            (_, "done") => ("restore", Happened::Restored { request: id }, format!("/restores/{id}")),
            (_, "issues") => ("restore", Happened::RestoredInPart { request: id }, format!("/restores/{id}")),
            _ => ("restore", Happened::RestoreFailed { request: id }, format!("/restores/{id}")),
        };
        TimelineEvent { at: Moment(at), kind: kind.to_owned(), text: text.into(), link: Some(link) }
    };
    Ok(rows.into_iter().map(event).collect())
}

fn next_run(plans: &[plans::queries::Row], place: &Place) -> Result<Option<Moment>, Error> {
    let mut next = None;
    for plan in plans {
        if plan.paused_at.is_none() && plans::Scope::new(&plan.include, &plan.exclude)?.matches(place.project().as_str()) {
            next = [next, plan.next_at].into_iter().flatten().min();
        }
    }
    Ok(next.map(Moment))
}

/// Queues a backup of a project.
pub async fn back_up(state: &AppState, caller: &Caller, origin: &Origin, harbor: &str, project: &str) -> Result<i64, Error> {
    let place = {
        let mut conn = state.pool.acquire().await?;
        Place::find(&mut conn, caller, Operation::BackUpProject, harbor, project).await?
    };
    plans::queue_project(state, caller, origin, (place.harbor_id(), place.harbor()), place.project().as_str()).await
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    #[test]
    fn a_short_history_fills_its_window_whenever_it_is_looked_at() {
        let (first, last) = (datetime!(2026-11-24 09:00 UTC), datetime!(2026-11-24 09:01 UTC));
        assert_eq!(fitted(first, last, datetime!(2026-11-25 09:00 UTC)), (first - Duration::seconds(3), last + Duration::seconds(3)));
        let now = datetime!(2026-11-24 09:01:30 UTC);
        assert!(fitted(first, last, now).1 > now, "what is young goes on to now");
        let (from, to) = fitted(first, first, datetime!(2026-11-25 09:00 UTC));
        assert!(from < first && first < to, "one snapshot alone has a window too");
    }
}
