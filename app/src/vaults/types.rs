//! Where backed-up bytes live.

use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;

use super::findings::{FindingHelp, HealedBy, LeftOutWhy, Means};
use super::sentences::Standing;
use crate::harbors::types::CheckList;
use crate::sentence::Said;
use crate::units::Moment;

/// Whether a vault can be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum VaultState {
    /// Open.
    Healthy,
    /// Below its reserve of free space: reads work, new work waits.
    Full,
    /// It is only read.
    ReadOnly,
    /// It and the catalogue differ: nothing is let go or swept.
    Adrift,
    /// The folder is missing, or holds another vault.
    Missing,
    /// The folder answers with an error.
    Failing,
    /// Nobody looked at it yet.
    Unseen,
}

/// One vault.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Vault {
    /// Id.
    pub id: i64,
    /// Name, unique.
    pub name: String,
    /// Folder on the server and its workers, or what to call the bucket.
    pub path: String,
    /// The bucket, if it is in one.
    pub bucket: Option<Bucket>,
    /// How it is locked, if it is.
    pub lock: Option<Lock>,
    /// The id written in the vault itself.
    pub vault_uuid: String,
    /// State at the last look.
    pub state: VaultState,
    /// The same in a sentence.
    pub state_detail: Said<Standing>,
    /// When a worker looked at it last.
    pub looked: Option<Moment>,
    /// Bytes stored, after deduplication.
    pub stored_bytes: i64,
    /// Bytes the snapshots' images would take each on its own, newest snapshot of each project.
    pub logical_bytes: i64,
    /// Free space, if known.
    pub free_bytes: Option<i64>,
    /// Free space that backups leave alone; 0 where the free space is not known.
    pub reserve_bytes: i64,
    /// Days until it is full, where that can be foretold.
    pub days_left: Option<i64>,
    /// Snapshots kept.
    pub snapshots: i64,
    /// Open findings.
    pub findings: i64,
    /// Last verification of everything that ended.
    pub verified: Option<Moment>,
    /// Every byte was read, or stored, since.
    pub read_since: Moment,
    /// Days within which every byte is read.
    pub scrub_days: i32,
    /// Most MiB per second that are read for it; none = no limit.
    pub scrub_mib_s: Option<i64>,
    /// Since when it is only read.
    pub read_only_since: Option<Moment>,
    /// How it and the catalogue differ.
    pub drift: Option<Drift>,
    /// What the last rebuild of the catalogue from it came to.
    pub rebuilt: Option<Rebuilt>,
    /// When it was made.
    pub created: Moment,
}

/// A vault with all that its page shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VaultPage {
    /// The vault.
    pub vault: Vault,
    /// What verification found, open ones first.
    pub findings: Vec<Finding>,
    /// The newest sweeps.
    pub sweeps: Vec<Sweep>,
    /// What it takes, and how it grows.
    pub capacity: Capacity,
    /// Deleted plans whose snapshots are in it.
    pub left: Vec<crate::plans::left::Left>,
}

/// A vault in short, as the home page shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct VaultNow {
    /// Id.
    pub id: i64,
    /// Name, unique.
    pub name: String,
    /// State at the last look.
    pub state: VaultState,
    /// One sentence about the state.
    pub state_detail: Said<Standing>,
    /// When a worker looked at it last.
    pub looked: Option<Moment>,
    /// Bytes stored, after deduplication.
    pub stored_bytes: i64,
    /// Bytes the snapshots' images would take each on its own, newest snapshot of each project.
    pub logical_bytes: i64,
    /// Free space, if known.
    pub free_bytes: Option<i64>,
    /// Days until it is full, where that can be foretold.
    pub days_left: Option<i64>,
    /// Snapshots kept.
    pub snapshots: i64,
    /// Open findings.
    pub findings: i64,
    /// Last verification of everything that ended.
    pub verified: Option<Moment>,
}

/// How everything a vault writes once is locked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Lock {
    /// `governance`, or `compliance`.
    pub mode: String,
    /// Days after its moment for which a snapshot, and all it needs, is locked.
    pub days: i32,
    /// Snapshots that are locked now.
    pub snapshots: i64,
    /// When the first of these locks passes.
    pub next: Option<Moment>,
    /// When the last of them does.
    pub last: Option<Moment>,
    /// Plans whose rule keeps snapshots for longer than they are locked.
    pub outlived_by: Vec<String>,
}

/// How a vault and the catalogue differ.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Drift {
    /// Snapshots in the vault that the catalogue does not have.
    pub unknown: i64,
    /// Snapshots of the catalogue that the vault does not have.
    pub lost: i64,
    /// Snapshots that were let go and are in the vault again.
    pub returned: i64,
}

/// What a rebuild of the catalogue from a vault came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Rebuilt {
    /// When it ended.
    pub at: Moment,
    /// Its job, if a worker did it.
    pub job_id: Option<i64>,
    /// Snapshots entered.
    pub entered: i64,
    /// Snapshots of the catalogue that turned out to be in this vault too.
    pub copies: i64,
    /// Snapshots whose pointer was written again.
    pub restored: i64,
    /// Snapshots of the catalogue that this vault does not have any more.
    pub lost: i64,
    /// What could not be entered, and why; at most 200 lines.
    pub left_out: Vec<LeftOut>,
}

/// Snapshots a rebuild could not enter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LeftOut {
    /// Which.
    pub what: String,
    /// How many.
    pub count: i64,
    /// Why, and what to do.
    pub why: Said<LeftOutWhy>,
}

/// How a vault is read to see that every byte is whole.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ChangeScrub {
    /// The vault.
    pub vault_id: i64,
    /// Days within which every byte is read, 1 to 365.
    pub days: i32,
    /// Most MiB per second, 1 to 100,000; none = no limit.
    pub mib_s: Option<i64>,
}

/// What a vault takes, how it grows, and when it will be full.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Capacity {
    /// Bytes a day takes on average, less what sweeps free; none = too early to say.
    pub per_day: Option<i64>,
    /// Days until only the reserve is left; none = not foreseeable, or without a known end.
    pub days_left: Option<i64>,
    /// The last 30 days, oldest first.
    pub days: Vec<CapacityDay>,
    /// Projects, those that added most first.
    pub projects: Vec<ProjectCapacity>,
    /// Projects that are not listed.
    pub more: i64,
}

/// One day of a vault.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CapacityDay {
    /// Its beginning.
    pub day: Moment,
    /// Bytes added, without first backups of projects.
    pub added: i64,
    /// Bytes added by first backups.
    pub first: i64,
    /// Bytes sweeps freed.
    pub freed: i64,
}

/// What one project takes of a vault.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ProjectCapacity {
    /// Harbor.
    pub harbor: String,
    /// Project.
    pub project: String,
    /// The plan of its newest snapshot.
    pub plan: Option<String>,
    /// Bytes its newest snapshot protects.
    pub logical_bytes: i64,
    /// Bytes its snapshots added in 30 days.
    pub bytes_new: i64,
    /// Snapshots kept here.
    pub snapshots: i64,
}

/// The bucket a vault is in. Its secret is never told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Bucket {
    /// Address of the S3 server.
    pub endpoint: String,
    /// Whether it is spoken to in plain http.
    pub plain_http: bool,
    /// Certificate of its own authority, PEM.
    pub ca_pem: String,
    /// Region.
    pub region: String,
    /// Bucket.
    pub bucket: String,
    /// Folder in the bucket; empty for all of it.
    pub prefix: String,
    /// Whether the bucket is named in the path and not in the host.
    pub path_style: bool,
    /// Access key.
    pub access_key: String,
    /// When the secret was set, and by whom.
    pub secret_set: (Moment, String),
    /// What was tried, and how it came out.
    pub checks: CheckList,
    /// Whether it locks what it is told to lock, as far as was tried.
    pub can_lock: bool,
}

/// Some objects and their bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Amount {
    /// How many.
    pub count: i64,
    /// Their bytes.
    pub size_bytes: i64,
}

/// What one sweep did, or would have done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Sweep {
    /// Id.
    pub id: i64,
    /// Its job.
    pub job_id: i64,
    /// It only looked.
    pub dry_run: bool,
    /// When it ended.
    pub finished: Moment,
    /// Needed by a snapshot.
    pub needed: Amount,
    /// Not needed, too young to be set aside.
    pub young: Amount,
    /// Set aside by it.
    pub condemned: Amount,
    /// Set aside by an earlier one, needed after all, put back.
    pub returned: Amount,
    /// Set aside by an earlier one and deleted by it.
    pub deleted: Amount,
    /// Set aside, and not judged yet.
    pub waiting: Amount,
    /// Whose work that waits for.
    pub waiting_for: Vec<String>,
    /// Not needed, and locked.
    pub locked: Amount,
    /// Until when the last of these is.
    pub locked_until: Option<Moment>,
    /// Old versions that take room and stay.
    pub old_versions: Amount,
}

/// Wish for a sweep.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SweepForm {
    /// Look only.
    pub dry_run: bool,
    /// Go on although more than a fifth of the vault would be set aside.
    pub however_much: bool,
}

/// Fields of a refused form that come back: all but the secret.
pub const KEPT: &[&str] = &[
    "name",
    "kind",
    "path",
    "endpoint",
    "region",
    "bucket",
    "prefix",
    "access_key",
    "path_style",
    "plain_http",
    "ca_pem",
    "lock_days",
    "lock_mode",
];

/// New vault form.
#[derive(Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct NewVault {
    /// Name, `[a-z0-9-]{1,63}`.
    pub name: String,
    /// `directory`, which is also meant by nothing, or `bucket`.
    pub kind: String,
    /// Absolute folder; made if missing. An existing vault is adopted.
    pub path: String,
    /// Address of the S3 server.
    pub endpoint: String,
    /// Region; empty is `us-east-1`, which most servers of one's own accept.
    pub region: String,
    /// Bucket; it must exist.
    pub bucket: String,
    /// Folder in the bucket; empty for all of it. An existing vault is adopted.
    pub prefix: String,
    /// Access key.
    pub access_key: String,
    /// Secret key; stored encrypted and never told again.
    pub secret: String,
    /// Name the bucket in the path and not in the host.
    pub path_style: bool,
    /// Allow plain http.
    pub plain_http: bool,
    /// Certificate of its own authority, PEM.
    pub ca_pem: String,
    /// Days for which what a snapshot needs is locked, 1 to 3,650; 0 or nothing: not at all.
    #[serde(deserialize_with = "days")]
    pub lock_days: i32,
    /// `governance`, which is also meant by nothing, or `compliance`.
    pub lock_mode: String,
}

/// A number of days from a program, or from a field of a form, which may be empty. What is no number is out of range, which the backend says.
fn days<'de, D: Deserializer<'de>>(deserializer: D) -> Result<i32, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Given {
        Number(i32),
        Text(String),
    }
    Ok(match Given::deserialize(deserializer)? {
        Given::Number(days) => days,
        Given::Text(text) if text.trim().is_empty() => 0,
        Given::Text(text) => text.trim().parse().unwrap_or(-1),
    })
}

/// How a vault's bucket locks from now on.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ChangeLock {
    /// The vault.
    pub vault_id: i64,
    /// Days, 1 to 3,650; 0: nothing new is locked.
    pub lock_days: i32,
    /// `governance` or `compliance`.
    pub lock_mode: String,
}

impl std::fmt::Debug for NewVault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NewVault").field("name", &self.name).field("kind", &self.kind).finish_non_exhaustive()
    }
}

/// How a vault's bucket is reached; which bucket it is does not change.
#[derive(Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ChangeBucket {
    /// The vault.
    pub vault_id: i64,
    /// Address of the S3 server. Another one needs the secret again.
    pub endpoint: String,
    /// Region.
    pub region: String,
    /// Access key.
    pub access_key: String,
    /// Secret key; empty keeps the one that is stored.
    pub secret: String,
    /// Name the bucket in the path and not in the host.
    pub path_style: bool,
    /// Allow plain http.
    pub plain_http: bool,
    /// Certificate of its own authority, PEM.
    pub ca_pem: String,
}

impl std::fmt::Debug for ChangeBucket {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ChangeBucket").field("vault_id", &self.vault_id).finish_non_exhaustive()
    }
}

/// One thing verification found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Finding {
    /// Id.
    pub id: i64,
    /// `corrupt`, `missing`, `unreadable` …
    pub kind: String,
    /// Digest of the object.
    pub object: String,
    /// What it means.
    pub detail: Said<Means>,
    /// What to do.
    pub remedy: Said<FindingHelp>,
    /// Since when.
    pub found: Moment,
    /// When it was healed.
    pub healed: Option<Moment>,
    /// Where the object was had again, or why it is needed no more.
    pub healed_by: Option<Said<HealedBy>>,
}
