//! What can go wrong with a registry, by what the caller can do about it.
//!
//! Texts of strangers are shortened and freed of control characters before they enter an error; no error carries a URL's
//! query, a header or a body. Mapping of Harbor's codes: harbor.md §1 and §5.

use std::time::Duration;

use oci_distribution::errors::{OciEnvelope, OciErrorCode};
use reqwest::StatusCode;
use vocab::Digest;

use crate::endpoint::EndpointError;

/// Longest text of a stranger kept in an error, in characters.
const FOREIGN_TEXT_CHARS_MAX: usize = 300;
/// Most missing digests read from one answer; as many as a manifest can name.
const MISSING_MAX: usize = vocab::manifest::NAMES_MAX;

/// An error of somebody else, kept as the source of ours.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Why a registry did not do what it was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RegistryError {
    /// Wrong password or secret, expired or disabled robot. Renew the login; nothing that was listed with it counts.
    #[error(
        "credential rejected: the registry does not accept the login {username}; check its secret and whether it expired or was disabled"
    )]
    NotLoggedIn { username: String },
    /// The login is good but lacks a right.
    #[error("the login {username} may not {what}; give it the missing right")]
    Forbidden { username: String, what: String },
    /// Harbor is in read-only mode.
    #[error("the registry is in read-only mode; wait until its administrator ends it")]
    ReadOnly,
    /// The project's quota does not suffice.
    #[error("the project's quota is exceeded: {message}")]
    QuotaExceeded { message: String },
    /// A rule of the project forbids to move or delete the tag.
    #[error("a tag is immutable: {message}")]
    Immutable { message: String },
    /// Content trust or the vulnerability policy refuses the pull, of administrators too.
    #[error("a policy of the project blocks this pull: {message}")]
    BlockedByPolicy { message: String },
    /// The thing does not exist.
    #[error("{what} does not exist in the registry")]
    NotFound { what: String },
    /// The thing exists already.
    #[error("{what} conflicts with what is there: {message}")]
    Conflict { what: String, message: String },
    /// The thing is in a state that forbids the act: a project with repositories, a child of an index.
    #[error("the registry refuses to {what} as things stand: {message}")]
    Precondition { what: String, message: String },
    /// The registry found the request wrong.
    #[error("the registry calls the request to {what} invalid: {message}")]
    Invalid { what: String, message: String },
    /// Blobs or children of a manifest are not there; upload them and try again.
    #[error("the registry lacks {} blobs or manifests that the manifest refers to", digests.len())]
    MissingBlobs { digests: Vec<Digest> },
    /// An answer or a manifest above its limit.
    #[error("{what} is larger than {limit_bytes} bytes")]
    TooLarge { what: String, limit_bytes: u64 },
    /// What stands before the registry refuses a body of this size, and it cannot be sent in smaller pieces.
    #[error(
        "something before Harbor refuses bodies of more than {limit_bytes} bytes, and the request to {what} has {bytes}; raise the limit of \
         the proxy, load balancer or CDN there (nginx: client_max_body_size)"
    )]
    BodyRefused { what: String, bytes: u64, limit_bytes: u64 },
    /// The registry sends readers of its blobs to a host that cannot be read from here. Everything else of it can be read.
    #[error("the registry keeps its blobs at {host}, and they cannot be read from there: {why}")]
    StorageUnreachable { host: String, why: String },
    /// Bytes that are not what their digest says; they are dropped.
    #[error("bytes do not match their digest {expected}: they hash to {actual}")]
    WrongDigest { expected: Digest, actual: Digest },
    /// More or fewer bytes than announced.
    #[error("{what} has {actual} bytes, not {expected}")]
    WrongSize { what: String, expected: u64, actual: u64 },
    /// A body broke off, and going on did not help.
    #[error("{what} broke off after {received_bytes} bytes")]
    Truncated { what: String, received_bytes: u64 },
    /// Nothing, or next to nothing, came for too long.
    #[error("the transfer of {what} stalled")]
    Stalled { what: String },
    /// The address rule forbids the host.
    #[error("the address {host} is in a network that is not allowed; an operator can allow it")]
    AddressRefused { host: String },
    /// A redirect, token realm or upload location that a client must not follow.
    #[error("the registry points to {host}, which is refused: {reason}")]
    RedirectRefused { host: String, reason: &'static str },
    /// The certificate or the TLS conversation is not in order. Never tried without TLS.
    #[error("the connection to {host} is not safe: {reason}")]
    Tls { host: String, reason: String, source: BoxError },
    /// The name has no address.
    #[error("the name {host} cannot be resolved; check the address and the name servers")]
    Unresolved { host: String, source: BoxError },
    /// No connection, or it broke.
    #[error("{host} cannot be reached: {reason}")]
    Unreachable { host: String, reason: &'static str, source: BoxError },
    /// Asked too often; also after waiting as told.
    #[error("the registry is busy and asks to come back later")]
    Busy { retry_after: Option<Duration> },
    /// A 5xx answer, or one for waiting too long, also after trying again.
    #[error("the registry failed with status {status}{}", request_text(request_id.as_deref()))]
    Server { status: u16, request_id: Option<String> },
    /// The registry is too old or not a Harbor.
    #[error("this registry does not offer {what}")]
    Unsupported { what: String },
    /// An answer that makes no sense.
    #[error("the registry gave an answer that cannot be understood: {what}")]
    Protocol { what: String },
    /// The bytes to send could not be read; see the source.
    #[error("the bytes to send cannot be read")]
    Source { source: BoxError },
    /// The address or certificate given is not usable.
    #[error("the address of the registry is not usable")]
    Endpoint(#[from] EndpointError),
}

fn request_text(id: Option<&str>) -> String {
    id.map(|id| format!("; its log has the details under request id {id}")).unwrap_or_default()
}

impl RegistryError {
    /// Whether trying again later, without changing anything, may help.
    #[must_use]
    pub const fn is_transient(&self) -> bool {
        matches!(
            self,
            Self::ReadOnly
                | Self::Truncated { .. }
                | Self::Stalled { .. }
                | Self::Unresolved { .. }
                | Self::Unreachable { .. }
                | Self::Busy { .. }
                | Self::Server { .. }
        )
    }

    /// A stable word for logs, audit and tests.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NotLoggedIn { .. } => "not_logged_in",
            Self::Forbidden { .. } => "forbidden",
            Self::ReadOnly => "read_only",
            Self::QuotaExceeded { .. } => "quota_exceeded",
            Self::Immutable { .. } => "immutable",
            Self::BlockedByPolicy { .. } => "blocked_by_policy",
            Self::NotFound { .. } => "not_found",
            Self::Conflict { .. } => "conflict",
            Self::Precondition { .. } => "precondition",
            Self::Invalid { .. } => "invalid",
            Self::MissingBlobs { .. } => "missing_blobs",
            Self::TooLarge { .. } => "too_large",
            Self::BodyRefused { .. } => "body_refused",
            Self::StorageUnreachable { .. } => "storage_unreachable",
            Self::WrongDigest { .. } => "wrong_digest",
            Self::WrongSize { .. } => "wrong_size",
            Self::Truncated { .. } => "truncated",
            Self::Stalled { .. } => "stalled",
            Self::AddressRefused { .. } => "address_refused",
            Self::RedirectRefused { .. } => "redirect_refused",
            Self::Tls { .. } => "tls",
            Self::Unresolved { .. } => "dns",
            Self::Unreachable { .. } => "unreachable",
            Self::Busy { .. } => "busy",
            Self::Server { .. } => "server",
            Self::Unsupported { .. } => "unsupported",
            Self::Protocol { .. } => "protocol",
            Self::Source { .. } => "source",
            Self::Endpoint(_) => "endpoint",
        }
    }
}

/// A stranger's text, safe to show: no control or direction characters, shortened.
pub(crate) fn clean(text: &str) -> String {
    let hidden = |c: char| c.is_control() || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    text.chars().filter(|c| !hidden(*c)).take(FOREIGN_TEXT_CHARS_MAX).collect()
}

/// What an error answer says: code, message and detail of its parts.
pub(crate) struct Refusal {
    envelope: Option<OciEnvelope>,
}

impl Refusal {
    pub fn read(body: &[u8]) -> Self {
        Self { envelope: serde_json::from_slice(body).ok() }
    }

    fn codes(&self) -> impl Iterator<Item = &OciErrorCode> {
        self.envelope.iter().flat_map(|e| &e.errors).map(|e| &e.code)
    }

    pub fn has(&self, code: &OciErrorCode) -> bool {
        self.codes().any(|c| c == code)
    }

    fn has_other(&self, name: &str) -> bool {
        self.codes().any(|c| matches!(c, OciErrorCode::Other(text) if text == name))
    }

    /// Whether any message or detail holds this.
    fn mentions(&self, text: &str) -> bool {
        let mut parts = self.envelope.iter().flat_map(|e| &e.errors);
        parts.any(|e| e.message.contains(text) || e.detail.as_str().is_some_and(|d| d.contains(text)))
    }

    pub fn message(&self) -> String {
        let first = self.envelope.iter().flat_map(|e| &e.errors).find(|e| !e.message.is_empty());
        first.map_or_else(|| "no reason given".to_owned(), |e| clean(&e.message))
    }

    /// The digest a message names, as in `artifact p/r@sha256:… not found`.
    pub fn named_digest(&self) -> Option<Digest> {
        let messages = self.envelope.iter().flat_map(|e| &e.errors).map(|e| e.message.as_str());
        messages.filter_map(|m| m.split_once("sha256:")?.1.get(..64)).find_map(|hex| Digest::from_hex(hex).ok())
    }

    /// Digests of `MANIFEST_BLOB_UNKNOWN`, one error each; distribution sends the digest as text or inside an object.
    fn missing(&self) -> Vec<Digest> {
        let parts = self.envelope.iter().flat_map(|e| &e.errors);
        let unknown = parts.filter(|e| matches!(e.code, OciErrorCode::ManifestBlobUnknown | OciErrorCode::BlobUnknown));
        let digest = |e: &oci_distribution::errors::OciError| {
            let text = e.detail.as_str().or_else(|| e.detail.get("digest").or_else(|| e.detail.get("Digest")).and_then(|d| d.as_str()));
            text.and_then(|t| t.parse().ok())
        };
        unknown.filter_map(digest).take(MISSING_MAX).collect()
    }
}

/// The error behind an answer that is not a success. A 401 is judged elsewhere, since only a second question tells a bad login from
/// a missing right.
pub(crate) fn from_answer(status: StatusCode, body: &[u8], request_id: Option<String>, what: &str, username: &str) -> RegistryError {
    let refusal = Refusal::read(body);
    let message = refusal.message();
    let what = what.to_owned();
    let lower = message.to_ascii_lowercase();
    match status.as_u16() {
        400 if refusal.has(&OciErrorCode::ManifestBlobUnknown) && !refusal.has(&OciErrorCode::DigestInvalid) => {
            RegistryError::MissingBlobs { digests: refusal.missing() }
        }
        401 | 403 if lower.contains("not found") => RegistryError::NotFound { what },
        401 => RegistryError::NotLoggedIn { username: username.to_owned() },
        403 if lower.contains("read only") || lower.contains("read-only") => RegistryError::ReadOnly,
        403 if lower.contains("exceed") && (lower.contains("upper limit") || lower.contains("quota")) => {
            RegistryError::QuotaExceeded { message }
        }
        403 => RegistryError::Forbidden { username: username.to_owned(), what },
        404 => RegistryError::NotFound { what },
        405 | 501 => RegistryError::Unsupported { what },
        409 => RegistryError::Conflict { what, message },
        412 if lower.contains("immutable") => RegistryError::Immutable { message },
        412 if refusal.has_other("PROJECTPOLICYVIOLATION") || refusal.envelope.is_none() => RegistryError::BlockedByPolicy { message },
        412 => RegistryError::Precondition { what, message },
        413 => RegistryError::TooLarge { what, limit_bytes: vocab::manifest::MANIFEST_BYTES_MAX as u64 },
        400 if refusal.mentions("request body too large") => {
            RegistryError::TooLarge { what, limit_bytes: vocab::manifest::MANIFEST_BYTES_MAX as u64 }
        }
        400 | 416 | 422 => RegistryError::Invalid { what, message },
        429 => RegistryError::Busy { retry_after: None },
        status @ (408 | 500..=599) => RegistryError::Server { status, request_id },
        301 | 302 | 303 | 307 | 308 => RegistryError::RedirectRefused {
            host: "another address".to_owned(),
            reason: "only blobs may be redirected; check the address of the registry",
        },
        status => RegistryError::Protocol { what: format!("status {status} for the request to {what}") },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Deserialize)]
    struct Recorded {
        version: String,
        method: String,
        note: String,
        status: u16,
        body: serde_json::Value,
    }

    /// What each recorded refusal of a live Harbor must become.
    fn expected(row: &Recorded) -> &'static str {
        match row.note.as_str() {
            note if note.contains("immutable") => "immutable",
            note if note.contains("over quota") => "quota_exceeded",
            note if note.contains("read only") => "read_only",
            note if note.contains("content trust") => "blocked_by_policy",
            "PUT index with a missing child" | "PUT manifest, blobs unknown" | "PUT manifest after GC" => "missing_blobs",
            note if note.contains("blobs only elsewhere") => "missing_blobs",
            "create again" | "create existing tag by API" => "conflict",
            "delete a child of an index" | "delete a project with a repository" => "precondition",
            "manifest over 4 MiB" => "too_large",
            "PUT bad tag" if row.status == 404 => "not_found",
            _ => match row.status {
                401 | 404 => "not_found",
                400 | 422 => "invalid",
                other => panic!("no expectation for {} with status {other}", row.note),
            },
        }
    }

    #[test]
    fn every_refusal_recorded_from_a_live_harbor_becomes_what_a_caller_can_act_on() {
        let rows: Vec<Recorded> = serde_json::from_str(include_str!("../tests/fixtures/errors.json")).unwrap();
        assert!(rows.len() > 90, "the recording shrank to {}", rows.len());
        for row in &rows {
            let body = if row.body.is_null() { Vec::new() } else { serde_json::to_vec(&row.body).unwrap() };
            let error = from_answer(StatusCode::from_u16(row.status).unwrap(), &body, None, "do it", "admin");
            assert_eq!(error.code(), expected(row), "{} {} {}: {error}", row.version, row.method, row.note);
        }
    }

    #[test]
    fn missing_blobs_are_named() {
        let digest = format!("sha256:{}", "ab".repeat(32));
        let body = format!(
            r#"{{"errors":[{{"code":"MANIFEST_BLOB_UNKNOWN","message":"x","detail":"{digest}"}},{{"code":"MANIFEST_BLOB_UNKNOWN","detail":{{"digest":"{digest}"}}}}]}}"#
        );
        let RegistryError::MissingBlobs { digests } = from_answer(StatusCode::BAD_REQUEST, body.as_bytes(), None, "w", "u") else {
            panic!()
        };
        assert_eq!(digests, [digest.parse().unwrap(), digest.parse().unwrap()]);
    }

    /// F-47.
    #[test]
    fn a_strangers_text_cannot_break_a_line_or_paint_a_terminal() {
        let body = br#"{"errors":[{"code":"CONFLICT","message":"a\u001b[31m\nb\u202ec"}]}"#;
        let text = from_answer(StatusCode::CONFLICT, body, None, "w", "u").to_string();
        assert!(text.ends_with("a[31mbc"), "{text:?}");
        assert_eq!(clean(&"x".repeat(10_000)).len(), FOREIGN_TEXT_CHARS_MAX);
        for junk in [&b""[..], b"<html>", b"{}", b"{\"errors\":null}", b"[1]", b"\xff\xfe"] {
            assert_eq!(from_answer(StatusCode::BAD_GATEWAY, junk, Some("r-1".to_owned()), "w", "u").code(), "server");
        }
    }
}
