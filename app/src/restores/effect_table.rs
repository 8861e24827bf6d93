//! What a restore would do to Harbor: warnings, gaps and bytes, above its lines.

use leptos::prelude::*;

use super::types::{EffectKind, EffectPlan, PlanGap};
use crate::sentence::Sentence as _;
use crate::text::{lang, t};
use crate::ui::*;
use crate::units::{bytes, count};

/// Shape and word of an effect.
#[must_use]
pub fn effect_word(effect: EffectKind) -> (Tone, &'static str) {
    match effect {
        EffectKind::Create => (Tone::Ok, t("created", "新建")),
        EffectKind::Move => (Tone::Warn, t("moves", "移动")),
        EffectKind::Mend => (Tone::Ok, t("sent again", "补发")),
        EffectKind::Skip => (Tone::Idle, t("nothing to do", "无需操作")),
        EffectKind::Blocked => (Tone::Fail, t("blocked", "受阻")),
    }
}

/// What is to be sent: exact where every blob was looked for, else from – to.
#[must_use]
pub fn bytes_words(plan: &EffectPlan) -> String {
    if plan.blobs_unknown == 0 {
        return lang().pick(
            format!("{} to send, {} already in Harbor.", bytes(plan.bytes_to_send), bytes(plan.bytes_present)),
            format!("需发送 {}，Harbor 中已有 {}。", bytes(plan.bytes_to_send), bytes(plan.bytes_present)),
        );
    }
    let (least, most) = (bytes(plan.bytes_to_send), bytes(plan.bytes_to_send + plan.bytes_unknown));
    let (present, blobs) = (bytes(plan.bytes_present), count(plan.blobs_unknown));
    lang().pick(
        format!("Between {least} and {most} to send: {blobs} blobs were not looked for. {present} found in Harbor."),
        format!("需发送 {least} 至 {most}：{blobs} 个 blob 未查询。已确认 Harbor 中有 {present}。"),
    )
}

/// Warnings, gaps and the sum.
#[component]
pub fn EffectSummary(plan: EffectPlan, harbor: String) -> impl IntoView {
    let warnings = plan
        .warnings
        .clone()
        .into_iter()
        .map(|warning| view! { <Callout tone=Tone::Warn><p>{warning.say(lang())}</p></Callout> })
        .collect_view();
    let blocked = plan.blocked;
    let sum = bytes_words(&plan);
    let counts = lang().pick(
        format!(
            "{} created, {} moved, {} left, {} blocked.",
            count(plan.creates),
            count(plan.moves),
            count(plan.skips),
            count(plan.blocked)
        ),
        format!("新建 {}，移动 {}，保持 {}，受阻 {}。", count(plan.creates), count(plan.moves), count(plan.skips), count(plan.blocked)),
    );
    let title = lang().pick(format!("What will happen in Harbor {harbor}"), format!("将在 Harbor {harbor} 中执行的操作"));
    let read = lang().pick(format!("read at {}", long(plan.read_at)), format!("读取于 {}", long(plan.read_at)));
    let gaps = gaps(plan.gaps, plan.gaps_total);
    view! {
        <Panel title=title note=read>
            {warnings}
            {(blocked > 0).then(|| view! { <Callout tone=Tone::Fail><p>{lang().pick(format!("{blocked} lines cannot be done; what helps stands beside each."), format!("{blocked} 行无法执行，处理方法见各行。"))}</p></Callout> })}
            {gaps}
            <Callout tone=Tone::Ok><p>{sum}" "{counts}</p></Callout>
        </Panel>
    }
    .into_any()
}

/// What the snapshot lacks of what is asked for, each with its cause.
fn gaps(gaps: Vec<PlanGap>, total: i64) -> Option<AnyView> {
    if gaps.is_empty() {
        return None;
    }
    let more = total - i64::try_from(gaps.len()).unwrap_or(0);
    let rows = gaps
        .into_iter()
        .map(|gap| view! { <li><code class="mono">{gap.subject}</code>": "{gap.cause.say(lang())}<span class="note block">{gap.remedy.say(lang())}</span></li> })
        .collect_view();
    let title = lang().pick(
        format!("The snapshot lacks {} of what is asked for: it cannot come back.", count(total)),
        format!("该快照缺少所需内容中的 {} 项，无法恢复。", count(total)),
    );
    let rest = (more > 0).then(|| {
        lang().pick(format!("and {} more, on the page of the snapshot", count(more)), format!("另有 {} 项，见快照页面", count(more)))
    });
    Some(
        view! { <Callout tone=Tone::Warn><p>{title}</p><ul>{rows}</ul>{rest.map(|text| view! { <p class="note">{text}</p> })}</Callout> }
            .into_any(),
    )
}
