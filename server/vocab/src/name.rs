//! Names of projects, repositories and tags, checked where they enter.
//!
//! Grammar: distribution-spec 1.1, "Pulling manifests" (`<name>`, `<reference>`), narrowed by Harbor's rules for
//! projects. A name is never used as a file path; the check keeps control characters, `..` and markup out of URLs,
//! logs and pages. Copies share one text: a repository of fifty thousand tags has each in several places while it is backed up.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Longest repository name, project included, in bytes (distribution-spec recommends 255 for host and name together).
pub const REPOSITORY_NAME_BYTES_MAX: usize = 255;
/// Longest tag, in bytes (distribution-spec).
pub const TAG_BYTES_MAX: usize = 128;

/// Why a text is not a name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} {shown:?} is not valid")]
pub struct NameError {
    what: &'static str,
    shown: String,
}

fn name_error(what: &'static str, text: &str) -> NameError {
    NameError { what, shown: text.chars().take(80).collect() }
}

fn is_component(part: &str) -> bool {
    let bytes = part.as_bytes();
    let alnum = |b: &u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let (Some(first), Some(last)) = (bytes.first(), bytes.last()) else { return false };
    alnum(first) && alnum(last) && bytes.iter().all(|b| alnum(b) || matches!(b, b'.' | b'_' | b'-')) && !part.contains("..")
}

macro_rules! checked_name {
    ($(#[$doc:meta])* $name:ident, $what:literal, $check:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Arc<str>);

        impl $name {
            /// The name as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = NameError;

            fn from_str(text: &str) -> Result<Self, NameError> {
                let check: fn(&str) -> bool = $check;
                if check(text) { Ok(Self(text.into())) } else { Err(name_error($what, text)) }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

checked_name!(
    /// A Harbor project: one lower-case component.
    ProjectName,
    "project name",
    |text| text.len() <= REPOSITORY_NAME_BYTES_MAX && is_component(text)
);

checked_name!(
    /// A repository with its project, `project/repo` or `project/team/repo`.
    RepositoryName,
    "repository name",
    |text| text.len() <= REPOSITORY_NAME_BYTES_MAX && text.contains('/') && text.split('/').all(is_component)
);

checked_name!(
    /// A tag, `[A-Za-z0-9_][A-Za-z0-9._-]{0,127}`.
    Tag,
    "tag",
    |text| {
        let bytes = text.as_bytes();
        let word = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
        bytes.len() <= TAG_BYTES_MAX
            && bytes.first().is_some_and(|b| word(*b))
            && bytes.iter().all(|b| word(*b) || matches!(b, b'.' | b'-'))
    }
);

impl RepositoryName {
    /// The project: everything before the first slash.
    #[must_use]
    pub fn project(&self) -> ProjectName {
        ProjectName(self.0.split('/').next().unwrap_or_default().into())
    }

    /// Whether it is of `project`.
    #[must_use]
    pub fn is_of(&self, project: &ProjectName) -> bool {
        self.0.split('/').next() == Some(project.as_str())
    }

    /// The part after the project, the form Harbor's API wants (encoded twice) in paths.
    #[must_use]
    pub fn within_project(&self) -> &str {
        self.0.split_once('/').map_or("", |(_, rest)| rest)
    }

    /// The same repository in another project.
    #[must_use]
    pub fn in_project(&self, project: &ProjectName) -> Self {
        Self(format!("{project}/{}", self.within_project()).into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// F-47.
    #[test]
    fn names_of_strangers_are_refused_before_they_reach_a_url() {
        for bad in ["..", "a/..", "a/../b", "A/b", "a//b", "/a/b", "a/b/", "a/b\n", "a/%2e%2e", "a/<b>", "a", "a/b..c"] {
            assert!(bad.parse::<RepositoryName>().is_err(), "{bad:?}");
        }
        for bad in ["", ".a", "-a", "a b", "a/b", "a\u{202e}b", &"a".repeat(129)] {
            assert!(bad.parse::<Tag>().is_err(), "{bad:?}");
        }
        let nested: RepositoryName = "prod/team/app".parse().unwrap();
        assert_eq!(nested.project().as_str(), "prod");
        assert_eq!(nested.within_project(), "team/app");
        assert_eq!(nested.in_project(&"scratch".parse().unwrap()).as_str(), "scratch/team/app");
    }
}
