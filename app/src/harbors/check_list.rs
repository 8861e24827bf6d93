//! The check-list of a connection: each line says what was found and what to do.

use leptos::prelude::*;

use super::types::{Check, CheckList, CheckOutcome};
use crate::sentence::Sentence as _;
use crate::text::{lang, t};
use crate::ui::status::StatusShape;
use crate::ui::*;

fn tone(outcome: CheckOutcome) -> (Tone, &'static str) {
    match outcome {
        CheckOutcome::Pass => (Tone::Ok, t("passed: ", "通过：")),
        CheckOutcome::Warn => (Tone::Warn, t("to know: ", "注意：")),
        CheckOutcome::Fail => (Tone::Fail, t("failed: ", "失败：")),
    }
}

/// What the list means, in one sentence.
#[must_use]
pub fn verdict(backup_ok: bool, restore_ok: bool) -> (Tone, &'static str) {
    match (backup_ok, restore_ok) {
        (true, true) => (Tone::Ok, t("Backup and restore will work.", "备份与恢复均可用。")),
        (true, false) => {
            (Tone::Warn, t("Backup will work; a restore needs a login that may push.", "可备份；恢复还需要具备推送权限的登录。"))
        }
        (false, _) => {
            (Tone::Fail, t("This cannot be backed up yet; the failed lines say what to do.", "尚不能备份，请按失败项的提示处理。"))
        }
    }
}

fn line(check: Check) -> AnyView {
    let (tone, word) = tone(check.outcome);
    let missing = (!check.missing.is_empty()).then(|| {
        let names = check.missing.into_iter().map(|m| view! { <code>{m}</code> }).collect_view();
        view! { <p class="missing"><span class="note">{t("Missing permissions:", "缺少权限：")}</span>{names}</p> }
    });
    view! {
        <li>
            <StatusShape tone=tone/>
            <div>
                <p><span class="unseen">{word}</span><span class="what">{check.title.say(lang())}</span></p>
                <p class="note">{check.detail.say(lang())}</p>
                {missing}
                {check.remedy.map(|r| view! { <p class="remedy">{r.say(lang())}</p> })}
            </div>
        </li>
    }
    .into_any()
}

/// The list with its verdict.
#[component]
pub fn CheckListView(list: CheckList) -> impl IntoView {
    let (tone, text) = verdict(list.backup_ok, list.restore_ok);
    view! {
        <Callout tone=tone>{text}" "<span class="note"><When at=list.at brief=true/></span></Callout>
        <ol class="checks">{list.checks.into_iter().map(line).collect_view()}</ol>
    }
    .into_any()
}
