//! Where a registry points to: upload locations and redirects of blobs (S-62..S-66).

use url::Url;

use crate::endpoint::{Endpoint, host_of};
use crate::error::RegistryError;

/// Longest address followed, in bytes; signed addresses of object stores are long.
const LOCATION_BYTES_MAX: usize = 16 * 1024;

fn refused(url: Option<&Url>, reason: &'static str) -> RegistryError {
    RegistryError::RedirectRefused { host: url.map_or_else(|| "nowhere".to_owned(), host_of), reason }
}

/// The address of an upload: path and query are the registry's, scheme, host and port stay ours. Harbor behind a TLS proxy may name the wrong scheme
/// or port (harbor.md §1); another host name is refused.
pub(crate) fn upload_location(endpoint: &Endpoint, base: &Url, location: Option<&str>) -> Result<Url, RegistryError> {
    let text = location
        .filter(|l| !l.is_empty() && l.len() <= LOCATION_BYTES_MAX)
        .ok_or_else(|| refused(None, "the upload has no usable location"))?;
    let target = base.join(text).map_err(|_| refused(None, "the upload has no usable location"))?;
    if !matches!(target.scheme(), "http" | "https") || !target.username().is_empty() || target.password().is_some() {
        return Err(refused(Some(&target), "the upload's location has a strange scheme or carries a login"));
    }
    if host_of(&target) != host_of(&endpoint.url) {
        return Err(refused(Some(&target), "the upload's location is on another host; set Harbor's external URL to the address used here"));
    }
    if !target.path().starts_with("/v2/") {
        return Err(refused(Some(&target), "the upload's location is outside of /v2/"));
    }
    let mut url = endpoint.url.clone();
    url.set_path(target.path());
    url.set_query(target.query());
    Ok(url)
}

/// The target of a blob's redirect: https, unless the registry itself is spoken to in plain http by the operator's leave; no login inside; allowed address. It is followed
/// without any credential.
pub(crate) fn redirect_target(endpoint: &Endpoint, from: &Url, location: Option<&str>) -> Result<Url, RegistryError> {
    let text = location
        .filter(|l| !l.is_empty() && l.len() <= LOCATION_BYTES_MAX)
        .ok_or_else(|| refused(None, "the redirect has no usable target"))?;
    let target = from.join(text).map_err(|_| refused(None, "the redirect has no usable target"))?;
    let plain_ok = from.scheme() == "http" && endpoint.url.scheme() == "http";
    if target.scheme() != "https" && !(target.scheme() == "http" && plain_ok) {
        return Err(refused(Some(&target), "the redirect leads to an unencrypted connection"));
    }
    if !target.username().is_empty() || target.password().is_some() {
        return Err(refused(Some(&target), "the redirect carries a login"));
    }
    endpoint.addresses.check_url_host(&target).map_err(|e| RegistryError::AddressRefused { host: e.host })?;
    Ok(target)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::address::AddressRule;

    fn endpoint(url: &str) -> Endpoint {
        Endpoint::new(url, true, None, AddressRule::default()).unwrap()
    }

    #[test]
    fn an_upload_keeps_our_scheme_and_port_and_the_registrys_path_and_query() {
        let here = endpoint("https://harbor.example:8443");
        for location in [
            "http://harbor.example/v2/a/b/blobs/uploads/1?_state=x%3D%3D",
            "https://harbor.example:8443/v2/a/b/blobs/uploads/1?_state=x%3D%3D",
            "/v2/a/b/blobs/uploads/1?_state=x%3D%3D",
        ] {
            let url = upload_location(&here, &here.url, Some(location)).unwrap();
            assert_eq!(url.as_str(), "https://harbor.example:8443/v2/a/b/blobs/uploads/1?_state=x%3D%3D");
        }
    }

    #[test]
    fn an_upload_elsewhere_is_refused() {
        let here = endpoint("https://harbor.example");
        for location in [
            None,
            Some(""),
            Some("https://evil.example/v2/a"),
            Some("//evil.example/v2/a"),
            Some("https://user:pw@harbor.example/v2/a"),
            Some("ftp://harbor.example/v2/a"),
            Some("/api/v2.0/users"),
            Some("/v2/../api/v2.0/users"),
            Some("https://harbor.example.evil.example/v2/a"),
        ] {
            assert!(matches!(upload_location(&here, &here.url, location), Err(RegistryError::RedirectRefused { .. })), "{location:?}");
        }
    }

    #[test]
    fn a_blob_is_followed_to_https_only_and_never_to_a_forbidden_address() {
        let here = endpoint("https://harbor.example");
        assert!(redirect_target(&here, &here.url, Some("https://store.example/b?sig=1")).is_ok());
        for location in [
            "http://store.example/b",
            "https://u:p@store.example/b",
            "file:///etc/passwd",
            "https://127.0.0.1/b",
            "https://[::1]/b",
            "https://169.254.169.254/latest",
            "https://localhost/b",
        ] {
            assert!(redirect_target(&here, &here.url, Some(location)).is_err(), "{location}");
        }
        let plain = endpoint("http://harbor.example");
        assert!(redirect_target(&plain, &plain.url, Some("http://store.example/b")).is_ok(), "plain http was allowed by the operator");
        let upgraded: Url = "https://store.example/1".parse().unwrap();
        assert!(redirect_target(&plain, &upgraded, Some("http://store.example/b")).is_err(), "https to http is refused even then");
    }
}
