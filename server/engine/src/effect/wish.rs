//! From a selection to what of the snapshot is wanted: tags and artifacts, each with its accessories.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use futures::{StreamExt, TryStreamExt, stream};
use vault::Vault;
use vault::tree::{RepositoryIndex, RepositoryMember, Role, SnapshotIndex};
use vocab::manifest::MANIFEST_BYTES_MAX;
use vocab::{Digest, Manifest, RepositoryName, Tag, media};

use super::make::PlanError;
use crate::backup::DEPTH_MAX;
use crate::select::{Selection, Wanted, What};

/// Repository indexes read at a time.
const INDEXES_AT_ONCE: usize = 8;
/// Names of what is missing that an error carries.
const NAMES_MAX: usize = 20;

/// One tag or artifact that is wanted.
#[derive(Debug, Clone)]
pub(crate) struct Wish {
    pub repository: RepositoryName,
    pub tag: Option<Tag>,
    pub digest: Digest,
    pub media_type: String,
    pub accessories: Vec<WishedAccessory>,
}

/// An accessory that comes along.
#[derive(Debug, Clone)]
pub(crate) struct WishedAccessory {
    pub digest: Digest,
    pub media_type: String,
    pub subject: Digest,
    pub kind: String,
    pub tag: Option<Tag>,
}

/// Reads what is needed of the snapshot. Sorted by repository, tag and digest.
pub(crate) async fn wishes(vault: &Vault, index: &SnapshotIndex, selection: &Selection, accessories: bool) -> Result<Vec<Wish>, PlanError> {
    let wanted: Option<BTreeMap<&RepositoryName, Vec<&What>>> = match selection {
        Selection::Project => None,
        Selection::Items(items) => Some(by_repository(items)),
    };
    let is_needed = |name: &RepositoryName| wanted.as_ref().is_none_or(|w| w.contains_key(name));
    let needed: Vec<Digest> =
        index.repositories.iter().filter(|(name, _)| is_needed(name)).map(|(_, descriptor)| descriptor.digest).collect();
    let read: Vec<RepositoryIndex> =
        stream::iter(needed).map(|digest| async move { vault.repository(&digest).await }).buffered(INDEXES_AT_ONCE).try_collect().await?;
    let mut missing = Vec::new();
    let mut wishes = Vec::new();
    let mut found: HashSet<&RepositoryName> = HashSet::new();
    for repository in &read {
        found.insert(&repository.name);
        let (chosen, absent) = match &wanted {
            None => (everything(repository), Vec::new()),
            Some(wanted) => choose(repository, wanted.get(&repository.name).map_or(&[], Vec::as_slice)),
        };
        missing.extend(absent.iter().map(|what| name(&repository.name, what)));
        let about = About::of(repository);
        for member in chosen {
            let accessories = if accessories {
                about.accessories(vault, &member.descriptor.digest, &member.descriptor.media_type).await?
            } else {
                Vec::new()
            };
            wishes.push(Wish {
                repository: repository.name.clone(),
                tag: member.tag.clone(),
                digest: member.descriptor.digest,
                media_type: member.descriptor.media_type.clone(),
                accessories,
            });
        }
    }
    for (repository, whats) in wanted.iter().flatten() {
        if !found.contains(*repository) {
            missing.extend(whats.iter().map(|what| name(repository, what)));
        }
    }
    if !missing.is_empty() {
        return Err(PlanError::not_in_snapshot(index, missing, NAMES_MAX));
    }
    wishes.sort_by(|a, b| (&a.repository, &a.tag, a.digest).cmp(&(&b.repository, &b.tag, b.digest)));
    wishes.dedup_by(|a, b| a.repository == b.repository && a.tag == b.tag && a.digest == b.digest);
    Ok(wishes)
}

fn by_repository(items: &[Wanted]) -> BTreeMap<&RepositoryName, Vec<&What>> {
    let mut wanted: BTreeMap<&RepositoryName, Vec<&What>> = BTreeMap::new();
    for item in items {
        wanted.entry(&item.repository).or_default().push(&item.what);
    }
    wanted
}

fn name(repository: &RepositoryName, what: &What) -> String {
    match what {
        What::AllTags => repository.to_string(),
        What::Tag(tag) => format!("{repository}:{tag}"),
        What::Artifact(digest) => format!("{repository}@{digest}"),
    }
}

/// Tags, and artifacts without one. Children and accessories come with what they belong to.
fn everything(repository: &RepositoryIndex) -> Vec<Cow<'_, RepositoryMember>> {
    repository.members.iter().filter(|m| m.role == Role::Root || (m.role == Role::Child && m.tag.is_some())).map(Cow::Borrowed).collect()
}

/// An artifact asked for by digest, without its tag.
fn choose<'a, 'b>(repository: &'a RepositoryIndex, whats: &[&'b What]) -> (Vec<Cow<'a, RepositoryMember>>, Vec<&'b What>) {
    let (mut chosen, mut absent) = (Vec::new(), Vec::new());
    for what in whats {
        let before = chosen.len();
        match what {
            What::AllTags => chosen.extend(
                repository.members.iter().filter(|m| m.tag.is_some() && !matches!(m.role, Role::Accessory { .. })).map(Cow::Borrowed),
            ),
            What::Tag(tag) => chosen.extend(repository.members.iter().filter(|m| m.tag.as_ref() == Some(tag)).map(Cow::Borrowed)),
            What::Artifact(digest) => chosen.extend(
                repository
                    .members
                    .iter()
                    .find(|m| m.descriptor.digest == *digest)
                    .map(|m| Cow::Owned(RepositoryMember { tag: None, ..m.clone() })),
            ),
        }
        // A repository that had no tags has none to restore; that is an answer, not a mistake.
        if chosen.len() == before && !matches!(what, What::AllTags) {
            absent.push(*what);
        }
    }
    (chosen, absent)
}

/// What is about what in one repository.
struct About<'a> {
    by_subject: HashMap<Digest, Vec<&'a RepositoryMember>>,
}

impl<'a> About<'a> {
    fn of(repository: &'a RepositoryIndex) -> Self {
        let mut by_subject: HashMap<Digest, Vec<&RepositoryMember>> = HashMap::new();
        for member in &repository.members {
            if let Role::Accessory { subject, .. } = &member.role {
                by_subject.entry(*subject).or_default().push(member);
            }
        }
        Self { by_subject }
    }

    /// Every accessory of the artifact, of its children, and of those accessories; subjects before what is about them, and of several
    /// signatures under one tag the untagged, older ones first.
    async fn accessories(&self, vault: &Vault, digest: &Digest, media_type: &str) -> Result<Vec<WishedAccessory>, PlanError> {
        if self.by_subject.is_empty() {
            return Ok(Vec::new());
        }
        let mut level: Vec<Digest> = closure(vault, digest, media_type).await;
        let mut seen: HashSet<Digest> = level.iter().copied().collect();
        let mut all = Vec::new();
        for _ in 0..DEPTH_MAX {
            let mut next = Vec::new();
            for subject in &level {
                let mut members: Vec<&&RepositoryMember> = self.by_subject.get(subject).into_iter().flatten().collect();
                members.sort_by(|a, b| (&a.tag, a.descriptor.digest).cmp(&(&b.tag, b.descriptor.digest)));
                for member in members {
                    let Role::Accessory { subject, kind } = &member.role else { continue };
                    let digest = member.descriptor.digest;
                    if seen.insert(digest) {
                        next.push(digest);
                    } else if member.tag.is_none() {
                        continue;
                    }
                    all.push(WishedAccessory {
                        digest,
                        media_type: member.descriptor.media_type.clone(),
                        subject: *subject,
                        kind: kind.clone(),
                        tag: member.tag.clone(),
                    });
                }
            }
            level = next;
            if level.is_empty() {
                break;
            }
        }
        Ok(all)
    }
}

/// The artifact and, of an index, what it lists, level by level. A manifest that cannot be read adds nothing: its line is blocked as
/// damaged anyway.
async fn closure(vault: &Vault, digest: &Digest, media_type: &str) -> Vec<Digest> {
    let mut all: Vec<Digest> = vec![*digest];
    let mut seen: BTreeSet<Digest> = BTreeSet::from([*digest]);
    let mut level = vec![(*digest, media_type.to_owned())];
    for _ in 0..DEPTH_MAX {
        let mut next = Vec::new();
        for (digest, media_type) in level.iter().filter(|(_, media_type)| media::is_index(media_type)) {
            let Ok(bytes) = vault.get_bytes(digest, MANIFEST_BYTES_MAX).await else { continue };
            let Ok(manifest) = Manifest::parse(media_type, &bytes) else { continue };
            for child in &manifest.children {
                if let Some(digest) = child.sha256().filter(|digest| seen.insert(*digest)) {
                    all.push(digest);
                    next.push((digest, child.stated_type().to_owned()));
                }
            }
        }
        if next.is_empty() {
            break;
        }
        level = next;
    }
    all
}
