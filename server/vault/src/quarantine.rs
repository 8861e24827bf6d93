//! Damaged objects are moved aside, never deleted; putting the same digest again heals the vault.
//!
//! Invariant: only bytes that two reads found to differ from their name are moved. The bytes moved are hashed once more
//! where they now lie: had another process healed the object in between, its good bytes go back (PBS #6665).

use futures::{Stream, StreamExt, TryStreamExt, stream};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use uuid::Uuid;
use vocab::{Digest, Hasher};

use crate::Vault;
use crate::error::{StoreError, VaultError};
use crate::layout::{Key, Prefix};
use crate::record;
use crate::store::ByteRange;

/// Longest reason kept, in characters.
const REASON_CHARS_MAX: usize = 500;

/// One damaged object, moved aside.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quarantined {
    /// What it should have been.
    pub digest: Digest,
    /// Which of perhaps several damaged copies.
    pub id: Uuid,
    /// When it was moved.
    #[serde(with = "time::serde::rfc3339")]
    pub moment: OffsetDateTime,
    /// Why.
    pub reason: String,
}

impl Vault {
    /// Moves a damaged object aside. [`VaultError::Intact`] when it is not damaged, and then nothing has changed.
    pub async fn quarantine(&self, digest: &Digest, reason: &str) -> Result<Quarantined, VaultError> {
        match self.verify_object(digest).await {
            Ok(_) => return Err(VaultError::Intact { digest: *digest }),
            Err(VaultError::Corrupt { .. }) => {}
            Err(other) => return Err(other),
        }
        let note = Quarantined {
            digest: *digest,
            id: Uuid::new_v4(),
            moment: self.now(),
            reason: reason.chars().take(REASON_CHARS_MAX).collect(),
        };
        let bytes = record::encode("quarantine note", &note)?;
        // The note first: damaged bytes without one would be a riddle; a note without bytes is only a broken-off attempt.
        let error = |source| self.store_error("quarantine an object", source);
        self.store().create(&Key::QuarantineNote(*digest, note.id), bytes).await.map_err(error)?;
        let (here, aside) = (Key::Object(*digest), Key::Quarantined(*digest, note.id));
        self.store().rename(&here, &aside).await.map_err(|source| match source {
            StoreError::Missing { .. } => VaultError::Missing { digest: *digest },
            source => error(source),
        })?;
        if self.hash_key(&aside).await? == *digest {
            match self.store().rename(&aside, &here).await {
                // Exists: a third copy is in place already.
                Ok(()) | Err(StoreError::Exists { .. }) => return Err(VaultError::Intact { digest: *digest }),
                Err(source) => return Err(error(source)),
            }
        }
        tracing::warn!(%digest, reason = note.reason, "object quarantined");
        Ok(note)
    }

    /// Everything that lies in quarantine. A copy whose note is lost or unreadable is listed with that as its reason.
    pub fn quarantined(&self) -> impl Stream<Item = Result<Quarantined, VaultError>> + Send + 'static + use<> {
        let vault = self.clone();
        let listing = self.store().list(&Prefix::Quarantine);
        listing
            .then(move |entry| {
                let vault = vault.clone();
                async move {
                    let entry = entry.map_err(|source| vault.store_error("list the quarantine", source))?;
                    match entry.key {
                        Key::Quarantined(digest, id) => vault.quarantine_note(digest, id).await.map(Some),
                        _ => Ok(None),
                    }
                }
            })
            .filter_map(|found| std::future::ready(found.transpose()))
    }

    async fn quarantine_note(&self, digest: Digest, id: Uuid) -> Result<Quarantined, VaultError> {
        let note = match self.record::<Quarantined>(&Key::QuarantineNote(digest, id)).await {
            Err(VaultError::DamagedRecord { .. }) => None,
            other => other?,
        };
        Ok(note.filter(|note| note.digest == digest && note.id == id).unwrap_or_else(|| Quarantined {
            digest,
            id,
            moment: OffsetDateTime::UNIX_EPOCH,
            reason: "its note is lost".to_owned(),
        }))
    }

    async fn hash_key(&self, key: &Key) -> Result<Digest, VaultError> {
        let error = |source| self.store_error("read an object in quarantine", source);
        let chunks = self.store().get(key, ByteRange::default()).await.map_err(error)?;
        let hasher = chunks
            .try_fold(Hasher::new(), |mut hasher, chunk| {
                hasher.update(&chunk);
                std::future::ready(Ok(hasher))
            })
            .await
            .map_err(error)?;
        Ok(hasher.finish())
    }

    /// Puts a damaged copy's bytes at the caller's disposal, unverified, for forensics.
    pub fn read_quarantined(&self, which: &Quarantined) -> impl Stream<Item = Result<bytes::Bytes, VaultError>> + Send + 'static + use<> {
        let (vault, key) = (self.clone(), Key::Quarantined(which.digest, which.id));
        stream::once(async move {
            let error = |source| vault.store_error("read an object in quarantine", source);
            let chunks = vault.store().get(&key, ByteRange::default()).await.map_err(error)?;
            let vault = vault.clone();
            Ok(chunks.map_err(move |source| vault.store_error("read an object in quarantine", source)))
        })
        .try_flatten()
    }
}
