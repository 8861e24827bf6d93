//! The frame around every page: rail, top bar, message of the last form, page.

use leptos::prelude::*;

use super::form::StepUpForm;
use super::icons::{Drawing, Icon, Mark};
use super::page_state::use_shell;
use super::region::{Topic, region};
use super::status::{StatusShape, Tone};
use super::top_bar::TopBar;
use crate::accounts::types::Duty;
use crate::address::Address;
use crate::session::types::Me;
use crate::text::t;

/// What the counts of the frame depend on.
pub const COUNTS: &[Topic] = &[Topic::Requests, Topic::Jobs, Topic::Accounts];

/// The frame with a page in it.
#[component]
pub fn Frame(children: Children) -> impl IntoView {
    view! {
        <a class="skip" href="#main">{t("Skip to the page", "跳到正文")}</a>
        <div class="app">
            <Rail/>
            <div class="side">
                <TopBar/>
                <main id="main" tabindex="-1">
                    <Flash/>
                    <StepUpForm/>
                    {children()}
                </main>
            </div>
        </div>
        <super::help::HelpDialog/>
    }
    .into_any()
}

/// What the rail offers to a person.
struct Offer {
    vaults: bool,
    admin: bool,
    waiting: i64,
    running: i64,
}

impl Offer {
    fn of(me: Option<&Me>, waiting: i64, running: i64) -> Self {
        let any_duty = me.is_some_and(|me| !me.duties.is_empty());
        let admin = me.is_some_and(|me| me.has(Duty::Secadmin) || me.has(Duty::Auditor));
        Self { vaults: any_duty, admin, waiting, running }
    }
}

#[component]
fn RailLink(
    href: &'static str,
    icon: Icon,
    text: &'static str,
    #[prop(optional)] count: i64,
    #[prop(optional, into)] count_words: String,
) -> impl IntoView {
    let address = Address::here();
    let inside = |path: &str| path.strip_prefix(href).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    let here = if href == "/" { address.path() == "/" } else { inside(address.path()) };
    view! {
        <li>
            <a href=href aria-current=here.then_some("page")>
                <Drawing icon=icon/>
                <span class="word">{text}</span>
                {(count > 0).then(|| view! { <b><span aria-hidden="true">{count}</span><span class="unseen">{count_words}</span></b> })}
            </a>
        </li>
    }
    .into_any()
}

#[component]
fn Rail() -> impl IntoView {
    let offer = use_shell()
        .map_or_else(|| Offer::of(None, 0, 0), |shell| Offer::of(shell.me.as_ref(), shell.approvals_waiting, shell.jobs_running));
    view! {
        <nav class="rail" aria-label=t("Main", "主导航")>
            <div class="rail-in">
            <a class="brand" href="/" aria-label="Breakwater"><Mark/><span>"Breakwater"</span></a>
            {region("rail", COUNTS, || rail_list(&offer))}
            </div>
        </nav>
    }
    .into_any()
}

fn rail_list(offer: &Offer) -> AnyView {
    let waiting = format!(" {} {}", offer.waiting, t("wait for your vote", "待您审批"));
    let running = format!(" {} {}", offer.running, t("running", "进行中"));
    view! {
        <ul>
            <RailLink href="/" icon=Icon::Home text=t("Home", "首页")/>
            <RailLink href="/projects" icon=Icon::Projects text=t("Projects", "项目")/>
            <RailLink href="/restores" icon=Icon::Restores text=t("Restores", "恢复")/>
            <RailLink href="/approvals" icon=Icon::Approvals text=t("Approvals", "审批") count=offer.waiting count_words=waiting/>
            <RailLink href="/jobs" icon=Icon::Jobs text=t("Jobs", "任务") count=offer.running count_words=running/>
            <RailLink href="/audit" icon=Icon::Audit text=t("Audit", "审计")/>
        </ul>
        <ul class="second">
            <RailLink href="/harbors" icon=Icon::Harbors text=t("Harbors", "Harbor 实例")/>
            {offer.vaults.then(|| view! { <RailLink href="/vaults" icon=Icon::Vaults text=t("Vaults", "保管库")/> })}
            <RailLink href="/plans" icon=Icon::Plans text=t("Plans", "备份计划")/>
            {offer.admin.then(|| view! { <RailLink href="/admin/users" icon=Icon::Admin text=t("People", "人员")/> })}
        </ul>
    }
    .into_any()
}

/// The message the last form left, for whoever loads a whole page next.
#[component]
fn Flash() -> impl IntoView {
    let text = use_shell().and_then(|shell| shell.flash.clone());
    view! { <div class="flash-place" role="status">{text.map(|text| view! { <p class="flash"><StatusShape tone=Tone::Ok/>{text}</p> })}</div> }.into_any()
}
