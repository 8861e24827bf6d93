//! The job of a run: lists the projects, confirms the snapshots of those that did not change, backs each other one up, and enters what is new
//! into the catalogue as soon as it is sealed.
//!
//! A project that fails does not stop the others, unless the login is refused; the run then ends as failed and says which. A try that
//! broke off goes on with the projects that are not sealed yet. Blobs that arrived before stay in the vault, so nothing is fetched twice.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use app::audit::events::VaultEvent;
use app::jobs::failures::{Failure, Help};
use app::jobs::lines::Line;
use app::jobs::sentences::Phase;
use app::troubles::Trouble;
use app::units::{Moment, figure};
use engine::backup::{BackupContext, BackupError, Reconcile, SnapshotOutcome};
use engine::finding::Finding;
use time::OffsetDateTime;
use vault::{HarborName, VaultError};
use vocab::{Descriptor, Digest, ProjectName};

use super::discovery::{Findings, RunDiscovery};
use super::scope::Scope;
use super::unchanged::{confirm, keep_confirmed, keep_listed};
use super::{confirmed, queries, retention, set_back};
use crate::audit::{self, Actor, Event, Outcome};
use crate::error::{Error, chain};
use crate::events::{self, Topic};
use crate::harbors::{self, Access};
use crate::jobs::{JobContext, JobError, Stop};
use crate::projects::{adopt, catalogue, gaps};
use crate::troubles;

/// Snapshots looked into for the Harbor's settings of before.
const SETTINGS_LOOKS_MAX: usize = 3;
/// Gaps of a project that a run's log names.
const GAPS_TOLD_MAX: usize = 50;

/// Everything one run needs.
pub(super) struct Run {
    pub run_id: i64,
    pub plan: queries::Row,
    client: registry::Client,
    pub vault: vault::Vault,
    pub reconcile: Reconcile,
    /// The first look at the harbor.
    pub look: RunDiscovery,
    /// When it began, by our clock.
    pub looked_at: OffsetDateTime,
    /// What it cost.
    look_requests: i64,
    /// When the last run that listed everything began.
    last_full: Option<OffsetDateTime>,
    /// Settings of the Harbor itself, where this run read them.
    harbor_config: Option<Descriptor>,
    /// The staging project, where the harbor allows it.
    staging: Option<Arc<harbors::staging::Use>>,
    /// The Harbor's version when this try began.
    version: Option<String>,
    /// Requests that had been repeated by then.
    retries: u64,
    /// Whether the vault has pointers that its `index.json` does not name.
    has_sealed: AtomicBool,
    /// Projects that were listed and found unchanged.
    found_same: AtomicI64,
}

impl Run {
    fn is_judged(&self) -> bool {
        self.look.is_judged(self.reconcile == Reconcile::Full)
    }
}

/// Runs it.
pub async fn backup_job(context: Arc<JobContext>, run_id: i64) -> Result<(), JobError> {
    let (plan, only) = {
        let mut conn = context.state.pool.acquire().await?;
        crate::clock::must_agree(&mut conn).await?;
        let run = queries::run(&mut conn, run_id).await?.ok_or_else(|| JobError::for_good(Failure::RunGone))?;
        let plan = queries::one(&mut conn, run.plan_id).await?.ok_or_else(|| JobError::for_good(Failure::PlanGone))?;
        (plan, run.only_project)
    };
    let mut run = prepare(&context, run_id, plan, only.is_none()).await?;
    let is_whole = only.is_none();
    let projects = projects(&context, &run, only).await?;
    run.harbor_config = harbor_settings(&context, &run, &projects).await;
    {
        let mut tx = context.state.pool.begin().await?;
        context.fence(&mut tx).await?;
        let total = i64::try_from(projects.len()).unwrap_or(i64::MAX);
        queries::start_run(&mut tx, run_id, total).await?;
        queries::set_full(&mut tx, run_id, run.reconcile == Reconcile::Full).await?;
        queries::set_hint(&mut tx, run_id, &run.look.basis(), run.look_requests).await?;
        confirmed::looked(&mut tx, run_id, run.looked_at, (run.look.discovery.at, run.look.discovery.mark())).await?;
        events::notify(&mut tx, Topic::Plans).await?;
        tx.commit().await?;
    }
    context.log("info", Line::FirstLook { basis: run.look.basis(), full: run.last_full.map(Moment) }).await;
    let unchanged = confirm(&context, &run, &projects).await?;
    let rest: Vec<&ProjectName> = projects.iter().filter(|project| !unchanged.projects.contains(*project)).collect();
    let mut compared = Findings::default();
    let done = all_projects(&context, &run, &rest, &mut compared).await;
    let ended = match &run.staging {
        Some(staging) => staging.end().await,
        None => Ok(()),
    };
    // What stopped the run counts before what its tidying met.
    let failures = done?;
    ended?;
    if is_whole {
        keep_confirmed(&context, &run, &unchanged, failures.is_empty()).await?;
    }
    note_upgrade(&context, &run).await?;
    if run.is_judged() {
        judge(&context, &run, compared, failures.is_empty()).await?;
    }
    let spared = {
        let mut conn = context.state.pool.acquire().await?;
        queries::run(&mut conn, run_id).await?.map_or(0, |row| row.projects_unchanged)
    };
    if spared > 0 {
        context.log("info", Line::Unchanged { projects: spared }).await;
    }
    let found_same = run.found_same.load(Ordering::Relaxed);
    if found_same > 0 {
        context.log("info", Line::FoundTheSame { projects: found_same }).await;
    }
    // Retention comes after the new snapshots, which may be what makes older ones dispensable. It is no part of the backup's success.
    let mut is_stale = run.has_sealed.load(Ordering::Relaxed);
    match retention::expire(&context, &run.plan, &run.vault).await {
        Ok(0) => {}
        Ok(gone) => {
            is_stale = true;
            context.log("info", Line::LetGo { snapshots: figure(gone) }).await;
        }
        Err(JobError::Stopped(stop)) => return Err(stop.into()),
        Err(error) => context.log("warn", Line::RetentionBrokeOff { why: error.failure() }).await,
    }
    // Foreign tools list a vault by its index.json; it is made from the pointers, so a failure here loses nothing.
    if is_stale && let Err(error) = run.vault.rebuild_index().await {
        context.log("warn", Line::NoIndexJson { why: troubles::vault(&error) }).await;
    }
    finish(&context, failures).await
}

/// Backs one after another up; answers which could not be.
async fn all_projects(
    context: &Arc<JobContext>,
    run: &Run,
    projects: &[&ProjectName],
    compared: &mut Findings,
) -> Result<Vec<(ProjectName, JobError)>, JobError> {
    let mut failures = Vec::new();
    for (index, project) in projects.iter().copied().enumerate() {
        context.check().await?;
        let at = i64::try_from(index).unwrap_or(i64::MAX);
        let of = i64::try_from(projects.len()).unwrap_or(i64::MAX);
        context
            .progress(|p| {
                p.phase = Some(Phase::Project { project: project.to_string(), at: at + 1, of });
            })
            .await;
        match one_project(context, run, project, compared).await {
            Ok(()) => {}
            Err(JobError::Stopped(stop)) => return Err(stop.into()),
            Err(error) => {
                context.log("error", Line::ProjectFailed { project: project.to_string(), why: error.failure() }).await;
                let refused = matches!(error, JobError::Refused { .. });
                failures.push((project.clone(), error));
                if refused {
                    break;
                }
            }
        }
    }
    Ok(failures)
}

async fn prepare(context: &Arc<JobContext>, run_id: i64, plan: queries::Row, whole: bool) -> Result<Run, JobError> {
    let (reach, vault) = {
        let mut conn = context.state.pool.acquire().await?;
        let reach = harbors::queries::reach(&mut conn, plan.harbor_id).await?.ok_or_else(|| JobError::for_good(Failure::HarborGone))?;
        (reach, crate::vaults::open_to_write(&context.state, &mut conn, plan.vault_id).await?)
    };
    let client = harbors::client(&context.state, &reach, Access::Read)?;
    context.progress(|p| p.phase = Some(Phase::ListingProjects)).await;
    let (before, looked_at) = (client.counters().requests, OffsetDateTime::now_utc());
    // Whoever asks for one project now wants it read.
    let look = Box::pin(RunDiscovery::take(context, &reach, &client, &plan, whole)).await?;
    let (last_full, set_back) = {
        let mut conn = context.state.pool.acquire().await?;
        (queries::last_full(&mut conn, plan.plan_id, run_id).await?, set_back::noticed(&mut conn, reach.harbor_id).await?)
    };
    // Five minutes an hour of slack: a run that begins a little early is the full one of its day all the same.
    let due_after = time::Duration::minutes(i64::from(plan.full_every_h) * 55);
    let is_due = last_full.is_none_or(|at| OffsetDateTime::now_utc() - at >= due_after || set_back.is_some_and(|noticed| noticed > at));
    // What the cheap way may miss is caught by a run that asks everything again.
    let reconcile = if is_due { Reconcile::Full } else { Reconcile::Hinted };
    let version = known_version(&client).await?;
    {
        let mut conn = context.state.pool.acquire().await?;
        queries::set_version(&mut conn, run_id, version.as_deref()).await?;
    }
    let look_requests = i64::try_from(client.counters().requests.saturating_sub(before)).unwrap_or(i64::MAX);
    let retries = client.counters().retries;
    let staging = harbors::staging::Use::begin(context, run_id, &reach).await?;
    Ok(Run {
        run_id,
        plan,
        client,
        vault,
        reconcile,
        look,
        looked_at,
        look_requests,
        last_full,
        harbor_config: None,
        staging,
        version,
        retries,
        has_sealed: AtomicBool::new(false),
        found_same: AtomicI64::new(0),
    })
}

/// The Harbor's version as it said a moment ago. One that this program does not know may mean something else by the same answers.
async fn known_version(client: &registry::Client) -> Result<Option<String>, JobError> {
    let version = client.version().await.map_err(Error::from)?;
    match version {
        Some(version) if !version.is_known() => Err(JobError::Permanent {
            failure: Failure::HarborUnknown { version: version.to_string() },
            help: Some(Help::UpgradeForHarbor),
        }),
        other => Ok(other.map(|version| version.to_string())),
    }
}

/// Says so where the Harbor was upgraded while the run went on; only a run whose requests had to be repeated asks. A Harbor that does not answer is
/// told of by what failed for it.
async fn note_upgrade(context: &JobContext, run: &Run) -> Result<(), JobError> {
    if run.client.counters().retries == run.retries {
        return Ok(());
    }
    if run.client.system_info().await.is_err() {
        return Ok(());
    }
    let version = known_version(&run.client).await?;
    let mut conn = context.state.pool.acquire().await?;
    queries::set_version(&mut conn, run.run_id, version.as_deref()).await?;
    if version != run.version {
        context.log("warn", Line::Upgraded { was: run.version.clone(), is: version }).await;
    }
    Ok(())
}

/// Projects to do: in scope now, no caches, not done by an earlier try of this run.
async fn projects(context: &JobContext, run: &Run, only: Option<String>) -> Result<Vec<ProjectName>, JobError> {
    let listed = {
        let mut conn = context.state.pool.acquire().await?;
        harbors::queries::projects(&mut conn, run.plan.harbor_id).await?
    };
    let scope = Scope::new(&run.plan.include, &run.plan.exclude).map_err(Error::from)?;
    let done = {
        let mut conn = context.state.pool.acquire().await?;
        confirmed::done_in_run(&mut conn, run.run_id).await?.into_iter().collect::<HashSet<String>>()
    };
    let mut names = Vec::new();
    for (name, _, proxy) in listed {
        let wanted = only.as_ref().map_or_else(|| scope.matches(&name), |only| *only == name);
        if !wanted || done.contains(&name) {
            continue;
        }
        if proxy {
            context.log("info", Line::CacheLeftOut { project: name }).await;
            continue;
        }
        match name.parse::<ProjectName>() {
            Ok(parsed) => names.push(parsed),
            Err(error) => context.log("warn", Line::NameLeftOut { project: name, why: error.to_string() }).await,
        }
    }
    if let Some(only) = only
        && names.is_empty()
        && done.is_empty()
    {
        return Err(JobError::for_good(Failure::NoProject { project: only.to_string() }));
    }
    Ok(names)
}

async fn one_project(context: &Arc<JobContext>, run: &Run, project: &ProjectName, compared: &mut Findings) -> Result<(), JobError> {
    let harbor = harbor_name(&run.plan)?;
    let project_id = {
        let mut conn = context.state.pool.acquire().await?;
        catalogue::project_id(&mut conn, run.plan.harbor_id, project.as_str()).await?
    };
    adopt_sealed(context, run, project_id, &harbor, project).await?;
    let previous = {
        let mut conn = context.state.pool.acquire().await?;
        catalogue::newest_in_vault(&mut conn, project_id, run.plan.vault_id).await?
    };
    let is_current = match previous {
        Some(previous) => confirmed::is_current(&mut *context.state.pool.acquire().await?, project_id, &previous).await?,
        None => false,
    };
    let mut outcome = capture(context, run, &harbor, project, (previous, is_current)).await?;
    if outcome.confirmed.is_some() && !keep_listed(context, run, project_id, project, &outcome).await? {
        // It was let go of meanwhile.
        outcome = capture(context, run, &harbor, project, (previous, false)).await?;
    }
    if outcome.confirmed.is_some() {
        run.found_same.fetch_add(1, Ordering::Relaxed);
        compare(context, run, project, previous, (&outcome, &catalogue::Changes::default()), compared).await;
        tell_gaps(context, &outcome).await;
        return Ok(());
    }
    run.has_sealed.store(true, Ordering::Relaxed);
    let figures = &outcome.stats;
    let whole = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
    let sealed = catalogue::Sealed {
        project_id,
        vault_id: run.plan.vault_id,
        run_id: Some(run.run_id),
        pointer_id: outcome.pointer_id,
        digest: outcome.digest,
        index: outcome.index.clone(),
        logical_bytes: figures.bytes_logical,
        bytes_new: figures.bytes_new,
    };
    let prepared = catalogue::prepare(&context.state.pool, &run.vault, sealed).await?;
    let gaps = i64::try_from(outcome.index.gaps.len()).unwrap_or(i64::MAX);
    let mut tx = context.state.pool.begin().await?;
    context.fence(&mut tx).await?;
    let changes = catalogue::apply(&mut tx, &prepared).await?;
    run.look.keep(&mut tx, (project_id, run.plan.vault_id), project.as_str(), &outcome).await?;
    confirmed::seen(&mut tx, run.plan.plan_id, project_id, changes.snapshot_id, outcome.moment).await?;
    queries::add_to_run(&mut tx, run.run_id, whole(figures.bytes_new), whole(figures.requests), gaps).await?;
    crate::vaults::queries::add_stored(&mut tx, run.plan.vault_id, whole(figures.bytes_new)).await?;
    events::notify(&mut tx, Topic::Snapshots).await?;
    let actor = crate::audit::Actor::job(context.job_id);
    // One that another run adopted in this moment has its record.
    if changes.new {
        catalogue::record_snapshot(&mut tx, &actor, &run.plan.harbor, project.as_str(), &prepared, &changes).await?;
    }
    tx.commit().await?;
    compare(context, run, project, previous, (&outcome, &changes), compared).await;
    context.log("info", summary(project, &outcome)).await;
    tell_gaps(context, &outcome).await;
    Ok(())
}

async fn tell_gaps(context: &JobContext, outcome: &SnapshotOutcome) {
    for gap in outcome.index.gaps.iter().take(GAPS_TOLD_MAX) {
        context.log("warn", Line::Gap { subject: gap.subject.clone(), cause: gaps::cause_of(gap) }).await;
    }
}

pub(super) fn harbor_name(plan: &queries::Row) -> Result<HarborName, JobError> {
    plan.harbor.parse().map_err(|_| JobError::from(Error::defect("a registered harbor has a name the vault refuses")))
}

/// The Harbor's own settings: read on a full run and when no snapshot has any. Without them the images are backed up all the same.
async fn harbor_settings(context: &JobContext, run: &Run, projects: &[ProjectName]) -> Option<Descriptor> {
    let known = newest_harbor_settings(context, run, projects).await;
    if run.reconcile == Reconcile::Hinted && known.is_some() {
        return None;
    }
    match Box::pin(engine::backup::harbor_settings(&run.client, &run.vault, known.as_ref())).await {
        Ok(stored) => Some(stored),
        Err(error) => {
            context.log("warn", Line::NoHarborSettings { why: backup_trouble(&error) }).await;
            None
        }
    }
}

/// Those of a snapshot that is there, of the first project that has any.
async fn newest_harbor_settings(context: &JobContext, run: &Run, projects: &[ProjectName]) -> Option<Descriptor> {
    let mut conn = context.state.pool.acquire().await.ok()?;
    for project in projects.iter().take(SETTINGS_LOOKS_MAX) {
        let id = catalogue::project_id(&mut conn, run.plan.harbor_id, project.as_str()).await.ok()?;
        let Some(digest) = catalogue::newest_in_vault(&mut conn, id, run.plan.vault_id).await.ok()? else { continue };
        if let Some(config) = run.vault.snapshot(&digest).await.ok().and_then(|index| index.harbor_config) {
            return Some(config);
        }
    }
    None
}

/// Reads the project, and seals it or finds that it is as `previous` has it.
async fn capture(
    context: &Arc<JobContext>,
    run: &Run,
    harbor: &HarborName,
    project: &ProjectName,
    (previous, confirm): (Option<Digest>, bool),
) -> Result<SnapshotOutcome, JobError> {
    let observer = Arc::new(Observer { context: Arc::clone(context) });
    let cx = BackupContext {
        client: run.client.clone(),
        vault: run.vault.clone(),
        harbor: harbor.clone(),
        progress: observer.clone(),
        control: observer,
        reconcile: run.reconcile,
        confirm,
        harbor_config: run.harbor_config.clone(),
        secrets: Some(Arc::new(context.state.keys.clone())),
        staging: run.staging.as_ref().map(harbors::staging::Use::staging).transpose()?,
    };
    let captured = told_to_vault(context, run, Box::pin(engine::backup::project(&cx, project, previous)).await).await;
    if let Some(staging) = &run.staging {
        staging.note(project).await?;
    }
    captured
}

/// A seal that finds something missing, because it could not be locked, says so to the vault: it is healed or its snapshots are marked, and
/// the next run does not build on them again.
pub(super) async fn told_to_vault<T>(context: &JobContext, run: &Run, outcome: Result<T, BackupError>) -> Result<T, JobError> {
    let error = match outcome {
        Ok(done) => return Ok(done),
        Err(error) => error,
    };
    if let BackupError::Vault(VaultError::Missing { digest }) = &error {
        let finding = Finding::of(VaultError::Missing { digest: *digest }, *digest, "a backup");
        let mut tx = context.state.pool.begin().await?;
        context.fence(&mut tx).await?;
        let Finding { kind, object, .. } = &finding;
        let (detail, remedy) = crate::vaults::told::finding(&finding);
        if crate::vaults::queries::find(&mut tx, run.plan.vault_id, kind, object, (&detail, &remedy)).await? {
            let event = Event::new("vault.mismatch.found", "object", object.to_string(), VaultEvent::Found { means: detail.clone() })
                .outcome(Outcome::Failure, kind.clone());
            audit::record(&mut tx, &Actor::job(context.job_id), event).await?;
        }
        tx.commit().await?;
    }
    Err(backup_error(&error))
}

/// Compares what a full listing found with what the hint would have said.
async fn compare(
    context: &JobContext,
    run: &Run,
    project: &ProjectName,
    previous: Option<Digest>,
    (outcome, changes): (&SnapshotOutcome, &catalogue::Changes),
    compared: &mut Findings,
) {
    if !run.is_judged() {
        return;
    }
    if changes.added + changes.moved > 0 && run.look.tells_of_push(project.as_str(), previous) {
        compared.told = true;
    }
    let Some(missed) = run.look.missed(project.as_str(), previous, outcome) else { return };
    compared.projects += 1;
    if missed && changes.added + changes.removed + changes.moved > 0 {
        compared.missed.push(project.clone());
    } else if outcome.stats.repositories_changed > 0 {
        context.log("info", Line::ChangeUntold { project: project.to_string() }).await;
    }
}

/// Judges the hint by what was compared; a run in which projects failed can only find it wrong.
async fn judge(context: &JobContext, run: &Run, mut found: Findings, whole: bool) -> Result<(), JobError> {
    let settled = run.look.settle(&run.client, &mut found).await.unwrap_or_else(|error| {
        tracing::warn!(
            harbor = run.plan.harbor,
            error = chain(&error),
            "what changed during the run cannot be told, so its hint is not judged"
        );
        false
    });
    if !settled || (!whole && found.missed.is_empty()) {
        return Ok(());
    }
    for project in &found.missed {
        context.log("warn", Line::HintMissed { project: project.to_string() }).await;
    }
    let mut conn = context.state.pool.acquire().await?;
    run.look.judge(&mut conn, run.plan.harbor_id, &found).await?;
    Ok(())
}

/// Enters what is sealed and not in the catalogue: the try before, or another run, died between the two.
async fn adopt_sealed(
    context: &JobContext,
    run: &Run,
    project_id: i64,
    harbor: &HarborName,
    project: &ProjectName,
) -> Result<(), JobError> {
    let pool = &context.state.pool;
    let unknown = adopt::unknown(pool, &run.vault, project_id, harbor, project).await?;
    // What no run of this catalogue can have sealed is somebody else's: a rebuild enters it, once a person has looked (F-56).
    let moments: Vec<_> = unknown.iter().map(|pointer| pointer.moment).collect();
    let ours = crate::vaults::reconcile::sealed_by_a_run(pool, run.plan.vault_id, run.plan.harbor_id, &moments).await?;
    for pointer in unknown.into_iter().zip(ours).filter(|(_, ours)| *ours).map(|(pointer, _)| pointer) {
        let Some(sealed) = adopt::sealed(&run.vault, run.plan.vault_id, project_id, &pointer).await? else { continue };
        let Some(prepared) = adopt::prepare(pool, &run.vault, sealed).await? else { continue };
        let mut tx = pool.begin().await?;
        context.fence(&mut tx).await?;
        let entered = adopt::enter(&mut tx, &crate::audit::Actor::job(context.job_id), &prepared, &pointer).await?;
        // This plan keeps it: nobody knows any more which run it was of.
        if let Some(snapshot_id) = confirmed::kept(&mut tx, pointer.id).await?.filter(|_| entered) {
            confirmed::seen(&mut tx, run.plan.plan_id, project_id, snapshot_id, pointer.moment).await?;
        }
        events::notify(&mut tx, Topic::Snapshots).await?;
        tx.commit().await?;
        run.has_sealed.store(true, Ordering::Relaxed);
        if entered {
            context.log("info", Line::EnteredSealed { project: project.to_string() }).await;
        }
    }
    Ok(())
}

fn summary(project: &ProjectName, outcome: &SnapshotOutcome) -> Line {
    let s = &outcome.stats;
    Line::Sealed {
        project: project.to_string(),
        tags: figure(s.tags),
        artifacts: figure(s.artifacts),
        new_objects: figure(s.blobs_new),
        new_bytes: figure(s.bytes_new),
        requests: figure(s.requests),
        snapshot: outcome.digest.short(),
    }
}

/// Why settings were not read.
fn backup_trouble(error: &BackupError) -> Trouble {
    match error {
        BackupError::Registry(inner) => troubles::registry(inner),
        BackupError::Vault(inner) => troubles::vault(inner),
        other => Trouble::Unforeseen { error: chain(other) },
    }
}

fn backup_error(error: &BackupError) -> JobError {
    match error {
        BackupError::Stopped(stop) => JobError::Stopped(stop_of(*stop).unwrap_or(Stop::Cancelled)),
        BackupError::Registry(inner) => JobError::registry(inner),
        BackupError::Vault(VaultError::NoSpace { .. }) => {
            JobError::Permanent { failure: troubles::backup(error), help: Some(Help::FreeSpaceAndRun) }
        }
        BackupError::Unstable { .. } => JobError::Transient { failure: troubles::backup(error), help: Some(Help::RunAgain) },
        other => JobError::of(troubles::backup(other), other.is_transient()),
    }
}

/// The engine's reason to stop in the words of jobs.
///
/// None: an approval was lost or the registry went away, which only restores stop for.
#[must_use]
pub const fn stop_of(stop: engine::Stop) -> Option<Stop> {
    match stop {
        engine::Stop::Cancelled => Some(Stop::Cancelled),
        engine::Stop::LeaseLost => Some(Stop::LeaseLost),
        engine::Stop::Shutdown => Some(Stop::Shutdown),
        engine::Stop::ApprovalLost | engine::Stop::RegistryAway => None,
    }
}

async fn finish(context: &JobContext, mut failures: Vec<(ProjectName, JobError)>) -> Result<(), JobError> {
    // A refused login is the last one met and the first one to tell of.
    failures.sort_by_key(|(_, error)| !matches!(error, JobError::Refused { .. }));
    if failures.is_empty() {
        context.progress(|p| p.phase = Some(Phase::Done)).await;
        return Ok(());
    }
    let permanent = failures.iter().all(|(_, error)| matches!(error, JobError::Permanent { .. }));
    let refused = matches!(failures.first(), Some((_, JobError::Refused { .. })));
    let help = failures.iter().find_map(|(_, error)| match error {
        JobError::Permanent { help, .. } | JobError::Refused { help, .. } | JobError::Transient { help, .. } => help.clone(),
        JobError::Stopped(_) => None,
    });
    let more = i64::try_from(failures.len()).unwrap_or(i64::MAX) - 1;
    let Some((project, first)) = failures.into_iter().next() else { return Ok(()) };
    let (project, why) = match first {
        JobError::Stopped(stop) => return Err(stop.into()),
        JobError::Permanent { failure, .. } | JobError::Refused { failure, .. } | JobError::Transient { failure, .. } => {
            (project.to_string(), Box::new(failure))
        }
    };
    let failure = if more == 0 { Failure::OneProject { project, why } } else { Failure::SomeProjects { project, more, why } };
    Err(if permanent || refused { JobError::Permanent { failure, help } } else { JobError::Transient { failure, help } })
}

/// Carries the engine's progress into the job's row, and the job's lease into the engine.
pub struct Observer {
    /// The job.
    pub context: Arc<JobContext>,
}

#[async_trait::async_trait]
impl engine::Control for Observer {
    async fn check(&self) -> Result<(), engine::Stop> {
        self.context.check().await.map_err(|stop| match stop {
            Stop::Cancelled => engine::Stop::Cancelled,
            Stop::LeaseLost => engine::Stop::LeaseLost,
            Stop::Shutdown => engine::Stop::Shutdown,
        })
    }
}

impl engine::Progress for Observer {
    fn event(&self, event: engine::Event) {
        let context = Arc::clone(&self.context);
        tokio::spawn(async move {
            let whole = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
            match event {
                engine::Event::Total { items, bytes } => {
                    context
                        .progress(|p| {
                            p.items_total += whole(items);
                            p.bytes_total += whole(bytes);
                        })
                        .await;
                }
                engine::Event::Item { .. } => context.progress(|p| p.items_done += 1).await,
                engine::Event::Bytes(bytes) => context.progress(|p| p.bytes_done += whole(bytes)).await,
                engine::Event::Phase(_) => {}
                engine::Event::Note { level, text, values } => {
                    let level = if level == engine::Level::Warn { "warn" } else { "info" };
                    let noted = serde_json::from_value(values).map(|what| Line::Noted { what });
                    context.log(level, noted.unwrap_or(Line::NotedPlainly { note: text })).await;
                }
            }
        });
    }
}
