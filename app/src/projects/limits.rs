//! What is said of the limits of a snapshot, and of the stretches of a tag.

use crate::sentence::{en, sentences, zh};
use crate::troubles::Trouble;
use crate::units::{count, some};

/// What may be there and is not seen.
const UNSEEN: &str = "a signature or the like without a tag, about an image that is not in this project, may be there unseen";
/// The same.
const UNSEEN_ZH: &str = "若有无 Tag 且针对本项目之外镜像的签名等，可能未被看到";

sentences! {
    /// What was asked, and what may be left.
    pub enum LimitText {
        /// What is listed is about what is not there.
        ListedAboutGone => ("what Harbor lists there is about images that are not there; {UNSEEN}"), ("Harbor 在此列出的内容针对的镜像不在此处；{UNSEEN_ZH}");
        /// Nothing is listed, nothing was found.
        NothingListed => ("Harbor counts and lists no artifact there, and none was found by tags or as referrers of this project's images; {UNSEEN}"),
            ("Harbor 在此不计数也不列出任何制品，按 Tag 与本项目镜像的引用亦未找到；{UNSEEN_ZH}");
        /// Something was found that is not listed.
        Unlisted {
            /// How much.
            artifacts: i64,
        } => ("{} that Harbor does not list {} found there; {UNSEEN}", some(*artifacts, "artifact", "artifacts"), if *artifacts == 1 { "was" } else { "were" }),
             ("在此找到 {} 个 Harbor 未列出的制品；{UNSEEN_ZH}", count(*artifacts));
        /// One question was not answered.
        ReferrersUnasked {
            /// About what.
            image: String,
            /// Why.
            why: Trouble,
        } => ("what refers to {image} could not be asked: {}", en(why)), ("无法询问 {image} 的引用者：{}", zh(why));
        /// Too many questions.
        ReferrersInPart {
            /// Asked.
            asked: i64,
            /// Of so many.
            images: i64,
        } => ("what refers to an image was asked of {} of {}", count(*asked), some(*images, "image", "images")), ("仅询问了 {} 个镜像中 {} 个的引用者", count(*images), count(*asked));
        /// Too much to look up.
        LookedUpInPart {
            /// Looked up.
            looked: i64,
            /// Of so many.
            of: i64,
        } => ("{} of {} that Harbor does not list were looked up", count(*looked), some(*of, "tag or artifact", "tags and artifacts")), ("Harbor 未列出的 {} 个 Tag 与制品中查找了 {} 个", count(*of), count(*looked));
        /// More limits than are named.
        MoreRepositories {
            /// How many.
            repositories: i64,
        } => ("the same holds of {}", some(*repositories, "more repository", "more repositories")), ("另有 {} 个仓库同样如此", count(*repositories));
    }

    /// How a stretch of a tag's history ended, or came about.
    pub enum SpanEnd {
        /// Another image has the tag.
        Moved => ("moved to another image"), ("已指向其他镜像");
        /// The same, by a restore.
        MovedByRestore {
            /// Which.
            request: i64,
        } => ("moved by restore #{request}"), ("由恢复 #{request} 更改");
        /// The tag is gone.
        GoneFromHarbor => ("gone from Harbor"), ("已从 Harbor 消失");
        /// It was never in a harbor of ours.
        Imported => ("imported from files"), ("由文件导入");
    }

    /// Why an image cannot be restored.
    pub enum NotRestorable {
        /// Nobody has it whole.
        Damaged => ("every snapshot that holds it is damaged; run its plan again while Harbor has it"), ("包含它的快照均已损坏；请在 Harbor 仍有该镜像时重新运行计划");
    }
}
