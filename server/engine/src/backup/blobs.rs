//! Blobs: each one the vault lacks is read once, streamed, and hashed on the way.
//!
//! Two lanes: most workers take the smallest first, a few take the largest, so that small blobs do not wait behind big ones and a big one
//! is not left alone at the end.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use futures::{StreamExt, TryStreamExt, stream};
use registry::RegistryError;
use tokio::task::JoinSet;
use vault::{PutError, VaultError};
use vocab::{Digest, RepositoryName};

use super::BackupError;
use super::collect::Nodes;
use super::fetch::{Fetcher, turn};
use super::gap::Cause;
use super::manifests::{PLACES_MAX, Parts, State, States};
use crate::control::{Event, ItemOutcome};

/// Workers that take the smallest blob first.
const SMALL_WORKERS: usize = 12;
/// Workers that take the largest blob first.
const LARGE_WORKERS: usize = 4;
/// Presence checks in the vault at a time.
const LOOKS_AT_ONCE: usize = 32;
/// Times one blob is begun anew; the client resumes a broken transfer by itself within each.
const TRIES_MAX: usize = 2;

/// One blob an image needs.
#[derive(Debug, Clone)]
struct Need {
    digest: Digest,
    size_bytes: Option<u64>,
    places: Vec<RepositoryName>,
}

/// Why blobs could not be read, by digest.
pub(crate) type Failures = HashMap<Digest, Cause>;

/// Fetches every blob that the manifests just read need and the vault lacks.
pub(crate) async fn fetch_all(fetcher: &Arc<Fetcher>, nodes: &Nodes, states: &States) -> Result<Failures, BackupError> {
    let needs = needs(nodes, states);
    let (mut missing, mut failures) = (Vec::new(), Failures::new());
    let mut looks = stream::iter(needs.into_values())
        .map(|need| async move { look(fetcher, &need).await.map(|found| (need, found)) })
        .buffer_unordered(LOOKS_AT_ONCE);
    while let Some((need, found)) = looks.try_next().await? {
        match found {
            Found::Yes => {}
            Found::No => missing.push(need),
            Found::OtherSize(cause) => {
                failures.insert(need.digest, cause);
            }
        }
    }
    drop(looks);
    if missing.is_empty() {
        return Ok(failures);
    }
    missing.sort_by_key(|need| (need.size_bytes.unwrap_or(0), need.digest));
    let bytes = missing.iter().map(|need| need.size_bytes.unwrap_or(0)).sum();
    fetcher.progress.event(Event::Total { items: missing.len() as u64, bytes });
    failures.extend(work(fetcher, missing).await?);
    Ok(failures)
}

fn needs(nodes: &Nodes, states: &States) -> HashMap<Digest, Need> {
    let mut needs: HashMap<Digest, Need> = HashMap::new();
    for (repository, digest, _) in nodes.iter() {
        let Some(State::Read(Parts { blobs, .. })) = states.get(digest) else { continue };
        for (blob, size_bytes) in blobs {
            let need = needs.entry(*blob).or_insert_with(|| Need { digest: *blob, size_bytes: *size_bytes, places: Vec::new() });
            need.size_bytes = need.size_bytes.or(*size_bytes);
            if need.places.len() < PLACES_MAX && !need.places.contains(repository) {
                need.places.reserve_exact(1);
                need.places.push(repository.clone());
            }
        }
    }
    needs
}

enum Found {
    Yes,
    No,
    OtherSize(Cause),
}

async fn look(fetcher: &Fetcher, need: &Need) -> Result<Found, BackupError> {
    let vault = &fetcher.vault;
    let Some(found) = vault.size_of(&need.digest).await? else { return Ok(Found::No) };
    match need.size_bytes {
        Some(stated) if stated != found => match vault.verify_object(&need.digest).await {
            Ok(_) => Ok(Found::OtherSize(Cause::size(&need.digest, stated, found))),
            Err(VaultError::Corrupt { .. }) => match vault.quarantine(&need.digest, "has another size than its manifests say").await {
                Ok(_) | Err(VaultError::Missing { .. }) => Ok(Found::No),
                Err(VaultError::Intact { .. }) => Ok(Found::Yes),
                Err(other) => Err(other.into()),
            },
            Err(other) => Err(other.into()),
        },
        _ => Ok(Found::Yes),
    }
}

/// Blobs still to fetch, smallest first.
type Queue = Mutex<VecDeque<Need>>;

async fn work(fetcher: &Arc<Fetcher>, missing: Vec<Need>) -> Result<Failures, BackupError> {
    let queue: Arc<Queue> = Arc::new(Mutex::new(missing.into()));
    let mut workers = JoinSet::new();
    for number in 0..SMALL_WORKERS + LARGE_WORKERS {
        let (fetcher, queue) = (Arc::clone(fetcher), Arc::clone(&queue));
        workers.spawn(async move {
            let mut failures = Vec::new();
            loop {
                let next = {
                    let mut queue = queue.lock().unwrap_or_else(PoisonError::into_inner);
                    if number < LARGE_WORKERS { queue.pop_back() } else { queue.pop_front() }
                };
                let Some(need) = next else { return Ok::<_, BackupError>(failures) };
                let failed = fetch_one(&fetcher, &need).await?;
                let outcome = if failed.is_some() { ItemOutcome::Failed } else { ItemOutcome::Done };
                fetcher.item(need.digest.to_string(), outcome);
                failures.extend(failed.map(|cause| (need.digest, cause)));
            }
        });
    }
    let mut failures = Failures::new();
    while let Some(ended) = workers.join_next().await {
        // The first error ends the run; dropping the set stops the others.
        let ended = ended.unwrap_or_else(|failed| std::panic::resume_unwind(failed.into_panic()));
        failures.extend(ended?);
    }
    Ok(failures)
}

/// Fetches one blob from the first place that has it. `None`: it is in the vault.
async fn fetch_one(fetcher: &Fetcher, need: &Need) -> Result<Option<Cause>, BackupError> {
    let turn = turn(&fetcher.vault, &need.digest);
    let _turn = turn.lock().await;
    if fetcher.vault.size_of(&need.digest).await?.is_some() {
        return Ok(None);
    }
    let mut cause = None;
    for place in &need.places {
        for again in (0..TRIES_MAX).rev() {
            fetcher.pace.check().await?;
            match stream_one(fetcher, need, place).await? {
                Ok(()) => {
                    fetcher.breaker.success();
                    return Ok(None);
                }
                Err(error) => {
                    let again = again > 0 && (error.is_transient() || matches!(error, RegistryError::WrongDigest { .. }));
                    let error = fetcher.breaker.failure(error)?;
                    cause.get_or_insert_with(|| fetcher.origin.cause(&error));
                    if !again {
                        break;
                    }
                }
            }
        }
    }
    Ok(cause)
}

async fn stream_one(fetcher: &Fetcher, need: &Need, place: &RepositoryName) -> Result<Result<(), RegistryError>, BackupError> {
    fetcher.stored.read();
    let progress = Arc::clone(&fetcher.progress);
    let body = fetcher.origin.blob(place, &need.digest, need.size_bytes).inspect_ok(move |piece| {
        progress.event(Event::Bytes(piece.len() as u64));
    });
    match fetcher.vault.put(&need.digest, need.size_bytes, body).await {
        Ok(stored) => {
            if stored.new {
                fetcher.stored.add(stored.size_bytes);
            }
            Ok(Ok(()))
        }
        Err(PutError::Body(error)) => Ok(Err(error)),
        Err(PutError::Vault(VaultError::WrongBytes { expected, actual, .. })) => Ok(Err(RegistryError::WrongDigest { expected, actual })),
        Err(PutError::Vault(error)) => Err(error.into()),
        Err(_) => Ok(Err(RegistryError::Protocol { what: "a blob could not be stored".to_owned() })),
    }
}
