//! Small values of Harbor's JSON: times that mean *never*, lists that are null, names in paths.

use serde::{Deserialize, Deserializer};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use vocab::RepositoryName;

/// A time; Harbor writes the year 1 for *never*, and an unreadable one is taken as not stated.
pub(crate) fn moment<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<OffsetDateTime>, D::Error> {
    let text = Option::<String>::deserialize(deserializer)?;
    let parsed = text.and_then(|t| OffsetDateTime::parse(&t, &Rfc3339).ok());
    Ok(parsed.filter(|t| t.year() > 1))
}

/// A value that may be `null` or absent.
pub(crate) fn or_default<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(deserializer: D) -> Result<T, D::Error> {
    Ok(Option::<T>::deserialize(deserializer)?.unwrap_or_default())
}

/// A size; Harbor never means anything by a negative one.
pub(crate) fn size<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    Ok(Option::<i64>::deserialize(deserializer)?.and_then(|n| u64::try_from(n).ok()).unwrap_or(0))
}

/// `/projects/p/repositories/a%252Fb`: the slash is encoded twice, since a proxy in front decodes once (harbor.md §2).
pub(crate) fn repository_path(name: &RepositoryName) -> String {
    format!("/projects/{}/repositories/{}", name.project(), name.within_project().replace('/', "%252F"))
}

/// Harbor escapes descriptions for HTML when they are written, since 2.14; what people typed is the un-escaped text. Harbor's escaping is Go's `html.EscapeString`.
pub(crate) fn unescaped(text: &str) -> String {
    text.replace("&lt;", "<").replace("&gt;", ">").replace("&#34;", "\"").replace("&#39;", "'").replace("&amp;", "&")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repository_is_encoded_twice() {
        assert_eq!(repository_path(&"prod/team/app".parse().unwrap()), "/projects/prod/repositories/team%252Fapp");
        assert_eq!(repository_path(&"prod/app".parse().unwrap()), "/projects/prod/repositories/app");
    }

    #[test]
    fn an_escaped_description_is_read_as_it_was_typed() {
        assert_eq!(unescaped("a &lt;b&gt; &amp; &#34;c&#34;"), "a <b> & \"c\"");
        assert_eq!(unescaped("&amp;lt;"), "&lt;", "once, not twice");
    }
}
