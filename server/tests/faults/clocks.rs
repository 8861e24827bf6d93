//! Clocks that are years apart (F-36). Which of the two is wrong no program can tell, so the database's is set wrong here: its functions are
//! found behind others of the same name.

use serde_json::json;

use crate::world::{World, until};

/// Sets the database's clock wrong by so much, for connections that are made from now on.
async fn shift(world: &World, by: &str) {
    let sql = format!(
        "create or replace function public.clock_timestamp() returns timestamptz language sql volatile
             as $$ select pg_catalog.clock_timestamp() + interval '{by}' $$;
         create or replace function public.now() returns timestamptz language sql stable
             as $$ select pg_catalog.now() + interval '{by}' $$;
         alter database postgres set search_path = public, pg_catalog;
         update job set run_at = public.now() where state = 'queued'"
    );
    sqlx::raw_sql(sqlx::AssertSqlSafe(sql)).execute(&world.pool).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_clocks_ten_years_apart_nothing_is_made_or_let_go_and_no_thousand_runs_start() {
    for by in ["-10 years", "10 years", "10 minutes"] {
        let world = World::new().await;
        world.push("shop/web", 2).await;
        world.back_up().await;
        world.push("shop/more", 1).await;
        let vault = world.number("select vault_id from vault").await;
        let run = world.queue_run().await;
        let sweep = world.post(&format!("/api/v1/vaults/{vault}/sweep"), json!({ "dry_run": false, "however_much": true })).await;
        let sweep = sweep["job_id"].as_i64().unwrap();
        sqlx::query("update plan set cron = '0 * * * *', next_at = now()").execute(&world.pool).await.unwrap();
        let (objects, pointers) = (world.files("blobs"), world.pointers());
        shift(&world, by).await;
        let worker = world.worker("w");
        for job in [run, sweep] {
            until("the job says why it does not run", async || {
                world.wake().await;
                let job = world.get(&format!("/api/v1/jobs/{job}")).await;
                let said = job["error"]["text"].as_str().map(str::to_owned);
                said.filter(|said| said.contains("the clock of this machine is") && said.contains("no snapshot is made or let go"))
            })
            .await;
        }
        assert!(worker.said().contains("it makes no snapshots and lets none go until they agree"), "{by}: an alarm");
        assert_eq!((world.files("blobs"), world.pointers()), (objects, pointers), "{by}");
        let runs = world.number("select count(*) from run").await;
        assert!(runs <= 102, "{by}: {runs} runs");
        shift(&world, "0 seconds").await;
        world.doctor();
    }
}
