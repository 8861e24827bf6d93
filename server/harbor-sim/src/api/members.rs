//! Members of a project: users only, the simulator has no groups.

use bytes::Bytes;
use serde_json::{Value, json};

use super::{number, object, require};
use crate::model::{Member, Project, World};
use crate::permission;
use crate::query::{self, Field};
use crate::reply::{self, Answer, Refusal};
use crate::server::Call;
use crate::world;

pub fn route(call: &Call, project: &str, rest: &[&str], body: &Bytes) -> Answer {
    match (call.method.as_str(), rest) {
        ("GET", []) => list(call, project),
        ("POST", []) => create(call, project, body),
        ("GET", [id]) => {
            let world = call.app.world();
            let project = require(call, &world, project, "member", "read")?;
            let member = find(project, id)?;
            Ok(reply::ok(&show(&world, project, member)))
        }
        ("PUT", [id]) => update(call, project, id, body),
        ("DELETE", [id]) => {
            let mut world = call.app.change();
            let project = require(call, &world, project, "member", "delete")?;
            let (project_id, id) = (project.id, find(project, id)?.id);
            if let Some(project) = world.projects.get_mut(&project_id) {
                project.members.retain(|member| member.id != id);
            }
            Ok(reply::done())
        }
        _ => Err(super::no_such_path(call)),
    }
}

fn find<'a>(project: &'a Project, id: &str) -> Result<&'a Member, Refusal> {
    let id = number(id, "mid")?;
    let found = project.members.iter().find(|member| member.id == id);
    found.ok_or_else(|| Refusal::not_found(format!("the project member {id} is not found")))
}

fn show(world: &World, project: &Project, member: &Member) -> Value {
    json!({
        "entity_id": member.user_id,
        "entity_name": world.user_name(member.user_id),
        "entity_type": "u",
        "id": member.id,
        "project_id": project.id,
        "role_id": member.role,
        "role_name": permission::role_name(member.role),
    })
}

fn list(call: &Call, project: &str) -> Answer {
    let world = call.app.world();
    let project = require(call, &world, project, "member", "list")?;
    let name = call.params.get("entityname").unwrap_or_default();
    let rows: Vec<&Member> = project.members.iter().filter(|member| world.user_name(member.user_id).contains(name)).collect();
    let field = |member: &&Member, key: &str| (key == "id").then_some(Field::Int(member.id));
    query::listing(&call.params, &call.path, "id", rows, field, |member| show(&world, project, member))
}

fn role_of(request: &Value) -> Result<i64, Refusal> {
    let role = request["role_id"].as_i64().unwrap_or(0);
    if permission::role_name(role).is_empty() {
        return Err(Refusal::bad_request(format!("bad request: invalid role: {role}")));
    }
    Ok(role)
}

fn create(call: &Call, project: &str, body: &Bytes) -> Answer {
    let request = object(body)?;
    let mut world = call.app.change();
    let found = require(call, &world, project, "member", "create")?;
    let role = role_of(&request)?;
    let wanted = &request["member_user"];
    let name = wanted["username"].as_str().unwrap_or_default();
    let user = match wanted["user_id"].as_i64().filter(|id| *id > 0) {
        Some(id) => world.users.get(&id),
        None => world.users.values().find(|user| user.name == name),
    };
    let user_id = user.ok_or_else(|| Refusal::not_found(format!("user {name} is not found")))?.id;
    if found.members.iter().any(|member| member.user_id == user_id) {
        return Err(Refusal::conflict(format!("The project member {name} already exists")));
    }
    let project_id = found.id;
    let id = world.ids.next("member");
    if let Some(project) = world.projects.get_mut(&project_id) {
        project.members.push(Member { id, user_id, role });
    }
    let resource = name.to_owned();
    let what = format!("create user member {name} in project {project}");
    world::audit(&mut world, &call.who, project_id, "create", "member", &resource, &what);
    Ok(reply::created(&format!("/api/v2.0/projects/{project}/members/{id}")))
}

fn update(call: &Call, project: &str, id: &str, body: &Bytes) -> Answer {
    let request = object(body)?;
    let mut world = call.app.change();
    let found = require(call, &world, project, "member", "update")?;
    let (project_id, id, role) = (found.id, find(found, id)?.id, role_of(&request)?);
    let members = world.projects.get_mut(&project_id).map(|project| &mut project.members);
    for member in members.into_iter().flatten().filter(|member| member.id == id) {
        member.role = role;
    }
    Ok(reply::done())
}
