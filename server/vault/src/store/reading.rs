//! A store that is only read: a vault found after a disaster, whose owner may still be alive somewhere.
//!
//! Holds still go through: they tell a sweep of whoever writes here that somebody reads.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;
use time::OffsetDateTime;

use super::{Body, ByteRange, Chunks, Cleaned, Entry, Expected, Head, Looked, OldVersion, Space, Store, Version, Written};
use crate::error::StoreError;
use crate::layout::{Key, Prefix};
use crate::lock::{Extended, Lock};

/// Another store, and nothing but holds is written to it.
#[derive(Debug)]
pub struct ReadingStore {
    inner: Arc<dyn Store>,
}

impl ReadingStore {
    /// Over `inner`.
    #[must_use]
    pub fn new(inner: Arc<dyn Store>) -> Self {
        Self { inner }
    }

    fn closed<T>(&self) -> Result<T, StoreError> {
        Err(StoreError::OpenedToRead { place: self.inner.place() })
    }
}

#[async_trait]
impl Store for ReadingStore {
    fn place(&self) -> String {
        self.inner.place()
    }

    fn local_path(&self, key: &Key) -> Option<PathBuf> {
        self.inner.local_path(key)
    }

    async fn put(&self, _: &Expected, _: Body<'_>) -> Result<Written, StoreError> {
        self.closed()
    }

    async fn create(&self, key: &Key, bytes: Bytes) -> Result<(), StoreError> {
        if matches!(key, Key::Hold(_)) { self.inner.create(key, bytes).await } else { self.closed() }
    }

    async fn replace(&self, key: &Key, bytes: Bytes) -> Result<(), StoreError> {
        if matches!(key, Key::Hold(_)) { self.inner.replace(key, bytes).await } else { self.closed() }
    }

    async fn head(&self, key: &Key) -> Result<Option<Head>, StoreError> {
        self.inner.head(key).await
    }

    async fn get(&self, key: &Key, range: ByteRange) -> Result<Chunks, StoreError> {
        self.inner.get(key, range).await
    }

    fn list(&self, prefix: &Prefix) -> BoxStream<'static, Result<Entry, StoreError>> {
        self.inner.list(prefix)
    }

    async fn rename(&self, _: &Key, _: &Key) -> Result<(), StoreError> {
        self.closed()
    }

    fn renames_leave_copies(&self) -> bool {
        self.inner.renames_leave_copies()
    }

    async fn may_go(&self, key: &Key) -> Result<bool, StoreError> {
        self.inner.may_go(key).await
    }

    async fn remove(&self, key: &Key) -> Result<(), StoreError> {
        if matches!(key, Key::Hold(_)) { self.inner.remove(key).await } else { self.closed() }
    }

    async fn sync(&self) -> Result<(), StoreError> {
        self.closed()
    }

    async fn clean_temp(&self, _: Duration) -> Result<Cleaned, StoreError> {
        self.closed()
    }

    async fn space(&self) -> Result<Option<Space>, StoreError> {
        self.inner.space().await
    }

    async fn is_in_place(&self) -> Result<bool, StoreError> {
        self.inner.is_in_place().await
    }

    fn lock(&self) -> Option<Lock> {
        self.inner.lock()
    }

    async fn look(&self, key: &Key) -> Result<Option<Looked>, StoreError> {
        self.inner.look(key).await
    }

    async fn extend_lock(&self, _: &Key, _: OffsetDateTime, _: OffsetDateTime) -> Result<Extended, StoreError> {
        self.closed()
    }

    async fn keeps_versions(&self) -> Result<bool, StoreError> {
        self.inner.keeps_versions().await
    }

    async fn versions(&self, key: &Key) -> Result<Vec<Version>, StoreError> {
        self.inner.versions(key).await
    }

    async fn get_version(&self, key: &Key, version: &Version) -> Result<Chunks, StoreError> {
        self.inner.get_version(key, version).await
    }

    async fn revive(&self, _: &Key, _: &Version) -> Result<(), StoreError> {
        self.closed()
    }

    fn hidden(&self, prefix: &Prefix) -> BoxStream<'static, Result<Key, StoreError>> {
        self.inner.hidden(prefix)
    }

    fn old_versions(&self) -> BoxStream<'static, Result<OldVersion, StoreError>> {
        self.inner.old_versions()
    }

    async fn remove_version(&self, _: &Key, _: &Version) -> Result<bool, StoreError> {
        self.closed()
    }
}
