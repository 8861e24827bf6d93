//! The backend as pages and REST ask it: one thin line per call, to the one operation that authorises, transacts and audits.

use app::accounts::types::{ChangeRoles, EndSessions, MadeToken, NewToken, NewUser, OneTime, OpenSession, Token, User};
use app::audit::types::{AuditDetail, AuditFilter, AuditPage, ChainCheck};
use app::error::ApiError;
use app::harbors::types::{ChangeHarbor, CheckList, Harbor, NewHarbor, RenewLogins, Renewed, StagingForm};
use app::home::types::Home;
use app::jobs::types::{Job, JobFilter, LogLine};
use app::plans::imported::{Import, KeepImport};
use app::plans::left::{DeletePlanForm, Leave, Left};
use app::plans::types::{Plan, PlanForm, PlanFormPage, PlanPage, PlanPreview, Retention, Run};
use app::ports::{Cx, accounts::Accounts, audit::Audits, harbors::Harbors, home::Homes, jobs::Jobs, plans::Plans};
use app::ports::{projects::Projects, restores::Restores, session::Sessions, vaults::Vaults};
use app::projects::found::Found;
use app::projects::gaps::{AcceptGap, ProjectGaps};
use app::projects::types::{
    ArtifactDetail, Browse, BrowseQuery, Changes, HeldMoment, HoldForm, LiveDiff, Project, ProjectFilter, SettingsAt, SettingsQuery,
    TagHistory, Timeline,
};
use app::restores::types::{
    CastVote, Draft, DraftPage, InboxFilter, Line, LineFilter, Lines, PlanChange, Request, RequestFilter, RequestPage, RequestRow,
    RestoreForm, Submit,
};
use app::session::types::{SetUp, Shell, SignIn};
use app::units::{Moment, Page};
use app::vaults::types::{Capacity, ChangeBucket, ChangeLock, ChangeScrub, Finding, NewVault, Sweep, SweepForm, Vault, VaultPage};
use async_trait::async_trait;

use crate::access::{Caller, Origin};
use crate::error::Error;
use crate::state::AppState;
use crate::{accounts, audit, harbors, home, jobs, plans, projects, restores, session, vaults};

/// The real backend.
#[derive(Clone)]
pub struct Live {
    /// Everything operations can reach.
    pub state: AppState,
}

fn origin(cx: &Cx) -> Origin {
    cx.parts.extensions.get::<Origin>().cloned().unwrap_or_default()
}

fn api<T>(cx: &Cx, result: Result<T, Error>) -> Result<T, ApiError> {
    result.map_err(|error| error.into_api(Some(&origin(cx).request_id)))
}

#[async_trait]
impl Sessions for Live {
    async fn shell(&self, cx: &Cx) -> Result<Shell, ApiError> {
        api(cx, session::shell::shell(&self.state, cx).await)
    }
    async fn sign_in(&self, cx: &Cx, form: SignIn) -> Result<String, ApiError> {
        api(cx, session::sign_in(&self.state, cx, form).await)
    }
    async fn step_up(&self, cx: &Cx, password: String) -> Result<(), ApiError> {
        api(cx, session::step_up(&self.state, cx, &password).await)
    }
    async fn sign_out(&self, cx: &Cx) -> Result<(), ApiError> {
        api(cx, session::sign_out(&self.state, cx).await)
    }
    async fn leave_flash(&self, cx: &Cx, text: &str) {
        session::set_flash(cx, text).await;
    }
    async fn set_up(&self, cx: &Cx, form: SetUp) -> Result<(), ApiError> {
        api(cx, session::set_up(&self.state, cx, form).await)
    }
    async fn keep_zone(&self, cx: &Cx, name: String, chosen: bool) -> Result<(), ApiError> {
        api(cx, session::zone::keep(cx, &name, chosen))
    }
    async fn set_single_keys(&self, cx: &Cx, on: bool) -> Result<(), ApiError> {
        api(cx, session::keys::set(&self.state, &Caller::of(cx)?, on).await)
    }
    async fn set_display(&self, cx: &Cx, lang: Option<String>, theme: Option<String>) -> Result<(), ApiError> {
        api(cx, session::set_display(cx, lang.as_deref(), theme.as_deref()))
    }
}

#[async_trait]
impl Homes for Live {
    async fn get_home(&self, cx: &Cx) -> Result<Home, ApiError> {
        api(cx, home::home(&self.state, &Caller::of(cx)?).await)
    }
}

#[async_trait]
impl Harbors for Live {
    async fn list_harbors(&self, cx: &Cx) -> Result<Vec<Harbor>, ApiError> {
        api(cx, harbors::list(&self.state, &Caller::of(cx)?).await)
    }
    async fn get_harbor(&self, cx: &Cx, harbor: String) -> Result<Harbor, ApiError> {
        api(cx, harbors::get(&self.state, &Caller::of(cx)?, &harbor).await)
    }
    async fn create_harbor(&self, cx: &Cx, form: NewHarbor) -> Result<Harbor, ApiError> {
        api(cx, harbors::create(&self.state, &Caller::of(cx)?, &origin(cx), form).await)
    }
    async fn try_harbor(&self, cx: &Cx, form: NewHarbor) -> Result<CheckList, ApiError> {
        api(cx, harbors::try_connection(&self.state, &Caller::of(cx)?, form).await)
    }
    async fn change_harbor(&self, cx: &Cx, form: ChangeHarbor) -> Result<Harbor, ApiError> {
        api(cx, harbors::change(&self.state, &Caller::of(cx)?, &origin(cx), form).await)
    }
    async fn set_staging(&self, cx: &Cx, form: StagingForm) -> Result<Harbor, ApiError> {
        api(cx, harbors::staging::set(&self.state, &Caller::of(cx)?, &origin(cx), form).await)
    }
    async fn renew_logins(&self, cx: &Cx, form: RenewLogins) -> Result<Renewed, ApiError> {
        api(cx, harbors::renew_logins(&self.state, &Caller::of(cx)?, &origin(cx), form).await)
    }
    async fn check_harbor(&self, cx: &Cx, harbor: String) -> Result<CheckList, ApiError> {
        api(cx, harbors::check(&self.state, &Caller::of(cx)?, &origin(cx), &harbor).await)
    }
    async fn list_projects_now(&self, cx: &Cx, harbor: String) -> Result<i64, ApiError> {
        api(cx, harbors::list_projects_now(&self.state, &Caller::of(cx)?, &origin(cx), &harbor).await)
    }
    async fn last_check(&self, cx: &Cx, harbor: String) -> Result<Option<CheckList>, ApiError> {
        api(cx, harbors::last_check(&self.state, &Caller::of(cx)?, &harbor).await)
    }
    async fn remove_harbor(&self, cx: &Cx, harbor: String, confirm: String) -> Result<(), ApiError> {
        api(cx, harbors::remove(&self.state, &Caller::of(cx)?, &origin(cx), &harbor, &confirm).await)
    }
}

#[async_trait]
impl Vaults for Live {
    async fn list_vaults(&self, cx: &Cx) -> Result<Vec<Vault>, ApiError> {
        api(cx, vaults::list(&self.state, &Caller::of(cx)?).await)
    }
    async fn get_vault(&self, cx: &Cx, vault_id: i64) -> Result<Vault, ApiError> {
        api(cx, vaults::get(&self.state, &Caller::of(cx)?, vault_id).await)
    }
    async fn vault_page(&self, cx: &Cx, vault_id: i64) -> Result<VaultPage, ApiError> {
        api(cx, vaults::page(&self.state, &Caller::of(cx)?, vault_id).await)
    }
    async fn create_vault(&self, cx: &Cx, form: NewVault) -> Result<Vault, ApiError> {
        api(cx, vaults::create(&self.state, &Caller::of(cx)?, &origin(cx), form).await)
    }
    async fn change_bucket(&self, cx: &Cx, form: ChangeBucket) -> Result<Vault, ApiError> {
        api(cx, vaults::bucket::change(&self.state, &Caller::of(cx)?, &origin(cx), form).await)
    }
    async fn check_bucket(&self, cx: &Cx, vault_id: i64) -> Result<Vault, ApiError> {
        api(cx, vaults::bucket::check(&self.state, &Caller::of(cx)?, &origin(cx), vault_id).await)
    }
    async fn sweep_vault(&self, cx: &Cx, vault_id: i64, form: SweepForm) -> Result<i64, ApiError> {
        api(cx, vaults::sweep::start(&self.state, &Caller::of(cx)?, &origin(cx), vault_id, form).await)
    }
    async fn vault_capacity(&self, cx: &Cx, vault_id: i64) -> Result<Capacity, ApiError> {
        api(cx, vaults::capacity::get(&self.state, &Caller::of(cx)?, vault_id).await)
    }
    async fn list_sweeps(&self, cx: &Cx, vault_id: i64) -> Result<Vec<Sweep>, ApiError> {
        api(cx, vaults::sweep::list(&self.state, &Caller::of(cx)?, vault_id).await)
    }
    async fn rebuild_from_vault(&self, cx: &Cx, vault_id: i64) -> Result<i64, ApiError> {
        api(cx, vaults::rebuild::start(&self.state, &Caller::of(cx)?, &origin(cx), vault_id).await)
    }
    async fn open_vault(&self, cx: &Cx, vault_id: i64) -> Result<(), ApiError> {
        api(cx, vaults::set_open(&self.state, &Caller::of(cx)?, &origin(cx), vault_id).await)
    }
    async fn change_scrub(&self, cx: &Cx, form: ChangeScrub) -> Result<(), ApiError> {
        api(cx, vaults::set_scrub(&self.state, &Caller::of(cx)?, &origin(cx), form).await)
    }
    async fn change_lock(&self, cx: &Cx, form: ChangeLock) -> Result<(), ApiError> {
        api(cx, vaults::lock::change(&self.state, &Caller::of(cx)?, &origin(cx), form).await)
    }
    async fn verify_vault(&self, cx: &Cx, vault_id: i64) -> Result<i64, ApiError> {
        api(cx, vaults::start_verify(&self.state, &Caller::of(cx)?, &origin(cx), vault_id).await)
    }
    async fn list_findings(&self, cx: &Cx, vault_id: i64) -> Result<Vec<Finding>, ApiError> {
        api(cx, vaults::findings(&self.state, &Caller::of(cx)?, vault_id).await)
    }
}

#[async_trait]
impl Plans for Live {
    async fn list_plans(&self, cx: &Cx) -> Result<Vec<Plan>, ApiError> {
        api(cx, plans::list(&self.state, &Caller::of(cx)?).await)
    }
    async fn get_plan(&self, cx: &Cx, plan_id: i64) -> Result<Plan, ApiError> {
        api(cx, plans::get(&self.state, &Caller::of(cx)?, plan_id).await)
    }
    async fn plan_page(&self, cx: &Cx, plan_id: i64, after: Option<String>) -> Result<PlanPage, ApiError> {
        api(cx, plans::page(&self.state, &Caller::of(cx)?, plan_id, after).await)
    }
    async fn plan_form(&self, cx: &Cx, plan_id: Option<i64>) -> Result<PlanFormPage, ApiError> {
        api(cx, plans::form(&self.state, &Caller::of(cx)?, plan_id).await)
    }
    async fn preview_plan(&self, cx: &Cx, form: PlanForm, live: bool) -> Result<PlanPreview, ApiError> {
        api(cx, plans::preview(&self.state, &Caller::of(cx)?, form, live).await)
    }
    async fn save_plan(&self, cx: &Cx, form: PlanForm) -> Result<Plan, ApiError> {
        api(cx, plans::save(&self.state, &Caller::of(cx)?, &origin(cx), form).await)
    }
    async fn pause_plan(&self, cx: &Cx, plan_id: i64, days: i64, reason: String) -> Result<Plan, ApiError> {
        api(cx, plans::pause(&self.state, &Caller::of(cx)?, &origin(cx), plan_id, days, &reason).await)
    }
    async fn resume_plan(&self, cx: &Cx, plan_id: i64) -> Result<Plan, ApiError> {
        api(cx, plans::resume(&self.state, &Caller::of(cx)?, &origin(cx), plan_id).await)
    }
    async fn run_plan(&self, cx: &Cx, plan_id: i64) -> Result<i64, ApiError> {
        api(cx, plans::run_now(&self.state, &Caller::of(cx)?, &origin(cx), plan_id).await)
    }
    async fn list_runs(&self, cx: &Cx, plan_id: i64, after: Option<String>) -> Result<Page<Run>, ApiError> {
        api(cx, plans::list_runs(&self.state, &Caller::of(cx)?, plan_id, after).await)
    }
    async fn get_retention(&self, cx: &Cx, plan_id: i64) -> Result<Retention, ApiError> {
        api(cx, plans::retention::get(&self.state, &Caller::of(cx)?, plan_id).await)
    }
    async fn list_left(&self, cx: &Cx) -> Result<Vec<Left>, ApiError> {
        api(cx, plans::left::list(&self.state, &Caller::of(cx)?).await)
    }
    async fn list_imports(&self, cx: &Cx) -> Result<Vec<Import>, ApiError> {
        api(cx, plans::imported::list(&self.state, &Caller::of(cx)?).await)
    }
    async fn keep_import(&self, cx: &Cx, snapshot_id: i64, form: KeepImport) -> Result<(), ApiError> {
        api(cx, plans::imported::keep(&self.state, &Caller::of(cx)?, &origin(cx), snapshot_id, form).await)
    }
    async fn decide_left(&self, cx: &Cx, plan_id: i64, leave: Leave) -> Result<(), ApiError> {
        api(cx, plans::left::decide(&self.state, &Caller::of(cx)?, &origin(cx), plan_id, leave).await)
    }
    async fn delete_plan(&self, cx: &Cx, plan_id: i64, form: DeletePlanForm) -> Result<(), ApiError> {
        api(cx, plans::delete(&self.state, &Caller::of(cx)?, &origin(cx), plan_id, &form).await)
    }
}

#[async_trait]
impl Projects for Live {
    async fn list_projects(&self, cx: &Cx, filter: ProjectFilter) -> Result<Page<Project>, ApiError> {
        api(cx, projects::list(&self.state, &Caller::of(cx)?, filter).await)
    }
    async fn get_timeline(
        &self,
        cx: &Cx,
        harbor: String,
        project: String,
        at: Option<Moment>,
        zoom: Option<String>,
    ) -> Result<Timeline, ApiError> {
        api(cx, projects::timeline(&self.state, &Caller::of(cx)?, &harbor, &project, at, zoom.as_deref()).await)
    }
    async fn compare_live(&self, cx: &Cx, harbor: String, project: String, at: Option<Moment>) -> Result<LiveDiff, ApiError> {
        api(cx, projects::compare_live(&self.state, &Caller::of(cx)?, &harbor, &project, at).await)
    }
    async fn browse(&self, cx: &Cx, query: BrowseQuery) -> Result<Browse, ApiError> {
        api(cx, projects::browse(&self.state, &Caller::of(cx)?, query).await)
    }
    async fn tag_history(
        &self,
        cx: &Cx,
        harbor: String,
        project: String,
        repository: String,
        tag: String,
        live: bool,
    ) -> Result<TagHistory, ApiError> {
        api(cx, projects::tag_history(&self.state, &Caller::of(cx)?, &harbor, &project, &repository, &tag, live).await)
    }
    async fn get_artifact(
        &self,
        cx: &Cx,
        harbor: String,
        project: String,
        repository: String,
        digest: String,
    ) -> Result<ArtifactDetail, ApiError> {
        api(cx, projects::artifact(&self.state, &Caller::of(cx)?, &origin(cx), &harbor, &project, &repository, &digest).await)
    }
    async fn get_changes(
        &self,
        cx: &Cx,
        harbor: String,
        project: String,
        from: Option<Moment>,
        to: Option<Moment>,
    ) -> Result<Changes, ApiError> {
        api(cx, projects::changes(&self.state, &Caller::of(cx)?, &harbor, &project, (from, to)).await)
    }
    async fn get_settings(&self, cx: &Cx, query: SettingsQuery) -> Result<SettingsAt, ApiError> {
        api(cx, projects::settings(&self.state, &Caller::of(cx)?, query).await)
    }
    async fn search(&self, cx: &Cx, q: String, live: bool) -> Result<Found, ApiError> {
        api(cx, projects::search(&self.state, &Caller::of(cx)?, &q, live).await)
    }
    async fn get_gaps(&self, cx: &Cx, harbor: String, project: String) -> Result<ProjectGaps, ApiError> {
        api(cx, projects::gaps::of_project(&self.state, &Caller::of(cx)?, &harbor, &project).await)
    }
    async fn accept_gap(&self, cx: &Cx, harbor: String, project: String, form: AcceptGap) -> Result<i64, ApiError> {
        api(cx, projects::gaps::accept(&self.state, &Caller::of(cx)?, &origin(cx), &harbor, &project, form).await)
    }
    async fn withdraw_acceptance(&self, cx: &Cx, harbor: String, project: String, acceptance: i64, reason: String) -> Result<(), ApiError> {
        api(cx, projects::gaps::withdraw(&self.state, &Caller::of(cx)?, &origin(cx), (&harbor, &project), acceptance, &reason).await)
    }
    async fn hold_snapshot(&self, cx: &Cx, snapshot_id: i64, form: HoldForm) -> Result<(), ApiError> {
        api(cx, projects::holds::set(&self.state, &Caller::of(cx)?, &origin(cx), snapshot_id, form).await)
    }
    async fn release_hold(&self, cx: &Cx, hold_id: i64, reason: String) -> Result<(), ApiError> {
        api(cx, projects::holds::release(&self.state, &Caller::of(cx)?, &origin(cx), hold_id, &reason).await)
    }
    async fn list_holds(&self, cx: &Cx, harbor: String, project: String) -> Result<Vec<HeldMoment>, ApiError> {
        api(cx, projects::holds::list(&self.state, &Caller::of(cx)?, &harbor, &project).await)
    }
    async fn back_up_project(&self, cx: &Cx, harbor: String, project: String) -> Result<i64, ApiError> {
        api(cx, projects::back_up(&self.state, &Caller::of(cx)?, &origin(cx), &harbor, &project).await)
    }
}

#[async_trait]
impl Restores for Live {
    async fn preview_restore(&self, cx: &Cx, form: RestoreForm) -> Result<Draft, ApiError> {
        api(cx, restores::preview(&self.state, &Caller::of(cx)?, form).await)
    }
    async fn get_draft(&self, cx: &Cx, draft_id: String) -> Result<Draft, ApiError> {
        api(cx, restores::get_draft(&self.state, &Caller::of(cx)?, &draft_id).await)
    }
    async fn number_of_draft(&self, cx: &Cx, draft_id: String) -> Result<Option<i64>, ApiError> {
        api(cx, restores::number_of_draft(&self.state, &Caller::of(cx)?, &draft_id).await)
    }
    async fn submit_restore(&self, cx: &Cx, form: Submit) -> Result<Request, ApiError> {
        api(cx, restores::submit(&self.state, &Caller::of(cx)?, &origin(cx), form).await)
    }
    async fn list_lines(&self, cx: &Cx, request: String, filter: LineFilter) -> Result<Lines, ApiError> {
        api(cx, restores::list_lines(&self.state, &Caller::of(cx)?, &request, filter).await)
    }
    async fn all_lines(&self, cx: &Cx, request: String, filter: LineFilter) -> Result<Vec<Line>, ApiError> {
        api(cx, restores::all_lines(&self.state, &Caller::of(cx)?, &request, filter).await)
    }
    async fn get_change(&self, cx: &Cx, request: String, page: i64) -> Result<Option<PlanChange>, ApiError> {
        api(cx, restores::get_change(&self.state, &Caller::of(cx)?, &request, page).await)
    }
    async fn get_request(&self, cx: &Cx, request_id: i64) -> Result<Request, ApiError> {
        api(cx, restores::get(&self.state, &Caller::of(cx)?, request_id).await)
    }
    async fn request_page(&self, cx: &Cx, request_id: i64, filter: LineFilter, changes: i64) -> Result<RequestPage, ApiError> {
        api(cx, restores::page(&self.state, &Caller::of(cx)?, request_id, filter, changes).await)
    }
    async fn draft_page(&self, cx: &Cx, draft_id: String, filter: LineFilter, changes: i64) -> Result<DraftPage, ApiError> {
        api(cx, restores::draft_page(&self.state, &Caller::of(cx)?, &draft_id, filter, changes).await)
    }
    async fn list_requests(&self, cx: &Cx, filter: RequestFilter) -> Result<Page<RequestRow>, ApiError> {
        api(cx, restores::list(&self.state, &Caller::of(cx)?, filter).await)
    }
    async fn list_approvals(&self, cx: &Cx, filter: InboxFilter) -> Result<Page<RequestRow>, ApiError> {
        api(cx, restores::approvals(&self.state, &Caller::of(cx)?, &filter).await)
    }
    async fn cast_vote(&self, cx: &Cx, form: CastVote) -> Result<Request, ApiError> {
        api(cx, restores::cast(&self.state, &Caller::of(cx)?, &origin(cx), form).await)
    }
    async fn withdraw_request(&self, cx: &Cx, request_id: i64) -> Result<Request, ApiError> {
        api(cx, restores::withdraw(&self.state, &Caller::of(cx)?, &origin(cx), request_id).await)
    }
    async fn cancel_request(&self, cx: &Cx, request_id: i64) -> Result<Request, ApiError> {
        api(cx, restores::cancel(&self.state, &Caller::of(cx)?, &origin(cx), request_id).await)
    }
    async fn retry_request(&self, cx: &Cx, request_id: i64) -> Result<Draft, ApiError> {
        api(cx, restores::retry(&self.state, &Caller::of(cx)?, request_id).await)
    }
    async fn undo_request(&self, cx: &Cx, request_id: i64) -> Result<Draft, ApiError> {
        api(cx, restores::undo(&self.state, &Caller::of(cx)?, request_id).await)
    }
}

#[async_trait]
impl Jobs for Live {
    async fn list_jobs(&self, cx: &Cx, filter: JobFilter) -> Result<Page<Job>, ApiError> {
        api(cx, jobs::list(&self.state, &Caller::of(cx)?, filter).await)
    }
    async fn get_job(&self, cx: &Cx, job_id: i64) -> Result<Job, ApiError> {
        api(cx, jobs::get(&self.state, &Caller::of(cx)?, job_id).await)
    }
    async fn get_job_log(&self, cx: &Cx, job_id: i64, after: Option<i64>) -> Result<Vec<LogLine>, ApiError> {
        api(cx, jobs::log(&self.state, &Caller::of(cx)?, job_id, after).await)
    }
    async fn cancel_job(&self, cx: &Cx, job_id: i64) -> Result<Job, ApiError> {
        api(cx, jobs::cancel(&self.state, &Caller::of(cx)?, &origin(cx), job_id).await)
    }
    async fn retry_job(&self, cx: &Cx, job_id: i64) -> Result<Job, ApiError> {
        api(cx, jobs::retry(&self.state, &Caller::of(cx)?, &origin(cx), job_id).await)
    }
}

#[async_trait]
impl Audits for Live {
    async fn list_audit(&self, cx: &Cx, filter: AuditFilter) -> Result<AuditPage, ApiError> {
        api(cx, audit::list(&self.state, &Caller::of(cx)?, &origin(cx), filter).await)
    }
    async fn get_audit(&self, cx: &Cx, seq: i64) -> Result<AuditDetail, ApiError> {
        api(cx, audit::get(&self.state, &Caller::of(cx)?, &origin(cx), seq).await)
    }
    async fn verify_audit(&self, cx: &Cx) -> Result<ChainCheck, ApiError> {
        api(cx, audit::verify(&self.state, &Caller::of(cx)?, &origin(cx)).await)
    }
}

#[async_trait]
impl Accounts for Live {
    async fn list_users(&self, cx: &Cx, after: Option<String>) -> Result<Page<User>, ApiError> {
        api(cx, accounts::list_users(&self.state, &Caller::of(cx)?, after).await)
    }
    async fn get_user(&self, cx: &Cx, user_id: i64) -> Result<User, ApiError> {
        api(cx, accounts::get_user(&self.state, &Caller::of(cx)?, user_id).await)
    }
    async fn create_user(&self, cx: &Cx, form: NewUser) -> Result<User, ApiError> {
        api(cx, accounts::create_user(&self.state, &Caller::of(cx)?, &origin(cx), form).await)
    }
    async fn change_roles(&self, cx: &Cx, form: ChangeRoles) -> Result<User, ApiError> {
        api(cx, accounts::change_roles(&self.state, &Caller::of(cx)?, &origin(cx), form).await)
    }
    async fn set_disabled(&self, cx: &Cx, user_id: i64, disabled: bool) -> Result<User, ApiError> {
        api(cx, accounts::set_disabled(&self.state, &Caller::of(cx)?, &origin(cx), user_id, disabled).await)
    }
    async fn reset_password(&self, cx: &Cx, user_id: i64) -> Result<OneTime, ApiError> {
        api(cx, accounts::reset_password(&self.state, &Caller::of(cx)?, &origin(cx), user_id).await)
    }
    async fn change_password(&self, cx: &Cx, current: String, password: String) -> Result<(), ApiError> {
        api(cx, accounts::change_password(&self.state, &Caller::of(cx)?, &origin(cx), current, password).await)
    }
    async fn list_tokens(&self, cx: &Cx) -> Result<Vec<Token>, ApiError> {
        api(cx, accounts::list_tokens(&self.state, &Caller::of(cx)?).await)
    }
    async fn create_token(&self, cx: &Cx, form: NewToken) -> Result<MadeToken, ApiError> {
        api(cx, accounts::create_token(&self.state, &Caller::of(cx)?, &origin(cx), form).await)
    }
    async fn revoke_token(&self, cx: &Cx, token_id: i64) -> Result<(), ApiError> {
        api(cx, accounts::revoke_token(&self.state, &Caller::of(cx)?, &origin(cx), token_id).await)
    }
    async fn tokens_of(&self, cx: &Cx, user_id: i64) -> Result<Vec<Token>, ApiError> {
        api(cx, accounts::tokens_of(&self.state, &Caller::of(cx)?, user_id).await)
    }
    async fn revoke_token_of(&self, cx: &Cx, user_id: i64, token_id: i64) -> Result<(), ApiError> {
        api(cx, accounts::revoke_token_of(&self.state, &Caller::of(cx)?, &origin(cx), user_id, token_id).await)
    }
    async fn list_sessions(&self, cx: &Cx, user_id: Option<i64>) -> Result<Vec<OpenSession>, ApiError> {
        api(cx, session::list_sessions(&self.state, &Caller::of(cx)?, user_id).await)
    }
    async fn end_sessions(&self, cx: &Cx, form: EndSessions) -> Result<i64, ApiError> {
        api(cx, session::end_sessions(&self.state, &Caller::of(cx)?, &origin(cx), form).await)
    }
}
