//! Runs of a plan against the simulator: what an unchanged registry costs, what hints miss, and that the full listing is the truth.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use harbor_sim::{Config, Running, images};
use secrecy::SecretString;
use sqlx::PgPool;
use vault::Vault;

use super::world::state;
use crate::crypto::Place;
use crate::jobs::{JobContext, NewJob, Work, enqueue, queries as jobs};
use crate::plans;
use crate::state::AppState;

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
#[derive(sqlx::FromRow)]
pub(super) struct Ran {
    pub projects_done: i64,
    pub projects_unchanged: i64,
    pub requests: i64,
    pub gaps: i64,
    pub hint: String,
    pub full_reconcile: bool,
}

impl Estate {
    pub(super) async fn new(pool: PgPool, projects: &[&str]) -> Self {
        let sim = harbor_sim::start(Config::default()).await.unwrap();
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

    /// One run of the plan, to its end.
    pub(super) async fn run(&self) -> Ran {
        let mut conn = self.pool.acquire().await.unwrap();
        let run_id = plans::queries::next_run_id(&mut conn).await.unwrap();
        let job = NewJob {
            work: Work::Backup { run_id },
            title: "run".to_owned(),
            dedupe_key: format!("run {run_id}"),
            trigger: "test".to_owned(),
            account_id: None,
            harbor_id: None,
            project: None,
            link: None,
        };
        enqueue(&mut conn, &job).await.unwrap();
        let claimed = jobs::claim(&mut conn, "test", 600.0).await.unwrap().unwrap();
        plans::queries::insert_run(&mut conn, run_id, self.plan_id, claimed.job_id, "user", None).await.unwrap();
        drop(conn);
        let context = Arc::new(JobContext::new(self.state.clone(), &claimed));
        plans::backup_job(Arc::clone(&context), run_id).await.unwrap();
        let mut conn = self.pool.acquire().await.unwrap();
        plans::queries::end_run(&mut conn, run_id, "good", None).await.unwrap();
        sqlx::query("update job set state = 'done', finished_at = now() where job_id = $1")
            .bind(claimed.job_id)
            .execute(&mut *conn)
            .await
            .ok();
        sqlx::query_as("select projects_done, projects_unchanged, requests, gaps, hint, full_reconcile from run where run_id = $1")
            .bind(run_id)
            .fetch_one(&mut *conn)
            .await
            .unwrap()
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

    /// Tags of a repository by the catalogue.
    async fn tags(&self, repository: &str) -> Vec<String> {
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
    estate.sim.age_repositories(LONG);
    estate.sim.control().reset_counts();
    let second = estate.run().await;
    assert_eq!(estate.sim.control().total(), 5, "{:?}", estate.sim.control().seen());
    assert_eq!((second.projects_done, second.projects_unchanged, second.requests, second.gaps), (12, 12, 5, 0));
    assert_eq!(second.hint, "repository update times");
    let snapshots: i64 =
        sqlx::query_scalar("select count(*) from snapshot where tags = 2 and logical_bytes > 0").fetch_one(&pool).await.unwrap();
    assert_eq!(snapshots, 24, "each moment is there, with its figures");

    estate.sim.push_image("p3/web", "2", &images::simple("new", &[5])).await.unwrap();
    let third = estate.run().await;
    assert_eq!((third.projects_done, third.projects_unchanged), (12, 11));
    assert_eq!(estate.tags("p3/web").await, ["1", "2"]);
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn what_a_hint_misses_is_found_by_the_full_listing_and_the_hint_is_judged_by_it(pool: PgPool) {
    let estate = Estate::new(pool.clone(), &["shop", "prod"]).await;
    estate.run().await;
    estate.sim.age_repositories(LONG);
    let web = images::simple("labelled", &[5]);
    estate.sim.push_image("shop/web", "2", &web).await.unwrap();
    estate.run().await;
    estate.sim.age_repositories(LONG);
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
    estate.sim.age_repositories(LONG);
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
