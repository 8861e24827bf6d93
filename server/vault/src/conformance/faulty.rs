//! A store that fails on purpose, at the n-th call, and counts that it did.
//!
//! A test whose fault never fired proves nothing: loop `n` upwards until [`FaultyStore::fired`] stays 0.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use futures::stream::{self, BoxStream};
use futures::{StreamExt, TryStreamExt};
use time::OffsetDateTime;
use tokio::sync::Notify;

use crate::error::StoreError;
use crate::layout::{Key, Prefix};
use crate::lock::{Extended, Lock};
use crate::store::{Body, ByteRange, Chunks, Cleaned, Entry, Expected, Head, Looked, OldVersion, Space, Store, Version, Written};

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// An error, and nothing was done.
    Before,
    /// An error, although all was done.
    After,
    /// No space left, and nothing was done. Writes only.
    NoSpace,
    /// The bytes end half-way without an error. Reads only.
    ShortRead,
    /// One bit of the bytes is wrong. Reads only.
    FlippedBit,
    /// Nothing is done, and no answer ever comes: whoever waits is to be dropped, as a killed process is.
    Stop,
    /// All is done, and no answer ever comes.
    StopAfter,
}

/// A method of [`Store`] that can fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "the names are those of the methods")]
pub enum Operation {
    Put,
    Create,
    Replace,
    Head,
    Get,
    List,
    Rename,
    Remove,
    Sync,
    CleanTemp,
    Space,
    Look,
    ExtendLock,
    Versions,
    GetVersion,
    Revive,
    RemoveVersion,
}

impl Operation {
    const fn is_write(self) -> bool {
        matches!(self, Self::Put | Self::Create | Self::Replace | Self::Rename | Self::Revive)
    }
}

#[derive(Debug, Default)]
struct Script {
    fault: Option<Fault>,
    only: Option<Operation>,
    /// Which calls that the fault fits are hit: the first is 1.
    from: u64,
    to: u64,
    fitting: u64,
    fired: u64,
}

/// One call as it came: the method, and what it was about.
pub type Call = (Operation, String);

/// Wraps a store and fails as told.
#[derive(Debug)]
pub struct FaultyStore {
    inner: Arc<dyn Store>,
    script: Mutex<Script>,
    calls: Mutex<Vec<Call>>,
    stopped: Notify,
}

impl FaultyStore {
    /// A store that does not fail yet.
    #[must_use]
    pub fn new(inner: Arc<dyn Store>) -> Self {
        Self { inner, script: Mutex::default(), calls: Mutex::default(), stopped: Notify::new() }
    }

    fn script(&self) -> MutexGuard<'_, Script> {
        // Plain counters: a panic cannot leave them half changed.
        self.script.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From now on, the `nth` call (the first is 1) that `fault` fits fails, once.
    pub fn fail_nth(&self, nth: u64, fault: Fault) {
        *self.script() = Script { fault: Some(fault), from: nth, to: nth, ..Script::default() };
    }

    /// From now on, the `nth` call of `only` fails, once.
    pub fn fail_nth_of(&self, only: Operation, nth: u64, fault: Fault) {
        *self.script() = Script { fault: Some(fault), only: Some(only), from: nth, to: nth, ..Script::default() };
    }

    /// From now on, the first `count` calls of `only` fail.
    pub fn fail_first_of(&self, only: Operation, count: u64, fault: Fault) {
        *self.script() = Script { fault: Some(fault), only: Some(only), from: 1, to: count, ..Script::default() };
    }

    /// From now on, every call of `only` fails.
    pub fn fail_all_of(&self, only: Operation, fault: Fault) {
        *self.script() = Script { fault: Some(fault), only: Some(only), from: 1, to: u64::MAX, ..Script::default() };
    }

    /// No more faults. [`FaultyStore::fired`] starts from 0 again.
    pub fn heal(&self) {
        *self.script() = Script::default();
    }

    /// No more faults, and [`FaultyStore::fired`] goes on to tell of the last one.
    pub fn spend(&self) {
        self.script().fault = None;
    }

    /// How often a fault has fired since it was set.
    #[must_use]
    pub fn fired(&self) -> u64 {
        self.script().fired
    }

    /// The calls since the last time this was asked, in order: the points at which something can fail.
    pub fn take_calls(&self) -> Vec<Call> {
        std::mem::take(&mut *self.calls.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Ends when a [`Fault::Stop`] or [`Fault::StopAfter`] has been met.
    pub async fn stopped(&self) {
        self.stopped.notified().await;
    }

    /// No answer ever comes.
    async fn never<T>(&self) -> T {
        self.stopped.notify_one();
        std::future::pending().await
    }

    /// Whether this call is the one, and with what.
    fn strike(&self, operation: Operation, about: impl FnOnce() -> String) -> Option<Fault> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner).push((operation, about()));
        let mut script = self.script();
        let fault = script.fault?;
        let fits = match fault {
            Fault::Before | Fault::After | Fault::Stop | Fault::StopAfter => true,
            Fault::NoSpace => operation.is_write(),
            Fault::ShortRead | Fault::FlippedBit => operation == Operation::Get,
        };
        if !fits || script.only.is_some_and(|only| only != operation) {
            return None;
        }
        script.fitting += 1;
        if !(script.from..=script.to).contains(&script.fitting) {
            return None;
        }
        script.fired += 1;
        Some(fault)
    }

    fn error(&self, fault: Fault, operation: Operation) -> StoreError {
        if fault == Fault::NoSpace {
            return StoreError::NoSpace { place: self.inner.place() };
        }
        StoreError::Io {
            action: "do as told",
            key: format!("{operation:?}"),
            source: std::io::Error::other(format!("injected fault {fault:?}")),
        }
    }

    async fn around<T>(
        &self,
        operation: Operation,
        about: impl FnOnce() -> String,
        work: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        match self.strike(operation, about) {
            None => work.await,
            Some(Fault::Stop) => self.never().await,
            Some(Fault::StopAfter) => {
                work.await?;
                self.never().await
            }
            Some(Fault::After) => {
                work.await?;
                Err(self.error(Fault::After, operation))
            }
            Some(fault) => Err(self.error(fault, operation)),
        }
    }
}

#[async_trait]
impl Store for FaultyStore {
    fn place(&self) -> String {
        self.inner.place()
    }

    fn local_path(&self, key: &Key) -> Option<PathBuf> {
        self.inner.local_path(key)
    }

    async fn put(&self, expected: &Expected, body: Body<'_>) -> Result<Written, StoreError> {
        self.around(Operation::Put, || expected.digest.to_string(), self.inner.put(expected, body)).await
    }

    async fn create(&self, key: &Key, bytes: Bytes) -> Result<(), StoreError> {
        self.around(Operation::Create, || key.to_string(), self.inner.create(key, bytes)).await
    }

    async fn replace(&self, key: &Key, bytes: Bytes) -> Result<(), StoreError> {
        self.around(Operation::Replace, || key.to_string(), self.inner.replace(key, bytes)).await
    }

    async fn head(&self, key: &Key) -> Result<Option<Head>, StoreError> {
        self.around(Operation::Head, || key.to_string(), self.inner.head(key)).await
    }

    async fn get(&self, key: &Key, range: ByteRange) -> Result<Chunks, StoreError> {
        let strike = self.strike(Operation::Get, || key.to_string());
        match strike {
            None => self.inner.get(key, range).await,
            Some(Fault::Stop | Fault::StopAfter) => self.never().await,
            Some(Fault::After) => {
                // The connection breaks after the last byte, before its end is told.
                let error = self.error(Fault::After, Operation::Get);
                Ok(self.inner.get(key, range).await?.chain(stream::once(async { Err(error) })).boxed())
            }
            Some(fault @ (Fault::ShortRead | Fault::FlippedBit)) => {
                let chunks = self.inner.get(key, range).await?;
                let mut bytes: BytesMut = chunks.try_fold(BytesMut::new(), gather).await?;
                let middle = bytes.len() / 2;
                match (fault, bytes.get_mut(middle)) {
                    (Fault::FlippedBit, Some(byte)) => *byte ^= 0x10,
                    _ => bytes.truncate(middle),
                }
                Ok(stream::iter([Ok(bytes.freeze())]).boxed())
            }
            Some(fault) => Err(self.error(fault, Operation::Get)),
        }
    }

    fn list(&self, prefix: &Prefix) -> BoxStream<'static, Result<Entry, StoreError>> {
        match self.strike(Operation::List, || format!("{prefix:?}")) {
            None => self.inner.list(prefix),
            Some(Fault::Stop | Fault::StopAfter) => {
                self.stopped.notify_one();
                stream::pending().boxed()
            }
            Some(Fault::After) => {
                let error = self.error(Fault::After, Operation::List);
                self.inner.list(prefix).chain(stream::once(async { Err(error) })).boxed()
            }
            Some(fault) => stream::iter([Err(self.error(fault, Operation::List))]).boxed(),
        }
    }

    async fn rename(&self, from: &Key, to: &Key) -> Result<(), StoreError> {
        self.around(Operation::Rename, || format!("{from} to {to}"), self.inner.rename(from, to)).await
    }

    fn renames_leave_copies(&self) -> bool {
        self.inner.renames_leave_copies()
    }

    async fn may_go(&self, key: &Key) -> Result<bool, StoreError> {
        self.around(Operation::Head, || key.to_string(), self.inner.may_go(key)).await
    }

    async fn remove(&self, key: &Key) -> Result<(), StoreError> {
        self.around(Operation::Remove, || key.to_string(), self.inner.remove(key)).await
    }

    async fn sync(&self) -> Result<(), StoreError> {
        self.around(Operation::Sync, String::new, self.inner.sync()).await
    }

    async fn clean_temp(&self, older_than: Duration) -> Result<Cleaned, StoreError> {
        self.around(Operation::CleanTemp, String::new, self.inner.clean_temp(older_than)).await
    }

    async fn space(&self) -> Result<Option<Space>, StoreError> {
        self.around(Operation::Space, String::new, self.inner.space()).await
    }

    async fn is_in_place(&self) -> Result<bool, StoreError> {
        self.inner.is_in_place().await
    }

    fn lock(&self) -> Option<Lock> {
        self.inner.lock()
    }

    async fn look(&self, key: &Key) -> Result<Option<Looked>, StoreError> {
        self.around(Operation::Look, || key.to_string(), self.inner.look(key)).await
    }

    async fn extend_lock(&self, key: &Key, wanted: OffsetDateTime, enough: OffsetDateTime) -> Result<Extended, StoreError> {
        self.around(Operation::ExtendLock, || key.to_string(), self.inner.extend_lock(key, wanted, enough)).await
    }

    async fn keeps_versions(&self) -> Result<bool, StoreError> {
        self.inner.keeps_versions().await
    }

    async fn versions(&self, key: &Key) -> Result<Vec<Version>, StoreError> {
        self.around(Operation::Versions, || key.to_string(), self.inner.versions(key)).await
    }

    async fn get_version(&self, key: &Key, version: &Version) -> Result<Chunks, StoreError> {
        self.around(Operation::GetVersion, || key.to_string(), self.inner.get_version(key, version)).await
    }

    async fn revive(&self, key: &Key, version: &Version) -> Result<(), StoreError> {
        self.around(Operation::Revive, || key.to_string(), self.inner.revive(key, version)).await
    }

    fn hidden(&self, prefix: &Prefix) -> BoxStream<'static, Result<Key, StoreError>> {
        self.inner.hidden(prefix)
    }

    fn old_versions(&self) -> BoxStream<'static, Result<OldVersion, StoreError>> {
        self.inner.old_versions()
    }

    async fn remove_version(&self, key: &Key, version: &Version) -> Result<bool, StoreError> {
        self.around(Operation::RemoveVersion, || key.to_string(), self.inner.remove_version(key, version)).await
    }
}

async fn gather(mut all: BytesMut, chunk: Bytes) -> Result<BytesMut, StoreError> {
    all.extend_from_slice(&chunk);
    Ok(all)
}
