//! Blob uploads: POST (with mount), PATCH, PUT (harbor.md §5 "Upload shape").

use std::sync::Arc;

use axum::body::Body;
use futures::StreamExt as _;
use http::StatusCode;
use serde_json::json;
use tokio::sync::{Mutex, OwnedMutexGuard};

use super::manifests::storage_failed;
use crate::reply::{self, Answer, Refusal, Reply};
use crate::server::Call;
use crate::store::{Upload, hex_of, wide_digest_of};
use crate::world;

/// POST: a mount if it can be one, else the start of an upload. A body sent with it is ignored, also with `digest=`:
/// the single-request form is not supported and answers 202.
pub async fn start(call: &Call, name: &str) -> Answer {
    if let (Some(digest), Some(from)) = (call.params.get("mount"), call.params.get("from"))
        && let Some(answer) = mount(call, name, digest, from)?
    {
        return Ok(answer);
    }
    let id = call.app.store.begin(name).await.map_err(|error| storage_failed(&error))?;
    Ok(accepted(call, name, &id, 0))
}

fn mount(call: &Call, name: &str, digest: &str, from: &str) -> Result<Option<Reply>, Refusal> {
    let mut world = call.app.change();
    let linked = !world.lost.contains(digest) && world.links.get(from).is_some_and(|links| links.blobs.contains(digest));
    let Some(size) = world.blobs.get(digest).filter(|_| linked).map(|row| row.size) else {
        return Ok(None);
    };
    let project_name = name.split('/').next().unwrap_or_default();
    if let Some(project) = world.project(project_name)
        && !project.blobs.contains(digest)
    {
        world::check_quota(&world, project, size)?;
    }
    world::blob_row(&mut world, name, digest, size);
    world::associate(&mut world, name, digest);
    Ok(Some(stored(call, name, digest)))
}

fn stored(call: &Call, name: &str, digest: &str) -> Reply {
    let location = format!("{}/v2/{name}/blobs/{digest}", call.base());
    reply::registry(StatusCode::CREATED, &[("docker-content-digest", digest), ("location", &location)])
}

fn accepted(call: &Call, name: &str, id: &str, size: u64) -> Reply {
    let location = format!("{}/v2/{name}/blobs/uploads/{id}?_state={}", call.base(), state_of(id, size));
    let range = format!("0-{}", size.saturating_sub(1));
    reply::registry(StatusCode::ACCEPTED, &[("docker-upload-uuid", id), ("location", &location), ("range", &range)])
}

/// What the registry signs of an upload: which it is, and how far it came.
fn state_of(id: &str, size: u64) -> String {
    crate::store::digest_of(format!("{id}{size}").as_bytes()).split_off("sha256:".len())
}

fn invalid() -> Refusal {
    Refusal::registry(404, "BLOB_UPLOAD_INVALID", "blob upload invalid", Some(json!({})))
}

fn unknown() -> Refusal {
    Refusal::registry(404, "BLOB_UPLOAD_UNKNOWN", "blob upload unknown to registry", None)
}

/// The location's `_state` is part of the upload: without it the registry cannot tell what is meant.
fn find(call: &Call, id: &str) -> Result<Arc<Mutex<Upload>>, Refusal> {
    if call.params.get("_state").is_none() {
        return Err(invalid());
    }
    call.app.store.open(id).ok_or_else(unknown)
}

async fn lock(call: &Call, name: &str, id: &str) -> Result<OwnedMutexGuard<Upload>, Refusal> {
    let upload = find(call, id)?.lock_owned().await;
    if upload.repository != name {
        return Err(unknown());
    }
    // A location is of one moment: after more bytes came than it says, it is no use.
    if call.params.get("_state").is_none_or(|state| *state != state_of(id, upload.size)) {
        return Err(invalid());
    }
    Ok(upload)
}

/// Reads a body into the upload; gives the bytes that came now.
async fn take(call: &Call, upload: &mut Upload, body: Body) -> Result<u64, Refusal> {
    let mut pieces = body.into_data_stream();
    let mut taken = 0;
    while let Some(piece) = pieces.next().await {
        let broken =
            |error: axum::Error| Refusal::registry(400, "BLOB_UPLOAD_INVALID", "blob upload invalid", Some(json!(error.to_string())));
        let piece = piece.map_err(broken)?;
        upload.write(&piece).await.map_err(|error| storage_failed(&error))?;
        taken += piece.len() as u64;
        call.app.control.received(piece.len() as u64);
    }
    Ok(taken)
}

/// PATCH: one chunk; a `Content-Range` must go on where the upload stands.
pub async fn chunk(call: &Call, name: &str, id: &str, body: Body) -> Answer {
    let mut upload = lock(call, name, id).await?;
    let begins = call.header("content-range").and_then(|range| range.split('-').next()?.trim().parse::<u64>().ok());
    if begins.is_some_and(|begins| begins != upload.size) {
        return Err(Refusal::registry(416, "RANGE_INVALID", "invalid content range", None));
    }
    take(call, &mut upload, body).await?;
    Ok(accepted(call, name, id, upload.size))
}

/// GET: how far an upload came.
pub async fn status(call: &Call, name: &str, id: &str) -> Answer {
    let upload = lock(call, name, id).await?;
    let mut answer = accepted(call, name, id, upload.size);
    *answer.status_mut() = StatusCode::NO_CONTENT;
    Ok(answer)
}

/// DELETE: gives an upload up.
pub async fn cancel(call: &Call, name: &str, id: &str) -> Answer {
    drop(lock(call, name, id).await?);
    call.app.store.abandon(id).await;
    Ok(reply::registry(StatusCode::NO_CONTENT, &[("docker-upload-uuid", id)]))
}

/// PUT: perhaps a last chunk, then the digest decides. Harbor records the size of what came with this very request, so
/// a last chunk here makes a blob count too small (recorded in `upload.json`); the whole body at once counts right.
pub async fn finish(call: &Call, name: &str, id: &str, body: Body) -> Answer {
    let announced = call.params.get("digest").unwrap_or_default().to_owned();
    let invalid = || {
        let detail = json!({"Digest": announced, "Reason": {}});
        let message = "provided digest did not match uploaded content";
        Refusal::registry(400, "DIGEST_INVALID", message, Some(detail))
    };
    let mut upload = lock(call, name, id).await?;
    // By another algorithm a blob is stored under its SHA-256 all the same, and found under both (seen on 2.12.4 and 2.15.2).
    let wide = announced.starts_with("sha512:");
    if hex_of(&announced).is_none() && !wide {
        return Err(invalid());
    }
    let length = call.header("content-length").and_then(|text| text.parse::<u64>().ok());
    let expected = length.filter(|length| *length > 0).unwrap_or(upload.size);
    quota(call, name, &announced, expected)?;
    let taken = take(call, &mut upload, body).await?;
    let counted = if taken > 0 { taken } else { upload.size };
    let own = upload.digest();
    if own != announced && !wide {
        drop(upload);
        call.app.store.abandon(id).await;
        return Err(invalid());
    }
    drop(upload);
    call.app.store.finish(id).await.map_err(|error| storage_failed(&error))?;
    if wide && call.app.store.read(&own).await.is_ok_and(|bytes| wide_digest_of(&bytes) != announced) {
        return Err(invalid());
    }
    let mut world = call.app.change();
    world::blob_row(&mut world, name, &own, i64::try_from(counted).unwrap_or(i64::MAX));
    world::associate(&mut world, name, &own);
    if wide {
        world.links.entry(name.to_owned()).or_default().blobs.insert(announced.clone());
        world.aliases.insert(announced, own.clone());
    }
    Ok(stored(call, name, &own))
}

fn quota(call: &Call, name: &str, digest: &str, size: u64) -> Result<(), Refusal> {
    let world = call.app.world();
    let Some(project) = world.project(name.split('/').next().unwrap_or_default()) else {
        return Ok(());
    };
    if project.blobs.contains(digest) {
        return Ok(());
    }
    world::check_quota(&world, project, i64::try_from(size).unwrap_or(i64::MAX))
}
