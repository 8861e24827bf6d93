//! Pages rendered as the server renders them, over a backend that is not there: what a reader sees in each state.

#[path = "render_tests/fake.rs"]
mod fake;
#[path = "render_tests/people.rs"]
mod people;

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Body;
use http::{Request, StatusCode, header};
use http_body_util::BodyExt as _;
use leptos::prelude::provide_context;
use leptos_axum::handle_server_fns_with_context;
use tower::ServiceExt as _;

use self::fake::{Fake, bucket, harbor, home, moment, operator, plan, request, vault};
use super::{Backend, Left};
use crate::accounts::types::Duty;
use crate::error::{ApiError, ErrorKind};
use crate::harbors::types::{HarborState, LoginPurpose, LoginState};
use crate::pages::{NOWHERE, PAGES, Page};
use crate::render::render;
use crate::session::types::Me;
use crate::ui::CameBack;
use crate::ui::came_back::Shown;
use crate::vaults::types::{Lock, Vault};

fn router(fake: Fake) -> Router {
    let backend: Arc<dyn Backend> = Arc::new(fake);
    let context = move || provide_context(Arc::clone(&backend));
    let for_calls = context.clone();
    let draw = move |page: Page| {
        let context = context.clone();
        move |request: Request<Body>| render(page, request.into_parts().0, context.clone())
    };
    let pages = PAGES.iter().fold(Router::new(), |router, page| router.route(page.path, axum::routing::get(draw(*page))));
    pages
        .route("/fn/{*name}", axum::routing::any(move |request| handle_server_fns_with_context(for_calls.clone(), request)))
        .fallback(draw(NOWHERE))
}

/// What calls left for their pages, by the code in the address; the server has a table.
static LEFT: Mutex<Vec<CameBack>> = Mutex::new(Vec::new());

/// Status, `Location`, and the page.
async fn get(fake: &Fake, path: &str, cookie: &str) -> (StatusCode, String, String) {
    let mut request = Request::get(path).header(header::ACCEPT, "text/html").header(header::COOKIE, cookie).body(Body::empty()).unwrap();
    if let Some((_, code)) = path.split_once("came=") {
        let came = LEFT.lock().unwrap()[code.parse::<usize>().unwrap()].clone();
        request.extensions_mut().insert(Shown { code: code.to_owned(), came });
    }
    answer_of(router(fake.clone()).oneshot(request).await.unwrap()).await
}

/// The same where the script asks for some regions of it.
async fn regions(fake: &Fake, path: &str, names: &str) -> (StatusCode, String, String) {
    let request = Request::get(path).header(header::ACCEPT, "text/html").header("x-region", names).body(Body::empty()).unwrap();
    answer_of(router(fake.clone()).oneshot(request).await.unwrap()).await
}

async fn post(fake: &Fake, path: &str, from: &str, body: &str) -> (StatusCode, String, String) {
    let mut request = Request::post(path)
        .header(header::ACCEPT, "text/html")
        .header(header::REFERER, format!("http://here.invalid{from}"))
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body(Body::from(body.to_owned()))
        .unwrap();
    let left = Left::default();
    request.extensions_mut().insert(left.clone());
    let (status, mut location, page) = answer_of(router(fake.clone()).oneshot(request).await.unwrap()).await;
    if let Some(came) = left.take() {
        let mut all = LEFT.lock().unwrap();
        all.push(came);
        location = format!("{from}{}came={}", if from.contains('?') { '&' } else { '?' }, all.len() - 1);
    }
    (status, location, page)
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
    has(&page, r#"<html lang="zh-CN" data-theme="dark" data-zone="UTC""#);
    has(&page, "39 个受保护项目中有 37 个可恢复到 24 小时以内的时间点。");
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
    let mut error = ApiError::new(ErrorKind::Unavailable, "database", crate::refusals::General::DatabaseAway);
    error.request_id = Some("r-17".to_owned());
    let fake = Fake { me: operator(), failing: Some(error), ..Fake::default() };
    let (status, _, page) = get(&fake, "/plans", "").await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    has(&page, "the database is not available at this moment; nothing was changed, try again");
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
async fn a_vault_says_for_how_long_nobody_can_take_a_snapshot_away() {
    let lock = Lock {
        mode: "compliance".to_owned(),
        days: 30,
        snapshots: 12,
        next: Some(moment("2026-12-01T11:00:00Z")),
        last: Some(moment("2026-12-24T11:00:00Z")),
        outlived_by: vec!["nightly".to_owned()],
    };
    let locked = Vault { bucket: Some(bucket()), lock: Some(lock), ..vault() };
    let fake = Fake { me: operator(), vaults: vec![locked.clone()], ..Fake::default() };
    let (_, _, page) = get(&fake, "/vaults/1", "").await;
    has(&page, "Each snapshot is locked for 30 days; nobody can lift or shorten that.");
    has(&page, "and the older ones are not locked: nightly.");
    has(&page, "name=\"lock_days\"");
    let (_, _, page) = get(&fake, "/vaults/1", "lang=zh-CN").await;
    has(&page, "每个快照锁定 30 天；任何人都不能解除或缩短。");
    let open = Vault { lock: None, ..locked };
    let (_, _, page) = get(&Fake { vaults: vec![open], ..fake }, "/vaults/1", "").await;
    has(&page, "Nothing is locked. The bucket could");
    let (_, _, page) = get(&Fake { me: operator(), ..Fake::default() }, "/vaults/new", "").await;
    has(&page, "Compliance: nobody");
    has(&page, "In compliance mode what is locked cannot be made shorter either");
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
async fn no_address_made_by_somebody_else_fills_a_form_or_speaks_from_a_page() {
    let spoken = "call+%2B1-555-0100+to+unlock";
    let error = "eyJraW5kIjoiaW52YWxpZCIsImNvZGUiOiJ4IiwibWVzc2FnZSI6ImNhbGwgKzEtNTU1LTAxMDAgdG8gdW5sb2NrIn0";
    for (page, call) in [("/signin", "/fn/session/in"), ("/harbors/new", "/fn/harbors/create"), ("/admin/users/new", "/fn/accounts/create")]
    {
        for query in [
            format!("__path={call}&__err={error}&__in=%7B%22login%22%3A%22{spoken}%22%2C%22name%22%3A%22{spoken}%22%7D"),
            format!("tested=restore&wrong={spoken}"),
        ] {
            let (_, _, shown) = get(&Fake { me: operator(), ..Fake::default() }, &format!("{page}?{query}"), "").await;
            assert!(!shown.contains("555-0100 to unlock") && !shown.contains("Lines that did not pass"), "{page}?{query}:\n{shown}");
            assert!(!shown.contains("error-summary"), "{page}?{query}:\n{shown}");
        }
    }
}

#[tokio::test]
async fn signing_in_without_script_goes_on_or_says_why_not() {
    let fake = Fake::default();
    let (status, location, _) =
        post(&fake, "/fn/session/in", "/signin?next=%2Fplans", "form[login]=ops&form[password]=right&form[next]=%2Fplans").await;
    assert_eq!((status, location.as_str()), (StatusCode::FOUND, "/plans"));
    let (_, back, _) = post(&fake, "/fn/session/in", "/signin", "form[login]=ops&form[password]=hunter22").await;
    let (_, _, page) = get(&fake, &back, "").await;
    has(&page, "sign-in name and password do not belong together");
    has(&page, r#"value="ops""#);
    assert!(!page.contains("hunter22") && !back.contains("hunter22"), "the password is neither in the page nor in its address:\n{page}");
}

#[tokio::test]
async fn days_of_lock_are_read_as_they_are_typed_and_nothing_is_none() {
    let fake = Fake { me: operator(), ..Fake::default() };
    for (typed, said) in [
        ("&form[lock_days]=30", "cannot lock for 30 days"),
        ("&form[lock_days]=", "for 0 days"),
        ("", "for 0 days"),
        ("&form[lock_days]=many", "for -1 days"),
    ] {
        let form = format!("form[name]=offsite&form[kind]=bucket{typed}&form[lock_mode]=governance");
        let (_, back, _) = post(&fake, "/fn/vaults/create", "/vaults/new", &form).await;
        let (_, _, page) = get(&fake, &back, "").await;
        has(&page, said);
    }
}

#[tokio::test]
async fn what_is_typed_into_a_field_is_text_in_it_and_so_is_the_title_of_a_tab() {
    let fake = Fake { me: operator(), harbors: vec![harbor(HarborState::Healthy)], vaults: vec![vault()], ..Fake::default() };
    let injected = "%3C%2Ftextarea%3E%3Cimg+src%3Dx%3E%26lt%3B%3C!%3E";
    let (_, _, page) = get(&fake, &format!("/plans/new?form[name]=nightly&form[include]={injected}"), "").await;
    has(&page, "&lt;/textarea>&lt;img src=x>&amp;lt;&lt;!></textarea>");
    let named = fake::plan("</title><img src=x>");
    let (_, _, page) = get(&Fake { plans: vec![named], ..fake }, "/plans/3", "").await;
    assert!(!page.contains("<img"), "{page}");
}

#[tokio::test]
async fn a_request_for_regions_draws_those_and_nothing_else() {
    let fake = Fake { me: operator(), home: Some(home()), flash: Some("The harbor is registered."), ..Fake::default() };
    let (_, _, whole) = get(&fake, "/", "").await;
    for text in
        [r#"data-region="page" data-topics="any""#, r#"data-region="rail" data-topics="requests jobs accounts""#, r#"data-region="counts""#]
    {
        has(&whole, text);
    }
    let (_, _, rail) = regions(&fake, "/", "rail counts").await;
    has(&rail, r#"data-region="rail""#);
    assert!(!rail.contains("37 of 39") && !rail.contains(r#"data-region="page""#), "{rail}");
    let (_, _, page) = regions(&fake, "/", "page").await;
    has(&page, "37 of 39");
    assert!(!page.contains(r#"data-region="rail""#), "{page}");
    assert!(!whole.contains("<script>") && !whole.contains("<!>"), "nothing is left for a framework in the browser");
}

#[tokio::test]
async fn the_preview_of_a_plan_is_a_page_of_its_own_without_script() {
    let fake = Fake { me: operator(), harbors: vec![harbor(HarborState::Healthy)], vaults: vec![vault()], ..Fake::default() };
    let (_, _, page) = get(&fake, "/plans/new?form[name]=nightly&form[include]=pay*", "").await;
    has(&page, r#"value="nightly""#);
    has(&page, "pay*</textarea>");
    has(&page, "1 project with 3 repositories; 1 of them in no other plan.");
    has(&page, "Tue 2026-11-24 02:00 +00:00");
    has(&page, "In the long run 34 snapshots of each project, the oldest 365 days old.");
    has(&page, "Of the 2 snapshots there are it lets 1 go.");
    let (_, _, page) = get(&fake, "/plans/new?form[keep_daily]=3&form[keep_weekly]=0&form[keep_monthly]=0", "").await;
    has(&page, ">3 days<");
}

#[tokio::test]
async fn the_message_of_the_last_form_and_the_state_of_a_harbor_are_shown() {
    let fake =
        Fake { me: operator(), harbors: vec![harbor(HarborState::Refused)], flash: Some("The harbor is registered."), ..Fake::default() };
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

fn staged() -> crate::harbors::types::Staging {
    use crate::harbors::types::{Staging, StagingUse};
    let at = crate::units::Moment::parse("2026-11-23T11:54:00Z").unwrap();
    Staging {
        on: true,
        project: Some("breakwater-staging-4f2a".to_owned()),
        login: Some("robot$stage".to_owned()),
        looked: Some(at),
        left: 3,
        foreign: vec!["breakwater-staging-4f2a/own".to_owned()],
        trouble: Some(crate::sentence::Said::Then("the harbor failed with status 500".to_owned())),
        replicated_by: vec!["to-dr".to_owned()],
        last_use: Some(StagingUse { at, images: 12, job_id: 88 }),
    }
}

#[tokio::test]
async fn a_harbor_says_whether_blocked_images_are_read_and_what_is_left_of_it() {
    let quiet = Fake { me: operator(), harbors: vec![harbor(HarborState::Healthy)], ..Fake::default() };
    let (_, _, page) = get(&quiet, "/harbors/prod-sh", "").await;
    has(&page, "named gaps: nothing is copied");
    let mut on = harbor(HarborState::Healthy);
    on.staging = staged();
    let fake = Fake { me: operator(), harbors: vec![on], ..Fake::default() };
    let (_, _, page) = get(&fake, "/harbors/prod-sh", "").await;
    for text in [
        "read through a staging project",
        "breakwater-staging-4f2a/own",
        "12 images copied",
        "/jobs/88",
        "to-dr",
        "status 500",
        "robot$stage",
    ] {
        has(&page, text);
    }
    let (_, _, page) = get(&fake, "/harbors/prod-sh?tab=settings", "").await;
    has(&page, "Switch it off");
    assert!(!page.contains(r#"name="form[staging_login]""#));
    let (_, _, page) = get(&fake, "/harbors/prod-sh", "lang=zh-CN").await;
    has(&page, "通过暂存项目读取");
}

#[tokio::test]
async fn a_harbor_tells_when_a_login_ends_and_what_it_may_do_that_nothing_needs() {
    let state = |purpose, login: &str, days: Option<i64>, surplus: &[&str]| LoginState {
        purpose,
        login: login.to_owned(),
        told: true,
        expires: days.map(|_| moment("2026-12-03T12:00:00Z")),
        ends_in_days: days,
        surplus: surplus.iter().map(|right| (*right).to_owned()).collect(),
    };
    let mut harbor = fake::harbor(HarborState::Healthy);
    harbor.logins =
        vec![state(LoginPurpose::Backup, "robot$read", Some(9), &[]), state(LoginPurpose::Restore, "robot$write", None, &["tag:delete"])];
    let fake = Fake { me: operator(), harbors: vec![harbor], ..Fake::default() };
    let (_, _, page) = get(&fake, "/harbors/prod-sh", "").await;
    has(&page, "The login robot$read ends soon");
    let (_, _, page) = get(&fake, "/harbors/prod-sh?tab=settings", "").await;
    for text in ["in 9 days", "never", "tag:delete", "what is needed", r#"name="form[admin_password]""#, "Make the logins anew"] {
        has(&page, text);
    }
    let (_, _, page) = get(&fake, "/harbors/prod-sh?tab=settings", "lang=zh-CN").await;
    has(&page, "9 天后");
}

#[tokio::test]
async fn the_switch_says_what_it_does_and_takes_an_administrator_or_what_was_made_by_hand() {
    let mut off = harbor(HarborState::Healthy);
    off.staging.replicated_by = vec!["to-dr".to_owned()];
    let fake = Fake { me: operator(), harbors: vec![off], ..Fake::default() };
    let (_, _, page) = get(&fake, "/harbors/prod-sh?tab=settings", "").await;
    for text in [
        "It writes to that project and to no other",
        "These replication policies would also copy on what is copied there: to-dr.",
        r#"name="form[admin_login]""#,
        r#"name="form[staging_project]""#,
        "breakwater harbor staging prod-sh --admin-login admin",
    ] {
        has(&page, text);
    }
    let (_, _, page) = get(&fake, "/harbors/new", "").await;
    has(&page, r#"name="form[staging]""#);
    has(&page, r#"name="form[staging_secret]""#);
    let body = "form[harbor]=prod-sh&form[on]=true&form[staging_login]=robot&form[staging_secret]=hunter2";
    let (status, location, _) = post(&fake, "/fn/harbors/staging", "/harbors/prod-sh?tab=settings", body).await;
    assert_eq!(status, StatusCode::FOUND);
    assert!(location.starts_with("/harbors/prod-sh?tab=settings") && !location.contains("hunter2"), "{location}");
}

#[tokio::test]
async fn the_search_says_what_harbor_has_and_why_it_finds_nothing() {
    use crate::projects::found::{Found, Presence, SearchNote};
    let hits =
        vec![fake::hit("1.4.2", Presence::No, true), fake::hit("1.5.0", Presence::Yes, true), fake::hit("1.6.0", Presence::Yes, false)];
    let notes = vec![SearchNote::UnknownHost { host: "old.example".to_owned() }];
    let fake = Fake { me: fake::requester(), found: Some(Found { hits, notes }), ..Fake::default() };
    let (_, _, page) = get(&fake, "/search?q=old.example%2Fshop%2Fweb%3A1", "").await;
    for text in ["old.example is not the address of a Harbor you see here", "shop/web:1.4.2", ">no<", "as of", "6 min ago", "Restore…"] {
        has(&page, text);
    }
    let (_, _, page) = get(&fake, "/search?q=x1", "lang=zh-CN").await;
    has(&page, "old.example 不是您可见的 Harbor 地址，按名称其余部分查找。");
    let nothing = Found { hits: Vec::new(), notes: vec![SearchNote::NothingNamed] };
    let fake = Fake { me: operator(), found: Some(nothing), ..Fake::default() };
    let (_, _, page) = get(&fake, "/search?q=the+pod+does+not+start", "").await;
    has(&page, "No image is named in this text.");
    let (_, _, page) = get(&fake, "/search?q=the+pod+does+not+start", "lang=zh-CN").await;
    has(&page, "此文本未提及镜像。");
}

#[tokio::test]
async fn a_tag_that_harbor_lost_is_not_called_still_there() {
    use crate::projects::found::Presence;
    let mut history = fake::history(Presence::No, true);
    let fake = Fake { me: operator(), tag: Some(history.clone()), ..Fake::default() };
    let (_, _, page) = get(&fake, "/tags?h=prod-sh&p=shop&repo=shop/web&tag=1.4", "").await;
    has(&page, "at least until");
    has(&page, "not in Harbor now");
    assert!(!page.contains("still, "), "{page}");
    history.in_harbor = Some(fake::there(Presence::Yes, false));
    history.gap = Some(fake::gap(None));
    let fake = Fake { tag: Some(history), ..fake };
    let (_, _, page) = get(&fake, "/tags?h=prod-sh&p=shop&repo=shop/web&tag=1.4", "").await;
    for text in ["Harbor was not asked", "as of", "The newest snapshot has a gap here: ", "a policy of the project blocks its pull"] {
        has(&page, text);
    }
    let (_, _, page) = get(&fake, "/tags?h=prod-sh&p=shop&repo=shop/web&tag=1.4", "lang=zh-CN").await;
    has(&page, "最新快照在此处有缺口");
}

#[tokio::test]
async fn a_project_with_a_lasting_gap_says_so_and_never_that_a_first_backup_is_to_come() {
    use crate::projects::types::Protection;
    let lasting = fake::project(Protection::Gaps, 0);
    let fake = Fake { me: operator(), projects: vec![lasting], ..Fake::default() };
    let (_, _, page) = get(&fake, "/projects", "").await;
    has(&page, "newest: with 1 gap");
    has(&page, "none yet; newest: with 1 gap");
    let rows = page.split("<tbody").nth(1).unwrap();
    assert!(!rows.contains("first backup to come") && !rows.contains("never<"), "{rows}");
    let (_, _, page) = get(&fake, "/projects", "lang=zh-CN").await;
    has(&page, "最新快照有 1 处缺口");
    let fake = Fake { projects: vec![fake::project(Protection::Met, 1)], ..fake };
    let (_, _, page) = get(&fake, "/projects", "").await;
    has(&page, "within target");
    has(&page, "with 1 accepted gap");
}

#[tokio::test]
async fn gaps_are_accepted_by_owners_and_everybody_sees_by_whom_and_until_when() {
    use crate::projects::gaps::{Acceptance, ProjectGaps};
    use crate::projects::types::MayHere;
    let accepted = Acceptance {
        id: 7,
        gap: "cd".repeat(32),
        kind: "missing".to_owned(),
        subject: "shop/web:2".to_owned(),
        digest: Some(format!("sha256:{}", "ef".repeat(32))),
        cause: crate::sentence::Said::Then("c".to_owned()),
        reason: "the vendor never signs it".to_owned(),
        by: "lead".to_owned(),
        at: moment("2026-11-23T11:00:00Z"),
        until: moment("2026-12-31T00:00:00Z"),
        withdrawn: None,
    };
    let owner = MayHere { accept: true, ..MayHere::default() };
    let gaps = vec![fake::gap(None), fake::gap(Some(accepted.clone()))];
    let gaps = ProjectGaps { at: Some(fake::snapshot(2, 1)), gaps, acceptances: vec![accepted], may: owner };
    let fake = Fake { me: operator(), gaps: Some(gaps.clone()), ..Fake::default() };
    let (_, _, page) = get(&fake, "/projects/prod-sh/shop/gaps", "").await;
    for text in [
        "The newest snapshot of shop is with 2 gaps, 1 of them accepted.",
        "accepted by lead until",
        "the vendor never signs it",
        "cdcdcdcdcdcd",
        "efefefefefef",
        "Accept it",
        "Withdraw it",
        r#"type="date""#,
    ] {
        has(&page, text);
    }
    let (_, _, page) = get(&fake, "/projects/prod-sh/shop/gaps", "lang=zh-CN").await;
    has(&page, "接受缺口");
    let viewer = ProjectGaps { may: MayHere::default(), ..gaps };
    let (_, _, page) = get(&Fake { gaps: Some(viewer), ..fake }, "/projects/prod-sh/shop/gaps", "").await;
    has(&page, "An owner of the project may accept a gap");
    assert!(!page.contains("Accept it") && !page.contains("Withdraw it"));
}

#[tokio::test]
async fn the_timeline_shows_holds_with_their_ends_and_who_may_release_them() {
    let fake = Fake { me: operator(), timeline: Some(fake::timeline()), ..Fake::default() };
    let (_, _, page) = get(&fake, "/projects/prod-sh/shop", "").await;
    for text in [
        "with 1 gap",
        "a policy of the project blocks its pull",
        "the auditors asked, by lead, until",
        "Release it",
        "Held moments",
        "old: 3 snapshots here, all are kept, since nobody said what becomes of them",
        "Without a day it stays until somebody releases it.",
    ] {
        has(&page, text);
    }
    let (_, _, page) = get(&fake, "/projects/prod-sh/shop", "lang=zh-CN").await;
    has(&page, "已锁定的时间点");
    has(&page, "尚无人决定如何处理");
}

#[tokio::test]
async fn deleting_a_plan_asks_what_becomes_of_its_snapshots() {
    let fake = Fake { me: operator(), plans: vec![plan("daily")], left: vec![fake::left()], ..Fake::default() };
    let (_, _, page) = get(&fake, "/plans/3/delete", "").await;
    for text in [
        "What becomes of its snapshots",
        "keep them all, for the owner named below",
        r#"name="owner""#,
        "Nothing goes by a rule for a day after this.",
    ] {
        has(&page, text);
    }
    let (_, _, page) = get(&fake, "/plans/left", "").await;
    has(&page, "One deleted plan left snapshots behind.");
    has(&page, "/plans/left/9");
    let (_, _, page) = get(&fake, "/plans/left/9", "lang=zh-CN").await;
    has(&page, "如何处理其快照");
}

#[tokio::test]
async fn images_from_files_are_listed_with_whose_word_keeps_them() {
    let fake = Fake { me: operator(), imports: vec![fake::import()], ..Fake::default() };
    let (_, _, page) = get(&fake, "/plans/left", "").await;
    for text in ["Images from files", "prod-sh/legacy", "kept, since nobody said until when", "/plans/imports/31"] {
        has(&page, text);
    }
    let (_, _, page) = get(&fake, "/plans/imports/31", "").await;
    for text in [r#"name="until""#, r#"name="owner""#, "Nothing goes for a day after this."] {
        has(&page, text);
    }
    let (_, _, page) = get(&fake, "/plans/imports/31", "lang=zh-CN").await;
    has(&page, "尚无人说明期限");
    for nothing in ["/plans/imports/32", "/plans/left/32"] {
        let (status, ..) = get(&fake, nothing, "").await;
        assert_eq!(status, StatusCode::NOT_FOUND, "{nothing}");
    }
}

#[tokio::test]
async fn a_request_shows_every_line_by_pages_that_are_links_and_says_what_changed() {
    let fake = Fake { me: operator(), request: Some(request()), ..Fake::default() };
    let (status, _, page) = get(&fake, "/restores/88?group=create&repository=shop%2Fweb&page=2", "").await;
    assert_eq!(status, StatusCode::OK);
    has(&page, "Creates 240 tags in shop, nothing is overwritten; 10 blocked");
    has(&page, "page 2 of 3");
    has(&page, "/restores/88?group=create&amp;repository=shop%2Fweb&amp;page=3#lines");
    has(&page, "/restores/88?group=create&amp;repository=shop%2Fweb#lines");
    has(&page, "/restores/88?group=blocked&amp;repository=shop%2Fweb#lines");
    has(&page, "/api/v1/restores/88/lines.csv?group=create&amp;repository=shop%2Fweb");
    has(&page, "/api/v1/restores/88/lines.json?");
    has(&page, "v101");
    has(&page, "What changed in Harbor since then");
    has(&page, "the tag is immutable and points to another image; restore under a new name");
    has(&page, "Between 1.0 KiB and 5.0 KiB to send: 3 blobs were not looked for.");
    has(&page, "240 restored and read back, 10 blocked");
    has(&page, "incomplete");
    assert!(!page.contains("done with issues") && !page.contains("already in Harbor"), "nothing is said that is not so");
    let (_, _, page) = get(&fake, "/restores/88", "lang=zh-CN").await;
    has(&page, "在 shop 中新建 240 个 Tag，不覆盖任何内容；10 项受阻");
    has(&page, "未全部恢复");
}

#[tokio::test]
async fn a_link_to_a_draft_that_was_sent_off_leads_to_its_request_for_who_may_see_that() {
    let link = "/restore/new?draft=3f9c2a1b-0000-4000-8000-000000000000";
    let fake = Fake { me: operator(), request: Some(request()), ..Fake::default() };
    let (status, location, _) = get(&fake, link, "").await;
    assert_eq!((status, location.as_str()), (StatusCode::FOUND, "/restores/88"));
    let (status, location, page) = get(&Fake { request: None, ..fake }, link, "").await;
    assert_eq!((status, location.as_str()), (StatusCode::CONFLICT, ""));
    has(&page, "this was sent off already");
}
