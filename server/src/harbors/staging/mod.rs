//! Reading images that a policy blocks through a staging project, where an operator allows it for a harbor (harbor.md §5).
//!
//! [`switch`] turns it on and off, [`tidy`] looks into the project and removes what is left there, [`usage`] is how a run uses it. The project's
//! name is written down before the project is made and forgotten after it is gone. Its login may do nothing elsewhere but look artifacts up;
//! that is checked before it is switched on and at each test of the connection.

mod checks;
pub mod queries;
mod switch;
mod tidy;
mod usage;

pub use checks::{replicated, rows};
pub use switch::{Way, made_by_hand, set, set_as, switch_off, switch_on};
pub use tidy::tidy;
pub use usage::{Use, settle};
