//! A sealed snapshot into another vault: every object it needs, hashed on its way out and on its way in, then its pointer.
//!
//! The copy is the same snapshot: same id, same moment, same digest. Objects the other vault has are not read; a repository that is
//! unchanged since the copy before costs nothing. Broken off at any point it leaves objects and no pointer, and begins where it was.

use std::collections::HashSet;
use std::sync::Arc;

use futures::{StreamExt, TryStreamExt, stream};
use vault::{Pointer, PointerName, PutError, Vault, VaultError, Why};
use vocab::{Demand, Descriptor, Digest};

use crate::backup::throttle::Throttle;
use crate::control::{Control, Event, ItemOutcome, Progress};
use crate::hold::Held;
use crate::stop::Stop;

/// Manifests copied side by side.
const MANIFESTS_AT_ONCE: usize = 16;
/// Blobs copied side by side.
const BLOBS_AT_ONCE: usize = 8;

/// Everything a copy needs.
pub struct CopyContext {
    /// The vault that has the snapshot.
    pub from: Vault,
    /// The vault that shall have it.
    pub to: Vault,
    /// Who listens.
    pub progress: Arc<dyn Progress>,
    /// Who may stop it.
    pub control: Arc<dyn Control>,
}

/// What was copied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Copied {
    /// The pointer in the other vault.
    pub pointer: PointerName,
    /// Objects newly stored there.
    pub objects: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// Why there is no copy.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CopyError {
    /// It was stopped.
    #[error("the copy was stopped: {0}")]
    Stopped(#[from] Stop),
    /// The snapshot cannot be read whole.
    #[error("the snapshot cannot be read from its vault")]
    From(#[source] VaultError),
    /// The other vault did not take it.
    #[error("the other vault did not take the copy")]
    To(#[source] VaultError),
}

impl CopyError {
    /// Whether another try later may work without anybody doing anything.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self {
            Self::From(error) | Self::To(error) => error.is_transient(),
            Self::Stopped(_) => false,
        }
    }
}

/// Copies the snapshot of `pointer`. `before` is the newest snapshot of the same project that is whole in the other vault; what it
/// has in common with this one is not looked at.
pub async fn snapshot(cx: &CopyContext, pointer: &Pointer, before: Option<Digest>) -> Result<Copied, CopyError> {
    cx.control.check().await?;
    cx.from.check().await.map_err(CopyError::From)?;
    cx.to.check().await.map_err(CopyError::To)?;
    let owner = format!("copy of {}/{}", pointer.harbor, pointer.project);
    // In both: retention may let the snapshot go while it is read.
    let reads = Held::to_read(&cx.from, &owner).await.map_err(CopyError::From)?;
    let writes = Held::take(&cx.to, &owner).await.map_err(CopyError::To)?;
    let outcome =
        Copy { cx, throttle: Throttle::new(Arc::clone(&cx.control)), held: &writes, objects: 0, bytes: 0 }.run(pointer, before).await;
    if let Some(reads) = reads {
        reads.release().await;
    }
    writes.release().await;
    outcome
}

struct Copy<'a> {
    cx: &'a CopyContext,
    throttle: Throttle,
    held: &'a Held,
    objects: u64,
    bytes: u64,
}

impl Copy<'_> {
    async fn run(mut self, pointer: &Pointer, before: Option<Digest>) -> Result<Copied, CopyError> {
        let Self { cx, .. } = self;
        let index = cx.from.snapshot(&pointer.snapshot.digest).await.map_err(CopyError::From)?;
        let shared = shared(&cx.to, pointer, before).await;
        let mut blobs = HashSet::new();
        for (name, descriptor) in &index.repositories {
            if shared.contains(&descriptor.digest) {
                continue;
            }
            cx.progress.event(Event::Phase("copying"));
            let repository = cx.from.repository(&descriptor.digest).await.map_err(CopyError::From)?;
            let members: HashSet<Digest> = repository.members.iter().map(|member| member.descriptor.digest).collect();
            let manifests: Vec<Descriptor> = {
                let mut once = members;
                repository.members.into_iter().map(|member| member.descriptor).filter(|d| once.remove(&d.digest)).collect()
            };
            let stored = repository.names.into_values().filter(|object| blobs.insert(*object)).map(|object| (object, None)).collect();
            self.objects(stored, BLOBS_AT_ONCE).await?;
            self.manifests(manifests, &mut blobs).await?;
            self.object(&descriptor.digest, descriptor.size).await?;
            cx.progress.event(Event::Item { name: name.to_string(), outcome: ItemOutcome::Done });
        }
        let settings = index.records().filter(|settings| !shared.contains(&settings.digest)).cloned();
        self.manifests(settings.collect(), &mut blobs).await?;
        self.object(&pointer.snapshot.digest, pointer.snapshot.size).await?;
        // The last moment to stop: whoever lost the lease seals nothing (I-20).
        self.throttle.check_now().await?;
        let name = self.held.seal(pointer).await.map_err(CopyError::To)?;
        Ok(Copied { pointer: name, objects: self.objects, bytes: self.bytes })
    }

    /// Copies manifests with their blobs; blobs first, so that a manifest that is there can be relied on as in a backup.
    async fn manifests(&mut self, descriptors: Vec<Descriptor>, done: &mut HashSet<Digest>) -> Result<(), CopyError> {
        let from = &self.cx.from;
        let mut read = stream::iter(&descriptors)
            .map(|descriptor| async move {
                let read = from.needs(&descriptor.digest, &descriptor.media_type).await.map_err(CopyError::From)?;
                let needs = read.map_err(|why| CopyError::From(unreadable(&descriptor.digest, &why)))?;
                let mut blobs: Vec<(Digest, Option<u64>)> = Vec::with_capacity(needs.blobs.len());
                for need in &needs.blobs {
                    // What no registry demands may be nowhere.
                    let Some(blob) = need.digest.sha256() else { continue };
                    if need.demand == Demand::Registry || from.size_of(&blob).await.map_err(CopyError::From)?.is_some() {
                        blobs.push((blob, None));
                    }
                }
                Ok::<_, CopyError>(blobs)
            })
            .buffer_unordered(MANIFESTS_AT_ONCE);
        let mut blobs = Vec::new();
        while let Some(found) = read.try_next().await? {
            blobs.extend(found.into_iter().filter(|(digest, _)| done.insert(*digest)));
        }
        drop(read);
        let manifests = descriptors.iter().map(|descriptor| (descriptor.digest, Some(descriptor.size)));
        self.objects(blobs, BLOBS_AT_ONCE).await?;
        self.objects(manifests.collect(), MANIFESTS_AT_ONCE).await
    }

    async fn objects(&mut self, objects: Vec<(Digest, Option<u64>)>, at_once: usize) -> Result<(), CopyError> {
        let (cx, throttle) = (self.cx, &self.throttle);
        let mut copies = stream::iter(objects)
            .map(|(digest, size_bytes)| async move {
                throttle.check().await?;
                one(cx, &digest, size_bytes).await
            })
            .buffer_unordered(at_once);
        let (mut count, mut bytes) = (0, 0);
        while let Some(stored) = copies.try_next().await? {
            count += u64::from(stored.is_some());
            bytes += stored.unwrap_or(0);
        }
        drop(copies);
        self.objects += count;
        self.bytes += bytes;
        Ok(())
    }

    async fn object(&mut self, digest: &Digest, size_bytes: u64) -> Result<(), CopyError> {
        self.objects(vec![(*digest, Some(size_bytes))], 1).await
    }
}

/// A manifest that cannot be copied with what belongs to it.
fn unreadable(digest: &Digest, why: &Why) -> VaultError {
    match why {
        Why::Missing => VaultError::Missing { digest: *digest },
        other => VaultError::Invalid { what: "manifest", why: format!("{}: {other}", digest.short()) },
    }
}

/// Copies one object unless it is there; answers its size if it was copied.
async fn one(cx: &CopyContext, digest: &Digest, size_bytes: Option<u64>) -> Result<Option<u64>, CopyError> {
    let progress = Arc::clone(&cx.progress);
    let body = cx.from.get(digest).inspect_ok(move |piece| progress.event(Event::Bytes(piece.len() as u64)));
    match cx.to.put(digest, size_bytes, body).await {
        Ok(stored) => Ok(stored.new.then_some(stored.size_bytes)),
        Err(PutError::Body(error)) => Err(CopyError::From(error)),
        Err(PutError::Vault(error)) => Err(CopyError::To(error)),
        Err(_) => Err(CopyError::To(VaultError::Invalid { what: "object", why: "it could not be stored".to_owned() })),
    }
}

/// What both snapshots have in common. The one before is a help and never a truth: if it cannot be read, or is not kept any more and a
/// sweep may have condemned what it needs, everything is looked at.
async fn shared(to: &Vault, pointer: &Pointer, before: Option<Digest>) -> HashSet<Digest> {
    let Some(before) = before else { return HashSet::new() };
    match to.snapshot(&before).await {
        Ok(index)
            if index.harbor == pointer.harbor
                && index.project == pointer.project
                && matches!(to.pointer_to(&index.harbor, &index.project, index.started, &before).await, Ok(Some(_))) =>
        {
            let records = index.records().map(|descriptor| descriptor.digest);
            index.repositories.iter().map(|(_, descriptor)| descriptor.digest).chain(records).collect()
        }
        _ => HashSet::new(),
    }
}
