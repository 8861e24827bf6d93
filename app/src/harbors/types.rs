//! Registered Harbor instances.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::checks::{Advice, Detail, Heading};
use super::sentences::{Contact, StagingTrouble};
use crate::sentence::Said;
use crate::units::Moment;

/// Whether a harbor answered last time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum HarborState {
    /// Never asked yet.
    Unknown,
    /// Answered, and the login is good.
    Healthy,
    /// Answered, but the login is refused or lacks a right.
    Refused,
    /// Did not answer.
    Unreachable,
}

/// One harbor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Harbor {
    /// Id.
    pub id: i64,
    /// Name, `[a-z0-9-]{1,63}`, unique; used in addresses.
    pub name: String,
    /// Base address, without credentials.
    pub url: String,
    /// Version it says it has.
    pub version: Option<String>,
    /// State at the last contact.
    pub state: HarborState,
    /// What the last contact came to; none: there was none, or it is not for the caller.
    pub state_detail: Option<Said<Contact>>,
    /// Last contact.
    pub checked: Option<Moment>,
    /// Login used for backup.
    pub read_login: String,
    /// Login used for restore; none = the backup login, or backup only.
    pub write_login: Option<String>,
    /// Whether a restore can be made with what is known.
    pub can_restore: bool,
    /// Plain http is in use, allowed by an operator.
    pub plain_http: bool,
    /// Projects seen at the last listing.
    pub projects: i64,
    /// Projects in a plan.
    pub projects_protected: i64,
    /// Caps on what backups read, a line each: `08:00-18:00 20 MiB/s`.
    pub bandwidth: Vec<String>,
    /// Time zone of these hours.
    pub bandwidth_zone: String,
    /// How images that a policy blocks are read, if they are.
    pub staging: Staging,
    /// What the harbor told of the logins' robots when it was last asked.
    #[serde(default)]
    pub logins: Vec<LoginState>,
    /// When the secret was set, and by whom.
    pub secret_set: Option<(Moment, String)>,
    /// Whether only what concerns the caller's own projects is told: no logins, no answers to them, nothing of staging, and counts of those projects.
    #[serde(default)]
    pub outline: bool,
}

impl Harbor {
    /// What somebody may know who has a role on some of its projects, of which `projects` are listed and `covered` are in a plan.
    #[must_use]
    pub fn outlined(self, projects: i64, covered: i64) -> Self {
        Self {
            read_login: String::new(),
            write_login: None,
            bandwidth: Vec::new(),
            bandwidth_zone: String::new(),
            staging: Staging::default(),
            logins: Vec::new(),
            secret_set: None,
            // What a login was refused for names it.
            state_detail: None,
            projects,
            projects_protected: covered,
            outline: true,
            ..self
        }
    }
}

/// What a login is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum LoginPurpose {
    /// Backup.
    Backup,
    /// Restore.
    Restore,
    /// The staging project.
    Staging,
}

/// Days before its end at which a login's end is worth a warning.
pub const LOGIN_WARN_DAYS: i64 = 30;

/// What a harbor tells of the robot behind a login.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LoginState {
    /// What it is for.
    pub purpose: LoginPurpose,
    /// Its name.
    pub login: String,
    /// Whether the harbor told anything: of users, and where the backup login may not list robots, it does not.
    pub told: bool,
    /// When it ends; from then on the harbor takes its calls for nobody's. None = never.
    pub expires: Option<Moment>,
    /// Whole days until then, where that is soon; below zero when it has ended.
    #[serde(default)]
    pub ends_in_days: Option<i64>,
    /// Rights it has and nothing needs, as Harbor names them: `tag:delete`.
    pub surplus: Vec<String>,
}

impl LoginState {
    /// As it stands at a moment.
    #[must_use]
    pub fn at(self, now: Moment) -> Self {
        let days = self.expires.map(|at| (at.0 - now.0).whole_seconds().div_euclid(24 * 60 * 60));
        Self { ends_in_days: days.filter(|days| *days < LOGIN_WARN_DAYS), ..self }
    }
}

/// Form that makes the logins of a harbor anew.
#[derive(Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RenewLogins {
    /// Name of the harbor.
    #[serde(default)]
    pub harbor: String,
    /// An administrator's login, used once, never stored.
    #[serde(default)]
    pub admin_login: String,
    /// Its password, used once, never stored.
    #[serde(default)]
    pub admin_password: String,
}

impl std::fmt::Debug for RenewLogins {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RenewLogins").field("harbor", &self.harbor).finish_non_exhaustive()
    }
}

/// What became of the logins.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Renewed {
    /// The harbor with its new logins.
    pub harbor: Harbor,
    /// Old logins that are still in the harbor: those that Breakwater did not make, those that work under way uses, and those it could not remove.
    pub left: Vec<String>,
}

/// Reading images that a policy blocks: Harbor copies each into a project of Breakwater's, where it is read and removed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Staging {
    /// Whether it is allowed.
    pub on: bool,
    /// The staging project; also while it still has to be removed after it was switched off.
    pub project: Option<String>,
    /// Login that may copy there.
    pub login: Option<String>,
    /// When the project was looked into last.
    pub looked: Option<Moment>,
    /// Copies found there that nobody needs and that could not be removed.
    pub left: i64,
    /// Repositories found there that Breakwater did not put there; while there are any, nothing is copied.
    pub foreign: Vec<String>,
    /// What went wrong last.
    pub trouble: Option<Said<StagingTrouble>>,
    /// Replication policies of the harbor that would also copy on what is copied there.
    pub replicated_by: Vec<String>,
    /// The last run that used it.
    pub last_use: Option<StagingUse>,
}

/// A run that read images through a staging project.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StagingUse {
    /// When it began to.
    pub at: Moment,
    /// Images it copied.
    pub images: i64,
    /// Its job.
    pub job_id: i64,
}

/// Form that allows reading through a staging project, or ends that.
#[derive(Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct StagingForm {
    /// Name of the harbor.
    #[serde(default)]
    pub harbor: String,
    /// Whether it is to be allowed.
    #[serde(default)]
    pub on: bool,
    /// An administrator's login, used once to make the project and its robot, never stored.
    #[serde(default)]
    pub admin_login: String,
    /// Its password, used once, never stored.
    #[serde(default)]
    pub admin_password: String,
    /// A project made by hand for this, named `breakwater-staging-…`.
    #[serde(default)]
    pub staging_project: String,
    /// A robot made by hand for this.
    #[serde(default)]
    pub staging_login: String,
    /// Its secret.
    #[serde(default)]
    pub staging_secret: String,
}

impl std::fmt::Debug for StagingForm {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StagingForm").field("harbor", &self.harbor).field("on", &self.on).finish_non_exhaustive()
    }
}

/// Registration form. Secrets are write-only.
#[derive(Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewHarbor {
    /// Name.
    pub name: String,
    /// Base address.
    pub url: String,
    /// Login for backup; empty when robots are to be made from the administrator's login.
    #[serde(default)]
    pub read_login: String,
    /// Its secret.
    #[serde(default)]
    pub read_secret: String,
    /// Login for restore, optional.
    #[serde(default)]
    pub write_login: String,
    /// Its secret.
    #[serde(default)]
    pub write_secret: String,
    /// Images that a policy blocks may be copied into a project of Breakwater's and read there.
    #[serde(default)]
    pub staging: bool,
    /// A project made by hand for that, named `breakwater-staging-…`.
    #[serde(default)]
    pub staging_project: String,
    /// A robot made by hand for that.
    #[serde(default)]
    pub staging_login: String,
    /// Its secret.
    #[serde(default)]
    pub staging_secret: String,
    /// An administrator's login, used once to make the least-privilege robots, never stored.
    #[serde(default)]
    pub admin_login: String,
    /// Its password, used once, never stored.
    #[serde(default)]
    pub admin_password: String,
    /// CA certificate, PEM, where the harbor's is not publicly trusted.
    #[serde(default)]
    pub ca_pem: String,
    /// Plain http is accepted.
    #[serde(default)]
    pub plain_http: bool,
}

/// Change form. Empty secrets leave what is stored; a new address needs the secrets again.
#[derive(Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangeHarbor {
    /// Name of the harbor to change.
    pub harbor: String,
    /// Base address.
    pub url: String,
    /// Login for backup.
    pub read_login: String,
    /// Its secret, empty = unchanged.
    #[serde(default)]
    pub read_secret: String,
    /// Login for restore.
    #[serde(default)]
    pub write_login: String,
    /// Its secret, empty = unchanged.
    #[serde(default)]
    pub write_secret: String,
    /// CA certificate, empty = unchanged.
    #[serde(default)]
    pub ca_pem: String,
    /// Caps on what backups read, one a line: `08:00-18:00 20 MiB/s`; empty = none.
    #[serde(default)]
    pub bandwidth: String,
    /// IANA time zone of these hours; empty = UTC.
    #[serde(default)]
    pub bandwidth_zone: String,
    /// Plain http is accepted.
    #[serde(default)]
    pub plain_http: bool,
}

impl std::fmt::Debug for NewHarbor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NewHarbor").field("name", &self.name).field("url", &self.url).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for ChangeHarbor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ChangeHarbor").field("harbor", &self.harbor).field("url", &self.url).finish_non_exhaustive()
    }
}

/// How one check of a connection came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum CheckOutcome {
    /// Good.
    Pass,
    /// Works, with something to know.
    Warn,
    /// Does not work; the remedy says what to do.
    Fail,
}

/// One line of the check-list of a connection.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Check {
    /// Stable name.
    pub code: String,
    /// What was checked.
    pub title: Said<Heading>,
    /// How it came out.
    pub outcome: CheckOutcome,
    /// What was found.
    pub detail: Said<Detail>,
    /// What to do.
    pub remedy: Option<Said<Advice>>,
    /// Permissions that are missing, as Harbor names them: `repository:pull`.
    pub missing: Vec<String>,
}

/// The result of testing a connection.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CheckList {
    /// The lines, in the order of the test.
    pub checks: Vec<Check>,
    /// When.
    pub at: Moment,
    /// Good enough for backup.
    pub backup_ok: bool,
    /// Good enough for restore.
    pub restore_ok: bool,
}
