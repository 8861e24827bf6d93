//! Digests: short to look at, whole to copy.

use leptos::prelude::*;

use crate::text::t;
use crate::units::short_digest;

/// `sha256:9f2c…1b7e` with the whole digest as title and for copying.
#[component]
pub fn Digest(#[prop(into)] value: String, #[prop(optional)] whole: bool) -> impl IntoView {
    let shown = if whole { value.clone() } else { short_digest(&value) };
    view! {
        <span class="digest">
            <code class="mono" title=value>{shown}</code>
            <CopyButton what=t("digest", "摘要")/>
        </span>
    }
    .into_any()
}

/// Copies what stands before it: its title, else its text (script `page`). Seen only where scripts run.
#[component]
pub fn CopyButton(#[prop(into)] what: String) -> impl IntoView {
    let label = format!("{} {what}", t("Copy", "复制"));
    view! {
        <button type="button" class="copy" aria-label=label.clone() title=label>
            <super::icons::Drawing icon=super::Icon::Copy/>
            <span class="copied" role="status" data-done=t("copied", "已复制")></span>
        </button>
    }
    .into_any()
}
