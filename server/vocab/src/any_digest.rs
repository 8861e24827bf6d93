//! Digests as manifests write them: SHA-256, by which everything is stored here, and the other algorithms a registry takes.
//!
//! The OCI image specification (descriptor.md, "Digests") registers sha256 and sha512; distribution 2.8, which Harbor runs, takes sha384
//! too. A name by one of the others is a name all the same: what it names is read by it, checked against it, and stored under its SHA-256.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::Digest as _;

use crate::digest::{Digest, DigestError, Hasher};

/// An algorithm other than SHA-256.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Algorithm {
    /// `sha384`.
    Sha384,
    /// `sha512`.
    Sha512,
}

impl Algorithm {
    const ALL: [Self; 2] = [Self::Sha384, Self::Sha512];

    /// As it is written before the colon.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sha384 => "sha384",
            Self::Sha512 => "sha512",
        }
    }

    const fn hex_digits(self) -> usize {
        match self {
            Self::Sha384 => 96,
            Self::Sha512 => 128,
        }
    }
}

/// A digest by another algorithm than SHA-256: the algorithm's name and lower-case hexadecimal digits, and nothing else.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OtherDigest {
    algorithm: Algorithm,
    hex: Box<str>,
}

impl OtherDigest {
    /// Which algorithm.
    #[must_use]
    pub const fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The digits without the algorithm.
    #[must_use]
    pub fn hex(&self) -> &str {
        &self.hex
    }

    /// The digest of `bytes` by `algorithm`.
    #[must_use]
    pub fn of(algorithm: Algorithm, bytes: &[u8]) -> Self {
        let mut hasher = OtherHasher::new(algorithm);
        hasher.update(bytes);
        hasher.finish().0
    }
}

impl fmt::Display for OtherDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.algorithm.as_str(), self.hex)
    }
}

impl fmt::Debug for OtherDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for OtherDigest {
    type Err = DigestError;

    fn from_str(text: &str) -> Result<Self, DigestError> {
        let (name, hex) = text.split_once(':').ok_or(DigestError::Algorithm)?;
        let algorithm = Algorithm::ALL.into_iter().find(|one| one.as_str() == name).ok_or(DigestError::Algorithm)?;
        let plain = hex.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
        if hex.len() == algorithm.hex_digits() && plain { Ok(Self { algorithm, hex: hex.into() }) } else { Err(DigestError::Hex) }
    }
}

/// A digest by any algorithm a registry takes.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AnyDigest {
    /// The one everything is stored under.
    Sha256(Digest),
    /// Another.
    Other(OtherDigest),
}

impl AnyDigest {
    /// The digest, if it is SHA-256.
    #[must_use]
    pub const fn sha256(&self) -> Option<Digest> {
        match self {
            Self::Sha256(digest) => Some(*digest),
            Self::Other(_) => None,
        }
    }

    /// `sha512:9f2c…1b7e`: for sentences and logs, never for comparison.
    #[must_use]
    pub fn short(&self) -> String {
        match self {
            Self::Sha256(digest) => digest.short(),
            Self::Other(OtherDigest { algorithm, hex }) => {
                format!("{}:{}…{}", algorithm.as_str(), &hex[..4], &hex[hex.len() - 4..])
            }
        }
    }
}

impl From<Digest> for AnyDigest {
    fn from(digest: Digest) -> Self {
        Self::Sha256(digest)
    }
}

impl From<OtherDigest> for AnyDigest {
    fn from(digest: OtherDigest) -> Self {
        Self::Other(digest)
    }
}

impl fmt::Display for AnyDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sha256(digest) => fmt::Display::fmt(digest, f),
            Self::Other(digest) => fmt::Display::fmt(digest, f),
        }
    }
}

impl fmt::Debug for AnyDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for AnyDigest {
    type Err = DigestError;

    fn from_str(text: &str) -> Result<Self, DigestError> {
        match text.parse() {
            Ok(digest) => Ok(Self::Sha256(digest)),
            Err(DigestError::Algorithm) => text.parse().map(Self::Other),
            Err(other) => Err(other),
        }
    }
}

impl Serialize for AnyDigest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for AnyDigest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

impl Serialize for OtherDigest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for OtherDigest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// Hashes a stream by another algorithm and by SHA-256 at once.
#[derive(Clone)]
pub struct OtherHasher {
    state: State,
    own: Hasher,
}

#[derive(Clone)]
enum State {
    Sha384(sha2::Sha384),
    Sha512(sha2::Sha512),
}

impl OtherHasher {
    /// An empty one.
    #[must_use]
    pub fn new(algorithm: Algorithm) -> Self {
        let state = match algorithm {
            Algorithm::Sha384 => State::Sha384(sha2::Sha384::default()),
            Algorithm::Sha512 => State::Sha512(sha2::Sha512::default()),
        };
        Self { state, own: Hasher::new() }
    }

    /// Takes the next bytes of the stream.
    pub fn update(&mut self, bytes: &[u8]) {
        match &mut self.state {
            State::Sha384(state) => state.update(bytes),
            State::Sha512(state) => state.update(bytes),
        }
        self.own.update(bytes);
    }

    /// Both digests of everything taken.
    #[must_use]
    pub fn finish(self) -> (OtherDigest, Digest) {
        let other = match self.state {
            State::Sha384(state) => OtherDigest { algorithm: Algorithm::Sha384, hex: hex::encode(state.finalize()).into() },
            State::Sha512(state) => OtherDigest { algorithm: Algorithm::Sha512, hex: hex::encode(state.finalize()).into() },
        };
        (other, self.own.finish())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// F-40, F-41.
    #[test]
    fn only_known_algorithms_in_lower_case_are_digests() {
        let text = OtherDigest::of(Algorithm::Sha512, b"abc").to_string();
        assert!(text.starts_with("sha512:ddaf35a193617aba"), "{text}");
        assert_eq!(text.parse::<AnyDigest>().unwrap().to_string(), text);
        let small = format!("sha384:{}", "0".repeat(96));
        assert_eq!(small.parse::<AnyDigest>().unwrap().to_string(), small);
        let own = Digest::of(b"abc");
        assert_eq!(own.to_string().parse(), Ok(AnyDigest::Sha256(own)));
        for bad in [
            "",
            "sha512",
            "sha512:",
            &text.to_uppercase(),
            &text[..100],
            &format!("{text}0"),
            &format!("sha384:{}", "0".repeat(128)),
            &format!("md5:{}", "a".repeat(32)),
            "sha512:../../../../etc/passwd",
        ] {
            assert!(bad.parse::<AnyDigest>().is_err(), "{bad:?} was taken for a digest");
        }
    }

    #[test]
    fn a_stream_is_hashed_by_both_at_once() {
        let mut hasher = OtherHasher::new(Algorithm::Sha512);
        hasher.update(b"break");
        hasher.update(b"water");
        assert_eq!(hasher.finish(), (OtherDigest::of(Algorithm::Sha512, b"breakwater"), Digest::of(b"breakwater")));
    }
}
