//! What a plan is made with, and why there may be none.

use registry::{Client, RegistryError};
use vault::tree::SnapshotIndex;
use vault::{HarborName, Vault, VaultError};
use vocab::ProjectName;

/// Lines compared with the target at a time; the client bounds calls further.
pub(super) const LINES_AT_ONCE: usize = 4;
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
