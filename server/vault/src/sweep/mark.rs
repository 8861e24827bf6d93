//! What the kept snapshots reach: pointers → snapshot index → settings and repository indexes → manifests → blobs.
//!
//! Anything that cannot be read ends the mark with its error: what lies behind it might be needed. A shared index or manifest is read
//! once, so the work grows with what differs between snapshots. It is one flow from end to end, with a bound on what is under way at each
//! step; nothing is locked, and nothing waits for it.
//!
//! # What is remembered
//! *Walked* are indexes and manifests, by their whole digests: what is taken for walked is not read again, so a mistake there would lose
//! everything behind it. *Reached* are blobs, and they may be remembered in a way that now and then takes one for another
//! ([`super::filter`]): a mistake there keeps an object nobody needs, and the next mark, keyed anew, does not make the same. So a mark
//! takes some 60 bytes for each distinct index and manifest and two for each distinct blob, however many references there are. A mark that
//! broke off says of everything that it is needed.

use std::collections::{BTreeSet, HashSet};

use futures::stream::{self, TryChunksError};
use futures::{StreamExt, TryStreamExt, pin_mut};
use tokio::sync::Semaphore;
use vocab::manifest::MANIFEST_BYTES_MAX;
use vocab::{Descriptor, Digest, Manifest};

use crate::Vault;
use crate::error::VaultError;
use crate::layout::PointerName;
use crate::tree::{self, RepositoryDescriptor, SnapshotIndex};

/// How often it begins anew because a snapshot was withdrawn while it was walked.
const MARKS_MAX: u32 = 3;
/// Pointers taken together.
const POINTERS_AT_A_TIME: usize = 1_000;
/// Snapshot indexes read side by side.
const SNAPSHOTS_AT_ONCE: usize = 2;
/// Repository indexes read side by side.
const INDEXES_AT_ONCE: usize = 16;
/// KiB of them that are in memory together; one that is larger than this is read alone.
const INDEX_KIB_AT_ONCE: u32 = 16 * 1024;
/// Manifests read side by side.
const MANIFESTS_AT_ONCE: usize = 32;

/// Digests a mark reaches.
pub(super) trait Reached: Default + Send {
    fn add(&mut self, digest: &Digest);

    /// Never no to one that was added.
    fn has(&self, digest: &Digest) -> bool;
}

impl Reached for HashSet<Digest> {
    fn add(&mut self, digest: &Digest) {
        self.insert(*digest);
    }

    fn has(&self, digest: &Digest) -> bool {
        self.contains(digest)
    }
}

/// The digests reached so far.
#[derive(Debug, Default)]
pub(super) struct Mark<R> {
    indexes: BTreeSet<Digest>,
    manifests: BTreeSet<Digest>,
    blobs: R,
    broken: bool,
}

/// A part of a snapshot that was not walked before.
enum Part {
    Settings(Descriptor),
    Repository(RepositoryDescriptor),
}

impl<R: Reached> Mark<R> {
    pub(super) fn has(&self, digest: &Digest) -> bool {
        self.broken || self.blobs.has(digest) || self.manifests.contains(digest) || self.indexes.contains(digest)
    }

    /// Marks what every pointer of now reaches and was not marked before; answers how many pointers there are.
    pub(super) async fn pointers(&mut self, vault: &Vault) -> Result<u64, VaultError> {
        for _ in 1..MARKS_MAX {
            match self.pointers_once(vault).await {
                // Something of a snapshot is lost that was withdrawn meanwhile: then nothing is known to be lost.
                Err((VaultError::Missing { .. }, names)) if is_any_gone(vault, &names).await? => *self = Self::default(),
                ended => return ended.map_err(|(error, _)| error),
            }
        }
        self.pointers_once(vault).await.map_err(|(error, _)| error)
    }

    /// With an error it answers the pointers it was at.
    async fn pointers_once(&mut self, vault: &Vault) -> Result<u64, (VaultError, Vec<PointerName>)> {
        let mut count = 0;
        let pointers = vault.pointers().try_chunks(POINTERS_AT_A_TIME);
        pin_mut!(pointers);
        while let Some(some) = pointers.next().await {
            let some = some.map_err(|TryChunksError(_, error)| {
                self.broken = true;
                (error, Vec::new())
            })?;
            count += some.len() as u64;
            let digests = some.iter().map(|pointer| pointer.snapshot.digest).collect();
            if let Err(error) = self.snapshots(vault, digests).await {
                return Err((error, some.iter().filter_map(|pointer| pointer.name().ok()).collect()));
            }
        }
        Ok(count)
    }

    /// Marks what one snapshot reaches.
    pub(super) async fn snapshot(&mut self, vault: &Vault, digest: &Digest) -> Result<(), VaultError> {
        self.snapshots(vault, vec![*digest]).await
    }

    async fn snapshots(&mut self, vault: &Vault, digests: Vec<Digest>) -> Result<(), VaultError> {
        let walked = self.walk(vault, digests).await;
        self.broken |= walked.is_err();
        walked
    }

    async fn walk(&mut self, vault: &Vault, digests: Vec<Digest>) -> Result<(), VaultError> {
        let Self { indexes, manifests, blobs, .. } = self;
        let room = Semaphore::new(INDEX_KIB_AT_ONCE as usize);
        let fresh: Vec<Digest> = digests.into_iter().filter(|digest| indexes.insert(*digest)).collect();
        let flow = stream::iter(fresh)
            .map(|digest| async move { vault.snapshot(&digest).await })
            .buffer_unordered(SNAPSHOTS_AT_ONCE)
            .map_ok(|index| stream::iter(parts(index, indexes).into_iter().map(Ok)))
            .try_flatten()
            .map_ok(|part| members(vault, part, &room))
            .try_buffer_unordered(INDEXES_AT_ONCE)
            .map_ok(|members| {
                let fresh: Vec<Descriptor> = members.into_iter().filter(|member| manifests.insert(member.digest)).collect();
                stream::iter(fresh.into_iter().map(Ok))
            })
            .try_flatten()
            .map_ok(|manifest| blobs_of(vault, manifest))
            .try_buffer_unordered(MANIFESTS_AT_ONCE);
        pin_mut!(flow);
        while let Some(found) = flow.try_next().await? {
            found.iter().for_each(|blob| blobs.add(blob));
        }
        Ok(())
    }
}

impl Mark<HashSet<Digest>> {
    /// All of them, where no mistake is wanted.
    pub(super) fn into_needed(self) -> HashSet<Digest> {
        self.blobs.into_iter().chain(self.indexes).chain(self.manifests).collect()
    }
}

async fn is_any_gone(vault: &Vault, names: &[PointerName]) -> Result<bool, VaultError> {
    for name in names {
        if vault.pointer(name).await?.is_none() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// What of a snapshot nobody walked yet.
fn parts(index: SnapshotIndex, walked: &mut BTreeSet<Digest>) -> Vec<Part> {
    let settings: Vec<Part> = index.records().cloned().map(Part::Settings).collect();
    let repositories = index.repositories.into_iter().map(|(_, descriptor)| descriptor);
    settings.into_iter().chain(repositories.filter(|repository| walked.insert(repository.digest)).map(Part::Repository)).collect()
}

async fn members(vault: &Vault, part: Part, room: &Semaphore) -> Result<Vec<Descriptor>, VaultError> {
    match part {
        Part::Settings(settings) => Ok(vec![settings]),
        Part::Repository(RepositoryDescriptor { digest, size }) => {
            let kib = u32::try_from(size / 1024).unwrap_or(u32::MAX).clamp(1, INDEX_KIB_AT_ONCE);
            // Never closed, so it is always granted.
            let _room = room.acquire_many(kib).await;
            let index = vault.repository(&digest).await?;
            Ok(index.members.into_iter().map(|member| member.descriptor).collect())
        }
    }
}

/// What a manifest names.
pub(crate) async fn blobs_of(vault: &Vault, descriptor: Descriptor) -> Result<Vec<Digest>, VaultError> {
    let digest = descriptor.digest;
    let bytes = vault.get_bytes(&digest, MANIFEST_BYTES_MAX).await?;
    let manifest = Manifest::parse(&descriptor.media_type, &bytes)
        .map_err(|error| VaultError::Tree { digest, source: tree::TreeError::Json(error.to_string()) })?;
    // Children are members of their own; named here as well, so that a snapshot written by another version loses nothing.
    Ok(manifest.blob_digests().chain(manifest.child_digests()).collect())
}
