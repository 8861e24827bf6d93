//! Harbor's version, as `/systeminfo` words it: `v2.15.2-080b022`, or `-` in custom builds (harbor.md §8).

use std::fmt;

/// A version that could be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct HarborVersion {
    pub major: u32,
    pub minor: u32,
    pub patch: u32,
}

impl HarborVersion {
    /// Referrers and `subject` (harbor.md §9); the floor of support.
    pub const SUPPORTED_MIN: Self = Self::new(2, 8, 0);
    /// One artifact listing for a whole project.
    pub const PROJECT_LISTING: Self = Self::new(2, 12, 0);
    /// The audit log is another one, with more in it (harbor.md §8).
    pub const EXTENDED_AUDIT: Self = Self::new(2, 13, 0);
    /// A repository's update time moves with its artifacts and tags (harbor.md §2).
    pub const UPDATE_TIMES: Self = Self::new(2, 15, 2);

    /// Whether this program knows the API of such a Harbor. The next major version may answer the same questions with another meaning.
    #[must_use]
    pub const fn is_known(self) -> bool {
        self.major == Self::SUPPORTED_MIN.major
    }

    /// Puts one together.
    #[must_use]
    pub const fn new(major: u32, minor: u32, patch: u32) -> Self {
        Self { major, minor, patch }
    }

    /// Reads `v2.15.2-080b022` and `2.15.2`; `None` is *unknown*, never *old*.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let core = text.trim().trim_start_matches('v').split(['-', '+']).next()?;
        let mut parts = core.split('.').map(|part| part.parse::<u32>().ok());
        let version = Self::new(parts.next()??, parts.next()??, parts.next().flatten().unwrap_or(0));
        Some(version)
    }
}

impl fmt::Display for HarborVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "v{}.{}.{}", self.major, self.minor, self.patch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_of_releases_and_builds_are_read_and_others_are_unknown() {
        assert_eq!(HarborVersion::parse("v2.15.2-080b022"), Some(HarborVersion::new(2, 15, 2)));
        assert_eq!(HarborVersion::parse("v2.16.0-c50c7ddd6e"), Some(HarborVersion::new(2, 16, 0)));
        assert_eq!(HarborVersion::parse("2.8"), Some(HarborVersion::new(2, 8, 0)));
        for unknown in ["-", "", "dev", "v", "vx.y.z", "99999999999.1.1"] {
            assert_eq!(HarborVersion::parse(unknown), None, "{unknown:?}");
        }
        assert!(HarborVersion::new(2, 9, 9) < HarborVersion::PROJECT_LISTING);
    }
}
