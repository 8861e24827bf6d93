//! A vault in memory, for tests and for the conformance suite. Nothing survives the process.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use futures::stream::{self, BoxStream};
use futures::{StreamExt, TryStreamExt};
use vocab::Digest;

use super::{Body, ByteRange, Chunks, Cleaned, Entry, Expected, Head, READ_BYTES, Space, Store, Written};
use crate::error::StoreError;
use crate::layout::{Key, Prefix};

const PLACE: &str = "memory";

/// A vault's bytes in memory.
#[derive(Debug, Clone)]
pub struct MemoryStore {
    files: Arc<Mutex<BTreeMap<String, Bytes>>>,
    capacity_bytes: u64,
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self::with_capacity(u64::MAX)
    }
}

impl MemoryStore {
    /// A store that is full at `capacity_bytes`.
    #[must_use]
    pub fn with_capacity(capacity_bytes: u64) -> Self {
        Self { files: Arc::default(), capacity_bytes }
    }

    /// Another store with the same content.
    #[must_use]
    pub fn copy(&self) -> Self {
        Self { files: Arc::new(Mutex::new(self.files().clone())), capacity_bytes: self.capacity_bytes }
    }

    fn files(&self) -> MutexGuard<'_, BTreeMap<String, Bytes>> {
        // Every change is one insert or remove, so a panic cannot leave it half done.
        self.files.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes a stored file behind the store's back, as a failing disk would. For tests.
    ///
    /// Answers whether there was such a file.
    pub fn damage(&self, key: &Key, change: impl FnOnce(&mut Vec<u8>)) -> bool {
        let mut files = self.files();
        let Some(bytes) = files.get_mut(&key.to_string()) else { return false };
        let mut changed = bytes.to_vec();
        change(&mut changed);
        *bytes = Bytes::from(changed);
        true
    }

    fn insert(&self, path: String, bytes: Bytes) -> Result<(), StoreError> {
        self.insert_into(&mut self.files(), path, bytes)
    }

    fn insert_into(&self, files: &mut BTreeMap<String, Bytes>, path: String, bytes: Bytes) -> Result<(), StoreError> {
        let used: usize = files.iter().filter(|(other, _)| **other != path).map(|(_, b)| b.len()).sum();
        if (used as u64).saturating_add(bytes.len() as u64) > self.capacity_bytes {
            return Err(StoreError::NoSpace { place: PLACE.to_owned() });
        }
        files.insert(path, bytes);
        Ok(())
    }

    fn missing(key: &Key) -> StoreError {
        StoreError::Missing { key: key.to_string() }
    }
}

#[async_trait]
impl Store for MemoryStore {
    fn place(&self) -> String {
        PLACE.to_owned()
    }

    fn local_path(&self, _key: &Key) -> Option<PathBuf> {
        None
    }

    async fn put(&self, expected: &Expected, mut body: Body<'_>) -> Result<Written, StoreError> {
        let mut gathered = BytesMut::new();
        while let Some(piece) = body.try_next().await.map_err(|_broken| StoreError::Body)? {
            gathered.extend_from_slice(&piece);
            if expected.size_bytes.is_some_and(|announced| gathered.len() as u64 > announced) {
                break;
            }
        }
        let size_bytes = gathered.len() as u64;
        let actual = Digest::of(&gathered);
        if actual != expected.digest || expected.size_bytes.is_some_and(|announced| announced != size_bytes) {
            return Err(StoreError::WrongBytes { expected: expected.digest, actual, size_bytes });
        }
        let path = Key::Object(expected.digest).to_string();
        if let Some(existing) = self.files().get(&path) {
            return if Digest::of(existing) == expected.digest {
                Ok(Written::Existing { size_bytes })
            } else {
                Err(StoreError::DamagedExisting { digest: expected.digest })
            };
        }
        self.insert(path, gathered.freeze())?;
        Ok(Written::New { size_bytes })
    }

    async fn create(&self, key: &Key, bytes: Bytes) -> Result<(), StoreError> {
        // Looked up and written under one lock: of several at once one wins.
        let mut files = self.files();
        if files.contains_key(&key.to_string()) {
            return Err(StoreError::Exists { key: key.to_string() });
        }
        self.insert_into(&mut files, key.to_string(), bytes)
    }

    async fn replace(&self, key: &Key, bytes: Bytes) -> Result<(), StoreError> {
        self.insert(key.to_string(), bytes)
    }

    async fn head(&self, key: &Key) -> Result<Option<Head>, StoreError> {
        Ok(self.files().get(&key.to_string()).map(|bytes| Head { size_bytes: bytes.len() as u64 }))
    }

    async fn get(&self, key: &Key, range: ByteRange) -> Result<Chunks, StoreError> {
        let bytes = self.files().get(&key.to_string()).cloned().ok_or_else(|| Self::missing(key))?;
        let size = bytes.len() as u64;
        let start = range.offset.min(size);
        let end = range.length.map_or(size, |length| start.saturating_add(length).min(size));
        let position = |at: u64| usize::try_from(at).unwrap_or(bytes.len());
        let part = bytes.slice(position(start)..position(end));
        let pieces: Vec<_> = (0..part.len()).step_by(READ_BYTES).map(|at| Ok(part.slice(at..part.len().min(at + READ_BYTES)))).collect();
        Ok(stream::iter(pieces).boxed())
    }

    fn list(&self, prefix: &Prefix) -> BoxStream<'static, Result<Entry, StoreError>> {
        let (folder, depth) = prefix.folder();
        let start = format!("{folder}/");
        let found: Vec<_> = self
            .files()
            .range::<str, _>((Bound::Included(start.as_str()), Bound::Unbounded))
            .take_while(|(path, _)| path.starts_with(&start))
            .filter(|(path, _)| path[start.len()..].matches('/').count() == depth as usize)
            .filter_map(|(path, bytes)| Key::parse(path).map(|key| Ok(Entry { key, size_bytes: bytes.len() as u64, modified: None })))
            .collect();
        stream::iter(found).boxed()
    }

    async fn rename(&self, from: &Key, to: &Key) -> Result<(), StoreError> {
        let mut files = self.files();
        if files.contains_key(&to.to_string()) {
            return Err(StoreError::Exists { key: to.to_string() });
        }
        let bytes = files.remove(&from.to_string()).ok_or_else(|| Self::missing(from))?;
        files.insert(to.to_string(), bytes);
        Ok(())
    }

    async fn remove(&self, key: &Key) -> Result<(), StoreError> {
        if !key.is_removable() {
            return Err(StoreError::NotRemovable { key: key.to_string() });
        }
        self.files().remove(&key.to_string()).map(|_| ()).ok_or_else(|| Self::missing(key))
    }

    async fn sync(&self) -> Result<(), StoreError> {
        Ok(())
    }

    async fn clean_temp(&self, _older_than: Duration) -> Result<Cleaned, StoreError> {
        Ok(Cleaned::default())
    }

    async fn space(&self) -> Result<Option<Space>, StoreError> {
        let used: usize = self.files().values().map(Bytes::len).sum();
        Ok(Some(Space { free_bytes: self.capacity_bytes.saturating_sub(used as u64), total_bytes: self.capacity_bytes }))
    }
}
