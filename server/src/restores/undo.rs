//! Undo: a request of its own that moves tags back to what they pointed to when the restore wrote them, recorded with each line.
//!
//! The recorded digest decides, never a moment: an image that no snapshot has is tagged again from Harbor by its digest, as long as Harbor
//! has it; one that Harbor removed comes from the newest snapshot that has it; else the line says that it cannot be done, and why. What
//! the restore made stays, and is listed. Undoing an undo is the same.

use std::collections::BTreeMap;

use app::error::{ApiError, ErrorKind};
use app::restores::types::{Draft, RestoreForm};
use app::units::Moment;
use engine::effect::{self, EffectPlan, Policy, Undone, Written};
use sqlx::PgConnection;
use time::OffsetDateTime;
use vault::Vault;
use vocab::{Digest, ProjectName, RepositoryName};

use super::queries::{self, Row};
use super::{draft, form, list, view};
use crate::access::{Caller, Operation};
use crate::error::Error;
use crate::projects;
use crate::state::AppState;

/// A draft that undoes a request.
pub async fn undo(state: &AppState, caller: &Caller, request_id: i64) -> Result<Draft, Error> {
    let mut conn = state.pool.acquire().await?;
    let (row, _) = undoable(&mut conn, caller, request_id).await?;
    let started = row.started_at.map(Moment).ok_or_else(nothing_written)?;
    drop(conn);
    let form = RestoreForm {
        harbor: row.harbor,
        project: row.target_project,
        at: started.url(),
        on_conflict: "move".to_owned(),
        undo_of: Some(request_id),
        ..RestoreForm::default()
    };
    draft::preview(state, caller, form).await
}

fn nothing_written() -> ApiError {
    ApiError::new(ErrorKind::Conflict, "nothing_written", app::restores::refusals::Refusal::NothingWritten)
}

/// The request, if the caller may undo it, and what it wrote.
pub(super) async fn undoable(conn: &mut PgConnection, caller: &Caller, request_id: i64) -> Result<(Row, Vec<Written>), Error> {
    let absent = || ApiError::not_found(app::refusals::Thing::Request);
    let row = queries::one(&mut *conn, request_id).await?.filter(|row| list::sees(caller, row)).ok_or_else(absent)?;
    caller.require(Operation::RequestRestore, Some((row.harbor_id, &row.target_project)))?;
    if row.started_at.is_none() {
        return Err(nothing_written().into());
    }
    if matches!(row.state.as_str(), "queued" | "running") {
        return Err(ApiError::new(ErrorKind::Conflict, "still_running", app::restores::refusals::Refusal::StillRunning).into());
    }
    let written = written(conn, request_id).await?;
    if written.iter().all(|line| line.previous.is_none()) {
        let text = app::restores::refusals::Refusal::NothingMoved;
        return Err(ApiError::new(ErrorKind::Conflict, "nothing_moved", text).into());
    }
    Ok((row, written))
}

/// Lines that were written, or may have been: what a tag pointed to is recorded before it is moved.
pub(super) async fn written(conn: &mut PgConnection, request_id: i64) -> Result<Vec<Written>, Error> {
    let rows = queries::written(conn, request_id).await?;
    rows.into_iter()
        .map(|(seq, previous)| {
            let previous = previous.map(|bytes| Digest::from_bytes(&bytes)).transpose().map_err(|e| Error::defect(e.to_string()))?;
            Ok(Written { item: usize::try_from(seq).map_err(|e| Error::defect(e.to_string()))?, previous })
        })
        .collect()
}

/// Which snapshot an undo reads with, and what the catalogue knows of the images it needs.
pub(super) struct Origin {
    /// The snapshot its request keeps from retention.
    pub snapshot_id: i64,
    /// Its digest.
    pub digest: Digest,
    captured: BTreeMap<Digest, Digest>,
    elsewhere: BTreeMap<Digest, OffsetDateTime>,
}

/// Finds it: the newest snapshot with an image that is needed, else the one the restore came from, else the newest of the project.
pub(super) async fn origin(conn: &mut PgConnection, of: &Row, plan: &EffectPlan, written: &[Written]) -> Result<Origin, Error> {
    let project_id = projects::queries::project_id(&mut *conn, of.harbor_id, &of.target_project).await?;
    let mut found: Vec<(Digest, queries::Kept)> = Vec::new();
    let mut names: BTreeMap<&RepositoryName, Option<i64>> = BTreeMap::new();
    for line in written {
        let (Some(item), Some(previous), Some(project_id)) = (plan.items.get(line.item), line.previous, project_id) else { continue };
        let repository_id = match names.get(&item.repository) {
            Some(known) => *known,
            None => {
                let id = projects::queries::repository_id(&mut *conn, project_id, item.repository.as_str()).await?;
                names.insert(&item.repository, id);
                id
            }
        };
        let Some(repository_id) = repository_id else { continue };
        let snapshot_id = projects::queries::snapshot_of(&mut *conn, project_id, repository_id, previous.as_bytes()).await?;
        if let Some(snapshot_id) = snapshot_id
            && let Some(kept) = queries::kept(&mut *conn, snapshot_id).await?
        {
            found.push((previous, kept));
        }
    }
    let own = match found.first() {
        Some((_, kept)) => kept.clone(),
        None => other(conn, of, project_id).await?,
    };
    let digest = |bytes: &[u8]| Digest::from_bytes(bytes).map_err(|e| Error::defect(e.to_string()));
    let mut origin =
        Origin { snapshot_id: own.snapshot_id, digest: digest(&own.digest)?, captured: BTreeMap::new(), elsewhere: BTreeMap::new() };
    for (previous, kept) in found {
        if kept.vaults.iter().any(|vault_id| own.vaults.contains(vault_id)) {
            origin.captured.insert(previous, digest(&kept.digest)?);
        } else {
            origin.elsewhere.insert(previous, kept.moment);
        }
    }
    Ok(origin)
}

async fn other(conn: &mut PgConnection, of: &Row, project_id: Option<i64>) -> Result<queries::Kept, Error> {
    if let Some(kept) = queries::kept(&mut *conn, of.snapshot_id).await? {
        return Ok(kept);
    }
    let newest = match project_id {
        Some(project_id) => projects::queries::snapshot_at(&mut *conn, project_id, None).await?,
        None => None,
    };
    let kept = match newest {
        Some(snapshot) => queries::kept(conn, snapshot.id).await?,
        None => None,
    };
    let text = app::restores::refusals::Refusal::NoSnapshotKept;
    kept.ok_or_else(|| ApiError::new(ErrorKind::Conflict, "no_snapshot", text).into())
}

/// Makes the effect plan of an undo against the live harbor.
pub(super) async fn make(
    client: &registry::Client,
    vault: &Vault,
    of: &Row,
    written: &[Written],
    origin: &Origin,
    mark: &str,
) -> Result<EffectPlan, Error> {
    let plan = view::stored_plan(of)?;
    let context = draft::context(client, vault, &of.harbor)?;
    let policy: Policy = form::undo_policy(mark);
    let undone = Undone { plan: &plan, written, snapshot: origin.digest, captured: &origin.captured, elsewhere: &origin.elsewhere };
    effect::undo(&context, &undone, &policy).await.map_err(draft::plan_error)
}

/// The project an undo writes to.
pub(super) fn target(of: &Row) -> Result<ProjectName, Error> {
    of.target_project.parse().map_err(|_| Error::defect("a stored project name cannot be read"))
}
