//! What is wrong with an object: how bad it is, what needs it, and what helps.
//!
//! *Corrupt* is never confused with *unreachable*: only the first says that something is lost (I-6).

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use vault::{Vault, VaultError, Why};
use vocab::Digest;

/// Bytes that one walk hashes because a size is not the one that is stated.
const DOUBTED_BYTES_MAX: u64 = 16 * 1024 * 1024 * 1024;

/// What could not be looked at.
const UNREACHABLE: &str = "unreachable";

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

/// What is the matter with an object.
#[derive(Debug, Clone)]
pub enum Fault {
    /// The vault says so.
    Vault(Arc<VaultError>),
    /// Of a manifest, or of what it needs.
    Manifest(Why),
    /// Its bytes do not match its name, and were set aside.
    SetAside,
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Vault(error) => error.fmt(f),
            Self::Manifest(why) => why.fmt(f),
            Self::SetAside => f.write_str("its bytes do not match its name; it was moved to quarantine"),
        }
    }
}

/// What helps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Remedy {
    /// The disk or the mount.
    LookAtDisk,
    /// Another backup.
    BackUpAgain,
    /// A verification, which takes it from elsewhere.
    Heal,
}

/// One thing that is not as it should be.
#[derive(Debug, Clone)]
pub struct Finding {
    /// `missing`, `corrupt`, `unreadable`, `unreachable`.
    pub kind: String,
    /// How bad.
    pub severity: Severity,
    /// The object.
    pub object: Digest,
    /// What needs it: a repository, a tag, the snapshot.
    pub subject: String,
    /// What is the matter.
    pub fault: Fault,
    /// What helps.
    pub remedy: Remedy,
}

/// Errors of a store are no values: two findings are the same when they say the same of the same object.
impl PartialEq for Finding {
    fn eq(&self, other: &Self) -> bool {
        let of = |finding: &Self| (finding.kind.clone(), finding.object, finding.subject.clone(), finding.fault.to_string());
        of(self) == of(other)
    }
}

impl Finding {
    fn new(kind: &str, object: Digest, subject: &str, fault: Fault) -> Self {
        let (severity, remedy) = match kind {
            UNREACHABLE => (Severity::Unknown, Remedy::LookAtDisk),
            "unreadable" => (Severity::Loss, Remedy::BackUpAgain),
            _ => (Severity::Loss, Remedy::Heal),
        };
        Self { kind: kind.to_owned(), severity, object, subject: subject.to_owned(), fault, remedy }
    }

    /// The vault itself cannot be asked.
    pub(crate) fn unreachable(error: VaultError, object: Digest) -> Self {
        Self::new(UNREACHABLE, object, "the vault", Fault::Vault(Arc::new(error)))
    }

    /// What an error about an object means.
    #[must_use]
    pub fn of(error: VaultError, object: Digest, subject: &str) -> Self {
        let kind = match &error {
            VaultError::Missing { .. } => "missing",
            VaultError::Corrupt { .. } => "corrupt",
            VaultError::Tree { .. } | VaultError::TooLarge { .. } => "unreadable",
            _ => UNREACHABLE,
        };
        let object = match &error {
            // Indexes and settings are stored in parts: what is lost may be one of those.
            VaultError::Missing { digest } | VaultError::Corrupt { digest, .. } => *digest,
            _ => object,
        };
        Self::new(kind, object, subject, Fault::Vault(Arc::new(error)))
    }

    /// What is the matter with a manifest.
    pub(crate) fn lack(why: Why, object: Digest, subject: &str) -> Self {
        let kind = match &why {
            Why::Missing => "missing",
            Why::Corrupt => "corrupt",
            _ => "unreadable",
        };
        Self::new(kind, object, subject, Fault::Manifest(why))
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
    looked.err().map(|error| Finding::of(error, digest, subject))
}
