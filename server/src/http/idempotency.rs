//! Requests that change something: each is done once (see [`crate::idempotency`]).

use std::time::Duration;

use app::error::{ApiError, ErrorKind};
use axum::Json;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use sha2::{Digest as _, Sha256};

use super::guard::refuse;
use super::min_rate::TooSlow;
use super::{BODY_BYTES_MAX, Web};
use crate::access::{Caller, Origin};
use crate::error::Error;
use crate::idempotency::{self, Key, Receipt, Scope};

/// The key a caller gives.
const HEADER: &str = "idempotency-key";
/// Set on an answer to a request that was done before.
const REPLAYED: &str = "idempotency-replayed";
/// Longest key.
const KEY_CHARS_MAX: usize = 200;
/// How often a request is run again whose transaction Postgres broke off.
const REPEATS_MAX: u32 = 3;
/// Longest wait before the first repeat; it doubles with each.
const PAUSE_MS_MAX: u64 = 50;

/// Runs a request that changes something, again where others kept it from anything, and not at all where it was done before.
pub async fn layer(State(web): State<Web>, request: Request, next: Next) -> Response {
    if matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS) {
        return next.run(request).await;
    }
    let (parts, body) = request.into_parts();
    let body = match axum::body::to_bytes(body, BODY_BYTES_MAX).await {
        Ok(body) => body,
        Err(error) if is_too_slow(&error) => {
            let text = app::refusals::General::TooSlow;
            return (StatusCode::REQUEST_TIMEOUT, Json(ApiError::new(ErrorKind::Invalid, "too_slow", text))).into_response();
        }
        Err(_) => {
            let text = app::refusals::General::RequestLarge;
            return (StatusCode::PAYLOAD_TOO_LARGE, Json(ApiError::new(ErrorKind::Invalid, "too_large", text))).into_response();
        }
    };
    let key = match key(&parts, &body) {
        Ok(key) => key,
        Err(error) => return refuse(error),
    };
    if let Some(key) = &key {
        match before(&web, key).await {
            Ok(None) => {}
            Ok(Some(receipt)) => return replayed(receipt),
            Err(error) => return refuse(error.into_api(parts.extensions.get::<Origin>().map(|origin| origin.request_id.as_str()))),
        }
    }
    run(&parts, &body, key, next).await
}

fn is_too_slow(error: &axum::Error) -> bool {
    let first: &(dyn std::error::Error + 'static) = error;
    std::iter::successors(Some(first), |error| error.source()).any(<dyn std::error::Error>::is::<TooSlow>)
}

async fn run(parts: &Parts, body: &Bytes, key: Option<Key>, next: Next) -> Response {
    let mut repeats = 0;
    loop {
        let scope = Scope::new(key.clone());
        let request = Request::from_parts(parts.clone(), Body::from(body.clone()));
        let response = scope.clone().run(next.clone().run(request)).await;
        if repeats == REPEATS_MAX || !scope.can_be_repeated() {
            return response;
        }
        let pause_ms = rand::random_range(1..=PAUSE_MS_MAX << repeats);
        tokio::time::sleep(Duration::from_millis(pause_ms)).await;
        repeats += 1;
        tracing::warn!(
            http.path = parts.uri.path(),
            repeats,
            "the database broke a transaction off because of others; the request is run again"
        );
    }
}

fn key(parts: &Parts, body: &Bytes) -> Result<Option<Key>, ApiError> {
    let Some(value) = parts.headers.get(HEADER) else { return Ok(None) };
    let wrong =
        || ApiError::new(ErrorKind::Invalid, "bad_key", app::refusals::General::KeyForm { most: app::units::figure(KEY_CHARS_MAX) });
    let text = value.to_str().ok().filter(|text| !text.is_empty() && text.len() <= KEY_CHARS_MAX).ok_or_else(wrong)?;
    // Whoever is not signed in has nothing that could be kept for them.
    let Some(caller) = parts.extensions.get::<Caller>() else { return Ok(None) };
    let mut print = Sha256::new();
    for part in [parts.method.as_str().as_bytes(), parts.uri.to_string().as_bytes(), body] {
        print.update((part.len() as u64).to_be_bytes());
        print.update(part);
    }
    Ok(Some(Key { account_id: caller.account_id, text: text.to_owned(), print: print.finalize().into() }))
}

async fn before(web: &Web, key: &Key) -> Result<Option<Receipt>, Error> {
    idempotency::done_before(&mut *web.state.pool.acquire().await?, key).await
}

fn replayed(receipt: Receipt) -> Response {
    let mut response = Json(receipt).into_response();
    response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
    response
}
