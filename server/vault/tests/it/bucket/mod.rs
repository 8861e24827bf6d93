//! A vault in a bucket of a real S3 server.

mod faults;
mod locks;
mod probes;
mod sweeps;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use futures::FutureExt;
use testkit::S3Server;
use testkit::s3::{ACCESS_KEY, SECRET};
use vault::Vault;
use vault::conformance;
use vault::store::Store;
use vault::store::bucket::{BucketPlace, BucketStore};

use crate::conformance::CASES;

/// A client as the program makes one, without its rules about addresses.
pub fn client() -> reqwest::Client {
    reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .connect_timeout(Duration::from_secs(10))
        .read_timeout(Duration::from_secs(30))
        .build()
        .unwrap()
}

/// The store of `bucket` as seen at `url`: the server, or a proxy in front of it.
pub fn store_at(url: &str, bucket: &str) -> BucketStore {
    let place =
        BucketPlace::new(&url.parse().unwrap(), "us-east-1", bucket, "team/one", ACCESS_KEY, SECRET.to_owned().into(), true).unwrap();
    BucketStore::new(place, client()).unwrap()
}

/// A fresh bucket whose condemned copies wait for nothing.
pub fn store(server: &S3Server) -> BucketStore {
    store_at(&server.url(), &server.bucket()).with_fence(Duration::ZERO)
}

pub async fn vault_in(server: &S3Server) -> (BucketStore, Vault) {
    let store = store(server);
    let vault = Vault::init_store(Arc::new(store.clone())).await.unwrap();
    (store, vault)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_bucket_does_what_a_store_must() {
    let Some(server) = S3Server::start().await else { return };
    let server = Arc::new(server);
    let made = AtomicU32::new(0);
    let count = conformance::run(&|| {
        made.fetch_add(1, Ordering::Relaxed);
        let store = store(&server);
        async move { Arc::new(store) as Arc<dyn Store> }.boxed()
    })
    .await;
    assert_eq!(count, CASES);
    assert_eq!(made.into_inner() as usize, CASES);
}
