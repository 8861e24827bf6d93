//! One image with its tags and what is about it, in the order in which Harbor is to see them: the manifest after those of older images, the
//! tags last and after those of older images, accessories after the tags.
//!
//! Harbor's retention goes by the latest push time of an artifact and its tags, to the second, and where two are equal by the order of
//! artifacts. So of one repository one image's manifest is put at a time, and one image's tags; what those need beforehand, and the
//! reading back between them, is done for several images side by side.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use futures::{StreamExt, stream};
use vocab::{Digest, RepositoryName};

use super::Fault;
use super::image::{Goal, PutBy};
use super::order::Turnstile;
use super::origin::Ready;
use super::state::{State, Trouble};
use super::tags::{TagGoal, Tagged};
use crate::effect::{Effect, EffectItem, Link, SkipReason};
use crate::report::{ItemResult, Outcome};

/// Tags of one image, and chains of accessories, worked on at a time.
const AT_ONCE: usize = 4;

/// Lines of the plan that belong together: places in it.
#[derive(Debug, Default)]
pub(crate) struct Group {
    /// The tags of one image, or the image by its digest.
    pub images: Vec<usize>,
    /// What is about it.
    pub accessories: Vec<usize>,
}

/// How far a line came: the target is asked afterwards whether it is as planned.
pub(crate) struct Worked {
    pub result: ItemResult,
    /// Whether there is something to ask.
    pub written: bool,
}

/// Through which the images of one repository pass.
pub(crate) struct Order {
    pub manifests: Turnstile,
    pub tags: Turnstile,
}

/// The plan's lines of each repository in groups, in the plan's order.
pub(crate) fn groups(items: &[EffectItem]) -> Vec<(RepositoryName, Vec<Group>)> {
    let mut all: Vec<(RepositoryName, Vec<Group>)> = Vec::new();
    let mut places: HashMap<&RepositoryName, usize> = HashMap::new();
    for (place, item) in items.iter().enumerate() {
        let at = *places.entry(&item.repository).or_insert_with(|| {
            all.push((item.repository.clone(), Vec::new()));
            all.len() - 1
        });
        let Some((_, groups)) = all.get_mut(at) else { continue };
        let same = |group: &Group| match (&item.accessory, group.images.first().and_then(|first| items.get(*first))) {
            (None, Some(first)) => first.then == item.then && group.accessories.is_empty(),
            (None, None) => false,
            (Some(_), _) => true,
        };
        if !groups.last().is_some_and(same) {
            groups.push(Group::default());
        }
        if let Some(group) = groups.last_mut() {
            if item.accessory.is_some() { group.accessories.push(place) } else { group.images.push(place) }
        }
    }
    all
}

impl State<'_> {
    /// Does the lines of one group. Never fails as a whole: each line says how far it came.
    pub(crate) async fn group(&self, group: &Group, order: &Order, turn: usize) -> Vec<Worked> {
        let mut lines: Vec<Worked> = group.images.iter().chain(&group.accessories).map(|place| self.begun(*place)).collect();
        let (images, accessories) = lines.split_at_mut(group.images.len());
        let mut failed: HashSet<Digest> = HashSet::new();
        let image = self.image_of(images, order, turn, &mut failed).await;
        {
            let _pass = order.tags.enter(turn).await;
            match image {
                Ok(()) => self.tags(images).await,
                Err(trouble) => {
                    let trouble = self.judged(trouble).await;
                    self.note(&trouble);
                    images.iter_mut().filter(|line| line.written).for_each(|line| line.end(trouble.outcome()));
                }
            }
        }
        // What the subject's failure leaves without a subject is not sent.
        let chains = chains(&self.plan.items, accessories);
        let each = stream::iter(chains).for_each_concurrent(AT_ONCE, |chain| self.chain(chain, &failed));
        each.await;
        lines
    }

    /// A line before anything was done. One that does nothing, or cannot be begun any more, ends here.
    fn begun(&self, place: usize) -> Worked {
        let item = &self.plan.items[place];
        let outcome = match &item.effect {
            Effect::Blocked { reason, remedy } => Some(Outcome::Blocked { reason: format!("{reason}; {remedy}") }),
            Effect::Skip { reason: SkipReason::Same } => Some(Outcome::Same),
            Effect::Skip { reason } => Some(Outcome::Left { reason: reason.to_string() }),
            Effect::Create | Effect::Move { .. } | Effect::Mend => self.halted(),
        };
        Worked {
            written: outcome.is_none(),
            result: ItemResult {
                item: place,
                repository: item.repository.clone(),
                tag: item.tag.clone(),
                then: item.then,
                outcome: outcome.unwrap_or(Outcome::Stopped),
                previous: None,
                kept_as: None,
                written: false,
                bytes_sent: 0,
            },
        }
    }

    /// The image's manifest, read back, in its turn among the others of the repository.
    async fn image_of(&self, lines: &mut [Worked], order: &Order, turn: usize, failed: &mut HashSet<Digest>) -> Result<(), Trouble> {
        let first = lines.iter_mut().find(|line| line.written);
        let prepared = match &first {
            Some(line) => self.prepared(line.result.item, failed).await,
            None => Ok(None),
        };
        let put = {
            let _pass = order.manifests.enter(turn).await;
            match prepared {
                Ok(Some((goal, ready, sent))) => self.put_root(&goal, &ready).await.map(|put| (Some(goal), sent + put)),
                Ok(None) => Ok((None, 0)),
                Err(trouble) => Err(trouble),
            }
        };
        let (goal, sent) = put?;
        if let Some(line) = first {
            line.result.bytes_sent += sent;
        }
        if let Some(goal) = goal {
            self.read_back(&goal).await?;
            for line in lines.iter_mut().filter(|line| line.written) {
                line.result.written = line.result.tag.is_none();
            }
        }
        failed.clear();
        Ok(())
    }

    /// What the manifest needs is there, so that nothing waits when its turn comes. `None`: it need not be written.
    async fn prepared(&self, place: usize, failed: &mut HashSet<Digest>) -> Result<Option<(Goal, Ready, u64)>, Trouble> {
        let item = &self.plan.items[place];
        failed.insert(item.then);
        // For a move the image is often still there, untagged: a look is cheaper than a write. What is read from the registry is there.
        let likely = matches!(item.effect, Effect::Move { .. }) || item.is_from_registry();
        if likely && self.witness.read_back(&item.repository, &item.then).await?.is_none() {
            return Ok(None);
        }
        let goal = Goal {
            target: item.repository.clone(),
            source: item.source_repository.clone(),
            digest: item.then,
            media_type: item.media_type.clone(),
            put_by: PutBy::Digest,
        };
        let ready = self.manifest(&goal.source, &goal.digest, &goal.media_type).await?;
        failed.extend(ready.manifest.child_digests());
        let sent = self.parts(&goal, &ready, 0).await?;
        Ok(Some((goal, ready, sent)))
    }

    /// The tags of one image: a few at a time, since all came with it.
    async fn tags(&self, lines: &mut [Worked]) {
        let tagged = stream::iter(lines.iter_mut().filter(|line| line.written && line.result.tag.is_some()));
        tagged
            .for_each_concurrent(AT_ONCE, |line| async move {
                if let Err(trouble) = self.tag_of(&mut line.result).await {
                    let trouble = self.judged(trouble).await;
                    self.note(&trouble);
                    line.end(trouble.outcome());
                }
            })
            .await;
    }

    async fn tag_of(&self, result: &mut ItemResult) -> Result<(), Trouble> {
        let item = &self.plan.items[result.item];
        let Some(tag) = &item.tag else { return Ok(()) };
        let goal = TagGoal { place: result.item, item, tag };
        let Tagged { previous, written } = match &item.effect {
            Effect::Create => self.create_tag(&goal).await?,
            Effect::Move { keep_as } => {
                let tagged = self.move_tag(&goal, keep_as.as_ref()).await?;
                result.kept_as = keep_as.clone();
                tagged
            }
            // Its tag is where it should be.
            Effect::Mend | Effect::Skip { .. } | Effect::Blocked { .. } => return Ok(()),
        };
        result.previous = previous;
        result.written = written;
        Ok(())
    }

    /// Accessories one after another: what is about one comes after it, and older signatures before newer ones.
    async fn chain(&self, chain: Vec<&mut Worked>, failed: &HashSet<Digest>) {
        let mut failed = failed.clone();
        for line in chain.into_iter().filter(|line| line.written) {
            let item = &self.plan.items[line.result.item];
            let subject = item.accessory.as_ref().map(|accessory| accessory.subject);
            let done = match (self.halted(), subject.filter(|subject| failed.contains(subject))) {
                (Some(halted), _) => Err(halted),
                (None, Some(subject)) => Err(Outcome::failed(Arc::new(Fault::SubjectFailed { subject }))),
                (None, None) => match self.accessory(item, &mut line.result).await {
                    Ok(()) => Ok(()),
                    Err(trouble) => {
                        let trouble = self.judged(trouble).await;
                        self.note(&trouble);
                        Err(trouble.outcome())
                    }
                },
            };
            if let Err(outcome) = done {
                failed.insert(item.then);
                line.end(outcome);
            }
        }
    }
}

impl Worked {
    pub(crate) fn end(&mut self, outcome: Outcome) {
        self.result.outcome = outcome;
        self.written = false;
    }
}

/// Accessories that must wait for one another, together and in order; the chains need not.
fn chains<'b>(items: &[EffectItem], lines: &'b mut [Worked]) -> Vec<Vec<&'b mut Worked>> {
    let mut chains: Vec<Vec<&mut Worked>> = Vec::new();
    let mut by_digest: HashMap<Digest, usize> = HashMap::new();
    let mut by_tag: HashMap<String, usize> = HashMap::new();
    for line in lines {
        let item = &items[line.result.item];
        let Some(accessory) = &item.accessory else { continue };
        let link = match &accessory.link {
            Link::Tag { tag, .. } => Some(tag.to_string()),
            Link::Subject | Link::Name => item.tag.as_ref().map(ToString::to_string),
        };
        let known = [by_digest.get(&accessory.subject), by_digest.get(&item.then), link.as_ref().and_then(|tag| by_tag.get(tag))];
        let at = known.into_iter().flatten().next().copied().unwrap_or(chains.len());
        if at == chains.len() {
            chains.push(Vec::new());
        }
        by_digest.insert(item.then, at);
        if let Some(tag) = link {
            by_tag.insert(tag, at);
        }
        if let Some(chain) = chains.get_mut(at) {
            chain.push(line);
        }
    }
    chains
}
