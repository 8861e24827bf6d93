//! Backups and copies into a bucket that locks: everything is locked before its pointer is there, and what is unchanged costs nothing (I-14).

use std::sync::Arc;
use std::time::Duration;

use engine::Silent;
use engine::copy::{self, CopyContext};
use futures::TryStreamExt;
use harbor_sim::{Config, images};
use testkit::S3Server;
use testkit::s3::{ACCESS_KEY, SECRET};
use vault::conformance::{Fault, FaultyStore, Operation};
use vault::lock::Locking;
use vault::store::bucket::{BucketPlace, BucketStore};
use vault::store::memory::MemoryStore;
use vault::{Lock, Mode, Pointer, Vault};
use vocab::Digest;

use crate::harness::shop;
use crate::points::{client, sealed};
use crate::push;

fn store(server: &S3Server, bucket: &str, lock: Option<Lock>) -> BucketStore {
    let url = server.url().parse().unwrap();
    let place = BucketPlace::new(&url, "us-east-1", bucket, "team/one", ACCESS_KEY, SECRET.to_owned().into(), true).unwrap();
    let client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).no_proxy().build().unwrap();
    BucketStore::new(place, client).unwrap().with_fence(Duration::ZERO).with_lock(lock)
}

fn thirty_days() -> Option<Lock> {
    Some(Lock::days(Mode::Governance, 30))
}

async fn pointers(vault: &Vault) -> Vec<Pointer> {
    vault.pointers().try_collect().await.unwrap()
}

/// How many locks of what the newest snapshot needs are too short.
async fn short(vault: &Vault) -> usize {
    let newest = pointers(vault).await.into_iter().max_by_key(|pointer| pointer.moment).unwrap();
    Locking::look(vault, Arc::new(|_: &Digest| true)).unwrap().snapshot(&newest, None).await.unwrap().len()
}

fn locks(store: &FaultyStore) -> usize {
    store.take_calls().into_iter().filter(|(operation, _)| *operation == Operation::ExtendLock).count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_locks_what_it_needs_before_its_pointer_and_asks_for_no_lock_of_what_is_unchanged() {
    let Some(server) = S3Server::start().await else { return };
    let sim = harbor_sim::start(Config::default()).await.unwrap();
    let client = client(&sim);
    client.create_project(&shop(), false).await.unwrap();
    for name in ["shop/web", "shop/api"] {
        push::image(&client, name, Some("1"), &images::simple(name, &[600])).await;
    }
    let faulty = Arc::new(FaultyStore::new(Arc::new(store(&server, &server.locking_bucket().await, thirty_days()))));
    let vault = Vault::init_store(faulty.clone()).await.unwrap();
    faulty.take_calls();
    let first = sealed(&client, &vault, None).await.unwrap();
    assert!(locks(&faulty) <= 1, "what this process has stored is known to be locked: all but the marker");
    assert_eq!(short(&vault).await, 0);
    // Another process, in which nothing and then one of two repositories changed.
    let vault = Vault::open_store(faulty.clone(), None).await.unwrap();
    faulty.take_calls();
    let second = sealed(&client, &vault, Some(first)).await.unwrap();
    assert!(locks(&faulty) <= 2, "those of the pointer and of the index it names, which are locked from now on");
    assert_eq!(second, first);
    push::image(&client, "shop/web", Some("2"), &images::simple("shop/web", &[600, 70])).await;
    let changed = |vault: Vault| {
        let client = client.clone();
        async move { sealed(&client, &vault, Some(second)).await }
    };
    let before = pointers(&vault).await.len();
    for nth in 1.. {
        // As after a crash: nothing is known but what the vault says.
        let vault = Vault::open_store(faulty.clone(), None).await.unwrap();
        faulty.fail_nth_of(Operation::ExtendLock, nth, Fault::Before);
        let outcome = changed(vault.clone()).await;
        let fired = faulty.fired();
        faulty.heal();
        if fired == 0 {
            outcome.unwrap();
            assert!(nth > 1, "what a run before had stored is looked at");
            break;
        }
        assert!(outcome.unwrap_err().is_transient());
        assert_eq!(pointers(&vault).await.len(), before, "no pointer after lock {nth} failed");
    }
    assert_eq!(pointers(&vault).await.len(), before + 1);
    assert_eq!(short(&vault).await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_into_a_vault_that_locks_is_locked_also_where_it_finds_what_was_not() {
    let Some(server) = S3Server::start().await else { return };
    let sim = harbor_sim::start(Config::default()).await.unwrap();
    let client = client(&sim);
    client.create_project(&shop(), false).await.unwrap();
    push::image(&client, "shop/web", Some("1"), &images::simple("web", &[600])).await;
    let from = Vault::init_store(Arc::new(MemoryStore::default())).await.unwrap();
    let first = sealed(&client, &from, None).await.unwrap();
    let bucket = server.locking_bucket().await;
    let copied = |to: Vault, pointer: Pointer, before| {
        let cx = CopyContext { from: from.clone(), to, progress: Arc::new(Silent), control: Arc::new(Silent) };
        async move { copy::snapshot(&cx, &pointer, before).await.unwrap() }
    };
    // The first copy comes before the vault is told to lock.
    let plain = Vault::init_store(Arc::new(store(&server, &bucket, None))).await.unwrap();
    copied(plain, pointers(&from).await.remove(0), None).await;
    sealed(&client, &from, Some(first)).await.unwrap();
    let to = Vault::open_store(Arc::new(store(&server, &bucket, thirty_days())), None).await.unwrap();
    let newest = pointers(&from).await.into_iter().max_by_key(|pointer| pointer.moment).unwrap();
    let done = copied(to.clone(), newest, Some(first)).await;
    assert!(done.objects <= 2, "all but its index is there: {done:?}");
    assert_eq!(short(&to).await, 0);
    assert!(to.pointer_locked_until(&done.pointer).await.unwrap().is_some());
}
