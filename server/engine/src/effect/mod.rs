//! The effect plan: what a restore would do to a registry, item by item, as a value with a SHA-256.
//!
//! It is made against the live target ([`plan`]) and read by people; votes bind to [`EffectPlan::hash`]. The hash covers the effect
//! only: estimates, warnings and times stay outside, so it changes exactly when something else would happen.

mod about;
mod blocks;
mod context;
mod desired;
mod estimate;
mod left;
mod link;
mod live;
mod lost;
mod model;
mod order;
mod outlook;
mod planner;
mod retention;
mod risk;
mod stored;
#[cfg(test)]
mod tests;
mod undo;
mod warn;
mod warning;

pub(crate) use self::blocks::Pattern;

pub use self::context::{PlanContext, PlanError};
pub use self::left::delete_call;
pub use self::model::{
    AccessoryOf, BY_NAME, BlockReason, Counts, EFFECT_VERSION, Effect, EffectItem, EffectPlan, Estimate, Link, OnConflict, Policy,
    SkipReason, Source,
};
pub use self::planner::plan;
pub use self::risk::TAGS_OF_ONE_REQUEST_MAX;
pub use self::undo::{NEVER_CAPTURED, Undone, Written, undo};
pub use self::warning::{Lacking, Unclear, Warning, When, stored_warnings};
