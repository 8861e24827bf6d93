//! Requests we sign and send ourselves, each tried a few times, and what their answers mean.
//!
//! Everything that writes goes this way: a repeated conditional put has to know that it was repeated, and completing an upload under
//! a condition, listing unfinished ones and reading a bucket's settings are not in `object_store`, whose signer is used here.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::{Bytes, BytesMut};
use futures::StreamExt;
use http::header::{HeaderName, HeaderValue};
use http::{HeaderMap, Method, StatusCode};
use object_store::aws::{AwsAuthorizer, AwsCredential};
use object_store::client::HttpRequestBody;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use time::OffsetDateTime;
use time::format_description::StaticFormatDescription;
use time::macros::format_description;
use tokio::sync::Semaphore;
use vocab::Digest;

use super::place::BucketPlace;
use super::versions::VERSION_ID;
use crate::error::StoreError;

/// How often a request is sent at most.
const TRIES_MAX: u32 = 4;
/// Pause before the second try; doubled for each further one.
const PAUSE: Duration = Duration::from_millis(250);
/// Requests of this kind under way at once.
const REQUESTS_AT_ONCE: usize = 32;
/// Longest answer read, in bytes; a page of a listing has some 400 kB.
const ANSWER_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Longest sentence of a server passed on, in characters.
const MESSAGE_CHARS_MAX: usize = 300;

const HTTP_DATE: StaticFormatDescription =
    format_description!("[weekday repr:short], [day] [month repr:short] [year] [hour]:[minute]:[second] GMT");

pub(super) const CHECKSUM: HeaderName = HeaderName::from_static("x-amz-checksum-sha256");

/// The other end.
pub(super) struct Wire {
    pub(super) place: BucketPlace,
    client: reqwest::Client,
    credential: AwsCredential,
    requests: Semaphore,
    /// An answer named a version: the bucket keeps them.
    pub(super) saw_versions: AtomicBool,
}

/// One request.
pub(super) struct Ask<'a> {
    pub(super) method: Method,
    /// Full name in the bucket; empty for the bucket itself.
    pub(super) path: &'a str,
    pub(super) query: &'a [(&'a str, &'a str)],
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
    /// The body's digest, if it is known.
    pub(super) digest: Option<Digest>,
    /// For messages.
    pub(super) action: &'static str,
}

impl<'a> Ask<'a> {
    pub(super) fn new(method: Method, path: &'a str, action: &'static str) -> Self {
        Self { method, path, query: &[], headers: HeaderMap::new(), body: Bytes::new(), digest: None, action }
    }

    pub(super) fn query(self, query: &'a [(&'a str, &'a str)]) -> Self {
        Self { query, ..self }
    }

    pub(super) fn header(mut self, name: HeaderName, value: &str) -> Self {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.insert(name, value);
        }
        self
    }

    /// Sends `body`, whose digest the server has to find too.
    pub(super) fn body(self, body: Bytes, digest: Digest) -> Self {
        let encoded = STANDARD.encode(digest.as_bytes());
        Self { body, digest: Some(digest), ..self }.header(CHECKSUM, &encoded)
    }
}

/// What came back.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
    /// Whether it had to be asked more than once: an earlier request may have been carried out.
    pub(super) repeated: bool,
}

/// What S3 says when it refuses.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct Refusal {
    pub(super) code: String,
    pub(super) message: String,
}

impl Answer {
    pub(super) fn refusal(&self) -> Refusal {
        self.xml().unwrap_or_default()
    }

    pub(super) fn xml<T: DeserializeOwned>(&self) -> Option<T> {
        quick_xml::de::from_reader(self.body.as_ref()).ok()
    }

    pub(super) fn header(&self, name: &HeaderName) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// A header that holds a moment, by the server's clock.
    pub(super) fn moment(&self, name: &HeaderName) -> Option<OffsetDateTime> {
        let parsed = time::PrimitiveDateTime::parse(self.header(name)?, HTTP_DATE);
        parsed.ok().map(time::PrimitiveDateTime::assume_utc)
    }

    /// Some requests begin their answer before they know its end: a refusal may come with the status 200.
    pub(super) fn is_refusal(&self) -> bool {
        !self.status.is_success() || (!self.body.is_empty() && self.xml::<Refusal>().is_some_and(|r| !r.code.is_empty()))
    }

    /// Nothing has this name: only when the server says so of the name, and not of the bucket.
    pub(super) fn says_absent(&self) -> bool {
        self.status == StatusCode::NOT_FOUND && self.refusal().code == "NoSuchKey"
    }

    fn may_repeat(&self) -> bool {
        let busy = matches!(self.status.as_u16(), 408 | 429 | 500 | 502 | 503 | 504);
        let conflict = self.status == StatusCode::CONFLICT
            && matches!(self.refusal().code.as_str(), "ConditionalRequestConflict" | "OperationAborted");
        let late = self.status.is_success() && self.is_refusal();
        busy || conflict || late
    }
}

impl Wire {
    pub(super) fn new(place: BucketPlace, client: reqwest::Client) -> Self {
        let credential = place.credential();
        Self { place, client, credential, requests: Semaphore::new(REQUESTS_AT_ONCE), saw_versions: AtomicBool::new(false) }
    }

    /// Asks until there is an answer that repeating would not change. Refusals come as answers.
    pub(super) async fn ask(&self, ask: &Ask<'_>) -> Result<Answer, StoreError> {
        let mut pause = PAUSE;
        for attempt in 1.. {
            let outcome = self.ask_once(ask).await;
            let again = match &outcome {
                Ok(answer) => answer.may_repeat(),
                Err(_) => true,
            };
            if !again || attempt == TRIES_MAX {
                return outcome.map(|answer| Answer { repeated: attempt > 1, ..answer });
            }
            tokio::time::sleep(pause).await;
            pause *= 2;
        }
        Err(self.broken(ask, io::Error::other("it was never sent")))
    }

    /// Asks once and no more.
    pub(super) async fn ask_once(&self, ask: &Ask<'_>) -> Result<Answer, StoreError> {
        let _permit = self.requests.acquire().await.map_err(|e| self.broken(ask, io::Error::other(e)))?;
        let mut url =
            format!("{}/{}", self.place.base(), ask.path).parse::<url::Url>().map_err(|e| self.broken(ask, io::Error::other(e)))?;
        if !ask.query.is_empty() {
            url.query_pairs_mut().extend_pairs(ask.query);
        }
        let mut request = http::Request::new(HttpRequestBody::from(ask.body.clone()));
        *request.method_mut() = ask.method.clone();
        *request.uri_mut() = url.as_str().parse().map_err(|e| self.broken(ask, io::Error::other(e)))?;
        *request.headers_mut() = ask.headers.clone();
        let digest = ask.digest.as_ref().map(|digest| digest.as_bytes().as_slice());
        AwsAuthorizer::new(&self.credential, "s3", self.place.region())
            .try_authorize(&mut request, digest)
            .map_err(|e| self.broken(ask, io::Error::other(e)))?;
        let sent = self.client.request(ask.method.clone(), url).headers(std::mem::take(request.headers_mut())).body(ask.body.clone());
        self.read(ask, sent.send().await).await
    }

    /// Sends a request that was signed before: for a while only, by the server's clock.
    pub(super) async fn ask_signed(&self, ask: &Ask<'_>, url: url::Url) -> Result<Answer, StoreError> {
        let _permit = self.requests.acquire().await.map_err(|e| self.broken(ask, io::Error::other(e)))?;
        self.read(ask, self.client.request(ask.method.clone(), url).headers(ask.headers.clone()).send().await).await
    }

    async fn read(&self, ask: &Ask<'_>, response: reqwest::Result<reqwest::Response>) -> Result<Answer, StoreError> {
        // A presigned address is a key of its own: it does not belong in a message.
        let broken = |e: reqwest::Error| self.broken(ask, io::Error::other(e.without_url()));
        let response = response.map_err(broken)?;
        let (status, headers) = (response.status(), response.headers().clone());
        if headers.contains_key(&VERSION_ID) {
            self.saw_versions.store(true, Ordering::Relaxed);
        }
        let mut body = BytesMut::new();
        let mut pieces = response.bytes_stream();
        while let Some(piece) = pieces.next().await {
            body.extend_from_slice(&piece.map_err(broken)?);
            if body.len() > ANSWER_BYTES_MAX {
                return Err(self.broken(ask, io::Error::other(format!("its answer is longer than {ANSWER_BYTES_MAX} bytes"))));
            }
        }
        Ok(Answer { status, headers, body: body.freeze(), repeated: false })
    }

    /// The error for a refusal.
    pub(super) fn refused(&self, ask: &Ask<'_>, answer: &Answer) -> StoreError {
        let Refusal { code, message } = answer.refusal();
        let message: String = message.chars().filter(|c| !c.is_control()).take(MESSAGE_CHARS_MAX).collect();
        let quota = answer.status == StatusCode::INSUFFICIENT_STORAGE
            || code.contains("Quota")
            || matches!(code.as_str(), "InsufficientStorage" | "StorageFull" | "XMinioStorageFull");
        if quota {
            return StoreError::NoSpace { place: self.place.name() };
        }
        let says = match (code.is_empty(), message.is_empty()) {
            (true, _) => format!("the server answers {}", answer.status),
            (false, true) => format!("the server answers {code}"),
            (false, false) => format!("the server answers {code}: {message}"),
        };
        let kind = match answer.status.as_u16() {
            401 | 403 => io::ErrorKind::PermissionDenied,
            _ => io::ErrorKind::Other,
        };
        self.broken(ask, io::Error::new(kind, says))
    }

    pub(super) fn broken(&self, ask: &Ask<'_>, source: io::Error) -> StoreError {
        let key = if ask.path.is_empty() { ask.path } else { self.place.inner(ask.path).unwrap_or(ask.path) };
        let key = if key.is_empty() { self.place.bucket() } else { key };
        StoreError::Io { action: ask.action, key: key.to_owned(), source }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, body: &'static str) -> Answer {
        let status = StatusCode::from_u16(status).unwrap();
        Answer { status, headers: HeaderMap::new(), body: Bytes::from_static(body.as_bytes()), repeated: false }
    }

    #[test]
    fn only_an_absent_key_is_absent() {
        assert!(answer(404, "<Error><Code>NoSuchKey</Code><Message>x</Message></Error>").says_absent());
        for (status, body) in [
            (404, "<Error><Code>NoSuchBucket</Code></Error>"),
            (404, ""),
            (404, "<html>not found</html>"),
            (403, "<Error><Code>NoSuchKey</Code></Error>"),
            (503, "<Error><Code>NoSuchKey</Code></Error>"),
        ] {
            assert!(!answer(status, body).says_absent(), "{status} {body}");
        }
    }

    /// F-32.
    #[test]
    fn a_refusal_that_comes_as_a_success_is_a_refusal() {
        assert!(answer(200, "<?xml version=\"1.0\"?>\n<Error><Code>InternalError</Code></Error>").may_repeat());
        assert!(!answer(200, "<CompleteMultipartUploadResult><ETag>x</ETag></CompleteMultipartUploadResult>").is_refusal());
        assert!(!answer(200, "").is_refusal());
    }
}
