//! Snapshots that are sealed in a vault and that the catalogue does not know: their worker died between the two, or the catalogue is made
//! anew ([`crate::vaults::rebuild`]). The vault is the truth, so they are entered.
//!
//! A run enters only what was sealed later than the newest snapshot the catalogue has: spans grow forwards, and a worker that slept past
//! its lease may have sealed what a later snapshot has overtaken. Such a one stays in the vault, whole, until a rebuild enters it.

use app::audit::events::ProjectEvent;
use std::collections::HashSet;

use futures::TryStreamExt as _;
use sqlx::{PgConnection, PgPool};
use time::OffsetDateTime;
use uuid::Uuid;
use vault::{HarborName, Pointer, Vault, VaultError};
use vocab::ProjectName;

use super::catalogue::{self, Prepared, Sealed};
use crate::audit::{self, Actor, Event};
use crate::error::{Error, chain};

/// Pointers of one project that the catalogue should have and does not, oldest first. Costs one listing; only unknown ones are read.
pub async fn unknown(
    pool: &PgPool,
    vault: &Vault,
    project_id: i64,
    harbor: &HarborName,
    project: &ProjectName,
) -> Result<Vec<Pointer>, Error> {
    let names: Vec<_> = vault.pointer_names_of(harbor, project).try_collect().await?;
    // After the listing: what a run entered meanwhile is known.
    let known: HashSet<Uuid> = sqlx::query_scalar("select pointer_id from snapshot_ever where project_id = $1")
        .bind(project_id)
        .fetch_all(pool)
        .await?
        .into_iter()
        .collect();
    let mut unknown = Vec::new();
    for name in names.into_iter().filter(|name| !known.contains(&name.id())) {
        match vault.pointer(&name).await {
            Ok(found) => unknown.extend(found),
            Err(error) => left_out(&name.to_string(), error)?,
        }
    }
    let newest = newest(&mut *pool.acquire().await?, project_id).await?;
    unknown.retain(|pointer| is_later(pointer.moment, newest));
    unknown.sort_by_key(|pointer| (pointer.moment, pointer.id));
    Ok(unknown)
}

/// Moment of the newest snapshot of what a Harbor held in a project.
pub async fn newest(conn: &mut PgConnection, project_id: i64) -> sqlx::Result<Option<OffsetDateTime>> {
    sqlx::query_scalar("select max(moment) from snapshot_ever where project_id = $1 and not imported")
        .bind(project_id)
        .fetch_one(conn)
        .await
}

/// Whether a snapshot of this moment can still be entered.
#[must_use]
pub fn is_later(moment: OffsetDateTime, newest: Option<OffsetDateTime>) -> bool {
    newest.is_none_or(|newest| moment > newest)
}

/// A sealed snapshot as it is entered; none when its index is lost or damaged, which a verification of the vault tells.
pub async fn sealed(vault: &Vault, vault_id: i64, project_id: i64, pointer: &Pointer) -> Result<Option<Sealed>, Error> {
    let index = match vault.snapshot(&pointer.snapshot.digest).await {
        Ok(index) => index,
        Err(error) => return left_out(&pointer.id.to_string(), error).map(|()| None),
    };
    let (pointer_id, digest) = (pointer.id, pointer.snapshot.digest);
    Ok(Some(Sealed { project_id, vault_id, run_id: None, pointer_id, digest, index, logical_bytes: 0, bytes_new: 0 }))
}

/// Reads what is needed to enter a snapshot; none when its objects are lost or damaged.
pub async fn prepare(pool: &PgPool, vault: &Vault, sealed: Sealed) -> Result<Option<Prepared>, Error> {
    let pointer_id = sealed.pointer_id;
    match catalogue::prepare(pool, vault, sealed).await {
        Ok(prepared) => Ok(Some(prepared)),
        Err(Error::Vault(error)) => left_out(&pointer_id.to_string(), error).map(|()| None),
        Err(other) => Err(other),
    }
}

/// What cannot be used is left where it is; a vault that cannot be reached is an error.
fn left_out(what: &str, error: VaultError) -> Result<(), Error> {
    if error.is_transient() {
        return Err(error.into());
    }
    tracing::warn!(pointer = what, error = %chain(&error), "a sealed snapshot cannot be entered into the catalogue");
    Ok(())
}

/// Enters it, in the caller's transaction; false = somebody else has just entered it.
pub async fn enter(conn: &mut PgConnection, actor: &Actor, prepared: &Prepared, pointer: &Pointer) -> Result<bool, Error> {
    let changes = catalogue::apply(conn, prepared).await?;
    if !changes.new {
        return Ok(false);
    }
    record(conn, actor, changes.snapshot_id, pointer).await?;
    Ok(true)
}

/// Its audit record.
pub async fn record(conn: &mut PgConnection, actor: &Actor, snapshot_id: i64, pointer: &Pointer) -> Result<(), Error> {
    let what = ProjectEvent::Adopted { project: format!("{}/{}", pointer.harbor, pointer.project) };
    let event = Event::new("snapshot.adopt", "snapshot", snapshot_id.to_string(), what)
        .project(pointer.harbor.as_ref(), pointer.project.as_str())
        .with("digest", pointer.snapshot.digest.to_string());
    audit::record(conn, actor, event).await?;
    Ok(())
}
