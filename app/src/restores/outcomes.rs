//! What is said of a restore once it is asked for: whose move it is, how lines and the whole ended, why votes lapsed.

use crate::jobs::failures::Failure;
use crate::restores::words::Ended;
use crate::sentence::{en, sentences, zh};
use crate::text::Lang;
use crate::text::Lang::{En, ZhCn};
use crate::troubles::Trouble;
use crate::units::{count, listed, some};

sentences! {
    /// Who has to decide.
    pub enum Deciders {
        /// Nobody is known.
        Anybody => ("an approver"), ("审批人");
        /// One.
        One {
            /// Name.
            name: String,
        } => ("{name}"), ("{name}");
        /// Several.
        Several {
            /// Name of the first.
            name: String,
            /// How many others.
            others: i64,
        } => ("{name} or {} more", count(*others)), ("{name} 或另外 {} 人", count(*others));
    }

    /// What happens next, and whose move it is.
    pub enum NextMove {
        /// A draft.
        SendOff => ("Its author has to send it off."), ("等待申请人提交。");
        /// It waits.
        Decide {
            /// For whom.
            who: Deciders,
            /// Votes given.
            votes: i64,
            /// Votes needed.
            needed: i64,
        } => ("Waits for {} to decide: {votes} of {}.", en(who), some(*needed, "approval", "approvals")), ("等待 {} 审批：{votes} / {needed}。", zh(who));
        /// The plan had the form of an earlier program.
        DecideOlderForm {
            /// For whom.
            who: Deciders,
        } => ("The approved plan was made by an earlier version of this program and was made anew, so earlier approvals no longer count. Waits for {} to decide again.", en(who)),
            ("已批准的方案由本程序的旧版本生成，现已重新生成，原审批失效。等待 {} 重新审批。", zh(who));
        /// Harbor changed.
        DecideAgain {
            /// For whom.
            who: Deciders,
        } => ("Harbor changed since approval, so earlier approvals no longer count. Waits for {} to decide again.", en(who)),
            ("审批后 Harbor 内容已变化，原审批失效。等待 {} 重新审批。", zh(who));
        /// Approved.
        Queued => ("Approved. A worker takes it up at once."), ("已批准，即将执行。");
        /// It runs.
        Running => ("Writes to Harbor and reads every image back."), ("正在写入 Harbor 并逐一回读镜像。");
        /// Done.
        Done => ("Done: everything was read back from Harbor."), ("已完成：全部内容已从 Harbor 回读校验。");
        /// In part.
        Issues => ("Not all of it was restored. Look at the lines that failed, are blocked or were not begun."), ("未全部恢复，请查看失败、受阻或未执行的行。");
        /// Not.
        Failed => ("Nothing more happens by itself. Look at the reason and ask again."), ("不会自动继续，请查看原因后重新申请。");
        /// Stopped.
        Cancelled => ("Stopped. What was written before stays and is listed."), ("已停止，此前写入的内容保留并已列出。");
        /// Refused.
        Denied => ("Refused. It can be asked for again with another reason or plan."), ("已拒绝，可更换原因或方案后重新申请。");
        /// Over.
        Expired => ("Nobody decided in time. It can be asked for again."), ("未在期限内审批，可重新申请。");
        /// Taken back.
        Withdrawn => ("Taken back by its author."), ("申请人已撤回。");
    }

    /// How a request ended.
    pub enum Outcome {
        /// It was written, as far as it went.
        Ended {
            /// What came of its lines.
            ended: Ended,
        } => ("{}", en(ended)), ("{}", zh(ended));
        /// An approver refused.
        Denied {
            /// Why, in their words.
            comment: String,
        } => ("{comment}"), ("{comment}");
        /// It was stopped while it waited for a worker.
        StoppedBefore => ("stopped before it wrote anything"), ("在写入之前已停止");
        /// It was stopped while it wrote.
        Stopped {
            /// Lines that were done.
            items: i64,
        } => ("stopped by a person; {} done before and {}", some(*items, "item was", "items were"), if *items == 1 { "stays" } else { "stay" }),
            ("已由人员停止；此前完成的 {} 项保留", count(*items));
        /// It could not go on.
        Failed {
            /// Why.
            why: Failure,
            /// Lines that were done.
            items: i64,
        } => ("{}; {} done before and {}", en(why), some(*items, "item was", "items were"), if *items == 1 { "stays" } else { "stay" }),
            ("{}；此前完成的 {} 项保留", zh(why), count(*items));
        /// Nobody decided.
        NobodyDecided => ("nobody decided in time"), ("无人及时审批");
        /// Its plan cannot be executed any more.
        OlderForm => ("its effect plan was made by an earlier version of this program, in a form that is not executed any more; ask for it again"),
            ("其方案由本程序的旧版本生成，该格式不再执行；请重新申请");
    }

    /// Why a vote does not count any more.
    pub enum Lapse {
        /// The effect is another one.
        HarborChanged => ("Harbor changed, so the effect is another one"), ("Harbor 已变化，方案的效果不同了");
        /// The plan had the form of an earlier program.
        OlderForm => ("the plan was made by an earlier version of this program"), ("该方案由本程序的旧版本生成");
        /// Whoever voted may have been somebody else.
        PasswordReset => ("the password of the account was reset"), ("该账号的密码已被重置");
    }

    /// Why somebody may not vote.
    pub enum WhyNot {
        /// It is their own.
        Own => ("nobody decides on a request of their own"), ("申请人不能审批自己的申请");
        /// A token.
        Token => ("a token never votes; sign in to the console"), ("令牌不能审批；请登录控制台");
        /// The role is missing.
        NoRole {
            /// On which project.
            project: String,
        } => ("this needs the role approver or owner on {project}"), ("需要 {project} 的审批人或所有者角色");
        /// They have.
        Voted => ("you have voted already"), ("您已审批");
        /// Their password was set by somebody else.
        NotYet => ("the password of this account was reset less than 24 hours ago; until then it does not vote"), ("此账号的密码在 24 小时内被重置；在此之前不能审批");
    }

    /// One way in which Harbor is not as planned.
    pub enum Deviation {
        /// A manifest is not given back.
        Manifest {
            /// It.
            manifest: String,
        } => ("Harbor does not give {manifest} back"), ("Harbor 未能返回 {manifest}");
        /// Other bytes are.
        OtherBytes {
            /// Asked for.
            manifest: String,
            /// Given.
            actual: String,
        } => ("Harbor gives {actual} back for {manifest}"), ("Harbor 对 {manifest} 返回了 {actual}");
        /// A blob is not there.
        Blob {
            /// It.
            blob: String,
            /// Who needs it.
            manifest: String,
        } => ("Harbor does not have the blob {blob} of {manifest}"), ("Harbor 没有 {manifest} 的数据块 {blob}");
        /// Other bytes stand under a blob's name.
        Spoilt {
            /// It.
            blob: String,
        } => ("Harbor has other bytes under the name of the blob {blob}, and takes none in their place; delete every image that has it, let Harbor collect its garbage, then restore again"),
            ("Harbor 中数据块 {blob} 的内容已损坏且不接受替换；请在 Harbor 中删除包含该数据块的所有镜像并执行垃圾回收，然后重新恢复");
        /// A blob is of another size.
        OtherSize {
            /// It.
            blob: String,
            /// Bytes that are there.
            found_bytes: i64,
            /// Bytes it has.
            size_bytes: i64,
        } => ("Harbor has {} for the blob {blob}, which has {size_bytes}", some(*found_bytes, "byte", "bytes")), ("Harbor 中数据块 {blob} 有 {} 字节，应为 {size_bytes} 字节", count(*found_bytes));
        /// A tag names something else.
        Tag {
            /// It.
            tag: String,
            /// What it names; none = nothing.
            found: Option<String>,
        } => ("{}", found.as_ref().map_or_else(|| format!("the tag {tag} is not there"), |found| format!("the tag {tag} points to {found}"))),
            ("{}", found.as_ref().map_or_else(|| format!("Tag {tag} 不存在"), |found| format!("Tag {tag} 指向 {found}")));
        /// An accessory is not shown.
        Link {
            /// Its subject.
            subject: String,
        } => ("Harbor does not show it as an accessory of {subject}"), ("Harbor 未将其显示为 {subject} 的附件");
    }

    /// Why a line failed.
    pub enum LineFault {
        /// Registry or vault.
        Trouble {
            /// How.
            why: Trouble,
        } => ("{}", en(why)), ("{}", zh(why));
        /// Nested too deep.
        TooDeep {
            /// What.
            object: String,
        } => ("{object} is nested too deep"), ("{object} 嵌套过深");
        /// Blobs vanish.
        LosesBlobs {
            /// Of what.
            object: String,
        } => ("Harbor lost blobs of {object} again and again while they were sent"), ("发送期间 Harbor 反复丢失 {object} 的数据块");
        /// It is not as planned after it was written.
        NotAsPlanned {
            /// The ways: the first few.
            deviations: Vec<Deviation>,
            /// How many more.
            more: i64,
        } => ("{}{}", deviations.iter().map(en).collect::<Vec<_>>().join("; "), if *more > 0 { format!("; and {} more", count(*more)) } else { String::new() }),
            ("{}{}", deviations.iter().map(zh).collect::<Vec<_>>().join("；"), if *more > 0 { format!("；另有 {} 处", count(*more)) } else { String::new() });
        /// A manifest that cannot be read.
        Unreadable {
            /// It.
            object: String,
            /// Why.
            why: String,
        } => ("manifest {object}: {why}"), ("manifest {object}：{why}");
        /// A name by another algorithm that the snapshot does not know.
        UnknownName {
            /// It.
            object: String,
        } => ("the snapshot does not say what is stored for {object}"), ("快照未说明 {object} 对应的存储内容");
        /// The name that keeps today's image is taken.
        NameTaken {
            /// It.
            tag: String,
        } => ("the tag {tag} is taken by another image"), ("Tag {tag} 已被其他镜像占用");
        /// The tag moved since the plan was made.
        MovedMeanwhile {
            /// Repository and tag.
            image: String,
            /// What it points to; none = nothing.
            found: Option<String>,
        } => ("{image} points to {} now, not to what the plan says; make the plan again", found.as_deref().unwrap_or("nothing")),
            ("{image} 现指向 {}，与方案不符；请重新生成方案", found.as_deref().unwrap_or("空"));
        /// What it is about failed.
        SubjectFailed {
            /// That.
            subject: String,
        } => ("{subject}, which it is about, was not restored"), ("其所属的 {subject} 未能恢复");
    }

    /// What came of a line.
    pub enum LineOutcome {
        /// Done: what the target said.
        Proof {
            /// Manifests read back.
            manifests: i64,
            /// Blobs looked up.
            blobs: i64,
            /// The tag was.
            tag: bool,
            /// It is linked to its subject.
            linked: bool,
        } => ("read back: {}", listed(En, &proof(En, *manifests, *blobs, *tag, *linked))), ("已回读：{}", listed(ZhCn, &proof(ZhCn, *manifests, *blobs, *tag, *linked)));
        /// It failed.
        Failed {
            /// Why.
            why: LineFault,
            /// HTTP status, where there is one.
            status: Option<i64>,
        } => ("{}{}", en(why), status.map(|status| format!(" (HTTP {status})")).unwrap_or_default()),
            ("{}{}", zh(why), status.map(|status| format!("（HTTP {status}）")).unwrap_or_default());
    }
}

fn proof(lang: Lang, manifests: i64, blobs: i64, tag: bool, linked: bool) -> Vec<String> {
    let mut told = vec![lang.pick(some(manifests, "manifest", "manifests"), format!("{} 个 manifest", count(manifests)))];
    if blobs > 0 {
        told.push(lang.pick(format!("{} looked up", some(blobs, "blob", "blobs")), format!("查询 {} 个数据块", count(blobs))));
    }
    if tag {
        told.push(lang.pick("the tag", "Tag").to_owned());
    }
    if linked {
        told.push(lang.pick("the link to its subject", "与所属对象的关联").to_owned());
    }
    told
}
