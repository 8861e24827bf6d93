//! The console: what its pages are about, how they look, and what they ask the backend.
//!
//! Everything is drawn on the server; in the browser run a few scripts of ours (`script/`), without which every page works too.
//! Reading order: [`pages`] is the table of addresses, [`render`] makes a page of one; then a folder per noun with `types` (words), `port`
//! (what the backend answers), `calls` (what pages ask and what forms are posted to) and its pages; [`ui`] is what pages are made of.
//! Invariants: no SQL, no tokio and no axum here; what a page shows it was given by the backend, which alone decides who may see it.

pub mod accounts;
pub mod address;
pub mod audit;
pub mod error;
pub mod harbors;
pub mod home;
pub mod jobs;
pub mod pages;
pub mod plans;
pub mod ports;
pub mod projects;
pub mod refusals;
pub mod render;
pub mod restores;
pub mod sentence;
pub mod session;
pub mod text;
pub mod troubles;
pub mod ui;
pub mod units;
pub mod vaults;
pub mod zone;
