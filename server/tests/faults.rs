//! Faults against the whole program: `serve` and `worker` as processes of their own, a Postgres cluster made for the test with fsync on,
//! and a small Harbor inside the test, which counts requests and holds them where a test wants to strike.
//!
//! Each case proves that its fault fired, at the moment it was meant for: a process that ended by signal 9 while its job was running, a
//! database that refused, a disk that was full. Each ends with `breakwater doctor --strict`. Time is waited for by conditions only.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on shall panic, in helpers too")]

#[path = "faults/backup_kills.rs"]
mod backup_kills;
#[path = "faults/broken_off.rs"]
mod broken_off;
#[path = "faults/clocks.rs"]
mod clocks;
#[path = "faults/cluster.rs"]
mod cluster;
#[path = "faults/database.rs"]
mod database;
#[path = "faults/disaster.rs"]
mod disaster;
#[path = "faults/few_files.rs"]
mod few_files;
#[path = "faults/full_disk.rs"]
mod full_disk;
#[path = "faults/lost_commit.rs"]
mod lost_commit;
#[path = "faults/paused.rs"]
mod paused;
#[path = "faults/people.rs"]
mod people;
#[path = "faults/process.rs"]
mod process;
#[path = "faults/registry.rs"]
mod registry;
#[path = "faults/restore_kills.rs"]
mod restore_kills;
#[path = "faults/sealed.rs"]
mod sealed;
#[path = "faults/serve_kills.rs"]
mod serve_kills;
#[path = "faults/two_starts.rs"]
mod two_starts;
#[path = "faults/upgrade.rs"]
mod upgrade;
#[path = "faults/wire.rs"]
mod wire;
#[path = "faults/world.rs"]
mod world;
