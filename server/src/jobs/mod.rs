//! Work in rows: [`enqueue`] inside the caller's transaction, [`worker`] to do it, anywhere, by any number of processes.
//!
//! A claim raises the epoch; every write of a worker carries it (I-20), so a worker that lost its lease changes nothing more. A
//! dead worker's job is taken again when its lease ends; tries are bounded and the last failure stays visible (I-21).
//! No transaction and no row lock is held while a job runs.

pub mod context;
mod ops;
pub mod queries;
pub mod schedule;
pub mod worker;

pub use context::{JobContext, JobError, Stop};
pub use ops::{cancel, get, list, log, newest, retry};
pub use queries::{Reach, running_text};

use app::jobs::sentences::Title;
use serde::{Deserialize, Serialize};
use sqlx::PgConnection;

use crate::error::Error;
use crate::events::{self, Topic};

/// What a job does; stored in the row, by ids only.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Work {
    /// Runs a plan.
    Backup {
        /// The run.
        run_id: i64,
    },
    /// Executes an approved request.
    Restore {
        /// The request.
        request_id: i64,
    },
    /// Brings what a plan made into a further vault.
    Copy {
        /// The plan.
        plan_id: i64,
        /// The further vault.
        vault_id: i64,
    },
    /// Reads and hashes objects of a vault, looks for what is missing, and heals.
    Verify {
        /// The vault.
        vault_id: i64,
        /// How much is read.
        #[serde(default)]
        scope: crate::vaults::Scope,
    },
    /// Makes the catalogue agree with a vault.
    Rebuild {
        /// The vault.
        vault_id: i64,
    },
    /// Frees what no snapshot in a vault needs.
    Sweep {
        /// The vault.
        vault_id: i64,
        /// Look only.
        dry_run: bool,
        /// Go on although it is more than a fifth of the vault.
        however_much: bool,
    },
    /// Lists the projects of a harbor and checks its login.
    Inventory {
        /// The harbor.
        harbor_id: i64,
    },
}

/// What [`Work::kind`] answers.
pub const KINDS: [&str; 7] = ["backup", "restore", "copy", "verify", "rebuild", "sweep", "inventory"];

impl Work {
    /// Name of the kind.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Backup { .. } => "backup",
            Self::Restore { .. } => "restore",
            Self::Copy { .. } => "copy",
            Self::Verify { .. } => "verify",
            Self::Rebuild { .. } => "rebuild",
            Self::Sweep { .. } => "sweep",
            Self::Inventory { .. } => "inventory",
        }
    }

    /// Tries it gets. A restore is safe to repeat, because every step looks before it writes. Eight of them wait ten minutes in all, which a
    /// Harbor that is upgraded needs (F-23).
    #[must_use]
    pub const fn attempt_max(&self) -> i32 {
        match self {
            Self::Backup { .. } | Self::Restore { .. } | Self::Copy { .. } => 8,
            Self::Verify { .. } | Self::Rebuild { .. } | Self::Sweep { .. } => 3,
            Self::Inventory { .. } => 2,
        }
    }
}

/// A job to queue.
#[derive(Debug, Clone)]
pub struct NewJob {
    /// What to do.
    pub work: Work,
    /// What it is about, one line.
    pub title: Title,
    /// At most one open job has this key; a second enqueue answers with the first.
    pub dedupe_key: String,
    /// Login, or `schedule`.
    pub trigger: String,
    /// Account that asked.
    pub account_id: Option<i64>,
    /// Harbor it is about.
    pub harbor_id: Option<i64>,
    /// Project it is about, for those who see that project only.
    pub project: Option<String>,
    /// Page of what it is about.
    pub link: Option<String>,
    /// Job that must be over before this one begins.
    pub after: Option<i64>,
}

/// A queued job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Enqueued {
    /// The job.
    pub job_id: i64,
    /// False: an open job with the same key was there already.
    pub new: bool,
}

/// Queues a job in the caller's transaction.
pub async fn enqueue(conn: &mut PgConnection, job: &NewJob) -> Result<Enqueued, Error> {
    let payload = serde_json::to_value(&job.work).map_err(|e| Error::defect(e.to_string()))?;
    let enqueued = queries::insert(conn, job, &payload).await?;
    events::notify(conn, Topic::Jobs).await?;
    events::notify(conn, Topic::Work).await?;
    Ok(enqueued)
}
