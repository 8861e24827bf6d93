//! Home: can everything be restored, and what needs a look?

use leptos::prelude::*;

use super::calls::get_home;
use super::sentence::{posture, target_words};
use super::types::{Concern, Home, SetUpStep};
use crate::jobs::types::Job;
use crate::plans::types::Plan;
use crate::plans::words::plan_now;
use crate::restores::state_word;
use crate::restores::types::RequestRow;
use crate::sentence::Sentence as _;
use crate::text::{Lang, lang, t};
use crate::ui::*;
use crate::units::{bytes, count};
use crate::vaults::types::VaultNow;

/// The page.
#[component]
pub fn HomePage() -> impl IntoView {
    view! { <Load data=get_home() topics=&[Topic::Any] view=content/> }
}

fn content(home: Home) -> AnyView {
    let sentence = posture(&home, lang());
    let head = view! {
        <PageHead title=sentence here=t("Home", "首页")>
            {home.last_good.map(|at| view! { <SubItem label=t("Last good backup", "最近成功备份")><When at=at brief=true/></SubItem> })}
            {home.next_run.map(|at| view! { <SubItem label=t("Next run", "下次运行")><When at=at brief=true/></SubItem> })}
            {home.oldest.map(|at| view! { <SubItem label=t("Oldest restorable moment", "最早可恢复时间点")>{minute(at)}</SubItem> })}
        </PageHead>
    };
    let open = home.setup.iter().any(|s| !s.done);
    let waiting = home.waiting.clone();
    view! {
        {head}
        <Columns>
            <Stack>
                {open.then(|| set_up(home.setup.clone()))}
                {(!home.plans.is_empty()).then(|| plans(home.plans.clone()))}
                {concerns(home.concerns.clone(), home.plans.is_empty())}
                {restores(home.restores)}
            </Stack>
            <Stack>
                {waits(waiting)}
                {running(home.running)}
                {home.vaults.into_iter().map(vault).collect_view()}
            </Stack>
        </Columns>
    }
    .into_any()
}

fn step_words(code: &str) -> (&'static str, &'static str) {
    match code {
        "vault" => (t("Choose where backups are kept", "选择备份存放位置"), t("Make a vault", "创建保管库")),
        "harbor" => (t("Register the Harbor to protect", "登记要保护的 Harbor"), t("Register", "登记")),
        "plan" => (t("Say what is backed up, and when", "设定备份内容与时间"), t("Make a plan", "创建计划")),
        "people" => (t("Give others their roles", "为他人授权"), t("Add people", "添加人员")),
        _ => (t("Take the first backup", "完成首次备份"), t("Open the plan", "打开计划")),
    }
}

fn set_up(steps: Vec<SetUpStep>) -> AnyView {
    let open = steps.iter().filter(|s| !s.done).count();
    let note = match lang() {
        Lang::En => format!("{open} of {} open", steps.len()),
        Lang::ZhCn => format!("{} 步中有 {open} 步未完成", steps.len()),
    };
    let first_open = steps.iter().position(|s| !s.done);
    let rows = steps
        .into_iter()
        .enumerate()
        .map(|(i, step)| {
            let (what, action) = step_words(&step.code);
            let kind = if first_open == Some(i) { ButtonKind::Primary } else { ButtonKind::Small };
            let end = (!step.done).then(|| view! { <span class="end"><LinkButton href=step.link text=action kind=kind/></span> });
            let (tone, word) = if step.done { (Tone::Ok, t("done", "已完成")) } else { (Tone::Idle, t("open", "未完成")) };
            view! { <li class=if step.done { "done" } else { "" }><Status tone=tone text=word/><span class="word">{what}</span>{end}</li> }
        })
        .collect_view();
    view! { <Panel title=t("Set-up", "初始设置") note=note><ol class="todo">{rows}</ol></Panel> }.into_any()
}

fn plans(plans: Vec<Plan>) -> AnyView {
    let cols =
        vec![Col::text(t("Plan", "计划")), Col::text(t("Days", "日历")), Col::number(t("Target", "目标")), Col::text(t("Now", "当前"))];
    let rows = plans
        .into_iter()
        .map(|plan| {
            let now = plan_now(&plan);
            view! {
                <tr>
                    <Cell><a href=format!("/plans/{}", plan.id)>{plan.name}</a></Cell>
                    <Cell label=t("Days", "日历")><DayStrip days=plan.days/></Cell>
                    <Cell label=t("Target", "目标") number=true>{target_words(plan.rpo_s, lang())}</Cell>
                    <Cell label=t("Now", "当前")>{now}</Cell>
                </tr>
            }
        })
        .collect_view();
    view! {
        <Panel title=t("Plans", "备份计划") note=t("last 30 days", "最近 30 天") link=("/plans".to_owned(), t("All plans", "全部计划").to_owned())>
            <DataTable caption=t("Plans", "备份计划") cols=cols>{rows}</DataTable>
        </Panel>
    }
    .into_any()
}

fn action_words(action: &str) -> String {
    match action {
        "look" => t("Look", "查看").to_owned(),
        "add" => t("Add to a plan…", "加入计划…").to_owned(),
        other => other.to_owned(),
    }
}

fn concerns(concerns: Vec<Concern>, fresh: bool) -> AnyView {
    if concerns.is_empty() {
        let text = if fresh {
            t("Nothing runs yet.", "尚无任何运行。")
        } else {
            t("Nothing needs a look: no failed job, every harbor answers.", "无需关注：没有失败的任务，所有 Harbor 均可访问。")
        };
        return view! { <Panel title=t("Needs a look", "需要关注")><p class="note">{text}</p></Panel> }.into_any();
    }
    let rows = concerns
        .into_iter()
        .map(|c| {
            let tone = if c.severity == "failed" { Tone::Fail } else { Tone::Warn };
            let (href, text) = (c.link, action_words(&c.action));
            let end = move || view! { <LinkButton href=href.clone() text=text.clone() kind=ButtonKind::Small/> };
            view! { <Row end=ViewFn::from(end)><Status tone=tone text=c.title.say(lang())/><span>{c.text.say(lang())}</span></Row> }
        })
        .collect_view();
    view! { <Panel title=t("Needs a look", "需要关注")>{rows}</Panel> }.into_any()
}

fn restores(rows: Vec<RequestRow>) -> AnyView {
    let link = ("/restores".to_owned(), t("All restores", "全部恢复").to_owned());
    if rows.is_empty() {
        return view! { <Panel title=t("Recent restores", "最近恢复") link=link><p class="note">{t("Nobody asked for a restore yet.", "尚无恢复申请。")}</p></Panel> }.into_any();
    }
    let cols =
        vec![Col::text(t("Request", "申请")), Col::text(t("Effect", "效果")), Col::text(t("By", "申请人")), Col::text(t("Result", "结果"))];
    let body = rows
        .into_iter()
        .map(|row| {
            let (tone, word) = state_word(row.state);
            view! {
                <tr>
                    <Cell><a href=format!("/restores/{}", row.id)>{format!("#{}", row.id)}</a></Cell>
                    <Cell label=t("Effect", "效果")>{row.effects.say(lang())}</Cell>
                    <Cell label=t("By", "申请人")>{row.requester}</Cell>
                    <Cell label=t("Result", "结果")><Status tone=tone text=word/>{row.result.map(|outcome| view! { <span class="note block">{outcome.say(lang())}</span> })}</Cell>
                </tr>
            }
        })
        .collect_view();
    view! { <Panel title=t("Recent restores", "最近恢复") link=link><DataTable caption=t("Recent restores", "最近恢复") cols=cols>{body}</DataTable></Panel> }.into_any()
}

fn waits(rows: Vec<RequestRow>) -> AnyView {
    let link = ("/approvals".to_owned(), t("Inbox", "收件箱").to_owned());
    if rows.is_empty() {
        return view! { <Panel title=t("Waiting for you", "等待您处理") link=link><p class="note">{t("Nothing waits for your vote.", "没有等待您审批的申请。")}</p></Panel> }.into_any();
    }
    let body = rows
        .into_iter()
        .map(|row| {
            let href = format!("/restores/{}", row.id);
            let end = move || view! { <LinkButton href=href.clone() text=t("Decide", "处理") kind=ButtonKind::Small/> };
            view! {
                <Row end=ViewFn::from(end)>
                    <span><b>{format!("#{} ", row.id)}</b>{row.effects.say(lang())}</span>
                    <span class="note">{row.requester}{row.submitted.map(|at| view! { " · "<When at=at brief=true/> })}</span>
                </Row>
            }
        })
        .collect_view();
    view! { <Panel title=t("Waiting for you", "等待您处理") link=link>{body}</Panel> }.into_any()
}

fn running(jobs: Vec<Job>) -> Option<AnyView> {
    if jobs.is_empty() {
        return None;
    }
    let body = jobs
        .into_iter()
        .map(|job| {
            let title = job.title.say(lang());
            let label = title.clone();
            view! {
                <Row>
                    <a href=format!("/jobs/{}", job.id)>{title}</a>
                    <span class="note">{job.phase.map(|phase| phase.say(lang()))}</span>
                    <Progress label=label done=job.items_done total=job.items_total/>
                </Row>
            }
        })
        .collect_view();
    Some(
        view! { <Panel title=t("Running now", "正在运行") link=("/jobs".to_owned(), t("All jobs", "全部任务").to_owned())>{body}</Panel> }
            .into_any(),
    )
}

fn vault(vault: VaultNow) -> AnyView {
    let (tone, word) = crate::vaults::list_page::vault_status(vault.state);
    let ratio = if vault.stored_bytes > 0 && vault.logical_bytes > vault.stored_bytes {
        format!(" ({}.{} : 1)", vault.logical_bytes / vault.stored_bytes, vault.logical_bytes * 10 / vault.stored_bytes % 10)
    } else {
        String::new()
    };
    view! {
        <Panel title=t("Storage", "存储") note=format!("{} {}", t("vault", "保管库"), vault.name) link=(format!("/vaults/{}", vault.id), t("Open", "打开").to_owned())>
            <KeyValue>
                <Kv key=t("State", "状态")><Status tone=tone text=word/>{crate::vaults::list_page::looked(vault.looked)}</Kv>
                <Kv key=t("Protected", "受保护")>{bytes(vault.logical_bytes)}" · "{count(vault.snapshots)}" "{t("snapshots", "个快照")}</Kv>
                <Kv key=t("Stored", "已存储")>{bytes(vault.stored_bytes)}{ratio}</Kv>
                {vault.free_bytes.map(|free| view! { <Kv key=t("Free", "剩余")>{bytes(free)}</Kv> })}
                <Kv key=t("Every byte read", "全量校验")>{match vault.verified {
                    Some(at) => view! { <When at=at brief=true/> }.into_any(),
                    None => t("not yet", "尚未").into_any(),
                }}</Kv>
            </KeyValue>
        </Panel>
    }
    .into_any()
}
