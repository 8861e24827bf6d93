//! What the pages ask the backend about accounts.

use async_trait::async_trait;

use crate::accounts::types::{ChangeRoles, EndSessions, MadeToken, NewToken, NewUser, OneTime, OpenSession, Token, User};
use crate::error::ApiError;
use crate::ports::Cx;
use crate::units::Page;

/// Accounts, roles and tokens.
#[async_trait]
pub trait Accounts: Send + Sync {
    /// All accounts, by login; secadmin and auditor.
    async fn list_users(&self, cx: &Cx, after: Option<String>) -> Result<Page<User>, ApiError>;
    /// One account.
    async fn get_user(&self, cx: &Cx, user_id: i64) -> Result<User, ApiError>;
    /// Makes an account.
    async fn create_user(&self, cx: &Cx, form: NewUser) -> Result<User, ApiError>;
    /// Replaces duties and roles. Nobody changes their own; the last secadmin and the last operator stay.
    async fn change_roles(&self, cx: &Cx, form: ChangeRoles) -> Result<User, ApiError>;
    /// Switches an account off (sessions and tokens end at once) or on again.
    async fn set_disabled(&self, cx: &Cx, user_id: i64, disabled: bool) -> Result<User, ApiError>;
    /// Gives an account a password that works once; ends its sessions and tokens, voids its open votes. Nobody resets their own.
    async fn reset_password(&self, cx: &Cx, user_id: i64) -> Result<OneTime, ApiError>;
    /// Changes one's own password.
    async fn change_password(&self, cx: &Cx, current: String, password: String) -> Result<(), ApiError>;
    /// One's own tokens.
    async fn list_tokens(&self, cx: &Cx) -> Result<Vec<Token>, ApiError>;
    /// Makes a token for oneself.
    async fn create_token(&self, cx: &Cx, form: NewToken) -> Result<MadeToken, ApiError>;
    /// Ends one of one's own tokens.
    async fn revoke_token(&self, cx: &Cx, token_id: i64) -> Result<(), ApiError>;
    /// Tokens of an account; secadmin and auditor.
    async fn tokens_of(&self, cx: &Cx, user_id: i64) -> Result<Vec<Token>, ApiError>;
    /// Ends a token of an account.
    async fn revoke_token_of(&self, cx: &Cx, user_id: i64, token_id: i64) -> Result<(), ApiError>;
    /// Open sessions of an account, or one's own.
    async fn list_sessions(&self, cx: &Cx, user_id: Option<i64>) -> Result<Vec<OpenSession>, ApiError>;
    /// Ends a session, or all but the one that asks; answers how many.
    async fn end_sessions(&self, cx: &Cx, form: EndSessions) -> Result<i64, ApiError>;
}
