//! `/systeminfo`, `/health`, `/ping`, and the small doors that only say "none here".

use http::Method;
use serde_json::{Value, json};

use super::{require_login, require_system};
use crate::app::Version;
use crate::clock;
use crate::permission;
use crate::query;
use crate::reply::{self, Answer, Refusal};
use crate::server::Call;
use crate::world;

pub fn route(call: &Call, rest: &[&str]) -> Answer {
    if call.method != Method::GET {
        return Err(super::no_such_path(call));
    }
    let world = call.app.world();
    match rest {
        ["systeminfo"] => {
            drop(world);
            Ok(info(call))
        }
        ["health"] => Ok(health()),
        ["ping"] => {
            let mut answer = reply::done();
            *answer.body_mut() = axum::body::Body::from("Pong");
            reply::set(&mut answer, "content-type", "text/plain; charset=utf-8");
            Ok(answer)
        }
        ["statistics"] => {
            require_login(call)?;
            drop(world);
            Ok(statistics(call))
        }
        ["systeminfo", "volumes"] => {
            require_system(call, &world, "system-volumes", "read")?;
            Ok(reply::ok(&json!({"storage": [{}]})))
        }
        ["system", "CVEAllowlist"] => {
            require_login(call)?;
            let shown = json!({"creation_time": clock::NEVER, "items": [], "update_time": clock::NEVER});
            Ok(reply::ok(&shown))
        }
        ["system", "purgeaudit", "schedule"] => {
            require_system(call, &world, "purge-audit", "read")?;
            Ok(reply::nothing())
        }
        ["system", "scanAll", "schedule"] => {
            require_system(call, &world, "scan-all", "read")?;
            Err(Refusal::precondition("no scanner is configured, it's not possible to scan"))
        }
        ["registries"] => empty(call, require_system(call, &world, "registry", "list")),
        ["replication", "policies"] => empty(call, require_system(call, &world, "replication-policy", "list")),
        ["replication", "executions"] => empty(call, require_system(call, &world, "replication", "list")),
        ["p2p", "preheat", "instances"] => empty(call, require_system(call, &world, "preheat-instance", "list")),
        ["scanners"] => empty(call, require_system(call, &world, "scanner", "list")),
        ["usergroups"] => empty(call, require_system(call, &world, "user-group", "list")),
        ["schedules"] => empty(call, require_system(call, &world, "jobservice-monitor", "list")),
        _ => Err(super::no_such_path(call)),
    }
}

fn empty(call: &Call, allowed: Result<(), Refusal>) -> Answer {
    allowed?;
    query::listing(&call.params, &call.path, "", Vec::<()>::new(), |(), _| None, |()| Value::Null)
}

/// What nobody sees, and what a login sees more. Before 2.13 the version was public.
fn info(call: &Call) -> reply::Reply {
    let world = call.app.world();
    let setting = |name: &str, default: Value| world::setting(&world, name, default);
    let version = call.app.config.version;
    let mut shown = json!({
        "auth_mode": "db_auth",
        "banner_message": setting("banner_message", json!("")),
        "oidc_provider_name": "",
        "primary_auth_mode": false,
        "self_registration": setting("self_registration", json!(false)),
    });
    if call.who.is_authenticated() || version <= Version::V2_12_4 {
        shown["harbor_version"] = json!(version.text());
    }
    if call.who.is_authenticated() {
        let base = call.base();
        shown["current_time"] = json!(clock::text(clock::now_us()));
        shown["external_url"] = json!(base);
        shown["has_ca_root"] = json!(false);
        shown["notification_enable"] = setting("notification_enable", json!(true));
        shown["project_creation_restriction"] = setting("project_creation_restriction", json!("everyone"));
        shown["read_only"] = json!(world.read_only());
        shown["registry_storage_provider_name"] = json!("filesystem");
        shown["registry_url"] = json!(base.trim_start_matches("http://"));
    }
    reply::ok(&shown)
}

fn health() -> reply::Reply {
    let names = ["core", "database", "jobservice", "portal", "redis", "registry", "registryctl"];
    let components: Vec<Value> = names.iter().map(|name| json!({"name": name, "status": "healthy"})).collect();
    reply::ok(&json!({"components": components, "status": "healthy"}))
}

fn statistics(call: &Call) -> reply::Reply {
    let world = call.app.world();
    let seen = world.projects.values().filter(|project| permission::sees(&world, &call.who, project));
    let (mut counts, mut repos) = ([0, 0], [0, 0]);
    for project in seen {
        let public = usize::from(permission::is_public(project));
        counts[public] += 1;
        repos[public] += project.repos.len();
    }
    let mut shown = json!({
        "private_project_count": counts[0], "private_repo_count": repos[0],
        "public_project_count": counts[1], "public_repo_count": repos[1],
        "total_project_count": 0, "total_repo_count": 0, "total_storage_consumption": 0,
    });
    if call.who.is_admin() {
        shown["total_project_count"] = json!(counts[0] + counts[1]);
        shown["total_repo_count"] = json!(repos[0] + repos[1]);
        let used: i64 = world.blobs.values().map(|row| row.size).sum();
        shown["total_storage_consumption"] = json!(used);
    }
    reply::ok(&shown)
}
