//! The SQL of jobs. Times are the database's.

use app::jobs::failures::{Failure, Help};
use app::jobs::lines::Line;
use app::jobs::sentences::Phase;
use app::jobs::types::{Job, JobFilter, JobState, LogLine};
use app::sentence::Said;
use app::units::Moment;
use serde_json::Value;
use sqlx::postgres::{PgArguments, PgRow};
use sqlx::query::QueryAs;
use sqlx::types::Json;
use sqlx::{PgConnection, Postgres, Row as _};
use time::OffsetDateTime;

use super::{Enqueued, NewJob};
use crate::access::{Caller, Operation};

/// Rows of a page.
pub const PAGE_ROWS: i64 = 50;
/// Lines of a log answered at a time.
pub const LOG_ROWS: i64 = 500;
/// Lines a job may log; beyond, only its end is logged.
pub const LOG_LINES_MAX: i64 = 20_000;

/// States of a job.
pub const STATES: [&str; 5] = ["queued", "running", "done", "dead", "cancelled"];

/// A claimed job.
#[derive(Debug, Clone)]
pub struct Claimed {
    /// Row.
    pub job_id: i64,
    /// Fencing token.
    pub epoch: i64,
    /// This try, from 1.
    pub attempt: i32,
    /// Tries it has.
    pub attempt_max: i32,
    /// What to do.
    pub payload: Value,
}

/// Inserts, or finds the open job with the same key.
pub async fn insert(conn: &mut PgConnection, job: &NewJob, payload: &Value) -> sqlx::Result<Enqueued> {
    let made: Option<i64> = sqlx::query_scalar(
        "insert into job (kind, title, payload, dedupe_key, attempt_max, trigger, account_id, harbor_id, project, link, after_job_id)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
         on conflict (dedupe_key) where state in ('queued', 'running') do nothing
         returning job_id",
    )
    .bind(job.work.kind())
    .bind(Json(&job.title))
    .bind(payload)
    .bind(&job.dedupe_key)
    .bind(job.work.attempt_max())
    .bind(&job.trigger)
    .bind(job.account_id)
    .bind(job.harbor_id)
    .bind(&job.project)
    .bind(&job.link)
    .bind(job.after)
    .fetch_optional(&mut *conn)
    .await?;
    if let Some(job_id) = made {
        return Ok(Enqueued { job_id, new: true });
    }
    let job_id = sqlx::query_scalar("select job_id from job where dedupe_key = $1 and state in ('queued', 'running')")
        .bind(&job.dedupe_key)
        .fetch_one(conn)
        .await?;
    Ok(Enqueued { job_id, new: false })
}

/// Leases the next job: one that is due, or one whose worker went silent.
pub async fn claim(conn: &mut PgConnection, worker: &str, lease_s: f64) -> sqlx::Result<Option<Claimed>> {
    let row = sqlx::query(
        "update job
            set state = 'running', owner = $1, epoch = epoch + 1, attempt = attempt + 1,
                lease_until = clock_timestamp() + make_interval(secs => $2),
                started_at = clock_timestamp(), finished_at = null, error = null, remedy = null
          where job_id = (
                select job_id from job
                 where (state = 'queued' and run_at <= clock_timestamp()
                        or state = 'running' and lease_until < clock_timestamp())
                   and attempt < attempt_max
                   and not exists (select 1 from job a where a.job_id = job.after_job_id and a.state in ('queued', 'running'))
                 order by run_at, job_id
                   for update skip locked
                 limit 1)
         returning job_id, epoch, attempt, attempt_max, payload",
    )
    .bind(worker)
    .bind(lease_s)
    .fetch_optional(conn)
    .await?;
    row.map(|row| {
        Ok(Claimed {
            job_id: row.try_get("job_id")?,
            epoch: row.try_get("epoch")?,
            attempt: row.try_get("attempt")?,
            attempt_max: row.try_get("attempt_max")?,
            payload: row.try_get("payload")?,
        })
    })
    .transpose()
}

/// Jobs whose worker went silent in their last try: nobody will claim them, so they end here.
pub async fn bury(conn: &mut PgConnection) -> sqlx::Result<Vec<(i64, Value)>> {
    sqlx::query_as(
        "update job
            set state = 'dead', finished_at = clock_timestamp(), epoch = epoch + 1, lease_until = null,
                error = coalesce(error, $1), remedy = $2
          where job_id in (
                select job_id from job
                 where state = 'running' and lease_until < clock_timestamp() and attempt >= attempt_max
                   for update skip locked)
         returning job_id, payload",
    )
    .bind(Json(Failure::WorkerSilent))
    .bind(Json(Help::LookAtLogs))
    .fetch_all(conn)
    .await
}

/// Renews a lease; answers whether a person asked to stop, or nothing if the lease is lost.
pub async fn heartbeat(conn: &mut PgConnection, job_id: i64, epoch: i64, lease_s: f64) -> sqlx::Result<Option<bool>> {
    sqlx::query_scalar(
        "update job set lease_until = clock_timestamp() + make_interval(secs => $3)
          where job_id = $1 and epoch = $2 and state = 'running'
         returning cancel_requested_at is not null",
    )
    .bind(job_id)
    .bind(epoch)
    .bind(lease_s)
    .fetch_optional(conn)
    .await
}

/// Whether the lease still holds, and whether a person asked to stop. Locks nothing.
pub async fn standing(conn: &mut PgConnection, job_id: i64, epoch: i64) -> sqlx::Result<Option<bool>> {
    sqlx::query_scalar("select cancel_requested_at is not null from job where job_id = $1 and epoch = $2 and state = 'running'")
        .bind(job_id)
        .bind(epoch)
        .fetch_optional(conn)
        .await
}

/// Progress of a job.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Progress {
    /// Where it stands.
    pub phase: Option<Phase>,
    /// Items done.
    pub items_done: i64,
    /// Items in all.
    pub items_total: i64,
    /// Bytes done.
    pub bytes_done: i64,
    /// Bytes in all.
    pub bytes_total: i64,
}

/// Writes progress; false = the lease is lost.
pub async fn progress(conn: &mut PgConnection, job_id: i64, epoch: i64, p: &Progress) -> sqlx::Result<bool> {
    let done = sqlx::query(
        "update job set phase = $3, items_done = $4, items_total = $5, bytes_done = $6, bytes_total = $7
          where job_id = $1 and epoch = $2 and state = 'running'",
    )
    .bind(job_id)
    .bind(epoch)
    .bind(p.phase.as_ref().map(Json))
    .bind(p.items_done)
    .bind(p.items_total)
    .bind(p.bytes_done)
    .bind(p.bytes_total)
    .execute(conn)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// How a try ends.
#[derive(Debug, Clone, PartialEq)]
pub enum End {
    /// Good.
    Done,
    /// Failed; tried again after some seconds.
    Again { error: Failure, remedy: Option<Help>, wait_s: f64 },
    /// Failed for good.
    Dead { error: Failure, remedy: Option<Help> },
    /// Stopped by a person.
    Cancelled,
}

/// Ends a try; false = the lease is lost and nothing was written.
pub async fn finish(conn: &mut PgConnection, job_id: i64, epoch: i64, end: &End) -> sqlx::Result<bool> {
    let (state, error, remedy, wait_s) = match end {
        End::Done => ("done", None, None, 0.0),
        End::Again { error, remedy, wait_s } => ("queued", Some(error), remedy.as_ref(), *wait_s),
        End::Dead { error, remedy } => ("dead", Some(error), remedy.as_ref(), 0.0),
        End::Cancelled => ("cancelled", None, None, 0.0),
    };
    let done = sqlx::query(
        "update job
            set state = $3, error = $4, remedy = $5, lease_until = null,
                run_at = clock_timestamp() + make_interval(secs => $6),
                finished_at = case when $3 = 'queued' then null else clock_timestamp() end
          where job_id = $1 and epoch = $2 and state = 'running'",
    )
    .bind(job_id)
    .bind(epoch)
    .bind(state)
    .bind(error.map(Json))
    .bind(remedy.map(Json))
    .bind(wait_s)
    .execute(conn)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Adds a line to a job's log, with the fencing of the epoch.
pub async fn log(conn: &mut PgConnection, job_id: i64, epoch: i64, level: &str, line: &Line) -> sqlx::Result<()> {
    sqlx::query(
        "insert into job_log (job_id, seq, level, text)
         select j.job_id, coalesce((select max(l.seq) from job_log l where l.job_id = j.job_id), 0) + 1, $3, $4
           from job j
          where j.job_id = $1 and j.epoch = $2
            and coalesce((select max(l.seq) from job_log l where l.job_id = j.job_id), 0) < $5
         on conflict do nothing",
    )
    .bind(job_id)
    .bind(epoch)
    .bind(level)
    .bind(Json(line))
    .bind(LOG_LINES_MAX)
    .execute(conn)
    .await?;
    Ok(())
}

const COLUMNS: &str = "j.job_id, j.kind, j.title, j.state, j.attempt, j.attempt_max, j.owner, j.trigger, j.created_at, j.started_at,
       j.finished_at, j.run_at, j.cancel_requested_at is not null as cancel_requested, j.phase, j.items_done, j.items_total,
       j.bytes_done, j.bytes_total, j.error, j.remedy, j.link, j.account_id, j.harbor_id, j.project";

/// A job with what decides who may see it.
pub struct JobRow {
    /// The job, without `may`.
    pub job: Job,
    /// Account that asked.
    pub account_id: Option<i64>,
    /// Harbor.
    pub harbor_id: Option<i64>,
    /// Project.
    pub project: Option<String>,
}

fn job(row: &PgRow) -> sqlx::Result<JobRow> {
    let moment = |column: &str| row.try_get::<Option<OffsetDateTime>, _>(column).map(|t| t.map(Moment));
    let state: String = row.try_get("state")?;
    Ok(JobRow {
        account_id: row.try_get("account_id")?,
        harbor_id: row.try_get("harbor_id")?,
        project: row.try_get("project")?,
        job: Job {
            id: row.try_get("job_id")?,
            kind: row.try_get("kind")?,
            title: row.try_get::<Json<_>, _>("title")?.0,
            state: match state.as_str() {
                "queued" => JobState::Queued,
                "running" => JobState::Running,
                "done" => JobState::Done,
                "cancelled" => JobState::Cancelled,
                _ => JobState::Dead,
            },
            attempt: i64::from(row.try_get::<i32, _>("attempt")?),
            attempt_max: i64::from(row.try_get::<i32, _>("attempt_max")?),
            worker: row.try_get("owner")?,
            trigger: row.try_get("trigger")?,
            created: Moment(row.try_get("created_at")?),
            started: moment("started_at")?,
            finished: moment("finished_at")?,
            run_at: Moment(row.try_get("run_at")?),
            cancel_requested: row.try_get("cancel_requested")?,
            phase: row.try_get::<Option<Json<_>>, _>("phase")?.map(|phase| phase.0),
            items_done: row.try_get("items_done")?,
            items_total: row.try_get("items_total")?,
            bytes_done: row.try_get("bytes_done")?,
            bytes_total: row.try_get("bytes_total")?,
            error: row.try_get::<Option<Json<_>>, _>("error")?.map(|error| error.0),
            remedy: row.try_get::<Option<Json<_>>, _>("remedy")?.map(|remedy| remedy.0),
            link: row.try_get("link")?,
            may: Vec::new(),
        },
    })
}

/// One job.
pub async fn one(conn: &mut PgConnection, job_id: i64) -> sqlx::Result<Option<JobRow>> {
    let sql = sqlx::AssertSqlSafe(format!("select {COLUMNS} from job j where j.job_id = $1"));
    sqlx::query(sql).bind(job_id).fetch_optional(conn).await?.map(|row| job(&row)).transpose()
}

/// What a job is about: harbor, project.
pub async fn place(conn: &mut PgConnection, job_id: i64) -> sqlx::Result<Option<(Option<i64>, Option<String>)>> {
    sqlx::query_as("select harbor_id, project from job where job_id = $1").bind(job_id).fetch_optional(conn).await
}

/// Harbors and projects whose jobs are seen, side by side as Postgres unnests them; none = all jobs. Who asked for a job is no right: a role may have gone since.
pub struct Reach {
    harbors: Option<Vec<Option<i64>>>,
    projects: Option<Vec<Option<String>>>,
}

impl Reach {
    /// Of this caller.
    #[must_use]
    pub fn of(caller: &Caller) -> Self {
        let seen = if caller.may(Operation::ReadJobs, None) { None } else { Some(caller.visible().unwrap_or_default()) };
        let (harbors, projects) = seen.map(|places| places.into_iter().unzip()).unzip();
        Self { harbors, projects }
    }

    /// The same statement with its two values.
    pub fn bind<'q, T>(&'q self, query: QueryAs<'q, Postgres, T, PgArguments>) -> QueryAs<'q, Postgres, T, PgArguments> {
        query.bind(&self.harbors).bind(&self.projects)
    }
}

/// Which jobs may be seen: all if the value `first` of a statement is null, else those of its harbors and the projects after it.
fn visible(first: usize) -> String {
    format!(
        "(${first}::bigint[] is null or exists (select 1 from unnest(${first}, ${}::text[]) as g (harbor_id, project)
                             where (g.harbor_id is null or g.harbor_id = j.harbor_id)
                               and (g.project is null or g.project = j.project)
                               and j.harbor_id is not null))",
        first + 1
    )
}

/// A page, newest first, of all jobs or of those that the account's roles reach.
pub async fn page(conn: &mut PgConnection, filter: &JobFilter, reach: &Reach, before: Option<i64>) -> sqlx::Result<Vec<JobRow>> {
    let sql = sqlx::AssertSqlSafe(format!(
        "select {COLUMNS} from job j
          where {}
            and ($3::text is null or j.kind = $3)
            and ($4::text is null or j.state = $4)
            and ($5::bigint is null or j.job_id < $5)
          order by j.job_id desc limit $6",
        visible(1)
    ));
    let some = |text: &Option<String>| text.clone().filter(|t| !t.is_empty());
    let rows = sqlx::query(sql)
        .bind(&reach.harbors)
        .bind(&reach.projects)
        .bind(some(&filter.kind))
        .bind(some(&filter.state))
        .bind(before)
        .bind(PAGE_ROWS + 1)
        .fetch_all(conn)
        .await?;
    rows.iter().map(job).collect()
}

type LineRow = (i64, OffsetDateTime, String, Json<Said<Line>>);

/// Lines after `after`; without it the last ones.
pub async fn lines(conn: &mut PgConnection, job_id: i64, after: Option<i64>) -> sqlx::Result<Vec<LogLine>> {
    let rows: Vec<LineRow> = match after {
        Some(after) => {
            sqlx::query_as("select seq, at, level, text from job_log where job_id = $1 and seq > $2 order by seq limit $3")
                .bind(job_id)
                .bind(after)
                .bind(LOG_ROWS)
                .fetch_all(conn)
                .await?
        }
        None => {
            let mut rows: Vec<LineRow> =
                sqlx::query_as("select seq, at, level, text from job_log where job_id = $1 order by seq desc limit $2")
                    .bind(job_id)
                    .bind(LOG_ROWS)
                    .fetch_all(conn)
                    .await?;
            rows.reverse();
            rows
        }
    };
    Ok(rows.into_iter().map(|(seq, at, level, text)| LogLine { seq, at: Moment(at), level, text: text.0 }).collect())
}

/// Asks a job to stop. A queued one is stopped at once; answers with its state then, or nothing if it is over.
pub async fn request_cancel(conn: &mut PgConnection, job_id: i64, by: &str) -> sqlx::Result<Option<String>> {
    sqlx::query_scalar(
        "update job
            set cancel_requested_at = coalesce(cancel_requested_at, clock_timestamp()),
                cancel_requested_by = coalesce(cancel_requested_by, $2),
                state = case when state = 'queued' then 'cancelled' else state end,
                finished_at = case when state = 'queued' then clock_timestamp() end
          where job_id = $1 and state in ('queued', 'running')
         returning state",
    )
    .bind(job_id)
    .bind(by)
    .fetch_optional(conn)
    .await
}

/// Queues a dead job again with fresh tries.
pub async fn revive(conn: &mut PgConnection, job_id: i64) -> sqlx::Result<bool> {
    let done = sqlx::query(
        "update job set state = 'queued', attempt = 0, run_at = clock_timestamp(), error = null, remedy = null, finished_at = null
          where job_id = $1 and state = 'dead'",
    )
    .bind(job_id)
    .execute(conn)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Whether a job waits for the end of this one.
pub async fn is_awaited(conn: &mut PgConnection, job_id: i64) -> sqlx::Result<bool> {
    sqlx::query_scalar("select exists (select 1 from job where after_job_id = $1 and state = 'queued')").bind(job_id).fetch_one(conn).await
}

/// How many run, of all jobs or of those that the account's roles reach: a part of a statement that has the values of a [`Reach`] from `first` on.
#[must_use]
pub fn running_text(first: usize) -> String {
    format!("(select count(*) from job j where j.state = 'running' and {})", visible(first))
}

/// What the home page shows: the newest jobs that run, and the newest of the last day that died, for those who may see every job. Of these not those of a plan or
/// harbor that is gone by now, nor listings of projects, since a harbor that is not reached is told of by itself; nor what was done since by another of the same.
pub async fn newest(conn: &mut PgConnection, reach: &Reach, dead: i64) -> sqlx::Result<(Vec<JobRow>, Vec<JobRow>)> {
    let sql = sqlx::AssertSqlSafe(format!(
        "with picked as (
             (select job_id from job j where j.state = 'running' and {} order by job_id desc limit $3)
             union all
             (select job_id from job d
               where $1::bigint[] is null and state = 'dead' and finished_at > now() - interval '1 day' and kind <> 'inventory'
                 and not exists (select 1 from job n where replace(n.dedupe_key, ':next', '') = replace(d.dedupe_key, ':next', '')
                                                       and n.job_id > d.job_id and n.state = 'done')
                 and not exists (select 1 from plan p
                                  where p.deleted_at is not null
                                    and (p.plan_id = (select r.plan_id from run r where r.job_id = d.job_id)
                                         or d.kind = 'copy' and p.plan_id = (d.payload->>'plan_id')::bigint))
                 and not exists (select 1 from harbor h where h.harbor_id = d.harbor_id and h.removed_at is not null)
               order by job_id desc limit $4))
         select {COLUMNS} from picked join job j using (job_id) order by j.job_id desc",
        visible(1)
    ));
    let rows = sqlx::query(sql).bind(&reach.harbors).bind(&reach.projects).bind(PAGE_ROWS).bind(dead).fetch_all(conn).await?;
    let rows: Vec<JobRow> = rows.iter().map(job).collect::<sqlx::Result<_>>()?;
    Ok(rows.into_iter().partition(|row| row.job.state == JobState::Running))
}
