//! What single headers of a stranger are read as, and what must hold of it. For tests with hostile bytes only.

use http::header::{CONTENT_RANGE, LOCATION, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderValue};
use time::OffsetDateTime;
use url::Url;

use crate::endpoint::{Endpoint, host_of};
use crate::limits::Limits;
use crate::{auth, oci, retry};

/// Reads the value as every header that decides something.
///
/// # Panics
/// If a promise is broken: a realm, an upload or a redirect somewhere it must not lead, a pause longer than the limit.
pub fn header(endpoint: &Endpoint, value: &HeaderValue) {
    let url = &endpoint.url;
    let headers: HeaderMap =
        [CONTENT_RANGE, RETRY_AFTER, WWW_AUTHENTICATE, LOCATION].into_iter().map(|name| (name, value.clone())).collect();
    if let Ok(Some(found)) = auth::challenge(&headers, endpoint) {
        let sent = auth::Auth::token_url(&found, &auth::Scope::Ping);
        assert_eq!(origin(&sent), origin(url), "a password would be sent elsewhere");
    }
    let limits = Limits::default();
    let asked = retry::retry_after(&headers, OffsetDateTime::UNIX_EPOCH);
    if let Some(pause) = retry::Tries::new(&limits).next(asked) {
        assert!(pause <= limits.retry_after_max + limits.retry_pause_max, "{pause:?} is too long a pause");
    }
    let _ = oci::content_range(&headers);
    let location = value.to_str().ok();
    if let Ok(upload) = oci::upload_location(endpoint, url, location) {
        assert_eq!(origin(&upload), origin(url), "an upload would go elsewhere");
        assert!(upload.path().starts_with("/v2/") && upload.username().is_empty() && upload.password().is_none());
    }
    if let Ok(target) = oci::redirect_target(endpoint, url, location) {
        assert!(target.scheme() == "https" || url.scheme() == "http", "an encrypted transfer would go on in the clear");
        assert!(target.username().is_empty() && target.password().is_none());
        assert!(!host_of(&target).is_empty());
    }
}

fn origin(url: &Url) -> (String, Option<String>, Option<u16>) {
    (url.scheme().to_owned(), url.host_str().map(str::to_owned), url.port_or_known_default())
}
