//! What goes wrong between the vault and its bucket, and in the bucket.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, stream};
use http::{HeaderMap, Method};
use testkit::{Act, Nth, Proxy, Rule, S3Server};
use vault::conformance::pattern;
use vault::error::StoreError;
use vault::layout::{Key, Prefix};
use vault::store::{BodyBroken, Expected, Store, Written};
use vault::{Vault, VaultError};
use vocab::Digest;

use super::{store, store_at, vault_in};
use crate::common::{closure, put, read, small_backup};

const MIB: usize = 1024 * 1024;

async fn put_in(store: &dyn Store, bytes: &Bytes) -> Result<Written, StoreError> {
    vault::conformance::put(store, bytes, MIB).await
}

fn refusal(status: u16, code: &str) -> Act {
    let body = format!("<Error><Code>{code}</Code><Message>by order of the test</Message></Error>");
    let Act::Status { status, .. } = Act::status(status, "", "") else { unreachable!("a status is a status") };
    let headers = HeaderMap::new().into_iter().filter_map(|(name, value)| Some((name?, value))).collect();
    Act::Status { status, headers, body: Bytes::from(body) }
}

/// F-6.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn damage_in_the_bucket_is_found_and_healed() {
    let Some(server) = S3Server::start().await else { return };
    let name = server.bucket();
    let bucket = store_at(&server.url(), &name).with_fence(Duration::ZERO);
    let vault = Vault::init_store(Arc::new(bucket)).await.unwrap();
    // One that passes through us when it is moved, one that the server copies, and one that was stored in parts.
    for size_bytes in [5_000, 3 * MIB, 20 * MIB + 7] {
        let bytes = pattern(1, size_bytes);
        let digest = Digest::of(&bytes);
        put(&vault, &bytes).await.unwrap();
        let path = server.folder(&name).join("team/one/blobs/sha256").join(digest.hex());
        let mut rotten = std::fs::read(&path).unwrap();
        rotten[size_bytes / 2] ^= 1;
        std::fs::write(&path, &rotten).unwrap();
        assert!(matches!(vault.verify_object(&digest).await, Err(VaultError::Corrupt { .. })), "{size_bytes}");
        assert!(read(&vault, &digest).await.is_err());
        let aside = vault.quarantine(&digest, "bit rot").await.unwrap();
        let kept: Vec<Bytes> = vault.read_quarantined(&aside).try_collect().await.unwrap();
        assert_eq!(kept.concat(), rotten, "moved aside as it is");
        assert!(matches!(vault.verify_object(&digest).await, Err(VaultError::Missing { .. })));
        assert!(put(&vault, &bytes).await.unwrap().new);
        assert_eq!(read(&vault, &digest).await.unwrap(), bytes);
    }
    assert_eq!(vault.quarantined().try_collect::<Vec<_>>().await.unwrap().len(), 3);
}

/// F-32, F-34.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_answer_is_asked_for_again_and_nothing_is_stored_twice() {
    let Some(server) = S3Server::start().await else { return };
    let proxy = Proxy::start(&server.url()).await;
    let vault = Vault::init_store(Arc::new(store_at(&proxy.url(), &server.bucket()))).await.unwrap();
    // A put in one request, one in parts at its completion, a record, a pointer: each is done, and nobody hears of it.
    let lose = |method, path: &str| proxy.fault(Rule::new(method, path).nth(Nth::Only(1)), Act::LoseAnswer);
    for (method, path, size_bytes) in [(Method::PUT, "blobs/sha256", 1_000), (Method::POST, "?uploadId=", 20 * MIB)] {
        let bytes = pattern(2, size_bytes);
        let lost = lose(method, path);
        put(&vault, &bytes).await.unwrap();
        assert_eq!(lost.fired(), 1, "{path}");
        assert_eq!(read(&vault, &Digest::of(&bytes)).await.unwrap(), bytes);
    }
    let lost = lose(Method::PUT, "holds");
    let hold = vault.hold("a backup", Duration::from_secs(60)).await.unwrap();
    assert_eq!(lost.fired(), 1);
    let lost = lose(Method::PUT, "breakwater/snapshots");
    let pointer = small_backup(&vault).await.unwrap();
    assert_eq!(lost.fired(), 1);
    vault.release_hold(&hold).await.unwrap();
    assert_eq!(closure(&vault).await.unwrap().0, [pointer]);
}

/// F-34.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_dies_in_the_middle_of_a_put_leaves_nothing_but_an_upload() {
    let Some(mut server) = S3Server::start().await else { return };
    let (bucket, vault) = vault_in(&server).await;
    let bytes = pattern(3, 40 * MIB);
    let expected = Expected { digest: Digest::of(&bytes), size_bytes: Some(bytes.len() as u64) };
    let (half, rest) = (bytes.slice(..24 * MIB), bytes.slice(24 * MIB..));
    let (reached, at_half) = tokio::sync::oneshot::channel::<()>();
    let (killed, go_on) = tokio::sync::oneshot::channel::<()>();
    let body = stream::iter([Ok(half)]).chain(stream::once(async move {
        let _ = reached.send(());
        let _ = go_on.await;
        Ok::<Bytes, BodyBroken>(rest)
    }));
    let writer = {
        let bucket = bucket.clone();
        tokio::spawn(async move { bucket.put(&expected, body.boxed()).await })
    };
    at_half.await.unwrap();
    server.kill().await;
    killed.send(()).unwrap();
    let error = writer.await.unwrap().unwrap_err();
    assert!(matches!(error, StoreError::Io { .. }), "{error:?}");
    assert!(matches!(bucket.head(&Key::Object(expected.digest)).await, Err(StoreError::Io { .. })), "unreachable is not absent");
    assert!(vault.check().await.unwrap_err().is_transient());
    server.restart().await;
    assert_eq!(bucket.head(&Key::Object(expected.digest)).await.unwrap(), None);
    assert_eq!(bucket.clean_temp(Duration::from_secs(3600)).await.unwrap().count, 0, "too young");
    assert_eq!(bucket.clean_temp(Duration::ZERO).await.unwrap().count, 1);
    assert_eq!(bucket.clean_temp(Duration::ZERO).await.unwrap().count, 0);
    put(&vault, &bytes).await.unwrap();
    vault.verify_object(&expected.digest).await.unwrap();
}

/// F-33.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_uploads_of_one_object_one_wins_and_the_others_keep_it() {
    let Some(server) = S3Server::start().await else { return };
    let bucket = store(&server);
    let bytes = pattern(4, 18 * MIB);
    let writers = (0..4).map(|_| {
        let (bucket, bytes) = (bucket.clone(), bytes.clone());
        tokio::spawn(async move { put_in(&bucket, &bytes).await.unwrap() })
    });
    let all: Vec<Written> = futures::future::try_join_all(writers).await.unwrap();
    assert_eq!(all.iter().filter(|written| matches!(written, Written::New { .. })).count(), 1, "{all:?}");
    // What the losers had sent is gone as well; they are dropped in the background, so a cleaning may be a little faster.
    bucket.clean_temp(Duration::ZERO).await.unwrap();
    assert_eq!(bucket.clean_temp(Duration::ZERO).await.unwrap().count, 0);
}

/// F-32.
#[tokio::test]
async fn an_absent_bucket_and_a_refused_key_are_errors_and_never_an_empty_vault() {
    let Some(server) = S3Server::start().await else { return };
    let absent = store_at(&server.url(), "no-such-bucket");
    for error in [
        absent.head(&Key::Marker).await.unwrap_err(),
        absent.get(&Key::Marker, vault::store::ByteRange::default()).await.err().unwrap(),
        absent.list(&Prefix::Pointers).try_collect::<Vec<_>>().await.unwrap_err(),
        absent.list(&Prefix::Sweeps).try_collect::<Vec<_>>().await.unwrap_err(),
    ] {
        assert!(matches!(error, StoreError::Io { .. }), "{error:?}");
    }
    let error = Vault::open_store(Arc::new(absent), None).await.unwrap_err();
    assert!(matches!(error, VaultError::Store { .. }), "{error:?}");
    let place = vault::store::bucket::BucketPlace::new(
        &server.url().parse().unwrap(),
        "us-east-1",
        &server.bucket(),
        "",
        testkit::s3::ACCESS_KEY,
        "another secret".replace(' ', "-").into(),
        true,
    );
    let stranger = vault::store::bucket::BucketStore::new(place.unwrap(), super::client()).unwrap();
    let error = Vault::open_store(Arc::new(stranger), None).await.unwrap_err();
    assert!(!error.is_transient(), "{error:?}");
    assert!(!format!("{error:?}").contains("another-secret"));
}

/// F-32.
#[tokio::test]
async fn a_refusal_for_lack_of_room_is_no_space_and_busy_is_tried_again() {
    let Some(server) = S3Server::start().await else { return };
    let proxy = Proxy::start(&server.url()).await;
    let vault = Vault::init_store(Arc::new(store_at(&proxy.url(), &server.bucket()))).await.unwrap();
    for (status, code) in [(507, "InsufficientStorage"), (403, "QuotaExceeded")] {
        let full = proxy.fault(Rule::new(Method::PUT, "blobs/sha256"), refusal(status, code));
        let error = put(&vault, &pattern(5, 100)).await.unwrap_err();
        assert!(matches!(error, VaultError::NoSpace { .. }), "{error:?}");
        assert!(full.fired() > 0);
        proxy.clear_faults();
    }
    let busy = proxy.fault(Rule::new(Method::PUT, "blobs/sha256").nth(Nth::Only(1)), refusal(503, "SlowDown"));
    put(&vault, &pattern(5, 100)).await.unwrap();
    assert_eq!(busy.fired(), 1);
}
