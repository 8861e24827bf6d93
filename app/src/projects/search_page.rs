//! Search over all time: what is lost comes first.

use leptos::prelude::*;

use super::calls::search_all;
use super::types::SearchHit;
use super::{now_word, tag_href};
use crate::text::{lang, t};
use crate::ui::*;
use crate::units::short_digest;

/// The page.
#[component]
pub fn SearchPage() -> impl IntoView {
    let q = use_query("q");
    let hits = fetch(Topic::Snapshots, move || q.get().unwrap_or_default(), search_all);
    view! { <Load data=hits view={move |hits: Vec<SearchHit>| page(hits, q.get_untracked().unwrap_or_default())}/> }
}

fn page(hits: Vec<SearchHit>, q: String) -> AnyView {
    let title = match (q.trim().chars().count(), hits.len()) {
        (0 | 1, _) => t("Find a tag, a repository or a digest over all time.", "在全部时间范围内查找 Tag、仓库或摘要。").to_owned(),
        (_, 0) => lang().pick(format!("Nothing captured matches “{q}”."), format!("没有捕获内容匹配“{q}”。")),
        (_, 1) => lang().pick(format!("One tag matches “{q}”."), format!("1 个 Tag 匹配“{q}”。")),
        (_, n) => lang().pick(format!("{n} tags match “{q}”; what is gone comes first."), format!("{n} 个 Tag 匹配“{q}”，已删除的在前。")),
    };
    let (empty, asked) = (hits.is_empty(), q.trim().chars().count() > 1);
    let rows = hits
        .into_iter()
        .map(|hit| {
            let (tone, word) = now_word(hit.now);
            let href = tag_href(&hit.harbor, &hit.project, &hit.repository, &hit.tag);
            let name = format!("{}:{}", hit.repository, hit.tag);
            view! {
                <tr>
                    <Cell><a class="mono" href=href>{name}</a></Cell>
                    <Cell label=t("Harbor", "Harbor")>{hit.harbor}</Cell>
                    <Cell label=t("Image", "镜像")><code class="mono short">{short_digest(&hit.digest)}</code></Cell>
                    <Cell label=t("Last seen", "最后出现")><When at=hit.last_seen brief=true/></Cell>
                    <Cell label=t("In the newest snapshot", "最新快照中")><Status tone=tone text=word/></Cell>
                </tr>
            }
        })
        .collect_view();
    view! {
        <PageHead title=title here=t("Search", "搜索")/>
        <GetForm action="/search">
            <label class="filter wide"><span>{t("Part of a name, or sha256: and first digits", "名称的一部分，或 sha256: 加前几位")}</span><input type="search" name="q" value=q spellcheck="false"/></label>
            <SubmitButton text=t("Search", "搜索") kind=ButtonKind::Primary/>
        </GetForm>
        {(empty && asked).then(|| view! {
            <Empty kind=EmptyKind::NoMatch title=t("No snapshot you may see holds this.", "您可查看的快照中没有匹配内容。")
                text=t("Try a part of the name. An image that lived and died between two snapshots was never captured; a project without a plan has none.", "请尝试名称的一部分。仅存在于两次快照之间的镜像没有备份；未纳入备份计划的项目也没有。")>
                <LinkButton href="/projects" text=t("Projects", "项目")/>
            </Empty>
        })}
        {(!empty).then(|| view! {
            <section class="panel">
                <DataTable caption=t("Hits", "结果") cols=vec![Col::text(t("Tag", "Tag")), Col::text("Harbor"), Col::text(t("Image", "镜像")), Col::text(t("Last seen", "最后出现")), Col::text(t("In the newest snapshot", "最新快照中"))]>{rows}</DataTable>
            </section>
        })}
    }
    .into_any()
}
