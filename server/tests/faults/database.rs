//! Postgres that ends at once in the middle of a backup and of a restore, and comes back (F-29).

use http::Method;

use crate::people::names;
use crate::world::{World, until};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_stops_and_comes_back_is_found_again_by_server_and_worker() {
    let mut world = World::new().await;
    world.push("shop/web", 8).await;
    world.run(&["admin", "create", "dev", "--grant", "viewer prod/shop"], crate::world::PASSWORD);
    let held = world.hold(Method::GET, "/blobs/sha256:", 6);
    let mut worker = world.worker("w");
    let job = world.queue_run().await;
    world.held(&held, "a layer is being read").await;
    assert_eq!(world.job(job).await, ("running".to_owned(), "w".to_owned()));
    world.cluster.stop_immediately();
    // The backup goes on into the outage; nobody can say that its lease holds, so it must end without a snapshot.
    held.gate.open();
    let client = world.client();
    let (status, refusal) = client.ask(world.token(), Method::GET, "/api/v1/me", None).await.unwrap();
    assert_eq!((status, refusal["code"].as_str()), (503, Some("database")), "{refusal}");
    assert_eq!(client.sign_in("dev").await.0, 503);
    let page = world.http.get(format!("{}/signin", world.base)).send().await.unwrap();
    assert_eq!(page.status(), 503, "a page says so too");
    until("the worker gives the job up", async || worker.said().contains("lease was lost").then_some(())).await;
    assert_eq!(world.pointers(), 0);
    world.cluster.start_again();
    assert!(world.cluster.log().contains("was not properly shut down"), "Postgres had to recover");
    until("serve answers again", async || {
        let (status, _) = client.ask(world.token(), Method::GET, "/api/v1/me", None).await.unwrap();
        (status == 200).then_some(())
    })
    .await;
    assert!(client.sign_in("dev").await.1.is_some());
    assert_eq!(world.job_over(job).await, "done");
    assert_eq!(world.newest_run().await["state"], "good");
    assert!(worker.is_alive() && world.serve.as_mut().unwrap().is_alive(), "both found it again by themselves");
    assert!(world.number("select attempt::bigint from job").await > 1, "the outage cost a try");
    world.doctor();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restore_through_a_database_that_stops_and_comes_back_ends_once_and_right() {
    const TAGS: usize = 6;
    let mut world = World::new().await;
    world.push("shop/web", TAGS).await;
    world.back_up().await;
    let lost = world.lose("shop/web", TAGS).await;
    let held = world.hold(Method::PUT, "/manifests/", 3);
    let mut worker = world.worker("w");
    let asked = world.draft(&names(&lost)).await;
    let job = world.approved(&asked).await;
    world.held(&held, "a manifest is about to be written").await;
    assert_eq!(world.job(job).await, ("running".to_owned(), "w".to_owned()));
    let writes = world.writes();
    world.cluster.stop_immediately();
    held.gate.open();
    until("the worker gives the job up", async || worker.said().contains("lease was lost").then_some(())).await;
    // The write that was under way may have been made; nothing else is written while nobody knows whose the job is.
    assert!(world.writes() <= writes + 2, "{} and then {}", writes, world.writes());
    world.cluster.start_again();
    assert!(world.cluster.log().contains("was not properly shut down"), "Postgres had to recover");
    assert_eq!(world.job_over(job).await, "done");
    assert_eq!(world.request(&asked).await["state"], "done");
    world.are_back(&lost).await;
    assert_eq!(world.number("select count(*) from restore_item where outcome = 'done'").await, TAGS as i64);
    for action in ["restore.submit", "restore.vote.approve", "restore.start", "restore.finish"] {
        assert_eq!(world.recorded(action).await, 1, "{action}");
    }
    assert!(worker.is_alive() && world.serve.as_mut().unwrap().is_alive(), "both found it again by themselves");
    world.doctor();
}
