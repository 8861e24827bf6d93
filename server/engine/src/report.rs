//! What a restore did, item by item.

use serde::{Deserialize, Serialize};
use vocab::{Digest, RepositoryName, Tag};

use crate::control::Stop;

/// How one item ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Outcome {
    /// Written and read back, or found to be so already.
    Done,
    /// The plan leaves it as it is.
    Skipped {
        /// Why: one sentence.
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
    },
    /// Not begun, or broken off, because the restore was stopped.
    Stopped,
}

/// The result of one item of an effect plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
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
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
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

impl Report {
    /// Items that are as wanted.
    #[must_use]
    pub fn done(&self) -> usize {
        self.items.iter().filter(|i| i.outcome == Outcome::Done).count()
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
