//! What the pages ask the backend about harbors.

use async_trait::async_trait;

use crate::error::ApiError;
use crate::harbors::types::{ChangeHarbor, CheckList, Harbor, NewHarbor, RenewLogins, Renewed, StagingForm};
use crate::ports::Cx;

/// Registered harbors. Reading: any duty, and whoever has a role in it. Changing: operator.
#[async_trait]
pub trait Harbors: Send + Sync {
    /// All harbors visible to the caller, by name.
    async fn list_harbors(&self, cx: &Cx) -> Result<Vec<Harbor>, ApiError>;
    /// One harbor.
    async fn get_harbor(&self, cx: &Cx, harbor: String) -> Result<Harbor, ApiError>;
    /// Registers a harbor, after its check-list passed for backup; makes the robots first if asked to.
    async fn create_harbor(&self, cx: &Cx, form: NewHarbor) -> Result<Harbor, ApiError>;
    /// Runs the check-list for values that are not stored yet.
    async fn try_harbor(&self, cx: &Cx, form: NewHarbor) -> Result<CheckList, ApiError>;
    /// Changes address or logins; tests them first.
    async fn change_harbor(&self, cx: &Cx, form: ChangeHarbor) -> Result<Harbor, ApiError>;
    /// Allows images that a policy blocks to be read through a staging project, or ends that.
    async fn set_staging(&self, cx: &Cx, form: StagingForm) -> Result<Harbor, ApiError>;
    /// Makes its logins anew from an administrator's, which is used once: new secrets, and the least rights.
    async fn renew_logins(&self, cx: &Cx, form: RenewLogins) -> Result<Renewed, ApiError>;
    /// Runs the check-list of a registered harbor and keeps it.
    async fn check_harbor(&self, cx: &Cx, harbor: String) -> Result<CheckList, ApiError>;
    /// Queues a listing of its projects now; the job.
    async fn list_projects_now(&self, cx: &Cx, harbor: String) -> Result<i64, ApiError>;
    /// The newest kept check-list.
    async fn last_check(&self, cx: &Cx, harbor: String) -> Result<Option<CheckList>, ApiError>;
    /// Forgets a harbor no plan uses; `confirm` must be its name. Backups stay.
    async fn remove_harbor(&self, cx: &Cx, harbor: String, confirm: String) -> Result<(), ApiError>;
}
