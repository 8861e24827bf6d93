//! What a running job holds on to: its lease, its log, its progress, and the question "may I go on?".

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use app::jobs::failures::{Failure, Help};
use app::jobs::lines::Line;
use sqlx::PgConnection;

use super::queries::{self, Claimed, Progress};
use crate::error::Error;
use crate::events::{self, Topic};
use crate::state::AppState;
use crate::troubles;

/// Progress is written at most this often.
const PROGRESS_EVERY: Duration = Duration::from_millis(500);

/// Why a job must not go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Stop {
    /// A person asked to stop.
    #[error("stopped by a person")]
    Cancelled,
    /// Another worker may have the job: nothing more may be written, not even the end.
    #[error("the lease was lost")]
    LeaseLost,
    /// The process ends; the job goes back to the queue.
    #[error("the worker is shutting down")]
    Shutdown,
}

/// How a job ends early.
#[derive(Debug, thiserror::Error)]
pub enum JobError {
    /// It was stopped.
    #[error(transparent)]
    Stopped(#[from] Stop),
    /// Worth another try later.
    #[error("{failure}")]
    Transient { failure: Failure, help: Option<Help> },
    /// Another try would end the same.
    #[error("{failure}")]
    Permanent { failure: Failure, help: Option<Help> },
    /// The same, and nothing else that the job still has to do would go better: its login is refused, and each further try with it brings the
    /// registry closer to locking it.
    #[error("{failure}")]
    Refused { failure: Failure, help: Option<Help> },
}

impl JobError {
    /// Why it ended.
    #[must_use]
    pub fn failure(&self) -> Failure {
        match self {
            Self::Stopped(_) => Failure::WorkerStopped,
            Self::Transient { failure, .. } | Self::Permanent { failure, .. } | Self::Refused { failure, .. } => failure.clone(),
        }
    }

    /// What a registry's refusal means for a job, and what helps.
    #[must_use]
    pub fn registry(error: &registry::RegistryError) -> Self {
        let failure = troubles::registry(error).into();
        let help = match error {
            registry::RegistryError::NotLoggedIn { .. } => return Self::Refused { failure, help: Some(Help::RenewLogin) },
            registry::RegistryError::Forbidden { .. } => Some(Help::TestConnection),
            _ => None,
        };
        if error.is_transient() { Self::Transient { failure, help } } else { Self::Permanent { failure, help } }
    }

    /// Another try would end the same, and nobody can help.
    #[must_use]
    pub const fn for_good(failure: Failure) -> Self {
        Self::Permanent { failure, help: None }
    }

    /// Worth another try later, if `again`.
    #[must_use]
    pub const fn of(failure: Failure, again: bool) -> Self {
        if again { Self::Transient { failure, help: None } } else { Self::Permanent { failure, help: None } }
    }
}

impl From<Error> for JobError {
    fn from(error: Error) -> Self {
        match &error {
            Error::Registry(inner) => Self::registry(inner),
            Error::Api(_) | Error::Crypto(_) => Self::for_good(troubles::failure(&error)),
            _ => Self::of(troubles::failure(&error), true),
        }
    }
}

impl From<sqlx::Error> for JobError {
    fn from(error: sqlx::Error) -> Self {
        Error::from(error).into()
    }
}

/// A job that is being worked on.
pub struct JobContext {
    /// Everything the program can reach.
    pub state: AppState,
    /// Row.
    pub job_id: i64,
    /// Fencing token.
    pub epoch: i64,
    /// This try, from 1.
    pub attempt: i32,
    /// Tries it has.
    pub attempt_max: i32,
    pub(super) cancelled: AtomicBool,
    pub(super) lost: AtomicBool,
    pub(super) shutdown: AtomicBool,
    progress: Mutex<(Progress, Option<Instant>)>,
}

impl JobContext {
    /// A context for a claimed job.
    #[must_use]
    pub fn new(state: AppState, claimed: &Claimed) -> Self {
        Self {
            state,
            job_id: claimed.job_id,
            epoch: claimed.epoch,
            attempt: claimed.attempt,
            attempt_max: claimed.attempt_max,
            cancelled: AtomicBool::new(false),
            lost: AtomicBool::new(false),
            shutdown: AtomicBool::new(false),
            progress: Mutex::new((Progress::default(), None)),
        }
    }

    /// Whether this is the last try.
    #[must_use]
    pub const fn is_last_try(&self) -> bool {
        self.attempt >= self.attempt_max
    }

    /// What the heartbeat last learned; cheap, for inner loops.
    pub fn stop_asked(&self) -> Result<(), Stop> {
        if self.lost.load(Ordering::Acquire) {
            Err(Stop::LeaseLost)
        } else if self.cancelled.load(Ordering::Acquire) {
            Err(Stop::Cancelled)
        } else if self.shutdown.load(Ordering::Acquire) {
            Err(Stop::Shutdown)
        } else {
            Ok(())
        }
    }

    /// Asks the database: does the lease hold, did anybody cancel? Before every write outside.
    pub async fn check(&self) -> Result<(), Stop> {
        self.stop_asked()?;
        let standing = async {
            let mut conn = self.state.pool.acquire().await?;
            queries::standing(&mut conn, self.job_id, self.epoch).await
        };
        match standing.await {
            Ok(Some(false)) => Ok(()),
            Ok(Some(true)) => {
                self.cancelled.store(true, Ordering::Release);
                Err(Stop::Cancelled)
            }
            Ok(None) => {
                self.lost.store(true, Ordering::Release);
                Err(Stop::LeaseLost)
            }
            // Without an answer nobody can say that the lease holds.
            Err(error) => {
                tracing::warn!(job.id = self.job_id, error = %crate::error::chain(&error), "cannot ask whether the lease holds");
                Err(Stop::LeaseLost)
            }
        }
    }

    /// Refuses a transaction of a worker that lost its lease: call first in each, it locks the job's row until commit.
    pub async fn fence(&self, conn: &mut PgConnection) -> Result<(), JobError> {
        let holds: Option<i64> =
            sqlx::query_scalar("select job_id from job where job_id = $1 and epoch = $2 and state = 'running' for update")
                .bind(self.job_id)
                .bind(self.epoch)
                .fetch_optional(conn)
                .await?;
        if holds.is_some() {
            return Ok(());
        }
        self.lost.store(true, Ordering::Release);
        Err(Stop::LeaseLost.into())
    }

    /// Adds a line to the log. A log that cannot be written does not stop the work.
    pub async fn log(&self, level: &'static str, line: impl Into<Line>) {
        let line = line.into();
        let written = async {
            let mut conn = self.state.pool.acquire().await?;
            queries::log(&mut conn, self.job_id, self.epoch, level, &line).await?;
            events::notify(&mut conn, Topic::Jobs).await
        };
        if let Err(error) = written.await {
            tracing::warn!(job.id = self.job_id, error = %crate::error::chain(&error), line = %line, "cannot write a job's log");
        }
    }

    /// Changes the progress; written at most twice a second, and always when the phase changes.
    pub async fn progress(&self, change: impl FnOnce(&mut Progress)) {
        let write = {
            let mut guard = self.progress.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            let (progress, written) = &mut *guard;
            let phase = progress.phase.clone();
            change(progress);
            let due = written.is_none_or(|at| at.elapsed() >= PROGRESS_EVERY) || phase != progress.phase;
            due.then(|| {
                *written = Some(Instant::now());
                progress.clone()
            })
        };
        if let Some(progress) = write {
            self.write_progress(&progress).await;
        }
    }

    /// Writes the last progress, whatever the time.
    pub async fn flush_progress(&self) {
        let progress = self.progress.lock().unwrap_or_else(std::sync::PoisonError::into_inner).0.clone();
        self.write_progress(&progress).await;
    }

    async fn write_progress(&self, progress: &Progress) {
        let written = async {
            let mut conn = self.state.pool.acquire().await?;
            let holds = queries::progress(&mut conn, self.job_id, self.epoch, progress).await?;
            events::notify(&mut conn, Topic::Jobs).await?;
            Ok::<_, sqlx::Error>(holds)
        };
        match written.await {
            Ok(true) => {}
            Ok(false) => self.lost.store(true, Ordering::Release),
            Err(error) => {
                tracing::warn!(job.id = self.job_id, error = %crate::error::chain(&error), "cannot write a job's progress");
            }
        }
    }
}
