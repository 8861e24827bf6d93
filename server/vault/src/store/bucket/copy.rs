//! Renaming: a copy that refuses to replace, then a delete that cannot come late (see the module above).

use std::sync::Arc;

use http::header::IF_MATCH;
use http::{Method, StatusCode};
use object_store::path::Path;
use object_store::signer::Signer;
use vocab::Digest;

use super::versions::Cleared;
use super::wire::Ask;
use super::writer::Upload;
use super::{DELETE_VALID, FENCE, Seen, Shared};
use crate::error::StoreError;
use crate::layout::Key;

/// Objects up to this size pass through this process, which costs fewer requests than a copy in parts, in bytes.
const THROUGH_US_BYTES_MAX: u64 = 1024 * 1024;
/// How much is copied by one request, in bytes; S3 allows five times as much.
const COPY_BYTES: u64 = 1024 * 1024 * 1024;

/// Gives the bytes of `from` the name `to`, never onto something.
pub(super) async fn rename(shared: &Arc<Shared>, from: &Key, to: &Key) -> Result<(), StoreError> {
    let (source, target) = (shared.path(from), shared.path(to));
    let missing = || StoreError::Missing { key: from.to_string() };
    let seen = shared.look(&source).await?.ok_or_else(missing)?;
    match copy(shared, from, to, &seen).await {
        Err(StoreError::Missing { .. }) => return Err(missing()),
        Err(StoreError::Exists { .. }) => return Err(StoreError::Exists { key: to.to_string() }),
        done => done?,
    }
    match from {
        Key::Object(_) => remove_final_name(shared, from, &source, &seen, to, &target).await,
        // The copy stays as long as a late delete could strike what was brought back from it. Its age is from before that.
        Key::Condemned(..) if !is_past_fence(shared, &seen) => Ok(()),
        _ if !shared.is_versioned().await? => shared.remove(&source).await,
        _ => match shared.remove_all(from, &source).await {
            // By a bucket that locks whatever is put. The next sweep finds the copy beside the object.
            Err(StoreError::Locked { .. }) => Ok(()),
            done => done,
        },
    }
}

/// Whether no late delete can strike any more.
pub(super) fn is_past_fence(shared: &Shared, seen: &Seen) -> bool {
    shared.fence.is_zero() || seen.age().is_some_and(|age| age >= shared.fence)
}

async fn copy(shared: &Arc<Shared>, from: &Key, to: &Key, seen: &Seen) -> Result<(), StoreError> {
    let (source, target) = (shared.path(from), shared.path(to));
    if seen.size_bytes <= THROUGH_US_BYTES_MAX {
        let bytes = shared.read(&from.to_string(), &source, usize::try_from(seen.size_bytes).unwrap_or(usize::MAX)).await?;
        let digest = Digest::of(&bytes);
        // Only bytes that are what their name says are copied through here; damaged ones by the server, as they are.
        if digest_of(from) == Some(digest) || bytes.is_empty() {
            let answer = shared.put_whole(&target, bytes, digest, false, shared.lock_of(to).as_ref()).await?;
            let done = answer.status.is_success() || (answer.repeated && is_there(shared, to, &target, digest).await?);
            return if done { Ok(()) } else { Err(StoreError::Exists { key: to.to_string() }) };
        }
    }
    let mut upload = Upload::begin(shared, &target, false, shared.lock_of(to).as_ref()).await?;
    let mut at = 0;
    while at < seen.size_bytes {
        let end = seen.size_bytes.min(at + COPY_BYTES);
        upload.copy(&source, seen.version.as_deref(), seen.etag.as_deref(), at..end).await?;
        at = end;
    }
    upload.complete().await
}

/// Whether the name was taken by our own first try.
async fn is_there(shared: &Shared, to: &Key, target: &str, digest: Digest) -> Result<bool, StoreError> {
    let there = shared.read(&to.to_string(), target, usize::try_from(THROUGH_US_BYTES_MAX).unwrap_or(usize::MAX)).await;
    match there {
        Ok(bytes) => Ok(Digest::of(&bytes) == digest),
        Err(StoreError::Missing { .. }) => Ok(false),
        Err(other) => Err(other),
    }
}

fn digest_of(key: &Key) -> Option<Digest> {
    match key {
        Key::Object(digest) | Key::Condemned(_, digest) | Key::Quarantined(digest, _) => Some(*digest),
        _ => None,
    }
}

/// Takes away a final name whose bytes have another one now. The order is what makes it safe: sign, look, send once.
async fn remove_final_name(shared: &Arc<Shared>, key: &Key, source: &str, copied: &Seen, to: &Key, target: &str) -> Result<(), StoreError> {
    let broken = |why: &str| StoreError::Io { action: "move", key: key.to_string(), source: std::io::Error::other(why.to_owned()) };
    let signed = shared.reader.signed_url(Method::DELETE, &Path::from(source), DELETE_VALID).await;
    let signed = signed.map_err(|e| super::read_error(&key.to_string(), e))?;
    let there = shared.look(target).await?.ok_or_else(|| broken("its copy is gone; another process judged it meanwhile"))?;
    if there.size_bytes != copied.size_bytes {
        return Err(broken("its copy has another size"));
    }
    if there.age().is_none_or(|age| age > FENCE / 2) {
        return Err(broken("copying it took too long, or the server tells no time; it stays in both places"));
    }
    let Some(now) = shared.look(source).await? else { return Ok(()) };
    if (&now.etag, now.size_bytes, now.modified) != (&copied.etag, copied.size_bytes, copied.modified) {
        return Err(broken("it was replaced meanwhile"));
    }
    let versioned = shared.is_versioned().await?;
    if versioned && matches!(to, Key::Condemned(..)) {
        let all = shared.all_of(source).await?;
        let latest = all.iter().find(|found| found.is_latest);
        if latest.is_some_and(|latest| copied.version.as_ref().is_some_and(|version| *version != latest.id)) {
            return Err(broken("it was replaced meanwhile"));
        }
        match shared.clear(source, all).await? {
            Cleared::All => return Ok(()),
            Cleared::Locked(until) => {
                shared.remove_all(to, target).await?;
                return Err(StoreError::Locked { key: key.to_string(), until });
            }
            Cleared::Forbidden => {}
        }
    }
    let mut ask = Ask::new(Method::DELETE, source, "remove the old name of");
    if let Some(etag) = &copied.etag {
        ask = ask.header(IF_MATCH, etag);
    }
    let answer = shared.wire().ask_signed(&ask, signed).await?;
    match answer.status {
        status if status.is_success() => {}
        StatusCode::NOT_FOUND if answer.says_absent() => {}
        _ => return Err(shared.wire().refused(&ask, &answer)),
    }
    if let (true, Some(version)) = (versioned, &copied.version) {
        // It has another name now; where it may not go it stays as an old version, and a sweep counts it.
        shared.remove_one(source, version).await?;
    }
    Ok(())
}

/// What must hold between the two: a delete is refused by the server long before the copy may go.
const _: () = assert!(DELETE_VALID.as_secs() + 2 * 15 * 60 < FENCE.as_secs() / 2, "a late delete could outlive its copy");
