//! Reading: ranges in large pieces, the next one fetched while the last is used.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::sync::Arc;

use async_stream::try_stream;
use bytes::Bytes;
use futures::StreamExt;
use rustix::fs::{AtFlags, Mode, OFlags};

use super::Shared;
use crate::error::StoreError;
use crate::layout::Key;
use crate::store::{ByteRange, Chunks, Head, READ_BYTES, blocking, joined};

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

struct Reader {
    file: File,
    left: u64,
    shared: Arc<Shared>,
    key: Key,
}

impl Reader {
    /// The next piece; empty at the end.
    fn next(mut self) -> Result<(Self, Bytes), StoreError> {
        let most = self.left.min(READ_BYTES as u64);
        let mut buffer = Vec::new();
        let count = (&self.file).take(most).read_to_end(&mut buffer).map_err(|e| self.shared.error("read", &self.key, e))?;
        self.left -= count as u64;
        Ok((self, Bytes::from(buffer)))
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
        while !piece.is_empty() {
            // A short piece is not the end on every file system; only an empty one is.
            let ahead = tokio::task::spawn_blocking(move || reader.next());
            yield piece;
            (reader, piece) = joined(ahead).await?;
        }
    }
    .boxed())
}
