//! Trying a bucket before it is trusted: what a vault needs is done and looked at, whoever made the server.

use std::time::Duration;

use bytes::Bytes;
use futures::TryStreamExt;
use http::{Method, StatusCode};
use object_store::ObjectStore;
use object_store::path::Path;
use serde::Deserialize;
use time::OffsetDateTime;
use uuid::Uuid;
use vocab::Digest;

use super::found::{Advice, Found};
use super::wire::{Ask, CHECKSUM};
use super::writer::Upload;
use super::{BucketStore, Shared};
use crate::error::{StoreError, chain};
use crate::lock::{Locked, Mode};

/// What was tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Promise {
    /// The bucket answers, and the key may list it.
    Reach,
    /// A put that refuses to replace.
    ConditionalPut,
    /// Damaged bytes are refused.
    Checksum,
    /// What was put is read back at once.
    ReadBack,
    /// What was put is listed at once.
    List,
    /// Large objects go up in parts.
    Parts,
    /// A copy inside the bucket that refuses to replace.
    Copy,
    /// Unfinished uploads can be found.
    Unfinished,
    /// What is deleted is gone at once.
    Delete,
    /// Whether old versions are kept.
    Versions,
    /// Whether objects are locked.
    Locks,
    /// What is locked cannot be deleted, and can be locked for longer. Only tried where the bucket says that it locks.
    LockKept,
}

impl Promise {
    /// A stable word for programs.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Reach => "reach",
            Self::ConditionalPut => "conditional_put",
            Self::Checksum => "checksum",
            Self::ReadBack => "read_back",
            Self::List => "list",
            Self::Parts => "parts",
            Self::Copy => "copy",
            Self::Unfinished => "unfinished",
            Self::Delete => "delete",
            Self::Versions => "versions",
            Self::Locks => "locks",
            Self::LockKept => "lock_kept",
        }
    }
}

/// How a try ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// As a vault needs it.
    Pass,
    /// A vault works; there is something to know.
    Warn,
    /// A vault would not be safe here.
    Fail,
}

/// One try.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Probe {
    /// What was tried.
    pub promise: Promise,
    /// How it ended.
    pub outcome: Outcome,
    /// What was seen.
    pub found: Found,
    /// What to do about it.
    pub advice: Option<Advice>,
}

/// For how long a file is locked to see whether it is, in governance mode; and for how long at the second try.
const SHORT: Duration = Duration::from_secs(20);
const LONGER: Duration = Duration::from_secs(60);

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Versioning {
    status: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Locking {
    object_lock_enabled: String,
    rule: Option<Rule>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Rule {
    default_retention: Option<serde::de::IgnoredAny>,
}

struct Probing<'a> {
    shared: &'a std::sync::Arc<Shared>,
    /// Where its files go: a folder of this try alone.
    folder: String,
    found: Vec<Probe>,
}

impl BucketStore {
    /// Tries everything a vault needs, in a folder of its own that is empty again afterwards. Never an error: what does not work is said.
    pub async fn probe(&self) -> Vec<Probe> {
        let folder = self.shared.wire.place.full(&format!("breakwater/probe/{}", Uuid::new_v4().hyphenated()));
        let mut probing = Probing { shared: &self.shared, folder, found: Vec::new() };
        if probing.reach().await {
            probing.all().await;
        }
        probing.found
    }
}

/// Whether every promise is kept that a vault cannot do without.
#[must_use]
pub fn is_fit(probes: &[Probe]) -> bool {
    probes.iter().all(|probe| probe.outcome != Outcome::Fail)
}

/// Whether the bucket locks what it is told to lock, as far as it was tried.
#[must_use]
pub fn can_lock(probes: &[Probe]) -> bool {
    probes.iter().any(|probe| probe.promise == Promise::LockKept && probe.outcome == Outcome::Pass)
}

impl Probing<'_> {
    fn say(&mut self, promise: Promise, outcome: Outcome, found: Found, advice: Option<Advice>) {
        self.found.push(Probe { promise, outcome, found, advice });
    }

    fn failed(&mut self, promise: Promise, error: &StoreError, advice: Advice) {
        self.say(promise, Outcome::Fail, Found::Failed { why: chain(error) }, Some(advice));
    }

    fn judge(&mut self, promise: Promise, kept: Result<bool, StoreError>, good: Found, bad: Found) {
        match kept {
            Ok(true) => self.say(promise, Outcome::Pass, good, None),
            Ok(false) => self.say(promise, Outcome::Fail, bad, Some(Advice::OtherServer)),
            Err(error) => self.failed(promise, &error, Advice::SeeServer),
        }
    }

    fn path(&self, name: &str) -> String {
        format!("{}/{name}", self.folder)
    }

    async fn reach(&mut self) -> bool {
        let ask = Ask::new(Method::GET, "", "list").query(&[("list-type", "2"), ("max-keys", "1")]);
        let answered = self.shared.wire().ask(&ask).await;
        let error = match answered {
            Ok(answer) if answer.status.is_success() => {
                self.say(Promise::Reach, Outcome::Pass, Found::Answers, None);
                return true;
            }
            Ok(answer) => self.shared.wire().refused(&ask, &answer),
            Err(error) => error,
        };
        self.failed(Promise::Reach, &error, Advice::CheckBucket);
        false
    }

    async fn all(&mut self) {
        let here = Bytes::from_static(b"breakwater was here");
        let kept = self.conditional_put(&here).await;
        self.judge(Promise::ConditionalPut, kept, Found::PutRefused, Found::PutReplaced);
        let kept = self.checksum(&here).await;
        self.judge(Promise::Checksum, kept, Found::ChecksumHeld, Found::ChecksumIgnored);
        let path = self.path("first");
        let kept = self.shared.read("the probe", &path, 1_024).await.map(|bytes| bytes == here);
        self.judge(Promise::ReadBack, kept, Found::ReadAtOnce, Found::ReadDiffers);
        let kept = self.is_listed(&path).await;
        self.judge(Promise::List, kept, Found::ListedAtOnce, Found::NotListed);
        self.parts(&here).await;
        let kept = self.copy(&path, &here).await;
        self.judge(Promise::Copy, kept, Found::Copies, Found::CopyDiffers);
        let unfinished = Ask::new(Method::GET, "", "list the unfinished uploads of").query(&[("uploads", ""), ("max-uploads", "1")]);
        match self.shared.wire().ask(&unfinished).await {
            Ok(answer) if !answer.is_refusal() => self.say(Promise::Unfinished, Outcome::Pass, Found::UnfinishedFound, None),
            _ => self.say(Promise::Unfinished, Outcome::Warn, Found::UnfinishedHidden, Some(Advice::DropUnfinished)),
        }
        let kept = self.delete().await;
        self.judge(Promise::Delete, kept, Found::DeletedAtOnce, Found::DeletedStays);
        self.settings().await;
    }

    async fn conditional_put(&self, here: &Bytes) -> Result<bool, StoreError> {
        let path = self.path("first");
        let first = self.shared.put_whole(&path, here.clone(), Digest::of(here), false, None).await?;
        if !first.status.is_success() {
            return Ok(false);
        }
        let other = Bytes::from_static(b"breakwater was here again");
        let second = self.shared.put_whole(&path, other.clone(), Digest::of(&other), false, None).await?;
        Ok(second.status == StatusCode::PRECONDITION_FAILED)
    }

    /// Sends bytes with the checksum of others; where that is not looked at, with the signature over others.
    async fn checksum(&self, here: &Bytes) -> Result<bool, StoreError> {
        let path = self.path("wrong");
        let wrong = Ask::new(Method::PUT, &path, "store").body(Bytes::from_static(b"other bytes"), Digest::of(here));
        let checksum = wrong.headers.get(&CHECKSUM).cloned();
        let mut by_checksum = Ask::new(Method::PUT, &path, "store").body(wrong.body.clone(), Digest::of(&wrong.body));
        if let Some(checksum) = checksum {
            by_checksum.headers.insert(CHECKSUM, checksum);
        }
        let mut by_signature = wrong;
        by_signature.headers.remove(CHECKSUM);
        for ask in [by_checksum, by_signature] {
            let answer = self.shared.wire().ask(&ask).await?;
            if answer.status.is_client_error() && self.shared.look(&path).await?.is_none() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    async fn is_listed(&self, path: &str) -> Result<bool, StoreError> {
        let folder = Path::from(self.folder.as_str());
        let found = self.shared.reader.list(Some(&folder)).try_collect::<Vec<_>>().await;
        let found = found.map_err(|e| super::read_error("the probe", e))?;
        Ok(found.iter().any(|meta| meta.location.as_ref() == path))
    }

    async fn upload(&self, name: &str, bytes: &Bytes) -> Result<(), StoreError> {
        let mut upload = Upload::begin(self.shared, &self.path(name), true, None).await?;
        let sent = upload.send(bytes.clone(), Digest::of(bytes))?;
        upload.parts.push(crate::store::joined(sent).await?);
        upload.complete().await
    }

    async fn parts(&mut self, here: &Bytes) {
        let outcome = match self.upload("parts", here).await {
            Ok(()) => self.upload("parts", here).await,
            Err(error) => {
                self.failed(Promise::Parts, &error, Advice::OtherServer);
                return;
            }
        };
        match outcome {
            Err(StoreError::Exists { .. }) => self.say(Promise::Parts, Outcome::Pass, Found::PartsNeverReplace, None),
            // Harmless: whoever completes an upload has hashed it, so what replaces an object is the same bytes.
            Ok(()) => self.say(Promise::Parts, Outcome::Warn, Found::PartsReplaceSame, Some(Advice::Nothing)),
            Err(error) => self.failed(Promise::Parts, &error, Advice::OtherServer),
        }
    }

    async fn copy(&self, source: &str, here: &Bytes) -> Result<bool, StoreError> {
        let target = self.path("copy");
        let mut upload = Upload::begin(self.shared, &target, false, None).await?;
        upload.copy(source, None, None, 0..here.len() as u64).await?;
        upload.complete().await?;
        Ok(self.shared.read("the probe", &target, 1_024).await? == *here)
    }

    async fn delete(&self) -> Result<bool, StoreError> {
        for name in ["first", "wrong", "parts", "copy"] {
            let path = self.path(name);
            if self.shared.is_versioned().await? {
                self.shared.hide_or_clear(&path).await?;
            } else {
                self.shared.remove(&path).await?;
            }
            if self.shared.look(&path).await?.is_some() {
                return Ok(false);
            }
        }
        Ok(true)
    }

    async fn settings(&mut self) {
        let ask = Ask::new(Method::GET, "", "read the settings of").query(&[("versioning", "")]);
        let versioning = self.shared.wire().ask(&ask).await.ok().filter(|answer| !answer.is_refusal());
        let said = versioning.map(|answer| answer.xml::<Versioning>().unwrap_or_default().status);
        let keeps = self.shared.is_versioned().await.unwrap_or(false);
        match (said, keeps) {
            (None, false) => self.say(Promise::Versions, Outcome::Warn, Found::VersionsUnseen, Some(Advice::LetSeeVersions)),
            (Some(status), _) if status.is_empty() => self.say(Promise::Versions, Outcome::Pass, Found::NoVersions, None),
            _ => self.versions().await,
        }
        self.locks().await;
    }

    /// The bucket keeps versions: whether ours can be told and taken away, which this try has just done with its own files.
    async fn versions(&mut self) {
        let left = self.shared.all_of(&self.path("first")).await;
        match left {
            Ok(left) if left.is_empty() => self.say(Promise::Versions, Outcome::Pass, Found::VersionsHandled, None),
            Ok(_) => self.say(Promise::Versions, Outcome::Warn, Found::VersionsStay, Some(Advice::LetDeleteVersions)),
            Err(error) => {
                let found = Found::VersionsHidden { why: chain(&error) };
                self.say(Promise::Versions, Outcome::Warn, found, Some(Advice::LetListVersions));
            }
        }
    }

    async fn locks(&mut self) {
        let ask = Ask::new(Method::GET, "", "read the settings of").query(&[("object-lock", "")]);
        let answer = self.shared.wire().ask(&ask).await.ok();
        let may_not_see = answer.as_ref().is_none_or(|answer| answer.status == StatusCode::FORBIDDEN);
        let locking = answer.filter(|answer| !answer.is_refusal()).and_then(|answer| answer.xml::<Locking>());
        match locking.filter(|locking| locking.object_lock_enabled == "Enabled") {
            Some(Locking { rule: Some(Rule { default_retention: Some(_) }), .. }) => {
                self.say(Promise::Locks, Outcome::Warn, Found::LocksEverything, Some(Advice::NoDefaultRetention));
            }
            Some(_) => self.say(Promise::Locks, Outcome::Pass, Found::CanLock, None),
            None if may_not_see => self.say(Promise::Locks, Outcome::Warn, Found::LocksUnseen, Some(Advice::LetSeeLocks)),
            None => {
                self.say(Promise::Locks, Outcome::Pass, Found::NoLocks, None);
                return;
            }
        }
        self.lock_kept().await;
    }

    /// Locks a small file for some seconds, tries to delete it, and asks for longer.
    async fn lock_kept(&mut self) {
        match self.try_lock().await {
            Ok(Tried::Kept { gone }) => {
                let stays_s = (!gone).then_some(LONGER.as_secs());
                self.say(Promise::LockKept, Outcome::Pass, Found::LockHolds { stays_s }, None);
            }
            // A vault without a lock does not need it.
            Ok(Tried::NotKept) => self.say(Promise::LockKept, Outcome::Warn, Found::LockIgnored, Some(Advice::OtherServer)),
            Err(error) => {
                let found = Found::LockFailed { why: chain(&error) };
                self.say(Promise::LockKept, Outcome::Warn, found, Some(Advice::LetLock));
            }
        }
    }

    async fn try_lock(&self) -> Result<Tried, StoreError> {
        let path = self.path("locked");
        let here = Bytes::from_static(b"breakwater was here");
        let now = OffsetDateTime::now_utc();
        let short = Locked { mode: Mode::Governance, until: now + SHORT };
        self.shared.put_whole(&path, here.clone(), Digest::of(&here), false, Some(&short)).await?;
        self.shared.lock_until(&path, Mode::Governance, now + LONGER).await?;
        let broken = |what: &'static str| super::read_error("the probe", std::io::Error::other(what));
        let looked = self.shared.look_locked(&path).await?.and_then(|looked| looked.locked);
        if looked.is_none_or(|locked| locked.until <= short.until) {
            return Err(broken("the lock that was put is not the one that is read back"));
        }
        let all = self.shared.all_of(&path).await?;
        let version = all.iter().find(|found| found.is_latest).map(|found| found.id.clone());
        let version = version.ok_or_else(|| broken("what was locked is not listed among the versions"))?;
        if self.shared.remove_one(&path, &version).await? {
            return Ok(Tried::NotKept);
        }
        Ok(Tried::Kept { gone: self.shared.lift(&path, &version).await? })
    }
}

/// What became of a locked file.
enum Tried {
    /// It could not be deleted; `gone`: the key may lift the lock, and did.
    Kept {
        gone: bool,
    },
    NotKept,
}
