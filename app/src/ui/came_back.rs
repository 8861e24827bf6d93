//! A form that was posted without the browser part comes back to its page: refused, or with what came of it.
//!
//! The server keeps what there is to show, for that browser alone and for a while; the address carries a code that says nothing. So no address made
//! by somebody else fills a form or speaks from a page. The browser part finds it on the root element, where the server wrote it.

use std::collections::BTreeMap;

use leptos::prelude::{GetUntracked as _, Memo, document, is_browser, use_context};
use leptos_router::hooks::use_query_map;
use serde::{Deserialize, Serialize};

use crate::error::ApiError;

/// Name of the query parameter that carries the code.
pub const CODE: &str = "came";

/// What came of a form.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CameBack {
    /// The function it was posted to, `/fn/…`.
    pub call: String,
    /// The refusal, if it was refused.
    pub error: Option<ApiError>,
    /// Fields to show again. No secrets.
    #[serde(default)]
    pub kept: BTreeMap<String, String>,
    /// What else the page is to say.
    #[serde(default)]
    pub more: BTreeMap<String, String>,
}

/// The same with its code: an extension of the request for the page, and an attribute of its root element.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shown {
    /// The code in the address.
    pub code: String,
    /// What is shown.
    pub came: CameBack,
}

impl Shown {
    /// Of this request, or of the page that is open.
    #[must_use]
    pub fn here() -> Option<Self> {
        if let Some(parts) = use_context::<http::request::Parts>() {
            return parts.extensions.get::<Self>().cloned();
        }
        if !is_browser() {
            return None;
        }
        serde_json::from_str(&document().document_element()?.get_attribute("data-came")?).ok()
    }

    /// Value of `data-came`.
    #[must_use]
    pub fn attribute(&self) -> Option<String> {
        serde_json::to_string(self).ok()
    }
}

/// What came of the last post to one of these functions, as long as the address is still that of its page.
#[must_use]
pub fn came_back(calls: &[&str]) -> Option<CameBack> {
    let query: Memo<_> = use_query_map();
    let code = query.get_untracked().get_str(CODE)?.to_owned();
    Shown::here().filter(|shown| shown.code == code && calls.contains(&shown.came.call.as_str())).map(|shown| shown.came)
}
