//! What is said of the contact with a harbor.

use super::checks::{Detail, Heading};
use crate::refusals::Refusal;
use crate::sentence::{Said, en, sentences, zh};
use crate::troubles::Trouble;
use crate::units::count;

sentences! {
    /// What the last contact with a harbor came to.
    pub enum Contact {
        /// It was asked for its projects.
        Answered => ("answered, and the login is good"), ("已应答，登录有效");
        /// Its check-list was good.
        Ready => ("ready for backup and restore"), ("可备份与恢复");
        /// The same, without restores.
        ReadyForBackup => ("ready for backup only"), ("仅可备份");
        /// It did not answer as it should.
        Trouble {
            /// How.
            why: Trouble,
        } => ("{}", en(why)), ("{}", zh(why));
        /// A line of its check-list was bad.
        CheckFailed {
            /// What was tried.
            heading: Said<Heading>,
            /// What was found.
            detail: Said<Detail>,
        } => ("{}: {}", en(heading), en(detail)), ("{}：{}", zh(heading), zh(detail));
    }

    /// What is the matter with a staging project.
    pub enum StagingTrouble {
        /// It was made and never came into use.
        Unfinished => ("it was never finished: switch it on with an administrator's login, which finishes or removes it"), ("此前未完成：请用管理员登录重新启用，以完成或清除");
        /// It is gone.
        Gone {
            /// The project.
            project: String,
        } => ("{project} does not exist any more"), ("{project} 已不存在");
        /// Something of somebody else is in it.
        Foreign {
            /// The project.
            project: String,
            /// The first repository.
            repository: String,
            /// How many more.
            more: i64,
        } => ("{project} holds {repository}{}, which Breakwater did not put there", if *more > 0 { format!(" and {} more", count(*more)) } else { String::new() }),
             ("{project} 中有 {repository}{}，并非由 Breakwater 放入", if *more > 0 { format!(" 等 {} 个仓库", count(*more + 1)) } else { String::new() });
        /// It could not be made.
        NotSwitchedOn {
            /// Why.
            why: Said<Refusal>,
        } => ("it could not be switched on: {}", en(why)), ("未能启用：{}", zh(why));
        /// The harbor did not do as it was asked.
        Trouble {
            /// How.
            why: Trouble,
        } => ("{}", en(why)), ("{}", zh(why));
    }
}
