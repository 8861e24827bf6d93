//! Which snapshots lack something, over all snapshots of a vault in one walk.
//!
//! Snapshots share almost everything: each repository index, each manifest and each blob is looked at once, however many snapshots need
//! it, and the answer is remembered. A lost layer is so found in every snapshot that needs it. The walk never stops at the first fault.
//!
//! Memory: some 70 bytes for each distinct manifest and some 15 for each distinct blob. A blob that was looked at is remembered by 64 bits
//! of a hash that is keyed anew for each walk. That one of a hundred million is passed over because another has the same happens in one walk of some
//! thousand, and the next walk looks at it; nothing is deleted on the word of a walk.

use std::collections::hash_map::RandomState;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::hash::BuildHasher;
use std::sync::Arc;

use futures::future::BoxFuture;
use futures::{StreamExt, stream};
use vault::tree::{self, RepositoryIndex, SettingsOf, SnapshotIndex};
use vault::{Vault, VaultError};
use vocab::{Descriptor, Digest, Manifest, RepositoryName};

use crate::verify::{self, Depth, Finding, Severity};

/// Objects looked at side by side.
const OBJECTS_AT_ONCE: usize = 16;
/// Places kept for one object.
pub const PLACES_MAX: usize = 10;

/// Where a harbor has, or had, an object.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// Name of the harbor.
    pub harbor: String,
    /// Repository, with its project.
    pub repository: RepositoryName,
    /// Whether it is a manifest there; else a blob.
    pub manifest: bool,
}

/// How a snapshot stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Everything it needs is there.
    Whole,
    /// Something could not be looked at; nothing is known to be lost (I-6).
    Unknown,
    /// Something it needs is lost.
    Degraded,
}

/// One thing that is not as it should be.
#[derive(Debug, Clone)]
pub struct Lack {
    /// What is wrong.
    pub finding: Finding,
    /// Repositories that need the object, at most [`PLACES_MAX`]. Empty where no harbor has it, such as a snapshot's own index.
    pub places: BTreeSet<Place>,
}

/// Numbers of lacks.
type Faults = BTreeSet<usize>;

/// A manifest that was looked at.
struct Seen {
    faults: Faults,
    children: Vec<Digest>,
}

/// The walk.
pub struct Survey<'a> {
    vault: &'a Vault,
    depth: Depth,
    /// With it, only these objects are looked for, and no other blob.
    only: Option<&'a HashSet<Digest>>,
    lacks: Vec<Lack>,
    known: HashMap<Digest, usize>,
    /// Fingerprints of those that were looked at.
    blobs: HashSet<u64>,
    key: RandomState,
    settings: HashMap<Digest, Option<usize>>,
    /// Manifests without faults and members, which most are, have `None`.
    manifests: HashMap<Digest, Option<Box<Seen>>>,
    repositories: HashMap<Digest, Arc<Faults>>,
}

/// What is read of a manifest: its members, and its blobs with their sizes.
struct Parts {
    children: Vec<Digest>,
    blobs: Vec<(Digest, Option<u64>)>,
}

impl<'a> Survey<'a> {
    /// Looks for everything.
    #[must_use]
    pub fn new(vault: &'a Vault, depth: Depth) -> Self {
        Self {
            vault,
            depth,
            only: None,
            lacks: Vec::new(),
            known: HashMap::new(),
            blobs: HashSet::new(),
            key: RandomState::new(),
            settings: HashMap::new(),
            manifests: HashMap::new(),
            repositories: HashMap::new(),
        }
    }

    /// Looks for who needs one of `lost`, which the caller knows to be lost.
    #[must_use]
    pub fn of(vault: &'a Vault, lost: &'a HashSet<Digest>) -> Self {
        Self { only: Some(lost), ..Self::new(vault, Depth::Presence) }
    }

    /// What was found so far.
    #[must_use]
    pub fn lacks(&self) -> &[Lack] {
        &self.lacks
    }

    /// The same, at the end.
    #[must_use]
    pub fn into_lacks(self) -> Vec<Lack> {
        self.lacks
    }

    /// How one snapshot stands. Call [`Vault::check`] first: with the wrong disk mounted everything looks lost (F-8).
    pub fn snapshot<'s>(&'s mut self, digest: &'s Digest) -> BoxFuture<'s, Standing> {
        Box::pin(self.walk(digest))
    }

    async fn walk(&mut self, digest: &Digest) -> Standing {
        let faults = if self.is_lost(digest) {
            Faults::from([self.lost(*digest, "the snapshot")])
        } else {
            match self.vault.snapshot(digest).await {
                Ok(index) => self.index(&index).await,
                Err(error) => Faults::from([self.keep(Finding::of(&error, *digest, "the snapshot"))]),
            }
        };
        let worst = faults.iter().filter_map(|at| self.lacks.get(*at)).map(|lack| lack.finding.severity).max();
        match worst {
            None => Standing::Whole,
            Some(Severity::Unknown) => Standing::Unknown,
            Some(Severity::Loss) => Standing::Degraded,
        }
    }

    async fn index(&mut self, index: &SnapshotIndex) -> Faults {
        let mut faults = Faults::new();
        let parts = [
            (SettingsOf::Project, &index.config, "the project's settings"),
            (SettingsOf::Harbor, &index.harbor_config, "the Harbor's settings"),
            (SettingsOf::PushTimes, &index.pushed, "the push times"),
        ];
        for (of, config, subject) in parts {
            if let Some(config) = config {
                faults.extend(self.read_settings(of, config, subject).await);
            }
        }
        for (name, descriptor) in &index.repositories {
            let digest = descriptor.digest;
            let found = match self.repositories.get(&digest) {
                Some(found) => Arc::clone(found),
                None => {
                    let found = Arc::new(self.read_repository(&digest, index.harbor.as_str(), name).await);
                    self.repositories.insert(digest, Arc::clone(&found));
                    found
                }
            };
            faults.extend(found.iter().copied());
        }
        faults
    }

    async fn read_settings(&mut self, of: SettingsOf, config: &Descriptor, subject: &str) -> Option<usize> {
        let digest = config.digest;
        if self.is_lost(&digest) {
            return Some(self.lost(digest, subject));
        }
        if let Some(found) = self.settings.get(&digest) {
            return *found;
        }
        let read = self.vault.settings(of, &digest).await;
        let found = match read {
            Err(error) => Some(Finding::of(&error, digest, subject)),
            // Restores do without it; other tools that read the vault do not.
            Ok(_) => self.empty(subject).await,
        };
        let found = found.map(|finding| self.keep(finding));
        self.settings.insert(digest, found);
        found
    }

    async fn empty(&self, subject: &str) -> Option<Finding> {
        let digest = Digest::of(tree::OCI_EMPTY_BYTES);
        if self.is_lost(&digest) {
            return Some(Finding::of(&VaultError::Missing { digest }, digest, subject));
        }
        verify::blob(self.vault, self.depth, digest, Some(tree::OCI_EMPTY_BYTES.len() as u64), subject).await
    }

    async fn read_repository(&mut self, digest: &Digest, harbor: &str, name: &RepositoryName) -> Faults {
        if self.is_lost(digest) {
            return Faults::from([self.lost(*digest, name.as_str())]);
        }
        match self.vault.repository(digest).await {
            Ok(index) => self.repository(harbor, name, &index).await,
            Err(error) => Faults::from([self.keep(Finding::of(&error, *digest, name.as_str()))]),
        }
    }

    async fn repository(&mut self, harbor: &str, name: &RepositoryName, index: &RepositoryIndex) -> Faults {
        let mut members: BTreeMap<Digest, (Descriptor, String)> = BTreeMap::new();
        for member in &index.members {
            let digest = member.descriptor.digest;
            members.entry(digest).or_insert_with(|| {
                let subject = member.tag.as_ref().map_or_else(|| format!("{name}@{digest}"), |tag| format!("{name}:{tag}"));
                (member.descriptor.clone(), subject)
            });
        }
        let fresh: Vec<_> =
            members.iter().filter(|(digest, _)| !self.manifests.contains_key(digest)).map(|(_, found)| found.clone()).collect();
        for some in fresh.chunks(OBJECTS_AT_ONCE * 16) {
            self.read_manifests(some.to_vec()).await;
        }
        let mut all = Faults::new();
        for (digest, (_, subject)) in &members {
            let Some(Some(seen)) = self.manifests.get(digest) else { continue };
            let lacking = seen.children.iter().find(|child| !members.contains_key(child)).copied();
            let mut faults = seen.faults.clone();
            if let Some(child) = lacking {
                faults.insert(self.keep(Finding::incomplete(*digest, subject, &child)));
            }
            for at in faults {
                all.insert(at);
                if let Some(lack) = self.lacks.get_mut(at).filter(|lack| lack.places.len() < PLACES_MAX) {
                    let manifest = members.contains_key(&lack.finding.object);
                    lack.places.insert(Place { harbor: harbor.to_owned(), repository: name.clone(), manifest });
                }
            }
        }
        all
    }

    async fn read_manifests(&mut self, fresh: Vec<(Descriptor, String)>) {
        let (vault, only) = (self.vault, self.only);
        let read: Vec<(Descriptor, String, Result<Parts, Finding>)> = stream::iter(fresh)
            .map(|(descriptor, subject)| async move {
                let parts = parts(vault, only, &descriptor, &subject).await;
                (descriptor, subject, parts)
            })
            .buffer_unordered(OBJECTS_AT_ONCE)
            .collect()
            .await;
        self.look(&read).await;
        for (descriptor, _, parts) in read {
            let (faults, children) = match parts {
                Err(finding) => (Faults::from([self.keep(finding)]), Vec::new()),
                Ok(parts) => (parts.blobs.iter().filter_map(|(blob, _)| self.known.get(blob).copied()).collect(), parts.children),
            };
            let plain = faults.is_empty() && children.is_empty();
            self.manifests.insert(descriptor.digest, (!plain).then(|| Box::new(Seen { faults, children })));
        }
    }

    /// Looks at the blobs nobody looked at yet.
    async fn look(&mut self, read: &[(Descriptor, String, Result<Parts, Finding>)]) {
        let mut fresh = Vec::new();
        for (_, subject, parts) in read {
            let Ok(parts) = parts else { continue };
            for (blob, size_bytes) in &parts.blobs {
                if self.only.is_some() {
                    if self.is_lost(blob) {
                        self.lost(*blob, subject);
                    }
                } else if self.blobs.insert(self.key.hash_one(blob)) {
                    fresh.push((*blob, *size_bytes, subject.clone()));
                }
            }
        }
        let (vault, depth) = (self.vault, self.depth);
        let found: Vec<Finding> = stream::iter(fresh)
            .map(|(blob, size_bytes, subject)| async move { verify::blob(vault, depth, blob, size_bytes, &subject).await })
            .buffer_unordered(OBJECTS_AT_ONCE)
            .filter_map(std::future::ready)
            .collect()
            .await;
        for finding in found {
            self.keep(finding);
        }
    }

    fn is_lost(&self, digest: &Digest) -> bool {
        self.only.is_some_and(|only| only.contains(digest))
    }

    fn lost(&mut self, digest: Digest, subject: &str) -> usize {
        self.keep(Finding::of(&VaultError::Missing { digest }, digest, subject))
    }

    fn keep(&mut self, finding: Finding) -> usize {
        let object = finding.object;
        *self.known.entry(object).or_insert_with(|| {
            self.lacks.push(Lack { finding, places: BTreeSet::new() });
            self.lacks.len() - 1
        })
    }
}

async fn parts(vault: &Vault, only: Option<&HashSet<Digest>>, descriptor: &Descriptor, subject: &str) -> Result<Parts, Finding> {
    let digest = descriptor.digest;
    if only.is_some_and(|only| only.contains(&digest)) {
        return Err(Finding::of(&VaultError::Missing { digest }, digest, subject));
    }
    let manifest: Manifest = verify::manifest(vault, descriptor, subject).await?;
    Ok(Parts { children: manifest.child_digests().collect(), blobs: manifest.blob_digests().map(|blob| (blob, None)).collect() })
}
