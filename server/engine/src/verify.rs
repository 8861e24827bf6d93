//! Verification of a snapshot: everything it needs is in the vault, and what is small is read and hashed.
//!
//! The walk never stops at the first fault; it answers every finding, up to [`FINDINGS_MAX`]. Indexes, manifests and settings are read
//! and hashed; of blobs it looks at presence, or with [`Depth::Bytes`] reads them too. *Corrupt* is never confused with
//! *unreachable*: only the first says that something is lost (I-6).

use vault::Vault;
use vocab::Digest;

use crate::finding::{Depth, Finding};
use crate::survey::{Lack, Survey};

/// Most findings answered for one snapshot; whoever has that many needs no more to act.
pub const FINDINGS_MAX: usize = 10_000;

/// Walks a snapshot and looks for every object it needs.
pub async fn snapshot(vault: &Vault, digest: &Digest) -> Vec<Finding> {
    snapshot_to(vault, digest, Depth::Presence).await
}

/// Walks a snapshot as thoroughly as asked.
pub async fn snapshot_to(vault: &Vault, digest: &Digest, depth: Depth) -> Vec<Finding> {
    // With the wrong disk mounted everything looks lost (F-8).
    if let Err(error) = vault.check().await {
        return vec![Finding::unreachable(error, *digest)];
    }
    let mut survey = Survey::new(vault, depth);
    survey.snapshot(digest).await;
    survey.into_lacks().into_iter().map(|Lack { finding, .. }| finding).take(FINDINGS_MAX).collect()
}
