//! What is said of jobs: what each is about, and where it stands.

use crate::sentence::sentences;
use crate::units::{Moment, count};

sentences! {
    /// What a job is about.
    pub enum Title {
        /// A run of a plan.
        Backup {
            /// The plan.
            plan: String,
            /// The harbor it backs up.
            harbor: String,
        } => ("{plan} backs up {harbor}"), ("{plan} 备份 {harbor}");
        /// A run of a plan that begins when another one is over.
        BackupAfter {
            /// The plan.
            plan: String,
            /// The harbor it backs up.
            harbor: String,
            /// The run before.
            run: i64,
        } => ("{plan} backs up {harbor}, after run {run}"), ("{plan} 备份 {harbor}，在运行 {run} 之后");
        /// A run of one project.
        BackupProject {
            /// The project.
            project: String,
            /// Its harbor.
            harbor: String,
        } => ("back up {project} of {harbor}"), ("备份 {harbor} 的 {project}");
        /// A run of one project that begins when another one is over.
        BackupProjectAfter {
            /// The project.
            project: String,
            /// Its harbor.
            harbor: String,
            /// The run before.
            run: i64,
        } => ("back up {project} of {harbor}, after run {run}"), ("备份 {harbor} 的 {project}，在运行 {run} 之后");
        /// An approved request.
        Restore {
            /// The request.
            request: i64,
            /// Target harbor.
            harbor: String,
            /// Target project.
            project: String,
        } => ("restore #{request} into {harbor}/{project}"), ("恢复 #{request} 到 {harbor}/{project}");
        /// Copies into a further vault.
        Copy {
            /// The plan that made the snapshots.
            plan: String,
            /// The further vault.
            vault: String,
        } => ("copy what {plan} made to {vault}"), ("将 {plan} 的快照复制到 {vault}");
        /// Everything in a vault is read.
        Verify {
            /// The vault.
            vault: String,
        } => ("verify the vault {vault}"), ("校验保管库 {vault}");
        /// What was not read for longest is read.
        ReadDue {
            /// The vault.
            vault: String,
        } => ("read what is due of the vault {vault}"), ("读取保管库 {vault} 到期部分");
        /// What was found damaged is fetched again.
        Heal {
            /// The vault.
            vault: String,
        } => ("heal the vault {vault}"), ("修复保管库 {vault}");
        /// Locks are extended.
        Locks {
            /// The vault.
            vault: String,
        } => ("extend the locks of the vault {vault}"), ("延长保管库 {vault} 的锁定");
        /// The catalogue is made to agree with a vault.
        Rebuild {
            /// The vault.
            vault: String,
        } => ("rebuild the catalogue from the vault {vault}"), ("由保管库 {vault} 重建目录");
        /// What no snapshot needs is freed.
        Sweep {
            /// The vault.
            vault: String,
        } => ("sweep the vault {vault}"), ("清理保管库 {vault}");
        /// The same, as a look.
        SweepLook {
            /// The vault.
            vault: String,
        } => ("look what a sweep of {vault} would free"), ("查看清理 {vault} 可释放的空间");
        /// The projects of a harbor are listed.
        Inventory {
            /// The harbor.
            harbor: String,
        } => ("list the projects of {harbor}"), ("列出 {harbor} 的项目");
    }

    /// Where a running job stands.
    pub enum Phase {
        /// A run lists.
        ListingProjects => ("listing projects"), ("列出项目");
        /// A run is at a project.
        Project {
            /// The project.
            project: String,
            /// Which, from 1.
            at: i64,
            /// Of how many.
            of: i64,
        } => ("{project} ({} of {})", count(*at), count(*of)), ("{project}（第 {} 个，共 {} 个）", count(*at), count(*of));
        /// A run is over.
        Done => ("done"), ("完成");
        /// A restore compares its plan with the target.
        LookingAgain => ("looking at Harbor again"), ("再次核对 Harbor");
        /// A restore writes.
        Writing => ("writing to Harbor"), ("写入 Harbor");
        /// A copy is at a snapshot.
        Snapshot {
            /// Its project.
            project: String,
            /// Its moment.
            moment: Moment,
        } => ("{project} at {}", moment.long()), ("{project}，{}", moment.long());
        /// A sweep ends what retention began.
        LettingGo => ("finishing what retention let go"), ("完成保留规则的清理");
        /// A sweep finds out what is needed.
        Marking => ("marking what the snapshots need"), ("标记快照所需内容");
        /// Locks are looked at.
        Locks => ("looking at locks"), ("检查锁定");
        /// Objects are read and hashed.
        ReadingObjects => ("reading objects"), ("读取对象");
        /// Snapshots that need what is damaged are looked for.
        LookingWhoNeeds => ("looking who needs what is damaged"), ("查找依赖损坏对象的快照");
        /// What is damaged is fetched.
        Healing => ("healing"), ("修复");
        /// Every snapshot is walked through.
        Walking => ("walking every snapshot"), ("检查所有快照");
        /// A rebuild lists the vault.
        ListingVault => ("listing the vault"), ("列出保管库");
        /// A rebuild looks for losses.
        LookingForLosses => ("looking for what the vault lost"), ("查找保管库丢失的内容");
        /// A rebuild enters copies.
        EnteringCopies => ("entering copies"), ("录入副本");
        /// A rebuild reads pointers.
        ReadingPointers => ("reading pointers"), ("读取指针");
        /// A rebuild enters snapshots.
        EnteringSnapshots => ("entering snapshots"), ("录入快照");
        /// A rebuild makes the history of a project.
        MakingHistory => ("making the history of a project anew"), ("重建项目历史");
    }
}
