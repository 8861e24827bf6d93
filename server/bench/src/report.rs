//! What was measured: a table to read and JSON to keep.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::ser::SerializeSeq;
use serde::{Serialize, Serializer};
use time::OffsetDateTime;
use time::macros::format_description;

use crate::cases::Sample;
use crate::growth::Row;
use crate::judge::Target;
use crate::large::Large;
use crate::mark::Marked;
use crate::scrub::Scrubbed;
use crate::tools::{Case, Tool};
use crate::usage::Used;
use crate::{Failure, Options};

/// What belongs together: the repetitions of one case of one tool.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub(crate) struct Series {
    pub tags: usize,
    pub latency_ms: u64,
    pub case: Case,
    pub tool: Tool,
}

#[derive(Serialize)]
pub(crate) struct Report {
    pub taken: String,
    pub harbor: String,
    pub runs: u32,
    /// By name; a peer that is not there says so.
    pub versions: BTreeMap<&'static str, String>,
    #[serde(serialize_with = "commands")]
    pub commands: BTreeMap<(Tool, Case), String>,
    /// Bytes of all different blobs, by tags.
    pub unique_bytes: BTreeMap<usize, u64>,
    #[serde(serialize_with = "series")]
    pub samples: BTreeMap<Series, Vec<Sample>>,
    pub large: Option<Large>,
    pub growth: Vec<Row>,
    pub scrub: Option<Scrubbed>,
    pub mark: Option<Marked>,
    pub targets: Vec<Target>,
    /// What a reader must know to compare.
    pub notes: [&'static str; 3],
}

fn commands<S: Serializer>(commands: &BTreeMap<(Tool, Case), String>, serializer: S) -> Result<S::Ok, S::Error> {
    let mut seq = serializer.serialize_seq(Some(commands.len()))?;
    for ((tool, case), line) in commands {
        seq.serialize_element(&serde_json::json!({ "tool": tool, "case": case, "line": line }))?;
    }
    seq.end()
}

fn series<S: Serializer>(samples: &BTreeMap<Series, Vec<Sample>>, serializer: S) -> Result<S::Ok, S::Error> {
    #[derive(Serialize)]
    struct Row<'a> {
        #[serde(flatten)]
        series: &'a Series,
        median_wall_s: Option<f64>,
        samples: &'a [Sample],
    }
    let mut seq = serializer.serialize_seq(Some(samples.len()))?;
    for (series, samples) in samples {
        seq.serialize_element(&Row { series, median_wall_s: median(samples).map(|m| m.used.wall_s), samples })?;
    }
    seq.end()
}

/// The sample in the middle by wall time; `None` when one of them failed.
pub(crate) fn median(samples: &[Sample]) -> Option<&Sample> {
    if samples.iter().any(|sample| !sample.used.ok) {
        return None;
    }
    let mut sorted: Vec<&Sample> = samples.iter().collect();
    sorted.sort_by(|a, b| a.used.wall_s.total_cmp(&b.used.wall_s));
    sorted.get(sorted.len() / 2).copied()
}

impl Report {
    pub fn new(harbor: &str, options: &Options) -> Self {
        Self {
            taken: stamp(),
            harbor: harbor.to_owned(),
            runs: options.runs,
            versions: BTreeMap::new(),
            commands: BTreeMap::new(),
            unique_bytes: BTreeMap::new(),
            samples: BTreeMap::new(),
            large: None,
            growth: Vec::new(),
            scrub: None,
            mark: None,
            targets: Vec::new(),
            notes: [
                "Breakwater's vault is durable when the command ends (fsync of every object and of its name)",
                "skopeo and crane copy into docker-registry, so its speed and its own syncing are part of their time; oras and regsync write a folder",
                "restore: the repository was deleted and Harbor's garbage not collected; the restore goes to the same place",
            ],
        }
    }

    pub fn median(&self, series: Series) -> Option<&Sample> {
        self.samples.get(&series).and_then(|samples| median(samples))
    }

    /// The fastest peer of a case, if any finished.
    pub fn fastest_peer(&self, of: Series) -> Option<(Tool, &Sample)> {
        let same = |s: &Series| s.tags == of.tags && s.latency_ms == of.latency_ms && s.case == of.case && s.tool != Tool::Breakwater;
        let peers = self.samples.iter().filter(|(series, _)| same(series));
        peers.filter_map(|(s, samples)| Some((s.tool, median(samples)?))).min_by(|a, b| a.1.used.wall_s.total_cmp(&b.1.used.wall_s))
    }

    pub fn print(&self) {
        println!("\n{}, {}, median of {}", self.harbor, self.taken, self.runs);
        for (name, version) in &self.versions {
            println!("  {name}: {version}");
        }
        let head = ["case", "tool", "wall s", "ratio", "requests", "MB read", "MB sent", "RSS MB", "pulls"];
        let mut before = None;
        for (series, samples) in &self.samples {
            if before.replace((series.tags, series.latency_ms)) != Some((series.tags, series.latency_ms)) {
                println!("\n{} tags, {} ms added to each request", series.tags, series.latency_ms);
                println!(
                    "{:<14}{:<12}{:>8}{:>8}{:>10}{:>9}{:>9}{:>8}{:>7}",
                    head[0], head[1], head[2], head[3], head[4], head[5], head[6], head[7], head[8]
                );
            }
            let (case, tool) = (series.case.name(), series.tool.name());
            let Some(sample) = median(samples) else {
                let why = if samples.iter().any(|s| s.used.timed_out) { "ended after the longest time allowed" } else { "failed" };
                println!("{case:<14}{tool:<12} {why}");
                continue;
            };
            let ratio = self
                .fastest_peer(*series)
                .map_or_else(|| "–".to_owned(), |(_, peer)| format!("{:.2}", sample.used.wall_s / peer.used.wall_s));
            println!(
                "{case:<14}{tool:<12}{:>8.2}{ratio:>8}{:>10}{:>9}{:>9}{:>8}{:>7}",
                sample.used.wall_s,
                sample.requests,
                megabytes(sample.bytes_read),
                megabytes(sample.bytes_sent),
                megabytes(sample.used.rss_bytes),
                sample.pulls_counted
            );
        }
        println!();
        for note in &self.notes {
            println!("note: {note}");
        }
        self.print_scale();
        for target in &self.targets {
            println!("{} {}: {}", if target.met { "met   " } else { "MISSED" }, target.what, target.found);
        }
    }
}

impl Report {
    fn print_scale(&self) {
        if let Some(large) = &self.large {
            let Large { mib, used, limits } = large;
            println!("one layer of {mib} MiB: backup {:.1} s, peak memory {} MB", used.wall_s, megabytes(used.rss_bytes));
            println!("  the same bytes: source {:.1} s, SHA-256 {:.1} s, disk {:.1} s", limits.source_s, limits.hash_s, limits.disk_s);
        }
        for row in &self.growth {
            for (case, cost) in [("first", &row.first), ("listed anew", &row.listed)] {
                let Used { wall_s, cpu_s, rss_bytes, .. } = cost.used;
                let (name, requests, rss) = (row.name(), cost.requests, megabytes(rss_bytes));
                println!("{name}, {case}: {wall_s:.2} s, {cpu_s:.2} CPU s, {requests} requests, {rss} MB");
            }
        }
        if let Some(scrub) = &self.scrub {
            println!("{} MB scrubbed in {:.2} s, hashed in {:.2} s", megabytes(scrub.bytes), scrub.scrub_s, scrub.hash_s);
        }
        if let Some(mark) = &self.mark {
            let Marked { references, manifests, blobs, used } = mark;
            println!(
                "{references} references of {manifests} manifests to {blobs} blobs marked in {:.1} s, {} MB",
                used.wall_s,
                megabytes(used.rss_bytes)
            );
        }
    }
}

/// Millions of bytes with one decimal.
pub(crate) fn megabytes(bytes: u64) -> String {
    let tenths = bytes / 100_000;
    format!("{}.{}", tenths / 10, tenths % 10)
}

fn stamp() -> String {
    let format = format_description!("[year][month][day]T[hour][minute][second]Z");
    OffsetDateTime::now_utc().format(&format).unwrap_or_else(|_| "unknown".to_owned())
}

/// Writes the JSON; the default folder is in the cargo target folder, which is never committed.
pub(crate) async fn write(report: &Report, out: Option<&Path>) -> Result<PathBuf, Failure> {
    let folder = match out {
        Some(folder) => folder.to_owned(),
        None => PathBuf::from(std::env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| "target".into())).join("bench"),
    };
    tokio::fs::create_dir_all(&folder).await?;
    let file = folder.join(format!("{}.json", report.taken));
    tokio::fs::write(&file, serde_json::to_vec_pretty(report)?).await?;
    Ok(file)
}
