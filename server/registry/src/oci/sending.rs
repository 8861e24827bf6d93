//! One blob on its way into the registry.
//!
//! POST opens an upload, PUT with `digest` sends the whole body with its length: one request for the bytes. Where something before the registry refuses a body
//! of that size (413, which for a blob no Harbor answers), or where the connection breaks while it is sent time and again, it goes in pieces: PATCH after
//! PATCH, then an empty PUT. Never a last piece in the PUT: Harbor then counts only that piece against the quota; and a single POST with the digest it does not
//! support (harbor.md §5). After a failure the registry is asked how far it came; one that forgot the upload, as distribution 2.8 does when it got
//! more than it acknowledged, is sent the blob from its start. Pieces are halved down to the smallest worth a try.

use reqwest::header::{CONTENT_RANGE, CONTENT_TYPE, HeaderValue, LOCATION, RANGE};
use reqwest::{Method, StatusCode};
use std::sync::Arc;
use std::time::Duration;
use time::OffsetDateTime;
use url::Url;
use vocab::{AnyDigest, Digest, RepositoryName};

use super::blob::points_to_storage;
use super::location::upload_location;
use super::pieces::Source;
use crate::auth::Scope;
use crate::cap::smaller;
use crate::client::{Call, Client, body_refused, repeatable};
use crate::error::{Refusal, RegistryError};
use crate::retry::{Tries, may_repeat, retry_after};
use crate::transport::{Answer, BROKE, Payload};
use oci_distribution::errors::OciErrorCode;

/// Failures in a row while bytes were on their way after which smaller bodies are tried: one may be chance.
const BREAKS_MAX: u32 = 2;
/// Times a blob is begun anew because the registry forgot the upload.
const RESTARTS_MAX: u32 = 8;

/// What one request of an upload came to.
enum Part {
    Done(Answer),
    /// Nothing of it reached the registry: the body is too large for what stands before.
    Refused(u64),
    Again(RegistryError, Option<Duration>),
}

/// An upload from its first request to its last.
pub(super) struct Sending<'a> {
    client: &'a Client,
    repository: &'a RepositoryName,
    digest: &'a AnyDigest,
    source: Arc<Source>,
    what: String,
    /// Where the next request goes; none before an upload is opened.
    location: Option<Url>,
    /// Bytes the registry has.
    at: u64,
    /// Most bytes it ever had.
    best: u64,
    /// Largest body for this blob, learnt from connections that broke.
    own_max: Option<u64>,
    breaks: u32,
    restarts: u32,
    tries: Tries,
}

impl<'a> Sending<'a> {
    pub fn new(client: &'a Client, repository: &'a RepositoryName, digest: &'a AnyDigest, source: Arc<Source>) -> Self {
        let what = format!("upload blob {} to {repository}", digest.short());
        let tries = Tries::new(client.limits());
        Self { client, repository, digest, source, what, location: None, at: 0, best: 0, own_max: None, breaks: 0, restarts: 0, tries }
    }

    /// Sends until the registry has the blob.
    pub async fn run(mut self) -> Result<(), RegistryError> {
        loop {
            let Some(location) = self.location.clone() else {
                if self.begin().await? {
                    return Ok(());
                }
                continue;
            };
            let (call, size_bytes) = self.next_call(location);
            let last = call.request.method == Method::PUT;
            let (error, asked) = match self.send(&call).await {
                Ok(Part::Done(answer)) if last => return self.finished(&answer),
                Ok(Part::Done(answer)) => {
                    self.advance(&answer, size_bytes)?;
                    continue;
                }
                Ok(Part::Refused(bytes)) => {
                    self.client.cap().refused(bytes).ok_or_else(|| body_refused(&self.what, bytes, self.client.cap()))?;
                    self.look().await?;
                    continue;
                }
                Ok(Part::Again(error, asked)) => (error, asked),
                Err(error) if repeatable(&error, true) => (error, None),
                Err(error) => return Err(error),
            };
            self.broke(&error, size_bytes);
            self.client.pause(&mut self.tries, asked, error).await?;
            // The answer may have been lost, not the upload.
            if last && self.has_blob_now().await? {
                return Ok(());
            }
            self.look().await?;
        }
    }

    /// Largest body for the next request.
    fn body_max(&self) -> Option<u64> {
        [self.own_max, self.client.cap().bytes_max()].into_iter().flatten().min()
    }

    /// The request that sends what comes next, and how many bytes that is.
    fn next_call(&self, location: Url) -> (Call, u64) {
        let total = self.source.size_bytes;
        let most = self.body_max().unwrap_or(total);
        let whole = self.at == 0 && total <= most;
        let left = total - self.at;
        let scope = Scope::Push(self.repository.clone());
        let mut call = self.client.v2(if whole || left == 0 { Method::PUT } else { Method::PATCH }, "", scope, self.what.as_str());
        call.request.url = location;
        call.request.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
        if whole || left == 0 {
            append_digest(&mut call.request.url, self.digest);
            if whole {
                call.request.payload = Payload::Stream { make: self.source.whole(), size_bytes: total };
            }
            return (call, left);
        }
        let size_bytes = left.min(most);
        let range = format!("{}-{}", self.at, self.at + size_bytes - 1);
        call.request.headers.insert(CONTENT_RANGE, HeaderValue::from_str(&range).expect("digits are a header value"));
        call.request.payload = Payload::Stream { make: self.source.piece(self.at, size_bytes), size_bytes };
        (call, size_bytes)
    }

    /// Opens an upload. Answers whether the blob turned out to be there.
    async fn begin(&mut self) -> Result<bool, RegistryError> {
        let path = format!("{}/blobs/uploads/", self.repository);
        let call = self.client.v2(Method::POST, &path, Scope::Push(self.repository.clone()), self.what.as_str());
        let (error, asked) = match self.send(&call).await {
            Ok(Part::Done(answer)) if answer.status == StatusCode::ACCEPTED => {
                self.at = 0;
                self.location = Some(upload_location(self.client.endpoint(), &call.request.url, answer.header(LOCATION.as_str()))?);
                return Ok(false);
            }
            Ok(Part::Done(answer)) => {
                return Err(RegistryError::Protocol { what: format!("status {} at the start of an upload", answer.status.as_u16()) });
            }
            Ok(Part::Refused(bytes)) => return Err(body_refused(&self.what, bytes, self.client.cap())),
            Ok(Part::Again(error, asked)) => (error, asked),
            Err(error) if repeatable(&error, true) => (error, None),
            Err(error) => return Err(error),
        };
        self.client.pause(&mut self.tries, asked, error).await?;
        self.has_blob_now().await
    }

    /// A piece arrived. The registry's own count is for it to keep right; the digest decides in the end.
    fn advance(&mut self, answer: &Answer, size_bytes: u64) -> Result<(), RegistryError> {
        let base = self.location.take().unwrap_or_else(|| self.client.endpoint().url.clone());
        // A registry may leave the location out where it does not change.
        self.location = Some(match answer.header(LOCATION.as_str()) {
            Some(location) => upload_location(self.client.endpoint(), &base, Some(location))?,
            None => base,
        });
        self.at += size_bytes;
        self.breaks = 0;
        if self.at > self.best {
            self.best = self.at;
            self.tries.reset();
        }
        Ok(())
    }

    fn finished(&self, answer: &Answer) -> Result<(), RegistryError> {
        if let Some(Ok(actual)) = answer.header("docker-content-digest").map(str::parse::<Digest>)
            && let Some(expected) = self.digest.sha256()
            && actual != expected
        {
            return Err(RegistryError::WrongDigest { expected, actual });
        }
        if let Some(bytes) = self.own_max {
            // Whole it broke time and again, in pieces it came through: later blobs of that size need not try.
            let known = self.client.cap().bytes_max();
            self.client.cap().set(Some(known.map_or(bytes, |known| known.min(bytes))));
        }
        Ok(())
    }

    /// The connection, or whoever passes the request on, broke while bytes were on their way: smaller bodies may come through.
    fn broke(&mut self, error: &RegistryError, size_bytes: u64) {
        let hint = matches!(
            error,
            RegistryError::Unreachable { reason: BROKE, .. } | RegistryError::Server { status: 408 | 502 | 504 | 520..=524, .. }
        );
        if !hint {
            return;
        }
        self.breaks += 1;
        if self.breaks >= BREAKS_MAX
            && let Some(bytes) = smaller(size_bytes)
        {
            self.own_max = Some(self.own_max.map_or(bytes, |own| own.min(bytes)));
            self.breaks = 0;
            self.tries.reset();
        }
    }

    /// Asks how far the upload came, or forgets it.
    async fn look(&mut self) -> Result<(), RegistryError> {
        let Some(location) = self.location.take() else { return Ok(()) };
        let scope = Scope::Push(self.repository.clone());
        let mut call = self.client.v2(Method::GET, "", scope, self.what.as_str());
        call.request.url = location;
        let came = match self.send(&call).await {
            Ok(Part::Done(answer)) => came_to(&answer).filter(|at| *at <= self.source.size_bytes).map(|at| (at, answer)),
            Ok(_) => None,
            Err(error) if matches!(error, RegistryError::NotLoggedIn { .. }) => return Err(error),
            Err(_) => None,
        };
        if let Some((at, answer)) = came {
            let next = answer.header(LOCATION.as_str());
            self.location = Some(match next {
                Some(next) => upload_location(self.client.endpoint(), &call.request.url, Some(next))?,
                None => call.request.url,
            });
            self.at = at;
            return Ok(());
        }
        // What had not begun is not begun anew; its tries are counted elsewhere.
        self.restarts += u32::from(self.at > 0);
        if self.restarts > RESTARTS_MAX {
            return Err(RegistryError::Truncated { what: format!("the request to {}", self.what), received_bytes: self.best });
        }
        Ok(())
    }

    /// HEAD inside a lane that is already entered; trouble counts as *no*, the upload will meet it again.
    async fn has_blob_now(&self) -> Result<bool, RegistryError> {
        let path = format!("{}/blobs/{}", self.repository, self.digest);
        let what = format!("look at blob {}", self.digest.short());
        let call = self.client.v2(Method::HEAD, &path, Scope::Push(self.repository.clone()), what);
        match self.client.authorised(&call.request, &call.access).await {
            Ok(response) => {
                let status = response.status();
                Ok(status == StatusCode::OK || points_to_storage(status, response.headers(), &call.request.url))
            }
            Err(error) if repeatable(&error, true) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// One request of an upload, inside a lane that is already entered.
    async fn send(&self, call: &Call) -> Result<Part, RegistryError> {
        let answer = self.client.sent_once(call).await?;
        if answer.status.is_success() {
            return Ok(Part::Done(answer));
        }
        if answer.status == StatusCode::PAYLOAD_TOO_LARGE {
            return Ok(Part::Refused(call.request.payload.size_bytes()));
        }
        let asked = retry_after(&answer.headers, OffsetDateTime::now_utc());
        let error = self.client.refusal(&answer, &call.request.what, asked);
        // An upload the registry forgot is begun anew; so is one whose place it sees elsewhere.
        let refusal = Refusal::read(&answer.body);
        let forgotten = refusal.has(&OciErrorCode::BlobUploadUnknown)
            || answer.status == StatusCode::RANGE_NOT_SATISFIABLE
            || (refusal.has(&OciErrorCode::BlobUploadInvalid) && self.at > 0);
        let may = forgotten || may_repeat(answer.status, true);
        if may { Ok(Part::Again(error, asked)) } else { Err(error) }
    }
}

/// How many bytes an upload has: `Range: 0-9` is ten of them. `0-0` is what distribution says of none.
fn came_to(answer: &Answer) -> Option<u64> {
    let text = answer.header(RANGE.as_str())?;
    let (first, last) = text.trim().trim_start_matches("bytes=").split_once('-')?;
    let (first, last): (u64, u64) = (first.trim().parse().ok()?, last.trim().parse().ok()?);
    (first == 0).then(|| if last == 0 { 0 } else { last.saturating_add(1) })
}

/// Adds the digest and leaves the registry's own query as it is: re-encoding its state would break its signature.
fn append_digest(url: &mut Url, digest: &AnyDigest) {
    let query = match url.query() {
        Some(old) if !old.is_empty() => format!("{old}&digest={digest}"),
        _ => format!("digest={digest}"),
    };
    url.set_query(Some(&query));
}
