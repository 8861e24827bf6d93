//! Waiting for a job or a request with a bar on a terminal and lines elsewhere.

use std::io::IsTerminal as _;
use std::time::Duration;

use app::jobs::types::{Job, JobState};
use app::restores::types::{Request, RequestState};
use indicatif::{ProgressBar, ProgressStyle};

use super::CliError;
use super::api::Api;

/// Time between looks.
const LOOK: Duration = Duration::from_millis(700);

fn bar() -> Option<ProgressBar> {
    if !std::io::stderr().is_terminal() {
        return None;
    }
    let bar = ProgressBar::new_spinner();
    if let Ok(style) = ProgressStyle::with_template("{spinner} {msg}") {
        bar.set_style(style);
    }
    bar.enable_steady_tick(Duration::from_millis(120));
    Some(bar)
}

/// Waits for a job's end; a failed one is an error.
pub async fn job(api: &Api, job_id: i64) -> Result<Job, CliError> {
    let bar = bar();
    loop {
        let job: Job = api.get(&format!("/jobs/{job_id}"), &[]).await?;
        if let Some(bar) = &bar {
            let bytes = app::units::bytes(job.bytes_done);
            let phase = job.phase.as_ref().map(|phase| format!(": {phase}")).unwrap_or_default();
            bar.set_message(format!("{}{phase} · {} of {} items · {bytes}", job.title, job.items_done, job.items_total));
        }
        let over = match job.state {
            JobState::Queued | JobState::Running => None,
            JobState::Done => Some(Ok(job)),
            JobState::Dead => {
                Some(Err(CliError::Failed(job.error.as_ref().map_or_else(|| "the job failed".to_owned(), ToString::to_string))))
            }
            JobState::Cancelled => Some(Err(CliError::Refused("the job was stopped".to_owned()))),
        };
        if let Some(result) = over {
            if let Some(bar) = bar {
                bar.finish_and_clear();
            }
            return result;
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// Waits for a request's end; anything but done is an error.
pub async fn request(api: &Api, id: i64) -> Result<Request, CliError> {
    let bar = bar();
    loop {
        let request: Request = api.get(&format!("/restores/{id}"), &[]).await?;
        if let Some(bar) = &bar {
            bar.set_message(format!("#{id}: {} · {} items done", request.next, request.items_done));
        }
        let detail = || request.outcome_detail.as_ref().map_or_else(|| request.next.to_string(), ToString::to_string);
        let over = match request.state {
            RequestState::Draft | RequestState::Waiting | RequestState::Reapproval | RequestState::Queued | RequestState::Running => None,
            RequestState::Done => Some(Ok(())),
            RequestState::Issues | RequestState::Failed => Some(Err(CliError::Failed(detail()))),
            RequestState::Cancelled | RequestState::Denied | RequestState::Expired | RequestState::Withdrawn => {
                Some(Err(CliError::Refused(detail())))
            }
        };
        if let Some(result) = over {
            if let Some(bar) = bar {
                bar.finish_and_clear();
            }
            return result.map(|()| request);
        }
        tokio::time::sleep(LOOK).await;
    }
}
