//! What the pages ask the backend about restores and approvals.

use async_trait::async_trait;

use crate::error::ApiError;
use crate::ports::Cx;
use crate::restores::types::{
    CastVote, Draft, DraftPage, InboxFilter, Line, LineFilter, Lines, PlanChange, Request, RequestFilter, RequestPage, RequestRow,
    RestoreForm, Submit,
};
use crate::units::Page;

/// Restore requests. Making: requester on source and target. Voting: approver, never on one's own.
#[async_trait]
pub trait Restores: Send + Sync {
    /// Stores the form as a draft and makes its effect plan against the live harbor.
    async fn preview_restore(&self, cx: &Cx, form: RestoreForm) -> Result<Draft, ApiError>;
    /// A draft of one's own as stored.
    async fn get_draft(&self, cx: &Cx, draft_id: String) -> Result<Draft, ApiError>;
    /// The number a draft was given when it was sent off; none = it was not, or its request is not the caller's to see.
    async fn number_of_draft(&self, cx: &Cx, draft_id: String) -> Result<Option<i64>, ApiError>;
    /// Submits a draft. Makes the plan again; `Conflict` if its hash is not the one seen.
    async fn submit_restore(&self, cx: &Cx, form: Submit) -> Result<Request, ApiError>;
    /// Lines of a request, by its number, or of a draft of one's own, by its name, with what came of each.
    async fn list_lines(&self, cx: &Cx, request: String, filter: LineFilter) -> Result<Lines, ApiError>;
    /// All lines that match, for a download; the page of the filter is passed over.
    async fn all_lines(&self, cx: &Cx, request: String, filter: LineFilter) -> Result<Vec<Line>, ApiError>;
    /// What differs between the plan of a request or draft and the one that was voted on or seen before.
    async fn get_change(&self, cx: &Cx, request: String, page: i64) -> Result<Option<PlanChange>, ApiError>;
    /// One request.
    async fn get_request(&self, cx: &Cx, request_id: i64) -> Result<Request, ApiError>;
    /// One request with a page of its lines, and a page of what changed.
    async fn request_page(&self, cx: &Cx, request_id: i64, filter: LineFilter, changes: i64) -> Result<RequestPage, ApiError>;
    /// A draft of one's own with the same.
    async fn draft_page(&self, cx: &Cx, draft_id: String, filter: LineFilter, changes: i64) -> Result<DraftPage, ApiError>;
    /// Requests, newest first.
    async fn list_requests(&self, cx: &Cx, filter: RequestFilter) -> Result<Page<RequestRow>, ApiError>;
    /// Requests that wait for the caller's vote (`mine`), for others of the same projects (`team`), or that the caller decided (`done`),
    /// newest first; the page's total is how many there are, up to 1,000.
    async fn list_approvals(&self, cx: &Cx, filter: InboxFilter) -> Result<Page<RequestRow>, ApiError>;
    /// Votes. `Conflict` when hash or version moved on.
    async fn cast_vote(&self, cx: &Cx, form: CastVote) -> Result<Request, ApiError>;
    /// Takes one's own request back before it runs.
    async fn withdraw_request(&self, cx: &Cx, request_id: i64) -> Result<Request, ApiError>;
    /// Stops a queued or running restore before its next write.
    async fn cancel_request(&self, cx: &Cx, request_id: i64) -> Result<Request, ApiError>;
    /// Makes a draft with the failed lines of a request, or with all of one that was refused or ran out of time; its reason goes along.
    async fn retry_request(&self, cx: &Cx, request_id: i64) -> Result<Draft, ApiError>;
    /// Makes a draft that puts moved tags back to what they were.
    async fn undo_request(&self, cx: &Cx, request_id: i64) -> Result<Draft, ApiError>;
}
