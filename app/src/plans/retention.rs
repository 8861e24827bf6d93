//! What a retention rule does, in words and as a list.

use leptos::prelude::*;

use super::types::{Keep, Kept, Retention};
use crate::sentence::Sentence as _;
use crate::text::{Lang, lang, t};
use crate::ui::*;
use crate::units::count;

/// The rule in one line.
#[must_use]
pub fn keep_words(keep: &Keep) -> String {
    if keep.is_all() {
        return t("everything, for ever", "全部永久保留").to_owned();
    }
    let parts = [
        (keep.last, "newest", "个最近快照"),
        (keep.hourly, "hours", "小时"),
        (keep.daily, "days", "天"),
        (keep.weekly, "weeks", "周"),
        (keep.monthly, "months", "个月"),
        (keep.yearly, "years", "年"),
    ];
    let mut words: Vec<String> = parts
        .into_iter()
        .filter(|(n, ..)| *n > 0)
        .map(|(n, en, zh)| match lang() {
            Lang::En => format!("{n} {en}"),
            Lang::ZhCn => format!("{n} {zh}"),
        })
        .collect();
    if keep.within_days > 0 {
        words.push(match lang() {
            Lang::En => format!("all of {} days", keep.within_days),
            Lang::ZhCn => format!("最近 {} 天全部", keep.within_days),
        });
    }
    words.join(t(", ", "、"))
}

fn comes_to(retention: &Retention) -> String {
    match (lang(), retention.in_the_long_run) {
        (Lang::En, 0) => "Every snapshot stays.".to_owned(),
        (Lang::ZhCn, 0) => "所有快照均保留。".to_owned(),
        (Lang::En, 1) => "In the long run one snapshot of each project.".to_owned(),
        (Lang::En, n) => {
            format!("In the long run {} snapshots of each project, the oldest {} days old.", count(n), count(retention.oldest_days))
        }
        (Lang::ZhCn, n) => format!("长期来看每个项目保留 {} 个快照，最早约 {} 天前。", count(n), count(retention.oldest_days)),
    }
}

fn now(retention: &Retention) -> Option<AnyView> {
    if retention.snapshots == 0 {
        return None;
    }
    let text = match (lang(), retention.go) {
        (Lang::En, 0) => format!("Of the {} snapshots there are it lets none go.", count(retention.snapshots)),
        (Lang::ZhCn, 0) => format!("现有 {} 个快照均不会清理。", count(retention.snapshots)),
        (Lang::En, go) => format!("Of the {} snapshots there are it lets {} go.", count(retention.snapshots), count(go)),
        (Lang::ZhCn, go) => format!("现有 {} 个快照中将清理 {} 个。", count(retention.snapshots), count(go)),
    };
    Some(match retention.go {
        0 => view! { <p>{text}</p> }.into_any(),
        _ => view! { <Callout tone=Tone::Warn>{text}</Callout> }.into_any(),
    })
}

fn row(kept: Kept) -> impl IntoView {
    let state = if kept.reasons.is_empty() {
        view! { <Status tone=Tone::Warn text=t("goes", "清理")/> }.into_any()
    } else {
        view! { <Status tone=Tone::Ok text=t("stays", "保留")/> }.into_any()
    };
    view! {
        <tr>
            <Cell>{kept.project}</Cell>
            <Cell label=t("Moment", "时刻")><When at=kept.at/></Cell>
            <Cell label=t("Rule", "规则")>{state}" "<span class="note">{kept.reasons.iter().map(|why| why.say(lang())).collect::<Vec<_>>().join(" · ")}</span></Cell>
        </tr>
    }
}

/// The rule, what it comes to, and the snapshots under it.
#[component]
pub fn RetentionPanel(
    /// The rule.
    keep: Keep,
    /// What it does.
    retention: Retention,
) -> impl IntoView {
    let (comes_to, now) = (comes_to(&retention), now(&retention));
    let waits = retention.acts_from.map(|at| {
        view! { <Callout tone=Tone::Held>{t("A new rule rests for a day; this one lets nothing go before ", "新规则静置一天后生效：")}<When at=at/></Callout> }
    });
    let cols = vec![Col::text(t("Project", "项目")), Col::text(t("Moment", "时刻")), Col::text(t("Rule", "规则"))];
    let list = (!retention.shown.is_empty()).then(|| {
        let rows = retention.shown.into_iter().map(row).collect_view();
        view! {
            <details>
                <summary class="note">{t("Snapshot by snapshot", "逐个快照")}</summary>
                <DataTable caption=t("Snapshots under the rule", "规则下的快照") cols=cols>{rows}</DataTable>
            </details>
        }
    });
    view! {
        <Panel title=t("Keeps", "保留") note=keep_words(&keep) padded=true>
            {waits}
            <p>{comes_to}</p>
            {now}
            {list}
        </Panel>
    }
    .into_any()
}
