//! What can go wrong during one piece of work, chosen at random, and whether it did.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use harbor_sim::{Action, Match, Nth, Running};
use rand::Rng;
use rand::rngs::StdRng;
use vault::conformance::{Fault, FaultyStore, Operation};

/// Most calls or requests passed before a fault fires: about as many as one backup of the model makes.
const CALLS_MAX: u64 = 120;
/// Most polls before a piece of work is dropped.
const POLLS_MAX: u32 = 400;

/// One kind of trouble.
#[derive(Debug, Clone)]
pub enum Trouble {
    None,
    Store(Fault, u64),
    /// Of one operation: writes that create a record (holds and pointers), or the moves of a sweep.
    Of(Operation, Fault, u64),
    /// Requests whose path holds the text.
    Registry(&'static str, Action, &'static str, Nth),
    /// Dropped at that poll.
    Drop(u32),
}

/// Every kind, by the name it is counted under.
pub const KINDS: [&str; 13] = [
    "store: error before",
    "store: error after",
    "store: no space",
    "store: short read",
    "store: flipped bit",
    "registry: 500",
    "registry: 404",
    "registry: 401",
    "registry: 429",
    "registry: reset",
    "registry: truncated",
    "registry: wrong bytes",
    "dropped",
];

/// How a piece of work ended: `None` if it was dropped.
pub struct Ended<T> {
    pub outcome: Option<T>,
    /// The kind that fired.
    pub fired: Option<&'static str>,
}

fn status(code: u16, word: &str) -> Action {
    Action::Status(code, word.to_owned(), "ordered by a test".to_owned())
}

impl Trouble {
    /// In about half of the cases something.
    pub fn any(rng: &mut StdRng, registry: bool) -> Self {
        // Small numbers are met more often than large ones.
        let most = rng.random_range(1..=CALLS_MAX);
        let nth = rng.random_range(1..=most);
        match rng.random_range(0..26) {
            0 | 1 => Self::Store(Fault::Before, nth),
            2 | 3 => Self::Store(Fault::After, nth),
            4 => Self::Store(Fault::NoSpace, nth.div_ceil(4)),
            5 => Self::Store(Fault::ShortRead, nth.div_ceil(4)),
            6 => Self::Store(Fault::FlippedBit, nth.div_ceil(4)),
            7..=9 => {
                let most = rng.random_range(1..=POLLS_MAX);
                Self::Drop(rng.random_range(1..=most))
            }
            10 => Self::Of(Operation::Create, Fault::Before, rng.random_range(1..3)),
            11 => Self::Of(Operation::Create, Fault::After, rng.random_range(1..3)),
            12..=18 if registry => {
                let nth = nth.div_ceil(8);
                // A few in a row pass by the client's repeats.
                let nth = if rng.random_bool(0.5) { Nth::Only(nth) } else { Nth::From(nth) };
                let path = ["", "", "/blobs/", "/manifests/"][rng.random_range(0..4)];
                let (kind, action) = match rng.random_range(0..7) {
                    0 => ("registry: 500", status(500, "UNKNOWN")),
                    1 => ("registry: 404", status(404, "NOT_FOUND")),
                    2 => ("registry: 401", status(401, "UNAUTHORIZED")),
                    3 => ("registry: 429", Action::RetryAfter(429, 0)),
                    4 => ("registry: reset", Action::Reset),
                    5 => ("registry: truncated", Action::Truncate(rng.random_range(0..200))),
                    _ => ("registry: wrong bytes", Action::WrongBytes),
                };
                Self::Registry(kind, action, path, nth)
            }
            _ => Self::None,
        }
    }

    /// What can go wrong with a sweep: in a part of the cases it breaks off while it moves.
    pub fn of_sweep(rng: &mut StdRng) -> Self {
        let other = Self::any(rng, false);
        if rng.random_bool(0.2) { Self::Of(Operation::Rename, Fault::Before, rng.random_range(2..5)) } else { other }
    }

    pub fn is_none(&self) -> bool {
        matches!(self, Self::None)
    }

    /// Does the work with this trouble, and ends the trouble.
    pub async fn during<T>(self, store: &Arc<FaultyStore>, sim: &Running, work: impl Future<Output = T>) -> Ended<T> {
        match self {
            Self::None => Ended { outcome: Some(work.await), fired: None },
            Self::Store(fault, nth) | Self::Of(_, fault, nth) => {
                match self {
                    Self::Of(only, ..) => store.fail_nth_of(only, nth, fault),
                    _ => store.fail_nth(nth, fault),
                }
                let outcome = Some(work.await);
                let fired = (store.fired() > 0).then_some(match fault {
                    Fault::Before => KINDS[0],
                    Fault::After => KINDS[1],
                    Fault::NoSpace => KINDS[2],
                    Fault::ShortRead => KINDS[3],
                    _ => KINDS[4],
                });
                store.heal();
                Ended { outcome, fired }
            }
            Self::Registry(kind, action, path, nth) => {
                let fault = sim.control().fail(Match::path(path).nth(nth), action);
                let outcome = Some(work.await);
                sim.control().clear_faults();
                Ended { outcome, fired: (fault.fired() > 0).then_some(kind) }
            }
            Self::Drop(polls) => {
                let outcome = dropped_after(polls, work).await;
                let fired = outcome.is_none().then_some(KINDS[12]);
                Ended { outcome, fired }
            }
        }
    }
}

/// Polls so many times; then lets the work go as a cancelled task does.
async fn dropped_after<T>(polls: u32, work: impl Future<Output = T>) -> Option<T> {
    let mut work = pin!(work);
    let mut left = polls;
    std::future::poll_fn(|cx| {
        if let Poll::Ready(outcome) = work.as_mut().poll(cx) {
            return Poll::Ready(Some(outcome));
        }
        left = left.saturating_sub(1);
        if left == 0 { Poll::Ready(None) } else { Poll::Pending }
    })
    .await
}
