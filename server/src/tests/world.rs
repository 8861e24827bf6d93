//! People, a harbor and a snapshot to test with.

use app::accounts::types::{Duty, NewUser};
use app::restores::words::Effects;
use serde_json::json;
use sqlx::PgPool;
use tower_sessions::session::{Id, Record};
use vocab::Digest;

use crate::access::{Caller, Origin};
use crate::accounts;
use crate::audit::Actor;
use crate::crypto::KeyRing;
use crate::session::store;
use crate::state::AppState;

/// A password that is not on everybody's list.
pub const PASSWORD: &str = "correct horse battery";

/// The state on a test's own database.
pub fn state(pool: PgPool) -> AppState {
    let ring = KeyRing::parse(&KeyRing::generate()).unwrap();
    AppState::new(pool, ring, vec!["127.0.0.0/8".parse().unwrap()], "http://127.0.0.1:8300".parse().unwrap())
}

/// Where test requests come from.
pub fn origin() -> Origin {
    Origin { ip: Some("192.0.2.1".parse().unwrap()), request_id: "test".to_owned(), interface: "ui" }
}

/// A harbor without anything behind it.
pub async fn harbor(pool: &PgPool, name: &str) -> i64 {
    sqlx::query_scalar(
        "insert into harbor (name, url, read_login, read_secret, secret_set_by) values ($1, 'https://harbor.example', 'robot', '', 'test') returning harbor_id",
    )
    .bind(name)
    .fetch_one(pool)
    .await
    .unwrap()
}

/// An account as a caller with a session.
pub async fn person(state: &AppState, login: &str, duties: &[Duty], grants: &str) -> Caller {
    let form = NewUser {
        login: login.to_owned(),
        display_name: login.to_owned(),
        password: PASSWORD.to_owned(),
        duties: duties.to_vec(),
        grants: grants.to_owned(),
    };
    let user = accounts::admin_create(state, &Actor::command_line(), form).await.unwrap();
    let caller = accounts::caller_of_account(&state.pool, user.id, 1).await.unwrap().unwrap();
    Caller { fresh: true, ..caller }
}

/// Somebody with every duty and every role, which nobody can have: for tests of what is refused whatever one may.
pub async fn everything(state: &AppState, login: &str) -> Caller {
    let caller = person(state, login, &[], "").await;
    for sql in [
        "insert into account_duty (account_id, duty) select $1, d from unnest(array['operator', 'secadmin', 'auditor']) d",
        "insert into role_grant (account_id, role, granted_by) select $1, r, 'test' from unnest(array['viewer', 'requester', 'approver', 'owner']) r",
    ] {
        sqlx::query(sql).bind(caller.account_id).execute(&state.pool).await.unwrap();
    }
    again(state, &caller).await.unwrap()
}

/// A session of an account that has just signed in, as the cookie of its browser.
pub async fn signed_in(state: &AppState, caller: &Caller) -> String {
    use tower_sessions::SessionStore as _;
    let now = time::OffsetDateTime::now_utc();
    let version: i64 = sqlx::query_scalar("select version from account where account_id = $1")
        .bind(caller.account_id)
        .fetch_one(&state.pool)
        .await
        .unwrap();
    let data = [
        (store::ACCOUNT, caller.account_id),
        (store::VERSION, version),
        (store::PROVED, if caller.fresh { now.unix_timestamp() } else { 0 }),
    ];
    let data = data.into_iter().map(|(name, value)| (name.to_owned(), value.into())).collect();
    let mut record = Record { id: Id::default(), data, expiry_date: now + time::Duration::hours(1) };
    store::PgStore::new(state.pool.clone()).create(&mut record).await.unwrap();
    format!("breakwater={}", record.id)
}

/// The caller as the account is now.
pub async fn again(state: &AppState, caller: &Caller) -> Option<Caller> {
    let version: i64 = sqlx::query_scalar("select version from account where account_id = $1")
        .bind(caller.account_id)
        .fetch_one(&state.pool)
        .await
        .unwrap();
    let now = accounts::caller_of_account(&state.pool, caller.account_id, version).await.unwrap();
    now.map(|now| Caller { fresh: caller.fresh, ..now })
}

/// An effect plan that creates one tag, as stored.
pub fn plan(risk_move: bool) -> (serde_json::Value, Digest) {
    let digest = Digest::of(b"image");
    let effect = if risk_move { json!({ "kind": "move", "keep_as": null }) } else { json!({ "kind": "create" }) };
    let now = if risk_move { json!(Digest::of(b"other")) } else { json!(null) };
    let value = json!({
        "version": engine::effect::EFFECT_VERSION, "harbor": "prod", "target_project": "shop", "creates_project": false, "project_public": false,
        "whole_project": false,
        "policy": { "on_conflict": "leave", "accessories": true, "keep_suffix": "k", "rename_suffix": "r" },
        "items": [{ "source_repository": "shop/web", "source_tag": "1.4", "repository": "shop/web", "tag": "1.4", "now": now, "then": digest,
                    "media_type": "application/vnd.oci.image.manifest.v1+json", "effect": effect, "immutable": false }],
        "source": { "harbor": "prod", "snapshot": digest, "project": "shop", "moment": "2026-11-23T09:30:00Z" },
        "estimate": { "bytes_to_send": 0, "bytes_present": 0, "blobs_unknown": 0, "bytes_unknown": 0, "manifests_to_put": 1 },
        "warnings": []
    });
    let plan: engine::effect::EffectPlan = serde_json::from_value(value.clone()).unwrap();
    let hash = plan.hash();
    (value, hash)
}

/// What that plan does.
pub fn effects() -> Effects {
    let then = Some(Digest::of(b"image").to_string());
    Effects { project: "shop".to_owned(), tags_created: 1, only: Some("shop/web:1.4".to_owned()), only_then: then, ..Effects::default() }
}

/// A request that waits for votes.
pub async fn request(pool: &PgPool, author: &Caller, harbor_id: i64, risk: i32, votes_needed: i32) -> (i64, Digest) {
    let vault_id: i64 = sqlx::query_scalar("insert into vault (name, path, vault_uuid) values ('v', '/v', gen_random_uuid()) on conflict (name) do update set path = excluded.path returning vault_id").fetch_one(pool).await.unwrap();
    let project_id: i64 = crate::projects::catalogue::project_id(&mut pool.acquire().await.unwrap(), harbor_id, "shop").await.unwrap();
    let snapshot_id: i64 = sqlx::query_scalar(
        "insert into snapshot (project_id, vault_id, pointer_id, digest, moment, started_at, finished_at, gaps, gap_count, repositories, tags, artifacts, logical_bytes, bytes_new, tags_added, tags_removed, tags_moved)
         values ($1, $2, gen_random_uuid(), sha256('s'), clock_timestamp(), now(), now(), '[]', 0, 1, 1, 1, 1, 1, 1, 0, 0) returning snapshot_id",
    )
    .bind(project_id)
    .bind(vault_id)
    .fetch_one(pool)
    .await
    .unwrap();
    let (plan, hash) = plan(false);
    let form = json!({ "harbor": "prod", "project": "shop", "at": "2026-11-23T09:30:00Z" });
    let id = sqlx::query_scalar(
        "insert into request (state, account_id, harbor_id, project, snapshot_id, target_project, form, plan, plan_hash, planned_at, risk, votes_needed, rule, submitted_at, decide_before, effects)
         values ('waiting', $1, $2, 'shop', $3, 'shop', $4, $5, $6, now(), $7, $8, '\"rule\"', now(), now() + interval '1 hour', $9) returning request_id",
    )
    .bind(author.account_id)
    .bind(harbor_id)
    .bind(snapshot_id)
    .bind(form)
    .bind(plan)
    .bind(hash.as_bytes().as_slice())
    .bind(risk)
    .bind(votes_needed)
    .bind(serde_json::to_value(effects()).unwrap())
    .fetch_one(pool)
    .await
    .unwrap();
    (id, hash)
}

/// How many audit records have an action.
pub async fn recorded(pool: &PgPool, action: &str) -> i64 {
    sqlx::query_scalar("select count(*) from audit_record where action = $1").bind(action).fetch_one(pool).await.unwrap()
}

/// Snapshots that were entered as those of runs stand for their plans, each at its moment.
pub async fn confirmed_by_runs(pool: &PgPool) {
    sqlx::query(
        "insert into confirmation (plan_id, project_id, snapshot_id, from_at, seen_at, to_at)
         select r.plan_id, s.project_id, s.snapshot_id, s.moment, s.moment, s.moment from snapshot_ever s join run r using (run_id)
          where not exists (select from confirmation c where c.snapshot_id = s.snapshot_id)",
    )
    .execute(pool)
    .await
    .unwrap();
}
