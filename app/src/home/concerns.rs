//! What needs a look, as values.

use crate::harbors::sentences::Contact;
use crate::jobs::failures::Failure;
use crate::jobs::sentences::Title;
use crate::sentence::{Said, sentences};
use crate::text::Lang::{En, ZhCn};
use crate::units::{count, listed, some};
use crate::vaults::sentences::Standing;

sentences! {
    /// What kind of thing needs a look: two words.
    pub enum Topic {
        /// A harbor refuses a login.
        LoginRefused => ("Login refused"), ("登录被拒绝");
        /// A harbor cannot be reached.
        NotReached => ("Not reached"), ("无法连接");
        /// A login is over.
        LoginEnded => ("Login ended"), ("登录已到期");
        /// A login will be over.
        LoginEnds => ("Login ends"), ("登录即将到期");
        /// A vault is not well.
        Vault => ("Vault"), ("保管库");
        /// Something in a vault is damaged.
        DamageFound => ("Damage found"), ("发现损坏");
        /// A vault fills up.
        NearlyFull => ("Nearly full"), ("即将写满");
        /// No worker looks at a vault.
        NotLookedAt => ("Not looked at"), ("长时间未检查");
        /// A job failed.
        JobFailed => ("Job failed"), ("任务失败");
        /// Projects past their target.
        TargetMissed => ("Target missed"), ("超出目标");
        /// Projects with gaps that nobody accepted.
        WithGaps => ("With gaps"), ("有缺口");
        /// Projects in no plan.
        NotProtected => ("Not protected"), ("未受保护");
        /// Projects that will be past their target.
        TargetAtRisk => ("Target at risk"), ("目标有风险");
        /// People with duties that nobody should hold together.
        DutiesNotApart => ("Duties not apart"), ("职责未分离");
    }

    /// What it is about.
    pub enum Matter {
        /// A harbor.
        Harbor {
            /// The harbor.
            harbor: String,
        } => ("{harbor}"), ("{harbor}");
        /// A harbor and its trouble.
        HarborTrouble {
            /// The harbor.
            harbor: String,
            /// Its trouble.
            why: Said<Contact>,
        } => ("{harbor}: {}", why.say(En)), ("{harbor}：{}", why.say(ZhCn));
        /// A login that is over.
        Ended {
            /// The harbor.
            harbor: String,
            /// The login.
            login: String,
        } => ("{harbor}: {login} has ended"), ("{harbor}：{login} 已到期");
        /// A login that will be over.
        Ends {
            /// The harbor.
            harbor: String,
            /// The login.
            login: String,
            /// In how many days.
            days: i64,
        } => ("{harbor}: {login} ends in {}", some(*days, "day", "days")), ("{harbor}：{login} 将于 {} 天后到期", count(*days));
        /// A vault and what is the matter with it.
        VaultState {
            /// The vault.
            vault: String,
            /// What is the matter.
            why: Said<Standing>,
        } => ("{vault}: {}", why.say(En)), ("{vault}：{}", why.say(ZhCn));
        /// Findings of a vault.
        Findings {
            /// The vault.
            vault: String,
            /// How many are open.
            open: i64,
        } => ("{vault} has {}", some(*open, "open finding", "open findings")), ("{vault} 有 {} 个未处理的问题", count(*open));
        /// A vault fills up.
        Full {
            /// The vault.
            vault: String,
            /// In how many days.
            days: i64,
        } => ("{vault} is full in about {}", some(*days, "day", "days")), ("{vault} 约 {} 天后写满", count(*days));
        /// A vault that no worker looks at.
        Unlooked {
            /// The vault.
            vault: String,
        } => ("no worker has looked at {vault} for a while: is one running?"), ("已有一段时间没有执行节点检查 {vault}：是否有节点在运行？");
        /// A job and why it failed.
        Job {
            /// What it was about.
            title: Said<Title>,
            /// Why it failed.
            why: Option<Said<Failure>>,
        } => ("{}{}", title.say(En), why.as_ref().map(|why| format!(": {}", why.say(En))).unwrap_or_default()),
             ("{}{}", title.say(ZhCn), why.as_ref().map(|why| format!("：{}", why.say(ZhCn))).unwrap_or_default());
        /// Projects, or people.
        Named {
            /// The first of them.
            names: Vec<String>,
            /// How many more there are.
            more: i64,
        } => ("{}{}", names.join(", "), if *more > 0 { format!(", {} more", count(*more)) } else { String::new() }),
             ("{}{}", listed(ZhCn, names), if *more > 0 { format!(" 等，另有 {} 个", count(*more)) } else { String::new() });
    }
}
