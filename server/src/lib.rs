//! The backend of Breakwater: catalogue, control and console. The bytes are in the vault, which restores without any of this.
//!
//! Reading order: [`config`] and [`state`]; [`access`] (who may do what) and [`audit`] (who did); [`jobs`] (how work is done);
//! then the slices by noun, and [`http`], which puts them behind one router.
//!
//! Invariants: every state change writes its audit record in its own transaction; every route has a rule in [`access`];
//! no transaction is open while anything outside Postgres is waited for.

#![recursion_limit = "512"]

pub mod access;
pub mod accounts;
pub mod audit;
pub mod cli;
pub mod clock;
pub mod config;
pub mod copies;
pub mod crypto;
pub mod error;
pub mod events;
pub mod harbors;
pub mod home;
pub mod http;
pub mod idempotency;
pub mod jobs;
pub mod plans;
pub mod projects;
pub mod restores;
pub mod session;
pub mod state;
pub mod telemetry;
pub mod troubles;
pub mod turns;
pub mod vaults;

#[cfg(test)]
mod tests;

/// The schema, applied by `breakwater migrate` and at the start of `serve`, under Postgres's advisory lock.
pub static MIGRATOR: sqlx::migrate::Migrator = sqlx::migrate!("../migrations");

/// Version of the program.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
