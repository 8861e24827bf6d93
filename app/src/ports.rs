//! How pages reach the backend: one port per slice, summed up in [`Backend`].
//!
//! Exists on the server only. A server function is one line: `answer(backend().get_plan(&cx(), id).await)`. The backend finds
//! the caller in [`Cx`] and authorises; nothing here decides who may do what.

use std::sync::Arc;

use std::collections::BTreeMap;

use leptos::prelude::{expect_context, use_context};
use leptos::server_fn::ServerFn;
use leptos::server_fn::error::ServerFnUrlError;
use leptos_axum::ResponseOptions;
use serde::Serialize;

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
        if !is_plain_post(&parts) {
            response.set_status(status);
        }
    }
    result
}

fn is_plain_post(parts: &http::request::Parts) -> bool {
    let wants_page = parts.headers.get(http::header::ACCEPT).and_then(|v| v.to_str().ok()).is_some_and(|v| v.contains("text/html"));
    wants_page && parts.method == http::Method::POST
}

/// Bytes of one field that is kept for a refused form; a longer one is left out.
const KEPT_FIELD_BYTES_MAX: usize = 1_500;
/// Bytes of all kept fields together: addresses have a limit.
const KEPT_BYTES_MAX: usize = 6_000;

/// The fields of `form` named in `names`, to be shown again if the form is refused. Name no secret: they travel in an address.
pub fn keep(form: &impl Serialize, names: &[&str]) -> BTreeMap<String, String> {
    let mut kept = BTreeMap::new();
    let mut room = KEPT_BYTES_MAX;
    let Ok(serde_json::Value::Object(fields)) = serde_json::to_value(form) else { return kept };
    for name in names {
        let Some(value) = fields.get(*name) else { continue };
        let values = match value {
            serde_json::Value::Array(values) => values.iter().enumerate().map(|(i, v)| (format!("{name}[{i}]"), text_of(v))).collect(),
            one => vec![((*name).to_owned(), text_of(one))],
        };
        for (name, text) in values {
            let size = name.len() + text.len();
            if text.len() <= KEPT_FIELD_BYTES_MAX && size <= room {
                room -= size;
                kept.insert(name, text);
            }
        }
    }
    kept
}

fn text_of(value: &serde_json::Value) -> String {
    match value {
        serde_json::Value::String(text) => text.clone(),
        serde_json::Value::Null => String::new(),
        other => other.to_string(),
    }
}

/// [`answer`] for a form: a refused plain post goes back to its page with the error and the `kept` fields in the address, where
/// [`crate::ui::FormState`] reads them. `S` is the server function.
pub fn answer_form<S, T>(result: Result<T, ApiError>, kept: BTreeMap<String, String>) -> Result<T, ApiError>
where
    S: ServerFn<Error = ApiError>,
{
    let result = answer(result);
    let parts = expect_context::<http::request::Parts>();
    if let Err(error) = &result
        && is_plain_post(&parts)
        && let Some(page) = parts.headers.get(http::header::REFERER).and_then(|v| v.to_str().ok())
        && let Some(back) = back_to(page, S::PATH, error, &kept)
    {
        leptos_axum::redirect(&back);
    }
    result
}

fn back_to(page: &str, call: &str, error: &ApiError, kept: &BTreeMap<String, String>) -> Option<String> {
    page_with(page, call, Some(error), kept, &[])
}

/// The page a form was on, with what came of it. Only its path and query: a referrer cannot lead to another site.
fn page_with(page: &str, call: &str, error: Option<&ApiError>, kept: &BTreeMap<String, String>, more: &[(&str, &str)]) -> Option<String> {
    let stand_in = error.cloned().unwrap_or_else(|| ApiError::new(crate::error::ErrorKind::Invalid, "", ""));
    let mut url = ServerFnUrlError::new(call, stand_in).to_url(page).ok()?;
    let mut pairs: Vec<(String, String)> = url.query_pairs().map(|(k, v)| (k.into_owned(), v.into_owned())).collect();
    // The last two, `__path` and `__err`, are of this try; others are of an earlier one.
    let ours = pairs.split_off(pairs.len() - 2);
    pairs.retain(|(key, _)| !["__path", "__err", crate::ui::form::KEPT, "tested", "wrong"].contains(&key.as_str()));
    pairs.extend(ours.into_iter().filter(|(key, _)| error.is_some() || key != "__err"));
    pairs.extend(more.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())));
    if !kept.is_empty()
        && let Ok(kept) = serde_json::to_string(kept)
    {
        pairs.push((crate::ui::form::KEPT.to_owned(), kept));
    }
    url.query_pairs_mut().clear().extend_pairs(pairs);
    Some(format!("{}?{}", url.path(), url.query().unwrap_or_default()))
}

/// Leads a plain post back to its page with the `kept` fields and `more` in the address; does nothing where the browser part asked.
pub fn back_with<S: ServerFn<Error = ApiError>>(kept: BTreeMap<String, String>, more: &[(&str, &str)]) {
    let parts = expect_context::<http::request::Parts>();
    let page = parts.headers.get(http::header::REFERER).and_then(|v| v.to_str().ok());
    if is_plain_post(&parts)
        && let Some(page) = page
        && let Some(back) = page_with(page, S::PATH, None, &kept, more)
    {
        leptos_axum::redirect(&back);
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

/// Leads the browser on after a form was done: a redirect for a plain post, a navigation where the browser part sent it.
pub fn go(path: &str) {
    leptos_axum::redirect(path);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;

    #[test]
    fn a_refused_form_goes_back_with_its_error_once_and_without_what_was_not_kept() {
        let form = serde_json::json!({ "name": "a b", "secret": "s3cret", "duties": ["operator"], "plan": null });
        let kept = keep(&form, &["name", "duties", "plan", "absent"]);
        assert_eq!(kept.get("name").map(String::as_str), Some("a b"));
        assert_eq!(kept.get("duties[0]").map(String::as_str), Some("operator"));
        let error = ApiError::new(ErrorKind::Invalid, "invalid_input", "no");
        let once = back_to("http://here.invalid/harbors/new?tab=x", "/fn/harbors/create", &error, &kept).unwrap();
        let twice = back_to(&format!("http://here.invalid{once}"), "/fn/harbors/create", &error, &kept).unwrap();
        assert_eq!(once, twice);
        assert!(once.starts_with("/harbors/new?tab=x&__path="), "{once}");
        assert!(!once.contains("s3cret"), "{once}");
    }
}

#[cfg(test)]
#[path = "render_tests.rs"]
mod render_tests;
