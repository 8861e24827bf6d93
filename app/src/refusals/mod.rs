//! Why calls are refused. Each noun has an enum of its own; here they are one, so that a call has one type of error.

pub mod general;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

pub use self::general::{General, Thing};
use crate::sentence::{Example, Said, Sentence};
use crate::text::Lang;
use crate::troubles::Trouble;
use crate::{accounts, harbors, jobs, plans, projects, restores, vaults};

/// One enum of these: its code says which, so no two of them have the same one.
macro_rules! one_of {
    ($( $variant:ident($type:ty) ),* $(,)?) => {
        /// Why a call is refused.
        #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
        #[serde(untagged)]
        pub enum Refusal {
            $( #[doc = concat!("Of ", stringify!($variant), ".")] $variant($type), )*
        }

        impl Sentence for Refusal {
            fn say(&self, lang: Lang) -> String {
                match self {
                    $( Self::$variant(refusal) => refusal.say(lang), )*
                }
            }
        }

        $(
            impl From<$type> for Said<Refusal> {
                fn from(refusal: $type) -> Self {
                    Self::Now(Refusal::$variant(refusal))
                }
            }
        )*

        #[cfg(test)]
        fn codes() -> Vec<String> {
            let mut all = Vec::new();
            $( all.extend(crate::sentence::codes::<$type>()); )*
            all
        }
    };
}

impl Example for Refusal {
    fn example(name: &str, turn: usize) -> Self {
        Self::General(General::example(name, turn))
    }
}

one_of! {
    General(General),
    Accounts(accounts::refusals::Refusal),
    Harbors(harbors::refusals::Refusal),
    Jobs(jobs::refusals::Refusal),
    Plans(plans::refusals::Refusal),
    Projects(projects::refusals::Refusal),
    Restores(restores::refusals::Refusal),
    Vaults(vaults::refusals::Refusal),
    Trouble(Trouble),
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn a_code_says_which_refusal_it_is() {
        let codes = codes();
        let mut seen = HashSet::new();
        let twice: Vec<&String> = codes.iter().filter(|code| !seen.insert(*code)).collect();
        assert!(twice.is_empty() && codes.len() > 150, "{twice:?}");
    }
}
