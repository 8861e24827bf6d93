//! The vault's small records: pointers, holds, what a sweep writes down, and the marker.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use bytes::Bytes;
use futures::executor::block_on;
use futures::{StreamExt, TryStreamExt};
use serde_json::{Map, Value};
use uuid::Uuid;
use vault::layout::{Key, Prefix};
use vault::store::memory::MemoryStore;
use vault::store::{ByteRange, Store};
use vault::tree::SnapshotIndex;
use vault::{Pointer, PointerName, Terms, Vault, VaultError};

/// A vault with one snapshot, one hold and one sweep under way.
struct Base {
    store: MemoryStore,
    vault: Vault,
    pointer: PointerName,
    keys: Vec<Key>,
}

static BASE: LazyLock<Base> = LazyLock::new(|| block_on(base()).expect("memory fails at nothing"));

async fn base() -> Result<Base, VaultError> {
    let store = MemoryStore::default();
    let vault = Vault::init_store(Arc::new(store.clone())).await?;
    let moment = time::OffsetDateTime::UNIX_EPOCH;
    let index = SnapshotIndex {
        limits: Vec::new(),
        harbor: "main".parse()?,
        project: "prod".parse().expect("a name"),
        origin: vault::tree::Origin::Harbor,
        started: moment,
        finished: moment,
        listed: None,
        gaps: Vec::new(),
        config: None,
        harbor_config: None,
        pushed: None,
        repositories: Vec::new(),
        elsewhere: Vec::new(),
        closed: true,
    };
    let snapshot = vault.put_snapshot(&index).await?;
    let (harbor, project) = (index.harbor, index.project);
    let pointer = Pointer { harbor, project, moment, id: Uuid::from_u128(42), snapshot, signature: Some("signed".to_owned()) };
    let pointer = vault.put_pointer(&pointer).await?;
    vault.hold("somebody", Duration::from_secs(3_600)).await?;
    vault.put_bytes(b"nothing needs this").await?;
    let at_once = Terms { dry_run: false, young: Duration::ZERO, wait: Duration::ZERO, share_max_percent: 100 };
    vault.sweep(&at_once).await?;
    let mut keys = vec![Key::Marker, Key::Pointer(pointer.clone())];
    for prefix in [Prefix::Holds, Prefix::Sweeps] {
        let listed: Vec<_> = store.list(&prefix).filter_map(|entry| std::future::ready(entry.ok())).collect().await;
        keys.extend(listed.into_iter().map(|entry| entry.key));
    }
    Ok(Base { store, vault, pointer, keys })
}

/// One of each kind.
pub(crate) fn corpus() -> Vec<Vec<u8>> {
    let base = &*BASE;
    let read = |key: &Key| {
        block_on(async {
            let chunks = base.store.get(key, ByteRange::default()).await.expect("it was listed");
            chunks.try_collect::<Vec<Bytes>>().await.expect("memory is read").concat()
        })
    };
    let all: Vec<Vec<u8>> = base.keys.iter().map(read).collect();
    assert_eq!(all.len(), 4);
    all
}

/// Refused, or what their name says; with the hash as it came, and with a hash that agrees.
pub(crate) fn records(bytes: &[u8]) {
    let base = &*BASE;
    block_on(one(base, bytes));
    let Ok(mut fields) = serde_json::from_slice::<Map<String, Value>>(bytes) else { return };
    if let Ok(sealed) = vault::record::seal(&mut fields) {
        block_on(one(base, &sealed));
    }
}

async fn one(base: &Base, bytes: &[u8]) {
    for key in &base.keys {
        let store = base.store.copy();
        store.replace(key, Bytes::copy_from_slice(bytes)).await.expect("memory takes it");
        let opened = Vault::open_store(Arc::new(store), Some(base.vault.id())).await;
        let vault = match opened {
            Ok(vault) => vault,
            Err(VaultError::DamagedRecord { .. } | VaultError::OtherVault { .. } | VaultError::Format { .. }) if *key == Key::Marker => {
                continue;
            }
            Err(other) => panic!("{key}: {other:?}"),
        };
        assert_eq!(vault.id(), base.vault.id());
        if let Ok(Some(pointer)) = vault.pointer(&base.pointer).await {
            assert_eq!(pointer.name().as_ref().ok(), Some(&base.pointer), "it says what its name says");
        }
        if let Ok(holds) = vault.live_holds().await {
            assert!(holds.len() <= 1);
        }
        // Whatever a record says, a sweep leaves what the pointer that can be read needs, or refuses.
        let needed = vault.needed().await;
        let swept = vault.sweep(&Terms { share_max_percent: 100, ..Terms::default() }).await;
        match needed {
            Ok(needed) => {
                for digest in needed {
                    assert!(vault.size_of(&digest).await.is_ok_and(|size| size.is_some()), "{digest} was swept");
                }
            }
            Err(_) => assert!(swept.is_err(), "swept although nobody knows what is needed"),
        }
    }
}
