//! Holds keep objects alive while someone still needs them.
//!
//! A hold is a small object with an expiry, renewed by its owner; when the owner dies it lapses by itself. The sweep
//! spares every object younger than the oldest live hold. Rejected: a counter released in `Drop` (lost on a crash).
//! Invariant: no function here deletes backed-up bytes; [`crate::store::Store::remove`] takes holds only.

use std::time::Duration;

use futures::TryStreamExt;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::Vault;
use crate::error::{StoreError, VaultError};
use crate::layout::{Key, Prefix};
use crate::record;

/// Longest time a hold may live without being renewed.
pub const HOLD_TTL_MAX: Duration = Duration::from_secs(7 * 24 * 60 * 60);
/// Longest name of an owner, in bytes.
pub const OWNER_BYTES_MAX: usize = 200;
/// Most holds read in one listing; more than this many live owners is a fault in the callers.
pub const HOLDS_MAX: usize = 10_000;

/// A promise to keep what is in the vault, until it lapses.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hold {
    /// Which hold.
    pub id: Uuid,
    /// Who holds: a job, an export.
    pub owner: String,
    /// Since when; objects younger than this must not be swept.
    #[serde(with = "time::serde::rfc3339")]
    pub since: OffsetDateTime,
    /// Until when, unless renewed.
    #[serde(with = "time::serde::rfc3339")]
    pub expires: OffsetDateTime,
}

impl Vault {
    /// Begins a hold. Take it before the first look at what is in the vault.
    pub async fn hold(&self, owner: &str, ttl: Duration) -> Result<Hold, VaultError> {
        if owner.is_empty() || owner.len() > OWNER_BYTES_MAX {
            let why = format!("it must have 1 to {OWNER_BYTES_MAX} bytes");
            return Err(VaultError::Invalid { what: "owner of a hold", why });
        }
        let since = self.now();
        let hold = Hold { id: Uuid::new_v4(), owner: owner.to_owned(), since, expires: expiry(since, ttl)? };
        let created = self.store().create(&Key::Hold(hold.id), record::encode("hold", &hold)?).await;
        created.map_err(|source| self.store_error("take a hold", source))?;
        Ok(hold)
    }

    /// Extends a hold to `ttl` from now. [`VaultError::HoldLapsed`] when it ran out first: the work must begin again.
    pub async fn renew_hold(&self, hold: &Hold, ttl: Duration) -> Result<Hold, VaultError> {
        let now = self.now();
        match self.read_hold(hold.id).await? {
            Some(stored) if stored.expires > now => {
                let renewed = Hold { expires: expiry(now, ttl)?, ..stored };
                let replaced = self.store().replace(&Key::Hold(hold.id), record::encode("hold", &renewed)?).await;
                replaced.map_err(|source| self.store_error("renew a hold", source))?;
                Ok(renewed)
            }
            _ => Err(VaultError::HoldLapsed { id: hold.id }),
        }
    }

    /// Ends a hold. Ending one that is gone is no error.
    pub async fn release_hold(&self, hold: &Hold) -> Result<(), VaultError> {
        match self.store().remove(&Key::Hold(hold.id)).await {
            Ok(()) | Err(StoreError::Missing { .. }) => Ok(()),
            Err(source) => Err(self.store_error("release a hold", source)),
        }
    }

    /// Every hold that has not lapsed, oldest first. A hold that cannot be read is an error, never "no hold".
    pub async fn live_holds(&self) -> Result<Vec<Hold>, VaultError> {
        let now = self.now();
        let mut holds: Vec<Hold> = self.all_holds().await?.into_iter().filter(|hold| hold.expires > now).collect();
        holds.sort_by_key(|hold| (hold.since, hold.id));
        Ok(holds)
    }

    pub(crate) async fn remove_lapsed_holds(&self) -> Result<(), VaultError> {
        let now = self.now();
        for hold in self.all_holds().await?.into_iter().filter(|hold| hold.expires <= now) {
            self.release_hold(&hold).await?;
        }
        Ok(())
    }

    async fn all_holds(&self) -> Result<Vec<Hold>, VaultError> {
        let mut listing = self.store().list(&Prefix::Holds);
        let mut holds = Vec::new();
        while let Some(entry) = listing.try_next().await.map_err(|source| self.store_error("list holds", source))? {
            if holds.len() >= HOLDS_MAX {
                return Err(VaultError::Invalid { what: "number of holds", why: format!("there are more than {HOLDS_MAX}") });
            }
            let Key::Hold(id) = entry.key else { continue };
            // Gone between the listing and here: released.
            if let Some(hold) = self.read_hold(id).await? {
                holds.push(hold);
            }
        }
        Ok(holds)
    }

    async fn read_hold(&self, id: Uuid) -> Result<Option<Hold>, VaultError> {
        let key = Key::Hold(id);
        match self.record::<Hold>(&key).await? {
            Some(hold) if hold.id != id => Err(VaultError::DamagedRecord { key: key.to_string(), why: "it names another hold".to_owned() }),
            found => Ok(found),
        }
    }
}

fn expiry(from: OffsetDateTime, ttl: Duration) -> Result<OffsetDateTime, VaultError> {
    let invalid = |why: String| VaultError::Invalid { what: "duration of a hold", why };
    if ttl.is_zero() || ttl > HOLD_TTL_MAX {
        return Err(invalid(format!("it must be more than 0 and at most {} s", HOLD_TTL_MAX.as_secs())));
    }
    let ttl = time::Duration::try_from(ttl).map_err(|e| invalid(e.to_string()))?;
    from.checked_add(ttl).ok_or_else(|| invalid("it ends after the year 9999".to_owned()))
}
