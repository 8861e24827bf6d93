//! Who uses a session, from its row: account, duties and roles as of now (I-31), with one statement. A request that reads writes nothing but, once a minute, that the
//! session and its account were seen.

use std::net::IpAddr;

use sqlx::PgPool;
use time::OffsetDateTime;
use tower_sessions::session::Id;

use super::Agent;
use super::store::{IDLE_MIN, MESSAGE, PROVED, key_of};
use crate::access::{Caller, Via};
use crate::accounts::{self, ACTIVE, Active, RIGHTS};

/// How long an entered password counts, seconds.
const FRESH_S: i64 = 600;

/// What the head of a page shows besides, which is in the same rows.
#[derive(Debug, Clone, Copy)]
pub struct Opened {
    /// A message waits for the next page.
    pub message: bool,
    /// Single keys do something.
    pub single_keys: bool,
}

/// A session in use.
#[derive(sqlx::FromRow)]
pub struct Used {
    session_id: i64,
    #[sqlx(flatten)]
    account: Active,
    single_keys: bool,
    proved_at: Option<i64>,
    message: bool,
    /// It was not noted for a minute that it is used.
    unnoted: bool,
}

/// The session of an id, if it goes on and its account is active and unchanged since it began.
pub async fn find(pool: &PgPool, id: &Id) -> sqlx::Result<Option<Used>> {
    let sql = sqlx::AssertSqlSafe(format!(
        "select s.session_id, {ACTIVE}, {RIGHTS}, a.single_keys, (s.data ->> '{PROVED}')::bigint as proved_at, s.data ? '{MESSAGE}' as message,
                least(s.seen_at, coalesce(s.noted_at, '-infinity'), coalesce(a.last_seen_at, '-infinity')) < now() - interval '1 minute' as unnoted
           from session s join account a on a.account_id = s.account_id and a.version = s.account_version
          where s.session_key = $1 and s.revoked_at is null and s.expires_at > now() and s.seen_at > now() - make_interval(mins => $2)
            and a.disabled_at is null"
    ));
    sqlx::query_as(sql).bind(key_of(id)).bind(IDLE_MIN).fetch_optional(pool).await
}

impl Used {
    /// Notes where and with what the session is used, at most once a minute.
    pub async fn note(&self, pool: &PgPool, ip: Option<IpAddr>, agent: Agent) -> sqlx::Result<()> {
        if !self.unnoted {
            return Ok(());
        }
        sqlx::query(
            "with used as (update session set seen_at = now(), ip = $2, browser = $3, system = $4, noted_at = now()
                            where session_id = $1 and revoked_at is null returning account_id)
             update account a set last_seen_at = now() from used where a.account_id = used.account_id",
        )
        .bind(self.session_id)
        .bind(ip.map(|ip| ip.to_string()))
        .bind(agent.browser)
        .bind(agent.system)
        .execute(pool)
        .await?;
        Ok(())
    }

    /// Who that is, and whether the password was entered in the last ten minutes (S-26).
    #[must_use]
    pub fn caller(self) -> (Caller, Opened) {
        let now = OffsetDateTime::now_utc().unix_timestamp();
        let fresh = self.proved_at.is_some_and(|at| (0..=FRESH_S).contains(&(now - at)));
        let opened = Opened { message: self.message, single_keys: self.single_keys };
        (Caller { fresh, session: Some(self.session_id), ..accounts::read(self.account, Via::Session) }, opened)
    }
}
