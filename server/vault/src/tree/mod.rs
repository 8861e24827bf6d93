//! The tree of a snapshot: plain OCI image indexes (image-spec 1.1, image-index.md), so that any OCI tool can walk it.
//!
//! Invariant: encoding is canonical. Members are sorted, JSON has no white space, objects have a fixed order of keys, and
//! nothing volatile goes in, so an unchanged repository has the same bytes, and the same digest, in every snapshot.
//! Annotations under `io.breakwater.` and the reference name belong to this module: encoding takes them from the typed
//! fields and drops any that a descriptor brought along.

mod canonical;
mod facts;
mod project;
mod pushed;
mod repository;
mod snapshot;

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use vocab::{Descriptor, Digest, media};

pub use self::canonical::canonical_json;
pub use self::facts::Facts;
pub use self::project::{EncodedSettings, SettingsOf};
pub use self::pushed::{PushTimes, PushTimesText, PushedAt, RepositoryPushes};
pub use self::repository::{Label, RepositoryIndex, RepositoryMember, Role};
pub use self::snapshot::{Elsewhere, Gap, KEPT_ELSEWHERE, Limit, Origin, RepositoryDescriptor, SnapshotIndex};

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
/// Artifact type of a project's push times.
pub const PUSHED_TYPE: &str = "application/vnd.breakwater.pushed.v1";
/// Media type of the one blob of a project's push times.
pub const PUSHED_BLOB_TYPE: &str = "application/vnd.breakwater.pushed.v1+json";
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
/// Annotation of a snapshot that was not read from its Harbor.
const ORIGIN: &str = "io.breakwater.origin";
const STARTED: &str = "io.breakwater.started";
const FINISHED: &str = "io.breakwater.finished";
const LISTED: &str = "io.breakwater.listed";
const GAPS: &str = "io.breakwater.gaps";
const LIMITS: &str = "io.breakwater.limits";
/// Annotation with a repository's name: of a repository index, and of an untagged image where a layout holds several repositories.
pub const REPOSITORY: &str = "io.breakwater.repository";
const NAMES: &str = "io.breakwater.names";
const CLOSED: &str = "io.breakwater.closed";
const ELSEWHERE: &str = "io.breakwater.elsewhere";
const ROLE: &str = "io.breakwater.role";
const SUBJECT: &str = "io.breakwater.subject";
const KIND: &str = "io.breakwater.accessory-kind";
const LABELS: &str = "io.breakwater.labels";

/// Largest index read or written, in bytes. About 700,000 members; held in memory while it is used.
pub const TREE_BYTES_MAX: usize = 256 * 1024 * 1024;
/// Most layers that are named as being elsewhere in one snapshot. With that many, what is not named may be elsewhere too.
pub const ELSEWHERE_MAX: usize = 2_000;
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

/// An OCI image index as it is written: this order of keys. Its members are made as they are written, so that an index of very many
/// costs its bytes and no second copy of its members.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Written<'a, M: Serialize> {
    schema_version: u32,
    media_type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    artifact_type: Option<&'static str>,
    manifests: M,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    annotations: &'a BTreeMap<String, String>,
}

/// The members of an index, one by one.
struct Each<I>(I);

impl<I: Iterator<Item = Descriptor> + Clone> Serialize for Each<I> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.clone())
    }
}

/// The bytes of an index. `descriptors` are taken in the order given.
pub(crate) fn encode_index(
    artifact_type: Option<&'static str>,
    descriptors: impl Iterator<Item = Descriptor> + Clone,
    annotations: &BTreeMap<String, String>,
) -> Vec<u8> {
    let document = Written { schema_version: 2, media_type: media::OCI_INDEX, artifact_type, manifests: Each(descriptors), annotations };
    serde_json::to_vec(&document).expect("strings, integers and maps with string keys always have a JSON form")
}

fn encode_checked(
    artifact_type: &'static str,
    descriptors: impl Iterator<Item = Descriptor> + Clone,
    annotations: &BTreeMap<String, String>,
) -> Result<Vec<u8>, TreeError> {
    let bytes = encode_index(Some(artifact_type), descriptors, annotations);
    if bytes.len() > TREE_BYTES_MAX { Err(TreeError::TooLarge(bytes.len())) } else { Ok(bytes) }
}

/// Refuses what no index may have, before it is written.
fn check_sizes(sizes: impl ExactSizeIterator<Item = u64>) -> Result<(), TreeError> {
    if sizes.len() > MEMBERS_MAX {
        return Err(TreeError::TooLarge(sizes.len()));
    }
    match { sizes }.find(|size| i64::try_from(*size).is_err()) {
        Some(large) => Err(TreeError::Size(large)),
        None => Ok(()),
    }
}

/// What a descriptor of an index is to a reader of it.
trait Member: Sized {
    /// `None`: a member of a later version, passed over.
    fn read(descriptor: &Descriptor) -> Result<Option<Self>, TreeError>;
}

/// The members of an index as they were read: each descriptor is let go of once it was looked at, because with its annotations it takes
/// several times the room of what is kept of it.
struct Members<T> {
    count: usize,
    read: Vec<T>,
    /// The first that could not be understood. It is told only once the index is known to be of the right kind.
    fault: Option<TreeError>,
}

impl<'de, T: Member> Deserialize<'de> for Members<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor<T>(std::marker::PhantomData<T>);

        impl<'de, T: Member> serde::de::Visitor<'de> for Visitor<T> {
            type Value = Members<T>;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a list of descriptors")
            }

            fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut seq: A) -> Result<Members<T>, A::Error> {
                let mut members = Members { count: 0, read: Vec::new(), fault: None };
                while let Some(descriptor) = seq.next_element::<Descriptor>()? {
                    members.count += 1;
                    if members.count > MEMBERS_MAX || members.fault.is_some() {
                        continue;
                    }
                    match T::read(&descriptor) {
                        Ok(member) => members.read.extend(member),
                        Err(fault) => members.fault = Some(fault),
                    }
                }
                Ok(members)
            }
        }

        deserializer.deserialize_seq(Visitor(std::marker::PhantomData))
    }
}

/// An OCI image index as it is read.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", bound = "T: Member")]
struct IndexDocument<T> {
    schema_version: u32,
    media_type: String,
    #[serde(default)]
    artifact_type: Option<String>,
    manifests: Members<T>,
    #[serde(default)]
    annotations: BTreeMap<String, String>,
}

fn decode_index<T: Member>(expected: &'static str, bytes: &[u8]) -> Result<(Vec<T>, BTreeMap<String, String>), TreeError> {
    if bytes.len() > TREE_BYTES_MAX {
        return Err(TreeError::TooLarge(bytes.len()));
    }
    let document: IndexDocument<T> = serde_json::from_slice(bytes).map_err(|e| TreeError::Json(e.to_string()))?;
    if document.schema_version != 2 || document.media_type != media::OCI_INDEX {
        return Err(TreeError::Json("it is not an OCI image index".to_owned()));
    }
    if document.artifact_type.as_deref() != Some(expected) {
        let found: String = document.artifact_type.unwrap_or_default().chars().take(100).collect();
        return Err(TreeError::OtherType { expected, found });
    }
    let Members { count, read, fault } = document.manifests;
    if count > MEMBERS_MAX {
        return Err(TreeError::TooLarge(count));
    }
    match fault {
        Some(fault) => Err(fault),
        None => Ok((read, document.annotations)),
    }
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
