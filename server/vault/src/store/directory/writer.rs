//! Writing: objects with their hash computed on the way, and small records.

use std::fs::File;
use std::io::Write;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use bytes::Bytes;
use rustix::fs::{AtFlags, Mode, OFlags};
use tokio::task::JoinHandle;
use uuid::Uuid;
use vocab::{Digest, Hasher};

use super::{Shared, folders, reading};
use crate::error::StoreError;
use crate::layout::Key;
use crate::store::{Expected, Written, blocking, joined};

/// How much is written before the disk is told to begin with it, in bytes. A large object then waits at its end for this much and what is
/// under way, not for all of it, and leaves no more than twice as much of it in the system's memory. Objects up to this size have one fsync.
const WRITE_BACK_BYTES: u64 = 32 * 1024 * 1024;

/// One object on its way in: hashed and written side by side, each on a thread of its own. Dropped before its commit, it leaves nothing behind.
pub(super) struct Writer {
    shared: Arc<Shared>,
    expected: Expected,
    received_bytes: u64,
    hasher: Hasher,
    temp: Option<Temp>,
    /// What is done with the last pieces.
    step: Option<Step>,
    /// What was written since the disk was last told to begin.
    unsent_bytes: u64,
    write_back: Option<JoinHandle<Result<(), StoreError>>>,
}

struct Step {
    hashing: JoinHandle<Result<Hasher, StoreError>>,
    writing: JoinHandle<Result<Temp, StoreError>>,
}

struct Temp {
    file: File,
    name: String,
    shared: Arc<Shared>,
    renamed: bool,
}

impl Temp {
    fn create(shared: &Arc<Shared>, mode: Mode) -> Result<Self, StoreError> {
        let name = Uuid::new_v4().hyphenated().to_string();
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
        let fd = rustix::fs::openat(shared.temp()?, &name, flags, mode).map_err(|e| shared.error("create", &name, e))?;
        Ok(Self { file: File::from(fd), name, shared: shared.clone(), renamed: false })
    }

    /// Read-only for everyone: a view's hard link must not be a way to write into the vault.
    fn of_object(shared: &Arc<Shared>) -> Result<Self, StoreError> {
        Self::create(shared, Mode::RUSR | Mode::RGRP | Mode::ROTH)
    }

    fn write(&self, pieces: &[Bytes], digest: &Digest) -> Result<(), StoreError> {
        for piece in pieces {
            (&self.file).write_all(piece).map_err(|e| self.shared.error("write", digest, e))?;
        }
        Ok(())
    }
}

impl Drop for Temp {
    fn drop(&mut self) {
        if !self.renamed
            && let Some(folder) = &self.shared.temp
        {
            // What cannot be removed now is removed by age later.
            let _ = rustix::fs::unlinkat(folder, &self.name, AtFlags::empty());
        }
    }
}

impl Writer {
    pub(super) fn new(shared: Arc<Shared>, expected: Expected) -> Self {
        Self { shared, expected, received_bytes: 0, hasher: Hasher::new(), temp: None, step: None, unsent_bytes: 0, write_back: None }
    }

    /// Begins to hash and write the next pieces, when it is done with the ones before. Stops as soon as more came than was announced.
    pub(super) async fn append(&mut self, pieces: Vec<Bytes>) -> Result<(), StoreError> {
        self.settle().await?;
        self.count(&pieces)?;
        self.send().await?;
        let temp = match self.temp.take() {
            Some(temp) => temp,
            None => {
                let shared = self.shared.clone();
                blocking(move || Temp::of_object(&shared)).await?
            }
        };
        self.unsent_bytes += pieces.iter().map(|piece| piece.len() as u64).sum::<u64>();
        let (mut hasher, copies) = (std::mem::take(&mut self.hasher), pieces.clone());
        let hashing = tokio::task::spawn_blocking(move || {
            copies.iter().for_each(|piece| hasher.update(piece));
            Ok(hasher)
        });
        let digest = self.expected.digest;
        let writing = tokio::task::spawn_blocking(move || {
            temp.write(&pieces, &digest)?;
            Ok(temp)
        });
        self.step = Some(Step { hashing, writing });
        Ok(())
    }

    /// Takes the last pieces, compares, makes the file durable and gives it its name. The name itself becomes durable with the next
    /// [`super::names::Names::make_durable`].
    pub(super) async fn commit(mut self, pieces: Vec<Bytes>) -> Result<Written, StoreError> {
        self.settle().await?;
        self.count(&pieces)?;
        // An error is told once to whoever syncs the file first, so the last fsync alone proves nothing about what was sent before.
        if let Some(sending) = self.write_back.take() {
            joined(sending).await?;
        }
        blocking(move || self.finish(&pieces)).await
    }

    /// Waits until nothing is done with it any more, so that its file and its room are gone when it is dropped. Gives `why` back.
    pub(super) async fn abandon(mut self, why: StoreError) -> StoreError {
        // Whatever becomes of them, the bytes are not wanted.
        let _ = self.settle().await;
        if let Some(sending) = self.write_back.take() {
            let _ = joined(sending).await;
        }
        why
    }

    async fn settle(&mut self) -> Result<(), StoreError> {
        let Some(Step { hashing, writing }) = self.step.take() else { return Ok(()) };
        let (hasher, temp) = futures::join!(joined(hashing), joined(writing));
        (self.hasher, self.temp) = (hasher?, Some(temp?));
        Ok(())
    }

    fn count(&mut self, pieces: &[Bytes]) -> Result<(), StoreError> {
        self.received_bytes += pieces.iter().map(|piece| piece.len() as u64).sum::<u64>();
        if self.expected.size_bytes.is_some_and(|announced| self.received_bytes > announced) {
            pieces.iter().for_each(|piece| self.hasher.update(piece));
            return Err(self.wrong_bytes());
        }
        Ok(())
    }

    /// Tells the disk to begin with what was written, once it is enough and the disk is done with what came before.
    async fn send(&mut self) -> Result<(), StoreError> {
        let Some(temp) = self.temp.as_ref().filter(|_| self.unsent_bytes >= WRITE_BACK_BYTES) else { return Ok(()) };
        if let Some(sending) = self.write_back.take() {
            joined(sending).await?;
        }
        let (shared, digest) = (self.shared.clone(), self.expected.digest);
        let file = temp.file.try_clone().map_err(|e| shared.error("open again", digest, e))?;
        self.write_back = Some(tokio::task::spawn_blocking(move || file.sync_data().map_err(|e| shared.error("fsync", digest, e))));
        self.unsent_bytes = 0;
        Ok(())
    }

    fn finish(mut self, pieces: &[Bytes]) -> Result<Written, StoreError> {
        pieces.iter().for_each(|piece| self.hasher.update(piece));
        let (shared, expected, size_bytes) = (&self.shared, &self.expected, self.received_bytes);
        let is_size = expected.size_bytes.is_none_or(|announced| announced == size_bytes);
        if !is_size || self.hasher.clone().finish() != expected.digest {
            return Err(self.wrong_bytes());
        }
        let mut temp = match self.temp.take() {
            Some(temp) => temp,
            None => Temp::of_object(shared)?,
        };
        temp.write(pieces, &expected.digest)?;
        let name = expected.digest.hex();
        rustix::fs::fsync(&temp.file).map_err(|e| shared.error("fsync", expected.digest, e))?;
        let renamed = if shared.names.is_unsure(&expected.digest) {
            // The one rename onto an existing object: ours are the same bytes, and theirs may lose their name.
            rustix::fs::renameat(shared.temp()?, &temp.name, &shared.objects, &name)
        } else {
            folders::rename_new(shared.temp()?, &temp.name, &shared.objects, &name)
        };
        match renamed {
            Ok(()) => {
                temp.renamed = true;
                shared.names.renamed(expected.digest);
                Ok(Written::New { size_bytes })
            }
            Err(rustix::io::Errno::EXIST) => {
                check_existing(shared, expected.digest)?;
                Ok(Written::Existing { size_bytes })
            }
            Err(other) => Err(shared.error("rename", expected.digest, other)),
        }
    }

    fn wrong_bytes(&self) -> StoreError {
        StoreError::WrongBytes { expected: self.expected.digest, actual: self.hasher.clone().finish(), size_bytes: self.received_bytes }
    }
}

/// Reads what another writer stored under the same name: it must be the same bytes (F-33).
fn check_existing(shared: &Shared, digest: Digest) -> Result<(), StoreError> {
    let found = reading::hash(shared, &Key::Object(digest), &AtomicBool::new(false))?;
    if found.finish() == digest { Ok(()) } else { Err(StoreError::DamagedExisting { digest }) }
}

/// What to do when a record's name is taken.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum OnTaken {
    Refuse,
    Replace,
}

/// Writes a small record durably: temporary file, fsync, rename, fsync of the folder.
pub(super) fn write_record(shared: &Arc<Shared>, key: &Key, bytes: &[u8], on_taken: OnTaken) -> Result<(), StoreError> {
    let path = key.to_string();
    let (_, name) = path.rsplit_once('/').unwrap_or(("", &path));
    let folder: OwnedFd = folders::make_parent(shared, key)?;
    let mut temp = Temp::create(shared, Mode::RUSR | Mode::WUSR | Mode::RGRP | Mode::ROTH)?;
    temp.file.write_all(bytes).map_err(|e| shared.error("write", key, e))?;
    rustix::fs::fsync(&temp.file).map_err(|e| shared.error("fsync", key, e))?;
    let renamed = match on_taken {
        OnTaken::Refuse => folders::rename_new(shared.temp()?, &temp.name, &folder, name),
        OnTaken::Replace => rustix::fs::renameat(shared.temp()?, &temp.name, &folder, name),
    };
    renamed.map_err(|e| shared.error("rename", key, e))?;
    temp.renamed = true;
    rustix::fs::fsync(&folder).map_err(|e| shared.error("fsync the folder of", key, e))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::directory::DirectoryStore;

    /// F-4.
    #[tokio::test]
    async fn an_early_sync_that_failed_counts_though_the_last_one_succeeds() {
        let folder = tempfile::tempdir().unwrap();
        let shared = DirectoryStore::init(folder.path()).await.unwrap().shared;
        let half = Bytes::from(vec![7; usize::try_from(WRITE_BACK_BYTES).unwrap()]);
        let digest = Digest::of(&[half.as_ref(), half.as_ref()].concat());
        let mut writer = Writer::new(shared.clone(), Expected { digest, size_bytes: Some(2 * WRITE_BACK_BYTES) });
        // A device that takes every byte and cannot be synced.
        let mut temp = Temp::of_object(&shared).unwrap();
        let device = File::options().write(true).open("/dev/null").unwrap();
        let healthy = std::mem::replace(&mut temp.file, device);
        writer.temp = Some(temp);
        writer.append(vec![half.clone()]).await.unwrap();
        writer.append(vec![half]).await.unwrap();
        assert!(writer.write_back.is_some(), "the disk was told to begin");
        writer.settle().await.unwrap();
        writer.temp.as_mut().unwrap().file = healthy;
        assert!(matches!(writer.commit(Vec::new()).await, Err(StoreError::Io { .. })));
        assert!(!folder.path().join("blobs/sha256").join(digest.hex()).exists());
    }
}
