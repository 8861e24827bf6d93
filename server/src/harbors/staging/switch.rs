//! Switching staging on and off.
//!
//! On: the project's name is written down, the project and its robot are made with an administrator's login that is used this once (or taken
//! from the operator), the login is checked to reach nothing else, and only then is it stored. Off: what is left there is removed and the
//! project with it, at once or at the next look.

use app::audit::events::HarborEvent;
use app::error::{ApiError, ErrorKind};
use app::harbors::types::{Check, CheckOutcome, Harbor, StagingForm};
use engine::backup::staging as copies;
use registry::{Client, Permission, RegistryError, RobotSpec, STAGING_PREFIX};
use secrecy::SecretString;
use serde_json::json;
use vocab::ProjectName;

use super::{checks, queries, tidy};
use crate::access::{Caller, Operation, Origin};
use crate::audit::{self, Actor, Event};
use crate::crypto::Place;
use crate::error::Error;
use crate::events::{self, Topic};
use crate::harbors::clients::{Access, client, unstored};
use crate::harbors::ops::{SECRET_BYTES_MAX, given, registered};
use crate::harbors::queries::{Reach, reach};
use crate::harbors::{robots, told};
use crate::state::AppState;

/// How the staging project and its login come about.
pub enum Way {
    /// An administrator's login makes both.
    Made(Client),
    /// Somebody made them.
    ByHand { project: ProjectName, login: String, secret: SecretString },
}

/// What a form gives by hand; none where it gives nothing.
pub fn made_by_hand(project: &str, login: &str, secret: &str) -> Result<Option<Way>, ApiError> {
    let Some(login) = given(login) else { return Ok(None) };
    if secret.is_empty() || secret.len() > SECRET_BYTES_MAX {
        return Err(ApiError::field("staging_secret", app::harbors::refusals::Refusal::StagingSecret));
    }
    let named =
        || ApiError::field("staging_project", app::harbors::refusals::Refusal::StagingProject { prefix: STAGING_PREFIX.to_owned() });
    let project: ProjectName = project.trim().parse().map_err(|_| named())?;
    if !project.as_str().starts_with(STAGING_PREFIX) {
        return Err(named());
    }
    Ok(Some(Way::ByHand { project, login: login.to_owned(), secret: SecretString::from(secret.to_owned()) }))
}

/// Switches it on or off, as the form says.
pub async fn set(state: &AppState, caller: &Caller, origin: &Origin, form: StagingForm) -> Result<Harbor, Error> {
    caller.require(Operation::ManageSecrets, None)?;
    set_as(state, &Actor::caller(caller, origin), &form).await?;
    crate::harbors::get(state, caller, &form.harbor).await
}

/// The same for whoever may do it.
pub async fn set_as(state: &AppState, actor: &Actor, form: &StagingForm) -> Result<(), Error> {
    let found = registered(state, &form.harbor).await?;
    if form.on {
        let way = match made_by_hand(&form.staging_project, &form.staging_login, &form.staging_secret)? {
            Some(way) => way,
            None => Way::Made(administrator(state, &found, form)?),
        };
        switch_on(state, actor, &found, way).await
    } else {
        switch_off(state, actor, &found).await
    }
}

fn administrator(state: &AppState, reach: &Reach, form: &StagingForm) -> Result<Client, Error> {
    let Some(login) = given(&form.admin_login) else {
        let text = app::harbors::refusals::Refusal::StagingAdmin;
        return Err(ApiError::field("admin_login", text).into());
    };
    if form.admin_password.len() > SECRET_BYTES_MAX {
        return Err(ApiError::field("admin_password", app::harbors::refusals::Refusal::SecretLong).into());
    }
    let secret = SecretString::from(form.admin_password.clone());
    unstored(state, &reach.url, reach.plain_http, reach.ca_pem.as_deref(), login, secret)
}

/// Switches it on.
pub async fn switch_on(state: &AppState, actor: &Actor, found: &Reach, way: Way) -> Result<(), Error> {
    if found.staging {
        return Err(conflict("staging_on", app::harbors::refusals::Refusal::StagingOn).into());
    }
    match way {
        Way::Made(admin) => make(state, actor, found, &admin).await,
        Way::ByHand { project, login, secret } => {
            // What was switched off must be gone before something else takes its place.
            let before = tidy(state, found, actor, None).await?;
            if found.staging_project.as_deref().is_some_and(|known| known != project.as_str()) && !before.gone {
                return Err(still_there(found).into());
            }
            let stager = unstored(state, &found.url, found.plain_http, found.ca_pem.as_deref(), &login, secret.clone())?;
            accept(state, actor, found, &project, &stager, (&login, &secret)).await
        }
    }
}

async fn make(state: &AppState, actor: &Actor, found: &Reach, admin: &Client) -> Result<(), Error> {
    robots::prove(admin).await?;
    // Before anything is made: a robot could make the project, and then neither the robot for it nor the project gone again.
    let rights = match admin.permissions("/system").await {
        Err(error) if error.code() != "forbidden" => return Err(error.into()),
        rights => rights.unwrap_or_default(),
    };
    if !rights.contains(&Permission::new("project", "create")) {
        return Err(no_administrator().into());
    }
    remove_unfinished(found, admin).await?;
    let suffix = uuid::Uuid::new_v4().simple().to_string()[..12].to_owned();
    let project: ProjectName =
        format!("{STAGING_PREFIX}{suffix}").parse().map_err(|_| Error::defect("a staging project's name is refused"))?;
    // Before it is there: a crash from here on leaves nothing that nobody knows.
    let mut tx = state.pool.begin().await?;
    queries::set_project(&mut tx, found.harbor_id, Some(project.as_str())).await?;
    let what = HarborEvent::StagingPrepared { project: project.to_string(), harbor: found.name.clone() };
    audit::record(&mut tx, actor, Event::new("harbor.staging.prepare", "harbor", &found.name, what)).await?;
    tx.commit().await?;
    if let Err(error) = admin.create_project(&project, false).await {
        if error.is_transient() {
            undo(state, actor, found, admin, &project).await;
        } else {
            // It is certain that there is none.
            queries::forget(&mut *state.pool.acquire().await?, found.harbor_id).await?;
        }
        return Err(refused(error));
    }
    let made = with_robot(state, actor, found, admin, &project).await;
    if made.is_err() {
        undo(state, actor, found, admin, &project).await;
    }
    made
}

fn no_administrator() -> ApiError {
    ApiError::field("admin_login", app::harbors::refusals::Refusal::StagingNotAdmin)
}

fn refused(error: RegistryError) -> Error {
    if error.code() == "forbidden" { no_administrator().into() } else { Error::Registry(error) }
}

async fn with_robot(state: &AppState, actor: &Actor, found: &Reach, admin: &Client, project: &ProjectName) -> Result<(), Error> {
    let robot = admin.create_robot(&RobotSpec::least_privilege_staging(project.as_str(), project)).await.map_err(refused)?;
    let stager = unstored(state, &found.url, found.plain_http, found.ca_pem.as_deref(), &robot.name, robot.secret.clone())?;
    accept(state, actor, found, project, &stager, (&robot.name, &robot.secret)).await
}

/// Takes project and login if they are as they must be: nothing of anybody's in the one, and nothing else within reach of the other.
async fn accept(
    state: &AppState,
    actor: &Actor,
    found: &Reach,
    project: &ProjectName,
    stager: &Client,
    (login, secret): (&str, &SecretString),
) -> Result<(), Error> {
    let reader = client(state, found, Access::Read)?;
    let rows = checks::rows(&reader, stager, project).await;
    if let Some(worst) = rows.iter().find(|row| row.outcome == CheckOutcome::Fail) {
        return Err(refusal(worst).into());
    }
    let there = copies::contents(stager, project).await?;
    if let Some(foreign) = there.foreign.first() {
        let text = app::harbors::refusals::Refusal::StagingForeign { project: project.to_string(), repository: foreign.to_string() };
        return Err(ApiError::field("staging_project", text).into());
    }
    if let Some(row) = stager.project(project).await? {
        stager.mark_staging_project(&row).await?;
    }
    let policies = checks::replicated(&reader, Some(project)).await.unwrap_or_default();
    let sealed = state.keys.seal(Place { table: "harbor", column: "staging_secret", row: found.harbor_id }, secret);
    let mut tx = state.pool.begin().await?;
    queries::set_project(&mut tx, found.harbor_id, Some(project.as_str())).await?;
    queries::on(&mut tx, found.harbor_id, login, &sealed).await?;
    queries::replicated(&mut tx, found.harbor_id, &policies).await?;
    events::notify(&mut tx, Topic::Harbors).await?;
    let what = HarborEvent::StagingOn { harbor: found.name.clone(), project: project.to_string() };
    let event = Event::new("harbor.staging.on", "harbor", &found.name, what)
        .with("before", json!({ "staging": false }))
        .with("after", json!({ "staging": true, "project": project, "login": login, "replicated_by": policies }));
    audit::record(&mut tx, actor, event).await?;
    tx.commit().await?;
    Ok(())
}

fn refusal(row: &Check) -> ApiError {
    told::field(ApiError::new(ErrorKind::Invalid, "checks_failed", told::refusal(row)), row)
}

fn conflict(code: &str, text: app::harbors::refusals::Refusal) -> ApiError {
    ApiError::new(ErrorKind::Conflict, code, text)
}

fn still_there(found: &Reach) -> ApiError {
    let project = found.staging_project.as_deref().unwrap_or_default();
    conflict("staging_left", app::harbors::refusals::Refusal::StagingLeft { project: project.to_string() })
}

/// A project that was written down and never came into use, or could not be removed when it was switched off.
async fn remove_unfinished(found: &Reach, admin: &Client) -> Result<(), Error> {
    let Some(project) = found.staging_project.as_deref().and_then(|name| name.parse::<ProjectName>().ok()) else { return Ok(()) };
    if admin.project(&project).await?.is_none() {
        return Ok(());
    }
    let there = copies::contents(admin, &project).await?;
    if !there.foreign.is_empty() {
        return Err(still_there(found).into());
    }
    let names: Vec<_> = there.copies.into_iter().map(|(name, _)| name).collect();
    let (_, kept) = copies::remove(admin, &names).await;
    kept.map_or(Ok(()), Err)?;
    match admin.delete_project(&project).await {
        Ok(()) | Err(RegistryError::NotFound { .. }) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Takes back what did not come into use. What cannot be taken back stays written down.
async fn undo(state: &AppState, actor: &Actor, found: &Reach, admin: &Client, project: &ProjectName) {
    let undone = async {
        match admin.delete_project(project).await {
            Ok(()) | Err(RegistryError::NotFound { .. }) => {}
            Err(error) => return Err(Error::Registry(error)),
        }
        let mut tx = state.pool.begin().await?;
        queries::forget(&mut tx, found.harbor_id).await?;
        let what = HarborEvent::StagingTakenBack { project: project.to_string(), harbor: found.name.clone() };
        audit::record(&mut tx, actor, Event::new("harbor.staging.remove", "harbor", &found.name, what)).await?;
        tx.commit().await?;
        Ok(())
    };
    if let Err(error) = undone.await {
        tracing::warn!(harbor.name = found.name, error = %crate::error::chain(&error), "a staging project could not be taken back; it stays written down");
    }
}

/// Switches it off, and removes the project if nobody works with it.
pub async fn switch_off(state: &AppState, actor: &Actor, found: &Reach) -> Result<(), Error> {
    let mut tx = state.pool.begin().await?;
    queries::off(&mut tx, found.harbor_id).await?;
    events::notify(&mut tx, Topic::Harbors).await?;
    if found.staging {
        let event = Event::new("harbor.staging.off", "harbor", &found.name, HarborEvent::StagingOff { harbor: found.name.clone() })
            .with("before", json!({ "staging": true, "project": found.staging_project, "login": found.staging_login }))
            .with("after", json!({ "staging": false }));
        audit::record(&mut tx, actor, event).await?;
    }
    tx.commit().await?;
    let now = {
        let mut conn = state.pool.acquire().await?;
        reach(&mut conn, found.harbor_id).await?
    };
    if let Some(now) = now {
        tidy(state, &now, actor, None).await?;
    }
    Ok(())
}
