//! A form whose session had ended comes back after the sign-in with its text, to the same account and to nobody else; and what an address
//! filters by stays in it when something else is filtered by.

use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use axum::response::Response;
use http_body_util::BodyExt as _;
use sqlx::PgPool;
use tower::ServiceExt as _;

use super::fleet::Fleet;
use super::world::PASSWORD;

const HERE: &str = "http://127.0.0.1:8300";

async fn post(fleet: &Fleet, call: &str, page: &str, cookies: &str, body: &str) -> Response {
    let request = Request::post(call)
        .header(header::ACCEPT, "text/html")
        .header(header::HOST, "127.0.0.1:8300")
        .header("sec-fetch-site", "same-origin")
        .header(header::REFERER, format!("{HERE}{page}"))
        .header(header::COOKIE, cookies)
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body(Body::from(body.to_owned()))
        .unwrap();
    fleet.router.clone().oneshot(request).await.unwrap()
}

fn location(response: &Response) -> String {
    response.headers()[header::LOCATION].to_str().unwrap().to_owned()
}

fn cookie(response: &Response, name: &str) -> Option<String> {
    let of = |value: &header::HeaderValue| value.to_str().ok()?.split(';').next().map(str::to_owned);
    response.headers().get_all(header::SET_COOKIE).iter().filter_map(of).find(|pair| pair.starts_with(&format!("{name}=")))
}

/// The page to come back to, out of the address of the sign-in.
fn next(to: &str) -> String {
    let url: url::Url = format!("{HERE}{to}").parse().unwrap();
    assert_eq!(url.path(), "/signin", "{to}");
    url.query_pairs().find(|(key, _)| key == "next").unwrap().1.into_owned()
}

async fn signed_in(fleet: &Fleet, login: &str, next: &str, cookies: &str) -> (String, String) {
    let next: String = url::form_urlencoded::byte_serialize(next.as_bytes()).collect();
    let body = format!("form[login]={login}&form[password]={}&form[next]={next}", PASSWORD.replace(' ', "+"));
    let answer = post(fleet, "/fn/session/in", &format!("/signin?next={next}"), cookies, &body).await;
    (location(&answer), cookie(&answer, "breakwater").unwrap())
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn a_form_whose_session_had_ended_keeps_its_text_for_its_own_account(pool: PgPool) {
    let fleet = Fleet::new(pool.clone()).await;
    let session = fleet.session("sam").await;
    sqlx::query("update session set seen_at = now() - interval '1 hour'").execute(&pool).await.unwrap();
    // A page that was asked for meanwhile does not take the cookie away.
    let request = Request::get("/signin").header(header::COOKIE, &session).body(Body::empty()).unwrap();
    let shell = fleet.router.clone().oneshot(request).await.unwrap();
    assert_eq!((shell.status(), cookie(&shell, "breakwater")), (StatusCode::OK, None));

    let form = "form[login]=newcomer&form[display_name]=New+Comer&form[password]=a+secret+of+theirs&form[grants]=viewer+sim/shop";
    let answer = post(&fleet, "/fn/accounts/create", "/admin/users/new", &session, form).await;
    assert_eq!(answer.status(), StatusCode::SEE_OTHER);
    let to = location(&answer);
    let page = next(&to);
    assert!(page.starts_with("/admin/users/new?came=") && !to.contains("newcomer") && !to.contains("secret"), "{to}");
    let own = cookie(&answer, "came").unwrap();
    let (_, sign_in) = fleet.page(&own, &to).await;
    assert!(sign_in.contains("What you wrote is kept"), "{sign_in}");

    let (there, mine) = signed_in(&fleet, "sam", &page, &own).await;
    assert_eq!(there, page);
    let (_, html) = fleet.page(&format!("{mine}; {own}"), &page).await;
    assert!(html.contains("newcomer") && html.contains("New Comer") && html.contains("viewer sim/shop"), "{html}");
    assert!(html.contains("send it again") && !html.contains("a secret of theirs"), "{html}");
    let made: i64 = sqlx::query_scalar("select count(*) from account where login = 'newcomer'").fetch_one(&pool).await.unwrap();
    assert_eq!(made, 0, "it was not done");
    let stored: Vec<Vec<u8>> = sqlx::query_scalar("select content from came_back").fetch_all(&pool).await.unwrap();
    assert!(stored.iter().all(|row| !String::from_utf8_lossy(row).contains("secret")), "no secret is kept");
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn somebody_else_at_the_same_browser_is_not_shown_it(pool: PgPool) {
    let fleet = Fleet::new(pool.clone()).await;
    let session = fleet.session("req").await;
    sqlx::query("update session set expires_at = now() - interval '1 second'").execute(&pool).await.unwrap();
    let answer = post(&fleet, "/fn/projects/hold", "/projects/sim/shop", &session, "snapshot_id=1&reason=for+the+auditors+alone").await;
    let (page, own) = (next(&location(&answer)), cookie(&answer, "came").unwrap());
    // Both have the form on that page.
    for (login, sees) in [("own", false), ("req", true)] {
        let (_, mine) = signed_in(&fleet, login, &page, &own).await;
        let (status, html) = fleet.page(&format!("{mine}; {own}"), &page).await;
        assert_eq!(status, StatusCode::OK);
        assert!(html.contains("Hold it"), "{login} has the form");
        assert_eq!(html.contains("for the auditors alone"), sees, "{login}");
    }
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn a_form_of_nobody_known_keeps_nothing(pool: PgPool) {
    let fleet = Fleet::new(pool.clone()).await;
    for cookies in ["", "breakwater=garbage", "breakwater=AAAAAAAAAAAAAAAAAAAAAA"] {
        let answer = post(&fleet, "/fn/plans/pause", "/plans/1", cookies, "plan_id=1&days=1&reason=because+of+that").await;
        assert_eq!(next(&location(&answer)), "/plans/1", "{cookies}");
    }
    let kept: i64 = sqlx::query_scalar("select count(*) from came_back").fetch_one(&pool).await.unwrap();
    assert_eq!(kept, 0);
    // A sign-out takes the cookie away, and with it whose it was.
    let session = fleet.session("sam").await;
    let answer = post(&fleet, "/fn/session/out", "/", &session, "").await;
    assert_eq!(cookie(&answer, "breakwater").as_deref(), Some("breakwater="));
}

/// What an address filters by, page by page.
const FILTERS: [(&str, &[(&str, &str)]); 5] = [
    ("/projects", &[("harbor", "sim"), ("state", "unprotected"), ("q", "sh")]),
    ("/restores", &[("state", "open"), ("mine", "true"), ("project", "sim/shop")]),
    ("/jobs", &[("kind", "backup"), ("state", "running")]),
    (
        "/audit",
        &[("actor", "olga"), ("action", "x.*"), ("outcome", "denied"), ("object", "o"), ("from", "2026-11-01"), ("to", "2026-12-01")],
    ),
    ("/projects/sim/shop/browse", &[("at", "2030-01-01T00:00:00Z"), ("repo", "shop/web"), ("q", "we"), ("only", "gone")]),
];

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn a_filter_stays_when_another_is_set(pool: PgPool) {
    let fleet = Fleet::new(pool).await;
    let cookie = fleet.session("olga").await;
    for (page, filters) in FILTERS {
        let query: Vec<String> = filters.iter().map(|(key, value)| format!("{key}={value}")).collect();
        let (status, html) = fleet.page(&cookie, &format!("{page}?{}", query.join("&"))).await;
        assert_eq!(status, StatusCode::OK, "{page}");
        let form =
            html.split("<form").find(|part| part.contains(&format!("action=\"{page}\""))).unwrap_or_else(|| panic!("{page} has no form"));
        let form = &form[..form.find("</form>").unwrap()];
        for (name, value) in filters {
            assert!(form.contains(&format!("name=\"{name}\"")), "{page} loses {name}={value} when another filter is set");
        }
    }
    // A project that is none is said, and not passed over.
    let request = Request::get("/api/v1/restores?project=shop").header(header::COOKIE, &cookie).body(Body::empty()).unwrap();
    let answer = fleet.router.clone().oneshot(request).await.unwrap();
    assert_eq!(answer.status(), StatusCode::BAD_REQUEST);
    let text = answer.into_body().collect().await.unwrap().to_bytes();
    assert!(String::from_utf8_lossy(&text).contains("harbor/project"));
}

/// Whether single keys do something is the account's to say, wherever it signs in.
#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn single_keys_are_switched_off_for_the_account(pool: PgPool) {
    let fleet = Fleet::new(pool).await;
    let one = fleet.session("vic").await;
    let are_on = |cookie: String, path: &'static str| {
        let fleet = &fleet;
        async move { fleet.page(&cookie, path).await.1.split("<head>").next().unwrap().contains("data-keys") }
    };
    assert!(are_on(one.clone(), "/me").await);
    let answer = post(&fleet, "/fn/session/keys", "/me", &one, "on=false").await;
    assert_eq!(location(&answer), "/me");
    let other = fleet.session("vic").await;
    assert!(!are_on(other, "/me").await, "in another session too");
    assert!(are_on(fleet.session("req").await, "/me").await, "of others nothing changed");
    assert!(!are_on(String::new(), "/signin").await, "a stranger has none");
    let (_, me) = fleet.page(&one, "/me").await;
    assert!(me.contains("Switch single keys on"));
}
