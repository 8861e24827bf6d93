//! One account: rights, sessions, tokens, and switching it off.

use leptos::prelude::*;

use super::calls::{ChangeRolesCall, ResetPassword, SetDisabled, get_user, list_sessions, take_one_time, tokens_of};
use super::exclusion::conflict_of;
use super::sessions::sessions_panel;
use super::tokens::tokens_of_panel;
use super::types::{Duty, OpenSession, Token, User};
use super::words::{RightsFields, grant_lines, rights};
use crate::error::ApiError;
use crate::text::{Lang, lang, t};
use crate::ui::*;

/// The account, its open sessions and tokens, and the password that was just made for it.
type Data = (User, Vec<OpenSession>, Vec<Token>, Option<String>);

/// The page.
#[component]
pub fn UserPage() -> impl IntoView {
    let (id, made) = (use_id("id"), use_query("made").is_some());
    view! { <Load data=read(id, made) topics=&[Topic::Accounts] view=content/> }
}

async fn read(id: i64, made: bool) -> Result<Data, ApiError> {
    let user = get_user(id).await?;
    let (sessions, tokens) = (list_sessions(Some(id)).await?, tokens_of(id).await?);
    let made = if made { take_one_time(id).await? } else { None };
    Ok((user, sessions, tokens, made))
}

fn once(password: String) -> AnyView {
    // Kept where the rest of the page is replaced: the server has it no more.
    view! {
        <div id="made" data-once="">
        <Callout tone=Tone::Held>
            <p><b>{t("Hand this password over now: it is shown this once, and works once.", "请立即转交此密码：仅显示一次，且只能使用一次。")}</b></p>
            <p class="secret"><code class="mono">{password}</code><CopyButton what=t("password", "密码")/></p>
        </Callout>
        </div>
    }
    .into_any()
}

fn sentence(user: &User) -> String {
    let name = &user.display_name;
    match (lang(), user.disabled.is_some(), user.duties.is_empty() && user.grants.is_empty()) {
        (Lang::En, true, _) => format!("{name} cannot sign in: the account is switched off."),
        (Lang::ZhCn, true, _) => format!("{name} 无法登录：账号已停用。"),
        (Lang::En, false, true) => format!("{name} can sign in but has no role yet."),
        (Lang::ZhCn, false, true) => format!("{name} 可登录，但尚无角色。"),
        (Lang::En, false, false) => {
            format!("{name} holds {} and {}.", counted(user.duties.len(), "duty", "duties"), counted(user.grants.len(), "role", "roles"))
        }
        (Lang::ZhCn, false, false) => format!("{name} 拥有 {} 项职责与 {} 个角色。", user.duties.len(), user.grants.len()),
    }
}

fn counted(number: usize, one: &str, many: &str) -> String {
    match number {
        0 => format!("no {one}"),
        1 => format!("one {one}"),
        n => format!("{n} {many}"),
    }
}

fn content((user, sessions, tokens, made): Data) -> AnyView {
    let crumbs = vec![(t("People", "人员").to_owned(), "/admin/users".to_owned())];
    let conflict =
        conflict_of(&user.duties, &user.grants).map(|conflict| view! { <Callout tone=Tone::Warn>{conflict.say(lang())}</Callout> });
    let ends = has_duty(Duty::Secadmin);
    let (held, roles, account) = (rights(&user.duties, &user.grants), roles_form(&user), account_forms(&user));
    let sessions = sessions_panel(sessions, Some(user.id), ends);
    let tokens = tokens_of_panel(tokens, user.id, ends);
    view! {
        <PageHead title=sentence(&user) crumbs=crumbs here=user.login.clone()>
            <SubItem label=t("Sign-in name", "用户名")>{user.login.clone()}</SubItem>
            <SubItem label=t("Made", "创建于")><When at=user.created brief=true/></SubItem>
            {user.last_seen.map(|at| view! { <SubItem label=t("Last seen", "最近活动")><When at=at brief=true/></SubItem> })}
        </PageHead>
        {conflict}
        <Columns>
            <Stack>
                <Panel title=t("Rights", "权限") padded=true>{held}</Panel>
                <IfDuty duty=Duty::Secadmin>{roles}</IfDuty>
                {sessions}
                {tokens}
            </Stack>
            <Stack>{made.map(once)}<IfDuty duty=Duty::Secadmin>{account}</IfDuty></Stack>
        </Columns>
    }
    .into_any()
}

fn roles_form(user: &User) -> AnyView {
    let (id, duties, grants) = (user.id.to_string(), user.duties.clone(), grant_lines(&user.grants));
    view! {
        <Panel title=t("Change duties and roles", "更改职责与角色") padded=true>
            <PostForm call=ChangeRolesCall::PATH prefix="form" id="roles">
                <Hidden name="user_id" value=id/>
                <RightsFields duties=duties grants=grants/>
                <Field name="reason" label=t("Reason", "原因") hint=t("Ten characters or more; it goes into the audit history", "至少 10 个字符，记入审计")/>
                <SubmitButton text=t("Change the rights", "更改权限") kind=ButtonKind::Primary/>
            </PostForm>
            <p class="note">{t("Nobody changes their own rights.", "任何人不得更改自己的权限。")}</p>
        </Panel>
    }
    .into_any()
}

fn account_forms(user: &User) -> AnyView {
    let off = user.disabled.is_some();
    let (id, other_id) = (user.id.to_string(), user.id.to_string());
    let (text, kind) = if off {
        (t("Switch the account on", "启用账号"), ButtonKind::Plain)
    } else {
        (t("Switch the account off", "停用账号"), ButtonKind::Danger)
    };
    view! {
        <Panel title=t("Access", "访问") padded=true>
            <p class="note">{t("Switching off ends all sessions and tokens at once; nothing is deleted.", "停用将立即结束全部会话与令牌，不删除任何内容。")}</p>
            <PostForm call=SetDisabled::PATH id="disable">
                <Hidden name="user_id" value=id/>
                <Hidden name="disabled" value=(!off).to_string()/>
                <SubmitButton text=text kind=kind/>
            </PostForm>
        </Panel>
        <Panel title=t("New password", "重设密码") padded=true>
            <p class="note">{t("A password that works once is made, and must be changed at the next sign-in. Sessions, tokens and open votes of the account end, and for a day it does not vote.", "系统将生成一次性密码，下次登录时必须更改。该账号的会话、令牌与未决审批全部作废，且一天内不得审批。")}</p>
            <PostForm call=ResetPassword::PATH id="password">
                <Hidden name="user_id" value=other_id/>
                <SubmitButton text=t("Make a new password", "生成新密码")/>
            </PostForm>
        </Panel>
    }
    .into_any()
}
