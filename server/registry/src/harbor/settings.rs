//! Settings of a project that a restore must respect or a backup keeps: immutable rules, retention, members, labels.

use std::collections::BTreeMap;

use reqwest::Method;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use vocab::ProjectName;

use super::paging::Listing;
use super::projects::Project;
use super::values::or_default;
use crate::client::Client;
use crate::error::RegistryError;

/// A pattern for names of tags or repositories.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Selector {
    /// `doublestar`.
    pub kind: String,
    /// `matches`, `excludes`, `repoMatches`, `repoExcludes`.
    pub decoration: String,
    pub pattern: String,
    /// JSON in a text, such as `{"untagged":true}`; empty where nothing is said.
    #[serde(default, deserialize_with = "or_default")]
    pub extras: String,
}

/// A rule that makes tags immutable.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct ImmutableRule {
    pub id: i64,
    #[serde(default, deserialize_with = "or_default")]
    pub disabled: bool,
    #[serde(rename = "tag_selectors", default, deserialize_with = "or_default")]
    pub tags: Vec<Selector>,
    #[serde(rename = "scope_selectors", default, deserialize_with = "repositories")]
    pub repositories: Vec<Selector>,
}

/// A rule of retention.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct RetentionRule {
    /// `retain` is the only one there is.
    #[serde(default, deserialize_with = "or_default")]
    pub action: String,
    /// `always`, `latestPushedK`, `latestPulledN`, `nDaysSinceLastPush`, `nDaysSinceLastPull`.
    #[serde(default, deserialize_with = "or_default")]
    pub template: String,
    /// The template's figure under the template's name.
    #[serde(default, deserialize_with = "or_default")]
    pub params: BTreeMap<String, Value>,
    #[serde(default, deserialize_with = "or_default")]
    pub disabled: bool,
    #[serde(rename = "tag_selectors", default, deserialize_with = "or_default")]
    pub tags: Vec<Selector>,
    #[serde(rename = "scope_selectors", default, deserialize_with = "repositories")]
    pub repositories: Vec<Selector>,
}

/// The retention policy of a project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RetentionSummary {
    pub id: i64,
    pub rules: Vec<RetentionRule>,
    /// When it runs by itself; `None` is never.
    pub cron: Option<String>,
}

/// A member of a project.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Member {
    pub id: i64,
    #[serde(rename = "entity_name")]
    pub name: String,
    /// `u` user, `g` group.
    #[serde(rename = "entity_type", default, deserialize_with = "or_default")]
    pub kind: String,
    /// 1 project admin, 2 developer, 3 guest, 4 maintainer, 5 limited guest.
    pub role_id: i64,
    #[serde(default, deserialize_with = "or_default")]
    pub role_name: String,
}

/// A label that can be put on artifacts.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct ProjectLabel {
    pub id: i64,
    pub name: String,
    #[serde(default, deserialize_with = "or_default")]
    pub description: String,
    #[serde(default, deserialize_with = "or_default")]
    pub color: String,
    /// `g` for the whole Harbor, `p` for the project.
    #[serde(default, deserialize_with = "or_default")]
    pub scope: String,
}

#[derive(Deserialize, Default)]
struct ScopeSelectors {
    #[serde(default, deserialize_with = "or_default")]
    repository: Vec<Selector>,
}

fn repositories<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Vec<Selector>, D::Error> {
    Ok(or_default::<D, ScopeSelectors>(deserializer)?.repository)
}

#[derive(Deserialize)]
struct RetentionRow {
    id: i64,
    #[serde(default, deserialize_with = "or_default")]
    rules: Vec<RetentionRule>,
    trigger: Option<Trigger>,
}

#[derive(Deserialize)]
struct Trigger {
    settings: Option<TriggerSettings>,
}

#[derive(Deserialize)]
struct TriggerSettings {
    cron: Option<String>,
}

impl Client {
    /// Rules that make tags immutable. Evaluate them here rather than asking Harbor per tag: it runs a query for each.
    pub async fn immutable_rules(&self, project: &ProjectName) -> Result<Vec<ImmutableRule>, RegistryError> {
        let listing = Listing::new(format!("/projects/{project}/immutabletagrules"), format!("list immutable rules of {project}"));
        self.paged(&listing, |r: &ImmutableRule| r.id).await
    }

    /// Makes tags that match `tag_pattern` immutable in all repositories of the project.
    pub async fn create_immutable_rule(&self, project: &ProjectName, tag_pattern: &str) -> Result<(), RegistryError> {
        let body = json!({
            "disabled": false, "action": "immutable", "template": "immutable_template",
            "tag_selectors": [{ "kind": "doublestar", "decoration": "matches", "pattern": tag_pattern }],
            "scope_selectors": { "repository": [{ "kind": "doublestar", "decoration": "repoMatches", "pattern": "**" }] },
        });
        let call = self.api(Method::POST, &format!("/projects/{project}/immutabletagrules"), format!("make tags of {project} immutable"));
        self.expect(&call.once().json(&body)?).await.map(|_| ())
    }

    /// Deletes a rule.
    pub async fn delete_immutable_rule(&self, project: &ProjectName, id: i64) -> Result<(), RegistryError> {
        let path = format!("/projects/{project}/immutabletagrules/{id}");
        self.expect(&self.api(Method::DELETE, &path, format!("delete an immutable rule of {project}"))).await.map(|_| ())
    }

    /// The retention policy of a project; `None` if it has none.
    pub async fn retention(&self, project: &Project) -> Result<Option<RetentionSummary>, RegistryError> {
        let Some(id) = project.metadata.get("retention_id").and_then(|id| id.parse::<i64>().ok()) else { return Ok(None) };
        let call = self.api(Method::GET, &format!("/retentions/{id}"), format!("read the retention policy of {}", project.name));
        let row: Option<RetentionRow> = self.json_found(&call).await?;
        Ok(row.map(|row| {
            let cron = row.trigger.and_then(|t| t.settings).and_then(|s| s.cron).filter(|c| !c.is_empty());
            RetentionSummary { id: row.id, rules: row.rules, cron }
        }))
    }

    /// Members of a project.
    pub async fn members(&self, project: &ProjectName) -> Result<Vec<Member>, RegistryError> {
        let listing = Listing::new(format!("/projects/{project}/members"), format!("list members of {project}"));
        self.paged(&listing, |m: &Member| m.id).await
    }

    /// Labels of a project, or those of the whole Harbor.
    pub async fn labels(&self, project: Option<&Project>) -> Result<Vec<ProjectLabel>, RegistryError> {
        let listing = match project {
            Some(project) => Listing::new("/labels", format!("list labels of {}", project.name))
                .with("scope", "p")
                .with("project_id", project.id.to_string()),
            None => Listing::new("/labels", "list labels").with("scope", "g"),
        };
        self.paged(&listing, |l: &ProjectLabel| l.id).await
    }

    /// Makes a label in a project. One of the same name is [`RegistryError::Conflict`].
    pub async fn create_label(&self, project: &Project, name: &str, color: &str, description: &str) -> Result<(), RegistryError> {
        let body = json!({ "name": name, "color": color, "description": description, "scope": "p", "project_id": project.id });
        let call = self.api(Method::POST, "/labels", format!("create the label {name}")).once().json(&body)?;
        self.expect(&call).await.map(|_| ())
    }
}
