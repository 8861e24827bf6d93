//! A reverse proxy on loopback that counts, delays and breaks what passes through it.
//!
//! Streams both ways: a blob of any size passes in constant memory. The `Host` header is passed on, so that a registry names the proxy in locations and
//! challenges. Faults are ordered per method, piece of the path, and occurrence; each tells how often it fired, so that a test whose fault never came fails.

mod body;
mod faults;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures::TryStreamExt;
use http::{HeaderMap, HeaderName, Method, Request, Response, StatusCode, header};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper_util::rt::{TokioIo, TokioTimer};

use body::{Outgoing, empty, full};
use faults::Faults;
pub use faults::{Act, Fault, Nth, Rule};

use crate::wire::{Task, listen};

/// Most requests remembered one by one; the counters go on.
const SEEN_MAX: usize = 100_000;

/// Sorts a request, by method and path, into a class that is counted apart.
pub type Classify = fn(&Method, &str) -> String;

/// Requests and bytes of one class.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    pub requests: u64,
    /// Bytes of request bodies.
    pub bytes_up: u64,
    /// Bytes of response bodies.
    pub bytes_down: u64,
}

/// One request as it came in.
#[derive(Debug, Clone)]
pub struct Seen {
    pub method: Method,
    /// Path and query.
    pub path: String,
    pub headers: HeaderMap,
    /// What was answered; zero if the connection was cut.
    pub status: u16,
}

#[derive(Default)]
struct Cell {
    requests: AtomicU64,
    up: AtomicU64,
    down: AtomicU64,
}

struct Inner {
    upstream: String,
    client: reqwest::Client,
    classify: Classify,
    latency_us: AtomicU64,
    faults: Faults,
    counts: Mutex<BTreeMap<String, Arc<Cell>>>,
    seen: Mutex<Vec<Seen>>,
}

/// A running proxy; ends when dropped.
pub struct Proxy {
    addr: SocketAddr,
    inner: Arc<Inner>,
    _task: Task,
}

impl Proxy {
    /// Starts in front of `upstream`, such as `http://127.0.0.1:5000`, and counts by method.
    pub async fn start(upstream: &str) -> Self {
        Self::start_with(upstream, |method, _| method.to_string()).await
    }

    /// Starts in front of `upstream` and counts by the classes `classify` gives.
    pub async fn start_with(upstream: &str, classify: Classify) -> Self {
        let client = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .build()
            .expect("a client without options can be built");
        let inner = Arc::new(Inner {
            upstream: upstream.trim_end_matches('/').to_owned(),
            client,
            classify,
            latency_us: AtomicU64::new(0),
            faults: Faults::default(),
            counts: Mutex::default(),
            seen: Mutex::default(),
        });
        let shared = Arc::clone(&inner);
        let (addr, task) = listen(move |wire, reset| {
            let inner = Arc::clone(&shared);
            async move {
                let service = hyper::service::service_fn(move |request| {
                    let (inner, reset) = (Arc::clone(&inner), Arc::clone(&reset));
                    async move { inner.handle(request, &reset).await }
                });
                // A connection that ends in a fault is an error here by design.
                let _ =
                    hyper::server::conn::http1::Builder::new().timer(TokioTimer::new()).serve_connection(TokioIo::new(wire), service).await;
            }
        })
        .await;
        Self { addr, inner, _task: task }
    }

    /// `http://127.0.0.1:<port>`
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.addr)
    }

    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Waits this long before each request is passed on.
    pub fn set_latency(&self, latency: Duration) {
        self.inner.latency_us.store(u64::try_from(latency.as_micros()).unwrap_or(u64::MAX), Ordering::Release);
    }

    /// Orders a fault; the first that fits a request is the one that fires.
    pub fn fault(&self, rule: Rule, act: Act) -> Fault {
        self.inner.faults.order(rule, act)
    }

    /// Ends all faults.
    pub fn clear_faults(&self) {
        self.inner.faults.clear();
    }

    /// Counters by class; by method unless started with other classes.
    #[must_use]
    pub fn counts(&self) -> BTreeMap<String, Counts> {
        let get = |n: &AtomicU64| n.load(Ordering::Acquire);
        let held = self.inner.counts.lock().unwrap_or_else(PoisonError::into_inner);
        held.iter()
            .map(|(m, c)| (m.clone(), Counts { requests: get(&c.requests), bytes_up: get(&c.up), bytes_down: get(&c.down) }))
            .collect()
    }

    /// All classes together.
    #[must_use]
    pub fn total(&self) -> Counts {
        self.counts().values().fold(Counts::default(), |a, b| Counts {
            requests: a.requests + b.requests,
            bytes_up: a.bytes_up + b.bytes_up,
            bytes_down: a.bytes_down + b.bytes_down,
        })
    }

    /// Starts counting anew.
    pub fn reset_counts(&self) {
        self.inner.counts.lock().unwrap_or_else(PoisonError::into_inner).clear();
        self.inner.seen.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// The requests themselves, oldest first.
    #[must_use]
    pub fn seen(&self) -> Vec<Seen> {
        self.inner.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How many requests of this method had this in their path.
    #[must_use]
    pub fn count(&self, method: &Method, path_contains: &str) -> usize {
        self.seen().iter().filter(|s| s.method == *method && s.path.contains(path_contains)).count()
    }
}

/// The connection is to be cut without an answer.
#[derive(Debug, thiserror::Error)]
#[error("cut on purpose")]
struct Cut;

fn is_hop_by_hop(name: &HeaderName) -> bool {
    matches!(*name, header::CONNECTION | header::TRANSFER_ENCODING | header::UPGRADE | header::TE | header::TRAILER)
        || name == "keep-alive"
        || name == "proxy-connection"
}

impl Inner {
    fn cell(&self, method: &Method, path: &str) -> Arc<Cell> {
        let mut held = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(held.entry((self.classify)(method, path)).or_default())
    }

    fn note(&self, seen: Seen) -> Option<usize> {
        let mut held = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if held.len() >= SEEN_MAX {
            return None;
        }
        held.push(seen);
        Some(held.len() - 1)
    }

    fn answered(&self, at: Option<usize>, status: StatusCode) {
        let mut held = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(seen) = at.and_then(|at| held.get_mut(at)) {
            seen.status = status.as_u16();
        }
    }

    async fn handle(self: Arc<Self>, request: Request<Incoming>, reset: &AtomicBool) -> Result<Response<Outgoing>, Cut> {
        let method = request.method().clone();
        let path = request.uri().path_and_query().map_or("/", |p| p.as_str()).to_owned();
        let cell = self.cell(&method, &path);
        cell.requests.fetch_add(1, Ordering::AcqRel);
        let at = self.note(Seen { method: method.clone(), path: path.clone(), headers: request.headers().clone(), status: 0 });
        let latency = self.latency_us.load(Ordering::Acquire);
        if latency > 0 {
            tokio::time::sleep(Duration::from_micros(latency)).await;
        }
        let announced = request.headers().get(header::CONTENT_LENGTH).and_then(|n| n.to_str().ok()?.parse().ok());
        let act = self.faults.fires(&method, &path, announced.unwrap_or(0));
        match &act {
            Some(Act::Status { status, headers, body }) => {
                let mut response = Response::new(full(body.clone()));
                *response.status_mut() = *status;
                for (name, value) in headers {
                    response.headers_mut().append(name.clone(), value.clone());
                }
                // The request is read to its end, so that the connection can be used again.
                drain(request, &cell).await;
                self.answered(at, *status);
                return Ok(response);
            }
            Some(Act::Reset) => {
                reset.store(true, Ordering::Release);
                return Err(Cut);
            }
            Some(Act::HangUp) => {
                let mut response = Response::new(full(Bytes::from_static(faults::TOO_LARGE_HTML.as_bytes())));
                *response.status_mut() = StatusCode::PAYLOAD_TOO_LARGE;
                response.headers_mut().insert(header::CONNECTION, header::HeaderValue::from_static("close"));
                self.answered(at, StatusCode::PAYLOAD_TOO_LARGE);
                return Ok(response);
            }
            Some(Act::ResetAfter(bytes)) => {
                let mut stream = request.into_body().into_data_stream();
                let mut read = 0;
                while read < *bytes
                    && let Ok(Some(chunk)) = stream.try_next().await
                {
                    read += chunk.len() as u64;
                }
                reset.store(true, Ordering::Release);
                return Err(Cut);
            }
            Some(Act::Delay(delay)) => tokio::time::sleep(*delay).await,
            _ => {}
        }
        let answer = self.forward(request, &path, &cell).await.ok_or(Cut)?;
        if let Some(Act::LoseAnswer) = act {
            return Err(Cut);
        }
        let response = body::answer(answer, &method, act, cell_down(cell));
        self.answered(at, response.status());
        Ok(response)
    }

    async fn forward(&self, request: Request<Incoming>, path: &str, cell: &Arc<Cell>) -> Option<reqwest::Response> {
        let (parts, incoming) = request.into_parts();
        let mut headers = parts.headers;
        let hop: Vec<HeaderName> = headers.keys().filter(|n| is_hop_by_hop(n)).cloned().collect();
        for name in hop {
            headers.remove(name);
        }
        let mut outgoing = self.client.request(parts.method, format!("{}{path}", self.upstream));
        let has_body = headers.get(header::CONTENT_LENGTH).is_none_or(|n| n != "0") && !hyper::body::Body::is_end_stream(&incoming);
        if has_body {
            let counted = Arc::clone(cell);
            let stream = incoming.into_data_stream().inspect_ok(move |chunk: &Bytes| {
                counted.up.fetch_add(chunk.len() as u64, Ordering::AcqRel);
            });
            outgoing = outgoing.body(reqwest::Body::wrap_stream(stream));
        }
        outgoing.headers(headers).send().await.ok()
    }
}

async fn drain(request: Request<Incoming>, cell: &Cell) {
    let mut stream = request.into_body().into_data_stream();
    while let Ok(Some(chunk)) = stream.try_next().await {
        cell.up.fetch_add(chunk.len() as u64, Ordering::AcqRel);
    }
}

fn cell_down(cell: Arc<Cell>) -> impl Fn(usize) + Send + Sync + 'static {
    move |bytes| {
        cell.down.fetch_add(bytes as u64, Ordering::AcqRel);
    }
}

/// An empty answer, for those that have no body.
fn nothing() -> Outgoing {
    empty()
}
