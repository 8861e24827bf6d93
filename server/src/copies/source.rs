//! The vault a snapshot is read from.

use sqlx::PgConnection;

use super::queries;
use crate::error::Error;
use crate::state::AppState;

/// Opens the best vault that has the snapshot and answers now: its own before copies, whole ones before degraded ones.
///
/// Where none answers, the error is that of the first, which is the one to repair.
pub async fn open_for(state: &AppState, conn: &mut PgConnection, snapshot_id: i64) -> Result<vault::Vault, Error> {
    let mut first = None;
    for vault_id in queries::vaults_of(&mut *conn, snapshot_id).await? {
        match answering(state, conn, vault_id).await {
            Ok(vault) => return Ok(vault),
            Err(error) => {
                tracing::warn!(vault.id = vault_id, error = %crate::error::chain(&error), "a vault does not answer; looking for a copy");
                first.get_or_insert(error);
            }
        }
    }
    Err(first.unwrap_or_else(|| app::error::ApiError::not_found(app::refusals::Thing::Snapshot).into()))
}

async fn answering(state: &AppState, conn: &mut PgConnection, vault_id: i64) -> Result<vault::Vault, Error> {
    let vault = crate::vaults::open(state, conn, vault_id).await?;
    vault.check().await?;
    Ok(vault)
}
