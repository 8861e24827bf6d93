//! The engine against the simulator and a vault on disk.

mod backup;
mod faults;
mod harness;
mod push;
mod resume;
mod restore;
