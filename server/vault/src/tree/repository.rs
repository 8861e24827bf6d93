//! One repository: a descriptor for every pair of artifact and tag, and for everything untagged that belongs to them.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use vocab::{Descriptor, Digest, RepositoryName, Tag};

use super::{
    DESCRIPTION, KIND, LABELS, Member, NAMES, REF_NAME, REPOSITORY, REPOSITORY_TYPE, ROLE, SUBJECT, TreeError, check_sizes, decode_index,
    encode_checked, foreign_only,
};
use crate::closed::Names;

/// A repository of one snapshot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RepositoryIndex {
    /// Its name, project included.
    pub name: RepositoryName,
    /// Harbor's description of it.
    pub description: Option<String>,
    /// Its artifacts, in any order; encoding sorts them.
    pub members: Vec<RepositoryMember>,
    /// Which objects are stored for what its manifests name by another algorithm than SHA-256.
    pub names: Names,
}

/// One artifact under one tag, or under none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RepositoryMember {
    /// The manifest.
    pub descriptor: Descriptor,
    /// The tag; an artifact with three tags is three members.
    pub tag: Option<Tag>,
    /// Why it is here.
    pub role: Role,
    /// The labels Harbor has on the artifact; encoding sorts them.
    pub labels: Vec<Label>,
}

/// Why an artifact is part of a repository.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Listed for itself, tagged or not.
    Root,
    /// A manifest of an index.
    Child,
    /// A signature, SBOM or the like.
    Accessory {
        /// The artifact it is about.
        subject: Digest,
        /// Harbor's word for it: `signature.cosign`, `sbom.harbor` …
        kind: String,
    },
}

/// A Harbor label on an artifact.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Label {
    /// Its name.
    pub name: String,
    /// `g` for global, `p` for project, as Harbor has it.
    pub scope: String,
    /// Its colour, as Harbor has it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub color: String,
}

impl RepositoryMember {
    /// A listed artifact without labels.
    #[must_use]
    pub fn root(descriptor: Descriptor, tag: Option<Tag>) -> Self {
        Self { descriptor, tag, role: Role::Root, labels: Vec::new() }
    }

    fn key(&self) -> (Option<&Tag>, &Digest, &Role) {
        (self.tag.as_ref(), &self.descriptor.digest, &self.role)
    }

    fn encode(&self) -> Descriptor {
        let mut descriptor = foreign_only(&self.descriptor);
        let mut set = |name: &str, value: String| descriptor.annotations.insert(name.to_owned(), value);
        if let Some(tag) = &self.tag {
            set(REF_NAME, tag.to_string());
        }
        match &self.role {
            Role::Root => set(ROLE, "root".to_owned()),
            Role::Child => set(ROLE, "child".to_owned()),
            Role::Accessory { subject, kind } => {
                set(SUBJECT, subject.to_string());
                set(KIND, kind.clone());
                set(ROLE, "accessory".to_owned())
            }
        };
        let labels: BTreeSet<&Label> = self.labels.iter().collect();
        if !labels.is_empty() {
            set(LABELS, serde_json::to_string(&labels).expect("strings always have a JSON form"));
        }
        descriptor
    }
}

impl Member for RepositoryMember {
    fn read(descriptor: &Descriptor) -> Result<Option<Self>, TreeError> {
        let get = |name: &str| descriptor.annotations.get(name);
        let tag = get(REF_NAME).map(|tag| tag.parse()).transpose().map_err(|_| TreeError::Annotation(REF_NAME))?;
        let role = match get(ROLE).map(String::as_str) {
            Some("root") => Role::Root,
            Some("child") => Role::Child,
            Some("accessory") => Role::Accessory {
                subject: get(SUBJECT).and_then(|text| text.parse().ok()).ok_or(TreeError::Annotation(SUBJECT))?,
                kind: get(KIND).cloned().unwrap_or_default(),
            },
            _ => return Err(TreeError::Annotation(ROLE)),
        };
        let labels = match get(LABELS) {
            Some(text) => serde_json::from_str(text).map_err(|_| TreeError::Annotation(LABELS))?,
            None => Vec::new(),
        };
        Ok(Some(Self { descriptor: foreign_only(descriptor), tag, role, labels }))
    }
}

impl RepositoryIndex {
    /// The canonical bytes: the same for the same members, in whatever order and however often they come.
    pub fn encode(&self) -> Result<Vec<u8>, TreeError> {
        check_sizes(self.members.iter().map(|member| member.descriptor.size))?;
        let mut sorted: Vec<&RepositoryMember> = self.members.iter().collect();
        sorted.sort_by(|one, other| one.key().cmp(&other.key()));
        for (one, next) in sorted.iter().zip(sorted.iter().skip(1)) {
            let digest = next.descriptor.digest;
            if let Some(tag) = &next.tag
                && one.tag.as_ref() == Some(tag)
                && one.descriptor.digest != digest
            {
                return Err(TreeError::TagTwice(tag.to_string()));
            }
            if one.key() == next.key() && one.encode() != next.encode() {
                return Err(TreeError::ArtifactTwice(digest));
            }
        }
        sorted.dedup_by(|one, other| one.key() == other.key());
        let mut annotations = BTreeMap::from([(REPOSITORY.to_owned(), self.name.to_string())]);
        if let Some(description) = self.description.as_ref().filter(|text| !text.is_empty()) {
            annotations.insert(DESCRIPTION.to_owned(), description.clone());
        }
        if !self.names.is_empty() {
            let text = serde_json::to_string(&self.names).map_err(|e| TreeError::Json(e.to_string()))?;
            annotations.insert(NAMES.to_owned(), text);
        }
        encode_checked(REPOSITORY_TYPE, sorted.iter().map(|member| member.encode()), &annotations)
    }

    /// Reads what [`RepositoryIndex::encode`] wrote. Annotations of later versions are passed over.
    pub fn decode(bytes: &[u8]) -> Result<Self, TreeError> {
        let (members, annotations) = decode_index(REPOSITORY_TYPE, bytes)?;
        let name = annotations.get(REPOSITORY).and_then(|name| name.parse().ok());
        let names = match annotations.get(NAMES) {
            Some(text) => serde_json::from_str(text).map_err(|_| TreeError::Annotation(NAMES))?,
            None => Names::new(),
        };
        let name = name.ok_or(TreeError::Annotation(REPOSITORY))?;
        Ok(Self { name, description: annotations.get(DESCRIPTION).cloned(), members, names })
    }
}
