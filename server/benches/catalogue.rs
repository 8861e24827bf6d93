//! The catalogue at scale: a generated one, and the product's own functions asked of it, as its pages and its REST interface ask them.
//!
//! It makes a database of its own on the Postgres that `DATABASE_URL` names, and drops it. The rows are written in SQL, as entering that
//! many snapshots one by one would leave them. `TAGS` and `SNAPSHOTS` choose the size: tags in all, ten thousand to a project, and
//! snapshots of each project, each of which moves one tag in a thousand. With `STRICT=1` it ends with 1 when an aim is missed.

mod database;
mod generated;

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
use sqlx::PgPool;
use time::OffsetDateTime;

use self::database::{Failure, with_database};
use self::generated::Size;

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

struct World {
    state: AppState,
    caller: Caller,
    projects: i64,
    snapshots: i64,
    rng: StdRng,
}

/// A whole number from the environment.
fn number(name: &str, default: i64) -> Result<i64, Failure> {
    Ok(std::env::var(name).ok().filter(|text| !text.is_empty()).map(|text| text.parse()).transpose()?.unwrap_or(default))
}

fn main() -> Result<ExitCode, Failure> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(run())
}

async fn run() -> Result<ExitCode, Failure> {
    let (tags, snapshots) = (number("TAGS", 100_000)?, number("SNAPSHOTS", 1_000)?);
    let projects = (tags / TAGS_OF_PROJECT).max(1);
    let met = with_database(async |pool| measure(&pool, projects, snapshots).await).await?;
    let strict = std::env::var("STRICT").is_ok_and(|text| text == "1");
    Ok(if strict && !met { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

async fn measure(pool: &PgPool, projects: i64, snapshots: i64) -> Result<bool, Failure> {
    server::MIGRATOR.run(pool).await?;
    let started = Instant::now();
    let size =
        Size { projects, repositories: REPOSITORIES, tags_each: TAGS_EACH, from: from(), snapshots, moves: TAGS_OF_PROJECT / MOVES_ONE_IN };
    let rows = generated::catalogue(pool, &size).await?;
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
    let mut met = grown(pool, rows).await?;
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

/// Twenty minutes before the first snapshot.
fn from() -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp(1_767_225_600).expect("a moment of 2026")
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

/// Size in proportion to changes.
async fn grown(pool: &PgPool, rows: i64) -> Result<bool, Failure> {
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
        let first = from() + time::Duration::minutes(20);
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
