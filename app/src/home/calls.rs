//! The call of the home page.

use leptos::prelude::*;

use crate::error::ApiError;
use crate::home::types::Home;

/// The posture, as the caller may see it.
#[server(prefix = "/fn", endpoint = "home/get", input = leptos::server_fn::codec::GetUrl)]
pub async fn get_home() -> Result<Home, ApiError> {
    use crate::ports::{answer, backend, cx};
    answer(backend().get_home(&cx()).await)
}
