//! Makes an effect plan: what is wanted, what the target has, what keeps it from being written, and how much that is.

use std::collections::{HashMap, HashSet};

use futures::{StreamExt, TryStreamExt, stream};
use registry::Project;
use vault::tree::{Gap, SnapshotIndex};
use vault::{Lack, Vault};
use vocab::{Digest, ProjectName, RepositoryName, Tag};

use super::blocks::Constraints;
use super::context::{LINES_AT_ONCE, PlanContext, PlanError};
use super::desired::{self, Desired, DesiredSet, Subject};
use super::estimate::{Closure, Lookup, closures, elsewhere_warnings};
use super::link::{Accessories, block_immutable};
use super::live::Live;
use super::model::{BlockReason, EFFECT_VERSION, Effect, EffectItem, EffectPlan, Estimate, OnConflict, Policy, SkipReason, Source};
use super::warn::warnings;
use super::warning::Warning;
use super::{left, lost};
use crate::select::{Selection, What};
use crate::source;

/// Digits by which tags of several images named by digest differ.
const DIGEST_TAG_DIGITS: usize = 12;
/// Longest tag.
const TAG_BYTES_MAX: usize = vocab::name::TAG_BYTES_MAX;
/// Characters of a shortened tag's digest in the name made of it.
const NAME_HASH_CHARS: usize = 10;

/// Says what a restore of `selection` into `target` would do now. Reads the registry, writes nothing.
pub async fn plan(
    cx: &PlanContext,
    snapshot: &Digest,
    selection: &Selection,
    target: &ProjectName,
    policy: &Policy,
) -> Result<EffectPlan, PlanError> {
    let index = cx.vault.snapshot(snapshot).await?;
    let DesiredSet { items: desired_set, order_known } = desired::select(&cx.vault, &index, selection, policy.accessories).await?;
    cx.client.prove_login().await?;
    let project = source::project(&cx.client, target).await?;
    let live = Live::read(&cx.client, project.as_ref().map(|p| &p.name), &desired_set).await?;
    let compare = Compare { vault: &cx.vault, live: &live, target, policy, several: &several(&desired_set) };
    let mut compared = compare.lines(&desired_set).await?;
    if project.is_some() {
        left::block(&cx.client, &index, &mut compared).await?;
        lost::look(cx, &mut compared).await?;
    }
    let whole_project = *selection == Selection::Project;
    let frame = Frame { snapshot: *snapshot, index: &index, source_project: index.project.clone(), target, policy, whole_project };
    let mut plan = finish(cx, &frame, project.as_ref(), compared).await?;
    plan.warnings.extend(of_order(&plan, order_known));
    plan.gaps = gaps_of(&index, selection);
    Ok(plan)
}

/// What a plan is about, besides its lines.
pub(super) struct Frame<'a> {
    pub snapshot: Digest,
    pub index: &'a SnapshotIndex,
    /// Project the images are of.
    pub source_project: ProjectName,
    pub target: &'a ProjectName,
    pub policy: &'a Policy,
    pub whole_project: bool,
}

/// From lines compared with the target to the plan: rules, rights, the vault, the measure of it, and warnings.
pub(super) async fn finish(
    cx: &PlanContext,
    frame: &Frame<'_>,
    project: Option<&Project>,
    items: Vec<EffectItem>,
) -> Result<EffectPlan, PlanError> {
    let index = frame.index;
    let mut plan = EffectPlan {
        version: EFFECT_VERSION,
        harbor: cx.harbor.clone(),
        target_project: frame.target.clone(),
        creates_project: project.is_none() && items.iter().any(EffectItem::writes),
        project_public: false,
        whole_project: frame.whole_project,
        policy: frame.policy.clone(),
        items,
        source: Source {
            harbor: index.harbor.clone(),
            snapshot: frame.snapshot,
            project: frame.source_project.clone(),
            moment: index.started,
        },
        estimate: Estimate::default(),
        gaps: Vec::new(),
        warnings: Vec::new(),
    };
    let constraints = if plan.writes() { Some(Constraints::read(&cx.client, project).await?) } else { None };
    let mut elsewhere = Vec::new();
    if let Some(constraints) = &constraints {
        elsewhere = settle(cx, &mut plan, constraints, project, index).await?;
    }
    plan.warnings = warnings(cx, &plan, constraints.as_ref(), index).await?;
    plan.warnings.extend(elsewhere);
    cx.client.prove_login().await?;
    Ok(plan)
}

/// What the snapshot lacks of what is asked for.
fn gaps_of(index: &SnapshotIndex, selection: &Selection) -> Vec<Gap> {
    let touches = |gap: &Gap| match selection {
        Selection::Project => true,
        Selection::Items(items) => items.iter().any(|item| {
            let name = item.repository.as_str();
            gap.subject.strip_prefix(name).is_some_and(|rest| match &item.what {
                What::AllTags => rest.is_empty() || rest.starts_with([':', '@']),
                // A gap of the repository, or of an artifact that may be a part of it.
                What::Tag(tag) => rest.is_empty() || rest.starts_with('@') || rest.strip_prefix(':') == Some(tag.as_str()),
                What::Artifact(_) => rest.is_empty() || rest.starts_with('@'),
            })
        }),
    };
    index.gaps.iter().filter(|gap| touches(gap)).cloned().collect()
}

/// Without push times nothing says in which order Harbor's retention will see what is restored.
fn of_order(plan: &EffectPlan, known: bool) -> Option<Warning> {
    let mut images: HashMap<&RepositoryName, HashSet<Digest>> = HashMap::new();
    for item in plan.items.iter().filter(|item| item.writes() && item.accessory.is_none()) {
        images.entry(&item.repository).or_default().insert(item.then);
    }
    (!known && images.values().any(|digests| digests.len() > 1)).then_some(Warning::OrderUnknown)
}

/// Applies rules and rights, checks the vault, and measures. Answers what the vault does without.
async fn settle(
    cx: &PlanContext,
    plan: &mut EffectPlan,
    constraints: &Constraints,
    project: Option<&Project>,
    index: &SnapshotIndex,
) -> Result<Vec<Warning>, PlanError> {
    if plan.creates_project {
        plan.project_public = was_public(cx, index).await;
    }
    for item in &mut plan.items {
        if let Some(tag) = &item.tag {
            item.immutable = item.writes() && item.effect != Effect::Mend && constraints.makes_immutable(&item.repository, tag);
        }
        let is_move = matches!(item.effect, Effect::Move { .. });
        if let Some((reason, remedy)) = constraints.blocks_all(plan.creates_project).filter(|_| item.writes()) {
            block(item, reason, remedy);
        } else if is_move && item.immutable {
            block(item, BlockReason::Immutable, "restore under a new name, or have the project's immutable rule changed");
        }
    }
    block_immutable(&mut plan.items, constraints);
    block_taken(&mut plan.items);
    // An image is read once, however many tags it has.
    // What the registry itself has needs no vault.
    let mut once = HashSet::new();
    let writing: Vec<&EffectItem> = plan
        .items
        .iter()
        .filter(|item| item.writes() && !item.is_from_registry() && once.insert((item.repository.clone(), item.then)))
        .collect();
    let places: Vec<(RepositoryName, Digest)> = writing.iter().map(|item| (item.repository.clone(), item.then)).collect();
    let mut measured: HashMap<(RepositoryName, Digest), Result<Closure, Lack>> =
        places.into_iter().zip(closures(&cx.vault, index, &writing).await?).collect();
    for item in plan.items.iter_mut().filter(|item| item.writes()) {
        if let Some(Err(lack)) = measured.get(&(item.repository.clone(), item.then)) {
            let reason = BlockReason::Damaged { object: lack.object.sha256().unwrap_or(lack.by) };
            block(item, reason, "choose an earlier snapshot, and run the plan again to heal the vault");
        }
    }
    block_alone(&mut plan.items);
    let same_harbor = plan.source.harbor == plan.harbor;
    let lookup = Lookup { client: &cx.client, target_exists: project.is_some(), same_harbor };
    let writing = plan.items.iter().filter(|item| item.writes());
    let lines: Vec<(&EffectItem, Closure)> =
        writing.filter_map(|item| Some((item, measured.remove(&(item.repository.clone(), item.then))?.ok()?))).collect();
    let estimate = lookup.estimate(&lines).await?;
    let elsewhere = elsewhere_warnings(&lines);
    plan.estimate = estimate;
    let short = constraints
        .quota
        .and_then(|q| q.hard_bytes.map(|hard| hard.saturating_sub(q.used_bytes)))
        .is_some_and(|free| free < estimate.bytes_to_send);
    if short {
        for item in plan.items.iter_mut().filter(|item| item.writes()) {
            block(item, BlockReason::Quota, "raise the project's quota, or restore less");
        }
    }
    // A project is made only for what is written into it.
    plan.creates_project &= plan.items.iter().any(EffectItem::writes);
    Ok(elsewhere)
}

fn block(item: &mut EffectItem, reason: BlockReason, remedy: &str) {
    item.effect = Effect::Blocked { reason, remedy: remedy.to_owned() };
}

/// No two lines write the same tag: a name that keeps or replaces one may be the very name of another.
fn block_taken(items: &mut [EffectItem]) {
    let mut written: HashMap<(RepositoryName, Tag), Digest> = HashMap::new();
    for item in items.iter().filter(|item| item.writes()) {
        // What is asked for by its own name comes first.
        if let Some(tag) = item.tag.as_ref().filter(|tag| item.source_tag.as_ref() == Some(*tag)) {
            written.insert((item.repository.clone(), tag.clone()), item.then);
        }
    }
    for item in items.iter_mut().filter(|item| item.writes()) {
        let keeps = match (&item.effect, item.now) {
            (Effect::Move { keep_as: Some(name) }, Some(now)) => Some((name.clone(), now)),
            _ => None,
        };
        let own = item.tag.clone().map(|tag| (tag, item.then));
        let taken = own.into_iter().chain(keeps).find_map(|(tag, digest)| {
            let first = *written.entry((item.repository.clone(), tag.clone())).or_insert(digest);
            (first != digest).then_some(tag)
        });
        if let Some(tag) = taken {
            item.effect = name_taken(&tag);
        }
    }
}

/// What is about something that is not there and turned out not to come does not come either.
fn block_alone(items: &mut [EffectItem]) {
    let place = |item: &EffectItem| (item.repository.clone(), item.then);
    let there = |item: &EffectItem| item.writes() || item.effect == (Effect::Skip { reason: SkipReason::Same });
    let brought: Places = items.iter().filter(|item| there(item)).map(place).collect();
    let blocked = items.iter().filter(|item| matches!(item.effect, Effect::Blocked { .. }) && item.now != Some(item.then)).map(place);
    let mut never: Places = blocked.filter(|place| !brought.contains(place)).collect();
    // Subjects come before what is about them.
    for item in items.iter_mut().filter(|item| item.writes()) {
        let Some(subject) = item.accessory.as_ref().map(|accessory| accessory.subject) else { continue };
        if never.contains(&(item.repository.clone(), subject)) {
            never.insert(place(item));
            block(item, BlockReason::SubjectBlocked { subject }, "see why what it is about cannot be restored");
        }
    }
}

/// Whether the project was public when the snapshot was taken. Unknown means private.
async fn was_public(cx: &PlanContext, index: &SnapshotIndex) -> bool {
    let Some(config) = &index.config else { return false };
    let Ok(settings) = cx.vault.project_settings(&config.digest).await else { return false };
    settings.pointer("/project/metadata/public").and_then(|value| value.as_str()) == Some("true")
}

/// Compares what is wanted with the target.
pub(super) struct Compare<'a> {
    pub vault: &'a Vault,
    pub live: &'a Live<'a>,
    pub target: &'a ProjectName,
    pub policy: &'a Policy,
    /// Repositories of which several images without a tag are wanted.
    pub several: &'a HashSet<RepositoryName>,
}

fn several(desired_set: &[Desired]) -> HashSet<RepositoryName> {
    let bare: Vec<&Desired> = desired_set.iter().filter(|desired| desired.tag.is_none() && desired.about.is_none()).collect();
    bare.windows(2).filter(|two| two[0].repository == two[1].repository).map(|two| two[0].repository.clone()).collect()
}

type Places = HashSet<(RepositoryName, Digest)>;

impl Compare<'_> {
    /// A line for each desired that needs one, in their order.
    pub(super) async fn lines(&self, desired_set: &[Desired]) -> Result<Vec<EffectItem>, PlanError> {
        let images: Vec<&Desired> = desired_set.iter().filter(|desired| desired.about.is_none()).collect();
        let images: Vec<Option<EffectItem>> = stream::iter(images.into_iter().map(|desired| self.image(desired)).collect::<Vec<_>>())
            .buffered(LINES_AT_ONCE)
            .try_collect()
            .await?;
        let (mut coming, mut left) = (Places::new(), Places::new());
        for item in images.iter().flatten() {
            let leaves = matches!(item.effect, Effect::Skip { reason: SkipReason::Left } | Effect::Blocked { .. });
            let places = if leaves { &mut left } else { &mut coming };
            places.insert((item.repository.clone(), item.then));
        }
        left.retain(|place| !coming.contains(place));
        let about: Vec<(&Desired, &Subject, RepositoryName)> = desired_set
            .iter()
            .filter_map(|desired| Some((desired, desired.about.as_ref()?, desired.repository.in_project(self.target))))
            .collect();
        let digests: HashSet<(&RepositoryName, Digest)> = about.iter().map(|(desired, ..)| (&desired.repository, desired.digest)).collect();
        let nested =
            about.iter().map(|(desired, subject, _)| (&desired.repository, subject.digest)).filter(|s| digests.contains(s)).collect();
        let on_conflict = self.policy.on_conflict;
        let accessories = Accessories { vault: self.vault, live: self.live, on_conflict, nested, coming: &coming, left: &left };
        let accessories = accessories.lines(&about).await?;
        let (mut images, mut accessories) = (images.into_iter(), accessories.into_iter());
        let lines = desired_set.iter().filter_map(|desired| if desired.about.is_some() { accessories.next()? } else { images.next()? });
        Ok(lines.collect())
    }

    /// The line of an image; none for one that comes along and need not, or not under this tag.
    async fn image(&self, desired: &Desired) -> Result<Option<EffectItem>, PlanError> {
        let repository = desired.repository.in_project(self.target);
        let (tag, now, effect) = match &desired.tag {
            None => match self.digest_tag(desired)? {
                Some(tag) => self.named(&repository, tag, &desired.digest).await?,
                None => {
                    let now = self.live.artifact(&repository, &desired.digest).await?.map(|seen| seen.digest);
                    (None, now, now.map_or(Effect::Create, |_| Effect::Skip { reason: SkipReason::Same }))
                }
            },
            Some(tag) => self.tag(&repository, tag, &desired.digest).await?,
        };
        let comes_along = desired.brought_for.is_some();
        if comes_along && self.live.artifact(&repository, &desired.digest).await?.is_some() {
            return Ok(None);
        }
        // It takes no name from anything: one that is taken by now it does without.
        let (tag, now, effect) = if comes_along && effect != Effect::Create { (None, None, Effect::Create) } else { (tag, now, effect) };
        Ok(Some(EffectItem {
            source_repository: desired.repository.clone(),
            source_tag: desired.tag.clone(),
            repository,
            tag,
            now,
            then: desired.digest,
            media_type: desired.media_type.clone(),
            effect,
            immutable: false,
            accessory: None,
            brought_for: desired.brought_for,
        }))
    }

    async fn tag(&self, repository: &RepositoryName, tag: &Tag, then: &Digest) -> Result<(Option<Tag>, Option<Digest>, Effect), PlanError> {
        let here = |now, effect| Ok((Some(tag.clone()), now, effect));
        let Some(now) = self.live.tag(repository, tag).await? else { return here(None, Effect::Create) };
        if now == *then {
            return here(Some(now), Effect::Skip { reason: SkipReason::Same });
        }
        match self.policy.on_conflict {
            OnConflict::Leave => here(Some(now), Effect::Skip { reason: SkipReason::Left }),
            OnConflict::Move if self.policy.keep_suffix.is_empty() => here(Some(now), Effect::Move { keep_as: None }),
            OnConflict::Move => {
                let keep_as = suffixed(tag, &self.policy.keep_suffix)?;
                match self.live.tag(repository, &keep_as).await? {
                    Some(other) if other != now => here(Some(now), name_taken(&keep_as)),
                    _ => here(Some(now), Effect::Move { keep_as: Some(keep_as) }),
                }
            }
            OnConflict::Rename => self.named(repository, suffixed(tag, &self.policy.rename_suffix)?, then).await,
        }
    }

    /// A tag of the restore's own, which never moves.
    async fn named(
        &self,
        repository: &RepositoryName,
        name: Tag,
        then: &Digest,
    ) -> Result<(Option<Tag>, Option<Digest>, Effect), PlanError> {
        let now = self.live.tag(repository, &name).await?;
        let effect = match now {
            None => Effect::Create,
            Some(now) if now == *then => Effect::Skip { reason: SkipReason::Same },
            Some(_) => name_taken(&name),
        };
        Ok((Some(name), now, effect))
    }

    /// The tag that keeps an image without one. What only comes along for something else needs none.
    fn digest_tag(&self, desired: &Desired) -> Result<Option<Tag>, PlanError> {
        let name = &self.policy.digest_tag;
        if name.is_empty() || desired.brought_for.is_some() {
            return Ok(None);
        }
        let hex = desired.digest.hex();
        let text = if self.several.contains(&desired.repository) {
            format!("{name}-{}", hex.get(..DIGEST_TAG_DIGITS).unwrap_or_default())
        } else {
            name.clone()
        };
        text.parse().map(Some).map_err(|_| PlanError::Suffix { tag: text })
    }
}

fn name_taken(tag: &Tag) -> Effect {
    let remedy = "choose another suffix, or remove that tag".to_owned();
    Effect::Blocked { reason: BlockReason::NameTaken { tag: tag.to_string() }, remedy }
}

/// `<tag>-<suffix>`. A tag too long for that is shortened, with a piece of its digest in place of what is left out, so that two long tags
/// never get one name.
fn suffixed(tag: &Tag, suffix: &str) -> Result<Tag, PlanError> {
    let text = if tag.as_str().len() + 1 + suffix.len() <= TAG_BYTES_MAX {
        format!("{tag}-{suffix}")
    } else {
        let mut piece = Digest::of(tag.as_str().as_bytes()).hex();
        piece.truncate(NAME_HASH_CHARS);
        let keep = TAG_BYTES_MAX.saturating_sub(suffix.len() + piece.len() + 2);
        format!("{}-{piece}-{suffix}", tag.as_str().get(..keep).unwrap_or_default())
    };
    text.parse().map_err(|_| PlanError::Suffix { tag: text })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_suffix_gives_a_tag_or_an_error_never_a_longer_name() {
        let tag: Tag = "1.4".parse().unwrap();
        assert_eq!(suffixed(&tag, "before-restore-88").unwrap().as_str(), "1.4-before-restore-88");
        let long: Tag = "a".repeat(128).parse().unwrap();
        let made = suffixed(&long, "restored-7").unwrap();
        assert_eq!(made.as_str().len(), TAG_BYTES_MAX);
        assert!(made.as_str().ends_with("-restored-7"));
        let other: Tag = format!("{}b", "a".repeat(127)).parse().unwrap();
        let other = suffixed(&other, "restored-7").unwrap();
        assert_eq!(other.as_str().len(), TAG_BYTES_MAX);
        assert_ne!(made, other, "two long tags that differ at their end only");
        assert!(suffixed(&tag, "a b").is_err());
        assert!(suffixed(&tag, &"x".repeat(200)).is_err());
    }
}
