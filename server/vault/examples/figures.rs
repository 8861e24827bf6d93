//! What storing costs on the disk at hand: `cargo run --release -p vault --example figures -- DIRECTORY`.
//!
//! Prints milliseconds per small object, alone and twelve at a time, and the throughput of one large object.

use std::path::PathBuf;
use std::time::Instant;

use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, stream};
use vault::Vault;
use vocab::{Digest, Hasher};

const SMALL_COUNT: u64 = 1_000;
const SMALL_BYTES: usize = 2_000;
const LARGE_PIECES: u64 = 16 * 1024;
const PIECE_BYTES: usize = 64 * 1024;

fn piece(number: u64, size_bytes: usize) -> Bytes {
    let mut piece = vec![0; size_bytes];
    piece[..8].copy_from_slice(&number.to_le_bytes());
    Bytes::from(piece)
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let parent = PathBuf::from(std::env::args().nth(1).ok_or("name a directory to measure in")?);
    let path = parent.join(format!("figures-{}", std::process::id()));
    let vault = Vault::init(&path).await?;
    for (round, at_once) in [(1, 1), (2, 12), (3, 64)] {
        let start = Instant::now();
        stream::iter(0..SMALL_COUNT)
            .map(|number| {
                let (vault, bytes) = (vault.clone(), piece(round * SMALL_COUNT + number, SMALL_BYTES));
                async move { vault.put_bytes(&bytes).await }
            })
            .buffer_unordered(at_once)
            .try_for_each(|_| async { Ok(()) })
            .await?;
        let each = start.elapsed().as_secs_f64(); // seconds per thousand are milliseconds per one
        println!("{SMALL_COUNT} objects of {SMALL_BYTES} bytes, {at_once} at a time: {each:.3} ms each");
    }
    let mut hasher = Hasher::new();
    (0..LARGE_PIECES).for_each(|number| hasher.update(&piece(number, PIECE_BYTES)));
    let (size_bytes, digest): (u64, Digest) = (hasher.size_bytes(), hasher.finish());
    let mib = f64::from(u32::try_from(size_bytes >> 20)?);
    let start = Instant::now();
    let body = stream::iter(0..LARGE_PIECES).map(|number| Ok::<_, std::io::Error>(piece(number, PIECE_BYTES)));
    vault.put(&digest, Some(size_bytes), body).await?;
    println!("put of {mib} MiB: {:.0} MiB/s", mib / start.elapsed().as_secs_f64());
    let start = Instant::now();
    vault.get(&digest).try_for_each(|_| async { Ok(()) }).await?;
    println!("get of {mib} MiB: {:.0} MiB/s", mib / start.elapsed().as_secs_f64());
    tokio::fs::remove_dir_all(&path).await?;
    Ok(())
}
