//! What a run finds as its newest snapshots have it: those are confirmed, and nothing is written of them but what is new.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use engine::backup::confirm::Candidate;
use engine::backup::{Reconcile, SnapshotOutcome};
use vocab::{Digest, ProjectName};

use super::backup::{Observer, Run, harbor_name, told_to_vault};
use super::{confirmed, queries};
use crate::events::{self, Topic};
use crate::jobs::{JobContext, JobError};

/// What a run found unchanged without a look at it.
#[derive(Default)]
pub(super) struct Unchanged {
    pub projects: HashSet<ProjectName>,
    ids: Vec<i64>,
    /// Gaps of their snapshots, each accepted.
    gaps: i64,
}

/// Confirms the snapshots of the projects in which nothing changed as far as the look shows, all together. One whose snapshot is not good, or
/// not in the vault any more, is listed instead.
pub(super) async fn confirm(context: &Arc<JobContext>, run: &Run, projects: &[ProjectName]) -> Result<Unchanged, JobError> {
    if run.reconcile == Reconcile::Full {
        return Ok(Unchanged::default());
    }
    let told: HashMap<&str, Digest> = run.look.unchanged(projects).into_iter().map(|(name, digest)| (name.as_str(), digest)).collect();
    if told.is_empty() {
        return Ok(Unchanged::default());
    }
    let names: Vec<String> = told.keys().map(|name| (*name).to_owned()).collect();
    let of = (run.plan.plan_id, run.plan.harbor_id, run.plan.vault_id);
    let mut newest = confirmed::newest(&mut *context.state.pool.acquire().await?, of, &names, run.looked_at).await?;
    newest.retain(|row| told.get(row.project.as_str()).is_some_and(|digest| digest.as_bytes().as_slice() == row.digest));
    // A lock that runs short is put for a twelfth longer than it has to be, so that not every run puts it.
    let days = newest.iter().find_map(|row| row.lock_days).unwrap_or(0);
    let lock_at = run.looked_at + time::Duration::days(i64::from(days)) / 12;
    let candidates =
        newest.iter().filter_map(|row| Some(Candidate { project: row.project.parse().ok()?, pointer_id: row.pointer_id, lock: row.lock }));
    let observer = Observer { context: Arc::clone(context) };
    let (harbor, candidates) = (harbor_name(&run.plan)?, candidates.collect());
    let found =
        told_to_vault(context, run, engine::backup::confirm::confirm(&run.vault, &harbor, lock_at, candidates, &observer).await).await?;
    let found: HashSet<&str> = found.iter().map(ProjectName::as_str).collect();
    newest.retain(|row| found.contains(row.project.as_str()));
    let mut tx = context.state.pool.begin().await?;
    context.fence(&mut tx).await?;
    // What the plan has open is let go of by nobody else.
    let fresh: Vec<i64> = newest.iter().filter(|row| !row.is_open || row.lock).map(|row| row.snapshot_id).collect();
    let kept: HashSet<i64> = confirmed::hold_rows(&mut tx, &fresh).await?.into_iter().collect();
    newest.retain(|row| (row.is_open && !row.lock) || kept.contains(&row.snapshot_id));
    for row in newest.iter().filter(|row| !row.is_open) {
        confirmed::seen(&mut tx, run.plan.plan_id, row.project_id, row.snapshot_id, run.looked_at).await?;
    }
    for row in newest.iter().filter(|row| row.lock) {
        confirmed::locked(&mut tx, row.snapshot_id, lock_at).await?;
    }
    tx.commit().await?;
    Ok(Unchanged {
        projects: newest.iter().filter_map(|row| row.project.parse().ok()).collect(),
        ids: newest.iter().map(|row| row.project_id).collect(),
        gaps: newest.iter().map(|row| row.gaps).sum(),
    })
}

/// Keeps what was found unchanged: where the run ended well by its look alone.
pub(super) async fn keep_confirmed(context: &JobContext, run: &Run, unchanged: &Unchanged, well: bool) -> Result<(), JobError> {
    let mut tx = context.state.pool.begin().await?;
    context.fence(&mut tx).await?;
    if well {
        confirmed::end_well(&mut tx, run.run_id, &unchanged.ids).await?;
    } else {
        confirmed::end_in_part(&mut tx, run.run_id, &unchanged.ids).await?;
    }
    let projects = i64::try_from(unchanged.ids.len()).unwrap_or(i64::MAX);
    queries::add_unchanged(&mut tx, run.run_id, projects, unchanged.gaps).await?;
    events::notify(&mut tx, Topic::Snapshots).await?;
    tx.commit().await?;
    Ok(())
}

/// Keeps that a listing found the newest snapshot of a project to hold still; false = it was let go of meanwhile.
pub(super) async fn keep_listed(
    context: &JobContext,
    run: &Run,
    project_id: i64,
    project: &ProjectName,
    outcome: &SnapshotOutcome,
) -> Result<bool, JobError> {
    let whole = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
    let at = outcome.confirmed.unwrap_or(outcome.moment);
    let mut tx = context.state.pool.begin().await?;
    context.fence(&mut tx).await?;
    let Some(snapshot_id) = confirmed::kept(&mut tx, outcome.pointer_id).await? else { return Ok(false) };
    confirmed::seen(&mut tx, run.plan.plan_id, project_id, snapshot_id, at).await?;
    confirmed::locked(&mut tx, snapshot_id, at).await?;
    run.look.keep(&mut tx, (project_id, run.plan.vault_id), project.as_str(), outcome).await?;
    let (figures, gaps) = (&outcome.stats, whole(outcome.index.gaps.len() as u64));
    queries::add_to_run(&mut tx, run.run_id, whole(figures.bytes_new), whole(figures.requests), gaps).await?;
    crate::vaults::queries::add_stored(&mut tx, run.plan.vault_id, whole(figures.bytes_new)).await?;
    events::notify(&mut tx, Topic::Snapshots).await?;
    tx.commit().await?;
    Ok(true)
}
