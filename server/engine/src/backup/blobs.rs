//! Blobs: each one the vault lacks is read once, streamed, and hashed on the way.
//!
//! The digest decides. Sizes that manifests state are hints for the order of work; where none of them agrees with what the vault has, that is
//! hashed, for as many bytes as a run may spend on it. What a registry does not demand is asked for too, as often as a manifest may ask.
//!
//! Two lanes: most workers take the smallest first, a few take the largest, so that small blobs do not wait behind big ones and a big one
//! is not left alone at the end.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use futures::{StreamExt, TryStreamExt, pin_mut, stream};
use registry::RegistryError;
use tokio::task::JoinSet;
use vault::{Names, PutError, VaultError};
use vocab::{AnyDigest, Demand, Digest, OtherDigest, OtherHasher, RepositoryName};

use super::BackupError;
use super::collect::Nodes;
use super::fetch::{Fetcher, turn};
use super::gap::Cause;
use super::manifests::{PLACES_MAX, State, States};
use crate::control::{Event, ItemOutcome};

/// Workers that take the smallest blob first.
const SMALL_WORKERS: usize = 12;
/// Workers that take the largest blob first.
const LARGE_WORKERS: usize = 4;
/// Presence checks in the vault at a time.
const LOOKS_AT_ONCE: usize = 32;
/// Times one blob is begun anew; the client resumes a broken transfer by itself within each.
const TRIES_MAX: usize = 2;
/// Different sizes remembered that manifests state for one blob.
const CLAIMS_MAX: usize = 4;
/// Blobs that a registry does not demand and that are asked for all the same, for each manifest: no image has more.
const OPTIONAL_MAX: usize = 200;
/// Bytes of the vault that are hashed because no manifest states the size they have.
const DOUBTED_BYTES_MAX: u64 = 1024 * 1024 * 1024;

/// One blob an image needs.
#[derive(Debug, Clone)]
struct Need {
    digest: AnyDigest,
    /// The sizes manifests state.
    claims: Vec<u64>,
    demand: Demand,
    places: Vec<RepositoryName>,
}

impl Need {
    /// A guess, for the order of work.
    fn size_bytes(&self) -> u64 {
        self.claims.first().copied().unwrap_or(0)
    }
}

/// What became of the blobs.
#[derive(Debug, Default)]
pub(crate) struct Fetched {
    /// Why some could not be read.
    pub failures: HashMap<AnyDigest, Cause>,
    /// Those that are not in the registry, and that it does not demand.
    pub absent: HashSet<AnyDigest>,
    /// Which objects are stored for those that are named by another algorithm.
    pub names: Names,
}

impl Fetched {
    /// Whether nothing is missing: the vault has it, or the registry has not and does not demand it.
    pub(crate) fn is_met(&self, need: &vault::closed::Need) -> bool {
        !self.failures.contains_key(&need.digest)
    }
}

/// What one attempt came to.
enum Outcome {
    Stored,
    StoredAs(OtherDigest, Digest),
    Absent,
    Failed(Cause),
}

/// Fetches every blob that the manifests just read need and the vault lacks. `names`: what the snapshot before has stored under other names.
pub(crate) async fn fetch_all(fetcher: &Arc<Fetcher>, nodes: &Nodes, states: &States, names: &Names) -> Result<Fetched, BackupError> {
    let (needs, absent) = needs(nodes, states);
    let mut fetched = Fetched { absent, ..Fetched::default() };
    let (mut missing, doubted) = (Vec::new(), AtomicU64::new(0));
    let mut looks = stream::iter(needs.into_values())
        .map(|need| async { look(fetcher, &need, names, &doubted).await.map(|found| (need, found)) })
        .buffer_unordered(LOOKS_AT_ONCE);
    while let Some((need, found)) = looks.try_next().await? {
        match (found, &need.digest) {
            (None, _) => missing.push(need),
            (Some(_), AnyDigest::Sha256(_)) => {}
            (Some(object), AnyDigest::Other(name)) => {
                fetched.names.insert(name.clone(), object);
            }
        }
    }
    drop(looks);
    if missing.is_empty() {
        return Ok(fetched);
    }
    missing.sort_by_key(|need| (need.size_bytes(), need.digest.clone()));
    let bytes = missing.iter().map(Need::size_bytes).fold(0, u64::saturating_add);
    fetcher.progress.event(Event::Total { items: missing.len() as u64, bytes });
    work(fetcher, missing, &mut fetched).await?;
    Ok(fetched)
}

/// Each blob once, and those that are not asked for.
fn needs(nodes: &Nodes, states: &States) -> (HashMap<AnyDigest, Need>, HashSet<AnyDigest>) {
    let mut needs: HashMap<AnyDigest, Need> = HashMap::new();
    let mut passed_over = HashSet::new();
    for (repository, digest, _) in nodes.iter() {
        let Some(State::Read(parts)) = states.get(digest) else { continue };
        let mut optional = 0;
        for blob in &parts.needs.blobs {
            if blob.demand != Demand::Registry {
                optional += 1;
                if optional > OPTIONAL_MAX {
                    passed_over.insert(blob.digest.clone());
                    continue;
                }
            }
            let need = needs.entry(blob.digest.clone()).or_insert_with(|| Need {
                digest: blob.digest.clone(),
                claims: Vec::new(),
                demand: blob.demand,
                places: Vec::new(),
            });
            need.demand = need.demand.max(blob.demand);
            if let Some(claim) = blob.claim_bytes.filter(|claim| need.claims.len() < CLAIMS_MAX && !need.claims.contains(claim)) {
                need.claims.reserve_exact(1);
                need.claims.push(claim);
            }
            if need.places.len() < PLACES_MAX && !need.places.contains(repository) {
                need.places.reserve_exact(1);
                need.places.push(repository.clone());
            }
        }
    }
    passed_over.retain(|digest| !needs.contains_key(digest));
    (needs, passed_over)
}

/// The object the vault has for a blob.
async fn look(fetcher: &Fetcher, need: &Need, names: &Names, doubted: &AtomicU64) -> Result<Option<Digest>, BackupError> {
    let vault = &fetcher.vault;
    let object = match &need.digest {
        AnyDigest::Sha256(digest) => Some(*digest),
        AnyDigest::Other(name) => names.get(name).copied(),
    };
    let Some(object) = object else { return Ok(None) };
    let Some(found) = vault.size_of(&object).await? else { return Ok(None) };
    let agrees = need.claims.is_empty() || need.claims.contains(&found);
    if agrees || doubted.fetch_add(found, Ordering::Relaxed).saturating_add(found) > DOUBTED_BYTES_MAX {
        return Ok(Some(object));
    }
    match vault.verify_object(&object).await {
        Ok(_) => Ok(Some(object)),
        Err(VaultError::Missing { .. }) => Ok(None),
        Err(VaultError::Corrupt { .. }) => match vault.quarantine(&object, "read damaged during a backup").await {
            Ok(_) | Err(VaultError::Missing { .. }) => Ok(None),
            Err(VaultError::Intact { .. }) => Ok(Some(object)),
            Err(other) => Err(other.into()),
        },
        Err(other) => Err(other.into()),
    }
}

/// Blobs still to fetch, smallest first.
type Queue = Mutex<VecDeque<Need>>;

async fn work(fetcher: &Arc<Fetcher>, missing: Vec<Need>, fetched: &mut Fetched) -> Result<(), BackupError> {
    let queue: Arc<Queue> = Arc::new(Mutex::new(missing.into()));
    let mut workers = JoinSet::new();
    for number in 0..SMALL_WORKERS + LARGE_WORKERS {
        let (fetcher, queue) = (Arc::clone(fetcher), Arc::clone(&queue));
        workers.spawn(async move {
            let mut ended = Vec::new();
            loop {
                let next = {
                    let mut queue = queue.lock().unwrap_or_else(PoisonError::into_inner);
                    if number < LARGE_WORKERS { queue.pop_back() } else { queue.pop_front() }
                };
                let Some(need) = next else { return Ok::<_, BackupError>(ended) };
                let outcome = fetch_one(&fetcher, &need).await?;
                let item = if matches!(outcome, Outcome::Failed(_)) { ItemOutcome::Failed } else { ItemOutcome::Done };
                fetcher.item(need.digest.to_string(), item);
                ended.push((need.digest, outcome));
            }
        });
    }
    while let Some(ended) = workers.join_next().await {
        // The first error ends the run; dropping the set stops the others.
        let ended = ended.unwrap_or_else(|failed| std::panic::resume_unwind(failed.into_panic()))?;
        for (digest, outcome) in ended {
            match outcome {
                Outcome::Stored => {}
                Outcome::StoredAs(name, object) => {
                    fetched.names.insert(name, object);
                }
                Outcome::Absent => {
                    fetched.absent.insert(digest);
                }
                Outcome::Failed(cause) => {
                    fetched.failures.insert(digest, cause);
                }
            }
        }
    }
    Ok(())
}

/// Fetches one blob from the first place that has it.
async fn fetch_one(fetcher: &Fetcher, need: &Need) -> Result<Outcome, BackupError> {
    match &need.digest {
        AnyDigest::Sha256(digest) => {
            let turn = turn(&fetcher.vault, digest);
            let _turn = turn.lock().await;
            if fetcher.vault.size_of(digest).await?.is_some() {
                return Ok(Outcome::Stored);
            }
            from_places(fetcher, need).await
        }
        AnyDigest::Other(_) => from_places(fetcher, need).await,
    }
}

/// Tries the places one after the other.
async fn from_places(fetcher: &Fetcher, need: &Need) -> Result<Outcome, BackupError> {
    let (mut cause, mut all_absent) = (None, true);
    for place in &need.places {
        for again in (0..TRIES_MAX).rev() {
            fetcher.throttle.check().await?;
            let tried = match &need.digest {
                AnyDigest::Sha256(digest) => stream_one(fetcher, digest, place).await?.map(|()| Outcome::Stored),
                AnyDigest::Other(name) => other_one(fetcher, name, place).await?,
            };
            match tried {
                Ok(outcome) => {
                    fetcher.breaker.success();
                    return Ok(outcome);
                }
                Err(error) => {
                    let again = again > 0 && (error.is_transient() || matches!(error, RegistryError::WrongDigest { .. }));
                    all_absent &= matches!(error, RegistryError::NotFound { .. });
                    let error = fetcher.breaker.failure(error)?;
                    cause.get_or_insert_with(|| fetcher.origin.cause_of_blob(&need.digest, &error));
                    if !again {
                        break;
                    }
                }
            }
        }
    }
    Ok(match cause {
        // Nobody has to have it: what cannot be had for another reason is no reason to leave the image out either, where only another
        // reading names it.
        Some(_) if need.demand == Demand::Nobody || (need.demand == Demand::Clients && all_absent) => Outcome::Absent,
        Some(cause) => Outcome::Failed(cause),
        None => Outcome::Failed(Cause::deep()),
    })
}

async fn stream_one(fetcher: &Fetcher, digest: &Digest, place: &RepositoryName) -> Result<Result<(), RegistryError>, BackupError> {
    fetcher.stored.read();
    let progress = Arc::clone(&fetcher.progress);
    let body = fetcher.origin.blob(place, digest, None).inspect_ok(move |piece| {
        progress.event(Event::Bytes(piece.len() as u64));
    });
    store(fetcher, digest, body).await
}

async fn store(
    fetcher: &Fetcher,
    digest: &Digest,
    body: impl futures::Stream<Item = Result<bytes::Bytes, RegistryError>> + Send,
) -> Result<Result<(), RegistryError>, BackupError> {
    match fetcher.vault.put(digest, None, body).await {
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

/// Reads a blob that is named by another algorithm: once to learn its SHA-256, and once more to store it under that.
async fn other_one(fetcher: &Fetcher, name: &OtherDigest, place: &RepositoryName) -> Result<Result<Outcome, RegistryError>, BackupError> {
    fetcher.stored.read();
    let mut hasher = OtherHasher::new(name.algorithm());
    let body = fetcher.origin.other_blob(place, name);
    pin_mut!(body);
    loop {
        match body.try_next().await {
            Ok(Some(piece)) => hasher.update(&piece),
            Ok(None) => break,
            Err(error) => return Ok(Err(error)),
        }
    }
    let (actual, digest) = hasher.finish();
    if actual != *name {
        let named = AnyDigest::from(name.clone());
        return Ok(Ok(Outcome::Failed(Cause::other_digest(&named, &actual.into()))));
    }
    let turn = turn(&fetcher.vault, &digest);
    let _turn = turn.lock().await;
    if fetcher.vault.size_of(&digest).await?.is_none() {
        let progress = Arc::clone(&fetcher.progress);
        let body = fetcher.origin.other_blob(place, name).inspect_ok(move |piece| {
            progress.event(Event::Bytes(piece.len() as u64));
        });
        if let Err(error) = store(fetcher, &digest, body).await? {
            return Ok(Err(error));
        }
    }
    Ok(Ok(Outcome::StoredAs(name.clone(), digest)))
}
