//! Calls about jobs.

use leptos::prelude::*;

use crate::error::ApiError;
use crate::jobs::types::{Job, JobFilter, LogLine};
use crate::units::Page;

/// Jobs, newest first.
pub async fn list_jobs(filter: JobFilter) -> Result<Page<Job>, ApiError> {
    use crate::ports::{answer, backend, cx};
    answer(backend().list_jobs(&cx(), filter).await)
}

/// One job.
pub async fn get_job(job_id: i64) -> Result<Job, ApiError> {
    use crate::ports::{answer, backend, cx};
    answer(backend().get_job(&cx(), job_id).await)
}

/// Its newest log lines.
pub async fn get_job_log(job_id: i64) -> Result<Vec<LogLine>, ApiError> {
    use crate::ports::{answer, backend, cx};
    answer(backend().get_job_log(&cx(), job_id, None).await)
}

/// Asks a job to stop.
#[server(prefix = "/fn", endpoint = "jobs/cancel")]
pub async fn cancel_job(job_id: i64) -> Result<Job, ApiError> {
    use crate::ports::{answer, backend, cx, done};
    let job = answer(backend().cancel_job(&cx(), job_id).await)?;
    done(&format!("/jobs/{job_id}"), "The job was asked to stop.", "已请求停止任务。").await;
    Ok(job)
}

/// Queues a dead job again.
#[server(prefix = "/fn", endpoint = "jobs/retry")]
pub async fn retry_job(job_id: i64) -> Result<Job, ApiError> {
    use crate::ports::{answer, backend, cx, done};
    let job = answer(backend().retry_job(&cx(), job_id).await)?;
    done(&format!("/jobs/{job_id}"), "The job is queued again.", "任务已重新排队。").await;
    Ok(job)
}
