//! What jobs write into their logs.

use super::failures::Failure;
use crate::audit::events::{Swept, VaultEvent, swept};
use crate::harbors::sentences::StagingTrouble;
use crate::plans::basis::{Basis, Evidence};
use crate::projects::gap_causes::GapCause;
use crate::restores::outcomes::LineOutcome;
use crate::sentence::{Said, en, sentences, zh};
use crate::text::Lang::{En, ZhCn};
use crate::troubles::Trouble;
use crate::units::{Moment, bytes, count, some};
use crate::vaults::findings::{HealedBy, LeftOutWhy, Means};

sentences! {
    /// What a backup noticed that is no gap. The `subject` is a tag, or a project.
    pub enum Noted {
        /// A tag that was removed meanwhile.
        TagGone {
            /// It.
            subject: String,
            /// It was seen before, and that is recorded.
            #[serde(default)]
            recorded: bool,
        } => ("{subject}: the tag was removed while the backup ran{}", if *recorded { "; it is recorded as first seen" } else { "" }), ("{subject}：备份期间该 Tag 被删除{}", if *recorded { "；按首次所见记录" } else { "" });
        /// A tag that moved meanwhile.
        TagMoved {
            /// It.
            subject: String,
            /// What it pointed to first.
            first: String,
            /// What it points to now.
            later: String,
        } => ("{subject}: the tag moved during the backup, from {first} to {later}; it is recorded as first seen"), ("{subject}：备份期间该 Tag 由 {first} 变为 {later}；按首次所见记录");
        /// A cache.
        ProxyCache {
            /// The project.
            subject: String,
        } => ("{subject}: the project is a cache of another registry: what it holds today was backed up, and cannot be pushed back to it"), ("{subject}：该项目是另一镜像仓库的缓存：已备份其当前内容，但无法推送回去");
        /// Images that a policy blocks.
        ReadThroughStaging {
            /// The project.
            subject: String,
            /// How many.
            images: i64,
            /// Where they were read.
            staging: String,
        } => ("{subject}: {} that a policy blocks {} read through {staging}", some(*images, "image", "images"), if *images == 1 { "was" } else { "were" }), ("{subject}：通过 {staging} 读取了 {} 个被策略拦截的镜像", count(*images));
        /// Layers that are elsewhere.
        KeptElsewhere {
            /// The project.
            subject: String,
            /// How many.
            layers: i64,
            /// One of them.
            layer: String,
            /// Who needs that.
            image: String,
        } => ("{subject}: the registry does not have {} of which it is said where else they are, such as {layer} of {image}; the images are kept without them", some(*layers, "layer", "layers")),
             ("{subject}：镜像仓库没有 {} 个注明位于他处的镜像层，如 {image} 的 {layer}；镜像将不含这些层备份", count(*layers));
        /// Too many push times.
        PushTimesLeft {
            /// The project.
            subject: String,
        } => ("{subject}: there are more push times than fit one object; a restore cannot know in which order images came"), ("{subject}：推送时间过多，无法存入一个对象；恢复时无法得知镜像的先后顺序");
        /// A copy in the staging project.
        CopyStays {
            /// It.
            subject: String,
            /// Why.
            why: Trouble,
        } => ("the copy {subject} could not be removed yet: {}", en(why)), ("副本 {subject} 暂未能删除：{}", zh(why));
    }

    /// A line of a job's log.
    pub enum Line {
        /// What the first look rested on.
        FirstLook {
            /// That.
            basis: Basis,
            /// When everything was listed last.
            full: Option<Moment>,
        } => ("{}; last full listing: {}", en(basis), full.map_or_else(|| "never".to_owned(), Moment::long)), ("{}；上次完整列出：{}", zh(basis), full.map_or_else(|| "从未".to_owned(), Moment::long));
        /// Projects that nothing was asked of.
        Unchanged {
            /// How many.
            projects: i64,
        } => ("{} {} unchanged as far as can be told: what they have is confirmed without a listing", some(*projects, "project", "projects"), if *projects == 1 { "is" } else { "are" }),
             ("{} 个项目据判断未变化，未列出即确认其最新快照", count(*projects));
        /// Projects that were listed and have what their newest snapshots have.
        FoundTheSame {
            /// How many.
            projects: i64,
        } => ("{} listed and found unchanged: what they have is confirmed", some(*projects, "project", "projects")), ("已列出 {} 个项目，内容未变化：已确认其最新快照", count(*projects));
        /// Retention.
        LetGo {
            /// How many.
            snapshots: i64,
        } => ("{} let go by the plan's rule", some(*snapshots, "snapshot", "snapshots")), ("按计划规则放弃了 {} 个快照", count(*snapshots));
        /// Retention broke off.
        RetentionBrokeOff {
            /// Why.
            why: Failure,
        } => ("retention could not finish and goes on with the next run: {}", en(why)), ("保留规则未能执行完毕，将在下次运行时继续：{}", zh(why));
        /// Retention waits.
        RetentionAdrift => ("the catalogue and the vault differ: nothing is let go until it is rebuilt"), ("目录与保管库不一致：重建之前不放弃任何快照");
        /// Retention waits.
        RetentionCooling => ("the retention rule was changed less than a day ago: nothing is let go yet"), ("保留规则在一天内有更改：暂不放弃任何快照");
        /// Some are locked.
        StillLocked {
            /// How many.
            snapshots: i64,
        } => ("let go and still locked in the vault: {}, until that is over", some(*snapshots, "snapshot", "snapshots")), ("已放弃但在保管库中仍锁定的快照：{} 个，锁定结束后删除", count(*snapshots));
        /// A list for foreign tools.
        NoIndexJson {
            /// Why.
            why: Trouble,
        } => ("index.json could not be made anew: {}", en(why)), ("未能重新生成 index.json：{}", zh(why));
        /// A project was not backed up.
        ProjectFailed {
            /// Which.
            project: String,
            /// Why.
            why: Failure,
        } => ("{project}: {}", en(why)), ("{project}：{}", zh(why));
        /// A Harbor changed under a run.
        Upgraded {
            /// What it was.
            was: Option<String>,
            /// What it is.
            is: Option<String>,
        } => ("the Harbor was {} when this try began and is {} now", was.as_deref().unwrap_or("of an unknown version"), is.as_deref().unwrap_or("of an unknown version")),
             ("本次尝试开始时 Harbor 版本为 {}，现为 {}", was.as_deref().unwrap_or("未知"), is.as_deref().unwrap_or("未知"));
        /// A cache.
        CacheLeftOut {
            /// Which.
            project: String,
        } => ("{project} is a cache of another registry and is left out"), ("{project} 是另一镜像仓库的缓存，已跳过");
        /// A name that nobody understands.
        NameLeftOut {
            /// It.
            project: String,
            /// Why.
            why: String,
        } => ("left out: {project}: {why}"), ("已跳过 {project}：{why}");
        /// A snapshot.
        Sealed {
            /// Of which project.
            project: String,
            /// Its tags.
            tags: i64,
            /// Its artifacts.
            artifacts: i64,
            /// Objects that are new in the vault.
            new_objects: i64,
            /// Their bytes.
            new_bytes: i64,
            /// What it took.
            requests: i64,
            /// Its digest, shortened.
            snapshot: String,
        } => ("{project}: {}, {}, {}, {}, {}, snapshot {snapshot}", some(*tags, "tag", "tags"), some(*artifacts, "artifact", "artifacts"), some(*new_objects, "new object", "new objects"), bytes(*new_bytes), some(*requests, "request", "requests")),
             ("{project}：{} 个 Tag，{} 个制品，{} 个新对象，{}，{} 次请求，快照 {snapshot}", count(*tags), count(*artifacts), count(*new_objects), bytes(*new_bytes), count(*requests));
        /// A gap of it.
        Gap {
            /// What it is about.
            subject: String,
            /// Why.
            cause: Said<GapCause>,
        } => ("gap: {subject}: {}", en(cause)), ("缺口：{subject}：{}", zh(cause));
        /// Something to know.
        Noted {
            /// What.
            what: Noted,
        } => ("{}", en(what)), ("{}", zh(what));
        /// The same from a program of another version.
        NotedPlainly {
            /// What.
            note: String,
        } => ("{note}"), ("备注：{note}");
        /// Settings of the Harbor.
        NoHarborSettings {
            /// Why.
            why: Trouble,
        } => ("the Harbor's own settings could not be read this time: {}", en(why)), ("本次未能读取 Harbor 自身的设置：{}", zh(why));
        /// What changes move no time.
        ChangeUntold {
            /// In which project.
            project: String,
        } => ("{project}: the full listing found what no hint shows, labels perhaps"), ("{project}：完整列出发现了变更依据未反映的内容，可能是标签");
        /// A hint that was wrong.
        HintMissed {
            /// In which project.
            project: String,
        } => ("{project}: what the hint rests on did not show that its tags changed; it is not followed until a full listing finds none of that"), ("{project}：变更依据未反映其 Tag 的变化；在完整列出确认之前不再采用该依据");
        /// A snapshot of a worker that is gone.
        EnteredSealed {
            /// Of which project.
            project: String,
        } => ("{project}: entered a snapshot that was sealed before its worker died"), ("{project}：录入了执行节点终止前已封存的快照");
        /// A Harbor that was set back.
        SetBack {
            /// How that is known.
            evidence: Evidence,
        } => ("the Harbor was set back to an older state of its database: {}; everything is listed anew", en(evidence)), ("Harbor 的数据库已被还原到较早的状态：{}；将重新列出全部内容", zh(evidence));
        /// A restore goes on.
        GoingOn => ("going on where the last try broke off"), ("从上次中断处继续");
        /// A restore that is over.
        NothingToDo => ("nothing to do: the request is no longer to be carried out"), ("无需操作：该申请已不需执行");
        /// A restore asks again.
        EffectChanged => ("Harbor changed since approval, so the effect is another one; the request waits for new votes"), ("批准后 Harbor 已变化，恢复效果不同；该申请等待重新投票");
        /// The same for a plan of before.
        PlanOutdated => ("the approved plan was made by an earlier version of this program; it was made anew, and the request waits for new votes"), ("批准的方案由本程序的旧版本生成；已重新生成，该申请等待重新投票");
        /// A restore stops.
        WritingStopped {
            /// Why.
            why: Failure,
        } => ("stopped before the next write: {}", en(why)), ("在下一次写入前停止：{}", zh(why));
        /// A line that is done.
        ItemDone {
            /// What.
            image: String,
            /// How.
            outcome: Option<LineOutcome>,
        } => ("{image}: done{}", outcome.as_ref().map(|outcome| format!(", {}", en(outcome))).unwrap_or_default()), ("{image}：完成{}", outcome.as_ref().map(|outcome| format!("，{}", zh(outcome))).unwrap_or_default());
        /// A line that writes nothing.
        ItemSkipped {
            /// What.
            image: String,
        } => ("{image}: skipped"), ("{image}：跳过");
        /// A line that failed.
        ItemFailed {
            /// What.
            image: String,
            /// How.
            outcome: Option<LineOutcome>,
        } => ("{image}: failed{}", outcome.as_ref().map(|outcome| format!(", {}", en(outcome))).unwrap_or_default()), ("{image}：失败{}", outcome.as_ref().map(|outcome| format!("，{}", zh(outcome))).unwrap_or_default());
        /// A listing.
        ProjectsListed {
            /// How many.
            projects: i64,
        } => ("{} listed", some(*projects, "project", "projects")), ("已列出 {} 个项目", count(*projects));
        /// Copies of before.
        CopiesRemoved {
            /// How many.
            copies: i64,
        } => ("removed from the staging project, where they were left: {}", some(*copies, "copy", "copies")), ("已删除暂存项目中残留的副本：{} 个", count(*copies));
        /// No staging now.
        StagingUnusable {
            /// Why.
            why: StagingTrouble,
        } => ("images that a policy blocks are not read this time: {}", en(why)), ("本次不读取被策略拦截的镜像：{}", zh(why));
        /// Copies that stay.
        CopiesStay {
            /// How many.
            copies: i64,
            /// Where.
            project: String,
            /// Why.
            why: Option<StagingTrouble>,
        } => ("left in {project} for now: {}{}", some(*copies, "copy", "copies"), why.as_ref().map(|why| format!(": {}", en(why))).unwrap_or_default()),
             ("{project} 中暂留 {} 个副本{}", count(*copies), why.as_ref().map(|why| format!("：{}", zh(why))).unwrap_or_default());
        /// A sweep.
        Swept {
            /// What it did.
            parts: Vec<Swept>,
        } => ("{}", swept(En, parts)), ("{}", swept(ZhCn, parts));
        /// What broken-off writes left.
        TidiedUp {
            /// How many.
            leftovers: i64,
            /// Their bytes.
            size_bytes: i64,
        } => ("tidied up {} ({})", some(*leftovers, "leftover", "leftovers"), bytes(*size_bytes)), ("清理了 {} 个残留文件（{}）", count(*leftovers), bytes(*size_bytes));
        /// It stays.
        NotTidiedUp {
            /// Why.
            why: Trouble,
        } => ("leftovers could not be tidied up: {}", en(why)), ("未能清理残留文件：{}", zh(why));
        /// Pointers from older versions.
        PointersBack {
            /// How many.
            pointers: i64,
        } => ("back from older versions in the same bucket: {}", some(*pointers, "pointer", "pointers")), ("由同一存储桶中的旧版本恢复了 {} 个指针", count(*pointers));
        /// Snapshots of a rebuild.
        Entered {
            /// Of which project.
            project: String,
            /// How many.
            entered: i64,
            /// Of how many.
            of: i64,
        } => ("{project}: {} of {} entered", count(*entered), some(*of, "snapshot", "snapshots")), ("{project}：录入 {} / {} 个快照", count(*entered), count(*of));
        /// A pointer of a rebuild.
        PointerRestored {
            /// Of which project.
            project: String,
        } => ("{project}: a snapshot has its pointer again"), ("{project}：一个快照重新有了指针");
        /// Snapshots that came back.
        BackAgain {
            /// How many.
            snapshots: i64,
        } => ("let go and back again: {}; the next sweep lets go of them once more", some(*snapshots, "snapshot", "snapshots")), ("已放弃又重新出现的快照：{} 个；下次清理会再次放弃", count(*snapshots));
        /// What a rebuild left out.
        LeftOut {
            /// What.
            what: String,
            /// How many.
            snapshots: i64,
            /// Why.
            why: Said<LeftOutWhy>,
        } => ("left out: {what} ({}): {}", some(*snapshots, "snapshot", "snapshots"), en(why)), ("未录入：{what}（{} 个快照）：{}", count(*snapshots), zh(why));
        /// Locks.
        LocksExtended {
            /// How many.
            locks: i64,
        } => ("extended: {}", some(*locks, "lock", "locks")), ("延长了 {} 个锁定", count(*locks));
        /// A finding.
        Found {
            /// The object.
            object: String,
            /// What it means.
            means: Means,
        } => ("{object}: {}", en(means)), ("{object}：{}", zh(means));
        /// What a vault's job came to.
        OfVault {
            /// That.
            event: VaultEvent,
        } => ("{}", en(event)), ("{}", zh(event));
        /// An object is there again.
        Healed {
            /// It.
            object: String,
            /// Where it came from.
            by: HealedBy,
        } => ("{object} is whole again, from: {}", en(by)), ("{object} 已恢复完整，来源：{}", zh(by));
        /// A vault that does not answer.
        VaultSilent {
            /// Which.
            vault: String,
            /// Why.
            why: Failure,
        } => ("the vault {vault} cannot be asked: {}", en(why)), ("无法询问保管库 {vault}：{}", zh(why));
        /// An object that is not to be had there.
        NotFrom {
            /// It.
            object: String,
            /// Where.
            from: HealedBy,
            /// Why.
            why: Failure,
        } => ("{object} cannot be had from {}: {}", en(from), en(why)), ("无法从 {1} 取得 {object}：{0}", zh(why), zh(from));
        /// It ended well.
        Done => ("done"), ("完成");
        /// Somebody stopped it.
        StoppedByPerson => ("stopped by a person"), ("被人停止");
        /// Another try.
        TryAgain {
            /// Why.
            why: Failure,
            /// In how long.
            seconds: i64,
        } => ("{}; next try in {}", en(why), some(*seconds, "second", "seconds")), ("{}；{} 秒后重试", zh(why), count(*seconds));
        /// It failed.
        Failed {
            /// Why.
            why: Failure,
        } => ("{}", en(why)), ("{}", zh(why));
        /// A snapshot was not copied.
        NotCopied {
            /// Of which project.
            project: String,
            /// Its moment.
            moment: Moment,
            /// Why.
            why: Failure,
        } => ("{project} at {}: {}", moment.long(), en(why)), ("{project}，{}：{}", moment.long(), zh(why));
    }
}
