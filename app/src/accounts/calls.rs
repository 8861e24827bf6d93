//! Calls about accounts, roles and tokens.

use leptos::prelude::*;

use crate::accounts::types::{ChangeRoles, EndSessions, MadeToken, NewToken, NewUser, OneTime, OpenSession, Secret, Token, User};
use crate::error::ApiError;
use crate::units::Page;

/// All accounts.
pub async fn list_users(after: Option<String>) -> Result<Page<User>, ApiError> {
    use crate::ports::{answer, backend, cx};
    answer(backend().list_users(&cx(), after).await)
}

/// One account.
pub async fn get_user(user_id: i64) -> Result<User, ApiError> {
    use crate::ports::{answer, backend, cx};
    answer(backend().get_user(&cx(), user_id).await)
}

/// Makes an account and goes to its page.
#[server(prefix = "/fn", endpoint = "accounts/create")]
pub async fn create_user(form: NewUser) -> Result<User, ApiError> {
    use crate::ports::{answer_form, backend, cx, done, keep};
    let kept = keep::<CreateUser>(&form);
    let user = answer_form::<CreateUser, _>(backend().create_user(&cx(), form).await, kept)?;
    done(&format!("/admin/users/{}", user.id), "The account is made.", "账号已创建。").await;
    Ok(user)
}

/// Replaces duties and roles.
#[server(name = ChangeRolesCall, prefix = "/fn", endpoint = "accounts/roles")]
pub async fn change_roles(form: ChangeRoles) -> Result<User, ApiError> {
    use crate::ports::{answer_form, backend, cx, done, keep};
    let kept = keep::<ChangeRolesCall>(&form);
    let user = answer_form::<ChangeRolesCall, _>(backend().change_roles(&cx(), form).await, kept)?;
    done(&format!("/admin/users/{}", user.id), "Duties and roles are changed.", "职责与角色已更改。").await;
    Ok(user)
}

/// Switches an account off or on.
#[server(prefix = "/fn", endpoint = "accounts/disable")]
pub async fn set_disabled(user_id: i64, disabled: bool) -> Result<User, ApiError> {
    use crate::ports::{answer, backend, cx, done};
    let user = answer(backend().set_disabled(&cx(), user_id, disabled).await)?;
    let (en, zh) = if disabled {
        ("The account is switched off.", "账号已停用。")
    } else {
        ("The account is switched on.", "账号已启用。")
    };
    done(&format!("/admin/users/{user_id}"), en, zh).await;
    Ok(user)
}

/// Gives an account a password that works once. It is in this answer and nowhere else; a plain post gets it by a cookie that only the
/// next page is sent.
#[server(prefix = "/fn", endpoint = "accounts/reset_password")]
pub async fn reset_password(user_id: i64) -> Result<OneTime, ApiError> {
    use crate::ports::{answer_form, backend, cx, go, hand_over, is_plain};
    let made = answer_form::<ResetPassword, _>(backend().reset_password(&cx(), user_id).await, std::collections::BTreeMap::new())?;
    if is_plain() {
        let page = format!("/admin/users/{user_id}");
        hand_over("one_time", &made.password, &page);
        go(&format!("{page}?made=1"));
    }
    Ok(made)
}

/// The password a plain post just made; seen once.
pub async fn take_one_time(user_id: i64) -> Result<Option<String>, ApiError> {
    use crate::ports::{answer, take_over};
    answer(Ok(take_over("one_time", &format!("/admin/users/{user_id}"))))
}

/// Changes one's own password.
#[server(prefix = "/fn", endpoint = "accounts/change_password")]
pub async fn change_password(current: Secret, password: Secret) -> Result<(), ApiError> {
    use crate::ports::{answer, backend, cx, done};
    answer(backend().change_password(&cx(), current.0, password.0).await)?;
    done("/me", "Your password is changed; your other sessions ended.", "密码已更改，其他会话已结束。").await;
    Ok(())
}

/// One's own tokens.
pub async fn list_tokens() -> Result<Vec<Token>, ApiError> {
    use crate::ports::{answer, backend, cx};
    answer(backend().list_tokens(&cx()).await)
}

/// Makes a token. Its secret is in this answer and nowhere else; a plain post, which cannot see the answer, gets it by a cookie
/// that only the next page is sent.
#[server(prefix = "/fn", endpoint = "tokens/create")]
pub async fn create_token(form: NewToken) -> Result<MadeToken, ApiError> {
    use crate::ports::{answer_form, backend, cx, go, hand_over, is_plain, keep};
    let kept = keep::<CreateToken>(&form);
    let made = answer_form::<CreateToken, _>(backend().create_token(&cx(), form).await, kept)?;
    if is_plain() {
        hand_over("made_token", &made.secret, "/me");
        go("/me?made=1");
    }
    Ok(made)
}

/// The secret of the token a plain post just made; seen once.
pub async fn take_made_token() -> Result<Option<String>, ApiError> {
    use crate::ports::{answer, take_over};
    answer(Ok(take_over("made_token", "/me")))
}

/// Ends a token.
#[server(prefix = "/fn", endpoint = "tokens/revoke")]
pub async fn revoke_token(token_id: i64) -> Result<(), ApiError> {
    use crate::ports::{answer, backend, cx, done};
    answer(backend().revoke_token(&cx(), token_id).await)?;
    done("/me", "The token is revoked.", "令牌已撤销。").await;
    Ok(())
}

/// Tokens of an account.
pub async fn tokens_of(user_id: i64) -> Result<Vec<Token>, ApiError> {
    use crate::ports::{answer, backend, cx};
    answer(backend().tokens_of(&cx(), user_id).await)
}

/// Ends a token of an account.
#[server(prefix = "/fn", endpoint = "tokens/revoke_of")]
pub async fn revoke_token_of(user_id: i64, token_id: i64) -> Result<(), ApiError> {
    use crate::ports::{answer_form, backend, cx, done};
    answer_form::<RevokeTokenOf, _>(backend().revoke_token_of(&cx(), user_id, token_id).await, std::collections::BTreeMap::new())?;
    done(&format!("/admin/users/{user_id}"), "The token is revoked.", "令牌已撤销。").await;
    Ok(())
}

/// Open sessions of an account, or one's own.
pub async fn list_sessions(user_id: Option<i64>) -> Result<Vec<OpenSession>, ApiError> {
    use crate::ports::{answer, backend, cx};
    answer(backend().list_sessions(&cx(), user_id).await)
}

/// Ends a session, or all but the one that asks.
#[server(name = EndSessionsCall, prefix = "/fn", endpoint = "sessions/end")]
pub async fn end_sessions(form: EndSessions) -> Result<i64, ApiError> {
    use crate::ports::{answer_form, backend, cx, done};
    let page = form.user_id.map_or_else(|| "/me".to_owned(), |id| format!("/admin/users/{id}"));
    let ended = answer_form::<EndSessionsCall, _>(backend().end_sessions(&cx(), form).await, std::collections::BTreeMap::new())?;
    done(&page, "Ended; whoever used it has to sign in again.", "会话已结束，使用者需重新登录。").await;
    Ok(ended)
}
