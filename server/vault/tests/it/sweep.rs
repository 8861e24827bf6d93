//! The sweep alone: what it takes, what it spares, what it refuses.

use std::sync::Arc;
use std::time::Duration;

use futures::TryStreamExt;
use vault::conformance::{Fault, FaultyStore, Operation, pattern};
use vault::layout::Key;
use vault::store::Store;
use vault::store::memory::MemoryStore;
use vault::tree::{RepositoryIndex, RepositoryMember, SnapshotIndex};
use vault::{Pointer, Terms, Vault, VaultError};
use vocab::Digest;

use crate::common::{memory_vault, moment, put, read, small_backup};

/// At once, and as much as there is.
pub const AT_ONCE: Terms = Terms { dry_run: false, young: Duration::ZERO, wait: Duration::ZERO, share_max_percent: 100 };

async fn objects(vault: &Vault) -> Vec<Digest> {
    let mut all: Vec<Digest> = vault.objects().map_ok(|(digest, _)| digest).try_collect().await.unwrap();
    all.sort();
    all
}

async fn forget(vault: &Vault, pointer: &Pointer) {
    vault.forget(&pointer.name().unwrap()).await.unwrap();
}

#[tokio::test]
async fn what_a_snapshot_needs_stays_and_the_rest_goes_in_two_steps() {
    let (_, vault) = memory_vault().await;
    small_backup(&vault).await.unwrap();
    // `small_backup` leaves one object nothing needs.
    let loose = Digest::of(&pattern(1, 2_500_000));
    let first = vault.sweep(&AT_ONCE).await.unwrap();
    assert_eq!((first.condemned.count, first.deleted.count, first.snapshots), (1, 0, 1));
    assert_eq!(vault.condemned().await.unwrap().into_iter().collect::<Vec<_>>(), [loose]);
    let second = vault.sweep(&AT_ONCE).await.unwrap();
    assert_eq!((second.condemned.count, second.deleted.count, second.deleted.size_bytes), (0, 1, 2_500_000));
    assert!(vault.condemned().await.unwrap().is_empty());
    let needed = vault.needed().await.unwrap();
    let left = objects(&vault).await;
    assert_eq!(left.len(), needed.len());
    for digest in left {
        assert!(needed.contains(&digest));
        vault.verify_object(&digest).await.unwrap();
    }
}

#[tokio::test]
async fn a_forgotten_snapshot_takes_with_it_only_what_no_other_needs() {
    let (_, vault) = memory_vault().await;
    let kept = small_backup(&vault).await.unwrap();
    let before = vault.needed().await.unwrap();
    let index = vault.snapshot(&kept.snapshot.digest).await.unwrap();
    let snapshot = vault::tree::SnapshotIndex { started: moment(100), finished: moment(109), repositories: Vec::new(), ..index };
    let descriptor = vault.put_snapshot(&snapshot).await.unwrap();
    let other = Pointer { moment: moment(100), id: uuid::Uuid::from_u128(9), snapshot: descriptor, ..kept.clone() };
    vault.put_pointer(&other).await.unwrap();
    forget(&vault, &other).await;
    forget(&vault, &other).await;
    vault.sweep(&AT_ONCE).await.unwrap();
    vault.sweep(&AT_ONCE).await.unwrap();
    assert_eq!(vault.needed().await.unwrap(), before);
    assert!(matches!(vault.verify_object(&other.snapshot.digest).await, Err(VaultError::Missing { .. })));
}

#[tokio::test]
async fn a_dry_run_counts_the_same_and_changes_nothing() {
    let (_, vault) = memory_vault().await;
    small_backup(&vault).await.unwrap();
    let before = objects(&vault).await;
    let dry = vault.sweep(&Terms { dry_run: true, ..AT_ONCE }).await.unwrap();
    assert_eq!(objects(&vault).await, before);
    assert!(vault.condemned().await.unwrap().is_empty() && vault.live_holds().await.unwrap().is_empty());
    let real = vault.sweep(&AT_ONCE).await.unwrap();
    assert_eq!(dry, real);
    let dry = vault.sweep(&Terms { dry_run: true, ..AT_ONCE }).await.unwrap();
    assert_eq!((dry.deleted.count, vault.condemned().await.unwrap().len()), (1, 1));
}

#[tokio::test]
async fn more_than_the_terms_allow_is_refused_and_nothing_moves() {
    let (_, vault) = memory_vault().await;
    let pointer = small_backup(&vault).await.unwrap();
    forget(&vault, &pointer).await;
    let before = objects(&vault).await;
    // No pointer at all: either all is gone for a reason, or the listing lies.
    let refused = vault.sweep(&Terms { share_max_percent: 20, ..AT_ONCE }).await.unwrap_err();
    assert!(matches!(refused, VaultError::SweepTooMuch { percent: 100, limit_percent: 20, .. }), "{refused}");
    assert_eq!(objects(&vault).await, before);
    assert!(vault.live_holds().await.unwrap().is_empty());
}

#[tokio::test]
async fn an_unreadable_pointer_or_index_stops_the_sweep() {
    let (store, vault) = memory_vault().await;
    let pointer = small_backup(&vault).await.unwrap();
    let before = objects(&vault).await;
    let name = Key::Pointer(pointer.name().unwrap());
    assert!(store.damage(&name, |bytes| bytes[20] ^= 1));
    assert!(matches!(vault.sweep(&AT_ONCE).await, Err(VaultError::DamagedRecord { .. })));
    assert!(store.damage(&name, |bytes| bytes[20] ^= 1));
    assert!(store.damage(&Key::Object(pointer.snapshot.digest), |bytes| bytes[20] ^= 1));
    assert!(matches!(vault.sweep(&AT_ONCE).await, Err(VaultError::Corrupt { .. })));
    assert_eq!(objects(&vault).await, before);
}

#[tokio::test]
async fn a_condemned_object_waits_for_every_hold_of_its_time_and_for_no_later_one() {
    let (_, vault) = memory_vault().await;
    small_backup(&vault).await.unwrap();
    let early = vault.hold("a backup", Duration::from_secs(60)).await.unwrap();
    assert_eq!(vault.sweep(&AT_ONCE).await.unwrap().condemned.count, 1);
    let late = vault.hold("a later backup", Duration::from_secs(60)).await.unwrap();
    let waiting = vault.sweep(&AT_ONCE).await.unwrap();
    assert_eq!((waiting.waiting.count, waiting.waiting_for), (1, vec!["a backup".to_owned()]));
    vault.release_hold(&early).await.unwrap();
    assert_eq!(vault.sweep(&AT_ONCE).await.unwrap().deleted.count, 1);
    vault.release_hold(&late).await.unwrap();
}

/// F-36.
#[tokio::test]
async fn the_wait_of_the_terms_is_kept() {
    let (_, vault) = memory_vault().await;
    small_backup(&vault).await.unwrap();
    let terms = Terms { wait: Duration::from_secs(3600), ..AT_ONCE };
    let at = |second| vault.with_clock(Arc::new(move || moment(second)));
    assert_eq!(at(0).sweep(&terms).await.unwrap().condemned.count, 1);
    assert_eq!(at(3599).sweep(&terms).await.unwrap().waiting.count, 1);
    assert_eq!(at(3600).sweep(&terms).await.unwrap().deleted.count, 1);
}

#[tokio::test]
async fn whoever_looks_for_a_condemned_object_brings_it_back() {
    let (_, vault) = memory_vault().await;
    small_backup(&vault).await.unwrap();
    let loose = pattern(1, 2_500_000);
    vault.sweep(&AT_ONCE).await.unwrap();
    assert_eq!(read(&vault, &Digest::of(&loose)).await.unwrap(), loose.to_vec());
    assert!(vault.condemned().await.unwrap().is_empty());
    vault.sweep(&AT_ONCE).await.unwrap();
    assert!(!put(&vault, &loose).await.unwrap().new);
    assert!(vault.condemned().await.unwrap().is_empty());
}

#[tokio::test]
async fn a_copy_put_meanwhile_wins_unless_it_is_the_damaged_one() {
    for damaged in [false, true] {
        let (store, vault) = memory_vault().await;
        small_backup(&vault).await.unwrap();
        let loose = pattern(1, 2_500_000);
        let digest = Digest::of(&loose);
        vault.sweep(&AT_ONCE).await.unwrap();
        // Another program's copy: ours would have brought the condemned one back.
        vault::conformance::put(&store, &loose, loose.len()).await.unwrap();
        if damaged {
            store.damage(&Key::Object(digest), |bytes| bytes[7] ^= 1);
        }
        // Without its record the trial broke off: all goes back.
        let sweeps = store.list(&vault::layout::Prefix::Sweeps).try_collect::<Vec<_>>().await.unwrap();
        store.remove(&sweeps[0].key).await.unwrap();
        let swept = vault.sweep(&Terms { share_max_percent: 0, ..AT_ONCE }).await;
        assert!(matches!(swept, Err(VaultError::SweepTooMuch { .. })), "it lies under its final name again");
        assert!(vault.condemned().await.unwrap().is_empty());
        vault.verify_object(&digest).await.unwrap();
        assert_eq!(vault.quarantined().try_collect::<Vec<_>>().await.unwrap().len(), usize::from(damaged));
    }
}

#[tokio::test]
async fn young_objects_are_spared_on_a_disk() {
    let folder = tempfile::tempdir().unwrap();
    let vault = Vault::init(&folder.path().join("v")).await.unwrap();
    small_backup(&vault).await.unwrap();
    let swept = vault.sweep(&Terms { young: Duration::from_secs(3600), ..AT_ONCE }).await.unwrap();
    assert_eq!((swept.young.count, swept.condemned.count), (1, 0));
    let later = vault.with_clock(Arc::new(|| time::OffsetDateTime::now_utc() + time::Duration::hours(2)));
    let swept = later.sweep(&Terms { young: Duration::from_secs(3600), ..AT_ONCE }).await.unwrap();
    assert_eq!((swept.young.count, swept.condemned.count), (0, 1));
    // A vault of an earlier version has no such folder.
    assert_eq!(later.sweep(&AT_ONCE).await.unwrap().deleted.count, 1);
    std::fs::remove_dir(folder.path().join("v/breakwater/condemned")).unwrap();
    assert_eq!(later.sweep(&AT_ONCE).await.unwrap().condemned.count, 0);
    put(&later, &pattern(5, 100)).await.unwrap();
    assert_eq!(later.sweep(&AT_ONCE).await.unwrap().condemned.count, 1);
}

/// A tree of `projects` × `snapshots`, of which each has one repository more than the one before, and all their images share blobs.
async fn many(vault: &Vault, projects: usize, snapshots: usize) -> (usize, usize) {
    let mut indexes = 0;
    let mut images = 0;
    for project in 0..projects {
        let mut repositories = Vec::new();
        for number in 0..snapshots {
            let mut members = Vec::new();
            for tag in 0..3 {
                let descriptor = crate::common::Image::new(&format!("{project}/{number}/{tag}"), 512).put(vault).await.unwrap();
                members.push(RepositoryMember::root(descriptor, Some(format!("v{tag}").parse().unwrap())));
                images += 1;
            }
            let name: vocab::RepositoryName = format!("p{project}/r{number}").parse().unwrap();
            let index = RepositoryIndex { name: name.clone(), description: None, members, names: vault::Names::new() };
            repositories.push((name, vault.put_repository(&index).await.unwrap()));
            let at = moment(i64::try_from(project * 100 + number).unwrap());
            let snapshot = SnapshotIndex {
                limits: Vec::new(),
                harbor: "main".parse().unwrap(),
                project: format!("p{project}").parse().unwrap(),
                origin: vault::tree::Origin::Harbor,
                started: at,
                finished: at,
                listed: None,
                gaps: Vec::new(),
                config: None,
                harbor_config: None,
                pushed: None,
                repositories: repositories.clone(),
                elsewhere: Vec::new(),
                closed: true,
            };
            let descriptor = vault.put_snapshot(&snapshot).await.unwrap();
            let (harbor, project) = (snapshot.harbor.clone(), snapshot.project.clone());
            let id = uuid::Uuid::new_v4();
            vault.put_pointer(&Pointer { harbor, project, moment: at, id, snapshot: descriptor, signature: None }).await.unwrap();
            indexes += 2;
        }
    }
    (indexes, images)
}

#[tokio::test]
async fn a_mark_reads_each_index_and_each_manifest_once_however_many_snapshots_share_them() {
    let store = Arc::new(FaultyStore::new(Arc::new(MemoryStore::default())));
    let vault = Vault::init_store(store.clone()).await.unwrap();
    let (indexes, images) = many(&vault, 3, 10).await;
    store.take_calls();
    let swept = vault.sweep(&Terms { dry_run: true, ..AT_ONCE }).await.unwrap();
    assert_eq!((swept.snapshots, swept.condemned.count), (30, 0));
    let calls = store.take_calls().into_iter();
    let reads: Vec<String> = calls.filter(|(what, key)| *what == Operation::Get && key.starts_with("blobs/")).map(|(_, key)| key).collect();
    assert_eq!(reads.len(), indexes + images, "and no blob");
    assert_eq!(reads.iter().collect::<std::collections::BTreeSet<_>>().len(), reads.len(), "none twice");
}

/// I-13: whatever part of a mark cannot be read, nothing is condemned.
#[tokio::test]
async fn a_mark_that_breaks_off_anywhere_condemns_nothing() {
    let store = Arc::new(FaultyStore::new(Arc::new(MemoryStore::default())));
    let vault = Vault::init_store(store.clone()).await.unwrap();
    many(&vault, 2, 3).await;
    put(&vault, &pattern(77, 100)).await.unwrap();
    let before = objects(&vault).await;
    store.take_calls();
    vault.sweep(&Terms { dry_run: true, ..AT_ONCE }).await.unwrap();
    let reads = store.take_calls().iter().filter(|(what, _)| *what == Operation::Get).count();
    for nth in 1..=u64::try_from(reads).unwrap() {
        store.fail_nth_of(Operation::Get, nth, Fault::Before);
        vault.sweep(&AT_ONCE).await.unwrap_err();
        assert_eq!(store.fired(), 1, "the fault fired");
        store.heal();
        assert_eq!(objects(&vault).await, before, "read {nth} of {reads}");
    }
    assert_eq!(vault.sweep(&AT_ONCE).await.unwrap().condemned.count, 1);
}

#[tokio::test]
async fn a_mark_that_waits_keeps_nobody_waiting() {
    let store = Arc::new(FaultyStore::new(Arc::new(MemoryStore::default())));
    let vault = Vault::init_store(store.clone()).await.unwrap();
    many(&vault, 2, 3).await;
    // In the middle of the mark a read never ends.
    store.fail_nth_of(Operation::Get, 15, Fault::Stop);
    let mut marking = std::pin::pin!(vault.sweep(&AT_ONCE));
    tokio::select! {
        ended = &mut marking => panic!("{ended:?}"),
        () = store.stopped() => {}
    }
    small_backup(&vault).await.unwrap();
    assert!(futures::poll!(&mut marking).is_pending(), "it still waits");
}
