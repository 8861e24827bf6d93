//! A small Harbor: the part of API v2.0 and of `/v2` that Breakwater uses, for `breakwater demo` and for tests.
//!
//! Its measure are the exchanges recorded from live Harbors: same status, same error code, same shape of body, same
//! headers a client depends on (`tests/recorded.rs`), and one contract suite that runs against it and against any real
//! Harbor (`tests/contract.rs`). Where simulator and recording differ, the simulator is wrong. It shares no code with the
//! client, so that the two cannot agree on a mistake.
//!
//! ```no_run
//! # async fn example() -> Result<(), harbor_sim::SimError> {
//! let harbor = harbor_sim::start(harbor_sim::Config::default()).await?;
//! println!("{}", harbor.url());
//! harbor.stop().await
//! # }
//! ```

mod api;
mod app;
mod arrange;
mod clock;
mod control;
mod identity;
pub mod images;
mod model;
mod permission;
mod persist;
mod query;
mod reply;
mod running;
pub mod seed;
mod server;
mod store;
mod v2;
mod world;

pub use app::{Account, Config, Seed, Version};
pub use arrange::Dump;
pub use control::{Action, Class, Control, Fault, Gate, Match, Nth, Seen};
pub use model::Severity;
pub use running::{Running, SimError, start};
