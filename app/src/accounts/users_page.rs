//! The accounts.

use leptos::prelude::*;

use super::calls::list_users;
use super::exclusion::conflict_of;
use super::types::{Duty, User};
use super::words::rights;
use crate::text::{Lang, lang, t};
use crate::ui::*;
use crate::units::Page;

/// The page.
#[component]
pub fn UsersPage() -> impl IntoView {
    let after = use_query("after");
    let paged = after.is_some();
    view! { <Load data=list_users(after) topics=&[Topic::Accounts] view=move |page| content(page, paged)/> }
}

fn sentence(users: &[User], paged: bool, more: bool) -> String {
    let active = users.iter().filter(|u| u.disabled.is_none());
    let holders = |duty: Duty| active.clone().filter(|u| u.duties.contains(&duty)).count();
    let whole = !paged && !more;
    let empty = [Duty::Operator, Duty::Secadmin, Duty::Auditor].into_iter().find(|d| whole && holders(*d) == 0);
    match (lang(), empty) {
        (Lang::En, Some(duty)) => format!(
            "Nobody is {} yet.",
            match duty {
                Duty::Operator => "operator",
                Duty::Secadmin => "security administrator",
                Duty::Auditor => "auditor",
            }
        ),
        (Lang::ZhCn, Some(duty)) => format!("尚无{}。", super::words::duty_word(duty)),
        (Lang::En, None) => "People, their duties and their roles.".to_owned(),
        (Lang::ZhCn, None) => "人员、职责与角色。".to_owned(),
    }
}

fn content(page: Page<User>, paged: bool) -> AnyView {
    let title = sentence(&page.items, paged, page.next.is_some());
    let cols = vec![
        Col::text(t("Person", "人员")),
        Col::text(t("Duties and roles", "职责与角色")),
        Col::text(t("State", "状态")),
        Col::text(t("Last seen", "最近活动")),
    ];
    let rows = page
        .items
        .into_iter()
        .map(|user| {
            let conflict = conflict_of(&user.duties, &user.grants).filter(|_| user.disabled.is_none());
            let conflict = conflict.map(|conflict| view! { <Status tone=Tone::Warn text=conflict.say(lang())/> });
            let (tone, word) = if user.disabled.is_some() { (Tone::Idle, t("switched off", "已停用")) } else { (Tone::Ok, t("active", "正常")) };
            view! {
                <tr>
                    <Cell><a href=format!("/admin/users/{}", user.id)>{user.display_name.clone()}</a>" "<span class="note">{user.login.clone()}</span></Cell>
                    <Cell label=t("Duties and roles", "职责与角色")>{rights(&user.duties, &user.grants)}{conflict}</Cell>
                    <Cell label=t("State", "状态")><Status tone=tone text=word/></Cell>
                    <Cell label=t("Last seen", "最近活动")>{match user.last_seen {
                        Some(at) => view! { <When at=at brief=true/> }.into_any(),
                        None => t("never", "从未").into_any(),
                    }}</Cell>
                </tr>
            }
        })
        .collect_view();
    view! {
        <div class="head-bar">
            <PageHead title=title here=t("People", "人员")/>
            <IfDuty duty=Duty::Secadmin><LinkButton href="/admin/users/new" text=t("Add a person", "添加人员")/></IfDuty>
        </div>
        <Panel title=t("Accounts", "账号")>
            <DataTable caption=t("Accounts", "账号") cols=cols>{rows}</DataTable>
            <Pager base="/admin/users" next=page.next paged=paged/>
        </Panel>
    }
    .into_any()
}
