//! What is wrong with an object: how bad it is, what needs it, and what helps.
//!
//! *Corrupt* is never confused with *unreachable*: only the first says that something is lost (I-6).

use std::sync::atomic::{AtomicU64, Ordering};

use vault::{Vault, VaultError, Why};
use vocab::Digest;

/// Bytes that one walk hashes because a size is not the one that is stated.
const DOUBTED_BYTES_MAX: u64 = 16 * 1024 * 1024 * 1024;

/// How thorough.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Depth {
    /// Blobs are there; one whose size is not the one that is stated is hashed.
    #[default]
    Presence,
    /// Blobs are read and hashed.
    Bytes,
}

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// It could not be looked at; nothing is known to be lost.
    Unknown,
    /// Something cannot be restored.
    Loss,
}

/// One thing that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// `missing`, `corrupt`, `unreadable`, `unreachable`.
    pub kind: String,
    /// How bad.
    pub severity: Severity,
    /// The object.
    pub object: Digest,
    /// What needs it: a repository, a tag, the snapshot.
    pub subject: String,
    /// One sentence.
    pub detail: String,
    /// What helps.
    pub remedy: String,
}

impl Finding {
    pub(crate) fn new(kind: &str, object: Digest, subject: &str, detail: String) -> Self {
        let (severity, remedy) = match kind {
            "unreachable" => (Severity::Unknown, "look at the disk or the mount, then verify again"),
            "unreadable" => (Severity::Loss, "back the project up again; an earlier snapshot may be whole"),
            _ => (Severity::Loss, "verify the vault: it takes the object from another vault or from the harbor, where one of them has it"),
        };
        let (subject, remedy) = (subject.to_owned(), remedy.to_owned());
        Self { kind: kind.to_owned(), severity, object, subject, detail, remedy }
    }

    /// What an error about an object means.
    #[must_use]
    pub fn of(error: &VaultError, object: Digest, subject: &str) -> Self {
        let kind = match error {
            VaultError::Missing { .. } => "missing",
            VaultError::Corrupt { .. } => "corrupt",
            VaultError::Tree { .. } | VaultError::TooLarge { .. } => "unreadable",
            _ => "unreachable",
        };
        let object = match error {
            // Indexes and settings are stored in parts: what is lost may be one of those.
            VaultError::Missing { digest } | VaultError::Corrupt { digest, .. } => *digest,
            _ => object,
        };
        Self::new(kind, object, subject, error.to_string())
    }

    /// What is the matter with a manifest.
    pub(crate) fn lack(why: &Why, object: Digest, subject: &str) -> Self {
        let kind = match why {
            Why::Missing => "missing",
            Why::Corrupt => "corrupt",
            _ => "unreadable",
        };
        Self::new(kind, object, subject, why.to_string())
    }

    /// Whether the snapshot is degraded by it, and not merely unchecked.
    #[must_use]
    pub fn degrades(&self) -> bool {
        self.severity == Severity::Loss
    }
}

/// How much may still be hashed because its size is not the one that is stated. Whoever may push may state any size of what others rely on.
#[derive(Debug)]
pub(crate) struct Doubt(AtomicU64);

impl Default for Doubt {
    fn default() -> Self {
        Self(AtomicU64::new(DOUBTED_BYTES_MAX))
    }
}

impl Doubt {
    fn takes(&self, size_bytes: u64) -> bool {
        self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(size_bytes)).is_ok()
    }
}

/// Looks at one blob. The digest decides: one that has another size than is stated is hashed.
pub(crate) async fn blob(
    vault: &Vault,
    depth: Depth,
    digest: Digest,
    claim_bytes: Option<u64>,
    subject: &str,
    doubt: &Doubt,
) -> Option<Finding> {
    let size_bytes = match depth {
        Depth::Bytes => Ok(None),
        Depth::Presence => vault.size_of(&digest).await.and_then(|found| found.ok_or(VaultError::Missing { digest }).map(Some)),
    };
    let looked = match size_bytes {
        Ok(Some(found)) if claim_bytes.is_none_or(|claim| claim == found) || !doubt.takes(found) => Ok(()),
        Ok(_) => vault.verify_object(&digest).await.map(|_| ()),
        Err(error) => Err(error),
    };
    looked.err().map(|error| Finding::of(&error, digest, subject))
}
