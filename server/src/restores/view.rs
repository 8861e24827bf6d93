//! From rows and effect plans to what pages show.

use app::restores::types::{
    AccessoryOf, EffectItem, EffectKind, EffectPlan, ItemResult, Request, RequestRow, RequestState, RestoreForm, Vote, Warning,
};
use app::units::{Moment, bytes, short_digest};
use engine::effect::{self, Effect};
use sqlx::PgConnection;

use super::policy;
use super::queries::{self, ItemRow, Row, VoteRow};
use crate::access::{Caller, Operation};
use crate::error::Error;
use crate::projects::queries::digest_text;
use crate::state::AppState;

/// Lines of a plan and of results shown on a page.
const LINES_MAX: usize = 200;

/// Reads a state.
pub fn state(text: &str) -> RequestState {
    serde_json::from_value(serde_json::Value::String(text.to_owned())).unwrap_or(RequestState::Failed)
}

/// The stored plan.
pub fn stored_plan(row: &Row) -> Result<effect::EffectPlan, Error> {
    serde_json::from_value(row.plan.clone()).map_err(|e| Error::defect(format!("stored effect plan of request {}: {e}", row.request_id)))
}

/// A plan as pages show it.
pub fn plan(plan: &effect::EffectPlan, planned_at: Moment) -> EffectPlan {
    let counts = plan.counts();
    let whole = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
    EffectPlan {
        hash: plan.hash().hex(),
        read_at: planned_at,
        sentence: sentence(plan),
        items: plan.items.iter().take(LINES_MAX).map(item).collect(),
        items_total: i64::try_from(plan.items.len()).unwrap_or(i64::MAX),
        creates: whole(counts.creates + counts.untagged + counts.accessories),
        moves: whole(counts.moves),
        skips: whole(counts.skips),
        blocked: whole(counts.blocked),
        bytes_to_send: whole(plan.estimate.bytes_to_send),
        bytes_present: whole(plan.estimate.bytes_present),
        creates_project: plan.creates_project,
        warnings: plan.warnings.iter().map(|w| Warning { code: w.code.clone(), text: w.text.clone() }).collect(),
    }
}

fn item(item: &effect::EffectItem) -> EffectItem {
    let (kind, detail) = match &item.effect {
        Effect::Create => (EffectKind::Create, String::new()),
        Effect::Move { keep_as: Some(tag) } => (EffectKind::Move, format!("today's image keeps the tag {tag}")),
        Effect::Move { keep_as: None } => (EffectKind::Move, String::new()),
        Effect::Skip { reason } => (EffectKind::Skip, reason.to_string()),
        Effect::Blocked { reason, remedy } => (EffectKind::Blocked, format!("{reason}; {remedy}")),
    };
    EffectItem {
        repository: item.repository.to_string(),
        reference: item.reference(),
        now: item.now.map(|d| d.to_string()),
        then: item.then.to_string(),
        effect: kind,
        detail,
        accessory: item.accessory.as_ref().map(|of| AccessoryOf { kind: of.kind.clone(), subject: of.subject.to_string() }),
    }
}

/// The effect in one sentence: what it does, in the words of the one tag if there is one.
pub fn sentence(plan: &effect::EffectPlan) -> String {
    let counts = plan.counts();
    let doing: Vec<&effect::EffectItem> = plan.items.iter().filter(|i| matches!(i.effect, Effect::Create | Effect::Move { .. })).collect();
    let project = &plan.target_project;
    match (doing.as_slice(), counts.creates, counts.moves) {
        ([], ..) if counts.blocked > 0 => format!("Cannot do anything in {project}: {} blocked", counts.blocked),
        ([], ..) => format!("Nothing to do in {project}"),
        ([one], 1, 0) => format!("Creates {} again", one.display()),
        ([one], ..) => format!("Moves {} back to {}", one.display(), short_digest(&one.then.to_string())),
        (_, creates, 0) => format!("Creates {creates} tags in {project}, nothing is overwritten"),
        (_, 0, moves) => format!("Moves {moves} tags in {project}"),
        (_, creates, moves) => format!("Creates {creates} and moves {moves} tags in {project}"),
    }
}

/// A row of a list.
pub fn row(row: &Row) -> Result<RequestRow, Error> {
    let stored = stored_plan(row)?;
    Ok(RequestRow {
        id: row.request_id,
        state: state(&row.state),
        sentence: sentence(&stored),
        harbor: row.harbor.clone(),
        project: row.target_project.clone(),
        requester: row.display_name.clone(),
        risk: i64::from(row.risk),
        votes: row.votes,
        votes_needed: i64::from(row.votes_needed),
        submitted: row.submitted_at.map(Moment),
        decide_before: row.decide_before.map(Moment),
        finished: row.finished_at.map(Moment),
        result: row.outcome_detail.clone().unwrap_or_default(),
    })
}

fn vote(vote: VoteRow) -> Vote {
    Vote {
        by: vote.display_name,
        approve: vote.approve,
        comment: vote.comment,
        plan_hash: hex::encode(vote.plan_hash),
        at: Moment(vote.voted_at),
        void: vote.void_reason,
    }
}

fn result(row: ItemRow) -> ItemResult {
    ItemResult {
        repository: row.repository,
        reference: row.reference,
        digest: digest_text(&row.digest),
        at: (row.outcome != "pending").then_some(Moment(row.changed_at)),
        outcome: row.outcome,
        code: row.code,
        detail: row.detail,
        previous: row.previous.map(|d| digest_text(&d)),
        bytes_sent: row.bytes_sent,
    }
}

/// The page of a request.
pub async fn request(app: &AppState, conn: &mut PgConnection, caller: &Caller, row: Row) -> Result<Request, Error> {
    let stored = stored_plan(&row)?;
    let form: RestoreForm = serde_json::from_value(row.form.clone()).map_err(|e| Error::defect(e.to_string()))?;
    let state = state(&row.state);
    let votes: Vec<VoteRow> = queries::votes(conn, row.request_id).await?;
    let voted = votes.iter().any(|v| v.account_id == caller.account_id && v.void_reason.is_none());
    let why_not = policy::why_not(caller, row.account_id, row.risk, row.harbor_id, &row.target_project)
        .or_else(|| voted.then(|| "you have voted already".to_owned()));
    let may = rights(caller, &row, state, why_not.is_none(), &stored);
    let (items_done, _, bytes_sent) = queries::item_counts(conn, row.request_id).await?;
    let limit = i64::try_from(LINES_MAX).unwrap_or(i64::MAX);
    let approvers = queries::approvers(conn, row.account_id, row.harbor_id, &row.target_project, row.risk).await?;
    let pull = pull_line(app, conn, &row, &stored, state).await?;
    Ok(Request {
        next: next_move(&row, state, &approvers),
        results: queries::items(conn, row.request_id, limit).await?.into_iter().map(result).collect(),
        audit: queries::audit_seqs(conn, row.request_id).await?,
        requester_history: queries::history(conn, row.account_id).await?,
        plan: plan(&stored, Moment(row.planned_at)),
        votes: votes.into_iter().map(vote).collect(),
        why_not_vote: why_not.filter(|_| matches!(state, RequestState::Waiting | RequestState::Reapproval)),
        id: row.request_id,
        state,
        version: row.version,
        requester: row.login,
        requester_name: row.display_name,
        form,
        risk: i64::from(row.risk),
        votes_needed: i64::from(row.votes_needed),
        rule: row.rule,
        approvers,
        category: row.category,
        reason: row.reason,
        ticket: row.ticket,
        submitted: row.submitted_at.map(Moment),
        decide_before: row.decide_before.map(Moment),
        started: row.started_at.map(Moment),
        finished: row.finished_at.map(Moment),
        job_id: row.job_id,
        items_done,
        bytes_sent,
        outcome_detail: row.outcome_detail,
        may,
        pull,
    })
}

fn rights(caller: &Caller, row: &Row, state: RequestState, may_vote: bool, plan: &effect::EffectPlan) -> Vec<String> {
    let own = caller.account_id == row.account_id;
    let scope = Some((row.harbor_id, row.target_project.as_str()));
    let open = matches!(state, RequestState::Waiting | RequestState::Reapproval);
    let active = matches!(state, RequestState::Queued | RequestState::Running);
    let ended = matches!(state, RequestState::Done | RequestState::Issues | RequestState::Failed);
    let asks = caller.may(Operation::RequestRestore, scope);
    let mut may = Vec::new();
    let mut add = |allowed: bool, what: &str| {
        if allowed {
            may.push(what.to_owned());
        }
    };
    add(open && may_vote, "vote");
    add(open && own, "withdraw");
    add(active && (own || caller.may(Operation::CancelRestore, scope)), "cancel");
    add(matches!(state, RequestState::Issues | RequestState::Failed | RequestState::Cancelled) && asks, "retry");
    add(ended && asks && plan.counts().moves > 0 && row.started_at.is_some(), "undo");
    may
}

fn next_move(row: &Row, state: RequestState, approvers: &[String]) -> String {
    let who = match approvers {
        [] => "an approver".to_owned(),
        [one] => one.clone(),
        [first, rest @ ..] => format!("{first} or {} more", rest.len()),
    };
    match state {
        RequestState::Draft => "Its author has to send it off.".to_owned(),
        RequestState::Waiting => format!("Waits for {who} to decide: {} of {} approvals.", row.votes, row.votes_needed),
        RequestState::Reapproval => {
            format!("Harbor changed since approval, so earlier approvals no longer count. Waits for {who} to decide again.")
        }
        RequestState::Queued => "Approved. A worker takes it up at once.".to_owned(),
        RequestState::Running => "Writes to Harbor and reads every image back.".to_owned(),
        RequestState::Done => "Done: everything was read back from Harbor.".to_owned(),
        RequestState::Issues => "Done in part. Look at the items that failed.".to_owned(),
        RequestState::Failed => "Nothing more happens by itself. Look at the reason and ask again.".to_owned(),
        RequestState::Cancelled => "Stopped. What was written before stays and is listed.".to_owned(),
        RequestState::Denied => "Refused. It can be asked for again with another reason or plan.".to_owned(),
        RequestState::Expired => "Nobody decided in time. It can be asked for again.".to_owned(),
        RequestState::Withdrawn => "Taken back by its author.".to_owned(),
    }
}

async fn pull_line(
    app: &AppState,
    conn: &mut PgConnection,
    row: &Row,
    plan: &effect::EffectPlan,
    state: RequestState,
) -> Result<Option<String>, Error> {
    let _ = app;
    if !matches!(state, RequestState::Done | RequestState::Issues) {
        return Ok(None);
    }
    let url: String = sqlx::query_scalar("select url from harbor where harbor_id = $1").bind(row.harbor_id).fetch_one(conn).await?;
    let host = url::Url::parse(&url).ok().and_then(|u| {
        let host = u.host_str()?.to_owned();
        Some(u.port().map_or(host.clone(), |port| format!("{host}:{port}")))
    });
    let first = plan.items.iter().find(|i| matches!(i.effect, Effect::Create | Effect::Move { .. }));
    Ok(host.zip(first).map(|(host, item)| format!("docker pull {host}/{}", item.display())))
}

/// One line about how a restore ended.
pub fn ended(done: i64, failed: i64, skipped: u64, sent: i64) -> String {
    let mut text = format!("{done} done, {} sent", bytes(sent));
    if skipped > 0 {
        text.push_str(&format!(", {skipped} left as they were"));
    }
    if failed > 0 {
        text.push_str(&format!(", {failed} failed"));
    }
    text
}
