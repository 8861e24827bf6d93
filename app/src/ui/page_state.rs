//! Waiting, failing and being empty, the same on every page.

use leptos::either::Either;
use leptos::prelude::*;
use leptos::reactive::computed::ScopedFuture;
use leptos_router::components::Redirect;
use leptos_router::hooks::{use_location, use_params_map, use_query_map};

use super::clock::Clock;
use super::status::{StatusShape, Tone};
use crate::error::{ApiError, ErrorKind};
use crate::said::said;
use crate::session::types::{Me, Shell};
use crate::text::{Lang, lang, t};

/// The shell of this page, fetched again at each navigation and change.
pub type ShellResource = Resource<Result<Shell, ApiError>>;

/// The shell, provided by the app.
///
/// # Panics
/// Outside the app.
#[must_use]
pub fn use_shell() -> ShellResource {
    expect_context::<ShellResource>()
}

/// Shows `data` with `view` once it is there; says so while it is not, and what failed if it did.
///
/// Waits for the shell too, so that everything inside knows the time. A session that ended leads to the sign-in and back.
#[component]
pub fn Load<T, V, F>(
    data: Resource<Result<T, ApiError>>,
    view: F,
    /// A part beside or below what the page is about: its failure is not the page's.
    #[prop(optional)]
    part: bool,
) -> impl IntoView
where
    T: Clone + Send + Sync + serde::Serialize + serde::de::DeserializeOwned + 'static,
    V: IntoView + 'static,
    F: Fn(T) -> V + Clone + Send + Sync + 'static,
{
    let shell = use_shell();
    let clock = expect_context::<Clock>();
    let viewer = expect_context::<Viewer>();
    let fallback = || view! { <p class="waiting" role="status">{t("Reading…", "读取中…")}</p> };
    view! {
        <Transition fallback=fallback>
            {move || {
                let view = view.clone();
                // What is inside writes moments, so it is drawn again in the rare case that the zone becomes known later.
                super::clock::track_zone();
                // Untracked: a new count in the rail must not draw the page again.
                let shell = viewer.0.with_untracked(Option::is_none).then(|| ScopedFuture::new_untracked(shell.into_future()));
                Suspend::new(async move {
                    if let Some(shell) = shell
                        && let Ok(shell) = shell.await
                    {
                        clock.0.set(Some(shell.now));
                        viewer.0.set(shell.me);
                    }
                    let data = data.await;
                    if use_context::<Clock>().is_none() {
                        // Left or drawn anew while it waited: nobody sees this any more, and what it would be drawn with is gone.
                        std::future::pending::<()>().await;
                    }
                    match data {
                        Ok(value) => Either::Left(view(value).into_any()),
                        Err(error) => Either::Right(view! { <ErrorBlock error=error part=part/> }),
                    }
                })
            }}
        </Transition>
    }
    .into_any()
}

/// A failure in the reader's language: codes that pages meet often are translated, others keep their English sentence.
#[must_use]
pub fn error_text(error: &ApiError) -> String {
    if lang() == Lang::En {
        return error.message.clone();
    }
    match error.code.as_str() {
        "bad_credentials" => "用户名或密码不正确".to_owned(),
        "signed_out" => "请先登录".to_owned(),
        "session_ended" => "会话已结束，此操作未执行；您填写的内容已保留，请再次提交".to_owned(),
        "unreachable" => "无法连接 Breakwater，请检查网络后重试".to_owned(),
        "internal" => "服务器内部错误，请将请求编号告知管理员".to_owned(),
        "bad_request" => "表单无法读取，请重新加载页面后再试".to_owned(),
        "cross_site" => "该请求来自其他站点，已被拒绝；请重新加载页面后再试".to_owned(),
        "not_found" => "不存在，或您无权查看".to_owned(),
        "nothing_captured" => "该时间点或之前没有任何快照".to_owned(),
        "forbidden" => "您的角色不包含此权限；角色由安全管理员授予".to_owned(),
        "throttled" => "尝试次数过多，请稍后再试".to_owned(),
        _ => said(&error.message),
    }
}

fn heading(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::Invalid => t("This address does not fit", "地址参数无效"),
        ErrorKind::SignedOut => t("You are signed out", "您已退出登录"),
        ErrorKind::Forbidden => t("You may not see this", "您无权查看"),
        ErrorKind::NotFound => t("Not found", "未找到"),
        ErrorKind::Conflict => t("This has changed meanwhile", "内容已发生变化"),
        ErrorKind::Gone => t("This was used already", "已被使用"),
        ErrorKind::TooMany => t("Too many tries", "尝试次数过多"),
        ErrorKind::Upstream => t("A system outside did not answer as it should", "外部系统未正常响应"),
        ErrorKind::Unavailable => t("Breakwater cannot work right now", "Breakwater 暂时不可用"),
        ErrorKind::Internal => t("Something went wrong", "出现错误"),
    }
}

fn still_works(error: &ApiError) -> Option<&'static str> {
    if error.code.starts_with("vault") {
        return Some(t(
            "Timelines, histories and searches stay readable; only what lies in the vault waits.",
            "时间线、历史与搜索仍可使用，仅需读取保管库的内容暂不可用。",
        ));
    }
    match error.kind {
        ErrorKind::Upstream => Some(t(
            "Backups in the vault stay readable; only what needs the other system waits.",
            "保管库中的备份仍可读取，仅依赖外部系统的内容暂不可用。",
        )),
        ErrorKind::Unavailable | ErrorKind::Internal => {
            Some(t("Nothing was changed. Other pages may still work.", "未做任何更改，其他页面可能仍可使用。"))
        }
        _ => None,
    }
}

/// What failed, what still works, what to do, and the number to quote.
#[component]
pub fn ErrorBlock(error: ApiError, #[prop(optional)] part: bool) -> impl IntoView {
    if error.kind == ErrorKind::SignedOut {
        let location = use_location();
        let here = format!("{}{}", location.pathname.get_untracked(), query_of(&location.search.get_untracked()));
        return view! { <Redirect path=format!("/signin?next={}", super::form::url_part(&here))/> }.into_any();
    }
    if part && error.kind == ErrorKind::NotFound {
        // What it is a part of says so already.
        return ().into_any();
    }
    // Trying again helps against what passes, not against a missing right or thing.
    let refused = matches!(error.kind, ErrorKind::NotFound | ErrorKind::Forbidden);
    let tone = if refused { Tone::Warn } else { Tone::Fail };
    let text = error_text(&error);
    view! {
        {(!part).then(|| view! { <leptos_meta::Title text=format!("{} · Breakwater", heading(error.kind))/> })}
        <section class=if refused { "error-block refused" } else { "error-block" } role="alert">
            {if part {
                view! { <h2><StatusShape tone=tone/>{heading(error.kind)}</h2> }.into_any()
            } else {
                view! { <h1><StatusShape tone=tone/>{heading(error.kind)}</h1> }.into_any()
            }}
            <p>{text}</p>
            {still_works(&error).map(|s| view! { <p class="note">{s}</p> })}
            <p class="note">
                <code class="mono">{error.code}</code>
                {error.request_id.map(|id| view! { " · "{t("request", "请求编号")}" "<code class="mono">{id}</code> })}
            </p>
            <p class="bar">
                {(!refused).then(|| view! { <a class="btn" href="" rel="external">{t("Try again", "重试")}</a> })}
                {refused.then(|| view! { <a class="btn" href="/">{t("Go to the home page", "返回首页")}</a> })}
            </p>
        </section>
    }
    .into_any()
}

fn query_of(search: &str) -> String {
    let search = search.trim_start_matches('?');
    if search.is_empty() { String::new() } else { format!("?{search}") }
}

/// Why there is nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EmptyKind {
    /// Nothing was made yet: say what it is and the first step.
    NothingYet,
    /// The filters hide all.
    NoMatch,
    /// The reader's roles show nothing.
    NotVisible,
}

/// Nothing to show, why, and what to do (children: buttons or chips).
#[component]
pub fn Empty(
    kind: EmptyKind,
    #[prop(into)] title: String,
    #[prop(optional, into)] text: Option<String>,
    #[prop(optional)] children: Option<Children>,
) -> impl IntoView {
    let class = match kind {
        EmptyKind::NothingYet => "empty yet",
        EmptyKind::NoMatch => "empty no-match",
        EmptyKind::NotVisible => "empty not-visible",
    };
    view! {
        <div class=class>
            <p class="empty-title">{title}</p>
            {text.map(|text| view! { <p class="note">{text}</p> })}
            {children.map(|c| view! { <div class="bar">{c()}</div> })}
        </div>
    }
    .into_any()
}

/// A part of the path, by its name in the route table.
#[must_use]
pub fn use_param(name: &'static str) -> Memo<String> {
    let params = use_params_map();
    Memo::new(move |_| params.with(|p| p.get(name)).unwrap_or_default())
}

/// A number in the path; 0, which no object has, where it is not a number.
#[must_use]
pub fn use_id(name: &'static str) -> Memo<i64> {
    let text = use_param(name);
    Memo::new(move |_| text.with(|t| t.parse().unwrap_or(0)))
}

/// A parameter of the query; none where it is absent or empty.
#[must_use]
pub fn use_query(name: &'static str) -> Memo<Option<String>> {
    let query = use_query_map();
    Memo::new(move |_| query.with(|q| q.get(name)).filter(|v| !v.is_empty()))
}

/// Who reads this page; nothing until the shell has come.
#[derive(Clone, Copy)]
pub struct Viewer(pub RwSignal<Option<Me>>);
