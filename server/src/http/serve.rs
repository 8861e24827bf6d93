//! Listening, with limits for slow and silent clients, and a calm end (reliability.md S-80).
//!
//! First byte and a stalled answer: [`super::wire`]. Headers: hyper. Bodies: [`super::min_rate`]. Idle connections and answers nobody takes: [`super::watch`]. How many:
//! [`super::places`]. A client that is refused a place is not answered: that would take what it is refused.

use std::any::Any;
use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use app::error::{ApiError, ErrorKind};
use axum::Json;
use axum::Router;
use axum::extract::{ConnectInfo, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt as _;

use super::Web;
use super::guard::refuse;
use super::min_rate::MinRate;
use super::places::Places;
use super::watch::Watch;
use super::wire::Wire;

/// How long a client may take for what it has to do.
#[derive(Debug, Clone, Copy)]
pub struct Deadlines {
    /// Its first byte. hyper looks at it to tell HTTP/1 from HTTP/2, before any of hyper's own limits holds.
    pub first_byte: Duration,
    /// Its headers, and another request on a connection of HTTP/1 it keeps.
    pub headers: Duration,
    /// A body, besides the time its bytes earn.
    pub body: Duration,
    /// Taking something of what is sent.
    pub stall: Duration,
    /// Asking for the next part of an answer, which on HTTP/2 it can hold without a stalled write.
    pub untaken: Duration,
    /// Another request on a connection of HTTP/2.
    pub idle: Duration,
}

impl Default for Deadlines {
    fn default() -> Self {
        Self {
            first_byte: Duration::from_secs(10),
            headers: Duration::from_secs(10),
            body: Duration::from_secs(10),
            stall: Duration::from_secs(20),
            untaken: Duration::from_secs(30),
            idle: Duration::from_secs(60),
        }
    }
}

/// Largest headers, bytes.
const HEADER_BYTES_MAX: usize = 64 * 1024;
/// How often a client of HTTP/2 is asked whether it is there, and how long it may take to say so.
const PING: Duration = Duration::from_secs(20);
/// Longest a connection may take to end at shutdown.
pub const DRAIN: Duration = Duration::from_secs(20);
/// Open files asked of the system: connections of strangers and proxies, and as many again for everything else.
const FILES: u64 = 16_384;

/// Serves `router` until `shutdown`; requests that run then are finished. `trusted` proxies have places of their own.
pub async fn listen(listener: TcpListener, router: Router, trusted: Arc<[IpAddr]>, shutdown: CancellationToken) {
    allow_files();
    let places = Places::new(trusted);
    let connections = TaskTracker::new();
    loop {
        let (stream, peer) = tokio::select! {
            () = shutdown.cancelled() => break,
            accepted = listener.accept() => match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    // Out of file handles, mostly: others must end first.
                    tracing::warn!(error = %error, "cannot accept a connection");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    continue;
                }
            },
        };
        let Some(place) = places.take(peer.ip()) else { continue };
        let router = router.clone();
        let shutdown = shutdown.clone();
        connections.spawn(async move {
            serve_connection(stream, peer, router, Deadlines::default(), shutdown).await;
            drop(place);
        });
    }
    connections.close();
    if tokio::time::timeout(DRAIN, connections.wait()).await.is_err() {
        tracing::warn!("some connections did not end in time");
    }
}

/// Raises this process's own limit of open files as far as it may; many systems start programs with 1,024, which is fewer than the places there are.
fn allow_files() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let now = getrlimit(Resource::Nofile);
    let wanted = now.maximum.map_or(FILES, |most| most.min(FILES));
    if now.current.is_some_and(|current| current < wanted)
        && let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: Some(wanted), maximum: now.maximum })
    {
        tracing::warn!(error = %error, "the limit of open files stays as it is");
    }
}

async fn serve_connection<S>(stream: S, peer: SocketAddr, router: Router, deadlines: Deadlines, shutdown: CancellationToken)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let watch = Watch::new(deadlines);
    let asked = Arc::clone(&watch);
    let service = hyper::service::service_fn(move |mut request: hyper::Request<hyper::body::Incoming>| {
        let open = asked.open();
        request.extensions_mut().insert(ConnectInfo(peer));
        let answered = router.clone().oneshot(request.map(|body| axum::body::Body::new(MinRate::new(body, deadlines.body))));
        async move { Ok::<_, Infallible>(answered.await?.map(|body| open.answer(body))) }
    });
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(deadlines.headers).max_buf_size(HEADER_BYTES_MAX);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(100)
        .max_header_list_size(65_536)
        .keep_alive_interval(PING)
        .keep_alive_timeout(PING);
    let connection = builder.serve_connection_with_upgrades(TokioIo::new(Wire::new(stream, &deadlines, Arc::clone(&watch))), service);
    tokio::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        // Dropped, and with it what it holds: whoever does not use a connection does not wait for its end either.
        () = watch.overdue() => return,
        () = shutdown.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(error = %error, "connection broke off");
    }
}

/// `GET /health`: whether the database answers; no details for strangers.
pub async fn health(State(web): State<Web>) -> Response {
    let asked = tokio::time::timeout(Duration::from_secs(3), sqlx::query("select 1").execute(&web.state.pool)).await;
    if matches!(asked, Ok(Ok(_))) {
        Json(serde_json::json!({ "status": "ok" })).into_response()
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, Json(serde_json::json!({ "status": "database unavailable" }))).into_response()
    }
}

/// A handler panicked: the caller hears "a defect", the log has the rest.
#[expect(clippy::needless_pass_by_value, reason = "the signature is tower-http's")]
pub fn panicked(panic: Box<dyn Any + Send + 'static>) -> Response {
    let text = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no message");
    tracing::error!(panic = text, "a handler panicked");
    refuse(ApiError::new(ErrorKind::Internal, "internal", app::refusals::General::Internal))
}

#[cfg(test)]
#[path = "serve_tests.rs"]
mod tests;
