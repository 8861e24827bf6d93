//! How the copies of a plan stand, one row for each further vault.

use leptos::prelude::*;

use super::types::{Copies, Plan};
use crate::sentence::Sentence as _;
use crate::text::{Lang, lang, t};
use crate::ui::*;
use crate::units::{bytes, count};

/// The panel; nothing for a plan that copies nowhere.
pub fn copies_panel(plan: &Plan) -> Option<AnyView> {
    if plan.copies.is_empty() {
        return None;
    }
    let cols = vec![
        Col::text(t("Vault", "保管库")),
        Col::text(t("State", "状态")),
        Col::number(t("Snapshots", "快照")),
        Col::number(t("Stored", "占用")),
        Col::text(t("Newest", "最新")),
    ];
    let rows = plan.copies.iter().cloned().map(row).collect_view();
    Some(
        view! {
            <Panel title=t("Copies", "副本") note=t("the same snapshots in further vaults", "其他保管库中的相同快照")>
                <DataTable caption=t("Copies", "副本") cols=cols>{rows}</DataTable>
            </Panel>
        }
        .into_any(),
    )
}

/// How one stands: tone, word.
fn state(copies: &Copies) -> (Tone, String) {
    let waiting = count(copies.waiting);
    match (lang(), copies.working, copies.waiting, copies.error.is_some()) {
        (_, false, 0, _) if copies.copied == 0 => (Tone::Idle, t("nothing to copy yet", "尚无可复制的快照").to_owned()),
        (_, false, 0, _) => (Tone::Ok, t("all copied", "已全部复制").to_owned()),
        (Lang::En, false, _, true) => (Tone::Fail, format!("{waiting} not copied")),
        (Lang::ZhCn, false, _, true) => (Tone::Fail, format!("{waiting} 个未复制")),
        (Lang::En, true, _, true) => (Tone::Warn, format!("trying again, {waiting} to copy")),
        (Lang::ZhCn, true, _, true) => (Tone::Warn, format!("正在重试，还有 {waiting} 个")),
        (Lang::En, true, ..) => (Tone::Run, format!("copying, {waiting} to go")),
        (Lang::ZhCn, true, ..) => (Tone::Run, format!("正在复制，还有 {waiting} 个")),
        (Lang::En, ..) => (Tone::Warn, format!("{waiting} wait for the next run")),
        (Lang::ZhCn, ..) => (Tone::Warn, format!("{waiting} 个等待下次运行")),
    }
}

fn row(copies: Copies) -> AnyView {
    let (tone, word) = state(&copies);
    let newest = copies.newest;
    let trouble = copies.error.filter(|_| copies.waiting > 0);
    let job = copies.job_id.filter(|_| copies.working || trouble.is_some());
    view! {
        <tr>
            <Cell><a href=format!("/vaults/{}", copies.vault_id)>{copies.vault}</a></Cell>
            <Cell label=t("State", "状态")>
                <Status tone=tone text=word/>
                {trouble.map(|error| view! { <p class="note">{error.say(lang())}</p> })}
                {job.map(|job| view! { " " <a href=format!("/jobs/{job}")>{t("look at the job", "查看任务")}</a> })}
            </Cell>
            <Cell label=t("Snapshots", "快照") number=true>{count(copies.copied)}</Cell>
            <Cell label=t("Stored", "占用") number=true>{bytes(copies.bytes_new)}</Cell>
            <Cell label=t("Newest", "最新")>{match newest {
                Some(at) => view! { <When at=at brief=true/> }.into_any(),
                None => t("none yet", "尚无").into_any(),
            }}</Cell>
        </tr>
    }
    .into_any()
}
