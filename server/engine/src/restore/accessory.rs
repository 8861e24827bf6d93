//! Accessories: put so that Harbor links them to their subject.

use registry::Reference;
use vocab::{Digest, RepositoryName, Tag};

use super::image::{Goal, PutBy};
use super::state::{State, Trouble};
use super::tags::{TagGoal, moved};
use crate::effect::{AccessoryOf, Effect, EffectItem, Link};
use crate::report::ItemResult;

impl State<'_> {
    /// One accessory, to its link and its tag.
    pub(crate) async fn accessory(&self, item: &EffectItem, result: &mut ItemResult) -> Result<(), Trouble> {
        let Some(AccessoryOf { subject, link, .. }) = &item.accessory else { return Ok(()) };
        match link {
            Link::Tag { tag, back_to } => self.by_tag(item, subject, tag, back_to.as_ref(), result).await,
            Link::Subject | Link::Name => {
                result.bytes_sent += self.image(goal(item, PutBy::Digest), 0).await?;
                result.written = item.tag.is_none();
                self.own_tag(item, result).await
            }
        }
    }

    /// A signature of cosign's older kind: Harbor links it when it is put by its tag. A newer one that has the tag gets it back.
    async fn by_tag(
        &self,
        item: &EffectItem,
        subject: &Digest,
        tag: &Tag,
        back_to: Option<&Digest>,
        result: &mut ItemResult,
    ) -> Result<(), Trouble> {
        let place = TagGoal { place: result.item, item, tag };
        let found = self.tag_now(&item.repository, tag).await?;
        // Done by an earlier try; where a rule keeps the tag Harbor would not take it again.
        if found == Some(item.then) && self.witness.links(&item.repository, subject, &item.then).await? {
            return Ok(());
        }
        let is_expected = found.is_none_or(|found| found == item.then || Some(&found) == back_to || self.is_ours(item, tag, &found));
        if !is_expected {
            return Err(moved(&place, found));
        }
        self.intend(&place, found).await?;
        result.previous = found.filter(|found| *found != item.then);
        result.bytes_sent += self.image(goal(item, PutBy::Tag(tag.clone())), 0).await?;
        result.written = true;
        match (back_to, found) {
            // Found as the plan says: nobody signed anew meanwhile.
            (Some(newer), Some(found)) if found == *newer => self.give_back(&item.repository, tag, newer).await,
            _ => Ok(()),
        }
    }

    /// Whether the plan brings this signature under the same tag: an older one gives way to a newer one of the plan.
    fn is_ours(&self, item: &EffectItem, tag: &Tag, found: &Digest) -> bool {
        let same =
            |other: &EffectItem| matches!(&other.accessory, Some(AccessoryOf { link: Link::Tag { tag: theirs, .. }, .. }) if theirs == tag);
        self.plan.items.iter().any(|other| other.then == *found && other.repository == item.repository && same(other))
    }

    async fn give_back(&self, repository: &RepositoryName, tag: &Tag, newer: &Digest) -> Result<(), Trouble> {
        let ready = self.manifest(repository, newer, "").await?;
        self.put_as(repository, &Reference::Tag(tag.clone()), &ready).await
    }

    /// A tag that somebody put on what is linked without it, or by whose name alone the two belong together.
    async fn own_tag(&self, item: &EffectItem, result: &mut ItemResult) -> Result<(), Trouble> {
        let Some(tag) = &item.tag else { return Ok(()) };
        let place = TagGoal { place: result.item, item, tag };
        let tagged = match &item.effect {
            Effect::Move { keep_as } => self.move_tag(&place, keep_as.as_ref()).await?,
            _ => self.create_tag(&place).await?,
        };
        result.previous = tagged.previous;
        result.written = tagged.written;
        Ok(())
    }
}

fn goal(item: &EffectItem, put_by: PutBy) -> Goal {
    Goal {
        target: item.repository.clone(),
        source: item.source_repository.clone(),
        digest: item.then,
        media_type: item.media_type.clone(),
        put_by,
    }
}
