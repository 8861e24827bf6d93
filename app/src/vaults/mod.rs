//! See [`types`] for the words and `port` for what the backend answers.

pub mod calls;
pub mod types;
