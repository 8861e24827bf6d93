//! Events of plans and their runs.

use crate::jobs::failures::Failure;
use crate::sentence::{Said, en, sentences, zh};
use crate::units::{count, some};

sentences! {
    /// What becomes of the snapshots of a deleted plan.
    pub enum LeftRule {
        /// There are none.
        NoSnapshots => ("it has no snapshots"), ("其没有快照");
        /// All stay.
        AllKept {
            /// For whom.
            owner: String,
        } => ("its snapshots are all kept, for {owner}"), ("其快照全部保留，由 {owner} 负责");
        /// They go on.
        OldRule => ("its snapshots are kept by the rule it had"), ("其快照按原规则保留");
        /// Another plan has them.
        RuleOfPlan {
            /// Which.
            plan: String,
        } => ("its snapshots are kept by the rule of the plan {plan}"), ("其快照按计划 {plan} 的规则保留");
    }

    /// An event of plans.
    pub enum PlanEvent {
        /// A new one.
        PlanMade {
            /// Which.
            plan: String,
        } => ("made the plan {plan}"), ("创建备份计划 {plan}");
        /// Another one now.
        PlanChanged {
            /// Which.
            plan: String,
        } => ("changed the plan {plan}"), ("更改备份计划 {plan}");
        /// It rests.
        PlanPaused {
            /// Which.
            plan: String,
            /// For how long.
            days: i64,
        } => ("paused the plan {plan} for {}", some(*days, "day", "days")), ("暂停备份计划 {plan}，共 {} 天", count(*days));
        /// It goes on.
        PlanResumed {
            /// Which.
            plan: String,
        } => ("resumed the plan {plan}"), ("恢复备份计划 {plan}");
        /// It goes on by itself.
        PauseOver {
            /// Which.
            plan: String,
        } => ("the pause of the plan {plan} is over"), ("备份计划 {plan} 的暂停已结束");
        /// It is gone.
        PlanDeleted {
            /// Which.
            plan: String,
            /// What becomes of its snapshots.
            left: LeftRule,
        } => ("deleted the plan {plan}; {}", en(left)), ("删除备份计划 {plan}，{}", zh(left));
        /// A decision afterwards.
        LeftDecided {
            /// Which.
            plan: String,
            /// What becomes of its snapshots.
            left: LeftRule,
        } => ("said of the deleted plan {plan}: {}", en(left)), ("对已删除的备份计划 {plan} 作出决定：{}", zh(left));
        /// Its hour came.
        PlanDue {
            /// Which.
            plan: String,
        } => ("the plan {plan} is due"), ("备份计划 {plan} 到期运行");
        /// Somebody wants it now.
        RunAsked {
            /// Which.
            plan: String,
        } => ("asked for a run of the plan {plan}"), ("请求运行备份计划 {plan}");
        /// A run that failed.
        RunFailed {
            /// Of which.
            plan: String,
            /// Why.
            why: Option<Said<Failure>>,
        } => ("a run of {plan} failed{}", why.as_ref().map(|why| format!(": {}", en(why))).unwrap_or_default()), ("{plan} 的一次运行失败{}", why.as_ref().map(|why| format!("：{}", zh(why))).unwrap_or_default());
        /// A run that was stopped.
        RunStopped {
            /// Of which.
            plan: String,
        } => ("a run of {plan} was stopped"), ("{plan} 的一次运行被停止");
        /// A run that ended well.
        RunDone {
            /// Of which.
            plan: String,
            /// How many projects.
            projects: i64,
            /// Of which harbor.
            harbor: String,
        } => ("a run of {plan} backed up {} of {harbor}", some(*projects, "project", "projects")), ("{plan} 的一次运行备份了 {harbor} 的 {} 个项目", count(*projects));
    }
}
