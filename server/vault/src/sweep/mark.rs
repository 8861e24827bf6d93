//! What the kept snapshots reach: pointers → snapshot index → settings and repository indexes → manifests → blobs.
//!
//! Anything that cannot be read ends the mark with its error: what lies behind it might be needed. A shared repository index is walked
//! once, so the work grows with what differs between snapshots.

use std::collections::HashSet;

use futures::{StreamExt, TryStreamExt, pin_mut, stream};
use vocab::manifest::MANIFEST_BYTES_MAX;
use vocab::{Descriptor, Digest, Manifest};

use crate::Vault;
use crate::error::VaultError;
use crate::tree;

/// Manifests read side by side.
const MANIFESTS_AT_ONCE: usize = 16;

/// The digests reached so far.
#[derive(Debug, Default)]
pub(super) struct Mark {
    needed: HashSet<Digest>,
}

impl Mark {
    pub(super) fn has(&self, digest: &Digest) -> bool {
        self.needed.contains(digest)
    }

    pub(super) fn into_needed(self) -> HashSet<Digest> {
        self.needed
    }

    /// Marks what every pointer of now reaches and was not marked before; answers how many pointers there are.
    pub(super) async fn pointers(&mut self, vault: &Vault) -> Result<u64, VaultError> {
        let mut count = 0;
        let pointers = vault.pointers();
        pin_mut!(pointers);
        while let Some(pointer) = pointers.try_next().await? {
            count += 1;
            self.snapshot(vault, &pointer.snapshot.digest).await?;
        }
        Ok(count)
    }

    /// Marks what one snapshot reaches.
    pub(super) async fn snapshot(&mut self, vault: &Vault, digest: &Digest) -> Result<(), VaultError> {
        if self.has(digest) {
            return Ok(());
        }
        let index = vault.snapshot(digest).await?;
        for config in [&index.config, &index.harbor_config].into_iter().flatten() {
            if !self.has(&config.digest) {
                self.manifests(vault, vec![config.clone()]).await?;
            }
        }
        for (_, repository) in &index.repositories {
            if self.has(&repository.digest) {
                continue;
            }
            let members = vault.repository(&repository.digest).await?.members;
            let fresh = members.into_iter().map(|member| member.descriptor).filter(|d| !self.needed.contains(&d.digest)).collect();
            self.manifests(vault, fresh).await?;
            self.needed.insert(repository.digest);
        }
        // Last: marked means that all below it is.
        self.needed.insert(*digest);
        Ok(())
    }

    async fn manifests(&mut self, vault: &Vault, descriptors: Vec<Descriptor>) -> Result<(), VaultError> {
        let mut read = stream::iter(descriptors).map(|descriptor| blobs_of(vault, descriptor)).buffer_unordered(MANIFESTS_AT_ONCE);
        while let Some((manifest, blobs)) = read.try_next().await? {
            self.needed.insert(manifest);
            self.needed.extend(blobs);
        }
        Ok(())
    }
}

/// A manifest's own digest, and those it names.
pub(crate) async fn blobs_of(vault: &Vault, descriptor: Descriptor) -> Result<(Digest, Vec<Digest>), VaultError> {
    let digest = descriptor.digest;
    let bytes = vault.get_bytes(&digest, MANIFEST_BYTES_MAX).await?;
    let manifest = Manifest::parse(&descriptor.media_type, &bytes)
        .map_err(|error| VaultError::Tree { digest, source: tree::TreeError::Json(error.to_string()) })?;
    // Children are members of their own; named here as well, so that a snapshot written by another version loses nothing.
    Ok((digest, manifest.blobs.iter().chain(&manifest.children).map(|blob| blob.digest).collect()))
}
