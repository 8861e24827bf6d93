//! Projects over time: contents, tags, gaps, holds, and the search.

use app::projects::found::Found;
use app::projects::gaps::{AcceptGap, ProjectGaps};
use app::projects::types::{
    ArtifactDetail, Browse, BrowseQuery, Changes, HeldMoment, HoldForm, LiveDiff, Project, ProjectFilter, SettingsAt, SettingsQuery,
    TagHistory, Timeline,
};
use app::units::{Moment, Page};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::super::Web;
use super::super::rules::{Line, Rule};
use super::{Answer, Body, Counted, Path, Query, Queued};

/// The gate, line by line.
pub const LINES: &[Line] = &[
    ("GET", "/api/v1/projects", Rule::SignedIn),
    ("GET", "/api/v1/projects/{harbor}/{project}", Rule::SignedIn),
    ("GET", "/api/v1/projects/{harbor}/{project}/diff", Rule::SignedIn),
    ("GET", "/api/v1/projects/{harbor}/{project}/contents", Rule::SignedIn),
    ("GET", "/api/v1/projects/{harbor}/{project}/tag", Rule::SignedIn),
    ("GET", "/api/v1/projects/{harbor}/{project}/changes", Rule::SignedIn),
    ("GET", "/api/v1/projects/{harbor}/{project}/settings", Rule::SignedIn),
    ("GET", "/api/v1/projects/{harbor}/{project}/artifact", Rule::SignedIn),
    ("POST", "/api/v1/projects/{harbor}/{project}/backup", Rule::SignedIn),
    ("GET", "/api/v1/search", Rule::SignedIn),
    ("GET", "/api/v1/projects/{harbor}/{project}/gaps", Rule::SignedIn),
    ("POST", "/api/v1/projects/{harbor}/{project}/gaps", Rule::SignedIn),
    ("DELETE", "/api/v1/projects/{harbor}/{project}/gaps/{id}", Rule::SignedIn),
    ("POST", "/api/v1/snapshots/{id}/hold", Rule::SignedIn),
    ("GET", "/api/v1/projects/{harbor}/{project}/holds", Rule::SignedIn),
    ("POST", "/api/v1/holds/{id}/release", Rule::SignedIn),
];

/// The calls.
pub fn routes(router: OpenApiRouter<Web>) -> OpenApiRouter<Web> {
    router
        .routes(routes!(list_projects))
        .routes(routes!(get_timeline))
        .routes(routes!(compare_live))
        .routes(routes!(browse))
        .routes(routes!(tag_history))
        .routes(routes!(get_changes))
        .routes(routes!(get_settings))
        .routes(routes!(get_artifact))
        .routes(routes!(back_up_project))
        .routes(routes!(search))
        .routes(routes!(get_gaps, accept_gap))
        .routes(routes!(withdraw_acceptance))
        .routes(routes!(hold_snapshot))
        .routes(routes!(list_holds))
        .routes(routes!(release_hold))
}

/// A reason.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Why {
    /// Why.
    reason: String,
}

/// A moment.
#[derive(Deserialize, IntoParams)]
struct At {
    /// `2026-11-23T09:30:00Z`; none = the newest.
    at: Option<Moment>,
    /// `hour`, `day`, `month`, `quarter`, `year`.
    zoom: Option<String>,
}

/// Contents of a project.
#[derive(Deserialize, IntoParams)]
struct Inside {
    /// `2026-11-23T09:30:00Z`; none = the newest.
    at: Option<Moment>,
    /// Repository.
    repo: Option<String>,
    /// Part of a name.
    q: Option<String>,
    /// `gone` or `moved`.
    only: Option<String>,
    /// Cursor.
    after: Option<String>,
    /// `false`: as the snapshots say, without asking Harbor.
    #[serde(default)]
    live: Option<bool>,
}

/// One tag.
#[derive(Deserialize, IntoParams)]
struct OneTag {
    /// Repository with project.
    repo: String,
    /// Tag.
    tag: String,
    /// `false`: as the snapshots say, without asking Harbor.
    #[serde(default)]
    live: Option<bool>,
}

/// From one moment to another.
#[derive(Deserialize, IntoParams)]
struct Span {
    /// The earlier moment; none = the snapshot before the later one.
    from: Option<Moment>,
    /// The later moment; none = the newest.
    to: Option<Moment>,
}

/// Two moments.
#[derive(Deserialize, IntoParams)]
struct Between {
    /// The moment; none = the newest.
    at: Option<Moment>,
    /// The moment to compare with; none = the last one with other settings.
    against: Option<Moment>,
}

/// One artifact.
#[derive(Deserialize, IntoParams)]
struct OneArtifact {
    /// Repository with project.
    repo: String,
    /// Digest.
    digest: String,
}

/// A search.
#[derive(Deserialize, IntoParams)]
struct Find {
    /// Whatever names an image: a reference with or without host, tag and digest, a part of a name, a digest or its first digits, the id
    /// docker shows, a line of an error. At most 4,096 bytes.
    q: String,
    /// `false`: as the snapshots say, without asking Harbor.
    #[serde(default)]
    live: Option<bool>,
}

endpoint!(/// Projects.
    get "/api/v1/projects" "projects" list_projects(cx, b, Query(filter): Query<ProjectFilter>) Page<Project> => b.list_projects(cx, filter).await?);
endpoint!(/// The timeline of a project: its snapshots.
    get "/api/v1/projects/{harbor}/{project}" "projects" get_timeline(cx, b, Path((harbor, project)): Path<(String, String)>, Query(at): Query<At>) Timeline => b.get_timeline(cx, harbor, project, at.at, at.zoom).await?);
endpoint!(/// A moment compared with the harbor now.
    get "/api/v1/projects/{harbor}/{project}/diff" "projects" compare_live(cx, b, Path((harbor, project)): Path<(String, String)>, Query(at): Query<At>) LiveDiff => b.compare_live(cx, harbor, project, at.at).await?);
endpoint!(/// Repositories and tags at a moment.
    get "/api/v1/projects/{harbor}/{project}/contents" "projects" browse(cx, b, Path((harbor, project)): Path<(String, String)>, Query(q): Query<Inside>) Browse => b.browse(cx, BrowseQuery { harbor, project, at: q.at, repo: q.repo, q: q.q, only: q.only, after: q.after, live: q.live }).await?);
endpoint!(/// Everything a tag pointed to.
    get "/api/v1/projects/{harbor}/{project}/tag" "projects" tag_history(cx, b, Path((harbor, project)): Path<(String, String)>, Query(q): Query<OneTag>) TagHistory => b.tag_history(cx, harbor, project, q.repo, q.tag, q.live != Some(false)).await?);
endpoint!(/// Tags that differ between two moments.
    get "/api/v1/projects/{harbor}/{project}/changes" "projects" get_changes(cx, b, Path((harbor, project)): Path<(String, String)>, Query(q): Query<Span>) Changes => b.get_changes(cx, harbor, project, q.from, q.to).await?);
endpoint!(/// Settings at a moment, and what is different from an earlier one.
    get "/api/v1/projects/{harbor}/{project}/settings" "projects" get_settings(cx, b, Path((harbor, project)): Path<(String, String)>, Query(q): Query<Between>) SettingsAt => b.get_settings(cx, SettingsQuery { harbor, project, at: q.at, against: q.against }).await?);
endpoint!(/// The parts of an artifact.
    get "/api/v1/projects/{harbor}/{project}/artifact" "projects" get_artifact(cx, b, Path((harbor, project)): Path<(String, String)>, Query(q): Query<OneArtifact>) ArtifactDetail => b.get_artifact(cx, harbor, project, q.repo, q.digest).await?);
endpoint!(/// Queues a backup of one project.
    post "/api/v1/projects/{harbor}/{project}/backup" "projects" back_up_project(cx, b, Path((harbor, project)): Path<(String, String)>) Queued => Queued { job_id: b.back_up_project(cx, harbor, project).await? });
endpoint!(/// Searches names, tags and digests over all time, as people paste them, and asks Harbor whether it has what is found.
    get "/api/v1/search" "projects" search(cx, b, Query(q): Query<Find>) Found => b.search(cx, q.q, q.live != Some(false)).await?);
endpoint!(/// Gaps of the newest snapshot, and what was accepted of them.
    get "/api/v1/projects/{harbor}/{project}/gaps" "projects" get_gaps(cx, b, Path((harbor, project)): Path<(String, String)>) ProjectGaps => b.get_gaps(cx, harbor, project).await?);
endpoint!(/// Accepts gaps of a snapshot until a day.
    post "/api/v1/projects/{harbor}/{project}/gaps" "projects" accept_gap(cx, b, Path((harbor, project)): Path<(String, String)>, Body(form): Body<AcceptGap>) Counted => Counted { count: b.accept_gap(cx, harbor, project, form).await? });
endpoint!(/// Takes an acceptance back.
    delete "/api/v1/projects/{harbor}/{project}/gaps/{id}" "projects" withdraw_acceptance(cx, b, Path((harbor, project, id)): Path<(String, String, i64)>, Body(why): Body<Why>) () => b.withdraw_acceptance(cx, harbor, project, id, why.reason).await?);
endpoint!(/// Keeps a snapshot.
    post "/api/v1/snapshots/{id}/hold" "projects" hold_snapshot(cx, b, Path(id): Path<i64>, Body(form): Body<HoldForm>) () => b.hold_snapshot(cx, id, form).await?);
endpoint!(/// Holds that keep snapshots of a project now.
    get "/api/v1/projects/{harbor}/{project}/holds" "projects" list_holds(cx, b, Path((harbor, project)): Path<(String, String)>) Vec<HeldMoment> => b.list_holds(cx, harbor, project).await?);
endpoint!(/// Releases a hold before its end.
    post "/api/v1/holds/{id}/release" "projects" release_hold(cx, b, Path(id): Path<i64>, Body(why): Body<Why>) () => b.release_hold(cx, id, why.reason).await?);
