//! Which snapshots lack something, over all snapshots of a vault in one walk.
//!
//! Snapshots share almost everything: each repository index, each manifest and each blob is looked at once, however many snapshots need
//! it, and the answer is remembered. A lost layer is so found in every snapshot that needs it. The walk never stops at the first fault.
//!
//! What belongs to a manifest is for [`vault::closed`] to say. A layer that a registry does not demand is missed only where the snapshot does
//! not say that it was elsewhere when it was made.
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
use vault::closed::DEPTH_MAX;
use vault::tree::{self, RepositoryIndex, SettingsOf, SnapshotIndex};
use vault::{Names, Vault, VaultError, Why};
use vocab::{AnyDigest, Demand, Descriptor, Digest, RepositoryName};

use crate::finding::{self, Depth, Doubt, Finding, Severity};

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
pub enum SnapshotState {
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
    /// Whether no registry demands it, so that it may have been elsewhere from the start.
    optional: bool,
    /// Whether a snapshot misses it.
    missed: bool,
    told: bool,
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
    /// By object, and whether it is optional.
    known: HashMap<(Digest, bool), usize>,
    /// Blobs that are not as they should be.
    bad: HashMap<Digest, Finding>,
    /// Bytes that may still be hashed because no manifest states the size of what is there.
    doubted: Doubt,
    /// Fingerprints of those that were looked at.
    blobs: HashSet<u64>,
    key: RandomState,
    settings: HashMap<Digest, Option<usize>>,
    /// Manifests without faults and members, which most are, have `None`.
    manifests: HashMap<Digest, Option<Box<Seen>>>,
    repositories: HashMap<Digest, Arc<Faults>>,
}

/// A manifest to be read.
#[derive(Clone)]
struct Fresh {
    digest: Digest,
    told: String,
    /// Who needs it.
    subject: String,
}

/// A blob of a manifest.
struct Blob {
    object: Digest,
    claim_bytes: Option<u64>,
    optional: bool,
}

/// What is read of a manifest.
struct Parts {
    children: Vec<Digest>,
    blobs: Vec<Blob>,
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
            bad: HashMap::new(),
            doubted: Doubt::default(),
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

    /// What was found since the last call.
    pub fn take_new(&mut self) -> Vec<Lack> {
        let fresh = self.lacks.iter_mut().filter(|lack| lack.missed && !lack.told);
        fresh
            .map(|lack| {
                lack.told = true;
                lack.clone()
            })
            .collect()
    }

    /// Everything that was found, at the end.
    #[must_use]
    pub fn into_lacks(self) -> Vec<Lack> {
        self.lacks.into_iter().filter(|lack| lack.missed).collect()
    }

    /// How one snapshot stands. Call [`Vault::check`] first: with the wrong disk mounted everything looks lost (F-8).
    pub fn snapshot<'s>(&'s mut self, digest: &'s Digest) -> BoxFuture<'s, SnapshotState> {
        Box::pin(self.walk(digest))
    }

    async fn walk(&mut self, digest: &Digest) -> SnapshotState {
        let faults = if self.is_lost(digest) {
            Faults::from([self.lost(*digest, "the snapshot")])
        } else {
            match self.vault.snapshot(digest).await {
                Ok(index) => self.index(&index).await,
                Err(error) => Faults::from([self.keep(Finding::of(error, *digest, "the snapshot"))]),
            }
        };
        for at in &faults {
            if let Some(lack) = self.lacks.get_mut(*at) {
                lack.missed = true;
            }
        }
        let worst = faults.iter().filter_map(|at| self.lacks.get(*at)).map(|lack| lack.finding.severity).max();
        match worst {
            None => SnapshotState::Whole,
            Some(Severity::Unknown) => SnapshotState::Unknown,
            Some(Severity::Loss) => SnapshotState::Degraded,
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
        let elsewhere: HashSet<&AnyDigest> = index.elsewhere.iter().map(|layer| &layer.object).collect();
        let may_be_elsewhere = !index.closed || elsewhere.len() >= tree::ELSEWHERE_MAX;
        faults.retain(|at| {
            self.lacks
                .get(*at)
                .is_none_or(|lack| !lack.optional || !(may_be_elsewhere || elsewhere.contains(&AnyDigest::from(lack.finding.object))))
        });
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
            Err(error) => Some(Finding::of(error, digest, subject)),
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
            return Some(Finding::of(VaultError::Missing { digest }, digest, subject));
        }
        finding::blob(self.vault, self.depth, digest, Some(tree::OCI_EMPTY_BYTES.len() as u64), subject, &self.doubted).await
    }

    async fn read_repository(&mut self, digest: &Digest, harbor: &str, name: &RepositoryName) -> Faults {
        if self.is_lost(digest) {
            return Faults::from([self.lost(*digest, name.as_str())]);
        }
        match self.vault.repository(digest).await {
            Ok(index) => self.repository(harbor, name, &index).await,
            Err(error) => Faults::from([self.keep(Finding::of(error, *digest, name.as_str()))]),
        }
    }

    async fn repository(&mut self, harbor: &str, name: &RepositoryName, index: &RepositoryIndex) -> Faults {
        let mut members: BTreeMap<Digest, Fresh> = BTreeMap::new();
        for member in &index.members {
            let digest = member.descriptor.digest;
            members.entry(digest).or_insert_with(|| {
                let subject = member.tag.as_ref().map_or_else(|| format!("{name}@{digest}"), |tag| format!("{name}:{tag}"));
                Fresh { digest, told: member.descriptor.media_type.clone(), subject }
            });
        }
        let mut level: Vec<Fresh> = members.values().cloned().collect();
        for _ in 0..DEPTH_MAX {
            level.retain(|fresh| !self.manifests.contains_key(&fresh.digest));
            if level.is_empty() {
                break;
            }
            for some in level.chunks(OBJECTS_AT_ONCE * 16) {
                self.read_manifests(some.to_vec(), &index.names).await;
            }
            // What an index lists is a member of its own; whatever wrote the snapshot, it is looked at.
            level = level.iter().flat_map(|parent| self.children(parent)).collect();
        }
        let mut all = Faults::new();
        for digest in members.keys() {
            for at in self.faults_of(digest, &members) {
                all.insert(at);
                if let Some(lack) = self.lacks.get_mut(at).filter(|lack| lack.places.len() < PLACES_MAX) {
                    let manifest = self.manifests.contains_key(&lack.finding.object);
                    lack.places.insert(Place { harbor: harbor.to_owned(), repository: name.clone(), manifest });
                }
            }
        }
        all
    }

    fn children(&self, parent: &Fresh) -> Vec<Fresh> {
        let Some(Some(seen)) = self.manifests.get(&parent.digest) else { return Vec::new() };
        seen.children.iter().map(|child| Fresh { digest: *child, told: String::new(), subject: parent.subject.clone() }).collect()
    }

    /// What is the matter with a manifest, and with what it lists that is no member.
    fn faults_of(&self, root: &Digest, members: &BTreeMap<Digest, Fresh>) -> Faults {
        let (mut faults, mut visited, mut level) = (Faults::new(), HashSet::from([*root]), vec![*root]);
        for _ in 0..DEPTH_MAX {
            let mut next = Vec::new();
            for digest in level {
                let Some(Some(seen)) = self.manifests.get(&digest) else { continue };
                faults.extend(&seen.faults);
                next.extend(seen.children.iter().filter(|child| !members.contains_key(child) && visited.insert(**child)));
            }
            level = next;
        }
        faults
    }

    async fn read_manifests(&mut self, fresh: Vec<Fresh>, names: &Names) {
        let (vault, only) = (self.vault, self.only);
        let read: Vec<(Fresh, Result<Parts, Finding>)> = stream::iter(fresh)
            .map(|fresh| async move {
                let parts = parts(vault, only, &fresh, names).await;
                (fresh, parts)
            })
            // In their order: whatever is found is told the same in every walk.
            .buffered(OBJECTS_AT_ONCE)
            .collect()
            .await;
        self.look(&read).await;
        for (fresh, parts) in read {
            let (faults, children) = match parts {
                Err(finding) => (Faults::from([self.keep(finding)]), Vec::new()),
                Ok(parts) => {
                    let bad = parts.blobs.iter().filter_map(|blob| Some((self.bad.get(&blob.object)?.clone(), blob.optional)));
                    let bad: Vec<(Finding, bool)> = bad.collect();
                    (bad.into_iter().map(|(finding, optional)| self.keep_as(finding, optional)).collect(), parts.children)
                }
            };
            let plain = faults.is_empty() && children.is_empty();
            self.manifests.insert(fresh.digest, (!plain).then(|| Box::new(Seen { faults, children })));
        }
    }

    /// Looks at the blobs nobody looked at yet.
    async fn look(&mut self, read: &[(Fresh, Result<Parts, Finding>)]) {
        let mut fresh = Vec::new();
        for (manifest, parts) in read {
            let Ok(parts) = parts else { continue };
            for blob in &parts.blobs {
                if self.only.is_some() {
                    if self.is_lost(&blob.object) {
                        let digest = blob.object;
                        let finding = Finding::of(VaultError::Missing { digest }, digest, &manifest.subject);
                        self.bad.entry(digest).or_insert(finding);
                    }
                } else if self.blobs.insert(self.key.hash_one(blob.object)) {
                    fresh.push((blob.object, blob.claim_bytes, manifest.subject.clone()));
                }
            }
        }
        let (vault, depth, doubted) = (self.vault, self.depth, &self.doubted);
        let found: Vec<Finding> = stream::iter(fresh)
            .map(|(blob, claim_bytes, subject)| async move { finding::blob(vault, depth, blob, claim_bytes, &subject, doubted).await })
            .buffered(OBJECTS_AT_ONCE)
            .filter_map(std::future::ready)
            .collect()
            .await;
        self.bad.extend(found.into_iter().map(|finding| (finding.object, finding)));
    }

    fn is_lost(&self, digest: &Digest) -> bool {
        self.only.is_some_and(|only| only.contains(digest))
    }

    fn lost(&mut self, digest: Digest, subject: &str) -> usize {
        self.keep(Finding::of(VaultError::Missing { digest }, digest, subject))
    }

    fn keep(&mut self, finding: Finding) -> usize {
        self.keep_as(finding, false)
    }

    fn keep_as(&mut self, finding: Finding, optional: bool) -> usize {
        *self.known.entry((finding.object, optional)).or_insert_with(|| {
            self.lacks.push(Lack { finding, places: BTreeSet::new(), optional, missed: false, told: false });
            self.lacks.len() - 1
        })
    }
}

async fn parts(vault: &Vault, only: Option<&HashSet<Digest>>, fresh: &Fresh, names: &Names) -> Result<Parts, Finding> {
    let Fresh { digest, told, subject } = fresh;
    if only.is_some_and(|only| only.contains(digest)) {
        return Err(Finding::of(VaultError::Missing { digest: *digest }, *digest, subject));
    }
    let read = vault.needs(digest, told).await.map_err(|error| Finding::of(error, *digest, subject))?;
    let needs = read.map_err(|why| Finding::lack(why, *digest, subject))?;
    if let Some(name) = &needs.unknown {
        return Err(Finding::lack(Why::NoDigest(name.clone()), *digest, subject));
    }
    let mut blobs = Vec::with_capacity(needs.blobs.len());
    for need in needs.blobs.iter().filter(|need| need.demand != Demand::Nobody) {
        let optional = need.demand != Demand::Registry;
        let object = match &need.digest {
            AnyDigest::Sha256(digest) => *digest,
            AnyDigest::Other(name) => match names.get(name) {
                Some(object) => *object,
                None if optional => continue,
                None => return Err(Finding::lack(Why::NoDigest(need.digest.to_string()), *digest, subject)),
            },
        };
        blobs.push(Blob { object, claim_bytes: need.claim_bytes, optional });
    }
    Ok(Parts { children: needs.demanded_children().filter_map(|child| child.digest.sha256()).collect(), blobs })
}
