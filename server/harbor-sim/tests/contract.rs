//! The contract: one set of checks over raw HTTP, run against the simulator by default and against any real Harbor with
//! `HARBOR_URL`, `HARBOR_USER` and `HARBOR_PASSWORD` (an administrator). `HARBOR_GC=1` allows it to collect garbage there,
//! `HARBOR_STORAGE` (the root of a registry that keeps files) to damage what it pushed.
//!
//! It makes projects of its own with a random prefix and removes them, also on failure.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on shall panic, in helpers too")]

#[path = "contract/access.rs"]
mod access;
#[path = "contract/damage.rs"]
mod damage;
#[path = "contract/deleting.rs"]
mod deleting;
#[path = "contract/harness.rs"]
mod harness;
#[path = "contract/listing.rs"]
mod listing;
#[path = "contract/policies.rs"]
mod policies;
#[path = "contract/pushing.rs"]
mod pushing;
#[path = "contract/retention.rs"]
mod retention;
#[path = "contract/settings.rs"]
mod settings;
