//! Waiting, failing and being empty, the same on every page.

use std::future::Future;
use std::sync::Arc;

use leptos::prelude::*;

use super::region::{Topic, region as region_of};
use super::status::{StatusShape, Tone};
use crate::address::Address;
use crate::error::{ApiError, ErrorKind};
use crate::sentence::Sentence as _;
use crate::session::types::{Me, Shell};
use crate::text::{lang, t};

/// The shell of the page that is drawn, asked for before anything is.
#[derive(Clone)]
pub struct PageShell(pub Arc<Shell>);

/// The shell of this page; none where it could not be asked for, and then nobody is known to read.
#[must_use]
pub fn use_shell() -> Option<Arc<Shell>> {
    use_context::<PageShell>().map(|shell| shell.0)
}

/// Who reads this page, if somebody is signed in.
#[must_use]
pub fn viewer() -> Option<Me> {
    use_shell()?.me.clone()
}

/// Shows `data` with `view`, or what failed. A region of the page (see [`super::region`]). A session that ended leads to the sign-in and back.
#[component]
pub fn Load<T, V, A, F>(
    /// What is asked for; not before this is drawn.
    data: A,
    view: F,
    /// What it depends on; nothing: it stays until the page is loaded anew.
    #[prop(optional)]
    topics: &'static [Topic],
    /// Its name, where the page has several beside each other.
    #[prop(default = "page")]
    region: &'static str,
    /// A part beside or below what the page is about: its failure is not the page's.
    #[prop(optional)]
    part: bool,
) -> impl IntoView
where
    T: Send + 'static,
    V: IntoView + 'static,
    A: Future<Output = Result<T, ApiError>> + Send + 'static,
    F: FnOnce(T) -> V + Send + 'static,
{
    region_of(region, topics, move || {
        let shown = Suspend::new(async move {
            match data.await {
                Ok(value) => view(value).into_any(),
                Err(error) => view! { <ErrorBlock error=error part=part/> }.into_any(),
            }
        });
        shown.into_any()
    })
}

/// A failure in the reader's language.
#[must_use]
pub fn error_text(error: &ApiError) -> String {
    error.message.say(lang())
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
        crate::ports::go(&format!("/signin?next={}", super::form::url_part(&Address::here().whole())));
        return ().into_any();
    }
    if part && error.kind == ErrorKind::NotFound {
        // What it is a part of says so already.
        return ().into_any();
    }
    // Trying again helps against what passes, not against a missing right or thing.
    let refused = matches!(error.kind, ErrorKind::NotFound | ErrorKind::Forbidden);
    let tone = if refused { Tone::Warn } else { Tone::Fail };
    let text = error_text(&error);
    if !part {
        crate::render::set_title(heading(error.kind));
    }
    view! {
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
                {(!refused).then(|| view! { <a class="btn" href="">{t("Try again", "重试")}</a> })}
                {refused.then(|| view! { <a class="btn" href="/">{t("Go to the home page", "返回首页")}</a> })}
            </p>
        </section>
    }
    .into_any()
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

/// A part of the path, by its name in the table of pages.
#[must_use]
pub fn use_param(name: &str) -> String {
    Address::here().param(name).to_owned()
}

/// A number in the path; 0, which no object has, where it is not a number.
#[must_use]
pub fn use_id(name: &str) -> i64 {
    Address::here().param(name).parse().unwrap_or(0)
}

/// A parameter of the query; none where it is absent or empty.
#[must_use]
pub fn use_query(name: &str) -> Option<String> {
    Address::here().get(name).filter(|value| !value.is_empty())
}
