//! The SQL of the search over all time. Index look-ups: by digest, by the letters in names; nothing goes through all of a table.

use sqlx::PgConnection;
use time::OffsetDateTime;

use super::imported;

/// A hit, as stored.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct Hit {
    pub harbor_id: i64,
    pub harbor: String,
    pub project_id: i64,
    pub project: String,
    pub repository: String,
    /// None = no tag names it.
    pub tag: Option<String>,
    pub digest: Vec<u8>,
    pub role: String,
    pub subject: Option<Vec<u8>>,
    pub by_config: bool,
    /// Newest snapshot that has it, one without a gap there if there is one.
    pub last_seen: OffsetDateTime,
    /// The same of those that are not damaged.
    pub restore_at: Option<OffsetDateTime>,
    /// What the tag points to in the newest snapshot; of an artifact without tag: itself, if it is there.
    pub newest: Option<Vec<u8>>,
    /// Moment of the project's newest snapshot.
    pub known_to: OffsetDateTime,
}

/// What is looked for.
#[derive(Debug, Clone)]
pub enum Sought {
    /// Artifacts whose digest, or that of whose configuration, is within these; in repositories whose names fit, if some are given.
    Digests {
        /// From, to.
        range: ([u8; 32], [u8; 32]),
        /// How they end.
        last: String,
        /// Patterns.
        repositories: Vec<String>,
    },
    /// Tags in repositories whose names fit one of the patterns; the tag as it is meant, in a repository that fits the exact ones, comes first.
    Tags {
        /// Patterns.
        repositories: Vec<String>,
        /// Patterns of the names that are meant.
        exact: Vec<String>,
        /// Pattern.
        tag: String,
        /// The tag as it is meant.
        exact_tag: String,
    },
    /// Tags that have each of these in `repository:tag`. The first pattern is looked up, the others are compared.
    Words(Vec<String>),
}

/// Stretches looked at for one search, at most, of each kind of match: of a text that fits more, some are shown.
const STRETCHES_MAX: i64 = 20_000;
/// Tags of one artifact that are hits of their own.
const TAGS_OF_ONE: i64 = 20;

/// The columns every search ends with: where it is, and the newest snapshots that have it. `l` is the latest stretch.
const PLACED: &str = "
select p.harbor_id, h.name as harbor, p.project_id, p.name as project, r.name as repository, l.tag, l.digest, l.role, l.subject, l.by_config,
       coalesce(seen.moment, hidden.moment, l.from_at) as last_seen, coalesce(whole.moment, damaged.moment) as restore_at, l.newest,
       coalesce(newest.moment, l.from_at) as known_to
  from l join repository r using (repository_id) join project p using (project_id) join harbor h using (harbor_id)
       left join lateral (select s.moment from snapshot s where s.project_id = p.project_id and s.moment >= l.from_at and (l.to_at is null or s.moment < l.to_at)
                             and (s.gap_count = 0 or not gaps_hide(s.gaps, r.name, l.tag, l.digest)) order by s.moment desc limit 1) seen on true
       left join lateral (select s.moment from snapshot s where seen.moment is null and s.project_id = p.project_id and s.moment >= l.from_at
                             and (l.to_at is null or s.moment < l.to_at) order by s.moment desc limit 1) hidden on true
       left join lateral (select s.moment from snapshot s where s.project_id = p.project_id and s.moment >= l.from_at and (l.to_at is null or s.moment < l.to_at)
                             and s.degraded_at is null and (s.gap_count = 0 or not gaps_hide(s.gaps, r.name, l.tag, l.digest)) order by s.moment desc limit 1) whole on true
       left join lateral (select s.moment from snapshot s where whole.moment is null and s.project_id = p.project_id and s.moment >= l.from_at
                             and (l.to_at is null or s.moment < l.to_at) and s.degraded_at is null order by s.moment desc limit 1) damaged on true
       left join lateral (select s.moment from snapshot s where s.project_id = p.project_id order by s.moment desc limit 1) newest on true
 order by l.place";

/// Hits in these projects, each tag and artifact as it was last; what is meant exactly first, then what is gone or points elsewhere. What was
/// only imported comes after them.
pub async fn find(conn: &mut PgConnection, projects: &[i64], sought: &Sought, limit: i64) -> sqlx::Result<Vec<Hit>> {
    let mut hits = captured(conn, projects, sought, limit).await?;
    let left = limit - i64::try_from(hits.len()).unwrap_or(limit);
    if left > 0 {
        let same = |one: &Hit, other: &Hit| {
            (one.project_id, &one.repository, &one.tag, &one.digest) == (other.project_id, &other.repository, &other.tag, &other.digest)
        };
        let imported = imported::find(conn, projects, sought, left).await?;
        let more: Vec<Hit> = imported.into_iter().filter(|hit| !hits.iter().any(|known| same(known, hit))).collect();
        hits.extend(more);
    }
    Ok(hits)
}

async fn captured(conn: &mut PgConnection, projects: &[i64], sought: &Sought, limit: i64) -> sqlx::Result<Vec<Hit>> {
    match sought {
        Sought::Digests { range, last, repositories } => digests(conn, projects, range, (last, repositories), limit).await,
        Sought::Tags { repositories, exact, tag, exact_tag } => {
            let fits = "select t.*, r.name like any($6) and t.tag = $7 as exact from repository r join tag_span t using (repository_id)
                          where r.project_id = any($1) and r.name ilike any($4) and t.tag ilike $5 limit $3";
            let sql = tags(fits);
            let query = sqlx::query_as(sqlx::AssertSqlSafe(sql)).persistent(false).bind(projects).bind(limit).bind(STRETCHES_MAX);
            query.bind(repositories).bind(tag).bind(exact).bind(exact_tag).fetch_all(conn).await
        }
        Sought::Words(words) => {
            let fits = "(select t.*, false as exact from tag_span t join repository r using (repository_id)
                          where r.project_id = any($1) and t.tag ilike $4 and r.name || ':' || t.tag ilike all($5) limit $3)
                        union
                        (select t.*, false as exact from repository r join tag_span t using (repository_id)
                          where r.project_id = any($1) and r.name ilike $4 and r.name || ':' || t.tag ilike all($5) limit $3)";
            let first = words.first().map(String::as_str).unwrap_or_default();
            let query = sqlx::query_as(sqlx::AssertSqlSafe(tags(fits))).persistent(false).bind(projects).bind(limit).bind(STRETCHES_MAX);
            query.bind(first).bind(words).fetch_all(conn).await
        }
    }
}

fn tags(fits: &str) -> String {
    format!(
        "with fits as ({fits}),
         latest as (select distinct on (repository_id, tag) * from fits order by repository_id, tag, from_at desc),
         chosen as (select t.*, n.digest as newest from latest t
                           left join tag_span n on n.repository_id = t.repository_id and n.tag = t.tag and n.to_at is null
                     order by t.exact desc, n.digest is not distinct from t.digest, t.from_at desc limit $2),
         l as (select c.*, coalesce(a.role, 'root') as role, a.subject, false as by_config,
                      row_number() over (order by c.exact desc, c.newest is not distinct from c.digest, c.from_at desc) as place
                 from chosen c
                      left join lateral (select x.role, x.subject from artifact_span x where x.repository_id = c.repository_id and x.digest = c.digest
                                          order by x.from_at desc limit 1) a on true)
         {PLACED}"
    )
}

async fn digests(
    conn: &mut PgConnection,
    projects: &[i64],
    (from, to): &([u8; 32], [u8; 32]),
    (last, repositories): (&str, &[String]),
    limit: i64,
) -> sqlx::Result<Vec<Hit>> {
    let sql = format!(
        "with fits as (
             (select s.*, false as by_config from artifact_span s join repository r using (repository_id)
               where r.project_id = any($1) and s.digest between $4 and $5 and ($6 = '' or encode(s.digest, 'hex') like '%' || $6)
                 and (cardinality($7::text[]) = 0 or r.name ilike any($7)) limit $3)
             union all
             (select s.*, true from artifact a join artifact_span s using (digest) join repository r using (repository_id)
               where r.project_id = any($1) and a.config between $4 and $5 and ($6 = '' or encode(a.config, 'hex') like '%' || $6)
                 and (cardinality($7::text[]) = 0 or r.name ilike any($7)) limit $3)),
         latest as (select distinct on (repository_id, digest) * from fits order by repository_id, digest, from_at desc, by_config),
         some_ as (select * from latest order by by_config, to_at is null, from_at desc limit $2),
         named as (select f.repository_id, f.digest, f.role, f.subject, f.by_config, t.tag, coalesce(t.from_at, f.from_at) as from_at,
                          case when t.tag is null then f.to_at else t.to_at end as to_at,
                          case when t.tag is null then case when f.to_at is null then f.digest end else n.digest end as newest
                     from some_ f
                          left join lateral (select distinct on (t.tag) t.tag, t.from_at, t.to_at from tag_span t
                                              where t.repository_id = f.repository_id and t.digest = f.digest
                                              order by t.tag, t.from_at desc limit {TAGS_OF_ONE}) t on true
                          left join tag_span n on n.repository_id = f.repository_id and n.tag = t.tag and n.to_at is null),
         l as (select *, row_number() over (order by by_config, newest is not distinct from digest, from_at desc) as place from named
                order by place limit $2)
         {PLACED}"
    );
    let query = sqlx::query_as(sqlx::AssertSqlSafe(sql)).persistent(false).bind(projects).bind(limit).bind(STRETCHES_MAX);
    query.bind(from.as_slice()).bind(to.as_slice()).bind(last).bind(repositories).fetch_all(conn).await
}

/// A gap of a newest snapshot that is about something no snapshot has.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct Lacking {
    pub harbor: String,
    pub project_id: i64,
    pub project: String,
    pub subject: String,
    pub moment: OffsetDateTime,
}

/// Gaps of the newest snapshots of these projects whose subject fits one of the patterns, and whose tag or artifact was never captured.
pub async fn lacking(conn: &mut PgConnection, projects: &[i64], patterns: &[String], limit: i64) -> sqlx::Result<Vec<Lacking>> {
    sqlx::query_as(
        "select distinct h.name as harbor, p.project_id, p.name as project, g ->> 'subject' as subject, s.moment
           from project p join harbor h using (harbor_id)
                join lateral (select s.moment, s.gaps, s.gap_count from snapshot s where s.project_id = p.project_id order by s.moment desc limit 1) s
                  on s.gap_count > 0
                cross join lateral jsonb_array_elements(s.gaps) g
                cross join lateral (select split_part(split_part(g ->> 'subject', '@', 1), ':', 1) as repository, split_part(g ->> 'subject', ':', 2) as tag,
                                           substring(g ->> 'subject' from '@sha256:([0-9a-f]{64})$') as digest) n
          where p.project_id = any($1) and g ->> 'subject' ilike any($2) and g ->> 'subject' like '%:%' and g ->> 'kind' <> 'kept_elsewhere'
            and not exists (select from repository r join tag_span t using (repository_id)
                             where r.project_id = p.project_id and r.name = n.repository and n.digest is null and t.tag = n.tag)
            and not exists (select from repository r join artifact_span a using (repository_id)
                             where r.project_id = p.project_id and r.name = n.repository and a.digest = decode(n.digest, 'hex'))
          order by subject limit $3",
    )
    .bind(projects)
    .bind(patterns)
    .bind(limit)
    .fetch_all(conn)
    .await
}

/// Every project there is a snapshot of, or was: id, harbor, name.
pub async fn projects(conn: &mut PgConnection) -> sqlx::Result<Vec<(i64, i64, String)>> {
    sqlx::query_as("select project_id, harbor_id, name from project").fetch_all(conn).await
}

/// Harbors: id, name, address, the address it says it has.
pub async fn addresses(conn: &mut PgConnection, harbors: &[i64]) -> sqlx::Result<Vec<(i64, String, String, Option<String>)>> {
    sqlx::query_as("select harbor_id, name, url, external_url from harbor where harbor_id = any($1)").bind(harbors).fetch_all(conn).await
}
