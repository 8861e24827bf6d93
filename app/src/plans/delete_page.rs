//! Deleting a plan: what ends, what stays, and the name to type.

use leptos::prelude::*;

use super::calls::{DeletePlan, get_plan, list_plans};
use super::left_page::LeaveFields;
use super::types::Plan;
use crate::accounts::types::Duty;
use crate::text::{Lang, lang, t};
use crate::ui::*;
use crate::units::count;

/// The page.
#[component]
pub fn DeletePlanPage() -> impl IntoView {
    let id = use_id("id");
    let data = async move {
        let plans = list_plans().await?;
        let plan = plans.iter().find(|plan| plan.id == id).cloned();
        match plan {
            Some(plan) => Ok((plan, plans)),
            // It says so, with the status of that.
            None => Ok((get_plan(id).await?, plans)),
        }
    };
    view! { <Load data=data view=|(plan, plans)| content(plan, plans)/> }
}

fn content(plan: Plan, plans: Vec<Plan>) -> AnyView {
    let title = match lang() {
        Lang::En => format!("Delete {}: {} projects are no longer backed up by it.", plan.name, count(plan.projects)),
        Lang::ZhCn => format!("删除 {}：{} 个项目将不再由其备份。", plan.name, count(plan.projects)),
    };
    let page = format!("/plans/{}", plan.id);
    let crumbs = vec![(t("Plans", "备份计划").to_owned(), "/plans".to_owned()), (plan.name.clone(), page.clone())];
    let id = plan.id.to_string();
    view! {
        <PageHead title=title crumbs=crumbs here=t("Delete", "删除")>
            {t("Its snapshots can be restored as before. Say what becomes of them.", "其快照仍可恢复。请选择如何处理这些快照。")}
        </PageHead>
        <IfDuty duty=Duty::Operator>
            <PostForm call=DeletePlan::PATH>
                <Hidden name="plan_id" value=id.clone()/>
                <LeaveFields harbor=plan.harbor.clone() plan_id=plan.id keep=plan.keep plans=plans to=String::new()/>
                <ConfirmType name="confirm" expected=plan.name.clone()/>
                <Bar>
                    <SubmitButton text=t("Delete the plan", "删除计划") kind=ButtonKind::Danger/>
                    <LinkButton href=page.clone() text=t("Keep it", "保留")/>
                </Bar>
            </PostForm>
        </IfDuty>
    }
    .into_any()
}
