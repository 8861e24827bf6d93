//! Keeps the vault's objects alive while a backup or a restore runs.

use std::time::Duration;

use time::OffsetDateTime;
use tokio::task::JoinHandle;
use vault::{Hold, Pointer, PointerName, Vault, VaultError};

use crate::verify;

/// How long the hold lives without being renewed: long enough for a machine that sleeps over lunch.
const HOLD_TTL: Duration = Duration::from_secs(6 * 60 * 60);
/// How often it is renewed.
const RENEW_EVERY: Duration = Duration::from_secs(10 * 60);

/// A hold that renews itself. Dropping it ends the renewal; the hold then lapses by itself.
pub(crate) struct Held {
    vault: Vault,
    hold: Hold,
    renewal: JoinHandle<()>,
}

impl Held {
    pub(crate) async fn take(vault: &Vault, owner: &str) -> Result<Self, VaultError> {
        let owner: String = owner.chars().take(vault::hold::OWNER_BYTES_MAX / 4).collect();
        let hold = vault.hold(&owner, HOLD_TTL).await?;
        let renewal = tokio::spawn(renew(vault.clone(), hold.clone()));
        Ok(Self { vault: vault.clone(), hold, renewal })
    }

    /// For work that only reads. A vault that is full or read-only must not keep anybody from restoring (I-34): then the waiting time of
    /// the sweep protects what is read.
    pub(crate) async fn to_read(vault: &Vault, owner: &str) -> Result<Option<Self>, VaultError> {
        match Self::take(vault, owner).await {
            Err(error) if error.is_read_only() || matches!(error, VaultError::NoSpace { .. }) => Ok(None),
            held => held.map(Some),
        }
    }

    /// Renews it now. An error means that what was relied on may be gone.
    pub(crate) async fn stands(&self) -> Result<(), VaultError> {
        self.vault.renew_hold(&self.hold, HOLD_TTL).await.map(|_| ())
    }

    /// Confirms that what a pointer keeps holds still at a moment: it is locked as if it were made then, where the vault locks.
    pub(crate) async fn confirm_pointer(&self, pointer: &Pointer, at: OffsetDateTime) -> Result<(), VaultError> {
        self.vault.lock_confirmed(pointer, at).await?;
        self.stands().await
    }

    /// Writes the pointer: the snapshot is kept from now on. A hold that lapsed before protects nothing, and nothing is sealed.
    ///
    /// One that lapses before the pointer is there is the other half of the bargain with the sweep: the snapshot is looked at, and
    /// withdrawn if something of it is gone. The same where the seal itself finds that something is.
    pub(crate) async fn seal(&self, pointer: &Pointer) -> Result<PointerName, VaultError> {
        self.stands().await?;
        let name = pointer.name()?;
        // What somebody else sealed is not withdrawn here.
        let was_kept = self.vault.pointer(&name).await?.is_some();
        let error = match self.vault.put_pointer(pointer).await {
            Ok(_) => match self.stands().await {
                Err(error @ VaultError::HoldLapsed { .. }) => error,
                Err(error) => return Err(error),
                Ok(()) => return Ok(name),
            },
            // Where the hold lapsed that is why, and what somebody has to know.
            Err(missing @ VaultError::Missing { .. }) => match self.stands().await {
                Err(lapsed @ VaultError::HoldLapsed { .. }) => lapsed,
                _ => missing,
            },
            Err(error) => return Err(error),
        };
        let findings = verify::snapshot(&self.vault, &pointer.snapshot.digest).await;
        if findings.is_empty() {
            return Ok(name);
        }
        // What could only not be looked at is not lost (I-6): then the snapshot stays, and verification says what it lacks.
        if !was_kept && findings.iter().any(crate::finding::Finding::degrades) {
            match self.vault.forget(&name).await {
                // It stays until its lock has passed, and verification says what it lacks.
                Err(VaultError::Locked { .. }) => tracing::warn!(%name, "a pointer that should be withdrawn is locked"),
                forgotten => forgotten?,
            }
        }
        Err(error)
    }

    /// Ends it. One that cannot be ended lapses by itself.
    pub(crate) async fn release(self) {
        self.renewal.abort();
        if let Err(error) = self.vault.release_hold(&self.hold).await {
            tracing::warn!(code = error.code(), "a hold could not be released and will lapse");
        }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.renewal.abort();
    }
}

async fn renew(vault: Vault, hold: Hold) {
    loop {
        tokio::time::sleep(RENEW_EVERY).await;
        match vault.renew_hold(&hold, HOLD_TTL).await {
            Ok(_) => {}
            // `stands` tells the backup before it seals.
            Err(VaultError::HoldLapsed { .. }) => return,
            Err(error) => tracing::warn!(code = error.code(), "a hold could not be renewed; trying again"),
        }
    }
}
