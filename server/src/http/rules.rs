//! The table of routes: who gets past the gate. What a caller may do behind it is [`crate::access`]'s to say.

use axum::http::Method;

/// Who gets past the gate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rule {
    /// Everybody.
    Anyone,
    /// A session or a token; a page sends strangers to the sign-in.
    SignedIn,
    /// A session: no token, whatever its owner may.
    People,
    /// A session whose password was entered in the last ten minutes. That is asked by the operation, so that a form it refuses comes back with its text.
    Proven,
}

/// A line: method (`*` = GET and POST), route as the router knows it, rule.
pub type Line = (&'static str, &'static str, Rule);

use Rule::{Anyone, SignedIn};

/// Pages, server functions, events and files. REST routes are in [`crate::http::rest`], which adds its own lines.
pub const ROUTES: &[Line] = &[
    ("GET", "/signin", Anyone),
    ("GET", "/setup", Anyone),
    ("GET", "/health", Anyone),
    ("GET", "/pkg/{*file}", Anyone),
    ("GET", "/favicon.svg", Anyone),
    ("GET", "/favicon.ico", Anyone),
    ("GET", "/events", SignedIn),
    ("GET", "/", SignedIn),
    ("GET", "/dev/gallery", SignedIn),
    ("GET", "/projects", SignedIn),
    ("GET", "/projects/{harbor}/{project}", SignedIn),
    ("GET", "/projects/{harbor}/{project}/browse", SignedIn),
    ("GET", "/projects/{harbor}/{project}/now", SignedIn),
    ("GET", "/projects/{harbor}/{project}/changes", SignedIn),
    ("GET", "/projects/{harbor}/{project}/gaps", SignedIn),
    ("GET", "/projects/{harbor}/{project}/settings", SignedIn),
    ("GET", "/tags", SignedIn),
    ("GET", "/tags/now", SignedIn),
    ("GET", "/artifacts", SignedIn),
    ("GET", "/search", SignedIn),
    ("GET", "/search/now", SignedIn),
    ("GET", "/restore/new", SignedIn),
    ("GET", "/restores", SignedIn),
    ("GET", "/restores/{id}", SignedIn),
    ("GET", "/approvals", SignedIn),
    ("GET", "/jobs", SignedIn),
    ("GET", "/jobs/{id}", SignedIn),
    ("GET", "/audit", SignedIn),
    ("GET", "/audit/{seq}", SignedIn),
    ("GET", "/harbors", SignedIn),
    ("GET", "/harbors/new", SignedIn),
    ("GET", "/harbors/{name}", SignedIn),
    ("GET", "/harbors/{name}/remove", SignedIn),
    ("GET", "/vaults", SignedIn),
    ("GET", "/vaults/new", SignedIn),
    ("GET", "/vaults/{id}", SignedIn),
    ("GET", "/plans", SignedIn),
    ("GET", "/plans/new", SignedIn),
    ("GET", "/plans/left", SignedIn),
    ("GET", "/plans/left/{id}", SignedIn),
    ("GET", "/plans/imports/{id}", SignedIn),
    ("GET", "/plans/{id}", SignedIn),
    ("GET", "/plans/{id}/edit", SignedIn),
    ("GET", "/plans/{id}/delete", SignedIn),
    ("GET", "/admin/users", SignedIn),
    ("GET", "/admin/users/new", SignedIn),
    ("GET", "/admin/users/{id}", SignedIn),
    ("GET", "/me", SignedIn),
];

/// Server functions strangers may call; every other one needs a session: programs with a token speak REST. All must be registered, or the gate refuses them.
pub const OPEN_FUNCTIONS: &[&str] =
    &["/fn/session/in", "/fn/session/set_up", "/fn/session/display", "/fn/session/zone", "/fn/session/choose_zone"];

/// All that somebody may ask for whose password was set by somebody else.
pub const WITH_ANOTHERS_PASSWORD: &[&str] = &[
    "/me",
    "/health",
    "/favicon.svg",
    "/favicon.ico",
    "/fn/session/out",
    "/fn/session/display",
    "/fn/session/zone",
    "/fn/session/choose_zone",
    "/fn/accounts/change_password",
    "/api/v1/me/password",
];

/// Whether a path is that of a page, as the table names them.
#[must_use]
pub fn is_page(path: &str) -> bool {
    const FILES: [&str; 4] = ["/health", "/events", "/favicon.svg", "/favicon.ico"];
    ROUTES.iter().any(|(method, route, _)| *method == "GET" && !FILES.contains(route) && fits(route, path))
}

/// Whether a path is one of a route.
#[must_use]
pub fn fits(route: &str, path: &str) -> bool {
    let (mut of_route, mut of_path) = (route.split('/'), path.split('/'));
    loop {
        match (of_route.next(), of_path.next()) {
            (None, None) => return true,
            (Some(part), Some(name))
                if part == name || (part.starts_with('{') && !part.contains('*') && !matches!(name, "" | "." | "..")) => {}
            _ => return false,
        }
    }
}

/// The rule of a route; none = refused.
#[must_use]
pub fn rule(method: &Method, route: &str, path: &str) -> Option<Rule> {
    if route.starts_with("/fn/") {
        let known = leptos::server_fn::axum::server_fn_paths().any(|(name, verb)| name == path && verb == *method);
        return known.then(|| if OPEN_FUNCTIONS.contains(&path) { Anyone } else { Rule::People });
    }
    let verb = if *method == Method::HEAD { "GET" } else { method.as_str() };
    ROUTES.iter().chain(super::rest::lines()).find(|(m, r, _)| *m == verb && *r == route).map(|(_, _, rule)| *rule)
}
