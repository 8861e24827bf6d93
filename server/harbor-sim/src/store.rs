//! Where blob and manifest bytes lie: in memory for tests, in files for the demo.
//!
//! Uploads are hashed while they are written and never held whole in memory in file mode. A file gets its final name
//! only when its digest was proved, by rename, after fsync; the state file may refer to it only after that.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::{Bytes, BytesMut};
use futures::stream::{self, BoxStream, StreamExt as _};
use sha2::{Digest as _, Sha256, Sha512};
use tokio::fs::File;
use tokio::io::{AsyncReadExt as _, AsyncSeekExt as _, AsyncWriteExt as _};

/// Bytes read from a file at once.
const CHUNK_BYTES: usize = 64 * 1024;
/// Uploads that may be open at the same time; the oldest idea of a limit a registry has.
pub const UPLOADS_MAX: usize = 10_000;

/// A stream of body bytes.
pub type ByteStream = BoxStream<'static, io::Result<Bytes>>;

/// Bytes by digest, and uploads on their way.
pub struct Store {
    place: Place,
    /// Sizes that are remembered, once they are: a registry with a cache of descriptors, as Harbor is installed, asks its storage no more.
    sizes: Mutex<Option<HashMap<String, u64>>>,
    uploads: Mutex<HashMap<String, Arc<tokio::sync::Mutex<Upload>>>>,
}

enum Place {
    Memory(Mutex<HashMap<String, Bytes>>),
    Files(PathBuf),
}

/// One upload on its way.
pub struct Upload {
    pub repository: String,
    /// Bytes that came by PATCH, which is what Harbor records when the closing PUT has no body.
    pub size: u64,
    sink: Sink,
    hash: Sha256,
}

enum Sink {
    Memory(BytesMut),
    File(File, PathBuf),
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The hexadecimal part of a digest text that is one; nothing else may become a file name.
pub fn hex_of(digest: &str) -> Option<&str> {
    let hex = digest.strip_prefix("sha256:")?;
    (hex.len() == 64 && hex.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))).then_some(hex)
}

/// Whether a text is a digest by an algorithm that a registry takes.
pub fn is_digest(text: &str) -> bool {
    let wide = text.strip_prefix("sha512:").is_some_and(|hex| hex.len() == 128 && hex.bytes().all(|b| b.is_ascii_hexdigit()));
    wide || hex_of(text).is_some()
}

/// The digest of bytes.
pub fn digest_of(bytes: &[u8]) -> String {
    format!("sha256:{}", hex::encode(Sha256::digest(bytes)))
}

/// The digest of bytes by SHA-512.
pub fn wide_digest_of(bytes: &[u8]) -> String {
    format!("sha512:{}", hex::encode(Sha512::digest(bytes)))
}

fn not_found() -> io::Error {
    io::Error::new(io::ErrorKind::NotFound, "no such blob")
}

impl Store {
    pub fn memory() -> Self {
        Self { place: Place::Memory(Mutex::default()), sizes: Mutex::default(), uploads: Mutex::default() }
    }

    /// Opens a folder; uploads a crash left behind are removed.
    pub async fn files(root: &Path) -> io::Result<Self> {
        let uploads = root.join("uploads");
        if tokio::fs::try_exists(&uploads).await? {
            tokio::fs::remove_dir_all(&uploads).await?;
        }
        tokio::fs::create_dir_all(&uploads).await?;
        tokio::fs::create_dir_all(root.join("blobs")).await?;
        Ok(Self { place: Place::Files(root.to_owned()), sizes: Mutex::default(), uploads: Mutex::default() })
    }

    fn path(root: &Path, digest: &str) -> io::Result<PathBuf> {
        Ok(root.join("blobs").join(hex_of(digest).ok_or_else(not_found)?))
    }

    /// From now on what has a size has it until it is removed, whatever becomes of its bytes.
    pub fn remember_sizes(&self) {
        let known = match &self.place {
            Place::Memory(blobs) => locked(blobs).iter().map(|(digest, bytes)| (digest.clone(), bytes.len() as u64)).collect(),
            Place::Files(_) => HashMap::new(),
        };
        locked(&self.sizes).get_or_insert(known);
    }

    /// Whether its size is known without a look.
    pub fn is_remembered(&self, digest: &str) -> bool {
        locked(&self.sizes).as_ref().is_some_and(|sizes| sizes.contains_key(digest))
    }

    /// The size of a blob, as the registry says it.
    pub async fn size(&self, digest: &str) -> Option<u64> {
        let known = locked(&self.sizes).as_ref().and_then(|sizes| sizes.get(digest).copied());
        match known {
            Some(known) => Some(known),
            None => self.stored_size(digest).await,
        }
    }

    async fn stored_size(&self, digest: &str) -> Option<u64> {
        match &self.place {
            Place::Memory(blobs) => locked(blobs).get(digest).map(|bytes| bytes.len() as u64),
            Place::Files(root) => {
                let meta = tokio::fs::metadata(Self::path(root, digest).ok()?).await.ok()?;
                Some(meta.len())
            }
        }
    }

    /// How many bytes of a piece of a blob there are.
    pub async fn held(&self, digest: &str, start: u64, length: u64) -> u64 {
        self.stored_size(digest).await.unwrap_or(0).saturating_sub(start).min(length)
    }

    /// The whole of a small blob.
    pub async fn read(&self, digest: &str) -> io::Result<Bytes> {
        match &self.place {
            Place::Memory(blobs) => locked(blobs).get(digest).cloned().ok_or_else(not_found),
            Place::Files(root) => Ok(Bytes::from(tokio::fs::read(Self::path(root, digest)?).await?)),
        }
    }

    /// A piece of a blob as a stream.
    pub async fn stream(&self, digest: &str, start: u64, length: u64) -> io::Result<ByteStream> {
        match &self.place {
            Place::Memory(blobs) => {
                let bytes = locked(blobs).get(digest).cloned().ok_or_else(not_found)?;
                let start = usize::try_from(start).unwrap_or(usize::MAX).min(bytes.len());
                let length = usize::try_from(length).unwrap_or(usize::MAX).min(bytes.len() - start);
                Ok(stream::once(async move { Ok(bytes.slice(start..start + length)) }).boxed())
            }
            Place::Files(root) => {
                let mut file = File::open(Self::path(root, digest)?).await?;
                file.seek(io::SeekFrom::Start(start)).await?;
                let pieces = stream::try_unfold((file, length), |(mut file, left)| async move {
                    if left == 0 {
                        return Ok(None);
                    }
                    let want = usize::try_from(left).unwrap_or(usize::MAX).min(CHUNK_BYTES);
                    let mut buffer = BytesMut::zeroed(want);
                    let got = file.read(&mut buffer).await?;
                    if got == 0 {
                        return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the blob is shorter than its size"));
                    }
                    buffer.truncate(got);
                    Ok(Some((buffer.freeze(), (file, left - got as u64))))
                });
                Ok(pieces.boxed())
            }
        }
    }

    /// Stores bytes that are in memory already (manifests, sample images) and gives their digest.
    pub async fn put(&self, bytes: Bytes) -> io::Result<String> {
        let mut upload = self.upload("").await?;
        upload.write(&bytes).await?;
        self.keep(upload).await
    }

    async fn upload(&self, repository: &str) -> io::Result<Upload> {
        let sink = match &self.place {
            Place::Memory(_) => Sink::Memory(BytesMut::new()),
            Place::Files(root) => {
                let path = root.join("uploads").join(uuid::Uuid::new_v4().to_string());
                Sink::File(File::create_new(&path).await?, path)
            }
        };
        Ok(Upload { repository: repository.to_owned(), size: 0, sink, hash: Sha256::new() })
    }

    /// Opens an upload and gives its id.
    pub async fn begin(&self, repository: &str) -> io::Result<String> {
        let upload = self.upload(repository).await?;
        let id = uuid::Uuid::new_v4().to_string();
        let mut uploads = locked(&self.uploads);
        if uploads.len() >= UPLOADS_MAX {
            return Err(io::Error::other("too many uploads are open"));
        }
        uploads.insert(id.clone(), Arc::new(tokio::sync::Mutex::new(upload)));
        Ok(id)
    }

    /// An open upload of this repository.
    pub fn open(&self, id: &str) -> Option<Arc<tokio::sync::Mutex<Upload>>> {
        locked(&self.uploads).get(id).cloned()
    }

    /// Takes an upload out of the list; what was written goes with it.
    pub async fn abandon(&self, id: &str) {
        let upload = locked(&self.uploads).remove(id);
        if let Some(upload) = upload
            && let Sink::File(_, path) = &upload.lock().await.sink
        {
            let gone = tokio::fs::remove_file(path).await;
            tracing::debug!(?gone, "an upload was abandoned");
        }
    }

    /// Ends an upload whose digest was proved.
    pub async fn finish(&self, id: &str) -> io::Result<String> {
        let upload = locked(&self.uploads).remove(id).ok_or_else(not_found)?;
        let upload = Arc::into_inner(upload).ok_or_else(|| io::Error::other("the upload is still in use"))?;
        self.keep(upload.into_inner()).await
    }

    async fn keep(&self, upload: Upload) -> io::Result<String> {
        let digest = upload.digest();
        if let Some(sizes) = locked(&self.sizes).as_mut() {
            sizes.insert(digest.clone(), upload.size);
        }
        match (&self.place, upload.sink) {
            // What has the name already stays, whatever its bytes (seen on 2.12.4).
            (Place::Memory(blobs), Sink::Memory(bytes)) => {
                locked(blobs).entry(digest.clone()).or_insert_with(|| bytes.freeze());
            }
            (Place::Files(root), Sink::File(_, path)) if tokio::fs::try_exists(Self::path(root, &digest)?).await? => {
                tokio::fs::remove_file(path).await?;
            }
            (Place::Files(root), Sink::File(mut file, path)) => {
                file.flush().await?;
                file.sync_data().await?;
                tokio::fs::rename(path, Self::path(root, &digest)?).await?;
                File::open(root.join("blobs")).await?.sync_all().await?;
            }
            _ => return Err(io::Error::other("an upload of another kind of store")),
        }
        Ok(digest)
    }

    /// Puts other bytes under a name, as a storage does that lost some; in memory only.
    pub fn spoil(&self, digest: &str, bytes: Bytes) {
        if let Place::Memory(blobs) = &self.place {
            locked(blobs).insert(digest.to_owned(), bytes);
        }
    }

    /// Removes bytes by garbage collection, which also empties the registry's memory.
    pub async fn remove(&self, digest: &str) -> io::Result<()> {
        if let Some(sizes) = locked(&self.sizes).as_mut() {
            sizes.remove(digest);
        }
        self.lose(digest).await
    }

    /// Removes bytes as a storage does that lost them.
    pub async fn lose(&self, digest: &str) -> io::Result<()> {
        match &self.place {
            Place::Memory(blobs) => {
                locked(blobs).remove(digest);
                Ok(())
            }
            Place::Files(root) => match tokio::fs::remove_file(Self::path(root, digest)?).await {
                Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
                _ => Ok(()),
            },
        }
    }
}

impl Upload {
    pub async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.hash.update(bytes);
        self.size += bytes.len() as u64;
        match &mut self.sink {
            Sink::Memory(buffer) => buffer.extend_from_slice(bytes),
            Sink::File(file, _) => file.write_all(bytes).await?,
        }
        Ok(())
    }

    pub fn digest(&self) -> String {
        format!("sha256:{}", hex::encode(self.hash.clone().finalize()))
    }
}
