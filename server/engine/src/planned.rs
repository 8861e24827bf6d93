//! *As planned*: whether the target holds what a line of an effect plan says, by the target's own answers and nothing else.
//!
//! A line is as planned when the target gave its manifest back by digest, and every manifest below it; has every blob of them; names it by
//! the line's tag; and, of an accessory, links it to its subject. A manifest that the target accepted proves the blobs that Harbor demands
//! of it; those that it takes without asking for (layers of a non-distributable type with addresses of their own) are asked for, those named by
//! another algorithm, which its garbage collection does not see as used, and all of them where nothing was put. Whoever wrote knows nothing that counts here.
//!
//! Only [`Witness::as_planned`] makes a [`Proof`], and without a proof nothing is reported as done.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, pin_mut, stream};
use registry::{Client, Reference, RegistryError};
use serde::Serialize;
use vault::Vault;
use vocab::manifest::MANIFEST_BYTES_MAX;
use vocab::{AnyDigest, Demand, Digest, Manifest, Named, RepositoryName, Tag};

use crate::backup::DEPTH_MAX;
use crate::effect::{BY_NAME, EffectItem};
use crate::source;

/// Blobs and manifests asked for side by side; the client bounds calls further.
const ASKED_AT_ONCE: usize = 8;
/// Deviations of one line that are told.
const DEVIATIONS_TOLD_MAX: usize = 5;
/// A page of a listing takes Harbor as long as so many questions for one tag.
const QUESTIONS_OF_PAGE: u64 = 25;
/// Rows of a page.
const PAGE_ROWS: u64 = 100;

/// The target's own word that one line is there as planned. Nothing but [`Witness::as_planned`] makes one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Proof {
    /// Manifests it gave back by digest.
    manifests: u64,
    /// Blobs it was asked for, beyond those it proved by accepting a manifest.
    blobs_asked: u64,
    /// Whether it named the tag.
    tag: bool,
    /// Whether it showed the accessory under its subject.
    linked: bool,
}

impl fmt::Display for Proof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plural = if self.manifests == 1 { "manifest" } else { "manifests" };
        write!(f, "read back: {} {plural}", self.manifests)?;
        if self.blobs_asked > 0 {
            write!(f, ", {} blobs looked up", self.blobs_asked)?;
        }
        if self.tag {
            f.write_str(", the tag")?;
        }
        if self.linked {
            f.write_str(", linked to its subject")?;
        }
        Ok(())
    }
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
            Self::Tag { tag, found: Some(found) } => write!(f, "the tag {tag} points to {}", found.short()),
            Self::Tag { tag, found: None } => write!(f, "the tag {tag} is not there"),
            Self::Link { subject } => write!(f, "Harbor does not show it as an accessory of {}", subject.short()),
        }
    }
}

/// What the target says of one line.
#[derive(Debug)]
pub enum Verdict {
    /// It is there as planned.
    AsPlanned(Proof),
    /// It is not: every way in which it is not.
    Deviates(Vec<Deviation>),
}

impl Verdict {
    /// The deviations in one sentence, the first few of them.
    #[must_use]
    pub fn told(deviations: &[Deviation]) -> String {
        let mut told: Vec<String> = deviations.iter().take(DEVIATIONS_TOLD_MAX).map(ToString::to_string).collect();
        if deviations.len() > DEVIATIONS_TOLD_MAX {
            told.push(format!("and {} more", deviations.len() - DEVIATIONS_TOLD_MAX));
        }
        told.join("; ")
    }
}

type Place = (RepositoryName, Digest);

/// Whoever asks the target, and remembers within one run what it answered.
pub(crate) struct Witness<'a> {
    client: &'a Client,
    vault: &'a Vault,
    /// Manifests it gave back.
    read: Mutex<HashMap<Place, Arc<Manifest>>>,
    /// Manifests it accepted.
    accepted: Mutex<HashSet<Place>>,
}

/// What one look at a repository showed, for many lines at once. What it does not show is asked for by name.
pub(crate) struct Shown<'a> {
    repository: &'a RepositoryName,
    tags: HashMap<Tag, Digest>,
    /// Accessories by their subject.
    links: tokio::sync::Mutex<HashMap<Digest, Arc<HashSet<Digest>>>>,
}

fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<'a> Shown<'a> {
    /// Nothing was looked at: each line asks for itself.
    pub(crate) fn nothing(repository: &'a RepositoryName) -> Self {
        Self { repository, tags: HashMap::new(), links: tokio::sync::Mutex::default() }
    }
}

impl<'a> Witness<'a> {
    pub(crate) fn new(client: &'a Client, vault: &'a Vault) -> Self {
        Self { client, vault, read: Mutex::default(), accepted: Mutex::default() }
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

    /// Looks at a repository once for `lines` of it: lists it where that costs less than asking for each.
    pub(crate) async fn look<'b>(&self, repository: &'b RepositoryName, lines: usize) -> Result<Shown<'b>, RegistryError> {
        let mut shown = Shown::nothing(repository);
        if (lines as u64) <= QUESTIONS_OF_PAGE {
            return Ok(shown);
        }
        let Some(found) = self.client.repository(repository).await? else { return Ok(shown) };
        if (found.artifact_count / PAGE_ROWS + 1) * QUESTIONS_OF_PAGE > lines as u64 {
            return Ok(shown);
        }
        let mut links = HashMap::new();
        let artifacts = self.client.repository_artifacts(repository);
        pin_mut!(artifacts);
        while let Some(artifact) = artifacts.try_next().await? {
            let seen = source::Seen::from(artifact);
            shown.tags.extend(seen.tags.into_iter().map(|tag| (tag, seen.digest)));
            links.insert(seen.digest, Arc::new(seen.accessories.into_iter().map(|(digest, _)| digest).collect::<HashSet<_>>()));
        }
        shown.links = tokio::sync::Mutex::new(links);
        Ok(shown)
    }

    /// Whether the target holds what `item` says.
    pub(crate) async fn as_planned(&self, item: &EffectItem, shown: &Shown<'_>) -> Result<Verdict, RegistryError> {
        let mut proof = Proof { manifests: 0, blobs_asked: 0, tag: false, linked: false };
        let mut deviations = self.content(&item.repository, &item.then, &mut proof).await?;
        if let Some(tag) = &item.tag {
            let found = match shown.tags.get(tag) {
                Some(found) if *found == item.then => Some(*found),
                _ => self.tag(&item.repository, tag).await?,
            };
            proof.tag = found == Some(item.then);
            if !proof.tag {
                deviations.push(Deviation::Tag { tag: tag.clone(), found });
            }
        }
        if let Some(accessory) = item.accessory.as_ref().filter(|accessory| accessory.kind != BY_NAME) {
            proof.linked = self.is_linked(shown, &accessory.subject, &item.then).await?;
            if !proof.linked {
                deviations.push(Deviation::Link { subject: accessory.subject });
            }
        }
        Ok(if deviations.is_empty() { Verdict::AsPlanned(proof) } else { Verdict::Deviates(deviations) })
    }

    /// The manifest and everything below it.
    async fn content(&self, repository: &RepositoryName, root: &Digest, proof: &mut Proof) -> Result<Vec<Deviation>, RegistryError> {
        let mut deviations = Vec::new();
        let mut seen = HashSet::from([*root]);
        let mut level = vec![*root];
        for _ in 0..DEPTH_MAX {
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
                proof.manifests += 1;
                let Some(manifest) = self.read_of(repository, &digest) else { continue };
                for child in &manifest.children {
                    let child = self.brought(child).await.and_then(|child| child.sha256());
                    next.extend(child.filter(|child| seen.insert(*child)));
                }
                deviations.extend(self.blobs(repository, &digest, &manifest, proof).await?);
            }
            level = next;
            if level.is_empty() {
                break;
            }
        }
        Ok(deviations)
    }

    /// Asks for it unless it was given back in this run.
    async fn manifest(&self, repository: &RepositoryName, digest: &Digest) -> Result<Option<Deviation>, RegistryError> {
        if self.read_of(repository, digest).is_some() { Ok(None) } else { self.read_back(repository, digest).await }
    }

    fn read_of(&self, repository: &RepositoryName, digest: &Digest) -> Option<Arc<Manifest>> {
        locked(&self.read).get(&(repository.clone(), *digest)).cloned()
    }

    /// Blobs that nothing has proved so far.
    async fn blobs(
        &self,
        repository: &RepositoryName,
        digest: &Digest,
        manifest: &Manifest,
        proof: &mut Proof,
    ) -> Result<Vec<Deviation>, RegistryError> {
        let accepted = locked(&self.accepted).contains(&(repository.clone(), *digest));
        let mut wanted = Vec::new();
        let proved = |blob: &Named| accepted && blob.demand == Demand::Registry && blob.sha256().is_some();
        for blob in manifest.blobs.iter().filter(|blob| !proved(blob)) {
            wanted.extend(self.brought(blob).await);
        }
        proof.blobs_asked += wanted.len() as u64;
        let lost: Vec<Option<AnyDigest>> = stream::iter(wanted)
            .map(|blob| async move { self.client.blob_head_as(repository, &blob).await.map(|there| there.is_none().then_some(blob)) })
            .buffer_unordered(ASKED_AT_ONCE)
            .try_collect()
            .await?;
        Ok(lost.into_iter().flatten().map(|blob| Deviation::Blob { blob, manifest: *digest }).collect())
    }

    /// Whether the target shows an accessory under its subject.
    pub(crate) async fn links(&self, repository: &RepositoryName, subject: &Digest, digest: &Digest) -> Result<bool, RegistryError> {
        self.is_linked(&Shown::nothing(repository), subject, digest).await
    }

    /// What a restore brings of what a manifest names: what the registry demands, and of the rest what the vault has.
    async fn brought(&self, named: &Named) -> Option<AnyDigest> {
        if named.demand == Demand::Registry {
            return Some(named.digest.clone());
        }
        let digest = named.sha256()?;
        matches!(self.vault.size_of(&digest).await, Ok(Some(_))).then_some(digest.into())
    }

    async fn is_linked(&self, shown: &Shown<'_>, subject: &Digest, digest: &Digest) -> Result<bool, RegistryError> {
        // Under the lock, so that side by side nobody asks for the same subject twice.
        let mut links = shown.links.lock().await;
        if links.get(subject).is_some_and(|known| known.contains(digest)) {
            return Ok(true);
        }
        let reference = Reference::Digest(*subject);
        if let Some(found) = source::artifact(self.client, shown.repository, &reference).await? {
            let known: HashSet<Digest> = found.accessories.into_iter().map(|(digest, _)| digest).collect();
            let linked = known.contains(digest);
            links.insert(*subject, Arc::new(known));
            return Ok(linked);
        }
        drop(links);
        // Its subject is not here, as it was not in the snapshot: Harbor tells by the subject's digest alone.
        source::is_referrer(self.client, shown.repository, subject, digest).await
    }
}
