//! Requests, their lines, votes, and what follows a restore.

use app::ports::Cx;
use app::restores::types::{
    CastVote, Draft, InboxFilter, Line as RestoreLine, LineFilter, Lines, PlanChange, Request, RequestFilter, RequestRow, RestoreForm,
    Submit,
};
use app::units::Page;
use axum::extract::State;
use axum::http::header;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::super::Web;
use super::super::rules::{Line, Rule};
use super::{Answer, Body, Path, Query, Refusal};

/// The gate, line by line.
pub const LINES: &[Line] = &[
    ("POST", "/api/v1/restores/preview", Rule::SignedIn),
    ("GET", "/api/v1/restores/drafts/{id}", Rule::SignedIn),
    ("POST", "/api/v1/restores", Rule::SignedIn),
    ("GET", "/api/v1/restores", Rule::SignedIn),
    ("GET", "/api/v1/restores/{id}", Rule::SignedIn),
    ("GET", "/api/v1/restores/{id}/lines", Rule::SignedIn),
    ("GET", "/api/v1/restores/{id}/lines.csv", Rule::SignedIn),
    ("GET", "/api/v1/restores/{id}/lines.json", Rule::SignedIn),
    ("GET", "/api/v1/restores/{id}/change", Rule::SignedIn),
    ("POST", "/api/v1/restores/{id}/votes", Rule::People),
    ("POST", "/api/v1/restores/{id}/withdraw", Rule::SignedIn),
    ("POST", "/api/v1/restores/{id}/cancel", Rule::SignedIn),
    ("POST", "/api/v1/restores/{id}/retry", Rule::SignedIn),
    ("POST", "/api/v1/restores/{id}/undo", Rule::SignedIn),
    ("GET", "/api/v1/approvals", Rule::SignedIn),
];

/// The calls.
pub fn routes(router: OpenApiRouter<Web>) -> OpenApiRouter<Web> {
    router
        .routes(routes!(preview_restore))
        .routes(routes!(get_draft))
        .routes(routes!(submit_restore, list_requests))
        .routes(routes!(get_request))
        .routes(routes!(list_lines))
        .routes(routes!(lines_csv))
        .routes(routes!(lines_json))
        .routes(routes!(get_change))
        .routes(routes!(cast_vote))
        .routes(routes!(withdraw_request))
        .routes(routes!(cancel_request))
        .routes(routes!(retry_request))
        .routes(routes!(undo_request))
        .routes(routes!(list_approvals))
}

/// A page by its number.
#[derive(Deserialize, IntoParams)]
struct Numbered {
    /// From 1.
    page: Option<i64>,
}

endpoint!(/// Stores a draft and makes its effect plan against the live harbor.
    post "/api/v1/restores/preview" "restores" preview_restore(cx, b, Body(form): Body<RestoreForm>) Draft => b.preview_restore(cx, form).await?);
endpoint!(/// A draft.
    get "/api/v1/restores/drafts/{id}" "restores" get_draft(cx, b, Path(id): Path<String>) Draft => b.get_draft(cx, id).await?);
endpoint!(/// Sends a draft off.
    post "/api/v1/restores" "restores" submit_restore(cx, b, Body(form): Body<Submit>) Request => b.submit_restore(cx, form).await?);
endpoint!(/// Requests, newest first.
    get "/api/v1/restores" "restores" list_requests(cx, b, Query(filter): Query<RequestFilter>) Page<RequestRow> => b.list_requests(cx, filter).await?);
endpoint!(/// One request.
    get "/api/v1/restores/{id}" "restores" get_request(cx, b, Path(id): Path<i64>) Request => b.get_request(cx, id).await?);
endpoint!(/// Every line of a request, by its number, or of a draft of one's own, by its name, a page at a time, with what came of it.
    get "/api/v1/restores/{id}/lines" "restores" list_lines(cx, b, Path(id): Path<String>, Query(filter): Query<LineFilter>) Lines => b.list_lines(cx, id, filter).await?);
endpoint!(/// What differs from the plan that was voted on, or looked at, before Harbor changed; null where nothing does.
    get "/api/v1/restores/{id}/change" "restores" get_change(cx, b, Path(id): Path<String>, Query(page): Query<Numbered>) Option<PlanChange> => b.get_change(cx, id, page.page.unwrap_or(1)).await?);
/// All lines that match, as CSV.
#[utoipa::path(get, path = "/api/v1/restores/{id}/lines.csv", tag = "restores", params(LineFilter), responses((status = 200, content_type = "text/csv", body = String), (status = "default", body = app::error::ApiError)))]
async fn lines_csv(
    State(web): State<Web>,
    parts: Parts,
    Path(id): Path<String>,
    Query(filter): Query<LineFilter>,
) -> Result<Response, Refusal> {
    let lines = web.backend.all_lines(&Cx { parts }, id.clone(), filter).await?;
    Ok(file(&file_name(&id, "csv"), "text/csv; charset=utf-8", crate::restores::csv(&lines)))
}
/// All lines that match, as one JSON file.
#[utoipa::path(get, path = "/api/v1/restores/{id}/lines.json", tag = "restores", params(LineFilter), responses((status = 200, body = Vec<RestoreLine>), (status = "default", body = app::error::ApiError)))]
async fn lines_json(
    State(web): State<Web>,
    parts: Parts,
    Path(id): Path<String>,
    Query(filter): Query<LineFilter>,
) -> Result<Response, Refusal> {
    let lines = web.backend.all_lines(&Cx { parts }, id.clone(), filter).await?;
    let text = crate::restores::json(&lines).map_err(|error| error.into_api(None))?;
    Ok(file(&file_name(&id, "json"), "application/json", text))
}
/// What a file of a request or draft is called. Something was found under `id`, so that it is a number or a name of ours.
fn file_name(id: &str, kind: &str) -> String {
    format!("restore-{id}.{kind}")
}
/// A file to save.
fn file(name: &str, kind: &'static str, text: String) -> Response {
    let place = format!("attachment; filename=\"{name}\"");
    ([(header::CONTENT_TYPE, kind.to_owned()), (header::CONTENT_DISPOSITION, place)], text).into_response()
}
endpoint!(/// Votes. People only: a token never votes.
    post "/api/v1/restores/{id}/votes" "restores" cast_vote(cx, b, Path(id): Path<i64>, Body(form): Body<CastVote>) Request => b.cast_vote(cx, CastVote { request_id: id, ..form }).await?);
endpoint!(/// Takes one's own request back.
    post "/api/v1/restores/{id}/withdraw" "restores" withdraw_request(cx, b, Path(id): Path<i64>) Request => b.withdraw_request(cx, id).await?);
endpoint!(/// Stops a restore before its next write.
    post "/api/v1/restores/{id}/cancel" "restores" cancel_request(cx, b, Path(id): Path<i64>) Request => b.cancel_request(cx, id).await?);
endpoint!(/// A draft with what failed.
    post "/api/v1/restores/{id}/retry" "restores" retry_request(cx, b, Path(id): Path<i64>) Draft => b.retry_request(cx, id).await?);
endpoint!(/// A draft that moves tags back.
    post "/api/v1/restores/{id}/undo" "restores" undo_request(cx, b, Path(id): Path<i64>) Draft => b.undo_request(cx, id).await?);
endpoint!(/// The inbox, newest first.
    get "/api/v1/approvals" "restores" list_approvals(cx, b, Query(filter): Query<InboxFilter>) Page<RequestRow> => b.list_approvals(cx, filter).await?);
