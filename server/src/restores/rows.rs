//! Lists and counts of requests. Nothing here reads an effect plan: what a list says of one is beside it.
//!
//! Who sees and who decides is said here in SQL and in [`super::list::sees`] and [`super::policy::why_not`] for one row; a test compares them.

use app::accounts::types::Duty;
use app::restores::outcomes::Outcome;
use app::restores::words::{Effects, Ended};
use app::sentence::Said;
use sqlx::postgres::PgArguments;
use sqlx::query::QueryAs;
use sqlx::types::Json;
use sqlx::{PgConnection, Postgres};
use time::OffsetDateTime;

use super::policy::{APPROVER_ROLES, SECADMIN_FROM_RISK};
use crate::access::{Caller, Via};

/// Rows of a page.
pub const PAGE_ROWS: i64 = 50;
/// Most that are counted for the head of a page.
pub const COUNT_MAX: i64 = 1_000;

/// A request in a list.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct ListRow {
    pub request_id: i64,
    pub state: String,
    pub display_name: String,
    pub harbor: String,
    pub target_project: String,
    pub effects: Json<Effects>,
    pub risk: i32,
    pub votes: i64,
    pub votes_needed: i32,
    pub submitted_at: Option<OffsetDateTime>,
    pub decide_before: Option<OffsetDateTime>,
    pub finished_at: Option<OffsetDateTime>,
    pub outcome_detail: Option<Json<Said<Outcome>>>,
    pub ended: Option<Json<Ended>>,
}

/// What somebody may see and decide.
pub struct Sight {
    account_id: i64,
    /// Every project, by a duty.
    all: bool,
    /// Harbors and projects the caller sees; none = every one.
    seen: (Vec<Option<i64>>, Vec<Option<String>>),
    /// The same within which what is their own is seen: everywhere, but for a token that is bound.
    own: (Vec<Option<i64>>, Vec<Option<String>>),
    /// The same of roles that decide. Empty for a token, which never votes.
    decided: (Vec<Option<i64>>, Vec<Option<String>>),
    /// Sees requests of high risk, and may decide on them.
    secadmin: bool,
    person: bool,
}

impl Sight {
    /// Of this caller.
    #[must_use]
    pub fn of(caller: &Caller) -> Self {
        let visible = caller.visible();
        let decides = caller.roles.iter().filter(|r| APPROVER_ROLES.contains(&r.role));
        let decided = decides.map(|r| (r.harbor.as_ref().map(|(id, _)| *id), r.project.clone())).unzip();
        let own = match &caller.bounds {
            None => (vec![None], vec![None]),
            Some(bounds) => bounds.places.iter().map(|place| (Some(place.harbor.0), place.project.clone())).unzip(),
        };
        let person = caller.via == Via::Session;
        Self {
            account_id: caller.account_id,
            all: visible.is_none(),
            seen: visible.unwrap_or_default().into_iter().unzip(),
            own,
            decided: if person { decided } else { Default::default() },
            secadmin: caller.has(Duty::Secadmin),
            person,
        }
    }

    /// The same statement with its [`SIGHT_VALUES`] values, which come first.
    pub fn bind<'q, T>(&'q self, query: QueryAs<'q, Postgres, T, PgArguments>) -> QueryAs<'q, Postgres, T, PgArguments> {
        query
            .bind(self.account_id)
            .bind(self.all)
            .bind(&self.seen.0)
            .bind(&self.seen.1)
            .bind(&self.decided.0)
            .bind(&self.decided.1)
            .bind(self.secadmin)
            .bind(SECADMIN_FROM_RISK)
            .bind(self.person)
            .bind(&self.own.0)
            .bind(&self.own.1)
    }
}

/// Values of a [`Sight`].
pub const SIGHT_VALUES: usize = 11;

/// The values of a [`Sight`], which come first in every statement.
const ME: &str = "(select $1::bigint as account_id, $2::boolean as sees_all, $3::bigint[] as seen_harbors, $4::text[] as seen_projects,
        $5::bigint[] as decided_harbors, $6::text[] as decided_projects, $7::boolean as secadmin, $8::integer as high_risk, $9::boolean as person,
        $10::bigint[] as own_harbors, $11::text[] as own_projects) me";

/// What it sees.
const SEEN: &str = "(me.sees_all
    or q.account_id = me.account_id
       and exists (select from unnest(me.own_harbors, me.own_projects) s (harbor_id, project)
                    where (s.harbor_id is null or s.harbor_id = q.harbor_id) and (s.project is null or s.project = q.target_project))
    or exists (select from unnest(me.seen_harbors, me.seen_projects) s (harbor_id, project)
                where (s.harbor_id is null or s.harbor_id = q.harbor_id) and (s.project is null or s.project = q.target_project))
    or me.secadmin and q.risk >= me.high_risk)";

/// What it may decide on.
const DECIDED: &str = "(q.account_id <> me.account_id and me.person
    and (exists (select from unnest(me.decided_harbors, me.decided_projects) s (harbor_id, project)
                  where (s.harbor_id is null or s.harbor_id = q.harbor_id) and (s.project is null or s.project = q.target_project))
         or me.secadmin and q.risk >= me.high_risk))";

/// Whether the person voted, and the vote stands.
const VOTED: &str = "exists (select from vote v where v.request_id = q.request_id and v.account_id = me.account_id and v.void_at is null)";

const OPEN: &str = "q.state in ('waiting', 'reapproval')";

const COLUMNS: &str = "q.request_id, q.state, a.display_name, h.name as harbor, q.target_project, q.effects, q.risk, q.votes_needed,
       q.submitted_at, q.decide_before, q.finished_at, q.outcome_detail, q.ended,
       (select count(*) from vote v where v.request_id = q.request_id and v.approve and v.void_at is null) as votes";

/// What a list shows.
pub struct Filter<'a> {
    /// States; empty = all but drafts.
    pub states: &'a [&'a str],
    /// Only one's own.
    pub mine: bool,
    /// Harbor and project.
    pub project: Option<(&'a str, &'a str)>,
    /// Below this number.
    pub before: Option<i64>,
}

/// Requests, newest first, one more than a page has; drafts never.
pub async fn list(conn: &mut PgConnection, sight: &Sight, f: &Filter<'_>) -> sqlx::Result<Vec<ListRow>> {
    let sql = sqlx::AssertSqlSafe(format!(
        "select {COLUMNS} from {ME}, request q join account a using (account_id) join harbor h on h.harbor_id = q.harbor_id
          where q.state <> 'draft' and {SEEN} and (cardinality($12::text[]) = 0 or q.state = any($12)) and (not $13 or q.account_id = me.account_id)
            and ($14::text is null or (h.name = $14 and (q.project = $15 or q.target_project = $15)))
            and ($16::bigint is null or q.request_id < $16)
          order by q.request_id desc limit $17"
    ));
    sight
        .bind(sqlx::query_as(sql))
        .bind(f.states)
        .bind(f.mine)
        .bind(f.project.map(|p| p.0))
        .bind(f.project.map(|p| p.1))
        .bind(f.before)
        .bind(PAGE_ROWS + 1)
        .fetch_all(conn)
        .await
}

/// A part of an inbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tab {
    /// Waits for the caller's vote.
    Mine,
    /// Waits for others.
    Team,
    /// The caller voted.
    Done,
}

impl Tab {
    fn is(self) -> String {
        match self {
            Self::Mine => format!("{OPEN} and {DECIDED} and not {VOTED} and {SEEN}"),
            Self::Team => format!("{OPEN} and {SEEN} and not ({DECIDED} and not {VOTED})"),
            Self::Done => format!("q.state <> 'draft' and {VOTED} and {SEEN}"),
        }
    }
}

/// A page of an inbox, newest first, one more than a page has.
pub async fn inbox(conn: &mut PgConnection, sight: &Sight, tab: Tab, before: Option<i64>) -> sqlx::Result<Vec<ListRow>> {
    let sql = sqlx::AssertSqlSafe(format!(
        "select {COLUMNS} from {ME}, request q join account a using (account_id) join harbor h on h.harbor_id = q.harbor_id
          where {} and ($12::bigint is null or q.request_id < $12) order by q.request_id desc limit $13",
        tab.is()
    ));
    sight.bind(sqlx::query_as(sql)).bind(before).bind(PAGE_ROWS + 1).fetch_all(conn).await
}

/// How many are in it, up to [`COUNT_MAX`].
pub async fn count(conn: &mut PgConnection, sight: &Sight, tab: Tab) -> sqlx::Result<i64> {
    let sql = sqlx::AssertSqlSafe(format!("select {}", counted(tab)));
    Ok(sight.bind(sqlx::query_as::<_, (i64,)>(sql)).fetch_one(conn).await?.0)
}

fn counted(tab: Tab) -> String {
    format!("(select count(*) from (select from {ME}, request q where {} limit {COUNT_MAX}) counted)", tab.is())
}

/// How many wait for the caller's vote, up to [`COUNT_MAX`]: a part of a statement that begins with the values of a [`Sight`].
#[must_use]
pub fn waiting_text() -> String {
    counted(Tab::Mine)
}

/// What the home page shows: the newest requests, and the newest that wait for the caller's vote.
pub async fn newest(conn: &mut PgConnection, sight: &Sight, newest: i64, waiting: i64) -> sqlx::Result<(Vec<ListRow>, Vec<ListRow>)> {
    #[derive(sqlx::FromRow)]
    struct Picked {
        waits: bool,
        #[sqlx(flatten)]
        row: ListRow,
    }
    let sql = sqlx::AssertSqlSafe(format!(
        "with picked as (
             (select false as waits, q.request_id from {ME}, request q where q.state <> 'draft' and {SEEN} order by q.request_id desc limit $12)
             union all
             (select true, q.request_id from {ME}, request q where {} order by q.request_id desc limit $13))
         select p.waits, {COLUMNS} from picked p join request q using (request_id) join account a using (account_id)
                join harbor h on h.harbor_id = q.harbor_id
          order by q.request_id desc",
        Tab::Mine.is()
    ));
    let rows: Vec<Picked> = sight.bind(sqlx::query_as(sql)).bind(newest).bind(waiting).fetch_all(conn).await?;
    let (waiting, newest): (Vec<Picked>, Vec<Picked>) = rows.into_iter().partition(|picked| picked.waits);
    let plain = |picked: Vec<Picked>| picked.into_iter().map(|one| one.row).collect();
    Ok((plain(newest), plain(waiting)))
}

/// Open requests of an account, its row locked, so that two at once are counted one after the other.
pub async fn open_of(conn: &mut PgConnection, account_id: i64) -> sqlx::Result<i64> {
    sqlx::query("select from account where account_id = $1 for no key update").bind(account_id).execute(&mut *conn).await?;
    sqlx::query_scalar("select count(*) from request where account_id = $1 and state in ('waiting', 'reapproval', 'queued', 'running')")
        .bind(account_id)
        .fetch_one(conn)
        .await
}

/// Removes drafts of an account but its newest `keep`.
pub async fn drop_drafts_over(conn: &mut PgConnection, account_id: i64, keep: i64) -> sqlx::Result<()> {
    sqlx::query(
        "with over as (select request_id from request where account_id = $1 and state = 'draft' order by planned_at desc, request_id desc offset $2),
              plans as (delete from request_plan where request_id in (select request_id from over))
         delete from request where request_id in (select request_id from over) and state = 'draft'",
    )
    .bind(account_id)
    .bind(keep)
    .execute(conn)
    .await?;
    Ok(())
}

/// Removes drafts nobody looked at for so many days, at most `limit`; how many there were.
pub async fn drop_old_drafts(conn: &mut PgConnection, days: i32, limit: i64) -> sqlx::Result<u64> {
    let done = sqlx::query(
        "with old as (select request_id from request where state = 'draft' and planned_at < now() - make_interval(days => $1)
                       order by planned_at limit $2 for update skip locked),
              plans as (delete from request_plan where request_id in (select request_id from old))
         delete from request where request_id in (select request_id from old)",
    )
    .bind(days)
    .bind(limit)
    .execute(conn)
    .await?;
    Ok(done.rows_affected())
}
