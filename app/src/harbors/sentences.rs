//! What is said of the contact with a harbor.

use crate::sentence::{en, sentences, zh};
use crate::troubles::Trouble;

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
    }
}
