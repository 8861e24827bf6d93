//! Garbage collection by API: start, schedule, history, log. A run ends before its start is answered.

use bytes::Bytes;
use serde_json::{Value, json};

use super::{number, object, require_system};
use crate::clock;
use crate::model::{Collection, World};
use crate::query::{self, Field};
use crate::reply::{self, Answer, Refusal};
use crate::server::Call;
use crate::world;

/// The schedules there are.
const SCHEDULES: [&str; 7] = ["Hourly", "Daily", "Weekly", "Custom", "Manual", "None", "Schedule"];

pub async fn route(call: &Call, rest: &[&str], body: &Bytes) -> Answer {
    match (call.method.as_str(), rest) {
        ("POST" | "PUT", ["schedule"]) => schedule(call, body).await,
        ("GET", ["schedule"]) => {
            let world = call.app.world();
            require_system(call, &world, "garbage-collection", "read")?;
            Ok(world.gc_schedule.as_ref().map_or_else(reply::nothing, reply::ok))
        }
        ("GET", []) => list(call),
        ("GET", [id]) => {
            let world = call.app.world();
            require_system(call, &world, "garbage-collection", "read")?;
            Ok(reply::ok(&show(find(&world, id)?)))
        }
        ("GET", [id, "log"]) => {
            let world = call.app.world();
            require_system(call, &world, "garbage-collection", "read")?;
            let mut answer = reply::done();
            *answer.body_mut() = axum::body::Body::from(find(&world, id)?.log.clone());
            reply::set(&mut answer, "content-type", "text/plain");
            Ok(answer)
        }
        ("PUT", [id]) => {
            let world = call.app.world();
            require_system(call, &world, "garbage-collection", "stop")?;
            find(&world, id)?;
            Ok(reply::done())
        }
        _ => Err(super::no_such_path(call)),
    }
}

fn find<'a>(world: &'a World, id: &str) -> Result<&'a Collection, Refusal> {
    let id = number(id, "gc_id")?;
    let found = world.collections.iter().find(|run| run.id == id);
    found.ok_or_else(|| Refusal::not_found(format!("garbage collection execution {id} not found")))
}

fn show(run: &Collection) -> Value {
    json!({
        "creation_time": clock::text(run.created),
        "id": run.id,
        "job_kind": "MANUAL",
        "job_name": "GARBAGE_COLLECTION",
        "job_parameters": run.parameters.to_string(),
        "job_status": "Success",
        "schedule": {"next_scheduled_time": clock::NEVER, "type": "Manual"},
        "update_time": clock::text(run.updated),
    })
}

fn list(call: &Call) -> Answer {
    let world = call.app.world();
    require_system(call, &world, "garbage-collection", "list")?;
    let field = |run: &&Collection, key: &str| match key {
        "id" => Some(Field::Int(run.id)),
        "creation_time" => Some(Field::Time(run.created)),
        _ => None,
    };
    query::listing(&call.params, &call.path, "-id", world.collections.iter().collect(), field, |run| show(run))
}

async fn schedule(call: &Call, body: &Bytes) -> Answer {
    let request = object(body)?;
    let action = if call.method == http::Method::POST { "create" } else { "update" };
    require_system(call, &call.app.world(), "garbage-collection", action)?;
    let kind = request["schedule"]["type"].as_str().unwrap_or_default();
    if !SCHEDULES.contains(&kind) {
        return Err(Refusal::invalid(&format!(
            "validation failure list:\nschedule.type in body should be one of [{}]",
            SCHEDULES.join(" ")
        )));
    }
    if kind != "Manual" {
        let mut world = call.app.change();
        world.gc_schedule = (kind != "None").then(|| json!({"schedule": request["schedule"], "job_status": "Pending"}));
        return Ok(reply::done());
    }
    if call.method != http::Method::POST {
        return Err(Refusal::bad_request("fail to update GC schedule as wrong schedule type: Manual."));
    }
    let asked = &request["parameters"];
    let (id, swept) = {
        let mut world = call.app.change();
        let created = clock::now_us();
        let swept = world::collect(&mut world, asked, call.app.config.gc_window);
        let window_h = call.app.config.gc_window.as_secs() / 3_600;
        let parameters = json!({
            "delete_tag": asked["delete_tag"] == true,
            "delete_untagged": asked["delete_untagged"].as_bool().unwrap_or(true),
            "dry_run": asked["dry_run"] == true,
            "freed_space": swept.freed,
            "purged_blobs": swept.blobs,
            "purged_manifests": swept.manifests,
            "time_window": window_h,
            "workers": asked["workers"].as_i64().unwrap_or(1),
        });
        let id = world.ids.next("execution");
        let log = format!("{} blobs and {} manifests were eligible for deletion\n", swept.blobs, swept.manifests);
        world.collections.push(Collection { id, parameters, created, updated: clock::now_us(), log });
        (id, swept)
    };
    for digest in &swept.digests {
        call.app.store.remove(digest).await.map_err(|error| {
            tracing::error!(%error, digest, "a blob could not be removed");
            Refusal::new(500, "UNKNOWN", "internal server error")
        })?;
    }
    Ok(reply::created(&format!("/api/v2.0/system/gc/{id}")))
}
