//! `serve` killed in the middle of what people do.

use std::future::Future;

use serde_json::Value;

use crate::people::names;
use crate::world::{World, until};

/// Somebody waits for a lock the test holds.
const WAITING: &str = "select count(*) from pg_stat_activity where wait_event_type = 'Lock' and application_name = 'breakwater'";

/// Holds a lock, lets somebody ask, kills `serve` as soon as `moment` comes true, and starts it again.
async fn struck(
    world: &mut World,
    lock: &'static str,
    moment: &'static str,
    asking: impl Future<Output = reqwest::Result<(u16, Value)>> + Send + 'static,
) {
    let mut held = world.pool.begin().await.unwrap();
    sqlx::query(lock).execute(&mut *held).await.unwrap();
    let asking = tokio::spawn(asking);
    until(moment, async || (world.number(moment).await == 1).then_some(())).await;
    assert!(!asking.is_finished(), "nobody was answered before the kill");
    world.serve.take().unwrap().kill_9();
    assert!(asking.await.unwrap().is_err(), "the connection broke off");
    held.rollback().await.unwrap();
    world.start_serve().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_people_did_is_kept_or_was_never_done_when_serve_is_killed() {
    let mut world = World::new().await;
    world.push("shop/web", 2).await;
    world.back_up().await;
    let lost = world.lose("shop/web", 2).await;
    let asked = std::sync::Arc::new(world.draft(&names(&lost)).await);

    // Struck before it is sent off: the draft is a draft still.
    let client = world.client();
    let by = asked.clone();
    struck(&mut world, "select 1 from audit_head for update", WAITING, async move { client.submit(&by).await }).await;
    assert_eq!(world.recorded("restore.submit").await, 0);
    assert_eq!(world.number("select count(*) from request where state = 'draft'").await, 1);
    assert_eq!(world.client().submit(&asked).await.unwrap().0, 200);

    let vote = world.client().ballot(&asked).await;
    // Struck before the vote is kept: nobody has voted.
    let (client, by, ballot) = (world.client(), asked.clone(), vote.clone());
    struck(&mut world, "select 1 from audit_head for update", WAITING, async move { client.vote(&by, &ballot).await }).await;
    assert_eq!(world.number("select count(*) from vote").await, 0);
    assert_eq!(world.number("select count(*) from job where kind = 'restore'").await, 0);
    assert_eq!(world.request(&asked).await["state"], "waiting");

    // Struck after the vote was kept and before its answer: it counts, and voting again is refused.
    let (client, by, ballot) = (world.client(), asked.clone(), vote.clone());
    struck(&mut world, "lock table restore_item in access exclusive mode", "select count(*) from vote", async move {
        client.vote(&by, &ballot).await
    })
    .await;
    assert_eq!(world.client().vote(&asked, &vote).await.unwrap().0, 409);
    assert_eq!(world.request(&asked).await["state"], "queued");

    let job = world.number("select job_id from job where kind = 'restore'").await;
    let _worker = world.worker("w");
    assert_eq!(world.job_over(job).await, "done");
    world.are_back(&lost).await;
    for action in ["restore.submit", "restore.vote.approve", "restore.start", "restore.finish"] {
        assert_eq!(world.recorded(action).await, 1, "{action}");
    }
    assert_eq!(world.number("select count(*) from job where kind = 'restore'").await, 1);
    world.doctor();
}
