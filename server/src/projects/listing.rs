//! The list of projects with how each stands against its target.

use app::error::ApiError;
use app::projects::types::{Newest, Project, ProjectFilter, Protection};
use app::units::{Moment, Page};
use sqlx::PgConnection;
use time::OffsetDateTime;

use crate::access::{Caller, Operation};
use crate::error::Error;
use crate::plans::{Scope, Scopes};
use crate::state::AppState;

/// Rows of a page.
const PAGE_ROWS: usize = 100;

/// One project with its newest snapshots, as stored.
#[derive(sqlx::FromRow)]
pub struct Row {
    pub harbor_id: i64,
    pub harbor: String,
    pub project: String,
    pub listed: bool,
    pub proxy_cache: bool,
    pub last_good: Option<OffsetDateTime>,
    pub last_good_accepted: i64,
    pub newest: Option<OffsetDateTime>,
    pub newest_gaps: i64,
    pub newest_accepted: i64,
    pub newest_degraded: bool,
    pub oldest: Option<OffsetDateTime>,
    pub snapshots: i64,
    pub repositories: i64,
    pub tags: i64,
    pub bytes: i64,
    pub first_seen: Option<OffsetDateTime>,
    pub now: OffsetDateTime,
}

const SELECT: &str = "
with known as (
    select hp.harbor_id, hp.project, hp.gone_at is null as listed, hp.proxy_cache, hp.first_seen_at as first_seen from harbor_project hp
    union
    select p.harbor_id, p.name, false, false, null from project p
     where not exists (select 1 from harbor_project hp where hp.harbor_id = p.harbor_id and hp.project = p.name))
select k.harbor_id, h.name as harbor, k.project, k.listed and h.removed_at is null as listed, k.proxy_cache, k.first_seen, now() as now,
       good.moment as last_good, coalesce(good.gaps_accepted, 0)::bigint as last_good_accepted,
       last.moment as newest, coalesce(last.gap_count, 0) as newest_gaps, coalesce(last.degraded, false) as newest_degraded,
       case when coalesce(last.gap_count, 0) = 0 then 0
            else (select count(*) from snapshot_ever e cross join unnest(e.gap_prints) g (print)
                   where e.snapshot_id = last.snapshot_id
                     and exists (select from standing_acceptance a where a.project_id = e.project_id and a.print = g.print)) end as newest_accepted,
       all_.oldest, coalesce(all_.snapshots, 0) as snapshots,
       coalesce(last.repositories, 0) as repositories, coalesce(last.tags, 0) as tags, coalesce(last.logical_bytes, 0) as bytes
  from known k join harbor h using (harbor_id)
       left join project p on p.harbor_id = k.harbor_id and p.name = k.project
       left join lateral (select g.moment, g.gaps_accepted from good_snapshot g where g.project_id = p.project_id
                           order by g.moment desc limit 1) good on true
       left join lateral (select s.snapshot_id, s.moment, s.gap_count, s.degraded_at is not null as degraded, s.repositories, s.tags, s.logical_bytes
                            from snapshot s where s.project_id = p.project_id order by s.moment desc limit 1) last on true
       left join lateral (select count(*) as snapshots, min(s.moment) as oldest from snapshot s where s.project_id = p.project_id) all_ on true
 where ($1::text is null or h.name = $1) and ($2::text is null or k.project ilike $2) and ($3::text is null or k.project = $3)
   and (k.listed or p.project_id is not null)
 order by h.name, k.project";

/// All projects that fit, with their state.
pub async fn all(
    conn: &mut PgConnection,
    harbor: Option<&str>,
    like: Option<&str>,
    name: Option<&str>,
) -> Result<Vec<(i64, Project)>, Error> {
    let scopes = Scopes::all(conn).await?;
    by_scopes(conn, &scopes, harbor, like, name).await
}

/// The same where the plans were read already.
pub async fn by_scopes(
    conn: &mut PgConnection,
    scopes: &Scopes,
    harbor: Option<&str>,
    like: Option<&str>,
    name: Option<&str>,
) -> Result<Vec<(i64, Project)>, Error> {
    let rows: Vec<Row> = sqlx::query_as(SELECT).bind(harbor).bind(like).bind(name).fetch_all(conn).await?;
    Ok(rows.into_iter().map(|row| (row.harbor_id, project(row, scopes))).collect())
}

fn project(row: Row, scopes: &Scopes) -> Project {
    let (scopes, now) = (scopes.of(row.harbor_id), row.now);
    let matching: Vec<&Scope> = if row.proxy_cache { Vec::new() } else { scopes.iter().filter(|s| s.matches(&row.project)).collect() };
    let rpo_s = matching.iter().map(|s| s.rpo_s).min();
    let age = |at: Option<OffsetDateTime>| at.map(|at| (now - at).whole_seconds());
    let waiting_s = row.first_seen.map_or(0, |at| (now - at).whole_seconds());
    let ages =
        Ages { good_s: age(row.last_good), newest_s: age(row.newest.filter(|_| row.newest_gaps > 0 && !row.newest_degraded)), waiting_s };
    let protection = protection(row.listed, rpo_s, ages);
    let newest = row.newest.map(|at| Newest {
        at: Moment(at),
        gaps: row.newest_gaps,
        gaps_accepted: row.newest_accepted,
        degraded: row.newest_degraded,
    });
    Project {
        plans: matching.iter().map(|s| s.plan.clone()).collect(),
        harbor: row.harbor,
        project: row.project,
        protection,
        last_good: row.last_good.map(Moment),
        last_good_accepted: row.last_good_accepted,
        newest,
        oldest: row.oldest.map(Moment),
        snapshots: row.snapshots,
        repositories: row.repositories,
        tags: row.tags,
        bytes: row.bytes,
        rpo_s,
    }
}

/// How old what a project has is, seconds.
#[derive(Clone, Copy, Default)]
struct Ages {
    /// The newest good snapshot.
    good_s: Option<i64>,
    /// The newest snapshot, where gaps are all that is wrong with it.
    newest_s: Option<i64>,
    /// Since it was seen first.
    waiting_s: i64,
}

/// How a project stands: pure, in seconds.
fn protection(listed: bool, rpo_s: Option<i64>, ages: Ages) -> Protection {
    match (listed, rpo_s, ages.good_s) {
        (false, ..) => Protection::Gone,
        (true, None, _) => Protection::Unprotected,
        (true, Some(rpo), Some(age)) if age * 4 <= rpo * 3 => Protection::Met,
        (true, Some(rpo), Some(age)) if age <= rpo => Protection::AtRisk,
        // It is captured in time; what it lacks is that somebody accepts its gaps, or mends them.
        (true, Some(rpo), _) if ages.newest_s.is_some_and(|age| age <= rpo) => Protection::Gaps,
        (true, Some(rpo), None) if ages.newest_s.is_none() && ages.waiting_s <= rpo => Protection::Pending,
        (true, Some(_), _) => Protection::Missed,
    }
}

/// A page of what the caller may see.
pub async fn list(state: &AppState, caller: &Caller, filter: ProjectFilter) -> Result<Page<Project>, Error> {
    let some = |text: &Option<String>| text.as_deref().map(str::trim).filter(|t| !t.is_empty()).map(str::to_owned);
    let wanted = some(&filter.state).map(|text| parse_state(&text)).transpose()?;
    let like = some(&filter.q).map(|q| format!("%{}%", q.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_")));
    let mut conn = state.pool.acquire().await?;
    let all = all(&mut conn, some(&filter.harbor).as_deref(), like.as_deref(), None).await?;
    let seen: Vec<Project> = all
        .into_iter()
        .filter(|(harbor_id, p)| caller.may(Operation::ReadProject, Some((*harbor_id, &p.project))))
        .map(|(_, p)| p)
        .filter(|p| wanted.is_none_or(|state| p.protection == state))
        .collect();
    let total = i64::try_from(seen.len()).unwrap_or(i64::MAX);
    let cursor = |p: &Project| format!("{}/{}", p.harbor, p.project);
    let start = filter.after.as_ref().map_or(0, |after| {
        seen.partition_point(|p| (p.harbor.as_str(), p.project.as_str()) <= after.split_once('/').unwrap_or((after, "")))
    });
    let mut items: Vec<Project> = seen.into_iter().skip(start).take(PAGE_ROWS + 1).collect();
    let next = (items.len() > PAGE_ROWS).then(|| cursor(&items[PAGE_ROWS - 1]));
    items.truncate(PAGE_ROWS);
    Ok(Page { items, next, total: Some(total) })
}

fn parse_state(text: &str) -> Result<Protection, ApiError> {
    serde_json::from_value(serde_json::Value::String(text.to_owned())).map_err(|_| {
        ApiError::field(
            "state",
            app::refusals::General::OneOf {
                words: ["met", "at_risk", "missed", "gaps", "pending", "unprotected", "gone"].map(str::to_owned).to_vec(),
            },
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_met_at_risk_or_missed_by_age_alone() {
        for (listed, rpo, good_s, newest_s, waiting_s, expected) in [
            (true, Some(3_600), Some(60), None, 0, Protection::Met),
            (true, Some(3_600), Some(2_701), None, 0, Protection::AtRisk),
            (true, Some(3_600), Some(3_601), None, 0, Protection::Missed),
            (true, Some(3_600), None, None, 10, Protection::Pending),
            (true, Some(3_600), None, None, 4_000, Protection::Missed),
            (true, Some(3_600), None, Some(60), 10, Protection::Gaps),
            (true, Some(3_600), None, Some(60), 400_000, Protection::Gaps),
            (true, Some(3_600), Some(9_999), Some(60), 400_000, Protection::Gaps),
            (true, Some(3_600), Some(600), Some(60), 0, Protection::Met),
            (true, Some(3_600), None, Some(3_601), 10, Protection::Missed),
            (true, None, Some(1), Some(1), 0, Protection::Unprotected),
            (false, Some(3_600), Some(1), None, 0, Protection::Gone),
        ] {
            assert_eq!(protection(listed, rpo, Ages { good_s, newest_s, waiting_s }), expected, "{good_s:?} {newest_s:?} {waiting_s}");
        }
    }
}
