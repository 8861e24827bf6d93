//! A Harbor, a vault in a directory and a second one in memory, each behind a store that can fail, with a clock that jumps (F-36).

use std::collections::{BTreeMap, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use engine::Silent;
use engine::backup::{BackupContext, Reconcile};
use futures::TryStreamExt;
use harbor_sim::{Config, Running};
use registry::Client;
use time::OffsetDateTime;
use vault::conformance::FaultyStore;
use vault::store::directory::DirectoryStore;
use vault::store::memory::MemoryStore;
use vault::{Pointer, Vault, VaultId};
use vocab::Digest;

use super::model::{Model, PROJECTS, Snap, State};
use super::trouble::Ended;
use crate::push;

/// Actions that are printed when something fails.
const LOG_MAX: usize = 40;

/// What must have come to pass at least once, beside every action and every kind of trouble. Snapshots with
/// gaps, and sealed ones whose backup answered an error, come a few times only, as the tasks happen to take turns; they have tests of
/// their own.
pub const EVENTS: [&str; 7] = [
    "a hold lapsed during a backup",
    "an object deleted by a sweep",
    "an object brought back by a sweep",
    "a sweep refused because of damage",
    "healed by the next backup",
    "healed from another copy",
    "a restore of the second vault's copy",
];

/// The last actions, printed if the test fails.
pub struct Log {
    seed: u64,
    last: VecDeque<String>,
}

impl Log {
    pub fn begin(&mut self, number: u64, action: &str) {
        if self.last.len() >= LOG_MAX {
            self.last.pop_front();
        }
        self.last.push_back(format!("{number}: {action}"));
    }

    pub fn add(&mut self, text: &str) {
        if let Some(last) = self.last.back_mut() {
            last.push_str(&format!("; {text}"));
        }
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        if std::thread::panicking() {
            println!("soak: failed with SOAK_SEED={}; the last actions:", self.seed);
            self.last.iter().for_each(|line| println!("  {line}"));
        }
    }
}

/// A second and a first vault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Which {
    Near,
    Far,
}

pub struct World {
    pub log: Log,
    pub sim: Running,
    pub client: Client,
    pub store: Arc<FaultyStore>,
    pub vault: Vault,
    pub far_store: Arc<FaultyStore>,
    pub far: Vault,
    pub model: Model,
    /// Kept in the near vault.
    pub snaps: Vec<Snap>,
    /// Kept in the far vault: pointer and what it promises.
    pub copies: Vec<(Pointer, State)>,
    /// Of dropped backups, which may still seal: what they may have seen.
    pub pending: Vec<(&'static str, Vec<State>)>,
    pub count: BTreeMap<String, u64>,
    offset_seconds: Arc<AtomicI64>,
    pub latest_seconds: i64,
    id: VaultId,
    folder: tempfile::TempDir,
}

impl World {
    pub async fn new(seed: u64) -> Self {
        let sim = harbor_sim::start(Config::default()).await.unwrap();
        let (user, password) = sim.admin();
        let client = push::client(&sim.url(), user, password);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("vault");
        let id = Vault::init(&path).await.unwrap().id();
        let offset_seconds = Arc::new(AtomicI64::new(0));
        let (store, vault) = open(&path, id, &offset_seconds).await;
        let far_store = Arc::new(FaultyStore::new(Arc::new(MemoryStore::default())));
        let far = Vault::init_store(far_store.clone()).await.unwrap().with_clock(clock_of(&offset_seconds));
        let mut model = Model::default();
        for project in PROJECTS {
            client.create_project(&project.parse().unwrap(), false).await.unwrap();
            model.state(project);
        }
        Self {
            log: Log { seed, last: VecDeque::new() },
            sim,
            client,
            store,
            vault,
            far_store,
            far,
            model,
            snaps: Vec::new(),
            copies: Vec::new(),
            pending: Vec::new(),
            count: BTreeMap::new(),
            offset_seconds,
            latest_seconds: 0,
            id,
            folder,
        }
    }

    /// As after a start of the program.
    pub async fn reopen(&mut self) {
        let (store, vault) = open(&self.folder.path().join("vault"), self.id, &self.offset_seconds).await;
        (self.store, self.vault) = (store, vault);
    }

    /// Moves the vaults' clock.
    pub fn jump(&mut self, seconds: i64) {
        let now = self.offset_seconds.fetch_add(seconds, Ordering::SeqCst) + seconds;
        self.latest_seconds = self.latest_seconds.max(now);
    }

    /// A hand on the clock for work that runs beside other work.
    pub fn clock(&self) -> Arc<AtomicI64> {
        self.offset_seconds.clone()
    }

    /// To the latest moment that ever was, and so much on.
    pub fn jump_beyond(&mut self, seconds: i64) {
        let now = self.offset_seconds.load(Ordering::SeqCst);
        self.latest_seconds = self.latest_seconds.max(now);
        self.jump(self.latest_seconds - now + seconds);
    }

    pub fn object(&self, digest: &Digest) -> PathBuf {
        self.folder.path().join("vault/blobs/sha256").join(digest.hex())
    }

    pub fn came(&mut self, what: &str) {
        *self.count.entry(what.to_owned()).or_default() += 1;
        self.log.add(what);
    }

    /// Notes the trouble that fired, and gives the outcome.
    pub fn ended<T>(&mut self, ended: Ended<T>) -> Option<T> {
        if let Some(kind) = ended.fired {
            self.came(kind);
        }
        ended.outcome
    }

    pub fn context(&self, reconcile: Reconcile) -> BackupContext {
        BackupContext {
            client: self.client.clone(),
            vault: self.vault.clone(),
            harbor: "harbor".parse().unwrap(),
            progress: Arc::new(Silent),
            control: Arc::new(Silent),
            reconcile,
            confirm: true,
            harbor_config: None,
            secrets: None,
            staging: None,
        }
    }

    pub fn newest(&self, project: &str) -> Option<&Snap> {
        let of_project = self.snaps.iter().filter(|snap| snap.project == project);
        of_project.max_by_key(|snap| (snap.pointer.moment, snap.pointer.id))
    }

    /// The newest snapshot of a project, which a backup builds on.
    pub fn previous(&self, project: &str) -> Option<Digest> {
        self.newest(project).map(|snap| snap.pointer.snapshot.digest)
    }

    pub fn newest_copy(&self, project: &str) -> Option<Pointer> {
        let of_project = self.copies.iter().map(|(pointer, _)| pointer).filter(|pointer| pointer.project.as_str() == project);
        of_project.max_by_key(|pointer| (pointer.moment, pointer.id)).cloned()
    }

    /// Lets a snapshot of the near vault go.
    pub async fn forget(&mut self, pointer: &Pointer) {
        self.vault.forget(&pointer.name().unwrap()).await.unwrap();
        self.snaps.retain(|snap| snap.pointer != *pointer);
    }

    pub fn swept(&mut self, swept: &vault::Swept) {
        if swept.deleted.count > 0 {
            self.came("an object deleted by a sweep");
        }
        if swept.returned.count > 0 {
            self.came("an object brought back by a sweep");
        }
    }

    /// Whether the clock went back.
    pub fn is_behind(&self) -> bool {
        self.seconds() < self.latest_seconds
    }

    /// How far the clock is from the truth.
    pub fn seconds(&self) -> i64 {
        self.offset_seconds.load(Ordering::SeqCst)
    }

    pub async fn pointers(&self, which: Which) -> Vec<Pointer> {
        let vault = if which == Which::Near { &self.vault } else { &self.far };
        vault.pointers().try_collect().await.unwrap()
    }
}

async fn open(path: &Path, id: VaultId, offset: &Arc<AtomicI64>) -> (Arc<FaultyStore>, Vault) {
    let store = Arc::new(FaultyStore::new(Arc::new(DirectoryStore::open(path).await.unwrap())));
    let vault = Vault::open_store(store.clone(), Some(id)).await.unwrap();
    // No reserve of free space: a full disk is a trouble of its own.
    (store, vault.with_clock(clock_of(offset)).with_reserve(0))
}

fn clock_of(offset_seconds: &Arc<AtomicI64>) -> vault::Clock {
    let offset = offset_seconds.clone();
    Arc::new(move || OffsetDateTime::now_utc() + time::Duration::seconds(offset.load(Ordering::SeqCst)))
}
