//! What every operation can reach.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use sqlx::PgPool;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use tokio::sync::{Mutex, Semaphore};
use vault::Vault;

use crate::crypto::KeyRing;
use crate::events::Events;
use crate::home::estate::Shared;
use crate::projects::live::SaidNow;
use crate::turns::Turns;

/// Connections to Postgres per process.
const CONNECTIONS_MAX: u32 = 24;
/// Longest wait for a free connection; after it the request is answered 503.
const ACQUIRE_S: u64 = 5;
/// Longest a statement may take.
const STATEMENT_S: &str = "30s";
/// Longest a statement may wait for a row that another transaction changes. A request is run again then, a job tried again; together that is
/// within the time a request may take.
const LOCK_S: &str = "8s";
/// Longest a transaction may wait for its next statement. A process that sleeps in the middle of one keeps its row locks, and nobody could
/// take its job over; none of ours waits for anything but Postgres inside a transaction.
const IDLE_IN_TRANSACTION_S: &str = "10s";

/// What every operation can reach; cheap to clone.
#[derive(Clone)]
pub struct AppState(Arc<Inner>);

/// The parts.
pub struct Inner {
    /// Postgres.
    pub pool: PgPool,
    /// Keys of stored secrets.
    pub keys: KeyRing,
    /// Networks harbors may be in.
    pub addresses: registry::AddressRule,
    /// Changes.
    pub events: Events,
    /// Address people type.
    pub public_url: url::Url,
    /// Password hashing at a time: one per core.
    pub hashing: Semaphore,
    /// Passwords that are hashed or wait for it.
    pub hashing_waiting: AtomicUsize,
    /// How much each person has going on.
    pub turns: Turns,
    /// What Harbors said a moment ago.
    pub said_now: SaidNow,
    /// How everything stood a moment ago, in a house that is large.
    pub estate: Shared,
    /// By vault, with the version of its bucket's row; 0 for a folder.
    vaults: Mutex<HashMap<uuid::Uuid, (i64, Vault)>>,
}

impl std::ops::Deref for AppState {
    type Target = Inner;

    fn deref(&self) -> &Inner {
        &self.0
    }
}

impl AppState {
    /// Puts the parts together.
    #[must_use]
    pub fn new(pool: PgPool, keys: KeyRing, allow_nets: Vec<ipnet::IpNet>, public_url: url::Url) -> Self {
        let cores = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
        Self(Arc::new(Inner {
            pool,
            keys,
            addresses: registry::AddressRule { allow: allow_nets },
            events: Events::default(),
            public_url,
            hashing: Semaphore::new(cores),
            hashing_waiting: AtomicUsize::new(0),
            turns: Turns::default(),
            said_now: SaidNow::default(),
            estate: Shared::default(),
            vaults: Mutex::new(HashMap::new()),
        }))
    }

    /// A vault that was opened before, by the same version of its row. Its place may have been unmounted or swapped since: the marker
    /// is read again each time. Nobody waits here for a vault that does not answer but those who ask for it.
    pub async fn opened(&self, id: uuid::Uuid, version: i64) -> Option<Vault> {
        let found = self.vaults.lock().await.get(&id).filter(|(of, _)| *of == version).map(|(_, vault)| vault.clone())?;
        found.check().await.is_ok().then_some(found)
    }

    /// Keeps an open vault for the next who asks.
    pub async fn keep_open(&self, id: uuid::Uuid, version: i64, vault: &Vault) {
        self.vaults.lock().await.insert(id, (version, vault.clone()));
    }
}

/// A pool of connections to `url`.
pub async fn connect(url: &SecretString) -> sqlx::Result<PgPool> {
    let options: PgConnectOptions = url.expose_secret().parse()?;
    PgPoolOptions::new()
        .max_connections(CONNECTIONS_MAX)
        .acquire_timeout(Duration::from_secs(ACQUIRE_S))
        .connect_with(
            options
                .options([
                    ("statement_timeout", STATEMENT_S),
                    ("lock_timeout", LOCK_S),
                    ("idle_in_transaction_session_timeout", IDLE_IN_TRANSACTION_S),
                    ("timezone", "UTC"),
                ])
                .application_name("breakwater"),
        )
        .await
}
