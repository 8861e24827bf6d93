//! See [`types`] for the words and `port` for what the backend answers.

pub mod calls;
pub mod display;
mod lone;
pub mod set_up_page;
pub mod sign_in_page;
pub mod types;
