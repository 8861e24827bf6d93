//! Copies of snapshots in further vaults: which plan wants them where, the job that makes them, and which vault a snapshot is read from.
//!
//! A copy is the same snapshot under the same retention rule: what the plan lets go is let go in every vault. A snapshot is read from
//! the vault it was backed up to while that one answers, and from a copy when it does not.

mod job;
pub mod queries;
mod source;

pub use job::{copy_job, queue, settle};
pub use source::open_for;
