//! Asks the controller not too often, and gives up when the registry fails again and again.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use registry::RegistryError;
use tokio::time::Instant;

use super::{BackupError, FAILURES_IN_A_ROW_MAX};
use crate::control::Control;
use crate::stop::Stop;

/// The controller is asked at most this often while objects are fetched.
const ASK_EVERY: Duration = Duration::from_secs(1);

/// A controller asked in moderation.
pub(crate) struct Throttle {
    control: Arc<dyn Control>,
    asked: Mutex<Option<Instant>>,
}

impl Throttle {
    pub(crate) fn new(control: Arc<dyn Control>) -> Self {
        Self { control, asked: Mutex::new(None) }
    }

    /// Asks, unless that was done a moment ago.
    pub(crate) async fn check(&self) -> Result<(), Stop> {
        let due = {
            let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
            let due = asked.is_none_or(|at| at.elapsed() >= ASK_EVERY);
            if due {
                *asked = Some(Instant::now());
            }
            due
        };
        if due { self.control.check().await } else { Ok(()) }
    }

    /// Asks now.
    pub(crate) async fn check_now(&self) -> Result<(), Stop> {
        self.control.check().await
    }
}

/// Counts failures with no success between.
#[derive(Default)]
pub(crate) struct Breaker {
    in_a_row: AtomicUsize,
}

impl Breaker {
    pub(crate) fn success(&self) {
        self.in_a_row.store(0, Ordering::Relaxed);
    }

    /// Gives the error back if it concerns one thing only, and may become a gap. Ends the run if nothing can be read with this login
    /// or from this address, or after too many failures one after another.
    pub(crate) fn failure(&self, error: RegistryError) -> Result<RegistryError, BackupError> {
        match error {
            RegistryError::NotLoggedIn { .. }
            | RegistryError::AddressRefused { .. }
            | RegistryError::Tls { .. }
            | RegistryError::Endpoint(_) => Err(error.into()),
            RegistryError::Server { .. }
            | RegistryError::Unresolved { .. }
            | RegistryError::Unreachable { .. }
            | RegistryError::Busy { .. }
            | RegistryError::Truncated { .. }
            | RegistryError::Stalled { .. }
            | RegistryError::Protocol { .. }
            | RegistryError::RedirectRefused { .. }
            | RegistryError::Forbidden { .. } => {
                let before = self.in_a_row.fetch_add(1, Ordering::Relaxed);
                if before + 1 >= FAILURES_IN_A_ROW_MAX { Err(error.into()) } else { Ok(error) }
            }
            other => Ok(other),
        }
    }
}
