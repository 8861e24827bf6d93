//! Registering harbors, and testing their logins.

use std::collections::HashSet;

use app::audit::events::HarborEvent;
use app::error::{ApiError, ErrorKind};
use app::harbors::checks::Detail;
use app::harbors::sentences;
use app::harbors::types::{ChangeHarbor, Check, CheckList, CheckOutcome, Harbor, NewHarbor};
use app::sentence::Said;
use app::units::Moment;
use registry::{CheckKind, Client};
use secrecy::SecretString;
use serde_json::json;
use sqlx::PgConnection;

use super::bandwidth;
use super::clients::{self, Access, client, unstored};
use super::queries::{self, Contact, Reach, Stored, View};
use super::{inventory, logins, robots, staging, told};
use crate::access::{Caller, Operation, Origin};
use crate::audit::{self, Actor, Event};
use crate::crypto::Place;
use crate::error::Error;
use crate::events::{self, Topic};
use crate::plans::Scopes;
use crate::state::AppState;

/// Longest secret of a login, bytes.
pub(super) const SECRET_BYTES_MAX: usize = 4_096;
/// Longest CA bundle, bytes.
const CA_BYTES_MAX: usize = 64 * 1024;

/// Harbors the caller may see.
pub async fn list(state: &AppState, caller: &Caller) -> Result<Vec<Harbor>, Error> {
    let mut conn = state.pool.acquire().await?;
    let scopes = Scopes::all(&mut conn).await?;
    by_scopes(&mut conn, caller, &scopes).await
}

/// The same where the plans were read already.
pub async fn by_scopes(conn: &mut PgConnection, caller: &Caller, scopes: &Scopes) -> Result<Vec<Harbor>, Error> {
    Ok(of_views(caller, &queries::all(conn).await?, scopes))
}

/// The same where the harbors were read already.
pub fn of_views(caller: &Caller, views: &[View], scopes: &Scopes) -> Vec<Harbor> {
    views.iter().filter(|view| sees(caller, view.harbor.id)).map(|view| shown(caller, view, scopes)).collect()
}

/// One harbor.
pub async fn get(state: &AppState, caller: &Caller, name: &str) -> Result<Harbor, Error> {
    let mut conn = state.pool.acquire().await?;
    let view = queries::one(&mut conn, name)
        .await?
        .filter(|v| sees(caller, v.harbor.id))
        .ok_or_else(|| ApiError::not_found(app::refusals::Thing::Harbor))?;
    let scopes = Scopes::all(&mut conn).await?;
    Ok(shown(caller, &view, &scopes))
}

fn sees(caller: &Caller, harbor_id: i64) -> bool {
    caller.may(Operation::ReadEstate, None) || caller.roles.iter().any(|r| r.harbor.as_ref().is_none_or(|(id, _)| *id == harbor_id))
}

/// The harbor as the caller may know it: logins, check-list and staging belong to who looks after the estate.
fn shown(caller: &Caller, view: &View, scopes: &Scopes) -> Harbor {
    let id = view.harbor.id;
    let scopes = scopes.of(id);
    let seen: Vec<&String> = view.projects.iter().filter(|name| caller.may(Operation::ReadProject, Some((id, name.as_str())))).collect();
    let count = |n: usize| i64::try_from(n).unwrap_or(i64::MAX);
    let covered = count(seen.iter().filter(|name| scopes.iter().any(|s| s.matches(name))).count());
    if caller.may(Operation::ReadEstate, None) {
        return Harbor { projects_protected: covered, ..view.harbor.clone() };
    }
    let listed = count(seen.len());
    view.harbor.clone().outlined(listed, covered)
}

/// Runs the check-list for values that are not stored. Makes no robots.
pub async fn try_connection(state: &AppState, caller: &Caller, form: NewHarbor) -> Result<CheckList, Error> {
    caller.require(Operation::ManageEstate, None)?;
    check_form(&form)?;
    let ca = given(&form.ca_pem);
    let (login, secret) =
        if form.read_login.trim().is_empty() { (&form.admin_login, &form.admin_password) } else { (&form.read_login, &form.read_secret) };
    let read = unstored(state, &form.url, form.plain_http, ca, login.trim(), SecretString::from(secret.clone()))?;
    let write = given(&form.write_login)
        .map(|login| unstored(state, &form.url, form.plain_http, ca, login, SecretString::from(form.write_secret.clone())))
        .transpose()?;
    Ok(run_checks(&read, write.as_ref()).await)
}

/// Registers a harbor once its check-list passes for backup.
pub async fn create(state: &AppState, caller: &Caller, origin: &Origin, form: NewHarbor) -> Result<Harbor, Error> {
    caller.require(Operation::ManageSecrets, None)?;
    let made = register(state, &Actor::caller(caller, origin), form).await?;
    get(state, caller, &made.name).await
}

/// The same for whoever may do it.
pub async fn register(state: &AppState, actor: &Actor, form: NewHarbor) -> Result<Harbor, Error> {
    check_form(&form)?;
    let name = form.name.trim().to_owned();
    {
        let mut conn = state.pool.acquire().await?;
        if queries::one(&mut conn, &name).await?.is_some() {
            return Err(ApiError::field("name", app::harbors::refusals::Refusal::HarborNameTaken).into());
        }
    }
    let logins = logins_of(state, &form).await?;
    let registered = store(state, actor, &form, &logins).await;
    if let (Err(error), Some(admin)) = (&registered, &logins.made_by)
        // Whether a commit that was not answered was done is not known.
        && !matches!(error, Error::Database(_))
    {
        robots::remove(admin, &logins.all()).await;
    }
    let harbor_id = registered?;
    if form.staging {
        stage(state, actor, harbor_id, &form).await?;
    }
    // The harbor is registered whatever comes of its first listing; the list of projects is asked for again when needed.
    if let Err(error) = inventory::refresh_projects(state, harbor_id).await {
        tracing::warn!(harbor.name = name, error = %crate::error::chain(&error), "cannot list the projects of a new harbor yet");
    }
    registered_as(state, &name).await
}

/// A registered harbor, for whoever has the server.
pub async fn registered_as(state: &AppState, name: &str) -> Result<Harbor, Error> {
    let mut conn = state.pool.acquire().await?;
    let found = queries::one(&mut conn, name).await?.ok_or_else(|| ApiError::not_found(app::refusals::Thing::Harbor))?;
    Ok(found.harbor)
}

/// Tests the logins of a new harbor and stores it; its id.
async fn store(state: &AppState, actor: &Actor, form: &NewHarbor, logins: &Logins) -> Result<i64, Error> {
    let (name, ca) = (form.name.trim(), given(&form.ca_pem));
    let client_for = |login: &Login| unstored(state, &form.url, form.plain_http, ca, &login.name, login.secret.clone());
    let read = client_for(&logins.read)?;
    let write = logins.write.as_ref().map(client_for).transpose()?;
    let mut checks = run_checks(&read, write.as_ref()).await;
    if !may_be_kept(&checks) {
        return Err(refused(&checks));
    }
    let told = logins::add(&read, logins.names(None), &[], &mut checks).await;
    let mut tx = state.pool.begin().await?;
    let stored = Stored { url: form.url.trim(), ca_pem: ca, plain_http: form.plain_http, read_login: &logins.read.name, by: actor.name() };
    let taken = || ApiError::field("name", app::harbors::refusals::Refusal::NameOfAnother);
    let harbor_id = queries::insert(&mut tx, name, &stored).await?.ok_or_else(taken)?;
    store_secrets(state, &mut tx, harbor_id, logins).await?;
    keep_checks(&mut tx, harbor_id, &checks).await?;
    queries::set_logins(&mut tx, harbor_id, &told).await?;
    clients::keep_body_cap(&mut tx, harbor_id, write.as_ref().unwrap_or(&read)).await?;
    events::notify(&mut tx, Topic::Harbors).await?;
    let event = Event::new("harbor.register", "harbor", name, HarborEvent::HarborRegistered { harbor: name.to_owned() })
        .with("after", json!({ "url": form.url.trim(), "read_login": logins.read.name, "write_login": logins.write.as_ref().map(|w| &w.name), "plain_http": form.plain_http }));
    audit::record(&mut tx, actor, event).await?;
    tx.commit().await?;
    Ok(harbor_id)
}

/// Switches staging on for a harbor that was just registered. It stays registered where that fails, and its page says why.
async fn stage(state: &AppState, actor: &Actor, harbor_id: i64, form: &NewHarbor) -> Result<(), Error> {
    let reach = {
        let mut conn = state.pool.acquire().await?;
        queries::reach(&mut conn, harbor_id).await?.ok_or_else(|| ApiError::not_found(app::refusals::Thing::Harbor))?
    };
    let way = match staging::made_by_hand(&form.staging_project, &form.staging_login, &form.staging_secret)? {
        Some(way) => way,
        None => {
            let secret = SecretString::from(form.admin_password.clone());
            staging::Way::Made(unstored(state, &form.url, form.plain_http, given(&form.ca_pem), form.admin_login.trim(), secret)?)
        }
    };
    let Err(error) = staging::switch_on(state, actor, &reach, way).await else { return Ok(()) };
    let trouble = sentences::StagingTrouble::NotSwitchedOn { why: *error.into_api(None).message };
    let mut conn = state.pool.acquire().await?;
    let look = staging::queries::Look { left: 0, foreign: &[], trouble: Some(&trouble) };
    staging::queries::looked(&mut conn, harbor_id, &look).await?;
    Ok(())
}

/// A login and its secret.
struct Login {
    name: String,
    secret: SecretString,
}

/// The logins of a harbor.
struct Logins {
    read: Login,
    write: Option<Login>,
    /// Who made them just now, if they were made.
    made_by: Option<Client>,
}

impl Logins {
    fn all(&self) -> HashSet<&str> {
        [&self.read].into_iter().chain(&self.write).map(|login| login.name.as_str()).collect()
    }

    /// With the login for staging of the harbor they are for, if it has one.
    fn names<'a>(&'a self, reach: Option<&'a Reach>) -> logins::Names<'a> {
        let staging = reach.and_then(|reach| logins::Names::of(reach).staging);
        logins::Names { read: &self.read.name, write: self.write.as_ref().map(|login| login.name.as_str()), staging }
    }
}

async fn logins_of(state: &AppState, form: &NewHarbor) -> Result<Logins, Error> {
    if form.read_login.trim().is_empty() {
        let admin = unstored(
            state,
            &form.url,
            form.plain_http,
            given(&form.ca_pem),
            form.admin_login.trim(),
            SecretString::from(form.admin_password.clone()),
        )?;
        let (read, write) = robots::make(&admin).await?;
        return Ok(Logins {
            read: Login { name: read.login, secret: read.secret },
            write: Some(Login { name: write.login, secret: write.secret }),
            made_by: Some(admin),
        });
    }
    Ok(Logins {
        read: Login { name: form.read_login.trim().to_owned(), secret: SecretString::from(form.read_secret.clone()) },
        write: given(&form.write_login).map(|name| Login { name: name.to_owned(), secret: SecretString::from(form.write_secret.clone()) }),
        made_by: None,
    })
}

pub(super) fn given(text: &str) -> Option<&str> {
    Some(text.trim()).filter(|t| !t.is_empty())
}

fn check_form(form: &NewHarbor) -> Result<(), ApiError> {
    let name = form.name.trim();
    let part = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let good =
        (1..=63).contains(&name.len()) && name.chars().all(|c| part(c) || c == '-') && name.starts_with(part) && name.ends_with(part);
    if !good {
        return Err(ApiError::field("name", app::harbors::refusals::Refusal::HarborNameForm));
    }
    if form.ca_pem.len() > CA_BYTES_MAX {
        return Err(ApiError::field("ca_pem", app::refusals::General::CertificateLong));
    }
    if form.read_login.trim().is_empty() && form.admin_login.trim().is_empty() {
        return Err(ApiError::field("read_login", app::harbors::refusals::Refusal::GiveLogin));
    }
    for (field, secret) in
        [("read_secret", &form.read_secret), ("write_secret", &form.write_secret), ("admin_password", &form.admin_password)]
    {
        if secret.len() > SECRET_BYTES_MAX {
            return Err(ApiError::field(field, app::harbors::refusals::Refusal::SecretLong));
        }
    }
    if !form.read_login.trim().is_empty() && form.read_secret.is_empty() {
        return Err(ApiError::field("read_secret", app::harbors::refusals::Refusal::ReadSecret));
    }
    if !form.write_login.trim().is_empty() && form.write_secret.is_empty() {
        return Err(ApiError::field("write_secret", app::harbors::refusals::Refusal::WriteSecret));
    }
    let by_hand = staging::made_by_hand(&form.staging_project, &form.staging_login, &form.staging_secret)?;
    if form.staging && by_hand.is_none() && form.admin_login.trim().is_empty() {
        let text = app::harbors::refusals::Refusal::StagingNeedsLogin;
        return Err(ApiError::field("staging_login", text));
    }
    Ok(())
}

async fn store_secrets(state: &AppState, conn: &mut PgConnection, harbor_id: i64, logins: &Logins) -> Result<(), Error> {
    let place = |column| Place { table: "harbor", column, row: harbor_id };
    let read = state.keys.seal(place("read_secret"), &logins.read.secret);
    let write = logins.write.as_ref().map(|w| (w.name.as_str(), state.keys.seal(place("write_secret"), &w.secret)));
    queries::set_secrets(conn, harbor_id, &read, write.as_ref().map(|(name, sealed)| (*name, sealed.as_slice()))).await?;
    Ok(())
}

/// The line that says whether layers can be read from where the harbor keeps them.
const STORAGE_ROW: &str = "storage";

/// Whether nothing keeps a harbor from being registered. Where only its storage cannot be read, its page says so and what to do, its projects can be
/// seen, and each image that was not backed up is a gap, until somebody opened the way.
pub(super) fn may_be_kept(checks: &CheckList) -> bool {
    checks.backup_ok || checks.checks.iter().all(|check| check.outcome != CheckOutcome::Fail || check.code == STORAGE_ROW)
}

pub(super) fn refused(checks: &CheckList) -> Error {
    let worst: Vec<&Check> = checks.checks.iter().filter(|c| c.outcome == CheckOutcome::Fail).collect();
    let text = worst.first().map_or(app::harbors::refusals::Refusal::ChecksFailed, |row| told::refusal(row));
    let error = ApiError::new(ErrorKind::Invalid, "checks_failed", text);
    worst.into_iter().fold(error, told::field).into()
}

/// Runs both check-lists into one: restore rows only where they say more than backup rows.
pub(super) async fn run_checks(read: &Client, write: Option<&Client>) -> CheckList {
    let backup = read.check_list(CheckKind::Backup).await;
    let restore = match write {
        Some(client) => client.check_list(CheckKind::Restore).await,
        None => read.check_list(CheckKind::Restore).await,
    };
    let backup_ok = backup.iter().all(|c| c.outcome != registry::Outcome::Fail);
    let restore_ok = restore.iter().all(|c| c.outcome != registry::Outcome::Fail);
    let mut checks: Vec<Check> = backup.iter().map(told::row).collect();
    for row in restore.iter().map(told::row) {
        if !checks.iter().any(|c| c.code == row.code) {
            // Without restore rights the harbor is "backup only": worth knowing, no failure.
            let outcome = if row.outcome == CheckOutcome::Fail { CheckOutcome::Warn } else { row.outcome };
            checks.push(Check { outcome, ..row });
        }
    }
    CheckList { checks, at: Moment(time::OffsetDateTime::now_utc()), backup_ok, restore_ok: backup_ok && restore_ok }
}

/// Adds what there is to say of staging. Trouble with it is no trouble of backup or restore, so nothing of it fails the list.
async fn add_staging(state: &AppState, reach: &Reach, checks: &mut CheckList) -> Result<(), Error> {
    let reader = client(state, reach, Access::Read)?;
    let project = reach.staging_project.as_deref().filter(|_| reach.staging).and_then(|name| name.parse().ok());
    if let Some(project) = &project {
        let rows = staging::rows(&reader, &client(state, reach, Access::Staging)?, project).await;
        checks.checks.extend(rows.into_iter().map(|row| match row.outcome {
            CheckOutcome::Fail => Check { outcome: CheckOutcome::Warn, ..row },
            _ => row,
        }));
    }
    if let Ok(policies) = staging::replicated(&reader, project.as_ref()).await {
        let mut conn = state.pool.acquire().await?;
        staging::queries::replicated(&mut conn, reach.harbor_id, &policies).await?;
    }
    Ok(())
}

pub(super) async fn keep_checks(conn: &mut PgConnection, harbor_id: i64, checks: &CheckList) -> Result<(), Error> {
    let failed = checks.checks.iter().find(|c| c.outcome == CheckOutcome::Fail);
    let state = match failed {
        None => "healthy",
        // The harbor itself answers.
        Some(c) if c.code == STORAGE_ROW => "healthy",
        Some(c) if matches!(c.code.as_str(), "dns" | "tcp" | "tls" | "connection" | "api_version") => "unreachable",
        Some(_) => "refused",
    };
    let detail = match failed {
        None if checks.restore_ok => sentences::Contact::Ready,
        None => sentences::Contact::ReadyForBackup,
        Some(c) => sentences::Contact::CheckFailed { heading: c.title.clone(), detail: c.detail.clone() },
    };
    let version = checks.checks.iter().find_map(|c| match &c.detail {
        Said::Now(Detail::Version { version } | Detail::VersionOld { version } | Detail::VersionUnsupported { version }) => {
            Some(version.as_str())
        }
        _ => None,
    });
    let value = serde_json::to_value(checks).map_err(|e| Error::defect(e.to_string()))?;
    let contact = Contact { state, detail: &detail, version, check_list: Some(value), can_restore: Some(checks.restore_ok) };
    queries::contact(conn, harbor_id, &contact).await?;
    Ok(())
}

pub(super) async fn managed(state: &AppState, caller: &Caller, name: &str) -> Result<Reach, Error> {
    caller.require(Operation::ManageEstate, None)?;
    registered(state, name).await
}

/// A harbor that is registered, for whoever may look after it.
pub(super) async fn registered(state: &AppState, name: &str) -> Result<Reach, Error> {
    let mut conn = state.pool.acquire().await?;
    Ok(queries::reach_by_name(&mut conn, name)
        .await?
        .filter(|r| !r.removed)
        .ok_or_else(|| ApiError::not_found(app::refusals::Thing::Harbor))?)
}

/// Changes address or logins; tests them first. Another address needs the secrets again (S-53).
pub async fn change(state: &AppState, caller: &Caller, origin: &Origin, form: ChangeHarbor) -> Result<Harbor, Error> {
    caller.require(Operation::ManageSecrets, None)?;
    let reach = managed(state, caller, &form.harbor).await?;
    let moved = form.url.trim() != reach.url;
    let place = |column| Place { table: "harbor", column, row: reach.harbor_id };
    if moved && reach.staging_project.is_some() {
        let text = app::harbors::refusals::Refusal::StagingOffFirst;
        return Err(ApiError::field("url", text).into());
    }
    if moved && (form.read_secret.is_empty() || (!form.write_login.trim().is_empty() && form.write_secret.is_empty())) {
        return Err(ApiError::field("read_secret", app::harbors::refusals::Refusal::SecretsAgain).into());
    }
    let kept = |field: &'static str, text: &str, login_same: bool, sealed: Option<&Vec<u8>>, column| {
        if !text.is_empty() {
            return Ok(SecretString::from(text.to_owned()));
        }
        match sealed {
            Some(sealed) if login_same => state.keys.open(place(column), sealed).map_err(Error::from),
            _ => Err(ApiError::field(field, app::harbors::refusals::Refusal::LoginSecret).into()),
        }
    };
    let read_name = form.read_login.trim().to_owned();
    let read = Login {
        secret: kept("read_secret", &form.read_secret, read_name == reach.read_login, Some(&reach.read_secret), "read_secret")?,
        name: read_name,
    };
    let write = match given(&form.write_login) {
        None => None,
        Some(name) => {
            let same = reach.write_login.as_deref() == Some(name);
            Some(Login {
                name: name.to_owned(),
                secret: kept("write_secret", &form.write_secret, same, reach.write_secret.as_ref(), "write_secret")?,
            })
        }
    };
    let logins = Logins { read, write, made_by: None };
    let (caps, zone) = (bandwidth::read(&form.bandwidth)?, bandwidth::zone(&form.bandwidth_zone)?);
    // As the form says: without a new one the old one stays.
    let ca = given(&form.ca_pem).or(reach.ca_pem.as_deref());
    let client_for = |login: &Login| unstored(state, &form.url, form.plain_http, ca, &login.name, login.secret.clone());
    let (read, write) = (client_for(&logins.read)?, logins.write.as_ref().map(client_for).transpose()?);
    let mut checks = run_checks(&read, write.as_ref()).await;
    if !may_be_kept(&checks) {
        return Err(refused(&checks));
    }
    let told = logins::again(state, (!moved).then_some(reach.harbor_id), &read, logins.names(Some(&reach)), &mut checks).await?;
    let mut tx = state.pool.begin().await?;
    let stored = Stored { url: form.url.trim(), ca_pem: ca, plain_http: form.plain_http, read_login: &logins.read.name, by: &caller.login };
    queries::update(&mut tx, reach.harbor_id, &stored).await?;
    queries::set_bandwidth(&mut tx, reach.harbor_id, &caps, &zone).await?;
    store_secrets(state, &mut tx, reach.harbor_id, &logins).await?;
    keep_checks(&mut tx, reach.harbor_id, &checks).await?;
    queries::set_logins(&mut tx, reach.harbor_id, &told).await?;
    clients::keep_body_cap(&mut tx, reach.harbor_id, write.as_ref().unwrap_or(&read)).await?;
    events::notify(&mut tx, Topic::Harbors).await?;
    let event = Event::new("harbor.update", "harbor", &form.harbor, HarborEvent::HarborChanged { harbor: form.harbor.clone() })
        .with("before", reached(&reach.url, (&reach.read_login, reach.write_login.as_deref()), &reach.bandwidth, &reach.bandwidth_zone))
        .with("after", reached(form.url.trim(), (&logins.read.name, logins.write.as_ref().map(|w| w.name.as_str())), &caps, &zone));
    audit::record(&mut tx, &Actor::caller(caller, origin), event).await?;
    tx.commit().await?;
    state.said_now.forget();
    get(state, caller, &form.harbor).await
}

/// How a harbor is reached, for the record.
fn reached(url: &str, (read, write): (&str, Option<&str>), caps: &[bandwidth::Cap], zone: &str) -> serde_json::Value {
    json!({ "url": url, "read_login": read, "write_login": write, "bandwidth": bandwidth::lines(caps), "bandwidth_zone": zone })
}

/// Runs and keeps the check-list of a registered harbor.
pub async fn check(state: &AppState, caller: &Caller, origin: &Origin, name: &str) -> Result<CheckList, Error> {
    let reach = managed(state, caller, name).await?;
    let read = client(state, &reach, Access::Read)?;
    let write = reach.write_login.is_some().then(|| client(state, &reach, Access::Write)).transpose()?;
    let mut checks = run_checks(&read, write.as_ref()).await;
    let told = logins::again(state, Some(reach.harbor_id), &read, logins::Names::of(&reach), &mut checks).await?;
    add_staging(state, &reach, &mut checks).await?;
    staging::tidy(state, &reach, &Actor::caller(caller, origin), None).await?;
    let mut tx = state.pool.begin().await?;
    keep_checks(&mut tx, reach.harbor_id, &checks).await?;
    queries::set_logins(&mut tx, reach.harbor_id, &told).await?;
    clients::keep_body_cap(&mut tx, reach.harbor_id, write.as_ref().unwrap_or(&read)).await?;
    events::notify(&mut tx, Topic::Harbors).await?;
    let event = Event::new("harbor.test", "harbor", name, HarborEvent::ConnectionTested { harbor: name.to_owned() })
        .with("backup_ok", checks.backup_ok)
        .with("restore_ok", checks.restore_ok);
    audit::record(&mut tx, &Actor::caller(caller, origin), event).await?;
    tx.commit().await?;
    Ok(checks)
}

/// The newest kept check-list.
pub async fn last_check(state: &AppState, caller: &Caller, name: &str) -> Result<Option<CheckList>, Error> {
    let mut conn = state.pool.acquire().await?;
    let found = queries::check_list(&mut conn, name).await?.filter(|(harbor_id, _)| sees(caller, *harbor_id));
    let (_, list) = found.ok_or_else(|| ApiError::not_found(app::refusals::Thing::Harbor))?;
    Ok(list.filter(|_| caller.may(Operation::ReadEstate, None)).and_then(|value| serde_json::from_value(value).ok()))
}

/// Forgets a harbor no plan uses.
pub async fn remove(state: &AppState, caller: &Caller, origin: &Origin, name: &str, confirm: &str) -> Result<(), Error> {
    let reach = managed(state, caller, name).await?;
    if confirm.trim() != name {
        return Err(ApiError::field("confirm", app::refusals::General::Confirm { name: name.to_owned() }).into());
    }
    in_no_plan(&mut *state.pool.acquire().await?, reach.harbor_id).await?;
    if reach.staging_project.is_some() {
        staging::switch_off(state, &Actor::caller(caller, origin), &reach).await?;
    }
    let mut tx = state.pool.begin().await?;
    in_no_plan(&mut tx, reach.harbor_id).await?;
    let left = queries::reach(&mut tx, reach.harbor_id).await?.and_then(|now| now.staging_project);
    queries::remove(&mut tx, reach.harbor_id).await?;
    events::notify(&mut tx, Topic::Harbors).await?;
    let harbor = name.to_owned();
    let what = match left {
        Some(project) => HarborEvent::HarborRemovedStagingStays { harbor, project },
        None => HarborEvent::HarborRemoved { harbor },
    };
    let event = Event::new("harbor.remove", "harbor", name, what);
    audit::record(&mut tx, &Actor::caller(caller, origin), event).await?;
    tx.commit().await?;
    Ok(())
}

async fn in_no_plan(conn: &mut PgConnection, harbor_id: i64) -> Result<(), Error> {
    let plans = queries::plans_using(conn, harbor_id).await?;
    if plans.is_empty() {
        return Ok(());
    }
    let text = app::harbors::refusals::Refusal::InUse { plans };
    Err(ApiError::new(ErrorKind::Conflict, "harbor_in_use", text).into())
}
