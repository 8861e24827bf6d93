//! S-4: what is not the caller's does not exist. Generated from the description of the API, so that no new call is forgotten: every
//! parameter and every field of a body is either known to name an object, and then an object of another project and one that does not
//! exist are answered alike, or it is known to name none.

use app::accounts::types::{NewToken, TokenScope};
use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use sqlx::PgPool;
use tower::ServiceExt as _;
use vocab::Digest;

use super::web::web;
use super::world::{harbor, origin, person, request, state};

/// Parameters and fields that name no object.
const PLAIN: &[&str] = &[
    "accept",
    "access_key",
    "admin_login",
    "admin_password",
    "after",
    "against",
    "annotations",
    "at",
    "bandwidth",
    "bandwidth_zone",
    "bucket",
    "ca_pem",
    "category",
    "comment",
    "compliance",
    "confirm",
    "cron",
    "current",
    "days",
    "decision",
    "disabled",
    "display_name",
    "dry_run",
    "duties",
    "endpoint",
    "exclude",
    "format",
    "from",
    "full_every_h",
    "grants",
    "group",
    "include",
    "kind",
    "live",
    "lock_days",
    "left",
    "digest_tag",
    "owner",
    "gap",
    "until",
    "lock_mode",
    "however_much",
    "login",
    "mib_s",
    "mine",
    "mode",
    "networks",
    "now",
    "on",
    "on_conflict",
    "only",
    "outcome",
    "page",
    "password",
    "path",
    "path_style",
    "plain_http",
    "plan_hash",
    "prefix",
    "q",
    "read_login",
    "read_secret",
    "reason",
    "region",
    "rpo_hours",
    "scope",
    "scrub_days",
    "scrub_mib_s",
    "secret",
    "staging",
    "staging_login",
    "staging_project",
    "staging_secret",
    "state",
    "tab",
    "tag",
    "text",
    "ticket",
    "to",
    "url",
    "version",
    "without_accessories",
    "write_login",
    "write_secret",
    "zone",
    "zoom",
    "action",
    "actor",
    "object",
    "keep",
    "keep_last",
    "keep_within_days",
    "keep_hourly",
    "keep_daily",
    "keep_weekly",
    "keep_monthly",
    "keep_yearly",
];

/// An object of somebody else, and one that nobody has, as a parameter or field of this name names them.
pub(super) struct Pair {
    pub(super) foreign: Value,
    absent: Value,
}

/// What there is of a project the caller has no role on.
pub(super) struct Theirs {
    vault: i64,
    plan: i64,
    snapshot: i64,
    request: i64,
    job: i64,
    account: i64,
    token: i64,
    audit: i64,
    hold: i64,
    acceptance: i64,
    session: i64,
    draft: String,
    digest: Digest,
}

const NOBODYS: i64 = 987_654_321;

impl Theirs {
    pub(super) fn pair(&self, path: &str, name: &str) -> Option<Pair> {
        let number = |foreign: i64| Some(Pair { foreign: foreign.into(), absent: NOBODYS.into() });
        let text = |foreign: &str, absent: &str| Some(Pair { foreign: foreign.into(), absent: absent.into() });
        match name {
            "harbor" | "name"
                if !path.contains("/tokens") && !path.starts_with("/api/v1/vaults") && name != "name"
                    || path.contains("/harbors/{name}") =>
            {
                text("elsewhere", "nowhere")
            }
            "project" if path == "/api/v1/restores" => text("prod/payments", "prod/nothing"),
            "project" | "target_project" => text("payments", "nothing"),
            "repo" | "repository" => text("payments/gateway", "payments/nothing"),
            "items" => text("payments/gateway:v1", "payments/nothing:v1"),
            "projects" => text("prod/payments", "prod/nothing"),
            "token" => number(self.token),
            "session_id" => number(self.session),
            "digest" => text(&self.digest.to_string(), &Digest::of(b"nobody's").to_string()),
            "seq" => number(self.audit),
            "draft_id" => text(&self.draft, "3f9c2a1b-0000-4000-8000-000000000000"),
            "request_id" | "undo_of" => number(self.request),
            "snapshot_id" => number(self.snapshot),
            "vault_id" => number(self.vault),
            "plan_id" => number(self.plan),
            "user_id" => number(self.account),
            "copies" => Some(Pair { foreign: json!([self.vault]), absent: json!([NOBODYS]) }),
            "id" => match path.split('/').nth(3)? {
                "vaults" => number(self.vault),
                "plans" | "left" => number(self.plan),
                "holds" => number(self.hold),
                "projects" => number(self.acceptance),
                "restores" if path.contains("/drafts/") => text(&self.draft, "3f9c2a1b-0000-4000-8000-000000000000"),
                "restores" => number(self.request),
                "jobs" => number(self.job),
                "snapshots" | "imports" => number(self.snapshot),
                "users" => number(self.account),
                "tokens" => number(self.token),
                _ => None,
            },
            _ => None,
        }
    }
}

/// What the caller does have, for everything that is not asked about.
pub(super) fn own(path: &str, name: &str) -> Value {
    match name {
        "harbor" => "prod".into(),
        "projects" => "prod/shop".into(),
        "scope" => "read".into(),
        "name" if path.contains("/harbors/") => "prod".into(),
        "project" if path == "/api/v1/restores" => "prod/shop".into(),
        "project" | "target_project" => "shop".into(),
        "repo" | "repository" => "shop/web".into(),
        "items" => "shop/web:1".into(),
        "tag" => "v1".into(),
        "digest" => Digest::of(b"image").to_string().into(),
        "at" => "2026-11-23T09:30:00Z".into(),
        _ => Value::Null,
    }
}

/// Numbers that nothing else in an answer has.
async fn renumber(pool: &PgPool) {
    sqlx::query(
        "select setval(format('%I.%I', schemaname, sequencename)::regclass, 7654321) from pg_sequences where schemaname = 'public' and sequencename <> 'draft_key'",
    )
    .execute(pool)
    .await
    .unwrap();
    sqlx::query("update request_counter set last = 7654321").execute(pool).await.unwrap();
}

/// A tag of the other project.
async fn tagged(pool: &PgPool) -> Digest {
    let digest = Digest::of(b"gateway");
    sqlx::query("insert into artifact (digest, media_type, kind, size_bytes) values ($1, 'x', 'IMAGE', 1)")
        .bind(digest.as_bytes().as_slice())
        .execute(pool)
        .await
        .unwrap();
    sqlx::query(
        "with r as (insert into repository (project_id, name) select project_id, 'payments/gateway' from project where name = 'payments' returning repository_id),
              t as (insert into tag_span (repository_id, tag, digest, from_at) select repository_id, 'v1', $1, now() - interval '1 day' from r)
         insert into artifact_span (repository_id, digest, role, from_at) select repository_id, $1, 'root', now() - interval '1 day' from r",
    )
    .bind(digest.as_bytes().as_slice())
    .execute(pool)
    .await
    .unwrap();
    digest
}

/// A draft of the other project's people, by its name.
async fn drafted(pool: &PgPool) -> String {
    let draft: uuid::Uuid = sqlx::query_scalar(
        "insert into request (request_id, state, account_id, harbor_id, project, snapshot_id, target_project, form, plan, plan_hash, planned_at, risk, votes_needed, rule, effects)
         select nextval('draft_key'), 'draft', account_id, harbor_id, project, snapshot_id, target_project, form, plan, plan_hash, planned_at, risk, votes_needed, rule, effects
           from request returning draft",
    )
    .fetch_one(pool)
    .await
    .unwrap();
    draft.to_string()
}

/// Two projects that the harbor lists.
async fn listed(pool: &PgPool, prod: i64) {
    for name in ["shop", "payments"] {
        sqlx::query("insert into harbor_project (harbor_id, project, foreign_id, repositories, proxy_cache, seen_at) values ($1, $2, 1, 1, false, now())")
            .bind(prod)
            .bind(name)
            .execute(pool)
            .await
            .unwrap();
    }
}

pub(super) async fn theirs(pool: &PgPool, state: &crate::state::AppState) -> Theirs {
    renumber(pool).await;
    let prod = harbor(pool, "prod").await;
    harbor(pool, "elsewhere").await;
    listed(pool, prod).await;
    let other = person(state, "pat", &[], "owner prod/payments").await;
    // `request` makes a project, a snapshot and a vault too; all of it is moved to the other project.
    let (request_id, _) = request(pool, &other, prod, 1, 1).await;
    let snapshot: i64 =
        sqlx::query_scalar("select snapshot_id from request where request_id = $1").bind(request_id).fetch_one(pool).await.unwrap();
    sqlx::query("update project set name = 'payments'").execute(pool).await.unwrap();
    sqlx::query("update request set project = 'payments', target_project = 'payments'").execute(pool).await.unwrap();
    let vault: i64 = sqlx::query_scalar("select vault_id from snapshot").fetch_one(pool).await.unwrap();
    let digest = tagged(pool).await;
    let plan: i64 = sqlx::query_scalar(
        "insert into plan (name, harbor_id, vault_id, include, exclude, cron, zone, rpo_s, created_by) values ('payments nightly', $1, $2, '{payments}', '{}', '0 2 * * *', 'UTC', 86400, 'ops') returning plan_id",
    )
    .bind(prod)
    .bind(vault)
    .fetch_one(pool)
    .await
    .unwrap();
    let job: i64 = sqlx::query_scalar(
        "insert into job (kind, title, payload, state, attempt_max, trigger, account_id, harbor_id, project) values ('backup', '\"back up payments\"', '{}', 'running', 1, 'pat', $1, $2, 'payments') returning job_id",
    )
    .bind(other.account_id)
    .bind(prod)
    .fetch_one(pool)
    .await
    .unwrap();
    let made = NewToken { name: "ci".to_owned(), scope: TokenScope::Read, days: 1, ..NewToken::default() };
    let token = crate::accounts::create_token(state, &other, &origin(), made).await.unwrap().token.id;
    let hold =
        sqlx::query_scalar("insert into hold (snapshot_id, reason, made_by) values ($1, 'the auditors asked', 'pat') returning hold_id")
            .bind(snapshot)
            .fetch_one(pool)
            .await
            .unwrap();
    let acceptance = sqlx::query_scalar(
        "insert into accepted_gap (project_id, print, kind, subject, cause, reason, until, accepted_by)
         select project_id, sha256('gap'), 'forbidden', 'payments/gateway:v1', 'x', 'nobody signs it', now() + interval '1 day', 'pat' from project
          where name = 'payments' returning accepted_gap_id",
    )
    .fetch_one(pool)
    .await
    .unwrap();
    let draft = drafted(pool).await;
    super::world::signed_in(state, &other).await;
    let session = sqlx::query_scalar("select max(session_id) from session").fetch_one(pool).await.unwrap();
    let audit = sqlx::query_scalar("select max(seq) from audit_record").fetch_one(pool).await.unwrap();
    Theirs {
        vault,
        plan,
        snapshot,
        request: request_id,
        job,
        account: other.account_id,
        token,
        audit,
        hold,
        acceptance,
        session,
        draft,
        digest,
    }
}

/// One call of the description.
pub(super) struct Call {
    pub(super) verb: String,
    pub(super) path: String,
    /// Names and whether they lie in the path.
    parameters: Vec<(String, bool)>,
    /// Fields of the body and their types.
    pub(super) fields: Vec<(String, Value)>,
}

pub(super) fn calls(description: &Value) -> Vec<Call> {
    let mut calls = Vec::new();
    for (path, item) in description["paths"].as_object().unwrap() {
        for (verb, call) in item.as_object().unwrap() {
            let parameters = call["parameters"].as_array().into_iter().flatten();
            let parameters = parameters.map(|p| (p["name"].as_str().unwrap().to_owned(), p["in"] == "path")).collect::<Vec<_>>();
            let in_path: Vec<(String, bool)> =
                path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}')).map(|name| (name.to_owned(), true)).collect();
            let parameters = in_path.into_iter().chain(parameters.into_iter().filter(|(_, in_path)| !in_path)).collect();
            let schema = call["requestBody"]["content"]["application/json"]["schema"]["$ref"].as_str();
            let schema = schema.map(|name| &description["components"]["schemas"][name.rsplit('/').next().unwrap()]);
            let fields = schema.and_then(|s| s["properties"].as_object()).into_iter().flatten();
            let fields = fields.map(|(name, of)| (name.clone(), of.clone())).collect();
            calls.push(Call { verb: verb.to_uppercase(), path: path.clone(), parameters, fields });
        }
    }
    calls
}

fn encoded(value: &Value) -> String {
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

/// The call about own things, but for one name.
fn built(call: &Call, token: &str, asked: &str, with: &Value) -> Request<Body> {
    let value = |name: &str| if name == asked { with.clone() } else { own(&call.path, name) };
    filled(call, ("authorization", &format!("Bearer {token}")), value)
}

/// The call with these values, made by whom a header says.
pub(super) fn filled(call: &Call, (header, who): (&str, &str), value: impl Fn(&str) -> Value) -> Request<Body> {
    let mut path = call.path.clone();
    let mut query = Vec::new();
    for (name, in_path) in &call.parameters {
        let value = value(name);
        match (in_path, value.is_null()) {
            (true, true) => path = path.replace(&format!("{{{name}}}"), "1"),
            (true, false) => path = path.replace(&format!("{{{name}}}"), &encoded(&value)),
            (false, false) => query.push(format!("{name}={}", encoded(&value))),
            (false, true) => {}
        }
    }
    let fields: serde_json::Map<String, Value> = call
        .fields
        .iter()
        .map(|(name, of)| {
            let plain = match of["type"].as_str() {
                Some("integer") => json!(1),
                Some("boolean") => json!(false),
                Some("array") => json!([]),
                _ if of["$ref"].is_string() || of["oneOf"].is_array() || of["type"].is_array() => Value::Null,
                _ => json!("ten letters"),
            };
            let own = value(name);
            (name.clone(), if own.is_null() { plain } else { own })
        })
        .filter(|(_, value)| !value.is_null())
        .collect();
    let address = if query.is_empty() { path } else { format!("{path}?{}", query.join("&")) };
    let request = Request::builder()
        .method(call.verb.as_str())
        .uri(address)
        .header(header, who)
        .header("sec-fetch-site", "same-origin")
        .header(header::CONTENT_TYPE, "application/json");
    request.body(if call.fields.is_empty() { Body::empty() } else { Body::from(Value::Object(fields).to_string()) }).unwrap()
}

pub(super) async fn answer(router: &axum::Router, request: Request<Body>) -> (StatusCode, String) {
    let response = router.clone().oneshot(request).await.unwrap();
    let status = response.status();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    let text = String::from_utf8_lossy(&body).into_owned();
    // A refusal carries the number of its request.
    let mut value: Value = serde_json::from_str(&text).unwrap_or(Value::String(text));
    if let Some(fields) = value.as_object_mut() {
        fields.remove("request_id");
    }
    (status, value.to_string())
}

/// S-4.
#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn what_is_not_the_callers_is_answered_like_what_does_not_exist(pool: PgPool) {
    let state = state(pool.clone());
    let theirs = theirs(&pool, &state).await;
    let router = web(&state);
    for role in ["viewer", "owner", "bound"] {
        // A token that is bound is its owner cut down: here the very person whose project the other is, and who may everything.
        let caller = match role {
            "bound" => super::world::everything(&state, "pat-of-all").await,
            role => person(&state, &format!("mia-{role}"), &[], &format!("{role} prod/shop")).await,
        };
        if role == "bound" {
            for table in ["request", "job"] {
                let sql = sqlx::AssertSqlSafe(format!("update {table} set account_id = $1"));
                sqlx::query(sql).bind(caller.account_id).execute(&pool).await.unwrap();
            }
        }
        let projects = if role == "bound" { "prod/shop".to_owned() } else { String::new() };
        let made = NewToken { name: "t".to_owned(), scope: TokenScope::Write, days: 1, projects, ..NewToken::default() };
        let token = crate::accounts::create_token(&state, &caller, &origin(), made).await.unwrap().secret;
        let described =
            Request::get("/api/v1/openapi.json").header("authorization", format!("Bearer {token}")).body(Body::empty()).unwrap();
        let (_, description) = answer(&router, described).await;
        let mut compared = 0;
        let mut told = Vec::new();
        for call in calls(&serde_json::from_str(&description).unwrap()) {
            let names = call.parameters.iter().map(|(name, _)| name).chain(call.fields.iter().map(|(name, _)| name));
            for name in names {
                let Some(pair) = theirs.pair(&call.path, name) else {
                    let free = PLAIN.contains(&name.as_str()) || matches!(name.as_str(), "name");
                    if !free {
                        told.push(format!("{} {}: say in this test what {name:?} names", call.verb, call.path));
                    }
                    continue;
                };
                compared += 1;
                let shown = |value: &Value, text: &str| {
                    let text = text.replace(value.to_string().trim_matches(['"', '[', ']']), "…");
                    text.replace("payments/gateway", "…").replace("payments/nothing", "…")
                };
                let foreign = answer(&router, built(&call, &token, name, &pair.foreign)).await;
                let absent = answer(&router, built(&call, &token, name, &pair.absent)).await;
                let place = format!("{role}: {} {} by {name}", call.verb, call.path);
                if foreign.0 != absent.0
                    || shown(&pair.foreign, &foreign.1) != shown(&pair.absent, &absent.1)
                    || foreign.0.is_server_error()
                {
                    told.push(format!("{place}: {} {}\n  and {} {}", foreign.0, foreign.1, absent.0, absent.1));
                }
            }
            // What is asked about own things tells nothing of others.
            let (status, text) = answer(&router, built(&call, &token, "", &Value::Null)).await;
            for word in ["payments", "gateway", "elsewhere"] {
                if text.contains(word) {
                    told.push(format!("{role}: {} {} ({status}) tells of {word}: {text}", call.verb, call.path));
                }
            }
        }
        assert!(told.is_empty(), "{}", told.join("\n"));
        assert!(compared > 60, "only {compared} names were compared");
    }
}
