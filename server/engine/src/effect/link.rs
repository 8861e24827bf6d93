//! Accessories against the target: which are linked there, which come, and how each is told to Harbor.
//!
//! Harbor links what names its `subject`, by whatever reference it is put; a signature of cosign's older kind only when it is put by its
//! tag, `sha256-<hex>.sig` (harbor.md §5). Several of those share one tag: the older ones are put first and the newest ends up with it. One
//! that somebody made since the snapshot keeps it.

use std::collections::{HashMap, HashSet};

use futures::{StreamExt, TryStreamExt, stream};
use vault::{Vault, VaultError};
use vocab::manifest::MANIFEST_BYTES_MAX;
use vocab::{Digest, Manifest, RepositoryName, Tag};

use super::blocks::Constraints;
use super::context::{LINES_AT_ONCE, PlanError};
use super::desired::{Desired, Subject};
use super::live::Live;
use super::model::{AccessoryOf, BY_NAME, BlockReason, Effect, EffectItem, Link, OnConflict, SkipReason};

/// Harbor's word for cosign's signatures.
pub(crate) const COSIGN: &str = "signature.cosign";

/// What the target shows of one accessory.
struct Facts {
    /// Whether its subject is there now.
    subject: bool,
    /// Whether it is linked there.
    linked: bool,
    by: By,
    /// What its tag, or the tag it is linked by, points to.
    tag_now: Option<Digest>,
}

enum By {
    Subject,
    Tag(Tag),
    Name,
}

/// Compares accessories with the target.
pub(super) struct Accessories<'a> {
    pub vault: &'a Vault,
    pub live: &'a Live<'a>,
    pub on_conflict: OnConflict,
    /// Accessories that something is about in turn, by their repository in the snapshot.
    pub nested: HashSet<(&'a RepositoryName, Digest)>,
    /// Images whose lines bring them, or find them there.
    pub coming: &'a HashSet<(RepositoryName, Digest)>,
    /// Images whose lines all leave what is there as it is.
    pub left: &'a HashSet<(RepositoryName, Digest)>,
}

impl Accessories<'_> {
    /// The line of each accessory that is desired for, in order; `None` where its image is left as it is, and so is what is about it.
    /// `desired_set` are accessories with their repositories in the target.
    pub(super) async fn lines(&self, desired_set: &[(&Desired, &Subject, RepositoryName)]) -> Result<Vec<Option<EffectItem>>, PlanError> {
        let facts: Vec<_> = desired_set.iter().map(|(desired, subject, repository)| self.facts(desired, subject, repository)).collect();
        let facts: Vec<Facts> = stream::iter(facts).buffered(LINES_AT_ONCE).try_collect().await?;
        // Who in the snapshot had, or has had, a tag by which Harbor links: older ones give way to newer ones among them.
        let mut ours: HashMap<(&RepositoryName, &Tag), HashSet<Digest>> = HashMap::new();
        for ((desired, _, repository), facts) in desired_set.iter().zip(&facts) {
            if let By::Tag(tag) = &facts.by {
                ours.entry((repository, tag)).or_default().insert(desired.digest);
            }
        }
        let lines = desired_set.iter().zip(&facts).map(|((desired, subject, repository), facts)| {
            let family = match &facts.by {
                By::Tag(tag) => ours.get(&(repository, tag)),
                By::Subject | By::Name => None,
            };
            self.line(desired, subject, repository, facts, family)
        });
        Ok(lines.collect())
    }

    fn line(
        &self,
        desired: &Desired,
        subject: &Subject,
        repository: &RepositoryName,
        facts: &Facts,
        family: Option<&HashSet<Digest>>,
    ) -> Option<EffectItem> {
        let root = (repository.clone(), desired.root);
        if !desired.asked && self.left.contains(&root) {
            return None;
        }
        let other = facts.tag_now.filter(|now| *now != desired.digest);
        let older = other.is_some_and(|other| family.is_some_and(|family| family.contains(&other)));
        let same = Effect::Skip { reason: SkipReason::Same };
        let (tag, effect) = match (&facts.by, &desired.tag, other) {
            (By::Name, tag, None) => (tag.clone(), if facts.linked { same } else { Effect::Create }),
            (By::Name, tag, Some(_)) if self.on_conflict == OnConflict::Move => (tag.clone(), Effect::Move { keep_as: None }),
            (By::Name, tag, Some(_)) => (tag.clone(), Effect::Skip { reason: SkipReason::Left }),
            (_, None, _) => (None, if facts.linked { same } else { Effect::Create }),
            (_, Some(tag), None) if facts.linked && facts.tag_now.is_some() => (Some(tag.clone()), same),
            (_, Some(tag), None) => (Some(tag.clone()), Effect::Create),
            // An older signature of the snapshot has the tag that the newest had then.
            (_, Some(tag), Some(_)) if older => (Some(tag.clone()), Effect::Move { keep_as: None }),
            (_, Some(tag), Some(_)) if facts.linked => (Some(tag.clone()), Effect::Skip { reason: SkipReason::Left }),
            // Its tag names another by now; it is linked without.
            (_, Some(_), Some(_)) => (None, Effect::Create),
        };
        let link = match &facts.by {
            By::Subject => Link::Subject,
            By::Name => Link::Name,
            By::Tag(link) => Link::Tag { tag: link.clone(), back_to: other.filter(|_| tag.is_none()) },
        };
        let is_missing = subject.known && subject.kind != BY_NAME && !facts.subject && !self.coming.contains(&root);
        let effect = if is_missing {
            let remedy = "ask for the image too, by one of its tags or its digest".to_owned();
            Effect::Blocked { reason: BlockReason::NoSubject { subject: subject.digest }, remedy }
        } else {
            effect
        };
        Some(EffectItem {
            source_repository: desired.repository.clone(),
            source_tag: desired.tag.clone(),
            repository: repository.clone(),
            now: if tag.is_some() || matches!(link, Link::Tag { .. }) { facts.tag_now } else { facts.linked.then_some(desired.digest) },
            tag,
            then: desired.digest,
            media_type: desired.media_type.clone(),
            effect,
            immutable: false,
            accessory: Some(AccessoryOf { subject: subject.digest, kind: subject.kind.clone(), link }),
            brought_for: None,
        })
    }

    async fn facts(&self, desired: &Desired, subject: &Subject, repository: &RepositoryName) -> Result<Facts, PlanError> {
        let live = self.live;
        if subject.kind == BY_NAME {
            let tag_now = match &desired.tag {
                Some(tag) => live.tag(repository, tag).await?,
                None => None,
            };
            return Ok(Facts { subject: true, linked: tag_now == Some(desired.digest), by: By::Name, tag_now });
        }
        let by = self.link(desired, subject).await?;
        let about = if self.nested.contains(&(&desired.repository, subject.digest)) {
            live.accessory(repository, &subject.digest).await?
        } else {
            live.artifact(repository, &subject.digest).await?
        };
        let linked = match &about {
            Some(seen) => seen.accessories.iter().any(|(digest, _)| *digest == desired.digest),
            // Alone it is known by its subject's digest only.
            None if !subject.known => live.is_referrer(repository, &subject.digest, &desired.digest).await?,
            None => false,
        };
        let tag_now = match (&by, &desired.tag) {
            (By::Tag(tag), _) | (_, Some(tag)) => {
                let alone = || about.iter().flat_map(|seen| &seen.accessories).filter(|(_, kind)| kind == COSIGN).count() < 2;
                if linked && alone() && live.has_tag_name(repository, tag).await? {
                    // The one signature of its image, and the tag is there: it is its own.
                    desired.tag.as_ref().map(|_| desired.digest)
                } else if linked && desired.tag.is_none() {
                    None
                } else {
                    live.tag(repository, tag).await?
                }
            }
            _ => None,
        };
        Ok(Facts { subject: about.is_some(), linked, by, tag_now })
    }

    /// How Harbor is told. A manifest that cannot be read names no subject here; its line is blocked as damaged anyway.
    async fn link(&self, desired: &Desired, subject: &Subject) -> Result<By, PlanError> {
        if subject.kind != COSIGN {
            return Ok(By::Subject);
        }
        let names_subject = match self.vault.get_bytes(&desired.digest, MANIFEST_BYTES_MAX).await {
            Ok(bytes) => Manifest::parse(&desired.media_type, &bytes).is_ok_and(|manifest| manifest.subject.is_some()),
            Err(VaultError::Missing { .. } | VaultError::Corrupt { .. } | VaultError::TooLarge { .. }) => false,
            Err(error) => return Err(error.into()),
        };
        let tag = format!("sha256-{}.sig", subject.digest.hex()).parse();
        Ok(if names_subject { By::Subject } else { tag.map_or(By::Subject, By::Tag) })
    }
}

/// Signatures that Harbor cannot link because a rule makes their tag immutable: it may be written once, and the newest is what it is
/// written for.
pub(super) fn block_immutable(items: &mut [EffectItem], constraints: &Constraints) {
    let mut written: HashSet<(RepositoryName, Tag)> = HashSet::new();
    // The newest comes last.
    for item in items.iter_mut().rev().filter(|item| item.writes()) {
        let Some(AccessoryOf { link: Link::Tag { tag, .. }, .. }) = &item.accessory else { continue };
        if !constraints.makes_immutable(&item.repository, tag) {
            continue;
        }
        if item.now.is_some() || !written.insert((item.repository.clone(), tag.clone())) {
            let reason = BlockReason::CannotLink { tag: tag.to_string() };
            let remedy = "the newest signature comes first; for the others have the project's immutable rule changed".to_owned();
            item.effect = Effect::Blocked { reason, remedy };
        }
    }
}
