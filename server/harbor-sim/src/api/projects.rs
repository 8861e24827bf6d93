//! Projects, and dispatch of everything below one.

use std::collections::BTreeMap;

use bytes::Bytes;
use http::Method;
use serde_json::{Value, json};

use super::{artifacts, audit, members, object, render, repositories, require, require_login, rules, text};
use crate::clock;
use crate::identity::Who;
use crate::model::Project;
use crate::permission;
use crate::query::{self, Field};
use crate::reply::{self, Answer, Refusal};
use crate::server::Call;
use crate::world::{self, NewProject};

pub async fn route(call: &Call, rest: &[&str], body: &Bytes) -> Answer {
    match (call.method.as_str(), rest) {
        ("GET", []) => list(call),
        ("HEAD", []) => exists(call),
        ("POST", []) => create(call, body),
        ("GET", [project]) => get(call, project),
        ("PUT", [project]) => update(call, project, body),
        ("DELETE", [project]) => delete(call, project),
        ("GET", [project, "_deletable"]) => deletable(call, project),
        ("GET", [project, "summary"]) => summary(call, project),
        (_, [project, "metadatas", rest @ ..]) => metadatas(call, project, rest, body),
        ("GET", [project, "artifacts"]) => artifacts::of_project(call, project),
        ("GET", [project, "logs"]) => audit::old(call, Some(project)),
        ("GET", [project, "auditlog-exts"]) => audit::new(call, Some(project)),
        (_, [project, "members", rest @ ..]) => members::route(call, project, rest, body),
        (_, [project, "immutabletagrules", rest @ ..]) => rules::immutable(call, project, rest, body),
        (_, [project, "webhook", rest @ ..]) => rules::webhooks(call, project, rest, body),
        ("GET", [project, "preheat", "policies"]) => {
            require(call, &call.app.world(), project, "preheat-policy", "list")?;
            query::listing(&call.params, &call.path, "", Vec::<()>::new(), |(), _| None, |()| Value::Null)
        }
        ("GET", [project, "scanner"]) => {
            require(call, &call.app.world(), project, "scanner", "read")?;
            Ok(reply::nothing())
        }
        (_, [project, "repositories", rest @ ..]) => repositories::route(call, project, rest, body).await,
        _ => Err(super::no_such_path(call)),
    }
}

fn list(call: &Call) -> Answer {
    let world = call.app.world();
    let name = call.params.get("name").unwrap_or_default();
    let public = call.params.get("public").map(|text| text == "true");
    let rows: Vec<&Project> = world
        .projects
        .values()
        .filter(|project| permission::sees(&world, &call.who, project))
        .filter(|project| project.name.contains(name))
        .filter(|project| public.is_none_or(|wanted| permission::is_public(project) == wanted))
        .collect();
    let detail = call.params.flag("with_detail", true);
    let field = |project: &&Project, key: &str| match key {
        "project_id" => Some(Field::Int(project.id)),
        "name" => Some(Field::Text(project.name.clone())),
        "public" => Some(Field::Text(permission::is_public(project).to_string())),
        "creation_time" => Some(Field::Time(project.created)),
        "update_time" => Some(Field::Time(project.updated)),
        "owner" => Some(Field::Text(world.user_name(project.owner_id).to_owned())),
        _ => None,
    };
    query::listing(&call.params, &call.path, "name", rows, field, |project| {
        let mut shown = render::project(&world, &call.who, project);
        if !detail && let Some(shown) = shown.as_object_mut() {
            for name in ["metadata", "cve_allowlist", "owner_name"] {
                shown.remove(name);
            }
        }
        shown
    })
}

fn exists(call: &Call) -> Answer {
    require_login(call)?;
    let name = call.params.get("project_name").unwrap_or_default();
    match call.app.world().project(name) {
        Some(_) => Ok(reply::done()),
        None => Err(Refusal::not_found(format!("the project name {name} is not found"))),
    }
}

fn metadata_of(value: &Value) -> BTreeMap<String, String> {
    let map = value.as_object().cloned().unwrap_or_default();
    map.into_iter().filter_map(|(key, value)| Some((key, value.as_str()?.to_owned()))).collect()
}

fn create(call: &Call, body: &Bytes) -> Answer {
    require_login(call)?;
    let request = object(body)?;
    let mut world = call.app.change();
    let may_create = permission::on_system(&world, &call.who, "project", "create");
    let everyone = world::setting(&world, "project_creation_restriction", json!("everyone")) == "everyone";
    // While creating is open to everyone, it is so to every robot of the system, whatever its rights.
    let robot = matches!(&call.who, Who::Robot { id, .. } if world.robots.get(id).is_none_or(|robot| robot.project_id != 0));
    if !may_create && (!everyone || robot) {
        let message = if robot { "Only system level robot can create project" } else { "Only system admin can create project" };
        return Err(Refusal::new(403, "FORBIDDEN", message));
    }
    let mut metadata = metadata_of(&request["metadata"]);
    if request["public"] == true {
        metadata.entry("public".to_owned()).or_insert_with(|| "true".to_owned());
    }
    let storage_limit = request["storage_limit"].as_i64().filter(|_| may_create);
    if storage_limit.is_some_and(|limit| limit < -1) {
        return Err(Refusal::bad_request("bad request: storage limit must be -1 or a positive number"));
    }
    let new = NewProject { name: text(&request, "project_name").to_owned(), metadata, storage_limit };
    let name = new.name.clone();
    let id = world::create_project(&mut world, &call.who, new)?;
    let by_name = call.header("x-resource-name-in-location") == Some("true");
    Ok(reply::created(&format!("/api/v2.0/projects/{}", if by_name { name } else { id.to_string() })))
}

fn get(call: &Call, project: &str) -> Answer {
    let world = call.app.world();
    let project = require(call, &world, project, ".", "read")?;
    Ok(reply::ok(&render::project(&world, &call.who, project)))
}

fn update(call: &Call, name: &str, body: &Bytes) -> Answer {
    let mut world = call.app.change();
    let id = require(call, &world, name, ".", "update")?.id;
    let request = object(body)?;
    let who = call.who.clone();
    let mut told = String::new();
    if let Some(project) = world.projects.get_mut(&id) {
        for (key, value) in metadata_of(&request["metadata"]) {
            if key != "retention_id" {
                project.metadata.insert(key, value);
            }
        }
        let allowlist = &request["cve_allowlist"];
        if let Some(items) = allowlist["items"].as_array() {
            project.cve_items = items.iter().filter_map(|item| item["cve_id"].as_str().map(str::to_owned)).collect();
            project.cve_expires_at = allowlist["expires_at"].as_i64();
        }
        project.updated = clock::now_us();
        told.clone_from(&project.name);
    }
    world::audit(&mut world, &who, id, "update", "project", &told, &format!("update project: {told}"));
    Ok(reply::done())
}

fn delete(call: &Call, name: &str) -> Answer {
    let mut world = call.app.change();
    let id = require(call, &world, name, ".", "delete")?.id;
    world::delete_project(&mut world, &call.who, id)?;
    Ok(reply::done())
}

fn deletable(call: &Call, name: &str) -> Answer {
    let world = call.app.world();
    let project = require(call, &world, name, ".", "delete")?;
    Ok(reply::ok(&match world::deletable(project) {
        Some(reason) => json!({"message": reason}),
        None => json!({"deletable": true}),
    }))
}

fn summary(call: &Call, name: &str) -> Answer {
    let world = call.app.world();
    let project = require(call, &world, name, ".", "read")?;
    let mut shown = json!({"repo_count": project.repos.len()});
    if permission::in_project(&world, &call.who, project, "quota", "read") {
        shown["quota"] = json!({"hard": {"storage": project.quota.hard}, "used": {"storage": world.used(project)}});
    }
    // Nobody who asks for the quota needs this.
    if permission::has_in_project(&world, &call.who, project, "member", "list") {
        for (role, key) in
            [(1, "project_admin_count"), (4, "maintainer_count"), (2, "developer_count"), (3, "guest_count"), (5, "limited_guest_count")]
        {
            let count = project.members.iter().filter(|member| member.role == role).count();
            if count > 0 {
                shown[key] = json!(count);
            }
        }
    }
    Ok(reply::ok(&shown))
}

fn metadatas(call: &Call, name: &str, rest: &[&str], body: &Bytes) -> Answer {
    let action = match call.method {
        Method::GET => "read",
        Method::POST => "create",
        Method::DELETE => "delete",
        _ => "update",
    };
    let mut world = call.app.change();
    let action = if rest.is_empty() && action == "read" { "list" } else { action };
    let id = match require(call, &world, name, "metadata", action) {
        Ok(project) => project.id,
        // project administrators have "read" where robots have "list"
        Err(refusal) if action == "list" => require(call, &world, name, "metadata", "read").map_err(|_| refusal)?.id,
        Err(refusal) => return Err(refusal),
    };
    let Some(project) = world.projects.get_mut(&id) else {
        return Err(super::no_such_path(call));
    };
    match (call.method.as_str(), rest) {
        ("GET", []) => Ok(reply::ok(&json!(project.metadata))),
        ("GET", [key]) => match project.metadata.get(*key) {
            Some(value) => Ok(reply::ok(&json!({*key: value}))),
            None => Ok(reply::ok(&json!({}))),
        },
        ("POST", []) => {
            let new = metadata_of(&object(body)?);
            let Some((key, value)) = new.into_iter().next() else {
                return Err(Refusal::bad_request("bad request: need exactly one metadata"));
            };
            if project.metadata.contains_key(&key) {
                return Err(Refusal::conflict(format!("metadata {key} exists already")));
            }
            project.metadata.insert(key, value);
            Ok(reply::done())
        }
        ("PUT", [key]) => {
            let new = metadata_of(&object(body)?);
            let value = new.get(*key).ok_or_else(|| Refusal::bad_request("bad request: the key is not in the body"))?;
            project.metadata.insert((*key).to_owned(), value.clone());
            Ok(reply::done())
        }
        ("DELETE", [key]) => {
            project.metadata.remove(*key);
            Ok(reply::done())
        }
        _ => Err(super::no_such_path(call)),
    }
}
