//! Making and changing accounts. Nobody changes their own rights; the last holder of a duty stays (S7, S8); what one person must not hold together is refused.

use app::accounts::exclusion::{self, Conflict};
use app::accounts::types::{ChangeRoles, Duty, Grant, NewUser, OneTime, Role, User};
use app::audit::events::AccountEvent;
use app::error::{ApiError, ErrorKind};
use app::units::{Moment, Page};
use secrecy::SecretString;
use serde_json::json;
use sqlx::PgConnection;

use super::{load, password, queries, seal};
use crate::access::{Caller, Operation, Origin};
use crate::audit::{self, Actor, Event};
use crate::error::Error;
use crate::events::{self, Topic};
use crate::session::throttle;
use crate::state::AppState;

/// Length of a password that works once: letters and digits of some 5 bits each.
const ONE_TIME_CHARS: usize = 20;
/// Grants one account may have.
const GRANTS_MAX: usize = 200;

fn user(row: queries::AccountRow) -> User {
    let grant = |(role, _, harbor, project): queries::RoleParts| Some(Grant { role: load::role(&role)?, harbor, project });
    User {
        id: row.account_id,
        login: row.login,
        display_name: row.display_name,
        duties: row.duties.iter().filter_map(|d| load::duty(d)).collect(),
        grants: row.roles.0.into_iter().filter_map(grant).collect(),
        disabled: row.disabled_at.map(Moment),
        last_seen: row.last_seen_at.map(Moment),
        created: Moment(row.created_at),
    }
}

async fn load_user(conn: &mut PgConnection, user_id: i64) -> Result<User, Error> {
    let row = queries::one(conn, user_id).await?.ok_or_else(|| ApiError::not_found(app::refusals::Thing::Account))?;
    Ok(user(row))
}

/// Accounts by login.
pub async fn list_users(state: &AppState, caller: &Caller, after: Option<String>) -> Result<Page<User>, Error> {
    caller.require(Operation::ReadAccounts, None)?;
    let mut conn = state.pool.acquire().await?;
    let mut rows = queries::page(&mut conn, after.as_deref()).await?;
    let page_rows = usize::try_from(queries::PAGE_ROWS).unwrap_or(usize::MAX);
    let next = (rows.len() > page_rows).then(|| rows[page_rows - 1].login.clone());
    rows.truncate(page_rows);
    Ok(Page { items: rows.into_iter().map(user).collect(), next, total: None })
}

/// One account.
pub async fn get_user(state: &AppState, caller: &Caller, user_id: i64) -> Result<User, Error> {
    caller.require(Operation::ReadAccounts, None)?;
    let mut conn = state.pool.acquire().await?;
    load_user(&mut conn, user_id).await
}

/// Names of the active accounts that hold what nobody should hold together, of before that was refused; and how many accounts are active, where any has a duty.
pub async fn in_conflict(conn: &mut PgConnection) -> Result<(Vec<String>, i64), Error> {
    let (mut names, mut active) = (Vec::new(), 0);
    for (login, duties, roles, accounts) in queries::rights_of_holders(conn).await? {
        active = accounts;
        let duties: Vec<Duty> = duties.iter().filter_map(|duty| load::duty(duty)).collect();
        if exclusion::conflict(&duties, roles.iter().filter_map(|role| load::role(role))).is_some() {
            names.push(login);
        }
    }
    Ok((names, active))
}

/// Makes an account.
pub async fn create_user(state: &AppState, caller: &Caller, origin: &Origin, form: NewUser) -> Result<User, Error> {
    caller.require(Operation::ManageAccounts, None)?;
    let actor = Actor::caller(caller, origin);
    create(state, &actor, By { login: &caller.login, account: Some(caller.account_id) }, form, Exclusion::Kept).await
}

/// Makes an account at the server's command line or in the first-run set-up; there duties may be joined until the set-up is over.
pub async fn admin_create(state: &AppState, actor: &Actor, form: NewUser) -> Result<User, Error> {
    create(state, actor, By { login: "set-up", account: None }, form, Exclusion::Relaxed).await
}

/// Who makes an account.
struct By<'a> {
    login: &'a str,
    account: Option<i64>,
}

/// Whether the three duties exclude each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Exclusion {
    Kept,
    Relaxed,
}

async fn create(state: &AppState, actor: &Actor, by: By<'_>, form: NewUser, exclusion: Exclusion) -> Result<User, Error> {
    let login = form.login.trim().to_lowercase();
    let display_name = if form.display_name.trim().is_empty() { login.clone() } else { form.display_name.trim().to_owned() };
    check_names(&login, &display_name)?;
    password::judge("password", &form.password, &login)?;
    let hash = password::hash(state, SecretString::from(form.password)).await?;
    let mut tx = state.pool.begin().await?;
    queries::lock_duties(&mut tx).await?;
    let account_id = queries::insert(&mut tx, &login, &display_name, &hash).await.map_err(|error| {
        Error::from(error).on_constraint("account_login_unique", ApiError::field("login", app::accounts::refusals::Refusal::LoginTaken))
    })?;
    if exclusion == Exclusion::Kept {
        queries::made_by_other(&mut tx, account_id).await?;
    }
    set_rights(&mut tx, account_id, (&form.duties, &form.grants), by.login, exclusion).await?;
    let sealed = seal::seal(&mut tx, by.account).await?;
    let made = load_user(&mut tx, account_id).await?;
    events::notify(&mut tx, Topic::Accounts).await?;
    let event = Event::new("user.create", "user", &login, AccountEvent::AccountMade { login: login.clone() })
        .with("after", json!({ "duties": made.duties, "grants": made.grants }));
    audit::record(&mut tx, actor, event).await?;
    seal::record(&mut tx, actor, sealed).await?;
    tx.commit().await?;
    Ok(made)
}

fn check_names(login: &str, display_name: &str) -> Result<(), ApiError> {
    let word = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let good =
        login.len() >= 2 && login.len() <= 64 && login.starts_with(word) && login.chars().all(|c| word(c) || matches!(c, '.' | '_' | '-'));
    if !good {
        return Err(ApiError::field("login", app::accounts::refusals::Refusal::LoginForm));
    }
    if display_name.chars().count() > 100 || display_name.chars().any(char::is_control) {
        return Err(ApiError::field("display_name", app::refusals::General::AtMostChars { most: 100 }));
    }
    Ok(())
}

/// Refuses what one person must not hold together; duties may be joined before the set-up is over, where that is done at the server.
async fn check_conflict(conn: &mut PgConnection, duties: &[Duty], roles: &[Role], exclusion: Exclusion) -> Result<(), Error> {
    let conflict = match exclusion::conflict(duties, roles.iter().copied()) {
        Some(Conflict::Duties(..)) if exclusion == Exclusion::Relaxed && !queries::is_sealed(conn).await? => {
            duties.iter().find_map(|duty| exclusion::conflict(&[*duty], roles.iter().copied()))
        }
        other => other,
    };
    match conflict {
        Some(conflict) => Err(ApiError::field(conflict.field(), app::accounts::refusals::Refusal::from(conflict)).into()),
        None => Ok(()),
    }
}

/// Replaces all rights of an account whose row this transaction holds, so that nobody gives it another right meanwhile.
async fn set_rights(
    conn: &mut PgConnection,
    account_id: i64,
    (duties, grants): (&[Duty], &str),
    by: &str,
    exclusion: Exclusion,
) -> Result<(), Error> {
    let names: Vec<&str> = duties.iter().map(|d| load::duty_name(*d)).collect();
    queries::set_duties(conn, account_id, &names).await?;
    queries::clear_roles(conn, account_id).await?;
    let lines: Vec<&str> = grants.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    if lines.len() > GRANTS_MAX {
        return Err(ApiError::field("grants", app::refusals::General::AtMostLines { most: app::units::figure(GRANTS_MAX) }).into());
    }
    let parsed = lines.into_iter().map(|line| Ok((line, parse_grant(line)?))).collect::<Result<Vec<_>, ApiError>>()?;
    let roles: Vec<Role> = parsed.iter().filter_map(|(_, (role, ..))| load::role(role)).collect();
    check_conflict(conn, duties, &roles, exclusion).await?;
    for (line, (role, harbor, project)) in parsed {
        let harbor_id = match harbor {
            None => None,
            Some(name) => Some(queries::harbor_id(conn, name).await?.ok_or_else(|| {
                ApiError::field(
                    "grants",
                    app::accounts::refusals::Refusal::NoHarborNamed { line: line.to_owned(), harbor: name.to_owned() },
                )
            })?),
        };
        queries::grant(conn, account_id, role, harbor_id, project, by).await?;
    }
    Ok(())
}

/// `requester prod/payments`, `approver prod/*`, `viewer *`.
fn parse_grant(line: &str) -> Result<(&'static str, Option<&str>, Option<&str>), ApiError> {
    let wrong = || ApiError::field("grants", app::accounts::refusals::Refusal::GrantForm { line: line.to_owned() });
    let (role, scope) = line.split_once(char::is_whitespace).ok_or_else(wrong)?;
    let role = load::role(role).map(load::role_name).ok_or_else(wrong)?;
    let (harbor, project) = scope.trim().split_once('/').unwrap_or((scope.trim(), "*"));
    let given = |text| Some(text).filter(|t: &&str| *t != "*" && !t.is_empty());
    let (harbor, project) = (given(harbor), given(project));
    if harbor.is_none() && project.is_some() {
        return Err(wrong());
    }
    if let Some(project) = project {
        project.parse::<vocab::ProjectName>().map_err(|_| wrong())?;
    }
    Ok((role, harbor, project))
}

/// Replaces duties and roles.
pub async fn change_roles(state: &AppState, caller: &Caller, origin: &Origin, form: ChangeRoles) -> Result<User, Error> {
    caller.require(Operation::ManageAccounts, None)?;
    not_oneself(caller, form.user_id)?;
    if form.reason.trim().chars().count() < 10 {
        return Err(ApiError::field("reason", app::accounts::refusals::Refusal::SayWhyTen).into());
    }
    let mut tx = state.pool.begin().await?;
    keep_last_holders(&mut tx, form.user_id, &form.duties).await?;
    queries::lock(&mut tx, form.user_id).await?;
    let before = load_user(&mut tx, form.user_id).await?;
    set_rights(&mut tx, form.user_id, (&form.duties, &form.grants), &caller.login, Exclusion::Kept).await?;
    queries::bump(&mut tx, form.user_id).await?;
    let sealed = seal::seal(&mut tx, Some(caller.account_id)).await?;
    let after = load_user(&mut tx, form.user_id).await?;
    events::notify(&mut tx, Topic::Accounts).await?;
    let event = Event::new("role.grant", "user", &after.login, AccountEvent::RolesChanged { login: after.login.clone() })
        .with("reason", form.reason.trim())
        .with("before", json!({ "duties": before.duties, "grants": before.grants }))
        .with("after", json!({ "duties": after.duties, "grants": after.grants }));
    let actor = Actor::caller(caller, origin);
    audit::record(&mut tx, &actor, event).await?;
    seal::record(&mut tx, &actor, sealed).await?;
    tx.commit().await?;
    Ok(after)
}

/// Switches an account off or on.
pub async fn set_disabled(state: &AppState, caller: &Caller, origin: &Origin, user_id: i64, disabled: bool) -> Result<User, Error> {
    caller.require(Operation::ManageAccounts, None)?;
    not_oneself(caller, user_id)?;
    let mut tx = state.pool.begin().await?;
    if disabled {
        keep_last_holders(&mut tx, user_id, &[]).await?;
    } else {
        queries::lock_duties(&mut tx).await?;
    }
    if !queries::set_disabled(&mut tx, user_id, disabled).await? {
        return Err(ApiError::not_found(app::refusals::Thing::Account).into());
    }
    queries::bump(&mut tx, user_id).await?;
    let sealed = seal::seal(&mut tx, Some(caller.account_id)).await?;
    let after = load_user(&mut tx, user_id).await?;
    events::notify(&mut tx, Topic::Accounts).await?;
    let of = after.login.clone();
    let (action, what) = if disabled {
        ("user.disable", AccountEvent::AccountOff { login: of })
    } else {
        ("user.enable", AccountEvent::AccountOn { login: of })
    };
    let event = Event::new(action, "user", &after.login, what);
    let actor = Actor::caller(caller, origin);
    audit::record(&mut tx, &actor, event).await?;
    seal::record(&mut tx, &actor, sealed).await?;
    tx.commit().await?;
    Ok(after)
}

/// Gives an account a password that works once: answers with it, the only time it is seen. Whoever signs in with it must choose another;
/// sessions and tokens end, votes on requests that are not decided are void, and the account does not vote for a day. Nobody resets
/// their own.
pub async fn reset_password(state: &AppState, caller: &Caller, origin: &Origin, user_id: i64) -> Result<OneTime, Error> {
    caller.require(Operation::ManageAccounts, None)?;
    not_oneself(caller, user_id)?;
    let login = get_user(state, caller, user_id).await?.login;
    let password = crate::crypto::random_token().chars().take(ONE_TIME_CHARS).collect::<String>();
    let event = Event::new("password.reset", "user", &login, AccountEvent::PasswordReset { login: login.clone() });
    store_password(state, &Actor::caller(caller, origin), user_id, password.clone(), queries::ChosenBy::Other, event).await?;
    Ok(OneTime { password })
}

/// Changes one's own password.
pub async fn change_password(state: &AppState, caller: &Caller, origin: &Origin, current: String, new: String) -> Result<(), Error> {
    if caller.via != crate::access::Via::Session {
        return Err(ApiError::new(ErrorKind::Forbidden, "session_needed", app::accounts::refusals::Refusal::TokenAndPassword).into());
    }
    prove(state, caller, origin, "current", &current).await?;
    password::judge("password", &new, &caller.login)?;
    if new == current {
        return Err(ApiError::field("password", app::accounts::refusals::Refusal::SamePassword).into());
    }
    let login = &caller.login;
    let event = Event::new("password.change", "user", login, AccountEvent::PasswordChanged { login: login.clone() });
    store_password(state, &Actor::caller(caller, origin), caller.account_id, new, queries::ChosenBy::Owner, event).await
}

/// Whether `password` is the caller's. A wrong one is throttled as at the sign-in, and recorded.
pub async fn prove(state: &AppState, caller: &Caller, origin: &Origin, field: &'static str, password: &str) -> Result<(), Error> {
    if password.len() > password::LENGTH_MAX {
        return Err(ApiError::field(field, app::accounts::refusals::Refusal::WrongPassword).into());
    }
    throttle::admit(&state.pool, &caller.login, origin.ip).await?;
    let stored = queries::password_hash(&mut *state.pool.acquire().await?, caller.account_id).await?;
    if password::verify(state, SecretString::from(password.to_owned()), stored).await? {
        throttle::forget(&mut *state.pool.acquire().await?, &caller.login, origin.ip).await?;
        return Ok(());
    }
    let event = Event::new("auth.stepup", "user", &caller.login, AccountEvent::PasswordWrong { login: caller.login.clone() })
        .outcome(audit::Outcome::Failure, "bad_credentials");
    audit::record_alone(&state.pool, &Actor::caller(caller, origin), event).await?;
    Err(ApiError::field(field, app::accounts::refusals::Refusal::WrongPassword).into())
}

async fn store_password(
    state: &AppState,
    actor: &Actor,
    user_id: i64,
    new: String,
    by: queries::ChosenBy,
    event: Event,
) -> Result<(), Error> {
    let hash = password::hash(state, SecretString::from(new)).await?;
    let mut tx = state.pool.begin().await?;
    queries::set_password(&mut tx, user_id, &hash, by).await?;
    queries::bump(&mut tx, user_id).await?;
    events::notify(&mut tx, Topic::Accounts).await?;
    events::notify(&mut tx, Topic::Requests).await?;
    audit::record(&mut tx, actor, event).await?;
    tx.commit().await?;
    Ok(())
}

fn not_oneself(caller: &Caller, user_id: i64) -> Result<(), ApiError> {
    if caller.account_id == user_id {
        return Err(ApiError::new(ErrorKind::Forbidden, "own_account", app::accounts::refusals::Refusal::OwnRights));
    }
    Ok(())
}

async fn keep_last_holders(conn: &mut PgConnection, user_id: i64, keeps: &[Duty]) -> Result<(), Error> {
    // One change of duties at a time: two who take each other's away at once would each see the other still holding it (S8).
    queries::lock_duties(conn).await?;
    for duty in [Duty::Secadmin, Duty::Operator, Duty::Auditor] {
        let name = load::duty_name(duty);
        let holders = queries::holders(conn, name).await?;
        if holders == [user_id] && !keeps.contains(&duty) {
            let text = app::accounts::refusals::Refusal::LastHolder { duty };
            return Err(ApiError::new(ErrorKind::Conflict, "last_holder", text).into());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grants_are_read_as_people_write_them() {
        assert_eq!(parse_grant("requester prod/payments").unwrap(), ("requester", Some("prod"), Some("payments")));
        assert_eq!(parse_grant("approver   prod/*").unwrap(), ("approver", Some("prod"), None));
        assert_eq!(parse_grant("viewer *").unwrap(), ("viewer", None, None));
        for bad in ["", "requester", "boss prod/x", "viewer */x", "viewer prod/../x"] {
            assert!(parse_grant(bad).is_err(), "{bad}");
        }
    }
}
