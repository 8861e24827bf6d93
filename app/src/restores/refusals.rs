//! Why a call is refused: what is at fault with a form or request about restores.

use super::outcomes::WhyNot;
use crate::jobs::failures::Failure;
use crate::sentence::{en, sentences, zh};
use crate::units::{count, some};

sentences! {
    /// Why a call is refused.
    #[schema(as = RestoreRefusal)]
    pub enum Refusal {
        /// It is a request now.
        SentOff => ("this was sent off already; its page shows where it stands"), ("已提交，请在其页面查看进展");
        /// Nothing would be written.
        NothingToDo => ("this restore would change nothing in Harbor"), ("该恢复不会改变 Harbor 中的任何内容");
        /// Changed elsewhere.
        OtherTab => ("the draft was changed in another tab; look at it again"), ("草稿已在另一标签页中修改，请重新查看");
        /// No reason.
        Reason => ("say why, in 10 to 2,000 characters"), ("请用 10 至 2,000 字说明原因");
        /// No category.
        Category => ("choose what happened"), ("请选择发生了什么");
        /// No project.
        ProjectName => ("this is not a project name"), ("不是有效的项目名称");
        /// No name.
        TargetName => ("a project name has lower-case letters, digits, dots, dashes and underscores"), ("项目名称由小写字母、数字、点、短横线和下划线组成");
        /// A name of staging.
        TargetStaging => ("projects of this name are for staging; choose another"), ("此名称的项目用于暂存，请另选");
        /// No moment.
        MomentForm => ("write the moment as 2026-11-23T09:30:00Z"), ("时刻请写作 2026-11-23T09:30:00Z");
        /// Too much.
        TooManyItems {
            /// How many.
            most: i64,
        } => ("one request names at most {}; split it", some(*most, "item", "items")), ("一次申请最多 {} 项，请拆分", count(*most));
        /// A line that is no item.
        ItemForm {
            /// The line.
            line: String,
        } => ("“{line}” is not like repository:tag, repository@sha256:… or repository"), ("“{line}”的写法不对，应如 仓库:Tag、仓库@sha256:… 或 仓库");
        /// Another project.
        ItemElsewhere {
            /// The repository.
            repository: String,
            /// The project.
            project: String,
        } => ("{repository} is not in the project {project}"), ("{repository} 不在项目 {project} 中");
        /// Nothing to repeat.
        NothingFailed => ("nothing of this request failed"), ("此申请没有失败项");
        /// Nothing to undo.
        NothingWritten => ("this restore wrote nothing"), ("此次恢复未写入任何内容");
        /// It writes.
        StillRunning => ("this restore still writes; stop it or wait for its end"), ("此次恢复仍在写入；请停止或等待结束");
        /// Nothing to move back.
        NothingMoved => ("this restore moved no tag; what it created can be deleted in Harbor"), ("此次恢复未移动任何 Tag；其创建的内容可在 Harbor 中删除");
        /// No vault.
        NoSnapshotKept => ("no snapshot of the project is kept any more, and a restore needs its vault; back the project up once, then undo"), ("该项目已无保留的快照，而恢复需要其保管库；请先备份一次再撤销");
        /// It moved on.
        MovedOn => ("this request moved on since you opened it; look at it again"), ("申请在您打开后已有变化，请重新查看");
        /// No decision.
        Decision => ("approve or deny"), ("请选择批准或拒绝");
        /// Too long.
        CommentLong => ("use at most 2,000 characters"), ("最多 2,000 个字符");
        /// Over.
        TooLate => ("the time to decide is over"), ("审批时间已过");
        /// A high risk.
        CommentNeeded => ("at this risk an approval needs a comment"), ("此风险等级的批准须填写说明");
        /// No reason.
        SayWhyRefused => ("say why you refuse"), ("请说明拒绝的原因");
        /// Somebody else's.
        NotYours => ("only its author takes a request back"), ("只有申请人可撤回申请");
        /// Harbor changed.
        PlanChanged => ("Harbor changed since you looked, so the effect is another one; look at the new preview"), ("在您查看之后 Harbor 已变化，效果不同了；请查看新的预览");
        /// Too few may decide.
        NoApprover {
            /// Votes needed.
            votes: i64,
            /// Who may give them.
            people: i64,
        } => ("{} needed and {} may give one; a security administrator can make somebody an approver", some(*votes, "approval is", "approvals are"), some(*people, "person", "people")), ("需要 {} 个批准，而有 {} 人可审批；可由安全管理员指定审批人", count(*votes), count(*people));
        /// Let go.
        SnapshotGone => ("the snapshot was let go by its plan's rule meanwhile; look at the preview of another moment"), ("该快照已按计划规则放弃；请查看其他时间点的预览");
        /// Too many.
        TooManyOpen {
            /// How many.
            open: i64,
        } => ("{} open; wait for some of them to end, or take some back", some(*open, "of your requests is", "of your requests are")), ("您有 {} 个进行中的申请；请等待部分结束，或撤回部分申请", count(*open));
        /// No tag.
        TagForm {
            /// Characters.
            most: i64,
        } => ("a tag has letters, digits, dots, dashes and underscores, and here at most {most}"), ("Tag 由字母、数字、点、短横线和下划线组成，此处最多 {most} 个");
        /// What a plan cannot be made of.
        NotInPlan {
            /// Why.
            why: Failure,
        } => ("{}", en(why)), ("{}", zh(why));
        /// They may not decide.
        MayNotVote {
            /// Why.
            why: WhyNot,
        } => ("{}", en(why)), ("{}", zh(why));
        /// No page.
        PagesFromOne => ("pages count from 1"), ("页码从 1 开始");
        /// No project.
        WriteHarborProject => ("write harbor/project"), ("请写作 harbor/项目");
    }
}
