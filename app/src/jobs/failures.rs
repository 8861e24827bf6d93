//! Why jobs fail, and what helps.

use crate::refusals::Refusal;
use crate::sentence::{Said, en, sentences, zh};
use crate::text::Lang::{En, ZhCn};
use crate::troubles::Trouble;
use crate::units::{count, listed, some};

sentences! {
    /// Why a try of a job did not end well.
    pub enum Failure {
        /// Something outside, or here.
        Trouble {
            /// What.
            why: Trouble,
        } => ("{}", en(why)), ("{}", zh(why));
        /// A call was refused.
        Refused {
            /// Why.
            #[schema(no_recursion)]
            why: Box<Said<Refusal>>,
        } => ("{}", en(&**why)), ("{}", zh(&**why));
        /// The row is gone.
        RunGone => ("the run is gone"), ("该次运行已不存在");
        /// The row is gone.
        PlanGone => ("the plan is gone"), ("备份计划已不存在");
        /// The row is gone.
        HarborGone => ("the harbor is gone"), ("该 Harbor 已不存在");
        /// The row is gone.
        VaultGone => ("the vault is gone"), ("保管库已不存在");
        /// The row is gone.
        RequestGone => ("the request is gone"), ("该申请已不存在");
        /// A major version nobody here knows.
        HarborUnknown {
            /// The version.
            version: String,
        } => ("Harbor {version} is not known to this program: nothing is read from it or written to it"), ("本程序不了解 Harbor {version}：不读取也不写入");
        /// A project is not in the harbor.
        NoProject {
            /// The project.
            project: String,
        } => ("the harbor has no project {project} now; earlier snapshots of it stay"), ("该 Harbor 现无项目 {project}；此前的快照保留");
        /// More of something than is read.
        TooMuch {
            /// The project.
            project: String,
        } => ("{project} has more than is read of one project"), ("{project} 的内容超过单个项目的读取上限");
        /// A listing that changes while it is read.
        ListingUnstable {
            /// The project.
            project: String,
        } => ("the listing of {project} changes too fast to be trusted"), ("{project} 的列表变化过快，不可信");
        /// Something is not in the snapshot.
        NotInSnapshot {
            /// What: the first few.
            names: Vec<String>,
        } => ("the snapshot does not have {}", listed(En, names)), ("快照中没有 {}", listed(ZhCn, names));
        /// A suffix that gives no tag.
        NoTag {
            /// What it gives.
            tag: String,
        } => ("{tag} is not a tag; choose another suffix"), ("{tag} 不是有效的 Tag；请另选后缀");
        /// A plan of another version of this program.
        PlanVersion => ("the effect plan was made by another version of this program; make the plan again"), ("该恢复方案由本程序的其他版本生成；请重新生成");
        /// The target project is gone.
        TargetGone {
            /// The project.
            project: String,
        } => ("the project {project} does not exist any more; make the plan again"), ("项目 {project} 已不存在；请重新生成方案");
        /// One project of a run was not backed up.
        OneProject {
            /// The project.
            project: String,
            /// Why.
            #[schema(no_recursion)]
            why: Box<Failure>,
        } => ("{project} could not be backed up: {}", en(&**why)), ("{project} 未能备份：{}", zh(&**why));
        /// Several were not.
        SomeProjects {
            /// The first.
            project: String,
            /// How many more.
            more: i64,
            /// Why the first was not.
            #[schema(no_recursion)]
            why: Box<Failure>,
        } => ("{project} and {} could not be backed up: {}", some(*more, "more project", "more projects"), en(&**why)),
             ("{project} 等 {} 个项目未能备份：{}", count(*more + 1), zh(&**why));
        /// Snapshots were not copied.
        SomeCopies {
            /// How many.
            copies: i64,
            /// Why the first was not.
            #[schema(no_recursion)]
            why: Box<Failure>,
        } => ("{} could not be copied; the first: {}", some(*copies, "snapshot", "snapshots"), en(&**why)),
             ("{} 个快照未能复制；首个原因：{}", count(*copies), zh(&**why));
        /// A snapshot cannot be read from its vault.
        CopyFrom {
            /// Why.
            why: Trouble,
        } => ("the snapshot cannot be read from its vault: {}", en(why)), ("无法从其保管库读取快照：{}", zh(why));
        /// The further vault did not take a copy.
        CopyTo {
            /// Why.
            why: Trouble,
        } => ("the other vault did not take the copy: {}", en(why)), ("另一保管库未接受副本：{}", zh(why));
        /// A snapshot's pointer is lost.
        NoPointer => ("its pointer is not in its vault"), ("其保管库中没有它的指针");
        /// A restore waits for its Harbor.
        HarborSilent => ("the Harbor does not answer; what was not written yet waits for it"), ("Harbor 无响应；尚未写入的内容将等待其恢复");
        /// An approval was lost while it was written.
        ApprovalLost => ("an approval no longer holds, so nothing more was written"), ("某项审批已失效，因此未再写入");
        /// The same, before anything was written.
        ApprovalsGone => ("the approvals no longer hold: an approver lost the right or the account"), ("审批已失效：审批人失去了权限或账号");
        /// The author may not do it any more.
        AuthorMayNot => ("its author no longer has the right to restore into this project"), ("其申请人已无权恢复到该项目");
        /// The request is in another state.
        NotApproved => ("the request is not approved any more"), ("该申请已不处于批准状态");
        /// The clock of the worker.
        Clock {
            /// By how much.
            minutes: i64,
            /// Whether it is ahead.
            ahead: bool,
        } => ("the clock of this machine is {} {} the database's: no snapshot is made or let go", some(*minutes, "minute", "minutes"), if *ahead { "ahead of" } else { "behind" }),
             ("本机时钟比数据库{} {} 分钟：不创建也不放弃快照", if *ahead { "快" } else { "慢" }, count(*minutes));
        /// A vault and the catalogue differ.
        CatalogueDiffers {
            /// The vault.
            vault: String,
        } => ("the catalogue and the vault {vault} differ: nothing is swept"), ("目录与保管库 {vault} 不一致：不作清理");
        /// The program broke off.
        BrokeOff {
            /// What the program says.
            panic: String,
        } => ("the job broke off: {panic}"), ("任务中断：{panic}");
        /// A kind of a newer program.
        UnknownKind => ("this worker does not know the kind of job"), ("此执行节点不认识该任务类型");
        /// The worker is gone.
        WorkerSilent => ("the worker stopped answering in the last try"), ("执行节点在最后一次尝试中失去响应");
        /// The worker ends; another goes on.
        WorkerStopped => ("the worker was stopped; the job goes on elsewhere"), ("执行节点已停止；任务将在其他节点继续");
    }

    /// What helps a job that failed.
    pub enum Help {
        /// A new secret.
        RenewLogin => ("renew the login's robot in Harbor and give the new secret on the harbor's page"), ("请在 Harbor 中更新该登录的机器人账号，并在 Harbor 页面填写新密钥");
        /// Which right is missing.
        TestConnection => ("the login lacks a right: test the connection on the harbor's page to see which"), ("该登录缺少权限：请在 Harbor 页面测试连接以查看缺少哪项");
        /// A newer program.
        UpgradeForHarbor => ("upgrade Breakwater to a release that knows this Harbor"), ("请将 Breakwater 升级到支持该 Harbor 的版本");
        /// Space, then a run.
        FreeSpaceAndRun => ("free some space on the vault's disk or make the disk larger, then run the plan again"), ("请在保管库磁盘上腾出空间或扩大磁盘，然后重新运行计划");
        /// Space in the further vault.
        FreeSpaceForCopies => ("free some space in that vault or make it larger; the next run of the plan copies again"), ("请在该保管库腾出空间或扩容；计划下次运行时会再次复制");
        /// A verification of another vault.
        VerifyThat => ("verify that vault: it says what is lost"), ("请校验该保管库：会说明丢失的内容");
        /// A verification of the vault a copy comes from.
        VerifySource => ("verify the vault it is in: what is damaged there is healed first"), ("请校验其所在的保管库：先修复其中的损坏");
        /// The Harbor, then what is missing.
        SeeHarborIsUp => ("see that the Harbor is up, then ask for what is still missing"), ("请确认 Harbor 已恢复，然后申请仍缺少的内容");
        /// Another request.
        AskAgain => ("ask for the restore again"), ("请重新申请恢复");
        /// A run.
        RunAgain => ("run the plan again"), ("请重新运行计划");
        /// A report to those who make the program.
        Report => ("report this with the log of the worker"), ("请附上执行节点日志报告此问题");
        /// A newer worker.
        UpgradeWorker => ("upgrade the worker"), ("请升级执行节点");
        /// The logs, then again.
        LookAtLogs => ("look at the log of the job and of the worker, then retry the job"), ("请查看任务与执行节点的日志，然后重试任务");
        /// One time service.
        SetClocks => ("set the clocks of the worker and of the database by the same time service"), ("请让执行节点与数据库使用同一时间服务校时");
        /// A rebuild.
        Rebuild => ("look at the vault's page and rebuild the catalogue from the vault"), ("请查看保管库页面，并由保管库重建目录");
        /// A sweep without its limit.
        SweepOnce => ("look what it would free on the vault's page; if that is right, sweep once however much it is"), ("请在保管库页面查看将释放的内容；如无误，可不限量清理一次");
        /// What is unreadable might need anything.
        VerifyAndRun => ("verify the vault and run the plans: nothing is swept while a snapshot cannot be read, since it might need anything"), ("请校验保管库并运行计划：有快照无法读取时不作清理，因为它可能需要任何内容");
    }
}

impl From<Trouble> for Failure {
    fn from(why: Trouble) -> Self {
        Self::Trouble { why }
    }
}
