//! A vault in an S3 bucket.
//!
//! * *Put.* Up to [`PART_BYTES`] are gathered, hashed, compared and sent in one conditional request (`If-None-Match: *`) with their
//!   SHA-256, which the server has to find too. More are sent in parts, each with its SHA-256; the object appears when the upload is
//!   completed, under the same condition, and only after all its bytes were hashed here and agree with its name. So wrong bytes
//!   never have a final name, and a writer that dies leaves an unfinished upload, which nobody can read and [`Store::clean_temp`] aborts.
//! * *Lost answers.* A request is sent a few times. When a conditional one was repeated and is refused, what is there is read and compared:
//!   an object by its hash, a record by its bytes.
//! * *Absent* is only what the server says of this key. A missing bucket, a refused login, a broken answer are errors.
//! * *Rename* is a copy that refuses to replace, then a delete, and so has a moment in which the bytes have both names: see below.
//! * *No sync*: an answered put is durable. *No free space*: a bucket has no such figure; a refusal for lack of it is
//!   [`StoreError::NoSpace`].
//!
//! # A rename is two steps
//! Between them, and after a crash there, the bytes have both names. That loses nothing: under the final name they are found, and the
//! next sweep finds the condemned copy in a sweep without a list, sees the object in place and whole, and lets the copy go.
//! What could lose bytes is a *late* delete: a process frozen between its copy and its delete, or a delete whose answer was lost and that
//! arrives minutes later, takes away an object that others brought back meanwhile. Three things stand against it:
//! 1. The delete of a final name is signed for [`DELETE_VALID`], then the copy is looked at (it must be there, and young), and only then is
//!    the request sent, once. A process that freezes before the signature sees that its copy is gone; one that freezes after it
//!    sends a request the server refuses as expired.
//! 2. A condemned copy is not removed until it is older than [`FENCE`], by the server's own clock ([`StoreError::NotYet`]; the sweep
//!    waits). As long as a late delete can strike, the copy is there, and whoever misses the object brings it back from it.
//! 3. The delete carries `If-Match`, and the object is compared with what was copied just before, so that one that was replaced is not
//!    taken for it.
//!
//! # Where the bucket keeps versions
//! There a delete names the version it means ([`versions`]): it frees the room, leaves no mark of deletion, and cannot take away what is put
//! later, so a late one strikes nothing. The fence stays: what keeps versions today may have that switched off tomorrow, and an object from
//! before it was switched on has no version of its own. Condemning takes all versions of a name, the current one last, since what lies below
//! would have the name again, and whoever looked at it then would not be on the list. Where a version is locked, nothing is condemned;
//! where the key may not delete versions, the name is hidden by a mark as before, and the room is not freed. Quarantine hides the
//! name on purpose: whether an older version is whole is for whoever heals to read, and never assumed.
//!
//! The clocks that are compared are the server's with itself, and with ours only through the signature, which servers refuse
//! when it is off by more than a quarter of an hour. What remains: of two processes that quarantine *and heal* one damaged object
//! at the same time, one may remove what the other has just healed, within one round trip. Verification finds that, and the next backup
//! puts it again.

mod copy;
mod found;
mod listing;
mod place;
mod probe;
mod versions;
mod wire;
mod writer;

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::{self, BoxStream};
use futures::{StreamExt, TryStreamExt};
use http::header::{CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, DATE, ETAG, IF_NONE_MATCH, LAST_MODIFIED, RANGE};
use http::{Method, StatusCode};
use object_store::aws::{AmazonS3, AmazonS3Builder};
use object_store::client::{ClientOptions, HttpClient, HttpConnector};
use object_store::path::Path;
use object_store::{GetOptions, GetRange, ObjectStore, RetryConfig};
use time::OffsetDateTime;
use tokio::sync::OnceCell;
use vocab::Digest;

pub use self::found::{Advice, Found};
pub use self::place::{BucketPlace, PlaceError};
pub use self::probe::{Outcome, Probe, Promise, can_lock, is_fit};
use self::versions::VERSION_ID;
use self::wire::{Answer, Ask, Wire};
use super::{Body, ByteRange, Chunks, Cleaned, Entry, Expected, Head, Looked, OldVersion, Space, Store, Version, Written};
use crate::error::StoreError;
use crate::layout::{Key, Prefix};
use crate::lock::{Extended, Lock, Locked};

/// What is sent in one request, in bytes: an object up to this size, or a part of a larger one. Two of them are in memory per put.
pub const PART_BYTES: usize = 8 * 1024 * 1024;
/// Most parts of one upload; S3's own limit.
pub const PARTS_MAX: u64 = 10_000;
/// How long a delete of a final name is good for once it is signed.
pub const DELETE_VALID: Duration = Duration::from_secs(5 * 60);
/// Youngest age of a condemned copy that may be removed. A copy may take half of it; the other half holds [`DELETE_VALID`] and the
/// quarter of an hour by which clocks may differ many times over.
pub const FENCE: Duration = Duration::from_secs(6 * 60 * 60);

/// Retries of a read or of a page of a listing, and the longest they go on.
const READ_TRIES_MAX: usize = 4;
const READ_RETRY_MAX: Duration = Duration::from_secs(60);

/// A vault's bytes in a bucket. Cheap to clone.
#[derive(Clone)]
pub struct BucketStore {
    shared: Arc<Shared>,
}

struct Shared {
    wire: Wire,
    reader: AmazonS3,
    fence: Duration,
    lock: Option<Lock>,
    /// Whether the bucket says that it keeps versions.
    versioning: OnceCell<bool>,
}

impl fmt::Debug for BucketStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BucketStore").field("place", &self.shared.wire.place.name()).finish_non_exhaustive()
    }
}

/// Gives object_store the caller's client, with the caller's rules of where it may connect to.
#[derive(Debug)]
struct Connect(reqwest::Client);

impl HttpConnector for Connect {
    fn connect(&self, _options: &ClientOptions) -> object_store::Result<HttpClient> {
        Ok(HttpClient::new(self.0.clone()))
    }
}

/// What is known of a name without reading it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Seen {
    size_bytes: u64,
    etag: Option<String>,
    modified: Option<OffsetDateTime>,
    /// Which version it is, where the bucket keeps several.
    version: Option<String>,
    /// How it is locked, as far as the answer says.
    locked: Option<Locked>,
    /// The server's clock when it answered.
    now: Option<OffsetDateTime>,
}

impl Seen {
    /// How old the bytes are, by the server's clock alone. `None` where it does not say.
    fn age(&self) -> Option<Duration> {
        // Both are written to the second, and some servers keep their date for a moment: a little below zero is zero.
        Some(Duration::try_from(self.now? - self.modified?).unwrap_or(Duration::ZERO))
    }
}

impl BucketStore {
    /// Talks to a bucket through `client`, which must follow no redirects, use no proxy, and connect only where it may; it should have a
    /// connect and a read time-out. Nothing is sent yet.
    pub fn new(place: BucketPlace, client: reqwest::Client) -> Result<Self, StoreError> {
        let credential = place.credential();
        let reader = AmazonS3Builder::new()
            .with_bucket_name(place.bucket())
            .with_region(place.region())
            .with_endpoint(place.endpoint())
            .with_virtual_hosted_style_request(!place.path_style())
            .with_allow_http(place.is_plain_http())
            .with_access_key_id(&credential.key_id)
            .with_secret_access_key(&credential.secret_key)
            .with_http_connector(Connect(client.clone()))
            .with_retry(RetryConfig { max_retries: READ_TRIES_MAX, retry_timeout: READ_RETRY_MAX, ..RetryConfig::default() })
            .build()
            .map_err(|e| StoreError::Io { action: "talk to", key: place.name(), source: io::Error::other(e) })?;
        let shared = Shared { wire: Wire::new(place, client), reader, fence: FENCE, lock: None, versioning: OnceCell::new() };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// The same bucket, in which everything that is written once is locked. Whether the bucket can is [`BucketStore::probe`]'s to say.
    #[must_use]
    pub fn with_lock(self, lock: Option<Lock>) -> Self {
        let Some(shared) = Arc::into_inner(self.shared) else { unreachable!("a store is changed before it is shared") };
        Self { shared: Arc::new(Shared { lock, ..shared }) }
    }

    /// The same bucket with another [`FENCE`]; for tests, which cannot wait for hours.
    #[must_use]
    pub fn with_fence(self, fence: Duration) -> Self {
        let Some(shared) = Arc::into_inner(self.shared) else { unreachable!("a store is changed before it is shared") };
        Self { shared: Arc::new(Shared { fence, ..shared }) }
    }
}

impl Shared {
    fn wire(&self) -> &Wire {
        &self.wire
    }

    fn path(&self, key: &Key) -> String {
        self.wire.place.full(&key.to_string())
    }

    /// Looks at a name by asking for its first byte: unlike HEAD, whose refusals have no body, the answer tells an absent key from an
    /// absent bucket.
    async fn look(&self, path: &str) -> Result<Option<Seen>, StoreError> {
        let ask = Ask::new(Method::GET, path, "look up").header(RANGE, "bytes=0-0");
        let answer = self.wire().ask(&ask).await?;
        let seen = |size_bytes| Seen {
            size_bytes,
            etag: answer.header(&ETAG).map(str::to_owned),
            modified: answer.moment(&LAST_MODIFIED),
            version: answer.header(&VERSION_ID).map(str::to_owned),
            locked: versions::told(&answer),
            now: answer.moment(&DATE),
        };
        let total = || answer.header(&CONTENT_RANGE)?.rsplit_once('/')?.1.parse().ok();
        let length = || answer.header(&CONTENT_LENGTH)?.parse().ok();
        match answer.status {
            StatusCode::PARTIAL_CONTENT => total().map(|size| Some(seen(size))),
            StatusCode::OK => length().map(|size| Some(seen(size))),
            // An empty object has no first byte; its size is then asked for in another way, since not every server names it here.
            StatusCode::RANGE_NOT_SATISFIABLE => return self.look_at_empty(path).await,
            _ if answer.says_absent() => return Ok(None),
            _ => return Err(self.wire().refused(&ask, &answer)),
        }
        .ok_or_else(|| self.wire().broken(&ask, io::Error::other("the server does not say how large it is")))
    }

    async fn look_at_empty(&self, path: &str) -> Result<Option<Seen>, StoreError> {
        let ask = Ask::new(Method::HEAD, path, "look up");
        let answer = self.wire().ask(&ask).await?;
        if !answer.status.is_success() {
            return Err(self.wire().refused(&ask, &answer));
        }
        Ok(Some(Seen {
            size_bytes: 0,
            etag: answer.header(&ETAG).map(str::to_owned),
            modified: answer.moment(&LAST_MODIFIED),
            version: answer.header(&VERSION_ID).map(str::to_owned),
            locked: versions::told(&answer),
            now: answer.moment(&DATE),
        }))
    }

    /// Puts bytes that are in memory. The answer is a success, or a refusal because the name is taken.
    async fn put_whole(
        &self,
        path: &str,
        bytes: Bytes,
        digest: Digest,
        replace: bool,
        lock: Option<&Locked>,
    ) -> Result<Answer, StoreError> {
        let ask = Ask::new(Method::PUT, path, "store").body(bytes, digest).header(CONTENT_TYPE, "application/octet-stream");
        let mut ask = versions::locked(ask, lock);
        if !replace {
            ask = ask.header(IF_NONE_MATCH, "*");
        }
        let mut answer = self.wire().ask(&ask).await?;
        if !replace && answer.status == StatusCode::PRECONDITION_FAILED && self.is_only_hidden(path).await? {
            ask.headers.remove(IF_NONE_MATCH);
            answer = self.wire().ask(&ask).await?;
        }
        let taken = !replace && answer.status == StatusCode::PRECONDITION_FAILED;
        if answer.status.is_success() || taken { Ok(answer) } else { Err(self.wire().refused(&ask, &answer)) }
    }

    /// Whether a name that is said to be taken was only deleted: some servers count the mark of deletion. Where versions are kept, a put
    /// without the condition takes nothing away.
    async fn is_only_hidden(&self, path: &str) -> Result<bool, StoreError> {
        Ok(self.is_versioned().await? && self.look(path).await?.is_none())
    }

    async fn remove(&self, path: &str) -> Result<(), StoreError> {
        let ask = Ask::new(Method::DELETE, path, "remove");
        let answer = self.wire().ask(&ask).await?;
        if answer.status.is_success() || answer.says_absent() { Ok(()) } else { Err(self.wire().refused(&ask, &answer)) }
    }

    /// Opens `path` for reading. `Missing` only when a second look, which can tell, says so.
    async fn open(&self, key: &str, path: &str, range: Option<GetRange>) -> Result<Chunks, StoreError> {
        let options = GetOptions { range, ..GetOptions::default() };
        let name = key.to_owned();
        match self.reader.get_opts(&Path::from(path), options).await {
            Ok(found) => Ok(found.into_stream().map_err(move |e| read_error(&name, e)).boxed()),
            Err(error) => match self.look(path).await? {
                None => Err(StoreError::Missing { key: name }),
                Some(Seen { size_bytes: 0, .. }) => Ok(stream::empty().boxed()),
                Some(_) => Err(read_error(key, error)),
            },
        }
    }

    /// Reads a whole small object.
    async fn read(&self, key: &str, path: &str, size_bytes_max: usize) -> Result<Bytes, StoreError> {
        let mut chunks = self.open(key, path, None).await?;
        let mut all = Vec::new();
        while let Some(chunk) = chunks.try_next().await? {
            all.extend_from_slice(&chunk);
            if all.len() > size_bytes_max {
                return Err(read_error(key, io::Error::other("it is larger than it was said to be")));
            }
        }
        Ok(all.into())
    }
}

fn read_error(key: &str, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> StoreError {
    StoreError::Io { action: "read", key: key.to_owned(), source: io::Error::other(source) }
}

#[async_trait]
impl Store for BucketStore {
    fn place(&self) -> String {
        self.shared.wire.place.name()
    }

    fn local_path(&self, _key: &Key) -> Option<PathBuf> {
        None
    }

    async fn put(&self, expected: &Expected, body: Body<'_>) -> Result<Written, StoreError> {
        writer::put(&self.shared, expected, body).await
    }

    async fn create(&self, key: &Key, bytes: Bytes) -> Result<(), StoreError> {
        let (path, length) = (self.shared.path(key), bytes.len());
        let lock = self.shared.lock_of(key);
        let answer = self.shared.put_whole(&path, bytes.clone(), Digest::of(&bytes), false, lock.as_ref()).await?;
        if answer.status.is_success() {
            return Ok(());
        }
        // Ours, if an earlier try arrived and its answer did not. Nobody can tell the same bytes of another from ours, or needs to.
        let name = key.to_string();
        match self.shared.look(&path).await? {
            Some(seen) if answer.repeated && seen.size_bytes == length as u64 => {
                let there = self.shared.read(&name, &path, length).await?;
                if there == bytes { Ok(()) } else { Err(StoreError::Exists { key: name }) }
            }
            _ => Err(StoreError::Exists { key: name }),
        }
    }

    async fn replace(&self, key: &Key, bytes: Bytes) -> Result<(), StoreError> {
        let (digest, lock) = (Digest::of(&bytes), self.shared.lock_of(key));
        self.shared.put_whole(&self.shared.path(key), bytes, digest, true, lock.as_ref()).await.map(|_| ())
    }

    async fn head(&self, key: &Key) -> Result<Option<Head>, StoreError> {
        let seen = self.shared.look(&self.shared.path(key)).await?;
        Ok(seen.map(|seen| Head { size_bytes: seen.size_bytes }))
    }

    async fn get(&self, key: &Key, range: ByteRange) -> Result<Chunks, StoreError> {
        let (name, path) = (key.to_string(), self.shared.path(key));
        if range == ByteRange::default() {
            return self.shared.open(&name, &path, None).await;
        }
        let size = self.shared.look(&path).await?.ok_or_else(|| StoreError::Missing { key: name.clone() })?.size_bytes;
        let start = range.offset.min(size);
        let end = range.length.map_or(size, |length| start.saturating_add(length).min(size));
        if start == end {
            return Ok(stream::empty().boxed());
        }
        self.shared.open(&name, &path, Some(GetRange::Bounded(start..end))).await
    }

    fn list(&self, prefix: &Prefix) -> BoxStream<'static, Result<Entry, StoreError>> {
        listing::list(self.shared.clone(), prefix)
    }

    async fn rename(&self, from: &Key, to: &Key) -> Result<(), StoreError> {
        copy::rename(&self.shared, from, to).await
    }

    fn renames_leave_copies(&self) -> bool {
        !self.shared.fence.is_zero()
    }

    async fn may_go(&self, key: &Key) -> Result<bool, StoreError> {
        let seen = self.shared.look(&self.shared.path(key)).await?;
        Ok(seen.is_none_or(|seen| copy::is_past_fence(&self.shared, &seen)))
    }

    async fn remove(&self, key: &Key) -> Result<(), StoreError> {
        if !key.is_removable() {
            return Err(StoreError::NotRemovable { key: key.to_string() });
        }
        let path = self.shared.path(key);
        let seen = self.shared.look(&path).await?.ok_or_else(|| StoreError::Missing { key: key.to_string() })?;
        if matches!(key, Key::Condemned(..)) && !copy::is_past_fence(&self.shared, &seen) {
            return Err(StoreError::NotYet { key: key.to_string() });
        }
        if !self.shared.is_versioned().await? {
            return self.shared.remove(&path).await;
        }
        match self.shared.remove_all(key, &path).await {
            // Only a bucket that locks whatever is put locks these: hidden until that is over, then tidied up.
            Err(StoreError::Locked { .. }) if matches!(key, Key::Hold(_) | Key::Sweep(_)) => self.shared.remove(&path).await,
            Err(StoreError::Locked { .. }) if matches!(key, Key::Condemned(..)) => Err(StoreError::NotYet { key: key.to_string() }),
            done => done,
        }
    }

    async fn sync(&self) -> Result<(), StoreError> {
        Ok(())
    }

    async fn clean_temp(&self, older_than: Duration) -> Result<Cleaned, StoreError> {
        let mut cleaned = listing::abort_uploads(&self.shared, older_than).await?;
        if self.shared.is_versioned().await? {
            let tidied = self.shared.tidy(older_than).await?;
            cleaned.count += tidied.count;
            cleaned.size_bytes += tidied.size_bytes;
        }
        Ok(cleaned)
    }

    async fn space(&self) -> Result<Option<Space>, StoreError> {
        Ok(None)
    }

    fn lock(&self) -> Option<Lock> {
        self.shared.lock
    }

    async fn look(&self, key: &Key) -> Result<Option<Looked>, StoreError> {
        self.shared.look_locked(&self.shared.path(key)).await
    }

    async fn extend_lock(&self, key: &Key, wanted: OffsetDateTime, enough: OffsetDateTime) -> Result<Extended, StoreError> {
        self.shared.extend(key, wanted, enough).await
    }

    async fn keeps_versions(&self) -> Result<bool, StoreError> {
        self.shared.is_versioned().await
    }

    async fn versions(&self, key: &Key) -> Result<Vec<Version>, StoreError> {
        self.shared.versions_of(key).await
    }

    async fn get_version(&self, key: &Key, version: &Version) -> Result<Chunks, StoreError> {
        self.shared.get_version(key, version).await
    }

    async fn revive(&self, key: &Key, version: &Version) -> Result<(), StoreError> {
        self.shared.revive(key, version).await
    }

    fn hidden(&self, prefix: &Prefix) -> BoxStream<'static, Result<Key, StoreError>> {
        self.shared.hidden(prefix)
    }

    fn old_versions(&self) -> BoxStream<'static, Result<OldVersion, StoreError>> {
        self.shared.old_versions()
    }

    async fn remove_version(&self, key: &Key, version: &Version) -> Result<bool, StoreError> {
        self.shared.remove_one(&self.shared.path(key), &version.id).await
    }
}
