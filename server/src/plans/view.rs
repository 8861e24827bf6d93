//! From rows to what pages show.

use app::plans::types::{Copies, DayState, Paused, Plan, Run};
use app::units::Moment;

use super::queries::{self, RunRow, Shown};
use super::schedule;
use crate::copies::queries::CopyStatus;

/// A plan as pages show it; the count of its projects is still 0.
pub fn plan(shown: queries::Shown) -> Plan {
    let Shown { row, last_good, running_job, next_job, logical_bytes, added_bytes, days, copies } = shown;
    Plan {
        id: row.plan_id,
        schedule_words: schedule::words(&row.cron, &row.zone).into(),
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
        last_good: last_good.map(Moment),
        running_job,
        next_job,
        projects: 0,
        days: days.0.into_iter().map(day).collect(),
        keep: row.keep.0,
        full_every_h: row.full_every_h,
        logical_bytes,
        added_bytes,
        copies: copies.0.into_iter().map(copies_in).collect(),
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
        newest: row.newest,
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
        hint: row.hint.map(|hint| hint.0),
        harbor_versions: {
            let mut versions: Vec<String> = row.harbor_version_start.into_iter().chain(row.harbor_version_end).collect();
            versions.dedup();
            versions
        },
        projects_unchanged: row.projects_unchanged,
        error: row.error.map(|error| error.0),
    }
}
