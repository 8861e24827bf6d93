//! The SQL of copies.

use app::jobs::failures::Failure;
use app::sentence::Said;
use app::units::Moment;
use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

/// Sets the further vaults of a plan.
pub async fn set_vaults(conn: &mut PgConnection, plan_id: i64, vault_ids: &[i64]) -> sqlx::Result<()> {
    sqlx::query("delete from plan_copy where plan_id = $1 and not (vault_id = any($2))")
        .bind(plan_id)
        .bind(vault_ids)
        .execute(&mut *conn)
        .await?;
    sqlx::query("insert into plan_copy (plan_id, vault_id) select $1, unnest($2::bigint[]) on conflict do nothing")
        .bind(plan_id)
        .bind(vault_ids)
        .execute(conn)
        .await?;
    Ok(())
}

/// Ids of the further vaults of a plan.
pub async fn vaults(conn: &mut PgConnection, plan_id: i64) -> sqlx::Result<Vec<i64>> {
    sqlx::query_scalar("select vault_id from plan_copy where plan_id = $1 order by vault_id").bind(plan_id).fetch_all(conn).await
}

/// A further vault of a plan, and how far its copies are.
#[derive(Debug, Clone, serde::Deserialize)]
pub struct CopyStatus {
    pub vault_id: i64,
    pub vault: String,
    pub copied: i64,
    pub waiting: i64,
    pub bytes: i64,
    pub newest: Option<Moment>,
    pub job_id: Option<i64>,
    pub job_state: Option<String>,
    pub job_error: Option<Said<Failure>>,
}

/// How the copies of a plan `p` stand, by name of the vault, as a column: an array of [`CopyStatus`].
pub const COPIES: &str = "
       (select coalesce(jsonb_agg(to_jsonb(c) order by c.vault), '[]')
          from (select cv.vault_id, cv.name as vault, s.copied, s.waiting, s.bytes, s.newest, j.job_id, j.state as job_state, j.error as job_error
                  from plan_copy pc join vault cv using (vault_id)
                 cross join lateral (
                       select count(c.copied_at) as copied, count(*) - count(c.copied_at) as waiting,
                              coalesce(sum(c.bytes_new), 0)::bigint as bytes, max(s.until) filter (where c.copied_at is not null) as newest
                         from snapshot s
                         left join snapshot_copy c on c.snapshot_id = s.snapshot_id and c.vault_id = pc.vault_id
                        where s.snapshot_id in (select k.snapshot_id from confirmation k where k.plan_id = pc.plan_id)
                          and s.vault_id <> pc.vault_id) s
                  left join lateral (
                       select job_id, state, error from job where dedupe_key = 'copy:' || pc.plan_id || ':' || pc.vault_id
                        order by job_id desc limit 1) j on true
                 where pc.plan_id = p.plan_id) c)";

/// A copy `c` of the snapshot `s` in a vault with the bucket `b` whose lock does not reach as far as if the snapshot were made when it was confirmed
/// last.
const SHORT: &str = "c.copied_at is not null and c.forgotten_at is null and c.degraded_at is null and b.lock_days is not null
    and s.until + make_interval(days => b.lock_days) > greatest(now(), coalesce(c.locked_until, '-infinity'))";

/// Further vaults of a plan that lack a snapshot, or the lock of one: id, name.
pub async fn lacking(conn: &mut PgConnection, plan_id: i64) -> sqlx::Result<Vec<(i64, String)>> {
    let sql = sqlx::AssertSqlSafe(format!(
        "select v.vault_id, v.name from plan_copy pc join vault v using (vault_id)
          where pc.plan_id = $1
            and (exists (select from confirmation k join snapshot s using (snapshot_id) join snapshot_copy c using (snapshot_id)
                                join vault_bucket b on b.vault_id = c.vault_id
                          where k.plan_id = pc.plan_id and c.vault_id = pc.vault_id and {SHORT})
             or exists (select 1 from snapshot s join confirmation k using (snapshot_id)
                         where k.plan_id = pc.plan_id and s.vault_id <> pc.vault_id
                           and not exists (select 1 from snapshot_copy c
                                            where c.snapshot_id = s.snapshot_id and c.vault_id = pc.vault_id and c.copied_at is not null)))
          order by v.name"
    ));
    sqlx::query_as(sql).bind(plan_id).fetch_all(conn).await
}

/// A snapshot to copy.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct Wanted {
    pub snapshot_id: i64,
    pub vault_id: i64,
    pub project_id: i64,
    pub project: String,
    pub pointer_id: Uuid,
    pub moment: OffsetDateTime,
    pub digest: Vec<u8>,
}

/// The newest snapshots a plan made or confirmed that a vault lacks, and that are older than `before`. None if the plan no longer names the vault.
pub async fn wanted(
    conn: &mut PgConnection,
    (plan_id, vault_id): (i64, i64),
    before: Option<(OffsetDateTime, i64)>,
    limit: i64,
) -> sqlx::Result<Vec<Wanted>> {
    let (moment, snapshot_id) = before.unzip();
    sqlx::query_as(
        "select s.snapshot_id, s.vault_id, s.project_id, p.name as project, s.pointer_id, s.moment, s.digest
           from snapshot s join project p using (project_id)
          where s.snapshot_id in (select k.snapshot_id from confirmation k where k.plan_id = $1) and s.vault_id <> $2
            and exists (select from plan_copy pc where pc.plan_id = $1 and pc.vault_id = $2)
            and ($3::timestamptz is null or (s.moment, s.snapshot_id) < ($3, $4))
            and not exists (select 1 from snapshot_copy c
                             where c.snapshot_id = s.snapshot_id and c.vault_id = $2 and c.copied_at is not null)
          order by s.moment desc, s.snapshot_id desc limit $5",
    )
    .bind(plan_id)
    .bind(vault_id)
    .bind(moment)
    .bind(snapshot_id)
    .bind(limit)
    .fetch_all(conn)
    .await
}

/// The newest snapshot of what a Harbor held in a project that is whole in a vault as a copy.
pub async fn newest(conn: &mut PgConnection, project_id: i64, vault_id: i64) -> sqlx::Result<Option<Vec<u8>>> {
    sqlx::query_scalar(
        "select v.digest from vault_snapshot v join snapshot s using (snapshot_id)
          where v.project_id = $1 and v.vault_id = $2 and v.degraded_at is null order by v.moment desc limit 1",
    )
    .bind(project_id)
    .bind(vault_id)
    .fetch_optional(conn)
    .await
}

/// A copy whose lock runs short.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct Unlocked {
    pub snapshot_id: i64,
    pub project: String,
    pub pointer_id: Uuid,
    /// When it was confirmed last, and a twelfth of the term more, so that not every run locks it.
    pub at: OffsetDateTime,
}

/// Copies of what a plan made or confirmed whose locks run short in a vault, by number.
pub async fn unlocked(conn: &mut PgConnection, (plan_id, vault_id): (i64, i64), after: i64, limit: i64) -> sqlx::Result<Vec<Unlocked>> {
    let sql = sqlx::AssertSqlSafe(format!(
        "select s.snapshot_id, p.name as project, s.pointer_id, s.until + make_interval(days => b.lock_days) / 12 as at
           from snapshot s join project p using (project_id) join snapshot_copy c using (snapshot_id)
                join vault_bucket b on b.vault_id = c.vault_id
          where s.snapshot_id in (select k.snapshot_id from confirmation k where k.plan_id = $1) and c.vault_id = $2 and {SHORT}
            and s.snapshot_id > $3
          order by s.snapshot_id limit $4"
    ));
    sqlx::query_as(sql).bind(plan_id).bind(vault_id).bind(after).bind(limit).fetch_all(conn).await
}

/// A copy is locked as if its snapshot were made at a moment.
pub async fn locked(conn: &mut PgConnection, snapshot_id: i64, vault_id: i64, at: OffsetDateTime) -> sqlx::Result<()> {
    sqlx::query(
        "update snapshot_copy c set locked_until = greatest(c.locked_until, $3 + make_interval(days => b.lock_days))
           from vault_bucket b where c.snapshot_id = $1 and c.vault_id = $2 and b.vault_id = c.vault_id",
    )
    .bind(snapshot_id)
    .bind(vault_id)
    .bind(at)
    .execute(conn)
    .await?;
    Ok(())
}

/// A copy begins. The row comes before the pointer, so that a copy nobody finished is let go with its snapshot.
pub async fn begin(conn: &mut PgConnection, snapshot_id: i64, vault_id: i64) -> sqlx::Result<()> {
    sqlx::query(
        "insert into snapshot_copy (snapshot_id, vault_id) values ($1, $2)
         on conflict (snapshot_id, vault_id) do update set started_at = now(), forgotten_at = null",
    )
    .bind(snapshot_id)
    .bind(vault_id)
    .execute(conn)
    .await?;
    Ok(())
}

/// A copy is whole.
pub async fn finish(conn: &mut PgConnection, snapshot_id: i64, vault_id: i64, bytes_new: i64) -> sqlx::Result<()> {
    sqlx::query(
        "update snapshot_copy c set copied_at = now(), bytes_new = bytes_new + $3, degraded_at = null,
                locked_until = greatest(c.locked_until, (select s.moment + make_interval(days => b.lock_days)
                                                           from snapshot_ever s, vault_bucket b
                                                          where s.snapshot_id = $1 and b.vault_id = $2))
          where c.snapshot_id = $1 and c.vault_id = $2",
    )
    .bind(snapshot_id)
    .bind(vault_id)
    .bind(bytes_new)
    .execute(conn)
    .await?;
    Ok(())
}

/// Vaults that have a snapshot, best first: whole before degraded, its own before copies, newest copies first.
pub async fn vaults_of(conn: &mut PgConnection, snapshot_id: i64) -> sqlx::Result<Vec<i64>> {
    sqlx::query_scalar("select vault_id from vault_snapshot where snapshot_id = $1 order by degraded_at is not null, is_copy, vault_id")
        .bind(snapshot_id)
        .fetch_all(conn)
        .await
}
