//! `/configurations`: an administrator's door; robots cannot be given it.

use bytes::Bytes;
use serde_json::{Value, json};

use super::{object, require_system};
use crate::reply::{self, Answer, Refusal};
use crate::server::Call;
use crate::world;

/// The settings the simulator knows, with their defaults.
fn defaults() -> Vec<(&'static str, Value)> {
    vec![
        ("audit_log_forward_endpoint", json!("")),
        ("banner_message", json!("")),
        ("notification_enable", json!(true)),
        ("primary_auth_mode", json!(false)),
        ("project_creation_restriction", json!("everyone")),
        ("quota_per_project_enable", json!(true)),
        ("read_only", json!(false)),
        ("robot_name_prefix", json!("robot$")),
        ("robot_token_duration", json!(30)),
        ("scanner_skip_update_pulltime", json!(false)),
        ("self_registration", json!(false)),
        ("session_timeout", json!(60)),
        ("skip_audit_log_database", json!(false)),
        ("storage_per_project", json!(-1)),
        ("token_expiration", json!(30)),
    ]
}

pub fn route(call: &Call, body: &Bytes) -> Answer {
    match call.method.as_str() {
        "GET" => {
            let world = call.app.world();
            require_system(call, &world, "configuration", "read")?;
            let mut shown = json!({"auth_mode": {"editable": false, "value": "db_auth"}, "scan_all_policy": {}});
            for (name, default) in defaults() {
                shown[name] = json!({"editable": true, "value": world::setting(&world, name, default)});
            }
            Ok(reply::ok(&shown))
        }
        "PUT" => {
            let mut world = call.app.change();
            require_system(call, &world, "configuration", "update")?;
            let request = object(body)?;
            let known = defaults();
            for (name, value) in request.as_object().into_iter().flatten() {
                let Some((_, default)) = known.iter().find(|(known, _)| known == name) else { continue };
                if std::mem::discriminant(default) != std::mem::discriminant(value) {
                    return Err(Refusal::bad_request(format!("invalid value for {name}")));
                }
                world.settings.insert(name.clone(), value.clone());
            }
            let who = call.who.clone();
            world::audit(&mut world, &who, 0, "update", "configuration", "configuration", "update configuration");
            Ok(reply::done())
        }
        _ => Err(super::no_such_path(call)),
    }
}
