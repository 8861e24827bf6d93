//! Signing in and out, and the first-run set-up.

use app::accounts::types::{Duty, NewUser};
use app::audit::events::AccountEvent;
use app::error::{ApiError, ErrorKind};
use app::ports::Cx;
use app::session::types::{SetUp, SignIn};
use http::header;
use secrecy::SecretString;
use sqlx::PgPool;
use tower_sessions::Session;

use super::{store, throttle};
use crate::access::{Caller, Origin, Via};
use crate::accounts;
use crate::audit::{self, Actor, Event, Outcome};
use crate::crypto;
use crate::error::Error;
use crate::events::{self, Topic};
use crate::state::AppState;

/// Longest password that is looked at at all, bytes.
const PASSWORD_BYTES_MAX: usize = 1_024;

pub(super) fn session_of(cx: &Cx) -> Result<Session, Error> {
    cx.parts.extensions.get::<Session>().cloned().ok_or_else(|| Error::defect("the request has no session layer"))
}

fn origin_of(cx: &Cx) -> Origin {
    cx.parts.extensions.get::<Origin>().cloned().unwrap_or_default()
}

pub(super) fn store_error(error: &tower_sessions::session::Error) -> Error {
    // The database's words are for the log, not for whoever is not even signed in.
    tracing::error!(error = %crate::error::chain(error), "sessions are not available");
    Error::Api(ApiError::new(ErrorKind::Unavailable, "session_store", app::accounts::refusals::Refusal::SessionStore))
}

/// Leaves a message for the next page.
pub async fn set_flash(cx: &Cx, text: &str) {
    if let Ok(session) = session_of(cx)
        && let Err(error) = session.insert(store::MESSAGE, text).await
    {
        tracing::warn!(error = %error, "cannot keep a message for the next page");
    }
}

/// Signs in; answers with the page to go to.
pub async fn sign_in(state: &AppState, cx: &Cx, form: SignIn) -> Result<String, Error> {
    let origin = origin_of(cx);
    let login = form.login.trim().to_lowercase();
    if form.password.len() > PASSWORD_BYTES_MAX || login.len() > 256 {
        return Err(ApiError::field("password", app::accounts::refusals::Refusal::NoPassword).into());
    }
    let known = accounts::credentials(&mut *state.pool.acquire().await?, &login).await?;
    // What was typed is named only where it is somebody's name: it may be a password in the wrong field.
    let named = if known.is_some() { login.as_str() } else { "an unknown name" };
    let of = || known.as_ref().map(|_| login.clone());
    if let Err(error) = throttle::admit(&state.pool, &login, origin.ip).await {
        let what = of().map_or(AccountEvent::SignInThrottledUnknown, |login| AccountEvent::SignInThrottled { login });
        let event = Event::new("auth.login.fail", "session", named, what).outcome(Outcome::Denied, "throttled");
        audit::record_alone(&state.pool, &Actor::anonymous(named, &origin), event).await?;
        return Err(error);
    }
    let hash = known.as_ref().filter(|k| k.active).map(|k| k.hash.clone());
    let password = SecretString::from(form.password);
    let good = accounts::password::verify(state, password.clone(), hash).await?;
    let failed = of().map_or(AccountEvent::SignInFailedUnknown, |login| AccountEvent::SignInFailed { login });
    let Some(account) = known.filter(|_| good) else {
        let event = Event::new("auth.login.fail", "session", named, failed).outcome(Outcome::Failure, "bad_credentials");
        audit::record_alone(&state.pool, &Actor::anonymous(named, &origin), event).await?;
        return Err(ApiError::new(ErrorKind::Invalid, "bad_credentials", app::accounts::refusals::Refusal::BadCredentials).into());
    };
    if accounts::password::is_outdated(&account.hash) {
        let anew = accounts::password::hash(state, password).await?;
        accounts::renew_hash(&mut *state.pool.acquire().await?, account.id, &account.hash, &anew).await?;
    }
    let session = session_of(cx)?;
    let mut tx = state.pool.begin().await?;
    throttle::forget(&mut tx, &login, origin.ip).await?;
    let event = Event::new("auth.login", "session", &login, AccountEvent::SignedIn { login: login.clone() });
    audit::record(&mut tx, &Actor::anonymous(&login, &origin), event).await?;
    tx.commit().await?;
    session.cycle_id().await.map_err(|e| store_error(&e))?;
    session.insert(store::ACCOUNT, account.id).await.map_err(|e| store_error(&e))?;
    session.insert(store::VERSION, account.version).await.map_err(|e| store_error(&e))?;
    session.insert(store::BEGAN, time::OffsetDateTime::now_utc().unix_timestamp()).await.map_err(|e| store_error(&e))?;
    keep_proof(&session).await?;
    Ok(safe_next(form.next.as_deref()))
}

/// Remembers that the password was entered just now.
async fn keep_proof(session: &Session) -> Result<(), Error> {
    let now = time::OffsetDateTime::now_utc().unix_timestamp();
    session.insert(store::PROVED, now).await.map_err(|e| store_error(&e))
}

/// Takes the password once more, for what needs it. The session gets another id, as at a sign-in (S-21).
pub async fn step_up(state: &AppState, cx: &Cx, password: &str) -> Result<(), Error> {
    let caller = Caller::of(cx)?;
    if caller.via != Via::Session {
        return Err(ApiError::new(ErrorKind::Invalid, "no_session", app::accounts::refusals::Refusal::TokenHasNone).into());
    }
    let origin = origin_of(cx);
    accounts::prove(state, &caller, &origin, "password_again", password).await?;
    let session = session_of(cx)?;
    let event = Event::new("auth.stepup", "session", &caller.login, AccountEvent::PasswordAgain { login: caller.login.clone() });
    audit::record_alone(&state.pool, &Actor::caller(&caller, &origin), event).await?;
    session.cycle_id().await.map_err(|e| store_error(&e))?;
    keep_proof(&session).await
}

/// Ends the session.
pub async fn sign_out(state: &AppState, cx: &Cx) -> Result<(), Error> {
    let caller = Caller::of(cx)?;
    if caller.via != Via::Session {
        return Err(ApiError::new(ErrorKind::Invalid, "no_session", app::accounts::refusals::Refusal::TokenNoSession).into());
    }
    let event = Event::new("auth.logout", "session", &caller.login, AccountEvent::SignedOut { login: caller.login.clone() });
    audit::record_alone(&state.pool, &Actor::caller(&caller, &origin_of(cx)), event).await?;
    session_of(cx)?.flush().await.map_err(|e| store_error(&e))?;
    // Streams that this session opened end now, in this process and the others.
    events::notify(&mut *state.pool.acquire().await?, Topic::Accounts).await?;
    Ok(())
}

/// Makes the one-time token of the set-up if there is no account yet; answers with it the first time only.
pub async fn begin_bootstrap(pool: &PgPool) -> Result<Option<String>, Error> {
    let mut tx = pool.begin().await?;
    if accounts::any_account(&mut tx).await? {
        return Ok(None);
    }
    let token = crypto::random_token();
    // A restart before the set-up prints a new token: the one printed last is the one that counts.
    let done = sqlx::query(
        "insert into bootstrap (token_hash) values ($1)
         on conflict (only_row) do update set token_hash = excluded.token_hash, made_at = now() where bootstrap.used_at is null",
    )
    .bind(crypto::token_hash(&token))
    .execute(&mut *tx)
    .await?;
    tx.commit().await?;
    Ok((done.rows_affected() == 1).then_some(token))
}

/// Whether the set-up is still to be done.
pub async fn bootstrap_open(pool: &PgPool) -> Result<bool, Error> {
    let mut conn = pool.acquire().await?;
    Ok(!accounts::any_account(&mut conn).await?)
}

/// Makes the first account, which has the duties of operator and security administrator until others take them.
pub async fn set_up(state: &AppState, cx: &Cx, form: SetUp) -> Result<(), Error> {
    if !bootstrap_open(&state.pool).await? {
        return Err(ApiError::new(ErrorKind::Gone, "set_up_done", app::accounts::refusals::Refusal::SetUpDone).into());
    }
    accounts::password::judge("password", &form.password, &form.login)?;
    let origin = origin_of(cx);
    let used: Option<bool> =
        sqlx::query_scalar("update bootstrap set used_at = now() where token_hash = $1 and used_at is null returning true")
            .bind(crypto::token_hash(form.token.trim()))
            .fetch_optional(&state.pool)
            .await?;
    if used.is_none() {
        return Err(ApiError::field("token", app::accounts::refusals::Refusal::SetUpToken).into());
    }
    let actor = Actor::anonymous(&form.login, &origin);
    let new = NewUser {
        login: form.login.clone(),
        display_name: form.display_name,
        password: form.password.clone(),
        duties: vec![Duty::Operator, Duty::Secadmin],
        grants: String::new(),
    };
    if let Err(error) = accounts::admin_create(state, &actor, new).await {
        // The account was not made: the same token works again.
        sqlx::query("update bootstrap set used_at = null where token_hash = $1")
            .bind(crypto::token_hash(form.token.trim()))
            .execute(&state.pool)
            .await?;
        return Err(error);
    }
    sign_in(state, cx, SignIn { login: form.login, password: form.password, next: None }).await?;
    Ok(())
}

/// Keeps language and theme in cookies of this site.
pub fn set_display(cx: &Cx, lang: Option<&str>, theme: Option<&str>) -> Result<(), Error> {
    let lang = lang.filter(|l| matches!(*l, "en" | "zh-CN")).map(|l| ("lang", l));
    let theme = theme.filter(|t| matches!(*t, "system" | "light" | "dark")).map(|t| ("theme", t));
    [lang, theme].into_iter().flatten().try_for_each(|(name, value)| set_cookie(cx, name, Some(value)))
}

/// Keeps a choice in a cookie of this site, for a year; none = forgets it.
pub(super) fn set_cookie(cx: &Cx, name: &str, value: Option<&str>) -> Result<(), Error> {
    let Some(response) = leptos::prelude::use_context::<leptos_axum::ResponseOptions>() else { return Ok(()) };
    let secure = if cx.parts.uri.scheme_str() == Some("https") { "; Secure" } else { "" };
    let age_s = if value.is_some() { 31_536_000 } else { 0 };
    let cookie = format!("{name}={}; Path=/; Max-Age={age_s}; SameSite=Lax{secure}", value.unwrap_or_default());
    let cookie = http::HeaderValue::from_str(&cookie).map_err(|e| Error::defect(e.to_string()))?;
    response.append_header(header::SET_COOKIE, cookie);
    Ok(())
}

pub(crate) fn cookie_of<'a>(headers: &'a http::HeaderMap, name: &str) -> Option<&'a str> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|v| v.to_str().ok())
        .flat_map(|v| v.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(key, _)| *key == name)
        .map(|(_, value)| value)
}

/// A page of this site, or the home page (S-75).
#[must_use]
pub fn safe_next(next: Option<&str>) -> String {
    let fine = |path: &&str| {
        path.starts_with('/')
            && !path.starts_with("//")
            && path.len() <= 2_000
            && !path.chars().any(|c| c == '\\' || c.is_control() || c.is_whitespace())
            && !["/signin", "/setup"].iter().any(|p| path.starts_with(p))
            && crate::http::rules::is_page(path.split(['?', '#']).next().unwrap_or_default())
            && url::Url::parse("http://here.invalid").and_then(|base| base.join(path)).is_ok_and(|u| u.host_str() == Some("here.invalid"))
    };
    next.filter(fine).unwrap_or("/").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// S-75.
    #[test]
    fn only_pages_of_this_site_are_gone_to() {
        for good in [
            "/",
            "/?period=7d",
            "/projects/prod/shop?at=2026-11-23T09:30:00Z",
            "/restores/88",
            "/me#single-keys",
            "/restore/new?draft=5&came=x",
        ] {
            assert_eq!(safe_next(Some(good)), good);
        }
        for bad in [
            "//e",
            "/\\e",
            "\\/e",
            "/\t/e",
            "https:e",
            "https://e",
            "javascript:alert(1)",
            "",
            "e",
            "/ /e",
            "/\n/e",
            "///e",
            "/signin?next=/",
            "/fn/session/out",
            "/\u{0000}",
            "http:/\\e",
            "/events",
            "/api/v1/me",
            "/health",
            "/pkg/x.js",
            "/nowhere",
            "/restores/88/",
            "/restores/88/more",
            "/projects//shop",
            "/setup?token=x",
            "//evil.example/plans",
            "///evil.example",
            "/%09/e",
            "/%2F/e",
            "/..//e",
            "/./plans",
            "/plans/../admin",
            "plans",
            "?next=/",
            "#",
            " /plans",
            "/plans\n",
            "data:text/html,x",
            "vbscript:x",
            "//plans",
            "/\\plans",
            "/plans\\e",
            "\u{2028}/plans",
        ] {
            assert_eq!(safe_next(Some(bad)), "/", "{bad:?}");
        }
    }
}
