//! What the next run of the target's tag retention takes, once the restore is done: of what it brought, and of what was there before.
//!
//! Harbor numbers nothing by the age of an image, only by the moment it was pushed, and a restore pushes: old tags that come back are the
//! newest, and live ones may have to go for them. So the rules are evaluated over both, in the order the restore writes.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use futures::{StreamExt, TryStreamExt, stream};
use registry::{Artifact, Client, RegistryError};
use time::{Duration, OffsetDateTime};
use vocab::{Digest, RepositoryName};

use super::blocks::Constraints;
use super::model::{Effect, EffectItem, EffectPlan};
use super::retention::{Candidate, Policy};
use super::warning::Unclear;

/// Repositories of one plan whose artifacts are listed for it; what the others would lose is not told.
const REPOSITORIES_MAX: usize = 200;
/// Artifacts of one repository looked at.
const CANDIDATES_MAX: usize = 20_000;
/// Repositories listed side by side; the client bounds listing calls further.
const LISTED_AT_ONCE: usize = 4;

/// What the next run takes.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Outlook {
    /// What the restore writes.
    pub restored: Vec<String>,
    /// What was there before, and stays as long as nothing is restored.
    pub live: Vec<String>,
    /// Repositories not looked at, because they are too many or too large.
    pub left_out: usize,
}

/// Evaluates the policy of the target. `None`: no rule is active. `Some(Err(_))`: it cannot be evaluated, and why.
pub(crate) async fn outlook(
    client: &Client,
    plan: &EffectPlan,
    constraints: &Constraints,
) -> Result<Option<Result<Outlook, Unclear>>, RegistryError> {
    let Some(summary) = constraints.retention.as_ref().filter(|summary| summary.rules.iter().any(|rule| !rule.disabled)) else {
        return Ok(None);
    };
    let policy = match Policy::of(summary, &constraints.immutable_rules) {
        Ok(policy) => policy,
        Err(unclear) => return Ok(Some(Err(unclear))),
    };
    let now = OffsetDateTime::now_utc();
    let mut lines: BTreeMap<&RepositoryName, Vec<&EffectItem>> = BTreeMap::new();
    // Accessories are seen by no rule, and come and go with what they are about.
    for item in plan.items.iter().filter(|item| item.writes() && item.accessory.is_none()) {
        lines.entry(&item.repository).or_default().push(item);
    }
    let mut outlook = Outlook { left_out: lines.len().saturating_sub(REPOSITORIES_MAX), ..Outlook::default() };
    let asked: Vec<_> = lines.iter().take(REPOSITORIES_MAX).map(|(name, items)| held(client, name, items)).collect();
    let found: Vec<Held<'_>> = stream::iter(asked).buffered(LISTED_AT_ONCE).try_collect().await?;
    for Held { repository, lines, before } in found {
        match before {
            Some(before) => outlook.add(&policy, repository, &before, lines, now),
            None => outlook.left_out += 1,
        }
    }
    Ok(Some(Ok(outlook)))
}

/// A repository the restore writes to.
struct Held<'a> {
    repository: &'a RepositoryName,
    lines: &'a [&'a EffectItem],
    /// What it holds now, where that is looked at.
    before: Option<Vec<Candidate>>,
}

async fn held<'a>(client: &Client, repository: &'a RepositoryName, lines: &'a [&'a EffectItem]) -> Result<Held<'a>, RegistryError> {
    Ok(Held { repository, lines, before: list(client, repository).await? })
}

impl Outlook {
    fn add(&mut self, policy: &Policy, repository: &RepositoryName, before: &[Candidate], lines: &[&EffectItem], now: OffsetDateTime) {
        let after = after(before, lines, now);
        let written: HashSet<Digest> =
            lines.iter().filter(|item| matches!(item.effect, Effect::Create | Effect::Move { .. })).map(|item| item.then).collect();
        let gone_anyhow: HashSet<Digest> = policy.deletes(repository, before, now).into_iter().map(|place| before[place].digest).collect();
        for place in policy.deletes(repository, &after, now) {
            let candidate = &after[place];
            let names = names(repository, candidate);
            if written.contains(&candidate.digest) {
                self.restored.extend(names);
            } else if !gone_anyhow.contains(&candidate.digest) {
                self.live.extend(names);
            }
        }
    }
}

fn names(repository: &RepositoryName, candidate: &Candidate) -> Vec<String> {
    if candidate.tags.is_empty() {
        return vec![format!("{repository}@{}", candidate.digest.short())];
    }
    candidate.tags.iter().map(|tag| format!("{repository}:{tag}")).collect()
}

/// What the repository holds; `None` where that is more than is looked at. One that is not there yet holds nothing.
async fn list(client: &Client, repository: &RepositoryName) -> Result<Option<Vec<Candidate>>, RegistryError> {
    let mut rows: Vec<Artifact> = Vec::new();
    let mut listing = std::pin::pin!(client.repository_artifacts(repository));
    loop {
        match listing.try_next().await {
            Ok(Some(row)) => rows.push(row),
            Ok(None) => break,
            Err(RegistryError::NotFound { .. }) => return Ok(Some(Vec::new())),
            Err(other) => return Err(other),
        }
        if rows.len() > CANDIDATES_MAX {
            return Ok(None);
        }
    }
    // Harbor's retention sees no untagged member of an index.
    let children: BTreeSet<Digest> = rows.iter().flat_map(|row| row.children.iter().copied()).collect();
    Ok(Some(rows.iter().filter(|row| !row.tags.is_empty() || !children.contains(&row.digest)).map(candidate).collect()))
}

fn candidate(row: &Artifact) -> Candidate {
    let made = row.push_time.unwrap_or(OffsetDateTime::UNIX_EPOCH);
    Candidate {
        digest: row.digest,
        tags: row.tags.iter().map(|tag| tag.name.to_string()).collect(),
        pushed: row.tags.iter().filter_map(|tag| tag.push_time).fold(made, OffsetDateTime::max),
        pulled: row.tags.iter().filter_map(|tag| tag.pull_time).chain(row.pull_time).max(),
        made,
    }
}

/// The repository after the restore. Lines are taken a second apart, in their order.
fn after(before: &[Candidate], lines: &[&EffectItem], now: OffsetDateTime) -> Vec<Candidate> {
    let mut all = before.to_vec();
    for (seconds, item) in (1_i64..).zip(lines) {
        let at = now + Duration::seconds(seconds);
        let keep_as = match &item.effect {
            Effect::Create => None,
            Effect::Move { keep_as } => keep_as.as_ref(),
            Effect::Mend | Effect::Skip { .. } | Effect::Blocked { .. } => continue,
        };
        if let Some(tag) = &item.tag {
            for old in all.iter_mut().filter(|old| old.digest != item.then && old.tags.iter().any(|name| name == tag.as_str())) {
                old.tags.retain(|name| name != tag.as_str());
                // The tag that keeps it is a push of it.
                if let Some(keep_as) = keep_as {
                    old.tags.push(keep_as.to_string());
                    old.pushed = at;
                }
            }
        }
        let place = all.iter().position(|one| one.digest == item.then).unwrap_or_else(|| {
            all.push(Candidate { digest: item.then, tags: Vec::new(), pushed: at, pulled: None, made: at });
            all.len() - 1
        });
        if let Some(tag) = &item.tag {
            let one = &mut all[place];
            if !one.tags.iter().any(|name| name == tag.as_str()) {
                one.tags.push(tag.to_string());
            }
            one.pushed = at;
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use registry::RetentionSummary;
    use serde_json::json;
    use vocab::Tag;

    use super::*;

    fn now() -> OffsetDateTime {
        OffsetDateTime::from_unix_timestamp(1_800_000_000).unwrap()
    }

    fn live(tag: &str, days: i64) -> Candidate {
        let made = now() - Duration::days(days);
        Candidate { digest: Digest::of(tag.as_bytes()), tags: vec![tag.to_owned()], pushed: made, pulled: Some(made), made }
    }

    fn line(tag: Option<&str>, image: &str, effect: Effect) -> EffectItem {
        let tag: Option<Tag> = tag.map(|tag| tag.parse().unwrap());
        let repository: RepositoryName = "live/app".parse().unwrap();
        let mut item: EffectItem = serde_json::from_value(super::super::tests::any_item()).unwrap();
        (item.repository, item.tag, item.then, item.effect) = (repository, tag, Digest::of(image.as_bytes()), effect);
        item
    }

    fn policy(template: &str, figure: i64, untagged: bool) -> Policy {
        let rule = json!({
            "action": "retain", "template": template, "params": { template: figure },
            "tag_selectors": [{ "kind": "doublestar", "decoration": "matches", "pattern": "**", "extras": json!({ "untagged": untagged }).to_string() }],
            "scope_selectors": { "repository": [{ "kind": "doublestar", "decoration": "repoMatches", "pattern": "**" }] },
        });
        Policy::of(&RetentionSummary { id: 1, rules: vec![serde_json::from_value(rule).unwrap()], cron: None }, &[]).unwrap()
    }

    fn told(policy: &Policy, before: &[Candidate], lines: &[EffectItem]) -> (Vec<String>, Vec<String>) {
        let mut outlook = Outlook::default();
        outlook.add(policy, &"live/app".parse().unwrap(), before, &lines.iter().collect::<Vec<_>>(), now());
        (outlook.restored, outlook.live)
    }

    #[test]
    fn restored_tags_push_out_live_ones() {
        let before = [live("v4", 3), live("v5", 2), live("v6", 1)];
        let back: Vec<EffectItem> = ["v1", "v2", "v3"].map(|tag| line(Some(tag), tag, Effect::Create)).into();
        let (restored, live) = told(&policy("latestPushedK", 3, false), &before, &back);
        assert!(restored.is_empty());
        assert_eq!(live, ["live/app:v4", "live/app:v5", "live/app:v6"]);
        let (restored, live) = told(&policy("latestPushedK", 2, false), &before, &back);
        assert_eq!(restored, ["live/app:v1"], "the first that comes back is the oldest push of them");
        assert_eq!(live, ["live/app:v5", "live/app:v6"], "v4 would go without the restore too");
        let (restored, live) = told(&policy("nDaysSinceLastPull", 7, false), &before, &back);
        assert_eq!(restored.len(), 3, "a restored artifact was never pulled");
        assert!(live.is_empty());
    }

    #[test]
    fn a_moved_tag_leaves_its_image_to_the_rules() {
        let before = [live("v1", 3), live("v2", 2)];
        let by = |keep_as: Option<&str>| {
            let keep_as = keep_as.map(|tag| tag.parse().unwrap());
            told(&policy("always", 0, false), &before, &[line(Some("v2"), "old", Effect::Move { keep_as })])
        };
        assert_eq!(by(Some("v2-before")), (vec![], vec![]));
        let untagged = format!("live/app@{}", before[1].digest.short());
        assert_eq!(by(None), (vec![], vec![untagged]));
        let (restored, live) = told(&policy("always", 0, false), &before, &[line(None, "bare", Effect::Create)]);
        assert_eq!(restored, [format!("live/app@{}", Digest::of(b"bare").short())], "without a tag, and the rule keeps tagged ones");
        assert!(live.is_empty());
    }
}
