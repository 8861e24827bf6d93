//! Repositories of a project.

use reqwest::Method;
use serde::Deserialize;
use serde_json::json;
use time::OffsetDateTime;
use vocab::{Digest, ProjectName, RepositoryName};

use super::paging::{Listing, PAGE_SIZE, Page, pages_max, too_long};
use super::values::{moment, or_default, repository_path, size, unescaped};
use crate::client::Client;
use crate::error::RegistryError;

/// A repository as Harbor lists it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Repository {
    pub id: i64,
    /// With its project.
    pub name: RepositoryName,
    /// As it was typed: what Harbor escaped for HTML is un-escaped.
    #[serde(default, deserialize_with = "description")]
    pub description: Option<String>,
    /// Artifacts that a plain listing shows; children of indexes and accessories come on top.
    #[serde(default, deserialize_with = "size")]
    pub artifact_count: u64,
    #[serde(default, deserialize_with = "size")]
    pub pull_count: u64,
    #[serde(rename = "creation_time", default, deserialize_with = "moment")]
    pub created: Option<OffsetDateTime>,
    /// A hint of change since Harbor 2.15.2 only; pulls move it too.
    #[serde(default, deserialize_with = "moment")]
    pub update_time: Option<OffsetDateTime>,
}

/// The repositories that changed last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Newest {
    /// Last changed first; all that changed at or after the moment asked for, and one page at least.
    pub rows: Vec<Repository>,
    /// Repositories this login sees in all projects together.
    pub total: u64,
}

fn description<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    let text: String = or_default(deserializer)?;
    Ok(Some(unescaped(&text)).filter(|t| !t.is_empty()))
}

impl Client {
    /// All repositories of a project.
    pub async fn repositories(&self, project: &ProjectName) -> Result<Vec<Repository>, RegistryError> {
        let listing = Listing::new(format!("/projects/{project}/repositories"), format!("list repositories of {project}"));
        self.keyed(&listing, "repository_id", |r: &Repository| r.id).await
    }

    /// Repositories of all projects this login sees, the last changed first, down to `since`. `None`: this Harbor does not sort them so, or does not count
    /// them, and nothing follows from its answer. Before Harbor 2.15.2 only pulls move the time.
    pub async fn newest_repositories(&self, since: OffsetDateTime) -> Result<Option<Newest>, RegistryError> {
        let listing = Listing::new("/repositories", "list the repositories that changed last");
        let mut rows: Vec<Repository> = Vec::new();
        for number in 1..=pages_max() {
            let page: Page<Repository> = self.page_sorted(&listing, "-update_time", number).await?;
            let Some(total) = page.total else { return Ok(None) };
            let ended = page.rows.len() < PAGE_SIZE;
            rows.extend(page.rows);
            let times: Option<Vec<OffsetDateTime>> = rows.iter().map(|row| row.update_time).collect();
            let Some(times) = times.filter(|times| times.is_sorted_by(|a, b| a >= b)) else { return Ok(None) };
            if ended || times.last().is_none_or(|last| *last < since) {
                return Ok(Some(Newest { rows, total }));
            }
        }
        Err(too_long(&listing))
    }

    /// One repository.
    pub async fn repository(&self, name: &RepositoryName) -> Result<Option<Repository>, RegistryError> {
        self.json_found(&self.api(Method::GET, &repository_path(name), format!("read the repository {name}"))).await
    }

    /// Repositories of the project that refer to this blob: sources for a mount. A filter since Harbor 2.3.
    pub async fn repositories_with_blob(&self, project: &ProjectName, digest: &Digest) -> Result<Vec<Repository>, RegistryError> {
        let listing = Listing::new(format!("/projects/{project}/repositories"), format!("find blob {} in {project}", digest.short()));
        self.paged(&listing.with("q", format!("blob_digest={digest}")), |r: &Repository| r.id).await
    }

    /// Sets the description.
    pub async fn set_repository_description(&self, name: &RepositoryName, description: &str) -> Result<(), RegistryError> {
        let call = self.api(Method::PUT, &repository_path(name), format!("describe the repository {name}"));
        self.expect(&call.json(&json!({ "description": description }))?).await.map(|_| ())
    }

    /// Deletes a repository with everything in it.
    pub async fn delete_repository(&self, name: &RepositoryName) -> Result<(), RegistryError> {
        let call = self.api(Method::DELETE, &repository_path(name), format!("delete the repository {name}"));
        self.expect(&call).await.map(|_| ())
    }
}
