//! A generated catalogue: the rows are written in SQL, as entering that many snapshots one by one would leave them.

use std::fmt::Write as _;

use sqlx::{AssertSqlSafe, PgPool};
use time::OffsetDateTime;

use super::database::Failure;

/// How much there is.
pub struct Size {
    pub projects: i64,
    /// Repositories of a project.
    pub repositories: i64,
    /// Tags of a repository.
    pub tags_each: i64,
    /// Twenty minutes before the first snapshot.
    pub from: OffsetDateTime,
    /// Snapshots of a project, twenty minutes apart.
    pub snapshots: i64,
    /// Tags of a project that move from a snapshot to the next.
    pub moves: i64,
}

/// Writes the rows; answers how many tags and moves there are.
pub async fn catalogue(pool: &PgPool, size: &Size) -> Result<i64, Failure> {
    let Size { projects, repositories, tags_each, from, snapshots, moves } = *size;
    let (tags, from) = (repositories * tags_each, from.unix_timestamp());
    let mut conn = pool.acquire().await?;
    let mut sql = format!(
        // What is written fits by construction; looking up each reference would take most of the time.
        "set session_replication_role = replica;
         create function moment(s bigint) returns timestamptz language sql immutable as
             $$ select to_timestamp({from}) + s * interval '20 minutes' $$;
         insert into harbor (name, url, read_login, read_secret, secret_set_by) values ('bench', 'https://harbor.example', 'robot', '', 'bench');
         insert into vault (name, path, vault_uuid) values ('bench', '/bench', gen_random_uuid());",
    );
    write!(
        sql,
        "insert into project (harbor_id, name) select h.harbor_id, 'p' || p from harbor h, generate_series(1, {projects}) p;
         insert into harbor_project (harbor_id, project, foreign_id, repositories, proxy_cache, seen_at)
             select harbor_id, name, project_id, {repositories}, false, now() from project;
         insert into repository (project_id, name) select project_id, name || '/r' || r from project, generate_series(0, {repositories} - 1) r;
         insert into snapshot_ever (project_id, vault_id, pointer_id, digest, moment, started_at, finished_at, gaps, gap_count, repositories,
                                    tags, artifacts, logical_bytes, bytes_new, tags_added, tags_removed, tags_moved)
             select project_id, vault_id, gen_random_uuid(), sha256(convert_to(project_id || '/' || s, 'utf8')), moment(s), moment(s), moment(s), '[]', 0,
                    {repositories}, {tags}, {tags}, 1, 1, case s when 1 then {tags} else 0 end, 0,
                    case s when 1 then 0 else {moves} end
               from project, vault, generate_series(1, {snapshots}) s;
         create unlogged table change as
             select repository_id, tag, s, lead(s) over (partition by repository_id, tag order by s) as next,
                    sha256(convert_to(repository_id || '/' || tag || '/' || s, 'utf8')) as digest
               from (select repository_id, 'v' || t as tag, 1::bigint as s from repository, generate_series(0, {tags_each} - 1) t
                     union
                     -- 7,919 is a prime, so every tag has its turn.
                     select r.repository_id, 'v' || (((s * {moves} + k) * 7919) % {tags}) / {repositories}, s
                       from generate_series(2, {snapshots}) s, generate_series(0, {moves} - 1) k, repository r
                      where r.name like '%/r' || (((s * {moves} + k) * 7919) % {tags}) % {repositories}) moved;
         insert into artifact (digest, media_type, kind, size_bytes)
             select digest, 'application/vnd.oci.image.manifest.v1+json', 'IMAGE', 100000000 from change;
         insert into tag_span (repository_id, tag, digest, from_at, to_at) select repository_id, tag, digest, moment(s), moment(next) from change;
         insert into artifact_span (repository_id, digest, role, from_at, to_at)
             select repository_id, digest, 'root', moment(s), moment(next) from change;
         insert into repository_span (repository_id, index_digest, from_at, to_at, tags, artifacts)
             select repository_id, sha256(convert_to(repository_id || '/' || s, 'utf8')), moment(s),
                    moment(lead(s) over (partition by repository_id order by s)), {tags_each}, {tags_each}
               from (select distinct repository_id, s from change) c;"
    )?;
    for statement in sql.split_inclusive(";\n") {
        sqlx::raw_sql(AssertSqlSafe(statement.to_owned())).execute(&mut *conn).await?;
    }
    let rows: i64 = sqlx::query_scalar("select count(*) from change").fetch_one(&mut *conn).await?;
    sqlx::raw_sql("drop table change; drop function moment; set session_replication_role = default").execute(&mut *conn).await?;
    drop(conn);
    // As autovacuum would have by now.
    sqlx::raw_sql("vacuum analyze").execute(pool).await?;
    Ok(rows)
}
