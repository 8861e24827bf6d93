//! Runs of plans: asked for by people, queued with their job in one transaction, ended with it.

use app::audit::events::{PlanEvent, ProjectEvent};
use app::error::{ApiError, ErrorKind};
use app::jobs::sentences::Title;
use app::plans::types::Run;
use app::units::Page;
use sqlx::PgConnection;

use super::ops::row;
use super::scope::Scope;
use super::{confirmed, queries, view};
use crate::access::{Caller, Operation, Origin};
use crate::audit::{self, Actor, Event, Outcome};
use crate::copies;
use crate::error::Error;
use crate::events::{self, Topic};
use crate::jobs::queries::End;
use crate::jobs::{self, Enqueued, NewJob, Work};
use crate::state::AppState;

/// Who or what wants a run.
pub(super) struct Wish<'a> {
    pub trigger: &'static str,
    pub by: &'a str,
    pub account_id: Option<i64>,
    pub only: Option<&'a str>,
    /// Whether a run that has looked already will not do.
    pub fresh: bool,
}

/// Queues a run and its job. Runs of a plan go one after another: while one is open another does not begin. Who wants what is there now is not served by a run
/// that looked before; for them one more waits for its end, and whoever asks meanwhile gets that one.
pub(super) async fn queue(conn: &mut PgConnection, plan: &queries::Row, wish: &Wish<'_>) -> Result<Enqueued, Error> {
    let key = format!("backup:{}:{}", plan.plan_id, wish.only.unwrap_or(""));
    let next = format!("{key}:next");
    let open = queries::open_runs(conn, &[&key, &next]).await?;
    if let Some(joined) = open.iter().find(|run| !(wish.fresh && run.looked)) {
        return Ok(Enqueued { job_id: joined.job_id, new: false });
    }
    // Two keys take turns, so that of the runs that wait there is one, whichever goes on.
    match open.last() {
        None => enqueue(conn, plan, wish, key, None).await,
        Some(run) => {
            let other = if run.dedupe_key == key { next } else { key };
            enqueue(conn, plan, wish, other, Some((run.job_id, run.run_id))).await
        }
    }
}

async fn enqueue(
    conn: &mut PgConnection,
    plan: &queries::Row,
    wish: &Wish<'_>,
    dedupe_key: String,
    after: Option<(i64, i64)>,
) -> Result<Enqueued, Error> {
    let run_id = queries::next_run_id(conn).await?;
    let (name, harbor) = (plan.name.clone(), plan.harbor.clone());
    let title = match (wish.only.map(str::to_owned), after) {
        (Some(project), None) => Title::BackupProject { project, harbor },
        (Some(project), Some((_, run))) => Title::BackupProjectAfter { project, harbor, run },
        (None, None) => Title::Backup { plan: name, harbor },
        (None, Some((_, run))) => Title::BackupAfter { plan: name, harbor, run },
    };
    let job = NewJob {
        work: Work::Backup { run_id },
        title,
        dedupe_key,
        trigger: wish.by.to_owned(),
        account_id: wish.account_id,
        harbor_id: Some(plan.harbor_id),
        project: wish.only.map(str::to_owned),
        link: Some(match wish.only {
            Some(project) => format!("/projects/{}/{project}", plan.harbor),
            None => format!("/plans/{}", plan.plan_id),
        }),
        after: after.map(|(job_id, _)| job_id),
    };
    let queued = jobs::enqueue(conn, &job).await?;
    if queued.new {
        queries::insert_run(conn, run_id, plan.plan_id, queued.job_id, wish.trigger, wish.only).await?;
        events::notify(conn, Topic::Plans).await?;
    }
    Ok(queued)
}

fn trigger(origin: &Origin) -> &'static str {
    if origin.interface == "ui" { "user" } else { "api" }
}

/// Queues a run of the whole plan now.
pub async fn run_now(state: &AppState, caller: &Caller, origin: &Origin, plan_id: i64) -> Result<i64, Error> {
    caller.require(Operation::ManageEstate, None)?;
    let mut tx = state.pool.begin().await?;
    let plan = row(&mut tx, plan_id).await?;
    let wish = Wish { trigger: trigger(origin), by: &caller.login, account_id: Some(caller.account_id), only: None, fresh: true };
    let queued = queue(&mut tx, &plan, &wish).await?;
    if queued.new {
        let event =
            Event::new("plan.run_now", "plan", &plan.name, PlanEvent::RunAsked { plan: plan.name.clone() }).with("job", queued.job_id);
        audit::record(&mut tx, &Actor::caller(caller, origin), event).await?;
    }
    tx.commit().await?;
    Ok(queued.job_id)
}

/// Queues a backup of one project now, by the plan with the shortest target that has it.
pub async fn queue_project(state: &AppState, caller: &Caller, origin: &Origin, harbor: (i64, &str), project: &str) -> Result<i64, Error> {
    caller.require(Operation::BackUpProject, Some((harbor.0, project)))?;
    let mut tx = state.pool.begin().await?;
    let mut chosen = None;
    for plan in queries::of_harbor(&mut tx, harbor.0).await? {
        if Scope::new(&plan.include, &plan.exclude)?.matches(project) {
            chosen = Some(plan);
            break;
        }
    }
    let plan = chosen.ok_or_else(|| ApiError::new(ErrorKind::Conflict, "no_plan", app::plans::refusals::Refusal::NoPlan))?;
    let wish = Wish { trigger: trigger(origin), by: &caller.login, account_id: Some(caller.account_id), only: Some(project), fresh: true };
    let queued = queue(&mut tx, &plan, &wish).await?;
    if queued.new {
        let event =
            Event::new("plan.run_now", "project", project, ProjectEvent::BackupAsked { project: format!("{}/{project}", harbor.1) })
                .project(harbor.1, project)
                .with("job", queued.job_id);
        audit::record(&mut tx, &Actor::caller(caller, origin), event).await?;
    }
    tx.commit().await?;
    Ok(queued.job_id)
}

/// Runs of a plan, newest first.
pub async fn list_runs(state: &AppState, caller: &Caller, plan_id: i64, after: Option<String>) -> Result<Page<Run>, Error> {
    let mut conn = state.pool.acquire().await?;
    super::ops::visible(&mut conn, caller, plan_id).await?;
    runs(&mut conn, caller, plan_id, after.as_deref()).await
}

/// The same of a plan that the caller is known to see.
pub(super) async fn runs(conn: &mut PgConnection, caller: &Caller, plan_id: i64, after: Option<&str>) -> Result<Page<Run>, Error> {
    let before = after.map(|c| c.parse().map_err(|_| ApiError::field("after", app::refusals::General::NoPage))).transpose()?;
    let mut rows = queries::runs(conn, plan_id, before).await?;
    let page_rows = usize::try_from(queries::PAGE_ROWS).unwrap_or(usize::MAX);
    let next = (rows.len() > page_rows).then(|| rows[page_rows - 1].run_id.to_string());
    rows.truncate(page_rows);
    let mut items: Vec<Run> = rows.into_iter().map(view::run).collect();
    if !caller.may(Operation::ReadEstate, None) {
        // A run's trouble names the projects it was with.
        items.iter_mut().for_each(|run| run.error = None);
    }
    Ok(Page { items, next, total: None })
}

/// Ends the run of a job that is over, in the transaction that ends the job.
pub async fn settle_run(conn: &mut PgConnection, job_id: i64, run_id: i64, end: &End) -> Result<(), Error> {
    let Some(run) = queries::run(conn, run_id).await? else { return Ok(()) };
    let plan: Option<(String, String)> =
        sqlx::query_as("select p.name, h.name from plan p join harbor h using (harbor_id) where p.plan_id = $1")
            .bind(run.plan_id)
            .fetch_optional(&mut *conn)
            .await?;
    let (plan, harbor) = plan.unwrap_or_default();
    let (state, error) = match end {
        End::Done if run.gaps > 0 => ("gaps", None),
        End::Done => ("good", None),
        End::Cancelled => ("cancelled", None),
        End::Dead { error, .. } | End::Again { error, .. } => ("failed", Some(error)),
    };
    queries::end_run(conn, run_id, state, error).await?;
    if matches!(end, End::Dead { .. } | End::Cancelled) {
        confirmed::end_badly(conn, run_id).await?;
    }
    // Also after a failure: what it sealed before is worth a copy.
    if let Some(plan) = queries::one(conn, run.plan_id).await? {
        copies::queue(conn, &plan, "schedule", None).await?;
        crate::vaults::queue_heal(conn, plan.vault_id).await?;
    }
    events::notify(conn, Topic::Plans).await?;
    let event = match state {
        "failed" => {
            let what = PlanEvent::RunFailed { plan: plan.clone(), why: error.cloned().map(Into::into) };
            Event::new("backup.job.fail", "plan", &plan, what).outcome(Outcome::Failure, "failed")
        }
        "cancelled" => {
            let what = PlanEvent::RunStopped { plan: plan.clone() };
            Event::new("backup.job.cancel", "plan", &plan, what).outcome(Outcome::Partial, "cancelled")
        }
        _ => {
            let what = PlanEvent::RunDone { plan: plan.clone(), projects: run.projects_done, harbor };
            let event = Event::new("backup.job.finish", "plan", &plan, what);
            if state == "gaps" { event.outcome(Outcome::Partial, "gaps") } else { event }
        }
    };
    crate::harbors::staging::settle(conn, &Actor::job(job_id), run_id).await?;
    let event = event
        .with("run", run_id)
        .with("gaps", run.gaps)
        .with("bytes_new", run.bytes_new)
        .with("requests", run.requests)
        .with("unchanged", run.projects_unchanged);
    audit::record(conn, &Actor::job(job_id), event).await?;
    Ok(())
}

/// A failed run whose job is queued again is open again.
pub async fn reopen_run(conn: &mut PgConnection, job_id: i64) -> Result<(), Error> {
    sqlx::query("update run set state = 'queued', finished_at = null, error = null where job_id = $1 and state = 'failed'")
        .bind(job_id)
        .execute(conn)
        .await?;
    Ok(())
}
