//! The SQL of vaults and findings.

use std::collections::{HashMap, HashSet};

use app::harbors::types::CheckList;
use app::sentence::Said;
use app::units::Moment;
use app::vaults::findings::{FindingHelp, HealedBy, Means};
use app::vaults::types::{Drift, Finding, Rebuilt};
use sqlx::PgConnection;
use sqlx::types::Json;
use time::OffsetDateTime;
use uuid::Uuid;
use vault::Swept;
use vocab::Digest;

use super::health::Health;

/// Findings answered at most.
const FINDINGS_MAX: i64 = 200;

/// A vault as stored, with counts.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct Row {
    pub vault_id: i64,
    pub name: String,
    pub path: String,
    pub vault_uuid: Uuid,
    pub stored_bytes: i64,
    pub verified_at: Option<OffsetDateTime>,
    pub created_at: OffsetDateTime,
    pub scrub_days: i32,
    pub scrub_mib_s: Option<i64>,
    pub read_since: OffsetDateTime,
    pub snapshots: i64,
    pub logical_bytes: i64,
    pub findings: i64,
    pub read_only_since: Option<OffsetDateTime>,
    pub drift: Option<Json<Drift>>,
    pub rebuilt: Option<Json<Rebuilt>>,
    pub look: Option<Json<Health>>,
    pub looked_at: Option<OffsetDateTime>,
    /// Snapshots that are locked, when the first lock passes, and when the last.
    pub locked: Json<(i64, Option<Moment>, Option<Moment>)>,
}

const SELECT: &str =
    "select v.vault_id, v.name, v.path, v.vault_uuid, v.stored_bytes, v.verified_at, v.created_at, v.scrub_days, v.scrub_mib_s,
       v.read_only_since, v.drift, v.rebuilt, v.look, v.looked_at,
       (select case when count(*) = 4096 then min(p.verified_at) else v.created_at end from scrub_part p where p.vault_id = v.vault_id)
           as read_since,
       kept.snapshots, newest.logical_bytes, kept.locked,
       (select count(*) from finding f where f.vault_id = v.vault_id and f.healed_at is null) as findings
  from vault v
       cross join lateral (
           select count(*) as snapshots,
                  jsonb_build_array(count(*) filter (where s.locked_until > now()), min(s.locked_until) filter (where s.locked_until > now()),
                                    max(s.locked_until) filter (where s.locked_until > now())) as locked
             from vault_snapshot s where s.vault_id = v.vault_id) kept
       cross join lateral (
           select coalesce(sum(n.logical_bytes), 0)::bigint as logical_bytes
             from (select distinct on (all_.project_id) all_.logical_bytes
                     from (select p.project_id, own.moment, own.logical_bytes
                             from project p cross join lateral (select s.moment, s.logical_bytes from kept_snapshot s
                                                                 where s.project_id = p.project_id and s.vault_id = v.vault_id
                                                                 order by s.moment desc limit 1) own
                            union all
                           select s.project_id, s.moment, s.logical_bytes
                             from snapshot_copy c join kept_snapshot s using (snapshot_id)
                            where c.vault_id = v.vault_id and c.copied_at is not null and c.forgotten_at is null) all_
                    order by all_.project_id, all_.moment desc) n) newest";

/// All by name.
pub async fn all(conn: &mut PgConnection) -> sqlx::Result<Vec<Row>> {
    let sql = sqlx::AssertSqlSafe(format!("{SELECT} order by v.name"));
    sqlx::query_as(sql).fetch_all(conn).await
}

/// One.
pub async fn one(conn: &mut PgConnection, vault_id: i64) -> sqlx::Result<Option<Row>> {
    let sql = sqlx::AssertSqlSafe(format!("{SELECT} where v.vault_id = $1"));
    sqlx::query_as(sql).bind(vault_id).fetch_optional(conn).await
}

/// Folder, or name of the bucket, and id of a vault, and whether it is only read.
pub async fn place(conn: &mut PgConnection, vault_id: i64) -> sqlx::Result<Option<(String, Uuid, bool)>> {
    sqlx::query_as("select path, vault_uuid, read_only_since is not null from vault where vault_id = $1")
        .bind(vault_id)
        .fetch_optional(conn)
        .await
}

/// A vault's bucket as stored. The secret is still sealed.
#[derive(Clone, sqlx::FromRow)]
pub struct BucketRow {
    pub vault_id: i64,
    pub endpoint: String,
    pub plain_http: bool,
    pub ca_pem: Option<String>,
    pub region: String,
    pub bucket: String,
    pub prefix: String,
    pub path_style: bool,
    pub access_key: String,
    pub secret: Vec<u8>,
    pub secret_set_at: OffsetDateTime,
    pub secret_set_by: String,
    pub checks: Json<CheckList>,
    pub version: i64,
    pub lock_mode: String,
    pub lock_days: Option<i32>,
}

/// The bucket of a vault, if it is in one.
pub async fn bucket(conn: &mut PgConnection, vault_id: i64) -> sqlx::Result<Option<BucketRow>> {
    sqlx::query_as("select * from vault_bucket where vault_id = $1").bind(vault_id).fetch_optional(conn).await
}

/// The buckets of all vaults.
pub async fn buckets(conn: &mut PgConnection) -> sqlx::Result<Vec<BucketRow>> {
    sqlx::query_as("select * from vault_bucket").fetch_all(conn).await
}

/// Keeps a vault's bucket: a new one, or as it is reached from now on.
pub async fn set_bucket(conn: &mut PgConnection, row: &BucketRow) -> sqlx::Result<()> {
    sqlx::query(
        "insert into vault_bucket as b (vault_id, endpoint, plain_http, ca_pem, region, bucket, prefix, path_style, access_key, secret,
                secret_set_at, secret_set_by, checks, lock_mode, lock_days)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)
         on conflict (vault_id) do update set endpoint = excluded.endpoint, plain_http = excluded.plain_http, ca_pem = excluded.ca_pem,
                region = excluded.region, path_style = excluded.path_style, access_key = excluded.access_key, secret = excluded.secret,
                secret_set_at = excluded.secret_set_at, secret_set_by = excluded.secret_set_by, checks = excluded.checks,
                version = b.version + 1",
    )
    .bind(row.vault_id)
    .bind(&row.endpoint)
    .bind(row.plain_http)
    .bind(&row.ca_pem)
    .bind(&row.region)
    .bind(&row.bucket)
    .bind(&row.prefix)
    .bind(row.path_style)
    .bind(&row.access_key)
    .bind(&row.secret)
    .bind(row.secret_set_at)
    .bind(&row.secret_set_by)
    .bind(&row.checks)
    .bind(&row.lock_mode)
    .bind(row.lock_days)
    .execute(conn)
    .await?;
    Ok(())
}

/// A vault was compared with the catalogue; answers its name and how they differed before.
pub async fn compared(conn: &mut PgConnection, vault_id: i64, drift: Option<Drift>) -> sqlx::Result<Option<(String, Option<Drift>)>> {
    let before: Option<(String, Option<Json<Drift>>)> =
        sqlx::query_as("select name, drift from vault where vault_id = $1 for update").bind(vault_id).fetch_optional(&mut *conn).await?;
    sqlx::query("update vault set compared_at = now(), drift = $2 where vault_id = $1")
        .bind(vault_id)
        .bind(drift.map(Json))
        .execute(conn)
        .await?;
    Ok(before.map(|(name, drift)| (name, drift.map(|json| json.0))))
}

/// Whether a vault is only read.
pub async fn is_read_only(conn: &mut PgConnection, vault_id: i64) -> sqlx::Result<bool> {
    sqlx::query_scalar("select exists (select from vault where vault_id = $1 and read_only_since is not null)")
        .bind(vault_id)
        .fetch_one(conn)
        .await
}

/// A vault is only read from now on, or may be written again; whether that changes anything.
pub async fn set_read_only(conn: &mut PgConnection, vault_id: i64, read_only: bool) -> sqlx::Result<bool> {
    let done = sqlx::query(
        "update vault set read_only_since = case when $2 then now() end where vault_id = $1 and (read_only_since is null) = $2",
    )
    .bind(vault_id)
    .bind(read_only)
    .execute(conn)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Keeps what a rebuild of the catalogue came to.
pub async fn set_rebuilt(conn: &mut PgConnection, vault_id: i64, rebuilt: &Rebuilt) -> sqlx::Result<()> {
    sqlx::query("update vault set rebuilt = $2 where vault_id = $1").bind(vault_id).bind(Json(rebuilt)).execute(conn).await?;
    Ok(())
}

/// A snapshot of another vault is whole in this one too; whether that is new. Only with the same content.
pub async fn insert_copy(conn: &mut PgConnection, pointer_id: Uuid, vault_id: i64, digest: &[u8]) -> sqlx::Result<bool> {
    let done = sqlx::query(
        "insert into snapshot_copy as c (snapshot_id, vault_id, copied_at, locked_until)
         select snapshot_id, $2, now(), moment + make_interval(days => (select lock_days from vault_bucket where vault_id = $2))
           from snapshot_ever where pointer_id = $1 and digest = $3 and vault_id <> $2
         on conflict (snapshot_id, vault_id) do update set copied_at = now() where c.copied_at is null",
    )
    .bind(pointer_id)
    .bind(vault_id)
    .bind(digest)
    .execute(conn)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// A copy that is gone is made again.
pub async fn copy_again(conn: &mut PgConnection, snapshot_id: i64, vault_id: i64) -> sqlx::Result<()> {
    sqlx::query("update snapshot_copy set copied_at = null, degraded_at = null where snapshot_id = $1 and vault_id = $2")
        .bind(snapshot_id)
        .bind(vault_id)
        .execute(conn)
        .await?;
    Ok(())
}

/// Snapshots that were let go have a pointer in a vault after all.
pub async fn forget_again(conn: &mut PgConnection, vault_id: i64, snapshot_ids: &[i64]) -> sqlx::Result<()> {
    sqlx::query(
        "with own as (update snapshot_ever set forgotten_at = null where snapshot_id = any($1) and vault_id = $2)
         update snapshot_copy set forgotten_at = null where snapshot_id = any($1) and vault_id = $2",
    )
    .bind(snapshot_ids)
    .bind(vault_id)
    .execute(conn)
    .await?;
    Ok(())
}

/// Vaults that have a kept snapshot of a project.
pub async fn of_project(conn: &mut PgConnection, project_id: i64) -> sqlx::Result<Vec<i64>> {
    sqlx::query_scalar("select distinct vault_id from vault_snapshot where project_id = $1").bind(project_id).fetch_all(conn).await
}

/// How soon and how fast a vault is read.
pub async fn set_scrub(conn: &mut PgConnection, vault_id: i64, days: i32, mib_s: Option<i64>) -> sqlx::Result<()> {
    sqlx::query("update vault set scrub_days = $2, scrub_mib_s = $3 where vault_id = $1")
        .bind(vault_id)
        .bind(days)
        .bind(mib_s)
        .execute(conn)
        .await?;
    Ok(())
}

/// Gives a vault another path; only what it is called, for a bucket whose server moved.
pub async fn set_path(conn: &mut PgConnection, vault_id: i64, path: &str) -> sqlx::Result<()> {
    sqlx::query("update vault set path = $2 where vault_id = $1").bind(vault_id).bind(path).execute(conn).await?;
    Ok(())
}

/// Makes the row.
pub async fn insert(conn: &mut PgConnection, name: &str, path: &str, uuid: Uuid) -> sqlx::Result<i64> {
    sqlx::query_scalar("insert into vault (name, path, vault_uuid) values ($1, $2, $3) returning vault_id")
        .bind(name)
        .bind(path)
        .bind(uuid)
        .fetch_one(conn)
        .await
}

/// Adds bytes that a run stored.
pub async fn add_stored(conn: &mut PgConnection, vault_id: i64, bytes: i64) -> sqlx::Result<()> {
    sqlx::query("update vault set stored_bytes = stored_bytes + $2 where vault_id = $1").bind(vault_id).bind(bytes).execute(conn).await?;
    Ok(())
}

/// Keeps what a whole verification counted.
pub async fn verified(conn: &mut PgConnection, vault_id: i64, stored_bytes: i64) -> sqlx::Result<()> {
    sqlx::query("update vault set stored_bytes = $2, verified_at = now() where vault_id = $1")
        .bind(vault_id)
        .bind(stored_bytes)
        .execute(conn)
        .await?;
    Ok(())
}

/// Opens a finding, once; true = it is new. An object that is known to be lost is not found again under another word.
pub async fn find(
    conn: &mut PgConnection,
    vault_id: i64,
    kind: &str,
    object: &Digest,
    (means, remedy): (&Means, &FindingHelp),
) -> sqlx::Result<bool> {
    let done = sqlx::query(
        "insert into finding (vault_id, kind, object, detail, remedy) select $1, $2, $3, $4, $5
          where not exists (select from finding where vault_id = $1 and object = $3 and healed_at is null
                                                     and (kind not in ('unreachable', 'lock_short') or kind = $2))
         on conflict (vault_id, kind, object) where healed_at is null do nothing",
    )
    .bind(vault_id)
    .bind(kind)
    .bind(object.as_bytes().as_slice())
    .bind(Json(means))
    .bind(Json(remedy))
    .execute(conn)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Open findings of damage and loss: their objects.
pub async fn open_objects(conn: &mut PgConnection, vault_id: i64) -> sqlx::Result<Vec<Vec<u8>>> {
    sqlx::query_scalar("select distinct object from finding where vault_id = $1 and healed_at is null and kind <> 'lock_short'")
        .bind(vault_id)
        .fetch_all(conn)
        .await
}

/// Whether anything lost was not healed yet.
pub async fn has_losses(conn: &mut PgConnection, vault_id: i64) -> sqlx::Result<bool> {
    sqlx::query_scalar(
        "select exists (select from finding where vault_id = $1 and healed_at is null and kind not in ('unreachable', 'lock_short'))",
    )
    .bind(vault_id)
    .fetch_one(conn)
    .await
}

/// Closes the findings about an object.
pub async fn heal(conn: &mut PgConnection, vault_id: i64, object: &[u8], by: &HealedBy) -> sqlx::Result<()> {
    sqlx::query(
        "update finding set healed_at = now(), healed_by = $3
          where vault_id = $1 and object = $2 and healed_at is null and kind <> 'lock_short'",
    )
    .bind(vault_id)
    .bind(object)
    .bind(Json(by))
    .execute(conn)
    .await?;
    Ok(())
}

/// Closes the findings of losses that no snapshot suffers from any more.
pub async fn no_longer_lost(conn: &mut PgConnection, vault_id: i64, objects: &[Vec<u8>]) -> sqlx::Result<()> {
    sqlx::query(
        "update finding set healed_at = now(), healed_by = $3
          where vault_id = $1 and healed_at is null and kind not in ('unreachable', 'lock_short') and object = any($2)",
    )
    .bind(vault_id)
    .bind(objects)
    .bind(Json(HealedBy::NothingLacks))
    .execute(conn)
    .await?;
    Ok(())
}

/// Snapshots become degraded, or whole again, in one of the vaults they are in.
pub async fn set_degraded(conn: &mut PgConnection, vault_id: i64, snapshot_ids: &[i64], degraded: bool) -> sqlx::Result<()> {
    if snapshot_ids.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "with own as (update snapshot set degraded_at = case when $3 then coalesce(degraded_at, now()) end
                       where snapshot_id = any($1) and vault_id = $2 and (degraded_at is null) = $3)
         update snapshot_copy set degraded_at = case when $3 then coalesce(degraded_at, now()) end
          where snapshot_id = any($1) and vault_id = $2 and (degraded_at is null) = $3",
    )
    .bind(snapshot_ids)
    .bind(vault_id)
    .bind(degraded)
    .execute(conn)
    .await?;
    Ok(())
}

/// Parts to read, those not read for longest first: with `days` so many that all are read within them, and what is overdue; else all.
/// What a job has read already it does not get again.
pub async fn parts(conn: &mut PgConnection, vault_id: i64, job_id: i64, days: Option<i32>) -> sqlx::Result<Vec<i16>> {
    sqlx::query_scalar(
        "with asked as (select created_at from job where job_id = $2),
              part as (select n::smallint as part, coalesce(p.verified_at, v.created_at) as since, p.verified_at
                         from vault v cross join generate_series(0, $3 - 1) n left join scrub_part p on p.vault_id = $1 and p.part = n
                        where v.vault_id = $1),
              ranked as (select part, since, row_number() over (order by since, part) as place from part, asked
                          where verified_at is null or verified_at < asked.created_at)
         select part from ranked
          where $4::integer is null or place <= ceil($3 * 1.1 / $4) or since < now() - make_interval(days => greatest($4 - 1, 0))
          order by place",
    )
    .bind(vault_id)
    .bind(job_id)
    .bind(super::partitions::PARTS)
    .bind(days)
    .fetch_all(conn)
    .await
}

/// All of these parts was read, beginning at a moment.
pub async fn parts_read(conn: &mut PgConnection, vault_id: i64, parts: &[i16], began: OffsetDateTime) -> sqlx::Result<()> {
    sqlx::query(
        "insert into scrub_part (vault_id, part, verified_at) select $1, part, $3 from unnest($2::smallint[]) part
         on conflict (vault_id, part) do update set verified_at = excluded.verified_at",
    )
    .bind(vault_id)
    .bind(parts)
    .bind(began)
    .execute(conn)
    .await?;
    Ok(())
}

/// Vaults of which a part is due to be read, each moved on by a day.
pub async fn scrubs_due(conn: &mut PgConnection) -> sqlx::Result<Vec<(i64, String)>> {
    sqlx::query_as(
        "update vault set scrub_at = now() + interval '1 day'
          where vault_id in (select vault_id from vault where scrub_at <= now() order by vault_id for update skip locked)
      returning vault_id, name",
    )
    .fetch_all(conn)
    .await
}

/// Snapshots of a vault by id: id and digest, after `after`.
pub async fn snapshots(conn: &mut PgConnection, vault_id: i64, after: i64, limit: i64) -> sqlx::Result<Vec<(i64, Vec<u8>)>> {
    sqlx::query_as("select snapshot_id, digest from vault_snapshot where vault_id = $1 and snapshot_id > $2 order by snapshot_id limit $3")
        .bind(vault_id)
        .bind(after)
        .bind(limit)
        .fetch_all(conn)
        .await
}

/// Id, kind, object, detail, remedy, found and healed.
type FindingRow = (
    i64,
    String,
    Vec<u8>,
    Json<Said<Means>>,
    Json<Said<FindingHelp>>,
    OffsetDateTime,
    Option<OffsetDateTime>,
    Option<Json<Said<HealedBy>>>,
);

/// Id, job, whether it only looked, end and outcome.
pub type SweepRow = (i64, i64, bool, OffsetDateTime, Json<Swept>);

/// The last sweeps, newest first.
pub async fn sweeps(conn: &mut PgConnection, vault_id: i64, limit: i64) -> sqlx::Result<Vec<SweepRow>> {
    sqlx::query_as("select sweep_id, job_id, dry_run, finished_at, outcome from sweep where vault_id = $1 order by sweep_id desc limit $2")
        .bind(vault_id)
        .bind(limit)
        .fetch_all(conn)
        .await
}

/// Keeps what a sweep did; once per job.
pub async fn insert_sweep(conn: &mut PgConnection, vault_id: i64, job_id: i64, dry_run: bool, swept: &Swept) -> sqlx::Result<()> {
    sqlx::query("insert into sweep (vault_id, job_id, dry_run, outcome) values ($1, $2, $3, $4)")
        .bind(vault_id)
        .bind(job_id)
        .bind(dry_run)
        .bind(Json(swept))
        .execute(conn)
        .await?;
    Ok(())
}

/// Keeps what a sweep counted.
pub async fn swept(conn: &mut PgConnection, vault_id: i64, stored_bytes: i64) -> sqlx::Result<()> {
    sqlx::query("update vault set stored_bytes = $2 where vault_id = $1").bind(vault_id).bind(stored_bytes).execute(conn).await?;
    Ok(())
}

/// Vaults whose sweep is due, each moved on by a day.
pub async fn sweeps_due(conn: &mut PgConnection) -> sqlx::Result<Vec<(i64, String)>> {
    sqlx::query_as(
        "update vault set sweep_at = now() + interval '1 day'
          where vault_id in (select vault_id from vault where sweep_at <= now() order by vault_id for update skip locked)
      returning vault_id, name",
    )
    .fetch_all(conn)
    .await
}

/// Findings, open ones first.
pub async fn findings(conn: &mut PgConnection, vault_id: i64) -> sqlx::Result<Vec<Finding>> {
    let rows: Vec<FindingRow> = sqlx::query_as(
        "select finding_id, kind, object, detail, remedy, found_at, healed_at, healed_by from finding
          where vault_id = $1 order by healed_at is not null, finding_id desc limit $2",
    )
    .bind(vault_id)
    .bind(FINDINGS_MAX)
    .fetch_all(conn)
    .await?;
    Ok(rows
        .into_iter()
        .map(|(id, kind, object, detail, remedy, found, healed, healed_by)| Finding {
            id,
            kind,
            object: format!("sha256:{}", hex::encode(object)),
            detail: detail.0,
            remedy: remedy.0,
            found: Moment(found),
            healed: healed.map(Moment),
            healed_by: healed_by.map(|by| by.0),
        })
        .collect())
}

/// Closes the findings of locks that are long enough now: that of one object, or all.
pub async fn locks_extended(conn: &mut PgConnection, vault_id: i64, object: Option<&Digest>) -> sqlx::Result<()> {
    sqlx::query(
        "update finding set healed_at = now(), healed_by = $3
          where vault_id = $1 and healed_at is null and kind = 'lock_short' and ($2::bytea is null or object = $2)",
    )
    .bind(vault_id)
    .bind(object.map(|object| object.as_bytes().as_slice()))
    .bind(Json(HealedBy::LockExtended))
    .execute(conn)
    .await?;
    Ok(())
}

/// How a vault's bucket locks from now on. What is locked for longer by it is so in the catalogue at once; nothing is locked for less.
pub async fn set_lock(conn: &mut PgConnection, vault_id: i64, mode: &str, days: Option<i32>) -> sqlx::Result<()> {
    sqlx::query("update vault_bucket set lock_mode = $2, lock_days = $3, version = version + 1 where vault_id = $1")
        .bind(vault_id)
        .bind(mode)
        .bind(days)
        .execute(&mut *conn)
        .await?;
    sqlx::query(
        "with own as (update snapshot set locked_until = greatest(locked_until, moment + make_interval(days => $2)) where vault_id = $1)
         update snapshot_copy c set locked_until = greatest(c.locked_until, s.moment + make_interval(days => $2))
           from snapshot s where s.snapshot_id = c.snapshot_id and c.vault_id = $1 and c.copied_at is not null and c.forgotten_at is null",
    )
    .bind(vault_id)
    .bind(days)
    .execute(conn)
    .await?;
    Ok(())
}

/// Of these pointers, those of snapshots that are kept in a vault, and those that were let go there.
pub async fn pointers_known(conn: &mut PgConnection, vault_id: i64, ids: &[Uuid]) -> sqlx::Result<(HashSet<Uuid>, HashSet<Uuid>)> {
    let rows: Vec<(Uuid, bool)> = sqlx::query_as(
        "select s.pointer_id, s.expired_at is null
           from snapshot_ever s
          where s.pointer_id = any($2)
            and (s.vault_id = $1 or exists (select from snapshot_copy c where c.snapshot_id = s.snapshot_id and c.vault_id = $1))",
    )
    .bind(vault_id)
    .bind(ids)
    .fetch_all(conn)
    .await?;
    let of = |kept: bool| rows.iter().filter(|(_, is)| *is == kept).map(|(id, _)| *id).collect();
    Ok((of(true), of(false)))
}

/// Keeps what a test of a bucket found.
pub async fn set_checks(conn: &mut PgConnection, vault_id: i64, checks: &CheckList) -> sqlx::Result<()> {
    sqlx::query("update vault_bucket set checks = $2 where vault_id = $1").bind(vault_id).bind(Json(checks)).execute(conn).await?;
    Ok(())
}

/// For which moments the snapshots of a vault were locked as if they were made then, by their pointers: those that a later run confirmed.
pub async fn locked_as_of(conn: &mut PgConnection, vault_id: i64) -> sqlx::Result<HashMap<Uuid, OffsetDateTime>> {
    let rows: Vec<(Uuid, OffsetDateTime)> = sqlx::query_as(
        "select e.pointer_id, s.locked_until - make_interval(days => b.lock_days)
           from vault_snapshot s join snapshot_ever e using (snapshot_id) join vault_bucket b on b.vault_id = s.vault_id
          where s.vault_id = $1 and s.locked_until > s.moment + make_interval(days => b.lock_days)",
    )
    .bind(vault_id)
    .fetch_all(conn)
    .await?;
    Ok(rows.into_iter().collect())
}
