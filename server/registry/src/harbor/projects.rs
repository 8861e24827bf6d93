//! Projects and their quotas.

use std::collections::BTreeMap;

use reqwest::Method;
use serde::{Deserialize, Serialize};
use serde_json::json;
use time::OffsetDateTime;
use vocab::ProjectName;

use super::paging::{Listing, PAGE_SIZE, UNPAGED_ROWS_MAX};
use super::values::{moment, or_default, size};
use crate::client::Client;
use crate::error::RegistryError;

/// A project as Harbor lists it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Project {
    #[serde(rename = "project_id")]
    pub id: i64,
    pub name: ProjectName,
    /// Settings as Harbor keeps them: text to text.
    #[serde(default, deserialize_with = "or_default")]
    pub metadata: BTreeMap<String, String>,
    /// Repositories, empty ones too.
    #[serde(default, deserialize_with = "size")]
    pub repo_count: u64,
    #[serde(rename = "owner_name", default, deserialize_with = "or_default")]
    pub owner: String,
    /// Above zero for a cache of another registry.
    #[serde(default, deserialize_with = "or_default")]
    pub registry_id: i64,
    /// Vulnerabilities that block nothing.
    #[serde(default, deserialize_with = "or_default")]
    pub cve_allowlist: CveAllowlist,
    #[serde(rename = "creation_time", default, deserialize_with = "moment")]
    pub created: Option<OffsetDateTime>,
    #[serde(rename = "update_time", default, deserialize_with = "moment")]
    pub updated: Option<OffsetDateTime>,
}

/// Vulnerabilities that a policy lets pass.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct CveAllowlist {
    #[serde(default, deserialize_with = "cve_ids")]
    pub items: Vec<String>,
    /// Seconds since 1970; `None` is never.
    #[serde(default)]
    pub expires_at: Option<i64>,
}

fn cve_ids<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    #[derive(Deserialize)]
    struct Item {
        cve_id: String,
    }
    let items: Vec<Item> = or_default(deserializer)?;
    Ok(items.into_iter().map(|item| item.cve_id).collect())
}

impl Project {
    /// Whether anybody may pull.
    #[must_use]
    pub fn public(&self) -> bool {
        self.metadata.get("public").is_some_and(|v| v == "true")
    }

    /// Whether it caches another registry; such a project refuses pushes.
    #[must_use]
    pub const fn is_proxy_cache(&self) -> bool {
        self.registry_id > 0
    }
}

/// Storage of a project.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Quota {
    /// `None` is unlimited.
    pub hard_bytes: Option<u64>,
    pub used_bytes: u64,
}

impl Quota {
    fn of(hard: i64, used: i64) -> Self {
        Self { hard_bytes: u64::try_from(hard).ok(), used_bytes: u64::try_from(used).unwrap_or(0) }
    }
}

#[derive(Deserialize, Default)]
struct Storage {
    #[serde(default)]
    storage: i64,
}

#[derive(Deserialize)]
struct SummaryQuota {
    #[serde(default)]
    hard: Option<Storage>,
    #[serde(default)]
    used: Option<Storage>,
}

#[derive(Deserialize)]
struct Summary {
    quota: Option<SummaryQuota>,
}

#[derive(Deserialize)]
struct QuotaRow {
    id: i64,
}

impl Client {
    /// All projects this login sees: its own and every public one. A wrong login sees the public ones too, without an error: prove the login before and after
    /// (harbor.md §0.1).
    pub async fn projects(&self) -> Result<Vec<Project>, RegistryError> {
        self.keyed(&Listing::new("/projects", "list projects"), "project_id", |p: &Project| p.id).await
    }

    /// The same; `count` is how many there were last time: more than a page are asked for in one answer.
    pub async fn projects_at_once(&self, count: u64) -> Result<Vec<Project>, RegistryError> {
        let listing = Listing::new("/projects", "list projects");
        if count > PAGE_SIZE as u64
            && count <= UNPAGED_ROWS_MAX
            && let Some(rows) = self.unpaged(&listing, "project_id").await?
        {
            return Ok(rows);
        }
        self.projects().await
    }

    /// One project; `None` if it does not exist.
    pub async fn project(&self, name: &ProjectName) -> Result<Option<Project>, RegistryError> {
        self.json_found(&self.api(Method::GET, &format!("/projects/{name}"), format!("read the project {name}"))).await
    }

    /// Whether there is a project of this name, seen or not: the one question that Harbor answers every login the same. Prove the login before.
    pub async fn project_exists(&self, name: &ProjectName) -> Result<bool, RegistryError> {
        let call = self.api(Method::HEAD, "/projects", format!("ask for the project {name}")).query("project_name", name.as_str());
        Ok(self.expect_found(&call).await?.is_some())
    }

    /// Creates a project. Tokens from before are dropped: Harbor refuses them for it.
    pub async fn create_project(&self, name: &ProjectName, public: bool) -> Result<(), RegistryError> {
        let body = json!({ "project_name": name, "metadata": { "public": public.to_string() }, "storage_limit": -1 });
        let call = self.api(Method::POST, "/projects", format!("create the project {name}")).once().json(&body)?;
        self.expect(&call).await?;
        self.auth().forget_tokens();
        Ok(())
    }

    /// Whether this login may create projects. Harbor tells nobody's robots; but it judges the right before the name, so a name that no version accepts gives the answer
    /// and can never create anything. `None`: cannot be told, because of read-only mode.
    pub(crate) async fn may_create_projects(&self) -> Result<Option<bool>, RegistryError> {
        let call = self.api(Method::POST, "/projects", "create projects").json(&json!({ "project_name": "_" }))?;
        match self.expect(&call).await {
            Err(RegistryError::Invalid { .. }) => Ok(Some(true)),
            Err(RegistryError::Forbidden { .. }) => Ok(Some(false)),
            Err(RegistryError::ReadOnly) => Ok(None),
            Err(error) => Err(error),
            Ok(_) => Err(RegistryError::Protocol { what: "a project with an impossible name was accepted".to_owned() }),
        }
    }

    /// Deletes an empty project; one with repositories is [`RegistryError::Precondition`].
    pub async fn delete_project(&self, name: &ProjectName) -> Result<(), RegistryError> {
        let call = self.api(Method::DELETE, &format!("/projects/{name}"), format!("delete the project {name}"));
        self.expect(&call).await?;
        self.auth().forget_tokens();
        Ok(())
    }

    /// Changes settings; those not named stay.
    pub async fn update_project_metadata(&self, name: &ProjectName, metadata: &BTreeMap<String, String>) -> Result<(), RegistryError> {
        let call = self.api(Method::PUT, &format!("/projects/{name}"), format!("change the project {name}"));
        self.expect(&call.json(&json!({ "metadata": metadata }))?).await.map(|_| ())
    }

    /// The project's quota; `None` where this login may not see it.
    pub async fn project_quota(&self, name: &ProjectName) -> Result<Option<Quota>, RegistryError> {
        let call = self.api(Method::GET, &format!("/projects/{name}/summary"), format!("read the quota of {name}"));
        let summary: Summary = self.json(&call).await?;
        let quota = summary.quota;
        Ok(quota.map(|q| Quota::of(q.hard.map_or(-1, |s| s.storage), q.used.unwrap_or_default().storage)))
    }

    /// Sets the project's quota; `None` is unlimited.
    pub async fn set_project_quota(&self, project: &Project, hard_bytes: Option<u64>) -> Result<(), RegistryError> {
        let find = self
            .api(Method::GET, "/quotas", format!("find the quota of {}", project.name))
            .query("reference", "project")
            .query("reference_id", &project.id.to_string());
        let rows: Vec<QuotaRow> = self.json(&find).await?;
        let row = rows.first().ok_or_else(|| RegistryError::NotFound { what: format!("the quota of {}", project.name) })?;
        let storage = hard_bytes.map_or(-1, |n| i64::try_from(n).unwrap_or(i64::MAX));
        let call = self.api(Method::PUT, &format!("/quotas/{}", row.id), format!("set the quota of {}", project.name));
        self.expect(&call.json(&json!({ "hard": { "storage": storage } }))?).await.map(|_| ())
    }
}
