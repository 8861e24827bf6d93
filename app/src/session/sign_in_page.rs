//! Signing in.

use leptos::prelude::*;

use super::calls::SignInCall;
use super::lone::Lone;
use crate::text::t;
use crate::ui::*;

/// In the address of a page that shows a form again.
const CODE_GIVEN: &str = "came=";

/// Name, password, and back to where one was.
#[component]
pub fn SignInPage() -> impl IntoView {
    let next = use_query("next").unwrap_or_default();
    // A form waits there for its text.
    let waits = next.contains(CODE_GIVEN) && next.starts_with('/') && !next.starts_with("//") && !next.contains('\\');
    if use_shell().is_some_and(|shell| shell.setup_needed) {
        crate::ports::go("/setup");
    }
    view! {
        <Lone title=t("Sign in to Breakwater.", "登录 Breakwater。") here=t("Sign in", "登录")>
            {waits.then(|| view! { <Callout tone=Tone::Warn>{t("Your session had ended. What you wrote is kept for a quarter of an hour: sign in and send it again.", "会话已结束。您填写的内容将保留一刻钟：请登录后再次提交。")}</Callout> })}
            <PostForm call=SignInCall::PATH prefix="form">
                <Field name="login" label=t("Name", "用户名") autocomplete="username" autofocus=true/>
                <Field name="password" label=t("Password", "密码") kind="password" autocomplete="current-password"/>
                {(!next.is_empty()).then(|| view! { <Hidden name="next" value=next.clone()/> })}
                <SubmitButton text=t("Sign in", "登录") kind=ButtonKind::Primary/>
            </PostForm>
            <p class="note">{t("No account? Ask a security administrator of this installation.", "没有账号？请联系本系统的安全管理员。")}</p>
        </Lone>
    }
    .into_any()
}
