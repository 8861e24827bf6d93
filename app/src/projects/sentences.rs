//! What happened to a project, for its timeline.

use crate::sentence::sentences;

sentences! {
    /// Something that happened.
    pub enum Happened {
        /// A request was restored.
        Restored {
            /// The request.
            request: i64,
        } => ("#{request} restored"), ("#{request} 已恢复");
        /// In part.
        RestoredInPart {
            /// The request.
            request: i64,
        } => ("#{request} restored in part"), ("#{request} 部分恢复");
        /// Not.
        RestoreFailed {
            /// The request.
            request: i64,
        } => ("#{request} failed"), ("#{request} 失败");
        /// A run failed.
        RunFailed {
            /// Its plan.
            plan: String,
        } => ("{plan} failed"), ("{plan} 失败");
    }
}
