//! All jobs, newest first.

use leptos::prelude::*;

use super::calls::list_jobs;
use super::state_word;
use super::types::{Job, JobFilter};
use crate::sentence::Sentence as _;
use crate::text::{lang, t};
use crate::ui::clock::span_words;
use crate::ui::*;
use crate::units::{Page, bytes};

/// The list with its filters.
#[component]
pub fn JobsPage() -> impl IntoView {
    let [kind, state, after] = ["kind", "state", "after"].map(use_query);
    let paged = after.is_some();
    let filter = JobFilter { kind: kind.clone(), state: state.clone(), after };
    view! { <Load data=list_jobs(filter) topics=&[Topic::Jobs] view=move |page| list(page, kind, state, paged)/> }
}

fn list(page: Page<Job>, kind: Option<String>, state: Option<String>, paged: bool) -> AnyView {
    let running = page.items.iter().filter(|j| j.state == super::types::JobState::Running).count();
    let failed = page.items.iter().filter(|j| j.state == super::types::JobState::Dead).count();
    let title = match (running, failed) {
        (0, 0) => t("Nothing runs now, and nothing on this page failed.", "当前没有运行中的任务，本页没有失败的任务。").to_owned(),
        (1, 0) => t("One job runs now; nothing on this page failed.", "1 个任务运行中，本页没有失败的任务。").to_owned(),
        (0, f) => lang().pick(format!("Nothing runs now; {f} on this page failed."), format!("当前没有运行中的任务，本页有 {f} 个失败。")),
        (r, 0) => lang().pick(format!("{r} jobs run now; nothing on this page failed."), format!("{r} 个任务运行中，本页没有失败的任务。")),
        (r, f) => lang().pick(format!("{r} jobs run now; {f} on this page failed."), format!("{r} 个任务运行中，本页有 {f} 个失败。")),
    };
    let filtered = kind.is_some() || state.is_some();
    let base = {
        let pairs = [("kind", &kind), ("state", &state)];
        let query: Vec<String> = pairs.iter().filter_map(|(k, v)| v.as_ref().map(|v| format!("{k}={}", url_part(v)))).collect();
        if query.is_empty() { "/jobs".to_owned() } else { format!("/jobs?{}", query.join("&")) }
    };
    let empty = page.items.is_empty();
    let rows = page.items.into_iter().map(row).collect_view();
    view! {
        <PageHead title=title here=t("Jobs", "任务")/>
        <GetForm action="/jobs">
            {choice("kind", t("Kind", "类型"), kind, &[("backup", t("backup", "备份")), ("restore", t("restore", "恢复")), ("verify", t("verification", "校验")), ("inventory", t("listing", "清点"))])}
            {choice("state", t("State", "状态"), state, &[("running", t("running", "运行中")), ("queued", t("queued", "排队中")), ("done", t("done", "已完成")), ("dead", t("failed", "失败")), ("cancelled", t("stopped", "已停止"))])}
            <SubmitButton text=t("Show", "筛选")/>
        </GetForm>
        {if empty && filtered {
            view! { <Empty kind=EmptyKind::NoMatch title=t("No job matches.", "没有匹配的任务。")><LinkButton href="/jobs" text=t("All jobs", "全部任务")/></Empty> }.into_any()
        } else if empty {
            view! { <Empty kind=EmptyKind::NothingYet title=t("No job yet.", "暂无任务。") text=t("Jobs appear here when a plan runs or a restore is approved.", "备份计划运行或恢复获批后，任务会显示在此。")/> }.into_any()
        } else {
            view! {
                <section class="panel">
                    <DataTable caption=t("Jobs", "任务") cols=vec![
                        Col::text(t("Job", "任务")), Col::text(t("State", "状态")), Col::text(t("Progress", "进度")), Col::text(t("Started", "开始")),
                        Col::number(t("Took", "耗时")), Col::text(t("Asked by", "发起")),
                    ]>{rows}</DataTable>
                </section>
                <Pager base=base next=page.next paged=paged/>
            }
            .into_any()
        }}
    }
    .into_any()
}

/// A filter's list of values; the empty one shows all.
pub fn choice(name: &'static str, label: &'static str, chosen: Option<String>, options: &[(&'static str, &'static str)]) -> AnyView {
    let chosen = chosen.unwrap_or_default();
    let options =
        options.iter().map(|(value, text)| view! { <option value=*value selected=*value == chosen>{*text}</option> }).collect_view();
    view! {
        <label class="filter">
            <span>{label}</span>
            <select name=name><option value="">{t("all", "全部")}</option>{options}</select>
        </label>
    }
    .into_any()
}

fn row(job: Job) -> impl IntoView {
    let (tone, word) = state_word(job.state);
    let took = job.started.zip(job.finished).map(|(from, to)| span_words(from.seconds_until(to), lang()));
    let progress = progress_words(&job);
    let Job { id, title, error, started, trigger, .. } = job;
    view! {
        <tr>
            <Cell><a href=format!("/jobs/{id}")>{title.say(lang())}</a>{error.map(|e| view! { <span class="note block">{e.say(lang())}</span> })}</Cell>
            <Cell label=t("State", "状态")><Status tone=tone text=word/></Cell>
            <Cell label=t("Progress", "进度")>{progress}</Cell>
            <Cell label=t("Started", "开始")>{started.map(|at| view! { <When at=at brief=true/> })}</Cell>
            <Cell label=t("Took", "耗时") number=true>{took}</Cell>
            <Cell label=t("Asked by", "发起")>{trigger}</Cell>
        </tr>
    }
}

/// Items and bytes done, in words.
pub fn progress_words(job: &Job) -> String {
    let mut text = String::new();
    if job.items_total > 0 || job.items_done > 0 {
        text = if job.items_total > 0 { format!("{} / {}", job.items_done, job.items_total) } else { job.items_done.to_string() };
    }
    if job.bytes_done > 0 {
        if !text.is_empty() {
            text.push_str(" · ");
        }
        text.push_str(&bytes(job.bytes_done));
    }
    text
}
