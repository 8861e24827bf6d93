//! What somebody else deleted or overwrote, in a store that keeps versions.
//!
//! There a deletion only hides, and an overwrite only lies on top; a locked version below cannot be taken away. So what is missing or
//! damaged may have a whole version left, and that is the first and cheapest place to have it from. The hash decides, as ever: an object's
//! version is read whole before it is taken, and a pointer's has to be one of this vault under its own name.

use futures::{Stream, StreamExt, TryStreamExt};
use vocab::{Digest, Hasher};

use crate::Vault;
use crate::error::{StoreError, VaultError};
use crate::layout::{Key, PointerName, Prefix};
use crate::store::hash;
use crate::store::{Store, Version};

/// Versions of one name that are read to find a whole one.
const READS_MAX: usize = 100;

impl Vault {
    /// Whether the store keeps what was deleted or replaced.
    pub async fn keeps_versions(&self) -> Result<bool, VaultError> {
        self.store().keeps_versions().await.map_err(|source| self.store_error("read the settings", source))
    }

    /// Makes an object that is missing, or was moved aside, whole again from one of its versions; answers its size. `None`: no version of
    /// it is whole.
    pub async fn revive_object(&self, digest: &Digest) -> Result<Option<u64>, VaultError> {
        let key = Key::Object(*digest);
        for version in self.versions(&key).await? {
            let Some(size_bytes) = self.version_matches(&key, &version, digest).await? else { continue };
            if !version.is_current {
                self.store().revive(&key, &version).await.map_err(|source| self.store_error("revive an object", source))?;
            }
            return Ok(Some(size_bytes));
        }
        Ok(None)
    }

    /// Makes a pointer that is missing or damaged what it was. `false`: it is as it should be, or no version of it can be used.
    pub async fn revive_pointer(&self, name: &PointerName) -> Result<bool, VaultError> {
        match self.pointer(name).await {
            Ok(Some(_)) => return Ok(false),
            Ok(None) | Err(VaultError::DamagedRecord { .. }) => {}
            Err(other) => return Err(other),
        }
        let key = Key::Pointer(name.clone());
        for version in self.versions(&key).await? {
            let bytes = read(self.store(), &key, &version).await.map_err(|source| self.store_error("read a version", source))?;
            let Some(bytes) = bytes else { continue };
            if self.decode_pointer(name, &bytes).is_ok() {
                self.store().revive(&key, &version).await.map_err(|source| self.store_error("revive a pointer", source))?;
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Pointers that were deleted and have versions below. This program leaves none behind when it lets a snapshot go, unless its key may
    /// not delete versions.
    pub fn hidden_pointers(&self) -> impl Stream<Item = Result<PointerName, VaultError>> + Send + 'static + use<> {
        let vault = self.clone();
        self.store().hidden(&Prefix::Pointers).filter_map(move |found| {
            std::future::ready(match found {
                Ok(Key::Pointer(name)) => Some(Ok(name)),
                Ok(_) => None,
                Err(source) => Some(Err(vault.store_error("list hidden pointers", source))),
            })
        })
    }

    /// The oldest first: that is the one this program put, however many were put on top.
    async fn versions(&self, key: &Key) -> Result<Vec<Version>, VaultError> {
        let error = |source| self.store_error("list versions", source);
        if !self.store().keeps_versions().await.map_err(error)? {
            return Ok(Vec::new());
        }
        let versions = self.store().versions(key).await.map_err(error)?;
        Ok(versions.into_iter().rev().take(READS_MAX).collect())
    }

    async fn version_matches(&self, key: &Key, version: &Version, digest: &Digest) -> Result<Option<u64>, VaultError> {
        let error = |source| self.store_error("read a version", source);
        let mut chunks = match self.store().get_version(key, version).await {
            Err(StoreError::Missing { .. }) => return Ok(None),
            opened => opened.map_err(error)?,
        };
        let mut hasher = Hasher::new();
        while let Some(chunk) = chunks.try_next().await.map_err(error)? {
            hasher = hash(hasher, chunk).await.map_err(error)?;
        }
        let size_bytes = hasher.size_bytes();
        Ok((hasher.finish() == *digest).then_some(size_bytes))
    }
}

/// Reads a small record's version. `None`: it is gone, or too large for one.
pub(crate) async fn read(store: &dyn Store, key: &Key, version: &Version) -> Result<Option<Vec<u8>>, StoreError> {
    if version.size_bytes > key.record_bytes_max() {
        return Ok(None);
    }
    let chunks = match store.get_version(key, version).await {
        Err(StoreError::Missing { .. }) => return Ok(None),
        opened => opened?,
    };
    let bytes = chunks.try_fold(Vec::new(), |mut all, chunk| {
        all.extend_from_slice(&chunk);
        std::future::ready(Ok(all))
    });
    bytes.await.map(Some)
}
