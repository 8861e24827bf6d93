//! Entering a sealed snapshot into the catalogue: only what changed is written, so the size grows with changes.
//!
//! [`prepare`] reads the changed repository indexes from the vault, without a transaction; [`apply`] compares them with the open spans
//! and moves those on, in the caller's transaction. A subject of a gap is not "gone": nobody saw that it went.
//! `vault rebuild` replays the same two steps over all snapshots, oldest first.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use app::error::{ApiError, ErrorKind};
use serde_json::json;
use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;
use vault::Vault;
use vault::tree::{Gap, RepositoryIndex, Role, SnapshotIndex};
use vocab::manifest::MANIFEST_BYTES_MAX;
use vocab::{Digest, Manifest};

use crate::audit::{self, Actor, Event, Outcome};
use crate::error::Error;

/// Rows per statement: keeps one statement's arrays small.
const ROWS_PER_STATEMENT: usize = 5_000;

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
    changed: Vec<RepositoryIndex>,
    artifacts: Vec<Artifact>,
}

struct Artifact {
    digest: Digest,
    media_type: String,
    kind: String,
    size_bytes: i64,
    platforms: Vec<String>,
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
    let open: HashMap<String, Vec<u8>> = sqlx::query_as::<_, (String, Vec<u8>)>(
        "select r.name, s.index_digest from repository_span s join repository r using (repository_id)
          where r.project_id = $1 and s.to_at is null",
    )
    .bind(sealed.project_id)
    .fetch_all(pool)
    .await?
    .into_iter()
    .collect();
    let mut changed = Vec::new();
    for (name, descriptor) in &sealed.index.repositories {
        if open.get(name.as_str()).is_some_and(|d| d.as_slice() == descriptor.digest.as_bytes()) {
            continue;
        }
        changed.push(vault.repository(&descriptor.digest).await?);
    }
    let artifacts = new_artifacts(pool, vault, &changed).await?;
    Ok(Prepared { sealed, changed, artifacts })
}

async fn new_artifacts(pool: &sqlx::PgPool, vault: &Vault, changed: &[RepositoryIndex]) -> Result<Vec<Artifact>, Error> {
    let all: BTreeMap<Digest, String> =
        changed.iter().flat_map(|r| &r.members).map(|m| (m.descriptor.digest, m.descriptor.media_type.clone())).collect();
    let mut unknown: HashSet<Vec<u8>> = all.keys().map(|d| d.as_bytes().to_vec()).collect();
    let digests: Vec<Vec<u8>> = unknown.iter().cloned().collect();
    for known in
        sqlx::query_scalar::<_, Vec<u8>>("select digest from artifact where digest = any($1)").bind(&digests).fetch_all(pool).await?
    {
        unknown.remove(&known);
    }
    let mut artifacts = Vec::with_capacity(unknown.len());
    for (digest, media_type) in all {
        if unknown.contains(digest.as_bytes().as_slice()) {
            artifacts.push(artifact(vault, digest, media_type).await?);
        }
    }
    Ok(artifacts)
}

async fn artifact(vault: &Vault, digest: Digest, media_type: String) -> Result<Artifact, Error> {
    let bytes = vault.get_bytes(&digest, MANIFEST_BYTES_MAX).await?;
    let manifest_bytes = i64::try_from(bytes.len()).unwrap_or(i64::MAX);
    let Ok(manifest) = Manifest::parse(&media_type, &bytes) else {
        return Ok(Artifact { digest, media_type, kind: "UNKNOWN".to_owned(), size_bytes: manifest_bytes, platforms: Vec::new() });
    };
    let blobs: u64 = manifest.blobs.iter().map(|d| d.size).sum();
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
    let moment = moment(conn, sealed).await?;
    insert_artifacts(conn, &prepared.artifacts).await?;
    let unseen = Unseen::new(&sealed.index.gaps);
    let mut changes = Changes::default();
    for repository in &prepared.changed {
        let id = repository_id(conn, sealed.project_id, repository.name.as_str()).await?;
        let descriptor = sealed.index.repositories.iter().find(|(name, _)| *name == repository.name).map(|(_, d)| d.digest);
        let digest = descriptor.ok_or_else(|| Error::defect("a changed repository is not in its snapshot"))?;
        move_repository(conn, id, &digest, moment).await?;
        move_tags(conn, id, repository, moment, &unseen, &mut changes).await?;
        move_artifacts(conn, id, repository, moment).await?;
    }
    close_missing(conn, sealed, moment, &unseen, &mut changes).await?;
    changes.tags = sqlx::query_scalar(
        "select count(*) from tag_span t join repository r using (repository_id) where r.project_id = $1 and t.to_at is null",
    )
    .bind(sealed.project_id)
    .fetch_one(&mut *conn)
    .await?;
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

/// When its listing began; if a longer backup of the same project was sealed in between, just after that one, because spans only grow.
async fn moment(conn: &mut PgConnection, sealed: &Sealed) -> Result<OffsetDateTime, Error> {
    let newest: Option<OffsetDateTime> =
        sqlx::query_scalar("select max(moment) from snapshot_ever where project_id = $1").bind(sealed.project_id).fetch_one(conn).await?;
    let started = sealed.index.started;
    let started = started.replace_nanosecond(started.microsecond() * 1_000).unwrap_or(started);
    Ok(newest.map_or(started, |newest| started.max(newest + time::Duration::microseconds(1))))
}

/// What the gaps say nobody could see.
struct Unseen {
    subjects: BTreeSet<String>,
}

impl Unseen {
    fn new(gaps: &[Gap]) -> Self {
        Self { subjects: gaps.iter().map(|g| g.subject.clone()).collect() }
    }

    fn repository(&self, name: &str) -> bool {
        self.subjects.contains(name)
    }

    fn tag(&self, repository: &str, tag: &str, digest: &[u8]) -> bool {
        self.repository(repository)
            || self.subjects.contains(&format!("{repository}:{tag}"))
            || self.subjects.contains(&format!("{repository}@sha256:{}", hex::encode(digest)))
    }
}

async fn insert_artifacts(conn: &mut PgConnection, artifacts: &[Artifact]) -> Result<(), Error> {
    for artifact in artifacts {
        sqlx::query(
            "insert into artifact (digest, media_type, kind, size_bytes, platforms) values ($1, $2, $3, $4, $5) on conflict do nothing",
        )
        .bind(artifact.digest.as_bytes().as_slice())
        .bind(&artifact.media_type)
        .bind(&artifact.kind)
        .bind(artifact.size_bytes)
        .bind(&artifact.platforms)
        .execute(&mut *conn)
        .await?;
    }
    Ok(())
}

async fn repository_id(conn: &mut PgConnection, project_id: i64, name: &str) -> sqlx::Result<i64> {
    sqlx::query_scalar(
        "with made as (insert into repository (project_id, name) values ($1, $2) on conflict do nothing returning repository_id)
         select repository_id from made union all select repository_id from repository where project_id = $1 and name = $2 limit 1",
    )
    .bind(project_id)
    .bind(name)
    .fetch_one(conn)
    .await
}

async fn move_repository(conn: &mut PgConnection, repository_id: i64, digest: &Digest, moment: OffsetDateTime) -> sqlx::Result<()> {
    sqlx::query("update repository_span set to_at = $2 where repository_id = $1 and to_at is null")
        .bind(repository_id)
        .bind(moment)
        .execute(&mut *conn)
        .await?;
    sqlx::query("insert into repository_span (repository_id, index_digest, from_at) values ($1, $2, $3)")
        .bind(repository_id)
        .bind(digest.as_bytes().as_slice())
        .bind(moment)
        .execute(conn)
        .await?;
    Ok(())
}

async fn move_tags(
    conn: &mut PgConnection,
    id: i64,
    repository: &RepositoryIndex,
    moment: OffsetDateTime,
    unseen: &Unseen,
    changes: &mut Changes,
) -> Result<(), Error> {
    let open: HashMap<String, Vec<u8>> =
        sqlx::query_as::<_, (String, Vec<u8>)>("select tag, digest from tag_span where repository_id = $1 and to_at is null")
            .bind(id)
            .fetch_all(&mut *conn)
            .await?
            .into_iter()
            .collect();
    let now: BTreeMap<String, Vec<u8>> = repository
        .members
        .iter()
        .filter_map(|m| m.tag.as_ref().map(|t| (t.to_string(), m.descriptor.digest.as_bytes().to_vec())))
        .collect();
    let mut closed: Vec<String> = Vec::new();
    let mut opened: Vec<(String, Vec<u8>)> = Vec::new();
    for (tag, digest) in &now {
        match open.get(tag) {
            Some(old) if old == digest => {}
            Some(_) => {
                closed.push(tag.clone());
                opened.push((tag.clone(), digest.clone()));
                changes.moved += 1;
            }
            None => {
                opened.push((tag.clone(), digest.clone()));
                changes.added += 1;
            }
        }
    }
    for (tag, digest) in &open {
        if !now.contains_key(tag) && !unseen.tag(repository.name.as_str(), tag, digest) {
            closed.push(tag.clone());
            changes.removed += 1;
        }
    }
    for part in closed.chunks(ROWS_PER_STATEMENT) {
        sqlx::query("update tag_span set to_at = $2 where repository_id = $1 and to_at is null and tag = any($3)")
            .bind(id)
            .bind(moment)
            .bind(part)
            .execute(&mut *conn)
            .await?;
    }
    for part in opened.chunks(ROWS_PER_STATEMENT) {
        let (tags, digests): (Vec<&str>, Vec<&[u8]>) = part.iter().map(|(t, d)| (t.as_str(), d.as_slice())).unzip();
        sqlx::query("insert into tag_span (repository_id, tag, digest, from_at) select $1, l.tag, l.digest, $4 from unnest($2::text[], $3::bytea[]) l (tag, digest)")
            .bind(id)
            .bind(&tags)
            .bind(&digests)
            .bind(moment)
            .execute(&mut *conn)
            .await?;
    }
    Ok(())
}

async fn move_artifacts(conn: &mut PgConnection, id: i64, repository: &RepositoryIndex, moment: OffsetDateTime) -> Result<(), Error> {
    let open: HashSet<Vec<u8>> = sqlx::query_scalar("select digest from artifact_span where repository_id = $1 and to_at is null")
        .bind(id)
        .fetch_all(&mut *conn)
        .await?
        .into_iter()
        .collect();
    let mut now: BTreeMap<Vec<u8>, (Option<Vec<u8>>, &'static str)> = BTreeMap::new();
    for member in &repository.members {
        let (subject, role) = match &member.role {
            Role::Root => (None, "root"),
            Role::Child => (None, "child"),
            Role::Accessory { subject, .. } => (Some(subject.as_bytes().to_vec()), "accessory"),
        };
        now.entry(member.descriptor.digest.as_bytes().to_vec()).or_insert((subject, role));
    }
    let closed: Vec<&Vec<u8>> = open.iter().filter(|d| !now.contains_key(*d)).collect();
    for part in closed.chunks(ROWS_PER_STATEMENT) {
        sqlx::query("update artifact_span set to_at = $2 where repository_id = $1 and to_at is null and digest = any($3)")
            .bind(id)
            .bind(moment)
            .bind(part)
            .execute(&mut *conn)
            .await?;
    }
    let opened: Vec<_> = now.iter().filter(|(d, _)| !open.contains(*d)).collect();
    for part in opened.chunks(ROWS_PER_STATEMENT) {
        let digests: Vec<&[u8]> = part.iter().map(|(d, _)| d.as_slice()).collect();
        let subjects: Vec<Option<&[u8]>> = part.iter().map(|(_, (s, _))| s.as_deref()).collect();
        let roles: Vec<&str> = part.iter().map(|(_, (_, r))| *r).collect();
        sqlx::query(
            "insert into artifact_span (repository_id, digest, subject, role, from_at)
             select $1, l.digest, l.subject, l.role, $5 from unnest($2::bytea[], $3::bytea[], $4::text[]) l (digest, subject, role)",
        )
        .bind(id)
        .bind(&digests)
        .bind(&subjects)
        .bind(&roles)
        .bind(moment)
        .execute(&mut *conn)
        .await?;
    }
    Ok(())
}

/// Repositories that are no longer there.
async fn close_missing(
    conn: &mut PgConnection,
    sealed: &Sealed,
    moment: OffsetDateTime,
    unseen: &Unseen,
    changes: &mut Changes,
) -> Result<(), Error> {
    let open: Vec<(i64, String)> = sqlx::query_as(
        "select r.repository_id, r.name from repository r join repository_span s using (repository_id) where r.project_id = $1 and s.to_at is null",
    )
    .bind(sealed.project_id)
    .fetch_all(&mut *conn)
    .await?;
    let now: HashSet<&str> = sealed.index.repositories.iter().map(|(name, _)| name.as_str()).collect();
    for (id, name) in open {
        if now.contains(name.as_str()) || unseen.repository(&name) {
            continue;
        }
        let gone = sqlx::query("update tag_span set to_at = $2 where repository_id = $1 and to_at is null")
            .bind(id)
            .bind(moment)
            .execute(&mut *conn)
            .await?;
        changes.removed += i64::try_from(gone.rows_affected()).unwrap_or(i64::MAX);
        sqlx::query("update artifact_span set to_at = $2 where repository_id = $1 and to_at is null")
            .bind(id)
            .bind(moment)
            .execute(&mut *conn)
            .await?;
        sqlx::query("update repository_span set to_at = $2 where repository_id = $1 and to_at is null")
            .bind(id)
            .bind(moment)
            .execute(&mut *conn)
            .await?;
    }
    Ok(())
}

async fn insert_snapshot(conn: &mut PgConnection, sealed: &Sealed, moment: OffsetDateTime, changes: &Changes) -> Result<i64, Error> {
    let whole = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
    let artifacts: i64 = sqlx::query_scalar(
        "select count(*) from artifact_span a join repository r using (repository_id) where r.project_id = $1 and a.to_at is null",
    )
    .bind(sealed.project_id)
    .fetch_one(&mut *conn)
    .await?;
    let gaps = serde_json::to_value(&sealed.index.gaps).map_err(|e| Error::defect(e.to_string()))?;
    let id = sqlx::query_scalar(
        "insert into snapshot (project_id, vault_id, run_id, pointer_id, digest, moment, started_at, finished_at, gaps, gap_count, repositories,
                               tags, artifacts, logical_bytes, bytes_new, tags_added, tags_removed, tags_moved)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18) returning snapshot_id",
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
    .bind(i64::try_from(sealed.index.gaps.len()).unwrap_or(i64::MAX))
    .bind(i64::try_from(sealed.index.repositories.len()).unwrap_or(i64::MAX))
    .bind(changes.tags)
    .bind(artifacts)
    .bind(whole(sealed.logical_bytes))
    .bind(whole(sealed.bytes_new))
    .bind(changes.added)
    .bind(changes.removed)
    .bind(changes.moved)
    .fetch_one(conn)
    .await?;
    Ok(id)
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
    let gaps = sealed.index.gaps.len();
    let sentence = if gaps == 0 {
        format!("captured {harbor}/{project}: {} tags", changes.tags)
    } else {
        format!("captured {harbor}/{project} with {gaps} gaps: {} tags", changes.tags)
    };
    let mut event = Event::new("snapshot.create", "snapshot", changes.snapshot_id.to_string(), sentence)
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
    let bytes: Vec<u8> = sqlx::query_scalar("select digest from snapshot where snapshot_id = $1")
        .bind(snapshot_id)
        .fetch_optional(conn)
        .await?
        .ok_or_else(|| ApiError::new(ErrorKind::NotFound, "not_found", "there is no such snapshot"))?;
    Digest::from_bytes(&bytes).map_err(|e| Error::defect(e.to_string()))
}
