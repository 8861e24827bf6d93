//! Undo of a restore: an effect plan of its own that moves tags back to exactly what they pointed to.
//!
//! What a tag pointed to was recorded before it was moved, and that digest is what it gets: from the registry itself while it has the
//! image, from the vault if it was captured, else the line says that it cannot be done. A tag that somebody moved since is left. What the
//! restore made stays, and is listed: Breakwater takes nothing away from a registry.

use std::collections::{BTreeMap, HashSet};

use futures::{StreamExt, TryStreamExt, stream};
use registry::{Client, Reference, RegistryError};
use time::OffsetDateTime;
use vocab::{Digest, RepositoryName, Tag};

use super::context::{PlanContext, PlanError};
use super::desired::{self, Desired, DesiredSet};
use super::live::Live;
use super::model::{BlockReason, Effect, EffectItem, EffectPlan, Policy, SkipReason};
use super::planner::{Compare, Frame, finish};
use crate::report::Report;
use crate::select::{Selection, Wanted, What};
use crate::source;

/// Lines compared with the registry at a time; the client bounds calls further.
const LINES_AT_ONCE: usize = 4;

/// What helps where an image is nowhere any more: nothing does. Plans of before that say otherwise know where it is.
pub const NEVER_CAPTURED: &str = "it was never captured, so nothing can bring it back";

/// A line that a restore wrote, or may have written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Written {
    /// Its place in the plan.
    pub item: usize,
    /// What the tag pointed to before; none = it was made.
    pub previous: Option<Digest>,
}

impl Written {
    /// What a report says was written, or may have been.
    #[must_use]
    pub fn of(report: &Report) -> Vec<Self> {
        let done = report.items.iter().filter(|result| result.outcome.is_done() || result.previous.is_some());
        done.map(|result| Self { item: result.item, previous: result.previous }).collect()
    }
}

/// What is to be undone.
pub struct Undone<'a> {
    /// The plan that was executed.
    pub plan: &'a EffectPlan,
    /// What was written of it.
    pub written: &'a [Written],
    /// A snapshot of the vault: where settings and the like are read from.
    pub snapshot: Digest,
    /// For images that are in the vault, a snapshot of it that has them.
    pub captured: &'a BTreeMap<Digest, Digest>,
    /// For images that are in another vault only, the moment of a snapshot that has them.
    pub elsewhere: &'a BTreeMap<Digest, OffsetDateTime>,
}

/// A tag that was moved.
struct Moved<'a> {
    item: &'a EffectItem,
    tag: &'a Tag,
    previous: Digest,
}

/// What becomes of one moved tag: compared further, or told already.
enum Settled {
    DesiredPart(Vec<Desired>),
    Line(Box<EffectItem>),
}

/// The plan that undoes a restore. Reads registry and vault, writes nothing.
pub async fn undo(cx: &PlanContext, of: &Undone<'_>, policy: &Policy) -> Result<EffectPlan, PlanError> {
    let index = cx.vault.snapshot(&of.snapshot).await?;
    cx.client.prove_login().await?;
    let target = &of.plan.target_project;
    let project = source::project(&cx.client, target).await?;
    let (moved, made) = (moved(of), made(of));
    // As many as will be looked up, so that one listing is made where that is cheaper.
    let lookups: Vec<Desired> = moved
        .iter()
        .map(|line| bare(&line.item.repository, line.tag, line.previous))
        .chain(made.iter().map(|(name, tag, digest)| bare(name, tag, *digest)))
        .collect();
    let live = Live::read(&cx.client, project.as_ref().map(|p| &p.name), &lookups).await?;
    let settled: Vec<_> = moved.iter().map(|line| settle(cx, of, &live, line, project.is_some())).collect();
    let settled: Vec<Settled> = stream::iter(settled).buffered(LINES_AT_ONCE).try_collect().await?;
    let (mut desired_set, mut items) = (Vec::new(), Vec::new());
    // What is about an image comes once, however many of its tags are moved back.
    let mut along: HashSet<(RepositoryName, Digest)> = HashSet::new();
    for one in settled {
        match one {
            Settled::DesiredPart(desired) => desired_set.extend(desired.into_iter().filter(|desired| {
                let is_root = desired.about.is_none() && desired.brought_for.is_none();
                is_root || along.insert((desired.repository.clone(), desired.digest))
            })),
            Settled::Line(item) => items.push(*item),
        }
    }
    let compare = Compare { vault: &cx.vault, live: &live, target, policy, several: &HashSet::new() };
    let mut back = compare.lines(&desired_set).await?;
    for item in &mut back {
        spare_a_tag(&live, item).await?;
    }
    items.extend(back);
    for (repository, tag, digest) in &made {
        items.extend(stays(&live, repository, tag, *digest).await?);
    }
    items.sort_by(|a, b| a.repository.cmp(&b.repository));
    let frame = Frame { snapshot: of.snapshot, index: &index, source_project: target.clone(), target, policy, whole_project: false };
    finish(cx, &frame, project.as_ref(), items).await
}

fn moved<'a>(of: &'a Undone<'_>) -> Vec<Moved<'a>> {
    let each = of.written.iter().filter_map(|line| {
        let item = of.plan.items.get(line.item).filter(|item| item.accessory.is_none())?;
        Some(Moved { item, tag: item.tag.as_ref()?, previous: line.previous? })
    });
    each.collect()
}

/// Tags the restore made: those that were missing, and those that keep what it moved away.
fn made(of: &Undone<'_>) -> Vec<(RepositoryName, Tag, Digest)> {
    let each = of.written.iter().filter_map(|line| {
        let item = of.plan.items.get(line.item).filter(|item| item.accessory.is_none())?;
        match (&item.effect, line.previous) {
            (Effect::Create, None) => Some((item.repository.clone(), item.tag.clone()?, item.then)),
            (Effect::Move { keep_as }, Some(previous)) => Some((item.repository.clone(), keep_as.clone()?, previous)),
            _ => None,
        }
    });
    each.collect()
}

/// What becomes of one moved tag.
async fn settle(cx: &PlanContext, of: &Undone<'_>, live: &Live<'_>, line: &Moved<'_>, project_exists: bool) -> Result<Settled, PlanError> {
    let Moved { item, tag, previous } = *line;
    let now = live.tag(&item.repository, tag).await?;
    let plain = |effect| Settled::Line(Box::new(plain(&item.repository, tag, now, previous, effect)));
    // Only if it still is where the restore put it, or gone.
    if now.is_some_and(|now| now != item.then && now != previous) {
        return Ok(plain(Effect::Skip { reason: SkipReason::Left }));
    }
    if project_exists && is_there(&cx.client, &item.repository, &previous).await? {
        return Ok(Settled::DesiredPart(vec![bare(&item.repository, tag, previous)]));
    }
    if let Some(snapshot) = of.captured.get(&previous) {
        let index = cx.vault.snapshot(snapshot).await?;
        let what = Wanted { repository: item.repository.clone(), what: What::Artifact(previous) };
        match desired::select(&cx.vault, &index, &Selection::Items(vec![what]), true).await {
            Ok(DesiredSet { items: desired_set, .. }) => {
                return Ok(Settled::DesiredPart(desired_set.into_iter().map(|desired| named(desired, tag, previous)).collect()));
            }
            Err(PlanError::NotInSnapshot { .. }) => {}
            Err(error) => return Err(error),
        }
    }
    let remedy = match of.elsewhere.get(&previous) {
        Some(moment) => {
            let moment = moment.format(&time::format_description::well_known::Rfc3339).unwrap_or_default();
            format!("a snapshot of {moment} in another vault has it: restore {}@{previous} from there", item.repository)
        }
        None => NEVER_CAPTURED.to_owned(),
    };
    let elsewhere = of.elsewhere.get(&previous).copied();
    Ok(plain(Effect::Blocked { reason: BlockReason::Gone { object: previous, elsewhere }, remedy }))
}

/// The image itself gets the tag; what is about it comes along as it is.
fn named(desired: Desired, tag: &Tag, previous: Digest) -> Desired {
    if desired.about.is_none() && desired.digest == previous { Desired { tag: Some(tag.clone()), ..desired } } else { desired }
}

/// Whether the registry has the image: its own list first, then its storage, which may have lost what is listed.
async fn is_there(client: &Client, repository: &RepositoryName, digest: &Digest) -> Result<bool, RegistryError> {
    let reference = Reference::Digest(*digest);
    if client.artifact(repository, &reference).await?.is_none() {
        return Ok(false);
    }
    match client.manifest_head(repository, &reference).await {
        Ok(found) => Ok(found.is_some()),
        // Listed, and only kept from being pulled.
        Err(RegistryError::BlockedByPolicy { .. }) => Ok(true),
        Err(error) => Err(error),
    }
}

/// Without a media type: read from the registry.
fn bare(repository: &RepositoryName, tag: &Tag, digest: Digest) -> Desired {
    Desired {
        repository: repository.clone(),
        tag: Some(tag.clone()),
        digest,
        media_type: String::new(),
        about: None,
        root: digest,
        brought_for: None,
        asked: false,
    }
}

/// Today's image needs no tag of its own where it has another one.
async fn spare_a_tag(live: &Live<'_>, item: &mut EffectItem) -> Result<(), PlanError> {
    if let (Effect::Move { keep_as: Some(_) }, Some(now)) = (&item.effect, item.now) {
        let seen = live.artifact(&item.repository, &now).await?;
        if seen.is_some_and(|seen| seen.tags.iter().any(|tag| Some(tag) != item.tag.as_ref())) {
            item.effect = Effect::Move { keep_as: None };
        }
    }
    Ok(())
}

async fn stays(live: &Live<'_>, repository: &RepositoryName, tag: &Tag, digest: Digest) -> Result<Option<EffectItem>, PlanError> {
    let now = live.tag(repository, tag).await?;
    let is_so = now == Some(digest);
    Ok(is_so.then(|| plain(repository, tag, now, digest, Effect::Skip { reason: SkipReason::Stays })))
}

/// A line nothing is written for.
fn plain(repository: &RepositoryName, tag: &Tag, now: Option<Digest>, then: Digest, effect: Effect) -> EffectItem {
    EffectItem {
        source_repository: repository.clone(),
        source_tag: Some(tag.clone()),
        repository: repository.clone(),
        tag: Some(tag.clone()),
        now,
        then,
        media_type: String::new(),
        effect,
        immutable: false,
        accessory: None,
        brought_for: None,
    }
}
