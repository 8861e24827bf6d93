//! What every [`Store`] must do, written once: `conformance::run` is called by the tests of each implementation.
//!
//! Also here, for the tests of other crates: [`FaultyStore`], which fails on purpose and counts that it did.

mod cases;
mod faulty;

use std::sync::Arc;

use bytes::Bytes;
use futures::future::BoxFuture;
use futures::{StreamExt, TryStreamExt, stream};
use vocab::Digest;

pub use self::faulty::{Call, Fault, FaultyStore, Operation};
use crate::error::StoreError;
use crate::layout::Key;
use crate::store::{BodyBroken, ByteRange, Expected, Store, Written};

/// Makes a fresh, empty store (for a directory: with its folders, without a marker).
pub type Make<'a> = &'a (dyn Fn() -> BoxFuture<'static, Arc<dyn Store>> + Sync);

/// Runs every case, each on a fresh store, and answers how many there were. Panics, naming the case, where a store falls short.
pub async fn run(make: Make<'_>) -> usize {
    cases::run(make).await
}

/// Bytes that differ from place to place and from `seed` to `seed`, the same on every run.
#[must_use]
pub fn pattern(seed: u64, size_bytes: usize) -> Bytes {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut out = Vec::with_capacity(size_bytes + 8);
    while out.len() < size_bytes {
        // xorshift64
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        out.extend_from_slice(&state.to_le_bytes());
    }
    out.truncate(size_bytes);
    Bytes::from(out)
}

/// Puts `bytes` under their digest in pieces of `piece_bytes`.
pub async fn put(store: &dyn Store, bytes: &Bytes, piece_bytes: usize) -> Result<Written, StoreError> {
    let expected = Expected { digest: Digest::of(bytes), size_bytes: Some(bytes.len() as u64) };
    put_as(store, &expected, bytes, piece_bytes).await
}

async fn put_as(store: &dyn Store, expected: &Expected, bytes: &Bytes, piece_bytes: usize) -> Result<Written, StoreError> {
    let pieces: Vec<Result<Bytes, BodyBroken>> =
        (0..bytes.len()).step_by(piece_bytes).map(|at| Ok(bytes.slice(at..bytes.len().min(at + piece_bytes)))).collect();
    store.put(expected, stream::iter(pieces).boxed()).await
}

/// Reads a whole key, unverified.
pub async fn read(store: &dyn Store, key: &Key, range: ByteRange) -> Result<Vec<u8>, StoreError> {
    let chunks = store.get(key, range).await?;
    chunks
        .try_fold(Vec::new(), |mut all, chunk| {
            all.extend_from_slice(&chunk);
            std::future::ready(Ok(all))
        })
        .await
}
