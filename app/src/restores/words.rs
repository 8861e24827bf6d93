//! What a plan does and what came of it, each as a value that says itself, in both languages.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::sentence::{Example, Sentence};
use crate::text::Lang;
use crate::units::{bytes, listed, short_digest, some};

/// What a plan does, counted by what a reader would count.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Effects {
    /// Project it writes to.
    pub project: String,
    /// The project is made first.
    pub creates_project: bool,
    /// Tags made.
    pub tags_created: i64,
    /// Images that come back by their digest, without a tag.
    pub images_created: i64,
    /// Tags moved.
    pub tags_moved: i64,
    /// Images that are there and of which Harbor lost a part.
    #[serde(default)]
    pub images_mended: i64,
    /// Signatures, SBOMs and other accessories written.
    pub accessories: i64,
    /// Lines left as they are.
    pub left: i64,
    /// Lines that cannot be done.
    pub blocked: i64,
    /// The tag or image, where it is a single one.
    pub only: Option<String>,
    /// The digest that one gets.
    pub only_then: Option<String>,
}

/// `2 tags`, `1 tag`; none = there is nothing to tell.
fn any(number: i64, one: &str, many: &str) -> Option<String> {
    (number > 0).then(|| some(number, one, many))
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| format!("{}{}", first.to_uppercase(), letters.as_str()))
}

impl Effects {
    /// Whether anything is written.
    #[must_use]
    pub const fn writes(&self) -> bool {
        self.tags_created + self.images_created + self.tags_moved + self.images_mended + self.accessories > 0
    }

    fn english(&self) -> String {
        let project = &self.project;
        if !self.writes() {
            return match self.blocked {
                0 => format!("Nothing to do in {project}"),
                n => format!("Cannot do anything in {project}: {n} blocked"),
            };
        }
        let blocked = if self.blocked > 0 { format!("; {} blocked", self.blocked) } else { String::new() };
        if let (Some(name), false) = (&self.only, self.creates_project) {
            let then = self.only_then.as_deref().map(short_digest).unwrap_or_default();
            return match (self.tags_moved, self.images_created, self.images_mended) {
                (1, ..) => format!("Moves {name} back to {then}{blocked}"),
                (_, 1, _) => format!("Brings {name} back without a tag{blocked}"),
                (.., 1) => format!("Sends again what Harbor lost of {name}{blocked}"),
                _ => format!("Creates {name} again{blocked}"),
            };
        }
        let created = [any(self.tags_created, "tag", "tags"), any(self.images_created, "image without a tag", "images without a tag")];
        let created: Vec<String> = created.into_iter().flatten().collect();
        let mut acts = Vec::new();
        if !created.is_empty() {
            acts.push(format!("creates {}", listed(Lang::En, &created)));
        }
        acts.extend(any(self.tags_moved, "tag", "tags").map(|tags| format!("moves {tags}")));
        acts.extend(any(self.images_mended, "image", "images").map(|images| format!("sends again what Harbor lost of {images}")));
        let accessories = any(self.accessories, "signature or other accessory", "signatures or other accessories");
        acts.extend(accessories.map(|these| format!("adds {these}")));
        let whole = if self.tags_moved == 0 { ", nothing is overwritten" } else { "" };
        if self.creates_project {
            return format!("Makes the project {project} anew and {} in it{blocked}", listed(Lang::En, &acts));
        }
        format!("{} in {project}{whole}{blocked}", capital(&listed(Lang::En, &acts)))
    }

    fn chinese(&self) -> String {
        let project = &self.project;
        if !self.writes() {
            return match self.blocked {
                0 => format!("{project} 中无需操作"),
                n => format!("{project} 中无法执行：{n} 项受阻"),
            };
        }
        let blocked = if self.blocked > 0 { format!("；{} 项受阻", self.blocked) } else { String::new() };
        if let (Some(name), false) = (&self.only, self.creates_project) {
            let then = self.only_then.as_deref().map(short_digest).unwrap_or_default();
            return match (self.tags_moved, self.images_created, self.images_mended) {
                (1, ..) => format!("将 {name} 移回 {then}{blocked}"),
                (_, 1, _) => format!("恢复 {name}，不带 Tag{blocked}"),
                (.., 1) => format!("补发 Harbor 丢失的 {name} 的内容{blocked}"),
                _ => format!("重新创建 {name}{blocked}"),
            };
        }
        let each = [
            (self.tags_created, "新建", "个 Tag"),
            (self.images_created, "恢复", "个无 Tag 镜像"),
            (self.tags_moved, "移动", "个 Tag"),
            (self.images_mended, "补全", "个 Harbor 丢失了部分内容的镜像"),
            (self.accessories, "补充", "个签名等附件"),
        ];
        let acts: Vec<String> =
            each.into_iter().filter(|(count, ..)| *count > 0).map(|(count, verb, what)| format!("{verb} {count} {what}")).collect();
        let whole = if self.tags_moved == 0 { "，不覆盖任何内容" } else { "" };
        if self.creates_project {
            return format!("重新建立项目 {project}，并在其中{}{blocked}", acts.join("、"));
        }
        format!("在 {project} 中{}{whole}{blocked}", acts.join("、"))
    }
}

impl Sentence for Effects {
    fn say(&self, lang: Lang) -> String {
        match lang {
            Lang::En => self.english(),
            Lang::ZhCn => self.chinese(),
        }
    }
}

/// What came of a request, counted over the lines of its plan.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Ended {
    /// As wanted, read back.
    pub done: i64,
    /// Failed.
    pub failed: i64,
    /// Could not be done from the start.
    pub blocked: i64,
    /// Not begun, or broken off.
    pub open: i64,
    /// Left as they were, as the plan says.
    pub left: i64,
    /// Bytes sent.
    pub bytes_sent: i64,
}

impl Example for Effects {
    fn example(_name: &str, turn: usize) -> Self {
        let figure = |place: usize| if turn % 4 == place { i64::example("", turn / 4) } else { 0 };
        Self {
            project: String::example("project", turn),
            creates_project: turn.is_multiple_of(4) && turn % 8 > 3,
            tags_created: figure(0),
            tags_moved: figure(1),
            images_mended: figure(2),
            accessories: figure(2),
            blocked: figure(3),
            ..Self::default()
        }
    }
}

impl Example for Ended {
    fn example(_name: &str, turn: usize) -> Self {
        let figure = i64::example("", turn);
        Self { done: figure, failed: figure, blocked: figure, open: figure, left: figure, bytes_sent: figure }
    }
}

impl Sentence for Ended {
    fn say(&self, lang: Lang) -> String {
        let sent = bytes(self.bytes_sent);
        let parts: [(i64, &str, &str); 5] = [
            (self.done, "restored and read back", "已恢复并回读"),
            (self.failed, "failed", "失败"),
            (self.blocked, "blocked", "受阻"),
            (self.open, "not done", "未执行"),
            (self.left, "left as they were", "保持不变"),
        ];
        // What is done is said even where it is nothing.
        let told = parts.into_iter().enumerate().filter(|(place, (count, ..))| *place == 0 || *count > 0);
        match lang {
            Lang::En => {
                let told: Vec<String> = told.map(|(_, (count, en, _))| format!("{count} {en}")).collect();
                format!("{}; {sent} sent", told.join(", "))
            }
            Lang::ZhCn => {
                let told: Vec<String> = told.map(|(_, (count, _, zh))| format!("{zh} {count}")).collect();
                format!("{}；发送 {sent}", told.join("，"))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn effects(tags_created: i64, images_created: i64, tags_moved: i64) -> Effects {
        Effects { project: "shop".to_owned(), tags_created, images_created, tags_moved, ..Effects::default() }
    }

    #[test]
    fn tags_are_counted_as_tags_and_a_new_project_is_in_the_sentence() {
        let one =
            Effects { only: Some("shop/web:1.4".to_owned()), only_then: Some(format!("sha256:{}", "9f".repeat(32))), ..effects(1, 0, 0) };
        let table = [
            (effects(0, 0, 0), "Nothing to do in shop"),
            (Effects { blocked: 2, ..effects(0, 0, 0) }, "Cannot do anything in shop: 2 blocked"),
            (one.clone(), "Creates shop/web:1.4 again"),
            (Effects { blocked: 1, ..one.clone() }, "Creates shop/web:1.4 again; 1 blocked"),
            (Effects { creates_project: true, ..one }, "Makes the project shop anew and creates 1 tag in it"),
            (effects(2, 0, 0), "Creates 2 tags in shop, nothing is overwritten"),
            (effects(2, 1, 0), "Creates 2 tags and 1 image without a tag in shop, nothing is overwritten"),
            (effects(2, 0, 3), "Creates 2 tags and moves 3 tags in shop"),
            (
                Effects { images_mended: 2, ..effects(1, 0, 0) },
                "Creates 1 tag and sends again what Harbor lost of 2 images in shop, nothing is overwritten",
            ),
            (Effects { accessories: 1, ..effects(0, 0, 0) }, "Adds 1 signature or other accessory in shop, nothing is overwritten"),
            (
                Effects { accessories: 4, blocked: 1, ..effects(2, 2, 1) },
                "Creates 2 tags and 2 images without a tag, moves 1 tag and adds 4 signatures or other accessories in shop; 1 blocked",
            ),
        ];
        for (effects, sentence) in table {
            assert_eq!(effects.say(Lang::En), sentence);
            assert!(effects.say(Lang::ZhCn).contains("shop"), "{sentence}");
        }
    }

    #[test]
    fn what_is_not_done_is_told() {
        let ended = Ended { done: 2, failed: 1, blocked: 1, left: 3, bytes_sent: 1024, ..Ended::default() };
        assert_eq!(ended.say(Lang::En), "2 restored and read back, 1 failed, 1 blocked, 3 left as they were; 1.0 KiB sent");
        assert_eq!(Ended::default().say(Lang::En), "0 restored and read back; 0 B sent");
    }
}
