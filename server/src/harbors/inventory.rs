//! The projects of a harbor, listed every few minutes and on demand: what nobody protects shows before the next run.

use std::sync::Arc;

use app::audit::events::HarborEvent;
use app::error::ApiError;
use app::harbors::sentences;
use app::jobs::lines::Line;
use app::jobs::sentences::Title;
use app::units::figure;
use registry::Client;
use sqlx::PgConnection;

use super::clients::{self, Access, client};
use super::ops::managed;
use super::queries::{self, Contact, Listed, Reach};
use super::{logins, staging};
use crate::access::{Caller, Origin};
use crate::audit::{self, Actor, Event};
use crate::error::Error;
use crate::events::{self, Topic};
use crate::jobs::{self, JobContext, JobError, NewJob, Work};
use crate::state::AppState;

/// A harbor's projects are asked for when nobody did for so long, seconds.
const INVENTORY_EVERY_S: f64 = 300.0;
/// Listings queued at a time.
const INVENTORIES_MAX: i64 = 20;

/// Lists the projects of a harbor and keeps the listing.
pub async fn refresh_projects(state: &AppState, harbor_id: i64) -> Result<Vec<(String, i64, bool)>, Error> {
    let reach = reach(state, harbor_id).await?;
    let client = client(state, &reach, Access::Read)?;
    let listed = list_projects(&client).await;
    keep_listing(state, &reach, listed).await?;
    logins::refresh(state, &reach, &client).await?;
    // The address that people know it by: what they paste begins with it. Nothing else rests on it.
    let address = client.system_info().await.ok().and_then(|info| info.external_url);
    let mut conn = state.pool.acquire().await?;
    if let Some(address) = address {
        queries::set_external_url(&mut conn, harbor_id, &address).await?;
    }
    Ok(queries::projects(&mut conn, harbor_id).await?)
}

/// Lists the projects of a harbor as they are now and keeps nothing: for what only looks.
pub async fn look_at_projects(state: &AppState, harbor_id: i64) -> Result<Vec<(String, i64, bool)>, Error> {
    let reach = reach(state, harbor_id).await?;
    let listed = list_projects(&client(state, &reach, Access::Read)?).await?;
    let row = |p: registry::Project| (p.name.to_string(), i64::try_from(p.repo_count).unwrap_or(i64::MAX), p.is_proxy_cache());
    let mut rows: Vec<_> = without_staging(state, &reach, listed).await?.into_iter().map(row).collect();
    rows.sort();
    Ok(rows)
}

async fn reach(state: &AppState, harbor_id: i64) -> Result<Reach, Error> {
    let mut conn = state.pool.acquire().await?;
    Ok(queries::reach(&mut conn, harbor_id).await?.ok_or_else(|| ApiError::not_found(app::refusals::Thing::Harbor))?)
}

/// The login is proved before and after, so that a wrong one never looks like "no projects" (harbor.md §0.1).
async fn list_projects(client: &Client) -> Result<Vec<registry::Project>, registry::RegistryError> {
    client.prove_login().await?;
    let projects = client.projects().await?;
    client.prove_login().await?;
    Ok(projects)
}

/// Keeps a listing of projects that was made with the login proved before and after, or notes why there is none.
pub async fn keep_listing(
    state: &AppState,
    reach: &Reach,
    result: Result<Vec<registry::Project>, registry::RegistryError>,
) -> Result<Vec<registry::Project>, Error> {
    let harbor_id = reach.harbor_id;
    let result = match result {
        Ok(projects) => Ok(without_staging(state, reach, projects).await?),
        Err(error) => Err(error),
    };
    let mut tx = state.pool.begin().await?;
    let before = match &result {
        Ok(projects) => {
            let listed: Vec<Listed> = projects
                .iter()
                .map(|p| Listed {
                    name: p.name.to_string(),
                    foreign_id: p.id,
                    repositories: i64::try_from(p.repo_count).unwrap_or(i64::MAX),
                    proxy_cache: p.is_proxy_cache(),
                })
                .collect();
            queries::keep_projects(&mut tx, harbor_id, &listed).await?;
            contact(&mut tx, harbor_id, "healthy", sentences::Contact::Answered).await?
        }
        Err(error) => {
            let why = sentences::Contact::Trouble { why: crate::troubles::registry(error) };
            contact(&mut tx, harbor_id, clients::state_after(error), why).await?
        }
    };
    events::notify(&mut tx, Topic::Harbors).await?;
    let now = result.as_ref().map_or_else(clients::state_after, |_| "healthy");
    if before.as_deref() != Some(now) {
        let harbor = reach.name.clone();
        let (action, what) = match now {
            "healthy" => ("harbor.recovered", HarborEvent::HarborAnswers { harbor }),
            _ => ("harbor.unreachable", HarborEvent::HarborSilent { harbor }),
        };
        audit::record(&mut tx, &Actor::system("inventory"), Event::new(action, "harbor", &reach.name, what)).await?;
    }
    tx.commit().await?;
    Ok(result?)
}

/// Staging projects are no projects of anybody: no plan has them, no page lists them, no figure counts them. One whose label cannot be asked for
/// is taken for somebody's, which is the careful side.
async fn without_staging(state: &AppState, reach: &Reach, projects: Vec<registry::Project>) -> Result<Vec<registry::Project>, Error> {
    let mut kept = Vec::with_capacity(projects.len());
    for project in projects {
        let ours = reach.staging_project.as_deref() == Some(project.name.as_str());
        if !ours && !client(state, reach, Access::Read)?.is_staging_project(&project).await.unwrap_or(false) {
            kept.push(project);
        }
    }
    Ok(kept)
}

async fn contact(conn: &mut PgConnection, harbor_id: i64, state: &str, detail: sentences::Contact) -> Result<Option<String>, Error> {
    let contact = Contact { state, detail: &detail, version: None, check_list: None, can_restore: None };
    Ok(queries::contact(conn, harbor_id, &contact).await?)
}

/// Queues the listing of every harbor whose projects nobody asked for in a while, so that a new project shows as unprotected within minutes. One at a time for
/// each, and of those made by themselves the last one stays.
pub async fn queue_inventories(state: &AppState) -> Result<(), Error> {
    let mut tx = state.pool.begin().await?;
    for (harbor_id, name) in queries::inventories_due(&mut tx, INVENTORY_EVERY_S, INVENTORIES_MAX).await? {
        queries::forget_inventories(&mut tx, harbor_id).await?;
        jobs::enqueue(&mut tx, &inventory(harbor_id, &name, "schedule", None)).await?;
    }
    tx.commit().await?;
    Ok(())
}

/// Queues the listing of a harbor's projects now.
pub async fn list_projects_now(state: &AppState, caller: &Caller, origin: &Origin, name: &str) -> Result<i64, Error> {
    let reach = managed(state, caller, name).await?;
    let mut tx = state.pool.begin().await?;
    let queued = jobs::enqueue(&mut tx, &inventory(reach.harbor_id, name, &caller.login, Some(caller.account_id))).await?;
    if queued.new {
        let event = Event::new("harbor.inventory", "harbor", name, HarborEvent::ProjectsAsked { harbor: name.to_owned() })
            .with("job", queued.job_id);
        audit::record(&mut tx, &Actor::caller(caller, origin), event).await?;
    }
    tx.commit().await?;
    Ok(queued.job_id)
}

fn inventory(harbor_id: i64, name: &str, by: &str, account_id: Option<i64>) -> NewJob {
    NewJob {
        work: Work::Inventory { harbor_id },
        title: Title::Inventory { harbor: name.to_owned() },
        dedupe_key: format!("inventory:{harbor_id}"),
        trigger: by.to_owned(),
        account_id,
        harbor_id: Some(harbor_id),
        project: None,
        link: Some(format!("/harbors/{name}")),
        after: None,
    }
}

/// The job that lists a harbor's projects.
pub async fn inventory_job(context: Arc<JobContext>, harbor_id: i64) -> Result<(), JobError> {
    context.check().await?;
    let projects = refresh_projects(&context.state, harbor_id).await?;
    let reach = {
        let mut conn = context.state.pool.acquire().await?;
        queries::reach(&mut conn, harbor_id).await?
    };
    if let Some(reach) = reach {
        staging::tidy(&context.state, &reach, &Actor::job(context.job_id), None).await?;
    }
    context.log("info", Line::ProjectsListed { projects: figure(projects.len()) }).await;
    Ok(())
}
