//! One request: what it does, why, who decided, what came of it, and whose move it is.

use leptos::prelude::*;

use super::calls::request_page;
use super::change_table::{ChangePanel, asked_changes};
use super::effect_table::EffectSummary;
use super::lines::{LinesPanel, asked_lines};
use super::request_parts::{Actions, Decision, Votes, Why};
use super::types::{Lines, Request, RequestState};
use super::{is_moving, moment_words, short_hash, state_word};
use crate::projects::project_href;
use crate::sentence::Sentence as _;
use crate::text::{lang, t};
use crate::ui::*;

/// The page.
#[component]
pub fn RequestPage() -> impl IntoView {
    let data = request_page(use_id("id"), asked_lines(), asked_changes());
    view! { <Load data=data topics=&[Topic::Requests] view=|found| page(found.request, found.lines)/> }
}

/// How far along the steps a state is.
fn step(state: RequestState) -> usize {
    match state {
        RequestState::Draft => 0,
        RequestState::Waiting | RequestState::Reapproval => 1,
        RequestState::Queued | RequestState::Running => 2,
        RequestState::Done | RequestState::Issues => 5,
        _ => 4,
    }
}

fn steps(request: &Request) -> AnyView {
    let asked = request.submitted.map_or_else(|| t("Asked", "已提交").to_owned(), |at| format!("{} {}", t("Asked", "已提交"), bare(at)));
    let mut names = vec![asked, t("Decision", "审批").to_owned(), t("Restore", "恢复").to_owned(), t("Read back", "回读校验").to_owned()];
    names
        .push(request.finished.map_or_else(|| t("Ended", "结束").to_owned(), |at| format!("{} {}", state_word(request.state).1, bare(at))));
    view! { <Steps steps=names now=step(request.state)/> }.into_any()
}

fn page(request: Request, lines: Lines) -> AnyView {
    let (tone, word) = state_word(request.state);
    let moving = is_moving(request.state);
    let open = matches!(request.state, RequestState::Waiting | RequestState::Reapproval);
    let target = if request.form.target_project.is_empty() { request.form.project.clone() } else { request.form.target_project.clone() };
    let crumbs = vec![
        (t("Restores", "恢复").to_owned(), "/restores".to_owned()),
        (format!("{}/{target}", request.form.harbor), project_href(&request.form.harbor, &target)),
    ];
    let (name, here, title) = (request.requester_name.clone(), format!("#{}", request.id), request.plan.effects.say(lang()));
    let (risk, hash, at, decide) =
        (request.risk, request.plan.hash.clone(), moment_words(&request.form.at), request.decide_before.filter(|_| open));
    let detail =
        request.ended.map(|ended| ended.say(lang())).or_else(|| request.outcome_detail.as_ref().map(|outcome| outcome.say(lang())));
    let (next, done, doing) = (request.next.say(lang()), request.items_done, request.results_total);
    let (id, changed, own) = (request.id, request.change.clone(), format!("/restores/{}", request.id));
    let undoes = request.form.undo_of;
    let path = steps(&request);
    let (plan, harbor, pull) = (request.plan.clone(), request.form.harbor.clone(), request.pull.clone());
    let right = [
        view! { <Decision request=request.clone()/> }.into_any(),
        view! { <Why request=request.clone()/> }.into_any(),
        view! { <Votes request=request.clone()/> }.into_any(),
    ];
    let record = view! { <Record request=request.clone()/> };
    view! {
        {(moving || open).then(|| view! { <noscript><meta http-equiv="refresh" content="10"/></noscript> })}
        <PageHead title=title crumbs=crumbs here=here>
            <Status tone=tone text=word/>
            <SubItem label=t("asked by", "申请人")>{name}</SubItem>
            <SubItem label=t("risk", "风险")>{risk}</SubItem>
            <SubItem label=t("plan", "方案")><code class="mono" title=hash.clone()>{short_hash(&hash)}</code></SubItem>
            {match undoes {
                Some(of) => view! { <SubItem label=t("undoes", "撤销")><a href=format!("/restores/{of}")>{format!("#{of}")}</a></SubItem> }.into_any(),
                None => view! { <SubItem label=t("as of", "时间点")>{at}</SubItem> }.into_any(),
            }}
            {decide.map(|at| view! { <SubItem label=t("decide", "截止")><When at=at brief=true/></SubItem> })}
        </PageHead>
        {path}
        <Callout tone=tone><p>{next}</p>{detail.map(|d| view! { <p class="note">{d}</p> })}</Callout>
        {moving.then(|| view! { <Progress label=t("Progress", "进度") done=done total=doing/> })}
        <Actions request=request/>
        <Columns>
            <Stack>
                {changed.map(|change| view! { <ChangePanel change=change path=own.clone() fixed=Vec::new()/> })}
                <EffectSummary plan=plan harbor=harbor/>
                <LinesPanel id=id.to_string() lines=lines path=own fixed=Vec::new()/>
            </Stack>
            <Stack>
                {right.collect_view()}
                {pull.map(|line| view! {
                    <Panel title=t("Pull it", "拉取") padded=true><div class="cli-line"><pre class="mono"><code>{line}</code></pre><CopyButton what=t("command", "命令")/></div></Panel>
                })}
                {record}
            </Stack>
        </Columns>
        <CliTwin command=format!("breakwater restore show {id}")/>
    }
    .into_any()
}

/// Its audit events and its job.
#[component]
fn Record(request: Request) -> impl IntoView {
    let count = request.audit.len();
    let links = request.audit.into_iter().map(|seq| view! { <a class="btn small" href=format!("/audit/{seq}")>{seq}</a> }).collect_view();
    view! {
        <Panel title=t("On the record", "审计记录") padded=true>
            <p class="note">{lang().pick(if count == 1 { "one audit event".to_owned() } else { format!("{count} audit events") }, format!("{count} 条审计记录"))}</p>
            <Bar>
                {links}
                {request.job_id.map(|job| view! { <LinkButton href=format!("/jobs/{job}") text=t("Job and log", "任务与日志") kind=ButtonKind::Small/> })}
            </Bar>
        </Panel>
    }
    .into_any()
}
