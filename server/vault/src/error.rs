//! Errors, typed by what the caller can do about them.
//!
//! An error from a write means *outcome unknown*: the bytes may be there or not. Put the object again; never conclude
//! anything from the failure itself (reliability I-3, F-4).

use std::io;

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use vocab::Digest;

use crate::layout::VaultId;
use crate::tree::TreeError;

/// What a [`crate::store::Store`] answers when it cannot do as asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// Nothing has this name.
    #[error("nothing is stored under {key}")]
    Missing {
        /// The name asked for.
        key: String,
    },
    /// The name is taken; nothing was changed.
    #[error("{key} exists already")]
    Exists {
        /// The name asked for.
        key: String,
    },
    /// The bytes that came are not those announced; nothing was stored.
    #[error("the bytes received for {expected} are {size_bytes} bytes that hash to {actual}")]
    WrongBytes {
        /// The digest announced.
        expected: Digest,
        /// The digest of what came.
        actual: Digest,
        /// How much came.
        size_bytes: u64,
    },
    /// Another writer's object of the same name does not hash to its name. Quarantine it, then put again.
    #[error("the object already stored as {digest} is damaged")]
    DamagedExisting {
        /// The object.
        digest: Digest,
    },
    /// The body ended with its source's error; nothing was stored.
    #[error("the bytes to store stopped coming")]
    Body,
    /// The disk or bucket is full.
    #[error("no space left in {place}; free some, nothing was deleted")]
    NoSpace {
        /// Which store.
        place: String,
    },
    /// The store may not be written.
    #[error("{place} is read-only; remount it writable")]
    ReadOnly {
        /// Which store.
        place: String,
    },
    /// The vault was opened to be read only.
    #[error("{place} was opened to be read, not written")]
    OpenedToRead {
        /// Which store.
        place: String,
    },
    /// The operation is never allowed on such a name.
    #[error("{key} may not be removed")]
    NotRemovable {
        /// The name asked for.
        key: String,
    },
    /// It may be removed later, not now. Nothing was changed; a sweep waits.
    #[error("{key} may not be removed yet")]
    NotYet {
        /// The name asked for.
        key: String,
    },
    /// It is locked until then, and stays as it is.
    #[error("{key} is locked until {}", shown(*until))]
    Locked {
        /// The name asked for.
        key: String,
        /// Until when.
        until: OffsetDateTime,
    },
    /// Nothing is locked here.
    #[error("{key} cannot be locked: the place has no locks")]
    NotLockable {
        /// The name asked for.
        key: String,
    },
    /// The store broke off: unreachable, not corrupt.
    #[error("cannot {action} {key}")]
    Io {
        /// What was being done.
        action: &'static str,
        /// To which name.
        key: String,
        /// Why.
        source: io::Error,
    },
}

impl StoreError {
    /// Sorts an operating system's error into the class a caller can act on.
    pub(crate) fn from_io(action: &'static str, key: impl ToString, place: &str, source: io::Error) -> Self {
        match source.kind() {
            io::ErrorKind::NotFound => Self::Missing { key: key.to_string() },
            io::ErrorKind::AlreadyExists => Self::Exists { key: key.to_string() },
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::NoSpace { place: place.to_owned() },
            io::ErrorKind::ReadOnlyFilesystem => Self::ReadOnly { place: place.to_owned() },
            _ => Self::Io { action, key: key.to_string(), source },
        }
    }
}

/// What the vault answers when it cannot do as asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VaultError {
    /// Not in the vault. Not retryable; a verification reports it as a loss.
    #[error("object {digest} is not in the vault")]
    Missing {
        /// The object.
        digest: Digest,
    },
    /// Bytes at rest do not match their name, read twice. Quarantine the object and back it up again.
    #[error("object {digest} is corrupt: its {size_bytes} bytes hash to {actual}")]
    Corrupt {
        /// The object.
        digest: Digest,
        /// What its bytes hash to.
        actual: Digest,
        /// How many bytes it has.
        size_bytes: u64,
    },
    /// Two reads gave different bytes: the path to the disk is at fault, not the object. Retry.
    #[error("object {digest} read differently twice; read it again and check the disk and its cables")]
    Unstable {
        /// The object.
        digest: Digest,
    },
    /// The object is intact, so it is not set aside.
    #[error("object {digest} is intact and stays where it is")]
    Intact {
        /// The object.
        digest: Digest,
    },
    /// The bytes that came are not those announced; nothing was stored.
    #[error("the bytes received for {expected} are {size_bytes} bytes that hash to {actual}; nothing was stored")]
    WrongBytes {
        /// The digest announced.
        expected: Digest,
        /// The digest of what came.
        actual: Digest,
        /// How much came.
        size_bytes: u64,
    },
    /// The object is larger than the caller accepts in memory.
    #[error("object {digest} has {size_bytes} bytes, more than the {size_bytes_max} allowed here")]
    TooLarge {
        /// The object.
        digest: Digest,
        /// How many bytes it has.
        size_bytes: u64,
        /// How many were allowed.
        size_bytes_max: u64,
    },
    /// Storing this would leave less than the reserve. Reads still work.
    #[error("{}", no_space(place, *needed_bytes, *free_bytes, *reserve_bytes))]
    NoSpace {
        /// Which vault.
        place: String,
        /// Bytes asked for; 0 if unknown.
        needed_bytes: u64,
        /// Bytes free now; 0 if the store refused a write by itself.
        free_bytes: u64,
        /// Bytes kept back.
        reserve_bytes: u64,
    },
    /// There is no vault here: not initialised, or not mounted.
    #[error("{place} holds no vault; mount it, or make one with `breakwater vault init`")]
    NotAVault {
        /// The place looked at.
        place: String,
    },
    /// Another vault is mounted here.
    #[error("{place} holds vault {found}, not vault {expected}; mount the right one")]
    OtherVault {
        /// The place looked at.
        place: String,
        /// The vault asked for.
        expected: VaultId,
        /// The vault found.
        found: VaultId,
    },
    /// A format this program does not read.
    #[error("{place} holds a vault of format {found}; this program reads format {}", crate::layout::FORMAT)]
    Format {
        /// The place looked at.
        place: String,
        /// The format found.
        found: u32,
    },
    /// A new vault needs an empty directory.
    #[error("{place} is not empty and holds no vault; choose an empty directory")]
    ForeignDirectory {
        /// The place looked at.
        place: String,
    },
    /// A vault is here already.
    #[error("{place} holds vault {id} already; open it")]
    AlreadyAVault {
        /// The place looked at.
        place: String,
        /// The vault found.
        id: VaultId,
    },
    /// A small file of ours cannot be read. Restore it from a copy of the vault, or remove it by hand.
    #[error("{key} is damaged: {why}")]
    DamagedRecord {
        /// Which file.
        key: String,
        /// What is wrong with it.
        why: String,
    },
    /// A pointer of this name exists and says something else.
    #[error("pointer {name} exists and names another snapshot")]
    PointerConflict {
        /// The pointer.
        name: String,
    },
    /// The hold ran out before it was renewed: what it protected may be gone. Start again.
    #[error("hold {id} has lapsed; begin the work again")]
    HoldLapsed {
        /// The hold.
        id: uuid::Uuid,
    },
    /// It is locked until then, and nobody can take it away before.
    #[error("{key} is locked until {}", shown(*until))]
    Locked {
        /// Which name.
        key: String,
        /// Until when.
        until: OffsetDateTime,
    },
    /// A sweep would let go of more than its terms allow; nothing was changed. Look why, then sweep with other terms.
    #[error("a sweep of {place} would remove {count} objects, {percent} % of the vault; up to {limit_percent} % is allowed unasked")]
    SweepTooMuch {
        /// Which vault.
        place: String,
        /// How many objects.
        count: u64,
        /// Which share of the objects or the bytes, whatever is more.
        percent: u64,
        /// The terms.
        limit_percent: u8,
    },
    /// The snapshot has no such repository.
    #[error("snapshot {snapshot} has no repository {repository}")]
    NotInSnapshot {
        /// The snapshot index.
        snapshot: Digest,
        /// The repository asked for.
        repository: vocab::RepositoryName,
    },
    /// A value that cannot be written down.
    #[error("{what} is not valid: {why}")]
    Invalid {
        /// Which value.
        what: &'static str,
        /// What is wrong with it.
        why: String,
    },
    /// An object is not the index it should be.
    #[error("object {digest} is not a readable index")]
    Tree {
        /// The object.
        digest: Digest,
        /// Why.
        source: TreeError,
    },
    /// The store refused or broke off. Unreachable, not corrupt; the outcome of a write is unknown.
    #[error("cannot {action} in the vault at {place}")]
    Store {
        /// What was being done.
        action: &'static str,
        /// Which vault.
        place: String,
        /// Why.
        source: StoreError,
    },
}

impl VaultError {
    /// Whether the same call may work later without anybody doing anything.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Unstable { .. } | Self::HoldLapsed { .. } => true,
            Self::Store { source: StoreError::Io { source, .. }, .. } => {
                !matches!(source.kind(), io::ErrorKind::PermissionDenied | io::ErrorKind::NotADirectory)
            }
            Self::Store { source: StoreError::DamagedExisting { .. }, .. } => true,
            _ => false,
        }
    }

    /// Whether the vault cannot be written at all, and can be read.
    #[must_use]
    pub const fn is_read_only(&self) -> bool {
        matches!(self, Self::Store { source: StoreError::ReadOnly { .. } | StoreError::OpenedToRead { .. }, .. })
    }

    /// A stable word for programs.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Missing { .. } => "object_missing",
            Self::Corrupt { .. } => "object_corrupt",
            Self::Unstable { .. } => "object_unstable",
            Self::Intact { .. } => "object_intact",
            Self::WrongBytes { .. } => "wrong_bytes",
            Self::TooLarge { .. } => "object_too_large",
            Self::NoSpace { .. } => "vault_no_space",
            Self::NotAVault { .. } => "vault_not_found",
            Self::OtherVault { .. } => "vault_other",
            Self::Format { .. } => "vault_format",
            Self::ForeignDirectory { .. } => "vault_directory_not_empty",
            Self::AlreadyAVault { .. } => "vault_exists",
            Self::DamagedRecord { .. } => "vault_record_damaged",
            Self::PointerConflict { .. } => "pointer_conflict",
            Self::HoldLapsed { .. } => "hold_lapsed",
            Self::Locked { .. } => "locked",
            Self::SweepTooMuch { .. } => "sweep_too_much",
            Self::NotInSnapshot { .. } => "not_in_snapshot",
            Self::Invalid { .. } => "invalid_value",
            Self::Tree { .. } => "index_unreadable",
            Self::Store { source: StoreError::ReadOnly { .. }, .. } => "vault_read_only",
            Self::Store { .. } => "vault_unreachable",
        }
    }
}

/// An error with its causes, in one sentence.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let cause_text = cause.to_string();
        // Some errors repeat their cause.
        if !text.contains(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        next = cause.source();
    }
    text
}

fn shown(moment: OffsetDateTime) -> String {
    moment.format(&Rfc3339).unwrap_or_else(|_| "the end of time".to_owned())
}

/// The store refuses by itself without figures; then there are none to show.
fn no_space(place: &str, needed_bytes: u64, free_bytes: u64, reserve_bytes: u64) -> String {
    let figures = match (needed_bytes, free_bytes, reserve_bytes) {
        (0, 0, 0) => String::new(),
        _ => format!(": {needed_bytes} bytes needed, {free_bytes} free, {reserve_bytes} kept in reserve"),
    };
    format!("no space left in {place}{figures}; free some, nothing was deleted")
}

/// Why an object was not stored: the vault's fault, or its source's.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PutError<E> {
    /// The vault could not take it.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// The source broke off. Nothing was stored.
    #[error("the bytes to store stopped coming")]
    Body(E),
}
