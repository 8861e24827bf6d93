//! One vault: what it holds, whether it is whole, and what verification found.

use leptos::prelude::*;

use super::bucket::{bucket_panel, tried_panel};
use super::calls::vault_page;
use super::capacity::capacity_panel;
use super::disaster::{rebuilt_panel, standing_panel};
use super::list_page::vault_status;
use super::lock::lock_panel;
use super::scrub::scrub_panel;
use super::sweeps::{sweep_panel, sweeps_panel};
use super::types::{Capacity, Finding, Sweep, Vault, VaultState};
use crate::plans::left::Left;
use crate::plans::left_page::left_panel;
use crate::sentence::Sentence as _;
use crate::text::{Lang, lang, t};
use crate::ui::*;
use crate::units::{bytes, count, short_digest};

/// The page.
#[component]
pub fn VaultPage() -> impl IntoView {
    let view = |page: super::types::VaultPage| content(page.vault, (page.findings, page.sweeps, page.capacity, page.left));
    view! { <Load data=vault_page(use_id("id")) topics=&[Topic::Vaults] view=view/> }
}

fn sentence(vault: &Vault) -> String {
    let name = &vault.name;
    if vault.state == VaultState::Healthy && vault.snapshots == 0 && vault.findings == 0 {
        return format!("{name} {}", t("is ready and empty.", "已就绪，尚无内容。"));
    }
    match (lang(), vault.state, vault.findings) {
        (Lang::En, VaultState::Healthy, 0) if vault.snapshots == 1 => {
            format!("{name} is whole: one snapshot in {}.", bytes(vault.stored_bytes))
        }
        (Lang::En, VaultState::Healthy, 0) => {
            format!("{name} is whole: {} snapshots in {}.", count(vault.snapshots), bytes(vault.stored_bytes))
        }
        (Lang::ZhCn, VaultState::Healthy, 0) => {
            format!("{name} 完好：{} 个快照，共 {}。", count(vault.snapshots), bytes(vault.stored_bytes))
        }
        (Lang::En, VaultState::Healthy, 1) => format!("{name} has one damaged or missing object; the rest stays restorable."),
        (Lang::En, VaultState::Healthy, n) => format!("{name} has {} damaged or missing objects; the rest stays restorable.", count(n)),
        (Lang::ZhCn, VaultState::Healthy, n) => format!("{name} 有 {} 个对象损坏或缺失，其余仍可恢复。", count(n)),
        (Lang::En, VaultState::Full, _) => format!("{name} is full: restores work, new backups wait for space."),
        (Lang::ZhCn, VaultState::Full, _) => format!("{name} 空间不足：可恢复，新的备份等待空间。"),
        (Lang::En, VaultState::ReadOnly, _) => format!("{name} is only read: {} snapshots can be restored.", count(vault.snapshots)),
        (Lang::ZhCn, VaultState::ReadOnly, _) => format!("{name} 仅可读取：{} 个快照可恢复。", count(vault.snapshots)),
        (Lang::En, VaultState::Adrift, _) => format!("{name} and the catalogue differ: nothing is let go or swept."),
        (Lang::ZhCn, VaultState::Adrift, _) => format!("{name} 与目录不一致：暂停清退与清理。"),
        (Lang::En, VaultState::Unseen, _) => format!("No worker has looked at {name} yet."),
        (Lang::ZhCn, VaultState::Unseen, _) => format!("尚无工作进程检查 {name}。"),
        (Lang::En, ..) => format!("{name} cannot be used right now."),
        (Lang::ZhCn, ..) => format!("{name} 当前不可用。"),
    }
}

fn content(vault: Vault, (findings, sweeps, room, left): (Vec<Finding>, Vec<Sweep>, Capacity, Vec<Left>)) -> AnyView {
    let (tone, word) = vault_status(vault.state);
    let crumbs = vec![(t("Vaults", "保管库").to_owned(), "/vaults".to_owned())];
    let standing = standing_panel(&vault);
    let rebuilt = vault.rebuilt.clone().map(rebuilt_panel);
    let unusual = matches!(vault.state, VaultState::Full | VaultState::Missing | VaultState::Failing);
    let bad = unusual.then(|| {
        let tone = if vault.state == VaultState::Full { Tone::Warn } else { Tone::Fail };
        let detail = vault.state_detail.say(lang());
        view! { <Callout tone=tone>{detail}</Callout> }
    });
    let id = vault.id;
    let facts = facts(&vault);
    let title = sentence(&vault);
    let findings = findings_panel(findings, vault.verified.is_some());
    let (space, swept) = (sweep_panel(&vault), sweeps_panel(sweeps));
    let left = (!left.is_empty()).then(|| left_panel(left));
    let room = capacity_panel(room, vault.reserve_bytes);
    let tried = vault.bucket.as_ref().map(tried_panel);
    let reading = scrub_panel(&vault);
    let locked = lock_panel(&vault);
    let bucket = vault.bucket.map(|bucket| bucket_panel(id, bucket));
    let (free, read_since, looked, here) = (vault.free_bytes, vault.read_since, vault.looked, vault.name.clone());
    view! {
        <PageHead title=title crumbs=crumbs here=here>
            <SubItem><Status tone=tone text=word/></SubItem>
            {looked.map(|at| view! { <SubItem label=t("looked at", "检查于")><When at=at brief=true/></SubItem> })}
            {free.map(|free| view! { <SubItem label=t("Free", "剩余")>{bytes(free)}</SubItem> })}
            <SubItem label=t("Every byte read since", "全部字节自此起已读过")><When at=read_since brief=true/></SubItem>
        </PageHead>
        {bad}
        {standing}
        <Columns>
            <Stack>{rebuilt}{findings}{room}{swept}{tried}{left}</Stack>
            <Stack>
                {facts}
                {locked}
                {reading}
                {bucket}
                {space}
            </Stack>
        </Columns>
    }
    .into_any()
}

fn facts(vault: &Vault) -> AnyView {
    let (path, id, snapshots, created) = (vault.path.clone(), vault.vault_uuid.clone(), vault.snapshots, vault.created);
    let (stored, logical) = (bytes(vault.stored_bytes), bytes(vault.logical_bytes));
    view! {
        <Panel title=t("Facts", "信息")>
            <KeyValue>
                <Kv key=t("Place", "位置")><code class="mono">{path}</code></Kv>
                <Kv key=t("Stored", "已存储")>{stored}</Kv>
                <Kv key=t("Protected", "受保护")>{logical}</Kv>
                <Kv key=t("Snapshots", "快照")>{count(snapshots)}</Kv>
                <Kv key=t("Made", "创建于")><When at=created brief=true/></Kv>
                <Kv key=t("Its own id", "自身标识")><code class="mono">{id}</code></Kv>
            </KeyValue>
        </Panel>
    }
    .into_any()
}

/// A kind of findings.
fn kind_word(kind: &str) -> String {
    let word = match kind {
        "missing" => t("missing", "丢失"),
        "corrupt" => t("corrupt", "损坏"),
        "wrong_size" => t("of another size", "大小不符"),
        "unreadable" => t("unreadable", "不可读"),
        "unreachable" => t("unreachable", "无法访问"),
        "lock_short" => t("locked too short", "锁定时间不足"),
        other => return other.to_owned(),
    };
    word.to_owned()
}

fn findings_panel(findings: Vec<Finding>, verified: bool) -> AnyView {
    if findings.is_empty() {
        let text = if verified {
            t("Verification found nothing wrong.", "校验未发现问题。")
        } else {
            t("Nothing was verified yet.", "尚未校验。")
        };
        return view! { <Panel title=t("Findings", "发现")><p class="note">{text}</p></Panel> }.into_any();
    }
    let cols =
        vec![Col::text(t("Object", "对象")), Col::text(t("What", "类型")), Col::text(t("Means", "影响")), Col::text(t("State", "状态"))];
    let rows = findings
        .into_iter()
        .map(|f| {
            let state = match f.healed {
                Some(at) => view! { <Status tone=Tone::Ok text=t("healed", "已修复")/>" "<When at=at brief=true/>{f.healed_by.map(|by| view! { <p class="note">{by.say(lang())}</p> })} }.into_any(),
                None => view! { <Status tone=Tone::Fail text=t("open", "未修复")/>" "<When at=f.found brief=true/> }.into_any(),
            };
            // The object is in the first column, and what is healed needs nothing to be done.
            let means = f.detail.say(lang()).replace(&f.object, &short_digest(&f.object));
            let remedy = f.healed.is_none().then(|| view! { <p class="note">{f.remedy.say(lang())}</p> });
            view! {
                <tr>
                    <Cell><span class="short"><Digest value=f.object/></span></Cell>
                    <Cell label=t("What", "类型")>{kind_word(&f.kind)}</Cell>
                    <Cell label=t("Means", "影响")>{means}{remedy}</Cell>
                    <Cell label=t("State", "状态")>{state}</Cell>
                </tr>
            }
        })
        .collect_view();
    view! { <Panel title=t("Findings", "发现")><DataTable caption=t("Findings", "发现") cols=cols>{rows}</DataTable></Panel> }.into_any()
}
