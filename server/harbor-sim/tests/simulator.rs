//! What only the simulator has: saved data, ordered trouble, counters, content put in from inside, versions.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on shall panic, in helpers too")]

use std::time::Duration;

use harbor_sim::{Account, Action, Class, Config, Gate, Match, Nth, Running, Seed, Version, images};
use reqwest::{Client, Method, StatusCode};
use serde_json::Value;

const ACCEPT: &str = "application/vnd.oci.image.manifest.v1+json,application/vnd.oci.image.index.v1+json";

async fn started(config: Config) -> (Running, Client) {
    let harbor = harbor_sim::start(config).await.unwrap();
    let client = Client::builder().redirect(reqwest::redirect::Policy::none()).no_proxy().build().unwrap();
    (harbor, client)
}

async fn get(harbor: &Running, client: &Client, path: &str) -> reqwest::Response {
    let (user, password) = harbor.admin();
    let request = client.get(format!("{}{path}", harbor.url())).basic_auth(user, Some(password));
    request.header("accept", ACCEPT).send().await.unwrap()
}

async fn json(harbor: &Running, client: &Client, path: &str) -> Value {
    get(harbor, client, path).await.json().await.unwrap()
}

#[tokio::test]
async fn a_stopped_simulator_starts_again_with_its_data() {
    let folder = tempfile::tempdir().unwrap();
    let config = Config { data: Some(folder.path().to_owned()), ..Config::default() };
    let (harbor, client) = started(config.clone()).await;
    harbor.create_project("shop", false).unwrap();
    let image = images::simple("kept", &[200_000]);
    harbor.push_image("shop/web", "v1", &image).await.unwrap();
    let before = json(&harbor, &client, "/api/v2.0/projects/shop/artifacts").await;
    harbor.stop().await.unwrap();
    let (harbor, client) = started(config).await;
    assert_eq!(json(&harbor, &client, "/api/v2.0/projects/shop/artifacts").await, before);
    let blob = get(&harbor, &client, &format!("/v2/shop/web/blobs/{}", image.blobs[1].digest)).await;
    assert_eq!(blob.bytes().await.unwrap(), image.blobs[1].bytes);
    harbor.stop().await.unwrap();
}

#[tokio::test]
async fn an_upload_to_files_is_kept_under_its_digest_and_a_broken_one_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (harbor, client) = started(Config { data: Some(folder.path().to_owned()), ..Config::default() }).await;
    let (user, password) = harbor.admin();
    let blob = images::Blob::new("application/octet-stream", vec![7_u8; 300_000]);
    for (digest, status) in [(format!("sha256:{}", "4".repeat(64)), 400), (blob.digest.clone(), 201)] {
        let start = format!("{}/v2/library/x/blobs/uploads/", harbor.url());
        let start = client.post(start).basic_auth(user, Some(password)).send().await.unwrap();
        let place = start.headers()["location"].to_str().unwrap().to_owned();
        let put = client.put(format!("{place}&digest={digest}")).basic_auth(user, Some(password));
        assert_eq!(put.body(blob.bytes.clone()).send().await.unwrap().status().as_u16(), status);
    }
    let hex = blob.digest.strip_prefix("sha256:").unwrap();
    assert_eq!(std::fs::read(folder.path().join("blobs").join(hex)).unwrap(), blob.bytes);
    assert_eq!(std::fs::read_dir(folder.path().join("uploads")).unwrap().count(), 0);
    harbor.stop().await.unwrap();
}

#[tokio::test]
async fn ordered_trouble_happens_to_the_nth_match_and_is_counted() {
    let (harbor, client) = started(Config::default()).await;
    let control = harbor.control();
    let fault =
        control.fail(Match::new(Method::GET, "/projects").nth(Nth::Only(2)), Action::Status(503, "UNKNOWN".to_owned(), "down".to_owned()));
    let mut statuses = Vec::new();
    for _ in 0..3 {
        statuses.push(get(&harbor, &client, "/api/v2.0/projects").await.status().as_u16());
    }
    assert_eq!(statuses, [200, 503, 200]);
    assert_eq!(fault.fired(), 1);
    let busy = control.fail(Match::path("/health"), Action::RetryAfter(429, 7));
    let answer = get(&harbor, &client, "/api/v2.0/health").await;
    assert_eq!((answer.status(), answer.headers()["retry-after"].to_str().unwrap()), (StatusCode::TOO_MANY_REQUESTS, "7"));
    busy.remove();
    assert_eq!(get(&harbor, &client, "/api/v2.0/health").await.status(), StatusCode::OK);
    assert_eq!(control.count(&Method::GET, Class::Api), 5);
    harbor.stop().await.unwrap();
}

#[tokio::test]
async fn bodies_break_off_arrive_wrong_or_never() {
    let (harbor, client) = started(Config::default()).await;
    let image = images::simple("x", &[100_000]);
    harbor.push_image("library/x", "v1", &image).await.unwrap();
    let layer = &image.blobs[1];
    let path = format!("/v2/library/x/blobs/{}", layer.digest);
    let control = harbor.control();

    let fault = control.fail(Match::path(&layer.digest).nth(Nth::Only(1)), Action::Truncate(1_000));
    let answer = get(&harbor, &client, &path).await;
    assert_eq!(answer.content_length(), Some(layer.bytes.len() as u64));
    assert!(answer.bytes().await.is_err(), "the body breaks off");
    assert_eq!(fault.fired(), 1);

    control.fail(Match::path(&layer.digest).nth(Nth::Only(1)), Action::WrongBytes);
    let wrong = get(&harbor, &client, &path).await.bytes().await.unwrap();
    assert_eq!(wrong.len(), layer.bytes.len());
    assert_ne!(wrong, layer.bytes);

    control.fail(Match::path(&layer.digest).nth(Nth::Only(1)), Action::Reset);
    let (user, password) = harbor.admin();
    let request = client.get(format!("{}{path}", harbor.url())).basic_auth(user, Some(password));
    assert!(request.send().await.is_err());
    assert_eq!(get(&harbor, &client, &path).await.bytes().await.unwrap(), layer.bytes);
    harbor.stop().await.unwrap();
}

#[tokio::test]
async fn a_lost_answer_is_done_all_the_same() {
    let (harbor, client) = started(Config::default()).await;
    harbor.control().fail(Match::new(Method::POST, "/projects"), Action::LoseAnswer);
    let (user, password) = harbor.admin();
    let request = client.post(format!("{}/api/v2.0/projects", harbor.url())).basic_auth(user, Some(password));
    assert!(request.json(&serde_json::json!({"project_name": "made"})).send().await.is_err());
    assert_eq!(get(&harbor, &client, "/api/v2.0/projects/made").await.status(), StatusCode::OK);
    harbor.stop().await.unwrap();
}

#[tokio::test]
async fn a_gate_holds_a_request_before_or_after_it_is_done() {
    let (harbor, client) = started(Config::default()).await;
    let (user, password) = harbor.admin();
    let (before, after) = (Gate::default(), Gate::default());
    let made = Match::new(Method::POST, "/projects");
    let first = harbor.control().fail(made.clone().nth(Nth::Only(1)), Action::HoldRequest(before.clone()));
    let second = harbor.control().fail(made.nth(Nth::Only(2)), Action::HoldAnswer(after.clone()));
    for (name, fault, gate, done) in [("one", &first, &before, StatusCode::NOT_FOUND), ("two", &second, &after, StatusCode::OK)] {
        let request = client.post(format!("{}/api/v2.0/projects", harbor.url())).basic_auth(user, Some(password));
        let asked = tokio::spawn(request.json(&serde_json::json!({ "project_name": name })).send());
        while fault.fired() == 0 || get(&harbor, &client, &format!("/api/v2.0/projects/{name}")).await.status() != done {
            tokio::task::yield_now().await;
        }
        assert!(!asked.is_finished(), "{name} is held");
        gate.open();
        assert_eq!(asked.await.unwrap().unwrap().status(), StatusCode::CREATED);
        assert_eq!(get(&harbor, &client, &format!("/api/v2.0/projects/{name}")).await.status(), StatusCode::OK);
    }
    harbor.stop().await.unwrap();
}

#[tokio::test]
async fn a_wrong_password_freezes_the_name_for_a_while() {
    let config = Config { login_freeze: Duration::from_millis(1), ..Config::default() };
    let (harbor, client) = started(config).await;
    let proof = format!("{}/api/v2.0/users/current/permissions", harbor.url());
    let wrong = client.get(&proof).basic_auth("admin", Some("wrong")).send().await.unwrap();
    assert_eq!(wrong.status(), StatusCode::UNAUTHORIZED);
    let right = get(&harbor, &client, "/api/v2.0/users/current/permissions").await;
    assert_eq!(right.status(), StatusCode::OK, "the millisecond is over once the wrong one was answered");
    harbor.stop().await.unwrap();
}

#[tokio::test]
async fn the_demo_world_has_what_the_demo_shows_and_is_made_once() {
    let folder = tempfile::tempdir().unwrap();
    let users = vec![Account { username: "dev-a".to_owned(), password: "Developer-1".to_owned() }];
    let config = Config { data: Some(folder.path().to_owned()), seed: Some(Seed::Demo), users, ..Config::default() };
    let (harbor, client) = started(config.clone()).await;
    let projects = json(&harbor, &client, "/api/v2.0/projects?page_size=100").await;
    let names: Vec<&str> = projects.as_array().unwrap().iter().map(|row| row["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["library", "ml-models", "payments", "shop"]);
    let path = "/api/v2.0/projects/shop/repositories/web/artifacts/1.3.0?with_accessory=true&with_label=true";
    let web = json(&harbor, &client, path).await;
    assert_eq!(web["accessories"].as_array().unwrap().len(), 2);
    assert_eq!(web["labels"][0]["name"], "production");
    let index = json(&harbor, &client, "/api/v2.0/projects/shop/repositories/web/artifacts/1.4.0").await;
    assert_eq!(index["references"].as_array().unwrap().len(), 2);
    let rules = json(&harbor, &client, "/api/v2.0/projects/payments/immutabletagrules").await;
    assert_eq!(rules[0]["tag_selectors"][0]["pattern"], "v*");
    let developer = client.get(format!("{}/api/v2.0/projects/shop", harbor.url())).basic_auth("dev-a", Some("Developer-1"));
    let developer: Value = developer.send().await.unwrap().json().await.unwrap();
    assert_eq!(developer["current_user_role_id"], 2);
    let before = json(&harbor, &client, "/api/v2.0/projects/shop/artifacts?page_size=100&q=base%3D*").await;
    harbor.stop().await.unwrap();
    let (harbor, client) = started(config).await;
    let after = json(&harbor, &client, "/api/v2.0/projects/shop/artifacts?page_size=100&q=base%3D*").await;
    assert_eq!(after, before);
    harbor.stop().await.unwrap();
}

#[tokio::test]
async fn versions_differ_where_harbors_do() {
    for (version, extended, project_listing, anonymous_version) in [
        (Version::V2_16, true, true, false),
        (Version::V2_15_2, true, true, false),
        (Version::V2_14_1, true, true, false),
        (Version::V2_12_4, false, true, true),
        (Version::V2_11_2, false, false, true),
    ] {
        let (harbor, client) = started(Config { version, ..Config::default() }).await;
        let logs = get(&harbor, &client, "/api/v2.0/auditlog-exts").await.status();
        assert_eq!(logs.is_success(), extended, "{version:?}");
        let listing = get(&harbor, &client, "/api/v2.0/projects/library/artifacts").await.status();
        assert_eq!(listing.is_success(), project_listing, "{version:?}");
        let info = client.get(format!("{}/api/v2.0/systeminfo", harbor.url())).send().await.unwrap();
        let info: Value = info.json().await.unwrap();
        assert_eq!(info.get("harbor_version").is_some(), anonymous_version, "{version:?}");
        harbor.stop().await.unwrap();
    }
}

#[tokio::test]
async fn a_repository_time_moves_with_its_content_since_2_15_2_only() {
    for (version, moves) in [(Version::V2_15_2, true), (Version::V2_12_4, false)] {
        let (harbor, client) = started(Config { version, ..Config::default() }).await;
        let path = "/api/v2.0/projects/library/repositories/r";
        let image = images::simple("a", &[10]);
        harbor.push_image("library/r", "v1", &image).await.unwrap();
        let first = json(&harbor, &client, path).await["update_time"].clone();
        harbor.put_manifest("library/r", "v1", &image.manifest).await.unwrap();
        assert_eq!(json(&harbor, &client, path).await["update_time"], first, "a push that changes nothing");
        // answers show milliseconds: push until the clock has left the first one, or often enough to know it never moves
        let mut moved = false;
        for at in 0..200 {
            harbor.push_image("library/r", "v2", &images::simple(&format!("b{at}"), &[10])).await.unwrap();
            moved |= json(&harbor, &client, path).await["update_time"] != first;
        }
        assert_eq!(moved, moves, "{version:?}");
        harbor.stop().await.unwrap();
    }
}
