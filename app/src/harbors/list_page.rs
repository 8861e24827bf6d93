//! The registered harbors.

use leptos::prelude::*;

use super::calls::list_harbors;
use super::types::{Harbor, HarborState};
use crate::accounts::types::Duty;
use crate::text::{Lang, lang, t};
use crate::ui::*;
use crate::units::count;

/// State of a harbor as shape and words.
#[must_use]
pub fn harbor_status(state: HarborState) -> (Tone, &'static str) {
    match state {
        HarborState::Unknown => (Tone::Idle, t("not asked yet", "尚未连接")),
        HarborState::Healthy => (Tone::Ok, t("answers", "正常")),
        HarborState::Refused => (Tone::Fail, t("login refused", "登录被拒绝")),
        HarborState::Unreachable => (Tone::Fail, t("does not answer", "无响应")),
    }
}

/// The page.
#[component]
pub fn HarborsPage() -> impl IntoView {
    view! { <Load data=list_harbors() topics=&[Topic::Harbors] view=content/> }
}

fn sentence(harbors: &[Harbor]) -> String {
    let bad = harbors.iter().filter(|h| matches!(h.state, HarborState::Refused | HarborState::Unreachable)).count();
    match (lang(), harbors.len(), bad) {
        (Lang::En, 0, _) => "No Harbor is registered yet.".to_owned(),
        (Lang::ZhCn, 0, _) => "尚未登记任何 Harbor。".to_owned(),
        (Lang::En, 1, 0) => "The registered Harbor answers, and its login is good.".to_owned(),
        (Lang::En, n, 0) => format!("All {n} Harbors answer, and their logins are good."),
        (Lang::ZhCn, 1, 0) => "已登记的 Harbor 连接正常。".to_owned(),
        (Lang::ZhCn, n, 0) => format!("全部 {n} 个 Harbor 连接正常。"),
        (Lang::En, n, b) => format!("{b} of {n} Harbors cannot be backed up right now. What was captured stays restorable."),
        (Lang::ZhCn, n, b) => format!("{n} 个 Harbor 中有 {b} 个当前无法备份，已有备份仍可恢复。"),
    }
}

fn content(harbors: Vec<Harbor>) -> AnyView {
    let title = sentence(&harbors);
    let body = if harbors.is_empty() {
        view! {
            <Empty kind=EmptyKind::NothingYet title=t("Register the first Harbor", "登记第一个 Harbor")
                text=t("Breakwater needs its address and a robot account that may list projects and pull. With an administrator's login it makes that robot itself.", "Breakwater 需要其地址及一个可列出项目并拉取镜像的机器人账户；也可用管理员登录一次由系统自动创建。")>
                {has_duty(Duty::Operator).then(|| view! { <LinkButton href="/harbors/new" text=t("Register a Harbor", "登记 Harbor") kind=ButtonKind::Primary/> })}
            </Empty>
        }
        .into_any()
    } else {
        view! { <Panel title=t("Harbors", "Harbor 实例")>{table(harbors)}</Panel> }.into_any()
    };
    view! {
        <div class="head-bar">
            <PageHead title=title here=t("Harbors", "Harbor 实例")/>
            <IfDuty duty=Duty::Operator><LinkButton href="/harbors/new" text=t("Register a Harbor", "登记 Harbor")/></IfDuty>
        </div>
        {body}
        <CliTwin command="breakwater harbor list"/>
    }
    .into_any()
}

fn table(harbors: Vec<Harbor>) -> AnyView {
    let cols = vec![
        Col::text(t("Name", "名称")),
        Col::text(t("Address", "地址")),
        Col::text(t("Version", "版本")),
        Col::text(t("State", "状态")),
        Col::number(t("Projects in a plan", "受保护项目")),
        Col::text(t("Restore", "恢复")),
        Col::text(t("Last contact", "最近连接")),
    ];
    let rows = harbors
        .into_iter()
        .map(|h| {
            let (tone, word) = harbor_status(h.state);
            let (restore_tone, restore) = if h.can_restore { (Tone::Ok, t("possible", "可用")) } else { (Tone::Idle, t("backup only", "仅备份")) };
            view! {
                <tr>
                    <Cell><a href=format!("/harbors/{}", h.name)>{h.name.clone()}</a></Cell>
                    <Cell label=t("Address", "地址")>{h.url}{h.plain_http.then(|| view! { " "<Status tone=Tone::Warn text="http"/> })}</Cell>
                    <Cell label=t("Version", "版本")>{h.version.unwrap_or_default()}</Cell>
                    <Cell label=t("State", "状态")><Status tone=tone text=word/></Cell>
                    <Cell label=t("Projects in a plan", "受保护项目") number=true>{format!("{} / {}", count(h.projects_protected), count(h.projects))}</Cell>
                    <Cell label=t("Restore", "恢复")><Status tone=restore_tone text=restore/></Cell>
                    <Cell label=t("Last contact", "最近连接")>{h.checked.map(|at| view! { <When at=at brief=true/> })}</Cell>
                </tr>
            }
        })
        .collect_view();
    view! { <DataTable caption=t("Harbors", "Harbor 实例") cols=cols>{rows}</DataTable> }.into_any()
}
