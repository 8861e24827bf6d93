//! Runs a plan: the project first, then its lines, a few at a time.

use futures::{StreamExt, stream};
use registry::RegistryError;

use super::state::State;
use super::{LINES_AT_ONCE, RestoreContext, RestoreError};
use crate::control::{Event, Gate, ItemOutcome, Stop};
use crate::effect::{EFFECT_VERSION, EffectPlan};
use crate::hold::Held;
use crate::report::{ItemResult, Outcome, Report};
use crate::source;

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
    let mut lines = stream::iter(0..plan.items.len()).map(|place| line(&state, place)).buffer_unordered(LINES_AT_ONCE);
    while let Some(result) = lines.next().await {
        report.items.push(result);
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

async fn line(state: &State<'_>, place: usize) -> ItemResult {
    let result = state.line(place).await;
    let outcome = match &result.outcome {
        Outcome::Done => ItemOutcome::Done,
        Outcome::Skipped { .. } => ItemOutcome::Skipped,
        Outcome::Failed { .. } | Outcome::Stopped => ItemOutcome::Failed,
    };
    if result.outcome != Outcome::Stopped
        && let Err(stop) = state.gate.item_done(&result).await
    {
        remember(state, stop);
    }
    if state.plan.items[place].writes() {
        state.cx.progress.event(Event::Item { name: state.plan.items[place].display(), outcome });
    }
    result
}

fn remember(state: &State<'_>, stop: Stop) {
    let trouble = state.stopped(stop);
    state.note(&trouble);
}
