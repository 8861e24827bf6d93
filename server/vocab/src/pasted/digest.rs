//! A digest as people have it: whole, its first digits, or both ends with dots between them.

/// First digits needed where `sha256:` says that it is a digest.
const SAID_MIN: usize = 4;
/// First digits needed where nothing says so: docker shows 12, git 7, Harbor's portal 8.
const BARE_MIN: usize = 6;
/// Last digits needed where the first are as few as a page shows.
const LAST_MIN: usize = 2;
/// Digits of a whole one.
const WHOLE: usize = 64;

/// The beginning of a SHA-256 digest, its end, or all of it; lower-case hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct DigestPart {
    first: String,
    last: String,
}

impl DigestPart {
    /// Reads `sha256:9f2c…`, `9f2c1b7e0d3a`, `sha256:9f2c…1b7e` and the like; none for anything else.
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        let text = text.to_ascii_lowercase();
        let said = text.strip_prefix("sha256:");
        let digits = said.unwrap_or(&text);
        let (first, last) = match digits.find(['…', '.']) {
            Some(at) => (&digits[..at], digits[at..].trim_start_matches(['…', '.'])),
            None => (digits, ""),
        };
        let hex = |part: &str| part.bytes().all(|b| b.is_ascii_hexdigit());
        let min = if said.is_some() || last.len() >= LAST_MIN && digits.contains(['…', '.']) { SAID_MIN } else { BARE_MIN };
        let fits = first.len() >= min && first.len() + last.len() <= WHOLE && hex(first) && hex(last);
        // One dot parts a version, not a digest.
        let dotted = digits.contains('.') && !digits.contains("..");
        (fits && !dotted).then(|| Self { first: first.to_owned(), last: last.to_owned() })
    }

    /// Whether all digits are there.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.first.len() == WHOLE
    }

    /// The least and the greatest digest that begin so.
    #[must_use]
    pub fn range(&self) -> ([u8; 32], [u8; 32]) {
        let fill = |digit: char| {
            let mut bytes = [0; 32];
            let all: String = self.first.chars().chain(std::iter::repeat(digit)).take(WHOLE).collect();
            // Hexadecimal digits, 64 of them.
            hex::decode_to_slice(all, &mut bytes).unwrap_or_default();
            bytes
        };
        (fill('0'), fill('f'))
    }

    /// Whether a digest of these 32 bytes is meant.
    #[must_use]
    pub fn fits(&self, digest: &[u8]) -> bool {
        let text = hex::encode(digest);
        text.starts_with(&self.first) && text.ends_with(&self.last)
    }

    /// The digits at its beginning.
    #[must_use]
    pub fn first(&self) -> &str {
        &self.first
    }

    /// The digits at its end, where the middle was left out.
    #[must_use]
    pub fn last(&self) -> &str {
        &self.last
    }
}

impl std::fmt::Display for DigestPart {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let dots = if self.is_whole() { "" } else { "…" };
        write!(f, "sha256:{}{dots}{}", self.first, self.last)
    }
}
