//! Blobs: HEAD and GET, with ranges.

use axum::body::Body;
use futures::{StreamExt as _, stream};
use http::StatusCode;
use serde_json::Value;

use super::manifests::storage_failed;
use crate::clock;
use crate::reply::{self, Answer, Refusal};
use crate::server::Call;

/// HEAD asks Harbor's blob table first and moves the blob's time, which protects it from collection; GET goes straight
/// to storage (harbor.md §4).
pub async fn get(call: &Call, name: &str, digest: &str) -> Answer {
    let (linked, stored) = {
        let world = call.app.world();
        if call.is_head() && !world.blobs.contains_key(digest) {
            return Err(Refusal::not_found(format!("blob {digest} not found")));
        }
        let linked = world.links.get(name).is_some_and(|links| links.blobs.contains(digest));
        (linked, world.aliases.get(digest).cloned().unwrap_or_else(|| digest.to_owned()))
    };
    let unknown = || Refusal::registry(404, "BLOB_UNKNOWN", "blob unknown to registry", Some(Value::from(digest)));
    if !linked {
        return Err(unknown());
    }
    let size = call.app.store.size(&stored).await.ok_or_else(unknown)?;
    if call.is_head()
        && let Some(row) = call.app.change().blobs.get_mut(digest)
    {
        row.updated = clock::now_us();
    }
    let etag = format!("\"{digest}\"");
    let mut headers = vec![
        ("accept-ranges", "bytes".to_owned()),
        ("content-type", "application/octet-stream".to_owned()),
        ("docker-content-digest", digest.to_owned()),
        ("etag", etag),
    ];
    let (status, start, length) = match call.header("range") {
        None => (StatusCode::OK, 0, size),
        Some(text) => {
            let (start, end) = range_of(text, size).ok_or_else(|| out_of_range(size))?;
            headers.push(("content-range", format!("bytes {start}-{end}/{size}")));
            (StatusCode::PARTIAL_CONTENT, start, end - start + 1)
        }
    };
    headers.push(("content-length", length.to_string()));
    let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let mut answer = reply::registry(status, &headers);
    if !call.is_head() {
        let stream = match call.app.store.stream(&stored, start, length).await {
            Ok(stream) => stream,
            Err(_) if call.app.store.is_remembered(&stored) => stream::empty().boxed(),
            Err(error) => return Err(storage_failed(&error)),
        };
        // What is remembered longer than it is breaks off, after one turn for the connection to send what it has.
        let held = call.app.store.held(&stored, start, length).await;
        let rest = stream::once(async {
            tokio::task::yield_now().await;
            Err(std::io::Error::other("the blob is shorter than its size"))
        });
        let stream = if held < length { stream.chain(rest).boxed() } else { stream };
        let control = call.app.control.clone();
        *answer.body_mut() = Body::from_stream(stream.inspect(move |piece| {
            if let Ok(piece) = piece {
                control.sent(piece.len() as u64);
            }
        }));
    }
    Ok(answer)
}

fn out_of_range(size: u64) -> Refusal {
    let mut refusal = Refusal::registry(416, "RANGE_INVALID", "invalid content range", None);
    refusal.headers.push(("content-range", format!("bytes */{size}")));
    refusal
}

/// First and last byte of a single range; `None` when it cannot be satisfied.
fn range_of(text: &str, size: u64) -> Option<(u64, u64)> {
    let (first, last) = text.strip_prefix("bytes=")?.split_once('-')?;
    let (start, end) = if first.is_empty() {
        (size.saturating_sub(last.parse().ok()?), size.checked_sub(1)?)
    } else {
        let end = if last.is_empty() { size.checked_sub(1)? } else { last.parse::<u64>().ok()?.min(size.checked_sub(1)?) };
        (first.parse().ok()?, end)
    };
    (start <= end && start < size).then_some((start, end))
}

#[cfg(test)]
mod tests {
    use super::range_of;

    #[test]
    fn ranges_are_read_as_http_says() {
        assert_eq!(range_of("bytes=10-19", 100), Some((10, 19)));
        assert_eq!(range_of("bytes=90-", 100), Some((90, 99)));
        assert_eq!(range_of("bytes=-5", 100), Some((95, 99)));
        assert_eq!(range_of("bytes=0-1000", 100), Some((0, 99)));
        assert_eq!(range_of("bytes=100-", 100), None);
        assert_eq!(range_of("bytes=0-", 0), None);
    }
}
