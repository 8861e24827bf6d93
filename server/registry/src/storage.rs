//! Hosts that a registry keeps its blobs at, where it answers a read with a redirect: S3, GCS, Azure.
//!
//! Such a name may be unknown here, in a network that is not allowed, behind a firewall that swallows everything. To find that out may cost three tries
//! and half a minute for each host, not for each blob: while a host has not answered, one request at a time is sent to it, and once it is given up every
//! further read ends at once. A client made by [`crate::Client::for_run`] starts with a clean slate.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;
use url::Url;

use crate::endpoint::host_of;
use crate::error::{RegistryError, clean};
use crate::limits::Limits;

/// Failures of a host, with no success between, after which it is given up.
const TRIES_MAX: u32 = 3;
/// Most hosts remembered; a registry that names more of them is up to no good.
const HOSTS_MAX: usize = 64;

/// The hosts met in one run.
#[derive(Default)]
pub(crate) struct Storage {
    hosts: Mutex<HashMap<String, Arc<Host>>>,
}

/// One of them.
pub(crate) struct Host {
    name: String,
    gate: tokio::sync::Mutex<()>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    good: bool,
    failures: u32,
    /// How often it failed at all: tells those who were on their way together from those who came after.
    generation: u64,
    spent: Duration,
    /// Why it is not asked any more.
    given_up: Option<String>,
}

impl Storage {
    /// The host of `url`: scheme, name and port, since each may fail alone.
    pub fn host(&self, url: &Url) -> Result<Arc<Host>, RegistryError> {
        let name = clean(&host_of(url));
        let key = format!("{}://{name}:{}", url.scheme(), url.port_or_known_default().unwrap_or(0));
        let mut hosts = self.hosts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(host) = hosts.get(&key) {
            return Ok(Arc::clone(host));
        }
        if hosts.len() >= HOSTS_MAX {
            let why = format!("the registry points to more than {HOSTS_MAX} hosts");
            return Err(RegistryError::StorageUnreachable { host: name, why });
        }
        let host = Arc::new(Host { name, gate: tokio::sync::Mutex::default(), state: Mutex::default() });
        hosts.insert(key, Arc::clone(&host));
        Ok(host)
    }
}

impl Host {
    fn state<T>(&self, act: impl FnOnce(&mut State) -> T) -> T {
        act(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn unreachable(&self, why: String) -> RegistryError {
        RegistryError::StorageUnreachable { host: self.name.clone(), why }
    }

    /// Sends, and sends again, until the host answers or is given up.
    pub async fn ask<T, F>(&self, limits: &Limits, send: impl Fn() -> F) -> Result<T, RegistryError>
    where
        F: Future<Output = Result<T, RegistryError>>,
    {
        loop {
            let _one = if self.state(|state| state.good) { None } else { Some(self.gate.lock().await) };
            let (generation, wait) = self.begin(limits)?;
            let started = Instant::now();
            let error = match tokio::time::timeout(wait, send()).await {
                Ok(Ok(answer)) => {
                    self.succeeded();
                    return Ok(answer);
                }
                Ok(Err(error)) => match trouble(&error) {
                    Some(error) => error,
                    None => return Err(error),
                },
                Err(_) => Trouble { why: "it does not answer in time; check the firewall".to_owned(), certain: false },
            };
            self.failed(limits, generation, started.elapsed(), error);
            if self.state(|state| state.given_up.is_none()) {
                tokio::time::sleep(limits.retry_pause).await;
                self.state(|state| state.spent += limits.retry_pause);
            }
        }
    }

    fn begin(&self, limits: &Limits) -> Result<(u64, Duration), RegistryError> {
        self.state(|state| match &state.given_up {
            Some(why) => Err(self.unreachable(why.clone())),
            None => {
                let most = if state.good { limits.answer_timeout } else { limits.storage_answer_timeout.min(limits.answer_timeout) };
                Ok((state.generation, most.min(limits.storage_time_max.saturating_sub(state.spent))))
            }
        })
    }

    fn succeeded(&self) {
        self.state(|state| {
            state.good = true;
            state.failures = 0;
            state.spent = Duration::ZERO;
        });
    }

    fn failed(&self, limits: &Limits, generation: u64, took: Duration, trouble: Trouble) {
        self.state(|state| {
            // Who was on the way together met the same trouble: that is one failure.
            if state.generation != generation {
                return;
            }
            state.generation += 1;
            state.good = false;
            state.failures += 1;
            state.spent += took;
            if trouble.certain || state.failures >= TRIES_MAX || state.spent >= limits.storage_time_max {
                tracing::warn!(host = self.name, why = trouble.why, "a registry's storage is given up for this run");
                state.given_up = Some(trouble.why);
            }
        });
    }
}

/// What keeps a host from answering.
struct Trouble {
    why: String,
    /// Another try would meet the same.
    certain: bool,
}

fn trouble(error: &RegistryError) -> Option<Trouble> {
    let (why, certain) = match error {
        RegistryError::AddressRefused { .. } => ("it is in a network that Breakwater may not connect to".to_owned(), true),
        RegistryError::Tls { reason, .. } => (reason.clone(), true),
        RegistryError::Unresolved { .. } => ("its name cannot be resolved here".to_owned(), false),
        RegistryError::Unreachable { reason, .. } => ((*reason).to_owned(), false),
        RegistryError::Stalled { .. } => ("it does not answer in time; check the firewall".to_owned(), false),
        _ => return None,
    };
    Some(Trouble { why, certain })
}

/// A redirect that must not be followed, as trouble of the storage it leads to.
pub(crate) fn forbidden(error: RegistryError) -> RegistryError {
    let why = trouble(&error).map(|trouble| trouble.why);
    match error {
        RegistryError::AddressRefused { host } => RegistryError::StorageUnreachable { host: clean(&host), why: why.unwrap_or_default() },
        RegistryError::RedirectRefused { host, reason } => RegistryError::StorageUnreachable { host: clean(&host), why: reason.to_owned() },
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU32, Ordering};

    const ANSWER: Duration = Duration::from_secs(3600);

    fn host() -> (Storage, Arc<Host>) {
        let storage = Storage::default();
        let host = storage.host(&"https://store.example/bucket/1".parse().unwrap()).unwrap();
        (storage, host)
    }

    fn quick() -> Limits {
        Limits { retry_pause: Duration::from_millis(1), storage_answer_timeout: Duration::from_millis(5), ..Limits::default() }
    }

    fn broken() -> RegistryError {
        RegistryError::Unreachable { host: "store.example".to_owned(), reason: "the connection broke", source: "cut".into() }
    }

    #[tokio::test]
    async fn a_host_that_swallows_everything_costs_three_tries_and_half_a_minute_however_many_blobs_ask() {
        let in_all = Duration::from_millis(20);
        // By count, and by time where each try takes long.
        for (limits, most) in [(quick(), 3), (Limits { storage_answer_timeout: ANSWER, storage_time_max: in_all, ..quick() }, 1)] {
            let (_, host) = host();
            let tries = AtomicU32::new(0);
            let ask = || {
                host.ask(&limits, || async {
                    tries.fetch_add(1, Ordering::SeqCst);
                    std::future::pending::<Result<(), RegistryError>>().await
                })
            };
            let ended = futures::future::join_all((0..40).map(|_| ask())).await;
            assert!(ended.iter().all(|e| matches!(e, Err(RegistryError::StorageUnreachable { host, .. }) if host == "store.example")));
            assert_eq!(tries.load(Ordering::SeqCst), most);
            assert!(ask().await.is_err());
            assert_eq!(tries.load(Ordering::SeqCst), most, "known by now");
        }
    }

    #[tokio::test]
    async fn connections_that_break_together_are_one_failure_and_a_host_that_recovers_is_used_again() {
        let (_, host) = host();
        assert!(host.ask(&quick(), || async { Ok::<_, RegistryError>(()) }).await.is_ok());
        let (down, limits) = (AtomicU32::new(12), quick());
        let together = tokio::sync::Barrier::new(12);
        let ask = || {
            host.ask(&limits, || async {
                // All twelve are on their way before the first of them breaks.
                if down.load(Ordering::SeqCst) == 12 {
                    together.wait().await;
                }
                let left = down.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |n| n.checked_sub(1));
                if left.is_ok() { Err(broken()) } else { Ok(()) }
            })
        };
        let ended = futures::future::join_all((0..12).map(|_| ask())).await;
        assert!(ended.iter().all(Result::is_ok), "{ended:?}");
    }

    #[tokio::test]
    async fn what_another_try_cannot_change_is_tried_once() {
        let (storage, host) = host();
        let tries = AtomicU32::new(0);
        let limits = quick();
        let refused = || async {
            tries.fetch_add(1, Ordering::SeqCst);
            Err::<(), _>(RegistryError::AddressRefused { host: "store.example".to_owned() })
        };
        let error = host.ask(&limits, refused).await.unwrap_err();
        assert!(error.to_string().contains("network"), "{error}");
        assert_eq!(tries.load(Ordering::SeqCst), 1);
        let other = storage.host(&"https://other.example/".parse().unwrap()).unwrap();
        assert!(other.ask(&quick(), || async { Ok::<_, RegistryError>(()) }).await.is_ok(), "another host is another matter");
    }

    #[test]
    fn a_registry_cannot_name_hosts_without_end() {
        let (storage, _) = host();
        let refused = (0..HOSTS_MAX + 5).filter(|n| storage.host(&format!("https://h{n}.example/").parse().unwrap()).is_err()).count();
        assert_eq!(refused, 6);
    }
}
