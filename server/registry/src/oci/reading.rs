//! One blob on its way: opened, resumed after a break, cut when too slow (F-17..F-20).

use std::time::Duration;

use bytes::Bytes;
use reqwest::StatusCode;
use reqwest::header::{CONTENT_LENGTH, CONTENT_RANGE, HeaderMap, HeaderValue, LOCATION, RANGE};
use time::OffsetDateTime;
use tokio::time::Instant;
use url::Url;
use vocab::{Digest, Hasher};

use super::blob::Followed;
use crate::client::{Access, Call, Client, repeatable};
use crate::endpoint::host_of;
use crate::error::{RegistryError, clean};
use crate::retry::{Tries, may_repeat, retry_after};

/// Most times one blob is resumed after progress was made.
const RESUMES_MAX: u32 = 64;
/// Refusals of a storage after which a blob is given up.
const STORAGE_REFUSALS_MAX: u32 = 1;
/// Largest error answer read, in bytes.
const ERROR_BYTES_MAX: usize = 64 * 1024;

/// Measures the time spent waiting for bytes, not the time the consumer takes.
struct MinRate {
    waited: Duration,
    bytes: u64,
}

impl MinRate {
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
pub(super) struct Opened {
    response: reqwest::Response,
    pub url: Url,
    /// A piece that was read already.
    first: Option<Bytes>,
    /// Bytes to drop first: the registry ignored the Range.
    skip_bytes: u64,
    total_bytes: Option<u64>,
}

impl Opened {
    /// What comes of so many bytes, hashed, and how many came. A body that breaks off is over.
    pub async fn taken(mut self, client: &Client, what: &str, bytes_max: u64) -> (Digest, u64) {
        let (mut hasher, mut bytes) = (Hasher::new(), 0);
        while bytes < bytes_max {
            let chunk = match self.first.take() {
                Some(first) => Some(first),
                None => client.transport().chunk(&mut self.response, &self.url, what).await.ok().flatten(),
            };
            let Some(chunk) = chunk else { break };
            hasher.update(&chunk);
            bytes += chunk.len() as u64;
        }
        (hasher.finish(), bytes)
    }
}

pub(super) fn length(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.trim().parse().ok()
}

/// `bytes 10-19/4119` as (10, Some(4119)).
pub(crate) fn content_range(headers: &HeaderMap) -> Option<(u64, Option<u64>)> {
    let text = headers.get(CONTENT_RANGE)?.to_str().ok()?.trim().strip_prefix("bytes ")?;
    let (range, total) = text.split_once('/')?;
    let start = range.split_once('-')?.0.trim().parse().ok()?;
    Some((start, total.trim().parse().ok()))
}

/// The whole size that an answer tells which has no byte of the range asked for: `bytes */4119`.
fn unsatisfied(status: StatusCode, headers: &HeaderMap) -> Option<u64> {
    let told = headers.get(CONTENT_RANGE)?.to_str().ok()?.trim().strip_prefix("bytes */")?.trim().parse().ok();
    told.filter(|_| status == StatusCode::RANGE_NOT_SATISFIABLE)
}

/// One blob on its way.
pub(super) struct Reading<'a> {
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
    rate: MinRate,
    tries: Tries,
    resumes: u32,
    /// Refusals of the storage, not of the registry.
    refusals: u32,
    proved: bool,
    ended: bool,
}

impl<'a> Reading<'a> {
    pub fn new(client: &'a Client, call: Call, digest: Digest, size_bytes: Option<u64>, hasher: Option<Hasher>) -> Self {
        let tries = Tries::new(client.limits());
        Self {
            client,
            call,
            digest,
            size_bytes,
            received_bytes: 0,
            hasher,
            held: None,
            body: None,
            rate: MinRate::new(),
            tries,
            resumes: 0,
            refusals: 0,
            proved: false,
            ended: false,
        }
    }

    /// The next piece that may leave; `None` after the last.
    pub async fn next(&mut self) -> Result<Option<Bytes>, RegistryError> {
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
    pub async fn again(&mut self, error: RegistryError, asked: Option<Duration>) -> Result<(), RegistryError> {
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
            let chunk = match body.first.take() {
                Some(first) => Some(first),
                None => transport.chunk(&mut body.response, &body.url, what).await?,
            };
            let Some(mut chunk) = chunk else {
                return match body.total_bytes.or(self.size_bytes) {
                    Some(total) if received < total => Err(RegistryError::Truncated { what: what.to_owned(), received_bytes: received }),
                    _ => Ok(None),
                };
            };
            if self.rate.is_too_slow(started.elapsed(), chunk.len(), limits.min_throughput_bytes_per_s, limits.throughput_window) {
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
    pub async fn open(&mut self, offset: u64) -> Result<Opened, RegistryError> {
        let mut request = self.call.request.clone();
        if offset > 0 {
            let range = HeaderValue::from_str(&format!("bytes={offset}-")).expect("digits are a header value");
            request.headers.insert(RANGE, range);
        }
        loop {
            let response = self.client.authorised(&request, &self.call.access).await?;
            if response.status().is_redirection() {
                let location = response.headers().get(LOCATION).and_then(|l| l.to_str().ok());
                let followed = self.client.follow(location, &request).await?;
                let status = followed.response.status();
                if status.is_success() {
                    return self.opened(followed, offset);
                }
                self.too_short(status, followed.response.headers())?;
                self.refusals += 1;
                return Err(self.storage_refused(&followed.url, status));
            }
            let status = response.status();
            if status == StatusCode::OK || status == StatusCode::PARTIAL_CONTENT {
                let url = request.url.clone();
                return self.opened(Followed { response, url, first: None }, offset);
            }
            self.too_short(status, response.headers())?;
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

    /// Refuses a blob that ends before the bytes asked for.
    fn too_short(&self, status: StatusCode, headers: &HeaderMap) -> Result<(), RegistryError> {
        match (self.size_bytes, unsatisfied(status, headers)) {
            (Some(expected), Some(actual)) => Err(RegistryError::WrongSize { what: self.call.request.what.clone(), expected, actual }),
            _ => Ok(()),
        }
    }

    /// What an answer of the storage other than the bytes means. An expired signature is worth one more redirect; what stays refused, an
    /// archived object or a wrong right, concerns this blob and maybe no other.
    fn storage_refused(&self, url: &Url, status: StatusCode) -> RegistryError {
        match status.as_u16() {
            404 | 410 => RegistryError::NotFound { what: format!("blob {} at {}", self.digest.short(), clean(&host_of(url))) },
            400..=499 if status != StatusCode::TOO_MANY_REQUESTS && self.refusals > STORAGE_REFUSALS_MAX => {
                let why = format!("it answers with status {}; look at the registry's access to its storage", status.as_u16());
                RegistryError::StorageUnreachable { host: clean(&host_of(url)), why }
            }
            status => RegistryError::Server { status, request_id: None },
        }
    }

    fn opened(&self, followed: Followed, offset: u64) -> Result<Opened, RegistryError> {
        let Followed { response, url, first } = followed;
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
            _ => Ok(Opened { response, url, first, skip_bytes, total_bytes }),
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
    fn a_range_beyond_the_end_tells_the_size() {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_RANGE, HeaderValue::from_static("bytes */3"));
        assert_eq!(unsatisfied(StatusCode::RANGE_NOT_SATISFIABLE, &headers), Some(3));
        assert_eq!(unsatisfied(StatusCode::NOT_FOUND, &headers), None);
        headers.insert(CONTENT_RANGE, HeaderValue::from_static("bytes 0-1/3"));
        assert_eq!(unsatisfied(StatusCode::RANGE_NOT_SATISFIABLE, &headers), None);
    }

    #[test]
    fn slow_is_judged_over_a_window_of_waiting() {
        let window = Duration::from_secs(60);
        let mut rate = MinRate::new();
        assert!(!rate.is_too_slow(Duration::from_secs(30), 10, 1024, window), "the window is not over");
        assert!(rate.is_too_slow(Duration::from_secs(31), 10, 1024, window));
        assert!(!rate.is_too_slow(Duration::from_secs(61), 100_000, 1024, window));
        assert!(!rate.is_too_slow(Duration::ZERO, 0, 1024, window), "the consumer's own time does not count");
    }
}
