//! The catalogue at scale: a generated one, and the product's own functions asked of it, as its pages and its REST interface ask them.
//!
//! It makes a database of its own on the Postgres that `DATABASE_URL` names, and drops it. The rows are written in SQL, as entering that
//! many snapshots one by one would leave them. `TAGS` and `SNAPSHOTS` choose the size: tags in all, ten thousand to a project, and
//! snapshots of each project, each of which moves one tag in a thousand. With `STRICT=1` it ends with 1 when an aim is missed.

use std::fmt::Write as _;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use app::accounts::types::Role;
use app::projects::types::BrowseQuery;
use app::units::Moment;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use server::access::{Caller, ScopedRole, Via};
use server::crypto::KeyRing;
use server::projects::{self, queries};
use server::state::AppState;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{AssertSqlSafe, Connection, PgConnection, PgPool};
use time::OffsetDateTime;

/// Repositories of a project, and tags of each.
const REPOSITORIES: i64 = 10;
const TAGS_EACH: i64 = 1_000;
const TAGS_OF_PROJECT: i64 = REPOSITORIES * TAGS_EACH;
/// Of so many tags one moves from a snapshot to the next.
const MOVES_ONE_IN: i64 = 1_000;
/// Longest time of a question about one tag at one moment, of the slowest in a hundred.
const POINT_P99_MAX: Duration = Duration::from_millis(20);
/// Longest time of what differs between two moments of a project.
const DIFF_MAX: Duration = Duration::from_millis(200);
/// Most bytes of tables and indexes for each tag and each move of one: both its spans, its artifact, and its part of the repositories'.
const BYTES_EACH_MAX: i64 = 1_200;
/// Questions of each kind.
const QUESTIONS: usize = 1_000;
const DIFFS: usize = 50;
const PAGES: usize = 100;

type Failure = Box<dyn std::error::Error + Send + Sync>;

struct World {
    state: AppState,
    caller: Caller,
    projects: i64,
    snapshots: i64,
    rng: StdRng,
}

fn number(name: &str, default: i64) -> Result<i64, Failure> {
    Ok(std::env::var(name).ok().filter(|text| !text.is_empty()).map(|text| text.parse()).transpose()?.unwrap_or(default))
}

fn main() -> Result<ExitCode, Failure> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(run())
}

async fn run() -> Result<ExitCode, Failure> {
    let (tags, snapshots) = (number("TAGS", 100_000)?, number("SNAPSHOTS", 1_000)?);
    let url = std::env::var("DATABASE_URL").map_err(|_| "DATABASE_URL names the Postgres to measure on")?;
    let options: PgConnectOptions = url.parse()?;
    let name = format!("breakwater_bench_{}", uuid::Uuid::new_v4().simple());
    let mut maker = PgConnection::connect_with(&options).await?;
    sqlx::query(AssertSqlSafe(format!("create database {name}"))).execute(&mut maker).await?;
    let pool = PgPoolOptions::new().max_connections(4).connect_with(options.database(&name)).await?;
    let measured = measure(&pool, (tags / TAGS_OF_PROJECT).max(1), snapshots).await;
    pool.close().await;
    sqlx::query(AssertSqlSafe(format!("drop database {name} with (force)"))).execute(&mut maker).await?;
    let met = measured?;
    let strict = std::env::var("STRICT").is_ok_and(|text| text == "1");
    Ok(if strict && !met { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

async fn measure(pool: &PgPool, projects: i64, snapshots: i64) -> Result<bool, Failure> {
    server::MIGRATOR.run(pool).await?;
    let started = Instant::now();
    let rows = generate(pool, projects, snapshots).await?;
    println!("· {} tags x {snapshots} snapshots written in {:.0} s", projects * TAGS_OF_PROJECT, started.elapsed().as_secs_f64());
    let keys = KeyRing::parse(&KeyRing::generate())?;
    let state = AppState::new(pool.clone(), keys, Vec::new(), "http://127.0.0.1".parse()?);
    let roles = vec![ScopedRole { role: Role::Viewer, harbor: None, project: None }];
    let (login, display_name) = ("bench".to_owned(), "bench".to_owned());
    let caller = Caller {
        account_id: 0,
        login,
        display_name,
        duties: Vec::new(),
        roles,
        via: Via::Session,
        fresh: true,
        must_change: false,
        session: None,
        bounds: None,
    };
    let mut world = World { state, caller, projects, snapshots, rng: StdRng::seed_from_u64(1) };
    let mut met = size(pool, rows).await?;
    let point = world.points().await?;
    met &= aim("one tag at one moment, 99 in 100", p99(&point), POINT_P99_MAX);
    let diffs = world.diffs().await?;
    met &= aim(&format!("what differs between two moments of a project of {TAGS_OF_PROJECT} tags"), p99(&diffs), DIFF_MAX);
    for (what, times) in [
        ("a tag's history", world.histories().await?),
        ("the timeline's page", world.timelines().await?),
        ("a page of a moment", world.pages().await?),
        ("a search over all time", world.searches().await?),
    ] {
        println!("        {what}, 99 in 100: {:.1} ms, median {:.1} ms", millis(p99(&times)), millis(times[times.len() / 2]));
    }
    Ok(met)
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1_000.0
}

/// Of sorted times.
fn p99(times: &[Duration]) -> Duration {
    times[(times.len() * 99 / 100).min(times.len() - 1)]
}

fn aim(what: &str, found: Duration, most: Duration) -> bool {
    let met = found <= most;
    println!("{} {what}: {:.1} ms, at most {:.0} ms", if met { "met   " } else { "MISSED" }, millis(found), millis(most));
    met
}

/// Writes the rows; answers how many tags and moves there are.
async fn generate(pool: &PgPool, projects: i64, snapshots: i64) -> Result<i64, Failure> {
    let moves = TAGS_OF_PROJECT / MOVES_ONE_IN;
    let mut conn = pool.acquire().await?;
    let mut sql = String::from(
        // What is written fits by construction; looking up each reference would take most of the time.
        "set session_replication_role = replica;
         create function moment(s bigint) returns timestamptz language sql immutable as
             $$ select timestamptz '2026-01-01 00:00:00Z' + s * interval '20 minutes' $$;
         insert into harbor (name, url, read_login, read_secret, secret_set_by) values ('bench', 'https://harbor.example', 'robot', '', 'bench');
         insert into vault (name, path, vault_uuid) values ('bench', '/bench', gen_random_uuid());",
    );
    write!(
        sql,
        "insert into project (harbor_id, name) select h.harbor_id, 'p' || p from harbor h, generate_series(1, {projects}) p;
         insert into harbor_project (harbor_id, project, foreign_id, repositories, proxy_cache, seen_at)
             select harbor_id, name, project_id, {REPOSITORIES}, false, now() from project;
         insert into repository (project_id, name) select project_id, name || '/r' || r from project, generate_series(0, {REPOSITORIES} - 1) r;
         insert into snapshot_ever (project_id, vault_id, pointer_id, digest, moment, started_at, finished_at, gaps, gap_count, repositories,
                                    tags, artifacts, logical_bytes, bytes_new, tags_added, tags_removed, tags_moved)
             select project_id, vault_id, gen_random_uuid(), sha256(convert_to(project_id || '/' || s, 'utf8')), moment(s), moment(s), moment(s), '[]', 0,
                    {REPOSITORIES}, {TAGS_OF_PROJECT}, {TAGS_OF_PROJECT}, 1, 1, case s when 1 then {TAGS_OF_PROJECT} else 0 end, 0,
                    case s when 1 then 0 else {moves} end
               from project, vault, generate_series(1, {snapshots}) s;
         create unlogged table change as
             select repository_id, tag, s, lead(s) over (partition by repository_id, tag order by s) as next,
                    sha256(convert_to(repository_id || '/' || tag || '/' || s, 'utf8')) as digest
               from (select repository_id, 'v' || t as tag, 1::bigint as s from repository, generate_series(0, {TAGS_EACH} - 1) t
                     union
                     -- Ten thousand and 7,919 have no common divisor, so every tag has its turn.
                     select r.repository_id, 'v' || (((s * {moves} + k) * 7919) % {TAGS_OF_PROJECT}) / {REPOSITORIES}, s
                       from generate_series(2, {snapshots}) s, generate_series(0, {moves} - 1) k, repository r
                      where r.name like '%/r' || (((s * {moves} + k) * 7919) % {TAGS_OF_PROJECT}) % {REPOSITORIES}) moved;
         insert into artifact (digest, media_type, kind, size_bytes)
             select digest, 'application/vnd.oci.image.manifest.v1+json', 'IMAGE', 100000000 from change;
         insert into tag_span (repository_id, tag, digest, from_at, to_at) select repository_id, tag, digest, moment(s), moment(next) from change;
         insert into artifact_span (repository_id, digest, role, from_at, to_at)
             select repository_id, digest, 'root', moment(s), moment(next) from change;
         insert into repository_span (repository_id, index_digest, from_at, to_at, tags, artifacts)
             select repository_id, sha256(convert_to(repository_id || '/' || s, 'utf8')), moment(s),
                    moment(lead(s) over (partition by repository_id order by s)), {TAGS_EACH}, {TAGS_EACH}
               from (select distinct repository_id, s from change) c;"
    )?;
    for statement in sql.split_inclusive(";\n") {
        sqlx::raw_sql(AssertSqlSafe(statement.to_owned())).execute(&mut *conn).await?;
    }
    let rows: i64 = sqlx::query_scalar("select count(*) from change").fetch_one(&mut *conn).await?;
    sqlx::raw_sql("drop table change; drop function moment; set session_replication_role = default").execute(&mut *conn).await?;
    drop(conn);
    // As autovacuum would have by now.
    sqlx::raw_sql("vacuum analyze").execute(pool).await?;
    Ok(rows)
}

/// Size in proportion to changes.
async fn size(pool: &PgPool, rows: i64) -> Result<bool, Failure> {
    let bytes: i64 = sqlx::query_scalar(
        "select sum(pg_total_relation_size(t::regclass))::bigint from unnest(array['tag_span', 'artifact_span', 'artifact', 'repository_span']) t",
    )
    .fetch_one(pool)
    .await?;
    let each = bytes / rows.max(1);
    let met = each <= BYTES_EACH_MAX;
    let verdict = if met { "met   " } else { "MISSED" };
    println!("{verdict} {rows} tags and moves in {} MB: {each} bytes each, at most {BYTES_EACH_MAX}", bytes / 1_000_000);
    Ok(met)
}

impl World {
    fn project(&mut self) -> String {
        format!("p{}", self.rng.random_range(1..=self.projects))
    }

    /// A moment between the first snapshot and the last.
    fn moment(&mut self) -> Moment {
        let first = OffsetDateTime::from_unix_timestamp(1_767_225_600).expect("a moment of 2026") + time::Duration::minutes(20);
        Moment(first + time::Duration::seconds(self.rng.random_range(0..self.snapshots * 20 * 60)))
    }

    fn tag(&mut self) -> (String, String) {
        (format!("r{}", self.rng.random_range(0..REPOSITORIES)), format!("v{}", self.rng.random_range(0..TAGS_EACH)))
    }

    /// What did this tag point to then? As the page of a project with a tag in its filter asks it.
    async fn points(&mut self) -> Result<Vec<Duration>, Failure> {
        let mut times = Vec::new();
        for _ in 0..QUESTIONS {
            let (project, at, (repository, tag)) = (self.project(), self.moment(), self.tag());
            let query = BrowseQuery {
                harbor: "bench".to_owned(),
                repo: Some(format!("{project}/{repository}")),
                project,
                at: Some(at),
                q: Some(tag.clone()),
                only: None,
                after: None,
                live: None,
            };
            let started = Instant::now();
            let found = projects::browse(&self.state, &self.caller, query).await?;
            times.push(started.elapsed());
            let row = found.tags.iter().find(|row| row.tag == tag).ok_or("a tag that was always there is not found")?;
            if row.since.0 > at.0 {
                return Err(format!("{tag} is shown as of {:?}, after {at:?}", row.since).into());
            }
        }
        times.sort();
        Ok(times)
    }

    async fn diffs(&mut self) -> Result<Vec<Duration>, Failure> {
        let mut times = Vec::new();
        for _ in 0..DIFFS {
            let (project, from, to) = (self.project(), self.moment(), self.moment());
            let started = Instant::now();
            let found = projects::changes(&self.state, &self.caller, "bench", &project, (Some(from), Some(to))).await?;
            times.push(started.elapsed());
            if found.added + found.removed > 0 {
                return Err("tags that only moved are said to have come or gone".into());
            }
        }
        times.sort();
        Ok(times)
    }

    async fn histories(&mut self) -> Result<Vec<Duration>, Failure> {
        let mut times = Vec::new();
        for _ in 0..PAGES {
            let (project, (repository, tag)) = (self.project(), self.tag());
            let mut conn = self.state.pool.acquire().await?;
            let harbor_id = queries::harbor_id(&mut conn, "bench").await?.ok_or("no harbor")?;
            let project_id = queries::project_id(&mut conn, harbor_id, &project).await?.ok_or("no project")?;
            let name = format!("{project}/{repository}");
            let repository_id = queries::repository_id(&mut conn, project_id, &name).await?.ok_or("no repository")?;
            let started = Instant::now();
            let spans = queries::tag_spans(&mut conn, project_id, repository_id, &tag, 200).await?;
            times.push(started.elapsed());
            if spans.is_empty() {
                return Err("a tag without a history".into());
            }
        }
        times.sort();
        Ok(times)
    }

    async fn timelines(&mut self) -> Result<Vec<Duration>, Failure> {
        let mut times = Vec::new();
        for _ in 0..PAGES {
            let (project, at) = (self.project(), self.moment());
            let started = Instant::now();
            projects::timeline(&self.state, &self.caller, "bench", &project, Some(at), Some("month")).await?;
            times.push(started.elapsed());
        }
        times.sort();
        Ok(times)
    }

    async fn searches(&mut self) -> Result<Vec<Duration>, Failure> {
        let mut times = Vec::new();
        for number in 0..PAGES {
            let (project, (repository, tag)) = (self.project(), self.tag());
            // As people write them: with the repository, and without.
            let text = if number % 2 == 0 { format!("{project}/{repository}:{tag}") } else { tag };
            let started = Instant::now();
            let found = projects::search(&self.state, &self.caller, &text, true).await?.hits;
            times.push(started.elapsed());
            if found.is_empty() {
                return Err(format!("{text} is not found").into());
            }
        }
        times.sort();
        Ok(times)
    }

    async fn pages(&mut self) -> Result<Vec<Duration>, Failure> {
        let mut times = Vec::new();
        for _ in 0..PAGES {
            let (project, at) = (self.project(), Some(self.moment()));
            let query = BrowseQuery { harbor: "bench".to_owned(), project, at, repo: None, q: None, only: None, after: None, live: None };
            let started = Instant::now();
            projects::browse(&self.state, &self.caller, query).await?;
            times.push(started.elapsed());
        }
        times.sort();
        Ok(times)
    }
}
