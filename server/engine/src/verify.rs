//! Verification of a snapshot: everything it needs is in the vault, with the right size, and what is small is read and hashed.
//!
//! The walk never stops at the first fault; it answers every finding, up to [`FINDINGS_MAX`]. Indexes, manifests and settings are read
//! and hashed; of blobs it looks at presence and size, or with [`Depth::Bytes`] reads them too. *Corrupt* is never confused with
//! *unreachable*: only the first says that something is lost (I-6).

use std::collections::HashSet;

use futures::{StreamExt, stream};
use vault::tree::{RepositoryIndex, SettingsOf, SnapshotIndex};
use vault::{Vault, VaultError};
use vocab::manifest::MANIFEST_BYTES_MAX;
use vocab::{Descriptor, Digest, Manifest, RepositoryName};

use crate::content;

/// Most findings answered for one snapshot; whoever has that many needs no more to act.
pub const FINDINGS_MAX: usize = 10_000;
/// Objects looked at side by side.
const OBJECTS_AT_ONCE: usize = 16;

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
            _ => (Severity::Loss, "run the plan again while the harbor still has the image: it stores the object anew"),
        };
        let (subject, remedy) = (subject.to_owned(), remedy.to_owned());
        Self { kind: kind.to_owned(), severity, object, subject, detail, remedy }
    }

    fn of(error: &VaultError, object: Digest, subject: &str) -> Self {
        let kind = match error {
            VaultError::Missing { .. } => "missing",
            VaultError::Corrupt { .. } => "corrupt",
            VaultError::Tree { .. } | VaultError::TooLarge { .. } => "unreadable",
            _ => "unreachable",
        };
        Self::new(kind, object, subject, error.to_string())
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
    let index = match vault.snapshot(digest).await {
        Ok(index) => index,
        Err(error) => return vec![Finding::of(&error, *digest, "the snapshot")],
    };
    let mut walk = Walk { vault, depth, findings: Vec::new(), blobs: HashSet::new(), manifests: HashSet::new() };
    walk.settings(&index).await;
    for (name, descriptor) in &index.repositories {
        if walk.findings.len() >= FINDINGS_MAX {
            break;
        }
        match vault.repository(&descriptor.digest).await {
            Ok(repository) => walk.repository(name, &repository).await,
            Err(error) => walk.findings.push(Finding::of(&error, descriptor.digest, name.as_str())),
        }
    }
    walk.findings.truncate(FINDINGS_MAX);
    walk.findings
}

struct Walk<'a> {
    vault: &'a Vault,
    depth: Depth,
    findings: Vec<Finding>,
    /// Looked at already.
    blobs: HashSet<Digest>,
    manifests: HashSet<Digest>,
}

/// A blob and what is said about it.
struct Look {
    digest: Digest,
    size_bytes: Option<u64>,
    subject: String,
}

impl Walk<'_> {
    async fn settings(&mut self, index: &SnapshotIndex) {
        let parts = [
            (SettingsOf::Project, &index.config, "the project's settings"),
            (SettingsOf::Harbor, &index.harbor_config, "the Harbor's settings"),
        ];
        for (of, config, subject) in parts {
            let Some(config) = config else { continue };
            if let Err(error) = self.vault.settings(of, &config.digest).await {
                self.findings.push(Finding::of(&error, config.digest, subject));
            }
        }
    }

    async fn repository(&mut self, name: &RepositoryName, index: &RepositoryIndex) {
        let members: HashSet<Digest> = index.members.iter().map(|m| m.descriptor.digest).collect();
        let mut fresh = Vec::new();
        for member in &index.members {
            let digest = member.descriptor.digest;
            let subject = member.tag.as_ref().map_or_else(|| format!("{name}@{digest}"), |tag| format!("{name}:{tag}"));
            if self.manifests.insert(digest) {
                fresh.push((subject, member.descriptor.clone()));
            }
        }
        let vault = self.vault;
        let mut read = stream::iter(fresh)
            .map(|(subject, descriptor)| async move {
                let read = manifest(vault, &descriptor).await;
                (subject, descriptor, read)
            })
            .buffer_unordered(OBJECTS_AT_ONCE);
        let mut looks = Vec::new();
        while let Some((subject, descriptor, manifest)) = read.next().await {
            match manifest {
                Err(kind) => self.findings.push(kind.finding(&descriptor.digest, &subject)),
                Ok(manifest) => {
                    for child in manifest.children.iter().filter(|child| !members.contains(&child.digest)) {
                        let detail = format!("its member {} is not part of the snapshot", child.digest.short());
                        self.findings.push(Finding::new("incomplete", descriptor.digest, &subject, detail));
                    }
                    for blob in manifest.blobs.iter().filter(|blob| self.blobs.insert(blob.digest)) {
                        let size_bytes = content::stated_size(&manifest, blob);
                        looks.push(Look { digest: blob.digest, size_bytes, subject: subject.clone() });
                    }
                }
            }
        }
        drop(read);
        self.look(looks).await;
    }

    async fn look(&mut self, looks: Vec<Look>) {
        let (vault, depth) = (self.vault, self.depth);
        let mut found = stream::iter(looks).map(|look| blob(vault, depth, look)).buffer_unordered(OBJECTS_AT_ONCE);
        while let Some(finding) = found.next().await {
            self.findings.extend(finding);
        }
    }
}

async fn blob(vault: &Vault, depth: Depth, look: Look) -> Option<Finding> {
    let found = match depth {
        Depth::Presence => vault.size_of(&look.digest).await,
        Depth::Bytes => match vault.verify_object(&look.digest).await {
            Ok(intact) => Ok(Some(intact.size_bytes)),
            Err(VaultError::Missing { .. }) => Ok(None),
            Err(error) => Err(error),
        },
    };
    match (found, look.size_bytes) {
        (Err(error), _) => Some(Finding::of(&error, look.digest, &look.subject)),
        (Ok(None), _) => Some(Finding::new("missing", look.digest, &look.subject, "it is not in the vault".to_owned())),
        (Ok(Some(found)), Some(stated)) if found != stated => {
            Some(Finding::new("wrong_size", look.digest, &look.subject, format!("it has {found} bytes, not {stated}")))
        }
        _ => None,
    }
}

enum Unread {
    Vault(VaultError),
    Size(u64),
    Manifest(vocab::ManifestError),
}

impl Unread {
    fn finding(&self, digest: &Digest, subject: &str) -> Finding {
        match self {
            Self::Vault(error) => Finding::of(error, *digest, subject),
            Self::Size(found) => Finding::new("wrong_size", *digest, subject, format!("the manifest has {found} bytes")),
            Self::Manifest(error) => Finding::new("unreadable", *digest, subject, error.to_string()),
        }
    }
}

async fn manifest(vault: &Vault, descriptor: &Descriptor) -> Result<Manifest, Unread> {
    let bytes = vault.get_bytes(&descriptor.digest, MANIFEST_BYTES_MAX).await.map_err(Unread::Vault)?;
    if bytes.len() as u64 != descriptor.size {
        return Err(Unread::Size(bytes.len() as u64));
    }
    Manifest::parse(&descriptor.media_type, &bytes).map_err(Unread::Manifest)
}
