//! The router: pages, server functions, REST, events and files, behind the same layers, on one screen.
//!
//! Order, outermost first: request id and origin, log, headers, panic guard, canonical address, size and time limits, cross-site guard, session,
//! caller, record of refusals, what is kept over a sign-in, gate, once, time zone, what came back of a form, status of refused calls. The gate refuses every route that [`rules`] does not name.

pub mod assets;
pub mod calls;
pub mod came_back;
pub mod events;
pub mod guard;
pub mod headers;
pub mod idempotency;
pub mod min_rate;
pub mod places;
pub mod port;
pub mod rest;
pub mod rules;
pub mod serve;
pub mod watch;
pub mod wire;

use std::sync::Arc;
use std::time::Duration;

use app::ports::Backend;
use axum::Router;
use axum::extract::FromRef;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::get;
use leptos::prelude::{LeptosOptions, provide_context, use_context};
use leptos_axum::{LeptosRoutes as _, generate_route_list};
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::limit::RequestBodyLimitLayer;
use tower_http::timeout::TimeoutLayer;
use tower_sessions::cookie::SameSite;
use tower_sessions::{Expiry, SessionManagerLayer};

use crate::session;
use crate::session::store::{ABSOLUTE_H, PgStore};
use crate::state::AppState;

/// Largest body of a request.
const BODY_BYTES_MAX: usize = 256 * 1024;
/// Longest a request may take; the live comparison with a slow harbor is the longest.
const REQUEST: Duration = Duration::from_secs(60);

/// State of the router.
#[derive(Clone)]
pub struct Web {
    /// Everything operations can reach.
    pub state: AppState,
    /// What pages and REST ask.
    pub backend: Arc<dyn Backend>,
    /// Leptos.
    pub options: LeptosOptions,
    /// Files of the console.
    pub assets: assets::Assets,
    /// Whom to believe about client addresses.
    pub trusted_proxies: Arc<[std::net::IpAddr]>,
}

impl FromRef<Web> for LeptosOptions {
    fn from_ref(web: &Web) -> Self {
        web.options.clone()
    }
}

/// The whole program as one router.
pub fn router(web: Web) -> Router {
    let secure = web.state.public_url.scheme() == "https";
    let sessions = SessionManagerLayer::new(PgStore::new(web.state.pool.clone()))
        .with_name(session::cookie_name(secure))
        .with_secure(secure)
        .with_http_only(true)
        .with_same_site(SameSite::Lax)
        .with_path("/")
        .with_expiry(Expiry::OnInactivity(time::Duration::hours(i64::from(ABSOLUTE_H))));
    let backend = Arc::clone(&web.backend);
    let context = move || {
        provide_context(Arc::clone(&backend));
        // The page's inline scripts carry the nonce that the answer's policy names.
        let nonce = use_context::<axum::http::request::Parts>()
            .and_then(|parts| parts.extensions.get::<headers::PageNonce>().map(|nonce| nonce.0.clone()));
        if let Some(nonce) = nonce {
            provide_context(nonce);
        }
    };
    let shell_options = web.options.clone();
    let routes = generate_route_list(app::App);
    let inside = Router::<Web>::new()
        .leptos_routes_with_context(&web, routes, context.clone(), move || app::shell(shell_options.clone()))
        .route("/events", get(events::stream))
        .route("/health", get(serve::health))
        .route("/pkg/{*file}", get(assets::serve))
        .route("/favicon.svg", get(assets::serve))
        .route("/favicon.ico", get(assets::serve))
        .merge(rest::router())
        .fallback(leptos_axum::file_and_error_handler_with_context::<Web, _>(context, app::shell))
        .layer(from_fn(calls::layer))
        .layer(from_fn_with_state(web.clone(), came_back::layer))
        .layer(from_fn(session::zone::add))
        .layer(from_fn_with_state(web.clone(), idempotency::layer))
        .layer(from_fn(guard::gate))
        .layer(from_fn_with_state(web.clone(), came_back::signed_out))
        .layer(from_fn_with_state(web.clone(), guard::refusals))
        .layer(from_fn_with_state(web.clone(), guard::caller))
        .layer(sessions)
        .layer(from_fn(session::keep_ended_cookie))
        .layer(from_fn_with_state(web.clone(), guard::same_site))
        .layer(TimeoutLayer::with_status_code(axum::http::StatusCode::SERVICE_UNAVAILABLE, REQUEST))
        .layer(RequestBodyLimitLayer::new(BODY_BYTES_MAX));
    outermost(inside, &web).with_state(web)
}

/// What every answer goes through, whatever made it: a refusal, a panic, a body that is too large.
pub(crate) fn outermost(inside: Router<Web>, web: &Web) -> Router<Web> {
    inside
        .layer(from_fn(guard::canonical))
        .layer(CatchPanicLayer::custom(serve::panicked))
        .layer(from_fn_with_state(web.clone(), headers::add))
        .layer(from_fn_with_state(web.clone(), guard::origin))
}
