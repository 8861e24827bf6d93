//! Entering snapshots that are older than what the catalogue has of their project: its spans are made anew from all its snapshots.
//!
//! The spans are a function of the snapshots, so nothing is lost but what a snapshot that was let go showed and no kept one does. The vault
//! is read within the transaction, one snapshot at a time: all changes of a large project would not fit into memory. Meanwhile backups of
//! that one project wait to be entered.

use std::collections::{HashMap, HashSet};

use sqlx::PgConnection;
use time::OffsetDateTime;
use vault::tree::SnapshotIndex;
use vault::{Vault, VaultError};
use vocab::Digest;

use super::catalogue::{self, Sealed};
use super::spans;
use crate::error::{Error, chain};

/// A snapshot in its place among the others.
struct Item {
    moment: OffsetDateTime,
    /// Where it can be read, best first.
    vaults: Vec<i64>,
    digest: Digest,
    /// Its row, or what becomes one.
    snapshot: Result<i64, Sealed>,
}

/// A kept snapshot of the catalogue: id, digest, moment and the vaults it is in.
type Known = (i64, Vec<u8>, OffsetDateTime, Vec<i64>);

/// Makes the spans of a project anew from what the catalogue has and from `fresh`. Answers the rows of the fresh ones that could be entered,
/// in their order, beside their pointers' ids.
pub async fn replay(
    conn: &mut PgConnection,
    vaults: &HashMap<i64, Vault>,
    project_id: i64,
    fresh: Vec<Sealed>,
) -> Result<Vec<(uuid::Uuid, i64)>, Error> {
    sqlx::query("select 1 from project where project_id = $1 for update").bind(project_id).execute(&mut *conn).await?;
    let mut items = known(conn, project_id).await?;
    // Every moment is taken once, also by snapshots that were let go.
    let taken: Vec<OffsetDateTime> =
        sqlx::query_scalar("select moment from snapshot_ever where project_id = $1").bind(project_id).fetch_all(&mut *conn).await?;
    let mut taken: HashSet<OffsetDateTime> = taken.into_iter().collect();
    for sealed in fresh {
        let mut moment = catalogue::started(&sealed.index);
        while !taken.insert(moment) {
            moment += time::Duration::microseconds(1);
        }
        items.push(Item { moment, vaults: vec![sealed.vault_id], digest: sealed.digest, snapshot: Err(sealed) });
    }
    items.sort_by_key(|item| item.moment);
    for table in ["tag_span", "artifact_span", "repository_span"] {
        let sql = format!("delete from {table} where repository_id in (select repository_id from repository where project_id = $1)");
        sqlx::query(sqlx::AssertSqlSafe(sql)).bind(project_id).execute(&mut *conn).await?;
    }
    let mut entered = Vec::new();
    for item in items {
        let Some(found) = read(conn, vaults, project_id, &item).await? else { continue };
        catalogue::insert_artifacts(conn, &found.artifacts).await?;
        let changes = spans::advance(conn, project_id, &found.index, &found.changed, item.moment).await?;
        match item.snapshot {
            Ok(snapshot_id) => {
                sqlx::query("update snapshot_ever set tags_added = $2, tags_removed = $3, tags_moved = $4 where snapshot_id = $1")
                    .bind(snapshot_id)
                    .bind(changes.added)
                    .bind(changes.removed)
                    .bind(changes.moved)
                    .execute(&mut *conn)
                    .await?;
            }
            Err(sealed) => {
                entered.push((sealed.pointer_id, catalogue::insert_snapshot(conn, &sealed, item.moment, &changes).await?));
            }
        }
    }
    Ok(entered)
}

async fn known(conn: &mut PgConnection, project_id: i64) -> Result<Vec<Item>, Error> {
    let rows: Vec<Known> = sqlx::query_as(
        "select snapshot_id, v.digest, v.moment, array_agg(v.vault_id order by v.degraded_at is not null, v.is_copy)
           from vault_snapshot v join snapshot s using (snapshot_id) where v.project_id = $1 group by snapshot_id, v.digest, v.moment",
    )
    .bind(project_id)
    .fetch_all(conn)
    .await?;
    let item = |(id, digest, moment, vaults): Known| {
        let digest = Digest::from_bytes(&digest).map_err(|e| Error::defect(e.to_string()))?;
        Ok(Item { moment, vaults, digest, snapshot: Ok(id) })
    };
    rows.into_iter().map(item).collect()
}

struct Read {
    index: SnapshotIndex,
    changed: Vec<catalogue::Repository>,
    artifacts: Vec<catalogue::Artifact>,
}

/// Reads what a snapshot changes, from the first vault that has it whole. One that no vault has adds nothing; its row says so.
async fn read(conn: &mut PgConnection, vaults: &HashMap<i64, Vault>, project_id: i64, item: &Item) -> Result<Option<Read>, Error> {
    let open = catalogue::open_indexes(&mut *conn, project_id).await?;
    for vault in item.vaults.iter().filter_map(|id| vaults.get(id)) {
        match read_in(conn, vault, &open, &item.digest).await {
            Ok(read) => return Ok(Some(read)),
            Err(Error::Vault(error)) if !error.is_transient() => left_out(&item.digest, &error),
            Err(error) => return Err(error),
        }
    }
    Ok(None)
}

fn left_out(digest: &Digest, error: &VaultError) {
    tracing::warn!(snapshot = %digest, error = %chain(error), "a snapshot cannot be read and adds nothing to the catalogue");
}

async fn read_in(conn: &mut PgConnection, vault: &Vault, open: &HashMap<String, Vec<u8>>, digest: &Digest) -> Result<Read, Error> {
    let index = vault.snapshot(digest).await?;
    let mut changed = catalogue::changed(vault, open, &index).await?;
    let unknown = catalogue::unknown_artifacts(conn, &mut changed).await?;
    let artifacts = catalogue::artifacts(vault, unknown).await?;
    Ok(Read { index, changed: changed.repositories, artifacts })
}
