//! A form that was posted comes back to its page: refused, or with what came of it.
//!
//! The server keeps what there is to show, for that browser alone and for a while; the address carries a code that says nothing. So no address made
//! by somebody else fills a form or speaks from a page.

use std::collections::BTreeMap;

use leptos::prelude::use_context;
use serde::{Deserialize, Serialize};

use crate::address::Address;
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

/// The same with its code: an extension of the request for the page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    /// The code in the address.
    pub code: String,
    /// What is shown.
    pub came: CameBack,
}

/// What came of the last post to one of these functions, where the address is that of its page.
#[must_use]
pub fn came_back(calls: &[&str]) -> Option<CameBack> {
    let code = Address::here().get(CODE)?;
    let shown = use_context::<http::request::Parts>()?.extensions.get::<Shown>().cloned()?;
    (shown.code == code && calls.contains(&shown.came.call.as_str())).then_some(shown.came)
}
