//! API v2.0: dispatch by the first part of the path, and the checks all handlers share.

mod artifacts;
mod audit;
mod collection;
mod labels;
mod members;
mod permissions;
mod projects;
mod quotas;
mod render;
mod repositories;
mod retention;
mod robots;
mod rules;
mod settings;
mod system;
mod tags;
mod users;

use axum::body::Body;
use http_body_util::{BodyExt as _, Limited};
use serde_json::{Value, json};

use crate::identity;
use crate::model::{Project, World};
use crate::permission;
use crate::query;
use crate::reply::{self, Answer, Refusal};
use crate::server::Call;

/// The largest request body of the API.
const BODY_BYTES_MAX: usize = 1024 * 1024;
/// Where the API begins.
const PREFIX: &str = "/api/v2.0/";

/// Answers one request below `/api`.
pub async fn route(call: &Call, body: Body) -> Answer {
    if call.path == "/api/version" {
        return Ok(reply::ok(&json!({"version": "v2.0"})));
    }
    let Some(rest) = call.path.strip_prefix(PREFIX) else {
        return Err(no_such_path(call));
    };
    let body = Limited::new(body, BODY_BYTES_MAX).collect().await;
    let body = body.map_err(|error| Refusal::bad_request(format!("the request could not be read: {error}")))?.to_bytes();
    // a repository's slash arrives encoded twice: the first decoding is the proxy's, the second the server's
    let once = query::decode(rest);
    let parts: Vec<String> = once.trim_end_matches('/').split('/').map(query::decode).collect();
    let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
    match parts.as_slice() {
        ["projects", rest @ ..] => projects::route(call, rest, &body).await,
        ["repositories"] => repositories::all(call),
        ["robots", rest @ ..] => robots::route(call, rest, &body),
        ["labels", rest @ ..] => labels::route(call, rest, &body),
        ["retentions", rest @ ..] => rules::retentions(call, rest, &body),
        ["quotas", rest @ ..] => quotas::route(call, rest, &body),
        ["audit-logs"] => audit::old(call, None),
        ["auditlog-exts"] => audit::new(call, None),
        ["system", "gc", rest @ ..] => collection::route(call, rest, &body).await,
        ["configurations"] => settings::route(call, &body),
        ["users", rest @ ..] => users::route(call, rest, &body),
        ["permissions"] => permissions::grantable(call),
        rest => system::route(call, rest),
    }
}

/// `/service/token`: nobody gets a token too, with little or nothing in it.
pub fn token(call: &Call) -> Answer {
    if call.method != http::Method::GET {
        let mut answer = reply::done();
        *answer.status_mut() = http::StatusCode::METHOD_NOT_ALLOWED;
        *answer.body_mut() = Body::from("Method Not Allowed\n");
        reply::set(&mut answer, "content-type", "text/plain; charset=utf-8");
        reply::set(&mut answer, "x-content-type-options", "nosniff");
        return Ok(answer);
    }
    let service = call.params.get("service").unwrap_or_default();
    if service != "harbor-registry" && service != "harbor-notary" {
        let mut answer = reply::done();
        *answer.status_mut() = http::StatusCode::BAD_REQUEST;
        *answer.body_mut() = Body::from(format!("Unable to handle service: {service}"));
        reply::set(&mut answer, "content-type", "text/plain; charset=utf-8");
        return Ok(answer);
    }
    let scopes: Vec<String> =
        call.params.all("scope").flat_map(|scope| scope.split(' ')).filter(|scope| !scope.is_empty()).map(str::to_owned).collect();
    let token = identity::issue_token(&call.app.world(), &call.who, &scopes);
    let mut answer = reply::ok(&token);
    reply::set(&mut answer, "content-type", reply::ERROR_MEDIA);
    Ok(answer)
}

pub(super) fn no_such_path(call: &Call) -> Refusal {
    Refusal::not_found(format!("path {} was not found", call.path))
}

/// The JSON object of a request.
fn object(body: &[u8]) -> Result<Value, Refusal> {
    let bad = |error: serde_json::Error| Refusal::invalid(&format!("parsing body from \"\" failed, because {error}"));
    let value: Value = serde_json::from_slice(body).map_err(bad)?;
    if value.is_object() { Ok(value) } else { Err(Refusal::invalid("body in body is required")) }
}

/// A number in a path.
fn number(text: &str, name: &str) -> Result<i64, Refusal> {
    text.parse().map_err(|_| Refusal::invalid(&format!("{name} in path must be of type int64: {text:?}")))
}

/// Any login.
fn require_login(call: &Call) -> Result<(), Refusal> {
    if call.who.is_authenticated() { Ok(()) } else { Err(Refusal::unauthorized()) }
}

/// A right on the system.
fn require_system(call: &Call, world: &World, resource: &str, action: &str) -> Result<(), Refusal> {
    require_login(call)?;
    if permission::on_system(world, &call.who, resource, action) {
        return Ok(());
    }
    Err(Refusal::new(403, "FORBIDDEN", call.who.name()))
}

/// A project by name or id. All digits are an id unless the header says otherwise (harbor.md §2).
fn find<'a>(call: &Call, world: &'a World, text: &str) -> Option<&'a Project> {
    let is_name = call.header("x-is-resource-name") == Some("true");
    match text.parse::<i64>() {
        Ok(id) if !is_name => world.projects.get(&id),
        _ => world.project(text),
    }
}

/// A right in a project. Rights come before existence: who is no administrator gets 403 for an unknown project.
fn require<'a>(call: &Call, world: &'a World, text: &str, resource: &str, action: &str) -> Result<&'a Project, Refusal> {
    allow_in(call, world, find(call, world, text), text, resource, action)
}

/// The same for a project a row names by its id, whatever the header says about names.
fn require_id<'a>(call: &Call, world: &'a World, id: i64, resource: &str, action: &str) -> Result<&'a Project, Refusal> {
    allow_in(call, world, world.projects.get(&id), &id.to_string(), resource, action)
}

fn allow_in<'a>(
    call: &Call,
    world: &World,
    project: Option<&'a Project>,
    named: &str,
    resource: &str,
    action: &str,
) -> Result<&'a Project, Refusal> {
    let may = project.is_some_and(|project| permission::in_project(world, &call.who, project, resource, action));
    match project {
        Some(project) if may => Ok(project),
        None if call.who.is_admin() => Err(Refusal::not_found(format!("project {named} not found"))),
        _ if call.who.is_authenticated() => Err(Refusal::forbidden()),
        _ => Err(Refusal::unauthorized()),
    }
}

/// A text of a JSON object, empty when absent.
fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_default()
}
