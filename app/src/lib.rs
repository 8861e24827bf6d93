//! What browser and server share: types, views, the calls and the ports the calls go through.
//!
//! Invariants: no SQL, no tokio, no axum in the browser's tree; `cfg(feature` stands once, below.

pub mod accounts;
pub mod audit;
pub mod error;
pub mod harbors;
pub mod home;
pub mod jobs;
pub mod plans;
#[cfg(feature = "ssr")]
pub mod ports;
pub mod projects;
pub mod restores;
pub mod session;
pub mod text;
pub mod units;
pub mod vaults;
