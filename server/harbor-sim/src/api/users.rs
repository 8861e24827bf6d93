//! Users: list, create, delete, and the caller itself.

use bytes::Bytes;
use serde_json::{Value, json};

use super::{number, object, permissions, require_login, require_system, text};
use crate::clock;
use crate::identity::{self, Who};
use crate::model::User;
use crate::query::{self, Field};
use crate::reply::{self, Answer, Refusal};
use crate::server::Call;
use crate::world;

pub fn route(call: &Call, rest: &[&str], body: &Bytes) -> Answer {
    match (call.method.as_str(), rest) {
        ("GET", ["current", "permissions"]) => permissions::current(call),
        ("GET", ["current"]) => current(call),
        ("GET", []) => list(call),
        ("POST", []) => create(call, body),
        ("DELETE", [id]) => {
            let mut world = call.app.change();
            require_system(call, &world, "user", "delete")?;
            let id = number(id, "user_id")?;
            if id == 1 || world.users.remove(&id).is_none() {
                return Err(Refusal::not_found(format!("user {id} not found")));
            }
            for project in world.projects.values_mut() {
                project.members.retain(|member| member.user_id != id);
            }
            Ok(reply::done())
        }
        _ => Err(super::no_such_path(call)),
    }
}

fn show(user: &User) -> Value {
    json!({
        "admin_role_in_auth": false,
        "creation_time": clock::text(user.created),
        "email": user.email,
        "realname": user.realname,
        "sysadmin_flag": user.sysadmin,
        "update_time": clock::text(user.created),
        "user_id": user.id,
        "username": user.name,
    })
}

/// 401 for nobody, 412 for robots (harbor.md §0.1).
fn current(call: &Call) -> Answer {
    require_login(call)?;
    let Who::User { id, .. } = &call.who else {
        return Err(Refusal::precondition("get current user not available for security context: robot"));
    };
    let world = call.app.world();
    let user = world.users.get(id).ok_or_else(|| Refusal::not_found(format!("user {id} not found")))?;
    let mut shown = show(user);
    if user.sysadmin {
        shown["comment"] = json!(user.comment);
        if let Some(map) = shown.as_object_mut() {
            map.remove("email");
        }
    }
    Ok(reply::ok(&shown))
}

/// Everybody but the built-in administrator.
fn list(call: &Call) -> Answer {
    let world = call.app.world();
    require_system(call, &world, "user", "list")?;
    let rows: Vec<&User> = world.users.values().filter(|user| user.id != 1).collect();
    let field = |user: &&User, key: &str| match key {
        "user_id" => Some(Field::Int(user.id)),
        "username" => Some(Field::Text(user.name.clone())),
        "email" => Some(Field::Text(user.email.clone())),
        _ => None,
    };
    query::listing(&call.params, &call.path, "user_id", rows, field, |user| show(user))
}

fn create(call: &Call, body: &Bytes) -> Answer {
    let request = object(body)?;
    let mut world = call.app.change();
    require_system(call, &world, "user", "create")?;
    let name = text(&request, "username");
    let password = text(&request, "password");
    if name.is_empty() || name.contains(['$', ' ', ',']) {
        return Err(Refusal::bad_request("username is invalid"));
    }
    if !identity::is_strong(password) {
        return Err(Refusal::bad_request(
            "the password or secret must be longer than 8 chars with at least 1 uppercase letter, 1 lowercase letter and 1 number",
        ));
    }
    let email = text(&request, "email");
    if world.users.values().any(|user| user.name == name || user.email == email) {
        return Err(Refusal::conflict(format!("user {name} or email {email} already exists")));
    }
    let id = world::add_user(&mut world, name, password, email, text(&request, "realname"));
    Ok(reply::created(&format!("/api/v2.0/users/{id}")))
}
