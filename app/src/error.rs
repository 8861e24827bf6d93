//! What a browser may know about a failure: a stable code, a sentence, fields at fault, and the request id to quote.

use leptos::prelude::{FromServerFnError, ServerFnErrorErr};
use leptos::server_fn::codec::JsonEncoding;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::refusals::{General, Refusal, Thing};
use crate::sentence::Said;

/// The class of a failure; each has one HTTP status and one meaning to a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ErrorKind {
    /// The input is at fault; `fields` says where. 400.
    Invalid,
    /// Nobody is signed in, or the session ended. 401.
    SignedOut,
    /// Signed in, but the right is missing; the message says which role and who grants it. 403.
    Forbidden,
    /// Not there, or not visible to this person. 404.
    NotFound,
    /// Something moved on since the page was loaded. 409.
    Conflict,
    /// Can be used once, and was. 410.
    Gone,
    /// Too many tries; the message says how long to wait. 429.
    TooMany,
    /// A harbor or vault outside could not do its part. 502.
    Upstream,
    /// Breakwater cannot work at this moment (database, disk); try again. 503.
    Unavailable,
    /// A defect; quote the request id. 500.
    Internal,
}

impl ErrorKind {
    /// The HTTP status of the class.
    #[must_use]
    pub const fn status(self) -> u16 {
        match self {
            Self::Invalid => 400,
            Self::SignedOut => 401,
            Self::Forbidden => 403,
            Self::NotFound => 404,
            Self::Conflict => 409,
            Self::Gone => 410,
            Self::TooMany => 429,
            Self::Internal => 500,
            Self::Upstream => 502,
            Self::Unavailable => 503,
        }
    }
}

/// One input field and what is wrong with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FieldError {
    /// Name of the form field.
    pub field: String,
    /// What is wrong.
    pub message: Said<Refusal>,
}

/// The error every call answers with. Never holds a secret, a path or a database's words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema, thiserror::Error)]
#[error("{message}")]
pub struct ApiError {
    /// The class.
    pub kind: ErrorKind,
    /// Stable, `snake_case`: what a program switches on and a translation is keyed by.
    pub code: String,
    /// The same for a person.
    pub message: Box<Said<Refusal>>,
    /// What is wrong with which field.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<FieldError>,
    /// The id to find the failure in the log by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
}

impl ApiError {
    /// An error of a class with its code and sentence.
    pub fn new(kind: ErrorKind, code: impl Into<String>, message: impl Into<Said<Refusal>>) -> Self {
        Self { kind, code: code.into(), message: Box::new(message.into()), fields: Vec::new(), request_id: None }
    }

    /// Bad input in one field.
    pub fn field(field: impl Into<String>, message: impl Into<Said<Refusal>>) -> Self {
        let message = message.into();
        let mut error = Self::new(ErrorKind::Invalid, "invalid_input", message.clone());
        error.fields.push(FieldError { field: field.into(), message });
        error
    }

    /// The same error with one more field at fault.
    #[must_use]
    pub fn and_field(mut self, field: impl Into<String>, message: impl Into<Said<Refusal>>) -> Self {
        self.fields.push(FieldError { field: field.into(), message: message.into() });
        self
    }

    /// What is wrong with `field`, if anything.
    #[must_use]
    pub fn of_field(&self, field: &str) -> Option<&Said<Refusal>> {
        self.fields.iter().find(|f| f.field == field).map(|f| &f.message)
    }

    /// The password has to be entered again before this is done.
    #[must_use]
    pub fn step_up() -> Self {
        Self::new(ErrorKind::Conflict, Self::STEP_UP, crate::accounts::refusals::Refusal::StepUp)
    }

    /// Code of a call that nobody is signed in for.
    pub const SIGNED_OUT: &'static str = "signed_out";

    /// Code of [`Self::step_up`].
    pub const STEP_UP: &'static str = "step_up";

    /// Code of what was a draft and is a request now.
    pub const SENT_OFF: &'static str = "not_a_draft";

    /// 404 without a hint whether the object exists.
    pub fn not_found(what: Thing) -> Self {
        Self::new(ErrorKind::NotFound, "not_found", General::NoSuch { what })
    }
}

impl FromServerFnError for ApiError {
    type Encoder = JsonEncoding;

    fn from_server_fn_error(error: ServerFnErrorErr) -> Self {
        match error {
            ServerFnErrorErr::Args(_) | ServerFnErrorErr::MissingArg(_) | ServerFnErrorErr::Deserialization(_) => {
                Self::new(ErrorKind::Invalid, "bad_request", General::FormUnreadable)
            }
            ServerFnErrorErr::Request(_) => Self::new(ErrorKind::Unavailable, "unreachable", General::Unreached),
            _ => Self::new(ErrorKind::Internal, "internal", General::ServerFault),
        }
    }
}
