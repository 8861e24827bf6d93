//! REST, `/api/v1`: the same calls as the pages make, described by `/api/v1/openapi.json`.
//!
//! Every handler is one line over the port, so a rule that holds for a page holds here. Errors are [`ApiError`] as JSON.

use app::error::ApiError;
use axum::Json;
use axum::extract::{FromRequest, FromRequestParts};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde::{Deserialize, Serialize};
use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme};
use utoipa::{IntoParams, OpenApi, ToSchema};
use utoipa_axum::router::OpenApiRouter;

use super::Web;
use super::guard::refuse;
use super::rules::{Line, Rule};

/// An error as its answer.
pub struct Refusal(ApiError);

impl From<ApiError> for Refusal {
    fn from(error: ApiError) -> Self {
        Self(error)
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        refuse(self.0)
    }
}

type Answer<T> = Result<Json<T>, Refusal>;

/// A body; what is wrong with it is answered in our own form.
#[derive(FromRequest)]
#[from_request(via(Json), rejection(Refusal))]
pub struct Body<T>(T);

impl From<axum::extract::rejection::JsonRejection> for Refusal {
    fn from(rejection: axum::extract::rejection::JsonRejection) -> Self {
        Self(ApiError::field("body", app::refusals::General::Unreadable { why: rejection.body_text() }))
    }
}

/// A query; what is wrong with it is answered in our own form. That it is called so tells the description where the named parameters lie.
#[derive(FromRequestParts)]
#[from_request(via(axum::extract::Query), rejection(Refusal))]
pub struct Query<T>(T);

impl From<axum::extract::rejection::QueryRejection> for Refusal {
    fn from(rejection: axum::extract::rejection::QueryRejection) -> Self {
        Self(ApiError::field("query", app::refusals::General::Unreadable { why: rejection.body_text() }))
    }
}

/// A part of the path. What is no number where one belongs names nothing there is, and is answered like it, in our own form.
#[derive(FromRequestParts)]
#[from_request(via(axum::extract::Path), rejection(Refusal))]
pub struct Path<T>(T);

impl From<axum::extract::rejection::PathRejection> for Refusal {
    fn from(_: axum::extract::rejection::PathRejection) -> Self {
        Self(ApiError::not_found(app::refusals::Thing::Object))
    }
}

/// How many.
#[derive(Serialize, ToSchema)]
struct Counted {
    /// So many.
    count: i64,
}

/// A queued job.
#[derive(Serialize, ToSchema)]
struct Queued {
    /// The job.
    job_id: i64,
}

/// One session, or all but the one that asks.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct WhichSession {
    /// Its id; none = all but the one that asks.
    #[serde(default)]
    session_id: Option<i64>,
}

/// A cursor.
#[derive(Deserialize, IntoParams)]
struct Cursor {
    /// The `next` of the page before.
    after: Option<String>,
}

macro_rules! endpoint {
    // With a body, which the description names too.
    ($(#[doc = $doc:literal])+ $verb:ident $path:literal $tag:literal $name:ident
        ( $cx:ident, $web:ident $(, Path($at:pat): Path<$place:ty>)? $(, Query($query:pat): Query<$asked:ident>)?, Body($form:ident): Body<$body:ty> )
        $answer:ty => $call:expr) => {
        $(#[doc = $doc])+
        #[utoipa::path($verb, path = $path, tag = $tag, $(params($asked),)? request_body = $body, responses((status = 200, body = $answer), (status = "default", body = app::error::ApiError)))]
        async fn $name(
            axum::extract::State($web): axum::extract::State<Web>,
            parts: axum::http::request::Parts
            $(, Path($at): Path<$place>)?
            $(, Query($query): Query<$asked>)?,
            Body($form): Body<$body>
        ) -> Answer<$answer> {
            let $cx = &app::ports::Cx { parts };
            let $web = &$web.backend;
            Ok(axum::Json($call))
        }
    };
    ($(#[doc = $doc:literal])+ $verb:ident $path:literal $tag:literal $name:ident
        ( $cx:ident, $web:ident $(, Path($at:pat): Path<$place:ty>)? $(, Query($query:pat): Query<$asked:ident>)? )
        $answer:ty => $call:expr) => {
        $(#[doc = $doc])+
        #[utoipa::path($verb, path = $path, tag = $tag, $(params($asked),)? responses((status = 200, body = $answer), (status = "default", body = app::error::ApiError)))]
        async fn $name(
            axum::extract::State($web): axum::extract::State<Web>,
            parts: axum::http::request::Parts
            $(, Path($at): Path<$place>)?
            $(, Query($query): Query<$asked>)?
        ) -> Answer<$answer> {
            let $cx = &app::ports::Cx { parts };
            let $web = &$web.backend;
            Ok(axum::Json($call))
        }
    };
}

mod accounts;
mod audit;
mod harbors;
mod jobs;
mod plans;
mod projects;
mod restores;
mod session;
mod vaults;

/// Lines of the gate for REST: everything needs a caller, the description too.
pub fn lines() -> impl Iterator<Item = &'static Line> {
    const OF_NOUNS: [&[Line]; 9] = [
        session::LINES,
        harbors::LINES,
        vaults::LINES,
        plans::LINES,
        projects::LINES,
        restores::LINES,
        jobs::LINES,
        audit::LINES,
        accounts::LINES,
    ];
    std::iter::once(&DESCRIPTION).chain(OF_NOUNS.into_iter().flatten())
}

const DESCRIPTION: Line = ("GET", "/api/v1/openapi.json", Rule::SignedIn);

/// The description's head.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Breakwater",
        description = "Backup, point-in-time recovery and approved self-service restore for Harbor. Send an API token as `Authorization: Bearer bw_…`."
    ),
    components(schemas(app::projects::gap_causes::GapCause))
)]
struct Description;

fn described() -> OpenApiRouter<Web> {
    let nouns = [
        session::routes,
        harbors::routes,
        vaults::routes,
        plans::routes,
        projects::routes,
        restores::routes,
        jobs::routes,
        audit::routes,
        accounts::routes,
    ];
    nouns.into_iter().fold(OpenApiRouter::with_openapi(Description::openapi()), |router, routes| routes(router))
}

/// The description with what the gate says of each call: which a token may make, and which only a person may.
fn with_rules(mut description: utoipa::openapi::OpenApi) -> utoipa::openapi::OpenApi {
    let token =
        HttpBuilder::new().scheme(HttpAuthScheme::Bearer).description(Some("An API token, bw_…, made by a person on Profile.")).build();
    let session = ApiKeyValue::with_description("__Host-breakwater", "The session of a person who signed in; breakwater without TLS.");
    let components = description.components.get_or_insert_default();
    components.add_security_scheme("token", SecurityScheme::Http(token));
    components.add_security_scheme("session", SecurityScheme::ApiKey(ApiKey::Cookie(session)));
    let of = |name: &str| SecurityRequirement::new(name, std::iter::empty::<String>());
    for (path, item) in &mut description.paths.paths {
        let verbs = [("GET", &mut item.get), ("POST", &mut item.post), ("PUT", &mut item.put), ("DELETE", &mut item.delete)];
        for (verb, operation) in verbs {
            let Some(operation) = operation else { continue };
            let rule = lines().find(|(method, route, _)| *method == verb && *route == path.as_str()).map(|(.., rule)| *rule);
            let said = match rule {
                Some(Rule::People) => Some("A person's session only, no token."),
                Some(Rule::Proven) => {
                    Some("A person's session only, no token; the password must have been entered in the last ten minutes.")
                }
                _ => None,
            };
            let mut allowed = vec![of("session")];
            match said {
                Some(said) => operation.description = Some(said.to_owned()),
                None => allowed.push(of("token")),
            }
            operation.security = Some(allowed);
        }
    }
    description
}

/// The routes, with the description of themselves.
pub fn router() -> axum::Router<Web> {
    let (router, description) = described().split_for_parts();
    let text = with_rules(description).to_pretty_json().unwrap_or_default();
    router.route(
        "/api/v1/openapi.json",
        get(move || {
            let text = text.clone();
            async move { (StatusCode::OK, [(header::CONTENT_TYPE, "application/json")], text) }
        }),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// S-1.
    #[test]
    fn every_described_call_has_a_line_in_the_gate_and_the_reverse() {
        let (_, description) = described().split_for_parts();
        let json = serde_json::to_value(&description).unwrap();
        let mut described: Vec<(String, String)> = Vec::new();
        for (path, item) in json["paths"].as_object().unwrap() {
            for verb in item.as_object().unwrap().keys() {
                described.push((verb.to_uppercase(), path.clone()));
            }
        }
        described.push(("GET".to_owned(), "/api/v1/openapi.json".to_owned()));
        described.sort();
        let mut gate: Vec<(String, String)> = lines().map(|(m, p, _)| ((*m).to_owned(), (*p).to_owned())).collect();
        gate.sort();
        assert_eq!(described, gate);
        assert!(lines().all(|(.., rule)| *rule != Rule::Anyone), "nothing of REST is for strangers");
    }

    /// Whoever reads the description, and every test that is made from it, knows a parameter of a query only if it is named there.
    #[test]
    fn whatever_a_query_may_say_is_described() {
        const SOURCES: [&str; 9] = [
            include_str!("session.rs"),
            include_str!("harbors.rs"),
            include_str!("vaults.rs"),
            include_str!("plans.rs"),
            include_str!("projects.rs"),
            include_str!("restores.rs"),
            include_str!("jobs.rs"),
            include_str!("audit.rs"),
            include_str!("accounts.rs"),
        ];
        let (_, description) = described().split_for_parts();
        let json = serde_json::to_value(&description).unwrap();
        let names = |call: &serde_json::Value| -> Vec<String> {
            let in_query = call["parameters"].as_array().into_iter().flatten().filter(|parameter| parameter["in"] == "query");
            in_query.map(|parameter| parameter["name"].as_str().unwrap().to_owned()).collect()
        };
        assert_eq!(names(&json["paths"]["/api/v1/search"]["get"]), ["q", "live"]);
        assert_eq!(names(&json["paths"]["/api/v1/projects/{harbor}/{project}/tag"]["get"]), ["repo", "tag", "live"]);
        let calls = json["paths"].as_object().unwrap().values().flat_map(|item| item.as_object().unwrap().values());
        let described = calls.filter(|call| !names(call).is_empty()).count();
        let read: usize = SOURCES.iter().map(|source| source.matches(": Query<").count()).sum();
        assert_eq!(described, read, "calls with a query that the description has, and that there are");
    }

    /// Two types of one name are one in the description, and a value fits a choice twice that names it twice: nothing of it could be read then, nor of
    /// what is named and not described.
    #[test]
    fn whatever_the_description_names_is_in_it_once() {
        fn walk(value: &serde_json::Value, whole: &serde_json::Value, found: &mut Vec<String>) {
            if let Some(name) = value["$ref"].as_str()
                && whole.pointer(name.trim_start_matches('#')).is_none()
            {
                found.push(name.to_owned());
            }
            if let Some(choices) = value["oneOf"].as_array() {
                let mut names: Vec<&str> = choices.iter().filter_map(|choice| choice["$ref"].as_str()).collect();
                let all = names.len();
                names.sort_unstable();
                names.dedup();
                if names.len() < all {
                    found.push(value.to_string());
                }
            }
            let inner: Vec<&serde_json::Value> = match value {
                serde_json::Value::Object(fields) => fields.values().collect(),
                serde_json::Value::Array(all) => all.iter().collect(),
                _ => Vec::new(),
            };
            inner.into_iter().for_each(|inner| walk(inner, whole, found));
        }
        let (_, description) = described().split_for_parts();
        let (whole, mut found) = (serde_json::to_value(&description).unwrap(), Vec::new());
        walk(&whole, &whole, &mut found);
        assert_eq!(found, Vec::<String>::new());
    }

    #[test]
    fn the_description_says_which_calls_no_token_makes() {
        let (_, description) = described().split_for_parts();
        let json = serde_json::to_value(with_rules(description)).unwrap();
        let mut of_people = 0;
        for (verb, path, rule) in lines().filter(|(_, path, _)| *path != DESCRIPTION.1) {
            let operation = &json["paths"][path][verb.to_lowercase()];
            let by_token = operation["security"].as_array().unwrap().iter().any(|way| way.get("token").is_some());
            assert_eq!(by_token, *rule == Rule::SignedIn, "{verb} {path}");
            let said = operation["description"].as_str().is_some_and(|said| said.contains("no token"));
            assert_eq!(said, !by_token, "{verb} {path}: {operation}");
            of_people += usize::from(said);
        }
        assert!(of_people > 10, "{of_people}");
        for scheme in ["token", "session"] {
            assert!(json["components"]["securitySchemes"][scheme].is_object(), "{scheme}");
        }
    }
}
