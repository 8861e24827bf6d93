//! Duties and roles in words, and as lines of a form.

use leptos::prelude::*;

use super::types::{Duty, Grant, Role};
use crate::text::t;
use crate::ui::*;

/// All duties, in the order they are shown.
pub const DUTIES: [Duty; 3] = [Duty::Operator, Duty::Secadmin, Duty::Auditor];

/// A duty's name.
#[must_use]
pub fn duty_word(duty: Duty) -> &'static str {
    match duty {
        Duty::Operator => t("operator", "系统管理员"),
        Duty::Secadmin => t("security administrator", "安全管理员"),
        Duty::Auditor => t("auditor", "审计管理员"),
    }
}

/// A duty's value in a form.
#[must_use]
pub const fn duty_value(duty: Duty) -> &'static str {
    match duty {
        Duty::Operator => "operator",
        Duty::Secadmin => "secadmin",
        Duty::Auditor => "auditor",
    }
}

fn duty_hint(duty: Duty) -> &'static str {
    match duty {
        Duty::Operator => t(
            "Harbors, vaults, plans, running backups. Sees no image content, does not vote.",
            "Harbor、保管库、备份计划与运行；不可查看镜像内容，不参与审批。",
        ),
        Duty::Secadmin => t("Accounts and roles; the second vote where the risk is high.", "账号与角色；高风险时的第二审批人。"),
        Duty::Auditor => t("Reads the whole audit history; changes nothing.", "查看全部审计记录，不做任何更改。"),
    }
}

/// A role's name, which is also its word in a form.
#[must_use]
pub const fn role_value(role: Role) -> &'static str {
    match role {
        Role::Viewer => "viewer",
        Role::Requester => "requester",
        Role::Approver => "approver",
        Role::Owner => "owner",
    }
}

/// A role's name in the reader's language.
#[must_use]
pub fn role_word(role: Role) -> &'static str {
    match role {
        Role::Viewer => t("viewer", "查看者"),
        Role::Requester => t("requester", "申请人"),
        Role::Approver => t("approver", "审批人"),
        Role::Owner => t("owner", "负责人"),
    }
}

/// Where a grant holds: `prod/payments`, `prod/*` or `*`.
#[must_use]
pub fn scope_word(grant: &Grant) -> String {
    match (&grant.harbor, &grant.project) {
        (Some(harbor), Some(project)) => format!("{harbor}/{project}"),
        (Some(harbor), None) => format!("{harbor}/*"),
        (None, _) => "*".to_owned(),
    }
}

/// Grants as the form has them, one a line.
#[must_use]
pub fn grant_lines(grants: &[Grant]) -> String {
    grants.iter().map(|g| format!("{} {}", role_value(g.role), scope_word(g))).collect::<Vec<_>>().join("\n")
}

/// Duties and grants as small labels.
#[must_use]
pub fn rights(duties: &[Duty], grants: &[Grant]) -> AnyView {
    if duties.is_empty() && grants.is_empty() {
        return view! { <span class="note">{t("none", "无")}</span> }.into_any();
    }
    let duties = duties.iter().map(|d| view! { <li><b>{duty_word(*d)}</b></li> }).collect_view();
    let grants = grants.iter().map(|g| view! { <li>{role_word(g.role)}" "<code class="mono">{scope_word(g)}</code></li> }).collect_view();
    view! { <ul class="names">{duties}{grants}</ul> }.into_any()
}

/// The fields for duties and grants, inside a form.
#[component]
pub fn RightsFields(#[prop(optional)] duties: Vec<Duty>, #[prop(optional, into)] grants: String) -> impl IntoView {
    let boxes = DUTIES
        .into_iter()
        .enumerate()
        .map(|(i, duty)| {
            let post_as = format!("duties[{i}]");
            view! { <Checkbox name="duties" post_as=post_as value=duty_value(duty) label=duty_word(duty) hint=duty_hint(duty) checked=duties.contains(&duty)/> }
        })
        .collect_view();
    view! {
        <fieldset>
            <legend>{t("Duties of the organisation", "组织职责")}</legend>
            <p class="note">{t("Three different people: whoever runs backups neither gives roles nor audits. Operators and auditors have no role on projects but viewer.", "三员分立：运行备份者不授权，也不审计。系统管理员与审计管理员除查看者外不得担任项目角色。")}</p>
            {boxes}
        </fieldset>
        <TextArea name="grants" label=t("Roles on projects", "项目角色") mono=true optional=true rows=4 value=grants
            hint=t("One a line: viewer, requester, approver or owner, then harbor/project, harbor/* or *", "每行一个：viewer、requester、approver 或 owner，后接 harbor/项目、harbor/* 或 *")/>
    }
    .into_any()
}
