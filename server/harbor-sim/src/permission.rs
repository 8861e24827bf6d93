//! Who may do what: Harbor's role tables and its rules for robots (harbor.md §1, the recorded `GET /permissions`).
//!
//! A table is a text of `resource:action,action` words, in the order Harbor lists them.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use crate::identity::Who;
use crate::model::{Grant, Project, Robot, World};

/// Role ids as the members API uses them.
const ROLE_ADMIN: i64 = 1;
const ROLE_DEVELOPER: i64 = 2;
const ROLE_GUEST: i64 = 3;
const ROLE_MAINTAINER: i64 = 4;
const ROLE_LIMITED_GUEST: i64 = 5;

/// A right somebody's call needed: who, where (`system` or `project`), `resource:action`, and whether he had it.
pub type AskedRight = (String, &'static str, String, bool);

/// What was asked for so far by logins other than users.
#[derive(Debug, Clone, Default)]
pub struct Asked(Arc<Mutex<BTreeSet<AskedRight>>>);

impl Asked {
    fn note(&self, who: &Who, place: &'static str, (resource, action): (&str, &str), had: bool) {
        if !matches!(who, Who::Robot { .. } | Who::Token { .. }) {
            return;
        }
        let resource = if resource == "." { "project" } else { resource };
        let right = (who.name().to_owned(), place, format!("{resource}:{action}"), had);
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(right);
    }

    /// Everything so far.
    pub fn all(&self) -> BTreeSet<AskedRight> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// The name of each role id.
pub const ROLES: [(i64, &str); 5] = [
    (ROLE_ADMIN, "projectAdmin"),
    (ROLE_DEVELOPER, "developer"),
    (ROLE_GUEST, "guest"),
    (ROLE_MAINTAINER, "maintainer"),
    (ROLE_LIMITED_GUEST, "limitedGuest"),
];

/// All policies of a project, which are also those of its administrator.
pub const PROJECT: &str = ".:read,update,delete member:create,read,update,delete,list metadata:create,read,update,delete \
log:list label:create,read,update,delete,list quota:read repository:create,read,update,delete,list,pull,push \
tag-retention:create,read,update,delete,list,operate immutable-tag:create,update,delete,list configuration:read,update \
robot:create,read,update,delete,list notification-policy:create,update,delete,list,read scan:create,read,stop \
sbom:create,stop,read scanner:read,create artifact:create,read,delete,list artifact-addition:read tag:list,create,delete \
accessory:list artifact-label:create,delete preheat-policy:create,read,update,delete,list export-cve:create,read,list";

const MAINTAINER: &str = ".:read member:read,list metadata:read quota:read label:create,read,update,delete,list \
repository:create,read,update,delete,list,push,pull tag-retention:create,read,update,delete,list,operate accessory:list \
immutable-tag:create,update,delete,list configuration:read robot:read,list notification-policy:read,list \
scan:create,read,stop sbom:create,stop,read scanner:read artifact:create,read,delete,list artifact-addition:read \
tag:list,create,delete artifact-label:create,delete export-cve:create,read,list";

const DEVELOPER: &str = ".:read member:read,list label:read,list quota:read repository:create,read,update,list,push,pull \
tag-retention:create,read,update,delete,list,operate configuration:read robot:read,list scan:read sbom:read scanner:read \
artifact:create,read,list artifact-addition:read tag:list,create accessory:list artifact-label:create,delete \
export-cve:create,read,list";

const GUEST: &str = ".:read member:read,list label:read,list quota:read repository:read,list,pull configuration:read \
robot:read,list scan:read sbom:read scanner:read tag:list accessory:list artifact:read,list artifact-addition:read";

const LIMITED_GUEST: &str = ".:read quota:read repository:list,read,pull configuration:read scan:read sbom:read \
scanner:read tag:list accessory:list artifact:read,list artifact-addition:read";

/// What everybody may do in a public project.
const PUBLIC: &str = ".:read label:read,list repository:read,list,pull configuration:read scan:read sbom:read scanner:read \
tag:list accessory:list artifact:read,list artifact-addition:read";

/// All policies of the system scope.
pub const SYSTEM: &str = "catalog:read audit-log:list project:create,read,update,delete,list \
user:create,read,update,delete,list user-group:create,read,update,delete,list registry:create,read,update,delete,list \
replication:create,read,update,list,delete distribution:create,read,update,delete,list \
garbage-collection:create,read,update,delete,list scan-all:create,read,update,delete,list,stop system-volumes:read \
ldap-user:create,list configuration:read,update jobservice-monitor:read,list,stop security-hub:read,list";

/// What a robot may be given in a project.
pub const ROBOT_PROJECT: &str = "log:list project:read,delete,update metadata:read,create,delete,list,update \
repository:read,update,delete,list,pull,push artifact:read,create,list,delete scan:create,read,stop \
sbom:create,stop,read tag:create,list,delete accessory:list artifact-addition:read artifact-label:create,delete \
scanner:create,read preheat-policy:read,create,delete,list,update immutable-tag:create,delete,list,update \
notification-policy:read,create,delete,list,update tag-retention:read,create,delete,list,update \
label:read,create,delete,list,update quota:read robot:create,read,list,delete export-cve:create,read \
member:create,read,update,list,delete";

/// What a robot may be given on the system.
pub const ROBOT_SYSTEM: &str = "audit-log:list preheat-instance:read,create,delete,list,update project:list,create \
replication-policy:read,create,delete,list,update replication:read,create,list replication-adapter:list \
registry:read,create,delete,list,update scan-all:read,update,stop,create system-volumes:read \
garbage-collection:read,create,list,update,stop purge-audit:read,create,list,update,stop jobservice-monitor:list,stop \
scanner:read,create,delete,list,update label:read,create,delete,update security-hub:read,list catalog:read \
quota:read,list robot:create,read,list,delete user:create,read,update,list,delete ldap-user:create,list quota:update \
user-group:create,read,update,list,delete";

/// The pairs of a table.
pub fn pairs(table: &'static str) -> impl Iterator<Item = (&'static str, &'static str)> {
    table.split_whitespace().flat_map(|word| {
        let (resource, actions) = word.split_once(':').unwrap_or((word, ""));
        actions.split(',').map(move |action| (resource, action))
    })
}

/// Whether a table holds the pair.
pub fn holds(table: &'static str, resource: &str, action: &str) -> bool {
    pairs(table).any(|pair| pair == (resource, action))
}

/// The name of a role id.
pub fn role_name(role: i64) -> &'static str {
    ROLES.iter().find(|(id, _)| *id == role).map_or("", |(_, name)| name)
}

fn role_table(role: i64) -> &'static str {
    match role {
        ROLE_ADMIN => PROJECT,
        ROLE_MAINTAINER => MAINTAINER,
        ROLE_DEVELOPER => DEVELOPER,
        ROLE_GUEST => GUEST,
        ROLE_LIMITED_GUEST => LIMITED_GUEST,
        _ => "",
    }
}

/// Whether a project is public.
pub fn is_public(project: &Project) -> bool {
    project.metadata.get("public").is_some_and(|value| value == "true")
}

/// The role a user has in a project; an administrator of the system is an administrator of every project.
pub fn role_of(who: &Who, project: &Project) -> Option<i64> {
    match who {
        Who::User { admin: true, .. } => Some(ROLE_ADMIN),
        Who::User { id, .. } => project.members.iter().find(|member| member.user_id == *id).map(|member| member.role),
        _ => None,
    }
}

/// Whether a call of `who` that needs `action` on `resource` of a project may be done; `.` is the project itself.
pub fn in_project(world: &World, who: &Who, project: &Project, resource: &str, action: &str) -> bool {
    if is_public(project) && holds(PUBLIC, resource, action) {
        return true;
    }
    let had = has_in_project(world, who, project, resource, action);
    world.asked.note(who, "project", (resource, action), had);
    had
}

/// The same for a look at what somebody may do, which is no call that needs it.
pub fn has_in_project(world: &World, who: &Who, project: &Project, resource: &str, action: &str) -> bool {
    if is_public(project) && holds(PUBLIC, resource, action) {
        return true;
    }
    match who {
        Who::Anonymous => false,
        Who::User { .. } => role_of(who, project).is_some_and(|role| holds(role_table(role), resource, action)),
        Who::Robot { id, .. } => world.robots.get(id).is_some_and(|robot| robot_in_project(robot, project, resource, action)),
        Who::Token { access, .. } => {
            resource == "repository"
                && access.iter().any(|(name, actions)| {
                    name.split('/').next() == Some(project.name.as_str()) && actions.iter().any(|have| have == action)
                })
        }
    }
}

/// Push implies pull for a project's robot only. `project:<action>` with namespace `*` becomes the policy
/// `/project/*`, which Harbor's matcher applies to everything below every project: recorded in `robots.json`.
fn robot_in_project(robot: &Robot, project: &Project, resource: &str, action: &str) -> bool {
    let level_project = robot.project_id != 0;
    robot.permissions.iter().filter(|grant| grant.kind == "project" && covers(grant, project)).any(|grant| {
        grant.access.iter().any(|access| {
            if access.resource == "project" {
                return access.action == action && (resource == "." || grant.namespace == "*");
            }
            access.resource == resource
                && (access.action == action || (level_project && resource == "repository" && action == "pull" && access.action == "push"))
        })
    })
}

fn covers(grant: &Grant, project: &Project) -> bool {
    grant.namespace == "*" || grant.namespace == project.name
}

/// Whether a call of `who` that needs `action` on a resource of the system may be done.
pub fn on_system(world: &World, who: &Who, resource: &str, action: &str) -> bool {
    let had = match who {
        Who::User { admin, .. } => *admin,
        Who::Robot { id, .. } => world.robots.get(id).is_some_and(|robot| {
            robot
                .permissions
                .iter()
                .filter(|grant| grant.kind == "system")
                .flat_map(|grant| &grant.access)
                .any(|access| access.resource == resource && access.action == action)
        }),
        Who::Anonymous | Who::Token { .. } => false,
    };
    world.asked.note(who, "system", (resource, action), had);
    had
}

/// Whether a project shows up in `who`'s project listing.
pub fn sees(world: &World, who: &Who, project: &Project) -> bool {
    if is_public(project) || on_system(world, who, "project", "list") {
        return true;
    }
    match who {
        Who::User { .. } => role_of(who, project).is_some(),
        Who::Robot { id, .. } => world
            .robots
            .get(id)
            .is_some_and(|robot| robot.permissions.iter().any(|grant| grant.kind == "project" && covers(grant, project))),
        Who::Anonymous | Who::Token { .. } => false,
    }
}
