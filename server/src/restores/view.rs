//! From rows and effect plans to what pages show.

use app::restores::outcomes::{Deciders, NextMove, WhyNot};
use app::restores::types::{
    AccessoryOf, EffectItem, EffectKind, EffectPlan, ItemResult, LINES_PER_PAGE, LineFilter, PlanChange, PlanGap, Request, RequestRow,
    RequestState, RestoreForm, Vote,
};
use app::restores::words::{Effects, Ended};
use app::sentence::{Said, Sentence as _};
use app::text::Lang;
use app::units::Moment;
use engine::effect::{self, Effect};
use sqlx::PgConnection;

use super::facts::{Facts, VoteParts};
use super::queries::{self, ItemRow, Row};
use super::rows::ListRow;
use super::{lines, policy, told};
use crate::access::{Caller, Operation};
use crate::error::Error;
use crate::projects::gaps::GapSays;
use crate::projects::queries::digest_text;

/// Gaps shown with a plan; the page of the snapshot has all.
const GAPS_MAX: usize = 50;

/// Reads a state.
pub fn state(text: &str) -> RequestState {
    serde_json::from_value(serde_json::Value::String(text.to_owned())).unwrap_or(RequestState::Failed)
}

/// The stored plan.
pub fn stored_plan(row: &Row) -> Result<effect::EffectPlan, Error> {
    serde_json::from_value(row.plan.clone()).map_err(|e| Error::defect(format!("stored effect plan of request {}: {e}", row.request_id)))
}

/// The plan of a request or draft as pages show it, with its first page of lines.
pub fn plan(facts: &Facts) -> Result<EffectPlan, Error> {
    let (head, summary, effects) = (facts.head()?, facts.summary()?, facts.effects.0.clone());
    let whole = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
    Ok(EffectPlan {
        hash: hex::encode(&facts.row.plan_hash),
        read_at: Moment(facts.row.planned_at),
        sentence: effects.say(Lang::En),
        items: summary.lines.iter().map(item).collect(),
        items_total: summary.all,
        items_more: (summary.all > LINES_PER_PAGE).then(|| lines::address(&facts.row.name(), &LineFilter::default(), 2)),
        creates: effects.tags_created + effects.images_created + effects.accessories,
        moves: effects.tags_moved,
        mends: effects.images_mended,
        skips: effects.left,
        blocked: effects.blocked,
        bytes_to_send: whole(head.estimate.bytes_to_send),
        bytes_present: whole(head.estimate.bytes_present),
        bytes_unknown: whole(head.estimate.bytes_unknown),
        blobs_unknown: whole(head.estimate.blobs_unknown),
        creates_project: head.creates_project,
        gaps: head.gaps.iter().take(GAPS_MAX).map(gap).collect(),
        gaps_total: i64::try_from(head.gaps.len()).unwrap_or(i64::MAX),
        warnings: head.warnings.iter().map(told::warning).collect(),
        effects,
    })
}

fn gap(gap: &vault::tree::Gap) -> PlanGap {
    let values = gap.values.as_ref().and_then(|values| serde_json::to_value(values).ok());
    let says = GapSays::of(values.as_ref(), gap.cause.clone(), gap.consequence.clone(), gap.remedy.clone());
    PlanGap { subject: gap.subject.clone(), cause: says.cause, remedy: says.remedy.unwrap_or_else(|| Said::Then(String::new())) }
}

/// What a plan does, as a reader counts it.
pub fn effects(plan: &effect::EffectPlan) -> Effects {
    let counts = plan.counts();
    let whole = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
    let writing: Vec<&effect::EffectItem> = plan.items.iter().filter(|item| item.writes() && item.accessory.is_none()).collect();
    let only = match (writing.as_slice(), counts.accessories) {
        ([one], 0) => Some(*one),
        _ => None,
    };
    Effects {
        project: plan.target_project.to_string(),
        creates_project: plan.creates_project,
        tags_created: whole(counts.creates),
        images_created: whole(counts.untagged),
        tags_moved: whole(counts.moves),
        images_mended: whole(counts.mends),
        accessories: whole(counts.accessories),
        left: whole(counts.skips),
        blocked: whole(counts.blocked),
        only: only.map(effect::EffectItem::display),
        only_then: only.map(|item| item.then.to_string()),
    }
}

pub fn item(item: &effect::EffectItem) -> EffectItem {
    let kind = match &item.effect {
        Effect::Create => EffectKind::Create,
        Effect::Move { .. } => EffectKind::Move,
        Effect::Mend => EffectKind::Mend,
        Effect::Skip { .. } => EffectKind::Skip,
        Effect::Blocked { .. } => EffectKind::Blocked,
    };
    EffectItem {
        repository: item.repository.to_string(),
        reference: item.reference(),
        now: item.now.map(|d| d.to_string()),
        then: item.then.to_string(),
        effect: kind,
        detail: told::note(item),
        accessory: item.accessory.as_ref().map(|of| AccessoryOf { kind: of.kind.clone(), subject: of.subject.to_string() }),
    }
}

/// What came of a request at its end, by its lines. Nothing else says what is done.
pub async fn ended(conn: &mut PgConnection, request_id: i64, plan: &effect::EffectPlan) -> Result<Ended, Error> {
    let counts = queries::item_counts(conn, request_id).await?;
    let effects = effects(plan);
    // A try that ended before its first write has no items: every line is open.
    let writing = i64::try_from(plan.items.iter().filter(|item| item.writes()).count()).unwrap_or(i64::MAX);
    Ok(Ended {
        done: counts.done,
        failed: counts.failed,
        blocked: effects.blocked,
        open: writing - counts.done - counts.failed,
        left: effects.left,
        bytes_sent: counts.bytes_sent,
    })
}

/// The stored word of a state.
pub fn state_word(state: RequestState) -> String {
    serde_json::to_value(state).ok().and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
}

fn stored_ended(row: &Row) -> Option<Ended> {
    row.ended.clone().and_then(|value| serde_json::from_value(value).ok())
}

/// A row of a list.
pub fn row(row: ListRow) -> RequestRow {
    RequestRow {
        id: row.request_id,
        state: state(&row.state),
        sentence: row.effects.say(Lang::En),
        effects: row.effects.0,
        harbor: row.harbor,
        project: row.target_project,
        requester: row.display_name,
        risk: i64::from(row.risk),
        votes: row.votes,
        votes_needed: i64::from(row.votes_needed),
        submitted: row.submitted_at.map(Moment),
        decide_before: row.decide_before.map(Moment),
        finished: row.finished_at.map(Moment),
        result: row.outcome_detail.map(|outcome| outcome.0),
        ended: row.ended.map(|ended| ended.0),
    }
}

fn vote((_, by, approve, comment, plan_hash, at, void): VoteParts) -> Vote {
    Vote { by, approve, comment, plan_hash, at, void }
}

pub fn result(row: ItemRow) -> ItemResult {
    ItemResult {
        repository: row.repository,
        reference: row.reference,
        digest: digest_text(&row.digest),
        at: (row.outcome != "pending").then_some(Moment(row.changed_at)),
        outcome: row.outcome,
        code: row.code,
        detail: row.detail.map(|detail| detail.0),
        previous: row.previous.map(|d| digest_text(&d)),
        bytes_sent: row.bytes_sent,
    }
}

/// A request as its page shows it, with what changed; its results are in its lines.
pub fn request(caller: &Caller, facts: &Facts, change: Option<PlanChange>) -> Result<Request, Error> {
    let row = facts.row.clone();
    let form: RestoreForm = serde_json::from_value(row.form.clone()).map_err(|e| Error::defect(e.to_string()))?;
    let state = state(&row.state);
    let voted = facts.vote_rows.iter().any(|(account_id, .., void)| *account_id == caller.account_id && void.is_none());
    let mut why_not =
        policy::why_not(caller, row.account_id, row.risk, row.harbor_id, &row.target_project).or_else(|| voted.then_some(WhyNot::Voted));
    if why_not.is_none() && !facts.reader_votes {
        why_not = Some(WhyNot::NotYet);
    }
    let may = rights(caller, &row, state, why_not.is_none(), facts.effects.tags_moved > 0);
    let older_form = state == RequestState::Reapproval
        && facts.was_replaced
        && facts.replaced_version.as_deref() != Some(effect::EFFECT_VERSION.to_string().as_str());
    let approvers = facts.approvers.clone();
    Ok(Request {
        next: next_move(&row, state, &approvers, older_form).into(),
        pull: pull_line(facts, state)?,
        results: Vec::new(),
        audit: facts.audit.clone(),
        requester_history: (facts.asked, facts.went_well),
        results_total: facts.items,
        ended: stored_ended(&row),
        change,
        plan: plan(facts)?,
        votes: facts.vote_rows.0.iter().cloned().map(vote).collect(),
        why_not_vote: why_not.filter(|_| matches!(state, RequestState::Waiting | RequestState::Reapproval)).map(Into::into),
        id: row.request_id,
        state,
        version: row.version,
        requester: row.login,
        requester_name: row.display_name,
        form,
        risk: i64::from(row.risk),
        votes_needed: i64::from(row.votes_needed),
        rule: row.rule.0,
        approvers,
        category: row.category,
        reason: row.reason,
        ticket: row.ticket,
        submitted: row.submitted_at.map(Moment),
        decide_before: row.decide_before.map(Moment),
        started: row.started_at.map(Moment),
        finished: row.finished_at.map(Moment),
        job_id: row.job_id,
        items_done: facts.items_done,
        bytes_sent: facts.bytes_sent,
        outcome_detail: row.outcome_detail.map(|outcome| outcome.0),
        may,
    })
}

fn rights(caller: &Caller, row: &Row, state: RequestState, may_vote: bool, moves: bool) -> Vec<String> {
    let own = caller.account_id == row.account_id;
    let scope = Some((row.harbor_id, row.target_project.as_str()));
    let open = matches!(state, RequestState::Waiting | RequestState::Reapproval);
    let active = matches!(state, RequestState::Queued | RequestState::Running);
    let ended = matches!(state, RequestState::Done | RequestState::Issues | RequestState::Failed);
    let asks = caller.may(Operation::RequestRestore, scope);
    let asks_again = asks && caller.may(Operation::RequestRestore, Some((row.harbor_id, &row.project)));
    let again = matches!(
        state,
        RequestState::Issues | RequestState::Failed | RequestState::Cancelled | RequestState::Denied | RequestState::Expired
    );
    let mut may = Vec::new();
    let mut add = |allowed: bool, what: &str| {
        if allowed {
            may.push(what.to_owned());
        }
    };
    add(open && may_vote, "vote");
    add(open && own, "withdraw");
    add(active && (own && asks || caller.may(Operation::CancelRestore, scope)), "cancel");
    add(again && asks_again, "retry");
    add(ended && asks && moves && row.started_at.is_some(), "undo");
    may
}

fn next_move(row: &Row, state: RequestState, approvers: &[String], older_form: bool) -> NextMove {
    let who = || match approvers {
        [] => Deciders::Anybody,
        [one] => Deciders::One { name: one.clone() },
        [first, rest @ ..] => Deciders::Several { name: first.clone(), others: i64::try_from(rest.len()).unwrap_or(i64::MAX) },
    };
    match state {
        RequestState::Draft => NextMove::SendOff,
        RequestState::Waiting => NextMove::Decide { who: who(), votes: row.votes, needed: i64::from(row.votes_needed) },
        RequestState::Reapproval if older_form => NextMove::DecideOlderForm { who: who() },
        RequestState::Reapproval => NextMove::DecideAgain { who: who() },
        RequestState::Queued => NextMove::Queued,
        RequestState::Running => NextMove::Running,
        RequestState::Done => NextMove::Done,
        RequestState::Issues => NextMove::Issues,
        RequestState::Failed => NextMove::Failed,
        RequestState::Cancelled => NextMove::Cancelled,
        RequestState::Denied => NextMove::Denied,
        RequestState::Expired => NextMove::Expired,
        RequestState::Withdrawn => NextMove::Withdrawn,
    }
}

/// How one of the restored images is pulled.
fn pull_line(facts: &Facts, state: RequestState) -> Result<Option<String>, Error> {
    if !matches!(state, RequestState::Done | RequestState::Issues) {
        return Ok(None);
    }
    let host = url::Url::parse(&facts.url).ok().and_then(|u| {
        let host = u.host_str()?.to_owned();
        Some(u.port().map_or(host.clone(), |port| format!("{host}:{port}")))
    });
    Ok(host.zip(facts.summary()?.first).map(|(host, item)| format!("docker pull {host}/{}", item.display())))
}
