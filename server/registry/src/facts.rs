//! An error of a registry as a value that can be kept: its code, and what it is about.

use serde_json::{Value, json};

use crate::error::RegistryError;

impl RegistryError {
    /// `{"code": …}` and the fields of the error, without what came before it. Kept in snapshots: a name here is never given another meaning.
    #[must_use]
    pub fn facts(&self) -> Value {
        let mut facts = match self {
            Self::NotLoggedIn { username } => json!({ "login": username }),
            Self::Forbidden { username, what } => json!({ "login": username, "call": what }),
            Self::ReadOnly | Self::Busy { .. } => json!({}),
            Self::QuotaExceeded { message } | Self::Immutable { message } | Self::BlockedByPolicy { message } => {
                json!({ "message": message })
            }
            Self::NotFound { what } | Self::Stalled { what } | Self::Unsupported { what } | Self::Protocol { what } => {
                json!({ "call": what })
            }
            Self::Conflict { what, message } | Self::Precondition { what, message } | Self::Invalid { what, message } => {
                json!({ "call": what, "message": message })
            }
            Self::MissingBlobs { digests } => json!({ "parts": digests.len() }),
            Self::TooLarge { what, limit_bytes } => json!({ "call": what, "limit_bytes": limit_bytes }),
            Self::BodyRefused { what, bytes, limit_bytes } => json!({ "call": what, "body_bytes": bytes, "limit_bytes": limit_bytes }),
            Self::StorageUnreachable { host, why } => json!({ "host": host, "why": why }),
            Self::WrongDigest { expected, actual } => json!({ "expected": expected.short(), "actual": actual.short() }),
            Self::WrongSize { what, expected, actual } => json!({ "call": what, "expected": expected, "actual": actual }),
            Self::Truncated { what, received_bytes } => json!({ "call": what, "received_bytes": received_bytes }),
            Self::AddressRefused { host } | Self::Unresolved { host, .. } => json!({ "host": host }),
            Self::RedirectRefused { host, reason } | Self::Unreachable { host, reason, .. } => json!({ "host": host, "why": reason }),
            Self::Tls { host, reason, .. } => json!({ "host": host, "why": reason }),
            Self::Server { status, request_id: Some(request) } => json!({ "status": status, "request": request }),
            Self::Server { status, request_id: None } => json!({ "status": status }),
            Self::Source { source } => json!({ "why": source.to_string() }),
            Self::Endpoint(error) => json!({ "why": error.to_string() }),
        };
        facts["code"] = self.code().into();
        facts
    }
}
