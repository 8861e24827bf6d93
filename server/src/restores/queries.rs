//! The SQL of requests, votes and items.

use app::restores::outcomes::{Lapse, LineOutcome, Outcome};
use app::restores::sentences::Rule;
use app::restores::words::Effects;
use app::sentence::Said;
use sqlx::PgConnection;
use sqlx::types::Json;
use time::OffsetDateTime;
use uuid::Uuid;

/// A request as stored.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct Row {
    pub request_id: i64,
    pub state: String,
    pub version: i64,
    pub account_id: i64,
    pub login: String,
    pub display_name: String,
    pub harbor_id: i64,
    pub harbor: String,
    pub project: String,
    pub snapshot_id: i64,
    pub target_project: String,
    pub form: serde_json::Value,
    pub plan: serde_json::Value,
    pub plan_hash: Vec<u8>,
    pub planned_at: OffsetDateTime,
    pub risk: i32,
    pub votes_needed: i32,
    pub rule: Json<Said<Rule>>,
    pub category: String,
    pub reason: String,
    pub ticket: String,
    pub submitted_at: Option<OffsetDateTime>,
    pub decide_before: Option<OffsetDateTime>,
    pub started_at: Option<OffsetDateTime>,
    pub finished_at: Option<OffsetDateTime>,
    pub job_id: Option<i64>,
    pub outcome_detail: Option<Json<Said<Outcome>>>,
    pub ended: Option<serde_json::Value>,
    pub undo_of: Option<i64>,
    /// Name of the draft, and of the draft it was.
    pub draft: Uuid,
    /// What its tags end with.
    pub mark: String,
    pub votes: i64,
}

impl Row {
    /// What it is called: a request by its number, a draft by its name.
    #[must_use]
    pub fn name(&self) -> String {
        if self.state == "draft" { self.draft.to_string() } else { self.request_id.to_string() }
    }
}

/// The columns of a [`Row`], with what stands for the plan.
pub fn columns(plan: &str) -> String {
    format!(
        "q.request_id, q.state, q.version, q.account_id, a.login, a.display_name, q.harbor_id, h.name as harbor, q.project,
       q.snapshot_id, q.target_project, q.form, {plan} as plan, q.plan_hash, q.planned_at, q.risk, q.votes_needed, q.rule, q.category, q.reason,
       q.ticket, q.submitted_at, q.decide_before, q.started_at, q.finished_at, q.job_id, q.outcome_detail,
       q.ended, q.undo_of, q.draft, q.mark,
       (select count(*) from vote v where v.request_id = q.request_id and v.approve and v.void_at is null) as votes"
    )
}

fn select() -> String {
    format!("select {} from request q join account a using (account_id) join harbor h on h.harbor_id = q.harbor_id", columns("q.plan"))
}

/// One.
pub async fn one(conn: &mut PgConnection, request_id: i64) -> sqlx::Result<Option<Row>> {
    let sql = sqlx::AssertSqlSafe(format!("{} where q.request_id = $1", select()));
    sqlx::query_as(sql).bind(request_id).fetch_optional(conn).await
}

/// One, its row locked until commit.
pub async fn lock(conn: &mut PgConnection, request_id: i64) -> sqlx::Result<Option<Row>> {
    let sql = sqlx::AssertSqlSafe(format!("{} where q.request_id = $1 for update of q", select()));
    sqlx::query_as(sql).bind(request_id).fetch_optional(conn).await
}

/// The draft of this name, or the request it became.
pub async fn by_draft(conn: &mut PgConnection, draft: Uuid) -> sqlx::Result<Option<Row>> {
    let sql = sqlx::AssertSqlSafe(format!("{} where q.draft = $1", select()));
    sqlx::query_as(sql).bind(draft).fetch_optional(conn).await
}

/// A key for the row of a new draft. It is no number and nobody is told.
pub async fn next_key(conn: &mut PgConnection) -> sqlx::Result<i64> {
    sqlx::query_scalar("select nextval('draft_key')").fetch_one(conn).await
}

/// Keeps retention from letting a snapshot go until the transaction ends; false = it has.
pub async fn lock_snapshot(conn: &mut PgConnection, snapshot_id: i64) -> sqlx::Result<bool> {
    let kept: Option<i64> = sqlx::query_scalar("select snapshot_id from kept_snapshot where snapshot_id = $1 for share")
        .bind(snapshot_id)
        .fetch_optional(conn)
        .await?;
    Ok(kept.is_some())
}

/// A draft to store.
pub struct Draft<'a> {
    pub request_id: i64,
    pub name: Uuid,
    pub mark: &'a str,
    pub account_id: i64,
    pub harbor_id: i64,
    pub project: &'a str,
    pub snapshot_id: i64,
    pub target_project: &'a str,
    pub form: &'a serde_json::Value,
    pub plan: &'a serde_json::Value,
    pub plan_hash: &'a [u8],
    pub effects: &'a Effects,
    pub risk: i32,
    pub votes_needed: i32,
    pub rule: &'a Rule,
    pub undo_of: Option<i64>,
}

/// Stores a draft, or replaces one's own; false = it is no draft any more.
pub async fn put_draft(conn: &mut PgConnection, d: &Draft<'_>) -> sqlx::Result<bool> {
    let done = sqlx::query(
        "insert into request as q (request_id, state, account_id, harbor_id, project, snapshot_id, target_project, form, plan, plan_hash, planned_at,
                                   risk, votes_needed, rule, undo_of, draft, mark, effects)
         values ($1, 'draft', $2, $3, $4, $5, $6, $7, $8, $9, now(), $10, $11, $12, $13, $14, $15, $16)
         on conflict (request_id) do update
            set harbor_id = excluded.harbor_id, project = excluded.project, snapshot_id = excluded.snapshot_id,
                target_project = excluded.target_project, form = excluded.form, plan = excluded.plan, plan_hash = excluded.plan_hash,
                planned_at = now(), risk = excluded.risk, votes_needed = excluded.votes_needed, rule = excluded.rule,
                undo_of = excluded.undo_of, mark = excluded.mark, effects = excluded.effects, version = q.version + 1
          where q.state = 'draft' and q.account_id = excluded.account_id",
    )
    .bind(d.request_id)
    .bind(d.account_id)
    .bind(d.harbor_id)
    .bind(d.project)
    .bind(d.snapshot_id)
    .bind(d.target_project)
    .bind(d.form)
    .bind(d.plan)
    .bind(d.plan_hash)
    .bind(d.risk)
    .bind(d.votes_needed)
    .bind(Json(d.rule))
    .bind(d.undo_of)
    .bind(d.name)
    .bind(d.mark)
    .bind(Json(d.effects))
    .execute(&mut *conn)
    .await?;
    if done.rows_affected() != 1 {
        return Ok(false);
    }
    // A plan kept to compare with was of what was looked at before.
    sqlx::query("delete from request_plan where request_id = $1").bind(d.request_id).execute(conn).await?;
    Ok(true)
}

/// Keeps the words of an earlier request with a draft.
pub async fn keep_reason(conn: &mut PgConnection, draft: &str, category: &str, reason: &str, ticket: &str) -> sqlx::Result<()> {
    sqlx::query("update request set category = $2, reason = $3, ticket = $4 where draft = $1::uuid and state = 'draft'")
        .bind(draft)
        .bind(category)
        .bind(reason)
        .bind(ticket)
        .execute(conn)
        .await?;
    Ok(())
}

/// Turns a draft into a request, which gets the next number; answers with it. Numbers follow each other: whoever sends off waits for whoever does.
pub async fn submit(
    conn: &mut PgConnection,
    request_id: i64,
    state: &str,
    category: &str,
    reason: &str,
    ticket: &str,
    decide_h: i32,
) -> sqlx::Result<i64> {
    sqlx::query_scalar(
        "update request set request_id = next_request_number(), state = $2, category = $3, reason = $4, ticket = $5, submitted_at = now(),
                decide_before = now() + make_interval(hours => $6), version = version + 1
          where request_id = $1
         returning request_id",
    )
    .bind(request_id)
    .bind(state)
    .bind(category)
    .bind(reason)
    .bind(ticket)
    .bind(decide_h)
    .fetch_one(conn)
    .await
}

/// Moves a request on. `over` sets its end.
pub async fn set_state(conn: &mut PgConnection, request_id: i64, state: &str, detail: Option<&Outcome>, over: bool) -> sqlx::Result<()> {
    sqlx::query(
        "update request set state = $2, outcome_detail = $3, finished_at = case when $4 then now() else finished_at end, version = version + 1
          where request_id = $1",
    )
    .bind(request_id)
    .bind(state)
    .bind(detail.map(Json))
    .bind(over)
    .execute(conn)
    .await?;
    Ok(())
}

/// Names the job of a request.
pub async fn set_job(conn: &mut PgConnection, request_id: i64, job_id: i64) -> sqlx::Result<()> {
    sqlx::query("update request set job_id = $2 where request_id = $1").bind(request_id).bind(job_id).execute(conn).await?;
    Ok(())
}

/// Notes the first write.
pub async fn start(conn: &mut PgConnection, request_id: i64) -> sqlx::Result<()> {
    sqlx::query(
        "update request set state = 'running', started_at = coalesce(started_at, now()), version = version + 1 where request_id = $1",
    )
    .bind(request_id)
    .execute(conn)
    .await?;
    Ok(())
}

/// An effect plan as stored, and what it asks of the people who vote on it.
pub struct Replan<'a> {
    pub plan: &'a serde_json::Value,
    pub hash: &'a [u8],
    pub effects: &'a Effects,
    pub risk: i32,
    pub votes: i32,
    pub rule: &'a Rule,
    pub decide_h: i32,
    pub lapse: &'a Lapse,
}

/// A plan that is kept to compare with a later one.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct KeptPlan {
    pub plan: serde_json::Value,
    pub plan_hash: Vec<u8>,
    pub planned_at: OffsetDateTime,
}

/// The plan a request has now.
pub async fn plan_of(conn: &mut PgConnection, request_id: i64) -> sqlx::Result<KeptPlan> {
    sqlx::query_as("select plan, plan_hash, planned_at from request where request_id = $1").bind(request_id).fetch_one(conn).await
}

/// Keeps a plan that is replaced.
pub async fn keep_plan(conn: &mut PgConnection, request_id: i64, kept: &KeptPlan) -> sqlx::Result<()> {
    sqlx::query(
        "insert into request_plan (request_id, plan_hash, plan, planned_at) values ($1, $2, $3, $4)
         on conflict (request_id, plan_hash) do update set replaced_at = clock_timestamp()",
    )
    .bind(request_id)
    .bind(&kept.plan_hash)
    .bind(&kept.plan)
    .bind(kept.planned_at)
    .execute(conn)
    .await?;
    Ok(())
}

/// The plan replaced last that is not the one there is now.
pub async fn replaced(conn: &mut PgConnection, request_id: i64) -> sqlx::Result<Option<KeptPlan>> {
    sqlx::query_as(
        "select p.plan, p.plan_hash, p.planned_at from request_plan p join request q using (request_id)
          where p.request_id = $1 and p.plan_hash <> q.plan_hash order by p.replaced_at desc limit 1",
    )
    .bind(request_id)
    .fetch_optional(conn)
    .await
}

/// Another plan: votes so far lapse, and the plan they were for is kept.
pub async fn replan(conn: &mut PgConnection, request_id: i64, new: Replan<'_>) -> sqlx::Result<()> {
    let before = plan_of(&mut *conn, request_id).await?;
    keep_plan(&mut *conn, request_id, &before).await?;
    sqlx::query(
        "update request set state = 'reapproval', plan = $2, plan_hash = $3, planned_at = now(), risk = $4, votes_needed = $5, rule = $6,
                decide_before = now() + make_interval(hours => $7), job_id = null, effects = $8, version = version + 1
          where request_id = $1",
    )
    .bind(request_id)
    .bind(new.plan)
    .bind(new.hash)
    .bind(new.risk)
    .bind(new.votes)
    .bind(Json(new.rule))
    .bind(new.decide_h)
    .bind(Json(new.effects))
    .execute(&mut *conn)
    .await?;
    sqlx::query("update vote set void_at = now(), void_reason = $2 where request_id = $1 and void_at is null")
        .bind(request_id)
        .bind(Json(new.lapse))
        .execute(conn)
        .await?;
    Ok(())
}

/// Casts a vote.
pub async fn insert_vote(
    conn: &mut PgConnection,
    request_id: i64,
    account_id: i64,
    approve: bool,
    comment: &str,
    hash: &[u8],
) -> sqlx::Result<()> {
    sqlx::query("insert into vote (request_id, account_id, approve, comment, plan_hash) values ($1, $2, $3, $4, $5)")
        .bind(request_id)
        .bind(account_id)
        .bind(approve)
        .bind(comment)
        .bind(hash)
        .execute(conn)
        .await?;
    Ok(())
}

/// Votes that count at this moment: for the plan's hash, of active accounts that still have the right, not the author's. From risk 4 on one
/// of them may be of a security administrator; two alone decide nothing (console.md §3.4).
pub async fn counting(conn: &mut PgConnection, request_id: i64) -> sqlx::Result<i64> {
    sqlx::query_scalar(
        "with voted as (
            select v.account_id,
                   exists (select 1 from role_grant g where g.account_id = v.account_id and g.role in ('approver', 'owner')
                              and (g.harbor_id is null or g.harbor_id = q.harbor_id)
                              and (g.project is null or g.project = q.target_project)) as approver,
                   q.risk >= 4 and exists (select 1 from account_duty d where d.account_id = v.account_id and d.duty = 'secadmin') as secadmin
              from vote v join request q using (request_id) join account a on a.account_id = v.account_id
             where v.request_id = $1 and v.approve and v.void_at is null and v.plan_hash = q.plan_hash
               and a.disabled_at is null and v.account_id <> q.account_id)
         select count(distinct account_id) filter (where approver)
              + least(1, count(distinct account_id) filter (where secadmin and not approver)) from voted",
    )
    .bind(request_id)
    .fetch_one(conn)
    .await
}

/// Names of those who may vote on a request `q`.
pub const APPROVERS: &str = "
    select v.display_name from account v
     where v.disabled_at is null and v.account_id <> q.account_id
       and (exists (select 1 from role_grant g where g.account_id = v.account_id and g.role in ('approver', 'owner')
                       and (g.harbor_id is null or g.harbor_id = q.harbor_id) and (g.project is null or g.project = q.target_project))
            or q.risk >= 4 and exists (select 1 from account_duty d where d.account_id = v.account_id and d.duty = 'secadmin'))
     order by v.display_name limit 50";

/// Whether the author still has the right to restore out of the source and into the target.
pub async fn author_may(conn: &mut PgConnection, request_id: i64) -> sqlx::Result<bool> {
    let may: Option<bool> = sqlx::query_scalar(
        "select not exists (select 1 from unnest(array[q.project, q.target_project]) as needed (project)
                             where not exists (select 1 from role_grant g
                                                where g.account_id = q.account_id and g.role in ('requester', 'approver', 'owner')
                                                  and (g.harbor_id is null or g.harbor_id = q.harbor_id)
                                                  and (g.project is null or g.project = needed.project)))
           from request q join account a using (account_id) where q.request_id = $1 and a.disabled_at is null",
    )
    .bind(request_id)
    .fetch_optional(conn)
    .await?;
    Ok(may.unwrap_or(false))
}

/// Requests nobody decided in time, locked; waits for a vote that is being cast, so that none is passed over.
pub async fn overdue(conn: &mut PgConnection) -> sqlx::Result<Vec<i64>> {
    sqlx::query_scalar(
        "select request_id from request where state in ('waiting', 'reapproval') and decide_before <= now() order by request_id for update",
    )
    .fetch_all(conn)
    .await
}

/// Requests that wait for votes on a plan of another form than this program makes, locked.
pub async fn of_another_form(conn: &mut PgConnection, version: u32) -> sqlx::Result<Vec<i64>> {
    sqlx::query_scalar(
        "select request_id from request where state in ('waiting', 'reapproval') and plan->>'version' is distinct from $1::text
          order by request_id for update",
    )
    .bind(version.to_string())
    .fetch_all(conn)
    .await
}

/// An item as stored.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct ItemRow {
    pub seq: i32,
    pub repository: String,
    pub reference: String,
    pub digest: Vec<u8>,
    pub outcome: String,
    pub code: Option<String>,
    pub detail: Option<Json<Said<LineOutcome>>>,
    pub previous: Option<Vec<u8>>,
    pub bytes_sent: i64,
    pub changed_at: OffsetDateTime,
}

/// Items, what failed first, then in order.
pub async fn items(conn: &mut PgConnection, request_id: i64, limit: i64) -> sqlx::Result<Vec<ItemRow>> {
    sqlx::query_as(
        "select seq, repository, reference, digest, outcome, code, detail, previous, bytes_sent, changed_at from restore_item
          where request_id = $1 order by outcome <> 'failed', seq limit $2",
    )
    .bind(request_id)
    .bind(limit)
    .fetch_all(conn)
    .await
}

/// Items at some places of the plan.
pub async fn items_at(conn: &mut PgConnection, request_id: i64, places: &[i32]) -> sqlx::Result<Vec<ItemRow>> {
    sqlx::query_as(
        "select seq, repository, reference, digest, outcome, code, detail, previous, bytes_sent, changed_at from restore_item
          where request_id = $1 and seq = any($2)",
    )
    .bind(request_id)
    .bind(places)
    .fetch_all(conn)
    .await
}

/// What came of an item.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct OutcomeRow {
    pub seq: i32,
    pub outcome: String,
    pub code: Option<String>,
    pub detail: Option<Json<Said<LineOutcome>>>,
}

/// The same of every item.
pub async fn outcomes(conn: &mut PgConnection, request_id: i64) -> sqlx::Result<Vec<OutcomeRow>> {
    sqlx::query_as("select seq, outcome, code, detail from restore_item where request_id = $1").bind(request_id).fetch_all(conn).await
}

/// Places of the lines a restore wrote or may have written, with what their tags pointed to before.
pub async fn written(conn: &mut PgConnection, request_id: i64) -> sqlx::Result<Vec<(i32, Option<Vec<u8>>)>> {
    sqlx::query_as(
        "select seq, previous from restore_item
          where request_id = $1 and (outcome = 'done' or previous is not null) order by seq",
    )
    .bind(request_id)
    .fetch_all(conn)
    .await
}

/// A snapshot that is kept, and the vaults that have it.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct Kept {
    pub snapshot_id: i64,
    pub digest: Vec<u8>,
    pub moment: OffsetDateTime,
    pub vaults: Vec<i64>,
}

/// One.
pub async fn kept(conn: &mut PgConnection, snapshot_id: i64) -> sqlx::Result<Option<Kept>> {
    sqlx::query_as(
        "select s.snapshot_id, s.digest, s.moment,
                array(select v.vault_id from vault_snapshot v where v.snapshot_id = s.snapshot_id) as vaults
           from snapshot s where s.snapshot_id = $1",
    )
    .bind(snapshot_id)
    .fetch_optional(conn)
    .await
}

/// Items counted.
#[derive(Debug, Clone, Copy, Default, sqlx::FromRow)]
pub struct ItemCounts {
    pub all: i64,
    pub done: i64,
    pub failed: i64,
    pub bytes_sent: i64,
}

/// Counts of items.
pub async fn item_counts(conn: &mut PgConnection, request_id: i64) -> sqlx::Result<ItemCounts> {
    sqlx::query_as(
        "select count(*) as all, count(*) filter (where outcome in ('done', 'skipped')) as done,
                count(*) filter (where outcome = 'failed') as failed, coalesce(sum(bytes_sent), 0)::bigint as bytes_sent
           from restore_item where request_id = $1",
    )
    .bind(request_id)
    .fetch_one(conn)
    .await
}

/// Notes what came of a request.
pub async fn set_ended(conn: &mut PgConnection, request_id: i64, ended: &serde_json::Value) -> sqlx::Result<()> {
    sqlx::query("update request set ended = $2 where request_id = $1").bind(request_id).bind(ended).execute(conn).await?;
    Ok(())
}

/// Makes the rows of items that do something; again after a crash changes nothing.
pub async fn insert_item(
    conn: &mut PgConnection,
    request_id: i64,
    seq: i32,
    repository: &str,
    reference: &str,
    digest: &[u8],
) -> sqlx::Result<()> {
    sqlx::query(
        "insert into restore_item (request_id, seq, repository, reference, digest) values ($1, $2, $3, $4, $5) on conflict do nothing",
    )
    .bind(request_id)
    .bind(seq)
    .bind(repository)
    .bind(reference)
    .bind(digest)
    .execute(conn)
    .await?;
    Ok(())
}

/// Intent: what the tag points to before it is written.
pub async fn item_intent(conn: &mut PgConnection, request_id: i64, seq: i32, previous: Option<&[u8]>) -> sqlx::Result<()> {
    sqlx::query(
        "update restore_item set outcome = 'started', previous = coalesce(previous, $3), changed_at = clock_timestamp()
          where request_id = $1 and seq = $2 and outcome in ('pending', 'started', 'failed')",
    )
    .bind(request_id)
    .bind(seq)
    .bind(previous)
    .execute(conn)
    .await?;
    Ok(())
}

/// Outcome of an item.
pub async fn item_outcome(
    conn: &mut PgConnection,
    request_id: i64,
    seq: i32,
    outcome: &str,
    code: Option<&str>,
    detail: Option<&LineOutcome>,
    bytes_sent: i64,
) -> sqlx::Result<()> {
    sqlx::query(
        "update restore_item set outcome = $3, code = $4, detail = $5, bytes_sent = bytes_sent + $6, changed_at = clock_timestamp()
          where request_id = $1 and seq = $2",
    )
    .bind(request_id)
    .bind(seq)
    .bind(outcome)
    .bind(code)
    .bind(detail.map(Json))
    .bind(bytes_sent)
    .execute(conn)
    .await?;
    Ok(())
}
