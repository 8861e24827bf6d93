//! The time ribbon: one SVG, drawn on the server, with lanes for changes, snapshots and events, and a mark for the moment looked at.
//!
//! Across, everything is in hundredths of a percent of the window, so it fits every screen without bending its letters. Clicking a snapshot goes to it; the same is in the table below, which is what keyboards
//! and screen readers use, so the drawing is hidden from them but for one sentence.

use leptos::prelude::*;

use super::project_href;
use super::types::{Snapshot, Timeline};
use crate::sentence::Sentence as _;
use crate::text::{lang, t};
use crate::ui::{bare, long, minute, page_zone, url_part};
use crate::units::Moment;
use crate::zone::Zone;

/// The whole width.
const WIDTH: i64 = 10_000;
/// Tallest bar of changes, and where bars stand.
const BAR: i64 = 40;
const FLOOR: i64 = 72;
/// Most grid lines.
const GRID_MAX: i64 = 7;
/// Distances of grid lines, seconds: those that people count in.
const STEPS_S: [i64; 22] = [
    1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1_800, 3_600, 7_200, 10_800, 21_600, 43_200, 86_400, 172_800, 432_000, 864_000, 2_592_000,
    7_776_000,
];

/// Where a moment is across the window.
#[must_use]
pub fn across(at: Moment, from: Moment, to: Moment) -> i64 {
    let span = (to.0 - from.0).whole_microseconds().max(1);
    let into = (at.0 - from.0).whole_microseconds().clamp(0, span);
    i64::try_from(i128::from(WIDTH) * into / span).unwrap_or(WIDTH)
}

/// A place or a width as an attribute.
#[must_use]
pub fn percent(across: i64) -> String {
    format!("{}.{:02}%", across / 100, across % 100)
}

/// Height of a bar: by the square root, so that one change is seen beside a thousand.
#[must_use]
pub fn height(changes: i64, most: i64) -> i64 {
    if changes <= 0 || most <= 0 {
        return 0;
    }
    let root = |n: i64| {
        let mut r = 0;
        while (r + 1) * (r + 1) <= n {
            r += 1;
        }
        r
    };
    (BAR * root(changes * 100) / root(most * 100).max(1)).max(3)
}

/// Round moments of the window by the reader's clocks, and what is written at them.
fn grid(from: Moment, to: Moment, zone: &Zone) -> Vec<(Moment, String)> {
    let span = from.seconds_until(to).max(1);
    let step = STEPS_S.into_iter().find(|step| span / step < GRID_MAX).unwrap_or(31_104_000);
    let east = i64::from(zone.east_s(from));
    let start = from.0.unix_timestamp() + east;
    let first = start + (step - start.rem_euclid(step)) % step - east;
    let end = to.0.unix_timestamp();
    (0..=GRID_MAX)
        .map(|i| first + i * step)
        .take_while(|at| *at <= end)
        .filter_map(|at| time::OffsetDateTime::from_unix_timestamp(at).ok().map(Moment))
        .map(|at| {
            let text = zone.field(at);
            let part = if step < 60 {
                text.get(11..19)
            } else if step < 86_400 {
                text.get(11..16)
            } else {
                text.get(5..10)
            };
            (at, part.unwrap_or_default().to_owned())
        })
        .collect()
}

/// The ribbon.
#[component]
pub fn Ribbon(timeline: Timeline) -> impl IntoView {
    let (from, to) = (timeline.from, timeline.to);
    let most = timeline.snapshots.iter().map(|s| s.added + s.removed + s.moved).max().unwrap_or(0);
    let base = project_href(&timeline.project.harbor, &timeline.project.project);
    let lines = grid(from, to, &page_zone().zone).into_iter().map(|(at, text)| tick(across(at, from, to), text)).collect_view();
    let marks = timeline.snapshots.iter().map(|s| mark(s, &base, most, across(s.moment, from, to))).collect_view();
    let stood = timeline
        .snapshots
        .iter()
        .filter_map(|s| Some(stretch(across(s.moment, from, to), across(s.confirmed()?, from, to))))
        .collect_view();
    let events = timeline
        .events
        .iter()
        .map(|e| {
            let (class, path) =
                if e.kind == "run_failed" { ("event bad", "M-4 122l8 8m0-8l-8 8") } else { ("event", "M0 120l5 6l-5 6l-5-6z") };
            let x = percent(across(e.at, from, to));
            view! { <svg x=x class="over"><path class=class d=path><title>{e.text.say(lang())}</title></path></svg> }
        })
        .collect_view();
    let here = timeline.at.as_ref().map(|s| here(s.moment, across(s.moment, from, to)));
    let n = timeline.snapshots.len();
    let described = lang().pick(
        format!("{n} snapshots from {} to {}; the table of snapshots has the same.", bare(from), minute(to)),
        format!("{} 至 {} 共 {n} 个快照；快照表内容相同。", bare(from), minute(to)),
    );
    view! {
        <p class="unseen">{described}</p>
        <div class="ribbon" aria-hidden="true">
            <div class="lanes">
                <span>{t("changes", "变更")}</span>
                <span>{t("snapshots", "快照")}</span>
                <span>{t("events", "事件")}</span>
            </div>
            <svg class="over">
                {lines}
                <line class="base" x1="0" x2="100%" y1="144" y2="144"></line>
                {stood}{marks}{events}{here}
            </svg>
        </div>
    }
    .into_any()
}

fn tick(x: i64, text: String) -> impl IntoView {
    let late = x > WIDTH * 93 / 100;
    let (anchor, aside) = if late { ("end", "translate(-4 0)") } else { ("start", "translate(4 0)") };
    view! {
        <line class="grid" x1=percent(x) x2=percent(x) y1="8" y2="144"></line>
        <text class="tick" x=percent(x) y="18" text-anchor=anchor transform=aside>{text}</text>
    }
}

/// The moment looked at, and its time under it.
fn here(at: Moment, x: i64) -> impl IntoView {
    let anchor = match x {
        ..1_200 => "start",
        1_200..8_800 => "middle",
        _ => "end",
    };
    view! {
        <line class="here" x1=percent(x) x2=percent(x) y1="24" y2="144"></line>
        <circle class="here" cx=percent(x) cy="144" r="5"></circle>
        <text class="here" x=percent(x) y="166" text-anchor=anchor>{long(at)}</text>
    }
}

/// For how long runs found a snapshot to hold still.
fn stretch(from: i64, to: i64) -> impl IntoView {
    view! { <line class="stood" x1=percent(from) x2=percent(to) y1="96" y2="96"></line> }
}

/// A snapshot: the bar of its changes, its stroke, and an area around both that is easy to hit.
fn mark(s: &Snapshot, base: &str, most: i64, x: i64) -> impl IntoView + use<> {
    let all = height(s.added + s.removed + s.moved, most);
    let lost = height(s.removed, most).min(all);
    let gaps =
        super::gap_words::gap_count(s.gaps, s.gaps_accepted, crate::text::lang()).map(|words| format!(" · {words}")).unwrap_or_default();
    let until = s.confirmed().map(|at| format!(" → {}", long(at))).unwrap_or_default();
    let words = format!("{}{until} · +{} −{} ↻{}{gaps}", long(s.moment), s.added, s.removed, s.moved);
    let class = if s.degraded {
        "snap bad"
    } else if !s.good && s.gaps > 0 {
        "snap gaps"
    } else if !s.holds.is_empty() {
        "snap held"
    } else {
        "snap"
    };
    let href = format!("{base}?at={}", url_part(&s.moment.url()));
    view! {
        <svg x=percent(x) class="over">
            <a href=href tabindex="-1">
                <title>{words}</title>
                <rect class="hit" x="-6" y="28" width="12" height="82"></rect>
                {(all > 0).then(|| view! { <rect class="more" x="-3" y=(FLOOR - all).to_string() width="6" height=all.to_string()></rect> })}
                {(lost > 0).then(|| view! { <rect class="less" x="-3" y=(FLOOR - lost).to_string() width="6" height=lost.to_string()></rect> })}
                <line class=class x1="0" x2="0" y1="86" y2="106"></line>
            </a>
        </svg>
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Moment {
        Moment::parse(text).unwrap()
    }

    #[test]
    fn the_window_fills_the_lane_and_nothing_leaves_it() {
        let (from, to) = (at("2026-11-01T00:00:00Z"), at("2026-11-02T00:00:00Z"));
        assert_eq!(across(from, from, to), 0);
        assert_eq!(across(to, from, to), WIDTH);
        assert_eq!(across(at("2026-12-01T00:00:00Z"), from, to), WIDTH);
        assert_eq!(percent(across(at("2026-11-01T12:00:00Z"), from, to)), "50.00%");
        assert_eq!(across(from, from, from), 0, "an empty window does not divide by zero");
    }

    #[test]
    fn one_change_is_seen_beside_a_thousand() {
        assert_eq!(height(0, 1_000), 0);
        assert!(height(1, 1_000) >= 3);
        assert_eq!(height(1_000, 1_000), BAR);
        assert!(height(10, 1_000) < height(100, 1_000));
    }

    #[test]
    fn grid_lines_stand_at_round_times_of_the_readers_clocks() {
        let texts = |from, to, zone: &Zone| grid(at(from), at(to), zone).into_iter().map(|(_, text)| text).collect::<Vec<_>>();
        let shanghai = Zone { name: "Asia/Shanghai".to_owned(), first: 28_800, changes: Vec::new() };
        assert_eq!(texts("2026-11-01T00:00:00Z", "2026-11-02T00:00:00Z", &shanghai), ["12:00", "18:00", "00:00", "06:00"]);
        assert_eq!(texts("2026-11-01T00:00:57.5Z", "2026-11-01T00:01:09Z", &Zone::default())[..2], ["00:00:58", "00:01:00"]);
        assert_eq!(texts("2026-10-02T10:00:00Z", "2026-11-02T10:00:00Z", &Zone::default()).len(), 6);
        assert!(texts("2016-10-02T10:00:00Z", "2026-11-02T10:00:00Z", &Zone::default()).len() <= 8);
    }
}
