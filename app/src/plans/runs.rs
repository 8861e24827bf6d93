//! The runs of a plan.

use leptos::prelude::*;

use super::types::Run;
use super::words::{run_status, trigger_words};
use crate::sentence::Sentence as _;
use crate::text::{lang, t};
use crate::ui::clock::span_words;
use crate::ui::*;
use crate::units::{Page, bytes, count};

/// The table of runs.
#[must_use]
pub fn runs_panel(plan_id: i64, runs: Page<Run>, paged: bool) -> AnyView {
    if runs.items.is_empty() {
        return view! { <Panel title=t("Runs", "运行记录")><p class="note">{t("It has not run yet.", "尚未运行。")}</p></Panel> }
            .into_any();
    }
    let cols = vec![
        Col::text(t("Run", "运行")),
        Col::text(t("Result", "结果")),
        Col::text(t("Started", "开始")),
        Col::number(t("Took", "耗时")),
        Col::number(t("Projects", "项目")),
        Col::number(t("New bytes", "新增")),
        Col::number(t("Requests", "请求")),
        Col::text(t("By", "触发")),
    ];
    let rows = runs.items.into_iter().map(row).collect_view();
    view! {
        <Panel title=t("Runs", "运行记录")>
            <DataTable caption=t("Runs", "运行记录") cols=cols>{rows}</DataTable>
            <Pager base=format!("/plans/{plan_id}") next=runs.next paged=paged/>
        </Panel>
    }
    .into_any()
}

fn row(run: Run) -> AnyView {
    let (tone, word) = run_status(&run.state);
    let word = if run.gaps > 0 { format!("{word} ({})", count(run.gaps)) } else { word };
    let took = run.started.zip(run.finished).map(|(from, to)| span_words(from.seconds_until(to), lang()));
    let unchanged = (run.projects_unchanged > 0).then(|| {
        let text = format!("{} {}", count(run.projects_unchanged), t("unchanged", "未变更"));
        view! { <span class="note">" "{text}</span> }
    });
    let hint = run.hint.map(|hint| view! { <span class="note block">{hint.say(lang())}</span> });
    let versions =
        (!run.harbor_versions.is_empty()).then(|| view! { <span class="note block">"Harbor "{run.harbor_versions.join(" → ")}</span> });
    view! {
        <tr>
            <Cell><a href=format!("/jobs/{}", run.job_id)>{format!("#{}", run.id)}</a></Cell>
            <Cell label=t("Result", "结果")><Status tone=tone text=word/>{run.error.map(|why| view! { <span class="note">" "{why.say(lang())}</span> })}{hint}{versions}</Cell>
            <Cell label=t("Started", "开始")>{run.started.map(|at| view! { <When at=at brief=true/> })}</Cell>
            <Cell label=t("Took", "耗时") number=true>{took}</Cell>
            <Cell label=t("Projects", "项目") number=true>{format!("{} / {}", count(run.projects_done), count(run.projects))}{unchanged}</Cell>
            <Cell label=t("New bytes", "新增") number=true>{bytes(run.bytes_new)}</Cell>
            <Cell label=t("Requests", "请求") number=true>{count(run.requests)}</Cell>
            <Cell label=t("By", "触发")>{trigger_words(&run.trigger)}</Cell>
        </tr>
    }
    .into_any()
}
