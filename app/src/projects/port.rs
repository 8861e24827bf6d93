//! What the pages ask the backend about projects, moments and tags.

use async_trait::async_trait;

use crate::error::ApiError;
use crate::ports::Cx;
use crate::projects::found::Found;
use crate::projects::gaps::{AcceptGap, ProjectGaps};
use crate::projects::types::{
    ArtifactDetail, Browse, BrowseQuery, Changes, HeldMoment, HoldForm, LiveDiff, Project, ProjectFilter, SettingsAt, SettingsQuery,
    TagHistory, Timeline,
};
use crate::units::{Moment, Page};

/// Projects through time. Reading: any duty, or a role on the project; else `NotFound`.
#[async_trait]
pub trait Projects: Send + Sync {
    /// Projects visible to the caller.
    async fn list_projects(&self, cx: &Cx, filter: ProjectFilter) -> Result<Page<Project>, ApiError>;
    /// The timeline around `at` (none = newest) in a window `zoom`: `hour`, `day`, `month`, `quarter`, `year`.
    async fn get_timeline(
        &self,
        cx: &Cx,
        harbor: String,
        project: String,
        at: Option<Moment>,
        zoom: Option<String>,
    ) -> Result<Timeline, ApiError>;
    /// Compares the moment with the harbor now.
    async fn compare_live(&self, cx: &Cx, harbor: String, project: String, at: Option<Moment>) -> Result<LiveDiff, ApiError>;
    /// Repositories and tags at a moment.
    async fn browse(&self, cx: &Cx, query: BrowseQuery) -> Result<Browse, ApiError>;
    /// Everything one tag pointed to. `live`: its Harbor is asked what it points to now.
    async fn tag_history(
        &self,
        cx: &Cx,
        harbor: String,
        project: String,
        repository: String,
        tag: String,
        live: bool,
    ) -> Result<TagHistory, ApiError>;
    /// Parts of one artifact. Needs a role on the project: operators and auditors do not read image content.
    async fn get_artifact(
        &self,
        cx: &Cx,
        harbor: String,
        project: String,
        repository: String,
        digest: String,
    ) -> Result<ArtifactDetail, ApiError>;
    /// Tags that differ between two moments; none = the newest, and the one before the later moment.
    async fn get_changes(
        &self,
        cx: &Cx,
        harbor: String,
        project: String,
        from: Option<Moment>,
        to: Option<Moment>,
    ) -> Result<Changes, ApiError>;
    /// Settings at a moment and what changed. Needs a duty, or the role approver or owner on the project.
    async fn get_settings(&self, cx: &Cx, query: SettingsQuery) -> Result<SettingsAt, ApiError>;
    /// Search by whatever names an image, over all time; at most 50 hits. `live`: Harbors are asked whether they have what was found.
    async fn search(&self, cx: &Cx, q: String, live: bool) -> Result<Found, ApiError>;
    /// Gaps of the newest snapshot of a project, and what was accepted of them.
    async fn get_gaps(&self, cx: &Cx, harbor: String, project: String) -> Result<ProjectGaps, ApiError>;
    /// Accepts gaps of a snapshot until a day; answers how many. Owners of the project.
    async fn accept_gap(&self, cx: &Cx, harbor: String, project: String, form: AcceptGap) -> Result<i64, ApiError>;
    /// Takes an acceptance back. Owners of the project.
    async fn withdraw_acceptance(&self, cx: &Cx, harbor: String, project: String, acceptance: i64, reason: String) -> Result<(), ApiError>;
    /// Keeps a snapshot from retention, for a reason, until a day or without an end.
    async fn hold_snapshot(&self, cx: &Cx, snapshot_id: i64, form: HoldForm) -> Result<(), ApiError>;
    /// Releases a hold: whoever set it, an owner of the project, an operator.
    async fn release_hold(&self, cx: &Cx, hold_id: i64, reason: String) -> Result<(), ApiError>;
    /// Holds that keep snapshots of a project now.
    async fn list_holds(&self, cx: &Cx, harbor: String, project: String) -> Result<Vec<HeldMoment>, ApiError>;
    /// Queues a backup of this project now; answers with the job.
    async fn back_up_project(&self, cx: &Cx, harbor: String, project: String) -> Result<i64, ApiError>;
}
