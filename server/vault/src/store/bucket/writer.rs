//! Objects on their way into the bucket: in one request, or in parts.

use std::io;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use futures::{StreamExt, TryStreamExt};
use http::header::{ETAG, HeaderName, IF_NONE_MATCH};
use http::{Method, StatusCode};
use serde::{Deserialize, Serialize};
use tokio::task::JoinHandle;
use vocab::{Digest, Hasher};

use super::versions::locked;
use super::wire::Ask;
use super::{PART_BYTES, PARTS_MAX, Shared};
use crate::error::StoreError;
use crate::layout::Key;
use crate::lock::Locked;
use crate::store::{Body, Expected, Written, blocking, joined};

const CHECKSUM_ALGORITHM: HeaderName = HeaderName::from_static("x-amz-checksum-algorithm");

/// Stores an object if it is absent.
pub(super) async fn put(shared: &Arc<Shared>, expected: &Expected, mut body: Body<'_>) -> Result<Written, StoreError> {
    let part_bytes = part_bytes(expected);
    let mut rest = Bytes::new();
    let first = next_part(&mut body, &mut rest, part_bytes).await?;
    let mut sum = Sum::new(*expected);
    if first.ended {
        let (sum, digest) = sum.take(first.bytes.clone()).await?;
        let size_bytes = sum.finish()?;
        return put_small(shared, expected.digest, digest, first.bytes, size_bytes).await;
    }
    let key = Key::Object(expected.digest);
    let mut upload = Upload::begin(shared, &shared.path(&key), true, shared.lock_of(&key).as_ref()).await?;
    let mut part = first;
    let mut running: Option<JoinHandle<Result<Part, StoreError>>> = None;
    loop {
        let (ended, digest);
        (sum, digest) = sum.take(part.bytes.clone()).await?;
        // While one part is sent, the next one is gathered and hashed.
        if let Some(sent) = running.take() {
            upload.parts.push(joined(sent).await?);
        }
        (ended, running) = (part.ended, Some(upload.send(part.bytes, digest)?));
        if ended {
            break;
        }
        part = next_part(&mut body, &mut rest, part_bytes).await?;
    }
    if let Some(sent) = running.take() {
        upload.parts.push(joined(sent).await?);
    }
    let size_bytes = sum.finish()?;
    match upload.complete().await {
        Ok(()) => Ok(Written::New { size_bytes }),
        Err(StoreError::Exists { .. }) => check_existing(shared, expected.digest, size_bytes).await,
        Err(other) => Err(other),
    }
}

async fn put_small(shared: &Shared, name: Digest, digest: Digest, bytes: Bytes, size_bytes: u64) -> Result<Written, StoreError> {
    let key = Key::Object(name);
    let answer = shared.put_whole(&shared.path(&key), bytes, digest, false, shared.lock_of(&key).as_ref()).await?;
    if answer.status.is_success() { Ok(Written::New { size_bytes }) } else { check_existing(shared, name, size_bytes).await }
}

/// Reads what was stored under the same name: it must be the same bytes (F-33).
pub(super) async fn check_existing(shared: &Shared, digest: Digest, size_bytes: u64) -> Result<Written, StoreError> {
    let key = Key::Object(digest);
    let mut chunks = shared.open(&key.to_string(), &shared.path(&key), None).await?;
    let mut hasher = Hasher::new();
    while let Some(chunk) = chunks.try_next().await? {
        hasher.update(&chunk);
        // A longer one differs anyway.
        if hasher.size_bytes() > size_bytes {
            break;
        }
    }
    if hasher.finish() == digest { Ok(Written::Existing { size_bytes }) } else { Err(StoreError::DamagedExisting { digest }) }
}

/// Parts grow with the object, so that their number stays within S3's limit.
fn part_bytes(expected: &Expected) -> usize {
    let needed = expected.size_bytes.unwrap_or(0) / (PARTS_MAX - 1);
    PART_BYTES.max(usize::try_from(needed).unwrap_or(usize::MAX).saturating_add(1))
}

struct Gathered {
    bytes: Bytes,
    ended: bool,
}

/// Exactly `part_bytes`, or all that is left: parts of one upload have one size on some servers.
async fn next_part(body: &mut Body<'_>, rest: &mut Bytes, part_bytes: usize) -> Result<Gathered, StoreError> {
    let mut gathered = BytesMut::with_capacity(rest.len());
    loop {
        let room = part_bytes - gathered.len();
        if rest.len() > room {
            gathered.extend_from_slice(&rest.split_to(room));
            return Ok(Gathered { bytes: gathered.freeze(), ended: false });
        }
        gathered.extend_from_slice(rest);
        *rest = match body.next().await {
            Some(Ok(piece)) => piece,
            Some(Err(_broken)) => return Err(StoreError::Body),
            None => return Ok(Gathered { bytes: gathered.freeze(), ended: true }),
        };
    }
}

/// The running hash of an object.
struct Sum {
    expected: Expected,
    hasher: Hasher,
}

impl Sum {
    fn new(expected: Expected) -> Self {
        Self { expected, hasher: Hasher::new() }
    }

    /// Takes the next part, and answers its own digest. Stops as soon as more came than was announced.
    async fn take(mut self, part: Bytes) -> Result<(Self, Digest), StoreError> {
        let (sum, digest) = blocking(move || {
            self.hasher.update(&part);
            Ok((self, Digest::of(&part)))
        })
        .await?;
        if sum.expected.size_bytes.is_some_and(|announced| sum.hasher.size_bytes() > announced) {
            return Err(sum.wrong_bytes());
        }
        Ok((sum, digest))
    }

    /// The size, if the bytes are those announced.
    fn finish(&self) -> Result<u64, StoreError> {
        let size_bytes = self.hasher.size_bytes();
        let is_size = self.expected.size_bytes.is_none_or(|announced| announced == size_bytes);
        if is_size && self.hasher.clone().finish() == self.expected.digest { Ok(size_bytes) } else { Err(self.wrong_bytes()) }
    }

    fn wrong_bytes(&self) -> StoreError {
        let Self { expected, hasher } = self;
        StoreError::WrongBytes { expected: expected.digest, actual: hasher.clone().finish(), size_bytes: hasher.size_bytes() }
    }
}

/// A part that is there. Its fields are those S3 wants listed at the end.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Part {
    part_number: u64,
    #[serde(rename = "ETag")]
    etag: String,
    #[serde(rename = "ChecksumSHA256", skip_serializing_if = "Option::is_none")]
    checksum: Option<String>,
}

#[derive(Serialize)]
#[serde(rename = "CompleteMultipartUpload")]
struct Complete<'a> {
    #[serde(rename = "Part")]
    parts: &'a [Part],
}

#[derive(Deserialize)]
struct Begun {
    #[serde(rename = "UploadId")]
    id: String,
}

#[derive(Deserialize)]
struct Copied {
    #[serde(rename = "ETag")]
    etag: String,
}

/// An upload in parts. Dropped before it is complete, it is aborted.
pub(super) struct Upload {
    shared: Arc<Shared>,
    path: String,
    id: Option<String>,
    begun: u64,
    pub(super) parts: Vec<Part>,
}

impl Upload {
    /// Begins an upload; with `checksums`, every part has to carry one. A lock is put when the upload is completed.
    pub(super) async fn begin(shared: &Arc<Shared>, path: &str, checksums: bool, lock: Option<&Locked>) -> Result<Self, StoreError> {
        let mut ask = locked(Ask::new(Method::POST, path, "begin to store").query(&[("uploads", "")]), lock);
        if checksums {
            ask = ask.header(CHECKSUM_ALGORITHM, "SHA256");
        }
        let answer = shared.wire().ask(&ask).await?;
        let begun = if answer.status.is_success() { answer.xml::<Begun>() } else { None };
        let id = begun.ok_or_else(|| shared.wire().refused(&ask, &answer))?.id;
        Ok(Self { shared: shared.clone(), path: path.to_owned(), id: Some(id), begun: 0, parts: Vec::new() })
    }

    fn next(&mut self) -> Result<(u64, String), StoreError> {
        self.begun += 1;
        let id = self.id.clone().unwrap_or_default();
        if self.begun > PARTS_MAX {
            let why = format!("it has more than {PARTS_MAX} parts; its size must be known before it is stored");
            return Err(StoreError::Io { action: "store", key: self.path.clone(), source: io::Error::other(why) });
        }
        Ok((self.begun, id))
    }

    /// Sends the next part from a task of its own.
    pub(super) fn send(&mut self, bytes: Bytes, digest: Digest) -> Result<JoinHandle<Result<Part, StoreError>>, StoreError> {
        let (number, id) = self.next()?;
        let (shared, path) = (self.shared.clone(), self.path.clone());
        Ok(tokio::spawn(async move {
            let number_text = number.to_string();
            let query = [("partNumber", number_text.as_str()), ("uploadId", id.as_str())];
            let ask = Ask::new(Method::PUT, &path, "store a part of").query(&query).body(bytes, digest);
            let answer = shared.wire().ask(&ask).await?;
            let etag = answer.header(&ETAG).filter(|_| answer.status.is_success());
            let etag = etag.ok_or_else(|| shared.wire().refused(&ask, &answer))?.to_owned();
            let checksum = ask.headers.get(&super::wire::CHECKSUM).and_then(|value| value.to_str().ok()).map(str::to_owned);
            Ok(Part { part_number: number, etag, checksum })
        }))
    }

    /// Makes the next part of bytes that are in the bucket: `range` of a version of `source`, while that is still what `etag` says.
    pub(super) async fn copy(
        &mut self,
        source: &str,
        version: Option<&str>,
        etag: Option<&str>,
        range: std::ops::Range<u64>,
    ) -> Result<(), StoreError> {
        let (number, id) = self.next()?;
        let (number_text, path) = (number.to_string(), self.path.clone());
        let query = [("partNumber", number_text.as_str()), ("uploadId", id.as_str())];
        let wire = self.shared.wire();
        let which = version.map_or_else(String::new, |version| format!("?versionId={version}"));
        let mut ask = Ask::new(Method::PUT, &path, "copy to")
            .query(&query)
            .header(HeaderName::from_static("x-amz-copy-source"), &format!("{}/{source}{which}", wire.place.bucket()))
            .header(HeaderName::from_static("x-amz-copy-source-range"), &format!("bytes={}-{}", range.start, range.end.saturating_sub(1)));
        if let Some(etag) = etag {
            ask = ask.header(HeaderName::from_static("x-amz-copy-source-if-match"), etag);
        }
        let answer = wire.ask(&ask).await?;
        if answer.says_absent() {
            return Err(StoreError::Missing { key: source.to_owned() });
        }
        let copied = if answer.is_refusal() { None } else { answer.xml::<Copied>() };
        let etag = copied.ok_or_else(|| wire.refused(&ask, &answer))?.etag;
        self.parts.push(Part { part_number: number, etag, checksum: None });
        Ok(())
    }

    /// Gives the upload its name unless that is taken ([`StoreError::Exists`]). After any other error the outcome is unknown.
    pub(super) async fn complete(self) -> Result<(), StoreError> {
        self.finish(false).await
    }

    /// Gives the upload its name, whatever has it. Only where versions are kept, so that nothing is lost by it.
    pub(super) async fn complete_over(self) -> Result<(), StoreError> {
        self.finish(true).await
    }

    async fn finish(mut self, over: bool) -> Result<(), StoreError> {
        let id = self.id.clone().unwrap_or_default();
        let list = Complete { parts: &self.parts };
        let list = quick_xml::se::to_string(&list).map_err(|e| super::read_error(&self.path, e))?;
        let query = [("uploadId", id.as_str())];
        let shared = self.shared.clone();
        let mut ask = Ask::new(Method::POST, &self.path, "store").query(&query).header(IF_NONE_MATCH, "*");
        if over {
            ask.headers.remove(IF_NONE_MATCH);
        }
        ask.body = Bytes::from(list);
        let mut answer = shared.wire().ask(&ask).await?;
        if answer.status == StatusCode::PRECONDITION_FAILED && shared.is_only_hidden(&self.path).await? {
            ask.headers.remove(IF_NONE_MATCH);
            answer = shared.wire().ask(&ask).await?;
        }
        if answer.status == StatusCode::NOT_IMPLEMENTED {
            // A server without this condition. Looking first leaves a moment in which another may store the same name: the same bytes.
            if shared.look(&self.path).await?.is_some() {
                return Err(StoreError::Exists { key: self.path.clone() });
            }
            ask.headers.remove(IF_NONE_MATCH);
            answer = shared.wire().ask(&ask).await?;
        }
        if !answer.is_refusal() {
            self.id = None;
            return Ok(());
        }
        // The upload is gone when an earlier try completed it, or when somebody took it for a leftover.
        let gone = answer.status == StatusCode::NOT_FOUND && answer.refusal().code == "NoSuchUpload";
        if answer.status == StatusCode::PRECONDITION_FAILED || (gone && shared.look(&self.path).await?.is_some()) {
            return Err(StoreError::Exists { key: self.path.clone() });
        }
        Err(shared.wire().refused(&ask, &answer))
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        let (Some(id), Ok(runtime)) = (self.id.take(), tokio::runtime::Handle::try_current()) else { return };
        let (shared, path) = (self.shared.clone(), std::mem::take(&mut self.path));
        // What cannot be aborted now is aborted by age later.
        runtime.spawn(async move { abort(&shared, &path, &id).await });
    }
}

/// Drops the parts of an unfinished upload. One that is gone is no error.
pub(super) async fn abort(shared: &Shared, path: &str, id: &str) -> Result<(), StoreError> {
    let query = [("uploadId", id)];
    let ask = Ask::new(Method::DELETE, path, "abort the upload of").query(&query);
    let answer = shared.wire().ask(&ask).await?;
    if answer.status.is_success() || answer.status == StatusCode::NOT_FOUND { Ok(()) } else { Err(shared.wire().refused(&ask, &answer)) }
}
