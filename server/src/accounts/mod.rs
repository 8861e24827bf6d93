//! People, their duties and roles, passwords and API tokens.

mod load;
mod ops;
pub mod password;
mod queries;
mod seal;
mod token_queries;
mod tokens;

pub use load::{caller_of_account, caller_of_token, caller_of_token_id, read};
pub use ops::{
    admin_create, change_password, change_roles, create_user, get_user, in_conflict, list_users, prove, reset_password, set_disabled,
};
pub use queries::{ACTIVE, Active, Credentials, RIGHTS, any_account, credentials, login_of, renew_hash, votes};
pub use tokens::{
    create_token, create_token_for, list_tokens, revoke_at_command_line, revoke_token, revoke_token_of, tokens_at_command_line, tokens_of,
};
