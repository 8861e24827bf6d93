//! What somebody should know before voting for a restore. Whole sentences under stable words.

use registry::RetentionSummary;
use vault::tree::SnapshotIndex;

use super::blocks::Ground;
use super::model::{Effect, EffectItem, EffectPlan, Warning};

/// Longest list of retention rules told.
const RULES_TOLD_MAX: usize = 5;

fn warning(code: &str, text: String) -> Warning {
    Warning { code: code.to_owned(), text }
}

/// Everything worth a warning.
pub(crate) fn warnings(plan: &EffectPlan, ground: Option<&Ground>, index: &SnapshotIndex) -> Vec<Warning> {
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
    if let Some(ground) = ground {
        all.extend(of_ground(plan, ground, &writing));
    }
    all
}

fn of_ground(plan: &EffectPlan, ground: &Ground, writing: &[&EffectItem]) -> Vec<Warning> {
    let mut all = Vec::new();
    let immutable = writing.iter().filter(|item| item.immutable && item.effect == Effect::Create).count();
    if immutable > 0 {
        let text = format!("{immutable} of the restored tags match an immutable rule: they cannot be moved or deleted afterwards");
        all.push(warning("becomes_immutable", text));
    }
    if !ground.rules_known && !plan.creates_project {
        let text = "the immutable rules of the project could not be read; Harbor may refuse to move a tag".to_owned();
        all.push(warning("rules_unknown", text));
    }
    if ground.may_push.is_none() && !plan.creates_project {
        all.push(warning("right_unknown", "whether the restore login may push there could not be asked".to_owned()));
    }
    if let Some(retention) = &ground.retention
        && retention.rules.iter().any(|rule| !rule.disabled)
    {
        all.push(of_retention(retention));
    }
    if let Some(quota) = ground.quota
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
        if ground.is_on(setting) {
            all.push(warning(setting, format!("a policy of the project keeps the restored images from being pulled {what}")));
        }
    }
    if ground.is_on("auto_scan") {
        all.push(warning("auto_scan", "the project scans each image when it is pushed: the restore starts one scan per image".to_owned()));
    }
    all
}

fn of_retention(retention: &RetentionSummary) -> Warning {
    let rules: Vec<String> =
        retention.rules.iter().filter(|rule| !rule.disabled).take(RULES_TOLD_MAX).map(|rule| rule.template.clone()).collect();
    let rules = rules.join(", ");
    let when = retention.cron.as_ref().map_or_else(|| "when somebody starts it".to_owned(), |cron| format!("on the schedule {cron}"));
    if retention.keeps_only_recently_pulled() {
        let text = format!("the retention policy ({rules}) keeps only what was pulled lately: it deletes the restored images again {when}");
        return warning("retention_deletes", text);
    }
    warning(
        "retention_exists",
        format!("the project has a retention policy ({rules}) that runs {when} and may delete restored images again"),
    )
}
