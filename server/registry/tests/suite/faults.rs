//! F-10..F-20: trouble on the way, ordered at a proxy in front of a real registry; each test proves that its fault fired.

use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, CONTENT_RANGE, RANGE, RETRY_AFTER};
use http::{HeaderValue, Method};
use registry::{Client, Limits, RegistryError};
use testkit::{Act, Distribution, Image, Nth, Proxy, Rule, images};
use vocab::{Digest, RepositoryName};

use crate::stub::{Stub, answer};
use crate::support::{CANARY, client_with, push, quick, read, repository, robot, tag};

struct World {
    proxy: Proxy,
    client: Client,
    name: RepositoryName,
    image: Image,
    _server: Distribution,
}

impl World {
    /// A registry with one image behind a proxy without faults.
    async fn new(layer_bytes: usize) -> Option<Self> {
        Self::with(layer_bytes, quick()).await
    }

    async fn with(layer_bytes: usize, limits: Limits) -> Option<Self> {
        let server = Distribution::start().await?;
        let (name, image) = (repository("prod/app"), images::image(1, 1, layer_bytes));
        push(&robot(&server.url()), &name, &image, &tag("v1")).await.unwrap();
        let proxy = Proxy::start(&server.url()).await;
        let client = client_with(&proxy.url(), "robot$test", CANARY, limits);
        Some(Self { proxy, client, name, image, _server: server })
    }

    fn layer(&self) -> (Digest, Bytes) {
        self.image.blobs[1].clone()
    }

    async fn read_layer(&self) -> Result<Bytes, RegistryError> {
        let (digest, bytes) = self.layer();
        read(&self.client, &self.name, &digest, Some(bytes.len() as u64)).await
    }

    fn on_blob(&self, nth: Nth, act: Act) -> testkit::Fault {
        self.proxy.fault(Rule::new(Method::GET, "/blobs/").nth(nth), act)
    }
}

const LAYER_BYTES: usize = 1_000_000;

/// F-18.
#[tokio::test]
async fn a_truncated_body_is_resumed_where_it_broke_off() {
    let Some(world) = World::new(LAYER_BYTES).await else { return };
    let fault = world.on_blob(Nth::First(3), Act::Truncate(300_000));
    assert_eq!(world.read_layer().await.unwrap(), world.layer().1);
    assert_eq!(fault.fired(), 3);
    let ranges: Vec<_> = world.proxy.seen().iter().filter(|s| s.path.contains("/blobs/")).map(|s| s.headers.contains_key(RANGE)).collect();
    assert_eq!(ranges, [false, true, true, true]);
    let down = world.proxy.total().bytes_down;
    assert!(down < LAYER_BYTES as u64 + 200_000, "resumed, not begun anew: {down} bytes");
}

#[tokio::test]
async fn a_reset_connection_is_asked_again() {
    let Some(world) = World::new(10_000).await else { return };
    let blob = world.on_blob(Nth::First(2), Act::Reset);
    let manifest = world.proxy.fault(Rule::new(Method::GET, "/manifests/").nth(Nth::First(2)), Act::Reset);
    assert_eq!(world.read_layer().await.unwrap(), world.layer().1);
    assert_eq!(world.client.manifest_get(&world.name, &world.image.digest).await.unwrap().bytes, world.image.manifest);
    assert_eq!((blob.fired(), manifest.fired()), (2, 2));
    assert_eq!(world.client.counters().retries, 4);
}

#[tokio::test]
async fn a_body_that_never_gets_further_fails_after_a_bounded_number_of_tries() {
    let Some(world) = World::new(10_000).await else { return };
    let fault = world.on_blob(Nth::Every, Act::Truncate(0));
    let error = world.read_layer().await.unwrap_err();
    assert!(error.is_transient(), "{error:?}");
    assert_eq!(fault.fired(), 6, "the first try and five more");
}

/// F-19.
#[tokio::test]
async fn a_range_that_is_ignored_is_skipped_over_and_the_whole_is_hashed() {
    let Some(world) = World::new(LAYER_BYTES).await else { return };
    world.on_blob(Nth::Only(1), Act::Truncate(400_000));
    let (digest, bytes) = world.layer();
    // A registry that knows no Range answers 200 with everything.
    let ignoring = Stub::start(move |_, before| if before == 0 { broken(&bytes) } else { answer(200, &[], bytes.clone()) }).await;
    let got = read(&robot(&ignoring.url), &world.name, &digest, Some(LAYER_BYTES as u64)).await.unwrap();
    assert_eq!(got, world.layer().1);
    assert_eq!(ignoring.asked().len(), 2);
    assert!(ignoring.asked()[1].header("range").is_some());
}

/// Announces everything and ends early.
fn broken(bytes: &Bytes) -> axum::http::Response<axum::body::Body> {
    let half = bytes.slice(..bytes.len() / 2);
    let pieces = futures::stream::iter([Ok(half), Err(std::io::Error::other("cut"))]);
    answer(200, &[("content-length", &bytes.len().to_string())], axum::body::Body::from_stream(pieces))
}

/// F-19.
#[tokio::test]
async fn a_wrong_content_range_is_refused() {
    let Some(world) = World::new(LAYER_BYTES).await else { return };
    world.on_blob(Nth::Only(1), Act::Truncate(400_000));
    let lie = world.on_blob(Nth::From(1), Act::SetHeader(CONTENT_RANGE, HeaderValue::from_static("bytes 0-9/1000000")));
    assert_eq!(world.read_layer().await.unwrap_err().code(), "protocol");
    assert_eq!(lie.fired(), 1);
}

/// F-40.
#[tokio::test]
async fn wrong_bytes_never_reach_the_end_of_the_stream() {
    let Some(world) = World::new(LAYER_BYTES).await else { return };
    let fault = world.on_blob(Nth::Every, Act::WrongBytes);
    let (digest, bytes) = world.layer();
    use futures::StreamExt;
    let pieces: Vec<_> = world.client.blob_get(&world.name, &digest, Some(LAYER_BYTES as u64)).collect().await;
    assert!(matches!(pieces.last(), Some(Err(RegistryError::WrongDigest { .. }))));
    let passed: usize = pieces.iter().filter_map(|p| p.as_ref().ok()).map(Bytes::len).sum();
    assert!(passed < bytes.len(), "the last piece is held back");
    assert_eq!(fault.fired(), 1, "wrong bytes are not asked for again");
    world.proxy.clear_faults();
    world.proxy.fault(Rule::new(Method::GET, "/manifests/"), Act::WrongBytes);
    assert_eq!(world.client.manifest_get(&world.name, &world.image.digest).await.unwrap_err().code(), "wrong_digest");
}

/// F-18.
#[tokio::test]
async fn short_long_and_lying_bodies_are_refused() {
    let Some(world) = World::new(10_000).await else { return };
    let (digest, _) = world.layer();
    world.on_blob(Nth::Only(1), Act::ShortenQuietly(9_000));
    assert_eq!(world.read_layer().await.unwrap_err().code(), "wrong_size");
    world.on_blob(Nth::Only(1), Act::ShortenQuietly(9_000));
    assert_eq!(
        read(&world.client, &world.name, &digest, None).await.unwrap_err().code(),
        "wrong_digest",
        "without a size the digest tells"
    );
    world.on_blob(Nth::Only(1), Act::Append(Bytes::from_static(b"more")));
    assert_eq!(world.read_layer().await.unwrap_err().code(), "wrong_size");
    world.on_blob(Nth::Only(1), Act::Append(Bytes::from_static(b"more")));
    assert_eq!(read(&world.client, &world.name, &digest, None).await.unwrap_err().code(), "wrong_digest");
    world.on_blob(Nth::Only(1), Act::DropHeader(CONTENT_LENGTH));
    assert_eq!(world.read_layer().await.unwrap(), world.layer().1, "no length at all is fine");
}

/// F-17.
#[tokio::test]
async fn a_stalled_body_is_cut_and_resumed() {
    let limits = Limits { idle_timeout: Duration::from_millis(200), ..quick() };
    let Some(world) = World::with(LAYER_BYTES, limits).await else { return };
    let fault = world.on_blob(Nth::First(2), Act::Stall(300_000));
    assert_eq!(world.read_layer().await.unwrap(), world.layer().1);
    assert_eq!(fault.fired(), 2);
}

/// F-17.
#[tokio::test]
async fn a_body_that_drips_is_cut() {
    let limits = Limits { min_throughput_bytes_per_s: 1_000_000_000, throughput_window: Duration::from_millis(1), retry_max: 1, ..quick() };
    let slow = Stub::start(|_, _| {
        let drops = futures::stream::unfold(0_u32, |n| async move {
            tokio::time::sleep(Duration::from_millis(5)).await;
            (n < 1_000).then(|| (Ok::<_, std::io::Error>(Bytes::from_static(b"x")), n + 1))
        });
        answer(200, &[], axum::body::Body::from_stream(drops))
    })
    .await;
    let client = client_with(&slow.url, "robot$test", CANARY, limits);
    let error = read(&client, &repository("p/r"), &Digest::of(&[b'x'; 1_000]), Some(1_000)).await.unwrap_err();
    assert!(matches!(error, RegistryError::Stalled { .. } | RegistryError::Truncated { .. }), "{error:?}");
}

#[tokio::test]
async fn a_registry_that_never_answers_is_given_up() {
    let limits = Limits { answer_timeout: Duration::from_millis(100), retry_max: 1, ..quick() };
    let Some(world) = World::with(10, limits).await else { return };
    let fault = world.proxy.fault(Rule::path("/manifests/"), Act::Delay(Duration::from_secs(3600)));
    assert_eq!(world.client.manifest_head(&world.name, &tag("v1")).await.unwrap_err().code(), "stalled");
    assert_eq!(fault.fired(), 2);
}

/// F-14.
#[tokio::test]
async fn every_form_of_retry_after_is_obeyed_up_to_the_cap() {
    let Some(world) = World::new(10).await else { return };
    for (status, value) in [
        (429, "0"),
        (503, "0"),
        (429, "315360000"),
        (503, "soon"),
        (429, "Mon, 23 Nov 2099 19:04:50 GMT"),
        (503, "Mon, 23 Nov 2020 19:04:50 GMT"),
        (429, "-1"),
        (429, "99999999999999999999999999"),
    ] {
        world.proxy.clear_faults();
        let fault = world.proxy.fault(Rule::path("/manifests/").nth(Nth::First(2)), Act::with_header(status, RETRY_AFTER, value));
        world.client.manifest_head(&world.name, &tag("v1")).await.unwrap().unwrap();
        assert_eq!(fault.fired(), 2, "{status} {value}");
    }
    world.proxy.clear_faults();
    world.proxy.fault(Rule::path("/manifests/"), Act::with_header(429, RETRY_AFTER, "1"));
    let error = world.client.manifest_head(&world.name, &tag("v1")).await.unwrap_err();
    assert!(matches!(error, RegistryError::Busy { retry_after: Some(wait) } if wait == Duration::from_secs(1)), "{error:?}");
}

/// F-15.
#[tokio::test]
async fn server_errors_are_retried_for_what_may_be_repeated_and_then_named() {
    let Some(world) = World::new(10).await else { return };
    for status in [500, 502, 503, 504] {
        world.proxy.clear_faults();
        let once = world.proxy.fault(Rule::path("/manifests/").nth(Nth::Only(1)), Act::status(status, "UNKNOWN", "internal server error"));
        world.client.manifest_head(&world.name, &tag("v1")).await.unwrap().unwrap();
        assert_eq!(once.fired(), 1);
        let ever = world.proxy.fault(Rule::path("/manifests/"), Act::status(status, "UNKNOWN", "internal server error"));
        let error = world.client.manifest_head(&world.name, &tag("v1")).await.unwrap_err();
        assert!(matches!(error, RegistryError::Server { status: s, .. } if s == status), "{error:?}");
        assert_eq!(ever.fired(), 6, "bounded");
    }
}

#[tokio::test]
async fn what_may_not_be_sent_twice_is_not() {
    let server = Stub::start(|_, _| answer(502, &[], "")).await;
    let error = robot(&server.url).create_project(&"p".parse().unwrap(), false).await.unwrap_err();
    assert_eq!(error.code(), "server");
    assert_eq!(server.asked().len(), 1);
}

#[tokio::test]
async fn a_401_in_the_middle_of_a_run_is_asked_again_and_the_run_goes_on() {
    let Some(world) = World::new(10_000).await else { return };
    let proof = world.proxy.fault(
        Rule::path("/users/current/permissions"),
        Act::Status { status: http::StatusCode::OK, headers: vec![], body: Bytes::from_static(b"[]") },
    );
    let refused = world.on_blob(Nth::Only(1), Act::status(401, "UNAUTHORIZED", "unauthorized"));
    assert_eq!(world.read_layer().await.unwrap(), world.layer().1);
    assert_eq!((refused.fired(), proof.fired()), (1, 1));
}

/// F-16.
#[tokio::test]
async fn nobody_at_the_port_and_no_such_name_are_told_apart() {
    let closed = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        format!("http://{}", listener.local_addr().unwrap())
    };
    assert_eq!(robot(&closed).prove_login().await.unwrap_err().code(), "unreachable");
    assert_eq!(robot("http://no-such-host.invalid").prove_login().await.unwrap_err().code(), "dns");
    let plain = Distribution::start().await;
    if let Some(server) = plain {
        let tls = server.url().replace("http://", "https://");
        let error = robot(&tls).prove_login().await.unwrap_err();
        assert_eq!(error.code(), "tls", "{error:?}");
    }
}

/// F-42, F-45.
#[tokio::test]
async fn answers_above_their_cap_are_refused_without_being_read() {
    let endless = Stub::start(|_, _| {
        let zeros = futures::stream::repeat_with(|| Ok::<_, std::io::Error>(Bytes::from_static(&[b' '; 65_536])));
        answer(200, &[("content-type", "a/b")], axum::body::Body::from_stream(zeros))
    })
    .await;
    let client = robot(&endless.url);
    assert_eq!(client.manifest_get(&repository("p/r"), &Digest::of(b"x")).await.unwrap_err().code(), "too_large");
    assert_eq!(client.system_info().await.unwrap_err().code(), "too_large");
    assert_eq!(client.projects().await.unwrap_err().code(), "too_large");
    assert!(client.counters().bytes_received < 100 * 1024 * 1024);
}

/// F-45.
#[tokio::test]
async fn a_listing_that_does_not_move_on_ends_in_an_error() {
    let row = serde_json::json!({ "project_id": 1, "name": "p" });
    let page: Vec<_> = (1..=100).map(|n| serde_json::json!({ "project_id": n, "name": format!("p{n}") })).collect();
    let same = Stub::start(move |_, _| answer(200, &[("x-total-count", "1000")], serde_json::Value::from(page.clone()).to_string())).await;
    assert_eq!(robot(&same.url).projects().await.unwrap_err().code(), "protocol");
    let twice = Stub::start(move |_, _| answer(200, &[], serde_json::json!([row, row]).to_string())).await;
    assert_eq!(robot(&twice.url).projects().await.unwrap_err().code(), "protocol");
    let tags: Vec<_> = (0..1000).map(|n| format!("t{n:04}")).collect();
    let looping = Stub::start(move |_, _| {
        answer(
            200,
            &[("link", "</v2/p/r/tags/list?n=1000&last=t0999>; rel=\"next\"")],
            serde_json::json!({ "name": "p/r", "tags": tags }).to_string(),
        )
    })
    .await;
    assert_eq!(robot(&looping.url).tag_names(&repository("p/r")).await.unwrap_err().code(), "protocol");
}
