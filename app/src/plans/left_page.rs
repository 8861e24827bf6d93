//! Snapshots of deleted plans: what there is, what becomes of it, and saying so anew.

use leptos::prelude::*;

use super::calls::{DecideLeft, list_imports, list_left, list_plans};
use super::imported::Import;
use super::imported_page::imports_panel;
use super::left::{Left, LeftTo};
use super::types::{Keep, Plan};
use crate::accounts::types::Duty;
use crate::text::{Lang, lang, t};
use crate::ui::*;
use crate::units::count;

/// What becomes of the snapshots, in a sentence.
#[must_use]
pub fn left_words(left: &Left) -> String {
    let rule = rule_words(&left.keep);
    let by = left.by_plan.as_ref().map(|(_, name)| name.clone()).unwrap_or_default();
    let owner = left.owner.clone().unwrap_or_default();
    match (lang(), left.to) {
        (Lang::En, LeftTo::Kept) => format!("all are kept; {owner} answers for that"),
        (Lang::ZhCn, LeftTo::Kept) => format!("全部保留，由 {owner} 负责"),
        (Lang::En, LeftTo::Rule) => format!("kept by the rule it had: {rule}"),
        (Lang::ZhCn, LeftTo::Rule) => format!("按原规则保留：{rule}"),
        (Lang::En, LeftTo::Plan) => format!("kept by the rule of {by}"),
        (Lang::ZhCn, LeftTo::Plan) => format!("按计划 {by} 的规则保留"),
        (Lang::En, LeftTo::Undecided) => "all are kept, since nobody said what becomes of them".to_owned(),
        (Lang::ZhCn, LeftTo::Undecided) => "全部保留：尚无人决定如何处理".to_owned(),
    }
}

/// A retention rule in few words.
#[must_use]
pub fn rule_words(keep: &Keep) -> String {
    if keep.is_all() {
        return t("everything", "全部保留").to_owned();
    }
    let parts = [
        (keep.last, t("newest", "个最近")),
        (keep.hourly, t("hourly", "个每小时")),
        (keep.daily, t("daily", "个每日")),
        (keep.weekly, t("weekly", "个每周")),
        (keep.monthly, t("monthly", "个每月")),
        (keep.yearly, t("yearly", "个每年")),
        (keep.within_days, t("days of all", "天内全部")),
    ];
    let said: Vec<String> = parts.into_iter().filter(|(n, _)| *n > 0).map(|(n, word)| format!("{n} {word}")).collect();
    said.join(", ")
}

/// The page of all.
#[component]
pub fn LeftPage() -> impl IntoView {
    let data = async { Ok((list_left().await?, list_imports().await?)) };
    view! { <Load data=data topics=&[Topic::Plans, Topic::Snapshots] view=|(left, imports)| all(left, imports)/> }
}

fn crumbs() -> Vec<(String, String)> {
    vec![(t("Plans", "备份计划").to_owned(), "/plans".to_owned())]
}

fn all(left: Vec<Left>, imports: Vec<Import>) -> AnyView {
    let title = match left.len() {
        0 => t("No deleted plan left snapshots behind.", "没有遗留快照的已删除计划。").to_owned(),
        1 => t("One deleted plan left snapshots behind.", "1 个已删除的计划遗留有快照。").to_owned(),
        n => lang().pick(format!("{n} deleted plans left snapshots behind."), format!("{n} 个已删除的计划遗留有快照。")),
    };
    view! {
        <PageHead title=title crumbs=crumbs() here=t("Deleted plans", "已删除的计划")/>
        {(!left.is_empty()).then(|| left_panel(left))}
        {(!imports.is_empty()).then(|| imports_panel(imports))}
    }
    .into_any()
}

/// Deleted plans in a table.
#[must_use]
pub fn left_panel(left: Vec<Left>) -> AnyView {
    let operator = has_duty(Duty::Operator);
    let rows = left
        .into_iter()
        .map(|left| {
            let tone = if left.to == LeftTo::Undecided { Tone::Warn } else { Tone::Ok };
            let words = left_words(&left);
            let href = format!("/plans/left/{}", left.plan_id);
            let by = left
                .decided_by
                .clone()
                .zip(left.decided)
                .map(|(by, at)| view! { <span class="note block">{by}" "<When at=at brief=true/></span> });
            view! {
                <tr>
                    <Cell>{left.plan}<span class="note block">{t("deleted", "删除于")}" "<When at=left.deleted brief=true/></span></Cell>
                    <Cell label=t("Snapshots", "快照") number=true>{count(left.snapshots)}</Cell>
                    <Cell label=t("Vault", "保管库")><a href=format!("/vaults/{}", left.vault_id)>{left.vault}</a></Cell>
                    <Cell label=t("What becomes of them", "处理方式")><Status tone=tone text=words/>{by}</Cell>
                    <Cell>{operator.then(|| view! { <LinkButton href=href text=t("Decide…", "决定…") kind=ButtonKind::Small/> })}</Cell>
                </tr>
            }
        })
        .collect_view();
    let cols = vec![
        Col::text(t("Deleted plan", "已删除的计划")),
        Col::number(t("Snapshots", "快照")),
        Col::text(t("Vault", "保管库")),
        Col::text(t("What becomes of them", "处理方式")),
        Col::actions(),
    ];
    let title = t("Snapshots of deleted plans", "已删除计划的快照");
    let reason = (!operator).then(|| view! { <MayNot text=of_duty(Duty::Operator)/> });
    view! { <Panel title=title><DataTable caption=title cols=cols>{rows}</DataTable>{reason}</Panel> }.into_any()
}

/// The fields that say what becomes of the snapshots of a plan of `harbor`, inside a form.
#[component]
pub fn LeaveFields(harbor: String, plan_id: i64, keep: Keep, plans: Vec<Plan>, to: String) -> impl IntoView {
    let me = viewer().map(|me| me.login).unwrap_or_default();
    let others: Vec<(String, String)> =
        plans.into_iter().filter(|plan| plan.harbor == harbor && plan.id != plan_id).map(|plan| (plan.id.to_string(), plan.name)).collect();
    let rule = lang().pick(format!("keep them by the rule it had: {}", rule_words(&keep)), format!("按原规则保留：{}", rule_words(&keep)));
    let mut ways = vec![
        (String::new(), t("– choose –", "– 请选择 –").to_owned()),
        ("kept".to_owned(), t("keep them all, for the owner named below", "全部保留，由下列所有者负责").to_owned()),
        ("rule".to_owned(), rule),
    ];
    if !others.is_empty() {
        ways.push(("plan".to_owned(), t("keep them by the rule of the plan named below", "按下列计划的规则保留").to_owned()));
    }
    let first = others.first().map(|(id, _)| id.clone()).unwrap_or_default();
    view! {
        <Select name="to" label=t("What becomes of its snapshots", "如何处理其快照") value=to options=ways/>
        <Field name="owner" label=t("Owner: login of who answers for keeping them", "所有者：负责保留的账号登录名") value=me optional=true/>
        {(!others.is_empty()).then(|| view! { <Select name="by_plan" label=t("Plan whose rule keeps them", "采用其规则的计划") value=first options=others/> })}
        <p class="hint">{t("Nothing goes by a rule for a day after this.", "此后一天内不会按规则清理任何快照。")}</p>
    }
    .into_any()
}

/// The page that decides on one.
#[component]
pub fn DecidePage() -> impl IntoView {
    let id = use_id("id");
    let data = async move {
        let found = list_left().await?.into_iter().find(|left| left.plan_id == id);
        let left = crate::ports::answer(found.ok_or_else(|| crate::error::ApiError::not_found(crate::refusals::Thing::Plan)))?;
        Ok((left, list_plans().await?))
    };
    view! { <Load data=data topics=&[Topic::Plans] view=|(left, plans)| decide(left, plans)/> }
}

fn decide(left: Left, plans: Vec<Plan>) -> AnyView {
    let title = lang().pick(
        format!("{} left {} snapshots: {}.", left.plan, count(left.snapshots), left_words(&left)),
        format!("{} 遗留 {} 个快照：{}。", left.plan, count(left.snapshots), left_words(&left)),
    );
    let mut crumbs = crumbs();
    crumbs.push((t("Deleted plans", "已删除的计划").to_owned(), "/plans/left".to_owned()));
    let to = match left.to {
        LeftTo::Kept => "kept",
        LeftTo::Rule => "rule",
        LeftTo::Plan => "plan",
        LeftTo::Undecided => "",
    };
    view! {
        <PageHead title=title crumbs=crumbs here=left.plan.clone()/>
        <IfDuty duty=Duty::Operator>
            <PostForm call=DecideLeft::PATH id="leave">
                <Hidden name="plan_id" value=left.plan_id.to_string()/>
                <LeaveFields harbor=left.harbor.clone() plan_id=left.plan_id keep=left.keep plans=plans.clone() to=to.to_owned()/>
                <SubmitButton text=t("Note it", "记录") kind=ButtonKind::Primary/>
            </PostForm>
        </IfDuty>
    }
    .into_any()
}
