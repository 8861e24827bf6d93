//! Calls of the session: the shell, signing in and out, set-up, language, theme and time zone.

use leptos::prelude::*;

use crate::accounts::types::Secret;
use crate::error::ApiError;
use crate::session::types::{SetUp, Shell, SignIn};

/// What the shell around this page shows.
pub async fn get_shell() -> Result<Shell, ApiError> {
    use crate::ports::{answer, backend, cx};
    answer(backend().shell(&cx()).await)
}

/// Starts a session and goes to the page asked for.
#[server(name = SignInCall, prefix = "/fn", endpoint = "session/in")]
pub async fn sign_in(form: SignIn) -> Result<(), ApiError> {
    use crate::ports::{answer_form, backend, cx, go, keep};
    let kept = keep::<SignInCall>(&form);
    let next = answer_form::<SignInCall, _>(backend().sign_in(&cx(), form).await, kept)?;
    go(&next);
    Ok(())
}

/// Takes the password once more, for what needs it; then comes back to the page the form was on.
#[server(name = StepUp, prefix = "/fn", endpoint = "session/step_up")]
pub async fn step_up(password_again: Secret) -> Result<(), ApiError> {
    use crate::ports::{answer, backend, cx};
    answer(backend().step_up(&cx(), password_again.0).await)
}

/// Ends the session.
#[server(prefix = "/fn", endpoint = "session/out")]
pub async fn sign_out() -> Result<(), ApiError> {
    use crate::ports::{answer, backend, cx, go};
    answer(backend().sign_out(&cx()).await)?;
    go("/signin");
    Ok(())
}

/// Makes the first account.
#[server(name = SetUpCall, prefix = "/fn", endpoint = "session/set_up")]
pub async fn set_up(form: SetUp) -> Result<(), ApiError> {
    use crate::ports::{answer_form, backend, cx, go, keep};
    let kept = keep::<SetUpCall>(&form);
    answer_form::<SetUpCall, _>(backend().set_up(&cx(), form).await, kept)?;
    go("/");
    Ok(())
}

/// Switches single keys on or off.
#[server(prefix = "/fn", endpoint = "session/keys")]
pub async fn set_single_keys(on: bool) -> Result<(), ApiError> {
    use crate::ports::{answer, backend, cx, done};
    answer(backend().set_single_keys(&cx(), on).await)?;
    done("/me", "It is kept with your account.", "已随账号保存。").await;
    Ok(())
}

/// Keeps language or theme, then comes back to the page the form was on.
#[server(prefix = "/fn", endpoint = "session/display")]
pub async fn set_display(#[server(default)] lang: Option<String>, #[server(default)] theme: Option<String>) -> Result<(), ApiError> {
    use crate::ports::{answer, backend, cx};
    answer(backend().set_display(&cx(), lang, theme).await)
}

/// Keeps the zone of the browser for the pages to come.
#[server(name = KeepZone, prefix = "/fn", endpoint = "session/zone")]
pub async fn keep_zone(name: String) -> Result<(), ApiError> {
    use crate::ports::{answer, backend, cx};
    answer(backend().keep_zone(&cx(), name, false).await)
}

/// Chooses a zone, or leaves it to the browser where the name is empty; then comes back to the page the form was on.
#[server(name = ChooseZone, prefix = "/fn", endpoint = "session/choose_zone")]
pub async fn choose_zone(#[server(default)] name: String) -> Result<(), ApiError> {
    use crate::ports::{answer, backend, cx};
    answer(backend().keep_zone(&cx(), name, true).await)
}
