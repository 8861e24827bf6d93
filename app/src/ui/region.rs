//! Regions: parts of a page that the script `live` replaces by the server's own HTML of the same address, without the page being loaded anew.
//!
//! A [`super::Load`] is one, with the topics it depends on: when the stream (`/events`) names one of them, the script asks for the same
//! address, under the reader's own rights, with the names of the regions in [`HEADER`], and puts what comes in the place of what stands there.
//! What is being typed, opened or looked at stays; a form that was begun is left as it is. Where a page has several regions beside each
//! other, those that are not asked for are not drawn and their data not read. A region inside another one is a part of it.
//!
//! [`Later`] is a region that is fetched once the page stands, from an address of its own, for what takes long or asks others. Until then,
//! and without JavaScript, a link to that address stands there:
//!
//! ```text
//! // On the page: name, address, and what the link says.
//! <Later region="now" href="/projects/prod-sh/shop/now?at=…" text=t("Look at Harbor now", "查看 Harbor 当前情况")/>
//! // The page at that address, an ordinary one that also stands by itself. Only its region of that name is taken.
//! <Load region="now" data=compare_live(…) view=content/>
//! ```
//!
//! A region that came so is asked for again by its own address when one of its topics changes.

use leptos::prelude::*;

use crate::text::t;

/// Header of a request for some regions of a page: their names, separated by spaces.
pub const HEADER: &str = "x-region";

/// What a region depends on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Topic {
    /// Jobs and their progress.
    Jobs,
    /// Restore requests and votes.
    Requests,
    /// Snapshots.
    Snapshots,
    /// Harbors.
    Harbors,
    /// Vaults.
    Vaults,
    /// Plans.
    Plans,
    /// Accounts and roles.
    Accounts,
    /// Anything at all: the home page.
    Any,
}

impl Topic {
    /// As the stream names it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Jobs => "jobs",
            Self::Requests => "requests",
            Self::Snapshots => "snapshots",
            Self::Harbors => "harbors",
            Self::Vaults => "vaults",
            Self::Plans => "plans",
            Self::Accounts => "accounts",
            Self::Any => "any",
        }
    }
}

/// Marks what is drawn inside a region.
#[derive(Clone, Copy)]
struct Inside;

/// Whether this request wants a region: all are wanted where it names none, and whatever is inside one.
#[must_use]
pub fn is_wanted(region: &str) -> bool {
    if use_context::<Inside>().is_some() {
        return true;
    }
    let named = |parts: http::request::Parts| Some(parts.headers.get(HEADER)?.to_str().ok()?.split(' ').any(|name| name == region));
    use_context::<http::request::Parts>().and_then(named).unwrap_or(true)
}

/// Whether a request is for regions of a page only: then what is shown once, as the message of the last form, waits for a whole one.
#[must_use]
pub fn is_of_regions(headers: &http::HeaderMap) -> bool {
    headers.contains_key(HEADER)
}

/// A region around `inside`, which is drawn if it is wanted; inside another region, `inside` alone.
pub fn region(name: &'static str, topics: &[Topic], inside: impl FnOnce() -> AnyView) -> AnyView {
    if use_context::<Inside>().is_some() {
        return inside();
    }
    if !is_wanted(name) {
        return ().into_any();
    }
    let topics = topics.iter().map(|topic| topic.name()).collect::<Vec<_>>().join(" ");
    let owner = Owner::new();
    let inside = owner.with(|| {
        provide_context(Inside);
        inside()
    });
    view! { <div class="region" data-region=name data-topics=topics>{inside}</div> }.into_any()
}

/// What is fetched once the page stands; see the head of this module.
#[component]
pub fn Later(
    /// Name of the region, here and at that address.
    region: &'static str,
    /// Where it is drawn.
    #[prop(into)]
    href: String,
    /// What the link says.
    #[prop(into)]
    text: String,
    /// What is known meanwhile; it stands below the link, and goes with it.
    #[prop(optional)]
    children: Option<Children>,
) -> impl IntoView {
    let later = href.clone();
    let waiting = t("Reading…", "读取中…");
    view! {
        <section class="region" data-region=region data-later=later data-waiting=waiting aria-live="polite">
            <p class="padded"><a class="btn" href=href>{text}</a></p>
            {children.map(|children| children())}
        </section>
    }
    .into_any()
}
