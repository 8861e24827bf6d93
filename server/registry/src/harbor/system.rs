//! The system: proof of login, version, health, garbage collection, read-only mode.

use std::collections::BTreeMap;

use reqwest::Method;
use serde::Deserialize;
use serde_json::{Value, json};
use time::OffsetDateTime;

use super::values::{moment, or_default};
use crate::client::Client;
use crate::error::{RegistryError, clean};
use crate::version::HarborVersion;

/// What `/systeminfo` tells a login; an anonymous caller gets less.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SystemInfo {
    /// `None` is unknown (custom builds say `-`), never *old*.
    pub version: Option<HarborVersion>,
    /// As Harbor words it.
    pub version_text: String,
    pub read_only: bool,
    pub auth_mode: String,
    /// Harbor's clock when it answered; only logins are told.
    pub current_time: Option<OffsetDateTime>,
    pub external_url: Option<String>,
}

#[derive(Deserialize)]
struct InfoRow {
    #[serde(default, deserialize_with = "or_default")]
    harbor_version: String,
    #[serde(default, deserialize_with = "or_default")]
    read_only: bool,
    #[serde(default, deserialize_with = "or_default")]
    auth_mode: String,
    #[serde(default, deserialize_with = "moment")]
    current_time: Option<OffsetDateTime>,
    external_url: Option<String>,
}

/// A part of Harbor and how it is.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Component {
    pub name: String,
    pub status: String,
}

/// Harbor's own word on its health.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Health {
    pub status: String,
    #[serde(default, deserialize_with = "or_default")]
    pub components: Vec<Component>,
}

impl Health {
    /// Whether all is well.
    #[must_use]
    pub fn is_healthy(&self) -> bool {
        self.status == "healthy"
    }
}

/// One run of garbage collection.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct GcRun {
    pub id: i64,
    /// `Pending`, `Running`, `Success`, `Error`, `Stopped`.
    #[serde(rename = "job_status")]
    pub status: String,
    /// JSON text with the parameters and what was freed.
    #[serde(rename = "job_parameters", default, deserialize_with = "or_default")]
    pub parameters: String,
}

impl GcRun {
    /// Whether it is over.
    #[must_use]
    pub fn is_over(&self) -> bool {
        matches!(self.status.as_str(), "Success" | "Error" | "Stopped")
    }
}

impl Client {
    /// Proves that the login counts, by the one call that tells on every version (harbor.md §0.1): a wrong login gets listings too, of public projects
    /// only. Call it before and after each listing whose absence of rows means something.
    pub async fn prove_login(&self) -> Result<(), RegistryError> {
        if self.prove_now().await? { Ok(()) } else { Err(RegistryError::NotLoggedIn { username: self.username().to_owned() }) }
    }

    /// Version, mode and clock.
    pub async fn system_info(&self) -> Result<SystemInfo, RegistryError> {
        let row: InfoRow = self.json(&self.api(Method::GET, "/systeminfo", "read the system's information")).await?;
        let info = SystemInfo {
            version: HarborVersion::parse(&row.harbor_version),
            version_text: clean(&row.harbor_version),
            read_only: row.read_only,
            auth_mode: clean(&row.auth_mode),
            current_time: row.current_time,
            external_url: row.external_url.filter(|u| !u.is_empty()).map(|u| clean(&u)),
        };
        self.remember_system_info(&info);
        Ok(info)
    }

    /// The version as far as [`Client::system_info`] told; asks if it was not called yet. `None` is unknown: probe features.
    pub async fn version(&self) -> Result<Option<HarborVersion>, RegistryError> {
        match self.known_system_info() {
            Some(info) => Ok(info.version),
            None => Ok(self.system_info().await?.version),
        }
    }

    /// Harbor's word on its health; needs no login.
    pub async fn health(&self) -> Result<Health, RegistryError> {
        self.json(&self.api(Method::GET, "/health", "read the health").open()).await
    }

    /// Starts garbage collection now; gives the id of the run. `delete_untagged` deletes untagged artifacts at once, without any window.
    pub async fn gc_run(&self, delete_untagged: bool) -> Result<i64, RegistryError> {
        let body = json!({ "schedule": { "type": "Manual" }, "parameters": { "delete_untagged": delete_untagged, "dry_run": false, "workers": 1 } });
        let answer = self.expect(&self.api(Method::POST, "/system/gc/schedule", "run garbage collection").once().json(&body)?).await?;
        let id = answer.header("location").and_then(|l| l.rsplit('/').next()).and_then(|id| id.parse().ok());
        id.ok_or_else(|| RegistryError::Protocol { what: "no id for the run of garbage collection".to_owned() })
    }

    /// How a run of garbage collection goes.
    pub async fn gc_status(&self, id: i64) -> Result<GcRun, RegistryError> {
        self.json(&self.api(Method::GET, &format!("/system/gc/{id}"), "read a run of garbage collection")).await
    }

    /// The newest runs of garbage collection, newest first.
    pub async fn gc_history(&self) -> Result<Vec<GcRun>, RegistryError> {
        let call = self.api(Method::GET, "/system/gc", "read the runs of garbage collection").query("sort", "-id").query("page_size", "20");
        Ok(self.json::<Option<Vec<GcRun>>>(&call).await?.unwrap_or_default())
    }

    /// Harbor's settings; for administrators.
    pub async fn configurations(&self) -> Result<BTreeMap<String, Value>, RegistryError> {
        self.json(&self.api(Method::GET, "/configurations", "read the configuration")).await
    }

    /// Switches read-only mode; for administrators.
    pub async fn set_read_only(&self, read_only: bool) -> Result<(), RegistryError> {
        let call = self.api(Method::PUT, "/configurations", "switch read-only mode").json(&json!({ "read_only": read_only }))?;
        self.expect(&call).await.map(|_| ())
    }
}
