//! Robots: short names in, full names out; the secret is shown once (harbor.md §1 "Robots", §0.10).

use bytes::Bytes;
use serde_json::{Value, json};

use super::{find, number, object, require, require_id, require_login, require_system, text};
use crate::clock;
use crate::identity::{self, ROBOT_PREFIX, Who};
use crate::model::{Access, Grant, Robot, World};
use crate::permission;
use crate::query::{self, Field};
use crate::reply::{self, Answer, Refusal};
use crate::server::Call;
use crate::world;

/// Seconds in a day.
const DAY_S: i64 = 86_400;
/// The length of a generated secret.
const SECRET_LENGTH: usize = 32;

pub fn route(call: &Call, rest: &[&str], body: &Bytes) -> Answer {
    require_login(call)?;
    match (call.method.as_str(), rest) {
        ("GET", []) => list(call),
        ("POST", []) => create(call, body),
        ("GET", [id]) => {
            let world = call.app.world();
            let robot = by_id(&world, id)?;
            allow(call, &world, robot.project_id, "read")?;
            Ok(reply::ok(&show(robot)))
        }
        ("PATCH", [id]) => refresh(call, id, body),
        ("PUT", [id]) => update(call, id, body),
        ("DELETE", [id]) => {
            let mut world = call.app.change();
            let robot = by_id(&world, id)?.clone();
            allow(call, &world, robot.project_id, "delete")?;
            world.robots.remove(&robot.id);
            let name = identity::robot_name(&robot);
            let what = format!("delete robot: {name}");
            world::audit(&mut world, &call.who, robot.project_id, "delete", "robot", &name, &what);
            Ok(reply::done())
        }
        _ => Err(super::no_such_path(call)),
    }
}

fn by_id<'a>(world: &'a World, id: &str) -> Result<&'a Robot, Refusal> {
    let id = number(id, "robot_id")?;
    world.robots.get(&id).ok_or_else(|| Refusal::not_found(format!("robot {id} not found")))
}

fn allow(call: &Call, world: &World, project_id: i64, action: &str) -> Result<(), Refusal> {
    if project_id == 0 {
        return require_system(call, world, "robot", action);
    }
    require_id(call, world, project_id, "robot", action).map(|_| ())
}

fn show(robot: &Robot) -> Value {
    json!({
        "creation_time": clock::text(robot.created),
        "creator_ref": robot.creator_ref,
        "creator_type": robot.creator_type,
        "description": robot.description,
        "disable": robot.disabled,
        "duration": robot.duration,
        "editable": true,
        "expires_at": robot.expires_at,
        "id": robot.id,
        "level": if robot.project_id == 0 { "system" } else { "project" },
        "name": identity::robot_name(robot),
        "permissions": robot.permissions,
        "update_time": clock::text(robot.updated),
    })
}

fn list(call: &Call) -> Answer {
    let world = call.app.world();
    let level = call.params.exact("Level")?;
    let project_id = match level.as_deref() {
        None | Some("system") => 0,
        Some("project") => {
            let id = call.params.exact("ProjectID")?;
            let id = id.ok_or_else(|| Refusal::bad_request("must with project ID when to query project robots"))?;
            let id = id.parse::<i64>().ok().filter(|id| *id > 0);
            id.ok_or_else(|| Refusal::bad_request("ProjectID must be a positive integer"))?
        }
        Some(_) => return Err(Refusal::bad_request("bad request error level input")),
    };
    allow(call, &world, project_id, "list")?;
    let rows: Vec<&Robot> = world.robots.values().filter(|robot| robot.project_id == project_id).collect();
    let field = |robot: &&Robot, key: &str| match key {
        "id" => Some(Field::Int(robot.id)),
        "name" => Some(Field::Text(robot.name.clone())),
        "creation_time" => Some(Field::Time(robot.created)),
        _ => None,
    };
    query::listing(&call.params, &call.path, "-creation_time", rows, field, |robot| show(robot))
}

fn grants(request: &Value) -> Result<Vec<Grant>, Refusal> {
    let blocks = request["permissions"].as_array().cloned().unwrap_or_default();
    if blocks.is_empty() {
        return Err(Refusal::bad_request("bad request empty permission"));
    }
    if text(request, "level") == "project" && blocks.len() > 1 {
        return Err(Refusal::bad_request("bad request permission"));
    }
    let mut grants = Vec::new();
    for block in blocks {
        let access = block["access"].as_array().cloned().unwrap_or_default();
        let access: Vec<Access> = access
            .iter()
            .map(|pair| Access { resource: text(pair, "resource").to_owned(), action: text(pair, "action").to_owned() })
            .collect();
        if access.is_empty() {
            return Err(Refusal::bad_request("bad request empty access"));
        }
        let kind = text(&block, "kind").to_owned();
        let table = match kind.as_str() {
            "system" => permission::ROBOT_SYSTEM,
            "project" => permission::ROBOT_PROJECT,
            _ => {
                return Err(Refusal::bad_request(format!("bad request permission level: {kind}")));
            }
        };
        for pair in &access {
            if !permission::holds(table, &pair.resource, &pair.action) {
                let message = format!("bad request permission: {}:{}", pair.resource, pair.action);
                return Err(Refusal::bad_request(message));
            }
        }
        grants.push(Grant { kind, namespace: text(&block, "namespace").to_owned(), access });
    }
    Ok(grants)
}

fn duration_of(request: &Value) -> Result<i64, Refusal> {
    let duration = request["duration"].as_i64().unwrap_or(0);
    if duration == -1 || duration > 0 {
        return Ok(duration);
    }
    Err(Refusal::bad_request(format!(
        "bad request error duration input: {duration}, duration must be either -1(Never) or a positive integer"
    )))
}

fn valid_name(name: &str) -> bool {
    let inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '.' | '_' | '-');
    let edge = |c: Option<char>| c.is_some_and(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
    name.len() <= 255 && name.chars().all(inner) && edge(name.chars().next()) && edge(name.chars().last())
}

/// A robot may make robots with no more than it has itself.
fn within(grants: &[Grant], own: &Robot) -> bool {
    grants.iter().all(|grant| {
        grant.access.iter().all(|access| {
            own.permissions.iter().any(|mine| {
                mine.kind == grant.kind && (mine.namespace == grant.namespace || mine.namespace == "*") && mine.access.contains(access)
            })
        })
    })
}

/// Who the creator is on record; a robot must have itself what it gives.
fn creator(call: &Call, world: &World, permissions: &[Grant]) -> Result<(i64, &'static str), Refusal> {
    match &call.who {
        Who::Robot { id, .. } => {
            if !world.robots.get(id).is_some_and(|own| within(permissions, own)) {
                return Err(Refusal::denied(format!(
                    "permission scope is invalid. It must be equal to or more restrictive than the creator robot's \
                     permissions: {}",
                    call.who.name()
                )));
            }
            Ok((*id, "robot"))
        }
        who => Ok((who.user_id(), "local")),
    }
}

/// Name, level and duration of a robot to be.
fn checked(request: &Value) -> Result<(&str, &str, i64), Refusal> {
    let name = text(request, "name");
    if !valid_name(name) {
        return Err(Refusal::bad_request("robot name is not in lower case or contains illegal characters"));
    }
    let duration = duration_of(request)?;
    let level = text(request, "level");
    if level != "system" && level != "project" {
        let message = format!("bad request error level input: {level}");
        return Err(Refusal::bad_request(message));
    }
    Ok((name, level, duration))
}

fn create(call: &Call, body: &Bytes) -> Answer {
    let request = object(body)?;
    let (name, level, duration) = checked(&request)?;
    let permissions = grants(&request)?;
    let mut world = call.app.change();
    let (project_id, full) = if level == "project" {
        let project = require(call, &world, &permissions[0].namespace, "robot", "create")?;
        (project.id, format!("{}+{name}", project.name))
    } else {
        require_system(call, &world, "robot", "create")?;
        (0, name.to_owned())
    };
    let (creator_ref, creator_type) = creator(call, &world, &permissions)?;
    for grant in permissions.iter().filter(|grant| grant.kind == "project" && grant.namespace != "*") {
        if find(call, &world, &grant.namespace).is_none() {
            return Err(Refusal::not_found(format!("project {} not found", grant.namespace)));
        }
    }
    if world.robots.values().any(|robot| robot.name == full) {
        return Err(Refusal::conflict(format!("robot account {full} already exists")));
    }
    let secret = identity::random_text(SECRET_LENGTH);
    let created = clock::now_us();
    let robot = Robot {
        id: world.ids.next("robot"),
        name: full,
        description: text(&request, "description").to_owned(),
        secret: identity::secret_of(&secret),
        project_id,
        duration,
        expires_at: expiry(created, duration),
        disabled: false,
        creator_ref,
        creator_type: creator_type.to_owned(),
        permissions,
        created,
        updated: created,
    };
    let shown = json!({
        "creation_time": clock::text(created), "expires_at": robot.expires_at, "id": robot.id,
        "name": identity::robot_name(&robot), "secret": secret,
    });
    let name = identity::robot_name(&robot);
    let id = robot.id;
    world.robots.insert(id, robot);
    world::audit(&mut world, &call.who, project_id, "create", "robot", &name, &format!("create robot: {name}"));
    let mut answer = reply::ok(&shown);
    *answer.status_mut() = http::StatusCode::CREATED;
    reply::set(&mut answer, "location", &format!("/api/v2.0/robots/{id}"));
    Ok(answer)
}

fn expiry(created: i64, duration: i64) -> i64 {
    if duration == -1 { -1 } else { created / clock::SECOND_US + duration.saturating_mul(DAY_S) }
}

/// PATCH: a given secret is set, an empty one is generated and shown.
fn refresh(call: &Call, id: &str, body: &Bytes) -> Answer {
    let request = object(body)?;
    let mut world = call.app.change();
    let robot = by_id(&world, id)?.clone();
    allow(call, &world, robot.project_id, "update")?;
    let given = text(&request, "secret");
    if !given.is_empty() && !identity::is_strong(given) {
        return Err(Refusal::bad_request(
            "the secret must be 8-128, inclusively, characters long with at least 1 uppercase letter, 1 lowercase \
             letter and 1 number",
        ));
    }
    let new = if given.is_empty() { identity::random_text(SECRET_LENGTH) } else { given.to_owned() };
    if let Some(row) = world.robots.get_mut(&robot.id) {
        row.secret = identity::secret_of(&new);
        row.updated = clock::now_us();
    }
    Ok(reply::ok(&if given.is_empty() { json!({"secret": new}) } else { json!({}) }))
}

/// PUT: the whole body; level and full name must be those of the robot.
fn update(call: &Call, id: &str, body: &Bytes) -> Answer {
    let request = object(body)?;
    let mut world = call.app.change();
    let robot = by_id(&world, id)?.clone();
    let duration = if request["duration"].is_null() { robot.duration } else { duration_of(&request)? };
    let permissions = grants(&request)?;
    allow(call, &world, robot.project_id, "update")?;
    let level = if robot.project_id == 0 { "system" } else { "project" };
    if text(&request, "level") != level || text(&request, "name") != format!("{ROBOT_PREFIX}{}", robot.name) {
        return Err(Refusal::bad_request("cannot update the level or name of robot"));
    }
    if let Some(row) = world.robots.get_mut(&robot.id) {
        if row.duration != duration {
            row.duration = duration;
            row.expires_at = expiry(row.created, duration);
        }
        text(&request, "description").clone_into(&mut row.description);
        row.disabled = request["disable"] == true;
        row.permissions = permissions;
        row.updated = clock::now_us();
    }
    Ok(reply::done())
}
