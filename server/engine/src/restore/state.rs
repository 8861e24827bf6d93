//! What the lines of one restore share: context, gate, what is known to be in the target, counters, and why it stops.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use registry::RegistryError;
use vault::{Names, VaultError};
use vocab::{Digest, RepositoryName};

use super::{Fault, RestoreContext};
use crate::control::Gate;
use crate::effect::EffectPlan;
use crate::report::{Outcome, Report};
use crate::served::Witness;
use crate::stop::Stop;

/// Why one line was not done.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Trouble {
    #[error("{0}")]
    Stopped(Stop),
    #[error(transparent)]
    Failed(Arc<Fault>),
}

impl From<Fault> for Trouble {
    fn from(fault: Fault) -> Self {
        Self::Failed(Arc::new(fault))
    }
}

impl From<RegistryError> for Trouble {
    fn from(error: RegistryError) -> Self {
        Fault::from(error).into()
    }
}

impl From<VaultError> for Trouble {
    fn from(error: VaultError) -> Self {
        Fault::from(error).into()
    }
}

impl From<Stop> for Trouble {
    fn from(stop: Stop) -> Self {
        Self::Stopped(stop)
    }
}

impl Trouble {
    pub(crate) fn outcome(&self) -> Outcome {
        match self {
            Self::Stopped(_) => Outcome::Stopped,
            Self::Failed(fault) => Outcome::failed(Arc::clone(fault)),
        }
    }

    /// Whether every further line would meet it too.
    pub(crate) fn ends_all(&self) -> bool {
        match self {
            Self::Stopped(_) => true,
            Self::Failed(fault) => matches!(
                **fault,
                Fault::Registry(
                    RegistryError::NotLoggedIn { .. }
                        | RegistryError::ReadOnly
                        | RegistryError::AddressRefused { .. }
                        | RegistryError::Tls { .. }
                        | RegistryError::Unresolved { .. }
                        | RegistryError::Unreachable { .. }
                        | RegistryError::Busy { .. }
                )
            ),
        }
    }

    /// The registry's own error, if it is one.
    pub(crate) fn of_registry(&self) -> Option<&RegistryError> {
        match self {
            Self::Failed(fault) => match &**fault {
                Fault::Registry(error) => Some(error),
                _ => None,
            },
            Self::Stopped(_) => None,
        }
    }
}

/// What a digest stands for: the bytes of a manifest may be a layer of another image too, and are there as the one without being there as the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum As {
    Manifest,
    Blob,
}

type Place = (RepositoryName, Digest, As);
type Turn = Arc<tokio::sync::Mutex<bool>>;

/// Shared by all lines.
pub(crate) struct State<'a> {
    pub cx: &'a RestoreContext,
    pub plan: &'a EffectPlan,
    pub gate: &'a dyn Gate,
    /// One turn per manifest or blob and repository; `true` once it is known to be there.
    turns: Mutex<HashMap<Place, Turn>>,
    /// Repositories of this registry that have a blob, told by this run.
    homes: Mutex<HashMap<Digest, RepositoryName>>,
    halted: Mutex<Option<Outcome>>,
    stop: Mutex<Option<Stop>>,
    pub manifests_put: AtomicU64,
    pub blobs_sent: AtomicU64,
    pub blobs_mounted: AtomicU64,
    pub bytes_sent: AtomicU64,
    /// Whether Harbor turned out to lack blobs it might have had still.
    pub lost_blobs: AtomicBool,
    /// What the target answered.
    pub witness: Witness<'a>,
    /// Source repositories that cannot be mounted from.
    pub useless_sources: Mutex<HashSet<RepositoryName>>,
    /// Names by other algorithms, by repository of the snapshot, as far as they were asked for.
    pub names: tokio::sync::Mutex<HashMap<RepositoryName, Arc<Names>>>,
}

fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<'a> State<'a> {
    pub(crate) fn new(cx: &'a RestoreContext, plan: &'a EffectPlan, gate: &'a dyn Gate) -> Self {
        Self {
            cx,
            plan,
            gate,
            turns: Mutex::default(),
            homes: Mutex::default(),
            halted: Mutex::default(),
            stop: Mutex::default(),
            manifests_put: AtomicU64::new(0),
            blobs_sent: AtomicU64::new(0),
            blobs_mounted: AtomicU64::new(0),
            bytes_sent: AtomicU64::new(0),
            lost_blobs: AtomicBool::new(false),
            witness: Witness::new(&cx.client, &cx.vault),
            useless_sources: Mutex::default(),
            names: tokio::sync::Mutex::default(),
        }
    }

    /// Asks before a write; remembers a stop, so that nothing further begins.
    pub(crate) async fn may_write(&self, what: &str) -> Result<(), Trouble> {
        if let Some(stop) = *locked(&self.stop) {
            return Err(stop.into());
        }
        self.gate.before_write(what).await.map_err(|stop| self.stopped(stop))
    }

    /// What a line's trouble means for the whole: where the registry answers nothing at all it is no trouble of this line, and nothing more is begun.
    pub(crate) async fn judged(&self, trouble: Trouble) -> Trouble {
        let Some(error) = trouble.of_registry() else { return trouble };
        if !error.is_transient() || matches!(error, RegistryError::ReadOnly) {
            return trouble;
        }
        if let Some(stop) = self.stop_reason() {
            return stop.into();
        }
        match self.cx.client.prove_login().await {
            Err(error) if error.is_transient() => self.stopped(Stop::RegistryAway),
            _ => trouble,
        }
    }

    pub(crate) fn stopped(&self, stop: Stop) -> Trouble {
        locked(&self.stop).get_or_insert(stop);
        stop.into()
    }

    /// Remembers trouble that every further line would meet.
    pub(crate) fn note(&self, trouble: &Trouble) {
        if trouble.ends_all() {
            locked(&self.halted).get_or_insert_with(|| trouble.outcome());
        }
    }

    /// How a line ends that need not be begun.
    pub(crate) fn halted(&self) -> Option<Outcome> {
        if locked(&self.stop).is_some() {
            return Some(Outcome::Stopped);
        }
        locked(&self.halted).clone()
    }

    pub(crate) fn stop_reason(&self) -> Option<Stop> {
        *locked(&self.stop)
    }

    /// The turn of one manifest or blob in one repository.
    pub(crate) fn turn(&self, repository: &RepositoryName, digest: &Digest, what: As) -> Turn {
        Arc::clone(locked(&self.turns).entry((repository.clone(), *digest, what)).or_default())
    }

    pub(crate) fn home(&self, digest: &Digest) -> Option<RepositoryName> {
        locked(&self.homes).get(digest).cloned()
    }

    pub(crate) fn set_home(&self, digest: &Digest, repository: &RepositoryName) {
        locked(&self.homes).entry(*digest).or_insert_with(|| repository.clone());
    }

    pub(crate) fn is_useless(&self, repository: &RepositoryName) -> bool {
        locked(&self.useless_sources).contains(repository)
    }

    pub(crate) fn set_useless(&self, repository: &RepositoryName) {
        locked(&self.useless_sources).insert(repository.clone());
    }

    /// Whether blobs of the source repositories can be mounted: they are in the same registry.
    pub(crate) fn same_harbor(&self) -> bool {
        self.plan.source.harbor == self.plan.harbor
    }

    pub(crate) fn fill(&self, report: &mut Report) {
        report.manifests_put = self.manifests_put.load(Ordering::Relaxed);
        report.blobs_sent = self.blobs_sent.load(Ordering::Relaxed);
        report.blobs_mounted = self.blobs_mounted.load(Ordering::Relaxed);
        report.bytes_sent = self.bytes_sent.load(Ordering::Relaxed);
        report.stopped = self.stop_reason();
    }
}

/// Adds to a counter that is only read at the end.
pub(crate) fn add(counter: &AtomicU64, amount: u64) {
    counter.fetch_add(amount, Ordering::Relaxed);
}
