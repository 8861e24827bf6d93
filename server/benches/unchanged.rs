//! A run of a plan that finds nothing changed: what it costs beside what the Harbor takes to answer, and what it leaves.
//!
//! `PROJECTS` projects, each with an image, on the simulator in this process, so that its answers count too. With `STRICT=1` it ends with 1 when an
//! aim is missed. It makes a database of its own on the Postgres that `DATABASE_URL` names, and drops it.

mod database;

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use app::jobs::sentences::Title;
use harbor_sim::{Config, Running, images};
use secrecy::SecretString;
use server::crypto::{KeyRing, Place};
use server::jobs::{JobContext, NewJob, Work, enqueue, queries as jobs};
use server::plans;
use server::state::AppState;
use sqlx::PgPool;
use vault::Vault;

use self::database::{Failure, with_database};

/// Longest a run over ten thousand unchanged projects takes; for fewer in proportion.
const RUN_MAX: Duration = Duration::from_secs(2);
const PROJECTS: usize = 10_000;
/// Longer ago than changes are looked at twice.
const LONG: Duration = Duration::from_secs(3_600);
/// Projects on a page of Harbor's listing.
const PAGE: usize = 100;
/// Requests of a look beside the pages of the listing.
const REQUESTS: i64 = 5;

fn main() -> Result<ExitCode, Failure> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(run())
}

async fn run() -> Result<ExitCode, Failure> {
    let projects = std::env::var("PROJECTS").ok().map_or(Ok(PROJECTS), |text| text.parse())?;
    let met = with_database(async |pool| measure(&pool, projects).await).await?;
    let strict = std::env::var("STRICT").is_ok_and(|text| text == "1");
    Ok(if strict && !met { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// What there is after a run: snapshots, confirmations, audit records.
type Rows = (i64, i64, i64);

async fn measure(pool: &PgPool, projects: usize) -> Result<bool, Failure> {
    server::MIGRATOR.run(pool).await?;
    let sim = harbor_sim::start(Config::default()).await?;
    let image = images::simple("bench", &[100]);
    for n in 0..projects {
        let name = format!("p{n:05}");
        sim.create_project(&name, false)?;
        sim.push_image(&format!("{name}/web"), "1", &image).await?;
    }
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("vault");
    let vault = Vault::init(&path).await?;
    let state =
        AppState::new(pool.clone(), KeyRing::parse(&KeyRing::generate())?, vec!["127.0.0.0/8".parse()?], "http://127.0.0.1".parse()?);
    let plan_id = furnish(&state, &sim, (&vault, &path)).await?;
    let started = Instant::now();
    one_run(&state, plan_id).await?;
    println!("· {projects} projects backed up for the first time in {:.0} s", started.elapsed().as_secs_f64());
    sqlx::query("vacuum analyze").execute(pool).await?;
    let mut met = true;
    for nth in 1..=3 {
        sim.age_repositories(LONG);
        sqlx::query("update harbor set sight = null").execute(pool).await?;
        let before = rows(pool).await?;
        let started = Instant::now();
        let run_id = one_run(&state, plan_id).await?;
        let took = started.elapsed();
        let after = rows(pool).await?;
        let (unchanged, requests): (i64, i64) =
            sqlx::query_as("select projects_unchanged, requests from run where run_id = $1").bind(run_id).fetch_one(pool).await?;
        let most = RUN_MAX.mul_f64(projects as f64 / PROJECTS as f64);
        let pages = i64::try_from(projects.div_ceil(PAGE))?;
        let is_met = took <= most
            && requests <= REQUESTS + pages
            && usize::try_from(unchanged)? == projects
            && before.0 == after.0
            && before.1 == after.1;
        let verdict = if is_met { "met   " } else { "MISSED" };
        println!(
            "{verdict} run {nth} over {unchanged} unchanged projects: {:.2} s, at most {:.2}; {requests} requests, {pages} of them pages of the listing; {} new snapshots, {} new spans, {} events",
            took.as_secs_f64(),
            most.as_secs_f64(),
            after.0 - before.0,
            after.1 - before.1,
            after.2 - before.2
        );
        met &= is_met;
    }
    Ok(met)
}

async fn rows(pool: &PgPool) -> Result<Rows, Failure> {
    let sql = "select (select count(*) from snapshot_ever), (select count(*) from confirmation), (select count(*) from audit_record)";
    Ok(sqlx::query_as(sql).fetch_one(pool).await?)
}

/// The Harbor, the vault and a plan over everything; answers the plan's number.
async fn furnish(state: &AppState, sim: &Running, (vault, path): (&Vault, &Path)) -> Result<i64, Failure> {
    let (user, password) = sim.admin();
    let harbor_id: i64 = sqlx::query_scalar(
        "insert into harbor (name, url, plain_http, read_login, read_secret, secret_set_by) values ('sim', $1, true, $2, '', 'bench') returning harbor_id",
    )
    .bind(sim.url())
    .bind(user)
    .fetch_one(&state.pool)
    .await?;
    let place = Place { table: "harbor", column: "read_secret", row: harbor_id };
    let sealed = state.keys.seal(place, &SecretString::from(password.to_owned()));
    sqlx::query("update harbor set read_secret = $2 where harbor_id = $1").bind(harbor_id).bind(sealed).execute(&state.pool).await?;
    sqlx::query("insert into vault (name, path, vault_uuid) values ('v', $1, $2)")
        .bind(path.to_string_lossy())
        .bind(vault.id().as_uuid())
        .execute(&state.pool)
        .await?;
    let plan = "insert into plan (name, harbor_id, vault_id, include, exclude, cron, zone, rpo_s, created_by)
                select 'all of it', harbor_id, vault_id, '{p*}', '{}', '0 * * * *', 'UTC', 7200, 'bench' from harbor, vault returning plan_id";
    Ok(sqlx::query_scalar(plan).fetch_one(&state.pool).await?)
}

/// A run to its end, as a worker does it; answers its number.
async fn one_run(state: &AppState, plan_id: i64) -> Result<i64, Failure> {
    let mut conn = state.pool.acquire().await?;
    let run_id = plans::queries::next_run_id(&mut conn).await?;
    let job = NewJob {
        work: Work::Backup { run_id },
        title: Title::Inventory { harbor: "sim".to_owned() },
        dedupe_key: format!("run {run_id}"),
        trigger: "bench".to_owned(),
        account_id: None,
        harbor_id: None,
        project: None,
        link: None,
        after: None,
    };
    enqueue(&mut conn, &job).await?;
    let claimed = jobs::claim(&mut conn, "bench", 3_600.0).await?.ok_or("no job")?;
    plans::queries::insert_run(&mut conn, run_id, plan_id, claimed.job_id, "user", None).await?;
    drop(conn);
    let context = Arc::new(JobContext::new(state.clone(), &claimed));
    plans::backup_job(context, run_id).await.map_err(|error| error.failure().to_string())?;
    let mut tx = state.pool.begin().await?;
    plans::settle_run(&mut tx, claimed.job_id, run_id, &jobs::End::Done).await?;
    sqlx::query("update job set state = 'done', finished_at = now() where job_id = $1").bind(claimed.job_id).execute(&mut *tx).await?;
    tx.commit().await?;
    Ok(run_id)
}
