//! Every tool through every case, in turns, so that what else the machine does hits all of them alike.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use harbor_sim::Class;
use registry::CreatedRobot;
use secrecy::ExposeSecret;
use serde::Serialize;
use testkit::{Counts, Distribution, Proxy};

use crate::report::{Report, Series};
use crate::tools::{Case, Fixture, Line, Tool};
use crate::usage::{self, Used};
use crate::world::{Harbor, World};
use crate::{Failure, Options, growth, judge, large, mark, report, scrub};

/// Harbor counts pulls a moment after it answers.
const COUNTING: Duration = Duration::from_millis(300);

/// One case of one tool, once.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Sample {
    #[serde(flatten)]
    pub used: Used,
    pub requests: u64,
    /// By method and kind of path.
    pub by_class: BTreeMap<String, u64>,
    pub bytes_read: u64,
    /// Of these, bytes of layers and configurations.
    pub blob_bytes_read: u64,
    pub bytes_sent: u64,
    /// Of these, bytes of layers and configurations.
    pub blob_bytes_sent: u64,
    pub pulls_counted: u64,
    /// What the engine said of itself, for Breakwater.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub engine: Option<serde_json::Value>,
}

/// A tool that is there.
struct Installed {
    tool: Tool,
    program: PathBuf,
}

/// Measures everything, prints the table, writes the JSON.
pub(crate) async fn run(options: &Options) -> Result<ExitCode, Failure> {
    let harbor = Harbor::start().await?;
    println!("against {}", harbor.kind);
    let mut report = Report::new(&harbor.kind, options);
    let mut tools = Vec::new();
    for tool in std::iter::once(Tool::Breakwater).chain(options.peers.iter().copied().filter(|tool| *tool != Tool::Breakwater)) {
        match tool.program() {
            Some(program) => {
                report.versions.insert(tool.name(), version(tool, &program).await);
                tools.push(Installed { tool, program });
            }
            None => {
                println!("{} is not installed", tool.name());
                report.versions.insert(tool.name(), "not installed".to_owned());
            }
        }
    }
    for tags in &options.tags {
        let world = World::make(&harbor, *tags).await?;
        // Also after a failure or an interrupt: a project of ours must not stay in somebody's Harbor.
        let (world, measured) = measure_all(world, &harbor, &tools, options, &mut report).await;
        world.remove().await?;
        measured?;
    }
    if options.large_mib > 0 {
        report.large = Some(large::run(options.large_mib, options.case_seconds_max).await?);
    }
    if !options.no_growth || options.memory {
        report.growth = growth::run(options).await?;
    }
    report.scrub = Some(scrub::run().await?);
    if options.mark_references > 0 {
        report.mark = Some(mark::run(options.mark_references, options.case_seconds_max).await?);
    }
    report.targets = judge::targets(&report);
    report.print();
    println!("written to {}", report::write(&report, options.out.as_deref()).await?.display());
    let missed = options.strict && report.targets.iter().any(|target| !target.met);
    Ok(if missed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

async fn version(tool: Tool, program: &std::path::Path) -> String {
    let output = tokio::process::Command::new(program).arg(tool.version_argument()).output().await;
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
    text.lines().next().unwrap_or("unknown").trim().to_owned()
}

async fn measure_all<'a>(
    mut world: World<'a>,
    harbor: &Harbor,
    tools: &[Installed],
    options: &Options,
    report: &mut Report,
) -> (World<'a>, Result<(), Failure>) {
    let measured = tokio::select! {
        measured = turns(&mut world, harbor, tools, options, report) => measured,
        _ = tokio::signal::ctrl_c() => Err("interrupted".into()),
    };
    (world, measured)
}

async fn turns(world: &mut World<'_>, harbor: &Harbor, tools: &[Installed], options: &Options, report: &mut Report) -> Result<(), Failure> {
    world.fill().await?;
    report.unique_bytes.insert(world.tags(), world.unique_bytes());
    let proxy = Proxy::start_with(&harbor.url, |method, path| format!("{method} {:?}", Class::of(path))).await;
    for latency_ms in &options.latency_ms {
        proxy.set_latency(Duration::from_millis(*latency_ms));
        for number in 1..=options.runs {
            for installed in tools {
                println!("· {} tags, {latency_ms} ms, run {number}: {}", world.tags(), installed.tool.name());
                let turn = Turn { installed, proxy: &proxy, latency_ms: *latency_ms, seconds_max: options.case_seconds_max };
                turn.run(world, report).await?;
                let mended = world.mend().await?;
                if mended > 0 {
                    println!("  {} did not bring back {mended} tags", installed.tool.name());
                }
            }
        }
    }
    Ok(())
}

/// One tool, all cases, once.
struct Turn<'a> {
    installed: &'a Installed,
    proxy: &'a Proxy,
    latency_ms: u64,
    seconds_max: u64,
}

impl Turn<'_> {
    async fn run(&self, world: &mut World<'_>, report: &mut Report) -> Result<(), Failure> {
        let tool = self.installed.tool;
        let folder = tempfile::Builder::new().prefix("breakwater-bench").tempdir()?;
        let registry = if tool.needs_registry() { Distribution::start().await } else { None };
        if tool.needs_registry() && registry.is_none() {
            report.versions.insert(tool.name(), "not measured: it copies into a registry, and docker-registry is not installed".to_owned());
            return Ok(());
        }
        let registry = registry.map(|running| (running.host(), running));
        for case in Case::ALL.into_iter().filter(|case| tool.knows(*case)) {
            match case {
                Case::OnePercent => world.change().await?,
                Case::Restore => world.delete().await?,
                _ => {}
            }
            let project = world.project.to_string();
            let robot: &CreatedRobot = if case.restores() { &world.writer } else { &world.reader };
            let host = self.proxy.addr().to_string();
            let fixture = Fixture {
                harbor: &host,
                project: &project,
                user: &robot.name,
                secret: robot.secret.expose_secret(),
                folder: folder.path(),
                registry: registry.as_ref().map_or("", |(host, _)| host),
            };
            tool.prepare(&fixture).await?;
            let line = tool.line(&self.installed.program, case, &fixture);
            let sample = self.once(world, &line, &fixture).await?;
            let ended = !sample.used.ok;
            let key = Series { tags: world.tags(), latency_ms: self.latency_ms, tool, case };
            report.commands.entry((tool, case)).or_insert_with(|| line.command.join(" "));
            report.samples.entry(key).or_default().push(sample);
            if ended && case == Case::First {
                return Ok(());
            }
        }
        Ok(())
    }

    async fn once(&self, world: &World<'_>, line: &Line, fixture: &Fixture<'_>) -> Result<Sample, Failure> {
        let pulls = world.pulls().await?;
        self.proxy.reset_counts();
        let (used, out) = usage::line(line, fixture.folder, self.seconds_max).await?;
        let counts = self.proxy.counts();
        tokio::time::sleep(COUNTING).await;
        let sum = |fits: fn(&str) -> bool, bytes: fn(&Counts) -> u64| {
            counts.iter().filter(|(class, _)| fits(class)).map(|(_, counts)| bytes(counts)).sum::<u64>()
        };
        Ok(Sample {
            used,
            requests: sum(|_| true, |c| c.requests),
            by_class: counts.iter().map(|(class, counts)| (class.clone(), counts.requests)).collect(),
            bytes_read: sum(|_| true, |c| c.bytes_down),
            blob_bytes_read: sum(|class| class == "GET Blob", |c| c.bytes_down),
            bytes_sent: sum(|_| true, |c| c.bytes_up),
            blob_bytes_sent: sum(|class| class.ends_with("Upload"), |c| c.bytes_up),
            pulls_counted: world.pulls().await?.saturating_sub(pulls),
            engine: serde_json::from_str(out.trim()).ok(),
        })
    }
}
