//! Immutability rules, retention policies and webhook policies: kept as the JSON they came as.

use bytes::Bytes;
use serde_json::{Value, json};

use super::{number, object, require, require_id, require_login};
use crate::clock;
use crate::query::{self, Field};
use crate::reply::{self, Answer, Refusal};
use crate::server::Call;

/// Rules a retention policy may have.
const RETENTION_RULES_MAX: usize = 15;

fn by_id(row: &(&i64, &Value), key: &str) -> Option<Field> {
    (key == "id").then_some(Field::Int(*row.0))
}

/// False is what Harbor leaves out.
fn without_false(mut value: Value) -> Value {
    if let Some(map) = value.as_object_mut() {
        map.retain(|_, value| *value != Value::Bool(false));
    }
    value
}

/// `/projects/{p}/immutabletagrules`
pub fn immutable(call: &Call, project: &str, rest: &[&str], body: &Bytes) -> Answer {
    let action = match call.method.as_str() {
        "GET" => "list",
        "POST" => "create",
        "DELETE" => "delete",
        _ => "update",
    };
    let mut world = call.app.change();
    let project_id = require(call, &world, project, "immutable-tag", action)?.id;
    let new_id = if action == "create" { world.ids.next("immutable") } else { 0 };
    let Some(row) = world.projects.get_mut(&project_id) else {
        return Err(super::no_such_path(call));
    };
    match (action, rest) {
        ("list", []) => {
            let rows = row.immutable.iter().collect();
            query::listing(&call.params, &call.path, "id", rows, by_id, |(id, rule)| {
                let mut shown = without_false((*rule).clone());
                shown["id"] = json!(id);
                shown
            })
        }
        ("create", []) => {
            let mut rule = object(body)?;
            if let Some(map) = rule.as_object_mut() {
                map.remove("id");
            }
            if row.immutable.values().any(|other| *other == rule) {
                return Err(Refusal::conflict("the immutable rule exists already"));
            }
            row.immutable.insert(new_id, rule);
            Ok(reply::created(&format!("/api/v2.0/projects/{project}/immutabletagrules/{new_id}")))
        }
        ("update", [id]) => {
            let id = number(id, "immutable_rule_id")?;
            let mut rule = object(body)?;
            let known = row.immutable.get_mut(&id);
            let known = known.ok_or_else(|| Refusal::not_found(format!("immutable rule {id} not found")))?;
            if let Some(map) = rule.as_object_mut() {
                map.remove("id");
            }
            *known = rule;
            Ok(reply::done())
        }
        ("delete", [id]) => {
            let id = number(id, "immutable_rule_id")?;
            let gone = row.immutable.remove(&id);
            gone.map(|_| reply::done()).ok_or_else(|| Refusal::not_found(format!("immutable rule {id} not found")))
        }
        _ => Err(super::no_such_path(call)),
    }
}

/// `/projects/{p}/webhook/…`: kept and shown; the simulator delivers nothing.
pub fn webhooks(call: &Call, project: &str, rest: &[&str], body: &Bytes) -> Answer {
    let action = match call.method.as_str() {
        "GET" => "list",
        "POST" => "create",
        "DELETE" => "delete",
        _ => "update",
    };
    let mut world = call.app.change();
    let project_id = require(call, &world, project, "notification-policy", action)?.id;
    let new_id = if action == "create" { world.ids.next("webhook") } else { 0 };
    let Some(row) = world.projects.get_mut(&project_id) else {
        return Err(super::no_such_path(call));
    };
    match (action, rest) {
        ("list", ["policies"]) => {
            let rows = row.webhooks.iter().collect();
            query::listing(&call.params, &call.path, "-id", rows, by_id, |(_, policy)| (*policy).clone())
        }
        ("list", ["policies", id]) => {
            let id = number(id, "webhook_policy_id")?;
            let policy = row.webhooks.get(&id);
            policy.map(reply::ok).ok_or_else(|| Refusal::not_found(format!("webhook policy {id} not found")))
        }
        ("create", ["policies"]) => {
            let mut policy = object(body)?;
            let now = clock::text(clock::now_us());
            policy["id"] = json!(new_id);
            policy["project_id"] = json!(project_id);
            for target in policy["targets"].as_array_mut().into_iter().flatten() {
                if target["type"] == "http" && target["payload_format"].as_str().is_none_or(str::is_empty) {
                    target["payload_format"] = json!("Default");
                }
            }
            policy["creation_time"] = json!(now);
            policy["update_time"] = json!(now);
            row.webhooks.insert(new_id, policy);
            Ok(reply::created(&format!("/api/v2.0/projects/{project}/webhook/policies/{new_id}")))
        }
        ("delete", ["policies", id]) => {
            let id = number(id, "webhook_policy_id")?;
            let gone = row.webhooks.remove(&id);
            gone.map(|_| reply::done()).ok_or_else(|| Refusal::not_found(format!("webhook policy {id} not found")))
        }
        _ => Err(super::no_such_path(call)),
    }
}

/// `/retentions…`
pub fn retentions(call: &Call, rest: &[&str], body: &Bytes) -> Answer {
    require_login(call)?;
    match (call.method.as_str(), rest) {
        ("GET", ["metadatas"]) => Ok(reply::ok(&metadatas())),
        ("POST", []) => create_retention(call, body),
        ("GET", [id]) => {
            let world = call.app.world();
            let policy = world.retentions.get(&number(id, "id")?);
            // an unknown id is an internal error in Harbor
            let policy = policy.ok_or_else(|| Refusal::new(500, "UNKNOWN", "internal server error"))?;
            require_id(call, &world, scope_of(policy), "tag-retention", "read")?;
            Ok(reply::ok(&with_next_run(policy.clone())))
        }
        ("PUT", [id]) => {
            let mut policy = checked(&object(body)?)?;
            let id = number(id, "id")?;
            let mut world = call.app.change();
            let known = world.retentions.get(&id);
            let known = known.ok_or_else(|| Refusal::not_found(format!("no such Retention policy with id {id}")))?;
            let project_id = scope_of(known);
            require_id(call, &world, project_id, "tag-retention", "update")?;
            policy["id"] = json!(id);
            policy["scope"] = json!({"level": "project", "ref": project_id});
            world.retentions.insert(id, policy);
            Ok(reply::done())
        }
        ("DELETE", [id]) => {
            let id = number(id, "id")?;
            let mut world = call.app.change();
            let known = world.retentions.get(&id);
            let known = known.ok_or_else(|| Refusal::not_found(format!("no such Retention policy with id {id}")))?;
            let project_id = scope_of(known);
            require_id(call, &world, project_id, "tag-retention", "delete")?;
            world.retentions.remove(&id);
            if let Some(project) = world.projects.get_mut(&project_id) {
                project.metadata.remove("retention_id");
            }
            Ok(reply::done())
        }
        (_, [id, "executions", rest @ ..]) => super::retention::route(call, number(id, "id")?, rest, body),
        _ => Err(super::no_such_path(call)),
    }
}

/// A policy with a schedule shows when it runs next; the simulator never runs it, so a day from now will do.
fn with_next_run(mut policy: Value) -> Value {
    let settings = &mut policy["trigger"]["settings"];
    if settings["cron"].as_str().is_some_and(|cron| !cron.is_empty()) {
        settings["next_scheduled_time"] = json!(clock::text(clock::now_us() + 86_400 * clock::SECOND_US));
    }
    policy
}

fn scope_of(policy: &Value) -> i64 {
    policy["scope"]["ref"].as_i64().unwrap_or(0)
}

fn checked(policy: &Value) -> Result<Value, Refusal> {
    let rules = policy["rules"].as_array().cloned().unwrap_or_default();
    if rules.len() > RETENTION_RULES_MAX {
        return Err(Refusal::bad_request(format!("only {RETENTION_RULES_MAX} retention rules are allowed at most")));
    }
    let mut policy = policy.clone();
    policy["rules"] = rules.into_iter().map(without_false).collect();
    if policy["trigger"]["settings"].is_null() {
        policy["trigger"] = json!({"kind": "Schedule", "settings": {"cron": ""}});
    }
    Ok(policy)
}

fn create_retention(call: &Call, body: &Bytes) -> Answer {
    let request = object(body)?;
    let project_id = scope_of(&request);
    let mut world = call.app.change();
    if !world.projects.contains_key(&project_id) {
        return Err(Refusal::bad_request(format!("bad request: invalid Project id {project_id}")));
    }
    let project = require_id(call, &world, project_id, "tag-retention", "create")?;
    if project.metadata.contains_key("retention_id") {
        return Err(Refusal::bad_request(format!("project {project_id} already has retention policy")));
    }
    let mut policy = checked(&request)?;
    let id = world.ids.next("retention");
    policy["id"] = json!(id);
    world.retentions.insert(id, policy);
    if let Some(project) = world.projects.get_mut(&project_id) {
        project.metadata.insert("retention_id".to_owned(), id.to_string());
    }
    Ok(reply::created(&format!("/api/v2.0/retentions/{id}")))
}

fn metadatas() -> Value {
    let count = |name: &str, text: &str, unit: &str| {
        json!({
            "action": "retain", "display_text": text, "rule_template": name,
            "params": [{"required": true, "type": "int", "unit": unit}],
        })
    };
    json!({
        "scope_selectors": [{"decorations": ["repoMatches", "repoExcludes"], "display_text": "Repositories", "kind": "doublestar"}],
        "tag_selectors": [{"decorations": ["matches", "excludes"], "display_text": "Tags", "kind": "doublestar"}],
        "templates": [
            count("latestPushedK", "the most recently pushed # artifacts", "COUNT"),
            count("latestPulledN", "the most recently pulled # artifacts", "COUNT"),
            count("nDaysSinceLastPush", "pushed within the last # days", "DAYS"),
            count("nDaysSinceLastPull", "pulled within the last # days", "DAYS"),
            {"action": "retain", "display_text": "always", "params": [], "rule_template": "always"},
        ],
    })
}
