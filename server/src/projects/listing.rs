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

const COLUMNS: &str = "
       k.harbor_id, h.name as harbor, k.project, k.listed and h.removed_at is null as listed, k.proxy_cache, k.first_seen, now() as now,
       good.until as last_good, coalesce(good.gaps_accepted, 0)::bigint as last_good_accepted,
       last.until as newest, coalesce(last.gap_count, 0) as newest_gaps, coalesce(last.degraded, false) as newest_degraded,
       case when coalesce(last.gap_count, 0) = 0 then 0
            else (select count(*) from snapshot_ever e cross join unnest(e.gap_prints) g (print)
                   where e.snapshot_id = last.snapshot_id
                     and exists (select from standing_acceptance a where a.project_id = e.project_id and a.print = g.print)) end as newest_accepted,
       all_.oldest, coalesce(all_.snapshots, 0) as snapshots,
       coalesce(last.repositories, 0) as repositories, coalesce(last.tags, 0) as tags, coalesce(last.logical_bytes, 0) as bytes";

const JOINED: &str = "
       join harbor h using (harbor_id)
       left join project p on p.harbor_id = k.harbor_id and p.name = k.project
       left join lateral (select g.until, g.gaps_accepted from good_snapshot g where g.project_id = p.project_id
                           order by g.moment desc limit 1) good on true
       left join lateral (select s.snapshot_id, s.until, s.gap_count, s.degraded_at is not null as degraded, s.repositories, s.tags, s.logical_bytes
                            from snapshot s where s.project_id = p.project_id order by s.moment desc limit 1) last on true
       left join lateral (select count(*) as snapshots, min(s.moment) as oldest from snapshot s where s.project_id = p.project_id) all_ on true
 where (k.listed or p.project_id is not null)";

/// By bytes, whatever order the language of the database has.
const ORDER: &str = "order by h.name collate \"C\", k.project collate \"C\"";

/// All projects, or those of a harbor and of a name that fits, with their state.
pub async fn all(conn: &mut PgConnection, scopes: &Scopes, harbor: Option<&str>, like: Option<&str>) -> Result<Vec<(i64, Project)>, Error> {
    let sql = sqlx::AssertSqlSafe(format!(
        "select {COLUMNS} from known_project k {JOINED} and ($1::text is null or h.name = $1) and ($2::text is null or k.project ilike $2) {ORDER}"
    ));
    Ok(read(sqlx::query_as(sql).bind(harbor).bind(like).fetch_all(conn).await?, scopes))
}

/// Those of these names: number of the harbor, and project. Costs nothing for all others.
pub async fn of(conn: &mut PgConnection, scopes: &Scopes, these: &[(i64, String)]) -> Result<Vec<(i64, Project)>, Error> {
    let (harbors, names): (Vec<i64>, Vec<&str>) = these.iter().map(|(harbor, name)| (*harbor, name.as_str())).unzip();
    let sql = sqlx::AssertSqlSafe(format!(
        "select {COLUMNS}
           from (select w.harbor_id, w.project, hp.project is not null and hp.gone_at is null as listed, coalesce(hp.proxy_cache, false) as proxy_cache,
                        hp.first_seen_at as first_seen
                   from unnest($1::bigint[], $2::text[]) w (harbor_id, project) left join harbor_project hp using (harbor_id, project)) k
                {JOINED} {ORDER}"
    ));
    Ok(read(sqlx::query_as(sql).bind(harbors).bind(names).fetch_all(conn).await?, scopes))
}

fn read(rows: Vec<Row>, scopes: &Scopes) -> Vec<(i64, Project)> {
    rows.into_iter().map(|row| (row.harbor_id, project(row, scopes))).collect()
}

/// Which projects a page of the list is about.
struct Named<'a> {
    harbor: Option<&'a str>,
    like: Option<&'a str>,
    /// Harbors and projects that the caller sees, pair by pair; none = all.
    harbors: Option<Vec<Option<i64>>>,
    projects: Option<Vec<Option<String>>>,
}

const NAMED: &str = "
  from known_project k join harbor h using (harbor_id)
 where ($1::text is null or h.name = $1) and ($2::text is null or k.project ilike $2)
   and ($3::bigint[] is null or exists (select from unnest($3, $4::text[]) g (harbor_id, project)
                                         where (g.harbor_id is null or g.harbor_id = k.harbor_id) and (g.project is null or g.project = k.project)))
   and (k.listed or exists (select from project p where p.harbor_id = k.harbor_id and p.name = k.project))";

impl Named<'_> {
    /// The names of a page, in their order: what each is known by, without what it costs to say how it stands.
    async fn page(&self, conn: &mut PgConnection, after: Option<(&str, &str)>) -> sqlx::Result<Vec<(i64, String)>> {
        let (harbor, project) = after.unzip();
        let sql = sqlx::AssertSqlSafe(format!(
            "select k.harbor_id, k.project {NAMED} and ($5::text is null or (h.name collate \"C\", k.project collate \"C\") > ($5, $6)) {ORDER} limit $7"
        ));
        let query = sqlx::query_as(sql).bind(self.harbor).bind(self.like).bind(&self.harbors).bind(&self.projects);
        query.bind(harbor).bind(project).bind(i64::try_from(PAGE_ROWS + 1).unwrap_or(i64::MAX)).fetch_all(conn).await
    }

    async fn count(&self, conn: &mut PgConnection) -> sqlx::Result<i64> {
        let sql = sqlx::AssertSqlSafe(format!("select count(*) {NAMED}"));
        sqlx::query_scalar(sql).bind(self.harbor).bind(self.like).bind(&self.harbors).bind(&self.projects).fetch_one(conn).await
    }
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
    let (harbor, mut conn) = (some(&filter.harbor), state.pool.acquire().await?);
    let scopes = Scopes::all(&mut conn).await?;
    let sees = |(harbor, p): &(i64, Project)| caller.may(Operation::ReadProject, Some((*harbor, &p.project)));
    let after = filter.after.as_deref().map(|after| after.split_once('/').unwrap_or((after, "")));
    let (mut items, total): (Vec<Project>, i64) = match wanted {
        // How each stands has to be known of all.
        Some(state) => {
            let all = all(&mut conn, &scopes, harbor.as_deref(), like.as_deref()).await?;
            let seen: Vec<Project> = all.into_iter().filter(|one| one.1.protection == state && sees(one)).map(|(_, p)| p).collect();
            let total = i64::try_from(seen.len()).unwrap_or(i64::MAX);
            let is_before = |p: &Project| after.is_some_and(|after| (p.harbor.as_str(), p.project.as_str()) <= after);
            (seen.into_iter().skip_while(is_before).take(PAGE_ROWS + 1).collect(), total)
        }
        None => {
            let (harbors, projects) = caller.visible().map(|places| places.into_iter().unzip()).unzip();
            let named = Named { harbor: harbor.as_deref(), like: like.as_deref(), harbors, projects };
            let these = named.page(&mut conn, after).await?;
            let page = of(&mut conn, &scopes, &these).await?;
            (page.into_iter().filter(sees).map(|(_, p)| p).collect(), named.count(&mut conn).await?)
        }
    };
    let next = (items.len() > PAGE_ROWS).then(|| format!("{}/{}", items[PAGE_ROWS - 1].harbor, items[PAGE_ROWS - 1].project));
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
