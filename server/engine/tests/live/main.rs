//! The whole journey on a real Harbor: back up, delete, plan, restore, pull and compare. Its projects have random names and are removed.
//!
//! `HARBOR_URL`, `HARBOR_USER` and `HARBOR_PASSWORD` name the Harbor; without them a line is printed and nothing is done. The garbage of that
//! Harbor is collected.

#![expect(clippy::unwrap_used, reason = "a helper that fails is a test that fails")]

mod accessories;
mod changes;
mod front;
mod harness;
mod imports;
mod journey;
mod lost;
mod plans;
mod settings;
mod staging;
mod taken;

#[path = "../suite/dry_run.rs"]
mod dry_run;
#[path = "../suite/push.rs"]
mod push;
#[path = "../suite/rich_settings.rs"]
mod rich_settings;
#[path = "../suite/strange.rs"]
mod strange;
