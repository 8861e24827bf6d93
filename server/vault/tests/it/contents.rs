//! A vault in a directory: making, opening, pointers, holds, quarantine, space.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use crate::common::{closure, memory_vault, moment, put, read, small_backup};
use bytes::Bytes;
use futures::{TryStreamExt, stream};
use serde_json::{Value, json};
use uuid::Uuid;
use vault::conformance::pattern;
use vault::layout::Key;
use vault::store::memory::MemoryStore;
use vault::{Pointer, PutError, Vault, VaultError, VaultId};
use vocab::Digest;

fn object_path(root: &Path, digest: &Digest) -> std::path::PathBuf {
    root.join("blobs/sha256").join(digest.hex())
}

fn rewrite(path: &Path, bytes: &[u8]) {
    fs::set_permissions(path, fs::Permissions::from_mode(0o644)).unwrap();
    fs::write(path, bytes).unwrap();
}

#[tokio::test]
async fn a_new_vault_is_an_image_layout_and_opens_by_its_id() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("new/vault");
    let vault = Vault::init(&path).await.unwrap();
    assert_eq!(fs::read(path.join("oci-layout")).unwrap(), br#"{"imageLayoutVersion":"1.0.0"}"#);
    let index: Value = serde_json::from_slice(&fs::read(path.join("index.json")).unwrap()).unwrap();
    assert_eq!(index, json!({"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]}));
    assert_eq!(Vault::open(&path, Some(vault.id())).await.unwrap().id(), vault.id());
    assert_eq!(Vault::open(&path, None).await.unwrap().path(), path);
    let other = VaultId::random();
    assert!(matches!(Vault::open(&path, Some(other)).await, Err(VaultError::OtherVault { found, .. }) if found == vault.id()));
    assert!(matches!(Vault::init(&path).await, Err(VaultError::AlreadyAVault { id, .. }) if id == vault.id()));
}

#[tokio::test]
async fn a_place_without_the_marker_is_no_vault_and_stays_untouched() {
    let folder = tempfile::tempdir().unwrap();
    assert!(matches!(Vault::open(&folder.path().join("absent"), None).await, Err(VaultError::NotAVault { .. })));
    assert!(matches!(Vault::open(folder.path(), None).await, Err(VaultError::NotAVault { .. })));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    fs::write(folder.path().join("somebody's file"), "x").unwrap();
    assert!(matches!(Vault::init(folder.path()).await, Err(VaultError::ForeignDirectory { .. })));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    let layout = tempfile::tempdir().unwrap();
    fs::create_dir_all(layout.path().join("blobs/sha256")).unwrap();
    fs::write(layout.path().join("oci-layout"), "{}").unwrap();
    assert!(matches!(Vault::init(layout.path()).await, Err(VaultError::ForeignDirectory { .. })));
}

#[tokio::test]
async fn a_start_that_was_broken_off_can_be_repeated() {
    let folder = tempfile::tempdir().unwrap();
    Vault::init(folder.path()).await.unwrap();
    fs::remove_file(folder.path().join("breakwater/vault.json")).unwrap();
    assert!(matches!(Vault::open(folder.path(), None).await, Err(VaultError::NotAVault { .. })));
    Vault::init(folder.path()).await.unwrap();
}

/// F-8.
#[tokio::test]
async fn a_vault_that_is_swapped_or_gone_is_noticed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("vault");
    let vault = Vault::init(&path).await.unwrap();
    vault.check().await.unwrap();
    let marker = path.join("breakwater/vault.json");
    fs::write(&marker, serde_json::to_vec(&json!({ "id": VaultId::random(), "format": 1 })).unwrap()).unwrap();
    assert!(matches!(vault.check().await, Err(VaultError::OtherVault { .. })));
    fs::write(&marker, serde_json::to_vec(&json!({ "id": vault.id(), "format": 2 })).unwrap()).unwrap();
    assert!(matches!(vault.check().await, Err(VaultError::Format { found: 2, .. })));
    fs::write(&marker, "").unwrap();
    assert!(matches!(vault.check().await, Err(VaultError::DamagedRecord { .. })));
    fs::remove_file(&marker).unwrap();
    assert!(matches!(vault.check().await, Err(VaultError::NotAVault { .. })));
    // Another directory appears under the same path: the open vault keeps to its own.
    fs::rename(&path, folder.path().join("moved")).unwrap();
    fs::create_dir_all(path.join("blobs/sha256")).unwrap();
    let digest = vault.put_bytes(b"still goes to the vault that was opened").await.unwrap();
    assert!(!object_path(&path, &digest).exists());
    assert!(object_path(&folder.path().join("moved"), &digest).exists());
}

/// F-8: through its open folders it is whole wherever it is.
#[tokio::test]
async fn a_vault_that_was_moved_away_is_not_where_it_was_until_it_comes_back() {
    let folder = tempfile::tempdir().unwrap();
    let (path, aside) = (folder.path().join("vault"), folder.path().join("aside"));
    let vault = Vault::init(&path).await.unwrap();
    let reading = vault.to_read();
    fs::rename(&path, &aside).unwrap();
    for vault in [&vault, &reading] {
        assert!(matches!(vault.check().await, Err(VaultError::NotAVault { .. })));
    }
    let other = Vault::init(&path).await.unwrap();
    assert!(matches!(vault.check().await, Err(VaultError::NotAVault { .. })), "another one stands in its place");
    other.check().await.unwrap();
    fs::remove_dir_all(&path).unwrap();
    fs::rename(&aside, &path).unwrap();
    for vault in [&vault, &reading] {
        vault.check().await.unwrap();
    }
}

#[tokio::test]
async fn pointers_alone_bring_the_catalogue_back() {
    let folder = tempfile::tempdir().unwrap();
    let vault = Vault::init(folder.path()).await.unwrap();
    let written = small_backup(&vault).await.unwrap();
    fs::remove_file(folder.path().join("index.json")).unwrap();
    let reopened = Vault::open(folder.path(), Some(vault.id())).await.unwrap();
    let found: Vec<Pointer> = reopened.pointers().try_collect().await.unwrap();
    assert_eq!(found, vec![written.clone()]);
    assert_eq!(closure(&reopened).await.unwrap(), (vec![written.clone()], 4 * 2 + 2 + 2 + 2));
    let snapshot = reopened.snapshot(&written.snapshot.digest).await.unwrap();
    assert_eq!(snapshot.gaps.len(), 1);
    let settings = reopened.project_settings(&snapshot.config.unwrap().digest).await.unwrap();
    assert_eq!(settings, json!({ "public": false, "storage_limit": -1 }));
    assert_eq!(reopened.rebuild_index().await.unwrap(), 1);
    let index: Value = serde_json::from_slice(&fs::read(folder.path().join("index.json")).unwrap()).unwrap();
    assert_eq!(index["manifests"][0]["annotations"]["org.opencontainers.image.ref.name"], "main/prod/20260921T141329Z");
    assert_eq!(index["manifests"][0]["digest"], written.snapshot.digest.to_string());
}

#[tokio::test]
async fn an_unchanged_project_costs_nothing_but_its_pointer() {
    let (_, vault) = memory_vault().await;
    let first = small_backup(&vault).await.unwrap();
    let before: Vec<_> = vault.objects().try_collect().await.unwrap();
    let second = small_backup(&vault).await.unwrap();
    let after: Vec<_> = vault.objects().try_collect().await.unwrap();
    assert_eq!(first, second);
    assert_eq!(before, after);
}

#[tokio::test]
async fn a_pointer_is_refused_unless_its_snapshot_is_here() {
    let (_, vault) = memory_vault().await;
    let good = small_backup(&vault).await.unwrap();
    let mut absent = Pointer { id: Uuid::from_u128(43), ..good.clone() };
    absent.snapshot.digest = Digest::of(b"not here");
    assert!(matches!(vault.put_pointer(&absent).await, Err(VaultError::Missing { .. })));
    let mut short = Pointer { id: Uuid::from_u128(44), ..good.clone() };
    short.snapshot.size += 1;
    assert!(matches!(vault.put_pointer(&short).await, Err(VaultError::WrongBytes { .. })));
    vault.put_pointer(&good).await.unwrap();
    let other = Pointer { signature: Some("other".to_owned()), ..good };
    assert!(matches!(vault.put_pointer(&other).await, Err(VaultError::PointerConflict { .. })));
    assert_eq!(vault.pointers().try_collect::<Vec<_>>().await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_damaged_pointer_is_an_error_in_its_place_and_left_out_of_the_index() {
    let (store, vault) = memory_vault().await;
    let first = small_backup(&vault).await.unwrap();
    let second = Pointer { id: Uuid::from_u128(43), moment: moment(60), ..first.clone() };
    let third = Pointer { id: Uuid::from_u128(44), moment: moment(60), ..first.clone() };
    vault.put_pointer(&second).await.unwrap();
    vault.put_pointer(&third).await.unwrap();
    assert!(store.damage(&Key::Pointer(first.name().unwrap()), |bytes| bytes.truncate(20)));
    let found: Vec<_> = futures::StreamExt::collect(vault.pointers()).await;
    assert!(matches!(found[..], [Err(VaultError::DamagedRecord { .. }), Ok(_), Ok(_)]), "{found:?}");
    assert_eq!(vault.rebuild_index().await.unwrap(), 2);
    let of = vault.pointers_of(&first.harbor, &"other".parse().unwrap());
    assert!(of.try_collect::<Vec<_>>().await.unwrap().is_empty());
    // Copied in from another vault: not ours to restore from unnoticed.
    let foreign = json!({ "format": 1, "vault": VaultId::random() });
    assert!(store.damage(&Key::Pointer(second.name().unwrap()), |bytes| {
        let mut record: Value = serde_json::from_slice(bytes).unwrap();
        record["vault"] = foreign["vault"].clone();
        *bytes = vault::record::seal(record.as_object_mut().unwrap()).unwrap();
    }));
    assert!(matches!(vault.pointer(&second.name().unwrap()).await, Err(VaultError::DamagedRecord { .. })));
}

#[tokio::test]
async fn any_flipped_bit_of_a_pointer_is_found() {
    let (store, vault) = memory_vault().await;
    let name = small_backup(&vault).await.unwrap().name().unwrap();
    let key = Key::Pointer(name.clone());
    let mut size_bytes = 0;
    assert!(store.damage(&key, |bytes| size_bytes = bytes.len()));
    for at in 0..size_bytes {
        let bit = 1 << (at % 8);
        store.damage(&key, |bytes| bytes[at] ^= bit);
        let outcome = vault.pointer(&name).await;
        assert!(matches!(outcome, Err(VaultError::DamagedRecord { .. })), "byte {at}, bit {bit}: {outcome:?}");
        store.damage(&key, |bytes| bytes[at] ^= bit);
    }
    vault.pointer(&name).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_hold_lives_while_it_is_renewed_and_lapses_by_itself() {
    let (_, vault) = memory_vault().await;
    let now = Arc::new(AtomicI64::new(0));
    let clock = now.clone();
    let vault = vault.with_clock(Arc::new(move || moment(clock.load(Ordering::SeqCst))));
    let minute = Duration::from_secs(60);
    let first = vault.hold("job 1", minute).await.unwrap();
    now.store(30, Ordering::SeqCst);
    let second = vault.hold("job 2", minute).await.unwrap();
    let first = vault.renew_hold(&first, minute).await.unwrap();
    assert_eq!((first.since, first.expires), (moment(0), moment(90)));
    now.store(89, Ordering::SeqCst);
    let live: Vec<_> = vault.live_holds().await.unwrap().into_iter().map(|hold| hold.owner).collect();
    assert_eq!(live, ["job 1", "job 2"], "oldest first");
    now.store(90, Ordering::SeqCst);
    assert!(vault.live_holds().await.unwrap().is_empty());
    assert!(matches!(vault.renew_hold(&first, minute).await, Err(VaultError::HoldLapsed { .. })));
    vault.clean_temp(Duration::ZERO).await.unwrap();
    vault.release_hold(&second).await.unwrap();
    let third = vault.hold("job 3", minute).await.unwrap();
    vault.release_hold(&third).await.unwrap();
    assert!(matches!(vault.renew_hold(&third, minute).await, Err(VaultError::HoldLapsed { .. })));
    for (owner, ttl) in [("", minute), ("x", Duration::ZERO), ("x", Duration::from_secs(8 * 86_400))] {
        assert!(matches!(vault.hold(owner, ttl).await, Err(VaultError::Invalid { .. })));
    }
}

#[tokio::test]
async fn a_hold_that_cannot_be_read_is_not_taken_for_no_hold() {
    let (store, vault) = memory_vault().await;
    let hold = vault.hold("job", Duration::from_secs(60)).await.unwrap();
    assert!(store.damage(&Key::Hold(hold.id), |bytes| bytes.truncate(3)));
    assert!(matches!(vault.live_holds().await, Err(VaultError::DamagedRecord { .. })));
}

/// F-6.
#[tokio::test]
async fn every_kind_of_damage_is_found_quarantined_and_healed() {
    let folder = tempfile::tempdir().unwrap();
    let vault = Vault::init(folder.path()).await.unwrap();
    type Damage = fn(&[u8]) -> Vec<u8>;
    let damages: [Damage; 5] = [
        |bytes| bytes[..bytes.len() - 1].to_vec(),
        |_| Vec::new(),
        |bytes| [bytes, b"x"].concat(),
        |bytes| pattern(99, bytes.len()).to_vec(),
        |bytes| bytes.iter().rev().copied().collect(),
    ];
    for (seed, damage) in damages.into_iter().enumerate() {
        let bytes = pattern(seed as u64, 3_000_000);
        let digest = Digest::of(&bytes);
        assert!(put(&vault, &bytes).await.unwrap().new);
        assert!(matches!(vault.quarantine(&digest, "none").await, Err(VaultError::Intact { .. })));
        rewrite(&object_path(folder.path(), &digest), &damage(&bytes));
        assert!(matches!(vault.verify_object(&digest).await, Err(VaultError::Corrupt { .. })));
        assert!(matches!(read(&vault, &digest).await, Err(VaultError::Corrupt { .. })));
        let note = vault.quarantine(&digest, "found by the test").await.unwrap();
        assert!(matches!(vault.verify_object(&digest).await, Err(VaultError::Missing { .. })));
        assert_eq!(vault.size_of(&digest).await.unwrap(), None);
        let kept: Vec<Bytes> = vault.read_quarantined(&note).try_collect().await.unwrap();
        assert_eq!(kept.concat(), damage(&bytes));
        assert!(put(&vault, &bytes).await.unwrap().new, "a put heals");
        assert_eq!(read(&vault, &digest).await.unwrap(), bytes);
    }
    let notes: Vec<_> = vault.quarantined().try_collect().await.unwrap();
    assert_eq!(notes.len(), damages.len());
    assert!(notes.iter().all(|note| note.reason == "found by the test"));
}

#[tokio::test]
async fn an_object_of_the_wrong_size_or_a_damaged_manifest_heals_by_being_put() {
    let folder = tempfile::tempdir().unwrap();
    let vault = Vault::init(folder.path()).await.unwrap();
    let bytes = pattern(1, 100_000);
    put(&vault, &bytes).await.unwrap();
    rewrite(&object_path(folder.path(), &Digest::of(&bytes)), &bytes[..5]);
    assert!(put(&vault, &bytes).await.unwrap().new);
    assert_eq!(read(&vault, &Digest::of(&bytes)).await.unwrap(), bytes);
    let digest = vault.put_bytes(b"a manifest").await.unwrap();
    rewrite(&object_path(folder.path(), &digest), b"A manifest");
    assert_eq!(vault.put_bytes(b"a manifest").await.unwrap(), digest);
    assert_eq!(vault.get_bytes(&digest, 10).await.unwrap().as_ref(), b"a manifest");
    assert_eq!(vault.quarantined().try_collect::<Vec<_>>().await.unwrap().len(), 2);
    // A wrong announcement of an intact object changes nothing.
    let body = stream::iter([Ok::<_, std::io::Error>(bytes.clone())]);
    let outcome = vault.put(&Digest::of(&bytes), Some(7), body).await;
    assert!(matches!(outcome, Err(PutError::Vault(VaultError::WrongBytes { size_bytes: 100_000, .. }))), "{outcome:?}");
    assert_eq!(read(&vault, &Digest::of(&bytes)).await.unwrap(), bytes);
}

#[tokio::test]
async fn a_body_s_own_error_comes_back_to_its_owner() {
    let (_, vault) = memory_vault().await;
    let body = stream::iter([Ok(Bytes::from_static(b"a")), Err("the network went away")]);
    let outcome = vault.put(&Digest::of(b"ab"), None, body).await;
    assert!(matches!(outcome, Err(PutError::Body("the network went away"))), "{outcome:?}");
    let body = stream::iter([Ok::<_, &str>(Bytes::from_static(b"ac"))]);
    let outcome = vault.put(&Digest::of(b"ab"), None, body).await;
    assert!(matches!(outcome, Err(PutError::Vault(VaultError::WrongBytes { .. }))), "{outcome:?}");
    assert!(vault.objects().try_collect::<Vec<_>>().await.unwrap().is_empty());
}

#[tokio::test]
async fn below_the_reserve_only_new_objects_are_refused() {
    let store = MemoryStore::with_capacity(3_000_000);
    let vault = Vault::init_store(Arc::new(store)).await.unwrap().with_reserve(200_000);
    let pointer = {
        let small = vault.put_bytes(b"{}").await.unwrap();
        assert_eq!(vault.size_of(&small).await.unwrap(), Some(2));
        let snapshot = vault::tree::SnapshotIndex {
            limits: Vec::new(),
            listed: None,
            harbor_config: None,
            pushed: None,
            harbor: "main".parse().unwrap(),
            project: "prod".parse().unwrap(),
            origin: vault::tree::Origin::Harbor,
            started: moment(0),
            finished: moment(1),
            gaps: Vec::new(),
            config: None,
            repositories: Vec::new(),
            elsewhere: Vec::new(),
            closed: true,
        };
        let descriptor = vault.put_snapshot(&snapshot).await.unwrap();
        let (harbor, project) = (snapshot.harbor.clone(), snapshot.project.clone());
        Pointer { harbor, project, moment: moment(1), id: Uuid::from_u128(1), snapshot: descriptor, signature: None }
    };
    let first = pattern(1, 2_700_000);
    put(&vault, &first).await.unwrap();
    let outcome = put(&vault, &pattern(2, 150_000)).await;
    assert!(matches!(outcome, Err(VaultError::NoSpace { needed_bytes: 150_000, reserve_bytes: 200_000, .. })), "{outcome:?}");
    assert!(!put(&vault, &first).await.unwrap().new, "what is here needs no room");
    vault.put_pointer(&pointer).await.unwrap();
    vault.rebuild_index().await.unwrap();
    vault.hold("job", Duration::from_secs(60)).await.unwrap();
    assert_eq!(read(&vault, &Digest::of(&first)).await.unwrap(), first);
    assert!(vault.free_space().await.unwrap() < 300_000);
}

#[tokio::test]
async fn an_object_larger_than_allowed_is_not_read_into_memory() {
    let (_, vault) = memory_vault().await;
    let digest = vault.put_bytes(&pattern(1, 1001)).await.unwrap();
    assert!(matches!(vault.get_bytes(&digest, 1000).await, Err(VaultError::TooLarge { size_bytes: 1001, .. })));
    assert_eq!(vault.get_bytes(&digest, 1001).await.unwrap().len(), 1001);
    let large = vault.put_bytes(&pattern(2, 1_500_000)).await.unwrap();
    assert_eq!(vault.get_bytes(&large, 1_500_000).await.unwrap(), pattern(2, 1_500_000));
    assert!(matches!(vault.get_bytes(&Digest::of(b"no"), 9).await, Err(VaultError::Missing { .. })));
}

#[tokio::test]
async fn old_leftovers_go_and_young_ones_stay() {
    let folder = tempfile::tempdir().unwrap();
    let vault = Vault::init(folder.path()).await.unwrap();
    let temp = folder.path().join("breakwater/tmp");
    let old = temp.join(Uuid::new_v4().to_string());
    fs::write(&old, "torn").unwrap();
    let long_ago = std::time::SystemTime::now() - 2 * vault::TEMP_AGE;
    fs::File::options().write(true).open(&old).unwrap().set_modified(long_ago).unwrap();
    fs::write(temp.join(Uuid::new_v4().to_string()), "young").unwrap();
    fs::write(temp.join("not ours"), "x").unwrap();
    let cleaned = vault.clean_temp(vault::TEMP_AGE).await.unwrap();
    assert_eq!((cleaned.count, cleaned.size_bytes), (1, 4));
    assert!(!old.exists());
    assert_eq!(fs::read_dir(&temp).unwrap().count(), 2);
}

#[tokio::test]
async fn objects_are_read_only_files_and_a_vault_is_readable_without_its_working_folder() {
    let folder = tempfile::tempdir().unwrap();
    let vault = Vault::init(folder.path()).await.unwrap();
    let digest = vault.put_bytes(b"x").await.unwrap();
    let mode = fs::metadata(object_path(folder.path(), &digest)).unwrap().permissions().mode();
    assert_eq!(mode & 0o222, 0);
    fs::remove_dir(folder.path().join("breakwater/tmp")).unwrap();
    fs::write(folder.path().join("breakwater/tmp"), "in the way").unwrap();
    let reopened = Vault::open(folder.path(), None).await.unwrap();
    assert_eq!(reopened.get_bytes(&digest, 9).await.unwrap().as_ref(), b"x");
    let outcome = reopened.put_bytes(b"y").await.unwrap_err();
    assert_eq!(outcome.code(), "vault_read_only");
}

#[tokio::test]
async fn a_vault_opened_to_read_gives_everything_and_takes_nothing_but_holds() {
    let folder = tempfile::tempdir().unwrap();
    let vault = Vault::init(&folder.path().join("v")).await.unwrap();
    let pointer = small_backup(&vault).await.unwrap();
    let before = files(folder.path());
    let reading = Vault::open(&folder.path().join("v"), Some(vault.id())).await.unwrap().to_read();
    assert_eq!(reading.pointers().try_collect::<Vec<_>>().await.unwrap(), std::slice::from_ref(&pointer));
    assert!(reading.snapshot(&pointer.snapshot.digest).await.is_ok());
    reading.check().await.unwrap();

    let bytes = pattern(7, 1_000);
    let refused = |error: VaultError| assert!(error.is_read_only() && !error.is_transient(), "{error}");
    refused(reading.put_bytes(&bytes).await.unwrap_err());
    match reading.put(&Digest::of(&bytes), None, stream::iter([Ok::<_, std::io::Error>(bytes.clone())])).await {
        Err(PutError::Vault(error)) => refused(error),
        other => panic!("{other:?}"),
    }
    refused(reading.forget(&pointer.name().unwrap()).await.unwrap_err());
    refused(reading.put_pointer(&Pointer { id: Uuid::new_v4(), ..pointer.clone() }).await.unwrap_err());
    refused(reading.rebuild_index().await.unwrap_err());
    assert_eq!(files(folder.path()), before, "nothing was written");

    let hold = reading.hold("a restore", Duration::from_secs(60)).await.unwrap();
    assert_eq!(vault.live_holds().await.unwrap().len(), 1, "whoever writes here sees that somebody reads");
    reading.release_hold(&hold).await.unwrap();
}

fn files(folder: &Path) -> std::collections::BTreeSet<std::path::PathBuf> {
    let mut found = std::collections::BTreeSet::new();
    let mut open = vec![folder.to_path_buf()];
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else {
                found.insert(path);
            }
        }
    }
    found
}
