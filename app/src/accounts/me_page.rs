//! One's own page: rights, language, theme and time zone, password, sessions, tokens.

use leptos::prelude::*;

use super::calls::{ChangePassword, list_sessions, list_tokens, take_made_token};
use super::sessions::sessions_panel;
use super::tokens::tokens_panel;
use super::types::{OpenSession, Token};
use super::words::rights;
use crate::error::{ApiError, ErrorKind};
use crate::session::calls::SetSingleKeys;
use crate::session::types::Me;
use crate::text::{Lang, lang, t};
use crate::ui::top_bar::{DisplayForms, ZoneForm};
use crate::ui::*;

type Data = (Me, (bool, bool), Vec<OpenSession>, Vec<Token>, Option<String>);

async fn read(made: bool) -> Result<Data, ApiError> {
    let shell = use_shell();
    let state = shell.as_ref().map_or((false, false), |shell| (shell.must_change_password, shell.single_keys));
    let me = viewer().ok_or_else(|| ApiError::new(ErrorKind::SignedOut, "signed_out", crate::accounts::refusals::Refusal::SignIn))?;
    let (sessions, tokens) = (list_sessions(None).await?, list_tokens().await?);
    let secret = if made { take_made_token().await? } else { None };
    Ok((me, state, sessions, tokens, secret))
}

/// The page.
#[component]
pub fn MePage() -> impl IntoView {
    view! { <Load data=read(use_query("made").is_some()) topics=&[Topic::Accounts] view=content/> }
}

fn content((me, (must_change, keys), sessions, tokens, made): Data) -> AnyView {
    let title = match lang() {
        Lang::En => format!("{}, signed in as {}.", me.display_name, me.login),
        Lang::ZhCn => format!("{}，以 {} 登录。", me.display_name, me.login),
    };
    let none = (me.duties.is_empty() && me.grants.is_empty()).then(|| {
        view! { <Callout tone=Tone::Warn>{t("You have no role yet. Ask a security administrator for one.", "您尚无角色，请联系安全管理员。")}</Callout> }
    });
    let change = must_change.then(|| {
        view! { <Callout tone=Tone::Warn>{t("Somebody else set your password. Choose one of your own first; then you can go on.", "您的密码由他人设置。请先设置自己的密码，然后继续。")}</Callout> }
    });
    view! {
        <PageHead title=title here=t("Profile", "个人资料")/>
        {change}
        {none}
        <Columns>
            <Stack>
                {sessions_panel(sessions, None, true)}
                {tokens_panel(tokens, made)}
            </Stack>
            <Stack>
                <Panel title=t("Your duties and roles", "您的职责与角色") padded=true>{rights(&me.duties, &me.grants)}</Panel>
                <Panel title=t("Language, theme and time zone", "语言、主题与时区") padded=true><DisplayForms/><ZoneForm/></Panel>
                {keys_panel(keys)}
                <Panel title=t("Password", "密码") padded=true>
                    <PostForm call=ChangePassword::PATH id="password">
                        <Field name="current" label=t("Present password", "当前密码") kind="password" autocomplete="current-password"/>
                        <Field name="password" label=t("New password", "新密码") kind="password" autocomplete="new-password" hint=t("8 characters at least, 15 or more recommended", "至少 8 个字符，建议 15 个以上")/>
                        <SubmitButton text=t("Change the password", "更改密码")/>
                    </PostForm>
                </Panel>
            </Stack>
        </Columns>
    }
    .into_any()
}

/// Single keys, which are in the way of speech input and switches.
fn keys_panel(on: bool) -> AnyView {
    let state = if on { t("They are on.", "已启用。") } else { t("They are off.", "已关闭。") };
    let text = if on { t("Switch single keys off", "关闭单键快捷键") } else { t("Switch single keys on", "启用单键快捷键") };
    view! {
        <Panel title=t("Keys", "快捷键") padded=true>
            <p id="single-keys">{state}" "<span class="note">{t("/ searches, g and a letter goes to a page, [ and ] to the snapshot before and after, ? shows them all.", "/ 搜索，g 加字母跳转页面，[ 与 ] 切换快照，? 显示全部。")}</span></p>
            <PostForm call=SetSingleKeys::PATH id="keys">
                <Hidden name="on" value=(!on).to_string()/>
                <SubmitButton text=text/>
            </PostForm>
        </Panel>
    }
    .into_any()
}
