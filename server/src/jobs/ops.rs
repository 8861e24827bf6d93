//! Looking at jobs, stopping and repeating them.

use app::audit::events::SystemEvent;
use app::error::{ApiError, ErrorKind};
use app::jobs::types::{Job, JobFilter, JobState, LogLine};
use app::units::Page;
use sqlx::PgConnection;

use super::queries::{self, JobRow, Reach};
use crate::access::{Caller, Operation, Origin};
use crate::audit::{self, Actor, Event};
use crate::error::Error;
use crate::events::{self, Topic};
use crate::state::AppState;

/// Refuses what no job is: a filter that matches nothing looks like good news.
fn check_filter(filter: &JobFilter) -> Result<(), ApiError> {
    let known = |given: &Option<String>, names: &[&str]| given.as_deref().is_none_or(|one| one.is_empty() || names.contains(&one));
    if !known(&filter.state, &queries::STATES) {
        return Err(ApiError::field("state", app::refusals::General::OneOf { words: queries::STATES.map(str::to_owned).to_vec() }));
    }
    if !known(&filter.kind, &super::KINDS) {
        return Err(ApiError::field("kind", app::refusals::General::OneOf { words: super::KINDS.map(str::to_owned).to_vec() }));
    }
    Ok(())
}

/// Jobs the caller may see, newest first.
pub async fn list(state: &AppState, caller: &Caller, filter: JobFilter) -> Result<Page<Job>, Error> {
    check_filter(&filter)?;
    let before =
        filter.after.as_deref().map(|c| c.parse().map_err(|_| ApiError::field("after", app::refusals::General::NoPage))).transpose()?;
    let mut conn = state.pool.acquire().await?;
    let mut rows = queries::page(&mut conn, &filter, &Reach::of(caller), before).await?;
    let page_rows = usize::try_from(queries::PAGE_ROWS).unwrap_or(usize::MAX);
    let next = (rows.len() > page_rows).then(|| rows[page_rows - 1].job.id.to_string());
    rows.truncate(page_rows);
    Ok(Page { items: rows.into_iter().map(|row| with_rights(caller, row)).collect(), next, total: None })
}

/// What the home page shows: jobs that run, and at most `dead` of those that died in the last day.
pub async fn newest(conn: &mut PgConnection, caller: &Caller, dead: i64) -> Result<(Vec<Job>, Vec<Job>), Error> {
    let (running, dead) = queries::newest(conn, &Reach::of(caller), dead).await?;
    let shown = |rows: Vec<JobRow>| rows.into_iter().map(|row| with_rights(caller, row)).collect();
    Ok((shown(running), shown(dead)))
}

/// One job.
pub async fn get(state: &AppState, caller: &Caller, job_id: i64) -> Result<Job, Error> {
    let mut conn = state.pool.acquire().await?;
    Ok(with_rights(caller, visible(&mut conn, caller, job_id).await?))
}

/// Its log.
pub async fn log(state: &AppState, caller: &Caller, job_id: i64, after: Option<i64>) -> Result<Vec<LogLine>, Error> {
    let mut conn = state.pool.acquire().await?;
    let place = queries::place(&mut conn, job_id).await?;
    place
        .filter(|(harbor_id, project)| sees(caller, *harbor_id, project.as_deref()))
        .ok_or_else(|| ApiError::not_found(app::refusals::Thing::Job))?;
    Ok(queries::lines(&mut conn, job_id, after).await?)
}

/// Asks it to stop.
pub async fn cancel(state: &AppState, caller: &Caller, origin: &Origin, job_id: i64) -> Result<Job, Error> {
    let mut tx = state.pool.begin().await?;
    let row = visible(&mut tx, caller, job_id).await?;
    if !may_cancel(caller, &row) {
        caller.require(Operation::ManageJobs, None)?;
    }
    let Some(now) = queries::request_cancel(&mut tx, job_id, &caller.login).await? else {
        return Err(ApiError::new(ErrorKind::Conflict, "job_over", app::jobs::refusals::Refusal::Over).into());
    };
    if now == "cancelled" {
        let payload: serde_json::Value =
            sqlx::query_scalar("select payload from job where job_id = $1").bind(job_id).fetch_one(&mut *tx).await?;
        if let Ok(work) = serde_json::from_value::<super::Work>(payload) {
            super::worker::settle_cancelled(&mut tx, job_id, &work).await?;
        }
    }
    events::notify(&mut tx, Topic::Jobs).await?;
    let event =
        Event::new("job.cancel", "job", job_id.to_string(), SystemEvent::JobStopAsked { job: job_id, title: row.job.title.clone() });
    audit::record(&mut tx, &Actor::caller(caller, origin), event).await?;
    tx.commit().await?;
    get(state, caller, job_id).await
}

/// Queues a dead one again.
pub async fn retry(state: &AppState, caller: &Caller, origin: &Origin, job_id: i64) -> Result<Job, Error> {
    let mut tx = state.pool.begin().await?;
    let row = visible(&mut tx, caller, job_id).await?;
    caller.require(Operation::ManageJobs, None)?;
    if row.job.kind == "restore" {
        let text = app::jobs::refusals::Refusal::RetryRequest;
        return Err(ApiError::new(ErrorKind::Conflict, "retry_request", text).into());
    }
    let revived = queries::revive(&mut tx, job_id).await.map_err(|error| {
        let open = ApiError::new(ErrorKind::Conflict, "job_open", app::jobs::refusals::Refusal::NewerOne);
        Error::from(error).on_constraint("job_dedupe", open)
    })?;
    if !revived {
        return Err(ApiError::new(ErrorKind::Conflict, "job_not_dead", app::jobs::refusals::Refusal::NotFailed).into());
    }
    crate::plans::reopen_run(&mut tx, job_id).await?;
    events::notify(&mut tx, Topic::Jobs).await?;
    events::notify(&mut tx, Topic::Work).await?;
    let event = Event::new("job.retry", "job", job_id.to_string(), SystemEvent::JobAgain { job: job_id, title: row.job.title.clone() });
    audit::record(&mut tx, &Actor::caller(caller, origin), event).await?;
    tx.commit().await?;
    get(state, caller, job_id).await
}

async fn visible(conn: &mut PgConnection, caller: &Caller, job_id: i64) -> Result<JobRow, Error> {
    let row = queries::one(conn, job_id).await?.filter(|row| sees(caller, row.harbor_id, row.project.as_deref()));
    row.ok_or_else(|| ApiError::not_found(app::refusals::Thing::Job).into())
}

/// Whether the caller sees a job about a place. Who asked for it is no right: a role may have gone since (S-4).
fn sees(caller: &Caller, harbor_id: Option<i64>, project: Option<&str>) -> bool {
    let scope = harbor_id.zip(project);
    let covered = scope.is_some() && caller.may(Operation::ReadProject, scope);
    let of_harbor = project.is_none()
        && harbor_id.is_some_and(|id| {
            caller.roles.iter().any(|r| r.project.is_none() && r.harbor.as_ref().is_none_or(|(harbor, _)| *harbor == id))
        });
    caller.may(Operation::ReadJobs, None) || covered || of_harbor
}

fn may_cancel(caller: &Caller, row: &JobRow) -> bool {
    let scope = row.harbor_id.zip(row.project.as_deref());
    let own = row.account_id == Some(caller.account_id);
    caller.may(Operation::ManageJobs, None)
        || match row.job.kind.as_str() {
            "restore" => caller.may(Operation::CancelRestore, scope) || own && caller.may(Operation::RequestRestore, scope),
            "backup" => own && caller.may(Operation::BackUpProject, scope),
            _ => false,
        }
}

fn with_rights(caller: &Caller, row: JobRow) -> Job {
    let open = matches!(row.job.state, JobState::Queued | JobState::Running);
    let mut may = Vec::new();
    if open && !row.job.cancel_requested && may_cancel(caller, &row) {
        may.push("cancel".to_owned());
    }
    if row.job.state == JobState::Dead && row.job.kind != "restore" && caller.may(Operation::ManageJobs, None) {
        may.push("retry".to_owned());
    }
    Job { may, ..row.job }
}
