//! The 4096 parts of a vault, and how fast they are read.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use futures::StreamExt as _;
use vault::{Vault, VaultError};
use vocab::Digest;

/// Parts of a vault: by the first 12 bits of the digest.
pub const PARTS: i32 = 4_096;
/// Objects whose digests are in memory at once.
const OBJECTS_MAX: usize = 1_000_000;
/// A slow reader wakes at least so often, so that it can be stopped.
pub const NAP_MAX: Duration = Duration::from_secs(1);

/// The part an object is in.
pub fn part_of(digest: &Digest) -> i16 {
    let bytes = digest.as_bytes();
    (i16::from(bytes[0]) << 4) | i16::from(bytes[1] >> 4)
}

/// The first of `wanted` whose objects are few enough to be held in memory, at least one, and those objects in the order of the parts.
pub async fn objects(vault: &Vault, wanted: &[i16]) -> Result<(usize, Vec<Digest>), VaultError> {
    let order: HashMap<i16, usize> = wanted.iter().enumerate().map(|(at, part)| (*part, at)).collect();
    let mut taken = wanted.len();
    let mut found: Vec<(usize, Digest)> = Vec::new();
    let listing = vault.objects();
    futures::pin_mut!(listing);
    while let Some(object) = listing.next().await {
        let (digest, _) = object?;
        if let Some(at) = order.get(&part_of(&digest)).filter(|at| **at < taken) {
            found.push((*at, digest));
        }
        if found.len() >= OBJECTS_MAX && taken > 1 {
            taken = taken.div_ceil(2);
            found.retain(|(at, _)| *at < taken);
        }
    }
    found.sort_unstable();
    Ok((taken, found.into_iter().map(|(_, digest)| digest).collect()))
}

/// Spreads reading over time.
pub struct RateLimit {
    bytes_per_s: Option<u64>,
    free_at: Mutex<Instant>,
}

impl RateLimit {
    /// So many MiB per second; none = as fast as it goes.
    pub fn new(mib_per_s: Option<i64>) -> Self {
        let bytes_per_s = mib_per_s.and_then(|mib| u64::try_from(mib).ok()).map(|mib| mib.max(1) << 20);
        Self { bytes_per_s, free_at: Mutex::new(Instant::now()) }
    }

    /// How long to wait after `bytes` were read, for all readers together.
    pub fn after(&self, bytes: usize) -> Duration {
        let Some(rate) = self.bytes_per_s else { return Duration::ZERO };
        let mut free_at = self.free_at.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        // Time that went by unused is not made up for: that would be a burst.
        *free_at = (*free_at).max(now) + Duration::from_micros((bytes as u64).saturating_mul(1_000_000) / rate);
        free_at.duration_since(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_digest_is_in_one_of_the_parts() {
        let digest = |first: u8, second: u8| {
            let mut bytes = [0; 32];
            (bytes[0], bytes[1]) = (first, second);
            part_of(&Digest::from_bytes(&bytes).unwrap())
        };
        assert_eq!((digest(0, 0), digest(0, 0x10), digest(1, 0), digest(0xff, 0xff)), (0, 1, 16, 4_095));
    }

    #[test]
    fn readers_share_one_budget_and_idle_time_is_not_saved_up() {
        let rate = RateLimit::new(Some(1));
        let (first, second) = (rate.after(1 << 20), rate.after(1 << 20));
        assert!(first > Duration::from_millis(900) && second > Duration::from_millis(1_900), "{first:?} {second:?}");
        *rate.free_at.lock().unwrap() = Instant::now() - Duration::from_mins(1);
        assert!(rate.after(1 << 20) > Duration::from_millis(900));
        assert_eq!(RateLimit::new(None).after(1 << 40), Duration::ZERO);
    }
}
