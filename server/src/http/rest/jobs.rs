//! Jobs and their logs.

use app::jobs::types::{Job, JobFilter, LogLine};
use app::units::Page;
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::super::Web;
use super::super::rules::{Line, Rule};
use super::{Answer, Path, Query};

/// The gate, line by line.
pub const LINES: &[Line] = &[
    ("GET", "/api/v1/jobs", Rule::SignedIn),
    ("GET", "/api/v1/jobs/{id}", Rule::SignedIn),
    ("GET", "/api/v1/jobs/{id}/log", Rule::SignedIn),
    ("POST", "/api/v1/jobs/{id}/cancel", Rule::SignedIn),
    ("POST", "/api/v1/jobs/{id}/retry", Rule::SignedIn),
];

/// The calls.
pub fn routes(router: OpenApiRouter<Web>) -> OpenApiRouter<Web> {
    router
        .routes(routes!(list_jobs))
        .routes(routes!(get_job))
        .routes(routes!(get_job_log))
        .routes(routes!(cancel_job))
        .routes(routes!(retry_job))
}

/// A line of a log.
#[derive(Deserialize, IntoParams)]
struct AfterLine {
    /// Number of the last line known.
    after: Option<i64>,
}

endpoint!(/// Jobs, newest first.
    get "/api/v1/jobs" "jobs" list_jobs(cx, b, Query(filter): Query<JobFilter>) Page<Job> => b.list_jobs(cx, filter).await?);
endpoint!(/// One job.
    get "/api/v1/jobs/{id}" "jobs" get_job(cx, b, Path(id): Path<i64>) Job => b.get_job(cx, id).await?);
endpoint!(/// Its log.
    get "/api/v1/jobs/{id}/log" "jobs" get_job_log(cx, b, Path(id): Path<i64>, Query(after): Query<AfterLine>) Vec<LogLine> => b.get_job_log(cx, id, after.after).await?);
endpoint!(/// Asks a job to stop.
    post "/api/v1/jobs/{id}/cancel" "jobs" cancel_job(cx, b, Path(id): Path<i64>) Job => b.cancel_job(cx, id).await?);
endpoint!(/// Queues a dead job again.
    post "/api/v1/jobs/{id}/retry" "jobs" retry_job(cx, b, Path(id): Path<i64>) Job => b.retry_job(cx, id).await?);
