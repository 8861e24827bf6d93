//! What the pages ask the backend about vaults.

use async_trait::async_trait;

use crate::error::ApiError;
use crate::ports::Cx;
use crate::vaults::types::{Capacity, ChangeBucket, ChangeLock, ChangeScrub, Finding, NewVault, Sweep, SweepForm, Vault, VaultPage};

/// Vaults. Reading: any duty. Changing: operator.
#[async_trait]
pub trait Vaults: Send + Sync {
    /// All vaults by name.
    async fn list_vaults(&self, cx: &Cx) -> Result<Vec<Vault>, ApiError>;
    /// One vault.
    async fn get_vault(&self, cx: &Cx, vault_id: i64) -> Result<Vault, ApiError>;
    /// One vault with all that its page shows.
    async fn vault_page(&self, cx: &Cx, vault_id: i64) -> Result<VaultPage, ApiError>;
    /// Makes a vault, or adopts the one that is in the folder.
    async fn create_vault(&self, cx: &Cx, form: NewVault) -> Result<Vault, ApiError>;
    /// Changes how a bucket is reached, once its check-list passes.
    async fn change_bucket(&self, cx: &Cx, form: ChangeBucket) -> Result<Vault, ApiError>;
    /// Tries again what a vault needs of its bucket.
    async fn check_bucket(&self, cx: &Cx, vault_id: i64) -> Result<Vault, ApiError>;
    /// Starts a job that reads and hashes every object; answers with the job.
    async fn verify_vault(&self, cx: &Cx, vault_id: i64) -> Result<i64, ApiError>;
    /// Starts a job that lets go of what no snapshot needs; answers with the job.
    async fn sweep_vault(&self, cx: &Cx, vault_id: i64, form: SweepForm) -> Result<i64, ApiError>;
    /// Starts a job that makes the catalogue agree with the vault; answers with the job.
    async fn rebuild_from_vault(&self, cx: &Cx, vault_id: i64) -> Result<i64, ApiError>;
    /// Lets a vault that was only read be written.
    async fn open_vault(&self, cx: &Cx, vault_id: i64) -> Result<(), ApiError>;
    /// Changes how soon and how fast every byte is read.
    async fn change_scrub(&self, cx: &Cx, form: ChangeScrub) -> Result<(), ApiError>;
    /// Changes how its bucket locks what is written once.
    async fn change_lock(&self, cx: &Cx, form: ChangeLock) -> Result<(), ApiError>;
    /// The last sweeps, newest first.
    async fn list_sweeps(&self, cx: &Cx, vault_id: i64) -> Result<Vec<Sweep>, ApiError>;
    /// What it takes, how it grows, and when it will be full.
    async fn vault_capacity(&self, cx: &Cx, vault_id: i64) -> Result<Capacity, ApiError>;
    /// Findings, open ones first.
    async fn list_findings(&self, cx: &Cx, vault_id: i64) -> Result<Vec<Finding>, ApiError>;
}
