//! What the pages ask the backend about the session.

use async_trait::async_trait;

use crate::error::ApiError;
use crate::ports::Cx;
use crate::session::types::{SetUp, Shell, SignIn};

/// Signing in and out.
#[async_trait]
pub trait Sessions: Send + Sync {
    /// The shell of this request; never fails for a stranger.
    async fn shell(&self, cx: &Cx) -> Result<Shell, ApiError>;
    /// Starts a session; answers with the page to go to, checked to be on this site.
    async fn sign_in(&self, cx: &Cx, form: SignIn) -> Result<String, ApiError>;
    /// Takes the password once more, for what needs it.
    async fn step_up(&self, cx: &Cx, password: String) -> Result<(), ApiError>;
    /// Ends the session.
    async fn sign_out(&self, cx: &Cx) -> Result<(), ApiError>;
    /// Makes the first account. `Gone` once there is one.
    async fn set_up(&self, cx: &Cx, form: SetUp) -> Result<(), ApiError>;
    /// Keeps language and theme in cookies; answers nothing to check.
    async fn set_display(&self, cx: &Cx, lang: Option<String>, theme: Option<String>) -> Result<(), ApiError>;
    /// Switches single keys on or off for the caller's account.
    async fn set_single_keys(&self, cx: &Cx, on: bool) -> Result<(), ApiError>;
    /// Keeps a time zone in a cookie, as `chosen` by the reader or as the browser has it; an empty name forgets it.
    async fn keep_zone(&self, cx: &Cx, name: String, chosen: bool) -> Result<(), ApiError>;
    /// Leaves a message that the next page shows once.
    async fn leave_flash(&self, cx: &Cx, text: &str);
}
