//! A host that must never be told a secret: it answers everything and remembers every byte of every request's head (reliability.md S-69).

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;

use crate::wire::{Task, listen};

/// Most requests remembered.
const REQUESTS_MAX: usize = 10_000;

#[derive(Clone, Default)]
struct Answer {
    status: StatusCode,
    headers: Vec<(HeaderName, HeaderValue)>,
    body: Bytes,
}

#[derive(Default)]
struct Inner {
    heads: Mutex<Vec<String>>,
    answer: Mutex<Answer>,
}

/// A running sink; ends when dropped.
pub struct Sink {
    addr: SocketAddr,
    inner: Arc<Inner>,
    _task: Task,
}

impl Sink {
    /// Starts one that answers 200 with nothing.
    pub async fn start() -> Self {
        let inner = Arc::new(Inner::default());
        let shared = Arc::clone(&inner);
        let (addr, task) = listen(move |wire, _| {
            let inner = Arc::clone(&shared);
            async move {
                let service = hyper::service::service_fn(move |request: Request<Incoming>| {
                    let response = inner.take(&request);
                    async move { Ok::<_, Infallible>(response) }
                });
                // The peer may leave at any moment.
                let _ = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(wire), service).await;
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

    /// What to answer from now on.
    pub fn set_answer(&self, status: u16, headers: Vec<(HeaderName, HeaderValue)>, body: impl Into<Bytes>) {
        let status = StatusCode::from_u16(status).expect("tests use real status codes");
        *self.inner.answer.lock().unwrap_or_else(PoisonError::into_inner) = Answer { status, headers, body: body.into() };
    }

    /// Request lines and headers, one text for each request.
    #[must_use]
    pub fn heads(&self) -> Vec<String> {
        self.inner.heads.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether any request carried this text anywhere in its head.
    #[must_use]
    pub fn saw(&self, text: &str) -> bool {
        let text = text.to_ascii_lowercase();
        self.heads().iter().any(|head| head.to_ascii_lowercase().contains(&text))
    }
}

impl Inner {
    fn take(&self, request: &Request<Incoming>) -> Response<Full<Bytes>> {
        let mut head = format!("{} {}\n", request.method(), request.uri());
        for (name, value) in request.headers() {
            head.push_str(&format!("{name}: {}\n", String::from_utf8_lossy(value.as_bytes())));
        }
        let mut heads = self.heads.lock().unwrap_or_else(PoisonError::into_inner);
        if heads.len() < REQUESTS_MAX {
            heads.push(head);
        }
        let ordered = self.answer.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let mut response = Response::new(Full::new(ordered.body));
        *response.status_mut() = ordered.status;
        for (name, value) in ordered.headers {
            response.headers_mut().append(name, value);
        }
        response
    }
}
