//! Hits among what was imported from files: it is in no stretch of a history, and found all the same.

use sqlx::PgConnection;

use super::queries::{Hit, Sought};

/// Tags and artifacts of imports into these projects that fit, each as the newest import has it.
pub async fn find(conn: &mut PgConnection, projects: &[i64], sought: &Sought, limit: i64) -> sqlx::Result<Vec<Hit>> {
    let fits = match sought {
        Sought::Digests { .. } => {
            "(m.digest between $3 and $4 and ($5 = '' or encode(m.digest, 'hex') like '%' || $5)
              or a.config between $3 and $4 and ($5 = '' or encode(a.config, 'hex') like '%' || $5))
             and (cardinality($6::text[]) = 0 or m.repository ilike any($6))"
        }
        Sought::Tags { .. } => "m.repository ilike any($3) and m.tag ilike $4",
        Sought::Words(_) => "m.tag is not null and m.repository || ':' || m.tag ilike all($3)",
    };
    let by_config = if matches!(sought, Sought::Digests { .. }) { "not (m.digest between $3 and $4)" } else { "false" };
    let sql = format!(
        "with l as (
             select distinct on (s.project_id, m.repository, m.tag, m.digest) s.project_id, m.repository, m.tag, m.digest, m.role, m.subject,
                    {by_config} as by_config, s.moment, s.degraded_at
               from imported_member m join kept_snapshot s using (snapshot_id) join artifact a on a.digest = m.digest
              where s.project_id = any($1) and {fits}
              order by s.project_id, m.repository, m.tag, m.digest, s.moment desc)
         select p.harbor_id, h.name as harbor, l.project_id, p.name as project, l.repository, l.tag, l.digest, l.role, l.subject, l.by_config,
                l.moment as last_seen, case when l.degraded_at is null then l.moment end as restore_at, n.digest as newest,
                coalesce(newest.moment, l.moment) as known_to
           from l join project p using (project_id) join harbor h using (harbor_id)
                left join repository r on r.project_id = l.project_id and r.name = l.repository
                left join tag_span n on n.repository_id = r.repository_id and n.tag = l.tag and n.to_at is null
                left join lateral (select s.moment from snapshot s where s.project_id = l.project_id order by s.moment desc limit 1) newest on true
          order by l.moment desc limit $2"
    );
    let query = sqlx::query_as(sqlx::AssertSqlSafe(sql)).persistent(false).bind(projects).bind(limit);
    match sought {
        Sought::Digests { range: (from, to), last, repositories } => {
            query.bind(from.as_slice()).bind(to.as_slice()).bind(last).bind(repositories).fetch_all(conn).await
        }
        Sought::Tags { repositories, tag, .. } => query.bind(repositories).bind(tag).fetch_all(conn).await,
        Sought::Words(words) => query.bind(words).fetch_all(conn).await,
    }
}
