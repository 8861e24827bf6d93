//! What a row of the check-list found, and what helps: values. Whoever shows them has the words.

use vocab::{ProjectName, RepositoryName};

use crate::error::RegistryError;
use crate::harbor::Permission;
use crate::version::HarborVersion;

/// What a group of rights is for, by what is lacking without them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lack {
    /// Backups would be incomplete.
    BackupsIncomplete,
    /// Settings stay out of the backup.
    SettingsStayOut,
    /// Nobody could tell what a restore would do.
    NoPreview,
    /// Nothing can be restored.
    NothingRestored,
    /// The preview cannot warn of quota, immutability and retention.
    NoWarnings,
}

/// Why large bodies were not tried.
#[derive(Debug)]
pub enum Untried {
    /// Read-only mode.
    ReadOnly,
    /// There is no repository.
    NoRepository,
    /// The login may not push.
    MayNotPush,
    /// It took too long.
    TooLong,
    /// The registry failed.
    Trouble(RegistryError),
}

/// What was found. The rights of which it speaks are those of the row.
#[derive(Debug)]
#[non_exhaustive]
pub enum Found {
    /// An error.
    Trouble(RegistryError),
    /// Connection.
    AnswersOverTls,
    AnswersPlainly,
    /// Version.
    NoHarborApi,
    VersionUnsupported(HarborVersion),
    VersionOld(HarborVersion),
    Version(HarborVersion),
    VersionUntold,
    /// Login.
    Accepted {
        login: String,
    },
    /// The same of what seems to be a person's.
    AcceptedUser {
        login: String,
    },
    /// A sample.
    NoSample,
    SampleRead {
        repository: RepositoryName,
    },
    /// Counting of pulls.
    NotCounted,
    CounterMoved,
    RepositoryVanished,
    /// Referrers.
    CanBeRead,
    NoReferrers,
    ReadOnlyMode,
    /// Clocks.
    ClockUntold,
    ClocksAgree,
    /// How far Harbor's is ahead; negative: behind.
    ClockOff {
        skew_s: i64,
    },
    /// Rights.
    Allowed,
    AllowedIn {
        project: ProjectName,
    },
    MissingIn {
        project: ProjectName,
        without: Lack,
    },
    NoProjects,
    Projects {
        projects: usize,
        private: usize,
    },
    /// The audit log.
    AuditVersionUnknown,
    AuditNoRow,
    /// Whether every project is seen.
    PrivateSeen {
        private: usize,
    },
    NoPrivateSeen,
    SeesOwnOnly,
    /// Making projects.
    CreateUntried,
    CreateMissing,
    /// The storage of layers.
    StorageItself,
    StorageAnswers {
        host: String,
    },
    /// Large bodies.
    BodiesUntried(Untried),
    /// `cut`: larger ones were not tried.
    BodiesPass {
        size_bytes: u64,
        cut: bool,
    },
    /// No body passes.
    BodiesRefused {
        limit_bytes: u64,
    },
    /// Smaller ones do.
    BodiesCapped {
        limit_bytes: u64,
    },
    /// Staging.
    StagingAllowed,
    StagingMissing {
        project: ProjectName,
    },
    StagingUnlimited,
    StagingLimited {
        limit_bytes: u64,
    },
    StagingQuotaUnseen,
    MayTooMuch {
        project: ProjectName,
        rights: Vec<Permission>,
    },
    ElsewhereReadOnly,
    StagingPublic {
        project: ProjectName,
    },
    StagingCache {
        project: ProjectName,
    },
    StagingPrivate {
        project: ProjectName,
    },
    StagingPolicies {
        project: ProjectName,
        policies: Vec<&'static str>,
    },
}

/// What helps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Advice {
    /// The address the registry redirects to.
    RegisterTarget,
    UseHttps,
    /// A Harbor at this address.
    GiveHarbor,
    UseVersion2,
    UpgradeHarbor,
    /// The name and the name servers.
    CheckName,
    FixCertificate,
    AllowNetwork,
    /// Address, port and firewall.
    CheckAddress,
    GiveSecret,
    UseRobot,
    /// None: what a policy blocks is named.
    BecomesGaps,
    TestAgain,
    EndReadOnly,
    SetClocks,
    AddRights,
    AddRight,
    AddAuditRight,
    CoverProjects,
    CoverAll,
    /// A way to the storage.
    OpenStorage,
    RaiseBodyLimit,
    GiveStagingSecret,
    AddStagingRights,
    LiftStagingQuota,
    /// Rights that reach too far.
    TakeRights,
    GiveArtifactRead,
    MakePrivate,
    GiveOwnProject,
    SwitchPoliciesOff,
}
