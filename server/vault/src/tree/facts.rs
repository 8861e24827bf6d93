//! What a sentence of a snapshot says, as values beside it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// A value as it is kept: text, a whole number, or named values. Whoever shows a snapshot says it in the reader's language; the English sentence
/// beside it is for everybody else.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Facts {
    /// A whole number.
    Number(i64),
    /// Text.
    Text(String),
    /// Values by name.
    Named(BTreeMap<String, Facts>),
}

/// Values by name.
pub(super) fn named<'a>(values: impl IntoIterator<Item = (&'a str, Facts)>) -> Facts {
    Facts::Named(values.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
}
