//! JSON read into fields as Go's `encoding/json` reads it, because that is how a registry read a manifest when it took it.
//!
//! Keys match in any case, with U+017F for `s` and U+212A for `k` too (`strings.EqualFold`); a key may come twice, and the second is read over
//! the first; `null` leaves text and numbers as they are and empties lists, maps and pointers; bytes that are no UTF-8, and halves of
//! surrogate pairs, become U+FFFD. A value of another kind than its field makes Go refuse the document: here it is passed over and told,
//! since what matters depends on the type of the document. What no field is for is skipped without being kept, however deep it nests.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// Longest key that any field here has, in bytes.
const KEY_BYTES_MAX: usize = 32;

/// A place that a JSON value is read into. Each method answers whether a value of its kind fits.
pub(crate) trait Place {
    fn null(&mut self) {}

    fn text(&mut self, _text: &str) -> bool {
        false
    }

    fn integer(&mut self, _number: i64) -> bool {
        false
    }

    fn list<'de, A: SeqAccess<'de>>(&mut self, mut items: A) -> Result<bool, A::Error> {
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Ok(false)
    }

    fn object<'de, A: MapAccess<'de>>(&mut self, mut members: A) -> Result<bool, A::Error> {
        while members.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(false)
    }
}

/// Reads a document into `place`; `Ok(false)` if it does not fit.
pub(crate) fn read<P: Place>(bytes: &[u8], place: &mut P) -> Result<bool, serde_json::Error> {
    let text = whole_characters(bytes);
    let mut reader = serde_json::Deserializer::from_str(&text);
    let fits = ReadInto(place).deserialize(&mut reader)?;
    reader.end()?;
    Ok(fits)
}

/// Reads the next value of a list or object into a place.
pub(crate) struct ReadInto<'a, P>(pub &'a mut P);

impl<'de, P: Place> DeserializeSeed<'de> for ReadInto<'_, P> {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<bool, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de, P: Place> Visitor<'de> for ReadInto<'_, P> {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E: Error>(self) -> Result<bool, E> {
        self.0.null();
        Ok(true)
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<bool, E> {
        Ok(false)
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<bool, E> {
        Ok(self.0.integer(number))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<bool, E> {
        Ok(i64::try_from(number).is_ok_and(|number| self.0.integer(number)))
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<bool, E> {
        // `-0`, which is an integer to Go and none to serde_json.
        Ok(number == 0.0 && self.0.integer(0))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<bool, E> {
        Ok(self.0.text(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, items: A) -> Result<bool, A::Error> {
        self.0.list(items)
    }

    fn visit_map<A: MapAccess<'de>>(self, members: A) -> Result<bool, A::Error> {
        self.0.object(members)
    }
}

/// The next key of an object, folded; empty for one that is longer than any field's.
pub(crate) struct Key;

impl<'de> DeserializeSeed<'de> for Key {
    type Value = String;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<String, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Key {
    type Value = String;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E: Error>(self, key: &str) -> Result<String, E> {
        Ok(if key.len() <= KEY_BYTES_MAX { key.chars().map(folded).collect() } else { String::new() })
    }
}

fn folded(character: char) -> char {
    match character {
        '\u{17f}' => 's',
        '\u{212a}' => 'k',
        other => other.to_ascii_lowercase(),
    }
}

impl Place for Option<String> {
    fn text(&mut self, text: &str) -> bool {
        *self = Some(text.to_owned());
        true
    }
}

impl Place for Option<i64> {
    fn integer(&mut self, number: i64) -> bool {
        *self = Some(number);
        true
    }
}

/// A map of texts. A second one is read over the first.
impl Place for BTreeMap<String, String> {
    fn null(&mut self) {
        self.clear();
    }

    fn object<'de, A: MapAccess<'de>>(&mut self, mut members: A) -> Result<bool, A::Error> {
        let mut fits = true;
        while let Some(name) = members.next_key::<String>()? {
            let mut value = None;
            fits &= members.next_value_seed(ReadInto::<Option<String>>(&mut value))?;
            self.insert(name, value.unwrap_or_default());
        }
        Ok(fits)
    }
}

/// A map of texts of which only the form is looked at.
pub(crate) struct AnyTexts;

impl Place for AnyTexts {
    fn object<'de, A: MapAccess<'de>>(&mut self, mut members: A) -> Result<bool, A::Error> {
        let mut fits = true;
        while members.next_key::<IgnoredAny>()?.is_some() {
            fits &= members.next_value_seed(ReadInto(&mut AnyText))?;
        }
        Ok(fits)
    }
}

/// A text of which only the form is looked at.
pub(crate) struct AnyText;

impl Place for AnyText {
    fn text(&mut self, _text: &str) -> bool {
        true
    }
}

/// The text Go sees: what is no UTF-8, and halves of surrogate pairs, are U+FFFD.
fn whole_characters(bytes: &[u8]) -> Cow<'_, str> {
    let text = String::from_utf8_lossy(bytes);
    let halves: Vec<usize> = halves(text.as_bytes()).collect();
    if halves.is_empty() {
        return text;
    }
    let (mut mended, mut from) = (String::with_capacity(text.len()), 0);
    for at in halves {
        mended.push_str(&text[from..at]);
        mended.push_str("\\ufffd");
        from = at + 6;
    }
    mended.push_str(&text[from..]);
    Cow::Owned(mended)
}

/// Where an escape stands for half a character.
fn halves(text: &[u8]) -> impl Iterator<Item = usize> {
    let mut at = 0;
    std::iter::from_fn(move || {
        while at < text.len() {
            let here = at;
            if text[here] != b'\\' {
                at += 1;
                continue;
            }
            match unit(text, here) {
                Some(0xd800..=0xdbff) if matches!(unit(text, here + 6), Some(0xdc00..=0xdfff)) => at += 12,
                Some(0xd800..=0xdfff) => {
                    at += 6;
                    return Some(here);
                }
                Some(_) => at += 6,
                None => at += 2,
            }
        }
        None
    })
}

/// The number that follows `\u`: four hexadecimal digits.
fn unit(text: &[u8], at: usize) -> Option<u16> {
    let digits = text.get(at..at + 6)?.strip_prefix(b"\\u")?;
    digits.iter().try_fold(0_u16, |number, digit| {
        let digit = char::from(*digit).to_digit(16)?;
        Some(number << 4 | u16::try_from(digit).ok()?)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_of_characters_are_mended_and_whole_ones_kept() {
        for (text, seen) in [
            (r#""\ud83d\ude00""#, r#""\ud83d\ude00""#),
            (r#""\ud83d""#, r#""\ufffd""#),
            (r#""\ude00\ud83d\u0041""#, r#""\ufffd\ufffd\u0041""#),
            (r#""\\ud83d""#, r#""\\ud83d""#),
            (r#""\ud83d\u0041""#, r#""\ufffd\u0041""#),
            (r#""\ud8"#, r#""\ud8"#),
        ] {
            assert_eq!(whole_characters(text.as_bytes()), seen);
        }
        assert_eq!(whole_characters(b"\"\xff\""), "\"\u{fffd}\"");
    }

    #[test]
    fn keys_match_as_go_folds_them() {
        let folded = |key: &str| Key.visit_str::<serde_json::Error>(key).unwrap();
        assert_eq!(folded("LAYERS"), "layers");
        assert_eq!(folded("layer\u{17f}"), "layers");
        assert_eq!(folded("\u{212a}ind"), "kind");
        assert_eq!(folded("Ä"), "Ä");
    }
}
