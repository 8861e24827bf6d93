//! What could not be read, under stable codes, each with a cause and a remedy.

use registry::RegistryError;
use vault::tree::Gap;
use vocab::{Digest, ManifestError, RepositoryName, Tag};

/// A policy of the project (vulnerabilities, content trust) blocks the pull, of administrators too.
pub const BLOCKED_BY_POLICY: &str = "blocked_by_policy";
/// Harbor lists it, and its storage does not have it.
pub const LISTED_BUT_MISSING: &str = "listed_but_missing";
/// The bytes served are not those the digest says.
pub const WRONG_DIGEST: &str = "wrong_digest";
/// The bytes have another size than the manifest says.
pub const WRONG_SIZE: &str = "wrong_size";
/// A manifest that cannot be understood, so nobody knows what belongs to it.
pub const UNREADABLE: &str = "unreadable";
/// The login may not read it.
pub const FORBIDDEN: &str = "forbidden";
/// The registry failed, also after trying again.
pub const REGISTRY_FAILED: &str = "registry_failed";
/// The registry keeps its blobs where this program cannot read them.
pub const STORAGE_UNREACHABLE: &str = "storage_unreachable";
/// Larger than anything this program stores.
pub const TOO_LARGE: &str = "too_large";
/// Nested deeper than is followed.
pub const TOO_DEEP: &str = "too_deep";
/// A part of it could not be read; that part has a gap of its own.
pub const PART_MISSING: &str = "part_missing";
/// Harbor says there is something, and does not list it.
pub const LISTING_INCOMPLETE: &str = "listing_incomplete";

/// What helps against a policy, where nothing is read through a staging project.
pub(crate) const POLICY_REMEDY: &str = "let Breakwater read such images through a staging project (settings of the harbor), or scan or sign the \
                                        image, or relax the project's policy; then run the plan again";

/// What helps where the registry's storage cannot be read.
const STORAGE_REMEDY: &str = "make this name and network reachable from Breakwater (for a private network: start it with --allow-net), or let the \
                              registry hand blobs out itself (redirect: disable: true in the storage section of its configuration, \
                              disableredirect: true in Harbor's); then run the plan again";

/// Why something could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Cause {
    pub kind: &'static str,
    pub text: String,
    pub remedy: &'static str,
}

impl Cause {
    pub(crate) fn of(error: &RegistryError) -> Self {
        let (kind, remedy) = match error {
            RegistryError::BlockedByPolicy { .. } => (BLOCKED_BY_POLICY, POLICY_REMEDY),
            RegistryError::NotFound { .. } => {
                (LISTED_BUT_MISSING, "if it was not deleted during the backup, the registry's storage lost it: push the image again")
            }
            RegistryError::WrongDigest { .. } => (WRONG_DIGEST, "the registry's storage is damaged there: push the image again"),
            RegistryError::WrongSize { .. } => (WRONG_SIZE, "the registry's storage is damaged there: push the image again"),
            RegistryError::StorageUnreachable { .. } => (STORAGE_UNREACHABLE, STORAGE_REMEDY),
            RegistryError::TooLarge { .. } => (TOO_LARGE, "it is larger than a registry allows: push a smaller one"),
            RegistryError::Forbidden { .. } => (FORBIDDEN, "give the backup login the right to pull from this project"),
            _ => (REGISTRY_FAILED, "run the plan again; if it stays, look at the registry's log"),
        };
        Self { kind, text: error.to_string(), remedy }
    }

    pub(crate) fn unreadable(error: &ManifestError) -> Self {
        Self { kind: UNREADABLE, text: error.to_string(), remedy: "push the image again with a current tool" }
    }

    pub(crate) fn size(digest: &Digest, stated: u64, found: u64) -> Self {
        let text = format!("{} has {found} bytes and the manifest says {stated}", digest.short());
        Self { kind: WRONG_SIZE, text, remedy: "no tool can pull such an image: push it again" }
    }

    pub(crate) fn deep() -> Self {
        let text = format!("it is nested more than {} levels deep", super::DEPTH_MAX);
        Self { kind: TOO_DEEP, text, remedy: "no tool needs that much: delete what made it" }
    }

    /// The same cause, seen from something that needs the part `digest`.
    pub(crate) fn seen_from_above(&self, digest: &Digest) -> Self {
        let text = format!("its part {} could not be read: {}", digest.short(), self.text);
        let kind = if matches!(self.kind, REGISTRY_FAILED | STORAGE_UNREACHABLE | BLOCKED_BY_POLICY | TOO_DEEP) {
            self.kind
        } else {
            PART_MISSING
        };
        Self { kind, text, remedy: self.remedy }
    }

    pub(crate) fn gap(&self, subject: String) -> Gap {
        Gap { kind: self.kind.to_owned(), subject, cause: self.text.clone(), remedy: self.remedy.to_owned() }
    }
}

/// How a tag is named in gaps and notes.
pub(crate) fn tag_subject(repository: &RepositoryName, tag: &Tag) -> String {
    format!("{repository}:{tag}")
}

/// How an artifact is named in gaps and notes.
pub(crate) fn artifact_subject(repository: &RepositoryName, digest: &Digest) -> String {
    format!("{repository}@{digest}")
}
