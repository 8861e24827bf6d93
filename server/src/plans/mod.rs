//! Plans: what to back up, when and where to; their runs.

mod backup;
pub mod confirmed;
mod discovery;
mod due;
pub mod imported;
pub mod left;
mod ops;
pub mod queries;
pub mod retention;
mod runs;
pub mod schedule;
mod scope;
mod set_back;
mod told;
mod unchanged;
mod view;

pub use backup::{Observer, backup_job, stop_of};
pub use due::queue_due;
pub use ops::{delete, form, get, list, of_listed, page, pause, preview, resume, save};
pub use runs::{list_runs, queue_project, reopen_run, run_now, settle_run};
pub use scope::{Scope, Scopes};
pub use view::day_names;
