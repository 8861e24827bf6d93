//! A snapshot in a second vault is the same snapshot, whatever happened on the way.

use std::sync::Arc;

use engine::backup::Reconcile;
use engine::copy::{self, Copied, CopyContext, CopyError};
use engine::finding::Depth;
use engine::verify;
use engine::{Silent, backup};
use futures::TryStreamExt;
use vault::conformance::{Fault, FaultyStore};
use vault::store::memory::MemoryStore;
use vault::{Pointer, Vault};

use crate::harness::{Harness, shop};
use crate::push;

struct Two {
    harness: Harness,
    faulty: Arc<FaultyStore>,
    to: Vault,
}

impl Two {
    async fn new() -> Self {
        let harness = Harness::new().await;
        let faulty = Arc::new(FaultyStore::new(Arc::new(MemoryStore::default())));
        let to = Vault::init_store(faulty.clone()).await.unwrap();
        Self { harness, faulty, to }
    }

    async fn backup(&self) -> Pointer {
        let outcome = backup::project(&self.harness.backup_context(Reconcile::Full), &shop(), None).await.unwrap();
        self.harness.vault.pointer(&outcome.pointer).await.unwrap().unwrap()
    }

    async fn copy(&self, pointer: &Pointer, before: Option<vocab::Digest>) -> Result<Copied, CopyError> {
        let cx =
            CopyContext { from: self.harness.vault.clone(), to: self.to.clone(), progress: Arc::new(Silent), control: Arc::new(Silent) };
        copy::snapshot(&cx, pointer, before).await
    }

    async fn whole(&self, pointer: &Pointer) {
        let findings = verify::snapshot_to(&self.to, &pointer.snapshot.digest, Depth::Bytes).await;
        assert!(findings.is_empty(), "{findings:?}");
        assert!(self.pointers().await.contains(pointer), "the same id, moment and digest");
    }

    async fn pointers(&self) -> Vec<Pointer> {
        self.to.pointers().try_collect().await.unwrap()
    }
}

#[tokio::test]
async fn a_copy_is_the_same_snapshot_and_costs_what_is_new() {
    let two = Two::new().await;
    let rich = push::rich(&two.harness.client, "shop/app", "one").await;
    let first = two.backup().await;
    let copied = two.copy(&first, None).await.unwrap();
    two.whole(&first).await;
    assert!(copied.objects > 10 && copied.bytes > 0, "{copied:?}");
    let again = two.copy(&first, None).await.unwrap();
    assert_eq!((again.objects, again.bytes), (0, 0));

    push::rich(&two.harness.client, "shop/other", "two").await;
    let second = two.backup().await;
    // What did not change is not even looked at: it may be gone here by now.
    std::fs::remove_file(two.harness.object(&rich.plain)).unwrap();
    let copied = two.copy(&second, Some(first.snapshot.digest)).await.unwrap();
    assert!(copied.objects > 10, "{copied:?}");
    two.whole(&second).await;
}

#[tokio::test]
async fn a_copy_that_fails_at_any_write_leaves_no_pointer_and_ends_whole_when_tried_again() {
    let mut two = Two::new().await;
    push::rich(&two.harness.client, "shop/app", "one").await;
    let pointer = two.backup().await;
    let mut broke_off = 0;
    for nth in 1..1_000 {
        // A vault of its own each time: the fault meets the first copy, wherever in it.
        let faulty = Arc::new(FaultyStore::new(Arc::new(MemoryStore::default())));
        let to = Vault::init_store(faulty.clone()).await.unwrap();
        two.to = to;
        two.faulty = faulty;
        two.faulty.fail_nth(nth, if nth % 2 == 0 { Fault::Before } else { Fault::After });
        let outcome = two.copy(&pointer, None).await;
        let fired = two.faulty.fired();
        two.faulty.heal();
        if outcome.is_err() {
            assert_eq!(fired, 1);
            broke_off += 1;
            // A pointer may be there after an error (its outcome is unknown), but then the snapshot is whole.
            if !two.pointers().await.is_empty() {
                two.whole(&pointer).await;
            }
            two.copy(&pointer, None).await.unwrap();
        }
        two.whole(&pointer).await;
        if fired == 0 {
            assert!(broke_off > 20, "{broke_off}");
            return;
        }
    }
    panic!("the copy never came to an end without meeting the fault");
}

#[tokio::test]
async fn what_is_damaged_is_not_copied_as_if_it_were_whole() {
    let two = Two::new().await;
    let rich = push::rich(&two.harness.client, "shop/app", "one").await;
    let pointer = two.backup().await;
    let object = two.harness.object(&rich.plain);
    let bytes = std::fs::read(&object).unwrap();
    std::fs::remove_file(&object).unwrap();
    std::fs::write(&object, vec![b' '; bytes.len()]).unwrap();
    assert!(matches!(two.copy(&pointer, None).await, Err(CopyError::From(_))));
    assert_eq!(two.pointers().await, []);
}
