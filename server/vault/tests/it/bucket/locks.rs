//! Locks and versions in a bucket: what somebody with the bucket's key cannot take away, and what comes back.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures::{FutureExt, StreamExt, TryStreamExt};
use http::Method;
use serde_json::Value;
use testkit::{Listed, S3Server};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use uuid::Uuid;
use vault::conformance::{self, Fault, FaultyStore, Operation, pattern};
use vault::layout::Key;
use vault::lock::{Lock, Locking, Mode};
use vault::store::bucket::{BucketStore, Found, Promise, can_lock, is_fit};
use vault::store::{ByteRange, Store};
use vault::{Pointer, Vault, VaultError};
use vocab::Digest;

use super::store_at;
use crate::common::{closure, put, small_backup};
use crate::conformance::CASES;
use crate::sweep::AT_ONCE;

/// Sweeps until a lock of a few seconds is over: by the server's own clock, which can only be polled.
const POLLS_MAX: usize = 600;

fn days(count: i64) -> time::Duration {
    time::Duration::days(count)
}

fn thirty_days() -> Lock {
    Lock::days(Mode::Governance, 30)
}

fn locking(server: &S3Server, bucket: &str, lock: Lock) -> BucketStore {
    store_at(&server.url(), bucket).with_fence(Duration::ZERO).with_lock(Some(lock))
}

struct World {
    server: S3Server,
    bucket: String,
    store: Arc<FaultyStore>,
    vault: Vault,
    /// Sealed now.
    pointer: Pointer,
    now: OffsetDateTime,
}

impl World {
    /// A backup that was sealed just now, in a vault that locks.
    async fn new(lock: Lock) -> Option<Self> {
        let server = S3Server::start().await?;
        let bucket = server.locking_bucket().await;
        let store = Arc::new(FaultyStore::new(Arc::new(locking(&server, &bucket, lock))));
        let vault = Vault::init_store(store.clone()).await.unwrap();
        let old = small_backup(&vault).await.unwrap();
        let now = OffsetDateTime::now_utc();
        let pointer = Pointer { moment: now, id: Uuid::from_u128(1), ..old };
        vault.put_pointer(&pointer).await.unwrap();
        Some(Self { server, bucket, store, vault, pointer, now })
    }

    /// The vault as another process has it, so many days later.
    async fn later(&self, count: i64) -> Vault {
        let now = self.now + days(count);
        let vault = Vault::open_store(self.store.clone(), None).await.unwrap();
        vault.with_clock(Arc::new(move || now))
    }

    fn next(&self, count: i64) -> Pointer {
        Pointer { moment: self.now + days(count), id: Uuid::from_u128(u128::try_from(count).unwrap() + 1), ..self.pointer.clone() }
    }

    /// Names inside the prefix with their versions.
    async fn versions(&self) -> BTreeMap<String, Vec<Listed>> {
        let mut all: BTreeMap<String, Vec<Listed>> = BTreeMap::new();
        for listed in self.server.versions(&self.bucket, "").await {
            all.entry(listed.key.strip_prefix("team/one/").unwrap().to_owned()).or_default().push(listed);
        }
        all
    }

    async fn until(&self, listed: &Listed) -> Option<OffsetDateTime> {
        let until = self.server.locked_until(&self.bucket, listed).await?;
        Some(OffsetDateTime::parse(&until, &Rfc3339).unwrap())
    }

    /// Until when what the snapshot reaches is locked at least.
    async fn least(&self) -> OffsetDateTime {
        let needed = self.vault.needed().await.unwrap();
        let mut least = OffsetDateTime::now_utc() + days(10_000);
        for (name, versions) in self.versions().await {
            if let Some(Key::Object(digest)) = Key::parse(&name)
                && needed.contains(&digest)
            {
                least = least.min(self.until(versions.iter().find(|v| v.is_latest).unwrap()).await.unwrap());
            }
        }
        least
    }

    async fn delete(&self, name: &str) {
        let said = self.server.ask(Method::DELETE, &format!("/{}/team/one/{name}", self.bucket), &[], &[], b"").await;
        assert!(said.status.is_success(), "{said:?}");
    }

    async fn overwrite(&self, name: &str, bytes: &[u8]) {
        let said = self.server.ask(Method::PUT, &format!("/{}/team/one/{name}", self.bucket), &[], &[], bytes).await;
        assert!(said.status.is_success(), "{said:?}");
    }

    fn lock_calls(&self) -> usize {
        self.store.take_calls().into_iter().filter(|(operation, _)| *operation == Operation::ExtendLock).count()
    }

    async fn short(&self, vault: &Vault, pointer: &Pointer) -> usize {
        let mut locking = Locking::look(vault, Arc::new(|_: &Digest| true)).unwrap();
        let short = locking.snapshot(pointer, None).await.unwrap();
        assert!(short.iter().all(|short| short.refused.is_none()), "{short:?}");
        short.len()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_bucket_with_versions_or_locks_does_what_a_store_must() {
    let Some(server) = S3Server::start().await else { return };
    let server = Arc::new(server);
    for lock in [None, Some(Lock::days(Mode::Compliance, 1))] {
        let made = AtomicU32::new(0);
        let count = conformance::run(&|| {
            // Every other one keeps versions and has no locks to give.
            let plain = made.fetch_add(1, Ordering::Relaxed).is_multiple_of(2) && lock.is_none();
            let server = server.clone();
            async move {
                let bucket = if plain { server.versioned_bucket().await } else { server.locking_bucket().await };
                Arc::new(store_at(&server.url(), &bucket).with_fence(Duration::ZERO).with_lock(lock)) as Arc<dyn Store>
            }
            .boxed()
        })
        .await;
        assert_eq!(count, CASES);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_written_once_is_locked_and_nothing_else_ever_is() {
    let Some(world) = World::new(thirty_days()).await else { return };
    let vault = &world.vault;
    let hold = vault.hold("a backup", Duration::from_secs(60)).await.unwrap();
    vault.renew_hold(&hold, Duration::from_secs(60)).await.unwrap();
    let large = pattern(3, 20 * 1024 * 1024);
    put(vault, &large).await.unwrap();
    vault.rebuild_index().await.unwrap();
    vault.sweep(&AT_ONCE).await.unwrap();
    let digest = Digest::of(b"what somebody damages");
    put(vault, &Bytes::from_static(b"what somebody damages")).await.unwrap();
    world.overwrite(&Key::Object(digest).to_string(), b"what somebody has damaged").await;
    vault.quarantine(&digest, "a test").await.unwrap();
    let mut seen = BTreeSet::new();
    for (name, versions) in world.versions().await {
        let key = Key::parse(&name).unwrap_or_else(|| panic!("{name} is none of ours"));
        for version in versions.iter().filter(|version| !version.is_marker) {
            let until = world.until(version).await;
            let old = matches!(&key, Key::Pointer(name) if name.id() != world.pointer.id);
            let damaged = key == Key::Object(digest) && until.is_none();
            if key.is_write_once() && !old && !damaged {
                let until = until.unwrap_or_else(|| panic!("{name} is not locked"));
                let least = if matches!(key, Key::Pointer(_)) { 30 } else { 39 };
                assert!(until + time::Duration::MINUTE > world.now + days(least), "{name}: {until}");
            } else {
                assert_eq!(until, None, "{name} is locked");
            }
        }
        seen.insert(name.split('/').nth(1).unwrap_or(&name).to_owned());
    }
    for family in ["sha256", "vault.json", "snapshots", "holds", "locks", "quarantine", "index.json"] {
        assert!(seen.contains(family), "{family} was not looked at: {seen:?}");
    }
    assert!(world.versions().await.contains_key(&Key::Object(Digest::of(&large)).to_string()));
    vault.release_hold(&hold).await.unwrap();
}

/// I-14.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reused_object_is_locked_for_the_newest_snapshot_before_its_pointer_is_there() {
    let Some(world) = World::new(thirty_days()).await else { return };
    let (vault, pointer) = (world.later(20).await, world.next(20));
    let name = pointer.name().unwrap();
    assert!(world.least().await < world.now + days(50), "what is locked now does not do");
    let mut failed = 0;
    for nth in 1.. {
        world.store.fail_nth_of(Operation::ExtendLock, nth, Fault::Before);
        let sealed = vault.put_pointer(&pointer).await;
        let fired = world.store.fired();
        world.store.heal();
        if fired == 0 {
            sealed.unwrap();
            break;
        }
        assert!(sealed.unwrap_err().is_transient());
        assert_eq!(vault.pointer(&name).await.unwrap(), None, "no pointer after the extension {nth} failed");
        failed += 1;
    }
    assert!(failed > 10, "{failed}");
    assert_eq!(vault.pointer(&name).await.unwrap(), Some(pointer.clone()));
    assert!(world.least().await >= world.now + days(50));
    // A snapshot of before needs less, and shortens nothing.
    let least = world.least().await;
    world.later(1).await.put_pointer(&world.next(1)).await.unwrap();
    assert_eq!(world.least().await, least);
    assert_eq!(world.short(&vault, &pointer).await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unchanged_project_asks_for_no_lock_until_its_margin_is_used_up_or_its_record_is_lost() {
    let Some(world) = World::new(thirty_days()).await else { return };
    let record = Key::Locks("main".parse().unwrap(), "prod".parse().unwrap()).to_string();
    world.store.take_calls();
    // In the process that has stored the objects, nothing at all.
    world.vault.put_pointer(&world.next(1)).await.unwrap();
    assert_eq!(world.lock_calls(), 0);
    // In another one it looks at the snapshot index, which is new in each run.
    for day in [2, 5, 9] {
        world.later(day).await.put_pointer(&world.next(day)).await.unwrap();
        assert_eq!(world.lock_calls(), 1, "day {day}");
    }
    world.later(12).await.put_pointer(&world.next(12)).await.unwrap();
    let all = world.lock_calls();
    assert!(all > 10, "{all}");
    world.later(13).await.put_pointer(&world.next(13)).await.unwrap();
    assert_eq!(world.lock_calls(), 1);
    world.delete(&record).await;
    world.later(14).await.put_pointer(&world.next(14)).await.unwrap();
    assert_eq!(world.lock_calls(), all, "a lost record");
    world.overwrite(&record, b"{\"repositories\":{}}").await;
    world.later(15).await.put_pointer(&world.next(15)).await.unwrap();
    assert_eq!(world.lock_calls(), all, "one that is none");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_forged_record_is_found_by_looking_and_what_it_hid_is_extended() {
    let Some(world) = World::new(thirty_days()).await else { return };
    let key = Key::Locks("main".parse().unwrap(), "prod".parse().unwrap());
    let bytes = conformance::read(world.store.as_ref(), &key, ByteRange::default()).await.unwrap();
    let Value::Object(mut fields) = serde_json::from_slice(&bytes).unwrap() else { panic!("a record has fields") };
    let far = (world.now + days(5_000)).unix_timestamp();
    for part in ["repositories", "settings"] {
        for value in fields[part].as_object_mut().unwrap().values_mut() {
            match value.get_mut("until") {
                Some(until) => *until = far.into(),
                None => *value = far.into(),
            }
        }
    }
    world.overwrite(&key.to_string(), &vault::record::seal(&mut fields).unwrap()).await;
    let (vault, pointer) = (world.later(25).await, world.next(25));
    world.store.take_calls();
    vault.put_pointer(&pointer).await.unwrap();
    assert!(world.lock_calls() <= 2, "it is believed for now");
    assert!(world.least().await < world.now + days(55));
    // A round that reads other parts finds nothing; the one that reads them all, everything.
    let mut elsewhere = Locking::look(&vault, Arc::new(|_: &Digest| false)).unwrap();
    assert_eq!(elsewhere.snapshot(&pointer, None).await.unwrap(), []);
    assert!(world.short(&vault, &pointer).await > 10);
    assert!(world.least().await >= world.now + days(55));
    assert_eq!(world.short(&vault, &pointer).await, 0);
    vault.forget_locks(&pointer.harbor, &pointer.project).await.unwrap();
    world.store.take_calls();
    world.later(26).await.put_pointer(&world.next(26)).await.unwrap();
    assert!(world.lock_calls() > 10);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_stranger_deletes_or_overwrites_is_had_again_from_its_versions() {
    let Some(world) = World::new(thirty_days()).await else { return };
    let vault = &world.vault;
    let large = pattern(4, 20 * 1024 * 1024);
    put(vault, &large).await.unwrap();
    let before = closure(vault).await.unwrap();
    let names: Vec<String> =
        world.versions().await.into_keys().filter(|name| name.starts_with("blobs/") || name.contains("/snapshots/")).collect();
    for name in &names {
        world.delete(name).await;
    }
    assert!(closure(vault).await.unwrap().0.is_empty());
    let hidden: Vec<_> = vault.hidden_pointers().try_collect().await.unwrap();
    assert_eq!(hidden.len(), 2);
    for name in &hidden {
        assert!(vault.revive_pointer(name).await.unwrap());
        assert!(!vault.revive_pointer(name).await.unwrap(), "once is enough");
    }
    let digests: Vec<Digest> = names.iter().filter_map(|name| Digest::from_hex(name.strip_prefix("blobs/sha256/")?).ok()).collect();
    for digest in &digests {
        assert!(matches!(vault.verify_object(digest).await, Err(VaultError::Missing { .. })));
        assert!(vault.revive_object(digest).await.unwrap().is_some(), "{digest}");
    }
    assert_eq!(closure(vault).await.unwrap(), before);
    assert!(
        world.versions().await.values().flatten().all(|version| !version.is_marker || version.key.contains("/holds/")),
        "no mark of deletion is left"
    );

    // Now with bytes of the same size on top, twice, and a deletion between.
    for digest in &digests {
        let name = Key::Object(*digest).to_string();
        let size = usize::try_from(vault.size_of(digest).await.unwrap().unwrap()).unwrap();
        world.overwrite(&name, &vec![7; size]).await;
        world.delete(&name).await;
        world.overwrite(&name, &vec![8; size]).await;
    }
    for name in &hidden {
        world.overwrite(&Key::Pointer(name.clone()).to_string(), b"{}").await;
    }
    for digest in digests.iter().filter(|digest| **digest != Digest::of(b"")) {
        assert!(matches!(vault.verify_object(digest).await, Err(VaultError::Corrupt { .. })), "{digest}");
        vault.quarantine(digest, "a test").await.unwrap();
        assert!(matches!(vault.verify_object(digest).await, Err(VaultError::Missing { .. })), "what lies below is not taken unread");
        assert!(vault.revive_object(digest).await.unwrap().is_some());
        vault.verify_object(digest).await.unwrap();
    }
    for name in &hidden {
        assert!(matches!(vault.pointer(name).await, Err(VaultError::DamagedRecord { .. })));
        assert!(vault.revive_pointer(name).await.unwrap());
    }
    assert_eq!(closure(vault).await.unwrap(), before);
    // What was copied up is locked as what was put.
    assert_eq!(world.short(vault, &world.pointer).await, 0);
    // Nothing is revived that no version of is whole.
    assert_eq!(vault.revive_object(&Digest::of(b"never here")).await.unwrap(), None);
}

/// More versions than one page of a listing has: the one that was put first is found below them all.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_version_is_found_below_a_thousand_others() {
    let Some(world) = World::new(thirty_days()).await else { return };
    let bytes = pattern(8, 500);
    let digest = Digest::of(&bytes);
    let name = Key::Object(digest).to_string();
    put(&world.vault, &bytes).await.unwrap();
    let writes = futures::stream::iter(0..1_020).map(|_| world.overwrite(&name, &[9; 500])).buffer_unordered(16);
    assert_eq!(writes.count().await, 1_020);
    world.vault.quarantine(&digest, "a test").await.unwrap();
    assert_eq!(world.vault.revive_object(&digest).await.unwrap(), Some(500));
    world.vault.verify_object(&digest).await.unwrap();
}

/// Whoever hides the marker hides the vault: a new one made in its place would know none of its snapshots.
#[tokio::test]
async fn a_vault_whose_marker_was_deleted_or_overwritten_is_still_that_vault() {
    let Some(world) = World::new(thirty_days()).await else { return };
    let marker = Key::Marker.to_string();
    world.delete(&marker).await;
    let found = Vault::open_store(world.store.clone(), None).await.unwrap();
    assert_eq!(found.id(), world.vault.id());
    world.overwrite(&marker, b"not a marker").await;
    world.vault.check().await.unwrap();
    assert!(matches!(Vault::init_store(world.store.clone()).await, Err(VaultError::AlreadyAVault { .. })));
    // Where there never was one, there is none.
    let empty = locking(&world.server, &world.server.locking_bucket().await, thirty_days());
    assert!(matches!(Vault::open_store(Arc::new(empty), None).await, Err(VaultError::NotAVault { .. })));
}

/// A deleted name is put anew where no version of it is whole, in one request and in parts.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hidden_name_can_be_put_again() {
    let Some(world) = World::new(thirty_days()).await else { return };
    for size in [1_000, 20 * 1024 * 1024] {
        let bytes = pattern(5, size);
        let digest = Digest::of(&bytes);
        put(&world.vault, &bytes).await.unwrap();
        world.delete(&Key::Object(digest).to_string()).await;
        assert!(put(&world.vault, &bytes).await.unwrap().new);
        world.vault.verify_object(&digest).await.unwrap();
    }
    world.delete(&Key::Pointer(world.pointer.name().unwrap()).to_string()).await;
    world.vault.put_pointer(&world.pointer).await.unwrap();
    assert_eq!(closure(&world.vault).await.unwrap().0.len(), 2);
}

/// F-35.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sweep_leaves_what_is_locked_and_takes_it_when_the_lock_has_passed() {
    let Some(world) = World::new(Lock { mode: Mode::Compliance, term: Duration::from_secs(3) }).await else { return };
    let vault = &world.vault;
    let loose = Digest::of(&pattern(6, 40_000));
    put(vault, &pattern(6, 40_000)).await.unwrap();
    let all = vault.sweep(&AT_ONCE).await.unwrap();
    assert_eq!((all.condemned.count, all.deleted.count), (0, 0), "{all:?}");
    assert!(all.locked.count >= 1 && all.locked_until.is_some_and(|until| until > world.now), "{all:?}");
    assert!(vault.size_of(&loose).await.unwrap().is_some() && vault.condemned().await.unwrap().is_empty());
    let name = world.pointer.name().unwrap();
    assert!(matches!(vault.forget(&name).await, Err(VaultError::Locked { .. })), "a locked pointer stays");
    assert!(vault.pointer(&name).await.unwrap().is_some());
    let mut deleted = 0;
    for _ in 0..POLLS_MAX {
        let swept = vault.sweep(&AT_ONCE).await.unwrap();
        deleted += swept.deleted.count;
        if swept.locked.count == 0 && swept.condemned.count == 0 && swept.waiting.count == 0 {
            break;
        }
    }
    assert!(deleted >= 2, "{deleted}");
    let key = Key::Object(loose).to_string();
    let left = world.versions().await;
    assert_eq!(left.get(&key), None, "all of it is gone, and its room is free");
    vault.forget(&name).await.unwrap();
    assert!(!world.versions().await.contains_key(&Key::Pointer(name).to_string()), "no version of it and no mark is left");
    assert!(!left.keys().any(|name| name.starts_with("breakwater/condemned/") && !name.ends_with(".json")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_a_bucket_that_keeps_versions_a_sweep_frees_the_room_and_leaves_no_marks() {
    let Some(server) = S3Server::start().await else { return };
    let bucket = server.versioned_bucket().await;
    let vault = Vault::init_store(Arc::new(store_at(&server.url(), &bucket).with_fence(Duration::ZERO))).await.unwrap();
    let pointer = small_backup(&vault).await.unwrap();
    let hold = vault.hold("a backup", Duration::from_secs(60)).await.unwrap();
    vault.renew_hold(&hold, Duration::from_secs(60)).await.unwrap();
    vault.release_hold(&hold).await.unwrap();
    vault.rebuild_index().await.unwrap();
    // Somebody put something on top of one object, and deleted another that nothing needs.
    let path = |digest: &Digest| format!("/{bucket}/team/one/{}", Key::Object(*digest));
    let gone = Digest::of(&pattern(7, 30_000));
    put(&vault, &pattern(7, 30_000)).await.unwrap();
    server.ask(Method::DELETE, &path(&gone), &[], &[], b"").await;
    let loose = Digest::of(&pattern(1, 2_500_000));
    server.ask(Method::PUT, &path(&loose), &[], &[], b"on top").await;
    let first = vault.sweep(&AT_ONCE).await.unwrap();
    // What lies below an object counts as kept until the object is condemned, with all its versions.
    assert_eq!((first.condemned.count, first.old_deleted.count, first.old_versions.size_bytes), (1, 1, 2_500_000), "{first:?}");
    let second = vault.sweep(&AT_ONCE).await.unwrap();
    assert_eq!((second.deleted.count, second.old_versions.count), (1, 0));
    vault.clean_temp(Duration::ZERO).await.unwrap();
    let left = server.versions(&bucket, "").await;
    assert!(left.iter().all(|version| version.is_latest && !version.is_marker), "{left:?}");
    assert!(!left.iter().any(|version| version.key.contains(&loose.hex()) || version.key.contains(&gone.hex())));
    assert_eq!(closure(&vault).await.unwrap().0, [pointer]);
}

#[tokio::test]
async fn whether_a_bucket_locks_is_tried_and_nothing_is_left_of_it() {
    let Some(server) = S3Server::start().await else { return };
    let (locks, keeps, plain) = (server.locking_bucket().await, server.versioned_bucket().await, server.bucket());
    let cases =
        [(locks, 12, true, Found::VersionsHandled), (keeps, 11, false, Found::VersionsHandled), (plain, 11, false, Found::NoVersions)];
    for (bucket, count, can, expected) in cases {
        let probes = store_at(&server.url(), &bucket).probe().await;
        assert!(is_fit(&probes) && probes.len() == count, "{probes:?}");
        assert_eq!(can_lock(&probes), can, "{probes:?}");
        let versions = probes.iter().find(|probe| probe.promise == Promise::Versions).unwrap();
        assert_eq!(versions.found, expected, "{bucket}");
        assert_eq!(server.versions(&bucket, "").await, [], "{bucket}");
    }
}
