//! Group commit of directory entries: one fsync of `blobs/sha256` makes every name durable that was renamed before it began.
//!
//! Invariant: a put returns `Ok` only after an fsync that *started* after its rename has succeeded. When such an fsync
//! fails, the kernel may drop the error and let the next fsync succeed although the names are lost ("fsyncgate"), so the
//! names concerned are remembered as unsure until they have been written again.

use std::collections::HashSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use vocab::Digest;

use super::{OBJECTS, Shared};
use crate::error::StoreError;
use crate::store::blocking;

/// Names on their way to the disk.
#[derive(Debug, Default)]
pub(super) struct Names {
    /// The ticket given out last.
    ticket: AtomicU64,
    /// Outcome of the fsyncs so far; its lock makes one caller the leader and the others wait for it.
    outcome: Arc<tokio::sync::Mutex<Outcome>>,
    /// Renamed since the last fsync began.
    pending: Mutex<HashSet<Digest>>,
    /// Renamed, but the fsync failed.
    unsure: Mutex<HashSet<Digest>>,
}

#[derive(Debug, Default)]
struct Outcome {
    /// Tickets up to here are settled.
    settled: u64,
    /// Tickets up to here, and above `failed_after`, were settled by an fsync that failed.
    failed_upto: u64,
    failed_after: u64,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // A panic between two changes of a set of names leaves it usable.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Names {
    /// Notes a name right after its rename.
    pub(super) fn renamed(&self, digest: Digest) {
        lock(&self.pending).insert(digest);
    }

    /// Whether the name may vanish in a power cut because an fsync failed.
    pub(super) fn is_unsure(&self, digest: &Digest) -> bool {
        lock(&self.unsure).contains(digest)
    }

    /// Returns once every rename made before the call is durable.
    pub(super) async fn make_durable(&self, shared: &Arc<Shared>) -> Result<(), StoreError> {
        let mine = self.ticket.fetch_add(1, Ordering::SeqCst) + 1;
        let mut outcome = self.outcome.clone().lock_owned().await;
        if outcome.settled >= mine {
            let failed = mine <= outcome.failed_upto && mine > outcome.failed_after;
            return if failed { Err(shared.error("fsync", OBJECTS, std::io::Error::other("a shared fsync failed"))) } else { Ok(()) };
        }
        let shared = shared.clone();
        // The lock goes along, so the outcome is recorded even if this future is dropped meanwhile.
        blocking(move || {
            let upto = shared.names.ticket.load(Ordering::SeqCst);
            let names: HashSet<Digest> = std::mem::take(&mut *lock(&shared.names.pending));
            let result = rustix::fs::fsync(&shared.objects);
            if result.is_ok() {
                lock(&shared.names.unsure).retain(|name| !names.contains(name));
            } else {
                lock(&shared.names.unsure).extend(names);
                outcome.failed_after = outcome.settled;
                outcome.failed_upto = upto;
            }
            outcome.settled = upto;
            result.map_err(|e| shared.error("fsync", OBJECTS, e))
        })
        .await
    }
}
