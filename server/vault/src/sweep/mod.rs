//! Letting go of what no snapshot needs, beside running backups and restores, on any number of machines, without stopping one.
//!
//! A sweep has two steps, some time apart:
//! 1. *Condemn.* Mark what the pointers reach, move everything else from `blobs/` to `breakwater/condemned/`, and then write down
//!    who held the vault just then. Nothing is deleted.
//! 2. *Judge*, in a later sweep, once every one of those holds has ended. Mark again: what a snapshot needs by now goes back,
//!    the rest is deleted.
//!
//! # Why nothing that is needed is lost (I-10..I-13)
//! Whoever relies on an object takes a hold first, looks at the object's final name second, seals its pointer third, and releases
//! the hold last. If it saw the object under its final name, it looked before the move, so its hold is older than the list written
//! after the move: either it is on that list, and the judgement waits for it, or it had ended by then. Either way its pointer, if
//! there is one, was there before the second mark, which therefore reaches the object. For that the judgement reads the list first, who
//! holds the vault second, and marks third. A hold that lapsed is removed before the
//! second mark; its owner renews after it has sealed, learns that, and looks whether its snapshot is whole
//! ([`crate::VaultError::HoldLapsed`]). No step compares clocks: ages only spare work ([`Terms::young`], [`Terms::wait`]).
//!
//! Between the two steps nobody misses anything: whoever looks for an object that is absent looks among the condemned and brings it
//! back, and a seal does so for all that its snapshot needs. A sweep that broke off before it wrote its list never deletes; the next
//! one returns what it had moved.
//!
//! # Where a move is a copy and a delete
//! In a bucket the bytes have both names between the two. The argument above holds with the delete as the move: it is done before the
//! list is written, so whoever saw the final name looked before that. A crash in between leaves a sweep without a list, and the next one
//! finds the object in place, reads it whole, and lets the copy go. The one thing a rename cannot do and a late delete can is to take
//! away what was brought back meanwhile; therefore such a store keeps a condemned copy ([`StoreError::NotYet`]) until no delete that
//! belongs to it can still be carried out, and until then whoever misses the object finds it among the condemned. Whether that time has come
//! is asked before the final name is looked at ([`crate::store::Store::may_go`]). A sweep counts these as waiting and keeps its record. This is the one place where time matters, and it is the store's own
//! ([`crate::store::bucket`] has the figures).
//!
//! # Where versions are kept, and where objects are locked
//! A locked object is not needed and cannot go: it is counted ([`Swept::locked`]) and left, and no later step looks for it, so there is
//! nothing to fail at and nothing to repeat (F-35). A lock is looked at before the move; one that comes in between is a backup's that needs the
//! object, and the store refuses the move. In a store that keeps versions the move takes all versions of a name, so that the
//! argument above holds: nothing has the final name when the list is written. What somebody else deleted has no final name, so nobody can
//! rely on it: if no snapshot needs it, and it is older than every hold and than [`Terms::wait`], its versions go at once; whoever needs
//! the same bytes puts them anew, as another version, which that deletion does not name. One that is needed is for verification to bring back.
//!
//! Rejected: locks (restic, borg: users wait for hours), ages alone (zot, Harbor: wrong as soon as a copy lasts longer), and rows in
//! a database (the vault must stay true without one). Source of the two phases: rustic's prune and PBS's garbage collection.

mod filter;
pub(crate) mod mark;

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::time::Duration;

use futures::{StreamExt, TryStreamExt, stream};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use uuid::Uuid;
use vocab::Digest;

use self::filter::Filter;
use crate::Vault;
use crate::error::{StoreError, VaultError};
use crate::hold::{HOLD_TTL_MAX, Hold};
use crate::layout::{Key, PointerName, Prefix};
use crate::record;

/// What a sweep knows to be needed, and now and then an object more.
type Mark = mark::Mark<Filter>;

/// Objects moved or deleted side by side; each costs an fsync.
const MOVES_AT_ONCE: usize = 16;
/// Locks looked at side by side.
const LOOKS_AT_ONCE: usize = 32;
/// How long the sweep's own hold lives; it is renewed between batches.
const HOLD_TTL: Duration = Duration::from_secs(60 * 60);
/// After how many moves it is.
const RENEW_EVERY: usize = 4096;
/// Most objects condemned by one sweep; the rest waits for the next. What was condemned is listed in memory, 40 bytes each.
pub const CONDEMNED_MAX: usize = 1_000_000;

/// On what terms a sweep works.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terms {
    /// Look and count; change nothing.
    pub dry_run: bool,
    /// Objects written to less than this ago are passed over: a saving, since a running backup has them.
    pub young: Duration,
    /// Shortest time between condemning and judging: time to notice a mistake. Not needed for safety.
    pub wait: Duration,
    /// Largest share of the vault's objects, or of its bytes, one sweep may condemn, in percent (I-13).
    pub share_max_percent: u8,
}

impl Default for Terms {
    fn default() -> Self {
        Self { dry_run: false, young: Duration::from_secs(60 * 60), wait: Duration::from_secs(24 * 60 * 60), share_max_percent: 20 }
    }
}

/// Some objects and their bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Amount {
    /// How many.
    pub count: u64,
    /// Their bytes.
    pub size_bytes: u64,
}

impl Amount {
    fn add(&mut self, size_bytes: u64) {
        self.count += 1;
        self.size_bytes = self.size_bytes.saturating_add(size_bytes);
    }

    fn share_percent(self, of: Self) -> u64 {
        let share = |part: u64, whole: u64| if whole == 0 { 0 } else { (u128::from(part) * 100 / u128::from(whole)) as u64 };
        share(self.count, of.count).max(share(self.size_bytes, of.size_bytes))
    }
}

/// What a sweep did, or would do.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Swept {
    /// Snapshots that were marked.
    pub snapshots: u64,
    /// Under their final names and needed.
    pub needed: Amount,
    /// Not needed, but too young to be condemned, or more than one sweep takes.
    pub young: Amount,
    /// Condemned now.
    pub condemned: Amount,
    /// Condemned earlier, needed after all, and put back.
    pub returned: Amount,
    /// Condemned earlier and deleted now.
    pub deleted: Amount,
    /// Condemned earlier and not judged yet.
    pub waiting: Amount,
    /// Whose holds the judgement waits for.
    pub waiting_for: Vec<String>,
    /// Not needed, and locked: left where it is.
    pub locked: Amount,
    /// Until when the last of these is.
    #[serde(with = "time::serde::rfc3339::option")]
    pub locked_until: Option<OffsetDateTime>,
    /// Versions below the names of objects that take room and stay.
    pub old_versions: Amount,
    /// Versions of objects that somebody deleted and nothing needs, taken away now.
    pub old_deleted: Amount,
}

/// `breakwater/condemned/<sweep>.json`: written before the first move, and again after the last.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Record {
    id: Uuid,
    #[serde(with = "time::serde::rfc3339")]
    began: OffsetDateTime,
    /// `None`: still moving, or broken off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    moved: Option<Moved>,
}

/// How things stood after the last move.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Moved {
    #[serde(with = "time::serde::rfc3339")]
    at: OffsetDateTime,
    /// Holds that lived then.
    holds: Vec<Uuid>,
}

/// What one earlier sweep left among the condemned.
type Trials = BTreeMap<Uuid, Vec<(Digest, u64)>>;

/// What became of the bytes under a condemned name.
#[derive(Debug, PartialEq, Eq)]
enum Copy {
    /// Nothing is there any more.
    Gone,
    /// They stay until a later sweep: the store does not let go of them yet.
    Stays,
}

/// What a judgement needs.
struct Judging<'a> {
    /// From before the records of the trials were read: a sweep that is not among them is no longer moving.
    holds: &'a [Hold],
    terms: &'a Terms,
    mark: &'a mut Mark,
    swept: &'a mut Swept,
}

impl Swept {
    fn wait(&mut self, objects: &[(Digest, u64)], holding: Option<&Hold>) {
        objects.iter().for_each(|(_, size_bytes)| self.waiting.add(*size_bytes));
        self.waiting_for.extend(holding.map(|hold| hold.owner.clone()));
    }
}

fn owner_of(sweep: Uuid) -> String {
    format!("sweep {sweep}")
}

impl Vault {
    /// Judges what earlier sweeps condemned, then condemns what nothing needs now. Safe beside everything else and beside itself.
    ///
    /// Refuses, and deletes nothing, when a pointer or an index cannot be read (it might need anything), and with
    /// [`VaultError::SweepTooMuch`] when it would condemn more than the terms allow.
    pub async fn sweep(&self, terms: &Terms) -> Result<Swept, VaultError> {
        // With the wrong disk mounted nothing is needed (F-8).
        self.check().await?;
        if !terms.dry_run {
            // Tells a paused owner that it lost its hold; the second half of that bargain is its renewal after the seal.
            self.remove_lapsed_holds().await?;
        }
        let mut swept = Swept::default();
        let trials = self.trials().await?;
        let holds = self.live_holds().await?;
        let mut mark = Mark::default();
        let mut judging = Judging { holds: &holds, terms, mark: &mut mark, swept: &mut swept };
        for (id, objects) in trials {
            self.judge_trial(id, objects, &mut judging).await?;
        }
        self.condemn(terms, &mut mark, &mut swept).await?;
        Ok(swept)
    }

    /// Lets a snapshot go: removes its pointer. The bytes stay until a sweep finds that nothing else needs them.
    /// Forgetting one that is gone is no error.
    pub async fn forget(&self, name: &PointerName) -> Result<(), VaultError> {
        match self.store().remove(&Key::Pointer(name.clone())).await {
            Ok(()) | Err(StoreError::Missing { .. }) => Ok(()),
            Err(source) => Err(self.store_error("forget a snapshot", source)),
        }
    }

    /// After a seal: brings back what the snapshot needs and a sweep has moved meanwhile. Costs one empty listing when no sweep is
    /// under way.
    pub(crate) async fn bring_back_for(&self, snapshot: &Digest) -> Result<(), VaultError> {
        if self.sweeps().await?.is_empty() {
            return Ok(());
        }
        let mut mark = Mark::default();
        mark.snapshot(self, snapshot).await?;
        self.bring_back_needed(&self.trials().await?, &mark).await
    }

    /// Looks for an absent object among the condemned and brings it back. Answers whether it is worth looking again: always while
    /// there are sweeps, since another may have brought it back.
    pub(crate) async fn rescue(&self, digest: &Digest) -> Result<bool, VaultError> {
        let sweeps = self.sweeps().await?;
        for id in &sweeps {
            let head = self.store().head(&Key::Condemned(*id, *digest)).await;
            if head.map_err(|source| self.store_error("look up a condemned object", source))?.is_some() {
                self.bring_back(*id, digest).await?;
                break;
            }
        }
        Ok(!sweeps.is_empty())
    }

    async fn sweeps(&self) -> Result<Vec<Uuid>, VaultError> {
        let listing = self.store().list(&Prefix::Sweeps);
        let ids = listing.try_filter_map(|entry| {
            let id = if let Key::Sweep(id) = entry.key { Some(id) } else { None };
            std::future::ready(Ok(id))
        });
        ids.try_collect().await.map_err(|source| self.store_error("list sweeps", source))
    }

    async fn trials(&self) -> Result<Trials, VaultError> {
        let mut trials: Trials = self.sweeps().await?.into_iter().map(|id| (id, Vec::new())).collect();
        let mut listing = self.store().list(&Prefix::Condemned);
        while let Some(entry) = listing.try_next().await.map_err(|source| self.store_error("list condemned objects", source))? {
            if let Key::Condemned(id, digest) = entry.key {
                trials.entry(id).or_default().push((digest, entry.size_bytes));
            }
        }
        Ok(trials)
    }

    async fn judge_trial(&self, id: Uuid, objects: Vec<(Digest, u64)>, with: &mut Judging<'_>) -> Result<(), VaultError> {
        let record = self.record::<Record>(&Key::Sweep(id)).await?;
        let Some(moved) = record.as_ref().and_then(|record| record.moved.as_ref()) else {
            return self.judge_unfinished(id, record.as_ref(), &objects, with).await;
        };
        // After the list, not before: a hold that is on it and not among these had ended by now, so its pointer is there already. Those
        // read before the list may lack one that was taken between, and is under way.
        let holds = self.live_holds().await?;
        let holding = holds.iter().find(|hold| moved.holds.contains(&hold.id));
        if holding.is_some() || !self.is_due(moved.at, with.terms.wait) {
            with.swept.wait(&objects, holding);
            return Ok(());
        }
        // Only now, after the last of those holds has ended.
        with.mark.pointers(self).await?;
        let (needed, free): (Vec<_>, Vec<_>) = objects.into_iter().partition(|(digest, _)| with.mark.has(digest));
        needed.iter().for_each(|(_, size_bytes)| with.swept.returned.add(*size_bytes));
        if with.terms.dry_run {
            free.iter().for_each(|(_, size_bytes)| with.swept.deleted.add(*size_bytes));
            return Ok(());
        }
        let mut all_gone = true;
        for (digest, _) in &needed {
            all_gone &= self.bring_back(id, digest).await? == Copy::Gone;
        }
        let mut removals = stream::iter(free)
            .map(|(digest, size_bytes)| async move { Ok((self.remove(Key::Condemned(id, digest)).await?, size_bytes)) })
            .buffer_unordered(MOVES_AT_ONCE);
        while let Some((copy, size_bytes)) = removals.try_next().await? {
            all_gone &= copy == Copy::Gone;
            if copy == Copy::Gone { with.swept.deleted.add(size_bytes) } else { with.swept.waiting.add(size_bytes) }
        }
        drop(removals);
        // Without its record a trial is taken for a broken-off one, and what waits would go back.
        if all_gone { self.remove(Key::Sweep(id)).await.map(|_| ()) } else { Ok(()) }
    }

    /// Still moving, or broken off before it knew who holds the vault: then it may not delete.
    async fn judge_unfinished(
        &self,
        id: Uuid,
        record: Option<&Record>,
        objects: &[(Digest, u64)],
        with: &mut Judging<'_>,
    ) -> Result<(), VaultError> {
        if let Some(hold) = with.holds.iter().find(|hold| hold.owner == owner_of(id)) {
            with.swept.wait(objects, Some(hold));
            return Ok(());
        }
        let mut all_gone = true;
        for (digest, size_bytes) in objects {
            with.swept.returned.add(*size_bytes);
            if !with.terms.dry_run {
                all_gone &= self.bring_back(id, digest).await? == Copy::Gone;
            }
        }
        // The record stays for a while: its process may only be frozen, and move one more object when it thaws.
        if !with.terms.dry_run && all_gone && record.is_none_or(|record| self.is_due(record.began, HOLD_TTL_MAX)) {
            self.remove(Key::Sweep(id)).await?;
        }
        Ok(())
    }

    fn is_due(&self, since: OffsetDateTime, wait: Duration) -> bool {
        time::Duration::try_from(wait).ok().and_then(|wait| since.checked_add(wait)).is_some_and(|due| due <= self.now())
    }

    async fn remove(&self, key: Key) -> Result<Copy, VaultError> {
        match self.store().remove(&key).await {
            Ok(()) | Err(StoreError::Missing { .. }) => Ok(Copy::Gone),
            Err(StoreError::NotYet { .. }) => Ok(Copy::Stays),
            Err(source) => Err(self.store_error("sweep", source)),
        }
    }

    async fn condemn(&self, terms: &Terms, mark: &mut Mark, swept: &mut Swept) -> Result<(), VaultError> {
        let id = Uuid::new_v4();
        let own = if terms.dry_run { None } else { Some(self.hold(&owner_of(id), HOLD_TTL).await?) };
        let outcome = self.condemn_as(id, own.as_ref(), terms, mark, swept).await;
        if let Some(own) = own {
            self.release_hold(&own).await?;
        }
        outcome
    }

    async fn condemn_as(&self, id: Uuid, own: Option<&Hold>, terms: &Terms, mark: &mut Mark, swept: &mut Swept) -> Result<(), VaultError> {
        let others = |holds: Vec<Hold>| holds.into_iter().filter(|hold| own.is_none_or(|own| own.id != hold.id)).collect::<Vec<_>>();
        let oldest = others(self.live_holds().await?).first().map(|hold| hold.since);
        swept.snapshots = mark.pointers(self).await?;
        let border = self.border(terms.young, oldest);
        let condemned = self.unneeded(terms, mark, border, swept).await?;
        self.old_versions(terms, mark, self.border(terms.young.max(terms.wait), oldest), swept).await?;
        if swept.condemned.count == 0 || terms.dry_run {
            return Ok(());
        }
        let Some(own) = own else { return Ok(()) };
        let error = |source| self.store_error("sweep", source);
        let mut record = Record { id, began: self.now(), moved: None };
        self.store().create(&Key::Sweep(id), record::encode("sweep", &record)?).await.map_err(error)?;
        self.move_all(id, own, condemned).await?;
        let holds = others(self.live_holds().await?).iter().map(|hold| hold.id).collect();
        record.moved = Some(Moved { at: self.now(), holds });
        self.store().replace(&Key::Sweep(id), record::encode("sweep", &record)?).await.map_err(error)?;
        // What was sealed while the objects moved: its owner brings back what it needs too, but may have looked before the last move.
        mark.pointers(self).await?;
        let moved = self.trials().await?.remove(&id).unwrap_or_default();
        moved.iter().filter(|(digest, _)| mark.has(digest)).for_each(|(_, size_bytes)| swept.returned.add(*size_bytes));
        self.bring_back_needed(&Trials::from([(id, moved)]), mark).await
    }

    async fn bring_back_needed(&self, trials: &Trials, mark: &Mark) -> Result<(), VaultError> {
        for (id, objects) in trials {
            let needed: Vec<Digest> = objects.iter().map(|(digest, _)| *digest).filter(|digest| mark.has(digest)).collect();
            for digest in needed {
                self.bring_back(*id, &digest).await?;
            }
        }
        Ok(())
    }

    /// What was written after this may be somebody's who is at work.
    fn border(&self, young: Duration, oldest_hold: Option<OffsetDateTime>) -> OffsetDateTime {
        let young = time::Duration::try_from(young).unwrap_or(time::Duration::MAX);
        let border = self.now().checked_sub(young).unwrap_or(OffsetDateTime::UNIX_EPOCH);
        oldest_hold.map_or(border, |since| since.min(border))
    }

    /// What no snapshot needs and no lock keeps, and how much of everything there is.
    async fn unneeded(&self, terms: &Terms, mark: &Mark, border: OffsetDateTime, swept: &mut Swept) -> Result<Vec<Digest>, VaultError> {
        let mut unneeded = Vec::new();
        let mut all = Amount::default();
        let mut listing = self.store().list(&Prefix::Objects);
        while let Some(entry) = listing.try_next().await.map_err(|source| self.store_error("list objects", source))? {
            let Key::Object(digest) = entry.key else { continue };
            all.add(entry.size_bytes);
            if mark.has(&digest) {
                swept.needed.add(entry.size_bytes);
            } else if entry.modified.is_some_and(|modified| modified >= border) || unneeded.len() >= CONDEMNED_MAX {
                swept.young.add(entry.size_bytes);
            } else {
                unneeded.push((digest, entry.size_bytes));
            }
        }
        drop(listing);
        let condemned = self.unlocked(unneeded, swept).await?;
        let percent = swept.condemned.share_percent(all);
        if percent > u64::from(terms.share_max_percent) && !terms.dry_run {
            let (count, limit_percent) = (swept.condemned.count, terms.share_max_percent);
            return Err(VaultError::SweepTooMuch { place: self.place(), count, percent, limit_percent });
        }
        Ok(condemned)
    }

    /// Those no lock keeps. What is locked cannot be let go, and counts for nothing: neither as condemned nor as too much (F-35).
    async fn unlocked(&self, unneeded: Vec<(Digest, u64)>, swept: &mut Swept) -> Result<Vec<Digest>, VaultError> {
        let locks = !unneeded.is_empty() && self.keeps_versions().await?;
        let now = self.now();
        let mut looks = stream::iter(unneeded)
            .map(|(digest, size_bytes)| async move {
                let looked = if locks { self.store().look(&Key::Object(digest)).await? } else { None };
                let until = looked.and_then(|looked| looked.locked).map(|locked| locked.until).filter(|until| *until > now);
                Ok::<_, StoreError>((digest, size_bytes, until))
            })
            .buffer_unordered(LOOKS_AT_ONCE);
        let mut condemned = Vec::new();
        while let Some((digest, size_bytes, until)) = looks.try_next().await.map_err(|source| self.store_error("look up a lock", source))? {
            if until.is_some() {
                swept.locked.add(size_bytes);
                swept.locked_until = swept.locked_until.max(until);
            } else {
                swept.condemned.add(size_bytes);
                condemned.push(digest);
            }
        }
        Ok(condemned)
    }

    /// What lies below the names of objects. Of what somebody deleted and nothing needs it is taken away at once: nobody can rely on what has
    /// no name, and whoever needs it puts it anew, as another version.
    async fn old_versions(&self, terms: &Terms, mark: &Mark, border: OffsetDateTime, swept: &mut Swept) -> Result<(), VaultError> {
        if !self.keeps_versions().await? {
            return Ok(());
        }
        let error = |source| self.store_error("list old versions", source);
        let (mut versions, mut markers, mut kept) = (Vec::new(), Vec::new(), HashSet::new());
        let mut listing = self.store().old_versions();
        while let Some(old) = listing.try_next().await.map_err(error)? {
            let Key::Object(digest) = old.key else { continue };
            let goes = old.is_hidden && !mark.has(&digest) && old.modified.is_some_and(|modified| modified < border);
            let goes = goes && !terms.dry_run && versions.len() + markers.len() < CONDEMNED_MAX;
            match (goes, old.is_marker) {
                (true, true) => markers.push(old),
                (true, false) => versions.push((digest, old)),
                (false, true) => {}
                (false, false) => {
                    swept.old_versions.add(old.version.size_bytes);
                    kept.insert(digest);
                }
            }
        }
        drop(listing);
        let mut removals =
            stream::iter(versions)
                .map(|(digest, old)| async move {
                    Ok((self.store().remove_version(&old.key, &old.version).await?, digest, old.version.size_bytes))
                })
                .buffer_unordered(MOVES_AT_ONCE);
        while let Some((gone, digest, size_bytes)) = removals.try_next().await.map_err(error)? {
            if gone {
                swept.old_deleted.add(size_bytes)
            } else {
                swept.old_versions.add(size_bytes)
            }
            if !gone {
                kept.insert(digest);
            }
        }
        drop(removals);
        // Without its mark of deletion a version that stays would have the name again.
        markers.retain(|old| !matches!(old.key, Key::Object(digest) if kept.contains(&digest)));
        for old in markers {
            self.store().remove_version(&old.key, &old.version).await.map_err(error)?;
        }
        Ok(())
    }

    async fn move_all(&self, id: Uuid, own: &Hold, condemned: Vec<Digest>) -> Result<(), VaultError> {
        for batch in condemned.chunks(RENEW_EVERY) {
            self.renew_hold(own, HOLD_TTL).await?;
            let mut moves = stream::iter(batch).map(|digest| self.condemn_one(id, digest)).buffer_unordered(MOVES_AT_ONCE);
            while moves.try_next().await?.is_some() {}
        }
        Ok(())
    }

    async fn condemn_one(&self, id: Uuid, digest: &Digest) -> Result<(), VaultError> {
        match self.store().rename(&Key::Object(*digest), &Key::Condemned(id, *digest)).await {
            // Missing: another sweep was faster, or it was quarantined. Locked: a backup needs it since it was looked at.
            Ok(()) | Err(StoreError::Missing { .. } | StoreError::Locked { .. }) => Ok(()),
            Err(source) => Err(self.store_error("condemn an object", source)),
        }
    }

    /// Gives a condemned object its final name again, unless a good one has been put there meanwhile.
    async fn bring_back(&self, sweep: Uuid, digest: &Digest) -> Result<Copy, VaultError> {
        let (condemned, object) = (Key::Condemned(sweep, *digest), Key::Object(*digest));
        for _ in 0..2 {
            match self.store().rename(&condemned, &object).await {
                Ok(()) => return self.copy_of(&condemned).await,
                Err(StoreError::Missing { .. }) => return Ok(Copy::Gone),
                Err(StoreError::Exists { .. }) => {}
                Err(source) => return Err(self.store_error("bring back an object", source)),
            }
            let may_go = self.store().may_go(&condemned).await.map_err(|source| self.store_error("look up a condemned object", source))?;
            match self.verify_object(digest).await {
                Ok(_) => return if may_go { self.remove(condemned).await } else { Ok(Copy::Stays) },
                Err(VaultError::Corrupt { .. }) => {
                    self.quarantine(digest, "damaged while a condemned copy of it was whole").await?;
                }
                Err(VaultError::Missing { .. }) => {}
                Err(other) => return Err(other),
            }
        }
        Ok(Copy::Stays)
    }

    /// After a rename: where that is a copy and a delete, the copy may have to stay for a while.
    async fn copy_of(&self, condemned: &Key) -> Result<Copy, VaultError> {
        if !self.store().renames_leave_copies() {
            return Ok(Copy::Gone);
        }
        let head = self.store().head(condemned).await.map_err(|source| self.store_error("look up a condemned object", source))?;
        Ok(if head.is_some() { Copy::Stays } else { Copy::Gone })
    }

    /// Everything the kept snapshots need, by digest. For tests and for figures of what a snapshot alone holds.
    pub async fn needed(&self) -> Result<HashSet<Digest>, VaultError> {
        let mut mark = mark::Mark::<HashSet<Digest>>::default();
        mark.pointers(self).await?;
        Ok(mark.into_needed())
    }

    /// What is condemned now, by digest.
    pub async fn condemned(&self) -> Result<BTreeSet<Digest>, VaultError> {
        Ok(self.trials().await?.into_values().flatten().map(|(digest, _)| digest).collect())
    }
}
