//! Pointers to the kept snapshots, the index made from them, and the trees they point at.
//!
//! A pointer is the last thing a backup writes: when it is there, everything below it is durable. Pointers alone are
//! enough to find every snapshot again; `index.json` is a convenience for foreign tools and may be stale or missing.

use std::collections::BTreeMap;

use bytes::Bytes;
use futures::{Stream, StreamExt, TryStreamExt, pin_mut};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use time::OffsetDateTime;
use uuid::Uuid;
use vocab::{Descriptor, Digest, ProjectName, media};

use crate::Vault;
use crate::error::{StoreError, VaultError};
use crate::layout::{FORMAT, HarborName, Key, PointerName, Prefix, VaultId};
use crate::record;
use crate::tree::{
    self, EncodedSettings, PushTimes, PushTimesText, RepositoryDescriptor, RepositoryIndex, SettingsOf, SnapshotIndex, TREE_BYTES_MAX,
};

/// How often a rebuild of the index starts over because pointers came while it ran.
pub const INDEX_REBUILD_MAX: u32 = 3;
/// Longest signature kept in a pointer, in bytes.
pub const SIGNATURE_BYTES_MAX: usize = 16 * 1024;

/// How many pointers are read at once.
const POINTERS_AT_ONCE: usize = 8;

/// Says that a snapshot is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pointer {
    /// Which Harbor.
    pub harbor: HarborName,
    /// Which project.
    pub project: ProjectName,
    /// Which moment it restores; the name of the pointer has it to the second.
    pub moment: OffsetDateTime,
    /// The snapshot's id.
    pub id: Uuid,
    /// The snapshot index.
    pub snapshot: Descriptor,
    /// A signature over the snapshot's digest, if there is one. Opaque here.
    pub signature: Option<String>,
}

/// A pointer as it is written: with the vault's id, so that a file copied into another vault is noticed.
#[derive(Serialize, Deserialize)]
struct PointerRecord {
    format: u32,
    vault: VaultId,
    harbor: HarborName,
    project: ProjectName,
    #[serde(with = "time::serde::rfc3339")]
    moment: OffsetDateTime,
    id: Uuid,
    snapshot: Descriptor,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    signature: Option<String>,
}

impl Pointer {
    /// The name it is stored under.
    pub fn name(&self) -> Result<PointerName, VaultError> {
        PointerName::new(self.harbor.clone(), self.project.clone(), self.moment, self.id)
    }
}

impl Vault {
    /// Seals a snapshot: from now on it is kept. Call it after every object below the snapshot was put.
    ///
    /// Makes all visible object names durable, checks that the snapshot index is here with the right size, locks what it reaches where the
    /// vault locks ([`crate::lock`]), writes the pointer, then brings back what a sweep may have moved. The same pointer again is `Ok`; another one of the same name is [`VaultError::PointerConflict`].
    pub async fn put_pointer(&self, pointer: &Pointer) -> Result<PointerName, VaultError> {
        let name = pointer.name()?;
        if pointer.signature.as_ref().is_some_and(|signature| signature.len() > SIGNATURE_BYTES_MAX) {
            let why = format!("it is longer than {SIGNATURE_BYTES_MAX} bytes");
            return Err(VaultError::Invalid { what: "signature of a pointer", why });
        }
        let digest = pointer.snapshot.digest;
        let size_bytes = self.size_of(&digest).await?.ok_or(VaultError::Missing { digest })?;
        if size_bytes != pointer.snapshot.size {
            return Err(VaultError::WrongBytes { expected: digest, actual: digest, size_bytes });
        }
        self.sync().await?;
        self.lock_for(pointer, pointer.moment).await?;
        let bytes = self.encode_pointer(pointer)?;
        match self.store().create(&Key::Pointer(name.clone()), bytes).await {
            Ok(()) => {}
            Err(StoreError::Exists { .. }) => {
                let existing = self.pointer(&name).await?;
                // The existing file may be one whose folder was never synced; writing the same again makes it durable.
                if existing.as_ref().is_some_and(|existing| existing == pointer) {
                    let again = self.encode_pointer(pointer)?;
                    let replaced = self.store().replace(&Key::Pointer(name.clone()), again).await;
                    replaced.map_err(|source| self.store_error("write a pointer", source))?;
                } else {
                    return Err(VaultError::PointerConflict { name: name.to_string() });
                }
            }
            Err(source) => return Err(self.store_error("write a pointer", source)),
        }
        self.bring_back_for(&digest).await?;
        Ok(name)
    }

    /// Reads one pointer. `None` when it is not here.
    pub async fn pointer(&self, name: &PointerName) -> Result<Option<Pointer>, VaultError> {
        match self.record::<PointerRecord>(&Key::Pointer(name.clone())).await? {
            Some(record) => self.checked(name, record).map(Some),
            None => Ok(None),
        }
    }

    /// A pointer from its bytes, wherever they were read.
    pub(crate) fn decode_pointer(&self, name: &PointerName, bytes: &[u8]) -> Result<Pointer, VaultError> {
        let damaged = |why: String| VaultError::DamagedRecord { key: Key::Pointer(name.clone()).to_string(), why };
        self.checked(name, record::decode(bytes).map_err(damaged)?)
    }

    fn checked(&self, name: &PointerName, record: PointerRecord) -> Result<Pointer, VaultError> {
        let damaged = |why: String| VaultError::DamagedRecord { key: Key::Pointer(name.clone()).to_string(), why };
        if record.format != FORMAT {
            return Err(damaged(format!("it has format {}", record.format)));
        }
        if record.vault != self.id() {
            return Err(damaged(format!("it belongs to vault {}", record.vault)));
        }
        let PointerRecord { harbor, project, moment, id, snapshot, signature, .. } = record;
        let pointer = Pointer { harbor, project, moment, id, snapshot, signature };
        if pointer.name()? == *name { Ok(pointer) } else { Err(damaged("it names another snapshot".to_owned())) }
    }

    /// Every pointer, by harbor, project and time. One that cannot be read comes as an error in its place, and the others
    /// still follow; an error of the listing itself ends it.
    pub fn pointers(&self) -> impl Stream<Item = Result<Pointer, VaultError>> + Send + 'static + use<> {
        self.pointers_under(&Prefix::Pointers)
    }

    /// The pointers of one project, by time.
    pub fn pointers_of(
        &self,
        harbor: &HarborName,
        project: &ProjectName,
    ) -> impl Stream<Item = Result<Pointer, VaultError>> + Send + 'static + use<> {
        self.pointers_under(&Prefix::PointersOf(harbor.clone(), project.clone()))
    }

    /// The names of the pointers of one project, by time: a listing alone, nothing is read.
    pub fn pointer_names_of(
        &self,
        harbor: &HarborName,
        project: &ProjectName,
    ) -> impl Stream<Item = Result<PointerName, VaultError>> + Send + 'static + use<> {
        self.pointer_names_under(&Prefix::PointersOf(harbor.clone(), project.clone()))
    }

    /// The names of all pointers, by harbor, project and time.
    pub fn pointer_names(&self) -> impl Stream<Item = Result<PointerName, VaultError>> + Send + 'static + use<> {
        self.pointer_names_under(&Prefix::Pointers)
    }

    fn pointer_names_under(&self, prefix: &Prefix) -> impl Stream<Item = Result<PointerName, VaultError>> + Send + 'static + use<> {
        let vault = self.clone();
        self.store().list(prefix).filter_map(move |entry| {
            std::future::ready(match entry {
                Ok(entry) => match entry.key {
                    Key::Pointer(name) => Some(Ok(name)),
                    _ => None,
                },
                Err(source) => Some(Err(vault.store_error("list pointers", source))),
            })
        })
    }

    /// The pointer that keeps this snapshot now, if one does. `moment` is the pointer's, to the second.
    ///
    /// Whoever builds on a snapshot without looking at its objects asks this after taking a hold: a snapshot that is kept then is marked
    /// by every sweep that does not see the hold. One that was let go before may have been condemned before, and is judged without regard
    /// to the hold.
    pub async fn pointer_to(
        &self,
        harbor: &HarborName,
        project: &ProjectName,
        moment: OffsetDateTime,
        snapshot: &Digest,
    ) -> Result<Option<Pointer>, VaultError> {
        let wanted = PointerName::new(harbor.clone(), project.clone(), moment, Uuid::nil())?;
        let names = self.pointer_names_of(harbor, project);
        pin_mut!(names);
        while let Some(name) = names.try_next().await? {
            if name.utc() == wanted.utc()
                && let Some(pointer) = self.pointer(&name).await?.filter(|pointer| pointer.snapshot.digest == *snapshot)
            {
                return Ok(Some(pointer));
            }
        }
        Ok(None)
    }

    fn pointers_under(&self, prefix: &Prefix) -> impl Stream<Item = Result<Pointer, VaultError>> + Send + 'static + use<> {
        let vault = self.clone();
        self.store()
            .list(prefix)
            .map(move |entry| {
                let vault = vault.clone();
                async move {
                    let entry = entry.map_err(|source| vault.store_error("list pointers", source))?;
                    match entry.key {
                        Key::Pointer(name) => vault.pointer(&name).await,
                        _ => Ok(None),
                    }
                }
            })
            .buffered(POINTERS_AT_ONCE)
            .filter_map(|found| std::future::ready(found.transpose()))
    }

    /// Writes `index.json` anew from the pointers, and answers how many snapshots it names.
    ///
    /// Pointers that cannot be read are left out with a warning: the index is for foreign tools and never the truth.
    pub async fn rebuild_index(&self) -> Result<u64, VaultError> {
        let _alone = self.inner.index.lock().await;
        let mut count = 0;
        let mut before = None;
        for _ in 0..INDEX_REBUILD_MAX {
            let descriptors = self.index_descriptors().await?;
            if before.as_ref() == Some(&descriptors) {
                break;
            }
            count = descriptors.len() as u64;
            let bytes = tree::encode_index(None, descriptors.iter().cloned(), &BTreeMap::new());
            let replaced = self.store().replace(&Key::Index, Bytes::from(bytes)).await;
            replaced.map_err(|source| self.store_error("write the index", source))?;
            // Another process may have sealed a snapshot, and written its index, between our listing and our write.
            before = Some(descriptors);
        }
        Ok(count)
    }

    async fn index_descriptors(&self) -> Result<Vec<Descriptor>, VaultError> {
        let pointers = self.pointers();
        pin_mut!(pointers);
        let mut descriptors: Vec<Descriptor> = Vec::new();
        let mut earlier: Option<String> = None;
        loop {
            let pointer = match pointers.try_next().await {
                Ok(Some(pointer)) => pointer,
                Ok(None) => return Ok(descriptors),
                Err(error @ VaultError::DamagedRecord { .. }) => {
                    tracing::warn!(%error, "pointer left out of the index");
                    continue;
                }
                Err(other) => return Err(other),
            };
            let name = pointer.name()?;
            let short = format!("{}/{}/{}", name.harbor(), name.project(), name.utc());
            // Two snapshots of one second: the second and later ones carry their id as well.
            let reference = if earlier.as_ref() == Some(&short) { name.to_string() } else { short.clone() };
            earlier = Some(short);
            let mut descriptor = pointer.snapshot;
            descriptor.annotations.insert(tree::REF_NAME.to_owned(), reference);
            descriptor.annotations.insert(tree::SNAPSHOT_ID.to_owned(), name.id().hyphenated().to_string());
            descriptors.push(descriptor);
        }
    }

    fn encode_pointer(&self, pointer: &Pointer) -> Result<Bytes, VaultError> {
        let Pointer { harbor, project, moment, id, snapshot, signature } = pointer.clone();
        let fields = PointerRecord { format: FORMAT, vault: self.id(), harbor, project, moment, id, snapshot, signature };
        record::encode("pointer", &fields)
    }

    /// Stores a snapshot index and answers its descriptor, the one a pointer needs.
    pub async fn put_snapshot(&self, snapshot: &SnapshotIndex) -> Result<Descriptor, VaultError> {
        let bytes = snapshot.encode().map_err(|e| invalid("snapshot index", &e))?;
        let size_bytes = bytes.len();
        Ok(tree::descriptor(media::OCI_INDEX, self.put_whole(bytes.into()).await?, size_bytes, tree::SNAPSHOT_TYPE))
    }

    /// Stores a repository index and answers its descriptor, the one a snapshot index needs.
    pub async fn put_repository(&self, repository: &RepositoryIndex) -> Result<RepositoryDescriptor, VaultError> {
        let bytes = repository.encode().map_err(|e| invalid("repository index", &e))?;
        let size = bytes.len() as u64;
        Ok(RepositoryDescriptor { digest: self.put_whole(bytes.into()).await?, size })
    }

    /// Stores settings as an OCI artifact and answers its descriptor, the one a snapshot index needs.
    pub async fn put_settings(&self, of: SettingsOf, settings: &Value) -> Result<Descriptor, VaultError> {
        self.put_record_of(of, of.encode(settings).map_err(|e| invalid("settings", &e))?).await
    }

    /// Stores a project's push times and answers their descriptor, the one a snapshot index needs.
    pub async fn put_push_times(&self, times: PushTimesText) -> Result<Descriptor, VaultError> {
        let of = SettingsOf::PushTimes;
        self.put_record_of(of, of.encode_bytes(times.into_bytes()).map_err(|e| invalid("push times", &e))?).await
    }

    async fn put_record_of(&self, of: SettingsOf, encoded: EncodedSettings) -> Result<Descriptor, VaultError> {
        let EncodedSettings { manifest, settings } = encoded;
        self.put_bytes(tree::OCI_EMPTY_BYTES).await?;
        self.put_whole(settings.into()).await?;
        let digest = self.put_bytes(&manifest).await?;
        Ok(tree::descriptor(media::OCI_MANIFEST, digest, manifest.len(), of.artifact_type()))
    }

    /// Stores a project's settings.
    pub async fn put_project(&self, settings: &Value) -> Result<Descriptor, VaultError> {
        self.put_settings(SettingsOf::Project, settings).await
    }

    /// Reads a snapshot index.
    pub async fn snapshot(&self, digest: &Digest) -> Result<SnapshotIndex, VaultError> {
        let bytes = self.get_bytes(digest, TREE_BYTES_MAX).await?;
        SnapshotIndex::decode(&bytes).map_err(|source| VaultError::Tree { digest: *digest, source })
    }

    /// Reads a repository index.
    pub async fn repository(&self, digest: &Digest) -> Result<RepositoryIndex, VaultError> {
        let bytes = self.get_bytes(digest, TREE_BYTES_MAX).await?;
        RepositoryIndex::decode(&bytes).map_err(|source| VaultError::Tree { digest: *digest, source })
    }

    /// Reads a project's settings, given the digest of their manifest.
    pub async fn project_settings(&self, digest: &Digest) -> Result<Value, VaultError> {
        self.settings(SettingsOf::Project, digest).await
    }

    /// Reads settings, given the digest of their manifest.
    pub async fn settings(&self, of: SettingsOf, digest: &Digest) -> Result<Value, VaultError> {
        let bytes = self.record_bytes(of, digest).await?;
        serde_json::from_slice(&bytes).map_err(|e| VaultError::Tree { digest: *digest, source: tree::TreeError::Json(e.to_string()) })
    }

    /// Reads a project's push times, given the digest of their manifest.
    pub async fn push_times(&self, digest: &Digest) -> Result<PushTimes, VaultError> {
        let bytes = self.record_bytes(SettingsOf::PushTimes, digest).await?;
        PushTimes::decode(&bytes).map_err(|source| VaultError::Tree { digest: *digest, source })
    }

    async fn record_bytes(&self, of: SettingsOf, digest: &Digest) -> Result<Bytes, VaultError> {
        let manifest = self.get_bytes(digest, TREE_BYTES_MAX).await?;
        let blob = of.blob_of(&manifest).map_err(|source| VaultError::Tree { digest: *digest, source })?;
        self.get_bytes(&blob.digest, TREE_BYTES_MAX).await
    }
}

fn invalid(what: &'static str, why: &tree::TreeError) -> VaultError {
    VaultError::Invalid { what, why: why.to_string() }
}
