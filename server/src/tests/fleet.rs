//! A house with much of everything, and what a browser asks of it: to see what pages cost and show as it grows, and to each kind of person.

use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use http_body_util::BodyExt as _;
use sqlx::PgPool;
use tower::ServiceExt as _;
use tower_sessions::SessionStore as _;
use tower_sessions::session::{Id, Record};

use app::accounts::types::{Duty, NewToken, TokenScope};
use app::restores::words::Effects;

use super::capture::Estate;
use super::web::web;
use super::world::{effects, origin, person, plan};
use crate::access::Caller;
use crate::session::store::PgStore;
use crate::state::AppState;

/// Kinds of people: login, duties, roles.
pub const PEOPLE: [(&str, &[Duty], &str); 8] = [
    ("olga", &[Duty::Operator], ""),
    ("sam", &[Duty::Secadmin], ""),
    ("aud", &[Duty::Auditor], ""),
    ("own", &[], "owner sim/shop"),
    ("app", &[], "approver sim/shop"),
    ("req", &[], "requester sim/shop"),
    ("vic", &[], "viewer sim/shop"),
    ("nob", &[], ""),
];

/// States a request can be looked at in.
const STATES: [&str; 11] =
    ["waiting", "reapproval", "queued", "running", "done", "issues", "failed", "cancelled", "denied", "expired", "withdrawn"];

/// The house.
pub struct Fleet {
    /// A Harbor with two projects, captured once.
    pub estate: Estate,
    /// Of the program; the house has one of its own.
    pub state: AppState,
    /// The program.
    pub router: axum::Router,
    people: Vec<Caller>,
}

impl Fleet {
    /// With the people, one request in each state, and one of everything else.
    pub async fn new(pool: PgPool) -> Self {
        Self::watched(pool.clone(), pool).await
    }

    /// The same, whose program has a pool of its own.
    pub async fn watched(pool: PgPool, of_program: PgPool) -> Self {
        let estate = Estate::new(pool, &["shop", "payments"]).await;
        estate.run().await;
        let allow = vec!["127.0.0.0/8".parse().unwrap()];
        let state = AppState::new(of_program, estate.state.keys.clone(), allow, estate.state.public_url.clone());
        let mut people = Vec::new();
        for (login, duties, grants) in PEOPLE {
            people.push(person(&state, login, duties, grants).await);
        }
        let asks = person(&state, "dev", &[], "requester sim/*").await;
        let fleet = Self { router: web(&state), state, estate, people };
        for name in STATES {
            fleet.request(asks.account_id, name).await;
        }
        let own = fleet.person("own").account_id;
        fleet.request(own, "waiting").await;
        fleet.request(own, "running").await;
        fleet.request(fleet.person("req").account_id, "denied").await;
        fleet.grow(1).await;
        for caller in &fleet.people {
            let new = NewToken { name: "script".to_owned(), scope: TokenScope::Read, days: 1, ..NewToken::default() };
            crate::accounts::create_token(&fleet.state, caller, &origin(), new).await.unwrap();
        }
        for sql in [
            "update vault set read_only_since = now(), drift = '{\"unknown\": 1, \"lost\": 0, \"returned\": 0}' where path like '/nonexistent/%'",
            "update plan set paused_at = now(), paused_until = now() + interval '1 day', paused_by = 'olga', paused_reason = 'for a while' where name like 'plan %'",
            "with p as (insert into plan (name, harbor_id, vault_id, include, exclude, cron, zone, rpo_s, created_by, deleted_at)
                        select 'before', harbor_id, (select min(vault_id) from vault), '{*}', '{}', '0 2 * * *', 'UTC', 86400, 'olga', now()
                          from harbor where name = 'sim' returning plan_id),
                  j as (insert into job (kind, title, payload, state, attempt_max, trigger) values ('backup', '\"x\"', '{}', 'done', 1, 'olga') returning job_id),
                  r as (insert into run (plan_id, job_id, trigger, state) select plan_id, job_id, 'user', 'good' from p, j returning run_id)
             update snapshot_ever s set run_id = r.run_id from r, project where project.project_id = s.project_id and project.name = 'payments'",
            "update confirmation c set plan_id = r.plan_id from snapshot_ever s join run r using (run_id) where s.snapshot_id = c.snapshot_id",
            "insert into snapshot_ever (project_id, vault_id, pointer_id, digest, moment, started_at, finished_at, gaps, gap_count, repositories, tags,
                                        artifacts, logical_bytes, bytes_new, tags_added, tags_removed, tags_moved, imported)
             select project_id, vault_id, gen_random_uuid(), sha256('files'), moment - interval '3 days', started_at, finished_at, '[]', 0, 1, 1,
                    1, 1, 0, 0, 0, 0, true from snapshot_ever order by snapshot_id limit 1",
            "insert into job (kind, title, payload, state, attempt_max, trigger, account_id, harbor_id, finished_at)
             select 'inventory', '\"list\"', '{}', 'dead', 1, 'olga', min(account_id), (select min(harbor_id) from harbor), now() from account",
        ] {
            sqlx::query(sql).execute(&fleet.estate.pool).await.unwrap_or_else(|e| panic!("{sql}: {e}"));
        }
        fleet
    }

    /// One of the people.
    pub fn person(&self, login: &str) -> &Caller {
        self.people.iter().find(|p| p.login == login).unwrap()
    }

    async fn request(&self, account_id: i64, name: &str) {
        let (plan, hash) = plan(true);
        let form = serde_json::json!({ "harbor": "sim", "project": "shop", "at": "2026-11-23T09:30:00Z", "items": "shop/web:1" });
        sqlx::query(
            "with j as (insert into job (kind, title, payload, state, attempt_max, trigger, account_id, harbor_id, project, link)
                         select 'restore', '\"restore\"', '{}', 'done', 1, 'dev', $1, $2, 'shop', '/restores' returning job_id),
                  q as (insert into request (state, account_id, harbor_id, project, snapshot_id, target_project, form, plan, plan_hash, planned_at, risk, votes_needed,
                                             rule, reason, category, submitted_at, decide_before, started_at, finished_at, effects, job_id)
                         select $3, $1, $2, 'shop', (select min(snapshot_id) from snapshot join project using (project_id) where name = 'shop'), 'shop', $4, $5, $6, now(),
                                3, 1, '\"rule\"', 'it was pushed over', 'bad_push', now(), now() + interval '1 day',
                                case when $3 in ('running', 'done', 'issues', 'failed') then now() end,
                                case when $3 not in ('waiting', 'reapproval', 'queued', 'running') then now() end, $7, (select job_id from j)
                         returning request_id)
             select from q",
        )
        .bind(account_id)
        .bind(self.estate.harbor_id)
        .bind(name)
        .bind(form)
        .bind(plan)
        .bind(hash.as_bytes().as_slice())
        .bind(serde_json::to_value(Effects { tags_created: 0, tags_moved: 1, ..effects() }).unwrap())
        .execute(&self.estate.pool)
        .await
        .unwrap();
    }

    /// So many more of everything that is listed anywhere.
    pub async fn grow(&self, by: i32) {
        for sql in [
            "insert into harbor (name, url, plain_http, read_login, read_secret, secret_set_by)
             select 'h' || n, 'http://127.0.0.1:1', true, 'robot', '', 'test' from generate_series(1, $1) n on conflict do nothing",
            "insert into harbor_project (harbor_id, project, foreign_id, repositories, proxy_cache, seen_at)
             select harbor_id, 'p' || n, n, 1, false, now() from harbor, generate_series(1, $1) n on conflict do nothing",
            "insert into vault (name, path, vault_uuid, look, looked_at)
             select 'v' || n, '/nonexistent/' || n, gen_random_uuid(),
                    '{\"state\": \"healthy\", \"detail\": \"open\", \"free_bytes\": 1, \"reserve_bytes\": 0, \"days_left\": null}', now()
               from generate_series(1, $1) n on conflict do nothing",
            "insert into vault_bucket (vault_id, endpoint, plain_http, region, bucket, prefix, path_style, access_key, secret, secret_set_at, secret_set_by, checks, lock_mode, lock_days)
             select vault_id, 'http://127.0.0.1:1', true, 'r', 'b', name, true, 'k', '', now(), 'test',
                    '{\"checks\": [], \"at\": \"2026-11-23T09:30:00Z\", \"backup_ok\": true, \"restore_ok\": true}', 'governance', 7
               from vault where path like '/nonexistent/%' and $1 > 0 on conflict do nothing",
            "insert into plan (name, harbor_id, vault_id, include, exclude, cron, zone, rpo_s, created_by)
             select 'plan ' || h.name || n, h.harbor_id, (select min(vault_id) from vault), '{p*}', '{}', '0 2 * * *', 'UTC', 86400, 'olga'
               from harbor h, generate_series(1, $1) n where h.name <> 'sim' or n = 1 on conflict do nothing",
            "insert into plan_copy (plan_id, vault_id) select plan_id, (select max(vault_id) from vault) from plan where $1 > 0 on conflict do nothing",
            "insert into job (kind, title, payload, state, attempt_max, trigger, account_id, harbor_id, project)
             select 'backup', '\"back up\"', '{}', 'running', 1, 'olga', (select min(account_id) from account), harbor_id, 'shop' from harbor, generate_series(1, $1)",
            "insert into account (login, display_name, password_hash) select 'a' || n, 'a' || n, 'x' from generate_series(1, $1) n on conflict do nothing",
            "insert into role_grant (account_id, role, harbor_id, project, granted_by)
             select a.account_id, 'approver', h.harbor_id, 'shop', 'sam' from account a, harbor h where a.login ~ '^a[0-9]+$' and h.name = 'sim' and $1 > 0
                and not exists (select from role_grant g where g.account_id = a.account_id)",
            "insert into hold (snapshot_id, reason, made_by)
             select s.snapshot_id, 'the auditors asked', 'req' from snapshot s join project p using (project_id), generate_series(1, $1) where p.name = 'shop'",
            "insert into finding (vault_id, kind, object, detail, remedy, found_at)
             select vault_id, 'missing', sha256(('o' || n)::bytea), '\"gone\"', '\"verify\"', now() from vault, generate_series(1, $1) n on conflict do nothing",
        ] {
            sqlx::query(sqlx::AssertSqlSafe(sql.to_owned())).bind(by).execute(&self.estate.pool).await.unwrap_or_else(|e| panic!("{sql}: {e}"));
        }
        // Secrets that open: an empty one is damage, and everything that asks for it says so.
        let unsealed: Vec<i64> =
            sqlx::query_scalar("select vault_id from vault_bucket where secret = ''").fetch_all(&self.estate.pool).await.unwrap();
        for vault in unsealed {
            let sealed = self.state.keys.seal(crate::vaults::bucket::secret_place(vault), &"a secret of nobody".to_owned().into());
            sqlx::query("update vault_bucket set secret = $2 where vault_id = $1")
                .bind(vault)
                .bind(sealed)
                .execute(&self.estate.pool)
                .await
                .unwrap();
        }
        let dev: i64 = sqlx::query_scalar("select account_id from account where login = 'dev'").fetch_one(&self.estate.pool).await.unwrap();
        for _ in 1..by {
            self.request(dev, "waiting").await;
        }
    }

    /// The cookie of a new session, with the password entered just now.
    pub async fn session(&self, login: &str) -> String {
        let caller = self.person(login);
        let now = time::OffsetDateTime::now_utc();
        let mut record = Record { id: Id::default(), data: Default::default(), expiry_date: now + time::Duration::hours(1) };
        record.data.insert("account_id".to_owned(), caller.account_id.into());
        record.data.insert("account_version".to_owned(), 1.into());
        record.data.insert("proved_at".to_owned(), now.unix_timestamp().into());
        PgStore::new(self.estate.pool.clone()).create(&mut record).await.unwrap();
        format!("breakwater={}", record.id)
    }

    /// A page as a browser without its own part gets it.
    pub async fn page(&self, cookie: &str, address: &str) -> (StatusCode, String) {
        let request = Request::get(address)
            .header(header::ACCEPT, "text/html")
            .header(header::COOKIE, cookie)
            .body(Body::empty())
            .unwrap_or_else(|e| panic!("{address}: {e}"));
        self.send(request).await
    }

    /// The answer to a request, whole.
    pub async fn send(&self, request: Request<Body>) -> (StatusCode, String) {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let status = response.status();
        let bytes = response.into_body().collect().await.unwrap().to_bytes();
        (status, String::from_utf8_lossy(&bytes).into_owned())
    }
}
