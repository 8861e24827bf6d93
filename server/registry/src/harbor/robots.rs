//! Robots: the logins Breakwater should use, and the least rights they need (harbor.md §1, "Permission needed").

use std::collections::BTreeSet;
use std::fmt;

use reqwest::Method;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use vocab::ProjectName;

use super::paging::Listing;
use super::values::or_default;
use crate::client::Client;
use crate::error::RegistryError;

/// A right: an action on a kind of resource.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Permission {
    pub resource: String,
    pub action: String,
}

impl Permission {
    /// From `repository:pull`.
    #[must_use]
    pub fn new(resource: &str, action: &str) -> Self {
        Self { resource: resource.to_owned(), action: action.to_owned() }
    }
}

impl fmt::Display for Permission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.resource, self.action)
    }
}

/// How the description of each robot begins that Breakwater makes.
const OURS: &str = "Breakwater: ";

/// Where a robot's rights hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PermissionKind {
    System,
    Project,
}

/// Rights in one place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RobotScope {
    pub kind: PermissionKind,
    /// `/` for the system, a project's name, or `*` for all.
    pub namespace: String,
    pub access: Vec<Permission>,
}

/// A system robot to make.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RobotSpec {
    /// Without Harbor's prefix.
    pub name: String,
    pub description: String,
    /// Days; -1 for ever.
    #[serde(rename = "duration")]
    pub duration_days: i64,
    pub level: PermissionKind,
    pub permissions: Vec<RobotScope>,
}

/// A system robot as Harbor lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SystemRobot {
    pub id: i64,
    /// Full name, to log in with.
    pub name: String,
    pub description: String,
    /// From then on Harbor takes its calls for nobody's. `None`: never.
    pub expires: Option<OffsetDateTime>,
    pub permissions: Vec<RobotScope>,
}

impl SystemRobot {
    /// Whether Breakwater made it: its robots say so themselves.
    #[must_use]
    pub fn is_ours(&self) -> bool {
        self.description.starts_with(OURS)
    }

    /// Rights beyond those of `spec`. Of a robot made by hand only those that change something.
    #[must_use]
    pub fn surplus(&self, spec: &RobotSpec) -> Vec<Permission> {
        let needed: BTreeSet<(PermissionKind, &Permission)> =
            spec.permissions.iter().flat_map(|scope| scope.access.iter().map(move |right| (scope.kind, right))).collect();
        let given = self.permissions.iter().flat_map(|scope| scope.access.iter().map(move |right| (scope.kind, right)));
        let beyond = given.filter(|right| !needed.contains(right)).map(|(_, right)| right);
        let changes = |right: &&Permission| self.is_ours() || !matches!(right.action.as_str(), "list" | "read" | "pull");
        beyond.filter(changes).cloned().collect::<BTreeSet<_>>().into_iter().collect()
    }
}

/// What was made. The secret is shown this once.
#[derive(Debug, Clone)]
pub struct CreatedRobot {
    pub id: i64,
    /// Full name, to log in with.
    pub name: String,
    pub secret: SecretString,
    /// Rights this version of Harbor does not know, left out.
    pub left_out: Vec<Permission>,
}

/// Rights for reading everything a backup holds; the first group is indispensable. No list here has a right that no call needs.
pub(crate) const READ_CONTENT: [(&str, &str); 6] = [
    ("project", "read"),
    ("repository", "list"),
    ("repository", "read"),
    ("repository", "pull"),
    ("artifact", "list"),
    ("artifact", "read"),
];
/// For the settings of a project; its metadata come with the project itself.
pub(crate) const READ_SETTINGS: [(&str, &str); 9] = [
    ("member", "list"),
    ("label", "list"),
    ("quota", "read"),
    ("tag-retention", "read"),
    ("immutable-tag", "list"),
    ("notification-policy", "list"),
    ("preheat-policy", "list"),
    ("scanner", "read"),
    ("robot", "list"),
];
/// For seeing what a restore would do: what is there now.
pub(crate) const PREVIEW_CONTENT: [(&str, &str); 5] =
    [("project", "read"), ("repository", "list"), ("repository", "pull"), ("artifact", "list"), ("artifact", "read")];
/// For warning of what refuses it, and of what removes again what it brings.
pub(crate) const PREVIEW_SETTINGS: [(&str, &str); 3] = [("quota", "read"), ("immutable-tag", "list"), ("tag-retention", "read")];
/// For writing images and tags back.
pub(crate) const WRITE_CONTENT: [(&str, &str); 2] = [("repository", "push"), ("tag", "create")];
/// In the system, for reading: all projects, and the audit log, which spares listing them where it names what changed.
pub(crate) const READ_SYSTEM: [(&str, &str); 2] = [("project", "list"), ("audit-log", "list")];

/// In the system, for reading what belongs to no project: rules of copying, schedules, scanners, groups, robots. Never secrets: Harbor shows none of these.
pub(crate) const READ_HARBOR: [(&str, &str); 9] = [
    ("registry", "list"),
    ("replication-policy", "list"),
    ("scanner", "list"),
    ("garbage-collection", "read"),
    ("purge-audit", "read"),
    ("scan-all", "read"),
    ("preheat-instance", "list"),
    ("robot", "list"),
    ("user-group", "list"),
];

/// In every project, for copying what a policy blocks: to look up what is copied, and not a byte of it.
pub(crate) const STAGE_FROM: [(&str, &str); 1] = [("artifact", "read")];
/// In the staging project alone: to mark it, to copy into it, to read the copies, to remove them, and in the end the project.
pub(crate) const STAGE_IN: [(&str, &str); 9] = [
    ("project", "read"),
    ("project", "delete"),
    ("repository", "list"),
    ("repository", "pull"),
    ("repository", "delete"),
    ("artifact", "create"),
    ("artifact", "read"),
    ("label", "create"),
    ("quota", "read"),
];

fn permissions(groups: &[&[(&str, &str)]]) -> Vec<Permission> {
    groups.iter().flat_map(|group| group.iter()).map(|(resource, action)| Permission::new(resource, action)).collect()
}

impl RobotSpec {
    fn system(name: &str, description: &str, system: Vec<Permission>, project: Vec<Permission>) -> Self {
        let scope = |kind, namespace: &str, access| RobotScope { kind, namespace: namespace.to_owned(), access };
        Self {
            name: name.to_owned(),
            description: description.to_owned(),
            duration_days: -1,
            level: PermissionKind::System,
            permissions: vec![scope(PermissionKind::System, "/", system), scope(PermissionKind::Project, "*", project)],
        }
    }

    /// What a backup needs in all projects, and nothing that writes.
    #[must_use]
    pub fn least_privilege_backup(name: &str) -> Self {
        let system = permissions(&[&READ_SYSTEM, &READ_HARBOR]);
        Self::system(name, "Breakwater: backup, reads only", system, permissions(&[&READ_CONTENT, &READ_SETTINGS]))
    }

    /// What a restore needs: pushing, tagging, creating a lost project. It deletes nothing.
    #[must_use]
    pub fn least_privilege_restore(name: &str) -> Self {
        let system = permissions(&[&[("project", "list"), ("project", "create")]]);
        let project = permissions(&[&PREVIEW_CONTENT, &PREVIEW_SETTINGS, &WRITE_CONTENT]);
        Self::system(name, "Breakwater: restore", system, project)
    }

    /// What reading through a staging project needs: copying into that project and clearing it. Elsewhere it may look artifacts up and no
    /// more: it pulls nothing, pushes nothing, deletes nothing. Harbor keeps the right by the project's number, so the project must be there.
    #[must_use]
    pub fn least_privilege_staging(name: &str, project: &ProjectName) -> Self {
        let scope = |namespace: &str, rights: &[(&str, &str)]| RobotScope {
            kind: PermissionKind::Project,
            namespace: namespace.to_owned(),
            access: permissions(&[rights]),
        };
        Self {
            name: name.to_owned(),
            description: "Breakwater: reads images that a policy blocks through its staging project".to_owned(),
            duration_days: -1,
            level: PermissionKind::System,
            permissions: vec![scope("*", &STAGE_FROM), scope(project.as_str(), &STAGE_IN)],
        }
    }

    /// Leaves out what this Harbor does not know; says what that was.
    fn restrict(&mut self, known: &KnownPermissions) -> Vec<Permission> {
        let mut left_out = Vec::new();
        for scope in &mut self.permissions {
            let allowed = match scope.kind {
                PermissionKind::System => &known.system,
                PermissionKind::Project => &known.project,
            };
            let (kept, dropped): (Vec<_>, Vec<_>) = std::mem::take(&mut scope.access).into_iter().partition(|p| allowed.contains(p));
            scope.access = kept;
            left_out.extend(dropped);
        }
        self.permissions.retain(|scope| !scope.access.is_empty());
        left_out
    }
}

#[derive(Deserialize)]
struct KnownPermissions {
    #[serde(default, deserialize_with = "or_default")]
    system: Vec<Permission>,
    #[serde(default, deserialize_with = "or_default")]
    project: Vec<Permission>,
}

#[derive(Deserialize)]
struct RobotRow {
    id: i64,
    name: String,
    #[serde(default, deserialize_with = "or_default")]
    description: String,
    /// Seconds since 1970; -1 for never.
    #[serde(default, deserialize_with = "or_default")]
    expires_at: i64,
    #[serde(default, deserialize_with = "or_default")]
    permissions: Vec<RobotScope>,
}

#[derive(Deserialize)]
struct Made {
    id: i64,
    name: String,
    #[serde(deserialize_with = "secret")]
    secret: SecretString,
}

fn secret<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<SecretString, D::Error> {
    String::deserialize(deserializer).map(SecretString::from)
}

impl Client {
    /// The rights of this login in `scope`, `/system` or `/project/<id>`; a project's own right is named `project`. For `/system` Harbor answers users only: a robot
    /// gets an empty list whatever its rights (seen on 2.15.2).
    pub async fn permissions(&self, scope: &str) -> Result<Vec<Permission>, RegistryError> {
        let mut call = self.api(Method::GET, "/users/current/permissions", "read this login's rights").query("scope", scope);
        if scope != "/system" {
            // With it `/system` answers an empty list to everybody.
            call = call.query("relative", "true");
        }
        let found: Option<Vec<Permission>> = self.json(&call).await?;
        let plain = |p: Permission| {
            let within = p.resource.strip_prefix(scope).unwrap_or(&p.resource).trim_start_matches('/');
            let resource = if within.is_empty() || within == "." { "project".to_owned() } else { within.to_owned() };
            Permission { resource, action: p.action }
        };
        Ok(found.unwrap_or_default().into_iter().map(plain).collect())
    }

    /// All robots of the system. Needs `robot:list` there.
    pub async fn system_robots(&self) -> Result<Vec<SystemRobot>, RegistryError> {
        let listing = Listing::new("/robots", "list system robots").filtered("Level=system");
        let rows = self.paged::<RobotRow>(&listing, |row| row.id).await?;
        let robot = |row: RobotRow| SystemRobot {
            id: row.id,
            name: row.name,
            description: row.description,
            expires: Some(row.expires_at).filter(|at| *at > 0).and_then(|at| OffsetDateTime::from_unix_timestamp(at).ok()),
            permissions: row.permissions,
        };
        Ok(rows.into_iter().map(robot).collect())
    }

    /// Makes a robot. Rights the version does not know are left out where Harbor tells what it knows (2.10 and later, administrators).
    pub async fn create_robot(&self, spec: &RobotSpec) -> Result<CreatedRobot, RegistryError> {
        let mut spec = spec.clone();
        let known: Option<KnownPermissions> =
            match self.json_found(&self.api(Method::GET, "/permissions", "read which rights robots may have")).await {
                Ok(known) => known,
                Err(RegistryError::Forbidden { .. }) => None,
                Err(error) => return Err(error),
            };
        let left_out = known.map(|known| spec.restrict(&known)).unwrap_or_default();
        let call = self.api(Method::POST, "/robots", format!("create the robot {}", spec.name)).once().json(&spec)?;
        let made: Made = self.json(&call).await?;
        Ok(CreatedRobot { id: made.id, name: made.name, secret: made.secret, left_out })
    }

    /// Deletes a robot.
    pub async fn delete_robot(&self, id: i64) -> Result<(), RegistryError> {
        self.expect(&self.api(Method::DELETE, &format!("/robots/{id}"), "delete a robot")).await.map(|_| ())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_backup_robot_can_write_nothing() {
        let spec = RobotSpec::least_privilege_backup("b");
        let actions: Vec<_> = spec.permissions.iter().flat_map(|s| &s.access).map(|p| p.action.as_str()).collect();
        assert!(actions.iter().all(|a| matches!(*a, "list" | "read" | "pull")), "{actions:?}");
    }

    #[test]
    fn the_restore_robot_deletes_nothing() {
        let spec = RobotSpec::least_privilege_restore("r");
        assert!(spec.permissions.iter().flat_map(|s| &s.access).all(|p| p.action != "delete" && p.action != "update"));
    }

    #[test]
    fn the_staging_robot_looks_artifacts_up_everywhere_and_does_the_rest_in_its_project_only() {
        let spec = RobotSpec::least_privilege_staging("s", &"breakwater-staging-1".parse().unwrap());
        let (everywhere, inside): (Vec<_>, Vec<_>) = spec.permissions.iter().partition(|scope| scope.namespace != "breakwater-staging-1");
        let rights: Vec<String> = everywhere.iter().flat_map(|scope| &scope.access).map(ToString::to_string).collect();
        assert_eq!(rights, ["artifact:read"]);
        assert!(spec.permissions.iter().all(|scope| scope.kind == PermissionKind::Project), "nothing in the system");
        assert!(inside.iter().flat_map(|scope| &scope.access).all(|p| p.to_string() != "repository:push"));
    }

    #[test]
    fn what_a_robot_has_beyond_its_need_is_told_and_of_one_made_by_hand_only_what_changes_something() {
        let spec = RobotSpec::least_privilege_backup("b");
        let mut scopes = spec.permissions.clone();
        scopes[1].access.extend([Permission::new("tag", "delete"), Permission::new("tag", "list")]);
        let robot = |description: &str| SystemRobot {
            id: 1,
            name: "robot$b".to_owned(),
            description: description.to_owned(),
            expires: None,
            permissions: scopes.clone(),
        };
        let named = |robot: SystemRobot| robot.surplus(&spec).iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(named(robot(&spec.description)), ["tag:delete", "tag:list"]);
        assert_eq!(named(robot("of the platform team")), ["tag:delete"]);
    }

    #[test]
    fn rights_an_older_harbor_does_not_know_are_left_out_and_named() {
        let mut spec = RobotSpec::least_privilege_backup("b");
        let known = KnownPermissions {
            system: permissions(&[&READ_SYSTEM, &READ_HARBOR]),
            project: permissions(&[&READ_CONTENT, &READ_SETTINGS]).into_iter().filter(|p| p.resource != "member").collect(),
        };
        assert_eq!(spec.restrict(&known), [Permission::new("member", "list")]);
        assert!(spec.permissions.iter().all(|s| s.access.iter().all(|p| p.resource != "member")));
    }
}
