//! Credentials on their way, challenges, and what a 401 means.

use std::time::Duration;

use reqwest::header::{HeaderMap, HeaderValue};
use reqwest::{Method, StatusCode};
use time::OffsetDateTime;
use tokio::time::Instant;

use super::{Access, Call, Client, repeatable};
use crate::auth::{Auth, Challenge, Scope, challenge};
use crate::error::RegistryError;
use crate::retry::{Tries, may_repeat, retry_after};
use crate::transport::{Answer, Payload, Request};

/// Largest answer of the token service, in bytes.
const TOKEN_BYTES_MAX: usize = 64 * 1024;
/// How long a proof of login answers further doubts.
const PROOF_LIFE: Duration = Duration::from_secs(5);

/// What a 401 turned out to be.
pub(super) enum Verdict {
    /// The login is good after all; ask once more.
    Again,
    Final(RegistryError),
}

impl Client {
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
        let request = Request {
            method: Method::GET,
            url: Auth::token_url(challenge, scope),
            headers: HeaderMap::new(),
            payload: Payload::Empty,
            what,
        };
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

    pub(super) async fn judge(&self, call: &Call, answer: &Answer, proved: bool) -> Verdict {
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

    /// A refused look into a project: Harbor's API refuses whoever is no administrator whatever is of a project that does not exist, as if a right were
    /// missing. That such a project does not exist it tells everybody.
    pub(super) async fn told_apart(&self, call: &Call, refused: RegistryError) -> RegistryError {
        if !matches!(refused, RegistryError::Forbidden { .. }) || call.request.method != Method::GET {
            return refused;
        }
        let within = call.request.url.path().strip_prefix("/api/v2.0/projects/").and_then(|path| path.split('/').next());
        let Some(project) = within.and_then(|name| name.parse::<vocab::ProjectName>().ok()) else { return refused };
        if matches!(self.project_status(&project).await, Ok(StatusCode::NOT_FOUND)) {
            return RegistryError::NotFound { what: format!("the project {project}") };
        }
        refused
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
}

fn wants_basic(headers: &HeaderMap) -> bool {
    let asks = |v: &HeaderValue| v.to_str().is_ok_and(|t| t.trim_start().to_ascii_lowercase().starts_with("basic"));
    headers.get_all(reqwest::header::WWW_AUTHENTICATE).iter().any(asks)
}
