//! What changed from one captured moment to another.

use app::error::{ApiError, ErrorKind};
use app::projects::types::{Changes, TagChange};
use app::units::Moment;

use super::Place;
use super::queries::{self, digest_text};
use crate::access::{Caller, Operation};
use crate::error::Error;
use crate::state::AppState;
use crate::turns::Turn;

/// Tags named; the counts are of all.
const TAGS_MAX: i64 = 1_000;

/// Tags that differ. The moments are those of the snapshots at or before the ones asked for, in either order.
pub async fn changes(
    state: &AppState,
    caller: &Caller,
    harbor: &str,
    project: &str,
    (from, to): (Option<Moment>, Option<Moment>),
) -> Result<Changes, Error> {
    let _turn = state.turns.take(caller.account_id, Turn::Compare).await?;
    let mut conn = state.pool.acquire().await?;
    let place = Place::find(&mut conn, caller, Operation::ReadProject, harbor, project).await?;
    let nothing = || ApiError::new(ErrorKind::NotFound, "nothing_captured", app::projects::refusals::Refusal::NothingCaptured);
    let project_id = place.project_id().ok_or_else(nothing)?;
    let to = queries::snapshot_at(&mut conn, project_id, to.map(|m| m.0)).await?.ok_or_else(nothing)?.moment;
    let from = match from {
        Some(from) => queries::snapshot_at(&mut conn, project_id, Some(from.0)).await?.ok_or_else(nothing)?.moment,
        None => queries::moment_before(&mut conn, project_id, to.0).await?.map(Moment).ok_or_else(nothing)?,
    };
    let (from, to) = (from.min(to), from.max(to));
    let rows = queries::tags_between(&mut conn, project_id, (from.0, to.0), TAGS_MAX).await?;
    let (added, removed, moved) = rows.first().map_or((0, 0, 0), |row| (row.4, row.5, row.6));
    let tags = rows.into_iter().map(|(repository, tag, was, is, ..)| TagChange {
        repository,
        tag,
        was: was.as_deref().map(digest_text),
        is: is.as_deref().map(digest_text),
    });
    Ok(Changes { from, to, added, removed, moved, tags: tags.collect() })
}
