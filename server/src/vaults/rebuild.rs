//! Making the catalogue from a vault, and the two agree again.
//!
//! What is in the vault and not in the catalogue is entered, whatever its age. What the catalogue has and the vault lost gets its pointer
//! again if all of it is still there; else the snapshot is marked. What was let go and came back is let go again by the next sweep. What a
//! vault does not hold cannot come back: accounts, roles, plans, requests and votes, holds, the audit log.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use app::audit::events::VaultEvent;
use app::jobs::failures::Failure;
use app::jobs::lines::Line;
use app::jobs::sentences::{Phase, Title};
use app::units::{Moment, figure};
use app::vaults::findings::LeftOutWhy;
use app::vaults::types::{LeftOut, Rebuilt};
use sqlx::PgConnection;
use time::OffsetDateTime;
use vault::{Pointer, PointerName, Vault, VaultError};
use vocab::Digest;

use super::reconcile::{self, Entry};
use super::{lock, queries, told};
use crate::access::{Caller, Operation, Origin};
use crate::audit::{self, Actor, Event, Outcome};
use crate::error::Error;
use crate::events::{self, Topic};
use crate::jobs::{self, JobContext, JobError, NewJob, Work};
use crate::projects::{adopt, catalogue, imports, replay};
use crate::state::AppState;
use crate::troubles;

/// Lines kept about what could not be entered.
const LEFT_OUT_MAX: usize = 200;

/// Who rebuilds.
pub enum By {
    /// A worker.
    Job(Arc<JobContext>),
    /// A person on the server.
    CommandLine,
}

impl By {
    fn actor(&self) -> Actor {
        match self {
            Self::Job(context) => Actor::job(context.job_id),
            Self::CommandLine => Actor::command_line(),
        }
    }

    async fn step(&self, phase: Phase, done: i64) -> Result<(), JobError> {
        if let Self::Job(context) = self {
            context.check().await?;
            context
                .progress(|p| {
                    p.phase = Some(phase);
                    p.items_done = done;
                })
                .await;
        }
        Ok(())
    }

    /// The last statement of a transaction: it locks the row the worker's lease is in.
    async fn fence(&self, conn: &mut PgConnection) -> Result<(), JobError> {
        match self {
            Self::Job(context) => context.fence(conn).await,
            Self::CommandLine => Ok(()),
        }
    }

    async fn log(&self, level: &'static str, line: Line) {
        match self {
            Self::Job(context) => context.log(level, line).await,
            Self::CommandLine => println!("{line}"),
        }
    }
}

/// Queues a rebuild.
pub async fn start(state: &AppState, caller: &Caller, origin: &Origin, vault_id: i64) -> Result<i64, Error> {
    caller.require(Operation::ManageEstate, None)?;
    let mut tx = state.pool.begin().await?;
    let row = queries::one(&mut tx, vault_id).await?.ok_or_else(|| app::error::ApiError::not_found(app::refusals::Thing::Vault))?;
    let job = NewJob {
        work: Work::Rebuild { vault_id },
        title: Title::Rebuild { vault: row.name.clone() },
        dedupe_key: format!("rebuild:{vault_id}"),
        trigger: caller.login.clone(),
        account_id: Some(caller.account_id),
        harbor_id: None,
        project: None,
        link: Some(format!("/vaults/{vault_id}")),
        after: None,
    };
    let queued = jobs::enqueue(&mut tx, &job).await?;
    if queued.new {
        let what = VaultEvent::RebuildAsked { vault: row.name.clone() };
        let event = Event::new("vault.rebuild.start", "vault", &row.name, what).with("job", queued.job_id);
        audit::record(&mut tx, &Actor::caller(caller, origin), event).await?;
    }
    tx.commit().await?;
    Ok(queued.job_id)
}

/// Runs it as a job.
pub async fn rebuild_job(context: Arc<JobContext>, vault_id: i64) -> Result<(), JobError> {
    let state = context.state.clone();
    rebuild(&state, vault_id, &By::Job(context)).await.map(|_| ())
}

struct Rebuild<'a> {
    state: &'a AppState,
    by: &'a By,
    vault_id: i64,
    name: String,
    vault: Vault,
    out: Rebuilt,
}

/// Rebuilds, and tells what came of it.
pub async fn rebuild(state: &AppState, vault_id: i64, by: &By) -> Result<Rebuilt, JobError> {
    let gone = || JobError::for_good(Failure::VaultGone);
    let (row, vault) = {
        let mut conn = state.pool.acquire().await?;
        let row = queries::one(&mut conn, vault_id).await?.ok_or_else(gone)?;
        (row, super::open(state, &mut conn, vault_id).await?)
    };
    vault.check().await.map_err(Error::from)?;
    let job_id = if let By::Job(context) = by { Some(context.job_id) } else { None };
    let now = Moment(OffsetDateTime::now_utc());
    let out = Rebuilt { at: now, job_id, entered: 0, copies: 0, restored: 0, lost: 0, left_out: Vec::new() };
    let mut rebuild = Rebuild { state, by, vault_id, name: row.name, vault, out };
    rebuild.run(row.read_only_since.is_some()).await?;
    rebuild.end().await
}

impl Rebuild<'_> {
    async fn run(&mut self, read_only: bool) -> Result<(), JobError> {
        self.by.step(Phase::ListingVault, 0).await?;
        if !read_only {
            let revived = lock::pointers(&self.by.actor(), self.state, self.vault_id, &self.vault, true).await?;
            if revived > 0 {
                self.by.log("info", Line::PointersBack { pointers: revived }).await;
            }
        }
        let difference = reconcile::difference(&self.state.pool, &self.vault, self.vault_id, true).await?;
        self.foreign(&difference.foreign);
        self.copies(&difference.copies).await?;
        self.unknown(&difference.unknown).await?;
        for entry in &difference.lost {
            self.by.step(Phase::LookingForLosses, self.out.lost).await?;
            self.lost(entry, read_only).await?;
        }
        if self.out.restored > 0
            && let Err(error) = self.vault.rebuild_index().await
        {
            self.by.log("warn", Line::NoIndexJson { why: troubles::vault(&error) }).await;
        }
        self.returned(&difference.returned).await
    }

    fn left_out(&mut self, what: String, count: usize, why: LeftOutWhy) {
        if self.out.left_out.len() < LEFT_OUT_MAX {
            self.out.left_out.push(LeftOut { what, count: i64::try_from(count).unwrap_or(i64::MAX), why: why.into() });
        }
    }

    fn foreign(&mut self, names: &[PointerName]) {
        let mut harbors: BTreeMap<String, usize> = BTreeMap::new();
        for name in names {
            *harbors.entry(name.harbor().to_string()).or_default() += 1;
        }
        for (harbor, count) in harbors {
            self.left_out(harbor, count, LeftOutWhy::NoHarbor);
        }
    }

    /// Reads a pointer; one that cannot be read is told of.
    async fn pointer(&mut self, name: &PointerName) -> Result<Option<Pointer>, JobError> {
        match self.vault.pointer(name).await {
            Ok(pointer) => Ok(pointer),
            Err(error) if error.is_transient() => Err(Error::from(error).into()),
            Err(error) => {
                self.left_out(name.to_string(), 1, LeftOutWhy::PointerUnusable { why: troubles::vault(&error) });
                Ok(None)
            }
        }
    }

    /// What the catalogue has in other vaults is in this one too.
    async fn copies(&mut self, names: &[PointerName]) -> Result<(), JobError> {
        for name in names {
            self.by.step(Phase::EnteringCopies, self.out.copies).await?;
            let Some(pointer) = self.pointer(name).await? else { continue };
            let mut tx = self.state.pool.begin().await?;
            let digest = pointer.snapshot.digest;
            if queries::insert_copy(&mut tx, pointer.id, self.vault_id, digest.as_bytes()).await? {
                self.out.copies += 1;
            }
            self.by.fence(&mut tx).await?;
            tx.commit().await?;
        }
        Ok(())
    }

    async fn unknown(&mut self, names: &[PointerName]) -> Result<(), JobError> {
        let mut groups: BTreeMap<(String, String), Vec<Pointer>> = BTreeMap::new();
        for name in names {
            self.by.step(Phase::ReadingPointers, 0).await?;
            if let Some(pointer) = self.pointer(name).await? {
                groups.entry((pointer.harbor.to_string(), pointer.project.to_string())).or_default().push(pointer);
            }
        }
        for ((harbor, project), mut pointers) in groups {
            pointers.sort_by_key(|pointer| (pointer.moment, pointer.id));
            let (project_id, newest) = {
                let mut conn = self.state.pool.acquire().await?;
                let Some(harbor_id) = crate::projects::queries::harbor_id(&mut conn, &harbor).await? else { continue };
                let project_id = catalogue::project_id(&mut conn, harbor_id, &project).await?;
                (project_id, adopt::newest(&mut conn, project_id).await?)
            };
            let before = self.out.entered;
            if pointers.iter().all(|pointer| adopt::is_later(pointer.moment, newest)) {
                self.append(project_id, &pointers).await?;
            } else {
                self.insert(project_id, &pointers).await?;
            }
            let entered = self.out.entered - before;
            self.by.log("info", Line::Entered { project: format!("{harbor}/{project}"), entered, of: figure(pointers.len()) }).await;
        }
        Ok(())
    }

    /// Snapshots later than all the catalogue has.
    async fn append(&mut self, project_id: i64, pointers: &[Pointer]) -> Result<(), JobError> {
        for pointer in pointers {
            if let Some(sealed) = self.sealed(project_id, pointer).await? {
                self.enter(sealed, pointer).await?;
            }
        }
        Ok(())
    }

    async fn enter(&mut self, sealed: catalogue::Sealed, pointer: &Pointer) -> Result<(), JobError> {
        self.by.step(Phase::EnteringSnapshots, self.out.entered).await?;
        let Some(prepared) = adopt::prepare(&self.state.pool, &self.vault, sealed).await? else {
            self.unreadable(pointer);
            return Ok(());
        };
        let mut tx = self.state.pool.begin().await?;
        let new = adopt::enter(&mut tx, &self.by.actor(), &prepared, pointer).await?;
        events::notify(&mut tx, Topic::Snapshots).await?;
        self.by.fence(&mut tx).await?;
        tx.commit().await?;
        self.out.entered += i64::from(new);
        Ok(())
    }

    /// Snapshots between others.
    async fn insert(&mut self, project_id: i64, pointers: &[Pointer]) -> Result<(), JobError> {
        self.by.step(Phase::MakingHistory, self.out.entered).await?;
        let mut vaults = HashMap::from([(self.vault_id, self.vault.clone())]);
        let (mut fresh, mut replayed) = (Vec::new(), Vec::new());
        for pointer in pointers {
            match self.sealed(project_id, pointer).await? {
                // An import has no place between others.
                Some(sealed) if imports::is_imported(&sealed) => self.enter(sealed, pointer).await?,
                Some(sealed) => {
                    fresh.push(sealed);
                    replayed.push(pointer);
                }
                None => {}
            }
        }
        if fresh.is_empty() {
            return Ok(());
        }
        {
            let mut conn = self.state.pool.acquire().await?;
            for vault_id in queries::of_project(&mut conn, project_id).await? {
                // All of them: a snapshot that could not be asked would vanish from the history.
                vaults.insert(vault_id, super::open(self.state, &mut conn, vault_id).await?);
            }
        }
        let mut tx = self.state.pool.begin().await?;
        let entered: HashMap<_, _> = replay::replay(&mut tx, &vaults, project_id, fresh).await?.into_iter().collect();
        for pointer in replayed {
            match entered.get(&pointer.id) {
                Some(snapshot_id) => adopt::record(&mut tx, &self.by.actor(), *snapshot_id, pointer).await?,
                None => self.unreadable(pointer),
            }
        }
        events::notify(&mut tx, Topic::Snapshots).await?;
        self.by.fence(&mut tx).await?;
        tx.commit().await?;
        self.out.entered += i64::try_from(entered.len()).unwrap_or(i64::MAX);
        Ok(())
    }

    async fn sealed(&mut self, project_id: i64, pointer: &Pointer) -> Result<Option<catalogue::Sealed>, JobError> {
        let sealed = adopt::sealed(&self.vault, self.vault_id, project_id, pointer).await?;
        if sealed.is_none() {
            self.unreadable(pointer);
        }
        Ok(sealed)
    }

    fn unreadable(&mut self, pointer: &Pointer) {
        let what = format!("{}/{} {}", pointer.harbor, pointer.project, Moment(pointer.moment).long());
        if self.out.left_out.iter().all(|line| line.what != what) {
            self.left_out(what, 1, LeftOutWhy::IndexLost);
        }
    }

    /// Its pointer is gone. If all it needs is there, it gets it again; else it is marked, or copied anew.
    async fn lost(&mut self, entry: &Entry, read_only: bool) -> Result<(), JobError> {
        if entry.is_copy {
            let mut tx = self.state.pool.begin().await?;
            queries::copy_again(&mut tx, entry.snapshot_id, self.vault_id).await?;
            self.by.fence(&mut tx).await?;
            tx.commit().await?;
            self.out.lost += 1;
            return Ok(());
        }
        let digest = {
            let mut conn = self.state.pool.acquire().await?;
            catalogue::snapshot_digest(&mut conn, entry.snapshot_id).await?
        };
        if !read_only && self.restored(entry, &digest).await? {
            self.out.restored += 1;
            return Ok(());
        }
        let finding = engine::finding::Finding::of(VaultError::Missing { digest }, digest, "the snapshot");
        let (means, remedy) = told::finding(&finding);
        let mut tx = self.state.pool.begin().await?;
        queries::find(&mut tx, self.vault_id, &finding.kind, &digest, (&means, &remedy)).await?;
        queries::set_degraded(&mut tx, self.vault_id, &[entry.snapshot_id], true).await?;
        let what = VaultEvent::SnapshotLost { vault: self.name.clone() };
        let event = Event::new("vault.mismatch.found", "object", digest.to_string(), what).outcome(Outcome::Failure, "missing");
        audit::record(&mut tx, &self.by.actor(), event).await?;
        events::notify(&mut tx, Topic::Snapshots).await?;
        self.by.fence(&mut tx).await?;
        tx.commit().await?;
        self.out.lost += 1;
        Ok(())
    }

    async fn restored(&self, entry: &Entry, digest: &Digest) -> Result<bool, JobError> {
        let index = match self.vault.snapshot(digest).await {
            Ok(index) => index,
            Err(error) if error.is_transient() => return Err(Error::from(error).into()),
            Err(_) => return Ok(false),
        };
        let findings = engine::verify::snapshot(&self.vault, digest).await;
        if !findings.is_empty() {
            return Ok(false);
        }
        let snapshot = self.vault.put_snapshot(&index).await.map_err(Error::from)?;
        let moment = index.started;
        let (harbor, project) = (index.harbor, index.project);
        let pointer = Pointer { harbor, project, moment, id: entry.pointer_id, snapshot, signature: None };
        self.vault.put_pointer(&pointer).await.map_err(Error::from)?;
        self.by.log("info", Line::PointerRestored { project: format!("{}/{}", pointer.harbor, pointer.project) }).await;
        Ok(true)
    }

    /// The next sweep removes their pointers again.
    async fn returned(&mut self, entries: &[Entry]) -> Result<(), JobError> {
        if entries.is_empty() {
            return Ok(());
        }
        let ids: Vec<i64> = entries.iter().map(|entry| entry.snapshot_id).collect();
        let mut tx = self.state.pool.begin().await?;
        queries::forget_again(&mut tx, self.vault_id, &ids).await?;
        self.by.fence(&mut tx).await?;
        tx.commit().await?;
        self.by.log("info", Line::BackAgain { snapshots: figure(ids.len()) }).await;
        Ok(())
    }

    async fn end(self) -> Result<Rebuilt, JobError> {
        let drift = reconcile::difference(&self.state.pool, &self.vault, self.vault_id, false).await?.drift();
        let Rebuilt { entered, copies, restored, lost, left_out, .. } = &self.out;
        let missing: i64 = left_out.iter().map(|line| line.count).sum();
        let vault = self.name.clone();
        let what = VaultEvent::Rebuilt { vault, entered: *entered, copies: *copies, restored: *restored, lost: *lost, missing };
        let mut event = Event::new("vault.rebuild.finish", "vault", &self.name, what.clone())
            .with("entered", *entered)
            .with("copies", *copies)
            .with("restored", *restored)
            .with("lost", *lost)
            .with("left_out", missing);
        if missing > 0 {
            event = event.outcome(Outcome::Partial, "left_out");
        }
        let mut tx = self.state.pool.begin().await?;
        queries::set_rebuilt(&mut tx, self.vault_id, &self.out).await?;
        reconcile::keep(&mut tx, self.vault_id, drift).await?;
        events::notify(&mut tx, Topic::Vaults).await?;
        audit::record(&mut tx, &self.by.actor(), event).await?;
        self.by.fence(&mut tx).await?;
        tx.commit().await?;
        for line in left_out {
            self.by.log("warn", Line::LeftOut { what: line.what.clone(), snapshots: line.count, why: line.why.clone() }).await;
        }
        self.by.log("info", Line::OfVault { event: what }).await;
        Ok(self.out)
    }
}
