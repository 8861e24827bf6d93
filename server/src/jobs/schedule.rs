//! The clock of the house: what is due gets queued, by exactly one worker, however many there are.

use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::error::Error;
use crate::state::AppState;

/// Looks for due work at most this often per process.
const EVERY: Duration = Duration::from_secs(2);

static LAST: Mutex<Option<Instant>> = Mutex::const_new(None);

/// Queues due plans, listings of projects, sweeps and scrubs, ends pauses and requests nobody decided, sweeps old drafts, looks at vaults. Row locks keep two workers apart.
pub async fn tick(state: &AppState) -> Result<(), Error> {
    {
        let mut last = LAST.lock().await;
        if last.is_some_and(|at| at.elapsed() < EVERY) {
            return Ok(());
        }
        *last = Some(Instant::now());
    }
    crate::clock::watch(state).await?;
    crate::plans::queue_due(state).await?;
    crate::harbors::queue_inventories(state).await?;
    crate::restores::expire_due(state).await?;
    crate::restores::sweep_drafts(state).await?;
    crate::vaults::health::begin_due(state).await?;
    crate::vaults::sweep::queue_due(state).await?;
    crate::vaults::queue_scrubs(state).await?;
    Ok(())
}
