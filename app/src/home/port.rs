//! What the home page asks the backend.

use async_trait::async_trait;

use crate::error::ApiError;
use crate::home::types::Home;
use crate::ports::Cx;

/// The posture.
#[async_trait]
pub trait Homes: Send + Sync {
    /// The home page of the caller.
    async fn get_home(&self, cx: &Cx) -> Result<Home, ApiError>;
}
