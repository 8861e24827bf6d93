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

fn bar(index: usize, ago: usize, state: DayState) -> AnyView {
    let x = index * STEP;
    let title = match lang() {
        Lang::En if ago == 0 => format!("today: {}", word(state)),
        Lang::En => format!("{ago} d ago: {}", word(state)),
        Lang::ZhCn if ago == 0 => format!("今天：{}", word(state)),
        Lang::ZhCn => format!("{ago} 天前：{}", word(state)),
    };
    let (class, y, height) = match state {
        DayState::BeforeStart => ("day before", 17, 4),
        DayState::Idle => ("day idle", 15, 6),
        DayState::Good => ("day good", 3, 18),
        DayState::Running => ("day running", 3, 18),
        DayState::Gaps => ("day gaps", 9, 12),
        DayState::Missed => ("day missed", 3, 18),
        DayState::Failed => ("day failed", 3, 18),
    };
    let mark = match state {
        DayState::Failed => Some(format!("m{} 10 4 4m0-4-4 4", x + 2)),
        DayState::Running => Some(format!("M{} 12h3", x + 2)),
        DayState::Missed => Some(format!("M{} 21l7-7m-7 0 7-7m-7 0 4-4", x)),
        _ => None,
    };
    view! {
        <g class=class>
            <title>{title}</title>
            <rect x=x y=y width="7" height=height></rect>
            {mark.map(|d| view! { <path d=d></path> })}
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
    let count = days.len();
    view! {
        <svg class="days" viewBox=format!("0 0 {width} 24") width=width height="24" preserveAspectRatio="none" role="img" aria-label=label>
            {days.into_iter().enumerate().map(|(i, state)| bar(i, count - 1 - i, state)).collect_view()}
        </svg>
    }
    .into_any()
}
