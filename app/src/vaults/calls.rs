//! Calls about vaults.

use leptos::prelude::*;

use crate::error::ApiError;
use crate::vaults::types::{ChangeBucket, NewVault, Vault, VaultPage};

/// All vaults.
pub async fn list_vaults() -> Result<Vec<Vault>, ApiError> {
    use crate::ports::{answer, backend, cx};
    answer(backend().list_vaults(&cx()).await)
}

/// One vault with all that its page shows.
pub async fn vault_page(vault_id: i64) -> Result<VaultPage, ApiError> {
    use crate::ports::{answer, backend, cx};
    answer(backend().vault_page(&cx(), vault_id).await)
}

/// Makes or adopts a vault and goes to its page.
#[server(prefix = "/fn", endpoint = "vaults/create")]
pub async fn create_vault(form: NewVault) -> Result<Vault, ApiError> {
    use crate::ports::{answer_form, backend, cx, done, keep};
    let kept = keep::<CreateVault>(&form);
    let vault = answer_form::<CreateVault, _>(backend().create_vault(&cx(), form).await, kept)?;
    done(&format!("/vaults/{}", vault.id), "The vault is ready.", "保管库已就绪。").await;
    Ok(vault)
}

/// Changes how a vault's bucket is reached.
#[server(name = ChangeBucketCall, prefix = "/fn", endpoint = "vaults/change-bucket")]
pub async fn change_bucket(form: ChangeBucket) -> Result<Vault, ApiError> {
    use crate::ports::{answer_form, backend, cx, done, keep};
    let kept = keep::<ChangeBucketCall>(&form);
    let vault = answer_form::<ChangeBucketCall, _>(backend().change_bucket(&cx(), form).await, kept)?;
    done(&format!("/vaults/{}", vault.id), "The new settings were tested and saved.", "新设置已测试并保存。").await;
    Ok(vault)
}

/// Tries again what a vault needs of its bucket.
#[server(prefix = "/fn", endpoint = "vaults/check-bucket")]
pub async fn check_bucket(vault_id: i64) -> Result<Vault, ApiError> {
    use crate::ports::{answer, backend, cx, go};
    let vault = answer(backend().check_bucket(&cx(), vault_id).await)?;
    go(&format!("/vaults/{vault_id}"));
    Ok(vault)
}

/// Starts a sweep and goes to its job.
#[server(prefix = "/fn", endpoint = "vaults/sweep")]
pub async fn sweep_vault(vault_id: i64, dry_run: Option<String>, however_much: Option<String>) -> Result<i64, ApiError> {
    use crate::ports::{answer, backend, cx, go};
    use crate::vaults::types::SweepForm;
    let form = SweepForm { dry_run: dry_run.is_some(), however_much: however_much.is_some() };
    let job = answer(backend().sweep_vault(&cx(), vault_id, form).await)?;
    go(&format!("/jobs/{job}"));
    Ok(job)
}

/// Starts a rebuild of the catalogue and goes to its job.
#[server(prefix = "/fn", endpoint = "vaults/rebuild")]
pub async fn rebuild_from_vault(vault_id: i64) -> Result<i64, ApiError> {
    use crate::ports::{answer, backend, cx, go};
    let job = answer(backend().rebuild_from_vault(&cx(), vault_id).await)?;
    go(&format!("/jobs/{job}"));
    Ok(job)
}

/// Lets a vault that was only read be written.
#[server(prefix = "/fn", endpoint = "vaults/open")]
pub async fn open_vault(vault_id: i64) -> Result<(), ApiError> {
    use crate::ports::{answer, backend, cx, done};
    answer(backend().open_vault(&cx(), vault_id).await)?;
    done(&format!("/vaults/{vault_id}"), "The vault is open for writing.", "保管库已可写入。").await;
    Ok(())
}

/// Changes how soon and how fast every byte of a vault is read.
#[server(name = ChangeScrubCall, prefix = "/fn", endpoint = "vaults/change-scrub")]
pub async fn change_scrub(vault_id: i64, days: String, mib_s: String) -> Result<(), ApiError> {
    use crate::ports::{answer_form, backend, cx, done, keep};
    use crate::vaults::types::ChangeScrub;
    let kept = keep::<ChangeScrubCall>(&serde_json::json!({ "days": days, "mib_s": mib_s }));
    // What is no number is out of range, which the backend says.
    let mib_s = if mib_s.trim().is_empty() { None } else { Some(mib_s.trim().parse().unwrap_or_default()) };
    let form = ChangeScrub { vault_id, days: days.trim().parse().unwrap_or_default(), mib_s };
    answer_form::<ChangeScrubCall, _>(backend().change_scrub(&cx(), form).await, kept)?;
    done(&format!("/vaults/{vault_id}"), "Saved.", "已保存。").await;
    Ok(())
}

/// Changes how a vault's bucket locks what is written once.
#[server(name = ChangeLockCall, prefix = "/fn", endpoint = "vaults/change-lock")]
pub async fn change_lock(vault_id: i64, lock_days: String, lock_mode: String) -> Result<(), ApiError> {
    use crate::ports::{answer_form, backend, cx, done, keep};
    use crate::vaults::types::ChangeLock;
    let kept = keep::<ChangeLockCall>(&serde_json::json!({ "lock_days": lock_days, "lock_mode": lock_mode }));
    // What is no number is out of range, which the backend says.
    let days = if lock_days.trim().is_empty() { 0 } else { lock_days.trim().parse().unwrap_or(-1) };
    let form = ChangeLock { vault_id, lock_days: days, lock_mode };
    answer_form::<ChangeLockCall, _>(backend().change_lock(&cx(), form).await, kept)?;
    done(&format!("/vaults/{vault_id}"), "Saved.", "已保存。").await;
    Ok(())
}

/// Starts a verification and goes to its job.
#[server(prefix = "/fn", endpoint = "vaults/verify")]
pub async fn verify_vault(vault_id: i64) -> Result<i64, ApiError> {
    use crate::ports::{answer, backend, cx, go};
    let job = answer(backend().verify_vault(&cx(), vault_id).await)?;
    go(&format!("/jobs/{job}"));
    Ok(job)
}
