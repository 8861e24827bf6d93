//! What a person pastes to find an image: a reference with or without scheme, host and port, a digest whole or shortened, a line of an
//! error, the address of a page of Harbor, a command of helm or docker.
//!
//! Nothing here is an error and nothing is trusted: what can be a name of something is a [`Reading`], the surest first, and the rest are words.
//! Names of Harbor are ASCII, so everything else (prose in another alphabet, quotes, invisible characters) only parts them.

mod digest;
mod reference;
mod text;

pub use digest::DigestPart;

use crate::Tag;

/// Bytes that are read at most; of a longer text nothing is.
pub const PASTED_BYTES_MAX: usize = 4_096;
/// Names that are taken from one text.
pub const NAMES_MAX: usize = 8;
/// Words that are taken from one text.
pub const WORDS_MAX: usize = 6;
/// Pieces of one text that are looked at.
const TOKENS_MAX: usize = 512;

/// How much speaks for a name being one; the surest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Sure {
    /// A whole digest.
    Digest,
    /// A host, a scheme or the address of an interface.
    Address,
    /// A path and a tag.
    Reference,
    /// A part of a digest.
    DigestPart,
    /// A name without a path, and a tag; or a tag alone that the text calls one.
    Tagged,
    /// A path.
    Path,
}

/// What may be the name of an image, chart, repository or artifact. At least one of repository, tag and digest is there.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Reading {
    /// Host, with its port where one is written; lower case.
    pub host: Option<String>,
    /// Path without host; lower case, as repositories are.
    pub repository: Option<String>,
    /// Tag; `+` is written `_`, as charts are stored.
    pub tag: Option<String>,
    /// Digest, or its beginning.
    pub digest: Option<DigestPart>,
    /// How sure.
    pub sure: Sure,
}

/// A text, read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pasted {
    /// Names in it, the surest first, each once.
    pub names: Vec<Reading>,
    /// Its words, where it has no more than a person types.
    pub words: Vec<String>,
    /// It names a digest of another algorithm than SHA-256.
    pub other_algorithm: bool,
    /// It is the address of a host and of nothing on it.
    pub only_host: Option<String>,
    /// It is a digest of which too few digits are there.
    pub too_short: bool,
}

impl Pasted {
    /// Reads a text. Never fails; of one longer than [`PASTED_BYTES_MAX`] nothing is read.
    #[must_use]
    pub fn read(text: &str) -> Self {
        let mut read = Self::default();
        if text.len() > PASTED_BYTES_MAX {
            return read;
        }
        let clean = text::clean(text);
        let tokens: Vec<&str> = text::tokens(&clean).take(TOKENS_MAX).collect();
        for (place, token) in tokens.iter().enumerate() {
            read.token(&tokens[..place], token);
            if let Some(named) = read.names.last_mut() {
                named.take_tag(&tokens, place, token);
            }
        }
        let mut names: Vec<Reading> = Vec::new();
        for named in std::mem::take(&mut read.names) {
            if !names.contains(&named) {
                names.push(named);
            }
        }
        names.sort_by_key(|named| named.sure);
        names.truncate(NAMES_MAX);
        read.names = names;
        let words: Vec<String> = tokens.iter().map(|token| text::word(token)).filter(|word| !word.is_empty()).collect();
        if words.len() <= WORDS_MAX {
            read.words = words;
        }
        read
    }

    fn token(&mut self, before: &[&str], token: &str) {
        // "manifest tagged by "1.4.2" is not found", as the registry says it.
        if before.ends_with(&["tagged", "by"])
            && let Some(tag) = text::tag(text::trimmed(token))
        {
            self.names.push(Reading { host: None, repository: None, tag: Some(tag), digest: None, sure: Sure::Tagged });
            return;
        }
        match reference::read(token) {
            reference::Token::Reading(named) => self.names.push(named),
            reference::Token::Host(host) => self.only_host = Some(host),
            reference::Token::OtherAlgorithm(named) => {
                self.other_algorithm = true;
                self.names.extend(named);
            }
            reference::Token::TooShort => self.too_short = true,
            reference::Token::Word => {}
        }
    }
}

impl Reading {
    /// Takes the tag that stands beside the name: after `--version`, as helm has it, or in the next column, as docker prints it.
    fn take_tag(&mut self, tokens: &[&str], place: usize, token: &str) {
        let is_path = matches!(self.sure, Sure::Address | Sure::Path) && self.tag.is_none() && self.digest.is_none();
        if !is_path || self.repository.is_none() {
            return;
        }
        let flag = ["--version", "version", "matching"].iter().any(|flag| token.eq_ignore_ascii_case(flag));
        let own = matches!(reference::read(token), reference::Token::Reading(named) if named == *self);
        let versioned = |text: &&str| text.bytes().any(|b| b.is_ascii_digit()) && !text.contains(['/', ':', '@']);
        if (flag || own)
            && let Some(tag) = tokens.get(place + 1).copied().filter(versioned).and_then(|next| text::tag(text::trimmed(next)))
        {
            self.tag = Some(tag);
        }
    }

    /// The image that is meant with it, where the tag is that of a signature or of another accessory.
    #[must_use]
    pub fn subject(&self) -> Option<DigestPart> {
        self.tag.as_deref().and_then(reference::subject)
    }

    /// The tag as a value, where it is one.
    #[must_use]
    pub fn tag_name(&self) -> Option<Tag> {
        self.tag.as_deref().and_then(|tag| tag.parse().ok())
    }
}

#[cfg(test)]
mod tests;
