//! What a try of a bucket saw, and what verification found, as what people are told.

use app::audit::events::Swept as Part;
use app::harbors::checks::{self, Detail, Heading};
use app::harbors::types::{Check, CheckOutcome};
use app::troubles::Trouble;
use app::units::{Moment, figure};
use app::vaults::findings::{FindingHelp, Means};
use engine::finding::{self, Fault, Finding};
use vault::Why;
use vault::closed::DEPTH_MAX;
use vault::store::bucket::{Advice, Found, Outcome, Probe, Promise};

use crate::troubles;

fn heading(promise: Promise) -> Heading {
    match promise {
        Promise::Reach => Heading::Reach,
        Promise::ConditionalPut => Heading::ConditionalPut,
        Promise::Checksum => Heading::Checksum,
        Promise::ReadBack => Heading::ReadBack,
        Promise::List => Heading::List,
        Promise::Parts => Heading::Parts,
        Promise::Copy => Heading::Copy,
        Promise::Unfinished => Heading::Unfinished,
        Promise::Delete => Heading::Delete,
        Promise::Versions => Heading::Versions,
        Promise::Locks => Heading::Locks,
        Promise::LockKept => Heading::LockKept,
        _ => Heading::Other,
    }
}

fn detail(found: &Found) -> Detail {
    match found {
        Found::Failed { why } => Detail::StoreFailed { why: why.clone() },
        Found::Answers => Detail::BucketAnswers,
        Found::PutRefused => Detail::PutRefused,
        Found::PutReplaced => Detail::PutReplaced,
        Found::ChecksumHeld => Detail::ChecksumHeld,
        Found::ChecksumIgnored => Detail::ChecksumIgnored,
        Found::ReadAtOnce => Detail::ReadAtOnce,
        Found::ReadDiffers => Detail::ReadDiffers,
        Found::ListedAtOnce => Detail::ListedAtOnce,
        Found::NotListed => Detail::NotListed,
        Found::PartsNeverReplace => Detail::PartsNeverReplace,
        Found::PartsReplaceSame => Detail::PartsReplaceSame,
        Found::Copies => Detail::Copies,
        Found::CopyDiffers => Detail::CopyDiffers,
        Found::UnfinishedFound => Detail::UnfinishedFound,
        Found::UnfinishedHidden => Detail::UnfinishedHidden,
        Found::DeletedAtOnce => Detail::DeletedAtOnce,
        Found::DeletedStays => Detail::DeletedStays,
        Found::VersionsUnseen => Detail::VersionsUnseen,
        Found::NoVersions => Detail::NoVersions,
        Found::VersionsHandled => Detail::VersionsHandled,
        Found::VersionsStay => Detail::VersionsStay,
        Found::VersionsHidden { why } => Detail::VersionsHidden { why: why.clone() },
        Found::LocksEverything => Detail::LocksEverything,
        Found::CanLock => Detail::CanLock,
        Found::LocksUnseen => Detail::LocksUnseen,
        Found::NoLocks => Detail::NoLocks,
        Found::LockHolds { stays_s } => Detail::LockHolds { stays_s: stays_s.map(figure) },
        Found::LockIgnored => Detail::LockIgnored,
        Found::LockFailed { why } => Detail::LockFailed { why: why.clone() },
        other => Detail::Trouble { why: Trouble::Unforeseen { error: format!("{other:?}") } },
    }
}

fn advice(advice: Advice) -> Option<checks::Advice> {
    use checks::Advice as A;
    Some(match advice {
        Advice::OtherServer => A::OtherServer,
        Advice::SeeServer => A::SeeServer,
        Advice::CheckBucket => A::CheckBucket,
        Advice::DropUnfinished => A::DropUnfinished,
        Advice::Nothing => A::Nothing,
        Advice::LetSeeVersions => A::LetSeeVersions,
        Advice::LetDeleteVersions => A::LetDeleteVersions,
        Advice::LetListVersions => A::LetListVersions,
        Advice::LetSeeLocks => A::LetSeeLocks,
        Advice::LetLock => A::LetLock,
        Advice::NoDefaultRetention => A::NoDefaultRetention,
        _ => return None,
    })
}

/// A line of a bucket's check-list.
pub fn probe(probe: &Probe) -> Check {
    Check {
        code: probe.promise.code().to_owned(),
        title: heading(probe.promise).into(),
        outcome: match probe.outcome {
            Outcome::Pass => CheckOutcome::Pass,
            Outcome::Warn => CheckOutcome::Warn,
            Outcome::Fail => CheckOutcome::Fail,
        },
        detail: detail(&probe.found).into(),
        remedy: probe.advice.and_then(advice).map(Into::into),
        missing: Vec::new(),
    }
}

/// What a finding means, and what helps.
pub fn finding(finding: &Finding) -> (Means, FindingHelp) {
    let means = match &finding.fault {
        Fault::Vault(error) => Means::Trouble { why: troubles::vault(error) },
        Fault::SetAside => Means::SetAside,
        Fault::Manifest(Why::Missing) => Means::NotInVault,
        Fault::Manifest(Why::Corrupt) => Means::BytesDamaged,
        Fault::Manifest(Why::Unreadable(why)) => Means::NotReadable { why: why.clone() },
        Fault::Manifest(Why::NoDigest(name)) => Means::NoDigest { name: name.clone() },
        Fault::Manifest(Why::TooDeep) => Means::TooDeep { levels: figure(DEPTH_MAX) },
        Fault::Manifest(other) => Means::NotReadable { why: other.to_string() },
    };
    let remedy = match finding.remedy {
        finding::Remedy::LookAtDisk => FindingHelp::LookAtDisk,
        finding::Remedy::BackUpAgain => FindingHelp::BackUpAgain,
        finding::Remedy::Heal => FindingHelp::Heal,
    };
    (means, remedy)
}

/// What a sweep did, or would have done.
pub fn swept(swept: &vault::Swept, dry_run: bool) -> Vec<Part> {
    let amount = |amount: vault::Amount| (figure(amount.count), figure(amount.size_bytes));
    let (objects, size_bytes) = amount(swept.needed);
    let mut parts = vec![Part::Needed { snapshots: figure(swept.snapshots), objects, size_bytes }];
    let (objects, size_bytes) = amount(swept.condemned);
    parts.push(if dry_run { Part::WouldSetAside { objects, size_bytes } } else { Part::SetAside { objects, size_bytes } });
    let (objects, size_bytes) = amount(swept.deleted);
    parts.push(if dry_run { Part::WouldDelete { objects, size_bytes } } else { Part::Deleted { objects, size_bytes } });
    if swept.returned.count > 0 {
        let (objects, size_bytes) = amount(swept.returned);
        parts.push(Part::PutBack { objects, size_bytes });
    }
    if swept.waiting.count > 0 {
        let (objects, size_bytes) = amount(swept.waiting);
        parts.push(Part::Waiting { objects, size_bytes });
    }
    if let Some(until) = swept.locked_until {
        let (objects, size_bytes) = amount(swept.locked);
        parts.push(Part::Locked { objects, size_bytes, until: Moment(until) });
    }
    if swept.old_versions.count > 0 {
        let (objects, size_bytes) = amount(swept.old_versions);
        parts.push(Part::OldVersions { objects, size_bytes });
    }
    parts
}
