//! Query strings: paging, sorting and Harbor's `q=` grammar (harbor.md §2).
//!
//! `q` is a comma separated list of `k=v`, `k=~fuzzy`, `k=[min~max]`, `k={a b}` and `k=(a b)`. Unknown keys are silently
//! ignored, unknown sort keys too: that is Harbor's behaviour and a trap for its clients, so the simulator keeps it.

use std::cmp::Ordering;
use std::ops::Range;

use serde_json::Value;

use crate::clock;
use crate::reply::{self, Refusal, Reply};

/// The largest page Harbor grants.
const PAGE_SIZE_MAX: i64 = 100;
/// The page it gives when none is asked for.
const PAGE_SIZE_DEFAULT: i64 = 10;

/// One query string, decoded once.
#[derive(Debug, Clone, Default)]
pub struct Params(Vec<(String, String)>);

/// One field of a row, as filters and sorting see it.
#[derive(Debug, Clone, PartialEq)]
pub enum Field {
    Int(i64),
    Text(String),
    Time(i64),
    /// A field with several values: a filter fits when one of them fits.
    Many(Vec<String>),
}

/// One comparison of a `q=` filter.
#[derive(Debug, Clone, PartialEq)]
pub enum Test {
    Is(String),
    Like(String),
    Range(Option<String>, Option<String>),
    AnyOf(Vec<String>),
    AllOf(Vec<String>),
}

/// Paging of one listing.
#[derive(Debug, Clone, Copy)]
pub struct Page {
    pub number: i64,
    pub size: i64,
}

impl Params {
    pub fn parse(query: Option<&str>) -> Self {
        let pairs = query.unwrap_or_default().split('&').filter(|pair| !pair.is_empty());
        Self(
            pairs
                .map(|pair| {
                    let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
                    (decode_plus(name), decode_plus(value))
                })
                .collect(),
        )
    }

    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    pub fn flag(&self, name: &str, default: bool) -> bool {
        self.get(name).map_or(default, |value| value == "true" || value == "1")
    }

    /// `page` and `page_size`, checked as Harbor's generated server checks them.
    pub fn page(&self) -> Result<Page, Refusal> {
        let size = self.number("page_size", PAGE_SIZE_DEFAULT)?;
        if size > PAGE_SIZE_MAX {
            return Err(Refusal::invalid("page_size in query should be less than or equal to 100"));
        }
        Ok(Page { number: self.number("page", 1)?, size })
    }

    fn number(&self, name: &str, default: i64) -> Result<i64, Refusal> {
        let Some(text) = self.get(name) else {
            return Ok(default);
        };
        text.parse().map_err(|_| Refusal::invalid(&format!("{name} in query must be of type int64: {text:?}")))
    }

    /// The tests of `q=`.
    pub fn tests(&self) -> Result<Vec<(String, Test)>, Refusal> {
        let Some(q) = self.get("q") else {
            return Ok(Vec::new());
        };
        let mut tests = Vec::new();
        for part in q.split(',').filter(|part| !part.is_empty()) {
            let Some((key, value)) = part.split_once('=') else {
                let message = r#"the query string must contain "=" and the key/value cannot be empty"#;
                return Err(Refusal::bad_request(message));
            };
            tests.push((key.trim().to_owned(), test(value)?));
        }
        Ok(tests)
    }

    /// The text of one exact `q=` test, where a handler treats a key by itself.
    pub fn exact(&self, key: &str) -> Result<Option<String>, Refusal> {
        Ok(self.tests()?.into_iter().find_map(|(name, test)| match test {
            Test::Is(value) if name == key => Some(value),
            _ => None,
        }))
    }

    /// The header `Link` of a listing: relative, un-escaped and in the order of the alphabet, as recorded.
    fn link(&self, path: &str, total: i64, page: Page) -> Option<String> {
        if page.size == 0 {
            return None;
        }
        let mut links = Vec::new();
        let mut link = |number: i64, word: &str| {
            let mut pairs: Vec<(String, String)> = self.0.iter().filter(|(key, _)| key != "page" && key != "page_size").cloned().collect();
            pairs.push(("page".to_owned(), number.to_string()));
            pairs.push(("page_size".to_owned(), page.size.to_string()));
            pairs.sort();
            let query: Vec<String> = pairs.iter().map(|(key, value)| format!("{key}={value}")).collect();
            links.push(format!("<{path}?{}>; rel=\"{word}\"", query.join("&")));
        };
        if page.number > 1 && (page.number - 1).saturating_mul(page.size) < total {
            link(page.number - 1, "prev");
        }
        if page.number.saturating_mul(page.size) < total {
            link(page.number + 1, "next");
        }
        (!links.is_empty()).then(|| links.join(" , "))
    }
}

/// Percent-decoding once; bytes that are not UTF-8 become U+FFFD.
pub fn decode(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let hex = bytes.get(at + 1..at + 3).and_then(|pair| std::str::from_utf8(pair).ok());
        match hex.and_then(|pair| u8::from_str_radix(pair, 16).ok()) {
            Some(value) if byte == b'%' => {
                out.push(value);
                at += 3;
            }
            _ => {
                out.push(byte);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

fn decode_plus(text: &str) -> String {
    decode(&text.replace('+', " "))
}

fn test(value: &str) -> Result<Test, Refusal> {
    let bad = || Refusal::bad_request(format!("invalid value in the query string: {value}"));
    let words = |inner: &str| inner.split(' ').filter(|word| !word.is_empty()).map(unquote).collect();
    Ok(match value.chars().next() {
        Some('[') => {
            let inner = value.get(1..).and_then(|rest| rest.strip_suffix(']')).ok_or_else(bad)?;
            let (low, high) = inner.split_once('~').ok_or_else(bad)?;
            let end = |text: &str| (!text.is_empty()).then(|| unquote(text));
            Test::Range(end(low), end(high))
        }
        Some('{') => Test::AnyOf(words(value.get(1..).and_then(|rest| rest.strip_suffix('}')).ok_or_else(bad)?)),
        Some('(') => Test::AllOf(words(value.get(1..).and_then(|rest| rest.strip_suffix(')')).ok_or_else(bad)?)),
        Some('~') => Test::Like(unquote(&value[1..])),
        Some('\\') => Test::Is(value[1..].to_owned()),
        _ => Test::Is(unquote(value)),
    })
}

fn unquote(text: &str) -> String {
    let text = text.trim();
    for quote in ['\'', '"'] {
        if let Some(inner) = text.strip_prefix(quote).and_then(|rest| rest.strip_suffix(quote)) {
            return inner.to_owned();
        }
    }
    text.to_owned()
}

impl Test {
    pub fn fits(&self, field: &Field) -> bool {
        match self {
            Self::Is(value) => equal(field, value),
            Self::Like(value) => match field {
                Field::Text(text) => text.contains(value.as_str()),
                Field::Many(texts) => texts.iter().any(|text| text.contains(value.as_str())),
                Field::Int(_) | Field::Time(_) => equal(field, value),
            },
            Self::Range(low, high) => {
                low.as_ref().is_none_or(|low| compare(field, low).is_some_and(Ordering::is_ge))
                    && high.as_ref().is_none_or(|high| compare(field, high).is_some_and(Ordering::is_le))
            }
            Self::AnyOf(values) => values.iter().any(|value| equal(field, value)),
            Self::AllOf(values) => values.iter().all(|value| equal(field, value)),
        }
    }
}

fn equal(field: &Field, value: &str) -> bool {
    match field {
        Field::Many(texts) => texts.iter().any(|text| text == value),
        _ => compare(field, value).is_some_and(Ordering::is_eq),
    }
}

fn compare(field: &Field, value: &str) -> Option<Ordering> {
    match field {
        Field::Int(number) => Some(number.cmp(&value.parse().ok()?)),
        Field::Text(text) => Some(text.as_str().cmp(value)),
        Field::Time(us) => Some(us.cmp(&clock::parse(value)?)),
        Field::Many(_) => None,
    }
}

/// A page of a listing.
pub struct Paged<T> {
    pub rows: Vec<T>,
    total: i64,
    link: Option<String>,
}

impl<T> Paged<T> {
    /// Its answer, with its headers.
    pub fn answer(&self, render: impl Fn(&T) -> Value) -> Reply {
        let mut answer = reply::ok(&Value::Array(self.rows.iter().map(render).collect()));
        reply::set(&mut answer, "x-total-count", &self.total.to_string());
        if let Some(link) = &self.link {
            reply::set(&mut answer, "link", link);
        }
        answer
    }
}

/// Filters, sorts and pages `rows`, and renders the page with its headers.
///
/// `field` names the keys a filter or sort may use; `None` means "not a key here", which is ignored.
pub fn listing<T>(
    params: &Params,
    path: &str,
    default_sort: &str,
    rows: Vec<T>,
    field: impl Fn(&T, &str) -> Option<Field>,
    render: impl Fn(&T) -> Value,
) -> Result<Reply, Refusal> {
    Ok(paged(params, path, default_sort, rows, field)?.answer(render))
}

/// The same, before it is rendered.
pub fn paged<T>(
    params: &Params,
    path: &str,
    default_sort: &str,
    rows: Vec<T>,
    field: impl Fn(&T, &str) -> Option<Field>,
) -> Result<Paged<T>, Refusal> {
    let page = params.page()?;
    let tests = params.tests()?;
    let mut rows: Vec<T> =
        rows.into_iter().filter(|row| tests.iter().all(|(key, test)| field(row, key).is_none_or(|value| test.fits(&value)))).collect();
    let total = i64::try_from(rows.len()).unwrap_or(i64::MAX);
    let (skip, take) = if page.size <= 0 {
        (0, rows.len())
    } else {
        let skip = usize::try_from((page.number.max(1) - 1).saturating_mul(page.size)).unwrap_or(usize::MAX);
        (skip, usize::try_from(page.size).unwrap_or(0))
    };
    sort(&mut rows, params.get("sort").filter(|text| !text.is_empty()).unwrap_or(default_sort), skip..skip.saturating_add(take), &field);
    let rows = rows.into_iter().skip(skip).take(take).collect();
    Ok(Paged { rows, total, link: params.link(path, total, page) })
}

/// Sorts as far as the rows `shown` need it, and drops those after: a page of a listing of a hundred thousand rows is not worth their order.
fn sort<T>(rows: &mut Vec<T>, keys: &str, shown: Range<usize>, field: &impl Fn(&T, &str) -> Option<Field>) {
    let order = |left: &T, right: &T| {
        for key in keys.split(',') {
            let (name, down) = key.strip_prefix('-').map_or((key, false), |name| (name, true));
            let order = match (field(left, name), field(right, name)) {
                (Some(Field::Int(a)), Some(Field::Int(b))) | (Some(Field::Time(a)), Some(Field::Time(b))) => a.cmp(&b),
                (Some(Field::Text(a)), Some(Field::Text(b))) => a.cmp(&b),
                _ => Ordering::Equal,
            };
            if order != Ordering::Equal {
                return if down { order.reverse() } else { order };
            }
        }
        Ordering::Equal
    };
    let mut numbered: Vec<(usize, T)> = rows.drain(..).enumerate().collect();
    let stable = |left: &(usize, T), right: &(usize, T)| order(&left.1, &right.1).then(left.0.cmp(&right.0));
    if shown.end < numbered.len() {
        numbered.select_nth_unstable_by(shown.end, stable);
        numbered.truncate(shown.end);
    }
    if shown.start < numbered.len() {
        numbered.select_nth_unstable_by(shown.start, stable);
        numbered[shown.start..].sort_by(stable);
    }
    rows.extend(numbered.into_iter().map(|(_, row)| row));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn params(text: &str) -> Params {
        Params::parse(Some(text))
    }

    #[test]
    fn the_filter_grammar_is_read() {
        let tests = params("q=id%3D%5B3~%5D,name%3D~we,tags%3D%7Ba%20b%7D,x%3D%27123%27").tests().unwrap();
        assert_eq!(tests[0], ("id".into(), Test::Range(Some("3".into()), None)));
        assert_eq!(tests[1].1, Test::Like("we".into()));
        assert_eq!(tests[2].1, Test::AnyOf(vec!["a".into(), "b".into()]));
        assert_eq!(tests[3].1, Test::Is("123".into()));
        assert!(params("q=nonsense").tests().is_err());
    }

    #[test]
    fn a_page_over_a_hundred_is_refused_and_minus_one_is_not() {
        assert_eq!(params("page_size=101").page().unwrap_err().status, 422);
        assert_eq!(params("page_size=-1").page().unwrap().size, -1);
        assert_eq!(params("").page().unwrap().size, 10);
    }

    #[test]
    fn percent_signs_that_are_no_escape_stay() {
        assert_eq!(decode("a%252Fb%zz%"), "a%2Fb%zz%");
    }
}
