//! Language, theme and time zone of a page, known before anything is asked of the backend.
//!
//! On the server they come from the cookies `lang` and `theme` and from `Accept-Language`; in the browser from the attributes
//! the server wrote on the root element, so both sides agree. Unknown values fall back to English and the system's theme.
//! The zone is looked up by the server before the page is made, since only it has the database; without one it is UTC.

use leptos::prelude::{document, is_browser, use_context};

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
    /// Of this request, or of the page that is open.
    #[must_use]
    pub fn here() -> Self {
        // The request first: a server function runs outside of any page, where "in a browser" cannot be asked.
        if let Some(parts) = use_context::<http::request::Parts>() {
            let zone = parts.extensions.get::<ZoneOfPage>().cloned().unwrap_or_default();
            return Self { zone, ..Self::of_headers(&parts.headers) };
        }
        if is_browser() { Self::of_document().unwrap_or_default() } else { Self::default() }
    }

    fn of_document() -> Option<Self> {
        let root = document().document_element()?;
        let lang = root.get_attribute("lang").map(|l| Lang::from_header(&l)).unwrap_or_default();
        let zone = ZoneOfPage {
            zone: root.get_attribute("data-zone").and_then(|z| Zone::of_attribute(&z)).unwrap_or_default(),
            chosen: root.has_attribute("data-zone-chosen"),
        };
        Some(Self { lang, theme: theme(root.get_attribute("data-theme").as_deref()), zone })
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
