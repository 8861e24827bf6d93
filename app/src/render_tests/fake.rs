//! The backend that is not there, and what it shows when it is asked.

use async_trait::async_trait;

use crate::accounts::types::*;
use crate::audit::types::*;
use crate::error::{ApiError, ErrorKind};
use crate::harbors::types::*;
use crate::home::types::Home;
use crate::jobs::types::*;
use crate::plans::imported::{Import, KeepImport};
use crate::plans::left::{DeletePlanForm, Leave, Left};
use crate::plans::types::*;
use crate::ports::Cx;
use crate::projects::found::Found;
use crate::projects::gaps::{AcceptGap, ProjectGaps};
use crate::projects::types::*;
use crate::restores::outcomes::{NextMove, Outcome};
use crate::restores::sentences::{BlockReason, Note, Rule};
use crate::restores::types::Request as Restore;
use crate::restores::types::{
    CastVote, Draft, DraftPage, EffectItem, EffectKind, EffectPlan, InboxFilter, Line, LineChange, LineCounts, LineFilter, Lines,
    PlanChange, RequestFilter, RequestPage, RequestRow, RequestState, RestoreForm, Submit,
};
use crate::restores::words::{Effects, Ended};
use crate::sentence::{Said, Sentence as _};
use crate::session::types::{Me, SetUp, Shell, SignIn, Theme};
use crate::text::Lang;
use crate::units::{Moment, Page};
use crate::vaults::types::*;

/// What the backend that is not there answers.
#[derive(Clone, Default)]
pub struct Fake {
    pub me: Option<Me>,
    pub setup_needed: bool,
    pub flash: Option<&'static str>,
    pub home: Option<Home>,
    pub harbors: Vec<Harbor>,
    pub vaults: Vec<Vault>,
    pub plans: Vec<Plan>,
    pub projects: Vec<Project>,
    pub timeline: Option<Timeline>,
    pub browse: Option<Browse>,
    pub tag: Option<TagHistory>,
    pub found: Option<Found>,
    pub gaps: Option<ProjectGaps>,
    pub left: Vec<Left>,
    pub imports: Vec<Import>,
    pub users: Vec<User>,
    pub tokens: Vec<Token>,
    pub sessions: Vec<OpenSession>,
    pub request: Option<Restore>,
    pub failing: Option<ApiError>,
}

impl Fake {
    fn answer<T>(&self, value: Option<T>) -> Result<T, ApiError> {
        if let Some(error) = &self.failing {
            return Err(error.clone());
        }
        if self.me.is_none() {
            return Err(ApiError::new(ErrorKind::SignedOut, "signed_out", crate::accounts::refusals::Refusal::SignIn));
        }
        value.ok_or_else(|| ApiError::not_found(crate::refusals::Thing::Object))
    }
}

/// Methods no test here asks for: they answer as if there were nothing.
macro_rules! nothing {
    ($slice:ident::$port:ident { $($name:ident($($arg:ident: $kind:ty),*) -> $value:ty;)* } $($rest:tt)*) => {
        #[async_trait]
        impl crate::ports::$slice::$port for Fake {
            $(async fn $name(&self, _cx: &Cx $(, $arg: $kind)*) -> Result<$value, ApiError> {
                $(let _ = $arg;)*
                self.answer(None)
            })*
            $($rest)*
        }
    };
}

nothing! { projects::Projects {
    get_artifact(harbor: String, project: String, repository: String, digest: String) -> ArtifactDetail;
    get_changes(harbor: String, project: String, from: Option<Moment>, to: Option<Moment>) -> Changes;
    get_settings(query: SettingsQuery) -> SettingsAt;
    accept_gap(harbor: String, project: String, form: AcceptGap) -> i64;
    withdraw_acceptance(harbor: String, project: String, acceptance: i64, reason: String) -> ();
    hold_snapshot(snapshot_id: i64, form: HoldForm) -> ();
    release_hold(hold_id: i64, reason: String) -> ();
    list_holds(harbor: String, project: String) -> Vec<HeldMoment>;
    back_up_project(harbor: String, project: String) -> i64;
}
    async fn list_projects(&self, _cx: &Cx, _filter: ProjectFilter) -> Result<Page<Project>, ApiError> {
        self.answer(Some(Page { items: self.projects.clone(), next: None, total: i64::try_from(self.projects.len()).ok() }))
    }
    async fn get_timeline(
        &self,
        _cx: &Cx,
        _harbor: String,
        _project: String,
        _at: Option<Moment>,
        _zoom: Option<String>,
    ) -> Result<Timeline, ApiError> {
        self.answer(self.timeline.clone())
    }
    async fn compare_live(&self, _cx: &Cx, _harbor: String, _project: String, _at: Option<Moment>) -> Result<LiveDiff, ApiError> {
        self.answer(Some(LiveDiff { read_at: None, error: Some(Said::Then("no".to_owned())), repositories: vec![], same: 0, missing: 0, moved: 0, new: 0 }))
    }
    async fn browse(&self, _cx: &Cx, _query: BrowseQuery) -> Result<Browse, ApiError> {
        self.answer(self.browse.clone())
    }
    async fn tag_history(
        &self,
        _cx: &Cx,
        _harbor: String,
        _project: String,
        _repository: String,
        _tag: String,
        _live: bool,
    ) -> Result<TagHistory, ApiError> {
        self.answer(self.tag.clone())
    }
    async fn search(&self, _cx: &Cx, _q: String, _live: bool) -> Result<Found, ApiError> {
        self.answer(self.found.clone())
    }
    async fn get_gaps(&self, _cx: &Cx, _harbor: String, _project: String) -> Result<ProjectGaps, ApiError> {
        self.answer(self.gaps.clone())
    }
}

nothing! { restores::Restores {
    preview_restore(form: RestoreForm) -> Draft;
    submit_restore(form: Submit) -> Restore;
    all_lines(request_id: String, filter: LineFilter) -> Vec<Line>;
    list_requests(filter: RequestFilter) -> Page<RequestRow>;
    list_approvals(filter: InboxFilter) -> Page<RequestRow>;
    cast_vote(form: CastVote) -> Restore;
    withdraw_request(request_id: i64) -> Restore;
    cancel_request(request_id: i64) -> Restore;
    retry_request(request_id: i64) -> Draft;
    undo_request(request_id: i64) -> Draft;
}
    async fn request_page(&self, _cx: &Cx, _request_id: i64, filter: LineFilter, _changes: i64) -> Result<RequestPage, ApiError> {
        self.answer(self.request.clone().map(|request| RequestPage { request, lines: lines(&filter) }))
    }
    async fn draft_page(&self, cx: &Cx, draft_id: String, filter: LineFilter, _changes: i64) -> Result<DraftPage, ApiError> {
        Ok(DraftPage { draft: self.get_draft(cx, draft_id).await?, lines: lines(&filter) })
    }
    async fn get_request(&self, _cx: &Cx, _request_id: i64) -> Result<Restore, ApiError> {
        self.answer(self.request.clone())
    }
    async fn get_draft(&self, _cx: &Cx, _draft_id: String) -> Result<Draft, ApiError> {
        Err(ApiError::new(ErrorKind::Conflict, ApiError::SENT_OFF, crate::restores::refusals::Refusal::SentOff))
    }
    async fn number_of_draft(&self, _cx: &Cx, _draft_id: String) -> Result<Option<i64>, ApiError> {
        Ok(self.request.as_ref().map(|request| request.id))
    }
    async fn list_lines(&self, _cx: &Cx, _request_id: String, filter: LineFilter) -> Result<Lines, ApiError> {
        self.answer(self.request.as_ref().map(|_| lines(&filter)))
    }
    async fn get_change(&self, _cx: &Cx, _request_id: String, _page: i64) -> Result<Option<PlanChange>, ApiError> {
        self.answer(self.request.as_ref().map(|request| request.change.clone()))
    }
}

nothing! { jobs::Jobs {
    list_jobs(filter: JobFilter) -> Page<Job>;
    get_job(job_id: i64) -> Job;
    get_job_log(job_id: i64, after: Option<i64>) -> Vec<LogLine>;
    cancel_job(job_id: i64) -> Job;
    retry_job(job_id: i64) -> Job;
}

}

nothing! { audit::Audits {
    list_audit(filter: AuditFilter) -> AuditPage;
    get_audit(seq: i64) -> AuditDetail;
    verify_audit() -> ChainCheck;
}

}

nothing! { vaults::Vaults {
    change_bucket(form: ChangeBucket) -> Vault;
    check_bucket(vault_id: i64) -> Vault;
    verify_vault(vault_id: i64) -> i64;
    sweep_vault(vault_id: i64, form: SweepForm) -> i64;
    rebuild_from_vault(vault_id: i64) -> i64;
    open_vault(vault_id: i64) -> ();
    change_scrub(form: ChangeScrub) -> ();
    change_lock(form: ChangeLock) -> ();
}
    async fn get_vault(&self, _cx: &Cx, vault_id: i64) -> Result<Vault, ApiError> {
        self.answer(self.vaults.iter().find(|vault| vault.id == vault_id).cloned())
    }
    async fn vault_page(&self, cx: &Cx, vault_id: i64) -> Result<VaultPage, ApiError> {
        let left = self.left.iter().filter(|left| left.vault_id == vault_id).cloned().collect();
        let vault = self.get_vault(cx, vault_id).await?;
        Ok(VaultPage { vault, findings: Vec::new(), sweeps: Vec::new(), capacity: Capacity::default(), left })
    }
    async fn create_vault(&self, _cx: &Cx, form: NewVault) -> Result<Vault, ApiError> {
        Err(ApiError::field("lock_days", Said::Then(format!("cannot lock for {} days", form.lock_days))))
    }
    async fn list_findings(&self, _cx: &Cx, _vault_id: i64) -> Result<Vec<Finding>, ApiError> {
        Ok(Vec::new())
    }
    async fn list_sweeps(&self, _cx: &Cx, _vault_id: i64) -> Result<Vec<Sweep>, ApiError> {
        Ok(Vec::new())
    }
    async fn vault_capacity(&self, _cx: &Cx, _vault_id: i64) -> Result<Capacity, ApiError> {
        Ok(Capacity::default())
    }
    async fn list_vaults(&self, _cx: &Cx) -> Result<Vec<Vault>, ApiError> {
        self.answer(Some(self.vaults.clone()))
    }
}

nothing! { plans::Plans {
    save_plan(form: PlanForm) -> Plan;
    pause_plan(plan_id: i64, days: i64, reason: String) -> Plan;
    resume_plan(plan_id: i64) -> Plan;
    run_plan(plan_id: i64) -> i64;
    delete_plan(plan_id: i64, form: DeletePlanForm) -> ();
    decide_left(plan_id: i64, leave: Leave) -> ();
    keep_import(snapshot_id: i64, form: KeepImport) -> ();
}
    async fn list_imports(&self, _cx: &Cx) -> Result<Vec<Import>, ApiError> {
        self.answer(Some(self.imports.clone()))
    }
    async fn list_left(&self, _cx: &Cx) -> Result<Vec<Left>, ApiError> {
        self.answer(Some(self.left.clone()))
    }
    async fn list_plans(&self, _cx: &Cx) -> Result<Vec<Plan>, ApiError> {
        self.answer(Some(self.plans.clone()))
    }
    async fn get_plan(&self, _cx: &Cx, plan_id: i64) -> Result<Plan, ApiError> {
        self.answer(self.plans.iter().find(|p| p.id == plan_id).cloned())
    }
    async fn get_retention(&self, _cx: &Cx, plan_id: i64) -> Result<Retention, ApiError> {
        let _ = plan_id;
        Ok(retention())
    }
    async fn plan_page(&self, cx: &Cx, plan_id: i64, _after: Option<String>) -> Result<PlanPage, ApiError> {
        let runs = Page { items: Vec::new(), next: None, total: None };
        Ok(PlanPage { plan: self.get_plan(cx, plan_id).await?, runs, retention: retention() })
    }
    async fn plan_form(&self, cx: &Cx, plan_id: Option<i64>) -> Result<PlanFormPage, ApiError> {
        let plan = match plan_id {
            Some(id) => Some(self.get_plan(cx, id).await?),
            None => None,
        };
        Ok(PlanFormPage { plan, harbors: self.harbors.clone(), vaults: self.vaults.clone() })
    }
    async fn preview_plan(&self, _cx: &Cx, form: PlanForm, _live: bool) -> Result<PlanPreview, ApiError> {
        let _ = form;
        Ok(preview())
    }
    async fn list_runs(&self, _cx: &Cx, plan_id: i64, after: Option<String>) -> Result<Page<Run>, ApiError> {
        let _ = (plan_id, after);
        Ok(Page { items: Vec::new(), next: None, total: None })
    }
}

nothing! { accounts::Accounts {
    create_user(form: NewUser) -> User;
    change_roles(form: ChangeRoles) -> User;
    set_disabled(user_id: i64, disabled: bool) -> User;
    reset_password(user_id: i64) -> OneTime;
    change_password(current: String, password: String) -> ();
    revoke_token_of(user_id: i64, token_id: i64) -> ();
    end_sessions(form: EndSessions) -> i64;
    create_token(form: NewToken) -> MadeToken;
    revoke_token(token_id: i64) -> ();
}
    async fn list_users(&self, _cx: &Cx, _after: Option<String>) -> Result<Page<User>, ApiError> {
        self.answer(Some(Page { items: self.users.clone(), next: None, total: None }))
    }
    async fn get_user(&self, _cx: &Cx, user_id: i64) -> Result<User, ApiError> {
        self.answer(self.users.iter().find(|user| user.id == user_id).cloned())
    }
    async fn list_tokens(&self, _cx: &Cx) -> Result<Vec<Token>, ApiError> {
        self.answer(Some(self.tokens.clone()))
    }
    async fn tokens_of(&self, _cx: &Cx, _user_id: i64) -> Result<Vec<Token>, ApiError> {
        self.answer(Some(self.tokens.clone()))
    }
    async fn list_sessions(&self, _cx: &Cx, _user_id: Option<i64>) -> Result<Vec<OpenSession>, ApiError> {
        self.answer(Some(self.sessions.clone()))
    }
}

nothing! { harbors::Harbors {
    try_harbor(form: NewHarbor) -> CheckList;
    change_harbor(form: ChangeHarbor) -> Harbor;
    set_staging(form: StagingForm) -> Harbor;
    renew_logins(form: RenewLogins) -> Renewed;
    check_harbor(harbor: String) -> CheckList;
    list_projects_now(harbor: String) -> i64;
    last_check(harbor: String) -> Option<CheckList>;
    remove_harbor(harbor: String, confirm: String) -> ();
}
    async fn list_harbors(&self, _cx: &Cx) -> Result<Vec<Harbor>, ApiError> {
        self.answer(Some(self.harbors.clone()))
    }
    async fn get_harbor(&self, _cx: &Cx, harbor: String) -> Result<Harbor, ApiError> {
        self.answer(self.harbors.iter().find(|h| h.name == harbor).cloned())
    }
    async fn create_harbor(&self, _cx: &Cx, form: NewHarbor) -> Result<Harbor, ApiError> {
        let _ = form;
        Err(ApiError::field("url", Said::Then("nothing answers at this address".to_owned())))
    }
}

nothing! { home::Homes {

}
    async fn get_home(&self, _cx: &Cx) -> Result<Home, ApiError> {
        self.answer(self.home.clone())
    }
}

#[async_trait]
impl crate::ports::session::Sessions for Fake {
    async fn shell(&self, _cx: &Cx) -> Result<Shell, ApiError> {
        Ok(Shell {
            me: self.me.clone(),
            must_change_password: false,
            setup_needed: self.setup_needed,
            lang: Lang::En,
            theme: Theme::System,
            single_keys: true,
            approvals_waiting: 2,
            jobs_running: 0,
            audit_events: 1_204,
            audit_verified: Some((moment("2026-11-23T11:00:00Z"), true)),
            flash: self.flash.map(str::to_owned),
            version: "0.1.0".to_owned(),
            now: moment("2026-11-23T12:00:00Z"),
        })
    }
    async fn sign_in(&self, _cx: &Cx, form: SignIn) -> Result<String, ApiError> {
        if form.password == "right" {
            Ok("/plans".to_owned())
        } else {
            Err(ApiError::new(ErrorKind::SignedOut, "bad_credentials", crate::accounts::refusals::Refusal::BadCredentials))
        }
    }
    async fn step_up(&self, _cx: &Cx, _password: String) -> Result<(), ApiError> {
        Ok(())
    }
    async fn sign_out(&self, _cx: &Cx) -> Result<(), ApiError> {
        Ok(())
    }
    async fn set_up(&self, _cx: &Cx, _form: SetUp) -> Result<(), ApiError> {
        Ok(())
    }
    async fn leave_flash(&self, _cx: &Cx, _text: &str) {}
    async fn set_single_keys(&self, _cx: &Cx, _on: bool) -> Result<(), ApiError> {
        Ok(())
    }
    async fn set_display(&self, _cx: &Cx, _lang: Option<String>, _theme: Option<String>) -> Result<(), ApiError> {
        Ok(())
    }
    async fn keep_zone(&self, _cx: &Cx, _name: String, _chosen: bool) -> Result<(), ApiError> {
        Ok(())
    }
}

pub fn moment(text: &str) -> Moment {
    Moment::parse(text).unwrap()
}

fn retention() -> Retention {
    let kept = |at, reasons: &[&str]| Kept {
        project: "payments".to_owned(),
        at: moment(at),
        reasons: reasons.iter().map(|r| Said::Then((*r).to_owned())).collect(),
    };
    Retention {
        snapshots: 2,
        go: 1,
        shown: vec![kept("2026-10-01T02:00:00Z", &[]), kept("2026-11-23T02:00:00Z", &["newest good", "day 2026-11-23"])],
        in_the_long_run: 34,
        oldest_days: 365,
        acts_from: None,
    }
}

fn preview() -> PlanPreview {
    PlanPreview {
        matched: vec![ProjectMatch { project: "payments".to_owned(), repositories: 3, in_plans: Vec::new() }],
        left_out: vec!["scratch".to_owned()],
        repositories: 3,
        read_at: Some(moment("2026-11-23T12:00:00Z")),
        stale: None,
        next_runs: vec![NextRun {
            at: moment("2026-11-24T02:00:00Z"),
            local: "Tue 2026-11-24 02:00 +00:00".to_owned(),
            clock_change: false,
        }],
        schedule_words: Said::Then("every day at 02:00".to_owned()),
        retention: retention(),
        warnings: Vec::new(),
    }
}

pub fn operator() -> Option<Me> {
    Some(Me { id: 1, login: "ops".to_owned(), display_name: "Ops A".to_owned(), duties: vec![Duty::Operator], grants: Vec::new() })
}

/// Somebody who may ask for restores of every project.
pub fn requester() -> Option<Me> {
    let grants = vec![Grant { role: Role::Requester, harbor: None, project: None }];
    Some(Me { id: 2, login: "dev".to_owned(), display_name: "Dev B".to_owned(), duties: Vec::new(), grants })
}

pub fn harbor(state: HarborState) -> Harbor {
    Harbor {
        id: 1,
        name: "prod-sh".to_owned(),
        url: "https://harbor.example.org".to_owned(),
        version: Some("v2.12.0".to_owned()),
        state,
        state_detail: Some(crate::sentence::Said::Then("the login was refused".to_owned())),
        checked: Some(moment("2026-11-23T11:54:00Z")),
        read_login: "robot$read".to_owned(),
        write_login: None,
        can_restore: false,
        plain_http: false,
        projects: 39,
        projects_protected: 37,
        bandwidth: Vec::new(),
        bandwidth_zone: "UTC".to_owned(),
        staging: Staging::default(),
        logins: Vec::new(),
        secret_set: None,
        outline: false,
    }
}

pub fn vault() -> Vault {
    Vault {
        id: 1,
        name: "main".to_owned(),
        path: "/srv/vault".to_owned(),
        bucket: None,
        lock: None,
        vault_uuid: "7d1c".to_owned(),
        state: VaultState::Healthy,
        state_detail: crate::vaults::sentences::Standing::Open.into(),
        looked: Some(moment("2026-11-23T09:30:00Z")),
        days_left: None,
        stored_bytes: 1 << 40,
        logical_bytes: 8 << 40,
        free_bytes: Some(1 << 40),
        reserve_bytes: 1 << 30,
        snapshots: 12,
        findings: 0,
        verified: None,
        read_since: moment("2026-11-01T11:00:00Z"),
        scrub_days: 30,
        scrub_mib_s: None,
        read_only_since: None,
        drift: None,
        rebuilt: None,
        created: moment("2026-11-01T00:00:00Z"),
    }
}

pub fn bucket() -> Bucket {
    Bucket {
        endpoint: "https://s3.example.org".to_owned(),
        plain_http: false,
        ca_pem: String::new(),
        region: "us-east-1".to_owned(),
        bucket: "backups".to_owned(),
        prefix: String::new(),
        path_style: true,
        access_key: "AKIA".to_owned(),
        secret_set: (moment("2026-11-01T00:00:00Z"), "olga".to_owned()),
        checks: CheckList { checks: Vec::new(), at: moment("2026-11-01T00:00:00Z"), backup_ok: true, restore_ok: true },
        can_lock: true,
    }
}

pub fn plan(name: &str) -> Plan {
    Plan {
        id: 3,
        name: name.to_owned(),
        harbor: "prod-sh".to_owned(),
        vault_id: 1,
        vault: "main".to_owned(),
        include: vec!["*".to_owned()],
        exclude: Vec::new(),
        cron: "0 2 * * *".to_owned(),
        zone: "UTC".to_owned(),
        schedule_words: Said::Then("every day at 02:00".to_owned()),
        full_every_h: 24,
        rpo_s: 86_400,
        paused: None,
        next: Some(moment("2026-11-24T02:00:00Z")),
        last_good: Some(moment("2026-11-23T11:54:00Z")),
        running_job: None,
        next_job: None,
        projects: 37,
        days: vec![DayState::Good, DayState::Failed, DayState::Missed],
        keep: Keep { daily: 14, ..Keep::default() },
        logical_bytes: 8 << 40,
        added_bytes: 1 << 30,
        copies: Vec::new(),
        version: 2,
        outline: false,
    }
}

fn vault_now() -> crate::vaults::types::VaultNow {
    let of = vault();
    crate::vaults::types::VaultNow {
        id: of.id,
        name: of.name,
        state: of.state,
        state_detail: of.state_detail,
        looked: of.looked,
        stored_bytes: of.stored_bytes,
        logical_bytes: of.logical_bytes,
        free_bytes: of.free_bytes,
        days_left: of.days_left,
        snapshots: of.snapshots,
        findings: of.findings,
        verified: of.verified,
    }
}

pub fn home() -> Home {
    Home {
        protected: 39,
        met: 37,
        at_risk: 0,
        missed: 2,
        pending: 0,
        gaps: 0,
        unprotected: 0,
        rpo_s: Some(86_400),
        last_good: Some(moment("2026-11-23T11:54:00Z")),
        next_run: None,
        oldest: None,
        plans: vec![plan("everything daily")],
        concerns: Vec::new(),
        restores: Vec::new(),
        waiting: Vec::new(),
        vaults_out: 0,
        vaults: vec![vault_now()],
        running: Vec::new(),
        setup: Vec::new(),
    }
}

pub fn there(state: crate::projects::found::Presence, live: bool) -> crate::projects::found::InHarbor {
    crate::projects::found::InHarbor { state, at: moment("2026-11-23T11:54:00Z"), live, digest: None }
}

pub fn hit(tag: &str, state: crate::projects::found::Presence, live: bool) -> crate::projects::found::SearchHit {
    let in_harbor = there(state, live);
    crate::projects::found::SearchHit {
        harbor: "prod-sh".to_owned(),
        project: "shop".to_owned(),
        repository: "shop/web".to_owned(),
        tag: tag.to_owned(),
        digest: format!("sha256:{}", "ab".repeat(32)),
        role: crate::projects::found::HitRole::Tag,
        subject: None,
        by_image_id: false,
        last_seen: moment("2026-11-23T11:54:00Z"),
        restore_at: Some(moment("2026-11-23T11:54:00Z")),
        now: in_harbor.now(),
        in_harbor,
        gap: None,
    }
}

pub fn gap(accepted: Option<crate::projects::gaps::Acceptance>) -> crate::projects::gaps::Gap {
    crate::projects::gaps::Gap {
        id: if accepted.is_some() { "cd" } else { "ab" }.repeat(32),
        kind: "blocked_by_policy".to_owned(),
        subject: "shop/web:2".to_owned(),
        digest: Some(format!("sha256:{}", "cd".repeat(32))),
        cause: Said::Then("a policy of the project blocks its pull".to_owned()),
        consequence: None,
        remedy: Some(Said::Then("sign the image".to_owned())),
        only_named: false,
        accepted,
    }
}

pub fn snapshot(gaps: i64, gaps_accepted: i64) -> Snapshot {
    Snapshot {
        id: 5,
        digest: format!("sha256:{}", "ab".repeat(32)),
        moment: moment("2026-11-23T11:54:00Z"),
        until: moment("2026-11-23T11:59:00Z"),
        took_s: 4,
        gaps,
        gaps_accepted,
        good: gaps == gaps_accepted,
        added: 1,
        removed: 0,
        moved: 0,
        tags: 3,
        bytes_new: 10,
        vault_id: 1,
        holds: Vec::new(),
        degraded: false,
        imported: false,
        copies: Vec::new(),
    }
}

pub fn project(protection: Protection, accepted: i64) -> Project {
    let at = moment("2026-11-23T11:54:00Z");
    Project {
        harbor: "prod-sh".to_owned(),
        project: "shop".to_owned(),
        plans: vec!["daily".to_owned()],
        protection,
        last_good: (accepted > 0).then_some(at),
        last_good_accepted: accepted,
        newest: Some(Newest { at, gaps: 1, gaps_accepted: accepted, degraded: false }),
        oldest: Some(at),
        snapshots: 20,
        repositories: 1,
        tags: 3,
        bytes: 10,
        rpo_s: Some(86_400),
    }
}

pub fn left() -> Left {
    Left {
        plan_id: 9,
        plan: "old".to_owned(),
        harbor: "prod-sh".to_owned(),
        vault_id: 1,
        vault: "main".to_owned(),
        deleted: moment("2026-11-20T11:54:00Z"),
        snapshots: 3,
        keep: Keep { daily: 7, ..Keep::default() },
        to: crate::plans::left::LeftTo::Undecided,
        owner: None,
        by_plan: None,
        decided_by: None,
        decided: None,
    }
}

pub fn import() -> Import {
    Import {
        snapshot_id: 31,
        harbor: "prod-sh".to_owned(),
        project: "legacy".to_owned(),
        moment: moment("2026-11-20T11:54:00Z"),
        vault_id: 1,
        vault: "main".to_owned(),
        tags: 12,
        artifacts: 12,
        owner: None,
        until: None,
        decided_by: None,
        decided: None,
    }
}

pub fn timeline() -> Timeline {
    let at = moment("2026-11-23T11:54:00Z");
    let hold =
        Hold { id: 4, reason: "the auditors asked".to_owned(), by: "lead".to_owned(), at, until: Some(moment("2026-12-31T00:00:00Z")) };
    let looked = Snapshot { holds: vec![hold.clone()], ..snapshot(1, 0) };
    Timeline {
        project: project(Protection::Gaps, 0),
        at: Some(looked.clone()),
        before: None,
        after: None,
        from: moment("2026-11-23T11:00:00Z"),
        to: moment("2026-11-23T12:00:00Z"),
        snapshots: vec![looked],
        thinned: false,
        events: Vec::new(),
        limits: Vec::new(),
        listed: None,
        gaps: vec![gap(None)],
        may: MayHere { hold: true, release: true, accept: false },
        holds: vec![HeldMoment { snapshot_id: 5, moment: at, hold }],
        left: vec![left()],
        next_run: None,
    }
}

pub fn history(state: crate::projects::found::Presence, live: bool) -> TagHistory {
    let at = moment("2026-11-23T11:54:00Z");
    let span = TagSpan {
        digest: format!("sha256:{}", "ab".repeat(32)),
        from: moment("2026-11-20T11:54:00Z"),
        to: None,
        ended: None,
        kind: "IMAGE".to_owned(),
        size_bytes: 10,
        platforms: Vec::new(),
        accessories: 0,
        snapshots: 3,
        not_restorable: None,
        restore_at: at,
    };
    TagHistory {
        harbor: "prod-sh".to_owned(),
        project: "shop".to_owned(),
        repository: "shop/web".to_owned(),
        tag: "1.4".to_owned(),
        spans: vec![span],
        live: None,
        live_error: (!live).then(|| crate::projects::refusals::Refusal::HarborSlow.into()),
        in_harbor: Some(there(state, live)),
        gap: None,
        known_from: Some(moment("2026-11-20T11:54:00Z")),
        known_to: Some(at),
    }
}

/// A line of a plan.
fn effect(number: i64, kind: EffectKind) -> EffectItem {
    EffectItem {
        repository: "shop/web".to_owned(),
        reference: format!("v{number}"),
        now: None,
        then: format!("sha256:{}", "ab".repeat(32)),
        effect: kind,
        detail: if kind == EffectKind::Blocked { Some(Note::Blocked { why: BlockReason::Immutable }.into()) } else { None },
        accessory: None,
    }
}

/// One page of 250 lines.
fn lines(filter: &LineFilter) -> Lines {
    let page = filter.page.unwrap_or(1);
    let line = Line { place: 101, effect: effect(101, EffectKind::Create), result: None };
    Lines {
        lines: vec![line],
        page,
        pages: 3,
        total: 250,
        counts: LineCounts { all: 250, create: 240, blocked: 10, done: 240, ..LineCounts::default() },
        repositories: vec!["shop/api".to_owned(), "shop/web".to_owned()],
        began: true,
        next: None,
    }
}

fn effect_plan(effects: &Effects) -> EffectPlan {
    EffectPlan {
        hash: "7c1e09af".repeat(8),
        read_at: moment("2026-11-01T00:00:00Z"),
        sentence: effects.say(Lang::En),
        effects: effects.clone(),
        items: Vec::new(),
        items_total: 250,
        items_more: None,
        creates: 240,
        moves: 0,
        mends: 0,
        skips: 0,
        blocked: 10,
        bytes_to_send: 1024,
        bytes_present: 2048,
        bytes_unknown: 4096,
        blobs_unknown: 3,
        creates_project: false,
        gaps: Vec::new(),
        gaps_total: 0,
        warnings: Vec::new(),
    }
}

/// A request that ended with ten lines blocked, whose votes had lapsed once.
pub fn request() -> Restore {
    let effects = Effects { project: "shop".to_owned(), tags_created: 240, blocked: 10, ..Effects::default() };
    let ended = Ended { done: 240, blocked: 10, ..Ended::default() };
    Restore {
        id: 88,
        state: RequestState::Issues,
        version: 3,
        requester: "dev".to_owned(),
        requester_name: "Dev".to_owned(),
        requester_history: (0, 0),
        form: RestoreForm {
            harbor: "prod".to_owned(),
            project: "shop".to_owned(),
            at: "2026-11-01T00:00:00Z".to_owned(),
            ..RestoreForm::default()
        },
        plan: effect_plan(&effects),
        risk: 4,
        votes_needed: 2,
        votes: Vec::new(),
        rule: Rule::None.into(),
        approvers: Vec::new(),
        category: "accident".to_owned(),
        reason: "a reason".to_owned(),
        ticket: String::new(),
        submitted: None,
        decide_before: None,
        started: Some(moment("2026-11-01T00:00:00Z")),
        finished: Some(moment("2026-11-01T00:01:00Z")),
        job_id: None,
        results: Vec::new(),
        results_total: 240,
        ended: Some(ended),
        change: Some(PlanChange {
            before_hash: "aaaabbbb".repeat(8),
            before_read_at: moment("2026-10-31T00:00:00Z"),
            before: Effects { tags_created: 241, ..effects },
            added: 0,
            gone: 0,
            changed: 1,
            lines: vec![LineChange { before: Some(effect(7, EffectKind::Create)), after: Some(effect(7, EffectKind::Blocked)) }],
            page: 1,
            pages: 1,
        }),
        items_done: 240,
        bytes_sent: 0,
        outcome_detail: Some(Outcome::Ended { ended }.into()),
        next: NextMove::Issues.into(),
        may: Vec::new(),
        why_not_vote: None,
        audit: Vec::new(),
        pull: None,
    }
}
