//! Everything one tag pointed to, and whether it can come back.

use leptos::prelude::*;

use super::calls::get_tag_history;
use super::found::Presence;
use super::gap_words::gap_callout;
use super::now_pages::{NOW, look_now};
use super::ribbon::{across, percent};
use super::search_page::InHarborNow;
use super::types::{TagHistory, TagSpan};
use super::{artifact_href, project_href, restore_href, tag_href};
use crate::sentence::Sentence as _;
use crate::text::{lang, t};
use crate::ui::*;
use crate::units::{Moment, bytes, count, short_digest};

/// The page.
#[component]
pub fn TagPage() -> impl IntoView {
    let names = ["h", "p", "repo", "tag"];
    let [h, p, repo, tag] = names.map(|name| use_query(name).unwrap_or_default());
    view! { <Load data=get_tag_history(h, p, repo, tag, false) topics=&[Topic::Snapshots] view=page/> }
}

fn page(history: TagHistory) -> AnyView {
    let name = format!("{}:{}", history.repository, history.tag);
    let here = history.live.clone();
    let status = history.in_harbor.clone().map_or_else(
        || view! { <Status tone=Tone::Idle text=t("Harbor could not be read", "无法读取 Harbor")/> }.into_any(),
        |there| view! { <InHarborNow there=there/> }.into_any(),
    );
    let gap = history.gap.as_ref().map(|gap| gap_callout(gap, &history.harbor, &history.project));
    let title = match history.spans.len() {
        0 => lang().pick(format!("{name} was never captured."), format!("{name} 从未被捕获。")),
        1 => lang().pick(format!("{name} pointed to one image."), format!("{name} 曾指向 1 个镜像。")),
        n => lang().pick(format!("{name} pointed to {n} images."), format!("{name} 曾指向 {n} 个镜像。")),
    };
    let crumbs = vec![
        (t("Projects", "项目").to_owned(), "/projects".to_owned()),
        (format!("{}/{}", history.harbor, history.project), project_href(&history.harbor, &history.project)),
        (
            history.repository.clone(),
            format!("{}/browse?repo={}", project_href(&history.harbor, &history.project), url_part(&history.repository)),
        ),
    ];
    let now = tag_href(&history.harbor, &history.project, &history.repository, &history.tag).replacen("/tags?", "/tags/now?", 1);
    let edges = history.known_from.zip(history.known_to);
    let gantt = (!history.spans.is_empty()).then(|| edges.map(|(from, to)| view! { <Gantt spans=history.spans.clone() from=from to=to/> }));
    let asks = may_ask(&history.harbor, &history.project);
    let rows = history.spans.iter().map(|span| row(&history, span, asks)).collect_view();
    let empty = history.spans.is_empty();
    view! {
        <PageHead title=title crumbs=crumbs here=history.tag.clone()>
            {status}
            {here.map(|d| view! { <Digest value=d/> })}
            {edges.map(|(from, to)| view! { <SubItem label=t("known from", "已知范围")>{format!("{} – {}", bare(from), minute(to))}</SubItem> })}
        </PageHead>
        <Later region=NOW href=now text=look_now()/>
        {gap}
        {if empty {
            view! { <Empty kind=EmptyKind::NothingYet title=t("No snapshot holds this tag.", "没有快照包含该 Tag。") text=t("Either no plan had it, or it lived and died between two snapshots: then it was never protected.", "可能没有备份计划包含它，或它仅存在于两次快照之间，因此没有备份副本。")/> }.into_any()
        } else {
            view! {
                {gantt}
                <section class="panel">
                    <DataTable caption=t("Images this tag pointed to", "该 Tag 指向过的镜像") cols=vec![
                        Col::text(t("Image", "镜像")), Col::text(t("From", "自")), Col::text(t("To", "至")), Col::text(t("Kind", "类型")), Col::number(t("Size", "大小")),
                        Col::number(t("Snapshots", "快照")), Col::text(t("Restorable", "可恢复")), Col::actions(),
                    ]>{rows}</DataTable>
                    {(!asks).then(|| view! { <MayNot text=of_asking()/> })}
                </section>
            }.into_any()
        }}
        <CliTwin command=shell_line(&["breakwater", "tag", "history", &history.harbor, &name])/>
    }
    .into_any()
}

fn row(history: &TagHistory, span: &TagSpan, asks: bool) -> AnyView {
    let item = format!("{}:{}", history.repository, history.tag);
    let href = restore_href(&history.harbor, &history.project, &span.restore_at.url(), &item);
    let in_harbor = history.live.as_ref() == Some(&span.digest);
    let image = artifact_href(&history.harbor, &history.project, &history.repository, &span.digest);
    let until = still(history);
    let span = span.clone();
    let restorable = asks && span.not_restorable.is_none() && !in_harbor;
    let kind = if span.platforms.is_empty() { span.kind.clone() } else { format!("{} · {}", span.kind, span.platforms.join(", ")) };
    view! {
        <tr>
            <Cell>
                <a class="mono" href=image>{short_digest(&span.digest)}</a>
                {(span.accessories > 0).then(|| view! { <span class="note block">{lang().pick(format!("{} accessories", span.accessories), format!("{} 个附件", span.accessories))}</span> })}
            </Cell>
            <Cell label=t("From", "自")><Exact at=span.from/></Cell>
            <Cell label=t("To", "至")>{span.to.map_or_else(|| until, |to| view! { <Exact at=to/> }.into_any())}{span.ended.clone().map(|e| view! { <span class="note block">{e.say(lang())}</span> })}</Cell>
            <Cell label=t("Kind", "类型")>{kind}</Cell>
            <Cell label=t("Size", "大小") number=true>{bytes(span.size_bytes)}</Cell>
            <Cell label=t("Snapshots", "快照") number=true>{count(span.snapshots)}</Cell>
            <Cell label=t("Restorable", "可恢复")>
                {match (&span.not_restorable, in_harbor) {
                    (Some(why), _) => view! { <Status tone=Tone::Fail text=t("no", "否")/><span class="note block">{why.say(lang())}</span> }.into_any(),
                    (None, true) => view! { <Status tone=Tone::Ok text=t("in Harbor now", "现在 Harbor 中")/> }.into_any(),
                    (None, false) => view! { <Status tone=Tone::Ok text=t("yes", "是")/> }.into_any(),
                }}
            </Cell>
            <Cell>{restorable.then(|| view! { <LinkButton href=href text=t("Restore this…", "恢复此镜像…") kind=ButtonKind::Small/> })}</Cell>
        </tr>
    }
    .into_any()
}

/// Until when the newest stretch is known to last: what the snapshots say, and beside it what Harbor says now.
fn still(history: &TagHistory) -> AnyView {
    let captured = history.known_to;
    let Some(there) = &history.in_harbor else {
        return view! { {t("as captured", "按捕获")}{captured.map(|at| view! { " "<When at=at brief=true/> })} }.into_any();
    };
    let word = match (there.live, there.state) {
        (true, Presence::Yes) => return t("still, Harbor has it now", "至今，Harbor 现有").into_any(),
        (true, Presence::Moved) => t("in Harbor it points elsewhere now", "Harbor 中现指向其他镜像"),
        (true, Presence::Untagged) => t("in Harbor the image is without this tag now", "Harbor 中镜像现无此 Tag"),
        (true, _) => t("not in Harbor now", "当前不在 Harbor 中"),
        (false, _) => t("Harbor was not asked", "未询问 Harbor"),
    };
    let at = if there.live { captured } else { Some(there.at) };
    view! { {t("at least until", "至少到")}{at.map(|at| view! { " "<Exact at=at/> })}<span class="note block">{word}</span> }.into_any()
}

/// Bars of the drawing; the table below has all.
const BARS_MAX: usize = 12;
/// Height of one line of it, as in the style sheet.
const LINE: usize = 24;

/// Stretches over time, one bar each.
#[component]
fn Gantt(spans: Vec<TagSpan>, from: Moment, to: Moment) -> impl IntoView {
    let drawn = spans.len().min(BARS_MAX);
    let names = spans
        .iter()
        .take(BARS_MAX)
        .map(|span| view! { <span class="mono">{short_digest(&span.digest).replace("sha256:", "")}</span> })
        .collect_view();
    let bars = spans
        .iter()
        .take(BARS_MAX)
        .enumerate()
        .map(|(i, span)| {
            let start = across(span.from, from, to);
            let end = across(span.to.unwrap_or(to), from, to);
            let class = if span.to.is_none() { "span now" } else { "span" };
            let words = format!("{}: {} – {}", short_digest(&span.digest), bare(span.from), span.to.map_or_else(String::new, minute));
            view! {
                <rect class=class x=percent(start) y=(i * LINE + 7).to_string() width=percent((end - start).max(30)) height="10" rx="1"><title>{words}</title></rect>
            }
        })
        .collect_view();
    let said = t("Images over time; the table below says the same", "镜像随时间的变化，详见下表");
    view! {
        <section class="panel">
            <div class="gantt">
                <div class="names-of-bars" aria-hidden="true">{names}</div>
                <svg role="img" aria-label=said height=(drawn * LINE).to_string()>{bars}</svg>
                <p class="edges" aria-hidden="true"><span>{bare(from)}</span><span>{minute(to)}</span></p>
            </div>
        </section>
    }
    .into_any()
}
