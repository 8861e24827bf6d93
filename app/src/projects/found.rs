//! What the search finds, and whether Harbor has it.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::gaps::Gap;
use super::types::TagNow;
use crate::refusals::Refusal;
use crate::sentence::Said;
use crate::units::Moment;

/// Whether a Harbor has something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Presence {
    /// As captured: the tag with this image, or the artifact.
    Yes,
    /// The tag, with another image.
    Moved,
    /// The image, without the tag.
    Untagged,
    /// Neither.
    No,
    /// Nobody could tell.
    Unknown,
}

/// Whether a Harbor has something, and how old that answer is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct InHarbor {
    /// The answer.
    pub state: Presence,
    /// As of when: now, or the last snapshot that could see it.
    pub at: Moment,
    /// Harbor itself was asked now.
    pub live: bool,
    /// Digest the tag has there, where that was asked.
    pub digest: Option<String>,
}

impl InHarbor {
    /// The same in the words of [`TagNow`].
    #[must_use]
    pub const fn now(&self) -> TagNow {
        match self.state {
            Presence::Yes => TagNow::Same,
            Presence::Moved => TagNow::Moved,
            Presence::Untagged | Presence::No => TagNow::Gone,
            Presence::Unknown => TagNow::Unknown,
        }
    }
}

/// What a hit is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum HitRole {
    /// A tag.
    Tag,
    /// An artifact that no tag names.
    Untagged,
    /// A member of an index, without a tag of its own.
    Child,
    /// A signature, SBOM or other accessory.
    Accessory,
    /// Never captured: only a gap of the newest snapshot names it.
    Gap,
}

/// One hit of the search over all time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SearchHit {
    /// Harbor.
    pub harbor: String,
    /// Project.
    pub project: String,
    /// Repository with project.
    pub repository: String,
    /// Tag; empty for what has none.
    pub tag: String,
    /// Newest digest; empty for what was never captured.
    pub digest: String,
    /// What it is.
    pub role: HitRole,
    /// Of an accessory: the digest it is about.
    pub subject: Option<String>,
    /// It was found by the digest of its configuration, which docker calls the id of an image.
    pub by_image_id: bool,
    /// Last moment it was seen.
    pub last_seen: Moment,
    /// A moment it can be restored from; none = no snapshot holds it whole.
    pub restore_at: Option<Moment>,
    /// The same as `in_harbor`, in one word; as old as that.
    pub now: TagNow,
    /// Whether Harbor has it.
    pub in_harbor: InHarbor,
    /// What the newest snapshot lacks of it.
    pub gap: Option<Gap>,
}

/// Something to know about an answer of the search.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case", tag = "code")]
pub enum SearchNote {
    /// What was pasted names a host that is no address of a Harbor the reader sees; the rest of the name counts.
    UnknownHost {
        /// The host.
        host: String,
    },
    /// It is the address of a host and of nothing on it.
    OnlyHost {
        /// The host.
        host: String,
    },
    /// The text is longer than a name, and names no image.
    NothingNamed,
    /// A digest of another algorithm than SHA-256: images are found by their SHA-256.
    OtherAlgorithm,
    /// Too few digits of a digest.
    TooShort,
    /// The digest is known, in another place than the one named.
    Elsewhere {
        /// The digest.
        digest: String,
        /// The repository named.
        repository: String,
    },
    /// No snapshot has the digest; the name counts.
    DigestUnknown {
        /// The digest.
        digest: String,
    },
    /// No snapshot has the tag; its repository is shown.
    TagUnknown {
        /// The repository named.
        repository: String,
        /// The tag.
        tag: String,
    },
    /// No snapshot has the signature or other accessory with this tag; the image it would be about is shown.
    AccessoryUnknown {
        /// The tag.
        tag: String,
    },
    /// The Harbor whose address it is never had it; other Harbors are shown.
    OtherHarbor {
        /// The Harbor named.
        harbor: String,
    },
    /// There is more than is shown.
    More {
        /// How many are shown.
        shown: i64,
    },
    /// The Harbor could not be asked now: what it has is said as of the newest snapshot.
    NotAsked {
        /// Harbor.
        harbor: String,
        /// Why, one sentence.
        why: Said<Refusal>,
    },
}

/// What the search found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Found {
    /// Hits, at most 50; what is lost comes first.
    pub hits: Vec<SearchHit>,
    /// What to know about them, or why there are none.
    pub notes: Vec<SearchNote>,
}
