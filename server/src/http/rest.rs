//! REST, `/api/v1`: the same calls as the pages make, described by `/api/v1/openapi.json`.
//!
//! Every handler is one line over the port, so a rule that holds for a page holds here. Errors are [`ApiError`] as JSON.

use app::accounts::types::{ChangeRoles, Duty, EndSessions, MadeToken, NewToken, NewUser, OneTime, OpenSession, Token, User};
use app::audit::types::{AuditDetail, AuditFilter, AuditPage, ChainCheck};
use app::error::ApiError;
use app::harbors::types::{ChangeHarbor, CheckList, Harbor, NewHarbor, RenewLogins, Renewed, StagingForm};
use app::home::types::Home;
use app::jobs::types::{Job, JobFilter, LogLine};
use app::plans::left::{DeletePlanForm, Leave, Left};
use app::plans::types::{Plan, PlanForm, PlanPreview, Retention, Run};
use app::ports::Cx;
use app::projects::found::Found;
use app::projects::gaps::{AcceptGap, ProjectGaps};
use app::projects::types::{
    ArtifactDetail, Browse, BrowseQuery, Changes, HeldMoment, HoldForm, LiveDiff, Project, ProjectFilter, SettingsAt, SettingsQuery,
    TagHistory, Timeline,
};
use app::restores::types::{
    CastVote, Draft, InboxFilter, Line as RestoreLine, LineFilter, Lines, PlanChange, Request, RequestFilter, RequestRow, RestoreForm,
    Submit,
};
use app::session::types::Me;
use app::units::{Moment, Page};
use app::vaults::types::{Capacity, ChangeBucket, ChangeLock, ChangeScrub, Finding, NewVault, Sweep, SweepForm, Vault};
use axum::Json;
use axum::extract::{FromRequest, FromRequestParts, Query, State};
use axum::http::request::Parts;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, OpenApi, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Web;
use super::guard::refuse;
use super::rules::{Line, Rule};

/// An error as its answer.
pub struct Refusal(ApiError);

impl From<ApiError> for Refusal {
    fn from(error: ApiError) -> Self {
        Self(error)
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        refuse(self.0)
    }
}

type Answer<T> = Result<Json<T>, Refusal>;

/// A body; what is wrong with it is answered in our own form.
#[derive(FromRequest)]
#[from_request(via(Json), rejection(Refusal))]
pub struct Body<T>(T);

impl From<axum::extract::rejection::JsonRejection> for Refusal {
    fn from(rejection: axum::extract::rejection::JsonRejection) -> Self {
        Self(ApiError::field("body", rejection.body_text()))
    }
}

/// A query; what is wrong with it is answered in our own form.
#[derive(FromRequestParts)]
#[from_request(via(Query), rejection(Refusal))]
pub struct Asked<T>(T);

impl From<axum::extract::rejection::QueryRejection> for Refusal {
    fn from(rejection: axum::extract::rejection::QueryRejection) -> Self {
        Self(ApiError::field("query", rejection.body_text()))
    }
}

/// A part of the path. What is no number where one belongs names nothing there is, and is answered like it, in our own form.
#[derive(FromRequestParts)]
#[from_request(via(axum::extract::Path), rejection(Refusal))]
pub struct Path<T>(T);

impl From<axum::extract::rejection::PathRejection> for Refusal {
    fn from(_: axum::extract::rejection::PathRejection) -> Self {
        Self(ApiError::not_found("object"))
    }
}

/// A confirmation: the name of what is to go.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Confirm {
    /// Name.
    confirm: String,
}

/// A reason.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Why {
    /// Why.
    reason: String,
}

/// A pause.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Pause {
    /// Days, 1 to 7.
    days: i64,
    /// Why.
    reason: String,
}

/// How many.
#[derive(Serialize, ToSchema)]
struct Counted {
    /// So many.
    count: i64,
}

/// A queued job.
#[derive(Serialize, ToSchema)]
struct Queued {
    /// The job.
    job_id: i64,
}

/// A switch.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Switch {
    /// Switched off.
    disabled: bool,
}

/// One session, or all but the one that asks.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct WhichSession {
    /// Its id; none = all but the one that asks.
    #[serde(default)]
    session_id: Option<i64>,
}

/// A change of one's own password.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct OwnPassword {
    /// The one until now.
    current: String,
    /// The new one.
    password: String,
}

/// Duties and roles of an account.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Roles {
    /// Duties.
    #[serde(default)]
    duties: Vec<Duty>,
    /// Grants, one a line.
    #[serde(default)]
    grants: String,
    /// Why.
    reason: String,
}

/// A cursor.
#[derive(Deserialize, IntoParams)]
struct Cursor {
    /// The `next` of the page before.
    after: Option<String>,
}

/// A page by its number.
#[derive(Deserialize, IntoParams)]
struct Numbered {
    /// From 1.
    page: Option<i64>,
}

/// A line of a log.
#[derive(Deserialize, IntoParams)]
struct AfterLine {
    /// Number of the last line known.
    after: Option<i64>,
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
}

/// One tag.
#[derive(Deserialize, IntoParams)]
struct OneTag {
    /// Repository with project.
    repo: String,
    /// Tag.
    tag: String,
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
}

macro_rules! endpoint {
    // With a body, which the description names too.
    ($(#[doc = $doc:literal])+ $verb:ident $path:literal $tag:literal $name:ident
        ( $cx:ident, $web:ident $(, Path($at:pat): Path<$place:ty>)? $(, Asked($query:pat): Asked<$asked:ty>)?, Body($form:ident): Body<$body:ty> )
        $answer:ty => $call:expr) => {
        $(#[doc = $doc])+
        #[utoipa::path($verb, path = $path, tag = $tag, request_body = $body, responses((status = 200, body = $answer), (status = "default", body = ApiError)))]
        async fn $name(
            State($web): State<Web>,
            parts: Parts
            $(, Path($at): Path<$place>)?
            $(, Asked($query): Asked<$asked>)?,
            Body($form): Body<$body>
        ) -> Answer<$answer> {
            let $cx = &Cx { parts };
            let $web = &$web.backend;
            Ok(Json($call))
        }
    };
    ($(#[doc = $doc:literal])+ $verb:ident $path:literal $tag:literal $name:ident ( $cx:ident, $web:ident $($args:tt)* ) $answer:ty => $call:expr) => {
        $(#[doc = $doc])+
        #[utoipa::path($verb, path = $path, tag = $tag, responses((status = 200, body = $answer), (status = "default", body = ApiError)))]
        async fn $name(State($web): State<Web>, parts: Parts $($args)*) -> Answer<$answer> {
            let $cx = &Cx { parts };
            let $web = &$web.backend;
            Ok(Json($call))
        }
    };
}

endpoint!(/// Who I am.
    get "/api/v1/me" "session" get_me(cx, b) Me => b.shell(cx).await?.me.ok_or_else(|| ApiError::not_found("account"))?);
endpoint!(/// The posture.
    get "/api/v1/home" "home" get_home(cx, b) Home => b.get_home(cx).await?);

endpoint!(/// Registered harbors.
    get "/api/v1/harbors" "harbors" list_harbors(cx, b) Vec<Harbor> => b.list_harbors(cx).await?);
endpoint!(/// Registers a harbor after its check-list passed.
    post "/api/v1/harbors" "harbors" create_harbor(cx, b, Body(form): Body<NewHarbor>) Harbor => b.create_harbor(cx, form).await?);
endpoint!(/// Runs the check-list for values that are not stored.
    post "/api/v1/harbors/try" "harbors" try_harbor(cx, b, Body(form): Body<NewHarbor>) CheckList => b.try_harbor(cx, form).await?);
endpoint!(/// One harbor.
    get "/api/v1/harbors/{name}" "harbors" get_harbor(cx, b, Path(name): Path<String>) Harbor => b.get_harbor(cx, name).await?);
endpoint!(/// Changes address or logins.
    put "/api/v1/harbors/{name}" "harbors" change_harbor(cx, b, Path(name): Path<String>, Body(form): Body<ChangeHarbor>) Harbor => b.change_harbor(cx, ChangeHarbor { harbor: name, ..form }).await?);
endpoint!(/// Forgets a harbor no plan uses.
    delete "/api/v1/harbors/{name}" "harbors" remove_harbor(cx, b, Path(name): Path<String>, Body(form): Body<Confirm>) () => b.remove_harbor(cx, name, form.confirm).await?);
endpoint!(/// Allows images that a policy blocks to be copied into a staging project and read there, or ends that.
    post "/api/v1/harbors/{name}/staging" "harbors" set_staging(cx, b, Path(name): Path<String>, Body(form): Body<StagingForm>) Harbor => b.set_staging(cx, StagingForm { harbor: name, ..form }).await?);
endpoint!(/// Makes the logins anew from an administrator's, which is used once: new robots with the least rights, and the old ones removed. For people, not for tokens.
    post "/api/v1/harbors/{name}/logins" "harbors" renew_logins(cx, b, Path(name): Path<String>, Body(form): Body<RenewLogins>) Renewed => b.renew_logins(cx, RenewLogins { harbor: name, ..form }).await?);
endpoint!(/// Runs and keeps the check-list.
    post "/api/v1/harbors/{name}/check" "harbors" check_harbor(cx, b, Path(name): Path<String>) CheckList => b.check_harbor(cx, name).await?);
endpoint!(/// Lists its projects now, so that a new one shows as not protected; they are listed every few minutes anyway.
    post "/api/v1/harbors/{name}/inventory" "harbors" list_projects_now(cx, b, Path(name): Path<String>) Queued => Queued { job_id: b.list_projects_now(cx, name).await? });

endpoint!(/// Vaults.
    get "/api/v1/vaults" "vaults" list_vaults(cx, b) Vec<Vault> => b.list_vaults(cx).await?);
endpoint!(/// Makes or adopts a vault.
    post "/api/v1/vaults" "vaults" create_vault(cx, b, Body(form): Body<NewVault>) Vault => b.create_vault(cx, form).await?);
endpoint!(/// One vault.
    get "/api/v1/vaults/{id}" "vaults" get_vault(cx, b, Path(id): Path<i64>) Vault => b.get_vault(cx, id).await?);
endpoint!(/// Changes how a vault's bucket is reached.
    put "/api/v1/vaults/{id}/bucket" "vaults" change_bucket(cx, b, Path(id): Path<i64>, Body(form): Body<ChangeBucket>) Vault => b.change_bucket(cx, ChangeBucket { vault_id: id, ..form }).await?);
endpoint!(/// Tries again what a vault needs of its bucket.
    post "/api/v1/vaults/{id}/bucket/check" "vaults" check_bucket(cx, b, Path(id): Path<i64>) Vault => b.check_bucket(cx, id).await?);
endpoint!(/// Queues a verification.
    post "/api/v1/vaults/{id}/verify" "vaults" verify_vault(cx, b, Path(id): Path<i64>) Queued => Queued { job_id: b.verify_vault(cx, id).await? });
endpoint!(/// Queues a sweep.
    post "/api/v1/vaults/{id}/sweep" "vaults" sweep_vault(cx, b, Path(id): Path<i64>, Body(form): Body<SweepForm>) Queued => Queued { job_id: b.sweep_vault(cx, id, form).await? });
endpoint!(/// Queues a rebuild of the catalogue from a vault.
    post "/api/v1/vaults/{id}/rebuild" "vaults" rebuild_from_vault(cx, b, Path(id): Path<i64>) Queued => Queued { job_id: b.rebuild_from_vault(cx, id).await? });
endpoint!(/// Lets a vault that was only read be written.
    post "/api/v1/vaults/{id}/open" "vaults" open_vault(cx, b, Path(id): Path<i64>) () => b.open_vault(cx, id).await?);
endpoint!(/// Changes how soon and how fast every byte of a vault is read.
    put "/api/v1/vaults/{id}/scrub" "vaults" change_scrub(cx, b, Path(id): Path<i64>, Body(form): Body<ChangeScrub>) () => b.change_scrub(cx, ChangeScrub { vault_id: id, ..form }).await?);
endpoint!(/// Changes how a vault's bucket locks what is written once.
    put "/api/v1/vaults/{id}/lock" "vaults" change_lock(cx, b, Path(id): Path<i64>, Body(form): Body<ChangeLock>) () => b.change_lock(cx, ChangeLock { vault_id: id, ..form }).await?);
endpoint!(/// What a vault takes, how it grows, and when it will be full.
    get "/api/v1/vaults/{id}/capacity" "vaults" vault_capacity(cx, b, Path(id): Path<i64>) Capacity => b.vault_capacity(cx, id).await?);
endpoint!(/// The last sweeps.
    get "/api/v1/vaults/{id}/sweeps" "vaults" list_sweeps(cx, b, Path(id): Path<i64>) Vec<Sweep> => b.list_sweeps(cx, id).await?);
endpoint!(/// What verification found.
    get "/api/v1/vaults/{id}/findings" "vaults" list_findings(cx, b, Path(id): Path<i64>) Vec<Finding> => b.list_findings(cx, id).await?);

endpoint!(/// Plans.
    get "/api/v1/plans" "plans" list_plans(cx, b) Vec<Plan> => b.list_plans(cx).await?);
endpoint!(/// Makes a plan.
    post "/api/v1/plans" "plans" create_plan(cx, b, Body(form): Body<PlanForm>) Plan => b.save_plan(cx, PlanForm { plan_id: None, ..form }).await?);
endpoint!(/// What a plan would match and when it would run.
    post "/api/v1/plans/preview" "plans" preview_plan(cx, b, Body(form): Body<PlanForm>) PlanPreview => b.preview_plan(cx, form).await?);
endpoint!(/// One plan.
    get "/api/v1/plans/{id}" "plans" get_plan(cx, b, Path(id): Path<i64>) Plan => b.get_plan(cx, id).await?);
endpoint!(/// Changes a plan.
    put "/api/v1/plans/{id}" "plans" change_plan(cx, b, Path(id): Path<i64>, Body(form): Body<PlanForm>) Plan => b.save_plan(cx, PlanForm { plan_id: Some(id), ..form }).await?);
endpoint!(/// What a plan keeps, and why.
    get "/api/v1/plans/{id}/retention" "plans" get_retention(cx, b, Path(id): Path<i64>) Retention => b.get_retention(cx, id).await?);
endpoint!(/// Deletes a plan, and says what becomes of its snapshots.
    delete "/api/v1/plans/{id}" "plans" delete_plan(cx, b, Path(id): Path<i64>, Body(form): Body<DeletePlanForm>) () => b.delete_plan(cx, id, form).await?);
endpoint!(/// Deleted plans that still have snapshots.
    get "/api/v1/left" "plans" list_left(cx, b) Vec<Left> => b.list_left(cx).await?);
endpoint!(/// Says anew what becomes of the snapshots of a deleted plan.
    put "/api/v1/left/{id}" "plans" decide_left(cx, b, Path(id): Path<i64>, Body(form): Body<Leave>) () => b.decide_left(cx, id, form).await?);
endpoint!(/// Queues a run.
    post "/api/v1/plans/{id}/run" "plans" run_plan(cx, b, Path(id): Path<i64>) Queued => Queued { job_id: b.run_plan(cx, id).await? });
endpoint!(/// Pauses.
    post "/api/v1/plans/{id}/pause" "plans" pause_plan(cx, b, Path(id): Path<i64>, Body(form): Body<Pause>) Plan => b.pause_plan(cx, id, form.days, form.reason).await?);
endpoint!(/// Resumes.
    post "/api/v1/plans/{id}/resume" "plans" resume_plan(cx, b, Path(id): Path<i64>) Plan => b.resume_plan(cx, id).await?);
endpoint!(/// Runs, newest first.
    get "/api/v1/plans/{id}/runs" "plans" list_runs(cx, b, Path(id): Path<i64>, Asked(page): Asked<Cursor>) Page<Run> => b.list_runs(cx, id, page.after).await?);

endpoint!(/// Projects.
    get "/api/v1/projects" "projects" list_projects(cx, b, Asked(filter): Asked<ProjectFilter>) Page<Project> => b.list_projects(cx, filter).await?);
endpoint!(/// The timeline of a project: its snapshots.
    get "/api/v1/projects/{harbor}/{project}" "projects" get_timeline(cx, b, Path((harbor, project)): Path<(String, String)>, Asked(at): Asked<At>) Timeline => b.get_timeline(cx, harbor, project, at.at, at.zoom).await?);
endpoint!(/// A moment compared with the harbor now.
    get "/api/v1/projects/{harbor}/{project}/diff" "projects" compare_live(cx, b, Path((harbor, project)): Path<(String, String)>, Asked(at): Asked<At>) LiveDiff => b.compare_live(cx, harbor, project, at.at).await?);
endpoint!(/// Repositories and tags at a moment.
    get "/api/v1/projects/{harbor}/{project}/contents" "projects" browse(cx, b, Path((harbor, project)): Path<(String, String)>, Asked(q): Asked<Inside>) Browse => b.browse(cx, BrowseQuery { harbor, project, at: q.at, repo: q.repo, q: q.q, only: q.only, after: q.after }).await?);
endpoint!(/// Everything a tag pointed to.
    get "/api/v1/projects/{harbor}/{project}/tag" "projects" tag_history(cx, b, Path((harbor, project)): Path<(String, String)>, Asked(q): Asked<OneTag>) TagHistory => b.tag_history(cx, harbor, project, q.repo, q.tag).await?);
endpoint!(/// Tags that differ between two moments.
    get "/api/v1/projects/{harbor}/{project}/changes" "projects" get_changes(cx, b, Path((harbor, project)): Path<(String, String)>, Asked(q): Asked<Span>) Changes => b.get_changes(cx, harbor, project, q.from, q.to).await?);
endpoint!(/// Settings at a moment, and what is different from an earlier one.
    get "/api/v1/projects/{harbor}/{project}/settings" "projects" get_settings(cx, b, Path((harbor, project)): Path<(String, String)>, Asked(q): Asked<Between>) SettingsAt => b.get_settings(cx, SettingsQuery { harbor, project, at: q.at, against: q.against }).await?);
endpoint!(/// The parts of an artifact.
    get "/api/v1/projects/{harbor}/{project}/artifact" "projects" get_artifact(cx, b, Path((harbor, project)): Path<(String, String)>, Asked(q): Asked<OneArtifact>) ArtifactDetail => b.get_artifact(cx, harbor, project, q.repo, q.digest).await?);
endpoint!(/// Queues a backup of one project.
    post "/api/v1/projects/{harbor}/{project}/backup" "projects" back_up_project(cx, b, Path((harbor, project)): Path<(String, String)>) Queued => Queued { job_id: b.back_up_project(cx, harbor, project).await? });
endpoint!(/// Searches names, tags and digests over all time, as people paste them, and asks Harbor whether it has what is found.
    get "/api/v1/search" "projects" search(cx, b, Asked(q): Asked<Find>) Found => b.search(cx, q.q).await?);
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

endpoint!(/// Stores a draft and makes its effect plan against the live harbor.
    post "/api/v1/restores/preview" "restores" preview_restore(cx, b, Body(form): Body<RestoreForm>) Draft => b.preview_restore(cx, form).await?);
endpoint!(/// A draft.
    get "/api/v1/restores/drafts/{id}" "restores" get_draft(cx, b, Path(id): Path<String>) Draft => b.get_draft(cx, id).await?);
endpoint!(/// Sends a draft off.
    post "/api/v1/restores" "restores" submit_restore(cx, b, Body(form): Body<Submit>) Request => b.submit_restore(cx, form).await?);
endpoint!(/// Requests, newest first.
    get "/api/v1/restores" "restores" list_requests(cx, b, Asked(filter): Asked<RequestFilter>) Page<RequestRow> => b.list_requests(cx, filter).await?);
endpoint!(/// One request.
    get "/api/v1/restores/{id}" "restores" get_request(cx, b, Path(id): Path<i64>) Request => b.get_request(cx, id).await?);
endpoint!(/// Every line of a request, by its number, or of a draft of one's own, by its name, a page at a time, with what came of it.
    get "/api/v1/restores/{id}/lines" "restores" list_lines(cx, b, Path(id): Path<String>, Asked(filter): Asked<LineFilter>) Lines => b.list_lines(cx, id, filter).await?);
endpoint!(/// What differs from the plan that was voted on, or looked at, before Harbor changed; null where nothing does.
    get "/api/v1/restores/{id}/change" "restores" get_change(cx, b, Path(id): Path<String>, Asked(page): Asked<Numbered>) Option<PlanChange> => b.get_change(cx, id, page.page.unwrap_or(1)).await?);

/// All lines that match, as CSV.
#[utoipa::path(get, path = "/api/v1/restores/{id}/lines.csv", tag = "restores", responses((status = 200, content_type = "text/csv", body = String), (status = "default", body = ApiError)))]
async fn lines_csv(
    State(web): State<Web>,
    parts: Parts,
    Path(id): Path<String>,
    Asked(filter): Asked<LineFilter>,
) -> Result<Response, Refusal> {
    let lines = web.backend.all_lines(&Cx { parts }, id.clone(), filter).await?;
    Ok(file(&file_name(&id, "csv"), "text/csv; charset=utf-8", crate::restores::csv(&lines)))
}

/// All lines that match, as one JSON file.
#[utoipa::path(get, path = "/api/v1/restores/{id}/lines.json", tag = "restores", responses((status = 200, body = Vec<RestoreLine>), (status = "default", body = ApiError)))]
async fn lines_json(
    State(web): State<Web>,
    parts: Parts,
    Path(id): Path<String>,
    Asked(filter): Asked<LineFilter>,
) -> Result<Response, Refusal> {
    let lines = web.backend.all_lines(&Cx { parts }, id.clone(), filter).await?;
    let text = crate::restores::json(&lines).map_err(|error| error.into_api(None))?;
    Ok(file(&file_name(&id, "json"), "application/json", text))
}

/// What a file of a request or draft is called. Something was found under `id`, so that it is a number or a name of ours.
fn file_name(id: &str, kind: &str) -> String {
    format!("restore-{id}.{kind}")
}

/// A file to save.
fn file(name: &str, kind: &'static str, text: String) -> Response {
    let place = format!("attachment; filename=\"{name}\"");
    ([(header::CONTENT_TYPE, kind.to_owned()), (header::CONTENT_DISPOSITION, place)], text).into_response()
}

endpoint!(/// Votes. People only: a token never votes.
    post "/api/v1/restores/{id}/votes" "restores" cast_vote(cx, b, Path(id): Path<i64>, Body(form): Body<CastVote>) Request => b.cast_vote(cx, CastVote { request_id: id, ..form }).await?);
endpoint!(/// Takes one's own request back.
    post "/api/v1/restores/{id}/withdraw" "restores" withdraw_request(cx, b, Path(id): Path<i64>) Request => b.withdraw_request(cx, id).await?);
endpoint!(/// Stops a restore before its next write.
    post "/api/v1/restores/{id}/cancel" "restores" cancel_request(cx, b, Path(id): Path<i64>) Request => b.cancel_request(cx, id).await?);
endpoint!(/// A draft with what failed.
    post "/api/v1/restores/{id}/retry" "restores" retry_request(cx, b, Path(id): Path<i64>) Draft => b.retry_request(cx, id).await?);
endpoint!(/// A draft that moves tags back.
    post "/api/v1/restores/{id}/undo" "restores" undo_request(cx, b, Path(id): Path<i64>) Draft => b.undo_request(cx, id).await?);
endpoint!(/// The inbox, newest first.
    get "/api/v1/approvals" "restores" list_approvals(cx, b, Asked(filter): Asked<InboxFilter>) Page<RequestRow> => b.list_approvals(cx, filter).await?);

endpoint!(/// Jobs, newest first.
    get "/api/v1/jobs" "jobs" list_jobs(cx, b, Asked(filter): Asked<JobFilter>) Page<Job> => b.list_jobs(cx, filter).await?);
endpoint!(/// One job.
    get "/api/v1/jobs/{id}" "jobs" get_job(cx, b, Path(id): Path<i64>) Job => b.get_job(cx, id).await?);
endpoint!(/// Its log.
    get "/api/v1/jobs/{id}/log" "jobs" get_job_log(cx, b, Path(id): Path<i64>, Asked(after): Asked<AfterLine>) Vec<LogLine> => b.get_job_log(cx, id, after.after).await?);
endpoint!(/// Asks a job to stop.
    post "/api/v1/jobs/{id}/cancel" "jobs" cancel_job(cx, b, Path(id): Path<i64>) Job => b.cancel_job(cx, id).await?);
endpoint!(/// Queues a dead job again.
    post "/api/v1/jobs/{id}/retry" "jobs" retry_job(cx, b, Path(id): Path<i64>) Job => b.retry_job(cx, id).await?);

endpoint!(/// The audit history, newest first.
    get "/api/v1/audit" "audit" list_audit(cx, b, Asked(filter): Asked<AuditFilter>) AuditPage => b.list_audit(cx, filter).await?);
endpoint!(/// One event.
    get "/api/v1/audit/{seq}" "audit" get_audit(cx, b, Path(seq): Path<i64>) AuditDetail => b.get_audit(cx, seq).await?);
endpoint!(/// Computes the chain again.
    post "/api/v1/audit/verify" "audit" verify_audit(cx, b) ChainCheck => b.verify_audit(cx).await?);

endpoint!(/// Accounts.
    get "/api/v1/users" "accounts" list_users(cx, b, Asked(page): Asked<Cursor>) Page<User> => b.list_users(cx, page.after).await?);
endpoint!(/// Makes an account.
    post "/api/v1/users" "accounts" create_user(cx, b, Body(form): Body<NewUser>) User => b.create_user(cx, form).await?);
endpoint!(/// One account.
    get "/api/v1/users/{id}" "accounts" get_user(cx, b, Path(id): Path<i64>) User => b.get_user(cx, id).await?);
endpoint!(/// Replaces duties and roles.
    put "/api/v1/users/{id}/roles" "accounts" change_roles(cx, b, Path(id): Path<i64>, Body(form): Body<Roles>) User => b.change_roles(cx, ChangeRoles { user_id: id, duties: form.duties, grants: form.grants, reason: form.reason }).await?);
endpoint!(/// Switches an account off or on.
    put "/api/v1/users/{id}/disabled" "accounts" set_disabled(cx, b, Path(id): Path<i64>, Body(form): Body<Switch>) User => b.set_disabled(cx, id, form.disabled).await?);
endpoint!(/// Gives an account a password that works once. People only, with a password entered in the last ten minutes.
    put "/api/v1/users/{id}/password" "accounts" reset_password(cx, b, Path(id): Path<i64>) OneTime => b.reset_password(cx, id).await?);
endpoint!(/// Changes one's own password.
    put "/api/v1/me/password" "accounts" change_password(cx, b, Body(form): Body<OwnPassword>) () => b.change_password(cx, form.current, form.password).await?);
endpoint!(/// One's own tokens.
    get "/api/v1/tokens" "accounts" list_tokens(cx, b) Vec<Token> => b.list_tokens(cx).await?);
endpoint!(/// Makes a token for oneself.
    post "/api/v1/tokens" "accounts" create_token(cx, b, Body(form): Body<NewToken>) MadeToken => b.create_token(cx, form).await?);
endpoint!(/// Ends a token.
    delete "/api/v1/tokens/{id}" "accounts" revoke_token(cx, b, Path(id): Path<i64>) () => b.revoke_token(cx, id).await?);

endpoint!(/// One's own open sessions. People only.
    get "/api/v1/me/sessions" "session" list_own_sessions(cx, b) Vec<OpenSession> => b.list_sessions(cx, None).await?);
endpoint!(/// Ends one of one's own sessions, or all but the one that asks. People only.
    post "/api/v1/me/sessions/end" "session" end_own_sessions(cx, b, Body(form): Body<WhichSession>) Counted => Counted { count: b.end_sessions(cx, EndSessions { user_id: None, session_id: form.session_id }).await? });
endpoint!(/// Open sessions of an account.
    get "/api/v1/users/{id}/sessions" "accounts" list_sessions(cx, b, Path(id): Path<i64>) Vec<OpenSession> => b.list_sessions(cx, Some(id)).await?);
endpoint!(/// Ends one session of an account, or all. People only, with a password entered in the last ten minutes.
    post "/api/v1/users/{id}/sessions/end" "accounts" end_sessions(cx, b, Path(id): Path<i64>, Body(form): Body<WhichSession>) Counted => Counted { count: b.end_sessions(cx, EndSessions { user_id: Some(id), session_id: form.session_id }).await? });
endpoint!(/// Tokens of an account.
    get "/api/v1/users/{id}/tokens" "accounts" tokens_of(cx, b, Path(id): Path<i64>) Vec<Token> => b.tokens_of(cx, id).await?);
endpoint!(/// Ends a token of an account. People only, with a password entered in the last ten minutes.
    delete "/api/v1/users/{id}/tokens/{token}" "accounts" revoke_token_of(cx, b, Path((id, token)): Path<(i64, i64)>) () => b.revoke_token_of(cx, id, token).await?);

/// Lines of the gate for REST: everything needs a caller, the description too.
pub const ROUTES: &[Line] = &[
    ("GET", "/api/v1/openapi.json", Rule::SignedIn),
    ("GET", "/api/v1/me", Rule::SignedIn),
    ("PUT", "/api/v1/me/password", Rule::People),
    ("GET", "/api/v1/home", Rule::SignedIn),
    ("GET", "/api/v1/harbors", Rule::SignedIn),
    ("POST", "/api/v1/harbors", Rule::Proven),
    ("POST", "/api/v1/harbors/try", Rule::SignedIn),
    ("GET", "/api/v1/harbors/{name}", Rule::SignedIn),
    ("PUT", "/api/v1/harbors/{name}", Rule::Proven),
    ("DELETE", "/api/v1/harbors/{name}", Rule::SignedIn),
    ("POST", "/api/v1/harbors/{name}/check", Rule::SignedIn),
    ("POST", "/api/v1/harbors/{name}/inventory", Rule::SignedIn),
    ("POST", "/api/v1/harbors/{name}/logins", Rule::Proven),
    ("POST", "/api/v1/harbors/{name}/staging", Rule::Proven),
    ("GET", "/api/v1/vaults", Rule::SignedIn),
    ("POST", "/api/v1/vaults", Rule::SignedIn),
    ("GET", "/api/v1/vaults/{id}", Rule::SignedIn),
    ("PUT", "/api/v1/vaults/{id}/bucket", Rule::Proven),
    ("POST", "/api/v1/vaults/{id}/bucket/check", Rule::SignedIn),
    ("POST", "/api/v1/vaults/{id}/verify", Rule::SignedIn),
    ("GET", "/api/v1/vaults/{id}/findings", Rule::SignedIn),
    ("POST", "/api/v1/vaults/{id}/sweep", Rule::SignedIn),
    ("POST", "/api/v1/vaults/{id}/rebuild", Rule::SignedIn),
    ("POST", "/api/v1/vaults/{id}/open", Rule::SignedIn),
    ("PUT", "/api/v1/vaults/{id}/scrub", Rule::SignedIn),
    ("PUT", "/api/v1/vaults/{id}/lock", Rule::SignedIn),
    ("GET", "/api/v1/vaults/{id}/capacity", Rule::SignedIn),
    ("GET", "/api/v1/vaults/{id}/sweeps", Rule::SignedIn),
    ("GET", "/api/v1/plans", Rule::SignedIn),
    ("POST", "/api/v1/plans", Rule::SignedIn),
    ("POST", "/api/v1/plans/preview", Rule::SignedIn),
    ("GET", "/api/v1/plans/{id}", Rule::SignedIn),
    ("PUT", "/api/v1/plans/{id}", Rule::SignedIn),
    ("DELETE", "/api/v1/plans/{id}", Rule::SignedIn),
    ("GET", "/api/v1/plans/{id}/retention", Rule::SignedIn),
    ("GET", "/api/v1/left", Rule::SignedIn),
    ("PUT", "/api/v1/left/{id}", Rule::SignedIn),
    ("POST", "/api/v1/plans/{id}/run", Rule::SignedIn),
    ("POST", "/api/v1/plans/{id}/pause", Rule::SignedIn),
    ("POST", "/api/v1/plans/{id}/resume", Rule::SignedIn),
    ("GET", "/api/v1/plans/{id}/runs", Rule::SignedIn),
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
    ("POST", "/api/v1/restores/preview", Rule::SignedIn),
    ("GET", "/api/v1/restores/drafts/{id}", Rule::SignedIn),
    ("POST", "/api/v1/restores", Rule::SignedIn),
    ("GET", "/api/v1/restores", Rule::SignedIn),
    ("GET", "/api/v1/restores/{id}", Rule::SignedIn),
    ("GET", "/api/v1/restores/{id}/lines", Rule::SignedIn),
    ("GET", "/api/v1/restores/{id}/lines.csv", Rule::SignedIn),
    ("GET", "/api/v1/restores/{id}/lines.json", Rule::SignedIn),
    ("GET", "/api/v1/restores/{id}/change", Rule::SignedIn),
    ("POST", "/api/v1/restores/{id}/votes", Rule::People),
    ("POST", "/api/v1/restores/{id}/withdraw", Rule::SignedIn),
    ("POST", "/api/v1/restores/{id}/cancel", Rule::SignedIn),
    ("POST", "/api/v1/restores/{id}/retry", Rule::SignedIn),
    ("POST", "/api/v1/restores/{id}/undo", Rule::SignedIn),
    ("GET", "/api/v1/approvals", Rule::SignedIn),
    ("GET", "/api/v1/jobs", Rule::SignedIn),
    ("GET", "/api/v1/jobs/{id}", Rule::SignedIn),
    ("GET", "/api/v1/jobs/{id}/log", Rule::SignedIn),
    ("POST", "/api/v1/jobs/{id}/cancel", Rule::SignedIn),
    ("POST", "/api/v1/jobs/{id}/retry", Rule::SignedIn),
    ("GET", "/api/v1/audit", Rule::SignedIn),
    ("GET", "/api/v1/audit/{seq}", Rule::SignedIn),
    ("POST", "/api/v1/audit/verify", Rule::SignedIn),
    ("GET", "/api/v1/users", Rule::SignedIn),
    ("POST", "/api/v1/users", Rule::Proven),
    ("GET", "/api/v1/users/{id}", Rule::SignedIn),
    ("PUT", "/api/v1/users/{id}/roles", Rule::Proven),
    ("PUT", "/api/v1/users/{id}/disabled", Rule::Proven),
    ("PUT", "/api/v1/users/{id}/password", Rule::Proven),
    ("GET", "/api/v1/me/sessions", Rule::People),
    ("POST", "/api/v1/me/sessions/end", Rule::People),
    ("GET", "/api/v1/users/{id}/sessions", Rule::SignedIn),
    ("POST", "/api/v1/users/{id}/sessions/end", Rule::Proven),
    ("GET", "/api/v1/users/{id}/tokens", Rule::SignedIn),
    ("DELETE", "/api/v1/users/{id}/tokens/{token}", Rule::Proven),
    ("GET", "/api/v1/tokens", Rule::SignedIn),
    ("POST", "/api/v1/tokens", Rule::Proven),
    ("DELETE", "/api/v1/tokens/{id}", Rule::People),
];

/// The description's head.
#[derive(OpenApi)]
#[openapi(info(
    title = "Breakwater",
    description = "Backup, point-in-time recovery and approved self-service restore for Harbor. Send an API token as `Authorization: Bearer bw_…`."
))]
struct Description;

fn described() -> OpenApiRouter<Web> {
    work(estate(OpenApiRouter::with_openapi(Description::openapi())))
}

/// Harbors, vaults and plans.
fn estate(router: OpenApiRouter<Web>) -> OpenApiRouter<Web> {
    router
        .routes(routes!(get_me))
        .routes(routes!(change_password))
        .routes(routes!(get_home))
        .routes(routes!(list_harbors, create_harbor))
        .routes(routes!(try_harbor))
        .routes(routes!(get_harbor, change_harbor, remove_harbor))
        .routes(routes!(check_harbor))
        .routes(routes!(list_projects_now))
        .routes(routes!(renew_logins))
        .routes(routes!(set_staging))
        .routes(routes!(list_vaults, create_vault))
        .routes(routes!(get_vault))
        .routes(routes!(change_bucket))
        .routes(routes!(check_bucket))
        .routes(routes!(verify_vault))
        .routes(routes!(list_findings))
        .routes(routes!(sweep_vault))
        .routes(routes!(rebuild_from_vault))
        .routes(routes!(open_vault))
        .routes(routes!(change_scrub))
        .routes(routes!(change_lock))
        .routes(routes!(vault_capacity))
        .routes(routes!(list_sweeps))
        .routes(routes!(list_plans, create_plan))
        .routes(routes!(preview_plan))
        .routes(routes!(get_plan, change_plan, delete_plan))
        .routes(routes!(get_retention))
        .routes(routes!(list_left))
        .routes(routes!(decide_left))
        .routes(routes!(run_plan))
        .routes(routes!(pause_plan))
        .routes(routes!(resume_plan))
        .routes(routes!(list_runs))
}

/// Projects, restores, jobs, the audit history and accounts.
fn work(router: OpenApiRouter<Web>) -> OpenApiRouter<Web> {
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
        .routes(routes!(preview_restore))
        .routes(routes!(get_draft))
        .routes(routes!(submit_restore, list_requests))
        .routes(routes!(get_request))
        .routes(routes!(list_lines))
        .routes(routes!(lines_csv))
        .routes(routes!(lines_json))
        .routes(routes!(get_change))
        .routes(routes!(cast_vote))
        .routes(routes!(withdraw_request))
        .routes(routes!(cancel_request))
        .routes(routes!(retry_request))
        .routes(routes!(undo_request))
        .routes(routes!(list_approvals))
        .routes(routes!(list_jobs))
        .routes(routes!(get_job))
        .routes(routes!(get_job_log))
        .routes(routes!(cancel_job))
        .routes(routes!(retry_job))
        .routes(routes!(list_audit))
        .routes(routes!(get_audit))
        .routes(routes!(verify_audit))
        .routes(routes!(list_users, create_user))
        .routes(routes!(get_user))
        .routes(routes!(change_roles))
        .routes(routes!(set_disabled))
        .routes(routes!(reset_password))
        .routes(routes!(list_own_sessions))
        .routes(routes!(end_own_sessions))
        .routes(routes!(list_sessions))
        .routes(routes!(end_sessions))
        .routes(routes!(tokens_of))
        .routes(routes!(revoke_token_of))
        .routes(routes!(list_tokens, create_token))
        .routes(routes!(revoke_token))
}

/// The routes, with the description of themselves.
pub fn router() -> axum::Router<Web> {
    let (router, description) = described().split_for_parts();
    let text = description.to_pretty_json().unwrap_or_default();
    router.route(
        "/api/v1/openapi.json",
        get(move || {
            let text = text.clone();
            async move { (StatusCode::OK, [(header::CONTENT_TYPE, "application/json")], text) }
        }),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// S-1.
    #[test]
    fn every_described_call_has_a_line_in_the_gate_and_the_reverse() {
        let (_, description) = described().split_for_parts();
        let json = serde_json::to_value(&description).unwrap();
        let mut described: Vec<(String, String)> = Vec::new();
        for (path, item) in json["paths"].as_object().unwrap() {
            for verb in item.as_object().unwrap().keys() {
                described.push((verb.to_uppercase(), path.clone()));
            }
        }
        described.push(("GET".to_owned(), "/api/v1/openapi.json".to_owned()));
        described.sort();
        let mut lines: Vec<(String, String)> = ROUTES.iter().map(|(m, p, _)| ((*m).to_owned(), (*p).to_owned())).collect();
        lines.sort();
        assert_eq!(described, lines);
        assert!(ROUTES.iter().all(|(.., rule)| *rule != Rule::Anyone), "nothing of REST is for strangers");
    }
}
