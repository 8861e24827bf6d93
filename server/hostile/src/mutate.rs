//! Small changes to known bodies, the same for the same seed.

use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};

/// Longest input made, in bytes.
const BYTES_MAX: usize = 64 * 1024;
/// Most changes to one body.
const CHANGES_MAX: u32 = 6;
/// What readers have stumbled over elsewhere.
const TOKENS: [&[u8]; 36] = [
    b"-1",
    b"0",
    b"1e309",
    b"18446744073709551616",
    b"9223372036854775807",
    b"null",
    b"true",
    b"[]",
    b"{}",
    b"\"\"",
    b"..",
    b"/",
    b"\\",
    b"%2f",
    b"%2e%2e",
    b"\0",
    b"\n",
    b"\r\n",
    b"\xff",
    b"\xef\xbb\xbf",
    b"\xe2\x80\xae",
    b"sha256:",
    b"sha512:",
    b"SHA256:",
    b"@",
    b"//",
    b"https://",
    b"http://127.0.0.1/",
    b"http://[::ffff:127.0.0.1]/",
    b"Bearer realm=\"",
    b"bytes 0-",
    b"/*",
    b"\\u0000",
    b"\"a\":",
    b"[[[[[[[[[[[[[[[[",
    b"9999-12-31T23:59:60Z",
];

/// Makes inputs out of a corpus.
pub struct Mutator {
    rng: StdRng,
    corpus: Vec<Vec<u8>>,
}

impl Mutator {
    /// The same seed and corpus give the same inputs.
    #[must_use]
    pub fn new(seed: u64, corpus: Vec<Vec<u8>>) -> Self {
        Self { rng: StdRng::seed_from_u64(seed), corpus }
    }

    fn pick(&mut self) -> Vec<u8> {
        self.corpus.choose(&mut self.rng).cloned().unwrap_or_default()
    }

    fn place(&mut self, bytes: &[u8]) -> usize {
        self.rng.random_range(0..=bytes.len())
    }

    fn span(&mut self, bytes: &[u8]) -> std::ops::Range<usize> {
        let (one, other) = (self.place(bytes), self.place(bytes));
        one.min(other)..one.max(other)
    }

    fn change(&mut self, bytes: &mut Vec<u8>) {
        let (at, span) = (self.place(bytes), self.span(bytes));
        match self.rng.random_range(0..9) {
            0 => bytes.insert(at, self.rng.random()),
            1 | 2 => {
                if let Some(byte) = bytes.get_mut(at) {
                    *byte ^= 1 << self.rng.random_range(0..8);
                }
            }
            3 => bytes.truncate(at),
            4 => drop(bytes.drain(span)),
            5 => {
                let twice = bytes[span].to_vec();
                bytes.splice(at..at, twice);
            }
            6 => {
                let other = self.pick();
                let part = self.span(&other);
                bytes.splice(span, other[part].iter().copied());
            }
            _ => {
                let token = TOKENS[self.rng.random_range(0..TOKENS.len())];
                let end = (at + self.rng.random_range(0..8)).min(bytes.len());
                bytes.splice(at..end, token.iter().copied());
            }
        }
        bytes.truncate(BYTES_MAX);
    }
}

impl Iterator for Mutator {
    type Item = Vec<u8>;

    fn next(&mut self) -> Option<Vec<u8>> {
        let mut bytes = self.pick();
        for _ in 0..self.rng.random_range(1..=CHANGES_MAX) {
            self.change(&mut bytes);
        }
        Some(bytes)
    }
}
