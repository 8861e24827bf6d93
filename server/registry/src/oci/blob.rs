//! Reading blobs: streamed, resumed after a break, cut when too slow (F-17..F-20).
//!
//! Hashed on the way, the last piece leaves only after the digest over the whole agreed, so a consumer that saw the end saw the right bytes. What
//! left before is not trusted by that: a consumer must drop it when the stream ends in an error. A vault hashes what it writes, and would only
//! wait for a second hash: it takes the bytes as they come. Memory: two pieces of the connection, whatever the size of the blob.

use std::time::Duration;

use bytes::Bytes;
use futures::Stream;
use reqwest::header::{CONTENT_LENGTH, CONTENT_RANGE, HeaderMap, HeaderValue, LOCATION, RANGE};
use reqwest::{Method, StatusCode};
use time::OffsetDateTime;
use tokio::time::Instant;
use url::Url;
use vocab::{Digest, Hasher, RepositoryName};

use super::location::redirect_target;
use crate::auth::Scope;
use crate::client::{Access, Call, Client, Lane, repeatable};
use crate::error::RegistryError;
use crate::retry::{Tries, may_repeat, retry_after};
use crate::transport::{Payload, Request};

/// Most redirects followed for one blob.
const REDIRECTS_MAX: usize = 3;
/// Most times one blob is resumed after progress was made.
const RESUMES_MAX: u32 = 64;
/// Largest error answer read, in bytes.
const ERROR_BYTES_MAX: usize = 64 * 1024;

/// Measures the time spent waiting for bytes, not the time the consumer takes.
struct Pace {
    waited: Duration,
    bytes: u64,
}

impl Pace {
    fn new() -> Self {
        Self { waited: Duration::ZERO, bytes: 0 }
    }

    /// Whether the body is too slow over the last window.
    fn is_too_slow(&mut self, waited: Duration, bytes: usize, bytes_per_s: u64, window: Duration) -> bool {
        self.waited += waited;
        self.bytes += bytes as u64;
        if self.waited < window {
            return false;
        }
        let due = u128::from(bytes_per_s) * self.waited.as_millis() / 1000;
        let slow = u128::from(self.bytes) < due;
        *self = Self::new();
        slow
    }
}

/// An opened body and where it starts.
struct Opened {
    response: reqwest::Response,
    url: Url,
    /// Bytes to drop first: the registry ignored the Range.
    skip_bytes: u64,
    total_bytes: Option<u64>,
}

impl Client {
    fn blob_call(&self, method: Method, repository: &RepositoryName, digest: &Digest, act: &str) -> Call {
        let what = format!("{act} blob {} of {repository}", digest.short());
        self.v2(method, &format!("{repository}/blobs/{digest}"), Scope::Pull(repository.clone()), what)
    }

    /// Size of the blob if this repository has it. On Harbor a success also protects the blob from garbage collection for a while, so never skip it on restore.
    pub async fn blob_head(&self, repository: &RepositoryName, digest: &Digest) -> Result<Option<u64>, RegistryError> {
        let call = self.blob_call(Method::HEAD, repository, digest, "look at");
        let answer = self.fetch(&call).await?;
        if answer.status == StatusCode::NOT_FOUND {
            return Ok(None);
        }
        let headers = if answer.status.is_redirection() {
            let _permit = self.enter(Lane::Blob).await;
            let first = redirect_target(self.endpoint(), &call.request.url, answer.header(LOCATION.as_str()))?;
            let (response, _) = self.follow(first, &call.request).await?;
            if !response.status().is_success() {
                return Err(storage_refused(response.status()));
            }
            response.headers().clone()
        } else if answer.status.is_success() {
            answer.headers
        } else {
            return Err(self.refusal(&answer, &call.request.what, None));
        };
        length(&headers).map(Some).ok_or_else(|| RegistryError::Protocol { what: format!("no size for blob {}", digest.short()) })
    }

    /// The bytes of a blob. `size_bytes`, where known, is checked too. After an error everything received is to be dropped.
    pub fn blob_get(
        &self,
        repository: &RepositoryName,
        digest: &Digest,
        size_bytes: Option<u64>,
    ) -> impl Stream<Item = Result<Bytes, RegistryError>> + Send + 'static {
        self.blob_read(repository, digest, size_bytes, Some(Hasher::new()))
    }

    /// The same without a look at the digest, for a consumer that hashes the bytes itself and drops them when they are others, as a vault
    /// does. Size and resuming are as for [`Client::blob_get`].
    pub fn blob_get_unhashed(
        &self,
        repository: &RepositoryName,
        digest: &Digest,
        size_bytes: Option<u64>,
    ) -> impl Stream<Item = Result<Bytes, RegistryError>> + Send + 'static {
        self.blob_read(repository, digest, size_bytes, None)
    }

    fn blob_read(
        &self,
        repository: &RepositoryName,
        digest: &Digest,
        size_bytes: Option<u64>,
        hasher: Option<Hasher>,
    ) -> impl Stream<Item = Result<Bytes, RegistryError>> + Send + 'static + use<> {
        let (client, digest) = (self.clone(), *digest);
        let call = self.blob_call(Method::GET, repository, &digest, "read");
        async_stream::try_stream! {
            let _permit = client.enter(Lane::Blob).await;
            let mut reading = Reading::new(&client, call, digest, size_bytes);
            reading.hasher = hasher;
            while let Some(piece) = reading.next().await? {
                yield piece;
            }
        }
    }

    /// Follows redirects by hand, without any credential.
    async fn follow(&self, first: Url, request: &Request) -> Result<(reqwest::Response, Url), RegistryError> {
        let mut url = first;
        for _ in 0..REDIRECTS_MAX {
            let mut headers = HeaderMap::new();
            if let Some(range) = request.headers.get(RANGE) {
                headers.insert(RANGE, range.clone());
            }
            let hop =
                Request { method: request.method.clone(), url: url.clone(), headers, payload: Payload::Empty, what: request.what.clone() };
            let response = self.transport().send(&hop, None).await?;
            if !response.status().is_redirection() {
                return Ok((response, url));
            }
            let location = response.headers().get(LOCATION).and_then(|l| l.to_str().ok());
            url = redirect_target(self.endpoint(), &url, location)?;
        }
        Err(RegistryError::RedirectRefused { host: crate::endpoint::host_of(&url), reason: "the blob is redirected too often" })
    }
}

fn storage_refused(status: StatusCode) -> RegistryError {
    RegistryError::Server { status: status.as_u16(), request_id: None }
}

fn length(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.trim().parse().ok()
}

/// `bytes 10-19/4119` as (10, Some(4119)).
pub(crate) fn content_range(headers: &HeaderMap) -> Option<(u64, Option<u64>)> {
    let text = headers.get(CONTENT_RANGE)?.to_str().ok()?.trim().strip_prefix("bytes ")?;
    let (range, total) = text.split_once('/')?;
    let start = range.split_once('-')?.0.trim().parse().ok()?;
    Some((start, total.trim().parse().ok()))
}

/// One blob on its way.
struct Reading<'a> {
    client: &'a Client,
    call: Call,
    digest: Digest,
    size_bytes: Option<u64>,
    received_bytes: u64,
    /// Without one the consumer looks at the digest.
    hasher: Option<Hasher>,
    /// The last piece, until the digest is known.
    held: Option<Bytes>,
    body: Option<Opened>,
    pace: Pace,
    tries: Tries,
    resumes: u32,
    proved: bool,
    ended: bool,
}

impl<'a> Reading<'a> {
    fn new(client: &'a Client, call: Call, digest: Digest, size_bytes: Option<u64>) -> Self {
        let tries = Tries::new(client.limits());
        Self {
            client,
            call,
            digest,
            size_bytes,
            received_bytes: 0,
            hasher: None,
            held: None,
            body: None,
            pace: Pace::new(),
            tries,
            resumes: 0,
            proved: false,
            ended: false,
        }
    }

    /// The next piece that may leave; `None` after the last.
    async fn next(&mut self) -> Result<Option<Bytes>, RegistryError> {
        while !self.ended {
            match self.step().await {
                Ok(Some(chunk)) => {
                    self.client.transport().throttle.pass(chunk.len()).await;
                    self.received_bytes += chunk.len() as u64;
                    let Some(hasher) = &mut self.hasher else { return Ok(Some(chunk)) };
                    hasher.update(&chunk);
                    if let Some(ready) = self.held.replace(chunk) {
                        return Ok(Some(ready));
                    }
                }
                Ok(None) => {
                    let actual = self.hasher.take().map(Hasher::finish);
                    if let Some(actual) = actual.filter(|actual| *actual != self.digest) {
                        return Err(RegistryError::WrongDigest { expected: self.digest, actual });
                    }
                    self.ended = true;
                }
                Err(error) => {
                    self.body = None;
                    self.again(error, None).await?;
                }
            }
        }
        Ok(self.held.take())
    }

    /// Waits and lets the loop open the body again, from where it broke off.
    async fn again(&mut self, error: RegistryError, asked: Option<Duration>) -> Result<(), RegistryError> {
        if !repeatable(&error, true) {
            return Err(error);
        }
        self.resumes += 1;
        if self.resumes > RESUMES_MAX {
            return Err(self.broken(error));
        }
        self.client.pause(&mut self.tries, asked, error).await
    }

    fn broken(&self, error: RegistryError) -> RegistryError {
        match error {
            RegistryError::Truncated { .. } | RegistryError::Stalled { .. } => {
                RegistryError::Truncated { what: self.call.request.what.clone(), received_bytes: self.received_bytes }
            }
            other => other,
        }
    }

    /// Reads the next fresh bytes of the open body, opening it if need be. `None`: the body ended where it should.
    async fn step(&mut self) -> Result<Option<Bytes>, RegistryError> {
        let received = self.received_bytes;
        if self.body.is_none() {
            let opened = self.open(received).await?;
            self.body = Some(opened);
        }
        let Some(body) = self.body.as_mut() else { return Err(RegistryError::Protocol { what: "no body".to_owned() }) };
        let what = self.call.request.what.as_str();
        loop {
            let (transport, limits) = (self.client.transport(), self.client.limits());
            let started = Instant::now();
            let chunk = transport.chunk(&mut body.response, &body.url, what).await?;
            let Some(mut chunk) = chunk else {
                return match body.total_bytes.or(self.size_bytes) {
                    Some(total) if received < total => Err(RegistryError::Truncated { what: what.to_owned(), received_bytes: received }),
                    _ => Ok(None),
                };
            };
            if self.pace.is_too_slow(started.elapsed(), chunk.len(), limits.min_throughput_bytes_per_s, limits.throughput_window) {
                return Err(RegistryError::Stalled { what: what.to_owned() });
            }
            let skipped = usize::try_from(body.skip_bytes).unwrap_or(usize::MAX).min(chunk.len());
            bytes::Buf::advance(&mut chunk, skipped);
            body.skip_bytes -= skipped as u64;
            if chunk.is_empty() {
                continue;
            }
            self.tries.reset();
            let total = received + chunk.len() as u64;
            if let Some(expected) = self.size_bytes.filter(|expected| total > *expected) {
                return Err(RegistryError::WrongSize { what: what.to_owned(), expected, actual: total });
            }
            return Ok(Some(chunk));
        }
    }

    /// Asks for the body from `offset` on.
    async fn open(&mut self, offset: u64) -> Result<Opened, RegistryError> {
        let mut request = self.call.request.clone();
        if offset > 0 {
            let range = HeaderValue::from_str(&format!("bytes={offset}-")).expect("digits are a header value");
            request.headers.insert(RANGE, range);
        }
        loop {
            let mut url = request.url.clone();
            let mut response = self.client.authorised(&request, &self.call.access).await?;
            if response.status().is_redirection() {
                let location = response.headers().get(LOCATION).and_then(|l| l.to_str().ok());
                let first = redirect_target(self.client.endpoint(), &request.url, location)?;
                (response, url) = self.client.follow(first, &request).await?;
                if !response.status().is_success() {
                    // An expired signature or the store's trouble: a fresh redirect may help.
                    return Err(storage_refused(response.status()));
                }
            }
            let status = response.status();
            if status == StatusCode::OK || status == StatusCode::PARTIAL_CONTENT {
                return self.opened(response, url, offset);
            }
            let asked = retry_after(response.headers(), OffsetDateTime::now_utc());
            let answer = self.client.transport().read(response, ERROR_BYTES_MAX, &request.what).await?;
            if status == StatusCode::UNAUTHORIZED && matches!(self.call.access, Access::V2(_)) {
                self.client.settle(&self.call, &answer, &mut self.proved).await?;
                continue;
            }
            let error = self.client.refusal(&answer, &request.what, asked);
            if !may_repeat(status, true) {
                return Err(error);
            }
            self.again(error, asked).await?;
        }
    }

    fn opened(&self, response: reqwest::Response, url: Url, offset: u64) -> Result<Opened, RegistryError> {
        let what = || self.call.request.what.clone();
        let headers = response.headers();
        let (skip_bytes, total_bytes) = if response.status() == StatusCode::PARTIAL_CONTENT {
            match content_range(headers) {
                Some((start, total)) if start == offset => (0, total.or_else(|| length(headers).map(|n| n + offset))),
                _ => return Err(RegistryError::Protocol { what: format!("a wrong range for the request to {}", what()) }),
            }
        } else {
            (offset, length(headers))
        };
        match (self.size_bytes, total_bytes) {
            (Some(expected), Some(actual)) if expected != actual => Err(RegistryError::WrongSize { what: what(), expected, actual }),
            _ => Ok(Opened { response, url, skip_bytes, total_bytes }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_content_range_is_read_and_nonsense_is_not() {
        let read = |text: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(CONTENT_RANGE, HeaderValue::from_str(text).unwrap());
            content_range(&headers)
        };
        assert_eq!(read("bytes 10-19/4119"), Some((10, Some(4119))));
        assert_eq!(read("bytes 10-19/*"), Some((10, None)));
        for bad in ["", "bytes", "bytes */4119", "10-19/20", "bytes a-b/c"] {
            assert_eq!(read(bad), None, "{bad}");
        }
    }

    #[test]
    fn slow_is_judged_over_a_window_of_waiting() {
        let window = Duration::from_secs(60);
        let mut pace = Pace::new();
        assert!(!pace.is_too_slow(Duration::from_secs(30), 10, 1024, window), "the window is not over");
        assert!(pace.is_too_slow(Duration::from_secs(31), 10, 1024, window));
        assert!(!pace.is_too_slow(Duration::from_secs(61), 100_000, 1024, window));
        assert!(!pace.is_too_slow(Duration::ZERO, 0, 1024, window), "the consumer's own time does not count");
    }
}
