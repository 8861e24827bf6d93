//! Why a line of a restore was not done.

use registry::RegistryError;
use vault::VaultError;
use vocab::{Digest, RepositoryName, Tag};

use crate::planned::Deviation;

/// Deviations of one line that are told.
const DEVIATIONS_TOLD_MAX: usize = 5;

/// Why one line failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    /// The registry refused, or failed.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// The vault cannot give what the line needs.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// Nested deeper than is followed.
    #[error("{} is nested too deep", object.short())]
    TooDeep {
        /// What.
        object: Digest,
    },
    /// The registry asked for blobs again and again.
    #[error("Harbor lost blobs of {} again and again while they were sent", object.short())]
    LosesBlobs {
        /// Of what.
        object: Digest,
    },
    /// The target is not as planned after it was written.
    #[error("{}", told(deviations))]
    NotAsPlanned {
        /// Every way in which it is not.
        deviations: Vec<Deviation>,
    },
    /// A manifest cannot be understood.
    #[error("manifest {}: {why}", object.short())]
    Unreadable {
        /// It.
        object: Digest,
        /// Why.
        why: String,
    },
    /// The snapshot does not say which object has a name by another algorithm.
    #[error("the snapshot does not say what is stored for {name}")]
    UnknownName {
        /// That name, shortened.
        name: String,
    },
    /// The tag that is to keep today's image is taken.
    #[error("the tag {tag} is taken by another image")]
    NameTaken {
        /// It.
        tag: Tag,
    },
    /// The tag moved since the plan was made.
    #[error("{repository}:{tag} points to {} now, not to what the plan says; make the plan again", found.map_or_else(|| "nothing".to_owned(), |found| found.short()))]
    MovedMeanwhile {
        /// Its repository.
        repository: RepositoryName,
        /// It.
        tag: Tag,
        /// What it points to.
        found: Option<Digest>,
    },
    /// What it is about was not restored.
    #[error("{}, which it is about, could not be restored", subject.short())]
    SubjectFailed {
        /// That.
        subject: Digest,
    },
}

impl Fault {
    /// A stable word.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Registry(error) => error.code(),
            Self::Vault(error) => error.code(),
            Self::TooDeep { .. } => "too_deep",
            Self::LosesBlobs { .. } => "missing_blobs",
            Self::NotAsPlanned { .. } => "read_back_differs",
            Self::Unreadable { .. } => "unreadable",
            Self::UnknownName { .. } => "unknown_name",
            Self::NameTaken { .. } => "name_taken",
            Self::MovedMeanwhile { .. } => "moved_meanwhile",
            Self::SubjectFailed { .. } => "subject_failed",
        }
    }

    /// The HTTP status behind it, where there is one.
    #[must_use]
    pub fn status(&self) -> Option<u16> {
        let Self::Registry(error) = self else { return None };
        Some(match error {
            RegistryError::NotLoggedIn { .. } => 401,
            RegistryError::Forbidden { .. } | RegistryError::ReadOnly | RegistryError::QuotaExceeded { .. } => 403,
            RegistryError::NotFound { .. } => 404,
            RegistryError::Conflict { .. } => 409,
            RegistryError::Immutable { .. } | RegistryError::BlockedByPolicy { .. } | RegistryError::Precondition { .. } => 412,
            RegistryError::TooLarge { .. } | RegistryError::BodyRefused { .. } => 413,
            RegistryError::MissingBlobs { .. } | RegistryError::Invalid { .. } => 400,
            RegistryError::Busy { .. } => 429,
            RegistryError::Server { status, .. } => *status,
            _ => return None,
        })
    }
}

/// The first few.
#[must_use]
pub fn first(deviations: &[Deviation]) -> (&[Deviation], usize) {
    let told = &deviations[..deviations.len().min(DEVIATIONS_TOLD_MAX)];
    (told, deviations.len() - told.len())
}

fn told(deviations: &[Deviation]) -> String {
    let (told, more) = first(deviations);
    let mut told: Vec<String> = told.iter().map(ToString::to_string).collect();
    if more > 0 {
        told.push(format!("and {more} more"));
    }
    told.join("; ")
}
