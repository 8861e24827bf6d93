//! From a selection to what of the snapshot is wanted: tags and artifacts in the order in which they were pushed, each followed by its
//! accessories.

use std::collections::{BTreeMap, HashSet};

use futures::{StreamExt, TryStreamExt, stream};
use vault::Vault;
use vault::tree::{PushTimes, RepositoryIndex, RepositoryMember, RepositoryPushes, Role, SnapshotIndex};
use vocab::{Digest, RepositoryName, Tag};

use super::about::{About, named_subject};
use super::context::PlanError;
use super::model::BY_NAME;
use super::order;
use crate::select::{Selection, Wanted, What};

/// Repository indexes read at a time.
const INDEXES_AT_ONCE: usize = 8;
/// Names of what is missing that an error carries.
const NAMES_MAX: usize = 20;

/// One tag or artifact that is wanted.
#[derive(Debug, Clone)]
pub(crate) struct Desired {
    pub repository: RepositoryName,
    pub tag: Option<Tag>,
    pub digest: Digest,
    pub media_type: String,
    /// What it is about, of an accessory.
    pub about: Option<Subject>,
    /// The image it belongs to, of an accessory; of an image itself.
    pub root: Digest,
    /// What it comes along for.
    pub brought_for: Option<Digest>,
    /// Whether somebody asked for this very accessory.
    pub asked: bool,
}

/// What an accessory is about.
#[derive(Debug, Clone)]
pub(crate) struct Subject {
    pub digest: Digest,
    pub kind: String,
    /// Whether the snapshot has it in the same repository. Where it does not, the accessory was alone there too.
    pub known: bool,
}

/// What is wanted, and what is known of its order.
pub(crate) struct DesiredSet {
    /// By repository; within one in the order in which they are to be written.
    pub items: Vec<Desired>,
    /// Whether the snapshot says when things were pushed.
    pub order_known: bool,
}

/// Reads what is needed of the snapshot.
pub(crate) async fn select(
    vault: &Vault,
    index: &SnapshotIndex,
    selection: &Selection,
    accessories: bool,
) -> Result<DesiredSet, PlanError> {
    let wanted: Option<BTreeMap<&RepositoryName, Vec<&What>>> = match selection {
        Selection::Project => None,
        Selection::Items(items) => Some(by_repository(items)),
    };
    let is_needed = |name: &RepositoryName| wanted.as_ref().is_none_or(|w| w.contains_key(name));
    let needed: Vec<Digest> =
        index.repositories.iter().filter(|(name, _)| is_needed(name)).map(|(_, descriptor)| descriptor.digest).collect();
    let mut read: Vec<RepositoryIndex> =
        stream::iter(needed).map(|digest| async move { vault.repository(&digest).await }).buffered(INDEXES_AT_ONCE).try_collect().await?;
    read.sort_by(|a, b| a.name.cmp(&b.name));
    let times = push_times(vault, index).await?;
    let none = RepositoryPushes::default();
    let mut missing = Vec::new();
    let mut desired_set = Vec::new();
    let mut found: HashSet<&RepositoryName> = HashSet::new();
    for repository in &read {
        found.insert(&repository.name);
        let about = About::of(repository);
        let whats = wanted.as_ref().map(|wanted| wanted.get(&repository.name).map_or(&[][..], Vec::as_slice));
        let Chosen { images, named, absent } = choose(repository, &about, whats);
        missing.extend(absent.iter().map(|what| name(&repository.name, what)));
        let pushes = times.as_ref().and_then(|times| times.repositories.get(&repository.name)).unwrap_or(&none);
        let images = order::images(images, pushes);
        desired_set.extend(about.desired_set(vault, images, named, accessories, pushes).await?);
    }
    for (repository, whats) in wanted.iter().flatten() {
        if !found.contains(*repository) {
            missing.extend(whats.iter().map(|what| name(repository, what)));
        }
    }
    if !missing.is_empty() {
        return Err(PlanError::not_in_snapshot(index, missing, NAMES_MAX));
    }
    Ok(DesiredSet { items: desired_set, order_known: times.is_some() })
}

/// The push times, if the snapshot has them. A record that is lost costs the order and nothing else.
async fn push_times(vault: &Vault, index: &SnapshotIndex) -> Result<Option<PushTimes>, PlanError> {
    let Some(pushed) = &index.pushed else { return Ok(None) };
    match vault.push_times(&pushed.digest).await {
        Ok(times) => Ok(Some(times)),
        Err(error) if error.is_transient() => Err(error.into()),
        Err(error) => {
            tracing::warn!(code = error.code(), "the push times of a snapshot cannot be read; restoring without their order");
            Ok(None)
        }
    }
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

/// An accessory that comes for itself.
#[derive(Clone, Copy)]
pub(super) struct Named<'a> {
    pub member: &'a RepositoryMember,
    /// Somebody asked for it by its tag or digest: it brings what it is about.
    pub asked: bool,
}

/// What was asked for in one repository.
struct Chosen<'a, 'b> {
    /// Tags and artifacts that are no accessories: the tag each gets.
    images: Vec<(&'a RepositoryMember, Option<Tag>)>,
    /// Accessories that come for themselves, even where accessories stay behind.
    named: Vec<Named<'a>>,
    absent: Vec<&'b What>,
}

fn choose<'a, 'b>(repository: &'a RepositoryIndex, about: &About<'a>, whats: Option<&[&'b What]>) -> Chosen<'a, 'b> {
    let mut chosen = Chosen { images: Vec::new(), named: Vec::new(), absent: Vec::new() };
    let Some(whats) = whats else {
        // Tags, and artifacts without one. Children and accessories come with what they belong to.
        let own = |m: &&RepositoryMember| match m.role {
            Role::Root => true,
            Role::Child => m.tag.is_some(),
            Role::Accessory { .. } => false,
        };
        let roots = repository.members.iter().filter(own).filter(|m| !about.is_accessory(m));
        chosen.images.extend(roots.map(|m| (m, m.tag.clone())));
        chosen.named.extend(about.alone().chain(about.by_name()).map(|member| Named { member, asked: false }));
        return chosen;
    };
    for what in whats {
        let before = chosen.images.len() + chosen.named.len();
        match what {
            What::AllTags => {
                let tagged = repository.members.iter().filter(|m| m.tag.is_some() && !about.is_accessory(m));
                chosen.images.extend(tagged.map(|m| (m, m.tag.clone())));
                let alone = about.alone().chain(about.by_name()).filter(|m| m.tag.is_some());
                chosen.named.extend(alone.map(|member| Named { member, asked: false }));
            }
            What::Tag(tag) => chosen.take(about, repository.members.iter().filter(|m| m.tag.as_ref() == Some(tag)), true),
            What::Artifact(digest) => {
                let all = repository.members.iter().filter(|m| m.descriptor.digest == *digest);
                // An accessory comes back as it was; an image asked for by digest comes without its tag.
                let is_accessory = all.clone().any(|m| about.is_accessory(m));
                chosen.take(about, all.take(if is_accessory { usize::MAX } else { 1 }), false);
            }
        }
        // A repository that had no tags has none to restore; that is an answer, not a mistake.
        if chosen.images.len() + chosen.named.len() == before && !matches!(what, What::AllTags) {
            chosen.absent.push(*what);
        }
    }
    chosen
}

impl<'a> Chosen<'a, '_> {
    fn take(&mut self, about: &About<'a>, members: impl Iterator<Item = &'a RepositoryMember>, tagged: bool) {
        for member in members {
            if about.is_accessory(member) {
                self.named.push(Named { member, asked: true });
            } else {
                self.images.push((member, member.tag.clone().filter(|_| tagged)));
            }
        }
    }
}

/// What a member is about: by its role, or by the name of its tag where cosign has no other tie and the image is there too.
pub(super) fn subject_of(member: &RepositoryMember, digests: &HashSet<Digest>) -> Option<Subject> {
    match &member.role {
        Role::Accessory { subject, kind } => Some(Subject { digest: *subject, kind: kind.clone(), known: digests.contains(subject) }),
        Role::Root | Role::Child => {
            let digest = named_subject(member.tag.as_ref()?)?;
            let known = digest != member.descriptor.digest && digests.contains(&digest);
            known.then(|| Subject { digest, kind: BY_NAME.to_owned(), known })
        }
    }
}
