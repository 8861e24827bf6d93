//! Bytes at rest: format 1 of a Breakwater vault.
//!
//! ```text
//! oci-layout                                        as the OCI image-layout specification has it
//! index.json                                        OCI index of the kept snapshots; rebuilt from the pointers, never the truth
//! blobs/sha256/<64 hex>                             objects: layers, configurations, manifests, repository and snapshot indexes
//! breakwater/vault.json                             vault id and format; written last when a vault is made
//! breakwater/snapshots/<harbor>/<project>/<utc>-<id>.json    pointer: descriptor of a snapshot, signature
//! breakwater/holds/<id>.json                        who still needs what is here, until when
//! breakwater/quarantine/<hex>-<id>                  damaged bytes, moved aside, never deleted
//! breakwater/quarantine/<hex>-<id>.json             when and why
//! breakwater/condemned/<sweep>/<hex>                objects nothing needed when that sweep looked; deleted by a later one
//! breakwater/condemned/<sweep>.json                 how far that sweep is, and who held the vault when it had moved them
//! breakwater/locks/<harbor>/<project>.json          until when the parts of a project's newest snapshot are locked, where the vault locks
//! breakwater/checkpoints/                           signed audit checkpoints (written by a later format user)
//! breakwater/tmp/<uuid>                             writes under way; removed by age
//! ```
//!
//! # Promises
//! * An `Ok` from a write means durable. An error means *outcome unknown*: put it again, never conclude "absent".
//! * Nothing under a final name is ever torn, or overwritten in place. Objects are hashed while they are written and again
//!   before their last byte leaves; *corrupt* (two reads agree on wrong bytes) is never confused with *unreachable*.
//! * Names are digests, UUIDs, moments and checked harbor and project names; nothing else forms a path.
//! * Only a sweep deletes an object, and only one that it condemned before ([`sweep`]). A quarantined one heals when the same
//!   digest is put again.
//! * A pointer is written after every object it needs is durable, so a vault restores with no database alive: pointers →
//!   snapshot index → repository indexes → manifests.
//! * Where the vault locks ([`lock`]), what a snapshot reaches is locked before its pointer is written; where the store keeps versions, what
//!   somebody else deleted or overwrote is had again from them ([`Vault::revive_object`], [`Vault::revive_pointer`]).
//! * Below a reserve of free space new objects are refused and everything else still works: reads, pointers, holds, index.
//!
//! # Operations side by side
//! Any number of processes may use one vault. What happens when the row meets the column:
//!
//! | | put same object | put other object | get | pointer, hold | quarantine | rebuild index | clean temp |
//! |---|---|---|---|---|---|---|---|
//! | **put** | both write a temporary file; one rename wins, the loser hashes the winner's bytes and keeps them | independent; they share directory fsyncs | a reader sees all of it or nothing | independent | the put heals if it comes second; if first, the damaged bytes it was judged by are what is moved | independent | only files not written to for the given age go; a slow put keeps its file young |
//! | **get** | – | – | independent | independent | an open read goes on, and fails by its hash | independent | independent |
//! | **pointer** | the seal syncs the object folder first, so names others have just renamed are durable too | – | – | same name, same content: `Ok`; other content: refused | the pointer stays; the snapshot is degraded and says so | the rebuild lists again until nothing changed, at most [`INDEX_REBUILD_MAX`] times | independent |
//! | **hold** | – | – | – | last renewal wins; only the owner renews | independent | independent | lapsed holds are removed |
//! | **quarantine** | see put | – | see get | – | one of two moves wins, the other reports the object missing | independent | independent |
//! | **rebuild index** | – | – | – | see pointer | – | in one process one after the other; across processes the last one wins, by one atomic replace | independent |
//!
//! The sweep meets all of them; how it does so without a lock, and why nothing needed is lost, is told in [`sweep`].

pub mod closed;
pub mod error;
mod export;
pub mod hold;
pub mod layout;
pub mod lock;
mod object;
mod quarantine;
pub mod record;
mod snapshot;
pub mod store;
pub mod sweep;
pub mod tree;
mod versions;
mod view;

#[cfg(any(test, feature = "conformance"))]
pub mod conformance;

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures::TryStreamExt;
use time::OffsetDateTime;

pub use self::closed::{Closed, Lack, Names, Walk, Why};
pub use self::error::{PutError, StoreError, VaultError};
pub use self::export::{Choice, Export, LeftOut};
pub use self::hold::Hold;
pub use self::layout::{FORMAT, HarborName, PointerName, VaultId};
pub use self::lock::{Lock, Locked, Mode};
pub use self::object::{Intact, Stored};
pub use self::quarantine::Quarantined;
pub use self::snapshot::{INDEX_REBUILD_MAX, Pointer};
pub use self::store::{Cleaned, Space};
pub use self::sweep::{Amount, Swept, Terms};
pub use self::view::{View, ViewReference};

use self::layout::{Key, Marker, OCI_LAYOUT};
use self::store::directory::DirectoryStore;
use self::store::reading::ReadingStore;
use self::store::{ByteRange, Store};

/// Free space kept back by default, in bytes; on a small file system a twentieth of it.
pub const RESERVE_BYTES: u64 = 256 * 1024 * 1024;
/// Age after which a temporary file that nobody writes to is taken for a leftover.
pub const TEMP_AGE: Duration = Duration::from_secs(24 * 60 * 60);

/// Where the vault gets the time from. Only holds and notes use it; no promise depends on it but their ages.
pub type Clock = Arc<dyn Fn() -> OffsetDateTime + Send + Sync>;

/// An open vault. Cheap to clone.
#[derive(Clone)]
pub struct Vault {
    inner: Arc<Inner>,
}

struct Inner {
    store: Arc<dyn Store>,
    path: PathBuf,
    id: VaultId,
    /// `None`: [`RESERVE_BYTES`] or a twentieth of the file system, whatever is less.
    reserve_bytes: Option<u64>,
    clock: Clock,
    /// One rebuild of the index at a time in this process.
    index: Arc<tokio::sync::Mutex<()>>,
    /// Until when what this process has stored is locked.
    fresh: Arc<lock::Fresh>,
}

impl fmt::Debug for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Vault").field("id", &self.inner.id).field("path", &self.inner.path).finish_non_exhaustive()
    }
}

impl Vault {
    /// Makes a vault in an empty or absent directory.
    ///
    /// [`VaultError::ForeignDirectory`] when something else lies there, [`VaultError::AlreadyAVault`] when a vault does.
    pub async fn init(path: &Path) -> Result<Self, VaultError> {
        let place = path.display().to_string();
        let store = DirectoryStore::init(path).await.map_err(|source| match source {
            StoreError::Exists { .. } => VaultError::ForeignDirectory { place: place.clone() },
            source => VaultError::Store { action: "make folders", place: place.clone(), source },
        })?;
        let mut vault = Self::init_store(Arc::new(store)).await?;
        vault.set_path(path);
        Ok(vault)
    }

    /// Opens the vault in a directory; with `expected`, only that one.
    ///
    /// [`VaultError::NotAVault`] when the marker is not there (an unmounted disk), [`VaultError::OtherVault`] when another is.
    pub async fn open(path: &Path, expected: Option<VaultId>) -> Result<Self, VaultError> {
        let place = path.display().to_string();
        let store = DirectoryStore::open(path).await.map_err(|source| match source {
            StoreError::Missing { .. } => VaultError::NotAVault { place: place.clone() },
            source => VaultError::Store { action: "open folders", place: place.clone(), source },
        })?;
        let mut vault = Self::open_store(Arc::new(store), expected).await?;
        vault.set_path(path);
        Ok(vault)
    }

    fn set_path(&mut self, path: &Path) {
        if let Some(inner) = Arc::get_mut(&mut self.inner) {
            path.clone_into(&mut inner.path);
        }
    }

    /// Makes a vault in an empty store of any kind.
    pub async fn init_store(store: Arc<dyn Store>) -> Result<Self, VaultError> {
        if let Some(marker) = read_marker(store.as_ref()).await? {
            return Err(VaultError::AlreadyAVault { place: store.place(), id: marker.id });
        }
        let id = VaultId::random();
        let vault = Self::over(store, id);
        let write = |source| vault.store_error("make a vault", source);
        vault.store().replace(&Key::OciLayout, Bytes::from_static(OCI_LAYOUT)).await.map_err(write)?;
        vault.rebuild_index().await?;
        let marker = serde_json::to_vec(&Marker { id, format: FORMAT })
            .map_err(|e| VaultError::Invalid { what: "vault marker", why: e.to_string() })?;
        match vault.store().create(&Key::Marker, Bytes::from(marker)).await {
            Ok(()) => Ok(vault),
            Err(StoreError::Exists { .. }) => {
                let found = read_marker(vault.store()).await?;
                Err(VaultError::AlreadyAVault { place: vault.place(), id: found.map_or(id, |marker| marker.id) })
            }
            Err(other) => Err(vault.store_error("make a vault", other)),
        }
    }

    /// Opens the vault in a store of any kind.
    pub async fn open_store(store: Arc<dyn Store>, expected: Option<VaultId>) -> Result<Self, VaultError> {
        let marker = find_marker(store.as_ref()).await?.ok_or_else(|| VaultError::NotAVault { place: store.place() })?;
        let vault = Self::over(store, marker.id);
        vault.compare(&marker, expected)?;
        Ok(vault)
    }

    fn over(store: Arc<dyn Store>, id: VaultId) -> Self {
        let path = PathBuf::from(store.place());
        let clock: Clock = Arc::new(OffsetDateTime::now_utc);
        Self { inner: Arc::new(Inner { store, path, id, reserve_bytes: None, clock, index: Arc::default(), fresh: Arc::default() }) }
    }

    fn compare(&self, marker: &Marker, expected: Option<VaultId>) -> Result<(), VaultError> {
        let place = self.place();
        if marker.format != FORMAT {
            return Err(VaultError::Format { place, found: marker.format });
        }
        match expected {
            Some(expected) if expected != marker.id => Err(VaultError::OtherVault { place, expected, found: marker.id }),
            _ => Ok(()),
        }
    }

    /// The same vault with another reserve of free space, in bytes.
    #[must_use]
    pub fn with_reserve(&self, reserve_bytes: u64) -> Self {
        self.changed(Some(reserve_bytes), self.inner.clock.clone())
    }

    /// The same vault with another clock.
    #[must_use]
    pub fn with_clock(&self, clock: Clock) -> Self {
        self.changed(self.inner.reserve_bytes, clock)
    }

    /// The same vault, to be read only: whatever would write anything but a hold is refused with [`StoreError::OpenedToRead`].
    #[must_use]
    pub fn to_read(&self) -> Self {
        let Inner { store, path, id, reserve_bytes, clock, index, fresh } = self.inner.as_ref();
        let store: Arc<dyn Store> = Arc::new(ReadingStore::new(store.clone()));
        let (path, clock, index, fresh) = (path.clone(), clock.clone(), index.clone(), fresh.clone());
        Self { inner: Arc::new(Inner { store, path, id: *id, reserve_bytes: *reserve_bytes, clock, index, fresh }) }
    }

    fn changed(&self, reserve_bytes: Option<u64>, clock: Clock) -> Self {
        let Inner { store, path, id, index, fresh, .. } = self.inner.as_ref();
        let (store, path, index, fresh) = (store.clone(), path.clone(), index.clone(), fresh.clone());
        Self { inner: Arc::new(Inner { store, path, id: *id, reserve_bytes, clock, index, fresh }) }
    }

    /// Which vault this is.
    #[must_use]
    pub fn id(&self) -> VaultId {
        self.inner.id
    }

    /// The directory it lies in; for other stores their name.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.inner.path
    }

    /// Looks again whether this vault is still the one that was opened, and where it was. Call it before anything that infers loss from
    /// absence (F-8), and before what was written counts: through its open folders a vault that was moved away reads and writes as before, where
    /// nobody looks for it.
    pub async fn check(&self) -> Result<(), VaultError> {
        let in_place = self.store().is_in_place().await.map_err(|source| self.store_error("look for", source))?;
        if !in_place {
            return Err(VaultError::NotAVault { place: self.place() });
        }
        let marker = find_marker(self.store()).await?.ok_or_else(|| VaultError::NotAVault { place: self.place() })?;
        self.compare(&marker, Some(self.inner.id))
    }

    /// Bytes that can still be written, the reserve included; `u64::MAX` where the store has no such figure.
    pub async fn free_space(&self) -> Result<u64, VaultError> {
        Ok(self.space().await?.map_or(u64::MAX, |space| space.free_bytes))
    }

    /// Room in the store; `None` where it has no such figure.
    pub async fn space(&self) -> Result<Option<Space>, VaultError> {
        self.store().space().await.map_err(|source| self.store_error("measure free space", source))
    }

    /// Bytes kept back of this room: [`RESERVE_BYTES`], or a twentieth of a small file system.
    #[must_use]
    pub fn reserve_of(&self, space: &Space) -> u64 {
        self.inner.reserve_bytes.unwrap_or(RESERVE_BYTES.min(space.total_bytes / 20))
    }

    /// Makes every object name that is visible now durable. [`Vault::put`] has done so for its own; [`Vault::put_pointer`]
    /// calls this for those of others.
    pub async fn sync(&self) -> Result<(), VaultError> {
        self.store().sync().await.map_err(|source| self.store_error("sync", source))
    }

    /// Removes what broken-off writes left more than `older_than` ago ([`TEMP_AGE`] is a good age), and lapsed holds.
    pub async fn clean_temp(&self, older_than: Duration) -> Result<Cleaned, VaultError> {
        self.remove_lapsed_holds().await?;
        self.store().clean_temp(older_than).await.map_err(|source| self.store_error("clean temporary files", source))
    }

    fn store(&self) -> &dyn Store {
        self.inner.store.as_ref()
    }

    fn place(&self) -> String {
        self.store().place()
    }

    fn now(&self) -> OffsetDateTime {
        (self.inner.clock)()
    }

    fn store_error(&self, action: &'static str, source: StoreError) -> VaultError {
        let place = self.place();
        match source {
            StoreError::NoSpace { .. } => VaultError::NoSpace { place, needed_bytes: 0, free_bytes: 0, reserve_bytes: 0 },
            StoreError::WrongBytes { expected, actual, size_bytes } => VaultError::WrongBytes { expected, actual, size_bytes },
            StoreError::Locked { key, until } => VaultError::Locked { key, until },
            source => VaultError::Store { action, place, source },
        }
    }

    /// Reads a small record. `None` when it is not there.
    async fn read_record(&self, key: &Key) -> Result<Option<Bytes>, VaultError> {
        read_record(self.store(), key).await
    }
}

async fn read_record(store: &dyn Store, key: &Key) -> Result<Option<Bytes>, VaultError> {
    let error = |source| VaultError::Store { action: "read a record", place: store.place(), source };
    let range = ByteRange { offset: 0, length: Some(key.record_bytes_max() + 1) };
    let chunks = match store.get(key, range).await {
        Ok(chunks) => chunks,
        Err(StoreError::Missing { .. }) => return Ok(None),
        Err(other) => return Err(error(other)),
    };
    let bytes: BytesMut = chunks
        .try_fold(BytesMut::new(), |mut all, chunk| async move {
            all.extend_from_slice(&chunk);
            Ok(all)
        })
        .await
        .map_err(error)?;
    if bytes.len() as u64 > key.record_bytes_max() {
        let why = format!("it is longer than {} bytes", key.record_bytes_max());
        return Err(VaultError::DamagedRecord { key: key.to_string(), why });
    }
    Ok(Some(bytes.freeze()))
}

/// The marker, brought back from its versions where somebody deleted or overwrote it: without it nothing of the vault would be found.
async fn find_marker(store: &dyn Store) -> Result<Option<Marker>, VaultError> {
    let damaged = match read_marker(store).await {
        Ok(Some(marker)) => return Ok(Some(marker)),
        Ok(None) => None,
        Err(error @ VaultError::DamagedRecord { .. }) => Some(error),
        Err(other) => return Err(other),
    };
    let error = |source| VaultError::Store { action: "look for the marker", place: store.place(), source };
    if store.keeps_versions().await.map_err(error)? {
        for version in store.versions(&Key::Marker).await.map_err(error)?.iter().rev() {
            let bytes = versions::read(store, &Key::Marker, version).await.map_err(error)?;
            let Some(marker) = bytes.and_then(|bytes| serde_json::from_slice::<Marker>(&bytes).ok()) else { continue };
            tracing::warn!(vault.id = %marker.id, "the vault's marker was deleted or overwritten; it is brought back");
            return match store.revive(&Key::Marker, version).await {
                Ok(()) | Err(StoreError::OpenedToRead { .. }) => Ok(Some(marker)),
                Err(source) => Err(error(source)),
            };
        }
    }
    damaged.map_or(Ok(None), Err)
}

async fn read_marker(store: &dyn Store) -> Result<Option<Marker>, VaultError> {
    let Some(bytes) = read_record(store, &Key::Marker).await? else { return Ok(None) };
    serde_json::from_slice(&bytes).map(Some).map_err(|e| VaultError::DamagedRecord { key: Key::Marker.to_string(), why: e.to_string() })
}
