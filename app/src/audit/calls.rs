//! Calls about the audit history.

use leptos::prelude::*;

use crate::audit::types::{AuditDetail, AuditFilter, AuditPage, ChainCheck};
use crate::error::ApiError;

/// A page of the history.
pub async fn list_audit(filter: AuditFilter) -> Result<AuditPage, ApiError> {
    use crate::ports::{answer, backend, cx};
    answer(backend().list_audit(&cx(), filter).await)
}

/// One event.
pub async fn get_audit(seq: i64) -> Result<AuditDetail, ApiError> {
    use crate::ports::{answer, backend, cx};
    answer(backend().get_audit(&cx(), seq).await)
}

/// Computes the chain again.
#[server(prefix = "/fn", endpoint = "audit/verify")]
pub async fn verify_audit() -> Result<ChainCheck, ApiError> {
    use crate::ports::{answer, backend, cx, done};
    let check = answer(backend().verify_audit(&cx()).await)?;
    match &check.broken {
        None => done("/audit", "The chain is intact.", "审计链完整。").await,
        Some(_) => done("/audit", "The chain is broken: see the panel.", "审计链已断裂，请查看面板。").await,
    }
    Ok(check)
}
