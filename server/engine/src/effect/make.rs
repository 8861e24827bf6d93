//! Makes an effect plan: what is wanted, what the target has, what keeps it from being written, and how much that is.

use futures::{StreamExt, TryStreamExt, stream};
use registry::{Client, Project, RegistryError};
use vault::tree::SnapshotIndex;
use vault::{HarborName, Vault, VaultError};
use vocab::{Digest, ProjectName, RepositoryName, Tag};

use super::blocks::Ground;
use super::live::Live;
use super::measure::{Closure, Lookup, closure};
use super::model::{
    AccessoryEffect, BlockReason, EFFECT_VERSION, Effect, EffectItem, EffectPlan, Estimate, OnConflict, Policy, SkipReason, Source,
};
use super::warn::warnings;
use super::wish::{Wish, WishedAccessory, wishes};
use crate::select::Selection;
use crate::source;

/// Lines compared with the target at a time; the client bounds calls further.
const LINES_AT_ONCE: usize = 4;
/// Longest tag.
const TAG_BYTES_MAX: usize = vocab::name::TAG_BYTES_MAX;

/// What a plan is made with.
#[derive(Clone)]
pub struct PlanContext {
    /// The target registry.
    pub client: Client,
    /// Where the snapshot is.
    pub vault: Vault,
    /// The target harbor's name.
    pub harbor: HarborName,
}

/// Why there is no plan.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PlanError {
    /// The registry refused, or failed for good.
    #[error("the registry did not answer what the plan needs")]
    Registry(#[from] RegistryError),
    /// The vault cannot give the snapshot.
    #[error("the vault cannot give the snapshot")]
    Vault(#[from] VaultError),
    /// Something wanted is not in the snapshot, or was a gap when it was taken.
    #[error("the snapshot does not have {}", names.join(", "))]
    NotInSnapshot {
        /// What: the first few.
        names: Vec<String>,
    },
    /// A suffix does not give a tag.
    #[error("{tag:?} is not a tag; choose another suffix")]
    Suffix {
        /// What it gives.
        tag: String,
    },
    /// More than this program compares with.
    #[error("{project} has more artifacts than a plan is made for")]
    TooMuch {
        /// Which project.
        project: ProjectName,
    },
}

impl PlanError {
    pub(crate) fn not_in_snapshot(index: &SnapshotIndex, missing: Vec<String>, names_max: usize) -> Self {
        let total = missing.len();
        let mut names: Vec<String> = missing
            .into_iter()
            .take(names_max)
            .map(|name| match index.gaps.iter().find(|gap| gap.subject == name) {
                Some(gap) => format!("{name} (could not be read then: {})", gap.kind),
                None => name,
            })
            .collect();
        if total > names_max {
            names.push(format!("and {} more", total - names_max));
        }
        Self::NotInSnapshot { names }
    }

    /// Whether another try later may work without anybody doing anything.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Registry(error) => error.is_transient(),
            Self::Vault(error) => error.is_transient(),
            Self::NotInSnapshot { .. } | Self::Suffix { .. } | Self::TooMuch { .. } => false,
        }
    }

    /// A stable word.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Registry(error) => error.code(),
            Self::Vault(error) => error.code(),
            Self::NotInSnapshot { .. } => "not_in_snapshot",
            Self::Suffix { .. } => "suffix",
            Self::TooMuch { .. } => "too_much",
        }
    }
}

/// Says what a restore of `selection` into `target` would do now. Reads the registry, writes nothing.
pub async fn plan(
    cx: &PlanContext,
    snapshot: &Digest,
    selection: &Selection,
    target: &ProjectName,
    policy: &Policy,
) -> Result<EffectPlan, PlanError> {
    let index = cx.vault.snapshot(snapshot).await?;
    let wishes = wishes(&cx.vault, &index, selection, policy.accessories).await?;
    cx.client.prove_login().await?;
    let project = source::project(&cx.client, target).await?;
    let live = Live::read(&cx.client, project.as_ref().map(|p| &p.name), &wishes).await?;
    let compare = Compare { live: &live, target, policy };
    let compared: Vec<EffectItem> =
        stream::iter(wishes.iter().map(|wish| compare.line(wish)).collect::<Vec<_>>()).buffered(LINES_AT_ONCE).try_collect().await?;
    let mut plan = EffectPlan {
        version: EFFECT_VERSION,
        harbor: cx.harbor.clone(),
        target_project: target.clone(),
        creates_project: project.is_none() && compared.iter().any(EffectItem::writes),
        project_public: false,
        whole_project: *selection == Selection::Project,
        policy: policy.clone(),
        items: compared,
        source: Source { harbor: index.harbor.clone(), snapshot: *snapshot, project: index.project.clone(), moment: index.started },
        estimate: Estimate::default(),
        warnings: Vec::new(),
    };
    let ground = if plan.writes() { Some(Ground::read(&cx.client, project.as_ref()).await?) } else { None };
    if let Some(ground) = &ground {
        settle(cx, &mut plan, ground, project.as_ref(), &index).await?;
    }
    cx.client.prove_login().await?;
    plan.warnings = warnings(&plan, ground.as_ref(), &index);
    Ok(plan)
}

/// Applies rules and rights, checks the vault, and measures.
async fn settle(
    cx: &PlanContext,
    plan: &mut EffectPlan,
    ground: &Ground,
    project: Option<&Project>,
    index: &SnapshotIndex,
) -> Result<(), PlanError> {
    if plan.creates_project {
        plan.project_public = was_public(cx, index).await;
    }
    for item in &mut plan.items {
        if let Some(tag) = &item.tag {
            item.immutable = item.writes() && ground.makes_immutable(&item.repository, tag);
        }
        let is_move = matches!(item.effect, Effect::Move { .. });
        if let Some((reason, remedy)) = ground.blocks_all(plan.creates_project).filter(|_| item.writes()) {
            block(item, reason, remedy);
        } else if is_move && item.immutable {
            block(item, BlockReason::Immutable, "restore under a new name, or have the project's immutable rule changed");
        }
    }
    let mut measured: Vec<(usize, Closure)> = Vec::new();
    for (place, item) in plan.items.iter_mut().enumerate() {
        if !item.writes() {
            continue;
        }
        match closure(&cx.vault, item).await? {
            Ok(closure) => measured.push((place, closure)),
            Err(object) => {
                block(item, BlockReason::Damaged { object }, "choose an earlier snapshot, and run the plan again to heal the vault")
            }
        }
    }
    let same_harbor = plan.source.harbor == plan.harbor;
    let lookup = Lookup { client: &cx.client, target_exists: project.is_some(), same_harbor };
    let lines: Vec<(&EffectItem, Closure)> = measured.into_iter().map(|(place, closure)| (&plan.items[place], closure)).collect();
    let estimate = lookup.estimate(&lines).await?;
    plan.estimate = estimate;
    let short = ground
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
    Ok(())
}

fn block(item: &mut EffectItem, reason: BlockReason, remedy: &str) {
    item.effect = Effect::Blocked { reason, remedy: remedy.to_owned() };
}

/// Whether the project was public when the snapshot was taken. Unknown means private.
async fn was_public(cx: &PlanContext, index: &SnapshotIndex) -> bool {
    let Some(config) = &index.config else { return false };
    let Ok(settings) = cx.vault.project_settings(&config.digest).await else { return false };
    settings.pointer("/project/metadata/public").and_then(|value| value.as_str()) == Some("true")
}

/// Compares wishes with the target.
struct Compare<'a> {
    live: &'a Live<'a>,
    target: &'a ProjectName,
    policy: &'a Policy,
}

impl Compare<'_> {
    async fn line(&self, wish: &Wish) -> Result<EffectItem, PlanError> {
        let repository = wish.repository.in_project(self.target);
        let (tag, now, effect) = match &wish.tag {
            None => {
                let now = self.live.artifact(&repository, &wish.digest).await?.map(|seen| seen.digest);
                (None, now, now.map_or(Effect::Create, |_| Effect::Skip { reason: SkipReason::Same }))
            }
            Some(tag) => self.tag(&repository, tag, &wish.digest).await?,
        };
        let present =
            effect == (Effect::Skip { reason: SkipReason::Same }) || self.live.artifact(&repository, &wish.digest).await?.is_some();
        let leaves = matches!(effect, Effect::Skip { reason: SkipReason::Left } | Effect::Blocked { .. });
        let accessories = if leaves { Vec::new() } else { self.accessories(&repository, wish, present).await? };
        Ok(EffectItem {
            source_repository: wish.repository.clone(),
            source_tag: wish.tag.clone(),
            repository,
            tag,
            now,
            then: wish.digest,
            media_type: wish.media_type.clone(),
            effect,
            immutable: false,
            accessories,
        })
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
            OnConflict::Rename => {
                let name = suffixed(tag, &self.policy.rename_suffix)?;
                let now = self.live.tag(repository, &name).await?;
                let effect = match now {
                    None => Effect::Create,
                    Some(now) if now == *then => Effect::Skip { reason: SkipReason::Same },
                    Some(_) => name_taken(&name),
                };
                Ok((Some(name), now, effect))
            }
        }
    }

    async fn accessories(&self, repository: &RepositoryName, wish: &Wish, present: bool) -> Result<Vec<AccessoryEffect>, PlanError> {
        let mut all: Vec<AccessoryEffect> = Vec::with_capacity(wish.accessories.len());
        for accessory in &wish.accessories {
            // What is about something that is missing is missing too: Harbor deletes it with its subject.
            let subject_there = if accessory.subject == wish.digest {
                present
            } else {
                match all.iter().find(|earlier| earlier.digest == accessory.subject) {
                    Some(earlier) => !earlier.missing,
                    None => self.live.artifact(repository, &accessory.subject).await?.is_some(),
                }
            };
            let missing = !(subject_there && self.has(repository, wish, accessory).await?);
            all.push(AccessoryEffect {
                digest: accessory.digest,
                media_type: accessory.media_type.clone(),
                subject: accessory.subject,
                kind: accessory.kind.clone(),
                tag: accessory.tag.clone(),
                missing,
            });
        }
        Ok(all)
    }

    /// Whether the target shows this accessory under its subject.
    async fn has(&self, repository: &RepositoryName, wish: &Wish, accessory: &WishedAccessory) -> Result<bool, PlanError> {
        let deeper = wish.accessories.iter().any(|other| other.digest == accessory.subject);
        let subject = if deeper {
            self.live.accessory(repository, &accessory.subject).await?
        } else {
            self.live.artifact(repository, &accessory.subject).await?
        };
        Ok(subject.is_some_and(|seen| seen.accessories.iter().any(|(digest, _)| *digest == accessory.digest)))
    }
}

fn name_taken(tag: &Tag) -> Effect {
    let remedy = "choose another suffix, or remove that tag".to_owned();
    Effect::Blocked { reason: BlockReason::NameTaken { tag: tag.to_string() }, remedy }
}

/// `<tag>-<suffix>`, the tag shortened if need be.
fn suffixed(tag: &Tag, suffix: &str) -> Result<Tag, PlanError> {
    let keep = TAG_BYTES_MAX.saturating_sub(suffix.len() + 1).min(tag.as_str().len());
    let text = format!("{}-{suffix}", tag.as_str().get(..keep).unwrap_or_default());
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
        assert!(suffixed(&tag, "a b").is_err());
        assert!(suffixed(&tag, &"x".repeat(200)).is_err());
    }
}
