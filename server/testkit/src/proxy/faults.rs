//! Which fault hits which request, and how often it did.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, StatusCode};

/// nginx's own words.
pub(super) const TOO_LARGE_HTML: &str = "<html>\r\n<head><title>413 Request Entity Too Large</title></head>\r\n<body>\r\n<center><h1>413 Request Entity Too \
                                         Large</h1></center>\r\n<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n";

/// Which occurrences of a fitting request are hit; counted from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Nth {
    Every,
    Only(u64),
    First(u64),
    From(u64),
}

/// Which requests are hit.
#[derive(Debug, Clone)]
pub struct Rule {
    /// `None` is any.
    pub method: Option<Method>,
    /// A piece of path and query; empty fits all.
    pub path_contains: String,
    /// Only requests whose body is announced to be larger than this, in bytes; `None` is any.
    pub body_over: Option<u64>,
    pub nth: Nth,
}

impl Rule {
    /// Every request of this method whose path holds the text.
    #[must_use]
    pub fn new(method: Method, path_contains: impl Into<String>) -> Self {
        Self { method: Some(method), path_contains: path_contains.into(), body_over: None, nth: Nth::Every }
    }

    /// Of any method.
    #[must_use]
    pub fn path(path_contains: impl Into<String>) -> Self {
        Self { method: None, path_contains: path_contains.into(), body_over: None, nth: Nth::Every }
    }

    /// What a proxy with a limit on bodies refuses.
    #[must_use]
    pub fn bodies_over(bytes: u64) -> Self {
        Self { body_over: Some(bytes), ..Self::path("") }
    }

    #[must_use]
    pub fn nth(mut self, nth: Nth) -> Self {
        self.nth = nth;
        self
    }
}

/// What goes wrong.
#[derive(Debug, Clone)]
pub enum Act {
    /// Answer this; nothing reaches the registry.
    Status { status: StatusCode, headers: Vec<(HeaderName, HeaderValue)>, body: Bytes },
    /// Wait, then go on.
    Delay(Duration),
    /// Pass on, announce the whole length, break off after so many bytes.
    Truncate(u64),
    /// The same, with a clean end and the length announced to fit: only a digest or a known size can tell.
    ShortenQuietly(u64),
    /// Pass on, send so many bytes, then nothing more for ever.
    Stall(u64),
    /// Pass on and add bytes after the end.
    Append(Bytes),
    /// Pass on with the last bit of every piece of the body flipped.
    WrongBytes,
    /// Reset the connection without passing anything on.
    Reset,
    /// Answer 413 in HTML as nginx does, and close the connection without reading the rest of the body.
    HangUp,
    /// Read so many bytes of the body, pass nothing on, and reset the connection.
    ResetAfter(u64),
    /// Pass on, and lose the answer.
    LoseAnswer,
    /// Pass on without this header of the request's or the answer's.
    DropHeader(HeaderName),
    /// Pass on and set this header of the answer.
    SetHeader(HeaderName, HeaderValue),
}

impl Act {
    /// A plain status with a body in the form of registries.
    #[must_use]
    pub fn status(status: u16, code: &str, message: &str) -> Self {
        let body = serde_json::json!({ "errors": [{ "code": code, "message": message }] }).to_string();
        Self::Status {
            status: StatusCode::from_u16(status).expect("tests use real status codes"),
            headers: vec![(http::header::CONTENT_TYPE, HeaderValue::from_static("application/json"))],
            body: Bytes::from(body),
        }
    }

    /// What nginx answers to a body above its limit, having read it.
    #[must_use]
    pub fn too_large() -> Self {
        Self::Status {
            status: StatusCode::PAYLOAD_TOO_LARGE,
            headers: vec![(http::header::CONTENT_TYPE, HeaderValue::from_static("text/html"))],
            body: Bytes::from_static(TOO_LARGE_HTML.as_bytes()),
        }
    }

    /// A status with one header and an empty body.
    #[must_use]
    pub fn with_header(status: u16, name: HeaderName, value: &str) -> Self {
        Self::Status {
            status: StatusCode::from_u16(status).expect("tests use real status codes"),
            headers: vec![(name, HeaderValue::from_str(value).expect("tests use real header values"))],
            body: Bytes::new(),
        }
    }

    /// 307 to `location`.
    #[must_use]
    pub fn redirect(location: &str) -> Self {
        Self::with_header(307, http::header::LOCATION, location)
    }
}

#[derive(Debug)]
struct Ordered {
    rule: Rule,
    act: Act,
    matched: AtomicU64,
    fired: AtomicU64,
    off: AtomicBool,
}

/// A fault that was ordered.
#[derive(Debug, Clone)]
pub struct Fault(Arc<Ordered>);

impl Fault {
    /// How often it hit.
    #[must_use]
    pub fn fired(&self) -> u64 {
        self.0.fired.load(Ordering::SeqCst)
    }

    /// Ends it.
    pub fn remove(&self) {
        self.0.off.store(true, Ordering::SeqCst);
    }
}

#[derive(Default)]
pub(super) struct Faults(Mutex<Vec<Arc<Ordered>>>);

impl Faults {
    pub fn order(&self, rule: Rule, act: Act) -> Fault {
        let ordered = Arc::new(Ordered { rule, act, matched: AtomicU64::new(0), fired: AtomicU64::new(0), off: AtomicBool::new(false) });
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::clone(&ordered));
        Fault(ordered)
    }

    pub fn clear(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// The first fault that hits this request.
    pub fn fires(&self, method: &Method, path: &str, body_bytes: u64) -> Option<Act> {
        let held = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        held.iter().find_map(|ordered| {
            let rule = &ordered.rule;
            let fits = rule.method.as_ref().is_none_or(|m| m == method)
                && path.contains(&rule.path_contains)
                && rule.body_over.is_none_or(|over| body_bytes > over)
                && !ordered.off.load(Ordering::SeqCst);
            if !fits {
                return None;
            }
            let n = ordered.matched.fetch_add(1, Ordering::SeqCst) + 1;
            let hit = match rule.nth {
                Nth::Every => true,
                Nth::Only(only) => n == only,
                Nth::First(first) => n <= first,
                Nth::From(from) => n >= from,
            };
            hit.then(|| {
                ordered.fired.fetch_add(1, Ordering::SeqCst);
                ordered.act.clone()
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_hits_the_occurrences_it_was_ordered_for_and_counts_them() {
        let faults = Faults::default();
        let second = faults.order(Rule::new(Method::GET, "/blobs/").nth(Nth::Only(2)), Act::Reset);
        let hits: Vec<bool> = (0..3).map(|_| faults.fires(&Method::GET, "/v2/a/blobs/x", 0).is_some()).collect();
        assert_eq!(hits, [false, true, false]);
        assert!(faults.fires(&Method::PUT, "/v2/a/blobs/x", 0).is_none());
        assert_eq!(second.fired(), 1);
        second.remove();
        faults.order(Rule::bodies_over(10), Act::HangUp);
        assert!(faults.fires(&Method::PUT, "/", 10).is_none());
        assert!(matches!(faults.fires(&Method::PUT, "/", 11), Some(Act::HangUp)));
        let from = faults.order(Rule::path("").nth(Nth::From(2)), Act::Reset);
        assert!(faults.fires(&Method::GET, "/", 0).is_none());
        assert!(faults.fires(&Method::GET, "/", 0).is_some());
        assert_eq!(from.fired(), 1);
    }
}
