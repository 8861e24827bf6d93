//! `breakwater run …`.

use app::plans::types::Run;
use app::units::{Page, bytes};
use clap::{Args, Subcommand};
use serde_json::json;

use super::api::Remote;
use super::client::{Queued, print_json, said, wait_for};
use super::words::Table;
use super::{CliError, names};

/// Run verbs.
#[derive(Subcommand)]
pub enum RunVerb {
    /// Run a plan now
    Start(StartRun),
    /// Runs of a plan, newest first
    List(ListRuns),
}

/// A run to start.
#[derive(Args)]
pub struct StartRun {
    #[command(flatten)]
    remote: Remote,
    /// Plan
    plan: String,
    /// Wait for its end
    #[arg(long)]
    wait: bool,
}

/// Runs to list.
#[derive(Args)]
pub struct ListRuns {
    #[command(flatten)]
    remote: Remote,
    /// Plan
    plan: String,
    /// The `next` of the page before, as --json has it
    #[arg(long, default_value = "")]
    after: String,
}

/// `breakwater run …`.
pub async fn run(verb: RunVerb) -> Result<(), CliError> {
    match verb {
        RunVerb::Start(args) => {
            let api = args.remote.api()?;
            let id = names::plan(&api, &args.plan).await?;
            let queued: Queued = api.post(&format!("/plans/{id}/run"), &json!({})).await?;
            wait_for(&args.remote, &api, queued, args.wait).await
        }
        RunVerb::List(args) => {
            let api = args.remote.api()?;
            let id = names::plan(&api, &args.plan).await?;
            let runs: Page<Run> = api.get(&format!("/plans/{id}/runs"), &super::client::query([("after", &args.after)])).await?;
            if args.remote.json {
                return print_json(&runs);
            }
            let mut table = Table::new(&["run", "state", "began", "projects", "new", "gaps", "job", "trouble"]);
            for r in runs.items {
                table.row([
                    r.id.to_string(),
                    r.state,
                    r.started.map(app::units::Moment::url).unwrap_or_default(),
                    format!("{} of {}", r.projects_done, r.projects),
                    bytes(r.bytes_new),
                    r.gaps.to_string(),
                    r.job_id.to_string(),
                    said(r.error.as_ref()),
                ]);
            }
            table.print();
            Ok(())
        }
    }
}
