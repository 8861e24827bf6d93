//! The tail of Harbor's own audit log: `/auditlog-exts` since 2.13, `/audit-logs` before (harbor.md §8).

use serde::Deserialize;
use time::OffsetDateTime;

use super::paging::{Listing, pages_max};
use super::values::{moment, or_default};
use crate::client::Client;
use crate::error::RegistryError;

/// One row of Harbor's audit log.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct AuditEvent {
    pub id: i64,
    #[serde(rename = "op_time", default, deserialize_with = "moment")]
    pub time: Option<OffsetDateTime>,
    #[serde(default, deserialize_with = "or_default")]
    pub username: String,
    /// `create`, `delete`, `pull` …
    #[serde(default, deserialize_with = "or_default")]
    pub operation: String,
    /// `artifact`, `tag`, `repository`, `project`, `member`, `robot` …
    #[serde(default, deserialize_with = "or_default")]
    pub resource_type: String,
    /// `repo:tag`, `repo@sha256:…` or a name.
    #[serde(default, deserialize_with = "or_default")]
    pub resource: String,
}

impl Client {
    /// Rows above `since_id`, oldest first, at most `rows_max`; the ids of the two logs are not comparable, so start from 0 after an upgrade across 2.13. A robot
    /// without `audit-log:list` gets an empty list, not an error.
    pub async fn audit_tail(&self, since_id: i64, rows_max: usize) -> Result<Vec<AuditEvent>, RegistryError> {
        match self.audit_rows("/auditlog-exts", since_id, rows_max).await {
            Err(RegistryError::NotFound { .. }) => self.audit_rows("/audit-logs", since_id, rows_max).await,
            other => other,
        }
    }

    async fn audit_rows(&self, path: &str, since_id: i64, rows_max: usize) -> Result<Vec<AuditEvent>, RegistryError> {
        let listing = Listing::new(path, "read the audit log");
        let mut rows: Vec<AuditEvent> = Vec::new();
        for _ in 0..pages_max() {
            let after = rows.last().map_or(since_id, |row| row.id);
            let page = self.page_after(&listing, "id", after, |row: &AuditEvent| row.id).await?;
            rows.extend(page.rows);
            if !page.more || rows.len() >= rows_max {
                break;
            }
        }
        rows.truncate(rows_max);
        Ok(rows)
    }
}
