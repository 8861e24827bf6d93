//! Snapshots that a deleted plan left behind, and what becomes of them.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::types::Keep;
use crate::units::Moment;

/// What becomes of the snapshots of a deleted plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum LeftTo {
    /// All are kept; somebody is named who answers for that.
    Kept,
    /// They are kept by the rule the plan had.
    Rule,
    /// They are kept by the rule of another plan.
    Plan,
    /// Nobody decided: all are kept.
    Undecided,
}

/// A deleted plan that still has snapshots.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Left {
    /// The plan.
    pub plan_id: i64,
    /// Its name.
    pub plan: String,
    /// Harbor.
    pub harbor: String,
    /// Vault.
    pub vault_id: i64,
    /// Name of the vault.
    pub vault: String,
    /// When it was deleted.
    pub deleted: Moment,
    /// Snapshots it left: of the project where one is asked about, else in all.
    pub snapshots: i64,
    /// The rule it had; all zero keeps everything.
    pub keep: Keep,
    /// What becomes of them.
    pub to: LeftTo,
    /// Who answers for keeping them all.
    pub owner: Option<String>,
    /// Plan whose rule keeps them.
    pub by_plan: Option<(i64, String)>,
    /// Who decided.
    pub decided_by: Option<String>,
    /// When; nothing goes by it for a day.
    pub decided: Option<Moment>,
}

/// Deletes a plan.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DeletePlanForm {
    /// Its name.
    pub confirm: String,
    /// What becomes of its snapshots. Not needed where it has none.
    #[serde(default)]
    pub left: Leave,
}

/// What is to become of the snapshots of a deleted plan.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Leave {
    /// `kept`, `rule` or `plan`.
    pub to: String,
    /// With `kept`: login of who answers for it.
    pub owner: String,
    /// With `plan`: the plan.
    pub plan_id: Option<i64>,
}
