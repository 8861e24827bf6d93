//! Digests: short to look at, whole to copy.

use leptos::prelude::*;

use super::live::use_hydrated;
use crate::text::t;
use crate::units::short_digest;

/// `sha256:9f2c…1b7e` with the whole digest as title and for copying.
#[component]
pub fn Digest(#[prop(into)] value: String, #[prop(optional)] whole: bool) -> impl IntoView {
    let shown = if whole { value.clone() } else { short_digest(&value) };
    view! {
        <span class="digest">
            <code class="mono" title=value.clone()>{shown}</code>
            <CopyButton text=value what=t("digest", "摘要")/>
        </span>
    }
    .into_any()
}

/// Copies `text`; shown only where the browser part runs, since it needs it.
#[component]
pub fn CopyButton(#[prop(into)] text: String, #[prop(into)] what: String) -> impl IntoView {
    let hydrated = use_hydrated();
    let copied = RwSignal::new(false);
    let label = format!("{} {what}", t("Copy", "复制"));
    let done = t("copied", "已复制");
    let copy = move |_| {
        drop(window().navigator().clipboard().write_text(&text));
        copied.set(true);
        set_timeout(move || copied.set(false), std::time::Duration::from_millis(1_500));
    };
    view! {
        <button type="button" class="copy" aria-label=label.clone() title=label hidden=move || !hydrated.get() on:click=copy>
            <super::icons::Drawing icon=super::Icon::Copy/>
            <span class="copied" role="status">{move || copied.get().then_some(done)}</span>
        </button>
    }
    .into_any()
}
