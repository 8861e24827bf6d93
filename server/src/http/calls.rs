//! Server functions are refused with the status of the refusal's class, also where a call never began.
//!
//! A call that began sets the status itself ([`app::ports::answer`]). One whose fields could not be read never gets so far, and the framework answers each error
//! with 500: a fault of the caller would be a defect of ours to programs, and to a proxy that tries such things again.

use app::error::{ApiError, ErrorKind};
use axum::extract::Request;
use axum::http::{StatusCode, header};
use axum::middleware::Next;
use axum::response::Response;
use leptos::server_fn::error::SERVER_FN_ERROR_HEADER;

use super::BODY_BYTES_MAX;
use super::guard::refuse;
use crate::access::Origin;

/// Gives an error that the framework answered the status of its class and the id of its request.
pub async fn layer(request: Request, next: Next) -> Response {
    let is_call = request.uri().path().starts_with("/fn/");
    let request_id = request.extensions().get::<Origin>().map(|origin| origin.request_id.clone());
    let response = next.run(request).await;
    if !is_call || response.status() != StatusCode::INTERNAL_SERVER_ERROR || response.headers().contains_key(header::LOCATION) {
        return response;
    }
    let Some(marked) = response.headers().get(SERVER_FN_ERROR_HEADER).cloned() else { return response };
    let body = axum::body::to_bytes(response.into_body(), BODY_BYTES_MAX).await.unwrap_or_default();
    let mut error: ApiError = serde_json::from_slice(&body).unwrap_or_else(|error| {
        tracing::error!(request.id = request_id, error = %error, "a call ended with no error of ours");
        ApiError::new(ErrorKind::Internal, "internal", app::refusals::General::Internal)
    });
    error.request_id = error.request_id.or(request_id);
    let mut refused = refuse(error);
    refused.headers_mut().insert(SERVER_FN_ERROR_HEADER, marked);
    refused
}
