//! What this person may do; and in place of a button that is not for them, who may. What is not shown is refused by the server all the same,
//! and a test walks every page as each kind of person to see that both say the same.

use leptos::prelude::*;

use super::page_state::viewer;
use crate::accounts::types::{Duty, Role};
use crate::text::t;

/// Whether the reader has a duty.
#[must_use]
pub fn has_duty(duty: Duty) -> bool {
    viewer().is_some_and(|me| me.has(duty))
}

/// Whether the reader may ask for restores of a project.
#[must_use]
pub fn may_ask(harbor: &str, project: &str) -> bool {
    viewer().is_some_and(|me| me.has_role(&[Role::Requester, Role::Approver, Role::Owner], harbor, project))
}

/// Whether the reader may have a project backed up now.
#[must_use]
pub fn may_back_up(harbor: &str, project: &str) -> bool {
    has_duty(Duty::Operator) || may_ask(harbor, project)
}

/// Who does it, in place of what is not for the reader.
#[component]
pub fn MayNot(#[prop(into)] text: String) -> impl IntoView {
    view! { <p class="note may-not">{text}</p> }.into_any()
}

/// The same for what comes with a duty.
#[must_use]
pub fn of_duty(duty: Duty) -> &'static str {
    match duty {
        Duty::Operator => t("An operator does this.", "此操作由系统管理员执行。"),
        Duty::Secadmin => t("A security administrator does this.", "此操作由安全管理员执行。"),
        Duty::Auditor => t("An auditor does this.", "此操作由审计员执行。"),
    }
}

/// The same for asking for a restore.
#[must_use]
pub fn of_asking() -> &'static str {
    t(
        "Requesters, approvers and owners of the project ask for restores; a security administrator gives roles.",
        "恢复由项目的申请人、审批人或所有者申请；角色由安全管理员授予。",
    )
}

/// Shows its children to those with a duty, and to others who has it.
#[component]
pub fn IfDuty(duty: Duty, children: Children) -> impl IntoView {
    if has_duty(duty) { children().into_any() } else { view! { <MayNot text=of_duty(duty)/> }.into_any() }
}
