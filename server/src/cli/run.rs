//! `breakwater run …`: runs and jobs.

use app::jobs::types::{Job, LogLine};
use app::units::{Page, bytes};
use clap::{Args, Subcommand};
use serde_json::json;

use super::api::Remote;
use super::client::{Numbered, Plain, Queued, print_json};
use super::{CliError, progress};

/// Run verbs.
#[derive(Subcommand)]
pub enum RunVerb {
    /// Run a plan now
    Start(StartRun),
    /// Newest jobs
    List(Plain),
    /// The log of a job
    Log(Numbered),
    /// Stop a job
    Cancel(Numbered),
}

/// A run to start.
#[derive(Args)]
pub struct StartRun {
    #[command(flatten)]
    remote: Remote,
    /// Number of the plan
    plan: i64,
    /// Wait for its end
    #[arg(long)]
    wait: bool,
}

/// `breakwater run …`.
pub async fn run(verb: RunVerb) -> Result<(), CliError> {
    match verb {
        RunVerb::Start(args) => {
            let api = args.remote.api()?;
            let queued: Queued = api.post(&format!("/plans/{}/run", args.plan), &json!({})).await?;
            if !args.wait {
                println!("{}", queued.job_id);
                return Ok(());
            }
            let job = progress::job(&api, queued.job_id).await?;
            if args.remote.json {
                return print_json(&job);
            }
            println!("job {} is done, {} read", job.id, bytes(job.bytes_done));
        }
        RunVerb::List(args) => {
            let jobs: Page<Job> = args.remote.api()?.get("/jobs", &[]).await?;
            if args.remote.json {
                return print_json(&jobs);
            }
            for j in jobs.items {
                println!("{}\t{:?}\t{}\t{}", j.id, j.state, j.title, j.error.map(|error| error.to_string()).unwrap_or_default());
            }
        }
        RunVerb::Log(args) => {
            let lines: Vec<LogLine> = args.remote.api()?.get(&format!("/jobs/{}/log", args.id), &[]).await?;
            if args.remote.json {
                return print_json(&lines);
            }
            for line in lines {
                println!("{}\t{}\t{}", line.at.long(), line.level, line.text);
            }
        }
        RunVerb::Cancel(args) => {
            let job: Job = args.remote.api()?.post(&format!("/jobs/{}/cancel", args.id), &json!({})).await?;
            println!("job {} was asked to stop", job.id);
        }
    }
    Ok(())
}
