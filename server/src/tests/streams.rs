//! An event stream ends with what let it in, at once and not when it is opened again.

use app::accounts::types::{ChangeRoles, Duty, EndSessions, NewToken, TokenScope};
use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use http_body_util::BodyExt as _;
use sqlx::PgPool;
use tower::ServiceExt as _;

use super::web::web;
use super::world::{harbor, origin, person, signed_in, state};
use crate::access::Caller;
use crate::accounts;
use crate::events::{Topic, notify};
use crate::state::AppState;

/// How long a stream may take to end before the test gives up, seconds.
const PATIENCE_S: u64 = 120;

/// What let a stream in.
#[derive(Clone, Copy, Debug, PartialEq)]
enum By {
    Session,
    Token,
}

/// Everything a stream can lose.
#[derive(Clone, Copy, Debug)]
enum Loss {
    SessionEnded,
    SignedOut,
    Revoked,
    Expired,
    Disabled,
    RoleGone,
    Password,
}

async fn open(router: &axum::Router, who: (header::HeaderName, String)) -> Body {
    let request = Request::get("/events").header(who.0, who.1).body(Body::empty()).unwrap();
    let response = router.clone().oneshot(request).await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    let mut body = response.into_body();
    let first = body.frame().await.unwrap().unwrap().into_data().unwrap();
    assert!(String::from_utf8_lossy(&first).contains("resync"));
    body
}

async fn lose(state: &AppState, router: &axum::Router, loss: Loss, admin: &Caller, dev: &Caller, cookie: &str) {
    let at = origin();
    match loss {
        Loss::SessionEnded => {
            let form = EndSessions { user_id: Some(dev.account_id), session_id: None };
            assert!(crate::session::end_sessions(state, admin, &at, form).await.unwrap() > 0);
        }
        Loss::SignedOut => {
            let request = Request::post("/fn/session/out")
                .header(header::COOKIE, cookie)
                .header("sec-fetch-site", "same-origin")
                .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
            let response = router.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
            assert!(response.status().is_success() || response.status().is_redirection(), "{}", response.status());
        }
        Loss::Revoked => {
            let token = accounts::tokens_of(state, admin, dev.account_id).await.unwrap().remove(0);
            accounts::revoke_token_of(state, admin, &at, dev.account_id, token.id).await.unwrap();
        }
        Loss::Expired => {
            sqlx::query("update api_token set created_at = now() - interval '2 days', expires_at = now() - interval '1 second'")
                .execute(&state.pool)
                .await
                .unwrap();
            // Time tells nobody: the stream asks again with its next sign of life, or when anything else changes.
            notify(&mut state.pool.acquire().await.unwrap(), Topic::Accounts).await.unwrap();
        }
        Loss::Disabled => drop(accounts::set_disabled(state, admin, &at, dev.account_id, true).await.unwrap()),
        Loss::RoleGone => {
            let form =
                ChangeRoles { user_id: dev.account_id, duties: vec![], grants: String::new(), reason: "moved to another team".to_owned() };
            accounts::change_roles(state, admin, &at, form).await.unwrap();
        }
        Loss::Password => drop(accounts::reset_password(state, admin, &at, dev.account_id).await.unwrap()),
    }
}

/// S-24.
#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn a_stream_ends_with_what_let_it_in(pool: PgPool) {
    let state = state(pool.clone());
    harbor(&pool, "prod").await;
    let router = web(&state);
    tokio::spawn(state.events.clone().forward(pool.clone()));
    let admin = person(&state, "sec", &[Duty::Secadmin], "").await;
    let other = person(&state, "other", &[], "viewer prod/shop").await;
    let mut stays = open(&router, (header::COOKIE, signed_in(&state, &other).await)).await;
    for (n, (by, loss)) in [
        (By::Session, Loss::SessionEnded),
        (By::Session, Loss::SignedOut),
        (By::Session, Loss::Disabled),
        (By::Session, Loss::RoleGone),
        (By::Session, Loss::Password),
        (By::Token, Loss::Revoked),
        (By::Token, Loss::Expired),
        (By::Token, Loss::Disabled),
        (By::Token, Loss::RoleGone),
        (By::Token, Loss::Password),
    ]
    .into_iter()
    .enumerate()
    {
        let dev = person(&state, &format!("dev{n}"), &[], "requester prod/shop").await;
        let cookie = signed_in(&state, &dev).await;
        let form = NewToken { name: "t".to_owned(), scope: TokenScope::Read, days: 1, ..NewToken::default() };
        let secret = accounts::create_token(&state, &dev, &origin(), form).await.unwrap().secret;
        let who = match by {
            By::Session => (header::COOKIE, cookie.clone()),
            By::Token => (header::AUTHORIZATION, format!("Bearer {secret}")),
        };
        let stream = open(&router, who).await;
        lose(&state, &router, loss, &admin, &dev, &cookie).await;
        let ended = tokio::time::timeout(std::time::Duration::from_secs(PATIENCE_S), stream.collect()).await;
        assert!(ended.is_ok(), "the stream of a {by:?} goes on after {loss:?}");
    }
    notify(&mut pool.acquire().await.unwrap(), Topic::Plans).await.unwrap();
    loop {
        let frame = stays.frame().await.expect("whoever lost nothing goes on hearing").unwrap().into_data().unwrap();
        if String::from_utf8_lossy(&frame).contains("plans") {
            break;
        }
    }
}

/// A program that is stopped waits for open connections; every open page has one of these.
#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn a_stream_ends_with_the_program(pool: PgPool) {
    let state = state(pool);
    let router = web(&state);
    let dev = person(&state, "dev", &[], "").await;
    let stream = open(&router, (header::COOKIE, signed_in(&state, &dev).await)).await;
    state.events.end();
    let ended = tokio::time::timeout(std::time::Duration::from_secs(PATIENCE_S), stream.collect()).await;
    assert!(ended.is_ok(), "the stream goes on");
}
