//! Object lock: for how long nobody can take a snapshot away, in words and as a form.

use leptos::prelude::*;

use super::calls::ChangeLockCall;
use super::types::{Lock, Vault};
use crate::accounts::types::Duty;
use crate::text::{Lang, lang, t};
use crate::ui::*;
use crate::units::count;

/// Days and mode, each with what it means.
#[component]
pub fn LockFields(
    /// Days at first; 0 is no lock.
    days: i32,
    /// Mode at first.
    #[prop(into)]
    mode: String,
) -> impl IntoView {
    let modes = vec![
        ("governance".to_owned(), t("Governance: a key with a right for it", "治理模式：拥有专门权限的密钥").to_owned()),
        ("compliance".to_owned(), t("Compliance: nobody", "合规模式：任何人都不能").to_owned()),
    ];
    view! {
        <div class="two">
            <Field name="lock_days" label=t("Days of object lock", "对象锁定天数") kind="number" optional=true value=days.to_string()
                hint=t("0: none. Else each snapshot, and all it needs, cannot be deleted for so many days after its moment, whoever has the key. The bucket must have object lock.", "0 表示不锁定。否则每个快照及其所需内容在其时刻之后的这些天内，任何持有密钥的人都无法删除。存储桶须启用对象锁定。")/>
            <Select name="lock_mode" label=t("Who may lift it", "谁可解除") options=modes value=mode
                hint=t("In compliance mode what is locked cannot be made shorter either, by nobody: days that were too many stay.", "合规模式下任何人也无法缩短已有锁定：天数设多了也无法更改。").to_owned()/>
        </div>
    }
    .into_any()
}

fn sentence(lock: &Lock) -> String {
    let compliance = lock.mode == "compliance";
    match (lang(), compliance) {
        (Lang::En, false) => format!("Each snapshot is locked for {} days; a key with a right of its own can lift that.", lock.days),
        (Lang::En, true) => format!("Each snapshot is locked for {} days; nobody can lift or shorten that.", lock.days),
        (Lang::ZhCn, false) => format!("每个快照锁定 {} 天；拥有专门权限的密钥可解除。", lock.days),
        (Lang::ZhCn, true) => format!("每个快照锁定 {} 天；任何人都不能解除或缩短。", lock.days),
    }
}

fn outlived(lock: &Lock) -> Option<String> {
    let plans = lock.outlived_by.join(", ");
    (!lock.outlived_by.is_empty()).then(|| match lang() {
        Lang::En => format!("These plans keep snapshots for longer than {} days, and the older ones are not locked: {plans}.", lock.days),
        Lang::ZhCn => format!("以下计划保留快照超过 {} 天，更早的快照未锁定：{plans}。", lock.days),
    })
}

fn standing(lock: &Lock) -> AnyView {
    let (next, last, snapshots) = (lock.next, lock.last, count(lock.snapshots));
    view! {
        <KeyValue>
            <Kv key=t("Locked snapshots", "已锁定快照")><Status tone=Tone::Held text=snapshots/></Kv>
            {next.map(|at| view! { <Kv key=t("First passes", "最早到期")><When at=at/></Kv> })}
            {last.map(|at| view! { <Kv key=t("Last passes", "最晚到期")><When at=at/></Kv> })}
        </KeyValue>
    }
    .into_any()
}

/// How a vault in a bucket is locked, and how to change that.
pub fn lock_panel(vault: &Vault) -> Option<AnyView> {
    let bucket = vault.bucket.as_ref()?;
    let (id, can_lock) = (vault.id, bucket.can_lock);
    let (days, mode) = vault.lock.as_ref().map_or((0, "governance".to_owned()), |lock| (lock.days, lock.mode.clone()));
    let text = match &vault.lock {
        Some(lock) => sentence(lock),
        None if can_lock => t(
            "Nothing is locked. The bucket could: then nobody who has its key could delete what a snapshot needs.",
            "未锁定任何内容。此存储桶支持锁定：锁定后，持有密钥者也无法删除快照所需内容。",
        )
        .to_owned(),
        None => t(
            "Nothing is locked, and the bucket has no object lock: whoever has its key can delete what is in it.",
            "未锁定任何内容，且存储桶未启用对象锁定：持有密钥者可删除其中内容。",
        )
        .to_owned(),
    };
    let facts = vault.lock.as_ref().map(standing);
    let warning = vault.lock.as_ref().and_then(outlived).map(|text| view! { <Callout tone=Tone::Warn>{text}</Callout> });
    let form = (can_lock || vault.lock.is_some()).then(|| {
        view! {
            <IfDuty duty=Duty::Operator>
                <details>
                    <summary class="note">{t("Change the lock…", "更改锁定…")}</summary>
                    <p class="note">{t("Longer holds at once, for what is there as well. Shorter holds for what is locked from then on; what is locked stays locked, and under compliance nobody can change that.", "延长立即生效，也适用于已有内容。缩短仅适用于此后的锁定；已锁定内容保持不变，合规模式下无人可更改。")}</p>
                    <PostForm call=ChangeLockCall::PATH>
                        <Change vault_id=id days=days mode=mode.clone()/>
                        <SubmitButton text=t("Save", "保存")/>
                    </PostForm>
                </details>
            </IfDuty>
        }
    });
    let panel = view! {
        <Panel title=t("Object lock", "对象锁定") padded=true>
            <p>{text}</p>
            {facts}
            {warning}
            {form}
        </Panel>
    };
    Some(panel.into_any())
}

#[component]
fn Change(vault_id: i64, days: i32, mode: String) -> impl IntoView {
    view! {
        <Hidden name="vault_id" value=vault_id.to_string()/>
        <LockFields days=days mode=mode/>
    }
}
