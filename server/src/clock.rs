//! Times that decide are the database's, which all machines share; times that name a moment of a snapshot are those of the machine that listed it.
//! So a machine whose clock is far from the database's makes no snapshots and lets none go (F-36).

use std::sync::Mutex;

use app::jobs::failures::{Failure, Help};
use sqlx::PgConnection;
use time::{Duration, OffsetDateTime};
use tokio::time::Instant;

use crate::jobs::JobError;
use crate::state::AppState;

/// Largest difference that is no trouble.
const SKEW_MAX: Duration = Duration::minutes(5);
/// How often a difference is told.
const TOLD_EVERY: std::time::Duration = std::time::Duration::from_secs(60);

/// The database's clock.
pub async fn now(conn: &mut PgConnection) -> sqlx::Result<OffsetDateTime> {
    sqlx::query_scalar("select clock_timestamp()").fetch_one(conn).await
}

/// How far this machine's clock is ahead of the database's, where that is a trouble.
pub async fn skew(conn: &mut PgConnection) -> sqlx::Result<Option<Duration>> {
    let ahead = OffsetDateTime::now_utc() - now(conn).await?;
    Ok((ahead.abs() > SKEW_MAX).then_some(ahead))
}

/// One sentence on a difference.
#[must_use]
pub fn words(ahead: Duration) -> String {
    let (minutes, way) = (ahead.whole_minutes().unsigned_abs(), if ahead.is_negative() { "behind" } else { "ahead of" });
    format!("the clock of this machine is {minutes} minutes {way} the database's")
}

/// Refuses a job that makes snapshots or lets some go; another worker may have the right time.
pub async fn must_agree(conn: &mut PgConnection) -> Result<(), JobError> {
    let Some(ahead) = skew(conn).await? else { return Ok(()) };
    let minutes = i64::try_from(ahead.whole_minutes().unsigned_abs()).unwrap_or(i64::MAX);
    Err(JobError::Transient { failure: Failure::Clock { minutes, ahead: !ahead.is_negative() }, help: Some(Help::SetClocks) })
}

/// Tells a difference in the log, once a minute at most.
pub async fn watch(state: &AppState) -> sqlx::Result<()> {
    static LAST: Mutex<Option<Instant>> = Mutex::new(None);
    {
        let mut last = LAST.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if last.is_some_and(|at| at.elapsed() < TOLD_EVERY) {
            return Ok(());
        }
        *last = Some(Instant::now());
    }
    let mut conn = state.pool.acquire().await?;
    if let Some(ahead) = skew(&mut conn).await? {
        tracing::error!(skew_s = ahead.whole_seconds(), "{}: it makes no snapshots and lets none go until they agree", words(ahead));
    }
    Ok(())
}
