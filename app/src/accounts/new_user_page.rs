//! A new account.

use leptos::prelude::*;

use super::calls::CreateUser;
use super::types::Duty;
use super::words::RightsFields;
use crate::text::t;
use crate::ui::*;

/// The page.
#[component]
pub fn NewUserPage() -> impl IntoView {
    let crumbs = vec![(t("People", "人员").to_owned(), "/admin/users".to_owned())];
    view! {
        <PageHead title=t("Add a person, with no more rights than needed.", "添加人员，仅授予所需权限。") crumbs=crumbs here=t("New", "新建")/>
        <IfDuty duty=Duty::Secadmin>
        <PostForm call=CreateUser::PATH prefix="form">
            <div class="two">
                <Field name="login" label=t("Sign-in name", "用户名") mono=true hint=t("2 to 64 of a-z, 0-9, dot, hyphen, underscore", "2 至 64 个字符：a-z、0-9、点、连字符、下划线")/>
                <Field name="display_name" label=t("Name shown to others", "显示名称")/>
            </div>
            <Field name="password" label=t("First password", "初始密码") kind="password" autocomplete="new-password" hint=t("The person changes it on the profile page", "本人可在个人资料页更改")/>
            <RightsFields/>
            <Bar>
                <SubmitButton text=t("Make the account", "创建账号") kind=ButtonKind::Primary/>
                <LinkButton href="/admin/users" text=t("Leave it", "取消")/>
            </Bar>
        </PostForm>
        </IfDuty>
    }
    .into_any()
}
