//! What the target gives back: a manifest by its digest, everything below it, and what a tag points to, by its own answers and nothing else.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, stream};
use registry::{Client, Reference, RegistryError, Served};
use vault::Vault;
use vocab::manifest::MANIFEST_BYTES_MAX;
use vocab::{AnyDigest, Demand, Digest, Manifest, Named, RepositoryName, Tag};

use crate::backup::DEPTH_MAX;

/// Blobs and manifests asked for side by side; the client bounds calls further.
const ASKED_AT_ONCE: usize = 8;
/// Blobs asked for in one run although the target accepted a manifest that demands them. With those, an image that somebody waits for is asked
/// about whole; of a large restore the rest rests on the target's word.
const RELIED_ON_ASKED_MAX: usize = 256;

/// What a manifest that the target accepted says of the blobs it demands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Acceptance {
    /// That they are there, as the target knows; so many are asked for all the same.
    Counts,
    /// Nothing: something of it was found lost.
    IsNothing,
}

/// One way in which the target is not as planned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Deviation {
    /// It does not give the manifest back.
    Manifest(Digest),
    /// It gives other bytes for it.
    OtherBytes {
        /// Asked for.
        manifest: Digest,
        /// Given.
        actual: Digest,
    },
    /// It does not have a blob of the manifest.
    Blob {
        /// The blob, as the manifest names it.
        blob: AnyDigest,
        /// Who needs it.
        manifest: Digest,
    },
    /// It has other bytes under a blob's name, or too few, which no push replaces.
    Spoilt {
        /// The blob.
        blob: Digest,
    },
    /// Its blob is of another size: other bytes under that name, which no push replaces.
    OtherSize {
        /// The blob.
        blob: Digest,
        /// Bytes it has of it.
        found_bytes: u64,
        /// Bytes of what has that digest.
        size_bytes: u64,
    },
    /// The tag is not there, or names something else.
    Tag {
        /// The tag.
        tag: Tag,
        /// What it names.
        found: Option<Digest>,
    },
    /// It does not show the accessory under its subject.
    Link {
        /// The subject.
        subject: Digest,
    },
}

impl fmt::Display for Deviation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Manifest(digest) => write!(f, "Harbor does not give {} back", digest.short()),
            Self::OtherBytes { manifest, actual } => write!(f, "Harbor gives {} back for {}", actual.short(), manifest.short()),
            Self::Blob { blob, manifest } => write!(f, "Harbor does not have the blob {} of {}", blob.short(), manifest.short()),
            Self::Spoilt { blob } => write!(
                f,
                "Harbor has other bytes under the name of the blob {}, and takes none in their place; delete every image that has it, let Harbor \
                 collect its garbage, then restore again",
                blob.short()
            ),
            Self::OtherSize { blob, found_bytes, size_bytes } => {
                write!(f, "Harbor has {found_bytes} bytes for the blob {}, which has {size_bytes}", blob.short())
            }
            Self::Tag { tag, found: Some(found) } => write!(f, "the tag {tag} points to {}", found.short()),
            Self::Tag { tag, found: None } => write!(f, "the tag {tag} is not there"),
            Self::Link { subject } => write!(f, "Harbor does not show it as an accessory of {}", subject.short()),
        }
    }
}

type Place = (RepositoryName, Digest);

/// How much was looked at.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Looked {
    /// Manifests it gave back by digest.
    pub manifests: u64,
    /// Blobs it was asked for, beyond those it proved by accepting a manifest.
    pub blobs_asked: u64,
}

/// Whoever asks the target, and remembers within one run what it answered.
pub(crate) struct Witness<'a> {
    pub(crate) client: &'a Client,
    vault: &'a Vault,
    /// Manifests it gave back.
    read: Mutex<HashMap<Place, Arc<Manifest>>>,
    /// Manifests it accepted.
    accepted: Mutex<HashSet<Place>>,
    /// Blobs whose bytes it gave.
    given: Mutex<HashSet<Place>>,
    /// Blobs of which it told a size that is not theirs.
    doubted: Mutex<HashSet<Place>>,
    /// Questions about content that may still be asked.
    left: AtomicUsize,
    /// And those of them about what the target accepted.
    relied_left: AtomicUsize,
}

fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// How many of so many questions may be asked; they count as asked.
fn take(left: &AtomicUsize, wanted: usize) -> usize {
    let taken = left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| Some(left.saturating_sub(wanted)));
    taken.unwrap_or(0).min(wanted)
}

impl<'a> Witness<'a> {
    pub(crate) fn new(client: &'a Client, vault: &'a Vault) -> Self {
        Self::of_questions(client, vault, usize::MAX)
    }

    /// One who asks so many questions about content at most: whoever may push decides how much an image names.
    pub(crate) fn of_questions(client: &'a Client, vault: &'a Vault, left: usize) -> Self {
        Self {
            client,
            vault,
            read: Mutex::default(),
            accepted: Mutex::default(),
            given: Mutex::default(),
            doubted: Mutex::default(),
            left: left.into(),
            relied_left: RELIED_ON_ASKED_MAX.into(),
        }
    }

    /// Notes what the target says of a blob: one that is not as long as the vault's is asked for before anything is called done.
    pub(crate) fn heard(&self, repository: &RepositoryName, digest: &Digest, (said_bytes, size_bytes): (Option<u64>, u64)) {
        if said_bytes.is_some_and(|said| said != size_bytes) {
            locked(&self.doubted).insert((repository.clone(), *digest));
        }
    }

    /// Writes a manifest, and notes that the target accepted it.
    pub(crate) async fn put(
        &self,
        repository: &RepositoryName,
        reference: &Reference,
        media_type: &str,
        bytes: Bytes,
    ) -> Result<(), RegistryError> {
        let digest = Digest::of(&bytes);
        self.client.manifest_put(repository, reference, media_type, bytes).await?;
        locked(&self.accepted).insert((repository.clone(), digest));
        Ok(())
    }

    /// Asks for a manifest by digest; what comes is hashed. HEAD would not do: it may be answered from a cache.
    pub(crate) async fn read_back(&self, repository: &RepositoryName, digest: &Digest) -> Result<Option<Deviation>, RegistryError> {
        let raw = match self.client.manifest_get(repository, digest).await {
            Ok(raw) => raw,
            Err(RegistryError::WrongDigest { actual, .. }) => return Ok(Some(Deviation::OtherBytes { manifest: *digest, actual })),
            Err(RegistryError::NotFound { .. }) => return Ok(Some(Deviation::Manifest(*digest))),
            // A policy keeps it from being pulled by anybody, scanned or signed as it is not yet; Harbor's own list has to do.
            Err(RegistryError::BlockedByPolicy { .. }) => return self.listed(repository, digest).await,
            Err(error) => return Err(error),
        };
        // Bytes that nobody here can read are there all the same, and need nothing that is known.
        if let Ok(manifest) = Manifest::parse(&raw.media_type, &raw.bytes) {
            locked(&self.read).insert((repository.clone(), *digest), Arc::new(manifest));
        }
        Ok(None)
    }

    async fn listed(&self, repository: &RepositoryName, digest: &Digest) -> Result<Option<Deviation>, RegistryError> {
        if self.client.artifact(repository, &Reference::Digest(*digest)).await?.is_none() {
            return Ok(Some(Deviation::Manifest(*digest)));
        }
        if let Ok(bytes) = self.vault.get_bytes(digest, MANIFEST_BYTES_MAX).await
            && let Ok(manifest) = Manifest::parse("", &bytes)
        {
            locked(&self.read).insert((repository.clone(), *digest), Arc::new(manifest));
        }
        Ok(None)
    }

    /// What a tag points to, by the registry's word.
    pub(crate) async fn tag(&self, repository: &RepositoryName, tag: &Tag) -> Result<Option<Digest>, RegistryError> {
        match self.client.manifest_head(repository, &Reference::Tag(tag.clone())).await {
            Ok(Some(head)) => match head.digest {
                Some(digest) => Ok(Some(digest)),
                None => Err(RegistryError::Protocol { what: format!("no digest for {repository}:{tag}") }),
            },
            Ok(None) => Ok(None),
            // A policy that blocks the pull blocks HEAD too; the API still tells.
            Err(RegistryError::BlockedByPolicy { .. }) => {
                let found = self.client.artifact(repository, &Reference::Tag(tag.clone())).await?;
                Ok(found.map(|artifact| artifact.digest))
            }
            Err(error) => Err(error),
        }
    }

    /// The manifest and everything below it, as far as questions are left.
    pub(crate) async fn content(
        &self,
        repository: &RepositoryName,
        root: &Digest,
        acceptance: Acceptance,
    ) -> Result<(Looked, Vec<Deviation>), RegistryError> {
        let (mut looked, mut deviations) = (Looked::default(), Vec::new());
        let mut seen = HashSet::from([*root]);
        let mut level = vec![*root];
        for _ in 0..DEPTH_MAX {
            level.truncate(take(&self.left, level.len()));
            let found: Vec<(Digest, Option<Deviation>)> = stream::iter(level)
                .map(|digest| async move { self.manifest(repository, &digest).await.map(|deviation| (digest, deviation)) })
                .buffer_unordered(ASKED_AT_ONCE)
                .try_collect()
                .await?;
            let mut next = Vec::new();
            for (digest, deviation) in found {
                if let Some(deviation) = deviation {
                    deviations.push(deviation);
                    continue;
                }
                looked.manifests += 1;
                let Some(manifest) = self.read_of(repository, &digest) else { continue };
                for child in &manifest.children {
                    let child = self.brought(child).await.and_then(|child| child.sha256());
                    next.extend(child.filter(|child| seen.insert(*child)));
                }
                deviations.extend(self.blobs(repository, &digest, &manifest, acceptance, &mut looked).await?);
            }
            level = next;
            if level.is_empty() {
                break;
            }
        }
        Ok((looked, deviations))
    }

    /// Asks for it unless it was given back in this run.
    async fn manifest(&self, repository: &RepositoryName, digest: &Digest) -> Result<Option<Deviation>, RegistryError> {
        if self.read_of(repository, digest).is_some() { Ok(None) } else { self.read_back(repository, digest).await }
    }

    fn read_of(&self, repository: &RepositoryName, digest: &Digest) -> Option<Arc<Manifest>> {
        locked(&self.read).get(&(repository.clone(), *digest)).cloned()
    }

    /// Blobs that nothing has proved so far, and some of those that an accepted manifest has.
    async fn blobs(
        &self,
        repository: &RepositoryName,
        digest: &Digest,
        manifest: &Manifest,
        acceptance: Acceptance,
        looked: &mut Looked,
    ) -> Result<Vec<Deviation>, RegistryError> {
        let accepted = acceptance == Acceptance::Counts && locked(&self.accepted).contains(&(repository.clone(), *digest));
        let (mut wanted, mut relied_on) = (Vec::new(), Vec::new());
        for blob in &manifest.blobs {
            let place = blob.sha256().map(|blob| (repository.clone(), blob));
            if place.as_ref().is_some_and(|place| locked(&self.given).contains(place)) {
                continue;
            }
            let doubted = place.as_ref().is_some_and(|place| locked(&self.doubted).contains(place));
            let proved = accepted && !doubted && place.is_some() && blob.demand == Demand::Registry;
            if proved { &mut relied_on } else { &mut wanted }.extend(self.brought(blob).await);
        }
        wanted.truncate(take(&self.left, wanted.len()));
        relied_on.truncate(take(&self.relied_left, relied_on.len()));
        looked.blobs_asked += (wanted.len() + relied_on.len()) as u64;
        let asked = wanted.into_iter().map(|blob| (blob, false)).chain(relied_on.into_iter().map(|blob| (blob, true)));
        let lost: Vec<Option<Deviation>> = stream::iter(asked)
            .map(|(blob, is_known)| async move { self.blob(repository, *digest, blob, is_known).await })
            .buffer_unordered(ASKED_AT_ONCE)
            .try_collect()
            .await?;
        Ok(lost.into_iter().flatten().collect())
    }

    /// Whether its bytes come. Where they cannot be had from here, as from a storage in another network, the target's word has to do: that it took a
    /// manifest which demands the blob, or that it is there and of which size.
    async fn blob(
        &self,
        repository: &RepositoryName,
        manifest: Digest,
        blob: AnyDigest,
        is_known: bool,
    ) -> Result<Option<Deviation>, RegistryError> {
        let (digest, size_bytes) = match blob.sha256() {
            Some(digest) => (Some(digest), self.vault.size_of(&digest).await.ok().flatten()),
            None => (None, None),
        };
        if let (Some(digest), Some(size_bytes)) = (digest, size_bytes)
            && let Ok(served) = self.client.blob_served(repository, &digest, size_bytes).await
        {
            let found = match served {
                Served::Whole => {
                    locked(&self.given).insert((repository.clone(), digest));
                    return Ok(None);
                }
                Served::Nothing => return Ok(Some(Deviation::Blob { blob, manifest })),
                Served::OtherSize { found_bytes } => Deviation::OtherSize { blob: digest, found_bytes, size_bytes },
                Served::OtherBytes => Deviation::Spoilt { blob: digest },
            };
            return Ok(self.accused(&digest, found).await);
        }
        if is_known {
            return Ok(None);
        }
        let Some(head) = self.client.blob_head_as(repository, &blob).await? else { return Ok(Some(Deviation::Blob { blob, manifest })) };
        match (digest, head.size_bytes, size_bytes) {
            (Some(digest), Some(found_bytes), Some(size_bytes)) if found_bytes != size_bytes => {
                Ok(self.accused(&digest, Deviation::OtherSize { blob: digest, found_bytes, size_bytes }).await)
            }
            _ => Ok(None),
        }
    }

    /// Where the two differ either may be the damaged one: the vault's own is read and hashed before anything is held against Harbor.
    async fn accused(&self, digest: &Digest, found: Deviation) -> Option<Deviation> {
        self.vault.verify_object(digest).await.is_ok().then_some(found)
    }

    /// What a restore brings of what a manifest names: what the registry demands, and of the rest what the vault has.
    async fn brought(&self, named: &Named) -> Option<AnyDigest> {
        if named.demand == Demand::Registry {
            return Some(named.digest.clone());
        }
        let digest = named.sha256()?;
        matches!(self.vault.size_of(&digest).await, Ok(Some(_))).then_some(digest.into())
    }
}
