//! Jobs: see [`types`] for the words and `port` for what the backend answers.

pub mod calls;
pub mod failures;
pub mod job_page;
pub mod lines;
pub mod list_page;
pub mod refusals;
pub mod sentences;
pub mod types;

use crate::text::t;
use crate::ui::Tone;
use types::JobState;

/// Shape and word of a state.
#[must_use]
pub fn state_word(state: JobState) -> (Tone, &'static str) {
    match state {
        JobState::Queued => (Tone::Idle, t("queued", "排队中")),
        JobState::Running => (Tone::Run, t("running", "运行中")),
        JobState::Done => (Tone::Ok, t("done", "已完成")),
        JobState::Dead => (Tone::Fail, t("failed", "失败")),
        JobState::Cancelled => (Tone::Idle, t("stopped", "已停止")),
    }
}
