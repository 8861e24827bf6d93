//! From an account or a token to a caller, as of now: roles and state are read on every request (I-31).

use app::accounts::types::{Duty, Role};
use sqlx::{PgConnection, PgPool};

use super::queries;
use crate::access::{Caller, ScopedRole, Via};
use crate::crypto::token_hash;

/// The caller of a session, if the account is active and unchanged since the session began.
pub async fn caller_of_account(pool: &PgPool, account_id: i64, version: i64) -> sqlx::Result<Option<Caller>> {
    let mut conn = pool.acquire().await?;
    let Some(account) = queries::active(&mut conn, account_id).await? else { return Ok(None) };
    if account.version != version {
        return Ok(None);
    }
    load(&mut conn, account, Via::Session).await.map(Some)
}

/// The caller of an API token, if token and account are active.
pub async fn caller_of_token(pool: &PgPool, secret: &str) -> sqlx::Result<Option<Caller>> {
    let mut conn = pool.acquire().await?;
    let Some((token_id, account_id, scope)) = queries::use_token(&mut conn, &token_hash(secret)).await? else { return Ok(None) };
    let Some(account) = queries::active(&mut conn, account_id).await? else { return Ok(None) };
    let via = Via::Token { id: token_id, write: scope == "write" };
    load(&mut conn, account, via).await.map(Some)
}

async fn load(conn: &mut PgConnection, account: queries::Active, via: Via) -> sqlx::Result<Caller> {
    let queries::Active { account_id, login, display_name, must_change, .. } = account;
    let duties = queries::duties(conn, account_id).await?.iter().filter_map(|d| duty(d)).collect();
    let roles = queries::roles(conn, account_id)
        .await?
        .into_iter()
        .filter_map(|(name, harbor_id, harbor, project)| Some(ScopedRole { role: role(&name)?, harbor: harbor_id.zip(harbor), project }))
        .collect();
    Ok(Caller { account_id, login, display_name, duties, roles, via, fresh: false, must_change })
}

/// Reads a duty.
pub(super) fn duty(name: &str) -> Option<Duty> {
    [Duty::Operator, Duty::Secadmin, Duty::Auditor].into_iter().find(|d| duty_name(*d) == name)
}

/// Name of a duty in the database.
pub(super) const fn duty_name(duty: Duty) -> &'static str {
    match duty {
        Duty::Operator => "operator",
        Duty::Secadmin => "secadmin",
        Duty::Auditor => "auditor",
    }
}

/// Reads a role.
pub(super) fn role(name: &str) -> Option<Role> {
    [Role::Viewer, Role::Requester, Role::Approver, Role::Owner].into_iter().find(|r| role_name(*r) == name)
}

/// Name of a role in the database.
pub(super) const fn role_name(role: Role) -> &'static str {
    match role {
        Role::Viewer => "viewer",
        Role::Requester => "requester",
        Role::Approver => "approver",
        Role::Owner => "owner",
    }
}
