//! The types of an effect plan, its hash, and what can be told from it alone.

use std::fmt;

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use vault::HarborName;
use vault::tree::Gap;
use vocab::{Digest, ProjectName, RepositoryName, Tag};

use super::warning::Warning;

/// Version of the effect's canonical form; a change of it voids every vote.
pub const EFFECT_VERSION: u32 = 2;

/// What to do where a tag points to another image now.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnConflict {
    /// Leave the registry as it is.
    #[default]
    Leave,
    /// Move the tag back; today's image keeps a tag of its own.
    Move,
    /// Restore under a new name.
    Rename,
}

/// How to restore.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Policy {
    /// Where a tag points elsewhere.
    pub on_conflict: OnConflict,
    /// Signatures, SBOMs and other accessories come along.
    pub accessories: bool,
    /// With [`OnConflict::Move`]: today's image gets `<tag>-<suffix>`; empty lets it go untagged.
    pub keep_suffix: String,
    /// With [`OnConflict::Rename`]: the restored image gets `<tag>-<suffix>`.
    pub rename_suffix: String,
    /// Tag for images that have none, so that no garbage collection takes them; several of one repository get `<tag>-<12 digits>`. Empty
    /// leaves them without one.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub digest_tag: String,
}

/// Where the bytes come from. Not part of the hash: the digests are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Source {
    /// Harbor the snapshot is of.
    pub harbor: HarborName,
    /// Snapshot index.
    pub snapshot: Digest,
    /// Project the snapshot is of.
    pub project: ProjectName,
    /// Its moment.
    #[serde(with = "time::serde::rfc3339")]
    pub moment: OffsetDateTime,
}

/// What a restore would do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "super::stored::Stored")]
pub struct EffectPlan {
    /// [`EFFECT_VERSION`].
    pub version: u32,
    /// Target harbor.
    pub harbor: HarborName,
    /// Target project.
    pub target_project: ProjectName,
    /// Whether the project is made first.
    pub creates_project: bool,
    /// Whether a project made here is public.
    pub project_public: bool,
    /// Whether everything of a snapshot was asked for.
    pub whole_project: bool,
    /// The policy it was made with.
    pub policy: Policy,
    /// Lines in the order in which they are written: by repository; within one the image pushed first before the one pushed later, the
    /// tags of an image together, and what is about it after them.
    pub items: Vec<EffectItem>,
    /// Where the bytes come from.
    pub source: Source,
    /// How much there is to send; not part of the hash.
    pub estimate: Estimate,
    /// What the snapshot lacks of what was asked for; not part of the hash.
    #[serde(default)]
    pub gaps: Vec<Gap>,
    /// Things to know before deciding; not part of the hash.
    pub warnings: Vec<Warning>,
}

/// One line: a tag, an artifact without one, or an accessory (a signature, an SBOM or the like), each of these once, however many tags its
/// subject has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EffectItem {
    /// Repository in the snapshot.
    pub source_repository: RepositoryName,
    /// Tag in the snapshot.
    pub source_tag: Option<Tag>,
    /// Repository in the target.
    pub repository: RepositoryName,
    /// Tag in the target; none = by digest.
    pub tag: Option<Tag>,
    /// What the tag points to now; for an untagged artifact its digest if the registry has it; for a signature that Harbor links by a tag,
    /// what that tag points to.
    pub now: Option<Digest>,
    /// What it will point to.
    pub then: Digest,
    /// Media type of that manifest; empty for one that is read from the registry itself.
    pub media_type: String,
    /// What happens.
    pub effect: Effect,
    /// Whether a rule makes the tag immutable once it is there.
    pub immutable: bool,
    /// What it is about, of an accessory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accessory: Option<AccessoryOf>,
    /// The accessory it comes along for: nobody asked for it, and without it that one would be of no use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub brought_for: Option<Digest>,
}

/// What an accessory is about, and how Harbor is told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccessoryOf {
    /// The artifact it is about.
    pub subject: Digest,
    /// Harbor's word for it: `signature.cosign`, `sbom.harbor` …; of what only a tag's name ties to its subject, [`BY_NAME`].
    pub kind: String,
    /// How the two are tied together.
    pub link: Link,
}

/// Kind of an accessory that Harbor does not know as one: cosign's attestations and SBOMs under `sha256-<hex>.att` and `.sbom`.
pub const BY_NAME: &str = "by_name";

/// How an accessory is tied to its subject.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "by", rename_all = "snake_case")]
pub enum Link {
    /// Its manifest names the subject.
    Subject,
    /// Harbor links it when it is put by this tag of cosign's.
    Tag {
        /// `sha256-<hex>.sig`.
        tag: Tag,
        /// The newer signature that has the tag now, and gets it back.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        back_to: Option<Digest>,
    },
    /// The name of its tag is all there is.
    Name,
}

/// What happens to one line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Effect {
    /// It is missing and will be made.
    Create,
    /// It points elsewhere and will be moved.
    Move {
        /// Tag that keeps today's image.
        keep_as: Option<Tag>,
    },
    /// It is the same, and Harbor cannot give all of it back: what is missing is sent again.
    Mend,
    /// Nothing to do for it.
    Skip {
        /// Why.
        reason: SkipReason,
    },
    /// Cannot be done.
    Blocked {
        /// Why.
        reason: BlockReason,
        /// What helps, in English: part of what is hashed since version 1. People are told by the reason.
        remedy: String,
    },
}

/// Why a line is left as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SkipReason {
    /// The tag points to this very image.
    Same,
    /// It points elsewhere, and the policy leaves it.
    Left,
    /// The restore that is undone made it, and nothing is taken away.
    Stays,
}

impl fmt::Display for SkipReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Same => "it is the same already",
            Self::Left => "it points to another image now, and that is left as it is",
            Self::Stays => "the restore made this tag and it stays; delete it in Harbor if it is not wanted",
        })
    }
}

/// Why a line cannot be done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "code", rename_all = "snake_case")]
#[non_exhaustive]
pub enum BlockReason {
    /// The tag exists, points elsewhere and may not move.
    Immutable,
    /// The name it should get instead is taken by another image.
    NameTaken {
        /// That name.
        tag: String,
    },
    /// The target is a cache of another registry.
    ProxyCache,
    /// Harbor takes no writes.
    ReadOnly,
    /// The project's quota does not suffice.
    Quota,
    /// The login may not push.
    NoPushRight,
    /// The project does not exist and the login may not make it.
    NoProjectRight,
    /// The vault lacks or cannot read a part of it.
    Damaged {
        /// The object.
        object: Digest,
    },
    /// What it is about is not in the target and does not come along.
    NoSubject {
        /// What it is about.
        subject: Digest,
    },
    /// Harbor links it by a tag that may not be written again.
    CannotLink {
        /// That tag.
        tag: String,
    },
    /// Harbor has it from a repository that was deleted, gives it out by digest alone, and takes no tag for it.
    LeftOver,
    /// Harbor has other bytes for a part of it, which no push replaces.
    Spoilt {
        /// The part.
        object: Digest,
    },
    /// What the tag pointed to is in the registry no more, and not in this vault.
    Gone {
        /// That image.
        object: Digest,
        /// Moment of a snapshot in another vault that has it.
        #[serde(default, with = "time::serde::rfc3339::option", skip_serializing_if = "Option::is_none")]
        elsewhere: Option<OffsetDateTime>,
    },
    /// What it is about cannot be restored itself.
    SubjectBlocked {
        /// What it is about.
        subject: Digest,
    },
}

impl BlockReason {
    /// A stable word.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Immutable => "immutable",
            Self::NameTaken { .. } => "name_taken",
            Self::ProxyCache => "proxy_cache",
            Self::ReadOnly => "read_only",
            Self::Quota => "quota",
            Self::NoPushRight => "no_push_right",
            Self::NoProjectRight => "no_project_right",
            Self::Damaged { .. } => "damaged",
            Self::NoSubject { .. } => "no_subject",
            Self::CannotLink { .. } => "cannot_link",
            Self::LeftOver => "left_over",
            Self::Spoilt { .. } => "spoilt",
            Self::Gone { .. } => "gone",
            Self::SubjectBlocked { .. } => "subject_blocked",
        }
    }
}

impl fmt::Display for BlockReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Immutable => f.write_str("the tag is immutable and points to another image"),
            Self::NameTaken { tag } => write!(f, "the tag {tag} is taken by another image"),
            Self::ProxyCache => f.write_str("the project is a cache of another registry"),
            Self::ReadOnly => f.write_str("Harbor is in read-only mode"),
            Self::Quota => f.write_str("the project's quota does not suffice"),
            Self::NoPushRight => f.write_str("the restore login may not push to the project"),
            Self::NoProjectRight => f.write_str("the project does not exist and the restore login may not make projects"),
            Self::Damaged { object } => write!(f, "the vault cannot give {} back", object.short()),
            Self::NoSubject { subject } | Self::SubjectBlocked { subject } => {
                write!(f, "{}, which it is about, is not there and does not come along", subject.short())
            }
            Self::CannotLink { tag } => {
                write!(f, "Harbor links this signature only when it is put by the tag {tag}, which an immutable rule keeps for another")
            }
            Self::LeftOver => f.write_str(
                "Harbor keeps it from a repository that was deleted, gives it out by its digest alone, and shows no tag that is put on it",
            ),
            Self::Gone { object, .. } => write!(f, "it pointed to {}, and Harbor has removed that image", object.short()),
            Self::Spoilt { object } => {
                write!(f, "Harbor has other bytes for {}, and takes none in their place", object.short())
            }
        }
    }
}

/// How much there is to send, as far as it was looked at.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Estimate {
    /// Bytes of blobs the target project lacks.
    pub bytes_to_send: u64,
    /// Bytes of blobs Harbor still has, in the repository or to mount from another.
    pub bytes_present: u64,
    /// Blobs not looked up, because there were too many.
    pub blobs_unknown: u64,
    /// Their bytes.
    pub bytes_unknown: u64,
    /// Manifests to write.
    pub manifests_to_put: u64,
}

/// Lines by effect.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Tags made.
    pub creates: u64,
    /// Tags moved.
    pub moves: u64,
    /// Images that are there and lack parts, which are sent again.
    #[serde(default)]
    pub mends: u64,
    /// Artifacts made that have no tag.
    pub untagged: u64,
    /// Accessories made or linked.
    pub accessories: u64,
    /// Lines left as they are, of whatever kind.
    pub skips: u64,
    /// Lines that cannot be done, of whatever kind.
    pub blocked: u64,
}

impl Counts {
    /// Lines that write.
    #[must_use]
    pub const fn writes(&self) -> u64 {
        self.creates + self.moves + self.mends + self.untagged + self.accessories
    }
}

impl EffectItem {
    /// The tag, or the digest of an untagged artifact.
    #[must_use]
    pub fn reference(&self) -> String {
        self.tag.as_ref().map_or_else(|| self.then.to_string(), ToString::to_string)
    }

    /// `repository:tag` or `repository@digest`, as one pulls it.
    #[must_use]
    pub fn display(&self) -> String {
        match &self.tag {
            Some(tag) => format!("{}:{tag}", self.repository),
            None => format!("{}@{}", self.repository, self.then),
        }
    }

    /// Whether the image is read from the registry itself, which had it when the plan was made; perhaps no vault has it.
    #[must_use]
    pub const fn is_from_registry(&self) -> bool {
        self.media_type.is_empty()
    }

    /// Whether anything is written for it.
    #[must_use]
    pub fn writes(&self) -> bool {
        matches!(self.effect, Effect::Create | Effect::Move { .. } | Effect::Mend)
    }
}

/// What the hash is over: everything that says what will be written, in canonical JSON.
#[derive(Serialize)]
struct Effects<'a> {
    version: u32,
    harbor: &'a HarborName,
    target_project: &'a ProjectName,
    creates_project: bool,
    project_public: bool,
    whole_project: bool,
    policy: &'a Policy,
    items: &'a [EffectItem],
}

impl EffectPlan {
    /// SHA-256 over the canonical JSON of the effect. Votes bind to it.
    #[must_use]
    pub fn hash(&self) -> Digest {
        let effects = Effects {
            version: self.version,
            harbor: &self.harbor,
            target_project: &self.target_project,
            creates_project: self.creates_project,
            project_public: self.creates_project && self.project_public,
            whole_project: self.whole_project,
            policy: &self.policy,
            items: &self.items,
        };
        let value = serde_json::to_value(&effects).expect("strings, integers and lists always have a JSON form");
        let bytes = vault::tree::canonical_json(&value).expect("a JSON value always has a text");
        Digest::of(&bytes)
    }

    /// Lines by effect.
    #[must_use]
    pub fn counts(&self) -> Counts {
        let mut counts = Counts::default();
        for item in &self.items {
            match item.effect {
                Effect::Create | Effect::Move { .. } if item.accessory.is_some() => counts.accessories += 1,
                Effect::Create if item.tag.is_none() => counts.untagged += 1,
                Effect::Create => counts.creates += 1,
                Effect::Move { .. } => counts.moves += 1,
                Effect::Mend => counts.mends += 1,
                Effect::Skip { .. } => counts.skips += 1,
                Effect::Blocked { .. } => counts.blocked += 1,
            }
        }
        counts
    }

    /// Whether anything would be written.
    #[must_use]
    pub fn writes(&self) -> bool {
        self.items.iter().any(EffectItem::writes)
    }

    /// Whether `fresh`, made just now, is this plan with a part of it done already: what a restore that broke off and is taken up
    /// again may find. Votes for this plan then still cover what is left.
    #[must_use]
    pub fn covers(&self, fresh: &Self) -> bool {
        let same_frame = self.version == fresh.version
            && self.harbor == fresh.harbor
            && self.target_project == fresh.target_project
            && (self.creates_project || !fresh.creates_project)
            && self.policy == fresh.policy
            && self.items.len() == fresh.items.len();
        same_frame && self.items.iter().zip(&fresh.items).all(|(approved, now)| approved.covers(now))
    }
}

impl EffectItem {
    fn covers(&self, fresh: &Self) -> bool {
        let subject = |item: &Self| item.accessory.as_ref().map(|accessory| accessory.subject);
        let same_thing = self.repository == fresh.repository && self.then == fresh.then && subject(self) == subject(fresh);
        // Whose tag an accessory gets may look otherwise once some of them are there; that it is put and linked was voted for.
        if self.accessory.is_some() && self.writes() {
            return same_thing && !matches!(fresh.effect, Effect::Blocked { .. });
        }
        let same_thing = same_thing && self.tag == fresh.tag;
        let done = self.writes() && fresh.effect == (Effect::Skip { reason: SkipReason::Same });
        let kept = matches!((&self.effect, &fresh.effect), (Effect::Move { .. }, Effect::Move { .. })) && self.now == fresh.now;
        same_thing && (done || kept || (self.effect == fresh.effect && self.now == fresh.now))
    }
}
