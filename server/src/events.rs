//! "Something changed": a bump per topic, from any process to every open page.
//!
//! A change notifies Postgres in its own transaction, so that pages hear of it exactly when it is true. Events carry a
//! topic and nothing else: a page that hears one asks again, under its own rights.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use sqlx::postgres::PgListener;
use sqlx::{PgConnection, PgPool};
use time::OffsetDateTime;
use tokio::sync::broadcast;
use tokio_util::sync::CancellationToken;

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

/// What is told later is told again to a page of so long before: it may have been made by another server, whose clock is not quite this one's.
const CLOCKS_APART: time::Duration = time::Duration::seconds(30);

/// Where the pages and workers of this process listen.
#[derive(Clone)]
pub struct Events {
    sender: broadcast::Sender<Topic>,
    /// When each was told last, by the clock of this process.
    told: Arc<Mutex<Vec<(Topic, OffsetDateTime)>>>,
    /// Nothing is told any more.
    over: CancellationToken,
}

impl Default for Events {
    fn default() -> Self {
        Self { sender: broadcast::channel(BEHIND_MAX).0, told: Arc::default(), over: CancellationToken::new() }
    }
}

impl Events {
    /// A new listener.
    #[must_use]
    pub fn subscribe(&self) -> broadcast::Receiver<Topic> {
        self.sender.subscribe()
    }

    /// Ends the streams of pages at the end of the program, which waits for open connections and would wait for them in vain.
    pub fn end(&self) {
        self.over.cancel();
    }

    /// Waits for [`Events::end`].
    pub async fn ended(&self) {
        self.over.cancelled().await;
    }

    /// Tells the pages and workers of this process.
    fn tell(&self, topic: Topic) {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        told.retain(|(of, _)| *of != topic);
        told.push((topic, OffsetDateTime::now_utc()));
        drop(told);
        let _ = self.sender.send(topic);
    }

    /// What a page that was made at a moment has to ask for again: [`Topic::Resync`] where this process did not listen yet, or not all the time.
    #[must_use]
    pub fn since(&self, made: OffsetDateTime) -> Vec<Topic> {
        let told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let later: Vec<Topic> = told.iter().filter(|(_, at)| *at + CLOCKS_APART >= made).map(|(topic, _)| *topic).collect();
        // Whoever never listened, listens no more or began to later knows nothing.
        let blind = !told.iter().any(|(topic, _)| *topic == Topic::Resync) || later.contains(&Topic::Resync);
        if blind { vec![Topic::Resync] } else { later }
    }

    /// Forwards notifications of Postgres until the pool is closed.
    pub async fn forward(self, pool: PgPool) {
        while !pool.is_closed() {
            // At the end of the program the pool is closed under it.
            if let Err(error) = self.listen(&pool).await
                && !pool.is_closed()
            {
                tracing::warn!(error = %crate::error::chain(&error), "listening for changes was interrupted");
            }
            self.tell(Topic::Resync);
            tokio::time::sleep(Duration::from_secs(RECONNECT_S)).await;
        }
    }

    async fn listen(&self, pool: &PgPool) -> sqlx::Result<()> {
        let mut listener = PgListener::connect_with(pool).await?;
        listener.listen(CHANNEL).await?;
        self.tell(Topic::Resync);
        loop {
            let Some(notification) = listener.try_recv().await? else { return Ok(()) };
            if let Some(topic) = Topic::ALL.into_iter().find(|t| t.name() == notification.payload()) {
                self.tell(topic);
            }
        }
    }
}

/// Tells everyone, when this transaction commits.
pub async fn notify(conn: &mut PgConnection, topic: Topic) -> sqlx::Result<()> {
    sqlx::query("select pg_notify($1, $2)").bind(CHANNEL).bind(topic.name()).execute(conn).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_asks_again_for_what_changed_since_it_was_made_and_for_all_where_nobody_listened() {
        let events = Events::default();
        let now = OffsetDateTime::now_utc();
        assert_eq!(events.since(now + time::Duration::hours(1)), [Topic::Resync], "nobody listens yet");
        events.tell(Topic::Resync);
        events.tell(Topic::Jobs);
        assert_eq!(events.since(now), [Topic::Resync], "made before anybody listened");
        assert_eq!(events.since(now + time::Duration::hours(1)), [], "made after all that was told");
        // As if listening had begun long ago.
        events.told.lock().unwrap()[0].1 -= time::Duration::hours(1);
        assert_eq!(events.since(now), [Topic::Jobs]);
    }
}
