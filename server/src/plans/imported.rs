//! Images that came from files: no plan has them, so no rule lets them go. An operator says whose word keeps them and until when; after that they
//! go with the next sweep of their vault, by the same rules as every other snapshot: not while a hold or an open request needs them, and not
//! within a day of the decision.

use app::audit::events::ProjectEvent;
use app::error::ApiError;
use app::plans::imported::{Import, KeepImport};
use app::units::Moment;
use sqlx::PgConnection;
use time::{Duration, OffsetDateTime};

use super::queries;
use crate::access::{Caller, Operation, Origin};
use crate::audit::{self, Actor, Event};
use crate::error::Error;
use crate::events::{self, Topic};
use crate::jobs::{JobContext, JobError};
use crate::projects::ends::ends;
use crate::state::AppState;

/// Imports listed.
const LISTED_MAX: i64 = 200;
/// The furthest end: a century.
const UNTIL_MAX: Duration = Duration::days(36_525);

#[derive(sqlx::FromRow)]
struct Row {
    snapshot_id: i64,
    harbor: String,
    project: String,
    moment: OffsetDateTime,
    vault_id: i64,
    vault: String,
    tags: i64,
    artifacts: i64,
    owner: Option<String>,
    until: Option<OffsetDateTime>,
    decided_by: Option<String>,
    decided_at: Option<OffsetDateTime>,
}

impl Row {
    fn import(self) -> Import {
        Import {
            snapshot_id: self.snapshot_id,
            harbor: self.harbor,
            project: self.project,
            moment: Moment(self.moment),
            vault_id: self.vault_id,
            vault: self.vault,
            tags: self.tags,
            artifacts: self.artifacts,
            owner: self.owner,
            until: self.until.map(Moment),
            decided_by: self.decided_by,
            decided: self.decided_at.map(Moment),
        }
    }
}

/// All of them; nobody decided on the first ones.
pub async fn list(state: &AppState, caller: &Caller) -> Result<Vec<Import>, Error> {
    caller.require(Operation::ReadEstate, None)?;
    let rows: Vec<Row> = sqlx::query_as(
        "select s.snapshot_id, h.name as harbor, p.name as project, s.moment, s.vault_id, v.name as vault, s.tags, s.artifacts,
                k.owner, k.until, k.decided_by, k.decided_at
           from kept_snapshot s join project p using (project_id) join harbor h using (harbor_id) join vault v using (vault_id)
                left join import_keep k using (snapshot_id)
          where s.imported
          order by k.snapshot_id is not null, k.until nulls last, s.moment desc, s.snapshot_id limit $1",
    )
    .bind(LISTED_MAX)
    .fetch_all(&state.pool)
    .await?;
    Ok(rows.into_iter().map(Row::import).collect())
}

/// Harbor, project and moment of images from files, who keeps them, and until when.
type KeptRow = (String, String, OffsetDateTime, Option<String>, Option<OffsetDateTime>);

/// Says whose word keeps one, and until when.
pub async fn keep(state: &AppState, caller: &Caller, origin: &Origin, snapshot_id: i64, form: KeepImport) -> Result<(), Error> {
    caller.require(Operation::ManageEstate, None)?;
    let mut tx = state.pool.begin().await?;
    let found: Option<KeptRow> = sqlx::query_as(
        "select h.name, p.name, s.moment, k.owner, k.until
           from snapshot_ever s join project p using (project_id) join harbor h using (harbor_id) left join import_keep k using (snapshot_id)
          where s.snapshot_id = $1 and s.imported and s.expired_at is null for update of s",
    )
    .bind(snapshot_id)
    .fetch_optional(&mut *tx)
    .await?;
    let (harbor, project, moment, owner_before, until_before) = found.ok_or_else(|| ApiError::not_found(app::refusals::Thing::Snapshot))?;
    let owner = keeper(&mut tx, &form.owner).await?;
    let until = ends(&mut tx, &form.until, UNTIL_MAX).await?;
    sqlx::query(
        "insert into import_keep (snapshot_id, owner, until, decided_by) values ($1, $2, $3, $4)
         on conflict (snapshot_id) do update set owner = $2, until = $3, decided_by = $4, decided_at = now()",
    )
    .bind(snapshot_id)
    .bind(&owner)
    .bind(until)
    .bind(&caller.login)
    .execute(&mut *tx)
    .await?;
    events::notify(&mut tx, Topic::Snapshots).await?;
    let what = ProjectEvent::ImportKept {
        project: format!("{harbor}/{project}"),
        moment: Moment(moment),
        owner: owner.clone(),
        until: until.map(Moment),
    };
    let text = |until: Option<OffsetDateTime>| until.map(|until| Moment(until).url());
    let event = Event::new("snapshot.import.keep", "snapshot", snapshot_id.to_string(), what)
        .project(&harbor, &project)
        .with("owner_before", owner_before)
        .with("until_before", text(until_before))
        .with("owner", owner)
        .with("until", text(until));
    audit::record(&mut tx, &Actor::caller(caller, origin), event).await?;
    tx.commit().await?;
    Ok(())
}

async fn keeper(conn: &mut PgConnection, login: &str) -> Result<String, Error> {
    let found: Option<String> = sqlx::query_scalar("select login from account where login = $1 and disabled_at is null")
        .bind(login.trim())
        .fetch_optional(conn)
        .await?;
    Ok(found.ok_or_else(|| ApiError::field("owner", app::plans::refusals::Refusal::NamePlanKeeper))?)
}

/// Lets go of the imports of a vault whose time is over; answers how many. Part of each sweep.
pub async fn expire(context: &JobContext, vault_id: i64) -> Result<u64, JobError> {
    let over: Vec<(i64, String, String, OffsetDateTime, String)> = sqlx::query_as(
        "select s.snapshot_id, h.name, p.name, s.moment, k.owner
           from import_keep k join kept_snapshot s using (snapshot_id) join project p using (project_id) join harbor h using (harbor_id)
          where s.vault_id = $1 and s.imported and k.until <= now() and k.decided_at <= now() - interval '1 day'
          order by s.snapshot_id",
    )
    .bind(vault_id)
    .fetch_all(&context.state.pool)
    .await
    .map_err(Error::from)?;
    if over.is_empty() || !crate::vaults::reconcile::may_let_go(&context.state, vault_id).await? {
        return Ok(0);
    }
    let mut gone = 0;
    for (snapshot_id, harbor, project, moment, owner) in over {
        context.check().await?;
        let mut tx = context.state.pool.begin().await?;
        context.fence(&mut tx).await?;
        if !queries::expire(&mut tx, snapshot_id, None).await? {
            continue;
        }
        let place = format!("{harbor}/{project}");
        let what = ProjectEvent::ImportLetGo { project: place, moment: Moment(moment), owner };
        let event = Event::new("snapshot.expire", "snapshot", snapshot_id.to_string(), what).project(&harbor, &project);
        audit::record(&mut tx, &Actor::job(context.job_id), event).await?;
        events::notify(&mut tx, Topic::Snapshots).await?;
        tx.commit().await?;
        gone += 1;
    }
    Ok(gone)
}
