//! What happens to the world: each function is one change Harbor would make in one transaction.

mod collect;
mod copy;
mod manifest;
mod project;
mod push;
mod quota;
mod remove;
mod retain;
mod rule;

use std::collections::BTreeSet;

use serde_json::Value;

use crate::app::{Config, Version};
use crate::clock;
use crate::identity::{self, Who};
use crate::model::{AuditRow, Project, User, World};

pub use collect::collect;
pub use copy::copy_artifact;
pub use manifest::{MANIFEST_BYTES_MAX, parse};
pub use project::{NewProject, create_project, deletable, delete_project};
pub use push::{Pushed, associate, blob_row, commit, is_tag, precheck, tag_artifact};
pub use quota::check_quota;
pub use remove::{delete_artifact, delete_repository, delete_tag};
pub use retain::retain;
pub use rule::is_immutable;

/// Audit rows that are kept; Harbor would purge them by schedule.
const AUDIT_MAX: usize = 100_000;
/// What the log before 2.13 speaks of.
const OLD_KINDS: [&str; 5] = ["artifact", "tag", "repository", "project", "robot"];

/// Fills what every Harbor has: the administrator, the project `library`, the configured users, a key for tokens.
pub fn prepare(mut world: World, config: &Config) -> World {
    if world.token_key.is_empty() {
        world.token_key = identity::random_text(48);
    }
    world.extended_audit = config.version.has_extended_audit();
    world.audits_members = config.version >= Version::V2_16;
    let admin = config_user(&mut world, "admin", &config.admin_password);
    if let Some(user) = world.users.get_mut(&admin) {
        user.sysadmin = true;
        user.realname = "system admin".to_owned();
        user.comment = "admin user".to_owned();
    }
    for account in &config.users {
        config_user(&mut world, &account.username, &account.password);
    }
    if world.projects.is_empty() {
        let who = Who::User { id: admin, name: "admin".to_owned(), admin: true };
        let metadata = [("public".to_owned(), "true".to_owned())].into();
        let library = NewProject { name: "library".to_owned(), metadata, storage_limit: None };
        let made = create_project(&mut world, &who, library);
        debug_assert!(made.is_ok(), "the first project has no rival");
        world.audit.clear();
    }
    world
}

/// Makes a user, or sets the password of the one there is.
fn config_user(world: &mut World, name: &str, password: &str) -> i64 {
    if let Some(user) = world.users.values_mut().find(|user| user.name == name) {
        user.secret = identity::secret_of(password);
        return user.id;
    }
    add_user(world, name, password, &format!("{name}@example.com"), name)
}

/// A new user's id.
pub fn add_user(world: &mut World, name: &str, password: &str, email: &str, realname: &str) -> i64 {
    let id = world.ids.next("user");
    let user = User {
        id,
        name: name.to_owned(),
        secret: identity::secret_of(password),
        email: email.to_owned(),
        realname: realname.to_owned(),
        comment: String::new(),
        sysadmin: false,
        created: clock::now_us(),
    };
    world.users.insert(id, user);
    id
}

/// One audit row, unless the settings leave it out: what is left out takes no number.
pub fn audit(world: &mut World, who: &Who, project_id: i64, operation: &str, kind: &str, resource: &str, what: &str) {
    if !is_audited(world, operation, kind) {
        return;
    }
    if world.audit.len() >= AUDIT_MAX {
        world.audit.drain(..AUDIT_MAX / 10);
    }
    let extended = world.extended_audit;
    let id = world.ids.next(if extended { "audit_ext" } else { "audit" });
    world.audit.push(AuditRow {
        id,
        op_time: clock::now_us(),
        username: who.name().to_owned(),
        operation: operation.to_owned(),
        resource_type: kind.to_owned(),
        resource: resource.to_owned(),
        description: what.to_owned(),
        project_id,
        extended,
    });
}

fn is_audited(world: &World, operation: &str, kind: &str) -> bool {
    let disabled = world.settings.get("disabled_audit_log_event_types").and_then(Value::as_str).unwrap_or_default();
    let left_out = disabled.split(',').any(|event| event.trim() == format!("{operation}_{kind}"));
    let late = kind == "member" || (kind == "project" && operation == "update");
    let taken = if world.extended_audit { !left_out && (world.audits_members || !late) } else { OLD_KINDS.contains(&kind) && !late };
    taken && world.settings.get("skip_audit_log_database") != Some(&Value::Bool(true))
}

/// Of these blobs, those no artifact of the project uses any more stop counting towards it.
pub fn release_blobs(project: &mut Project, candidates: &BTreeSet<String>) {
    let used: BTreeSet<&String> =
        project.repos.values().chain(project.left.values()).flat_map(|repo| repo.artifacts.values()).flat_map(|a| &a.blobs).collect();
    let gone: Vec<String> = candidates.iter().filter(|digest| !used.contains(digest)).cloned().collect();
    for digest in gone {
        project.blobs.remove(&digest);
    }
}

/// A setting, or its default.
pub fn setting(world: &World, name: &str, default: Value) -> Value {
    world.settings.get(name).cloned().unwrap_or(default)
}
