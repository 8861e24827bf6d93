//! What a restore would do to Harbor, line by line: now, then, effect.

use leptos::prelude::*;

use super::types::{EffectItem, EffectKind, EffectPlan};
use crate::said::said;
use crate::text::{lang, t};
use crate::ui::*;
use crate::units::{bytes, count, short_digest, short_tag};

/// Shape and word of an effect.
#[must_use]
pub fn effect_word(effect: EffectKind) -> (Tone, &'static str) {
    match effect {
        EffectKind::Create => (Tone::Ok, t("created", "新建")),
        EffectKind::Move => (Tone::Warn, t("moves", "移动")),
        EffectKind::Skip => (Tone::Idle, t("nothing to do", "无需操作")),
        EffectKind::Blocked => (Tone::Fail, t("blocked", "受阻")),
    }
}

/// The table with its warnings and the bytes.
#[component]
pub fn EffectTable(plan: EffectPlan, harbor: String) -> impl IntoView {
    let rows = plan.items.iter().cloned().map(row).collect_view();
    let more = plan.items_total - i64::try_from(plan.items.len()).unwrap_or(0);
    let warnings =
        plan.warnings.clone().into_iter().map(|w| view! { <Callout tone=Tone::Warn><p>{said(&w.text)}</p></Callout> }).collect_view();
    let blocked = plan.blocked;
    let summary = lang().pick(
        format!(
            "{} to send, {} already in Harbor. {} created, {} moved, {} left, {} blocked.",
            bytes(plan.bytes_to_send),
            bytes(plan.bytes_present),
            plan.creates,
            plan.moves,
            plan.skips,
            plan.blocked
        ),
        format!(
            "需发送 {}，Harbor 中已有 {}。新建 {}，移动 {}，保持 {}，受阻 {}。",
            bytes(plan.bytes_to_send),
            bytes(plan.bytes_present),
            plan.creates,
            plan.moves,
            plan.skips,
            plan.blocked
        ),
    );
    let title = lang().pick(format!("What will happen in Harbor {harbor}"), format!("将在 Harbor {harbor} 中执行的操作"));
    let read = lang().pick(format!("read at {}", long(plan.read_at)), format!("读取于 {}", long(plan.read_at)));
    view! {
        <Panel title=title note=read>
            <DataTable caption=t("Effects", "操作") cols=vec![Col::text(t("Tag", "Tag")), Col::text(t("Now", "现在")), Col::text(t("Then", "之后")), Col::text(t("Effect", "操作"))]>
                {rows}
                {(more > 0).then(|| view! { <tr><td colspan="4" class="note">{lang().pick(format!("and {} more lines, in the API and the report", count(more)), format!("另有 {} 行，见 API 与报告", count(more)))}</td></tr> })}
            </DataTable>
            {plan.creates_project.then(|| view! { <Callout tone=Tone::Warn><p>{t("The project does not exist and is made first.", "项目不存在，将先行创建。")}</p></Callout> })}
            {warnings}
            {(blocked > 0).then(|| view! { <Callout tone=Tone::Fail><p>{lang().pick(format!("{blocked} lines cannot be done; what helps stands beside each."), format!("{blocked} 行无法执行，处理方法见各行。"))}</p></Callout> })}
            <Callout tone=Tone::Ok><p>{summary}</p></Callout>
        </Panel>
    }
    .into_any()
}

fn row(item: EffectItem) -> impl IntoView {
    let (tone, word) = effect_word(item.effect);
    let reference = if item.reference.starts_with("sha256:") {
        format!("@{}", short_digest(&item.reference))
    } else {
        format!(":{}", short_tag(&item.reference))
    };
    let then = if item.effect == EffectKind::Blocked { "–".to_owned() } else { short_digest(&item.then) };
    view! {
        <tr>
            <Cell><span class="mono" title=item.reference.clone()>{item.repository.clone()}<wbr/>{reference}</span></Cell>
            <Cell label=t("Now", "现在")>{item.now.clone().map_or_else(|| view! { <span class="note">"–"</span> }.into_any(), |d| view! { <code class="mono short" title=d.clone()>{short_digest(&d)}</code> }.into_any())}</Cell>
            <Cell label=t("Then", "之后")><code class="mono short" title=item.then.clone()>{then}</code>{item.accessory.map(|of| { let subject = short_digest(&of.subject); view! { <span class="note block">{lang().pick(format!("{}, about {subject}", of.kind), format!("{}，对应 {subject}", of.kind))}</span> } })}</Cell>
            <Cell label=t("Effect", "操作")><Status tone=tone text=word/>{(!item.detail.is_empty()).then(|| view! { <span class="note block">{said(&item.detail)}</span> })}</Cell>
        </tr>
    }
}
