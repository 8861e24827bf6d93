//! The aims, and whether this run met them. Ratios are to the fastest peer of the same run.

use serde::Serialize;

use crate::report::{Report, Series, megabytes};
use crate::tools::{Case, Tool};

/// A first backup takes at most this part of the fastest peer's time.
const FIRST_RATIO_MAX: f64 = 0.6;
/// A backup of nothing new takes at most this part.
const UNCHANGED_RATIO_MAX: f64 = 0.1;
/// And at most this many requests, up to [`FEW_TAGS`]; longer listings have more pages.
const UNCHANGED_REQUESTS_MAX: u64 = 5;
const FEW_TAGS: usize = 200;
/// Peak memory, whatever the number of tags and the size of a layer.
const RSS_BYTES_MAX: u64 = 128 * 1024 * 1024;

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
    if let Some(large) = &report.large {
        let rss = large.used.rss_bytes;
        all.push(Target {
            what: format!("a layer of {} MiB within {} MB of memory", large.mib, megabytes(RSS_BYTES_MAX)),
            found: format!("{} MB", megabytes(rss)),
            met: large.used.ok && rss <= RSS_BYTES_MAX,
        });
    }
    all
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
        Case::OnePercent | Case::Restore | Case::RestoreAgain => None,
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
        Case::Unchanged if series.tags <= FEW_TAGS => {
            aim(format!("≤ {UNCHANGED_REQUESTS_MAX} requests"), sample.requests.to_string(), sample.requests <= UNCHANGED_REQUESTS_MAX);
        }
        Case::Restore | Case::RestoreAgain => {
            aim("no blob byte sent".to_owned(), format!("{} bytes", sample.blob_bytes_sent), sample.blob_bytes_sent == 0);
        }
        Case::Unchanged | Case::OnePercent => {}
    }
    aim("no pull counted".to_owned(), sample.pulls_counted.to_string(), sample.pulls_counted == 0);
    let rss = sample.used.rss_bytes;
    aim(format!("≤ {} MB of memory", megabytes(RSS_BYTES_MAX)), format!("{} MB", megabytes(rss)), rss <= RSS_BYTES_MAX);
}
