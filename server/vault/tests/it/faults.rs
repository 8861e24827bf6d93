//! Storage that fails: every call in turn, every kind of fault; bit rot; a full disk.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use crate::common::{closure, put, read, small_backup};
use futures::{StreamExt, TryStreamExt};
use rand::{Rng, SeedableRng};
use vault::conformance::{Fault, FaultyStore, Operation, pattern};
use vault::store::Store;
use vault::store::directory::DirectoryStore;
use vault::store::memory::MemoryStore;
use vault::{Pointer, Vault, VaultError};
use vocab::Digest;

/// More calls than a small backup or its walk makes; a loop that gets here does not end by itself.
const CALLS_MAX: u64 = 1_000;

async fn faulty(inner: Arc<dyn Store>) -> (Arc<FaultyStore>, Vault) {
    let store = Arc::new(FaultyStore::new(inner));
    let vault = Vault::init_store(store.clone()).await.unwrap();
    (store, vault)
}

/// What must hold after any failure, with the storage healthy again.
async fn nothing_is_half_done(vault: &Vault) {
    let objects: Vec<(Digest, u64)> = vault.objects().try_collect().await.unwrap();
    for (digest, size_bytes) in objects {
        assert_eq!(vault.verify_object(&digest).await.unwrap().size_bytes, size_bytes);
    }
    // Whatever is listed as kept is complete.
    closure(vault).await.unwrap();
    vault.live_holds().await.unwrap();
}

/// Fails the first, second, third … call of a backup until it runs through; returns how many calls there were.
async fn fail_each_call_of_a_backup(fault: Fault, make: impl AsyncFn() -> Arc<dyn Store>) -> u64 {
    for nth in 1..CALLS_MAX {
        let (store, vault) = faulty(make().await).await;
        store.fail_nth(nth, fault);
        let outcome = small_backup(&vault).await;
        let fired = store.fired();
        store.heal();
        if fired == 0 {
            outcome.unwrap();
            return nth - 1;
        }
        if fault == Fault::NoSpace {
            assert!(matches!(outcome, Err(VaultError::NoSpace { .. })), "call {nth}: {outcome:?}");
        } else if let Err(error) = &outcome {
            assert!(error.is_transient(), "{fault:?} at call {nth}: {error:?}");
        }
        nothing_is_half_done(&vault).await;
        let again = small_backup(&vault).await.unwrap_or_else(|e| panic!("after {fault:?} at call {nth}: {e:?}"));
        nothing_is_half_done(&vault).await;
        assert_eq!(vault.pointers().try_collect::<Vec<Pointer>>().await.unwrap(), vec![again]);
    }
    panic!("a small backup makes more than {CALLS_MAX} calls");
}

#[tokio::test]
async fn a_backup_survives_the_failure_of_any_one_call_in_memory() {
    for fault in [Fault::Before, Fault::After, Fault::NoSpace] {
        let calls = fail_each_call_of_a_backup(fault, async || Arc::new(MemoryStore::default()) as Arc<dyn Store>).await;
        let least = if fault == Fault::NoSpace { 15 } else { 50 };
        assert!(calls >= least, "{fault:?} fired at {calls} calls only");
    }
}

/// F-3, F-4.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_survives_the_failure_of_any_one_call_in_a_directory() {
    let folder = tempfile::tempdir().unwrap();
    for fault in [Fault::Before, Fault::After] {
        let make = async || {
            let path = folder.path().join(uuid::Uuid::new_v4().to_string());
            Arc::new(DirectoryStore::init(&path).await.unwrap()) as Arc<dyn Store>
        };
        assert!(fail_each_call_of_a_backup(fault, make).await >= 50);
    }
}

/// F-5.
#[tokio::test]
async fn a_read_that_goes_wrong_once_is_never_served_and_never_called_corrupt() {
    let (store, vault) = faulty(Arc::new(MemoryStore::default())).await;
    small_backup(&vault).await.unwrap();
    let healthy = closure(&vault).await.unwrap();
    for fault in [Fault::ShortRead, Fault::FlippedBit, Fault::Before, Fault::After] {
        let mut fired = 0;
        for nth in 1..CALLS_MAX {
            store.fail_nth_of(Operation::Get, nth, fault);
            let outcome = closure(&vault).await;
            let hit = store.fired();
            store.heal();
            if hit == 0 {
                outcome.unwrap();
                break;
            }
            fired += 1;
            match outcome {
                Err(VaultError::Unstable { .. } | VaultError::Store { .. }) => {}
                // Pointers are small: the second read is used.
                Ok(walked) => assert_eq!(walked, healthy, "{fault:?} at read {nth}"),
                Err(other) => panic!("{fault:?} at read {nth}: {other:?}"),
            }
        }
        assert!(fired >= 15, "{fault:?} fired {fired} times");
    }
}

/// F-5, F-6.
#[tokio::test]
async fn a_read_that_is_wrong_twice_is_corrupt_and_an_unreachable_store_is_not() {
    let (store, vault) = faulty(Arc::new(MemoryStore::default())).await;
    let bytes = pattern(3, 1_300_000);
    put(&vault, &bytes).await.unwrap();
    let digest = Digest::of(&bytes);
    store.fail_all_of(Operation::Get, Fault::FlippedBit);
    assert!(matches!(read(&vault, &digest).await, Err(VaultError::Corrupt { .. })));
    assert!(matches!(vault.verify_object(&digest).await, Err(VaultError::Corrupt { .. })));
    assert!(store.fired() >= 4);
    store.fail_all_of(Operation::Get, Fault::Before);
    let unreachable = vault.quarantine(&digest, "cannot be read").await.unwrap_err();
    assert!(unreachable.is_transient(), "{unreachable:?}");
    store.fail_all_of(Operation::List, Fault::Before);
    assert!(vault.objects().try_collect::<Vec<_>>().await.is_err(), "an error is not an empty listing");
    assert!(vault.live_holds().await.is_err());
    assert!(vault.pointers().try_collect::<Vec<_>>().await.is_err());
    store.heal();
    assert_eq!(read(&vault, &digest).await.unwrap(), bytes);
    assert!(vault.quarantined().try_collect::<Vec<_>>().await.unwrap().is_empty());
}

#[tokio::test]
async fn good_bytes_that_only_read_badly_are_moved_back_from_quarantine() {
    let (store, vault) = faulty(Arc::new(MemoryStore::default())).await;
    let bytes = pattern(4, 5_000);
    put(&vault, &bytes).await.unwrap();
    let digest = Digest::of(&bytes);
    // The two reads that judge an object both go wrong; the third one, of the moved bytes, tells the truth.
    store.fail_first_of(Operation::Get, 2, Fault::FlippedBit);
    assert!(matches!(vault.quarantine(&digest, "bad cable").await, Err(VaultError::Intact { .. })));
    assert_eq!(store.fired(), 2);
    assert_eq!(read(&vault, &digest).await.unwrap(), bytes);
    assert!(vault.quarantined().try_collect::<Vec<_>>().await.unwrap().is_empty());
}

/// F-6.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_flipped_bit_in_each_of_two_thousand_objects_is_found_and_healed() {
    let folder = tempfile::tempdir().unwrap();
    let vault = Vault::init(folder.path()).await.unwrap();
    let seed = 0x000B_EAC0;
    let mut rng = rand::rngs::StdRng::seed_from_u64(seed);
    let objects: Vec<bytes::Bytes> = (0..2_000).map(|n| pattern(n, rng.random_range(1..5_000))).collect();
    let puts = futures::stream::iter(&objects).map(|bytes| put(&vault, bytes));
    assert!(puts.buffer_unordered(16).try_all(|stored| async move { stored.new }).await.unwrap());
    let healthy = objects.len() / 10;
    for bytes in &objects[healthy..] {
        let mut rotten = bytes.to_vec();
        let at = rng.random_range(0..rotten.len());
        rotten[at] ^= 1 << rng.random_range(0..8);
        let path = folder.path().join("blobs/sha256").join(Digest::of(bytes).hex());
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        fs::write(&path, rotten).unwrap();
    }
    let listed: Vec<(Digest, u64)> = vault.objects().try_collect().await.unwrap();
    assert_eq!(listed.len(), objects.len());
    let (mut found, mut intact) = (0, 0);
    for (digest, _) in listed {
        match vault.verify_object(&digest).await {
            Ok(_) => intact += 1,
            Err(VaultError::Corrupt { .. }) => {
                assert!(read(&vault, &digest).await.is_err());
                vault.quarantine(&digest, "bit rot").await.unwrap();
                found += 1;
            }
            Err(other) => panic!("seed {seed}: {other:?}"),
        }
    }
    assert_eq!((found, intact), (objects.len() - healthy, healthy), "seed {seed}");
    for bytes in &objects {
        put(&vault, bytes).await.unwrap();
        assert_eq!(read(&vault, &Digest::of(bytes)).await.unwrap(), *bytes);
    }
    assert_eq!(vault.quarantined().try_collect::<Vec<_>>().await.unwrap().len(), found);
}

/// A file system in memory of a few megabytes, gone when this is dropped.
struct SmallDisk(PathBuf);

impl SmallDisk {
    fn mount(at: &Path, size: &str) -> Option<Self> {
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", &format!("size={size}"), "tmpfs"]).arg(at).output();
        mounted.is_ok_and(|output| output.status.success()).then(|| Self(at.to_owned()))
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(&self.0).status();
    }
}

/// F-3.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_refuses_new_objects_and_serves_the_old_ones() {
    let folder = tempfile::tempdir().unwrap();
    // Without the right to mount, the memory store's capacity stands in for the disk.
    let disk = SmallDisk::mount(folder.path(), "8m");
    let vault = match &disk {
        Some(disk) => Vault::init(&disk.0.join("vault")).await.unwrap(),
        None => Vault::init_store(Arc::new(MemoryStore::with_capacity(8 << 20))).await.unwrap(),
    };
    // No reserve: the store itself must refuse, in the middle of a write.
    let vault = vault.with_reserve(0);
    let pointer = small_backup(&vault).await.unwrap();
    let first = pattern(1, 2_500_000);
    let huge = pattern(2, 12_000_000);
    let body = futures::stream::iter([Ok::<_, std::io::Error>(huge.clone())]);
    let outcome = vault.put(&Digest::of(&huge), None, body).await.unwrap_err();
    assert!(matches!(outcome, vault::PutError::Vault(VaultError::NoSpace { .. })), "{outcome:?}");
    let outcome = put(&vault, &huge).await.unwrap_err();
    assert!(matches!(outcome, VaultError::NoSpace { needed_bytes: 12_000_000, .. }), "{outcome:?}");
    assert_eq!(vault.size_of(&Digest::of(&huge)).await.unwrap(), None, "no part under the final name");
    assert_eq!(read(&vault, &Digest::of(&first)).await.unwrap(), first);
    vault.put_pointer(&pointer).await.unwrap();
    nothing_is_half_done(&vault).await;
    assert_eq!(vault.clean_temp(std::time::Duration::ZERO).await.unwrap().count, 0, "the broken-off write cleaned up after itself");
    put(&vault, &pattern(3, 100_000)).await.expect("there is room for less");
}

/// F-9: a file system that turned read-only, as a failing disk does.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disk_that_turned_read_only_is_said_and_still_read() {
    let folder = tempfile::tempdir().unwrap();
    let Some(disk) = SmallDisk::mount(folder.path(), "16m") else { return println!("not run: it takes the right to mount") };
    let remount = |how: &str| Command::new("mount").args(["-o", &format!("remount,{how}")]).arg(&disk.0).status().unwrap().success();
    let vault = Vault::init(&disk.0.join("vault")).await.unwrap().with_reserve(0);
    let pointer = small_backup(&vault).await.unwrap();
    assert!(remount("ro"));
    let bytes = pattern(9, 1_000);
    let error = put(&vault, &bytes).await.unwrap_err();
    assert!(matches!(error, VaultError::Store { source: vault::StoreError::ReadOnly { .. }, .. }), "{error:?}");
    assert!(vault.hold("a backup", std::time::Duration::from_secs(60)).await.is_err());
    assert!(vault.sweep(&crate::sweep::AT_ONCE).await.is_err(), "nothing is deleted where nothing can be written");
    closure(&vault).await.unwrap();
    assert_eq!(vault.pointers().try_collect::<Vec<Pointer>>().await.unwrap(), [pointer]);
    assert!(remount("rw"));
    put(&vault, &bytes).await.unwrap();
    nothing_is_half_done(&vault).await;
}
