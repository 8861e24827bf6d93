//! One blocked image after another: copied, read, removed.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use futures::{StreamExt, stream};
use registry::RegistryError;
use vault::tree::Role;
use vocab::{Digest, RepositoryName, media};

use super::{Area, COPIES_AT_ONCE};
use crate::backup::BackupError;
use crate::backup::DEPTH_MAX;
use crate::backup::collect::{Node, Nodes};
use crate::backup::fetch::{Fetcher, turn};
use crate::backup::gap::{BLOCKED_BY_POLICY, Cause};
use crate::backup::manifests::{self, PLACES_MAX, State, States};
use crate::control::{Event, Level};

/// An image that a policy blocks.
struct Blocked {
    digest: Digest,
    media_type: Option<String>,
    places: Vec<RepositoryName>,
    size_bytes: u64,
    /// Direct accessories: Harbor copies them along.
    accessories: Vec<(Digest, Option<String>)>,
    cause: Cause,
}

/// What comes with what: an index brings its children and everything its accessories, so these are copied on their own only if they did not
/// come along.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Rank {
    Index,
    Image,
    Accessory,
}

impl Rank {
    fn of(node: &Node) -> Self {
        match (&node.role, &node.media_type) {
            (Role::Accessory { .. }, _) => Self::Accessory,
            (_, Some(media_type)) if media::is_index(media_type) => Self::Index,
            _ => Self::Image,
        }
    }
}

/// A manifest that was read in a copy.
type Found = Vec<(Digest, State)>;

/// Reads what a policy blocks through the staging project. What cannot be read there either stays blocked, with the reason.
pub(crate) async fn read_blocked(fetcher: &Arc<Fetcher>, area: &Area, nodes: &Nodes, states: &mut States) -> Result<(), BackupError> {
    for rank in [Rank::Index, Rank::Image, Rank::Accessory] {
        let blocked = blocked(area, nodes, states, rank);
        if blocked.is_empty() {
            continue;
        }
        fetcher.progress.event(Event::Phase("reading what a policy blocks"));
        let known: HashSet<Digest> = states.iter().filter(|(_, state)| !is_blocked(state)).map(|(digest, _)| *digest).collect();
        let known = &known;
        let mut copies =
            stream::iter(blocked).map(|image| async move { one(fetcher, area, &image, known).await }).buffer_unordered(COPIES_AT_ONCE);
        let mut stopped = None;
        // Also after an error to the end: whatever is copied is removed again.
        while let Some(result) = copies.next().await {
            match result {
                Ok(found) => found.into_iter().for_each(|(digest, state)| merge(states, digest, state)),
                Err(error) => {
                    area.stopped.store(true, Ordering::Release);
                    stopped.get_or_insert(error);
                }
            }
        }
        if let Some(error) = stopped {
            return Err(error);
        }
    }
    Ok(())
}

/// What was read stays read, whatever came of another try.
fn merge(states: &mut States, digest: Digest, state: State) {
    if matches!(state, State::Read(_)) || states.get(&digest).is_none_or(is_blocked) {
        states.insert(digest, state);
    }
}

fn is_blocked(state: &State) -> bool {
    matches!(state, State::Failed(cause) if cause.kind == BLOCKED_BY_POLICY)
}

fn blocked(area: &Area, nodes: &Nodes, states: &States, rank: Rank) -> Vec<Blocked> {
    let mut found: Vec<Blocked> = Vec::new();
    let mut at = std::collections::HashMap::new();
    for (repository, digest, node) in nodes.iter() {
        let Some(State::Failed(cause)) = states.get(digest).filter(|state| is_blocked(state)) else { continue };
        if let Some(place) = at.get(digest) {
            let known: &mut Blocked = &mut found[*place];
            if known.places.len() < PLACES_MAX {
                known.places.push(repository.clone());
            }
            continue;
        }
        if Rank::of(node) != rank || !area.first_try(digest) {
            continue;
        }
        at.insert(*digest, found.len());
        found.push(Blocked {
            digest: *digest,
            media_type: node.media_type.clone(),
            places: vec![repository.clone()],
            size_bytes: node.size_bytes,
            accessories: Vec::new(),
            cause: cause.clone(),
        });
    }
    for (_, digest, node) in nodes.iter() {
        let Role::Accessory { subject, .. } = &node.role else { continue };
        if let Some(place) = at.get(subject).filter(|_| states.get(digest).is_some_and(is_blocked)) {
            found[*place].accessories.push((*digest, node.media_type.clone()));
        }
    }
    found
}

/// Copies one image, reads it and what came along, and removes the copy whatever came of it.
async fn one(fetcher: &Fetcher, area: &Area, image: &Blocked, known: &HashSet<Digest>) -> Result<Found, BackupError> {
    let failed = |cause| Ok(vec![(image.digest, State::Failed(cause))]);
    let _room = area.room(image.size_bytes).await;
    if area.stopped.load(Ordering::Acquire) {
        return Ok(Vec::new());
    }
    if let Some(cause) = area.given_up(&image.cause) {
        return failed(cause);
    }
    fetcher.pace.check().await?;
    // It may have come along with another since.
    if let Some(state) = manifests::stored(fetcher, &image.digest, image.media_type.as_deref()).await? {
        return Ok(vec![(image.digest, state)]);
    }
    let copy = area.staging.session.repository(area.project(), &image.digest);
    let read = match copied(area, image, &copy).await? {
        Ok(()) => read_copy(fetcher, area, image, &copy, known).await,
        Err(error) => Ok(Err(error)),
    };
    remove(fetcher, area, &copy).await;
    match read? {
        Ok(found) => {
            area.success();
            area.images.fetch_add(1, Ordering::Relaxed);
            Ok(found)
        }
        Err(error) => failed(area.failure(&image.cause, &error)),
    }
}

/// Has it copied from the first place that has it.
async fn copied(area: &Area, image: &Blocked, copy: &RepositoryName) -> Result<Result<(), RegistryError>, BackupError> {
    let mut error = RegistryError::NotFound { what: format!("the image {}", image.digest.short()) };
    for place in &image.places {
        area.staging.gate.before_copy(place, &image.digest).await?;
        match area.staging.client.copy_artifact(place, &image.digest, copy).await {
            // Some versions say so of what a try before has copied.
            Ok(()) | Err(RegistryError::Conflict { .. }) => return Ok(Ok(())),
            Err(RegistryError::NotFound { what }) => error = RegistryError::NotFound { what },
            Err(other) => return Ok(Err(other)),
        }
    }
    Ok(Err(error))
}

/// Reads the image, its children and its accessories in the copy. Only the image itself must be there.
async fn read_copy(
    fetcher: &Fetcher,
    area: &Area,
    image: &Blocked,
    copy: &RepositoryName,
    known: &HashSet<Digest>,
) -> Result<Result<Found, RegistryError>, BackupError> {
    let mut found = Found::new();
    let mut level = vec![(image.digest, image.media_type.clone())];
    level.extend(image.accessories.iter().cloned());
    for _ in 0..DEPTH_MAX {
        let mut next = Vec::new();
        for (digest, media_type) in std::mem::take(&mut level) {
            if known.contains(&digest) || found.iter().any(|(have, _)| *have == digest) {
                continue;
            }
            match read_one(fetcher, area, copy, &digest, media_type.as_deref()).await? {
                Ok(state) => {
                    if let State::Read(parts) = &state {
                        next.extend(parts.children.iter().map(|(child, media_type)| (*child, Some(media_type.clone()))));
                    }
                    found.push((digest, state));
                }
                Err(error) if digest == image.digest => return Ok(Err(error)),
                // It did not come along; it is tried on its own.
                Err(_) => {}
            }
        }
        if next.is_empty() {
            break;
        }
        level = next;
    }
    Ok(Ok(found))
}

async fn read_one(
    fetcher: &Fetcher,
    area: &Area,
    copy: &RepositoryName,
    digest: &Digest,
    media_type: Option<&str>,
) -> Result<Result<State, RegistryError>, BackupError> {
    let turn = turn(&fetcher.vault, digest);
    let _turn = turn.lock().await;
    if let Some(state) = manifests::stored(fetcher, digest, media_type).await? {
        return Ok(Ok(state));
    }
    fetcher.stored.read();
    match area.staging.client.manifest_get(copy, digest).await {
        Ok(raw) => manifests::take(fetcher, digest, &raw).await.map(Ok),
        Err(error) => Ok(Err(error)),
    }
}

/// Takes the copy away. One that stays is removed at the end of the run, or by the next.
async fn remove(fetcher: &Fetcher, area: &Area, copy: &RepositoryName) {
    match area.staging.client.delete_repository(copy).await {
        Ok(()) | Err(RegistryError::NotFound { .. }) => {}
        Err(error) => {
            let text = format!("the copy {copy} could not be removed yet: {error}");
            fetcher.progress.event(Event::Note { level: Level::Warn, text });
        }
    }
}
