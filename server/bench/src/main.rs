//! Breakwater beside the tools people use today, in one run, through one counting proxy.
//!
//! Every tool is a child process of its own that talks to the same Harbor through the same proxy, so that wall time, requests, bytes and peak memory are taken the same
//! way for all; Breakwater's own child is this program, which calls the engine as a worker does. What is judged is the ratio to the fastest peer of the same run, never
//! seconds against seconds of another machine.
//!
//! Without `HARBOR_URL` the Harbor is the simulator, and the output says so: it answers faster than any real one, so ratios there say what the client costs, and only a
//! real Harbor says what a user waits.

mod cases;
mod growth;
mod judge;
mod large;
mod mark;
mod ours;
mod report;
mod scrub;
mod sim;
mod tools;
mod usage;
mod world;

use std::path::PathBuf;

use clap::{Parser, Subcommand};

pub(crate) type Failure = Box<dyn std::error::Error + Send + Sync>;

#[derive(Parser)]
#[command(name = "breakwater-bench", about = "Measures Breakwater beside skopeo, oras, crane and regsync", version)]
struct Cli {
    #[command(subcommand)]
    inner: Option<Inner>,
    #[command(flatten)]
    options: Options,
}

/// What to measure.
#[derive(clap::Args, Clone)]
pub(crate) struct Options {
    /// Sizes of the repository, in tags.
    #[arg(long, value_delimiter = ',', default_value = "200,1000")]
    tags: Vec<usize>,
    /// Latencies the proxy adds to each request, in milliseconds.
    #[arg(long, value_delimiter = ',', default_value = "0,20")]
    latency_ms: Vec<u64>,
    /// Repetitions; the median counts.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=25))]
    runs: u32,
    /// Tools to measure; Breakwater always is.
    #[arg(long, value_delimiter = ',', default_value = "skopeo,oras,crane,regsync")]
    peers: Vec<tools::Tool>,
    /// Longest one case of one tool may take before it is ended and reported as such.
    #[arg(long, default_value_t = 600)]
    case_seconds_max: u64,
    /// Size of the one layer of the memory case, which runs on the simulator only; 0 leaves it out.
    #[arg(long, default_value_t = 3072)]
    large_mib: u64,
    /// References of the vault a mark is measured over; 0 leaves it out. What is promised is for 20,000,000, which takes 5 GB of disk and some
    /// minutes to write.
    #[arg(long, default_value_t = 2_000_000)]
    mark_references: usize,
    /// Leave out what compares 1,000 with 10,000 tags.
    #[arg(long)]
    no_growth: bool,
    /// Measure the memory of a repository of 50,000 tags and of a project of 100,000 repositories too; some minutes, and 2 GB for the
    /// simulator.
    #[arg(long)]
    memory: bool,
    /// End with code 1 when a target is missed.
    #[arg(long)]
    strict: bool,
    /// Where the JSON goes; the default is the folder `bench` of the cargo target folder.
    #[arg(long)]
    out: Option<PathBuf>,
}

/// Child processes of a run; nobody starts them by hand.
#[derive(Subcommand)]
enum Inner {
    /// Runs a command and writes what it used.
    #[command(hide = true)]
    Measured(usage::Order),
    /// The engine's backup of one project into a vault.
    #[command(hide = true)]
    Backup {
        #[command(flatten)]
        place: ours::Place,
        /// List everything, whatever a look at the Harbor shows.
        #[arg(long)]
        listed: bool,
    },
    /// The engine's plan and restore of the newest snapshot.
    #[command(hide = true)]
    Restore(ours::Place),
    /// A simulator with content.
    #[command(hide = true)]
    Sim(sim::Content),
    /// A sweep's mark.
    #[command(hide = true)]
    Mark(mark::Order),
}

fn main() -> Result<std::process::ExitCode, Failure> {
    let cli = Cli::parse();
    // Before any thread or buffer exists: a child's peak memory begins at the peak of who started it.
    if let Some(Inner::Measured(order)) = &cli.inner {
        return usage::run(order);
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        match cli.inner {
            Some(Inner::Backup { place, listed }) => ours::backup(&place, listed).await?,
            Some(Inner::Restore(place)) => ours::restore(&place).await?,
            Some(Inner::Sim(content)) => sim::serve(&content).await?,
            Some(Inner::Mark(order)) => mark::mark(&order).await?,
            Some(Inner::Measured(_)) | None => return cases::run(&cli.options).await,
        }
        Ok(std::process::ExitCode::SUCCESS)
    })
}
