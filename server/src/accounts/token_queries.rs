//! The SQL of API tokens.

use sqlx::PgConnection;
use time::OffsetDateTime;

/// Tokens of an account that are listed, the newest.
const LISTED_MAX: i64 = 200;

/// A token as stored, without its hash.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct TokenRow {
    pub api_token_id: i64,
    pub name: String,
    pub login: String,
    pub scope: String,
    pub networks: Vec<String>,
    pub bound: bool,
    pub places: Vec<String>,
    pub expires_at: OffsetDateTime,
    pub last_used_at: Option<OffsetDateTime>,
    pub last_used_ip: Option<String>,
    pub revoked_at: Option<OffsetDateTime>,
}

/// What a request needs of its token.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct InUse {
    pub api_token_id: i64,
    pub account_id: i64,
    pub scope: String,
    pub networks: Vec<String>,
    pub bound: bool,
    /// Its use was not noted for a minute.
    pub unnoted: bool,
}

const IN_USE: &str = "select api_token_id, account_id, scope, networks::text[] as networks, bound,
       coalesce(last_used_at, '-infinity') < now() - interval '1 minute' as unnoted from api_token
  where revoked_at is null and expires_at > now()";

/// The active token with this hash.
pub async fn by_hash(conn: &mut PgConnection, hash: &[u8]) -> sqlx::Result<Option<InUse>> {
    let sql = sqlx::AssertSqlSafe(format!("{IN_USE} and secret_hash = $1"));
    sqlx::query_as(sql).bind(hash).fetch_optional(conn).await
}

/// The token, if it is active.
pub async fn active(conn: &mut PgConnection, token_id: i64) -> sqlx::Result<Option<InUse>> {
    let sql = sqlx::AssertSqlSafe(format!("{IN_USE} and api_token_id = $1"));
    sqlx::query_as(sql).bind(token_id).fetch_optional(conn).await
}

/// Notes a use, of the token and of its owner, at most once a minute.
pub async fn note_use(conn: &mut PgConnection, token_id: i64, ip: Option<&str>) -> sqlx::Result<()> {
    sqlx::query(
        "with used as (update api_token set last_used_at = now(), last_used_ip = $2 where api_token_id = $1 returning account_id)
         update account a set last_seen_at = now() from used where a.account_id = used.account_id",
    )
    .bind(token_id)
    .bind(ip)
    .execute(conn)
    .await?;
    Ok(())
}

/// Where a bound token reaches: harbor, its name, project.
pub async fn places(conn: &mut PgConnection, token_id: i64) -> sqlx::Result<Vec<(i64, String, Option<String>)>> {
    sqlx::query_as(
        "select p.harbor_id, h.name, p.project from api_token_project p join harbor h using (harbor_id)
          where p.api_token_id = $1 order by h.name, p.project nulls first",
    )
    .bind(token_id)
    .fetch_all(conn)
    .await
}

/// A token to store.
pub struct New<'a> {
    pub account_id: i64,
    pub name: &'a str,
    pub hash: &'a [u8],
    pub scope: &'a str,
    pub days: i32,
    pub networks: &'a [String],
    /// Harbors and projects; none = it is not bound.
    pub places: Option<&'a [(i64, Option<String>)]>,
}

/// Stores a token.
pub async fn insert(conn: &mut PgConnection, new: &New<'_>) -> sqlx::Result<i64> {
    let token_id = sqlx::query_scalar(
        "insert into api_token (account_id, name, secret_hash, scope, expires_at, networks, bound)
         values ($1, $2, $3, $4, now() + make_interval(days => $5), $6::text[]::cidr[], $7) returning api_token_id",
    )
    .bind(new.account_id)
    .bind(new.name)
    .bind(new.hash)
    .bind(new.scope)
    .bind(new.days)
    .bind(new.networks)
    .bind(new.places.is_some())
    .fetch_one(&mut *conn)
    .await?;
    for (harbor_id, project) in new.places.unwrap_or_default() {
        sqlx::query("insert into api_token_project (api_token_id, harbor_id, project) values ($1, $2, $3) on conflict do nothing")
            .bind(token_id)
            .bind(harbor_id)
            .bind(project)
            .execute(&mut *conn)
            .await?;
    }
    Ok(token_id)
}

/// Tokens of an account, or of everybody, newest first.
pub async fn of(conn: &mut PgConnection, account_id: Option<i64>) -> sqlx::Result<Vec<TokenRow>> {
    sqlx::query_as(
        "select t.api_token_id, t.name, a.login, t.scope, t.networks::text[] as networks, t.bound, t.expires_at, t.last_used_at,
                t.last_used_ip, t.revoked_at,
                array(select h.name || '/' || coalesce(p.project, '*') from api_token_project p join harbor h using (harbor_id)
                       where p.api_token_id = t.api_token_id order by 1) as places
           from api_token t join account a using (account_id)
          where $1::bigint is null or t.account_id = $1 order by t.api_token_id desc limit $2",
    )
    .bind(account_id)
    .bind(LISTED_MAX)
    .fetch_all(conn)
    .await
}

/// Ends a token, of an account where one is given; answers with its name and its owner's.
pub async fn revoke(conn: &mut PgConnection, account_id: Option<i64>, token_id: i64, by: &str) -> sqlx::Result<Option<(String, String)>> {
    sqlx::query_as(
        "update api_token t set revoked_at = now(), revoked_by = $3 from account a
          where a.account_id = t.account_id and t.api_token_id = $2 and ($1::bigint is null or t.account_id = $1) and t.revoked_at is null
         returning t.name, a.login",
    )
    .bind(account_id)
    .bind(token_id)
    .bind(by)
    .fetch_optional(conn)
    .await
}
