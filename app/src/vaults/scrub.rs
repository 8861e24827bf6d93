//! Reading every byte: how soon, how fast, and now.

use leptos::prelude::*;

use super::calls::{ChangeScrubCall, VerifyVault};
use super::types::Vault;
use crate::accounts::types::Duty;
use crate::text::{Lang, lang, t};
use crate::ui::*;

fn sentence(days: i32, mib_s: Option<i64>) -> String {
    match (lang(), mib_s) {
        (Lang::En, None) => format!("Every object is read and compared with its name within {days} days, some of them each day."),
        (Lang::En, Some(rate)) => {
            format!("Every object is read and compared with its name within {days} days, some of them each day, at {rate} MiB/s at most.")
        }
        (Lang::ZhCn, None) => format!("每天读取一部分对象并与其摘要核对，{days} 天内读完全部。"),
        (Lang::ZhCn, Some(rate)) => format!("每天读取一部分对象并与其摘要核对，{days} 天内读完全部，每秒至多 {rate} MiB。"),
    }
}

/// The panel.
pub fn scrub_panel(vault: &Vault) -> AnyView {
    let (id, days, mib_s) = (vault.id, vault.scrub_days, vault.scrub_mib_s);
    let command = shell_line(&["breakwater", "vault", "verify", &vault.name]);
    view! {
        <Panel title=t("Verification", "校验") padded=true>
            <p>{sentence(days, mib_s)}" "{t("Damage is set aside and never served; what needs it is marked at once, and the bytes are taken again from another vault or from the harbor, where one of them has them.", "损坏对象会被隔离、不再提供；依赖它的快照立即标记，并从其他保管库或 Harbor 取回相同内容（如其中之一仍有）。")}</p>
            <IfDuty duty=Duty::Operator>
                <PostForm call=VerifyVault::PATH>
                    <Hidden name="vault_id" value=id.to_string()/>
                    <SubmitButton text=t("Verify every byte now", "立即全量校验")/>
                </PostForm>
                <details>
                    <summary class="note">{t("How soon and how fast…", "期限与速度…")}</summary>
                    <PostForm call=ChangeScrubCall::PATH>
                        <RateForm vault_id=id days=days mib_s=mib_s/>
                        <SubmitButton text=t("Save", "保存")/>
                    </PostForm>
                </details>
            </IfDuty>
            <CliTwin command=command/>
        </Panel>
    }
    .into_any()
}

#[component]
fn RateForm(vault_id: i64, days: i32, mib_s: Option<i64>) -> impl IntoView {
    view! {
        <Hidden name="vault_id" value=vault_id.to_string()/>
        <Field name="days" label=t("Days within which every byte is read", "全量读取期限（天）") kind="number" value=days.to_string()/>
        <Field name="mib_s" label=t("MiB per second at most", "每秒至多 MiB") kind="number" optional=true value=mib_s.map(|rate| rate.to_string()).unwrap_or_default()
            hint=t("Empty: no limit.", "留空表示不限。")/>
    }
}
