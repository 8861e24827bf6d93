//! What the page of a request or draft shows, read with one statement and without the lines of its plan that are not shown.

use app::restores::outcomes::Lapse;
use app::restores::words::Effects;
use app::sentence::Said;
use app::units::Moment;
use engine::effect::{EffectItem, Estimate, Warning, stored_warnings};
use serde::Deserialize;
use sqlx::PgConnection;
use sqlx::types::Json;
use uuid::Uuid;

use super::queries::{self, Row};
use crate::access::Caller;
use crate::error::Error;

/// A vote: account, its name, whether it approves, comment, hash of the plan, when, why it counts no more.
pub type VoteParts = (i64, String, bool, String, String, Moment, Option<Said<Lapse>>);

/// The row of a request or draft, whose `plan` has no lines, and what is around it.
#[derive(sqlx::FromRow)]
pub struct Facts {
    #[sqlx(flatten)]
    pub row: Row,
    pub effects: Json<Effects>,
    summary: serde_json::Value,
    pub vote_rows: Json<Vec<VoteParts>>,
    pub items: i64,
    pub items_done: i64,
    pub items_failed: i64,
    pub bytes_sent: i64,
    /// Names of those who may vote.
    pub approvers: Vec<String>,
    /// Whether the reader may vote again after a reset of the password.
    pub reader_votes: bool,
    /// Numbers of the audit records about it.
    pub audit: Vec<i64>,
    /// Restores of its author in 90 days: all, and those that were fine.
    pub asked: i64,
    pub went_well: i64,
    /// Address of the harbor.
    pub url: String,
    /// A plan it had before is kept, and the form of that.
    pub was_replaced: bool,
    pub replaced_version: Option<String>,
}

/// A plan without its lines.
#[derive(Deserialize)]
pub struct Head {
    pub creates_project: bool,
    pub estimate: Estimate,
    #[serde(default)]
    pub gaps: Vec<vault::tree::Gap>,
    #[serde(deserialize_with = "stored_warnings")]
    pub warnings: Vec<Warning>,
}

/// Its lines in short.
#[derive(Deserialize)]
pub struct Summary {
    pub all: i64,
    pub create: i64,
    pub moved: i64,
    pub mend: i64,
    pub skip: i64,
    pub blocked: i64,
    pub accessories: i64,
    pub repositories: Vec<String>,
    /// The first that writes.
    pub first: Option<EffectItem>,
    /// The first page.
    pub lines: Vec<EffectItem>,
}

impl Facts {
    fn read<T: for<'de> Deserialize<'de>>(&self, value: &serde_json::Value) -> Result<T, Error> {
        T::deserialize(value).map_err(|e| Error::defect(format!("stored effect plan of request {}: {e}", self.row.request_id)))
    }

    /// The plan without its lines.
    pub fn head(&self) -> Result<Head, Error> {
        self.read(&self.row.plan)
    }

    /// The lines in short.
    pub fn summary(&self) -> Result<Summary, Error> {
        self.read(&self.summary)
    }
}

/// Which one.
#[derive(Debug, Clone, Copy)]
pub enum Which {
    Number(i64),
    Draft(Uuid),
}

/// The facts of a request or draft, for whoever reads them.
pub async fn facts(conn: &mut PgConnection, caller: &Caller, which: Which) -> sqlx::Result<Option<Facts>> {
    let (columns, approvers) = (queries::columns("q.head"), queries::APPROVERS);
    let sql = sqlx::AssertSqlSafe(format!(
        "select {columns}, q.effects, q.summary, h.url,
                (select coalesce(jsonb_agg(jsonb_build_array(v.account_id, va.display_name, v.approve, v.comment, encode(v.plan_hash, 'hex'),
                                                             v.voted_at, v.void_reason) order by v.vote_id), '[]')
                   from vote v join account va using (account_id) where v.request_id = q.request_id) as vote_rows,
                i.items, i.items_done, i.items_failed, i.bytes_sent,
                array({approvers}) as approvers,
                (select no_vote_until is null or no_vote_until <= now() from account where account_id = $3) as reader_votes,
                array(select seq from audit_record where object_type = 'request' and object = q.request_id::text and q.state <> 'draft'
                       order by seq limit 500) as audit,
                n.asked, n.went_well, coalesce(p.was_replaced, false) as was_replaced, p.replaced_version
           from request q join account a using (account_id) join harbor h on h.harbor_id = q.harbor_id
                cross join lateral (
                    select count(*) as items, count(*) filter (where outcome in ('done', 'skipped')) as items_done,
                           count(*) filter (where outcome = 'failed') as items_failed, coalesce(sum(bytes_sent), 0)::bigint as bytes_sent
                      from restore_item where request_id = q.request_id) i
                cross join lateral (
                    select count(*) as asked, count(*) filter (where state = 'done') as went_well from request o
                     where o.account_id = q.account_id and o.state in ('done', 'issues', 'failed') and o.finished_at > now() - interval '90 days') n
                left join lateral (
                    select true as was_replaced, b.plan ->> 'version' as replaced_version from request_plan b
                     where b.request_id = q.request_id and b.plan_hash <> q.plan_hash order by b.replaced_at desc limit 1) p on true
          where q.request_id = $1 or q.draft = $2"
    ));
    let (number, draft) = match which {
        Which::Number(number) => (Some(number), None),
        Which::Draft(draft) => (None, Some(draft)),
    };
    sqlx::query_as(sql).bind(number).bind(draft).bind(caller.account_id).fetch_optional(conn).await
}
