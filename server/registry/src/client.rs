//! The client: who is asked, in which lane, how often, and what a refusal means.
//!
//! Every request goes through [`Client::fetch`] (small answers) or [`Client::authorised`] (streams). A 401 is never taken at its word: Harbor sends it for a
//! wrong login, for a missing right and for an unknown project alike, so the login is proved by the one call that does (harbor.md §0.1), and the request sent
//! once more if the proof succeeds; a second 401 is a missing right. No loop, and no storm of wrong logins that would lock the user out (F-10).

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

use crate::address::{Lookup, System};
use crate::auth::{Auth, Challenge, Scope, challenge};
use crate::endpoint::Endpoint;
use crate::error::{RegistryError, from_answer};
use crate::harbor::SystemInfo;
use crate::limits::{Counters, Credential, Limits};
use crate::retry::{Tries, may_repeat, retry_after};
use crate::transport::{Answer, Payload, Request, Transport};

/// Largest answer of an API call that is not a listing, in bytes.
pub(crate) const ANSWER_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Largest page of a listing, in bytes: tags inside it are not capped by Harbor.
pub(crate) const LISTING_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Largest answer of the token service, in bytes.
const TOKEN_BYTES_MAX: usize = 64 * 1024;
/// How long a proof of login answers further doubts.
const PROOF_LIFE: Duration = Duration::from_secs(5);

/// A client of one registry, with one login. Cheap to clone; clones share connections, tokens, lanes and counters.
#[derive(Clone)]
pub struct Client(Arc<Inner>);

struct Inner {
    transport: Arc<Transport>,
    auth: Auth,
    listing: Arc<Semaphore>,
    blobs: Arc<Semaphore>,
    manifest_puts: Arc<Semaphore>,
    proof: tokio::sync::Mutex<Option<(Instant, bool)>>,
    system_info: Mutex<Option<SystemInfo>>,
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
        let bytes = serde_json::to_vec(body).map_err(|e| RegistryError::Protocol { what: format!("a request body cannot be written: {e}") })?;
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

/// What a 401 turned out to be.
enum Verdict {
    /// The login is good after all; ask once more.
    Again,
    Final(RegistryError),
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client").field("endpoint", &self.endpoint().url.as_str()).field("username", &self.username()).finish_non_exhaustive()
    }
}

impl Client {
    /// A client; nothing is sent yet.
    pub fn new(endpoint: Endpoint, credential: Credential, limits: Limits) -> Result<Self, RegistryError> {
        Self::with_lookup(endpoint, credential, limits, Arc::new(System))
    }

    pub(crate) fn with_lookup(endpoint: Endpoint, credential: Credential, limits: Limits, lookup: Arc<dyn Lookup>) -> Result<Self, RegistryError> {
        let lane = |size: usize| Arc::new(Semaphore::new(size.clamp(1, Semaphore::MAX_PERMITS)));
        Ok(Self(Arc::new(Inner {
            listing: lane(limits.listing_concurrency_max),
            blobs: lane(limits.blob_concurrency_max),
            manifest_puts: lane(limits.manifest_put_concurrency_max),
            transport: Arc::new(Transport::new(endpoint, limits, lookup)?),
            auth: Auth::new(credential),
            proof: tokio::sync::Mutex::default(),
            system_info: Mutex::default(),
        })))
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

    pub(crate) fn known_system_info(&self) -> Option<SystemInfo> {
        self.0.system_info.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn remember_system_info(&self, info: &SystemInfo) {
        *self.0.system_info.lock().unwrap_or_else(PoisonError::into_inner) = Some(info.clone());
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
        self.transport().read(response, call.answer_bytes_max, &call.request.what).await
    }

    /// Sends with the right credential; answers a challenge or replaces a stale token once.
    pub(crate) async fn authorised(&self, request: &Request, access: &Access) -> Result<reqwest::Response, RegistryError> {
        let scope = match access {
            Access::Open => return self.transport().send(request, None).await,
            Access::Api => return self.transport().send(request, self.auth().basic()).await,
            Access::V2(scope) => scope,
        };
        let auth = self.auth();
        let kept = auth.token(scope);
        let (first, fresh) = match (&kept, auth.known_challenge()) {
            (Some(token), _) => (Some(token.clone()), false),
            (None, Some(known)) => (Some(self.token(&known, scope).await?), true),
            (None, None) => (auth.first(scope), false),
        };
        let response = self.transport().send(request, first.clone()).await?;
        if response.status() != StatusCode::UNAUTHORIZED || fresh || auth.username().is_empty() {
            return Ok(response);
        }
        auth.forget_token(scope);
        // To a stale token Harbor answers with a Basic challenge: the token service known before is asked again.
        let asked = challenge(response.headers(), self.endpoint())?.or_else(|| auth.known_challenge());
        match asked {
            Some(challenge) => {
                drop(response);
                auth.remember_challenge(&challenge);
                self.transport().meter.retry();
                let token = self.token(&challenge, scope).await?;
                self.transport().send(request, Some(token)).await
            }
            None if first.is_none() && wants_basic(response.headers()) => {
                drop(response);
                auth.prefer_basic();
                self.transport().meter.retry();
                self.transport().send(request, auth.basic()).await
            }
            None => Ok(response),
        }
    }

    /// A token for the scope from the registry's own token service.
    async fn token(&self, challenge: &Challenge, scope: &Scope) -> Result<HeaderValue, RegistryError> {
        let auth = self.auth();
        let _one = auth.fetching.lock().await;
        if let Some(token) = auth.token(scope) {
            return Ok(token);
        }
        let what = "get a token".to_owned();
        let request = Request { method: Method::GET, url: Auth::token_url(challenge, scope), headers: HeaderMap::new(), payload: Payload::Empty, what };
        let response = self.transport().send(&request, auth.basic()).await?;
        let answer = self.transport().read(response, TOKEN_BYTES_MAX, &request.what).await?;
        if answer.status != StatusCode::OK {
            return Err(self.refusal(&answer, &request.what, retry_after(&answer.headers, OffsetDateTime::now_utc())));
        }
        auth.keep(scope, &answer.body)
    }

    /// What to do about a 401 outside of [`Client::fetch`]: nothing more than asking once more, or the error.
    pub(crate) async fn settle(&self, call: &Call, answer: &Answer, proved: &mut bool) -> Result<(), RegistryError> {
        match self.judge(call, answer, *proved).await {
            Verdict::Again => {
                *proved = true;
                self.transport().meter.retry();
                Ok(())
            }
            Verdict::Final(error) => Err(error),
        }
    }

    async fn judge(&self, call: &Call, answer: &Answer, proved: bool) -> Verdict {
        let error = self.refusal(answer, &call.request.what, None);
        if matches!(call.access, Access::Open) || !matches!(error, RegistryError::NotLoggedIn { .. }) {
            return Verdict::Final(error);
        }
        if let Access::V2(scope) = &call.access {
            self.auth().forget_token(scope);
        }
        match self.proof().await {
            Ok(true) if !proved => Verdict::Again,
            Ok(true) => Verdict::Final(self.missing_right(call).await),
            Ok(false) => Verdict::Final(error),
            Err(failed) => Verdict::Final(failed),
        }
    }

    /// Logged in, yet refused: the project may be unknown (`/v2` says 401 for that), else a right is missing.
    async fn missing_right(&self, call: &Call) -> RegistryError {
        let what = call.request.what.clone();
        if let Access::V2(Scope::Pull(name) | Scope::Push(name)) = &call.access
            && matches!(self.project_status(&name.project()).await, Ok(StatusCode::NOT_FOUND))
        {
            return RegistryError::NotFound { what: format!("the project {}", name.project()) };
        }
        RegistryError::Forbidden { username: self.username().to_owned(), what }
    }

    async fn project_status(&self, project: &vocab::ProjectName) -> Result<StatusCode, RegistryError> {
        let call = self.api(Method::HEAD, "/projects", "look a project up").query("project_name", project.as_str());
        Ok(self.transport().send(&call.request, self.auth().basic()).await?.status())
    }

    /// Whether the login is good, by the call that tells on every version; a recent answer counts.
    async fn proof(&self) -> Result<bool, RegistryError> {
        let mut last = self.0.proof.lock().await;
        if let Some((at, good)) = *last
            && at.elapsed() < PROOF_LIFE
        {
            return Ok(good);
        }
        let good = self.prove_now().await?;
        *last = Some((Instant::now(), good));
        Ok(good)
    }

    /// Asks Harbor, and once more after a pause: somebody else's wrong password freezes a user for 1.5 s.
    pub(crate) async fn prove_now(&self) -> Result<bool, RegistryError> {
        let call = self.api(Method::GET, "/users/current/permissions", "prove the login");
        let mut frozen = false;
        let mut tries = Tries::new(self.limits());
        loop {
            let (error, asked) = match self.exchange(&call).await {
                Ok(answer) if answer.status == StatusCode::OK => return Ok(true),
                Ok(answer) if answer.status == StatusCode::UNAUTHORIZED && !frozen => {
                    frozen = true;
                    self.transport().meter.retry();
                    tokio::time::sleep(self.limits().login_retry_pause).await;
                    continue;
                }
                // A registry without Harbor's API cannot prove anything; its 401 stands.
                Ok(answer) if matches!(answer.status.as_u16(), 401 | 403 | 404) => return Ok(false),
                Ok(answer) => {
                    let asked = retry_after(&answer.headers, OffsetDateTime::now_utc());
                    let error = self.refusal(&answer, &call.request.what, asked);
                    if !may_repeat(answer.status, true) {
                        return Err(error);
                    }
                    (error, asked)
                }
                Err(error) if repeatable(&error, true) => (error, None),
                Err(error) => return Err(error),
            };
            self.pause(&mut tries, asked, error).await?;
        }
    }

    pub(crate) fn refusal(&self, answer: &Answer, what: &str, asked: Option<Duration>) -> RegistryError {
        if answer.status == StatusCode::TOO_MANY_REQUESTS || (answer.status == StatusCode::SERVICE_UNAVAILABLE && asked.is_some()) {
            return RegistryError::Busy { retry_after: asked };
        }
        if answer.status.is_redirection() {
            let host = answer.header("location").and_then(|l| self.endpoint().url.join(l).ok()).map_or_else(|| "nowhere".to_owned(), |url: Url| crate::endpoint::host_of(&url));
            return RegistryError::RedirectRefused { host, reason: "only blobs may be redirected; check scheme and host of the address" };
        }
        from_answer(answer.status, &answer.body, answer.request_id(), what, self.username())
    }

    /// Sends the call; anything but a success is an error.
    pub(crate) async fn expect(&self, call: &Call) -> Result<Answer, RegistryError> {
        let answer = self.fetch(call).await?;
        if answer.status.is_success() { Ok(answer) } else { Err(self.refusal(&answer, &call.request.what, None)) }
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

/// Reads JSON; what a stranger got wrong is named by place, never by content.
pub(crate) fn parse<T: DeserializeOwned>(body: &[u8], what: &str) -> Result<T, RegistryError> {
    serde_json::from_slice(body).map_err(|e| RegistryError::Protocol {
        what: format!("the answer to the request to {what} is not readable at line {} column {}", e.line(), e.column()),
    })
}

fn wants_basic(headers: &HeaderMap) -> bool {
    let asks = |v: &HeaderValue| v.to_str().is_ok_and(|t| t.trim_start().to_ascii_lowercase().starts_with("basic"));
    headers.get_all(reqwest::header::WWW_AUTHENTICATE).iter().any(asks)
}

/// Whether a request that ended in `error` may be sent again. One that never left may always.
pub(crate) fn repeatable(error: &RegistryError, idempotent: bool) -> bool {
    match error {
        RegistryError::Unresolved { .. } => true,
        RegistryError::Unreachable { source, .. } => idempotent || source.downcast_ref::<reqwest::Error>().is_some_and(reqwest::Error::is_connect),
        RegistryError::Stalled { .. } | RegistryError::Truncated { .. } => idempotent,
        // Only the token service's own trouble comes as an error with a status.
        RegistryError::Busy { .. } | RegistryError::Server { .. } => true,
        _ => false,
    }
}
