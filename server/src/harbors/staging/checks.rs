//! What the check-list of a harbor says of staging.

use app::harbors::checks::{Advice, Detail, Heading};
use app::harbors::types::{Check, CheckOutcome};
use registry::{Client, RegistryError, STAGING_PREFIX};
use serde_json::Value;
use vocab::ProjectName;

use crate::harbors::told;
use crate::troubles;

/// Rows for a staging project and its login; `reader` is the login for backup, which sees the other projects.
pub async fn rows(reader: &Client, stager: &Client, project: &ProjectName) -> Vec<Check> {
    let others = reader.projects().await.unwrap_or_default();
    let mut rows: Vec<Check> = stager.check_staging(project, &others).await.into_iter().map(|row| told::row(&row)).collect();
    let policies = replicated(reader, Some(project)).await;
    rows.push(replication_row(policies));
    rows
}

/// Replication policies that would carry copies on; without a project, those that would whatever its name.
pub async fn replicated(reader: &Client, project: Option<&ProjectName>) -> Result<Vec<String>, RegistryError> {
    let policies: Vec<Value> = reader.setting_rows("/replication/policies", &[], "list replication policies").await?;
    let any: ProjectName =
        format!("{STAGING_PREFIX}0").parse().map_err(|_| RegistryError::Protocol { what: "a name of ours".to_owned() })?;
    Ok(engine::backup::staging::replicated_by(&policies, project.unwrap_or(&any)))
}

fn replication_row(policies: Result<Vec<String>, RegistryError>) -> Check {
    let (outcome, detail, advice) = match policies {
        Ok(policies) if policies.is_empty() => (CheckOutcome::Pass, Detail::NotReplicated, None),
        Ok(policies) => {
            let advice = Advice::FilterReplication { pattern: format!("{STAGING_PREFIX}*/**") };
            (CheckOutcome::Warn, Detail::Replicated { policies }, Some(advice))
        }
        Err(error) => (CheckOutcome::Warn, Detail::ReplicationUnread { why: troubles::registry(&error) }, Some(Advice::LookAtReplication)),
    };
    Check {
        code: "staging_replication".to_owned(),
        title: Heading::StagingReplication.into(),
        outcome,
        detail: detail.into(),
        remedy: advice.map(Into::into),
        missing: Vec::new(),
    }
}
