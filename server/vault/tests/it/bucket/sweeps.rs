//! Sweeps of a bucket, where a move is a copy and a delete.

use std::sync::Arc;

use futures::TryStreamExt;
use testkit::{Act, Nth, Proxy, Rule, S3Server};
use vault::Vault;
use vault::conformance::pattern;
use vault::layout::Key;
use vault::store::Store;
use vocab::Digest;

use super::{store_at, vault_in};
use crate::common::{closure, read, small_backup};
use crate::sweep::AT_ONCE;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_nothing_needs_is_condemned_and_then_deleted() {
    let Some(server) = S3Server::start().await else { return };
    let (_, vault) = vault_in(&server).await;
    let pointer = small_backup(&vault).await.unwrap();
    let loose = Digest::of(&pattern(1, 2_500_000));
    assert_eq!(vault.sweep(&AT_ONCE).await.unwrap().condemned.count, 1);
    assert_eq!(vault.condemned().await.unwrap().into_iter().collect::<Vec<_>>(), [loose]);
    assert_eq!(vault.sweep(&AT_ONCE).await.unwrap().deleted.count, 1);
    assert!(vault.condemned().await.unwrap().is_empty());
    assert_eq!(vault.size_of(&loose).await.unwrap(), None);
    assert_eq!(closure(&vault).await.unwrap().0, [pointer]);
    assert_eq!(vault.sweep(&AT_ONCE).await.unwrap().condemned.count, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_young_copy_waits_and_whoever_misses_the_object_gets_it() {
    let Some(server) = S3Server::start().await else { return };
    // With the fence of the program: hours.
    let vault = Vault::init_store(Arc::new(store_at(&server.url(), &server.bucket()))).await.unwrap();
    small_backup(&vault).await.unwrap();
    let loose = pattern(1, 2_500_000);
    let digest = Digest::of(&loose);
    assert_eq!(vault.sweep(&AT_ONCE).await.unwrap().condemned.count, 1);
    for _ in 0..2 {
        let swept = vault.sweep(&AT_ONCE).await.unwrap();
        assert_eq!((swept.waiting.count, swept.deleted.count), (1, 0));
    }
    assert_eq!(read(&vault, &digest).await.unwrap(), loose);
    assert_eq!(vault.condemned().await.unwrap().len(), 1, "its copy stays beside it");
    vault.verify_object(&digest).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sweep_cut_off_between_copy_and_delete_loses_nothing_and_the_next_tidies_up() {
    let Some(server) = S3Server::start().await else { return };
    let name = server.bucket();
    let proxy = Proxy::start(&server.url()).await;
    let cut = Vault::init_store(Arc::new(store_at(&proxy.url(), &name).with_fence(std::time::Duration::ZERO))).await.unwrap();
    small_backup(&cut).await.unwrap();
    let digest = Digest::of(&pattern(1, 2_500_000));
    let direct = store_at(&server.url(), &name).with_fence(std::time::Duration::ZERO);
    let vault = Vault::open_store(Arc::new(direct.clone()), None).await.unwrap();
    // The delete of the final name never arrives, then it arrives and its answer does not.
    for (act, still_there) in [(Act::Reset, true), (Act::LoseAnswer, false)] {
        let fault = proxy.fault(Rule::new(http::Method::DELETE, "blobs/sha256").nth(Nth::Only(1)), act);
        cut.sweep(&AT_ONCE).await.unwrap_err();
        assert_eq!(fault.fired(), 1, "it is sent once and no more");
        assert_eq!(direct.head(&Key::Object(digest)).await.unwrap().is_some(), still_there);
        assert_eq!(vault.condemned().await.unwrap().len(), 1);
        assert_eq!(vault.sweep(&AT_ONCE).await.unwrap().returned.count, 1);
        vault.verify_object(&digest).await.unwrap();
        // That sweep condemned it anew; without its record it goes back.
        let sweeps = direct.list(&vault::layout::Prefix::Sweeps).try_collect::<Vec<_>>().await.unwrap();
        for entry in sweeps {
            direct.remove(&entry.key).await.unwrap();
        }
        vault.size_of(&digest).await.unwrap();
        let terms = vault::Terms { share_max_percent: 0, ..AT_ONCE };
        vault.sweep(&terms).await.unwrap_err();
        assert!(vault.condemned().await.unwrap().is_empty());
        proxy.clear_faults();
    }
    closure(&vault).await.unwrap();
}
