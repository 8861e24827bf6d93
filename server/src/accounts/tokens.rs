//! API tokens: 256 random bits with a prefix that secret scanners know, shown once, kept as a hash (reliability.md S-76).
//!
//! A token may be bound to networks it is used from, and to projects; then it sees and does nothing else.

use std::net::IpAddr;

use app::accounts::types::{MadeToken, NewToken, Token, TokenScope};
use app::audit::events::AccountEvent;
use app::error::ApiError;
use app::units::Moment;
use ipnet::IpNet;
use sqlx::PgConnection;

use super::queries;
use super::token_queries::{self, TokenRow};
use crate::access::{Caller, Operation, Origin, Via};
use crate::audit::{self, Actor, Event};
use crate::crypto;
use crate::error::Error;
use crate::events::{self, Topic};
use crate::state::AppState;

/// What every token begins with.
pub const PREFIX: &str = "bw_";
/// Longest life, days.
const DAYS_MAX: i32 = 365;
/// Networks of one token.
const NETWORKS_MAX: usize = 50;
/// Places of one token.
const PLACES_MAX: usize = 50;

fn token(row: TokenRow) -> Token {
    Token {
        id: row.api_token_id,
        name: row.name,
        owner: row.login,
        scope: if row.scope == "write" { TokenScope::Write } else { TokenScope::Read },
        networks: row.networks,
        projects: row.bound.then_some(row.places),
        expires: Moment(row.expires_at),
        last_used: row.last_used_at.map(Moment),
        last_ip: row.last_used_ip,
        revoked: row.revoked_at.map(Moment),
    }
}

/// Whether a token with these networks may be used from `ip`.
pub(super) fn may_be_used_from(networks: &[String], ip: Option<IpAddr>) -> bool {
    networks.is_empty()
        || ip.is_some_and(|ip| networks.iter().filter_map(|net| net.parse::<IpNet>().ok()).any(|net| net.contains(&ip.to_canonical())))
}

/// One's own tokens. A token that is bound sees itself alone: the others tell of other projects.
pub async fn list_tokens(state: &AppState, caller: &Caller) -> Result<Vec<Token>, Error> {
    let mut conn = state.pool.acquire().await?;
    let rows = token_queries::of(&mut conn, Some(caller.account_id)).await?;
    let seen = |row: &TokenRow| caller.bounds.is_none() || matches!(caller.via, Via::Token { id, .. } if id == row.api_token_id);
    Ok(rows.into_iter().filter(seen).map(token).collect())
}

/// Tokens of anybody.
pub async fn tokens_of(state: &AppState, caller: &Caller, user_id: i64) -> Result<Vec<Token>, Error> {
    caller.require(Operation::ReadAccounts, None)?;
    let mut conn = state.pool.acquire().await?;
    if !queries::is_known(&mut conn, user_id).await? {
        return Err(ApiError::not_found(app::refusals::Thing::Account).into());
    }
    Ok(token_queries::of(&mut conn, Some(user_id)).await?.into_iter().map(token).collect())
}

/// Tokens of an account, or of everybody, at the server's command line.
pub async fn tokens_at_command_line(state: &AppState, account_id: Option<i64>) -> Result<Vec<Token>, Error> {
    let mut conn = state.pool.acquire().await?;
    Ok(token_queries::of(&mut conn, account_id).await?.into_iter().map(token).collect())
}

/// Makes a token for oneself, after the password was entered again. A token cannot make another.
pub async fn create_token(state: &AppState, caller: &Caller, origin: &Origin, form: NewToken) -> Result<MadeToken, Error> {
    caller.require_fresh()?;
    let mut conn = state.pool.acquire().await?;
    for line in lines(&form.projects) {
        // What is not the owner's is answered like what does not exist.
        let (harbor_id, project) = place(&mut conn, line).await?;
        let theirs = match &project {
            Some(project) => caller.may(Operation::ReadProject, Some((harbor_id, project))),
            None => {
                caller.may(Operation::ReadEstate, None)
                    || caller.roles.iter().any(|role| role.harbor.as_ref().is_none_or(|(id, _)| *id == harbor_id))
            }
        };
        if !theirs {
            return Err(no_place(line).into());
        }
    }
    drop(conn);
    create_token_for(state, &Actor::caller(caller, origin), caller.account_id, &caller.login, form).await
}

fn lines(text: &str) -> impl Iterator<Item = &str> {
    text.split(['\n', ',']).map(str::trim).filter(|line| !line.is_empty())
}

fn no_place(line: &str) -> ApiError {
    ApiError::field("projects", app::accounts::refusals::Refusal::TokenPlace { line: line.to_owned() })
}

/// `prod/payments` or `prod/*`.
async fn place(conn: &mut PgConnection, line: &str) -> Result<(i64, Option<String>), Error> {
    let (harbor, project) = line.split_once('/').ok_or_else(|| no_place(line))?;
    let project = if project == "*" { None } else { Some(project.parse::<vocab::ProjectName>().map_err(|_| no_place(line))?.to_string()) };
    let harbor_id = queries::harbor_id(conn, harbor).await?.ok_or_else(|| no_place(line))?;
    Ok((harbor_id, project))
}

/// `10.0.0.0/8`, `192.0.2.7`, `2001:db8::/32`.
fn networks(text: &str) -> Result<Vec<String>, ApiError> {
    let read = |line: &str| {
        let net = line.parse::<IpNet>().or_else(|_| line.parse::<IpAddr>().map(|ip| IpNet::from(ip.to_canonical())));
        let wrong = || ApiError::field("networks", app::accounts::refusals::Refusal::TokenNetwork { line: line.to_owned() });
        net.map(|net| net.trunc().to_string()).map_err(|_| wrong())
    };
    let found: Vec<String> = lines(text).map(read).collect::<Result<_, _>>()?;
    if found.len() > NETWORKS_MAX {
        return Err(ApiError::field(
            "networks",
            app::accounts::refusals::Refusal::TooManyNetworks { most: app::units::figure(NETWORKS_MAX) },
        ));
    }
    Ok(found)
}

/// The same for an account named at the server's command line.
pub async fn create_token_for(state: &AppState, actor: &Actor, account_id: i64, login: &str, form: NewToken) -> Result<MadeToken, Error> {
    let name = form.name.trim().to_owned();
    if name.is_empty() || name.chars().count() > 64 {
        return Err(ApiError::field("name", app::accounts::refusals::Refusal::TokenName).into());
    }
    if !(1..=DAYS_MAX).contains(&form.days) {
        return Err(ApiError::field("days", app::accounts::refusals::Refusal::TokenDays { most: app::units::figure(DAYS_MAX) }).into());
    }
    let networks = networks(&form.networks)?;
    let secret = format!("{PREFIX}{}", crypto::random_token());
    let scope = match form.scope {
        TokenScope::Read => "read",
        TokenScope::Write => "write",
    };
    let mut tx = state.pool.begin().await?;
    let mut places = Vec::new();
    for line in lines(&form.projects) {
        places.push(place(&mut tx, line).await?);
    }
    if places.len() > PLACES_MAX {
        return Err(ApiError::field("projects", app::refusals::General::AtMostLines { most: app::units::figure(PLACES_MAX) }).into());
    }
    let new = token_queries::New {
        account_id,
        name: &name,
        hash: &crypto::token_hash(&secret),
        scope,
        days: form.days,
        networks: &networks,
        places: (!places.is_empty()).then_some(places.as_slice()),
    };
    let id = token_queries::insert(&mut tx, &new).await?;
    let made = token_queries::of(&mut tx, Some(account_id)).await?.into_iter().find(|t| t.api_token_id == id).map(token);
    let made = made.ok_or_else(|| Error::defect("a token just made is not in the list"))?;
    let (days, owner) = (i64::from(form.days), login.to_owned());
    let what = match form.scope {
        TokenScope::Read => AccountEvent::ReadTokenMade { name, login: owner, days },
        TokenScope::Write => AccountEvent::WriteTokenMade { name, login: owner, days },
    };
    let event = Event::new("token.create", "token", id.to_string(), what)
        .with("after", serde_json::json!({ "networks": made.networks, "projects": made.projects }));
    audit::record(&mut tx, actor, event).await?;
    tx.commit().await?;
    Ok(MadeToken { token: made, secret })
}

/// Ends one of one's own tokens.
pub async fn revoke_token(state: &AppState, caller: &Caller, origin: &Origin, token_id: i64) -> Result<(), Error> {
    caller.require_person()?;
    end(state, &Actor::caller(caller, origin), &caller.login, Some(caller.account_id), token_id).await
}

/// Ends a token of anybody.
pub async fn revoke_token_of(state: &AppState, caller: &Caller, origin: &Origin, user_id: i64, token_id: i64) -> Result<(), Error> {
    caller.require(Operation::ManageAccounts, None)?;
    end(state, &Actor::caller(caller, origin), &caller.login, Some(user_id), token_id).await
}

/// Ends a token at the server's command line.
pub async fn revoke_at_command_line(state: &AppState, token_id: i64) -> Result<(), Error> {
    let actor = Actor::command_line();
    let by = actor.name().to_owned();
    end(state, &actor, &by, None, token_id).await
}

async fn end(state: &AppState, actor: &Actor, by: &str, account_id: Option<i64>, token_id: i64) -> Result<(), Error> {
    let mut tx = state.pool.begin().await?;
    let ended = token_queries::revoke(&mut tx, account_id, token_id, by).await?;
    let (name, owner) = ended.ok_or_else(|| ApiError::not_found(app::refusals::Thing::Token))?;
    events::notify(&mut tx, Topic::Accounts).await?;
    let event = Event::new("token.revoke", "token", token_id.to_string(), AccountEvent::TokenEnded { name, login: owner });
    audit::record(&mut tx, actor, event).await?;
    tx.commit().await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_are_read_as_people_write_them() {
        let read = networks("10.1.2.3/8, 192.0.2.7\n2001:db8::1/32\n").unwrap();
        assert_eq!(read, ["10.0.0.0/8", "192.0.2.7/32", "2001:db8::/32"]);
        for bad in ["10.0.0.0/33", "example.org", "10.0.0.0/", "::1/129"] {
            assert_eq!(networks(bad).unwrap_err().fields[0].field, "networks", "{bad}");
        }
        assert!(networks(&vec!["10.0.0.0/8"; NETWORKS_MAX + 1].join("\n")).is_err());
    }

    #[test]
    fn an_address_is_inside_however_it_is_written() {
        let nets = ["10.0.0.0/8".to_owned(), "2001:db8::/32".to_owned()];
        let from = |ip: &str| may_be_used_from(&nets, Some(ip.parse().unwrap()));
        assert!(from("10.9.9.9") && from("::ffff:10.9.9.9") && from("2001:db8:1::5"));
        assert!(!from("192.0.2.1") && !from("2001:db9::1"));
        assert!(!may_be_used_from(&nets, None), "from nowhere that is known");
        assert!(may_be_used_from(&[], None), "no network is named");
    }
}
