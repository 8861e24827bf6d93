//! Who sends a request: Basic for users and robots, Bearer on `/v2`.
//!
//! A wrong, expired or disabled credential is not an error: the request goes on as nobody (harbor.md §0.1). That is the
//! behaviour clients must be tested against, so every door here ends in [`Who::Anonymous`] and never in a refusal.

use std::time::Instant;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use http::HeaderMap;
use rand::Rng as _;
use serde::{Deserialize, Serialize};
use serde_json::json;
use sha2::{Digest as _, Sha256};

use crate::app::App;
use crate::clock;
use crate::model::{Robot, Secret, World};
use crate::permission;

/// The prefix of every robot's name.
pub const ROBOT_PREFIX: &str = "robot$";
/// How long a token lives.
const TOKEN_TTL_S: i64 = 1_800;
/// The clock skew Harbor forgives when it compares a token with its project's creation.
const TOKEN_LEEWAY_US: i64 = 60 * clock::SECOND_US;
/// Failed log-ins that are remembered at the same time.
const FROZEN_MAX: usize = 1_000;

/// Who sends the request.
#[derive(Debug, Clone, PartialEq)]
pub enum Who {
    Anonymous,
    User { id: i64, name: String, admin: bool },
    Robot { id: i64, name: String },
    Token { name: String, issued_us: i64, access: Vec<(String, Vec<String>)> },
}

/// What a token says.
#[derive(Debug, Serialize, Deserialize)]
struct Claims {
    sub: String,
    aud: String,
    iat_us: i64,
    exp: i64,
    access: Vec<Scope>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Scope {
    r#type: String,
    name: String,
    actions: Vec<String>,
}

impl Who {
    pub fn is_authenticated(&self) -> bool {
        !matches!(self, Self::Anonymous)
    }

    pub fn is_admin(&self) -> bool {
        matches!(self, Self::User { admin: true, .. })
    }

    /// The name for audit rows and refusals.
    pub fn name(&self) -> &str {
        match self {
            Self::Anonymous => "anonymous",
            Self::User { name, .. } | Self::Robot { name, .. } | Self::Token { name, .. } => name,
        }
    }

    /// The user's id; a robot's things belong to the administrator.
    pub fn user_id(&self) -> i64 {
        match self {
            Self::User { id, .. } => *id,
            _ => 1,
        }
    }

    /// Whether Harbor's policies look at a push right in a token (harbor.md §5).
    pub fn token_may_push(&self, project: &str) -> bool {
        matches!(self, Self::Token { access, .. } if access.iter().any(|(name, actions)| {
            name.split('/').next() == Some(project) && actions.iter().any(|action| action == "push")
        }))
    }

    /// Tokens older than their project are refused since 2.13.5, 2.14.3 and 2.15.0.
    pub fn older_than(&self, created_us: i64) -> bool {
        matches!(self, Self::Token { issued_us, .. } if *issued_us < created_us - TOKEN_LEEWAY_US)
    }
}

/// A salted hash.
pub fn secret_of(text: &str) -> Secret {
    let salt = random_text(16);
    let hash = hash(&salt, text);
    Secret { salt, hash }
}

fn hash(salt: &str, text: &str) -> String {
    hex::encode(Sha256::new().chain_update(salt).chain_update([0]).chain_update(text).finalize())
}

fn matches(secret: &Secret, text: &str) -> bool {
    hash(&secret.salt, text) == secret.hash
}

/// Random letters and digits, with at least one of each kind Harbor demands of a secret.
pub fn random_text(length: usize) -> String {
    let mut random = rand::rng();
    loop {
        let text: String = (0..length).map(|_| char::from(random.sample(rand::distr::Alphanumeric))).collect();
        if is_strong(&text) {
            return text;
        }
    }
}

/// Harbor's rule for secrets: 8 to 128 characters with an upper-case and a lower-case letter and a digit.
pub fn is_strong(text: &str) -> bool {
    (8..=128).contains(&text.len())
        && text.chars().any(|c| c.is_ascii_uppercase())
        && text.chars().any(|c| c.is_ascii_lowercase())
        && text.chars().any(|c| c.is_ascii_digit())
}

/// The full name of a robot.
pub fn robot_name(robot: &Robot) -> String {
    format!("{ROBOT_PREFIX}{}", robot.name)
}

/// Who sends a request with these headers; `bearer` says whether tokens count here.
pub async fn of(app: &App, headers: &HeaderMap, bearer: bool) -> Who {
    let Some(header) = headers.get(http::header::AUTHORIZATION).and_then(|value| value.to_str().ok()) else {
        return Who::Anonymous;
    };
    if let Some(token) = header.strip_prefix("Bearer ") {
        return if bearer { read_token(app, token.trim()).unwrap_or(Who::Anonymous) } else { Who::Anonymous };
    }
    let Some((name, password)) = basic(header) else {
        return Who::Anonymous;
    };
    if let Some(who) = robot(&app.world(), &name, &password) {
        return who;
    }
    user(app, &name, &password).await
}

fn basic(header: &str) -> Option<(String, String)> {
    let encoded = header.strip_prefix("Basic ").or_else(|| header.strip_prefix("basic "))?;
    let text = String::from_utf8(STANDARD.decode(encoded.trim()).ok()?).ok()?;
    let (name, password) = text.split_once(':')?;
    Some((name.to_owned(), password.to_owned()))
}

fn robot(world: &World, name: &str, secret: &str) -> Option<Who> {
    let short = name.strip_prefix(ROBOT_PREFIX)?;
    let robot = world.robots.values().find(|robot| robot.name == short)?;
    let expired = robot.expires_at != -1 && robot.expires_at < clock::now_s();
    (!robot.disabled && !expired && matches(&robot.secret, secret)).then(|| Who::Robot { id: robot.id, name: name.to_owned() })
}

/// A user's password. A failure freezes the name for a while, and takes that long itself (harbor.md §1).
async fn user(app: &App, name: &str, password: &str) -> Who {
    let freeze = app.config.login_freeze;
    if !freeze.is_zero() && app.frozen().get(name).is_some_and(|until| *until > Instant::now()) {
        return Who::Anonymous;
    }
    let found = app.world().users.values().find(|user| user.name == name && matches(&user.secret, password)).map(|user| Who::User {
        id: user.id,
        name: user.name.clone(),
        admin: user.sysadmin,
    });
    if let Some(who) = found {
        return who;
    }
    if !freeze.is_zero() {
        {
            let mut frozen = app.frozen();
            frozen.retain(|_, until| *until > Instant::now());
            if frozen.len() < FROZEN_MAX {
                frozen.insert(name.to_owned(), Instant::now() + freeze);
            }
        }
        tokio::time::sleep(freeze).await;
    }
    Who::Anonymous
}

/// A token for the scopes asked for. The actions in it are all the caller has, whatever was asked (harbor.md §1).
pub fn issue_token(world: &World, who: &Who, scopes: &[String]) -> serde_json::Value {
    let access = scopes.iter().filter_map(|scope| granted(world, who, scope)).collect();
    let issued_us = clock::now_us();
    let claims = Claims {
        sub: if who.is_authenticated() { who.name().to_owned() } else { String::new() },
        aud: "harbor-registry".to_owned(),
        iat_us: issued_us,
        exp: issued_us / clock::SECOND_US + TOKEN_TTL_S,
        access,
    };
    let head = URL_SAFE_NO_PAD.encode(json!({"typ": "JWT", "alg": "HS256"}).to_string());
    let body = URL_SAFE_NO_PAD.encode(json!(claims).to_string());
    let sign = URL_SAFE_NO_PAD.encode(signature(&world.token_key, &head, &body));
    json!({
        "token": format!("{head}.{body}.{sign}"),
        "access_token": "",
        "expires_in": TOKEN_TTL_S,
        "issued_at": clock::text_seconds(issued_us),
    })
}

/// A simulator's signature: a keyed hash, enough to tell its own tokens from others.
fn signature(key: &str, head: &str, body: &str) -> Vec<u8> {
    Sha256::new().chain_update(key).chain_update(head).chain_update(".").chain_update(body).finalize().to_vec()
}

fn granted(world: &World, who: &Who, scope: &str) -> Option<Scope> {
    let (kind, rest) = scope.split_once(':')?;
    let (name, _) = rest.rsplit_once(':')?;
    if kind != "repository" {
        let actions = if who.is_admin() { vec!["*".to_owned()] } else { Vec::new() };
        return Some(Scope { r#type: kind.to_owned(), name: name.to_owned(), actions });
    }
    let project = world.project(name.split('/').next()?);
    let actions = ["pull", "push", "delete"]
        .into_iter()
        .filter(|action| project.is_some_and(|project| permission::has_in_project(world, who, project, "repository", action)))
        .map(str::to_owned)
        .collect();
    Some(Scope { r#type: "repository".to_owned(), name: name.to_owned(), actions })
}

fn read_token(app: &App, token: &str) -> Option<Who> {
    let mut parts = token.split('.');
    let (head, body, sign) = (parts.next()?, parts.next()?, parts.next()?);
    let expected = signature(&app.world().token_key, head, body);
    if URL_SAFE_NO_PAD.decode(sign).ok()? != expected {
        return None;
    }
    let claims: Claims = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(body).ok()?).ok()?;
    if claims.exp < clock::now_s() {
        return None;
    }
    Some(Who::Token {
        name: if claims.sub.is_empty() { "anonymous".to_owned() } else { claims.sub },
        issued_us: claims.iat_us,
        access: claims.access.into_iter().map(|scope| (scope.name, scope.actions)).collect(),
    })
}
