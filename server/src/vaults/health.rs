//! Looks at vaults: whether each is there, and how much room it has.
//!
//! Pages never open a vault: they show what the last look found, and how old that is. A worker looks at each once a minute, apart from its
//! jobs, so that one that does not answer keeps nothing waiting; what changes a vault looks at it at once.

use std::time::Duration;

use app::sentence::Said;
use app::units::Moment;
use app::vaults::sentences::Standing;
use app::vaults::types::VaultState;
use serde::{Deserialize, Serialize};
use sqlx::PgConnection;
use sqlx::types::Json;
use vault::VaultError;

use super::{capacity, ops, queries};
use crate::error::{Error, chain};
use crate::events::{self, Topic};
use crate::state::AppState;
use crate::troubles;

/// Seconds from one look to the next.
const EVERY_S: f64 = 60.0;
/// Longest one look takes; a vault that does not answer by then fails.
const LOOK: Duration = Duration::from_secs(20);
/// Vaults looked at side by side.
const AT_ONCE: i64 = 16;

/// What a look found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Health {
    /// Of the place alone: `healthy`, `full`, `missing` or `failing`.
    pub state: VaultState,
    /// The same in a sentence.
    pub detail: Said<Standing>,
    /// Free space, where it is known.
    pub free_bytes: Option<i64>,
    /// Free space that backups leave alone.
    pub reserve_bytes: i64,
    /// Days until it is full, where that can be foretold.
    pub days_left: Option<i64>,
}

/// Begins to look at what is due, for whichever worker comes first; the looks go on by themselves.
pub async fn begin_due(state: &AppState) -> Result<(), Error> {
    let due: Vec<i64> = sqlx::query_scalar(
        "update vault set look_at = now() + make_interval(secs => $1)
          where vault_id in (select vault_id from vault where look_at <= now() order by look_at limit $2 for update skip locked)
      returning vault_id",
    )
    .bind(EVERY_S)
    .bind(AT_ONCE)
    .fetch_all(&state.pool)
    .await?;
    for vault_id in due {
        let state = state.clone();
        tokio::spawn(async move {
            if let Err(error) = check(&state, vault_id).await {
                tracing::warn!(vault.id = vault_id, error = %chain(&error), "what a look at a vault found cannot be kept");
            }
        });
    }
    Ok(())
}

/// Looks at a vault now, and keeps what it found.
pub async fn check(state: &AppState, vault_id: i64) -> Result<(), Error> {
    let found = match tokio::time::timeout(LOOK, find(state, vault_id)).await {
        Ok(found) => found?,
        Err(_) => failing(Standing::Silent { seconds: i64::try_from(LOOK.as_secs()).unwrap_or(i64::MAX) }),
    };
    let mut tx = state.pool.begin().await?;
    keep(&mut tx, vault_id, found).await?;
    tx.commit().await?;
    Ok(())
}

fn failing(detail: Standing) -> Health {
    Health { state: VaultState::Failing, detail: detail.into(), free_bytes: None, reserve_bytes: 0, days_left: None }
}

async fn find(state: &AppState, vault_id: i64) -> Result<Health, Error> {
    let (path, uuid, bucket) = {
        let mut conn = state.pool.acquire().await?;
        let (path, uuid, _) =
            queries::place(&mut conn, vault_id).await?.ok_or_else(|| app::error::ApiError::not_found(app::refusals::Thing::Vault))?;
        (path, uuid, queries::bucket(&mut conn, vault_id).await?)
    };
    let open = match ops::open_at(state, &path, uuid, bucket.as_ref()).await {
        Ok(open) => open,
        Err(Error::Vault(error @ (VaultError::NotAVault { .. } | VaultError::OtherVault { .. }))) => {
            return Ok(Health { state: VaultState::Missing, ..failing(Standing::Trouble { why: troubles::vault(&error) }) });
        }
        Err(error) => return Ok(failing(Standing::Trouble { why: troubles::any(&error) })),
    };
    let well = Health { state: VaultState::Healthy, ..failing(Standing::Open) };
    let space = match open.space().await {
        Ok(Some(space)) => space,
        Ok(None) => return Ok(well),
        Err(error) => return Ok(failing(Standing::Trouble { why: troubles::vault(&error) })),
    };
    let whole = |bytes: u64| i64::try_from(bytes).unwrap_or(i64::MAX);
    let (free_bytes, reserve_bytes) = (whole(space.free_bytes), whole(open.reserve_of(&space)));
    let mut conn = state.pool.acquire().await?;
    let days_left = capacity::forecast(&mut conn, vault_id, free_bytes.saturating_sub(reserve_bytes)).await?;
    let found = Health { free_bytes: Some(free_bytes), reserve_bytes, days_left, ..well };
    if free_bytes >= reserve_bytes {
        return Ok(found);
    }
    Ok(Health { state: VaultState::Full, detail: Standing::BelowReserve.into(), ..found })
}

/// Open pages hear of another state, and not of every byte that was written.
async fn keep(conn: &mut PgConnection, vault_id: i64, found: Health) -> Result<(), Error> {
    let before: Option<(Option<Json<Health>>,)> =
        sqlx::query_as("select look from vault where vault_id = $1 for no key update").bind(vault_id).fetch_optional(&mut *conn).await?;
    let state = found.state;
    sqlx::query("update vault set look = $2, looked_at = now() where vault_id = $1")
        .bind(vault_id)
        .bind(Json(found))
        .execute(&mut *conn)
        .await?;
    if before.is_some_and(|(look,)| look.is_none_or(|look| look.state != state)) {
        events::notify(conn, Topic::Vaults).await?;
    }
    Ok(())
}

/// What the pages say of a vault: its last look, and what the catalogue knows besides.
pub(super) fn seen(row: &mut queries::Row) -> (Health, Option<Moment>) {
    let never = || Health { state: VaultState::Unseen, ..failing(Standing::Unseen) };
    let mut look = row.look.take().map_or_else(never, |look| look.0);
    if matches!(look.state, VaultState::Healthy | VaultState::Full) {
        if row.drift.is_some() {
            look.state = VaultState::Adrift;
            look.detail = Standing::Adrift.into();
        } else if row.read_only_since.is_some() {
            look.state = VaultState::ReadOnly;
            look.detail = Standing::ReadOnly.into();
        }
    }
    (look, row.looked_at.map(Moment))
}

impl Health {
    /// Whether it could not be read.
    #[must_use]
    pub const fn is_out(&self) -> bool {
        matches!(self.state, VaultState::Missing | VaultState::Failing)
    }
}
