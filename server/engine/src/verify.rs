//! Verification of a snapshot: everything it needs is in the vault, with the right size, and what is small is read and hashed.
//!
//! The walk never stops at the first fault; it answers every finding, up to [`FINDINGS_MAX`]. Indexes, manifests and settings are read
//! and hashed; of blobs it looks at presence and size, or with [`Depth::Bytes`] reads them too. *Corrupt* is never confused with
//! *unreachable*: only the first says that something is lost (I-6).

use vault::{Vault, VaultError};
use vocab::manifest::MANIFEST_BYTES_MAX;
use vocab::{Descriptor, Digest, Manifest};

use crate::survey::{Lack, Survey};

/// Most findings answered for one snapshot; whoever has that many needs no more to act.
pub const FINDINGS_MAX: usize = 10_000;

/// How thorough.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Depth {
    /// Blobs are there and have the right size.
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
    /// `missing`, `corrupt`, `wrong_size`, `unreadable`, `incomplete`, `unreachable`.
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
    fn new(kind: &str, object: Digest, subject: &str, detail: String) -> Self {
        let (severity, remedy) = match kind {
            "unreachable" => (Severity::Unknown, "look at the disk or the mount, then verify again"),
            "unreadable" | "incomplete" => (Severity::Loss, "back the project up again; an earlier snapshot may be whole"),
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

    /// A manifest list whose member is not part of the snapshot.
    pub(crate) fn incomplete(object: Digest, subject: &str, member: &Digest) -> Self {
        Self::new("incomplete", object, subject, format!("its member {} is not part of the snapshot", member.short()))
    }

    /// Whether the snapshot is degraded by it, and not merely unchecked.
    #[must_use]
    pub fn degrades(&self) -> bool {
        self.severity == Severity::Loss
    }
}

/// Walks a snapshot and looks for every object it needs.
pub async fn snapshot(vault: &Vault, digest: &Digest) -> Vec<Finding> {
    snapshot_to(vault, digest, Depth::Presence).await
}

/// Walks a snapshot as thoroughly as asked.
pub async fn snapshot_to(vault: &Vault, digest: &Digest, depth: Depth) -> Vec<Finding> {
    // With the wrong disk mounted everything looks lost (F-8).
    if let Err(error) = vault.check().await {
        return vec![Finding::new("unreachable", *digest, "the vault", error.to_string())];
    }
    let mut survey = Survey::new(vault, depth);
    survey.snapshot(digest).await;
    survey.into_lacks().into_iter().map(|Lack { finding, .. }| finding).take(FINDINGS_MAX).collect()
}

/// Looks at one blob.
pub(crate) async fn blob(vault: &Vault, depth: Depth, digest: Digest, size_bytes: Option<u64>, subject: &str) -> Option<Finding> {
    let found = match depth {
        Depth::Presence => vault.size_of(&digest).await,
        Depth::Bytes => match vault.verify_object(&digest).await {
            Ok(intact) => Ok(Some(intact.size_bytes)),
            Err(VaultError::Missing { .. }) => Ok(None),
            Err(error) => Err(error),
        },
    };
    match (found, size_bytes) {
        (Err(error), _) => Some(Finding::of(&error, digest, subject)),
        (Ok(None), _) => Some(Finding::of(&VaultError::Missing { digest }, digest, subject)),
        (Ok(Some(found)), Some(stated)) if found != stated => {
            Some(Finding::new("wrong_size", digest, subject, format!("it has {found} bytes, not {stated}")))
        }
        _ => None,
    }
}

/// Reads one manifest.
pub(crate) async fn manifest(vault: &Vault, descriptor: &Descriptor, subject: &str) -> Result<Manifest, Finding> {
    let digest = descriptor.digest;
    let read = vault.get_bytes(&digest, MANIFEST_BYTES_MAX).await;
    let bytes = read.map_err(|error| Finding::of(&error, digest, subject))?;
    if bytes.len() as u64 != descriptor.size {
        return Err(Finding::new("wrong_size", digest, subject, format!("the manifest has {} bytes", bytes.len())));
    }
    Manifest::parse(&descriptor.media_type, &bytes).map_err(|error| Finding::new("unreadable", digest, subject, error.to_string()))
}
