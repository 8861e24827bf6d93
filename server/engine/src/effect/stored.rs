//! Plans as they are stored. One of version 1 held accessories under each tag; it is read into lines, to be looked at. Its hash is that of
//! no line here, and nothing executes it: [`super::EFFECT_VERSION`] says so.

use std::collections::HashSet;

use serde::Deserialize;
use vault::HarborName;
use vault::tree::Gap;
use vocab::{Digest, ProjectName, RepositoryName, Tag};

use super::model::{AccessoryOf, Effect, EffectItem, EffectPlan, Estimate, Link, Policy, SkipReason, Source};
use super::warning::{Warning, stored_warnings};

/// A plan's fields, of any version so far.
#[derive(Deserialize)]
pub(super) struct Stored {
    version: u32,
    harbor: HarborName,
    target_project: ProjectName,
    creates_project: bool,
    project_public: bool,
    whole_project: bool,
    policy: Policy,
    items: Vec<StoredItem>,
    source: Source,
    estimate: Estimate,
    #[serde(default)]
    gaps: Vec<Gap>,
    #[serde(deserialize_with = "stored_warnings")]
    warnings: Vec<Warning>,
}

#[derive(Deserialize)]
struct StoredItem {
    #[serde(flatten)]
    item: EffectItem,
    /// Version 1 only.
    #[serde(default)]
    accessories: Vec<Accessory1>,
}

#[derive(Deserialize)]
struct Accessory1 {
    digest: Digest,
    media_type: String,
    subject: Digest,
    kind: String,
    tag: Option<Tag>,
    missing: bool,
}

impl From<Stored> for EffectPlan {
    fn from(stored: Stored) -> Self {
        let Stored { version, harbor, target_project, creates_project, project_public, whole_project, .. } = stored;
        let Stored { policy, source, estimate, gaps, warnings, .. } = stored;
        let mut seen: HashSet<(RepositoryName, Digest)> = HashSet::new();
        let (mut items, mut accessories) = (Vec::with_capacity(stored.items.len()), Vec::new());
        for StoredItem { item, accessories: about } in stored.items {
            let fresh = about.into_iter().filter(|one| seen.insert((item.repository.clone(), one.digest)));
            accessories.extend(fresh.map(|one| one.line(&item)));
            items.push(item);
        }
        // Behind the lines of then: results name those by their place.
        items.extend(accessories);
        Self {
            version,
            harbor,
            target_project,
            creates_project,
            project_public,
            whole_project,
            policy,
            items,
            source,
            estimate,
            gaps,
            warnings,
        }
    }
}

impl Accessory1 {
    fn line(self, item: &EffectItem) -> EffectItem {
        EffectItem {
            source_repository: item.source_repository.clone(),
            source_tag: self.tag.clone(),
            repository: item.repository.clone(),
            tag: self.tag,
            now: (!self.missing).then_some(self.digest),
            then: self.digest,
            media_type: self.media_type,
            effect: if self.missing { Effect::Create } else { Effect::Skip { reason: SkipReason::Same } },
            immutable: false,
            accessory: Some(AccessoryOf { subject: self.subject, kind: self.kind, link: Link::Subject }),
            brought_for: None,
        }
    }
}
