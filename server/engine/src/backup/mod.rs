//! Backup of one project: list, compare with the snapshot before, fetch what the vault lacks, seal.
//!
//! Order of writes: blobs and manifests, then repository indexes, then the snapshot index, then the pointer. Whatever breaks off before
//! the pointer leaves no snapshot, and nothing of it is fetched twice. An unchanged project costs five requests: a proof of login, the
//! project, its repositories, its artifacts, and a proof of login again; a large one is taken in parts, so that memory does not grow with
//! it ([`listing`]). Where a [`discovery`] at the whole Harbor shows that nothing in it
//! changed, it costs none ([`confirm`]).
//!
//! A project that is as its newest snapshot has it gets no other one: that snapshot is *confirmed*, and nothing is written. Only one that
//! is kept, was found closed and of which nothing is known to be damaged.
//!
//! What the listing says decides what exists; what cannot be read becomes a [`vault::tree::Gap`] under one of the codes in
//! [`gap`]. Accessories never appear in listings: direct ones come with their subject, deeper ones are asked for when an accessory is
//! new, and all of them with [`Reconcile::Full`]. Those whose subject is elsewhere come with nothing, and are [`hidden`].

mod accessories;
pub(crate) mod assemble;
pub(crate) mod blobs;
pub(crate) mod collect;
pub mod confirm;
mod crosscheck;
pub mod discovery;
pub(crate) mod fetch;
pub mod gap;
pub mod hidden;
mod limit;
mod listing;
pub(crate) mod manifests;
pub(crate) mod previous;
mod pushed;
mod run;
mod settings;
pub mod sight;
pub mod staging;
pub mod tail;
pub(crate) mod throttle;

use std::sync::Arc;

use registry::{Client, RegistryError};
use time::OffsetDateTime;
use uuid::Uuid;
use vault::tree::SnapshotIndex;
use vault::{HarborName, PointerName, Vault, VaultError};
use vocab::{Descriptor, Digest, ProjectName};

use crate::control::{Control, Progress};
use crate::stop::Stop;

pub use self::run::{harbor_settings, project, project_in_parts};
pub use self::settings::SealSecrets;
use self::staging::Staging;

/// Most artifacts of one project in one snapshot.
pub const ARTIFACTS_MAX: usize = 1_000_000;
/// Deepest nesting of accessories of accessories, and of indexes in indexes.
pub const DEPTH_MAX: usize = vault::closed::DEPTH_MAX;
/// Failures of the registry one after another, with no success between, after which a run gives up instead of writing more gaps.
pub const FAILURES_IN_A_ROW_MAX: usize = 10;

/// How much is asked again although the snapshot before says it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Reconcile {
    /// Everything: accessories of every accessory, every tag name, the project's settings. Some requests per repository and accessory.
    Full,
    /// What the listing shows. Known limits until the next full run: an accessory put on an accessory that is known already, a tag put
    /// on a known accessory, what no listing shows in a repository that lists something, and changed settings (members, labels, rules)
    /// are not seen unless the project's own fields changed too.
    #[default]
    Hinted,
}

/// Everything a backup needs.
pub struct BackupContext {
    /// The registry.
    pub client: Client,
    /// Where to.
    pub vault: Vault,
    /// The harbor's name in the vault.
    pub harbor: HarborName,
    /// Who listens.
    pub progress: Arc<dyn Progress>,
    /// Who may stop it.
    pub control: Arc<dyn Control>,
    /// How thorough.
    pub reconcile: Reconcile,
    /// Whether the snapshot before may be confirmed; else a new one is sealed in any case. Not where another vault has a newer state.
    pub confirm: bool,
    /// The settings of the Harbor itself, where they were read for this run; else those of the snapshot before are kept.
    pub harbor_config: Option<Descriptor>,
    /// Seals secrets that settings hold; without it they are left out.
    pub secrets: Option<Arc<dyn SealSecrets>>,
    /// Where images that a policy blocks are read, if that is allowed; else they become gaps.
    pub staging: Option<Staging>,
}

/// The snapshot that holds what a project has: a new one, or the newest there was.
#[derive(Debug, Clone)]
pub struct SnapshotOutcome {
    /// When the listing began that found the snapshot before to hold still; none where a new one was sealed.
    pub confirmed: Option<OffsetDateTime>,
    /// Digest of the snapshot index: a Merkle root over every byte it protects.
    pub digest: Digest,
    /// The pointer.
    pub pointer: PointerName,
    /// Its id.
    pub pointer_id: Uuid,
    /// Its moment: when the listing it was made from began.
    pub moment: OffsetDateTime,
    /// The index, with the gaps.
    pub index: SnapshotIndex,
    /// Figures.
    pub stats: Stats,
    /// The project's own row as its settings in the snapshot have it ([`confirm::own_print`]); none in an import.
    pub own: Option<Digest>,
    /// When Harbor says one of its repositories changed last; none where it was not listed.
    pub last_change: Option<OffsetDateTime>,
    /// What is worth knowing and no gap: a tag that moved meanwhile, a layer the registry does not have and does not demand.
    pub notes: Vec<Note>,
}

/// Figures of a backup.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Stats {
    /// Repositories.
    pub repositories: u64,
    /// Repositories whose index is another one than before.
    pub repositories_changed: u64,
    /// Artifacts: listed ones, children and accessories, each once per repository.
    pub artifacts: u64,
    /// Tags.
    pub tags: u64,
    /// Images that a policy blocks and that were read through the staging project in this run.
    pub staged: u64,
    /// Objects newly stored: manifests and blobs.
    pub blobs_new: u64,
    /// Their bytes.
    pub bytes_new: u64,
    /// Bytes of all images as Harbor counts them, each artifact once, shared layers once per artifact.
    pub bytes_logical: u64,
    /// Requests made, repeats included.
    pub requests: u64,
}

/// Something worth knowing that is no gap.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// Stable word: `tag_moved`, `tag_gone`, `kept_elsewhere`, `proxy_cache` … Never given another meaning.
    pub code: &'static str,
    /// `repository:tag` or the like.
    pub subject: String,
    /// One sentence.
    pub text: String,
    /// What the sentence says, by name; `null` where the code says it all.
    pub facts: serde_json::Value,
}

impl Note {
    /// The note as a value: its code, its subject and its facts.
    #[must_use]
    pub fn values(&self) -> serde_json::Value {
        let mut values = serde_json::json!({ "code": self.code, "subject": self.subject });
        if let (Some(values), serde_json::Value::Object(facts)) = (values.as_object_mut(), &self.facts) {
            values.extend(facts.clone());
        }
        values
    }
}

/// Why there is no snapshot.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BackupError {
    /// It was stopped.
    #[error("the backup was stopped: {0}")]
    Stopped(Stop),
    /// The registry refused, or failed for good.
    #[error("the registry did not let the backup go on")]
    Registry(#[source] RegistryError),
    /// The vault could not take it.
    #[error("the vault did not take the backup")]
    Vault(#[source] VaultError),
    /// The registry has no such project.
    #[error("the harbor has no project {project} now; earlier snapshots of it stay")]
    NoProject {
        /// Which.
        project: ProjectName,
    },
    /// More than this program handles.
    #[error("{project} has more than {limit} {what}")]
    TooMuch {
        /// Which project.
        project: ProjectName,
        /// Of what.
        what: &'static str,
        /// How many are handled.
        limit: usize,
    },
    /// The listing does not agree with itself, and listing again did not help.
    #[error("the listing of {project} changes too fast to be trusted: {what}; run the plan again")]
    Unstable {
        /// Which project.
        project: ProjectName,
        /// What did not agree.
        what: String,
    },
}

impl BackupError {
    /// Whether another try later may work without anybody doing anything.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Registry(error) => error.is_transient(),
            Self::Vault(error) => error.is_transient(),
            Self::Unstable { .. } => true,
            Self::Stopped(_) | Self::NoProject { .. } | Self::TooMuch { .. } => false,
        }
    }

    /// A stable word.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Stopped(_) => "stopped",
            Self::Registry(error) => error.code(),
            Self::Vault(error) => error.code(),
            Self::NoProject { .. } => "no_project",
            Self::TooMuch { .. } => "too_much",
            Self::Unstable { .. } => "listing_unstable",
        }
    }
}

impl From<RegistryError> for BackupError {
    fn from(error: RegistryError) -> Self {
        Self::Registry(error)
    }
}

impl From<VaultError> for BackupError {
    fn from(error: VaultError) -> Self {
        Self::Vault(error)
    }
}

impl From<Stop> for BackupError {
    fn from(stop: Stop) -> Self {
        Self::Stopped(stop)
    }
}
