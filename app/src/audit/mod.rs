//! The audit history: see [`types`] for the words and `port` for what the backend answers.

pub mod calls;
pub mod event_page;
pub mod events;
pub mod list_page;
pub mod types;

use crate::text::t;
use crate::ui::Tone;

/// Shape and word of an outcome.
#[must_use]
pub fn outcome_word(outcome: &str) -> (Tone, &'static str) {
    match outcome {
        "success" => (Tone::Ok, t("success", "成功")),
        "partial" => (Tone::Warn, t("partial", "部分成功")),
        "denied" => (Tone::Fail, t("denied", "被拒绝")),
        _ => (Tone::Fail, t("failure", "失败")),
    }
}
