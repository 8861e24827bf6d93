//! Harbor's API v2.0 (harbor.md §1–§4, §8, §9). Base path `/api/v2.0` for every version.

mod artifacts;
mod audit;
mod facts;
mod paging;
mod projects;
mod repositories;
mod robots;
mod settings;
mod staging;
mod system;
pub(crate) mod values;

pub use artifacts::{Accessory, Artifact, Label, TagInfo};
pub use audit::{AuditEvent, AuditLog, NewestAudit};
pub use projects::{CveAllowlist, Project, Quota};
pub use repositories::{Newest, Repository};
pub use robots::{CreatedRobot, Permission, PermissionKind, RobotScope, RobotSpec, SystemRobot};
pub use settings::{ImmutableRule, Member, ProjectLabel, RetentionRule, RetentionSummary, Selector};
pub use staging::{STAGING_LABEL, STAGING_PREFIX};
pub use system::{Component, GcRun, Health, SystemInfo};

/// The lists of rights behind robots and the check-list.
pub(crate) mod rights {
    pub(crate) use super::robots::{PREVIEW_CONTENT, PREVIEW_SETTINGS, READ_CONTENT, READ_SETTINGS, STAGE_FROM, STAGE_IN, WRITE_CONTENT};
}
