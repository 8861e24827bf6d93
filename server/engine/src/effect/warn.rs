//! Finds what somebody should know before voting for a restore.

use registry::RetentionSummary;
use serde_json::Value;
use vault::tree::SnapshotIndex;
use vault::{Vault, VaultError};
use vocab::RepositoryName;

use super::blocks::Constraints;
use super::context::{PlanContext, PlanError};
use super::model::{Effect, EffectItem, EffectPlan};
use super::outlook::{Outlook, outlook};
use super::warning::{Lacking, Unclear, Warning, When};

/// Longest list of retention rules told.
const RULES_TOLD_MAX: usize = 5;
/// Names told of what a retention policy deletes next.
const NAMES_TOLD_MAX: usize = 20;
/// Repository indexes read to say what a project made anew will lack.
const REPOSITORIES_READ_MAX: usize = 200;

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
        all.push(Warning::SnapshotGaps { gaps: index.gaps.len() as u64 });
    }
    if writing.is_empty() {
        return all;
    }
    all.push(Warning::PushTimeNow);
    if !plan.policy.accessories {
        all.push(Warning::AccessoriesLeft);
    }
    let estimate = &plan.estimate;
    if estimate.bytes_to_send == 0 && estimate.bytes_present > 0 && estimate.blobs_unknown == 0 {
        all.push(Warning::BytesStillThere);
    }
    if estimate.blobs_unknown > 0 {
        all.push(Warning::BytesUnknown { blobs: estimate.blobs_unknown });
    }
    let bare = writing.iter().filter(|item| item.tag.is_none() && item.accessory.is_none() && item.effect == Effect::Create).count();
    if bare > 0 {
        all.push(Warning::Untagged { images: bare as u64 });
    }
    all
}

fn of_constraints(plan: &EffectPlan, constraints: &Constraints, writing: &[&EffectItem]) -> Vec<Warning> {
    let mut all = Vec::new();
    let immutable = writing.iter().filter(|item| item.immutable && item.effect == Effect::Create).count();
    if immutable > 0 {
        all.push(Warning::BecomesImmutable { tags: immutable as u64 });
    }
    if !constraints.rules_known && !plan.creates_project {
        all.push(Warning::RulesUnknown);
    }
    if constraints.may_push.is_none() && !plan.creates_project {
        all.push(Warning::RightUnknown);
    }
    if let Some(quota) = constraints.quota
        && let Some(hard_bytes) = quota.hard_bytes
    {
        let free_bytes = hard_bytes.saturating_sub(quota.used_bytes);
        let most_bytes = plan.estimate.bytes_to_send + plan.estimate.bytes_present + plan.estimate.bytes_unknown;
        if most_bytes > free_bytes {
            all.push(Warning::QuotaTight { free_bytes, most_bytes });
        }
    }
    let settings = [
        ("prevent_vul", Warning::PreventVul),
        ("enable_content_trust", Warning::EnableContentTrust),
        ("enable_content_trust_cosign", Warning::EnableContentTrustCosign),
        ("auto_scan", Warning::AutoScan),
    ];
    all.extend(settings.into_iter().filter(|(setting, _)| constraints.is_on(setting)).map(|(_, warning)| warning));
    all
}

fn of_retention(retention: &RetentionSummary, outlook: &Result<Outlook, Unclear>) -> Vec<Warning> {
    let rules: Vec<String> = retention.rules.iter().filter(|rule| !rule.disabled).take(RULES_TOLD_MAX).map(rule_words).collect();
    let when = retention.cron.clone().map_or(When::ByHand, |cron| When::Schedule { cron });
    let outlook = match outlook {
        Ok(outlook) => outlook,
        Err(why) => return vec![Warning::RetentionUnclear { rules, when, why: why.clone() }],
    };
    let few = |names: &[String]| names.iter().take(NAMES_TOLD_MAX).cloned().collect();
    let mut all = Vec::new();
    if !outlook.live.is_empty() {
        let (takes, names) = (outlook.live.len() as u64, few(&outlook.live));
        all.push(Warning::RetentionTakesLive { rules: rules.clone(), when: when.clone(), takes, names });
    }
    if !outlook.restored.is_empty() {
        let (takes, names) = (outlook.restored.len() as u64, few(&outlook.restored));
        all.push(Warning::RetentionTakesRestored { rules: rules.clone(), when: when.clone(), takes, names });
    }
    if outlook.left_out > 0 {
        all.push(Warning::RetentionNotLooked { rules: rules.clone(), repositories: outlook.left_out as u64 });
    }
    if all.is_empty() {
        all.push(Warning::RetentionSpares { rules, when });
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

/// How many rows of a class there are, and what is said of them.
type Counted = (u64, fn(u64) -> Lacking);

/// Settings that the snapshot has and a project made anew will lack. `public` alone is set.
fn missing_settings(settings: &Value) -> Vec<Lacking> {
    let count = |name: &str| settings[name].as_array().map_or(0, Vec::len) as u64;
    let mut all = Vec::new();
    let metadata = settings["project"]["metadata"].as_object();
    let names: Vec<String> = metadata.into_iter().flatten().map(|(name, _)| name.clone()).filter(|name| name != "public").collect();
    if !names.is_empty() {
        all.push(Lacking::Settings { names });
    }
    let entries = settings["project"]["cve_allowlist"]["items"].as_array().map_or(0, Vec::len) as u64;
    if entries > 0 {
        all.push(Lacking::CveAllowList { entries });
    }
    if settings["quota"]["hard_bytes"].as_u64().is_some() {
        all.push(Lacking::Quota);
    }
    let rows: [Counted; 6] = [
        (count("labels"), |rows| Lacking::Labels { rows }),
        // Who makes a project is a member of it; the others are to be added.
        (count("members").saturating_sub(1), |rows| Lacking::Members { rows }),
        (count("robots"), |rows| Lacking::Robots { rows }),
        (count("immutable_rules"), |rows| Lacking::ImmutableRules { rows }),
        (count("webhooks"), |rows| Lacking::Webhooks { rows }),
        (count("preheat"), |rows| Lacking::Preheat { rows }),
    ];
    all.extend(rows.into_iter().filter(|(rows, _)| *rows > 0).map(|(rows, lacking)| lacking(rows)));
    if settings["retention"].is_object() {
        all.push(Lacking::Retention);
    }
    if settings["scanner"].as_object().is_some_and(|scanner| !scanner.is_empty()) {
        all.push(Lacking::Scanner);
    }
    all
}

/// What of a snapshot's settings a project made anew does not get.
async fn made_anew(vault: &Vault, plan: &EffectPlan, index: &SnapshotIndex) -> Result<Warning, VaultError> {
    let project = plan.target_project.clone();
    let mut lacks = match &index.config {
        Some(config) => match vault.project_settings(&config.digest).await {
            Ok(settings) => missing_settings(&settings),
            Err(error) if error.is_transient() => return Err(error),
            Err(_) => return Ok(Warning::MadeAnewUnread { project }),
        },
        None => return Ok(Warning::MadeAnewUncaptured { project }),
    };
    let mut written: Vec<&RepositoryName> = plan.items.iter().filter(|item| item.writes()).map(|item| &item.source_repository).collect();
    written.dedup();
    let (mut described, mut labelled) = (0_u64, 0_u64);
    for (_, descriptor) in index.repositories.iter().filter(|(name, _)| written.contains(&name)).take(REPOSITORIES_READ_MAX) {
        let repository = vault.repository(&descriptor.digest).await?;
        described += u64::from(repository.description.is_some_and(|text| !text.is_empty()));
        labelled += repository.members.iter().filter(|member| !member.labels.is_empty()).count() as u64;
    }
    if described > 0 {
        lacks.push(Lacking::Descriptions { repositories: described });
    }
    if labelled > 0 {
        lacks.push(Lacking::ImageLabels { images: labelled });
    }
    let public = plan.project_public;
    Ok(if lacks.is_empty() { Warning::MadeAnewWhole { project, public } } else { Warning::MadeAnew { project, public, lacks } })
}
