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

use app::pages::{NOWHERE, PAGES, Page};
use app::ports::Backend;
use app::render::render;
use axum::Router;
use axum::extract::Request;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::{MethodFilter, get, on};
use leptos::prelude::provide_context;
use leptos::server_fn::axum::server_fn_paths;
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
    /// Files of the console.
    pub assets: assets::Assets,
    /// Whom to believe about client addresses.
    pub trusted_proxies: Arc<[std::net::IpAddr]>,
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
    let context = move || provide_context(Arc::clone(&backend));
    let draw = |page: Page| {
        let context = context.clone();
        move |request: Request| render(page, request.into_parts().0, context)
    };
    let pages = PAGES.iter().fold(Router::<Web>::new(), |router, page| router.route(page.path, get(draw(*page))));
    let calls = server_fn_paths().fold(pages, |router, (path, method)| {
        let context = context.clone();
        let handler = move |request| leptos_axum::handle_server_fns_with_context(context, request);
        router.route(path, on(MethodFilter::try_from(method).expect("calls are posted"), handler))
    });
    let inside = calls
        .route("/events", get(events::stream))
        .route("/health", get(serve::health))
        .route("/pkg/{*file}", get(assets::serve))
        .route("/favicon.svg", get(assets::serve))
        .route("/favicon.ico", get(assets::serve))
        .merge(rest::router())
        .fallback(draw(NOWHERE))
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
