//! Who is asking, and where things stand.

use app::accounts::types::{EndSessions, OpenSession};
use app::error::ApiError;
use app::home::types::Home;
use app::session::types::Me;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::super::Web;
use super::super::rules::{Line, Rule};
use super::{Answer, Body, Counted, WhichSession};

/// The gate, line by line.
pub const LINES: &[Line] = &[
    ("GET", "/api/v1/me", Rule::SignedIn),
    ("GET", "/api/v1/home", Rule::SignedIn),
    ("GET", "/api/v1/me/sessions", Rule::People),
    ("POST", "/api/v1/me/sessions/end", Rule::People),
];

/// The calls.
pub fn routes(router: OpenApiRouter<Web>) -> OpenApiRouter<Web> {
    router.routes(routes!(get_me)).routes(routes!(get_home)).routes(routes!(list_own_sessions)).routes(routes!(end_own_sessions))
}

endpoint!(/// Who I am.
    get "/api/v1/me" "session" get_me(cx, b) Me => b.shell(cx).await?.me.ok_or_else(|| ApiError::not_found(app::refusals::Thing::Account))?);
endpoint!(/// The posture.
    get "/api/v1/home" "home" get_home(cx, b) Home => b.get_home(cx).await?);
endpoint!(/// One's own open sessions. People only.
    get "/api/v1/me/sessions" "session" list_own_sessions(cx, b) Vec<OpenSession> => b.list_sessions(cx, None).await?);
endpoint!(/// Ends one of one's own sessions, or all but the one that asks. People only.
    post "/api/v1/me/sessions/end" "session" end_own_sessions(cx, b, Body(form): Body<WhichSession>) Counted => Counted { count: b.end_sessions(cx, EndSessions { user_id: None, session_id: form.session_id }).await? });
