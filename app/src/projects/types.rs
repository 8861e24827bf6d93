//! Projects through time: what a harbor had at any moment that was captured.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::found::InHarbor;
use super::gaps::Gap;
use super::limits::{LimitText, NotRestorable, SpanEnd};
use super::sentences::Happened;
use crate::plans::left::Left;
use crate::refusals::Refusal;
use crate::sentence::Said;
use crate::units::Moment;

/// How a project stands against its target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Protection {
    /// The newest good snapshot is within the target.
    Met,
    /// More than three quarters of the target are used up.
    AtRisk,
    /// Older than the target.
    Missed,
    /// Captured in time, and no good snapshot is young enough: the newest has gaps that nobody accepted.
    Gaps,
    /// In a plan, not captured yet.
    Pending,
    /// In no plan.
    Unprotected,
    /// Gone from the harbor, still restorable.
    Gone,
}

/// One project of the list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Project {
    /// Harbor.
    pub harbor: String,
    /// Project.
    pub project: String,
    /// Names of the plans that have it.
    pub plans: Vec<String>,
    /// State.
    pub protection: Protection,
    /// Moment of the newest good snapshot: nothing of it is damaged, and an owner accepted each of its gaps.
    pub last_good: Option<Moment>,
    /// Accepted gaps of that one.
    pub last_good_accepted: i64,
    /// The newest snapshot, good or not.
    pub newest: Option<Newest>,
    /// Oldest moment that can be restored.
    pub oldest: Option<Moment>,
    /// Snapshots.
    pub snapshots: i64,
    /// Repositories in the newest snapshot.
    pub repositories: i64,
    /// Tags in the newest snapshot.
    pub tags: i64,
    /// Bytes of the images in the newest snapshot, each distinct blob once.
    pub bytes: i64,
    /// Strictest target of its plans, seconds.
    pub rpo_s: Option<i64>,
}

/// The newest snapshot of a project, in figures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Newest {
    /// Its moment.
    pub at: Moment,
    /// Its gaps.
    pub gaps: i64,
    /// Those of them that are accepted.
    pub gaps_accepted: i64,
    /// Damaged objects are in it.
    pub degraded: bool,
}

/// Filter of the project list.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema, IntoParams)]
pub struct ProjectFilter {
    /// Harbor name.
    #[serde(default)]
    pub harbor: Option<String>,
    /// `met`, `at_risk`, `missed`, `gaps`, `pending`, `unprotected`, `gone`.
    #[serde(default)]
    pub state: Option<String>,
    /// Part of the name.
    #[serde(default)]
    pub q: Option<String>,
    /// Cursor.
    #[serde(default)]
    pub after: Option<String>,
}

/// One snapshot on the timeline.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Snapshot {
    /// Id in the catalogue.
    pub id: i64,
    /// Digest of the snapshot index: the Merkle root over all it protects.
    pub digest: String,
    /// The moment it stands for.
    pub moment: Moment,
    /// Until when later runs found the project as it has it; the moment, where none did.
    pub until: Moment,
    /// Seconds it took.
    pub took_s: i64,
    /// Complete, or complete with named gaps.
    pub gaps: i64,
    /// Those of them that an owner accepted.
    pub gaps_accepted: i64,
    /// It counts as good: nothing of it is damaged, and each gap is accepted.
    pub good: bool,
    /// Tags that were not in the one before.
    pub added: i64,
    /// Tags that are no longer there.
    pub removed: i64,
    /// Tags that point elsewhere.
    pub moved: i64,
    /// Tags in all.
    pub tags: i64,
    /// Bytes newly stored.
    pub bytes_new: i64,
    /// Id of the vault.
    pub vault_id: i64,
    /// Holds that keep it now.
    pub holds: Vec<Hold>,
    /// Damaged objects are in it; what needs them cannot be restored.
    pub degraded: bool,
    /// Its images came from files, not from the Harbor.
    #[serde(default)]
    pub imported: bool,
    /// Names of the further vaults that have a copy.
    pub copies: Vec<String>,
}

impl Snapshot {
    /// Until when runs after it found the project as it has it; none where none did.
    #[must_use]
    pub fn confirmed(&self) -> Option<Moment> {
        (self.until > self.moment).then_some(self.until)
    }
}

/// Somebody's word that a snapshot is kept whatever the rules say.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Hold {
    /// Its number.
    pub id: i64,
    /// Why.
    pub reason: String,
    /// Login of its owner: who set it.
    pub by: String,
    /// When.
    pub at: Moment,
    /// When it ends by itself; none = never.
    pub until: Option<Moment>,
}

/// A hold of a project's snapshots, beside the moment it keeps.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HeldMoment {
    /// The snapshot.
    pub snapshot_id: i64,
    /// Its moment.
    pub moment: Moment,
    /// The hold.
    pub hold: Hold,
}

/// Keeps a snapshot.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct HoldForm {
    /// Why, 3 to 500 characters.
    pub reason: String,
    /// Its end: a day, `2026-12-31`, whose end in UTC is meant, or a moment; empty = none.
    #[serde(default)]
    pub until: String,
}

/// Tags that differ between two moments.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Changes {
    /// Moment of the earlier snapshot.
    pub from: Moment,
    /// Moment of the later one.
    pub to: Moment,
    /// Tags that came.
    pub added: i64,
    /// Tags that went.
    pub removed: i64,
    /// Tags that point elsewhere.
    pub moved: i64,
    /// The first of them by name.
    pub tags: Vec<TagChange>,
}

/// A tag at two moments; none = it was not there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TagChange {
    /// Repository with project.
    pub repository: String,
    /// Tag.
    pub tag: String,
    /// Digest at the earlier moment.
    pub was: Option<String>,
    /// Digest at the later moment.
    pub is: Option<String>,
}

/// Which settings to show.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema, IntoParams)]
pub struct SettingsQuery {
    /// Harbor.
    pub harbor: String,
    /// Project.
    pub project: String,
    /// The moment; none = the newest.
    #[serde(default)]
    pub at: Option<Moment>,
    /// The moment to compare with; none = the last one with other settings.
    #[serde(default)]
    pub against: Option<Moment>,
}

/// Settings of a project, and of its Harbor for whoever sees the estate, as a snapshot holds them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SettingsAt {
    /// Moment of the snapshot.
    pub at: Moment,
    /// Moment of the snapshot it is compared with.
    pub before: Option<Moment>,
    /// Since which snapshot they are as they are; none where another moment was chosen, or none is known.
    pub since: Option<Moment>,
    /// Whether the snapshot has settings.
    pub captured: bool,
    /// Lines that are different.
    pub changes: i64,
    /// Members, labels, rules …
    pub parts: Vec<SettingsPart>,
}

/// One part of the settings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SettingsPart {
    /// `members`, `labels`, `webhooks` …
    pub name: String,
    /// Of the Harbor, not of the project.
    pub of_harbor: bool,
    /// The right the backup login lacks to read it.
    pub unreadable: Option<String>,
    /// Each single setting.
    pub lines: Vec<SettingLine>,
    /// Settings that are not listed here.
    pub more: i64,
}

/// One setting at both moments; none = it was not there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SettingLine {
    /// Its path: `gold · color`.
    pub name: String,
    /// Then.
    pub was: Option<String>,
    /// Now, that is, at the moment shown.
    pub is: Option<String>,
}

/// A place of which nobody can tell from outside whether everything in it was seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Limit {
    /// What sort: `hidden_untagged`, `asked_in_part`.
    pub kind: String,
    /// Repository or project.
    pub subject: String,
    /// What was asked, and what may be left.
    pub text: Said<LimitText>,
}

/// Something that happened, for the lanes of the ribbon.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TimelineEvent {
    /// When.
    pub at: Moment,
    /// `restore`, `run_failed`, `paused`, `tags_gone`.
    pub kind: String,
    /// What.
    pub text: Said<Happened>,
    /// Page to look at.
    pub link: Option<String>,
}

/// The timeline of a project at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Timeline {
    /// The project.
    pub project: Project,
    /// The moment looked at: the snapshot at or before the one asked for.
    pub at: Option<Snapshot>,
    /// Snapshot before that one.
    pub before: Option<Moment>,
    /// Snapshot after it.
    pub after: Option<Moment>,
    /// Start of the window shown.
    pub from: Moment,
    /// End of the window shown.
    pub to: Moment,
    /// Snapshots of the window, oldest first; at most 400, evenly thinned beyond, which `thinned` says.
    pub snapshots: Vec<Snapshot>,
    /// Snapshots were left out of the window for its width.
    pub thinned: bool,
    /// Events of the window, oldest first.
    pub events: Vec<TimelineEvent>,
    /// Gaps of the moment's snapshot, open ones first.
    pub gaps: Vec<Gap>,
    /// What the reader may do here.
    pub may: MayHere,
    /// Holds of the project, the one that ends first leads.
    pub holds: Vec<HeldMoment>,
    /// Deleted plans that made snapshots of this project, and what becomes of those.
    pub left: Vec<Left>,
    /// Where the registry may hold more than the moment's snapshot could see.
    #[serde(default)]
    pub limits: Vec<Limit>,
    /// When the content of the moment's snapshot was listed, if it was taken as unchanged since: labels put on later are not in it.
    #[serde(default)]
    pub listed: Option<Moment>,
    /// Next run of a plan that has the project.
    pub next_run: Option<Moment>,
}

/// What the reader may do with the snapshots of a project.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MayHere {
    /// Hold a snapshot.
    pub hold: bool,
    /// Release the holds of others.
    pub release: bool,
    /// Accept a gap.
    pub accept: bool,
}

/// Differences between a captured moment and the harbor now, by repository.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LiveDiff {
    /// When the harbor was read; none if it could not be.
    pub read_at: Option<Moment>,
    /// Why the harbor could not be read.
    pub error: Option<Said<Refusal>>,
    /// Repositories with differences, most missing first.
    pub repositories: Vec<RepositoryDiff>,
    /// Repositories without a difference.
    pub same: i64,
    /// Tags missing now.
    pub missing: i64,
    /// Tags that point elsewhere now.
    pub moved: i64,
    /// Tags that are new since.
    pub new: i64,
}

/// Differences in one repository.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RepositoryDiff {
    /// Name with project.
    pub repository: String,
    /// Tags missing now, by name; at most 200.
    pub missing: Vec<String>,
    /// Tags missing now in all.
    pub missing_total: i64,
    /// Tags that point elsewhere now, by name; at most 200.
    pub moved: Vec<String>,
    /// Tags that point elsewhere now in all.
    pub moved_total: i64,
    /// Count of tags that are new since.
    pub new: i64,
}

/// One repository at a moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RepositoryAt {
    /// Name with project.
    pub repository: String,
    /// Tags.
    pub tags: i64,
    /// Artifacts, untagged and accessories too.
    pub artifacts: i64,
    /// Gone in the newest snapshot.
    pub gone: bool,
    /// Gaps that are about it or something in it, in the snapshot looked at.
    pub gaps: i64,
}

/// One tag at a moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TagAt {
    /// Repository with project.
    pub repository: String,
    /// Tag.
    pub tag: String,
    /// Digest it pointed to.
    pub digest: String,
    /// `IMAGE`, `CHART` …
    pub kind: String,
    /// Bytes of the artifact.
    pub size_bytes: i64,
    /// Since when it pointed there, as captured.
    pub since: Moment,
    /// Signatures, SBOMs and other accessories.
    pub accessories: i64,
    /// What became of it, as of [`Browse::now_at`]: the same digest, another one, or none.
    pub now: TagNow,
    /// What the snapshot looked at lacks of it.
    pub gap: Option<Gap>,
}

/// What became of a tag: by Harbor itself where it was asked, else as the newest snapshot has it, which is said beside it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum TagNow {
    /// The same digest.
    Same,
    /// Another digest.
    Moved,
    /// Not there.
    Gone,
    /// Nobody could tell.
    Unknown,
}

/// What a project held at a moment: repositories, and the tags of one of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Browse {
    /// The snapshot looked at.
    pub at: Snapshot,
    /// Repositories, by name, up to 200; `repositories_more` beyond.
    pub repositories: Vec<RepositoryAt>,
    /// More repositories than shown; narrow by `q`.
    pub repositories_more: bool,
    /// Repository open now.
    pub repository: Option<String>,
    /// Tags of it, by name.
    pub tags: Vec<TagAt>,
    /// Cursor of the next page of tags.
    pub tags_next: Option<String>,
    /// Tags of the repository in all.
    pub tags_total: i64,
    /// Gaps of the repository that are about nothing shown: what was never captured.
    pub gaps: Vec<Gap>,
    /// What `now` of a tag is as of: now, where Harbor was asked, else the newest snapshot.
    pub now_at: Moment,
    /// Harbor itself was asked.
    pub now_live: bool,
}

/// Question of a browse page.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema, IntoParams)]
pub struct BrowseQuery {
    /// Harbor.
    pub harbor: String,
    /// Project.
    pub project: String,
    /// Moment; none = newest.
    #[serde(default)]
    pub at: Option<Moment>,
    /// Repository to open.
    #[serde(default)]
    pub repo: Option<String>,
    /// Part of a tag or repository name.
    #[serde(default)]
    pub q: Option<String>,
    /// `gone` or `moved`: only those.
    #[serde(default)]
    pub only: Option<String>,
    /// Cursor.
    #[serde(default)]
    pub after: Option<String>,
    /// `false`: as the snapshots say, without asking Harbor which of the tags it has now.
    #[serde(default)]
    pub live: Option<bool>,
}

/// One stretch of a tag's history.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TagSpan {
    /// Digest.
    pub digest: String,
    /// First snapshot that saw it.
    pub from: Moment,
    /// First snapshot that no longer did; none = the newest one still has it, which says nothing of Harbor now: see [`TagHistory::in_harbor`].
    pub to: Option<Moment>,
    /// Why it ended, or that it was never in this Harbor.
    pub ended: Option<Said<SpanEnd>>,
    /// Kind.
    pub kind: String,
    /// Bytes.
    pub size_bytes: i64,
    /// Platforms, for an index.
    pub platforms: Vec<String>,
    /// Accessories.
    pub accessories: i64,
    /// Snapshots that hold it.
    pub snapshots: i64,
    /// Whether it can be restored; if not, why.
    pub not_restorable: Option<Said<NotRestorable>>,
    /// A moment to restore it from.
    pub restore_at: Moment,
}

/// The history of one tag.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TagHistory {
    /// Harbor.
    pub harbor: String,
    /// Project.
    pub project: String,
    /// Repository with project.
    pub repository: String,
    /// Tag.
    pub tag: String,
    /// Stretches, newest first.
    pub spans: Vec<TagSpan>,
    /// Digest in the harbor now; none = not there, or `live_error`.
    pub live: Option<String>,
    /// Why the harbor could not be read.
    pub live_error: Option<Said<Refusal>>,
    /// Whether Harbor has the tag with its newest image; none = it was never captured.
    pub in_harbor: Option<InHarbor>,
    /// What the newest snapshot lacks of it.
    pub gap: Option<Gap>,
    /// First and last snapshot of the project, the edges of what can be known.
    pub known_from: Option<Moment>,
    /// Newest snapshot.
    pub known_to: Option<Moment>,
}

/// The parts of one artifact, read from the vault.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ArtifactDetail {
    /// Digest.
    pub digest: String,
    /// Media type of the manifest.
    pub media_type: String,
    /// Bytes of the manifest as text, exactly as stored.
    pub manifest: String,
    /// Configuration as text, if it is JSON of at most 256 KiB.
    pub config: Option<String>,
    /// Layers: digest, media type, size.
    pub layers: Vec<(String, String, i64)>,
    /// Members of an index: digest, platform.
    pub children: Vec<(String, String)>,
    /// Accessories: digest, kind.
    pub accessories: Vec<(String, String)>,
    /// Tags that ever named it in this repository.
    pub tags: Vec<String>,
}
