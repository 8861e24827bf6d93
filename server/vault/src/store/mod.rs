//! What the vault asks of the place its bytes lie in: a directory, an S3 bucket, memory.
//!
//! The trait is small on purpose: everything that makes bytes trustworthy (hashing on the way out, pointers, holds,
//! quarantine) is written once above it, and the conformance suite holds every implementation to the same promises.
//!
//! Rejected: `object_store::local::LocalFileSystem`. With its fsync option it is durable, yet it cannot tell a put that
//! hashes while it writes, has no rename without replacing, and pays two fsyncs per small object where this one shares
//! the directory's between concurrent puts. That crate signs, reads and lists for [`bucket`].

pub mod bucket;
pub mod directory;
pub mod memory;
pub mod reading;

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;
use futures::{StreamExt as _, TryStreamExt as _};
use time::OffsetDateTime;
use tokio::task::JoinHandle;
use vocab::{Digest, Hasher};

use crate::error::StoreError;
use crate::layout::{Key, Prefix};
use crate::lock::{Extended, Lock, Locked};

/// How much is gathered before it is hashed and written in one go, in bytes. Large enough that the hand-over to a
/// blocking thread (about 10 µs) does not show, small enough that a stream holds three of them at most.
pub const BATCH_BYTES: usize = 1024 * 1024;
/// How much is read in one go, in bytes.
pub const READ_BYTES: usize = 512 * 1024;
/// Pieces up to this size are hashed in place; larger ones on a blocking thread, so that tasks keep their turn.
const HASH_INLINE_BYTES: usize = 64 * 1024;

/// The source of an object's bytes broke off; the error itself stays with the caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BodyBroken;

/// An object's bytes on their way in.
pub type Body<'a> = BoxStream<'a, Result<Bytes, BodyBroken>>;
/// Bytes on their way out. Not verified: [`crate::Vault::get`] does that.
pub type Chunks = BoxStream<'static, Result<Bytes, StoreError>>;

/// What is about to come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Expected {
    /// Its digest, and so its name.
    pub digest: Digest,
    /// Its size in bytes, if announced.
    pub size_bytes: Option<u64>,
}

/// What became of a put.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Written {
    /// Stored now.
    New {
        /// Size in bytes.
        size_bytes: u64,
    },
    /// Somebody else stored the same bytes meanwhile; theirs were checked and stay.
    Existing {
        /// Size in bytes.
        size_bytes: u64,
    },
}

/// What is known of a key without reading it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// Size in bytes.
    pub size_bytes: u64,
}

/// What is known of a key without reading it, and how it is locked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Looked {
    /// Size in bytes.
    pub size_bytes: u64,
    /// How it is locked, if it is.
    pub locked: Option<Locked>,
}

/// One of several versions a store keeps of a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    /// The store's own name for it.
    pub id: String,
    /// Size in bytes.
    pub size_bytes: u64,
    /// Whether it is what the name stands for now.
    pub is_current: bool,
}

/// One line of a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The name.
    pub key: Key,
    /// Size in bytes.
    pub size_bytes: u64,
    /// When its bytes were last written, by the store's own clock; `None` where it has none. A saving, never a proof: only used to
    /// spare what a running backup has just stored.
    pub modified: Option<OffsetDateTime>,
}

/// Something below the name of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OldVersion {
    /// The name.
    pub key: Key,
    /// Which of its versions.
    pub version: Version,
    /// Whether it is only a mark that the name was deleted.
    pub is_marker: bool,
    /// Whether the name stands for nothing now.
    pub is_hidden: bool,
    /// When it was written, by the store's own clock.
    pub modified: Option<OffsetDateTime>,
}

/// A part of an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ByteRange {
    /// The first byte.
    pub offset: u64,
    /// How many bytes; `None` for all that follow.
    pub length: Option<u64>,
}

/// Room in the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Space {
    /// Bytes that can still be written.
    pub free_bytes: u64,
    /// Bytes there are in all.
    pub total_bytes: u64,
}

/// What a cleaning took away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Cleaned {
    /// How many leftovers.
    pub count: u64,
    /// How many bytes they had.
    pub size_bytes: u64,
}

/// A place for bytes. Every write that returns `Ok` is durable; every write that returns an error has an unknown outcome.
#[async_trait]
pub trait Store: fmt::Debug + Send + Sync + 'static {
    /// What to call the place in messages.
    fn place(&self) -> String;

    /// The file behind `key`, where there is one. For hard links in views only.
    fn local_path(&self, key: &Key) -> Option<PathBuf>;

    /// Stores an object if it is absent, hashing while writing. Bytes that do not match `expected` are dropped and never
    /// appear under a final name.
    async fn put(&self, expected: &Expected, body: Body<'_>) -> Result<Written, StoreError>;

    /// Stores a small record unless the name is taken ([`StoreError::Exists`]).
    async fn create(&self, key: &Key, bytes: Bytes) -> Result<(), StoreError>;

    /// Stores a small record, taking the place of what was there in one step.
    async fn replace(&self, key: &Key, bytes: Bytes) -> Result<(), StoreError>;

    /// Whether `key` is there, and how large. `None` only when the store says for certain that it is not.
    async fn head(&self, key: &Key) -> Result<Option<Head>, StoreError>;

    /// Reads `range` of `key`.
    async fn get(&self, key: &Key, range: ByteRange) -> Result<Chunks, StoreError>;

    /// Reads all of `key` and hashes it.
    async fn hash(&self, key: &Key) -> Result<Hasher, StoreError> {
        let mut chunks = self.get(key, ByteRange::default()).await?;
        let mut hasher = Hasher::new();
        while let Some(chunk) = chunks.try_next().await? {
            hasher = hash(hasher, chunk).await?;
        }
        Ok(hasher)
    }

    /// Lists a family of keys. Pointers come sorted by name; an error ends the listing and is never an empty answer.
    fn list(&self, prefix: &Prefix) -> BoxStream<'static, Result<Entry, StoreError>>;

    /// Renames, never onto something ([`StoreError::Exists`]).
    async fn rename(&self, from: &Key, to: &Key) -> Result<(), StoreError>;

    /// Whether a rename of a condemned object may leave its copy behind for a while. Only where a rename is not one step.
    fn renames_leave_copies(&self) -> bool {
        false
    }

    /// Whether a condemned copy may go: nothing under way can take its object's final name any more. Whoever wants to let a copy go because the
    /// final name is there asks this first and looks at the final name second, for what may go after that look may go because a delete has
    /// struck meanwhile.
    async fn may_go(&self, _: &Key) -> Result<bool, StoreError> {
        Ok(true)
    }

    /// Takes a key away. Refuses every key that is not [`Key::is_removable`]; [`StoreError::NotYet`] where it has to wait.
    async fn remove(&self, key: &Key) -> Result<(), StoreError>;

    /// Makes every object name that is visible now durable, whoever wrote it.
    async fn sync(&self) -> Result<(), StoreError>;

    /// Takes away what broken-off writes left behind more than `older_than` ago. Never a final name.
    async fn clean_temp(&self, older_than: Duration) -> Result<Cleaned, StoreError>;

    /// Room left; `None` where there is no such figure.
    async fn space(&self) -> Result<Option<Space>, StoreError>;

    /// Whether its place still leads to it: a folder may have been moved away, mounted over or unmounted since it was opened.
    async fn is_in_place(&self) -> Result<bool, StoreError> {
        Ok(true)
    }

    /// How everything that is written once is locked when it is written: see [`Key::is_write_once`]. `None`: it is not.
    fn lock(&self) -> Option<Lock> {
        None
    }

    /// Like [`Store::head`], and how it is locked. May cost a request more.
    async fn look(&self, key: &Key) -> Result<Option<Looked>, StoreError> {
        Ok(self.head(key).await?.map(|head| Looked { size_bytes: head.size_bytes, locked: None }))
    }

    /// Locks what has this name until `wanted`, unless it is locked until `enough` at least; a lock is never shortened.
    async fn extend_lock(&self, key: &Key, _wanted: OffsetDateTime, _enough: OffsetDateTime) -> Result<Extended, StoreError> {
        Err(StoreError::NotLockable { key: key.to_string() })
    }

    /// Whether the store keeps what was deleted or replaced, and may know of locks.
    async fn keeps_versions(&self) -> Result<bool, StoreError> {
        Ok(false)
    }

    /// The versions of one name, newest first.
    async fn versions(&self, _key: &Key) -> Result<Vec<Version>, StoreError> {
        Ok(Vec::new())
    }

    /// Reads one version.
    async fn get_version(&self, key: &Key, _version: &Version) -> Result<Chunks, StoreError> {
        Err(StoreError::Missing { key: key.to_string() })
    }

    /// Makes one of its versions what a name stands for again. What lay above it stays as a version, but for marks of deletion.
    async fn revive(&self, key: &Key, _version: &Version) -> Result<(), StoreError> {
        Err(StoreError::Missing { key: key.to_string() })
    }

    /// Names of a family that were deleted and have versions below.
    fn hidden(&self, _prefix: &Prefix) -> BoxStream<'static, Result<Key, StoreError>> {
        futures::stream::empty().boxed()
    }

    /// What objects have below their names: versions that are not current, and marks of deletion.
    fn old_versions(&self) -> BoxStream<'static, Result<OldVersion, StoreError>> {
        futures::stream::empty().boxed()
    }

    /// Takes one such version away. `false`: it is locked, or the key may not.
    async fn remove_version(&self, key: &Key, _version: &Version) -> Result<bool, StoreError> {
        Err(StoreError::NotRemovable { key: key.to_string() })
    }
}

/// Hashes one more piece; a large one away from the tasks.
pub(crate) async fn hash(mut hasher: Hasher, chunk: Bytes) -> Result<Hasher, StoreError> {
    if chunk.len() <= HASH_INLINE_BYTES {
        hasher.update(&chunk);
        return Ok(hasher);
    }
    blocking(move || {
        hasher.update(&chunk);
        Ok(hasher)
    })
    .await
}

/// Runs `work`, which blocks on the disk, away from the tasks.
pub(crate) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T, StoreError> + Send + 'static) -> Result<T, StoreError> {
    joined(tokio::task::spawn_blocking(work)).await
}

pub(crate) async fn joined<T>(handle: JoinHandle<Result<T, StoreError>>) -> Result<T, StoreError> {
    match handle.await {
        Ok(result) => result,
        Err(broken) if broken.is_panic() => std::panic::resume_unwind(broken.into_panic()),
        Err(_) => Err(StoreError::Io {
            action: "finish work on",
            key: "the vault".to_owned(),
            source: std::io::Error::other("the program is shutting down"),
        }),
    }
}
