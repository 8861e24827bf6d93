//! What stands around a registry: proxies that cap bodies, and a storage that readers are sent to and cannot reach.

use bytes::Bytes;
use harbor_sim::{Config, Running};
use http::{HeaderMap, Method};
use registry::{Advice, BodyCap, Check, CheckKind, Client, Found, Limits, Outcome, RegistryError};
use testkit::{Act, Distribution, Nth, Proxy, Rule, images};
use vocab::{Digest, RepositoryName};

use crate::stub::{Stub, answer};
use crate::support::{CANARY, client_with, push, quick, read, repository, robot, tag};

const MIB: u64 = 1024 * 1024;

struct World {
    proxy: Proxy,
    client: Client,
    name: RepositoryName,
    _server: Distribution,
}

impl World {
    async fn new() -> Option<Self> {
        let server = Distribution::start().await?;
        let proxy = Proxy::start(&server.url()).await;
        let client = robot(&proxy.url());
        Some(Self { proxy, client, name: repository("prod/app"), _server: server })
    }

    async fn put(&self, bytes: &Bytes) -> Result<Digest, RegistryError> {
        let digest = Digest::of(bytes);
        self.client.blob_put_bytes(&self.name, &digest, bytes.clone()).await.map(|()| digest)
    }

    /// Puts it, reads it back, and says with which requests it went.
    async fn round(&self, bytes: &Bytes) -> Vec<Method> {
        self.proxy.reset_counts();
        let digest = self.put(bytes).await.unwrap();
        let methods = self.proxy.seen().into_iter().map(|seen| seen.method).collect();
        assert_eq!(read(&self.client, &self.name, &digest, Some(bytes.len() as u64)).await.unwrap(), *bytes);
        methods
    }
}

fn sizes(proxy: &Proxy, method: &Method) -> Vec<u64> {
    let length = |headers: &HeaderMap| headers.get("content-length").and_then(|n| n.to_str().ok()?.parse().ok());
    proxy.seen().iter().filter(|seen| seen.method == *method).filter_map(|seen| length(&seen.headers)).collect()
}

#[tokio::test]
async fn a_blob_above_the_cap_goes_in_pieces_and_the_cap_is_paid_once() {
    for (act, what) in [(Act::too_large(), "413"), (Act::HangUp, "413 and a closed connection"), (Act::ResetAfter(200_000), "a reset")] {
        let Some(world) = World::new().await else { return };
        let cap = world.proxy.fault(Rule::bodies_over(MIB), act);
        world.round(&images::bytes(1, 5_000_123)).await;
        assert!((3..=6).contains(&cap.fired()), "{what}: 5 MB, 4, 2, and what broke once is tried once more: {}", cap.fired());
        assert_eq!(world.client.body_bytes_max(), Some(MIB), "{what}");
        let before = cap.fired();
        let methods = world.round(&images::bytes(2, 3 * usize::try_from(MIB).unwrap() + 17)).await;
        assert_eq!(methods, [Method::POST, Method::PATCH, Method::PATCH, Method::PATCH, Method::PATCH, Method::PUT], "{what}");
        assert_eq!(sizes(&world.proxy, &Method::PATCH), [MIB, MIB, MIB, 17], "{what}");
        assert_eq!(sizes(&world.proxy, &Method::PUT), [0], "{what}: Harbor counts what comes with the last request, if any does");
        let ranges: Vec<_> =
            world.proxy.seen().iter().filter_map(|s| Some(s.headers.get("content-range")?.to_str().ok()?.to_owned())).collect();
        assert_eq!(ranges, ["0-1048575", "1048576-2097151", "2097152-3145727", "3145728-3145744"], "{what}");
        let small = world.round(&images::bytes(3, usize::try_from(MIB).unwrap())).await;
        assert_eq!(small, [Method::POST, Method::PUT], "{what}: what passes goes in one body");
        assert_eq!(cap.fired(), before, "{what}: learnt once");
    }
}

#[tokio::test]
async fn what_one_client_learnt_of_a_cap_another_is_given() {
    let Some(world) = World::new().await else { return };
    let cap = world.proxy.fault(Rule::bodies_over(100_000), Act::too_large());
    world.put(&images::bytes(1, 300_000)).await.unwrap();
    let body_cap = BodyCap::of(world.client.body_bytes_max());
    let fired = cap.fired();
    let sister = client_with(&world.proxy.url(), "robot$other", CANARY, Limits { body_cap, ..quick() });
    let bytes = images::bytes(2, 300_000);
    sister.blob_put_bytes(&world.name, &Digest::of(&bytes), bytes.clone()).await.unwrap();
    assert_eq!((cap.fired(), sister.body_bytes_max()), (fired, Some(65_536)));
}

#[tokio::test]
async fn a_cap_below_the_smallest_piece_is_said_and_ends() {
    let Some(world) = World::new().await else { return };
    let cap = world.proxy.fault(Rule::bodies_over(10_000), Act::too_large());
    let error = world.put(&images::bytes(1, 3_000_000)).await.unwrap_err();
    assert!(matches!(error, RegistryError::BodyRefused { bytes: 65_536, .. }), "{error:?}");
    assert!(error.to_string().contains("something before Harbor refuses bodies of more than"), "{error}");
    assert!(cap.fired() <= 8, "{}", cap.fired());
    let manifest = Bytes::from(vec![b' '; 20_000]);
    let error = world.client.manifest_put(&world.name, &tag("v1"), "a/b", manifest).await.unwrap_err();
    assert!(matches!(error, RegistryError::BodyRefused { bytes: 20_000, limit_bytes: 19_999, .. }), "a manifest is one body: {error:?}");
    assert!(error.to_string().contains("client_max_body_size"), "{error}");
}

#[tokio::test]
async fn a_manifest_that_does_not_pass_is_told_the_cap_that_was_learnt() {
    let Some(world) = World::new().await else { return };
    world.proxy.fault(Rule::bodies_over(100_000), Act::too_large());
    world.put(&images::bytes(1, 300_000)).await.unwrap();
    let manifest = Bytes::from(vec![b' '; 200_000]);
    let error = world.client.manifest_put(&world.name, &tag("v1"), "a/b", manifest).await.unwrap_err();
    assert!(matches!(error, RegistryError::BodyRefused { bytes: 200_000, limit_bytes: 65_536, .. }), "not what it has itself: {error:?}");
}

#[tokio::test]
async fn an_upload_in_pieces_survives_what_one_body_survives() {
    let Some(server) = Distribution::start().await else { return };
    for (method, nth, act) in [
        (Method::PATCH, 2, Act::Reset),
        (Method::PATCH, 2, Act::ResetAfter(10_000)),
        (Method::PATCH, 2, Act::LoseAnswer),
        (Method::PATCH, 1, Act::status(500, "UNKNOWN", "internal server error")),
        (Method::PATCH, 3, Act::status(404, "BLOB_UPLOAD_UNKNOWN", "blob upload unknown to registry")),
        (Method::PATCH, 3, Act::status(416, "RANGE_INVALID", "invalid content range")),
        (Method::PATCH, 3, Act::status(400, "BLOB_UPLOAD_INVALID", "blob upload invalid")),
        (Method::PUT, 1, Act::LoseAnswer),
        (Method::PUT, 1, Act::Reset),
        (Method::PUT, 1, Act::status(502, "UNKNOWN", "bad gateway")),
        (Method::POST, 1, Act::LoseAnswer),
        (Method::GET, 1, Act::Reset),
    ] {
        let proxy = Proxy::start(&server.url()).await;
        let limits = Limits { body_cap: BodyCap::of(Some(100_000)), ..quick() };
        let client = client_with(&proxy.url(), "robot$test", CANARY, limits);
        let bytes = images::bytes(proxy.addr().port().into(), 450_001);
        let (name, digest) = (repository("prod/app"), Digest::of(&bytes));
        if method == Method::GET {
            // The question how far it came is only asked after trouble.
            proxy.fault(Rule::new(Method::PATCH, "/blobs/uploads/").nth(Nth::Only(2)), Act::Reset);
        }
        let fault = proxy.fault(Rule::new(method.clone(), "/blobs/uploads/").nth(Nth::Only(nth)), act.clone());
        client.blob_put_bytes(&name, &digest, bytes.clone()).await.unwrap_or_else(|e| panic!("{method} {act:?}: {e:?}"));
        assert_eq!(fault.fired(), 1, "{method} {act:?}");
        assert_eq!(read(&client, &name, &digest, None).await.unwrap(), bytes, "{method} {act:?}");
        assert!(proxy.total().bytes_up < 3 * 450_001, "{method} {act:?}: {} bytes", proxy.total().bytes_up);
    }
}

#[tokio::test]
async fn a_registry_that_forgets_every_upload_is_given_up() {
    let stub = Stub::start(|asked, _| match asked.method {
        Method::POST => answer(202, &[("location", "/v2/p/r/blobs/uploads/1?_state=a")], ""),
        Method::PATCH if asked.header("content-range").is_some_and(|range| range.starts_with("0-")) => {
            answer(202, &[("location", "/v2/p/r/blobs/uploads/1?_state=b")], "")
        }
        _ => answer(404, &[], r#"{"errors":[{"code":"BLOB_UPLOAD_UNKNOWN","message":"blob upload unknown to registry"}]}"#),
    })
    .await;
    let client = client_with(&stub.url, "robot$test", CANARY, Limits { body_cap: BodyCap::of(Some(65_536)), ..quick() });
    let bytes = images::bytes(1, 200_000);
    let error = client.blob_put_bytes(&repository("p/r"), &Digest::of(&bytes), bytes).await.unwrap_err();
    assert!(matches!(error, RegistryError::Truncated { received_bytes: 65_536, .. } | RegistryError::NotFound { .. }), "{error:?}");
    assert!(stub.asked().len() < 60, "{}", stub.asked().len());
}

#[tokio::test]
async fn a_source_that_fails_between_two_pieces_is_told_apart_from_the_registry() {
    let Some(world) = World::new().await else { return };
    let limits = Limits { body_cap: BodyCap::of(Some(65_536)), ..quick() };
    let client = client_with(&world.proxy.url(), "robot$test", CANARY, limits);
    let part = || Ok::<_, registry::BoxError>(Bytes::from(vec![7; 70_000]));
    let failing = move || futures::stream::iter([part(), Err("the disk is gone".into())]);
    let error = client.blob_put(&world.name, &Digest::of(b"x"), 140_000, failing).await.unwrap_err();
    assert!(matches!(&error, RegistryError::Source { source } if source.to_string() == "the disk is gone"), "{error:?}");
    for size_bytes in [130_000, 150_000] {
        let source = move || futures::stream::iter([part(), part()]);
        let error = client.blob_put(&world.name, &Digest::of(b"x"), size_bytes, source).await.unwrap_err();
        assert_eq!(error.code(), "source", "{size_bytes}");
    }
}

/// A registry whose blobs are all at `place`.
async fn redirecting(place: &str) -> Stub {
    let place = place.to_owned();
    Stub::start(move |asked, _| answer(307, &[("location", &format!("{place}{}", asked.path))], "")).await
}

/// F-20.
#[tokio::test]
async fn a_storage_that_cannot_be_reached_costs_three_tries_and_is_tried_again_in_the_next_run() {
    let closed = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        format!("http://{}", listener.local_addr().unwrap())
    };
    for (place, why) in [
        (closed.as_str(), "no connection"),
        ("http://no-such-host.invalid", "cannot be resolved"),
        ("http://10.9.8.7", "network"),
        ("http://169.254.169.254", "network"),
        ("ftp://store.example", "unencrypted"),
        ("http://user:pw@store.example", "login"),
    ] {
        let server = redirecting(place).await;
        let client = robot(&server.url);
        let ask = |client: Client| async move { read(&client, &repository("p/r"), &Digest::of(b"x"), Some(1)).await.unwrap_err() };
        let errors = futures::future::join_all((0..8).map(|_| ask(client.clone()))).await;
        for error in errors {
            let host = place.split("//").nth(1).unwrap().rsplit('@').next().unwrap().split(':').next().unwrap();
            assert!(matches!(&error, RegistryError::StorageUnreachable { host: h, .. } if h == host), "{place}: {error:?}");
            assert!(error.to_string().contains(why), "{place}: {error}");
            assert!(!error.is_transient(), "{place}: the job as a whole gains nothing by another try");
        }
        let spent = client.counters().requests;
        assert!(spent <= 8 + 3, "{place}: {spent} requests for eight blobs");
        let next = ask(client.for_run()).await;
        assert_eq!(next.code(), "storage_unreachable");
    }
}

#[tokio::test]
async fn a_storage_that_is_there_again_is_read_and_a_lost_object_is_no_trouble_of_the_host() {
    let content = Bytes::from_static(b"the blob");
    let body = content.clone();
    let store = Stub::start(move |asked, before| match (asked.path.as_str(), before) {
        (_, 0) => answer(503, &[], "slow down"),
        (path, _) if path.contains("gone") => answer(404, &[], "<Code>NoSuchKey</Code>"),
        _ => answer(200, &[], body.clone()),
    })
    .await;
    let server = redirecting(&store.url).await;
    let client = robot(&server.url);
    let digest = Digest::of(&content);
    assert_eq!(read(&client, &repository("p/r"), &digest, Some(8)).await.unwrap(), content);
    let error = read(&client, &repository("p/gone"), &digest, Some(8)).await.unwrap_err();
    assert_eq!(error.code(), "not_found", "{error}");
    assert_eq!(read(&client, &repository("p/r"), &digest, Some(8)).await.unwrap(), content);
}

/// A registry points to what it has: nobody needs the storage to know that.
#[tokio::test]
async fn looking_at_a_blob_needs_no_storage() {
    let server = redirecting("http://no-such-host.invalid/bucket").await;
    let head = robot(&server.url).blob_head(&repository("p/r"), &Digest::of(b"x")).await.unwrap();
    assert_eq!(head.map(|head| head.size_bytes), Some(None));
    assert_eq!(server.asked().len(), 1);
    for (status, location) in [(301, "https://elsewhere.example/v2/"), (302, "/signin"), (307, "https://127.0.0.1/v2/p/r/blobs/PATH")] {
        let whole = Stub::start(move |asked, _| {
            let digest = asked.path.rsplit('/').next().unwrap_or_default();
            answer(status, &[("location", &location.replace("PATH", digest))], "")
        })
        .await;
        let error = robot(&whole.url).blob_head(&repository("p/r"), &Digest::of(b"x")).await.unwrap_err();
        assert_eq!(error.code(), "redirect_refused", "{status} {location}: who redirects everything says nothing about a blob");
    }
}

/// A Harbor with an image behind a proxy, and its administrator's client.
async fn harbor() -> (Running, Proxy, Client) {
    let running = harbor_sim::start(Config::default()).await.unwrap();
    let (name, password) = running.admin();
    let direct = client_with(&running.url(), name, password, quick());
    direct.create_project(&"prod".parse().unwrap(), false).await.unwrap();
    push(&direct, &repository("prod/app"), &images::image(1, 2, 5_000), &tag("v1")).await.unwrap();
    let proxy = Proxy::start(&running.url()).await;
    let client = client_with(&proxy.url(), name, password, quick());
    (running, proxy, client)
}

async fn row(client: &Client, kind: CheckKind, code: &str) -> Check {
    let mut rows = client.check_list(kind).await;
    let place = rows.iter().position(|row| row.code == code).unwrap_or_else(|| panic!("no row {code}: {rows:#?}"));
    rows.swap_remove(place)
}

#[tokio::test]
async fn the_connection_test_finds_a_cap_of_bodies_and_that_it_is_gone() {
    let (_running, proxy, client) = harbor().await;
    let open = row(&client, CheckKind::Restore, "body_size").await;
    assert_eq!((open.outcome, client.body_bytes_max()), (Outcome::Pass, None), "{open:?}");
    assert!(proxy.total().bytes_up < 100_000, "an announced size is enough: {} bytes", proxy.total().bytes_up);
    for (cap, passes, act) in [
        (MIB, MIB, Act::too_large()),
        (100 * 1024 * 1024, 64 * MIB, Act::HangUp),
        (1_000_000, MIB / 2, Act::HangUp),
        (100_000, 65_536, Act::ResetAfter(1_000)),
    ] {
        proxy.clear_faults();
        proxy.fault(Rule::bodies_over(cap), act.clone());
        let found = row(&client, CheckKind::Restore, "body_size").await;
        assert_eq!((found.outcome, client.body_bytes_max()), (Outcome::Warn, Some(passes)), "{act:?} over {cap}: {found:?}");
        assert!(matches!(found.found, Found::BodiesCapped { limit_bytes } if limit_bytes == passes), "{found:?}");
        assert_eq!(found.advice, Some(Advice::RaiseBodyLimit));
    }
    proxy.clear_faults();
    proxy.fault(Rule::bodies_over(10_000), Act::too_large());
    let shut = row(&client, CheckKind::Restore, "body_size").await;
    assert_eq!(shut.outcome, Outcome::Fail, "{shut:?}");
    proxy.clear_faults();
    assert_eq!(row(&client, CheckKind::Restore, "body_size").await.outcome, Outcome::Pass);
    assert_eq!(client.body_bytes_max(), None, "the limit was raised");
}

#[tokio::test]
async fn the_connection_test_finds_a_storage_that_cannot_be_read_with_both_remedies() {
    let (_running, proxy, client) = harbor().await;
    assert_eq!(row(&client, CheckKind::Backup, "storage").await.outcome, Outcome::Pass);
    let fault = proxy.fault(Rule::new(Method::GET, "/blobs/sha256:"), Act::redirect("http://no-such-host.invalid/bucket/1"));
    let found = row(&client, CheckKind::Backup, "storage").await;
    assert_eq!(found.outcome, Outcome::Fail, "{found:?}");
    let storage = "no-such-host.invalid";
    assert!(matches!(&found.found, Found::Trouble(RegistryError::StorageUnreachable { host, .. }) if host == storage), "{found:?}");
    assert_eq!(found.advice, Some(Advice::OpenStorage));
    assert_eq!(fault.fired(), 1, "the registry is asked once, its storage three times");
    proxy.clear_faults();
    assert_eq!(row(&client, CheckKind::Backup, "storage").await.outcome, Outcome::Pass, "and it is tried anew");
}

/// One image that cannot be read is its own gap and keeps no Harbor from being registered.
#[tokio::test]
async fn the_connection_test_does_not_depend_on_one_image() {
    let (running, proxy, client) = harbor().await;
    let (name, password) = running.admin();
    let direct = client_with(&running.url(), name, password, quick());
    direct.create_project(&"again".parse().unwrap(), false).await.unwrap();
    push(&direct, &repository("again/odd"), &images::image(7, 1, 100), &tag("v1")).await.unwrap();
    let fault = proxy.fault(Rule::new(Method::GET, "/manifests/").nth(Nth::Only(1)), Act::WrongBytes);
    let read = row(&client, CheckKind::Backup, "pull").await;
    assert_eq!(read.outcome, Outcome::Pass, "{read:?}");
    assert_eq!(fault.fired(), 1);
    proxy.fault(Rule::new(Method::GET, "/manifests/"), Act::WrongBytes);
    assert_eq!(row(&client, CheckKind::Backup, "pull").await.outcome, Outcome::Fail);
}
