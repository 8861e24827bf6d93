//! The inbox of those who decide.

use leptos::prelude::*;

use super::calls::list_approvals;
use super::state_word;
use super::types::{InboxFilter, RequestRow};
use crate::sentence::Sentence as _;
use crate::text::{lang, t};
use crate::ui::*;
use crate::units::{Page, count};

/// The page.
#[component]
pub fn ApprovalsPage() -> impl IntoView {
    let (tab, after) = (use_query("tab"), use_query("after"));
    let (shown, paged) = (tab.clone().unwrap_or_else(|| "mine".to_owned()), after.is_some());
    let rows = list_approvals(InboxFilter { tab, after });
    view! { <Load data=rows topics=&[Topic::Requests] view=move |found| page(found, shown, paged)/> }
}

fn page(found: Page<RequestRow>, tab: String, paged: bool) -> AnyView {
    let (rows, next) = (found.items, found.next);
    let title = match (tab.as_str(), found.total.unwrap_or_default()) {
        ("mine", 0) => t("Nothing waits for you.", "没有等待您审批的申请。").to_owned(),
        ("mine", 1) => t("One request waits for your decision.", "有 1 个申请等待您审批。").to_owned(),
        ("mine", n) => lang().pick(format!("{} requests wait for your decision.", count(n)), format!("有 {} 个申请等待您审批。", count(n))),
        ("team", 0) => t("Nothing waits for others.", "没有等待他人审批的申请。").to_owned(),
        ("team", 1) => t("One request waits for others.", "有 1 个申请等待他人审批。").to_owned(),
        (_, 0) => t("You decided on no request yet.", "您尚未审批任何申请。").to_owned(),
        (_, 1) => t("You decided on one request.", "您已审批 1 个申请。").to_owned(),
        ("team", n) => lang().pick(format!("{} requests wait for others.", count(n)), format!("有 {} 个申请等待他人审批。", count(n))),
        (_, n) => lang().pick(format!("You decided on {} requests.", count(n)), format!("您已审批 {} 个申请。", count(n))),
    };
    let tabs = [
        ("mine", t("Waits for me", "等待我审批")),
        ("team", t("Waits for others", "等待他人审批")),
        ("done", t("Decided by me", "我已审批")),
    ]
    .into_iter()
    .map(|(name, text)| view! { <a href=format!("/approvals?tab={name}") aria-current=(name == tab).then_some("page")>{text}</a> })
    .collect_view();
    let (empty, base) = (rows.is_empty(), format!("/approvals?tab={}", url_part(&tab)));
    let cards = rows.into_iter().map(card).collect_view();
    view! {
        <PageHead title=title here=t("Approvals", "审批")/>
        <nav class="tabs" aria-label=t("Parts of the inbox", "收件箱分类")>{tabs}</nav>
        {if empty {
            view! { <Empty kind=EmptyKind::NothingYet title=t("Good: the inbox is empty.", "收件箱为空。") text=t("Requests on your projects appear here as soon as they are sent off.", "您项目的申请提交后会立即出现在此。")/> }.into_any()
        } else {
            view! { <section class="panel">{cards}</section><Pager base=base next=next paged=paged/> }.into_any()
        }}
    }
    .into_any()
}

fn card(r: RequestRow) -> impl IntoView {
    let (tone, word) = state_word(r.state);
    let href = format!("/restores/{}", r.id);
    let waiting = matches!(r.state, super::types::RequestState::Waiting | super::types::RequestState::Reapproval);
    let end = href.clone();
    view! {
        <Row end=ViewFn::from(move || view! { <LinkButton href=end.clone() text=if waiting { t("Decide", "审批") } else { t("Look", "查看") } kind=ButtonKind::Small/> })>
            <a href=href><b>{format!("#{} ", r.id)}</b>{r.effects.say(lang())}</a>
            <span class="note block">
                {format!("{}/{} · {} · ", r.harbor, r.project, r.requester)}
                {lang().pick(format!("risk {} · {} of {} approvals", r.risk, r.votes, r.votes_needed), format!("风险 {} · 审批 {} / {}", r.risk, r.votes, r.votes_needed))}
                {r.submitted.map(|at| view! { " · "<When at=at brief=true/> })}
            </span>
            <Status tone=tone text=word/>
        </Row>
    }
}
