//! What the audit history says: an enum per noun, here as one. A record is hashed over code and fields; its sentence is made from them in the
//! language of whoever reads it.

mod accounts;
mod harbors;
mod plans;
mod projects;
mod restores;
mod system;
mod vaults;

pub use self::accounts::{AccountEvent, Alone};
pub use self::harbors::HarborEvent;
pub use self::plans::{LeftRule, PlanEvent};
pub use self::projects::ProjectEvent;
pub use self::restores::RestoreEvent;
pub use self::system::SystemEvent;
pub use self::vaults::{Swept, VaultEvent, swept};
use crate::sentence::one_of;

one_of! {
    /// Something that happened.
    pub enum Event {
        /// Of accounts, sessions and tokens.
        Account(AccountEvent),
        /// Of harbors.
        Harbor(HarborEvent),
        /// Of plans and their runs.
        Plan(PlanEvent),
        /// Of projects and their snapshots.
        Project(ProjectEvent),
        /// Of restores.
        Restore(RestoreEvent),
        /// Of vaults.
        Vault(VaultEvent),
        /// Of the rest.
        System(SystemEvent),
    }
}

#[cfg(test)]
mod tests {
    use super::Event;

    #[test]
    fn a_code_says_which_event_it_is() {
        let mut codes = Event::codes();
        let all = codes.len();
        codes.sort();
        codes.dedup();
        assert!(codes.len() == all && all > 80, "{all} codes, {} of them different", codes.len());
    }
}
