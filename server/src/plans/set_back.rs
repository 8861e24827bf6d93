//! A harbor that was set back to an older database: noticed by a look, told as an event, and met by listing everything.
//!
//! Whatever was known of its projects is forgotten in the transaction that notes it, so that no plan follows a hint from the time before, and the next run of each
//! plan asks everything again. What was captured of the time the harbor lost is worth most now: retention spares it for [`KEPT_DAYS`].

use app::audit::events::HarborEvent;
use app::jobs::lines::Line;
use engine::backup::discovery::Discovery;
use engine::backup::sight::{SetBack, Sight};
use sqlx::PgConnection;
use sqlx::types::Json;
use time::OffsetDateTime;

use crate::audit::{self, Actor, Event, Outcome};
use crate::error::Error;
use crate::events::{self, Topic};
use crate::harbors::queries::Reach;
use crate::jobs::JobContext;

/// For how long snapshots of the time a harbor lost are spared ([`super::queries::expire`]): time to see what is missing and to ask for it. Days.
pub const KEPT_DAYS: i32 = 90;

/// What the last look saw. One that an older program wrote otherwise is done without.
pub async fn sight(conn: &mut PgConnection, harbor_id: i64) -> Result<Option<Sight>, Error> {
    let stored: Option<Json<serde_json::Value>> =
        sqlx::query_scalar("select sight from harbor where harbor_id = $1").bind(harbor_id).fetch_one(conn).await?;
    Ok(stored.and_then(|Json(value)| serde_json::from_value(value).ok()))
}

/// Keeps what a look saw, and notes where it found the harbor set back.
pub async fn keep(context: &JobContext, reach: &Reach, discovery: &Discovery, before: Option<&Sight>) -> Result<(), Error> {
    let mut tx = context.state.pool.begin().await?;
    // Two runs that look at the same time: the first one's sight stands, and it is the one that tells.
    let kept = sqlx::query("update harbor set sight = $2 where harbor_id = $1 and sight is not distinct from $3")
        .bind(reach.harbor_id)
        .bind(Json(Sight::of(discovery, before)))
        .bind(before.map(Json))
        .execute(&mut *tx)
        .await?
        .rows_affected()
        == 1;
    if let (true, Some(found), Some(before)) = (kept, &discovery.set_back, before) {
        note(&mut tx, &Actor::job(context.job_id), reach, found, before.at).await?;
    }
    tx.commit().await?;
    if let Some(SetBack { evidence, .. }) = &discovery.set_back {
        context.log("warn", Line::SetBack { evidence: super::told::evidence(evidence) }).await;
    }
    Ok(())
}

async fn note(conn: &mut PgConnection, actor: &Actor, reach: &Reach, found: &SetBack, looked_at: OffsetDateTime) -> Result<(), Error> {
    let evidence = found.evidence.to_string();
    sqlx::query("insert into harbor_set_back (harbor_id, looked_at, kept_until, evidence) values ($1, $2, $3, $4)")
        .bind(reach.harbor_id)
        .bind(looked_at)
        .bind(found.kept_until)
        .bind(&evidence)
        .execute(&mut *conn)
        .await?;
    sqlx::query("delete from project_look where project_id in (select project_id from project where harbor_id = $1)")
        .bind(reach.harbor_id)
        .execute(&mut *conn)
        .await?;
    events::notify(conn, Topic::Harbors).await?;
    let what = HarborEvent::HarborSetBack { harbor: reach.name.clone(), evidence: super::told::evidence(&found.evidence) };
    let event = Event::new("harbor.set_back", "harbor", &reach.name, what)
        .outcome(Outcome::Partial, "set_back")
        .with("looked_at", looked_at.to_string())
        .with("kept_until", found.kept_until.map(|at| at.to_string()))
        .with("spared_days", KEPT_DAYS);
    audit::record(conn, actor, event).await?;
    Ok(())
}

/// When the harbor was last found set back.
pub async fn noticed(conn: &mut PgConnection, harbor_id: i64) -> sqlx::Result<Option<OffsetDateTime>> {
    sqlx::query_scalar("select max(noticed_at) from harbor_set_back where harbor_id = $1").bind(harbor_id).fetch_one(conn).await
}
