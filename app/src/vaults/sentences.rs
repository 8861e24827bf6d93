//! What is said of vaults.

use crate::sentence::{en, sentences, zh};
use crate::troubles::Trouble;
use crate::units::{count, some};

sentences! {
    /// How a vault stands.
    pub enum Standing {
        /// It is there.
        Open => ("open"), ("可用");
        /// No worker was there yet.
        Unseen => ("no worker has looked at it yet"), ("尚无执行节点检查过");
        /// It is silent.
        Silent {
            /// For how long it was waited.
            seconds: i64,
        } => ("it did not answer within {}", some(*seconds, "second", "seconds")), ("在 {} 秒内未应答", count(*seconds));
        /// It is full.
        BelowReserve => ("below its reserve of free space: reads work, new backups wait"), ("剩余空间低于预留：可读取，新备份等待中");
        /// It and the catalogue differ.
        Adrift => ("it and the catalogue differ: nothing is let go or swept until it is rebuilt"), ("与目录不一致：重建之前不放弃快照也不清理");
        /// It is only read.
        ReadOnly => ("it is only read: restores work, backups do not"), ("仅可读取：可恢复，不可备份");
        /// It is not well.
        Trouble {
            /// How.
            why: Trouble,
        } => ("{}", en(why)), ("{}", zh(why));
    }
}
