//! Making, adopting and looking at vaults.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use app::audit::events::VaultEvent;
use app::error::{ApiError, ErrorKind};
use app::jobs::sentences::Title;
use app::units::Moment;
use app::vaults::types::{ChangeScrub, Finding, Lock, NewVault, Vault, VaultNow, VaultPage};
use futures::TryStreamExt as _;
use sqlx::PgConnection;
use uuid::Uuid;
use vault::VaultError;

use super::queries::{self, BucketRow, Row};
use super::verify::Scope;
use super::{bucket, capacity, health, lock, reconcile, sweep};
use crate::access::{Caller, Operation, Origin};
use crate::audit::{self, Actor, Event};
use crate::error::Error;
use crate::events::{self, Topic};
use crate::jobs::{self, NewJob, Work};
use crate::plans;
use crate::state::AppState;

/// All vaults, as they were seen last.
pub async fn list(state: &AppState, caller: &Caller) -> Result<Vec<Vault>, Error> {
    caller.require(Operation::ReadEstate, None)?;
    let mut conn = state.pool.acquire().await?;
    let rows = queries::all(&mut conn).await?;
    let buckets = queries::buckets(&mut conn).await?;
    let mut buckets: HashMap<i64, BucketRow> = buckets.into_iter().map(|bucket| (bucket.vault_id, bucket)).collect();
    let shown = rows.into_iter().map(|row| {
        let bucket = buckets.remove(&row.vault_id);
        let lock = bucket.as_ref().and_then(|bucket| lock::view(&row, bucket));
        view(row, bucket, lock)
    });
    Ok(shown.collect())
}

/// All vaults in short, and how many could not be read at their last look.
pub async fn now(conn: &mut PgConnection) -> Result<(Vec<VaultNow>, i64), Error> {
    let rows = queries::all(conn).await?;
    let out = rows.iter().filter(|row| row.look.as_ref().is_some_and(|look| look.is_out())).count();
    Ok((rows.into_iter().map(in_short).collect(), i64::try_from(out).unwrap_or(i64::MAX)))
}

fn in_short(mut row: Row) -> VaultNow {
    let (look, looked) = health::seen(&mut row);
    VaultNow {
        id: row.vault_id,
        name: row.name,
        state: look.state,
        state_detail: look.detail,
        looked,
        stored_bytes: row.stored_bytes,
        logical_bytes: row.logical_bytes,
        free_bytes: look.free_bytes,
        days_left: look.days_left,
        snapshots: row.snapshots,
        findings: row.findings,
        verified: row.verified_at.map(Moment),
    }
}

/// One vault, as it was seen last.
pub async fn get(state: &AppState, caller: &Caller, vault_id: i64) -> Result<Vault, Error> {
    caller.require(Operation::ReadEstate, None)?;
    one(&mut *state.pool.acquire().await?, vault_id).await
}

async fn one(conn: &mut PgConnection, vault_id: i64) -> Result<Vault, Error> {
    let row = queries::one(conn, vault_id).await?.ok_or_else(|| ApiError::not_found(app::refusals::Thing::Vault))?;
    let bucket = queries::bucket(conn, vault_id).await?;
    let lock = match &bucket {
        Some(bucket) => lock::view_one(conn, &row, bucket).await?,
        None => None,
    };
    Ok(view(row, bucket, lock))
}

/// One vault with all that its page shows.
pub async fn page(state: &AppState, caller: &Caller, vault_id: i64) -> Result<VaultPage, Error> {
    caller.require(Operation::ReadEstate, None)?;
    let mut conn = state.pool.acquire().await?;
    let vault = one(&mut conn, vault_id).await?;
    Ok(VaultPage {
        findings: queries::findings(&mut conn, vault_id).await?,
        sweeps: sweep::newest(&mut conn, vault_id).await?,
        capacity: capacity::of(&mut conn, &vault).await?,
        left: plans::left::of_vault(&mut conn, vault_id).await?,
        vault,
    })
}

/// Opens a vault's bytes. One that is only read refuses every write by itself.
pub async fn open(state: &AppState, conn: &mut PgConnection, vault_id: i64) -> Result<vault::Vault, Error> {
    let (path, uuid, read_only) = queries::place(conn, vault_id).await?.ok_or_else(|| ApiError::not_found(app::refusals::Thing::Vault))?;
    let bucket = queries::bucket(conn, vault_id).await?;
    let vault = open_at(state, &path, uuid, bucket.as_ref()).await?;
    Ok(if read_only { vault.to_read() } else { vault })
}

/// The same for work that writes, which is refused before it begins.
pub async fn open_to_write(state: &AppState, conn: &mut PgConnection, vault_id: i64) -> Result<vault::Vault, Error> {
    if queries::is_read_only(conn, vault_id).await? {
        let why = app::vaults::refusals::Refusal::OnlyRead;
        return Err(ApiError::new(ErrorKind::Conflict, "vault_read_only", why).into());
    }
    open(state, conn, vault_id).await
}

/// Opens a vault that was only read for writing.
pub async fn set_open(state: &AppState, caller: &Caller, origin: &Origin, vault_id: i64) -> Result<(), Error> {
    caller.require(Operation::ManageEstate, None)?;
    let mut tx = state.pool.begin().await?;
    let row = queries::one(&mut tx, vault_id).await?.ok_or_else(|| ApiError::not_found(app::refusals::Thing::Vault))?;
    if queries::set_read_only(&mut tx, vault_id, false).await? {
        let event = Event::new("vault.open", "vault", &row.name, VaultEvent::VaultOpened { vault: row.name.clone() });
        audit::record(&mut tx, &Actor::caller(caller, origin), event).await?;
        events::notify(&mut tx, Topic::Vaults).await?;
    }
    tx.commit().await?;
    Ok(())
}

/// Changes how soon and how fast a vault is read.
pub async fn set_scrub(state: &AppState, caller: &Caller, origin: &Origin, form: ChangeScrub) -> Result<(), Error> {
    caller.require(Operation::ManageEstate, None)?;
    if !(1..=365).contains(&form.days) {
        return Err(ApiError::field("days", app::vaults::refusals::Refusal::ScrubDays).into());
    }
    if form.mib_s.is_some_and(|rate| !(1..=100_000).contains(&rate)) {
        return Err(ApiError::field("mib_s", app::vaults::refusals::Refusal::ScrubRate).into());
    }
    let mut tx = state.pool.begin().await?;
    let row = queries::one(&mut tx, form.vault_id).await?.ok_or_else(|| ApiError::not_found(app::refusals::Thing::Vault))?;
    queries::set_scrub(&mut tx, form.vault_id, form.days, form.mib_s).await?;
    let what = VaultEvent::ReadingChanged { vault: row.name.clone(), days: i64::from(form.days) };
    let event = Event::new("vault.update", "vault", &row.name, what)
        .with("before", serde_json::json!({ "days": row.scrub_days, "mib_s": row.scrub_mib_s }))
        .with("after", serde_json::json!({ "days": form.days, "mib_s": form.mib_s }));
    audit::record(&mut tx, &Actor::caller(caller, origin), event).await?;
    events::notify(&mut tx, Topic::Vaults).await?;
    tx.commit().await?;
    Ok(())
}

/// The vault in a folder or a bucket, opened once per process and checked to be the one expected.
pub(super) async fn open_at(state: &AppState, path: &str, uuid: Uuid, bucket: Option<&BucketRow>) -> Result<vault::Vault, Error> {
    let version = bucket.map_or(0, |bucket| bucket.version);
    if let Some(vault) = state.opened(uuid, version).await {
        return Ok(vault);
    }
    let vault = match bucket {
        None => vault::Vault::open(Path::new(path), Some(uuid.into())).await?,
        Some(bucket) => vault::Vault::open_store(Arc::new(bucket::stored(state, bucket)?), Some(uuid.into())).await?,
    };
    state.keep_open(uuid, version, &vault).await;
    Ok(vault)
}

fn view(mut row: Row, in_bucket: Option<BucketRow>, lock: Option<Lock>) -> Vault {
    let (look, looked) = health::seen(&mut row);
    Vault {
        id: row.vault_id,
        name: row.name,
        path: row.path,
        lock,
        bucket: in_bucket.map(bucket::view),
        vault_uuid: row.vault_uuid.to_string(),
        state: look.state,
        state_detail: look.detail,
        looked,
        stored_bytes: row.stored_bytes,
        logical_bytes: row.logical_bytes,
        free_bytes: look.free_bytes,
        reserve_bytes: look.reserve_bytes,
        days_left: look.days_left,
        snapshots: row.snapshots,
        findings: row.findings,
        verified: row.verified_at.map(Moment),
        read_since: Moment(row.read_since),
        scrub_days: row.scrub_days,
        scrub_mib_s: row.scrub_mib_s,
        read_only_since: row.read_only_since.map(Moment),
        drift: row.drift.map(|drift| drift.0),
        rebuilt: row.rebuilt.map(|rebuilt| rebuilt.0),
        created: Moment(row.created_at),
    }
}

/// Makes a vault, or adopts the one that is there.
pub async fn create(state: &AppState, caller: &Caller, origin: &Origin, form: NewVault) -> Result<Vault, Error> {
    // A folder has no secret.
    caller.require(if form.kind == "bucket" { Operation::ManageSecrets } else { Operation::ManageEstate }, None)?;
    let vault_id = register(state, &Actor::caller(caller, origin), form).await?;
    get(state, caller, vault_id).await
}

/// The same for whoever may do it.
pub async fn register(state: &AppState, actor: &Actor, form: NewVault) -> Result<i64, Error> {
    let name = form.name.trim().to_owned();
    let path = form.path.trim().trim_end_matches('/').to_owned();
    let part = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    if !((1..=63).contains(&name.len()) && name.starts_with(part) && name.ends_with(part) && name.chars().all(|c| part(c) || c == '-')) {
        return Err(ApiError::field("name", app::vaults::refusals::Refusal::VaultNameForm).into());
    }
    if form.kind == "bucket" {
        return bucket::register(state, actor, name, &form).await;
    }
    if !matches!(form.kind.as_str(), "" | "directory") {
        return Err(ApiError::field("kind", app::vaults::refusals::Refusal::Kind).into());
    }
    let folder = Path::new(&path);
    if !folder.is_absolute() || folder.components().any(|c| matches!(c, std::path::Component::ParentDir)) || path.len() > 1_024 {
        return Err(ApiError::field("path", app::vaults::refusals::Refusal::Folder).into());
    }
    let (vault, adopted) = match vault::Vault::open(folder, None).await {
        Ok(vault) => (vault, true),
        Err(VaultError::NotAVault { .. }) => (vault::Vault::init(folder).await.map_err(|e| in_folder(&e))?, false),
        Err(error) => return Err(in_folder(&error)),
    };
    let found = has_snapshots(&vault).await?;
    let mut tx = state.pool.begin().await?;
    let vault_id = insert(&mut tx, &name, &path, &vault, "path").await?;
    queries::set_read_only(&mut tx, vault_id, found).await?;
    events::notify(&mut tx, Topic::Vaults).await?;
    let (action, what) = made(&name, adopted);
    let event = Event::new(action, "vault", &name, what)
        .with("path", path.as_str())
        .with("read_only", found)
        .with("vault_uuid", vault.id().to_string());
    audit::record(&mut tx, actor, event).await?;
    tx.commit().await?;
    health::check(state, vault_id).await?;
    if found {
        reconcile::compare(state, vault_id).await?;
    }
    Ok(vault_id)
}

/// Makes the row; what is taken already is an error of the field `place`.
pub(super) async fn insert(
    conn: &mut PgConnection,
    name: &str,
    path: &str,
    vault: &vault::Vault,
    place: &'static str,
) -> Result<i64, Error> {
    queries::insert(conn, name, path, vault.id().as_uuid()).await.map_err(|error| {
        Error::from(error)
            .on_constraint("vault_name_unique", ApiError::field("name", app::vaults::refusals::Refusal::VaultNameTaken))
            .on_constraint("vault_path_unique", ApiError::field(place, app::vaults::refusals::Refusal::PlaceTaken))
            .on_constraint("vault_uuid_unique", ApiError::field(place, app::vaults::refusals::Refusal::RegisteredElsewhere))
    })
}

/// A vault that has snapshots already is only read at first: another installation may still write to it. So is one that had some, which
/// somebody deleted: a rebuild brings them back.
pub(super) async fn has_snapshots(vault: &vault::Vault) -> Result<bool, Error> {
    let names = vault.pointer_names();
    futures::pin_mut!(names);
    if names.try_next().await?.is_some() {
        return Ok(true);
    }
    if !vault.keeps_versions().await? {
        return Ok(false);
    }
    let hidden = vault.hidden_pointers();
    futures::pin_mut!(hidden);
    Ok(hidden.try_next().await?.is_some())
}

fn in_folder(error: &VaultError) -> Error {
    ApiError::field("path", app::vaults::refusals::Refusal::Trouble { why: crate::troubles::vault(error) }).into()
}

pub(super) fn verification(vault_id: i64, name: &str, scope: Scope, trigger: &str, account_id: Option<i64>) -> NewJob {
    let vault = name.to_owned();
    let (title, key) = match scope {
        Scope::All => (Title::Verify { vault }, "all"),
        Scope::Due => (Title::ReadDue { vault }, "due"),
        Scope::Heal => (Title::Heal { vault }, "heal"),
        Scope::Locks => (Title::Locks { vault }, "locks"),
    };
    NewJob {
        work: Work::Verify { vault_id, scope },
        title,
        dedupe_key: format!("verify:{vault_id}:{key}"),
        trigger: trigger.to_owned(),
        account_id,
        harbor_id: None,
        project: None,
        link: Some(format!("/vaults/{vault_id}")),
        after: None,
    }
}

/// Queues a verification.
pub async fn start_verify(state: &AppState, caller: &Caller, origin: &Origin, vault_id: i64) -> Result<i64, Error> {
    caller.require(Operation::ManageEstate, None)?;
    let mut tx = state.pool.begin().await?;
    let row = queries::one(&mut tx, vault_id).await?.ok_or_else(|| ApiError::not_found(app::refusals::Thing::Vault))?;
    let job = verification(vault_id, &row.name, Scope::All, &caller.login, Some(caller.account_id));
    let queued = jobs::enqueue(&mut tx, &job).await?;
    if queued.new {
        let event = Event::new("vault.verify.start", "vault", &row.name, VaultEvent::VerifyAsked { vault: row.name.clone() })
            .with("job", queued.job_id);
        audit::record(&mut tx, &Actor::caller(caller, origin), event).await?;
    }
    tx.commit().await?;
    Ok(queued.job_id)
}

/// Queues the reading of the parts that are due, once a day and vault.
pub async fn queue_scrubs(state: &AppState) -> Result<(), Error> {
    let mut tx = state.pool.begin().await?;
    for (vault_id, name) in queries::scrubs_due(&mut tx).await? {
        jobs::enqueue(&mut tx, &verification(vault_id, &name, Scope::Due, "schedule", None)).await?;
    }
    tx.commit().await?;
    Ok(())
}

/// After a backup, which may have stored anew what was lost: queues a look, if anything was.
pub async fn queue_heal(conn: &mut PgConnection, vault_id: i64) -> Result<(), Error> {
    if queries::has_losses(&mut *conn, vault_id).await?
        && let Some(row) = queries::one(&mut *conn, vault_id).await?
    {
        jobs::enqueue(conn, &verification(vault_id, &row.name, Scope::Heal, "schedule", None)).await?;
    }
    Ok(())
}

/// What verification found.
pub async fn findings(state: &AppState, caller: &Caller, vault_id: i64) -> Result<Vec<Finding>, Error> {
    caller.require(Operation::ReadEstate, None)?;
    let mut conn = state.pool.acquire().await?;
    if queries::place(&mut conn, vault_id).await?.is_none() {
        return Err(ApiError::new(ErrorKind::NotFound, "not_found", app::plans::refusals::Refusal::NoVault).into());
    }
    Ok(queries::findings(&mut conn, vault_id).await?)
}

/// The event of a vault that was made, or was there.
pub(super) fn made(name: &str, adopted: bool) -> (&'static str, VaultEvent) {
    let vault = name.to_owned();
    if adopted { ("vault.adopt", VaultEvent::VaultAdopted { vault }) } else { ("vault.create", VaultEvent::VaultMade { vault }) }
}
