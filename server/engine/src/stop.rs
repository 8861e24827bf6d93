//! Why the engine must not go on.

use serde::{Deserialize, Serialize};

/// Why the engine must not go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
pub enum Stop {
    /// A person asked to stop.
    #[error("stopped by a person")]
    Cancelled,
    /// Somebody else may have the work: nothing more may be written.
    #[error("the lease was lost")]
    LeaseLost,
    /// The process ends; the work is taken up again later.
    #[error("the program is shutting down")]
    Shutdown,
    /// An approval no longer holds.
    #[error("an approval no longer holds")]
    ApprovalLost,
    /// The registry does not answer: what was not done yet is done when it is back.
    #[error("the registry does not answer")]
    RegistryAway,
}
