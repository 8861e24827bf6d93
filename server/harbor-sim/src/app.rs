//! Configuration, and what all handlers share.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::ops::{Deref, DerefMut};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::control::Control;
use crate::model::World;
use crate::store::Store;

/// The password of `admin` in a simulator nobody configured: the one Harbor's own installer suggests.
pub const ADMIN_PASSWORD: &str = "Harbor12345";

/// Which Harbor to be. The differences are those of harbor.md §9 and the recordings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Version {
    /// Before 2.12, for clients that must do without a project's artifact listing. From harbor.md §9 only: there is no
    /// recording behind it.
    V2_11_2,
    /// Before 2.13: no `/auditlog-exts`, `harbor_version` for logged-in callers only, old repository times.
    V2_12_4,
    /// The newer audit log, and repository times that pushes do not move. From harbor.md §9 only: there is no recording behind it.
    V2_14_1,
    #[default]
    V2_15_2,
    V2_16,
    /// One that nobody has seen yet: what a client does with it is to stop.
    V3_0,
}

impl Version {
    /// As `/systeminfo` shows it.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::V2_11_2 => "v2.11.2-d2a5f8c1",
            Self::V2_12_4 => "v2.12.4-5ea2f2b1",
            Self::V2_14_1 => "v2.14.1-6d3c0e52",
            Self::V2_15_2 => "v2.15.2-a4b1c6f0",
            Self::V2_16 => "v2.16.0-c50c7ddd6e",
            Self::V3_0 => "v3.0.0-0a1b2c3d",
        }
    }

    pub(crate) fn has_extended_audit(self) -> bool {
        self >= Self::V2_14_1
    }
}

/// A user to make at the start, if it is not there yet.
#[derive(Clone)]
pub struct Account {
    pub username: String,
    pub password: String,
}

impl std::fmt::Debug for Account {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Account").field("username", &self.username).finish_non_exhaustive()
    }
}

/// Content to make at the first start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seed {
    /// The sample world of `breakwater demo`.
    Demo,
}

/// How to start.
#[derive(Clone)]
pub struct Config {
    /// Where to listen; port zero picks one.
    pub listen: SocketAddr,
    /// Where to keep everything; `None` keeps it in memory.
    pub data: Option<PathBuf>,
    pub version: Version,
    pub admin_password: String,
    /// Users besides `admin`.
    pub users: Vec<Account>,
    pub seed: Option<Seed>,
    /// How long a wrong password freezes its user name, and how long that answer takes. Harbor: 1.5 s. Zero, the
    /// default here, keeps tests fast.
    pub login_freeze: Duration,
    /// How long garbage collection spares an unused blob. Harbor: two hours. Zero by default, as the live Harbors
    /// behind the recordings were set.
    pub gc_window: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            data: None,
            version: Version::default(),
            admin_password: ADMIN_PASSWORD.to_owned(),
            users: Vec::new(),
            seed: None,
            login_freeze: Duration::ZERO,
            gc_window: Duration::ZERO,
        }
    }
}

impl std::fmt::Debug for Config {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Config")
            .field("listen", &self.listen)
            .field("data", &self.data)
            .field("version", &self.version)
            .field("users", &self.users)
            .field("seed", &self.seed)
            .finish_non_exhaustive()
    }
}

/// What all handlers share.
pub struct App {
    pub config: Config,
    /// The address clients see, for absolute places.
    pub addr: SocketAddr,
    pub store: Store,
    pub control: Control,
    pub stopping: CancellationToken,
    /// Wakes the writer of the state file.
    pub dirty: Notify,
    world: Mutex<World>,
    changes: AtomicU64,
    frozen: Mutex<HashMap<String, Instant>>,
}

/// The world, open for change; closing it wakes the writer of the state file.
pub struct Change<'a> {
    app: &'a App,
    world: MutexGuard<'a, World>,
}

impl App {
    pub fn new(config: Config, addr: SocketAddr, world: World, store: Store) -> Self {
        Self {
            config,
            addr,
            store,
            control: Control::default(),
            stopping: CancellationToken::new(),
            dirty: Notify::new(),
            world: Mutex::new(world),
            changes: AtomicU64::new(0),
            frozen: Mutex::default(),
        }
    }

    /// The world, to read.
    pub fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The world, to change.
    pub fn change(&self) -> Change<'_> {
        Change { app: self, world: self.world() }
    }

    /// Grows with every change.
    pub fn changes(&self) -> u64 {
        self.changes.load(Ordering::SeqCst)
    }

    pub fn frozen(&self) -> MutexGuard<'_, HashMap<String, Instant>> {
        self.frozen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Deref for Change<'_> {
    type Target = World;
    fn deref(&self) -> &World {
        &self.world
    }
}

impl DerefMut for Change<'_> {
    fn deref_mut(&mut self) -> &mut World {
        &mut self.world
    }
}

impl Drop for Change<'_> {
    fn drop(&mut self) {
        self.app.changes.fetch_add(1, Ordering::SeqCst);
        self.app.dirty.notify_one();
    }
}
