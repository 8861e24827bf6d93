//! Which repository and tag each image lands under. Everything is decided before anything is stored.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use vault::tree::Role;
use vocab::{Digest, ProjectName, RepositoryName, Tag};

use super::name::{self, Bare, Name};
use super::{Destination, Found, Kind, Landed, Refused, renaming};
use crate::backup::Note;
use crate::backup::collect::Nodes;
use crate::backup::gap::{artifact_subject, tag_subject};
use crate::source::Seen;

/// Where an image lands: a repository, and a tag or none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    pub(super) repository: RepositoryName,
    pub(super) tag: Option<Tag>,
}

impl Target {
    /// Reads `[<project>/]<repository>[:<tag>]` as a place within the project.
    pub fn parse(project: &ProjectName, text: &str) -> Result<Self, String> {
        let name = Name::parse(text, Bare::Repository)?;
        let path = name.path.ok_or("it has no repository")?;
        Ok(Self { repository: name::repository(project, &path)?, tag: name.tag })
    }
}

/// What was placed.
pub(super) struct Placed {
    pub nodes: Nodes,
    pub landed: Vec<Landed>,
    pub refused: Vec<Refused>,
    pub notes: Vec<Note>,
}

/// Why an image cannot be placed, and what to do.
type Refusal = (String, String);

/// Gives every image its place.
pub(super) fn place(destination: &Destination, found: &[Found]) -> Placed {
    let mut targets = targets(destination, found);
    let mut notes = Vec::new();
    claim(found, &mut targets, &mut notes);
    let (mut nodes, mut landed, mut refused) = (Nodes::default(), Vec::new(), Vec::new());
    let mut said = HashSet::new();
    for (image, target) in found.iter().zip(targets) {
        match target {
            Ok(Target { repository, tag }) => {
                let mut seen = Seen::bare(repository.clone(), image.digest);
                seen.media_type = image.media_type.as_deref().map(Arc::from);
                nodes.add(&seen, Role::Root);
                let to = tag.as_ref().map_or_else(|| artifact_subject(&repository, &image.digest), |tag| tag_subject(&repository, tag));
                if let Some(tag) = &tag {
                    nodes.claim(&repository, tag, &image.digest);
                }
                let line = Landed { from: image.shown(), to, digest: image.digest };
                if said.insert(line.clone()) {
                    landed.push(line);
                }
            }
            Err((why, remedy)) => refused.push(Refused { from: image.shown(), why, remedy }),
        }
    }
    let used = |old: &str| found.iter().any(|image| image.is_called(old));
    for old in destination.names.keys().filter(|old| !used(old)) {
        let remedy = "give the name or the digest as this table shows it".to_owned();
        refused.push(Refused { from: old.clone(), why: "nothing in the files is called so".to_owned(), remedy });
    }
    Placed { nodes, landed, refused, notes }
}

fn targets(destination: &Destination, found: &[Found]) -> Vec<Result<Target, Refusal>> {
    let mut targets: Vec<Option<Result<Target, Refusal>>> = found.iter().map(|image| named(destination, image)).collect();
    // What has no repository of its own belongs where it is told to, or to the only repository there is.
    let repositories: BTreeSet<&RepositoryName> = targets.iter().flatten().flatten().map(|target| &target.repository).collect();
    let only = match (&destination.repository, repositories.first()) {
        (Some(told), _) => Ok(told.in_project(&destination.project)),
        (None, Some(only)) if repositories.len() == 1 => Ok((*only).clone()),
        (None, Some(_)) => Err("the files do not say which of their repositories it is of"),
        (None, None) => Err("the files do not say which repository it is of"),
    };
    for (image, target) in found.iter().zip(&mut targets).filter(|(image, target)| target.is_none() && !image.is_beside()) {
        *target = Some(match &only {
            Ok(repository) => Ok(Target { repository: repository.clone(), tag: image.name.tag.clone() }),
            Err(why) => {
                let remedy = format!("say it with --repository {}/<name>, or {}", destination.project, renaming(&image.shown()));
                Err(((*why).to_owned(), remedy))
            }
        });
    }
    let mut images: HashMap<&str, Vec<usize>> = HashMap::new();
    for (place, image) in found.iter().enumerate().filter(|(_, image)| image.kind == Kind::Image) {
        images.entry(&image.name.shown).or_default().push(place);
    }
    for place in 0..found.len() {
        if let Kind::Beside(ending) = found[place].kind {
            let named = images.get(found[place].name.shown.as_str()).map_or(&[][..], Vec::as_slice);
            targets[place] = Some(beside(found, &targets, named, place, ending));
        }
    }
    let lost = || Err(("it was not placed".to_owned(), "export it again".to_owned()));
    targets.into_iter().map(|target| target.unwrap_or_else(lost)).collect()
}

/// Where its name says, or where it was told to go instead. `None`: nothing says a repository.
fn named(destination: &Destination, image: &Found) -> Option<Result<Target, Refusal>> {
    if image.is_beside() {
        return None;
    }
    if let Some((_, target)) = destination.names.iter().find(|(old, _)| image.is_called(old)) {
        // What hauler lists as being about an image has the image's name, and no tag of its own.
        let tag = if image.kind == Kind::Image { target.tag.clone() } else { None };
        return Some(Ok(Target { repository: target.repository.clone(), tag }));
    }
    let tag = if image.kind == Kind::Image { image.name.tag.clone() } else { None };
    let placed = image.name.repository(&destination.project)?.map(|repository| Target { repository, tag });
    Some(placed.map_err(|why| (why, renaming(&image.shown()))))
}

/// The place of what cosign and hauler keep beside an image, under the tag that cosign gives it in a registry. Its image is the one before
/// it of those that have its name, else the first of them.
fn beside(
    found: &[Found],
    targets: &[Option<Result<Target, Refusal>>],
    images: &[usize],
    place: usize,
    ending: &str,
) -> Result<Target, Refusal> {
    let again = || "export it again with its image".to_owned();
    let before = images.partition_point(|image| *image < place);
    let image = images[..before].last().or_else(|| images.first());
    let image = *image.ok_or_else(|| ("the image it is about is not among the files".to_owned(), again()))?;
    let Some(Ok(Target { repository, .. })) = &targets[image] else {
        return Err(("the image it is about is refused".to_owned(), "what helps its image helps it too".to_owned()));
    };
    let tag = format!("sha256-{}.{ending}", found[image].digest.hex());
    let tag = tag.parse().map_err(|_| ("it has no tag".to_owned(), again()))?;
    Ok(Target { repository: repository.clone(), tag: Some(tag) })
}

/// Who has a tag: entries of one image.
#[derive(Default)]
struct Claim {
    holders: Vec<usize>,
    names_differ: bool,
}

/// Lets each tag name one image. Of one name given twice the later counts, as to every tool that reads a layout; two names that would land
/// under one tag are a mistake.
fn claim(found: &[Found], targets: &mut [Result<Target, Refusal>], notes: &mut Vec<Note>) {
    let mut claims: HashMap<(RepositoryName, Tag), Claim> = HashMap::new();
    for place in 0..found.len() {
        let Ok(Target { repository, tag: Some(tag) }) = &targets[place] else { continue };
        let subject = tag_subject(repository, tag);
        let claim = claims.entry((repository.clone(), tag.clone())).or_default();
        let Some(first) = claim.holders.first().copied() else {
            *claim = Claim { holders: vec![place], names_differ: false };
            continue;
        };
        let (image, before) = (&found[place], &found[first]);
        let is_same_name = !claim.names_differ && image.name.shown == before.name.shown && !image.name.shown.is_empty();
        if image.digest == before.digest {
            claim.holders.push(place);
            claim.names_differ |= !is_same_name;
        } else if is_same_name {
            let text = format!(
                "the files name it twice: it is {}, the later one; {} is kept without a tag",
                image.digest.short(),
                before.digest.short()
            );
            notes.push(Note { code: "tag_twice", subject, text, facts: serde_json::Value::Null });
            for holder in std::mem::replace(&mut claim.holders, vec![place]) {
                if let Ok(target) = &mut targets[holder] {
                    target.tag = None;
                }
            }
        } else {
            let why = format!("{} lands at {subject} too, and is another image", before.shown());
            targets[place] = Err((why, renaming(&image.shown())));
        }
    }
}

impl Found {
    /// What people know it by.
    pub(super) fn shown(&self) -> String {
        let name = if self.name.shown.is_empty() { self.digest.to_string() } else { self.name.shown.clone() };
        match self.kind {
            Kind::Image => name,
            Kind::Beside(ending) => format!("{name} ({ending})"),
            Kind::Referrer => format!("{name} (referrer)"),
        }
    }

    fn is_beside(&self) -> bool {
        matches!(self.kind, Kind::Beside(_))
    }

    fn is_called(&self, name: &str) -> bool {
        let without_scheme = name.split_once("://").map_or(name, |(_, rest)| rest);
        without_scheme == self.name.shown || name == self.digest.to_string()
    }
}

/// What is about another image of its repository becomes its accessory, so that a restore sends it after that image.
pub(super) fn relate(nodes: &mut Nodes, subjects: &BTreeMap<Digest, Digest>) {
    let mut accessories = Vec::new();
    for (repository, digest, node) in nodes.iter() {
        let by_subject = subjects.get(digest).map(|subject| (*subject, super::ACCESSORY));
        let by_tag = || node.tags.iter().find_map(signed_by_tag).map(|subject| (subject, super::COSIGN));
        if let Some((subject, kind)) = by_subject.or_else(by_tag)
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
