//! Settings as Harbor words them, for keeping: whoever asks picks the fields that mean something.

use reqwest::Method;
use serde_json::Value;

use super::paging::Listing;
use crate::client::{Client, parse};
use crate::error::RegistryError;

/// Tells rows of a listing apart: their number, else (scanners) a number made of their text.
fn number(row: &Value) -> i64 {
    use std::hash::{Hash as _, Hasher as _};
    row["id"].as_i64().unwrap_or_else(|| {
        let mut hasher = std::hash::DefaultHasher::new();
        row.to_string().hash(&mut hasher);
        i64::from_ne_bytes(hasher.finish().to_ne_bytes())
    })
}

impl Client {
    /// All rows of a list of settings. `path` is encoded and below `/api/v2.0`.
    pub async fn setting_rows(&self, path: &str, query: &[(&'static str, &str)], what: &str) -> Result<Vec<Value>, RegistryError> {
        let listing = query.iter().fold(Listing::new(path, what), |listing, (name, value)| listing.with(name, *value));
        self.paged(&listing, number).await
    }

    /// One object of settings; `Null` where Harbor has none and answers nothing.
    pub async fn setting(&self, path: &str, what: &str) -> Result<Value, RegistryError> {
        let call = self.api(Method::GET, path, what);
        let answer = self.expect(&call).await?;
        if answer.body.iter().all(u8::is_ascii_whitespace) { Ok(Value::Null) } else { parse(&answer.body, what) }
    }
}
