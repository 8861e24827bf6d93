//! What is said of findings, and of what a rebuild left out.

use crate::sentence::{en, sentences, zh};
use crate::troubles::Trouble;
use crate::units::{Moment, count, some};

sentences! {
    /// What a finding means.
    pub enum Means {
        /// The vault said so.
        Trouble {
            /// What.
            why: Trouble,
        } => ("{}", en(why)), ("{}", zh(why));
        /// Something the manifest needs.
        NotInVault => ("it is not in the vault"), ("保管库中没有");
        /// The same, damaged.
        BytesDamaged => ("its bytes in the vault are damaged"), ("其在保管库中的数据已损坏");
        /// A manifest that nobody reads.
        NotReadable {
            /// Why.
            why: String,
        } => ("{why}"), ("无法读取：{why}");
        /// It demands something by a name that is no digest.
        NoDigest {
            /// The name.
            name: String,
        } => ("it demands {name}, which is no digest this program knows"), ("它引用 {name}，本程序不认识此摘要");
        /// Nested too deep.
        TooDeep {
            /// How deep.
            levels: i64,
        } => ("it is nested more than {} deep", some(*levels, "level", "levels")), ("嵌套超过 {} 层", count(*levels));
        /// Damaged bytes were put aside.
        SetAside => ("its bytes do not match its name; it was moved to quarantine"), ("其数据与名称不符，已移入隔离区");
        /// Locks are shorter than they must be.
        LocksShort {
            /// How many.
            objects: i64,
            /// Of which pointer.
            pointer: String,
            /// Until when the shortest was; none = not locked.
            was: Option<Moment>,
            /// Until when it must be.
            needed: Moment,
            /// Why they cannot be locked, if so.
            refused: Option<String>,
        } => ("{} that {pointer} needs {} locked {}, not until {}{}", some(*objects, "object", "objects"), if *objects == 1 { "was" } else { "were" },
                was.map_or_else(|| "not at all".to_owned(), |was| format!("until {}", was.long())), needed.long(),
                refused.as_ref().map(|why| format!("; they cannot be locked: {why}")).unwrap_or_default()),
             ("{pointer} 需要的 {} 个对象{}，应锁定至 {}{}", count(*objects), was.map_or_else(|| "未锁定".to_owned(), |was| format!("锁定至 {}", was.long())),
                needed.long(), refused.as_ref().map(|why| format!("；无法锁定：{why}")).unwrap_or_default());
    }

    /// What helps against a finding.
    pub enum FindingHelp {
        /// It could not be looked at.
        LookAtDisk => ("look at the disk or the mount, then verify again"), ("请检查磁盘或挂载，然后重新校验");
        /// It is lost.
        BackUpAgain => ("back the project up again; an earlier snapshot may be whole"), ("请重新备份该项目；较早的快照可能完整");
        /// It may be had elsewhere.
        Heal => ("verify the vault: it takes the object from another vault or from the harbor, where one of them has it"), ("请校验保管库：如其他保管库或 Harbor 中有该对象，会从中取回");
        /// Somebody meddles with locks.
        FindWhoLifts => ("find out who can lift locks or forge the small files of the vault, and give the bucket another key"), ("请查明谁能解除锁定或伪造保管库的小文件，并更换存储桶密钥");
    }

    /// How a finding ended.
    pub enum HealedBy {
        /// The bucket had it.
        OlderVersion => ("an older version in the same bucket"), ("同一存储桶中的旧版本");
        /// It never differs.
        AlwaysSame => ("what is always the same"), ("固定内容");
        /// Another vault had it.
        Vault {
            /// Which.
            vault: String,
        } => ("the vault {vault}"), ("保管库 {vault}");
        /// A harbor had it.
        Harbor {
            /// In which repository.
            repository: String,
            /// Which harbor.
            harbor: String,
        } => ("{repository} of {harbor}"), ("{harbor} 的 {repository}");
        /// Somebody put it there again.
        StoredAnew => ("it was stored anew"), ("已重新存储");
        /// Nobody lacks it.
        NothingLacks => ("every snapshot has what it needs of it"), ("所有快照所需内容均完整");
        /// Its lock is long enough.
        LockExtended => ("its lock was extended"), ("锁定已延长");
    }

    /// Why a rebuild left something out.
    pub enum LeftOutWhy {
        /// No harbor.
        NoHarbor => ("no Harbor of this name is registered: register one under it, then rebuild again"), ("未登记此名称的 Harbor：以该名称登记后再次重建");
        /// Its index is lost.
        IndexLost => ("something its index needs is lost or damaged: verify the vault, which heals what it can, then rebuild again"), ("其索引所需内容丢失或损坏：请先校验保管库（会尽量修复），再次重建");
        /// Its pointer is lost.
        PointerUnusable {
            /// What is the matter with it.
            why: Trouble,
        } => ("its pointer cannot be used: {}", en(why)), ("其指针无法使用：{}", zh(why));
    }
}
