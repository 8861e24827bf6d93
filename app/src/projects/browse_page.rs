//! What a project held at a moment: repositories at the left, tags at the right, a selection that becomes a restore.

use leptos::prelude::*;

use super::calls::browse_moment;
use super::gap_words::{gap_count, gap_note};
use super::gaps_page::gap_table;
use super::now_pages::{NOW, look_now};
use super::types::{Browse, BrowseQuery, TagAt};
use super::{artifact_href, now_word, project_href, tag_href};
use crate::text::{lang, t};
use crate::ui::*;
use crate::units::{Moment, bytes, count, short_digest, short_tag};

/// The page.
#[component]
pub fn BrowsePage() -> impl IntoView {
    let [at, repo, q, only, after] = ["at", "repo", "q", "only", "after"].map(use_query);
    let at = at.as_deref().and_then(Moment::parse);
    let question = BrowseQuery { harbor: use_param("harbor"), project: use_param("project"), at, repo, q, only, after, live: Some(false) };
    view! { <Load data=browse_moment(question.clone()) topics=&[Topic::Snapshots] view=move |browse| page(browse, question)/> }
}

fn title(browse: &Browse, project: &str) -> String {
    let at = long(browse.at.moment);
    match &browse.repository {
        Some(repo) => {
            let tags = count(browse.tags_total);
            lang().pick(format!("{repo} held {tags} tags at {at}"), format!("{repo} 在 {at} 有 {tags} 个 Tag"))
        }
        None => lang().pick(format!("Nothing was in {project} at {at}"), format!("{project} 在 {at} 没有内容")),
    }
}

fn page(browse: Browse, query: BrowseQuery) -> AnyView {
    let base = format!("{}/browse", project_href(&query.harbor, &query.project));
    let at = browse.at.moment.url();
    let repo = browse.repository.clone();
    let title = title(&browse, &query.project);
    let crumbs = vec![
        (t("Projects", "项目").to_owned(), "/projects".to_owned()),
        (format!("{}/{}", query.harbor, query.project), format!("{}?at={}", project_href(&query.harbor, &query.project), url_part(&at))),
    ];
    let repositories = browse
        .repositories
        .iter()
        .map(|r| {
            let current = (Some(&r.repository) == repo.as_ref()).then_some("true");
            let href = format!("{base}?at={}&repo={}", url_part(&at), url_part(&r.repository));
            view! {
                <li><a href=href aria-current=current><span class="mono">{r.repository.split_once('/').map_or(r.repository.clone(), |(_, rest)| rest.to_owned())}</span>
                    <span class="note">{count(r.tags)}{r.gone.then(|| t(" · gone since", " · 此后已删除"))}{gap_count(r.gaps, 0, lang()).map(|words| format!(" · {words}"))}</span></a></li>
            }
        })
        .collect_view();
    let more = browse.repositories_more;
    let paging = format!(
        "{base}?at={}{}{}{}",
        url_part(&at),
        repo.as_ref().map(|r| format!("&repo={}", url_part(r))).unwrap_or_default(),
        query.q.as_ref().map(|q| format!("&q={}", url_part(q))).unwrap_or_default(),
        query.only.as_ref().map(|o| format!("&only={}", url_part(o))).unwrap_or_default(),
    );
    let filtered = query.q.is_some() || query.only.is_some();
    let (digest, q, only, paged) =
        (browse.at.digest.clone(), query.q.clone().unwrap_or_default(), query.only.clone(), query.after.is_some());
    let lacking = (!browse.gaps.is_empty()).then(|| gap_table(&browse.gaps));
    let now = repo.as_ref().filter(|_| !browse.tags.is_empty()).map(|_| {
        let after = query.after.as_ref().map(|after| format!("&after={}", url_part(after))).unwrap_or_default();
        format!("{}{after}", paging.replacen("/browse?", "/now?", 1))
    });
    let right = tags(browse, &query, filtered);
    let right = match now {
        Some(href) => view! { <Later region=NOW href=href text=look_now()>{right}</Later> }.into_any(),
        None => right,
    };
    let (action, hidden_repo) = (base.clone(), repo.clone());
    view! {
        <PageHead title=title crumbs=crumbs here=t("Browse", "浏览")><Digest value=digest/></PageHead>
        <GetForm action=action>
            <input type="hidden" name="at" value=at.clone()/>
            {hidden_repo.map(|r| view! { <input type="hidden" name="repo" value=r/> })}
            <label class="filter"><span>{t("Repository or tag", "仓库或 Tag")}</span><input type="search" name="q" value=q spellcheck="false"/></label>
            {crate::jobs::list_page::choice("only", t("Only", "仅显示"), only, &[("gone", t("gone since", "此后已删除")), ("moved", t("moved since", "此后已移动"))])}
            <SubmitButton text=t("Show", "筛选")/>
        </GetForm>
        <div class="browser">
            <nav class="panel repositories" aria-label=t("Repositories", "仓库")>
                <header><h2>{t("Repositories", "仓库")}</h2></header>
                <ul>{repositories}</ul>
                {more.then(|| view! { <p class="note padded">{t("More than 200: narrow by name.", "超过 200 个，请按名称缩小范围。")}</p> })}
            </nav>
            <section class="panel">{right}</section>
        </div>
        {lacking}
        <Pager base=paging next=None paged=paged/>
    }
    .into_any()
}

pub(super) fn tags(browse: Browse, query: &BrowseQuery, filtered: bool) -> AnyView {
    if browse.tags.is_empty() {
        let kind = if filtered { EmptyKind::NoMatch } else { EmptyKind::NothingYet };
        return view! { <Empty kind=kind title=t("No tag here.", "没有 Tag。")/> }.into_any();
    }
    let at = browse.at.moment.url();
    let whole = browse.repository.clone().unwrap_or_default();
    let next = browse.tags_next.clone().map(|after| {
        format!(
            "{}/browse?at={}&repo={}{}{}&after={}",
            project_href(&query.harbor, &query.project),
            url_part(&at),
            url_part(&whole),
            query.q.as_ref().map(|q| format!("&q={}", url_part(q))).unwrap_or_default(),
            query.only.as_ref().map(|o| format!("&only={}", url_part(o))).unwrap_or_default(),
            url_part(&after)
        )
    });
    let since = if browse.now_live {
        view! { {t("“Since then” is what Harbor has now, asked at", "“此后”为 Harbor 当前情况，询问于")}" "<Exact at=browse.now_at/> }
            .into_any()
    } else {
        let asked = t("; a tag's own page asks Harbor", "；Tag 页面会询问 Harbor");
        view! { {t("“Since then” is what the newest snapshot has, as of", "“此后”以最新快照为准，截至")}" "<When at=browse.now_at brief=true/>{asked} }.into_any()
    };
    let asks = may_ask(&query.harbor, &query.project);
    let rows = browse.tags.into_iter().map(|tag| row(query, tag, asks)).collect_view();
    let whole_item = whole.clone();
    let ask = if asks {
        view! {
            <button type="submit" class=ButtonKind::Primary.class()>{t("Restore what is ticked…", "恢复所选…")}</button>
            <a class="btn" href=super::restore_href(&query.harbor, &query.project, &at, &whole_item)>{lang().pick(format!("Restore all of {whole}…"), format!("恢复整个 {whole}…"))}</a>
        }
        .into_any()
    } else {
        view! { <MayNot text=of_asking()/> }.into_any()
    };
    view! {
        <form method="get" action="/restore/new">
            <input type="hidden" name="h" value=query.harbor.clone()/>
            <input type="hidden" name="p" value=query.project.clone()/>
            <input type="hidden" name="at" value=at.clone()/>
            <DataTable caption=t("Tags", "Tag") cols=vec![
                Col::actions(), Col::text(t("Tag", "Tag")), Col::text(t("Image", "镜像")), Col::text(t("Kind", "类型")), Col::number(t("Size", "大小")), Col::text(t("Since then", "此后")),
            ]>{rows}</DataTable>
            <p class="note padded">{since}</p>
            <div class="panel-foot">
                {ask}
                {next.map(|href| view! { <a class="btn" href=href rel="next">{t("Next page", "下一页")}</a> })}
            </div>
        </form>
    }
    .into_any()
}

fn row(query: &BrowseQuery, tag: TagAt, asks: bool) -> AnyView {
    let history = tag_href(&query.harbor, &query.project, &tag.repository, &tag.tag);
    let image = artifact_href(&query.harbor, &query.project, &tag.repository, &tag.digest);
    let (tone, word) = now_word(tag.now);
    let gap = tag.gap.as_ref().map(gap_note);
    let item = format!("{}:{}", tag.repository, tag.tag);
    let label = lang().pick(format!("Choose {item}"), format!("选择 {item}"));
    view! {
        <tr>
            <Cell>{asks.then(|| view! { <input type="checkbox" name="item" value=item aria-label=label/> })}</Cell>
            <Cell><a class="mono" href=history title=tag.tag.clone()>{short_tag(&tag.tag)}</a></Cell>
            <Cell label=t("Image", "镜像")><a class="mono short" href=image>{short_digest(&tag.digest)}</a></Cell>
            <Cell label=t("Kind", "类型")>{tag.kind}{(tag.accessories > 0).then(|| view! { <span class="note block">{lang().pick(format!("{} accessories", tag.accessories), format!("{} 个附件", tag.accessories))}</span> })}</Cell>
            <Cell label=t("Size", "大小") number=true>{bytes(tag.size_bytes)}</Cell>
            <Cell label=t("Since then", "此后")><Status tone=tone text=word/>{gap}</Cell>
        </tr>
    }
    .into_any()
}
