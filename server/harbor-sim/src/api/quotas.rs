//! Quotas of projects.

use bytes::Bytes;
use serde_json::{Value, json};

use super::{number, object, require_system};
use crate::clock;
use crate::model::{Project, World};
use crate::query::{self, Field};
use crate::reply::{self, Answer, Refusal};
use crate::server::Call;

pub fn route(call: &Call, rest: &[&str], body: &Bytes) -> Answer {
    match (call.method.as_str(), rest) {
        ("GET", []) => list(call),
        ("GET", [id]) => {
            let world = call.app.world();
            require_system(call, &world, "quota", "read")?;
            Ok(reply::ok(&show(&world, find(&world, id)?)))
        }
        ("PUT", [id]) => update(call, id, body),
        _ => Err(super::no_such_path(call)),
    }
}

fn find<'a>(world: &'a World, id: &str) -> Result<&'a Project, Refusal> {
    let id = number(id, "id")?;
    let found = world.projects.values().find(|project| project.quota.id == id);
    found.ok_or_else(|| Refusal::not_found(format!("quota {id} not found")))
}

fn show(world: &World, project: &Project) -> Value {
    json!({
        "creation_time": clock::text(project.quota.created),
        "hard": {"storage": project.quota.hard},
        "id": project.quota.id,
        "ref": {"id": project.id, "name": project.name, "owner_name": ""},
        "update_time": clock::text(project.quota.updated),
        "used": {"storage": world.used(project)},
    })
}

fn list(call: &Call) -> Answer {
    let world = call.app.world();
    require_system(call, &world, "quota", "list")?;
    let reference = call.params.get("reference_id").map(str::to_owned);
    let rows: Vec<&Project> =
        world.projects.values().filter(|project| reference.as_ref().is_none_or(|id| *id == project.id.to_string())).collect();
    let field = |project: &&Project, key: &str| match key {
        "id" => Some(Field::Int(project.quota.id)),
        "creation_time" => Some(Field::Time(project.quota.created)),
        "update_time" => Some(Field::Time(project.quota.updated)),
        _ => None,
    };
    query::listing(&call.params, &call.path, "-creation_time", rows, field, |project| show(&world, project))
}

fn update(call: &Call, id: &str, body: &Bytes) -> Answer {
    let request = object(body)?;
    let mut world = call.app.change();
    require_system(call, &world, "quota", "update")?;
    let project_id = find(&world, id)?.id;
    let Some(hard) = request["hard"]["storage"].as_i64().filter(|hard| *hard == -1 || *hard > 0) else {
        return Err(Refusal::bad_request("invalid value for hard.storage"));
    };
    if let Some(project) = world.projects.get_mut(&project_id) {
        project.quota.hard = hard;
        project.quota.updated = clock::now_us();
    }
    Ok(reply::done())
}
