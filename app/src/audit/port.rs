//! What the pages ask the backend about the audit history.

use async_trait::async_trait;

use crate::audit::types::{AuditDetail, AuditFilter, AuditPage, ChainCheck};
use crate::error::ApiError;
use crate::ports::Cx;

/// The audit history. All of it: auditor. Others: console.md §3.2.
#[async_trait]
pub trait Audits: Send + Sync {
    /// Events, newest first; reading them is an event itself.
    async fn list_audit(&self, cx: &Cx, filter: AuditFilter) -> Result<AuditPage, ApiError>;
    /// One event.
    async fn get_audit(&self, cx: &Cx, seq: i64) -> Result<AuditDetail, ApiError>;
    /// Computes the whole chain again.
    async fn verify_audit(&self, cx: &Cx) -> Result<ChainCheck, ApiError>;
}
