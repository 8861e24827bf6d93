//! Listings, page by page.
//!
//! By key where Harbor can (`q=id=[n~]`, always page 1): offsets shift under concurrent writes. By offset elsewhere, read again if the total moved meanwhile. Harbor ignores
//! filters it does not know, so a page that does not move on ends in an error, never in a loop (F-45). Its `Link` header is never followed.

use reqwest::Method;
use serde::de::DeserializeOwned;

use crate::client::{Client, parse};
use crate::error::RegistryError;

/// Harbor's largest page.
pub(crate) const PAGE_SIZE: usize = 100;
/// Most pages of one listing: two million rows.
const PAGES_MAX: usize = 20_000;
/// How often a listing by offset is read again because its total moved.
const REREADS_MAX: usize = 3;
/// Most rows asked for in one answer. Undocumented in Harbor, so only for listings known to be small, and only believed if complete.
pub(crate) const UNPAGED_ROWS_MAX: u64 = 2_000;

/// What to list.
#[derive(Clone)]
pub(crate) struct Listing {
    /// Encoded path under `/api/v2.0`.
    pub path: String,
    pub query: Vec<(&'static str, String)>,
    /// Conditions besides the key, comma separated.
    pub filter: Option<String>,
    pub what: String,
}

/// A page and whether there may be more.
pub(crate) struct Page<T> {
    pub rows: Vec<T>,
    pub more: bool,
    /// Rows in all that fit the filter, where Harbor says so.
    pub total: Option<u64>,
}

impl Listing {
    pub fn new(path: impl Into<String>, what: impl Into<String>) -> Self {
        Self { path: path.into(), query: Vec::new(), filter: None, what: what.into() }
    }

    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.query.push((name, value.into()));
        self
    }

    /// A condition besides those it has.
    pub fn filtered(mut self, condition: impl Into<String>) -> Self {
        let condition = condition.into();
        self.filter = Some(self.filter.map_or(condition.clone(), |filter| format!("{filter},{condition}")));
        self
    }

    fn condition(&self, key: Option<String>) -> Option<String> {
        let parts: Vec<String> = self.filter.clone().into_iter().chain(key).collect();
        (!parts.is_empty()).then(|| parts.join(","))
    }
}

impl Client {
    async fn page<T: DeserializeOwned>(&self, listing: &Listing, extra: &[(&str, String)], size: usize) -> Result<Page<T>, RegistryError> {
        let mut call = self.api(Method::GET, &listing.path, listing.what.clone()).listing();
        for (name, value) in listing.query.iter().map(|(n, v)| (*n, v)).chain(extra.iter().map(|(n, v)| (*n, v))) {
            call = call.query(name, value);
        }
        let answer = self.expect(&call).await?;
        let rows: Option<Vec<T>> = parse(&answer.body, &listing.what)?;
        let rows = rows.unwrap_or_default();
        let total = answer.header("x-total-count").and_then(|n| n.parse::<u64>().ok());
        // A full page may be the last; the total, where given, tells.
        let more = total.map_or(rows.len() >= size, |total| total > rows.len() as u64) && !rows.is_empty();
        Ok(Page { rows, more, total })
    }

    /// The rows whose `key` is above `after`.
    pub(crate) async fn page_after<T: DeserializeOwned>(
        &self,
        listing: &Listing,
        key: &str,
        after: i64,
        id: impl Fn(&T) -> i64,
    ) -> Result<Page<T>, RegistryError> {
        let condition = (after > 0).then(|| format!("{key}=[{}~]", after.saturating_add(1)));
        let mut extra = vec![("page_size", PAGE_SIZE.to_string()), ("sort", key.to_owned())];
        extra.extend(listing.condition(condition).map(|q| ("q", q)));
        let page: Page<T> = self.page(listing, &extra, PAGE_SIZE).await?;
        let mut last = after;
        for row in &page.rows {
            if id(row) <= last {
                return Err(RegistryError::Protocol { what: format!("the listing to {} does not move on", listing.what) });
            }
            last = id(row);
        }
        Ok(page)
    }

    /// All rows, by key.
    pub(crate) async fn keyed<T: DeserializeOwned>(
        &self,
        listing: &Listing,
        key: &str,
        id: impl Fn(&T) -> i64,
    ) -> Result<Vec<T>, RegistryError> {
        let mut rows: Vec<T> = Vec::new();
        for _ in 0..PAGES_MAX {
            let after = rows.last().map_or(0, &id);
            let page = self.page_after(listing, key, after, &id).await?;
            rows.extend(page.rows);
            if !page.more {
                return Ok(rows);
            }
        }
        Err(too_long(listing))
    }

    /// One page of an order of the caller's. Rows may move between two pages while somebody writes: use it only where a row that is missed is
    /// met again next time.
    pub(crate) async fn page_sorted<T: DeserializeOwned>(
        &self,
        listing: &Listing,
        sort: &str,
        number: usize,
    ) -> Result<Page<T>, RegistryError> {
        let mut extra = vec![("page_size", PAGE_SIZE.to_string()), ("page", number.to_string()), ("sort", sort.to_owned())];
        extra.extend(listing.condition(None).map(|q| ("q", q)));
        self.page(listing, &extra, PAGE_SIZE).await
    }

    /// All rows in one answer, if Harbor gives them all; `None` means to page.
    pub(crate) async fn unpaged<T: DeserializeOwned>(&self, listing: &Listing, key: &str) -> Result<Option<Vec<T>>, RegistryError> {
        let mut extra = vec![("page_size", "-1".to_owned()), ("sort", key.to_owned())];
        extra.extend(listing.condition(None).map(|q| ("q", q)));
        match self.page::<T>(listing, &extra, usize::MAX).await {
            Ok(page) if page.total == Some(page.rows.len() as u64) => Ok(Some(page.rows)),
            Ok(_) | Err(RegistryError::Invalid { .. } | RegistryError::TooLarge { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// All rows, by offset; for listings without a key. `id` tells rows apart.
    pub(crate) async fn paged<T: DeserializeOwned>(&self, listing: &Listing, id: impl Fn(&T) -> i64) -> Result<Vec<T>, RegistryError> {
        let mut rows = Vec::new();
        for _ in 0..=REREADS_MAX {
            let (found, steady) = self.paged_once(listing, &id).await?;
            rows = found;
            if steady {
                break;
            }
        }
        Ok(rows)
    }

    async fn paged_once<T: DeserializeOwned>(&self, listing: &Listing, id: impl Fn(&T) -> i64) -> Result<(Vec<T>, bool), RegistryError> {
        let (mut rows, mut seen, mut read) = (Vec::new(), std::collections::HashSet::new(), 0_u64);
        for number in 1..=PAGES_MAX {
            let mut extra = vec![("page_size", PAGE_SIZE.to_string()), ("page", number.to_string())];
            extra.extend(listing.condition(None).map(|q| ("q", q)));
            let page: Page<T> = self.page(listing, &extra, PAGE_SIZE).await?;
            let (count, total) = (page.rows.len(), page.total);
            read += count as u64;
            let before = rows.len();
            rows.extend(page.rows.into_iter().filter(|row| seen.insert(id(row))));
            if count > 0 && rows.len() == before {
                return Err(RegistryError::Protocol { what: format!("the listing to {} does not move on", listing.what) });
            }
            let ended = total.map_or(count < PAGE_SIZE, |total| read >= total) || count == 0;
            if ended {
                let steady = total.is_none_or(|total| total == rows.len() as u64);
                return Ok((rows, steady));
            }
        }
        Err(too_long(listing))
    }
}

pub(crate) fn too_long(listing: &Listing) -> RegistryError {
    RegistryError::TooLarge { what: format!("the listing to {}", listing.what), limit_bytes: (PAGES_MAX * PAGE_SIZE) as u64 }
}

/// How many pages a listing may have.
pub(crate) const fn pages_max() -> usize {
    PAGES_MAX
}
