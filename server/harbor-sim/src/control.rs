//! The hand a test has on the simulator: what was asked of it, what counted as a pull, and which answers go wrong.
//!
//! A fault is one [`Match`] and one [`Action`]; the [`Fault`] handle tells how often it fired, so a test can insist that
//! the trouble it ordered was really met.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http::Method;
use tokio_util::sync::CancellationToken;

/// Requests that are remembered one by one; later ones are only counted.
const SEEN_MAX: usize = 200_000;

/// What kind of request it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// `/api/v2.0/…`
    Api,
    /// `/service/token`
    Token,
    /// `/v2/`
    Ping,
    /// `/v2/_catalog`
    Catalog,
    Tags,
    Manifest,
    Blob,
    /// `…/blobs/uploads/…`
    Upload,
    Referrers,
    Other,
}

impl Class {
    /// The class of a path.
    #[must_use]
    pub fn of(path: &str) -> Self {
        let path = path.split('?').next().unwrap_or_default();
        if path.starts_with("/api/") {
            return Self::Api;
        }
        if path.starts_with("/service/token") {
            return Self::Token;
        }
        let Some(rest) = path.strip_prefix("/v2") else {
            return Self::Other;
        };
        match rest {
            "" | "/" => Self::Ping,
            "/_catalog" => Self::Catalog,
            _ if rest.contains("/blobs/uploads") => Self::Upload,
            _ if rest.contains("/blobs/") => Self::Blob,
            _ if rest.contains("/manifests/") => Self::Manifest,
            _ if rest.contains("/referrers/") => Self::Referrers,
            _ if rest.ends_with("/tags/list") => Self::Tags,
            _ => Self::Other,
        }
    }
}

/// Which of the matching requests a fault hits, counted from one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Nth {
    Every,
    Only(u64),
    From(u64),
    First(u64),
}

/// Which requests a fault hits.
#[derive(Debug, Clone)]
pub struct Match {
    /// `None` is any method.
    pub method: Option<Method>,
    /// A piece of path and query, as sent; empty fits all.
    pub path_contains: String,
    pub nth: Nth,
}

impl Match {
    /// Every request with this method whose path contains the text.
    #[must_use]
    pub fn new(method: Method, path_contains: impl Into<String>) -> Self {
        Self { method: Some(method), path_contains: path_contains.into(), nth: Nth::Every }
    }

    /// Every request whose path contains the text.
    #[must_use]
    pub fn path(path_contains: impl Into<String>) -> Self {
        Self { method: None, path_contains: path_contains.into(), nth: Nth::Every }
    }

    #[must_use]
    pub fn nth(mut self, nth: Nth) -> Self {
        self.nth = nth;
        self
    }
}

/// What a test opens to let a held request go on. Opening it lets all of them go, also those that come later.
#[derive(Debug, Clone, Default)]
pub struct Gate(CancellationToken);

impl Gate {
    /// Lets the held requests go on.
    pub fn open(&self) {
        self.0.cancel();
    }

    pub(crate) async fn opened(&self) {
        self.0.cancelled().await;
    }
}

/// What goes wrong.
#[derive(Debug, Clone)]
pub enum Action {
    /// Answer this instead; nothing is done. Status, error code, message.
    Status(u16, String, String),
    /// Answer 429 or 503 with `Retry-After` in seconds; nothing is done.
    RetryAfter(u16, u64),
    /// Wait, then go on as usual.
    Delay(Duration),
    /// Do it and announce the whole length, but break off after so many bytes of the body.
    Truncate(u64),
    /// Close the connection; nothing is done and nothing is answered.
    Reset,
    /// Do it, then close the connection without an answer: the outcome is unknown to the client.
    LoseAnswer,
    /// Do it, but the first byte of the body is wrong.
    WrongBytes,
    /// Answer 307 to this place; nothing is done.
    Redirect(String),
    /// Never answer, until the server stops.
    Hang,
    /// Hold the request until the gate opens, then go on as usual: the moment before something is done.
    HoldRequest(Gate),
    /// Do it, and keep the answer back until the gate opens: the moment after something was done.
    HoldAnswer(Gate),
}

/// A fault that was set; counts its hits.
#[derive(Debug, Clone)]
pub struct Fault(Arc<Rule>);

#[derive(Debug)]
struct Rule {
    rule: Match,
    action: Action,
    matched: AtomicU64,
    fired: AtomicU64,
    off: std::sync::atomic::AtomicBool,
}

impl Fault {
    /// How often it fired.
    #[must_use]
    pub fn fired(&self) -> u64 {
        self.0.fired.load(Ordering::SeqCst)
    }

    /// Ends it.
    pub fn remove(&self) {
        self.0.off.store(true, Ordering::SeqCst);
    }
}

/// One request as it was seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    pub method: Method,
    /// Path and query, as sent.
    pub path: String,
    pub class: Class,
    pub user_agent: String,
    /// The status answered; zero while it is under way or when the connection was cut.
    pub status: u16,
}

#[derive(Debug, Default)]
struct Inner {
    counts: BTreeMap<(String, Class), u64>,
    seen: Vec<Seen>,
    pulls: BTreeMap<String, u64>,
    faults: Vec<Arc<Rule>>,
    sent_bytes: u64,
    received_bytes: u64,
}

/// Counters and faults of one running simulator. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Control(Arc<Mutex<Inner>>);

impl Control {
    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Orders trouble.
    pub fn fail(&self, rule: Match, action: Action) -> Fault {
        let rule = Arc::new(Rule {
            rule,
            action,
            matched: AtomicU64::new(0),
            fired: AtomicU64::new(0),
            off: std::sync::atomic::AtomicBool::new(false),
        });
        self.inner().faults.push(Arc::clone(&rule));
        Fault(rule)
    }

    /// Ends all trouble.
    pub fn clear_faults(&self) {
        self.inner().faults.clear();
    }

    /// Requests of this method and class so far.
    #[must_use]
    pub fn count(&self, method: &Method, class: Class) -> u64 {
        self.inner().counts.get(&(method.to_string(), class)).copied().unwrap_or(0)
    }

    /// All requests so far.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.inner().counts.values().sum()
    }

    /// The counters as they are, for a table.
    #[must_use]
    pub fn counts(&self) -> BTreeMap<(String, Class), u64> {
        self.inner().counts.clone()
    }

    /// The requests themselves, oldest first; capped, the counters are not.
    #[must_use]
    pub fn seen(&self) -> Vec<Seen> {
        self.inner().seen.clone()
    }

    /// Manifest GETs that counted as a pull, over all repositories.
    #[must_use]
    pub fn pulls(&self) -> u64 {
        self.inner().pulls.values().sum()
    }

    /// Manifest GETs of one repository (`project/name`) that counted as a pull.
    #[must_use]
    pub fn pulls_of(&self, repository: &str) -> u64 {
        self.inner().pulls.get(repository).copied().unwrap_or(0)
    }

    /// Bytes of blobs sent to clients.
    #[must_use]
    pub fn blob_bytes_sent(&self) -> u64 {
        self.inner().sent_bytes
    }

    /// Bytes of blobs received from clients.
    #[must_use]
    pub fn blob_bytes_received(&self) -> u64 {
        self.inner().received_bytes
    }

    /// Sets all counters to zero; faults stay.
    pub fn reset_counts(&self) {
        let mut inner = self.inner();
        let faults = std::mem::take(&mut inner.faults);
        *inner = Inner { faults, ..Inner::default() };
    }

    /// Counts a request and tells what shall go wrong with it. The number is its place in [`Control::seen`].
    pub(crate) fn admit(&self, method: &Method, path: &str, user_agent: &str) -> (usize, Option<Action>) {
        let class = Class::of(path);
        let mut inner = self.inner();
        *inner.counts.entry((method.to_string(), class)).or_insert(0) += 1;
        let at = inner.seen.len();
        if at < SEEN_MAX {
            let seen = Seen { method: method.clone(), path: path.to_owned(), class, user_agent: user_agent.to_owned(), status: 0 };
            inner.seen.push(seen);
        }
        let mut hit = None;
        for fault in &inner.faults {
            let rule = &fault.rule;
            let fits = rule.method.as_ref().is_none_or(|wanted| wanted == method) && path.contains(&rule.path_contains);
            if !fits || fault.off.load(Ordering::SeqCst) {
                continue;
            }
            let nth = fault.matched.fetch_add(1, Ordering::SeqCst) + 1;
            let now = match rule.nth {
                Nth::Every => true,
                Nth::Only(only) => nth == only,
                Nth::From(first) => nth >= first,
                Nth::First(last) => nth <= last,
            };
            if now && hit.is_none() {
                fault.fired.fetch_add(1, Ordering::SeqCst);
                hit = Some(fault.action.clone());
            }
        }
        (at, hit)
    }

    pub(crate) fn answered(&self, at: usize, status: u16) {
        if let Some(seen) = self.inner().seen.get_mut(at) {
            seen.status = status;
        }
    }

    pub(crate) fn pulled(&self, repository: &str) {
        *self.inner().pulls.entry(repository.to_owned()).or_insert(0) += 1;
    }

    pub(crate) fn sent(&self, bytes: u64) {
        self.inner().sent_bytes += bytes;
    }

    pub(crate) fn received(&self, bytes: u64) {
        self.inner().received_bytes += bytes;
    }
}
