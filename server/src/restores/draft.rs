//! Drafts: the form, its effect plan against the live harbor, and sending it off.

use app::audit::events::RestoreEvent;
use app::error::{ApiError, ErrorKind};
use app::jobs::sentences::Title;
use app::restores::types::{Draft, DraftPage, LineFilter, Request, RestoreForm, Submit};
use engine::effect::{self, EffectPlan, PlanContext};
use futures::FutureExt;
use serde_json::json;
use sqlx::PgConnection;
use uuid::Uuid;
use vocab::{Digest, ProjectName};

use super::facts::{self, Facts, Which};
use super::form::{Asked, read};
use super::queries::{self, Row};
use super::{change, lines, list, name, policy, rows, undo, view};
use crate::access::{Caller, Operation, Origin};
use crate::audit::{self, Actor, Event};
use crate::error::Error;
use crate::events::{self, Topic};
use crate::harbors::{self, Access};
use crate::jobs::{self, NewJob, Work};
use crate::projects;
use crate::state::AppState;
use crate::turns::Turn;

/// Reasons a form offers.
const CATEGORIES: [&str; 6] = ["accident", "bad_push", "retention", "incident", "test", "other"];

/// Open requests of one person: what one team of approvers can look at.
const OPEN_MAX: i64 = 50;
/// Drafts kept of one person; the oldest makes room for another.
const DRAFTS_MAX: i64 = 30;
/// Days for which a draft nobody looks at is kept.
const DRAFT_D: i32 = 14;
/// Drafts swept at a time.
const SWEEP_ROWS: i64 = 200;

/// A plan just made, and what it is of.
struct Made {
    harbor_id: i64,
    /// Project of the snapshot.
    project: ProjectName,
    target: ProjectName,
    snapshot_id: i64,
    plan: EffectPlan,
}

/// Removes drafts nobody came back to.
pub async fn sweep_drafts(state: &AppState) -> Result<(), Error> {
    let swept = rows::drop_old_drafts(&mut *state.pool.acquire().await?, DRAFT_D, SWEEP_ROWS).await?;
    if swept > 0 {
        tracing::info!(drafts = swept, "swept drafts that nobody looked at for two weeks");
    }
    Ok(())
}

/// Stores the form as a draft with a fresh effect plan.
pub async fn preview(state: &AppState, caller: &Caller, form: RestoreForm) -> Result<Draft, Error> {
    let _turn = state.turns.take(caller.account_id, Turn::Preview).await?;
    let (key, draft) = {
        let mut conn = state.pool.acquire().await?;
        match &form.draft_id {
            // Names are given here and never taken from a form: somebody could choose one that is another's to come.
            Some(called) => {
                let row = name::find(&mut conn, caller, called).await?.ok_or_else(|| ApiError::not_found(app::refusals::Thing::Draft))?;
                if row.state != "draft" {
                    return Err(sent_off().into());
                }
                (row.request_id, row.draft)
            }
            None => (queries::next_key(&mut conn).await?, Uuid::new_v4()),
        }
    };
    let mark = name::mark(draft);
    // Boxed: of what these borrow, the compiler does not see by itself that it may go to another thread.
    let made = match form.undo_of {
        Some(request_id) => make_undo(state, caller, request_id, &mark).boxed().await?,
        None => make_restore(state, caller, &form, &mark).boxed().await?,
    };
    store(state, caller, (key, draft, &mark), &form, &made).boxed().await?;
    let mut conn = state.pool.acquire().await?;
    let facts = facts::facts(&mut conn, caller, Which::Number(key)).await?.ok_or_else(|| Error::defect("a draft just stored is gone"))?;
    view_draft(&mut conn, &facts, 1).await
}

fn sent_off() -> ApiError {
    ApiError::new(ErrorKind::Conflict, ApiError::SENT_OFF, app::restores::refusals::Refusal::SentOff)
}

pub(super) fn is_own(caller: &Caller, row: &Row) -> bool {
    row.state == "draft" && row.account_id == caller.account_id && reaches(caller, row)
}

fn reaches(caller: &Caller, row: &Row) -> bool {
    caller.reaches(row.harbor_id, &row.project) && caller.reaches(row.harbor_id, &row.target_project)
}

async fn make_restore(state: &AppState, caller: &Caller, form: &RestoreForm, mark: &str) -> Result<Made, Error> {
    let asked = read(form, mark)?;
    let mut conn = state.pool.acquire().await?;
    let place = projects::Place::find(&mut conn, caller, Operation::RequestRestore, &form.harbor, asked.source.as_str()).await?;
    caller.require(Operation::RequestRestore, Some((place.harbor_id(), asked.target.as_str())))?;
    let nothing = || ApiError::field("at", app::projects::refusals::Refusal::NothingCaptured);
    let project_id = place.project_id().ok_or_else(nothing)?;
    let snapshot = projects::queries::snapshot_at(&mut conn, project_id, Some(asked.at.0)).await?.ok_or_else(nothing)?;
    let vault = crate::copies::open_for(state, &mut conn, snapshot.id).await?;
    let client = writer(state, &mut conn, place.harbor_id()).await?;
    drop(conn);
    let digest = snapshot.digest.parse().map_err(|_| Error::defect("a stored digest cannot be read"))?;
    let plan = make(&client, &vault, &form.harbor, digest, &asked).await?;
    Ok(Made { harbor_id: place.harbor_id(), project: asked.source, target: asked.target, snapshot_id: snapshot.id, plan })
}

async fn make_undo(state: &AppState, caller: &Caller, request_id: i64, mark: &str) -> Result<Made, Error> {
    let mut conn = state.pool.acquire().await?;
    let (of, written) = undo::undoable(&mut conn, caller, request_id).await?;
    let origin = undo::origin(&mut conn, &of, &view::stored_plan(&of)?, &written).await?;
    let vault = crate::copies::open_for(state, &mut conn, origin.snapshot_id).await?;
    let client = writer(state, &mut conn, of.harbor_id).await?;
    drop(conn);
    let plan = undo::make(&client, &vault, &of, &written, &origin, mark).await?;
    let target = undo::target(&of)?;
    Ok(Made { harbor_id: of.harbor_id, project: target.clone(), target, snapshot_id: origin.snapshot_id, plan })
}

async fn writer(state: &AppState, conn: &mut PgConnection, harbor_id: i64) -> Result<registry::Client, Error> {
    let reach = harbors::queries::reach(conn, harbor_id).await?.ok_or_else(|| ApiError::not_found(app::refusals::Thing::Harbor))?;
    harbors::client(state, &reach, Access::Write)
}

/// Makes the plan of a request again, as it was asked for, against the live harbor.
pub(super) async fn again(
    state: &AppState,
    row: &Row,
    client: &registry::Client,
    vault: &vault::Vault,
    snapshot: Digest,
) -> Result<EffectPlan, Error> {
    let form: RestoreForm = serde_json::from_value(row.form.clone()).map_err(|e| Error::defect(e.to_string()))?;
    let Some(request_id) = form.undo_of else {
        return make(client, vault, &row.harbor, snapshot, &read(&form, &row.mark)?).await;
    };
    let mut conn = state.pool.acquire().await?;
    let of = queries::one(&mut conn, request_id).await?.ok_or_else(|| Error::defect("a request that is to be undone is gone"))?;
    let written = undo::written(&mut conn, request_id).await?;
    let origin = undo::origin(&mut conn, &of, &view::stored_plan(&of)?, &written).await?;
    drop(conn);
    undo::make(client, vault, &of, &written, &origin, &row.mark).await
}

pub(super) fn context(client: &registry::Client, vault: &vault::Vault, harbor: &str) -> Result<PlanContext, Error> {
    Ok(PlanContext {
        client: client.clone(),
        vault: vault.clone(),
        harbor: harbor.parse().map_err(|_| Error::defect("a registered harbor has a name the vault refuses"))?,
    })
}

/// Makes an effect plan against the live harbor.
async fn make(client: &registry::Client, vault: &vault::Vault, harbor: &str, snapshot: Digest, asked: &Asked) -> Result<EffectPlan, Error> {
    let context = context(client, vault, harbor)?;
    effect::plan(&context, &snapshot, &asked.selection, &asked.target, &asked.policy).await.map_err(plan_error)
}

pub(super) fn plan_error(error: effect::PlanError) -> Error {
    match error {
        effect::PlanError::Registry(inner) => Error::Registry(inner),
        effect::PlanError::Vault(inner) => Error::Vault(inner),
        other => ApiError::field("items", app::restores::refusals::Refusal::NotInPlan { why: crate::troubles::plan(&other) }).into(),
    }
}

async fn store(
    state: &AppState,
    caller: &Caller,
    (key, name, mark): (i64, Uuid, &str),
    form: &RestoreForm,
    made: &Made,
) -> Result<(), Error> {
    let risk = made.plan.risk();
    let rule = policy::rule(risk, made.target.as_str());
    let stored_form = serde_json::to_value(RestoreForm { draft_id: None, ..form.clone() }).map_err(|e| Error::defect(e.to_string()))?;
    let stored_plan = serde_json::to_value(&made.plan).map_err(|e| Error::defect(e.to_string()))?;
    let hash = made.plan.hash();
    let draft = queries::Draft {
        request_id: key,
        name,
        mark,
        account_id: caller.account_id,
        harbor_id: made.harbor_id,
        project: made.project.as_str(),
        snapshot_id: made.snapshot_id,
        target_project: made.target.as_str(),
        form: &stored_form,
        plan: &stored_plan,
        plan_hash: hash.as_bytes(),
        effects: &view::effects(&made.plan),
        risk,
        votes_needed: policy::votes_needed(risk),
        rule: &rule,
        undo_of: form.undo_of,
    };
    let mut tx = state.pool.begin().await?;
    if !queries::put_draft(&mut tx, &draft).await? {
        return Err(sent_off().into());
    }
    rows::drop_drafts_over(&mut tx, caller.account_id, DRAFTS_MAX).await?;
    tx.commit().await?;
    Ok(())
}

async fn view_draft(conn: &mut PgConnection, facts: &Facts, changes: i64) -> Result<Draft, Error> {
    let row = &facts.row;
    let form: RestoreForm = serde_json::from_value(row.form.clone()).map_err(|e| Error::defect(e.to_string()))?;
    Ok(Draft {
        id: row.name(),
        form: RestoreForm { draft_id: Some(row.name()), ..form },
        plan: view::plan(facts)?,
        change: if facts.was_replaced { change::of(conn, row.request_id, changes).await? } else { None },
        risk: i64::from(row.risk),
        votes_needed: i64::from(row.votes_needed),
        approvers: facts.approvers.clone(),
        rule: row.rule.0.clone(),
        category: row.category.clone(),
        reason: row.reason.clone(),
        ticket: row.ticket.clone(),
    })
}

/// The facts of a draft of one's own.
async fn own_facts(conn: &mut PgConnection, caller: &Caller, called: &str) -> Result<Facts, Error> {
    let facts = match name::which(called) {
        Some(which) => facts::facts(conn, caller, which).await?,
        None => None,
    };
    let facts = facts.filter(|facts| is_own(caller, &facts.row) || list::sees(caller, &facts.row));
    let facts = facts.ok_or_else(|| ApiError::not_found(app::refusals::Thing::Draft))?;
    if facts.row.state == "draft" { Ok(facts) } else { Err(sent_off().into()) }
}

async fn own_draft(conn: &mut PgConnection, caller: &Caller, called: &str) -> Result<Row, Error> {
    let absent = || ApiError::not_found(app::refusals::Thing::Draft);
    let found = name::find(conn, caller, called).await?.ok_or_else(absent)?;
    if found.state != "draft" {
        return Err(sent_off().into());
    }
    // Sent off meanwhile, its row has another key.
    queries::lock(conn, found.request_id).await?.filter(|row| is_own(caller, row)).ok_or_else(|| sent_off().into())
}

/// The number a draft was given when it was sent off, to who may see its request.
pub async fn number_of_draft(state: &AppState, caller: &Caller, called: &str) -> Result<Option<i64>, Error> {
    let mut conn = state.pool.acquire().await?;
    let row = name::find(&mut conn, caller, called).await?;
    Ok(row.filter(|row| row.state != "draft").map(|row| row.request_id))
}

/// A draft as stored.
pub async fn get_draft(state: &AppState, caller: &Caller, draft_id: &str) -> Result<Draft, Error> {
    let mut conn = state.pool.acquire().await?;
    let facts = own_facts(&mut conn, caller, draft_id).await?;
    view_draft(&mut conn, &facts, 1).await
}

/// A draft with a page of its lines, and a page of what changed.
pub async fn draft_page(state: &AppState, caller: &Caller, draft_id: &str, filter: LineFilter, changes: i64) -> Result<DraftPage, Error> {
    let mut conn = state.pool.acquire().await?;
    let facts = own_facts(&mut conn, caller, draft_id).await?;
    Ok(DraftPage { lines: lines::of_facts(&mut conn, &facts, filter).await?, draft: view_draft(&mut conn, &facts, changes).await? })
}

/// Sends a draft off. The plan is made again; if it is not the one that was seen, the draft keeps the new one and nothing is sent.
pub async fn submit(state: &AppState, caller: &Caller, origin: &Origin, form: Submit) -> Result<Request, Error> {
    let reason = told(&form)?;
    let draft = get_draft(state, caller, &form.draft_id).await?;
    let mut conn = state.pool.acquire().await?;
    let key = own_draft(&mut conn, caller, &form.draft_id).await?.request_id;
    let before = queries::plan_of(&mut conn, key).await?;
    drop(conn);
    let seen = draft.plan.hash.clone();
    let fresh = preview(state, caller, draft.form).await?;
    if fresh.plan.hash != form.plan_hash {
        // What was looked at, if this is it: the page then shows the difference.
        if seen == form.plan_hash {
            let mut conn = state.pool.acquire().await?;
            queries::keep_plan(&mut conn, key, &before).boxed().await?;
        }
        let text = app::restores::refusals::Refusal::PlanChanged;
        return Err(ApiError::new(ErrorKind::Conflict, "plan_changed", text).into());
    }
    if !fresh.plan.effects.writes() {
        return Err(ApiError::new(ErrorKind::Conflict, "nothing_to_do", app::restores::refusals::Refusal::NothingToDo).into());
    }
    if i64::try_from(fresh.approvers.len()).unwrap_or(i64::MAX) < fresh.votes_needed {
        let people = app::units::figure(fresh.approvers.len());
        let text = app::restores::refusals::Refusal::NoApprover { votes: fresh.votes_needed, people };
        return Err(ApiError::new(ErrorKind::Conflict, "no_approver", text).into());
    }
    let mut tx = state.pool.begin().await?;
    let row = own_draft(&mut tx, caller, &form.draft_id).await?;
    if hex::encode(&row.plan_hash) != form.plan_hash {
        return Err(ApiError::new(ErrorKind::Conflict, "plan_changed", app::restores::refusals::Refusal::OtherTab).into());
    }
    if !queries::lock_snapshot(&mut tx, row.snapshot_id).await? {
        let text = app::restores::refusals::Refusal::SnapshotGone;
        return Err(ApiError::new(ErrorKind::Conflict, "snapshot_gone", text).into());
    }
    if rows::open_of(&mut tx, caller.account_id).await? >= OPEN_MAX {
        let text = app::restores::refusals::Refusal::TooManyOpen { open: OPEN_MAX };
        return Err(ApiError::new(ErrorKind::TooMany, "too_many_open", text).into());
    }
    let next = if row.votes_needed == 0 { "queued" } else { "waiting" };
    let number = queries::submit(&mut tx, row.request_id, next, &form.category, reason, form.ticket.trim(), policy::DECIDE_H).await?;
    let row = Row { request_id: number, ..row };
    if next == "queued" {
        enqueue(&mut tx, &row, &caller.login).await?;
    }
    events::notify(&mut tx, Topic::Requests).await?;
    let action = if row.undo_of.is_some() { "restore.undo.submit" } else { "restore.submit" };
    let what = RestoreEvent::RestoreAsked { request: row.request_id, effects: fresh.plan.effects.clone() };
    let event = Event::new(action, "request", row.request_id.to_string(), what)
        .project(&row.harbor, &row.target_project)
        .with("plan_hash", form.plan_hash.as_str())
        .with("reason", reason)
        .with("category", form.category.as_str())
        .with(
            "after",
            json!({ "creates": fresh.plan.creates, "moves": fresh.plan.moves, "risk": row.risk, "votes_needed": row.votes_needed }),
        );
    audit::record(&mut tx, &Actor::caller(caller, origin), event).await?;
    tx.commit().await?;
    super::get(state, caller, number).await
}

/// What somebody says of a request; the reason.
fn told(form: &Submit) -> Result<&str, ApiError> {
    let reason = form.reason.trim();
    if !(10..=2_000).contains(&reason.chars().count()) {
        return Err(ApiError::field("reason", app::restores::refusals::Refusal::Reason));
    }
    if !CATEGORIES.contains(&form.category.as_str()) {
        return Err(ApiError::field("category", app::restores::refusals::Refusal::Category));
    }
    if form.ticket.chars().count() > 100 {
        return Err(ApiError::field("ticket", app::refusals::General::AtMostChars { most: 100 }));
    }
    Ok(reason)
}

/// Queues the job of an approved request.
pub(super) async fn enqueue(conn: &mut PgConnection, row: &Row, by: &str) -> Result<(), Error> {
    let job = NewJob {
        work: Work::Restore { request_id: row.request_id },
        title: Title::Restore { request: row.request_id, harbor: row.harbor.clone(), project: row.target_project.clone() },
        dedupe_key: format!("restore:{}", row.request_id),
        trigger: by.to_owned(),
        account_id: Some(row.account_id),
        harbor_id: Some(row.harbor_id),
        project: Some(row.target_project.clone()),
        link: Some(format!("/restores/{}", row.request_id)),
        after: None,
    };
    let queued = jobs::enqueue(conn, &job).await?;
    queries::set_job(conn, row.request_id, queued.job_id).await?;
    Ok(())
}
