//! Tags: the last write of an image, and the only one that can take something away.
//!
//! A missing tag is created through Harbor's API, which never moves one: if somebody made it meanwhile, nothing is overwritten. A tag that
//! is to move is looked at right before and written by putting the manifest, the only way Harbor moves a tag; and so is the tag of a signature
//! whose image is elsewhere, which Harbor takes for an image otherwise.

use registry::{Reference, RegistryError};
use vocab::{Digest, RepositoryName, Tag};

use super::Fault;
use super::state::{State, Trouble};
use crate::backup::collect;
use crate::control::TagIntent;
use crate::effect::EffectItem;

/// A tag to write.
pub(crate) struct TagGoal<'a> {
    pub place: usize,
    pub item: &'a EffectItem,
    pub tag: &'a Tag,
}

/// What became of a tag.
pub(crate) struct Tagged {
    pub previous: Option<Digest>,
    pub written: bool,
}

impl State<'_> {
    /// What a tag points to now, by the registry's word.
    pub(crate) async fn tag_now(&self, repository: &RepositoryName, tag: &Tag) -> Result<Option<Digest>, Trouble> {
        Ok(self.witness.tag(repository, tag).await?)
    }

    /// Creates a tag that the plan found missing.
    pub(crate) async fn create_tag(&self, goal: &TagGoal<'_>) -> Result<Tagged, Trouble> {
        let EffectItem { repository, then, .. } = goal.item;
        self.intend(goal, None).await?;
        if is_lone_signature(goal) {
            return self.put_missing(goal).await;
        }
        self.may_write(&format!("create tag {repository}:{}", goal.tag)).await?;
        match self.cx.client.create_tag(repository, then, goal.tag).await {
            Ok(()) => {}
            Err(RegistryError::Conflict { .. }) => {
                let now = self.tag_now(repository, goal.tag).await?;
                if now != Some(*then) {
                    return Err(moved(goal, now));
                }
                return Ok(Tagged { previous: None, written: false });
            }
            // No right for the API, or the untagged image was swept away this moment (harbor.md §4): by the manifest then, after a look.
            Err(RegistryError::Forbidden { .. } | RegistryError::Unsupported { .. } | RegistryError::NotFound { .. }) => {
                return self.put_missing(goal).await;
            }
            Err(error) => return Err(error.into()),
        }
        Ok(Tagged { previous: None, written: true })
    }

    /// Creates a tag by its manifest, after a look: putting it would move one that somebody made meanwhile.
    async fn put_missing(&self, goal: &TagGoal<'_>) -> Result<Tagged, Trouble> {
        let EffectItem { repository, then, .. } = goal.item;
        match self.tag_now(repository, goal.tag).await? {
            None => self.put_tag(goal).await?,
            Some(now) if now == *then => return Ok(Tagged { previous: None, written: false }),
            now => return Err(moved(goal, now)),
        }
        Ok(Tagged { previous: None, written: true })
    }

    /// Moves a tag from what the plan found to what it says; what was there first gets the tag that keeps it.
    pub(crate) async fn move_tag(&self, goal: &TagGoal<'_>, keep_as: Option<&Tag>) -> Result<Tagged, Trouble> {
        let EffectItem { repository, then, now, .. } = goal.item;
        let found = self.tag_now(repository, goal.tag).await?;
        // Done by an earlier try: what it pointed to before is what the plan found.
        if found == Some(*then) {
            return Ok(Tagged { previous: *now, written: false });
        }
        if found != *now {
            return Err(moved(goal, found));
        }
        if let (Some(keep_as), Some(old)) = (keep_as, found) {
            self.keep(repository, &old, keep_as).await?;
        }
        self.intend(goal, found).await?;
        // Once more, as late as can be: keeping the old image may have taken a while.
        let latest = if keep_as.is_some() { self.tag_now(repository, goal.tag).await? } else { found };
        if latest != *now {
            return Err(moved(goal, latest));
        }
        self.put_tag(goal).await?;
        Ok(Tagged { previous: found, written: true })
    }

    pub(crate) async fn intend(&self, goal: &TagGoal<'_>, previous: Option<Digest>) -> Result<(), Trouble> {
        let item = goal.item;
        let intent = TagIntent { item: goal.place, repository: item.repository.clone(), tag: goal.tag.clone(), previous, then: item.then };
        self.gate.tag_intent(&intent).await.map_err(|stop| self.stopped(stop))
    }

    async fn put_tag(&self, goal: &TagGoal<'_>) -> Result<(), Trouble> {
        let item = goal.item;
        let ready = self.manifest(&item.repository, &item.then, &item.media_type).await?;
        self.put_as(&item.repository, &Reference::Tag(goal.tag.clone()), &ready).await
    }

    /// The old image keeps a name. One that has it already is fine, which makes this safe to repeat.
    async fn keep(&self, repository: &RepositoryName, old: &Digest, keep_as: &Tag) -> Result<(), Trouble> {
        self.may_write(&format!("keep {} as {repository}:{keep_as}", old.short())).await?;
        match self.cx.client.create_tag(repository, old, keep_as).await {
            Ok(()) => Ok(()),
            Err(RegistryError::Conflict { .. }) => match self.tag_now(repository, keep_as).await? {
                Some(now) if now == *old => Ok(()),
                _ => Err(Fault::NameTaken { tag: keep_as.clone() }.into()),
            },
            Err(RegistryError::Forbidden { .. } | RegistryError::Unsupported { .. }) => {
                let ready = self.manifest(repository, old, "").await?;
                self.put_as(repository, &Reference::Tag(keep_as.clone()), &ready).await
            }
            Err(error) => Err(error.into()),
        }
    }
}

/// Whether this is a signature by cosign's older convention that came without its image. Harbor lists what was put by such a tag nowhere, and
/// links it to its image if that comes; what has the tag from the API it lists as an image (harbor.md §5).
fn is_lone_signature(goal: &TagGoal<'_>) -> bool {
    goal.item.accessory.is_none() && matches!(collect::about(goal.tag), Some((_, "sig")))
}

pub(crate) fn moved(goal: &TagGoal<'_>, found: Option<Digest>) -> Trouble {
    Fault::MovedMeanwhile { repository: goal.item.repository.clone(), tag: goal.tag.clone(), found }.into()
}
