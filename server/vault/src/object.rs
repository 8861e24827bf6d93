//! Objects: put once, hashed on the way in and on the way out.

use std::sync::{Mutex, PoisonError};

use async_stream::{stream, try_stream};
use bytes::{Bytes, BytesMut};
use futures::{Stream, StreamExt, TryStreamExt, pin_mut, stream as streams};
use time::OffsetDateTime;
use vocab::{Digest, Hasher};

use crate::error::{PutError, StoreError, VaultError};
use crate::layout::{Key, Prefix};
use crate::store::{BodyBroken, ByteRange, Expected, Written, hash};
use crate::{RESERVE_BYTES, Vault};

/// After how many bytes of one object the free space is looked at again.
const SPACE_CHECK_BYTES: u64 = 64 * 1024 * 1024;
/// How often an absent object is looked for while sweeps move objects to and fro.
const LOOKS_MAX: u32 = 4;

/// What became of a put.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stored {
    /// Size of the object in bytes.
    pub size_bytes: u64,
    /// Whether this call stored it; `false` when it was there.
    pub new: bool,
}

/// An object that was read whole and hashes to its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Intact {
    /// Size of the object in bytes.
    pub size_bytes: u64,
}

/// What broke a body off.
enum Broken<E> {
    Source(E),
    Vault(VaultError),
}

impl Vault {
    /// The size of an object in bytes, `None` if it is not here. Looks at the name only, not at the bytes. An object a sweep has
    /// condemned is brought back.
    pub async fn size_of(&self, digest: &Digest) -> Result<Option<u64>, VaultError> {
        for _ in 0..LOOKS_MAX {
            let head = self.store().head(&Key::Object(*digest)).await;
            let head = head.map_err(|source| self.store_error("look up an object", source))?;
            if head.is_some() || !Box::pin(self.rescue(digest)).await? {
                return Ok(head.map(|head| head.size_bytes));
            }
        }
        Ok(None)
    }

    /// Stores an object unless it is here: durable, and hashed on the way in.
    ///
    /// An object that is here with the announced size is taken as it is, and `body` is not read. One of another size is
    /// damaged: it is quarantined and stored anew. After any error the outcome is unknown; call again with a fresh body.
    pub async fn put<S, E>(&self, digest: &Digest, size_bytes: Option<u64>, body: S) -> Result<Stored, PutError<E>>
    where
        S: Stream<Item = Result<Bytes, E>> + Send,
        E: Send,
    {
        if let Some(found) = self.size_of(digest).await? {
            if size_bytes.is_none_or(|announced| announced == found) {
                return Ok(Stored { size_bytes: found, new: false });
            }
            self.quarantine_or_refuse(digest, size_bytes).await?;
        }
        self.ensure_room(size_bytes.unwrap_or(0)).await?;
        let broken = Mutex::new(None);
        let guarded = self.guarded(body, &broken);
        // By the clock the store locks by, and before it does.
        let locked = self.store().lock().map(|lock| lock.fresh(OffsetDateTime::now_utc()));
        let written = self.store().put(&Expected { digest: *digest, size_bytes }, guarded.boxed()).await;
        match written {
            Ok(Written::New { size_bytes }) => {
                self.inner.fresh.keep(*digest, locked);
                Ok(Stored { size_bytes, new: true })
            }
            Ok(Written::Existing { size_bytes }) => Ok(Stored { size_bytes, new: false }),
            Err(StoreError::Body) => match broken.into_inner().unwrap_or_else(PoisonError::into_inner) {
                Some(Broken::Source(error)) => Err(PutError::Body(error)),
                Some(Broken::Vault(error)) => Err(error.into()),
                None => Err(self.store_error("store an object", StoreError::Body).into()),
            },
            Err(StoreError::DamagedExisting { digest }) => {
                // Another writer's bytes went bad within this call. Out of the way; the caller's retry stores ours.
                self.quarantine(&digest, "differs from its name right after it was written").await?;
                Err(self.store_error("store an object", StoreError::DamagedExisting { digest }).into())
            }
            Err(StoreError::NoSpace { .. }) => Err(self.no_space(size_bytes.unwrap_or(0)).await.into()),
            Err(source) => Err(self.store_error("store an object", source).into()),
        }
    }

    /// The disk was full before the reserve was noticed: says how full.
    async fn no_space(&self, needed_bytes: u64) -> VaultError {
        let space = self.space().await.ok().flatten();
        let free_bytes = space.map_or(0, |space| space.free_bytes);
        let reserve_bytes = space.map_or(RESERVE_BYTES, |space| self.reserve_of(&space));
        VaultError::NoSpace { place: self.place(), needed_bytes, free_bytes, reserve_bytes }
    }

    /// A found object has another size than announced: either it is damaged, or the announcement is wrong.
    async fn quarantine_or_refuse(&self, digest: &Digest, announced: Option<u64>) -> Result<(), VaultError> {
        match self.quarantine(digest, "its size is not the one announced for its digest").await {
            // Moved aside, or somebody else did meanwhile.
            Ok(_) | Err(VaultError::Missing { .. }) => Ok(()),
            Err(VaultError::Intact { digest }) => {
                tracing::warn!(%digest, ?announced, "a size was announced that the object does not have");
                let size_bytes = self.size_of(&digest).await?.unwrap_or(0);
                Err(VaultError::WrongBytes { expected: digest, actual: digest, size_bytes })
            }
            Err(other) => Err(other),
        }
    }

    /// Passes `body` on, looking at the free space now and then, and keeps what broke it.
    fn guarded<'a, S, E>(
        &'a self,
        body: S,
        broken: &'a Mutex<Option<Broken<E>>>,
    ) -> impl Stream<Item = Result<Bytes, BodyBroken>> + Send + 'a
    where
        S: Stream<Item = Result<Bytes, E>> + Send + 'a,
        E: Send,
    {
        let keep = |why| *broken.lock().unwrap_or_else(PoisonError::into_inner) = Some(why);
        stream! {
            pin_mut!(body);
            let mut since_check_bytes = 0;
            while let Some(piece) = body.next().await {
                let piece = match piece {
                    Ok(piece) => piece,
                    Err(error) => {
                        keep(Broken::Source(error));
                        yield Err(BodyBroken);
                        return;
                    }
                };
                since_check_bytes += piece.len() as u64;
                if since_check_bytes >= SPACE_CHECK_BYTES {
                    since_check_bytes = 0;
                    if let Err(error) = self.ensure_room(0).await {
                        keep(Broken::Vault(error));
                        yield Err(BodyBroken);
                        return;
                    }
                }
                yield Ok(piece);
            }
        }
    }

    /// Stores bytes that are in memory: a manifest, an index.
    ///
    /// Unlike [`Vault::put`] it reads what is already here and heals it if it is damaged, since small reads are cheap.
    pub async fn put_bytes(&self, bytes: &[u8]) -> Result<Digest, VaultError> {
        self.put_whole(Bytes::copy_from_slice(bytes)).await
    }

    /// The same without a copy of them: an index may be large.
    pub async fn put_whole(&self, bytes: Bytes) -> Result<Digest, VaultError> {
        let digest = Digest::of(&bytes);
        if self.size_of(&digest).await?.is_some() {
            match self.verify_object(&digest).await {
                Ok(_) => return Ok(digest),
                Err(VaultError::Missing { .. }) => {}
                Err(VaultError::Corrupt { .. }) => {
                    self.quarantine_or_refuse(&digest, None).await?;
                }
                Err(other) => return Err(other),
            }
        }
        let size_bytes = bytes.len() as u64;
        let body = streams::iter([Ok::<_, std::convert::Infallible>(bytes)]);
        match self.put(&digest, Some(size_bytes), body).await {
            Ok(_) => Ok(digest),
            Err(PutError::Vault(error)) => Err(error),
            Err(PutError::Body(never)) => match never {},
        }
    }

    /// Reads an object, hashing it on the way. The last piece is held back until the hash agrees; an object that fits one
    /// piece is therefore never seen unless it is intact.
    ///
    /// [`VaultError::Corrupt`] when a second read hashes wrongly too, [`VaultError::Unstable`] when it does not.
    pub fn get(&self, digest: &Digest) -> impl Stream<Item = Result<Bytes, VaultError>> + Send + 'static + use<> {
        let (vault, digest) = (self.clone(), *digest);
        try_stream! {
            let mut chunks = vault.open_object(&digest).await?;
            let mut hasher = Hasher::new();
            let mut held: Option<Bytes> = None;
            while let Some(chunk) = chunks.next().await {
                let chunk = chunk.map_err(|source| vault.read_error(&digest, source))?;
                if let Some(earlier) = held.replace(chunk.clone()) {
                    yield earlier;
                }
                hasher = hash(hasher, chunk).await.map_err(|source| vault.read_error(&digest, source))?;
            }
            if hasher.finish() != digest {
                vault.judge(&digest).await?;
            }
            if let Some(last) = held {
                yield last;
            }
        }
    }

    /// Reads an object of at most `size_bytes_max` into memory.
    pub async fn get_bytes(&self, digest: &Digest, size_bytes_max: usize) -> Result<Bytes, VaultError> {
        let size_bytes_max = size_bytes_max as u64;
        let size_bytes = self.size_of(digest).await?.ok_or(VaultError::Missing { digest: *digest })?;
        if size_bytes > size_bytes_max {
            return Err(VaultError::TooLarge { digest: *digest, size_bytes, size_bytes_max });
        }
        let chunks = self.get(digest);
        pin_mut!(chunks);
        let mut first = chunks.try_next().await?.unwrap_or_default();
        let mut all = BytesMut::new();
        while let Some(chunk) = chunks.try_next().await? {
            if all.is_empty() {
                all.reserve(usize::try_from(size_bytes).unwrap_or(0));
                all.extend_from_slice(&first);
            }
            all.extend_from_slice(&chunk);
            let grown = all.len() as u64;
            if grown > size_bytes_max {
                return Err(VaultError::TooLarge { digest: *digest, size_bytes: grown, size_bytes_max });
            }
        }
        if !all.is_empty() {
            first = all.freeze();
        }
        Ok(first)
    }

    /// Reads an object whole and compares its hash with its name.
    pub async fn verify_object(&self, digest: &Digest) -> Result<Intact, VaultError> {
        let (actual, size_bytes) = self.hash_object(digest).await?;
        if actual != *digest {
            self.judge(digest).await?;
        }
        Ok(Intact { size_bytes })
    }

    /// Every object with its size in bytes, in no order. An error ends the listing: it is never an empty answer.
    pub fn objects(&self) -> impl Stream<Item = Result<(Digest, u64), VaultError>> + Send + 'static + use<> {
        let vault = self.clone();
        self.store().list(&Prefix::Objects).filter_map(move |entry| {
            let found = match entry {
                Ok(entry) => match entry.key {
                    Key::Object(digest) => Some(Ok((digest, entry.size_bytes))),
                    _ => None,
                },
                Err(source) => Some(Err(vault.store_error("list objects", source))),
            };
            std::future::ready(found)
        })
    }

    /// A first read hashed wrongly. Reads again and says which of the two is to blame; never `Ok`.
    async fn judge(&self, digest: &Digest) -> Result<(), VaultError> {
        let (actual, size_bytes) = self.hash_object(digest).await?;
        if actual == *digest {
            Err(VaultError::Unstable { digest: *digest })
        } else {
            Err(VaultError::Corrupt { digest: *digest, actual, size_bytes })
        }
    }

    async fn hash_object(&self, digest: &Digest) -> Result<(Digest, u64), VaultError> {
        let key = Key::Object(*digest);
        let hasher = self.reach(digest, || self.store().hash(&key)).await?;
        let size_bytes = hasher.size_bytes();
        Ok((hasher.finish(), size_bytes))
    }

    async fn open_object(&self, digest: &Digest) -> Result<crate::store::Chunks, VaultError> {
        let key = Key::Object(*digest);
        self.reach(digest, || self.store().get(&key, ByteRange::default())).await
    }

    /// Asks the store for an object; one that a sweep has condemned is brought back and asked for again.
    async fn reach<T, F>(&self, digest: &Digest, ask: impl Fn() -> F + Send) -> Result<T, VaultError>
    where
        F: Future<Output = Result<T, StoreError>> + Send,
    {
        for _ in 0..LOOKS_MAX {
            match ask().await {
                Err(StoreError::Missing { .. }) if Box::pin(self.rescue(digest)).await? => {}
                reached => return reached.map_err(|source| self.read_error(digest, source)),
            }
        }
        Err(VaultError::Missing { digest: *digest })
    }

    fn read_error(&self, digest: &Digest, source: StoreError) -> VaultError {
        match source {
            StoreError::Missing { .. } => VaultError::Missing { digest: *digest },
            source => self.store_error("read an object", source),
        }
    }

    /// Refuses when writing `needed_bytes` would go below the reserve (I-34).
    async fn ensure_room(&self, needed_bytes: u64) -> Result<(), VaultError> {
        let Some(space) = self.space().await? else { return Ok(()) };
        let reserve_bytes = self.reserve_of(&space);
        if space.free_bytes >= reserve_bytes.saturating_add(needed_bytes) {
            return Ok(());
        }
        Err(VaultError::NoSpace { place: self.place(), needed_bytes, free_bytes: space.free_bytes, reserve_bytes })
    }
}
