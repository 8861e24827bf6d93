//! Pages rendered as the server renders them, over a backend that is not there: what a reader sees in each state, with and without
//! the browser part.

use std::sync::Arc;

use async_trait::async_trait;
use axum::Router;
use axum::body::Body;
use http::{Request, StatusCode, header};
use http_body_util::BodyExt as _;
use leptos::prelude::{LeptosOptions, provide_context};
use leptos_axum::{LeptosRoutes as _, generate_route_list, handle_server_fns_with_context};
use tower::ServiceExt as _;

use super::{Backend, Cx};
use crate::accounts::types::*;
use crate::audit::types::*;
use crate::error::{ApiError, ErrorKind};
use crate::harbors::types::*;
use crate::home::types::Home;
use crate::jobs::types::*;
use crate::plans::types::*;
use crate::projects::types::*;
use crate::restores::types::Request as Restore;
use crate::restores::types::{CastVote, Draft, RequestFilter, RequestRow, RestoreForm, Submit};
use crate::session::types::{Me, SetUp, Shell, SignIn, Theme};
use crate::text::Lang;
use crate::units::{Moment, Page};
use crate::vaults::types::*;

/// What the backend that is not there answers.
#[derive(Clone, Default)]
struct Fake {
    me: Option<Me>,
    setup_needed: bool,
    flash: Option<&'static str>,
    home: Option<Home>,
    harbors: Vec<Harbor>,
    vaults: Vec<Vault>,
    plans: Vec<Plan>,
    failing: Option<ApiError>,
}

impl Fake {
    fn answer<T>(&self, value: Option<T>) -> Result<T, ApiError> {
        if let Some(error) = &self.failing {
            return Err(error.clone());
        }
        if self.me.is_none() {
            return Err(ApiError::new(ErrorKind::SignedOut, "signed_out", "sign in to go on"));
        }
        value.ok_or_else(|| ApiError::not_found("thing"))
    }
}

/// Methods no test here asks for: they answer as if there were nothing.
macro_rules! nothing {
    ($slice:ident::$port:ident { $($name:ident($($arg:ident: $kind:ty),*) -> $value:ty;)* } $($rest:tt)*) => {
        #[async_trait]
        impl super::$slice::$port for Fake {
            $(async fn $name(&self, _cx: &Cx $(, $arg: $kind)*) -> Result<$value, ApiError> {
                $(let _ = $arg;)*
                self.answer(None)
            })*
            $($rest)*
        }
    };
}

nothing! { projects::Projects {
    list_projects(filter: ProjectFilter) -> Page<Project>;
    get_timeline(harbor: String, project: String, at: Option<Moment>, zoom: Option<String>) -> Timeline;
    compare_live(harbor: String, project: String, at: Option<Moment>) -> LiveDiff;
    browse(query: BrowseQuery) -> Browse;
    tag_history(harbor: String, project: String, repository: String, tag: String) -> TagHistory;
    get_artifact(harbor: String, project: String, repository: String, digest: String) -> ArtifactDetail;
    search(q: String) -> Vec<SearchHit>;
    hold_snapshot(snapshot_id: i64, reason: String) -> ();
    back_up_project(harbor: String, project: String) -> i64;
}

}

nothing! { restores::Restores {
    preview_restore(form: RestoreForm) -> Draft;
    get_draft(draft_id: i64) -> Draft;
    submit_restore(form: Submit) -> Restore;
    get_request(request_id: i64) -> Restore;
    list_requests(filter: RequestFilter) -> Page<RequestRow>;
    list_approvals(tab: String) -> Vec<RequestRow>;
    cast_vote(form: CastVote) -> Restore;
    withdraw_request(request_id: i64) -> Restore;
    cancel_request(request_id: i64) -> Restore;
    retry_request(request_id: i64) -> Draft;
    undo_request(request_id: i64) -> Draft;
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
    get_vault(vault_id: i64) -> Vault;
    create_vault(form: NewVault) -> Vault;
    verify_vault(vault_id: i64) -> i64;
    list_findings(vault_id: i64) -> Vec<Finding>;
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
    delete_plan(plan_id: i64, confirm: String) -> ();
}
    async fn list_plans(&self, _cx: &Cx) -> Result<Vec<Plan>, ApiError> {
        self.answer(Some(self.plans.clone()))
    }
    async fn get_plan(&self, _cx: &Cx, plan_id: i64) -> Result<Plan, ApiError> {
        self.answer(self.plans.iter().find(|p| p.id == plan_id).cloned())
    }
    async fn preview_plan(&self, _cx: &Cx, form: PlanForm) -> Result<PlanPreview, ApiError> {
        let _ = form;
        Ok(preview())
    }
    async fn list_runs(&self, _cx: &Cx, plan_id: i64, after: Option<String>) -> Result<Page<Run>, ApiError> {
        let _ = (plan_id, after);
        Ok(Page { items: Vec::new(), next: None, total: None })
    }
}

nothing! { accounts::Accounts {
    list_users(after: Option<String>) -> Page<User>;
    get_user(user_id: i64) -> User;
    create_user(form: NewUser) -> User;
    change_roles(form: ChangeRoles) -> User;
    set_disabled(user_id: i64, disabled: bool) -> User;
    reset_password(user_id: i64, password: String) -> ();
    change_password(current: String, password: String) -> ();
    list_tokens() -> Vec<Token>;
    create_token(form: NewToken) -> MadeToken;
    revoke_token(token_id: i64) -> ();
}

}

nothing! { harbors::Harbors {
    try_harbor(form: NewHarbor) -> CheckList;
    change_harbor(form: ChangeHarbor) -> Harbor;
    check_harbor(harbor: String) -> CheckList;
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
        Err(ApiError::field("url", "nothing answers at this address"))
    }
}

nothing! { home::Homes {

}
    async fn get_home(&self, _cx: &Cx) -> Result<Home, ApiError> {
        self.answer(self.home.clone())
    }
}

#[async_trait]
impl super::session::Sessions for Fake {
    async fn shell(&self, _cx: &Cx) -> Result<Shell, ApiError> {
        Ok(Shell {
            me: self.me.clone(),
            setup_needed: self.setup_needed,
            lang: Lang::En,
            theme: Theme::System,
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
        if form.password == "right" { Ok("/plans".to_owned()) } else { Err(ApiError::new(ErrorKind::SignedOut, "bad_credentials", "name or password is wrong")) }
    }
    async fn sign_out(&self, _cx: &Cx) -> Result<(), ApiError> {
        Ok(())
    }
    async fn set_up(&self, _cx: &Cx, _form: SetUp) -> Result<(), ApiError> {
        Ok(())
    }
    async fn leave_flash(&self, _cx: &Cx, _text: &str) {}
    async fn set_display(&self, _cx: &Cx, _lang: Option<String>, _theme: Option<String>) -> Result<(), ApiError> {
        Ok(())
    }
}

fn moment(text: &str) -> Moment {
    Moment::parse(text).unwrap()
}

fn preview() -> PlanPreview {
    PlanPreview {
        matched: vec![ProjectMatch { project: "payments".to_owned(), repositories: 3, in_plans: Vec::new() }],
        left_out: vec!["scratch".to_owned()],
        repositories: 3,
        read_at: Some(moment("2026-11-23T12:00:00Z")),
        stale: None,
        next_runs: vec![NextRun { at: moment("2026-11-24T02:00:00Z"), local: "Tue 2026-11-24 02:00 +00:00".to_owned(), clock_change: false }],
        schedule_words: "every day at 02:00".to_owned(),
        warnings: Vec::new(),
    }
}

fn operator() -> Option<Me> {
    Some(Me { id: 1, login: "ops".to_owned(), display_name: "Ops A".to_owned(), duties: vec![Duty::Operator], grants: Vec::new() })
}

fn harbor(state: HarborState) -> Harbor {
    Harbor {
        id: 1,
        name: "prod-sh".to_owned(),
        url: "https://harbor.example.org".to_owned(),
        version: Some("v2.12.0".to_owned()),
        state,
        state_detail: "the login was refused".to_owned(),
        checked: Some(moment("2026-11-23T11:54:00Z")),
        read_login: "robot$read".to_owned(),
        write_login: None,
        can_restore: false,
        plain_http: false,
        projects: 39,
        projects_protected: 37,
        secret_set: None,
    }
}

fn vault() -> Vault {
    Vault {
        id: 1,
        name: "main".to_owned(),
        path: "/srv/vault".to_owned(),
        vault_uuid: "7d1c".to_owned(),
        state: VaultState::Healthy,
        state_detail: String::new(),
        stored_bytes: 1 << 40,
        logical_bytes: 8 << 40,
        free_bytes: Some(1 << 40),
        snapshots: 12,
        findings: 0,
        verified: None,
        created: moment("2026-11-01T00:00:00Z"),
    }
}

fn plan(name: &str) -> Plan {
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
        schedule_words: "every day at 02:00".to_owned(),
        rpo_s: 86_400,
        paused: None,
        next: Some(moment("2026-11-24T02:00:00Z")),
        last_good: Some(moment("2026-11-23T11:54:00Z")),
        running_job: None,
        projects: 37,
        days: vec![DayState::Good, DayState::Failed, DayState::Missed],
        version: 2,
    }
}

fn home() -> Home {
    Home {
        protected: 39,
        met: 37,
        at_risk: 0,
        missed: 2,
        pending: 0,
        unprotected: 0,
        rpo_s: Some(86_400),
        last_good: Some(moment("2026-11-23T11:54:00Z")),
        next_run: None,
        oldest: None,
        plans: vec![plan("everything daily")],
        concerns: Vec::new(),
        restores: Vec::new(),
        waiting: Vec::new(),
        vaults: vec![vault()],
        running: Vec::new(),
        setup: Vec::new(),
    }
}

fn router(fake: Fake) -> Router {
    let options = LeptosOptions::builder().output_name("breakwater").build();
    let backend: Arc<dyn Backend> = Arc::new(fake);
    let context = move || provide_context(Arc::clone(&backend));
    let for_calls = context.clone();
    let for_shell = options.clone();
    Router::new()
        .leptos_routes_with_context(&options, generate_route_list(crate::App), context.clone(), move || crate::shell(for_shell.clone()))
        .route("/fn/{*name}", axum::routing::any(move |request| handle_server_fns_with_context(for_calls.clone(), request)))
        .fallback(leptos_axum::file_and_error_handler_with_context::<LeptosOptions, _>(context, crate::shell))
        .with_state(options)
}

/// Status, `Location`, and the page.
async fn get(fake: &Fake, path: &str, cookie: &str) -> (StatusCode, String, String) {
    let request = Request::get(path).header(header::ACCEPT, "text/html").header(header::COOKIE, cookie).body(Body::empty()).unwrap();
    answer_of(router(fake.clone()).oneshot(request).await.unwrap()).await
}

async fn post(fake: &Fake, path: &str, from: &str, body: &str) -> (StatusCode, String, String) {
    let request = Request::post(path)
        .header(header::ACCEPT, "text/html")
        .header(header::REFERER, format!("http://here.invalid{from}"))
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body(Body::from(body.to_owned()))
        .unwrap();
    answer_of(router(fake.clone()).oneshot(request).await.unwrap()).await
}

async fn answer_of(response: http::Response<Body>) -> (StatusCode, String, String) {
    let location = response.headers().get(header::LOCATION).map(|v| v.to_str().unwrap().to_owned()).unwrap_or_default();
    let status = response.status();
    let bytes = response.into_body().collect().await.unwrap().to_bytes();
    (status, location, String::from_utf8(bytes.to_vec()).unwrap())
}

fn has(page: &str, text: &str) {
    assert!(page.contains(text), "the page lacks {text:?}:\n{page}");
}

#[tokio::test]
async fn home_says_the_posture_first_and_what_it_rests_on() {
    let fake = Fake { me: operator(), home: Some(home()), ..Fake::default() };
    let (status, _, page) = get(&fake, "/", "").await;
    assert_eq!(status, StatusCode::OK);
    has(&page, "37 of 39 projects can be restored to within 24 hours. 2 are past the target.");
    has(&page, "6 min ago");
    has(&page, "Chain intact · 11:00");
    has(&page, "1 good, 1 missed, 1 failed");
    assert!(!page.contains(" style="), "the content policy forbids style attributes");
    assert!(!page.contains("onclick="), "the content policy forbids handlers in the markup");
}

#[tokio::test]
async fn language_and_theme_are_the_cookies_before_anything_is_asked() {
    let fake = Fake { me: operator(), home: Some(home()), ..Fake::default() };
    let (_, _, page) = get(&fake, "/", "lang=zh-CN; theme=dark").await;
    has(&page, r#"<html lang="zh-CN" data-theme="dark">"#);
    has(&page, "39 个受保护项目中有 37 个可恢复到 24 小时 以内的时间点。");
}

#[tokio::test]
async fn a_stranger_is_led_to_the_sign_in_and_back() {
    let (status, location, _) = get(&Fake::default(), "/plans/3?after=x", "").await;
    assert_eq!(status, StatusCode::FOUND);
    assert_eq!(location, "/signin?next=%2Fplans%2F3%3Fafter%3Dx");
    let (_, location, _) = get(&Fake { setup_needed: true, ..Fake::default() }, "/signin", "").await;
    assert_eq!(location, "/setup");
}

#[tokio::test]
async fn a_failure_says_what_still_works_and_which_number_to_quote() {
    let mut error = ApiError::new(ErrorKind::Unavailable, "database", "the database does not answer; try again");
    error.request_id = Some("r-17".to_owned());
    let fake = Fake { me: operator(), failing: Some(error), ..Fake::default() };
    let (status, _, page) = get(&fake, "/plans", "").await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    has(&page, "the database does not answer; try again");
    has(&page, "Other pages may still work");
    has(&page, "r-17");
}

#[tokio::test]
async fn empty_lists_offer_the_first_step() {
    let fake = Fake { me: operator(), ..Fake::default() };
    let (_, _, page) = get(&fake, "/plans", "").await;
    has(&page, "Nothing is backed up yet: there is no plan.");
    has(&page, "/plans/new?form[cron]=0%20%2A%2F6%20%2A%20%2A%20%2A");
    let (_, _, page) = get(&fake, "/harbors", "").await;
    has(&page, "Register the first Harbor");
    let (_, _, page) = get(&fake, "/plans/new", "").await;
    has(&page, "A plan needs a Harbor to read from.");
    let (status, _, page) = get(&fake, "/plans/77", "").await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    has(&page, "Not found");
}

#[tokio::test]
async fn only_an_operator_sees_the_buttons_of_an_operator() {
    let auditor = operator().map(|me| Me { duties: vec![Duty::Auditor], ..me });
    let fake = Fake { me: operator(), plans: vec![plan("daily")], ..Fake::default() };
    let (_, _, page) = get(&fake, "/plans/3", "").await;
    has(&page, "Run now");
    has(&page, "daily keeps 37 projects of prod-sh no older than 24 hours.");
    let (_, _, page) = get(&Fake { me: auditor, ..fake }, "/plans/3", "").await;
    assert!(!page.contains("Run now"));
}

#[tokio::test]
async fn a_refused_plain_post_comes_back_with_its_message_its_field_and_what_was_typed() {
    let fake = Fake { me: operator(), ..Fake::default() };
    let body = "form[name]=prod-sh&form[url]=https%3A%2F%2Fx.example&form[admin_login]=admin&form[admin_password]=hunter22";
    let (status, back, _) = post(&fake, "/fn/harbors/create", "/harbors/new", body).await;
    assert_eq!(status, StatusCode::FOUND);
    assert!(back.starts_with("/harbors/new?"), "{back}");
    assert!(!back.contains("hunter22"), "{back}");
    let (_, _, page) = get(&fake, &back, "").await;
    has(&page, "nothing answers at this address");
    has(&page, r#"value="https://x.example""#);
    has(&page, r#"value="prod-sh""#);
    has(&page, r#"aria-invalid="true""#);
    assert!(!page.contains("hunter22"));
}

#[tokio::test]
async fn signing_in_without_script_goes_on_or_says_why_not() {
    let fake = Fake::default();
    let (status, location, _) = post(&fake, "/fn/session/in", "/signin?next=%2Fplans", "form[login]=ops&form[password]=right&form[next]=%2Fplans").await;
    assert_eq!((status, location.as_str()), (StatusCode::FOUND, "/plans"));
    let (_, back, _) = post(&fake, "/fn/session/in", "/signin", "form[login]=ops&form[password]=wrong").await;
    let (_, _, page) = get(&fake, &back, "").await;
    has(&page, "name or password is wrong");
    has(&page, r#"value="ops""#);
    assert!(!page.contains("wrong&"), "the password is not in the page");
}

#[tokio::test]
async fn the_preview_of_a_plan_is_a_page_of_its_own_without_script() {
    let fake = Fake { me: operator(), harbors: vec![harbor(HarborState::Healthy)], vaults: vec![vault()], ..Fake::default() };
    let (_, _, page) = get(&fake, "/plans/new?form[name]=nightly&form[include]=pay*", "").await;
    has(&page, r#"value="nightly""#);
    has(&page, "pay*</textarea>");
    has(&page, "1 project with 3 repositories; 1 of them in no plan yet.");
    has(&page, "Tue 2026-11-24 02:00 +00:00");
}

#[tokio::test]
async fn the_message_of_the_last_form_and_the_state_of_a_harbor_are_shown() {
    let fake = Fake { me: operator(), harbors: vec![harbor(HarborState::Refused)], flash: Some("The harbor is registered."), ..Fake::default() };
    let (_, _, page) = get(&fake, "/harbors/prod-sh", "").await;
    has(&page, "prod-sh refuses the login: no new backups until it is renewed.");
    has(&page, "The harbor is registered.");
}

#[tokio::test]
async fn an_address_that_leads_nowhere_is_a_page_with_a_way_out() {
    let (status, _, page) = get(&Fake { me: operator(), ..Fake::default() }, "/nowhere", "").await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    has(&page, "There is no page at this address.");
}
