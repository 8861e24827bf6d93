//! The aims, and whether this run met them. Ratios are to the fastest peer of the same run.

use serde::Serialize;

use crate::growth::{self, Row};
use crate::large::Large;
use crate::mark::Marked;
use crate::report::{Report, Series, megabytes};
use crate::sim::Content;
use crate::tools::{Case, Tool};
use crate::usage::Used;

/// A first backup takes at most this part of the fastest peer's time.
const FIRST_RATIO_MAX: f64 = 0.6;
/// A backup of nothing new takes at most this part.
const UNCHANGED_RATIO_MAX: f64 = 0.1;
/// And at most this many requests.
const UNCHANGED_REQUESTS_MAX: u64 = 5;
/// And seconds: so many, and so many more for each second of latency.
const UNCHANGED_S_MAX: f64 = 0.1;
const UNCHANGED_S_PER_LATENCY: f64 = 2.5;
/// Peak memory, whatever the number of tags and the size of a layer.
const RSS_BYTES_MAX: u64 = 128 * 1024 * 1024;

/// A layer takes at most this part of the time more than the slowest of source, SHA-256 and disk alone.
const LARGE_SHARE_MIN: f64 = 0.9;
/// A scrub reads at this part of the speed of SHA-256 alone.
const SCRUB_SHARE_MIN: f64 = 0.8;
/// Time for each tag at [`growth::MANY`] tags against that at [`growth::FEW`].
const GROWTH_RATIO_MAX: f64 = 1.3;
/// A mark: five minutes for twenty million references.
const MARK_S_PER_REFERENCE_MAX: f64 = 300.0 / 20_000_000.0;

/// An aim and what was found.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Target {
    pub what: String,
    pub found: String,
    pub met: bool,
}

/// All aims this run can say something about.
pub(crate) fn targets(report: &Report) -> Vec<Target> {
    let mut all = Vec::new();
    for series in report.samples.keys().filter(|series| series.tool == Tool::Breakwater) {
        of(report, *series, &mut all);
    }
    all.extend(report.large.iter().flat_map(large));
    all.extend(report.growth.iter().flat_map(of_row));
    all.extend(growth_ratios(&report.growth));
    all.extend(report.scrub.iter().map(|scrub| {
        let share = scrub.hash_s / scrub.scrub_s;
        let what = format!("a scrub at ≥ {SCRUB_SHARE_MIN} of the speed of SHA-256");
        Target { what, found: format!("{share:.2}"), met: share >= SCRUB_SHARE_MIN }
    }));
    all.extend(report.mark.iter().flat_map(mark));
    all
}

fn within_memory(name: &str, used: &Used) -> Target {
    let what = format!("{name} within {} MB of memory", megabytes(RSS_BYTES_MAX));
    Target { what, found: format!("{} MB", megabytes(used.rss_bytes)), met: used.ok && used.rss_bytes <= RSS_BYTES_MAX }
}

fn large(large: &Large) -> [Target; 2] {
    let Large { mib, used, limits } = large;
    let share = limits.source_s.max(limits.hash_s).max(limits.disk_s) / used.wall_s;
    let what = format!("a layer of {mib} MiB at ≥ {LARGE_SHARE_MIN} of the slowest of source, SHA-256 and disk");
    let speed = Target { what, found: format!("{share:.2}"), met: used.ok && share >= LARGE_SHARE_MIN };
    [within_memory(&format!("a layer of {mib} MiB"), used), speed]
}

fn of_row(row: &Row) -> [Target; 2] {
    [("first backup", &row.first), ("listed anew", &row.listed)]
        .map(|(case, cost)| within_memory(&format!("{}, {case}", row.name()), &cost.used))
}

/// Whether time grows in proportion to tags.
fn growth_ratios(rows: &[Row]) -> Vec<Target> {
    let of = |tags: usize, like: &Row| {
        let same = |row: &&Row| row.content == Content { tags, ..like.content } && row.latency_ms == like.latency_ms;
        rows.iter().find(same)
    };
    let mut all = Vec::new();
    for many in rows.iter().filter(|row| row.content.tags == growth::MANY) {
        let Some(few) = of(growth::FEW, many) else { continue };
        for (case, few, more) in [("first backup", &few.first, &many.first), ("listed anew", &few.listed, &many.listed)] {
            let times = growth::MANY as f64 / growth::FEW as f64;
            let ratio = more.used.wall_s / few.used.wall_s / times;
            let what = format!("{}, {case}: ≤ {GROWTH_RATIO_MAX} of the time for each tag at {} tags", many.name(), growth::FEW);
            all.push(Target { what, found: format!("{ratio:.2}"), met: few.used.ok && more.used.ok && ratio <= GROWTH_RATIO_MAX });
        }
    }
    all
}

fn mark(mark: &Marked) -> [Target; 2] {
    let limit = mark.references as f64 * MARK_S_PER_REFERENCE_MAX;
    let what = format!("a mark over {} references within {limit:.0} s", mark.references);
    let time = Target { what, found: format!("{:.1} s", mark.used.wall_s), met: mark.used.ok && mark.used.wall_s <= limit };
    [time, within_memory(&format!("a mark over {} references", mark.references), &mark.used)]
}

fn of(report: &Report, series: Series, all: &mut Vec<Target>) {
    let place = format!("{}, {} tags, {} ms", series.case.name(), series.tags, series.latency_ms);
    let Some(sample) = report.median(series) else {
        all.push(Target { what: place, found: "it failed".to_owned(), met: false });
        return;
    };
    let mut aim = |what: String, found: String, met: bool| all.push(Target { what: format!("{place}: {what}"), found, met });
    let ratio_max = match series.case {
        Case::First => Some(FIRST_RATIO_MAX),
        Case::Unchanged => Some(UNCHANGED_RATIO_MAX),
        Case::Listed | Case::OnePercent | Case::Restore | Case::RestoreAgain => None,
    };
    if let (Some(max), Some((peer, fastest))) = (ratio_max, report.fastest_peer(series)) {
        let ratio = sample.used.wall_s / fastest.used.wall_s;
        let found = format!("{ratio:.2} ({:.2} s, {} {:.2} s)", sample.used.wall_s, peer.name(), fastest.used.wall_s);
        aim(format!("≤ {max} of the fastest peer's time"), found, ratio <= max);
    }
    match series.case {
        Case::First => {
            let unique = report.unique_bytes.get(&series.tags).copied().unwrap_or_default();
            let found = format!("{} of {} MB", megabytes(sample.blob_bytes_read), megabytes(unique));
            aim("unique bytes read once".to_owned(), found, sample.blob_bytes_read == unique);
        }
        Case::Unchanged => {
            let most = UNCHANGED_S_MAX + series.latency_ms as f64 / 1_000.0 * UNCHANGED_S_PER_LATENCY;
            let wall_s = sample.used.wall_s;
            aim(format!("≤ {most:.2} s"), format!("{wall_s:.2} s"), wall_s <= most);
            aim(format!("≤ {UNCHANGED_REQUESTS_MAX} requests"), sample.requests.to_string(), sample.requests <= UNCHANGED_REQUESTS_MAX);
        }
        Case::Restore | Case::RestoreAgain => {
            aim("no blob byte sent".to_owned(), format!("{} bytes", sample.blob_bytes_sent), sample.blob_bytes_sent == 0);
        }
        Case::Listed | Case::OnePercent => {}
    }
    aim("no pull counted".to_owned(), sample.pulls_counted.to_string(), sample.pulls_counted == 0);
    let rss = sample.used.rss_bytes;
    aim(format!("≤ {} MB of memory", megabytes(RSS_BYTES_MAX)), format!("{} MB", megabytes(rss)), rss <= RSS_BYTES_MAX);
}
