//! Browser sessions: who is signed in, for how long, and how that ends (reliability.md §4.3, §4.4).

mod agent;
pub mod caller;
mod ended;
pub mod keys;
mod open;
mod ops;
pub mod shell;
pub mod store;
pub mod throttle;
pub mod zone;

pub use agent::Agent;
pub use ended::{account_that_had, cookie_name, keep_ended_cookie};
pub use open::{end_sessions, list_sessions};
pub(crate) use ops::cookie_of;
pub use ops::{begin_bootstrap, bootstrap_open, set_display, set_flash, set_up, sign_in, sign_out, step_up};
