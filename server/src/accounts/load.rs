//! From an account or a token to a caller, as of now: roles and state are read on every request (I-31).

use app::accounts::types::{Duty, Role};
use app::error::{ApiError, ErrorKind};
use sqlx::{PgConnection, PgPool};

use super::queries::{self, Active};
use super::token_queries::{self, InUse};
use super::tokens;
use crate::access::{Caller, Origin, Reach, ScopedRole, Via};
use crate::audit;
use crate::crypto::token_hash;
use crate::error::Error;

/// The caller of a session, if the account is active and unchanged since the session began.
pub async fn caller_of_account(pool: &PgPool, account_id: i64, version: i64) -> sqlx::Result<Option<Caller>> {
    let mut conn = pool.acquire().await?;
    let Some(account) = queries::active(&mut conn, account_id).await? else { return Ok(None) };
    if account.version != version {
        return Ok(None);
    }
    Ok(Some(read(account, Via::Session)))
}

/// The caller of an API token, if token and account are active. A token that is used from outside its networks is refused, and that is recorded.
pub async fn caller_of_token(pool: &PgPool, secret: &str, origin: &Origin) -> Result<Option<Caller>, Error> {
    let mut conn = pool.acquire().await?;
    let Some(token) = token_queries::by_hash(&mut conn, &token_hash(secret)).await? else { return Ok(None) };
    let Some(caller) = load_token(&mut conn, &token).await? else { return Ok(None) };
    if tokens::may_be_used_from(&token.networks, origin.ip) {
        if token.unnoted {
            token_queries::note_use(&mut conn, token.api_token_id, origin.ip.map(|ip| ip.to_string()).as_deref()).await?;
        }
        return Ok(Some(caller));
    }
    drop(conn);
    let what = format!("the use of token {} from outside its networks", token.api_token_id);
    audit::refused(pool, &caller, origin, &what).await?;
    Err(ApiError::new(ErrorKind::Forbidden, "token_elsewhere", app::accounts::refusals::Refusal::TokenElsewhere).into())
}

/// The caller of a token that was let in before, as of now.
pub async fn caller_of_token_id(pool: &PgPool, token_id: i64) -> sqlx::Result<Option<Caller>> {
    let mut conn = pool.acquire().await?;
    let Some(token) = token_queries::active(&mut conn, token_id).await? else { return Ok(None) };
    load_token(&mut conn, &token).await
}

async fn load_token(conn: &mut PgConnection, token: &InUse) -> sqlx::Result<Option<Caller>> {
    let Some(account) = queries::active(conn, token.account_id).await? else { return Ok(None) };
    let caller = read(account, Via::Token { id: token.api_token_id, write: token.scope == "write" });
    if !token.bound {
        return Ok(Some(caller));
    }
    let places = token_queries::places(conn, token.api_token_id).await?;
    let places = places.into_iter().map(|(id, name, project)| Reach { harbor: (id, name), project }).collect();
    Ok(Some(caller.bound_to(places)))
}

/// The caller that a row is of.
pub fn read(account: Active, via: Via) -> Caller {
    let Active { account_id, login, display_name, must_change, duties, roles, .. } = account;
    let scoped = |(name, harbor_id, harbor, project): queries::RoleParts| {
        Some(ScopedRole { role: role(&name)?, harbor: harbor_id.zip(harbor), project })
    };
    let duties = duties.iter().filter_map(|d| duty(d)).collect();
    let roles = roles.0.into_iter().filter_map(scoped).collect();
    Caller { account_id, login, display_name, duties, roles, via, fresh: false, must_change, session: None, bounds: None }
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
