//! The parts a page is laid out with.

use leptos::prelude::*;

use super::status::{StatusShape, Tone};
use crate::text::t;

/// The head of a page: where it is, the answer in one sentence, and the facts under it (children: [`SubItem`]s or text).
#[component]
pub fn PageHead(
    /// The answer, one sentence.
    #[prop(into)]
    title: String,
    /// Pages above: text and address.
    #[prop(optional)]
    crumbs: Vec<(String, String)>,
    /// Last part of the crumb: this page.
    #[prop(optional, into)]
    here: Option<String>,
    /// Facts under the sentence.
    #[prop(optional)]
    children: Option<Children>,
) -> impl IntoView {
    let tab = here.clone().unwrap_or_else(|| title.clone());
    let trail = (!crumbs.is_empty()).then(|| {
        let links = crumbs.into_iter().map(|(text, href)| view! { <li><a href=href>{text}</a></li> }).collect_view();
        view! {
            <nav class="crumb" aria-label=t("Where you are", "当前位置")>
                <ol>{links}{here.map(|h| view! { <li aria-current="page">{h}</li> })}</ol>
            </nav>
        }
    });
    crate::render::set_title(&tab);
    view! {
        <header class="page-head">
            {trail}
            <h1 tabindex="-1">{title}</h1>
            {children.map(|c| view! { <div class="sub">{c()}</div> })}
        </header>
    }
    .into_any()
}

/// One fact under the sentence: a word and its value.
#[component]
pub fn SubItem(#[prop(optional, into)] label: Option<String>, children: Children) -> impl IntoView {
    view! { <span class="sub-item">{label.map(|l| view! { <span class="label">{l}" "</span> })}<b>{children()}</b></span> }.into_any()
}

/// A framed part of a page.
#[component]
pub fn Panel(
    #[prop(into)] title: String,
    /// Small text beside the title.
    #[prop(optional, into)]
    note: Option<String>,
    /// Link at the right: address and text.
    #[prop(optional)]
    link: Option<(String, String)>,
    /// Whether the content needs the panel's own padding: tables and rows bring theirs.
    #[prop(optional)]
    padded: bool,
    children: Children,
) -> impl IntoView {
    let body = if padded { "panel-body padded" } else { "panel-body" };
    view! {
        <section class="panel">
            <header>
                <h2>{title}</h2>
                {note.map(|n| view! { <span class="note">{n}</span> })}
                {link.map(|(href, text)| view! { <a href=href>{text}</a> })}
            </header>
            <div class=body>{children()}</div>
        </section>
    }
    .into_any()
}

/// Two columns, the wide one first; one column where there is no room. Children: two [`Stack`]s.
#[component]
pub fn Columns(children: Children) -> impl IntoView {
    view! { <div class="grid">{children()}</div> }.into_any()
}

/// Parts under each other.
#[component]
pub fn Stack(children: Children) -> impl IntoView {
    view! { <div class="stack">{children()}</div> }.into_any()
}

/// Buttons beside each other.
#[component]
pub fn Bar(children: Children) -> impl IntoView {
    view! { <div class="bar">{children()}</div> }.into_any()
}

/// A line of a panel: what, and at the right what to do.
#[component]
pub fn Row(#[prop(optional)] end: Option<ViewFn>, children: Children) -> impl IntoView {
    view! { <div class="row"><div class="row-main">{children()}</div>{end.map(|e| view! { <div class="row-end">{e.run()}</div> })}</div> }
        .into_any()
}

/// A sentence that must not be missed.
#[component]
pub fn Callout(tone: Tone, children: Children) -> impl IntoView {
    let role = if tone == Tone::Fail { "alert" } else { "note" };
    view! { <div class=format!("callout {}", tone.class()) role=role><StatusShape tone=tone/><div>{children()}</div></div> }.into_any()
}

/// A list of facts. Children: [`Kv`].
#[component]
pub fn KeyValue(children: Children) -> impl IntoView {
    view! { <dl class="kv">{children()}</dl> }.into_any()
}

/// One fact of a [`KeyValue`].
#[component]
pub fn Kv(#[prop(into)] key: String, children: Children) -> impl IntoView {
    view! { <dt>{key}</dt><dd>{children()}</dd> }.into_any()
}

/// Where something stands: steps done, the one going on, those to come. `now` counts from 0; beyond the last = all done.
#[component]
pub fn Steps(steps: Vec<String>, now: usize) -> impl IntoView {
    let items = steps
        .into_iter()
        .enumerate()
        .map(|(i, text)| {
            let (class, word) = match i.cmp(&now) {
                std::cmp::Ordering::Less => ("done", t("done: ", "已完成：")),
                std::cmp::Ordering::Equal => ("now", t("now: ", "当前：")),
                std::cmp::Ordering::Greater => ("", t("to come: ", "待进行：")),
            };
            view! { <li class=class aria-current=(i == now).then_some("step")><span class="unseen">{word}</span>{text}</li> }
        })
        .collect_view();
    view! { <ol class="steps">{items}</ol> }.into_any()
}

/// How far something is. `total` 0 = not known: then the bar shows motion without a share.
#[component]
pub fn Progress(#[prop(into)] label: String, done: i64, total: i64) -> impl IntoView {
    let known = total > 0;
    view! {
        <div class="progress">
            <progress aria-label=label max=known.then(|| total.to_string()) value=known.then(|| done.clamp(0, total).to_string())></progress>
            <span class="note">
                {if known { format!("{} / {}", crate::units::count(done), crate::units::count(total)) } else { crate::units::count(done) }}
            </span>
        </div>
    }
    .into_any()
}
