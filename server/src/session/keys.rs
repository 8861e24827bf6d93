//! Whether single keys do something in the console, by account (WCAG 2.1.4): with speech input or a switch they do what nobody meant.

use crate::access::Caller;
use crate::error::Error;
use crate::state::AppState;

/// Switches them on or off, for oneself. A way the console looks, and no right: it is not in the audit history, as language and theme are not.
pub async fn set(state: &AppState, caller: &Caller, on: bool) -> Result<(), Error> {
    caller.require_write()?;
    sqlx::query("update account set single_keys = $2 where account_id = $1").bind(caller.account_id).bind(on).execute(&state.pool).await?;
    Ok(())
}
