//! See [`types`] for the words and `port` for what the backend answers.

pub mod basis;
pub mod calls;
pub mod copies;
pub mod delete_page;
pub mod form_page;
pub mod imported;
pub mod imported_page;
pub mod left;
pub mod left_page;
pub mod list_page;
pub mod plan_page;
pub mod preview;
pub mod refusals;
pub mod retention;
pub mod runs;
pub mod sentences;
pub mod types;
pub mod words;
