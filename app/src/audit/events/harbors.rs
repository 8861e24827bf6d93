//! Events of harbors.

use crate::plans::basis::Evidence;
use crate::sentence::{en, sentences, zh};
use crate::units::{count, some};

sentences! {
    /// An event of harbors.
    pub enum HarborEvent {
        /// A new one.
        HarborRegistered {
            /// Which.
            harbor: String,
        } => ("registered the harbor {harbor}"), ("登记 Harbor {harbor}");
        /// Other settings.
        HarborChanged {
            /// Which.
            harbor: String,
        } => ("changed the harbor {harbor}"), ("更改 Harbor {harbor}");
        /// New logins.
        LoginsRenewed {
            /// Of which.
            harbor: String,
        } => ("made the logins of the harbor {harbor} anew"), ("重新创建 Harbor {harbor} 的登录");
        /// A check-list.
        ConnectionTested {
            /// To which.
            harbor: String,
        } => ("tested the connection to {harbor}"), ("测试到 {harbor} 的连接");
        /// It is gone from here.
        HarborRemoved {
            /// Which.
            harbor: String,
        } => ("removed the harbor {harbor}; its snapshots stay"), ("移除 Harbor {harbor}，其快照保留");
        /// The same, with something of ours still there.
        HarborRemovedStagingStays {
            /// Which.
            harbor: String,
            /// The staging project.
            project: String,
        } => ("removed the harbor {harbor}; its snapshots stay, and so does the staging project {project} in it"), ("移除 Harbor {harbor}，其快照保留，其中的暂存项目 {project} 也仍在");
        /// It answers again.
        HarborAnswers {
            /// Which.
            harbor: String,
        } => ("the harbor {harbor} answers"), ("Harbor {harbor} 已应答");
        /// It does not.
        HarborSilent {
            /// Which.
            harbor: String,
        } => ("the harbor {harbor} does not answer as it should"), ("Harbor {harbor} 未正常应答");
        /// A listing was asked for.
        ProjectsAsked {
            /// Of which.
            harbor: String,
        } => ("asked for the projects of {harbor}"), ("请求列出 {harbor} 的项目");
        /// An older database.
        HarborSetBack {
            /// Which.
            harbor: String,
            /// How that was seen.
            evidence: Evidence,
        } => ("the harbor {harbor} was set back to an older state of its database: {}", en(evidence)), ("Harbor {harbor} 的数据库已被还原到较早的状态：{}", zh(evidence));
        /// Before a staging project is made.
        StagingPrepared {
            /// It.
            project: String,
            /// Where.
            harbor: String,
        } => ("is about to make the project {project} in {harbor}, to read there what a policy blocks"), ("即将在 {harbor} 中创建项目 {project}，用于读取被策略拦截的镜像");
        /// It is in use.
        StagingOn {
            /// Where.
            harbor: String,
            /// It.
            project: String,
        } => ("allows images of {harbor} that a policy blocks to be copied into {project} and read there"), ("允许将 {harbor} 中被策略拦截的镜像复制到 {project} 并在其中读取");
        /// It is not any more.
        StagingOff {
            /// Where.
            harbor: String,
        } => ("images of {harbor} that a policy blocks are no longer copied and read"), ("不再复制和读取 {harbor} 中被策略拦截的镜像");
        /// It is gone.
        StagingRemoved {
            /// It.
            project: String,
            /// Where.
            harbor: String,
        } => ("removed the staging project {project} of {harbor}"), ("删除 {harbor} 的暂存项目 {project}");
        /// It is gone, and was never used.
        StagingTakenBack {
            /// It.
            project: String,
            /// Where.
            harbor: String,
        } => ("removed the staging project {project} of {harbor}, which did not come into use"), ("删除 {harbor} 未启用的暂存项目 {project}");
        /// Copies were left.
        StagingCleared {
            /// How many.
            copies: i64,
            /// The project.
            project: String,
            /// Where.
            harbor: String,
        } => ("removed {} that {} left in {project} of {harbor}", some(*copies, "copy", "copies"), if *copies == 1 { "was" } else { "were" }), ("删除 {harbor} 的 {project} 中残留的 {} 个副本", count(*copies));
        /// A run copies.
        StagingBegun {
            /// The project.
            project: String,
            /// Where.
            harbor: String,
        } => ("a run begins to read images that a policy blocks through {project} of {harbor}"), ("一次运行开始通过 {harbor} 的 {project} 读取被策略拦截的镜像");
        /// It did.
        StagingUsed {
            /// How many images.
            images: i64,
            /// The project.
            project: String,
            /// Where.
            harbor: String,
        } => ("had {} that a policy blocks copied to {project} of {harbor}, to read them there", some(*images, "image", "images")), ("将 {} 个被策略拦截的镜像复制到 {harbor} 的 {project} 以供读取", count(*images));
    }
}
