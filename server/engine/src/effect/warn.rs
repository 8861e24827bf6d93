//! What somebody should know before voting for a restore. Whole sentences under stable words.

use registry::RetentionSummary;
use serde_json::Value;
use vault::tree::SnapshotIndex;
use vault::{Vault, VaultError};
use vocab::RepositoryName;

use super::blocks::Constraints;
use super::context::{PlanContext, PlanError};
use super::model::{Effect, EffectItem, EffectPlan, Warning};
use super::outlook::{Outlook, outlook};

/// Longest list of retention rules told.
const RULES_TOLD_MAX: usize = 5;
/// Names told of what a retention policy deletes next.
const NAMES_TOLD_MAX: usize = 20;
/// Repository indexes read to say what a project made anew will lack.
const REPOSITORIES_READ_MAX: usize = 200;

fn warning(code: &str, text: String) -> Warning {
    Warning { code: code.to_owned(), text }
}

/// Everything worth a warning. Reads the registry where the target has a retention policy, and the vault where the project is made anew.
pub(crate) async fn warnings(
    cx: &PlanContext,
    plan: &EffectPlan,
    constraints: Option<&Constraints>,
    index: &SnapshotIndex,
) -> Result<Vec<Warning>, PlanError> {
    let mut all = of_plan(plan, index);
    let Some(constraints) = constraints.filter(|_| plan.writes()) else { return Ok(all) };
    let writing: Vec<&EffectItem> = plan.items.iter().filter(|item| item.writes()).collect();
    all.extend(of_constraints(plan, constraints, &writing));
    if let Some(retention) = &constraints.retention
        && let Some(outlook) = outlook(&cx.client, plan, constraints).await?
    {
        all.extend(of_retention(retention, &outlook));
    }
    if plan.creates_project {
        all.push(made_anew(&cx.vault, plan, index).await?);
    }
    Ok(all)
}

/// What can be told from plan and snapshot alone.
fn of_plan(plan: &EffectPlan, index: &SnapshotIndex) -> Vec<Warning> {
    let mut all = Vec::new();
    let writing: Vec<&EffectItem> = plan.items.iter().filter(|item| item.writes()).collect();
    if plan.whole_project && !index.gaps.is_empty() {
        let count = index.gaps.len();
        all.push(warning("snapshot_gaps", format!("the snapshot has {count} gaps: what could not be read then cannot come back")));
    }
    if writing.is_empty() {
        return all;
    }
    all.push(warning("push_time_now", "Harbor will show the moment of the restore as push time, and no pull".to_owned()));
    if !plan.policy.accessories {
        all.push(warning("accessories_left", "signatures and SBOMs do not come along".to_owned()));
    }
    let estimate = &plan.estimate;
    if estimate.bytes_to_send == 0 && estimate.bytes_present > 0 && estimate.blobs_unknown == 0 {
        let text = "Harbor still has the bytes of these images; after its next garbage collection they would have to be sent".to_owned();
        all.push(warning("bytes_still_there", text));
    }
    if estimate.blobs_unknown > 0 {
        let text = format!("{} blobs were not looked up: what Harbor still has of them need not be sent", estimate.blobs_unknown);
        all.push(warning("bytes_unknown", text));
    }
    let bare = writing.iter().filter(|item| item.tag.is_none() && item.accessory.is_none() && item.effect == Effect::Create).count();
    if bare > 0 {
        let text = format!(
            "{bare} images come back without a tag: the next garbage collection that deletes untagged artifacts removes them; give them a tag that keeps them"
        );
        all.push(warning("untagged", text));
    }
    all
}

fn of_constraints(plan: &EffectPlan, constraints: &Constraints, writing: &[&EffectItem]) -> Vec<Warning> {
    let mut all = Vec::new();
    let immutable = writing.iter().filter(|item| item.immutable && item.effect == Effect::Create).count();
    if immutable > 0 {
        let text = format!("{immutable} of the restored tags match an immutable rule: they cannot be moved or deleted afterwards");
        all.push(warning("becomes_immutable", text));
    }
    if !constraints.rules_known && !plan.creates_project {
        let text = "the immutable rules of the project could not be read; Harbor may refuse to move a tag".to_owned();
        all.push(warning("rules_unknown", text));
    }
    if constraints.may_push.is_none() && !plan.creates_project {
        all.push(warning("right_unknown", "whether the restore login may push there could not be asked".to_owned()));
    }
    if let Some(quota) = constraints.quota
        && let Some(hard_bytes) = quota.hard_bytes
    {
        let free_bytes = hard_bytes.saturating_sub(quota.used_bytes);
        let most_bytes = plan.estimate.bytes_to_send + plan.estimate.bytes_present + plan.estimate.bytes_unknown;
        if most_bytes > free_bytes {
            let text = format!("the project has {free_bytes} bytes of quota left, and the restored images count up to {most_bytes} bytes");
            all.push(warning("quota_tight", text));
        }
    }
    for (setting, what) in [
        ("prevent_vul", "until they are scanned"),
        ("enable_content_trust", "until they are signed"),
        ("enable_content_trust_cosign", "until they are signed"),
    ] {
        if constraints.is_on(setting) {
            all.push(warning(setting, format!("a policy of the project keeps the restored images from being pulled {what}")));
        }
    }
    if constraints.is_on("auto_scan") {
        all.push(warning("auto_scan", "the project scans each image when it is pushed: the restore starts one scan per image".to_owned()));
    }
    all
}

fn of_retention(retention: &RetentionSummary, outlook: &Result<Outlook, String>) -> Vec<Warning> {
    let rules: Vec<String> = retention.rules.iter().filter(|rule| !rule.disabled).take(RULES_TOLD_MAX).map(rule_words).collect();
    let rules = rules.join(", ");
    let when = retention.cron.as_ref().map_or_else(|| "when somebody starts it".to_owned(), |cron| format!("on the schedule {cron}"));
    let outlook = match outlook {
        Ok(outlook) => outlook,
        Err(why) => {
            let text = format!(
                "the project has a retention policy ({rules}) that runs {when}, and what it would delete cannot be told here: {why}; make a dry run of it in Harbor"
            );
            return vec![warning("retention_unclear", text)];
        }
    };
    let mut all = Vec::new();
    if !outlook.live.is_empty() {
        let (count, names) = (outlook.live.len(), few(&outlook.live));
        let text = format!(
            "because of this restore the retention policy ({rules}), which runs {when}, deletes {count} tags or images that are in Harbor now: {names}"
        );
        all.push(warning("retention_takes_live", text));
    }
    if !outlook.restored.is_empty() {
        let (count, names) = (outlook.restored.len(), few(&outlook.restored));
        let text =
            format!("the retention policy ({rules}), which runs {when}, deletes {count} of the restored tags or images again: {names}");
        all.push(warning("retention_takes_restored", text));
    }
    if outlook.left_out > 0 {
        let text = format!("what the retention policy ({rules}) deletes next was not looked at in {} repositories", outlook.left_out);
        all.push(warning("retention_not_looked", text));
    }
    if all.is_empty() {
        let text = format!(
            "the retention policy ({rules}), which runs {when}, deletes none of the restored images on its next run, and no other because of them"
        );
        all.push(warning("retention_spares", text));
    }
    all
}

/// `latestPushedK 3`.
fn rule_words(rule: &registry::RetentionRule) -> String {
    match rule.params.get(&rule.template) {
        Some(figure) => format!("{} {figure}", rule.template),
        None => rule.template.clone(),
    }
}

/// The first names of a list.
fn few(names: &[String]) -> String {
    let told = names.iter().take(NAMES_TOLD_MAX).map(String::as_str).collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(NAMES_TOLD_MAX) {
        0 => told,
        more => format!("{told} and {more} more"),
    }
}

/// Settings that the snapshot has and a project made anew will lack: each class by its own words. `public` alone is set.
fn missing_settings(settings: &Value) -> Vec<String> {
    let count = |name: &str| settings[name].as_array().map_or(0, Vec::len);
    let mut all = Vec::new();
    let metadata = settings["project"]["metadata"].as_object();
    let other: Vec<&str> = metadata.into_iter().flatten().map(|(name, _)| name.as_str()).filter(|name| *name != "public").collect();
    if !other.is_empty() {
        all.push(format!("project settings ({})", other.join(", ")));
    }
    let cves = settings["project"]["cve_allowlist"]["items"].as_array().map_or(0, Vec::len);
    if cves > 0 {
        all.push(format!("the CVE allow-list ({cves})"));
    }
    if settings["quota"]["hard_bytes"].as_u64().is_some() {
        all.push("the quota".to_owned());
    }
    for (name, words) in [
        ("labels", "labels"),
        ("members", "members"),
        ("robots", "robots, whose secrets change"),
        ("immutable_rules", "immutable rules"),
        ("webhooks", "webhooks"),
        ("preheat", "preheat policies"),
    ] {
        // Who makes a project is a member of it; the others are to be added.
        let rows = count(name).saturating_sub(usize::from(name == "members"));
        if rows > 0 {
            all.push(format!("{words} ({rows})"));
        }
    }
    if settings["retention"].is_object() {
        all.push("the retention policy".to_owned());
    }
    if settings["scanner"].as_object().is_some_and(|scanner| !scanner.is_empty()) {
        all.push("the choice of a scanner".to_owned());
    }
    all
}

/// What of a snapshot's settings a project made anew does not get.
async fn made_anew(vault: &Vault, plan: &EffectPlan, index: &SnapshotIndex) -> Result<Warning, VaultError> {
    let mut missing = match &index.config {
        Some(config) => match vault.project_settings(&config.digest).await {
            Ok(settings) => missing_settings(&settings),
            Err(error) if error.is_transient() => return Err(error),
            Err(_) => {
                return Ok(warning("made_anew", format!("{} is made anew; which settings it had cannot be read", plan.target_project)));
            }
        },
        None => return Ok(warning("made_anew", format!("{} is made anew; its settings were not captured", plan.target_project))),
    };
    let mut written: Vec<&RepositoryName> = plan.items.iter().filter(|item| item.writes()).map(|item| &item.source_repository).collect();
    written.dedup();
    let (mut described, mut labelled) = (0_usize, 0_usize);
    for (_, descriptor) in index.repositories.iter().filter(|(name, _)| written.contains(&name)).take(REPOSITORIES_READ_MAX) {
        let repository = vault.repository(&descriptor.digest).await?;
        described += usize::from(repository.description.is_some_and(|text| !text.is_empty()));
        labelled += repository.members.iter().filter(|member| !member.labels.is_empty()).count();
    }
    if described > 0 {
        missing.push(format!("descriptions of repositories ({described})"));
    }
    if labelled > 0 {
        missing.push(format!("labels on images ({labelled})"));
    }
    let public = if plan.project_public { "public" } else { "private" };
    let text = if missing.is_empty() {
        format!("{} is made anew, {public}, with Harbor's own settings; the snapshot has no others", plan.target_project)
    } else {
        format!("{} is made anew, {public}; it will lack what the snapshot has of: {}", plan.target_project, missing.join("; "))
    };
    Ok(warning("made_anew", text))
}
