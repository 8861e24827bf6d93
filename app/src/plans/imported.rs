//! Images that came from files: no plan has them, and somebody's word keeps them.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::units::Moment;

/// A snapshot of images that came from files.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Import {
    /// Number of the snapshot.
    pub snapshot_id: i64,
    /// Harbor it was entered beside.
    pub harbor: String,
    /// Project.
    pub project: String,
    /// When it was taken in.
    pub moment: Moment,
    /// Vault.
    pub vault_id: i64,
    /// Name of the vault.
    pub vault: String,
    /// Tags it holds.
    pub tags: i64,
    /// Artifacts it holds.
    pub artifacts: i64,
    /// Who answers for keeping it; none: nobody said anything, and it is kept.
    pub owner: Option<String>,
    /// After which it may go; none: not before somebody says so.
    pub until: Option<Moment>,
    /// Who decided.
    pub decided_by: Option<String>,
    /// When; nothing goes by it for a day.
    pub decided: Option<Moment>,
}

/// Whose word keeps an import, and until when.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct KeepImport {
    /// Login of who answers for keeping it.
    pub owner: String,
    /// A day, whose end in UTC is meant, or a moment; empty: until somebody says so.
    #[serde(default)]
    pub until: String,
}
