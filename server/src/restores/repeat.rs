//! Asking again: for what failed, or for what was there before.

use app::error::{ApiError, ErrorKind};
use app::restores::types::{Draft, RestoreForm};
use app::units::Moment;

use super::{draft, queries, view};
use crate::access::{Caller, Operation};
use crate::error::Error;
use crate::state::AppState;

/// Items looked at.
const ITEMS_MAX: i64 = 10_000;

async fn ended(state: &AppState, caller: &Caller, request_id: i64) -> Result<(queries::Row, RestoreForm, Vec<queries::ItemRow>), Error> {
    let mut conn = state.pool.acquire().await?;
    let absent = || ApiError::not_found("request");
    let row = queries::one(&mut conn, request_id).await?.filter(|row| super::list::sees(caller, row)).ok_or_else(absent)?;
    caller.require(Operation::RequestRestore, Some((row.harbor_id, &row.target_project)))?;
    let form: RestoreForm = serde_json::from_value(row.form.clone()).map_err(|e| Error::defect(e.to_string()))?;
    let items = queries::items(&mut conn, request_id, ITEMS_MAX).await?;
    Ok((row, form, items))
}

/// A draft with the lines that are not done.
pub async fn retry(state: &AppState, caller: &Caller, request_id: i64) -> Result<Draft, Error> {
    let (row, form, items) = ended(state, caller, request_id).await?;
    if !matches!(row.state.as_str(), "issues" | "failed" | "cancelled") {
        return Err(ApiError::new(ErrorKind::Conflict, "nothing_failed", "nothing of this request failed").into());
    }
    let plan = view::stored_plan(&row)?;
    let open: std::collections::HashSet<(&str, &str)> = items
        .iter()
        .filter(|i| !matches!(i.outcome.as_str(), "done" | "skipped"))
        .map(|i| (i.repository.as_str(), i.reference.as_str()))
        .collect();
    let lines: Vec<String> = plan
        .items
        .iter()
        .filter(|i| items.is_empty() || open.contains(&(i.repository.as_str(), i.reference().as_str())))
        .map(source_line)
        .collect();
    draft::preview(state, caller, RestoreForm { draft_id: None, items: lines.join("\n"), ..form }).await
}

/// A draft that moves tags back to what they pointed to before the restore, from the last snapshot before it.
///
/// Tags the restore created stay: removing them is for Harbor's own users.
pub async fn undo(state: &AppState, caller: &Caller, request_id: i64) -> Result<Draft, Error> {
    let (row, form, items) = ended(state, caller, request_id).await?;
    let started = row.started_at.ok_or_else(|| ApiError::new(ErrorKind::Conflict, "nothing_written", "this restore wrote nothing"))?;
    let moved: Vec<String> =
        items.iter().filter(|i| i.outcome == "done" && i.previous.is_some()).map(|i| format!("{}:{}", i.repository, i.reference)).collect();
    if moved.is_empty() {
        return Err(ApiError::new(
            ErrorKind::Conflict,
            "nothing_moved",
            "this restore moved no tag; what it created can be deleted in Harbor",
        )
        .into());
    }
    let undo = RestoreForm {
        draft_id: None,
        harbor: form.harbor,
        project: row.target_project.clone(),
        at: Moment(started).url(),
        items: moved.join("\n"),
        target_project: String::new(),
        on_conflict: "move".to_owned(),
        without_accessories: false,
    };
    draft::preview(state, caller, undo).await
}

/// The line of a form that names an item of a plan.
fn source_line(item: &engine::effect::EffectItem) -> String {
    match &item.source_tag {
        Some(tag) => format!("{}:{tag}", item.source_repository),
        None => format!("{}@{}", item.source_repository, item.then),
    }
}
