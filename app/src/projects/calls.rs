//! Calls about projects, moments and tags.

use leptos::prelude::*;

use crate::error::ApiError;
use crate::projects::found::Found;
use crate::projects::gaps::ProjectGaps;
use crate::projects::types::{
    ArtifactDetail, Browse, BrowseQuery, Changes, LiveDiff, Project, ProjectFilter, SettingsAt, SettingsQuery, TagHistory, Timeline,
};
use crate::units::Page;

/// Projects the caller sees.
pub async fn list_projects(filter: ProjectFilter) -> Result<Page<Project>, ApiError> {
    use crate::ports::{answer, backend, cx};
    answer(backend().list_projects(&cx(), filter).await)
}

/// The timeline of a project.
pub async fn get_timeline(harbor: String, project: String, at: Option<String>, zoom: Option<String>) -> Result<Timeline, ApiError> {
    use crate::ports::{answer, backend, cx};
    answer(backend().get_timeline(&cx(), harbor, project, at.as_deref().and_then(crate::units::Moment::parse), zoom).await)
}

/// A moment compared with the harbor now.
pub async fn compare_live(harbor: String, project: String, at: Option<String>) -> Result<LiveDiff, ApiError> {
    use crate::ports::{answer, backend, cx};
    answer(backend().compare_live(&cx(), harbor, project, at.as_deref().and_then(crate::units::Moment::parse)).await)
}

/// Repositories and tags at a moment.
pub async fn browse_moment(query: BrowseQuery) -> Result<Browse, ApiError> {
    use crate::ports::{answer, backend, cx};
    answer(backend().browse(&cx(), query).await)
}

/// Everything one tag pointed to.
pub async fn get_tag_history(harbor: String, project: String, repository: String, tag: String, live: bool) -> Result<TagHistory, ApiError> {
    use crate::ports::{answer, backend, cx};
    answer(backend().tag_history(&cx(), harbor, project, repository, tag, live).await)
}

/// The parts of one artifact.
pub async fn get_artifact(harbor: String, project: String, repository: String, digest: String) -> Result<ArtifactDetail, ApiError> {
    use crate::ports::{answer, backend, cx};
    answer(backend().get_artifact(&cx(), harbor, project, repository, digest).await)
}

/// Tags that differ between two moments.
pub async fn get_changes(harbor: String, project: String, from: Option<String>, to: Option<String>) -> Result<Changes, ApiError> {
    use crate::ports::{answer, backend, cx};
    let moment = |text: Option<String>| text.as_deref().and_then(crate::units::Moment::parse);
    answer(backend().get_changes(&cx(), harbor, project, moment(from), moment(to)).await)
}

/// Settings at a moment, and what changed.
pub async fn get_settings(query: SettingsQuery) -> Result<SettingsAt, ApiError> {
    use crate::ports::{answer, backend, cx};
    answer(backend().get_settings(&cx(), query).await)
}

/// Whatever names an image, over all time.
pub async fn search_all(q: String, live: bool) -> Result<Found, ApiError> {
    use crate::ports::{answer, backend, cx};
    answer(backend().search(&cx(), q, live).await)
}

/// Gaps of the newest snapshot, and what was accepted of them.
pub async fn get_gaps(harbor: String, project: String) -> Result<ProjectGaps, ApiError> {
    use crate::ports::{answer, backend, cx};
    answer(backend().get_gaps(&cx(), harbor, project).await)
}

/// Accepts gaps of a snapshot.
#[server(name = AcceptGapCall, prefix = "/fn", endpoint = "projects/accept")]
pub async fn accept_gap(
    harbor: String,
    project: String,
    snapshot_id: i64,
    gap: String,
    reason: String,
    until: String,
) -> Result<i64, ApiError> {
    use crate::ports::{answer_form, backend, cx, done, keep};
    use crate::projects::gaps::AcceptGap;
    let form = AcceptGap { snapshot_id, gap, reason, until };
    let kept = keep::<AcceptGapCall>(&form);
    let back = crate::projects::gaps_href(&harbor, &project);
    let accepted = answer_form::<AcceptGapCall, _>(backend().accept_gap(&cx(), harbor, project, form).await, kept)?;
    done(&back, "It is accepted. When that ends, it counts again.", "已接受。到期后将重新计入。").await;
    Ok(accepted)
}

/// Takes an acceptance back.
#[server(prefix = "/fn", endpoint = "projects/withdraw")]
pub async fn withdraw_acceptance(harbor: String, project: String, acceptance: i64, reason: String) -> Result<(), ApiError> {
    use crate::ports::{answer_form, backend, cx, done, keep};
    let kept = keep::<WithdrawAcceptance>(&serde_json::json!({ "reason": reason }));
    let back = crate::projects::gaps_href(&harbor, &project);
    answer_form::<WithdrawAcceptance, _>(backend().withdraw_acceptance(&cx(), harbor, project, acceptance, reason).await, kept)?;
    done(&back, "The acceptance is withdrawn: the gap counts again.", "已撤回接受，该缺口重新计入。").await;
    Ok(())
}

/// Keeps a snapshot from retention.
#[server(prefix = "/fn", endpoint = "projects/hold")]
pub async fn hold_snapshot(snapshot_id: i64, reason: String, #[server(default)] until: String, back: String) -> Result<(), ApiError> {
    use crate::ports::{answer_form, backend, cx, done, keep};
    use crate::projects::types::HoldForm;
    let form = HoldForm { reason, until };
    let kept = keep::<HoldSnapshot>(&form);
    answer_form::<HoldSnapshot, _>(backend().hold_snapshot(&cx(), snapshot_id, form).await, kept)?;
    done(&crate::projects::safe_back(&back), "The snapshot is held.", "快照已锁定保留。").await;
    Ok(())
}

/// Releases a hold.
#[server(prefix = "/fn", endpoint = "projects/release")]
pub async fn release_hold(hold_id: i64, reason: String, back: String) -> Result<(), ApiError> {
    use crate::ports::{answer_form, backend, cx, done, keep};
    let kept = keep::<ReleaseHold>(&serde_json::json!({ "reason": reason, "hold_id": hold_id }));
    answer_form::<ReleaseHold, _>(backend().release_hold(&cx(), hold_id, reason).await, kept)?;
    done(&crate::projects::safe_back(&back), "The hold is released.", "已解除锁定。").await;
    Ok(())
}

/// Queues a backup of a project and goes to its job.
#[server(prefix = "/fn", endpoint = "projects/backup")]
pub async fn back_up_project(harbor: String, project: String) -> Result<i64, ApiError> {
    use crate::ports::{answer, backend, cx, go};
    let job = answer(backend().back_up_project(&cx(), harbor, project).await)?;
    go(&format!("/jobs/{job}"));
    Ok(job)
}
