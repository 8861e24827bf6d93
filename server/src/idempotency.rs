//! A request that changes something is done once, whatever becomes of its answer (F-28, F-30).
//!
//! A change and its audit record are one transaction, and the record comes last in it. So the record is where a request's key is kept: it is there
//! exactly when the change is, and whoever asks again with the same key is told what was done. And so a request that has appended no record has
//! committed no change: where Postgres broke its transaction off because of others, it is run again from its beginning.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use app::audit::events::Event as Told;
use app::error::{ApiError, ErrorKind};
use app::sentence::Said;
use app::units::Moment;
use serde::Serialize;
use sqlx::PgConnection;
use time::OffsetDateTime;

use crate::error::Error;

/// How long a key is known, days.
const KEPT_D: i32 = 7;
/// What Postgres says when it broke a transaction off because of others: serialization failure, deadlock, lock time-out.
const BROKEN_OFF: [&str; 3] = ["40001", "40P01", "55P03"];

tokio::task_local! {
    static SCOPE: Arc<Scope>;
}

/// The key a caller gave a request.
#[derive(Debug, Clone)]
pub struct Key {
    /// Whose.
    pub account_id: i64,
    /// As given.
    pub text: String,
    /// SHA-256 over method, path and body: the same key for another request is a mistake.
    pub print: [u8; 32],
}

/// One try of a request.
#[derive(Debug, Default)]
pub struct Scope {
    key: Option<Key>,
    /// It may have changed something.
    acted: AtomicBool,
    /// It changed nothing, and another try may go through.
    broken_off: AtomicBool,
}

impl Scope {
    /// A try of a request with this key.
    #[must_use]
    pub fn new(key: Option<Key>) -> Arc<Self> {
        Arc::new(Self { key, ..Self::default() })
    }

    /// Runs the try.
    pub async fn run<F: Future>(self: Arc<Self>, request: F) -> F::Output {
        SCOPE.scope(self, request).await
    }

    /// Whether the request can be run again.
    #[must_use]
    pub fn can_be_repeated(&self) -> bool {
        self.broken_off.load(Ordering::SeqCst) && !self.acted.load(Ordering::SeqCst)
    }
}

fn scope() -> Option<Arc<Scope>> {
    SCOPE.try_with(Arc::clone).ok()
}

/// Whether this is a request that changes something, so that a key may be kept beside its record.
#[must_use]
pub fn keeps() -> bool {
    scope().is_some()
}

/// The request is about to change something outside Postgres, or to commit: it is not run again by itself.
pub fn acts() {
    if let Some(scope) = scope() {
        scope.acted.store(true, Ordering::SeqCst);
    }
}

/// Whether the request may have changed something although it failed: its commit was not answered.
#[must_use]
pub fn may_have_acted() -> bool {
    scope().is_some_and(|scope| scope.acted.load(Ordering::SeqCst))
}

/// Notes that Postgres broke a transaction of the request off, if that is what happened.
pub fn failed(error: &sqlx::Error) {
    let code = error.as_database_error().and_then(|error| error.code());
    if code.is_some_and(|code| BROKEN_OFF.contains(&code.as_ref()))
        && let Some(scope) = scope()
    {
        scope.broken_off.store(true, Ordering::SeqCst);
    }
}

/// Keeps the request's key with the record of its change, in the same transaction.
pub async fn keep(conn: &mut PgConnection, seq: i64) -> Result<(), Error> {
    let Some(scope) = scope() else { return Ok(()) };
    if scope.acted.swap(true, Ordering::SeqCst) {
        return Ok(());
    }
    let Some(key) = &scope.key else { return Ok(()) };
    sqlx::query("delete from request_key where account_id = $1 and made_at < now() - make_interval(days => $2)")
        .bind(key.account_id)
        .bind(KEPT_D)
        .execute(&mut *conn)
        .await?;
    let kept = sqlx::query("insert into request_key (account_id, key, print, seq) values ($1, $2, $3, $4)")
        .bind(key.account_id)
        .bind(&key.text)
        .bind(key.print.as_slice())
        .bind(seq)
        .execute(conn)
        .await;
    let twice = || ApiError::new(ErrorKind::Conflict, "done_before", app::refusals::General::DoneBefore);
    kept.map(|_| ()).map_err(|error| Error::from(error).on_constraint("request_key_pkey", twice()))
}

/// What a request did that was made before.
#[derive(Debug, Serialize, sqlx::FromRow)]
pub struct Receipt {
    /// Number of the audit record.
    pub record: i64,
    /// What was done.
    pub action: String,
    /// In one sentence.
    #[sqlx(try_from = "Vec<u8>")]
    pub sentence: Sentence,
    /// To what.
    pub object: Option<String>,
    /// When.
    #[sqlx(try_from = "OffsetDateTime")]
    pub at: At,
    #[serde(skip)]
    print: Vec<u8>,
}

/// What an audit record says of it.
#[derive(Debug, Serialize)]
#[serde(transparent)]
pub struct Sentence(Said<Told>);

impl From<Vec<u8>> for Sentence {
    fn from(record: Vec<u8>) -> Self {
        Self(crate::audit::said(&record))
    }
}

/// A moment, as JSON has it.
#[derive(Debug, Serialize)]
#[serde(transparent)]
pub struct At(Moment);

impl From<OffsetDateTime> for At {
    fn from(at: OffsetDateTime) -> Self {
        Self(Moment(at))
    }
}

/// What the request with this key did, if it was made before.
pub async fn done_before(conn: &mut PgConnection, key: &Key) -> Result<Option<Receipt>, Error> {
    let found: Option<Receipt> = sqlx::query_as(
        "select r.seq as record, r.action, r.record as sentence, r.object, r.happened_at as at, k.print
           from request_key k join audit_record r using (seq) where k.account_id = $1 and k.key = $2",
    )
    .bind(key.account_id)
    .bind(&key.text)
    .fetch_optional(conn)
    .await?;
    match found {
        Some(receipt) if receipt.print != key.print => {
            Err(ApiError::new(ErrorKind::Conflict, "key_used", app::refusals::General::KeyUsed).into())
        }
        other => Ok(other),
    }
}
