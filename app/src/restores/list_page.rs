//! All requests.

use leptos::prelude::*;

use super::calls::list_requests;
use super::state_word;
use super::types::{RequestFilter, RequestRow};
use crate::jobs::list_page::choice;
use crate::sentence::Sentence as _;
use crate::text::{lang, t};
use crate::ui::*;
use crate::units::Page;

/// The list with its filters.
#[component]
pub fn RestoresPage() -> impl IntoView {
    let [state, mine, project, after] = ["state", "mine", "project", "after"].map(use_query);
    let filter = RequestFilter { state, mine: mine.is_some_and(|m| m == "true"), project, after };
    view! { <Load data=list_requests(filter.clone()) topics=&[Topic::Requests] view=move |page| list(page, filter)/> }
}

fn list(page: Page<RequestRow>, filter: RequestFilter) -> AnyView {
    let open = page.items.iter().filter(|r| r.finished.is_none()).count();
    let title = match (page.items.len(), open) {
        (0, _) => t("No restore was asked for.", "暂无恢复申请。").to_owned(),
        (_, 0) => t("No restore is open.", "没有进行中的恢复申请。").to_owned(),
        (_, 1) => t("One restore is open.", "有 1 个进行中的恢复申请。").to_owned(),
        (_, n) => lang().pick(format!("{n} restores are open."), format!("有 {n} 个进行中的恢复申请。")),
    };
    let mine = filter.mine;
    let query: Vec<String> =
        [("state", filter.state.clone()), ("project", filter.project.clone()), ("mine", mine.then(|| "true".to_owned()))]
            .into_iter()
            .filter_map(|(k, v)| v.map(|v| format!("{k}={}", url_part(&v))))
            .collect();
    let filtered = !query.is_empty();
    let base = if filtered { format!("/restores?{}", query.join("&")) } else { "/restores".to_owned() };
    let paged = filter.after.is_some();
    let of_project = filter.project.clone().map(|name| {
        let rest: Vec<&str> = query.iter().map(String::as_str).filter(|part| !part.starts_with("project=")).collect();
        let without = if rest.is_empty() { "/restores".to_owned() } else { format!("/restores?{}", rest.join("&")) };
        view! { <FilterChip text=name without=without/> }
    });
    let empty = page.items.is_empty();
    let rows = page.items.into_iter().map(row).collect_view();
    view! {
        <PageHead title=title here=t("Restores", "恢复")/>
        <GetForm action="/restores" keep=vec![("project", filter.project.clone())]>
            {of_project}
            {choice("state", t("State", "状态"), filter.state, &[("open", t("open", "进行中")), ("ended", t("ended", "已结束")), ("done", t("done", "已完成")), ("issues", t("incomplete", "未全部完成")), ("failed", t("failed", "失败")), ("denied", t("refused", "已拒绝"))])}
            <label class="filter check"><input type="checkbox" name="mine" value="true" checked=mine/><span>{t("Only mine", "仅我的")}</span></label>
            <SubmitButton text=t("Show", "筛选")/>
            <LinkButton href="/search" text=t("Find something lost…", "查找丢失的内容…")/>
        </GetForm>
        {if empty && filtered {
            view! { <Empty kind=EmptyKind::NoMatch title=t("No request matches.", "没有匹配的申请。")><LinkButton href="/restores" text=t("All requests", "全部申请")/></Empty> }.into_any()
        } else if empty {
            view! { <Empty kind=EmptyKind::NothingYet title=t("Nothing was lost, or nobody asked yet.", "没有丢失内容，或尚无人申请。") text=t("Search for a tag, look at its history, and ask for it back.", "搜索 Tag，查看历史，然后申请恢复。")/> }.into_any()
        } else {
            view! { <section class="panel"><DataTable caption=t("Requests", "申请") cols=columns()>{rows}</DataTable></section><Pager base=base next=page.next paged=paged/> }.into_any()
        }}
    }
    .into_any()
}

/// Heads of a list of requests.
#[must_use]
pub fn columns() -> Vec<Col> {
    vec![
        Col::text(t("Request", "申请")),
        Col::text(t("Effect", "操作")),
        Col::text(t("State", "状态")),
        Col::text(t("By", "申请人")),
        Col::number(t("Risk", "风险")),
        Col::number(t("Approvals", "审批")),
        Col::text(t("Asked", "提交时间")),
    ]
}

/// A row of a list of requests.
pub fn row(r: RequestRow) -> impl IntoView {
    let (tone, word) = state_word(r.state);
    let result = r.ended.map(|ended| ended.say(lang())).or_else(|| r.result.map(|outcome| outcome.say(lang())));
    view! {
        <tr>
            <Cell><a href=format!("/restores/{}", r.id)>{format!("#{}", r.id)}</a></Cell>
            <Cell label=t("Effect", "操作")>{r.effects.say(lang())}<span class="note block">{format!("{}/{}", r.harbor, r.project)}{result.map(|text| format!(" · {text}"))}</span></Cell>
            <Cell label=t("State", "状态")><Status tone=tone text=word/></Cell>
            <Cell label=t("By", "申请人")>{r.requester.clone()}</Cell>
            <Cell label=t("Risk", "风险") number=true>{r.risk}</Cell>
            <Cell label=t("Approvals", "审批") number=true>{format!("{} / {}", r.votes, r.votes_needed)}</Cell>
            <Cell label=t("Asked", "提交时间")>{r.submitted.map(|at| view! { <When at=at brief=true/> })}</Cell>
        </tr>
    }
}
