//! The SQL of accounts, roles and tokens.

use app::restores::outcomes::Lapse;
use sqlx::PgConnection;
use sqlx::types::Json;
use time::OffsetDateTime;

/// Accounts of a page.
pub const PAGE_ROWS: i64 = 100;

/// A role as stored: its name, harbor, name of that, project.
pub type RoleParts = (String, Option<i64>, Option<String>, Option<String>);

/// Duties and roles of an account `a`, as columns of a statement about it.
pub const RIGHTS: &str = "array(select d.duty from account_duty d where d.account_id = a.account_id order by d.duty) as duties,
       (select coalesce(jsonb_agg(jsonb_build_array(g.role, g.harbor_id, h.name, g.project)
                                  order by h.name nulls first, g.project nulls first, g.role), '[]')
          from role_grant g left join harbor h using (harbor_id) where g.account_id = a.account_id) as roles";

/// An account as stored, without its hash.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct AccountRow {
    pub account_id: i64,
    pub login: String,
    pub display_name: String,
    pub disabled_at: Option<OffsetDateTime>,
    pub last_seen_at: Option<OffsetDateTime>,
    pub created_at: OffsetDateTime,
    pub duties: Vec<String>,
    pub roles: Json<Vec<RoleParts>>,
}

const ACCOUNT: &str = "a.account_id, a.login, a.display_name, a.disabled_at, a.last_seen_at, a.created_at";

/// Whether there is any account.
pub async fn any_account(conn: &mut PgConnection) -> sqlx::Result<bool> {
    sqlx::query_scalar("select exists (select 1 from account)").fetch_one(conn).await
}

/// Whether there is this account, active or not.
pub async fn is_known(conn: &mut PgConnection, account_id: i64) -> sqlx::Result<bool> {
    sqlx::query_scalar("select exists (select from account where account_id = $1)").bind(account_id).fetch_one(conn).await
}

/// An active account.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct Active {
    pub account_id: i64,
    pub login: String,
    pub display_name: String,
    pub version: i64,
    pub must_change: bool,
    pub duties: Vec<String>,
    pub roles: Json<Vec<RoleParts>>,
}

/// Its columns, of an account `a`.
pub const ACTIVE: &str = "a.account_id, a.login, a.display_name, a.version, a.must_change_password as must_change";

/// The account, if it is active.
pub async fn active(conn: &mut PgConnection, account_id: i64) -> sqlx::Result<Option<Active>> {
    let sql = sqlx::AssertSqlSafe(format!("select {ACTIVE}, {RIGHTS} from account a where a.account_id = $1 and a.disabled_at is null"));
    sqlx::query_as(sql).bind(account_id).fetch_optional(conn).await
}

/// Id, hash and version of an account by its name, active or not.
pub async fn by_login(conn: &mut PgConnection, login: &str) -> sqlx::Result<Option<(i64, String, i64, bool)>> {
    sqlx::query_as("select account_id, password_hash, version, disabled_at is null from account where login = $1")
        .bind(login)
        .fetch_optional(conn)
        .await
}

/// The name of an account, active or not.
pub async fn login_of(conn: &mut PgConnection, account_id: i64) -> sqlx::Result<Option<String>> {
    sqlx::query_scalar("select login from account where account_id = $1").bind(account_id).fetch_optional(conn).await
}

/// Makes an account.
pub async fn insert(conn: &mut PgConnection, login: &str, display_name: &str, hash: &str) -> sqlx::Result<i64> {
    sqlx::query_scalar("insert into account (login, display_name, password_hash) values ($1, $2, $3) returning account_id")
        .bind(login)
        .bind(display_name)
        .bind(hash)
        .fetch_one(conn)
        .await
}

/// Replaces the duties.
pub async fn set_duties(conn: &mut PgConnection, account_id: i64, duties: &[&str]) -> sqlx::Result<()> {
    sqlx::query("delete from account_duty where account_id = $1").bind(account_id).execute(&mut *conn).await?;
    sqlx::query("insert into account_duty (account_id, duty) select $1, d from unnest($2::text[]) d")
        .bind(account_id)
        .bind(duties)
        .execute(conn)
        .await?;
    Ok(())
}

/// Id of a harbor by name.
pub async fn harbor_id(conn: &mut PgConnection, name: &str) -> sqlx::Result<Option<i64>> {
    sqlx::query_scalar("select harbor_id from harbor where name = $1").bind(name).fetch_optional(conn).await
}

/// Removes all roles.
pub async fn clear_roles(conn: &mut PgConnection, account_id: i64) -> sqlx::Result<()> {
    sqlx::query("delete from role_grant where account_id = $1").bind(account_id).execute(conn).await?;
    Ok(())
}

/// Gives a role.
pub async fn grant(
    conn: &mut PgConnection,
    account_id: i64,
    role: &str,
    harbor: Option<i64>,
    project: Option<&str>,
    by: &str,
) -> sqlx::Result<()> {
    sqlx::query(
        "insert into role_grant (account_id, role, harbor_id, project, granted_by) values ($1, $2, $3, $4, $5) on conflict do nothing",
    )
    .bind(account_id)
    .bind(role)
    .bind(harbor)
    .bind(project)
    .bind(by)
    .execute(conn)
    .await?;
    Ok(())
}

/// Raises the version, which ends all sessions.
pub async fn bump(conn: &mut PgConnection, account_id: i64) -> sqlx::Result<bool> {
    let done = sqlx::query("update account set version = version + 1 where account_id = $1").bind(account_id).execute(&mut *conn).await?;
    sqlx::query("update session set revoked_at = now() where account_id = $1 and revoked_at is null")
        .bind(account_id)
        .execute(conn)
        .await?;
    Ok(done.rows_affected() == 1)
}

/// Waits until nobody else changes duties, and keeps them out until the transaction ends.
pub async fn lock_duties(conn: &mut PgConnection) -> sqlx::Result<()> {
    sqlx::query("lock table account_duty in share row exclusive mode").execute(conn).await?;
    Ok(())
}

/// Whether the set-up is over.
pub async fn is_sealed(conn: &mut PgConnection) -> sqlx::Result<bool> {
    sqlx::query_scalar("select exists (select 1 from duty_seal)").fetch_one(conn).await
}

/// The set-up is over.
pub async fn set_sealed(conn: &mut PgConnection) -> sqlx::Result<()> {
    sqlx::query("insert into duty_seal default values on conflict do nothing").execute(conn).await?;
    Ok(())
}

/// Every duty of every active account.
pub async fn holders_of_all(conn: &mut PgConnection) -> sqlx::Result<Vec<(i64, String)>> {
    sqlx::query_as("select account_id, duty from account_duty join account using (account_id) where disabled_at is null order by 1, 2")
        .fetch_all(conn)
        .await
}

/// Login, duties and roles of every active account that has a duty.
pub async fn rights_of_holders(conn: &mut PgConnection) -> sqlx::Result<Vec<(String, Vec<String>, Vec<String>, i64)>> {
    sqlx::query_as(
        "select a.login, array_agg(distinct d.duty), array(select distinct g.role from role_grant g where g.account_id = a.account_id),
                (select count(*) from account where disabled_at is null)
           from account a join account_duty d using (account_id) where a.disabled_at is null group by a.account_id order by a.login",
    )
    .fetch_all(conn)
    .await
}

/// Keeps an account as it is until the transaction ends; false = there is none.
pub async fn lock(conn: &mut PgConnection, account_id: i64) -> sqlx::Result<bool> {
    let found: Option<i64> =
        sqlx::query_scalar("select account_id from account where account_id = $1 for update").bind(account_id).fetch_optional(conn).await?;
    Ok(found.is_some())
}

/// Active accounts with a duty, all rows locked against a change at the same time.
pub async fn holders(conn: &mut PgConnection, duty: &str) -> sqlx::Result<Vec<i64>> {
    sqlx::query_scalar(
        "select a.account_id from account a join account_duty d using (account_id)
          where d.duty = $1 and a.disabled_at is null order by 1 for update of a",
    )
    .bind(duty)
    .fetch_all(conn)
    .await
}

/// Switches an account.
pub async fn set_disabled(conn: &mut PgConnection, account_id: i64, disabled: bool) -> sqlx::Result<bool> {
    let done = sqlx::query("update account set disabled_at = case when $2 then coalesce(disabled_at, now()) end where account_id = $1")
        .bind(account_id)
        .bind(disabled)
        .execute(conn)
        .await?;
    Ok(done.rows_affected() == 1)
}

/// Who chose a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChosenBy {
    /// Its owner.
    Owner,
    /// Somebody else: it works once, and for a day the account does not vote.
    Other,
}

/// Stores another password and ends the tokens made before.
pub async fn set_password(conn: &mut PgConnection, account_id: i64, hash: &str, by: ChosenBy) -> sqlx::Result<bool> {
    let done = sqlx::query(
        "update account set password_hash = $2, must_change_password = $3,
                no_vote_until = case when $3 then now() + interval '24 hours' else no_vote_until end
          where account_id = $1",
    )
    .bind(account_id)
    .bind(hash)
    .bind(by == ChosenBy::Other)
    .execute(&mut *conn)
    .await?;
    sqlx::query("update api_token set revoked_at = now() where account_id = $1 and revoked_at is null")
        .bind(account_id)
        .execute(&mut *conn)
        .await?;
    if by == ChosenBy::Other {
        sqlx::query(
            "update vote v set void_at = now(), void_reason = $2 from request q
              where v.account_id = $1 and v.void_at is null and q.request_id = v.request_id and q.state in ('waiting', 'reapproval', 'queued')",
        )
        .bind(account_id)
        .bind(Json(Lapse::PasswordReset))
        .execute(conn)
        .await?;
    }
    Ok(done.rows_affected() == 1)
}

/// Its password is known to whoever made the account: it works once, and for a day the account does not vote.
pub async fn made_by_other(conn: &mut PgConnection, account_id: i64) -> sqlx::Result<()> {
    sqlx::query("update account set must_change_password = true, no_vote_until = now() + interval '24 hours' where account_id = $1")
        .bind(account_id)
        .execute(conn)
        .await?;
    Ok(())
}

/// Whether the account may vote again after a reset of its password.
pub async fn votes(conn: &mut PgConnection, account_id: i64) -> sqlx::Result<bool> {
    sqlx::query_scalar("select no_vote_until is null or no_vote_until <= now() from account where account_id = $1")
        .bind(account_id)
        .fetch_one(conn)
        .await
}

/// The hash of an account.
pub async fn password_hash(conn: &mut PgConnection, account_id: i64) -> sqlx::Result<Option<String>> {
    sqlx::query_scalar("select password_hash from account where account_id = $1").bind(account_id).fetch_optional(conn).await
}

/// Replaces a hash by a stronger one of the same password, unless the password was changed meanwhile.
pub async fn renew_hash(conn: &mut PgConnection, account_id: i64, old: &str, new: &str) -> sqlx::Result<()> {
    sqlx::query("update account set password_hash = $3 where account_id = $1 and password_hash = $2")
        .bind(account_id)
        .bind(old)
        .bind(new)
        .execute(conn)
        .await?;
    Ok(())
}

/// Accounts by login, after `after`.
pub async fn page(conn: &mut PgConnection, after: Option<&str>) -> sqlx::Result<Vec<AccountRow>> {
    let sql = sqlx::AssertSqlSafe(format!(
        "select {ACCOUNT}, {RIGHTS} from account a where $1::text is null or a.login > $1 order by a.login limit $2"
    ));
    sqlx::query_as(sql).bind(after).bind(PAGE_ROWS + 1).fetch_all(conn).await
}

/// One account.
pub async fn one(conn: &mut PgConnection, account_id: i64) -> sqlx::Result<Option<AccountRow>> {
    let sql = sqlx::AssertSqlSafe(format!("select {ACCOUNT}, {RIGHTS} from account a where a.account_id = $1"));
    sqlx::query_as(sql).bind(account_id).fetch_optional(conn).await
}

/// What signing in needs of an account.
pub struct Credentials {
    /// Account.
    pub id: i64,
    /// Hash of the password.
    pub hash: String,
    /// Version.
    pub version: i64,
    /// Not switched off.
    pub active: bool,
}

/// The account of a sign-in name.
pub async fn credentials(conn: &mut PgConnection, login: &str) -> sqlx::Result<Option<Credentials>> {
    Ok(by_login(conn, login).await?.map(|(id, hash, version, active)| Credentials { id, hash, version, active }))
}
