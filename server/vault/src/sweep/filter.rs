//! A set of digests that may say yes to one it does not hold, and never no to one it holds.
//!
//! A Bloom filter that grows by segments, each twice as large as the one before up to a limit: about two bytes for a digest, whatever its
//! number of references. It is keyed by chance when it is made, so nobody can choose digests that it takes for others, and what one
//! filter takes for another's the next one does not.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;

use vocab::Digest;

use super::mark::Reached;

/// Digests the first segment is made for.
const FIRST_SEGMENT: usize = 1 << 14;
/// Digests the largest segments are made for.
const SEGMENT_MAX: usize = 1 << 22;
/// Bits for each digest.
const BITS_EACH: usize = 16;
/// Bits looked at for each digest. A full segment then takes one digest in 1,700 for one it holds.
const PROBES: u64 = 8;

/// The filter.
#[derive(Debug, Default)]
pub(super) struct Filter {
    keys: (RandomState, RandomState),
    segments: Vec<Segment>,
}

#[derive(Debug)]
struct Segment {
    words: Vec<u64>,
    /// How many more digests it is made for.
    left: usize,
}

impl Segment {
    fn new(capacity: usize) -> Self {
        Self { words: vec![0; capacity * BITS_EACH / 64], left: capacity }
    }

    /// Word and bit of each probe. The number of words is a power of two.
    fn places(&self, (start, step): (u64, u64)) -> impl Iterator<Item = (usize, u64)> + use<> {
        let mask = self.words.len() as u64 * 64 - 1;
        (0..PROBES).map(move |probe| {
            let bit = start.wrapping_add(probe.wrapping_mul(step)) & mask;
            (usize::try_from(bit / 64).expect("it is below the number of words"), 1 << (bit % 64))
        })
    }

    fn has(&self, hashes: (u64, u64)) -> bool {
        self.places(hashes).all(|(word, bit)| self.words[word] & bit != 0)
    }

    fn add(&mut self, hashes: (u64, u64)) {
        for (word, bit) in self.places(hashes) {
            self.words[word] |= bit;
        }
        self.left = self.left.saturating_sub(1);
    }
}

impl Filter {
    fn hashes(&self, digest: &Digest) -> (u64, u64) {
        // An odd step visits different bits.
        (self.keys.0.hash_one(digest), self.keys.1.hash_one(digest) | 1)
    }
}

impl Reached for Filter {
    fn add(&mut self, digest: &Digest) {
        let hashes = self.hashes(digest);
        if self.segments.iter().any(|segment| segment.has(hashes)) {
            return;
        }
        if self.segments.last().is_none_or(|last| last.left == 0) {
            let capacity = FIRST_SEGMENT.checked_shl(u32::try_from(self.segments.len()).unwrap_or(u32::MAX)).unwrap_or(SEGMENT_MAX);
            self.segments.push(Segment::new(capacity.clamp(FIRST_SEGMENT, SEGMENT_MAX)));
        }
        if let Some(last) = self.segments.last_mut() {
            last.add(hashes);
        }
    }

    fn has(&self, digest: &Digest) -> bool {
        let hashes = self.hashes(digest);
        self.segments.iter().any(|segment| segment.has(hashes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(number: u32) -> Digest {
        Digest::of(&number.to_le_bytes())
    }

    #[test]
    fn whatever_went_in_is_found_and_of_the_rest_next_to_nothing() {
        let mut filter = Filter::default();
        let held = 200_000;
        (0..held).for_each(|number| filter.add(&digest(number)));
        (0..held).for_each(|number| filter.add(&digest(number)));
        assert!((0..held).all(|number| filter.has(&digest(number))), "never no to one it holds");
        let others = 100_000;
        let mistaken: Vec<u32> = (held..held + others).filter(|number| filter.has(&digest(*number))).collect();
        // Five segments, one in 1,700 each: some 150 are expected, and more than three times that by no chance.
        assert!(mistaken.len() < 500, "{}", mistaken.len());
        let bytes: usize = filter.segments.iter().map(|segment| segment.words.len() * 8).sum();
        assert!(bytes <= 200_000 * 2 * 3, "{bytes}");
        let mut next = Filter::default();
        (0..held).for_each(|number| next.add(&digest(number)));
        let again = mistaken.iter().filter(|number| next.has(&digest(**number))).count();
        assert!(again <= 10, "{again} of {} are mistaken twice", mistaken.len());
    }
}
