//! The address of a page, taken apart once: its path, what the table of pages names in it, and its query.

use leptos::prelude::expect_context;
use percent_encoding::percent_decode_str;

/// The address of the page that is drawn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    path: String,
    query: String,
    params: Vec<(&'static str, String)>,
    pairs: Vec<(String, String)>,
}

impl Address {
    /// Takes one apart. `route` is the path of [`crate::pages::Page`] that it fits.
    #[must_use]
    pub fn of(route: &'static str, path: &str, query: Option<&str>) -> Self {
        let named = |(part, text): (&'static str, &str)| {
            let name = part.strip_prefix('{')?.strip_suffix('}')?;
            Some((name, percent_decode_str(text).decode_utf8_lossy().into_owned()))
        };
        let query = query.unwrap_or_default();
        Self {
            path: path.to_owned(),
            query: query.to_owned(),
            params: route.split('/').zip(path.split('/')).filter_map(named).collect(),
            pairs: url::form_urlencoded::parse(query.as_bytes()).into_owned().collect(),
        }
    }

    /// Of the page that is drawn.
    ///
    /// # Panics
    /// Where no page is drawn.
    #[must_use]
    pub fn here() -> Self {
        expect_context::<Self>()
    }

    /// `/plans/3`.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// `/plans/3?after=x`.
    #[must_use]
    pub fn whole(&self) -> String {
        if self.query.is_empty() { self.path.clone() } else { format!("{}?{}", self.path, self.query) }
    }

    /// What stands for `{name}`; nothing where the route names no such part.
    #[must_use]
    pub fn param(&self, name: &str) -> &str {
        self.params.iter().find(|(key, _)| *key == name).map_or("", |(_, value)| value)
    }

    /// The first value of a parameter.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<String> {
        self.all(name).next()
    }

    /// All values of a parameter.
    pub fn all(&self, name: &str) -> impl Iterator<Item = String> {
        self.pairs.iter().filter(move |(key, _)| key == name).map(|(_, value)| value.clone())
    }

    /// All parameters, in their order.
    #[must_use]
    pub fn pairs(&self) -> &[(String, String)] {
        &self.pairs
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_read_as_a_form_wrote_it() {
        let address =
            Address::of("/projects/{harbor}/{project}", "/projects/prod-sh/a%20b", Some("repo=team%2Fapp&item=x&item=y+z&empty="));
        assert_eq!((address.param("harbor"), address.param("project"), address.param("id")), ("prod-sh", "a b", ""));
        assert_eq!(address.get("repo").as_deref(), Some("team/app"));
        assert_eq!(address.all("item").collect::<Vec<_>>(), ["x", "y z"]);
        assert_eq!(address.get("empty").as_deref(), Some(""));
        assert_eq!(address.get("none"), None);
        assert_eq!(address.whole(), "/projects/prod-sh/a%20b?repo=team%2Fapp&item=x&item=y+z&empty=");
        assert_eq!(Address::of("/", "/", None).whole(), "/");
    }
}
