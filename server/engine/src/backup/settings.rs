//! The project's settings, as far as the backup login may read them: one JSON value with sorted keys and nothing volatile.
//!
//! Ids, counters and times stay out, so unchanged settings are the same object in every snapshot. A part the login may not read is named
//! in `unreadable`; it is no gap, since the images do not depend on it.

use registry::{Client, ImmutableRule, Project, RegistryError, RetentionRule, Selector};
use serde_json::{Map, Value, json};

use super::BackupError;

/// Version of the settings' shape.
const SETTINGS_VERSION: u32 = 1;
/// Settings that Harbor owns and numbers anew in each project.
const VOLATILE_METADATA: [&str; 1] = ["retention_id"];

/// What the project's own row says. Comes with the listing, so it is compared on every run.
pub(crate) fn own(project: &Project) -> Value {
    let metadata: Map<String, Value> = project
        .metadata
        .iter()
        .filter(|(name, _)| !VOLATILE_METADATA.contains(&name.as_str()))
        .map(|(name, value)| (name.clone(), Value::String(value.clone())))
        .collect();
    json!({ "name": project.name, "owner": project.owner, "proxy_cache": project.is_proxy_cache(), "metadata": metadata })
}

/// Whether stored settings have the same own part.
pub(crate) fn has_own(stored: &Value, project: &Project) -> bool {
    stored.get("project") == Some(&own(project)) && stored.get("version") == Some(&json!(SETTINGS_VERSION))
}

/// Asks for every part. An error that concerns the whole login ends the run; any other makes the part unreadable.
pub(crate) async fn read(client: &Client, project: &Project) -> Result<Value, BackupError> {
    let mut out = Map::new();
    let mut unreadable = Map::new();
    let mut part = |name: &str, value: Result<Value, RegistryError>| match value {
        Ok(value) => {
            out.insert(name.to_owned(), value);
            Ok(())
        }
        Err(error @ (RegistryError::NotLoggedIn { .. } | RegistryError::Unreachable { .. } | RegistryError::Unresolved { .. })) => {
            Err(error)
        }
        Err(error) => {
            unreadable.insert(name.to_owned(), Value::String(error.code().to_owned()));
            Ok(())
        }
    };
    let name = &project.name;
    part(
        "labels",
        client.labels(Some(project)).await.map(|mut labels| {
            labels.sort_by(|a, b| a.name.cmp(&b.name));
            labels.iter().map(|l| json!({ "name": l.name, "description": l.description, "color": l.color })).collect()
        }),
    )?;
    part(
        "members",
        client.members(name).await.map(|mut members| {
            members.sort_by(|a, b| (&a.kind, &a.name, a.role_id).cmp(&(&b.kind, &b.name, b.role_id)));
            members.iter().map(|m| json!({ "name": m.name, "kind": m.kind, "role": m.role_id })).collect()
        }),
    )?;
    part("immutable_rules", client.immutable_rules(name).await.map(|rules| sorted(rules.iter().map(immutable_rule).collect())))?;
    part(
        "retention",
        client.retention(project).await.map(|policy| {
            policy.map_or(Value::Null, |p| json!({ "cron": p.cron, "rules": p.rules.iter().map(retention_rule).collect::<Vec<_>>() }))
        }),
    )?;
    part("quota", client.project_quota(name).await.map(|quota| quota.map_or(Value::Null, |q| json!({ "hard_bytes": q.hard_bytes }))))?;
    out.insert("version".to_owned(), json!(SETTINGS_VERSION));
    out.insert("project".to_owned(), own(project));
    out.insert("unreadable".to_owned(), Value::Object(unreadable));
    Ok(Value::Object(out))
}

fn immutable_rule(rule: &ImmutableRule) -> Value {
    json!({ "disabled": rule.disabled, "tags": selectors(&rule.tags), "repositories": selectors(&rule.repositories) })
}

fn retention_rule(rule: &RetentionRule) -> Value {
    json!({
        "template": rule.template, "disabled": rule.disabled,
        "tags": selectors(&rule.tags), "repositories": selectors(&rule.repositories),
    })
}

fn selectors(selectors: &[Selector]) -> Value {
    selectors.iter().map(|s| json!({ "kind": s.kind, "decoration": s.decoration, "pattern": s.pattern })).collect()
}

/// Rules have no order of their own; by their text they have one.
fn sorted(mut rules: Vec<Value>) -> Value {
    rules.sort_by_key(ToString::to_string);
    Value::Array(rules)
}
