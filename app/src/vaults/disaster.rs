//! After a disaster: a vault that was found, or that differs from the catalogue, and what a rebuild came to.

use leptos::prelude::*;

use super::calls::{OpenVault, RebuildFromVault};
use super::types::{Drift, Rebuilt, Vault};
use crate::accounts::types::Duty;
use crate::sentence::Sentence as _;
use crate::text::{Lang, lang, t};
use crate::ui::*;
use crate::units::count;

/// What differs, in sentences.
fn differences(drift: Drift) -> Vec<String> {
    let Drift { unknown, lost, returned } = drift;
    let mut all = Vec::new();
    let mut say = |n: i64, en: &str, zh: &str| {
        if n > 0 {
            all.push(match lang() {
                Lang::En => format!("{} {} {en}", count(n), if n == 1 { "snapshot" } else { "snapshots" }),
                Lang::ZhCn => format!("{} 个快照{zh}", count(n)),
            });
        }
    };
    say(
        unknown,
        "in the vault that the catalogue does not know: was the database restored from an older copy?",
        "在保管库中而目录没有：数据库是否由较旧的备份恢复？",
    );
    say(
        lost,
        "in the catalogue that the vault does not have: was the vault restored from an older copy?",
        "在目录中而保管库没有：保管库是否由较旧的备份恢复？",
    );
    say(returned, "in the vault again after they were let go", "已清退却又出现在保管库中");
    all
}

/// What is unusual about a vault, and the way out. Nothing where nothing is.
pub fn standing_panel(vault: &Vault) -> Option<AnyView> {
    let (id, read_only) = (vault.id, vault.read_only_since.is_some());
    if vault.drift.is_none() && !read_only {
        return None;
    }
    let differences = vault.drift.map(differences).unwrap_or_default();
    let list = (!differences.is_empty()).then(|| {
        view! { <ul>{differences.into_iter().map(|line| view! { <li>{line}</li> }).collect_view()}</ul> }
    });
    let text = if read_only {
        t(
            "This vault was found with snapshots in it. It is only read, because another installation may still write to it: its snapshots can be browsed and restored, and nothing in it changes.",
            "登记时该保管库中已有快照。其他安装可能仍在写入，因此仅作读取：可浏览与恢复其中的快照，内容不会改变。",
        )
    } else {
        t(
            "Until they agree again, nothing is let go and nothing is swept: what one side does not know may be what the other keeps. Backups and restores go on.",
            "在恢复一致之前，不会清退或清理任何内容：一方不知道的，可能正是另一方要保留的。备份与恢复照常进行。",
        )
    };
    let rebuild = view! {
        <PostForm call=RebuildFromVault::PATH class="form inline">
            <Hidden name="vault_id" value=id.to_string()/>
            <SubmitButton text=t("Rebuild the catalogue from this vault", "由此保管库重建目录") kind=ButtonKind::Primary/>
        </PostForm>
    };
    let open = read_only.then(|| {
        view! {
            <details>
                <summary class="note">{t("Open it for writing…", "开放写入…")}</summary>
                <p class="note">{t("Only when no other installation writes to it any more: two would sweep away each other's backups.", "须确认没有其他安装再写入此保管库：否则两者会清理掉彼此的备份。")}</p>
                <PostForm call=OpenVault::PATH class="form inline">
                    <Hidden name="vault_id" value=id.to_string()/>
                    <SubmitButton text=t("It is ours alone: open it for writing", "仅供本安装使用：开放写入") kind=ButtonKind::Danger/>
                </PostForm>
            </details>
        }
    });
    let tone = if vault.drift.is_some() { Tone::Fail } else { Tone::Warn };
    Some(
        view! {
            <Callout tone=tone>
                {list}
                <p>{text}</p>
                <IfDuty duty=Duty::Operator>{rebuild}{open}</IfDuty>
                <details>
                    <summary class="note">{t("What comes back, and what cannot…", "可找回与无法找回的内容…")}</summary>
                    {returns_table()}
                </details>
            </Callout>
        }
        .into_any(),
    )
}

/// What a vault alone gives back.
fn returns_table() -> AnyView {
    let yes = [
        (t("Images, charts, signatures, SBOMs", "镜像、Chart、签名、SBOM"), t("every byte, by digest", "全部字节，按摘要")),
        (t("Tags and labels at every kept moment", "每个保留时刻的标签与标记"), t("entered into the catalogue", "录入目录")),
        (
            t("Settings of projects and of the Harbor", "项目与 Harbor 的设置"),
            t("without passwords and robot secrets", "不含密码与机器人密钥"),
        ),
    ];
    let no = [
        (
            t("Accounts, roles, tokens", "帐号、角色、令牌"),
            t("make them again; the first with `breakwater admin`", "须重新创建，首个用 `breakwater admin`"),
        ),
        (t("Harbors and their logins", "Harbor 及其登录"), t("register them under the same names", "以相同名称重新登记")),
        (
            t("Plans and their retention rules", "计划及其保留规则"),
            t("make them again; snapshots of no plan are kept until a person lets them go", "须重新创建；不属于任何计划的快照一直保留"),
        ),
        (t("Holds, requests and votes", "保留标记、申请与投票"), t("gone", "无法找回")),
        (
            t("The audit history", "审计历史"),
            t("begins anew; what was there is in a dump of the database alone", "重新开始；此前的记录仅存于数据库备份中"),
        ),
    ];
    let cols = vec![Col::text(t("What", "内容")), Col::text(t("From the vault", "能否找回")), Col::text("")];
    let row = |tone: Tone, word: &'static str| {
        move |(what, how): (&'static str, &'static str)| {
            view! { <tr><Cell>{what}</Cell><Cell><Status tone=tone text=word/></Cell><Cell>{how}</Cell></tr> }
        }
    };
    let rows = yes.into_iter().map(row(Tone::Ok, t("comes back", "可找回"))).collect_view();
    let lost = no.into_iter().map(row(Tone::Warn, t("does not", "不可"))).collect_view();
    view! { <DataTable caption=t("What a vault gives back", "保管库可找回的内容") cols=cols>{rows}{lost}</DataTable> }.into_any()
}

/// What the last rebuild came to.
pub fn rebuilt_panel(rebuilt: Rebuilt) -> AnyView {
    let Rebuilt { at, job_id, entered, copies, restored, lost, left_out } = rebuilt;
    let log = job_id.map(|job| view! { <Kv key=t("Log", "日志")><a href=format!("/jobs/{job}")>{t("of the job", "任务日志")}</a></Kv> });
    let rest = (!left_out.is_empty()).then(|| {
        let cols = vec![Col::text(t("Left out", "未录入")), Col::number(t("Snapshots", "快照")), Col::text(t("Why", "原因"))];
        let rows = left_out
            .into_iter()
            .map(|line| {
                view! { <tr><Cell>{line.what}</Cell><Cell label=t("Snapshots", "快照") number=true>{count(line.count)}</Cell><Cell label=t("Why", "原因")>{line.why.say(lang())}</Cell></tr> }
            })
            .collect_view();
        view! { <DataTable caption=t("Left out", "未录入") cols=cols>{rows}</DataTable> }
    });
    view! {
        <Panel title=t("The last rebuild", "最近一次重建")>
            <KeyValue>
                <Kv key=t("Ended", "结束于")><When at=at brief=true/></Kv>
                <Kv key=t("Snapshots entered", "录入快照")>{count(entered)}</Kv>
                <Kv key=t("Copies found", "找到副本")>{count(copies)}</Kv>
                <Kv key=t("Pointers written again", "重写指针")>{count(restored)}</Kv>
                <Kv key=t("Not in the vault any more", "保管库已无")>{count(lost)}</Kv>
                {log}
            </KeyValue>
            {rest}
        </Panel>
    }
    .into_any()
}
