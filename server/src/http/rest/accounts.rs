//! Accounts, duties, sessions and tokens.

use app::accounts::types::{ChangeRoles, Duty, EndSessions, MadeToken, NewToken, NewUser, OneTime, OpenSession, Token, User};
use app::units::Page;
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::super::Web;
use super::super::rules::{Line, Rule};
use super::{Answer, Body, Counted, Cursor, Path, Query, WhichSession};

/// The gate, line by line.
pub const LINES: &[Line] = &[
    ("PUT", "/api/v1/me/password", Rule::People),
    ("GET", "/api/v1/users", Rule::SignedIn),
    ("POST", "/api/v1/users", Rule::Proven),
    ("GET", "/api/v1/users/{id}", Rule::SignedIn),
    ("PUT", "/api/v1/users/{id}/roles", Rule::Proven),
    ("PUT", "/api/v1/users/{id}/disabled", Rule::Proven),
    ("PUT", "/api/v1/users/{id}/password", Rule::Proven),
    ("GET", "/api/v1/users/{id}/sessions", Rule::SignedIn),
    ("POST", "/api/v1/users/{id}/sessions/end", Rule::Proven),
    ("GET", "/api/v1/users/{id}/tokens", Rule::SignedIn),
    ("DELETE", "/api/v1/users/{id}/tokens/{token}", Rule::Proven),
    ("GET", "/api/v1/tokens", Rule::SignedIn),
    ("POST", "/api/v1/tokens", Rule::Proven),
    ("DELETE", "/api/v1/tokens/{id}", Rule::People),
];

/// The calls.
pub fn routes(router: OpenApiRouter<Web>) -> OpenApiRouter<Web> {
    router
        .routes(routes!(change_password))
        .routes(routes!(list_users, create_user))
        .routes(routes!(get_user))
        .routes(routes!(change_roles))
        .routes(routes!(set_disabled))
        .routes(routes!(reset_password))
        .routes(routes!(list_sessions))
        .routes(routes!(end_sessions))
        .routes(routes!(tokens_of))
        .routes(routes!(revoke_token_of))
        .routes(routes!(list_tokens, create_token))
        .routes(routes!(revoke_token))
}

/// A switch.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Switch {
    /// Switched off.
    disabled: bool,
}

/// A change of one's own password.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct OwnPassword {
    /// The one until now.
    current: String,
    /// The new one.
    password: String,
}

/// Duties and roles of an account.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Roles {
    /// Duties.
    #[serde(default)]
    duties: Vec<Duty>,
    /// Grants, one a line.
    #[serde(default)]
    grants: String,
    /// Why.
    reason: String,
}

endpoint!(/// Accounts.
    get "/api/v1/users" "accounts" list_users(cx, b, Query(page): Query<Cursor>) Page<User> => b.list_users(cx, page.after).await?);
endpoint!(/// Makes an account.
    post "/api/v1/users" "accounts" create_user(cx, b, Body(form): Body<NewUser>) User => b.create_user(cx, form).await?);
endpoint!(/// One account.
    get "/api/v1/users/{id}" "accounts" get_user(cx, b, Path(id): Path<i64>) User => b.get_user(cx, id).await?);
endpoint!(/// Replaces duties and roles.
    put "/api/v1/users/{id}/roles" "accounts" change_roles(cx, b, Path(id): Path<i64>, Body(form): Body<Roles>) User => b.change_roles(cx, ChangeRoles { user_id: id, duties: form.duties, grants: form.grants, reason: form.reason }).await?);
endpoint!(/// Switches an account off or on.
    put "/api/v1/users/{id}/disabled" "accounts" set_disabled(cx, b, Path(id): Path<i64>, Body(form): Body<Switch>) User => b.set_disabled(cx, id, form.disabled).await?);
endpoint!(/// Gives an account a password that works once. People only, with a password entered in the last ten minutes.
    put "/api/v1/users/{id}/password" "accounts" reset_password(cx, b, Path(id): Path<i64>) OneTime => b.reset_password(cx, id).await?);
endpoint!(/// Changes one's own password.
    put "/api/v1/me/password" "accounts" change_password(cx, b, Body(form): Body<OwnPassword>) () => b.change_password(cx, form.current, form.password).await?);
endpoint!(/// One's own tokens.
    get "/api/v1/tokens" "accounts" list_tokens(cx, b) Vec<Token> => b.list_tokens(cx).await?);
endpoint!(/// Makes a token for oneself.
    post "/api/v1/tokens" "accounts" create_token(cx, b, Body(form): Body<NewToken>) MadeToken => b.create_token(cx, form).await?);
endpoint!(/// Ends a token.
    delete "/api/v1/tokens/{id}" "accounts" revoke_token(cx, b, Path(id): Path<i64>) () => b.revoke_token(cx, id).await?);
endpoint!(/// Open sessions of an account.
    get "/api/v1/users/{id}/sessions" "accounts" list_sessions(cx, b, Path(id): Path<i64>) Vec<OpenSession> => b.list_sessions(cx, Some(id)).await?);
endpoint!(/// Ends one session of an account, or all. People only, with a password entered in the last ten minutes.
    post "/api/v1/users/{id}/sessions/end" "accounts" end_sessions(cx, b, Path(id): Path<i64>, Body(form): Body<WhichSession>) Counted => Counted { count: b.end_sessions(cx, EndSessions { user_id: Some(id), session_id: form.session_id }).await? });
endpoint!(/// Tokens of an account.
    get "/api/v1/users/{id}/tokens" "accounts" tokens_of(cx, b, Path(id): Path<i64>) Vec<Token> => b.tokens_of(cx, id).await?);
endpoint!(/// Ends a token of an account. People only, with a password entered in the last ten minutes.
    delete "/api/v1/users/{id}/tokens/{token}" "accounts" revoke_token_of(cx, b, Path((id, token)): Path<(i64, i64)>) () => b.revoke_token_of(cx, id, token).await?);
