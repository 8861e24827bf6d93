//! Votes, and the ways a request ends before it runs. Rules are checked in the transaction, with the request's row locked (F-51).

use app::audit::events::RestoreEvent;
use app::error::{ApiError, ErrorKind};
use app::restores::outcomes::{Outcome as End, WhyNot};
use app::restores::refusals::Refusal;
use app::restores::types::{CastVote, Request};
use sqlx::PgConnection;

use super::queries::{self, Row};
use super::{draft, list, policy};
use crate::access::{Caller, Operation, Origin};
use crate::audit::{self, Actor, Event, Outcome};
use crate::error::Error;
use crate::events::{self, Topic};
use crate::state::AppState;

fn moved_on() -> Error {
    ApiError::new(ErrorKind::Conflict, "moved_on", Refusal::MovedOn).into()
}

async fn visible(conn: &mut PgConnection, caller: &Caller, request_id: i64) -> Result<Row, Error> {
    let absent = || ApiError::not_found(app::refusals::Thing::Request);
    let row = queries::lock(conn, request_id).await?.ok_or_else(absent)?;
    if list::sees(caller, &row) { Ok(row) } else { Err(absent().into()) }
}

/// Votes on exactly the plan that was seen.
pub async fn cast(state: &AppState, caller: &Caller, origin: &Origin, form: CastVote) -> Result<Request, Error> {
    let approve = match form.decision.as_str() {
        "approve" => true,
        "deny" => false,
        _ => return Err(ApiError::field("decision", Refusal::Decision).into()),
    };
    let comment = form.comment.trim();
    if comment.chars().count() > 2_000 {
        return Err(ApiError::field("comment", Refusal::CommentLong).into());
    }
    let mut tx = state.pool.begin().await?;
    let row = visible(&mut tx, caller, form.request_id).await?;
    if let Some(why) = policy::why_not(caller, row.account_id, row.risk, row.harbor_id, &row.target_project) {
        drop(tx);
        let what = RestoreEvent::VoteNotAllowed { request: row.request_id };
        let event = Event::new("authz.denied", "request", row.request_id.to_string(), what)
            .project(&row.harbor, &row.target_project)
            .outcome(Outcome::Denied, "not_an_approver");
        audit::record_alone(&state.pool, &Actor::caller(caller, origin), event).await?;
        return Err(ApiError::new(ErrorKind::Forbidden, "may_not_vote", Refusal::MayNotVote { why }).into());
    }
    if !matches!(row.state.as_str(), "waiting" | "reapproval")
        || row.version != form.version
        || hex::encode(&row.plan_hash) != form.plan_hash
    {
        return Err(moved_on());
    }
    if row.risk >= policy::STEP_UP_FROM_RISK {
        caller.require_fresh()?;
    }
    if !crate::accounts::votes(&mut tx, caller.account_id).await? {
        return Err(ApiError::new(ErrorKind::Forbidden, "no_vote_yet", Refusal::MayNotVote { why: WhyNot::NotYet }).into());
    }
    let in_time: bool = sqlx::query_scalar("select $1::timestamptz > now()").bind(row.decide_before).fetch_one(&mut *tx).await?;
    if !in_time {
        return Err(ApiError::new(ErrorKind::Conflict, "too_late", Refusal::TooLate).into());
    }
    if comment.is_empty() && (!approve || row.risk >= policy::COMMENT_FROM_RISK) {
        return Err(ApiError::field("comment", if approve { Refusal::CommentNeeded } else { Refusal::SayWhyRefused }).into());
    }
    let twice = |error: sqlx::Error| {
        Error::from(error)
            .on_constraint("vote_once", ApiError::new(ErrorKind::Conflict, "voted", Refusal::MayNotVote { why: WhyNot::Voted }))
    };
    queries::insert_vote(&mut tx, row.request_id, caller.account_id, approve, comment, &row.plan_hash).await.map_err(twice)?;
    let quorum = decide(&mut tx, &row, approve, comment, caller).await?;
    events::notify(&mut tx, Topic::Requests).await?;
    let (action, what) = if approve {
        ("restore.vote.approve", RestoreEvent::RestoreApproved { request: row.request_id })
    } else {
        ("restore.vote.deny", RestoreEvent::RestoreRefused { request: row.request_id })
    };
    let event = Event::new(action, "request", row.request_id.to_string(), what)
        .project(&row.harbor, &row.target_project)
        .with("plan_hash", form.plan_hash.as_str())
        .with("comment", comment)
        .with("quorum", quorum);
    audit::record(&mut tx, &Actor::caller(caller, origin), event).await?;
    tx.commit().await?;
    super::get(state, caller, form.request_id).await
}

/// Moves the request on if this vote decides it; true = approved for good.
async fn decide(conn: &mut PgConnection, row: &Row, approve: bool, comment: &str, caller: &Caller) -> Result<bool, Error> {
    if !approve {
        let outcome = End::Denied { comment: comment.to_owned() };
        queries::set_state(conn, row.request_id, "denied", Some(&outcome), true).await?;
        return Ok(false);
    }
    if queries::counting(conn, row.request_id).await? < i64::from(row.votes_needed) {
        return Ok(false);
    }
    queries::set_state(conn, row.request_id, "queued", None, false).await?;
    draft::enqueue(conn, row, &caller.login).await?;
    Ok(true)
}

/// Takes one's own request back.
pub async fn withdraw(state: &AppState, caller: &Caller, origin: &Origin, request_id: i64) -> Result<Request, Error> {
    caller.require_write()?;
    let mut tx = state.pool.begin().await?;
    let row = visible(&mut tx, caller, request_id).await?;
    if row.account_id != caller.account_id {
        return Err(ApiError::new(ErrorKind::Forbidden, "not_yours", Refusal::NotYours).into());
    }
    if !matches!(row.state.as_str(), "waiting" | "reapproval") {
        return Err(moved_on());
    }
    queries::set_state(&mut tx, request_id, "withdrawn", None, true).await?;
    events::notify(&mut tx, Topic::Requests).await?;
    let event = Event::new("restore.withdraw", "request", request_id.to_string(), RestoreEvent::RestoreWithdrawn { request: request_id })
        .project(&row.harbor, &row.target_project);
    audit::record(&mut tx, &Actor::caller(caller, origin), event).await?;
    tx.commit().await?;
    super::get(state, caller, request_id).await
}

/// Stops a queued or running restore before its next write.
pub async fn cancel(state: &AppState, caller: &Caller, origin: &Origin, request_id: i64) -> Result<Request, Error> {
    let mut tx = state.pool.begin().await?;
    let row = visible(&mut tx, caller, request_id).await?;
    let scope = Some((row.harbor_id, row.target_project.as_str()));
    if row.account_id != caller.account_id {
        caller.require(Operation::CancelRestore, scope)?;
    } else {
        caller.require(Operation::RequestRestore, scope)?;
    }
    if !matches!(row.state.as_str(), "queued" | "running") {
        return Err(moved_on());
    }
    let job_id = row.job_id.ok_or_else(|| Error::defect("a queued restore has no job"))?;
    let now = crate::jobs::queries::request_cancel(&mut tx, job_id, &caller.login).await?;
    if now.as_deref() == Some("cancelled") {
        queries::set_state(&mut tx, request_id, "cancelled", Some(&End::StoppedBefore), true).await?;
    }
    events::notify(&mut tx, Topic::Requests).await?;
    events::notify(&mut tx, Topic::Jobs).await?;
    let event = Event::new("restore.cancel", "request", request_id.to_string(), RestoreEvent::RestoreStopAsked { request: request_id })
        .project(&row.harbor, &row.target_project);
    audit::record(&mut tx, &Actor::caller(caller, origin), event).await?;
    tx.commit().await?;
    super::get(state, caller, request_id).await
}

/// Ends requests nobody decided in time (S10), and those whose plan has the form of an earlier version: nobody could execute what was voted for.
pub async fn expire_due(state: &AppState) -> Result<(), Error> {
    let mut tx = state.pool.begin().await?;
    for request_id in queries::overdue(&mut tx).await? {
        expire(&mut tx, request_id, &End::NobodyDecided).await?;
    }
    for request_id in queries::of_another_form(&mut tx, engine::effect::EFFECT_VERSION).await? {
        expire(&mut tx, request_id, &End::OlderForm).await?;
    }
    tx.commit().await?;
    Ok(())
}

async fn expire(conn: &mut PgConnection, request_id: i64, why: &End) -> Result<(), Error> {
    queries::set_state(conn, request_id, "expired", Some(why), true).await?;
    events::notify(conn, Topic::Requests).await?;
    let event = Event::new(
        "restore.expire",
        "request",
        request_id.to_string(),
        RestoreEvent::RestoreExpired { request: request_id, why: why.clone().into() },
    );
    audit::record(conn, &Actor::system("schedule"), event).await?;
    Ok(())
}
