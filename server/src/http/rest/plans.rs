//! Plans, their runs, and what deleted ones left.

use app::plans::imported::{Import, KeepImport};
use app::plans::left::{DeletePlanForm, Leave, Left};
use app::plans::types::{Plan, PlanForm, PlanPreview, Retention, Run};
use app::units::Page;
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::super::Web;
use super::super::rules::{Line, Rule};
use super::{Answer, Body, Cursor, Path, Query, Queued};

/// The gate, line by line.
pub const LINES: &[Line] = &[
    ("GET", "/api/v1/plans", Rule::SignedIn),
    ("POST", "/api/v1/plans", Rule::SignedIn),
    ("POST", "/api/v1/plans/preview", Rule::SignedIn),
    ("GET", "/api/v1/plans/{id}", Rule::SignedIn),
    ("PUT", "/api/v1/plans/{id}", Rule::SignedIn),
    ("DELETE", "/api/v1/plans/{id}", Rule::SignedIn),
    ("GET", "/api/v1/plans/{id}/retention", Rule::SignedIn),
    ("GET", "/api/v1/left", Rule::SignedIn),
    ("PUT", "/api/v1/left/{id}", Rule::SignedIn),
    ("GET", "/api/v1/imports", Rule::SignedIn),
    ("PUT", "/api/v1/imports/{id}", Rule::SignedIn),
    ("POST", "/api/v1/plans/{id}/run", Rule::SignedIn),
    ("POST", "/api/v1/plans/{id}/pause", Rule::SignedIn),
    ("POST", "/api/v1/plans/{id}/resume", Rule::SignedIn),
    ("GET", "/api/v1/plans/{id}/runs", Rule::SignedIn),
];

/// The calls.
pub fn routes(router: OpenApiRouter<Web>) -> OpenApiRouter<Web> {
    router
        .routes(routes!(list_plans, create_plan))
        .routes(routes!(preview_plan))
        .routes(routes!(get_plan, change_plan, delete_plan))
        .routes(routes!(get_retention))
        .routes(routes!(list_left))
        .routes(routes!(decide_left))
        .routes(routes!(list_imports))
        .routes(routes!(keep_import))
        .routes(routes!(run_plan))
        .routes(routes!(pause_plan))
        .routes(routes!(resume_plan))
        .routes(routes!(list_runs))
}

/// A pause.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Pause {
    /// Days, 1 to 7.
    days: i64,
    /// Why.
    reason: String,
}

endpoint!(/// Plans.
    get "/api/v1/plans" "plans" list_plans(cx, b) Vec<Plan> => b.list_plans(cx).await?);
endpoint!(/// Makes a plan.
    post "/api/v1/plans" "plans" create_plan(cx, b, Body(form): Body<PlanForm>) Plan => b.save_plan(cx, PlanForm { plan_id: None, ..form }).await?);
endpoint!(/// What a plan would match and when it would run.
    post "/api/v1/plans/preview" "plans" preview_plan(cx, b, Body(form): Body<PlanForm>) PlanPreview => b.preview_plan(cx, form, true).await?);
endpoint!(/// One plan.
    get "/api/v1/plans/{id}" "plans" get_plan(cx, b, Path(id): Path<i64>) Plan => b.get_plan(cx, id).await?);
endpoint!(/// Changes a plan.
    put "/api/v1/plans/{id}" "plans" change_plan(cx, b, Path(id): Path<i64>, Body(form): Body<PlanForm>) Plan => b.save_plan(cx, PlanForm { plan_id: Some(id), ..form }).await?);
endpoint!(/// What a plan keeps, and why.
    get "/api/v1/plans/{id}/retention" "plans" get_retention(cx, b, Path(id): Path<i64>) Retention => b.get_retention(cx, id).await?);
endpoint!(/// Deletes a plan, and says what becomes of its snapshots.
    delete "/api/v1/plans/{id}" "plans" delete_plan(cx, b, Path(id): Path<i64>, Body(form): Body<DeletePlanForm>) () => b.delete_plan(cx, id, form).await?);
endpoint!(/// Deleted plans that still have snapshots.
    get "/api/v1/left" "plans" list_left(cx, b) Vec<Left> => b.list_left(cx).await?);
endpoint!(/// Says anew what becomes of the snapshots of a deleted plan.
    put "/api/v1/left/{id}" "plans" decide_left(cx, b, Path(id): Path<i64>, Body(form): Body<Leave>) () => b.decide_left(cx, id, form).await?);
endpoint!(/// Images that came from files, and until when they are kept.
    get "/api/v1/imports" "plans" list_imports(cx, b) Vec<Import> => b.list_imports(cx).await?);
endpoint!(/// Says whose word keeps images that came from files, and until when.
    put "/api/v1/imports/{id}" "plans" keep_import(cx, b, Path(id): Path<i64>, Body(form): Body<KeepImport>) () => b.keep_import(cx, id, form).await?);
endpoint!(/// Queues a run.
    post "/api/v1/plans/{id}/run" "plans" run_plan(cx, b, Path(id): Path<i64>) Queued => Queued { job_id: b.run_plan(cx, id).await? });
endpoint!(/// Pauses.
    post "/api/v1/plans/{id}/pause" "plans" pause_plan(cx, b, Path(id): Path<i64>, Body(form): Body<Pause>) Plan => b.pause_plan(cx, id, form.days, form.reason).await?);
endpoint!(/// Resumes.
    post "/api/v1/plans/{id}/resume" "plans" resume_plan(cx, b, Path(id): Path<i64>) Plan => b.resume_plan(cx, id).await?);
endpoint!(/// Runs, newest first.
    get "/api/v1/plans/{id}/runs" "plans" list_runs(cx, b, Path(id): Path<i64>, Query(page): Query<Cursor>) Page<Run> => b.list_runs(cx, id, page.after).await?);
