//! A connection to Postgres that ends at a commit, before it, during it or after it: nobody knows whether it counts (F-28).

use reqwest::header::{COOKIE, ORIGIN};
use serde_json::{Value, json};

use crate::wire::{Cut, Wire};
use crate::world::World;

/// Makes a token as the operator in a browser, with a key; answers with status, body and whether it was done before.
async fn ask(world: &World, session: &str, key: &str, body: &Value) -> (u16, Value, bool) {
    let request = world.http.post(format!("{}/api/v1/tokens", world.base)).header(ORIGIN, &world.base).header(COOKIE, session);
    let answer = request.header("idempotency-key", key).json(body).send().await.unwrap();
    let replayed = answer.headers().contains_key("idempotency-replayed");
    (answer.status().as_u16(), answer.json().await.unwrap_or_default(), replayed)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_whose_commit_was_not_answered_is_done_once_however_often_it_is_made() {
    let mut world = World::new().await;
    let wire = Wire::before(world.cluster.folder()).await;
    world.serve_through(&wire.url()).await;
    let session = world.client().sign_in("ops").await.1.unwrap();
    for (cut, done) in [(Cut::Before, Some(false)), (Cut::During, None), (Cut::After, Some(true))] {
        let name = format!("token of {cut:?}");
        let form = json!({ "name": name, "scope": "read", "days": 7 });
        wire.cut(&name, cut);
        let (status, refusal, _) = ask(&world, &session, &name, &form).await;
        assert_eq!((status, refusal["code"].as_str(), wire.fired()), (503, Some("outcome_unknown"), 1), "{cut:?}: {refusal}");
        let (status, answer, replayed) = ask(&world, &session, &name, &form).await;
        assert_eq!(status, 200, "{cut:?}: {answer}");
        assert!(done.is_none_or(|done| done == replayed), "{cut:?}: {answer}");
        let (status, receipt, replayed) = ask(&world, &session, &name, &form).await;
        assert_eq!((status, receipt["action"].as_str(), replayed), (200, Some("token.create"), true), "{cut:?}: {receipt}");
        let tokens: i64 =
            sqlx::query_scalar("select count(*) from api_token where name = $1").bind(&name).fetch_one(&world.pool).await.unwrap();
        let sql = "select count(*) from audit_record where action = 'token.create' and convert_from(record, 'UTF8')::jsonb -> 'event' ->> 'name' = $1";
        let records: i64 = sqlx::query_scalar(sql).bind(&name).fetch_one(&world.pool).await.unwrap();
        assert_eq!((tokens, records), (1, 1), "{cut:?}");
        let other = json!({ "name": "another", "scope": "read", "days": 7 });
        let (status, refusal, _) = ask(&world, &session, &name, &other).await;
        assert_eq!((status, refusal["code"].as_str()), (409, Some("key_used")), "{refusal}");
    }
    let (status, refusal, _) = ask(&world, &session, &"k".repeat(201), &json!({})).await;
    assert_eq!((status, refusal["code"].as_str()), (400, Some("bad_key")));
    world.doctor();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_snapshot_whose_commit_was_not_answered_is_in_the_catalogue_once() {
    let world = World::new().await;
    let wire = Wire::before(world.cluster.folder()).await;
    world.push("shop/web", 3).await;
    for (number, cut) in [Cut::Before, Cut::During, Cut::After].into_iter().enumerate() {
        world.push(&format!("shop/r{number}"), 1).await;
        wire.cut("snapshot.create", cut);
        let worker = world.worker_through(&format!("w{number}"), &wire.url());
        let job = world.queue_run().await;
        assert_eq!(world.job_over(job).await, "done", "{cut:?}");
        assert_eq!((wire.fired(), world.newest_run().await["state"].as_str()), (1, Some("good")), "{cut:?}");
        assert!(worker.terminate().success());
        let entered = world.number("select count(*) from snapshot").await;
        assert_eq!(entered, i64::try_from(world.pointers()).unwrap(), "{cut:?}: the catalogue has what the vault has");
        assert_eq!(
            world.number("select count(*) from audit_record where action in ('snapshot.create', 'snapshot.adopt')").await,
            entered,
            "{cut:?}"
        );
        world.doctor();
    }
}
