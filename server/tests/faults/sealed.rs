//! A snapshot that is sealed in the vault when its worker dies, before the catalogue has it.

use serde_json::Value;

use crate::process::Process;
use crate::world::{World, until};

/// Starts a run and kills its worker between the pointer and the catalogue's commit: the test holds the row that the commit needs.
async fn die_sealed(world: &World, worker: Process) -> i64 {
    let (pointers, snapshots) = (world.pointers(), world.number("select count(*) from snapshot").await);
    let mut held = world.pool.begin().await.unwrap();
    sqlx::query("select 1 from project where name = 'shop' for no key update").execute(&mut *held).await.unwrap();
    let job = world.queue_run().await;
    until("the snapshot is sealed and waits for the catalogue", async || {
        let waits = "select count(*) from pg_stat_activity where wait_event_type = 'Lock' and query like '%from project%for update%'";
        (world.pointers() == pointers + 1 && world.number(waits).await == 1).then_some(())
    })
    .await;
    assert_eq!(world.job(job).await, ("running".to_owned(), worker.name.clone()));
    worker.kill_9();
    held.rollback().await.unwrap();
    assert_eq!(world.number("select count(*) from snapshot").await, snapshots, "the catalogue does not have it");
    job
}

/// Snapshots of `shop` as its timeline shows them.
async fn timeline(world: &World) -> Vec<Value> {
    world.get("/api/v1/projects/prod/shop").await["snapshots"].as_array().unwrap().clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_snapshot_sealed_by_a_worker_that_died_is_adopted() {
    let world = World::new().await;
    world.push("shop/web", 4).await;
    world.back_up().await;
    world.push("shop/api", 4).await;

    // By the worker that takes the run over.
    let job = die_sealed(&world, world.worker("first")).await;
    let second = world.worker("second");
    assert_eq!(world.job_over(job).await, "done");
    let run = world.newest_run().await;
    assert_eq!((&run["state"], &run["projects_done"]), (&"good".into(), &1.into()), "{run}");
    assert_eq!(world.recorded("snapshot.adopt").await, 1);
    assert_eq!(timeline(&world).await.len(), world.pointers(), "everything that is sealed is on the timeline");
    assert!(second.terminate().success());
    world.doctor();

    // By the next run, when nobody took this one over.
    world.push("shop/more", 2).await;
    let job = die_sealed(&world, world.worker("third")).await;
    world.post(&format!("/api/v1/jobs/{job}/cancel"), Value::Null).await;
    let _fourth = world.worker("fourth");
    assert_eq!(world.job_over(job).await, "cancelled");
    world.back_up().await;
    assert_eq!(world.recorded("snapshot.adopt").await, 2);
    assert_eq!(timeline(&world).await.len(), world.pointers());
    assert_eq!(world.recorded("snapshot.create").await + world.recorded("snapshot.adopt").await, world.pointers() as i64);
    world.doctor();
}
