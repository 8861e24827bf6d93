//! The two forms of the wizard: what and where to; and why.

use leptos::prelude::*;

use super::calls::{PreviewRestore, SubmitRestore};
use super::types::{Draft, RestoreForm};
use crate::sentence::Sentence as _;
use crate::text::{lang, t};
use crate::ui::*;

/// What to restore, where to, and what to do where something is there already.
#[component]
pub fn Choose(form: RestoreForm) -> impl IntoView {
    let same = form.project.clone();
    let choice = if form.on_conflict.is_empty() { "leave".to_owned() } else { form.on_conflict.clone() };
    let options = vec![
        ("leave".to_owned(), t("leave Harbor as it is", "保持 Harbor 不变").to_owned()),
        (
            "move".to_owned(),
            t("move the tag back; today's image stays and keeps a tag of its own", "将 Tag 移回；现有镜像保留并另行打 Tag").to_owned(),
        ),
        ("rename".to_owned(), t("restore under a new name", "以新名称恢复").to_owned()),
    ];
    view! {
        <Panel title=t("What, and where to", "内容与目标") padded=true>
            <PostForm call=PreviewRestore::PATH prefix="form" id="wish">
                <Hidden name="harbor" value=form.harbor.clone()/>
                <Hidden name="project" value=form.project.clone()/>
                {form.draft_id.map(|id| view! { <Hidden name="draft_id" value=id/> })}
                <Field name="at" label=t("Moment (UTC)", "时间点 (UTC)") value=form.at.clone() mono=true hint=t("the snapshot at or before it is used", "使用该时间点或之前最近的快照")/>
                <TextArea name="items" label=t("Items", "内容") value=form.items.clone() rows=4 mono=true optional=true
                    hint=t("one a line: repository:tag, repository@sha256:… or repository for all its tags; empty is the whole project", "每行一项：仓库:Tag、仓库@sha256:… 或仓库（全部 Tag）；留空表示整个项目")/>
                <Field name="target_project" label=t("Into project", "恢复到项目") value=form.target_project.clone() optional=true mono=true
                    hint=lang().pick(format!("empty is {same}, where it came from"), format!("留空表示原项目 {same}"))/>
                <Select name="on_conflict" label=t("If a tag points elsewhere now", "若 Tag 现指向其他镜像") options=options value=choice hint=t("missing tags are created; a tag that is the same is left", "缺失的 Tag 会创建，相同的保持不变")/>
                <Field name="digest_tag" label=t("Tag for images named by digest", "按摘要恢复的镜像所用 Tag") value=form.digest_tag.clone() optional=true mono=true placeholder="restored"
                    hint=t("without a tag the next garbage collection that deletes untagged images removes them; several of one repository get their first digits too", "没有 Tag 的镜像会在下次清理无 Tag 镜像的垃圾回收中删除；同一仓库有多个时附加摘要前几位")/>
                <Checkbox name="without_accessories" label=t("Leave signatures, SBOMs and other accessories out", "不包含签名、SBOM 等附件") checked=form.without_accessories/>
                <SubmitButton text=t("Look at the effect", "查看影响") kind=ButtonKind::Primary/>
                <p class="note">{t("Nothing is written to Harbor by looking.", "查看不会向 Harbor 写入任何内容。")}</p>
            </PostForm>
        </Panel>
    }
    .into_any()
}

/// Why, and the button that says exactly what it asks for.
#[component]
pub fn Reason(draft: Draft) -> impl IntoView {
    let effects = &draft.plan.effects;
    if !effects.writes() {
        return view! {
            <Panel title=t("Nothing to ask for", "无需申请") padded=true>
                <p>{t("Harbor already has exactly this, or every line is blocked. See the table.", "Harbor 已是该状态，或全部行受阻，详见表格。")}</p>
            </Panel>
        }
        .into_any();
    }
    let (created, moved) = (effects.tags_created, effects.tags_moved);
    let text = match (created, moved, effects.images_created) {
        (1, 0, 0) => t("Ask for this tag to be created", "申请创建该 Tag").to_owned(),
        (0, 1, 0) => t("Ask for this tag to be moved", "申请移动该 Tag").to_owned(),
        (0, 0, 0) => t("Ask for these accessories to be added", "申请补充这些附件").to_owned(),
        (c, 0, 0) => lang().pick(format!("Ask for {c} tags to be created"), format!("申请创建 {c} 个 Tag")),
        (c, m, 0) => lang().pick(format!("Ask for {} tags to be created or moved", c + m), format!("申请创建或移动 {} 个 Tag", c + m)),
        (0, 0, 1) => t("Ask for this image to be brought back", "申请恢复该镜像").to_owned(),
        _ => t("Ask for exactly this", "申请执行此方案").to_owned(),
    };
    let who = match draft.approvers.as_slice() {
        [] if draft.votes_needed > 0 => {
            t("Nobody may approve it yet: a security administrator makes somebody an approver.", "尚无审批人，请联系安全管理员指定。")
                .to_owned()
        }
        [] => String::new(),
        names => lang().pick(format!("Goes to {}.", names.join(", ")), format!("将发送给 {}。", names.join("、"))),
    };
    let categories = vec![
        ("accident".to_owned(), t("deleted by accident", "误删除").to_owned()),
        ("bad_push".to_owned(), t("a bad push", "错误推送").to_owned()),
        ("retention".to_owned(), t("a retention rule took it", "被保留策略清理").to_owned()),
        ("incident".to_owned(), t("an incident", "故障事件").to_owned()),
        ("test".to_owned(), t("a test", "测试").to_owned()),
        ("other".to_owned(), t("something else", "其他").to_owned()),
    ];
    let category = if draft.category.is_empty() { "accident".to_owned() } else { draft.category.clone() };
    view! {
        <Panel title=t("Why", "原因") padded=true>
            <p class="note">{draft.rule.say(lang())}" "{who}</p>
            <PostForm call=SubmitRestore::PATH prefix="form" id="why">
                <Hidden name="draft_id" value=draft.id.clone()/>
                <Hidden name="plan_hash" value=draft.plan.hash.clone()/>
                <Select name="category" label=t("What happened", "发生了什么") options=categories value=category/>
                <TextArea name="reason" label=t("In your words", "请说明") value=draft.reason.clone() rows=3 hint=t("10 to 2,000 characters; approvers and auditors read it", "10 至 2,000 字，审批人与审计员可见")/>
                <Field name="ticket" label=t("Ticket", "工单") value=draft.ticket.clone() optional=true/>
                <SubmitButton text=text kind=ButtonKind::Primary/>
            </PostForm>
        </Panel>
    }
    .into_any()
}
