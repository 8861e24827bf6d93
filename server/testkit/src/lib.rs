//! Helpers for tests and benchmarks: a faulty proxy, an image builder, a plain distribution registry, a sink that tells on leaked secrets.
//!
//! Depends on none of the crates it helps to test except `vocab`, so that `registry`, `engine` and the server can all use it. Everything listens on loopback at a port
//! the system chose, and ends when its handle is dropped.

pub mod distribution;
pub mod images;
pub mod proxy;
pub mod s3;
pub mod sink;
pub mod stranger;
mod wire;

pub use distribution::{Distribution, Login, Unavailable};
pub use images::{Image, ImageBuilder};
pub use proxy::{Act, Counts, Fault, Nth, Proxy, Rule, Seen};
pub use s3::{NoS3, S3Server};
pub use sink::Sink;
pub use stranger::{Listed, Said};
