//! Names inside a vault, and the marker that tells one vault from another.
//!
//! Invariant: every path in a vault is made from a [`Key`], and a key holds only parsed parts: digests, UUIDs, checked
//! harbor and project names, moments. Nothing a stranger sends can form a path (reliability I-4, F-41, F-47).

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize};
use time::format_description::StaticFormatDescription;
use time::macros::format_description;
use time::{OffsetDateTime, PrimitiveDateTime, UtcOffset};
use uuid::Uuid;
use vocab::{Digest, ProjectName};

use crate::error::VaultError;

/// The format written and read here.
pub const FORMAT: u32 = 1;
/// Content of `oci-layout` (image-spec, image-layout.md).
pub const OCI_LAYOUT: &[u8] = br#"{"imageLayoutVersion":"1.0.0"}"#;
/// Longest harbor name, in bytes: that of a DNS label.
pub const HARBOR_NAME_BYTES_MAX: usize = 63;
/// Largest small record (marker, pointer, hold, note) read, in bytes.
pub const RECORD_BYTES_MAX: u64 = 256 * 1024;
/// Largest record of locks read or written, in bytes: some hundred thousand repositories.
pub const LOCKS_BYTES_MAX: u64 = 32 * 1024 * 1024;

const UTC: StaticFormatDescription = format_description!("[year][month][day]T[hour][minute][second]Z");

/// The name of one registered Harbor, `[a-z0-9-]{1,63}`, not beginning or ending with `-`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct HarborName(String);

impl HarborName {
    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for HarborName {
    type Err = VaultError;

    fn from_str(text: &str) -> Result<Self, VaultError> {
        let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        let good =
            (1..=HARBOR_NAME_BYTES_MAX).contains(&text.len()) && text.bytes().all(plain) && !text.starts_with('-') && !text.ends_with('-');
        if good {
            return Ok(Self(text.to_owned()));
        }
        let shown: String = text.chars().take(80).collect();
        Err(VaultError::Invalid {
            what: "harbor name",
            why: format!("{shown:?} is not 1 to {HARBOR_NAME_BYTES_MAX} of a-z, 0-9 and inner -"),
        })
    }
}

impl fmt::Display for HarborName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl AsRef<str> for HarborName {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl<'de> Deserialize<'de> for HarborName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// What tells one vault from every other. Made once, never changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct VaultId(Uuid);

impl VaultId {
    /// A new, random one.
    #[must_use]
    pub fn random() -> Self {
        Self(Uuid::new_v4())
    }

    /// The id as a UUID, for a database column.
    #[must_use]
    pub const fn as_uuid(&self) -> Uuid {
        self.0
    }
}

impl From<Uuid> for VaultId {
    fn from(id: Uuid) -> Self {
        Self(id)
    }
}

impl fmt::Display for VaultId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// `breakwater/vault.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Marker {
    /// Which vault this is.
    pub id: VaultId,
    /// Which format it has.
    pub format: u32,
}

/// The name of a pointer: harbor, project, second and id. Names sort by time within a project.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PointerName {
    harbor: HarborName,
    project: ProjectName,
    utc: String,
    id: Uuid,
}

impl PointerName {
    /// The name of the pointer with this `id` for `project` at `moment`.
    pub fn new(harbor: HarborName, project: ProjectName, moment: OffsetDateTime, id: Uuid) -> Result<Self, VaultError> {
        let invalid = |why: String| VaultError::Invalid { what: "moment of a pointer", why };
        let utc = moment
            .checked_to_offset(UtcOffset::UTC)
            .filter(|utc| utc.year() >= 0)
            .ok_or_else(|| invalid("it lies outside the years 0 to 9999".to_owned()))?;
        let utc = utc.format(UTC).map_err(|e| invalid(e.to_string()))?;
        Ok(Self { harbor, project, utc, id })
    }

    /// The harbor.
    #[must_use]
    pub const fn harbor(&self) -> &HarborName {
        &self.harbor
    }

    /// The project.
    #[must_use]
    pub const fn project(&self) -> &ProjectName {
        &self.project
    }

    /// The moment to the second, as `20261123T221500Z`.
    #[must_use]
    pub fn utc(&self) -> &str {
        &self.utc
    }

    /// The same moment.
    #[must_use]
    pub fn moment(&self) -> OffsetDateTime {
        // Both ways in have checked it.
        PrimitiveDateTime::parse(&self.utc, UTC).map_or(OffsetDateTime::UNIX_EPOCH, PrimitiveDateTime::assume_utc)
    }

    /// The snapshot's id.
    #[must_use]
    pub const fn id(&self) -> Uuid {
        self.id
    }

    fn parse(harbor: &str, project: &str, file: &str) -> Option<Self> {
        let (utc, id) = file.strip_suffix(".json")?.split_once('-')?;
        PrimitiveDateTime::parse(utc, UTC).ok()?;
        let parsed = Self { harbor: harbor.parse().ok()?, project: project.parse().ok()?, utc: utc.to_owned(), id: id.parse().ok()? };
        // UUIDs have several spellings; only ours names a file.
        (parsed.id.hyphenated().to_string() == id).then_some(parsed)
    }
}

impl fmt::Display for PointerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}-{}", self.harbor, self.project, self.utc, self.id.hyphenated())
    }
}

impl FromStr for PointerName {
    type Err = VaultError;

    fn from_str(text: &str) -> Result<Self, VaultError> {
        let mut parts = text.splitn(3, '/');
        parts
            .next()
            .zip(parts.next())
            .zip(parts.next())
            .and_then(|((harbor, project), rest)| Self::parse(harbor, project, &format!("{rest}.json")))
            .ok_or_else(|| VaultError::Invalid {
                what: "pointer name",
                why: format!("{:?} is not <harbor>/<project>/<utc>-<id>", text.chars().take(80).collect::<String>()),
            })
    }
}

/// Everything that can be named in a vault.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Key {
    /// `oci-layout`.
    OciLayout,
    /// `index.json`.
    Index,
    /// `breakwater/vault.json`.
    Marker,
    /// `blobs/sha256/<hex>`.
    Object(Digest),
    /// `breakwater/snapshots/<harbor>/<project>/<utc>-<id>.json`.
    Pointer(PointerName),
    /// `breakwater/quarantine/<hex>-<id>`: bytes moved aside.
    Quarantined(Digest, Uuid),
    /// `breakwater/quarantine/<hex>-<id>.json`: why they were.
    QuarantineNote(Digest, Uuid),
    /// `breakwater/holds/<id>.json`.
    Hold(Uuid),
    /// `breakwater/condemned/<sweep>/<hex>`: an object no snapshot needed when that sweep looked.
    Condemned(Uuid, Digest),
    /// `breakwater/condemned/<sweep>.json`: how far that sweep is, and who held the vault when it had moved its objects.
    Sweep(Uuid),
    /// `breakwater/locks/<harbor>/<project>.json`: until when the parts of its newest snapshot are locked.
    Locks(HarborName, ProjectName),
}

impl Key {
    /// Whether [`crate::store::Store::remove`] may take it away. An object never: it has to be condemned first.
    #[must_use]
    pub const fn is_removable(&self) -> bool {
        matches!(self, Self::Hold(_) | Self::Pointer(_) | Self::Condemned(..) | Self::Sweep(_))
    }

    /// Whether it is written once and never again, and so may be locked. Nothing else ever is: a small file that is written again and
    /// again would pile up as locked versions, and a condemned copy could not be let go.
    #[must_use]
    pub const fn is_write_once(&self) -> bool {
        matches!(self, Self::Object(_) | Self::Pointer(_) | Self::Marker)
    }

    /// Whether its older versions are of no use to anybody: it is replaced, or removed, as a matter of course.
    #[must_use]
    pub const fn is_passing(&self) -> bool {
        matches!(self, Self::Index | Self::Hold(_) | Self::Sweep(_) | Self::Condemned(..) | Self::Locks(..))
    }

    /// Largest size of the record that has this name, in bytes.
    #[must_use]
    pub const fn record_bytes_max(&self) -> u64 {
        match self {
            Self::Locks(..) => LOCKS_BYTES_MAX,
            _ => RECORD_BYTES_MAX,
        }
    }

    /// Reads a path back. `None` for anything this program did not write.
    #[must_use]
    pub fn parse(path: &str) -> Option<Self> {
        let key = match path.split('/').collect::<Vec<_>>()[..] {
            ["oci-layout"] => Self::OciLayout,
            ["index.json"] => Self::Index,
            ["breakwater", "vault.json"] => Self::Marker,
            ["blobs", "sha256", hex] => Self::Object(Digest::from_hex(hex).ok()?),
            ["breakwater", "snapshots", harbor, project, file] => Self::Pointer(PointerName::parse(harbor, project, file)?),
            ["breakwater", "holds", file] => Self::Hold(file.strip_suffix(".json")?.parse().ok()?),
            ["breakwater", "quarantine", file] => {
                let (hex, rest) = file.split_once('-')?;
                let digest = Digest::from_hex(hex).ok()?;
                match rest.strip_suffix(".json") {
                    Some(id) => Self::QuarantineNote(digest, id.parse().ok()?),
                    None => Self::Quarantined(digest, rest.parse().ok()?),
                }
            }
            ["breakwater", "locks", harbor, file] => Self::Locks(harbor.parse().ok()?, file.strip_suffix(".json")?.parse().ok()?),
            ["breakwater", "condemned", file] => Self::Sweep(file.strip_suffix(".json")?.parse().ok()?),
            ["breakwater", "condemned", sweep, hex] => Self::Condemned(sweep.parse().ok()?, Digest::from_hex(hex).ok()?),
            _ => return None,
        };
        (key.to_string() == path).then_some(key)
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OciLayout => f.write_str("oci-layout"),
            Self::Index => f.write_str("index.json"),
            Self::Marker => f.write_str("breakwater/vault.json"),
            Self::Object(digest) => write!(f, "blobs/sha256/{}", digest.hex()),
            Self::Pointer(name) => write!(f, "breakwater/snapshots/{name}.json"),
            Self::Quarantined(digest, id) => write!(f, "breakwater/quarantine/{}-{}", digest.hex(), id.hyphenated()),
            Self::QuarantineNote(digest, id) => {
                write!(f, "breakwater/quarantine/{}-{}.json", digest.hex(), id.hyphenated())
            }
            Self::Hold(id) => write!(f, "breakwater/holds/{}.json", id.hyphenated()),
            Self::Condemned(sweep, digest) => write!(f, "breakwater/condemned/{}/{}", sweep.hyphenated(), digest.hex()),
            Self::Sweep(sweep) => write!(f, "breakwater/condemned/{}.json", sweep.hyphenated()),
            Self::Locks(harbor, project) => write!(f, "breakwater/locks/{harbor}/{project}.json"),
        }
    }
}

/// A family of keys that can be listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Prefix {
    /// Every object.
    Objects,
    /// Every pointer.
    Pointers,
    /// The pointers of one project.
    PointersOf(HarborName, ProjectName),
    /// Everything moved aside, and the notes.
    Quarantine,
    /// Every hold.
    Holds,
    /// Every condemned object.
    Condemned,
    /// Every record of a sweep.
    Sweeps,
}

impl Prefix {
    /// The folder the family lives in, and how many levels of folders lie between it and the files.
    #[must_use]
    pub fn folder(&self) -> (String, u32) {
        match self {
            Self::Objects => ("blobs/sha256".to_owned(), 0),
            Self::Pointers => ("breakwater/snapshots".to_owned(), 2),
            Self::PointersOf(harbor, project) => (format!("breakwater/snapshots/{harbor}/{project}"), 0),
            Self::Quarantine => ("breakwater/quarantine".to_owned(), 0),
            Self::Holds => ("breakwater/holds".to_owned(), 0),
            Self::Condemned => ("breakwater/condemned".to_owned(), 1),
            Self::Sweeps => ("breakwater/condemned".to_owned(), 0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// F-41, F-47.
    #[test]
    fn only_checked_names_form_a_path() {
        for bad in ["", "..", "a/b", "A", "a_b", "-a", "a-", "a\n", "ä", "a b", &"a".repeat(64)] {
            assert!(bad.parse::<HarborName>().is_err(), "{bad:?} was taken for a harbor name");
        }
        for bad in [
            "blobs/sha256/../../etc/passwd",
            "blobs/sha256/ABCD",
            "breakwater/holds/not-a-uuid.json",
            "breakwater/snapshots/h/p/20261123T221500Z-00000000000000000000000000000000.json",
            "breakwater/snapshots/h/../20261123T221500Z-00000000-0000-0000-0000-000000000000.json",
            "breakwater/snapshots/h/p/20261323T221500Z-00000000-0000-0000-0000-000000000000.json",
            "breakwater/tmp/x",
            "",
        ] {
            assert_eq!(Key::parse(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn a_key_reads_back_from_its_path() {
        let digest = Digest::of(b"x");
        let id = Uuid::from_u128(7);
        let name = PointerName::new(
            "prod".parse().unwrap(),
            "shop.web_1".parse().unwrap(),
            OffsetDateTime::from_unix_timestamp(1_800_000_000).unwrap(),
            id,
        )
        .unwrap();
        assert_eq!(name.to_string().parse::<PointerName>().unwrap(), name);
        for key in [
            Key::OciLayout,
            Key::Index,
            Key::Marker,
            Key::Object(digest),
            Key::Pointer(name),
            Key::Quarantined(digest, id),
            Key::QuarantineNote(digest, id),
            Key::Hold(id),
            Key::Condemned(id, digest),
            Key::Sweep(id),
            Key::Locks("prod".parse().unwrap(), "shop.web_1".parse().unwrap()),
        ] {
            assert_eq!(Key::parse(&key.to_string()), Some(key));
        }
    }
}
