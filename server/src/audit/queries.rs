//! The SQL of the audit history.

use app::audit::types::{AuditEvent, AuditFilter};
use app::units::Moment;
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, Row as _};
use time::OffsetDateTime;

use super::chain::Link;

/// Rows of a page.
pub const PAGE_ROWS: i64 = 50;
/// Matching records that are counted; of more it is said that there are more.
pub const COUNT_MAX: i64 = 10_000;
/// Longest one statement of a search takes, seconds.
const SEARCH_S: u32 = 5;
/// Records read at a time while the chain is checked.
pub const CHECK_ROWS: i64 = 2_000;

/// Appends; the head stays locked until commit.
pub async fn append(conn: &mut PgConnection, record: &[u8]) -> sqlx::Result<i64> {
    sqlx::query_scalar("select audit_append($1)").bind(record).fetch_one(conn).await
}

/// Who may see what: all, or projects and own acts.
pub struct Sight<'a> {
    /// Everything.
    pub all: bool,
    /// Patterns `harbor/project`, `harbor/%`, `%`.
    pub projects: &'a [String],
    /// Patterns of actions.
    pub actions: &'a [&'static str],
    /// Own login, where own acts are told.
    pub login: Option<&'a str>,
}

/// What [`Sight`] lets through; its four values come first in every statement.
const SEEN: &str = "($1 or actor = $3 or project like any($2) or action like any($4))";

const COLUMNS: &str =
    "seq, happened_at, actor_type, actor, action, outcome, object_type, object, project, ip, request_id, record, token_id";

fn event(row: &PgRow) -> sqlx::Result<AuditEvent> {
    Ok(AuditEvent {
        seq: row.try_get("seq")?,
        at: Moment(row.try_get("happened_at")?),
        actor_type: row.try_get("actor_type")?,
        actor: row.try_get("actor")?,
        action: row.try_get("action")?,
        outcome: row.try_get("outcome")?,
        object_type: row.try_get("object_type")?,
        object: row.try_get("object")?,
        project: row.try_get("project")?,
        ip: row.try_get("ip")?,
        request_id: row.try_get("request_id")?,
        sentence: super::said(row.try_get("record")?),
        token: row.try_get("token_id")?,
    })
}

const MATCHES: &str = "
       ($5::text is null or actor = $5)
   and ($6::text is null or action like $6)
   and ($7::text is null or outcome = $7)
   and ($8::text is null or object ilike $8 or project ilike $8)
   and ($9::timestamptz is null or happened_at >= $9)
   and ($10::timestamptz is null or happened_at < $10)";

/// The filter as values for [`MATCHES`].
pub struct Bound {
    actor: Option<String>,
    action: Option<String>,
    outcome: Option<String>,
    object: Option<String>,
    from: Option<OffsetDateTime>,
    to: Option<OffsetDateTime>,
}

impl Bound {
    /// Reads the filter; texts of times that are none are ignored by the caller before.
    pub fn new(filter: &AuditFilter, from: Option<OffsetDateTime>, to: Option<OffsetDateTime>) -> Self {
        let some = |text: &Option<String>| text.as_deref().map(str::trim).filter(|t| !t.is_empty()).map(str::to_owned);
        Self {
            actor: some(&filter.actor),
            action: some(&filter.action).map(|text| escape_like(&text).replace('*', "%")),
            outcome: some(&filter.outcome),
            object: some(&filter.object).map(|text| format!("%{}%", escape_like(&text))),
            from,
            to,
        }
    }
}

/// `%` and `_` of a person's text are letters, not patterns.
#[must_use]
pub fn escape_like(text: &str) -> String {
    text.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_")
}

macro_rules! seen {
    ($query:expr, $sight:expr) => {
        $query.bind($sight.all).bind($sight.projects).bind($sight.login).bind($sight.actions)
    };
}

macro_rules! bind {
    ($query:expr, $sight:expr, $bound:expr) => {
        seen!($query, $sight)
            .bind(&$bound.actor)
            .bind(&$bound.action)
            .bind(&$bound.outcome)
            .bind(&$bound.object)
            .bind($bound.from)
            .bind($bound.to)
    };
}

/// A page, newest first, below `before`.
pub async fn page(conn: &mut PgConnection, sight: &Sight<'_>, bound: &Bound, before: Option<i64>) -> sqlx::Result<Vec<AuditEvent>> {
    let sql = sqlx::AssertSqlSafe(format!(
        "select {COLUMNS} from audit_record where {SEEN} and {MATCHES} and ($11::bigint is null or seq < $11) order by seq desc limit $12"
    ));
    let rows = bind!(sqlx::query(sql), sight, bound).bind(before).bind(PAGE_ROWS + 1).fetch_all(conn).await?;
    rows.iter().map(event).collect()
}

/// How many match, one more than [`COUNT_MAX`] where there are more; and how many there are.
pub async fn matching(conn: &mut PgConnection, sight: &Sight<'_>, bound: &Bound) -> sqlx::Result<(i64, i64)> {
    let sql = sqlx::AssertSqlSafe(format!(
        "select count(*), (select seq from audit_head) from (select from audit_record where {SEEN} and {MATCHES} limit $11) counted"
    ));
    bind!(sqlx::query_as(sql), sight, bound).bind(COUNT_MAX + 1).fetch_one(conn).await
}

/// Begins the part of a transaction whose statements may take so long as a search is worth.
pub async fn begin_search(conn: &mut PgConnection) -> sqlx::Result<()> {
    let sql = sqlx::AssertSqlSafe(format!("set local statement_timeout = '{SEARCH_S}s'"));
    sqlx::query(sql).execute(conn).await?;
    Ok(())
}

/// Ends that part.
pub async fn end_search(conn: &mut PgConnection) -> sqlx::Result<()> {
    sqlx::query("set local statement_timeout to default").execute(conn).await?;
    Ok(())
}

/// The seal on every page, as the columns `events`, `checked_at` and `held` of a statement without a table of its own.
pub const SEAL: &str = "h.seq as events, c.checked_at, c.held
  from audit_head h left join lateral (select checked_at, broken_seq is null as held from audit_check order by audit_check_id desc limit 1) c on true";

/// Number and hash of the newest.
pub async fn head(conn: &mut PgConnection) -> sqlx::Result<(i64, Vec<u8>)> {
    sqlx::query_as("select seq, hash from audit_head").fetch_one(conn).await
}

/// One record with its hashes.
pub async fn one(conn: &mut PgConnection, sight: &Sight<'_>, seq: i64) -> sqlx::Result<Option<(AuditEvent, Link)>> {
    let sql = sqlx::AssertSqlSafe(format!("select {COLUMNS}, prev_hash, hash from audit_record where seq = $5 and {SEEN}"));
    let row = seen!(sqlx::query(sql), sight).bind(seq).fetch_optional(conn).await?;
    row.map(|row| {
        let link = Link { seq, record: row.try_get("record")?, prev_hash: row.try_get("prev_hash")?, hash: row.try_get("hash")? };
        Ok((event(&row)?, link))
    })
    .transpose()
}

/// Other records of the same request or object, newest first.
pub async fn related(conn: &mut PgConnection, sight: &Sight<'_>, of: &AuditEvent) -> sqlx::Result<Vec<AuditEvent>> {
    let sql = sqlx::AssertSqlSafe(format!(
        "select {COLUMNS} from audit_record
          where {SEEN} and seq <> $5
            and (request_id = $6 or (object_type = $7 and object = $8))
          order by seq desc limit 20"
    ));
    let rows =
        seen!(sqlx::query(sql), sight).bind(of.seq).bind(&of.request_id).bind(&of.object_type).bind(&of.object).fetch_all(conn).await?;
    rows.iter().map(event).collect()
}

/// Records in order of number, from after `after`.
pub async fn links(conn: &mut PgConnection, after: i64) -> sqlx::Result<Vec<Link>> {
    let rows = sqlx::query("select seq, record, prev_hash, hash from audit_record where seq > $1 order by seq limit $2")
        .bind(after)
        .bind(CHECK_ROWS)
        .fetch_all(conn)
        .await?;
    rows.iter()
        .map(|row| {
            Ok(Link {
                seq: row.try_get("seq")?,
                record: row.try_get("record")?,
                prev_hash: row.try_get("prev_hash")?,
                hash: row.try_get("hash")?,
            })
        })
        .collect()
}

/// Keeps the result of a check.
pub async fn keep_check(conn: &mut PgConnection, events: i64, head: &[u8], broken: Option<(i64, &str)>) -> sqlx::Result<OffsetDateTime> {
    sqlx::query_scalar("insert into audit_check (events, head, broken_seq, broken_how) values ($1, $2, $3, $4) returning checked_at")
        .bind(events)
        .bind(head)
        .bind(broken.map(|b| b.0))
        .bind(broken.map(|b| b.1))
        .fetch_one(conn)
        .await
}

/// The newest check: when, and whether the chain held.
pub async fn last_check(conn: &mut PgConnection) -> sqlx::Result<Option<(OffsetDateTime, bool)>> {
    sqlx::query_as("select checked_at, broken_seq is null from audit_check order by audit_check_id desc limit 1").fetch_optional(conn).await
}

/// Whether this refusal needs no record: the request has one, or the same was refused to the same person a moment ago.
pub async fn refused_before(conn: &mut PgConnection, request_id: &str, login: &str, what: &str) -> sqlx::Result<bool> {
    sqlx::query_scalar(
        "select exists (select 1 from audit_record where request_id = $1 and outcome = 'denied')
             or exists (select 1 from audit_record where object_type = 'operation' and object = $3 and action = $4 and actor = $2
                           and happened_at > now() - interval '1 minute')",
    )
    .bind(request_id)
    .bind(login)
    .bind(what)
    .bind(super::DENIED)
    .fetch_one(conn)
    .await
}
