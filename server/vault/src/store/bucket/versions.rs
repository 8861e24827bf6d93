//! What a bucket keeps below its names: older versions, marks of deletion, locks.
//!
//! A delete names the version it means, and so frees its room, leaves no mark behind, and cannot take away what is put later under the same
//! name. Where a name has several versions the older ones go first and the current one last, since what lies below would else have the
//! name again.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use async_stream::try_stream;
use bytes::Bytes;
use futures::stream::{self, BoxStream};
use futures::{StreamExt, TryStreamExt};
use http::header::{DATE, HeaderName};
use http::{Method, StatusCode};
use object_store::path::Path;
use object_store::{GetOptions, ObjectStore};
use serde::Deserialize;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use vocab::Digest;

use super::wire::{Answer, Ask};
use super::writer::Upload;
use super::{Shared, read_error};
use crate::error::StoreError;
use crate::layout::{Key, Prefix};
use crate::lock::{Extended, Locked, Mode};
use crate::store::{Chunks, Cleaned, Looked, OldVersion, Version};

/// Most pages of a listing of versions; a page has a thousand.
const PAGES_MAX: usize = 1_000_000;
/// Versions of one name looked at. Whoever put more on top of one of ours has written that many times.
const VERSIONS_MAX: usize = 100_000;
/// Versions of small files tidied up in one go.
const TIDY_MAX: usize = 100_000;
/// Deletes side by side.
const DELETES_AT_ONCE: usize = 16;
/// Marks of deletion taken off one name.
const MARKERS_MAX: usize = 1_000;
/// How often a lock is asked for while others extend it too.
const EXTENSIONS_MAX: usize = 3;
/// How much is copied by one request, in bytes; S3 allows five times as much.
const COPY_BYTES: u64 = 1024 * 1024 * 1024;

pub(super) const VERSION_ID: HeaderName = HeaderName::from_static("x-amz-version-id");
const LOCK_MODE: HeaderName = HeaderName::from_static("x-amz-object-lock-mode");
const LOCK_UNTIL: HeaderName = HeaderName::from_static("x-amz-object-lock-retain-until-date");

const LOCK_LIFT: HeaderName = HeaderName::from_static("x-amz-bypass-governance-retention");

/// Folders in which only small files lie that come and go.
const PASSING: [&str; 5] = ["index.json", "breakwater/holds/", "breakwater/condemned/", "breakwater/locks/", "breakwater/probe/"];

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Versioning {
    status: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Page {
    is_truncated: bool,
    next_key_marker: String,
    next_version_id_marker: String,
    #[serde(rename = "Version")]
    versions: Vec<Line>,
    #[serde(rename = "DeleteMarker")]
    markers: Vec<Line>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Line {
    key: String,
    version_id: String,
    is_latest: bool,
    last_modified: String,
    size: u64,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Retention {
    mode: String,
    retain_until_date: String,
}

/// One version, or mark of deletion, as it is listed.
#[derive(Debug, Clone)]
pub(super) struct Found {
    pub path: String,
    pub id: String,
    pub size_bytes: u64,
    pub is_latest: bool,
    pub is_marker: bool,
    pub modified: Option<OffsetDateTime>,
}

impl Found {
    fn of(line: Line, is_marker: bool) -> Self {
        let modified = OffsetDateTime::parse(&line.last_modified, &Rfc3339).ok();
        Self { path: line.key, id: line.version_id, size_bytes: line.size, is_latest: line.is_latest, is_marker, modified }
    }

    fn version(&self) -> Version {
        Version { id: self.id.clone(), size_bytes: self.size_bytes, is_current: self.is_latest }
    }
}

/// What became of all versions of a name.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Cleared {
    /// Nothing has this name any more, and nothing is kept of it.
    All,
    /// A lock keeps one of them; the current one is as it was.
    Locked(OffsetDateTime),
    /// The key may not delete versions; the current one is as it was.
    Forbidden,
}

/// A moment as S3 wants it: to the second, and never earlier than was asked for.
fn stamp(until: OffsetDateTime) -> String {
    let whole = until.replace_nanosecond(0).unwrap_or(until);
    let whole = if whole < until { whole + time::Duration::SECOND } else { whole };
    whole.to_offset(time::UtcOffset::UTC).format(&Rfc3339).unwrap_or_default()
}

/// Asks for a lock with the bytes.
pub(super) fn locked<'a>(ask: Ask<'a>, lock: Option<&Locked>) -> Ask<'a> {
    match lock {
        Some(Locked { mode, until }) => ask.header(LOCK_MODE, mode.as_s3()).header(LOCK_UNTIL, &stamp(*until)),
        None => ask,
    }
}

fn parsed(mode: &str, until: &str) -> Option<Locked> {
    let until = OffsetDateTime::parse(until, &Rfc3339).ok()?;
    Some(Locked { mode: mode.parse().ok()?, until })
}

/// The lock an answer tells of. Not every server does: that there is none proves nothing.
pub(super) fn told(answer: &Answer) -> Option<Locked> {
    parsed(answer.header(&LOCK_MODE)?, answer.header(&LOCK_UNTIL)?)
}

impl Shared {
    /// How `key` is locked when it is written now.
    pub(super) fn lock_of(&self, key: &Key) -> Option<Locked> {
        let lock = self.lock?;
        lock.of(key, OffsetDateTime::now_utc()).map(|until| Locked { mode: lock.mode, until })
    }

    /// Whether the bucket keeps versions, or did. An answer that names a version says so; else it is asked for once.
    pub(super) async fn is_versioned(&self) -> Result<bool, StoreError> {
        if self.wire.saw_versions.load(Ordering::Relaxed) {
            return Ok(true);
        }
        let asked = self.versioning.get_or_try_init(|| async {
            let ask = Ask::new(Method::GET, "", "read the settings of").query(&[("versioning", "")]);
            let answer = self.wire.ask(&ask).await?;
            // A key that may not know, and a server that does not: then the answers tell.
            Ok::<_, StoreError>(!answer.is_refusal() && !answer.xml::<Versioning>().unwrap_or_default().status.is_empty())
        });
        asked.await.copied()
    }

    /// How a name, or one of its versions, is locked.
    async fn retention(&self, path: &str, version: Option<&str>) -> Result<Option<Locked>, StoreError> {
        let mut query = vec![("retention", "")];
        query.extend(version.map(|version| ("versionId", version)));
        let ask = Ask::new(Method::GET, path, "look up the lock of").query(&query);
        let answer = self.wire.ask(&ask).await?;
        if answer.is_refusal() {
            return match answer.refusal().code.as_str() {
                "NoSuchKey" | "NoSuchVersion" | "MethodNotAllowed" => Err(StoreError::Missing { key: path.to_owned() }),
                "NoSuchObjectLockConfiguration" | "ObjectLockConfigurationNotFoundError" | "InvalidRequest" => Ok(None),
                _ => Err(self.wire.refused(&ask, &answer)),
            };
        }
        let Retention { mode, retain_until_date } = answer.xml().unwrap_or_default();
        Ok(parsed(&mode, &retain_until_date))
    }

    /// Whether a name is there, and how it is locked.
    pub(super) async fn look_locked(&self, path: &str) -> Result<Option<Looked>, StoreError> {
        let Some(seen) = self.look(path).await? else { return Ok(None) };
        let locked = match seen.locked {
            None if self.is_versioned().await? => match self.retention(path, None).await {
                Err(StoreError::Missing { .. }) => return Ok(None),
                locked => locked?,
            },
            locked => locked,
        };
        Ok(Some(Looked { size_bytes: seen.size_bytes, locked }))
    }

    /// Locks a name until `wanted` unless it is locked until `enough`. Its mode stays: another would need a right of its own.
    pub(super) async fn extend(&self, key: &Key, wanted: OffsetDateTime, enough: OffsetDateTime) -> Result<Extended, StoreError> {
        let path = self.path(key);
        let mut mode = self.lock.map_or(Mode::Governance, |lock| lock.mode);
        let mut before = None;
        for attempt in 1..=EXTENSIONS_MAX {
            let looked = self.look_locked(&path).await?.ok_or_else(|| StoreError::Missing { key: key.to_string() })?;
            if let Some(Locked { mode: its, until }) = looked.locked {
                if attempt == 1 {
                    before = Some(until);
                }
                if until >= enough {
                    return Ok(Extended { before, until });
                }
                mode = its;
            }
            match self.lock_until(&path, mode, wanted).await {
                Ok(()) => return Ok(Extended { before, until: wanted }),
                Err(StoreError::Missing { .. }) => return Err(StoreError::Missing { key: key.to_string() }),
                // Somebody else may have extended it further meanwhile, and what is asked for now would shorten it.
                Err(StoreError::Io { source, .. }) if source.kind() == io::ErrorKind::PermissionDenied && attempt < EXTENSIONS_MAX => {}
                Err(other) => return Err(other),
            }
        }
        Err(read_error(&key.to_string(), io::Error::other("its lock changes while it is extended")))
    }

    /// Asks for a lock of what has this name now.
    pub(super) async fn lock_until(&self, path: &str, mode: Mode, until: OffsetDateTime) -> Result<(), StoreError> {
        let (mode, until) = (mode.as_s3(), stamp(until));
        let body = format!(
            "<Retention xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Mode>{mode}</Mode><RetainUntilDate>{until}</RetainUntilDate></Retention>"
        );
        let digest = Digest::of(body.as_bytes());
        let ask = Ask::new(Method::PUT, path, "lock").query(&[("retention", "")]).body(Bytes::from(body), digest);
        let answer = self.wire.ask(&ask).await?;
        match answer.refusal().code.as_str() {
            _ if !answer.is_refusal() => Ok(()),
            "NoSuchKey" | "MethodNotAllowed" => Err(StoreError::Missing { key: path.to_owned() }),
            _ => Err(self.wire.refused(&ask, &answer)),
        }
    }

    /// Deletes a version that is locked in governance mode, where the key has the right to; whether it had.
    pub(super) async fn lift(&self, path: &str, version: &str) -> Result<bool, StoreError> {
        let query = [("versionId", version)];
        let ask = Ask::new(Method::DELETE, path, "remove a version of").query(&query).header(LOCK_LIFT, "true");
        Ok(self.wire.ask(&ask).await?.status.is_success())
    }

    /// Everything listed under `prefix`, page by page.
    fn pages(self: &Arc<Self>, prefix: String) -> BoxStream<'static, Result<Vec<Found>, StoreError>> {
        let shared = self.clone();
        let pages = try_stream! {
            let (mut key_marker, mut id_marker) = (String::new(), String::new());
            for _ in 0..PAGES_MAX {
                let mut query = vec![("versions", ""), ("prefix", prefix.as_str())];
                if !key_marker.is_empty() {
                    query.push(("key-marker", key_marker.as_str()));
                }
                // An empty one is refused by some servers, AWS among them.
                if !id_marker.is_empty() {
                    query.push(("version-id-marker", id_marker.as_str()));
                }
                let ask = Ask::new(Method::GET, "", "list the versions of").query(&query);
                let answer = shared.wire.ask(&ask).await?;
                let page = if answer.is_refusal() { None } else { answer.xml::<Page>() };
                let Page { is_truncated, next_key_marker, next_version_id_marker, versions, markers } =
                    page.ok_or_else(|| shared.wire.refused(&ask, &answer))?;
                let found = versions.into_iter().map(|line| Found::of(line, false)).chain(markers.into_iter().map(|line| Found::of(line, true)));
                yield found.collect();
                let on = is_truncated && !next_key_marker.is_empty();
                if !on || (&next_key_marker, &next_version_id_marker) == (&key_marker, &id_marker) {
                    break;
                }
                (key_marker, id_marker) = (next_key_marker, next_version_id_marker);
            }
        };
        pages.boxed()
    }

    /// All versions of one name and its marks of deletion; the versions newest first.
    pub(super) async fn all_of(self: &Arc<Self>, path: &str) -> Result<Vec<Found>, StoreError> {
        let mut all = Vec::new();
        let mut pages = self.pages(path.to_owned());
        while let Some(page) = pages.try_next().await? {
            all.extend(page.into_iter().filter(|found| found.path == path));
            if all.len() >= VERSIONS_MAX {
                return Err(read_error(path, io::Error::other(format!("it has more than {VERSIONS_MAX} versions"))));
            }
        }
        Ok(all)
    }

    /// Takes one version away; `false`: the server does not let us.
    pub(super) async fn remove_one(&self, path: &str, version: &str) -> Result<bool, StoreError> {
        let query = [("versionId", version)];
        let ask = Ask::new(Method::DELETE, path, "remove a version of").query(&query);
        let answer = self.wire.ask(&ask).await?;
        match answer.status {
            status if status.is_success() => Ok(true),
            StatusCode::NOT_FOUND if matches!(answer.refusal().code.as_str(), "NoSuchKey" | "NoSuchVersion") => Ok(true),
            StatusCode::FORBIDDEN => Ok(false),
            _ => Err(self.wire.refused(&ask, &answer)),
        }
    }

    /// Takes away what was listed of a name: the older versions first, the current one last.
    pub(super) async fn clear(&self, path: &str, mut all: Vec<Found>) -> Result<Cleared, StoreError> {
        all.sort_by_key(|found| (found.is_latest, found.is_marker));
        for found in all {
            if self.remove_one(path, &found.id).await? {
                continue;
            }
            return Ok(match self.retention(path, Some(&found.id)).await {
                Ok(Some(Locked { until, .. })) => Cleared::Locked(until),
                Ok(None) | Err(StoreError::Missing { .. }) => Cleared::Forbidden,
                // Whoever may not see the lock may not lift it either.
                Err(StoreError::Io { source, .. }) if source.kind() == io::ErrorKind::PermissionDenied => Cleared::Forbidden,
                Err(other) => return Err(other),
            });
        }
        Ok(Cleared::All)
    }

    /// Takes a name away with all its versions, or hides it where that is not allowed. [`StoreError::Locked`] where it is locked.
    pub(super) async fn remove_all(self: &Arc<Self>, key: &Key, path: &str) -> Result<(), StoreError> {
        let all = self.all_of(path).await?;
        match self.clear(path, all).await? {
            Cleared::All => Ok(()),
            Cleared::Locked(until) => Err(StoreError::Locked { key: key.to_string(), until }),
            Cleared::Forbidden => self.remove(path).await,
        }
    }

    /// For files that no lock keeps.
    pub(super) async fn hide_or_clear(self: &Arc<Self>, path: &str) -> Result<(), StoreError> {
        // A key that may not list versions can still hide a name.
        let all = self.all_of(path).await.unwrap_or_default();
        match self.clear(path, all).await? {
            Cleared::All if self.look(path).await?.is_none() => Ok(()),
            _ => self.remove(path).await,
        }
    }

    pub(super) async fn versions_of(self: &Arc<Self>, key: &Key) -> Result<Vec<Version>, StoreError> {
        let all = self.all_of(&self.path(key)).await?;
        Ok(all.iter().filter(|found| !found.is_marker).map(Found::version).collect())
    }

    pub(super) async fn get_version(&self, key: &Key, version: &Version) -> Result<Chunks, StoreError> {
        let (name, path) = (key.to_string(), self.path(key));
        let options = GetOptions { version: Some(version.id.clone()), ..GetOptions::default() };
        match self.reader.get_opts(&Path::from(path.as_str()), options).await {
            Ok(found) => Ok(found.into_stream().map_err(move |e| read_error(&name, e)).boxed()),
            Err(object_store::Error::NotFound { .. }) => Err(StoreError::Missing { key: name }),
            Err(error) => Err(read_error(&name, error)),
        }
    }

    /// Gives a version its name again: by taking the marks of deletion off it, where that is all that lies above; else by a copy on top.
    pub(super) async fn revive(self: &Arc<Self>, key: &Key, version: &Version) -> Result<(), StoreError> {
        let path = self.path(key);
        for _ in 0..MARKERS_MAX {
            let all = self.all_of(&path).await?;
            let Some(latest) = all.iter().find(|found| found.is_latest) else { break };
            if latest.id == version.id {
                return Ok(());
            }
            // What lies next below the mark must be this version: else something that is not whole would have the name for a while.
            let is_next = all.iter().find(|found| !found.is_marker).is_some_and(|newest| newest.id == version.id);
            if !latest.is_marker || !is_next || !self.remove_one(&path, &latest.id).await? {
                break;
            }
        }
        self.copy_up(key, &path, version).await
    }

    /// Copies a version onto its own name. Nothing is lost by it: what had the name stays as a version.
    async fn copy_up(self: &Arc<Self>, key: &Key, path: &str, version: &Version) -> Result<(), StoreError> {
        let lock = self.lock_of(key);
        if version.size_bytes == 0 {
            let empty = Bytes::new();
            let digest = Digest::of(&empty);
            return self.put_whole(path, empty, digest, true, lock.as_ref()).await.map(|_| ());
        }
        let mut upload = Upload::begin(self, path, false, lock.as_ref()).await?;
        let mut at = 0;
        while at < version.size_bytes {
            let end = version.size_bytes.min(at + COPY_BYTES);
            upload.copy(path, Some(&version.id), None, at..end).await?;
            at = end;
        }
        upload.complete_over().await
    }

    pub(super) fn hidden(self: &Arc<Self>, prefix: &Prefix) -> BoxStream<'static, Result<Key, StoreError>> {
        let shared = self.clone();
        let folder = format!("{}/", shared.wire.place.full(&prefix.folder().0));
        self.pages(folder)
            .map_ok(move |page| {
                let hidden = page.into_iter().filter(|found| found.is_marker && found.is_latest);
                let keys: Vec<_> = hidden.filter_map(|found| Key::parse(shared.wire.place.inner(&found.path)?)).map(Ok).collect();
                stream::iter(keys)
            })
            .try_flatten()
            .boxed()
    }

    pub(super) fn old_versions(self: &Arc<Self>) -> BoxStream<'static, Result<OldVersion, StoreError>> {
        let shared = self.clone();
        let old = try_stream! {
            let folder = format!("{}/", shared.wire.place.full(&Prefix::Objects.folder().0));
            // A page has the versions of a name beside its marks: which names are hidden is known once its marks were seen.
            let mut pages = shared.pages(folder);
            let mut held: HashMap<String, Vec<Found>> = HashMap::new();
            while let Some(page) = pages.try_next().await? {
                let last = page.iter().map(|found| found.path.as_str()).max().unwrap_or_default().to_owned();
                for found in page {
                    held.entry(found.path.clone()).or_default().push(found);
                }
                // The last name of a page may go on in the next one.
                let rest = held.remove(&last);
                for (path, all) in std::mem::take(&mut held) {
                    for old in shared.old_of(&path, &all) {
                        yield old;
                    }
                }
                held.extend(rest.map(|rest| (last, rest)));
            }
            for (path, all) in held {
                for old in shared.old_of(&path, &all) {
                    yield old;
                }
            }
        };
        old.boxed()
    }

    fn old_of(&self, path: &str, all: &[Found]) -> Vec<OldVersion> {
        let Some(key) = self.wire.place.inner(path).and_then(Key::parse) else { return Vec::new() };
        let is_hidden = !all.iter().any(|found| found.is_latest && !found.is_marker);
        let old = all.iter().filter(|found| found.is_marker || !found.is_latest);
        old.map(|found| OldVersion {
            key: key.clone(),
            version: found.version(),
            is_marker: found.is_marker,
            is_hidden,
            modified: found.modified,
        })
        .collect()
    }

    /// Takes away the old versions of small files that are written again and again, and what is left of those that were removed.
    pub(super) async fn tidy(self: &Arc<Self>, older_than: Duration) -> Result<Cleaned, StoreError> {
        let mut cleaned = Cleaned::default();
        for folder in PASSING {
            let mut names: BTreeMap<String, Vec<Found>> = BTreeMap::new();
            let mut pages = self.pages(self.wire.place.full(folder));
            let mut count = 0;
            while let Some(page) = pages.try_next().await? {
                count += page.len();
                for found in page {
                    names.entry(found.path.clone()).or_default().push(found);
                }
                if count >= TIDY_MAX {
                    break;
                }
            }
            let now = self.server_now().await?;
            let goes: Vec<(String, Vec<Found>)> = names
                .into_iter()
                .map(|(path, all)| (path, self.passed(folder, all, now, older_than)))
                .filter(|(_, all)| !all.is_empty())
                .collect();
            let mut removals = stream::iter(goes)
                .map(|(path, all)| async move {
                    let sizes: Vec<u64> = all.iter().map(|found| found.size_bytes).collect();
                    Ok::<_, StoreError>((self.clear(&path, all).await? == Cleared::All).then_some(sizes))
                })
                .buffer_unordered(DELETES_AT_ONCE);
            while let Some(gone) = removals.try_next().await? {
                let sizes = gone.unwrap_or_default();
                cleaned.count += sizes.len() as u64;
                cleaned.size_bytes += sizes.iter().sum::<u64>();
            }
        }
        Ok(cleaned)
    }

    async fn server_now(&self) -> Result<Option<OffsetDateTime>, StoreError> {
        let ask = Ask::new(Method::GET, "", "list").query(&[("list-type", "2"), ("max-keys", "1")]);
        Ok(self.wire.ask(&ask).await?.moment(&DATE))
    }

    /// What nobody needs any more of one small file: all but its current version, and all of it where it was removed.
    fn passed(&self, folder: &str, all: Vec<Found>, now: Option<OffsetDateTime>, older_than: Duration) -> Vec<Found> {
        let is_probe = folder.ends_with("probe/");
        let is_ours = |found: &Found| {
            let key = self.wire.place.inner(&found.path).and_then(Key::parse);
            is_probe || key.is_some_and(|key| key.is_passing())
        };
        let is_old = |found: &Found| {
            let age = now.zip(found.modified).map(|(now, modified)| now - modified);
            age.is_some_and(|age| older_than.is_zero() || Duration::try_from(age).is_ok_and(|age| age >= older_than))
        };
        let is_removed = is_probe || all.iter().any(|found| found.is_latest && found.is_marker);
        // Half of a removed one would give a version below its name back.
        if !all.iter().all(is_ours) || (is_removed && !all.iter().all(is_old)) {
            return Vec::new();
        }
        all.into_iter().filter(|found| is_removed || (!found.is_latest && is_old(found))).collect()
    }
}
