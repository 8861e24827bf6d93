//! One plan: how it stands, what it covers, its runs, and what can be done with it.

use leptos::prelude::*;

use super::calls::{PausePlan, ResumePlan, RunPlan, plan_page};
use super::copies::copies_panel;
use super::retention::RetentionPanel;
use super::runs::runs_panel;
use super::types::{Plan, Retention, Run};
use super::words::{PauseNote, plan_now};
use crate::accounts::types::Duty;
use crate::home::sentence::target_words;
use crate::sentence::Sentence as _;
use crate::text::{Lang, lang, t};
use crate::ui::*;
use crate::units::{Page, bytes, count};

/// The page.
#[component]
pub fn PlanPage() -> impl IntoView {
    let after = use_query("after");
    let paged = after.is_some();
    let data = plan_page(use_id("id"), after);
    view! { <Load data=data topics=&[Topic::Plans] view=move |page| content(page.plan, page.runs, paged, page.retention)/> }
}

fn sentence(plan: &Plan) -> String {
    let target = target_words(plan.rpo_s, lang());
    let one = plan.projects == 1;
    match (lang(), plan.paused.is_some()) {
        (Lang::En, true) => format!("{} is paused.", plan.name),
        (Lang::ZhCn, true) => format!("{} 已暂停。", plan.name),
        (Lang::En, false) => format!(
            "{} keeps {} project{} of {} no older than {target}.",
            plan.name,
            count(plan.projects),
            if one { "" } else { "s" },
            plan.harbor
        ),
        (Lang::ZhCn, false) => format!("{} 使 {} 的 {} 个项目备份不早于 {target}。", plan.name, plan.harbor, count(plan.projects)),
    }
}

fn content(plan: Plan, runs: Page<Run>, paged: bool, retention: Retention) -> AnyView {
    let crumbs = vec![(t("Plans", "备份计划").to_owned(), "/plans".to_owned())];
    let paused = plan.paused.clone().map(|paused| view! { <Callout tone=Tone::Held><PauseNote paused=paused/></Callout> });
    let title = sentence(&plan);
    let here = plan.name.clone();
    let (days, keep) = (plan.days.clone(), plan.keep);
    let now = plan_now(&plan);
    let copies = copies_panel(&plan);
    let (next, last_good) = (plan.next, plan.last_good);
    let buttons = if has_duty(Duty::Operator) {
        act(&plan)
    } else {
        view! { <Panel title=t("Act", "操作") padded=true><MayNot text=of_duty(Duty::Operator)/></Panel> }.into_any()
    };
    let facts = facts(&plan);
    let runs = runs_panel(plan.id, runs, paged);
    view! {
        <PageHead title=title crumbs=crumbs here=here>
            <SubItem>{now}</SubItem>
            {next.map(|at| view! { <SubItem label=t("Next run", "下次运行")><When at=at brief=true/></SubItem> })}
            {last_good.map(|at| view! { <SubItem label=t("Last good", "最近成功")>{minute(at)}</SubItem> })}
        </PageHead>
        {paused}
        <Columns>
            <Stack>
                <Panel title=t("Last 30 days", "最近 30 天") padded=true><DayStrip days=days/></Panel>
                {runs}
                {copies}
                <RetentionPanel keep=keep retention=retention/>
            </Stack>
            <Stack>
                {buttons}
                {facts}
            </Stack>
        </Columns>
    }
    .into_any()
}

fn facts(plan: &Plan) -> AnyView {
    let patterns = |list: &[String]| list.iter().map(|p| view! { <li><code class="mono">{p.clone()}</code></li> }).collect_view();
    let exclude = patterns(&plan.exclude);
    let exclude = (!plan.exclude.is_empty()).then(|| view! { <Kv key=t("Left out", "排除")><ul class="names">{exclude}</ul></Kv> });
    let (include, harbor) = (patterns(&plan.include), plan.harbor.clone());
    let (cron, zone, words, vault, version) =
        (plan.cron.clone(), plan.zone.clone(), plan.schedule_words.say(lang()), plan.vault.clone(), plan.version);
    let rpo = target_words(plan.rpo_s, lang());
    let full = lang().pick(
        format!("every {} h; labels and settings are at most as old", plan.full_every_h),
        format!("每 {} 小时；标签与设置最多旧至此", plan.full_every_h),
    );
    let (logical, added) = (plan.logical_bytes, plan.added_bytes);
    let stored = (!plan.outline).then(|| {
        view! {
            <Kv key=t("Vault", "保管库")>{vault}</Kv>
            <Kv key=t("Protected", "受保护")>{bytes(logical)}</Kv>
            <Kv key=t("Stored in 30 days", "30 天新增")>{bytes(added)}</Kv>
        }
    });
    view! {
        <Panel title=t("What it does", "内容")>
            <KeyValue>
                <Kv key="Harbor"><a href=format!("/harbors/{harbor}")>{harbor.clone()}</a></Kv>
                <Kv key=t("Projects", "项目")><ul class="names">{include}</ul></Kv>
                {exclude}
                <Kv key=t("Schedule", "时间表")>{words}" "<span class="note"><code class="mono">{cron}</code>" "{zone}</span></Kv>
                <Kv key=t("Target", "目标")>{rpo}</Kv>
                <Kv key=t("Everything listed", "完整列出")>{full}</Kv>
                {stored}
                <Kv key=t("Version", "版本")>{version}</Kv>
            </KeyValue>
        </Panel>
    }
    .into_any()
}

/// A run that goes on has looked already: whoever wants what is there now gets one of their own after it, and only one waits.
fn run_buttons(plan: &Plan) -> AnyView {
    let (id, running) = (plan.id.to_string(), plan.running_job);
    let watch = running.map(|job| view! { <LinkButton href=format!("/jobs/{job}") text=t("Watch the run", "查看运行")/> });
    if let Some(next) = plan.next_job {
        let note =
            t("One more run was asked for. It looks for itself when this one is over.", "已请求再次运行。当前运行结束后它会重新查看。");
        return view! { <Bar>{watch}<LinkButton href=format!("/jobs/{next}") text=t("The run after it", "随后的运行")/></Bar><p class="note">{note}</p> }.into_any();
    }
    let (text, kind) = match running {
        Some(_) => (t("Run again after it", "结束后再次运行"), ButtonKind::Plain),
        None => (t("Run now", "立即运行"), ButtonKind::Primary),
    };
    view! {
        {watch}
        <PostForm call=RunPlan::PATH class="form inline" id="run">
            <Hidden name="plan_id" value=id/>
            <SubmitButton text=text kind=kind/>
        </PostForm>
    }
    .into_any()
}

fn act(plan: &Plan) -> AnyView {
    let id = plan.id.to_string();
    let run = run_buttons(plan);
    let pause = if plan.paused.is_some() {
        let id = id.clone();
        view! {
            <PostForm call=ResumePlan::PATH class="form inline" id="resume">
                <Hidden name="plan_id" value=id.clone()/>
                <SubmitButton text=t("Resume the schedule", "恢复时间表")/>
            </PostForm>
        }
        .into_any()
    } else {
        let id = id.clone();
        // A refusal comes back to this page; then its message must be seen.
        let refused = came_back(&[PausePlan::PATH]).is_some();
        view! {
            <details open=refused>
                <summary>{t("Pause…", "暂停…")}</summary>
                <PostForm call=PausePlan::PATH id="pause">
                    <Hidden name="plan_id" value=id.clone()/>
                    <Field name="days" label=t("Days, at most 7", "天数，最多 7 天") kind="number" min="1" max="7" value="1"/>
                    <Field name="reason" label=t("Reason", "原因") hint=t("Ten characters or more; it goes into the audit history", "至少 10 个字符，记入审计")/>
                    <SubmitButton text=t("Pause the plan", "暂停计划")/>
                </PostForm>
            </details>
        }
        .into_any()
    };
    let command = shell_line(&["breakwater", "run", "start", &plan.name, "--wait"]);
    view! {
        <Panel title=t("Act", "操作") padded=true>
            {run}
            {pause}
            <Bar>
                <LinkButton href=format!("/plans/{id}/edit") text=t("Change…", "更改…")/>
                <LinkButton href=format!("/plans/{id}/delete") text=t("Delete…", "删除…") kind=ButtonKind::Danger/>
            </Bar>
            <CliTwin command=command/>
        </Panel>
    }
    .into_any()
}
