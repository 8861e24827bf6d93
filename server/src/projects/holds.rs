//! Holds: somebody's word that a snapshot stays whatever the rules say, until a day or without an end.
//!
//! A hold ends by itself, or is released with a reason by who set it, by an owner of the project or by an operator.

use app::audit::events::ProjectEvent;
use app::error::ApiError;
use app::projects::types::{HeldMoment, Hold, HoldForm};
use app::units::Moment;
use sqlx::PgConnection;
use sqlx::types::Json;
use time::{Duration, OffsetDateTime};

use super::{Place, ends};
use crate::access::{Caller, Operation, Origin};
use crate::audit::{self, Actor, Event};
use crate::error::Error;
use crate::events::{self, Topic};
use crate::state::AppState;

/// Holds listed of one project.
const HOLDS_MAX: i64 = 200;
/// The furthest end of a hold that has one: a century.
const UNTIL_MAX: Duration = Duration::days(36_525);

fn reason(text: &str) -> Result<&str, ApiError> {
    let text = text.trim();
    if (3..=500).contains(&text.chars().count()) {
        Ok(text)
    } else {
        Err(ApiError::field("reason", app::projects::refusals::Refusal::HoldReason))
    }
}

/// A snapshot with the names of its project.
type Found = (i64, String, String, OffsetDateTime);

/// Keeps a snapshot from retention. A snapshot of a project the caller does not see is as absent as one that is nowhere.
pub async fn set(state: &AppState, caller: &Caller, origin: &Origin, snapshot_id: i64, form: HoldForm) -> Result<(), Error> {
    let mut tx = state.pool.begin().await?;
    let found: Option<Found> = sqlx::query_as(
        "select h.harbor_id, h.name, p.name, s.moment from kept_snapshot s join project p using (project_id) join harbor h using (harbor_id) where s.snapshot_id = $1
            for share of s",
    )
    .bind(snapshot_id)
    .fetch_optional(&mut *tx)
    .await?;
    let seen = |(harbor, _, project, _): &Found| caller.may(Operation::ReadProject, Some((*harbor, project)));
    let (harbor_id, harbor, project, moment) = found.filter(seen).ok_or_else(|| ApiError::not_found(app::refusals::Thing::Snapshot))?;
    caller.require(Operation::Hold, Some((harbor_id, &project)))?;
    let why = reason(&form.reason)?;
    let until = ends(&mut tx, &form.until, UNTIL_MAX).await?;
    sqlx::query("insert into hold (snapshot_id, reason, made_by, until) values ($1, $2, $3, $4)")
        .bind(snapshot_id)
        .bind(why)
        .bind(&caller.login)
        .bind(until)
        .execute(&mut *tx)
        .await?;
    events::notify(&mut tx, Topic::Snapshots).await?;
    let what = ProjectEvent::Held { project: format!("{harbor}/{project}"), moment: Moment(moment), until: until.map(Moment) };
    let event = Event::new("snapshot.hold.set", "snapshot", snapshot_id.to_string(), what)
        .project(&harbor, &project)
        .with("reason", why)
        .with("until", until.map(|until| Moment(until).url()));
    audit::record(&mut tx, &Actor::caller(caller, origin), event).await?;
    tx.commit().await?;
    Ok(())
}

/// A hold that may be released: harbor, its name, project, snapshot, its moment, who set it.
type HoldRow = (i64, String, String, i64, OffsetDateTime, String);

/// Releases a hold before its end.
pub async fn release(state: &AppState, caller: &Caller, origin: &Origin, hold_id: i64, why: &str) -> Result<(), Error> {
    let mut tx = state.pool.begin().await?;
    let found: Option<HoldRow> = sqlx::query_as(
        "select n.harbor_id, n.name, p.name, s.snapshot_id, s.moment, h.made_by
           from hold h join snapshot_ever s using (snapshot_id) join project p using (project_id) join harbor n using (harbor_id)
          where h.hold_id = $1 and h.hold_id in (select hold_id from standing_hold) for update of h",
    )
    .bind(hold_id)
    .fetch_optional(&mut *tx)
    .await?;
    let seen = |found: &HoldRow| caller.may(Operation::ReadProject, Some((found.0, &found.2)));
    let (harbor_id, harbor, project, snapshot_id, moment, by) =
        found.filter(seen).ok_or_else(|| ApiError::not_found(app::refusals::Thing::Hold))?;
    let of = Some((harbor_id, project.as_str()));
    let own = by == caller.login && caller.may(Operation::Hold, of);
    if !own {
        caller.require(Operation::ReleaseHold, of)?;
    }
    let why = reason(why)?;
    let sql = "update hold set released_at = now(), released_by = $2, released_reason = $3 where hold_id = $1 and released_at is null";
    let released = sqlx::query(sql).bind(hold_id).bind(&caller.login).bind(why).execute(&mut *tx).await?.rows_affected();
    if released == 0 {
        return Err(ApiError::not_found(app::refusals::Thing::Hold).into());
    }
    events::notify(&mut tx, Topic::Snapshots).await?;
    let what = ProjectEvent::HoldReleased { by, project: format!("{harbor}/{project}"), moment: Moment(moment) };
    let event = Event::new("snapshot.hold.release", "snapshot", snapshot_id.to_string(), what)
        .project(&harbor, &project)
        .with("hold", hold_id)
        .with("reason", why);
    audit::record(&mut tx, &Actor::caller(caller, origin), event).await?;
    tx.commit().await?;
    Ok(())
}

/// Holds that keep snapshots of a project now; the one that ends first leads.
pub async fn list(state: &AppState, caller: &Caller, harbor: &str, project: &str) -> Result<Vec<HeldMoment>, Error> {
    let mut conn = state.pool.acquire().await?;
    let place = Place::find(&mut conn, caller, Operation::ReadProject, harbor, project).await?;
    Ok(match place.project_id() {
        Some(project_id) => of_project(&mut conn, project_id).await?,
        None => Vec::new(),
    })
}

/// A hold with its snapshot: number and moment of that, then number, reason, owner, when, end of the hold.
type HeldParts = (i64, Moment, i64, String, String, Moment, Option<Moment>);

/// Holds that keep snapshots of a project `$1` now, the one that ends first leading, as one value that [`read`] reads.
pub(super) fn held() -> String {
    format!(
        "select coalesce(jsonb_agg(jsonb_build_array(snapshot_id, moment, hold_id, reason, made_by, made_at, until)
                                   order by until nulls last, hold_id), '[]')
           from (select h.*, s.moment from standing_hold h join kept_snapshot s using (snapshot_id)
                  where s.project_id = $1 order by h.until nulls last, h.hold_id limit {HOLDS_MAX}) h"
    )
}

pub(super) fn read(held: Json<Vec<HeldParts>>) -> Vec<HeldMoment> {
    let one = |(snapshot_id, moment, id, reason, by, at, until): HeldParts| HeldMoment {
        snapshot_id,
        moment,
        hold: Hold { id, reason, by, at, until },
    };
    held.0.into_iter().map(one).collect()
}

async fn of_project(conn: &mut PgConnection, project_id: i64) -> Result<Vec<HeldMoment>, Error> {
    Ok(read(sqlx::query_scalar(sqlx::AssertSqlSafe(held())).bind(project_id).fetch_one(conn).await?))
}
