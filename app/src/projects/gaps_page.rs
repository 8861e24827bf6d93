//! The gaps of a project's newest snapshot, and what its owners accepted of them.

use leptos::prelude::*;

use super::calls::{AcceptGapCall, WithdrawAcceptance, get_gaps};
use super::gap_words::{gap_count, snapshot_word};
use super::gaps::{Acceptance, Gap, ProjectGaps};
use super::project_href;
use super::types::Snapshot;
use crate::sentence::Sentence as _;
use crate::text::{lang, t};
use crate::ui::*;
use crate::units::Moment;

/// Gaps in the table; of more, the open ones come first.
const ROWS_MAX: usize = 200;

/// The page.
#[component]
pub fn GapsPage() -> impl IntoView {
    let (harbor, project) = (use_param("harbor"), use_param("project"));
    let gaps = get_gaps(harbor.clone(), project.clone());
    view! { <Load data=gaps topics=&[Topic::Snapshots] view=move |gaps| page(gaps, (harbor, project))/> }
}

fn page(gaps: ProjectGaps, (harbor, project): (String, String)) -> AnyView {
    let crumbs =
        vec![(t("Projects", "项目").to_owned(), "/projects".to_owned()), (format!("{harbor}/{project}"), project_href(&harbor, &project))];
    let title = match &gaps.at {
        None => lang().pick(format!("{project} was never captured."), format!("{project} 尚未捕获。")),
        Some(s) => match gap_count(s.gaps, s.gaps_accepted, lang()) {
            None => lang().pick(format!("The newest snapshot of {project} has no gap."), format!("{project} 的最新快照没有缺口。")),
            Some(words) => lang().pick(format!("The newest snapshot of {project} is {words}."), format!("{project} 的最新快照{words}。")),
        },
    };
    let state = gaps.at.as_ref().map(snapshot_word);
    let as_of = gaps.at.as_ref().map(|s| s.moment);
    let open = gaps.gaps.iter().filter(|gap| gap.accepted.is_none() && !gap.only_named).count();
    let owner = gaps.may.accept;
    let form = gaps.at.as_ref().filter(|_| owner && open > 0).map(|s| accept_form(s, &gaps.gaps, (&harbor, &project)));
    let standing: Vec<Acceptance> = gaps.gaps.iter().filter_map(|gap| gap.accepted.clone()).collect();
    let end = (owner && !standing.is_empty()).then(|| withdraw_form(&standing, (&harbor, &project)));
    let who = (!owner && !gaps.gaps.is_empty()).then(|| {
        view! { <p class="note padded may-not">{t("An owner of the project may accept a gap, with a reason and an end.", "项目所有者可接受缺口，需填写原因与期限。")}</p> }
    });
    let cli = format!("breakwater gap list {harbor}/{project}");
    view! {
        <PageHead title=title crumbs=crumbs here=t("Gaps", "缺口")>
            {state.map(|(tone, word)| view! { <Status tone=tone text=word/> })}
            {as_of.map(|at| view! { <SubItem label=t("as of", "截至")><When at=at brief=true/></SubItem> })}
        </PageHead>
        {gap_table(&gaps.gaps)}
        {who}
        <div class="pair">{form}{end}</div>
        {history(gaps.acceptances)}
        <CliTwin command=cli/>
    }
    .into_any()
}

/// The gaps of a snapshot as a table.
#[must_use]
pub fn gap_table(gaps: &[Gap]) -> AnyView {
    if gaps.is_empty() {
        return view! { <Empty kind=EmptyKind::NothingYet title=t("No gap: everything that was listed is in the snapshot.", "没有缺口：列出的内容均已捕获。")/> }
            .into_any();
    }
    let note = if gaps.len() > ROWS_MAX {
        lang().pick(format!("the first {ROWS_MAX} of {}", gaps.len()), format!("共 {} 处，显示前 {ROWS_MAX} 处", gaps.len()))
    } else {
        t("what could not be read, and what helps", "未能读取的内容及处理方法").to_owned()
    };
    let rows = gaps.iter().take(ROWS_MAX).cloned().map(row).collect_view();
    view! {
        <Panel title=t("Gaps of this snapshot", "该快照的缺口") note=note>
            <DataTable caption=t("Gaps", "缺口") cols=vec![
                Col::text(t("About", "对象")), Col::text(t("Kind", "类型")), Col::text(t("Cause", "原因")), Col::text(t("What helps", "处理方法")), Col::text(t("State", "状态")),
            ]>{rows}</DataTable>
        </Panel>
    }
    .into_any()
}

fn row(gap: Gap) -> impl IntoView {
    let consequence = gap.consequence.map(|means| view! { <span class="note block">{means.say(lang())}</span> });
    let state = match (&gap.accepted, gap.only_named) {
        (_, true) => view! { <Status tone=Tone::Ok text=t("kept elsewhere", "保存在他处")/> }.into_any(),
        (None, _) => view! { <Status tone=Tone::Warn text=t("open", "未处理")/> }.into_any(),
        (Some(a), _) => {
            let words =
                lang().pick(format!("accepted by {} until {}", a.by, minute(a.until)), format!("由 {} 接受，至 {}", a.by, minute(a.until)));
            view! { <Status tone=Tone::Ok text=words/><span class="note block">{a.reason.clone()}</span> }.into_any()
        }
    };
    view! {
        <tr>
            <Cell><code class="mono">{gap.subject}</code>{gap.digest.map(pointed_to)}</Cell>
            <Cell label=t("Kind", "类型")><code class="mono">{gap.kind}</code></Cell>
            <Cell label=t("Cause", "原因")>{gap.cause.say(lang())}{consequence}</Cell>
            <Cell label=t("What helps", "处理方法")>{gap.remedy.map(|helps| helps.say(lang()))}</Cell>
            <Cell label=t("State", "状态")>{state}</Cell>
        </tr>
    }
}

fn accept_form(at: &Snapshot, gaps: &[Gap], (harbor, project): (&str, &str)) -> AnyView {
    let open: Vec<&Gap> = gaps.iter().filter(|gap| gap.accepted.is_none() && !gap.only_named).collect();
    let all = lang().pick(format!("all {} open gaps", open.len()), format!("全部 {} 处未处理的缺口", open.len()));
    let mut options: Vec<(String, String)> =
        open.iter().take(ROWS_MAX).map(|gap| (gap.id.clone(), format!("{} ({})", gap.subject, gap.kind))).collect();
    if open.len() > 1 {
        options.push(("open".to_owned(), all));
    }
    let first = options.first().map(|(id, _)| id.clone()).unwrap_or_default();
    let (snapshot, harbor, project) = (at.id.to_string(), harbor.to_owned(), project.to_owned());
    view! {
        <Panel title=t("Accept a gap", "接受缺口") note=t("a snapshot whose gaps are all accepted counts as good", "缺口均被接受的快照视为完好") padded=true>
            <PostForm call=AcceptGapCall::PATH id="accept">
                <Hidden name="harbor" value=harbor/>
                <Hidden name="project" value=project/>
                <Hidden name="snapshot_id" value=snapshot/>
                <Select name="gap" label=t("Which", "缺口") value=first options=options/>
                <Field name="reason" label=t("Why it may stay", "为何可以保留")/>
                <Field name="until" kind="date" label=t("Until (end of that day, UTC)", "截至（当日结束，UTC）") hint=t("At most a year. The same cause, kind and subject is meant, and the same image under a tag: whatever differs is another gap.", "最长一年。仅指相同原因、类型与对象，以及标签所指的同一镜像；任何不同即为另一缺口。")/>
                <SubmitButton text=t("Accept it", "接受")/>
            </PostForm>
        </Panel>
    }
    .into_any()
}

fn withdraw_form(standing: &[Acceptance], (harbor, project): (&str, &str)) -> AnyView {
    let options: Vec<(String, String)> =
        standing.iter().take(ROWS_MAX).map(|a| (a.id.to_string(), format!("{} ({})", a.subject, a.kind))).collect();
    let first = options.first().map(|(id, _)| id.clone()).unwrap_or_default();
    let (harbor, project) = (harbor.to_owned(), project.to_owned());
    view! {
        <Panel title=t("Withdraw an acceptance", "撤回接受") padded=true>
            <PostForm call=WithdrawAcceptance::PATH id="withdraw">
                <Hidden name="harbor" value=harbor/>
                <Hidden name="project" value=project/>
                <Select name="acceptance" label=t("Which", "缺口") value=first options=options/>
                <Field name="reason" label=t("Why", "原因")/>
                <SubmitButton text=t("Withdraw it", "撤回")/>
            </PostForm>
        </Panel>
    }
    .into_any()
}

fn history(acceptances: Vec<Acceptance>) -> Option<AnyView> {
    if acceptances.is_empty() {
        return None;
    }
    let rows = acceptances
        .into_iter()
        .map(|a| {
            let end = match &a.withdrawn {
                Some(w) => {
                    let words = lang().pick(format!("withdrawn by {}", w.by), format!("由 {} 撤回", w.by));
                    view! { {words}" "<When at=w.at brief=true/><span class="note block">{w.reason.clone()}</span> }.into_any()
                }
                None => view! { <Ends at=a.until/> }.into_any(),
            };
            view! {
                <tr>
                    <Cell><code class="mono">{a.subject}</code>{a.digest.map(pointed_to)}<span class="note block">{a.kind}</span></Cell>
                    <Cell label=t("Reason", "原因")>{a.reason}</Cell>
                    <Cell label=t("By", "操作人")>{a.by}" "<When at=a.at brief=true/></Cell>
                    <Cell label=t("End", "结束")>{end}</Cell>
                </tr>
            }
        })
        .collect_view();
    let cols =
        vec![Col::text(t("About", "对象")), Col::text(t("Reason", "原因")), Col::text(t("By", "操作人")), Col::text(t("End", "结束"))];
    let title = t("What was accepted", "接受记录");
    Some(view! { <Panel title=title><DataTable caption=title cols=cols>{rows}</DataTable></Panel> }.into_any())
}

/// Which image a tag points to.
fn pointed_to(digest: String) -> impl IntoView {
    view! { <span class="note block"><Digest value=digest/></span> }
}

/// The end of something, which may be over.
#[component]
pub fn Ends(at: Moment) -> impl IntoView {
    if use_now().is_some_and(|now| now >= at) {
        return view! { {t("ended", "已结束")}" "{minute(at)} }.into_any();
    }
    view! { <span data-turns=at.url()>{t("until", "至")}" "{minute(at)}</span> }.into_any()
}
