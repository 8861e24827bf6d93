//! The door of `/v2` (harbor.md §1): lack of permission is 401, never 403, and the challenge depends on whether the
//! request brought an `Authorization` header at all.

use http::Method;

use crate::app::Version;
use crate::permission;
use crate::reply::{API_VERSION_HEADER, Refusal};
use crate::server::Call;

fn refuse(challenge: String, reason: &str) -> Refusal {
    let mut refusal = Refusal::new(401, "UNAUTHORIZED", format!("{reason}: {reason}"));
    refusal.headers.push((API_VERSION_HEADER.0, API_VERSION_HEADER.1.to_owned()));
    refusal.headers.push(("www-authenticate", challenge));
    refusal
}

fn challenge(call: &Call, scopes: &[String]) -> String {
    if call.headers.contains_key(http::header::AUTHORIZATION) || call.path == "/v2/_catalog" {
        return r#"Basic realm="harbor""#.to_owned();
    }
    let mut text = format!(r#"Bearer realm="{}/service/token",service="harbor-registry""#, call.base());
    if !scopes.is_empty() {
        text.push_str(&format!(r#",scope="{}""#, scopes.join(" ")));
    }
    text
}

/// A path that is none of the registry's.
pub fn unrecognized(call: &Call) -> Refusal {
    refuse(String::new(), &format!("un-recognized request: {} {}", call.method, call.path))
}

/// `/v2/`: any login.
pub fn login(call: &Call) -> Result<(), Refusal> {
    if call.who.is_authenticated() { Ok(()) } else { Err(refuse(challenge(call, &[]), "unauthorized")) }
}

/// `/v2/_catalog`
pub fn catalog(call: &Call) -> Result<(), Refusal> {
    let may = permission::on_system(&call.app.world(), &call.who, "catalog", "read");
    if may { Ok(()) } else { Err(refuse(challenge(call, &[]), "unauthorized to list catalog")) }
}

/// Everything in a repository; a mount needs pull on its source as well.
pub fn repository(call: &Call, name: &str, action: &str) -> Result<(), Refusal> {
    let mut wanted = vec![(name.to_owned(), action)];
    let mounts = call.method == Method::POST && call.params.get("mount").is_some();
    if let Some(from) = call.params.get("from").filter(|_| mounts) {
        wanted.push((from.to_owned(), "pull"));
    }
    let scopes: Vec<String> =
        wanted.iter().map(|(name, action)| format!("repository:{name}:{}", if *action == "push" { "pull,push" } else { action })).collect();
    let reads = matches!(call.method, Method::GET | Method::HEAD);
    for (name, action) in &wanted {
        if reads && !call.headers.contains_key(http::header::AUTHORIZATION) {
            return Err(refuse(challenge(call, &scopes), "authorize header needed to send HEAD to repository"));
        }
        let project_name = name.split('/').next().unwrap_or_default();
        let world = call.app.world();
        let Some(project) = world.project(project_name) else {
            return Err(refuse(String::new(), &format!("project {project_name} not found")));
        };
        let stale = call.app.config.version >= Version::V2_15_2 && call.who.older_than(project.created);
        if stale || !permission::in_project(&world, &call.who, project, "repository", action) {
            let reason = format!("unauthorized to access repository: {name}, action: {action}");
            return Err(refuse(challenge(call, &scopes), &reason));
        }
    }
    Ok(())
}
