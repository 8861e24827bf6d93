//! Restore requests: a draft with its effect plan, votes bound to the plan's hash, and the job that executes exactly it.
//!
//! Invariants: nobody votes on their own request; a vote counts for one hash only; before the first write the plan is made again and a
//! different effect voids the votes; before every write the votes are checked again (I-17).

mod change;
mod csv;
mod draft;
mod execute;
mod facts;
mod form;
mod lines;
mod list;
mod name;
pub mod policy;
pub mod queries;
mod repeat;
pub mod rows;
mod told;
mod undo;
pub mod view;
mod vote;

pub use change::get_change;
pub use csv::{csv, json};
pub use draft::{draft_page, get_draft, number_of_draft, preview, submit, sweep_drafts};
pub use execute::{restore_job, settle_request};
pub use lines::{all_lines, list_lines};
pub use list::{approvals, get, list, newest, page};
pub use repeat::retry;
pub use rows::{SIGHT_VALUES, Sight, waiting_text};
pub use undo::undo;
pub use vote::{cancel, cast, expire_due, withdraw};
