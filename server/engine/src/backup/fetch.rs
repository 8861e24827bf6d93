//! What both kinds of fetching share: where the bytes come from, the vault, who watches, and what was stored.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, Mutex, PoisonError, Weak};

use async_trait::async_trait;
use bytes::Bytes;
use futures::StreamExt;
use futures::stream::BoxStream;
use registry::{Client, RawManifest, RegistryError};
use vault::{Vault, VaultId};
use vocab::{AnyDigest, Digest, OtherDigest, RepositoryName};

use super::gap::Cause;
use super::throttle::{Breaker, Throttle};
use crate::control::{Event, ItemOutcome, Progress};

/// Where manifests and blobs come from: a registry, or files somebody exported from one.
#[async_trait]
pub(crate) trait Origin: Send + Sync {
    /// A manifest whose bytes hash to `digest`.
    async fn manifest(&self, repository: &RepositoryName, digest: &Digest) -> Result<RawManifest, RegistryError>;

    /// A blob's bytes; whoever stores them hashes them.
    fn blob(
        &self,
        repository: &RepositoryName,
        digest: &Digest,
        size_bytes: Option<u64>,
    ) -> BoxStream<'static, Result<Bytes, RegistryError>>;

    /// The bytes of a blob that is named by another algorithm than SHA-256; whoever stores them hashes them.
    fn other_blob(&self, repository: &RepositoryName, digest: &OtherDigest) -> BoxStream<'static, Result<Bytes, RegistryError>> {
        let what = format!("blob {} of {repository}", AnyDigest::from(digest.clone()).short());
        futures::stream::iter([Err(RegistryError::NotFound { what })]).boxed()
    }

    /// Why something could not be read, in words for whoever looks after this origin.
    fn cause(&self, error: &RegistryError) -> Cause {
        Cause::of(error)
    }

    /// The same of a blob, by the name that manifests give it.
    fn cause_of_blob(&self, _: &AnyDigest, error: &RegistryError) -> Cause {
        self.cause(error)
    }
}

#[async_trait]
impl Origin for Client {
    async fn manifest(&self, repository: &RepositoryName, digest: &Digest) -> Result<RawManifest, RegistryError> {
        self.manifest_get(repository, digest).await
    }

    fn blob(
        &self,
        repository: &RepositoryName,
        digest: &Digest,
        size_bytes: Option<u64>,
    ) -> BoxStream<'static, Result<Bytes, RegistryError>> {
        self.blob_get_unhashed(repository, digest, size_bytes).boxed()
    }

    fn other_blob(&self, repository: &RepositoryName, digest: &OtherDigest) -> BoxStream<'static, Result<Bytes, RegistryError>> {
        self.blob_get_other(repository, digest).boxed()
    }

    fn cause_of_blob(&self, digest: &AnyDigest, error: &RegistryError) -> Cause {
        match (digest, error) {
            (AnyDigest::Other(_), RegistryError::NotFound { .. }) => Cause::collected(digest),
            _ => self.cause(error),
        }
    }
}

/// Everything a fetch needs; shared by its tasks.
pub(crate) struct Fetcher {
    pub origin: Arc<dyn Origin>,
    pub vault: Vault,
    pub progress: Arc<dyn Progress>,
    pub throttle: Throttle,
    pub breaker: Breaker,
    pub stored: Arc<Stored>,
}

/// What this run stored.
#[derive(Default)]
pub(crate) struct Stored {
    objects: AtomicU64,
    bytes: AtomicU64,
    fetched: AtomicU64,
}

impl Stored {
    pub(crate) fn add(&self, bytes: u64) {
        self.objects.fetch_add(1, Ordering::Relaxed);
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Something was read from the registry, stored or not.
    pub(crate) fn read(&self) {
        self.fetched.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn objects(&self) -> u64 {
        self.objects.load(Ordering::Relaxed)
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// How often something was read from the registry.
    pub(crate) fn reads(&self) -> u64 {
        self.fetched.load(Ordering::Relaxed)
    }
}

impl Fetcher {
    pub(crate) fn item(&self, name: String, outcome: ItemOutcome) {
        self.progress.event(Event::Item { name, outcome });
    }
}

type Turn = Arc<tokio::sync::Mutex<()>>;
type Turns = HashMap<(VaultId, Digest), Weak<tokio::sync::Mutex<()>>>;

/// Digests on their way into a vault of this process. Projects backed up side by side share one fetch of a common layer: the second waits
/// here and then finds it stored.
static UNDER_WAY: LazyLock<Mutex<Turns>> = LazyLock::new(Mutex::default);

/// The turn to fetch `digest`; hold its lock while fetching.
pub(crate) fn turn(vault: &Vault, digest: &Digest) -> Turn {
    let mut under_way = UNDER_WAY.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(turn) = under_way.get(&(vault.id(), *digest)).and_then(Weak::upgrade) {
        return turn;
    }
    // What nobody waits for any more is dropped now and then, so the map stays as small as what is under way.
    if under_way.len() >= under_way.capacity() {
        under_way.retain(|_, turn| turn.strong_count() > 0);
    }
    let turn = Turn::default();
    under_way.insert((vault.id(), *digest), Arc::downgrade(&turn));
    turn
}
