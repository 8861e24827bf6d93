//! Connections, dispatch by first path part, and the ordered trouble of [`crate::control`].

use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use futures::StreamExt as _;
use http::{HeaderMap, Method, Request, StatusCode};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use crate::app::App;
use crate::control::{Action, Class, Gate};
use crate::identity::{self, Who};
use crate::query::Params;
use crate::reply::{self, Refusal, Reply};
use crate::{api, v2};

/// How long a client may take to send its request head.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);
/// How long requests under way may take once the server stops.
const STOP_GRACE: Duration = Duration::from_secs(2);
/// Connections at the same time; more wait in the kernel's queue.
const CONNECTIONS_MAX: usize = 1_024;

/// The connection is cut without an answer.
#[derive(Debug, thiserror::Error)]
#[error("the connection was cut on order of the test")]
struct Cut;

/// One request, taken apart.
pub struct Call {
    pub app: Arc<App>,
    pub who: Who,
    pub method: Method,
    /// The path as sent.
    pub path: String,
    pub params: Params,
    pub headers: HeaderMap,
}

impl Call {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    pub fn is_head(&self) -> bool {
        self.method == Method::HEAD
    }

    /// `http://<host as the client named it>`, the start of absolute places.
    pub fn base(&self) -> String {
        self.header("host").map_or_else(|| format!("http://{}", self.app.addr), |host| format!("http://{host}"))
    }
}

/// Accepts connections until the server stops.
pub async fn serve(app: Arc<App>, listener: TcpListener) -> io::Result<()> {
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept(), if connections.len() < CONNECTIONS_MAX => accepted,
            Some(_) = connections.join_next(), if !connections.is_empty() => continue,
            () = app.stopping.cancelled() => break,
        };
        match accepted {
            Ok((stream, _)) => {
                connections.spawn(connection(Arc::clone(&app), stream));
            }
            Err(error) => tracing::warn!(%error, "a connection could not be accepted"),
        }
    }
    drop(listener);
    let ended = tokio::time::timeout(STOP_GRACE, async { while connections.join_next().await.is_some() {} }).await;
    if ended.is_err() {
        connections.shutdown().await;
    }
    Ok(())
}

async fn connection(app: Arc<App>, stream: TcpStream) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "TCP_NODELAY could not be set");
    }
    let shared = Arc::clone(&app);
    let service = service_fn(move |request| handle(Arc::clone(&shared), request));
    let mut serving = std::pin::pin!(
        http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD_TIMEOUT)
            .half_close(false)
            .serve_connection(TokioIo::new(stream), service)
    );
    let ended = tokio::select! {
        ended = serving.as_mut() => ended,
        () = app.stopping.cancelled() => {
            serving.as_mut().graceful_shutdown();
            serving.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection ended early");
    }
}

async fn handle(app: Arc<App>, request: Request<Incoming>) -> Result<Reply, Cut> {
    let method = request.method().clone();
    let target = request.uri().path_and_query().map_or_else(|| request.uri().path().to_owned(), ToString::to_string);
    let agent = request.headers().get(http::header::USER_AGENT).and_then(|value| value.to_str().ok());
    let (seen, action) = app.control.admit(&method, &target, agent.unwrap_or_default());
    let request_id = request.headers().get("x-request-id").and_then(|value| value.to_str().ok()).map(str::to_owned);
    let mut answer = match action {
        None => route(Arc::clone(&app), request).await,
        Some(action) => troubled(Arc::clone(&app), request, action).await?,
    };
    let request_id = request_id.unwrap_or_else(|| uuid::Uuid::new_v4().to_string());
    reply::set(&mut answer, "x-request-id", &request_id);
    app.control.answered(seen, answer.status().as_u16());
    Ok(answer)
}

async fn troubled(app: Arc<App>, request: Request<Incoming>, action: Action) -> Result<Reply, Cut> {
    let head = request.method() == Method::HEAD;
    Ok(match action {
        Action::Status(status, code, message) => Refusal::new(status, &code, message).into_reply(head),
        Action::RetryAfter(status, seconds) => {
            let mut refusal = Refusal::new(status, "TOO_MANY_REQUEST", "too many requests");
            refusal.headers.push(("retry-after", seconds.to_string()));
            refusal.into_reply(head)
        }
        Action::Delay(time) => {
            tokio::time::sleep(time).await;
            route(app, request).await
        }
        Action::Truncate(bytes) => cut_after(route(app, request).await, bytes),
        Action::Reset => return Err(Cut),
        Action::LoseAnswer => {
            let answer = route(app, request).await;
            tracing::debug!(status = %answer.status(), "an answer was lost on order of the test");
            return Err(Cut);
        }
        Action::WrongBytes => wrong_first_byte(route(app, request).await),
        Action::Redirect(place) => {
            let mut answer = reply::done();
            *answer.status_mut() = StatusCode::TEMPORARY_REDIRECT;
            reply::set(&mut answer, "location", &place);
            answer
        }
        Action::Hang => {
            app.stopping.cancelled().await;
            return Err(Cut);
        }
        Action::HoldRequest(gate) => {
            held(&app, &gate).await?;
            route(app, request).await
        }
        Action::HoldAnswer(gate) => {
            let answer = route(Arc::clone(&app), request).await;
            held(&app, &gate).await?;
            answer
        }
    })
}

/// Waits at a gate. A client that goes away meanwhile ends the request; so does the end of the server.
async fn held(app: &App, gate: &Gate) -> Result<(), Cut> {
    tokio::select! {
        () = gate.opened() => Ok(()),
        () = app.stopping.cancelled() => Err(Cut),
    }
}

/// Keeps the announced length and breaks off early.
fn cut_after(answer: Reply, bytes: u64) -> Reply {
    let (mut parts, body) = answer.into_parts();
    if let Some(exact) = hyper::body::Body::size_hint(&body).exact() {
        parts.headers.insert(http::header::CONTENT_LENGTH, http::HeaderValue::from(exact));
    }
    let pieces = body.into_data_stream();
    let cut = futures::stream::unfold((pieces, bytes, false), |(mut pieces, left, over)| async move {
        if over {
            return None;
        }
        if left == 0 {
            // one turn for the connection to send what it has, or the client would not even see the head
            tokio::task::yield_now().await;
            return Some((Err(io::Error::other(Cut)), (pieces, 0, true)));
        }
        match pieces.next().await? {
            Ok(piece) => {
                let keep = usize::try_from(left).unwrap_or(usize::MAX).min(piece.len());
                Some((Ok(piece.slice(..keep)), (pieces, left - keep as u64, false)))
            }
            Err(error) => Some((Err(io::Error::other(error)), (pieces, 0, true))),
        }
    });
    http::Response::from_parts(parts, Body::from_stream(cut))
}

fn wrong_first_byte(answer: Reply) -> Reply {
    let (mut parts, body) = answer.into_parts();
    if let Some(exact) = hyper::body::Body::size_hint(&body).exact() {
        parts.headers.insert(http::header::CONTENT_LENGTH, http::HeaderValue::from(exact));
    }
    let mut first = true;
    let wrong = body.into_data_stream().map(move |piece| {
        piece.map(|piece| {
            if !std::mem::take(&mut first) || piece.is_empty() {
                return piece;
            }
            let mut bytes = piece.to_vec();
            bytes[0] ^= 0xff;
            Bytes::from(bytes)
        })
    });
    http::Response::from_parts(parts, Body::from_stream(wrong))
}

/// The answer as Harbor gives it.
async fn route(app: Arc<App>, request: Request<Incoming>) -> Reply {
    let (parts, body) = request.into_parts();
    let path = parts.uri.path().to_owned();
    let class = Class::of(&path);
    let bearer = !matches!(class, Class::Api | Class::Token | Class::Other);
    let who = identity::of(&app, &parts.headers, bearer).await;
    let call = Call { app, who, method: parts.method, path, params: Params::parse(parts.uri.query()), headers: parts.headers };
    let head = call.is_head();
    if let Some(refusal) = read_only(&call) {
        return refusal.into_reply(head);
    }
    let body = Body::new(body);
    let answer = match class {
        Class::Api => api::route(&call, body).await,
        Class::Token => api::token(&call),
        Class::Other if !call.path.starts_with("/v2/") => Err(Refusal::not_found(format!("path {} was not found", call.path))),
        _ => v2::route(&call, body).await,
    };
    answer.unwrap_or_else(|refusal| refusal.into_reply(head))
}

/// In read-only mode everything but reading is refused, except the way out of it (harbor.md §5).
fn read_only(call: &Call) -> Option<Refusal> {
    let reads = matches!(call.method, Method::GET | Method::HEAD | Method::OPTIONS);
    let way_out = call.path.ends_with("/configurations");
    (!reads && !way_out && call.app.world().read_only())
        .then(|| Refusal::denied("The system is in read only mode. Any modification is prohibited."))
}
