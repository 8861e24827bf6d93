//! What somebody wants back, in terms of a snapshot.

use serde::{Deserialize, Serialize};
use vocab::{Digest, RepositoryName, Tag};

/// A selection of a snapshot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Selection {
    /// Everything: tags, untagged artifacts, accessories.
    Project,
    /// Some of it.
    Items(Vec<Wanted>),
}

/// One line of a selection.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Wanted {
    /// Repository of the snapshot.
    pub repository: RepositoryName,
    /// What of it.
    pub what: What,
}

/// What of a repository.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum What {
    /// Every tag it had.
    AllTags,
    /// One tag.
    Tag(Tag),
    /// One artifact by digest; it comes back without a tag.
    Artifact(Digest),
}
