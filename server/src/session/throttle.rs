//! Slows down guessing, in Postgres so that all servers count together (S-33).
//!
//! A try is counted and judged in one statement before the password is looked at, so that many at once are no way round it; a right
//! password takes its try back. Name and address are judged together: 5 free tries, then 2, 4 … 60 seconds. An address alone may fail 30
//! times a minute, a name alone 50 times in a quarter of an hour from wherever; both let through who signed in under this name from this
//! address in the last 30 days, since behind one proxy everybody has the same address and a stranger must not lock anybody out. Nothing
//! locks for good.
//!
//! Names are kept as hashes: people type passwords into the wrong field. An IPv6 address counts by its /64, which one household has.

use std::net::IpAddr;

use app::error::{ApiError, ErrorKind};
use sha2::{Digest as _, Sha256};
use sqlx::{PgConnection, PgPool};

use crate::error::Error;

/// Days for which a pair of name and address is known after it was good.
const KNOWN_D: i32 = 30;

/// How one kind of subject is counted.
struct Limit {
    kind: &'static str,
    /// Tries that cost nothing.
    free: i32,
    /// After this long without a try counting begins anew, seconds.
    window_s: i32,
    /// First wait, seconds; it doubles with each further try.
    wait_s: i32,
    /// Longest wait, seconds.
    wait_max_s: i32,
}

const LIMITS: [Limit; 3] = [
    Limit { kind: "pair", free: 5, window_s: 900, wait_s: 2, wait_max_s: 60 },
    Limit { kind: "address", free: 30, window_s: 60, wait_s: 60, wait_max_s: 60 },
    Limit { kind: "login", free: 50, window_s: 900, wait_s: 2, wait_max_s: 60 },
];

/// The three subjects of a try, in the order of [`LIMITS`].
fn subjects(login: &str, ip: Option<IpAddr>) -> [String; 3] {
    let name = hex::encode(Sha256::digest(login.as_bytes()));
    let address = match ip.map(|ip| ip.to_canonical()) {
        None => "unknown".to_owned(),
        Some(IpAddr::V4(ip)) => ip.to_string(),
        Some(IpAddr::V6(ip)) => {
            let [a, b, c, d, ..] = ip.segments();
            format!("{a:x}:{b:x}:{c:x}:{d:x}::/64")
        }
    };
    [format!("{name} {address}"), address, name]
}

/// Counts a try and lets it through, or says how long to wait.
pub async fn admit(pool: &PgPool, login: &str, ip: Option<IpAddr>) -> Result<(), Error> {
    let column = |of: fn(&Limit) -> i32| LIMITS.iter().map(of).collect::<Vec<i32>>();
    let kinds: Vec<&str> = LIMITS.iter().map(|limit| limit.kind).collect();
    // A row that is blocked is not updated, and so not among those that are answered.
    let admitted: Vec<(String, bool)> = sqlx::query_as(
        "insert into sign_in_throttle as t (kind, subject, failures, window_start)
         select kind, subject, 1, now() from unnest($1::text[], $2::text[]) as given (kind, subject) order by kind, subject
         on conflict (kind, subject) do update
            set (failures, window_start, blocked_until) = (
                select n, case when fresh then now() else t.window_start end,
                       case when n >= free then now() + make_interval(secs => least(wait_max, wait * power(2, least(n - free, 10)))) end
                  from (select l.*, t.window_start < now() - make_interval(secs => l.window_s) as fresh,
                               case when t.window_start < now() - make_interval(secs => l.window_s) then 1 else t.failures + 1 end as n
                          from unnest($1::text[], $3::int[], $4::int[], $5::int[], $6::int[]) as l (kind, free, window_s, wait, wait_max)
                         where l.kind = t.kind) as counted)
          where t.blocked_until is null or t.blocked_until <= now()
         returning kind, coalesce(good_at > now() - make_interval(days => $7), false)",
    )
    .bind(&kinds)
    .bind(subjects(login, ip).as_slice())
    .bind(column(|l| l.free))
    .bind(column(|l| l.window_s))
    .bind(column(|l| l.wait_s))
    .bind(column(|l| l.wait_max_s))
    .bind(KNOWN_D)
    .fetch_all(pool)
    .await?;
    let of = |kind: &str| admitted.iter().find(|(admitted, _)| admitted == kind);
    let known = of("pair").is_some_and(|(_, known)| *known);
    if of("pair").is_some() && (known || admitted.len() == LIMITS.len()) {
        return Ok(());
    }
    let wait_s: i64 = sqlx::query_scalar(
        "select coalesce(max(ceil(extract(epoch from blocked_until - now())))::bigint, 1) from sign_in_throttle
           join unnest($1::text[], $2::text[]) as given (kind, subject) using (kind, subject) where blocked_until > now()",
    )
    .bind(&kinds)
    .bind(subjects(login, ip).as_slice())
    .fetch_one(pool)
    .await?;
    Err(ApiError::new(
        ErrorKind::TooMany,
        "throttled",
        app::accounts::refusals::Refusal::Throttled { wait_s: app::units::figure(wait_s.max(1)) },
    )
    .into())
}

/// Takes a try back that was good, and remembers that this name is at home at this address.
pub async fn forget(conn: &mut PgConnection, login: &str, ip: Option<IpAddr>) -> Result<(), Error> {
    let [pair, address, name] = subjects(login, ip);
    sqlx::query(
        "update sign_in_throttle
            set failures = case kind when 'address' then greatest(failures - 1, 0) else 0 end,
                blocked_until = case kind when 'address' then blocked_until end,
                good_at = case kind when 'pair' then now() end
          where (kind = 'pair' and subject = $1) or (kind = 'address' and subject = $2) or (kind = 'login' and subject = $3)",
    )
    .bind(pair)
    .bind(address)
    .bind(name)
    .execute(conn)
    .await?;
    Ok(())
}

/// Forgets what no longer matters.
pub async fn sweep(pool: &PgPool) -> sqlx::Result<u64> {
    let done = sqlx::query(
        "delete from sign_in_throttle
          where greatest(window_start, good_at) < now() - case when good_at is null then interval '1 hour' else make_interval(days => $1) end",
    )
    .bind(KNOWN_D)
    .execute(pool)
    .await?;
    Ok(done.rows_affected())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// S-33.
    #[test]
    fn a_household_counts_as_one_and_no_name_is_kept_in_clear() {
        let of = |ip: &str| subjects("hunter2-typed-here", Some(ip.parse().unwrap()));
        assert_eq!(of("2001:db8:1:2::1"), of("2001:db8:1:2:ffff::9"));
        assert_ne!(of("2001:db8:1:2::1"), of("2001:db8:1:3::1"));
        assert_eq!(of("::ffff:192.0.2.1")[1], "192.0.2.1", "an address is one however it is written");
        assert!(of("192.0.2.1").iter().all(|subject| !subject.contains("hunter2")));
    }
}
