//! The job of an approved request.
//!
//! Before the first write the plan is made again: another effect voids the votes and asks for new ones. Once writing has begun the stored
//! plan stands, and a try after a crash goes on with it: each item looks at the target before it writes, so what was done is seen as done.

use std::sync::Arc;

use app::audit::events::RestoreEvent;
use app::jobs::failures::{Failure, Help};
use app::jobs::lines::Line;
use app::jobs::sentences::Phase;
use app::restores::outcomes::{Lapse, Outcome as End};
use app::restores::types::RequestState;
use app::restores::words::Ended;
use async_trait::async_trait;
use engine::effect::{EFFECT_VERSION, EffectPlan};
use engine::report::{Ending, ItemResult, Outcome as ItemOutcome, Report};
use engine::restore::{RestoreContext, RestoreError};
use sqlx::PgConnection;

use super::queries::{self, Row};
use super::{draft, policy, told, view};
use crate::audit::{self, Actor, Event, Outcome};
use crate::error::{Error, chain};
use crate::events::{self, Topic};
use crate::harbors::{self, Access};
use crate::jobs::queries::End as JobEnd;
use crate::jobs::{JobContext, JobError, Stop};
use crate::troubles;

/// Runs it.
pub async fn restore_job(context: Arc<JobContext>, request_id: i64) -> Result<(), JobError> {
    let (row, vault, client, snapshot) = {
        let mut conn = context.state.pool.acquire().await?;
        let row = queries::one(&mut conn, request_id).await?.ok_or_else(|| JobError::for_good(Failure::RequestGone))?;
        let vault = crate::copies::open_for(&context.state, &mut conn, row.snapshot_id).await?;
        let reach = harbors::queries::reach(&mut conn, row.harbor_id).await?.ok_or_else(|| JobError::for_good(Failure::HarborGone))?;
        let snapshot = crate::projects::catalogue::snapshot_digest(&mut conn, row.snapshot_id).await?;
        (row, vault, harbors::client(&context.state, &reach, Access::Write)?, snapshot)
    };
    if let Some(version) = client.version().await.map_err(Error::from)?.filter(|version| !version.is_known()) {
        let failure = Failure::HarborUnknown { version: version.to_string() };
        return Err(JobError::Permanent { failure, help: Some(Help::UpgradeForHarbor) });
    }
    match row.state.as_str() {
        "queued" => {
            context.progress(|p| p.phase = Some(Phase::LookingAgain)).await;
            let fresh = draft::again(&context.state, &row, &client, &vault, snapshot).await?;
            if fresh.hash().as_bytes().as_slice() != row.plan_hash {
                return ask_again(&context, &row, &fresh).await;
            }
            begin(&context, &row).await?;
        }
        "running" => context.log("info", Line::GoingOn).await,
        _ => {
            context.log("info", Line::NothingToDo).await;
            return Ok(());
        }
    }
    let plan = Arc::new(view::stored_plan(&row)?);
    let gate = Gate { context: Arc::clone(&context), request_id };
    let cx = RestoreContext { client, vault, progress: Arc::new(crate::plans::Observer { context: Arc::clone(&context) }) };
    context
        .progress(|p| {
            p.phase = Some(Phase::Writing);
        })
        .await;
    let report = engine::restore::execute(&cx, &plan, &gate).await.map_err(|error| begin_error(&error))?;
    if let Some(stop) = report.stopped {
        return Err(stopped(stop));
    }
    finish(&context, &row, &plan, &report).await
}

/// Nothing was written yet.
fn begin_error(error: &RestoreError) -> JobError {
    JobError::of(troubles::restore(error), error.is_transient())
}

fn stopped(stop: engine::Stop) -> JobError {
    if stop == engine::Stop::RegistryAway {
        return JobError::Transient { failure: Failure::HarborSilent, help: Some(Help::SeeHarborIsUp) };
    }
    match crate::plans::stop_of(stop) {
        Some(stop) => JobError::Stopped(stop),
        None => JobError::Permanent { failure: Failure::ApprovalLost, help: Some(Help::AskAgain) },
    }
}

/// The effect is another one, or the plan has a form that nothing executes any more: votes lapse, the request waits again (I-17).
async fn ask_again(context: &JobContext, row: &Row, fresh: &EffectPlan) -> Result<(), JobError> {
    let plan = serde_json::to_value(fresh).map_err(|e| JobError::from(Error::defect(e.to_string())))?;
    let risk = fresh.risk();
    let mut tx = context.state.pool.begin().await?;
    context.fence(&mut tx).await?;
    let hash = fresh.hash();
    let rule = policy::rule(risk, &row.target_project);
    let (votes, decide_h) = (policy::votes_needed(risk), policy::DECIDE_H);
    let effects = view::effects(fresh);
    let lapse = if view::stored_plan(row)?.version == EFFECT_VERSION { Lapse::HarborChanged } else { Lapse::OlderForm };
    let new = queries::Replan { plan: &plan, hash: hash.as_bytes(), effects: &effects, risk, votes, rule: &rule, decide_h, lapse: &lapse };
    queries::replan(&mut tx, row.request_id, new).await?;
    let (what, log) = match &lapse {
        Lapse::HarborChanged | Lapse::PasswordReset => (RestoreEvent::VotesLapsed { request: row.request_id }, Line::EffectChanged),
        Lapse::OlderForm => (RestoreEvent::PlanOutdated { request: row.request_id }, Line::PlanOutdated),
    };
    events::notify(&mut tx, Topic::Requests).await?;
    let event = Event::new("restore.replan", "request", row.request_id.to_string(), what)
        .project(&row.harbor, &row.target_project)
        .with("plan_hash", hash.hex())
        .with("plan_hash_before", hex::encode(&row.plan_hash));
    audit::record(&mut tx, &Actor::job(context.job_id), event).await?;
    tx.commit().await?;
    context.log("warn", log).await;
    Ok(())
}

async fn begin(context: &JobContext, row: &Row) -> Result<(), JobError> {
    let plan = view::stored_plan(row)?;
    let mut tx = context.state.pool.begin().await?;
    context.fence(&mut tx).await?;
    let locked = queries::lock(&mut tx, row.request_id).await?.ok_or_else(|| JobError::for_good(Failure::RequestGone))?;
    if let Some(why) = invalid(&mut tx, &locked).await? {
        return Err(JobError::Permanent { failure: why, help: Some(Help::AskAgain) });
    }
    for (seq, item) in plan.items.iter().enumerate() {
        if item.writes() {
            let seq = i32::try_from(seq).unwrap_or(i32::MAX);
            queries::insert_item(&mut tx, row.request_id, seq, item.repository.as_str(), &item.reference(), item.then.as_bytes()).await?;
        }
    }
    queries::start(&mut tx, row.request_id).await?;
    events::notify(&mut tx, Topic::Requests).await?;
    let event =
        Event::new("restore.start", "request", row.request_id.to_string(), RestoreEvent::RestoreStarted { request: row.request_id })
            .project(&row.harbor, &row.target_project)
            .with("plan_hash", hex::encode(&row.plan_hash));
    audit::record(&mut tx, &Actor::job(context.job_id), event).await?;
    tx.commit().await?;
    Ok(())
}

/// Why the approvals do not hold at this moment; none = they do.
async fn invalid(conn: &mut PgConnection, row: &Row) -> Result<Option<Failure>, Error> {
    if !matches!(row.state.as_str(), "queued" | "running") {
        return Ok(Some(Failure::NotApproved));
    }
    if queries::counting(conn, row.request_id).await? < i64::from(row.votes_needed) {
        return Ok(Some(Failure::ApprovalsGone));
    }
    if !queries::author_may(conn, row.request_id).await? {
        return Ok(Some(Failure::AuthorMayNot));
    }
    Ok(None)
}

async fn finish(context: &JobContext, row: &Row, plan: &EffectPlan, report: &Report) -> Result<(), JobError> {
    let mut tx = context.state.pool.begin().await?;
    context.fence(&mut tx).await?;
    let ended = view::ended(&mut tx, row.request_id, plan).await?;
    let told = End::Ended { ended };
    // Every line was asked about in this try, those that an earlier one wrote too.
    let state = match report.ending() {
        Ending::Done => RequestState::Done,
        Ending::Partly => RequestState::Issues,
        Ending::Failed | Ending::Stopped => RequestState::Failed,
    };
    note_end(&mut tx, row.request_id, &ended).await?;
    queries::set_state(&mut tx, row.request_id, &view::state_word(state), Some(&told), true).await?;
    events::notify(&mut tx, Topic::Requests).await?;
    let outcome = match state {
        RequestState::Done => Outcome::Success,
        RequestState::Issues => Outcome::Partial,
        _ => Outcome::Failure,
    };
    let event = Event::new(
        "restore.finish",
        "request",
        row.request_id.to_string(),
        RestoreEvent::RestoreEnded { request: row.request_id, outcome: told.into() },
    )
    .project(&row.harbor, &row.target_project)
    .with("plan_hash", hex::encode(&row.plan_hash))
    .with("bytes_sent", ended.bytes_sent)
    .with("items", report.items.len())
    .outcome(outcome, view::state_word(state));
    audit::record(&mut tx, &Actor::job(context.job_id), event).await?;
    tx.commit().await?;
    Ok(())
}

async fn note_end(conn: &mut PgConnection, request_id: i64, ended: &Ended) -> Result<(), Error> {
    let value = serde_json::to_value(ended).map_err(|e| Error::defect(e.to_string()))?;
    Ok(queries::set_ended(conn, request_id, &value).await?)
}

/// Ends a request whose job is over without having ended it: cancelled, or dead.
pub async fn settle_request(conn: &mut PgConnection, job_id: i64, request_id: i64, end: &JobEnd) -> Result<(), Error> {
    let Some(row) = queries::lock(conn, request_id).await? else { return Ok(()) };
    if row.job_id != Some(job_id) || !matches!(row.state.as_str(), "queued" | "running") {
        return Ok(());
    }
    let ended = view::ended(conn, request_id, &view::stored_plan(&row)?).await?;
    let done = ended.done;
    let (state, detail) = match end {
        JobEnd::Cancelled => ("cancelled", End::Stopped { items: done }),
        JobEnd::Dead { error, .. } => ("failed", End::Failed { why: error.clone(), items: done }),
        JobEnd::Done | JobEnd::Again { .. } => return Ok(()),
    };
    if row.started_at.is_some() {
        note_end(conn, request_id, &ended).await?;
    }
    queries::set_state(conn, request_id, state, Some(&detail), true).await?;
    events::notify(conn, Topic::Requests).await?;
    let event = Event::new(
        "restore.finish",
        "request",
        request_id.to_string(),
        RestoreEvent::RestoreEnded { request: request_id, outcome: detail.into() },
    )
    .project(&row.harbor, &row.target_project)
    .outcome(if state == "cancelled" { Outcome::Partial } else { Outcome::Failure }, state);
    audit::record(conn, &Actor::job(job_id), event).await?;
    Ok(())
}

/// Between the engine and the database: may it write, what was there before, what came of it.
struct Gate {
    context: Arc<JobContext>,
    request_id: i64,
}

#[async_trait]
impl engine::Gate for Gate {
    async fn before_write(&self, _what: &str) -> Result<(), engine::Stop> {
        let to_engine = |stop| match stop {
            Stop::Cancelled => engine::Stop::Cancelled,
            Stop::LeaseLost => engine::Stop::LeaseLost,
            Stop::Shutdown => engine::Stop::Shutdown,
        };
        self.context.check().await.map_err(to_engine)?;
        let standing = async {
            let mut conn = self.context.state.pool.acquire().await?;
            let row = queries::one(&mut conn, self.request_id).await?.ok_or_else(|| Error::defect("the request is gone"))?;
            invalid(&mut conn, &row).await
        };
        match standing.await {
            Ok(None) => Ok(()),
            Ok(Some(why)) => {
                self.context.log("error", Line::WritingStopped { why }).await;
                Err(engine::Stop::ApprovalLost)
            }
            Err(error) => {
                tracing::warn!(request.id = self.request_id, error = %chain(&error), "cannot check approvals; writing stops");
                Err(engine::Stop::LeaseLost)
            }
        }
    }

    async fn tag_intent(&self, intent: &engine::TagIntent) -> Result<(), engine::Stop> {
        let written = async {
            let mut tx = self.context.state.pool.begin().await?;
            self.context.fence(&mut tx).await.map_err(|_| Error::defect("the lease was lost"))?;
            let seq = i32::try_from(intent.item).unwrap_or(i32::MAX);
            queries::item_intent(&mut tx, self.request_id, seq, intent.previous.as_ref().map(|d| d.as_bytes().as_slice())).await?;
            tx.commit().await?;
            Ok::<_, Error>(())
        };
        written.await.map_err(|error| {
            tracing::warn!(request.id = self.request_id, error = %chain(&error), "cannot record what a tag pointed to; it is not written");
            engine::Stop::LeaseLost
        })
    }

    async fn item_done(&self, result: &ItemResult) -> Result<(), engine::Stop> {
        let (outcome, code, detail) = match &result.outcome {
            ItemOutcome::Done { proof } => ("done", None, Some(told::done(proof))),
            // Lines that write nothing have no row.
            ItemOutcome::Same | ItemOutcome::Left { .. } | ItemOutcome::Blocked { .. } => ("skipped", None, None),
            ItemOutcome::Failed { code, fault, .. } => ("failed", Some(code.clone()), Some(told::failed(fault))),
            // Goes on from where it was, or stays open and is listed as such.
            ItemOutcome::Stopped => return Ok(()),
        };
        let written = async {
            let mut tx = self.context.state.pool.begin().await?;
            self.context.fence(&mut tx).await.map_err(|_| Error::defect("the lease was lost"))?;
            let seq = i32::try_from(result.item).unwrap_or(i32::MAX);
            let sent = i64::try_from(result.bytes_sent).unwrap_or(i64::MAX);
            queries::item_outcome(&mut tx, self.request_id, seq, outcome, code.as_deref(), detail.as_ref(), sent).await?;
            events::notify(&mut tx, Topic::Requests).await?;
            tx.commit().await?;
            Ok::<_, Error>(())
        };
        let ended = written.await.map_err(|error| {
            tracing::warn!(request.id = self.request_id, error = %chain(&error), "cannot record the outcome of an item");
            engine::Stop::LeaseLost
        });
        let image = format!("{}{}", result.repository, result.tag.as_ref().map_or_else(String::new, |tag| format!(":{tag}")));
        let (level, line) = match outcome {
            "failed" => ("error", Line::ItemFailed { image, outcome: detail }),
            "skipped" => ("info", Line::ItemSkipped { image }),
            _ => ("info", Line::ItemDone { image, outcome: detail }),
        };
        self.context.log(level, line).await;
        ended
    }
}
