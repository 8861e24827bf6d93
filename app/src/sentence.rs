//! What the program says, as values.
//!
//! [`sentences!`] makes an enum whose variants are sentences: their figures and names are fields, and English and Chinese stand beside
//! each other, so that one without the other does not compile. A value is stored and sent as `{"code": …, fields}`; [`Said`] adds the
//! English `text` for whoever reads JSON, and reads what was stored before there were values: a plain text, shown as it was said then.
//! Rejected: one catalogue of keys (drifts from the code that speaks), translating by wording (a shape matches the wrong sentence).
//! Fields are names, figures and what strangers say; a sentence inside another is a field of its own type, never a `String`.

use std::borrow::Cow;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use utoipa::__dev::ComposeSchema;
use utoipa::openapi::{AllOfBuilder, ObjectBuilder, RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use crate::text::Lang;
use crate::units::Moment;

/// Something the program says.
pub trait Sentence: Serialize + Clone {
    /// In a language.
    fn say(&self, lang: Lang) -> String;
}

/// A sentence inside an English one.
pub fn en(sentence: &impl Sentence) -> String {
    sentence.say(Lang::En)
}

/// A sentence inside a Chinese one.
pub fn zh(sentence: &impl Sentence) -> String {
    sentence.say(Lang::ZhCn)
}

/// What is said now, or was said when there were no values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Said<T> {
    /// A value.
    Now(T),
    /// A text of before, in the language it was said in: English.
    Then(String),
}

impl<T> From<T> for Said<T> {
    fn from(value: T) -> Self {
        Self::Now(value)
    }
}

impl<T: Sentence> Sentence for Said<T> {
    fn say(&self, lang: Lang) -> String {
        match self {
            Self::Now(value) => value.say(lang),
            Self::Then(text) => text.clone(),
        }
    }
}

impl<T: Sentence> std::fmt::Display for Said<T> {
    /// English: for the command line and logs.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.say(Lang::En))
    }
}

/// Code of a text of before.
const THEN: &str = "as_said_then";

impl<T: Sentence> Serialize for Said<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Now<'a, T> {
            #[serde(flatten)]
            value: &'a T,
            text: String,
        }
        #[derive(Serialize)]
        struct Then<'a> {
            code: &'static str,
            text: &'a str,
        }
        match self {
            Self::Now(value) => Now { value, text: value.say(Lang::En) }.serialize(serializer),
            Self::Then(text) => Then { code: THEN, text }.serialize(serializer),
        }
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Said<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        /// First what fits best. A code that this program does not know comes from a newer one: its text is all that can be shown.
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Form<T> {
            Now(T),
            Plain(String),
            Then { text: String },
            Unknown { code: String },
        }
        Ok(match Form::deserialize(deserializer)? {
            Form::Now(value) => Self::Now(value),
            Form::Plain(text) | Form::Then { text } | Form::Unknown { code: text } => Self::Then(text),
        })
    }
}

/// What `derive(ToSchema)` would make of it cannot be said by its attributes: a value beside a text.
impl<T: ToSchema> ComposeSchema for Said<T> {
    fn compose(_: Vec<RefOr<Schema>>) -> RefOr<Schema> {
        let text = ObjectBuilder::new().property("text", String::schema()).required("text");
        AllOfBuilder::new().item(T::schema()).item(text).into()
    }
}

impl<T: ToSchema> ToSchema for Said<T> {
    fn name() -> Cow<'static, str> {
        Cow::Owned(format!("Said_{}", T::name()))
    }

    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        T::schemas(schemas);
    }
}

/// A value to try sentences with: what is put into `name` on the `turn`th try.
pub trait Example: Sized {
    /// How many sentences there are, of an enum of them.
    const VARIANTS: usize = 0;

    /// The value. Text is `⟨name⟩`, so that a test sees whether it is said.
    fn example(name: &str, turn: usize) -> Self;
}

impl Example for String {
    fn example(name: &str, _turn: usize) -> Self {
        format!("\u{27e8}{name}\u{27e9}")
    }
}

impl Example for i64 {
    fn example(_name: &str, turn: usize) -> Self {
        [1, 2, 1_204][turn % 3]
    }
}

impl<T: Example> Example for Said<T> {
    fn example(name: &str, turn: usize) -> Self {
        Self::Now(T::example(name, turn))
    }
}

impl Example for bool {
    fn example(_name: &str, turn: usize) -> Self {
        turn.is_multiple_of(2)
    }
}

impl Example for Moment {
    fn example(_name: &str, _turn: usize) -> Self {
        Self(time::OffsetDateTime::UNIX_EPOCH)
    }
}

impl<T: Example> Example for Option<T> {
    fn example(name: &str, turn: usize) -> Self {
        turn.is_multiple_of(2).then(|| T::example(name, turn / 2))
    }
}

impl<T: Example> Example for Vec<T> {
    fn example(name: &str, turn: usize) -> Self {
        (0..=turn % 3).map(|place| T::example(name, turn + place)).collect()
    }
}

impl<T: Example> Example for Box<T> {
    fn example(name: &str, turn: usize) -> Self {
        Self::new(T::example(name, turn))
    }
}

/// Makes enums of sentences: `Variant { field: Type } => ("English {field}"), ("Chinese {field}");`, each side the arguments of a
/// [`format!`]. Once in a module: what is made is walked by a test of that module.
macro_rules! sentences {
    ($(
        $(#[$meta:meta])*
        $vis:vis enum $name:ident {
            $(
                $(#[$of_variant:meta])*
                $variant:ident $({ $($(#[$of_field:meta])* $field:ident : $type:ty),* $(,)? })? => ($($en:tt)*), ($($zh:tt)*);
            )*
        }
    )*) => {
        $(
            #[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize, utoipa::ToSchema)]
            $(#[$meta])*
            #[serde(tag = "code", rename_all = "snake_case")]
            $vis enum $name {
                $( $(#[$of_variant])* $variant $({ $($(#[$of_field])* $field: $type),* })?, )*
            }

            impl $crate::sentence::Sentence for $name {
                fn say(&self, lang: $crate::text::Lang) -> String {
                    match (lang, self) {
                        $(
                            ($crate::text::Lang::En, Self::$variant $({ $($field),* })?) => format!($($en)*),
                            ($crate::text::Lang::ZhCn, Self::$variant $({ $($field),* })?) => format!($($zh)*),
                        )*
                    }
                }
            }

            impl std::fmt::Display for $name {
                /// English: for the command line and logs.
                fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                    f.write_str(&$crate::sentence::Sentence::say(self, $crate::text::Lang::En))
                }
            }

            impl $crate::sentence::Example for $name {
                const VARIANTS: usize = [$(stringify!($variant)),*].len();

                fn example(_name: &str, turn: usize) -> Self {
                    let makers: &[fn(usize) -> Self] = &[
                        $( |_turn| Self::$variant $({ $($field: $crate::sentence::Example::example(stringify!($field), _turn)),* })?, )*
                    ];
                    makers[turn % makers.len()](turn / makers.len())
                }
            }
        )*

        #[cfg(test)]
        mod sentences_are_whole {
            #[test]
            fn every_sentence_is_whole_in_both_languages() {
                $( $crate::sentence::walk::<super::$name>(); )*
            }
        }
    };
}
pub(crate) use sentences;

/// Makes one enum of several that [`sentences!`] made. The code says which, so no two of them have the same one: a test of whoever uses this
/// compares `codes`.
macro_rules! one_of {
    (
        $(#[$meta:meta])*
        $vis:vis enum $name:ident { $( $(#[$of_variant:meta])* $variant:ident($type:ty), )* }
    ) => {
        $(#[$meta])*
        #[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize, utoipa::ToSchema)]
        #[serde(untagged)]
        $vis enum $name {
            $( $(#[$of_variant])* $variant($type), )*
        }

        impl $crate::sentence::Sentence for $name {
            fn say(&self, lang: $crate::text::Lang) -> String {
                match self {
                    $( Self::$variant(one) => $crate::sentence::Sentence::say(one, lang), )*
                }
            }
        }

        $(
            impl From<$type> for $name {
                fn from(one: $type) -> Self {
                    Self::$variant(one)
                }
            }

            impl From<$type> for $crate::sentence::Said<$name> {
                fn from(one: $type) -> Self {
                    Self::Now($name::$variant(one))
                }
            }
        )*

        #[cfg(test)]
        impl $name {
            fn codes() -> Vec<String> {
                let mut all = Vec::new();
                $( all.extend($crate::sentence::codes::<$type>()); )*
                all
            }
        }
    };
}
pub(crate) use one_of;

/// Names and units that a Chinese sentence has as they are.
#[cfg(test)]
const AS_IT_IS: &[&str] = &[
    "--allow-net",
    "--platform",
    "API",
    "approver",
    "Breakwater",
    "breakwater",
    "CDN",
    "cosign",
    "CPU",
    "disable",
    "disableredirect",
    "docker",
    "GiB",
    "Harbor",
    "harbor",
    "HTTP",
    "https",
    "IANA",
    "ID",
    "Idempotency-Key",
    "init",
    "KiB",
    "manifest",
    "MiB",
    "nginx",
    "payments",
    "prod",
    "redirect",
    "requester",
    "save",
    "SBOM",
    "storage",
    "Tag",
    "TLS",
    "true",
    "UTC",
    "vault",
    "viewer",
];

/// Says every sentence of `T` in both languages, each with several figures: nothing empty, no place left open, every name said in both,
/// no English left in Chinese, no plural of one.
#[cfg(test)]
pub(crate) fn walk<T>()
where
    T: Sentence + Example + PartialEq + std::fmt::Debug + serde::de::DeserializeOwned,
{
    const TURNS: usize = 12;
    for turn in 0..T::VARIANTS * TURNS {
        let value = T::example("", turn);
        let json = serde_json::to_value(&value).unwrap();
        let code = json["code"].as_str().unwrap_or_else(|| panic!("{value:?} has no code")).to_owned();
        let names = names(&json);
        for lang in [Lang::En, Lang::ZhCn] {
            let text = value.say(lang);
            assert!(!text.trim().is_empty() && !text.contains(['{', '}']), "{code}: {text:?}");
            assert!(text == text.trim(), "{code}: {text:?}");
            for name in &names {
                assert!(text.contains(name.as_str()), "{code}: {name} is not said in {text:?}");
            }
            let bare = names.iter().fold(text.clone(), |bare, name| bare.replace(name.as_str(), "\u{27e8}\u{27e9}"));
            match lang {
                Lang::En => assert!(one_of_many(&bare).is_none(), "{code}: a plural of one in {text:?}"),
                Lang::ZhCn => {
                    let words =
                        bare.split(|c: char| !c.is_ascii_alphanumeric() && !"-_/.:".contains(c)).map(|word| word.trim_matches([':', '.']));
                    // What has a digit, a colon or the like in it is somebody's name for something.
                    let plain = |word: &&str| word.len() > 1 && word.chars().all(|c| c.is_ascii_alphabetic() || c == '-');
                    let english = words.filter(plain).find(|word| !AS_IT_IS.contains(word));
                    assert!(english.is_none(), "{code}: {english:?} is not translated in {text:?}");
                    assert!(
                        bare.chars().any(|c| ('\u{4e00}'..='\u{9fff}').contains(&c))
                            || !names.is_empty()
                            || AS_IT_IS.contains(&text.as_str()),
                        "{code}: {text:?}"
                    );
                }
            }
        }
        let back: Said<T> = serde_json::from_value(serde_json::to_value(Said::Now(value.clone())).unwrap()).unwrap();
        assert_eq!(back, Said::Now(value), "what is sent is read as it was");
    }
}

/// Every code of an enum.
#[cfg(test)]
pub(crate) fn codes<T: Sentence + Example>() -> Vec<String> {
    let code = |turn| serde_json::to_value(T::example("", turn)).unwrap()["code"].as_str().unwrap().to_owned();
    (0..T::VARIANTS).map(code).collect()
}

/// What was put into the text fields of an example.
#[cfg(test)]
fn names(json: &serde_json::Value) -> Vec<String> {
    match json {
        serde_json::Value::String(text) if text.starts_with('\u{27e8}') => vec![text.clone()],
        serde_json::Value::Array(list) => list.iter().flat_map(names).collect(),
        // What stands beside a sentence inside another is no field of it.
        serde_json::Value::Object(map) => map.iter().filter(|(name, _)| *name != "text").flat_map(|(_, value)| names(value)).collect(),
        _ => Vec::new(),
    }
}

/// `1 tags`.
#[cfg(test)]
fn one_of_many(text: &str) -> Option<&str> {
    let words: Vec<&str> = text.split(' ').collect();
    let verb = |word: &str| matches!(word, "is" | "was" | "has" | "waits");
    words
        .windows(2)
        .find(|pair| {
            pair[0] == "1" && pair[1].len() > 1 && !verb(pair[1]) && pair[1].trim_end_matches(|c: char| !c.is_alphabetic()).ends_with('s')
        })
        .map(|pair| pair[1])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jobs::sentences::Title;

    #[test]
    fn a_value_is_sent_with_its_text_and_a_text_of_before_stays_as_it_was_said() {
        let said = Said::Now(Title::Backup { plan: "nightly".to_owned(), harbor: "prod".to_owned() });
        let json = serde_json::json!({ "code": "backup", "plan": "nightly", "harbor": "prod", "text": "nightly backs up prod" });
        assert_eq!(serde_json::to_value(&said).unwrap(), json);
        assert_eq!(serde_json::from_value::<Said<Title>>(json).unwrap(), said);

        let then: Said<Title> = serde_json::from_value("what was said".into()).unwrap();
        assert_eq!((then.say(Lang::En), then.say(Lang::ZhCn)), ("what was said".to_owned(), "what was said".to_owned()));
        let sent = serde_json::to_value(&then).unwrap();
        assert_eq!(sent, serde_json::json!({ "code": "as_said_then", "text": "what was said" }));
        assert_eq!(serde_json::from_value::<Said<Title>>(sent).unwrap(), then);
        let newer = serde_json::json!({ "code": "of_tomorrow", "figure": 3, "text": "what will be said" });
        assert_eq!(serde_json::from_value::<Said<Title>>(newer).unwrap(), Said::Then("what will be said".to_owned()));
    }

    #[test]
    fn a_plural_of_one_is_found() {
        assert_eq!(one_of_many("it has 1 tags"), Some("tags"));
        assert_eq!(one_of_many("it has 21 tags and 1 tag"), None);
    }
}
