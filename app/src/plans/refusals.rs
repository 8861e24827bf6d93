//! Why a call is refused: what is at fault with a form or request about plans.

use crate::sentence::sentences;
use crate::text::Lang::{En, ZhCn};
use crate::units::{count, lasting, some};

sentences! {
    /// Why a call is refused.
    #[schema(as = PlanRefusal)]
    pub enum Refusal {
        /// No name.
        PlanName => ("give the plan a name of 1 to 100 characters"), ("计划名称为 1 至 100 个字符");
        /// No target.
        Target => ("the target is 1 hour to a year"), ("目标为 1 小时至 1 年");
        /// Too rare.
        FullEvery {
            /// Hours.
            most: i64,
        } => ("everything is listed anew each 1 to {}", some(*most, "hour", "hours")), ("全量列举间隔为 1 至 {} 小时", count(*most));
        /// A figure of the rule.
        RetentionFigures {
            /// The largest.
            most: i64,
            /// The largest of days.
            days: i64,
        } => ("each figure of the retention rule is 0 to {most}, of days 0 to {days}"), ("保留规则的数值范围为 0 至 {most}，天数为 0 至 {days}");
        /// No harbor.
        ChooseHarbor => ("choose a registered harbor"), ("请选择已登记的 Harbor");
        /// Too often.
        TooOften {
            /// Seconds.
            apart_s: i64,
            /// Seconds.
            least_s: i64,
        } => ("runs would be {} apart; at least {} is needed", lasting(En, *apart_s), lasting(En, *least_s)), ("运行间隔为 {}，至少需要 {}", lasting(ZhCn, *apart_s), lasting(ZhCn, *least_s));
        /// Never.
        NeverRuns => ("this schedule never runs"), ("该时间表不会触发任何运行");
        /// Something.
        CheckForm => ("check the form"), ("请检查表单");
        /// No vault.
        ChooseVault => ("choose a vault"), ("请选择保管库");
        /// An unknown vault.
        NoVault => ("there is no such vault"), ("没有此保管库");
        /// Two plans, one name.
        PlanNameTaken => ("there is a plan of this name"), ("已有同名计划");
        /// Another harbor.
        KeepsHarbor => ("a plan stays with its harbor; make another plan"), ("计划不能更换 Harbor，请另建计划");
        /// Changed meanwhile.
        Stale => ("somebody changed this plan since you opened it; look at it again and repeat your change"), ("在您打开后有人更改了此计划；请重新查看后再次更改");
        /// Too many further vaults.
        TooManyCopies {
            /// How many.
            most: i64,
        } => ("at most {}", some(*most, "further vault", "further vaults")), ("最多 {} 个其他保管库", count(*most));
        /// The vault itself.
        CopiesToOwn => ("the plan's own vault cannot also have the copies; choose another"), ("计划自身的保管库不能同时存放副本，请另选");
        /// Too long.
        PauseDays {
            /// Days.
            most: i64,
        } => ("a pause is 1 to {}", some(*most, "day", "days")), ("暂停时间为 1 至 {} 天", count(*most));
        /// It runs.
        Running => ("a run of this plan is going on; stop it or wait for its end"), ("此计划正在运行，请停止或等待结束");
        /// What becomes of snapshots.
        SayWhatBecomes => ("say what becomes of its snapshots: kept, rule or plan"), ("请选择如何处理其快照");
        /// Who answers for them.
        NamePlanKeeper => ("name the account that answers for keeping them"), ("请填写负责保留的账号");
        /// Another plan.
        ChooseOtherPlan => ("choose another plan of the same Harbor"), ("请选择同一 Harbor 的另一计划");
        /// No plan.
        NoPlan => ("no plan has this project; an operator adds it to one"), ("没有备份计划包含该项目，请由系统管理员加入");
        /// No schedule.
        CronFields => ("write five fields: minute, hour, day of month, month, day of week, such as 0 3 * * *"), ("请填写五个字段：分、时、日、月、星期，例如 0 3 * * *");
        /// No zone.
        ZoneForm => ("this is not a time zone of the IANA database, such as Asia/Shanghai"), ("不是 IANA 时区名，例如 Asia/Shanghai");
        /// No schedule.
        CronUnreadable {
            /// What its reader says.
            why: String,
        } => ("this schedule cannot be read: {why}"), ("无法解析时间表：{why}");
        /// No project.
        NameProjects => ("name at least one project, or * for all"), ("至少填写一个项目，或用 * 表示全部");
        /// No pattern.
        NoPattern {
            /// The text.
            pattern: String,
        } => ("“{pattern}” is not a pattern; use names with * and ?"), ("“{pattern}”不是有效模式，请使用含 * 与 ? 的名称");
        /// Too much.
        TooManyPatterns => ("these patterns are too many or too long"), ("模式过多或过长");
    }
}
