//! The job that reads a vault: all of it, or the parts that are due; then it walks every snapshot for what is missing, and heals.
//!
//! Collects, never stops at the first fault. When an object turns out damaged, every snapshot that needs it is marked in one transaction
//! with the finding, and only then is it moved to quarantine: broken off in between, it is found again (I-5). An object that cannot be read
//! is not called damaged, and lifts no mark (I-6). A part counts as read when all of it was, so a try that broke off goes on where it was.

use std::collections::HashSet;
use std::sync::Arc;

use app::audit::events::VaultEvent;
use app::jobs::failures::Failure;
use app::jobs::lines::Line;
use app::jobs::sentences::Phase;
use app::units::figure;
use app::vaults::findings::HealedBy;
use engine::finding::{Depth, Fault, Finding};
use engine::survey::{Lack, SnapshotState, Survey};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use vault::{Vault, VaultError};
use vocab::Digest;

use super::partitions::{self, RateLimit};
use super::{heal, lock, queries, told};
use crate::audit::{self, Actor, Event, Outcome};
use crate::error::Error;
use crate::events::{self, Topic};
use crate::jobs::{JobContext, JobError, Stop};

/// Snapshots looked at per page of the catalogue.
const SNAPSHOT_ROWS: i64 = 200;
/// Objects read side by side.
const READERS: usize = 4;
/// Damaged objects that are marked together at most.
const DAMAGED_AT_ONCE: usize = 256;
/// Objects after which what was read, and what was damaged, is written down.
const FLUSH_OBJECTS: usize = 256;

/// Walks of every snapshot: what is below a lost index is seen once that is healed, and so down to the layers of nested images.
const ROUNDS_MAX: usize = 32;

/// How much is read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// Every object.
    #[default]
    All,
    /// The parts that were not read for longest, so that everything is read in time.
    Due,
    /// No object: only what is known to be missing is looked for and healed.
    Heal,
    /// No object: every lock is looked at and extended, after the vault was told to lock for longer.
    Locks,
}

/// What one verification came to.
#[derive(Default)]
struct Tally {
    objects: i64,
    bytes: i64,
    degraded: i64,
    healed: i64,
    /// Locks that were too short, or too short for the future.
    locks: usize,
}

struct Job<'a> {
    context: &'a Arc<JobContext>,
    vault_id: i64,
    vault: Vault,
    tally: Tally,
    /// Objects with a finding.
    found: HashSet<Digest>,
    /// The parts that were read.
    due: HashSet<i16>,
    read_only: bool,
}

/// Bytes of all objects that are there now.
async fn stored_bytes(vault: &Vault) -> Result<i64, VaultError> {
    let sum = vault.objects().try_fold(0_u64, async |sum, (_, size_bytes)| Ok(sum.saturating_add(size_bytes))).await?;
    Ok(i64::try_from(sum).unwrap_or(i64::MAX))
}

/// Runs it.
pub async fn verify_job(context: Arc<JobContext>, vault_id: i64, scope: Scope) -> Result<(), JobError> {
    let (row, vault) = {
        let mut conn = context.state.pool.acquire().await?;
        let row = queries::one(&mut conn, vault_id).await?.ok_or_else(|| JobError::for_good(Failure::VaultGone))?;
        (row, super::open(&context.state, &mut conn, vault_id).await?)
    };
    let mut job = Job {
        context: &context,
        vault_id,
        vault,
        tally: Tally::default(),
        found: HashSet::new(),
        due: HashSet::new(),
        read_only: row.read_only_since.is_some(),
    };
    if scope == Scope::Locks {
        return job.locks_alone(&row.name).await;
    }
    if !job.read_only {
        let actor = Actor::job(context.job_id);
        let revived = lock::pointers(&actor, &context.state, vault_id, &job.vault, false).await?;
        job.tally.healed += revived;
        if revived > 0 {
            context.log("info", Line::PointersBack { pointers: revived }).await;
        }
    }
    job.read(scope, row.scrub_days, &Arc::new(RateLimit::new(row.scrub_mib_s))).await?;
    for _ in 0..ROUNDS_MAX {
        let lacks = job.survey().await?;
        if job.read_only {
            break;
        }
        let healed = heal::all(&context, vault_id, &job.vault, &lacks).await?;
        job.tally.healed += healed;
        if healed == 0 {
            break;
        }
    }
    if !job.read_only && scope != Scope::Heal {
        job.tally.locks = lock::look(&context, vault_id, &job.vault, scope, std::mem::take(&mut job.due)).await?;
    }
    // What was healed after it was read is there as well.
    let stored = if scope == Scope::All { Some(stored_bytes(&job.vault).await.map_err(Error::from)?) } else { None };
    let tally = &job.tally;
    let findings = i64::try_from(job.found.len()).unwrap_or(i64::MAX);
    let mut tx = context.state.pool.begin().await?;
    context.fence(&mut tx).await?;
    if let Some(stored) = stored {
        queries::verified(&mut tx, vault_id, stored).await?;
    }
    events::notify(&mut tx, Topic::Vaults).await?;
    let what = VaultEvent::Verified { objects: tally.objects, vault: row.name.clone(), findings, healed: tally.healed };
    let mut event = Event::new("vault.verify.finish", "vault", &row.name, what.clone())
        .with("objects", tally.objects)
        .with("bytes", tally.bytes)
        .with("findings", findings)
        .with("degraded_snapshots", tally.degraded)
        .with("healed_objects", tally.healed)
        .with("extended_locks", i64::try_from(tally.locks).unwrap_or(i64::MAX));
    if findings > tally.healed {
        event = event.outcome(Outcome::Partial, "findings");
    }
    audit::record(&mut tx, &Actor::job(context.job_id), event).await.map_err(JobError::from)?;
    tx.commit().await?;
    context.log("info", Line::OfVault { event: what }).await;
    Ok(())
}

/// What reading one object came to.
struct Read {
    digest: Digest,
    outcome: Result<u64, Unread>,
}

enum Unread {
    Stopped(Stop),
    Vault(VaultError),
}

async fn read_one(context: &JobContext, vault: &Vault, rate: &RateLimit, digest: &Digest) -> Result<u64, Unread> {
    let pieces = vault.get(digest);
    futures::pin_mut!(pieces);
    let mut size_bytes = 0;
    while let Some(piece) = pieces.next().await {
        let piece = piece.map_err(Unread::Vault)?;
        size_bytes += piece.len() as u64;
        let mut wait = rate.after(piece.len());
        loop {
            context.stop_asked().map_err(Unread::Stopped)?;
            if wait.is_zero() {
                break;
            }
            let nap = wait.min(partitions::NAP_MAX);
            tokio::time::sleep(nap).await;
            wait = wait.saturating_sub(nap);
        }
    }
    Ok(size_bytes)
}

impl Job<'_> {
    async fn locks_alone(&self, name: &str) -> Result<(), JobError> {
        let extended = lock::look(self.context, self.vault_id, &self.vault, Scope::Locks, HashSet::new()).await?;
        let mut tx = self.context.state.pool.begin().await?;
        self.context.fence(&mut tx).await?;
        let locks = figure(extended);
        let what = VaultEvent::LocksExtended { locks, vault: name.to_owned() };
        let event = Event::new("vault.lock.extend", "vault", name, what).with("extended_locks", locks);
        audit::record(&mut tx, &Actor::job(self.context.job_id), event).await.map_err(JobError::from)?;
        tx.commit().await?;
        Ok(())
    }

    async fn read(&mut self, scope: Scope, days: i32, rate: &Arc<RateLimit>) -> Result<(), JobError> {
        let mut wanted = {
            let mut conn = self.context.state.pool.acquire().await?;
            match scope {
                Scope::All => queries::parts(&mut conn, self.vault_id, self.context.job_id, None).await?,
                Scope::Due => queries::parts(&mut conn, self.vault_id, self.context.job_id, Some(days)).await?,
                Scope::Heal | Scope::Locks => Vec::new(),
            }
        };
        self.due = wanted.iter().copied().collect();
        while !wanted.is_empty() {
            let began: OffsetDateTime = sqlx::query_scalar("select now()").fetch_one(&self.context.state.pool).await?;
            let (taken, objects) = partitions::objects(&self.vault, &wanted).await.map_err(Error::from)?;
            let rest = wanted.split_off(taken);
            self.read_parts(&wanted, objects, began, rate).await?;
            wanted = rest;
        }
        Ok(())
    }

    async fn read_parts(
        &mut self,
        taken: &[i16],
        objects: Vec<Digest>,
        began: OffsetDateTime,
        rate: &Arc<RateLimit>,
    ) -> Result<(), JobError> {
        let known_bad = self.known_bad().await?;
        let mut unread: HashSet<i16> = HashSet::new();
        let mut done = 0;
        for some in objects.chunks(FLUSH_OBJECTS) {
            let mut damaged = HashSet::new();
            let (context, vault, rate) = (Arc::clone(self.context), self.vault.clone(), Arc::clone(rate));
            let mut reads = stream::iter(some.to_vec())
                .map(move |digest| {
                    let (context, vault, rate) = (Arc::clone(&context), vault.clone(), Arc::clone(&rate));
                    async move { Read { digest, outcome: read_one(&context, &vault, &rate, &digest).await } }
                })
                .buffered(READERS)
                .boxed();
            while let Some(Read { digest, outcome }) = reads.next().await {
                self.tally.objects += 1;
                match outcome {
                    Ok(size_bytes) => {
                        self.tally.bytes += i64::try_from(size_bytes).unwrap_or(i64::MAX);
                        if known_bad.contains(digest.as_bytes().as_slice()) {
                            let mut conn = self.context.state.pool.acquire().await?;
                            queries::heal(&mut conn, self.vault_id, digest.as_bytes(), &HealedBy::StoredAnew).await?;
                        }
                    }
                    Err(Unread::Stopped(stop)) => return Err(stop.into()),
                    Err(Unread::Vault(VaultError::Corrupt { .. })) => {
                        damaged.insert(digest);
                    }
                    // Swept since it was listed; what a snapshot needs is looked for in the survey.
                    Err(Unread::Vault(VaultError::Missing { .. })) => {}
                    Err(Unread::Vault(error)) => {
                        unread.insert(partitions::part_of(&digest));
                        let finding = Finding::of(error, digest, "the object");
                        let mut tx = self.context.state.pool.begin().await?;
                        self.context.fence(&mut tx).await?;
                        let said = self.report(&mut tx, &finding, 0).await?;
                        tx.commit().await?;
                        self.say(said).await;
                    }
                }
                let (objects, bytes) = (self.tally.objects, self.tally.bytes);
                self.context
                    .progress(|p| {
                        p.phase = Some(Phase::ReadingObjects);
                        p.items_done = objects;
                        p.bytes_done = bytes;
                    })
                    .await;
                if damaged.len() >= DAMAGED_AT_ONCE {
                    self.damaged(&std::mem::take(&mut damaged)).await?;
                }
            }
            drop(reads);
            self.damaged(&damaged).await?;
            // The parts before the one the last object is in are done.
            let at = some.last().map(partitions::part_of).and_then(|part| taken.iter().position(|p| *p == part)).unwrap_or(0);
            self.parts_read(&taken[done..at], &unread, began).await?;
            done = at;
        }
        self.parts_read(&taken[done..], &unread, began).await
    }

    async fn known_bad(&self) -> Result<HashSet<Vec<u8>>, JobError> {
        let mut conn = self.context.state.pool.acquire().await?;
        Ok(queries::open_objects(&mut conn, self.vault_id).await?.into_iter().collect())
    }

    async fn parts_read(&self, parts: &[i16], unread: &HashSet<i16>, began: OffsetDateTime) -> Result<(), JobError> {
        let read: Vec<i16> = parts.iter().filter(|part| !unread.contains(part)).copied().collect();
        if read.is_empty() {
            return Ok(());
        }
        let mut tx = self.context.state.pool.begin().await?;
        self.context.fence(&mut tx).await?;
        queries::parts_read(&mut tx, self.vault_id, &read, began).await?;
        events::notify(&mut tx, Topic::Vaults).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Marks every snapshot that needs one of them, then moves them aside.
    async fn damaged(&mut self, damaged: &HashSet<Digest>) -> Result<(), JobError> {
        if damaged.is_empty() {
            return Ok(());
        }
        self.context.progress(|p| p.phase = Some(Phase::LookingWhoNeeds)).await;
        self.vault.check().await.map_err(Error::from)?;
        let vault = self.vault.clone();
        let mut survey = Survey::of(&vault, damaged);
        let mut hit = Vec::new();
        let mut after = 0;
        while let Some(rows) = self.snapshots(&mut after).await? {
            for (snapshot_id, digest) in rows {
                if survey.snapshot(&digest).await == SnapshotState::Degraded {
                    hit.push(snapshot_id);
                }
            }
        }
        let mut tx = self.context.state.pool.begin().await?;
        self.context.fence(&mut tx).await?;
        let mut said = Vec::new();
        for digest in damaged {
            let mut finding = Finding::of(VaultError::Corrupt { digest: *digest, actual: *digest, size_bytes: 0 }, *digest, "the object");
            if !self.read_only {
                finding.fault = Fault::SetAside;
            }
            said.extend(self.report(&mut tx, &finding, hit.len()).await?);
        }
        queries::set_degraded(&mut tx, self.vault_id, &hit, true).await?;
        events::notify(&mut tx, Topic::Vaults).await?;
        events::notify(&mut tx, Topic::Snapshots).await?;
        tx.commit().await?;
        self.say(said).await;
        if self.read_only {
            return Ok(());
        }
        for digest in damaged {
            match self.vault.quarantine(digest, "its bytes do not match its name").await {
                Ok(_) | Err(VaultError::Missing { .. }) => {}
                Err(VaultError::Intact { .. }) => {
                    let mut conn = self.context.state.pool.acquire().await?;
                    queries::heal(&mut conn, self.vault_id, digest.as_bytes(), &HealedBy::StoredAnew).await?;
                }
                Err(error) => return Err(Error::from(error).into()),
            }
        }
        Ok(())
    }

    async fn snapshots(&self, after: &mut i64) -> Result<Option<Vec<(i64, Digest)>>, JobError> {
        self.context.stop_asked()?;
        let mut conn = self.context.state.pool.acquire().await?;
        let rows = queries::snapshots(&mut conn, self.vault_id, *after, SNAPSHOT_ROWS).await?;
        let Some((last, _)) = rows.last() else { return Ok(None) };
        *after = *last;
        let digest = |bytes: &[u8]| Digest::from_bytes(bytes).map_err(|e| JobError::from(Error::defect(e.to_string())));
        rows.iter().map(|(id, bytes)| Ok((*id, digest(bytes)?))).collect::<Result<Vec<_>, JobError>>().map(Some)
    }

    /// Walks every snapshot; answers what is lacking.
    async fn survey(&mut self) -> Result<Vec<Lack>, JobError> {
        // With the wrong disk mounted everything looks lost (F-8).
        self.vault.check().await.map_err(Error::from)?;
        let vault = self.vault.clone();
        let mut survey = Survey::new(&vault, Depth::Presence);
        let (mut after, mut certain) = (0, true);
        self.tally.degraded = 0;
        while let Some(rows) = self.snapshots(&mut after).await? {
            let (mut whole, mut degraded) = (Vec::new(), Vec::new());
            for (snapshot_id, digest) in rows {
                self.context.stop_asked()?;
                match survey.snapshot(&digest).await {
                    SnapshotState::Whole => whole.push(snapshot_id),
                    SnapshotState::Degraded => degraded.push(snapshot_id),
                    SnapshotState::Unknown => certain = false,
                }
                self.context.progress(|p| p.phase = Some(Phase::Walking)).await;
            }
            self.tally.degraded += i64::try_from(degraded.len()).unwrap_or(i64::MAX);
            let mut tx = self.context.state.pool.begin().await?;
            self.context.fence(&mut tx).await?;
            let mut said = Vec::new();
            for lack in survey.take_new() {
                said.extend(self.report(&mut tx, &lack.finding, 0).await?);
            }
            queries::set_degraded(&mut tx, self.vault_id, &whole, false).await?;
            queries::set_degraded(&mut tx, self.vault_id, &degraded, true).await?;
            events::notify(&mut tx, Topic::Snapshots).await?;
            tx.commit().await?;
            self.say(said).await;
        }
        let lacks = survey.into_lacks();
        if certain {
            self.close(&lacks).await?;
        }
        Ok(lacks)
    }

    /// Closes findings about what is not lacking. Below a lost index nothing was seen: while anything is lacking, only what is there again.
    async fn close(&self, lacks: &[Lack]) -> Result<(), JobError> {
        let lacking: HashSet<&[u8]> = lacks.iter().map(|lack| lack.finding.object.as_bytes().as_slice()).collect();
        let mut closed = Vec::new();
        for object in self.known_bad().await? {
            if lacking.contains(object.as_slice()) {
                continue;
            }
            let digest = Digest::from_bytes(&object).map_err(|e| Error::defect(e.to_string()))?;
            if lacks.is_empty() || self.vault.size_of(&digest).await.map_err(Error::from)?.is_some() {
                closed.push(object);
            }
        }
        let mut tx = self.context.state.pool.begin().await?;
        self.context.fence(&mut tx).await?;
        queries::no_longer_lost(&mut tx, self.vault_id, &closed).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Opens a finding unless the object has one, with its audit row; answers the line for the log, which is written once this is committed.
    async fn report(&mut self, conn: &mut sqlx::PgConnection, finding: &Finding, hit: usize) -> Result<Option<Line>, JobError> {
        let Finding { kind, object, .. } = finding;
        let (detail, remedy) = told::finding(finding);
        self.found.insert(*object);
        if !queries::find(conn, self.vault_id, kind, object, (&detail, &remedy)).await? {
            return Ok(None);
        }
        let event = Event::new("vault.mismatch.found", "object", object.to_string(), VaultEvent::Found { means: detail.clone() })
            .with("degraded_snapshots", i64::try_from(hit).unwrap_or(i64::MAX))
            .outcome(Outcome::Failure, kind.clone());
        audit::record(conn, &Actor::job(self.context.job_id), event).await?;
        Ok(Some(Line::Found { object: object.to_string(), means: detail }))
    }

    async fn say(&self, lines: impl IntoIterator<Item = Line>) {
        for line in lines {
            self.context.log("error", line).await;
        }
    }
}
