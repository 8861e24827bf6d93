//! Reading everything in a vault and hashing it, against hashing the same bytes from memory with as many threads.

use std::sync::Arc;
use std::time::Instant;

use futures::{StreamExt, TryStreamExt, stream};
use serde::Serialize;
use vault::Vault;
use vault::store::directory::DirectoryStore;
use vocab::Digest;

use crate::Failure;

/// Objects, and their size.
const OBJECTS: u64 = 64;
const OBJECT_BYTES: usize = 8 * 1024 * 1024;
/// Objects read side by side, as the product's own job does.
const READERS: usize = 4;

#[derive(Debug, Serialize)]
pub(crate) struct Scrubbed {
    pub bytes: u64,
    pub hash_s: f64,
    pub scrub_s: f64,
}

pub(crate) async fn run() -> Result<Scrubbed, Failure> {
    println!("· a scrub of {} MiB", OBJECTS as usize * OBJECT_BYTES / 1024 / 1024);
    let folder = tempfile::Builder::new().prefix("breakwater-bench").tempdir()?;
    let vault = Vault::init_store(Arc::new(DirectoryStore::init(&folder.path().join("vault")).await?)).await?;
    let mut digests = Vec::new();
    for seed in 0..OBJECTS {
        digests.push(vault.put_bytes(&testkit::images::bytes(seed, OBJECT_BYTES)).await?);
    }
    let one = testkit::images::bytes(0, OBJECT_BYTES);
    let (mut hash_s, mut scrub_s) = (f64::MAX, f64::MAX);
    // In turns, the best of each: what else the machine does hits both alike.
    for _ in 0..3 {
        let started = Instant::now();
        let hashes = stream::iter(0..OBJECTS).map(|_| {
            let one = one.clone();
            tokio::task::spawn_blocking(move || Digest::of(&one))
        });
        hashes.buffer_unordered(READERS).try_for_each(|_| std::future::ready(Ok(()))).await?;
        hash_s = hash_s.min(started.elapsed().as_secs_f64());
        let started = Instant::now();
        let reads = stream::iter(digests.clone()).map(|digest| {
            let vault = vault.clone();
            async move { vault.verify_object(&digest).await }
        });
        reads.buffer_unordered(READERS).try_for_each(|_| std::future::ready(Ok(()))).await?;
        scrub_s = scrub_s.min(started.elapsed().as_secs_f64());
    }
    Ok(Scrubbed { bytes: OBJECTS * OBJECT_BYTES as u64, hash_s, scrub_s })
}
