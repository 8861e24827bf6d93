//! What somebody should know before voting for a restore, as values. Whoever shows them has the words.

use serde::{Deserialize, Deserializer, Serialize};
use vocab::ProjectName;

/// When a retention policy of the target runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "code", rename_all = "snake_case")]
pub enum When {
    /// Only when somebody starts it.
    ByHand,
    /// By a schedule.
    Schedule {
        /// As Harbor has it.
        cron: String,
    },
}

/// Why it cannot be told what a retention policy would delete.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(tag = "code", rename_all = "snake_case")]
pub enum Unclear {
    /// A template of rules that is not known here.
    #[error("the template {template:?} is not known here")]
    Template {
        /// Its name.
        template: String,
    },
    /// A rule without its number.
    #[error("the rule {rule} lacks its figure")]
    Figure {
        /// The rule's template.
        rule: String,
    },
    /// What a rule does is not known here.
    #[error("the action {action:?} is not known here")]
    Action {
        /// Its name.
        action: String,
    },
    /// A pattern that cannot be understood here.
    #[error("the pattern {pattern:?} cannot be understood here")]
    Pattern {
        /// It.
        pattern: String,
    },
}

/// Something that the snapshot has and a project made anew will lack, with how many there are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "code", rename_all = "snake_case")]
pub enum Lacking {
    /// Settings of the project, by Harbor's names.
    Settings { names: Vec<String> },
    /// CVEs that are allowed.
    CveAllowList { entries: u64 },
    /// The quota.
    Quota,
    /// Labels of the project.
    Labels { rows: u64 },
    /// Members, without the one who makes it.
    Members { rows: u64 },
    /// Robots.
    Robots { rows: u64 },
    /// Immutable rules.
    ImmutableRules { rows: u64 },
    /// Webhooks.
    Webhooks { rows: u64 },
    /// Preheat policies.
    Preheat { rows: u64 },
    /// The retention policy.
    Retention,
    /// The choice of a scanner.
    Scanner,
    /// Descriptions of repositories.
    Descriptions { repositories: u64 },
    /// Labels on images.
    ImageLabels { images: u64 },
}

/// Something to know before deciding. Stored with a plan and no part of its hash; of lists the first few are told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "code", rename_all = "snake_case")]
pub enum Warning {
    /// The snapshot has gaps.
    SnapshotGaps { gaps: u64 },
    /// Harbor will show the moment of the restore as push time.
    PushTimeNow,
    /// Signatures and the like do not come along.
    AccessoriesLeft,
    /// Nothing has to be sent, as long as the registry collects no garbage.
    BytesStillThere,
    /// Blobs were not looked up.
    BytesUnknown { blobs: u64 },
    /// Images come back without a tag.
    Untagged { images: u64 },
    /// Restored tags cannot be moved afterwards.
    BecomesImmutable { tags: u64 },
    /// Immutable rules could not be read.
    RulesUnknown,
    /// The right to push could not be asked for.
    RightUnknown,
    /// The quota may not do.
    QuotaTight { free_bytes: u64, most_bytes: u64 },
    /// Nobody can pull what is restored until it was scanned.
    PreventVul,
    /// Nobody can until it was signed.
    EnableContentTrust,
    /// Nobody can until cosign signed it.
    EnableContentTrustCosign,
    /// Each push starts a scan.
    AutoScan,
    /// The snapshot does not say in which order its images were pushed.
    OrderUnknown,
    /// What retention would delete cannot be told.
    RetentionUnclear { rules: Vec<String>, when: When, why: Unclear },
    /// Retention would delete what is there, because of the restore.
    RetentionTakesLive { rules: Vec<String>, when: When, takes: u64, names: Vec<String> },
    /// Retention would delete what was restored.
    RetentionTakesRestored { rules: Vec<String>, when: When, takes: u64, names: Vec<String> },
    /// Repositories were not looked at for it.
    RetentionNotLooked { rules: Vec<String>, repositories: u64 },
    /// Retention would delete none of it.
    RetentionSpares { rules: Vec<String>, when: When },
    /// The project is made anew; its settings in the vault cannot be read.
    MadeAnewUnread { project: ProjectName },
    /// The project is made anew; its settings were not captured.
    MadeAnewUncaptured { project: ProjectName },
    /// The project is made anew and will lack these.
    MadeAnew { project: ProjectName, public: bool, lacks: Vec<Lacking> },
    /// The project is made anew, and lacks nothing.
    MadeAnewWhole { project: ProjectName, public: bool },
    /// A layer that the registry did not have is said to be elsewhere.
    LayerElsewhere { images: Vec<String>, more: u64, layer: String, address: Option<String> },
    /// More of these.
    LayersElsewhere { layers: u64 },
    /// As a program of before said it.
    AsSaidThen { text: String },
}

/// The warnings of a stored plan, of any version so far: for the field of whoever reads one.
pub fn stored_warnings<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Warning>, D::Error> {
    Ok(Vec::<Stored>::deserialize(deserializer)?.into_iter().map(Warning::from).collect())
}

/// A warning as it is stored: before there were values it was a word and a sentence.
#[derive(Deserialize)]
#[serde(untagged)]
enum Stored {
    Value(Warning),
    Text { text: String },
}

impl From<Stored> for Warning {
    fn from(stored: Stored) -> Self {
        match stored {
            Stored::Value(warning) => warning,
            Stored::Text { text } => Self::AsSaidThen { text },
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn warnings_of_before_are_read_as_they_were_said() {
        let read = |value| Warning::from(serde_json::from_value::<Stored>(value).unwrap());
        assert_eq!(read(json!({ "code": "push_time_now", "text": "Harbor will show …" })), Warning::PushTimeNow);
        let text = "3 images come back without a tag: …";
        assert_eq!(read(json!({ "code": "untagged", "text": text })), Warning::AsSaidThen { text: text.to_owned() });
        let now = Warning::Untagged { images: 3 };
        assert_eq!(read(serde_json::to_value(&now).unwrap()), now);
        let then = Warning::AsSaidThen { text: text.to_owned() };
        assert_eq!(read(serde_json::to_value(&then).unwrap()), then);
    }
}
