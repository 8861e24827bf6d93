//! Manifests: from the vault where it has them, from the registry by digest where not; stored as received.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use futures::{StreamExt, stream};
use registry::RawManifest;
use vault::VaultError;
use vault::closed::Needs;
use vocab::manifest::MANIFEST_BYTES_MAX;
use vocab::{Descriptor, Digest, Manifest, Named, RepositoryName};

use super::collect::Nodes;
use super::fetch::{Fetcher, turn};
use super::gap::{BLOCKED_BY_POLICY, Cause};
use super::previous::Known;
use super::staging::{self, Area};
use super::{ARTIFACTS_MAX, BackupError, DEPTH_MAX};
use crate::content;
use crate::control::{Event, ItemOutcome};

/// Manifests worked on at a time; the client bounds requests further.
const MANIFESTS_AT_ONCE: usize = 16;
/// Repositories remembered as places to read one thing from.
pub(crate) const PLACES_MAX: usize = 3;

/// What is known of one manifest.
#[derive(Debug)]
pub(crate) enum State {
    /// Everything of it was in the vault at the snapshot before.
    Complete(Arc<Descriptor>),
    /// Read now.
    Read(Parts),
    /// Cannot be read.
    Failed(Cause),
}

/// What a manifest needs.
#[derive(Debug)]
pub(crate) struct Parts {
    pub descriptor: Arc<Descriptor>,
    pub needs: Needs,
    /// The manifest it is about: a signature's image.
    pub subject: Option<Digest>,
}

impl Parts {
    /// The manifests it demands.
    pub(crate) fn children(&self) -> impl Iterator<Item = Digest> + '_ {
        self.needs.demanded_children().filter_map(|child| child.digest.sha256())
    }
}

/// By digest.
pub(crate) type States = HashMap<Digest, State>;

/// Where to read one manifest.
struct Wanted {
    digest: Digest,
    media_type: Option<Arc<str>>,
    places: Vec<RepositoryName>,
}

/// Reads every manifest of `nodes` that is not known to be complete, and adds the children of indexes that no listing showed.
///
/// What a policy blocks is read through `area`, where there is one.
pub(crate) async fn read_all(
    fetcher: &Arc<Fetcher>,
    previous: &Known,
    nodes: &mut Nodes,
    area: Option<&Area>,
) -> Result<States, BackupError> {
    let mut states = States::new();
    for (_, digest, _) in nodes.iter() {
        if let Some(descriptor) = previous.complete(digest) {
            states.entry(*digest).or_insert_with(|| State::Complete(Arc::clone(descriptor)));
        }
    }
    for _ in 0..DEPTH_MAX {
        let wave = wanted(nodes, &states);
        if !wave.is_empty() {
            read_wave(fetcher, wave, &mut states).await?;
        }
        if let Some(area) = area {
            staging::read_blocked(fetcher, area, nodes, &mut states).await?;
        }
        if !add_children(nodes, &states)? {
            return Ok(states);
        }
        for (_, digest, _) in nodes.iter() {
            if let Some(descriptor) = previous.complete(digest).filter(|_| !states.contains_key(digest)) {
                states.insert(*digest, State::Complete(Arc::clone(descriptor)));
            }
        }
    }
    for (_, digest, _) in nodes.iter() {
        states.entry(*digest).or_insert_with(|| State::Failed(Cause::deep()));
    }
    Ok(states)
}

fn wanted(nodes: &Nodes, states: &States) -> Vec<Wanted> {
    let mut wave: BTreeMap<Digest, Wanted> = BTreeMap::new();
    for (repository, digest, node) in nodes.iter() {
        if states.contains_key(digest) {
            continue;
        }
        let wanted = wave.entry(*digest).or_insert_with(|| Wanted { digest: *digest, media_type: None, places: Vec::new() });
        wanted.media_type = wanted.media_type.take().or_else(|| node.media_type.clone());
        if wanted.places.len() < PLACES_MAX {
            wanted.places.reserve_exact(1);
            wanted.places.push(repository.clone());
        }
    }
    wave.into_values().collect()
}

async fn read_wave(fetcher: &Arc<Fetcher>, wave: Vec<Wanted>, states: &mut States) -> Result<(), BackupError> {
    fetcher.progress.event(Event::Total { items: wave.len() as u64, bytes: 0 });
    let mut reading = stream::iter(wave)
        .map(|wanted| {
            let fetcher = Arc::clone(fetcher);
            let digest = wanted.digest;
            // A task of its own: hashing and parsing use every core.
            let task = tokio::spawn(async move { read_one(&fetcher, &wanted).await });
            let task = tokio_util::task::AbortOnDropHandle::new(task);
            async move { (digest, task.await) }
        })
        .buffer_unordered(MANIFESTS_AT_ONCE);
    while let Some((digest, state)) = reading.next().await {
        let state = state.unwrap_or_else(|failed| std::panic::resume_unwind(failed.into_panic()))?;
        let outcome = if matches!(state, State::Failed(_)) { ItemOutcome::Failed } else { ItemOutcome::Done };
        fetcher.item(digest.to_string(), outcome);
        states.insert(digest, state);
    }
    Ok(())
}

async fn read_one(fetcher: &Fetcher, wanted: &Wanted) -> Result<State, BackupError> {
    let turn = turn(&fetcher.vault, &wanted.digest);
    let _turn = turn.lock().await;
    fetcher.throttle.check().await?;
    if let Some(state) = stored(fetcher, &wanted.digest, wanted.media_type.as_deref()).await? {
        return Ok(state);
    }
    let mut cause: Option<Cause> = None;
    for place in &wanted.places {
        fetcher.stored.read();
        match fetcher.origin.manifest(place, &wanted.digest).await {
            Ok(raw) => {
                fetcher.breaker.success();
                return take(fetcher, &wanted.digest, &raw).await;
            }
            Err(error) => {
                let error = fetcher.breaker.failure(error)?;
                let found = fetcher.origin.cause(&error);
                // The first counts, unless there is something to be done about another.
                if cause.is_none() || found.kind == BLOCKED_BY_POLICY {
                    cause = Some(found);
                }
            }
        }
    }
    Ok(State::Failed(cause.unwrap_or_else(Cause::deep)))
}

/// What the vault has of a manifest.
pub(crate) async fn stored(fetcher: &Fetcher, digest: &Digest, media_type: Option<&str>) -> Result<Option<State>, BackupError> {
    let Some(bytes) = from_vault(fetcher, digest).await? else { return Ok(None) };
    let read = parts(digest, media_type.unwrap_or_default(), &bytes);
    Ok(Some(read.unwrap_or_else(|error| State::Failed(Cause::unreadable(&error.to_string())))))
}

/// Stores a manifest that was just read, if it can be understood.
pub(crate) async fn take(fetcher: &Fetcher, digest: &Digest, raw: &RawManifest) -> Result<State, BackupError> {
    let state = match parts(digest, &raw.media_type, &raw.bytes) {
        Ok(state) => state,
        Err(error) => return Ok(State::Failed(Cause::unreadable(&error.to_string()))),
    };
    fetcher.vault.put_bytes(&raw.bytes).await?;
    fetcher.stored.add(raw.bytes.len() as u64);
    Ok(state)
}

/// The manifest's bytes if the vault has them whole; damaged ones are set aside, so that they are fetched anew.
async fn from_vault(fetcher: &Fetcher, digest: &Digest) -> Result<Option<bytes::Bytes>, BackupError> {
    match fetcher.vault.get_bytes(digest, MANIFEST_BYTES_MAX).await {
        Ok(bytes) => Ok(Some(bytes)),
        Err(VaultError::Missing { .. } | VaultError::TooLarge { .. }) => Ok(None),
        Err(VaultError::Corrupt { .. }) => match fetcher.vault.quarantine(digest, "read damaged during a backup").await {
            Ok(_) | Err(VaultError::Missing { .. } | VaultError::Intact { .. }) => Ok(None),
            Err(other) => Err(other.into()),
        },
        Err(other) => Err(other.into()),
    }
}

fn parts(digest: &Digest, media_type: &str, bytes: &[u8]) -> Result<State, vocab::ManifestError> {
    let manifest = Manifest::parse(media_type, bytes)?;
    Ok(State::Read(Parts {
        descriptor: Arc::new(content::descriptor(*digest, bytes.len(), &manifest)),
        needs: Needs::of(&manifest, bytes.len()),
        subject: manifest.subject.as_ref().and_then(Named::sha256),
    }))
}

/// Adds children nobody listed. Answers whether there is anything new to read.
fn add_children(nodes: &mut Nodes, states: &States) -> Result<bool, BackupError> {
    let mut found: Vec<(RepositoryName, Digest)> = Vec::new();
    for (repository, digest, _) in nodes.iter() {
        if let Some(State::Read(parts)) = states.get(digest) {
            let missing = parts.children().filter(|child| !nodes.contains(repository, child));
            found.extend(missing.map(|child| (repository.clone(), child)));
        }
    }
    let mut more = false;
    for (repository, child) in found {
        if nodes.len() >= ARTIFACTS_MAX {
            return Err(BackupError::TooMuch { project: repository.project(), what: "artifacts", limit: ARTIFACTS_MAX });
        }
        more |= nodes.add_child(&repository, child);
    }
    Ok(more)
}
