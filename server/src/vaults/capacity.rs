//! What a vault takes, how it grows, and when it will be full.
//!
//! Growth is what the last [`WINDOW_DAYS`] added, less what sweeps freed. The first backup of a project is left out: it comes once and says
//! nothing of the days to come.

use app::units::Moment;
use app::vaults::types::{Capacity, CapacityDay, ProjectCapacity, Vault};
use sqlx::PgConnection;
use time::OffsetDateTime;

use crate::access::Caller;
use crate::error::Error;
use crate::state::AppState;

/// Days looked back.
const WINDOW_DAYS: i32 = 30;
/// Days that must have been seen before anything is foretold.
const SEEN_DAYS_MIN: i64 = 3;
/// Projects listed, those that grow most first.
const PROJECTS_MAX: i64 = 20;
/// Days ahead beyond which a forecast says nothing: ten years.
const AHEAD_DAYS_MAX: i64 = 3_650;

/// Capacity of a vault, for its page.
pub async fn get(state: &AppState, caller: &Caller, vault_id: i64) -> Result<Capacity, Error> {
    let vault = super::get(state, caller, vault_id).await?;
    of(&mut *state.pool.acquire().await?, &vault).await
}

/// The same of a vault that was read already.
pub(super) async fn of(conn: &mut PgConnection, vault: &Vault) -> Result<Capacity, Error> {
    let usable = vault.free_bytes.map(|free| free.saturating_sub(vault.reserve_bytes));
    let (days, seen) = days(conn, vault.id).await?;
    let per_day = per_day(&days, seen);
    let (projects, more) = projects(conn, vault.id).await?;
    Ok(Capacity { per_day, days_left: usable.and_then(|usable| days_left(usable, per_day)), days, projects, more })
}

/// Days until the vault with so much free space is full; none while it cannot be said. For the home page.
pub async fn forecast(conn: &mut PgConnection, vault_id: i64, usable: i64) -> sqlx::Result<Option<i64>> {
    let (days, seen) = days(conn, vault_id).await?;
    Ok(days_left(usable, per_day(&days, seen)))
}

fn per_day(days: &[CapacityDay], seen: i64) -> Option<i64> {
    (seen >= SEEN_DAYS_MIN).then(|| days.iter().map(|day| day.added - day.freed).sum::<i64>() / seen.min(i64::from(WINDOW_DAYS)))
}

fn days_left(usable: i64, per_day: Option<i64>) -> Option<i64> {
    let per_day = per_day.filter(|per_day| *per_day > 0)?;
    Some(usable / per_day).filter(|days| *days <= AHEAD_DAYS_MAX)
}

/// By day, oldest first: added, added by first backups, freed. And days since the vault got its first snapshot.
async fn days(conn: &mut PgConnection, vault_id: i64) -> sqlx::Result<(Vec<CapacityDay>, i64)> {
    let rows: Vec<(OffsetDateTime, i64, i64, i64, i64)> = sqlx::query_as(
        "with seen as (select coalesce(extract(epoch from now() - least(
                    (select min(finished_at) from snapshot_ever where vault_id = $1),
                    (select min(copied_at) from snapshot_copy where vault_id = $1)))::bigint / 86400, 0) as days),
         window_ as (select now() - make_interval(days => $2) as from_at),
         added as (
             select s.finished_at as at, s.bytes_new,
                    not exists (select 1 from snapshot_ever e
                                 where e.project_id = s.project_id and e.vault_id = s.vault_id and e.moment < s.moment) as is_first
               from snapshot_ever s, window_ where s.vault_id = $1 and s.finished_at > from_at
              union all
             select c.copied_at, c.bytes_new,
                    not exists (select 1 from snapshot_copy d join snapshot_ever e using (snapshot_id)
                                 where e.project_id = s.project_id and d.vault_id = c.vault_id and d.copied_at < c.copied_at)
               from snapshot_copy c join snapshot_ever s using (snapshot_id), window_ where c.vault_id = $1 and c.copied_at > from_at),
         freed as (
             select w.finished_at as at, (w.outcome #>> '{deleted,size_bytes}')::bigint as bytes
               from sweep w, window_ where w.vault_id = $1 and not w.dry_run and w.finished_at > from_at)
         select d.day,
                coalesce((select sum(bytes_new) from added a where not a.is_first and a.at >= d.day and a.at < d.day + interval '1 day'), 0)::bigint,
                coalesce((select sum(bytes_new) from added a where a.is_first and a.at >= d.day and a.at < d.day + interval '1 day'), 0)::bigint,
                coalesce((select sum(bytes) from freed f where f.at >= d.day and f.at < d.day + interval '1 day'), 0)::bigint,
                (select days from seen)
           from generate_series(date_trunc('day', now()) - make_interval(days => $2 - 1), date_trunc('day', now()), interval '1 day') d (day)
          order by d.day",
    )
    .bind(vault_id)
    .bind(WINDOW_DAYS)
    .fetch_all(conn)
    .await?;
    let seen = rows.first().map_or(0, |(.., seen)| *seen);
    Ok((rows.into_iter().map(|(day, added, first, freed, _)| CapacityDay { day: Moment(day), added, first, freed }).collect(), seen))
}

/// Harbor, project, plan, logical bytes, new bytes, snapshots; how many projects there are.
type ProjectRow = (String, String, Option<String>, i64, i64, i64, i64);

/// What each project takes; those that added most first. How many more there are.
async fn projects(conn: &mut PgConnection, vault_id: i64) -> sqlx::Result<(Vec<ProjectCapacity>, i64)> {
    let rows: Vec<ProjectRow> = sqlx::query_as(
        "with here as (
             select v.project_id, count(*) as snapshots, (array_agg(v.logical_bytes order by v.moment desc))[1] as logical_bytes
               from vault_snapshot v where v.vault_id = $1 group by v.project_id),
         added as (
             select project_id, sum(bytes_new)::bigint as bytes from (
                 select project_id, bytes_new from snapshot_ever where vault_id = $1 and finished_at > now() - make_interval(days => $2)
                  union all
                 select s.project_id, c.bytes_new from snapshot_copy c join snapshot_ever s using (snapshot_id)
                  where c.vault_id = $1 and c.copied_at > now() - make_interval(days => $2)) a group by project_id)
         select h.name, p.name,
                (select pl.name from standing t join plan pl using (plan_id)
                  where t.project_id = p.project_id order by t.until desc, t.from_at desc limit 1),
                here.logical_bytes, coalesce(added.bytes, 0), here.snapshots, count(*) over ()
           from here join project p using (project_id) join harbor h using (harbor_id) left join added using (project_id)
          order by coalesce(added.bytes, 0) desc, here.logical_bytes desc, h.name, p.name limit $3",
    )
    .bind(vault_id)
    .bind(WINDOW_DAYS)
    .bind(PROJECTS_MAX)
    .fetch_all(conn)
    .await?;
    let all = rows.first().map_or(0, |(.., all)| *all);
    let more = all - i64::try_from(rows.len()).unwrap_or(i64::MAX);
    let one = |(harbor, project, plan, logical_bytes, bytes_new, snapshots, _): ProjectRow| ProjectCapacity {
        harbor,
        project,
        plan,
        logical_bytes,
        bytes_new,
        snapshots,
    };
    Ok((rows.into_iter().map(one).collect(), more.max(0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(added: i64, freed: i64) -> CapacityDay {
        CapacityDay { day: Moment(OffsetDateTime::UNIX_EPOCH), added, first: 1 << 50, freed }
    }

    #[test]
    fn the_forecast_is_what_is_left_by_what_a_day_takes() {
        let days: Vec<CapacityDay> = (0..30).map(|n| if n < 20 { day(0, 0) } else { day(30, 10) }).collect();
        assert_eq!(per_day(&days, 10), Some(20), "ten days were seen, and first backups do not count");
        assert_eq!(per_day(&days, 300), Some(6), "by the window");
        assert_eq!(per_day(&days, 2), None, "too early");
        assert_eq!(days_left(1_000, Some(20)), Some(50));
        assert_eq!(days_left(1_000, Some(-5)), None, "it shrinks");
        assert_eq!(days_left(i64::MAX, Some(1)), None, "nobody knows so far ahead");
    }
}
