//! How pages reach the backend: one port per slice, summed up in [`Backend`].
//!
//! A call is one line: `answer(backend().get_plan(&cx(), id).await)`. The backend finds
//! the caller in [`Cx`] and authorises; nothing here decides who may do what.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use leptos::prelude::{expect_context, use_context};
use leptos::server_fn::ServerFn;
use leptos_axum::ResponseOptions;

use crate::error::ApiError;
use crate::ui::CameBack;

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
#[path = "kept.rs"]
pub mod kept;
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
        if is_plain_post(&parts) {
            let call = parts.uri.path().to_owned();
            leave(&parts, CameBack { call, error: Some(error.clone()), ..CameBack::default() });
        } else {
            response.set_status(status);
        }
    }
    result
}

/// Where a call leaves what its page is to show once the browser is back there; the server puts one into the extensions of each request,
/// keeps what it finds in it afterwards, and leads the browser there.
#[derive(Clone, Default)]
pub struct Left(Arc<Mutex<Option<CameBack>>>);

impl Left {
    /// What was left, once.
    #[must_use]
    pub fn take(&self) -> Option<CameBack> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

fn leave(parts: &http::request::Parts, came: CameBack) {
    if let Some(left) = parts.extensions.get::<Left>() {
        *left.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(came);
    }
}

fn is_plain_post(parts: &http::request::Parts) -> bool {
    let wants_page = parts.headers.get(http::header::ACCEPT).and_then(|v| v.to_str().ok()).is_some_and(|v| v.contains("text/html"));
    wants_page && parts.method == http::Method::POST
}

pub use kept::keep;

/// [`answer`] for a form: a refused plain post comes back to its page with the error and the `kept` fields, where
/// [`crate::ui::FormState`] reads them. `S` is the server function.
pub fn answer_form<S, T>(result: Result<T, ApiError>, kept: BTreeMap<String, String>) -> Result<T, ApiError>
where
    S: ServerFn<Error = ApiError>,
{
    let result = answer(result);
    let parts = expect_context::<http::request::Parts>();
    if let Err(error) = &result
        && is_plain_post(&parts)
    {
        leave(&parts, CameBack { call: S::PATH.to_owned(), error: Some(error.clone()), kept, ..CameBack::default() });
    }
    result
}

/// Leads a plain post back to its page with the `kept` fields and `more` to say.
pub fn back_with<S: ServerFn<Error = ApiError>>(kept: BTreeMap<String, String>, more: &[(&str, &str)]) {
    let parts = expect_context::<http::request::Parts>();
    if is_plain_post(&parts) {
        let more = more.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        leave(&parts, CameBack { call: S::PATH.to_owned(), kept, more, ..CameBack::default() });
    }
}

/// Whether this call is a plain form post, whose answer value the browser will not see.
#[must_use]
pub fn is_plain() -> bool {
    is_plain_post(&expect_context::<http::request::Parts>())
}

/// Hands a secret to the page at `path` by way of the browser alone: a cookie for that page, gone in a minute.
pub fn hand_over(name: &str, secret: &str, path: &str) {
    set_cookie(&format!("{name}={secret}; Path={path}; HttpOnly; SameSite=Strict; Max-Age=60"));
}

/// Takes what [`hand_over`] left, and removes it.
#[must_use]
pub fn take_over(name: &str, path: &str) -> Option<String> {
    let parts = expect_context::<http::request::Parts>();
    let cookies = parts.headers.get_all(http::header::COOKIE).iter().filter_map(|v| v.to_str().ok()).flat_map(|v| v.split(';'));
    let value = cookies.filter_map(|pair| pair.trim().split_once('=')).find(|(key, _)| *key == name).map(|(_, value)| value.to_owned());
    if value.is_some() {
        set_cookie(&format!("{name}=; Path={path}; HttpOnly; SameSite=Strict; Max-Age=0"));
    }
    value
}

fn set_cookie(cookie: &str) {
    let parts = expect_context::<http::request::Parts>();
    let secure = parts.headers.get(http::header::ORIGIN).and_then(|v| v.to_str().ok()).is_some_and(|o| o.starts_with("https://"));
    let cookie = if secure { format!("{cookie}; Secure") } else { cookie.to_owned() };
    if let (Some(response), Ok(value)) = (use_context::<ResponseOptions>(), http::HeaderValue::from_str(&cookie)) {
        response.append_header(http::header::SET_COOKIE, value);
    }
}

/// [`go`], with a message that the next page shows once, in the language of this request.
pub async fn done(path: &str, en: &'static str, zh: &'static str) {
    let text = crate::session::display::Display::here().lang.pick(en, zh);
    backend().leave_flash(&cx(), text).await;
    go(path);
}

/// Leads the browser on, to another page than the one that was asked for or after a form was done.
pub fn go(path: &str) {
    leptos_axum::redirect(path);
}

#[cfg(test)]
#[path = "render_tests.rs"]
mod render_tests;
