//! How pages reach the backend: one port per slice, summed up in [`Backend`].
//!
//! Exists on the server only. A server function is one line: `answer(backend().get_plan(&cx(), id).await)`. The backend finds
//! the caller in [`Cx`] and authorises; nothing here decides who may do what.

use std::sync::Arc;

use leptos::prelude::{expect_context, use_context};
use leptos_axum::ResponseOptions;

use crate::error::ApiError;

#[path = "accounts/port.rs"]
pub mod accounts;
#[path = "audit/port.rs"]
pub mod audit;
#[path = "harbors/port.rs"]
pub mod harbors;
#[path = "home/port.rs"]
pub mod home;
#[path = "jobs/port.rs"]
pub mod jobs;
#[path = "plans/port.rs"]
pub mod plans;
#[path = "projects/port.rs"]
pub mod projects;
#[path = "restores/port.rs"]
pub mod restores;
#[path = "session/port.rs"]
pub mod session;
#[path = "vaults/port.rs"]
pub mod vaults;

/// Everything the pages may ask.
pub trait Backend:
    session::Sessions
    + home::Homes
    + harbors::Harbors
    + vaults::Vaults
    + plans::Plans
    + projects::Projects
    + restores::Restores
    + jobs::Jobs
    + audit::Audits
    + accounts::Accounts
{
}

impl<T> Backend for T where
    T: session::Sessions
        + home::Homes
        + harbors::Harbors
        + vaults::Vaults
        + plans::Plans
        + projects::Projects
        + restores::Restores
        + jobs::Jobs
        + audit::Audits
        + accounts::Accounts
{
}

/// The request a call belongs to: method, address, headers, and what the middleware put into its extensions.
#[derive(Clone)]
pub struct Cx {
    /// The request without its body.
    pub parts: http::request::Parts,
}

/// The backend of this process.
///
/// # Panics
/// Outside a request; the router provides it to each.
#[must_use]
pub fn backend() -> Arc<dyn Backend> {
    expect_context::<Arc<dyn Backend>>()
}

/// The request this call belongs to.
///
/// # Panics
/// Outside a request; the router provides it to each.
#[must_use]
pub fn cx() -> Cx {
    Cx { parts: expect_context::<http::request::Parts>() }
}

/// Gives an error's status to the response, unless a plain form was posted: then the redirect back to the page stays.
pub fn answer<T>(result: Result<T, ApiError>) -> Result<T, ApiError> {
    if let Err(error) = &result
        && let Some(response) = use_context::<ResponseOptions>()
        && let Ok(status) = http::StatusCode::from_u16(error.kind.status())
    {
        let parts = expect_context::<http::request::Parts>();
        let wants_page = parts
            .headers
            .get(http::header::ACCEPT)
            .and_then(|v| v.to_str().ok())
            .is_some_and(|v| v.contains("text/html"));
        if !(wants_page && parts.method == http::Method::POST) {
            response.set_status(status);
        }
    }
    result
}
