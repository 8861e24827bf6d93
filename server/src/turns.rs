//! How much one person has going on at once in this process (S-81): what costs much waits for its turn, so that nobody's tabs or script keep
//! the others waiting.
//!
//! Counted by account and kind of work, whatever sessions and tokens it came by. Each process counts by itself: what is protected is its
//! connections to Postgres and its time.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use app::error::{ApiError, ErrorKind};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Longest wait for a turn; after it the request is answered 429.
const WAIT: Duration = Duration::from_secs(10);
/// Counts kept before those at rest are dropped.
const KEPT_MAX: usize = 4_096;

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Turn {
    /// An open stream of events. A browser has one for each tab that is seen.
    Stream,
    /// A search over all time.
    Search,
    /// Asking a Harbor what it has now, or comparing two moments.
    Compare,
    /// Making an effect plan against a live Harbor.
    Preview,
    /// A download of all lines.
    Export,
    /// A search of the audit history.
    Audit,
}

impl Turn {
    /// At a time, of one account.
    #[must_use]
    pub const fn most(self) -> usize {
        match self {
            Self::Stream => 16,
            Self::Search | Self::Compare | Self::Preview | Self::Export => 2,
            Self::Audit => 1,
        }
    }
}

/// A turn; it is over when this is dropped.
pub type Taken = OwnedSemaphorePermit;

/// The counts.
#[derive(Default)]
pub struct Turns(Mutex<HashMap<(i64, Turn), Arc<Semaphore>>>);

impl Turns {
    fn of(&self, account_id: i64, turn: Turn) -> Arc<Semaphore> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= KEPT_MAX {
            // Held by a permit, or by somebody who waits.
            all.retain(|_, count| Arc::strong_count(count) > 1);
        }
        Arc::clone(all.entry((account_id, turn)).or_insert_with(|| Arc::new(Semaphore::new(turn.most()))))
    }

    /// A turn now, or none.
    #[must_use]
    pub fn try_take(&self, account_id: i64, turn: Turn) -> Option<Taken> {
        self.of(account_id, turn).try_acquire_owned().ok()
    }

    /// Waits for a turn, not for ever.
    pub async fn take(&self, account_id: i64, turn: Turn) -> Result<Taken, ApiError> {
        self.take_within(account_id, turn, WAIT).await
    }

    async fn take_within(&self, account_id: i64, turn: Turn, wait: Duration) -> Result<Taken, ApiError> {
        let count = self.of(account_id, turn);
        match tokio::time::timeout(wait, count.acquire_owned()).await {
            Ok(Ok(taken)) => Ok(taken),
            _ => Err(busy()),
        }
    }
}

/// Too much at once.
#[must_use]
pub fn busy() -> ApiError {
    let text = app::refusals::General::Turns;
    ApiError::new(ErrorKind::TooMany, "busy", text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn one_person_waits_and_the_others_do_not() {
        let turns = Turns::default();
        let first = turns.take(1, Turn::Audit).await.unwrap();
        let second = turns.take_within(1, Turn::Audit, Duration::ZERO).await;
        assert_eq!(second.unwrap_err().code, "busy", "a second one waits, but not for ever");
        assert!(turns.try_take(1, Turn::Search).is_some() && turns.try_take(2, Turn::Audit).is_some());
        drop(first);
        assert!(turns.take(1, Turn::Audit).await.is_ok());
    }

    #[test]
    fn counts_at_rest_are_forgotten_and_those_in_use_are_not() {
        let turns = Turns::default();
        let held: Vec<Taken> = (0..16).map(|_| turns.try_take(7, Turn::Stream).unwrap()).collect();
        for account in 100..100 + i64::try_from(KEPT_MAX).unwrap() {
            drop(turns.try_take(account, Turn::Search));
        }
        assert!(turns.try_take(7, Turn::Stream).is_none());
        assert!(turns.0.lock().unwrap().len() < KEPT_MAX);
        drop(held);
        assert!(turns.try_take(7, Turn::Stream).is_some());
    }
}
