//! What must be true, kept apart from the code under test: which tags point where, which bytes every digest stands for, and what each
//! snapshot promised when it was sealed.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use bytes::Bytes;
use harbor_sim::images::{Blob, Image};
use vault::Pointer;
use vocab::Digest;

use crate::push;

/// The projects that are backed up.
pub const PROJECTS: [&str; 2] = ["shop", "lab"];
/// Names of repositories in each.
pub const REPOSITORIES: [&str; 3] = ["web", "api", "deep/base"];
/// Tags that pushes use: few, so that they move.
pub const TAGS: [&str; 5] = ["1.0", "1.1", "2.0", "latest", "stable"];

/// A digest's bytes, and what they refer to.
#[derive(Clone)]
pub struct Known {
    pub media_type: String,
    pub bytes: Bytes,
    /// Blobs of a manifest.
    pub blobs: Vec<Digest>,
    /// Members of an index.
    pub children: Vec<Digest>,
}

/// One project as Harbor has it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct State {
    /// `repository` and tag to digest.
    pub tags: BTreeMap<(String, String), Digest>,
    /// Everything in a repository but accessories.
    pub artifacts: BTreeSet<(String, Digest)>,
    /// Accessory to what it is about.
    pub accessories: BTreeMap<(String, Digest), Digest>,
    /// The project's own setting.
    pub public: bool,
}

/// A sealed snapshot, and what it promises.
pub struct Snap {
    pub pointer: Pointer,
    pub state: State,
    /// Sealed without a gap.
    pub complete: bool,
    /// Only its existence is known: its content has gaps.
    pub project: &'static str,
}

/// Everything the test knows.
#[derive(Default)]
pub struct Model {
    pub known: HashMap<Digest, Known>,
    pub projects: BTreeMap<&'static str, State>,
    pub images: Vec<Image>,
}

impl Model {
    fn learn(&mut self, blob: &Blob, blobs: Vec<Digest>, children: Vec<Digest>) -> Digest {
        let digest = push::digest(blob);
        self.known.entry(digest).or_insert_with(|| Known {
            media_type: blob.media_type.clone(),
            bytes: blob.bytes.clone(),
            blobs,
            children,
        });
        digest
    }

    pub fn learn_image(&mut self, image: &Image) -> Digest {
        let blobs = image.blobs.iter().map(|blob| self.learn(blob, Vec::new(), Vec::new())).collect();
        self.learn(&image.manifest, blobs, Vec::new())
    }

    pub fn learn_index(&mut self, index: &Blob, children: Vec<Digest>) -> Digest {
        self.learn(index, Vec::new(), children)
    }

    pub fn state(&mut self, project: &'static str) -> &mut State {
        self.projects.entry(project).or_default()
    }

    /// Every object under a manifest, itself first.
    pub fn closure(&self, digest: &Digest) -> BTreeSet<Digest> {
        let mut found = BTreeSet::new();
        let mut queue = vec![*digest];
        while let Some(digest) = queue.pop() {
            if found.insert(digest) {
                let known = &self.known[&digest];
                queue.extend(known.blobs.iter().chain(&known.children));
            }
        }
        found
    }

    /// Every object that a project's images need.
    pub fn objects(&self, state: &State) -> BTreeSet<Digest> {
        let manifests = state.artifacts.iter().map(|(_, digest)| digest).chain(state.accessories.keys().map(|(_, digest)| digest));
        manifests.flat_map(|digest| self.closure(digest)).collect()
    }

    /// As Harbor does it: tags and accessories go along, and so do members that nothing else needs.
    pub fn delete_artifact(&mut self, project: &'static str, repository: &str, digest: Digest) {
        let mut queue = vec![digest];
        while let Some(digest) = queue.pop() {
            let children = self.known[&digest].children.clone();
            let state = self.projects.entry(project).or_default();
            let was_there = state.artifacts.remove(&(repository.to_owned(), digest));
            let was_accessory = state.accessories.remove(&(repository.to_owned(), digest)).is_some();
            if !was_there && !was_accessory {
                continue;
            }
            state.tags.retain(|(r, _), to| r != repository || *to != digest);
            queue.extend(state.accessories.iter().filter(|((r, _), subject)| r == repository && **subject == digest).map(|((_, d), _)| *d));
            for child in children {
                let tagged = self.projects[project].tags.iter().any(|((r, _), to)| r == repository && *to == child);
                if !tagged && !self.is_child(project, repository, &child) {
                    queue.push(child);
                }
            }
        }
    }

    /// Whether an index of the repository has it as a member.
    pub fn is_child(&self, project: &str, repository: &str, digest: &Digest) -> bool {
        let artifacts = &self.projects[project].artifacts;
        artifacts.iter().any(|(r, parent)| r == repository && self.known[parent].children.contains(digest))
    }
}
