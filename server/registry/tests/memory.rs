//! A blob far larger than the memory allowed passes both ways; alone in its process, because it looks at the whole process's peak.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::time::Duration;

use bytes::Bytes;
use futures::{StreamExt, TryStreamExt};
use registry::{AddressRule, BoxError, Client, Credential, Endpoint, Limits};
use secrecy::SecretString;
use testkit::Distribution;
use vocab::{Digest, Hasher, RepositoryName};

const PIECE_BYTES: usize = 1024 * 1024;
const PIECES: usize = 512;
/// Most the process may grow while half a gigabyte passes; the registry is another process.
const GROWTH_BYTES_MAX: u64 = 48 * 1024 * 1024;

fn peak_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|l| l.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1024
}

fn source() -> impl futures::Stream<Item = Result<Bytes, BoxError>> + Send {
    let piece = testkit::images::bytes(7, PIECE_BYTES);
    futures::stream::iter(0..PIECES).map(move |_| Ok(piece.clone()))
}

#[tokio::test]
async fn half_a_gigabyte_goes_up_and_down_in_flat_memory() {
    let Some(server) = Distribution::start().await else { return };
    let endpoint = Endpoint::new(&server.url(), true, None, AddressRule { allow: vec!["127.0.0.0/8".parse().unwrap()] }).unwrap();
    let limits = Limits { idle_timeout: Duration::from_secs(120), ..Limits::default() };
    let client = Client::new(endpoint, Credential { username: String::new(), secret: SecretString::from("") }, limits).unwrap();
    let name: RepositoryName = "big/blob".parse().unwrap();
    let mut hasher = Hasher::new();
    source()
        .try_for_each(|piece| {
            hasher.update(&piece);
            std::future::ready(Ok(()))
        })
        .await
        .unwrap();
    let (size_bytes, digest): (u64, Digest) = (hasher.size_bytes(), hasher.finish());
    client.blob_head(&name, &digest).await.unwrap();
    let before = peak_bytes();
    client.blob_put(&name, &digest, size_bytes, source).await.unwrap();
    let mut received = 0_u64;
    let mut body = std::pin::pin!(client.blob_get(&name, &digest, Some(size_bytes)));
    while let Some(piece) = body.try_next().await.unwrap() {
        received += piece.len() as u64;
    }
    assert_eq!(received, size_bytes);
    let growth = peak_bytes() - before;
    assert!(growth < GROWTH_BYTES_MAX, "the process grew by {growth} bytes");
}
