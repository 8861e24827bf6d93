//! Restore: does exactly what an effect plan says, and reports what came of each line.
//!
//! Per image: children first; each blob is looked for in the target (HEAD), mounted from a repository that has it, or sent from the vault,
//! read with its hash checked; the manifest is put by digest and read back by digest; then its tags, each after a look whether it still
//! points to what the plan says; then what is about it. Within a repository images come in the plan's order, which is that of their push
//! times. Every external write is asked for at the [`crate::Gate`] first. A line is done when the target itself says that it is as planned
//! ([`crate::planned`]); an accessory that fails does not take its image along.
//!
//! Undelete without a byte: where the target repository is the source repository and still there, the manifest is put at once; Harbor
//! keeps a deleted image's blobs until its garbage collection, and says which are missing otherwise. That first attempt saves a HEAD per
//! blob (Harbor's rate for manifest PUTs is then the only bound); the price is the one thing HEAD does besides asking, renewing a blob's
//! two hours of protection from garbage collection, which the manifest itself gives at once when it is accepted.
//!
//! Running a plan again, whole or after a crash, finds what is there and ends in the same state (I-19). So a registry that answers nothing any
//! more, as one that is restarted, fails no line: the restore stops, and what was not done is done by the next try.

mod accessory;
mod blobs;
mod execute;
mod fault;
mod group;
mod image;
mod order;
mod origin;
mod state;
mod tags;

use std::sync::Arc;

use registry::{Client, RegistryError};
use vault::{Vault, VaultError};

use crate::control::Progress;

pub use self::execute::execute;
pub use self::fault::{Fault, first};

/// Repositories worked on at a time. The client puts few manifests at once, since Harbor takes a lock on the project's quota for each.
pub const LINES_AT_ONCE: usize = 4;
/// Times a manifest is put again after Harbor named blobs it lacks.
pub const MISSING_BLOB_ROUNDS_MAX: usize = 3;

/// Everything a restore needs.
#[derive(Clone)]
pub struct RestoreContext {
    /// The target registry.
    pub client: Client,
    /// Where the bytes come from.
    pub vault: Vault,
    /// Who listens.
    pub progress: Arc<dyn Progress>,
}

/// Why a restore did not even begin. Nothing was written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RestoreError {
    /// The registry refused the login or cannot be reached.
    #[error("the registry did not let the restore begin")]
    Registry(#[from] RegistryError),
    /// The vault is not there.
    #[error("the vault is not usable for the restore")]
    Vault(#[from] VaultError),
    /// A plan of another version of this program.
    #[error("the effect plan has version {found}, this program executes version {expected}; make the plan again")]
    Version {
        /// The plan's.
        found: u32,
        /// This program's.
        expected: u32,
    },
    /// The project to write to does not exist and the plan does not make it.
    #[error("the project {project} does not exist any more; make the plan again")]
    NoProject {
        /// Which.
        project: vocab::ProjectName,
    },
}

impl RestoreError {
    /// Whether another try later may work without anybody doing anything.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Registry(error) => error.is_transient(),
            Self::Vault(error) => error.is_transient(),
            Self::Version { .. } | Self::NoProject { .. } => false,
        }
    }
}
