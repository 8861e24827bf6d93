//! A Harbor that is restarted in the middle of a run, and comes back as another version (F-23).

use harbor_sim::{Action, Match, Version};
use http::Method;

use crate::people::names;
use crate::world::{World, until};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_goes_on_with_a_harbor_that_was_upgraded_under_it_and_says_so() {
    let mut world = World::with_lasting_harbor().await;
    world.push("shop/web", 8).await;
    let held = world.hold(Method::GET, "/blobs/sha256:", 6);
    let worker = world.worker("w");
    let job = world.queue_run().await;
    world.held(&held, "a layer is being read").await;
    // What a proxy in front answers while nobody is behind it.
    let away = world.harbor.control().fail(Match::path(""), Action::Status(502, "UNKNOWN".to_owned(), "Bad Gateway".to_owned()));
    held.gate.open();
    until("the run meets the Harbor that is away", async || (away.fired() > 2).then_some(())).await;
    world.restart_harbor(Version::V2_16).await;
    assert_eq!(world.job_over(job).await, "done");
    assert_eq!(world.newest_run().await["state"], "good");
    let versions: (String, String) =
        sqlx::query_as("select harbor_version_start, harbor_version_end from run").fetch_one(&world.pool).await.unwrap();
    assert_eq!(versions, ("v2.15.2".to_owned(), "v2.16.0".to_owned()));
    assert!(worker.terminate().success());
    world.doctor();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restore_waits_for_a_harbor_that_is_restarted_under_it() {
    const TAGS: usize = 12;
    let mut world = World::with_lasting_harbor().await;
    world.push("shop/web", TAGS).await;
    world.back_up().await;
    let lost = world.lose("shop/web", TAGS).await;
    let held = world.hold(Method::PUT, "/manifests/", 3);
    let _worker = world.worker("w");
    let asked = world.draft(&names(&lost)).await;
    let job = world.approved(&asked).await;
    world.held(&held, "a manifest is about to be written").await;
    let away = world.harbor.control().fail(Match::path(""), Action::Status(502, "UNKNOWN".to_owned(), "Bad Gateway".to_owned()));
    held.gate.open();
    until("the try ends", async || (world.job(job).await.0 == "queued").then_some(())).await;
    assert!(away.fired() > 2, "it met the Harbor that is away");
    assert_eq!(world.number("select count(*) from restore_item where outcome = 'failed'").await, 0, "no line failed for that");
    world.restart_harbor(Version::V2_16).await;
    assert_eq!(world.job_over(job).await, "done");
    assert_eq!(world.request(&asked).await["state"], "done");
    world.are_back(&lost).await;
    assert_eq!(world.number("select count(*) from restore_item where outcome = 'done'").await, TAGS as i64);
    assert_eq!(world.recorded("restore.finish").await, 1);
    world.doctor();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_backed_up_from_a_harbor_of_an_unknown_major_version() {
    let mut world = World::with_lasting_harbor().await;
    world.push("shop/web", 2).await;
    world.back_up().await;
    world.restart_harbor(Version::V3_0).await;
    world.push("shop/more", 1).await;
    let _worker = world.worker("w");
    let job = world.queue_run().await;
    assert_eq!(world.job_over(job).await, "dead");
    let job = world.get(&format!("/api/v1/jobs/{job}")).await;
    assert!(job["error"]["text"].as_str().unwrap().contains("Harbor v3.0.0 is not known to this program"), "{job}");
    assert!(job["remedy"]["text"].as_str().unwrap_or_default().contains("upgrade Breakwater"), "{job}");
    assert_eq!((world.pointers(), world.newest_run().await["state"].as_str()), (1, Some("failed")));
    world.doctor();
}
