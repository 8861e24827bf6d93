//! Calls about restores and approvals.

use leptos::prelude::*;

use crate::error::ApiError;
use crate::restores::types::{
    CastVote, Draft, DraftPage, InboxFilter, LineFilter, Request, RequestFilter, RequestPage, RequestRow, RestoreForm, Submit,
};
use crate::units::Page;

/// Stores a draft with its effect plan and goes to its preview.
#[server(prefix = "/fn", endpoint = "restores/preview")]
pub async fn preview_restore(form: RestoreForm) -> Result<Draft, ApiError> {
    use crate::ports::{answer_form, backend, cx, go, keep};
    let kept = keep::<PreviewRestore>(&form);
    let draft = answer_form::<PreviewRestore, _>(backend().preview_restore(&cx(), form).await, kept)?;
    go(&format!("/restore/new?draft={}", draft.id));
    Ok(draft)
}

/// A draft as stored, with a page of its lines.
pub async fn draft_page(draft_id: String, filter: LineFilter, changes: i64) -> Result<DraftPage, ApiError> {
    use crate::ports::{answer, backend, cx, go};
    let draft = backend().draft_page(&cx(), draft_id.clone(), filter, changes).await;
    if draft.as_ref().is_err_and(|error| error.code == ApiError::SENT_OFF)
        && let Some(number) = backend().number_of_draft(&cx(), draft_id).await?
    {
        // A link of before it was sent off. Its status is that of the way on, so the refusal sets none.
        go(&format!("/restores/{number}"));
        return draft;
    }
    answer(draft)
}

/// One request with a page of its lines.
pub async fn request_page(request_id: i64, filter: LineFilter, changes: i64) -> Result<RequestPage, ApiError> {
    use crate::ports::{answer, backend, cx};
    answer(backend().request_page(&cx(), request_id, filter, changes).await)
}

/// Sends a draft off and goes to its request.
#[server(prefix = "/fn", endpoint = "restores/submit")]
pub async fn submit_restore(form: Submit) -> Result<Request, ApiError> {
    use crate::ports::{answer_form, backend, cx, done, keep};
    let kept = keep::<SubmitRestore>(&form);
    let request = answer_form::<SubmitRestore, _>(backend().submit_restore(&cx(), form).await, kept)?;
    done(&format!("/restores/{}", request.id), "The request is sent off.", "恢复申请已提交。").await;
    Ok(request)
}

/// Requests, newest first.
pub async fn list_requests(filter: RequestFilter) -> Result<Page<RequestRow>, ApiError> {
    use crate::ports::{answer, backend, cx};
    answer(backend().list_requests(&cx(), filter).await)
}

/// A part of the inbox.
pub async fn list_approvals(filter: InboxFilter) -> Result<Page<RequestRow>, ApiError> {
    use crate::ports::{answer, backend, cx};
    answer(backend().list_approvals(&cx(), filter).await)
}

/// Votes on exactly the plan that was seen.
#[server(name = CastVoteCall, prefix = "/fn", endpoint = "restores/vote")]
pub async fn cast_vote(form: CastVote) -> Result<Request, ApiError> {
    use crate::ports::{answer_form, backend, cx, done, keep};
    let kept = keep::<CastVoteCall>(&form);
    let id = form.request_id;
    let request = answer_form::<CastVoteCall, _>(backend().cast_vote(&cx(), form).await, kept)?;
    done(&format!("/restores/{id}"), "Your vote is recorded.", "您的审批意见已记录。").await;
    Ok(request)
}

/// Takes one's own request back.
#[server(prefix = "/fn", endpoint = "restores/withdraw")]
pub async fn withdraw_request(request_id: i64) -> Result<Request, ApiError> {
    use crate::ports::{answer, backend, cx, done};
    let request = answer(backend().withdraw_request(&cx(), request_id).await)?;
    done(&format!("/restores/{request_id}"), "The request is taken back.", "申请已撤回。").await;
    Ok(request)
}

/// Stops a restore before its next write.
#[server(prefix = "/fn", endpoint = "restores/cancel")]
pub async fn cancel_request(request_id: i64) -> Result<Request, ApiError> {
    use crate::ports::{answer, backend, cx, done};
    let request = answer(backend().cancel_request(&cx(), request_id).await)?;
    done(&format!("/restores/{request_id}"), "The restore was asked to stop.", "已请求停止恢复。").await;
    Ok(request)
}

/// A draft with what failed, or with all of what was refused or ran out of time.
#[server(prefix = "/fn", endpoint = "restores/retry")]
pub async fn retry_request(request_id: i64) -> Result<Draft, ApiError> {
    use crate::ports::{answer, backend, cx, go};
    let draft = answer(backend().retry_request(&cx(), request_id).await)?;
    go(&format!("/restore/new?draft={}", draft.id));
    Ok(draft)
}

/// A draft that moves tags back.
#[server(prefix = "/fn", endpoint = "restores/undo")]
pub async fn undo_request(request_id: i64) -> Result<Draft, ApiError> {
    use crate::ports::{answer, backend, cx, go};
    let draft = answer(backend().undo_request(&cx(), request_id).await)?;
    go(&format!("/restore/new?draft={}", draft.id));
    Ok(draft)
}
