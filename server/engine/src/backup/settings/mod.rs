//! Settings, of a project and of the Harbor itself, as far as the backup login may read them: one JSON value each, with sorted keys and
//! nothing volatile.
//!
//! Ids, counters and times stay out, and what Harbor leaves out on one version and writes as empty on another is left out, so that
//! unchanged settings are the same object in every snapshot and on every version. A part the login may not read is named in `unreadable`
//! with the right it needs; it is no gap, since the images do not depend on it. Secrets that Harbor shows (the header of a webhook) are
//! sealed by [`SealSecrets`] or left out.

mod collected;
mod harbor;
mod pick;

use registry::{Client, Project};
use secrecy::SecretString;
use serde_json::{Map, Value, json};
use vault::HarborName;

use super::BackupError;
use collected::Collected;
use pick::{pick, rules, sorted};

pub use harbor::read as read_harbor;

/// Version of the settings' shape.
const SETTINGS_VERSION: u32 = 2;
/// Settings that Harbor owns and numbers anew in each project.
const VOLATILE_METADATA: [&str; 1] = ["retention_id"];

/// Seals a secret for the place in which a snapshot holds it. The same secret in the same place must give the same text.
pub trait SealSecrets: Send + Sync {
    /// The sealed text.
    fn seal(&self, place: &str, secret: &SecretString) -> String;
}

/// What the project's own row says. Comes with the listing, so it is compared on every run.
pub(crate) fn own(project: &Project) -> Value {
    let metadata: Map<String, Value> = project
        .metadata
        .iter()
        .filter(|(name, _)| !VOLATILE_METADATA.contains(&name.as_str()))
        .map(|(name, value)| (name.clone(), Value::String(value.clone())))
        .collect();
    let mut cves = project.cve_allowlist.items.clone();
    cves.sort();
    json!({
        "name": project.name, "owner": project.owner, "proxy_cache": project.is_proxy_cache(), "metadata": metadata,
        "cve_allowlist": { "items": cves, "expires_at": project.cve_allowlist.expires_at },
    })
}

/// Whether stored settings have the same own part.
/// The same with the form of the settings, as text.
pub(crate) fn own_text(project: &Project) -> String {
    json!({ "project": own(project), "version": SETTINGS_VERSION }).to_string()
}

pub(crate) fn has_own(stored: &Value, project: &Project) -> bool {
    stored.get("project") == Some(&own(project)) && stored.get("version") == Some(&json!(SETTINGS_VERSION))
}

/// Whose settings are read, and how.
pub(crate) struct Reading<'a> {
    pub client: &'a Client,
    pub harbor: &'a HarborName,
    pub secrets: Option<&'a dyn SealSecrets>,
    /// The settings of the snapshot before: a part that fails for a passing reason stays as it was.
    pub before: Option<&'a Value>,
}

/// Asks for every part. An error that concerns the whole login ends the run; any other makes the part unreadable.
pub(crate) async fn read(reading: &Reading<'_>, project: &Project) -> Result<Value, BackupError> {
    let (client, name, id) = (reading.client, &project.name, project.id.to_string());
    let mut parts = Collected::new(reading.before);
    let list = |path: String, what: &'static str| async move { client.setting_rows(&path, &[], &format!("{what} of {name}")).await };

    let labels = client.setting_rows("/labels", &[("scope", "p"), ("project_id", &id)], &format!("list labels of {name}")).await;
    parts.rows("labels", "label:list", labels, |row| pick(row, &["name", "description", "color"]))?;

    let members = list(format!("/projects/{name}/members"), "list members").await;
    let groups = groups(client, members.as_deref().unwrap_or_default(), &mut parts).await?;
    parts.rows("members", "member:list", members, |row| member(row, &groups))?;

    let query = format!("Level=project,ProjectID={id}");
    let robots = client.setting_rows("/robots", &[("q", &query)], &format!("list robots of {name}")).await;
    parts.rows("robots", "robot:list", robots, robot)?;

    let rules_path = format!("/projects/{name}/immutabletagrules");
    parts.rows("immutable_rules", "immutable-tag:list", list(rules_path, "list immutable rules").await, rules)?;

    let retention = match project.metadata.get("retention_id").and_then(|id| id.parse::<i64>().ok()) {
        Some(id) => client.setting(&format!("/retentions/{id}"), &format!("read the retention policy of {name}")).await,
        None => Ok(Value::Null),
    };
    parts.one("retention", "tag-retention:read", retention, retention_policy)?;

    let webhooks = list(format!("/projects/{name}/webhook/policies"), "list webhooks").await;
    let place = format!("{}/{name}", reading.harbor);
    parts.rows("webhooks", "notification-policy:list", webhooks, |row| webhook(row, &place, reading.secrets))?;

    let preheat = list(format!("/projects/{name}/preheat/policies"), "list preheat policies").await;
    parts.rows("preheat", "preheat-policy:list", preheat, preheat_policy)?;

    let scanner = client.setting(&format!("/projects/{name}/scanner"), &format!("read the scanner of {name}")).await;
    parts.one("scanner", "scanner:read", scanner, |row| pick(row, &["name", "url", "adapter", "vendor"]))?;

    let quota = client.project_quota(name).await.map(|quota| quota.map_or(Value::Null, |q| json!({ "hard_bytes": q.hard_bytes })));
    parts.one("quota", "quota:read", quota, Value::clone)?;

    if project.is_proxy_cache() {
        let registry = client.setting(&format!("/registries/{}", project.registry_id), &format!("read the registry {name} caches")).await;
        parts.one("proxy_cache", "registry:read (system)", registry, harbor::registry_row)?;
    }
    Ok(parts.into_value(SETTINGS_VERSION, &[("project", own(project))]))
}

/// Group type and distinguished name by Harbor's number of the group; a member's row has neither.
async fn groups(client: &Client, members: &[Value], parts: &mut Collected<'_>) -> Result<Map<String, Value>, BackupError> {
    let mut groups = Map::new();
    for id in members.iter().filter(|m| m["entity_type"] == "g").filter_map(|m| m["entity_id"].as_i64()) {
        match client.setting(&format!("/usergroups/{id}"), "read a group of members").await {
            Ok(row) => {
                groups.insert(id.to_string(), pick(&row, &["group_type", "ldap_group_dn"]));
            }
            Err(error) => parts.unreadable("member_groups", "user-group:read (system)", &error)?,
        }
    }
    Ok(groups)
}

fn member(row: &Value, groups: &Map<String, Value>) -> Value {
    let mut shown = json!({ "name": row["entity_name"], "kind": row["entity_type"], "role": row["role_id"] });
    if let Some(group) = row["entity_id"].as_i64().and_then(|id| groups.get(&id.to_string())).filter(|_| row["entity_type"] == "g") {
        shown["group"] = group.clone();
    }
    shown
}

/// A robot without Harbor's prefix and, of a project's, the project's name, which a create takes without. Never its secret: Harbor tells it once.
pub(crate) fn robot(row: &Value) -> Value {
    let mut shown = pick(row, &["description", "disable", "duration", "expires_at"]);
    let full = row["name"].as_str().unwrap_or_default();
    shown["login"] = json!(full);
    shown["name"] = json!(full.rsplit_once('+').or_else(|| full.split_once('$')).map_or(full, |(_, short)| short));
    let permissions = row["permissions"].as_array().into_iter().flatten().map(|scope| {
        let access = scope["access"].as_array().into_iter().flatten().map(|right| pick(right, &["resource", "action", "effect"])).collect();
        json!({ "kind": scope["kind"], "namespace": scope["namespace"], "access": sorted(access) })
    });
    shown["permissions"] = sorted(permissions.collect());
    shown
}

fn retention_policy(row: &Value) -> Value {
    let list = row["rules"].as_array().into_iter().flatten().map(rules).collect::<Vec<_>>();
    // Without the time of its next run, which is no setting.
    let cron = row["trigger"]["settings"]["cron"].as_str().unwrap_or_default();
    json!({ "algorithm": row["algorithm"], "rules": sorted(list), "cron": cron })
}

/// A webhook with its secret sealed for this policy and this address: moved elsewhere it opens nothing.
fn webhook(row: &Value, place: &str, secrets: Option<&dyn SealSecrets>) -> Value {
    let mut shown = pick(row, &["name", "description", "enabled"]);
    shown["event_types"] = sorted(row["event_types"].as_array().cloned().unwrap_or_default());
    let name = row["name"].as_str().unwrap_or_default();
    let targets = row["targets"].as_array().into_iter().flatten().map(|target| {
        let mut kept = pick(target, &["type", "address", "skip_cert_verify", "payload_format"]);
        if let Some(header) = target["auth_header"].as_str().filter(|text| !text.is_empty()) {
            let place = format!("{place}/webhook/{name}/{}", target["address"].as_str().unwrap_or_default());
            kept["auth_header"] = match secrets {
                Some(secrets) => json!({ "sealed": secrets.seal(&place, &SecretString::from(header.to_owned())) }),
                None => json!({ "left_out": "no key to seal it with" }),
            };
        }
        kept
    });
    shown["targets"] = targets.collect();
    shown
}

/// Filters and trigger are JSON inside text.
fn preheat_policy(row: &Value) -> Value {
    let mut shown = pick(row, &["name", "description", "enabled", "provider_name", "scope"]);
    for name in ["filters", "trigger", "extra_attrs"] {
        let parsed = row[name].as_str().and_then(|text| serde_json::from_str::<Value>(text).ok()).unwrap_or(Value::Null);
        if !parsed.is_null() {
            shown[name] = parsed;
        }
    }
    shown
}
