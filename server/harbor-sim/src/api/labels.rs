//! Labels, of a project or of the whole Harbor.

use bytes::Bytes;
use serde_json::Value;

use super::{number, object, render, require_id, require_login, require_system, text};
use crate::clock;
use crate::model::{Label, World};
use crate::query::{self, Field};
use crate::reply::{self, Answer, Refusal};
use crate::server::Call;

pub fn route(call: &Call, rest: &[&str], body: &Bytes) -> Answer {
    match (call.method.as_str(), rest) {
        ("GET", []) => list(call),
        ("POST", []) => create(call, body),
        ("GET", [id]) => {
            let world = call.app.world();
            let label = find(&world, id)?;
            allow(call, &world, &label.scope, label.project_id, "read")?;
            Ok(reply::ok(&render::label(label)))
        }
        ("PUT", [id]) => update(call, id, body),
        ("DELETE", [id]) => {
            let mut world = call.app.change();
            let label = find(&world, id)?.clone();
            allow(call, &world, &label.scope, label.project_id, "delete")?;
            world.labels.remove(&label.id);
            let artifacts = world.projects.values_mut().flat_map(|project| project.repos.values_mut());
            for artifact in artifacts.flat_map(|repo| repo.artifacts.values_mut()) {
                artifact.labels.retain(|id| *id != label.id);
            }
            Ok(reply::done())
        }
        _ => Err(super::no_such_path(call)),
    }
}

fn find<'a>(world: &'a World, id: &str) -> Result<&'a Label, Refusal> {
    let id = number(id, "label_id")?;
    world.labels.get(&id).ok_or_else(|| Refusal::not_found(format!("label {id} not found")))
}

fn allow(call: &Call, world: &World, scope: &str, project_id: i64, action: &str) -> Result<(), Refusal> {
    if scope == "p" {
        return require_id(call, world, project_id, "label", action).map(|_| ());
    }
    match action {
        "read" | "list" => require_login(call),
        _ => require_system(call, world, "label", action),
    }
}

fn list(call: &Call) -> Answer {
    let world = call.app.world();
    let scope = call.params.get("scope").unwrap_or_default();
    if scope != "g" && scope != "p" {
        return Err(Refusal::bad_request(format!("invalid scope: {scope}")));
    }
    let project_id = call.params.get("project_id").and_then(|id| id.parse().ok()).unwrap_or(0);
    if scope == "p" {
        if project_id == 0 {
            return Err(Refusal::bad_request("must with project ID when to query project labels"));
        }
        allow(call, &world, scope, project_id, "list")?;
    }
    let name = call.params.get("name").unwrap_or_default();
    let rows: Vec<&Label> = world
        .labels
        .values()
        .filter(|label| label.scope == scope && (scope == "g" || label.project_id == project_id))
        .filter(|label| label.name.contains(name))
        .collect();
    let field = |label: &&Label, key: &str| match key {
        "id" => Some(Field::Int(label.id)),
        "name" => Some(Field::Text(label.name.clone())),
        "creation_time" => Some(Field::Time(label.created)),
        _ => None,
    };
    query::listing(&call.params, &call.path, "-creation_time", rows, field, |label| render::label(label))
}

fn checked(request: &Value) -> Result<(&str, &str), Refusal> {
    let name = text(request, "name");
    let scope = text(request, "scope");
    if scope != "g" && scope != "p" {
        return Err(Refusal::bad_request(format!("invalid scope: {scope}")));
    }
    Ok((name, scope))
}

fn create(call: &Call, body: &Bytes) -> Answer {
    let request = object(body)?;
    let (name, scope) = checked(&request)?;
    let project_id = if scope == "p" { request["project_id"].as_i64().unwrap_or(0) } else { 0 };
    let mut world = call.app.change();
    if !call.who.is_admin() {
        allow(call, &world, scope, project_id, "create")?;
    }
    let taken = |label: &Label| label.name == name && label.scope == scope && label.project_id == project_id;
    if world.labels.values().any(taken) {
        return Err(Refusal::conflict(format!("label {name} already exists")));
    }
    let id = world.ids.next("label");
    let created = clock::now_us();
    let label = Label {
        id,
        name: name.to_owned(),
        description: text(&request, "description").to_owned(),
        color: text(&request, "color").to_owned(),
        scope: scope.to_owned(),
        project_id,
        created,
        updated: created,
    };
    world.labels.insert(id, label);
    Ok(reply::created(&format!("/api/v2.0/labels/{id}")))
}

fn update(call: &Call, id: &str, body: &Bytes) -> Answer {
    let request = object(body)?;
    let mut world = call.app.change();
    let label = find(&world, id)?.clone();
    allow(call, &world, &label.scope, label.project_id, "update")?;
    if let Some(row) = world.labels.get_mut(&label.id) {
        for (name, value) in [("name", &mut row.name), ("description", &mut row.description), ("color", &mut row.color)] {
            if let Some(new) = request[name].as_str() {
                new.clone_into(value);
            }
        }
        row.updated = clock::now_us();
    }
    Ok(reply::done())
}
