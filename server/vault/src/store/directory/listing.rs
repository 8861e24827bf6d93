//! Listing folders without holding them in memory, and removing old leftovers.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use futures::StreamExt;
use futures::stream::{self, BoxStream};
use rustix::fs::{AtFlags, Dir, Mode, OFlags};
use rustix::io::Errno;
use time::OffsetDateTime;
use tokio::sync::mpsc;

use super::Shared;
use crate::error::StoreError;
use crate::layout::{Key, Prefix};
use crate::store::{Cleaned, Entry};

/// How many entries are handed over at once.
const LISTING_BATCH: usize = 1024;
/// How many batches may wait for the reader.
const LISTING_AHEAD: usize = 4;

type Sender = mpsc::Sender<Result<Vec<Entry>, StoreError>>;

/// Why a walk stopped early.
enum Stop {
    /// Nobody listens any more.
    Unheard,
    Failed(StoreError),
}

pub(super) fn list(shared: Arc<Shared>, prefix: &Prefix) -> BoxStream<'static, Result<Entry, StoreError>> {
    let (sender, receiver) = mpsc::channel(LISTING_AHEAD);
    let (folder, depth) = prefix.folder();
    // Started by the first poll, so that a listing nobody reads costs nothing.
    let start = async move {
        tokio::task::spawn_blocking(move || {
            let mut walk = Walk { shared: &shared, sender: &sender, batch: Vec::new() };
            if let Err(Stop::Failed(error)) = walk.folder(&folder, depth).and_then(|()| walk.flush()) {
                // Nobody listening is the only way this fails, and then nobody misses it.
                let _ = sender.blocking_send(Err(error));
            }
        });
        receiver
    };
    stream::once(start)
        .flat_map(|receiver| stream::unfold(receiver, |mut r| async move { r.recv().await.map(|item| (item, r)) }))
        .flat_map(|batch| match batch {
            Ok(entries) => stream::iter(entries.into_iter().map(Ok).collect::<Vec<_>>()),
            Err(error) => stream::iter(vec![Err(error)]),
        })
        .boxed()
}

struct Walk<'a> {
    shared: &'a Shared,
    sender: &'a Sender,
    batch: Vec<Entry>,
}

impl Walk<'_> {
    fn fail(&self, folder: &str, e: Errno) -> Stop {
        Stop::Failed(self.shared.error("list", folder, e))
    }

    fn flush(&mut self) -> Result<(), Stop> {
        if self.batch.is_empty() {
            return Ok(());
        }
        self.sender.blocking_send(Ok(std::mem::take(&mut self.batch))).map_err(|_unheard| Stop::Unheard)
    }

    /// Walks `folder`, whose files lie `depth` folders below it. Names not ours are passed over.
    fn folder(&mut self, folder: &str, depth: u32) -> Result<(), Stop> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let fd = match rustix::fs::openat(&self.shared.root, folder, flags, Mode::empty()) {
            Ok(fd) => fd,
            // A project without a snapshot has no folder. `blobs/sha256` was opened with the vault, so it is no such case.
            Err(Errno::NOENT) if folder != super::OBJECTS => return Ok(()),
            Err(other) => return Err(self.fail(folder, other)),
        };
        let entries = Dir::read_from(&fd).map_err(|e| self.fail(folder, e))?;
        if folder == super::OBJECTS {
            // Millions of names: as they come. All other families are small and sorted.
            for entry in entries {
                let entry = entry.map_err(|e| self.fail(folder, e))?;
                self.file(folder, &entry.file_name().to_string_lossy())?;
            }
            return Ok(());
        }
        let mut names = BTreeSet::new();
        for entry in entries {
            let entry = entry.map_err(|e| self.fail(folder, e))?;
            names.insert(entry.file_name().to_string_lossy().into_owned());
        }
        for name in names.iter().filter(|name| !name.starts_with('.')) {
            match depth {
                0 => self.file(folder, name)?,
                _ => self.subfolder(folder, name, depth)?,
            }
        }
        Ok(())
    }

    fn subfolder(&mut self, folder: &str, name: &str, depth: u32) -> Result<(), Stop> {
        match self.folder(&format!("{folder}/{name}"), depth - 1) {
            // A file where a folder should be is not ours.
            Err(Stop::Failed(StoreError::Io { source, .. })) if source.kind() == std::io::ErrorKind::NotADirectory => Ok(()),
            other => other,
        }
    }

    fn file(&mut self, folder: &str, name: &str) -> Result<(), Stop> {
        let Some(key) = Key::parse(&format!("{folder}/{name}")) else { return Ok(()) };
        let stat = match rustix::fs::statat(&self.shared.root, key.to_string(), AtFlags::empty()) {
            Ok(stat) => stat,
            // Renamed or released between the listing and here.
            Err(Errno::NOENT) => return Ok(()),
            Err(other) => return Err(self.fail(folder, other)),
        };
        let modified = OffsetDateTime::from_unix_timestamp(stat.st_mtime).ok();
        self.batch.push(Entry { key, size_bytes: u64::try_from(stat.st_size).unwrap_or(0), modified });
        if self.batch.len() >= LISTING_BATCH { self.flush() } else { Ok(()) }
    }
}

/// Removes temporary files not written to for `older_than`. A slow upload keeps its file young by writing to it.
pub(super) fn clean_temp(shared: &Shared, older_than: Duration) -> Result<Cleaned, StoreError> {
    let folder = shared.temp()?;
    let error = |e: Errno| shared.error("clean", super::TEMP, e);
    let now = SystemTime::now();
    let mut cleaned = Cleaned::default();
    for entry in Dir::read_from(folder).map_err(error)? {
        let entry = entry.map_err(error)?;
        let name = entry.file_name().to_string_lossy().into_owned();
        // Only what this program named: a UUID.
        if name.parse::<uuid::Uuid>().is_err() {
            continue;
        }
        let stat = match rustix::fs::statat(folder, &name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => stat,
            Err(Errno::NOENT) => continue,
            Err(other) => return Err(error(other)),
        };
        let written = SystemTime::UNIX_EPOCH + Duration::from_secs(u64::try_from(stat.st_mtime).unwrap_or(0));
        // A file from the future (a clock that went back) counts as young.
        if now.duration_since(written).is_ok_and(|age| age >= older_than) {
            match rustix::fs::unlinkat(folder, &name, AtFlags::empty()) {
                Ok(()) => {
                    cleaned.count += 1;
                    cleaned.size_bytes += u64::try_from(stat.st_size).unwrap_or(0);
                }
                Err(Errno::NOENT) => {}
                Err(other) => return Err(error(other)),
            }
        }
    }
    Ok(cleaned)
}
