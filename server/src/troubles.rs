//! The errors of registry, vault and engine as what people are told: the one place where they become the app's sentences.

use app::jobs::failures::Failure;
use app::troubles::Trouble;
use engine::backup::BackupError;
use engine::copy::CopyError;
use engine::effect::PlanError;
use engine::restore::RestoreError;
use registry::RegistryError;
use vault::VaultError;

use crate::error::{Error, chain};

fn whole(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// What came before an error.
fn source(error: &dyn std::error::Error) -> String {
    error.source().map(chain).unwrap_or_default()
}

/// A registry's trouble.
#[must_use]
pub fn registry(error: &RegistryError) -> Trouble {
    use RegistryError as E;
    match error {
        E::NotLoggedIn { username } => Trouble::NotLoggedIn { login: username.clone() },
        E::Forbidden { username, what } => Trouble::Forbidden { login: username.clone(), call: what.clone() },
        E::ReadOnly => Trouble::ReadOnly,
        E::QuotaExceeded { message } => Trouble::QuotaExceeded { message: message.clone() },
        E::Immutable { message } => Trouble::Immutable { message: message.clone() },
        E::BlockedByPolicy { message } => Trouble::BlockedByPolicy { message: message.clone() },
        E::NotFound { what } => Trouble::NotFound { call: what.clone() },
        E::Conflict { what, message } => Trouble::Conflict { call: what.clone(), message: message.clone() },
        E::Precondition { what, message } => Trouble::Precondition { call: what.clone(), message: message.clone() },
        E::Invalid { what, message } => Trouble::Invalid { call: what.clone(), message: message.clone() },
        E::MissingBlobs { digests } => Trouble::MissingBlobs { parts: i64::try_from(digests.len()).unwrap_or(i64::MAX) },
        E::TooLarge { what, limit_bytes } => Trouble::TooLarge { call: what.clone(), limit_bytes: whole(*limit_bytes) },
        E::BodyRefused { what, bytes, limit_bytes } => {
            Trouble::BodyRefused { call: what.clone(), body_bytes: whole(*bytes), limit_bytes: whole(*limit_bytes) }
        }
        E::StorageUnreachable { host, why } => Trouble::StorageUnreachable { host: host.clone(), why: why.clone() },
        E::WrongDigest { expected, actual } => Trouble::WrongDigest { expected: expected.short(), actual: actual.short() },
        E::WrongSize { what, expected, actual } => {
            Trouble::WrongSize { call: what.clone(), expected: whole(*expected), actual: whole(*actual) }
        }
        E::Truncated { what, received_bytes } => Trouble::Truncated { call: what.clone(), received_bytes: whole(*received_bytes) },
        E::Stalled { what } => Trouble::Stalled { call: what.clone() },
        E::AddressRefused { host } => Trouble::AddressRefused { host: host.clone() },
        E::RedirectRefused { host, reason } => Trouble::RedirectRefused { host: host.clone(), why: (*reason).to_owned() },
        E::Tls { host, reason, .. } => Trouble::Tls { host: host.clone(), why: reason.clone() },
        E::Unresolved { host, .. } => Trouble::Dns { host: host.clone() },
        E::Unreachable { host, reason, .. } => Trouble::Unreachable { host: host.clone(), why: (*reason).to_owned() },
        E::Busy { .. } => Trouble::Busy,
        E::Server { status, request_id } => Trouble::Server { status: i64::from(*status), request: request_id.clone() },
        E::Unsupported { what } => Trouble::Unsupported { call: what.clone() },
        E::Protocol { what } => Trouble::Protocol { call: what.clone() },
        E::Source { .. } => Trouble::Source { why: source(error) },
        E::Endpoint(inner) => Trouble::Endpoint { why: inner.to_string() },
        other => Trouble::Unforeseen { error: chain(other) },
    }
}

/// A vault's trouble.
#[must_use]
pub fn vault(error: &VaultError) -> Trouble {
    use VaultError as E;
    match error {
        E::Missing { digest } => Trouble::ObjectMissing { object: digest.to_string() },
        E::Corrupt { digest, actual, size_bytes } => {
            Trouble::ObjectCorrupt { object: digest.to_string(), actual: actual.to_string(), size: whole(*size_bytes) }
        }
        E::Unstable { digest } => Trouble::ObjectUnstable { object: digest.to_string() },
        E::TooLarge { digest, size_bytes, size_bytes_max } => {
            Trouble::ObjectTooLarge { object: digest.to_string(), size_bytes: whole(*size_bytes), limit_bytes: whole(*size_bytes_max) }
        }
        E::Tree { digest, .. } => Trouble::ObjectUnreadable { object: digest.to_string() },
        E::WrongBytes { expected, actual, .. } => Trouble::WrongBytes { object: expected.to_string(), actual: actual.to_string() },
        E::NoSpace { place, needed_bytes, free_bytes, reserve_bytes } => {
            let told = *needed_bytes + *free_bytes + *reserve_bytes > 0;
            let figure = |bytes: u64| told.then(|| whole(bytes));
            Trouble::NoSpace {
                place: place.clone(),
                needed_bytes: figure(*needed_bytes),
                free_bytes: figure(*free_bytes),
                reserve_bytes: figure(*reserve_bytes),
            }
        }
        E::NotAVault { place } => Trouble::NotAVault { place: place.clone() },
        E::OtherVault { place, expected, found } => {
            Trouble::OtherVault { place: place.clone(), expected: expected.to_string(), found: found.to_string() }
        }
        E::Format { place, found } => Trouble::VaultFormat { place: place.clone(), found: i64::from(*found) },
        E::ForeignDirectory { place } => Trouble::ForeignDirectory { place: place.clone() },
        E::AlreadyAVault { place, id } => Trouble::AlreadyAVault { place: place.clone(), found: id.to_string() },
        E::DamagedRecord { key, why } => Trouble::DamagedRecord { file: key.clone(), why: why.clone() },
        E::Locked { key, until } => Trouble::Locked { file: key.clone(), until: app::units::Moment(*until) },
        E::HoldLapsed { .. } => Trouble::HoldLapsed,
        E::SweepTooMuch { place, count, percent, limit_percent } => Trouble::SweepTooMuch {
            place: place.clone(),
            objects: whole(*count),
            percent: whole(*percent),
            limit_percent: i64::from(*limit_percent),
        },
        E::Store { place, .. } => Trouble::VaultBroke { place: place.clone(), why: chain(error) },
        other => Trouble::Unforeseen { error: chain(other) },
    }
}

/// Any trouble of the backend.
#[must_use]
pub fn any(error: &Error) -> Trouble {
    match error {
        Error::Registry(inner) => registry(inner),
        Error::Vault(inner) => vault(inner),
        Error::Database(_) => Trouble::Database,
        Error::Crypto(inner) => Trouble::StoredSecret { why: inner.to_string() },
        other => Trouble::Unforeseen { error: chain(other) },
    }
}

/// Why a job failed.
#[must_use]
pub fn failure(error: &Error) -> Failure {
    match error {
        Error::Api(refusal) => Failure::Refused { why: refusal.message.clone() },
        other => any(other).into(),
    }
}

/// Why a backup did not go on.
#[must_use]
pub fn backup(error: &BackupError) -> Failure {
    match error {
        BackupError::Registry(inner) => registry(inner).into(),
        BackupError::Vault(inner) => vault(inner).into(),
        BackupError::NoProject { project } => Failure::NoProject { project: project.to_string() },
        BackupError::TooMuch { project, .. } => Failure::TooMuch { project: project.to_string() },
        BackupError::Unstable { project, .. } => Failure::ListingUnstable { project: project.to_string() },
        other => Trouble::Unforeseen { error: chain(other) }.into(),
    }
}

/// Why there is no effect plan.
#[must_use]
pub fn plan(error: &PlanError) -> Failure {
    match error {
        PlanError::Registry(inner) => registry(inner).into(),
        PlanError::Vault(inner) => vault(inner).into(),
        PlanError::NotInSnapshot { names } => Failure::NotInSnapshot { names: names.clone() },
        PlanError::Suffix { tag } => Failure::NoTag { tag: tag.clone() },
        PlanError::TooMuch { project } => Failure::TooMuch { project: project.to_string() },
        other => Trouble::Unforeseen { error: chain(other) }.into(),
    }
}

/// Why a restore did not begin.
#[must_use]
pub fn restore(error: &RestoreError) -> Failure {
    match error {
        RestoreError::Registry(inner) => registry(inner).into(),
        RestoreError::Vault(inner) => vault(inner).into(),
        RestoreError::Version { .. } => Failure::PlanVersion,
        RestoreError::NoProject { project } => Failure::TargetGone { project: project.to_string() },
        other => Trouble::Unforeseen { error: chain(other) }.into(),
    }
}

/// Why a snapshot was not copied.
#[must_use]
pub fn copy(error: &CopyError) -> Failure {
    match error {
        CopyError::From(inner) => Failure::CopyFrom { why: vault(inner) },
        CopyError::To(inner) => Failure::CopyTo { why: vault(inner) },
        other => Trouble::Unforeseen { error: chain(other) }.into(),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use app::projects::gap_causes::GapValues;
    use app::projects::limits::LimitText;
    use app::sentence::Example as _;
    use vocab::Digest;

    use super::*;

    fn errors() -> Vec<RegistryError> {
        use RegistryError as E;
        let text = |text: &str| text.to_owned();
        let source = || std::io::Error::other("broken").into();
        let digest = Digest::of(b"x");
        vec![
            E::NotLoggedIn { username: text("u") },
            E::Forbidden { username: text("u"), what: text("w") },
            E::ReadOnly,
            E::QuotaExceeded { message: text("m") },
            E::Immutable { message: text("m") },
            E::BlockedByPolicy { message: text("m") },
            E::NotFound { what: text("w") },
            E::Conflict { what: text("w"), message: text("m") },
            E::Precondition { what: text("w"), message: text("m") },
            E::Invalid { what: text("w"), message: text("m") },
            E::MissingBlobs { digests: vec![digest] },
            E::TooLarge { what: text("w"), limit_bytes: 1 },
            E::BodyRefused { what: text("w"), bytes: 2, limit_bytes: 1 },
            E::StorageUnreachable { host: text("h"), why: text("y") },
            E::WrongDigest { expected: digest, actual: digest },
            E::WrongSize { what: text("w"), expected: 1, actual: 2 },
            E::Truncated { what: text("w"), received_bytes: 1 },
            E::Stalled { what: text("w") },
            E::AddressRefused { host: text("h") },
            E::RedirectRefused { host: text("h"), reason: "r" },
            E::Tls { host: text("h"), reason: text("r"), source: source() },
            E::Unresolved { host: text("h"), source: source() },
            E::Unreachable { host: text("h"), reason: "r", source: source() },
            E::Busy { retry_after: Some(Duration::from_secs(1)) },
            E::Server { status: 502, request_id: None },
            E::Server { status: 502, request_id: Some(text("i")) },
            E::Unsupported { what: text("w") },
            E::Protocol { what: text("w") },
            E::Source { source: source() },
        ]
    }

    #[test]
    fn what_snapshots_keep_of_an_error_is_what_people_are_told_of_it() {
        for error in errors() {
            assert_eq!(serde_json::from_value::<Trouble>(error.facts()).unwrap(), registry(&error), "{error}");
            assert!(!matches!(registry(&error), Trouble::Unforeseen { .. }), "{error}");
        }
    }

    #[test]
    fn every_value_a_snapshot_keeps_of_a_limit_is_known() {
        let kept: Vec<serde_json::Value> = serde_json::from_str(include_str!("../engine/tests/fixtures/limit_values.json")).unwrap();
        assert_eq!(kept.len(), LimitText::VARIANTS);
        for values in kept {
            let read = serde_json::from_value::<LimitText>(values.clone());
            assert!(read.is_ok(), "{values}: {read:?}");
        }
    }

    #[test]
    fn every_value_a_snapshot_keeps_of_a_gap_is_known() {
        let kept: Vec<serde_json::Value> = serde_json::from_str(include_str!("../engine/tests/fixtures/gap_values.json")).unwrap();
        assert!(kept.len() > 16);
        for values in kept {
            let read = serde_json::from_value::<GapValues>(values.clone());
            assert!(read.is_ok(), "{values}: {read:?}");
        }
    }
}
