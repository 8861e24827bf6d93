//! What could not be read, under stable codes, each with a cause, a consequence and a remedy.

use registry::RegistryError;
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

/// What helps against a policy, where nothing is read through a staging project.
pub(crate) const POLICY_REMEDY: &str = "let Breakwater read such images through a staging project (settings of the harbor), or scan or sign the \
                                        image, or relax the project's policy; then run the plan again";
/// What most gaps mean.
const NOT_RESTORABLE: &str = "it cannot be restored from this snapshot; an earlier one may have it";

/// What helps where the registry's storage cannot be read.
const STORAGE_REMEDY: &str = "make this name and network reachable from Breakwater (for a private network: start it with --allow-net), or let the \
                              registry hand blobs out itself (redirect: disable: true in the storage section of its configuration, \
                              disableredirect: true in Harbor's); then run the plan again";

/// Why something could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Cause {
    pub kind: &'static str,
    pub text: String,
    pub remedy: &'static str,
}

impl Cause {
    pub(crate) fn of(error: &RegistryError) -> Self {
        let (kind, remedy) = match error {
            RegistryError::BlockedByPolicy { .. } => (BLOCKED_BY_POLICY, POLICY_REMEDY),
            RegistryError::NotFound { .. } => {
                (LISTED_BUT_MISSING, "if it was not deleted during the backup, the registry's storage lost it: push the image again")
            }
            RegistryError::WrongDigest { .. } => (WRONG_DIGEST, "the registry's storage is damaged there: push the image again"),
            RegistryError::WrongSize { .. } => (WRONG_SIZE, "the registry's storage is damaged there: push the image again"),
            RegistryError::StorageUnreachable { .. } => (STORAGE_UNREACHABLE, STORAGE_REMEDY),
            RegistryError::TooLarge { .. } => (TOO_LARGE, "it is larger than a registry allows: push a smaller one"),
            RegistryError::Forbidden { .. } => (FORBIDDEN, "give the backup login the right to pull from this project"),
            _ => (REGISTRY_FAILED, "run the plan again; if it stays, look at the registry's log"),
        };
        Self { kind, text: error.to_string(), remedy }
    }

    pub(crate) fn unreadable(why: &str) -> Self {
        let remedy = "no registry takes such a manifest: if it came from one, its storage is damaged there";
        Self { kind: UNREADABLE, text: why.to_owned(), remedy }
    }

    /// Bytes that do not hash to a name by another algorithm.
    pub(crate) fn other_digest(named: &AnyDigest, actual: &AnyDigest) -> Self {
        let text = format!("the registry gives bytes with the digest {} for {}", actual.short(), named.short());
        Self { kind: WRONG_DIGEST, text, remedy: "the registry's storage is damaged there: push the image again" }
    }

    /// A blob named by another algorithm that the registry has no more: Harbor counts it as used under that name, and keeps it under its SHA-256.
    pub(crate) fn collected(named: &AnyDigest) -> Self {
        let text = format!(
            "the registry does not have {}; Harbor's garbage collection removes what is named by another algorithm than SHA-256, in use or not",
            named.short()
        );
        let remedy =
            "build the image with SHA-256 digests; to have this one again, delete it in Harbor and restore it from a snapshot that has it";
        Self { kind: LISTED_BUT_MISSING, text, remedy }
    }

    pub(crate) fn deep() -> Self {
        let text = format!("it is nested more than {DEPTH_MAX} levels deep");
        Self { kind: TOO_DEEP, text, remedy: "no tool needs that much: delete what made it" }
    }

    /// What is the matter with a manifest whose parts are not all to be had, where the part itself says no more.
    pub(crate) fn lack(why: &Why) -> Self {
        match why {
            Why::TooDeep => Self::deep(),
            Why::NoDigest(_) => {
                Self { kind: UNKNOWN_NAME, text: why.to_string(), remedy: "name the part by its sha256 digest and push the image again" }
            }
            Why::Unreadable(text) => Self::unreadable(text),
            other => Self {
                kind: LISTED_BUT_MISSING,
                text: other.to_string(),
                remedy: "if it was not deleted during the backup, the registry's storage lost it: push the image again",
            },
        }
    }

    /// The same cause, seen from something that needs the part `digest`.
    pub(crate) fn seen_from_above(&self, digest: &AnyDigest) -> Self {
        let text = format!("its part {} could not be read: {}", digest.short(), self.text);
        let kind = if matches!(self.kind, REGISTRY_FAILED | STORAGE_UNREACHABLE | BLOCKED_BY_POLICY | TOO_DEEP) {
            self.kind
        } else {
            PART_MISSING
        };
        Self { kind, text, remedy: self.remedy }
    }

    pub(crate) fn gap(&self, subject: String) -> Gap {
        gap(self.kind, subject, &self.text, NOT_RESTORABLE, self.remedy)
    }
}

/// A gap whose cause is no longer than a sentence.
pub(crate) fn gap(kind: &str, subject: String, cause: &str, consequence: &str, remedy: &str) -> Gap {
    let cause = match cause.char_indices().nth(TEXT_CHARS_MAX) {
        Some((end, _)) => format!("{}…", &cause[..end]),
        None => cause.to_owned(),
    };
    Gap { kind: kind.to_owned(), subject, cause, consequence: consequence.to_owned(), remedy: remedy.to_owned(), digest: None }
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
        let cause = format!("{more} more things could not be read, and are not named one by one");
        let remedy = "look after those that are named, then run the plan again";
        gaps.push(gap(MORE_GAPS, subject.to_owned(), &cause, "what is not named cannot be restored from this snapshot", remedy));
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

    #[test]
    fn what_strangers_say_is_cut_and_what_they_make_is_counted() {
        let long = gap("x", "s".to_owned(), &"ä".repeat(10_000), "c", "r");
        assert_eq!(long.cause.chars().count(), TEXT_CHARS_MAX + 1);
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
