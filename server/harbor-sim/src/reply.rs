//! Answers and refusals in the shapes of Harbor: `{"errors":[{"code","message"}]}` with the status that belongs to the code.
//!
//! Source: harbor.md §1 "Errors" and the recorded exchanges.

use axum::body::Body;
use http::{HeaderName, HeaderValue, Response, StatusCode};
use serde_json::{Value, json};

/// One answer.
pub type Reply = Response<Body>;

/// The media type of Harbor's error answers.
pub const ERROR_MEDIA: &str = "application/json; charset=utf-8";
/// The header pair the registry puts on each of its answers.
pub const API_VERSION_HEADER: (&str, &str) = ("docker-distribution-api-version", "registry/2.0");

/// A refusal: status, and one or more errors.
#[derive(Debug, Clone)]
pub struct Refusal {
    pub status: StatusCode,
    pub errors: Vec<Value>,
    pub headers: Vec<(&'static str, String)>,
}

/// What handlers return.
pub type Answer = Result<Reply, Refusal>;

impl Refusal {
    pub fn new(status: u16, code: &str, message: impl Into<String>) -> Self {
        Self {
            status: StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
            errors: vec![json!({"code": code, "message": message.into()})],
            headers: Vec::new(),
        }
    }

    /// A refusal by the registry behind Harbor, which adds its version header and perhaps a detail.
    pub fn registry(status: u16, code: &str, message: &str, detail: Option<Value>) -> Self {
        let mut error = json!({"code": code, "message": message});
        if let Some(detail) = detail {
            error["detail"] = detail;
        }
        let mut refusal = Self::new(status, code, message);
        refusal.errors = vec![error];
        refusal.headers.push((API_VERSION_HEADER.0, API_VERSION_HEADER.1.to_owned()));
        refusal
    }

    pub fn bad_request(message: impl Into<String>) -> Self {
        Self::new(400, "BAD_REQUEST", message)
    }
    pub fn unauthorized() -> Self {
        Self::new(401, "UNAUTHORIZED", "unauthorized")
    }
    pub fn forbidden() -> Self {
        Self::new(403, "FORBIDDEN", "forbidden")
    }
    pub fn denied(message: impl Into<String>) -> Self {
        Self::new(403, "DENIED", message)
    }
    pub fn not_found(message: impl Into<String>) -> Self {
        Self::new(404, "NOT_FOUND", message)
    }
    pub fn conflict(message: impl Into<String>) -> Self {
        Self::new(409, "CONFLICT", message)
    }
    pub fn precondition(message: impl Into<String>) -> Self {
        Self::new(412, "PRECONDITION", message)
    }
    pub fn invalid(message: &str) -> Self {
        Self::new(422, "UNPROCESSABLE_ENTITY", format!("validation failure list:\n{message}"))
    }

    /// The answer to send; `head` leaves the body away, as HTTP asks for HEAD.
    pub fn into_reply(self, head: bool) -> Reply {
        let body = if head { String::new() } else { format!("{}\n", json!({"errors": self.errors})) };
        let mut reply = Response::new(Body::from(body));
        *reply.status_mut() = self.status;
        set(&mut reply, "content-type", ERROR_MEDIA);
        for (name, value) in &self.headers {
            set(&mut reply, name, value);
        }
        reply
    }
}

/// Sets one header; a value HTTP cannot carry is left out.
pub fn set(reply: &mut Reply, name: &str, value: &str) {
    if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::from_str(value)) {
        reply.headers_mut().insert(name, value);
    }
}

/// A 200 with JSON.
pub fn ok(value: &Value) -> Reply {
    let mut reply = Response::new(Body::from(format!("{value}\n")));
    set(&mut reply, "content-type", "application/json");
    reply
}

/// A 200 without a body.
pub fn done() -> Reply {
    Response::new(Body::empty())
}

/// A 200 that says JSON and has an empty body, as Harbor answers where "nothing" is the value.
pub fn nothing() -> Reply {
    let mut reply = done();
    set(&mut reply, "content-type", "application/json");
    reply
}

/// A 201 with the place of the new thing.
pub fn created(location: &str) -> Reply {
    let mut reply = done();
    *reply.status_mut() = StatusCode::CREATED;
    set(&mut reply, "location", location);
    reply
}

/// An answer of the registry: status, headers, no body.
pub fn registry(status: StatusCode, headers: &[(&str, &str)]) -> Reply {
    let mut reply = done();
    *reply.status_mut() = status;
    set(&mut reply, API_VERSION_HEADER.0, API_VERSION_HEADER.1);
    for (name, value) in headers {
        set(&mut reply, name, value);
    }
    reply
}
