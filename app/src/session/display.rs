//! Language, theme and time zone of a page, known before anything is asked of the backend.
//!
//! They come from the cookies `lang` and `theme` and from `Accept-Language`. Unknown values fall back to English and the system's theme.
//! The zone is looked up before the page is made; without one it is UTC.

use leptos::prelude::use_context;

use crate::session::types::Theme;
use crate::text::Lang;
use crate::zone::Zone;

/// Language, theme and zone of this page.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Display {
    /// Language.
    pub lang: Lang,
    /// Theme.
    pub theme: Theme,
    /// Time zone, and whether the reader chose it.
    pub zone: ZoneOfPage,
}

/// The zone moments are written in.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ZoneOfPage {
    /// The zone.
    pub zone: Zone,
    /// Chosen by the reader; else it is what their browser says.
    pub chosen: bool,
}

impl Display {
    /// Of this request.
    #[must_use]
    pub fn here() -> Self {
        let Some(parts) = use_context::<http::request::Parts>() else { return Self::default() };
        let zone = parts.extensions.get::<ZoneOfPage>().cloned().unwrap_or_default();
        Self { zone, ..Self::of_headers(&parts.headers) }
    }

    fn of_headers(headers: &http::HeaderMap) -> Self {
        let text = |name| headers.get(name).and_then(|v: &http::HeaderValue| v.to_str().ok());
        let cookies = || headers.get_all(http::header::COOKIE).iter().filter_map(|v| v.to_str().ok()).flat_map(|v| v.split(';'));
        let cookie =
            |name: &str| cookies().filter_map(|pair| pair.trim().split_once('=')).find(|(key, _)| *key == name).map(|(_, value)| value);
        let lang = cookie("lang").or_else(|| text(http::header::ACCEPT_LANGUAGE)).map(Lang::from_header).unwrap_or_default();
        Self { lang, theme: theme(cookie("theme")), ..Self::default() }
    }

    /// The value of `data-theme`; none = as the system says.
    #[must_use]
    pub const fn theme_attribute(&self) -> Option<&'static str> {
        match self.theme {
            Theme::System => None,
            Theme::Light => Some("light"),
            Theme::Dark => Some("dark"),
        }
    }
}

fn theme(text: Option<&str>) -> Theme {
    match text {
        Some("light") => Theme::Light,
        Some("dark") => Theme::Dark,
        _ => Theme::System,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cookie_wins_over_the_browsers_language() {
        let mut headers = http::HeaderMap::new();
        headers.insert("accept-language", http::HeaderValue::from_static("zh-CN,zh;q=0.9"));
        assert_eq!(Display::of_headers(&headers).lang, Lang::ZhCn);
        headers.insert("cookie", http::HeaderValue::from_static("a=b; lang=en; theme=dark"));
        assert_eq!(Display::of_headers(&headers), Display { lang: Lang::En, theme: Theme::Dark, ..Display::default() });
    }
}
