//! Sign-in, sessions and the door, by their numbers in the list of security tests.

use std::collections::BTreeSet;

use app::accounts::types::Duty;
use axum::body::Body;
use axum::http::{HeaderMap, Method, Request, StatusCode, header};
use axum::response::Response;
use http_body_util::BodyExt as _;
use serde_json::Value;
use sqlx::PgPool;
use tower::ServiceExt as _;

use super::scope::{calls, own, theirs};
use super::web::web;
use super::world::{PASSWORD, everything, origin, person, signed_in, state};
use crate::access::Caller;
use crate::accounts;
use crate::crypto::KeyRing;
use crate::http::{rest, rules};
use crate::session;
use crate::state::AppState;

async fn ask(router: &axum::Router, request: Request<Body>) -> Response {
    router.clone().oneshot(request).await.unwrap()
}

async fn text(response: Response) -> String {
    String::from_utf8_lossy(&response.into_body().collect().await.unwrap().to_bytes()).into_owned()
}

fn form(path: &str, cookie: &str, body: String) -> Request<Body> {
    Request::post(path)
        .header("sec-fetch-site", "same-origin")
        .header(header::COOKIE, cookie)
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body(Body::from(body))
        .unwrap()
}

fn sign_in(login: &str, password: &str, cookie: &str) -> Request<Body> {
    let body = url::form_urlencoded::Serializer::new(String::new())
        .append_pair("form[login]", login)
        .append_pair("form[password]", password)
        .finish();
    form("/fn/session/in", cookie, body)
}

fn get(path: &str, cookie: &str) -> Request<Body> {
    Request::get(path).header(header::COOKIE, cookie).body(Body::empty()).unwrap()
}

/// The cookies of the console's own session that an answer sets.
fn set(headers: &HeaderMap) -> Vec<String> {
    let all = headers.get_all(header::SET_COOKIE).iter().map(|value| value.to_str().unwrap().to_owned());
    all.filter(|cookie| cookie.contains("breakwater=")).collect()
}

fn pair(cookie: &str) -> String {
    cookie.split(';').next().unwrap().to_owned()
}

async fn is_in(router: &axum::Router, cookie: &str) -> bool {
    ask(router, get("/api/v1/me", cookie)).await.status() == StatusCode::OK
}

/// The state of a console that is reached by https.
fn by_https(pool: PgPool) -> AppState {
    let ring = KeyRing::parse(&KeyRing::generate()).unwrap();
    AppState::new(pool, ring, Vec::new(), "https://backup.example.org".parse().unwrap())
}

/// S-20.
#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn the_cookie_of_a_session_is_for_this_host_and_for_no_script(pool: PgPool) {
    let state = by_https(pool);
    person(&state, "dev", &[], "").await;
    let response = ask(&web(&state), sign_in("dev", PASSWORD, "")).await;
    let cookies = set(response.headers());
    assert_eq!(cookies.len(), 1, "{cookies:?}");
    let parts: BTreeSet<String> = cookies[0].split(';').map(|part| part.trim().to_lowercase()).collect();
    assert!(cookies[0].starts_with("__Host-breakwater="), "{cookies:?}");
    for part in ["httponly", "secure", "samesite=lax", "path=/"] {
        assert!(parts.contains(part), "{part}: {cookies:?}");
    }
    assert!(!parts.iter().any(|part| part.starts_with("domain")), "{cookies:?}");
}

/// S-21, S-22.
#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn a_session_has_another_id_after_every_password_and_none_that_somebody_planted(pool: PgPool) {
    let state = state(pool);
    let router = web(&state);
    person(&state, "dev", &[], "").await;
    let planted = format!("breakwater={}", tower_sessions::session::Id::default());
    let first = set(ask(&router, sign_in("dev", PASSWORD, &planted)).await.headers());
    let first = pair(&first[0]);
    assert_ne!(first, planted, "an id that is not ours is not adopted");
    assert!(is_in(&router, &first).await && !is_in(&router, &planted).await);
    let second = set(ask(&router, sign_in("dev", PASSWORD, &first)).await.headers());
    let second = pair(&second[0]);
    assert!(first != second && is_in(&router, &second).await && !is_in(&router, &first).await, "signed in again");
    let again = form("/fn/session/step_up", &second, format!("password_again={}", PASSWORD.replace(' ', "+")));
    let third = set(ask(&router, again).await.headers());
    let third = pair(third.first().expect("the password was taken"));
    assert!(second != third && is_in(&router, &third).await && !is_in(&router, &second).await, "the password was entered again");
}

/// S-25.
#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn what_is_asked_for_does_not_put_the_end_of_a_session_off(pool: PgPool) {
    let state = state(pool.clone());
    let router = web(&state);
    let dev = person(&state, "dev", &[], "").await;
    let cookie = signed_in(&state, &dev).await;
    let end = || async { sqlx::query_scalar::<_, time::OffsetDateTime>("select expires_at from session").fetch_one(&pool).await.unwrap() };
    let before = end().await;
    sqlx::query("update session set seen_at = now() - interval '20 minutes'").execute(&pool).await.unwrap();
    assert!(is_in(&router, &cookie).await);
    let idle: bool = sqlx::query_scalar("select seen_at > now() - interval '1 minute' from session").fetch_one(&pool).await.unwrap();
    assert!(idle && end().await == before, "it was seen, and ends when it was to end");
    sqlx::query("update session set expires_at = now()").execute(&pool).await.unwrap();
    assert!(!is_in(&router, &cookie).await);
}

/// S-27.
#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn signing_out_leaves_nothing_in_the_browser(pool: PgPool) {
    let state = state(pool);
    let router = web(&state);
    let dev = person(&state, "dev", &[], "").await;
    let cookie = signed_in(&state, &dev).await;
    let page = ask(&router, get("/api/v1/me", &cookie)).await;
    assert_eq!(page.headers()[header::CACHE_CONTROL], "no-store", "going back shows nothing");
    let response = ask(&router, form("/fn/session/out", &cookie, String::new())).await;
    assert_eq!(response.headers()["clear-site-data"], r#""cache", "storage""#);
    assert!(!is_in(&router, &cookie).await);
}

/// S-30.
#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn the_first_account_is_made_once_by_whoever_reads_the_log(pool: PgPool) {
    let state = state(pool.clone());
    let router = web(&state);
    let accounts: i64 = sqlx::query_scalar("select count(*) from account").fetch_one(&pool).await.unwrap();
    assert_eq!(accounts, 0, "there is no default account");
    let token = session::begin_bootstrap(&pool).await.unwrap().unwrap();
    let set_up = |token: &str, login: &str| {
        let body = format!("form[token]={token}&form[login]={login}&form[display_name]=A&form[password]=correct+horse+battery");
        form("/fn/session/set_up", "", body)
    };
    assert_eq!(ask(&router, set_up("guessed", "eve")).await.status(), StatusCode::BAD_REQUEST);
    assert!(ask(&router, set_up(&token, "ada")).await.status().is_success());
    assert_eq!(ask(&router, set_up(&token, "eve")).await.status(), StatusCode::GONE);
    assert!(session::begin_bootstrap(&pool).await.unwrap().is_none(), "and no other token is made");
    let names: Vec<String> = sqlx::query_scalar("select login from account").fetch_all(&pool).await.unwrap();
    assert_eq!(names, ["ada"]);
}

/// S-31: a hash of before, weaker than what is asked for now, is made anew when its password comes by.
#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn a_weaker_hash_is_made_anew_at_the_next_sign_in(pool: PgPool) {
    use argon2::{Algorithm, Argon2, Params, PasswordHasher as _, Version};
    let state = state(pool.clone());
    let router = web(&state);
    person(&state, "dev", &[], "").await;
    let hash = || async { sqlx::query_scalar::<_, String>("select password_hash from account").fetch_one(&pool).await.unwrap() };
    let strong = hash().await;
    assert!(strong.contains("argon2id") && strong.contains("m=47104"), "{strong}");
    let weak = Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::new(8_192, 1, 1, None).unwrap());
    let weak = weak.hash_password(PASSWORD.as_bytes()).unwrap().to_string();
    sqlx::query("update account set password_hash = $1").bind(&weak).execute(&pool).await.unwrap();
    ask(&router, sign_in("dev", "not the password", "")).await;
    assert_eq!(hash().await, weak, "a wrong password changes nothing");
    assert_eq!(set(ask(&router, sign_in("dev", PASSWORD, "")).await.headers()).len(), 1);
    let now = hash().await;
    assert!(now != weak && now.contains("m=47104"), "{now}");
    assert_eq!(set(ask(&router, sign_in("dev", PASSWORD, "")).await.headers()).len(), 1);
    assert_eq!(hash().await, now, "and stays");
}

/// S-32.
#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn many_sign_ins_at_once_wait_in_a_short_queue_or_are_told_to_come_again(pool: PgPool) {
    use secrecy::SecretString;
    let state = state(pool);
    let tries = (0..200).map(|_| {
        let state = state.clone();
        tokio::spawn(async move { accounts::password::verify(&state, SecretString::from("x".to_owned()), None).await })
    });
    let (mut looked_at, mut sent_away) = (0, 0);
    for one in tries.collect::<Vec<_>>() {
        match one.await.unwrap() {
            Ok(good) => {
                assert!(!good);
                looked_at += 1;
            }
            Err(error) => {
                assert_eq!(error.into_api(None).kind.status(), 429);
                sent_away += 1;
            }
        }
    }
    assert!(looked_at >= 32 && sent_away > 0, "{looked_at} looked at, {sent_away} sent away");
    assert!(accounts::password::verify(&state, SecretString::from("x".to_owned()), None).await.is_ok(), "the queue is free again");
}

/// S-35, all but the time: that a hash is computed in each case, a unit test of the hash of nobody says.
#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn who_has_an_account_is_not_told_to_who_tries(pool: PgPool) {
    let state = state(pool.clone());
    let router = web(&state);
    person(&state, "dev", &[], "").await;
    person(&state, "gone", &[], "").await;
    sqlx::query("update account set disabled_at = now() where login = 'gone'").execute(&pool).await.unwrap();
    let mut seen = Vec::new();
    for (login, password) in [("dev", "not the password"), ("gone", PASSWORD), ("gone", "not the password"), ("nobody", PASSWORD)] {
        let response = ask(&router, sign_in(login, password, "")).await;
        let status = response.status();
        let names: BTreeSet<String> = response.headers().keys().map(ToString::to_string).collect();
        let mut body: Value = serde_json::from_str(&text(response).await).unwrap();
        body.as_object_mut().unwrap().remove("request_id");
        seen.push((status, names, body.to_string()));
    }
    assert!(seen.windows(2).all(|two| two[0] == two[1]), "{seen:#?}");
    assert_eq!(seen[0].0, StatusCode::BAD_REQUEST);
}

/// S-36.
#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn a_password_may_be_long_and_what_is_too_long_is_not_even_hashed(pool: PgPool) {
    let state = state(pool.clone());
    let router = web(&state);
    let long = "long enough ".repeat(10);
    let dev = person(&state, "dev", &[], "").await;
    accounts::change_password(&state, &dev, &origin(), PASSWORD.to_owned(), long.clone()).await.unwrap();
    assert_eq!(set(ask(&router, sign_in("dev", &long, "")).await.headers()).len(), 1);
    let response = ask(&router, sign_in("dev", &"x".repeat(1_025), "")).await;
    assert_eq!(response.status(), StatusCode::BAD_REQUEST);
    assert!(text(response).await.contains("too long"));
    assert_eq!(super::world::recorded(&pool, "auth.login.fail").await, 0, "nothing was tried");
}

/// S-2, S-7: what the table does not name is nothing, however it is asked for.
#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn another_method_or_another_spelling_is_no_way_round_the_table(pool: PgPool) {
    let state = state(pool.clone());
    let router = web(&state);
    let all = everything(&state, "all").await;
    let cookie = signed_in(&state, &all).await;
    let records = || super::world::recorded(&pool, "user.disable");
    let filled =
        |route: &str| route.replace("{*file}", "x.js").replace("{harbor}", "prod").replace("{project}", "shop").replace(['{', '}'], "");
    for (known, route, _) in rules::ROUTES.iter().chain(rest::lines()) {
        for method in ["PUT", "PATCH", "DELETE", "POST", "TRACE", "OPTIONS", "PROPFIND"] {
            let named = rules::ROUTES.iter().chain(rest::lines()).any(|(verb, path, _)| *verb == method && path == route);
            if named || route.starts_with("/fn/") {
                continue;
            }
            let request = Request::builder()
                .method(method)
                .uri(filled(route))
                .header(header::COOKIE, &cookie)
                .header("sec-fetch-site", "same-origin")
                .header("x-http-method-override", *known)
                .header("x-original-url", "/api/v1/users")
                .body(Body::empty())
                .unwrap();
            let status = ask(&router, request).await.status();
            assert!(matches!(status.as_u16(), 404 | 405), "{method} {route}: {status}");
        }
    }
    for path in ["/api/v1/users/", "/api/v1//users", "/API/v1/users", "/api/v1/users/.", "/api/v1/%75sers", "/plans/", "/Plans"] {
        let status = ask(&router, get(path, &cookie)).await.status();
        assert_eq!(status, StatusCode::NOT_FOUND, "{path}");
    }
    // A GET that says it is another.
    let request = Request::get("/api/v1/users/1/disabled")
        .header(header::COOKIE, &cookie)
        .header("x-http-method-override", "PUT")
        .header("x-method-override", "PUT")
        .body(Body::from(r#"{"disabled":true}"#));
    assert!(ask(&router, request.unwrap()).await.status().is_client_error());
    assert_eq!(records().await, 0);
    let head = Request::head("/api/v1/users").body(Body::empty()).unwrap();
    assert_eq!(ask(&router, head).await.status(), StatusCode::UNAUTHORIZED, "HEAD is GET");
    assert_eq!(rules::rule(&Method::GET, "/not/in/the/table", "/not/in/the/table"), None);
}

/// S-5, S-6: a filter, a sort or a field that is not known is said, and changes nothing.
#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn what_no_form_has_is_refused(pool: PgPool) {
    let state = state(pool.clone());
    let theirs = theirs(&pool, &state).await;
    let router = web(&state);
    let all = everything(&state, "all").await;
    let cookie = signed_in(&state, &all).await;
    let description: Value = serde_json::from_str(&text(ask(&router, get("/api/v1/openapi.json", &cookie)).await).await).unwrap();
    let mut tried = 0;
    for call in calls(&description).into_iter().filter(|call| !call.fields.is_empty()) {
        let value = |name: &str| theirs.pair(&call.path, name).map_or_else(|| own(&call.path, name), |pair| pair.foreign);
        let plain = super::scope::filled(&call, ("cookie", &cookie), value);
        let (parts, body) = plain.into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        let mut fields: serde_json::Map<String, Value> = serde_json::from_slice(&bytes).unwrap();
        fields.insert("is_admin".to_owned(), true.into());
        let request = Request::from_parts(parts, Body::from(Value::Object(fields).to_string()));
        let response = ask(&router, request).await;
        let (status, said) = (response.status(), text(response).await);
        // A call that is a person's is one for this session too: it gets as far as its body.
        assert_eq!(status, StatusCode::BAD_REQUEST, "{} {}: {said}", call.verb, call.path);
        tried += 1;
    }
    assert!(tried > 15, "{tried}");
    for path in [
        "/api/v1/restores?state=drop",
        "/api/v1/jobs?state=drop",
        "/api/v1/jobs?kind=drop",
        "/api/v1/audit?after=drop",
        "/api/v1/audit?from=drop",
    ] {
        assert_eq!(ask(&router, get(path, &cookie)).await.status(), StatusCode::BAD_REQUEST, "{path}");
    }
}

/// S-8, what is not in the tests of votes: the last holder stays, nobody raises themselves.
#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn nobody_decides_on_what_is_their_own(pool: PgPool) {
    use app::accounts::types::ChangeRoles;
    let state = state(pool.clone());
    let admin = person(&state, "sec", &[Duty::Secadmin], "").await;
    let own = |id: i64| ChangeRoles { user_id: id, duties: vec![], grants: "owner *".to_owned(), reason: "I would like that".to_owned() };
    assert!(accounts::change_roles(&state, &admin, &origin(), own(admin.account_id)).await.is_err());
    assert!(accounts::set_disabled(&state, &admin, &origin(), admin.account_id, true).await.is_err());
    assert!(accounts::reset_password(&state, &admin, &origin(), admin.account_id).await.is_err());
}

/// S-13.
#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn no_other_site_may_read_an_answer(pool: PgPool) {
    let state = state(pool);
    let router = web(&state);
    let dev = person(&state, "dev", &[], "").await;
    let cookie = signed_in(&state, &dev).await;
    for (method, path) in
        [("GET", "/api/v1/me"), ("GET", "/"), ("GET", "/events"), ("OPTIONS", "/api/v1/me"), ("GET", "/health"), ("GET", "/pkg/x.js")]
    {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::ORIGIN, "https://evil.example")
            .header("access-control-request-method", "GET")
            .header(header::COOKIE, &cookie)
            .body(Body::empty())
            .unwrap();
        let response = ask(&router, request).await;
        let allowed: Vec<_> = response.headers().keys().filter(|name| name.as_str().starts_with("access-control")).collect();
        assert!(allowed.is_empty(), "{method} {path}: {allowed:?}");
    }
}

/// S-14.
#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn a_stream_is_opened_by_our_own_pages_alone(pool: PgPool) {
    let state = state(pool);
    let router = web(&state);
    let dev: Caller = person(&state, "dev", &[], "").await;
    let cookie = signed_in(&state, &dev).await;
    let open = async |name: &str, value: &str| {
        ask(&router, {
            let mut request = get("/events", &cookie);
            request.headers_mut().insert(header::HeaderName::try_from(name).unwrap(), value.parse().unwrap());
            request
        })
        .await
        .status()
    };
    for (name, value) in
        [("origin", "https://evil.example"), ("origin", "null"), ("sec-fetch-site", "cross-site"), ("sec-fetch-site", "same-site")]
    {
        assert_eq!(open(name, value).await, StatusCode::FORBIDDEN, "{name}: {value}");
    }
    for (name, value) in [("origin", "http://127.0.0.1:8300"), ("sec-fetch-site", "same-origin"), ("accept", "text/event-stream")] {
        assert_eq!(open(name, value).await, StatusCode::OK, "{name}: {value}");
    }
}
