//! Sessions that are open: looked at, and ended.

use app::accounts::types::{EndSessions, OpenSession};
use app::audit::events::AccountEvent;
use app::error::ApiError;
use app::units::Moment;
use sqlx::PgConnection;
use time::OffsetDateTime;

use super::store::IDLE_MIN;
use crate::access::{Caller, Operation, Origin};
use crate::accounts;
use crate::audit::{self, Actor, Event};
use crate::error::Error;
use crate::events::{self, Topic};
use crate::state::AppState;

/// Sessions of one account that are listed, the newest.
const LISTED_MAX: i64 = 100;

#[derive(sqlx::FromRow)]
struct Row {
    session_id: i64,
    began_at: OffsetDateTime,
    seen_at: OffsetDateTime,
    ip: Option<String>,
    browser: Option<String>,
    system: Option<String>,
}

/// Sessions of an account that are neither ended nor over, the last seen first.
async fn of(conn: &mut PgConnection, account_id: i64) -> sqlx::Result<Vec<Row>> {
    sqlx::query_as(
        "select s.session_id, s.began_at, s.seen_at, s.ip, s.browser, s.system
           from session s join account a on a.account_id = s.account_id and a.version = s.account_version
          where s.account_id = $1 and s.revoked_at is null and s.expires_at > now() and s.seen_at > now() - make_interval(mins => $2)
          order by s.seen_at desc, s.session_id desc limit $3",
    )
    .bind(account_id)
    .bind(IDLE_MIN)
    .bind(LISTED_MAX)
    .fetch_all(conn)
    .await
}

/// Ends one session of an account, or all but `but`.
async fn end(conn: &mut PgConnection, account_id: i64, session_id: Option<i64>, but: Option<i64>) -> sqlx::Result<u64> {
    let done = sqlx::query(
        "update session set revoked_at = now(), data = '{}'
          where account_id = $1 and revoked_at is null and ($2::bigint is null or session_id = $2)
            and ($2::bigint is not null or session_id is distinct from $3)",
    )
    .bind(account_id)
    .bind(session_id)
    .bind(but)
    .execute(conn)
    .await?;
    Ok(done.rows_affected())
}

/// Whose sessions are meant: one's own are for people alone, those of others for who looks after accounts.
fn whose(caller: &Caller, user_id: Option<i64>, operation: Operation) -> Result<i64, ApiError> {
    match user_id.filter(|id| *id != caller.account_id) {
        None => caller.require_person().map(|()| caller.account_id),
        Some(other) => caller.require(operation, None).map(|()| other),
    }
}

/// Open sessions of an account, or one's own.
pub async fn list_sessions(state: &AppState, caller: &Caller, user_id: Option<i64>) -> Result<Vec<OpenSession>, Error> {
    let account_id = whose(caller, user_id, Operation::ReadAccounts)?;
    let mut conn = state.pool.acquire().await?;
    accounts::login_of(&mut conn, account_id).await?.ok_or_else(|| ApiError::not_found(app::refusals::Thing::Account))?;
    let shown = |row: Row| OpenSession {
        here: caller.session == Some(row.session_id),
        id: row.session_id,
        since: Moment(row.began_at),
        seen: Moment(row.seen_at),
        ip: row.ip,
        browser: row.browser,
        system: row.system,
    };
    Ok(of(&mut conn, account_id).await?.into_iter().map(shown).collect())
}

/// Ends a session, or all but the one that asks; answers how many.
pub async fn end_sessions(state: &AppState, caller: &Caller, origin: &Origin, form: EndSessions) -> Result<i64, Error> {
    let account_id = whose(caller, form.user_id, Operation::ManageAccounts)?;
    let mut tx = state.pool.begin().await?;
    let login = accounts::login_of(&mut tx, account_id).await?.ok_or_else(|| ApiError::not_found(app::refusals::Thing::Account))?;
    let ended = end(&mut tx, account_id, form.session_id, caller.session).await?;
    let what = match form.session_id {
        Some(_) if ended == 0 => return Err(ApiError::not_found(app::refusals::Thing::Session).into()),
        Some(session) => AccountEvent::SessionEnded { session, login: login.clone() },
        None => AccountEvent::SessionsEnded { sessions: app::units::figure(ended), login: login.clone() },
    };
    events::notify(&mut tx, Topic::Accounts).await?;
    let event = Event::new("session.revoke", "user", login, what);
    audit::record(&mut tx, &Actor::caller(caller, origin), event).await?;
    tx.commit().await?;
    Ok(i64::try_from(ended).unwrap_or(i64::MAX))
}
