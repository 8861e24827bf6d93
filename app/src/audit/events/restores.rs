//! Events of restores.

use crate::restores::outcomes::Outcome;
use crate::restores::words::Effects;
use crate::sentence::{Said, en, sentences, zh};

sentences! {
    /// An event of restores.
    pub enum RestoreEvent {
        /// A request.
        RestoreAsked {
            /// Its number.
            request: i64,
            /// What it does.
            effects: Effects,
        } => ("asked for restore #{request}: {}", en(effects)), ("提交恢复申请 #{request}：{}", zh(effects));
        /// A vote for.
        RestoreApproved {
            /// Of which.
            request: i64,
        } => ("approved restore #{request}"), ("批准恢复 #{request}");
        /// A vote against.
        RestoreRefused {
            /// Of which.
            request: i64,
        } => ("refused restore #{request}"), ("拒绝恢复 #{request}");
        /// No vote.
        VoteNotAllowed {
            /// On which.
            request: i64,
        } => ("was not allowed to vote on restore #{request}"), ("无权对恢复 #{request} 投票");
        /// It was taken back.
        RestoreWithdrawn {
            /// Which.
            request: i64,
        } => ("took restore #{request} back"), ("撤回恢复 #{request}");
        /// It is to stop.
        RestoreStopAsked {
            /// Which.
            request: i64,
        } => ("asked restore #{request} to stop"), ("请求停止恢复 #{request}");
        /// Its time is over.
        RestoreExpired {
            /// Which.
            request: i64,
            /// Why.
            why: Said<Outcome>,
        } => ("restore #{request} expired: {}", en(why)), ("恢复 #{request} 已过期：{}", zh(why));
        /// Its effect is another one.
        VotesLapsed {
            /// Of which.
            request: i64,
        } => ("Harbor changed, so the votes on restore #{request} lapsed"), ("Harbor 已变化，恢复 #{request} 的投票失效");
        /// Its plan is of before.
        PlanOutdated {
            /// Of which.
            request: i64,
        } => ("the plan of restore #{request} was made by an earlier version of this program, so its votes lapsed"), ("恢复 #{request} 的方案由本程序的旧版本生成，投票失效");
        /// It writes.
        RestoreStarted {
            /// Which.
            request: i64,
        } => ("restore #{request} starts to write"), ("恢复 #{request} 开始写入");
        /// It is over.
        RestoreEnded {
            /// Which.
            request: i64,
            /// How.
            outcome: Said<Outcome>,
        } => ("restore #{request} ended: {}", en(outcome)), ("恢复 #{request} 结束：{}", zh(outcome));
    }
}
