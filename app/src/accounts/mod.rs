//! See [`types`] for the words and `port` for what the backend answers.

pub mod calls;
pub mod exclusion;
pub mod me_page;
pub mod new_user_page;
pub mod refusals;
pub mod sessions;
pub mod tokens;
pub mod types;
pub mod user_page;
pub mod users_page;
pub mod words;
