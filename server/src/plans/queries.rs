//! The SQL of plans and runs.

use app::jobs::failures::Failure;
use app::plans::basis::Basis;
use app::plans::types::Keep;
use app::sentence::Said;
use sqlx::PgConnection;
use sqlx::types::Json;
use time::OffsetDateTime;

use crate::copies::queries::{COPIES, CopyStatus};

/// Rows of a page of runs.
pub const PAGE_ROWS: i64 = 30;

/// A plan as stored.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct Row {
    pub plan_id: i64,
    pub name: String,
    pub harbor_id: i64,
    pub harbor: String,
    pub vault_id: i64,
    pub vault: String,
    pub include: Vec<String>,
    pub exclude: Vec<String>,
    pub cron: String,
    pub zone: String,
    pub rpo_s: i64,
    pub keep: Json<Keep>,
    pub full_every_h: i32,
    pub next_at: Option<OffsetDateTime>,
    pub paused_at: Option<OffsetDateTime>,
    pub paused_until: Option<OffsetDateTime>,
    pub paused_by: Option<String>,
    pub paused_reason: Option<String>,
    pub version: i64,
    /// Since when the rule of keeping is as it is.
    pub keep_since: OffsetDateTime,
}

const COLUMNS: &str = "p.plan_id, p.name, p.harbor_id, h.name as harbor, p.vault_id, v.name as vault, p.include, p.exclude, p.cron, p.zone,
       p.rpo_s, p.keep, p.full_every_h, p.next_at, p.paused_at, p.paused_until, p.paused_by, p.paused_reason, p.version, p.keep_since";
const FROM: &str = "from plan p join harbor h using (harbor_id) join vault v using (vault_id)";
/// Plans that are not deleted.
const STANDING: &str = "where p.deleted_at is null";

/// All by name.
pub async fn all(conn: &mut PgConnection) -> sqlx::Result<Vec<Row>> {
    let sql = sqlx::AssertSqlSafe(format!("select {COLUMNS} {FROM} {STANDING} order by p.name"));
    sqlx::query_as(sql).fetch_all(conn).await
}

/// One.
pub async fn one(conn: &mut PgConnection, plan_id: i64) -> sqlx::Result<Option<Row>> {
    let sql = sqlx::AssertSqlSafe(format!("select {COLUMNS} {FROM} {STANDING} and p.plan_id = $1"));
    sqlx::query_as(sql).bind(plan_id).fetch_optional(conn).await
}

/// Those of a harbor, the shortest target first.
pub async fn of_harbor(conn: &mut PgConnection, harbor_id: i64) -> sqlx::Result<Vec<Row>> {
    let sql = sqlx::AssertSqlSafe(format!("select {COLUMNS} {FROM} {STANDING} and p.harbor_id = $1 order by p.rpo_s, p.name"));
    sqlx::query_as(sql).bind(harbor_id).fetch_all(conn).await
}

/// Deleted plans of a vault whose snapshots are kept by the rule they had, since a day at least.
pub async fn left_by_rule(conn: &mut PgConnection, vault_id: i64) -> sqlx::Result<Vec<Row>> {
    let sql = sqlx::AssertSqlSafe(format!(
        "select {COLUMNS} {FROM} where p.deleted_at is not null and p.vault_id = $1 and p.left_to = 'rule' and p.left_since <= now() - interval '1 day'
          order by p.plan_id"
    ));
    sqlx::query_as(sql).bind(vault_id).fetch_all(conn).await
}

/// What is stored of a form.
pub struct Stored<'a> {
    pub name: &'a str,
    pub harbor_id: i64,
    pub vault_id: i64,
    pub include: &'a [String],
    pub exclude: &'a [String],
    pub cron: &'a str,
    pub zone: &'a str,
    pub rpo_s: i64,
    pub keep: Keep,
    pub full_every_h: i32,
    pub next_at: Option<OffsetDateTime>,
}

/// Makes a plan.
pub async fn insert(conn: &mut PgConnection, s: &Stored<'_>, by: &str) -> sqlx::Result<i64> {
    sqlx::query_scalar(
        "insert into plan (name, harbor_id, vault_id, include, exclude, cron, zone, rpo_s, next_at, created_by, keep, full_every_h)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) returning plan_id",
    )
    .bind(s.name)
    .bind(s.harbor_id)
    .bind(s.vault_id)
    .bind(s.include)
    .bind(s.exclude)
    .bind(s.cron)
    .bind(s.zone)
    .bind(s.rpo_s)
    .bind(s.next_at)
    .bind(by)
    .bind(Json(s.keep))
    .bind(s.full_every_h)
    .fetch_one(conn)
    .await
}

/// Changes a plan that still has `version`.
pub async fn update(conn: &mut PgConnection, plan_id: i64, version: i64, s: &Stored<'_>) -> sqlx::Result<bool> {
    let done = sqlx::query(
        "update plan set name = $3, vault_id = $4, include = $5, exclude = $6, cron = $7, zone = $8, rpo_s = $9, next_at = $10,
                keep_since = case when keep = $11 then keep_since else now() end, keep = $11, full_every_h = $12, version = version + 1
          where plan_id = $1 and version = $2 and deleted_at is null",
    )
    .bind(plan_id)
    .bind(version)
    .bind(s.name)
    .bind(s.vault_id)
    .bind(s.include)
    .bind(s.exclude)
    .bind(s.cron)
    .bind(s.zone)
    .bind(s.rpo_s)
    .bind(s.next_at)
    .bind(Json(s.keep))
    .bind(s.full_every_h)
    .execute(conn)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Pauses.
pub async fn pause(conn: &mut PgConnection, plan_id: i64, days: i32, by: &str, reason: &str) -> sqlx::Result<()> {
    sqlx::query(
        "update plan set paused_at = now(), paused_until = now() + make_interval(days => $2), paused_by = $3, paused_reason = $4,
                version = version + 1 where plan_id = $1",
    )
    .bind(plan_id)
    .bind(days)
    .bind(by)
    .bind(reason)
    .execute(conn)
    .await?;
    Ok(())
}

/// Ends a pause.
pub async fn resume(conn: &mut PgConnection, plan_id: i64, next_at: Option<OffsetDateTime>) -> sqlx::Result<()> {
    sqlx::query(
        "update plan set paused_at = null, paused_until = null, paused_by = null, paused_reason = null, next_at = $2, version = version + 1
          where plan_id = $1",
    )
    .bind(plan_id)
    .bind(next_at)
    .execute(conn)
    .await?;
    Ok(())
}

/// Deletes.
pub async fn delete(conn: &mut PgConnection, plan_id: i64) -> sqlx::Result<()> {
    sqlx::query("update plan set deleted_at = now(), next_at = null, version = version + 1 where plan_id = $1")
        .bind(plan_id)
        .execute(conn)
        .await?;
    Ok(())
}

/// One plan that is due, its row locked against other workers.
pub async fn due(conn: &mut PgConnection) -> sqlx::Result<Option<i64>> {
    sqlx::query_scalar(
        "select plan_id from plan where next_at <= now() and paused_at is null and deleted_at is null
          order by next_at limit 1 for update skip locked",
    )
    .fetch_optional(conn)
    .await
}

/// Plans whose pause is over.
pub async fn pauses_over(conn: &mut PgConnection) -> sqlx::Result<Vec<(i64, String, String, String)>> {
    sqlx::query_as("select plan_id, name, cron, zone from plan where paused_until <= now() and deleted_at is null for update skip locked")
        .fetch_all(conn)
        .await
}

/// Sets when a plan runs next.
pub async fn set_next(conn: &mut PgConnection, plan_id: i64, next_at: Option<OffsetDateTime>) -> sqlx::Result<()> {
    sqlx::query("update plan set next_at = $2 where plan_id = $1").bind(plan_id).bind(next_at).execute(conn).await?;
    Ok(())
}

/// Notes runs that were due and did not happen.
pub async fn missed(conn: &mut PgConnection, plan_id: i64, due_at: &[OffsetDateTime]) -> sqlx::Result<()> {
    sqlx::query("insert into missed_run (plan_id, due_at) select $1, d from unnest($2::timestamptz[]) d on conflict do nothing")
        .bind(plan_id)
        .bind(due_at)
        .execute(conn)
        .await?;
    Ok(())
}

/// A run as stored.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct RunRow {
    pub run_id: i64,
    pub plan_id: i64,
    pub job_id: i64,
    pub trigger: String,
    pub only_project: Option<String>,
    pub state: String,
    pub started_at: Option<OffsetDateTime>,
    pub finished_at: Option<OffsetDateTime>,
    pub projects_done: i64,
    pub projects: i64,
    pub bytes_new: i64,
    pub requests: i64,
    pub gaps: i64,
    pub hint: Option<Json<Said<Basis>>>,
    pub harbor_version_start: Option<String>,
    pub harbor_version_end: Option<String>,
    pub projects_unchanged: i64,
    pub error: Option<Json<Said<Failure>>>,
}

const RUN: &str =
    "select run_id, plan_id, job_id, trigger, only_project, state, started_at, finished_at, projects_done, projects, bytes_new,
       requests, gaps, hint, harbor_version_start, harbor_version_end, projects_unchanged, error from run";

/// Makes a run for a job.
pub async fn insert_run(
    conn: &mut PgConnection,
    run_id: i64,
    plan_id: i64,
    job_id: i64,
    trigger: &str,
    only: Option<&str>,
) -> sqlx::Result<()> {
    sqlx::query("insert into run (run_id, plan_id, job_id, trigger, only_project) overriding system value values ($1, $2, $3, $4, $5)")
        .bind(run_id)
        .bind(plan_id)
        .bind(job_id)
        .bind(trigger)
        .bind(only)
        .execute(conn)
        .await?;
    Ok(())
}

/// The next number of a run: the job's payload names it before the row exists.
pub async fn next_run_id(conn: &mut PgConnection) -> sqlx::Result<i64> {
    sqlx::query_scalar("select nextval(pg_get_serial_sequence('run', 'run_id'))").fetch_one(conn).await
}

/// A run that is not over.
#[derive(Debug, sqlx::FromRow)]
pub struct OpenRun {
    pub job_id: i64,
    pub run_id: i64,
    pub dedupe_key: String,
    /// It has looked at its harbor, or may have.
    pub looked: bool,
}

/// The open runs of some keys, oldest first, locked against their end.
pub async fn open_runs(conn: &mut PgConnection, dedupe_keys: &[&str]) -> sqlx::Result<Vec<OpenRun>> {
    sqlx::query_as(
        "select j.job_id, r.run_id, j.dedupe_key, j.state = 'running' or r.started_at is not null as looked
           from job j join run r using (job_id)
          where j.dedupe_key = any($1) and j.state in ('queued', 'running')
          order by j.job_id
            for update of j",
    )
    .bind(dedupe_keys)
    .fetch_all(conn)
    .await
}

/// One run.
pub async fn run(conn: &mut PgConnection, run_id: i64) -> sqlx::Result<Option<RunRow>> {
    let sql = sqlx::AssertSqlSafe(format!("{RUN} where run_id = $1"));
    sqlx::query_as(sql).bind(run_id).fetch_optional(conn).await
}

/// Runs of a plan, newest first.
pub async fn runs(conn: &mut PgConnection, plan_id: i64, before: Option<i64>) -> sqlx::Result<Vec<RunRow>> {
    let sql =
        sqlx::AssertSqlSafe(format!("{RUN} where plan_id = $1 and ($2::bigint is null or run_id < $2) order by run_id desc limit $3"));
    sqlx::query_as(sql).bind(plan_id).bind(before).bind(PAGE_ROWS + 1).fetch_all(conn).await
}

/// A run begins, or goes on after a try that broke off; `still` are the projects to do, without those that try sealed.
pub async fn start_run(conn: &mut PgConnection, run_id: i64, still: i64) -> sqlx::Result<()> {
    sqlx::query(
        "update run set state = 'running', started_at = coalesce(started_at, now()), projects = projects_done + $2, error = null
          where run_id = $1",
    )
    .bind(run_id)
    .bind(still)
    .execute(conn)
    .await?;
    Ok(())
}

/// Adds one project's figures.
pub async fn add_to_run(conn: &mut PgConnection, run_id: i64, bytes_new: i64, requests: i64, gaps: i64) -> sqlx::Result<()> {
    sqlx::query(
        "update run set projects_done = projects_done + 1, bytes_new = bytes_new + $2, requests = requests + $3, gaps = gaps + $4
          where run_id = $1",
    )
    .bind(run_id)
    .bind(bytes_new)
    .bind(requests)
    .bind(gaps)
    .execute(conn)
    .await?;
    Ok(())
}

/// Ends a run.
pub async fn end_run(conn: &mut PgConnection, run_id: i64, state: &str, error: Option<&Failure>) -> sqlx::Result<()> {
    sqlx::query("update run set state = $2, finished_at = now(), error = $3 where run_id = $1 and state in ('queued', 'running')")
        .bind(run_id)
        .bind(state)
        .bind(error.map(Json))
        .execute(conn)
        .await?;
    Ok(())
}

/// When the newest run began that listed everything and ended, without gaps or with; `run_id` does not count.
pub async fn last_full(conn: &mut PgConnection, plan_id: i64, run_id: i64) -> sqlx::Result<Option<OffsetDateTime>> {
    sqlx::query_scalar(
        "select max(started_at) from run where plan_id = $1 and run_id <> $2 and only_project is null and state in ('good', 'gaps')
            and full_reconcile",
    )
    .bind(plan_id)
    .bind(run_id)
    .fetch_one(conn)
    .await
}

/// Notes what the first look of a run rested on, and what it cost.
pub async fn set_hint(conn: &mut PgConnection, run_id: i64, hint: &Basis, requests: i64) -> sqlx::Result<()> {
    sqlx::query("update run set hint = $2, requests = requests + $3 where run_id = $1")
        .bind(run_id)
        .bind(Json(hint))
        .bind(requests)
        .execute(conn)
        .await?;
    Ok(())
}

/// Notes the version of the Harbor: the first one stays as that of the start.
pub async fn set_version(conn: &mut PgConnection, run_id: i64, version: Option<&str>) -> sqlx::Result<()> {
    sqlx::query("update run set harbor_version_start = coalesce(harbor_version_start, $2), harbor_version_end = $2 where run_id = $1")
        .bind(run_id)
        .bind(version)
        .execute(conn)
        .await?;
    Ok(())
}

/// Counts the projects that were found unchanged without being listed, and the accepted gaps of their snapshots.
pub async fn add_unchanged(conn: &mut PgConnection, run_id: i64, projects: i64, gaps: i64) -> sqlx::Result<()> {
    sqlx::query(
        "update run set projects_done = projects_done + $2, projects_unchanged = projects_unchanged + $2, gaps = gaps + $3 where run_id = $1",
    )
    .bind(run_id)
    .bind(projects)
    .bind(gaps)
    .execute(conn)
    .await?;
    Ok(())
}

/// Notes that a run asks everything again.
pub async fn set_full(conn: &mut PgConnection, run_id: i64, full: bool) -> sqlx::Result<()> {
    sqlx::query("update run set full_reconcile = $2 where run_id = $1").bind(run_id).bind(full).execute(conn).await?;
    Ok(())
}

/// A plan with what goes on with it.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct Shown {
    #[sqlx(flatten)]
    pub row: Row,
    pub last_good: Option<OffsetDateTime>,
    pub running_job: Option<i64>,
    pub next_job: Option<i64>,
    pub logical_bytes: i64,
    pub added_bytes: i64,
    /// The last 30 days, oldest first: worst state of the day's runs (as a rank), whether one was missed, whether it was before the plan was made.
    pub days: Json<Vec<(i32, bool, bool)>>,
    /// How its copies stand, by name of the vault.
    pub copies: Json<Vec<CopyStatus>>,
}

/// Newest run that ended good, or with gaps each of which is accepted in a snapshot that counts as good by that; the job of the run that goes on, and of the one
/// that waits for its end. Of runs with gaps the newest fifty are looked at. Bytes the newest snapshots of its projects protect, and bytes its runs of 30 days stored.
const GOES_ON: &str = "
       greatest((select max(finished_at) from run where plan_id = p.plan_id and state = 'good' and only_project is null),
                (with lacking as materialized (
                     select t.from_at, t.until from standing t join snapshot s using (snapshot_id)
                      where t.plan_id = p.plan_id and not exists (select from good_snapshot g where g.snapshot_id = s.snapshot_id))
                 select max(r.finished_at)
                   from (select run_id, finished_at, coalesce(looked_at, started_at) as looked_at
                           from run where plan_id = p.plan_id and state = 'gaps' and only_project is null order by run_id desc limit 50) r
                  where exists (select from standing t where t.plan_id = p.plan_id and t.from_at <= r.finished_at and t.until >= r.looked_at)
                    and not exists (select from lacking l where l.from_at <= r.finished_at and l.until >= r.looked_at))) as last_good,
       (select min(job_id) from run where plan_id = p.plan_id and state in ('queued', 'running')) as running_job,
       (select max(r.job_id) from run r join job j using (job_id) join job a on a.job_id = j.after_job_id
         where r.plan_id = p.plan_id and r.only_project is null and r.state = 'queued' and a.state in ('queued', 'running')) as next_job,
       (select coalesce(sum(newest.logical_bytes), 0)::bigint
          from project o cross join lateral (select s.logical_bytes from confirmation c join snapshot s using (snapshot_id)
                                              where c.plan_id = p.plan_id and c.project_id = o.project_id order by c.from_at desc limit 1) newest
         where o.harbor_id = p.harbor_id) as logical_bytes,
       (select coalesce(sum(bytes_new), 0)::bigint from run where plan_id = p.plan_id and queued_at > now() - interval '30 days') as added_bytes";

/// The days of a plan. Each run and each missed one is looked at once.
const DAYS: &str = "
       (select jsonb_agg(jsonb_build_array(coalesce(r.rank, 0), m.day is not null, d.day + interval '1 day' <= p.created_at) order by d.day)
          from generate_series(date_trunc('day', now()) - interval '29 days', date_trunc('day', now()), interval '1 day') as d (day)
               left join (select date_trunc('day', queued_at) as day,
                                 max(case state when 'failed' then 4 when 'gaps' then 3 when 'running' then 2 when 'queued' then 2 when 'good' then 1 else 0 end) as rank
                            from run where plan_id = p.plan_id and queued_at >= date_trunc('day', now()) - interval '29 days' group by 1) r using (day)
               left join (select distinct date_trunc('day', due_at) as day
                            from missed_run where plan_id = p.plan_id and due_at >= date_trunc('day', now()) - interval '29 days') m using (day)) as days";

/// Plans with what goes on with them, by name: all, or one. One statement, however many there are.
pub async fn shown(conn: &mut PgConnection, plan_id: Option<i64>) -> sqlx::Result<Vec<Shown>> {
    let sql = sqlx::AssertSqlSafe(format!(
        "select {COLUMNS}, {GOES_ON}, {DAYS}, {COPIES} as copies {FROM} {STANDING} and ($1::bigint is null or p.plan_id = $1) order by p.name"
    ));
    sqlx::query_as(sql).bind(plan_id).fetch_all(conn).await
}

/// Whether a run of a plan goes on or waits.
pub async fn is_running(conn: &mut PgConnection, plan_id: i64) -> sqlx::Result<bool> {
    sqlx::query_scalar("select exists (select from run where plan_id = $1 and state in ('queued', 'running'))")
        .bind(plan_id)
        .fetch_one(conn)
        .await
}

/// Since when the retention rule is as it is.
pub async fn keep_since(conn: &mut PgConnection, plan_id: i64) -> sqlx::Result<OffsetDateTime> {
    sqlx::query_scalar("select keep_since from plan where plan_id = $1").bind(plan_id).fetch_one(conn).await
}

/// Open requests and fresh drafts that restore from a snapshot `s`, holds on it, and whether its harbor lost the time it is of.
const NEEDED: &str = "exists (select 1 from standing_hold h where h.snapshot_id = s.snapshot_id)
       or exists (select 1 from request q where q.snapshot_id = s.snapshot_id
                     and (q.state in ('waiting', 'reapproval', 'queued', 'running')
                          or q.state = 'draft' and q.planned_at > now() - interval '1 day'))
       -- The last 90 days' finds. Where it is not known since when time was lost, a week before the last look is taken for it.
       or exists (select 1 from harbor_set_back b join project bp using (harbor_id)
                   where bp.project_id = s.project_id and b.noticed_at > now() - interval '90 days' and s.moment <= b.noticed_at
                     and greatest(s.moment, (select max(t.until) from standing t where t.snapshot_id = s.snapshot_id)) >= coalesce(b.kept_until, b.looked_at - interval '7 days') - interval '5 minutes')";

/// Snapshots a plan made or confirmed and still keeps, and those that deleted plans left to its rule at least a day ago.
pub async fn keepable(conn: &mut PgConnection, plan_id: i64) -> sqlx::Result<Vec<super::retention::Row>> {
    let sql = sqlx::AssertSqlSafe(format!(
        "with recursive mine as (
             select $1::bigint as plan_id
             union
             select p.plan_id from mine m join plan p on p.left_plan_id = m.plan_id
              where p.left_to = 'plan' and p.left_since <= now() - interval '1 day')
         select s.snapshot_id, s.vault_id, p.name as project, s.moment, s.digest, s.pointer_id, stood.spans,
                exists (select from good_snapshot g where g.snapshot_id = s.snapshot_id) as good,
                s.gap_count = 0 and s.degraded_at is null as complete,
                ({NEEDED}) as held,
                greatest(s.locked_until, (select max(c.locked_until) from snapshot_copy c
                                           where c.snapshot_id = s.snapshot_id and c.forgotten_at is null)) as locked_until
           from (select c.snapshot_id,
                        jsonb_agg(jsonb_build_array(t.from_at, t.until) order by t.from_at) as spans
                   from confirmation c join standing t using (confirmation_id)
                  where c.plan_id in (select plan_id from mine) group by c.snapshot_id) stood
                join snapshot s using (snapshot_id) join project p using (project_id)"
    ));
    sqlx::query_as(sql).bind(plan_id).fetch_all(conn).await
}

/// Name, rule, schedule and zone of the plans that bring snapshots into a vault.
pub async fn rules_of_vault(conn: &mut PgConnection, vault_id: i64) -> sqlx::Result<Vec<(String, Json<Keep>, String, String)>> {
    sqlx::query_as(
        "select p.name, p.keep, p.cron, p.zone from plan p
          where p.deleted_at is null
            and (p.vault_id = $1 or exists (select from plan_copy c where c.plan_id = p.plan_id and c.vault_id = $1))
          order by p.name",
    )
    .bind(vault_id)
    .fetch_all(conn)
    .await
}

/// Lets a snapshot go, of which a plan no longer keeps anything, unless it is needed by now or another plan keeps it; whether it went. The lock
/// keeps a hold, a request or a run that confirms it from coming in between.
pub async fn expire(conn: &mut PgConnection, snapshot_id: i64, plan_id: Option<i64>) -> sqlx::Result<bool> {
    let locked: Option<i64> =
        sqlx::query_scalar("select snapshot_id from snapshot_ever where snapshot_id = $1 and expired_at is null for update")
            .bind(snapshot_id)
            .fetch_optional(&mut *conn)
            .await?;
    if locked.is_none() {
        return Ok(false);
    }
    // A statement of its own: it sees what was committed while it waited for the lock.
    let needed: bool = {
        let sql = sqlx::AssertSqlSafe(format!("select {NEEDED} from snapshot_ever s where s.snapshot_id = $1"));
        sqlx::query_scalar(sql).bind(snapshot_id).fetch_one(&mut *conn).await?
    };
    if needed {
        return Ok(false);
    }
    sqlx::query(
        "with recursive mine as (
             select $2::bigint as plan_id
             union
             select p.plan_id from mine m join plan p on p.left_plan_id = m.plan_id
              where p.left_to = 'plan' and p.left_since <= now() - interval '1 day')
         delete from confirmation where snapshot_id = $1 and plan_id in (select plan_id from mine)",
    )
    .bind(snapshot_id)
    .bind(plan_id)
    .execute(&mut *conn)
    .await?;
    let expired = sqlx::query(
        "update snapshot_ever set expired_at = now()
          where snapshot_id = $1 and not exists (select from confirmation c where c.snapshot_id = $1)",
    );
    Ok(expired.bind(snapshot_id).execute(conn).await?.rows_affected() == 1)
}

/// Snapshots that were let go and whose pointer may still be in a vault, their own or one they were copied to: id, harbor, project, pointer.
pub async fn to_forget(conn: &mut PgConnection, vault_id: i64) -> sqlx::Result<Vec<(i64, String, String, uuid::Uuid)>> {
    sqlx::query_as(
        "select s.snapshot_id, h.name, p.name, s.pointer_id
           from snapshot_ever s join project p using (project_id) join harbor h using (harbor_id)
          where s.vault_id = $1 and s.expired_at is not null and s.forgotten_at is null
          union all
         select s.snapshot_id, h.name, p.name, s.pointer_id
           from snapshot_copy c join snapshot_ever s using (snapshot_id) join project p using (project_id) join harbor h using (harbor_id)
          where c.vault_id = $1 and s.expired_at is not null and c.forgotten_at is null
          order by 1",
    )
    .bind(vault_id)
    .fetch_all(conn)
    .await
}

/// Its pointer is gone from a vault.
pub async fn forgotten(conn: &mut PgConnection, snapshot_id: i64, vault_id: i64) -> sqlx::Result<()> {
    sqlx::query(
        "with own as (update snapshot_ever set forgotten_at = now() where snapshot_id = $1 and vault_id = $2)
         update snapshot_copy set forgotten_at = now() where snapshot_id = $1 and vault_id = $2",
    )
    .bind(snapshot_id)
    .bind(vault_id)
    .execute(conn)
    .await?;
    Ok(())
}
