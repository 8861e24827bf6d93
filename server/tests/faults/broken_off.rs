//! Transactions that Postgres breaks off because of others: a deadlock, a serialization failure, a lock that is held too long (F-30).

use http::Method;
use serde_json::{Value, json};
use sqlx::PgConnection;

use crate::world::{World, until};

/// Pauses the plan as the operator.
async fn pause(world: &World) -> (u16, Value) {
    let path = format!("/api/v1/plans/{}/pause", world.plan);
    let form = json!({ "reason": "the Harbor is being moved", "days": 3 });
    world.client().ask(world.token(), Method::POST, &path, Some(form)).await.unwrap()
}

/// Waits until a transaction of the program waits for a lock.
async fn waits_for_a_lock(world: &World) {
    until("the program waits for a lock", async || {
        let waiting =
            world.number("select count(*) from pg_stat_activity where application_name = 'breakwater' and wait_event_type = 'Lock'");
        (waiting.await > 0).then_some(())
    })
    .await;
}

async fn run(conn: &mut PgConnection, sql: &'static str) {
    sqlx::raw_sql(sql).execute(conn).await.unwrap();
}

/// One change, one record.
async fn is_paused_once(world: &World) {
    assert_eq!(world.number("select count(*) from plan where paused_at is not null").await, 1);
    assert_eq!(world.recorded("plan.pause").await, 1);
    world.doctor();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_that_lost_a_deadlock_is_run_again_whole() {
    let world = World::new().await;
    let mut other = world.pool.acquire().await.unwrap();
    // Whoever waits longer is broken off: that is to be the program.
    run(&mut other, "set deadlock_timeout = '1h'; begin; select 1 from audit_head for update").await;
    let strike = async {
        waits_for_a_lock(&world).await;
        // It holds the plan's row and waits for the head of the chain.
        run(&mut other, "update plan set name = name; commit").await;
    };
    let ((status, answer), ()) = tokio::join!(pause(&world), strike);
    assert_eq!(status, 200, "{answer}");
    assert_eq!(world.number("select deadlocks from pg_stat_database where datname = 'postgres'").await, 1, "there was one");
    is_paused_once(&world).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_that_cannot_be_serialized_is_run_again_whole() {
    let mut world = World::new().await;
    let strict = format!("{}&options=-c%20default_transaction_isolation%3Drepeatable%5C%20read", world.cluster.url());
    world.serve_through(&strict).await;
    let mut other = world.pool.acquire().await.unwrap();
    run(&mut other, "begin; update plan set name = name").await;
    let strike = async {
        waits_for_a_lock(&world).await;
        run(&mut other, "commit").await;
    };
    let ((status, answer), ()) = tokio::join!(pause(&world), strike);
    assert_eq!(status, 200, "{answer}");
    assert!(world.cluster.log().contains("could not serialize access"), "Postgres broke it off");
    is_paused_once(&world).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lock_that_is_held_for_ever_is_answered_503_and_nothing_is_done() {
    let world = World::new().await;
    let mut other = world.pool.acquire().await.unwrap();
    run(&mut other, "begin; update plan set name = name").await;
    let (status, refusal) = pause(&world).await;
    assert_eq!((status, refusal["code"].as_str()), (503, Some("database")), "{refusal}");
    let tries = world.cluster.log().matches("canceling statement due to lock timeout").count();
    assert!(tries >= 4, "it was tried again three times: {tries}");
    assert_eq!(world.recorded("plan.pause").await, 0);
    run(&mut other, "rollback").await;
    assert_eq!(pause(&world).await.0, 200);
    is_paused_once(&world).await;
}
