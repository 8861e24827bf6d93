//! One look at a whole Harbor, five requests: which projects need not be listed, since nothing in them changed.
//!
//! It rests on the update times of repositories, which move with artifacts and tags since Harbor 2.15.2. They are a hint, no truth: labels,
//! settings and what a failed update left behind move none, so a full run on schedule asks everything again and is compared with what the
//! hint would have said. Nothing is concluded from silence: the login is proved before and after, Harbor must count as many repositories in
//! that listing as its projects have together, and the answer must be in the order that was asked for. Where one of these fails, every
//! project is listed.

use std::collections::HashMap;
use std::time::Duration;

use registry::{Client, HarborVersion, Project, RegistryError};
use time::OffsetDateTime;
use vocab::ProjectName;

/// A change is looked for from so long before the last look on: a transaction may commit that long after the time it writes.
pub const OVERLAP: Duration = Duration::from_secs(300);

/// What was known of a project when it was last listed, or last found unchanged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// Harbor's clock then.
    pub seen_at: OffsetDateTime,
    /// Harbor's number for the project: a project that was deleted and made again has another.
    pub project_id: i64,
    /// Repositories it counted.
    pub repositories: u64,
}

/// What the look rests on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Basis {
    /// Update times of repositories.
    UpdateTimes,
    /// No project was looked at before.
    FirstLook,
    /// Its update times say nothing, or its version is unknown.
    Version,
    /// It does not tell its clock.
    Clock,
    /// It does not sort by update time as asked.
    Order,
    /// The listing has another number of repositories than the projects together.
    Count,
    /// The listing was refused.
    Refused,
}

impl Basis {
    /// One sentence for a log.
    #[must_use]
    pub const fn sentence(self) -> &'static str {
        match self {
            Self::UpdateTimes => "repository update times",
            Self::FirstLook => "none: nothing was listed before",
            Self::Version => "none: update times follow pushes from Harbor 2.15.2 on",
            Self::Clock => "none: the Harbor does not tell its clock",
            Self::Order => "none: the Harbor does not sort repositories by update time",
            Self::Count => "none: the login does not see as many repositories as the projects count",
            Self::Refused => "none: the login may not list repositories of all projects",
        }
    }
}

/// The look.
#[derive(Debug, Clone)]
pub struct Glance {
    /// Harbor's clock before anything was listed; ours where it does not tell.
    pub at: OffsetDateTime,
    /// Every project the login sees.
    pub projects: Vec<Project>,
    /// What it rests on.
    pub basis: Basis,
    /// Changes from here on were listed.
    since: Option<OffsetDateTime>,
    /// Projects with a repository that was listed, and the last change of one.
    touched: HashMap<ProjectName, OffsetDateTime>,
}

impl Glance {
    /// Looks. `since` is the oldest [`Standing::seen_at`] to compare with; `projects` is how many there were last time.
    pub async fn take(client: &Client, since: Option<OffsetDateTime>, projects: u64) -> Result<Self, RegistryError> {
        let info = client.system_info().await?;
        client.prove_login().await?;
        let projects = client.projects_at_once(projects).await?;
        let at = info.current_time.unwrap_or_else(OffsetDateTime::now_utc);
        let mut glance = Self { at, projects, basis: Basis::FirstLook, since: None, touched: HashMap::new() };
        if let Some(since) = since {
            glance.basis = match (info.version, info.current_time) {
                (Some(version), _) if version < HarborVersion::UPDATE_TIMES => Basis::Version,
                (None, _) => Basis::Version,
                (_, None) => Basis::Clock,
                _ => glance.read(client, since - OVERLAP).await?,
            };
        }
        client.prove_login().await?;
        Ok(glance)
    }

    async fn read(&mut self, client: &Client, since: OffsetDateTime) -> Result<Basis, RegistryError> {
        let newest = match client.newest_repositories(since).await {
            Ok(Some(newest)) => newest,
            Ok(None) => return Ok(Basis::Order),
            Err(RegistryError::Forbidden { .. } | RegistryError::NotFound { .. } | RegistryError::Invalid { .. }) => {
                return Ok(Basis::Refused);
            }
            Err(error) => return Err(error),
        };
        // Whoever sees less than all would take what he cannot see for unchanged.
        if newest.total != self.projects.iter().map(|project| project.repo_count).sum::<u64>() {
            return Ok(Basis::Count);
        }
        for row in newest.rows {
            let Some(changed) = row.update_time else { return Ok(Basis::Order) };
            let last = self.touched.entry(row.name.project()).or_insert(changed);
            *last = changed.max(*last);
        }
        self.since = Some(since);
        Ok(Basis::UpdateTimes)
    }

    /// Whether nothing in the project changed since `standing`, as far as the hint goes.
    #[must_use]
    pub fn is_unchanged(&self, project: &Project, standing: &Standing) -> bool {
        let from = standing.seen_at - OVERLAP;
        self.basis == Basis::UpdateTimes
            && self.since.is_some_and(|since| since <= from)
            && standing.project_id == project.id
            && standing.repositories == project.repo_count
            && self.touched.get(&project.name).is_none_or(|changed| *changed < from)
    }

    /// What is to be known of the project next time.
    #[must_use]
    pub fn standing(&self, project: &Project) -> Standing {
        Standing { seen_at: self.at, project_id: project.id, repositories: project.repo_count }
    }
}
