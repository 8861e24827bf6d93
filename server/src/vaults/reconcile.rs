//! Whether the catalogue and a vault tell the same story. After either was restored from an older copy they do not, and then nothing is
//! let go or swept: what the older one does not know may be what the other keeps (F-56).
//!
//! Pointers are compared by their names, which is one listing. A pointer that a run of this catalogue may have sealed before its worker died
//! is no difference; the next run enters it. One of a Harbor that is not registered here is none either: nothing here lets go of it.

use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;

use app::audit::events::VaultEvent;
use app::vaults::types::Drift;
use futures::TryStreamExt as _;
use sqlx::{PgConnection, PgPool};
use time::OffsetDateTime;
use uuid::Uuid;
use vault::{PointerName, Vault, VaultError};

use super::queries;
use crate::audit::{self, Actor, Event, Outcome};
use crate::error::{Error, chain};
use crate::events::{self, Topic};
use crate::state::AppState;

/// Vaults compared at the start of a process are not compared again by what needs to know soon after.
static STARTED: LazyLock<OffsetDateTime> = LazyLock::new(OffsetDateTime::now_utc);

/// How far the clocks of workers and of the database may be apart.
const SKEW: time::Duration = time::Duration::minutes(2);

/// A snapshot as the catalogue has it in one vault.
#[derive(sqlx::FromRow)]
pub struct Entry {
    /// Row.
    pub snapshot_id: i64,
    /// Pointer.
    pub pointer_id: Uuid,
    /// Its pointer should be there.
    pub kept: bool,
    /// Its pointer was removed.
    pub forgotten: bool,
    /// It is a copy; its own vault is another.
    pub is_copy: bool,
    /// Known to be lost here, or damaged.
    pub degraded: bool,
}

/// How a vault and the catalogue differ, one by one.
#[derive(Default)]
pub struct Difference {
    /// Pointers the catalogue does not have, of Harbors it has.
    pub unknown: Vec<PointerName>,
    /// Pointers of Harbors it does not have.
    pub foreign: Vec<PointerName>,
    /// Snapshots it has in this vault whose pointer is not there.
    pub lost: Vec<Entry>,
    /// Snapshots whose pointer was removed, and is there again.
    pub returned: Vec<Entry>,
    /// Pointers of snapshots the catalogue has in other vaults only.
    pub copies: Vec<PointerName>,
}

impl Difference {
    /// The same in numbers; none = they agree.
    #[must_use]
    pub fn drift(&self) -> Option<Drift> {
        let whole = |n: usize| i64::try_from(n).unwrap_or(i64::MAX);
        let drift = Drift { unknown: whole(self.unknown.len()), lost: whole(self.lost.len()), returned: whole(self.returned.len()) };
        (drift != Drift::default()).then_some(drift)
    }
}

/// Everything that differs. Explained pointers are left out unless `all` is asked for.
pub async fn difference(pool: &PgPool, vault: &Vault, vault_id: i64, all: bool) -> Result<Difference, Error> {
    // Listed between two looks at the catalogue, so that what is sealed or forgotten meanwhile is no difference.
    let before = entries(pool, vault_id).await?;
    let names: Vec<PointerName> = vault.pointer_names().try_collect().await?;
    let after: HashMap<Uuid, Entry> = entries(pool, vault_id).await?.into_iter().map(|entry| (entry.pointer_id, entry)).collect();
    let there: HashSet<Uuid> = names.iter().map(PointerName::id).collect();
    let known: HashSet<Uuid> = before.iter().map(|entry| entry.pointer_id).chain(after.keys().copied()).collect();
    let mut difference = Difference::default();
    let fresh: Vec<PointerName> = names.into_iter().filter(|name| !known.contains(&name.id())).collect();
    difference.sort(pool, vault_id, fresh, all).await?;
    for entry in before {
        let now = after.get(&entry.pointer_id);
        let is_there = there.contains(&entry.pointer_id);
        if entry.kept && !entry.degraded && now.is_some_and(|now| now.kept) && !is_there {
            difference.lost.push(entry);
        } else if entry.forgotten && is_there {
            difference.returned.push(entry);
        }
    }
    Ok(difference)
}

impl Difference {
    /// Tells apart what the catalogue does not have in this vault.
    async fn sort(&mut self, pool: &PgPool, vault_id: i64, fresh: Vec<PointerName>, all: bool) -> Result<(), Error> {
        if fresh.is_empty() {
            return Ok(());
        }
        let ids: Vec<Uuid> = fresh.iter().map(PointerName::id).collect();
        let elsewhere: Vec<Uuid> =
            sqlx::query_scalar("select pointer_id from snapshot_ever where pointer_id = any($1)").bind(&ids).fetch_all(pool).await?;
        let elsewhere: HashSet<Uuid> = elsewhere.into_iter().collect();
        let harbors: Vec<(String, i64)> =
            sqlx::query_as("select name, harbor_id from harbor where removed_at is null").fetch_all(pool).await?;
        let harbors: HashMap<String, i64> = harbors.into_iter().collect();
        let (mut at, mut of) = (Vec::new(), Vec::new());
        let mut unknown = Vec::new();
        for name in fresh {
            if elsewhere.contains(&name.id()) {
                self.copies.push(name);
            } else if let Some(harbor_id) = harbors.get(&name.harbor().to_string()) {
                at.push(name.moment());
                of.push(*harbor_id);
                unknown.push(name);
            } else {
                self.foreign.push(name);
            }
        }
        let explained = if all { vec![false; unknown.len()] } else { explained(pool, vault_id, &of, &at).await? };
        self.unknown = unknown.into_iter().zip(explained).filter(|(_, explained)| !explained).map(|(name, _)| name).collect();
        Ok(())
    }
}

async fn entries(pool: &PgPool, vault_id: i64) -> sqlx::Result<Vec<Entry>> {
    sqlx::query_as(
        "select snapshot_id, pointer_id, expired_at is null as kept, forgotten_at is not null as forgotten, false as is_copy,
                degraded_at is not null as degraded
           from snapshot_ever where vault_id = $1
          union all
         select s.snapshot_id, s.pointer_id, s.expired_at is null and c.copied_at is not null and c.forgotten_at is null,
                c.forgotten_at is not null, true, c.degraded_at is not null
           from snapshot_copy c join snapshot_ever s using (snapshot_id) where c.vault_id = $1",
    )
    .bind(vault_id)
    .fetch_all(pool)
    .await
}

/// Whether a run of this catalogue to this vault was under way at those moments, so that it may have sealed what it could not enter.
async fn explained(pool: &PgPool, vault_id: i64, harbors: &[i64], moments: &[OffsetDateTime]) -> sqlx::Result<Vec<bool>> {
    sqlx::query_scalar(
        "select exists (select from run r join plan p using (plan_id)
                         where p.vault_id = $1 and p.harbor_id = l.harbor_id and r.started_at <= l.moment + $4 and coalesce(r.finished_at, 'infinity') >= l.moment - $4)
           from unnest($2::bigint[], $3::timestamptz[]) with ordinality l (harbor_id, moment, place) order by l.place",
    )
    .bind(vault_id)
    .bind(harbors)
    .bind(moments)
    .bind(SKEW)
    .fetch_all(pool)
    .await
}

/// Of pointers of one Harbor, those a run of this catalogue may have sealed.
pub async fn sealed_by_a_run(pool: &PgPool, vault_id: i64, harbor_id: i64, moments: &[OffsetDateTime]) -> sqlx::Result<Vec<bool>> {
    explained(pool, vault_id, &vec![harbor_id; moments.len()], moments).await
}

/// Compares a vault with the catalogue and keeps what came of it; a difference that was not known before is recorded.
pub async fn compare(state: &AppState, vault_id: i64) -> Result<Option<Drift>, Error> {
    let vault = {
        let mut conn = state.pool.acquire().await?;
        super::open(state, &mut conn, vault_id).await?
    };
    vault.check().await?;
    let drift = difference(&state.pool, &vault, vault_id, false).await?.drift();
    let mut tx = state.pool.begin().await?;
    keep(&mut tx, vault_id, drift).await?;
    tx.commit().await?;
    Ok(drift)
}

/// Keeps what a comparison found.
pub async fn keep(conn: &mut PgConnection, vault_id: i64, drift: Option<Drift>) -> Result<(), Error> {
    let Some((name, before)) = queries::compared(conn, vault_id, drift).await? else { return Ok(()) };
    if before == drift {
        return Ok(());
    }
    let event = match drift {
        Some(Drift { unknown, lost, returned }) => {
            Event::new("vault.drift.found", "vault", &name, VaultEvent::DriftFound { vault: name.clone() })
                .with("unknown_snapshots", unknown)
                .with("lost_snapshots", lost)
                .with("returned_snapshots", returned)
                .outcome(Outcome::Failure, "drift")
        }
        None => Event::new("vault.drift.end", "vault", &name, VaultEvent::DriftOver { vault: name.clone() }),
    };
    audit::record(conn, &Actor::system("vaults"), event).await?;
    events::notify(conn, Topic::Vaults).await?;
    Ok(())
}

/// Whether snapshots of a vault may be let go: it was compared since this process started, and agrees, and may be written.
pub async fn may_let_go(state: &AppState, vault_id: i64) -> Result<bool, Error> {
    let row: Option<(bool, bool)> = sqlx::query_as(
        "select coalesce(compared_at >= $2, false), drift is null and read_only_since is null from vault where vault_id = $1",
    )
    .bind(vault_id)
    .bind(*STARTED)
    .fetch_optional(&state.pool)
    .await?;
    match row {
        None | Some((true, false)) => Ok(false),
        Some((true, true)) => Ok(true),
        Some((false, _)) => {
            let drift = compare(state, vault_id).await?;
            let mut conn = state.pool.acquire().await?;
            Ok(drift.is_none() && !queries::is_read_only(&mut conn, vault_id).await?)
        }
    }
}

/// At the start of a process: either may have been restored from an older copy while it was down.
pub async fn compare_all(state: AppState) {
    LazyLock::force(&STARTED);
    let ids: Result<Vec<i64>, _> = sqlx::query_scalar("select vault_id from vault order by vault_id").fetch_all(&state.pool).await;
    match ids {
        Ok(ids) => {
            for vault_id in ids {
                match compare(&state, vault_id).await {
                    Ok(None) => {}
                    Ok(Some(drift)) => tracing::warn!(vault.id = vault_id, ?drift, "the catalogue and a vault differ"),
                    Err(Error::Vault(VaultError::NotAVault { .. })) => tracing::warn!(vault.id = vault_id, "a vault is not there"),
                    Err(error) => tracing::warn!(vault.id = vault_id, error = %chain(&error), "a vault cannot be compared"),
                }
            }
        }
        Err(error) => tracing::warn!(%error, "the vaults cannot be compared"),
    }
}
