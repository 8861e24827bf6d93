//! `/v2`: the OCI distribution API as Harbor fronts it.

mod access;
mod blobs;
mod lists;
mod manifests;
mod uploads;

use axum::body::Body;
use http::Method;
use serde_json::json;

use crate::query;
use crate::reply::{self, Answer, Refusal};
use crate::server::Call;
use crate::store::is_digest;

/// The pieces of a path below a repository.
struct Target {
    /// `project/repository`
    name: String,
    /// `manifests`, `blobs`, `uploads`, `tags`, `referrers`
    kind: &'static str,
    /// Tag, digest or upload id; empty where there is none.
    reference: String,
}

/// Answers one request below `/v2`.
pub async fn route(call: &Call, body: Body) -> Answer {
    if call.path == "/v2/" {
        access::login(call)?;
        let mut answer = reply::ok(&json!({}));
        reply::set(&mut answer, "content-type", reply::ERROR_MEDIA);
        reply::set(&mut answer, reply::API_VERSION_HEADER.0, reply::API_VERSION_HEADER.1);
        return Ok(answer);
    }
    if call.path == "/v2/_catalog" {
        access::catalog(call)?;
        return lists::catalog(call);
    }
    let target = take_apart(&call.path).ok_or_else(|| access::unrecognized(call))?;
    if !target.name.contains('/') {
        return Err(Refusal::bad_request(format!("bad request: invalid repository name: {}", target.name)));
    }
    access::repository(call, &target.name, action(&call.method))?;
    match (target.kind, call.method.as_str()) {
        ("manifests", "GET" | "HEAD") => manifests::get(call, &target.name, &target.reference).await,
        ("manifests", "PUT") => manifests::put(call, &target.name, &target.reference, body).await,
        ("manifests", "DELETE") => manifests::delete(call, &target.name, &target.reference),
        ("blobs", "HEAD" | "GET") => blobs::get(call, &target.name, &target.reference).await,
        ("uploads", "POST") if target.reference.is_empty() => uploads::start(call, &target.name).await,
        ("uploads", "PATCH") => uploads::chunk(call, &target.name, &target.reference, body).await,
        ("uploads", "PUT") => uploads::finish(call, &target.name, &target.reference, body).await,
        ("uploads", "GET") => uploads::status(call, &target.name, &target.reference).await,
        ("uploads", "DELETE") => uploads::cancel(call, &target.name, &target.reference).await,
        ("tags", "GET") => lists::tags(call, &target.name),
        ("referrers", "GET") => lists::referrers(call, &target.name, &target.reference).await,
        _ => Err(Refusal::registry(405, "UNSUPPORTED", "The operation is unsupported.", None)),
    }
}

fn action(method: &Method) -> &'static str {
    match method.as_str() {
        "GET" | "HEAD" => "pull",
        "DELETE" => "delete",
        _ => "push",
    }
}

fn take_apart(path: &str) -> Option<Target> {
    let rest = query::decode(path.strip_prefix("/v2/")?);
    let target = |kind, name: &str, reference: &str| {
        let digest = matches!(kind, "blobs" | "referrers");
        let fits = !name.is_empty() && !reference.contains('/') && (!digest || is_digest(reference));
        fits.then(|| Target { name: name.to_owned(), kind, reference: reference.to_owned() })
    };
    if let Some((name, id)) = rest.rsplit_once("/blobs/uploads") {
        return target("uploads", name, id.trim_matches('/'));
    }
    if let Some(name) = rest.strip_suffix("/tags/list") {
        return target("tags", name, "");
    }
    for (kind, word) in [("manifests", "/manifests/"), ("blobs", "/blobs/"), ("referrers", "/referrers/")] {
        if let Some((name, reference)) = rest.rsplit_once(word) {
            return target(kind, name, reference);
        }
    }
    None
}
