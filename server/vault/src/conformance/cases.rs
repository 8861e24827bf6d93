//! The cases of the conformance suite.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::future::{BoxFuture, join_all};
use futures::{FutureExt, StreamExt, TryStreamExt, stream};
use time::OffsetDateTime;
use uuid::Uuid;
use vocab::Digest;

use super::{Make, pattern, put, put_as, read};
use crate::error::StoreError;
use crate::layout::{Key, PointerName, Prefix};
use crate::store::{BATCH_BYTES, BodyBroken, ByteRange, Entry, Expected, Store, Written};

const MIB: usize = 1024 * 1024;

type Case = fn(Arc<dyn Store>) -> BoxFuture<'static, ()>;

macro_rules! cases {
    ($($name:ident),* $(,)?) => { [$((stringify!($name), (|store| $name(store).boxed()) as Case)),*] };
}

pub(super) async fn run(make: Make<'_>) -> usize {
    let all = cases![
        what_is_put_comes_back_whatever_its_size_and_pieces,
        bytes_that_differ_from_their_name_leave_nothing,
        a_body_that_breaks_off_leaves_nothing,
        a_put_that_is_dropped_leaves_nothing,
        the_second_put_keeps_the_first_object,
        of_many_puts_of_one_object_one_wins,
        puts_of_many_objects_at_once_all_arrive,
        a_damaged_object_is_not_taken_for_ours,
        a_range_is_exactly_that_part,
        what_is_absent_is_said_to_be_absent,
        a_taken_name_is_refused_and_unchanged,
        a_replaced_record_is_the_old_or_the_new_one,
        a_listing_has_every_name_once,
        pointers_are_listed_in_order,
        a_rename_moves_and_never_replaces,
        an_object_cannot_be_removed_unless_condemned,
        cleaning_never_takes_a_final_name,
    ];
    for (name, case) in all {
        tracing::debug!(case = name, "conformance");
        let outcome = tokio::spawn(case(make().await)).await;
        assert!(outcome.is_ok(), "the store fails the case {name}: {outcome:?}");
    }
    all.len()
}

async fn listed(store: &dyn Store, prefix: &Prefix) -> Vec<Entry> {
    store.list(prefix).try_collect().await.expect("a healthy store lists")
}

fn object(bytes: &Bytes) -> Key {
    Key::Object(Digest::of(bytes))
}

async fn what_is_put_comes_back_whatever_its_size_and_pieces(store: Arc<dyn Store>) {
    let sizes = [0, 1, 4095, BATCH_BYTES - 1, BATCH_BYTES, BATCH_BYTES + 1, 3 * BATCH_BYTES + 7];
    for (seed, size_bytes) in sizes.into_iter().enumerate() {
        for piece_bytes in [16 * 1024 - 3, BATCH_BYTES, 4 * MIB] {
            let bytes = pattern((seed * 10 + piece_bytes) as u64, size_bytes);
            let written = put(store.as_ref(), &bytes, piece_bytes).await.expect("a put into a healthy store");
            let size_bytes = size_bytes as u64;
            // Of the empty object there is only one.
            assert!(size_bytes <= 1 || written == Written::New { size_bytes });
            assert_eq!(store.head(&object(&bytes)).await.expect("head").map(|head| head.size_bytes), Some(size_bytes));
            assert!(read(store.as_ref(), &object(&bytes), ByteRange::default()).await.expect("get") == bytes);
        }
    }
}

async fn bytes_that_differ_from_their_name_leave_nothing(store: Arc<dyn Store>) {
    for size_bytes in [10, 2 * BATCH_BYTES + 5] {
        let bytes = pattern(1, size_bytes);
        let digest = Digest::of(&bytes);
        let other = Digest::of(b"something else");
        let size = size_bytes as u64;
        for (digest, announced) in [(other, Some(size)), (other, None), (digest, Some(size - 1)), (digest, Some(size + 1))] {
            let expected = Expected { digest, size_bytes: announced };
            let outcome = put_as(store.as_ref(), &expected, &bytes, 100_000).await;
            assert!(matches!(outcome, Err(StoreError::WrongBytes { .. })), "{outcome:?}");
            assert_eq!(store.head(&Key::Object(digest)).await.expect("head"), None);
        }
    }
    assert!(listed(store.as_ref(), &Prefix::Objects).await.is_empty());
}

async fn a_body_that_breaks_off_leaves_nothing(store: Arc<dyn Store>) {
    let bytes = pattern(2, 3 * BATCH_BYTES);
    for whole in [0, 1, BATCH_BYTES, 2 * BATCH_BYTES + 1, 3 * BATCH_BYTES] {
        let expected = Expected { digest: Digest::of(&bytes), size_bytes: None };
        let body = stream::iter([Ok(bytes.slice(..whole)), Err(BodyBroken)]).boxed();
        assert!(matches!(store.put(&expected, body).await, Err(StoreError::Body)));
    }
    assert!(listed(store.as_ref(), &Prefix::Objects).await.is_empty());
}

async fn a_put_that_is_dropped_leaves_nothing(store: Arc<dyn Store>) {
    let bytes = pattern(3, 2 * BATCH_BYTES);
    let expected = Expected { digest: Digest::of(&bytes), size_bytes: None };
    let (reached, at_end) = tokio::sync::oneshot::channel::<()>();
    let body = stream::iter([Ok(bytes.clone())]).chain(stream::once(async move {
        // Everything but the end has been taken; the end never comes.
        let _ = reached.send(());
        std::future::pending::<Result<Bytes, BodyBroken>>().await
    }));
    tokio::select! {
        _ = store.put(&expected, body.boxed()) => panic!("a body without an end was stored"),
        reached = at_end => reached.expect("the body was read to its last piece"),
    }
    assert!(listed(store.as_ref(), &Prefix::Objects).await.is_empty());
    put(store.as_ref(), &bytes, MIB).await.expect("the same object can be put afterwards");
}

async fn the_second_put_keeps_the_first_object(store: Arc<dyn Store>) {
    let bytes = pattern(4, 100_000);
    let size_bytes = 100_000;
    assert_eq!(put(store.as_ref(), &bytes, 7_000).await.expect("put"), Written::New { size_bytes });
    assert_eq!(put(store.as_ref(), &bytes, 9_000).await.expect("put"), Written::Existing { size_bytes });
    assert_eq!(listed(store.as_ref(), &Prefix::Objects).await.len(), 1);
}

async fn of_many_puts_of_one_object_one_wins(store: Arc<dyn Store>) {
    let bytes = pattern(5, 2 * BATCH_BYTES + 11);
    let outcomes = join_all((0..16).map(|n| {
        let (store, bytes) = (store.clone(), bytes.clone());
        tokio::spawn(async move { put(store.as_ref(), &bytes, 50_000 + n).await })
    }))
    .await;
    let new = outcomes
        .into_iter()
        .map(|joined| joined.expect("no panic").expect("every put of the right bytes succeeds"))
        .filter(|written| matches!(written, Written::New { .. }))
        .count();
    assert_eq!(new, 1);
    assert!(read(store.as_ref(), &object(&bytes), ByteRange::default()).await.expect("get") == bytes);
}

async fn puts_of_many_objects_at_once_all_arrive(store: Arc<dyn Store>) {
    let all: Vec<Bytes> = (0..200).map(|seed| pattern(seed, 1000 + usize::try_from(seed).unwrap_or(0))).collect();
    let puts = all.iter().cloned().map(|bytes| {
        let store = store.clone();
        tokio::spawn(async move { put(store.as_ref(), &bytes, 512).await })
    });
    for outcome in join_all(puts).await {
        assert!(matches!(outcome.expect("no panic"), Ok(Written::New { .. })));
    }
    for bytes in &all {
        assert!(read(store.as_ref(), &object(bytes), ByteRange::default()).await.expect("get") == *bytes);
    }
}

async fn a_damaged_object_is_not_taken_for_ours(store: Arc<dyn Store>) {
    let bytes = pattern(6, 5_000);
    // `create` writes what it is given: here, bytes under a name that is not theirs.
    store.create(&object(&bytes), Bytes::from_static(b"rotten")).await.expect("create");
    let outcome = put(store.as_ref(), &bytes, 5_000).await;
    assert!(matches!(outcome, Err(StoreError::DamagedExisting { .. })), "{outcome:?}");
    assert_eq!(read(store.as_ref(), &object(&bytes), ByteRange::default()).await.expect("get"), b"rotten");
}

async fn a_range_is_exactly_that_part(store: Arc<dyn Store>) {
    let bytes = pattern(7, 2 * BATCH_BYTES + 100);
    put(store.as_ref(), &bytes, MIB).await.expect("put");
    let size = bytes.len();
    for (offset, length) in [(0, 0), (0, 1), (5, MIB), (size - 1, 1), (size - 1, 99), (size, 5), (size + 5, 1), (BATCH_BYTES, size)] {
        let range = ByteRange { offset: offset as u64, length: Some(length as u64) };
        let part = read(store.as_ref(), &object(&bytes), range).await.expect("get");
        let (start, end) = (offset.min(size), (offset + length).min(size).max(offset.min(size)));
        assert!(part == bytes[start..end], "{range:?} gave {} bytes", part.len());
    }
    let rest = ByteRange { offset: 3, length: None };
    assert!(read(store.as_ref(), &object(&bytes), rest).await.expect("get") == bytes[3..]);
}

async fn what_is_absent_is_said_to_be_absent(store: Arc<dyn Store>) {
    for key in [object(&pattern(8, 8)), Key::Marker, Key::Hold(Uuid::from_u128(1)), Key::Index] {
        assert_eq!(store.head(&key).await.expect("head"), None, "{key}");
        assert!(matches!(store.get(&key, ByteRange::default()).await, Err(StoreError::Missing { .. })), "{key}");
    }
    let gone = Key::Hold(Uuid::from_u128(1));
    assert!(matches!(store.remove(&gone).await, Err(StoreError::Missing { .. })));
}

async fn a_taken_name_is_refused_and_unchanged(store: Arc<dyn Store>) {
    let key = Key::Hold(Uuid::from_u128(2));
    store.create(&key, Bytes::from_static(b"first")).await.expect("create");
    assert!(matches!(store.create(&key, Bytes::from_static(b"second")).await, Err(StoreError::Exists { .. })));
    assert_eq!(read(store.as_ref(), &key, ByteRange::default()).await.expect("get"), b"first");
    let racers = (0..16).map(|n: u128| {
        let store = store.clone();
        tokio::spawn(async move { store.create(&Key::Hold(Uuid::from_u128(99)), Bytes::from(n.to_string())).await.is_ok() })
    });
    let won = join_all(racers).await.into_iter().filter(|won| matches!(won, Ok(true))).count();
    assert_eq!(won, 1, "of many creates of one name");
}

async fn a_replaced_record_is_the_old_or_the_new_one(store: Arc<dyn Store>) {
    let versions: Vec<Bytes> = (0..8).map(|n| Bytes::from(vec![b'a' + n; 20_000 + usize::from(n)])).collect();
    store.replace(&Key::Index, versions[0].clone()).await.expect("replace");
    let writer = {
        let (store, versions) = (store.clone(), versions.clone());
        tokio::spawn(async move {
            for version in versions.iter().cycle().take(64) {
                store.replace(&Key::Index, version.clone()).await.expect("replace");
            }
        })
    };
    // Readers run until the writer is done: at least once, and mostly in between.
    loop {
        let seen = read(store.as_ref(), &Key::Index, ByteRange::default()).await.expect("get");
        assert!(versions.iter().any(|version| *version == seen), "a reader saw {} torn bytes", seen.len());
        if writer.is_finished() {
            break;
        }
        tokio::task::yield_now().await;
    }
    writer.await.expect("no panic");
}

async fn a_listing_has_every_name_once(store: Arc<dyn Store>) {
    let count = 2_500;
    let mut expected: Vec<(Key, u64)> = stream::iter(0..count)
        .map(|seed| {
            let (store, bytes) = (store.clone(), pattern(seed, 24));
            async move {
                put(store.as_ref(), &bytes, 24).await.expect("put");
                (object(&bytes), 24)
            }
        })
        .buffer_unordered(16)
        .collect()
        .await;
    let mut found: Vec<(Key, u64)> =
        listed(store.as_ref(), &Prefix::Objects).await.into_iter().map(|entry| (entry.key, entry.size_bytes)).collect();
    expected.sort();
    found.sort();
    assert!(found == expected, "{} of {count} listed", found.len());
    assert!(listed(store.as_ref(), &Prefix::Pointers).await.is_empty());
    assert!(listed(store.as_ref(), &Prefix::Holds).await.is_empty());
    assert!(listed(store.as_ref(), &Prefix::Quarantine).await.is_empty());
}

fn pointer(harbor: &str, project: &str, second: i64) -> Key {
    let name = PointerName::new(
        harbor.parse().expect("a harbor name"),
        project.parse().expect("a project name"),
        OffsetDateTime::from_unix_timestamp(second).expect("a moment"),
        Uuid::from_u128(7),
    );
    Key::Pointer(name.expect("a pointer name"))
}

async fn pointers_are_listed_in_order(store: Arc<dyn Store>) {
    let sorted = [("a", "p", 1), ("a", "p", 2_000_000_000), ("a", "q", 5), ("b", "p", 3)].map(|(h, p, s)| pointer(h, p, s));
    for key in sorted.iter().rev() {
        store.create(key, Bytes::from_static(b"{}")).await.expect("create");
    }
    let keys = |entries: Vec<Entry>| entries.into_iter().map(|entry| entry.key).collect::<Vec<_>>();
    assert_eq!(keys(listed(store.as_ref(), &Prefix::Pointers).await), sorted);
    let of =
        |harbor: &str, project: &str| Prefix::PointersOf(harbor.parse().expect("a harbor name"), project.parse().expect("a project name"));
    assert_eq!(keys(listed(store.as_ref(), &of("a", "p")).await), sorted[..2]);
    assert!(listed(store.as_ref(), &of("a", "nothing")).await.is_empty());
}

async fn a_rename_moves_and_never_replaces(store: Arc<dyn Store>) {
    let bytes = pattern(9, 100);
    put(store.as_ref(), &bytes, 100).await.expect("put");
    let aside = Key::Quarantined(Digest::of(&bytes), Uuid::from_u128(3));
    store.rename(&object(&bytes), &aside).await.expect("rename");
    assert_eq!(store.head(&object(&bytes)).await.expect("head"), None);
    assert_eq!(read(store.as_ref(), &aside, ByteRange::default()).await.expect("get"), bytes);
    assert!(matches!(store.rename(&object(&bytes), &aside).await, Err(StoreError::Missing { .. } | StoreError::Exists { .. })));
    assert_eq!(put(store.as_ref(), &bytes, 100).await.expect("put"), Written::New { size_bytes: 100 });
    assert!(matches!(store.rename(&object(&bytes), &aside).await, Err(StoreError::Exists { .. })));
    assert!(store.head(&object(&bytes)).await.expect("head").is_some());
    assert_eq!(listed(store.as_ref(), &Prefix::Quarantine).await.len(), 1);
}

async fn an_object_cannot_be_removed_unless_condemned(store: Arc<dyn Store>) {
    let bytes = pattern(10, 10);
    put(store.as_ref(), &bytes, 10).await.expect("put");
    store.create(&Key::Marker, Bytes::from_static(b"{}")).await.expect("create");
    for key in [object(&bytes), Key::Marker, Key::Index] {
        assert!(matches!(store.remove(&key).await, Err(StoreError::NotRemovable { .. })), "{key}");
    }
    assert!(store.head(&object(&bytes)).await.expect("head").is_some());
    for key in [Key::Hold(Uuid::from_u128(4)), pointer("a", "p", 1), Key::Sweep(Uuid::from_u128(4))] {
        store.create(&key, Bytes::from_static(b"{}")).await.expect("create");
        store.remove(&key).await.expect("a record can be removed");
        assert_eq!(store.head(&key).await.expect("head"), None);
        assert!(matches!(store.remove(&key).await, Err(StoreError::Missing { .. })), "{key}");
    }
    let condemned = Key::Condemned(Uuid::from_u128(4), Digest::of(&bytes));
    let moved = store.rename(&object(&bytes), &condemned).await;
    if store.lock().is_some() {
        assert!(matches!(moved, Err(StoreError::Locked { .. })), "{moved:?}");
        assert!(store.head(&object(&bytes)).await.expect("head").is_some(), "what is locked stays where it is");
    } else {
        moved.expect("rename");
        store.remove(&condemned).await.expect("a condemned object can be removed");
    }
    assert_eq!(store.head(&condemned).await.expect("head"), None);
}

async fn cleaning_never_takes_a_final_name(store: Arc<dyn Store>) {
    let bytes = pattern(11, 10);
    put(store.as_ref(), &bytes, 10).await.expect("put");
    store.create(&Key::Hold(Uuid::from_u128(5)), Bytes::from_static(b"{}")).await.expect("create");
    store.sync().await.expect("sync");
    store.clean_temp(Duration::ZERO).await.expect("clean");
    assert!(store.head(&object(&bytes)).await.expect("head").is_some());
    assert_eq!(listed(store.as_ref(), &Prefix::Holds).await.len(), 1);
    let space = store.space().await.expect("space");
    assert!(space.is_none_or(|space| space.free_bytes <= space.total_bytes));
}
