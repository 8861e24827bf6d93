//! A worker that is killed in the middle of a restore.

use http::Method;

use crate::people::names;
use crate::world::World;

const TAGS: usize = 6;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restore_whose_worker_is_killed_before_and_after_a_write_ends_once_and_right() {
    let world = World::new().await;
    world.push("shop/web", TAGS).await;
    world.back_up().await;
    let lost = world.lose("shop/web", TAGS).await;
    let writes = world.writes();
    // First before a manifest is written, then after a tag was made and before the worker hears of it.
    let before = world.hold(Method::PUT, "/manifests/", 3);
    let first = world.worker("first");
    let asked = world.draft(&names(&lost)).await;
    let job = world.approved(&asked).await;
    world.held(&before, "a manifest is about to be written").await;
    assert_eq!(world.job(job).await, ("running".to_owned(), "first".to_owned()));
    assert!(world.writes() >= writes + 3, "the restore was writing");
    let after = world.hold_answer(Method::POST, "/tags", 2);
    let second = world.worker("second");
    first.kill_9();
    world.held(&after, "a tag was made and nobody heard of it").await;
    assert_eq!(world.job(job).await, ("running".to_owned(), "second".to_owned()));
    let _third = world.worker("third");
    second.kill_9();
    assert_eq!(world.job_over(job).await, "done");
    let request = world.request(&asked).await;
    assert_eq!(request["state"], "done", "{request}");
    world.are_back(&lost).await;
    assert_eq!(world.number("select count(*) from restore_item where outcome = 'done'").await, TAGS as i64);
    assert!(world.number("select attempt::bigint from job where kind = 'restore'").await > 2, "each kill cost a try");
    for action in ["restore.submit", "restore.vote.approve", "restore.start", "restore.finish"] {
        assert_eq!(world.recorded(action).await, 1, "{action}");
    }
    world.doctor();
}
