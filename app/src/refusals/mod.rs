//! Why calls are refused. Each noun has an enum of its own; here they are one, so that a call has one type of error.

pub mod general;

pub use self::general::{General, Thing};
use crate::sentence::{Example, one_of};
use crate::troubles::Trouble;
use crate::{accounts, harbors, jobs, plans, projects, restores, vaults};

impl Example for Refusal {
    fn example(name: &str, turn: usize) -> Self {
        Self::General(General::example(name, turn))
    }
}

one_of! {
    /// Why a call is refused.
    pub enum Refusal {
        /// Of whatever.
        General(General),
        /// Of accounts.
        Accounts(accounts::refusals::Refusal),
        /// Of harbors.
        Harbors(harbors::refusals::Refusal),
        /// Of jobs.
        Jobs(jobs::refusals::Refusal),
        /// Of plans.
        Plans(plans::refusals::Refusal),
        /// Of projects.
        Projects(projects::refusals::Refusal),
        /// Of restores.
        Restores(restores::refusals::Refusal),
        /// Of vaults.
        Vaults(vaults::refusals::Refusal),
        /// Trouble outside.
        Trouble(Trouble),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn a_code_says_which_refusal_it_is() {
        let codes = Refusal::codes();
        let mut seen = HashSet::new();
        let twice: Vec<&String> = codes.iter().filter(|code| !seen.insert(*code)).collect();
        assert!(twice.is_empty() && codes.len() > 150, "{twice:?}");
    }
}
