//! SHA-256 digests as the OCI image specification writes them (image-spec 1.1, descriptor.md, "Digests").
//!
//! Invariant: a [`Digest`] is 32 bytes, so its text is always `sha256:` and 64 lower-case hexadecimal digits. Nothing a
//! server sends can become a path or a URL part through it.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::Digest as _;

/// A SHA-256 digest. The only algorithm Breakwater stores under; others are refused at parse.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest([u8; 32]);

/// Why a text is not a digest.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DigestError {
    /// Another algorithm than `sha256`, or none.
    #[error("digest does not start with sha256:")]
    Algorithm,
    /// Not 64 lower-case hexadecimal digits.
    #[error("digest is not 64 lower-case hexadecimal digits")]
    Hex,
    /// Raw bytes that are not 32 long.
    #[error("digest is not 32 bytes long")]
    Length,
}

impl Digest {
    /// The digest of `bytes`.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self(sha2::Sha256::digest(bytes).into())
    }

    /// A digest from the 32 bytes a database column holds.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, DigestError> {
        bytes.try_into().map(Self).map_err(|_| DigestError::Length)
    }

    /// The 32 bytes, for a `bytea` column.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The 64 hexadecimal digits without the algorithm, the only text that may become a file name.
    #[must_use]
    pub fn hex(&self) -> String {
        hex::encode(self.0)
    }

    /// Parses 64 lower-case hexadecimal digits, the form a file in `blobs/sha256/` is named by.
    pub fn from_hex(text: &str) -> Result<Self, DigestError> {
        if text.len() != 64 || !text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b)) {
            return Err(DigestError::Hex);
        }
        let mut out = [0; 32];
        hex::decode_to_slice(text, &mut out).map_err(|_| DigestError::Hex)?;
        Ok(Self(out))
    }

    /// `sha256:9f2c…1b7e`: for sentences and logs, never for comparison.
    #[must_use]
    pub fn short(&self) -> String {
        let hex = self.hex();
        format!("sha256:{}…{}", &hex[..4], &hex[60..])
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sha256:{}", self.hex())
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Digest {
    type Err = DigestError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::from_hex(text.strip_prefix("sha256:").ok_or(DigestError::Algorithm)?)
    }
}

impl Serialize for Digest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// Hashes and counts a stream while it passes.
#[derive(Clone, Default)]
pub struct Hasher {
    state: sha2::Sha256,
    size_bytes: u64,
}

impl Hasher {
    /// An empty hasher.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next bytes of the stream.
    pub fn update(&mut self, bytes: &[u8]) {
        self.state.update(bytes);
        self.size_bytes += bytes.len() as u64;
    }

    /// Bytes taken so far.
    #[must_use]
    pub const fn size_bytes(&self) -> u64 {
        self.size_bytes
    }

    /// The digest of everything taken.
    #[must_use]
    pub fn finish(self) -> Digest {
        Digest(self.state.finalize().into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// F-41.
    #[test]
    fn only_lower_case_sha256_is_a_digest() {
        let good = format!("sha256:{}", "ab".repeat(32));
        assert_eq!(good.parse::<Digest>().unwrap().to_string(), good);
        for bad in [
            "",
            "sha256:",
            &good.to_uppercase(),
            &good[..70],
            &format!("{good}0"),
            &format!("md5:{}", "a".repeat(32)),
            &format!("sha512:{}", "a".repeat(128)),
            "sha256:../../../../etc/passwd",
            &format!("sha256:{}\0", "a".repeat(63)),
            &format!("sha256:{}", "٣".repeat(32)),
            &format!("sha256:{}", "A".repeat(64)),
        ] {
            assert!(bad.parse::<Digest>().is_err(), "{bad:?} was taken for a digest");
        }
    }

    #[test]
    fn a_stream_in_pieces_hashes_like_the_whole() {
        let mut hasher = Hasher::new();
        hasher.update(b"break");
        hasher.update(b"water");
        assert_eq!(hasher.size_bytes(), 10);
        assert_eq!(hasher.finish(), Digest::of(b"breakwater"));
    }
}
