//! From rows to what pages show.

use std::collections::HashMap;

use app::plans::types::{Copies, DayState, Paused, Plan, Run};
use app::units::Moment;
use sqlx::PgConnection;

use super::queries::{self, Row, RunRow};
use super::{schedule, scope};
use crate::copies::queries::CopyStatus;
use crate::error::Error;

/// A plan, with the projects its Harbor has of its scope; proxy caches are not among them.
pub struct Shown {
    /// The plan.
    pub plan: Plan,
    /// Harbor.
    pub harbor_id: i64,
    /// Names of the projects.
    pub projects: Vec<String>,
}

/// Plans with their days and what goes on, with the same few statements however many there are.
pub async fn plans(conn: &mut PgConnection, rows: Vec<Row>) -> Result<Vec<Shown>, Error> {
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    let ids: Vec<i64> = rows.iter().map(|row| row.plan_id).collect();
    let mut harbors: Vec<i64> = rows.iter().map(|row| row.harbor_id).collect();
    harbors.sort_unstable();
    harbors.dedup();
    let standing = queries::status(conn, &ids).await?;
    let mut standing: HashMap<i64, queries::PlanStatus> = standing.into_iter().map(|row| (row.plan_id, row)).collect();
    let mut days: HashMap<i64, Vec<DayState>> = HashMap::new();
    for (plan_id, rank, missed, before) in queries::days(conn, &ids).await? {
        days.entry(plan_id).or_default().push(day((rank, missed, before)));
    }
    let mut copies: HashMap<i64, Vec<Copies>> = HashMap::new();
    for row in crate::copies::queries::status(conn, &ids).await? {
        copies.entry(row.plan_id).or_default().push(copies_in(row));
    }
    let listed = crate::harbors::queries::projects_of(conn, &harbors).await?;
    let mut shown = Vec::with_capacity(rows.len());
    for row in rows {
        let now = standing.remove(&row.plan_id).ok_or_else(|| Error::defect("a plan that was read stands nowhere"))?;
        let scope = scope::Scope::new(&row.include, &row.exclude)?;
        let of_scope = listed.iter().filter(|(harbor, name, proxy)| *harbor == row.harbor_id && !proxy && scope.matches(name));
        let projects: Vec<String> = of_scope.map(|(_, name, _)| name.clone()).collect();
        let of_plan = (days.remove(&row.plan_id).unwrap_or_default(), copies.remove(&row.plan_id).unwrap_or_default());
        shown.push(Shown { harbor_id: row.harbor_id, plan: plan(row, now, of_plan, projects.len()), projects });
    }
    Ok(shown)
}

fn plan(row: Row, now: queries::PlanStatus, (days, copies): (Vec<DayState>, Vec<Copies>), projects: usize) -> Plan {
    Plan {
        id: row.plan_id,
        schedule_words: schedule::words(&row.cron, &row.zone),
        name: row.name,
        harbor: row.harbor,
        vault_id: row.vault_id,
        vault: row.vault,
        include: row.include,
        exclude: row.exclude,
        cron: row.cron,
        zone: row.zone,
        rpo_s: row.rpo_s,
        paused: row.paused_at.map(|since| Paused {
            since: Moment(since),
            until: row.paused_until.map(Moment),
            by: row.paused_by.unwrap_or_default(),
            reason: row.paused_reason.unwrap_or_default(),
        }),
        next: row.next_at.filter(|_| row.paused_at.is_none()).map(Moment),
        last_good: now.last_good.map(Moment),
        running_job: now.running_job,
        next_job: now.next_job,
        projects: i64::try_from(projects).unwrap_or(i64::MAX),
        days,
        keep: row.keep.0,
        full_every_h: row.full_every_h,
        logical_bytes: now.logical_bytes,
        added_bytes: now.added_bytes,
        copies,
        version: row.version,
        outline: false,
    }
}

fn copies_in(row: CopyStatus) -> Copies {
    let state = row.job_state.unwrap_or_default();
    let open = matches!(state.as_str(), "queued" | "running");
    Copies {
        vault_id: row.vault_id,
        vault: row.vault,
        copied: row.copied,
        waiting: row.waiting,
        bytes_new: row.bytes,
        newest: row.newest.map(Moment),
        // Between tries an open job has the error of the last one.
        error: row.job_error.filter(|_| open || state == "dead"),
        job_id: row.job_id,
        working: open,
    }
}

/// Worst wins; a day before the plan was made is none of its days.
fn day((rank, missed, before): (i32, bool, bool)) -> DayState {
    match (rank, missed) {
        (4, _) => DayState::Failed,
        (_, true) => DayState::Missed,
        (3, _) => DayState::Gaps,
        (2, _) => DayState::Running,
        (1, _) => DayState::Good,
        _ if before => DayState::BeforeStart,
        _ => DayState::Idle,
    }
}

/// Names of the states of a day, worst last.
#[must_use]
pub const fn day_names() -> [&'static str; 7] {
    ["before_start", "idle", "good", "running", "gaps", "missed", "failed"]
}

/// A run.
pub fn run(row: RunRow) -> Run {
    Run {
        id: row.run_id,
        job_id: row.job_id,
        trigger: row.trigger,
        state: row.state,
        started: row.started_at.map(Moment),
        finished: row.finished_at.map(Moment),
        projects_done: row.projects_done,
        projects: row.projects,
        bytes_new: row.bytes_new,
        requests: row.requests,
        gaps: row.gaps,
        hint: row.hint,
        harbor_versions: {
            let mut versions: Vec<String> = row.harbor_version_start.into_iter().chain(row.harbor_version_end).collect();
            versions.dedup();
            versions
        },
        projects_unchanged: row.projects_unchanged,
        error: row.error,
    }
}
