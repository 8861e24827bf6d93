//! Random work against a model: pushes, backups, restores, copies, sweeps, damage and faults in any order, for as long as one likes.
//!
//! The seed decides which action comes and with which trouble; it is printed at the start and with a failure, and gives the same actions
//! again (how the tasks inside one action take turns is the runtime's choice). `SOAK_SEED`, `SOAK_ACTIONS` and `SOAK_SECONDS` set it, how
//! many actions there are, and for how long (`make soak`).
//!
//! After each action: every pointer in the vault is one the model expects. After some, and at the end, the oracle: every snapshot
//! verifies, byte by byte, against the model (I-1), nothing needed was swept (I-10), and a snapshot without a gap lacks nothing (I-9).

mod actions;
mod damage;
mod harbor;
mod model;
mod oracle;
mod transfer;
mod trouble;
mod world;

use std::time::{Duration, Instant};

use rand::SeedableRng;
use rand::rngs::StdRng;

use trouble::KINDS;
use world::World;

/// Actions of a run that is not told how many.
const ACTIONS: u64 = 1_000;
/// With at least so many, every kind of trouble and of action must have come.
const ACTIONS_FOR_ALL: u64 = 1_000;
/// The seed of a run that is not told another.
const SEED: u64 = 20_260_901;
/// The oracle runs after so many actions.
const ORACLE_EVERY: u64 = 25;

fn from_environment(name: &str) -> Option<u64> {
    std::env::var(name).ok().filter(|text| !text.is_empty()).map(|text| text.parse().unwrap())
}

#[tokio::test]
async fn random_work_with_random_trouble_never_breaks_a_promise() {
    let seed = from_environment("SOAK_SEED").unwrap_or(SEED);
    let time = from_environment("SOAK_SECONDS").map(Duration::from_secs);
    let actions = from_environment("SOAK_ACTIONS").unwrap_or(if time.is_some() { u64::MAX } else { ACTIONS });
    println!("soak: SOAK_SEED={seed}");
    let began = Instant::now();
    let mut world = World::new(seed).await;
    let mut done = 0;
    while done < actions && time.is_none_or(|time| began.elapsed() < time) {
        done += 1;
        // Of its own for each action: what one of them draws does not decide what comes next.
        let mut rng = StdRng::seed_from_u64(seed.wrapping_add(done.wrapping_mul(0x9E37_79B9_7F4A_7C15)));
        let action = actions::choose(&mut rng);
        world.log.begin(done, action);
        actions::act(&mut world, action, &mut rng).await;
        oracle::cheap(&mut world).await;
        if done % ORACLE_EVERY == 0 {
            oracle::thorough(&mut world).await;
        }
    }
    oracle::thorough(&mut world).await;
    oracle::settled(&mut world).await;
    println!("soak: {done} actions, {} snapshots kept, {:?}", world.snaps.len(), world.count);
    if done >= ACTIONS_FOR_ALL {
        let all = KINDS.into_iter().chain(actions::ACTIONS.map(|(name, _)| name)).chain(world::EVENTS);
        let never: Vec<&str> = all.filter(|kind| !world.count.contains_key(*kind)).collect();
        assert!(never.is_empty(), "{never:?} never came: raise the number of actions, or mend the test");
    }
}
