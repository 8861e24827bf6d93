//! From when to when a snapshot is known to have been what its project has: what begins a span, what goes on with it, and what ends it.

use app::accounts::types::Duty;
use app::jobs::failures::Failure;
use app::plans::types::Keep;
use harbor_sim::{Action, Match, Nth};
use http::Method;
use registry::Reference;
use sqlx::PgPool;
use sqlx::types::Json;
use time::OffsetDateTime;

use super::capture::{Estate, make_vault};
use super::retention::claimed;
use super::world::{origin, person, recorded};
use crate::jobs::queries::End;
use crate::plans;
use crate::vaults::Scope;

/// Spans of a project, the oldest first: which of its snapshots, whether it goes on, and whether it lasts.
async fn spans(pool: &PgPool, project: &str) -> Vec<(i64, bool, bool)> {
    sqlx::query_as(
        "select dense_rank() over (order by s.moment), t.is_open, t.until > t.from_at
           from standing t join snapshot_ever s using (snapshot_id) join project p on p.project_id = t.project_id
          where p.name = $1 order by t.from_at, t.plan_id",
    )
    .bind(project)
    .fetch_all(pool)
    .await
    .unwrap()
}

fn refused() -> Action {
    Action::Status(403, "FORBIDDEN".to_owned(), "not for you".to_owned())
}

async fn until(pool: &PgPool) -> OffsetDateTime {
    sqlx::query_scalar("select max(until) from standing").fetch_one(pool).await.unwrap()
}

async fn settled(estate: &Estate, run_id: i64, job_id: i64, end: &End) {
    let mut tx = estate.pool.begin().await.unwrap();
    plans::settle_run(&mut tx, job_id, run_id, end).await.unwrap();
    tx.commit().await.unwrap();
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn a_run_that_failed_or_was_stopped_or_missed_ends_what_it_did_not_come_by(pool: PgPool) {
    let estate = Estate::new(pool.clone(), &["shop", "tools"]).await;
    estate.run().await;
    estate.age().await;
    assert_eq!(estate.run().await.projects_unchanged, 2);
    assert_eq!(spans(&pool, "shop").await, [(1, true, true)]);

    // One project fails: the other goes on.
    estate.age().await;
    estate.push("tools/web", "2").await;
    let fault = estate.sim.control().fail(Match::new(Method::GET, "/projects/tools/"), refused());
    let (run_id, job_id, came) = estate.attempt(estate.plan_id).await;
    let dead = End::Dead { error: Failure::NoPointer, remedy: None };
    assert!(came.is_err() && fault.fired() > 0);
    fault.remove();
    settled(&estate, run_id, job_id, &dead).await;
    let seen = until(&pool).await;
    assert_eq!((spans(&pool, "shop").await, spans(&pool, "tools").await), (vec![(1, true, true)], vec![(1, false, true)]));

    // Nothing answers.
    let fault = estate.sim.control().fail(Match::new(Method::GET, "/api/v2.0/"), refused());
    let (run_id, job_id, came) = estate.attempt(estate.plan_id).await;
    assert!(came.is_err() && fault.fired() > 0);
    fault.remove();
    settled(&estate, run_id, job_id, &dead).await;
    assert_eq!(spans(&pool, "shop").await, [(1, false, true)]);
    assert_eq!(until(&pool).await, seen, "it ended where it was seen last");

    // What is as it was begins anew.
    estate.run().await;
    assert_eq!(spans(&pool, "shop").await[..], [(1, false, true), (1, true, false)]);
    let (snapshots, tools): (i64, i64) =
        sqlx::query_as("select count(*), count(*) filter (where name = 'tools') from snapshot join project using (project_id)")
            .fetch_one(&pool)
            .await
            .unwrap();
    assert_eq!((snapshots, tools), (3, 2));

    // While nobody looked, runs were due; and a plan that pauses looks no more.
    for missed in [true, false] {
        estate.age().await;
        estate.run().await;
        assert!(spans(&pool, "shop").await.last().unwrap().1);
        if missed {
            sqlx::query("update plan set next_at = now() - interval '5 hours'").execute(&pool).await.unwrap();
            plans::queue_due(&estate.state).await.unwrap();
            assert!(sqlx::query_scalar::<_, i64>("select count(*) from missed_run").fetch_one(&pool).await.unwrap() > 2);
            sqlx::query("update job set state = 'done', finished_at = now() where state = 'queued'").execute(&pool).await.unwrap();
            sqlx::query("update run set state = 'cancelled', finished_at = now() where state = 'queued'").execute(&pool).await.unwrap();
        } else {
            let operator = person(&estate.state, "olga", &[Duty::Operator], "").await;
            plans::pause(&estate.state, &operator, &origin(), estate.plan_id, 1, "the storage is moved").await.unwrap();
        }
        assert!(spans(&pool, "shop").await.iter().all(|(_, is_open, _)| !is_open), "{missed}");
    }
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn a_try_that_goes_on_claims_nothing_of_the_time_after_the_first_look(pool: PgPool) {
    let estate = Estate::new(pool.clone(), &["shop", "tools"]).await;
    estate.run().await;
    estate.age().await;
    estate.push("tools/web", "2").await;
    let fault = estate.sim.control().fail(Match::new(Method::GET, "/projects/tools/").nth(Nth::Only(1)), refused());
    let (run_id, _, came) = estate.attempt(estate.plan_id).await;
    assert!(came.is_err() && fault.fired() > 0);
    let looked: OffsetDateTime =
        sqlx::query_scalar("select looked_at from run where run_id = $1").bind(run_id).fetch_one(&pool).await.unwrap();
    assert_eq!(until(&pool).await, looked);
    // The same run goes on: what the first try found is not looked at again.
    let vault_id: i64 = sqlx::query_scalar("select vault_id from plan").fetch_one(&pool).await.unwrap();
    let context = estate.verification(vault_id, Scope::Heal).await;
    plans::backup_job(context, run_id).await.unwrap();
    let of_shop: OffsetDateTime =
        sqlx::query_scalar("select t.until from standing t join project p using (project_id) where p.name = 'shop'")
            .fetch_one(&pool)
            .await
            .unwrap();
    assert_eq!(of_shop, looked);
    assert_eq!(spans(&pool, "tools").await.len(), 2);
    let done: (i64, i64) =
        sqlx::query_as("select projects_done, projects from run where run_id = $1").bind(run_id).fetch_one(&pool).await.unwrap();
    assert_eq!(done, (2, 2));
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn a_state_that_came_back_while_another_vault_took_the_backups_is_entered_anew(pool: PgPool) {
    let estate = Estate::new(pool.clone(), &["shop"]).await;
    estate.run().await;
    let (_, other) = make_vault(&pool, "other", &estate.folder.path().join("other")).await;
    let first: i64 = sqlx::query_scalar("select vault_id from plan").fetch_one(&pool).await.unwrap();
    let into = async |vault_id: i64| sqlx::query("update plan set vault_id = $1").bind(vault_id).execute(&pool).await.unwrap();
    estate.push("shop/web", "2").await;
    into(other).await;
    estate.full().await;
    assert_eq!(estate.tags("shop/web").await, ["1", "2"]);
    let client = estate.client().await;
    client.delete_artifact(&"shop/web".parse().unwrap(), &Reference::Tag("2".parse().unwrap())).await.unwrap();
    into(first).await;
    estate.full().await;
    assert_eq!(estate.tags("shop/web").await, ["1"], "the newest in that vault holds just this, and is not the newest there is");
    assert_eq!(spans(&pool, "shop").await, [(1, false, false), (2, false, false), (3, true, false)]);
    // Of two vaults that hold the same each may be confirmed.
    into(other).await;
    estate.full().await;
    into(first).await;
    estate.full().await;
    assert_eq!(spans(&pool, "shop").await.len(), 5);
    let snapshots: i64 = sqlx::query_scalar("select count(*) from snapshot").fetch_one(&pool).await.unwrap();
    assert_eq!(snapshots, 4);
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn what_two_plans_keep_goes_with_the_last_of_them(pool: PgPool) {
    let estate = Estate::new(pool.clone(), &["shop"]).await;
    let second: i64 = sqlx::query_scalar(
        "insert into plan (name, harbor_id, vault_id, include, exclude, cron, zone, rpo_s, created_by)
         select 'second', harbor_id, vault_id, include, exclude, cron, zone, rpo_s, created_by from plan returning plan_id",
    )
    .fetch_one(&pool)
    .await
    .unwrap();
    estate.run().await;
    estate.attempt(second).await.2.unwrap();
    assert_eq!(spans(&pool, "shop").await.len(), 2, "the second confirms what the first made");
    estate.push("shop/web", "2").await;
    estate.run().await;
    estate.attempt(second).await.2.unwrap();
    let keep = async |plan_id: i64| {
        sqlx::query("update plan set keep = $2, keep_since = now() - interval '2 days' where plan_id = $1")
            .bind(plan_id)
            .bind(Json(Keep { last: 1, ..Keep::default() }))
            .execute(&pool)
            .await
            .unwrap();
        let plan = plans::queries::one(&mut pool.acquire().await.unwrap(), plan_id).await.unwrap().unwrap();
        sqlx::query("update job set state = 'done', finished_at = now() where state in ('queued', 'running')")
            .execute(&pool)
            .await
            .unwrap();
        plans::retention::expire(&claimed(&pool).await, &plan, &estate.vault).await.unwrap()
    };
    assert_eq!((keep(estate.plan_id).await, recorded(&pool, "snapshot.expire").await), (0, 0), "the other plan keeps it");
    assert_eq!(spans(&pool, "shop").await.len(), 3);
    assert_eq!((keep(second).await, recorded(&pool, "snapshot.expire").await), (1, 1));
    assert_eq!(spans(&pool, "shop").await, [(1, true, false), (1, true, false)]);
}
