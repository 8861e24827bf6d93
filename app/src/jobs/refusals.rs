//! Why a call is refused: what is at fault with a form or request about jobs.

use crate::sentence::sentences;

sentences! {
    /// Why a call is refused.
    #[schema(as = JobRefusal)]
    pub enum Refusal {
        /// It is over.
        Over => ("the job is over already"), ("任务已结束");
        /// A restore.
        RetryRequest => ("a failed restore is repeated from its request, with a new plan and new votes"), ("失败的恢复须由其申请重试，需要新方案与新审批");
        /// Another does it.
        NewerOne => ("a newer job does the same already"), ("已有更新的任务在做同一件事");
        /// It did not fail.
        NotFailed => ("only a job that failed can be repeated"), ("只能重做失败的任务");
    }
}
