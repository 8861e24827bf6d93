//! A worker that may open no more files (F-9).

use http::Method;

use crate::world::{World, until};

/// So few that no number is free.
const FEW: usize = 8;
/// What a worker may have open without anything being wrong.
const MANY: usize = 1_024;
/// More connections and files than before that one more run may leave open: idle ones of the pools.
const IDLE_MAX: usize = 30;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_without_files_to_open_fails_the_run_in_clear_words_and_goes_on_when_it_may_again() {
    let world = World::new().await;
    world.push("shop/web", 12).await;
    let held = world.hold(Method::GET, "/blobs/sha256:", 2);
    let mut worker = world.worker("w");
    let job = world.queue_run().await;
    world.held(&held, "a layer is being read").await;
    // What is open stays open; the lowest numbers are taken for good by what every process needs.
    worker.may_open(FEW);
    held.gate.open();
    let said = until("the try ends", async || {
        let error: Option<String> =
            sqlx::query_scalar("select error::text from job where job_id = $1").bind(job).fetch_one(&world.pool).await.unwrap();
        error
    })
    .await;
    assert!(said.to_lowercase().contains("too many open files"), "{said}");
    assert!(worker.is_alive(), "it goes on");
    assert_eq!(world.pointers(), 0, "nothing was sealed without what it could not read");
    worker.may_open(MANY);
    assert_eq!(world.job_over(job).await, "done");
    assert_eq!((world.newest_run().await["state"].as_str(), world.pointers()), (Some("good"), 1));
    let before = worker.open_files();
    for _ in 0..3 {
        let job = world.queue_run().await;
        assert_eq!(world.job_over(job).await, "done");
    }
    assert!(worker.open_files() <= before + IDLE_MAX, "{} and then {}", before, worker.open_files());
    world.doctor();
}
