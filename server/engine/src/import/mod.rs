//! Images that other tools exported become a snapshot: OCI layouts (`oras backup`, `skopeo copy oci:`, `crane pull --format=oci`,
//! `regctl image export`), as folders or as tar archives, and folders of `skopeo sync`.
//!
//! Nothing in them is believed. Only three kinds of name are read at all (`oci-layout`, `index.json`, `blobs/sha256/<64 hex>`; for
//! `skopeo sync` its own four), nothing is extracted to a path, links and devices are refused or never opened, counts and sizes have
//! limits, and every byte is hashed before it is named. What an image lacks makes a named gap, as in a backup; blobs are never unpacked.

mod archive;
mod files;
mod layout;
mod sync;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use time::OffsetDateTime;
use uuid::Uuid;
use vault::tree::{Role, SnapshotIndex};
use vault::{HarborName, Pointer, Vault, VaultError};
use vocab::{Digest, ProjectName, RepositoryName, Tag};

use crate::backup::assemble::assemble;
use crate::backup::collect::Nodes;
use crate::backup::fetch::{Fetcher, Origin, Stored};
use crate::backup::manifests::{State, States};
use crate::backup::pace::{Breaker, Pace};
use crate::backup::previous::Known;
use crate::backup::{ARTIFACTS_MAX, BackupError, Note, SnapshotOutcome, Stats, blobs, manifests};
use crate::control::{Control, Event, Progress};
use crate::hold::Held;
use crate::source::Seen;

/// Most files one import looks at.
pub const FILES_MAX: usize = 1_000_000;
/// Largest `index.json` that is read, in bytes.
pub const INDEX_BYTES_MAX: u64 = 64 * 1024 * 1024;

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
    /// Repository of images whose files do not say one; a layout usually holds one repository and says tags only.
    pub repository: Option<RepositoryName>,
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
    /// The files do not say which repository the images are of.
    #[error("the files give tags and no repository; say which repository they are of")]
    NoRepository,
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

/// One image to import.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Found {
    /// `None`: the files do not say.
    path: Option<String>,
    tag: Option<Tag>,
    digest: Digest,
    media_type: Option<String>,
}

/// Foreign files that were looked through.
struct Opened {
    found: Vec<Found>,
    origin: Arc<dyn Origin>,
    notes: Vec<Note>,
}

/// Imports what lies at `path`, a folder or a tar archive, as one sealed snapshot.
pub async fn run(cx: &ImportContext, destination: &Destination, path: &Path) -> Result<SnapshotOutcome, ImportError> {
    cx.vault.check().await?;
    let owner = format!("import {}/{}", destination.harbor, destination.project);
    let held = Held::take(&cx.vault, &owner).await?;
    let outcome = import(cx, destination, path, &held).await;
    held.release().await;
    outcome
}

async fn import(cx: &ImportContext, destination: &Destination, path: &Path, held: &Held) -> Result<SnapshotOutcome, ImportError> {
    let started = OffsetDateTime::now_utc();
    cx.progress.event(Event::Phase("listing"));
    let stored = Arc::new(Stored::default());
    let Opened { found, origin, mut notes } = open(cx, path, &stored).await?;
    if found.is_empty() {
        return Err(ImportError::Empty { place: path.display().to_string() });
    }
    if found.len() > ARTIFACTS_MAX {
        let project = destination.project.clone();
        return Err(BackupError::TooMuch { project, what: "artifacts", limit: ARTIFACTS_MAX }.into());
    }
    let fetcher = Arc::new(Fetcher {
        origin,
        vault: cx.vault.clone(),
        progress: Arc::clone(&cx.progress),
        pace: Pace::new(Arc::clone(&cx.control)),
        breaker: Breaker::default(),
        stored,
    });
    let mut nodes = place(destination, found, &mut notes)?;
    let repositories: BTreeMap<RepositoryName, Option<String>> = nodes.iter().map(|(repository, ..)| (repository.clone(), None)).collect();
    cx.progress.event(Event::Phase("reading manifests"));
    let states = manifests::read_all(&fetcher, &Known::default(), &mut nodes, None).await?;
    relate(&mut nodes, &states);
    cx.progress.event(Event::Phase("reading layers"));
    let failures = blobs::fetch_all(&fetcher, &nodes, &states).await?;
    let assembled = assemble(repositories, nodes, states, &failures);
    cx.progress.event(Event::Phase("sealing"));
    let mut members = Vec::with_capacity(assembled.repositories.len());
    for index in assembled.repositories {
        fetcher.pace.check().await.map_err(BackupError::from)?;
        let descriptor = cx.vault.put_repository(&index).await?;
        members.push((index.name, descriptor));
    }
    let index = SnapshotIndex {
        harbor: destination.harbor.clone(),
        project: destination.project.clone(),
        origin: vault::tree::Origin::Files,
        started: destination.moment,
        finished: destination.moment + (OffsetDateTime::now_utc() - started).max(time::Duration::ZERO),
        gaps: assembled.gaps,
        config: None,
        harbor_config: None,
        pushed: None,
        listed: None,
        repositories: members,
    };
    let snapshot = cx.vault.put_snapshot(&index).await?;
    fetcher.pace.check_now().await.map_err(BackupError::from)?;
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
    Ok(SnapshotOutcome { digest, pointer: name, pointer_id: pointer.id, moment, index, stats, notes, last_change: None })
}

/// Tells the forms apart by what lies there, never by a name's ending.
async fn open(cx: &ImportContext, path: &Path, stored: &Arc<Stored>) -> Result<Opened, ImportError> {
    let place = path.display().to_string();
    let unreadable = |source| ImportError::Unreadable { place: place.clone(), source };
    let kind = tokio::fs::metadata(path).await.map_err(unreadable)?;
    if kind.is_file() {
        return archive::open(cx, path, stored).await;
    }
    if !kind.is_dir() {
        return Err(ImportError::Unknown { place, why: "it is neither a folder nor a file".to_owned() });
    }
    let path = path.to_owned();
    let opened =
        tokio::task::spawn_blocking(move || if path.join(layout::MARKER).is_file() { layout::open(&path) } else { sync::open(&path) });
    opened.await.unwrap_or_else(|failed| std::panic::resume_unwind(failed.into_panic()))
}

/// Gives every image its repository. A tag that is named twice stays with the first.
fn place(destination: &Destination, found: Vec<Found>, notes: &mut Vec<Note>) -> Result<Nodes, ImportError> {
    let mut nodes = Nodes::default();
    let told = destination.repository.as_ref().map(|repository| repository.in_project(&destination.project));
    let paths: BTreeSet<&String> = found.iter().filter_map(|image| image.path.as_ref()).collect();
    // Images without a name belong to the only repository there is.
    let only = match (told, paths.first()) {
        (None, Some(path)) if paths.len() == 1 => Some(repository(&destination.project, path)?),
        (told, _) => told,
    };
    for image in &found {
        let repository = match (&image.path, &only) {
            (Some(path), _) => repository(&destination.project, path)?,
            (None, Some(only)) => only.clone(),
            (None, None) if paths.is_empty() => return Err(ImportError::NoRepository),
            (None, None) => {
                notes.push(layout::left_out(&image.digest.to_string(), "the files do not say which of their repositories it is of"));
                continue;
            }
        };
        let tag = image.tag.clone();
        let mut seen = Seen::bare(repository.clone(), image.digest);
        seen.media_type = image.media_type.as_deref().map(Arc::from);
        nodes.add(&seen, Role::Root);
        if let Some(tag) = tag
            && !nodes.claim(&repository, &tag, &image.digest)
        {
            notes.push(Note {
                code: "tag_twice",
                subject: format!("{repository}:{tag}"),
                text: format!("the files name this tag twice; it stays with the first, {} keeps no tag", image.digest.short()),
            });
        }
    }
    Ok(nodes)
}

/// The repository for a path as foreign tools write it: a registry's host in front is left out, and so is the project itself.
fn repository(project: &ProjectName, path: &str) -> Result<RepositoryName, ImportError> {
    let mut parts: Vec<&str> = path.split('/').collect();
    if parts.len() > 1 && (parts[0].contains(['.', ':']) || parts[0] == "localhost") {
        parts.remove(0);
    }
    if parts.len() > 1 && parts[0] == project.as_str() {
        parts.remove(0);
    }
    let name = format!("{project}/{}", parts.join("/"));
    name.parse().map_err(|e| ImportError::Refused { place: format!("the repository {path:?}"), why: format!("{e}") })
}

/// What is about another image of its repository becomes its accessory, so that a restore sends it after that image.
fn relate(nodes: &mut Nodes, states: &States) {
    let mut accessories = Vec::new();
    for (repository, digest, node) in nodes.iter() {
        let subject = match states.get(digest) {
            Some(State::Read(parts)) => parts.subject.map(|subject| (subject, ACCESSORY)),
            _ => None,
        };
        let by_tag = || node.tags.iter().find_map(signed_by_tag).map(|subject| (subject, COSIGN));
        if let Some((subject, kind)) = subject.or_else(by_tag)
            && subject != *digest
            && nodes.contains(repository, &subject)
        {
            accessories.push((repository.clone(), *digest, Role::Accessory { subject, kind: kind.to_owned() }));
        }
    }
    for (repository, digest, role) in accessories {
        nodes.set_role(&repository, &digest, role);
    }
}

/// The image that a signature's tag names: `sha256-<64 hex>.sig`.
fn signed_by_tag(tag: &Tag) -> Option<Digest> {
    let hex = tag.as_str().strip_prefix("sha256-")?.strip_suffix(".sig")?;
    Digest::from_hex(hex).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_foreign_path_loses_its_host_and_the_project_and_nothing_else() {
        let project: ProjectName = "shop".parse().unwrap();
        let name = |path: &str| repository(&project, path).map(|r| r.to_string());
        assert_eq!(name("app").unwrap(), "shop/app");
        assert_eq!(name("shop/app").unwrap(), "shop/app");
        assert_eq!(name("registry.example:5000/shop/team/app").unwrap(), "shop/team/app");
        assert_eq!(name("library/app").unwrap(), "shop/library/app");
        assert_eq!(name("shop").unwrap(), "shop/shop");
        for bad in ["..", "a/../b", "A", "a b", "", "a\u{202e}b", "/a", "a\n"] {
            assert!(name(bad).is_err(), "{bad:?}");
        }
    }
}
