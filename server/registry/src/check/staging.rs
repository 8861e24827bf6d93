//! Whether a login may stage: everything it needs in the staging project, and nothing that changes any other.

use super::{Advice, Check, Found, Outcome, failed};
use crate::client::Client;
use crate::error::RegistryError;
use crate::harbor::rights::{STAGE_FROM, STAGE_IN};
use crate::harbor::{Permission, Project};
use vocab::ProjectName;

/// Projects of others looked at; a robot's rights are the same in all it covers, so a few tell.
const OTHERS_MAX: usize = 3;
/// Policies under which nothing could be read in the project either.
const POLICIES: [&str; 3] = ["enable_content_trust", "enable_content_trust_cosign", "prevent_vul"];

fn lacking(has: &[Permission], needed: &[(&str, &str)]) -> Vec<Permission> {
    needed.iter().map(|(resource, action)| Permission::new(resource, action)).filter(|right| !has.contains(right)).collect()
}

impl Client {
    /// Rows about reading through `staging`, for this client's login; `others` are projects of the Harbor. Changes nothing.
    pub async fn check_staging(&self, staging: &ProjectName, others: &[Project]) -> Vec<Check> {
        if let Err(error) = self.prove_login().await {
            return vec![failed("staging_login", error).advice(Advice::GiveStagingSecret)];
        }
        let mut rows = vec![Check::new("staging_login", Outcome::Pass, Found::Accepted { login: self.username().to_owned() })];
        let project = match self.project(staging).await {
            Ok(Some(project)) => project,
            Ok(None) => {
                rows.push(failed("staging_project", RegistryError::NotFound { what: format!("the project {staging}") }));
                return rows;
            }
            Err(error) => {
                rows.push(failed("staging_project", error));
                return rows;
            }
        };
        rows.push(project_row(&project));
        rows.push(self.staging_rights(&project).await);
        rows.push(self.staging_quota(staging).await);
        rows.push(self.staging_elsewhere(staging, others).await);
        rows
    }

    async fn staging_rights(&self, project: &Project) -> Check {
        const CODE: &str = "staging_rights";
        match self.permissions(&format!("/project/{}", project.id)).await {
            Ok(has) => {
                let missing = lacking(&has, &STAGE_IN);
                if missing.is_empty() {
                    return Check::new(CODE, Outcome::Pass, Found::StagingAllowed);
                }
                let found = Found::StagingMissing { project: project.name.clone() };
                Check::new(CODE, Outcome::Fail, found).advice(Advice::AddStagingRights).missing(missing)
            }
            Err(error) => failed(CODE, error),
        }
    }

    async fn staging_quota(&self, staging: &ProjectName) -> Check {
        const CODE: &str = "staging_quota";
        match self.project_quota(staging).await {
            Ok(Some(quota)) => match quota.hard_bytes {
                None => Check::new(CODE, Outcome::Pass, Found::StagingUnlimited),
                Some(limit_bytes) => {
                    Check::new(CODE, Outcome::Warn, Found::StagingLimited { limit_bytes }).advice(Advice::LiftStagingQuota)
                }
            },
            Ok(None) => Check::new(CODE, Outcome::Warn, Found::StagingQuotaUnseen),
            Err(error) => failed(CODE, error),
        }
    }

    /// Whatever goes wrong with this login must stay inside its project.
    async fn staging_elsewhere(&self, staging: &ProjectName, others: &[Project]) -> Check {
        const CODE: &str = "staging_elsewhere";
        let mut others: Vec<&Project> = others.iter().filter(|p| p.name != *staging && !p.is_proxy_cache()).collect();
        others.sort_by_key(|project| project.public());
        for project in others.into_iter().take(OTHERS_MAX) {
            let has = match self.permissions(&format!("/project/{}", project.id)).await {
                Ok(has) => has,
                Err(error) => return failed(CODE, error),
            };
            let rights: Vec<Permission> =
                has.iter().filter(|right| !matches!(right.action.as_str(), "list" | "read" | "pull")).cloned().collect();
            if !rights.is_empty() {
                let found = Found::MayTooMuch { project: project.name.clone(), rights };
                return Check::new(CODE, Outcome::Fail, found).advice(Advice::TakeRights);
            }
            let missing = lacking(&has, &STAGE_FROM);
            if !missing.is_empty() {
                let found = Found::StagingMissing { project: project.name.clone() };
                return Check::new(CODE, Outcome::Fail, found).advice(Advice::GiveArtifactRead).missing(missing);
            }
        }
        Check::new(CODE, Outcome::Pass, Found::ElsewhereReadOnly)
    }
}

fn project_row(project: &Project) -> Check {
    const CODE: &str = "staging_project";
    let policies: Vec<&'static str> =
        POLICIES.into_iter().filter(|policy| project.metadata.get(*policy).is_some_and(|value| value == "true")).collect();
    let (is_public, is_cache, project) = (project.public(), project.is_proxy_cache(), project.name.clone());
    if is_public {
        return Check::new(CODE, Outcome::Fail, Found::StagingPublic { project }).advice(Advice::MakePrivate);
    }
    if is_cache {
        return Check::new(CODE, Outcome::Fail, Found::StagingCache { project }).advice(Advice::GiveOwnProject);
    }
    if policies.is_empty() {
        return Check::new(CODE, Outcome::Pass, Found::StagingPrivate { project });
    }
    Check::new(CODE, Outcome::Fail, Found::StagingPolicies { project, policies }).advice(Advice::SwitchPoliciesOff)
}
