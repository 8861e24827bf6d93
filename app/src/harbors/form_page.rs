//! Registering a harbor: address, then either an administrator's login used once or the robots by hand.

use leptos::form::FromFormData as _;
use leptos::prelude::*;
use leptos::server_fn::ServerFn as _;
use leptos::wasm_bindgen::JsCast as _;

use super::calls::{CreateHarbor, TryHarbor};
use super::check_list::{CheckListView, verdict};
use super::staging::{StagingByHand, WhatStagingDoes};
use crate::accounts::types::Duty;
use crate::error::ApiError;
use crate::text::t;
use crate::ui::*;

/// The page.
#[component]
pub fn NewHarborPage() -> impl IntoView {
    let create = ServerAction::<CreateHarbor>::new();
    let attempt = ServerAction::<TryHarbor>::new();
    let crumbs = vec![(t("Harbors", "Harbor 实例").to_owned(), "/harbors".to_owned())];
    view! {
        <PageHead title=t("Register a Harbor to protect.", "登记要保护的 Harbor。") crumbs=crumbs here=t("New", "新建")>
            {t("Nothing is written to it now. Its check-list is run before it is stored.", "此时不会向其写入任何内容；保存前会先运行检查清单。")}
        </PageHead>
        <Columns>
            <Stack>
                <OnlyDuty duty=Duty::Operator>
                    <PostForm action=create prefix="form" also=TryHarbor::PATH>
                        <Address/>
                        <Robots/>
                        <Bar>
                            <SubmitButton text=t("Test, then register", "测试并登记") kind=ButtonKind::Primary/>
                            <TryButton attempt=attempt/>
                        </Bar>
                    </PostForm>
                </OnlyDuty>
                <CliTwin command="breakwater harbor add prod-sh https://harbor.example.org --admin-login admin < password.txt"/>
            </Stack>
            <Stack><Outcome attempt=attempt/></Stack>
        </Columns>
    }
    .into_any()
}

#[component]
fn Address() -> impl IntoView {
    let form = use_form();
    let plain = form.start("plain_http", "") == "true";
    view! {
        <fieldset>
            <legend>{t("Where it is", "地址")}</legend>
            <Field name="name" label=t("Name", "名称") hint=t("1 to 63 of a-z, 0-9 and hyphen; it appears in addresses", "1 至 63 个字符：a-z、0-9、连字符；会出现在地址中") mono=true placeholder="prod-sh"/>
            <Field name="url" label=t("Address", "地址") kind="url" mono=true placeholder="https://harbor.example.org"/>
            <Checkbox name="plain_http" label=t("Allow plain http", "允许明文 http") checked=plain hint=t("Logins travel unprotected; shown as a warning for ever.", "登录信息将以明文传输，并始终显示警告。")/>
            <TextArea name="ca_pem" label=t("Certificate of its own authority", "自有 CA 证书") hint=t("PEM; only where the certificate is not publicly trusted", "PEM 格式；仅在证书非公共信任时填写") optional=true mono=true/>
        </fieldset>
    }
    .into_any()
}

#[component]
fn Robots() -> impl IntoView {
    let form = use_form();
    let by_hand = ["read_login", "write_login", "staging_login"].iter().any(|name| !form.start(name, "").is_empty());
    let staging = form.start("staging", "") == "true";
    view! {
        <fieldset>
            <legend>{t("Let Breakwater make its robots", "由 Breakwater 创建机器人账户")}</legend>
            <p class="note">
                {t(
                    "An administrator's login is used once, to make one robot that may only read and one that may push for restores. It is never stored.",
                    "管理员登录仅使用一次，用于创建一个只读机器人和一个用于恢复的可推送机器人，绝不保存。",
                )}
            </p>
            <div class="two">
                <Field name="admin_login" label=t("Administrator", "管理员") optional=true/>
                <Field name="admin_password" label=t("Password", "密码") kind="password" optional=true/>
            </div>
        </fieldset>
        <details open=by_hand>
            <summary>{t("Or enter robots made by hand", "或填写已有的机器人账户")}</summary>
            <div class="inner">
                <div class="two">
                    <Field name="read_login" label=t("Login for backup", "备份登录") optional=true mono=true placeholder="robot$breakwater-read"/>
                    <Field name="read_secret" label=t("Secret", "密钥") kind="password" optional=true/>
                </div>
                <div class="two">
                    <Field name="write_login" label=t("Login for restore", "恢复登录") optional=true mono=true placeholder="robot$breakwater-write" hint=t("Empty: this Harbor is backed up only", "留空则仅备份")/>
                    <Field name="write_secret" label=t("Secret", "密钥") kind="password" optional=true/>
                </div>
                <StagingByHand/>
            </div>
        </details>
        <fieldset>
            <legend>{t("Images that a policy blocks", "被策略拦截的镜像")}</legend>
            <WhatStagingDoes/>
            <Checkbox name="staging" label=t("Read them through a staging project", "通过暂存项目读取") checked=staging hint=t("Needs a robot of its own: made with the administrator's login above, or entered by hand with its project. Without, they are named gaps.", "需要单独的机器人：由上面的管理员登录创建，或连同项目手动填写。否则记为缺口。")/>
        </fieldset>
    }
    .into_any()
}

/// Sends the same form to the test: as a plain post, or without leaving the page.
#[component]
fn TryButton(attempt: ServerAction<TryHarbor>) -> impl IntoView {
    let pending = attempt.pending();
    let press = move |event: leptos::ev::MouseEvent| {
        let form = event.target().and_then(|t| t.dyn_into::<web_sys::Element>().ok()).and_then(|e| e.closest("form").ok().flatten());
        let Some(form) = form.and_then(|f| f.dyn_into::<web_sys::HtmlFormElement>().ok()) else { return };
        let Ok(data) = web_sys::FormData::new_with_form(&form) else { return };
        if let Ok(call) = TryHarbor::from_form_data(&data) {
            event.prevent_default();
            attempt.dispatch(call);
        }
    };
    view! {
        <button type="submit" class="btn" formaction=TryHarbor::PATH formmethod="post" on:click=press disabled=move || pending.get()>
            {t("Only test", "仅测试")}
        </button>
    }
    .into_any()
}

/// The outcome of the test: the list where the browser part asked, the verdict where a plain post came back.
#[component]
fn Outcome(attempt: ServerAction<TryHarbor>) -> impl IntoView {
    let came = came_back(&[TryHarbor::PATH]).unwrap_or_default();
    let wrong = came.more.get("wrong").filter(|wrong| !wrong.is_empty()).cloned();
    let came_back = came.more.get("tested").cloned().map(|tested| {
        let (tone, text) = verdict(tested != "none", tested == "restore");
        view! {
            <Panel title=t("Connection", "连接")>
                <Callout tone=tone>{text}{wrong.map(|w| view! { <p class="note">{t("Lines that did not pass: ", "未通过的检查：")}<code class="mono">{w}</code></p> })}</Callout>
            </Panel>
        }
        .into_any()
    });
    let pending = attempt.pending();
    let value = attempt.value();
    let waiting = [t("Testing the connection…", "正在测试连接…"), t("What is checked", "检查内容")];
    let hints = what_is_checked();
    let asked = move || pending.get() || value.with(Option::is_some);
    view! {
        <div role="status">
            {move || match (pending.get(), value.get()) {
                (true, _) => Some(view! { <Panel title=waiting[0]><p class="note">{waiting[0]}</p></Panel> }.into_any()),
                (false, Some(result)) => Some(outcome(result)),
                (false, None) => None,
            }}
        </div>
        <div hidden=asked>{came_back}</div>
        <Panel title=waiting[1] padded=true>{hints}</Panel>
    }
    .into_any()
}

fn outcome(result: Result<crate::harbors::types::CheckList, ApiError>) -> AnyView {
    match result {
        Ok(list) => view! { <Panel title=t("Connection", "连接")><CheckListView list=list/></Panel> }.into_any(),
        Err(error) => {
            let fields = error
                .fields
                .iter()
                .filter(|f| f.message != error.message)
                .map(|f| view! { <p class="note">{f.message.clone()}</p> })
                .collect_view();
            view! { <Callout tone=Tone::Fail><p>{error_text(&error)}</p>{fields}</Callout> }.into_any()
        }
    }
}

fn what_is_checked() -> AnyView {
    view! {
        <p class="note">
            {t(
                "The address and its certificate, the version, the login (proved, not assumed), listing of projects, pulling, accessories, and for restores: pushing and creating tags. Each missing permission is named as Harbor names it.",
                "地址与证书、版本、登录（实际验证）、项目列表、拉取、附件，以及恢复所需的推送与创建 Tag。缺少的权限按 Harbor 的名称逐一列出。",
            )}
        </p>
    }
    .into_any()
}
