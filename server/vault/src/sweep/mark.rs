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
use vocab::{Demand, Descriptor, Digest, Manifest};

use crate::Vault;
use crate::closed::{DEPTH_MAX, Needs};
use crate::error::VaultError;
use crate::layout::PointerName;
use crate::tree::{RepositoryDescriptor, SnapshotIndex};

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

/// What a manifest names.
#[derive(Debug, Default)]
pub(crate) struct NamedBy {
    /// Blobs that have to be there.
    pub needed: Vec<Digest>,
    /// Objects that may be there.
    pub optional: Vec<Digest>,
    /// Manifests that have to be there.
    pub children: Vec<Digest>,
}

/// What a part of a snapshot names: manifests with the types they are recorded with, and what is stored for names by other algorithms.
struct Members {
    manifests: Vec<(Digest, String)>,
    objects: Vec<Digest>,
}

/// One step of a walk.
enum Step {
    Manifest((Digest, String)),
    Objects(Vec<Digest>),
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
        let mut below = BTreeSet::new();
        {
            let flow = stream::iter(fresh)
                .map(|digest| async move { vault.snapshot(&digest).await })
                .buffer_unordered(SNAPSHOTS_AT_ONCE)
                .map_ok(|index| stream::iter(parts(index, indexes).into_iter().map(Ok)))
                .try_flatten()
                .map_ok(|part| members(vault, part, &room))
                .try_buffer_unordered(INDEXES_AT_ONCE)
                .map_ok(|members| {
                    let fresh = members.manifests.into_iter().filter(|(digest, _)| manifests.insert(*digest)).map(Step::Manifest);
                    stream::iter(fresh.chain([Step::Objects(members.objects)]).collect::<Vec<_>>().into_iter().map(Ok))
                })
                .try_flatten()
                .map_ok(|step| async move {
                    match step {
                        Step::Manifest((digest, told)) => vault.named_by(&digest, &told).await,
                        Step::Objects(needed) => Ok(NamedBy { needed, ..NamedBy::default() }),
                    }
                })
                .try_buffer_unordered(MANIFESTS_AT_ONCE);
            pin_mut!(flow);
            while let Some(named) = flow.try_next().await? {
                named.needed.iter().chain(&named.optional).for_each(|blob| blobs.add(blob));
                below.extend(named.children);
            }
        }
        // Children are members of their own. Where another version wrote a snapshot that has it otherwise, what lies behind them is needed too.
        for _ in 0..DEPTH_MAX {
            below.retain(|child| manifests.insert(*child));
            let mut reading = stream::iter(std::mem::take(&mut below))
                .map(|child| async move { vault.named_by(&child, "").await })
                .buffer_unordered(MANIFESTS_AT_ONCE);
            while let Some(named) = reading.next().await {
                match named {
                    Ok(named) => {
                        named.needed.iter().chain(&named.optional).for_each(|blob| blobs.add(blob));
                        below.extend(named.children);
                    }
                    // What is not there leads nowhere.
                    Err(VaultError::Missing { .. }) => {}
                    Err(error) => return Err(error),
                }
            }
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

async fn members(vault: &Vault, part: Part, room: &Semaphore) -> Result<Members, VaultError> {
    match part {
        Part::Settings(settings) => Ok(Members { manifests: vec![(settings.digest, settings.media_type)], objects: Vec::new() }),
        Part::Repository(RepositoryDescriptor { digest, size }) => {
            let kib = u32::try_from(size / 1024).unwrap_or(u32::MAX).clamp(1, INDEX_KIB_AT_ONCE);
            // Never closed, so it is always granted.
            let _room = room.acquire_many(kib).await;
            let index = vault.repository(&digest).await?;
            let manifests = index.members.into_iter().map(|member| (member.descriptor.digest, member.descriptor.media_type)).collect();
            Ok(Members { manifests, objects: index.names.into_values().collect() })
        }
    }
}

impl Vault {
    /// What a manifest names: whatever [`crate::closed`] demands of it, and what else may keep an object alive.
    ///
    /// Nobody knows what belongs to one that cannot be understood; then it is whatever looks like a digest.
    pub(crate) async fn named_by(&self, digest: &Digest, told: &str) -> Result<NamedBy, VaultError> {
        let bytes = self.get_bytes(digest, MANIFEST_BYTES_MAX).await?;
        let mut named = NamedBy::default();
        let Ok(manifest) = Manifest::parse(told, &bytes) else {
            named.optional = digests_in(&bytes).collect();
            return Ok(named);
        };
        let needs = Needs::of(&manifest, bytes.len());
        for blob in &needs.blobs {
            let kept = if blob.demand == Demand::Registry { &mut named.needed } else { &mut named.optional };
            kept.extend(blob.digest.sha256());
        }
        for child in &needs.children {
            let kept = if child.demand == Demand::Registry { &mut named.children } else { &mut named.optional };
            kept.extend(child.digest.sha256());
        }
        Ok(named)
    }
}

/// Whatever in a text looks like a digest.
fn digests_in(bytes: &[u8]) -> impl Iterator<Item = Digest> + '_ {
    const NAME: &[u8] = b"sha256:";
    let found = bytes.windows(NAME.len() + 64).filter(|window| window.starts_with(NAME));
    found.filter_map(|window| std::str::from_utf8(window).ok()?.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_looks_like_a_digest_is_found_wherever_it_stands() {
        let (one, two) = (Digest::of(b"1"), Digest::of(b"2"));
        let text = format!("\u{fffd}{{{one} sha256:short sha256:{two}\"");
        assert_eq!(digests_in(text.as_bytes()).collect::<Vec<_>>(), [one, two]);
        assert_eq!(digests_in(b"sha256:").count(), 0);
    }
}
