//! What a snapshot says that it cannot tell: as a sentence, and as a value beside it.

use std::fmt;

use serde::Serialize;
use serde_json::Value;
use vault::tree::Limit;
use vocab::ProjectName;

use super::hidden::{ASKED_IN_PART, HIDDEN_UNTAGGED};

/// Most limits of one snapshot; the rest is counted in one more.
const LIMITS_MAX: usize = 100;

/// What was asked, and what may be left. Kept in snapshots: a name here is never given another meaning.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "code", rename_all = "snake_case")]
pub(crate) enum Told {
    /// What is listed is about what is not there.
    ListedAboutGone,
    /// Nothing is listed, and nothing was found.
    NothingListed,
    /// Something was found that is not listed.
    Unlisted { artifacts: usize },
    /// One question was not answered. `why`: [`registry::RegistryError::facts`].
    ReferrersUnasked {
        image: String,
        why: Value,
        #[serde(skip)]
        text: String,
    },
    /// More questions than are asked.
    ReferrersInPart { asked: usize, images: usize },
    /// More than is looked up.
    LookedUpInPart { looked: usize, of: usize },
    /// More limits than are named.
    MoreRepositories { repositories: usize },
}

impl Told {
    const fn kind(&self) -> &'static str {
        match self {
            Self::ListedAboutGone | Self::NothingListed | Self::Unlisted { .. } | Self::MoreRepositories { .. } => HIDDEN_UNTAGGED,
            Self::ReferrersUnasked { .. } | Self::ReferrersInPart { .. } | Self::LookedUpInPart { .. } => ASKED_IN_PART,
        }
    }

    /// As a snapshot keeps it.
    pub(crate) fn limit(&self, subject: String) -> Limit {
        let values = serde_json::to_value(self).and_then(serde_json::from_value).ok();
        Limit { kind: self.kind().to_owned(), subject, text: self.to_string(), values }
    }
}

impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const UNSEEN: &str = "a signature or the like without a tag, about an image that is not in this project, may be there unseen";
        match self {
            Self::ListedAboutGone => write!(f, "what Harbor lists there is about images that are not there; {UNSEEN}"),
            Self::NothingListed => write!(
                f,
                "Harbor counts and lists no artifact there, and none was found by tags or as referrers of this project's images; {UNSEEN}"
            ),
            Self::Unlisted { artifacts: 1 } => write!(f, "1 artifact that Harbor does not list was found there; {UNSEEN}"),
            Self::Unlisted { artifacts } => write!(f, "{artifacts} artifacts that Harbor does not list were found there; {UNSEEN}"),
            Self::ReferrersUnasked { image, text, .. } => write!(f, "what refers to {image} could not be asked: {text}"),
            Self::ReferrersInPart { asked, images } => write!(f, "what refers to an image was asked of {asked} of {images} images"),
            Self::LookedUpInPart { looked, of } => {
                write!(f, "{looked} of {of} tags and artifacts that Harbor does not list were looked up")
            }
            Self::MoreRepositories { repositories } => write!(f, "the same holds of {repositories} more repositories"),
        }
    }
}

/// No more limits than a snapshot has room for.
pub(crate) fn bounded(mut limits: Vec<Limit>, project: &ProjectName) -> Vec<Limit> {
    limits.sort();
    limits.dedup_by(|one, other| one.kind == other.kind && one.subject == other.subject);
    if limits.len() > LIMITS_MAX {
        let told = Told::MoreRepositories { repositories: limits.len() - LIMITS_MAX };
        limits.truncate(LIMITS_MAX);
        limits.push(told.limit(project.to_string()));
    }
    limits
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every limit, as snapshots keep it. Whoever reads snapshots is tested with the same file.
    #[test]
    fn values_are_kept_under_the_names_they_always_had() {
        let why = registry::RegistryError::ReadOnly;
        let told = [
            Told::ListedAboutGone,
            Told::NothingListed,
            Told::Unlisted { artifacts: 1 },
            Told::ReferrersUnasked { image: "sha256:a".to_owned(), why: why.facts(), text: why.to_string() },
            Told::ReferrersInPart { asked: 1, images: 2 },
            Told::LookedUpInPart { looked: 1, of: 2 },
            Told::MoreRepositories { repositories: 3 },
        ];
        let kept: Vec<Value> = told.iter().map(|told| serde_json::to_value(told.limit("shop/web".to_owned()).values).unwrap()).collect();
        let fixture: Vec<Value> = serde_json::from_str(include_str!("../../tests/fixtures/limit_values.json")).unwrap();
        assert_eq!(kept, fixture);
    }
}
