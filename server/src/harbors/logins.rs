//! What a harbor tells of the robots behind its logins: when they end, and what they may do that nothing needs. And how they are made anew.
//!
//! A robot that has ended is not refused: Harbor takes its calls for nobody's (harbor.md §0.1), so the end is said before it comes.

use std::collections::HashSet;

use app::audit::events::HarborEvent;
use app::error::{ApiError, ErrorKind};
use app::harbors::checks::{Advice, Detail, Heading, LoginNote};
use app::harbors::types::{Check, CheckList, CheckOutcome, LoginPurpose, LoginState, RenewLogins, Renewed};
use app::units::Moment;
use registry::{Client, RobotSpec, SystemRobot};
use secrecy::SecretString;
use serde_json::json;

use super::clients::unstored;
use super::ops::{self, SECRET_BYTES_MAX, given};
use super::queries::{self, Reach};
use super::robots::{self, Made};
use crate::access::{Caller, Operation, Origin};
use crate::audit::{self, Actor, Event};
use crate::crypto::Place;
use crate::error::Error;
use crate::events::{self, Topic};
use crate::state::AppState;

/// How often a harbor is asked of its logins when nobody looks, seconds.
const ASK_EVERY_S: f64 = 3_600.0;

/// The login names of a harbor.
#[derive(Clone, Copy)]
pub struct Names<'a> {
    pub read: &'a str,
    pub write: Option<&'a str>,
    /// With its project.
    pub staging: Option<(&'a str, &'a str)>,
}

impl<'a> Names<'a> {
    pub fn of(reach: &'a Reach) -> Self {
        let staging = reach.staging_login.as_deref().zip(reach.staging_project.as_deref()).filter(|_| reach.staging);
        Self { read: &reach.read_login, write: reach.write_login.as_deref(), staging }
    }
}

/// Asks, with the login for backup, which may list robots. Where Harbor does not answer that, what was told before stands: a login that has
/// ended, or a Harbor that is down, must not take away the word that it ends.
async fn look(read: &Client, names: Names<'_>, before: &[LoginState]) -> Vec<LoginState> {
    let Ok(robots) = read.system_robots().await else {
        let same = |now: &LoginState| before.iter().find(|then| then.purpose == now.purpose && then.login == now.login).cloned();
        return states(&[], names).into_iter().map(|now| same(&now).unwrap_or(now)).collect();
    };
    states(&robots, names)
}

fn states(robots: &[SystemRobot], names: Names<'_>) -> Vec<LoginState> {
    let state = |purpose, login: &str, spec: Option<RobotSpec>| {
        let robot = robots.iter().find(|robot| robot.name == login);
        let surplus = robot.zip(spec).map(|(robot, spec)| robot.surplus(&spec)).unwrap_or_default();
        LoginState {
            purpose,
            login: login.to_owned(),
            told: robot.is_some(),
            expires: robot.and_then(|robot| robot.expires).map(Moment),
            ends_in_days: None,
            surplus: surplus.iter().map(ToString::to_string).collect(),
        }
    };
    let staging_spec = |project: &str| project.parse().ok().map(|project| RobotSpec::least_privilege_staging("", &project));
    [
        Some(state(LoginPurpose::Backup, names.read, Some(RobotSpec::least_privilege_backup("")))),
        names.write.map(|login| state(LoginPurpose::Restore, login, Some(RobotSpec::least_privilege_restore("")))),
        names.staging.map(|(login, project)| state(LoginPurpose::Staging, login, staging_spec(project))),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// Adds what was told of the logins to a check-list; `before` is what was told at the last time.
pub async fn add(read: &Client, names: Names<'_>, before: &[LoginState], checks: &mut CheckList) -> Vec<LoginState> {
    let logins: Vec<LoginState> = look(read, names, before).await.into_iter().map(|login| login.at(checks.at)).collect();
    checks.checks.push(row(&logins));
    logins
}

fn row(logins: &[LoginState]) -> Check {
    let mut notes = Vec::new();
    for login in logins {
        let name = login.login.clone();
        match (login.ends_in_days, login.expires) {
            (Some(days), Some(at)) if days >= 0 => notes.push(LoginNote::Ends { login: name.clone(), at, days }),
            (Some(_), Some(at)) => notes.push(LoginNote::Ended { login: name.clone(), at }),
            _ => {}
        }
        if !login.surplus.is_empty() {
            notes.push(LoginNote::Surplus { login: name, rights: login.surplus.clone() });
        }
    }
    let logins: Vec<String> = logins.iter().filter(|login| !login.told).map(|login| login.login.clone()).collect();
    let (outcome, detail) = match (notes.is_empty(), logins.is_empty()) {
        (false, _) => (CheckOutcome::Warn, Detail::LoginNotes { notes }),
        (true, true) => (CheckOutcome::Pass, Detail::LoginsWell),
        (true, false) => (CheckOutcome::Pass, Detail::LoginsUntold { logins }),
    };
    let remedy = (outcome != CheckOutcome::Pass).then(|| Advice::RenewLogins.into());
    Check { code: "logins".to_owned(), title: Heading::Logins.into(), outcome, detail: detail.into(), remedy, missing: Vec::new() }
}

/// The same for a registered harbor; none where it is asked at another address than before, where what was told of it counts for nothing.
pub async fn again(
    state: &AppState,
    harbor_id: Option<i64>,
    read: &Client,
    names: Names<'_>,
    checks: &mut CheckList,
) -> Result<Vec<LoginState>, Error> {
    let before = match harbor_id {
        Some(harbor_id) => queries::logins_of(&mut *state.pool.acquire().await?, harbor_id).await?,
        None => Vec::new(),
    };
    Ok(add(read, names, &before, checks).await)
}

/// Asks again for a registered harbor where the last answer is old.
pub async fn refresh(state: &AppState, reach: &Reach, read: &Client) -> Result<(), Error> {
    if queries::logins_are_old(&mut *state.pool.acquire().await?, reach.harbor_id, ASK_EVERY_S).await? {
        let before = queries::logins_of(&mut *state.pool.acquire().await?, reach.harbor_id).await?;
        let logins = look(read, Names::of(reach), &before).await;
        queries::set_logins(&mut *state.pool.acquire().await?, reach.harbor_id, &logins).await?;
    }
    Ok(())
}

/// Logins that were made, not stored yet.
struct Anew {
    read: Made,
    write: Made,
    staging: Option<Made>,
}

impl Anew {
    fn names(&self) -> HashSet<&str> {
        [&self.read, &self.write].into_iter().chain(&self.staging).map(|made| made.login.as_str()).collect()
    }
}

/// Makes the logins anew from an administrator's, which is used here and never stored.
///
/// New robots are made and tested, stored in one step, and only then the old ones removed: whenever this breaks off, what is stored works.
/// Work under way goes on with the old ones, so then they stay and are named.
pub async fn renew(state: &AppState, caller: &Caller, origin: &Origin, form: RenewLogins) -> Result<Renewed, Error> {
    caller.require(Operation::ManageSecrets, None)?;
    let reach = ops::managed(state, caller, &form.harbor).await?;
    let admin = administrator(state, &reach, &form)?;
    robots::prove(&admin).await?;
    let before = admin.system_robots().await.map_err(|error| match error.code() {
        "forbidden" => Error::Api(ApiError::field("admin_login", app::harbors::refusals::Refusal::AdminLists)),
        _ => Error::Registry(error),
    })?;
    let anew = make(&admin, &reach).await?;
    let kept = match tested(state, &reach, &anew).await {
        Ok((checks, logins)) => keep(state, caller, origin, &reach, (&anew, &checks, &logins)).await,
        Err(error) => Err(error),
    };
    if let Err(error) = kept {
        // Whether a commit that was not answered was done is not known: then neither the new robots nor the old ones may go.
        if !matches!(error, Error::Database(_)) {
            robots::remove(&admin, &anew.names()).await;
        }
        return Err(error);
    }
    let old = Names::of(&reach);
    let old: HashSet<&str> = [Some(old.read), old.write, old.staging.map(|(login, _)| login)].into_iter().flatten().collect();
    let ours: HashSet<&str> = before.iter().filter(|robot| robot.is_ours()).map(|robot| robot.name.as_str()).collect();
    let (gone, stay): (HashSet<&str>, HashSet<&str>) = old.into_iter().partition(|name| ours.contains(name));
    // Looked at after the commit: whatever begins from now on has the new ones.
    let in_use = queries::is_at_work(&mut *state.pool.acquire().await?, reach.harbor_id).await?;
    let mut left = if in_use { gone.into_iter().map(str::to_owned).collect() } else { robots::remove(&admin, &gone).await };
    left.extend(stay.into_iter().map(str::to_owned));
    left.sort();
    Ok(Renewed { harbor: super::get(state, caller, &form.harbor).await?, left })
}

fn administrator(state: &AppState, reach: &Reach, form: &RenewLogins) -> Result<Client, Error> {
    let login = given(&form.admin_login).ok_or_else(|| ApiError::field("admin_login", app::harbors::refusals::Refusal::GiveAdmin))?;
    if form.admin_password.is_empty() || form.admin_password.len() > SECRET_BYTES_MAX {
        return Err(ApiError::field("admin_password", app::harbors::refusals::Refusal::GiveAdminPassword).into());
    }
    let secret = SecretString::from(form.admin_password.clone());
    unstored(state, &reach.url, reach.plain_http, reach.ca_pem.as_deref(), login, secret)
}

async fn make(admin: &Client, reach: &Reach) -> Result<Anew, Error> {
    let (read, write) = robots::make(admin).await?;
    let mut anew = Anew { read, write, staging: None };
    let project = Names::of(reach).staging.and_then(|(_, project)| project.parse().ok());
    if let Some(project) = project {
        match robots::make_staging(admin, &project).await {
            Ok(made) => anew.staging = Some(made),
            Err(error) => {
                robots::remove(admin, &anew.names()).await;
                return Err(error);
            }
        }
    }
    Ok(anew)
}

/// The check-list with the new logins; an error where a backup could not be made with them.
async fn tested(state: &AppState, reach: &Reach, anew: &Anew) -> Result<(CheckList, Vec<LoginState>), Error> {
    let client = |made: &Made| unstored(state, &reach.url, reach.plain_http, reach.ca_pem.as_deref(), &made.login, made.secret.clone());
    let (read, write) = (client(&anew.read)?, client(&anew.write)?);
    let mut checks = ops::run_checks(&read, Some(&write)).await;
    let staging = anew.staging.as_ref().map(|made| made.login.as_str()).zip(reach.staging_project.as_deref());
    let logins = add(&read, Names { read: &anew.read.login, write: Some(&anew.write.login), staging }, &[], &mut checks).await;
    if ops::may_be_kept(&checks) { Ok((checks, logins)) } else { Err(ops::refused(&checks)) }
}

async fn keep(
    state: &AppState,
    caller: &Caller,
    origin: &Origin,
    reach: &Reach,
    (anew, checks, logins): (&Anew, &CheckList, &[LoginState]),
) -> Result<(), Error> {
    let seal = |column, made: &Made| state.keys.seal(Place { table: "harbor", column, row: reach.harbor_id }, &made.secret);
    let mut tx = state.pool.begin().await?;
    let stored = queries::Renewal {
        read: (&anew.read.login, &seal("read_secret", &anew.read)),
        write: (&anew.write.login, &seal("write_secret", &anew.write)),
        by: &caller.login,
        version: reach.version,
    };
    if !queries::renew(&mut tx, reach.harbor_id, &stored).await? {
        let text = app::harbors::refusals::Refusal::ChangedMeanwhile;
        return Err(ApiError::new(ErrorKind::Conflict, "changed_meanwhile", text).into());
    }
    if let Some(staging) = &anew.staging {
        super::staging::queries::on(&mut tx, reach.harbor_id, &staging.login, &seal("staging_secret", staging)).await?;
    }
    ops::keep_checks(&mut tx, reach.harbor_id, checks).await?;
    queries::set_logins(&mut tx, reach.harbor_id, logins).await?;
    events::notify(&mut tx, Topic::Harbors).await?;
    let event = Event::new("harbor.logins.renew", "harbor", &reach.name, HarborEvent::LoginsRenewed { harbor: reach.name.clone() })
        .with("before", json!({ "read_login": reach.read_login, "write_login": reach.write_login, "staging_login": reach.staging_login }))
        .with(
            "after",
            json!({ "read_login": anew.read.login, "write_login": anew.write.login,
            "staging_login": anew.staging.as_ref().map(|made| &made.login) }),
        );
    audit::record(&mut tx, &Actor::caller(caller, origin), event).await?;
    tx.commit().await?;
    Ok(())
}
