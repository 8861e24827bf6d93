//! A project through time.

use leptos::prelude::*;

use super::calls::get_timeline;
use super::gap_words::{project_word, snapshot_word};
use super::gaps_page::gap_table;
use super::hold_parts::holds_panel;
use super::now_pages::{NOW, look_now};
use super::ribbon::Ribbon;
use super::timeline_parts::{MomentActions, SnapshotTable};
use super::types::{Limit, Timeline};
use super::{changes_href, gaps_href, project_href, protection_word, settings_href};
use crate::accounts::types::Duty;
use crate::plans::left::Left;
use crate::plans::left_page::left_words;
use crate::sentence::Sentence as _;
use crate::text::{lang, t};
use crate::ui::*;
use crate::units::{Moment, bytes, count};

/// The page.
#[component]
pub fn TimelinePage() -> impl IntoView {
    let (harbor, project, at, zoom) = (use_param("harbor"), use_param("project"), use_query("at"), use_query("zoom"));
    let timeline = get_timeline(harbor, project, at, zoom.clone());
    let content = move |timeline: Timeline| {
        let base = project_href(&timeline.project.harbor, &timeline.project.project);
        let now = timeline.at.as_ref().map(|s| format!("{base}/now?at={}", url_part(&s.moment.url())));
        view! {
            {head(&timeline, zoom)}
            {now.map(|href| view! { <Later region=NOW href=href text=look_now()/> })}
            {rest(timeline)}
        }
    };
    view! { <Load data=timeline topics=&[Topic::Snapshots] view=content/> }
}

fn zooms(base: &str, timeline: &Timeline, zoom: Option<&str>) -> AnyView {
    let at = timeline.at.as_ref().map(|s| format!("&at={}", url_part(&s.moment.url()))).unwrap_or_default();
    // Without a wish the server shows all of a short history, the last month of a long one.
    let month = timeline.from.seconds_until(timeline.to) == 31 * 86_400;
    let now = zoom.unwrap_or(if month { "month" } else { "all" });
    [
        ("all", t("all", "全部")),
        ("year", t("year", "年")),
        ("quarter", t("quarter", "季")),
        ("month", t("month", "月")),
        ("day", t("day", "日")),
        ("hour", t("hour", "时")),
    ]
    .into_iter()
    .map(|(name, text)| {
        let current = (name == now).then_some("true");
        view! { <a href=format!("{base}?zoom={name}{at}") aria-current=current>{text}</a> }
    })
    .collect_view()
    .into_any()
}

/// A date and a time by the reader's clocks. A plain form: the server makes the one address of that moment out of it.
fn go_to(base: String, at: Moment, zoom: Option<String>) -> AnyView {
    let zone = &page_zone().zone;
    let clocks = if zone.name == "UTC" { zone.name.clone() } else { format!("{}, {}", zone.name, zone.distance(at)) };
    let label = lang().pick(format!("Go to ({clocks})"), format!("跳转至（{clocks}）"));
    view! {
        <form method="get" action=base class="filters goto">
            <label class="filter"><span>{label}</span><input type="datetime-local" step="1" name="at" value=zone.field(at)/></label>
            <input type="hidden" name="zone" value=zone.name.clone()/>
            {zoom.map(|zoom| view! { <input type="hidden" name="zoom" value=zoom/> })}
            <button type="submit" class="btn">{t("Go", "跳转")}</button>
        </form>
    }
    .into_any()
}

fn never_captured(timeline: &Timeline, crumbs: Vec<(String, String)>) -> AnyView {
    let p = &timeline.project;
    let (tone, word) = protection_word(p.protection);
    let next = timeline.next_run.map_or_else(
        || t("No plan has it yet: an operator adds it to one.", "尚无备份计划包含该项目，请由系统管理员加入。").to_owned(),
        |at| lang().pick(format!("The first snapshot runs at {}.", long(at)), format!("首个快照将于 {} 运行。", long(at))),
    );
    let plan = (timeline.next_run.is_none() && has_duty(Duty::Operator))
        .then(|| format!("/plans/new?harbor={}&form[include]={}", url_part(&p.harbor), url_part(&p.project)));
    let title = lang().pick(format!("{} was never captured.", p.project), format!("{} 尚未捕获。", p.project));
    view! {
        <PageHead title=title crumbs=crumbs here=p.project.clone()><Status tone=tone text=word/></PageHead>
        <Empty kind=EmptyKind::NothingYet title=t("No snapshot yet.", "暂无快照。") text=next>
            {plan.map(|href| view! { <LinkButton href=href text=t("Make a plan for it", "为其创建备份计划") kind=ButtonKind::Primary/> })}
        </Empty>
    }
    .into_any()
}

fn head(timeline: &Timeline, zoom: Option<String>) -> AnyView {
    let p = &timeline.project;
    let base = project_href(&p.harbor, &p.project);
    let (tone, word) = project_word(p);
    let crumbs = vec![
        (t("Projects", "项目").to_owned(), "/projects".to_owned()),
        (p.harbor.clone(), format!("/projects?harbor={}", url_part(&p.harbor))),
    ];
    let Some(s) = timeline.at.clone() else {
        return never_captured(timeline, crumbs);
    };
    let title = lang().pick(format!("{} as of {}", p.project, long(s.moment)), format!("{} 在 {} 的状态", p.project, long(s.moment)));
    let keep = zoom.as_ref().map(|z| format!("&zoom={z}")).unwrap_or_default();
    let step = |to: Option<Moment>| to.map(|m| format!("{base}?at={}{keep}", url_part(&m.url())));
    let (before, after) = (step(timeline.before), step(timeline.after));
    let (gaps, limits) = (timeline.gaps.clone(), timeline.limits.clone());
    let listed = timeline.listed.map(|at| view! { <SubItem label=t("Labels as of", "标签截至")>{long(at)}</SubItem> });
    let confirmed = s.confirmed().map(|at| view! { <SubItem label=t("Confirmed until", "确认至")><Exact at=at/></SubItem> });
    let (drawn, here) = (timeline.clone(), p.project.clone());
    let repositories = lang().pick(format!("{} repositories", count(p.repositories)), format!("{} 个仓库", count(p.repositories)));
    let size = bytes(p.bytes);
    let tags = lang().pick(format!("{} tags", count(s.tags)), format!("{} 个 Tag", count(s.tags)));
    let (digest, moment, imported) = (s.digest.clone(), s.moment, s.imported);
    let (state, complete) = snapshot_word(&s);
    let all_gaps = gaps_href(&p.harbor, &p.project);
    let newest = base.clone();
    let changes = timeline.before.map(|from| changes_href(&p.harbor, &p.project, &from.url(), &moment.url()));
    let settings = settings_href(&p.harbor, &p.project, Some(&moment.url()));
    view! {
        <PageHead title=title crumbs=crumbs here=here>
            <SubItem>{repositories}</SubItem>
            <SubItem>{tags}</SubItem>
            <SubItem>{size}</SubItem>
            <Status tone=state text=complete/>
            <Status tone=tone text=word/>
            {imported.then(|| view! { <Status tone=Tone::Held text=t("imported from files", "从文件导入")/> })}
            <Digest value=digest/>
            {confirmed}
            {changes.map(|href| view! { <SubItem><a href=href>{t("Changes since the one before", "与前一快照的差异")}</a></SubItem> })}
            <SubItem><a href=settings>{t("Settings at this moment", "该时间点的设置")}</a></SubItem>
            {listed}
            {(!s.copies.is_empty()).then(|| view! { <SubItem label=t("Copies", "副本")>{s.copies.join(", ")}</SubItem> })}
        </PageHead>
        <section class="panel timeline">
            <header>
                <h2>{t("Timeline", "时间线")}</h2>
                <nav class="zoom" aria-label=t("Width of the window", "时段宽度")>{zooms(&base, timeline, zoom.as_deref())}</nav>
                <div class="steps-nav">
                    {before.map(|href| view! { <a class="btn small" id="snapshot-before" data-key="[" href=href rel="prev"><kbd>"["</kbd>" "{t("before", "前一个")}</a> })}
                    {after.map(|href| view! { <a class="btn small" id="snapshot-after" data-key="]" href=href rel="next">{t("after", "后一个")}" "<kbd>"]"</kbd></a> })}
                    <a class="btn small" href=newest>{t("newest", "最新")}</a>
                </div>
            </header>
            <div class="panel-body"><Ribbon timeline=drawn/></div>
            {go_to(base, moment, zoom)}
        </section>
        {(!gaps.is_empty()).then(|| view! {
            {gap_table(&gaps)}
            <p class="note padded"><a href=all_gaps>{t("Gaps of the newest snapshot, and what was accepted", "最新快照的缺口及接受记录")}</a></p>
        })}
        {(!limits.is_empty()).then(|| limits_panel(limits))}
    }
    .into_any()
}

/// Where the registry may hold more than anybody can list.
fn limits_panel(limits: Vec<Limit>) -> AnyView {
    let note = t("where nobody can tell from outside whether everything was seen", "外部无法判断是否已看到全部内容之处");
    let rows = limits
        .into_iter()
        .map(|l| view! { <tr><Cell><code class="mono">{l.subject}</code></Cell><Cell label=t("What is known", "已知情况")>{l.text.say(lang())}</Cell></tr> })
        .collect_view();
    view! {
        <Panel title=t("Limits of this snapshot", "该快照的局限") note=note>
            <DataTable caption=t("Limits", "局限") cols=vec![Col::text(t("Where", "位置")), Col::text(t("What is known", "已知情况"))]>{rows}</DataTable>
        </Panel>
    }
    .into_any()
}

fn rest(timeline: Timeline) -> AnyView {
    let p = timeline.project.clone();
    let events = timeline.events.clone();
    let cli = format!("breakwater snapshot list {}/{}", p.harbor, p.project);
    let held = holds_panel(&p.harbor, &p.project, timeline.holds.clone());
    let left = (!timeline.left.is_empty()).then(|| {
        let rows = timeline.left.clone().into_iter().map(left_row).collect_view();
        view! { <Panel title=t("Snapshots of deleted plans", "已删除计划的快照")>{rows}</Panel> }
    });
    view! {
        {(!timeline.snapshots.is_empty()).then(|| view! {
            <SnapshotTable harbor=p.harbor.clone() project=p.project.clone() snapshots=timeline.snapshots.clone() thinned=timeline.thinned/>
        })}
        {(!events.is_empty()).then(|| view! {
            <Panel title=t("Events of this window", "该时段的事件")>
                {events.into_iter().rev().map(|e| view! {
                    <Row><Exact at=e.at/>" "{e.link.map_or_else(|| e.text.say(lang()).into_any(), |href| view! { <a href=href>{e.text.say(lang())}</a> }.into_any())}</Row>
                }).collect_view()}
            </Panel>
        })}
        {left}
        <MomentActions timeline=timeline/>
        {held}
        <CliTwin command=cli/>
    }
    .into_any()
}

/// A deleted plan that made snapshots of this project.
fn left_row(left: Left) -> impl IntoView {
    let words = left_words(&left);
    let number = lang().pick(
        format!("{}: {} snapshots here, ", left.plan, count(left.snapshots)),
        format!("{}：此项目 {} 个快照，", left.plan, count(left.snapshots)),
    );
    let said = number + &words;
    view! { <Row>{said}</Row> }
}
