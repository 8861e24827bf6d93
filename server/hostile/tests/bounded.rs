//! Some thousands of hostile inputs for every reader; `/fuzz` goes on from here.

use hostile::{Mutator, TARGETS, Target, corpus};

/// Another seed tries other inputs; the same one the same.
const SEED: u64 = 7;

fn seed() -> u64 {
    std::env::var("HOSTILE_SEED").ok().and_then(|text| text.parse().ok()).unwrap_or(SEED)
}

/// Inputs as they were found or recorded, then changed ones. A failing one is printed so that it can be kept.
fn bounded(name: &str) {
    let target: Target = TARGETS.into_iter().find(|target| target.name == name).expect("a target");
    let known = corpus(name);
    assert!(!known.is_empty());
    let changed = Mutator::new(seed(), known.clone()).take(target.bounded as usize);
    for (number, bytes) in known.into_iter().chain(changed).enumerate() {
        let outcome = std::panic::catch_unwind(|| (target.run)(&bytes));
        assert!(outcome.is_ok(), "{name}, seed {}, input {number}: {}", seed(), bytes.escape_ascii());
    }
}

macro_rules! bounded {
    ($($name:ident),*) => {
        $(#[test]
        fn $name() {
            bounded(stringify!($name));
        })*

        #[test]
        fn every_target_is_run_here() {
            assert_eq!(TARGETS.map(|target| target.name), [$(stringify!($name)),*]);
        }
    };
}

bounded!(manifest, names, pasted, headers, indexes, records, answers, layout, archive);
