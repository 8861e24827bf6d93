//! Why a snapshot lacks something, what that means and what helps, as snapshots say it beside their English sentences.

use serde::{Deserialize, Serialize};

use crate::harbors::sentences::StagingTrouble;
use crate::sentence::{Said, en, sentences, zh};
use crate::troubles::Trouble;
use crate::units::{count, some};

/// What a gap says as values. A snapshot of before has sentences alone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GapValues {
    /// Why.
    pub cause: GapCause,
    /// What cannot be done because of it.
    pub consequence: Consequence,
    /// What to do.
    pub remedy: Remedy,
}

sentences! {
    /// Why something could not be backed up.
    pub enum GapCause {
        /// The registry refused, failed or gave something else.
        Trouble {
            /// How.
            why: Trouble,
        } => ("{}", en(why)), ("{}", zh(why));
        /// A manifest that cannot be understood.
        Unreadable {
            /// Why.
            why: String,
        } => ("the manifest cannot be understood: {why}"), ("无法理解其 manifest：{why}");
        /// Bytes that do not hash to their name by another algorithm.
        OtherDigest {
            /// The name.
            named: String,
            /// What they hash to.
            actual: String,
        } => ("the registry gives bytes with the digest {actual} for {named}"), ("镜像仓库对 {named} 返回了摘要为 {actual} 的数据");
        /// Collected by Harbor although it is in use.
        Collected {
            /// The name.
            named: String,
        } => ("the registry does not have {named}; Harbor's garbage collection removes what is named by another algorithm than SHA-256, in use or not"),
            ("镜像仓库中没有 {named}；Harbor 的垃圾回收会删除以 SHA-256 之外的算法命名的内容，无论是否在用");
        /// Nested deeper than is followed.
        TooDeep {
            /// Levels that are followed.
            levels: i64,
        } => ("it is nested more than {} deep", some(*levels, "level", "levels")), ("嵌套超过 {} 层", count(*levels));
        /// A part named by no digest.
        NoDigest {
            /// The name.
            name: String,
        } => ("it demands “{name}”, which is no digest this program knows"), ("它需要“{name}”，而这不是本程序所知的摘要");
        /// A part that nobody could read, for no reason known.
        NotThere => ("a part of it was not to be had"), ("无法获取其中一部分");
        /// A part could not be read.
        Part {
            /// The part.
            part: String,
            /// Why.
            #[schema(no_recursion)]
            why: Box<GapCause>,
        } => ("its part {part} could not be read: {}", en(&**why)), ("无法读取其中的 {part}：{}", zh(&**why));
        /// Blocked by a policy, and not read through the staging project.
        StillBlocked {
            /// What the registry says of the block.
            message: String,
            /// Why it was not read there.
            staging: StagingFault,
        } => ("a policy of the project blocks this pull: {message}; {}", en(staging)), ("项目策略拦截了此次拉取：{message}；{}", zh(staging));
        /// A listing that is shorter than what is counted.
        ListingShort {
            /// Artifacts counted.
            counted: i64,
            /// Artifacts listed.
            listed: i64,
        } => ("the registry counts {} there and lists {}", some(*counted, "artifact", "artifacts"), count(*listed)), ("镜像仓库计有 {} 个制品，却只列出 {} 个", count(*counted), count(*listed));
        /// More gaps than are named.
        More {
            /// How many.
            gaps: i64,
        } => ("{} could not be read, and {} not named one by one", some(*gaps, "more thing", "more things"), if *gaps == 1 { "is" } else { "are" }),
            ("另有 {} 项无法读取，未逐一列出", count(*gaps));
        /// Not among the files of an import.
        NotAmongFiles {
            /// What.
            what: String,
        } => ("{what} is not among the files"), ("文件中没有 {what}");
        /// A damaged file of an import.
        FileDamaged {
            /// The digest it is named by.
            expected: String,
            /// What its bytes hash to.
            actual: String,
        } => ("the file of {expected} is damaged: its bytes hash to {actual}"), ("{expected} 的文件已损坏：其摘要为 {actual}");
        /// Files of an import that cannot be used.
        FilesUnusable {
            /// Why.
            why: String,
        } => ("{why}"), ("文件不可用：{why}");
        /// A layer that the registry does not have.
        LayerElsewhere {
            /// It.
            layer: String,
        } => ("the registry does not have its layer {layer}"), ("镜像仓库没有其镜像层 {layer}");
    }

    /// Why a blocked image was not read through the staging project.
    pub enum StagingFault {
        /// Reading it there failed.
        Failed {
            /// The staging project.
            project: String,
            /// How.
            why: Trouble,
        } => ("it cannot be read through {project}: {}", en(why)), ("无法通过 {project} 读取：{}", zh(why));
        /// Others failed before it.
        GivenUp {
            /// The staging project.
            project: String,
            /// How.
            why: Trouble,
        } => ("it was not copied to be read: others could not be read through {project}: {}", en(why)), ("未复制以供读取：其他镜像无法通过 {project} 读取：{}", zh(why));
        /// The staging project must not be used.
        Unusable {
            /// Why.
            why: Said<StagingTrouble>,
        } => ("it was not copied to be read: {}", en(why)), ("未复制以供读取：{}", zh(why));
    }

    /// What cannot be done because of a gap.
    pub enum Consequence {
        /// It is lost here.
        NotRestorable => ("it cannot be restored from this snapshot; an earlier one may have it"), ("无法从此快照恢复；较早的快照中可能有");
        /// What was not listed is.
        NotListed => ("what is not listed is not in this snapshot; an earlier one may have it"), ("未列出的内容不在此快照中；较早的快照中可能有");
        /// What is not named is.
        NotNamed => ("what is not named cannot be restored from this snapshot"), ("未列出的内容无法从此快照恢复");
        /// It comes back without a layer.
        WithoutLayer => ("it comes back without that layer, as the registry has it"), ("恢复后不含该层，与镜像仓库中的一致");
    }

    /// What helps.
    pub enum Remedy {
        /// Against a policy.
        Policy => ("let Breakwater read such images through a staging project (settings of the harbor), or scan or sign the image, or relax the project's policy; then run the plan again"),
            ("可在 Harbor 设置中启用通过暂存项目读取，或扫描、签名镜像，或放宽项目策略，然后再次运行计划");
        /// Lost in storage.
        PushAgain => ("if it was not deleted during the backup, the registry's storage lost it: push the image again"), ("如非备份期间被删除，则是镜像仓库的存储丢失了它：请重新推送镜像");
        /// Damaged in storage.
        StorageDamaged => ("the registry's storage is damaged there: push the image again"), ("镜像仓库的存储在该处已损坏：请重新推送镜像");
        /// Storage that cannot be read.
        OpenStorage => ("make this name and network reachable from Breakwater (for a private network: start it with --allow-net), or let the registry hand blobs out itself (redirect: disable: true in the storage section of its configuration, disableredirect: true in Harbor's); then run the plan again"),
            ("请让 Breakwater 能访问此名称和网络（私有网络：以 --allow-net 启动），或让仓库自行提供数据（在其配置的 storage 部分设置 redirect: disable: true，Harbor 配置为 disableredirect: true）；然后重新运行计划");
        /// Too large.
        PushSmaller => ("it is larger than a registry allows: push a smaller one"), ("超过镜像仓库允许的大小：请推送较小的镜像");
        /// A missing right.
        GivePullRight => ("give the backup login the right to pull from this project"), ("请授予备份登录从该项目拉取的权限");
        /// Try again.
        RunAgain => ("run the plan again; if it stays, look at the registry's log"), ("请重新运行计划；如仍存在，请查看镜像仓库的日志");
        /// A manifest that no registry takes.
        NoRegistryTakesIt => ("no registry takes such a manifest: if it came from one, its storage is damaged there"), ("没有镜像仓库会接受这样的清单：若来自某个仓库，则该处存储已损坏");
        /// Names by SHA-256.
        BuildWithSha256 => ("build the image with SHA-256 digests; to have this one again, delete it in Harbor and restore it from a snapshot that has it"),
            ("请以 SHA-256 摘要构建镜像；如需恢复此镜像，请先在 Harbor 中删除，再从含有它的快照恢复");
        /// What made it is odd.
        DeleteWhatMadeIt => ("no tool needs that much: delete what made it"), ("没有工具需要如此深的嵌套：请删除产生它的内容");
        /// A name by digest.
        NameBySha256 => ("name the part by its sha256 digest and push the image again"), ("请以 SHA-256 摘要引用该部分并重新推送镜像");
        /// The staging project and its login.
        TestHarbor => ("test the connection on the harbor's page: it says what is wrong with the staging project or its login"), ("请在 Harbor 页面测试连接，其中会说明暂存项目或其登录的问题");
        /// The quota of the staging project.
        RaiseStagingQuota => ("raise the quota of the staging project, best to unlimited, then run the plan again: a copy takes next to no space in Harbor's storage"),
            ("请提高暂存项目的配额（最好不限），然后再次运行计划：副本不占用 Harbor 存储空间");
        /// Read-only mode.
        RunAfterReadOnly => ("run the plan again once the Harbor is out of read-only mode"), ("Harbor 退出只读模式后再次运行计划");
        /// The listing.
        CheckListing => ("run the plan again; if it stays, check the right artifact:list and the registry's database"), ("请重新运行计划；如仍存在，请检查 artifact:list 权限与镜像仓库的数据库");
        /// Those that are named.
        LookAfterNamed => ("look after those that are named, then run the plan again"), ("请先处理已列出的各项，再重新运行计划");
        /// Another export.
        ExportAgain => ("export the image again with everything it needs (of an index whose other platforms were never pulled, one platform alone: docker save --platform), then import that"),
            ("请重新导出镜像及其所需的全部内容（如索引的其他平台从未拉取，请仅导出一个平台：docker save --platform），然后导入");
        /// A layer that is elsewhere.
        PushLayer {
            /// Where it is said to be.
            address: Option<String>,
        } => ("{}push {} to the registry to have it backed up", address.as_ref().map(|address| format!("the layer is said to be at {address}; ")).unwrap_or_default(), if address.is_some() { "it" } else { "the layer" }),
            ("{}将该层推送到镜像仓库即可备份", address.as_ref().map(|address| format!("该层据称位于 {address}；")).unwrap_or_default());
    }
}
