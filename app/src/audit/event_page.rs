//! One event with the exact bytes that are hashed.

use leptos::prelude::*;

use super::calls::get_audit;
use super::list_page::{by_token, row};
use super::outcome_word;
use super::types::AuditDetail;
use crate::sentence::Sentence as _;
use crate::text::{lang, t};
use crate::ui::*;

/// The page.
#[component]
pub fn AuditEventPage() -> impl IntoView {
    view! { <Load data=get_audit(use_id("seq")) view=detail/> }
}

fn detail(detail: AuditDetail) -> AnyView {
    let event = detail.event;
    let (tone, word) = outcome_word(&event.outcome);
    let (seal, text) = if detail.intact {
        (Tone::Ok, t("The hash was computed again just now and agrees.", "刚刚重新计算了哈希，与记录一致。").to_owned())
    } else {
        let text = lang().pick(
            format!("Event {} does not match its recorded hash. Data is shown as stored; treat it as changed.", event.seq),
            format!("第 {} 条记录与其哈希不符。以下按存储内容显示，请视为已被改动。", event.seq),
        );
        (Tone::Fail, text)
    };
    let related = detail.related.into_iter().map(row).collect::<Vec<_>>();
    let title = format!("{}: {}", event.actor, event.sentence.say(lang()));
    view! {
        <PageHead title=title crumbs=vec![(t("Audit", "审计").to_owned(), "/audit".to_owned())] here=format!("#{}", event.seq)>
            <Status tone=tone text=word/>
            <SubItem><When at=event.at/></SubItem>
        </PageHead>
        <Columns>
            <Stack>
                <Panel title=t("Record", "记录") note=t("the exact bytes that are hashed", "参与哈希的原始字节") padded=true>
                    <pre class="mono raw" tabindex="0">{detail.record}</pre>
                </Panel>
            </Stack>
            <Stack>
                <Panel title=t("Facts", "要素")>
                    <KeyValue>
                        <Kv key=t("Action", "动作")><code class="mono">{event.action}</code></Kv>
                        <Kv key=t("Who", "操作者")>{format!("{} ({})", event.actor, event.actor_type)}</Kv>
                        {event.token.map(|id| view! { <Kv key=t("With", "凭据")>{by_token(id)}</Kv> })}
                        <Kv key=t("About", "对象")>{format!("{} {}", event.object_type, event.object)}</Kv>
                        {event.project.map(|p| view! { <Kv key=t("Project", "项目")>{p}</Kv> })}
                        {event.ip.map(|ip| view! { <Kv key=t("Address", "地址")>{ip}</Kv> })}
                        {event.request_id.map(|id| view! { <Kv key=t("Request id", "请求编号")><code class="mono">{id}</code></Kv> })}
                    </KeyValue>
                </Panel>
                <Panel title=t("Chain", "审计链") padded=true>
                    <Callout tone=seal><p>{text}</p></Callout>
                    <KeyValue>
                        <Kv key=t("Hash before", "前一哈希")><code class="mono break">{detail.prev_hash}</code></Kv>
                        <Kv key=t("Hash", "哈希")><code class="mono break">{detail.hash}</code></Kv>
                    </KeyValue>
                </Panel>
            </Stack>
        </Columns>
        {(!related.is_empty()).then(|| view! {
            <Panel title=t("Related events", "相关事件") note=t("same request or object", "同一请求或对象")>
                <DataTable caption=t("Related events", "相关事件") cols=vec![
                    Col::number("#"), Col::text(t("Time", "时间")), Col::text(t("Who", "操作者")), Col::text(t("What", "动作")), Col::text(t("Event", "事件")), Col::text(t("Outcome", "结果")),
                ]>{related.collect_view()}</DataTable>
            </Panel>
        })}
    }
    .into_any()
}
