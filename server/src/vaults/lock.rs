//! Object lock: how a vault's bucket locks what is written once, who is told, and that it is so.

use std::collections::HashSet;
use std::sync::Arc;

use app::audit::events::VaultEvent;
use app::error::{ApiError, ErrorKind};
use app::jobs::lines::Line;
use app::jobs::sentences::Phase;
use app::units::{Moment, figure};
use app::vaults::findings::{FindingHelp, Means};
use app::vaults::types::{ChangeLock, Lock};
use futures::TryStreamExt as _;
use serde_json::json;
use sqlx::PgConnection;
use vault::lock::{Choose, LOCK_DAYS_MAX, Locking, Short};
use vault::{Mode, PointerName, Vault};
use vocab::Digest;

use super::partitions::part_of;
use super::queries::{self, BucketRow, Row};
use super::verify::Scope;
use super::{bucket, ops};
use crate::access::{Caller, Operation, Origin};
use crate::audit::{self, Actor, Event, Outcome};
use crate::error::{Error, chain};
use crate::events::{self, Topic};
use crate::jobs::{self, JobContext, JobError};
use crate::plans::retention;
use crate::state::AppState;

/// What a lock that was too short is called among the findings.
const KIND: &str = "lock_short";

/// The days and the mode of a form; none = nothing is locked.
pub(super) fn wanted(days: i32, mode: &str) -> Result<(Option<i32>, Mode), Error> {
    let mode = match mode.trim() {
        "" => Mode::Governance,
        text => text.parse().map_err(|_| ApiError::field("lock_mode", app::vaults::refusals::Refusal::LockMode))?,
    };
    match u32::try_from(days) {
        Ok(0) => Ok((None, mode)),
        Ok(1..=LOCK_DAYS_MAX) => Ok((Some(days), mode)),
        _ => Err(ApiError::field("lock_days", app::vaults::refusals::Refusal::LockDays).into()),
    }
}

/// How the store of a bucket locks.
pub(super) fn of(row: &BucketRow) -> Option<vault::Lock> {
    let mode = row.lock_mode.parse().ok()?;
    row.lock_days.and_then(|days| u32::try_from(days).ok()).map(|days| vault::Lock::days(mode, days))
}

/// Why a bucket that was tried cannot be told to lock.
pub(super) fn cannot(checks: &app::harbors::types::CheckList) -> Error {
    let tried = checks.checks.iter().find(|check| check.code == "lock_kept");
    let why = tried.map_or(app::vaults::refusals::Refusal::CannotLock, |check| app::vaults::refusals::Refusal::LockNotKept {
        why: check.detail.clone(),
    });
    ApiError::field("lock_days", why).into()
}

/// What the pages may know of it, without the plans that keep snapshots for longer.
pub(super) fn view(row: &Row, bucket: &BucketRow) -> Option<Lock> {
    let (snapshots, next, last) = row.locked.0;
    Some(Lock { mode: bucket.lock_mode.clone(), days: bucket.lock_days?, snapshots, next, last, outlived_by: Vec::new() })
}

/// The same with those plans.
pub(super) async fn view_one(conn: &mut PgConnection, row: &Row, bucket: &BucketRow) -> Result<Option<Lock>, Error> {
    let Some(lock) = view(row, bucket) else { return Ok(None) };
    let outlived_by = retention::longer_than(conn, row.vault_id, i64::from(lock.days)).await?;
    Ok(Some(Lock { outlived_by, ..lock }))
}

/// Changes how a bucket locks. Longer holds at once, and a job extends what is locked already; shorter holds for what is locked from now on.
pub async fn change(state: &AppState, caller: &Caller, origin: &Origin, form: ChangeLock) -> Result<(), Error> {
    caller.require(Operation::ManageEstate, None)?;
    let (days, mode) = wanted(form.lock_days, &form.lock_mode)?;
    let (name, row) = {
        let mut conn = state.pool.acquire().await?;
        let vault = queries::one(&mut conn, form.vault_id).await?.ok_or_else(|| ApiError::not_found(app::refusals::Thing::Vault))?;
        let folder = || ApiError::new(ErrorKind::Conflict, "vault_not_a_bucket", app::vaults::refusals::Refusal::NotABucket);
        (vault.name, queries::bucket(&mut conn, form.vault_id).await?.ok_or_else(folder)?)
    };
    if days.is_some() {
        let checks = bucket::try_again(state, &row).await?;
        if !bucket::can_lock(&checks) {
            return Err(cannot(&checks));
        }
    }
    let (before, after) = (row.lock_days.unwrap_or(0), days.unwrap_or(0));
    let weaker = after < before || (row.lock_mode == "compliance" && mode == Mode::Governance);
    let mut tx = state.pool.begin().await?;
    queries::set_lock(&mut tx, form.vault_id, mode.as_str(), days).await?;
    let (vault, kept_days, word) = (name.clone(), i64::from(after), mode.as_str().to_owned());
    let (action, what) = if weaker {
        ("vault.lock.weaken", VaultEvent::LockWeakened { vault, days: kept_days, mode: word })
    } else {
        ("vault.lock.set", VaultEvent::LockSet { vault, days: kept_days, mode: word })
    };
    let event = Event::new(action, "vault", &name, what)
        .with("before", json!({ "days": before, "mode": row.lock_mode }))
        .with("after", json!({ "days": after, "mode": mode.as_str() }));
    audit::record(&mut tx, &Actor::caller(caller, origin), event).await?;
    if after > before {
        let job = ops::verification(form.vault_id, &name, Scope::Locks, &caller.login, Some(caller.account_id));
        jobs::enqueue(&mut tx, &job).await?;
    }
    events::notify(&mut tx, Topic::Vaults).await?;
    tx.commit().await?;
    Ok(())
}

/// Looks at the locks of what the snapshots need, the newest first, and extends those that are too short. `due`: only objects of these parts.
///
/// A lock that was too short is a finding, unless the vault was only just told to lock for longer ([`Scope::Locks`]). Answers how many
/// locks were extended.
pub(super) async fn look(
    context: &Arc<JobContext>,
    vault_id: i64,
    vault: &Vault,
    scope: Scope,
    due: HashSet<i16>,
) -> Result<usize, JobError> {
    let choose: Choose =
        if scope == Scope::Due { Arc::new(move |digest: &Digest| due.contains(&part_of(digest))) } else { Arc::new(|_| true) };
    let Some(mut locking) = Locking::look(vault, choose) else { return Ok(0) };
    context.progress(|p| p.phase = Some(Phase::Locks)).await;
    let mut names: Vec<PointerName> = vault.pointer_names().try_collect().await.map_err(Error::from)?;
    names.sort_by(|a, b| b.utc().cmp(a.utc()));
    let confirmed =
        queries::locked_as_of(&mut *context.state.pool.acquire().await.map_err(Error::from)?, vault_id).await.map_err(Error::from)?;
    let (mut extended, mut refused) = (0, 0);
    for name in names {
        context.check().await?;
        let pointer = match vault.pointer(&name).await {
            Ok(Some(pointer)) => pointer,
            Ok(None) => continue,
            Err(error) if error.is_transient() => return Err(Error::from(error).into()),
            // Told of where pointers are looked at.
            Err(_) => continue,
        };
        let short = locking.snapshot(&pointer, confirmed.get(&pointer.id).copied()).await.map_err(Error::from)?;
        if short.is_empty() {
            continue;
        }
        extended += short.iter().filter(|short| short.refused.is_none()).count();
        let unlocked = short.iter().filter(|short| short.refused.is_some()).count();
        refused += unlocked;
        // What it says of the project is not so.
        vault.forget_locks(&pointer.harbor, &pointer.project).await.map_err(Error::from)?;
        if scope != Scope::Locks || unlocked > 0 {
            found(context, vault_id, &short).await?;
        }
    }
    if refused == 0 && scope != Scope::Due {
        let mut conn = context.state.pool.acquire().await?;
        queries::locks_extended(&mut conn, vault_id, None).await?;
    }
    if extended > 0 {
        context.log("info", Line::LocksExtended { locks: figure(extended) }).await;
    }
    Ok(extended)
}

/// One finding for all that one snapshot brought to light: they have one cause.
async fn found(context: &Arc<JobContext>, vault_id: i64, short: &[Short]) -> Result<(), JobError> {
    let refused = short.iter().find(|short| short.refused.is_some());
    let Some(first) = refused.or_else(|| short.first()) else { return Ok(()) };
    let detail = Means::LocksShort {
        objects: figure(short.len()),
        pointer: first.pointer.to_string(),
        was: short.iter().map(|short| short.was).min().flatten().map(Moment),
        needed: Moment(first.needed),
        refused: first.refused.clone(),
    };
    let mut tx = context.state.pool.begin().await?;
    context.fence(&mut tx).await?;
    if queries::find(&mut tx, vault_id, KIND, &first.object, (&detail, &FindingHelp::FindWhoLifts)).await? {
        let event = Event::new("vault.mismatch.found", "object", first.object.to_string(), VaultEvent::Found { means: detail.clone() })
            .with("objects", i64::try_from(short.len()).unwrap_or(i64::MAX))
            .outcome(Outcome::Failure, KIND);
        audit::record(&mut tx, &Actor::job(context.job_id), event).await?;
    }
    if first.refused.is_none() {
        queries::locks_extended(&mut tx, vault_id, Some(&first.object)).await?;
    }
    events::notify(&mut tx, Topic::Vaults).await?;
    tx.commit().await?;
    context.log("error", Line::Found { object: first.object.to_string(), means: detail }).await;
    Ok(())
}

/// Brings back pointers the catalogue keeps, or with `all` every one it has not let go, that somebody deleted or damaged. Answers how many.
pub(super) async fn pointers(by: &Actor, state: &AppState, vault_id: i64, vault: &Vault, all: bool) -> Result<i64, Error> {
    if !vault.keeps_versions().await? {
        return Ok(0);
    }
    let hidden: Vec<PointerName> = vault.hidden_pointers().try_collect().await?;
    let mut names: Vec<PointerName> = vault.pointer_names().try_collect().await?;
    let mut damaged = Vec::new();
    for name in names.drain(..) {
        match vault.pointer(&name).await {
            Err(vault::VaultError::DamagedRecord { .. }) => damaged.push(name),
            Err(error) if error.is_transient() => return Err(error.into()),
            _ => {}
        }
    }
    let ids: Vec<uuid::Uuid> = hidden.iter().chain(&damaged).map(PointerName::id).collect();
    let (kept, gone) = {
        let mut conn = state.pool.acquire().await?;
        queries::pointers_known(&mut conn, vault_id, &ids).await?
    };
    let mut revived = 0;
    for name in hidden.iter().chain(&damaged) {
        let wanted = if all { !gone.contains(&name.id()) } else { kept.contains(&name.id()) };
        if !wanted || !vault.revive_pointer(name).await? {
            continue;
        }
        let mut tx = state.pool.begin().await?;
        let event = Event::new("vault.object.heal", "object", name.to_string(), VaultEvent::PointerRevived);
        audit::record(&mut tx, by, event).await?;
        tx.commit().await?;
        revived += 1;
    }
    if revived > 0
        && let Err(error) = vault.rebuild_index().await
    {
        tracing::warn!(error = %chain(&error), "index.json could not be made anew");
    }
    Ok(revived)
}
