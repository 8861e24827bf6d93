//! Calls about plans.

use leptos::prelude::*;

use crate::error::ApiError;
use crate::plans::imported::Import;
use crate::plans::left::Left;
use crate::plans::types::{Plan, PlanForm, PlanFormPage, PlanPage, PlanPreview};

/// All plans the caller sees.
pub async fn list_plans() -> Result<Vec<Plan>, ApiError> {
    use crate::ports::{answer, backend, cx};
    answer(backend().list_plans(&cx()).await)
}

/// One plan.
pub async fn get_plan(plan_id: i64) -> Result<Plan, ApiError> {
    use crate::ports::{answer, backend, cx};
    answer(backend().get_plan(&cx(), plan_id).await)
}

/// One plan with all that its page shows.
pub async fn plan_page(plan_id: i64, after: Option<String>) -> Result<PlanPage, ApiError> {
    use crate::ports::{answer, backend, cx};
    answer(backend().plan_page(&cx(), plan_id, after).await)
}

/// What the form of a plan chooses from.
pub async fn plan_form(plan_id: Option<i64>) -> Result<PlanFormPage, ApiError> {
    use crate::ports::{answer, backend, cx};
    answer(backend().plan_form(&cx(), plan_id).await)
}

/// What a form would match and when it would run; stores nothing. A half-typed form is refused inside a page that is none the worse for it, so
/// this sets no status.
pub async fn preview_plan(form: PlanForm, live: bool) -> Result<PlanPreview, ApiError> {
    use crate::ports::{backend, cx};
    backend().preview_plan(&cx(), form, live).await
}

/// Stores a plan and goes to its page.
#[server(prefix = "/fn", endpoint = "plans/save")]
pub async fn save_plan(form: PlanForm) -> Result<Plan, ApiError> {
    use crate::ports::{answer_form, backend, cx, done, keep};
    let kept = keep::<SavePlan>(&form);
    let plan = answer_form::<SavePlan, _>(backend().save_plan(&cx(), form).await, kept)?;
    done(&format!("/plans/{}", plan.id), "The plan is saved.", "备份计划已保存。").await;
    Ok(plan)
}

/// Stops the schedule for some days.
#[server(prefix = "/fn", endpoint = "plans/pause")]
pub async fn pause_plan(plan_id: i64, days: i64, reason: String) -> Result<Plan, ApiError> {
    use crate::ports::{answer_form, backend, cx, done, keep};
    let kept = keep::<PausePlan>(&serde_json::json!({ "days": days, "reason": reason }));
    let plan = answer_form::<PausePlan, _>(backend().pause_plan(&cx(), plan_id, days, reason).await, kept)?;
    done(&format!("/plans/{plan_id}"), "The plan is paused; it resumes by itself.", "备份计划已暂停，到期自动恢复。").await;
    Ok(plan)
}

/// Starts the schedule again.
#[server(prefix = "/fn", endpoint = "plans/resume")]
pub async fn resume_plan(plan_id: i64) -> Result<Plan, ApiError> {
    use crate::ports::{answer, backend, cx, done};
    let plan = answer(backend().resume_plan(&cx(), plan_id).await)?;
    done(&format!("/plans/{plan_id}"), "The plan runs by its schedule again.", "备份计划已恢复按时运行。").await;
    Ok(plan)
}

/// Queues a run and goes to its job.
#[server(prefix = "/fn", endpoint = "plans/run")]
pub async fn run_plan(plan_id: i64) -> Result<i64, ApiError> {
    use crate::ports::{answer, backend, cx, go};
    let job = answer(backend().run_plan(&cx(), plan_id).await)?;
    go(&format!("/jobs/{job}"));
    Ok(job)
}

/// Deletes a plan, and says what becomes of its snapshots.
#[server(prefix = "/fn", endpoint = "plans/delete")]
pub async fn delete_plan(
    plan_id: i64,
    confirm: String,
    #[server(default)] to: String,
    #[server(default)] owner: String,
    #[server(default)] by_plan: String,
) -> Result<(), ApiError> {
    use crate::plans::left::{DeletePlanForm, Leave};
    use crate::ports::{answer_form, backend, cx, done, keep};
    let kept = keep::<DeletePlan>(&serde_json::json!({ "to": to, "owner": owner, "by_plan": by_plan }));
    let left = Leave { to, owner, plan_id: by_plan.trim().parse().ok() };
    answer_form::<DeletePlan, _>(backend().delete_plan(&cx(), plan_id, DeletePlanForm { confirm, left }).await, kept)?;
    done("/plans", "The plan is deleted; its snapshots stay, as was said.", "备份计划已删除，其快照按所选方式保留。").await;
    Ok(())
}

/// Deleted plans that still have snapshots.
pub async fn list_left() -> Result<Vec<Left>, ApiError> {
    use crate::ports::{answer, backend, cx};
    answer(backend().list_left(&cx()).await)
}

/// Images that came from files, and until when they are kept.
pub async fn list_imports() -> Result<Vec<Import>, ApiError> {
    use crate::ports::{answer, backend, cx};
    answer(backend().list_imports(&cx()).await)
}

/// Says whose word keeps images that came from files, and until when.
#[server(prefix = "/fn", endpoint = "plans/keep-import")]
pub async fn keep_imported(snapshot_id: i64, owner: String, #[server(default)] until: String) -> Result<(), ApiError> {
    use crate::plans::imported::KeepImport;
    use crate::ports::{answer_form, backend, cx, done, keep};
    let form = KeepImport { owner, until };
    let kept = keep::<KeepImported>(&form);
    answer_form::<KeepImported, _>(backend().keep_import(&cx(), snapshot_id, form).await, kept)?;
    done("/plans/left", "It is noted until when these images are kept.", "已记录这些镜像的保留期限。").await;
    Ok(())
}

/// Says anew what becomes of the snapshots of a deleted plan.
#[server(prefix = "/fn", endpoint = "plans/leave")]
pub async fn decide_left(
    plan_id: i64,
    to: String,
    #[server(default)] owner: String,
    #[server(default)] by_plan: String,
) -> Result<(), ApiError> {
    use crate::plans::left::Leave;
    use crate::ports::{answer_form, backend, cx, done, keep};
    let kept = keep::<DecideLeft>(&serde_json::json!({ "to": to, "owner": owner, "by_plan": by_plan }));
    let leave = Leave { to, owner, plan_id: by_plan.trim().parse().ok() };
    answer_form::<DecideLeft, _>(backend().decide_left(&cx(), plan_id, leave).await, kept)?;
    done("/plans/left", "It is noted what becomes of these snapshots.", "已记录这些快照的处理方式。").await;
    Ok(())
}
