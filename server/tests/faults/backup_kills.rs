//! A worker that is killed, or sleeps, in the middle of a backup.

use http::Method;

use crate::world::{World, until};

/// Tags pushed; each has a manifest, a configuration and two layers.
const TAGS: usize = 10;
/// Transfers a worker has under way at a time, at most: what may be asked for a second time after a kill.
const UNDER_WAY_MAX: u64 = 13;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_whose_worker_is_killed_again_and_again_ends_complete() {
    let world = World::new().await;
    world.harbor.create_project("base", false).unwrap();
    world.push("base/os", TAGS).await;
    world.push("shop/web", TAGS).await;
    let control = world.harbor.control();
    // Where each worker is struck: while manifests of the first project are read, among the layers of the second, and at the last proof of
    // login before its seal.
    let strikes = [("/v2/base/os/manifests/sha256:", 3), ("/v2/shop/web/blobs/sha256:", 9), ("/users/current/permissions", 4)];
    let mut worker = world.worker("w0");
    let mut held = world.hold(Method::GET, strikes[0].0, strikes[0].1);
    let mut seen = control.total();
    let job = world.queue_run().await;
    for number in 0..strikes.len() {
        world.held(&held, &format!("request {:?} is held", strikes[number])).await;
        assert_eq!(world.job(job).await, ("running".to_owned(), worker.name.clone()));
        assert!(control.total() >= seen + strikes[number].1, "the run made requests before it was struck");
        seen = control.total();
        let next = world.worker(&format!("w{}", number + 1));
        worker.kill_9();
        worker = next;
        if let Some((path, nth)) = strikes.get(number + 1) {
            held = world.hold(Method::GET, path, *nth);
        }
        if number == 0 {
            // Nobody wakes this one: it finds the job by itself when the lease is over (I-21).
            until("the lease ends and the next worker takes the job", async || (world.job(job).await.1 == worker.name).then_some(())).await;
        }
    }
    assert_eq!(world.job_over(job).await, "done");
    let run = world.newest_run().await;
    assert_eq!(run["state"], "good", "{run}");
    let figures = ["gaps", "projects", "projects_done"].map(|name| run[name].as_i64().unwrap());
    assert_eq!(figures, [0, 2, 2], "{run}");
    assert!(world.number("select attempt::bigint from job").await > 3, "each kill cost a try");
    assert_eq!(world.number("select count(*) from snapshot").await, 2, "a project that was sealed is not done again");
    assert_eq!((world.recorded("snapshot.create").await, world.recorded("backup.job.finish").await), (2, 1));
    let blobs = 2 * 3 * TAGS as u64;
    let asked = control.count(&Method::GET, harbor_sim::Class::Blob);
    assert!(asked <= blobs + 2 * UNDER_WAY_MAX, "{asked} requests for {blobs} blobs: what was stored is not fetched again");
    world.doctor();
}
