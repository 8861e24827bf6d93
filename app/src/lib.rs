//! What browser and server share: types, views, the calls and the ports the calls go through.
//!
//! Reading order: [`shell`] is the document, [`App`] the contexts, [`Pages`] the table of routes; then a folder per noun with
//! `types` (words), `port` (what the backend answers), `calls` (server functions) and its pages; [`ui`] is what pages are made of.
//! Invariants: no SQL, no tokio, no axum in the browser's tree; `cfg(feature` stands once, below.

#![recursion_limit = "512"]

pub mod accounts;
pub mod audit;
pub mod error;
pub mod harbors;
pub mod home;
pub mod jobs;
pub mod plans;
#[cfg(feature = "ssr")]
pub mod ports;
pub mod projects;
pub mod restores;
pub mod said;
pub mod session;
pub mod text;
pub mod ui;
pub mod units;
pub mod vaults;
pub mod zone;

use leptos::prelude::*;
use leptos_meta::{MetaTags, provide_meta_context};
use leptos_router::components::{ParentRoute, Route, Router, Routes};
use leptos_router::hooks::use_location;
use leptos_router::{MatchNestedRoutes, SsrMode, path};

use crate::session::calls::get_shell;
use crate::session::display::Display;
use crate::ui::live::{Topic, open_stream, provide_live};

/// The document around the app.
#[must_use]
pub fn shell(options: LeptosOptions) -> impl IntoView {
    let display = Display::here();
    let came = ui::came_back::Shown::here().and_then(|shown| shown.attribute());
    view! {
        <!DOCTYPE html>
        <html lang=display.lang.code() data-theme=display.theme_attribute() data-zone=display.zone.zone.attribute() data-zone-chosen=display.zone.chosen data-came=came>
            <head>
                <meta charset="utf-8"/>
                <meta name="viewport" content="width=device-width, initial-scale=1"/>
                <meta name="color-scheme" content="light dark"/>
                <link rel="stylesheet" href="/pkg/breakwater.css"/>
                <link rel="icon" href="/favicon.svg" type="image/svg+xml"/>
                <HydrationScripts options/>
                <MetaTags/>
            </head>
            <body>
                <App/>
            </body>
        </html>
    }
}

/// Language, theme, clock, live stream; then the pages.
#[component]
pub fn App() -> impl IntoView {
    provide_meta_context();
    let display = Display::here();
    text::provide_lang(display.lang);
    provide_context(display.theme);
    ui::clock::provide_zone(display.zone);
    ui::clock::provide_clock();
    provide_live();
    view! { <Router><Pages/></Router> }
}

/// The table of routes. Every page waits for its data on the server, so that it is whole without the browser part.
#[component]
fn Pages() -> impl IntoView {
    provide_shell();
    ui::keys::listen_for_keys();
    use ui::nav::{Chrome, Frame};
    view! {
        <Routes fallback=|| view! { <Chrome><ui::not_found::NotFound/></Chrome> }>
            <Route path=path!("/signin") view=session::sign_in_page::SignInPage ssr=SsrMode::Async/>
            <Route path=path!("/setup") view=session::set_up_page::SetUpPage ssr=SsrMode::Async/>
            <ParentRoute path=path!("") view=Frame ssr=SsrMode::Async>
                <Route path=path!("/") view=home::home_page::HomePage ssr=SsrMode::Async/>
                <Route path=path!("/dev/gallery") view=ui::gallery::GalleryPage ssr=SsrMode::Async/>
                <ProjectRoutes/>
                <RestoreRoutes/>
                <OperatorRoutes/>
                <PeopleRoutes/>
            </ParentRoute>
        </Routes>
    }
}

#[component(transparent)]
fn ProjectRoutes() -> impl MatchNestedRoutes + Clone {
    use projects::{artifact_page, browse_page, changes_page, gaps_page, list_page, search_page, settings_page, tag_page, timeline_page};
    view! {
        <Route path=path!("/projects") view=list_page::ProjectsPage ssr=SsrMode::Async/>
        <Route path=path!("/projects/:harbor/:project") view=timeline_page::TimelinePage ssr=SsrMode::Async/>
        <Route path=path!("/projects/:harbor/:project/browse") view=browse_page::BrowsePage ssr=SsrMode::Async/>
        <Route path=path!("/projects/:harbor/:project/changes") view=changes_page::ChangesPage ssr=SsrMode::Async/>
        <Route path=path!("/projects/:harbor/:project/gaps") view=gaps_page::GapsPage ssr=SsrMode::Async/>
        <Route path=path!("/projects/:harbor/:project/settings") view=settings_page::SettingsPage ssr=SsrMode::Async/>
        <Route path=path!("/tags") view=tag_page::TagPage ssr=SsrMode::Async/>
        <Route path=path!("/artifacts") view=artifact_page::ArtifactPage ssr=SsrMode::Async/>
        <Route path=path!("/search") view=search_page::SearchPage ssr=SsrMode::Async/>
    }
    .into_inner()
}

#[component(transparent)]
fn RestoreRoutes() -> impl MatchNestedRoutes + Clone {
    use restores::{approvals_page, list_page, request_page, wizard_page};
    view! {
        <Route path=path!("/restore/new") view=wizard_page::WizardPage ssr=SsrMode::Async/>
        <Route path=path!("/restores") view=list_page::RestoresPage ssr=SsrMode::Async/>
        <Route path=path!("/restores/:id") view=request_page::RequestPage ssr=SsrMode::Async/>
        <Route path=path!("/approvals") view=approvals_page::ApprovalsPage ssr=SsrMode::Async/>
        <Route path=path!("/jobs") view=jobs::list_page::JobsPage ssr=SsrMode::Async/>
        <Route path=path!("/jobs/:id") view=jobs::job_page::JobPage ssr=SsrMode::Async/>
        <Route path=path!("/audit") view=audit::list_page::AuditPage ssr=SsrMode::Async/>
        <Route path=path!("/audit/:seq") view=audit::event_page::AuditEventPage ssr=SsrMode::Async/>
    }
    .into_inner()
}

#[component(transparent)]
fn OperatorRoutes() -> impl MatchNestedRoutes + Clone {
    view! {
        <Route path=path!("/harbors") view=harbors::list_page::HarborsPage ssr=SsrMode::Async/>
        <Route path=path!("/harbors/new") view=harbors::form_page::NewHarborPage ssr=SsrMode::Async/>
        <Route path=path!("/harbors/:name") view=harbors::harbor_page::HarborPage ssr=SsrMode::Async/>
        <Route path=path!("/harbors/:name/remove") view=harbors::remove_page::RemoveHarborPage ssr=SsrMode::Async/>
        <Route path=path!("/vaults") view=vaults::list_page::VaultsPage ssr=SsrMode::Async/>
        <Route path=path!("/vaults/new") view=vaults::form_page::NewVaultPage ssr=SsrMode::Async/>
        <Route path=path!("/vaults/:id") view=vaults::vault_page::VaultPage ssr=SsrMode::Async/>
        <Route path=path!("/plans") view=plans::list_page::PlansPage ssr=SsrMode::Async/>
        <Route path=path!("/plans/new") view=plans::form_page::NewPlanPage ssr=SsrMode::Async/>
        <Route path=path!("/plans/left") view=plans::left_page::LeftPage ssr=SsrMode::Async/>
        <Route path=path!("/plans/left/:id") view=plans::left_page::DecidePage ssr=SsrMode::Async/>
        <Route path=path!("/plans/:id") view=plans::plan_page::PlanPage ssr=SsrMode::Async/>
        <Route path=path!("/plans/:id/edit") view=plans::form_page::EditPlanPage ssr=SsrMode::Async/>
        <Route path=path!("/plans/:id/delete") view=plans::delete_page::DeletePlanPage ssr=SsrMode::Async/>
    }
    .into_inner()
}

#[component(transparent)]
fn PeopleRoutes() -> impl MatchNestedRoutes + Clone {
    view! {
        <Route path=path!("/admin/users") view=accounts::users_page::UsersPage ssr=SsrMode::Async/>
        <Route path=path!("/admin/users/new") view=accounts::new_user_page::NewUserPage ssr=SsrMode::Async/>
        <Route path=path!("/admin/users/:id") view=accounts::user_page::UserPage ssr=SsrMode::Async/>
        <Route path=path!("/me") view=accounts::me_page::MePage ssr=SsrMode::Async/>
    }
    .into_inner()
}

/// Provides the shell: asked for once on the server, then at each navigation and whenever its counts may have changed.
fn provide_shell() {
    let location = use_location();
    let live = ui::use_live();
    let source = move || {
        let counts = live.version(Topic::Requests) + live.version(Topic::Jobs) + live.version(Topic::Accounts);
        (location.pathname.get(), location.search.get(), counts)
    };
    let message = ui::nav::Message::provide();
    let shell: ui::page_state::ShellResource = Resource::new(source, move |_| async move {
        let mut shell = get_shell().await?;
        if is_browser() {
            message.put(shell.flash.take());
        }
        Ok(shell)
    });
    provide_context(shell);
    let clock = expect_context::<ui::clock::Clock>();
    let viewer = ui::Viewer(RwSignal::new(None));
    provide_context(viewer);
    let open = StoredValue::new(false);
    Effect::new(move |_| {
        if let Some(Ok(shell)) = shell.get() {
            clock.0.set(Some(shell.now));
            viewer.0.set(shell.me.clone());
            if shell.me.is_some() && !open.get_value() {
                open.set_value(true);
                open_stream(live);
            }
        }
    });
}
