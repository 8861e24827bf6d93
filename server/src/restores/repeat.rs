//! Asking again: for what is not done, or for all of what was refused or ran out of time. The reason goes along.

use std::collections::HashSet;

use app::error::{ApiError, ErrorKind};
use app::restores::types::{Draft, RestoreForm};

use super::{draft, queries, view};
use crate::access::{Caller, Operation};
use crate::error::Error;
use crate::state::AppState;

/// Items looked at.
const ITEMS_MAX: i64 = 10_000;

async fn ended(state: &AppState, caller: &Caller, request_id: i64) -> Result<(queries::Row, RestoreForm, Vec<queries::ItemRow>), Error> {
    let mut conn = state.pool.acquire().await?;
    let absent = || ApiError::not_found(app::refusals::Thing::Request);
    let row = queries::one(&mut conn, request_id).await?.filter(|row| super::list::sees(caller, row)).ok_or_else(absent)?;
    caller.require(Operation::RequestRestore, Some((row.harbor_id, &row.target_project)))?;
    let form: RestoreForm = serde_json::from_value(row.form.clone()).map_err(|e| Error::defect(e.to_string()))?;
    let items = queries::items(&mut conn, request_id, ITEMS_MAX).await?;
    Ok((row, form, items))
}

/// A draft with the lines that are not done, or all of them where nothing was begun.
pub async fn retry(state: &AppState, caller: &Caller, request_id: i64) -> Result<Draft, Error> {
    let (row, form, items) = ended(state, caller, request_id).await?;
    let whole = match row.state.as_str() {
        "denied" | "expired" => true,
        "issues" | "failed" | "cancelled" => form.undo_of.is_some(),
        _ => return Err(ApiError::new(ErrorKind::Conflict, "nothing_failed", app::restores::refusals::Refusal::NothingFailed).into()),
    };
    let items = if whole { form.items.clone() } else { open_lines(&row, &items)? };
    let draft = draft::preview(state, caller, RestoreForm { draft_id: None, items, ..form }).await?;
    let mut conn = state.pool.acquire().await?;
    queries::keep_reason(&mut conn, &draft.id, &row.category, &row.reason, &row.ticket).await?;
    Ok(Draft { category: row.category, reason: row.reason, ticket: row.ticket, ..draft })
}

/// Lines of a form for what is not done.
fn open_lines(row: &queries::Row, items: &[queries::ItemRow]) -> Result<String, Error> {
    let plan = view::stored_plan(row)?;
    let open: HashSet<i32> = items.iter().filter(|i| !matches!(i.outcome.as_str(), "done" | "skipped")).map(|i| i.seq).collect();
    let lines: Vec<String> = (0..)
        .zip(&plan.items)
        .filter(|(seq, item)| {
            let blocked = matches!(item.effect, engine::effect::Effect::Blocked { .. });
            items.is_empty() || blocked || open.contains(seq)
        })
        .map(|(_, item)| source_line(item))
        .collect();
    Ok(lines.join("\n"))
}

/// The line of a form that names an item of a plan.
fn source_line(item: &engine::effect::EffectItem) -> String {
    match &item.source_tag {
        Some(tag) => format!("{}:{tag}", item.source_repository),
        None => format!("{}@{}", item.source_repository, item.then),
    }
}
