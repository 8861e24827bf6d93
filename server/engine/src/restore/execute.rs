//! Runs a plan: the project first, then its lines, repositories side by side and each in the plan's order.

use std::sync::Arc;

use futures::{StreamExt, stream};
use registry::RegistryError;
use vocab::RepositoryName;

use super::group::{Group, Order, Worked, groups};
use super::order::Turnstile;
use super::state::{State, Trouble};
use super::{Fault, LINES_AT_ONCE, RestoreContext, RestoreError};
use crate::control::{Event, Gate, ItemOutcome};
use crate::effect::{EFFECT_VERSION, EffectPlan};
use crate::hold::Held;
use crate::planned::{Shown, Verdict};
use crate::report::{ItemResult, Outcome, Report};
use crate::source;
use crate::stop::Stop;

/// Images of one repository under way at a time. One of them at a time is put, and one tagged.
const IMAGES_AT_ONCE: usize = 8;
/// Images of one repository after which the target is first asked for them; after the next it is twice as many, and so on.
const FIRST_STRETCH: usize = 50;
/// Lines asked for at a time; the client bounds calls further.
const PROOFS_AT_ONCE: usize = 8;

/// Does what the plan says. An error means that nothing was written; everything else, a stop too, is in the report.
pub async fn execute(cx: &RestoreContext, plan: &EffectPlan, gate: &dyn Gate) -> Result<Report, RestoreError> {
    if plan.version != EFFECT_VERSION {
        return Err(RestoreError::Version { found: plan.version, expected: EFFECT_VERSION });
    }
    let requests_before = cx.client.counters().requests;
    cx.vault.check().await?;
    cx.client.prove_login().await?;
    // Before the first look at the vault: what the plan needs stays until the end, whatever retention decides meanwhile.
    let held = Held::to_read(&cx.vault, &format!("restore to {}", plan.target_project)).await?;
    let mut outcome = run(cx, plan, gate).await;
    if let Ok(report) = &mut outcome {
        report.requests = cx.client.counters().requests.saturating_sub(requests_before);
    }
    if let Some(held) = held {
        held.release().await;
    }
    outcome
}

async fn run(cx: &RestoreContext, plan: &EffectPlan, gate: &dyn Gate) -> Result<Report, RestoreError> {
    let state = State::new(cx, plan, gate);
    let mut report = Report::default();
    if plan.writes() {
        cx.progress.event(Event::Phase("preparing"));
        report.created_project = prepare(&state).await?;
    }
    cx.progress.event(Event::Phase("restoring"));
    let items = plan.items.iter().filter(|item| item.writes()).count() as u64;
    cx.progress.event(Event::Total { items, bytes: plan.estimate.bytes_to_send });
    let repositories = groups(&plan.items);
    let each: Vec<_> = repositories.iter().map(|(name, groups)| repository(&state, name, groups)).collect();
    let mut lines = stream::iter(each).buffer_unordered(LINES_AT_ONCE);
    while let Some(results) = lines.next().await {
        report.items.extend(results);
    }
    drop(lines);
    report.items.sort_by_key(|result| result.item);
    state.fill(&mut report);
    Ok(report)
}

/// Makes the project if the plan says so and nobody did. Answers whether this run made it.
async fn prepare(state: &State<'_>) -> Result<bool, RestoreError> {
    let (client, plan) = (&state.cx.client, state.plan);
    let name = &plan.target_project;
    if source::project(client, name).await?.is_some() {
        return Ok(false);
    }
    if !plan.creates_project {
        return Err(RestoreError::NoProject { project: name.clone() });
    }
    // The lines find a stop and report it, each.
    if state.may_write(&format!("create project {name}")).await.is_err() {
        return Ok(false);
    }
    match client.create_project(name, plan.project_public).await {
        Ok(()) => Ok(true),
        Err(RegistryError::Conflict { .. }) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// The lines of one repository: oldest push first. After each stretch of them the target is asked whether they are as planned.
async fn repository(state: &State<'_>, name: &RepositoryName, groups: &[Group]) -> Vec<ItemResult> {
    let mut results = Vec::new();
    let (mut rest, mut stretch) = (groups, FIRST_STRETCH);
    while !rest.is_empty() {
        let (now, later) = rest.split_at(stretch.min(rest.len()));
        let order = Order { manifests: Turnstile::new(), tags: Turnstile::new() };
        let order = &order;
        let each: Vec<_> = now.iter().enumerate().map(|(turn, group)| state.group(group, order, turn)).collect();
        let worked: Vec<Vec<Worked>> = stream::iter(each).buffered(IMAGES_AT_ONCE).collect().await;
        results.extend(prove(state, name, worked.into_iter().flatten().collect()).await);
        // Looking at a repository costs what is in it: the more that is, the longer the stretch between two looks.
        (rest, stretch) = (later, stretch.saturating_mul(2));
    }
    results
}

/// Asks the target for what was written, and says how each line ended.
async fn prove(state: &State<'_>, name: &RepositoryName, lines: Vec<Worked>) -> Vec<ItemResult> {
    let written = lines.iter().filter(|line| line.written).count();
    let shown = if written > 0 { state.witness.look(name, written).await.map_err(Trouble::from) } else { Ok(Shown::nothing(name)) };
    let shown = match shown {
        Ok(shown) => shown,
        // Each line asks for itself, and says so if it gets no answer.
        Err(_) => Shown::nothing(name),
    };
    let shown = &shown;
    let proved = stream::iter(lines).map(|line| async move {
        let result = if line.written { proved(state, line.result, shown).await } else { line.result };
        told(state, result).await
    });
    proved.buffered(PROOFS_AT_ONCE).collect().await
}

async fn proved(state: &State<'_>, mut result: ItemResult, shown: &Shown<'_>) -> ItemResult {
    result.outcome = match verdict(state, &mut result, shown).await {
        Ok(Verdict::AsPlanned(proof)) => Outcome::Done { proof },
        Ok(Verdict::Deviates(deviations)) => Outcome::failed(Arc::new(Fault::NotAsPlanned { deviations })),
        Err(trouble) => {
            let trouble = state.judged(trouble).await;
            state.note(&trouble);
            trouble.outcome()
        }
    };
    result
}

/// Whether a line is as planned, once what the target turned out to lack was sent.
async fn verdict(state: &State<'_>, result: &mut ItemResult, shown: &Shown<'_>) -> Result<Verdict, Trouble> {
    let item = &state.plan.items[result.item];
    let first = state.witness.as_planned(item, shown).await?;
    let Verdict::Deviates(deviations) = &first else { return Ok(first) };
    let sent = state.send_again(&item.repository, deviations).await?;
    if sent == 0 {
        return Ok(first);
    }
    result.bytes_sent += sent;
    Ok(state.witness.as_planned(item, shown).await?.after_sending())
}

/// Tells the gate and whoever listens how a line ended.
async fn told(state: &State<'_>, result: ItemResult) -> ItemResult {
    let outcome = match &result.outcome {
        Outcome::Done { .. } => ItemOutcome::Done,
        Outcome::Same | Outcome::Left { .. } | Outcome::Blocked { .. } => ItemOutcome::Skipped,
        Outcome::Failed { .. } | Outcome::Stopped => ItemOutcome::Failed,
    };
    if !result.outcome.is_stopped()
        && let Err(stop) = state.gate.item_done(&result).await
    {
        remember(state, stop);
    }
    if state.plan.items[result.item].writes() {
        state.cx.progress.event(Event::Item { name: state.plan.items[result.item].display(), outcome });
    }
    result
}

fn remember(state: &State<'_>, stop: Stop) {
    let trouble = state.stopped(stop);
    state.note(&trouble);
}
