//! What belongs into the snapshot: one node per repository and digest, with its tags and its role.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use vault::tree::{Label, Role};
use vocab::{Digest, RepositoryName, Tag};

use super::listing::Listed;
use crate::source::Seen;

/// One artifact of one repository.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    /// Sorted. Most have one or none.
    pub tags: Vec<Tag>,
    pub labels: Vec<Label>,
    pub role: Role,
    pub media_type: Option<Arc<str>>,
    /// As Harbor counts it; 0 where it is not listed.
    pub size_bytes: u64,
}

impl Node {
    /// Whether other things are likely to be about it: an image, tagged or not, or one of an index.
    pub(crate) fn is_image(&self) -> bool {
        !matches!(self.role, Role::Accessory { .. })
    }
}

/// What a tag of the convention `sha256-<hex>`, with or without an ending, says the artifact is about, and what it is: `sig`, `att`, `sbom` of cosign, or
/// `referrers`, the index of a registry without that endpoint (distribution-spec, "Referrers Tag Schema").
pub(crate) fn about(tag: &Tag) -> Option<(Digest, &'static str)> {
    let rest = tag.as_str().strip_prefix("sha256-")?;
    let (hex, ending) = rest.split_once('.').unwrap_or((rest, "referrers"));
    let ending = ["sig", "att", "sbom", "referrers"].into_iter().find(|known| *known == ending)?;
    Some((format!("sha256:{hex}").parse().ok()?, ending))
}

/// All of them. A tag belongs to one node; who claims it first keeps it.
#[derive(Default)]
pub(crate) struct Nodes {
    repositories: BTreeMap<RepositoryName, Repository>,
    len: usize,
}

#[derive(Default)]
struct Repository {
    nodes: BTreeMap<Digest, Node>,
    owners: HashMap<Tag, Digest>,
}

impl Nodes {
    /// The listed artifacts.
    pub(crate) fn of(listed: &Listed) -> Self {
        let children: HashSet<(&RepositoryName, &Digest)> =
            listed.artifacts.iter().flat_map(|a| a.children.iter().map(move |child| (&a.repository, child))).collect();
        let mut nodes = Self::default();
        for artifact in &listed.artifacts {
            let is_child = artifact.tags.is_empty() && children.contains(&(&artifact.repository, &artifact.digest));
            nodes.add(artifact, if is_child { Role::Child } else { Role::Root });
        }
        nodes
    }

    pub(crate) fn add(&mut self, seen: &Seen, role: Role) {
        let node =
            Node { tags: Vec::new(), labels: seen.labels.clone(), role, media_type: seen.media_type.clone(), size_bytes: seen.size_bytes };
        self.place(&seen.repository, seen.digest, node);
        for tag in &seen.tags {
            self.claim(&seen.repository, tag, &seen.digest);
        }
    }

    /// Answers whether it is new.
    fn place(&mut self, repository: &RepositoryName, digest: Digest, node: Node) -> bool {
        if !self.repositories.contains_key(repository) {
            self.repositories.insert(repository.clone(), Repository::default());
        }
        let new = match self.repositories.get_mut(repository).map(|repository| repository.nodes.entry(digest)) {
            Some(Entry::Vacant(place)) => {
                place.insert(node);
                true
            }
            _ => false,
        };
        self.len += usize::from(new);
        new
    }

    /// Gives the tag to the artifact unless another has it. Answers whether the artifact has it now.
    pub(crate) fn claim(&mut self, repository: &RepositoryName, tag: &Tag, digest: &Digest) -> bool {
        let Some(Repository { nodes, owners }) = self.repositories.get_mut(repository) else { return false };
        if *owners.entry(tag.clone()).or_insert(*digest) != *digest {
            return false;
        }
        let Some(node) = nodes.get_mut(digest) else { return false };
        if let Err(place) = node.tags.binary_search(tag) {
            node.tags.reserve_exact(1);
            node.tags.insert(place, tag.clone());
        }
        true
    }

    /// A manifest an index names and no listing showed. Answers whether it is new.
    pub(crate) fn add_child(&mut self, repository: &RepositoryName, digest: Digest) -> bool {
        // What an index says of a child's type is a claim of the index.
        self.place(repository, digest, Node { tags: Vec::new(), labels: Vec::new(), role: Role::Child, media_type: None, size_bytes: 0 })
    }

    /// What was listed for itself and is a part of an index that no listing shows belongs to that.
    pub(crate) fn adopt(&mut self, index: &Seen) {
        let Some(repository) = self.repositories.get_mut(&index.repository) else { return };
        for child in &index.children {
            if let Some(node) = repository.nodes.get_mut(child).filter(|node| node.role == Role::Root && node.tags.is_empty()) {
                node.role = Role::Child;
            }
        }
    }

    pub(crate) fn set_role(&mut self, repository: &RepositoryName, digest: &Digest, role: Role) {
        if let Some(node) = self.repositories.get_mut(repository).and_then(|repository| repository.nodes.get_mut(digest)) {
            node.role = role;
        }
    }

    pub(crate) fn contains(&self, repository: &RepositoryName, digest: &Digest) -> bool {
        self.get(repository, digest).is_some()
    }

    pub(crate) fn get(&self, repository: &RepositoryName, digest: &Digest) -> Option<&Node> {
        self.repositories.get(repository)?.nodes.get(digest)
    }

    pub(crate) fn owner(&self, repository: &RepositoryName, tag: &Tag) -> Option<Digest> {
        self.repositories.get(repository)?.owners.get(tag).copied()
    }

    /// Whether a repository has nothing, or nothing but what its tags say is about something that is not in it: then there may be more of the kind.
    pub(crate) fn is_all_about_others(&self, repository: &RepositoryName) -> bool {
        let Some(Repository { nodes, .. }) = self.repositories.get(repository) else { return true };
        let elsewhere = |tag: &Tag| about(tag).is_some_and(|(subject, _)| !nodes.contains_key(&subject));
        nodes.values().all(|node| node.role != Role::Root || !node.tags.is_empty() && node.tags.iter().all(elsewhere))
    }

    /// How many artifacts of a repository there are.
    pub(crate) fn of_repository(&self, repository: &RepositoryName) -> usize {
        self.repositories.get(repository).map_or(0, |repository| repository.nodes.len())
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&RepositoryName, &Digest, &Node)> {
        self.repositories.iter().flat_map(|(name, repository)| repository.nodes.iter().map(move |(digest, node)| (name, digest, node)))
    }

    /// In how many repositories they are.
    pub(crate) fn repositories(&self) -> usize {
        self.repositories.len()
    }

    /// Each repository with its artifacts, by name and digest.
    pub(crate) fn into_repositories(self) -> impl Iterator<Item = (RepositoryName, BTreeMap<Digest, Node>)> {
        self.repositories.into_iter().map(|(name, repository)| (name, repository.nodes))
    }
}
