//! Vaults as rows: where they are, what is in them, what verification found, what sweeps freed.

pub mod bucket;
pub mod capacity;
mod heal;
pub mod health;
pub mod lock;
mod ops;
mod partitions;
pub mod queries;
pub mod rebuild;
pub mod reconcile;
pub mod sweep;
pub(crate) mod told;
mod verify;

pub use ops::{
    create, findings, get, list, now, open, open_to_write, page, queue_heal, queue_scrubs, register, set_open, set_scrub, start_verify,
};
pub use verify::{Scope, verify_job};
