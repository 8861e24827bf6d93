//! Where the bytes of a manifest come from: the vault, or the target itself for what was never backed up (undo).

use std::sync::Arc;

use bytes::Bytes;
use vault::{Names, VaultError};
use vocab::manifest::MANIFEST_BYTES_MAX;
use vocab::{AnyDigest, Demand, Digest, Manifest, OtherDigest, RepositoryName};

use super::Fault;
use super::state::{State, Trouble};
use crate::content;

/// A manifest ready to be written.
pub(crate) struct Ready {
    pub digest: Digest,
    pub media_type: String,
    pub bytes: Bytes,
    pub manifest: Manifest,
    /// What it needs that is named by another algorithm, with the objects that are stored for that.
    pub others: Vec<(OtherDigest, Digest)>,
}

impl State<'_> {
    /// The manifest, hash checked. `media_type` is what it had when it was backed up; empty for one that was not.
    pub(crate) async fn manifest(&self, repository: &RepositoryName, digest: &Digest, media_type: &str) -> Result<Ready, Trouble> {
        let (bytes, media_type) = match self.cx.vault.get_bytes(digest, MANIFEST_BYTES_MAX).await {
            Ok(bytes) => {
                let media_type = if media_type.is_empty() { content::sniff(&bytes) } else { media_type.to_owned() };
                (bytes, media_type)
            }
            Err(VaultError::Missing { .. }) if media_type.is_empty() => {
                let raw = self.cx.client.manifest_get(repository, digest).await?;
                (raw.bytes, raw.media_type)
            }
            Err(error) => return Err(error.into()),
        };
        let manifest =
            Manifest::parse(&media_type, &bytes).map_err(|error| Fault::Unreadable { object: *digest, why: error.to_string() })?;
        // Its own, whatever an index or a record says of it: the registry takes it as nothing else.
        let mut others = Vec::new();
        for blob in &manifest.blobs {
            let AnyDigest::Other(name) = &blob.digest else { continue };
            match self.names(repository).await?.get(name) {
                Some(object) => others.push((name.clone(), *object)),
                None if blob.demand == Demand::Registry => {
                    return Err(Fault::UnknownName { name: blob.digest.short() }.into());
                }
                None => {}
            }
        }
        Ok(Ready { digest: *digest, media_type: manifest.media_type.clone(), bytes, manifest, others })
    }

    /// Which objects are stored for what a repository of the snapshot names by other algorithms.
    async fn names(&self, repository: &RepositoryName) -> Result<Arc<Names>, Trouble> {
        let mut read = self.names.lock().await;
        if let Some(names) = read.get(repository) {
            return Ok(Arc::clone(names));
        }
        let index = self.cx.vault.snapshot(&self.plan.source.snapshot).await?;
        let names = match index.repositories.iter().find(|(name, _)| name == repository) {
            Some((_, descriptor)) => Arc::new(self.cx.vault.repository(&descriptor.digest).await?.names),
            None => Arc::default(),
        };
        read.insert(repository.clone(), Arc::clone(&names));
        Ok(names)
    }
}
