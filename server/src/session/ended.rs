//! What is known of a session that has ended: whose it was, as long as the browser still has its cookie and the row is not swept.

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::Response;
use http::{HeaderMap, header};
use sqlx::PgPool;

use super::cookie_of;
use super::store::key_of;

/// Where a sign-out is asked for: there the cookie goes.
const SIGN_OUT: &str = "/fn/session/out";

/// Name of the cookie of sessions.
#[must_use]
pub const fn cookie_name(secure: bool) -> &'static str {
    if secure { "__Host-breakwater" } else { "breakwater" }
}

/// The account of the session whose cookie the browser sent, whether or not the session goes on.
pub async fn account_that_had(pool: &PgPool, headers: &HeaderMap, secure: bool) -> Option<i64> {
    let id = cookie_of(headers, cookie_name(secure))?.parse().ok()?;
    let found: sqlx::Result<Option<Option<i64>>> =
        sqlx::query_scalar("select account_id from session where session_key = $1").bind(key_of(&id)).fetch_optional(pool).await;
    found.ok().flatten().flatten()
}

/// Leaves a browser the cookie of a session that ended by itself: it opens nothing any more, and says to whom a form belonged that is sent
/// afterwards. A sign-out takes it away.
pub async fn keep_ended_cookie(request: Request, next: Next) -> Response {
    let signs_out = request.uri().path() == SIGN_OUT;
    let mut response = next.run(request).await;
    if signs_out {
        return response;
    }
    let names = [cookie_name(true), cookie_name(false)];
    let takes_away = |value: &http::HeaderValue| {
        let text = value.to_str().unwrap_or_default();
        names.iter().any(|name| text.strip_prefix(name).is_some_and(|rest| rest.starts_with("=;")))
    };
    if response.headers().get_all(header::SET_COOKIE).iter().any(takes_away) {
        let kept: Vec<http::HeaderValue> =
            response.headers().get_all(header::SET_COOKIE).iter().filter(|value| !takes_away(value)).cloned().collect();
        response.headers_mut().remove(header::SET_COOKIE);
        for value in kept {
            response.headers_mut().append(header::SET_COOKIE, value);
        }
    }
    response
}
