//! What every answer and every page is, whatever is stored: headers, text that stays text, tokens, pages of lists (S-70, S-72, S-73, S-76, S-82).

use std::collections::BTreeSet;

use app::accounts::types::{Duty, NewToken, TokenScope};
use axum::body::Body;
use axum::http::{HeaderMap, Method, Request, StatusCode, header};
use axum::routing::get;
use http_body_util::BodyExt as _;
use serde_json::Value;
use sqlx::PgPool;
use tower::ServiceExt as _;

use super::fleet::{Fleet, PEOPLE};
use super::walk::{of, tags};
use super::web::{served, web};
use super::world::{origin, person, state};
use crate::http::{outermost, rest, rules};

/// What every answer carries, to the letter.
fn exact(headers: &HeaderMap) -> Vec<(&'static str, String)> {
    let text = |name: &str| headers.get_all(name).iter().map(|v| v.to_str().unwrap_or("?").to_owned()).collect::<Vec<_>>().join(" AND ");
    let policy = text("content-security-policy");
    vec![
        ("content-security-policy", policy),
        ("x-content-type-options", text("x-content-type-options")),
        ("referrer-policy", text("referrer-policy")),
        ("x-frame-options", text("x-frame-options")),
        ("cross-origin-opener-policy", text("cross-origin-opener-policy")),
        ("cross-origin-resource-policy", text("cross-origin-resource-policy")),
        ("permissions-policy", text("permissions-policy")),
        ("server", text("server")),
    ]
}

fn wanted() -> Vec<(&'static str, String)> {
    let policy = "default-src 'none'; script-src 'self'; connect-src 'self'; style-src 'self'; img-src 'self' data:; \
                  font-src 'self'; form-action 'self'; base-uri 'none'; object-src 'none'; frame-ancestors 'none'";
    [
        ("content-security-policy", policy),
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "same-origin"),
        ("x-frame-options", "DENY"),
        ("cross-origin-opener-policy", "same-origin"),
        ("cross-origin-resource-policy", "same-origin"),
        ("permissions-policy", "camera=(), microphone=(), geolocation=()"),
        ("server", ""),
    ]
    .map(|(name, value)| (name, value.to_owned()))
    .to_vec()
}

/// S-70.
#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn every_answer_of_every_route_carries_exactly_the_headers(pool: PgPool) {
    let fleet = Fleet::new(pool).await;
    let cookie = fleet.session("olga").await;
    let filled = |route: &str| {
        let names = [("{id}", "1"), ("{seq}", "1"), ("{name}", "sim"), ("{harbor}", "sim"), ("{project}", "shop"), ("{*file}", "x.js")];
        names.iter().fold(route.to_owned(), |path, (name, value)| path.replace(name, value))
    };
    let mut asked: Vec<(Method, String)> = rules::ROUTES
        .iter()
        .chain(rest::lines())
        .filter(|(_, route, _)| *route != "/events")
        .map(|(method, route, _)| (method.parse().unwrap(), filled(route)))
        .collect();
    asked.extend(leptos::server_fn::axum::server_fn_paths().map(|(path, method)| (method, path.to_owned())));
    let plans = format!("/plans/{}", "x".repeat(10));
    asked.extend([
        (Method::GET, "/nowhere".to_owned()),
        (Method::GET, "//evil.example/".to_owned()),
        (Method::POST, "/nowhere".to_owned()),
        (Method::GET, plans),
    ]);
    asked.push((Method::GET, "/signin?next=%00".to_owned()));
    let (mut statuses, mut wrong) = (BTreeSet::new(), Vec::new());
    for (method, path) in asked {
        for cookies in ["", cookie.as_str()] {
            // A sign-out would end the session of the others.
            if path == "/fn/session/out" && !cookies.is_empty() {
                continue;
            }
            let request = Request::builder()
                .method(method.clone())
                .uri(&path)
                .header(header::ACCEPT, "text/html")
                .header(header::COOKIE, cookies)
                .header("sec-fetch-site", "same-origin")
                .body(Body::empty())
                .unwrap();
            let answer = fleet.router.clone().oneshot(request).await.unwrap();
            statuses.insert(answer.status().as_u16());
            if exact(answer.headers()) != wanted() {
                wrong.push(format!("{method} {path} {}: {:?}", answer.status(), answer.headers()));
            }
            let is_file = path.starts_with("/pkg/") || path.starts_with("/favicon");
            if !is_file && answer.headers().get(header::CACHE_CONTROL).is_none_or(|value| value != "no-store") {
                wrong.push(format!("{method} {path} {} may be kept by a cache", answer.status()));
            }
        }
    }
    // Asked by a program, which is led nowhere.
    let asked = Request::get("/api/v1/home").body(Body::empty()).unwrap();
    let answer = fleet.router.clone().oneshot(asked).await.unwrap();
    statuses.insert(answer.status().as_u16());
    assert_eq!(exact(answer.headers()), wanted());
    let big = Request::post("/api/v1/plans")
        .header(header::COOKIE, &cookie)
        .header("sec-fetch-site", "same-origin")
        .body(Body::from("x".repeat(300_000)))
        .unwrap();
    let answer = fleet.router.clone().oneshot(big).await.unwrap();
    assert_eq!(answer.status(), StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(exact(answer.headers()), wanted());
    let foreign = Request::post("/api/v1/plans").header("sec-fetch-site", "cross-site").body(Body::empty()).unwrap();
    let answer = fleet.router.clone().oneshot(foreign).await.unwrap();
    assert_eq!((answer.status(), exact(answer.headers())), (StatusCode::FORBIDDEN, wanted()));
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    for status in [200, 303, 400, 401, 403, 404] {
        assert!(statuses.contains(&status), "no answer was {status}: {statuses:?}");
    }
    // A defect is answered like everything else.
    let served = served(&fleet.state);
    let broken = outermost(
        axum::Router::new().route(
            "/broken",
            get(|| async {
                if true {
                    panic!("a defect")
                }
            }),
        ),
        &served,
    )
    .with_state(served);
    let answer = broken.oneshot(Request::get("/broken").body(Body::empty()).unwrap()).await.unwrap();
    assert_eq!((answer.status(), exact(answer.headers())), (StatusCode::INTERNAL_SERVER_ERROR, wanted()));
}

/// What somebody who means harm would have stored.
const HARM: &str = "\"'><img src=x onerror=alert(1)></script><script>alert(2)</script><a href=javascript:alert(3)>\u{2028}{{x}}";

/// S-72, S-73: whatever is stored is text on every page, in attributes too.
#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn what_is_stored_is_text_on_every_page(pool: PgPool) {
    let fleet = Fleet::new(pool.clone()).await;
    let vault = fleet.number("select min(vault_id) from vault").await;
    for sql in [
        "update account set display_name = left($1, 100)",
        "update harbor set state = 'refused', state_detail = to_jsonb($1::text), secret_set_by = $1, product_version = $1, staging_trouble = to_jsonb($1::text)",
        "update job set title = to_jsonb($1::text), error = to_jsonb($1::text), remedy = jsonb_build_object('code', $1::text), trigger = $1",
        "insert into job_log (job_id, seq, level, text) select max(job_id), 900, 'error', to_jsonb($1::text) from job",
        "update request set reason = $1, ticket = $1, outcome_detail = to_jsonb($1::text), rule = jsonb_build_object('code', 'none', 'text', $1::text), effects = effects || jsonb_build_object('only', $1::text)",
        "insert into vote (request_id, account_id, approve, comment, plan_hash) select q.request_id, a.account_id, true, $1, q.plan_hash
           from (select request_id, plan_hash from request where state = 'waiting' order by request_id desc limit 1) q, (select min(account_id) as account_id from account) a",
        "update hold set reason = $1, made_by = $1",
        "update finding set kind = $1, detail = to_jsonb($1::text), remedy = to_jsonb($1::text)",
        "update plan set name = plan_id || $1, paused_at = now(), paused_by = $1, paused_reason = $1",
        "update repository set name = 'shop/' || repository_id || $1 where name not like 'shop/web'",
        "update tag_span set tag = $1 where tag = '1' and repository_id <> (select repository_id from repository where name = 'shop/web')",
        "insert into harbor_project (harbor_id, project, foreign_id, repositories, proxy_cache, seen_at) select harbor_id, $1, 77, 1, false, now() from harbor",
        "update vault set look = jsonb_build_object('state', 'failing', 'detail', $1::text, 'free_bytes', null, 'reserve_bytes', 0, 'days_left', null)",
        "update api_token set name = left($1, 60)",
    ] {
        sqlx::query(sql).bind(HARM).execute(&pool).await.unwrap_or_else(|e| panic!("{sql}: {e}"));
    }
    let pages = fleet.pages().await;
    let mut shown = 0;
    let mut wrong = Vec::new();
    for (login, ..) in PEOPLE {
        let cookie = fleet.session(login).await;
        for page in pages.iter().chain([&format!("/vaults/{vault}")]) {
            let (status, html) = fleet.page(&cookie, page).await;
            assert!(!status.is_server_error(), "{login} {page}: {status}");
            shown += usize::from(html.contains("onerror=alert(1)"));
            for (name, attributes, at) in tags(&html) {
                let scripted = attributes.iter().any(|(key, _)| key.starts_with("on"));
                let leads = ["href", "src", "action", "formaction"]
                    .iter()
                    .any(|key| of(&attributes, key).is_some_and(|to| to.trim().starts_with("javascript:")));
                let foreign = name == "script" && of(&attributes, "src").is_none_or(|src| !src.starts_with("/pkg/"));
                let broken_out = name == "script" && html[at..].starts_with("alert(");
                if scripted || leads || foreign || broken_out || (name == "img" && of(&attributes, "src") == Some("x")) {
                    let before = html[..at].char_indices().rev().nth(200).map_or(0, |(i, _)| i);
                    wrong.push(format!("{login} {page}: <{name} at the end of {}", &html[before..at]));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(shown > 20, "what was stored was shown on {shown} pages only");
}

/// S-76.
#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn a_token_is_shown_once_ends_and_is_taken_from_one_header_only(pool: PgPool) {
    let state = state(pool.clone());
    let owner = person(&state, "olga", &[Duty::Operator], "").await;
    let new = |days| NewToken { name: "ci".to_owned(), scope: TokenScope::Read, days, ..NewToken::default() };
    for days in [0, -1, 366, 100_000] {
        assert!(crate::accounts::create_token(&state, &owner, &origin(), new(days)).await.is_err(), "{days} days");
    }
    let made = crate::accounts::create_token(&state, &owner, &origin(), new(365)).await.unwrap();
    let random = made.secret.strip_prefix("bw_").expect("a prefix that scanners know");
    assert!(random.len() >= 43 && random.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b)), "256 bits");
    let row: String = sqlx::query_scalar("select t::text from api_token t").fetch_one(&pool).await.unwrap();
    let listed = serde_json::to_string(&crate::accounts::list_tokens(&state, &owner).await.unwrap()).unwrap();
    let audit: String =
        sqlx::query_scalar("select string_agg(convert_from(record, 'UTF8'), '') from audit_record").fetch_one(&pool).await.unwrap();
    for place in [&row, &listed, &audit] {
        assert!(!place.contains(random));
    }
    let router = web(&state);
    let ask = |request: Request<Body>| {
        let router = router.clone();
        async move { router.oneshot(request).await.unwrap().status() }
    };
    let with = |value: String| Request::get("/api/v1/plans").header(header::AUTHORIZATION, value).body(Body::empty()).unwrap();
    assert_eq!(ask(with(format!("Bearer {}", made.secret))).await, StatusCode::OK);
    for value in [format!("Basic {}", made.secret), format!("Bearer {}x", made.secret), made.secret.clone()] {
        assert_eq!(ask(with(value)).await, StatusCode::UNAUTHORIZED);
    }
    for path in ["token", "access_token", "authorization"] {
        let request = Request::get(format!("/api/v1/plans?{path}={}", made.secret)).body(Body::empty()).unwrap();
        assert_eq!(ask(request).await, StatusCode::UNAUTHORIZED, "in the query as {path}");
    }
    let request = Request::get("/api/v1/plans").header(header::COOKIE, format!("breakwater={}", made.secret)).body(Body::empty()).unwrap();
    assert_eq!(ask(request).await, StatusCode::UNAUTHORIZED, "as a cookie");
    // The rights are those its owner has when it is used.
    sqlx::query("delete from account_duty").execute(&pool).await.unwrap();
    let vaults =
        Request::get("/api/v1/vaults").header(header::AUTHORIZATION, format!("Bearer {}", made.secret)).body(Body::empty()).unwrap();
    assert_eq!(ask(vaults).await, StatusCode::FORBIDDEN);
    crate::accounts::revoke_token(&state, &owner, &origin(), made.token.id).await.unwrap();
    assert_eq!(ask(with(format!("Bearer {}", made.secret))).await, StatusCode::UNAUTHORIZED, "from the next request on");
    let short = crate::accounts::create_token(&state, &owner, &origin(), new(1)).await.unwrap();
    sqlx::query("update api_token set expires_at = now() where api_token_id = $1").bind(short.token.id).execute(&pool).await.unwrap();
    assert_eq!(ask(with(format!("Bearer {}", short.secret))).await, StatusCode::UNAUTHORIZED, "its days are over");
}

/// S-82: no page of a list has more than 200 rows, however many there are.
#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn a_page_of_a_list_has_at_most_two_hundred_rows(pool: PgPool) {
    const ROWS_MAX: usize = 200;
    let fleet = Fleet::new(pool.clone()).await;
    for sql in [
        "insert into harbor_project (harbor_id, project, foreign_id, repositories, proxy_cache, seen_at) select harbor_id, 'many' || n, n, 1, false, now() from harbor, generate_series(1, 250) n",
        "insert into job (kind, title, payload, state, attempt_max, trigger, account_id) select 'backup', '\"x\"', '{}', 'done', 1, 'x', min(account_id) from account, generate_series(1, 250) n group by n",
        "insert into account (login, display_name, password_hash) select 'many' || n, 'x', 'x' from generate_series(1, 250) n",
        "with j as (insert into job (kind, title, payload, state, attempt_max, trigger) select 'backup', '\"x\"', '{}', 'done', 1, 'x' from generate_series(1, 250) returning job_id)
         insert into run (plan_id, job_id, trigger, state) select (select min(plan_id) from plan), job_id, 'user', 'good' from j",
        "insert into request (state, account_id, harbor_id, project, snapshot_id, target_project, form, plan, plan_hash, planned_at, risk, votes_needed, rule, effects)
         select state, account_id, harbor_id, project, snapshot_id, target_project, form, plan, plan_hash, planned_at, risk, votes_needed, rule, effects
           from (select * from request where state = 'waiting' order by request_id limit 1) one, generate_series(1, 250)",
        "select audit_append(convert_to(json_build_object('actor', json_build_object('type', 'system', 'name', 'test'), 'action', 'system.start',
            'outcome', json_build_object('result', 'success'), 'object', json_build_object('type', 'system', 'name', n::text), 'sentence', 'x',
            'time', '2026-11-23T09:30:00.000000Z')::text, 'UTF8')) from generate_series(1, 250) n",
        "insert into repository (project_id, name) select project_id, 'shop/many' || n from project, generate_series(1, 250) n where name = 'shop'",
        "insert into hold (snapshot_id, reason, made_by) select min(snapshot_id), 'the auditors asked', 'req' from snapshot, generate_series(1, 250) n group by n",
        "insert into finding (vault_id, kind, object, detail, remedy, found_at) select min(vault_id), 'missing', sha256(('many' || n)::bytea), '\"gone\"', '\"verify\"', now() from vault, generate_series(1, 250) n group by n",
    ] {
        sqlx::query(sql).execute(&pool).await.unwrap_or_else(|e| panic!("{sql}: {e}"));
    }
    let plan = fleet.estate.plan_id;
    let mut paged = 0;
    for (login, path) in [
        ("olga", "/projects".to_owned()),
        ("olga", "/jobs".to_owned()),
        ("olga", format!("/plans/{plan}/runs")),
        ("olga", "/restores".to_owned()),
        ("app", "/approvals".to_owned()),
        ("sam", "/users".to_owned()),
        ("aud", "/audit".to_owned()),
    ] {
        let cookie = fleet.session(login).await;
        let request = Request::get(format!("/api/v1{path}")).header(header::COOKIE, &cookie).body(Body::empty()).unwrap();
        let answer = fleet.router.clone().oneshot(request).await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK, "{path}");
        let bytes = answer.into_body().collect().await.unwrap().to_bytes();
        let value: Value = serde_json::from_slice(&bytes).unwrap();
        let rows = value["items"].as_array().or(value["events"].as_array()).unwrap_or_else(|| panic!("{path} has no pages: {value}"));
        assert!(!rows.is_empty() && rows.len() <= ROWS_MAX, "{path}: {} rows", rows.len());
        assert!(value["next"].is_string(), "{path} has more and says so");
        paged += 1;
    }
    assert_eq!(paged, 7);
    let mut long = Vec::new();
    for login in ["olga", "aud", "own"] {
        let cookie = fleet.session(login).await;
        for path in fleet.readings().await.iter().filter(|path| !path.contains("openapi.json") && !path.contains("/lines.")) {
            let (_, text) = fleet.page(&cookie, path).await;
            rows_of(&serde_json::from_str(&text).unwrap_or_default(), path, &mut long);
        }
    }
    assert_eq!(long, Vec::<String>::new());
}

/// Lists of more than 200 rows anywhere in an answer.
fn rows_of(value: &Value, place: &str, long: &mut Vec<String>) {
    match value {
        Value::Array(rows) => {
            if rows.len() > 200 {
                long.push(format!("{place}: {} rows", rows.len()));
            }
            rows.iter().for_each(|row| rows_of(row, place, long));
        }
        Value::Object(fields) => fields.iter().for_each(|(name, value)| rows_of(value, &format!("{place} {name}"), long)),
        _ => {}
    }
}
