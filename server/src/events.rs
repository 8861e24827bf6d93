//! "Something changed": a bump per topic, from any process to every open page.
//!
//! A change notifies Postgres in its own transaction, so that pages hear of it exactly when it is true. Events carry a
//! topic and nothing else: a page that hears one asks again, under its own rights.

use std::time::Duration;

use sqlx::postgres::PgListener;
use sqlx::{PgConnection, PgPool};
use tokio::sync::broadcast;

/// The channel in Postgres.
const CHANNEL: &str = "breakwater";
/// Events a slow page may be behind before it is told to ask for everything again.
const BEHIND_MAX: usize = 256;
/// Wait before listening again after the connection was lost.
const RECONNECT_S: u64 = 2;

/// What changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Topic {
    /// Jobs and their progress.
    Jobs,
    /// Restore requests.
    Requests,
    /// Snapshots.
    Snapshots,
    /// Harbors.
    Harbors,
    /// Vaults.
    Vaults,
    /// Plans.
    Plans,
    /// Accounts and roles.
    Accounts,
    /// A new job is ready: wakes workers.
    Work,
    /// Listening was interrupted: ask for everything again.
    Resync,
}

impl Topic {
    const ALL: [Self; 9] =
        [Self::Jobs, Self::Requests, Self::Snapshots, Self::Harbors, Self::Vaults, Self::Plans, Self::Accounts, Self::Work, Self::Resync];

    /// The name on the wire.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Jobs => "jobs",
            Self::Requests => "requests",
            Self::Snapshots => "snapshots",
            Self::Harbors => "harbors",
            Self::Vaults => "vaults",
            Self::Plans => "plans",
            Self::Accounts => "accounts",
            Self::Work => "work",
            Self::Resync => "resync",
        }
    }
}

/// Where the pages and workers of this process listen.
#[derive(Clone)]
pub struct Events(broadcast::Sender<Topic>);

impl Default for Events {
    fn default() -> Self {
        Self(broadcast::channel(BEHIND_MAX).0)
    }
}

impl Events {
    /// A new listener.
    #[must_use]
    pub fn subscribe(&self) -> broadcast::Receiver<Topic> {
        self.0.subscribe()
    }

    /// Forwards notifications of Postgres until the pool is closed.
    pub async fn forward(self, pool: PgPool) {
        while !pool.is_closed() {
            if let Err(error) = self.listen(&pool).await {
                tracing::warn!(error = %crate::error::chain(&error), "listening for changes was interrupted");
            }
            let _ = self.0.send(Topic::Resync);
            tokio::time::sleep(Duration::from_secs(RECONNECT_S)).await;
        }
    }

    async fn listen(&self, pool: &PgPool) -> sqlx::Result<()> {
        let mut listener = PgListener::connect_with(pool).await?;
        listener.listen(CHANNEL).await?;
        let _ = self.0.send(Topic::Resync);
        loop {
            let Some(notification) = listener.try_recv().await? else { return Ok(()) };
            if let Some(topic) = Topic::ALL.into_iter().find(|t| t.name() == notification.payload()) {
                let _ = self.0.send(topic);
            }
        }
    }
}

/// Tells everyone, when this transaction commits.
pub async fn notify(conn: &mut PgConnection, topic: Topic) -> sqlx::Result<()> {
    sqlx::query("select pg_notify($1, $2)").bind(CHANNEL).bind(topic.name()).execute(conn).await?;
    Ok(())
}
