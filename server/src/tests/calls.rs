//! Every server function, asked as no page of ours asks it.

use app::error::ApiError;
use axum::body::Body;
use axum::http::{Method, Request, StatusCode, header};
use http_body_util::BodyExt as _;
use sqlx::PgPool;
use tower::ServiceExt as _;

use super::web::web;
use super::world::{everything, signed_in, state};

/// What no form of ours sends.
const BODIES: [(&str, &[u8]); 5] = [
    ("application/x-www-form-urlencoded", b""),
    ("application/x-www-form-urlencoded", b"x"),
    ("application/x-www-form-urlencoded", b"form=1&id=x&form[id]=%FF"),
    ("application/x-www-form-urlencoded", b"\xff\xfe"),
    ("application/json", b"{}"),
];

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn a_call_that_cannot_be_read_is_the_callers_fault_and_says_so_in_our_form(pool: PgPool) {
    let state = state(pool);
    let all = everything(&state, "all").await;
    let router = web(&state);
    let (mut wrong, mut unread) = (Vec::new(), std::collections::BTreeSet::new());
    for (path, method) in leptos::server_fn::axum::server_fn_paths() {
        for (kind, body) in BODIES {
            // A session of its own: a call without fields may end it.
            let cookie = signed_in(&state, &all).await;
            let query = if method == Method::GET { std::str::from_utf8(body).unwrap_or("x=%FF") } else { "" };
            let request = Request::builder()
                .method(method.clone())
                .uri(if query.is_empty() { path.to_owned() } else { format!("{path}?{query}") })
                .header(header::ACCEPT, "application/json")
                .header(header::CONTENT_TYPE, kind)
                .header(header::COOKIE, cookie)
                .header("sec-fetch-site", "same-origin")
                .body(Body::from(if method == Method::GET { b"" } else { body }))
                .unwrap();
            let response = router.clone().oneshot(request).await.unwrap();
            let status = response.status();
            if status.is_success() || status.is_redirection() {
                continue;
            }
            let is_json = response.headers().get(header::CONTENT_TYPE).is_some_and(|kind| kind == "application/json");
            let answer = response.into_body().collect().await.unwrap().to_bytes();
            let error: Option<ApiError> = serde_json::from_slice(&answer).ok();
            if error.as_ref().is_some_and(|error| error.code == "bad_request" && is_json && error.request_id.is_some()) {
                unread.insert(path);
            }
            let ours = error.is_some_and(|error| error.kind.status() == status.as_u16());
            if !ours || status == StatusCode::INTERNAL_SERVER_ERROR {
                wrong.push(format!("{method} {path} {kind} {:?}: {status} {answer:?}", String::from_utf8_lossy(body)));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(unread.len() > 25, "only {unread:?} could not be read");
}
