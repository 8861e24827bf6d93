//! The vaults.

use leptos::prelude::*;

use super::calls::list_vaults;
use super::types::{Vault, VaultState};
use crate::accounts::types::Duty;
use crate::text::{Lang, lang, t};
use crate::ui::*;
use crate::units::{bytes, count};

/// State of a vault as shape and words.
#[must_use]
pub fn vault_status(state: VaultState) -> (Tone, &'static str) {
    match state {
        VaultState::Healthy => (Tone::Ok, t("open", "正常")),
        VaultState::Full => (Tone::Warn, t("full: reads only", "空间不足：仅可读取")),
        VaultState::ReadOnly => (Tone::Warn, t("only read", "仅可读取")),
        VaultState::Adrift => (Tone::Fail, t("differs from the catalogue", "与目录不一致")),
        VaultState::Missing => (Tone::Fail, t("not there", "不存在")),
        VaultState::Failing => (Tone::Fail, t("fails", "异常")),
        VaultState::Unseen => (Tone::Idle, t("not looked at yet", "尚未检查")),
    }
}

/// The page.
#[component]
pub fn VaultsPage() -> impl IntoView {
    view! { <Load data=list_vaults() topics=&[Topic::Vaults] view=content/> }
}

fn sentence(vaults: &[Vault]) -> String {
    let bad = vaults.iter().filter(|v| v.state != VaultState::Healthy || v.findings > 0).count();
    let stored: i64 = vaults.iter().map(|v| v.stored_bytes).sum();
    match (lang(), vaults.len(), bad) {
        (Lang::En, 0, _) => "There is no vault yet.".to_owned(),
        (Lang::ZhCn, 0, _) => "尚无保管库。".to_owned(),
        (Lang::En, 1, 0) => format!("The vault is whole and holds {}.", bytes(stored)),
        (Lang::En, n, 0) => format!("All {n} vaults are whole and hold {}.", bytes(stored)),
        (Lang::ZhCn, n, 0) => format!("{n} 个保管库均完好，共存储 {}。", bytes(stored)),
        (Lang::En, n, b) => format!("{b} of {n} vaults {} a look.", if b == 1 { "needs" } else { "need" }),
        (Lang::ZhCn, n, b) => format!("{n} 个保管库中有 {b} 个需要关注。"),
    }
}

fn content(vaults: Vec<Vault>) -> AnyView {
    let title = sentence(&vaults);
    let body = if vaults.is_empty() {
        view! {
            <Empty kind=EmptyKind::NothingYet title=t("Make the first vault", "创建第一个保管库")
                text=t("A vault is a folder on durable disk that the server and its workers share. It can be read without Breakwater's database, by itself.", "保管库是服务器与各工作进程共享的持久磁盘目录，无需数据库即可独立读取。")>
                {has_duty(Duty::Operator).then(|| view! { <LinkButton href="/vaults/new" text=t("Make a vault", "创建保管库") kind=ButtonKind::Primary/> })}
            </Empty>
        }
        .into_any()
    } else {
        view! { <Panel title=t("Vaults", "保管库")>{table(vaults)}</Panel> }.into_any()
    };
    view! {
        <div class="head-bar">
            <PageHead title=title here=t("Vaults", "保管库")/>
            <IfDuty duty=Duty::Operator><LinkButton href="/vaults/new" text=t("Make a vault", "创建保管库")/></IfDuty>
        </div>
        {body}
    }
    .into_any()
}

/// How old what is said of a vault is.
pub fn looked(at: Option<crate::units::Moment>) -> Option<AnyView> {
    at.map(|at| view! { <span class="note block">{t("looked at ", "检查于 ")}<When at=at brief=true/></span> }.into_any())
}

fn table(vaults: Vec<Vault>) -> AnyView {
    let cols = vec![
        Col::text(t("Name", "名称")),
        Col::text(t("State", "状态")),
        Col::number(t("Stored", "已存储")),
        Col::number(t("Free", "剩余")),
        Col::number(t("Snapshots", "快照")),
        Col::text(t("Every byte read", "全量校验")),
        Col::text(t("Findings", "发现")),
    ];
    let rows = vaults
        .into_iter()
        .map(|v| {
            let (tone, word) = vault_status(v.state);
            let findings = if v.findings == 0 {
                view! { <Status tone=Tone::Ok text=t("none", "无")/> }
            } else {
                view! { <Status tone=Tone::Fail text=count(v.findings)/> }
            };
            view! {
                <tr>
                    <Cell><a href=format!("/vaults/{}", v.id)>{v.name}</a></Cell>
                    <Cell label=t("State", "状态")><Status tone=tone text=word/>{looked(v.looked)}</Cell>
                    <Cell label=t("Stored", "已存储") number=true>{bytes(v.stored_bytes)}</Cell>
                    <Cell label=t("Free", "剩余") number=true>{v.free_bytes.map(bytes).unwrap_or_default()}</Cell>
                    <Cell label=t("Snapshots", "快照") number=true>{count(v.snapshots)}</Cell>
                    <Cell label=t("Every byte read", "全量校验")>{match v.verified {
                        Some(at) => view! { <When at=at brief=true/> }.into_any(),
                        None => t("not yet", "尚未").into_any(),
                    }}</Cell>
                    <Cell label=t("Findings", "发现")>{findings}</Cell>
                </tr>
            }
        })
        .collect_view();
    view! { <DataTable caption=t("Vaults", "保管库") cols=cols>{rows}</DataTable> }.into_any()
}
