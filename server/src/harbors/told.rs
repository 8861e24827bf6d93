//! What the registry's check-list found, as what people are told.

use app::error::ApiError;
use app::harbors::checks::{self, Detail, Heading};
use app::harbors::refusals::Refusal;
use app::harbors::types::{Check, CheckOutcome};
use app::units::figure;
use registry::{Advice, Found, Lack, Permission, Untried};

use crate::troubles;

fn heading(code: &str) -> Heading {
    match code {
        "connection" | "dns" | "tcp" | "tls" => Heading::Connection,
        "api_version" => Heading::Version,
        "login" => Heading::Login,
        "projects" => Heading::ListProjects,
        "rights" => Heading::Rights,
        "read_content" => Heading::ReadContent,
        "read_settings" => Heading::ReadSettings,
        "push" => Heading::Push,
        "preview" => Heading::Preview,
        "read_audit" => Heading::ReadAudit,
        "see_all" => Heading::SeeAll,
        "create_project" => Heading::CreateProject,
        "pull" => Heading::Pull,
        "silent" => Heading::Silent,
        "referrers" => Heading::Referrers,
        "storage" => Heading::Storage,
        "body_size" => Heading::BodySize,
        "read_only" => Heading::TakesChanges,
        "clock" => Heading::Clock,
        "staging_login" => Heading::StagingLogin,
        "staging_project" => Heading::StagingProject,
        "staging_rights" => Heading::StagingRights,
        "staging_quota" => Heading::StagingQuota,
        "staging_elsewhere" => Heading::StagingElsewhere,
        _ => Heading::Other,
    }
}

fn lack(lack: Lack) -> checks::Lack {
    match lack {
        Lack::BackupsIncomplete => checks::Lack::BackupsIncomplete,
        Lack::SettingsStayOut => checks::Lack::SettingsStayOut,
        Lack::NoPreview => checks::Lack::NoPreview,
        Lack::NothingRestored => checks::Lack::NothingRestored,
        Lack::NoWarnings => checks::Lack::NoWarnings,
    }
}

fn untried(why: &Untried) -> checks::Untried {
    match why {
        Untried::ReadOnly => checks::Untried::ReadOnly,
        Untried::NoRepository => checks::Untried::NoRepository,
        Untried::MayNotPush => checks::Untried::MayNotPush,
        Untried::TooLong => checks::Untried::TooLong,
        Untried::Trouble(error) => checks::Untried::Trouble { why: troubles::registry(error) },
    }
}

fn names(rights: &[Permission]) -> Vec<String> {
    rights.iter().map(ToString::to_string).collect()
}

fn detail(check: &registry::Check) -> Detail {
    match &check.found {
        Found::Trouble(error) => Detail::Trouble { why: troubles::registry(error) },
        Found::AnswersOverTls => Detail::AnswersOverTls,
        Found::AnswersPlainly => Detail::AnswersPlainly,
        Found::NoHarborApi => Detail::NoHarborApi,
        Found::VersionUnsupported(version) => Detail::VersionUnsupported { version: version.to_string() },
        Found::VersionOld(version) => Detail::VersionOld { version: version.to_string() },
        Found::Version(version) => Detail::Version { version: version.to_string() },
        Found::VersionUntold => Detail::VersionUntold,
        Found::Accepted { login } => Detail::Accepted { login: login.clone() },
        Found::AcceptedUser { login } => Detail::AcceptedUser { login: login.clone() },
        Found::NoSample => Detail::NoSample,
        Found::SampleRead { repository } => Detail::SampleRead { repository: repository.to_string() },
        Found::NotCounted => Detail::NotCounted,
        Found::CounterMoved => Detail::CounterMoved,
        Found::RepositoryVanished => Detail::RepositoryVanished,
        Found::CanBeRead => Detail::CanBeRead,
        Found::NoReferrers => Detail::NoReferrers,
        Found::ReadOnlyMode => Detail::ReadOnlyMode,
        Found::ClockUntold => Detail::ClockUntold,
        Found::ClocksAgree => Detail::ClocksAgree,
        Found::ClockOff { skew_s } => Detail::ClockOff { seconds: skew_s.abs(), ahead: *skew_s > 0 },
        Found::Allowed => Detail::Allowed,
        Found::AllowedIn { project } => Detail::AllowedIn { project: project.to_string() },
        Found::MissingIn { project, without } => {
            Detail::MissingIn { project: project.to_string(), rights: names(&check.missing), without: lack(*without) }
        }
        Found::NoProjects => Detail::NoProjects,
        Found::Projects { projects, private } => Detail::Projects { projects: figure(*projects), private: figure(*private) },
        Found::AuditVersionUnknown => Detail::AuditVersionUnknown,
        Found::AuditNoRow => Detail::AuditNoRow,
        Found::PrivateSeen { private } => Detail::PrivateSeen { private: figure(*private) },
        Found::NoPrivateSeen => Detail::NoPrivateSeen,
        Found::SeesOwnOnly => Detail::SeesOwnOnly,
        Found::CreateUntried => Detail::CreateUntried,
        Found::CreateMissing => Detail::CreateMissing,
        Found::StorageItself => Detail::StorageItself,
        Found::StorageAnswers { host } => Detail::StorageAnswers { host: host.clone() },
        Found::BodiesUntried(why) => Detail::BodiesUntried { why: untried(why) },
        Found::BodiesPass { size_bytes, cut } => Detail::BodiesPass { size_bytes: figure(*size_bytes), cut: *cut },
        Found::BodiesRefused { limit_bytes } => Detail::BodiesRefused { limit_bytes: figure(*limit_bytes) },
        Found::BodiesCapped { limit_bytes } => Detail::BodiesCapped { limit_bytes: figure(*limit_bytes) },
        staging => of_staging(staging, &check.missing),
    }
}

/// The same of a staging project.
fn of_staging(found: &Found, missing: &[Permission]) -> Detail {
    match found {
        Found::StagingAllowed => Detail::StagingAllowed,
        Found::StagingMissing { project } => Detail::Missing { project: project.to_string(), rights: names(missing) },
        Found::StagingUnlimited => Detail::StagingUnlimited,
        Found::StagingLimited { limit_bytes } => Detail::StagingLimited { limit_bytes: figure(*limit_bytes) },
        Found::StagingQuotaUnseen => Detail::StagingQuotaUnseen,
        Found::MayTooMuch { project, rights } => Detail::MayTooMuch { project: project.to_string(), rights: names(rights) },
        Found::ElsewhereReadOnly => Detail::ElsewhereReadOnly,
        Found::StagingPublic { project } => Detail::StagingPublic { project: project.to_string() },
        Found::StagingCache { project } => Detail::StagingCache { project: project.to_string() },
        Found::StagingPrivate { project } => Detail::StagingPrivate { project: project.to_string() },
        Found::StagingPolicies { project, policies } => {
            Detail::StagingPolicies { project: project.to_string(), policies: policies.iter().map(|&policy| policy.to_owned()).collect() }
        }
        other => Detail::Trouble { why: app::troubles::Trouble::Unforeseen { error: format!("{other:?}") } },
    }
}

fn advice(advice: Advice) -> Option<checks::Advice> {
    use checks::Advice as A;
    Some(match advice {
        Advice::RegisterTarget => A::RegisterTarget,
        Advice::UseHttps => A::UseHttps,
        Advice::GiveHarbor => A::GiveHarbor,
        Advice::UseVersion2 => A::UseVersion2,
        Advice::UpgradeHarbor => A::UpgradeHarbor,
        Advice::CheckName => A::CheckName,
        Advice::FixCertificate => A::FixCertificate,
        Advice::AllowNetwork => A::AllowNetwork,
        Advice::CheckAddress => A::CheckAddress,
        Advice::GiveSecret => A::GiveSecret,
        Advice::UseRobot => A::UseRobot,
        Advice::BecomesGaps => A::BecomesGaps,
        Advice::TestAgain => A::TestAgain,
        Advice::EndReadOnly => A::EndReadOnly,
        Advice::SetClocks => A::SetClocks,
        Advice::AddRights => A::AddRights,
        Advice::AddRight => A::AddRight,
        Advice::AddAuditRight => A::AddAuditRight,
        Advice::CoverProjects => A::CoverProjects,
        Advice::CoverAll => A::CoverAll,
        Advice::OpenStorage => A::OpenStorage,
        Advice::RaiseBodyLimit => A::RaiseBodyLimit,
        Advice::GiveStagingSecret => A::GiveStagingSecret,
        Advice::AddStagingRights => A::AddStagingRights,
        Advice::LiftStagingQuota => A::LiftStagingQuota,
        Advice::TakeRights => A::TakeRights,
        Advice::GiveArtifactRead => A::GiveArtifactRead,
        Advice::MakePrivate => A::MakePrivate,
        Advice::GiveOwnProject => A::GiveOwnProject,
        Advice::SwitchPoliciesOff => A::SwitchPoliciesOff,
        _ => return None,
    })
}

/// A row.
pub fn row(check: &registry::Check) -> Check {
    Check {
        code: check.code.to_owned(),
        title: heading(check.code).into(),
        outcome: match check.outcome {
            registry::Outcome::Pass => CheckOutcome::Pass,
            registry::Outcome::Warn => CheckOutcome::Warn,
            registry::Outcome::Fail => CheckOutcome::Fail,
        },
        detail: detail(check).into(),
        remedy: check.advice.and_then(advice).map(Into::into),
        missing: names(&check.missing),
    }
}

/// Why a connection or a bucket is not taken: what its worst row says.
pub fn refusal(row: &Check) -> Refusal {
    Refusal::CheckFailed { heading: row.title.clone(), detail: row.detail.clone() }
}

/// Adds what helps against a row to a refusal, or what it found where nothing is known to help.
pub fn field(error: ApiError, row: &Check) -> ApiError {
    let text = match &row.remedy {
        Some(advice) => Refusal::Advised { advice: advice.clone() },
        None => Refusal::Found { detail: row.detail.clone() },
    };
    error.and_field(format!("check:{}", row.code), text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_of_the_check_list_has_a_heading_of_its_own() {
        let sources = ["", "/rights", "/front", "/staging"].map(|part| {
            let path = format!("{}/registry/src/check{part}.rs", env!("CARGO_MANIFEST_DIR"));
            std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
        });
        let quoted = |before: &str| {
            let after: Vec<String> = sources.iter().flat_map(|text| text.split(before).skip(1).map(str::to_owned)).collect();
            after.iter().filter_map(|text| text.split('"').next().map(str::to_owned)).collect::<Vec<_>>()
        };
        let codes: Vec<String> = ["CODE: &str = \"", "Check::new(\"", "failed(\"", "group(\""].into_iter().flat_map(quoted).collect();
        assert!(codes.len() > 24, "{codes:?}");
        for code in codes {
            assert_ne!(heading(&code), Heading::Other, "{code}");
        }
    }
}
