//! The classes of the table of routes, walked: what only reads, what a program may change, what only a person may, and what needs the password again.

use app::accounts::types::{NewToken, TokenScope};
use axum::http::StatusCode;
use serde_json::{Value, json};
use sqlx::PgPool;

use super::scope::{Call, answer, calls, filled, own, theirs};
use super::web::web;
use super::world::{everything, origin, signed_in, state};
use crate::access::Caller;
use crate::http::rest;
use crate::http::rules::Rule;

/// Fields that hold a secret or give a right.
const GIVES: [&str; 10] = [
    "secret",
    "access_key",
    "read_secret",
    "write_secret",
    "staging_secret",
    "admin_password",
    "password",
    "duties",
    "grants",
    "read_login",
];

/// Calls with such a field that are not behind the password, and why.
const NOT_PROVEN: [(&str, &str, &str); 3] = [
    ("POST", "/api/v1/harbors/try", "tries what it is given and keeps nothing"),
    ("POST", "/api/v1/vaults", "a folder has no secret; a bucket is asked for it in the operation, as a test of its own says"),
    ("PUT", "/api/v1/me/password", "takes the present password itself"),
];

fn class(call: &Call) -> Rule {
    let line = rest::lines().find(|(verb, path, _)| *verb == call.verb && *path == call.path);
    line.map_or_else(|| panic!("{} {} has no line", call.verb, call.path), |(_, _, rule)| *rule)
}

/// S-26: a call that was added and forgotten fails here.
#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn whatever_gives_rights_or_secrets_is_for_people_who_just_entered_their_password(pool: PgPool) {
    let state = state(pool.clone());
    let theirs = theirs(&pool, &state).await;
    let router = web(&state);
    let all = everything(&state, "all").await;
    let form = NewToken { name: "t".to_owned(), scope: TokenScope::Write, days: 1, ..NewToken::default() };
    let token = crate::accounts::create_token(&state, &all, &origin(), form).await.unwrap().secret;
    let bearer = format!("Bearer {token}");
    let stale = signed_in(&state, &Caller { fresh: false, ..all }).await;
    let described = axum::http::Request::get("/api/v1/openapi.json").header("authorization", &bearer).body(axum::body::Body::empty());
    let description: Value = serde_json::from_str(&answer(&router, described.unwrap()).await.1).unwrap();
    let mut proven = 0;
    for call in calls(&description) {
        let rule = class(&call);
        let gives = call.fields.iter().any(|(name, _)| GIVES.contains(&name.as_str()))
            || call.verb != "GET" && call.path.starts_with("/api/v1/users");
        let excused = NOT_PROVEN.iter().any(|(verb, path, _)| *verb == call.verb && *path == call.path);
        assert!(!gives || excused || rule == Rule::Proven, "{} {} gives a right or a secret and is {rule:?}", call.verb, call.path);
        let value = |name: &str| match name {
            "scope" => "read".into(),
            "disabled" => json!(false),
            name => theirs.pair(&call.path, name).map_or_else(|| own(&call.path, name), |pair| pair.foreign),
        };
        let place = format!("{} {} ({rule:?})", call.verb, call.path);
        let (status, by_token) = answer(&router, filled(&call, ("authorization", &bearer), value)).await;
        let refused = status == StatusCode::FORBIDDEN && by_token.contains("session_needed");
        assert_eq!(refused, matches!(rule, Rule::People | Rule::Proven), "{place} by a token: {status} {by_token}");
        let (status, by_session) = answer(&router, filled(&call, ("cookie", &stale), value)).await;
        let asked = status == StatusCode::CONFLICT && by_session.contains("step_up");
        assert_eq!(asked, rule == Rule::Proven, "{place} an hour after the password: {status} {by_session}");
        proven += usize::from(asked);
    }
    assert!(proven >= 11, "only {proven} calls asked for the password");
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn a_bucket_needs_the_password_and_a_folder_does_not(pool: PgPool) {
    use app::accounts::types::Duty;
    use app::vaults::types::NewVault;
    let state = state(pool.clone());
    let operator = super::world::person(&state, "ops", &[Duty::Operator], "").await;
    let stale = Caller { fresh: false, ..operator };
    let code = async |kind: &str| {
        let form = NewVault { name: "v".to_owned(), kind: kind.to_owned(), path: "relative".to_owned(), ..NewVault::default() };
        crate::vaults::create(&state, &stale, &origin(), form).await.unwrap_err().into_api(None).code
    };
    assert_eq!(code("bucket").await, "step_up");
    assert_eq!(code("directory").await, "invalid_input");
}
