//! One job: where it stands, what it says, and what can be done about it.

use leptos::prelude::*;

use super::calls::{CancelJob, RetryJob, get_job, get_job_log};
use super::list_page::progress_words;
use super::state_word;
use super::types::{Job, JobState, LogLine};
use crate::sentence::Sentence as _;
use crate::text::{lang, t};
use crate::ui::clock::span_words;
use crate::ui::*;

/// The page.
#[component]
pub fn JobPage() -> impl IntoView {
    let id = use_id("id");
    view! {
        <Load data=get_job(id) topics=&[Topic::Jobs] view=job_view/>
        <Load data=get_job_log(id) topics=&[Topic::Jobs] region="log" part=true view=log_view/>
        <CliTwin command=format!("breakwater job log {id}")/>
    }
}

fn job_view(job: Job) -> AnyView {
    let (tone, word) = state_word(job.state);
    let moving = matches!(job.state, JobState::Queued | JobState::Running);
    let title = job.title.say(lang());
    let title = match &job.phase {
        Some(phase) if job.state == JobState::Running => format!("{title}: {}", phase.say(lang())),
        _ => title,
    };
    let id = job.id;
    let hidden = move || view! { <Hidden name="job_id" value=id.to_string()/> };
    let (stopping, again) = (job.may.iter().any(|m| m == "cancel"), job.may.iter().any(|m| m == "retry"));
    let unused = (moving && !stopping) || (job.state == JobState::Dead && !again);
    let tries = format!("{} / {}", job.attempt.max(1), job.attempt_max);
    let progress = progress_words(&job);
    let took = job.started.zip(job.finished).map(|(a, b)| span_words(a.seconds_until(b), lang()));
    let tone_of_error = if job.state == JobState::Dead { Tone::Fail } else { Tone::Warn };
    let Job { id: number, trigger, worker, started, items_done, items_total, error, remedy, cancel_requested, link, .. } = job;
    view! {
        {moving.then(|| view! { <noscript><meta http-equiv="refresh" content="10"/></noscript> })}
        <PageHead title=title crumbs=vec![(t("Jobs", "任务").to_owned(), "/jobs".to_owned())] here=format!("#{number}")>
            <Status tone=tone text=word/>
            <SubItem label=t("try", "尝试")>{tries}</SubItem>
            <SubItem label=t("asked by", "发起")>{trigger}</SubItem>
            {worker.map(|w| view! { <SubItem label=t("worker", "执行节点")>{w}</SubItem> })}
            {started.map(|at| view! { <SubItem label=t("started", "开始")><When at=at/></SubItem> })}
            {took.map(|took| view! { <SubItem label=t("took", "耗时")>{took}</SubItem> })}
            {(!moving && !progress.is_empty()).then(|| view! { <SubItem label=t("did", "已完成")>{progress}</SubItem> })}
        </PageHead>
        {moving.then(|| view! { <Progress label=t("Progress", "进度") done=items_done total=items_total/> })}
        {error.map(|error| view! {
            <Callout tone=tone_of_error>
                <p>{error.say(lang())}</p>
                {remedy.map(|r| view! { <p class="note">{r.say(lang())}</p> })}
            </Callout>
        })}
        {cancel_requested.then(|| view! { <Callout tone=Tone::Warn><p>{t("Asked to stop; it stops before its next item. What is done stays.", "已请求停止，将在处理下一项之前停止，已完成的部分保留。")}</p></Callout> })}
        <Bar>
            {link.map(|href| view! { <LinkButton href=href text=t("What it is about", "查看对象")/> })}
            {stopping.then(|| view! { <PostForm call=CancelJob::PATH id="cancel" class="inline">{hidden()}<SubmitButton text=t("Stop this job", "停止任务") kind=ButtonKind::Danger/></PostForm> })}
            {again.then(|| view! { <PostForm call=RetryJob::PATH id="retry" class="inline">{hidden()}<SubmitButton text=t("Queue it again", "重新排队") kind=ButtonKind::Primary/></PostForm> })}
        </Bar>
        {unused.then(|| view! { <MayNot text=t("Operators stop and repeat jobs; a restore is stopped on the page of its request.", "任务由系统管理员停止或重试；恢复任务请在其申请页面停止。")/> })}
    }
    .into_any()
}

fn log_view(lines: Vec<LogLine>) -> AnyView {
    if lines.is_empty() {
        return view! { <Panel title=t("Log", "日志")><Empty kind=EmptyKind::NothingYet title=t("No line yet.", "暂无日志。")/></Panel> }
            .into_any();
    }
    let rows = lines
        .into_iter()
        .map(|line| {
            let anchor = format!("L{}", line.seq);
            view! {
                <li id=anchor.clone() class=format!("log-line {}", line.level)>
                    <a class="log-seq" href=format!("#{anchor}")>{line.seq}</a>
                    <time class="log-time" datetime=line.at.url() title=line.at.long()>{long(line.at)}</time>
                    <span class="log-level">{line.level.clone()}</span>
                    <span class="log-text">{line.text.say(lang())}</span>
                </li>
            }
        })
        .collect_view();
    view! {
        <Panel title=t("Log", "日志") note=t("the last 500 lines", "最近 500 行")>
            <ol class="log mono" tabindex="0" aria-label=t("Log", "日志")>{rows}</ol>
        </Panel>
    }
    .into_any()
}
