//! What is about what in one repository of a snapshot: signatures, SBOMs and the like, each once.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};

use vault::tree::{RepositoryIndex, RepositoryMember, RepositoryPushes, Role};
use vault::{Vault, Walk};
use vocab::{Digest, Tag, media};

use super::context::PlanError;
use super::desired::{Desired, Named, Subject, subject_of};
use super::order::{self, Image};
use crate::backup::DEPTH_MAX;

/// Endings of the tags by which cosign ties something to an image.
const ENDINGS: [&str; 3] = [".sig", ".att", ".sbom"];

/// The digest that a tag of cosign's convention speaks of: `sha256-<64 hex>.sig`, `.att`, `.sbom`.
pub(crate) fn named_subject(tag: &Tag) -> Option<Digest> {
    let name = ENDINGS.iter().find_map(|ending| tag.as_str().strip_suffix(ending))?;
    format!("sha256:{}", name.strip_prefix("sha256-")?).parse().ok()
}

/// The accessories of one repository.
pub(super) struct About<'a> {
    repository: &'a RepositoryIndex,
    digests: HashSet<Digest>,
    /// What each accessory is about.
    subjects: HashMap<Digest, Digest>,
    /// Accessories by what they are about.
    by_subject: HashMap<Digest, Vec<(&'a RepositoryMember, Subject)>>,
}

/// DesiredSet as they are put together: each accessory once, however many tags its subject has.
#[derive(Default)]
struct Line {
    desired_set: Vec<Desired>,
    placed: HashSet<(Digest, Option<Tag>)>,
}

impl<'a> About<'a> {
    pub(super) fn of(repository: &'a RepositoryIndex) -> Self {
        let digests = repository.members.iter().map(|member| member.descriptor.digest).collect();
        let mut about = Self { repository, digests, subjects: HashMap::new(), by_subject: HashMap::new() };
        for member in &repository.members {
            if let Some(subject) = subject_of(member, &about.digests) {
                about.subjects.insert(member.descriptor.digest, subject.digest);
                about.by_subject.entry(subject.digest).or_default().push((member, subject));
            }
        }
        for accessories in about.by_subject.values_mut() {
            // Of several signatures under one tag the older ones have it no more; the newest comes last and ends up with it.
            accessories.sort_by(|(a, _), (b, _)| (&a.tag, a.descriptor.digest).cmp(&(&b.tag, b.descriptor.digest)));
        }
        about
    }

    pub(super) fn is_accessory(&self, member: &RepositoryMember) -> bool {
        subject_of(member, &self.digests).is_some()
    }

    /// Accessories of what is not in this repository: they come with nothing else.
    pub(super) fn alone(&self) -> impl Iterator<Item = &'a RepositoryMember> + '_ {
        self.repository.members.iter().filter(|member| {
            let root = self.root_of(member.descriptor.digest);
            self.is_accessory(member) && (self.subjects.contains_key(&root) || !self.digests.contains(&root))
        })
    }

    /// Accessories that Harbor does not know as such.
    pub(super) fn by_name(&self) -> impl Iterator<Item = &'a RepositoryMember> + '_ {
        let plain = |member: &&RepositoryMember| !matches!(member.role, Role::Accessory { .. });
        self.repository.members.iter().filter(plain).filter(|member| self.is_accessory(member))
    }

    /// The images that are wanted, each followed by what is about it; then accessories that come for themselves. One that was asked for
    /// brings what it is about: whether that is needed is decided when the target was looked at.
    pub(super) async fn desired_set(
        &self,
        vault: &Vault,
        images: Vec<Image<'a>>,
        named: Vec<Named<'a>>,
        accessories: bool,
        pushes: &RepositoryPushes,
    ) -> Result<Vec<Desired>, PlanError> {
        let mut line = Line::default();
        let asked: HashSet<Digest> = images.iter().map(|image| image.member.descriptor.digest).collect();
        let brought = self.brought(&named, &asked);
        let mut by_root: HashMap<Digest, Vec<Named<'a>>> = HashMap::new();
        for one in &named {
            by_root.entry(self.root_of(one.member.descriptor.digest)).or_default().push(*one);
        }
        let wanted = images.into_iter().flat_map(|image| image.tags.into_iter().map(move |tag| (image.member, tag)));
        let wanted = wanted.chain(self.as_they_were(&brought)).collect();
        for Image { member, tags } in order::images(wanted, pushes) {
            let root = member.descriptor.digest;
            let brought_for = brought.get(&root).copied();
            for tag in tags {
                line.desired_set.push(Desired { tag, brought_for, ..self.desired(member, None, root) });
            }
            if accessories && brought_for.is_none() && !self.by_subject.is_empty() {
                self.follow(closure(vault, &root, &member.descriptor.media_type).await, root, &mut line);
            }
            for one in by_root.remove(&root).unwrap_or_default() {
                self.place(one, root, accessories, &mut line);
            }
        }
        // Those whose image is in no line: it was never in this repository, or nobody asked for it.
        for one in named {
            self.place(one, self.root_of(one.member.descriptor.digest), accessories, &mut line);
        }
        Ok(line.desired_set)
    }

    /// The images that accessories somebody asked for are about, and that nobody asked for: each with one that it comes along for.
    fn brought(&self, named: &[Named<'a>], asked: &HashSet<Digest>) -> BTreeMap<Digest, Digest> {
        let mut brought = BTreeMap::new();
        for one in named.iter().filter(|one| one.asked) {
            let (digest, root) = (one.member.descriptor.digest, self.root_of(one.member.descriptor.digest));
            if root != digest && self.digests.contains(&root) && !self.subjects.contains_key(&root) && !asked.contains(&root) {
                brought.entry(root).or_insert(digest);
            }
        }
        brought
    }

    /// Each under the tags it had; without one, by digest.
    fn as_they_were(&self, brought: &BTreeMap<Digest, Digest>) -> Vec<(&'a RepositoryMember, Option<Tag>)> {
        let members = self.repository.members.iter().filter(|member| brought.contains_key(&member.descriptor.digest));
        members.map(|member| (member, member.tag.clone())).collect()
    }

    /// What an accessory is about in the end: the image, or the last that is known.
    fn root_of(&self, digest: Digest) -> Digest {
        let mut at = digest;
        for _ in 0..DEPTH_MAX {
            match self.subjects.get(&at) {
                Some(subject) => at = *subject,
                None => break,
            }
        }
        at
    }

    /// One accessory that comes for itself, with what is about it in turn.
    fn place(&self, one: Named<'a>, root: Digest, accessories: bool, line: &mut Line) {
        let Named { member, asked } = one;
        let Some(subject) = subject_of(member, &self.digests) else { return };
        let (digest, tag) = (member.descriptor.digest, member.tag.clone());
        if line.placed.insert((digest, tag.clone())) {
            line.desired_set.push(Desired { tag, asked, ..self.desired(member, Some(subject), root) });
        } else if asked && let Some(known) = line.desired_set.iter_mut().find(|desired| desired.digest == digest && desired.tag == tag) {
            known.asked = true;
        }
        if accessories {
            self.follow(vec![digest], root, line);
        }
    }

    /// Everything about `level`, and about that; subjects before what is about them.
    fn follow(&self, level: Vec<Digest>, root: Digest, line: &mut Line) {
        let mut pending: VecDeque<(Digest, usize)> = level.into_iter().map(|digest| (digest, 0)).collect();
        while let Some((digest, depth)) = pending.pop_front() {
            for (member, subject) in self.by_subject.get(&digest).into_iter().flatten() {
                if depth < DEPTH_MAX && line.placed.insert((member.descriptor.digest, member.tag.clone())) {
                    line.desired_set.push(Desired { tag: member.tag.clone(), ..self.desired(member, Some(subject.clone()), root) });
                    pending.push_back((member.descriptor.digest, depth + 1));
                }
            }
        }
    }

    fn desired(&self, member: &RepositoryMember, about: Option<Subject>, root: Digest) -> Desired {
        Desired {
            repository: self.repository.name.clone(),
            tag: None,
            digest: member.descriptor.digest,
            media_type: member.descriptor.media_type.clone(),
            about,
            root,
            brought_for: None,
            asked: false,
        }
    }
}

/// The artifact and, of an index, what it lists, level by level. A manifest that cannot be read adds nothing: its line is blocked as
/// damaged anyway.
async fn closure(vault: &Vault, digest: &Digest, media_type: &str) -> Vec<Digest> {
    let mut walk = Walk::new(vault);
    if media::is_index(media_type) && walk.read([(*digest, media_type.to_owned())]).await.is_err() {
        return vec![*digest];
    }
    walk.family(digest)
}
