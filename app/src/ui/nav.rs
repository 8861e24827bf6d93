//! The frame around every page: rail, top bar, message of the last form, page.

use leptos::prelude::*;
use leptos_router::components::{A, Outlet};
use leptos_router::hooks::use_location;

use super::form::{StepUpForm, provide_step_up};
use super::icons::{Drawing, Icon, Mark};
use super::page_state::use_shell;
use super::status::{StatusShape, Tone};
use super::top_bar::TopBar;
use crate::accounts::types::Duty;
use crate::session::types::Me;
use crate::text::t;

/// The frame with the page of the address in it.
#[component]
pub fn Frame() -> impl IntoView {
    view! { <Chrome><Outlet/></Chrome> }.into_any()
}

/// The frame with anything in it.
#[component]
pub fn Chrome(children: Children) -> impl IntoView {
    provide_step_up();
    view! {
        <a class="skip" href="#main" rel="external">{t("Skip to the page", "跳到正文")}</a>
        <div class="app">
            <Rail/>
            <div class="side">
                <TopBar/>
                <main id="main" tabindex="-1">
                    <Flash/>
                    {children()}
                </main>
            </div>
        </div>
        <StepUpForm/>
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
    view! {
        <li>
            <A href=href exact={href == "/"}>
                <Drawing icon=icon/>
                <span class="word">{text}</span>
                {(count > 0).then(|| view! { <b><span aria-hidden="true">{count}</span><span class="unseen">{count_words}</span></b> })}
            </A>
        </li>
    }
    .into_any()
}

#[component]
fn Rail() -> impl IntoView {
    let shell = use_shell();
    view! {
        <nav class="rail" aria-label=t("Main", "主导航")>
            <div class="rail-in">
            <a class="brand" href="/" aria-label="Breakwater"><Mark/><span>"Breakwater"</span></a>
            <Transition fallback=|| ()>
                {move || Suspend::new(async move {
                    let offer = match shell.await {
                        Ok(s) => Offer::of(s.me.as_ref(), s.approvals_waiting, s.jobs_running),
                        Err(_) => Offer::of(None, 0, 0),
                    };
                    rail_list(&offer)
                })}
            </Transition>
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

/// The message the last form left, until the page is left.
#[component]
fn Flash() -> impl IntoView {
    let shell = use_shell();
    let message = expect_context::<Message>();
    view! {
        <div class="flash-place" role="status">
            <Transition fallback=|| ()>
                {move || Suspend::new(async move {
                    // On the server and at the first picture it is in the shell; later answers put it into the context themselves.
                    if let Ok(shell) = shell.await
                        && shell.flash.is_some()
                    {
                        message.put(shell.flash);
                    }
                    move || message.text.get().map(|text| view! { <p class="flash"><StatusShape tone=Tone::Ok/>{text}</p> })
                })}
            </Transition>
        </div>
    }
    .into_any()
}

/// The message of the last form. Two answers can race for it after a form leads to another page, so it is kept apart from them.
#[derive(Clone, Copy)]
pub struct Message {
    text: RwSignal<Option<String>>,
    fresh: StoredValue<bool>,
}

/// A message put there less than this ago belongs to the page that is being opened.
const FRESH: std::time::Duration = std::time::Duration::from_millis(1_500);

impl Message {
    /// Provides it and takes it away when the page is left.
    pub fn provide() -> Self {
        let message = Self { text: RwSignal::new(None), fresh: StoredValue::new(false) };
        provide_context(message);
        let pathname = use_location().pathname;
        Effect::new(move |before: Option<String>| {
            let path = pathname.get();
            if before.is_some_and(|before| before != path) && !message.fresh.get_value() {
                message.text.set(None);
            }
            path
        });
        message
    }

    /// Puts a message there, if there is one.
    pub fn put(&self, text: Option<String>) {
        if text.is_none() {
            return;
        }
        self.text.set(text);
        let fresh = self.fresh;
        if is_browser() {
            fresh.set_value(true);
            set_timeout(move || fresh.set_value(false), FRESH);
        }
    }
}
