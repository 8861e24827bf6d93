//! As in [`crate::points`], with the vault in a bucket of a real S3 server: each call in turn, the kind of fault changing from call to call.

use std::sync::Arc;
use std::time::Duration;

use engine::finding::Depth;
use engine::verify;
use futures::TryStreamExt;
use harbor_sim::{Config, images};
use testkit::S3Server;
use testkit::s3::{ACCESS_KEY, SECRET};
use vault::conformance::FaultyStore;
use vault::store::bucket::{BucketPlace, BucketStore};
use vault::{Pointer, Vault};

use crate::harness::shop;
use crate::points::{FAULTS, POINTS_MAX, client, sealed};
use crate::push;

fn store(server: &S3Server) -> BucketStore {
    let url = server.url().parse().unwrap();
    let place = BucketPlace::new(&url, "us-east-1", &server.bucket(), "team/one", ACCESS_KEY, SECRET.to_owned().into(), true).unwrap();
    let client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).no_proxy().build().unwrap();
    BucketStore::new(place, client).unwrap().with_fence(Duration::ZERO)
}

async fn holds(vault: &Vault) -> usize {
    let pointers: Vec<Pointer> = vault.pointers().try_collect().await.unwrap();
    for pointer in &pointers {
        assert_eq!(verify::snapshot_to(vault, &pointer.snapshot.digest, Depth::Bytes).await, [], "{pointer:?}");
    }
    pointers.len()
}

/// F-1, F-32.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_into_a_bucket_that_fails_at_any_call_leaves_nothing_half_done() {
    let Some(server) = S3Server::start().await else { return };
    let sim = harbor_sim::start(Config::default()).await.unwrap();
    let client = client(&sim);
    client.create_project(&shop(), false).await.unwrap();
    push::image(&client, "shop/web", Some("1"), &images::simple("a", &[600])).await;
    for nth in 1..POINTS_MAX {
        let faulty = Arc::new(FaultyStore::new(Arc::new(store(&server))));
        let vault = Vault::init_store(faulty.clone()).await.unwrap();
        let fault = FAULTS[(nth % 4) as usize];
        faulty.fail_nth(nth, fault);
        let outcome = tokio::select! {
            biased;
            () = faulty.stopped() => None,
            outcome = sealed(&client, &vault, None) => Some(outcome),
        };
        let fired = faulty.fired();
        faulty.heal();
        let kept = holds(&vault).await;
        if fired == 0 {
            assert!(matches!(outcome, Some(Ok(_))) && nth > 30, "{} calls", nth - 1);
            return;
        }
        if let Some(Err(error)) = outcome {
            assert!(error.is_transient(), "{fault:?} at call {nth}: {error:?}");
        }
        let again = sealed(&client, &vault, None).await;
        again.unwrap_or_else(|error| panic!("after {fault:?} at call {nth}: {error:?}"));
        assert_eq!(holds(&vault).await, kept + 1);
    }
    panic!("a small backup makes more than {POINTS_MAX} calls");
}
