//! The algorithms of Breakwater: backup, effect plan, restore and verification.
//!
//! Values go in and values come out: a [`backup::SnapshotOutcome`], an [`effect::EffectPlan`], a [`report::Report`], a list of
//! [`finding::Finding`]s. Everything can be printed, compared and tested. The engine knows a registry client and a vault; it knows no SQL,
//! no HTTP server and no clock but the one it stamps snapshots with.
//!
//! Who runs it says through [`Control`] and [`Gate`] whether it may go on, and hears through [`Progress`] how far it is.
//!
//! Invariants (reliability.md §2): a listing counts only between two proofs of login; what could not be read is a named gap, never an
//! absence (I-9); the pointer is the last write of a backup (I-1, I-2); nothing is written to a registry without asking the gate first
//! (I-17, I-18); a tag moves last, after its manifest was read back by digest, and what it pointed to is told to the gate before (I-16);
//! a restore can be run twice or again after a crash with the same end state (I-19).

pub mod backup;
mod content;
pub mod control;
pub mod copy;
pub mod effect;
pub mod finding;
mod hold;
pub mod import;
pub mod planned;
pub mod report;
pub mod restore;
pub mod retention;
pub mod select;
mod served;
mod source;
pub mod stop;
pub mod survey;
pub mod verify;

pub use control::{Control, Event, Gate, ItemOutcome, Level, Progress, Silent, TagIntent};
pub use stop::Stop;
