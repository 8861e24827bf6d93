//! Whether a registry gives a blob out. What HEAD says may be known from a cache, as Harbor's registry has one in Redis: it answers 200 with the
//! size for what its storage lost or cut short, and so it takes manifests that name it (seen on 2.15.2). Only bytes tell.

use reqwest::Method;
use vocab::{Digest, RepositoryName};

use super::reading::Reading;
use crate::client::{Client, Lane};
use crate::error::RegistryError;
use crate::retry::Tries;

/// Largest blob of which every byte is asked for; of a larger one it is the last.
const WHOLE_BYTES_MAX: u64 = 64 * 1024;
/// Times a body is asked for that breaks off: a connection may have broken too.
const ASKED_MAX: u32 = 3;

/// What a registry gives of a blob.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Served {
    /// It is that long, and came to its end; one of up to 64 KiB was read whole and hashed.
    Whole,
    /// It is not there, or said to be there and no byte of it came.
    Nothing,
    /// It has another size.
    OtherSize {
        /// That.
        found_bytes: u64,
    },
    /// Its bytes are others, or end too early.
    OtherBytes,
}

impl Client {
    /// Asks for bytes of a blob of which the size is known, as few as tell whether its end is there.
    pub async fn blob_served(&self, repository: &RepositoryName, digest: &Digest, size_bytes: u64) -> Result<Served, RegistryError> {
        let _permit = self.enter(Lane::Blob).await;
        let from = if size_bytes <= WHOLE_BYTES_MAX { 0 } else { size_bytes - 1 };
        let mut tries = Tries::new(self.limits());
        let mut served = self.came(repository, digest, size_bytes, from).await?;
        for _ in 1..ASKED_MAX {
            if !matches!(served, Served::Nothing | Served::OtherBytes) {
                return Ok(served);
            }
            let broken = RegistryError::Truncated { what: format!("blob {} of {repository}", digest.short()), received_bytes: 0 };
            if self.pause(&mut tries, None, broken).await.is_err() {
                break;
            }
            served = self.came(repository, digest, size_bytes, from).await?;
        }
        // A beginning without an end is bytes all the same.
        if served == Served::Nothing && from > 0 && self.came(repository, digest, size_bytes, 0).await? != Served::Nothing {
            return Ok(Served::OtherBytes);
        }
        Ok(served)
    }

    /// What comes from there on, asked once.
    async fn came(&self, repository: &RepositoryName, digest: &Digest, size_bytes: u64, from: u64) -> Result<Served, RegistryError> {
        let call = self.blob_call(Method::GET, repository, &(*digest).into(), "look into");
        let what = call.request.what.clone();
        let opened = match Reading::new(self, call, *digest, Some(size_bytes), None).open(from).await {
            Ok(opened) => opened,
            Err(RegistryError::NotFound { .. }) => return Ok(Served::Nothing),
            Err(RegistryError::WrongSize { actual, .. }) => return Ok(Served::OtherSize { found_bytes: actual }),
            Err(error) => return Err(error),
        };
        let is_whole = size_bytes <= WHOLE_BYTES_MAX;
        let (found, bytes) = opened.taken(self, &what, if is_whole { size_bytes } else { 1 }).await;
        Ok(match bytes {
            _ if is_whole && found == *digest => Served::Whole,
            0 => Served::Nothing,
            _ if is_whole => Served::OtherBytes,
            _ => Served::Whole,
        })
    }
}
