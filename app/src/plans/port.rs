//! What the pages ask the backend about plans.

use async_trait::async_trait;

use crate::error::ApiError;
use crate::plans::imported::{Import, KeepImport};
use crate::plans::left::{DeletePlanForm, Leave, Left};
use crate::plans::types::{Plan, PlanForm, PlanFormPage, PlanPage, PlanPreview, Retention, Run};
use crate::ports::Cx;
use crate::units::Page;

/// Plans. Reading: any duty, and whoever has a role on a project in it. Changing: operator.
#[async_trait]
pub trait Plans: Send + Sync {
    /// All plans by name.
    async fn list_plans(&self, cx: &Cx) -> Result<Vec<Plan>, ApiError>;
    /// One plan.
    async fn get_plan(&self, cx: &Cx, plan_id: i64) -> Result<Plan, ApiError>;
    /// One plan with all that its page shows.
    async fn plan_page(&self, cx: &Cx, plan_id: i64, after: Option<String>) -> Result<PlanPage, ApiError>;
    /// What the form of a plan chooses from, with the plan if one is changed.
    async fn plan_form(&self, cx: &Cx, plan_id: Option<i64>) -> Result<PlanFormPage, ApiError>;
    /// What the form would match and when it would run; nothing is stored. `live`: Harbor is asked for its projects, else those it had last are taken.
    async fn preview_plan(&self, cx: &Cx, form: PlanForm, live: bool) -> Result<PlanPreview, ApiError>;
    /// Stores a new or changed plan.
    async fn save_plan(&self, cx: &Cx, form: PlanForm) -> Result<Plan, ApiError>;
    /// Stops the schedule until `until` (at most 7 days) for a reason; a running job goes on.
    async fn pause_plan(&self, cx: &Cx, plan_id: i64, days: i64, reason: String) -> Result<Plan, ApiError>;
    /// Starts the schedule again.
    async fn resume_plan(&self, cx: &Cx, plan_id: i64) -> Result<Plan, ApiError>;
    /// Queues a run now; answers with the job. A run already queued or running is answered with.
    async fn run_plan(&self, cx: &Cx, plan_id: i64) -> Result<i64, ApiError>;
    /// Runs, newest first.
    async fn list_runs(&self, cx: &Cx, plan_id: i64, after: Option<String>) -> Result<Page<Run>, ApiError>;
    /// What a plan keeps now, and why.
    async fn get_retention(&self, cx: &Cx, plan_id: i64) -> Result<Retention, ApiError>;
    /// Deletes a plan; `confirm` must be its name, and what becomes of its snapshots must be said where it has any.
    async fn delete_plan(&self, cx: &Cx, plan_id: i64, form: DeletePlanForm) -> Result<(), ApiError>;
    /// Deleted plans that still have snapshots. Any duty.
    async fn list_left(&self, cx: &Cx) -> Result<Vec<Left>, ApiError>;
    /// Says anew what becomes of the snapshots of a deleted plan. Operator.
    async fn decide_left(&self, cx: &Cx, plan_id: i64, leave: Leave) -> Result<(), ApiError>;
    /// Images that came from files, and until when they are kept. Any duty.
    async fn list_imports(&self, cx: &Cx) -> Result<Vec<Import>, ApiError>;
    /// Says whose word keeps them, and until when. Operator.
    async fn keep_import(&self, cx: &Cx, snapshot_id: i64, form: KeepImport) -> Result<(), ApiError>;
}
