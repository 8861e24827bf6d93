//! Tokens and sessions: what they are bound to, who sees and ends them, and which of them acted.

use std::collections::BTreeMap;

use app::accounts::types::{Duty, EndSessions, NewToken, TokenScope};
use axum::body::Body;
use axum::http::{Request, StatusCode};
use serde_json::Value;
use sqlx::PgPool;

use super::scope::{answer, calls, filled, own, theirs};
use super::web::web;
use super::world::{everything, harbor, origin, person, signed_in, state};
use crate::access::{Caller, Origin, Via};
use crate::accounts;
use crate::audit::{self, Actor, Event};
use crate::error::Error;
use crate::state::AppState;

fn new(scope: TokenScope) -> NewToken {
    NewToken { name: "ci".to_owned(), scope, days: 1, ..NewToken::default() }
}

async fn made(state: &AppState, caller: &Caller, form: NewToken) -> (i64, String) {
    let made = accounts::create_token(state, caller, &origin(), form).await.unwrap();
    (made.token.id, made.secret)
}

fn code<T>(result: Result<T, Error>) -> String {
    result.map(drop).unwrap_err().into_api(None).code
}

async fn described(router: &axum::Router, token: &str) -> Value {
    let request = Request::get("/api/v1/openapi.json").header("authorization", format!("Bearer {token}")).body(Body::empty()).unwrap();
    serde_json::from_str(&answer(router, request).await.1).unwrap()
}

/// Every row of every table but the audit history, without the columns that say when somebody was seen last.
async fn contents(pool: &PgPool) -> BTreeMap<String, String> {
    let tables: Vec<String> = sqlx::query_scalar(
        "select table_name from information_schema.tables
          where table_schema = 'public' and table_type = 'BASE TABLE' and table_name not in ('audit_record', 'audit_head', '_sqlx_migrations')",
    )
    .fetch_all(pool)
    .await
    .unwrap();
    let mut all = BTreeMap::new();
    for table in tables {
        let sql = sqlx::AssertSqlSafe(format!(
            "select coalesce(string_agg(row, E'\\n' order by row), '')
               from (select (to_jsonb(t) - array['last_seen_at', 'last_used_at', 'last_used_ip', 'seen_at', 'noted_at', 'ip'])::text as row from {table} t) as rows"
        ));
        all.insert(table, sqlx::query_scalar(sql).fetch_one(pool).await.unwrap());
    }
    all
}

/// S-12, S-76: whoever has every right there is, by a token that reads. Generated from the description, so that no call is forgotten.
#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn a_read_token_changes_nothing_and_neither_does_a_get(pool: PgPool) {
    let state = state(pool.clone());
    let theirs = theirs(&pool, &state).await;
    let router = web(&state);
    let all = everything(&state, "all").await;
    let (_, token) = made(&state, &all, new(TokenScope::Read)).await;
    let cookie = signed_in(&state, &all).await;
    let before = contents(&pool).await;
    let (mut refused, mut read) = (0, 0);
    for call in calls(&described(&router, &token).await) {
        let value = |name: &str| theirs.pair(&call.path, name).map_or_else(|| own(&call.path, name), |pair| pair.foreign);
        let (status, text) = answer(&router, filled(&call, ("authorization", &format!("Bearer {token}")), value)).await;
        let place = format!("{} {}: {status} {text}", call.verb, call.path);
        if call.verb == "GET" {
            read += usize::from(status == StatusCode::OK);
            let (status, text) = answer(&router, filled(&call, ("cookie", &cookie), value)).await;
            assert!(!status.is_server_error() || status == StatusCode::BAD_GATEWAY, "GET {}: {status} {text}", call.path);
        } else {
            assert!(status == StatusCode::FORBIDDEN && text.contains("read_token"), "{place}");
            refused += 1;
        }
        let after = contents(&pool).await;
        for (table, rows) in &before {
            assert_eq!(after.get(table), Some(rows), "{table} after {place}");
        }
    }
    assert!(refused > 40 && read > 20, "{refused} refused, {read} read");
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn a_token_is_used_from_its_networks_alone(pool: PgPool) {
    let state = state(pool.clone());
    let dev = person(&state, "dev", &[], "").await;
    let form = NewToken { networks: "10.0.0.0/8\n2001:db8::/32".to_owned(), ..new(TokenScope::Read) };
    let (id, secret) = made(&state, &dev, form).await;
    let from = |ip: &str| Origin { ip: Some(ip.parse().unwrap()), ..origin() };
    for inside in ["10.1.2.3", "::ffff:10.1.2.3", "2001:db8::7"] {
        assert!(accounts::caller_of_token(&pool, &secret, &from(inside)).await.unwrap().is_some(), "{inside}");
    }
    for outside in ["192.0.2.1", "2001:db9::1"] {
        assert_eq!(code(accounts::caller_of_token(&pool, &secret, &from(outside)).await), "token_elsewhere", "{outside}");
    }
    assert!(accounts::caller_of_token(&pool, &secret, &Origin::default()).await.is_err(), "from nowhere that is known");
    assert_eq!(super::world::recorded(&pool, "authz.denied").await, 1, "once a minute");
    let listed = accounts::list_tokens(&state, &dev).await.unwrap().remove(0);
    assert_eq!(
        (listed.id, listed.last_ip.as_deref()),
        (id, Some("10.1.2.3")),
        "of a use, at most once a minute, and not of what was refused"
    );
    assert_eq!(listed.networks, ["10.0.0.0/8", "2001:db8::/32"]);
    for bad in ["10.0.0.0/40", "everywhere"] {
        let form = NewToken { networks: bad.to_owned(), ..new(TokenScope::Read) };
        assert_eq!(code(accounts::create_token(&state, &dev, &origin(), form).await), "invalid_input");
    }
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn a_token_is_bound_to_what_its_owner_reaches(pool: PgPool) {
    let state = state(pool.clone());
    harbor(&pool, "prod").await;
    harbor(&pool, "elsewhere").await;
    let dev = person(&state, "dev", &[], "requester prod/shop\nviewer prod/docs").await;
    let bound = |projects: &str| NewToken { projects: projects.to_owned(), ..new(TokenScope::Write) };
    let said = async |projects: &str| {
        let error = accounts::create_token(&state, &dev, &origin(), bound(projects)).await.unwrap_err().into_api(None);
        error.message.to_string().replace(projects, "…")
    };
    assert_eq!(said("prod/payments").await, said("nowhere/payments").await, "what is not theirs is answered like what does not exist");
    assert_eq!(said("elsewhere/*").await, said("nowhere/*").await);
    let (id, secret) = made(&state, &dev, bound("prod/shop")).await;
    let caller = accounts::caller_of_token(&pool, &secret, &origin()).await.unwrap().unwrap();
    assert_eq!(caller.roles.len(), 1);
    made(&state, &dev, new(TokenScope::Read)).await;
    let seen: Vec<i64> = accounts::list_tokens(&state, &caller).await.unwrap().into_iter().map(|token| token.id).collect();
    assert_eq!(seen, [id], "the others tell of other projects");
    assert_eq!(code(crate::session::list_sessions(&state, &caller, None).await), "session_needed");
    sqlx::query("delete from api_token_project").execute(&pool).await.unwrap();
    let caller = accounts::caller_of_token(&pool, &secret, &origin()).await.unwrap().unwrap();
    assert!(caller.roles.is_empty() && caller.bounds.is_some(), "bound to nothing is not unbound");
}

fn did_it() -> app::audit::events::SystemEvent {
    app::audit::events::SystemEvent::Refused { operation: "it".to_owned() }
}

/// The chain of before goes on, and new records say who acted and with what.
#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn which_token_acted_is_in_the_hashed_record(pool: PgPool) {
    let state = state(pool.clone());
    let old = r#"{"action":"a.b","actor":{"id":"1","name":"dev","type":"token"},"object":{"name":"x","project":null,"type":"thing"},"outcome":{"reason_code":null,"result":"success"},"request_id":null,"sentence":"did it","source":{"interface":"api","ip":null},"time":"2026-11-01T00:00:00Z","v":1}"#;
    sqlx::query("select audit_append($1)").bind(old.as_bytes()).execute(&pool).await.unwrap();
    let auditor = person(&state, "aud", &[Duty::Auditor], "").await;
    let dev = person(&state, "dev", &[], "").await;
    let (id, secret) = made(&state, &dev, new(TokenScope::Write)).await;
    let caller = accounts::caller_of_token(&pool, &secret, &origin()).await.unwrap().unwrap();
    let by_token =
        audit::record_alone(&pool, &Actor::caller(&caller, &origin()), Event::new("t.one", "thing", "x", did_it())).await.unwrap();
    let in_session = Caller { session: Some(77), ..dev.clone() };
    let by_person =
        audit::record_alone(&pool, &Actor::caller(&in_session, &origin()), Event::new("t.two", "thing", "x", did_it())).await.unwrap();
    for (seq, token, session) in [(1, None, None), (by_token, Some(id), None), (by_person, None, Some(77))] {
        let detail = audit::get(&state, &auditor, &origin(), seq).await.unwrap();
        assert!(detail.intact);
        assert_eq!(detail.event.token, token);
        let record: Value = serde_json::from_str(&detail.record).unwrap();
        assert_eq!((record["actor"]["token"].as_i64(), record["actor"]["session"].as_i64()), (token, session), "{record}");
    }
    let check = audit::verify_pool(&pool, &Actor::command_line()).await.unwrap();
    assert_eq!(check.broken, None);
}

/// S-24, "log out everywhere".
#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn one_sees_and_ends_ones_own_sessions(pool: PgPool) {
    let state = state(pool.clone());
    let router = web(&state);
    let (dev, other) = (person(&state, "dev", &[], "").await, person(&state, "other", &[], "").await);
    let (here, there, theirs) = (signed_in(&state, &dev).await, signed_in(&state, &dev).await, signed_in(&state, &other).await);
    let call = async |verb: &str, path: &str, cookie: &str, body: Value| {
        let request = Request::builder()
            .method(verb)
            .uri(path)
            .header("cookie", cookie)
            .header("sec-fetch-site", "same-origin")
            .header("user-agent", "Mozilla/5.0 (X11; Linux x86_64; rv:143.0) Gecko/20100101 Firefox/143.0")
            .header("content-type", "application/json");
        let (status, text) = answer(&router, request.body(Body::from(body.to_string())).unwrap()).await;
        (status, serde_json::from_str::<Value>(&text).unwrap())
    };
    let list = async |cookie: &str| call("GET", "/api/v1/me/sessions", cookie, Value::Null).await;
    let (_, foreign) = list(&theirs).await;
    list(&there).await;
    let (_, seen) = list(&here).await;
    let seen = seen.as_array().unwrap();
    assert_eq!(seen.len(), 2);
    let (this, that): (Vec<_>, Vec<_>) = seen.iter().partition(|session| session["here"] == true);
    assert_eq!((this.len(), this[0]["browser"].as_str(), this[0]["system"].as_str()), (1, Some("Firefox"), Some("Linux")));
    let end = async |id: &Value| call("POST", "/api/v1/me/sessions/end", &here, serde_json::json!({ "session_id": id })).await;
    let absent = end(&987_654_321.into()).await;
    assert_eq!(absent.0, StatusCode::NOT_FOUND);
    assert_eq!(end(&foreign[0]["id"]).await, absent, "a session of somebody else is none");
    assert_eq!(end(&that[0]["id"]).await.0, StatusCode::OK);
    assert_eq!(list(&there).await.0, StatusCode::UNAUTHORIZED);
    let (third, fourth) = (signed_in(&state, &dev).await, signed_in(&state, &dev).await);
    assert_eq!(end(&Value::Null).await.1["count"], 2);
    for ended in [&third, &fourth] {
        assert_eq!(list(ended).await.0, StatusCode::UNAUTHORIZED);
    }
    assert_eq!((list(&here).await.0, list(&theirs).await.0), (StatusCode::OK, StatusCode::OK));
    assert_eq!(super::world::recorded(&pool, "session.revoke").await, 2);
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn a_security_administrator_ends_what_is_anybodys(pool: PgPool) {
    let state = state(pool.clone());
    let admin = person(&state, "sec", &[Duty::Secadmin], "").await;
    let auditor = person(&state, "aud", &[Duty::Auditor], "").await;
    let dev = person(&state, "dev", &[], "").await;
    let (token, secret) = made(&state, &dev, new(TokenScope::Write)).await;
    signed_in(&state, &dev).await;
    let whose = Some(dev.account_id);
    let all = || EndSessions { user_id: whose, session_id: None };
    let at = origin();
    // To look is for auditors too; to end needs the duty and the password.
    for caller in [&admin, &auditor] {
        assert_eq!(crate::session::list_sessions(&state, caller, whose).await.unwrap().len(), 1);
        assert_eq!(accounts::tokens_of(&state, caller, dev.account_id).await.unwrap()[0].id, token);
    }
    let stale = Caller { fresh: false, ..admin.clone() };
    let by_token = Caller { via: Via::Token { id: 1, write: true }, fresh: false, ..admin.clone() };
    for (caller, expected) in [(&auditor, "forbidden"), (&by_token, "forbidden"), (&stale, "step_up")] {
        assert_eq!(code(crate::session::end_sessions(&state, caller, &at, all()).await), expected);
        assert_eq!(code(accounts::revoke_token_of(&state, caller, &at, dev.account_id, token).await), expected);
    }
    assert_eq!(code(crate::session::list_sessions(&state, &dev, Some(admin.account_id)).await), "forbidden");
    assert_eq!(crate::session::end_sessions(&state, &admin, &at, all()).await.unwrap(), 1);
    assert_eq!(code(accounts::revoke_token_of(&state, &admin, &at, admin.account_id, token).await), "not_found", "of another account");
    accounts::revoke_token_of(&state, &admin, &at, dev.account_id, token).await.unwrap();
    assert!(accounts::caller_of_token(&pool, &secret, &at).await.unwrap().is_none());
    // And whoever has the server, when nobody can sign in.
    let (second, secret) = made(&state, &dev, new(TokenScope::Read)).await;
    assert_eq!(accounts::tokens_at_command_line(&state, None).await.unwrap()[0].id, second);
    accounts::revoke_at_command_line(&state, second).await.unwrap();
    assert!(accounts::caller_of_token(&pool, &secret, &at).await.unwrap().is_none());
    assert_eq!(super::world::recorded(&pool, "token.revoke").await, 2);
}
