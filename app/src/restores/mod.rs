//! Restore requests: see [`types`] for the words and `port` for what the backend answers.

pub mod approvals_page;
pub mod calls;
pub mod change_table;
pub mod effect_table;
pub mod lines;
pub mod list_page;
pub mod outcomes;
pub mod refusals;
pub mod request_page;
pub mod request_parts;
pub mod sentences;
pub mod types;
pub mod wizard_page;
pub mod wizard_parts;
pub mod words;

use crate::text::t;
use crate::ui::{Tone, long};
use crate::units::Moment;
use types::RequestState;

/// Shape and word of a state.
#[must_use]
pub fn state_word(state: RequestState) -> (Tone, &'static str) {
    match state {
        RequestState::Draft => (Tone::Idle, t("draft", "草稿")),
        RequestState::Waiting => (Tone::Warn, t("awaiting approval", "待审批")),
        RequestState::Reapproval => (Tone::Warn, t("needs approval again", "需重新审批")),
        RequestState::Queued => (Tone::Run, t("approved, queued", "已批准，排队中")),
        RequestState::Running => (Tone::Run, t("running", "执行中")),
        RequestState::Done => (Tone::Ok, t("done, read back", "已完成并回读校验")),
        RequestState::Issues => (Tone::Warn, t("incomplete", "未全部完成")),
        RequestState::Failed => (Tone::Fail, t("failed", "失败")),
        RequestState::Cancelled => (Tone::Idle, t("stopped", "已停止")),
        RequestState::Denied => (Tone::Fail, t("refused", "已拒绝")),
        RequestState::Expired => (Tone::Idle, t("expired", "已过期")),
        RequestState::Withdrawn => (Tone::Idle, t("taken back", "已撤回")),
    }
}

/// Whether the state still changes by itself.
#[must_use]
pub const fn is_moving(state: RequestState) -> bool {
    matches!(state, RequestState::Queued | RequestState::Running)
}

/// The moment of a request by the reader's clocks; a draft without one takes the newest snapshot.
#[must_use]
pub fn moment_words(at: &str) -> String {
    if at.is_empty() { t("the newest snapshot", "最新快照").to_owned() } else { Moment::parse(at).map_or_else(|| at.to_owned(), long) }
}

/// `7c1e 09af`: the first eight digits of a plan's hash.
#[must_use]
pub fn short_hash(hash: &str) -> String {
    let digits: String = hash.chars().take(8).collect();
    match digits.split_at_checked(4) {
        Some((a, b)) => format!("{a} {b}"),
        None => digits,
    }
}
