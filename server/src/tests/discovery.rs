//! Looks at a harbor: one that was set back, a run asked for while another goes on, and the projects that are listed by themselves.

use app::accounts::types::Duty;
use app::home::concerns::Topic;
use app::jobs::failures::Failure;
use harbor_sim::Version;
use sqlx::PgPool;

use super::capture::Estate;
use super::world::{harbor, origin, person, recorded, state};
use crate::jobs::queries::{self as jobs, End};
use crate::{harbors, home, plans};

/// Snapshots of a project that a plan still has and must keep, newest first.
async fn held(pool: &PgPool, plan_id: i64, project: &str) -> Vec<bool> {
    let mut rows = plans::queries::keepable(&mut pool.acquire().await.unwrap(), plan_id).await.unwrap();
    rows.retain(|row| row.project == project);
    rows.sort_by_key(|row| std::cmp::Reverse(row.moment));
    rows.into_iter().map(|row| row.held).collect()
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn a_harbor_set_back_to_yesterday_is_listed_whole_and_told_and_what_it_lost_is_kept(pool: PgPool) {
    for version in [Version::V2_15_2, Version::V2_12_4] {
        let estate = Estate::with(pool.clone(), &["shop", "prod"], version).await;
        estate.run().await;
        estate.push("prod/web", "hint").await;
        estate.run().await;
        estate.age().await;
        let dump = estate.sim.dump();
        estate.push("shop/web", "only-later").await;
        estate.run().await;
        assert_eq!(estate.tags("shop/web").await, ["1", "only-later"]);
        assert!(!held(&pool, estate.plan_id, "shop").await[0]);

        estate.sim.set_back(&dump);
        let ran = estate.run().await;
        assert_eq!((ran.projects_done, ran.projects_unchanged, ran.full_reconcile), (2, 0, true), "{version:?}: {}", ran.hint);
        assert!(
            ran.hint.starts_with("every project was listed: the Harbor was set back to an older state of its database; "),
            "{}",
            ran.hint
        );
        assert_eq!(estate.tags("shop/web").await, ["1"], "the newest snapshot shows what is there");
        assert_eq!(recorded(&pool, "harbor.set_back").await, 1);
        assert_eq!(
            held(&pool, estate.plan_id, "shop").await[..2],
            [false, true],
            "and the one of the lost time stays whatever the rule says"
        );
        let lost: i64 = sqlx::query_scalar("select s.snapshot_id from snapshot s join project p using (project_id) where p.name = 'shop' order by moment desc offset 1 limit 1")
            .fetch_one(&pool)
            .await
            .unwrap();
        assert!(!plans::queries::expire(&mut pool.acquire().await.unwrap(), lost, Some(estate.plan_id)).await.unwrap());

        let next = estate.run().await;
        assert_eq!(next.projects_done, 2);
        assert!(!next.full_reconcile && !next.hint.contains("set back"), "{}", next.hint);
        assert_eq!(recorded(&pool, "harbor.set_back").await, 1, "it is told once");
        sqlx::query("update harbor_set_back set noticed_at = now() - interval '91 days'").execute(&pool).await.unwrap();
        assert!(plans::queries::expire(&mut pool.acquire().await.unwrap(), lost, Some(estate.plan_id)).await.unwrap(), "not for ever");
        sqlx::raw_sql("truncate harbor, plan, vault, project cascade; alter table audit_record disable trigger all; delete from audit_record; alter table audit_record enable trigger all")
            .execute(&pool)
            .await
            .unwrap();
    }
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn run_now_during_a_run_waits_for_its_end_and_looks_for_itself_once(pool: PgPool) {
    let estate = Estate::new(pool.clone(), &["shop"]).await;
    let ops = person(&estate.state, "ops", &[Duty::Operator], "").await;
    let by = origin();
    let press = || plans::run_now(&estate.state, &ops, &by, estate.plan_id);
    let first = press().await.unwrap();
    assert_eq!(press().await.unwrap(), first, "one that has not begun will look later than now");
    let claimed = jobs::claim(&mut pool.acquire().await.unwrap(), "w", 600.0).await.unwrap().unwrap();
    assert_eq!(claimed.job_id, first);
    let second = press().await.unwrap();
    assert_ne!(second, first, "the one that goes on has looked already");
    assert_eq!((press().await.unwrap(), press().await.unwrap()), (second, second), "two more presses join the one that waits");
    let plan = plans::get(&estate.state, &ops, estate.plan_id).await.unwrap();
    assert_eq!((plan.running_job, plan.next_job), (Some(first), Some(second)), "and the page says so");
    let mut conn = pool.acquire().await.unwrap();
    assert!(jobs::claim(&mut conn, "w", 600.0).await.unwrap().is_none(), "no two runs of a plan at a time");
    assert!(jobs::is_awaited(&mut conn, first).await.unwrap());

    // A try that failed goes on later with what it had not sealed: no look of its own for the rest.
    let again = End::Again { error: Failure::HarborSilent, remedy: None, wait_s: 60.0 };
    sqlx::query("update run set started_at = now() where job_id = $1").bind(first).execute(&pool).await.unwrap();
    assert!(jobs::finish(&mut conn, first, claimed.epoch, &again).await.unwrap());
    assert_eq!(press().await.unwrap(), second);
    assert!(jobs::claim(&mut conn, "w", 600.0).await.unwrap().is_none(), "it is not over");
    sqlx::query("update job set state = 'done' where job_id = $1").bind(first).execute(&pool).await.unwrap();
    sqlx::query("update run set state = 'good' where job_id = $1").bind(first).execute(&pool).await.unwrap();
    assert_eq!(jobs::claim(&mut conn, "w", 600.0).await.unwrap().unwrap().job_id, second);
    let third = press().await.unwrap();
    assert!(third != second && third != first, "the second looked by now");
    assert!(jobs::claim(&mut conn, "w", 600.0).await.unwrap().is_none());
    let runs: i64 = sqlx::query_scalar("select count(*) from run").fetch_one(&pool).await.unwrap();
    assert_eq!((runs, recorded(&pool, "plan.run_now").await), (3, 3));
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn the_schedule_does_not_queue_behind_its_own_run(pool: PgPool) {
    let estate = Estate::new(pool.clone(), &["shop"]).await;
    let ops = person(&estate.state, "ops", &[Duty::Operator], "").await;
    plans::run_now(&estate.state, &ops, &origin(), estate.plan_id).await.unwrap();
    jobs::claim(&mut pool.acquire().await.unwrap(), "w", 600.0).await.unwrap().unwrap();
    sqlx::query("update plan set next_at = now() - interval '1 minute'").execute(&pool).await.unwrap();
    plans::queue_due(&estate.state).await.unwrap();
    let open: i64 = sqlx::query_scalar("select count(*) from job where kind = 'backup'").fetch_one(&pool).await.unwrap();
    assert_eq!(open, 1, "a run that takes longer than the interval is no reason for one more");
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn projects_are_listed_every_few_minutes_by_one_job_and_a_new_one_shows_as_unprotected(pool: PgPool) {
    let estate = Estate::new(pool.clone(), &["shop"]).await;
    let ops = person(&estate.state, "ops", &[Duty::Operator], "").await;
    let listings =
        || async { sqlx::query_scalar::<_, i64>("select count(*) from job where kind = 'inventory'").fetch_one(&pool).await.unwrap() };
    harbors::queue_inventories(&estate.state).await.unwrap();
    harbors::queue_inventories(&estate.state).await.unwrap();
    assert_eq!(listings().await, 1);
    let by_hand = harbors::list_projects_now(&estate.state, &ops, &origin(), "sim").await.unwrap();
    assert_eq!(listings().await, 1, "asked for by hand, it is the one that waits already");
    estate.sim.create_project("newcomer", false).unwrap();
    estate.sim.control().reset_counts();
    let claimed = jobs::claim(&mut pool.acquire().await.unwrap(), "w", 600.0).await.unwrap().unwrap();
    assert_eq!(claimed.job_id, by_hand);
    let context = std::sync::Arc::new(crate::jobs::JobContext::new(estate.state.clone(), &claimed));
    harbors::inventory_job(context, estate.harbor_id).await.unwrap();
    assert!(estate.sim.control().total() <= 8, "{:?}", estate.sim.control().seen());
    jobs::finish(&mut pool.acquire().await.unwrap(), claimed.job_id, claimed.epoch, &End::Done).await.unwrap();
    sqlx::query("update plan set include = '{shop}'").execute(&pool).await.unwrap();
    let page = home::home(&estate.state, &ops).await.unwrap();
    assert!(
        page.concerns.iter().any(|c| c.title == Topic::NotProtected.into() && c.text.to_string().contains("sim/newcomer")),
        "{:?}",
        page.concerns
    );

    harbors::queue_inventories(&estate.state).await.unwrap();
    assert_eq!(listings().await, 1, "not yet");
    for _ in 0..3 {
        sqlx::query("update harbor set inventory_at = now() - interval '6 minutes'").execute(&pool).await.unwrap();
        sqlx::query("update job set state = 'done', finished_at = now() where kind = 'inventory'").execute(&pool).await.unwrap();
        harbors::queue_inventories(&estate.state).await.unwrap();
    }
    assert_eq!(listings().await, 1, "those that are over do not pile up");
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn failed_jobs_of_what_is_gone_leave_home(pool: PgPool) {
    let state = state(pool.clone());
    let ops = person(&state, "ops", &[Duty::Operator], "").await;
    let harbor_id = harbor(&pool, "prod").await;
    let vault_id: i64 =
        sqlx::query_scalar("insert into vault (name, path, vault_uuid) values ('v', '/v', gen_random_uuid()) returning vault_id")
            .fetch_one(&pool)
            .await
            .unwrap();
    let plan_id: i64 = sqlx::query_scalar(
        "insert into plan (name, harbor_id, vault_id, include, exclude, cron, zone, rpo_s, created_by)
         values ('nightly', $1, $2, '{*}', '{}', '0 3 * * *', 'UTC', 93600, 'test') returning plan_id",
    )
    .bind(harbor_id)
    .bind(vault_id)
    .fetch_one(&pool)
    .await
    .unwrap();
    let job = |kind: &'static str, key: String, payload: serde_json::Value| {
        let pool = pool.clone();
        async move {
            sqlx::query_scalar::<_, i64>(
                "insert into job (kind, title, payload, dedupe_key, attempt_max, trigger, state, finished_at, error)
                 values ($1::text, to_jsonb($1::text), $3, $2, 8, 'test', 'dead', now(), '\"no\"') returning job_id",
            )
            .bind(kind)
            .bind(key)
            .bind(payload)
            .fetch_one(&pool)
            .await
            .unwrap()
        }
    };
    let run = job("backup", format!("backup:{plan_id}:"), serde_json::json!({ "run_id": 1 })).await;
    sqlx::query("insert into run (plan_id, job_id, trigger) values ($1, $2, 'user')").bind(plan_id).bind(run).execute(&pool).await.unwrap();
    job("copy", "copy".to_owned(), serde_json::json!({ "plan_id": plan_id, "vault_id": vault_id })).await;
    job("inventory", "inventory".to_owned(), serde_json::json!({ "harbor_id": harbor_id })).await;
    let failed = || async {
        let page = home::home(&state, &ops).await.unwrap();
        page.concerns.into_iter().filter(|c| c.title == Topic::JobFailed.into()).map(|c| c.text.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(failed().await.len(), 2, "a harbor that is not reached is told of by itself");
    sqlx::query("update plan set deleted_at = now()").execute(&pool).await.unwrap();
    assert_eq!(failed().await, [""; 0]);
}

/// Whether a Harbor was set back is asked of what changed last, and of a project that is gone it says nothing but no.
#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn a_project_that_is_deleted_ends_no_run(pool: PgPool) {
    for version in [Version::V2_15_2, Version::V2_12_4] {
        let estate = Estate::with(pool.clone(), &["shop", "tools"], version).await;
        super::find::read_by_a_robot(&estate).await;
        estate.run().await;
        estate.push("tools/web", "2").await;
        estate.run().await;
        let (user, password) = estate.sim.admin();
        for path in ["projects/tools/repositories/web", "projects/tools/repositories/api", "projects/tools"] {
            let gone = reqwest::Client::new().delete(format!("{}/api/v2.0/{path}", estate.sim.url())).basic_auth(user, Some(password));
            gone.send().await.unwrap().error_for_status().unwrap();
        }
        for _ in 0..2 {
            assert_eq!(estate.run().await.projects_done, 1, "{version:?}");
        }
        estate.push("shop/web", "2").await;
        estate.run().await;
        assert_eq!(estate.tags("shop/web").await, ["1", "2"]);
        let open: Vec<String> = sqlx::query_scalar("select p.name from standing t join project p using (project_id) where is_open")
            .fetch_all(&pool)
            .await
            .unwrap();
        assert_eq!(open, ["shop"], "of what is gone nothing is known from then on");
        sqlx::raw_sql("truncate harbor, plan, vault, project cascade; alter table audit_record disable trigger all; delete from audit_record; alter table audit_record enable trigger all")
            .execute(&pool)
            .await
            .unwrap();
    }
}
