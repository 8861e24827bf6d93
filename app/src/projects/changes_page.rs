//! What changed from one captured moment to another: tags that came, went and moved.

use leptos::prelude::*;

use super::calls::get_changes;
use super::types::{Changes, TagChange};
use super::{artifact_href, changes_href, project_href, settings_href, tag_href};
use crate::text::{Lang, lang, t};
use crate::ui::*;
use crate::units::{count, short_digest};

/// The page.
#[component]
pub fn ChangesPage() -> impl IntoView {
    let (harbor, project) = (use_param("harbor"), use_param("project"));
    let (from, to) = (use_query("from"), use_query("to"));
    let changes = get_changes(harbor.clone(), project.clone(), from, to);
    view! { <Load data=changes topics=&[Topic::Snapshots] view=move |changes| page(changes, harbor, project)/> }
}

fn sentence(c: &Changes, project: &str) -> String {
    let (added, removed, moved) = (count(c.added), count(c.removed), count(c.moved));
    match (lang(), c.added + c.removed + c.moved) {
        (Lang::En, 0) => format!("No tag of {project} is different."),
        (Lang::ZhCn, 0) => format!("{project} 的 Tag 没有差异。"),
        (Lang::En, _) => format!("In {project}, {added} tags came, {removed} went and {moved} point elsewhere."),
        (Lang::ZhCn, _) => format!("{project}：新增 {added} 个 Tag，移除 {removed} 个，移动 {moved} 个。"),
    }
}

fn page(c: Changes, harbor: String, project: String) -> AnyView {
    let base = project_href(&harbor, &project);
    let (from, to) = (c.from.url(), c.to.url());
    let crumbs = vec![
        (t("Projects", "项目").to_owned(), "/projects".to_owned()),
        (format!("{harbor}/{project}"), format!("{base}?at={}", url_part(&to))),
    ];
    let title = sentence(&c, &project);
    let span = lang().pick(format!("from {} to {}", long(c.from), long(c.to)), format!("{} 至 {}", long(c.from), long(c.to)));
    let settings = format!("{}&against={}", settings_href(&harbor, &project, Some(&to)), url_part(&from));
    let newest = changes_href(&harbor, &project, &from, "").trim_end_matches("&to=").to_owned();
    let all = c.added + c.removed + c.moved;
    let shown = i64::try_from(c.tags.len()).unwrap_or(i64::MAX);
    let note = if shown < all {
        lang().pick(format!("the first {} of {}", count(shown), count(all)), format!("{} 项中的前 {} 项", count(all), count(shown)))
    } else {
        String::new()
    };
    let empty = c.tags.is_empty();
    let rows = c.tags.into_iter().map(|tag| row(tag, &harbor, &project)).collect_view();
    let cols = vec![Col::text("Tag"), Col::text(t("Change", "变更")), Col::text(t("Before", "之前")), Col::text(t("Then", "之后"))];
    view! {
        <PageHead title=title crumbs=crumbs here=t("Changes", "差异")>
            <SubItem>{span}</SubItem>
            <SubItem><a href=settings>{t("Settings between the same moments", "同期设置差异")}</a></SubItem>
        </PageHead>
        <div class="stack">
            <section class="panel"><div class="panel-body">
                <form method="get" action=format!("{base}/changes") class="filters">
                    <label class="filter"><span>{t("From", "自")}</span><input class="mono" type="text" name="from" value=from/></label>
                    <label class="filter"><span>{t("To", "至")}</span><input class="mono" type="text" name="to" value=to/></label>
                    <button type="submit" class="btn">{t("Compare", "对比")}</button>
                    <a class="btn" href=newest>{t("To the newest", "至最新")}</a>
                </form>
            </div></section>
            {if empty {
                view! { <Empty kind=EmptyKind::NothingYet title=t("Every tag is the same at both moments.", "两个时间点的 Tag 完全相同。")/> }.into_any()
            } else {
                view! { <Panel title=t("Tags", "Tag") note=note><DataTable caption=t("Tags", "Tag") cols=cols>{rows}</DataTable></Panel> }.into_any()
            }}
        </div>
    }
    .into_any()
}

fn row(tag: TagChange, harbor: &str, project: &str) -> AnyView {
    let (tone, word) = match (&tag.was, &tag.is) {
        (None, _) => (Tone::Ok, t("added", "新增")),
        (_, None) => (Tone::Fail, t("removed", "移除")),
        _ => (Tone::Warn, t("moved", "移动")),
    };
    let href = tag_href(harbor, project, &tag.repository, &tag.tag);
    let image = |digest: Option<String>| match digest {
        Some(digest) => {
            let href = artifact_href(harbor, project, &tag.repository, &digest);
            view! { <a class="mono" href=href>{short_digest(&digest)}</a> }.into_any()
        }
        None => view! { <span class="note">"–"</span> }.into_any(),
    };
    let (was, is) = (image(tag.was.clone()), image(tag.is.clone()));
    let name = format!("{}:{}", tag.repository, tag.tag);
    view! {
        <tr>
            <Cell><a class="mono" href=href>{name}</a></Cell>
            <Cell label=t("Change", "变更")><Status tone=tone text=word/></Cell>
            <Cell label=t("Before", "之前")>{was}</Cell>
            <Cell label=t("Then", "之后")>{is}</Cell>
        </tr>
    }
    .into_any()
}
