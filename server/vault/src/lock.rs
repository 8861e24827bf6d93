//! Object lock: for how long nobody, whoever has the bucket's key, can take away what a snapshot needs.
//!
//! What is written once is locked when it is written: objects, pointers and the vault's marker ([`Key::is_write_once`]). Nothing that is
//! written again ever is.
//!
//! *Who needs how long.* Every snapshot needs all it reaches until its moment plus the vault's term ([`Lock::needed`]). Snapshots share
//! almost everything, so an object is locked for the newest snapshot that needs it, and a backup that finds an object in the vault extends
//! its lock **before** it writes its pointer (I-14): [`Vault::put_pointer`] does that, for backups, copies and imports alike, and where one
//! object cannot be locked there is no pointer.
//!
//! *What it costs.* Locks are put for a third longer than is needed ([`Lock::fresh`]), and one small record per project says until when
//! all below each of its parts is locked. While that suffices, an unchanged part costs nothing; of a changed repository only the members
//! are looked at that its index before did not have. When it does not suffice any more, which is after a sixth to a third of the term,
//! everything below the part is looked at and extended.
//!
//! *What if the record lies.* It is mutable, so whoever has the key can write one, and one that is lost or unreadable means that everything is
//! looked at again. Verification asks no record: it looks at the locks of what it reads ([`Locking`]), extends those that are too short,
//! says so, and throws the record away. A forged record so hides nothing for longer than verification takes to read everything.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::str::FromStr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::{StreamExt, stream};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use vocab::{Descriptor, Digest, ProjectName, RepositoryName};

use crate::Vault;
use crate::error::{StoreError, VaultError};
use crate::layout::{HarborName, Key, LOCKS_BYTES_MAX, PointerName};
use crate::record;
use crate::snapshot::Pointer;

/// Longest term of a lock, in days.
pub const LOCK_DAYS_MAX: u32 = 3_650;
/// Locks looked at and extended side by side.
const LOCKS_AT_ONCE: usize = 32;
/// Manifests read side by side.
const MANIFESTS_AT_ONCE: usize = 16;
/// How often an absent object is looked for.
const LOOKS_MAX: u32 = 4;
/// Objects of this process whose locks are remembered.
const FRESH_MAX: usize = 250_000;
/// Locks that were too short and are told one by one.
const SHORT_MAX: usize = 10_000;

/// Who may lift a lock before its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// Whoever has a right of its own to do so.
    Governance,
    /// Nobody.
    Compliance,
}

impl Mode {
    /// S3's own word.
    #[must_use]
    pub const fn as_s3(self) -> &'static str {
        match self {
            Self::Governance => "GOVERNANCE",
            Self::Compliance => "COMPLIANCE",
        }
    }

    /// A stable word for programs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Governance => "governance",
            Self::Compliance => "compliance",
        }
    }
}

impl FromStr for Mode {
    type Err = VaultError;

    fn from_str(text: &str) -> Result<Self, VaultError> {
        match text.to_ascii_lowercase().as_str() {
            "governance" => Ok(Self::Governance),
            "compliance" => Ok(Self::Compliance),
            _ => Err(VaultError::Invalid { what: "mode of a lock", why: "it is governance or compliance".to_owned() }),
        }
    }
}

/// How one name is locked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Locked {
    /// Who may lift it.
    pub mode: Mode,
    /// Until when.
    pub until: OffsetDateTime,
}

/// How a vault locks what is written once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lock {
    /// Who may lift it.
    pub mode: Mode,
    /// For how long after its moment a snapshot is locked.
    pub term: Duration,
}

impl Lock {
    /// For so many days.
    #[must_use]
    pub const fn days(mode: Mode, days: u32) -> Self {
        Self { mode, term: Duration::from_secs(days as u64 * 24 * 60 * 60) }
    }

    fn share(&self, parts: u32) -> time::Duration {
        time::Duration::try_from(self.term / parts).unwrap_or(time::Duration::MAX)
    }

    /// Until when what a snapshot of this moment reaches has to be locked.
    #[must_use]
    pub fn needed(&self, moment: OffsetDateTime) -> OffsetDateTime {
        moment.saturating_add(self.share(1))
    }

    /// Until when something is locked that is locked now: a third longer than is needed, so that what is needed again tomorrow need not
    /// be touched tomorrow.
    #[must_use]
    pub fn fresh(&self, now: OffsetDateTime) -> OffsetDateTime {
        self.needed(now).saturating_add(self.share(3))
    }

    /// A lock that is touched for a snapshot which needs it until `needed` shall last at least so long.
    fn enough(&self, needed: OffsetDateTime) -> OffsetDateTime {
        needed.saturating_add(self.share(6))
    }

    /// Until when this name is locked if it is written now. A pointer is locked for its own snapshot and no longer, since its lock keeps
    /// the snapshot; for the last hundredth of the term it is not, by which clocks may differ.
    #[must_use]
    pub fn of(&self, key: &Key, now: OffsetDateTime) -> Option<OffsetDateTime> {
        match key {
            Key::Pointer(name) => Some(self.needed(name.moment())).filter(|until| *until - now > self.share(100)),
            key if key.is_write_once() => Some(self.fresh(now)),
            _ => None,
        }
    }
}

/// What became of a lock that was to be extended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Extended {
    /// Until when it was locked.
    pub before: Option<OffsetDateTime>,
    /// Until when it is locked now.
    pub until: OffsetDateTime,
}

/// A lock that did not last as long as a snapshot needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Short {
    /// The object; of a pointer the snapshot index it names.
    pub object: Digest,
    /// What needed it.
    pub pointer: PointerName,
    /// Until when it was locked.
    pub was: Option<OffsetDateTime>,
    /// Until when it had to be.
    pub needed: OffsetDateTime,
    /// Why it could not be extended, if it could not.
    pub refused: Option<String>,
}

/// `breakwater/locks/<harbor>/<project>.json`: until when everything below the parts of its newest snapshot is locked.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Record {
    /// Unix seconds, here and below.
    marker: i64,
    repositories: BTreeMap<RepositoryName, Below>,
    settings: BTreeMap<Digest, i64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Below {
    index: Digest,
    until: i64,
}

/// Which objects are looked at.
pub type Choose = Arc<dyn Fn(&Digest) -> bool + Send + Sync>;

/// Walks what snapshots reach, and extends what is locked for too short a time.
///
/// Give it the newest snapshot first: what it needs is then locked for all the others.
pub struct Locking {
    vault: Vault,
    lock: Lock,
    /// Only these are looked at; with it nothing that is lost or cannot be locked ends the walk.
    choose: Option<Choose>,
    /// Until when each object is locked that was looked at.
    objects: HashMap<Digest, OffsetDateTime>,
    /// The parts of snapshots that were walked, and until when all below them had to be locked.
    walked: HashMap<Digest, OffsetDateTime>,
    short: Vec<(Digest, Extension)>,
}

/// Until when what this process has stored is locked: it need not be looked at before the pointer that needs it. Bounded; what is not
/// here is looked at.
#[derive(Debug, Default)]
pub(crate) struct Fresh(Mutex<HashMap<Digest, OffsetDateTime>>);

impl Fresh {
    pub(crate) fn keep(&self, digest: Digest, until: Option<OffsetDateTime>) {
        let Some(until) = until else { return };
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= FRESH_MAX {
            all.clear();
        }
        all.insert(digest, until);
    }

    fn until(&self, digest: &Digest) -> Option<OffsetDateTime> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(digest).copied()
    }
}

/// What looking at one lock came to.
enum Extension {
    Long(OffsetDateTime),
    Short { was: Option<OffsetDateTime>, until: OffsetDateTime },
    Refused(String),
    Lost,
}

impl Locking {
    /// For verification: looks at the locks of the objects `choose` picks, whatever a record says. `None` where the vault does not lock.
    #[must_use]
    pub fn look(vault: &Vault, choose: Choose) -> Option<Self> {
        Self::new(vault, Some(choose))
    }

    fn new(vault: &Vault, choose: Option<Choose>) -> Option<Self> {
        let lock = vault.store().lock()?;
        let (objects, walked) = (HashMap::new(), HashMap::new());
        Some(Self { vault: vault.clone(), lock, choose, objects, walked, short: Vec::new() })
    }

    /// Looks at the locks of one snapshot and of its pointer; answers those that were too short. They are extended now, or it is said why not.
    ///
    /// `confirmed`: the last moment for which the snapshot was locked as if it were made then ([`Vault::lock_confirmed`]), where it was.
    pub async fn snapshot(&mut self, pointer: &Pointer, confirmed: Option<OffsetDateTime>) -> Result<Vec<Short>, VaultError> {
        // Locks are kept to the second.
        let confirmed = confirmed.map(|at| at - time::Duration::SECOND).filter(|at| *at > pointer.moment);
        let needed = self.lock.needed(confirmed.unwrap_or(pointer.moment));
        let name = pointer.name()?;
        if needed <= self.vault.now() {
            return Ok(Vec::new());
        }
        match self.vault.snapshot(&pointer.snapshot.digest).await {
            Ok(index) => {
                for (_, repository) in &index.repositories {
                    self.part(Part::Repository(&repository.digest), needed).await?;
                }
                for settings in index.records() {
                    self.part(Part::Settings(settings), needed).await?;
                }
            }
            Err(error) => self.pass_over(error)?,
        }
        self.objects(vec![pointer.snapshot.digest], needed).await?;
        self.pointer(&name, pointer.snapshot.digest, confirmed.map(|_| needed)).await?;
        let short = std::mem::take(&mut self.short).into_iter().take(SHORT_MAX).filter_map(|(object, extension)| {
            let (was, refused) = match extension {
                Extension::Short { was, .. } => (was, None),
                Extension::Refused(why) => (None, Some(why)),
                Extension::Long(_) | Extension::Lost => return None,
            };
            Some(Short { object, pointer: name.clone(), was, needed, refused })
        });
        Ok(short.collect())
    }

    async fn pointer(&mut self, name: &PointerName, snapshot: Digest, confirmed: Option<OffsetDateTime>) -> Result<(), VaultError> {
        let key = Key::Pointer(name.clone());
        let wanted = match confirmed {
            Some(needed) => needed,
            None if self.lock.of(&key, self.vault.now()).is_none() => return Ok(()),
            // Its own second: the name has no fraction, and the lock it was written with is counted from there.
            None => self.lock.needed(name.moment()),
        };
        let extension = self.vault.lock_key(&key, wanted, wanted, wanted).await;
        self.keep(snapshot, extension)
    }

    /// Makes everything below a part locked until `needed`; answers until when all of it is.
    async fn part(&mut self, part: Part<'_>, needed: OffsetDateTime) -> Result<OffsetDateTime, VaultError> {
        let digest = *part.digest();
        if self.walked.get(&digest).is_some_and(|walked| *walked >= needed) {
            return Ok(needed);
        }
        let (manifests, mut more) = match self.members(part, &HashSet::new()).await {
            Ok(members) => members,
            Err(error) => {
                self.pass_over(error)?;
                return Ok(needed);
            }
        };
        more.push(digest);
        let until = self.manifests(manifests, more, needed).await?;
        self.walked.insert(digest, needed);
        Ok(until)
    }

    /// The manifests of a part but for those of `covered`, and the objects that are stored for names by other algorithms.
    async fn members(&self, part: Part<'_>, covered: &HashSet<Digest>) -> Result<(Vec<Descriptor>, Vec<Digest>), VaultError> {
        Ok(match part {
            Part::Settings(descriptor) => (vec![descriptor.clone()], Vec::new()),
            Part::Repository(digest) => {
                let mut once = covered.clone();
                let index = self.vault.repository(digest).await?;
                let members = index.members.into_iter().map(|member| member.descriptor);
                (members.filter(|descriptor| once.insert(descriptor.digest)).collect(), index.names.into_values().collect())
            }
        })
    }

    /// Locks manifests, what they name, and `more`.
    async fn manifests(
        &mut self,
        manifests: Vec<Descriptor>,
        more: Vec<Digest>,
        needed: OffsetDateTime,
    ) -> Result<OffsetDateTime, VaultError> {
        let mut all: HashSet<Digest> = more.into_iter().collect();
        let vault = self.vault.clone();
        let mut read = stream::iter(manifests)
            .map(|descriptor| {
                let (vault, digest) = (&vault, descriptor.digest);
                async move { (digest, must_be_locked(vault, &descriptor).await) }
            })
            .buffer_unordered(MANIFESTS_AT_ONCE);
        while let Some((digest, found)) = read.next().await {
            all.insert(digest);
            match found {
                Ok(blobs) => all.extend(blobs),
                Err(error) => self.pass_over(error)?,
            }
        }
        drop(read);
        self.objects(all.into_iter().collect(), needed).await
    }

    /// Makes objects locked until `needed` at least; answers until when all of them are.
    async fn objects(&mut self, objects: Vec<Digest>, needed: OffsetDateTime) -> Result<OffsetDateTime, VaultError> {
        let enough = self.lock.enough(needed);
        let wanted = self.lock.fresh(self.vault.now()).max(enough);
        let mut least = wanted;
        let mut fresh = Vec::new();
        for digest in objects {
            let fresh_until = if self.choose.is_none() { self.vault.inner.fresh.until(&digest) } else { None };
            match self.objects.get(&digest).copied().max(fresh_until) {
                Some(until) if until >= needed => least = least.min(until),
                _ if self.choose.as_ref().is_some_and(|choose| !choose(&digest)) => {}
                _ => fresh.push(digest),
            }
        }
        let vault = self.vault.clone();
        let mut looks = stream::iter(fresh)
            .map(|digest| {
                let vault = &vault;
                async move { (digest, vault.lock_object(&digest, wanted, enough, needed).await) }
            })
            .buffer_unordered(LOCKS_AT_ONCE);
        while let Some((digest, extension)) = looks.next().await {
            if let Ok(Extension::Long(until) | Extension::Short { until, .. }) = &extension {
                least = least.min(*until);
                self.objects.insert(digest, *until);
            }
            self.keep(digest, extension)?;
        }
        Ok(least)
    }

    fn keep(&mut self, digest: Digest, extension: Result<Extension, VaultError>) -> Result<(), VaultError> {
        let extension = match extension {
            Ok(extension) => extension,
            Err(VaultError::Missing { .. }) if self.choose.is_some() => Extension::Lost,
            Err(error) if self.choose.is_some() && !error.is_transient() => Extension::Refused(crate::error::chain(&error)),
            Err(error) => return Err(error),
        };
        if self.choose.is_some() && !matches!(extension, Extension::Long(_)) {
            self.short.push((digest, extension));
        }
        Ok(())
    }

    /// What is lost or damaged is told by other parts of a verification; a seal needs it.
    fn pass_over(&self, error: VaultError) -> Result<(), VaultError> {
        if self.choose.is_some() && !error.is_transient() { Ok(()) } else { Err(error) }
    }
}

/// What a manifest names and the vault has to keep: of what nobody demands, what is there.
async fn must_be_locked(vault: &Vault, descriptor: &Descriptor) -> Result<Vec<Digest>, VaultError> {
    let named = vault.named_by(&descriptor.digest, &descriptor.media_type).await?;
    let mut all = named.needed;
    all.extend(named.children);
    for optional in named.optional {
        if vault.size_of(&optional).await?.is_some() {
            all.push(optional);
        }
    }
    Ok(all)
}

/// What a snapshot index names.
#[derive(Clone, Copy)]
enum Part<'a> {
    Repository(&'a Digest),
    Settings(&'a Descriptor),
}

impl Part<'_> {
    const fn digest(&self) -> &Digest {
        match self {
            Self::Repository(digest) => digest,
            Self::Settings(descriptor) => &descriptor.digest,
        }
    }
}

fn moment(unix_s: i64) -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp(unix_s).unwrap_or(OffsetDateTime::UNIX_EPOCH)
}

impl Vault {
    /// How the vault locks what is written once, if it does.
    #[must_use]
    pub fn lock(&self) -> Option<Lock> {
        self.store().lock()
    }

    /// Until when a snapshot's pointer is locked, as the store says.
    pub async fn pointer_locked_until(&self, name: &PointerName) -> Result<Option<OffsetDateTime>, VaultError> {
        let looked = self.store().look(&Key::Pointer(name.clone())).await;
        let looked = looked.map_err(|source| self.store_error("look up a lock", source))?;
        Ok(looked.and_then(|looked| looked.locked).map(|locked| locked.until).filter(|until| *until > self.now()))
    }

    /// Before a pointer is written: everything the snapshot reaches is locked until the snapshot needs it no longer (I-14).
    pub(crate) async fn lock_for(&self, pointer: &Pointer, at: OffsetDateTime) -> Result<(), VaultError> {
        let Some(mut locking) = Locking::new(self, None) else { return Ok(()) };
        let needed = locking.lock.needed(at);
        // An import or a late copy of what is older than the term.
        if needed <= self.now() {
            return Ok(());
        }
        let key = Key::Locks(pointer.harbor.clone(), pointer.project.clone());
        let before = self.lock_record(&key).await?;
        let index = self.snapshot(&pointer.snapshot.digest).await?;
        let mut after = Record { marker: before.marker, ..Record::default() };
        if moment(before.marker) < needed {
            let (enough, wanted) = (locking.lock.enough(needed), locking.lock.fresh(self.now()));
            if let Extension::Long(until) | Extension::Short { until, .. } =
                self.lock_key(&Key::Marker, wanted.max(enough), enough, needed).await?
            {
                after.marker = until.unix_timestamp();
            }
        }
        for (name, descriptor) in &index.repositories {
            let known = before.repositories.get(name).filter(|below| moment(below.until) >= needed);
            let until = match known {
                Some(below) if below.index == descriptor.digest => below.until,
                known => locking.changed(&descriptor.digest, known, needed).await?.unix_timestamp(),
            };
            after.repositories.insert(name.clone(), Below { index: descriptor.digest, until });
        }
        for settings in index.records() {
            let until = match before.settings.get(&settings.digest).filter(|until| moment(**until) >= needed) {
                Some(until) => *until,
                None => locking.part(Part::Settings(settings), needed).await?.unix_timestamp(),
            };
            after.settings.insert(settings.digest, until);
        }
        locking.objects(vec![pointer.snapshot.digest], needed).await?;
        if after == before { Ok(()) } else { self.keep_lock_record(&key, &after).await }
    }

    /// Locks what a snapshot reaches, and its pointer, as if it were made at `at`: a run found it to hold still then.
    pub async fn lock_confirmed(&self, pointer: &Pointer, at: OffsetDateTime) -> Result<(), VaultError> {
        let Some(lock) = self.store().lock() else { return Ok(()) };
        self.lock_for(pointer, at).await?;
        let (name, needed) = (pointer.name()?, lock.needed(at));
        match self.lock_key(&Key::Pointer(name), needed, needed, needed).await? {
            Extension::Long(_) | Extension::Short { .. } => Ok(()),
            Extension::Refused(why) => Err(VaultError::Invalid { what: "lock of a pointer", why }),
            Extension::Lost => Err(VaultError::Missing { digest: pointer.snapshot.digest }),
        }
    }

    /// Forgets until when the parts of a project are locked: its next seal looks at all of them.
    pub async fn forget_locks(&self, harbor: &HarborName, project: &ProjectName) -> Result<(), VaultError> {
        self.keep_lock_record(&Key::Locks(harbor.clone(), project.clone()), &Record::default()).await
    }

    /// A record that is lost or unreadable says nothing, and everything is looked at again.
    async fn lock_record(&self, key: &Key) -> Result<Record, VaultError> {
        match self.record::<Record>(key).await {
            Ok(record) => Ok(record.unwrap_or_default()),
            Err(error @ VaultError::DamagedRecord { .. }) => {
                tracing::warn!(%error, "a record of locks cannot be used; looking at every lock again");
                Ok(Record::default())
            }
            Err(other) => Err(other),
        }
    }

    async fn keep_lock_record(&self, key: &Key, kept: &Record) -> Result<(), VaultError> {
        let bytes = record::encode("record of locks", kept)?;
        if bytes.len() as u64 > LOCKS_BYTES_MAX {
            tracing::warn!(%key, bytes = bytes.len(), "a project has too many repositories for a record of locks");
            return Ok(());
        }
        self.store().replace(key, bytes).await.map_err(|source| self.store_error("write a record of locks", source))
    }

    async fn lock_object(
        &self,
        digest: &Digest,
        wanted: OffsetDateTime,
        enough: OffsetDateTime,
        needed: OffsetDateTime,
    ) -> Result<Extension, VaultError> {
        for _ in 0..LOOKS_MAX {
            match self.lock_key(&Key::Object(*digest), wanted, enough, needed).await? {
                // Condemned by a sweep, or deleted by somebody else.
                Extension::Lost if self.size_of(digest).await?.is_some() || self.revive_object(digest).await?.is_some() => {}
                Extension::Lost => break,
                extension => return Ok(extension),
            }
        }
        Err(VaultError::Missing { digest: *digest })
    }

    async fn lock_key(
        &self,
        key: &Key,
        wanted: OffsetDateTime,
        enough: OffsetDateTime,
        needed: OffsetDateTime,
    ) -> Result<Extension, VaultError> {
        match self.store().extend_lock(key, wanted, enough).await {
            Ok(Extended { before, until }) if before.is_some_and(|before| before >= needed) => Ok(Extension::Long(until)),
            Ok(Extended { before, until }) => Ok(Extension::Short { was: before, until }),
            Err(StoreError::Missing { .. }) => Ok(Extension::Lost),
            Err(source) => Err(self.store_error("lock", source)),
        }
    }
}

impl Locking {
    /// Locks what is below a repository index that is not below the index before it, which is known to be locked.
    async fn changed(&mut self, digest: &Digest, before: Option<&Below>, needed: OffsetDateTime) -> Result<OffsetDateTime, VaultError> {
        let covered = match before {
            None => HashSet::new(),
            Some(below) => match self.vault.repository(&below.index).await {
                Ok(index) => index.members.into_iter().map(|member| member.descriptor.digest).collect(),
                Err(error) if error.is_transient() => return Err(error),
                Err(_) => HashSet::new(),
            },
        };
        let (fresh, mut more) = self.members(Part::Repository(digest), &covered).await?;
        more.push(*digest);
        let until = self.manifests(fresh, more, needed).await?;
        Ok(before.filter(|_| !covered.is_empty()).map_or(until, |below| until.min(moment(below.until))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: i64 = 24 * 60 * 60;

    fn at(days: i64) -> OffsetDateTime {
        OffsetDateTime::from_unix_timestamp(1_800_000_000 + days * DAY).unwrap()
    }

    #[test]
    fn a_lock_that_is_put_today_lasts_for_the_snapshots_of_the_next_days() {
        let lock = Lock::days(Mode::Governance, 30);
        assert_eq!(lock.needed(at(0)), at(30));
        assert_eq!(lock.fresh(at(0)), at(40));
        assert_eq!(lock.enough(lock.needed(at(0))), at(35));
        // Put today, it does for a snapshot of the fifth day without being touched, and for one of the tenth at all.
        assert!(lock.fresh(at(0)) >= lock.enough(lock.needed(at(5))));
        assert!(lock.fresh(at(0)) >= lock.needed(at(10)));
        assert!(lock.fresh(at(0)) < lock.needed(at(11)));
    }

    #[test]
    fn only_what_is_written_once_is_locked() {
        let lock = Lock::days(Mode::Compliance, 30);
        let (digest, id) = (Digest::of(b"x"), uuid::Uuid::from_u128(1));
        let (harbor, project): (HarborName, ProjectName) = ("prod".parse().unwrap(), "shop".parse().unwrap());
        let name = |moment| Key::Pointer(PointerName::new(harbor.clone(), project.clone(), moment, id).unwrap());
        for key in [
            Key::OciLayout,
            Key::Index,
            Key::Quarantined(digest, id),
            Key::QuarantineNote(digest, id),
            Key::Hold(id),
            Key::Condemned(id, digest),
            Key::Sweep(id),
            Key::Locks(harbor.clone(), project.clone()),
        ] {
            assert_eq!(lock.of(&key, at(0)), None, "{key}");
        }
        assert_eq!(lock.of(&Key::Object(digest), at(0)), Some(at(40)));
        assert_eq!(lock.of(&Key::Marker, at(0)), Some(at(40)));
        // A pointer for its own snapshot, which a copy or an import may bring in late.
        assert_eq!(lock.of(&name(at(0)), at(0)), Some(at(30)));
        assert_eq!(lock.of(&name(at(-20)), at(0)), Some(at(10)));
        assert_eq!(lock.of(&name(at(-30)), at(0)), None);
    }
}
