//! Bytes from files that may be anything: only regular files are opened, never through a link, and what is in them is hashed by whoever
//! takes it.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};
use registry::{RawManifest, RegistryError};
use rustix::fs::{CWD, Mode, OFlags, openat};
use tokio_util::io::ReaderStream;
use vocab::manifest::MANIFEST_BYTES_MAX;
use vocab::{AnyDigest, Digest, OtherDigest, RepositoryName};

use crate::backup::fetch::Origin;
use crate::backup::gap::{self, Cause};
use crate::content;

/// How much of a file is read in one go, in bytes.
const READ_BYTES: usize = 512 * 1024;

/// Finds the files that may hold an object, best first.
pub(super) trait Files: Send + Sync + 'static {
    fn of(&self, digest: &Digest) -> Vec<PathBuf>;

    /// The same of an object that is named by another algorithm; only layouts have such.
    fn of_other(&self, _: &OtherDigest) -> Vec<PathBuf> {
        Vec::new()
    }
}

/// Files as the place manifests and blobs come from.
pub(super) struct FilesOrigin<F> {
    files: F,
    /// Several files may claim to be one object; whoever asks again is given the next.
    asked: AtomicUsize,
}

impl<F: Files> FilesOrigin<F> {
    pub(super) fn new(files: F) -> Self {
        Self { files, asked: AtomicUsize::new(0) }
    }

    fn next(&self, digest: &Digest) -> Result<PathBuf, RegistryError> {
        self.turn(self.files.of(digest), || digest.to_string())
    }

    fn turn(&self, files: Vec<PathBuf>, what: impl Fn() -> String) -> Result<PathBuf, RegistryError> {
        if files.is_empty() {
            return Err(RegistryError::NotFound { what: what() });
        }
        let turn = self.asked.fetch_add(1, Ordering::Relaxed) % files.len();
        files.into_iter().nth(turn).ok_or_else(|| RegistryError::NotFound { what: what() })
    }
}

/// The bytes of a file, as the object that is named so.
fn pieces(path: Result<PathBuf, RegistryError>, what: String) -> BoxStream<'static, Result<Bytes, RegistryError>> {
    let stream = async_stream::try_stream! {
        let path = path?;
        let opened = tokio::task::spawn_blocking(move || open(&path));
        let opened = opened.await.unwrap_or_else(|failed| std::panic::resume_unwind(failed.into_panic()));
        let file = opened.map_err(|error| unread(&what, error))?;
        let mut pieces = ReaderStream::with_capacity(tokio::fs::File::from_std(file), READ_BYTES).map_err(|error| unread(&what, error));
        while let Some(piece) = pieces.try_next().await? {
            yield piece;
        }
    };
    stream.boxed()
}

#[async_trait]
impl<F: Files> Origin for FilesOrigin<F> {
    async fn manifest(&self, _: &RepositoryName, digest: &Digest) -> Result<RawManifest, RegistryError> {
        let path = self.next(digest)?;
        let what = digest.to_string();
        let read = tokio::task::spawn_blocking(move || read(&path, MANIFEST_BYTES_MAX as u64));
        let bytes = read.await.unwrap_or_else(|failed| std::panic::resume_unwind(failed.into_panic()));
        let bytes = bytes.map_err(|error| unread(&what, error))?;
        let actual = Digest::of(&bytes);
        if actual != *digest {
            return Err(RegistryError::WrongDigest { expected: *digest, actual });
        }
        Ok(RawManifest { media_type: content::sniff(&bytes), bytes: Bytes::from(bytes), digest: actual })
    }

    fn blob(&self, _: &RepositoryName, digest: &Digest, _: Option<u64>) -> BoxStream<'static, Result<Bytes, RegistryError>> {
        pieces(self.next(digest), digest.to_string())
    }

    fn other_blob(&self, _: &RepositoryName, digest: &OtherDigest) -> BoxStream<'static, Result<Bytes, RegistryError>> {
        let what = AnyDigest::from(digest.clone()).to_string();
        pieces(self.turn(self.files.of_other(digest), || what.clone()), what.clone())
    }

    fn cause(&self, error: &RegistryError) -> Cause {
        let (kind, reason) = match error {
            RegistryError::NotFound { what } => (gap::LISTED_BUT_MISSING, gap::Reason::NotAmongFiles { what: what.clone() }),
            RegistryError::WrongDigest { expected, actual } => {
                (gap::WRONG_DIGEST, gap::Reason::FileDamaged { expected: expected.to_string(), actual: actual.to_string() })
            }
            RegistryError::Protocol { what } => (gap::LISTED_BUT_MISSING, gap::Reason::FilesUnusable { why: what.clone() }),
            other => return Cause::of(other),
        };
        Cause { kind, reason, remedy: gap::Remedy::ExportAgain }
    }
}

fn unread(what: &str, error: io::Error) -> RegistryError {
    match error.kind() {
        io::ErrorKind::NotFound => RegistryError::NotFound { what: what.to_owned() },
        _ => RegistryError::Protocol { what: format!("the file of {what} cannot be read: {error}") },
    }
}

/// Opens a regular file: not through a link in its last part, and without waiting for a pipe's other end.
pub(super) fn open(path: &Path) -> io::Result<File> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = File::from(openat(CWD, path, flags, Mode::empty())?);
    if file.metadata()?.is_file() { Ok(file) } else { Err(io::Error::new(io::ErrorKind::InvalidData, "it is no regular file")) }
}

/// Reads a whole small file.
pub(super) fn read(path: &Path, bytes_max: u64) -> io::Result<Vec<u8>> {
    let file = open(path)?;
    let mut bytes = Vec::new();
    file.take(bytes_max + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > bytes_max {
        return Err(io::Error::new(io::ErrorKind::InvalidData, format!("it is longer than {bytes_max} bytes")));
    }
    Ok(bytes)
}
