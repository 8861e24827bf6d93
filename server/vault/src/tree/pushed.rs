//! When everything of a project was pushed, as Harbor tells it. It is kept beside the repository indexes: a push time is part of no
//! repository's digest, and a restore that knows them brings images back in the order in which they came.
//!
//! Stored like settings (an OCI artifact manifest with one JSON blob), so times that did not change are the same object in every snapshot.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use time::format_description::well_known::Rfc3339;
use time::{OffsetDateTime, UtcOffset};
use vocab::{Digest, RepositoryName, Tag};

use super::{TREE_BYTES_MAX, TreeError};

/// Push times of one repository. Harbor tells them to the millisecond.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RepositoryPushes {
    /// When each artifact was first pushed.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub artifacts: BTreeMap<Digest, PushedAt>,
    /// When each tag was put on what it names.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<Tag, PushedAt>,
}

/// One push time, in UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PushedAt(#[serde(with = "time::serde::rfc3339")] OffsetDateTime);

impl PushedAt {
    /// `None`: a time that has no text (a year above 9999).
    #[must_use]
    pub fn new(at: OffsetDateTime) -> Option<Self> {
        let utc = at.checked_to_offset(UtcOffset::UTC)?;
        utc.format(&Rfc3339).ok().map(|_| Self(utc))
    }

    /// The moment.
    #[must_use]
    pub const fn moment(self) -> OffsetDateTime {
        self.0
    }
}

/// Push times of a project, read.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PushTimes {
    /// By repository.
    pub repositories: BTreeMap<RepositoryName, RepositoryPushes>,
}

impl PushTimes {
    /// Reads what [`PushTimesText`] wrote.
    pub fn decode(bytes: &[u8]) -> Result<Self, TreeError> {
        serde_json::from_slice(bytes).map_err(|e| TreeError::Json(e.to_string()))
    }
}

/// Push times of a project on their way into the vault: text from the first repository on, which takes a fraction of the room of values.
#[derive(Debug, Clone, Default)]
pub struct PushTimesText {
    repositories: BTreeMap<RepositoryName, String>,
    bytes: usize,
}

impl PushTimesText {
    /// Adds a repository; one without times is left out. The last of a name counts.
    pub fn add(&mut self, name: &RepositoryName, pushes: &RepositoryPushes) -> Result<(), TreeError> {
        if pushes.artifacts.is_empty() && pushes.tags.is_empty() {
            return Ok(());
        }
        let text = serde_json::to_string(pushes).map_err(|e| TreeError::Json(e.to_string()))?;
        self.bytes += name.as_str().len() + text.len() + 4;
        if self.bytes > TREE_BYTES_MAX {
            return Err(TreeError::TooLarge(self.bytes));
        }
        self.repositories.insert(name.clone(), text);
        Ok(())
    }

    /// Whether there is nothing to keep.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.repositories.is_empty()
    }

    /// The canonical JSON: sorted keys, no white space.
    #[must_use]
    pub fn into_bytes(self) -> Vec<u8> {
        let mut all = Vec::with_capacity(self.bytes + 2);
        for (name, text) in self.repositories {
            all.push(if all.is_empty() { b'{' } else { b',' });
            // Names of repositories have no character that JSON escapes.
            all.extend_from_slice(format!("\"{name}\":").as_bytes());
            all.extend_from_slice(text.as_bytes());
        }
        if all.is_empty() {
            all.push(b'{');
        }
        all.push(b'}');
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: i64) -> PushedAt {
        PushedAt::new(OffsetDateTime::UNIX_EPOCH + time::Duration::milliseconds(millis)).unwrap()
    }

    fn pushes(seed: i64) -> RepositoryPushes {
        RepositoryPushes {
            artifacts: [(Digest::of(&seed.to_be_bytes()), at(seed))].into(),
            tags: [("b".parse().unwrap(), at(seed + 1)), ("a".parse().unwrap(), at(seed + 2))].into(),
        }
    }

    #[test]
    fn times_have_one_text_whatever_order_they_come_in() {
        let (one, two) = ("p/one".parse().unwrap(), "p/two".parse().unwrap());
        let (mut forth, mut back) = (PushTimesText::default(), PushTimesText::default());
        forth.add(&one, &pushes(1_500)).unwrap();
        forth.add(&two, &pushes(2)).unwrap();
        forth.add(&"p/none".parse().unwrap(), &RepositoryPushes::default()).unwrap();
        back.add(&two, &pushes(2)).unwrap();
        back.add(&one, &pushes(1_500)).unwrap();
        let bytes = forth.into_bytes();
        assert_eq!(bytes, back.into_bytes());
        let value: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
        assert_eq!(super::super::canonical_json(&value).unwrap(), bytes);
        let read = PushTimes::decode(&bytes).unwrap();
        assert_eq!(read.repositories, [(one, pushes(1_500)), (two, pushes(2))].into());
        assert!(String::from_utf8(bytes).unwrap().contains(r#""a":"1970-01-01T00:00:01.502Z""#));
        assert_eq!(PushTimesText::default().into_bytes(), b"{}");
        assert!(PushTimes::decode(b"[]").is_err());
    }
}
