//! The same action from a terminal, on every page that does something.

use leptos::prelude::*;

use super::digest::CopyButton;
use crate::text::t;

/// A fold-out with the command. Secrets never stand in it: the program reads them from its input.
#[component]
pub fn CliTwin(#[prop(into)] command: String) -> impl IntoView {
    view! {
        <details class="cli-twin">
            <summary><span aria-hidden="true">">_ "</span>{t("The same from a terminal", "用命令行完成同样操作")}</summary>
            <div class="cli-line">
                <pre class="mono"><code>{command}</code></pre>
                <CopyButton what=t("command", "命令")/>
            </div>
        </details>
    }
    .into_any()
}
