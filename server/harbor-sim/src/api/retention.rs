//! Runs of tag retention: started, listed, and told of in a log. A run is over when it is answered.

use bytes::Bytes;
use serde_json::{Value, json};

use super::{number, object, require_id};
use crate::clock;
use crate::model::{RetentionRun, RetentionTask, World};
use crate::query::{self, Field};
use crate::reply::{self, Answer, Refusal};
use crate::server::Call;
use crate::world;

/// `/retentions/{id}/executions…`
pub fn route(call: &Call, policy_id: i64, rest: &[&str], body: &Bytes) -> Answer {
    match (call.method.as_str(), rest) {
        ("POST", []) => start(call, policy_id, body),
        ("GET", []) => {
            let world = call.app.world();
            allowed(call, &world, policy_id, "list")?;
            let rows = world.retention_runs.iter().filter(|run| run.policy_id == policy_id).collect();
            query::listing(&call.params, &call.path, "-id", rows, by_id, |run| shown(run))
        }
        ("GET", [run, "tasks"]) => {
            let world = call.app.world();
            allowed(call, &world, policy_id, "list")?;
            let run = find(&world, policy_id, run)?;
            let rows = run.tasks.iter().collect();
            query::listing(
                &call.params,
                &call.path,
                "-id",
                rows,
                |task, key| (key == "id").then_some(Field::Int(task.id)),
                |task| {
                    json!({
                        "id": task.id, "execution_id": run.id, "job_id": format!("{:024x}", task.id), "repository": task.repository,
                        "retained": task.retained, "total": task.total, "status": "Success", "status_code": 3,
                        "start_time": clock::text_seconds(run.started), "end_time": clock::text_seconds(run.started),
                    })
                },
            )
        }
        ("GET", [run, "tasks", task]) => {
            let world = call.app.world();
            allowed(call, &world, policy_id, "read")?;
            let run = find(&world, policy_id, run)?;
            let id = number(task, "tid")?;
            let task = run.tasks.iter().find(|task| task.id == id);
            let task = task.ok_or_else(|| Refusal::not_found(format!("task {id} not found")))?;
            // As JSON where that is asked for, else as the text it is.
            if call.header("accept").is_some_and(|accept| accept.contains("application/json")) {
                return Ok(reply::ok(&json!(task.log)));
            }
            let mut answer = reply::done();
            *answer.body_mut() = axum::body::Body::from(task.log.clone());
            reply::set(&mut answer, "content-type", "text/plain");
            Ok(answer)
        }
        _ => Err(super::no_such_path(call)),
    }
}

fn by_id(run: &&RetentionRun, key: &str) -> Option<Field> {
    (key == "id").then_some(Field::Int(run.id))
}

fn allowed<'a>(call: &Call, world: &'a World, policy_id: i64, action: &str) -> Result<(i64, &'a Value), Refusal> {
    let policy = world.retentions.get(&policy_id);
    let policy = policy.ok_or_else(|| Refusal::bad_request(format!("no such Retention policy with id {policy_id}")))?;
    let project_id = policy["scope"]["ref"].as_i64().unwrap_or(0);
    require_id(call, world, project_id, "tag-retention", action)?;
    Ok((project_id, policy))
}

fn find<'a>(world: &'a World, policy_id: i64, run: &str) -> Result<&'a RetentionRun, Refusal> {
    let id = number(run, "eid")?;
    let found = world.retention_runs.iter().find(|run| run.id == id && run.policy_id == policy_id);
    found.ok_or_else(|| Refusal::not_found(format!("execution id {id} not found")))
}

fn shown(run: &RetentionRun) -> Value {
    json!({
        "id": run.id, "policy_id": run.policy_id, "dry_run": run.dry_run, "status": "Success", "trigger": "MANUAL",
        "start_time": clock::text(run.started), "end_time": clock::text_seconds(run.started),
    })
}

fn start(call: &Call, policy_id: i64, body: &Bytes) -> Answer {
    let dry_run = object(body)?["dry_run"] == true;
    let mut world = call.app.change();
    let (project_id, policy) = allowed(call, &world, policy_id, "update")?;
    let project = world.projects.get(&project_id).ok_or_else(|| super::no_such_path(call))?;
    let name = project.name.clone();
    let swept = world::retain(project, policy, dry_run);
    let (id, started) = (world.ids.next("retention_run"), clock::now_us());
    let mut tasks = Vec::new();
    for one in swept {
        if !dry_run {
            for digest in &one.deleted {
                world::delete_artifact(&mut world, &call.who, call.app.config.version, &format!("{name}/{}", one.repo), digest)?;
            }
        }
        let id = world.ids.next("retention_task");
        let retained = one.total - one.deleted.len();
        tasks.push(RetentionTask { id, repository: one.repo, total: one.total, retained, log: one.log });
    }
    world.retention_runs.push(RetentionRun { id, policy_id, dry_run, started, tasks });
    Ok(reply::created(&format!("{}/{id}", call.path.trim_end_matches('/'))))
}
