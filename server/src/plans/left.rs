//! Snapshots of deleted plans: without a word of a person they are all kept. Whoever deletes a plan says what becomes of them, and an
//! operator may say so anew at any time; nothing goes by that for a day.

use app::audit::events::{LeftRule, PlanEvent};
use app::error::ApiError;
use app::plans::left::{Leave, Left, LeftTo};
use app::plans::types::Keep;
use app::units::Moment;
use sqlx::PgConnection;
use sqlx::types::Json;
use time::OffsetDateTime;
use vault::Vault;

use super::{queries, retention};
use crate::access::{Caller, Operation, Origin};
use crate::audit::{self, Actor, Event};
use crate::error::Error;
use crate::events::{self, Topic};
use crate::jobs::{JobContext, JobError};
use crate::state::AppState;

/// Deleted plans listed.
const LISTED_MAX: i64 = 200;

#[derive(sqlx::FromRow)]
struct Row {
    plan_id: i64,
    name: String,
    harbor: String,
    vault_id: i64,
    vault: String,
    deleted_at: OffsetDateTime,
    snapshots: i64,
    keep: Json<Keep>,
    left_to: Option<String>,
    left_owner: Option<String>,
    left_plan_id: Option<i64>,
    left_plan: Option<String>,
    left_by: Option<String>,
    left_since: Option<OffsetDateTime>,
}

impl Row {
    fn left(self) -> Left {
        Left {
            plan_id: self.plan_id,
            plan: self.name,
            harbor: self.harbor,
            vault_id: self.vault_id,
            vault: self.vault,
            deleted: Moment(self.deleted_at),
            snapshots: self.snapshots,
            keep: self.keep.0,
            to: match self.left_to.as_deref() {
                Some("kept") => LeftTo::Kept,
                Some("rule") => LeftTo::Rule,
                Some("plan") => LeftTo::Plan,
                _ => LeftTo::Undecided,
            },
            owner: self.left_owner,
            by_plan: self.left_plan_id.zip(self.left_plan),
            decided_by: self.left_by,
            decided: self.left_since.map(Moment),
        }
    }
}

/// Deleted plans that still have snapshots, of one project or of all; those of one vault or of all.
async fn rows(conn: &mut PgConnection, project_id: Option<i64>, vault_id: Option<i64>) -> sqlx::Result<Vec<Left>> {
    let rows: Vec<Row> = sqlx::query_as(
        "select p.plan_id, p.name, h.name as harbor, p.vault_id, v.name as vault, p.deleted_at, n.snapshots, p.keep,
                p.left_to, p.left_owner, p.left_plan_id, o.name as left_plan, p.left_by, p.left_since
           from plan p join harbor h using (harbor_id) join vault v using (vault_id) left join plan o on o.plan_id = p.left_plan_id
                cross join lateral (select count(distinct s.snapshot_id) as snapshots from confirmation c join snapshot s using (snapshot_id)
                                     where c.plan_id = p.plan_id and ($1::bigint is null or c.project_id = $1)) n
          where p.deleted_at is not null and n.snapshots > 0 and ($3::bigint is null or p.vault_id = $3)
          order by p.left_to is not null, p.name, p.plan_id limit $2",
    )
    .bind(project_id)
    .bind(LISTED_MAX)
    .bind(vault_id)
    .fetch_all(conn)
    .await?;
    Ok(rows.into_iter().map(Row::left).collect())
}

/// Those that have snapshots of a project.
pub async fn of_project(conn: &mut PgConnection, project_id: i64) -> Result<Vec<Left>, Error> {
    Ok(rows(conn, Some(project_id), None).await?)
}

/// Those whose snapshots are in a vault.
pub async fn of_vault(conn: &mut PgConnection, vault_id: i64) -> Result<Vec<Left>, Error> {
    Ok(rows(conn, None, Some(vault_id)).await?)
}

/// All of them; nobody decided on the first ones.
pub async fn list(state: &AppState, caller: &Caller) -> Result<Vec<Left>, Error> {
    caller.require(Operation::ReadEstate, None)?;
    Ok(rows(&mut *state.pool.acquire().await?, None, None).await?)
}

/// A decision that can be stored.
pub(super) struct Decision {
    to: &'static str,
    owner: Option<String>,
    plan_id: Option<i64>,
    /// For the audit history.
    pub said: LeftRule,
}

/// Reads what a person wants for the snapshots of a plan; none where nothing is said.
pub(super) async fn read(conn: &mut PgConnection, (plan_id, harbor_id): (i64, i64), leave: &Leave) -> Result<Option<Decision>, Error> {
    let wrong = |field: &str, why: app::plans::refusals::Refusal| Error::from(ApiError::field(field, why));
    Ok(Some(match leave.to.trim() {
        "" => return Ok(None),
        "kept" => {
            let owner: Option<String> = sqlx::query_scalar("select login from account where login = $1 and disabled_at is null")
                .bind(leave.owner.trim())
                .fetch_optional(conn)
                .await?;
            let owner = owner.ok_or_else(|| wrong("owner", app::plans::refusals::Refusal::NamePlanKeeper))?;
            Decision { to: "kept", said: LeftRule::AllKept { owner: owner.clone() }, owner: Some(owner), plan_id: None }
        }
        "rule" => Decision { to: "rule", owner: None, plan_id: None, said: LeftRule::OldRule },
        "plan" => {
            let other = match leave.plan_id {
                Some(other) if other != plan_id => queries::one(conn, other).await?,
                _ => None,
            };
            // Of one Harbor, since projects of two may have the same name.
            let other = other.filter(|other| other.harbor_id == harbor_id);
            let other = other.ok_or_else(|| wrong("by_plan", app::plans::refusals::Refusal::ChooseOtherPlan))?;
            Decision { to: "plan", owner: None, plan_id: Some(other.plan_id), said: LeftRule::RuleOfPlan { plan: other.name } }
        }
        _ => return Err(wrong("to", app::plans::refusals::Refusal::SayWhatBecomes)),
    }))
}

pub(super) async fn store(conn: &mut PgConnection, plan_id: i64, decision: &Decision, by: &str) -> sqlx::Result<()> {
    sqlx::query("update plan set left_to = $2, left_owner = $3, left_plan_id = $4, left_by = $5, left_since = now() where plan_id = $1")
        .bind(plan_id)
        .bind(decision.to)
        .bind(&decision.owner)
        .bind(decision.plan_id)
        .bind(by)
        .execute(conn)
        .await?;
    Ok(())
}

/// Whether a plan has snapshots, its own or those left to its rule.
pub(super) async fn has_snapshots(conn: &mut PgConnection, plan_id: i64) -> sqlx::Result<bool> {
    sqlx::query_scalar(
        "select exists (select from confirmation c join snapshot s using (snapshot_id)
                         where c.plan_id = $1 or c.plan_id in (select p.plan_id from plan p where p.left_plan_id = $1))",
    )
    .bind(plan_id)
    .fetch_one(conn)
    .await
}

/// Says anew what becomes of the snapshots of a deleted plan.
pub async fn decide(state: &AppState, caller: &Caller, origin: &Origin, plan_id: i64, leave: Leave) -> Result<(), Error> {
    caller.require(Operation::ManageEstate, None)?;
    let mut tx = state.pool.begin().await?;
    let found: Option<(String, i64, Option<String>)> =
        sqlx::query_as("select name, harbor_id, left_to from plan where plan_id = $1 and deleted_at is not null for update")
            .bind(plan_id)
            .fetch_optional(&mut *tx)
            .await?;
    let (name, harbor_id, before) = found.ok_or_else(|| ApiError::not_found(app::refusals::Thing::Plan))?;
    let decision = read(&mut tx, (plan_id, harbor_id), &leave).await?;
    let decision = decision.ok_or_else(|| ApiError::field("to", app::plans::refusals::Refusal::SayWhatBecomes))?;
    store(&mut tx, plan_id, &decision, &caller.login).await?;
    events::notify(&mut tx, Topic::Plans).await?;
    let event = Event::new("plan.left.decide", "plan", &name, PlanEvent::LeftDecided { plan: name.clone(), left: decision.said })
        .with("before", before)
        .with("after", decision.to);
    audit::record(&mut tx, &Actor::caller(caller, origin), event).await?;
    tx.commit().await?;
    Ok(())
}

/// Lets go of what the rules of deleted plans of a vault no longer keep; answers how many. Part of each sweep.
pub async fn expire(context: &JobContext, vault_id: i64, vault: &Vault) -> Result<u64, JobError> {
    let plans =
        queries::left_by_rule(&mut *context.state.pool.acquire().await.map_err(Error::from)?, vault_id).await.map_err(Error::from)?;
    let mut gone = 0;
    for plan in plans {
        gone += retention::expire(context, &plan, vault).await?;
    }
    Ok(gone)
}
