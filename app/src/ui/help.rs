//! The sheet of keys, opened by `?`. The script `keys` does what an element with `data-key` is for: follows a link, focuses a field, opens a dialog.

use leptos::prelude::*;

use crate::text::t;

/// Where `g` and a letter lead.
const GO: [(&str, &str); 9] = [
    ("h", "/"),
    ("p", "/projects"),
    ("r", "/restores"),
    ("a", "/approvals"),
    ("j", "/jobs"),
    ("l", "/audit"),
    ("b", "/harbors"),
    ("v", "/vaults"),
    ("s", "/plans"),
];

fn word(path: &str) -> &'static str {
    match path {
        "/" => t("Home", "首页"),
        "/projects" => t("Projects", "项目"),
        "/restores" => t("Restores", "恢复"),
        "/approvals" => t("Approvals", "审批"),
        "/jobs" => t("Jobs", "任务"),
        "/audit" => t("Audit", "审计"),
        "/harbors" => t("Harbors", "Harbor 实例"),
        "/vaults" => t("Vaults", "保管库"),
        _ => t("Plans", "备份计划"),
    }
}

/// The sheet itself; closed until asked for.
#[component]
pub fn HelpDialog() -> impl IntoView {
    let rows =
        GO.into_iter()
        .map(|(letter, path)| view! { <dt><kbd>"g"</kbd>" "<kbd>{letter}</kbd></dt><dd><a href=path data-key=format!("g {letter}")>{word(path)}</a></dd> })
        .collect_view();
    view! {
        <dialog class="sheet" data-key="?" aria-labelledby="keys-title">
            <h2 id="keys-title">{t("Keys", "快捷键")}</h2>
            <dl class="kv">
                <dt><kbd>"/"</kbd></dt><dd>{t("Search over all time", "在全部历史中搜索")}</dd>
                <dt><kbd>"["</kbd>" "<kbd>"]"</kbd></dt><dd>{t("The snapshot before, and after", "前一个、后一个快照")}</dd>
                {rows}
                <dt><kbd>"?"</kbd></dt><dd>{t("This sheet", "本说明")}</dd>
            </dl>
            <p class="note"><a href="/me#single-keys">{t("Switch single keys off", "关闭单键快捷键")}</a></p>
            <form method="dialog"><button class="btn" type="submit">{t("Close", "关闭")}</button></form>
        </dialog>
    }
    .into_any()
}
