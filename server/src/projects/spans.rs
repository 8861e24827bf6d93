//! Moving the catalogue's spans on to the next snapshot: what is new gets a row, what is gone has its row ended, what stayed costs nothing.
//!
//! A subject of a gap is not "gone": nobody saw that it went.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use sqlx::PgConnection;
use time::OffsetDateTime;
use vault::tree::{Gap, SnapshotIndex};
use vocab::Digest;

use super::catalogue::{Changes, Repository};
use crate::error::Error;

/// Rows per statement: keeps one statement's arrays small.
pub(super) const ROWS_PER_STATEMENT: usize = 5_000;
/// Repositories moved on with the same few statements, as long as they have no more than [`ROWS_PER_STATEMENT`] members: a project of very
/// many small ones would else wait for the database on each.
const REPOSITORIES_TOGETHER: usize = 1_000;

/// Makes what is open at the end what `index` has; `changed` are the repositories that differ from what is open. Answers what that came to.
pub(super) async fn advance(
    conn: &mut PgConnection,
    project_id: i64,
    index: &SnapshotIndex,
    changed: &[Repository],
    moment: OffsetDateTime,
) -> Result<Changes, Error> {
    let mut step = Step { conn, project_id, moment, unseen: Unseen::new(&index.gaps), changes: Changes::default() };
    let mut left = changed;
    while !left.is_empty() {
        let (together, others) = left.split_at(together(left));
        step.repositories(together).await?;
        left = others;
    }
    step.close_missing(index).await?;
    let Step { conn, mut changes, .. } = step;
    (changes.tags, changes.artifacts) = sqlx::query_as(
        "select coalesce(sum(s.tags), 0)::bigint, coalesce(sum(s.artifacts), 0)::bigint
           from repository_span s join repository r using (repository_id) where r.project_id = $1 and s.to_at is null",
    )
    .bind(project_id)
    .fetch_one(conn)
    .await?;
    Ok(changes)
}

/// How many of them to take in one go; one at least.
fn together(repositories: &[Repository]) -> usize {
    let mut members = 0;
    let fits = |repository: &&Repository| {
        members += repository.members.len();
        members <= ROWS_PER_STATEMENT
    };
    repositories.iter().take(REPOSITORIES_TOGETHER).take_while(fits).count().max(1)
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

/// Some repositories beside their rows.
struct Together<'a> {
    ids: Vec<i64>,
    repositories: &'a [Repository],
}

impl Together<'_> {
    fn iter(&self) -> impl Iterator<Item = (i64, &Repository)> {
        self.ids.iter().copied().zip(self.repositories)
    }
}

struct Step<'a> {
    conn: &'a mut PgConnection,
    project_id: i64,
    moment: OffsetDateTime,
    unseen: Unseen,
    changes: Changes,
}

impl Step<'_> {
    async fn repositories(&mut self, repositories: &[Repository]) -> Result<(), Error> {
        let ids = self.ids(repositories).await?;
        let together = Together { ids, repositories };
        self.move_tags(&together).await?;
        self.move_artifacts(&together).await?;
        self.move_indexes(&together).await?;
        Ok(())
    }

    /// Their rows, in their order, made where needed.
    async fn ids(&mut self, repositories: &[Repository]) -> sqlx::Result<Vec<i64>> {
        let names: Vec<&str> = repositories.iter().map(|repository| repository.name.as_str()).collect();
        sqlx::query_scalar(
            "with wanted as (select name, place from unnest($2::text[]) with ordinality l (name, place)),
             made as (insert into repository (project_id, name) select $1, name from wanted order by place
                      on conflict do nothing returning repository_id, name)
             select coalesce(m.repository_id, r.repository_id)
               from wanted w left join made m using (name) left join repository r on r.project_id = $1 and r.name = w.name
              order by w.place",
        )
        .bind(self.project_id)
        .bind(&names)
        .fetch_all(&mut *self.conn)
        .await
    }

    async fn move_tags(&mut self, together: &Together<'_>) -> Result<(), Error> {
        let open: Vec<(i64, String, Vec<u8>)> =
            sqlx::query_as("select repository_id, tag, digest from tag_span where repository_id = any($1) and to_at is null")
                .bind(&together.ids)
                .fetch_all(&mut *self.conn)
                .await?;
        let mut open: HashMap<(i64, String), Vec<u8>> = open.into_iter().map(|(id, tag, digest)| ((id, tag), digest)).collect();
        let mut closed: Vec<(i64, String)> = Vec::new();
        let mut opened: Vec<(i64, &str, &Digest)> = Vec::new();
        for (id, repository) in together.iter() {
            let now: BTreeMap<&str, &Digest> =
                repository.members.iter().filter_map(|m| m.tag.as_ref().map(|tag| (tag.as_str(), &m.digest))).collect();
            for (tag, digest) in now {
                let key = (id, tag.to_owned());
                match open.remove(&key) {
                    Some(old) if old == digest.as_bytes() => continue,
                    Some(_) => {
                        closed.push(key);
                        self.changes.moved += 1;
                    }
                    None => self.changes.added += 1,
                }
                opened.push((id, tag, digest));
            }
        }
        let names: HashMap<i64, &str> = together.iter().map(|(id, repository)| (id, repository.name.as_str())).collect();
        for ((id, tag), digest) in open {
            if !names.get(&id).is_some_and(|name| self.unseen.tag(name, &tag, &digest)) {
                closed.push((id, tag));
                self.changes.removed += 1;
            }
        }
        for part in closed.chunks(ROWS_PER_STATEMENT) {
            let (ids, tags): (Vec<i64>, Vec<&str>) = part.iter().map(|(id, tag)| (*id, tag.as_str())).unzip();
            sqlx::query(
                "update tag_span t set to_at = $3 from unnest($1::bigint[], $2::text[]) l (repository_id, tag)
                  where t.repository_id = l.repository_id and t.tag = l.tag and t.to_at is null",
            )
            .bind(&ids)
            .bind(&tags)
            .bind(self.moment)
            .execute(&mut *self.conn)
            .await?;
        }
        for part in opened.chunks(ROWS_PER_STATEMENT) {
            let ids: Vec<i64> = part.iter().map(|(id, ..)| *id).collect();
            let (tags, digests): (Vec<&str>, Vec<&[u8]>) = part.iter().map(|(_, tag, digest)| (*tag, digest.as_bytes().as_slice())).unzip();
            sqlx::query(
                "insert into tag_span (repository_id, tag, digest, from_at)
                 select l.repository_id, l.tag, l.digest, $4 from unnest($1::bigint[], $2::text[], $3::bytea[]) l (repository_id, tag, digest)",
            )
            .bind(&ids)
            .bind(&tags)
            .bind(&digests)
            .bind(self.moment)
            .execute(&mut *self.conn)
            .await?;
        }
        Ok(())
    }

    async fn move_artifacts(&mut self, together: &Together<'_>) -> Result<(), Error> {
        let open: Vec<(i64, Vec<u8>)> =
            sqlx::query_as("select repository_id, digest from artifact_span where repository_id = any($1) and to_at is null")
                .bind(&together.ids)
                .fetch_all(&mut *self.conn)
                .await?;
        let mut open: HashSet<(i64, Vec<u8>)> = open.into_iter().collect();
        let mut opened = Vec::new();
        for (id, repository) in together.iter() {
            let mut seen = HashSet::new();
            for member in &repository.members {
                if seen.insert(member.digest) && !open.remove(&(id, member.digest.as_bytes().to_vec())) {
                    opened.push((id, member));
                }
            }
        }
        let closed: Vec<(i64, Vec<u8>)> = open.into_iter().collect();
        for part in closed.chunks(ROWS_PER_STATEMENT) {
            let (ids, digests): (Vec<i64>, Vec<&[u8]>) = part.iter().map(|(id, digest)| (*id, digest.as_slice())).unzip();
            sqlx::query(
                "update artifact_span a set to_at = $3 from unnest($1::bigint[], $2::bytea[]) l (repository_id, digest)
                  where a.repository_id = l.repository_id and a.digest = l.digest and a.to_at is null",
            )
            .bind(&ids)
            .bind(&digests)
            .bind(self.moment)
            .execute(&mut *self.conn)
            .await?;
        }
        for part in opened.chunks(ROWS_PER_STATEMENT) {
            let ids: Vec<i64> = part.iter().map(|(id, _)| *id).collect();
            let digests: Vec<&[u8]> = part.iter().map(|(_, member)| member.digest.as_bytes().as_slice()).collect();
            let subjects: Vec<Option<&[u8]>> = part.iter().map(|(_, m)| m.subject.as_ref().map(|s| s.as_bytes().as_slice())).collect();
            let roles: Vec<&str> = part.iter().map(|(_, member)| member.role).collect();
            sqlx::query(
                "insert into artifact_span (repository_id, digest, subject, role, from_at)
                 select l.repository_id, l.digest, l.subject, l.role, $5
                   from unnest($1::bigint[], $2::bytea[], $3::bytea[], $4::text[]) l (repository_id, digest, subject, role)",
            )
            .bind(&ids)
            .bind(&digests)
            .bind(&subjects)
            .bind(&roles)
            .bind(self.moment)
            .execute(&mut *self.conn)
            .await?;
        }
        Ok(())
    }

    /// Opens the rows of their new indexes, once their tags and artifacts are moved: they have the numbers of these.
    async fn move_indexes(&mut self, together: &Together<'_>) -> sqlx::Result<()> {
        self.close("repository_span", &together.ids).await?;
        let digests: Vec<&[u8]> = together.repositories.iter().map(|repository| repository.index.as_bytes().as_slice()).collect();
        sqlx::query(
            "insert into repository_span (repository_id, index_digest, from_at, tags, artifacts)
             select l.repository_id, l.digest, $3,
                    (select count(*) from tag_span t where t.repository_id = l.repository_id and t.to_at is null),
                    (select count(*) from artifact_span a where a.repository_id = l.repository_id and a.to_at is null)
               from unnest($1::bigint[], $2::bytea[]) l (repository_id, digest)",
        )
        .bind(&together.ids)
        .bind(&digests)
        .bind(self.moment)
        .execute(&mut *self.conn)
        .await?;
        Ok(())
    }

    /// Repositories that are no longer there.
    async fn close_missing(&mut self, index: &SnapshotIndex) -> Result<(), Error> {
        let open: Vec<(i64, String)> = sqlx::query_as(
            "select r.repository_id, r.name from repository r join repository_span s using (repository_id)
              where r.project_id = $1 and s.to_at is null",
        )
        .bind(self.project_id)
        .fetch_all(&mut *self.conn)
        .await?;
        let now: HashSet<&str> = index.repositories.iter().map(|(name, _)| name.as_str()).collect();
        let is_gone = |name: &str| !now.contains(name) && !self.unseen.repository(name);
        let gone: Vec<i64> = open.into_iter().filter(|(_, name)| is_gone(name)).map(|(id, _)| id).collect();
        for part in gone.chunks(REPOSITORIES_TOGETHER) {
            let tags = self.close("tag_span", part).await?;
            self.changes.removed += i64::try_from(tags).unwrap_or(i64::MAX);
            self.close("artifact_span", part).await?;
            self.close("repository_span", part).await?;
        }
        Ok(())
    }

    async fn close(&mut self, table: &'static str, ids: &[i64]) -> sqlx::Result<u64> {
        let sql = format!("update {table} set to_at = $2 where repository_id = any($1) and to_at is null");
        let done = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(ids).bind(self.moment).execute(&mut *self.conn).await?;
        Ok(done.rows_affected())
    }
}
