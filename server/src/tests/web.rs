//! The router as a stranger, a browser and a program meet it (S-1, S-2, S-10, S-70).

use std::sync::Arc;

use app::accounts::types::{Duty, NewToken, TokenScope};
use axum::body::Body;
use axum::http::{Method, Request, StatusCode, header};
use axum::response::Response;
use http_body_util::BodyExt as _;
use sqlx::PgPool;
use tower::ServiceExt as _;

use super::world::{PASSWORD, harbor, origin, person, state};
use crate::http::assets::Assets;
use crate::http::port::Live;
use crate::http::{Web, rest, router, rules};
use crate::state::AppState;

pub fn web(state: &AppState) -> axum::Router {
    router(served(state))
}

/// The state of the router.
pub fn served(state: &AppState) -> Web {
    Web { state: state.clone(), backend: Arc::new(Live { state: state.clone() }), assets: Assets::none(), trusted_proxies: Arc::from([]) }
}

async fn ask(router: &axum::Router, request: Request<Body>) -> Response {
    router.clone().oneshot(request).await.unwrap()
}

fn get(path: &str) -> Request<Body> {
    Request::get(path).body(Body::empty()).unwrap()
}

fn filled(route: &str) -> String {
    route
        .replace("{id}", "1")
        .replace("{seq}", "1")
        .replace("{name}", "prod")
        .replace("{harbor}", "prod")
        .replace("{project}", "shop")
        .replace("{*file}", "x.js")
}

/// S-2, S-3.
#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn a_stranger_gets_past_the_gate_only_where_the_table_says_so(pool: PgPool) {
    let state = state(pool);
    let router = web(&state);
    for (method, route, rule) in rules::ROUTES.iter().chain(rest::lines()) {
        let request = Request::builder().method(*method).uri(filled(route)).body(Body::empty()).unwrap();
        let status = ask(&router, request).await.status();
        match rule {
            rules::Rule::Anyone => assert_ne!(status, StatusCode::UNAUTHORIZED, "{method} {route}"),
            _ => assert_eq!(status, StatusCode::UNAUTHORIZED, "{method} {route}"),
        }
    }
}

/// S-1, S-2.
#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn every_server_function_needs_a_caller_but_the_four_of_the_sign_in(pool: PgPool) {
    let state = state(pool);
    let router = web(&state);
    let mut seen = 0;
    for (path, method) in leptos::server_fn::axum::server_fn_paths() {
        seen += 1;
        let request = Request::builder()
            .method(method.clone())
            .uri(path)
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(Body::empty())
            .unwrap();
        let status = ask(&router, request).await.status();
        let open = rules::OPEN_FUNCTIONS.contains(&path);
        assert_eq!(status == StatusCode::UNAUTHORIZED, !open, "{method} {path}: {status}");
    }
    assert!(seen > 40, "only {seen} server functions are registered");
    for open in rules::OPEN_FUNCTIONS {
        assert!(leptos::server_fn::axum::server_fn_paths().any(|(path, _)| path == *open), "{open} is open and does not exist");
    }
}

/// S-1.
#[tokio::test]
async fn every_page_has_a_line_in_the_table() {
    for page in app::pages::PAGES {
        let line = rules::rule(&Method::GET, page.path, page.path);
        assert!(line.is_some(), "{} has no line, so nobody can open it", page.path);
    }
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn a_browser_is_sent_to_the_sign_in_and_comes_back_to_its_page(pool: PgPool) {
    let router = web(&state(pool));
    let request = Request::get("/projects/prod/shop?at=x").header(header::ACCEPT, "text/html").body(Body::empty()).unwrap();
    let response = ask(&router, request).await;
    assert_eq!(response.status(), StatusCode::SEE_OTHER);
    assert_eq!(response.headers()[header::LOCATION], "/signin?next=%2Fprojects%2Fprod%2Fshop%3Fat%3Dx");
}

/// S-70.
#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn every_answer_carries_the_security_headers(pool: PgPool) {
    let router = web(&state(pool));
    for path in ["/health", "/signin", "/nowhere", "/api/v1/home"] {
        let response = ask(&router, get(path)).await;
        for name in [
            "content-security-policy",
            "x-content-type-options",
            "referrer-policy",
            "x-frame-options",
            "x-request-id",
            "cross-origin-opener-policy",
        ] {
            assert!(response.headers().contains_key(name), "{path} lacks {name}");
        }
        assert!(!response.headers().contains_key("server"));
        let policy = response.headers()["content-security-policy"].to_str().unwrap();
        assert!(!policy.contains("unsafe-inline") && policy.contains("frame-ancestors 'none'"), "{policy}");
    }
}

/// S-10, S-11.
#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn another_sites_form_is_refused_before_anything_happens(pool: PgPool) {
    let router = web(&state(pool));
    for (name, value) in [("sec-fetch-site", "cross-site"), ("origin", "https://evil.example"), ("origin", "null")] {
        let request = Request::post("/fn/session/in")
            .header(name, value)
            .header("cookie", "a=b")
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(Body::from("form[login]=a"))
            .unwrap();
        let response = ask(&router, request).await;
        assert_eq!(response.status(), StatusCode::FORBIDDEN, "{name}: {value}");
        assert!(!response.headers().contains_key(header::LOCATION));
    }
}

/// S-76.
#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn a_token_works_within_its_owners_rights_and_never_votes(pool: PgPool) {
    let state = state(pool.clone());
    harbor(&pool, "prod").await;
    let operator = person(&state, "ops", &[Duty::Operator], "").await;
    let router = web(&state);
    let token = |scope| {
        let (state, operator) = (state.clone(), operator.clone());
        async move {
            crate::accounts::create_token(
                &state,
                &operator,
                &origin(),
                NewToken { name: "t".to_owned(), scope, days: 1, ..NewToken::default() },
            )
            .await
            .unwrap()
            .secret
        }
    };
    let read = token(TokenScope::Read).await;
    let call = |method: &str, path: &str, token: &str, body: &str| {
        Request::builder()
            .method(method)
            .uri(path)
            .header("authorization", format!("Bearer {token}"))
            .header("content-type", "application/json")
            .body(Body::from(body.to_owned()))
            .unwrap()
    };
    assert_eq!(ask(&router, call("GET", "/api/v1/plans", &read, "")).await.status(), StatusCode::OK);
    assert_eq!(ask(&router, call("GET", "/api/v1/audit/1", &read, "")).await.status(), StatusCode::NOT_FOUND);
    let vault = r#"{"name":"v","path":"/nonexistent/here"}"#;
    assert_eq!(ask(&router, call("POST", "/api/v1/vaults", &read, vault)).await.status(), StatusCode::FORBIDDEN);
    assert_eq!(ask(&router, call("GET", "/api/v1/plans", "bw_wrong", "")).await.status(), StatusCode::UNAUTHORIZED);
    let response =
        ask(&router, call("POST", "/api/v1/vaults", &token(TokenScope::Write).await, r#"{"name":"v","path":"/x","surprise":1}"#)).await;
    assert_eq!(response.status(), StatusCode::BAD_REQUEST, "unknown fields are refused");
    let body = response.into_body().collect().await.unwrap().to_bytes();
    assert!(!String::from_utf8_lossy(&body).contains(PASSWORD));
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn what_is_refused_is_in_the_audit_history_once(pool: PgPool) {
    let state = state(pool.clone());
    harbor(&pool, "prod").await;
    let viewer = person(&state, "vic", &[], "viewer prod/shop").await;
    let made = NewToken { name: "t".to_owned(), scope: TokenScope::Write, days: 1, ..NewToken::default() };
    let token = crate::accounts::create_token(&state, &viewer, &origin(), made).await.unwrap().secret;
    let router = web(&state);
    let call = |path: &str| Request::get(path).header("authorization", format!("Bearer {token}")).body(Body::empty()).unwrap();
    for _ in 0..3 {
        assert_eq!(ask(&router, call("/api/v1/users")).await.status(), StatusCode::FORBIDDEN);
    }
    assert_eq!(super::world::recorded(&pool, "authz.denied").await, 1, "one a minute for each thing that is tried");
    assert_eq!(ask(&router, call("/api/v1/users/1")).await.status(), StatusCode::FORBIDDEN);
    assert_eq!(super::world::recorded(&pool, "authz.denied").await, 2);
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn what_is_kept_and_by_whose_word_is_scripted_over_rest(pool: PgPool) {
    let world = super::catalogue::World::new(pool.clone()).await;
    let at = time::OffsetDateTime::now_utc() - time::Duration::minutes(5);
    let sealed = world.snapshot(at, &[("shop/web", &[("1.4", "a")])], &["shop/web:2"]).await;
    let snapshot = world.enter(sealed).await.snapshot_id;
    let state = state(pool.clone());
    let owner = person(&state, "lead", &[], "owner prod/shop").await;
    let router = web(&state);
    let new = NewToken { name: "t".to_owned(), scope: TokenScope::Write, days: 1, ..NewToken::default() };
    let token = crate::accounts::create_token(&state, &owner, &origin(), new).await.unwrap().secret;
    let call = async |method: &str, path: &str, body: serde_json::Value| {
        let request = Request::builder()
            .method(method)
            .uri(format!("/api/v1{path}"))
            .header("authorization", format!("Bearer {token}"))
            .header("content-type", "application/json")
            .body(Body::from(body.to_string()))
            .unwrap();
        let answer = ask(&router, request).await;
        let status = answer.status();
        let bytes = answer.into_body().collect().await.unwrap().to_bytes();
        (status, serde_json::from_slice::<serde_json::Value>(&bytes).unwrap_or_default())
    };
    let nothing = serde_json::Value::Null;
    let (_, found) = call("GET", "/search?q=docker://old.example/shop/web:1.4", nothing.clone()).await;
    assert_eq!((&found["hits"][0]["tag"], &found["hits"][0]["in_harbor"]["live"]), (&"1.4".into(), &false.into()), "{found}");
    assert_eq!(found["notes"][0]["code"], "unknown_host");

    let gaps = "/projects/prod/shop/gaps";
    let (_, seen) = call("GET", gaps, nothing.clone()).await;
    assert_eq!((&seen["gaps"][0]["subject"], &seen["at"]["good"]), (&"shop/web:2".into(), &false.into()));
    let form = serde_json::json!({ "snapshot_id": snapshot, "gap": seen["gaps"][0]["id"], "reason": "nobody signs this one", "until": "2020-01-01" });
    assert_eq!(call("POST", gaps, form.clone()).await.0, StatusCode::BAD_REQUEST);
    let soon = app::units::Moment(at + time::Duration::days(30)).url();
    let (status, done) =
        call("POST", gaps, serde_json::json!({ "snapshot_id": snapshot, "gap": "open", "reason": "nobody signs this one", "until": soon }))
            .await;
    assert_eq!((status, &done["count"]), (StatusCode::OK, &1.into()));
    let (_, seen) = call("GET", gaps, nothing.clone()).await;
    assert_eq!(seen["at"]["good"], true);
    let one = format!("{gaps}/{}", seen["acceptances"][0]["id"]);
    assert_eq!(call("DELETE", &one, serde_json::json!({ "reason": "it is signed by now" })).await.0, StatusCode::OK);

    let hold = format!("/snapshots/{snapshot}/hold");
    assert_eq!(call("POST", &hold, serde_json::json!({ "reason": "the auditors asked" })).await.0, StatusCode::OK);
    let (_, held) = call("GET", "/projects/prod/shop/holds", nothing.clone()).await;
    assert_eq!((&held[0]["hold"]["by"], &held[0]["hold"]["until"]), (&"lead".into(), &nothing));
    let release = format!("/holds/{}/release", held[0]["hold"]["id"]);
    assert_eq!(call("POST", &release, serde_json::json!({ "reason": "they have it" })).await.0, StatusCode::OK);
    assert_eq!(call("POST", &release, serde_json::json!({ "reason": "they have it" })).await.0, StatusCode::NOT_FOUND);
    assert_eq!(call("GET", "/left", nothing).await.0, StatusCode::FORBIDDEN, "for those with a duty");
}

/// S-7, S-75: what leads a browser away, or is one thing to a proxy and another to us.
#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn no_address_leads_to_another_site(pool: PgPool) {
    let router = web(&state(pool));
    for path in [
        "//evil.example/?zone=UTC",
        "//evil.example/plans?zone=UTC&at=x",
        "/%2F/evil.example/?zone=UTC",
        "/plans/..//evil.example?zone=UTC",
    ] {
        let response = ask(&router, get(path)).await;
        assert_eq!(response.status(), StatusCode::NOT_FOUND, "{path}");
        assert!(!response.headers().contains_key(header::LOCATION), "{path}");
        assert!(response.headers().contains_key("content-security-policy"), "{path}");
    }
    // A link to a call, opened in a browser, from a page of somebody else's.
    let request = Request::get("/fn/session/display?lang=en")
        .header(header::ACCEPT, "text/html")
        .header(header::REFERER, "https://evil.example/page")
        .body(Body::empty())
        .unwrap();
    let response = ask(&router, request).await;
    assert_eq!((response.status(), response.headers().get(header::LOCATION)), (StatusCode::NOT_FOUND, None));
    let request = Request::post("/fn/session/display")
        .header(header::ACCEPT, "text/html")
        .header(header::REFERER, "https://evil.example/page")
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body(Body::from("lang=en"))
        .unwrap();
    let response = ask(&router, request).await;
    assert_eq!(response.headers()[header::LOCATION], "/", "a form's page is one of ours");
}

async fn page_of(response: Response) -> String {
    String::from_utf8(response.into_body().collect().await.unwrap().to_bytes().to_vec()).unwrap()
}

/// A form that was refused is shown again to whom it was refused, and to nobody else.
#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn a_refused_form_comes_back_to_its_own_browser_alone(pool: PgPool) {
    let state = state(pool.clone());
    let router = web(&state);
    person(&state, "ada", &[], "").await;
    let request = Request::post("/fn/session/in")
        .header(header::ACCEPT, "text/html")
        .header(header::HOST, "127.0.0.1:8300")
        .header(header::REFERER, "http://127.0.0.1:8300/signin?next=%2Fplans&came=old")
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body(Body::from("form[login]=ada+of+this+browser&form[password]=not+the+password&form[next]=%2Fplans"))
        .unwrap();
    let response = ask(&router, request).await;
    assert_eq!(response.status(), StatusCode::SEE_OTHER);
    let back = response.headers()[header::LOCATION].to_str().unwrap().to_owned();
    assert!(back.starts_with("/signin?next=%2Fplans&came=") && !back.contains("old"), "{back}");
    assert!(!back.contains("ada") && !back.contains("password"), "{back}");
    let cookies: Vec<String> = response
        .headers()
        .get_all(header::SET_COOKIE)
        .iter()
        .map(|c| c.to_str().unwrap().to_owned())
        .filter(|c| c.starts_with("came="))
        .collect();
    assert!(cookies.len() == 1 && cookies[0].contains("HttpOnly") && cookies[0].contains("SameSite=Strict"), "{cookies:?}");
    let own = cookies[0].split(';').next().unwrap().to_owned();
    let shown = |cookie: String| {
        let request = Request::get(&back).header(header::ACCEPT, "text/html").header(header::COOKIE, cookie).body(Body::empty()).unwrap();
        let router = router.clone();
        async move { page_of(ask(&router, request).await).await }
    };
    let page = shown(own).await;
    assert!(page.contains("ada of this browser") && page.contains("do not belong together"), "{page}");
    for other in ["", "came=", "came=somebody-elses"] {
        let page = shown(other.to_owned()).await;
        assert!(!page.contains("ada of this browser") && !page.contains("do not belong together"), "{other}: {page}");
    }
    let stored: Vec<u8> = sqlx::query_scalar("select content from came_back").fetch_one(&pool).await.unwrap();
    assert!(!String::from_utf8_lossy(&stored).contains("not the password"));
}

/// Text no column can hold is the caller's trouble, and not the database's.
#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn a_character_that_cannot_be_stored_is_said(pool: PgPool) {
    let router = web(&state(pool));
    assert_eq!(ask(&router, get("/signin?next=%00")).await.status(), StatusCode::BAD_REQUEST);
    for body in ["form[login]=a%00b&form[password]=x", "form[login]=a&form[password]=%00"] {
        let request = Request::post("/fn/session/in")
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(Body::from(body))
            .unwrap();
        let status = ask(&router, request).await.status();
        assert!(status.is_client_error(), "{body}: {status}");
    }
}
