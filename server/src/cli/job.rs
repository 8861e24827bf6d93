//! `breakwater job …`.

use app::jobs::types::{Job, LogLine};
use app::units::{Page, bytes};
use clap::{Args, Subcommand};
use serde_json::json;

use super::CliError;
use super::api::Remote;
use super::client::{Numbered, print_json, said};
use super::words::{Table, line};

/// Job verbs.
#[derive(Subcommand)]
pub enum JobVerb {
    /// Newest jobs
    List(ListJobs),
    /// One job
    Show(Numbered),
    /// What a job noted
    Log(JobLog),
    /// Stop a job
    Cancel(Numbered),
    /// Try a job again that failed for good
    Retry(Numbered),
}

/// Jobs to list.
#[derive(Args)]
pub struct ListJobs {
    #[command(flatten)]
    remote: Remote,
    /// Only of this kind: backup, restore, verify …
    #[arg(long, default_value = "")]
    kind: String,
    /// Only in this state: queued, running, done, dead, cancelled
    #[arg(long, default_value = "")]
    state: String,
    /// The `next` of the page before, as --json has it
    #[arg(long, default_value = "")]
    after: String,
}

/// A log to read.
#[derive(Args)]
pub struct JobLog {
    #[command(flatten)]
    of: Numbered,
    /// Only lines after this one
    #[arg(long, default_value = "")]
    after: String,
}

fn print(job: &Job) {
    line(format!("job {} {:?}: {}", job.id, job.state, job.title));
    for text in [
        job.phase.as_ref().map(ToString::to_string),
        job.error.as_ref().map(ToString::to_string),
        job.remedy.as_ref().map(ToString::to_string),
    ] {
        text.iter().for_each(|text| line(format!("  {text}")));
    }
    line(format!(
        "  {} of {} items, {}; try {} of {}",
        job.items_done,
        job.items_total,
        bytes(job.bytes_done),
        job.attempt,
        job.attempt_max
    ));
}

/// `breakwater job …`.
pub async fn job(verb: JobVerb) -> Result<(), CliError> {
    match verb {
        JobVerb::List(args) => {
            let query = super::client::query([("kind", &args.kind), ("state", &args.state), ("after", &args.after)]);
            let jobs: Page<Job> = args.remote.api()?.get("/jobs", &query).await?;
            if args.remote.json {
                return print_json(&jobs);
            }
            let mut table = Table::new(&["job", "state", "what", "created", "trouble"]);
            for j in jobs.items {
                table.row([j.id.to_string(), format!("{:?}", j.state), j.title.to_string(), j.created.url(), said(j.error.as_ref())]);
            }
            table.print();
        }
        JobVerb::Show(args) => {
            let job: Job = args.remote.api()?.get(&format!("/jobs/{}", args.id), &[]).await?;
            if args.remote.json {
                return print_json(&job);
            }
            print(&job);
        }
        JobVerb::Log(args) => {
            let query = super::client::query([("after", &args.after)]);
            let lines: Vec<LogLine> = args.of.remote.api()?.get(&format!("/jobs/{}/log", args.of.id), &query).await?;
            if args.of.remote.json {
                return print_json(&lines);
            }
            let mut table = Table::new(&["at", "level", "what"]);
            lines.into_iter().for_each(|l| table.row([l.at.long(), l.level, l.text.to_string()]));
            table.print();
        }
        JobVerb::Cancel(args) => deed(&args, "cancel").await?,
        JobVerb::Retry(args) => deed(&args, "retry").await?,
    }
    Ok(())
}

async fn deed(args: &Numbered, what: &str) -> Result<(), CliError> {
    let job: Job = args.remote.api()?.post(&format!("/jobs/{}/{what}", args.id), &json!({})).await?;
    if args.remote.json {
        return print_json(&job);
    }
    print(&job);
    Ok(())
}
