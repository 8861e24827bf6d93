//! The time ribbon: one SVG, drawn on the server, with lanes for changes, snapshots and events, and a mark for the moment looked at.
//!
//! Positions are computed in whole units of a fixed canvas, so that server and browser draw the same.

use leptos::prelude::*;

use super::types::{Snapshot, Timeline};
use crate::text::t;
use crate::units::Moment;

/// Width of the canvas, units.
const WIDTH: i64 = 1_000;
/// Left edge of the lanes: room for their names.
const LEFT: i64 = 84;
/// Right edge.
const RIGHT: i64 = 990;
/// Tallest bar of changes.
const BAR: i64 = 34;
/// Grid lines.
const GRID: i64 = 6;

/// Where a moment is on the canvas.
#[must_use]
pub fn x(at: Moment, from: Moment, to: Moment) -> i64 {
    let span = from.seconds_until(to).max(1);
    let into = from.seconds_until(at).clamp(0, span);
    LEFT + (RIGHT - LEFT) * into / span
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

fn label(at: Moment, span_s: i64) -> String {
    let text = at.minute();
    if span_s <= 3 * 86_400 { text.get(11..).unwrap_or_default().to_owned() } else { text.get(5..10).unwrap_or_default().to_owned() }
}

/// The ribbon.
#[component]
pub fn Ribbon(timeline: Timeline) -> impl IntoView {
    let (from, to) = (timeline.from, timeline.to);
    let span = from.seconds_until(to).max(1);
    let most = timeline.snapshots.iter().map(|s| s.added + s.removed + s.moved).max().unwrap_or(0);
    let grid = (0..GRID)
        .map(|i| {
            let at = Moment(from.0 + time::Duration::seconds(span * i / GRID));
            let gx = x(at, from, to);
            view! {
                <line class="grid" x1=gx.to_string() x2=gx.to_string() y1="22" y2="128"></line>
                <text class="tick" x=(gx + 3).to_string() y="16">{label(at, span)}</text>
            }
        })
        .collect_view();
    let bars = timeline.snapshots.iter().map(|s| bar(s, most, from, to)).collect_view();
    let ticks = timeline
        .snapshots
        .iter()
        .map(|s| {
            let sx = x(s.moment, from, to);
            let class = if s.degraded {
                "snap bad"
            } else if s.gaps > 0 {
                "snap gaps"
            } else if s.hold.is_some() {
                "snap held"
            } else {
                "snap"
            };
            view! { <line class=class x1=sx.to_string() x2=sx.to_string() y1="78" y2="94"><title>{s.moment.long()}</title></line> }
        })
        .collect_view();
    let events = timeline
        .events
        .iter()
        .map(|e| {
            let ex = x(e.at, from, to);
            let (class, path) = if e.kind == "run_failed" {
                ("event bad", format!("M{} 108l8 8m0-8l-8 8", ex - 4))
            } else {
                ("event", format!("M{ex} 106l5 6l-5 6l-5-6z"))
            };
            view! { <path class=class d=path><title>{e.text.clone()}</title></path> }
        })
        .collect_view();
    let here = timeline.at.as_ref().map(|s| {
        let hx = x(s.moment, from, to);
        view! {
            <line class="here" x1=hx.to_string() x2=hx.to_string() y1="20" y2="134"></line>
            <circle class="here" cx=hx.to_string() cy="134" r="5"></circle>
        }
    });
    let described = format!(
        "{} {} – {}",
        crate::text::lang().pick(format!("{} snapshots,", timeline.snapshots.len()), format!("{} 个快照，", timeline.snapshots.len())),
        from.minute(),
        to.minute()
    );
    view! {
        <svg class="ribbon" viewBox=format!("0 0 {WIDTH} 144") role="img" aria-label=described preserveAspectRatio="none">
            {grid}
            <text class="lane" x="0" y="60">{t("changes", "变更")}</text>
            <text class="lane" x="0" y="90">{t("snapshots", "快照")}</text>
            <text class="lane" x="0" y="116">{t("events", "事件")}</text>
            {bars}{ticks}{events}
            <line class="base" x1=LEFT.to_string() x2=RIGHT.to_string() y1="134" y2="134"></line>
            {here}
        </svg>
    }
    .into_any()
}

fn bar(s: &Snapshot, most: i64, from: Moment, to: Moment) -> impl IntoView + use<> {
    let sx = x(s.moment, from, to) - 2;
    let all = height(s.added + s.removed + s.moved, most);
    let lost = height(s.removed, most).min(all);
    let words = format!("{}: +{} −{} ↻{}", s.moment.minute(), s.added, s.removed, s.moved);
    (all > 0).then(|| {
        view! {
            <g class="bar">
                <title>{words}</title>
                <rect class="more" x=sx.to_string() y=(66 - all).to_string() width="5" height=all.to_string()></rect>
                {(lost > 0).then(|| view! { <rect class="less" x=sx.to_string() y=(66 - lost).to_string() width="5" height=lost.to_string()></rect> })}
            </g>
        }
    })
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
        assert_eq!(x(from, from, to), LEFT);
        assert_eq!(x(to, from, to), RIGHT);
        assert_eq!(x(at("2026-12-01T00:00:00Z"), from, to), RIGHT);
        assert_eq!(x(at("2026-11-01T12:00:00Z"), from, to), (LEFT + RIGHT) / 2);
        assert_eq!(x(from, from, from), LEFT, "an empty window does not divide by zero");
    }

    #[test]
    fn one_change_is_seen_beside_a_thousand() {
        assert_eq!(height(0, 1_000), 0);
        assert!(height(1, 1_000) >= 3);
        assert_eq!(height(1_000, 1_000), BAR);
        assert!(height(10, 1_000) < height(100, 1_000));
    }
}
