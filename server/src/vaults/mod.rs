//! Vaults as rows: where they are, what is in them, what verification found.

mod ops;
pub mod queries;
mod verify;

pub use ops::{count_out, create, findings, get, list, open, start_verify};
pub use verify::verify_job;
