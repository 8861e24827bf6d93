//! What belongs into the snapshot: one node per repository and digest, with its tags and its role.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use vault::tree::{Label, Role};
use vocab::{Digest, RepositoryName, Tag};

use super::listing::Listed;
use crate::source::Seen;

/// One artifact of one repository.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    pub tags: BTreeSet<Tag>,
    pub labels: Vec<Label>,
    pub role: Role,
    pub media_type: Option<String>,
    /// As Harbor counts it; 0 where it is not listed.
    pub size_bytes: u64,
}

/// All of them. A tag belongs to one node; who claims it first keeps it.
#[derive(Default)]
pub(crate) struct Nodes {
    map: BTreeMap<(RepositoryName, Digest), Node>,
    owners: HashMap<(RepositoryName, Tag), Digest>,
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
        let node = Node {
            tags: BTreeSet::new(),
            labels: seen.labels.clone(),
            role,
            media_type: seen.media_type.clone(),
            size_bytes: seen.size_bytes,
        };
        self.map.entry((seen.repository.clone(), seen.digest)).or_insert(node);
        for tag in &seen.tags {
            self.claim(&seen.repository, tag, &seen.digest);
        }
    }

    /// Gives the tag to the artifact unless another has it. Answers whether the artifact has it now.
    pub(crate) fn claim(&mut self, repository: &RepositoryName, tag: &Tag, digest: &Digest) -> bool {
        let owner = *self.owners.entry((repository.clone(), tag.clone())).or_insert(*digest);
        if owner != *digest {
            return false;
        }
        match self.map.get_mut(&(repository.clone(), *digest)) {
            Some(node) => {
                node.tags.insert(tag.clone());
                true
            }
            None => false,
        }
    }

    /// A manifest an index names and no listing showed. Answers whether it is new.
    pub(crate) fn add_child(&mut self, repository: &RepositoryName, digest: Digest, media_type: &str) -> bool {
        match self.map.entry((repository.clone(), digest)) {
            Entry::Occupied(_) => false,
            Entry::Vacant(place) => {
                let media_type = Some(media_type.to_owned());
                place.insert(Node { tags: BTreeSet::new(), labels: Vec::new(), role: Role::Child, media_type, size_bytes: 0 });
                true
            }
        }
    }

    pub(crate) fn set_role(&mut self, repository: &RepositoryName, digest: &Digest, role: Role) {
        if let Some(node) = self.map.get_mut(&(repository.clone(), *digest)) {
            node.role = role;
        }
    }

    pub(crate) fn contains(&self, repository: &RepositoryName, digest: &Digest) -> bool {
        self.map.contains_key(&(repository.clone(), *digest))
    }

    pub(crate) fn get(&self, repository: &RepositoryName, digest: &Digest) -> Option<&Node> {
        self.map.get(&(repository.clone(), *digest))
    }

    pub(crate) fn owner(&self, repository: &RepositoryName, tag: &Tag) -> Option<Digest> {
        self.owners.get(&(repository.clone(), tag.clone())).copied()
    }

    pub(crate) fn len(&self) -> usize {
        self.map.len()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&RepositoryName, &Digest, &Node)> {
        self.map.iter().map(|((repository, digest), node)| (repository, digest, node))
    }
}
