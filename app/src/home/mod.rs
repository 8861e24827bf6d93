//! See [`types`] for the words and `port` for what the backend answers.

pub mod calls;
pub mod concerns;
pub mod home_page;
pub mod sentence;
pub mod types;
