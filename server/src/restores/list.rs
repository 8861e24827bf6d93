//! Looking at requests.

use app::error::ApiError;
use app::restores::types::{InboxFilter, Request, RequestFilter, RequestRow};
use app::units::Page;

use super::queries::{self, Row};
use super::rows::{self, Filter, PAGE_ROWS, Sight, Tab};
use super::{policy, view};
use crate::access::{Caller, Operation};
use crate::error::Error;
use crate::state::AppState;

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
    let states = states(filter.state.as_deref())?;
    let project = match filter.project.as_deref().map(str::trim).filter(|p| !p.is_empty()) {
        Some(project) => Some(project.split_once('/').ok_or_else(|| ApiError::field("project", "write harbor/project"))?),
        None => None,
    };
    let wanted = Filter { states: &states, mine: filter.mine, project, before: before(filter.after.as_deref())? };
    let mut conn = state.pool.acquire().await?;
    Ok(page(rows::list(&mut conn, &Sight::of(caller), &wanted).await?, None))
}

fn before(after: Option<&str>) -> Result<Option<i64>, ApiError> {
    after.map(|c| c.parse().map_err(|_| ApiError::field("after", "not a page of this list"))).transpose()
}

fn page(mut found: Vec<rows::ListRow>, total: Option<i64>) -> Page<RequestRow> {
    let page_rows = usize::try_from(PAGE_ROWS).unwrap_or(usize::MAX);
    let next = (found.len() > page_rows).then(|| found[page_rows - 1].request_id.to_string());
    found.truncate(page_rows);
    Page { items: found.into_iter().map(view::row).collect(), next, total }
}

/// A page of the inbox, and how many there are in all, up to [`rows::COUNT_MAX`].
pub async fn approvals(state: &AppState, caller: &Caller, filter: &InboxFilter) -> Result<Page<RequestRow>, Error> {
    let tab = match filter.tab.as_deref().unwrap_or("mine") {
        "" | "mine" => Tab::Mine,
        "team" => Tab::Team,
        "done" => Tab::Done,
        _ => return Err(ApiError::field("tab", "one of mine, team, done").into()),
    };
    let (sight, before) = (Sight::of(caller), before(filter.after.as_deref())?);
    let mut conn = state.pool.acquire().await?;
    let found = rows::inbox(&mut conn, &sight, tab, before).await?;
    let total = rows::count(&mut conn, &sight, tab).await?;
    Ok(page(found, Some(total)))
}

/// How many wait for the caller's vote, up to [`rows::COUNT_MAX`].
pub async fn waiting_for(state: &AppState, caller: &Caller) -> Result<i64, Error> {
    let sight = Sight::of(caller);
    if !sight.decides() {
        return Ok(0);
    }
    Ok(rows::count(&mut *state.pool.acquire().await?, &sight, Tab::Mine).await?)
}
