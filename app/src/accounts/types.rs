//! People, their duties and roles, and the tokens of their programs (console.md §3).

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::units::Moment;

/// An organisation-wide duty. The three exclude each other unless the installation relaxed that, which is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Duty {
    /// Registers harbors, vaults and plans; runs backups. Cannot read image content nor approve.
    Operator,
    /// Gives roles; second vote on high risk.
    Secadmin,
    /// Reads everything in the audit history; changes nothing.
    Auditor,
}

/// A role on projects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Sees timelines and tag histories.
    Viewer,
    /// Asks for restores.
    Requester,
    /// Votes on the requests of others.
    Approver,
    /// All of these, and the project's policy.
    Owner,
}

/// One role on one scope.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
pub struct Grant {
    /// The role.
    pub role: Role,
    /// Name of the harbor; none = every harbor.
    pub harbor: Option<String>,
    /// Name of the project; none = every project of the harbor.
    pub project: Option<String>,
}

/// An account as its administrators see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct User {
    /// Id.
    pub id: i64,
    /// Sign-in name.
    pub login: String,
    /// Name shown to others.
    pub display_name: String,
    /// Duties.
    pub duties: Vec<Duty>,
    /// Roles.
    pub grants: Vec<Grant>,
    /// Whether the account is switched off, and since when.
    pub disabled: Option<Moment>,
    /// Last use of a session or token.
    pub last_seen: Option<Moment>,
    /// When it was made.
    pub created: Moment,
}

/// New account form. Grants are written one a line, `role harbor/project`, with `*` for every harbor or project.
#[derive(Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewUser {
    /// Sign-in name: `[a-z0-9._-]{2,64}`.
    pub login: String,
    /// Name shown to others.
    pub display_name: String,
    /// First password.
    pub password: String,
    /// Duties.
    #[serde(default)]
    pub duties: Vec<Duty>,
    /// Grants, one a line: `requester prod/payments`.
    #[serde(default)]
    pub grants: String,
}

/// Change of duties and roles.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangeRoles {
    /// Account.
    pub user_id: i64,
    /// All duties it shall have.
    #[serde(default)]
    pub duties: Vec<Duty>,
    /// All grants it shall have, one a line.
    #[serde(default)]
    pub grants: String,
    /// Why, ten characters or more.
    pub reason: String,
}

/// An API token as its owner sees it; the secret is shown once, at creation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Token {
    /// Id.
    pub id: i64,
    /// What it is for.
    pub name: String,
    /// Login of the owner.
    pub owner: String,
    /// `read` or `write`; both within the owner's own rights at use. Never votes.
    pub scope: TokenScope,
    /// Networks it may be used from, `10.0.0.0/8`; none = from anywhere.
    #[serde(default)]
    pub networks: Vec<String>,
    /// Projects it is bound to, `prod/payments` or `prod/*`; none = it is bound to none, an empty list = there is none left.
    #[serde(default)]
    pub projects: Option<Vec<String>>,
    /// When it ends; at most a year from creation.
    pub expires: Moment,
    /// Last use, by the minute.
    pub last_used: Option<Moment>,
    /// Address of that use.
    #[serde(default)]
    pub last_ip: Option<String>,
    /// When it was revoked.
    pub revoked: Option<Moment>,
}

/// What a token may do, within its owner's rights.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum TokenScope {
    /// Reads only.
    #[default]
    Read,
    /// Reads and writes, votes excepted.
    Write,
}

/// New token form.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewToken {
    /// What it is for, 1–64 characters.
    pub name: String,
    /// What it may do.
    pub scope: TokenScope,
    /// Days until it ends, 1–365.
    pub days: i32,
    /// Networks it may be used from, one a line: `10.0.0.0/8`, `2001:db8::/32`, `192.0.2.7`. Empty = from anywhere.
    #[serde(default)]
    pub networks: String,
    /// Projects it is bound to, one a line: `prod/payments`, `prod/*`. Empty = whatever its owner may.
    #[serde(default)]
    pub projects: String,
}

/// A session that is open.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OpenSession {
    /// Id.
    pub id: i64,
    /// When it was signed in.
    pub since: Moment,
    /// Last request, by the minute.
    pub seen: Moment,
    /// Address of that request.
    pub ip: Option<String>,
    /// The browser, as it calls itself: `Firefox`.
    pub browser: Option<String>,
    /// What it runs on: `Linux`.
    pub system: Option<String>,
    /// Whether it is the one that asks.
    pub here: bool,
}

/// Which sessions to end.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EndSessions {
    /// Whose; none = one's own.
    #[serde(default)]
    pub user_id: Option<i64>,
    /// Which; none = all but the one that asks.
    #[serde(default)]
    pub session_id: Option<i64>,
}

/// A token just made: the only time its secret is seen.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
pub struct MadeToken {
    /// The row.
    pub token: Token,
    /// `bw_…`.
    pub secret: String,
}

/// A password that works once: the only time it is seen.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
pub struct OneTime {
    /// Whoever signs in with it must choose another.
    pub password: String,
}

impl std::fmt::Debug for OneTime {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("OneTime")
    }
}

/// A password on its way to the server: reads as a string, never shows itself in a log.
#[derive(Clone, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Secret(pub String);

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret")
    }
}

impl std::fmt::Debug for NewUser {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NewUser").field("login", &self.login).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for MadeToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MadeToken").field("token", &self.token).finish_non_exhaustive()
    }
}
