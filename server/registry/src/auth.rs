//! Logging in (harbor.md §1, reliability.md S-60..S-68).
//!
//! The API takes Basic. On `/v2` a robot's Basic is cheapest; a user's password costs Harbor a tenth of a second of CPU each time, so users get a
//! token there. The token service is named by the registry, a stranger: it must be the registry itself, same scheme, host and port, or nothing
//! is sent. Tokens are kept in memory only, in the client they were given to, and forgotten at the first 401.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use base64::Engine as _;
use reqwest::header::{HeaderMap, HeaderValue, WWW_AUTHENTICATE};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use tokio::time::Instant;
use url::Url;
use vocab::RepositoryName;

use crate::endpoint::{Endpoint, host_of, same_origin};
use crate::error::RegistryError;
use crate::limits::Credential;

/// Most tokens kept; above it all are forgotten, which costs a request each.
const TOKENS_MAX: usize = 4096;
/// A token is not used in its last seconds, so that it does not expire on the way.
const TOKEN_MARGIN: Duration = Duration::from_secs(30);
/// Life of a token that names none (distribution token specification).
const TOKEN_LIFE_DEFAULT_S: u64 = 60;
/// Longest life believed.
const TOKEN_LIFE_MAX_S: u64 = 3600;
/// Longest challenge read, in bytes.
const CHALLENGE_BYTES_MAX: usize = 4096;

/// What a `/v2` request needs; the least that does (S-68).
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Scope {
    /// `/v2/` itself.
    Ping,
    Pull(RepositoryName),
    Push(RepositoryName),
    Mount {
        to: RepositoryName,
        from: RepositoryName,
    },
}

impl Scope {
    fn texts(&self) -> Vec<String> {
        let text = |name: &RepositoryName, actions: &str| format!("repository:{name}:{actions}");
        match self {
            Self::Ping => Vec::new(),
            Self::Pull(name) => vec![text(name, "pull")],
            Self::Push(name) => vec![text(name, "pull,push")],
            Self::Mount { to, from } => vec![text(to, "pull,push"), text(from, "pull")],
        }
    }
}

/// A `Bearer` challenge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Challenge {
    pub realm: Url,
    pub service: Option<String>,
}

struct Token {
    header: HeaderValue,
    until: Instant,
}

pub(crate) struct Auth {
    credential: Credential,
    basic: Option<HeaderValue>,
    is_robot: bool,
    /// Whether `/v2` gets Basic unasked: robots from the start, users once the registry asked for it.
    sends_basic: AtomicBool,
    challenge: Mutex<Option<Challenge>>,
    tokens: Mutex<HashMap<Scope, Token>>,
    /// One token request at a time: hundreds of transfers start together.
    pub fetching: tokio::sync::Mutex<()>,
}

#[derive(Deserialize)]
struct TokenAnswer {
    #[serde(default)]
    token: String,
    #[serde(default)]
    access_token: String,
    expires_in: Option<u64>,
}

fn secret_header(text: &str) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_str(text).ok()?;
    value.set_sensitive(true);
    Some(value)
}

impl Auth {
    pub fn new(credential: Credential) -> Self {
        let basic = (!credential.username.is_empty()).then(|| {
            let pair = format!("{}:{}", credential.username, credential.secret.expose_secret());
            secret_header(&format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(pair)))
        });
        let is_robot = looks_like_robot(&credential.username);
        Self {
            basic: basic.flatten(),
            is_robot,
            sends_basic: AtomicBool::new(is_robot),
            credential,
            challenge: Mutex::default(),
            tokens: Mutex::default(),
            fetching: tokio::sync::Mutex::default(),
        }
    }

    pub fn username(&self) -> &str {
        &self.credential.username
    }

    pub fn is_robot(&self) -> bool {
        self.is_robot
    }

    /// The registry asked for Basic on `/v2`.
    pub fn prefer_basic(&self) {
        self.sends_basic.store(true, Ordering::Relaxed);
    }

    pub fn basic(&self) -> Option<HeaderValue> {
        self.basic.clone()
    }

    /// The challenge to answer before a `/v2` request is sent, once one is known and tokens are the better way.
    pub fn known_challenge(&self) -> Option<Challenge> {
        self.challenge.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What to send at the first try of a `/v2` request: a kept token, Basic for robots, else nothing, to be challenged.
    pub fn first(&self, scope: &Scope) -> Option<HeaderValue> {
        if let Some(token) = self.token(scope) {
            return Some(token);
        }
        if self.sends_basic.load(Ordering::Relaxed) { self.basic() } else { None }
    }

    pub fn token(&self, scope: &Scope) -> Option<HeaderValue> {
        let tokens = self.tokens.lock().unwrap_or_else(PoisonError::into_inner);
        tokens.get(scope).filter(|t| t.until > Instant::now()).map(|t| t.header.clone())
    }

    pub fn remember_challenge(&self, challenge: &Challenge) {
        *self.challenge.lock().unwrap_or_else(PoisonError::into_inner) = Some(challenge.clone());
    }

    pub fn forget_token(&self, scope: &Scope) {
        self.tokens.lock().unwrap_or_else(PoisonError::into_inner).remove(scope);
    }

    /// Forgets every token: Harbor refuses those older than a project that was made again (harbor.md §0.9).
    pub fn forget_tokens(&self) {
        self.tokens.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// Where to ask for a token.
    pub fn token_url(challenge: &Challenge, scope: &Scope) -> Url {
        let mut url = challenge.realm.clone();
        {
            let mut query = url.query_pairs_mut();
            if let Some(service) = &challenge.service {
                query.append_pair("service", service);
            }
            for text in scope.texts() {
                query.append_pair("scope", &text);
            }
        }
        url
    }

    /// Keeps the token in `body`.
    pub fn keep(&self, scope: &Scope, body: &[u8]) -> Result<HeaderValue, RegistryError> {
        let wrong = |what: &str| RegistryError::Protocol { what: what.to_owned() };
        let answer: TokenAnswer = serde_json::from_slice(body).map_err(|_| wrong("the token service's answer is not readable"))?;
        let text = SecretString::from(if answer.token.is_empty() { answer.access_token } else { answer.token });
        if text.expose_secret().is_empty() {
            return Err(wrong("the token service gave no token"));
        }
        let header = secret_header(&format!("Bearer {}", text.expose_secret())).ok_or_else(|| wrong("the token is not text"))?;
        let life = Duration::from_secs(answer.expires_in.unwrap_or(TOKEN_LIFE_DEFAULT_S).min(TOKEN_LIFE_MAX_S));
        // A token that lives shorter than the margin is still good for the request it was asked for.
        let until = Instant::now() + life.saturating_sub(TOKEN_MARGIN.min(life / 2));
        let mut tokens = self.tokens.lock().unwrap_or_else(PoisonError::into_inner);
        if tokens.len() >= TOKENS_MAX {
            tokens.clear();
        }
        tokens.insert(scope.clone(), Token { header: header.clone(), until });
        Ok(header)
    }
}

/// Robots are named `robot$…` by default; other prefixes usually keep the `$`, and project robots have a `+`.
fn looks_like_robot(username: &str) -> bool {
    username.contains('$') || username.contains('+')
}

/// The `Bearer` challenge among the headers, if there is one that may be answered.
pub(crate) fn challenge(headers: &HeaderMap, endpoint: &Endpoint) -> Result<Option<Challenge>, RegistryError> {
    for value in headers.get_all(WWW_AUTHENTICATE) {
        let Some(text) = value.to_str().ok().filter(|t| t.len() <= CHALLENGE_BYTES_MAX) else { continue };
        let Some((scheme, rest)) = text.trim().split_once(' ') else { continue };
        if !scheme.eq_ignore_ascii_case("bearer") {
            continue;
        }
        let parameters = parameters(rest);
        let Some(realm) = parameters.get("realm") else { continue };
        let realm = checked_realm(realm, endpoint)?;
        return Ok(Some(Challenge { realm, service: parameters.get("service").cloned() }));
    }
    Ok(None)
}

fn checked_realm(text: &str, endpoint: &Endpoint) -> Result<Url, RegistryError> {
    let refused = |host: String, reason| Err(RegistryError::RedirectRefused { host, reason });
    let Ok(realm) = Url::parse(text) else { return refused("nowhere".to_owned(), "its token service has no usable address") };
    let host = host_of(&realm);
    if !realm.username().is_empty() || realm.password().is_some() || realm.fragment().is_some() {
        return refused(host, "its token service's address carries a login");
    }
    if realm.scheme() != endpoint.url.scheme() {
        return refused(host, "its token service is on another scheme; set Harbor's external URL to the address used here");
    }
    if !same_origin(&realm, &endpoint.url) {
        return refused(
            host,
            "its token service is on another host or port, and a password is sent to the registry only; set Harbor's external URL to the address used here",
        );
    }
    // Names that count as the same may be resolved differently (`harbor`, `harbor.`): the password goes to the address that was checked.
    let mut url = endpoint.url.clone();
    url.set_path(realm.path());
    url.set_query(realm.query());
    Ok(url)
}

/// `key="value"` pairs of RFC 9110 §11.2; values may hold commas and escaped quotes.
fn parameters(text: &str) -> HashMap<String, String> {
    let mut found = HashMap::new();
    let mut rest = text.trim_start();
    while let Some((key, after)) = rest.split_once('=') {
        let key = key.trim_matches([' ', ',', '\t']).to_ascii_lowercase();
        let (value, next) = if let Some(quoted) = after.trim_start().strip_prefix('"') {
            unquote(quoted)
        } else {
            after.split_once(',').map_or((after.trim().to_owned(), ""), |(v, n)| (v.trim().to_owned(), n))
        };
        found.entry(key).or_insert(value);
        rest = next.trim_start_matches([',', ' ', '\t']);
    }
    found
}

fn unquote(text: &str) -> (String, &str) {
    let mut value = String::new();
    let mut escaped = false;
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => {
                value.push(c);
                escaped = false;
            }
            '\\' => escaped = true,
            '"' => return (value, &text[at + 1..]),
            _ => value.push(c),
        }
    }
    (value, "")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::address::AddressRule;

    fn endpoint() -> Endpoint {
        Endpoint::new("https://harbor.example", false, None, AddressRule::default()).unwrap()
    }

    fn headers(text: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(WWW_AUTHENTICATE, HeaderValue::from_str(text).unwrap());
        headers
    }

    #[test]
    fn the_challenge_harbor_sends_is_read() {
        let text = r#"Bearer realm="https://harbor.example/service/token",service="harbor-registry",scope="repository:a/b:pull,push""#;
        let found = challenge(&headers(text), &endpoint()).unwrap().unwrap();
        assert_eq!(found.realm.as_str(), "https://harbor.example/service/token");
        assert_eq!(found.service.as_deref(), Some("harbor-registry"));
        let url = Auth::token_url(&found, &Scope::Push("a/b".parse().unwrap()));
        assert_eq!(url.query(), Some("service=harbor-registry&scope=repository%3Aa%2Fb%3Apull%2Cpush"));
        assert_eq!(challenge(&headers("Basic realm=\"harbor\""), &endpoint()).unwrap(), None);
        assert_eq!(challenge(&headers(""), &endpoint()).unwrap(), None);
    }

    #[test]
    fn a_realm_elsewhere_is_refused_whatever_it_looks_like() {
        for realm in [
            "https://evil.example/token",
            "http://harbor.example/token",
            "https://harbor.example:8443/token",
            "https://harbor.example.evil.example/token",
            "https://harbor.example@evil.example/token",
            "https://user:pw@harbor.example/token",
            "https://127.0.0.1/token",
            "//evil.example/token",
            "/service/token",
            "ftp://harbor.example/token",
            "",
        ] {
            let answer = challenge(&headers(&format!(r#"Bearer realm="{realm}",service="x""#)), &endpoint());
            assert!(matches!(answer, Err(RegistryError::RedirectRefused { .. })), "{realm}: {answer:?}");
        }
    }

    #[test]
    fn a_realm_spelt_otherwise_is_asked_under_the_registered_address() {
        for host in ["harbor.example.", "harbor.example..", "harbor.example%2e", "HARBOR.example:443"] {
            let text = format!(r#"Bearer realm="https://{host}/service/token?a=b""#);
            if let Ok(found) = challenge(&headers(&text), &endpoint()) {
                assert_eq!(found.unwrap().realm.as_str(), "https://harbor.example/service/token?a=b", "{host}");
            }
        }
    }

    #[test]
    fn odd_challenges_neither_panic_nor_pass() {
        for text in [
            "Bearer",
            "Bearer ",
            "Bearer realm",
            "Bearer realm=",
            r#"Bearer realm=""#,
            r#"Bearer realm="\"#,
            "Bearer ====,,,=",
            "bearer service=x",
        ] {
            assert!(!matches!(challenge(&headers(text), &endpoint()), Ok(Some(_))), "{text}");
        }
    }

    #[test]
    fn a_credential_shows_its_secret_to_nobody() {
        let credential = Credential { username: "robot$x".to_owned(), secret: SecretString::from("canary-9f2c") };
        assert!(!format!("{credential:?}").contains("canary-9f2c"));
        let auth = Auth::new(credential);
        assert!(!format!("{:?}", auth.basic()).contains("Basic"));
        assert!(auth.is_robot());
    }

    #[test]
    fn a_token_is_kept_per_scope_and_dropped_on_request() {
        let auth = Auth::new(Credential { username: "dev".to_owned(), secret: SecretString::from("x") });
        let (a, b): (Scope, Scope) = (Scope::Pull("p/a".parse().unwrap()), Scope::Pull("p/b".parse().unwrap()));
        auth.keep(&a, br#"{"token":"t1","access_token":"","expires_in":1800}"#).unwrap();
        assert_eq!(auth.first(&a).unwrap().to_str().unwrap(), "Bearer t1");
        assert_eq!(auth.first(&b), None);
        auth.forget_token(&a);
        assert_eq!(auth.first(&a), None);
        assert!(auth.keep(&a, br#"{"token":""}"#).is_err());
        auth.keep(&a, br#"{"access_token":"t2","expires_in":0}"#).unwrap();
        assert_eq!(auth.token(&a), None, "expired at once");
    }
}
