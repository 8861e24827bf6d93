//! The first account of an installation.

use leptos::prelude::*;

use super::calls::SetUpCall;
use super::lone::Lone;
use crate::text::t;
use crate::ui::*;

/// One-time token, name, password; then the set-up goes on at home.
#[component]
pub fn SetUpPage() -> impl IntoView {
    let done = use_shell().is_some_and(|shell| !shell.setup_needed);
    view! {
        <Lone title=t("Make the first account.", "创建第一个账号。") here=t("Set-up", "初始设置")>
            <p class="lead">
                {t(
                    "It registers harbors, vaults and plans, and gives roles to others. The server printed a one-time token in its log when it started.",
                    "该账号用于登记 Harbor、保管库和备份计划，并为他人授权。服务器启动时已在日志中输出一次性令牌。",
                )}
            </p>
            {done.then(|| view! {
                <Callout tone=Tone::Warn>{t("The set-up is done.", "初始设置已完成。")}" "<a href="/signin">{t("Sign in", "登录")}</a></Callout>
            })}
            <PostForm call=SetUpCall::PATH prefix="form">
                <Field name="token" label=t("Token from the server's log", "服务器日志中的令牌") mono=true autofocus=true/>
                <Field name="login" label=t("Name", "用户名") autocomplete="username" hint=t("2 to 64 of a-z, 0-9, dot, hyphen, underscore", "2 至 64 个字符：a-z、0-9、点、连字符、下划线")/>
                <Field name="display_name" label=t("Name shown to others", "显示名称") autocomplete="name"/>
                <Field name="password" label=t("Password", "密码") kind="password" autocomplete="new-password" hint=t("8 characters at least, 15 or more recommended", "至少 8 个字符，建议 15 个以上")/>
                <SubmitButton text=t("Make the account", "创建账号") kind=ButtonKind::Primary/>
            </PostForm>
        </Lone>
    }
    .into_any()
}
