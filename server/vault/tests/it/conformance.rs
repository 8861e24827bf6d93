//! The conformance suite on every store there is.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use futures::FutureExt;
use vault::conformance::{self, FaultyStore};
use vault::store::Store;
use vault::store::directory::DirectoryStore;
use vault::store::memory::MemoryStore;

/// How many cases the suite has; a case that is lost on the way would otherwise not be missed.
pub const CASES: usize = 17;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn memory_does_what_a_store_must() {
    let count = conformance::run(&|| async { Arc::new(MemoryStore::default()) as Arc<dyn Store> }.boxed()).await;
    assert_eq!(count, CASES);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_directory_does_what_a_store_must() {
    let folder = tempfile::tempdir().unwrap();
    let next = AtomicU32::new(0);
    let root: PathBuf = folder.path().to_owned();
    let count = conformance::run(&|| {
        let path = root.join(next.fetch_add(1, Ordering::Relaxed).to_string());
        async move { Arc::new(DirectoryStore::init(&path).await.unwrap()) as Arc<dyn Store> }.boxed()
    })
    .await;
    assert_eq!(count, CASES);
    for case in 0..next.load(Ordering::Relaxed) {
        let left = std::fs::read_dir(root.join(case.to_string()).join("breakwater/tmp")).unwrap().count();
        assert_eq!(left, 0, "temporary files of case {case}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_faulty_store_does_what_a_store_must_while_it_is_healthy() {
    let make = || async { Arc::new(FaultyStore::new(Arc::new(MemoryStore::default()))) as Arc<dyn Store> }.boxed();
    assert_eq!(conformance::run(&make).await, CASES);
}
