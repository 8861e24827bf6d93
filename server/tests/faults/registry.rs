//! A Harbor that refuses, fails or lies, seen from the console's side.

use harbor_sim::{Action, Match, Nth, images};
use http::Method;

use crate::world::{World, until};

fn server_error() -> Action {
    Action::Status(500, "UNKNOWN".to_owned(), "internal server error".to_owned())
}

/// The newest job failed because of the login, says so and says what helps.
async fn login_refused(world: &World, job: i64, refused_max: usize) {
    assert_eq!(world.job_over(job).await, "dead");
    let job = world.get(&format!("/api/v1/jobs/{job}")).await;
    assert!(job["error"]["text"].as_str().unwrap().contains("credential rejected"), "{job}");
    assert!(job["remedy"]["text"].as_str().unwrap_or_default().contains("robot"), "{job}");
    assert_eq!(job["attempt"], 1, "another try would end the same");
    assert_eq!(world.newest_run().await["state"], "failed");
    let refused = world.harbor.control().seen().iter().filter(|seen| seen.status == 401).count();
    assert!((1..=refused_max).contains(&refused), "{refused} times refused: no login is tried again and again");
    assert_eq!((world.pointers(), world.number("select count(*) from snapshot").await), (2, 2));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_revoked_login_ends_the_run_at_once_and_never_looks_like_an_empty_harbor() {
    let world = World::new().await;
    world.harbor.create_project("base", false).unwrap();
    world.push("base/os", 2).await;
    world.push("shop/web", 2).await;
    world.back_up().await;
    let control = world.harbor.control();
    let _worker = world.worker("w");

    // In the middle of the first project.
    world.push("base/more", 2).await;
    world.push("shop/more", 2).await;
    let held = world.hold(Method::GET, "/v2/base/more/blobs/", 1);
    let job = world.queue_run().await;
    world.held(&held, "a layer of the first project is being read").await;
    let (_, robots) = world.harbor_api(Method::GET, "/api/v2.0/robots").await;
    for robot in robots.as_array().unwrap() {
        assert_eq!(world.harbor_api(Method::DELETE, &format!("/api/v2.0/robots/{}", robot["id"])).await.0, 200);
    }
    control.reset_counts();
    held.gate.open();
    // Each of the six blobs may be under way, and each login is repeated once.
    login_refused(&world, job, 14).await;
    let log = world.get(&format!("/api/v1/jobs/{job}/log")).await.to_string();
    assert!(log.contains("base:") && !log.contains("shop:"), "a login that was refused is not tried on the next project: {log}");

    // From the start: a listing with it is no empty listing.
    control.reset_counts();
    let job = world.queue_run().await;
    login_refused(&world, job, 2).await;
    let timeline = world.get("/api/v1/projects/prod/shop").await;
    assert_eq!(timeline["project"]["tags"], 2, "what was there is still shown: {timeline}");
    world.doctor();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_harbor_that_breaks_down_is_tried_again_and_a_lying_one_leaves_a_named_gap() {
    let world = World::new().await;
    world.push("shop/web", 12).await;
    let control = world.harbor.control();
    // Down from the tenth layer on, for longer than any single request is repeated.
    let down = control.fail(Match::new(Method::GET, "/blobs/sha256:").nth(Nth::From(10)), server_error());
    let _worker = world.worker("w");
    let job = world.queue_run().await;
    until("the run is put back", async || {
        let (state, _) = world.job(job).await;
        assert!(matches!(state.as_str(), "queued" | "running"), "{state}");
        (state == "queued" && world.number("select count(*) from job where error is not null").await == 1).then_some(())
    })
    .await;
    let tries = down.fired();
    assert!((10..=400).contains(&tries), "{tries} failing requests: repeated, and not for ever");
    assert_eq!(world.pointers(), 0, "nothing is sealed by a run that broke down");
    down.remove();
    // An image with a layer that is never what its digest says.
    let image = images::simple("lied about", &[7_000]);
    let lie = control.fail(Match::new(Method::GET, image.blobs[1].digest.clone()), Action::WrongBytes);
    world.harbor.push_image("shop/web", "lied-about", &image).await.unwrap();
    assert_eq!(world.job_over(job).await, "done");
    assert!(lie.fired() >= 1);
    let run = world.newest_run().await;
    assert_eq!(run["state"], "gaps", "{run}");
    let gaps = world.get("/api/v1/projects/prod/shop").await["gaps"].clone();
    assert!(gaps.to_string().contains("shop/web:lied-about"), "{gaps}");
    lie.remove();
    let job = world.queue_run().await;
    assert_eq!(world.job_over(job).await, "done");
    assert_eq!(world.newest_run().await["state"], "good");
    world.doctor();
}
