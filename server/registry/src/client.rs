//! The client: who is asked, in which lane, how often, and what a refusal means.
//!
//! Every request goes through [`Client::fetch`] (small answers) or [`Client::authorised`] (streams). A 401 is never taken at its word: Harbor sends it for a
//! wrong login, for a missing right and for an unknown project alike, so the login is proved by the one call that does (harbor.md §0.1), and the request sent
//! once more if the proof succeeds; a second 401 is a missing right. No loop, and no storm of wrong logins that would lock the user out (F-10).

mod login;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use reqwest::header::{ACCEPT, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Method, StatusCode};
use serde::Serialize;
use serde::de::DeserializeOwned;
use time::OffsetDateTime;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;
use url::Url;

use login::Verdict;

use crate::address::{Lookup, System};
use crate::auth::{Auth, Scope};
use crate::cap::BodyCap;
use crate::endpoint::Endpoint;
use crate::error::{RegistryError, from_answer};
use crate::harbor::SystemInfo;
use crate::limits::{Counters, Credential, Limits};
use crate::retry::{Tries, may_repeat, retry_after};
use crate::storage::Storage;
use crate::transport::{Answer, Payload, Request, Transport};

/// Largest answer of an API call that is not a listing, in bytes.
pub(crate) const ANSWER_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Largest page of a listing, in bytes: tags inside it are not capped by Harbor.
pub(crate) const LISTING_BYTES_MAX: usize = 64 * 1024 * 1024;
/// A client of one registry, with one login. Cheap to clone; clones share connections, tokens, lanes, counters, and what is known of the
/// hosts the registry keeps its blobs at.
#[derive(Clone)]
pub struct Client(Arc<Inner>, Arc<Storage>);

struct Inner {
    transport: Arc<Transport>,
    auth: Auth,
    listing: Arc<Semaphore>,
    blobs: Arc<Semaphore>,
    manifest_puts: Arc<Semaphore>,
    proof: tokio::sync::Mutex<Option<(Instant, bool)>>,
    system_info: Mutex<Option<SystemInfo>>,
    /// Whether one listing gives all artifacts of a project, once that was seen.
    whole_projects: Mutex<Option<bool>>,
}

/// Who is asked with what.
#[derive(Clone)]
pub(crate) enum Access {
    /// Harbor's API with Basic.
    Api,
    /// Without a credential.
    Open,
    /// The distribution API.
    V2(Scope),
}

/// Which bound on concurrency applies.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lane {
    Listing,
    Blob,
    ManifestPut,
}

/// One request with the rules it goes by.
#[derive(Clone)]
pub(crate) struct Call {
    pub request: Request,
    pub access: Access,
    pub lane: Lane,
    /// Whether sending it twice does no harm.
    pub idempotent: bool,
    pub answer_bytes_max: usize,
}

impl Call {
    pub fn json<T: Serialize>(mut self, body: &T) -> Result<Self, RegistryError> {
        let bytes =
            serde_json::to_vec(body).map_err(|e| RegistryError::Protocol { what: format!("a request body cannot be written: {e}") })?;
        self.request.payload = Payload::Bytes(Bytes::from(bytes));
        self.request.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        Ok(self)
    }

    pub fn query(mut self, name: &str, value: &str) -> Self {
        self.request.url.query_pairs_mut().append_pair(name, value);
        self
    }

    pub fn listing(mut self) -> Self {
        self.answer_bytes_max = LISTING_BYTES_MAX;
        self
    }

    pub fn once(mut self) -> Self {
        self.idempotent = false;
        self
    }

    pub fn open(mut self) -> Self {
        self.access = Access::Open;
        self
    }
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client")
            .field("endpoint", &self.endpoint().url.as_str())
            .field("username", &self.username())
            .finish_non_exhaustive()
    }
}

impl Client {
    /// A client; nothing is sent yet.
    pub fn new(endpoint: Endpoint, credential: Credential, limits: Limits) -> Result<Self, RegistryError> {
        Self::with_lookup(endpoint, credential, limits, Arc::new(System))
    }

    pub(crate) fn with_lookup(
        endpoint: Endpoint,
        credential: Credential,
        limits: Limits,
        lookup: Arc<dyn Lookup>,
    ) -> Result<Self, RegistryError> {
        let lane = |size: usize| Arc::new(Semaphore::new(size.clamp(1, Semaphore::MAX_PERMITS)));
        let inner = Inner {
            listing: lane(limits.listing_concurrency_max),
            blobs: lane(limits.blob_concurrency_max),
            manifest_puts: lane(limits.manifest_put_concurrency_max),
            transport: Arc::new(Transport::new(endpoint, limits, lookup)?),
            auth: Auth::new(credential),
            proof: tokio::sync::Mutex::default(),
            system_info: Mutex::default(),
            whole_projects: Mutex::default(),
        };
        Ok(Self(Arc::new(inner), Arc::default()))
    }

    /// The same client at the beginning of a run: a storage host that was given up before is tried again.
    #[must_use]
    pub fn for_run(&self) -> Self {
        Self(Arc::clone(&self.0), Arc::default())
    }

    /// Largest body that reaches the registry, as far as this client and its sisters learnt, in bytes; none = no limit was met.
    #[must_use]
    pub fn body_bytes_max(&self) -> Option<u64> {
        self.cap().bytes_max()
    }

    /// What this client did so far; clones count together.
    #[must_use]
    pub fn counters(&self) -> Counters {
        self.transport().meter.read()
    }

    /// The checked address.
    #[must_use]
    pub fn endpoint(&self) -> &Endpoint {
        &self.transport().endpoint
    }

    /// Whom this client logs in as.
    #[must_use]
    pub fn username(&self) -> &str {
        self.0.auth.username()
    }

    pub(crate) fn transport(&self) -> &Arc<Transport> {
        &self.0.transport
    }

    pub(crate) fn auth(&self) -> &Auth {
        &self.0.auth
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.transport().limits
    }

    pub(crate) fn cap(&self) -> &BodyCap {
        &self.limits().body_cap
    }

    pub(crate) fn storage(&self) -> &Storage {
        &self.1
    }

    pub(crate) fn known_system_info(&self) -> Option<SystemInfo> {
        self.0.system_info.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn remember_system_info(&self, info: &SystemInfo) {
        let before = self.0.system_info.lock().unwrap_or_else(PoisonError::into_inner).replace(info.clone());
        if before.is_some_and(|before| before.version_text != info.version_text) {
            *self.0.whole_projects.lock().unwrap_or_else(PoisonError::into_inner) = None;
        }
    }

    pub(crate) fn known_whole_projects(&self) -> Option<bool> {
        *self.0.whole_projects.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn remember_whole_projects(&self, can: bool) {
        *self.0.whole_projects.lock().unwrap_or_else(PoisonError::into_inner) = Some(can);
    }

    pub(crate) async fn enter(&self, lane: Lane) -> OwnedSemaphorePermit {
        let semaphore = match lane {
            Lane::Listing => &self.0.listing,
            Lane::Blob => &self.0.blobs,
            Lane::ManifestPut => &self.0.manifest_puts,
        };
        Arc::clone(semaphore).acquire_owned().await.expect("the lanes of a client are never closed")
    }

    /// A call to `/api/v2.0` + `path`, which is already encoded.
    pub(crate) fn api(&self, method: Method, path: &str, what: impl Into<String>) -> Call {
        let mut url = self.endpoint().url.clone();
        url.set_path(&format!("/api/v2.0{path}"));
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        // Without it Harbor reads an all-digit project name as an id (harbor.md §2).
        headers.insert(HeaderName::from_static("x-is-resource-name"), HeaderValue::from_static("true"));
        Call {
            request: Request { method, url, headers, payload: Payload::Empty, what: what.into() },
            access: Access::Api,
            lane: Lane::Listing,
            idempotent: true,
            answer_bytes_max: ANSWER_BYTES_MAX,
        }
    }

    /// A call to `/v2/` + `path`.
    pub(crate) fn v2(&self, method: Method, path: &str, scope: Scope, what: impl Into<String>) -> Call {
        let mut url = self.endpoint().url.clone();
        url.set_path(&format!("/v2/{path}"));
        Call {
            request: Request { method, url, headers: HeaderMap::new(), payload: Payload::Empty, what: what.into() },
            access: Access::V2(scope),
            lane: Lane::Blob,
            idempotent: true,
            answer_bytes_max: ANSWER_BYTES_MAX,
        }
    }

    /// Sends the call until it is answered for good, and reads the answer. Never answers 401.
    pub(crate) async fn fetch(&self, call: &Call) -> Result<Answer, RegistryError> {
        let _permit = self.enter(call.lane).await;
        let mut tries = Tries::new(self.limits());
        let mut proved = false;
        loop {
            let (error, asked) = match self.exchange(call).await {
                Ok(answer) if answer.status == StatusCode::UNAUTHORIZED => match self.judge(call, &answer, proved).await {
                    Verdict::Again => {
                        proved = true;
                        self.transport().meter.retry();
                        continue;
                    }
                    Verdict::Final(error) => return Err(error),
                },
                Ok(answer) if may_repeat(answer.status, call.idempotent) => {
                    let asked = retry_after(&answer.headers, OffsetDateTime::now_utc());
                    (self.refusal(&answer, &call.request.what, asked), asked)
                }
                Ok(answer) => return Ok(answer),
                Err(error) if repeatable(&error, call.idempotent) => (error, None),
                Err(error) => return Err(error),
            };
            self.pause(&mut tries, asked, error).await?;
        }
    }

    /// Waits before the next try, or gives the error back when there is none.
    pub(crate) async fn pause(&self, tries: &mut Tries, asked: Option<Duration>, error: RegistryError) -> Result<(), RegistryError> {
        let Some(wait) = tries.next(asked) else { return Err(error) };
        if let Some(asked) = asked {
            self.transport().calm.ask(asked.min(self.limits().retry_after_max));
        }
        tracing::debug!(code = error.code(), wait_ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX), "asking the registry again");
        self.transport().meter.retry();
        tokio::time::sleep(wait).await;
        Ok(())
    }

    async fn exchange(&self, call: &Call) -> Result<Answer, RegistryError> {
        let response = self.authorised(&call.request, &call.access).await?;
        let answer = self.transport().read(response, call.answer_bytes_max, &call.request.what).await?;
        Ok(Answer { sent_bytes: call.request.payload.size_bytes(), ..answer })
    }

    /// Sends the call once, inside a lane that is already entered. Never answers 401.
    pub(crate) async fn sent_once(&self, call: &Call) -> Result<Answer, RegistryError> {
        let mut proved = false;
        loop {
            let answer = self.exchange(call).await?;
            if answer.status != StatusCode::UNAUTHORIZED {
                return Ok(answer);
            }
            self.settle(call, &answer, &mut proved).await?;
        }
    }

    pub(crate) fn refusal(&self, answer: &Answer, what: &str, asked: Option<Duration>) -> RegistryError {
        if answer.status == StatusCode::TOO_MANY_REQUESTS || (answer.status == StatusCode::SERVICE_UNAVAILABLE && asked.is_some()) {
            return RegistryError::Busy { retry_after: asked };
        }
        if answer.status == StatusCode::PAYLOAD_TOO_LARGE {
            return body_refused(what, answer.sent_bytes, self.cap());
        }
        if answer.status.is_redirection() {
            let host = answer
                .header("location")
                .and_then(|l| self.endpoint().url.join(l).ok())
                .map_or_else(|| "nowhere".to_owned(), |url: Url| crate::endpoint::host_of(&url));
            return RegistryError::RedirectRefused { host, reason: "only blobs may be redirected; check scheme and host of the address" };
        }
        from_answer(answer.status, &answer.body, answer.request_id(), what, self.username())
    }

    /// Sends the call; anything but a success is an error.
    pub(crate) async fn expect(&self, call: &Call) -> Result<Answer, RegistryError> {
        let answer = self.fetch(call).await?;
        if answer.status.is_success() {
            Ok(answer)
        } else {
            Err(self.told_apart(call, self.refusal(&answer, &call.request.what, None)).await)
        }
    }

    /// The same, with 404 as `None`.
    pub(crate) async fn expect_found(&self, call: &Call) -> Result<Option<Answer>, RegistryError> {
        match self.expect(call).await {
            Ok(answer) => Ok(Some(answer)),
            Err(RegistryError::NotFound { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    pub(crate) async fn json<T: DeserializeOwned>(&self, call: &Call) -> Result<T, RegistryError> {
        let answer = self.expect(call).await?;
        parse(&answer.body, &call.request.what)
    }

    pub(crate) async fn json_found<T: DeserializeOwned>(&self, call: &Call) -> Result<Option<T>, RegistryError> {
        self.expect_found(call).await?.map(|answer| parse(&answer.body, &call.request.what)).transpose()
    }
}

/// Nothing that is sent is above Harbor's own limits, so whoever refuses its size stands before Harbor. How much it lets through is what was learnt
/// of it, where that is less than what it refused now.
pub(crate) fn body_refused(what: &str, bytes: u64, cap: &BodyCap) -> RegistryError {
    let below = bytes.saturating_sub(1);
    RegistryError::BodyRefused { what: what.to_owned(), bytes, limit_bytes: cap.bytes_max().map_or(below, |known| known.min(below)) }
}

/// Reads JSON; what a stranger got wrong is named by place, never by content.
pub(crate) fn parse<T: DeserializeOwned>(body: &[u8], what: &str) -> Result<T, RegistryError> {
    serde_json::from_slice(body).map_err(|e| RegistryError::Protocol {
        what: format!("the answer to the request to {what} is not readable at line {} column {}", e.line(), e.column()),
    })
}

/// Whether a request that ended in `error` may be sent again. One that never left may always.
pub(crate) fn repeatable(error: &RegistryError, idempotent: bool) -> bool {
    match error {
        RegistryError::Unresolved { .. } => true,
        RegistryError::Unreachable { source, .. } => {
            idempotent || source.downcast_ref::<reqwest::Error>().is_some_and(reqwest::Error::is_connect)
        }
        RegistryError::Stalled { .. } | RegistryError::Truncated { .. } => idempotent,
        // Only the token service's own trouble comes as an error with a status.
        RegistryError::Busy { .. } | RegistryError::Server { .. } => true,
        _ => false,
    }
}
