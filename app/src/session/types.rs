//! Who is here, and what the shell around every page shows.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::accounts::types::{Duty, Grant, Role};
use crate::text::Lang;
use crate::units::Moment;

/// The person behind the session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Me {
    /// Id of the account.
    pub id: i64,
    /// Sign-in name.
    pub login: String,
    /// Name shown to others.
    pub display_name: String,
    /// Organisation-wide duties.
    pub duties: Vec<Duty>,
    /// Roles on projects.
    pub grants: Vec<Grant>,
}

impl Me {
    /// Whether the person has `duty`.
    #[must_use]
    pub fn has(&self, duty: Duty) -> bool {
        self.duties.contains(&duty)
    }

    /// Whether the person has one of `roles` on a project.
    #[must_use]
    pub fn has_role(&self, roles: &[Role], harbor: &str, project: &str) -> bool {
        self.grants.iter().any(|grant| {
            roles.contains(&grant.role)
                && grant.harbor.as_deref().is_none_or(|name| name == harbor)
                && grant.project.as_deref().is_none_or(|name| name == project)
        })
    }
}

/// How light the page is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Theme {
    /// As the system says.
    #[default]
    System,
    /// Light.
    Light,
    /// Dark.
    Dark,
}

/// What the shell needs on every page, signed in or not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Shell {
    /// The person, if signed in.
    pub me: Option<Me>,
    /// The password was set by somebody else: nothing else is done before another is chosen.
    #[serde(default)]
    pub must_change_password: bool,
    /// No account exists yet: everything leads to the set-up.
    pub setup_needed: bool,
    /// Language by cookie, else by the browser.
    pub lang: Lang,
    /// Theme by cookie.
    pub theme: Theme,
    /// Single keys do something, as the account says; nothing does for strangers.
    #[serde(default)]
    pub single_keys: bool,
    /// Requests that wait for this person's vote.
    pub approvals_waiting: i64,
    /// Jobs running now that this person may see.
    pub jobs_running: i64,
    /// Events in the audit chain and the time of the newest.
    pub audit_events: i64,
    /// When the chain was last verified, and whether it held.
    pub audit_verified: Option<(Moment, bool)>,
    /// A message left by the last form, shown once.
    pub flash: Option<String>,
    /// Version of the program.
    pub version: String,
    /// Time at the server, to notice a skewed browser clock.
    pub now: Moment,
}

/// Sign-in form.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SignIn {
    /// Sign-in name.
    pub login: String,
    /// Password. Never logged.
    pub password: String,
    /// Page to go to, a path on this site.
    #[serde(default)]
    pub next: Option<String>,
}

/// First-run set-up form.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SetUp {
    /// The one-time token printed in the server's log.
    pub token: String,
    /// Sign-in name of the first administrator.
    pub login: String,
    /// Name shown to others.
    pub display_name: String,
    /// Password, 15 characters or more recommended, 8 at least.
    pub password: String,
}

impl std::fmt::Debug for SignIn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SignIn").field("login", &self.login).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for SetUp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SetUp").field("login", &self.login).finish_non_exhaustive()
    }
}
