//! Limits of one client, and the counters it keeps.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use time::OffsetDateTime;

use crate::cap::BodyCap;

/// Whom to log in as. `Debug` shows no secret.
#[derive(Clone, Debug)]
pub struct Credential {
    /// User or robot; empty asks anonymously.
    pub username: String,
    /// Password or robot secret.
    pub secret: secrecy::SecretString,
}

/// Every bound of a client. The defaults suit a Harbor on two cores (harbor.md §4, §8).
#[derive(Clone, Debug)]
pub struct Limits {
    /// API calls at a time.
    pub listing_concurrency_max: usize,
    /// Manifest and blob requests at a time.
    pub blob_concurrency_max: usize,
    /// Manifest PUTs at a time: Harbor takes a lock on the project's quota for each.
    pub manifest_put_concurrency_max: usize,
    /// Further tries after a first one that failed for a passing reason.
    pub retry_max: u32,
    /// First pause between tries; doubles each time.
    pub retry_pause: Duration,
    /// Longest pause between tries, if the registry names none.
    pub retry_pause_max: Duration,
    /// Longest `Retry-After` obeyed; a longer one is cut to this.
    pub retry_after_max: Duration,
    /// Pause before a refused login is tried once more: Harbor freezes a user for 1.5 s after somebody's wrong password.
    pub login_retry_pause: Duration,
    /// Longest wait for a connection, TLS included.
    pub connect_timeout: Duration,
    /// Longest wait for the head of an answer, and for the commit of an upload whose bytes are all sent.
    pub answer_timeout: Duration,
    /// Longest wait for the first bytes from a host the registry keeps its blobs at, until it has answered once.
    pub storage_answer_timeout: Duration,
    /// Longest time spent on such a host that does not answer, for all blobs of a run together, pauses included.
    pub storage_time_max: Duration,
    /// Longest silence inside a body.
    pub idle_timeout: Duration,
    /// A body slower than this over [`Limits::throughput_window`] is cut and resumed.
    pub min_throughput_bytes_per_s: u64,
    /// Over how long the throughput is judged.
    pub throughput_window: Duration,
    /// Cap on blob bytes, both ways together.
    pub bandwidth: Bandwidth,
    /// What is known of the largest body that reaches the registry; the same for all clients of one registry.
    pub body_cap: BodyCap,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            listing_concurrency_max: 4,
            blob_concurrency_max: 12,
            manifest_put_concurrency_max: 4,
            retry_max: 5,
            retry_pause: Duration::from_millis(500),
            retry_pause_max: Duration::from_secs(30),
            retry_after_max: Duration::from_secs(300),
            login_retry_pause: Duration::from_secs(2),
            connect_timeout: Duration::from_secs(10),
            answer_timeout: Duration::from_secs(120),
            storage_answer_timeout: Duration::from_secs(9),
            storage_time_max: Duration::from_secs(30),
            idle_timeout: Duration::from_secs(60),
            min_throughput_bytes_per_s: 1024,
            throughput_window: Duration::from_secs(60),
            bandwidth: Bandwidth::default(),
            body_cap: BodyCap::default(),
        }
    }
}

/// Bytes per second by the moment.
type ByTime = dyn Fn(OffsetDateTime) -> Option<u64> + Send + Sync;

/// A cap on bytes per second, which may differ by the time of day. The default is none.
#[derive(Clone, Default)]
pub struct Bandwidth(Option<Arc<ByTime>>);

impl Bandwidth {
    /// What `rule` says at each moment; none or zero = no cap. Asked for every piece of a body, so it must be quick.
    pub fn by_time(rule: impl Fn(OffsetDateTime) -> Option<u64> + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(rule)))
    }

    pub(crate) fn at(&self, now: OffsetDateTime) -> Option<u64> {
        self.0.as_ref()?(now).filter(|bytes_per_s| *bytes_per_s > 0)
    }
}

impl std::fmt::Debug for Bandwidth {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(if self.0.is_some() { "Bandwidth(by time)" } else { "Bandwidth(none)" })
    }
}

/// What a client did so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counters {
    /// Requests sent, tries and token requests included.
    pub requests: u64,
    /// Requests that were sent again.
    pub retries: u64,
    /// Bytes of bodies received.
    pub bytes_received: u64,
    /// Bytes of bodies sent.
    pub bytes_sent: u64,
}

#[derive(Debug, Default)]
pub(crate) struct Meter {
    requests: AtomicU64,
    retries: AtomicU64,
    bytes_received: AtomicU64,
    bytes_sent: AtomicU64,
}

impl Meter {
    pub fn request(&self) {
        self.requests.fetch_add(1, Ordering::Relaxed);
    }

    pub fn retry(&self) {
        self.retries.fetch_add(1, Ordering::Relaxed);
    }

    pub fn received(&self, bytes: usize) {
        self.bytes_received.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    pub fn sent(&self, bytes: usize) {
        self.bytes_sent.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    pub fn read(&self) -> Counters {
        let get = |n: &AtomicU64| n.load(Ordering::Relaxed);
        Counters {
            requests: get(&self.requests),
            retries: get(&self.retries),
            bytes_received: get(&self.bytes_received),
            bytes_sent: get(&self.bytes_sent),
        }
    }
}
