//! Events of vaults.

use crate::sentence::{Sentence, en, sentences, zh};
use crate::text::Lang;
use crate::text::Lang::{En, ZhCn};
use crate::units::{Moment, bytes, count, some};
use crate::vaults::findings::{HealedBy, Means};

sentences! {
    /// A part of what a sweep did.
    pub enum Swept {
        /// What is needed.
        Needed {
            /// By how many snapshots.
            snapshots: i64,
            /// Objects.
            objects: i64,
            /// Their bytes.
            size_bytes: i64,
        } => ("{} {} {}", some(*snapshots, "snapshot", "snapshots"), if *snapshots == 1 { "needs" } else { "need" }, amount_en(*objects, *size_bytes)), ("{} 个快照需要 {}", count(*snapshots), amount_zh(*objects, *size_bytes));
        /// What was set aside.
        SetAside {
            /// Objects.
            objects: i64,
            /// Their bytes.
            size_bytes: i64,
        } => ("set aside {}", amount_en(*objects, *size_bytes)), ("搁置 {}", amount_zh(*objects, *size_bytes));
        /// What would be.
        WouldSetAside {
            /// Objects.
            objects: i64,
            /// Their bytes.
            size_bytes: i64,
        } => ("would set aside {}", amount_en(*objects, *size_bytes)), ("将搁置 {}", amount_zh(*objects, *size_bytes));
        /// What was deleted.
        Deleted {
            /// Objects.
            objects: i64,
            /// Their bytes.
            size_bytes: i64,
        } => ("deleted {} set aside before", amount_en(*objects, *size_bytes)), ("删除此前搁置的 {}", amount_zh(*objects, *size_bytes));
        /// What would be.
        WouldDelete {
            /// Objects.
            objects: i64,
            /// Their bytes.
            size_bytes: i64,
        } => ("would delete {} set aside before", amount_en(*objects, *size_bytes)), ("将删除此前搁置的 {}", amount_zh(*objects, *size_bytes));
        /// What is needed after all.
        PutBack {
            /// Objects.
            objects: i64,
            /// Their bytes.
            size_bytes: i64,
        } => ("put back {}", amount_en(*objects, *size_bytes)), ("放回 {}", amount_zh(*objects, *size_bytes));
        /// What is not judged yet.
        Waiting {
            /// Objects.
            objects: i64,
            /// Their bytes.
            size_bytes: i64,
        } => ("still to be judged: {}", amount_en(*objects, *size_bytes)), ("待定：{}", amount_zh(*objects, *size_bytes));
        /// What cannot go yet.
        Locked {
            /// Objects.
            objects: i64,
            /// Their bytes.
            size_bytes: i64,
            /// The last lock ends.
            until: Moment,
        } => ("needed by none and locked: {}, the last until {}", amount_en(*objects, *size_bytes), until.long()), ("无人需要但仍锁定：{}，最后至 {}", amount_zh(*objects, *size_bytes), until.long());
        /// What lies below.
        OldVersions {
            /// Objects.
            objects: i64,
            /// Their bytes.
            size_bytes: i64,
        } => ("kept as old versions: {}", amount_en(*objects, *size_bytes)), ("作为旧版本保留：{}", amount_zh(*objects, *size_bytes));
    }

    /// An event of vaults.
    pub enum VaultEvent {
        /// A new one.
        VaultMade {
            /// Which.
            vault: String,
        } => ("made the vault {vault}"), ("创建保管库 {vault}");
        /// One that was there.
        VaultAdopted {
            /// Which.
            vault: String,
        } => ("adopted the vault {vault}"), ("接管保管库 {vault}");
        /// It takes backups.
        VaultOpened {
            /// Which.
            vault: String,
        } => ("opened the vault {vault} for writing"), ("开放保管库 {vault} 的写入");
        /// How it is reached.
        BucketChanged {
            /// Of which.
            vault: String,
        } => ("changed the bucket of the vault {vault}"), ("更改保管库 {vault} 的存储桶");
        /// A check-list.
        BucketTested {
            /// Of which.
            vault: String,
        } => ("tested the bucket of the vault {vault}"), ("测试保管库 {vault} 的存储桶");
        /// How it is read.
        ReadingChanged {
            /// Which.
            vault: String,
            /// Within how many days.
            days: i64,
        } => ("changed how the vault {vault} is read: everything within {}", some(*days, "day", "days")), ("更改保管库 {vault} 的读取方式：{} 天内读取全部内容", count(*days));
        /// A lock, or a longer one. The `mode` is a word of S3.
        LockSet {
            /// Of which.
            vault: String,
            /// For how long.
            days: i64,
            /// How.
            mode: String,
        } => ("set the lock of the vault {vault}: {}, {mode}", some(*days, "day", "days")), ("设置保管库 {vault} 的锁定：{} 天，{mode}", count(*days));
        /// A shorter one.
        LockWeakened {
            /// Of which.
            vault: String,
            /// For how long.
            days: i64,
            /// How.
            mode: String,
        } => ("weakened the lock of the vault {vault}: {}, {mode}; what is locked stays locked", some(*days, "day", "days")), ("放宽保管库 {vault} 的锁定：{} 天，{mode}；已锁定的内容保持锁定", count(*days));
        /// Locks were extended.
        LocksExtended {
            /// How many.
            locks: i64,
            /// Of which.
            vault: String,
        } => ("extended {} of the vault {vault}", some(*locks, "lock", "locks")), ("延长保管库 {vault} 的 {} 个锁定", count(*locks));
        /// A verification is wanted.
        VerifyAsked {
            /// Of which.
            vault: String,
        } => ("asked to verify the vault {vault}"), ("请求校验保管库 {vault}");
        /// It is over.
        Verified {
            /// How many objects.
            objects: i64,
            /// Of which.
            vault: String,
            /// What was found.
            findings: i64,
            /// Objects that were healed.
            healed: i64,
        } => ("verified {} of the vault {vault}: {}, {} healed", some(*objects, "object", "objects"), some(*findings, "finding", "findings"), some(*healed, "object", "objects")),
             ("校验保管库 {vault} 的 {} 个对象：发现 {} 处问题，修复 {} 个对象", count(*objects), count(*findings), count(*healed));
        /// Something is damaged.
        Found {
            /// What that means.
            means: Means,
        } => ("found: {}", en(means)), ("发现：{}", zh(means));
        /// A snapshot of the catalogue is not there.
        SnapshotLost {
            /// In which vault.
            vault: String,
        } => ("the vault {vault} lost a snapshot of the catalogue"), ("保管库 {vault} 丢失了目录中的一个快照");
        /// An object is there again.
        Healed {
            /// Where it came from.
            by: HealedBy,
        } => ("healed a lost object, from: {}", en(by)), ("修复丢失的对象，来源：{}", zh(by));
        /// A pointer is there again.
        PointerRevived => ("brought a pointer back from an older version in the same bucket"), ("由同一存储桶中的旧版本恢复一个指针");
        /// A sweep is wanted.
        SweepAsked {
            /// Of which.
            vault: String,
        } => ("asked for a sweep of the vault {vault}"), ("请求清理保管库 {vault}");
        /// It is over.
        SweepDone {
            /// Which.
            vault: String,
            /// What it did.
            parts: Vec<Swept>,
        } => ("swept the vault {vault}: {}", swept(En, parts)), ("清理保管库 {vault}：{}", swept(ZhCn, parts));
        /// A rebuild is wanted.
        RebuildAsked {
            /// From which.
            vault: String,
        } => ("asked to rebuild the catalogue from the vault {vault}"), ("请求由保管库 {vault} 重建目录");
        /// It is over.
        Rebuilt {
            /// From which.
            vault: String,
            /// Snapshots entered.
            entered: i64,
            /// Found to be here too.
            copies: i64,
            /// Pointers written again.
            restored: i64,
            /// Snapshots that are lost.
            lost: i64,
            /// Left out.
            missing: i64,
        } => ("rebuilt the catalogue from the vault {vault}: {} entered, {} found, {} restored, {} lost, {} left out",
                some(*entered, "snapshot", "snapshots"), some(*copies, "copy", "copies"), some(*restored, "pointer", "pointers"), count(*lost), count(*missing)),
             ("由保管库 {vault} 重建目录：录入 {} 个快照，发现 {} 个副本，恢复 {} 个指针，丢失 {} 个，未录入 {} 个", count(*entered), count(*copies), count(*restored), count(*lost), count(*missing));
        /// It and the catalogue differ.
        DriftFound {
            /// Which.
            vault: String,
        } => ("the catalogue and the vault {vault} differ: nothing is let go or swept until it is rebuilt from the vault"), ("目录与保管库 {vault} 不一致：由保管库重建之前不放弃快照也不清理");
        /// They agree.
        DriftOver {
            /// Which.
            vault: String,
        } => ("the catalogue and the vault {vault} agree again"), ("目录与保管库 {vault} 重新一致");
    }
}

fn amount_en(objects: i64, size_bytes: i64) -> String {
    format!("{} ({})", some(objects, "object", "objects"), bytes(size_bytes))
}

fn amount_zh(objects: i64, size_bytes: i64) -> String {
    format!("{} 个对象（{}）", count(objects), bytes(size_bytes))
}

/// What a sweep did.
#[must_use]
pub fn swept(lang: Lang, parts: &[Swept]) -> String {
    parts.iter().map(|part| part.say(lang)).collect::<Vec<_>>().join(lang.pick("; ", "；"))
}
