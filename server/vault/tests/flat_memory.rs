//! A large object passes through in flat memory. Alone in its file: the high-water mark is the whole process's.

use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, stream};
use vault::Vault;
use vocab::Hasher;

const PIECES: u64 = 6 * 1024;
const PIECE_BYTES: usize = 64 * 1024;
/// How much more than before the process may ever have needed, in kB.
const GROWTH_KB_MAX: u64 = 32 * 1024;

fn peak_kb() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux says how much memory a process has used");
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).expect("the high-water mark is in it");
    line.split_whitespace().nth(1).and_then(|kb| kb.parse().ok()).expect("it is a number of kB")
}

fn piece(number: u64) -> Bytes {
    let mut piece = vec![0; PIECE_BYTES];
    piece[..8].copy_from_slice(&number.to_le_bytes());
    Bytes::from(piece)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_large_object_is_stored_and_read_in_flat_memory() {
    let folder = tempfile::tempdir().unwrap();
    let vault = Vault::init(folder.path()).await.unwrap();
    let mut hasher = Hasher::new();
    for number in 0..PIECES {
        hasher.update(&piece(number));
    }
    let size_bytes = hasher.size_bytes();
    let digest = hasher.finish();
    let before = peak_kb();
    let body = stream::iter(0..PIECES).map(|number| Ok::<_, std::io::Error>(piece(number)));
    assert!(vault.put(&digest, Some(size_bytes), body).await.unwrap().new);
    let read = vault.get(&digest).try_fold(0, |sum, chunk| std::future::ready(Ok(sum + chunk.len() as u64))).await.unwrap();
    assert_eq!(read, size_bytes);
    vault.verify_object(&digest).await.unwrap();
    let growth = peak_kb() - before;
    assert!(growth < GROWTH_KB_MAX, "{} MiB took {growth} kB more", size_bytes >> 20);
}
