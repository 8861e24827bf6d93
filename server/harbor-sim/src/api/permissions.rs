//! What may be given to robots, and what the caller has.

use serde_json::{Value, json};

use super::require_login;
use crate::permission;
use crate::reply::{self, Answer, Refusal};
use crate::server::Call;

/// `GET /permissions`: for administrators.
pub fn grantable(call: &Call) -> Answer {
    if !call.who.is_authenticated() {
        return Err(Refusal::new(401, "UNAUTHORIZED", ""));
    }
    let world = call.app.world();
    let leads = world.projects.values().any(|project| permission::role_of(&call.who, project) == Some(1));
    if !leads {
        return Err(Refusal::new(403, "FORBIDDEN", "forbidden: only admins(system and project) can access permissions"));
    }
    let list =
        |table| -> Value { permission::pairs(table).map(|(resource, action)| json!({"action": action, "resource": resource})).collect() };
    let project = list(permission::ROBOT_PROJECT);
    if !call.who.is_admin() {
        return Ok(reply::ok(&json!({"project": project, "system": null})));
    }
    Ok(reply::ok(&json!({"project": project, "system": list(permission::ROBOT_SYSTEM)})))
}

/// `GET /users/current/permissions`: without parameters the one proof of a login on every version.
pub fn current(call: &Call) -> Answer {
    require_login(call)?;
    let scope = call.params.get("scope").unwrap_or_default();
    let relative = call.params.flag("relative", false);
    let world = call.app.world();
    let mut shown = Vec::new();
    let mut show = |resource: &str, action: &str| {
        let resource = match resource {
            _ if relative => resource.to_owned(),
            "." => scope.to_owned(),
            _ => format!("{scope}/{resource}"),
        };
        shown.push(json!({"action": action, "resource": resource}));
    };
    if scope == "/system" {
        // a robot gets an empty list here whatever it was given: seen on all recorded versions
        if !call.who.is_admin() {
            return Ok(reply::ok(&json!([])));
        }
        for (resource, action) in permission::pairs(permission::SYSTEM) {
            show(resource, action);
        }
    } else if let Some(project) = scope.strip_prefix("/project/").and_then(|id| id.parse().ok()).and_then(|id: i64| world.projects.get(&id))
    {
        for (resource, action) in permission::pairs(permission::PROJECT) {
            if permission::has_in_project(&world, &call.who, project, resource, action) {
                show(resource, action);
            }
        }
    }
    Ok(reply::ok(&Value::Array(shown)))
}
