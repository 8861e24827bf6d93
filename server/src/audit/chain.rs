//! The arithmetic of the chain: pure, so that an offline verifier can be compared with it.

use sha2::{Digest as _, Sha256};

/// Hash of the record before the first.
pub const GENESIS: [u8; 32] = [0; 32];

/// One record as stored.
#[derive(Debug, Clone)]
pub struct Link {
    /// Number.
    pub seq: i64,
    /// The bytes.
    pub record: Vec<u8>,
    /// Hash of the one before, as stored.
    pub prev_hash: Vec<u8>,
    /// Its hash, as stored.
    pub hash: Vec<u8>,
}

/// SHA-256 over the hash before, the number as 8 bytes big-endian, and the record.
#[must_use]
pub fn hash(prev: &[u8], seq: i64, record: &[u8]) -> [u8; 32] {
    let mut hasher = Sha256::new();
    hasher.update(prev);
    hasher.update(seq.to_be_bytes());
    hasher.update(record);
    hasher.finalize().into()
}

/// How far a check has come.
#[derive(Debug, Clone)]
pub struct Progress {
    /// Records read.
    pub events: i64,
    /// Hash of the last one that fits.
    pub head: [u8; 32],
    /// The first one that does not, and how.
    pub broken: Option<(i64, &'static str)>,
}

impl Default for Progress {
    fn default() -> Self {
        Self { events: 0, head: GENESIS, broken: None }
    }
}

impl Progress {
    /// Takes the next record in order of number. After the first break nothing more is judged.
    pub fn take(&mut self, link: &Link) {
        if self.broken.is_some() {
            return;
        }
        let expected = self.events + 1;
        let how = if link.seq != expected {
            Some("a record before it is missing")
        } else if link.prev_hash != self.head {
            Some("it does not follow from the record before it")
        } else if link.hash != hash(&self.head, link.seq, &link.record) {
            Some("its content does not match its recorded hash")
        } else {
            None
        };
        match how {
            Some(how) => self.broken = Some((link.seq.min(expected), how)),
            None => {
                self.events += 1;
                self.head = hash(&self.head, link.seq, &link.record);
            }
        }
    }

    /// Compares with the head row: a cut tail is seen here.
    pub fn close(&mut self, head_seq: i64, head_hash: &[u8]) {
        if self.broken.is_none() && (self.events != head_seq || self.head != head_hash) {
            self.broken = Some((self.events + 1, "the newest records do not agree with the head of the chain"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chain(records: &[&str]) -> Vec<Link> {
        let mut prev = GENESIS.to_vec();
        records
            .iter()
            .zip(1_i64..)
            .map(|(text, seq)| {
                let sum = hash(&prev, seq, text.as_bytes()).to_vec();

                Link { seq, record: text.as_bytes().to_vec(), prev_hash: std::mem::replace(&mut prev, sum.clone()), hash: sum }
            })
            .collect()
    }

    fn check(links: &[Link], head: (i64, &[u8])) -> Option<(i64, &'static str)> {
        let mut progress = Progress::default();
        links.iter().for_each(|link| progress.take(link));
        progress.close(head.0, head.1);
        progress.broken
    }

    #[test]
    fn every_kind_of_change_is_found() {
        let good = chain(&["a", "b", "c", "d"]);
        let head = (4, good[3].hash.clone());
        assert_eq!(check(&good, (head.0, &head.1)), None);

        let mut edited = good.clone();
        edited[1].record = b"B".to_vec();
        assert_eq!(check(&edited, (head.0, &head.1)).map(|b| b.0), Some(2));

        let mut removed = good.clone();
        removed.remove(1);
        assert_eq!(check(&removed, (head.0, &head.1)).map(|b| b.0), Some(2));

        let mut swapped = good.clone();
        swapped.swap(1, 2);
        assert_eq!(check(&swapped, (head.0, &head.1)).map(|b| b.0), Some(2));

        let cut = &good[..3];
        assert_eq!(check(cut, (head.0, &head.1)).map(|b| b.0), Some(4), "a cut tail");

        let mut rehashed = good.clone();
        rehashed[1].record = b"B".to_vec();
        rehashed[1].hash = hash(&rehashed[1].prev_hash.clone(), 2, b"B").to_vec();
        assert_eq!(check(&rehashed, (head.0, &head.1)).map(|b| b.0), Some(3), "the next one does not follow");
    }
}
