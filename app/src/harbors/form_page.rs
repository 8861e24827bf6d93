//! Registering a harbor: address, then either an administrator's login used once or the robots by hand.

use leptos::prelude::*;

use super::calls::{CreateHarbor, TryHarbor};
use super::check_list::CheckListView;
use super::staging::{StagingByHand, WhatStagingDoes};
use crate::accounts::types::Duty;
use crate::sentence::Sentence as _;
use crate::text::{lang, t};
use crate::ui::*;

/// The page.
#[component]
pub fn NewHarborPage() -> impl IntoView {
    let crumbs = vec![(t("Harbors", "Harbor 实例").to_owned(), "/harbors".to_owned())];
    view! {
        <PageHead title=t("Register a Harbor to protect.", "登记要保护的 Harbor。") crumbs=crumbs here=t("New", "新建")>
            {t("Nothing is written to it now. Its check-list is run before it is stored.", "此时不会向其写入任何内容；保存前会先运行检查清单。")}
        </PageHead>
        <Columns>
            <Stack>
                <IfDuty duty=Duty::Operator>
                    <PostForm call=CreateHarbor::PATH prefix="form" also=TryHarbor::PATH>
                        <Address/>
                        <Robots/>
                        <Bar>
                            <SubmitButton text=t("Test, then register", "测试并登记") kind=ButtonKind::Primary/>
                            <button type="submit" class="btn" formaction=TryHarbor::PATH data-here="outcome">{t("Only test", "仅测试")}</button>
                        </Bar>
                    </PostForm>
                </IfDuty>
                <CliTwin command="breakwater harbor add prod-sh https://harbor.example.org --admin-login admin < password.txt"/>
            </Stack>
            <Stack><div class="stack" id="outcome" role="status" data-waiting=t("Testing the connection…", "正在测试连接…")><Outcome/></div></Stack>
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

/// The outcome of the last test, and what is tested.
#[component]
fn Outcome() -> impl IntoView {
    let came = came_back(&[TryHarbor::PATH]).unwrap_or_default();
    let list = came.more.get("list").and_then(|list| serde_json::from_str(list).ok());
    let refused = came.error.map(|error| {
        let text = error_text(&error);
        let lines = error.fields.iter().filter(|f| f.message != *error.message);
        let lines = lines.map(|f| view! { <p class="note">{f.message.say(lang())}</p> }).collect_view();
        view! { <Callout tone=Tone::Fail><p>{text}</p>{lines}</Callout> }
    });
    view! {
        {list.map(|list| view! { <Panel title=t("Connection", "连接")><CheckListView list=list/></Panel> })}
        {refused}
        <Panel title=t("What is checked", "检查内容") padded=true>{what_is_checked()}</Panel>
    }
    .into_any()
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
