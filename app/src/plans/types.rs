//! Plans: scope, schedule, vault, targets.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::basis::Basis;
use super::sentences::{KeepReason, PlanWarning, Schedule};
use crate::jobs::failures::Failure;
use crate::refusals::Refusal;
use crate::sentence::Said;
use crate::units::{Moment, Page};

/// How one day of a plan went; the worst wins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DayState {
    /// The plan did not exist yet.
    BeforeStart,
    /// Nothing was due.
    Idle,
    /// All runs good.
    Good,
    /// A run is on.
    Running,
    /// A run ended with gaps.
    Gaps,
    /// A run was due and did not happen.
    Missed,
    /// A run failed.
    Failed,
}

/// How much a plan keeps of each project. Zero everywhere keeps everything.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Keep {
    /// The newest, whatever their age.
    pub last: u32,
    /// One for each of so many hours that have one.
    pub hourly: u32,
    /// Days.
    pub daily: u32,
    /// ISO weeks.
    pub weekly: u32,
    /// Months.
    pub monthly: u32,
    /// Years.
    pub yearly: u32,
    /// All that are at most so many days older than the newest complete one.
    pub within_days: u32,
}

impl Keep {
    /// Whether it keeps everything.
    #[must_use]
    pub fn is_all(&self) -> bool {
        *self == Self::default()
    }
}

/// A snapshot under a rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Kept {
    /// Project.
    pub project: String,
    /// Its moment.
    pub at: Moment,
    /// Why it is kept; none = the rule lets it go.
    pub reasons: Vec<Said<KeepReason>>,
}

/// What a rule does to the snapshots there are, and what it comes to in the long run.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Retention {
    /// Snapshots of the plan there are.
    pub snapshots: i64,
    /// Of these, how many the rule lets go.
    pub go: i64,
    /// Those that would go first, then those that stay, newest first, shortened.
    pub shown: Vec<Kept>,
    /// Snapshots of each project once the rule has worked for years.
    pub in_the_long_run: i64,
    /// Age of the oldest of them, days.
    pub oldest_days: i64,
    /// Until when a changed rule lets nothing go.
    pub acts_from: Option<Moment>,
}

/// One plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Plan {
    /// Id.
    pub id: i64,
    /// Name, unique.
    pub name: String,
    /// Name of the harbor.
    pub harbor: String,
    /// Id of the vault.
    pub vault_id: i64,
    /// Name of the vault.
    pub vault: String,
    /// Project globs to include, one each.
    pub include: Vec<String>,
    /// Project globs to leave out.
    pub exclude: Vec<String>,
    /// Five cron fields.
    pub cron: String,
    /// IANA time zone the schedule is in.
    pub zone: String,
    /// The schedule in words.
    pub schedule_words: Said<Schedule>,
    /// Target: newest good snapshot not older than this, seconds.
    pub rpo_s: i64,
    /// Paused, since when, by whom and why.
    pub paused: Option<Paused>,
    /// Next run.
    pub next: Option<Moment>,
    /// Last run that ended good.
    pub last_good: Option<Moment>,
    /// Run going on now, and its job.
    pub running_job: Option<i64>,
    /// Job of a run that was asked for meanwhile and begins when that one is over.
    #[serde(default)]
    pub next_job: Option<i64>,
    /// Projects in scope at the last listing.
    pub projects: i64,
    /// The last 30 days, oldest first.
    pub days: Vec<DayState>,
    /// How much it keeps.
    pub keep: Keep,
    /// Hours after which a run lists everything again, whatever the hints say.
    pub full_every_h: i32,
    /// Bytes the newest snapshots of its projects protect.
    pub logical_bytes: i64,
    /// Bytes its runs of the last 30 days stored.
    pub added_bytes: i64,
    /// Further vaults its snapshots are copied to.
    pub copies: Vec<Copies>,
    /// Version, raised at each change; a form posts it back.
    pub version: i64,
    /// Whether only what concerns the caller's own projects is told: those it covers in place of its patterns, and nothing of vaults.
    #[serde(default)]
    pub outline: bool,
}

impl Plan {
    /// What somebody may know who has a role on `projects` of those it covers.
    #[must_use]
    pub fn outlined(self, projects: Vec<String>) -> Self {
        Self {
            projects: i64::try_from(projects.len()).unwrap_or(i64::MAX),
            include: projects,
            exclude: Vec::new(),
            vault_id: 0,
            vault: String::new(),
            logical_bytes: 0,
            added_bytes: 0,
            copies: Vec::new(),
            outline: true,
            ..self
        }
    }
}

/// A plan with all that its page shows.
#[derive(Debug, Clone)]
pub struct PlanPage {
    /// The plan.
    pub plan: Plan,
    /// A page of its runs, newest first.
    pub runs: Page<Run>,
    /// What its rule would do.
    pub retention: Retention,
}

/// What the form of a plan chooses from.
#[derive(Debug, Clone)]
pub struct PlanFormPage {
    /// The plan that is changed; none: a new one.
    pub plan: Option<Plan>,
    /// Harbors.
    pub harbors: Vec<crate::harbors::types::Harbor>,
    /// Vaults.
    pub vaults: Vec<crate::vaults::types::Vault>,
}

/// How the copies of a plan in a further vault stand.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Copies {
    /// Id of that vault.
    pub vault_id: i64,
    /// Its name.
    pub vault: String,
    /// Snapshots that are whole there.
    pub copied: i64,
    /// Snapshots that are not there yet.
    pub waiting: i64,
    /// Bytes the copies there had to store.
    pub bytes_new: i64,
    /// Moment of the newest one there.
    pub newest: Option<Moment>,
    /// The last job that copied, or copies.
    pub job_id: Option<i64>,
    /// Whether that job is queued or running.
    pub working: bool,
    /// Why its last try failed.
    pub error: Option<Said<Failure>>,
}

/// A pause of a plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Paused {
    /// Since.
    pub since: Moment,
    /// Until, when it resumes by itself.
    pub until: Option<Moment>,
    /// By whom.
    pub by: String,
    /// Why.
    pub reason: String,
}

/// Form of a new or changed plan.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PlanForm {
    /// Plan to change; none = a new one.
    #[serde(default)]
    pub plan_id: Option<i64>,
    /// Version the form was made from.
    #[serde(default)]
    pub version: Option<i64>,
    /// Name.
    pub name: String,
    /// Name of the harbor.
    pub harbor: String,
    /// Vault.
    #[serde(default)]
    pub vault_id: Option<i64>,
    /// Ids of further vaults, which get a copy of each snapshot.
    #[serde(default)]
    pub copies: Vec<i64>,
    /// Globs to include, one a line.
    pub include: String,
    /// Globs to leave out, one a line.
    #[serde(default)]
    pub exclude: String,
    /// Five cron fields.
    pub cron: String,
    /// IANA time zone.
    pub zone: String,
    /// Target age, hours.
    pub rpo_hours: i64,
    /// Hours after which a run lists everything again; 0 = 24.
    #[serde(default)]
    pub full_every_h: i32,
    /// How much to keep: see [`Keep`]. All zero keeps everything.
    #[serde(default)]
    pub keep_last: u32,
    /// Hours.
    #[serde(default)]
    pub keep_hourly: u32,
    /// Days.
    #[serde(default)]
    pub keep_daily: u32,
    /// Weeks.
    #[serde(default)]
    pub keep_weekly: u32,
    /// Months.
    #[serde(default)]
    pub keep_monthly: u32,
    /// Years.
    #[serde(default)]
    pub keep_yearly: u32,
    /// All of so many days.
    #[serde(default)]
    pub keep_within_days: u32,
}

impl PlanForm {
    /// The rule of the form.
    #[must_use]
    pub const fn keep(&self) -> Keep {
        Keep {
            last: self.keep_last,
            hourly: self.keep_hourly,
            daily: self.keep_daily,
            weekly: self.keep_weekly,
            monthly: self.keep_monthly,
            yearly: self.keep_yearly,
            within_days: self.keep_within_days,
        }
    }
}

/// What a plan form would do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PlanPreview {
    /// Projects that match now.
    pub matched: Vec<ProjectMatch>,
    /// Projects that do not match.
    pub left_out: Vec<String>,
    /// Repositories in the matched ones.
    pub repositories: i64,
    /// When the harbor was read.
    pub read_at: Option<Moment>,
    /// Why the harbor could not be read; then the lists are from the last listing.
    pub stale: Option<Said<Refusal>>,
    /// Next five runs.
    pub next_runs: Vec<NextRun>,
    /// The schedule in words.
    pub schedule_words: Said<Schedule>,
    /// What the retention rule does.
    pub retention: Retention,
    /// Things to know: target shorter than the interval, scope empty …
    pub warnings: Vec<Said<PlanWarning>>,
}

/// A run to come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NextRun {
    /// When.
    pub at: Moment,
    /// The same in the plan's zone: `Tue 2026-11-24 03:00 +08:00`.
    pub local: String,
    /// The zone's clock changes between the run before and this one.
    pub clock_change: bool,
}

/// A project a scope matches.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ProjectMatch {
    /// Project.
    pub project: String,
    /// Repositories in it.
    pub repositories: i64,
    /// Plans that have it already.
    pub in_plans: Vec<String>,
}

/// How one run of a plan went.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Run {
    /// Id.
    pub id: i64,
    /// Its job.
    pub job_id: i64,
    /// `schedule`, `user` or `api`.
    pub trigger: String,
    /// `queued`, `running`, `good`, `gaps`, `failed`, `cancelled`.
    pub state: String,
    /// Start.
    pub started: Option<Moment>,
    /// End.
    pub finished: Option<Moment>,
    /// Projects done and in all.
    pub projects_done: i64,
    /// Projects in all.
    pub projects: i64,
    /// Bytes read from the harbor.
    pub bytes_new: i64,
    /// Requests sent to the harbor.
    pub requests: i64,
    /// Gaps named.
    pub gaps: i64,
    /// What its first look at the harbor rested on; none: it did not look yet.
    pub hint: Option<Said<Basis>>,
    /// Versions of the Harbor it spoke with, in their order: one, or two where the Harbor was upgraded meanwhile. None: it did not say.
    pub harbor_versions: Vec<String>,
    /// Projects it took as unchanged and whose newest snapshots it confirmed without listing them.
    pub projects_unchanged: i64,
    /// Why it failed.
    pub error: Option<Said<Failure>>,
}
