//! Why a call is refused: what is at fault with a form or request about projects.

use crate::sentence::sentences;
use crate::units::{count, some};

sentences! {
    /// Why a call is refused.
    #[schema(as = ProjectRefusal)]
    pub enum Refusal {
        /// Before everything.
        NothingCaptured => ("nothing was captured at or before this moment"), ("此时刻及之前没有任何快照");
        /// No digest.
        DigestForm => ("a digest is sha256: and 64 hexadecimal digits"), ("摘要为 sha256: 加 64 位十六进制数字");
        /// No snapshot.
        NoSnapshot => ("there is no such snapshot"), ("没有此快照");
        /// No day.
        DayForm => ("give a day like 2026-12-31, or a moment"), ("请填写日期（如 2026-12-31）或时间点");
        /// A day that is over.
        DayOver => ("this is over already; give a day to come"), ("该日期已过，请填写将来的日期");
        /// A day that is far.
        DayFar {
            /// How far.
            days: i64,
        } => ("this is too far away: at most {}", some(*days, "day", "days")), ("过远：最多 {} 天", count(*days));
        /// No reason.
        GapReason => ("say why, in 10 to 500 characters"), ("请说明原因，10 至 500 字");
        /// No end.
        GapUntil => ("say until when; at most a year"), ("请填写期限，最长一年");
        /// No gap.
        NoGap => ("this snapshot has no such gap"), ("该快照没有此缺口");
        /// Nobody knows what they are.
        GapsUnnamed => ("these are not named one by one, so nobody can accept them; look after those that are named"), ("这些缺口未逐一列出，无法接受；请先处理已列出的各项");
        /// It is accepted.
        GapAccepted => ("nothing is open here: it is accepted already; withdraw that first to give it another end"), ("此处没有未处理的缺口：已被接受；如需更改期限请先撤回");
        /// No tag.
        NoTag => ("this is not a tag"), ("不是有效的 Tag");
        /// No reason.
        HoldReason => ("say why, in 3 to 500 characters"), ("请用 3 至 500 字说明原因");
        /// Too much text.
        PastedLong {
            /// Characters.
            most: i64,
        } => ("use at most {}: the line that names the image is enough", some(*most, "character", "characters")), ("最多 {} 个字符：只需提及镜像的那一行", count(*most));
        /// It did not answer.
        HarborSlow => ("the harbor did not answer in time; what was captured is shown"), ("该 Harbor 未及时应答；以下为已捕获的内容");
    }
}
