//! The history with its filters, and the state of the chain on top.

use leptos::prelude::*;

use super::calls::{VerifyAudit, list_audit};
use super::outcome_word;
use super::types::{AuditEvent, AuditFilter, AuditPage as AuditRows};
use crate::accounts::types::Duty;
use crate::jobs::list_page::choice;
use crate::sentence::Sentence as _;
use crate::session::types::Shell;
use crate::text::{lang, t};
use crate::ui::*;
use crate::units::count;

/// The page.
#[component]
pub fn AuditPage() -> impl IntoView {
    let names = ["actor", "action", "outcome", "object", "from", "to", "after"];
    let [actor, action, outcome, object, from, to, after] = names.map(use_query);
    let filter = AuditFilter { actor, action, outcome, object, from, to, after };
    let shown = filter.clone();
    // Not live: a list that grows by being looked at must not look again by itself.
    view! {
        {use_shell().map(|shell| chain(&shell))}
        <Load data=list_audit(filter) part=true view=move |rows| list(rows, shown)/>
    }
}

fn chain(shell: &Shell) -> AnyView {
    let auditor = shell.me.as_ref().is_some_and(|me| me.has(Duty::Auditor));
    let title = match shell.audit_verified {
        Some((_, true)) => lang().pick(
            format!("Chain intact: {} events.", count(shell.audit_events)),
            format!("审计链完整：共 {} 条记录。", count(shell.audit_events)),
        ),
        Some((_, false)) => {
            t("The chain is broken. Data is shown as stored; treat it as changed.", "审计链已断裂。以下按存储内容显示，请视为已被改动。")
                .to_owned()
        }
        None => lang().pick(
            format!("{} events, not verified yet.", count(shell.audit_events)),
            format!("共 {} 条记录，尚未校验。", count(shell.audit_events)),
        ),
    };
    let verified = shell.audit_verified;
    view! {
        <div class="head-bar">
            <PageHead title=title here=t("Audit", "审计")>
                {verified.map(|(at, good)| view! {
                    <Status tone=if good { Tone::Ok } else { Tone::Fail } text=if good { t("verified", "已校验") } else { t("broken", "断裂") }/>
                    <When at=at/>
                })}
            </PageHead>
            {auditor.then(|| view! { <PostForm call=VerifyAudit::PATH id="verify" class="inline"><SubmitButton text=t("Verify the chain now", "立即校验审计链")/></PostForm> })}
        </div>
        {(!auditor).then(|| view! { <p class="note may-not">{t("You see events of your own and of your projects. Auditors see all.", "您可查看自己及所属项目的事件，审计员可查看全部。")}</p> })}
    }
    .into_any()
}

fn text_filter(name: &'static str, label: &'static str, value: Option<String>, placeholder: &'static str) -> AnyView {
    view! { <label class="filter"><span>{label}</span><input type="text" name=name value=value.unwrap_or_default() placeholder=placeholder spellcheck="false"/></label> }.into_any()
}

fn list(rows: AuditRows, filter: AuditFilter) -> AnyView {
    let pairs = [
        ("actor", &filter.actor),
        ("action", &filter.action),
        ("outcome", &filter.outcome),
        ("object", &filter.object),
        ("from", &filter.from),
        ("to", &filter.to),
    ];
    let query: Vec<String> = pairs.iter().filter_map(|(k, v)| v.as_ref().map(|v| format!("{k}={}", url_part(v)))).collect();
    let base = if query.is_empty() { "/audit".to_owned() } else { format!("/audit?{}", query.join("&")) };
    let total = if rows.matching_more {
        lang().pick(
            format!("more than {} of {} events match", count(rows.matching), count(rows.total)),
            format!("匹配超过 {} / {} 条记录", count(rows.matching), count(rows.total)),
        )
    } else {
        lang().pick(
            format!("{} of {} events match", count(rows.matching), count(rows.total)),
            format!("匹配 {} / {} 条记录", count(rows.matching), count(rows.total)),
        )
    };
    let paged = filter.after.is_some();
    let empty = rows.events.is_empty();
    let lines = rows.events.into_iter().map(row).collect_view();
    view! {
        <GetForm action="/audit">
            {text_filter("actor", t("Who", "操作者"), filter.actor, "")}
            {text_filter("action", t("What", "动作"), filter.action, "restore.*")}
            {choice("outcome", t("Outcome", "结果"), filter.outcome, &[("success", t("success", "成功")), ("failure", t("failure", "失败")), ("denied", t("denied", "被拒绝")), ("partial", t("partial", "部分成功"))])}
            {text_filter("object", t("About", "对象"), filter.object, "")}
            {text_filter("from", t("From (UTC)", "起始 (UTC)"), filter.from, "2026-11-01")}
            {text_filter("to", t("To (UTC)", "截止 (UTC)"), filter.to, "2026-12-01")}
            <SubmitButton text=t("Show", "筛选")/>
        </GetForm>
        {if empty {
            view! { <Empty kind=EmptyKind::NoMatch title=total.clone()><LinkButton href="/audit" text=t("Clear filters", "清除筛选")/></Empty> }.into_any()
        } else {
            view! {
                <section class="panel">
                    <DataTable caption=t("Events", "事件") cols=vec![
                        Col::number("#"), Col::text(t("Time", "时间")), Col::text(t("Who", "操作者")), Col::text(t("What", "动作")), Col::text(t("Event", "事件")), Col::text(t("Outcome", "结果")),
                    ]>{lines}</DataTable>
                </section>
                <Pager base=base next=rows.next paged=paged total=total/>
            }
            .into_any()
        }}
    }
    .into_any()
}

/// Which token acted.
pub fn by_token(id: i64) -> String {
    lang().pick(format!("token {id}"), format!("令牌 {id}"))
}

/// A line of the history.
pub fn row(event: AuditEvent) -> impl IntoView {
    let (tone, word) = outcome_word(&event.outcome);
    view! {
        <tr>
            <Cell number=true><a href=format!("/audit/{}", event.seq)>{event.seq}</a></Cell>
            <Cell label=t("Time", "时间")><Exact at=event.at/></Cell>
            <Cell label=t("Who", "操作者")>{event.actor}{event.token.map(|id| view! { <span class="note block">{by_token(id)}</span> })}{event.ip.map(|ip| view! { <span class="note block">{ip}</span> })}</Cell>
            <Cell label=t("What", "动作")><code class="mono">{event.action}</code></Cell>
            <Cell label=t("Event", "事件")>{event.sentence.say(lang())}</Cell>
            <Cell label=t("Outcome", "结果")><Status tone=tone text=word/></Cell>
        </tr>
    }
}
