//! What the pages ask the backend about jobs.

use async_trait::async_trait;

use crate::error::ApiError;
use crate::jobs::types::{Job, JobFilter, LogLine};
use crate::ports::Cx;
use crate::units::Page;

/// Jobs. Reading: any duty; others see those of their projects and their own requests.
#[async_trait]
pub trait Jobs: Send + Sync {
    /// Jobs, newest first.
    async fn list_jobs(&self, cx: &Cx, filter: JobFilter) -> Result<Page<Job>, ApiError>;
    /// One job.
    async fn get_job(&self, cx: &Cx, job_id: i64) -> Result<Job, ApiError>;
    /// Lines after `after`, at most 500; without `after` the last 500.
    async fn get_job_log(&self, cx: &Cx, job_id: i64, after: Option<i64>) -> Result<Vec<LogLine>, ApiError>;
    /// Asks a job to stop; it does before its next item.
    async fn cancel_job(&self, cx: &Cx, job_id: i64) -> Result<Job, ApiError>;
    /// Queues a dead job again.
    async fn retry_job(&self, cx: &Cx, job_id: i64) -> Result<Job, ApiError>;
}
