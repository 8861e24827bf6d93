//! Images that came from files. Their snapshot stands beside a project's history and moves nothing in it: what is not in it was not gone.
//! It is found by its own moment, and where nothing was captured from the Harbor.

use sqlx::PgConnection;
use vault::tree::Origin;

use super::catalogue::{self, Changes, Prepared, Sealed};
use super::queries::{SpanRow, TagQuestion, TagRow};
use super::spans::ROWS_PER_STATEMENT;
use crate::error::Error;

/// Whether a snapshot is one of these.
#[must_use]
pub fn is_imported(sealed: &Sealed) -> bool {
    sealed.index.origin == Origin::Files
}

/// Enters one, in the caller's transaction. Its artifacts have their rows.
pub(super) async fn enter(conn: &mut PgConnection, prepared: &Prepared) -> Result<Changes, Error> {
    let (sealed, repositories) = (prepared.sealed(), prepared.repositories());
    let tags = repositories.iter().flat_map(|r| &r.members).filter(|m| m.tag.is_some()).count();
    let mut digests: Vec<(&str, &[u8])> =
        repositories.iter().flat_map(|r| r.members.iter().map(|m| (r.name.as_str(), m.digest.as_bytes().as_slice()))).collect();
    digests.sort_unstable();
    digests.dedup();
    let whole = |n: usize| i64::try_from(n).unwrap_or(i64::MAX);
    let mut changes = Changes { new: true, tags: whole(tags), artifacts: whole(digests.len()), ..Changes::default() };
    let moment = catalogue::free_moment(conn, sealed.project_id, catalogue::started(&sealed.index)).await?;
    changes.snapshot_id = catalogue::insert_snapshot(conn, sealed, moment, &changes).await?;
    let members: Vec<_> = repositories.iter().flat_map(|r| r.members.iter().map(|m| (r.name.as_str(), m))).collect();
    for part in members.chunks(ROWS_PER_STATEMENT) {
        let names: Vec<&str> = part.iter().map(|(name, _)| *name).collect();
        let digests: Vec<&[u8]> = part.iter().map(|(_, member)| member.digest.as_bytes().as_slice()).collect();
        let tags: Vec<Option<&str>> = part.iter().map(|(_, member)| member.tag.as_ref().map(vocab::Tag::as_str)).collect();
        let roles: Vec<&str> = part.iter().map(|(_, member)| member.role).collect();
        let subjects: Vec<Option<&[u8]>> = part.iter().map(|(_, m)| m.subject.as_ref().map(|s| s.as_bytes().as_slice())).collect();
        sqlx::query(
            "insert into imported_member (snapshot_id, repository, digest, tag, role, subject)
             select $1, l.repository, l.digest, l.tag, l.role, l.subject
               from unnest($2::text[], $3::bytea[], $4::text[], $5::text[], $6::bytea[]) l (repository, digest, tag, role, subject)
             on conflict do nothing",
        )
        .bind(changes.snapshot_id)
        .bind(&names)
        .bind(&digests)
        .bind(&tags)
        .bind(&roles)
        .bind(&subjects)
        .execute(&mut *conn)
        .await?;
    }
    sqlx::query(
        "update snapshot_ever
            set logical_bytes = (select least(coalesce(sum(a.size_bytes), 0), 9223372036854775807)::bigint
                                   from (select distinct digest from imported_member where snapshot_id = $1 and role <> 'accessory') m
                                        join artifact a using (digest))
          where snapshot_id = $1",
    )
    .bind(changes.snapshot_id)
    .execute(&mut *conn)
    .await?;
    Ok(changes)
}

/// Repositories of an import with their counts, as [`super::queries::repositories_at`].
pub async fn repositories(
    conn: &mut PgConnection,
    snapshot_id: i64,
    like: Option<&str>,
    limit: i64,
) -> sqlx::Result<Vec<(String, i64, i64, bool)>> {
    sqlx::query_as(
        "select repository, count(tag), count(distinct digest), false from imported_member m where snapshot_id = $1
            and ($2::text is null or repository ilike $2
                 or exists (select from imported_member t where t.snapshot_id = $1 and t.repository = m.repository and t.tag ilike $2))
          group by repository order by repository limit $3",
    )
    .bind(snapshot_id)
    .bind(like)
    .bind(limit)
    .fetch_all(conn)
    .await
}

/// Tags in a repository of an import by name, with what the Harbor had at the last capture. `q` names no row of a repository.
pub async fn tags(conn: &mut PgConnection, snapshot_id: i64, repository: &str, q: &TagQuestion<'_>) -> sqlx::Result<Vec<TagRow>> {
    sqlx::query_as(
        "select m.tag, m.digest, a.kind, a.size_bytes, s.moment as from_at, n.digest as newest,
                (select count(*) from imported_member x where x.snapshot_id = $1 and x.repository = $2 and x.subject = m.digest) as accessories
           from imported_member m join kept_snapshot s using (snapshot_id) join artifact a on a.digest = m.digest
                left join repository r on r.project_id = s.project_id and r.name = m.repository
                left join tag_span n on n.repository_id = r.repository_id and n.tag = m.tag and n.to_at is null
          where m.snapshot_id = $1 and m.repository = $2 and m.tag is not null and ($3::text is null or m.tag ilike $3)
            and (case $4::text when 'gone' then n.digest is null when 'moved' then n.digest <> m.digest else true end)
            and ($5::text is null or m.tag > $5)
          order by m.tag limit $6",
    )
    .bind(snapshot_id)
    .bind(repository)
    .bind(q.like)
    .bind(q.only)
    .bind(q.after)
    .bind(q.limit)
    .fetch_all(conn)
    .await
}

/// How many tags a repository of an import has.
pub async fn count_tags(conn: &mut PgConnection, snapshot_id: i64, repository: &str) -> sqlx::Result<i64> {
    sqlx::query_scalar("select count(tag) from imported_member where snapshot_id = $1 and repository = $2")
        .bind(snapshot_id)
        .bind(repository)
        .fetch_one(conn)
        .await
}

/// The newest import into a project that holds an artifact.
pub async fn snapshot_of(conn: &mut PgConnection, project_id: i64, repository: &str, digest: &[u8]) -> sqlx::Result<Option<i64>> {
    sqlx::query_scalar(
        "select s.snapshot_id from imported_member m join kept_snapshot s using (snapshot_id)
          where s.project_id = $1 and m.repository = $2 and m.digest = $3 order by s.moment desc limit 1",
    )
    .bind(project_id)
    .bind(repository)
    .bind(digest)
    .fetch_optional(conn)
    .await
}

/// What is about an artifact in an import, and the tags it has there.
pub async fn around(
    conn: &mut PgConnection,
    snapshot_id: i64,
    repository: &str,
    digest: &[u8],
) -> sqlx::Result<(Vec<(Vec<u8>, String)>, Vec<String>)> {
    let about = sqlx::query_as(
        "select distinct m.digest, a.kind from imported_member m join artifact a using (digest)
          where m.snapshot_id = $1 and m.repository = $2 and m.subject = $3 limit 200",
    )
    .bind(snapshot_id)
    .bind(repository)
    .bind(digest)
    .fetch_all(&mut *conn)
    .await?;
    let tags = sqlx::query_scalar(
        "select tag from imported_member where snapshot_id = $1 and repository = $2 and digest = $3 and tag is not null order by tag limit 200",
    )
    .bind(snapshot_id)
    .bind(repository)
    .bind(digest)
    .fetch_all(conn)
    .await?;
    Ok((about, tags))
}

/// Imports in which a tag is, newest first: as stretches that begin and end with their moment.
pub async fn stretches(conn: &mut PgConnection, project_id: i64, repository: &str, tag: &str, limit: i64) -> sqlx::Result<Vec<SpanRow>> {
    sqlx::query_as(
        "select m.digest, s.moment as from_at, s.moment as to_at, a.kind, a.size_bytes, a.platforms,
                (select count(distinct x.digest) from imported_member x
                  where x.snapshot_id = s.snapshot_id and x.repository = m.repository and x.subject = m.digest) as accessories,
                1::bigint as snapshots, case when s.degraded_at is null then s.moment end as restore_at, null::bigint as restored_by
           from kept_snapshot s join imported_member m using (snapshot_id) join artifact a on a.digest = m.digest
          where s.project_id = $1 and s.imported and m.repository = $2 and m.tag = $3
          order by s.moment desc limit $4",
    )
    .bind(project_id)
    .bind(repository)
    .bind(tag)
    .bind(limit)
    .fetch_all(conn)
    .await
}
