//! Parts of a request's page: reason, votes, decision, results, actions.

use leptos::prelude::*;

use super::calls::{CancelRequest, CastVoteCall, RetryRequest, UndoRequest, WithdrawRequest};
use super::short_hash;
use super::types::{Request, RequestState};
use crate::sentence::Sentence as _;
use crate::text::{lang, t};
use crate::ui::*;

/// Why it was asked for, by whom, and why this person is asked.
#[component]
pub fn Why(request: Request) -> impl IntoView {
    let (all, fine) = request.requester_history;
    let history = if all == 0 {
        t("no restore in 90 days before", "此前 90 天内没有恢复").to_owned()
    } else {
        lang().pick(format!("{all} restores in 90 days, {fine} of them fine"), format!("90 天内 {all} 次恢复，{fine} 次成功"))
    };
    view! {
        <Panel title=t("Why", "原因")>
            <KeyValue>
                <Kv key=t("Reason", "原因")><q>{request.reason.clone()}</q>{(!request.ticket.is_empty()).then(|| view! { " "<code class="mono">{request.ticket.clone()}</code> })}</Kv>
                <Kv key=t("From", "申请人")>{request.requester_name.clone()}<span class="note block">{history}</span></Kv>
                <Kv key=t("Rule", "规则")>{request.rule.say(lang())}</Kv>
                <Kv key=t("May decide", "可审批人")>{if request.approvers.is_empty() { t("nobody", "无").to_owned() } else { request.approvers.join(", ") }}</Kv>
            </KeyValue>
        </Panel>
    }
    .into_any()
}

/// The votes so far.
#[component]
pub fn Votes(request: Request) -> impl IntoView {
    let rows = request
        .votes
        .iter()
        .cloned()
        .map(|v| {
            let (tone, word) = match (&v.void, v.approve) {
                (Some(_), _) => (Tone::Idle, t("lapsed", "已失效")),
                (None, true) => (Tone::Ok, t("approved", "同意")),
                (None, false) => (Tone::Fail, t("refused", "拒绝")),
            };
            view! {
                <Row>
                    <Status tone=tone text=word/>" "<b>{v.by}</b>" "<When at=v.at brief=true/>" "<code class="mono">{short_hash(&v.plan_hash)}</code>
                    {(!v.comment.is_empty()).then(|| view! { <p><q>{v.comment}</q></p> })}
                    {v.void.map(|why| view! { <p class="note">{why.say(lang())}</p> })}
                </Row>
            }
        })
        .collect_view();
    let title = lang().pick(
        format!("Approvals: {} of {}", request.votes.iter().filter(|v| v.approve && v.void.is_none()).count(), request.votes_needed),
        format!("审批：{} / {}", request.votes.iter().filter(|v| v.approve && v.void.is_none()).count(), request.votes_needed),
    );
    (!request.votes.is_empty()).then(|| view! { <Panel title=title>{rows}</Panel> })
}

/// The decision: exactly this plan, or no.
#[component]
pub fn Decision(request: Request) -> impl IntoView {
    let open = matches!(request.state, RequestState::Waiting | RequestState::Reapproval);
    if !open {
        return ().into_any();
    }
    if !request.may.iter().any(|m| m == "vote") {
        let why = request.why_not_vote.as_ref().map(|why| why.say(lang())).unwrap_or_default();
        return view! { <Panel title=t("Decision", "审批") padded=true><MayNot text=why/></Panel> }.into_any();
    }
    let hash = request.plan.hash.clone();
    view! {
        <Panel title=t("Your decision", "您的决定") padded=true>
            <PostForm call=CastVoteCall::PATH prefix="form" id="vote">
                <Hidden name="request_id" value=request.id.to_string()/>
                <Hidden name="plan_hash" value=hash.clone()/>
                <Hidden name="version" value=request.version.to_string()/>
                <TextArea name="comment" label=t("Comment", "意见") rows=2 optional=request.risk < 4 hint=t("needed to refuse, and from risk 4", "拒绝时必填，风险 4 及以上必填")/>
                <Bar>
                    <SubmitButton text=format!("{} · {}", t("Approve exactly this plan", "批准此方案"), short_hash(&hash)) kind=ButtonKind::Primary name="form[decision]" value="approve"/>
                    <SubmitButton text=t("Refuse", "拒绝") kind=ButtonKind::Danger name="form[decision]" value="deny"/>
                </Bar>
                <p class="note">{t("If Harbor changes before it runs, your vote lapses and you are asked again.", "若执行前 Harbor 发生变化，您的审批将失效并需重新审批。")}</p>
            </PostForm>
        </Panel>
    }
    .into_any()
}

/// Who can do something in a state, for those who cannot.
fn who_acts(state: RequestState, asks: bool) -> Option<&'static str> {
    match state {
        RequestState::Waiting | RequestState::Reapproval => Some(t("Only its author takes it back.", "仅申请人本人可撤回。")),
        RequestState::Queued | RequestState::Running => Some(t(
            "Its author, approvers and owners of the project, operators and security administrators can stop it.",
            "可由申请人、项目审批人或所有者、系统管理员或安全管理员停止。",
        )),
        RequestState::Draft => None,
        _ => (!asks).then(of_asking),
    }
}

/// What can be done now.
#[component]
pub fn Actions(request: Request) -> impl IntoView {
    let may = request.may.clone();
    let allowed = move |what: &str| may.iter().any(|m| m == what);
    let id = request.id;
    let any = ["withdraw", "cancel", "retry", "undo"].iter().any(|what| allowed(what));
    let target = if request.form.target_project.is_empty() { &request.form.project } else { &request.form.target_project };
    let reason = (!any).then(|| who_acts(request.state, may_ask(&request.form.harbor, target))).flatten();
    let whole = matches!(request.state, RequestState::Denied | RequestState::Expired);
    let again_text = if whole {
        t("Ask again…", "再次申请…")
    } else {
        t("Ask again for what is not done…", "重新申请未完成的部分…")
    };
    let hidden = move || view! { <Hidden name="request_id" value=id.to_string()/> };
    let (taking, stopping, again, undoing) = (allowed("withdraw"), allowed("cancel"), allowed("retry"), allowed("undo"));
    view! {
        <Bar>
            {taking.then(|| view! { <PostForm call=WithdrawRequest::PATH id="withdraw" class="inline">{hidden()}<SubmitButton text=t("Take it back", "撤回申请")/></PostForm> })}
            {stopping.then(|| view! { <PostForm call=CancelRequest::PATH id="cancel" class="inline">{hidden()}<SubmitButton text=t("Stop before the next write", "在下一次写入前停止") kind=ButtonKind::Danger/></PostForm> })}
            {again.then(|| view! { <PostForm call=RetryRequest::PATH id="retry" class="inline">{hidden()}<SubmitButton text=again_text kind=ButtonKind::Primary/></PostForm> })}
            {undoing.then(|| view! { <PostForm call=UndoRequest::PATH id="undo" class="inline">{hidden()}<SubmitButton text=t("Undo this restore…", "撤销此次恢复…")/></PostForm> })}
        </Bar>
        {reason.map(|text| view! { <MayNot text=text/> })}
    }
    .into_any()
}
