//! API tokens: 256 random bits with a prefix that secret scanners know, shown once, kept as a hash (reliability.md S-76).

use app::accounts::types::{MadeToken, NewToken, Token, TokenScope};
use app::error::ApiError;
use app::units::Moment;

use super::queries;
use crate::access::{Caller, Origin};
use crate::audit::{self, Actor, Event};
use crate::crypto;
use crate::error::Error;
use crate::state::AppState;

/// What every token begins with.
pub const PREFIX: &str = "bw_";
/// Longest life, days.
const DAYS_MAX: i32 = 365;

fn token(row: queries::TokenRow) -> Token {
    Token {
        id: row.api_token_id,
        name: row.name,
        owner: row.login,
        scope: if row.scope == "write" { TokenScope::Write } else { TokenScope::Read },
        expires: Moment(row.expires_at),
        last_used: row.last_used_at.map(Moment),
        revoked: row.revoked_at.map(Moment),
    }
}

/// One's own tokens.
pub async fn list_tokens(state: &AppState, caller: &Caller) -> Result<Vec<Token>, Error> {
    let mut conn = state.pool.acquire().await?;
    Ok(queries::tokens(&mut conn, caller.account_id).await?.into_iter().map(token).collect())
}

/// Makes a token for oneself, after the password was entered again. A token cannot make another.
pub async fn create_token(state: &AppState, caller: &Caller, origin: &Origin, form: NewToken) -> Result<MadeToken, Error> {
    caller.require_fresh()?;
    create_token_for(state, &Actor::caller(caller, origin), caller.account_id, &caller.login, form).await
}

/// The same for an account named at the server's command line.
pub async fn create_token_for(state: &AppState, actor: &Actor, account_id: i64, login: &str, form: NewToken) -> Result<MadeToken, Error> {
    let name = form.name.trim().to_owned();
    if name.is_empty() || name.chars().count() > 64 {
        return Err(ApiError::field("name", "say in 1 to 64 characters what the token is for").into());
    }
    if !(1..=DAYS_MAX).contains(&form.days) {
        return Err(ApiError::field("days", format!("a token lives 1 to {DAYS_MAX} days")).into());
    }
    let secret = format!("{PREFIX}{}", crypto::random_token());
    let scope = match form.scope {
        TokenScope::Read => "read",
        TokenScope::Write => "write",
    };
    let mut tx = state.pool.begin().await?;
    let id = queries::insert_token(&mut tx, account_id, &name, &crypto::token_hash(&secret), scope, form.days).await?;
    let made = queries::tokens(&mut tx, account_id).await?.into_iter().find(|t| t.api_token_id == id);
    let event =
        Event::new("token.create", "token", id.to_string(), format!("made the {scope} token “{name}” of {login} for {} days", form.days));
    audit::record(&mut tx, actor, event).await?;
    tx.commit().await?;
    let row = made.ok_or_else(|| Error::defect("a token just made is not in the list"))?;
    Ok(MadeToken { token: token(row), secret })
}

/// Ends one of one's own tokens.
pub async fn revoke_token(state: &AppState, caller: &Caller, origin: &Origin, token_id: i64) -> Result<(), Error> {
    caller.require_write()?;
    let mut tx = state.pool.begin().await?;
    let name = queries::revoke_token(&mut tx, caller.account_id, token_id).await?.ok_or_else(|| ApiError::not_found("token"))?;
    let event = Event::new("token.revoke", "token", token_id.to_string(), format!("ended the token “{name}”"));
    audit::record(&mut tx, &Actor::caller(caller, origin), event).await?;
    tx.commit().await?;
    Ok(())
}
