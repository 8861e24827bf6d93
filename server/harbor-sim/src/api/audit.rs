//! Audit logs: the extended one since 2.13, the old one before. The old one goes on answering and gets nothing new
//! (harbor.md §8).

use serde_json::{Value, json};

use super::require;
use crate::clock;
use crate::identity::Who;
use crate::model::AuditRow;
use crate::permission;
use crate::query::{self, Field};
use crate::reply::{Answer, Refusal};
use crate::server::Call;

/// `/audit-logs`, `/projects/{p}/logs`
pub fn old(call: &Call, project: Option<&str>) -> Answer {
    listing(
        call,
        project,
        |row| !row.extended,
        |row| {
            json!({
                "id": row.id, "op_time": clock::text(row.op_time), "operation": row.operation, "resource": row.resource,
                "resource_type": row.resource_type, "username": row.username,
            })
        },
    )
}

/// `/auditlog-exts`, `/projects/{p}/auditlog-exts`
pub fn new(call: &Call, project: Option<&str>) -> Answer {
    if !call.app.config.version.has_extended_audit() {
        return Err(super::no_such_path(call));
    }
    listing(
        call,
        project,
        |row| row.extended,
        |row| {
            json!({
                "id": row.id, "op_time": clock::text(row.op_time), "operation": row.operation,
                "operation_description": row.description, "operation_result": true, "resource": row.resource,
                "resource_type": row.resource_type, "username": row.username,
            })
        },
    )
}

fn listing(call: &Call, project: Option<&str>, keep: impl Fn(&AuditRow) -> bool, show: impl Fn(&AuditRow) -> Value) -> Answer {
    if !call.who.is_authenticated() {
        return Err(Refusal::new(401, "UNAUTHORIZED", ""));
    }
    let world = call.app.world();
    let mut rows: Vec<&AuditRow> = world.audit.iter().filter(|row| keep(row)).collect();
    match project {
        Some(name) => {
            let project = require(call, &world, name, "log", "list")?;
            rows.retain(|row| row.project_id == project.id && row.resource_type != "robot");
        }
        // without the right a robot gets an empty list, not a refusal; a user gets the projects it may read logs of
        None if permission::on_system(&world, &call.who, "audit-log", "list") => {}
        None if matches!(call.who, Who::User { .. }) => rows.retain(|row| {
            let project = world.projects.get(&row.project_id);
            project.is_some_and(|project| permission::in_project(&world, &call.who, project, "log", "list"))
        }),
        None => rows.clear(),
    }
    let field = |row: &&AuditRow, key: &str| match key {
        "id" => Some(Field::Int(row.id)),
        "op_time" => Some(Field::Time(row.op_time)),
        "username" => Some(Field::Text(row.username.clone())),
        "operation" => Some(Field::Text(row.operation.clone())),
        "resource" => Some(Field::Text(row.resource.clone())),
        "resource_type" => Some(Field::Text(row.resource_type.clone())),
        _ => None,
    };
    query::listing(&call.params, &call.path, "-op_time,-id", rows, field, |row| show(row))
}
