//! What stands before every handler: origin, cross-site guard, caller, gate.

use std::net::{IpAddr, SocketAddr};

use app::error::{ApiError, ErrorKind};
use axum::Json;
use axum::extract::{ConnectInfo, MatchedPath, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Redirect, Response};
use tower_sessions::Session;
use tracing::Instrument as _;

use super::Web;
use super::rules::{self, Rule};
use crate::access::{Caller, Origin};
use crate::error::Error;
use crate::session::caller::Opened;
use crate::{accounts, audit, session};

const REQUEST_ID: &str = "x-request-id";

/// Names the request, finds its client's address, and logs how it ended.
pub async fn origin(State(web): State<Web>, mut request: Request, next: Next) -> Response {
    let request_id = uuid::Uuid::now_v7().simple().to_string();
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>().map(|info| info.0.ip());
    let ip = peer.map(|peer| client_address(peer, request.headers(), &web.trusted_proxies));
    let path = request.uri().path().to_owned();
    let interface = match request.headers().get(header::USER_AGENT).and_then(|v| v.to_str().ok()) {
        Some(agent) if agent.starts_with("breakwater-cli/") => "cli",
        _ if path.starts_with("/api/") => "api",
        _ => "ui",
    };
    request.extensions_mut().insert(Origin { ip, request_id: request_id.clone(), interface });
    let method = request.method().clone();
    let started = std::time::Instant::now();
    let span = tracing::info_span!("request", request.id = request_id);
    let mut response = next.run(request).instrument(span).await;
    let status = response.status().as_u16();
    let duration_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
    tracing::debug!(request.id = request_id, http.method = %method, http.path = path, http.status = status, duration_ms, "answered");
    if let Ok(value) = HeaderValue::from_str(&request_id) {
        response.headers_mut().insert(REQUEST_ID, value);
    }
    response
}

/// Lets through only addresses that can be read in one way (S-7): what is behind takes a path apart, compares it, or makes another address of it, and must not be told
/// one thing while a browser or a proxy is told another. Also takes away what the framework would show from an address.
pub async fn canonical(mut request: Request, next: Next) -> Response {
    if !is_canonical(request.uri().path()) {
        return refuse(ApiError::new(ErrorKind::NotFound, "not_found", app::refusals::General::NoSuchPage));
    }
    let query = request.uri().query().unwrap_or_default();
    if query.contains("%00") {
        return refuse(crate::error::bad_character());
    }
    if let Some(plain) = without_framework_words(request.uri()) {
        *request.uri_mut() = plain;
    }
    next.run(request).await
}

/// Whether a path is in its one normal form: no empty, `.` or `..` segment, no backslash, and nothing escaped that needs no escape or would part the path.
fn is_canonical(path: &str) -> bool {
    let Some(rest) = path.strip_prefix('/') else { return false };
    let plain = |byte: u8| byte.is_ascii_graphic() && byte != b'\\';
    let normal = |segment: &str| !matches!(segment, "" | "." | "..");
    path.bytes().all(plain) && (rest.is_empty() || rest.split('/').all(normal)) && path.split('%').skip(1).all(is_needed_escape)
}

/// Whether what follows a `%` is an escape of a byte that cannot stand by itself.
fn is_needed_escape(after: &str) -> bool {
    let Some(byte) =
        after.get(..2).filter(|hex| hex.bytes().all(|b| b.is_ascii_hexdigit())).and_then(|hex| u8::from_str_radix(hex, 16).ok())
    else {
        return false;
    };
    let unreserved = byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    !unreserved && !byte.is_ascii_control() && byte != b'/' && byte != b'\\'
}

/// The address without parameters that begin with two underscores, if it has any: the framework reads errors from them.
fn without_framework_words(uri: &http::Uri) -> Option<http::Uri> {
    let pairs: Vec<(String, String)> = url::form_urlencoded::parse(uri.query()?.as_bytes()).into_owned().collect();
    let (words, kept): (Vec<_>, Vec<_>) = pairs.into_iter().partition(|(key, _)| key.starts_with("__"));
    if words.is_empty() {
        return None;
    }
    let query = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(kept).finish();
    let mut parts = uri.clone().into_parts();
    let address = if query.is_empty() { uri.path().to_owned() } else { format!("{}?{query}", uri.path()) };
    parts.path_and_query = Some(address.parse().ok()?);
    http::Uri::from_parts(parts).ok()
}

/// The peer, or the last address a trusted proxy did not add itself (S-34).
fn client_address(peer: IpAddr, headers: &HeaderMap, trusted: &[IpAddr]) -> IpAddr {
    if !trusted.contains(&peer) {
        return peer;
    }
    let mut entries: Vec<Option<IpAddr>> = Vec::new();
    for value in headers.get_all("x-forwarded-for") {
        match value.to_str() {
            Ok(text) => entries.extend(text.split(',').map(|entry| entry.trim().parse().ok())),
            Err(_) => entries.push(None),
        }
    }
    let mut nearest = peer;
    for entry in entries.into_iter().rev() {
        // Whoever wrote what cannot be read is not known to be a trusted proxy, so nothing before it is believed.
        let Some(address) = entry else { return nearest };
        nearest = address;
        if !trusted.contains(&address) {
            return address;
        }
    }
    nearest
}

/// Refuses unsafe requests that another site's page made (S-10): by `Sec-Fetch-Site`, else by `Origin`.
///
/// A request with a token and without a cookie is not a browser's, so it passes. The stream of events is read by whoever opens it, so it is refused to a page of
/// another site too, where the browser says so (S-14).
pub async fn same_site(State(web): State<Web>, request: Request, next: Next) -> Response {
    let safe = matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS);
    let tells = ["sec-fetch-site", "origin"].iter().any(|name| request.headers().contains_key(*name));
    let safe = safe && !(request.uri().path() == "/events" && tells);
    if safe || comes_from_here(request.headers(), &web.state.public_url) {
        return next.run(request).await;
    }
    refuse(ApiError::new(ErrorKind::Forbidden, "cross_site", app::accounts::refusals::Refusal::CrossSite))
}

fn comes_from_here(headers: &HeaderMap, public_url: &url::Url) -> bool {
    let text = |name: &str| headers.get(name).and_then(|v| v.to_str().ok());
    if let Some(site) = text("sec-fetch-site") {
        return matches!(site, "same-origin" | "none");
    }
    if let Some(origin) = text("origin") {
        let host = text("host").unwrap_or_default();
        let same_host = url::Url::parse(origin).is_ok_and(|o| {
            let authority = o
                .port()
                .map_or_else(|| o.host_str().unwrap_or_default().to_owned(), |p| format!("{}:{p}", o.host_str().unwrap_or_default()));
            o.origin() == public_url.origin() || (public_url.scheme() == "http" && authority == host)
        });
        return same_host;
    }
    headers.get(header::COOKIE).is_none()
}

/// Finds the caller: a token, or the session's account as it is now.
pub async fn caller(State(web): State<Web>, mut request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    let found = find_caller(&web, &parts).await;
    request = Request::from_parts(parts, body);
    match found {
        Ok(Some((caller, opened))) => {
            request.extensions_mut().insert(caller);
            if let Some(opened) = opened {
                request.extensions_mut().insert(opened);
            }
        }
        Ok(None) => {}
        Err(error) => {
            let id = request.extensions().get::<Origin>().map(|o| o.request_id.clone());
            return refuse(error.into_api(id.as_deref()));
        }
    }
    next.run(request).await
}

async fn find_caller(web: &Web, request: &Parts) -> Result<Option<(Caller, Option<Opened>)>, Error> {
    let pool = &web.state.pool;
    let origin = request.extensions.get::<Origin>().cloned().unwrap_or_default();
    if let Some(value) = request.headers.get(header::AUTHORIZATION) {
        let token = value.to_str().ok().and_then(|v| v.strip_prefix("Bearer ")).map(str::trim);
        let found = match token {
            Some(token) => accounts::caller_of_token(pool, token, &origin).await?,
            None => None,
        };
        return match found {
            Some(caller) => Ok(Some((caller, None))),
            None => Err(ApiError::new(ErrorKind::SignedOut, "bad_token", app::accounts::refusals::Refusal::BadToken).into()),
        };
    }
    // Files and the health answer need no caller, and must not wait for the database.
    if request.uri.path().starts_with("/pkg/") || request.uri.path() == "/health" {
        return Ok(None);
    }
    let Some(id) = request.extensions.get::<Session>().and_then(Session::id) else { return Ok(None) };
    let Some(used) = session::caller::find(pool, &id).await? else { return Ok(None) };
    used.note(pool, origin.ip, session::Agent::of(&request.headers)).await?;
    let (caller, opened) = used.caller();
    Ok(Some((caller, Some(opened))))
}

/// Records whatever is refused to somebody who is signed in: one place, so that no operation can forget it (console.md §4.3).
pub async fn refusals(State(web): State<Web>, request: Request, next: Next) -> Response {
    let who = request.extensions().get::<Caller>().cloned().zip(request.extensions().get::<Origin>().cloned());
    let route = request.extensions().get::<MatchedPath>().map(|m| m.as_str().to_owned());
    let what = match route {
        // Server functions share one route.
        Some(route) if route.starts_with("/fn/") => request.uri().path().to_owned(),
        Some(route) => route,
        None => return next.run(request).await,
    };
    let what = format!("{} {what}", request.method());
    let response = next.run(request).await;
    if response.status() == StatusCode::FORBIDDEN
        && let Some((caller, origin)) = who
        && let Err(error) = audit::refused(&web.state.pool, &caller, &origin, &what).await
    {
        tracing::warn!(request.id = origin.request_id, error = %crate::error::chain(&error), "cannot record a refusal");
    }
    response
}

/// Lets a request through to its handler only if the table has a line for it and the caller satisfies it (S-2).
pub async fn gate(request: Request, next: Next) -> Response {
    let path = request.uri().path().to_owned();
    let Some(route) = request.extensions().get::<MatchedPath>().map(|m| m.as_str().to_owned()) else {
        // The fallback: the page that says "not found", for reading only.
        return if matches!(*request.method(), Method::GET | Method::HEAD) {
            next.run(request).await
        } else {
            refuse(ApiError::not_found(app::refusals::Thing::Page))
        };
    };
    let caller = request.extensions().get::<Caller>();
    let signed_in = caller.is_some();
    if caller.is_some_and(|caller| caller.must_change)
        && !rules::WITH_ANOTHERS_PASSWORD.contains(&path.as_str())
        && !path.starts_with("/pkg/")
    {
        return choose_password(&request);
    }
    let reads = matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS);
    // A token that reads changes nothing, whatever a handler forgets to ask.
    if !reads && let Some(Err(error)) = caller.map(Caller::require_write) {
        return refuse(error);
    }
    match rules::rule(request.method(), &route, &path) {
        Some(Rule::Anyone) => next.run(request).await,
        Some(Rule::SignedIn) if signed_in => next.run(request).await,
        Some(Rule::People | Rule::Proven) if signed_in => match caller.map(Caller::require_person) {
            Some(Err(error)) => refuse(error),
            _ => next.run(request).await,
        },
        Some(Rule::SignedIn | Rule::People | Rule::Proven) => signed_out(&request),
        None => {
            tracing::warn!(http.method = %request.method(), http.route = route, "refused a request that no rule allows");
            refuse(ApiError::not_found(app::refusals::Thing::Page))
        }
    }
}

/// Whoever signed in with a password that somebody else set chooses another before anything else.
fn choose_password(request: &Request) -> Response {
    let path = request.uri().path();
    if path.starts_with("/api/") || path.starts_with("/fn/") || path == "/events" {
        let text = app::accounts::refusals::Refusal::MustChange;
        return refuse(ApiError::new(ErrorKind::Forbidden, "must_change_password", text));
    }
    Redirect::to("/me").into_response()
}

fn signed_out(request: &Request) -> Response {
    let wants_page = request.headers().get(header::ACCEPT).and_then(|v| v.to_str().ok()).is_some_and(|v| v.contains("text/html"));
    let path = request.uri().path();
    if wants_page && !path.starts_with("/api/") && !path.starts_with("/fn/") {
        let next = request.uri().path_and_query().map_or("/", |p| p.as_str());
        let encoded: String = url::form_urlencoded::byte_serialize(next.as_bytes()).collect();
        return Redirect::to(&format!("/signin?next={encoded}")).into_response();
    }
    if wants_page {
        return Redirect::to("/signin").into_response();
    }
    refuse(ApiError::new(ErrorKind::SignedOut, "signed_out", app::accounts::refusals::Refusal::SignIn))
}

/// An error as its answer.
pub fn refuse(error: ApiError) -> Response {
    let status = StatusCode::from_u16(error.kind.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    (status, Json(error)).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs.iter().map(|(k, v)| (header::HeaderName::from_static(k), HeaderValue::from_static(v))).collect()
    }

    /// S-10.
    #[test]
    fn requests_of_other_sites_are_told_apart() {
        let here = url::Url::parse("https://backup.example.org").unwrap();
        let from = |pairs: &[(&'static str, &'static str)]| comes_from_here(&headers(pairs), &here);
        assert!(from(&[("sec-fetch-site", "same-origin"), ("cookie", "a=b")]));
        assert!(from(&[("origin", "https://backup.example.org"), ("cookie", "a=b")]));
        assert!(from(&[("authorization", "Bearer x")]), "a program without a cookie");
        for bad in [
            &[("sec-fetch-site", "cross-site"), ("origin", "https://backup.example.org")][..],
            &[("sec-fetch-site", "same-site")],
            &[("origin", "null"), ("cookie", "a=b")],
            &[("origin", "https://evil.example"), ("cookie", "a=b")],
            &[("origin", "http://backup.example.org"), ("cookie", "a=b")],
            &[("cookie", "a=b")],
        ] {
            assert!(!from(bad), "{bad:?}");
        }
    }

    /// S-7.
    #[test]
    fn an_address_that_can_be_read_in_two_ways_is_no_address() {
        for good in ["/", "/plans", "/projects/prod/a.b-c_d", "/fn/plans/list", "/vaults/new", "/x/caf%C3%A9", "/x/a%20b", "/a:b@c"] {
            assert!(is_canonical(good), "{good}");
        }
        for bad in [
            "//evil.example/",
            "//",
            "/plans/",
            "/plans//1",
            "/./plans",
            "/plans/../admin",
            "/..",
            "/%2e%2e/plans",
            "/%2E",
            "/plans%2F1",
            "/%5cevil.example",
            "/\\evil.example",
            "/%70lans",
            "/a%00",
            "/a%0d%0aset-cookie",
            "/a%7f",
            "/a%",
            "/a%2",
            "/a%zz",
            "*",
            "",
        ] {
            assert!(!is_canonical(bad), "{bad}");
        }
    }

    #[test]
    fn what_the_framework_reads_from_an_address_is_taken_away() {
        let plain = |text: &str| without_framework_words(&text.parse().unwrap()).map(|uri| uri.to_string());
        assert_eq!(plain("/signin?next=%2Fa&__err=x&__path=y&_=1").as_deref(), Some("/signin?next=%2Fa&_=1"));
        assert_eq!(plain("/signin?__err=x").as_deref(), Some("/signin"));
        assert_eq!(plain("http://h/signin?%5F%5Ferr=x").as_deref(), Some("http://h/signin"));
        assert_eq!(plain("/signin?next=a%20b"), None);
    }

    /// S-34.
    #[test]
    fn forwarded_addresses_are_believed_of_trusted_proxies_only() {
        let proxy: IpAddr = "10.0.0.1".parse().unwrap();
        let stranger: IpAddr = "198.51.100.7".parse().unwrap();
        let spoofed = headers(&[("x-forwarded-for", "203.0.113.9, 192.0.2.5")]);
        assert_eq!(client_address(stranger, &spoofed, &[proxy]), stranger);
        assert_eq!(client_address(proxy, &spoofed, &[proxy]).to_string(), "192.0.2.5");
        let unreadable = headers(&[("x-forwarded-for", "203.0.113.9, unknown, 10.0.0.2")]);
        let nearer: IpAddr = "10.0.0.2".parse().unwrap();
        assert_eq!(client_address(proxy, &unreadable, &[proxy, nearer]), nearer, "an entry that is no address ends the chain of trust");
    }
}
