//! What is said of a run's first look: what it rested on, and how a Harbor is known to be set back.

use crate::sentence::{Sentence, en, sentences, zh};
use crate::text::Lang;
use crate::text::Lang::{En, ZhCn};
use crate::units::Moment;

sentences! {
    /// Why every project was listed.
    pub enum ListedWhy {
        /// It is the first.
        FirstLook => ("nothing was listed before"), ("此前未列出过项目");
        /// An older Harbor.
        VersionOld => ("update times follow pushes from Harbor 2.15.2 on"), ("Harbor 2.15.2 起更新时间才随推送变化");
        /// No clock.
        NoClock => ("the Harbor does not tell its clock"), ("Harbor 未提供时钟");
        /// No order.
        NotSorted => ("the Harbor does not sort repositories by update time"), ("Harbor 未按更新时间排序仓库");
        /// Something is not seen.
        CountDiffers => ("the login does not see as many repositories as the projects count"), ("该登录可见的仓库数少于项目计数");
        /// A right is missing.
        MayNotList => ("the login may not list repositories of all projects"), ("该登录无权列出所有项目的仓库");
        /// Update times were wrong.
        TimesMissed => ("the last full listing found what update times did not show"), ("上次完整列出发现更新时间未反映的变更");
        /// The log was wrong.
        LogMissed => ("a listing found what the Harbor's audit log did not name"), ("列出时发现 Harbor 审计日志未记录的变更");
        /// The log was not proved.
        LogUnproved => ("no listing has found yet that the Harbor's audit log names pushes"), ("尚无列出结果证实 Harbor 审计日志会记录推送");
        /// The Harbor was set back.
        SetBack => ("the Harbor was set back to an older state of its database"), ("Harbor 的数据库已被还原到较早的状态");
    }

    /// How far Harbor's audit log can be used.
    pub enum LogState {
        /// It can.
        Whole => ("the Harbor's audit log names what changed"), ("Harbor 审计日志记录了变更");
        /// It is new here.
        NoMark => ("the Harbor's audit log was not read before"), ("此前未读取过 Harbor 审计日志");
        /// It is empty.
        Empty => ("the Harbor's audit log shows no row: it is off, or the login lacks audit-log:list of the system"), ("Harbor 审计日志没有记录：日志已关闭，或该登录缺少系统权限 audit-log:list");
        /// A right is missing.
        Unreadable => ("the Harbor's audit log cannot be read with this login"), ("该登录无法读取 Harbor 审计日志");
        /// Rows are missing.
        Gap => ("rows of the Harbor's audit log are missing since the last look"), ("自上次查看以来 Harbor 审计日志有缺失");
        /// Too many rows.
        TooMany => ("the Harbor's audit log has too many changes since the last look"), ("自上次查看以来 Harbor 审计日志的变更过多");
    }

    /// How it is known that a Harbor was set back.
    pub enum Evidence {
        /// A time went back.
        TimeBack {
            /// Of which repository.
            repository: String,
            /// What it was.
            was: Moment,
            /// What it is.
            is: Moment,
        } => ("{repository} changed last at {}, and at {} when it was looked at before", is.long(), was.long()), ("{repository} 最近变更于 {}，而此前查看时为 {}", is.long(), was.long());
        /// The log is shorter.
        LogEnds {
            /// Its newest row before.
            was: i64,
            /// Its newest row now.
            is: i64,
        } => ("its audit log ends with row {is}, and went on to row {was} before"), ("其审计日志止于第 {is} 行，而此前已到第 {was} 行");
        /// The log differs.
        LogDiffers {
            /// In this row.
            row: i64,
        } => ("row {row} of its audit log is another one than before"), ("其审计日志第 {row} 行与此前不同");
        /// A number twice.
        NumberAgain {
            /// Who has it now.
            name: String,
            /// It.
            number: i64,
        } => ("{name} is new and has the number {number}, which was handed out before"), ("{name} 为新建，却使用了此前已分配的编号 {number}");
    }

    /// What a run's first look rested on.
    pub enum Basis {
        /// Update times.
        ByUpdateTimes {
            /// What is to say of the log.
            log: Option<LogState>,
        } => ("changes found by: repository update times{}", also(En, log.as_ref())), ("变更依据：仓库更新时间{}", also(ZhCn, log.as_ref()));
        /// The log.
        ByAuditLog => ("changes found by: the Harbor's audit log"), ("变更依据：Harbor 审计日志");
        /// Nothing.
        Listed {
            /// Why.
            why: ListedWhy,
            /// What is to say of the log.
            log: Option<LogState>,
        } => ("every project was listed: {}{}", en(why), also(En, log.as_ref())), ("已列出所有项目：{}{}", zh(why), also(ZhCn, log.as_ref()));
        /// Nothing, since the Harbor was set back.
        ListedSetBack {
            /// How that is known.
            evidence: Evidence,
        } => ("every project was listed: the Harbor was set back to an older state of its database; {}", en(evidence)), ("已列出所有项目：Harbor 的数据库已被还原到较早的状态；{}", zh(evidence));
    }
}

fn also(lang: Lang, log: Option<&LogState>) -> String {
    log.map(|log| format!("{}{}", lang.pick("; ", "；"), log.say(lang))).unwrap_or_default()
}
