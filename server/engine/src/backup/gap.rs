//! What could not be read, under stable codes, each with a cause, a consequence and a remedy.

use std::fmt;

use registry::RegistryError;
use serde::Serialize;
use serde_json::Value;
use vault::Why;
use vault::closed::DEPTH_MAX;
use vault::tree::Gap;
use vocab::{AnyDigest, Digest, RepositoryName, Tag};

/// A policy of the project (vulnerabilities, content trust) blocks the pull, of administrators too.
pub const BLOCKED_BY_POLICY: &str = "blocked_by_policy";
/// Harbor lists it, and its storage does not have it.
pub const LISTED_BUT_MISSING: &str = "listed_but_missing";
/// The bytes served are not those the digest says.
pub const WRONG_DIGEST: &str = "wrong_digest";
/// The bytes have another size than was said.
pub const WRONG_SIZE: &str = "wrong_size";
/// A manifest that cannot be understood, so nobody knows what belongs to it.
pub const UNREADABLE: &str = "unreadable";
/// A part is named by something that is no digest this program knows.
pub const UNKNOWN_NAME: &str = "unknown_name";
/// The login may not read it.
pub const FORBIDDEN: &str = "forbidden";
/// The registry failed, also after trying again.
pub const REGISTRY_FAILED: &str = "registry_failed";
/// The registry keeps its blobs where this program cannot read them.
pub const STORAGE_UNREACHABLE: &str = "storage_unreachable";
/// Larger than anything this program stores.
pub const TOO_LARGE: &str = "too_large";
/// Nested deeper than is followed.
pub const TOO_DEEP: &str = "too_deep";
/// A part of it could not be read; that part has a gap of its own.
pub const PART_MISSING: &str = "part_missing";
/// Harbor says there is something, and does not list it.
pub const LISTING_INCOMPLETE: &str = "listing_incomplete";
/// There are more gaps than are named one by one.
pub const MORE_GAPS: &str = "more_gaps";

/// Gaps of one snapshot that are named one by one; the rest is counted. Whoever may push can make as many things that nobody reads as they like.
pub const GAPS_MAX: usize = 20_000;
/// Longest cause, in characters: causes quote what registries and manifests say.
const TEXT_CHARS_MAX: usize = 500;

/// Why something could not be read. Kept in snapshots as values: a name here is never given another meaning.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "code", rename_all = "snake_case")]
pub(crate) enum Reason {
    Trouble {
        why: Value,
        #[serde(skip)]
        text: String,
    },
    Unreadable {
        why: String,
    },
    OtherDigest {
        named: String,
        actual: String,
    },
    Collected {
        named: String,
    },
    TooDeep {
        levels: usize,
    },
    NoDigest {
        name: String,
    },
    NotThere {
        #[serde(skip)]
        text: String,
    },
    Part {
        part: String,
        why: Box<Self>,
    },
    StillBlocked {
        message: String,
        staging: Box<StagingFault>,
    },
    ListingShort {
        counted: u64,
        listed: u64,
    },
    More {
        gaps: usize,
    },
    NotAmongFiles {
        what: String,
    },
    FileDamaged {
        expected: String,
        actual: String,
    },
    FilesUnusable {
        why: String,
    },
}

/// Why what a policy blocks was not read through the staging project.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "code", rename_all = "snake_case")]
pub(crate) enum StagingFault {
    Failed {
        project: String,
        why: Value,
        #[serde(skip)]
        text: String,
    },
    GivenUp {
        project: String,
        why: Value,
        #[serde(skip)]
        text: String,
    },
    Unusable {
        why: Value,
        #[serde(skip)]
        text: String,
    },
}

impl fmt::Display for StagingFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failed { project, text, .. } => write!(f, "it cannot be read through {project}: {text}"),
            Self::GivenUp { project, text, .. } => write!(f, "it was not copied to be read: it cannot be read through {project}: {text}"),
            Self::Unusable { text, .. } => write!(f, "it was not copied to be read: {text}"),
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Trouble { text, .. } | Self::NotThere { text } => f.write_str(text),
            Self::Unreadable { why } | Self::FilesUnusable { why } => f.write_str(why),
            Self::OtherDigest { named, actual } => write!(f, "the registry gives bytes with the digest {actual} for {named}"),
            Self::Collected { named } => write!(
                f,
                "the registry does not have {named}; Harbor's garbage collection removes what is named by another algorithm than SHA-256, in use or not"
            ),
            Self::TooDeep { levels } => write!(f, "it is nested more than {levels} levels deep"),
            Self::NoDigest { name } => write!(f, "it demands {name:?}, which is no digest this program knows"),
            Self::Part { part, why } => write!(f, "its part {part} could not be read: {why}"),
            Self::StillBlocked { message, staging } => write!(f, "a policy of the project blocks this pull: {message}; {staging}"),
            Self::ListingShort { counted, listed } => write!(f, "the registry counts {counted} artifacts there and lists {listed}"),
            Self::More { gaps } => write!(f, "{gaps} more things could not be read, and are not named one by one"),
            Self::NotAmongFiles { what } => write!(f, "{what} is not among the files"),
            Self::FileDamaged { expected, actual } => write!(f, "the file of {expected} is damaged: its bytes hash to {actual}"),
        }
    }
}

/// What most gaps mean, and the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(tag = "code", rename_all = "snake_case")]
#[expect(clippy::enum_variant_names, reason = "each is what cannot be done")]
pub(crate) enum Consequence {
    NotRestorable,
    NotListed,
    NotNamed,
}

impl fmt::Display for Consequence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotRestorable => "it cannot be restored from this snapshot; an earlier one may have it",
            Self::NotListed => "what is not listed is not in this snapshot; an earlier one may have it",
            Self::NotNamed => "what is not named cannot be restored from this snapshot",
        })
    }
}

/// What helps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(tag = "code", rename_all = "snake_case")]
pub(crate) enum Remedy {
    Policy,
    PushAgain,
    StorageDamaged,
    OpenStorage,
    PushSmaller,
    GivePullRight,
    RunAgain,
    NoRegistryTakesIt,
    BuildWithSha256,
    DeleteWhatMadeIt,
    NameBySha256,
    TestHarbor,
    RaiseStagingQuota,
    RunAfterReadOnly,
    CheckListing,
    LookAfterNamed,
    ExportAgain,
}

impl fmt::Display for Remedy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Policy => {
                "let Breakwater read such images through a staging project (settings of the harbor), or scan or sign the image, or relax the \
                 project's policy; then run the plan again"
            }
            Self::PushAgain => "if it was not deleted during the backup, the registry's storage lost it: push the image again",
            Self::StorageDamaged => "the registry's storage is damaged there: push the image again",
            Self::OpenStorage => {
                "make this name and network reachable from Breakwater (for a private network: start it with --allow-net), or let the registry \
                 hand blobs out itself (redirect: disable: true in the storage section of its configuration, disableredirect: true in Harbor's); \
                 then run the plan again"
            }
            Self::PushSmaller => "it is larger than a registry allows: push a smaller one",
            Self::GivePullRight => "give the backup login the right to pull from this project",
            Self::RunAgain => "run the plan again; if it stays, look at the registry's log",
            Self::NoRegistryTakesIt => "no registry takes such a manifest: if it came from one, its storage is damaged there",
            Self::BuildWithSha256 => {
                "build the image with SHA-256 digests; to have this one again, delete it in Harbor and restore it from a snapshot that has it"
            }
            Self::DeleteWhatMadeIt => "no tool needs that much: delete what made it",
            Self::NameBySha256 => "name the part by its sha256 digest and push the image again",
            Self::TestHarbor => "test the connection on the harbor's page: it says what is wrong with the staging project or its login",
            Self::RaiseStagingQuota => {
                "raise the quota of the staging project, best to unlimited, then run the plan again: a copy takes next to no space in Harbor's \
                 storage"
            }
            Self::RunAfterReadOnly => "run the plan again once the Harbor is out of read-only mode",
            Self::CheckListing => "run the plan again; if it stays, check the right artifact:list and the registry's database",
            Self::LookAfterNamed => "look after those that are named, then run the plan again",
            Self::ExportAgain => {
                "export the image again with everything it needs (of an index whose other platforms were never pulled, one platform alone: \
                 docker save --platform), then import that"
            }
        })
    }
}

/// Why something could not be read, under its kind, and what helps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Cause {
    pub kind: &'static str,
    pub reason: Reason,
    pub remedy: Remedy,
}

impl Cause {
    pub(crate) fn of(error: &RegistryError) -> Self {
        let (kind, remedy) = match error {
            RegistryError::BlockedByPolicy { .. } => (BLOCKED_BY_POLICY, Remedy::Policy),
            RegistryError::NotFound { .. } => (LISTED_BUT_MISSING, Remedy::PushAgain),
            RegistryError::WrongDigest { .. } => (WRONG_DIGEST, Remedy::StorageDamaged),
            RegistryError::WrongSize { .. } => (WRONG_SIZE, Remedy::StorageDamaged),
            RegistryError::StorageUnreachable { .. } => (STORAGE_UNREACHABLE, Remedy::OpenStorage),
            RegistryError::TooLarge { .. } => (TOO_LARGE, Remedy::PushSmaller),
            RegistryError::Forbidden { .. } => (FORBIDDEN, Remedy::GivePullRight),
            _ => (REGISTRY_FAILED, Remedy::RunAgain),
        };
        Self { kind, reason: Reason::Trouble { why: error.facts(), text: error.to_string() }, remedy }
    }

    pub(crate) fn unreadable(why: &str) -> Self {
        Self { kind: UNREADABLE, reason: Reason::Unreadable { why: why.to_owned() }, remedy: Remedy::NoRegistryTakesIt }
    }

    /// Bytes that do not hash to a name by another algorithm.
    pub(crate) fn other_digest(named: &AnyDigest, actual: &AnyDigest) -> Self {
        let reason = Reason::OtherDigest { named: named.short(), actual: actual.short() };
        Self { kind: WRONG_DIGEST, reason, remedy: Remedy::StorageDamaged }
    }

    /// A blob named by another algorithm that the registry has no more: Harbor counts it as used under that name, and keeps it under its SHA-256.
    pub(crate) fn collected(named: &AnyDigest) -> Self {
        Self { kind: LISTED_BUT_MISSING, reason: Reason::Collected { named: named.short() }, remedy: Remedy::BuildWithSha256 }
    }

    pub(crate) fn deep() -> Self {
        Self { kind: TOO_DEEP, reason: Reason::TooDeep { levels: DEPTH_MAX }, remedy: Remedy::DeleteWhatMadeIt }
    }

    /// What is the matter with a manifest whose parts are not all to be had, where the part itself says no more.
    pub(crate) fn lack(why: &Why) -> Self {
        match why {
            Why::TooDeep => Self::deep(),
            Why::NoDigest(name) => {
                Self { kind: UNKNOWN_NAME, reason: Reason::NoDigest { name: name.clone() }, remedy: Remedy::NameBySha256 }
            }
            Why::Unreadable(text) => Self::unreadable(text),
            other => Self { kind: LISTED_BUT_MISSING, reason: Reason::NotThere { text: other.to_string() }, remedy: Remedy::PushAgain },
        }
    }

    /// The same cause, seen from something that needs the part `digest`.
    pub(crate) fn seen_from_above(&self, digest: &AnyDigest) -> Self {
        let kind = if matches!(self.kind, REGISTRY_FAILED | STORAGE_UNREACHABLE | BLOCKED_BY_POLICY | TOO_DEEP) {
            self.kind
        } else {
            PART_MISSING
        };
        Self { kind, reason: Reason::Part { part: digest.short(), why: Box::new(self.reason.clone()) }, remedy: self.remedy }
    }

    /// What the registry says of a block by policy.
    pub(crate) fn policy_message(&self) -> String {
        match &self.reason {
            Reason::Trouble { why, .. } => why["message"].as_str().unwrap_or_default().to_owned(),
            other => other.to_string(),
        }
    }

    pub(crate) fn gap(&self, subject: String) -> Gap {
        gap(self.kind, subject, &self.reason, Consequence::NotRestorable, self.remedy)
    }
}

/// A gap, in English and as values. A cause is no longer than a sentence.
pub(crate) fn gap(kind: &str, subject: String, reason: &Reason, consequence: Consequence, remedy: Remedy) -> Gap {
    let values = serde_json::json!({ "cause": reason, "consequence": consequence, "remedy": remedy });
    Gap {
        kind: kind.to_owned(),
        subject,
        cause: cut(reason.to_string()),
        consequence: consequence.to_string(),
        remedy: remedy.to_string(),
        digest: None,
        values: serde_json::from_value(shortened(values)).ok(),
    }
}

fn cut(text: String) -> String {
    match text.char_indices().nth(TEXT_CHARS_MAX) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

/// Causes quote what registries and manifests say.
fn shortened(value: Value) -> Value {
    match value {
        Value::String(text) => Value::String(cut(text)),
        Value::Object(map) => {
            // What is not known has no place among the facts of a snapshot.
            let known = map.into_iter().filter(|(_, value)| !value.is_null());
            Value::Object(known.map(|(name, value)| (name, shortened(value))).collect())
        }
        other => other,
    }
}

/// No more than [`GAPS_MAX`] gaps, the same ones in every run; `subject` is said to have the rest.
pub(crate) fn bounded(mut gaps: Vec<Gap>, subject: &str) -> Vec<Gap> {
    if gaps.len() <= GAPS_MAX {
        return gaps;
    }
    gaps.sort();
    gaps.dedup();
    let more = gaps.len().saturating_sub(GAPS_MAX);
    gaps.truncate(GAPS_MAX);
    if more > 0 {
        gaps.push(gap(MORE_GAPS, subject.to_owned(), &Reason::More { gaps: more }, Consequence::NotNamed, Remedy::LookAfterNamed));
    }
    gaps
}

/// How a tag is named in gaps and notes.
pub(crate) fn tag_subject(repository: &RepositoryName, tag: &Tag) -> String {
    format!("{repository}:{tag}")
}

/// How an artifact is named in gaps and notes.
pub(crate) fn artifact_subject(repository: &RepositoryName, digest: &Digest) -> String {
    format!("{repository}@{digest}")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every value a gap may have, as snapshots keep it. Whoever reads snapshots is tested with the same file.
    #[test]
    fn values_are_kept_under_the_names_they_always_had() {
        let text = |text: &str| text.to_owned();
        let error = RegistryError::NotFound { what: text("read it") };
        let failed = |given_up: bool| {
            let (project, why, text) = (text("staging"), error.facts(), error.to_string());
            if given_up { StagingFault::GivenUp { project, why, text } } else { StagingFault::Failed { project, why, text } }
        };
        let blocked = |staging| Reason::StillBlocked { message: text("no"), staging: Box::new(staging) };
        let reasons = [
            Reason::Trouble { why: error.facts(), text: error.to_string() },
            Reason::Unreadable { why: text("no JSON") },
            Reason::OtherDigest { named: text("sha512:a"), actual: text("sha512:b") },
            Reason::Collected { named: text("sha512:a") },
            Reason::TooDeep { levels: 8 },
            Reason::NoDigest { name: text("x") },
            Reason::NotThere { text: text("it is not in the vault") },
            Reason::Part { part: text("sha256:a"), why: Box::new(Reason::TooDeep { levels: 8 }) },
            blocked(failed(false)),
            blocked(failed(true)),
            blocked(StagingFault::Unusable {
                why: serde_json::json!({ "code": "gone", "project": "breakwater-staging" }),
                text: text("it does not exist any more"),
            }),
            Reason::ListingShort { counted: 2, listed: 1 },
            Reason::More { gaps: 7 },
            Reason::NotAmongFiles { what: text("sha256:a") },
            Reason::FileDamaged { expected: text("sha256:a"), actual: text("sha256:b") },
            Reason::FilesUnusable { why: text("no") },
        ];
        let consequences = [Consequence::NotRestorable, Consequence::NotListed, Consequence::NotNamed];
        let remedies = [
            Remedy::Policy,
            Remedy::PushAgain,
            Remedy::StorageDamaged,
            Remedy::OpenStorage,
            Remedy::PushSmaller,
            Remedy::GivePullRight,
            Remedy::RunAgain,
            Remedy::NoRegistryTakesIt,
            Remedy::BuildWithSha256,
            Remedy::DeleteWhatMadeIt,
            Remedy::NameBySha256,
            Remedy::TestHarbor,
            Remedy::RaiseStagingQuota,
            Remedy::RunAfterReadOnly,
            Remedy::CheckListing,
            Remedy::LookAfterNamed,
            Remedy::ExportAgain,
        ];
        let values: Vec<Value> = (0..reasons.len().max(remedies.len()))
            .map(|n| {
                let (reason, consequence) = (&reasons[n % reasons.len()], consequences[n % consequences.len()]);
                serde_json::to_value(gap("x", String::new(), reason, consequence, remedies[n % remedies.len()]).values).unwrap()
            })
            .collect();
        let kept: Vec<Value> = serde_json::from_str(include_str!("../../tests/fixtures/gap_values.json")).unwrap();
        assert_eq!(values, kept, "{}", serde_json::to_string(&values).unwrap());
    }

    #[test]
    fn what_strangers_say_is_cut_and_what_they_make_is_counted() {
        let why = "ä".repeat(10_000);
        let long = gap("x", "s".to_owned(), &Reason::Unreadable { why }, Consequence::NotRestorable, Remedy::RunAgain);
        assert_eq!(long.cause.chars().count(), TEXT_CHARS_MAX + 1);
        assert!(serde_json::to_string(&long.values).unwrap().chars().count() < TEXT_CHARS_MAX + 200);
        let many: Vec<Gap> = (0..GAPS_MAX + 7).rev().map(|n| Cause::deep().gap(format!("a/b:{n:09}"))).collect();
        assert_eq!(bounded(many[..10].to_vec(), "a"), many[..10].to_vec());
        let kept = bounded(many.clone(), "a");
        assert_eq!((kept.len(), kept[GAPS_MAX].kind.as_str()), (GAPS_MAX + 1, MORE_GAPS));
        assert!(kept[GAPS_MAX].cause.starts_with("7 more"));
        let mut turned = many;
        turned.reverse();
        assert_eq!(bounded(turned, "a"), kept, "the same in every run");
    }
}
