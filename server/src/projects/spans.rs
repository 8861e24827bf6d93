//! Moving the catalogue's spans on to the next snapshot: what is new gets a row, what is gone has its row ended, what stayed costs nothing.
//!
//! A subject of a gap is not "gone": nobody saw that it went.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use sqlx::PgConnection;
use time::OffsetDateTime;
use vault::tree::{Gap, RepositoryIndex, Role, SnapshotIndex};
use vocab::{Digest, RepositoryName};

use super::catalogue::Changes;
use crate::error::Error;

/// Rows per statement: keeps one statement's arrays small.
pub(super) const ROWS_PER_STATEMENT: usize = 5_000;

/// Makes what is open at the end what `index` has; `changed` are the repositories that differ from what is open. Answers what that came to.
pub async fn advance(
    conn: &mut PgConnection,
    project_id: i64,
    index: &SnapshotIndex,
    changed: &[RepositoryIndex],
    moment: OffsetDateTime,
) -> Result<Changes, Error> {
    let unseen = Unseen::new(&index.gaps);
    let mut changes = Changes::default();
    let digests: HashMap<&RepositoryName, Digest> = index.repositories.iter().map(|(name, d)| (name, d.digest)).collect();
    for repository in changed {
        let id = repository_id(conn, project_id, repository.name.as_str()).await?;
        let digest = digests.get(&repository.name).ok_or_else(|| Error::defect("a changed repository is not in its snapshot"))?;
        move_tags(conn, id, repository, moment, &unseen, &mut changes).await?;
        move_artifacts(conn, id, repository, moment).await?;
        move_repository(conn, id, digest, moment).await?;
    }
    close_missing(conn, (project_id, index), moment, &unseen, &mut changes).await?;
    (changes.tags, changes.artifacts) = sqlx::query_as(
        "select coalesce(sum(s.tags), 0)::bigint, coalesce(sum(s.artifacts), 0)::bigint
           from repository_span s join repository r using (repository_id) where r.project_id = $1 and s.to_at is null",
    )
    .bind(project_id)
    .fetch_one(&mut *conn)
    .await?;
    Ok(changes)
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

/// Opens the row of a repository's new index, once its tags and artifacts are moved: it has their numbers.
async fn move_repository(conn: &mut PgConnection, repository_id: i64, digest: &Digest, moment: OffsetDateTime) -> sqlx::Result<()> {
    sqlx::query("update repository_span set to_at = $2 where repository_id = $1 and to_at is null")
        .bind(repository_id)
        .bind(moment)
        .execute(&mut *conn)
        .await?;
    sqlx::query(
        "insert into repository_span (repository_id, index_digest, from_at, tags, artifacts)
         select $1, $2, $3, (select count(*) from tag_span where repository_id = $1 and to_at is null),
                (select count(*) from artifact_span where repository_id = $1 and to_at is null)",
    )
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
    (project_id, index): (i64, &SnapshotIndex),
    moment: OffsetDateTime,
    unseen: &Unseen,
    changes: &mut Changes,
) -> Result<(), Error> {
    let open: Vec<(i64, String)> = sqlx::query_as(
        "select r.repository_id, r.name from repository r join repository_span s using (repository_id) where r.project_id = $1 and s.to_at is null",
    )
    .bind(project_id)
    .fetch_all(&mut *conn)
    .await?;
    let now: HashSet<&str> = index.repositories.iter().map(|(name, _)| name.as_str()).collect();
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
