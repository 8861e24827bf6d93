//! The table of pages: which address shows what.

use leptos::prelude::{AnyView, IntoAny as _};

use crate::{accounts, audit, harbors, home, jobs, plans, projects, restores, session, ui, vaults};

/// A page: where it is, and what is drawn there.
#[derive(Debug, Clone, Copy)]
pub struct Page {
    /// Its address; `{name}` stands for one segment, which [`crate::ui::use_param`] reads.
    pub path: &'static str,
    /// Whether rail and top bar stand around it.
    pub framed: bool,
    /// Draws it.
    pub draw: fn() -> AnyView,
}

/// In the frame.
const fn page(path: &'static str, draw: fn() -> AnyView) -> Page {
    Page { path, framed: true, draw }
}

/// By itself: for those who are not signed in.
const fn lone(path: &'static str, draw: fn() -> AnyView) -> Page {
    Page { path, framed: false, draw }
}

/// All pages.
pub const PAGES: &[Page] = &[
    lone("/signin", || session::sign_in_page::SignInPage().into_any()),
    lone("/setup", || session::set_up_page::SetUpPage().into_any()),
    page("/", || home::home_page::HomePage().into_any()),
    page("/dev/gallery", || ui::gallery::GalleryPage().into_any()),
    page("/projects", || projects::list_page::ProjectsPage().into_any()),
    page("/projects/{harbor}/{project}", || projects::timeline_page::TimelinePage().into_any()),
    page("/projects/{harbor}/{project}/browse", || projects::browse_page::BrowsePage().into_any()),
    page("/projects/{harbor}/{project}/now", || projects::now_pages::ProjectNowPage().into_any()),
    page("/projects/{harbor}/{project}/changes", || projects::changes_page::ChangesPage().into_any()),
    page("/projects/{harbor}/{project}/gaps", || projects::gaps_page::GapsPage().into_any()),
    page("/projects/{harbor}/{project}/settings", || projects::settings_page::SettingsPage().into_any()),
    page("/tags", || projects::tag_page::TagPage().into_any()),
    page("/tags/now", || projects::now_pages::TagNowPage().into_any()),
    page("/search/now", || projects::now_pages::SearchNowPage().into_any()),
    page("/artifacts", || projects::artifact_page::ArtifactPage().into_any()),
    page("/search", || projects::search_page::SearchPage().into_any()),
    page("/restore/new", || restores::wizard_page::WizardPage().into_any()),
    page("/restores", || restores::list_page::RestoresPage().into_any()),
    page("/restores/{id}", || restores::request_page::RequestPage().into_any()),
    page("/approvals", || restores::approvals_page::ApprovalsPage().into_any()),
    page("/jobs", || jobs::list_page::JobsPage().into_any()),
    page("/jobs/{id}", || jobs::job_page::JobPage().into_any()),
    page("/audit", || audit::list_page::AuditPage().into_any()),
    page("/audit/{seq}", || audit::event_page::AuditEventPage().into_any()),
    page("/harbors", || harbors::list_page::HarborsPage().into_any()),
    page("/harbors/new", || harbors::form_page::NewHarborPage().into_any()),
    page("/harbors/{name}", || harbors::harbor_page::HarborPage().into_any()),
    page("/harbors/{name}/remove", || harbors::remove_page::RemoveHarborPage().into_any()),
    page("/vaults", || vaults::list_page::VaultsPage().into_any()),
    page("/vaults/new", || vaults::form_page::NewVaultPage().into_any()),
    page("/vaults/{id}", || vaults::vault_page::VaultPage().into_any()),
    page("/plans", || plans::list_page::PlansPage().into_any()),
    page("/plans/new", || plans::form_page::NewPlanPage().into_any()),
    page("/plans/left", || plans::left_page::LeftPage().into_any()),
    page("/plans/imports/{id}", || plans::imported_page::ImportPage().into_any()),
    page("/plans/left/{id}", || plans::left_page::DecidePage().into_any()),
    page("/plans/{id}", || plans::plan_page::PlanPage().into_any()),
    page("/plans/{id}/edit", || plans::form_page::EditPlanPage().into_any()),
    page("/plans/{id}/delete", || plans::delete_page::DeletePlanPage().into_any()),
    page("/admin/users", || accounts::users_page::UsersPage().into_any()),
    page("/admin/users/new", || accounts::new_user_page::NewUserPage().into_any()),
    page("/admin/users/{id}", || accounts::user_page::UserPage().into_any()),
    page("/me", || accounts::me_page::MePage().into_any()),
];

/// What stands at every other address.
pub const NOWHERE: Page = page("", || ui::not_found::NotFound().into_any());
