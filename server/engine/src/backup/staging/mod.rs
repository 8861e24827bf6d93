//! Images that a policy blocks, read through a project of Breakwater's own (harbor.md §5).
//!
//! Content trust and vulnerability policies refuse the pull of a manifest, of administrators too; blobs are never asked about. Where the
//! operator allows it, Harbor copies such an image on its own side into a staging project without policies, its manifests are read there by
//! digest, and the copy is removed. The digest is the same and decides; blobs come from where the image is. Copying counts no pull. Agents
//! that Harbor lets pass (of signing tools) are never pretended.
//!
//! Harbor copies no accessory on its own but all of them with an image, so a blocked accessory is read in a copy of what it is about.
//!
//! Each image is copied into a repository of its own, `<project>/j<job>-<epoch>/<digest>`, so that one deletion takes the copy away with the
//! tags and accessories that came along, and a leftover tells whose it is: those of work that is over are removed,
//! those of work that goes on are spared. What has another name is somebody's, and is never touched.

mod copies;
mod replication;

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use registry::{Client, Quota, RegistryError};
use tokio::sync::{OnceCell, Semaphore, SemaphorePermit};
use vocab::{Digest, ProjectName, RepositoryName};

use super::gap::{BLOCKED_BY_POLICY, Cause, Reason, Remedy, StagingFault};
use crate::control::Silent;
use crate::stop::Stop;

pub(crate) use copies::read_blocked;
pub use replication::replicated_by;

/// Copies of one run at a time: each takes a lock on the project's quota in Harbor (harbor.md §8).
pub const COPIES_AT_ONCE: usize = 4;
/// Bytes that are in the staging project at a time, as Harbor counts them. A single image above that is copied alone.
pub const BYTES_AT_ONCE_MAX: u64 = 1 << 40;
/// Failures one after another, with no success between, after which a run stages nothing more.
pub const STAGING_FAILURES_MAX: usize = 5;
/// What room is counted in.
const ROOM_UNIT_BYTES: u64 = 1 << 20;

/// Which work a copy belongs to: a job, and the claim on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Session {
    /// The job.
    pub job: i64,
    /// Its claim; another one means another worker.
    pub epoch: i64,
}

impl Session {
    /// Where this work copies a digest to.
    #[must_use]
    pub fn repository(&self, project: &ProjectName, digest: &Digest) -> RepositoryName {
        let name = format!("{project}/j{}-{}/{}", self.job, self.epoch, digest.hex());
        name.parse().expect("a project, two numbers and a digest make a repository's name")
    }

    /// Whose copy a repository of the staging project is; `None`: it is no copy.
    #[must_use]
    pub fn of(repository: &RepositoryName) -> Option<Self> {
        let (folder, digest) = repository.within_project().split_once('/')?;
        let (job, epoch) = folder.strip_prefix('j')?.split_once('-')?;
        let session = Self { job: job.parse().ok()?, epoch: epoch.parse().ok()? };
        let digest = Digest::from_hex(digest).ok()?;
        // Only what is written exactly so: `j+1-01` is somebody else's.
        (session.repository(&repository.project(), &digest) == *repository).then_some(session)
    }
}

/// Asked before each copy; an error stops the backup before it.
#[async_trait]
pub trait StagingGate: Send + Sync {
    /// May `repository@digest` be copied now?
    async fn before_copy(&self, repository: &RepositoryName, digest: &Digest) -> Result<(), Stop>;
}

#[async_trait]
impl StagingGate for Silent {
    async fn before_copy(&self, _: &RepositoryName, _: &Digest) -> Result<(), Stop> {
        Ok(())
    }
}

/// The staging project, as a backup may use it.
#[derive(Clone)]
pub struct Staging {
    /// Logged in as the one who may copy into it.
    pub client: Client,
    /// Which.
    pub project: ProjectName,
    /// Whose copies these are.
    pub session: Session,
    /// Asked before each.
    pub gate: Arc<dyn StagingGate>,
    /// Why it must not be used now; what is blocked then says so.
    pub unusable: Option<Unusable>,
}

/// Why a staging project must not be used now.
#[derive(Debug, Clone)]
pub struct Unusable {
    /// As a value, kept in snapshots: a code and its facts, without lists.
    pub why: serde_json::Value,
    /// In English.
    pub text: String,
}

/// The staging project during one backup.
pub(crate) struct Area {
    staging: Staging,
    room: OnceCell<Room>,
    tried: Mutex<HashSet<Digest>>,
    in_a_row: AtomicUsize,
    given_up: Mutex<Option<(StagingFault, Remedy)>>,
    stopped: AtomicBool,
    images: AtomicU64,
}

/// Bytes that may be copied at a time.
struct Room {
    units: Semaphore,
    total: u32,
}

impl Area {
    pub(crate) fn new(staging: Staging) -> Self {
        let given_up = staging.unusable.clone().map(|Unusable { why, text }| (StagingFault::Unusable { why, text }, Remedy::TestHarbor));
        Self {
            staging,
            room: OnceCell::new(),
            tried: Mutex::default(),
            in_a_row: AtomicUsize::new(0),
            given_up: Mutex::new(given_up),
            stopped: AtomicBool::new(false),
            images: AtomicU64::new(0),
        }
    }

    pub(crate) fn project(&self) -> &ProjectName {
        &self.staging.project
    }

    /// Images that were read here.
    pub(crate) fn images(&self) -> u64 {
        self.images.load(Ordering::Relaxed)
    }

    /// Waits until there is room for so many bytes. The quota is a help to plan with: where it cannot be seen, Harbor's answer decides.
    async fn room(&self, size_bytes: u64) -> SemaphorePermit<'_> {
        let room =
            self.room.get_or_init(|| async { Room::of(self.staging.client.project_quota(&self.staging.project).await.ok().flatten()) });
        let room = room.await;
        let units = u32::try_from(size_bytes.div_ceil(ROOM_UNIT_BYTES)).unwrap_or(u32::MAX).clamp(1, room.total);
        room.units.acquire_many(units).await.expect("the room of a staging project is never closed")
    }

    fn success(&self) {
        self.in_a_row.store(0, Ordering::Relaxed);
    }

    fn read_an_image(&self) {
        self.images.fetch_add(1, Ordering::Relaxed);
    }

    /// Why an image cannot be read here either, and what helps. Gives up where the next one would fare the same.
    fn failure(&self, error: &RegistryError) -> (StagingFault, Remedy) {
        let (project, why, text, remedy) = (self.project().to_string(), error.facts(), error.to_string(), remedy(error));
        let hopeless = matches!(
            error,
            RegistryError::NotLoggedIn { .. } | RegistryError::ReadOnly | RegistryError::Tls { .. } | RegistryError::AddressRefused { .. }
        );
        let is_its_own =
            matches!(error, RegistryError::QuotaExceeded { .. } | RegistryError::NotFound { .. } | RegistryError::WrongDigest { .. });
        let in_a_row = if is_its_own { 0 } else { self.in_a_row.fetch_add(1, Ordering::Relaxed) + 1 };
        if hopeless || in_a_row >= STAGING_FAILURES_MAX {
            let fault = StagingFault::GivenUp { project: project.clone(), why: why.clone(), text: text.clone() };
            *self.given_up.lock().unwrap_or_else(PoisonError::into_inner) = Some((fault, remedy));
        }
        (StagingFault::Failed { project, why, text }, remedy)
    }

    /// Why nothing more is copied.
    fn given_up(&self) -> Option<(StagingFault, Remedy)> {
        self.given_up.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn was_tried(&self, digest: &Digest) -> bool {
        self.tried.lock().unwrap_or_else(PoisonError::into_inner).contains(digest)
    }

    /// No digest is tried twice in a run.
    fn tries(&self, digest: &Digest) {
        self.tried.lock().unwrap_or_else(PoisonError::into_inner).insert(*digest);
    }
}

impl Room {
    fn of(quota: Option<Quota>) -> Self {
        let free = quota.and_then(|q| Some(q.hard_bytes?.saturating_sub(q.used_bytes))).unwrap_or(u64::MAX);
        let total = u32::try_from(free.min(BYTES_AT_ONCE_MAX) / ROOM_UNIT_BYTES).unwrap_or(u32::MAX).max(1);
        Self { units: Semaphore::new(usize::try_from(total).unwrap_or(Semaphore::MAX_PERMITS)), total }
    }
}

fn still_blocked(blocked: &Cause, fault: &StagingFault, remedy: Remedy) -> Cause {
    let reason = Reason::StillBlocked { message: blocked.policy_message(), staging: Box::new(fault.clone()) };
    Cause { kind: BLOCKED_BY_POLICY, reason, remedy }
}

fn remedy(error: &RegistryError) -> Remedy {
    match error {
        RegistryError::QuotaExceeded { .. } => Remedy::RaiseStagingQuota,
        RegistryError::NotLoggedIn { .. } | RegistryError::Forbidden { .. } => Remedy::TestHarbor,
        RegistryError::ReadOnly => Remedy::RunAfterReadOnly,
        RegistryError::WrongDigest { .. } => Remedy::StorageDamaged,
        _ => Remedy::RunAgain,
    }
}

/// What is in a staging project.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Contents {
    /// Copies, and whose they are.
    pub copies: Vec<(RepositoryName, Session)>,
    /// Repositories that are no copies: somebody else put them there.
    pub foreign: Vec<RepositoryName>,
}

/// Looks into the project. Ask which work is over after this look and not before it: a copy that it shows belongs to work that began before.
pub async fn contents(client: &Client, project: &ProjectName) -> Result<Contents, RegistryError> {
    client.prove_login().await?;
    let mut contents = Contents::default();
    for repository in client.repositories(project).await? {
        match Session::of(&repository.name) {
            Some(session) => contents.copies.push((repository.name, session)),
            None => contents.foreign.push(repository.name),
        }
    }
    Ok(contents)
}

/// Removes copies; answers how many are gone, and why the first of the others is not. What is no copy is left alone, whatever was asked.
pub async fn remove(client: &Client, copies: &[RepositoryName]) -> (u64, Option<RegistryError>) {
    let (mut removed, mut kept) = (0, None);
    for copy in copies.iter().filter(|copy| Session::of(copy).is_some()) {
        match client.delete_repository(copy).await {
            // Somebody else clears it too.
            Ok(()) | Err(RegistryError::NotFound { .. }) => removed += 1,
            Err(error @ RegistryError::NotLoggedIn { .. }) => return (removed, Some(error)),
            Err(error) => {
                kept.get_or_insert(error);
            }
        }
    }
    (removed, kept)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_says_whose_it_is_and_anything_else_is_nobodys() {
        let project: ProjectName = "breakwater-staging-1".parse().unwrap();
        let (session, digest) = (Session { job: 12, epoch: 3 }, Digest::of(b"image"));
        let name = session.repository(&project, &digest);
        assert_eq!(name.to_string(), format!("breakwater-staging-1/j12-3/{}", digest.hex()));
        assert_eq!(Session::of(&name), Some(session));
        let hex = digest.hex();
        for other in
            ["web", "j12-3/web", "team/j12-3", "j12/x", &format!("j12-03/{hex}"), &format!("j12-3/{hex}/x"), &format!("k12-3/{hex}")]
        {
            assert_eq!(Session::of(&format!("breakwater-staging-1/{other}").parse().unwrap()), None, "{other}");
        }
    }

    #[test]
    fn room_is_what_the_quota_leaves_and_never_nothing() {
        let total = |hard_bytes: Option<u64>, used_bytes| Room::of(Some(Quota { hard_bytes, used_bytes })).total;
        assert_eq!(total(Some(100 << 20), 40 << 20), 60);
        assert_eq!(total(Some(1), 1), 1, "Harbor itself then says no");
        assert_eq!(total(None, 0), 1 << 20);
        assert_eq!(Room::of(None).total, 1 << 20);
    }
}
