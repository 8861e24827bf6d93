//! See [`types`] for the words and `port` for what the backend answers.

pub mod bucket;
pub mod calls;
pub mod capacity;
pub mod disaster;
pub mod findings;
pub mod form_page;
pub mod list_page;
pub mod lock;
pub mod refusals;
pub mod scrub;
pub mod sentences;
pub mod sweeps;
pub mod types;
pub mod vault_page;
