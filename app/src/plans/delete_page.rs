//! Deleting a plan: what ends, what stays, and the name to type.

use leptos::prelude::*;

use super::calls::{DeletePlan, get_plan};
use super::types::Plan;
use crate::text::{Lang, lang, t};
use crate::ui::*;
use crate::units::count;

/// The page.
#[component]
pub fn DeletePlanPage() -> impl IntoView {
    let id = use_id("id");
    let action = ServerAction::<DeletePlan>::new();
    let plan = Resource::new(move || id.get(), get_plan);
    view! { <Load data=plan view=move |plan| content(plan, action)/> }
}

fn content(plan: Plan, action: ServerAction<DeletePlan>) -> AnyView {
    let title = match lang() {
        Lang::En => format!("Delete {}: {} projects are no longer backed up by it.", plan.name, count(plan.projects)),
        Lang::ZhCn => format!("删除 {}：{} 个项目将不再由其备份。", plan.name, count(plan.projects)),
    };
    let page = format!("/plans/{}", plan.id);
    let crumbs = vec![(t("Plans", "备份计划").to_owned(), "/plans".to_owned()), (plan.name.clone(), page.clone())];
    let id = plan.id.to_string();
    view! {
        <PageHead title=title crumbs=crumbs here=t("Delete", "删除")>
            {t("Its snapshots stay and can be restored.", "其快照保留，仍可恢复。")}
        </PageHead>
        <PostForm action=action>
            <Hidden name="plan_id" value=id.clone()/>
            <ConfirmType name="confirm" expected=plan.name.clone()/>
            <Bar>
                <SubmitButton text=t("Delete the plan", "删除计划") kind=ButtonKind::Danger/>
                <LinkButton href=page.clone() text=t("Keep it", "保留")/>
            </Bar>
        </PostForm>
    }
    .into_any()
}
