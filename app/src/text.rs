//! Both languages of the console, side by side where the text is used.
//!
//! [`t`] takes the English and the Chinese sentence together, so a text without its translation does not compile.
//! Rejected: key files, which drift from the page that shows them. Sentences with values use [`Lang::pick`] with
//! `format!`. What the server says are values ([`crate::sentence`]).

use leptos::prelude::{expect_context, provide_context};
use serde::{Deserialize, Serialize};

/// A language of the console.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, utoipa::ToSchema)]
pub enum Lang {
    /// English.
    #[default]
    #[serde(rename = "en")]
    En,
    /// Simplified Chinese.
    #[serde(rename = "zh-CN")]
    ZhCn,
}

impl Lang {
    /// The value of the `lang` attribute.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::En => "en",
            Self::ZhCn => "zh-CN",
        }
    }

    /// The language of a cookie or an `Accept-Language` header; English where neither is known.
    #[must_use]
    pub fn from_header(text: &str) -> Self {
        let first = text.split(',').next().unwrap_or_default().trim();
        if first.get(..2).is_some_and(|p| p.eq_ignore_ascii_case("zh")) { Self::ZhCn } else { Self::En }
    }

    /// The one of the two texts that is in this language.
    pub fn pick<T>(self, en: T, zh: T) -> T {
        match self {
            Self::En => en,
            Self::ZhCn => zh,
        }
    }
}

/// Makes `lang` the language of everything below.
pub fn provide_lang(lang: Lang) {
    provide_context(lang);
}

/// The language of this page.
#[must_use]
pub fn lang() -> Lang {
    expect_context::<Lang>()
}

/// The text in the language of this page.
#[must_use]
pub fn t(en: &'static str, zh: &'static str) -> &'static str {
    lang().pick(en, zh)
}
