//! Thirty days of a plan, one bar a day: height, hatching and marks say the same as the colours.

use leptos::prelude::*;

use crate::plans::types::DayState;
use crate::text::{Lang, lang, t};

/// Width of a day and its gap.
const STEP: usize = 9;
/// Days shown at most.
const DAYS_MAX: usize = 60;

fn word(state: DayState) -> &'static str {
    match state {
        DayState::BeforeStart => t("before start", "尚未开始"),
        DayState::Idle => t("nothing due", "无任务"),
        DayState::Good => t("good", "正常"),
        DayState::Running => t("running", "进行中"),
        DayState::Gaps => t("with gaps", "有缺口"),
        DayState::Missed => t("missed", "未执行"),
        DayState::Failed => t("failed", "失败"),
    }
}

/// The strip's text: counts of all that is not plain good.
fn summary(days: &[DayState]) -> String {
    let count = |state: DayState| days.iter().filter(|d| **d == state).count();
    let parts: Vec<String> = [DayState::Good, DayState::Gaps, DayState::Missed, DayState::Failed, DayState::Running]
        .into_iter()
        .filter(|s| count(*s) > 0)
        .map(|s| format!("{} {}", count(s), word(s)))
        .collect();
    match lang() {
        Lang::En => format!("last {} days: {}", days.len(), if parts.is_empty() { "nothing ran".to_owned() } else { parts.join(", ") }),
        Lang::ZhCn => format!("最近 {} 天：{}", days.len(), if parts.is_empty() { "无运行".to_owned() } else { parts.join("，") }),
    }
}

/// Days of one state beside each other: `first` counts from the left, `ago` is how long ago the last of them was.
fn bars(first: usize, number: usize, ago: usize, state: DayState) -> AnyView {
    let from = ago + number - 1;
    let days = match (lang(), number, ago) {
        (Lang::En, 1, 0) => "today".to_owned(),
        (Lang::ZhCn, 1, 0) => "今天".to_owned(),
        (Lang::En, 1, ago) => format!("{ago} d ago"),
        (Lang::ZhCn, 1, ago) => format!("{ago} 天前"),
        (Lang::En, _, 0) => format!("{from} d ago until today"),
        (Lang::ZhCn, _, 0) => format!("{from} 天前至今天"),
        (Lang::En, ..) => format!("{from} to {ago} d ago"),
        (Lang::ZhCn, ..) => format!("{from} 至 {ago} 天前"),
    };
    let title = format!("{days}{}{}", t(": ", "："), word(state));
    let (class, y, height) = match state {
        DayState::BeforeStart => ("day before", 17, 4),
        DayState::Idle => ("day idle", 15, 6),
        DayState::Good => ("day good", 3, 18),
        DayState::Running => ("day running", 3, 18),
        DayState::Gaps => ("day gaps", 9, 12),
        DayState::Missed => ("day missed", 3, 18),
        DayState::Failed => ("day failed", 3, 18),
    };
    let each = || (first..first + number).map(|index| index * STEP);
    let bars: String = each().map(|x| format!("M{x} {y}h7v{height}h-7z")).collect();
    let mark = |x: usize| match state {
        DayState::Failed => format!("M{} 10l4 4m0-4l-4 4", x + 2),
        DayState::Running => format!("M{} 12h3", x + 2),
        DayState::Missed => format!("M{x} 21l7-7m-7 0 7-7m-7 0 4-4"),
        _ => String::new(),
    };
    let marks: String = each().map(mark).collect();
    view! {
        <g class=class>
            <title>{title}</title>
            <path class="bar" d=bars></path>
            {(!marks.is_empty()).then(|| view! { <path d=marks></path> })}
        </g>
    }
    .into_any()
}

/// The strip, oldest day first.
#[component]
pub fn DayStrip(days: Vec<DayState>) -> impl IntoView {
    let skip = days.len().saturating_sub(DAYS_MAX);
    let days: Vec<DayState> = days.into_iter().skip(skip).collect();
    let label = summary(&days);
    let width = days.len() * STEP;
    let mut first = 0;
    let bars = days
        .chunk_by(|a, b| a == b)
        .map(|run| {
            let drawn = bars(first, run.len(), days.len() - first - run.len(), run[0]);
            first += run.len();
            drawn
        })
        .collect_view();
    view! {
        <svg class="days" viewBox=format!("0 0 {width} 24") width=width height="24" preserveAspectRatio="none" role="img" aria-label=label>
            {bars}
        </svg>
    }
    .into_any()
}
