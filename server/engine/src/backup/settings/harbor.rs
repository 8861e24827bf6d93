//! What a Harbor is set to beyond its projects. Nothing here is a secret: Harbor blanks passwords itself, and fields named like one are
//! left out whatever they hold.

use registry::Client;
use serde_json::{Map, Value, json};

use super::collected::Collected;
use super::pick::{pick, sorted};
use super::{SETTINGS_VERSION, robot};
use crate::backup::BackupError;

/// Words in names of settings that are never kept.
const SECRET_WORDS: [&str; 4] = ["password", "secret", "token_key", "credential"];

/// Asks for every part; `before` is what an earlier snapshot has.
pub async fn read(client: &Client, before: Option<&Value>) -> Result<Value, BackupError> {
    let mut parts = Collected::new(before);
    let list = |path: &'static str, what: &'static str| async move { client.setting_rows(path, &[], what).await };

    let configurations = client.setting("/configurations", "read the configuration").await;
    parts.one("configuration", "an administrator's login: Harbor lets no robot read it", configurations, configuration)?;
    let robots = client.setting_rows("/robots", &[("q", "Level=system")], "list system robots").await;
    parts.rows("robots", "robot:list (system)", robots, robot)?;
    parts.rows("registries", "registry:list (system)", list("/registries", "list registries").await, registry_row)?;
    let policies = list("/replication/policies", "list replication policies").await;
    parts.rows("replication", "replication-policy:list (system)", policies, replication)?;
    let labels = client.setting_rows("/labels", &[("scope", "g")], "list labels of the Harbor").await;
    parts.rows("labels", "any login", labels, |row| pick(row, &["name", "description", "color"]))?;
    let scanners = list("/scanners", "list scanners").await;
    let fields = ["name", "description", "url", "disabled", "is_default", "auth", "skip_certVerify", "use_internal_addr"];
    parts.rows("scanners", "scanner:list (system)", scanners, |row| pick(row, &fields))?;
    let instances = list("/p2p/preheat/instances", "list preheat instances").await;
    let fields = ["name", "description", "vendor", "endpoint", "auth_mode", "enabled", "default", "insecure"];
    parts.rows("preheat_instances", "preheat-instance:list (system)", instances, |row| pick(row, &fields))?;
    for (name, path, needs) in [
        ("gc_schedule", "/system/gc/schedule", "garbage-collection:read (system)"),
        ("audit_purge_schedule", "/system/purgeaudit/schedule", "purge-audit:read (system)"),
        ("scan_all_schedule", "/system/scanAll/schedule", "scan-all:read (system)"),
    ] {
        parts.one(name, needs, client.setting(path, "read a schedule").await, schedule)?;
    }
    let allowed = client.setting("/system/CVEAllowlist", "read the allow-list of the Harbor").await;
    parts.one("cve_allowlist", "any login", allowed, cve_allowlist)?;
    let groups = list("/usergroups", "list groups").await;
    parts.rows("user_groups", "user-group:list (system)", groups, |row| pick(row, &["group_name", "group_type", "ldap_group_dn"]))?;
    let users = list("/users", "list users").await;
    let fields = ["username", "realname", "email", "comment", "sysadmin_flag"];
    parts.rows("users", "user:list (system); no robot that Breakwater makes has it", users, |row| pick(row, &fields))?;
    Ok(parts.into_value(SETTINGS_VERSION, &[]))
}

fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    SECRET_WORDS.iter().any(|word| name.contains(word))
}

/// `{name: {editable, value}}` as `{name: value}`.
fn configuration(row: &Value) -> Value {
    let kept: Map<String, Value> = row
        .as_object()
        .into_iter()
        .flatten()
        .filter(|(name, _)| !is_secret(name))
        .filter_map(|(name, entry)| Some((name.clone(), entry.get("value").filter(|value| !value.is_null())?.clone())))
        .collect();
    Value::Object(kept)
}

/// A registry to copy from or to. Its secret comes as asterisks and is left out; who logs in is kept.
pub(super) fn registry_row(row: &Value) -> Value {
    let mut shown = pick(row, &["name", "description", "type", "url", "insecure", "ca_certificate"]);
    let login = pick(&row["credential"], &["type", "access_key"]);
    if login.as_object().is_some_and(|login| !login.is_empty()) {
        shown["login"] = login;
    }
    shown
}

fn replication(row: &Value) -> Value {
    let fields = [
        "name",
        "description",
        "dest_namespace",
        "dest_namespace_replace_count",
        "deletion",
        "override",
        "enabled",
        "speed",
        "copy_by_chunk",
        "single_active_replication",
    ];
    let mut shown = pick(row, &fields);
    for side in ["src_registry", "dest_registry"] {
        let place = pick(&row[side], &["name", "type", "url"]);
        if place.as_object().is_some_and(|place| !place.is_empty()) {
            shown[side] = place;
        }
    }
    let filters = row["filters"].as_array().into_iter().flatten().map(|filter| pick(filter, &["type", "value", "decoration"]));
    shown["filters"] = sorted(filters.collect());
    shown["trigger"] =
        json!({ "type": row["trigger"]["type"], "cron": row["trigger"]["trigger_settings"]["cron"].as_str().unwrap_or_default() });
    shown
}

/// Without the time of the next run. The parameters are JSON inside text.
fn schedule(row: &Value) -> Value {
    let mut shown = pick(&row["schedule"], &["type", "cron"]);
    let parameters = row["job_parameters"].as_str().and_then(|text| serde_json::from_str::<Value>(text).ok());
    if let Some(parameters) = parameters.filter(Value::is_object) {
        shown["parameters"] = pick(
            &parameters,
            &["delete_untagged", "delete_tag", "workers", "dry_run", "audit_retention_hour", "include_operations", "include_event_types"],
        );
    }
    shown
}

fn cve_allowlist(row: &Value) -> Value {
    let mut items: Vec<&str> = row["items"].as_array().into_iter().flatten().filter_map(|item| item["cve_id"].as_str()).collect();
    items.sort_unstable();
    json!({ "items": items, "expires_at": row["expires_at"] })
}
