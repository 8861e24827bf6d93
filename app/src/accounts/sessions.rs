//! Sessions that are open: one's own, or somebody's as a security administrator sees them.

use leptos::prelude::*;

use super::calls::EndSessionsCall;
use super::types::OpenSession;
use crate::text::{Lang, lang, t};
use crate::ui::*;

/// `Firefox on Linux`.
fn agent(session: &OpenSession) -> String {
    match (lang(), &session.browser, &session.system) {
        (Lang::En, Some(browser), Some(system)) => format!("{browser} on {system}"),
        (Lang::ZhCn, Some(browser), Some(system)) => format!("{system} 上的 {browser}"),
        (_, Some(one), None) | (_, None, Some(one)) => one.clone(),
        (_, None, None) => t("an unknown browser", "未知浏览器").to_owned(),
    }
}

fn row(session: OpenSession, of: Option<i64>, ends: bool) -> AnyView {
    let words = agent(&session);
    let id = session.id.to_string();
    let last = if session.here {
        view! { <Status tone=Tone::Ok text=t("this session", "当前会话")/> }.into_any()
    } else {
        ends.then(|| {
            view! {
                <PostForm call=EndSessionsCall::PATH prefix="form" class="" id="session" quiet=true>
                    {of.map(|of| view! { <Hidden name="user_id" value=of.to_string()/> })}
                    <Hidden name="session_id" value=id/>
                    <SubmitButton text=t("End", "结束") kind=ButtonKind::Small/>
                </PostForm>
            }
        })
        .into_any()
    };
    view! {
        <tr>
            <Cell>{words}</Cell>
            <Cell label=t("Address", "地址")>{session.ip.unwrap_or_else(|| t("not known", "未知").to_owned())}</Cell>
            <Cell label=t("Since", "登录时间")><When at=session.since brief=true/></Cell>
            <Cell label=t("Last seen", "最近活动")><When at=session.seen brief=true/></Cell>
            <Cell>{last}</Cell>
        </tr>
    }
    .into_any()
}

/// The list, with a button for each and one for all others. `of`: whose, where they are not the reader's own; without `ends` they are only looked at.
#[must_use]
pub fn sessions_panel(sessions: Vec<OpenSession>, of: Option<i64>, ends: bool) -> AnyView {
    let cols = vec![
        Col::text(t("Browser", "浏览器")),
        Col::text(t("Address", "地址")),
        Col::text(t("Since", "登录时间")),
        Col::text(t("Last seen", "最近活动")),
        Col::actions(),
    ];
    let others = sessions.iter().any(|session| !session.here);
    let empty = sessions.is_empty();
    let rows = sessions.into_iter().map(|session| row(session, of, ends)).collect_view();
    let all = (ends && others).then(|| {
        let text = if of.is_some() {
            t("End all sessions", "结束全部会话")
        } else {
            t("Sign out everywhere else", "退出所有其他会话")
        };
        view! {
            <PostForm call=EndSessionsCall::PATH prefix="form" id="sessions">
                {of.map(|of| view! { <Hidden name="user_id" value=of.to_string()/> })}
                <SubmitButton text=text/>
            </PostForm>
        }
    });
    view! {
        <Panel title=t("Open sessions", "已登录会话") note=t("each ends after 30 minutes without a request, and after 12 hours", "30 分钟无请求或满 12 小时后自动结束")>
            {if empty {
                view! { <p class="note">{t("There is no open session.", "没有已登录会话。")}</p> }.into_any()
            } else {
                view! { <DataTable caption=t("Sessions", "会话") cols=cols>{rows}</DataTable> }.into_any()
            }}
            {all}
        </Panel>
    }
    .into_any()
}
