//! One request over the wire, under our rules: no redirects of reqwest's, no proxy, no cookies, no Referer, no decompression; the address is
//! judged before each request, every wait has an end, every body a cap (reliability.md §4.6, §4.7, F-16..F-18).

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures::stream::BoxStream;
use futures::{Stream, StreamExt};
use reqwest::header::{AUTHORIZATION, CONTENT_LENGTH, HeaderMap, HeaderValue, USER_AGENT};
use reqwest::{Method, StatusCode};
use url::Url;

use crate::address::{Guarded, Lookup, Refused, Unresolved};
use crate::endpoint::{Endpoint, host_of};
use crate::error::{BoxError, RegistryError, clean};
use crate::limits::{Limits, Meter};
use crate::retry::{Calm, Throttle};

/// How this program names itself.
pub(crate) const AGENT: &str = concat!("breakwater/", env!("CARGO_PKG_VERSION"));
/// Harbor's own internal agent: a manifest GET that carries exactly this is not counted as a pull (harbor.md §0.2).
pub(crate) const SILENT_AGENT: &str = "harbor-registry-client";
/// Most response headers taken.
const HEADERS_MAX: usize = 100;
/// Longest a connection without traffic is kept.
const POOL_IDLE: Duration = Duration::from_secs(30);
/// How often a connection is probed while nothing comes.
const KEEPALIVE: Duration = Duration::from_secs(30);
/// Why a request has no answer that was on its way already.
pub(crate) const BROKE: &str = "the connection broke";
/// Deepest chain of sources looked at.
const CHAIN_MAX: usize = 16;

/// Makes the bytes to send; each try needs them anew.
pub(crate) type BodyMaker = Arc<dyn Fn() -> BoxStream<'static, Result<Bytes, BoxError>> + Send + Sync>;

/// What to send.
#[derive(Clone)]
pub(crate) enum Payload {
    Empty,
    Bytes(Bytes),
    Stream { make: BodyMaker, size_bytes: u64 },
}

impl Payload {
    pub fn size_bytes(&self) -> u64 {
        match self {
            Self::Empty => 0,
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::Stream { size_bytes, .. } => *size_bytes,
        }
    }
}

/// One request.
#[derive(Clone)]
pub(crate) struct Request {
    pub method: Method,
    pub url: Url,
    pub headers: HeaderMap,
    pub payload: Payload,
    /// What it is for, in words that follow "may not" and "the request to".
    pub what: String,
}

/// A whole answer.
pub(crate) struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
    /// Size of the body it is the answer to.
    pub sent_bytes: u64,
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    pub fn request_id(&self) -> Option<String> {
        self.header("x-request-id").map(clean)
    }
}

pub(crate) struct Transport {
    http: reqwest::Client,
    pub endpoint: Endpoint,
    pub limits: Limits,
    pub meter: Meter,
    pub calm: Calm,
    pub throttle: Throttle,
}

/// A client under the rules of `endpoint`: the operator's networks and certificates, no redirects, no proxies, no retries, and an end
/// to every wait. For what is no registry: an S3 server.
pub fn guarded_client(endpoint: &Endpoint, limits: &Limits) -> Result<reqwest::Client, RegistryError> {
    let builder = builder(endpoint, limits, Arc::new(crate::address::System))?.read_timeout(limits.answer_timeout);
    build(builder, endpoint)
}

fn builder(endpoint: &Endpoint, limits: &Limits, lookup: Arc<dyn Lookup>) -> Result<reqwest::ClientBuilder, RegistryError> {
    let guard = Guarded { rule: endpoint.addresses.clone(), lookup };
    let mut builder = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .no_proxy()
        .referer(false)
        .dns_resolver(Arc::new(guard))
        .connect_timeout(limits.connect_timeout)
        .pool_idle_timeout(POOL_IDLE)
        .tcp_keepalive(KEEPALIVE)
        .tcp_nodelay(true)
        .http1_max_headers(HEADERS_MAX)
        .https_only(!endpoint.allow_plain_http);
    if let Some(pem) = &endpoint.ca_pem {
        let own = reqwest::Certificate::from_pem_bundle(pem.as_bytes()).map_err(|_| crate::endpoint::EndpointError::Certificate)?;
        builder = builder.tls_certs_merge(own);
    }
    Ok(builder)
}

fn build(builder: reqwest::ClientBuilder, endpoint: &Endpoint) -> Result<reqwest::Client, RegistryError> {
    builder.build().map_err(|error| RegistryError::Tls {
        host: endpoint.host(),
        reason: "the system's certificates cannot be read".to_owned(),
        source: error.without_url().into(),
    })
}

impl Transport {
    pub fn new(endpoint: Endpoint, limits: Limits, lookup: Arc<dyn Lookup>) -> Result<Self, RegistryError> {
        let http = build(builder(&endpoint, &limits, lookup)?, &endpoint)?;
        let throttle = Throttle::new(limits.bandwidth.clone());
        Ok(Self { http, endpoint, limits, meter: Meter::default(), calm: Calm::default(), throttle })
    }

    /// Sends once and waits for the head of the answer. `authorization` must be `None` for any host but the registry.
    pub async fn send(self: &Arc<Self>, request: &Request, authorization: Option<HeaderValue>) -> Result<reqwest::Response, RegistryError> {
        self.endpoint.addresses.check_url_host(&request.url).map_err(|refused| RegistryError::AddressRefused { host: refused.host })?;
        self.calm.wait().await;
        let mut builder = self.http.request(request.method.clone(), request.url.clone()).headers(request.headers.clone());
        if !request.headers.contains_key(USER_AGENT) {
            builder = builder.header(USER_AGENT, AGENT);
        }
        if let Some(value) = authorization {
            debug_assert!(crate::endpoint::same_origin(&request.url, &self.endpoint.url), "a credential for another host");
            builder = builder.header(AUTHORIZATION, value);
        }
        let upload = match &request.payload {
            Payload::Empty => {
                if matches!(request.method, Method::POST | Method::PUT | Method::PATCH) {
                    builder = builder.header(CONTENT_LENGTH, 0);
                }
                None
            }
            Payload::Bytes(bytes) => {
                self.meter.sent(bytes.len());
                builder = builder.body(bytes.clone());
                None
            }
            Payload::Stream { make, size_bytes } => {
                let upload = Arc::new(Upload::default());
                let body = reqwest::Body::wrap_stream(self.measured(make(), *size_bytes, Arc::clone(&upload)));
                builder = builder.header(CONTENT_LENGTH, *size_bytes).body(body);
                Some(upload)
            }
        };
        self.meter.request();
        let built = builder.build().map_err(|e| RegistryError::Protocol {
            what: format!("the request to {} cannot be built: {}", request.what, e.without_url()),
        })?;
        let sending = self.http.execute(built);
        let outcome = match &upload {
            None => tokio::time::timeout(self.limits.answer_timeout, sending)
                .await
                .map_err(|_| RegistryError::Stalled { what: request.what.clone() })?,
            Some(upload) => self.watch(sending, upload, &request.what).await?,
        };
        outcome.map_err(|error| {
            let own = upload.as_ref().and_then(|u| u.failure.lock().unwrap_or_else(PoisonError::into_inner).take());
            own.map_or_else(|| from_reqwest(error, &request.url), |source| RegistryError::Source { source })
        })
    }

    /// Waits for the answer to an upload as long as bytes flow.
    async fn watch(
        &self,
        sending: impl Future<Output = Result<reqwest::Response, reqwest::Error>>,
        upload: &Upload,
        what: &str,
    ) -> Result<Result<reqwest::Response, reqwest::Error>, RegistryError> {
        let mut sending = std::pin::pin!(sending);
        let (mut seen, mut waited) = (0, Duration::ZERO);
        let window = self.limits.idle_timeout;
        loop {
            match tokio::time::timeout(window, &mut sending).await {
                Ok(outcome) => return Ok(outcome),
                Err(_) if upload.done.load(Ordering::Acquire) => {
                    waited += window;
                    if waited >= self.limits.answer_timeout {
                        return Err(RegistryError::Stalled { what: what.to_owned() });
                    }
                }
                Err(_) => {
                    let now = upload.bytes.load(Ordering::Acquire);
                    if now == seen {
                        return Err(RegistryError::Stalled { what: what.to_owned() });
                    }
                    seen = now;
                }
            }
        }
    }

    /// The bytes of an upload, counted and held to the announced size and the bandwidth cap.
    fn measured(
        self: &Arc<Self>,
        source: BoxStream<'static, Result<Bytes, BoxError>>,
        size_bytes: u64,
        upload: Arc<Upload>,
    ) -> impl Stream<Item = Result<Bytes, BoxError>> + Send + 'static {
        let transport = Arc::clone(self);
        async_stream::stream! {
            let mut source = source;
            let mut sent = 0_u64;
            while let Some(next) = source.next().await {
                let chunk = match next {
                    Ok(chunk) => chunk,
                    Err(error) => {
                        yield Err(upload.fail(error));
                        return;
                    }
                };
                sent += chunk.len() as u64;
                if sent > size_bytes {
                    yield Err(upload.fail(format!("more than {size_bytes} bytes").into()));
                    return;
                }
                transport.throttle.pass(chunk.len()).await;
                transport.meter.sent(chunk.len());
                upload.bytes.store(sent, Ordering::Release);
                if sent == size_bytes {
                    upload.done.store(true, Ordering::Release);
                }
                yield Ok(chunk);
            }
            upload.done.store(true, Ordering::Release);
            if sent < size_bytes {
                yield Err(upload.fail(format!("only {sent} of {size_bytes} bytes").into()));
            }
        }
    }

    /// Reads the body of an answer up to `bytes_max`.
    pub async fn read(&self, mut response: reqwest::Response, bytes_max: usize, what: &str) -> Result<Answer, RegistryError> {
        let too_large = || RegistryError::TooLarge { what: format!("the answer to the request to {what}"), limit_bytes: bytes_max as u64 };
        let (status, headers, url) = (response.status(), response.headers().clone(), response.url().clone());
        if response.content_length().is_some_and(|n| n > bytes_max as u64) {
            return Err(too_large());
        }
        let mut body = BytesMut::new();
        while let Some(chunk) = self.chunk(&mut response, &url, what).await? {
            if body.len() + chunk.len() > bytes_max {
                return Err(too_large());
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Answer { status, headers, body: body.freeze(), sent_bytes: 0 })
    }

    /// The next piece of a body.
    pub async fn chunk(&self, response: &mut reqwest::Response, url: &Url, what: &str) -> Result<Option<Bytes>, RegistryError> {
        let next = tokio::time::timeout(self.limits.idle_timeout, response.chunk()).await;
        let next = next.map_err(|_| RegistryError::Stalled { what: what.to_owned() })?;
        let chunk = next.map_err(|error| from_reqwest(error, url))?;
        if let Some(chunk) = &chunk {
            self.meter.received(chunk.len());
        }
        Ok(chunk)
    }
}

#[derive(Default)]
struct Upload {
    bytes: AtomicU64,
    done: AtomicBool,
    failure: Mutex<Option<BoxError>>,
}

impl Upload {
    /// Keeps the error for the caller; reqwest gets a mere word.
    fn fail(&self, error: BoxError) -> BoxError {
        *self.failure.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
        "the body to send failed".into()
    }
}

fn chain(error: &reqwest::Error) -> impl Iterator<Item = &(dyn std::error::Error + 'static)> {
    let first: &(dyn std::error::Error + 'static) = error;
    std::iter::successors(Some(first), |e| e.source()).take(CHAIN_MAX)
}

/// Sorts what reqwest reports into what the operator can do about it (F-16).
pub(crate) fn from_reqwest(error: reqwest::Error, url: &Url) -> RegistryError {
    let host = host_of(url);
    if let Some(refused) = chain(&error).find_map(|e| e.downcast_ref::<Refused>()) {
        return RegistryError::AddressRefused { host: refused.host.clone() };
    }
    let unresolved = chain(&error).any(|e| e.downcast_ref::<Unresolved>().is_some());
    let tls = chain(&error).find_map(tls_reason);
    let (connect, timeout) = (error.is_connect(), error.is_timeout());
    let source: BoxError = error.without_url().into();
    if unresolved {
        return RegistryError::Unresolved { host, source };
    }
    if let Some(reason) = tls.filter(|_| connect) {
        return RegistryError::Tls { host, reason, source };
    }
    let reason = match (connect, timeout) {
        (true, true) => "no connection in time; check address, port and firewall",
        (true, false) => "no connection; check address, port and firewall",
        (false, true) => "no answer in time",
        (false, false) => BROKE,
    };
    RegistryError::Unreachable { host, reason, source }
}

/// rustls reports its verdict as an `InvalidData` inside an I/O error.
fn tls_reason(error: &(dyn std::error::Error + 'static)) -> Option<String> {
    let io = error.downcast_ref::<std::io::Error>()?;
    if io.kind() != std::io::ErrorKind::InvalidData {
        // An I/O error that wraps another is skipped by `source`.
        return io.get_ref().and_then(|inner| tls_reason(inner));
    }
    let text = io.to_string();
    let lower = text.to_ascii_lowercase();
    let told = if lower.contains("expired") {
        "its certificate has expired; renew it"
    } else if lower.contains("not valid for name") || lower.contains("notvalidforname") {
        "its certificate is for another name; use the name it is for"
    } else if lower.contains("unknownissuer")
        || lower.contains("unknown issuer")
        || lower.contains("ca used as end entity")
        || lower.contains("causedasendentity")
    {
        "its certificate is signed by an authority that is not trusted; give that authority's certificate"
    } else if lower.contains("invalidcontenttype") || lower.contains("corrupt message") {
        "it does not speak TLS on this port; check scheme and port"
    } else {
        return Some(format!("TLS failed: {}", clean(&text)));
    };
    Some(told.to_owned())
}
