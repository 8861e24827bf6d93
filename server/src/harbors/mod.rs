//! Registered harbors: addresses, logins, what they can do, and the projects they list.

mod bandwidth;
mod clients;
mod inventory;
mod logins;
mod ops;
pub mod queries;
mod robots;
pub mod staging;
pub(crate) mod told;

pub use clients::{Access, client};
pub use inventory::{inventory_job, keep_listing, list_projects_now, look_at_projects, queue_inventories, refresh_projects};
pub use logins::renew as renew_logins;
pub use ops::{by_scopes, change, check, create, get, last_check, list, of_views, register, registered_as, remove, try_connection};
