//! What the engine asks of whoever runs it: may I go on, and here is how far I am.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use vocab::{Digest, RepositoryName, Tag};

use crate::report::ItemResult;
use crate::stop::Stop;

/// How loud a note is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// Good to know.
    Info,
    /// Somebody should look at it.
    Warn,
}

/// What became of one item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ItemOutcome {
    /// Done.
    Done,
    /// Nothing to do.
    Skipped,
    /// Became a gap, or failed.
    Failed,
}

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A new phase began.
    Phase(&'static str),
    /// More work became known; totals add up.
    Total {
        /// Items: manifests and blobs of a backup, items of a restore.
        items: u64,
        /// Bytes to move.
        bytes: u64,
    },
    /// An item is over.
    Item {
        /// Which.
        name: String,
        /// How it ended.
        outcome: ItemOutcome,
    },
    /// So many bytes were moved.
    Bytes(u64),
    /// A line for the log.
    Note {
        /// How loud.
        level: Level,
        /// One sentence.
        text: String,
        /// The same as a value: a code and its facts.
        values: serde_json::Value,
    },
}

/// Hears what happens. Must return at once.
pub trait Progress: Send + Sync {
    /// Something happened.
    fn event(&self, event: Event);
}

/// Asked before each item of a backup, at most once a second, and always before a snapshot is sealed.
#[async_trait]
pub trait Control: Send + Sync {
    /// Whether the work may go on.
    async fn check(&self) -> Result<(), Stop>;
}

/// A tag is about to be written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TagIntent {
    /// Place of the item in the effect plan.
    pub item: usize,
    /// Where.
    pub repository: RepositoryName,
    /// Which tag.
    pub tag: Tag,
    /// What it points to now, read a moment ago.
    pub previous: Option<Digest>,
    /// What it will point to.
    pub then: Digest,
}

/// Asked before every single write to a registry. An error stops the restore before that write.
#[async_trait]
pub trait Gate: Send + Sync {
    /// Lease, cancellation, approvals: may `what` be written now?
    async fn before_write(&self, what: &str) -> Result<(), Stop>;

    /// A tag is about to be written; record durably what it pointed to, then answer.
    async fn tag_intent(&self, intent: &TagIntent) -> Result<(), Stop>;

    /// An item is over; record it.
    async fn item_done(&self, result: &ItemResult) -> Result<(), Stop>;
}

/// Nobody listens and nobody stops it: for tests and tools.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Progress for Silent {
    fn event(&self, _: Event) {}
}

#[async_trait]
impl Control for Silent {
    async fn check(&self) -> Result<(), Stop> {
        Ok(())
    }
}

#[async_trait]
impl Gate for Silent {
    async fn before_write(&self, _: &str) -> Result<(), Stop> {
        Ok(())
    }

    async fn tag_intent(&self, _: &TagIntent) -> Result<(), Stop> {
        Ok(())
    }

    async fn item_done(&self, _: &ItemResult) -> Result<(), Stop> {
        Ok(())
    }
}
