//! What a restore did, item by item.

use std::sync::Arc;

use serde::Serialize;
use vocab::{Digest, RepositoryName, Tag};

use crate::planned::Proof;
use crate::restore::Fault;
use crate::stop::Stop;

/// How one item ended.
#[derive(Debug, Clone, Serialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Outcome {
    /// The target itself says that it is as planned.
    Done {
        /// Its word.
        proof: Proof,
    },
    /// It was the same already when the plan was made, and nothing was to do.
    Same,
    /// The plan leaves what is there as it is.
    Left {
        /// Why: one sentence.
        reason: String,
    },
    /// The plan said that it cannot be done.
    Blocked {
        /// Why, and what helps.
        reason: String,
    },
    /// Not done.
    Failed {
        /// Stable word: `moved_meanwhile`, `read_back_differs`, `immutable`, `quota_exceeded` …
        code: String,
        /// One sentence.
        detail: String,
        /// The HTTP status behind it, where there is one.
        status: Option<u16>,
        /// The same as a value.
        #[serde(skip)]
        fault: Arc<Fault>,
    },
    /// Not begun, or broken off, because the restore was stopped.
    Stopped,
}

/// The result of one item of an effect plan.
#[derive(Debug, Clone, Serialize)]
pub struct ItemResult {
    /// Its place in the plan.
    pub item: usize,
    /// Target repository.
    pub repository: RepositoryName,
    /// Target tag; none = by digest.
    pub tag: Option<Tag>,
    /// The digest it was to have.
    pub then: Digest,
    /// How it ended.
    #[serde(flatten)]
    pub outcome: Outcome,
    /// What the tag pointed to before.
    pub previous: Option<Digest>,
    /// The tag that keeps what was there before.
    pub kept_as: Option<Tag>,
    /// Whether this run wrote the tag or manifest; `false` when it was there already.
    pub written: bool,
    /// Bytes of blobs sent for it.
    pub bytes_sent: u64,
}

/// What a restore did.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Report {
    /// One result per item of the plan, in its order.
    pub items: Vec<ItemResult>,
    /// Whether the project was made.
    pub created_project: bool,
    /// Bytes of blobs sent.
    pub bytes_sent: u64,
    /// Blobs sent.
    pub blobs_sent: u64,
    /// Blobs mounted from another repository.
    pub blobs_mounted: u64,
    /// Manifests written, tags included.
    pub manifests_put: u64,
    /// Requests made to the registry.
    pub requests: u64,
    /// Why it ended early.
    pub stopped: Option<Stop>,
}

/// How a restore ended as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    /// Every line of the plan is as it says: by the target's own word, because it was so before, or left as it is because the plan says so.
    Done,
    /// Some lines are; others failed or were blocked.
    Partly,
    /// No line is, and some failed or were blocked.
    Failed,
    /// It was stopped.
    Stopped,
}

impl Outcome {
    /// Not done, and why.
    #[must_use]
    pub fn failed(fault: Arc<Fault>) -> Self {
        Self::Failed { code: fault.code().to_owned(), detail: fault.to_string(), status: fault.status(), fault }
    }

    /// Whether it was not begun, or broken off.
    #[must_use]
    pub const fn is_stopped(&self) -> bool {
        matches!(self, Self::Stopped)
    }

    /// Whether the target said that it is as planned.
    #[must_use]
    pub const fn is_done(&self) -> bool {
        matches!(self, Self::Done { .. })
    }
}

impl Report {
    /// How it ended: a function of its lines, and of nothing else.
    #[must_use]
    pub fn ending(&self) -> Ending {
        let stopped = self.stopped.is_some() || self.items.iter().any(|item| item.outcome.is_stopped());
        let as_wanted = |item: &ItemResult| item.outcome.is_done() || matches!(item.outcome, Outcome::Same | Outcome::Left { .. });
        if stopped {
            Ending::Stopped
        } else if self.items.iter().all(as_wanted) {
            Ending::Done
        } else if self.done() > 0 {
            Ending::Partly
        } else {
            Ending::Failed
        }
    }

    /// Items that are as planned, by the target's own word.
    #[must_use]
    pub fn done(&self) -> usize {
        self.items.iter().filter(|i| i.outcome.is_done()).count()
    }

    /// Items that failed.
    #[must_use]
    pub fn failed(&self) -> usize {
        self.items.iter().filter(|i| matches!(i.outcome, Outcome::Failed { .. })).count()
    }

    /// Whether nothing failed and nothing stopped it.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.stopped.is_none() && self.failed() == 0
    }
}
