//! The call of the home page.

use crate::error::ApiError;
use crate::home::types::Home;

/// The posture, as the caller may see it.
pub async fn get_home() -> Result<Home, ApiError> {
    use crate::ports::{answer, backend, cx};
    answer(backend().get_home(&cx()).await)
}
