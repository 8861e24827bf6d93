//! From a row to a client of the harbor, with its own credential and the operator's address rule.

use std::collections::HashMap;
use std::sync::{LazyLock, Mutex, PoisonError};

use app::error::{ApiError, ErrorKind};
use registry::{Bandwidth, BodyCap, Client, Credential, Endpoint, Limits, RegistryError};
use secrecy::SecretString;
use sqlx::PgConnection;

use super::bandwidth;
use super::queries::{self, Reach};
use crate::crypto::Place;
use crate::error::Error;
use crate::state::AppState;

/// What the client is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Access {
    /// Backup and looking.
    Read,
    /// Restore.
    Write,
    /// Copying into the staging project, and clearing it.
    Staging,
}

/// A client with the version of its harbor's row.
type Versioned = (i64, Client);

/// Clients of this process, by harbor, purpose and version of its row: caps and tokens are shared by all jobs.
static CLIENTS: LazyLock<Mutex<HashMap<(i64, Access), Versioned>>> = LazyLock::new(Mutex::default);

/// What is known of a harbor's largest body, with what its row said of it when last looked at: a row that says something else was tested anew.
type Known = (Option<i64>, BodyCap);

/// By harbor and address: whatever the purpose, all requests to an address go through the same proxies.
static BODY_CAPS: LazyLock<Mutex<HashMap<(i64, String), Known>>> = LazyLock::new(Mutex::default);

fn body_cap(reach: &Reach) -> BodyCap {
    let mut caps = BODY_CAPS.lock().unwrap_or_else(PoisonError::into_inner);
    let stored = reach.body_max_bytes;
    let (seen, cap) = caps.entry((reach.harbor_id, reach.url.clone())).or_insert_with(|| (stored, BodyCap::of(bytes(stored))));
    if *seen != stored {
        *seen = stored;
        cap.set(bytes(stored));
    }
    cap.clone()
}

fn bytes(stored: Option<i64>) -> Option<u64> {
    stored.and_then(|bytes| u64::try_from(bytes).ok())
}

/// Keeps what a client learnt of the largest body that reaches its harbor.
pub async fn keep_body_cap(conn: &mut PgConnection, harbor_id: i64, client: &Client) -> sqlx::Result<()> {
    let learnt = client.body_bytes_max().map(|bytes| i64::try_from(bytes).unwrap_or(i64::MAX));
    queries::set_body_max(conn, harbor_id, learnt).await
}

/// The client of a harbor, at the beginning of what it is for: what an earlier run found out about the harbor's storage is forgotten.
pub fn client(state: &AppState, reach: &Reach, access: Access) -> Result<Client, Error> {
    if reach.removed {
        let text = app::harbors::refusals::Refusal::Removed { harbor: reach.name.clone() };
        return Err(ApiError::new(ErrorKind::Conflict, "harbor_removed", text).into());
    }
    let mut clients = CLIENTS.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((version, client)) = clients.get(&(reach.harbor_id, access))
        && *version == reach.version
    {
        // Another process may have learnt of a limit meanwhile.
        body_cap(reach);
        return Ok(client.for_run());
    }
    let endpoint = endpoint(state, &reach.url, reach.plain_http, reach.ca_pem.as_deref())?;
    let place = |column| Place { table: "harbor", column, row: reach.harbor_id };
    let credential = match (access, &reach.write_login, &reach.write_secret) {
        (Access::Write, Some(login), Some(sealed)) => {
            Credential { username: login.clone(), secret: state.keys.open(place("write_secret"), sealed)? }
        }
        (Access::Staging, ..) => match (&reach.staging_login, &reach.staging_secret) {
            (Some(login), Some(sealed)) => {
                Credential { username: login.clone(), secret: state.keys.open(place("staging_secret"), sealed)? }
            }
            _ => {
                return Err(ApiError::new(
                    ErrorKind::Conflict,
                    "staging_off",
                    app::harbors::refusals::Refusal::NoStagingLogin { harbor: reach.name.clone() },
                )
                .into());
            }
        },
        _ => Credential { username: reach.read_login.clone(), secret: state.keys.open(place("read_secret"), &reach.read_secret)? },
    };
    let bandwidth = match access {
        Access::Read => bandwidth::obeyed(reach.bandwidth.0.clone(), &reach.bandwidth_zone),
        Access::Write | Access::Staging => Bandwidth::default(),
    };
    let client = Client::new(endpoint, credential, Limits { bandwidth, body_cap: body_cap(reach), ..Limits::default() })?;
    clients.insert((reach.harbor_id, access), (reach.version, client.clone()));
    Ok(client)
}

/// An address under the operator's rule; what is wrong with it becomes an error of the field `url`.
pub fn endpoint(state: &AppState, url: &str, plain_http: bool, ca_pem: Option<&str>) -> Result<Endpoint, Error> {
    Endpoint::new(url, plain_http, ca_pem.map(str::to_owned), state.addresses.clone())
        .map_err(|error| ApiError::field("url", app::refusals::General::CannotBeUsed { why: error.to_string() }).into())
}

/// A client for values that are not stored.
pub fn unstored(
    state: &AppState,
    url: &str,
    plain_http: bool,
    ca_pem: Option<&str>,
    login: &str,
    secret: SecretString,
) -> Result<Client, Error> {
    let endpoint = endpoint(state, url, plain_http, ca_pem)?;
    Ok(Client::new(endpoint, Credential { username: login.to_owned(), secret }, Limits::default())?)
}

/// State of a harbor after an error: refused, or not reached.
pub fn state_after(error: &RegistryError) -> &'static str {
    match error.code() {
        "not_logged_in" | "forbidden" => "refused",
        _ => "unreachable",
    }
}
