//! Which bucket, and who knocks there.

use std::fmt;

use object_store::aws::AwsCredential;
use secrecy::{ExposeSecret, SecretString};
use url::Url;

/// Longest prefix taken, in bytes; S3 names have at most 1024.
pub const PREFIX_BYTES_MAX: usize = 512;
/// Longest access key and secret taken, in bytes.
pub const KEY_BYTES_MAX: usize = 256;

/// A part of a bucket's place that cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PlaceError {
    /// Not http or https with a host, or with more than that.
    #[error("the address must be https:// with host and port alone")]
    Endpoint,
    /// Not a bucket name.
    #[error("a bucket name has 3 to 63 lower-case letters, digits, dots and dashes")]
    Bucket,
    /// Not a region.
    #[error("a region has 1 to 64 lower-case letters, digits and dashes, such as us-east-1")]
    Region,
    /// Not a prefix.
    #[error("a prefix is folders of letters, digits, dots, dashes and underscores, such as backup/harbor")]
    Prefix,
    /// Empty, too long or with characters no key has.
    #[error("give the access key as the bucket's operator shows it")]
    AccessKey,
    /// Empty, too long or with characters no secret has.
    #[error("give the secret key as the bucket's operator shows it")]
    Secret,
}

/// A bucket, a folder in it, and a key for it.
#[derive(Clone)]
pub struct BucketPlace {
    endpoint: Url,
    region: String,
    bucket: String,
    prefix: String,
    access_key: String,
    secret: SecretString,
    path_style: bool,
}

impl fmt::Debug for BucketPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BucketPlace").field("place", &self.name()).finish_non_exhaustive()
    }
}

impl BucketPlace {
    /// Checks every part. Whether `endpoint` may be connected to is for the caller to judge.
    pub fn new(
        endpoint: &Url,
        region: &str,
        bucket: &str,
        prefix: &str,
        access_key: &str,
        secret: SecretString,
        path_style: bool,
    ) -> Result<Self, PlaceError> {
        let bare = endpoint.path() == "/" && endpoint.query().is_none() && endpoint.fragment().is_none();
        let anonymous = endpoint.username().is_empty() && endpoint.password().is_none();
        if !matches!(endpoint.scheme(), "http" | "https") || endpoint.host_str().is_none() || !bare || !anonymous {
            return Err(PlaceError::Endpoint);
        }
        let lower = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
        let dotted = bucket.starts_with(lower) && bucket.ends_with(lower) && !bucket.contains("..");
        if !(3..=63).contains(&bucket.len()) || !dotted || !bucket.chars().all(|c| lower(c) || matches!(c, '.' | '-')) {
            return Err(PlaceError::Bucket);
        }
        if !(1..=64).contains(&region.len()) || !region.chars().all(|c| lower(c) || c == '-') {
            return Err(PlaceError::Region);
        }
        let prefix = prefix.trim_matches('/');
        let folder = |part: &str| {
            !matches!(part, "" | "." | "..") && part.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_'))
        };
        if prefix.len() > PREFIX_BYTES_MAX || !(prefix.is_empty() || prefix.split('/').all(folder)) {
            return Err(PlaceError::Prefix);
        }
        let key = |text: &str| (1..=KEY_BYTES_MAX).contains(&text.len()) && text.chars().all(|c| c.is_ascii_graphic());
        if !key(access_key) {
            return Err(PlaceError::AccessKey);
        }
        if !key(secret.expose_secret()) {
            return Err(PlaceError::Secret);
        }
        Ok(Self {
            endpoint: endpoint.clone(),
            region: region.to_owned(),
            bucket: bucket.to_owned(),
            prefix: prefix.to_owned(),
            access_key: access_key.to_owned(),
            secret,
            path_style,
        })
    }

    /// What to call it: `s3://bucket/prefix at host:port`.
    #[must_use]
    pub fn name(&self) -> String {
        let port = self.endpoint.port().map_or_else(String::new, |port| format!(":{port}"));
        let slash = if self.prefix.is_empty() { "" } else { "/" };
        format!("s3://{}{slash}{} at {}{port}", self.bucket, self.prefix, self.endpoint.host_str().unwrap_or_default())
    }

    /// The address objects are asked for under, without a slash at its end.
    pub(super) fn base(&self) -> String {
        let authority = &self.endpoint[url::Position::BeforeHost..url::Position::AfterPort];
        if self.path_style {
            format!("{}://{authority}/{}", self.endpoint.scheme(), self.bucket)
        } else {
            format!("{}://{}.{authority}", self.endpoint.scheme(), self.bucket)
        }
    }

    /// The endpoint as object_store wants it: with the bucket in its host unless the bucket is in the path.
    pub(super) fn endpoint(&self) -> String {
        if self.path_style { self.endpoint.as_str().trim_end_matches('/').to_owned() } else { self.base() }
    }

    /// The full name of `path` in the bucket.
    pub(super) fn full(&self, path: &str) -> String {
        if self.prefix.is_empty() { path.to_owned() } else { format!("{}/{path}", self.prefix) }
    }

    /// The name inside the prefix.
    pub(super) fn inner<'a>(&self, full: &'a str) -> Option<&'a str> {
        if self.prefix.is_empty() { Some(full) } else { full.strip_prefix(&self.prefix)?.strip_prefix('/') }
    }

    pub(super) fn region(&self) -> &str {
        &self.region
    }

    pub(super) fn bucket(&self) -> &str {
        &self.bucket
    }

    pub(super) fn path_style(&self) -> bool {
        self.path_style
    }

    pub(super) fn is_plain_http(&self) -> bool {
        self.endpoint.scheme() == "http"
    }

    pub(super) fn credential(&self) -> AwsCredential {
        AwsCredential { key_id: self.access_key.clone(), secret_key: self.secret.expose_secret().to_owned(), token: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(endpoint: &str, bucket: &str, prefix: &str, path_style: bool) -> Result<BucketPlace, PlaceError> {
        BucketPlace::new(&endpoint.parse().unwrap(), "us-east-1", bucket, prefix, "AKIA", "s3cr3t".to_owned().into(), path_style)
    }

    #[test]
    fn only_what_needs_no_escape_forms_a_name() {
        for bad in ["", "ab", "Ab-cd", "a/b", "a..b", "-abc", "abc-", "a b c", &"a".repeat(64)] {
            assert_eq!(place("https://s3.example", bad, "", true).unwrap_err(), PlaceError::Bucket, "{bad:?}");
        }
        for bad in ["..", "a/../b", "a//b", "a b", "ä", "a?b", "a%2f", &"a".repeat(513)] {
            assert_eq!(place("https://s3.example", "abc", bad, true).unwrap_err(), PlaceError::Prefix, "{bad:?}");
        }
        for bad in ["ftp://s3.example", "https://s3.example/path", "https://u:p@s3.example", "https://s3.example?x"] {
            assert_eq!(place(bad, "abc", "", true).unwrap_err(), PlaceError::Endpoint, "{bad}");
        }
    }

    #[test]
    fn the_bucket_is_in_the_path_or_in_the_host() {
        let here = place("https://s3.example:9000", "abc", "/team/one/", true).unwrap();
        assert_eq!(here.base(), "https://s3.example:9000/abc");
        assert_eq!(here.endpoint(), "https://s3.example:9000");
        assert_eq!(here.full("index.json"), "team/one/index.json");
        assert_eq!(here.inner("team/one/index.json"), Some("index.json"));
        assert_eq!(here.inner("team/onexindex.json"), None);
        assert_eq!(here.name(), "s3://abc/team/one at s3.example:9000");
        let there = place("https://s3.example", "abc", "", false).unwrap();
        assert_eq!(there.base(), "https://abc.s3.example");
        assert_eq!(there.full("index.json"), "index.json");
        assert!(!format!("{there:?}").contains("s3cr3t"));
    }
}
