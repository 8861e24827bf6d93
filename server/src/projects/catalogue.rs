//! Entering a sealed snapshot into the catalogue: only what changed is written, so the size grows with changes.
//!
//! [`prepare`] reads the changed repository indexes from the vault, without a transaction; [`apply`] compares them with the open spans
//! and moves those on ([`super::spans`]), in the caller's transaction. What is found later and was earlier is [`super::replay`]'s.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use app::audit::events::ProjectEvent;
use app::error::{ApiError, ErrorKind};
use app::units::figure;
use futures::{StreamExt, TryStreamExt, stream};
use serde_json::json;
use sqlx::{PgConnection, PgExecutor};
use time::OffsetDateTime;
use uuid::Uuid;
use vault::Vault;
use vault::tree::{RepositoryDescriptor, RepositoryMember, Role, SnapshotIndex};
use vocab::manifest::MANIFEST_BYTES_MAX;
use vocab::{Digest, Manifest, Named, RepositoryName, Tag};

use super::{imports, spans};
use crate::audit::{self, Actor, Event, Outcome};
use crate::error::Error;

/// A configuration that says nothing (image-spec 1.1, "Guidance for an empty descriptor").
const EMPTY: &[u8] = b"{}";
/// Objects read from the vault side by side.
const READS_AT_ONCE: usize = 16;
/// Most bytes that manifests are believed to state together for one image: a claim must not make a sum overflow. 64 TiB.
const STATED_BYTES_MAX: u64 = 1 << 46;

/// The kind of what a snapshot names although it can be restored: it is kept in another repository.
const KEPT_ELSEWHERE: &str = "kept_elsewhere";

/// A snapshot as the vault has it.
pub struct Sealed {
    /// Project.
    pub project_id: i64,
    /// Vault.
    pub vault_id: i64,
    /// Run, where one made it.
    pub run_id: Option<i64>,
    /// Id of its pointer.
    pub pointer_id: Uuid,
    /// Digest of the snapshot index.
    pub digest: Digest,
    /// The index.
    pub index: SnapshotIndex,
    /// Bytes of its images, each blob once.
    pub logical_bytes: u64,
    /// Bytes newly stored.
    pub bytes_new: u64,
}

/// What differs from the open spans, read from the vault.
pub struct Prepared {
    sealed: Sealed,
    changed: Vec<Repository>,
    artifacts: Vec<Artifact>,
}

impl Prepared {
    pub(super) const fn sealed(&self) -> &Sealed {
        &self.sealed
    }

    pub(super) fn repositories(&self) -> &[Repository] {
        &self.changed
    }
}

/// A repository of a snapshot that differs from what is open: of its index only what the catalogue keeps, since a project may have very many.
pub(super) struct Repository {
    pub name: RepositoryName,
    /// Digest of its index.
    pub index: Digest,
    pub members: Vec<Member>,
}

/// One artifact of it under one tag, or under none.
pub(super) struct Member {
    pub digest: Digest,
    pub tag: Option<Tag>,
    pub role: &'static str,
    /// What an accessory is about.
    pub subject: Option<Digest>,
}

impl Member {
    fn of(member: RepositoryMember) -> Self {
        let (role, subject) = match member.role {
            Role::Root => ("root", None),
            Role::Child => ("child", None),
            Role::Accessory { subject, .. } => ("accessory", Some(subject)),
        };
        Self { digest: member.descriptor.digest, tag: member.tag, role, subject }
    }
}

/// What differs, and the media type of each artifact in it.
#[derive(Default)]
pub(super) struct Changed {
    pub repositories: Vec<Repository>,
    media_types: BTreeMap<Digest, Arc<str>>,
}

/// A manifest, as the catalogue has it.
pub struct Artifact {
    digest: Digest,
    media_type: Arc<str>,
    kind: String,
    size_bytes: i64,
    platforms: Vec<String>,
    config: Option<Digest>,
}

/// What entering came to.
#[derive(Debug, Clone, Copy, Default)]
pub struct Changes {
    /// Row of the snapshot.
    pub snapshot_id: i64,
    /// False: the catalogue had it already.
    pub new: bool,
    /// Tags new, gone, moved.
    pub added: i64,
    /// Tags gone.
    pub removed: i64,
    /// Tags that point elsewhere.
    pub moved: i64,
    /// Tags in all.
    pub tags: i64,
    /// Artifacts in all.
    pub artifacts: i64,
}

/// The row of a project, made if needed.
pub async fn project_id(conn: &mut PgConnection, harbor_id: i64, name: &str) -> sqlx::Result<i64> {
    sqlx::query_scalar(
        "with made as (insert into project (harbor_id, name) values ($1, $2) on conflict do nothing returning project_id)
         select project_id from made union all select project_id from project where harbor_id = $1 and name = $2 limit 1",
    )
    .bind(harbor_id)
    .bind(name)
    .fetch_one(conn)
    .await
}

/// Digest of the newest snapshot of a project in a vault: what the next backup compares with.
pub async fn newest_in_vault(conn: &mut PgConnection, project_id: i64, vault_id: i64) -> Result<Option<Digest>, Error> {
    let bytes: Option<Vec<u8>> = sqlx::query_scalar(
        "select digest from snapshot where project_id = $1 and vault_id = $2 and degraded_at is null order by moment desc limit 1",
    )
    .bind(project_id)
    .bind(vault_id)
    .fetch_optional(conn)
    .await?;
    bytes.map(|b| Digest::from_bytes(&b).map_err(|e| Error::defect(e.to_string()))).transpose()
}

/// Bytes of the images in the newest snapshot of a project in a vault.
pub async fn logical_bytes(conn: &mut PgConnection, project_id: i64, vault_id: i64) -> sqlx::Result<u64> {
    let bytes: Option<i64> = sqlx::query_scalar(
        "select logical_bytes from snapshot where project_id = $1 and vault_id = $2 and degraded_at is null order by moment desc limit 1",
    )
    .bind(project_id)
    .bind(vault_id)
    .fetch_optional(conn)
    .await?;
    Ok(bytes.and_then(|n| u64::try_from(n).ok()).unwrap_or(0))
}

/// Reads from the vault what the catalogue does not know yet.
pub async fn prepare(pool: &sqlx::PgPool, vault: &Vault, sealed: Sealed) -> Result<Prepared, Error> {
    // An import is compared with nothing: all of it is new, and moves nothing.
    let open = if imports::is_imported(&sealed) { HashMap::new() } else { open_indexes(pool, sealed.project_id).await? };
    let mut changed = changed(vault, &open, &sealed.index).await?;
    let unknown = unknown_artifacts(&mut *pool.acquire().await?, &mut changed).await?;
    let artifacts = artifacts(vault, unknown).await?;
    Ok(Prepared { sealed, changed: changed.repositories, artifacts })
}

/// Digests of the repository indexes that are open at the end.
pub(super) async fn open_indexes(executor: impl PgExecutor<'_>, project_id: i64) -> sqlx::Result<HashMap<String, Vec<u8>>> {
    let rows: Vec<(String, Vec<u8>)> = sqlx::query_as(
        "select r.name, s.index_digest from repository_span s join repository r using (repository_id)
          where r.project_id = $1 and s.to_at is null",
    )
    .bind(project_id)
    .fetch_all(executor)
    .await?;
    Ok(rows.into_iter().collect())
}

/// The repositories of a snapshot that differ from those.
pub(super) async fn changed(vault: &Vault, open: &HashMap<String, Vec<u8>>, index: &SnapshotIndex) -> Result<Changed, Error> {
    let differs = |(name, descriptor): &&(RepositoryName, RepositoryDescriptor)| {
        open.get(name.as_str()).is_none_or(|known| known.as_slice() != descriptor.digest.as_bytes())
    };
    let digests: Vec<Digest> = index.repositories.iter().filter(differs).map(|(_, descriptor)| descriptor.digest).collect();
    let mut reading = stream::iter(digests)
        .map(|digest| async move { vault.repository(&digest).await.map(|index| (digest, index)) })
        .buffered(READS_AT_ONCE);
    let (mut changed, mut types) = (Changed::default(), HashSet::<Arc<str>>::new());
    while let Some((digest, index)) = reading.try_next().await? {
        for member in &index.members {
            let name = member.descriptor.media_type.as_str();
            let media_type = types.get(name).cloned().unwrap_or_else(|| Arc::from(name));
            types.insert(Arc::clone(&media_type));
            changed.media_types.insert(member.descriptor.digest, media_type);
        }
        let members = index.members.into_iter().map(Member::of).collect();
        changed.repositories.push(Repository { name: index.name, index: digest, members });
    }
    Ok(changed)
}

/// Takes out the artifacts that have no row, or one without the configuration it should have: digest and media type.
pub(super) async fn unknown_artifacts(conn: &mut PgConnection, changed: &mut Changed) -> sqlx::Result<BTreeMap<Digest, Arc<str>>> {
    let mut unknown = std::mem::take(&mut changed.media_types);
    let all: Vec<Digest> = unknown.keys().copied().collect();
    for part in all.chunks(spans::ROWS_PER_STATEMENT) {
        let digests: Vec<&[u8]> = part.iter().map(|digest| digest.as_bytes().as_slice()).collect();
        let known: Vec<Vec<u8>> = sqlx::query_scalar(
            "select digest from artifact where digest = any($1) and (config is not null or kind in ('INDEX', 'UNKNOWN'))",
        )
        .bind(&digests)
        .fetch_all(&mut *conn)
        .await?;
        for digest in known.iter().filter_map(|bytes| Digest::from_bytes(bytes).ok()) {
            unknown.remove(&digest);
        }
    }
    Ok(unknown)
}

/// What is kept of them, from their manifests.
pub(super) async fn artifacts(vault: &Vault, unknown: BTreeMap<Digest, Arc<str>>) -> Result<Vec<Artifact>, Error> {
    let read = stream::iter(unknown).map(|(digest, media_type)| artifact(vault, digest, media_type)).buffered(READS_AT_ONCE);
    read.try_collect().await
}

async fn artifact(vault: &Vault, digest: Digest, media_type: Arc<str>) -> Result<Artifact, Error> {
    let bytes = vault.get_bytes(&digest, MANIFEST_BYTES_MAX).await?;
    let manifest_bytes = i64::try_from(bytes.len()).unwrap_or(i64::MAX);
    let Ok(manifest) = Manifest::parse(&media_type, &bytes) else {
        let kind = "UNKNOWN".to_owned();
        return Ok(Artifact { digest, media_type, kind, size_bytes: manifest_bytes, platforms: Vec::new(), config: None });
    };
    let stated = manifest.blobs.iter().filter_map(Named::stated_bytes);
    let blobs = stated.fold(0, u64::saturating_add).min(STATED_BYTES_MAX);
    let platforms = manifest
        .children
        .iter()
        .filter_map(|c| c.platform.as_ref())
        .map(|p| {
            [Some(p.os.as_str()), Some(p.architecture.as_str()), p.variant.as_deref()].into_iter().flatten().collect::<Vec<_>>().join("/")
        })
        .filter(|p| p != "unknown/unknown")
        .take(50)
        .collect();
    Ok(Artifact {
        digest,
        kind: kind(&manifest),
        size_bytes: manifest_bytes.saturating_add(i64::try_from(blobs).unwrap_or(i64::MAX)),
        platforms,
        media_type,
        // An empty one, as artifacts have that need none, is no id of anything.
        config: manifest.config.as_ref().and_then(Named::sha256).filter(|config| *config != Digest::of(EMPTY)),
    })
}

/// The kind as Harbor names it, from the manifest alone.
fn kind(manifest: &Manifest) -> String {
    if manifest.is_index() {
        return "INDEX".to_owned();
    }
    let text = manifest.artifact_type.as_deref().unwrap_or_default();
    let known = [
        ("vnd.oci.image.config", "IMAGE"),
        ("vnd.docker.container.image", "IMAGE"),
        ("vnd.cncf.helm.config", "CHART"),
        ("cosign", "SIGNATURE"),
        ("notary", "SIGNATURE"),
        ("sigstore", "SIGNATURE"),
        ("spdx", "SBOM"),
        ("cyclonedx", "SBOM"),
        ("sbom", "SBOM"),
        ("wasm", "WASM"),
        ("cnab", "CNAB"),
    ];
    known
        .iter()
        .find(|(part, _)| text.contains(part))
        .map_or_else(|| if text.is_empty() { "IMAGE" } else { "ARTIFACT" }, |(_, kind)| kind)
        .to_owned()
}

/// Enters a snapshot. Entering the same one twice changes nothing the second time.
pub async fn apply(conn: &mut PgConnection, prepared: &Prepared) -> Result<Changes, Error> {
    let sealed = &prepared.sealed;
    // One at a time per project: two plans may have it.
    sqlx::query("select 1 from project where project_id = $1 for update").bind(sealed.project_id).execute(&mut *conn).await?;
    if let Some(snapshot_id) = entered(conn, sealed).await? {
        return Ok(Changes { snapshot_id, ..Changes::default() });
    }
    insert_artifacts(conn, &prepared.artifacts).await?;
    if imports::is_imported(sealed) {
        return imports::enter(conn, prepared).await;
    }
    let moment = moment(conn, sealed).await?;
    let mut changes = spans::advance(conn, sealed.project_id, &sealed.index, &prepared.changed, moment).await?;
    changes.snapshot_id = insert_snapshot(conn, sealed, moment, &changes).await?;
    changes.new = true;
    Ok(changes)
}

/// The row of a snapshot that is there already. Another run may have adopted it right after it was sealed; what only its own run knows is
/// added then.
async fn entered(conn: &mut PgConnection, sealed: &Sealed) -> sqlx::Result<Option<i64>> {
    let whole = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
    sqlx::query_scalar(
        "update snapshot_ever
            set run_id = coalesce(run_id, $2), logical_bytes = greatest(logical_bytes, $3), bytes_new = greatest(bytes_new, $4)
          where pointer_id = $1
         returning snapshot_id",
    )
    .bind(sealed.pointer_id)
    .bind(sealed.run_id)
    .bind(whole(sealed.logical_bytes))
    .bind(whole(sealed.bytes_new))
    .fetch_optional(conn)
    .await
}

/// When its listing began, to the microsecond.
pub(super) fn started(index: &SnapshotIndex) -> OffsetDateTime {
    index.started.replace_nanosecond(index.started.microsecond() * 1_000).unwrap_or(index.started)
}

/// When its listing began; if a longer backup of the same project was sealed in between, just after that one, because spans only grow.
async fn moment(conn: &mut PgConnection, sealed: &Sealed) -> Result<OffsetDateTime, Error> {
    let newest = super::adopt::newest(&mut *conn, sealed.project_id).await?;
    let started = started(&sealed.index);
    let moment = newest.map_or(started, |newest| started.max(newest + time::Duration::microseconds(1)));
    Ok(free_moment(conn, sealed.project_id, moment).await?)
}

/// The first moment from this one on that no snapshot of the project has.
pub(super) async fn free_moment(conn: &mut PgConnection, project_id: i64, from: OffsetDateTime) -> sqlx::Result<OffsetDateTime> {
    sqlx::query_scalar(
        "with taken as (select moment from snapshot_ever where project_id = $1 and moment >= $2)
         select min(m) from (select $2::timestamptz as m union all select moment + interval '1 microsecond' from taken) free
          where m not in (select moment from taken)",
    )
    .bind(project_id)
    .bind(from)
    .fetch_one(conn)
    .await
}

pub(super) async fn insert_artifacts(conn: &mut PgConnection, artifacts: &[Artifact]) -> Result<(), Error> {
    for part in artifacts.chunks(spans::ROWS_PER_STATEMENT) {
        let digests: Vec<&[u8]> = part.iter().map(|a| a.digest.as_bytes().as_slice()).collect();
        let media_types: Vec<&str> = part.iter().map(|a| &*a.media_type).collect();
        let kinds: Vec<&str> = part.iter().map(|a| a.kind.as_str()).collect();
        let sizes: Vec<i64> = part.iter().map(|a| a.size_bytes).collect();
        let configs: Vec<Option<&[u8]>> = part.iter().map(|a| a.config.as_ref().map(|config| config.as_bytes().as_slice())).collect();
        // An array of arrays of different lengths is none to Postgres.
        let platforms: Vec<serde_json::Value> = part.iter().map(|a| json!(a.platforms)).collect();
        sqlx::query(
            "insert into artifact (digest, media_type, kind, size_bytes, platforms, config)
             select l.digest, l.media_type, l.kind, l.size_bytes, array(select jsonb_array_elements_text(l.platforms)), l.config
               from unnest($1::bytea[], $2::text[], $3::text[], $4::bigint[], $5::jsonb[], $6::bytea[])
                    l (digest, media_type, kind, size_bytes, platforms, config)
             on conflict (digest) do update set config = excluded.config where artifact.config is null and excluded.config is not null",
        )
        .bind(&digests)
        .bind(&media_types)
        .bind(&kinds)
        .bind(&sizes)
        .bind(&platforms)
        .bind(&configs)
        .execute(&mut *conn)
        .await?;
    }
    Ok(())
}

pub(super) async fn insert_snapshot(
    conn: &mut PgConnection,
    sealed: &Sealed,
    moment: OffsetDateTime,
    changes: &Changes,
) -> Result<i64, Error> {
    let whole = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
    let mut logical_bytes = whole(sealed.logical_bytes);
    if sealed.run_id.is_none() {
        // Nobody asked Harbor: what the images have in their manifests.
        logical_bytes = sqlx::query_scalar(
            "select least(coalesce(sum(a.size_bytes), 0), 9223372036854775807)::bigint from artifact_span s join repository r using (repository_id) join artifact a using (digest)
              where r.project_id = $1 and s.to_at is null and s.role <> 'accessory'",
        )
        .bind(sealed.project_id)
        .fetch_one(&mut *conn)
        .await?;
    }
    let gap_count = gap_count(&sealed.index);
    let gaps = serde_json::to_value(sealed.index.named_lacks()).map_err(|e| Error::defect(e.to_string()))?;
    let id = sqlx::query_scalar(
        "insert into snapshot_ever (project_id, vault_id, run_id, pointer_id, digest, moment, started_at, finished_at, gaps, gap_count, repositories,
                               tags, artifacts, logical_bytes, bytes_new, tags_added, tags_removed, tags_moved, imported, locked_until)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19,
                 (select $6 + make_interval(days => b.lock_days) from vault_bucket b where b.vault_id = $2)) returning snapshot_id",
    )
    .bind(sealed.project_id)
    .bind(sealed.vault_id)
    .bind(sealed.run_id)
    .bind(sealed.pointer_id)
    .bind(sealed.digest.as_bytes().as_slice())
    .bind(moment)
    .bind(sealed.index.started)
    .bind(sealed.index.finished)
    .bind(gaps)
    .bind(i64::try_from(gap_count).unwrap_or(i64::MAX))
    .bind(i64::try_from(sealed.index.repositories.len()).unwrap_or(i64::MAX))
    .bind(changes.tags)
    .bind(changes.artifacts)
    .bind(logical_bytes)
    .bind(whole(sealed.bytes_new))
    .bind(changes.added)
    .bind(changes.removed)
    .bind(changes.moved)
    .bind(imports::is_imported(sealed))
    .fetch_one(&mut *conn)
    .await?;
    if sealed.index.listed.is_some() || !sealed.index.limits.is_empty() {
        let limits = serde_json::to_value(&sealed.index.limits).map_err(|e| Error::defect(e.to_string()))?;
        sqlx::query("insert into snapshot_note (snapshot_id, listed_at, limits) values ($1, $2, $3)")
            .bind(id)
            .bind(sealed.index.listed)
            .bind(limits)
            .execute(conn)
            .await?;
    }
    Ok(id)
}

/// Gaps of a snapshot, without what is only named since it can be restored all the same (`gap_prints` counts the same).
fn gap_count(index: &SnapshotIndex) -> usize {
    index.gaps.iter().filter(|gap| gap.kind != KEPT_ELSEWHERE).count()
}

/// Records that a snapshot was made, with its digest: the log then proves what was protected.
pub async fn record_snapshot(
    conn: &mut PgConnection,
    actor: &Actor,
    harbor: &str,
    project: &str,
    prepared: &Prepared,
    changes: &Changes,
) -> Result<(), Error> {
    let sealed = &prepared.sealed;
    let gaps = gap_count(&sealed.index);
    let what = ProjectEvent::Captured { project: format!("{harbor}/{project}"), tags: figure(changes.tags), gaps: figure(gaps) };
    let mut event = Event::new("snapshot.create", "snapshot", changes.snapshot_id.to_string(), what)
        .project(harbor, project)
        .with("digest", sealed.digest.to_string())
        .with("after", json!({ "added": changes.added, "removed": changes.removed, "moved": changes.moved, "gaps": gaps }));
    if gaps > 0 {
        event = event.outcome(Outcome::Partial, "gaps");
    }
    audit::record(conn, actor, event).await?;
    Ok(())
}

/// The digest of a repository's index at a moment: where a restore finds its members.
pub async fn snapshot_digest(conn: &mut PgConnection, snapshot_id: i64) -> Result<Digest, Error> {
    let bytes: Vec<u8> = sqlx::query_scalar("select digest from kept_snapshot where snapshot_id = $1")
        .bind(snapshot_id)
        .fetch_optional(conn)
        .await?
        .ok_or_else(|| ApiError::new(ErrorKind::NotFound, "not_found", app::projects::refusals::Refusal::NoSnapshot))?;
    Digest::from_bytes(&bytes).map_err(|e| Error::defect(e.to_string()))
}
