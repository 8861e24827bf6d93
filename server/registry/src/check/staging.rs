//! Whether a login may stage: everything it needs in the staging project, and nothing that changes any other.

use super::{Check, Outcome, failed};
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

fn named(rights: &[Permission]) -> String {
    rights.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

impl Client {
    /// Rows about reading through `staging`, for this client's login; `others` are projects of the Harbor. Changes nothing.
    pub async fn check_staging(&self, staging: &ProjectName, others: &[Project]) -> Vec<Check> {
        if let Err(error) = self.prove_login().await {
            let row = failed("staging_login", "Login for staging", &error);
            return vec![row.remedy("give the login's current secret, or switch staging off and on again")];
        }
        let mut rows = vec![Check::new("staging_login", "Login for staging", Outcome::Pass, format!("{} is accepted", self.username()))];
        let project = match self.project(staging).await {
            Ok(Some(project)) => project,
            Ok(None) => {
                let error = RegistryError::NotFound { what: format!("the project {staging}") };
                rows.push(failed("staging_project", "Staging project", &error));
                return rows;
            }
            Err(error) => {
                rows.push(failed("staging_project", "Staging project", &error));
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
        const TITLE: &str = "Rights in the staging project";
        match self.permissions(&format!("/project/{}", project.id)).await {
            Ok(has) => {
                let missing = lacking(&has, &STAGE_IN);
                if missing.is_empty() {
                    return Check::new(CODE, TITLE, Outcome::Pass, "copy into it, read and clear it");
                }
                let mut row = Check::new(CODE, TITLE, Outcome::Fail, format!("missing in {}: {}", project.name, named(&missing)));
                row.missing = missing;
                row.remedy("add these rights to the robot, in this project only")
            }
            Err(error) => failed(CODE, TITLE, &error),
        }
    }

    async fn staging_quota(&self, staging: &ProjectName) -> Check {
        const CODE: &str = "staging_quota";
        const TITLE: &str = "Room in the staging project";
        match self.project_quota(staging).await {
            Ok(Some(quota)) => match quota.hard_bytes {
                None => Check::new(CODE, TITLE, Outcome::Pass, "no limit; a copy takes next to no space in the storage"),
                Some(limit) => {
                    Check::new(CODE, TITLE, Outcome::Warn, format!("images above {limit} bytes cannot be read through it, and stay gaps"))
                        .remedy("set the project's quota to unlimited: a copy takes next to no space in the storage")
                }
            },
            Ok(None) => Check::new(CODE, TITLE, Outcome::Warn, "this login may not see the project's quota"),
            Err(error) => failed(CODE, TITLE, &error),
        }
    }

    /// Whatever goes wrong with this login must stay inside its project.
    async fn staging_elsewhere(&self, staging: &ProjectName, others: &[Project]) -> Check {
        const CODE: &str = "staging_elsewhere";
        const TITLE: &str = "Other projects are out of its reach";
        let mut others: Vec<&Project> = others.iter().filter(|p| p.name != *staging && !p.is_proxy_cache()).collect();
        others.sort_by_key(|project| project.public());
        for project in others.into_iter().take(OTHERS_MAX) {
            let has = match self.permissions(&format!("/project/{}", project.id)).await {
                Ok(has) => has,
                Err(error) => return failed(CODE, TITLE, &error),
            };
            let too_much: Vec<Permission> =
                has.iter().filter(|right| !matches!(right.action.as_str(), "list" | "read" | "pull")).cloned().collect();
            if !too_much.is_empty() {
                return Check::new(CODE, TITLE, Outcome::Fail, format!("in {} it may: {}", project.name, named(&too_much)))
                    .remedy("take these rights from the robot: it needs artifact:read in all projects, and the rest in its own only");
            }
            let missing = lacking(&has, &STAGE_FROM);
            if !missing.is_empty() {
                let mut row = Check::new(CODE, TITLE, Outcome::Fail, format!("missing in {}: {}", project.name, named(&missing)));
                row.missing = missing;
                return row.remedy("give the robot artifact:read in all projects: nothing can be copied from one without");
            }
        }
        Check::new(CODE, TITLE, Outcome::Pass, "it may look artifacts up there, and change nothing")
    }
}

fn project_row(project: &Project) -> Check {
    const CODE: &str = "staging_project";
    const TITLE: &str = "Staging project";
    let name = &project.name;
    let policies: Vec<&str> =
        POLICIES.into_iter().filter(|policy| project.metadata.get(*policy).is_some_and(|value| value == "true")).collect();
    if project.public() {
        return Check::new(CODE, TITLE, Outcome::Fail, format!("{name} is public: everybody could pull what is copied there"))
            .remedy("make it private");
    }
    if project.is_proxy_cache() {
        return Check::new(CODE, TITLE, Outcome::Fail, format!("{name} is a cache of another registry and takes no copies"))
            .remedy("give a project of its own");
    }
    if policies.is_empty() {
        return Check::new(CODE, TITLE, Outcome::Pass, format!("{name} is private and has no policy"));
    }
    Check::new(CODE, TITLE, Outcome::Fail, format!("{name} has the policies {}, which block there too", policies.join(", ")))
        .remedy("switch them off in this project")
}
