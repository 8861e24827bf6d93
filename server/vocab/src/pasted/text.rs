//! From what was pasted to its pieces.

use crate::Tag;

/// Characters of one piece: those of references, of addresses, and the two forms of "and so on".
fn joins(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '/' | ':' | '@' | '+' | '[' | ']' | '…')
}

/// Characters that are not seen: joiners, marks of direction, soft hyphens. They come along with what is copied from pages and chats.
const fn invisible(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2064}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

/// The text without what is not seen, full-width forms as plain ones, escapes of addresses and of JSON undone, anything else a space.
pub(super) fn clean(text: &str) -> String {
    let plain: String = text
        .chars()
        .filter(|c| !invisible(*c))
        .map(|c| match c {
            '\u{ff01}'..='\u{ff5e}' => char::from_u32(u32::from(c) - 0xfee0).unwrap_or(' '),
            '\u{2010}'..='\u{2015}' | '\u{2212}' => '-',
            other => other,
        })
        .collect();
    // Harbor's portal escapes the slashes of a repository once in its pages and twice in its calls.
    let plain = unescaped(&unescaped(&plain));
    let mut out = String::with_capacity(plain.len());
    let mut chars = plain.chars().peekable();
    while let Some(c) = chars.next() {
        if c == '\\' {
            // A line break within a quoted line of a log is two characters.
            chars.next_if(|next| matches!(next, 'n' | 'r' | 't'));
        }
        out.push(if joins(c) { c } else { ' ' });
    }
    out
}

/// `%2F` and the like, where they stand for what references are made of.
fn unescaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('%') {
        out.push_str(before);
        let byte = after.get(..2).and_then(|digits| u8::from_str_radix(digits, 16).ok()).map(char::from);
        match byte.filter(|c| c.is_ascii() && (joins(*c) || matches!(c, '%' | ' '))) {
            Some(c) => {
                out.push(c);
                rest = &after[2..];
            }
            None => {
                out.push('%');
                rest = after;
            }
        }
    }
    out.push_str(rest);
    out
}

/// The pieces of a clean text.
pub(super) fn tokens(clean: &str) -> impl Iterator<Item = &str> {
    clean.split_ascii_whitespace()
}

/// A piece without the punctuation around it.
pub(super) fn trimmed(token: &str) -> &str {
    // A bracket belongs to a piece only as that of an address, which is at its beginning and has a colon in it.
    let token = if is_address(token) { token } else { token.trim_start_matches('[') };
    let open = token.starts_with('[');
    let token = token.trim_end_matches(|c: char| matches!(c, '.' | ':' | '/' | '@' | '+' | '-' | '…' | '[') || (c == ']' && !open));
    token.trim_start_matches(['.', ':', '/', '@', '+', '-', '…', ']'])
}

fn is_address(token: &str) -> bool {
    token.strip_prefix('[').and_then(|rest| rest.split_once(']')).is_some_and(|(inner, after)| {
        inner.contains(':') && inner.bytes().all(|b| b.is_ascii_hexdigit() || b == b':' || b == b'.') && after.starts_with([':', '/'])
    })
}

/// A piece as a part of a name to search for; `+` is `_` in Harbor.
pub(super) fn word(token: &str) -> String {
    trimmed(token).trim_matches(['[', ']']).replace('+', "_")
}

/// A tag, if it can be one.
pub(super) fn tag(text: &str) -> Option<String> {
    text.replace('+', "_").parse::<Tag>().ok().map(|tag| tag.to_string())
}
