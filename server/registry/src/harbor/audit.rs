//! Harbor's own audit log: `/auditlog-exts` since 2.13, `/audit-logs` before, which goes on answering and gets nothing new (harbor.md §8).
//!
//! Rows are written after the change they tell of, and numbered one by one. Whoever may not read the log gets an empty list, not an error.

use std::fmt;
use std::str::FromStr;

use serde::Deserialize;
use time::OffsetDateTime;
use vocab::{Digest, RepositoryName};

use super::paging::{Listing, PAGE_SIZE, Page};
use super::values::{moment, or_default};
use crate::client::Client;
use crate::error::RegistryError;
use crate::version::HarborVersion;

/// What changes something. Pulls and logins are most of a busy log, and change nothing a backup holds.
const CHANGES: &str = "operation={create delete update}";

/// One row of Harbor's audit log.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct AuditEvent {
    pub id: i64,
    #[serde(rename = "op_time", default, deserialize_with = "moment")]
    pub time: Option<OffsetDateTime>,
    #[serde(default, deserialize_with = "or_default")]
    pub username: String,
    /// `create`, `delete`, `update`, `pull` …
    #[serde(default, deserialize_with = "or_default")]
    pub operation: String,
    /// `artifact`, `tag`, `repository`, `project`, `member`, `robot` …
    #[serde(default, deserialize_with = "or_default")]
    pub resource_type: String,
    /// `repo:tag`, `repo@sha256:…` or a name.
    #[serde(default, deserialize_with = "or_default")]
    pub resource: String,
    /// A sentence; the newer log only.
    #[serde(rename = "operation_description", default, deserialize_with = "or_default")]
    pub description: String,
}

/// Which of the two logs. Numbers of one mean nothing in the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AuditLog {
    /// Written before 2.13.
    Old,
    /// Written from 2.13 on.
    Extended,
}

impl AuditLog {
    /// The one that this version writes.
    #[must_use]
    pub fn of(version: HarborVersion) -> Self {
        if version < HarborVersion::EXTENDED_AUDIT { Self::Old } else { Self::Extended }
    }

    /// Its name in Harbor's API.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Old => "audit-logs",
            Self::Extended => "auditlog-exts",
        }
    }
}

impl fmt::Display for AuditLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for AuditLog {
    type Err = ();

    fn from_str(name: &str) -> Result<Self, ()> {
        [Self::Old, Self::Extended].into_iter().find(|log| log.name() == name).ok_or(())
    }
}

/// The newest rows of a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewestAudit {
    /// Newest first, a page at most.
    pub rows: Vec<AuditEvent>,
    /// How many there are in all from the number asked for on.
    pub total: u64,
}

impl NewestAudit {
    /// Whether `rows` are not all.
    #[must_use]
    pub const fn is_cut(&self) -> bool {
        self.total > self.rows.len() as u64
    }
}

impl Client {
    /// The newest rows numbered `from` and above. `None`: this Harbor does not number or count them as described, and nothing follows from its answer.
    pub async fn newest_audit(&self, log: AuditLog, from: i64) -> Result<Option<NewestAudit>, RegistryError> {
        let listing = Listing::new(format!("/{log}"), "read the audit log").filtered(format!("id=[{}~]", from.max(1)));
        let page: Page<AuditEvent> = self.page_sorted(&listing, "-id", 1).await?;
        let Some(total) = page.total else { return Ok(None) };
        let falls = page.rows.is_sorted_by(|a, b| a.id > b.id) && page.rows.iter().all(|row| row.id >= from);
        let whole = page.rows.len() >= PAGE_SIZE || page.rows.len() as u64 >= total;
        Ok((falls && whole).then_some(NewestAudit { rows: page.rows, total }))
    }

    /// One row, if it is still there.
    pub async fn audit_event(&self, log: AuditLog, id: i64) -> Result<Option<AuditEvent>, RegistryError> {
        let listing = Listing::new(format!("/{log}"), "read the audit log").filtered(format!("id=[{id}~{id}]"));
        let page: Page<AuditEvent> = self.page_sorted(&listing, "-id", 1).await?;
        Ok(page.rows.into_iter().find(|row| row.id == id))
    }

    /// What was pushed into a repository by its digest and not by a tag, the newest first, as far back as the log goes and up to `rows_max` rows of it.
    /// Whoever may not read the log gets nothing.
    pub async fn pushed_by_digest(
        &self,
        log: AuditLog,
        repository: &RepositoryName,
        rows_max: usize,
    ) -> Result<Vec<Digest>, RegistryError> {
        let place = format!("{repository}@");
        let listing = Listing::new(format!("/{log}"), "read the audit log").filtered(format!("operation=create,resource=~{place}"));
        let mut digests: Vec<Digest> = Vec::new();
        for number in 1..=rows_max.div_ceil(PAGE_SIZE) {
            let page: Page<AuditEvent> = self.page_sorted(&listing, "-id", number).await?;
            let ended = page.rows.len() < PAGE_SIZE;
            digests.extend(page.rows.iter().filter_map(|row| row.resource.strip_prefix(&place)?.parse::<Digest>().ok()));
            if ended {
                break;
            }
        }
        Ok(digests)
    }

    /// Rows numbered above `after` that tell of a change, oldest first. `None`: there are more than `rows_max`.
    pub async fn audit_changes(&self, log: AuditLog, after: i64, rows_max: usize) -> Result<Option<Vec<AuditEvent>>, RegistryError> {
        let listing = Listing::new(format!("/{log}"), "read the audit log").filtered(CHANGES);
        let mut rows: Vec<AuditEvent> = Vec::new();
        loop {
            let last = rows.last().map_or(after, |row| row.id);
            let page = self.page_after(&listing, "id", last, |row: &AuditEvent| row.id).await?;
            if page.total.is_some_and(|total| rows.len() as u64 + total > rows_max as u64) {
                return Ok(None);
            }
            rows.extend(page.rows);
            if rows.len() > rows_max {
                return Ok(None);
            }
            if !page.more {
                return Ok(Some(rows));
            }
        }
    }
}
