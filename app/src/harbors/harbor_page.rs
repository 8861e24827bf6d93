//! One harbor: overview, check-list, settings.

use leptos::prelude::*;

use super::calls::{CheckHarbor, ListProjectsNow, get_harbor, get_last_check};
use super::check_list::CheckListView;
use super::list_page::harbor_status;
use super::logins::{Logins, LoginsCallout};
use super::settings::SettingsForm;
use super::staging::{StagingState, StagingSwitch};
use super::types::{CheckList, Harbor, HarborState};
use crate::accounts::types::Duty;
use crate::sentence::Sentence as _;
use crate::text::{Lang, lang, t};
use crate::ui::*;
use crate::units::count;

/// The page.
#[component]
pub fn HarborPage() -> impl IntoView {
    let (name, tab) = (use_param("name"), use_query("tab"));
    let data = async move {
        let harbor = get_harbor(name.clone()).await?;
        let list = if tab.as_deref() == Some("check") { get_last_check(name).await? } else { None };
        Ok((harbor, list, tab.unwrap_or_default()))
    };
    view! { <Load data=data topics=&[Topic::Harbors] view=|(harbor, list, tab)| content(harbor, list, &tab)/> }
}

fn sentence(harbor: &Harbor) -> String {
    let name = &harbor.name;
    match (lang(), harbor.state, harbor.can_restore) {
        (Lang::En, HarborState::Healthy, true) => format!("{name} can be backed up and restored to."),
        (Lang::ZhCn, HarborState::Healthy, true) => format!("{name} 可备份，也可恢复。"),
        (Lang::En, HarborState::Healthy, false) => format!("{name} can be backed up; nothing can be restored to it."),
        (Lang::ZhCn, HarborState::Healthy, false) => format!("{name} 可备份，但无法向其恢复。"),
        (Lang::En, HarborState::Refused, _) => format!("{name} refuses the login: no new backups until it is renewed."),
        (Lang::ZhCn, HarborState::Refused, _) => format!("{name} 拒绝登录：更新登录信息之前无法进行新的备份。"),
        (Lang::En, HarborState::Unreachable, _) => format!("{name} does not answer. What was captured stays restorable."),
        (Lang::ZhCn, HarborState::Unreachable, _) => format!("{name} 无响应，已有备份仍可恢复。"),
        (Lang::En, HarborState::Unknown, _) => format!("{name} was not asked yet."),
        (Lang::ZhCn, HarborState::Unknown, _) => format!("{name} 尚未连接。"),
    }
}

fn content(harbor: Harbor, list: Option<CheckList>, tab: &str) -> AnyView {
    let (tone, word) = harbor_status(harbor.state);
    let crumbs = vec![(t("Harbors", "Harbor 实例").to_owned(), "/harbors".to_owned())];
    let body = match tab {
        "check" => check_tab(&harbor, list),
        "settings" if has_duty(Duty::Operator) => settings(harbor.clone()),
        "settings" => view! { <MayNot text=of_duty(Duty::Operator)/> }.into_any(),
        _ => overview(&harbor),
    };
    let link = |key: &'static str, text: &'static str| {
        let href = if key.is_empty() { format!("/harbors/{}", harbor.name) } else { format!("/harbors/{}?tab={key}", harbor.name) };
        view! { <a href=href aria-current=(tab == key).then_some("page")>{text}</a> }.into_any()
    };
    let tabs = [
        Some(link("", t("Overview", "概览"))),
        Some(link("check", t("Check-list", "检查清单"))),
        has_duty(Duty::Operator).then(|| link("settings", t("Settings", "设置"))),
    ]
    .into_iter()
    .collect_view();
    view! {
        <PageHead title=sentence(&harbor) crumbs=crumbs here=harbor.name.clone()>
            <SubItem><Status tone=tone text=word/></SubItem>
            {harbor.version.clone().map(|v| view! { <SubItem label="Harbor">{v}</SubItem> })}
            <SubItem label=t("Projects in a plan", "受保护项目")>{format!("{} / {}", count(harbor.projects_protected), count(harbor.projects))}</SubItem>
            {harbor.checked.map(|at| view! { <SubItem label=t("Last contact", "最近连接")><When at=at brief=true/></SubItem> })}
        </PageHead>
        <nav class="tabs" aria-label=t("Parts of this harbor", "页签")>
            {tabs}
        </nav>
        {body}
    }
    .into_any()
}

fn settings(harbor: Harbor) -> AnyView {
    let (logins, again) = (harbor.clone(), harbor.clone());
    view! {
        <Columns>
            <Stack><SettingsForm harbor=harbor/></Stack>
            <Stack><Logins harbor=logins/><StagingSwitch harbor=again/></Stack>
        </Columns>
    }
    .into_any()
}

fn overview(harbor: &Harbor) -> AnyView {
    let (connection, inside) = (connection(harbor.clone()), inside(harbor));
    let logins = harbor.clone();
    let staging = (!harbor.outline).then(|| view! { <StagingState staging=harbor.staging.clone()/> });
    view! {
        <LoginsCallout harbor=logins/>
        <Columns>
            <Stack>{connection}</Stack>
            <Stack>{inside}{staging}</Stack>
        </Columns>
    }
    .into_any()
}

fn connection(harbor: Harbor) -> AnyView {
    let secret = harbor.secret_set.map(|(at, by)| view! { <Kv key=t("Secrets set", "密钥设置于")>{minute(at)}", "{by}</Kv> });
    let http = harbor.plain_http.then(|| view! { " "<Status tone=Tone::Warn text=t("plain http", "明文 http")/> });
    let write = match harbor.write_login {
        Some(login) => view! { <code class="mono">{login}</code> }.into_any(),
        None => t("none: backup only", "无：仅备份").into_any(),
    };
    let zone = harbor.bandwidth_zone;
    let caps = harbor.bandwidth.iter().map(|cap| view! { <li><code class="mono">{cap.clone()}</code></li> }).collect_view();
    let caps = (!harbor.bandwidth.is_empty())
        .then(|| view! { <Kv key=t("Backups read at most", "备份读取上限")><ul class="names">{caps}</ul>" "<span class="note">{zone}</span></Kv> });
    let (url, detail, read) = (harbor.url, harbor.state_detail, harbor.read_login);
    let told = (!harbor.outline).then(|| {
        view! {
            <Kv key=t("Last contact", "最近连接")>{detail.map(|detail| detail.say(lang()))}</Kv>
            <Kv key=t("Login for backup", "备份登录")><code class="mono">{read}</code></Kv>
            <Kv key=t("Login for restore", "恢复登录")>{write}</Kv>
        }
    });
    view! {
        <Panel title=t("Connection", "连接")>
            <KeyValue>
                <Kv key=t("Address", "地址")><code class="mono">{url}</code>{http}</Kv>
                {told}
                {caps}
                {secret}
            </KeyValue>
        </Panel>
    }
    .into_any()
}

fn inside(harbor: &Harbor) -> AnyView {
    let name = &harbor.name;
    let text = match lang() {
        Lang::En => {
            format!("{} projects at the last listing, {} of them in a plan.", count(harbor.projects), count(harbor.projects_protected))
        }
        Lang::ZhCn => format!("最近一次列出 {} 个项目，其中 {} 个已纳入计划。", count(harbor.projects), count(harbor.projects_protected)),
    };
    let bar = if has_duty(Duty::Operator) {
        let (plan, remove, own) = (format!("/plans/new?harbor={name}"), format!("/harbors/{name}/remove"), name.clone());
        view! {
            <PostForm call=ListProjectsNow::PATH class="form inline" id="inventory">
                <Hidden name="harbor" value=own.clone()/>
                <SubmitButton text=t("List its projects now", "立即列出项目")/>
            </PostForm>
            <Bar>
                <LinkButton href=plan text=t("Make a plan for it", "为其创建计划")/>
                <LinkButton href=remove text=t("Remove…", "移除…") kind=ButtonKind::Danger/>
            </Bar>
        }
        .into_any()
    } else {
        view! { <MayNot text=of_duty(Duty::Operator)/> }.into_any()
    };
    let link = (format!("/projects?harbor={name}"), t("All projects", "全部项目").to_owned());
    view! { <Panel title=t("What is in it", "内容") link=link padded=true><p>{text}</p>{bar}</Panel> }.into_any()
}

fn check_tab(harbor: &Harbor, list: Option<CheckList>) -> AnyView {
    let name = harbor.name.clone();
    let command = format!("breakwater harbor check {name}");
    let body = match list {
        Some(list) => view! { <CheckListView list=list/> }.into_any(),
        None => view! { <Empty kind=EmptyKind::NothingYet title=t("Not tested yet", "尚未测试")/> }.into_any(),
    };
    view! {
        <Stack>
            <IfDuty duty=Duty::Operator>
                <PostForm call=CheckHarbor::PATH class="form inline">
                    <Hidden name="harbor" value=name/>
                    <SubmitButton text=t("Test the connection now", "立即测试连接")/>
                </PostForm>
            </IfDuty>
            <Panel title=t("Check-list", "检查清单")>{body}</Panel>
            <CliTwin command=command/>
        </Stack>
    }
    .into_any()
}
