//! The bar above every page: search over all time, how live the page is, the seal of the audit history, votes waiting, the person.

use std::sync::Arc;

use leptos::prelude::*;

use super::form::GetForm;
use super::icons::{Drawing, Icon};
use super::nav::COUNTS;
use super::page_state::use_shell;
use super::region::region;
use super::status::{StatusShape, Tone};
use crate::session::types::{Shell, Theme};
use crate::text::{Lang, lang, t};
use crate::units::{Moment, count};

/// The bar.
#[component]
pub fn TopBar() -> impl IntoView {
    view! {
        <header class="top">
            <GetForm action="/search" class="search" search=true>
                <label class="unseen" for="q">{t("Find a tag, digest or project over all time", "在全部历史中查找 Tag、摘要或项目")}</label>
                <Drawing icon=Icon::Search/>
                <input id="q" name="q" type="search" data-key="/" autocomplete="off" placeholder=t("Find a tag, digest, project … over all time", "在全部历史中查找 Tag、摘要、项目…")/>
                <kbd aria-hidden="true">"/"</kbd>
            </GetForm>
            <div class="right">
                <LiveChip/>
                {region("counts", COUNTS, || match use_shell() {
                    Some(shell) => view! { <Seal shell=shell.clone()/><Bell waiting=shell.approvals_waiting/> }.into_any(),
                    None => ().into_any(),
                })}
                {use_shell().map(|shell| view! { <PersonMenu shell=shell/> })}
            </div>
        </header>
    }
    .into_any()
}

/// Live or reconnecting, as the script `live` finds it; nothing where scripts do not run.
#[component]
fn LiveChip() -> impl IntoView {
    view! {
        <span class="chip live" id="live" role="status">
            <span class="s ok" data-state="live" hidden=true><StatusShape tone=Tone::Ok/><span>{t("Live", "实时")}</span></span>
            <span class="s warn" data-state="reconnecting" hidden=true><StatusShape tone=Tone::Warn/><span>{t("Reconnecting", "重新连接中")}</span></span>
        </span>
    }
    .into_any()
}

fn clock_of(moment: Moment) -> String {
    super::clock::bare(moment).split_once(' ').map(|(_, clock)| clock.to_owned()).unwrap_or_default()
}

/// The state of the audit chain, and the way to it.
#[component]
fn Seal(shell: Arc<Shell>) -> impl IntoView {
    let events = format!("{} {}", count(shell.audit_events), t("events", "条记录"));
    let (tone, text) = match shell.audit_verified {
        Some((at, true)) => (Tone::Held, format!("{} · {}", t("Chain intact", "审计链完整"), clock_of(at))),
        Some((at, false)) => (Tone::Fail, format!("{} · {}", t("Chain broken", "审计链已断"), clock_of(at))),
        None => (Tone::Idle, format!("{} · {events}", t("Chain not checked yet", "审计链尚未校验"))),
    };
    let title = shell.audit_verified.map_or_else(|| events.clone(), |(at, _)| format!("{} · {events}", super::clock::long(at)));
    view! {
        <a class="chip seal" href="/audit" title=title>
            <span class=format!("s {}", tone.class())><StatusShape tone=tone/><span>{text}</span></span>
        </a>
    }
    .into_any()
}

/// Votes that wait for this person.
#[component]
fn Bell(waiting: i64) -> impl IntoView {
    let label = format!("{waiting} {}", t("requests wait for your vote", "个申请待您审批"));
    view! {
        <a class="chip bell" href="/approvals" aria-label=label title=t("Approvals", "审批")>
            <Drawing icon=Icon::Bell/>
            {(waiting > 0).then(|| view! { <b aria-hidden="true">{waiting}</b> })}
        </a>
    }
    .into_any()
}

/// Who is signed in, and what is theirs: language, theme, profile, leaving. All plain forms.
#[component]
fn PersonMenu(shell: Arc<Shell>) -> impl IntoView {
    let Some(me) = shell.me.clone() else {
        return view! { <a class="chip" href="/signin">{t("Sign in", "登录")}</a> }.into_any();
    };
    // Whoever speaks to the browser says what stands there (WCAG 2.5.3).
    let menu = lang().pick(format!("{}, menu of {}", me.login, me.display_name), format!("{}，{} 的菜单", me.login, me.display_name));
    view! {
        <details class="menu">
            <summary aria-label=menu>{me.login.clone()}</summary>
            <div class="menu-body">
                <p class="menu-name"><b>{me.display_name}</b><span class="note">{me.login}</span></p>
                <a href="/me">{t("Profile, password and tokens", "个人资料、密码与令牌")}</a>
                <DisplayForms/>
                <form method="post" action="/fn/session/out"><button type="submit" class="plain">{t("Sign out", "退出登录")}</button></form>
                <p class="note">"Breakwater " {shell.version.clone()}</p>
            </div>
        </details>
    }
    .into_any()
}

/// Language and theme: posts that keep a cookie and come back to this page.
#[component]
pub fn DisplayForms() -> impl IntoView {
    let (here, theme_here) = (lang(), expect_context::<Theme>());
    let languages = [(Lang::En, "English"), (Lang::ZhCn, "简体中文")]
        .into_iter()
        .map(|(lang, name)| {
            let on = (lang == here).to_string();
            view! { <button type="submit" name="lang" value=lang.code() lang=lang.code() aria-pressed=on>{name}</button> }
        })
        .collect_view();
    let themes = [
        (Theme::System, "system", t("System", "跟随系统")),
        (Theme::Light, "light", t("Light", "浅色")),
        (Theme::Dark, "dark", t("Dark", "深色")),
    ]
    .into_iter()
    .map(|(theme, value, name)| {
        let on = (theme == theme_here).to_string();
        view! { <button type="submit" name="theme" value=value aria-pressed=on>{name}</button> }
    })
    .collect_view();
    view! {
        <form method="post" action="/fn/session/display" class="switch" aria-label=t("Language", "语言")>{languages}</form>
        <form method="post" action="/fn/session/display" class="switch" aria-label=t("Theme", "主题")>{themes}</form>
    }
    .into_any()
}

/// Zones offered; the reader's own is added where it is another.
const ZONES: [&str; 29] = [
    "UTC",
    "Pacific/Honolulu",
    "America/Los_Angeles",
    "America/Denver",
    "America/Chicago",
    "America/New_York",
    "America/Sao_Paulo",
    "Atlantic/Azores",
    "Europe/London",
    "Europe/Berlin",
    "Europe/Paris",
    "Europe/Athens",
    "Africa/Cairo",
    "Africa/Johannesburg",
    "Africa/Nairobi",
    "Europe/Moscow",
    "Asia/Dubai",
    "Asia/Karachi",
    "Asia/Kolkata",
    "Asia/Dhaka",
    "Asia/Bangkok",
    "Asia/Shanghai",
    "Asia/Hong_Kong",
    "Asia/Singapore",
    "Asia/Taipei",
    "Asia/Tokyo",
    "Asia/Seoul",
    "Australia/Sydney",
    "Pacific/Auckland",
];

/// The time zone: as the browser says, or one that is chosen. A post that keeps a cookie and comes back to this page.
#[component]
pub fn ZoneForm() -> impl IntoView {
    let here = super::clock::page_zone();
    let name = here.zone.name.clone();
    let own = (!ZONES.contains(&name.as_str())).then(|| name.clone());
    let options = own
        .into_iter()
        .chain(ZONES.map(str::to_owned))
        .map(|zone| {
            let selected = here.chosen && zone == name;
            view! { <option value=zone.clone() selected=selected>{zone.clone()}</option> }
        })
        .collect_view();
    let browser = match (here.chosen, lang()) {
        (true, Lang::En) => "as the browser says".to_owned(),
        (true, Lang::ZhCn) => "跟随浏览器".to_owned(),
        (false, Lang::En) => format!("as the browser says: {name}"),
        (false, Lang::ZhCn) => format!("跟随浏览器：{name}"),
    };
    view! {
        <form method="post" action="/fn/session/choose_zone" class="form zone">
            <div class="field">
                <label for="zone">{t("Time zone", "时区")}</label>
                <p class="hint" id="zone-hint">{t("Times are shown in it; their titles and the audit record keep UTC. Without JavaScript the browser's zone is not known and UTC is used.", "时间按此时区显示；悬停提示与审计记录保留 UTC。未启用 JavaScript 时无法得知浏览器时区，按 UTC 显示。")}</p>
                <div class="with-button">
                    <select id="zone" name="name" aria-describedby="zone-hint"><option value="" selected=!here.chosen>{browser}</option>{options}</select>
                    <button type="submit" class="btn">{t("Use it", "使用")}</button>
                </div>
            </div>
        </form>
    }
    .into_any()
}
