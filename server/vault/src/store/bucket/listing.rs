//! Listing what is stored, and what was never finished.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use futures::stream::{self, BoxStream};
use futures::{StreamExt, TryStreamExt};
use http::Method;
use http::header::DATE;
use object_store::path::Path;
use object_store::{ObjectMeta, ObjectStore};
use serde::Deserialize;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::wire::Ask;
use super::{Shared, writer};
use crate::error::StoreError;
use crate::layout::{Key, Prefix};
use crate::store::{Cleaned, Entry};

/// Most pages of unfinished uploads read at once; a page has a thousand.
const UPLOAD_PAGES_MAX: usize = 1_000;

fn error(prefix: &str, source: object_store::Error) -> StoreError {
    StoreError::Io { action: "list", key: prefix.to_owned(), source: io::Error::other(source) }
}

/// One line of the listing, if it is of the family: what else lies in the bucket is passed over.
fn entry(shared: &Shared, prefix: &Prefix, found: &ObjectMeta) -> Option<Entry> {
    let path = shared.wire.place.inner(found.location.as_ref())?;
    let (folder, depth) = prefix.folder();
    let inner = path.strip_prefix(&folder)?.strip_prefix('/')?;
    if inner.matches('/').count() != depth as usize {
        return None;
    }
    let modified = OffsetDateTime::from_unix_timestamp(found.last_modified.timestamp()).ok();
    Some(Entry { key: Key::parse(path)?, size_bytes: found.size, modified })
}

/// The listing of a family. Any error, also that of an absent bucket, ends it as an error.
pub(super) fn list(shared: Arc<Shared>, prefix: &Prefix) -> BoxStream<'static, Result<Entry, StoreError>> {
    let prefix = prefix.clone();
    let folder = prefix.folder().0;
    let path = Path::from(shared.wire.place.full(&folder));
    if prefix == Prefix::Sweeps {
        // Beside the records lie the condemned themselves, perhaps millions: only this level is asked for.
        return stream::once(async move {
            let found = shared.reader.list_with_delimiter(Some(&path)).await.map_err(|e| error(&folder, e))?;
            let entries: Vec<_> = found.objects.iter().filter_map(|found| entry(&shared, &prefix, found)).map(Ok).collect();
            Ok(stream::iter(entries))
        })
        .try_flatten()
        .boxed();
    }
    shared
        .reader
        .list(Some(&path))
        .map_err(move |e| error(&folder, e))
        .try_filter_map(move |found| std::future::ready(Ok(entry(&shared, &prefix, &found))))
        .boxed()
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Uploads {
    is_truncated: bool,
    next_key_marker: String,
    next_upload_id_marker: String,
    #[serde(rename = "Upload")]
    uploads: Vec<Unfinished>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Unfinished {
    key: String,
    upload_id: String,
    initiated: String,
}

/// Aborts uploads of ours that were begun more than `older_than` ago, by the server's own clock.
pub(super) async fn abort_uploads(shared: &Shared, older_than: Duration) -> Result<Cleaned, StoreError> {
    let prefix = shared.wire.place.full("");
    let (mut key_marker, mut id_marker) = (String::new(), String::new());
    let mut cleaned = Cleaned::default();
    for _ in 0..UPLOAD_PAGES_MAX {
        let mut query = vec![("uploads", ""), ("prefix", prefix.as_str())];
        if !key_marker.is_empty() {
            query.extend([("key-marker", key_marker.as_str()), ("upload-id-marker", id_marker.as_str())]);
        }
        let ask = Ask::new(Method::GET, "", "list the unfinished uploads of").query(&query);
        let answer = shared.wire().ask(&ask).await?;
        let page = if answer.is_refusal() { None } else { answer.xml::<Uploads>() };
        let page = page.ok_or_else(|| shared.wire().refused(&ask, &answer))?;
        for unfinished in &page.uploads {
            let ours = shared.wire.place.inner(&unfinished.key).is_some_and(|inner| Key::parse(inner).is_some());
            if ours && is_old(unfinished, answer.moment(&DATE), older_than) {
                writer::abort(shared, &unfinished.key, &unfinished.upload_id).await?;
                cleaned.count += 1;
            }
        }
        let on = page.is_truncated && !page.next_key_marker.is_empty();
        if !on || (&page.next_key_marker, &page.next_upload_id_marker) == (&key_marker, &id_marker) {
            break;
        }
        (key_marker, id_marker) = (page.next_key_marker, page.next_upload_id_marker);
    }
    Ok(cleaned)
}

fn is_old(unfinished: &Unfinished, now: Option<OffsetDateTime>, older_than: Duration) -> bool {
    let begun = OffsetDateTime::parse(&unfinished.initiated, &Rfc3339).ok();
    let age = now.zip(begun).map(|(now, begun)| now - begun);
    // The server writes both moments to the second: an upload of the same second has no age, and counts as old for zero.
    age.is_some_and(|age| older_than.is_zero() || Duration::try_from(age).is_ok_and(|age| age >= older_than))
}
