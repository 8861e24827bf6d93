//! Sessions in Postgres for tower-sessions. Differs from the published store where that one loses:
//! the key is the SHA-256 of the id (a copied table opens nothing), `create` only inserts and `save` only updates rows that are not
//! revoked, so that a slow request cannot bring a logged-out session back; ends are judged by the database's clock.

use async_trait::async_trait;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use sqlx::PgPool;
use time::OffsetDateTime;
use tower_sessions::SessionStore;
use tower_sessions::session::{Id, Record};
use tower_sessions::session_store::{Error, Result};

/// A session ends this long after it began, whatever happens.
pub const ABSOLUTE_H: i32 = 12;
/// A session ends this long after its last request.
pub const IDLE_MIN: i32 = 30;

/// Key in the session's data: the account.
pub const ACCOUNT: &str = "account_id";
/// Key in the session's data: the account's version when the session began.
pub const VERSION: &str = "account_version";

/// Key in the session's data: when the password was entered last, seconds since 1970.
pub const PROVED: &str = "proved_at";

/// Key in the session's data: what the next page says once.
pub const MESSAGE: &str = "flash";

/// Key in the session's data: when it was signed in, seconds since 1970.
pub const BEGAN: &str = "began_at";

/// The store.
#[derive(Clone, Debug)]
pub struct PgStore(PgPool);

impl PgStore {
    /// A store in this database.
    #[must_use]
    pub const fn new(pool: PgPool) -> Self {
        Self(pool)
    }

    /// Deletes sessions that ended a week ago or more.
    pub async fn sweep(&self) -> sqlx::Result<u64> {
        let done = sqlx::query("delete from session where expires_at < now() - interval '7 days'").execute(&self.0).await?;
        Ok(done.rows_affected())
    }
}

/// What the row of a session is found by.
pub(super) fn key_of(id: &Id) -> [u8; 32] {
    Sha256::digest(id.to_string().as_bytes()).into()
}

fn backend(error: sqlx::Error) -> Error {
    Error::Backend(crate::error::chain(&error))
}

fn data(record: &Record) -> Result<Value> {
    serde_json::to_value(&record.data).map_err(|e| Error::Encode(e.to_string()))
}

#[async_trait]
impl SessionStore for PgStore {
    async fn create(&self, record: &mut Record) -> Result<()> {
        sqlx::query(
            "insert into session (session_key, account_id, account_version, data, expires_at, began_at)
             values ($1, $2, $3, $4, now() + make_interval(hours => $5), least(now(), coalesce(to_timestamp($6::bigint), now())))",
        )
        .bind(key_of(&record.id))
        .bind(record.data.get(ACCOUNT).and_then(Value::as_i64))
        .bind(record.data.get(VERSION).and_then(Value::as_i64))
        .bind(data(record)?)
        .bind(ABSOLUTE_H)
        .bind(record.data.get(BEGAN).and_then(Value::as_i64))
        .execute(&self.0)
        .await
        .map_err(backend)?;
        Ok(())
    }

    async fn save(&self, record: &Record) -> Result<()> {
        sqlx::query(
            "update session set data = $2, account_id = $3, account_version = $4, seen_at = now()
              where session_key = $1 and revoked_at is null",
        )
        .bind(key_of(&record.id))
        .bind(data(record)?)
        .bind(record.data.get(ACCOUNT).and_then(Value::as_i64))
        .bind(record.data.get(VERSION).and_then(Value::as_i64))
        .execute(&self.0)
        .await
        .map_err(backend)?;
        Ok(())
    }

    async fn load(&self, id: &Id) -> Result<Option<Record>> {
        let found: Option<(Value, OffsetDateTime, bool)> = sqlx::query_as(
            "select data, expires_at, seen_at < now() - interval '1 minute' from session
              where session_key = $1 and revoked_at is null and expires_at > now()
                and seen_at > now() - make_interval(mins => $2)",
        )
        .bind(key_of(id))
        .bind(IDLE_MIN)
        .fetch_optional(&self.0)
        .await
        .map_err(backend)?;
        let Some((value, expiry_date, stale)) = found else { return Ok(None) };
        if stale {
            sqlx::query("update session set seen_at = now() where session_key = $1 and revoked_at is null")
                .bind(key_of(id))
                .execute(&self.0)
                .await
                .map_err(backend)?;
        }
        let data = serde_json::from_value(value).map_err(|e| Error::Decode(e.to_string()))?;
        Ok(Some(Record { id: *id, data, expiry_date }))
    }

    async fn delete(&self, id: &Id) -> Result<()> {
        sqlx::query("update session set revoked_at = coalesce(revoked_at, now()), data = '{}' where session_key = $1")
            .bind(key_of(id))
            .execute(&self.0)
            .await
            .map_err(backend)?;
        Ok(())
    }
}
