//! How large a body passes what stands before the registry: a reverse proxy, a load balancer, a CDN.
//!
//! Harbor itself takes blobs of any size; nginx, as it comes, refuses bodies above 1 MiB, and others above theirs. What was refused once is not tried
//! again: the largest body that may still be sent is kept here, and whoever makes clients hands the same one to all clients of a registry.

use std::sync::{Arc, Mutex, PoisonError};

/// Largest piece of an upload, in bytes: above it fewer requests save nothing.
pub(crate) const PIECE_BYTES_MAX: u64 = 16 * 1024 * 1024;
/// Smallest piece tried, in bytes. What refuses this lets no registry through.
pub(crate) const PIECE_BYTES_MIN: u64 = 64 * 1024;

/// Largest request body that may be sent, shared by all clones; none = no limit was met.
#[derive(Clone, Debug, Default)]
pub struct BodyCap(Arc<Mutex<Option<u64>>>);

impl BodyCap {
    /// What was learnt earlier, in bytes.
    #[must_use]
    pub fn of(bytes_max: Option<u64>) -> Self {
        let cap = Self::default();
        cap.set(bytes_max);
        cap
    }

    /// Largest body that may be sent, in bytes.
    #[must_use]
    pub fn bytes_max(&self) -> Option<u64> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Replaces what is known.
    pub fn set(&self, bytes_max: Option<u64>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = bytes_max.map(|bytes| bytes.max(PIECE_BYTES_MIN));
    }

    /// A body of `bytes` was refused: halves what is sent from now on. `None` when nothing smaller is worth a try. Many who were refused
    /// the same size halve it once.
    pub(crate) fn refused(&self, bytes: u64) -> Option<u64> {
        let smaller = smaller(bytes)?;
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let now = held.map_or(smaller, |known| known.min(smaller));
        *held = Some(now);
        Some(now)
    }
}

/// The size to try after a body of `bytes` did not pass: the next lower power of two, as limits are usually set to one.
pub(crate) fn smaller(bytes: u64) -> Option<u64> {
    if bytes <= PIECE_BYTES_MIN {
        return None;
    }
    let half = 1_u64 << (bytes - 1).ilog2();
    Some(half.clamp(PIECE_BYTES_MIN, PIECE_BYTES_MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_size_is_halved_down_to_the_smallest_piece_and_no_further() {
        let mut sizes = vec![];
        let mut bytes = 6 * 1024 * 1024;
        while let Some(next) = smaller(bytes) {
            assert!(next < bytes);
            sizes.push(next >> 10);
            bytes = next;
        }
        assert_eq!(sizes, [4096, 2048, 1024, 512, 256, 128, 64]);
        assert_eq!(smaller(u64::MAX), Some(PIECE_BYTES_MAX));
        assert_eq!(smaller(PIECE_BYTES_MIN + 1), Some(PIECE_BYTES_MIN));
        assert_eq!(smaller(PIECE_BYTES_MIN), None);
        assert_eq!(smaller(0), None);
    }

    #[test]
    fn what_one_client_learns_its_sisters_know_and_the_same_refusal_counts_once() {
        let cap = BodyCap::default();
        let sister = cap.clone();
        assert_eq!(sister.bytes_max(), None);
        let mib = 1024 * 1024;
        assert_eq!(cap.refused(8 * mib), Some(4 * mib));
        assert_eq!(sister.refused(8 * mib), Some(4 * mib), "refused at the same time");
        assert_eq!(sister.refused(2 * mib), Some(mib));
        assert_eq!(cap.bytes_max(), Some(mib));
        assert_eq!(cap.refused(8 * mib), Some(mib), "an old refusal does not raise it");
        assert_eq!(BodyCap::of(Some(0)).bytes_max(), Some(PIECE_BYTES_MIN));
    }
}
