//! Slows down guessing, in Postgres so that all servers count together (S-33): per name 5 free tries, then 2, 4 … 60 seconds; per
//! address 30 failures a minute. A right password of somebody else still works; nothing locks for good.

use sqlx::PgConnection;

/// Failures of one name that cost nothing.
const FREE: i32 = 5;
/// Longest wait for one name, seconds.
const WAIT_MAX_S: i32 = 60;
/// Failures from one address in a minute.
const PER_ADDRESS: i32 = 30;
/// Failures older than this are forgotten.
const WINDOW: &str = "15 minutes";

/// Seconds until another try is accepted, or 0.
pub async fn wait_s(conn: &mut PgConnection, login: &str, address: &str) -> sqlx::Result<i64> {
    sqlx::query_scalar(
        "select coalesce(max(ceil(extract(epoch from blocked_until - now())))::bigint, 0) from sign_in_throttle
          where ((kind = 'login' and subject = $1) or (kind = 'address' and subject = $2)) and blocked_until > now()",
    )
    .bind(login)
    .bind(address)
    .fetch_one(conn)
    .await
}

/// Counts a failure.
pub async fn fail(conn: &mut PgConnection, login: &str, address: &str) -> sqlx::Result<()> {
    sqlx::query(
        "insert into sign_in_throttle as t (kind, subject, failures, window_start) values ('login', $1, 1, now())
         on conflict (kind, subject) do update
            set failures = case when t.window_start < now() - $2::interval then 1 else t.failures + 1 end,
                window_start = case when t.window_start < now() - $2::interval then now() else t.window_start end,
                blocked_until = case when t.window_start >= now() - $2::interval and t.failures + 1 > $3
                                     then now() + make_interval(secs => least($4, power(2, least(t.failures + 1 - $3, 10)))) end",
    )
    .bind(login)
    .bind(WINDOW)
    .bind(FREE)
    .bind(WAIT_MAX_S)
    .execute(&mut *conn)
    .await?;
    sqlx::query(
        "insert into sign_in_throttle as t (kind, subject, failures, window_start) values ('address', $1, 1, now())
         on conflict (kind, subject) do update
            set failures = case when t.window_start < now() - interval '1 minute' then 1 else t.failures + 1 end,
                window_start = case when t.window_start < now() - interval '1 minute' then now() else t.window_start end,
                blocked_until = case when t.window_start >= now() - interval '1 minute' and t.failures + 1 >= $2
                                     then t.window_start + interval '1 minute' end",
    )
    .bind(address)
    .bind(PER_ADDRESS)
    .execute(conn)
    .await?;
    Ok(())
}

/// Forgets the failures of a name after a success.
pub async fn forget(conn: &mut PgConnection, login: &str) -> sqlx::Result<()> {
    sqlx::query("delete from sign_in_throttle where kind = 'login' and subject = $1").bind(login).execute(conn).await?;
    Ok(())
}
