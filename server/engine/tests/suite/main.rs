//! The engine against the simulator and a vault on disk.

#![expect(clippy::unwrap_used, reason = "a helper that fails is a test that fails")]

mod backup;
mod faults;
mod harness;
mod push;
mod resume;
mod restore;
