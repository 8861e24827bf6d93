//! Forgetting a harbor: what stays, what ends, and the name to type.

use leptos::prelude::*;

use super::calls::{RemoveHarbor, get_harbor};
use super::types::Harbor;
use crate::accounts::types::Duty;
use crate::text::{Lang, lang, t};
use crate::ui::*;

/// The page.
#[component]
pub fn RemoveHarborPage() -> impl IntoView {
    let name = use_param("name");
    view! { <Load data=get_harbor(name) view=content/> }
}

fn content(harbor: Harbor) -> AnyView {
    let name = harbor.name;
    let title = match lang() {
        Lang::En => format!("Remove {name}: backups end, what was captured stays."),
        Lang::ZhCn => format!("移除 {name}：停止备份，已有备份保留。"),
    };
    let page = format!("/harbors/{name}");
    let crumbs = vec![(t("Harbors", "Harbor 实例").to_owned(), "/harbors".to_owned()), (name.clone(), page.clone())];
    let submit = format!("{} {name}", t("Remove", "移除"));
    view! {
        <PageHead title=title crumbs=crumbs here=t("Remove", "移除")>
            {t("Its address and logins are forgotten. Plans that use it must be deleted first.", "其地址与登录信息将被清除；须先删除使用它的计划。")}
        </PageHead>
        <IfDuty duty=Duty::Operator>
            <PostForm call=RemoveHarbor::PATH>
                <Hidden name="harbor" value=name.clone()/>
                <ConfirmType name="confirm" expected=name.clone()/>
                <Bar>
                    <SubmitButton text=submit.clone() kind=ButtonKind::Danger/>
                    <LinkButton href=page.clone() text=t("Keep it", "保留")/>
                </Bar>
            </PostForm>
        </IfDuty>
    }
    .into_any()
}
