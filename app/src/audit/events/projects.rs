//! Events of projects and their snapshots. A `project` is `harbor/project`.

use crate::sentence::sentences;
use crate::units::{Moment, count, some};

sentences! {
    /// An event of projects.
    pub enum ProjectEvent {
        /// Somebody wants a backup now.
        BackupAsked {
            /// Of which.
            project: String,
        } => ("asked for a backup of {project}"), ("请求备份 {project}");
        /// A snapshot.
        Captured {
            /// Of which.
            project: String,
            /// Tags in it.
            tags: i64,
            /// What it lacks.
            gaps: i64,
        } => ("captured {project}{}: {}", if *gaps > 0 { format!(" with {}", some(*gaps, "gap", "gaps")) } else { String::new() }, some(*tags, "tag", "tags")),
             ("捕获 {project}：{} 个 Tag{}", count(*tags), if *gaps > 0 { format!("，{} 处缺口", count(*gaps)) } else { String::new() });
        /// A snapshot that the catalogue did not have.
        Adopted {
            /// Of which.
            project: String,
        } => ("entered a sealed snapshot of {project} that the catalogue did not have"), ("录入目录中没有的 {project} 的已封存快照");
        /// A snapshot in a further vault.
        Copied {
            /// Of which.
            project: String,
            /// Its moment.
            moment: Moment,
            /// To which.
            vault: String,
        } => ("copied the snapshot of {project} at {} to the vault {vault}", moment.long()), ("将 {project} 在 {} 的快照复制到保管库 {vault}", moment.long());
        /// A snapshot that is gone.
        LetGo {
            /// By which plan.
            plan: String,
            /// Of which.
            project: String,
            /// Its moment.
            moment: Moment,
        } => ("the plan {plan} let go of the snapshot of {project} at {}", moment.long()), ("备份计划 {plan} 放弃了 {project} 在 {} 的快照", moment.long());
        /// Images from files, by somebody's word.
        ImportKept {
            /// Of which.
            project: String,
            /// The moment of the snapshot.
            moment: Moment,
            /// Who answers for that.
            owner: String,
            /// Its end.
            until: Option<Moment>,
        } => ("said of the images from files in {project} at {}: kept for {owner} {}", moment.long(), until.map_or_else(|| "until somebody says so".to_owned(), |until| format!("until {}", until.long()))),
             ("对 {project} 在 {} 由文件导入的镜像作出决定：由 {owner} 负责，{}", moment.long(), until.map_or_else(|| "一直保留".to_owned(), |until| format!("保留至 {}", until.long())));
        /// The end of that.
        ImportLetGo {
            /// Of which.
            project: String,
            /// The moment of the snapshot.
            moment: Moment,
            /// Who answered for it.
            owner: String,
        } => ("let go of the images from files in {project} at {}, kept for {owner} until now", moment.long()), ("放弃了 {project} 在 {} 由文件导入的镜像，此前由 {owner} 负责保留", moment.long());
        /// A hold.
        Held {
            /// Of which.
            project: String,
            /// The moment of the snapshot.
            moment: Moment,
            /// Its end.
            until: Option<Moment>,
        } => ("holds the snapshot of {project} at {}, {}", moment.long(), until.map_or_else(|| "without an end".to_owned(), |until| format!("until {}", until.long()))),
             ("锁定 {project} 在 {} 的快照，{}", moment.long(), until.map_or_else(|| "无期限".to_owned(), |until| format!("至 {}", until.long())));
        /// Its end.
        HoldReleased {
            /// Who had set it.
            by: String,
            /// Of which.
            project: String,
            /// The moment of the snapshot.
            moment: Moment,
        } => ("released the hold of {by} on the snapshot of {project} at {}", moment.long()), ("解除 {by} 对 {project} 在 {} 的快照的锁定", moment.long());
        /// A gap that somebody lives with.
        GapAccepted {
            /// Of which.
            project: String,
            /// What it is about.
            subject: String,
        } => ("accepted a gap of {project}: {subject}"), ("接受 {project} 的缺口：{subject}");
        /// Several.
        GapsAccepted {
            /// Of which.
            project: String,
            /// How many.
            gaps: i64,
        } => ("accepted {} of {project}", some(*gaps, "gap", "gaps")), ("接受 {project} 的 {} 处缺口", count(*gaps));
        /// The end of that.
        GapRevoked {
            /// Of which.
            project: String,
            /// What it is about.
            subject: String,
        } => ("withdrew the acceptance of a gap of {project}: {subject}"), ("撤回对 {project} 缺口的接受：{subject}");
        /// Bytes of a manifest.
        ManifestRead {
            /// Which.
            image: String,
        } => ("read the manifest of {image}"), ("读取 {image} 的 manifest");
    }
}
