//! Where the bytes of a manifest come from: the vault, or the target itself for what was never backed up (undo).

use bytes::Bytes;
use vault::VaultError;
use vocab::manifest::MANIFEST_BYTES_MAX;
use vocab::{Digest, Manifest, RepositoryName};

use super::state::{State, Trouble};
use crate::content;

/// A manifest ready to be written.
pub(crate) struct Ready {
    pub digest: Digest,
    pub media_type: String,
    pub bytes: Bytes,
    pub manifest: Manifest,
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
        let manifest = Manifest::parse(&media_type, &bytes)
            .map_err(|error| Trouble::Refused { code: "unreadable", detail: format!("manifest {}: {error}", digest.short()) })?;
        // Its own, whatever an index or a record says of it: the registry takes it as nothing else.
        Ok(Ready { digest: *digest, media_type: manifest.media_type.clone(), bytes, manifest })
    }
}
