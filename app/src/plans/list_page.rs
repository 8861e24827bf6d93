//! The plans.

use leptos::prelude::*;

use super::calls::list_plans;
use super::types::Plan;
use super::words::plan_now;
use crate::accounts::types::Duty;
use crate::home::sentence::target_words;
use crate::sentence::Sentence as _;
use crate::text::{Lang, lang, t};
use crate::ui::*;
use crate::units::count;

/// The page.
#[component]
pub fn PlansPage() -> impl IntoView {
    view! { <Load data=list_plans() topics=&[Topic::Plans] view=content/> }
}

fn sentence(plans: &[Plan]) -> String {
    let paused = plans.iter().filter(|p| p.paused.is_some()).count();
    match (lang(), plans.len(), paused) {
        (Lang::En, 0, _) => "Nothing is backed up yet: there is no plan.".to_owned(),
        (Lang::ZhCn, 0, _) => "尚无备份计划，尚未备份任何内容。".to_owned(),
        (Lang::En, 1, 0) => "One plan runs by its schedule.".to_owned(),
        (Lang::En, n, 0) => format!("All {n} plans run by their schedules."),
        (Lang::ZhCn, n, 0) => format!("全部 {n} 个备份计划按时运行。"),
        (Lang::En, n, p) => format!("{p} of {n} plans {} paused.", if p == 1 { "is" } else { "are" }),
        (Lang::ZhCn, n, p) => format!("{n} 个备份计划中有 {p} 个已暂停。"),
    }
}

fn content(plans: Vec<Plan>) -> AnyView {
    let title = sentence(&plans);
    let estate = [Duty::Operator, Duty::Secadmin, Duty::Auditor].into_iter().any(has_duty);
    let body = if plans.is_empty() {
        let preset = |text: &'static str, cron: &'static str, hours: i64| {
            view! { <LinkButton href=format!("/plans/new?form[cron]={}&form[rpo_hours]={hours}&form[include]=*", url_part(cron)) text=text/> }
        };
        view! {
            <Empty kind=EmptyKind::NothingYet title=t("Make the first plan", "创建第一个备份计划")
                text=t("A plan says which projects of a Harbor are captured, when, and how old the newest copy may get.", "备份计划规定备份 Harbor 的哪些项目、何时备份，以及最新备份允许的最长时间。")>
                {has_duty(Duty::Operator).then(|| view! {
                    {preset(t("Everything, every night", "全部项目，每晚"), "0 2 * * *", 26)}
                    {preset(t("Everything, every six hours", "全部项目，每六小时"), "0 */6 * * *", 7)}
                    {preset(t("Everything, every hour", "全部项目，每小时"), "0 * * * *", 2)}
                })}
            </Empty>
        }
        .into_any()
    } else {
        view! { <Panel title=t("Plans", "备份计划") note=t("last 30 days", "最近 30 天")>{table(plans)}</Panel> }.into_any()
    };
    view! {
        <div class="head-bar">
            <PageHead title=title here=t("Plans", "备份计划")/>
            <IfDuty duty=Duty::Operator><LinkButton href="/plans/new" text=t("Make a plan", "创建计划")/></IfDuty>
        </div>
        {body}
        {estate.then(|| view! { <p class="note padded"><a href="/plans/left">{t("Snapshots of deleted plans", "已删除计划的快照")}</a></p> })}
        <CliTwin command="breakwater plan list"/>
    }
    .into_any()
}

fn table(plans: Vec<Plan>) -> AnyView {
    let cols = vec![
        Col::text(t("Plan", "计划")),
        Col::text("Harbor"),
        Col::number(t("Projects", "项目")),
        Col::text(t("Schedule", "时间表")),
        Col::text(t("Days", "日历")),
        Col::number(t("Target", "目标")),
        Col::text(t("Now", "当前")),
        Col::text(t("Next run", "下次运行")),
    ];
    let rows = plans
        .into_iter()
        .map(|plan| {
            let now = plan_now(&plan);
            let harbor = plan.harbor;
            view! {
                <tr>
                    <Cell><a href=format!("/plans/{}", plan.id)>{plan.name}</a></Cell>
                    <Cell label="Harbor"><a href=format!("/harbors/{harbor}")>{harbor.clone()}</a></Cell>
                    <Cell label=t("Projects", "项目") number=true>{count(plan.projects)}</Cell>
                    <Cell label=t("Schedule", "时间表")>{plan.schedule_words.say(lang())}</Cell>
                    <Cell label=t("Days", "日历")><DayStrip days=plan.days/></Cell>
                    <Cell label=t("Target", "目标") number=true>{target_words(plan.rpo_s, lang())}</Cell>
                    <Cell label=t("Now", "当前")>{now}</Cell>
                    <Cell label=t("Next run", "下次运行")>{plan.next.map(|at| view! { <When at=at brief=true/> })}</Cell>
                </tr>
            }
        })
        .collect_view();
    view! { <DataTable caption=t("Plans", "备份计划") cols=cols>{rows}</DataTable> }.into_any()
}
