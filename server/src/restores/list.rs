//! Looking at requests.

use app::error::ApiError;
use app::restores::types::{InboxFilter, LINES_PER_PAGE, LineFilter, Request, RequestFilter, RequestPage, RequestRow};
use app::units::Page;
use sqlx::PgConnection;

use super::facts::{self, Facts, Which};
use super::queries::{self, Row};
use super::rows::{self, Filter, PAGE_ROWS, Sight, Tab};
use super::{change, lines, policy, view};
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
    let facts = seen(&mut conn, caller, request_id).await?;
    let results = if facts.items > 0 { queries::items(&mut conn, request_id, LINES_PER_PAGE).await? } else { Vec::new() };
    let change = if facts.was_replaced { change::of(&mut conn, request_id, 1).await? } else { None };
    let request = view::request(caller, &facts, change)?;
    Ok(Request { results: results.into_iter().map(view::result).collect(), ..request })
}

async fn seen(conn: &mut PgConnection, caller: &Caller, request_id: i64) -> Result<Facts, Error> {
    let facts = facts::facts(conn, caller, Which::Number(request_id)).await?.filter(|facts| sees(caller, &facts.row));
    facts.ok_or_else(|| ApiError::not_found(app::refusals::Thing::Request).into())
}

/// One request with a page of its lines, which have the results, and a page of what changed.
pub async fn page(state: &AppState, caller: &Caller, request_id: i64, filter: LineFilter, changes: i64) -> Result<RequestPage, Error> {
    let mut conn = state.pool.acquire().await?;
    let facts = seen(&mut conn, caller, request_id).await?;
    let change = if facts.was_replaced { change::of(&mut conn, request_id, changes).await? } else { None };
    Ok(RequestPage { lines: lines::of_facts(&mut conn, &facts, filter).await?, request: view::request(caller, &facts, change)? })
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
        _ => {
            return Err(ApiError::field(
                "state",
                app::refusals::General::OneOf { words: ["all", "open", "ended"].map(str::to_owned).to_vec() },
            ));
        }
    })
}

/// Requests the caller may see, newest first.
pub async fn list(state: &AppState, caller: &Caller, filter: RequestFilter) -> Result<Page<RequestRow>, Error> {
    let states = states(filter.state.as_deref())?;
    let project = match filter.project.as_deref().map(str::trim).filter(|p| !p.is_empty()) {
        Some(project) => {
            Some(project.split_once('/').ok_or_else(|| ApiError::field("project", app::restores::refusals::Refusal::WriteHarborProject))?)
        }
        None => None,
    };
    let wanted = Filter { states: &states, mine: filter.mine, project, before: before(filter.after.as_deref())? };
    let mut conn = state.pool.acquire().await?;
    Ok(a_page(rows::list(&mut conn, &Sight::of(caller), &wanted).await?, None))
}

fn before(after: Option<&str>) -> Result<Option<i64>, ApiError> {
    after.map(|c| c.parse().map_err(|_| ApiError::field("after", app::refusals::General::NoPage))).transpose()
}

fn a_page(mut found: Vec<rows::ListRow>, total: Option<i64>) -> Page<RequestRow> {
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
        _ => {
            return Err(ApiError::field(
                "tab",
                app::refusals::General::OneOf { words: ["mine", "team", "done"].map(str::to_owned).to_vec() },
            )
            .into());
        }
    };
    let (sight, before) = (Sight::of(caller), before(filter.after.as_deref())?);
    let mut conn = state.pool.acquire().await?;
    let found = rows::inbox(&mut conn, &sight, tab, before).await?;
    let total = rows::count(&mut conn, &sight, tab).await?;
    Ok(a_page(found, Some(total)))
}

/// What the home page shows: the newest requests, and the newest that wait for the caller's vote.
pub async fn newest(conn: &mut PgConnection, caller: &Caller, newest: i64) -> Result<(Vec<RequestRow>, Vec<RequestRow>), Error> {
    let (newest, waiting) = rows::newest(conn, &Sight::of(caller), newest, PAGE_ROWS).await?;
    let shown = |rows: Vec<rows::ListRow>| rows.into_iter().map(view::row).collect();
    Ok((shown(newest), shown(waiting)))
}
