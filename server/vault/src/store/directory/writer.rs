//! Writing: objects with their hash computed on the way, and small records.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::sync::Arc;

use bytes::Bytes;
use rustix::fs::{AtFlags, Mode, OFlags};
use uuid::Uuid;
use vocab::{Digest, Hasher};

use super::{Shared, folders};
use crate::error::StoreError;
use crate::layout::Key;
use crate::store::{Expected, READ_BYTES, Written};

/// One object on its way in. Dropped before its commit, it leaves nothing behind.
pub(super) struct Writer {
    shared: Arc<Shared>,
    temp: Option<Temp>,
    hasher: Hasher,
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
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self { shared, temp: None, hasher: Hasher::new() }
    }

    /// Hashes and writes the next pieces. Stops as soon as more came than was announced.
    pub(super) fn append(&mut self, pieces: &[Bytes], expected: &Expected) -> Result<(), StoreError> {
        for piece in pieces {
            self.hasher.update(piece);
        }
        if expected.size_bytes.is_some_and(|announced| self.hasher.size_bytes() > announced) {
            return Err(self.wrong_bytes(expected));
        }
        let temp = match &mut self.temp {
            Some(temp) => temp,
            // Read-only for everyone: a view's hard link must not be a way to write into the vault.
            none => none.insert(Temp::create(&self.shared, Mode::RUSR | Mode::RGRP | Mode::ROTH)?),
        };
        for piece in pieces {
            temp.file.write_all(piece).map_err(|e| self.shared.error("write", expected.digest, e))?;
        }
        Ok(())
    }

    /// Compares, makes the file durable and gives it its name. The name itself becomes durable with the next
    /// [`super::names::Names::make_durable`].
    pub(super) fn commit(mut self, expected: &Expected) -> Result<Written, StoreError> {
        let size_bytes = self.hasher.size_bytes();
        let is_size = expected.size_bytes.is_none_or(|announced| announced == size_bytes);
        if !is_size || self.hasher.clone().finish() != expected.digest {
            return Err(self.wrong_bytes(expected));
        }
        let mut temp = match self.temp.take() {
            Some(temp) => temp,
            None => Temp::create(&self.shared, Mode::RUSR | Mode::RGRP | Mode::ROTH)?,
        };
        let shared = &self.shared;
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
                check_existing(shared, expected.digest, size_bytes)?;
                Ok(Written::Existing { size_bytes })
            }
            Err(other) => Err(shared.error("rename", expected.digest, other)),
        }
    }

    fn wrong_bytes(&self, expected: &Expected) -> StoreError {
        StoreError::WrongBytes { expected: expected.digest, actual: self.hasher.clone().finish(), size_bytes: self.hasher.size_bytes() }
    }
}

/// Reads what another writer stored under the same name: it must be the same bytes (F-33).
fn check_existing(shared: &Shared, digest: Digest, size_bytes: u64) -> Result<(), StoreError> {
    let error = |e: std::io::Error| shared.error("read", digest, e);
    let fd =
        rustix::fs::openat(&shared.objects, digest.hex(), OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty()).map_err(|e| error(e.into()))?;
    let mut file = File::from(fd);
    let mut hasher = Hasher::new();
    let mut buffer = vec![0; READ_BYTES];
    // One read more than our own size needs: a longer file differs anyway.
    while hasher.size_bytes() <= size_bytes {
        match file.read(&mut buffer).map_err(error)? {
            0 => break,
            count => hasher.update(&buffer[..count]),
        }
    }
    if hasher.finish() == digest { Ok(()) } else { Err(StoreError::DamagedExisting { digest }) }
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
