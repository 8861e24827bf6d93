//! One line of the plan, from its first byte to its tag.

use registry::Reference;
use vocab::{Digest, Manifest, RepositoryName, Tag};

use super::image::{Goal, PutBy};
use super::state::{State, Trouble};
use super::tags::{TagGoal, Tagged};
use crate::effect::{AccessoryEffect, Effect, EffectItem, SkipReason};
use crate::report::{ItemResult, Outcome};

/// Harbor's word for cosign's signatures.
const COSIGN: &str = "signature.cosign";

impl State<'_> {
    /// Does one line. Never fails as a whole: the result says how it ended.
    pub(crate) async fn line(&self, place: usize) -> ItemResult {
        let item = &self.plan.items[place];
        let mut result = ItemResult {
            item: place,
            repository: item.repository.clone(),
            tag: item.tag.clone(),
            then: item.then,
            outcome: Outcome::Stopped,
            previous: None,
            kept_as: None,
            written: false,
            bytes_sent: 0,
        };
        result.outcome = match (&item.effect, self.halted()) {
            (Effect::Blocked { reason, remedy }, _) => Outcome::Skipped { reason: format!("{reason}; {remedy}") },
            (Effect::Skip { reason }, _) if !item.writes() => Outcome::Skipped { reason: reason.to_string() },
            (_, Some(halted)) => halted,
            _ => match self.work(place, item, &mut result).await {
                Ok(()) => Outcome::Done,
                Err(trouble) => {
                    let trouble = self.judged(trouble).await;
                    self.note(&trouble);
                    trouble.outcome()
                }
            },
        };
        result
    }

    async fn work(&self, place: usize, item: &EffectItem, result: &mut ItemResult) -> Result<(), Trouble> {
        let moves = matches!(item.effect, Effect::Move { .. });
        // For a move the image is often still there, untagged: a look is cheaper than a write.
        let there = item.effect == (Effect::Skip { reason: SkipReason::Same }) || (moves && self.is_there(item).await?);
        if !there {
            let goal = Goal {
                target: item.repository.clone(),
                source: item.source_repository.clone(),
                digest: item.then,
                media_type: item.media_type.clone(),
                put_by: PutBy::Digest,
            };
            result.bytes_sent += self.image(goal, 0).await?;
            result.written = item.tag.is_none();
        }
        for accessory in item.accessories.iter().filter(|accessory| accessory.missing) {
            result.bytes_sent += self.accessory(item, accessory).await?;
        }
        let Some(tag) = &item.tag else { return Ok(()) };
        let goal = TagGoal { place, item, tag };
        let Tagged { previous, written } = match &item.effect {
            Effect::Create => self.create_tag(&goal).await?,
            Effect::Move { keep_as } => {
                let tagged = self.move_tag(&goal, keep_as.as_ref()).await?;
                result.kept_as = keep_as.clone();
                tagged
            }
            Effect::Skip { .. } | Effect::Blocked { .. } => return Ok(()),
        };
        result.previous = previous;
        result.written = written;
        Ok(())
    }

    async fn is_there(&self, item: &EffectItem) -> Result<bool, Trouble> {
        match self.cx.client.manifest_get(&item.repository, &item.then).await {
            Ok(_) => Ok(true),
            Err(registry::RegistryError::NotFound { .. } | registry::RegistryError::WrongDigest { .. }) => Ok(false),
            Err(registry::RegistryError::BlockedByPolicy { .. }) => {
                Ok(self.cx.client.artifact(&item.repository, &Reference::Digest(item.then)).await?.is_some())
            }
            Err(error) => Err(error.into()),
        }
    }

    async fn accessory(&self, item: &EffectItem, accessory: &AccessoryEffect) -> Result<u64, Trouble> {
        let ready = self.manifest(&item.source_repository, &accessory.digest, &accessory.media_type).await?;
        let by_tag = link_tag(accessory, &ready.manifest);
        let put_by = by_tag.clone().map_or(PutBy::Digest, PutBy::Tag);
        // The tag by which an old signature is linked may name a newer one now; that one gets it back.
        let newer = match &by_tag {
            Some(tag) => self.tag_now(&item.repository, tag).await?.filter(|digest| *digest != accessory.digest),
            None => None,
        };
        let goal = Goal {
            target: item.repository.clone(),
            source: item.source_repository.clone(),
            digest: accessory.digest,
            media_type: accessory.media_type.clone(),
            put_by,
        };
        let sent = self.image(goal, 0).await?;
        match (by_tag, newer) {
            (Some(tag), Some(newer)) if !self.restores(item, &newer) => self.give_back(&item.repository, &tag, &newer).await?,
            (None, _) => self.accessory_tag(item, accessory).await?,
            _ => {}
        }
        Ok(sent)
    }

    /// Whether the line still brings this artifact: then it gets the tag by itself, later.
    fn restores(&self, item: &EffectItem, digest: &Digest) -> bool {
        item.accessories.iter().any(|accessory| accessory.digest == *digest && accessory.missing)
    }

    async fn give_back(&self, repository: &RepositoryName, tag: &Tag, newer: &Digest) -> Result<(), Trouble> {
        let ready = self.manifest(repository, newer, "").await?;
        self.put_as(repository, &Reference::Tag(tag.clone()), &ready).await
    }

    /// A tag somebody put on an accessory comes back if it is free; it never moves.
    async fn accessory_tag(&self, item: &EffectItem, accessory: &AccessoryEffect) -> Result<(), Trouble> {
        let Some(tag) = &accessory.tag else { return Ok(()) };
        self.may_write(&format!("create tag {}:{tag}", item.repository)).await?;
        match self.cx.client.create_tag(&item.repository, &accessory.digest, tag).await {
            Ok(()) | Err(registry::RegistryError::Conflict { .. }) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}

/// The tag an old signature must be put by: cosign's name for its subject. Signatures with a `subject` of their own need none.
fn link_tag(accessory: &AccessoryEffect, manifest: &Manifest) -> Option<Tag> {
    if accessory.kind != COSIGN || manifest.subject.is_some() {
        return None;
    }
    format!("sha256-{}.sig", accessory.subject.hex()).parse().ok()
}
