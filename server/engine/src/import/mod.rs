//! Images that other tools exported become a snapshot: OCI layouts (`oras backup`, `skopeo copy oci:`, `crane pull --format=oci`, `regctl
//! image export`, buildx, hauler, `cosign save`), archives of `docker save` old and new and of those who write the same (podman, skopeo,
//! crane, kaniko), as folders or as tar archives, plain or in gzip, and folders of `skopeo sync`.
//!
//! Nothing in them is believed. Names are looked up within the files ([`listing`]) and never become a path, links are names too or are
//! refused, devices are never opened, counts and sizes have limits, and every byte is hashed before it is named. Each image lands where
//! its writer meant it ([`place`]) or is refused by name with what to do, and the others come in. What an image lacks makes a named gap,
//! as in a backup; layers are never unpacked.

mod archive;
mod docker;
mod files;
mod folder;
mod layout;
mod listing;
mod name;
mod packed;
mod place;
mod sync;

use std::collections::{BTreeMap, HashSet};
use std::path::Path;
use std::sync::Arc;

use time::OffsetDateTime;
use uuid::Uuid;
use vault::tree::{Origin as ContentOrigin, SnapshotIndex};
use vault::{HarborName, Names, Pointer, Vault, VaultError};
use vocab::{Digest, ProjectName, RepositoryName};

use self::listing::Loose;
use self::name::Name;
pub use self::place::Target;
use self::place::{Placed, place, relate};
use crate::backup::assemble::assemble;
use crate::backup::collect::Nodes;
use crate::backup::fetch::{Fetcher, Origin, Stored};
use crate::backup::gap::{self, artifact_subject};
use crate::backup::manifests::{State, States};
use crate::backup::previous::Known;
use crate::backup::throttle::{Breaker, Throttle};
use crate::backup::{ARTIFACTS_MAX, BackupError, Note, SnapshotOutcome, Stats, blobs, manifests};
use crate::control::{Control, Event, Progress};
use crate::hold::Held;

/// Most files one import looks at.
pub const FILES_MAX: usize = 1_000_000;
/// Largest `index.json` that is read, in bytes.
pub const INDEX_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// Objects about another that are remembered though nothing names them.
const LOOSE_MAX: usize = 100_000;
/// Of those that are about nothing here, how many are said one by one.
const LOOSE_SAID_MAX: usize = 20;

/// Harbor's word for whatever is about an image.
const ACCESSORY: &str = "subject.accessory";
/// Harbor's word for signatures by tag.
const COSIGN: &str = "signature.cosign";

/// Everything an import needs.
pub struct ImportContext {
    /// Where to.
    pub vault: Vault,
    /// Who listens.
    pub progress: Arc<dyn Progress>,
    /// Who may stop it.
    pub control: Arc<dyn Control>,
}

/// What the snapshot will be called.
#[derive(Debug, Clone)]
pub struct Destination {
    /// Harbor under which the vault keeps it; a name no registered harbor has keeps foreign images apart.
    pub harbor: HarborName,
    /// Project.
    pub project: ProjectName,
    /// Repository of images whose files do not say one; a layout often holds one repository and says tags only.
    pub repository: Option<RepositoryName>,
    /// Images that land elsewhere than their names say, by what the files call them or by their digest.
    pub names: BTreeMap<String, Target>,
    /// Its moment.
    pub moment: OffsetDateTime,
}

/// Why nothing was imported.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ImportError {
    /// It is none of the forms known here.
    #[error("{place} cannot be imported: {why}")]
    Unknown {
        /// Where.
        place: String,
        /// What was looked for.
        why: String,
    },
    /// Something in it must not be there.
    #[error("{place} is refused: {why}")]
    Refused {
        /// Where.
        place: String,
        /// What was found.
        why: String,
    },
    /// It cannot be read.
    #[error("{place} cannot be read")]
    Unreadable {
        /// Where.
        place: String,
        /// Why.
        source: std::io::Error,
    },
    /// Every image in it is refused.
    #[error("nothing of {place} was imported: {} refused", refused.len())]
    Nothing {
        /// Where.
        place: String,
        /// Why, one by one.
        refused: Vec<Refused>,
    },
    /// No image in it.
    #[error("{place} holds no image")]
    Empty {
        /// Where.
        place: String,
    },
    /// It was stopped, or the vault could not take it.
    #[error(transparent)]
    Work(#[from] BackupError),
}

impl From<VaultError> for ImportError {
    fn from(error: VaultError) -> Self {
        Self::Work(error.into())
    }
}

/// Where an image came in.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Landed {
    /// What the files call it.
    pub from: String,
    /// `repository:tag`, or `repository@digest` without a tag.
    pub to: String,
    /// Its digest.
    pub digest: Digest,
}

/// An image that was not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// What the files call it.
    pub from: String,
    /// Why.
    pub why: String,
    /// What somebody can do about it.
    pub remedy: String,
}

/// What came of an import.
#[derive(Debug)]
pub struct Imported {
    /// The snapshot.
    pub snapshot: SnapshotOutcome,
    /// What came in whole.
    pub landed: Vec<Landed>,
    /// What did not, and is no gap either.
    pub refused: Vec<Refused>,
}

impl Imported {
    /// Whether everything in the files came in whole.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.refused.is_empty() && self.snapshot.index.is_complete()
    }
}

/// What an entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Image,
    /// What cosign keeps beside an image, under a tag with this ending.
    Beside(&'static str),
    /// It says itself what it is about.
    Referrer,
}

/// One image to import.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Found {
    name: Name,
    kind: Kind,
    digest: Digest,
    media_type: Option<String>,
}

/// Where the objects are.
#[derive(Default)]
enum Bytes {
    #[default]
    None,
    /// In files that can be read one by one.
    Folder(Arc<dyn Origin>),
    /// The same, and manifests that were made.
    Made(Vec<bytes::Bytes>, Arc<dyn Origin>),
    Archive(archive::Archive),
}

/// Foreign files that were looked through.
#[derive(Default)]
struct Opened {
    found: Vec<Found>,
    refused: Vec<Refused>,
    notes: Vec<Note>,
    loose: Vec<Loose>,
    bytes: Bytes,
}

/// How to say where an image goes.
fn renaming(from: &str) -> String {
    let from = from.split_once(" (").map_or(from, |(name, _)| name);
    format!("say where it goes with --name '{from}=<repository>:<tag>'")
}

/// Imports what lies at `path`, a folder or a tar archive, as one sealed snapshot.
pub async fn run(cx: &ImportContext, destination: &Destination, path: &Path) -> Result<Imported, ImportError> {
    cx.vault.check().await?;
    let owner = format!("import {}/{}", destination.harbor, destination.project);
    let held = Held::take(&cx.vault, &owner).await?;
    let outcome = import(cx, destination, path, &held).await;
    held.release().await;
    outcome
}

async fn import(cx: &ImportContext, destination: &Destination, path: &Path, held: &Held) -> Result<Imported, ImportError> {
    let started = OffsetDateTime::now_utc();
    cx.progress.event(Event::Phase("listing"));
    let Opened { found, mut refused, mut notes, loose, bytes } = open(path).await?;
    if found.is_empty() && refused.is_empty() {
        return Err(ImportError::Empty { place: path.display().to_string() });
    }
    if found.len() > ARTIFACTS_MAX {
        let project = destination.project.clone();
        return Err(BackupError::TooMuch { project, what: "artifacts", limit: ARTIFACTS_MAX }.into());
    }
    let Placed { mut nodes, mut landed, refused: unplaced, notes: said } = place(destination, &found);
    refused.extend(unplaced);
    notes.extend(said);
    if nodes.len() == 0 {
        return Err(ImportError::Nothing { place: path.display().to_string(), refused });
    }
    let stored = Arc::new(Stored::default());
    let (origin, damaged) = take(cx, bytes, &stored).await?;
    notes.extend(damaged);
    let fetcher = Arc::new(Fetcher {
        origin,
        vault: cx.vault.clone(),
        progress: Arc::clone(&cx.progress),
        throttle: Throttle::new(Arc::clone(&cx.control)),
        breaker: Breaker::default(),
        stored,
    });
    cx.progress.event(Event::Phase("reading manifests"));
    let mut states = manifests::read_all(&fetcher, &Known::default(), &mut nodes, None).await?;
    if attach(&mut nodes, &loose, &mut landed, &mut notes)? {
        states = manifests::read_all(&fetcher, &Known::default(), &mut nodes, None).await?;
    }
    relate(&mut nodes, &subjects(&states));
    let snapshot = seal(cx, destination, held, &fetcher, (started, nodes, states, notes)).await?;
    let gaps: HashSet<&str> = snapshot.index.gaps.iter().map(|gap| gap.subject.as_str()).collect();
    landed.retain(|line| !gaps.contains(line.to.as_str()));
    Ok(Imported { snapshot, landed, refused })
}

/// Reads the layers, and seals what is whole.
async fn seal(
    cx: &ImportContext,
    destination: &Destination,
    held: &Held,
    fetcher: &Arc<Fetcher>,
    (started, nodes, states, notes): (OffsetDateTime, Nodes, States, Vec<Note>),
) -> Result<SnapshotOutcome, ImportError> {
    cx.progress.event(Event::Phase("reading layers"));
    let repositories: BTreeMap<RepositoryName, Option<String>> = nodes.iter().map(|(repository, ..)| (repository.clone(), None)).collect();
    let fetched = blobs::fetch_all(fetcher, &nodes, &states, &Names::new()).await?;
    let assembled = assemble(repositories, nodes, states, &fetched);
    cx.progress.event(Event::Phase("sealing"));
    let mut members = Vec::with_capacity(assembled.repositories.len());
    for index in assembled.repositories {
        fetcher.throttle.check().await.map_err(BackupError::from)?;
        let descriptor = cx.vault.put_repository(&index).await?;
        members.push((index.name, descriptor));
    }
    let index = SnapshotIndex {
        limits: Vec::new(),
        harbor: destination.harbor.clone(),
        project: destination.project.clone(),
        origin: ContentOrigin::Files,
        started: destination.moment,
        finished: destination.moment + (OffsetDateTime::now_utc() - started).max(time::Duration::ZERO),
        gaps: gap::bounded(assembled.gaps, destination.project.as_str()),
        config: None,
        harbor_config: None,
        pushed: None,
        listed: None,
        repositories: members,
        elsewhere: assembled.elsewhere,
        closed: true,
    };
    let snapshot = cx.vault.put_snapshot(&index).await?;
    fetcher.throttle.check_now().await.map_err(BackupError::from)?;
    let pointer = Pointer {
        harbor: destination.harbor.clone(),
        project: destination.project.clone(),
        moment: destination.moment,
        id: Uuid::now_v7(),
        snapshot,
        signature: None,
    };
    let name = held.seal(&pointer).await?;
    let stats = Stats {
        repositories: index.repositories.len() as u64,
        repositories_changed: index.repositories.len() as u64,
        artifacts: assembled.artifacts,
        tags: assembled.tags,
        blobs_new: fetcher.stored.objects(),
        bytes_new: fetcher.stored.bytes(),
        ..Stats::default()
    };
    let (digest, moment) = (pointer.snapshot.digest, pointer.moment);
    let (pointer, pointer_id) = (name, pointer.id);
    Ok(SnapshotOutcome { confirmed: None, digest, pointer, pointer_id, moment, index, stats, own: None, notes, last_change: None })
}

/// Tells the forms apart by what lies there, never by a name's ending.
async fn open(path: &Path) -> Result<Opened, ImportError> {
    let place = path.display().to_string();
    let kind = tokio::fs::metadata(path).await.map_err(|source| ImportError::Unreadable { place: place.clone(), source })?;
    if !kind.is_file() && !kind.is_dir() {
        return Err(ImportError::Unknown { place, why: "it is neither a folder nor a file".to_owned() });
    }
    let path = path.to_owned();
    let opened = tokio::task::spawn_blocking(move || if kind.is_file() { archive::open(&path) } else { folder::open(&path) });
    opened.await.unwrap_or_else(|failed| std::panic::resume_unwind(failed.into_panic()))
}

/// Makes the objects ready to be read. Answers what was found damaged by that.
async fn take(cx: &ImportContext, bytes: Bytes, stored: &Arc<Stored>) -> Result<(Arc<dyn Origin>, Vec<Note>), ImportError> {
    match bytes {
        Bytes::Archive(archive) => archive.read(cx, stored).await,
        Bytes::Folder(origin) => Ok((origin, Vec::new())),
        Bytes::Made(manifests, origin) => {
            put(cx, &manifests, stored).await?;
            Ok((origin, Vec::new()))
        }
        Bytes::None => Err(ImportError::Empty { place: "the import".to_owned() }),
    }
}

/// Stores manifests that were made.
async fn put(cx: &ImportContext, manifests: &[bytes::Bytes], stored: &Stored) -> Result<(), ImportError> {
    for manifest in manifests {
        if cx.vault.size_of(&Digest::of(manifest)).await?.is_none() {
            stored.add(manifest.len() as u64);
        }
        cx.vault.put_bytes(manifest).await?;
    }
    Ok(())
}

/// Brings in what is about an image and named by nothing: newer cosign leaves signatures so. Answers whether there was any.
fn attach(nodes: &mut Nodes, loose: &[Loose], landed: &mut Vec<Landed>, notes: &mut Vec<Note>) -> Result<bool, ImportError> {
    let mut places: BTreeMap<Digest, Vec<RepositoryName>> = BTreeMap::new();
    for (repository, digest, _) in nodes.iter() {
        places.entry(*digest).or_default().push(repository.clone());
    }
    let mut about: BTreeMap<Digest, Vec<&Loose>> = BTreeMap::new();
    for object in loose.iter().filter(|object| !places.contains_key(&object.digest)) {
        about.entry(object.subject).or_default().push(object);
    }
    let mut any = false;
    let mut waiting: Vec<Digest> = places.keys().copied().collect();
    while let Some(subject) = waiting.pop() {
        for object in about.remove(&subject).unwrap_or_default() {
            let repositories = places.get(&subject).cloned().unwrap_or_default();
            for repository in &repositories {
                if nodes.len() >= ARTIFACTS_MAX {
                    return Err(BackupError::TooMuch { project: repository.project(), what: "artifacts", limit: ARTIFACTS_MAX }.into());
                }
                let mut seen = crate::source::Seen::bare(repository.clone(), object.digest);
                seen.media_type = Some(Arc::from(object.media_type.as_str()));
                nodes.add(&seen, vault::tree::Role::Root);
                let from = format!("about {}, not named", subject.short());
                landed.push(Landed { from, to: artifact_subject(repository, &object.digest), digest: object.digest });
            }
            places.insert(object.digest, repositories);
            waiting.push(object.digest);
            any = true;
        }
    }
    let left: Vec<&Loose> = about.into_values().flatten().collect();
    for object in left.iter().take(LOOSE_SAID_MAX) {
        let text = format!("it is about {}, which is not imported", object.subject.short());
        notes.push(layout::left_out(&object.digest.to_string(), &text));
    }
    if left.len() > LOOSE_SAID_MAX {
        notes.push(layout::left_out(&format!("{} more", left.len() - LOOSE_SAID_MAX), "they are about what is not imported"));
    }
    Ok(any)
}

/// What each manifest that was read is about.
fn subjects(states: &States) -> BTreeMap<Digest, Digest> {
    let about = |(digest, state): (&Digest, &State)| match state {
        State::Read(parts) => parts.subject.map(|subject| (*digest, subject)),
        _ => None,
    };
    states.iter().filter_map(about).collect()
}
