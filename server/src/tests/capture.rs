//! Runs of a plan against the simulator: what an unchanged registry costs, what hints miss, and that the full listing is the truth.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use app::accounts::types::Duty;
use app::projects::types::Snapshot;
use futures::TryStreamExt as _;
use harbor_sim::{Action, Config, Gate, Match, Running, Version, images};
use secrecy::SecretString;
use sqlx::PgPool;
use vault::Vault;

use super::world::{person, state};
use crate::crypto::Place;
use crate::jobs::{JobContext, JobError, NewJob, Work, enqueue, queries as jobs};
use crate::state::AppState;
use crate::vaults::Scope;
use crate::{plans, projects};

/// Longer than the window of a look overlaps.
const LONG: Duration = Duration::from_secs(3_600);

pub(super) struct Estate {
    pub pool: PgPool,
    pub state: AppState,
    pub sim: Running,
    pub vault: Vault,
    pub plan_id: i64,
    pub harbor_id: i64,
    pub folder: tempfile::TempDir,
}

/// A run as it ended.
pub(super) struct Ran {
    pub projects_done: i64,
    pub projects_unchanged: i64,
    pub requests: i64,
    pub gaps: i64,
    pub hint: String,
    pub full_reconcile: bool,
}

impl Estate {
    /// A verification that a worker has just taken; whatever else waits is passed over.
    pub(super) async fn verification(&self, vault_id: i64, scope: Scope) -> Arc<JobContext> {
        let mut conn = self.pool.acquire().await.unwrap();
        sqlx::query("update job set state = 'done', finished_at = now() where state in ('queued', 'running')")
            .execute(&mut *conn)
            .await
            .unwrap();
        let job = NewJob {
            work: Work::Verify { vault_id, scope },
            title: app::jobs::sentences::Title::Inventory { harbor: "sim".to_owned() },
            dedupe_key: "verify".to_owned(),
            trigger: "test".to_owned(),
            account_id: None,
            harbor_id: None,
            project: None,
            link: None,
            after: None,
        };
        enqueue(&mut conn, &job).await.unwrap();
        let claimed = jobs::claim(&mut conn, "test", 600.0).await.unwrap().unwrap();
        Arc::new(JobContext::new(self.state.clone(), &claimed))
    }

    /// A client of the simulator as its administrator.
    pub(super) async fn client(&self) -> registry::Client {
        let reach = crate::harbors::queries::reach(&mut self.pool.acquire().await.unwrap(), self.harbor_id).await.unwrap().unwrap();
        crate::harbors::client(&self.state, &reach, crate::harbors::Access::Write).unwrap()
    }

    pub(super) async fn new(pool: PgPool, projects: &[&str]) -> Self {
        Self::with(pool, projects, Version::default()).await
    }

    pub(super) async fn with(pool: PgPool, projects: &[&str], version: Version) -> Self {
        let sim = harbor_sim::start(Config { version, ..Config::default() }).await.unwrap();
        for name in projects {
            sim.create_project(name, false).unwrap();
            for repository in ["web", "api"] {
                let image = images::simple(&format!("{name}-{repository}"), &[100]);
                sim.push_image(&format!("{name}/{repository}"), "1", &image).await.unwrap();
            }
        }
        let state = state(pool.clone());
        let folder = tempfile::tempdir().unwrap();
        let (vault, vault_id) = make_vault(&pool, "v", &folder.path().join("v")).await;
        let (user, password) = sim.admin();
        let harbor_id: i64 = sqlx::query_scalar(
            "insert into harbor (name, url, plain_http, read_login, read_secret, secret_set_by) values ('sim', $1, true, $2, '', 'test')
             returning harbor_id",
        )
        .bind(sim.url())
        .bind(user)
        .fetch_one(&pool)
        .await
        .unwrap();
        let place = Place { table: "harbor", column: "read_secret", row: harbor_id };
        let sealed = state.keys.seal(place, &SecretString::from(password.to_owned()));
        // A number of its own: clients are kept by harbor and version for the whole process, and each test has a database of its own.
        sqlx::query("update harbor set read_secret = $2, version = $3 where harbor_id = $1")
            .bind(harbor_id)
            .bind(sealed)
            .bind(i64::from(sim.addr().port()) * 1_000)
            .execute(&pool)
            .await
            .unwrap();
        let plan_id = sqlx::query_scalar(
            "insert into plan (name, harbor_id, vault_id, include, exclude, cron, zone, rpo_s, created_by)
             values ('hourly', $1, $2, '{*}', '{library}', '0 * * * *', 'UTC', 7200, 'test') returning plan_id",
        )
        .bind(harbor_id)
        .bind(vault_id)
        .fetch_one(&pool)
        .await
        .unwrap();
        Self { pool, state, sim, vault, plan_id, harbor_id, folder }
    }

    /// One try of a run of a plan: its number, that of its job, and what came of it.
    pub(super) async fn attempt(&self, plan_id: i64) -> (i64, i64, Result<(), JobError>) {
        let mut conn = self.pool.acquire().await.unwrap();
        let run_id = plans::queries::next_run_id(&mut conn).await.unwrap();
        let job = NewJob {
            work: Work::Backup { run_id },
            title: app::jobs::sentences::Title::Inventory { harbor: "sim".to_owned() },
            dedupe_key: format!("run {run_id}"),
            trigger: "test".to_owned(),
            account_id: None,
            harbor_id: None,
            project: None,
            link: None,
            after: None,
        };
        enqueue(&mut conn, &job).await.unwrap();
        let claimed = jobs::claim(&mut conn, "test", 600.0).await.unwrap().unwrap();
        plans::queries::insert_run(&mut conn, run_id, plan_id, claimed.job_id, "user", None).await.unwrap();
        drop(conn);
        let context = Arc::new(JobContext::new(self.state.clone(), &claimed));
        let came = plans::backup_job(Arc::clone(&context), run_id).await;
        let mut conn = self.pool.acquire().await.unwrap();
        sqlx::query("update job set state = 'done', finished_at = now() where job_id = $1")
            .bind(claimed.job_id)
            .execute(&mut *conn)
            .await
            .ok();
        (run_id, claimed.job_id, came)
    }

    /// One run of the plan, to its end.
    pub(super) async fn run(&self) -> Ran {
        let (run_id, _, came) = self.attempt(self.plan_id).await;
        came.unwrap();
        let mut conn = self.pool.acquire().await.unwrap();
        plans::queries::end_run(&mut conn, run_id, "good", None).await.unwrap();
        type Columns = (i64, i64, i64, i64, sqlx::types::Json<app::plans::basis::Basis>, bool);
        let sql = "select projects_done, projects_unchanged, requests, gaps, hint, full_reconcile from run where run_id = $1";
        let (projects_done, projects_unchanged, requests, gaps, hint, full_reconcile): Columns =
            sqlx::query_as(sql).bind(run_id).fetch_one(&mut *conn).await.unwrap();
        Ran { projects_done, projects_unchanged, requests, gaps, hint: hint.to_string(), full_reconcile }
    }

    /// An hour passes in which nothing is pushed. What the last look saw is as much older, which the Harbor alone cannot be told.
    pub(super) async fn age(&self) {
        self.sim.age_repositories(LONG);
        sqlx::query("update harbor set sight = null").execute(&self.pool).await.unwrap();
    }

    /// A run that lists everything: the last one that did was long ago.
    pub(super) async fn full(&self) -> Ran {
        sqlx::query("update run set started_at = started_at - interval '2 days'").execute(&self.pool).await.unwrap();
        let ran = self.run().await;
        assert!(ran.full_reconcile);
        ran
    }

    async fn missed(&self) -> bool {
        sqlx::query_scalar("select hint_missed_at is not null from harbor where harbor_id = $1")
            .bind(self.harbor_id)
            .fetch_one(&self.pool)
            .await
            .unwrap()
    }

    /// The log that is known to name pushes, and whether it missed something since.
    async fn audit_record(&self) -> (Option<String>, bool) {
        sqlx::query_as("select audit_proved, audit_missed_at is not null from harbor where harbor_id = $1")
            .bind(self.harbor_id)
            .fetch_one(&self.pool)
            .await
            .unwrap()
    }

    /// Changes a setting of the Harbor.
    async fn configure(&self, settings: serde_json::Value) {
        let (user, password) = self.sim.admin();
        let url = format!("{}/api/v2.0/configurations", self.sim.url());
        let answer = reqwest::Client::new().put(url).basic_auth(user, Some(password)).json(&settings).send().await.unwrap();
        assert!(answer.status().is_success());
    }

    pub(super) async fn push(&self, repository: &str, tag: &str) {
        let content = format!("{repository}:{tag}");
        self.sim.push_image(repository, tag, &images::simple(&content, &[5])).await.unwrap();
    }

    /// Tags of a repository by the catalogue.
    pub(super) async fn tags(&self, repository: &str) -> Vec<String> {
        sqlx::query_scalar("select tag from tag_span join repository using (repository_id) where name = $1 and to_at is null order by tag")
            .bind(repository)
            .fetch_all(&self.pool)
            .await
            .unwrap()
    }
}

pub(super) async fn make_vault(pool: &PgPool, name: &str, path: &Path) -> (Vault, i64) {
    let vault = Vault::init(path).await.unwrap();
    let vault_id = sqlx::query_scalar("insert into vault (name, path, vault_uuid) values ($1, $2, $3) returning vault_id")
        .bind(name)
        .bind(path.to_string_lossy())
        .bind(vault.id().as_uuid())
        .fetch_one(pool)
        .await
        .unwrap();
    (vault, vault_id)
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn a_plan_over_unchanged_projects_costs_five_requests_in_all(pool: PgPool) {
    let names: Vec<String> = (0..12).map(|n| format!("p{n}")).collect();
    let estate = Estate::new(pool.clone(), &names.iter().map(String::as_str).collect::<Vec<_>>()).await;
    let first = estate.run().await;
    assert!(first.full_reconcile && first.projects_done == 12 && first.projects_unchanged == 0);
    estate.age().await;
    estate.sim.control().reset_counts();
    let second = estate.run().await;
    assert_eq!(estate.sim.control().total(), 5, "{:?}", estate.sim.control().seen());
    assert_eq!((second.projects_done, second.projects_unchanged, second.requests, second.gaps), (12, 12, 5, 0));
    assert_eq!(second.hint, "changes found by: repository update times");
    let snapshots: i64 =
        sqlx::query_scalar("select count(*) from snapshot where tags = 2 and logical_bytes > 0").fetch_one(&pool).await.unwrap();
    assert_eq!(snapshots, 12, "nothing is written of what is unchanged");
    let spans = || async {
        sqlx::query_as::<_, (i64, i64, i64)>(
            "select count(*), count(*) filter (where until > from_at), count(*) filter (where to_at is null)
               from confirmation join standing using (confirmation_id, from_at)",
        )
        .fetch_one(&pool)
        .await
        .unwrap()
    };
    assert_eq!(spans().await, (12, 12, 12), "and all of it is known to hold still");
    assert_eq!(estate.vault.pointers().try_collect::<Vec<_>>().await.unwrap().len(), 12);
    let operator = person(&estate.state, "olga", &[Duty::Operator], "").await;
    let timeline = projects::timeline(&estate.state, &operator, "sim", "p3", None, None).await.unwrap();
    assert_eq!((timeline.snapshots.len(), timeline.project.last_good), (1, timeline.at.as_ref().and_then(Snapshot::confirmed)));

    estate.sim.push_image("p3/web", "2", &images::simple("new", &[5])).await.unwrap();
    let third = estate.run().await;
    assert_eq!((third.projects_done, third.projects_unchanged), (12, 11));
    assert_eq!(estate.tags("p3/web").await, ["1", "2"]);
    assert_eq!(spans().await, (13, 12, 12), "the one before ended where it was seen last");
    estate.age().await;
    estate.sim.control().reset_counts();
    let fourth = estate.run().await;
    assert_eq!((fourth.projects_unchanged, estate.sim.control().total()), (12, 5), "the look of the run before is what it goes on from");
    // A listing of everything confirms as well.
    estate.full().await;
    assert_eq!(spans().await, (13, 13, 12));
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn what_a_hint_misses_is_found_by_the_full_listing_and_the_hint_is_judged_by_it(pool: PgPool) {
    let estate = Estate::new(pool.clone(), &["shop", "prod"]).await;
    estate.run().await;
    estate.age().await;
    let web = images::simple("labelled", &[5]);
    estate.sim.push_image("shop/web", "2", &web).await.unwrap();
    estate.run().await;
    estate.age().await;
    let label = estate.sim.create_label("shop", "gold", "#FFD700").unwrap();
    estate.sim.attach_label("shop/web", &web.manifest.digest, label).unwrap();
    assert_eq!(estate.run().await.projects_unchanged, 2, "a label moves no update time");
    estate.full().await;
    let digest: Vec<u8> = sqlx::query_scalar(
        "select index_digest from repository_span join repository using (repository_id) where name = 'shop/web' and to_at is null",
    )
    .fetch_one(&pool)
    .await
    .unwrap();
    let index = estate.vault.repository(&vocab::Digest::from_bytes(&digest).unwrap()).await.unwrap();
    assert!(index.members.iter().any(|member| member.labels.iter().any(|label| label.name == "gold")));
    assert!(!estate.missed().await, "labels are a known limit, no fault of the hint");

    // A Harbor whose update time was not written: the push is as old as all else.
    estate.sim.push_image("prod/api", "2", &images::simple("silent", &[5])).await.unwrap();
    estate.age().await;
    assert_eq!(estate.run().await.projects_unchanged, 2);
    assert_eq!(estate.tags("prod/api").await, ["1"], "the hint did not show it");
    estate.full().await;
    assert_eq!(estate.tags("prod/api").await, ["1", "2"]);
    assert!(estate.missed().await);
    assert_eq!(estate.run().await.projects_unchanged, 0, "the hint is not followed now");
    estate.full().await;
    assert!(!estate.missed().await);
    assert_eq!(estate.run().await.projects_unchanged, 2, "and is again, after a full listing found nothing");
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn before_2_15_2_the_audit_log_spares_listings_once_a_listing_found_that_it_names_pushes(pool: PgPool) {
    let names: Vec<String> = (0..12).map(|n| format!("p{n}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let estate = Estate::with(pool.clone(), &names, Version::V2_12_4).await;
    let first = estate.run().await;
    assert_eq!((first.full_reconcile, first.hint.as_str()), (true, "every project was listed: nothing was listed before"));
    let second = estate.run().await;
    assert_eq!((second.projects_done, second.projects_unchanged), (12, 0), "not believed yet");
    assert_eq!(second.hint, "every project was listed: no listing has found yet that the Harbor's audit log names pushes");
    assert_eq!(estate.audit_record().await, (None, false), "nothing was pushed");
    estate.push("p3/web", "2").await;
    assert_eq!(estate.run().await.projects_unchanged, 0);
    assert_eq!(estate.audit_record().await, (Some("audit-logs".to_owned()), false));
    estate.sim.pull_often("p4/web", "1", 500);
    // Among very many rows the one of the last look is asked for by itself.
    for (pulls, requests) in [(0, 7), (0, 5), (500, 7)] {
        estate.sim.pull_often("p4/web", "1", pulls);
        estate.sim.control().reset_counts();
        let ran = estate.run().await;
        assert_eq!(estate.sim.control().total(), requests, "{:?}", estate.sim.control().seen());
        assert_eq!((ran.projects_done, ran.projects_unchanged, ran.hint.as_str()), (12, 12, "changes found by: the Harbor's audit log"));
    }
    estate.push("p5/api", "2").await;
    assert_eq!(estate.run().await.projects_unchanged, 11);
    assert_eq!(estate.tags("p5/api").await, ["1", "2"]);
    estate.sim.purge_audit(|_, _| true);
    let blind = estate.run().await;
    assert_eq!(blind.projects_unchanged, 0);
    assert!(blind.hint.ends_with("rows of the Harbor's audit log are missing since the last look"), "{}", blind.hint);
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn a_change_that_the_audit_log_does_not_name_is_found_by_the_full_listing_and_the_log_is_not_believed(pool: PgPool) {
    for version in [Version::V2_12_4, Version::V2_14_1] {
        let estate = Estate::with(pool.clone(), &["shop", "prod"], version).await;
        estate.run().await;
        estate.push("shop/web", "2").await;
        estate.run().await;
        assert!(estate.audit_record().await.0.is_some());
        assert_eq!(estate.run().await.projects_unchanged, 2);
        // Whoever switches the log off leaves no gap in its numbers.
        estate.configure(serde_json::json!({ "skip_audit_log_database": true, "disabled_audit_log_event_types": "create_artifact" })).await;
        estate.push("prod/api", "2").await;
        assert_eq!(estate.run().await.projects_unchanged, 2);
        assert_eq!(estate.tags("prod/api").await, ["1"], "the log did not name it");
        estate.full().await;
        assert_eq!(estate.tags("prod/api").await, ["1", "2"]);
        assert_eq!(estate.audit_record().await, (None, true));
        estate.configure(serde_json::json!({ "skip_audit_log_database": false, "disabled_audit_log_event_types": "" })).await;
        estate.push("prod/api", "3").await;
        let ran = estate.run().await;
        assert_eq!(
            (ran.projects_unchanged, ran.hint.as_str()),
            (0, "every project was listed: a listing found what the Harbor's audit log did not name")
        );
        assert_eq!(estate.audit_record().await, (None, true), "only a run that asks everything again proves it anew");
        estate.push("prod/api", "4").await;
        estate.full().await;
        assert!(matches!(estate.audit_record().await, (Some(_), false)));
        assert_eq!(estate.run().await.projects_unchanged, 2);
        sqlx::raw_sql("truncate harbor, plan, vault, project cascade").execute(&pool).await.unwrap();
    }
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn what_changes_during_a_run_is_no_fault_of_the_audit_log(pool: PgPool) {
    let estate = Estate::with(pool, &["shop", "prod"], Version::V2_12_4).await;
    estate.run().await;
    estate.push("shop/web", "2").await;
    estate.run().await;
    estate.run().await;
    let gate = Gate::default();
    let held = estate.sim.control().fail(Match::path("/projects/prod/artifacts"), Action::HoldRequest(gate.clone()));
    let meanwhile = async {
        while held.fired() == 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        estate.push("prod/api", "2").await;
        gate.open();
    };
    let (ran, ()) = tokio::join!(estate.full(), meanwhile);
    assert_eq!((ran.projects_done, estate.tags("prod/api").await.len()), (2, 2), "the listing came after the push");
    assert!(matches!(estate.audit_record().await, (Some(_), false)));
}
