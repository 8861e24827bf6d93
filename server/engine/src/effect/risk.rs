//! How much a restore risks: the class votes are counted by (console.md §3.4). Pure.

use super::model::{Effect, EffectItem, EffectPlan};

/// More tags than this written by one request is class 4.
pub const TAGS_OF_ONE_REQUEST_MAX: usize = 50;

impl EffectPlan {
    /// 0 writes nothing; 1 only adds what is missing where it was; 2 writes to another project or harbor; 3 moves a tag; 4 a whole
    /// project, many tags, or something immutable.
    #[must_use]
    pub fn risk(&self) -> i32 {
        let written: Vec<&EffectItem> = self.items.iter().filter(|item| item.writes()).collect();
        if written.is_empty() {
            return 0;
        }
        let elsewhere = self.source.project != self.target_project || self.source.harbor != self.harbor;
        let images = written.iter().filter(|item| item.accessory.is_none()).count();
        if self.whole_project || images > TAGS_OF_ONE_REQUEST_MAX || written.iter().any(|item| item.immutable) {
            4
        } else if written.iter().any(|item| matches!(item.effect, Effect::Move { .. })) {
            3
        } else if elsewhere || self.creates_project {
            2
        } else {
            1
        }
    }
}
