//! Looking at requests.

use app::error::ApiError;
use app::restores::types::{Request, RequestFilter, RequestRow};
use app::units::Page;

use super::queries::{self, Filter, Row};
use super::{policy, view};
use crate::access::{Caller, Operation};
use crate::error::Error;
use crate::state::AppState;

/// Requests shown in an inbox.
const INBOX_MAX: i64 = 200;

/// Whether the caller may look at a request.
pub(super) fn sees(caller: &Caller, row: &Row) -> bool {
    row.state != "draft"
        && (row.account_id == caller.account_id && caller.reaches(row.harbor_id, &row.target_project)
            || caller.may(Operation::ReadProject, Some((row.harbor_id, &row.target_project)))
            || row.risk >= policy::SECADMIN_FROM_RISK && caller.has(app::accounts::types::Duty::Secadmin))
}

/// One request.
pub async fn get(state: &AppState, caller: &Caller, request_id: i64) -> Result<Request, Error> {
    let mut conn = state.pool.acquire().await?;
    let row = queries::one(&mut conn, request_id).await?.filter(|row| sees(caller, row)).ok_or_else(|| ApiError::not_found("request"))?;
    view::request(state, &mut conn, caller, row).await
}

fn states(filter: Option<&str>) -> Result<Vec<&str>, ApiError> {
    Ok(match filter.unwrap_or("all") {
        "" | "all" => Vec::new(),
        "open" => vec!["waiting", "reapproval", "queued", "running"],
        "ended" => vec!["done", "issues", "failed", "cancelled", "denied", "expired", "withdrawn"],
        one if [
            "waiting",
            "reapproval",
            "queued",
            "running",
            "done",
            "issues",
            "failed",
            "cancelled",
            "denied",
            "expired",
            "withdrawn",
        ]
        .contains(&one) =>
        {
            vec![one]
        }
        _ => return Err(ApiError::field("state", "one of all, open, ended, or the name of a state")),
    })
}

/// Requests the caller may see, newest first.
pub async fn list(state: &AppState, caller: &Caller, filter: RequestFilter) -> Result<Page<RequestRow>, Error> {
    let wanted = states(filter.state.as_deref())?;
    let project = filter.project.as_deref().and_then(|p| p.split_once('/'));
    let mut before =
        filter.after.as_deref().map(|c| c.parse().map_err(|_| ApiError::field("after", "not a page of this list"))).transpose()?;
    let author = filter.mine.then_some(caller.account_id);
    let page_rows = usize::try_from(queries::PAGE_ROWS).unwrap_or(usize::MAX);
    let mut conn = state.pool.acquire().await?;
    let mut items = Vec::new();
    // Rows the caller may not see are skipped here, so a page is filled from several reads; bounded by the table's end.
    loop {
        let rows = queries::list(&mut conn, &Filter { states: &wanted, author, project, before, limit: queries::PAGE_ROWS + 1 }).await?;
        let more = rows.len() > page_rows;
        for row in rows.iter().take(page_rows) {
            before = Some(row.request_id);
            if sees(caller, row) {
                items.push(view::row(row)?);
            }
            if items.len() == page_rows {
                break;
            }
        }
        if !more || items.len() == page_rows {
            let next = (more || items.len() == page_rows).then(|| before.map(|b| b.to_string())).flatten();
            return Ok(Page { items, next, total: None });
        }
    }
}

/// The inbox.
pub async fn approvals(state: &AppState, caller: &Caller, tab: &str) -> Result<Vec<RequestRow>, Error> {
    let mut conn = state.pool.acquire().await?;
    let voted = queries::voted_on(&mut conn, caller.account_id).await?;
    let open: &[&str] = &["waiting", "reapproval"];
    let rows = match tab {
        "done" => queries::list(&mut conn, &Filter { states: &[], author: None, project: None, before: None, limit: INBOX_MAX }).await?,
        _ => queries::list(&mut conn, &Filter { states: open, author: None, project: None, before: None, limit: INBOX_MAX }).await?,
    };
    let mine = |row: &Row| {
        policy::why_not(caller, row.account_id, row.risk, row.harbor_id, &row.target_project).is_none() && !voted.contains(&row.request_id)
    };
    rows.iter()
        .filter(|row| match tab {
            "done" => voted.contains(&row.request_id) && sees(caller, row),
            "team" => sees(caller, row) && !mine(row),
            _ => mine(row),
        })
        .map(view::row)
        .collect()
}

/// How many wait for the caller's vote.
pub async fn waiting_for(state: &AppState, caller: &Caller) -> Result<i64, Error> {
    if caller.roles.is_empty() && !caller.has(app::accounts::types::Duty::Secadmin) {
        return Ok(0);
    }
    Ok(i64::try_from(approvals(state, caller, "mine").await?.len()).unwrap_or(i64::MAX))
}
