//! What is said of plans: when they run, and why they keep a snapshot.

use crate::sentence::{en, sentences, zh};
use crate::text::Lang::{En, ZhCn};
use crate::units::{Moment, count, lasting, listed, some};

sentences! {
    /// When a plan runs.
    pub enum Schedule {
        /// Once an hour.
        Hourly {
            /// Minute of the hour.
            minute: i64,
            /// Time zone.
            zone: String,
        } => ("every hour at minute {minute}, {zone}"), ("每小时第 {minute} 分，{zone}");
        /// Each so many minutes.
        EveryMinutes {
            /// How many.
            minutes: i64,
            /// Time zone.
            zone: String,
        } => ("every {}, {zone}", some(*minutes, "minute", "minutes")), ("每 {} 分钟，{zone}", count(*minutes));
        /// Each so many hours.
        EveryHours {
            /// How many.
            hours: i64,
            /// Minute of the hour.
            minute: i64,
            /// Time zone.
            zone: String,
        } => ("every {} at minute {minute}, {zone}", some(*hours, "hour", "hours")), ("每 {} 小时第 {minute} 分，{zone}", count(*hours));
        /// Once a day.
        Daily {
            /// `03:00`.
            time: String,
            /// Time zone.
            zone: String,
        } => ("every day at {time}, {zone}"), ("每天 {time}，{zone}");
        /// On some days of the week.
        Weekly {
            /// `03:00`.
            time: String,
            /// As in the schedule: `1-5`.
            days: String,
            /// Time zone.
            zone: String,
        } => ("at {time} on day of week {days}, {zone}"), ("每周 {days} 的 {time}，{zone}");
        /// By other fields.
        Fields {
            /// The five fields.
            cron: String,
            /// Time zone.
            zone: String,
        } => ("by {cron}, {zone}"), ("按 {cron}，{zone}");
    }

    /// A unit of the calendar.
    pub enum Unit {
        /// An hour.
        Hour => ("hour"), ("小时");
        /// A day.
        Day => ("day"), ("日");
        /// A week.
        Week => ("week"), ("周");
        /// A month.
        Month => ("month"), ("月");
        /// A year.
        Year => ("year"), ("年");
    }

    /// Why a snapshot is kept.
    pub enum KeepReason {
        /// There is no rule.
        Everything => ("everything is kept"), ("全部保留");
        /// Whatever the rule says.
        Held => ("held, asked for, or of a time that the harbor lost"), ("已锁定、有恢复申请，或属于 Harbor 丢失的时段");
        /// A lock.
        Locked {
            /// Its end.
            until: Moment,
        } => ("locked until {}", until.long()), ("锁定至 {}", until.long());
        /// The newest good one.
        NewestGood => ("newest good"), ("最新完好");
        /// The newest whole one.
        NewestWhole => ("newest without a gap"), ("最新无缺口");
        /// A wrong clock.
        Future => ("dated in the future"), ("时间在未来");
        /// One of the newest.
        Newest => ("among the newest"), ("属于最近若干个");
        /// The one of its hour, day …
        Period {
            /// Of what.
            unit: Unit,
            /// Which.
            period: String,
        } => ("{} {period}", en(unit)), ("{} {period}", zh(unit));
        /// The oldest, while there are few.
        Oldest {
            /// What there is to be one for each of.
            unit: Unit,
        } => ("oldest, until there is a {} for each place", en(unit)), ("最早的一个，直到按{}填满", zh(unit));
        /// Young.
        Within {
            /// Days.
            days: i64,
        } => ("within {}", some(*days, "day", "days")), ("{} 天以内", count(*days));
    }

    /// What to know of a plan before it is saved.
    pub enum PlanWarning {
        /// Nothing matches.
        NothingMatches => ("no project matches at this moment; new ones that match are taken up by the next run"), ("目前没有匹配的项目；新的匹配项目将在下次运行时纳入");
        /// Caches.
        Caches {
            /// Their names.
            projects: Vec<String>,
        } => ("left out because they are caches of other registries: {}", projects.join(", ")), ("因是其他镜像仓库的缓存而排除：{}", listed(ZhCn, projects));
        /// Too rare for the target.
        TooRare {
            /// Longest time between runs, seconds.
            apart_s: i64,
            /// The target, seconds.
            target_s: i64,
        } => ("runs are up to {} apart, more than the target of {}", lasting(En, *apart_s), lasting(En, *target_s)),
            ("运行间隔最长 {}，超过目标 {}", lasting(ZhCn, *apart_s), lasting(ZhCn, *target_s));
        /// Locks that are too short.
        OutlivesLock {
            /// Days of the vault's locks.
            days: i64,
        } => ("snapshots are kept for longer than the {} for which the vault locks them", some(*days, "day", "days")), ("快照的保留期长于保管库锁定的 {} 天", count(*days));
    }
}
