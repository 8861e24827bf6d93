//! Uploads under trouble: F-11, F-14, F-15, F-21, F-24 and what a broken source does.

use bytes::Bytes;
use http::Method;
use http::header::LOCATION;
use registry::{BoxError, RegistryError};
use testkit::{Act, Distribution, Nth, Proxy, Rule, images};
use vocab::Digest;

use crate::stub::{Stub, answer};
use crate::support::{push, read, repository, robot, tag};

#[tokio::test]
async fn an_upload_survives_errors_resets_and_lost_answers() {
    let Some(server) = Distribution::start().await else { return };
    let name = repository("prod/app");
    let faults = [
        (Method::POST, Act::status(503, "UNAVAILABLE", "later")),
        (Method::POST, Act::Reset),
        (Method::PUT, Act::status(500, "UNKNOWN", "internal server error")),
        (Method::PUT, Act::Reset),
        (Method::PUT, Act::LoseAnswer),
        (Method::PUT, Act::status(404, "BLOB_UPLOAD_UNKNOWN", "blob upload unknown to registry")),
    ];
    for (number, (method, act)) in faults.into_iter().enumerate() {
        let proxy = Proxy::start(&server.url()).await;
        let client = robot(&proxy.url());
        let bytes = images::bytes(number as u64 + 100, 300_000);
        let digest = Digest::of(&bytes);
        let fault = proxy.fault(Rule::new(method.clone(), "/blobs/uploads/").nth(Nth::Only(1)), act.clone());
        client.blob_put_bytes(&name, &digest, bytes.clone()).await.unwrap_or_else(|e| panic!("{method} {act:?}: {e:?}"));
        assert_eq!(fault.fired(), 1, "{method} {act:?}");
        assert_eq!(read(&client, &name, &digest, None).await.unwrap(), bytes);
        if matches!(act, Act::LoseAnswer) {
            assert_eq!(proxy.count(&Method::PUT, "/blobs/uploads/"), 1, "the blob had arrived, so it is not sent again");
        }
    }
}

#[tokio::test]
async fn the_whole_body_goes_in_one_put_with_its_length() {
    let Some(server) = Distribution::start().await else { return };
    let proxy = Proxy::start(&server.url()).await;
    let bytes = images::bytes(1, 200_083);
    robot(&proxy.url()).blob_put_bytes(&repository("p/r"), &Digest::of(&bytes), bytes).await.unwrap();
    let puts: Vec<_> = proxy.seen().into_iter().filter(|s| s.method == Method::PUT).collect();
    assert_eq!(puts.len(), 1);
    assert_eq!(puts[0].headers["content-length"], "200083");
    assert_eq!(proxy.count(&Method::PATCH, ""), 0);
}

#[tokio::test]
async fn a_manifest_put_is_repeated_and_its_refusals_are_not() {
    let Some(server) = Distribution::start().await else { return };
    let proxy = Proxy::start(&server.url()).await;
    let (client, name, image) = (robot(&proxy.url()), repository("prod/app"), images::image(1, 1, 10));
    let lost = proxy.fault(Rule::new(Method::PUT, "/manifests/").nth(Nth::First(2)), Act::LoseAnswer);
    push(&client, &name, &image, &tag("v1")).await.unwrap();
    assert_eq!(lost.fired(), 2);
    for (status, code, message, expected) in [
        (412, "PRECONDITION", "Failed to process request due to 'app:v1' configured as immutable.", "immutable"),
        (403, "DENIED", "The system is in read only mode. Any modification is prohibited.", "read_only"),
        (
            403,
            "DENIED",
            "adding 48.9 KiB of storage resource, which when updated to current usage of 44.3 KiB will exceed the configured upper limit of 45.3 KiB.",
            "quota_exceeded",
        ),
        (403, "FORBIDDEN", "forbidden", "forbidden"),
        (413, "REQUEST_ENTITY_TOO_LARGE", "request entity too large", "body_refused"),
        (409, "CONFLICT", "conflict", "conflict"),
    ] {
        proxy.clear_faults();
        let fault = proxy.fault(Rule::new(Method::PUT, "/manifests/"), Act::status(status, code, message));
        let error = client.manifest_put(&name, &tag("v1"), &image.media_type, image.manifest.clone()).await.unwrap_err();
        assert_eq!((error.code(), fault.fired()), (expected, 1), "{status} {code}");
    }
}

#[tokio::test]
async fn quota_and_read_only_end_an_upload_at_once() {
    let Some(server) = Distribution::start().await else { return };
    let proxy = Proxy::start(&server.url()).await;
    let bytes = images::bytes(1, 1_000);
    for (message, expected) in [
        (
            "adding 48.9 KiB of storage resource, which when updated to current usage of 44.3 KiB will exceed the configured upper limit of 45.3 KiB.",
            "quota_exceeded",
        ),
        ("The system is in read only mode. Any modification is prohibited.", "read_only"),
    ] {
        proxy.clear_faults();
        let fault = proxy.fault(Rule::new(Method::PUT, "/blobs/uploads/"), Act::status(403, "DENIED", message));
        let error = robot(&proxy.url()).blob_put_bytes(&repository("p/r"), &Digest::of(&bytes), bytes.clone()).await.unwrap_err();
        assert_eq!((error.code(), fault.fired()), (expected, 1));
    }
}

#[tokio::test]
async fn a_source_that_fails_is_told_apart_from_the_registry() {
    let Some(server) = Distribution::start().await else { return };
    let (client, name) = (robot(&server.url()), repository("p/r"));
    let failing = || futures::stream::iter([Ok(Bytes::from_static(b"start")), Err::<Bytes, BoxError>("the disk is gone".into())]);
    let error = client.blob_put(&name, &Digest::of(b"start and end"), 13, failing).await.unwrap_err();
    assert!(matches!(&error, RegistryError::Source { source } if source.to_string() == "the disk is gone"), "{error:?}");
    for (size_bytes, what) in [(4_u64, "too long"), (9, "too short")] {
        let source = || futures::stream::iter([Ok::<_, BoxError>(Bytes::from_static(b"start"))]);
        let error = client.blob_put(&name, &Digest::of(b"start"), size_bytes, source).await.unwrap_err();
        assert_eq!(error.code(), "source", "{what}");
    }
    let wrong = || futures::stream::iter([Ok::<_, BoxError>(Bytes::from_static(b"start"))]);
    assert_eq!(client.blob_put(&name, &Digest::of(b"other"), 5, wrong).await.unwrap_err().code(), "invalid", "the registry hashes too");
}

#[tokio::test]
async fn a_location_with_another_scheme_and_port_of_the_same_host_is_brought_back_to_ours() {
    let Some(server) = Distribution::start().await else { return };
    let proxy = Proxy::start(&server.url()).await;
    let bytes = images::bytes(1, 1_000);
    // Harbor behind a TLS proxy names itself by its inner scheme and port.
    let odd = Stub::start({
        let seen = std::sync::Mutex::new(());
        move |asked, _| {
            let _one = seen.lock().unwrap();
            if asked.method == Method::POST {
                answer(202, &[("location", "https://127.0.0.1:9/v2/p/r/blobs/uploads/7?_state=a%2Bb%3D%3D")], "")
            } else {
                answer(201, &[], "")
            }
        }
    })
    .await;
    let digest = Digest::of(&bytes);
    robot(&odd.url).blob_put_bytes(&repository("p/r"), &digest, bytes.clone()).await.unwrap();
    let put = &odd.asked()[1];
    assert_eq!(put.path, "/v2/p/r/blobs/uploads/7");
    assert_eq!(put.query, format!("_state=a%2Bb%3D%3D&digest={digest}"), "the registry's own query is not touched");
    let missing = proxy.fault(Rule::new(Method::POST, "/blobs/uploads/"), Act::DropHeader(LOCATION));
    assert_eq!(robot(&proxy.url()).blob_put_bytes(&repository("p/r"), &digest, bytes).await.unwrap_err().code(), "redirect_refused");
    assert_eq!(missing.fired(), 1);
}

/// F-40.
#[tokio::test]
async fn a_registry_that_lies_about_the_digest_it_stored_is_caught() {
    let lie = Digest::of(b"another").to_string();
    let server = Stub::start(move |asked, _| {
        if asked.method == Method::POST {
            answer(202, &[("location", "/v2/p/r/blobs/uploads/1")], "")
        } else {
            answer(201, &[("docker-content-digest", &lie)], "")
        }
    })
    .await;
    let client = robot(&server.url);
    let name = repository("p/r");
    assert_eq!(client.blob_put_bytes(&name, &Digest::of(b"x"), Bytes::from_static(b"x")).await.unwrap_err().code(), "wrong_digest");
    assert_eq!(client.manifest_put(&name, &tag("v1"), "a/b", Bytes::from_static(b"{}")).await.unwrap_err().code(), "wrong_digest");
}
