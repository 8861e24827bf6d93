//! Copies in further vaults: all of a plan's snapshots get there, whole, and go with it; a snapshot is read where it can be.

use std::sync::Arc;

use app::accounts::types::Duty;
use app::jobs::failures::Failure;
use app::plans::types::{Copies, Plan, PlanForm};
use engine::finding::Depth;
use engine::verify;
use futures::TryStreamExt as _;
use harbor_sim::images;
use sqlx::PgPool;
use vault::Vault;

use super::capture::{Estate, make_vault};
use super::world::{origin, person, recorded};
use crate::access::Caller;
use crate::jobs::queries::{self as jobs, End};
use crate::jobs::{JobContext, JobError};
use crate::{copies, plans};

struct Further {
    estate: Estate,
    operator: Caller,
    to: Vault,
    to_id: i64,
}

impl Further {
    async fn new(pool: PgPool) -> Self {
        let estate = Estate::new(pool.clone(), &["shop", "tools"]).await;
        let (to, to_id) = make_vault(&pool, "offsite", &estate.folder.path().join("offsite")).await;
        let operator = person(&estate.state, "olga", &[Duty::Operator], "").await;
        Self { estate, operator, to, to_id }
    }

    fn form(&self, plan: &Plan, copies: Vec<i64>) -> PlanForm {
        PlanForm {
            plan_id: Some(plan.id),
            version: Some(plan.version),
            name: plan.name.clone(),
            harbor: plan.harbor.clone(),
            vault_id: Some(plan.vault_id),
            copies,
            include: plan.include.join("\n"),
            exclude: plan.exclude.join("\n"),
            cron: plan.cron.clone(),
            zone: plan.zone.clone(),
            rpo_hours: 2,
            ..PlanForm::default()
        }
    }

    async fn plan(&self) -> Plan {
        plans::get(&self.estate.state, &self.operator, self.estate.plan_id).await.unwrap()
    }

    async fn name(&self, copies: Vec<i64>) -> Result<Plan, crate::error::Error> {
        let form = self.form(&self.plan().await, copies);
        plans::save(&self.estate.state, &self.operator, &origin(), form).await
    }

    async fn standing(&self) -> Copies {
        self.plan().await.copies.into_iter().next().unwrap()
    }

    /// Takes the queued copy job, and works on it.
    async fn work(&self) -> (i64, Result<(), JobError>) {
        let mut conn = self.estate.pool.acquire().await.unwrap();
        let claimed = jobs::claim(&mut conn, "test", 600.0).await.unwrap().expect("a job is queued");
        drop(conn);
        let context = Arc::new(JobContext::new(self.estate.state.clone(), &claimed));
        let done = copies::copy_job(Arc::clone(&context), self.estate.plan_id, self.to_id).await;
        (claimed.job_id, done)
    }

    /// The same, and ends it as the worker does.
    async fn work_to_the_end(&self) {
        let (job_id, done) = self.work().await;
        done.unwrap();
        self.end(job_id, &End::Done).await;
    }

    async fn end(&self, job_id: i64, end: &End) {
        let mut tx = self.estate.pool.begin().await.unwrap();
        let (state, error) = match end {
            End::Dead { error, .. } => ("dead", Some(error)),
            _ => ("done", None),
        };
        sqlx::query("update job set state = $2, error = $3 where job_id = $1")
            .bind(job_id)
            .bind(state)
            .bind(error.map(sqlx::types::Json))
            .execute(&mut *tx)
            .await
            .unwrap();
        copies::settle(&mut tx, self.estate.plan_id, end).await.unwrap();
        tx.commit().await.unwrap();
    }

    async fn queued(&self) -> i64 {
        sqlx::query_scalar("select count(*) from job where kind = 'copy' and state = 'queued'").fetch_one(&self.estate.pool).await.unwrap()
    }

    /// A run ends: what it made is to be copied.
    async fn settle_newest_run(&self) {
        let (run_id, job_id): (i64, i64) =
            sqlx::query_as("select run_id, job_id from run order by run_id desc limit 1").fetch_one(&self.estate.pool).await.unwrap();
        let mut tx = self.estate.pool.begin().await.unwrap();
        plans::settle_run(&mut tx, job_id, run_id, &End::Done).await.unwrap();
        tx.commit().await.unwrap();
    }

    async fn pointers(vault: &Vault) -> usize {
        vault.pointers().try_collect::<Vec<_>>().await.unwrap().len()
    }
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn a_vault_named_later_gets_the_older_snapshots_too_and_each_run_adds_its_own(pool: PgPool) {
    let further = Further::new(pool.clone()).await;
    further.estate.run().await;
    assert_eq!(further.queued().await, 0, "nothing is named yet");
    further.name(vec![further.to_id]).await.unwrap();
    let waiting = further.standing().await;
    assert_eq!((waiting.copied, waiting.waiting, waiting.working), (0, 2, true));
    further.work_to_the_end().await;
    let done = further.standing().await;
    assert_eq!((done.copied, done.waiting, done.working, done.error), (2, 0, false, None));
    assert!(done.bytes_new > 0 && done.newest.is_some());

    further.estate.sim.push_image("shop/web", "2", &images::simple("new", &[5])).await.unwrap();
    further.estate.full().await;
    further.settle_newest_run().await;
    assert_eq!(further.queued().await, 1, "the run asks for it");
    further.work_to_the_end().await;
    assert_eq!(further.queued().await, 0);
    assert_eq!(Further::pointers(&further.to).await, 3, "what it made");
    let digests: Vec<Vec<u8>> = sqlx::query_scalar("select digest from snapshot").fetch_all(&pool).await.unwrap();
    for digest in digests {
        let digest = vocab::Digest::from_bytes(&digest).unwrap();
        let findings = verify::snapshot_to(&further.to, &digest, Depth::Bytes).await;
        assert!(findings.is_empty(), "{findings:?}");
    }
    assert_eq!(recorded(&pool, "snapshot.copy").await, 3);
    let shown = crate::vaults::get(&further.estate.state, &further.operator, further.to_id).await.unwrap();
    assert_eq!(shown.snapshots, 3, "the vault's page counts what is copied to it");
    assert!(shown.logical_bytes > 0);
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn what_was_made_while_the_job_ended_is_asked_for_and_a_failure_does_not_ask_for_ever(pool: PgPool) {
    let further = Further::new(pool).await;
    further.estate.run().await;
    further.name(vec![further.to_id]).await.unwrap();
    let (job_id, done) = further.work().await;
    done.unwrap();
    // Its wish is answered with the job that is still open.
    further.estate.push("shop/web", "2").await;
    further.estate.full().await;
    further.settle_newest_run().await;
    assert_eq!(further.queued().await, 0);
    further.end(job_id, &End::Done).await;
    assert_eq!(further.queued().await, 1);
    let (job_id, done) = further.work().await;
    done.unwrap();
    further.estate.push("shop/web", "3").await;
    further.estate.full().await;
    further.end(job_id, &End::Dead { error: Failure::NoPointer, remedy: None }).await;
    assert_eq!(further.queued().await, 0, "the next run asks again");
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn a_snapshot_is_read_from_a_copy_when_its_own_vault_is_gone(pool: PgPool) {
    let further = Further::new(pool.clone()).await;
    further.estate.run().await;
    further.name(vec![further.to_id]).await.unwrap();
    further.work_to_the_end().await;
    let state = &further.estate.state;
    let snapshot_id: i64 = sqlx::query_scalar("select min(snapshot_id) from snapshot").fetch_one(&pool).await.unwrap();
    let mut conn = pool.acquire().await.unwrap();
    assert_eq!(copies::open_for(state, &mut conn, snapshot_id).await.unwrap().id(), further.estate.vault.id());

    // Damaged there: the copy is better.
    sqlx::query("update snapshot_ever set degraded_at = now()").execute(&pool).await.unwrap();
    assert_eq!(copies::open_for(state, &mut conn, snapshot_id).await.unwrap().id(), further.to.id());
    sqlx::query("update snapshot_ever set degraded_at = null").execute(&pool).await.unwrap();

    std::fs::remove_dir_all(further.estate.folder.path().join("v")).unwrap();
    assert_eq!(copies::open_for(state, &mut conn, snapshot_id).await.unwrap().id(), further.to.id());
    // With both gone, the vault to repair is the plan's own.
    std::fs::remove_dir_all(further.estate.folder.path().join("offsite")).unwrap();
    let error = copies::open_for(state, &mut conn, snapshot_id).await.unwrap_err();
    assert!(crate::error::chain(&error).contains("/v"), "{}", crate::error::chain(&error));
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn what_a_plan_lets_go_is_let_go_in_every_vault_even_a_copy_nobody_finished(pool: PgPool) {
    let further = Further::new(pool.clone()).await;
    further.estate.run().await;
    further.name(vec![further.to_id]).await.unwrap();
    let (job_id, done) = further.work().await;
    done.unwrap();
    // As after a crash between the pointer and the row.
    sqlx::query("update snapshot_copy set copied_at = null where snapshot_id = (select min(snapshot_id) from snapshot)")
        .execute(&pool)
        .await
        .unwrap();
    sqlx::query("update snapshot_ever set expired_at = now()").execute(&pool).await.unwrap();
    assert_eq!(Further::pointers(&further.to).await, 2);
    further.end(job_id, &End::Done).await;
    assert_eq!(further.queued().await, 0, "what is let go is not copied");

    sqlx::query("update job set state = 'queued', run_at = now() where job_id = $1").bind(job_id).execute(&pool).await.unwrap();
    further.work_to_the_end().await;
    assert_eq!(Further::pointers(&further.to).await, 0);
    assert_eq!(Further::pointers(&further.estate.vault).await, 2, "each vault's own job lets go there");
    let forgotten: i64 =
        sqlx::query_scalar("select count(*) from snapshot_copy where forgotten_at is not null").fetch_one(&pool).await.unwrap();
    assert_eq!(forgotten, 2);
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn a_snapshot_that_cannot_be_read_does_not_keep_the_others_from_being_copied(pool: PgPool) {
    let further = Further::new(pool.clone()).await;
    further.estate.run().await;
    let broken: Vec<u8> = sqlx::query_scalar(
        "select digest from artifact_span a join repository r using (repository_id) where r.name = 'shop/web' and a.role = 'root'",
    )
    .fetch_one(&pool)
    .await
    .unwrap();
    let hex = hex::encode(&broken);
    let path = walk(&further.estate.folder.path().join("v")).into_iter().find(|path| path.ends_with(&hex)).expect("the object is a file");
    std::fs::remove_file(&path).unwrap();
    further.name(vec![further.to_id]).await.unwrap();
    let (job_id, done) = further.work().await;
    let Err(JobError::Permanent { failure, help }) = done else { panic!("{done:?}") };
    assert!(failure.to_string().contains(&hex[..12]) && help.is_some(), "{failure}");
    further.end(job_id, &End::Dead { error: failure, remedy: help }).await;
    let standing = further.standing().await;
    assert_eq!((standing.copied, standing.waiting), (1, 1));
    assert!(standing.error.is_some());
}

fn walk(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { walk(&path) } else { vec![path] }).collect()
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn the_plans_own_vault_and_unknown_ones_are_refused(pool: PgPool) {
    let further = Further::new(pool).await;
    let own = further.plan().await.vault_id;
    for (copies, says) in [(vec![own], "own vault"), (vec![further.to_id, 999], "no such vault"), ((1..20).collect(), "at most")] {
        let error = further.name(copies).await.unwrap_err().into_api(None);
        assert_eq!(error.fields.first().map(|field| field.field.as_str()), Some("copies"));
        assert!(error.fields[0].message.to_string().contains(says), "{error:?}");
    }
    assert!(further.plan().await.copies.is_empty());
    further.name(vec![further.to_id]).await.unwrap();
    assert_eq!(further.name(Vec::new()).await.unwrap().copies, Vec::new());
}
