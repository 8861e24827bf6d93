//! Events of the audit history itself, of jobs, and of what was refused.

use crate::jobs::sentences::Title;
use crate::sentence::{Said, en, sentences, zh};
use crate::units::{count, some};

sentences! {
    /// An event of the rest.
    pub enum SystemEvent {
        /// A right was missing.
        Refused {
            /// The operation.
            operation: String,
        } => ("was refused {operation}"), ("被拒绝：{operation}");
        /// A page of the history.
        HistoryRead {
            /// The oldest of it.
            first: i64,
            /// The newest of it.
            last: i64,
            /// How many match.
            matched: i64,
            /// More do.
            more: bool,
        } => ("read the audit events {first} to {last}, {}{} matched", if *more { "more than " } else { "" }, count(*matched)), ("查看审计记录 {first} 至 {last}，匹配{} {} 条", if *more { "超过" } else { "" }, count(*matched));
        /// The same, with nothing on it.
        HistoryReadEmpty {
            /// How many match.
            matched: i64,
            /// More do.
            more: bool,
        } => ("read the audit history, {}{} matched", if *more { "more than " } else { "" }, some(*matched, "event", "events")), ("查看审计记录，匹配{} {} 条", if *more { "超过" } else { "" }, count(*matched));
        /// One event.
        EventOpened {
            /// Its number.
            seq: i64,
        } => ("opened the audit event {seq}"), ("查看第 {seq} 条审计记录");
        /// The chain.
        ChainVerified {
            /// How many records.
            events: i64,
        } => ("verified {}", some(*events, "audit event", "audit events")), ("校验 {} 条审计记录", count(*events));
        /// A job is to stop.
        JobStopAsked {
            /// Which.
            job: i64,
            /// What it is about.
            title: Said<Title>,
        } => ("asked job {job} to stop: {}", en(title)), ("请求停止任务 {job}：{}", zh(title));
        /// A job is to go on.
        JobAgain {
            /// Which.
            job: i64,
            /// What it is about.
            title: Said<Title>,
        } => ("queued job {job} again: {}", en(title)), ("重新排队任务 {job}：{}", zh(title));
    }
}
