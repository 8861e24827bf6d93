//! From when to when runs of a plan found that a snapshot holds what its project has.
//!
//! A run that finds a project unchanged writes nothing of it: what is open holds still since the look of the plan's newest run that ended
//! well ([`end_well`]). Only what is new or ends costs a row: a snapshot that was made, one that is found to hold still for the first time,
//! a project whose state is not known any more because a run failed, was stopped, or did not take place ([`end_all`]).
//!
//! What a plan keeps, it keeps by these rows: a snapshot is let go when no plan has one of it (`queries::expire`).

use engine::backup::tail::Mark;
use sqlx::PgConnection;
use time::OffsetDateTime;
use vocab::Digest;

/// A run made a snapshot of a project, or listed the project and found its newest one to hold still, at a moment.
pub async fn seen(conn: &mut PgConnection, plan_id: i64, project_id: i64, snapshot_id: i64, at: OffsetDateTime) -> sqlx::Result<()> {
    sqlx::query(
        "update confirmation c set to_at = t.until from standing t
          where t.confirmation_id = c.confirmation_id and c.plan_id = $1 and c.project_id = $2 and c.to_at is null and c.snapshot_id <> $3",
    )
    .bind(plan_id)
    .bind(project_id)
    .bind(snapshot_id)
    .execute(&mut *conn)
    .await?;
    sqlx::query(
        "insert into confirmation (plan_id, project_id, snapshot_id, from_at, seen_at) values ($1, $2, $3, $4, $4)
         on conflict (plan_id, project_id) where to_at is null do update set seen_at = greatest(confirmation.seen_at, excluded.seen_at)",
    )
    .bind(plan_id)
    .bind(project_id)
    .bind(snapshot_id)
    .bind(at)
    .execute(conn)
    .await?;
    Ok(())
}

/// The first look of a run, by our clock and as the next one has to know it. A later try does not move it: what the first one found is known from
/// then.
pub async fn looked(
    conn: &mut PgConnection,
    run_id: i64,
    at: OffsetDateTime,
    (seen_at, mark): (OffsetDateTime, Option<Mark>),
) -> sqlx::Result<()> {
    sqlx::query(
        "update run set looked_at = $2, look_seen_at = $3, look_log = $4, look_log_id = $5 where run_id = $1 and looked_at is null",
    )
    .bind(run_id)
    .bind(at)
    .bind(seen_at)
    .bind(mark.map(|mark| mark.log.name()))
    .bind(mark.map(|mark| mark.id))
    .execute(conn)
    .await?;
    Ok(())
}

/// Names of the projects that a run made or confirmed a snapshot of: a later try does not do them again.
pub async fn done_in_run(conn: &mut PgConnection, run_id: i64) -> sqlx::Result<Vec<String>> {
    sqlx::query_scalar(
        "select p.name from run r join confirmation c on c.plan_id = r.plan_id and c.to_at is null and c.seen_at >= r.looked_at
                join project p using (project_id)
          where r.run_id = $1",
    )
    .bind(run_id)
    .fetch_all(conn)
    .await
}

/// A run over all its projects ended well: what it found unchanged holds still since its look, and what it did not come by ends where it was
/// seen last.
pub async fn end_well(conn: &mut PgConnection, run_id: i64, unchanged: &[i64]) -> sqlx::Result<()> {
    sqlx::query(
        "update confirmation c set to_at = t.until from standing t, run r
          where t.confirmation_id = c.confirmation_id and r.run_id = $1 and c.plan_id = r.plan_id and c.to_at is null
            and c.seen_at < r.looked_at and c.project_id <> all($2)",
    )
    .bind(run_id)
    .bind(unchanged)
    .execute(&mut *conn)
    .await?;
    sqlx::query(
        "update plan p set confirmed_at = r.looked_at, look_seen_at = r.look_seen_at, look_log = r.look_log, look_log_id = r.look_log_id
           from run r
          where r.run_id = $1 and p.plan_id = r.plan_id and r.looked_at > coalesce(p.confirmed_at, '-infinity')",
    )
    .bind(run_id)
    .execute(conn)
    .await?;
    Ok(())
}

/// A try in which projects failed: what it found unchanged all the same is noted one by one, since the plan's look does not move.
pub async fn end_in_part(conn: &mut PgConnection, run_id: i64, unchanged: &[i64]) -> sqlx::Result<()> {
    sqlx::query(
        "update confirmation c set seen_at = greatest(c.seen_at, r.looked_at) from run r
          where r.run_id = $1 and c.plan_id = r.plan_id and c.to_at is null and c.project_id = any($2)",
    )
    .bind(run_id)
    .bind(unchanged)
    .execute(conn)
    .await?;
    Ok(())
}

/// A run failed or was stopped for good: what it did not come by ends where it was seen last.
pub async fn end_badly(conn: &mut PgConnection, run_id: i64) -> sqlx::Result<()> {
    sqlx::query(
        "update confirmation c set to_at = t.until from standing t, run r
          where t.confirmation_id = c.confirmation_id and r.run_id = $1 and r.only_project is null and c.plan_id = r.plan_id
            and c.to_at is null and (r.looked_at is null or c.seen_at < r.looked_at)",
    )
    .bind(run_id)
    .execute(conn)
    .await?;
    Ok(())
}

/// Nobody looks any more, or a run did not take place: everything ends where it was seen last.
pub async fn end_all(conn: &mut PgConnection, plan_id: i64) -> sqlx::Result<()> {
    sqlx::query(
        "update confirmation c set to_at = t.until from standing t
          where t.confirmation_id = c.confirmation_id and c.plan_id = $1 and c.to_at is null",
    )
    .bind(plan_id)
    .execute(conn)
    .await?;
    Ok(())
}

/// A project whose newest snapshot may be confirmed without a look at it.
#[derive(Debug, sqlx::FromRow)]
pub struct Newest {
    pub project: String,
    pub project_id: i64,
    pub snapshot_id: i64,
    pub pointer_id: uuid::Uuid,
    pub digest: Vec<u8>,
    /// Gaps, each of them accepted.
    pub gaps: i64,
    /// The plan has it open already.
    pub is_open: bool,
    /// The vault locks, and the lock of the snapshot runs short.
    pub lock: bool,
    /// For how long it locks.
    pub lock_days: Option<i32>,
}

/// Whether what a snapshot `s` holds is what the catalogue has as the state of now: nothing came after it, or nothing of another content. Where
/// another vault has a newer state, or a damaged one was newer, the state of now has to be entered anew.
const CURRENT: &str = "(
    not exists (select from snapshot_ever n where n.project_id = s.project_id and n.moment > s.moment and not n.imported)
    or not exists (select from repository_span x join repository o using (repository_id)
                    where o.project_id = s.project_id and (x.from_at > s.moment or x.to_at > s.moment)))";

/// The same of the snapshot with this digest.
pub async fn is_current(conn: &mut PgConnection, project_id: i64, digest: &Digest) -> sqlx::Result<bool> {
    let sql = sqlx::AssertSqlSafe(format!("select {CURRENT} from snapshot s where s.project_id = $1 and s.digest = $2"));
    let found = sqlx::query_scalar(sql).bind(project_id).bind(digest.as_bytes().as_slice()).fetch_optional(conn).await?;
    Ok(found.unwrap_or(false))
}

/// The newest snapshots of some projects in a vault, those that are good: nothing of them is known to be damaged, and no gap but accepted ones.
pub async fn newest(
    conn: &mut PgConnection,
    (plan_id, harbor_id, vault_id): (i64, i64, i64),
    projects: &[String],
    at: OffsetDateTime,
) -> sqlx::Result<Vec<Newest>> {
    let sql = sqlx::AssertSqlSafe(format!(
        "select p.name as project, p.project_id, s.snapshot_id, s.pointer_id, s.digest, s.gap_count as gaps, b.lock_days,
                coalesce(c.snapshot_id = s.snapshot_id, false) as is_open,
                b.lock_days is not null and coalesce(s.locked_until < $5 + make_interval(days => b.lock_days), true) as lock
           from project p
                cross join lateral (select s.* from snapshot s
                                     where s.project_id = p.project_id and s.vault_id = $3 and s.degraded_at is null
                                     order by s.moment desc limit 1) s
                join good_snapshot g on g.snapshot_id = s.snapshot_id
                left join confirmation c on c.plan_id = $1 and c.project_id = p.project_id and c.to_at is null
                left join vault_bucket b on b.vault_id = $3
          where p.harbor_id = $2 and p.name = any($4) and {CURRENT}"
    ));
    sqlx::query_as(sql).bind(plan_id).bind(harbor_id).bind(vault_id).bind(projects).bind(at).fetch_all(conn).await
}

/// Locks rows of snapshots against being let go of; answers those that are kept.
pub async fn hold_rows(conn: &mut PgConnection, snapshot_ids: &[i64]) -> sqlx::Result<Vec<i64>> {
    sqlx::query_scalar("select snapshot_id from snapshot_ever where snapshot_id = any($1) and expired_at is null order by 1 for share")
        .bind(snapshot_ids)
        .fetch_all(conn)
        .await
}

/// The row of a snapshot by its pointer, locked against being let go of; none where it was.
pub async fn kept(conn: &mut PgConnection, pointer_id: uuid::Uuid) -> sqlx::Result<Option<i64>> {
    sqlx::query_scalar("select snapshot_id from snapshot_ever where pointer_id = $1 and expired_at is null for share")
        .bind(pointer_id)
        .fetch_optional(conn)
        .await
}

/// Until when a snapshot is locked that was confirmed at a moment, where its vault locks.
pub async fn locked(conn: &mut PgConnection, snapshot_id: i64, at: OffsetDateTime) -> sqlx::Result<()> {
    sqlx::query(
        "update snapshot_ever s set locked_until = greatest(s.locked_until, $2 + make_interval(days => b.lock_days))
           from vault_bucket b
          where s.snapshot_id = $1 and b.vault_id = s.vault_id and b.lock_days is not null
            and coalesce(s.locked_until < $2 + make_interval(days => b.lock_days), true)",
    )
    .bind(snapshot_id)
    .bind(at)
    .execute(conn)
    .await?;
    Ok(())
}
