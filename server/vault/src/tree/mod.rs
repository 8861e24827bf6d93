//! The tree of a snapshot: plain OCI image indexes (image-spec 1.1, image-index.md), so that any OCI tool can walk it.
//!
//! Invariant: encoding is canonical. Members are sorted, JSON has no white space, objects have a fixed order of keys, and
//! nothing volatile goes in, so an unchanged repository has the same bytes, and the same digest, in every snapshot.
//! Annotations under `io.breakwater.` and the reference name belong to this module: encoding takes them from the typed
//! fields and drops any that a descriptor brought along.

mod canonical;
mod project;
mod repository;
mod snapshot;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use vocab::{Descriptor, Digest, media};

pub use self::canonical::canonical_json;
pub use self::project::{EncodedSettings, SettingsOf};
pub use self::repository::{Label, RepositoryIndex, RepositoryMember, Role};
pub use self::snapshot::{Gap, SnapshotIndex};

/// Artifact type of a snapshot index.
pub const SNAPSHOT_TYPE: &str = "application/vnd.breakwater.snapshot.v1";
/// Artifact type of a repository index.
pub const REPOSITORY_TYPE: &str = "application/vnd.breakwater.repository.v1";
/// Artifact type of a project's settings.
pub const PROJECT_TYPE: &str = "application/vnd.breakwater.project.v1";
/// Media type of the one blob of a project's settings.
pub const PROJECT_BLOB_TYPE: &str = "application/vnd.breakwater.project.v1+json";
/// Artifact type of the settings of a whole Harbor.
pub const HARBOR_TYPE: &str = "application/vnd.breakwater.harbor.v1";
/// Media type of the one blob of a Harbor's settings.
pub const HARBOR_BLOB_TYPE: &str = "application/vnd.breakwater.harbor.v1+json";
/// The empty configuration of an OCI artifact (image-spec, manifest.md, "Guidance for an empty descriptor").
pub const OCI_EMPTY_BYTES: &[u8] = b"{}";

/// The annotation that names a descriptor: the tag, or in the vault's index harbor, project and moment.
pub const REF_NAME: &str = "org.opencontainers.image.ref.name";
/// Annotation with a snapshot's id, in the vault's index.
pub const SNAPSHOT_ID: &str = "io.breakwater.snapshot.id";
const DESCRIPTION: &str = "org.opencontainers.image.description";
const OURS: &str = "io.breakwater.";
const HARBOR: &str = "io.breakwater.harbor";
const PROJECT: &str = "io.breakwater.project";
const STARTED: &str = "io.breakwater.started";
const FINISHED: &str = "io.breakwater.finished";
const LISTED: &str = "io.breakwater.listed";
const GAPS: &str = "io.breakwater.gaps";
/// Annotation with a repository's name: of a repository index, and of an untagged image where a layout holds several repositories.
pub const REPOSITORY: &str = "io.breakwater.repository";
const ROLE: &str = "io.breakwater.role";
const SUBJECT: &str = "io.breakwater.subject";
const KIND: &str = "io.breakwater.accessory-kind";
const LABELS: &str = "io.breakwater.labels";

/// Largest index read or written, in bytes. About 700,000 members; held in memory while it is used.
pub const TREE_BYTES_MAX: usize = 256 * 1024 * 1024;
/// Most members of one index.
pub const MEMBERS_MAX: usize = 1_000_000;

/// Why bytes are not such an index, or a value cannot become one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TreeError {
    /// Not JSON, or a field of another type than the specification says.
    #[error("not readable: {0}")]
    Json(String),
    /// An index, but of another kind.
    #[error("its artifact type is {found:?}, not {expected}")]
    OtherType {
        /// The type asked for.
        expected: &'static str,
        /// The type found.
        found: String,
    },
    /// A required annotation is missing or cannot be read.
    #[error("annotation {0} is missing or not readable")]
    Annotation(&'static str),
    /// Above [`TREE_BYTES_MAX`] or [`MEMBERS_MAX`].
    #[error("it has {0} bytes or members, more than this program handles")]
    TooLarge(usize),
    /// One tag names two artifacts. A listing that says so was taken while the tag moved; list again.
    #[error("tag {0} names two artifacts")]
    TagTwice(String),
    /// One artifact is described in two different ways.
    #[error("artifact {0} is described twice, differently")]
    ArtifactTwice(Digest),
    /// One repository is listed twice.
    #[error("repository {0} is listed twice")]
    RepositoryTwice(String),
    /// A repository of another project.
    #[error("repository {0} is not of this project")]
    ForeignRepository(String),
    /// A descriptor's size does not fit where it must (8 EiB).
    #[error("size {0} is too large")]
    Size(u64),
}

/// An OCI image index as it is written: this order of keys.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct IndexDocument {
    schema_version: u32,
    media_type: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    artifact_type: Option<String>,
    manifests: Vec<Descriptor>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    annotations: BTreeMap<String, String>,
}

/// The bytes of an index. `descriptors` are taken in the order given.
pub(crate) fn encode_index(artifact_type: Option<&str>, descriptors: &[Descriptor], annotations: &BTreeMap<String, String>) -> Vec<u8> {
    let document = IndexDocument {
        schema_version: 2,
        media_type: media::OCI_INDEX.to_owned(),
        artifact_type: artifact_type.map(str::to_owned),
        manifests: descriptors.to_vec(),
        annotations: annotations.clone(),
    };
    serde_json::to_vec(&document).expect("strings, integers and maps with string keys always have a JSON form")
}

fn encode_checked(
    artifact_type: &'static str,
    descriptors: &[Descriptor],
    annotations: &BTreeMap<String, String>,
) -> Result<Vec<u8>, TreeError> {
    if descriptors.len() > MEMBERS_MAX {
        return Err(TreeError::TooLarge(descriptors.len()));
    }
    if let Some(large) = descriptors.iter().find(|d| i64::try_from(d.size).is_err()) {
        return Err(TreeError::Size(large.size));
    }
    let bytes = encode_index(Some(artifact_type), descriptors, annotations);
    if bytes.len() > TREE_BYTES_MAX { Err(TreeError::TooLarge(bytes.len())) } else { Ok(bytes) }
}

fn decode_index(expected: &'static str, bytes: &[u8]) -> Result<IndexDocument, TreeError> {
    if bytes.len() > TREE_BYTES_MAX {
        return Err(TreeError::TooLarge(bytes.len()));
    }
    let document: IndexDocument = serde_json::from_slice(bytes).map_err(|e| TreeError::Json(e.to_string()))?;
    if document.schema_version != 2 || document.media_type != media::OCI_INDEX {
        return Err(TreeError::Json("it is not an OCI image index".to_owned()));
    }
    if document.artifact_type.as_deref() != Some(expected) {
        let found: String = document.artifact_type.unwrap_or_default().chars().take(100).collect();
        return Err(TreeError::OtherType { expected, found });
    }
    if document.manifests.len() > MEMBERS_MAX {
        return Err(TreeError::TooLarge(document.manifests.len()));
    }
    Ok(document)
}

/// A descriptor of something this program wrote.
pub(crate) fn descriptor(media_type: &str, digest: Digest, size_bytes: usize, artifact_type: &str) -> Descriptor {
    Descriptor {
        media_type: media_type.to_owned(),
        digest,
        size: size_bytes as u64,
        artifact_type: Some(artifact_type.to_owned()),
        annotations: BTreeMap::new(),
        platform: None,
        urls: Vec::new(),
    }
}

/// `descriptor` without the annotations that belong to this module.
fn foreign_only(descriptor: &Descriptor) -> Descriptor {
    let mut plain = descriptor.clone();
    plain.annotations.retain(|name, _| name != REF_NAME && !name.starts_with(OURS));
    plain
}

#[cfg(test)]
mod tests;
