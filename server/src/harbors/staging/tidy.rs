//! Looks into a staging project, removes what work that is over left there, and removes the project where it was switched off.

use app::audit::events::HarborEvent;
use app::harbors::sentences::StagingTrouble;
use app::units::figure;
use engine::backup::staging::{self, Session};
use registry::{Client, RegistryError};
use vocab::ProjectName;

use super::queries::{self, Look};
use crate::audit::{self, Actor, Event};
use crate::error::Error;
use crate::events::{self, Topic};
use crate::harbors::clients::{Access, client};
use crate::harbors::queries::Reach;
use crate::state::AppState;
use crate::troubles;

/// What was found.
#[derive(Debug, Clone, Default)]
pub struct Tidied {
    /// Copies removed.
    pub removed: u64,
    /// Copies that stay although nobody works with them.
    pub left: i64,
    /// Repositories of somebody else.
    pub foreign: Vec<String>,
    /// What went wrong.
    pub trouble: Option<StagingTrouble>,
    /// The project is gone for good.
    pub gone: bool,
}

impl Tidied {
    /// Why nothing may be copied there now.
    pub fn unusable(&self, project: &ProjectName) -> Option<StagingTrouble> {
        let foreign = || {
            let (repository, more) = self.foreign.split_first()?;
            Some(StagingTrouble::Foreign { project: project.to_string(), repository: repository.clone(), more: figure(more.len()) })
        };
        self.trouble.clone().filter(|_| self.left == 0).or_else(foreign)
    }
}

fn trouble(error: &RegistryError) -> StagingTrouble {
    StagingTrouble::Trouble { why: troubles::registry(error) }
}

/// Tidies the staging project of a harbor, if it has one. `ended` is work whose copies are not needed any more although its job still runs. An
/// error is one of the database only: what the harbor says is kept and answered.
pub async fn tidy(state: &AppState, reach: &Reach, actor: &Actor, ended: Option<Session>) -> Result<Tidied, Error> {
    let Some(project) = reach.staging_project.as_deref().and_then(|name| name.parse::<ProjectName>().ok()) else {
        return Ok(Tidied::default());
    };
    if reach.staging_login.is_none() {
        return keep(state, reach, actor, Tidied { trouble: Some(StagingTrouble::Unfinished), ..Tidied::default() }).await;
    }
    let client = client(state, reach, Access::Staging)?;
    let mut tidied = match cleared(state, &client, &project, ended).await? {
        Ok(tidied) => tidied,
        Err(RegistryError::NotFound { .. }) => Tidied { gone: true, ..Tidied::default() },
        Err(error) => Tidied { trouble: Some(trouble(&error)), ..Tidied::default() },
    };
    if reach.staging && tidied.gone {
        tidied = Tidied { trouble: Some(StagingTrouble::Gone { project: project.to_string() }), ..Tidied::default() };
    } else if !reach.staging && !tidied.gone && tidied.trouble.is_none() && tidied.foreign.is_empty() {
        match client.delete_project(&project).await {
            Ok(()) | Err(RegistryError::NotFound { .. }) => tidied.gone = true,
            Err(error) => tidied.trouble = Some(trouble(&error)),
        }
    }
    keep(state, reach, actor, tidied).await
}

/// What is in it. Harbor tells whoever is no administrator that a project that does not exist is forbidden.
async fn contents(client: &Client, project: &ProjectName) -> Result<staging::Contents, RegistryError> {
    match staging::contents(client, project).await {
        Err(error @ RegistryError::Forbidden { .. }) => {
            let exists = client.project_exists(project).await?;
            Err(if exists { error } else { RegistryError::NotFound { what: format!("the project {project}") } })
        }
        found => found,
    }
}

async fn cleared(
    state: &AppState,
    client: &Client,
    project: &ProjectName,
    ended: Option<Session>,
) -> Result<Result<Tidied, RegistryError>, Error> {
    let found = match contents(client, project).await {
        Ok(found) => found,
        Err(error) => return Ok(Err(error)),
    };
    let sessions: Vec<Session> = found.copies.iter().map(|(_, session)| *session).collect();
    let going_on = {
        let mut conn = state.pool.acquire().await?;
        queries::going_on(&mut conn, &sessions).await?
    };
    let over = |session: &Session| ended == Some(*session) || !going_on.contains(session);
    let copies: Vec<_> = found.copies.into_iter().filter(|(_, session)| over(session)).map(|(name, _)| name).collect();
    let (removed, kept) = staging::remove(client, &copies).await;
    Ok(Ok(Tidied {
        removed,
        left: i64::try_from(copies.len() as u64 - removed).unwrap_or(i64::MAX),
        foreign: found.foreign.iter().map(ToString::to_string).collect(),
        trouble: kept.as_ref().map(trouble),
        gone: false,
    }))
}

async fn keep(state: &AppState, reach: &Reach, actor: &Actor, tidied: Tidied) -> Result<Tidied, Error> {
    let mut tx = state.pool.begin().await?;
    let project = reach.staging_project.as_deref().unwrap_or_default();
    if tidied.gone {
        queries::forget(&mut tx, reach.harbor_id).await?;
    } else {
        let look = Look { left: tidied.left, foreign: &tidied.foreign, trouble: tidied.trouble.as_ref() };
        queries::looked(&mut tx, reach.harbor_id, &look).await?;
    }
    events::notify(&mut tx, Topic::Harbors).await?;
    if tidied.gone {
        let what = HarborEvent::StagingRemoved { project: project.to_owned(), harbor: reach.name.clone() };
        let event = Event::new("harbor.staging.remove", "harbor", &reach.name, what);
        audit::record(&mut tx, actor, event).await?;
    } else if tidied.removed > 0 {
        let removed = figure(tidied.removed);
        let what = HarborEvent::StagingCleared { copies: removed, project: project.to_owned(), harbor: reach.name.clone() };
        let event = Event::new("harbor.staging.clear", "harbor", &reach.name, what);
        audit::record(&mut tx, actor, event.with("removed", removed).with("left", tidied.left)).await?;
    }
    tx.commit().await?;
    Ok(tidied)
}
