//! What a plan form would match and when it would run.

use leptos::prelude::*;

use super::retention::RetentionPanel;
use super::types::{Keep, NextRun, PlanPreview, ProjectMatch};
use crate::sentence::Sentence as _;
use crate::text::{Lang, lang, t};
use crate::ui::*;
use crate::units::count;

/// Names shown before "and n more".
const NAMES_MAX: usize = 60;

fn headline(preview: &PlanPreview) -> String {
    let fresh = preview.matched.iter().filter(|m| m.in_plans.is_empty()).count();
    match (lang(), preview.matched.len()) {
        (Lang::En, 0) => "No project matches.".to_owned(),
        (Lang::ZhCn, 0) => "没有匹配的项目。".to_owned(),
        (Lang::En, n) => format!(
            "{} project{} with {} repositories; {fresh} of them in no other plan.",
            n,
            if n == 1 { "" } else { "s" },
            count(preview.repositories)
        ),
        (Lang::ZhCn, n) => format!("{n} 个项目，{} 个仓库；其中 {fresh} 个未纳入其他计划。", count(preview.repositories)),
    }
}

fn more(total: usize) -> Option<String> {
    (total > NAMES_MAX).then(|| match lang() {
        Lang::En => format!("and {} more", total - NAMES_MAX),
        Lang::ZhCn => format!("另有 {} 个", total - NAMES_MAX),
    })
}

fn matched(projects: Vec<ProjectMatch>) -> AnyView {
    let more = more(projects.len());
    let names = projects
        .into_iter()
        .take(NAMES_MAX)
        .map(|m| {
            let plans = (!m.in_plans.is_empty()).then(|| format!(" · {}", m.in_plans.join(", ")));
            view! { <li>{m.project}<span class="note">" "{count(m.repositories)}{plans}</span></li> }
        })
        .collect_view();
    view! { <ul class="names" aria-label=t("Matching projects, with their repositories", "匹配的项目及仓库数")>{names}{more.map(|m| view! { <li class="other">{m}</li> })}</ul> }.into_any()
}

fn left_out(names: Vec<String>) -> Option<AnyView> {
    if names.is_empty() {
        return None;
    }
    let more = more(names.len());
    let count = names.len();
    let items = names.into_iter().take(NAMES_MAX).map(|n| view! { <li class="other">{n}</li> }).collect_view();
    let title = match lang() {
        Lang::En => format!("{count} left out"),
        Lang::ZhCn => format!("未包含 {count} 个"),
    };
    Some(view! { <details><summary class="note">{title}</summary><ul class="names">{items}{more.map(|m| view! { <li class="other">{m}</li> })}</ul></details> }.into_any())
}

fn runs(runs: Vec<NextRun>) -> AnyView {
    let items = runs
        .into_iter()
        .map(|run| {
            view! {
                <li>
                    <span>{run.local}{run.clock_change.then(|| view! { " "<Status tone=Tone::Warn text=t("the clock changes before it", "此前时钟调整")/> })}</span>
                    <span class="note">{minute(run.at)}</span>
                </li>
            }
        })
        .collect_view();
    view! { <ol class="runs">{items}</ol> }.into_any()
}

/// The preview.
#[component]
pub fn PreviewView(
    /// What it says.
    preview: PlanPreview,
    /// The rule of the form.
    keep: Keep,
) -> impl IntoView {
    let title = headline(&preview);
    let warnings = preview.warnings.into_iter().map(|w| view! { <Callout tone=Tone::Warn>{w.say(lang())}</Callout> }).collect_view();
    let stale = preview.stale.map(|why| {
        view! { <Callout tone=Tone::Warn>{t("Harbor could not be read; this is from the last listing. ", "无法读取 Harbor，以下为最近一次列表。")}{why.say(lang())}</Callout> }
    });
    view! {
        <Panel title=t("Scope", "范围") note=preview.read_at.map(|at| format!("{} {}", t("read", "读取于"), minute(at))).unwrap_or_default() padded=true>
            <p><b>{title}</b></p>
            {stale}
            {warnings}
            {matched(preview.matched)}
            {left_out(preview.left_out)}
        </Panel>
        <Panel title=t("Next five runs", "接下来五次运行") note=preview.schedule_words.say(lang()) padded=true>{runs(preview.next_runs)}</Panel>
        <RetentionPanel keep=keep retention=preview.retention/>
    }
    .into_any()
}
