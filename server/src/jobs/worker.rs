//! The worker: claims jobs, keeps their leases, ends them.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use app::jobs::failures::{Failure, Help};
use app::jobs::lines::Line;
use app::units::figure;
use app::vaults::types::SweepForm;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::context::{JobContext, JobError, Stop};
use super::queries::{self, Claimed, End};
use super::{Work, schedule};
use crate::error::{Error, chain};
use crate::events::{self, Topic};
use crate::state::AppState;

/// Wait between looks for work when no notification comes.
const POLL: Duration = Duration::from_secs(5);
/// Longest a job may take to stop at shutdown before it is left to its lease.
pub const DRAIN: Duration = Duration::from_secs(30);
/// First wait before another try; doubled each time.
const BACKOFF_FIRST_S: f64 = 5.0;
/// Longest wait before another try.
const BACKOFF_MAX_S: f64 = 600.0;

/// How a worker works.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Name shown in the console.
    pub name: String,
    /// Jobs at a time.
    pub jobs: usize,
    /// Length of a lease.
    pub lease: Duration,
}

/// Works until `shutdown`; then lets running jobs stop at their next item.
pub async fn run(state: AppState, settings: Settings, shutdown: CancellationToken) {
    let slots = Arc::new(Semaphore::new(settings.jobs));
    let running = TaskTracker::new();
    let mut heard = state.events.subscribe();
    tracing::info!(worker.name = settings.name, jobs = settings.jobs, "worker is ready");
    running.spawn(crate::vaults::reconcile::compare_all(state.clone()));
    while !shutdown.is_cancelled() {
        let Ok(slot) = Arc::clone(&slots).acquire_owned().await else { break };
        match next(&state, &settings).await {
            Ok(Some(claimed)) => {
                let (state, settings, shutdown) = (state.clone(), settings.clone(), shutdown.clone());
                running.spawn(async move {
                    work_on(state, settings, claimed, shutdown).await;
                    drop(slot);
                });
                continue;
            }
            Ok(None) => drop(slot),
            Err(error) => {
                drop(slot);
                tracing::warn!(error = %chain(&error), "cannot look for work");
            }
        }
        let wake = async {
            loop {
                match heard.recv().await {
                    Ok(Topic::Work | Topic::Resync) | Err(tokio::sync::broadcast::error::RecvError::Lagged(_)) => break,
                    Ok(_) => {}
                    Err(tokio::sync::broadcast::error::RecvError::Closed) => std::future::pending().await,
                }
            }
        };
        tokio::select! {
            () = shutdown.cancelled() => {}
            () = wake => {}
            () = tokio::time::sleep(POLL) => {}
        }
    }
    running.close();
    if tokio::time::timeout(DRAIN, running.wait()).await.is_err() {
        tracing::warn!("some jobs did not stop in time; their leases end by themselves");
    }
}

/// Queues what is due, buries what is lost, and claims the next job.
async fn next(state: &AppState, settings: &Settings) -> Result<Option<Claimed>, Error> {
    schedule::tick(state).await?;
    let mut tx = state.pool.begin().await?;
    for (job_id, payload) in queries::bury(&mut tx).await? {
        if let Ok(work) = serde_json::from_value::<Work>(payload) {
            settle(&mut tx, job_id, &work, &End::Dead { error: Failure::WorkerSilent, remedy: None }).await?;
        }
    }
    tx.commit().await?;
    let mut conn = state.pool.acquire().await?;
    Ok(queries::claim(&mut conn, &settings.name, settings.lease.as_secs_f64()).await?)
}

async fn work_on(state: AppState, settings: Settings, claimed: Claimed, shutdown: CancellationToken) {
    let context = Arc::new(JobContext::new(state.clone(), &claimed));
    let work: Result<Work, _> = serde_json::from_value(claimed.payload.clone());
    let done = CancellationToken::new();
    let beat = tokio::spawn(keep_lease(Arc::clone(&context), settings.lease, done.clone(), shutdown));
    tracing::info!(job.id = claimed.job_id, job.attempt = claimed.attempt, "job starts");
    let result = match &work {
        Ok(work) => on_own_thread(Arc::clone(&context), work.clone()).await.unwrap_or_else(|panic| {
            Err(JobError::Transient { failure: Failure::BrokeOff { panic: panic.to_string() }, help: Some(Help::Report) })
        }),
        Err(_) => Err(JobError::Permanent { failure: Failure::UnknownKind, help: Some(Help::UpgradeWorker) }),
    };
    context.flush_progress().await;
    end(&context, work.ok().as_ref(), result).await;
    done.cancel();
    let _ = beat.await;
}

/// A job has a thread of its own, so that hashing gigabytes never keeps a page waiting; its input and output are the runtime's.
async fn on_own_thread(context: Arc<JobContext>, work: Work) -> Result<Result<(), JobError>, tokio::task::JoinError> {
    let runtime = tokio::runtime::Handle::current();
    tokio::task::spawn_blocking(move || runtime.block_on(execute(context, work))).await
}

async fn execute(context: Arc<JobContext>, work: Work) -> Result<(), JobError> {
    match work {
        Work::Backup { run_id } => crate::plans::backup_job(context, run_id).await,
        Work::Restore { request_id } => crate::restores::restore_job(context, request_id).await,
        Work::Copy { plan_id, vault_id } => crate::copies::copy_job(context, plan_id, vault_id).await,
        Work::Verify { vault_id, scope } => crate::vaults::verify_job(context, vault_id, scope).await,
        Work::Rebuild { vault_id } => crate::vaults::rebuild::rebuild_job(context, vault_id).await,
        Work::Sweep { vault_id, dry_run, however_much } => {
            crate::vaults::sweep::sweep_job(context, vault_id, SweepForm { dry_run, however_much }).await
        }
        Work::Inventory { harbor_id } => crate::harbors::inventory_job(context, harbor_id).await,
    }
}

/// Renews the lease every third of it. At two thirds without an answer the worker stops by its own monotonic clock.
async fn keep_lease(context: Arc<JobContext>, lease: Duration, done: CancellationToken, shutdown: CancellationToken) {
    let mut renewed = Instant::now();
    loop {
        tokio::select! {
            () = done.cancelled() => return,
            () = shutdown.cancelled(), if !context.shutdown.load(Ordering::Acquire) => {
                context.shutdown.store(true, Ordering::Release);
            }
            () = tokio::time::sleep(lease / 3) => {}
        }
        let asked = Instant::now();
        let answer = tokio::time::timeout(lease / 3, async {
            let mut conn = context.state.pool.acquire().await?;
            queries::heartbeat(&mut conn, context.job_id, context.epoch, lease.as_secs_f64()).await
        });
        match answer.await {
            Ok(Ok(Some(cancel))) => {
                renewed = asked;
                if cancel {
                    context.cancelled.store(true, Ordering::Release);
                }
            }
            Ok(Ok(None)) => {
                context.lost.store(true, Ordering::Release);
                return;
            }
            Ok(Err(_)) | Err(_) => {}
        }
        if renewed.elapsed() > lease * 2 / 3 {
            context.lost.store(true, Ordering::Release);
        }
    }
}

fn judge(context: &JobContext, result: Result<(), JobError>) -> Option<End> {
    match result {
        Ok(()) => Some(End::Done),
        Err(JobError::Stopped(Stop::Cancelled)) => Some(End::Cancelled),
        Err(JobError::Stopped(Stop::LeaseLost)) => None,
        Err(JobError::Stopped(Stop::Shutdown)) => Some(End::Again { error: Failure::WorkerStopped, remedy: None, wait_s: 0.0 }),
        Err(JobError::Permanent { failure, help } | JobError::Refused { failure, help }) => {
            Some(End::Dead { error: failure, remedy: help })
        }
        Err(JobError::Transient { failure, help }) if context.is_last_try() => Some(End::Dead { error: failure, remedy: help }),
        Err(JobError::Transient { failure, help }) => {
            let doublings = u32::try_from(context.attempt - 1).unwrap_or(0).min(16);
            let base = BACKOFF_FIRST_S * f64::from(2_u32.pow(doublings));
            let jitter = rand::random_range(0.75..1.25);
            Some(End::Again { error: failure, remedy: help, wait_s: (base * jitter).min(BACKOFF_MAX_S) })
        }
    }
}

async fn end(context: &JobContext, work: Option<&Work>, result: Result<(), JobError>) {
    let Some(end) = judge(context, result) else {
        tracing::warn!(job.id = context.job_id, "lease was lost; another worker goes on");
        return;
    };
    let (level, line) = match &end {
        End::Done => ("info", Line::Done),
        End::Cancelled => ("warn", Line::StoppedByPerson),
        End::Again { error, wait_s, .. } => {
            let seconds = figure(Duration::from_secs_f64(wait_s.max(0.0)).as_secs());
            ("warn", Line::TryAgain { why: error.clone(), seconds })
        }
        End::Dead { error, .. } => ("error", Line::Failed { why: error.clone() }),
    };
    context.log(level, line.clone()).await;
    let ended = async {
        let mut tx = context.state.pool.begin().await?;
        if queries::finish(&mut tx, context.job_id, context.epoch, &end).await? {
            if let Some(work) = work {
                settle(&mut tx, context.job_id, work, &end).await?;
            }
            events::notify(&mut tx, Topic::Jobs).await?;
            if queries::is_awaited(&mut tx, context.job_id).await? {
                events::notify(&mut tx, Topic::Work).await?;
            }
        } else {
            return Ok(false);
        }
        tx.commit().await?;
        Ok::<_, Error>(true)
    };
    match ended.await {
        Ok(false) => tracing::warn!(job.id = context.job_id, "lease was lost; another worker goes on"),
        Ok(true) => tracing::info!(job.id = context.job_id, job.end = %line, "job ended"),
        Err(error) => {
            tracing::error!(job.id = context.job_id, error = %chain(&error), "cannot write the end of a job; its lease ends by itself")
        }
    }
}

/// Brings what the job was for into a final state when the job is over for good; in the transaction that ends the job.
async fn settle(conn: &mut sqlx::PgConnection, job_id: i64, work: &Work, end: &End) -> Result<(), Error> {
    if matches!(end, End::Again { .. }) {
        return Ok(());
    }
    match work {
        Work::Backup { run_id } => crate::plans::settle_run(conn, job_id, *run_id, end).await,
        Work::Restore { request_id } => crate::restores::settle_request(conn, job_id, *request_id, end).await,
        Work::Copy { plan_id, .. } => crate::copies::settle(conn, *plan_id, end).await,
        Work::Verify { .. } | Work::Rebuild { .. } | Work::Sweep { .. } | Work::Inventory { .. } => Ok(()),
    }
}

/// The same for a job that was cancelled before any worker had it.
pub async fn settle_cancelled(conn: &mut sqlx::PgConnection, job_id: i64, work: &Work) -> Result<(), Error> {
    settle(conn, job_id, work, &End::Cancelled).await
}
