//! What Harbor says now: pages of their own, whose region the pages of what was captured fetch once they stand, and link to where no script runs. Each says when
//! Harbor was asked.

use leptos::prelude::*;

use super::browse_page::tags;
use super::calls::{browse_moment, compare_live, get_tag_history, search_all};
use super::found::Found;
use super::search_page::{hits, notes};
use super::timeline_parts::Difference;
use super::types::{BrowseQuery, LiveDiff, TagHistory};
use super::{project_href, search_page::InHarborNow, tag_href};
use crate::sentence::Sentence as _;
use crate::text::{lang, t};
use crate::ui::*;
use crate::units::{Moment, short_tag};

/// Name of the region on all of them.
pub const NOW: &str = "now";

/// What the link says.
#[must_use]
pub fn look_now() -> &'static str {
    t("Look at Harbor now", "查看 Harbor 当前情况")
}

fn crumbs(harbor: &str, project: &str) -> Vec<(String, String)> {
    vec![(t("Projects", "项目").to_owned(), "/projects".to_owned()), (format!("{harbor}/{project}"), project_href(harbor, project))]
}

/// A moment of a project compared with its Harbor, or the tags of one of its repositories.
#[component]
pub fn ProjectNowPage() -> impl IntoView {
    let (harbor, project) = (use_param("harbor"), use_param("project"));
    let [at, repo, q, only, after] = ["at", "repo", "q", "only", "after"].map(use_query);
    let head = view! {
        <PageHead title=lang().pick(format!("What Harbor has of {project} now."), format!("Harbor 当前的 {project}。")) crumbs=crumbs(&harbor, &project) here=t("Now", "当前")/>
    };
    let region = match repo {
        Some(repo) => {
            let at = at.as_deref().and_then(Moment::parse);
            let filtered = q.is_some() || only.is_some();
            let question = BrowseQuery { harbor, project, at, repo: Some(repo), q, only, after, live: Some(true) };
            view! { <Load region=NOW data=browse_moment(question.clone()) view=move |browse| tags(browse, &question, filtered)/> }
                .into_any()
        }
        None => {
            let diff = compare_live(harbor.clone(), project.clone(), at.clone());
            let view = move |diff: LiveDiff| view! { <Difference harbor=harbor project=project at=at.unwrap_or_default() diff=diff/> };
            view! { <Load region=NOW data=diff view=view/> }.into_any()
        }
    };
    view! { {head}{region} }
}

/// What a tag points to in its Harbor.
#[component]
pub fn TagNowPage() -> impl IntoView {
    let [h, p, repo, tag] = ["h", "p", "repo", "tag"].map(|name| use_query(name).unwrap_or_default());
    let mut above = crumbs(&h, &p);
    above.push((format!("{repo}:{}", short_tag(&tag)), tag_href(&h, &p, &repo, &tag)));
    view! {
        <PageHead title=lang().pick(format!("{repo}:{tag} in Harbor now."), format!("Harbor 当前的 {repo}:{tag}。")) crumbs=above here=t("Now", "当前")/>
        <Load region=NOW data=get_tag_history(h, p, repo, tag, true) view=tag_now/>
    }
}

/// What was said of a tag, by Harbor or by the snapshots.
pub fn tag_now(history: TagHistory) -> AnyView {
    let status = history.in_harbor.clone().map_or_else(
        || view! { <Status tone=Tone::Idle text=t("Harbor could not be read", "无法读取 Harbor")/> }.into_any(),
        |there| view! { <InHarborNow there=there/> }.into_any(),
    );
    let asked = history.in_harbor.as_ref().filter(|there| there.live).map(|there| there.at);
    view! {
        <Panel title=t("In Harbor", "Harbor 中") padded=true>
            <p>{status}" "{history.live.map(|digest| view! { <Digest value=digest/> })}</p>
            {asked.map(|at| view! { <p class="note">{t("asked at ", "询问于 ")}<Exact at=at/></p> })}
            {history.live_error.map(|error| view! { <Callout tone=Tone::Warn><p>{error.say(lang())}</p></Callout> })}
        </Panel>
    }
    .into_any()
}

/// What was found, and whether Harbors have it.
#[component]
pub fn SearchNowPage() -> impl IntoView {
    let q = use_query("q").unwrap_or_default();
    let found = |found: Found| view! { {notes(&found)}{hits(found)} };
    view! {
        <PageHead title=t("Whether Harbor has what was found.", "Harbor 中是否有所查内容。") crumbs=vec![(t("Search", "搜索").to_owned(), format!("/search?q={}", url_part(&q)))] here=t("Now", "当前")/>
        <Load region=NOW data=search_all(q, true) view=found/>
    }
}
