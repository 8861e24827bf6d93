//! Work in rows: what runs, what waits, what failed and why.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::failures::{Failure, Help};
use super::lines::Line;
use super::sentences::{Phase, Title};
use crate::sentence::Said;
use crate::units::Moment;

/// Where a job stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum JobState {
    /// Waits for its time or a worker.
    Queued,
    /// A worker has it.
    Running,
    /// Ended good.
    Done,
    /// Ended with an error; tried as often as it may.
    Dead,
    /// Stopped by a person.
    Cancelled,
}

/// One job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Job {
    /// Id.
    pub id: i64,
    /// `backup`, `restore`, `verify`, `inventory`.
    pub kind: String,
    /// What it is about, one line.
    pub title: Said<Title>,
    /// State.
    pub state: JobState,
    /// Try this is, from 1.
    pub attempt: i64,
    /// Tries it has.
    pub attempt_max: i64,
    /// Worker that has or had it.
    pub worker: Option<String>,
    /// Who or what asked for it: a login, `schedule`.
    pub trigger: String,
    /// Made.
    pub created: Moment,
    /// Started (this try).
    pub started: Option<Moment>,
    /// Ended.
    pub finished: Option<Moment>,
    /// Not before.
    pub run_at: Moment,
    /// Someone asked to stop it.
    pub cancel_requested: bool,
    /// Where it stands; none = it has not said.
    pub phase: Option<Said<Phase>>,
    /// Items done.
    pub items_done: i64,
    /// Items in all, 0 = unknown.
    pub items_total: i64,
    /// Bytes done.
    pub bytes_done: i64,
    /// Bytes in all, 0 = unknown.
    pub bytes_total: i64,
    /// Why the last try failed.
    pub error: Option<Said<Failure>>,
    /// What to do about it.
    pub remedy: Option<Said<Help>>,
    /// Page of what it is about.
    pub link: Option<String>,
    /// What the viewer may do: `cancel`, `retry`.
    pub may: Vec<String>,
}

/// One line of a job's log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LogLine {
    /// Number of the line, from 1.
    pub seq: i64,
    /// When.
    pub at: Moment,
    /// `info`, `warn`, `error`.
    pub level: String,
    /// What it says.
    pub text: Said<Line>,
}

/// Filter of the job list.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema, IntoParams)]
pub struct JobFilter {
    /// Kind.
    #[serde(default)]
    pub kind: Option<String>,
    /// State.
    #[serde(default)]
    pub state: Option<String>,
    /// Cursor.
    #[serde(default)]
    pub after: Option<String>,
}
