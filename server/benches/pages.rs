//! The pages of the console under load: a generated house, the program's own router behind a socket, and as many browsers as there are connections.
//!
//! Twice: with twenty projects, and with five thousand, a hundred thousand tags and ten thousand requests, where half of the rate is enough. It makes
//! databases of its own on the Postgres that `DATABASE_URL` names, and drops them. With `STRICT=1` it ends with 1 when an aim is missed.

mod database;
mod generated;

use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use app::accounts::types::NewUser;
use server::audit::Actor;
use server::crypto::KeyRing;
use server::http::assets::Assets;
use server::http::port::Live;
use server::http::serve::listen;
use server::http::{Web, router};
use server::session::store::{ACCOUNT, PROVED, PgStore, VERSION};
use server::state::AppState;
use sqlx::{AssertSqlSafe, PgPool};
use time::OffsetDateTime;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tower_sessions::SessionStore as _;
use tower_sessions::session::{Id, Record};

use self::database::{Failure, with_database};
use self::generated::Size;

/// Browsers at a time.
const CONNECTIONS: usize = 8;
/// How long each page is asked for, after a tenth of it that does not count.
const EACH: Duration = Duration::from_secs(5);
/// Longest time of the slowest in a hundred.
const P99_MAX: Duration = Duration::from_millis(100);
/// Events of the audit history.
const EVENTS: i64 = 10_000;

/// A page, and how many a second there are to be with twenty projects.
const PAGES: [(&str, &str, u32); 11] = [
    ("home", "/", 300),
    ("projects", "/projects", 300),
    ("the timeline of a project", "/projects/bench/p7", 150),
    ("a moment of a project", "/projects/bench/p7/browse", 150),
    ("the history of a tag", "/tags?h=bench&p=p7&repo=p7/r1&tag=v3", 150),
    ("restores", "/restores", 300),
    ("a request", "/restores/7", 300),
    ("approvals", "/approvals", 300),
    ("jobs", "/jobs", 300),
    ("audit", "/audit", 150),
    ("GET /api/v1/projects", "/api/v1/projects", 300),
];

struct House {
    size: Size,
    requests: i64,
    /// Of the rates that are enough with twenty projects.
    share: f64,
}

fn main() -> Result<ExitCode, Failure> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(run())
}

async fn run() -> Result<ExitCode, Failure> {
    let snapshots = 72;
    let from = OffsetDateTime::now_utc() - time::Duration::minutes(20 * snapshots);
    let size = |projects| Size { projects, repositories: 2, tags_each: 10, from, snapshots, moves: 1 };
    let small = House { size: size(20), requests: 40, share: 1.0 };
    let large = House { size: size(5_000), requests: 10_000, share: 0.5 };
    let mut met = true;
    for house in [small, large] {
        met &= with_database(async |pool| measure(&pool, &house).await).await?;
    }
    let strict = std::env::var("STRICT").is_ok_and(|text| text == "1");
    Ok(if strict && !met { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

async fn measure(pool: &PgPool, house: &House) -> Result<bool, Failure> {
    server::MIGRATOR.run(pool).await?;
    let started = Instant::now();
    generated::catalogue(pool, &house.size).await?;
    let state = AppState::new(pool.clone(), KeyRing::parse(&KeyRing::generate())?, Vec::new(), "http://127.0.0.1".parse()?);
    let cookie = person(&state).await?;
    furnish(pool, house.requests).await?;
    let Size { projects, repositories, tags_each, .. } = house.size;
    let written = started.elapsed().as_secs_f64();
    println!("· {projects} projects, {} tags, {} requests, written in {written:.0} s", projects * repositories * tags_each, house.requests);
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let at = listener.local_addr()?;
    let backend = Arc::new(Live { state: state.clone() });
    let router = router(Web { state, backend, assets: Assets::none(), trusted_proxies: Arc::from([]) });
    let stop = CancellationToken::new();
    let serving = tokio::spawn(listen(listener, router, Arc::from([]), stop.clone()));
    let mut met = true;
    for (what, path, enough) in PAGES {
        met &= page(at, &cookie, what, path, f64::from(enough) * house.share).await?;
    }
    stop.cancel();
    serving.await?;
    Ok(met)
}

/// Somebody who sees everything and may ask for it; answers the cookie.
async fn person(state: &AppState) -> Result<String, Failure> {
    let form = NewUser {
        login: "bench".to_owned(),
        display_name: "Bench".to_owned(),
        password: "a long one for nobody to guess".to_owned(),
        ..NewUser::default()
    };
    let account = server::accounts::admin_create(state, &Actor::command_line(), form).await?;
    for sql in [
        "insert into account_duty (account_id, duty) select $1, d from unnest(array['operator', 'auditor']) d",
        "insert into role_grant (account_id, role, granted_by) select $1, r, 'bench' from unnest(array['viewer', 'requester', 'owner']) r",
    ] {
        sqlx::query(sql).bind(account.id).execute(&state.pool).await?;
    }
    let version: i64 =
        sqlx::query_scalar("select version from account where account_id = $1").bind(account.id).fetch_one(&state.pool).await?;
    let now = OffsetDateTime::now_utc();
    let data = [(ACCOUNT, account.id), (VERSION, version), (PROVED, now.unix_timestamp())];
    let data = data.into_iter().map(|(name, value)| (name.to_owned(), value.into())).collect();
    let mut record = Record { id: Id::default(), data, expiry_date: now + time::Duration::hours(1) };
    PgStore::new(state.pool.clone()).create(&mut record).await?;
    Ok(format!("breakwater={}", record.id))
}

/// A plan with its runs and jobs, requests with effect plans of fifty lines, and events.
async fn furnish(pool: &PgPool, requests: i64) -> Result<(), Failure> {
    let plan = serde_json::json!({
        "version": engine::effect::EFFECT_VERSION, "harbor": "bench", "target_project": "p7", "creates_project": false, "project_public": false,
        "whole_project": false,
        "policy": { "on_conflict": "leave", "accessories": true, "keep_suffix": "k", "rename_suffix": "r" },
        "items": (0..50).map(|n| serde_json::json!({
            "source_repository": "p7/r1", "source_tag": format!("v{n}"), "repository": "p7/r1", "tag": format!("v{n}"), "now": null,
            "then": vocab::Digest::of(format!("image {n}").as_bytes()), "media_type": "application/vnd.oci.image.manifest.v1+json",
            "effect": { "kind": "create" }, "immutable": false })).collect::<Vec<_>>(),
        "source": { "harbor": "bench", "snapshot": vocab::Digest::of(b"snapshot"), "project": "p7", "moment": "2026-11-23T09:30:00Z" },
        "estimate": { "bytes_to_send": 0, "bytes_present": 0, "blobs_unknown": 0, "bytes_unknown": 0, "manifests_to_put": 50 },
        "warnings": []
    });
    let parsed: engine::effect::EffectPlan = serde_json::from_value(plan.clone())?;
    let form = serde_json::json!({ "harbor": "bench", "project": "p7", "at": "2026-11-23T09:30:00Z", "items": "p7/r1:v1" });
    let effects = app::restores::words::Effects { project: "p7".to_owned(), tags_created: 50, ..Default::default() };
    let mut conn = pool.acquire().await?;
    for sql in [
        "insert into plan (name, harbor_id, vault_id, include, exclude, cron, zone, rpo_s, created_by)
         select 'all of it', harbor_id, vault_id, '{*}', '{}', '*/20 * * * *', 'UTC', 3600, 'bench' from harbor, vault",
        "create temporary table made as
         select row_number() over (order by moment) as n, moment from (select distinct moment from snapshot_ever) s",
        "insert into job (kind, title, payload, state, attempt_max, trigger, harbor_id, created_at, started_at, finished_at)
         select 'backup', '{\"code\": \"backup\", \"plan\": \"all of it\", \"harbor\": \"bench\"}', '{}', 'done', 1, 'schedule', harbor_id, moment, moment, moment
           from made, harbor order by n",
        "insert into run (plan_id, job_id, trigger, state, started_at, finished_at, projects, projects_done)
         select plan_id, job_id, 'schedule', 'good', j.started_at, j.finished_at, (select count(*) from project), (select count(*) from project) from plan, job j",
        "update snapshot_ever s set run_id = r.run_id from run r where r.started_at = s.moment",
        "insert into confirmation (plan_id, project_id, snapshot_id, from_at, seen_at, to_at)
         select plan_id, project_id, snapshot_id, moment, moment, case when moment < max(moment) over (partition by project_id) then moment end
           from snapshot_ever, plan",
        "drop table made",
    ] {
        sqlx::query(sql).execute(&mut *conn).await.map_err(|e| format!("{sql}: {e}"))?;
    }
    drop(conn);
    sqlx::query(
        "insert into request (state, account_id, harbor_id, project, snapshot_id, target_project, form, plan, plan_hash, planned_at, risk, votes_needed,
                              rule, reason, category, submitted_at, decide_before, started_at, finished_at, effects)
         select case when n % 10 = 7 then 'waiting' else 'done' end, (select min(account_id) from account), harbor_id, 'p7',
                (select min(snapshot_id) from snapshot), 'p7', $2, $3, $4, now(), 2, 1, '\"one vote\"', 'it was pushed over', 'bad_push',
                now() - n * interval '1 minute', now() + interval '1 day', case when n % 10 <> 7 then now() end, case when n % 10 <> 7 then now() end, $5
           from harbor, generate_series(1, $1) n",
    )
    .bind(requests)
    .bind(form)
    .bind(plan)
    .bind(parsed.hash().as_bytes().as_slice())
    .bind(serde_json::to_value(effects)?)
    .execute(pool)
    .await?;
    for n in 0..EVENTS / 1_000 {
        let mut tx = pool.begin().await?;
        for m in 0..1_000 {
            let what = app::audit::events::ProjectEvent::Captured { project: "bench/p7".to_owned(), tags: 20, gaps: 0 };
            let event = server::audit::Event::new("snapshot.create", "snapshot", (n * 1_000 + m).to_string(), what);
            server::audit::record(&mut tx, &Actor::command_line(), event.project("bench", "p7")).await?;
        }
        tx.commit().await?;
    }
    // As autovacuum would have by now.
    sqlx::raw_sql(AssertSqlSafe("vacuum analyze".to_owned())).execute(pool).await?;
    Ok(())
}

/// Asks for one page as fast as it comes; answers whether that is fast enough.
async fn page(at: SocketAddr, cookie: &str, what: &str, path: &str, enough: f64) -> Result<bool, Failure> {
    let until = Instant::now() + EACH + EACH / 10;
    let counted_from = Instant::now() + EACH / 10;
    let browsers: Vec<_> = (0..CONNECTIONS)
        .map(|_| {
            let (url, cookie) = (format!("http://{at}{path}"), cookie.to_owned());
            tokio::spawn(async move {
                let client = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build()?;
                let (mut times, mut bytes) = (Vec::new(), 0);
                while Instant::now() < until {
                    let asked = Instant::now();
                    let accept = if url.contains("/api/") { "application/json" } else { "text/html" };
                    let answer = client.get(&url).header("accept", accept).header("cookie", &cookie).send().await?;
                    let status = answer.status();
                    bytes = answer.bytes().await?.len();
                    if status != 200 {
                        return Err(format!("{url}: {status}").into());
                    }
                    if asked >= counted_from {
                        times.push(asked.elapsed());
                    }
                }
                Ok::<_, Failure>((times, bytes))
            })
        })
        .collect();
    let (mut times, mut bytes) = (Vec::new(), 0);
    for browser in browsers {
        let (its, size) = browser.await??;
        times.extend(its);
        bytes = size;
    }
    times.sort_unstable();
    let of = |percent: usize| times.get((times.len() * percent / 100).min(times.len().saturating_sub(1))).copied().unwrap_or_default();
    let rate = times.len() as f64 / EACH.as_secs_f64();
    let met = rate >= enough && of(99) <= P99_MAX;
    let verdict = if met { "met   " } else { "MISSED" };
    let millis = |time: Duration| time.as_secs_f64() * 1_000.0;
    println!(
        "{verdict} {what}: {rate:.0} a second, at least {enough:.0}; p50 {:.1} ms, p99 {:.1} ms, at most {:.0}; {} kB",
        millis(of(50)),
        millis(of(99)),
        millis(P99_MAX),
        bytes / 1_000
    );
    Ok(met)
}
