//! Reading: ranges in large pieces, the next one fetched while the last is used.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_stream::try_stream;
use bytes::Bytes;
use futures::StreamExt;
use rustix::fs::{AtFlags, Mode, OFlags};
use vocab::Hasher;

use super::Shared;
use crate::error::StoreError;
use crate::layout::Key;
use crate::store::{ByteRange, Chunks, Head, READ_BYTES, blocking, joined};

/// How much is read to be hashed at once, in bytes: what a core's own cache holds, so that hashing does not wait for memory.
const HASH_BYTES: usize = 256 * 1024;

pub(super) fn head(shared: &Shared, key: &Key) -> Result<Option<Head>, StoreError> {
    let found = match key {
        Key::Object(digest) => rustix::fs::statat(&shared.objects, digest.hex(), AtFlags::empty()),
        other => rustix::fs::statat(&shared.root, other.to_string(), AtFlags::empty()),
    };
    match found {
        Ok(stat) => Ok(Some(Head { size_bytes: u64::try_from(stat.st_size).unwrap_or(0) })),
        Err(rustix::io::Errno::NOENT) => Ok(None),
        Err(other) => Err(shared.error("look up", key, other)),
    }
}

fn open(shared: &Shared, key: &Key, offset: u64) -> Result<File, StoreError> {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC;
    let fd = match key {
        Key::Object(digest) => rustix::fs::openat(&shared.objects, digest.hex(), flags, Mode::empty()),
        other => rustix::fs::openat(&shared.root, other.to_string(), flags, Mode::empty()),
    };
    let mut file = File::from(fd.map_err(|e| shared.error("open", key, e))?);
    if offset > 0 {
        file.seek(SeekFrom::Start(offset)).map_err(|e| shared.error("seek in", key, e))?;
    }
    Ok(file)
}

/// Reads all of it through one buffer, until the end or until nobody waits any more.
pub(super) fn hash(shared: &Shared, key: &Key, given_up: &AtomicBool) -> Result<Hasher, StoreError> {
    let mut file = open(shared, key, 0)?;
    let (mut hasher, mut buffer) = (Hasher::new(), vec![0; HASH_BYTES]);
    loop {
        if given_up.load(Ordering::Relaxed) {
            return Err(shared.error("read", key, std::io::Error::from(std::io::ErrorKind::Interrupted)));
        }
        match file.read(&mut buffer) {
            Ok(0) => return Ok(hasher),
            Ok(count) => hasher.update(&buffer[..count]),
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(shared.error("read", key, error)),
        }
    }
}

struct Reader {
    file: File,
    left: u64,
    shared: Arc<Shared>,
    key: Key,
}

/// What one read gave.
struct Piece {
    bytes: Bytes,
    /// Nothing follows: the read met the end, or the range ended.
    last: bool,
}

impl Reader {
    fn next(mut self) -> Result<(Self, Piece), StoreError> {
        let error = |e| self.shared.error("read", &self.key, e);
        let most = self.left.min(READ_BYTES as u64);
        // One byte more than there is, so that a small object is read and its end met without growing the buffer.
        let room = self.file.metadata().map_err(error)?.len().saturating_add(1).min(most);
        let mut buffer = Vec::with_capacity(usize::try_from(room).unwrap_or(READ_BYTES));
        // It goes on after a short read, until nothing comes: fewer bytes than asked for are all there are.
        let count = (&self.file).take(most).read_to_end(&mut buffer).map_err(error)? as u64;
        self.left -= count;
        let last = count < most || self.left == 0;
        Ok((self, Piece { bytes: Bytes::from(buffer), last }))
    }
}

pub(super) async fn read(shared: Arc<Shared>, key: Key, range: ByteRange) -> Result<Chunks, StoreError> {
    let (reader, first) = blocking(move || {
        let file = open(&shared, &key, range.offset)?;
        Reader { file, left: range.length.unwrap_or(u64::MAX), shared, key }.next()
    })
    .await?;
    Ok(try_stream! {
        let (mut reader, mut piece) = (reader, first);
        while !piece.last {
            let ahead = tokio::task::spawn_blocking(move || reader.next());
            yield piece.bytes;
            (reader, piece) = joined(ahead).await?;
        }
        if !piece.bytes.is_empty() {
            yield piece.bytes;
        }
    }
    .boxed())
}
