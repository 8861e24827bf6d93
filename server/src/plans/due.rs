//! Queues what the schedules say. However many workers look, each due run is queued once: the plan's row is locked while it is moved on.

use app::audit::events::PlanEvent;
use time::OffsetDateTime;

use super::runs::{Wish, queue};
use super::schedule::Schedule;
use super::{confirmed, queries};
use crate::audit::{self, Actor, Event};
use crate::error::Error;
use crate::state::AppState;

/// Plans queued per look.
const PLANS_MAX: usize = 50;
/// Runs that were due while nobody looked, noted per plan at most.
const MISSED_MAX: usize = 100;

/// Queues due plans and ends pauses that are over.
pub async fn queue_due(state: &AppState) -> Result<(), Error> {
    end_pauses(state).await?;
    for _ in 0..PLANS_MAX {
        let mut tx = state.pool.begin().await?;
        let Some(plan_id) = queries::due(&mut tx).await? else { return Ok(()) };
        let Some(plan) = queries::one(&mut tx, plan_id).await? else { return Ok(()) };
        let now: OffsetDateTime = sqlx::query_scalar("select now()").fetch_one(&mut *tx).await?;
        let schedule = Schedule::parse(&plan.cron, &plan.zone)?;
        // Only the newest due run is made up for; the ones before it are missed, and shown as such.
        let mut due = Vec::new();
        let mut at = plan.next_at.unwrap_or(now);
        while at <= now && due.len() < MISSED_MAX {
            due.push(at);
            match schedule.next_after(at) {
                Some(next) => at = next,
                None => break,
            }
        }
        due.pop();
        queries::missed(&mut tx, plan_id, &due).await?;
        if !due.is_empty() {
            confirmed::end_all(&mut tx, plan_id).await?;
        }
        queries::set_next(&mut tx, plan_id, schedule.next_after(now)).await?;
        let wish = Wish { trigger: "schedule", by: "schedule", account_id: None, only: None, fresh: false };
        let queued = queue(&mut tx, &plan, &wish).await?;
        if queued.new {
            let event = Event::new("backup.job.queue", "plan", &plan.name, PlanEvent::PlanDue { plan: plan.name.clone() })
                .with("job", queued.job_id);
            audit::record(&mut tx, &Actor::system("schedule"), event).await?;
        }
        tx.commit().await?;
    }
    Ok(())
}

async fn end_pauses(state: &AppState) -> Result<(), Error> {
    let mut tx = state.pool.begin().await?;
    for (plan_id, name, cron, zone) in queries::pauses_over(&mut tx).await? {
        let next = Schedule::parse(&cron, &zone)?.next_after(crate::clock::now(&mut tx).await?);
        queries::resume(&mut tx, plan_id, next).await?;
        let event = Event::new("plan.resume", "plan", &name, PlanEvent::PauseOver { plan: name.clone() });
        audit::record(&mut tx, &Actor::system("schedule"), event).await?;
    }
    tx.commit().await?;
    Ok(())
}
